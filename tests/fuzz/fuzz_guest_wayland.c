/*
 * The guest's hooks between an application and a host as they please (relay_talk.h): what the host
 * says may be wrong in every way and must not reach the application's memory, or end the proxy.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "guest-proxy/clients/clients.h"
#include "guest-proxy/connection/clock.h"
#include "guest-proxy/connection/connection.h"
#include "guest-proxy/connection/transfer.h"
#include "guest-proxy/dmabuf/dmabuf_state.h"
#include "guest-proxy/globals/registry.h"
#include "guest-proxy/gpu/syncobj.h"
#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "guest-proxy/windows/swapchain.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/sigbus_guard.h"
#include "tests/fuzz/relay_talk.h"
#include "tests/unit/fake_channel.h"

#define POOL_BYTES 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world {
	struct connection connection; /* first: relay_data() */
	struct wl_event_loop *loop;
	struct relay_hooks *hooks;
	struct gpu gpu;
	struct host_clocks clocks;
	int memory, pipe[2]; /* of the application's: a pool, a dma-buf (fake_channel.h) */
	unsigned n_handles;
} world;

static struct wire_handle new_handle(enum relay_end from)
{
	if (from == RELAY_UP)
		return wire_handle_fd(fd_dup(world.memory));
	return wire_handle_fd(fd_dup(world.n_handles++ % 2 ? world.pipe[0] : world.memory));
}

static int check_sent(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	for (size_t i = 0; i < n_handles; i++)
		wire_handle_finish(&handles[i]);
	return 0;
}

static const struct relay_ops ops = {
	.send = check_sent, .allow_global = registry_allows, .defers = true};

/* A kernel to which memfds are timelines, whose odd points are signalled. */
int virtgpu_ioctl(int fd, unsigned long request, void *argument)
{
	static uint32_t last;
	if (request == SYNC_IOC_FILE_INFO) /* pipes are sync files */
		return fcntl(fd, F_GETPIPE_SZ) < 0 ? -EINVAL : 0;
	switch (request) {
	case DRM_IOCTL_GET_CAP:
		((struct drm_get_cap *)argument)->value = 1;
		return 0;
	case DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE: {
		struct drm_syncobj_handle *import = argument;
		import->handle = ++last;
		return fcntl(import->fd, F_GET_SEALS) < 0 ? -EINVAL : 0;
	}
	case VIRTGPU_IOCTL_SYNCOBJ_EVENTFD: {
		const struct virtgpu_syncobj_eventfd *wait = argument;
		if (wait->handle == 0)
			return -ENOENT;
		return wait->point % 2 ? eventfd_write(wait->fd, 1) : 0;
	}
	default:
		return 0;
	}
}

/* As of clients it only has them looked at later: it is called amid a message, too. */
static void wake(struct connection *connection)
{
}

static void settle(struct connection *connection)
{
	if (connection->resume)
		relay_push(connection->relay, RELAY_DOWN, NULL, 0, NULL, 0);
	connection->resume = false;
}

static void make_world(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	assert(sigbus_guard_install() == 0);
	world.loop = wl_event_loop_create();
	world.hooks = relay_hooks_create(client_hooks);
	int node = open("/dev/null", O_RDWR | O_CLOEXEC);
	world.gpu = (struct gpu){
		.node = "/dev/dri/renderD128",
		.syncobjs = syncobj_device_create(&node),
	};
	assert(world.gpu.syncobjs);
	turn_init(&world.gpu.turn, world.loop);
	world.memory = fd_memfd("pool", POOL_BYTES);
	int result = pipe(world.pipe);
	assert(world.loop && world.hooks && world.memory >= 0 && result == 0);
	host_clocks_init(&world.clocks, false);
}

static void connect_client(struct connection *connection)
{
	connection_init(connection, &world.gpu.turn);
	connection->name = "fuzz";
	connection->loop = world.loop;
	connection->gpu = &world.gpu;
	connection->clocks = &world.clocks;
	connection->wake = wake;
	connection->channel = channel_create(&world.gpu, NULL, NULL);
	connection->transfers = transfers_create(connection);
	connection->dmabuf = dmabuf_state_create();
	connection->relay = relay_create(world.hooks, &ops, connection, "fuzz", 64);
	assert(connection->channel && connection->transfers && connection->dmabuf &&
		connection->relay);
}

static void disconnect_client(struct connection *connection)
{
	connection->ending = true;
	transfers_destroy(connection->transfers);
	connection->transfers = NULL;
	relay_destroy(connection->relay);
	dmabuf_state_destroy(connection->dmabuf);
	swapchain_finish_retired(connection);
	connection_finish(connection);
	channel_destroy(connection->channel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!world.loop)
		make_world();
	world.n_handles = 0;
	connect_client(&world.connection);
	fake_channel->takes_files = size % 2; /* the pools are shared, or copied */
	relay_talk(world.connection.relay, data, size, new_handle);
	wl_event_loop_dispatch(world.loop, 0);
	settle(&world.connection);
	disconnect_client(&world.connection);
	return 0;
}
