/*
 * A device gone wild, at a guest that trusts nobody: vhost-user answers and requests, used ring
 * entries, answers to commands and what stands in the rings of cross-domain channels, against the
 * driver in user space with channels on it. One thread: where the guest waits (it does so in poll,
 * which is wrapped) the device has its turn. Run it with -close_fd_mask=2: the log is long.
 */
#include "guest-proxy/gpu/vhost_user/gpu_vhost_user.h"

#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-proxy/gpu/rings/virtqueue_driver.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/formats/cross_domain.h"
#include "protocol/formats/vhost_user.h"
#include "tests/fuzz/guest_life.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout_ms);

#define RAM_BYTES (UINT64_C(1) << 30) /* the guest's, see gpu_queue.c */
#define BLOBS_OFFSET                                                                               \
	(UINT64_C(64) << 20) /* where its blobs are: a channel's two rings come first */
#define RESPONSE_OFFSET 64u  /* in a slot */
#define COMMAND_OFFSET (VIRTQUEUE_DRIVER_SLOT_BYTES - VIRTQUEUE_DRIVER_COMMAND_BYTES)
#define REGION_BYTES UINT64_C(0x100000)

/*
 * A step is a byte: what in its lower half, its upper half says more. Steps of the guest
 * (guest_life.c) come when it has nothing else to do, and then the device's are marked with bit 7;
 * steps of the device come when the guest waits.
 */
enum device_step {
	DEVICE_HONEST,  /* answers as many things as they should be answered */
	DEVICE_REPLY,   /* u8 request (0: the right one), u8 flags, u16 size, payload */
	DEVICE_USED,    /* u8 which, u32 length, u8 type, u8 n, bytes: an answer to a command */
	DEVICE_INDEX,   /* u16: the used ring's */
	DEVICE_MEMORY,  /* u8 where, u16 offset, u8 n, bytes */
	DEVICE_REQUEST, /* u8 request, u8 shmid, u8 * 3: pages of fd, region, length; u8 flags, u8
			   fds */
	DEVICE_RAW,     /* u8 n, bytes */
	DEVICE_EVENT,   /* u8 n, bytes: the channel's ring, and the POLL is answered */
	DEVICE_RECEIVE, /* u8 n, then for each u8 id, u8 type, u8 pages; u8 size */
	DEVICE_SILENT,
	DEVICE_HANG_UP,
};

static struct {
	struct input input;
	struct wl_event_loop *loop;
	struct gpu *gpu;
	bool places; /* as if a kernel were in between: the queue has no place for each POLL */
	int listener, socket, backend, call, region;
	struct vhost_user_reader reader;
	struct vhost_user_message request; /* waits for its answer: header.request is not 0 */
	uint8_t *ram;
	uint16_t next, used;
	unsigned polls[GUEST_LIFE_CHANNELS], n_polls; /* slots of POLLs that are held */
	unsigned honest;                              /* answers that it owes to steps */
	bool over;
} f;

/* ---- the device: its sockets */

