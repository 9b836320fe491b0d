/*
 * A channel over a device that keeps what it is given and answers as it is told, and a user of the
 * channel that keeps what it hears.
 */
#ifndef TESTS_UNIT_CHANNEL_RIG_H
#define TESTS_UNIT_CHANNEL_RIG_H

#include "guest-proxy/channel/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "protocol/formats/cross_domain.h"

#define MAX_SUBMISSIONS 4096
#define OUR_FEATURES                                                                               \
	(CROSS_DOMAIN_EXT_READ_CREDIT | CROSS_DOMAIN_EXT_WANT_POLL | CROSS_DOMAIN_EXT_FETCH |      \
		CROSS_DOMAIN_EXT_HOST_CLOCK)

/* The device */

struct submission {
	uint8_t *bytes;
	size_t size;
	enum gpu_fence fence;
	bool lazy;
};

struct fake_blob {
	struct gpu_blob base;
	enum gpu_blob_memory memory;
	uint64_t blob_id;
};

struct fake_device {
	struct gpu gpu;
	struct cross_domain_capset_ext capset;
	size_t capset_bytes;
	const struct gpu_listener *listener;
	void *listener_data;
	struct submission submissions[MAX_SUBMISSIONS];
	size_t n_submissions, seen;
	uint32_t last_resource;
	unsigned blobs, contexts, requirements, host_blobs;
	unsigned n_answers; /* to be told: answer_all */
	int submit_error, host_error;
	int guest_error; /* of guest memory, besides the rings */
	uint32_t fetched;
	struct cross_domain_clock_answer time;         /* what it is on the host */
	struct cross_domain_image_requirements answer; /* size 0: what was asked for */
	struct fake_blob *query_ring, *channel_ring, *last_blob;
};

extern struct fake_device device;

/* The user */

struct channel_user {
	struct wl_event_loop *loop;
	struct channel *channel;
	uint8_t bytes[8192];
	size_t n_bytes, n_pipe_bytes;
	const void *pipe_bytes; /* where the last ones were */
	struct wire_handle handles[28];
	size_t n_handles;
	unsigned receives, pipe_events, ready, closed, blobs, times;
	uint64_t host_ns, asked_ns; /* the last time that was told */
	uint32_t pipe;
	bool hang_up, in_call, destroy_in_callback;
	const char *why;
};

extern struct channel_user user;

void open_channel(void);
int setup(void **state);
int setup_plain(void **state);
/* Our host, by way of a kernel. */
int setup_kernel(void **state);
/* The same, with several POLLs outstanding. */
int setup_slots(void **state);
/* Without a kernel. */
int setup_lazy_slots(void **state);
/* And slots of several pages. */
int setup_runs(void **state);
/* And more of them for a while. */
int setup_pages(void **state);
/* One of them, over vhost-user. */
int setup_lazy_runs(void **state);
/* Our host, which takes what lies in memory of the guest. */
int setup_write_from(void **state);
/* Our host, which may have no place for a POLL, by way of a kernel. */
int setup_patient(void **state);
/* The same, with several POLLs outstanding. */
int setup_patient_slots(void **state);
/* The same as setup_patient, with channels that listen for each other. */
int setup_bell(void **state);
int teardown(void **state);
void turn(void);
/* The host answers what it was asked, and the channel tells what came of it. */
void answer_all(void);
/* channel_blob_create, until it is complete: 0 or -errno. */
int make_blob(size_t size, struct channel_blob **blob);
/* The next submission that nobody has looked at. */
struct submission *next_submission(void);
void nothing_more(void);
void skip_start(void);
/* The command at *@at of @s, which must be @cmd; moves *@at behind it. */
const void *next_command(const struct submission *s, size_t *at, uint8_t cmd);
struct cross_domain_send_receive send_at(
	const struct submission *s, size_t *at, const uint8_t **data);
int say(const void *bytes, size_t size);
int flush(void);
void receive_event(
	const char *text, uint32_t n_identifiers, const uint32_t *ids, const uint32_t *types);
void read_event(uint32_t pipe, uint32_t size, bool hang_up);
/* The host puts @size bytes on page event_slot of the channel ring and signals. */
void event(const void *page, size_t size);
extern unsigned event_slot;

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_PLAIN(f) cmocka_unit_test_setup_teardown(f, setup_plain, teardown)
#define TEST_SLOTS(f) cmocka_unit_test_setup_teardown(f, setup_slots, teardown)
#define TEST_LAZY_SLOTS(f) cmocka_unit_test_setup_teardown(f, setup_lazy_slots, teardown)
#define TEST_RUNS(f) cmocka_unit_test_setup_teardown(f, setup_runs, teardown)
#define TEST_PAGES(f) cmocka_unit_test_setup_teardown(f, setup_pages, teardown)
#define TEST_LAZY_RUNS(f) cmocka_unit_test_setup_teardown(f, setup_lazy_runs, teardown)
#define TEST_WRITE_FROM(f) cmocka_unit_test_setup_teardown(f, setup_write_from, teardown)
#define TEST_PATIENT(f) cmocka_unit_test_setup_teardown(f, setup_patient, teardown)
#define TEST_PATIENT_SLOTS(f) cmocka_unit_test_setup_teardown(f, setup_patient_slots, teardown)
#define TEST_BELL(f) cmocka_unit_test_setup_teardown(f, setup_bell, teardown)
#define TEST_KERNEL(f) cmocka_unit_test_setup_teardown(f, setup_kernel, teardown)

#endif
