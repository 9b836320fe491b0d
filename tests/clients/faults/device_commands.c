/*
 * Bad commands of a driver, and bad cross-domain commands of a context. Words are written out as
 * they go over the queue. Every case runs on the same device, where a context that behaves is
 * connected to the compositor all the time.
 */
#include <stdio.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/formats/cross_domain.h"
#include "tests/clients/faults/device_faults.h"
#include "tests/clients/faults/raw_client.h"
#include "tests/clients/faults/raw_context.h"

/* What is there before: */
#define CONTEXT 1       /* a context with INIT */
#define FRESH 2         /* a context without */
#define GUEST_BLOB 5    /* one page, not attached */
#define HOST_BLOB 6     /* 8192 bytes, at offset 0 of the region, attached to CONTEXT */
#define UNMAPPED_BLOB 7 /* 8192 bytes of host memory, mapped nowhere */
#define IMAGE 8         /* RESOURCE_CREATE_2D, 64 x 64 */
#define NOTHING 77      /* no resource, no context */
#define LINK_CONTEXT 10 /* the one that behaves */
#define TRY_CONTEXT 11  /* made anew for each cross-domain case */

/* Answers, as bits from RESP_ERR_UNSPEC on */
#define UNSPEC (1u << 0)
#define NO_MEMORY (1u << 1)
#define BAD_SCANOUT (1u << 2)
#define BAD_RESOURCE (1u << 3)
#define BAD_CONTEXT (1u << 4)
#define BAD_PARAMETER (1u << 5)
#define REFUSED (UNSPEC | BAD_PARAMETER)
#define OK (1u << 31)

#define HEADER(type, context) (type), 0, 0, 0, (context), 0
#define FENCED(type, context, ring)                                                                \
	(type), VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX, 5, 0, (context), (ring)
#define LOW(x) (uint32_t)((x)&0xffffffff)
#define HIGH(x) (uint32_t)((uint64_t)(x) >> 32)
#define WORDS(...)                                                                                 \
	.words = (const uint32_t[]){__VA_ARGS__},                                                  \
	.n_words = sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)
#define PAGE_AT_HEAP LOW(RAW_MEMORY_GUEST), HIGH(RAW_MEMORY_GUEST)
#define BLOB(id, memory, n, blob_id, size)                                                         \
	(id), (memory), 1, (n), LOW(blob_id), HIGH(blob_id), LOW(size), HIGH(size)
#define CREATE_BLOB VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB
#define GUEST VIRTIO_GPU_BLOB_MEM_GUEST
#define HOST VIRTIO_GPU_BLOB_MEM_HOST3D

struct command_case {
	const char *name;
	const uint32_t *words;
	size_t n_words;
	uint32_t answers; /* those that are right */
	bool fresh;       /* of cross-domain commands: the context has had no INIT */
};