static void look_for_guest(void)
{
	if (f.socket < 0 && !f.over)
		f.socket = accept4(f.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void hang_up(void)
{
	look_for_guest();
	fd_close(&f.socket);
	fd_close(&f.backend);
	f.over = true;
}

static void map_ram(int fd)
{
	if (f.ram)
		return;
	void *ram =
		mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	f.ram = ram == MAP_FAILED ? NULL : ram;
}

/* Whether the frontend waits for a reply to it. */
static bool wants_reply(const struct vhost_user_message *message)
{
	switch (message->header.request) {
	case VHOST_USER_GET_FEATURES:
	case VHOST_USER_GET_PROTOCOL_FEATURES:
	case VHOST_USER_GET_QUEUE_NUM:
	case VHOST_USER_GET_CONFIG:
	case VHOST_USER_GET_SHMEM_CONFIG:
		return true;
	default:
		return message->header.flags & VHOST_USER_FLAG_NEED_REPLY;
	}
}

/* Takes what the frontend said, and its fds. */
static void read_socket(void)
{
	struct vhost_user_message message;
	look_for_guest();
	while (f.socket >= 0 && vhost_user_receive(f.socket, &f.reader, &message) > 0) {
		int *kept = message.header.request == VHOST_USER_SET_BACKEND_REQ_FD ? &f.backend
			: message.header.request == VHOST_USER_SET_VRING_CALL       ? &f.call
										    : NULL;
		if (message.header.request == VHOST_USER_SET_MEM_TABLE && message.n_fds > 0)
			map_ram(message.fds[0]);
		if (kept && *kept < 0 && message.n_fds > 0) {
			*kept = message.fds[0];
			message.fds[0] = -1;
		}
		vhost_user_message_finish(&message);
		if (wants_reply(&message))
			f.request = message;
	}
	uint8_t answers[1024];
	size_t n_fds;
	int fds[FD_MESSAGE_MAX];
	if (f.backend >= 0)
		fd_recv(f.backend, answers, sizeof(answers), fds, &n_fds);
}

static void request_map(uint8_t shmid, uint64_t fd_offset, uint64_t offset, uint64_t length,
	uint64_t flags, uint8_t request, unsigned n_fds)
{
	struct vhost_user_message message;
	vhost_user_message_init(&message, request, sizeof(message.payload.shmem_map));
	message.payload.shmem_map = (struct vhost_user_shmem_map){
		.shmid = shmid,
		.fd_offset = fd_offset,
		.shm_offset = offset,
		.length = length,
		.flags = flags,
	};
	message.n_fds = n_fds;
	for (unsigned i = 0; i < n_fds; i++)
		message.fds[i] = f.region;
	if (f.backend >= 0)
		vhost_user_send(f.backend, &message, 0);
}

static void reply(struct vhost_user_message *message)
{
	message->header.flags |= VHOST_USER_FLAG_REPLY;
	f.request.header.request = 0;
	if (f.socket >= 0)
		vhost_user_send(f.socket, message, 0);
}

static void reply_honestly(void)
{
	struct vhost_user_message message = f.request;
	struct virtio_gpu_config config = {.num_scanouts = 1, .num_capsets = 1};
	message.n_fds = 0;
	switch (message.header.request) {
	case VHOST_USER_GET_FEATURES:
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		message.header.size = sizeof(message.payload.u64);
		message.payload.u64 = UINT64_MAX;
		break;
	case VHOST_USER_GET_QUEUE_NUM:
		message.header.size = sizeof(message.payload.u64);
		message.payload.u64 = 2;
		break;
	case VHOST_USER_GET_CONFIG:
		memcpy(message.payload.config.region, &config, sizeof(config));
		break;
	case VHOST_USER_GET_SHMEM_CONFIG:
		message.header.size = sizeof(message.payload.shmem_config);
		message.payload.shmem_config.n_regions = 1;
		message.payload.shmem_config.sizes[VIRTIO_GPU_SHM_ID_HOST_VISIBLE] = REGION_BYTES;
		break;
	case VHOST_USER_SET_VRING_ENABLE:
		if (message.payload.state.index == 1)
			request_map(VIRTIO_GPU_SHM_ID_HOST_VISIBLE, 0, 0, REGION_BYTES,
				VHOST_USER_SHMEM_WRITABLE, VHOST_USER_BACKEND_SHMEM_MAP, 1);
		/* fall through */
	default: /* an acknowledgement */
		message.header.size = sizeof(message.payload.u64);
		message.payload.u64 = 0;
		break;
	}
	reply(&message);
}

/* ---- the device: its queue */

static struct vring_avail *available(void)
{
	return (void *)(f.ram + VIRTQUEUE_DRIVER_AVAILABLE);
}

static uint8_t *slot_at(unsigned slot)
{
	return f.ram + VIRTQUEUE_DRIVER_RING_BYTES +
		(size_t)(slot % VIRTQUEUE_DRIVER_SIZE) * VIRTQUEUE_DRIVER_SLOT_BYTES;
}

static uint8_t *ring_page(unsigned page)
{
	return f.ram + BLOBS_OFFSET + (size_t)page * PAGE_BYTES;
}

static void push_used(uint32_t id, uint32_t length)
{
	struct vring_used *used = (void *)(f.ram + VIRTQUEUE_DRIVER_USED);
	used->ring[f.used % VIRTQUEUE_DRIVER_SIZE] = (struct vring_used_elem){id, length};
	used->idx = ++f.used;
	uint64_t one = 1;
	ssize_t written = write(f.call, &one, sizeof(one));
	(void)written;
}

static void answer(unsigned slot, const void *response, size_t size)
{
	memcpy(slot_at(slot) + RESPONSE_OFFSET, response, size);
	push_used(slot, (uint32_t)size);
}

static void answer_type(unsigned slot, uint32_t type)
{
	struct virtio_gpu_ctrl_hdr header = {.type = type};
	answer(slot, &header, sizeof(header));
}

static void answer_submission(unsigned slot, const uint8_t *command)
{
	struct virtio_gpu_ctrl_hdr header;
	struct cross_domain_get_image_requirements asked;
	memcpy(&header, command, sizeof(header));
	memcpy(&asked, command + sizeof(struct virtio_gpu_cmd_submit), sizeof(asked));
	if ((header.flags & VIRTIO_GPU_FLAG_FENCE) &&
		header.ring_idx == CROSS_DOMAIN_CHANNEL_RING && f.n_polls < GUEST_LIFE_CHANNELS) {
		f.polls[f.n_polls++] = slot;
		return;
	}
	if (asked.hdr.cmd == CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS) {
		struct cross_domain_image_requirements told = {.size = asked.width, .blob_id = 1};
		memcpy(ring_page(0), &told, sizeof(told));
	}
	answer_type(slot, VIRTIO_GPU_RESP_OK_NODATA);
}

static void answer_honestly(unsigned slot)
{
	const uint8_t *command = slot_at(slot) + COMMAND_OFFSET;
	struct {
		struct virtio_gpu_ctrl_hdr header;
		struct cross_domain_capset_ext capset;
	} capset = {{.type = VIRTIO_GPU_RESP_OK_CAPSET},
		{{1, 1u << CROSS_DOMAIN_CHANNEL_WAYLAND, 0, 0}, CROSS_DOMAIN_WAYFERRY_MAGIC, 0}};
	const struct virtio_gpu_resp_capset_info info = {{.type = VIRTIO_GPU_RESP_OK_CAPSET_INFO},
		CROSS_DOMAIN_CAPSET_ID, 1, sizeof(capset.capset), 0};
	const struct virtio_gpu_resp_map_info map = {.hdr = {.type = VIRTIO_GPU_RESP_OK_MAP_INFO}};
	switch (load_u32(command)) {
	case VIRTIO_GPU_CMD_GET_CAPSET_INFO:
		answer(slot, &info, sizeof(info));
		break;
	case VIRTIO_GPU_CMD_GET_CAPSET:
		capset.capset.features = input_byte(&f.input);
		if (capset.capset.features & CROSS_DOMAIN_EXT_HOST_CLOCK) /* which nobody has */
			capset.capset.features |= CROSS_DOMAIN_EXT_RUNS;
		if (f.places)
			capset.capset.features |= CROSS_DOMAIN_EXT_PATIENT | CROSS_DOMAIN_EXT_BELL |
				CROSS_DOMAIN_EXT_PAGES;
		answer(slot, &capset, sizeof(capset));
		break;
	case VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB:
		answer(slot, &map, sizeof(map));
		break;
	case VIRTIO_GPU_CMD_SUBMIT_3D:
		answer_submission(slot, command);
		break;
	default:
		answer_type(slot, VIRTIO_GPU_RESP_OK_NODATA);
	}
}

/* The next request that was not looked at. False: there is none. */
static bool pop(unsigned *slot)
{
	if (!f.ram || available()->idx == f.next)
		return false;
	*slot = available()->ring[f.next++ % VIRTQUEUE_DRIVER_SIZE] % VIRTQUEUE_DRIVER_SIZE;
	return true;
}

static void be_honest(void)
{
	unsigned slot;
	f.honest--;
	read_socket();
	if (f.request.header.request)
		reply_honestly();
	else if (pop(&slot))
		answer_honestly(slot);
}

/* ---- the device: lies */

static void lie_in_reply(void)
{
	struct vhost_user_message message = f.request;
	uint8_t request = input_byte(&f.input);
	message.n_fds = 0;
	if (request)
		message.header.request = request;
	message.header.flags = input_byte(&f.input);
	message.header.size = min_u64(input_u16(&f.input), sizeof(message.payload));
	input_bytes(&f.input, message.payload.bytes, message.header.size);
	reply(&message);
}

static void lie_in_answer(unsigned how)
{
	static const uint32_t types[] = {VIRTIO_GPU_RESP_OK_NODATA, VIRTIO_GPU_RESP_OK_MAP_INFO,
		VIRTIO_GPU_RESP_OK_CAPSET, VIRTIO_GPU_RESP_OK_CAPSET_INFO,
		VIRTIO_GPU_RESP_ERR_UNSPEC, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY,
		VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, 0};
	uint8_t which = input_byte(&f.input);
	uint32_t length = input_u32(&f.input),
		 type = types[input_byte(&f.input) % ARRAY_LENGTH(types)];
	uint8_t bytes[255];
	size_t n = input_bytes(&f.input, bytes, input_byte(&f.input));
	unsigned slot = which;
	if (!f.ram || (!(how & 1) && !pop(&slot)))
		return;
	uint8_t *response = slot_at(slot) + RESPONSE_OFFSET;
	store_u32(response, type);
	memcpy(response + sizeof(struct virtio_gpu_ctrl_hdr), bytes, n);
	push_used(how & 2 ? slot | length << 16 : slot, length);
}

static void lie_in_memory(void)
{
	static const uint64_t places[] = {VIRTQUEUE_DRIVER_DESCRIPTORS, VIRTQUEUE_DRIVER_AVAILABLE,
		VIRTQUEUE_DRIVER_USED, VIRTQUEUE_DRIVER_RING_BYTES, BLOBS_OFFSET,
		BLOBS_OFFSET + PAGE_BYTES, BLOBS_OFFSET + 2 * PAGE_BYTES, VIRTQUEUE_DRIVER_BYTES};
	uint64_t at = places[input_byte(&f.input) % ARRAY_LENGTH(places)];
	at += input_u16(&f.input);
	uint8_t bytes[255];
	size_t n = input_bytes(&f.input, bytes, input_byte(&f.input));
	if (f.ram)
		memcpy(f.ram + at, bytes, n);
}

static void lie_in_request(void)
{
	uint8_t bytes[7] = {0};
	input_bytes(&f.input, bytes, sizeof(bytes));
	request_map(bytes[1], (uint64_t)(int8_t)bytes[2] * PAGE_BYTES,
		(uint64_t)(int8_t)bytes[3] * PAGE_BYTES, (uint64_t)(int8_t)bytes[4] * PAGE_BYTES,
		bytes[5], bytes[0], bytes[6] % VHOST_USER_MAX_FDS);
}

static void send_raw(void)
{
	uint8_t bytes[255];
	struct iovec iov = {bytes, input_bytes(&f.input, bytes, input_byte(&f.input))};
	if (f.socket >= 0)
		fd_send(f.socket, &iov, 1, NULL, 0);
}

/* Something is in the ring of the channel whose POLL has waited longest. */
static void answer_poll(void)
{
	if (f.n_polls == 0)
		return;
	answer_type(f.polls[0], VIRTIO_GPU_RESP_OK_NODATA);
	f.n_polls--;
	memmove(f.polls, f.polls + 1, f.n_polls * sizeof(f.polls[0]));
}

static void send_event(unsigned channel)
{
	uint8_t bytes[255];
	size_t n = input_bytes(&f.input, bytes, input_byte(&f.input));
	if (!f.ram)
		return;
	memcpy(ring_page(2 * channel + 1), bytes, n);
	answer_poll();
}

static void send_receive(unsigned channel)
{
	struct cross_domain_send_receive receive = {.hdr.cmd = CROSS_DOMAIN_CMD_RECEIVE};
	receive.num_identifiers = input_byte(&f.input) % (CROSS_DOMAIN_MAX_IDENTIFIERS + 1);
	for (uint32_t i = 0; i < receive.num_identifiers; i++) {
		receive.identifiers[i] = input_byte(&f.input);
		receive.types[i] = input_byte(&f.input);
		receive.sizes[i] = input_byte(&f.input) * (uint32_t)PAGE_BYTES;
	}
	receive.opaque_data_size = input_byte(&f.input) * 16u;
	if (!f.ram)
		return;
	memcpy(ring_page(2 * channel + 1), &receive, sizeof(receive));
	answer_poll();
}

static void set_index(uint16_t index)
{
	if (f.ram)
		((struct vring_used *)(void *)(f.ram + VIRTQUEUE_DRIVER_USED))->idx = f.used =
			index;
}

static void device_step(uint8_t step)
{
	unsigned more = step >> 4 & 7;
	read_socket();
	switch (step & 15) {
	case DEVICE_HONEST:
		f.honest += more + 1;
		break;
	case DEVICE_REPLY:
		lie_in_reply();
		break;
	case DEVICE_USED:
		lie_in_answer(more);
		break;
	case DEVICE_INDEX:
		set_index(input_u16(&f.input));
		break;
	case DEVICE_MEMORY:
		lie_in_memory();
		break;
	case DEVICE_REQUEST:
		lie_in_request();
		break;
	case DEVICE_RAW:
		send_raw();
		break;
	case DEVICE_EVENT:
		send_event(more % GUEST_LIFE_CHANNELS);
		break;
	case DEVICE_RECEIVE:
		send_receive(more % GUEST_LIFE_CHANNELS);
		break;
	case DEVICE_HANG_UP:
		hang_up();
		break;
	}
}

/* The guest waits: the device has its turn until there is something, or says nothing for long. */
int __wrap_poll(struct pollfd *fds, nfds_t n_fds, int timeout_ms)
{
	for (;;) {
		int n = __real_poll(fds, n_fds, 0);
		if (n != 0 || f.over)
			return n;
		if (f.honest > 0) {
			be_honest();
			continue;
		}
		uint8_t step = input_byte(&f.input);
		if (f.input.size == 0)
			hang_up();
		else if ((step & 15) == DEVICE_SILENT)
			return 0;
		else
			device_step(step);
	}
}

/* ---- */

static char path[64];

static void remove_socket(void)
{
	unlink(path);
	*strrchr(path, '/') = 0;
	rmdir(path);
}

static void listen_once(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(path, "/tmp/fuzz-guest.XXXXXX");
	if (!mkdtemp(path))
		abort();
	strcat(path, "/gpu");
	memcpy(address.sun_path, path, sizeof(path));
	f.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(f.listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(f.listener, 1) < 0)
		abort();
	atexit(remove_socket);
	f.region = fd_memfd("region", REGION_BYTES);
	log_set_level(LOG_LEVEL_ERROR);
}

static int lowest_fd(void)
{
	/* The lowest free fd tells of a leak, and costs one system call. */
	int fd = fd_dup(f.region);
	close(fd);
	return fd;
}

static void finish(void)
{
	guest_life_end();
	if (f.gpu)
		f.gpu->ops->destroy(f.gpu);
	f.gpu = NULL;
	wl_event_loop_destroy(f.loop);
	hang_up();
	vhost_user_reader_finish(&f.reader);
	fd_close(&f.call);
	if (f.ram)
		munmap(f.ram, RAM_BYTES);
	f.ram = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!f.listener)
		listen_once();
	int fds_before = lowest_fd();
	f.input = (struct input){data, size};
	f.over = false;
	f.socket = f.backend = f.call = -1;
	f.next = f.used = 0;
	f.n_polls = f.honest = 0;
	f.request.header.request = 0;
	vhost_user_reader_init(&f.reader);
	f.loop = wl_event_loop_create();
	const uint8_t how = input_byte(&f.input);
	f.places = how & 2;
	f.gpu = gpu_vhost_user_open(f.loop, path);
	if (f.gpu && f.places)
		f.gpu->lazy = false;
	guest_life_begin(f.gpu, f.loop, &f.input, how & 1);
	while (f.gpu && f.input.size > 0) {
		while (f.honest > 0)
			be_honest();
		uint8_t step = input_byte(&f.input);
		if (step & 0x80)
			device_step(step);
		else
			guest_life_step(step);
	}
	for (int i = 0; f.gpu && i < 3; i++)
		wl_event_loop_dispatch(f.loop, 0);
	finish();
	if (lowest_fd() != fds_before)
		abort();
	return 0;
}
