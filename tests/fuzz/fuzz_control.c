/*
 * The control socket: programs of the user's that connect to it, say anything in any pieces, and
 * read or leave. The input is a list of steps: a byte for what to do, then what it needs.
 */
#include "host-bridge/control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host-bridge/control/control_names.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define CLIENTS 12 /* more than are kept */
#define MAX_STEPS 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/wayferry-fuzz-XXXXXX";
static char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static struct wl_event_loop *loop;
static int clients[CLIENTS];
static char lines[65536];
static size_t answer_bytes;

/* The pause between two connections is over at once (it is linked with --wrap). */
int __real_wl_event_source_timer_update(struct wl_event_source *source, int ms_delay);
int __wrap_wl_event_source_timer_update(struct wl_event_source *source, int ms_delay);
int __wrap_wl_event_source_timer_update(struct wl_event_source *source, int ms_delay)
{
	return __real_wl_event_source_timer_update(source, ms_delay > 0 ? 1 : 0);
}

static void answer(void *data, enum control_request request, bool json, FILE *out)
{
	if (request >= CONTROL_N_REQUESTS)
		abort();
	fprintf(out, "%s\n", control_request_text(request, json));
	for (size_t sent = 0; sent < answer_bytes; sent += sizeof(lines))
		fwrite(lines, 1, sizeof(lines), out);
}

static void prepare(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	if (!mkdtemp(directory))
		abort();
	snprintf(path, sizeof(path), "%s/machine", directory);
	loop = wl_event_loop_create();
	for (size_t i = 0; i < sizeof(lines); i++)
		lines[i] = i % 10 == 9 ? '\n' : 'x';
}

static void connect_client(int *client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	fd_close(client);
	memcpy(address.sun_path, path, sizeof(path));
	*client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(*client, (const struct sockaddr *)&address, sizeof(address)) < 0)
		fd_close(client);
}

/* Some of the answer; no more than there can be has come by then. */
static void receive(int client)
{
	uint8_t bytes[4096];

	while (recv(client, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes))
		continue;
}

/* What stands in the directory may be called anything. */
static void parse_name(const uint8_t *bytes, size_t size)
{
	char name[256];
	struct control_name parsed;

	memcpy(name, bytes, size);
	name[size] = 0;
	if (control_name_parse(name, &parsed) &&
		(strlen(parsed.vm) >= sizeof(parsed.vm) || strchr(parsed.vm, '.')))
		abort();
}

/* Sends @size bytes that a step brings; how many there were. */
static size_t step(uint8_t what, const uint8_t *bytes, size_t size)
{
	int *client = &clients[(what >> 3) % CLIENTS];
	const size_t n = size > 0 ? min_u64(bytes[0], size - 1) : 0;

	switch (what & 7) {
	case 0:
	case 1:
		connect_client(client);
		return 0;
	case 2:
	case 3:
		if (size == 0)
			return 0;
		(void)!send(*client, bytes + 1, n, MSG_NOSIGNAL);
		return n + 1;
	case 4:
		fd_close(client);
		return 0;
	case 5:
		receive(*client);
		return 0;
	case 6:
		if (size == 0)
			return 0;
		parse_name(bytes + 1, n);
		return n + 1;
	default:
		wl_event_loop_dispatch(loop, what & 8 ? 2 : 0);
		return 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!loop)
		prepare();
	struct control *control = control_create(loop, path, answer, NULL);
	if (!control)
		abort();
	for (size_t i = 0; i < CLIENTS; i++)
		clients[i] = -1;
	/* Of some inputs answers are long, or too long. */
	answer_bytes = size > 0 && data[0] >= 0xf0 ? (size_t)(data[0] & 15) << 19 : 0;
	for (size_t at = 1, steps = 0; at < size && steps < MAX_STEPS; steps++) {
		const uint8_t what = data[at++];
		at += step(what, data + at, size - at);
	}
	wl_event_loop_dispatch(loop, 0);
	control_destroy(control);
	for (size_t i = 0; i < CLIENTS; i++)
		fd_close(&clients[i]);
	unlink(path);
	return 0;
}