static const struct command_case command_cases[] = {
	{"a command that does not exist", WORDS(HEADER(0x400, 0)), UNSPEC},
	{"command 0", WORDS(HEADER(0, 0)), UNSPEC},
	{"the largest command", WORDS(HEADER(UINT32_MAX, 0)), UNSPEC},
	{"half a header", WORDS(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0, 0), REFUSED},
	{"a command that is cut off", WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0)), REFUSED},
	{"a cursor's command",
		WORDS(HEADER(VIRTIO_GPU_CMD_UPDATE_CURSOR, 0), 0, 0, 0, 0, 0, 0, 0, 0),
		UNSPEC | OK},

	{"context 0", WORDS(HEADER(VIRTIO_GPU_CMD_CTX_CREATE, 0), 0, 5, [8 + 15] = 0),
		BAD_CONTEXT | BAD_PARAMETER},
	{"a context that exists",
		WORDS(HEADER(VIRTIO_GPU_CMD_CTX_CREATE, CONTEXT), 0, 5, [8 + 15] = 0),
		BAD_CONTEXT | BAD_PARAMETER},
	{"a context of a capset that does not exist",
		WORDS(HEADER(VIRTIO_GPU_CMD_CTX_CREATE, 60), 0, 99, [8 + 15] = 0), REFUSED},
	{"a context whose name is longer than its room",
		WORDS(HEADER(VIRTIO_GPU_CMD_CTX_CREATE, 60), UINT32_MAX, 5, [8 + 15] = 0), REFUSED},
	{"the end of a context that does not exist",
		WORDS(HEADER(VIRTIO_GPU_CMD_CTX_DESTROY, NOTHING)), BAD_CONTEXT},
	{"attach to a context that does not exist",
		WORDS(HEADER(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, NOTHING), GUEST_BLOB, 0),
		BAD_CONTEXT},
	{"attach a resource that does not exist",
		WORDS(HEADER(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, CONTEXT), NOTHING, 0),
		BAD_RESOURCE},
	{"attach resource 0", WORDS(HEADER(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, CONTEXT), 0, 0),
		BAD_RESOURCE},
	{"detach a resource that does not exist",
		WORDS(HEADER(VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, CONTEXT), NOTHING, 0),
		BAD_RESOURCE},
	{"detach from a context that does not exist",
		WORDS(HEADER(VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, NOTHING), GUEST_BLOB, 0),
		BAD_CONTEXT},

	{"blob 0", WORDS(HEADER(CREATE_BLOB, 0), BLOB(0, GUEST, 1, 0, 4096), PAGE_AT_HEAP, 4096, 0),
		BAD_RESOURCE | BAD_PARAMETER},
	{"a blob that exists",
		WORDS(HEADER(CREATE_BLOB, 0), BLOB(GUEST_BLOB, GUEST, 1, 0, 4096), PAGE_AT_HEAP,
			4096, 0),
		BAD_RESOURCE | BAD_PARAMETER},
	{"a blob of no bytes",
		WORDS(HEADER(CREATE_BLOB, 0), BLOB(NOTHING, GUEST, 1, 0, 0), PAGE_AT_HEAP, 4096, 0),
		REFUSED},
	{"a blob of no kind",
		WORDS(HEADER(CREATE_BLOB, 0), BLOB(NOTHING, 0, 1, 0, 4096), PAGE_AT_HEAP, 4096, 0),
		REFUSED},
	{"a blob of a kind that does not exist",
		WORDS(HEADER(CREATE_BLOB, 0), BLOB(NOTHING, 9, 1, 0, 4096), PAGE_AT_HEAP, 4096, 0),
		REFUSED},
	{"a blob with fewer entries than it says",
		WORDS(HEADER(CREATE_BLOB, 0), BLOB(NOTHING, GUEST, 2, 0, 8192), PAGE_AT_HEAP, 4096,
			0),
		REFUSED},
	{"a blob of 4294967295 entries",
		WORDS(HEADER(CREATE_BLOB, 0), BLOB(NOTHING, GUEST, UINT32_MAX, 0, 4096),
			PAGE_AT_HEAP, 4096, 0),
		REFUSED | NO_MEMORY},
	{"a blob without entries", WORDS(HEADER(CREATE_BLOB, 0), BLOB(NOTHING, GUEST, 0, 0, 4096)),
		REFUSED},
	{"a blob larger than its entries",
		WORDS(HEADER(CREATE_BLOB, 0), BLOB(NOTHING, GUEST, 1, 0, 8192), PAGE_AT_HEAP, 4096,
			0),
		REFUSED},
	{"a guest blob of 2^63 bytes",
		WORDS(HEADER(CREATE_BLOB, 0), BLOB(NOTHING, GUEST, 1, 0, UINT64_C(1) << 63),
			PAGE_AT_HEAP, 4096, 0),
		REFUSED | NO_MEMORY},
	{"a blob outside memory",
		WORDS(HEADER(CREATE_BLOB, 0), BLOB(NOTHING, GUEST, 1, 0, 4096), 0xdead0000, 0, 4096,
			0),
		REFUSED},
	{"a blob that wraps",
		WORDS(HEADER(CREATE_BLOB, 0), BLOB(NOTHING, GUEST, 1, 0, 4096), 0xfffffff8,
			0xffffffff, 4096, 0),
		REFUSED},
	{"a host blob nobody asked for",
		WORDS(HEADER(CREATE_BLOB, CONTEXT), BLOB(NOTHING, HOST, 0, 4242, 4096)), REFUSED},
	{"a host blob of no context",
		WORDS(HEADER(CREATE_BLOB, 0), BLOB(NOTHING, HOST, 0, 2, 4096)),
		BAD_CONTEXT | BAD_PARAMETER},
	{"a host blob of a context that does not exist",
		WORDS(HEADER(CREATE_BLOB, NOTHING), BLOB(NOTHING, HOST, 0, 2, 4096)), BAD_CONTEXT},
	{"a host blob of 2^63 bytes",
		WORDS(HEADER(CREATE_BLOB, CONTEXT), BLOB(NOTHING, HOST, 0, 2, UINT64_C(1) << 63)),
		REFUSED | NO_MEMORY},
	{"unref of nothing", WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0), NOTHING, 0),
		BAD_RESOURCE},
	{"unref of resource 0", WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0), 0, 0),
		BAD_RESOURCE},

	{"map of nothing", WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0), NOTHING, 0, 0, 0),
		BAD_RESOURCE},
	{"map of a guest's blob",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0), GUEST_BLOB, 0, 0x10000, 0),
		REFUSED | BAD_RESOURCE},
	{"map of an image",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0), IMAGE, 0, 0x10000, 0),
		REFUSED | BAD_RESOURCE},
	{"a second map",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0), HOST_BLOB, 0, 0x10000, 0),
		REFUSED | BAD_RESOURCE},
	{"a map on top of another",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0), UNMAPPED_BLOB, 0, 0x1000, 0),
		REFUSED},
	{"a map between pages",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0), UNMAPPED_BLOB, 0, 0x10001, 0),
		REFUSED},
	{"a map beyond the region",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0), UNMAPPED_BLOB, 0, 0, 0x10000),
		REFUSED},
	{"a map that wraps",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0), UNMAPPED_BLOB, 0, 0xfffff000,
			0xffffffff),
		REFUSED},
	{"unmap of nothing", WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0), NOTHING, 0),
		BAD_RESOURCE},
	{"unmap of what is not mapped",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0), UNMAPPED_BLOB, 0),
		REFUSED | BAD_RESOURCE},

	{"image 0", WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, 0), 0, 1, 64, 64),
		BAD_RESOURCE | BAD_PARAMETER},
	{"an image that exists",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, 0), IMAGE, 1, 64, 64),
		BAD_RESOURCE | BAD_PARAMETER},
	{"an image of 2^64 pixels",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, 0), NOTHING, 1, UINT32_MAX,
			UINT32_MAX),
		REFUSED | NO_MEMORY},
	{"backing for nothing",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, 0), NOTHING, 1, PAGE_AT_HEAP,
			4096, 0),
		BAD_RESOURCE},
	{"backing of 4294967295 entries",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, 0), IMAGE, UINT32_MAX,
			PAGE_AT_HEAP, 4096, 0),
		REFUSED | NO_MEMORY},
	{"backing with fewer entries than it says",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, 0), IMAGE, 3, PAGE_AT_HEAP,
			4096, 0),
		REFUSED},
	{"a scanout that does not exist",
		WORDS(HEADER(VIRTIO_GPU_CMD_SET_SCANOUT, 0), 0, 0, 64, 64, 99, IMAGE), BAD_SCANOUT},
	{"a scanout of nothing",
		WORDS(HEADER(VIRTIO_GPU_CMD_SET_SCANOUT, 0), 0, 0, 64, 64, 0, NOTHING),
		BAD_RESOURCE},
	{"flush of nothing",
		WORDS(HEADER(VIRTIO_GPU_CMD_RESOURCE_FLUSH, 0), 0, 0, 64, 64, NOTHING, 0),
		BAD_RESOURCE},
	{"transfer of nothing",
		WORDS(HEADER(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 0), 0, 0, 64, 64, 0, 0, NOTHING,
			0),
		BAD_RESOURCE},
	{"a capset that does not exist", WORDS(HEADER(VIRTIO_GPU_CMD_GET_CAPSET, 0), 99, 0),
		REFUSED},
	{"the hundredth capset", WORDS(HEADER(VIRTIO_GPU_CMD_GET_CAPSET_INFO, 0), 99, 0), REFUSED},

	{"a submission of a context that does not exist",
		WORDS(HEADER(VIRTIO_GPU_CMD_SUBMIT_3D, NOTHING), 16, 0, 3 | 16 << 16, 0, 0, 0),
		BAD_CONTEXT},
	{"a submission larger than it is",
		WORDS(HEADER(VIRTIO_GPU_CMD_SUBMIT_3D, CONTEXT), 4096, 0, 3 | 16 << 16, 0, 0, 0),
		REFUSED},
	{"a submission of 4 GiB",
		WORDS(HEADER(VIRTIO_GPU_CMD_SUBMIT_3D, CONTEXT), UINT32_MAX, 0, 3 | 16 << 16, 0, 0,
			0),
		REFUSED | NO_MEMORY},
	{"a fence on a ring that is not there",
		WORDS(FENCED(VIRTIO_GPU_CMD_SUBMIT_3D, FRESH, 63), 0, 0), REFUSED | OK},
};

/* Cross-domain commands */
#define CMD(command, size) ((command) | (uint32_t)(size) << 16), 0
#define QUERY RAW_QUERY_RING(TRY_CONTEXT)
#define CHANNEL RAW_CHANNEL_RING(TRY_CONTEXT)
/* SEND with one identifier of @type */
#define SEND_AS(command, n, data, type, id, size)                                                  \
	CMD(command, size), (n), (data), (id), [4 + 28] = (type), [4 + 84 - 1] = 0
#define SEND(...) SEND_AS(4, __VA_ARGS__)

static const struct command_case submit_cases[] = {
	{"a command of size 0", WORDS(CMD(3, 0), 0, 0), REFUSED},
	{"a command smaller than its header", WORDS(CMD(3, 4), 0, 0), REFUSED},
	{"a POLL smaller than a POLL", WORDS(CMD(3, 8), 0, 0), REFUSED},
	{"a command larger than the submission", WORDS(CMD(3, 64), 0, 0), REFUSED},
	{"half a header at the end", WORDS(CMD(3, 16), 0, 0, 3), REFUSED},
	{"a command that nobody knows", WORDS(CMD(99, 16), 0, 0), REFUSED},
	{"command 0", WORDS(CMD(0, 16), 0, 0), REFUSED},
	{"a command of the others", WORDS(CMD(8, 16), 0, 0), REFUSED},
	{"an event as a command", WORDS(SEND_AS(5, 0, 0, 0, 0, 352)), REFUSED},
	{"INIT twice", WORDS(CMD(1, 20), QUERY, CHANNEL, 1), REFUSED},
	{"INIT with a ring that does not exist", WORDS(CMD(1, 20), QUERY, NOTHING, 1),
		REFUSED | BAD_RESOURCE, .fresh = true},
	{"INIT with query ring 0", WORDS(CMD(1, 20), 0, CHANNEL, 1), REFUSED | BAD_RESOURCE,
		.fresh = true},
	{"INIT with a ring that is not attached", WORDS(CMD(1, 20), QUERY, GUEST_BLOB, 1),
		REFUSED | BAD_RESOURCE, .fresh = true},
	{"INIT with a ring of another context",
		WORDS(CMD(1, 20), QUERY, RAW_CHANNEL_RING(CONTEXT), 1), REFUSED | BAD_RESOURCE,
		.fresh = true},
	{"INIT for a channel that does not exist", WORDS(CMD(1, 20), QUERY, CHANNEL, 99), REFUSED,
		.fresh = true},
	{"INIT of 12 bytes", WORDS(CMD(1, 12), QUERY), REFUSED, .fresh = true},
	{"SEND before INIT", WORDS(SEND(0, 0, 0, 0, 352)), REFUSED, .fresh = true},
	{"a SEND of 29 identifiers", WORDS(SEND(29, 0, 1, HOST_BLOB, 352)), REFUSED},
	{"a SEND of 4294967295 identifiers", WORDS(SEND(UINT32_MAX, 0, 1, HOST_BLOB, 352)),
		REFUSED},
	{"a SEND with more data than it has", WORDS(SEND(0, 64, 0, 0, 352)), REFUSED},
	{"a SEND of 4 GiB", WORDS(SEND(0, UINT32_MAX, 0, 0, 352)), REFUSED},
	{"an identifier that does not exist", WORDS(SEND(1, 0, 1, NOTHING, 352)),
		REFUSED | BAD_RESOURCE},
	{"an identifier that is not attached", WORDS(SEND(1, 0, 1, UNMAPPED_BLOB, 352)),
		REFUSED | BAD_RESOURCE},
	{"an identifier of no type", WORDS(SEND(1, 0, 99, 5, 352)), REFUSED},
	{"a read pipe whose id is a descriptor's", WORDS(SEND(1, 0, 3, 5, 352)), REFUSED},
	{"a write pipe that does not exist", WORDS(SEND(1, 0, 4, 4242, 352)), REFUSED},
	{"a WRITE with more data than it has", WORDS(CMD(7, 24), 5, 0, 4096, 0), REFUSED},
	{"a WRITE of 4 GiB", WORDS(CMD(7, 24), 5, 0, UINT32_MAX, 0), REFUSED},
	/* A pipe may have been closed by the other side meanwhile: that is no fault */
	{"a WRITE to no pipe", WORDS(CMD(7, 24), 4242, 0, 0, 0), REFUSED | OK},
	{"an image without a width", WORDS(CMD(2, 24), 0, 1, 0x20203852, 16), REFUSED},
	{"an image of 2^64 pixels", WORDS(CMD(2, 24), UINT32_MAX, UINT32_MAX, 0x34325258, 16),
		REFUSED | NO_MEMORY},
	{"an image of a format that does not exist", WORDS(CMD(2, 24), 64, 64, 0x12345678, 16),
		REFUSED},
	{"an image before INIT", WORDS(CMD(2, 24), 64, 64, 0x34325258, 16), REFUSED, .fresh = true},
};

static const char *answer_fault(uint32_t answer, uint32_t right)
{
	static char text[80];
	uint32_t bit =
		answer >= VIRTIO_GPU_RESP_ERR_UNSPEC && answer < VIRTIO_GPU_RESP_ERR_UNSPEC + 31
		? 1u << (answer - VIRTIO_GPU_RESP_ERR_UNSPEC)
		: 0;

	if (answer == 0)
		return "no answer";
	if (answer < VIRTIO_GPU_RESP_ERR_UNSPEC)
		bit = OK;
	snprintf(text, sizeof(text), "the answer was %#x", answer);
	return bit & right ? NULL : text;
}

static bool prepare(struct raw_device *device)
{
	const uint32_t image[] = {HEADER(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, 0), IMAGE, 1, 64, 64};
	uint32_t blob_id;

	if (raw_context_create(device, CONTEXT) != VIRTIO_GPU_RESP_OK_NODATA ||
		raw_context_init(device, CONTEXT) != VIRTIO_GPU_RESP_OK_NODATA ||
		raw_context_create(device, FRESH) != VIRTIO_GPU_RESP_OK_NODATA ||
		raw_guest_blob(device, GUEST_BLOB, RAW_HEAP + 0x200000, RAW_PAGE) !=
			VIRTIO_GPU_RESP_OK_NODATA ||
		raw_device_command(device, image, sizeof(image), 24) != VIRTIO_GPU_RESP_OK_NODATA)
		return false;
	blob_id = raw_blob_id(device, CONTEXT, 8192);
	return blob_id != 0 &&
		raw_host_blob(device, CONTEXT, HOST_BLOB, blob_id, 8192) ==
		VIRTIO_GPU_RESP_OK_NODATA &&
		raw_host_blob(device, CONTEXT, UNMAPPED_BLOB, blob_id, 8192) ==
		VIRTIO_GPU_RESP_OK_NODATA &&
		raw_map_blob(device, HOST_BLOB, 0) == VIRTIO_GPU_RESP_OK_MAP_INFO &&
		raw_simple(device, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, CONTEXT, HOST_BLOB) ==
		VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t try_submit(struct raw_device *device, const struct command_case *test)
{
	uint32_t answer;

	if (raw_context_create(device, TRY_CONTEXT) != VIRTIO_GPU_RESP_OK_NODATA ||
		(!test->fresh &&
			raw_context_init(device, TRY_CONTEXT) != VIRTIO_GPU_RESP_OK_NODATA))
		return 0;
	answer = raw_submit(device, TRY_CONTEXT, test->words, test->n_words * 4);
	raw_context_destroy(device, TRY_CONTEXT);
	return answer;
}

/* What a case leads to, and whether the context that behaves is still served. */
static void judge(const struct command_case *test, uint32_t answer, struct raw_client *good)
{
	const char *fault = answer_fault(answer, test->answers);

	if (!fault && raw_client_ping(good) < 0)
		fault = "a context that behaves was not served any more";
	report(test->name, fault);
}

void check_commands(struct raw_device *device)
{
	static struct raw_client good;
	struct link *link;

	if (!prepare(device)) {
		report("commands", "the device refuses what is right");
		return;
	}
	link = link_open_context(device, LINK_CONTEXT);
	if (!link || raw_client_prepare(&good, link) < 0) {
		report("commands", "the compositor cannot be reached through the device");
		return;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(command_cases); i++) {
		const struct command_case *test = &command_cases[i];

		judge(test, raw_device_command(device, test->words, test->n_words * 4, 408), &good);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(submit_cases); i++)
		judge(&submit_cases[i], try_submit(device, &submit_cases[i]), &good);
	raw_client_finish(&good);
}
