/*
 * A wlcs integration module: another compositor's module (Mir's), with wayferry between the tests
 * and the compositor.
 *
 *     test -> wayferry-guest's display -> wayferry-guest -> wayferry-host -> our socket ->
 * compositor
 *
 * $WAYFERRY_WLCS_MODULE is the module, $WAYFERRY_WLCS_DISPLAY the path of wayferry-guest's display,
 * and $WAYFERRY_WLCS_SOCKET where wayferry-host finds "the compositor": connections to it are
 * handed to the module's compositor of the moment, since each test has one of its own.
 *
 * The module places windows by their clients' object ids. Those are not the compositor's ids with a
 * bridge between, so both streams of requests come through here (surfaces.h).
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <wayland-client.h>
#include <wlcs/display_server.h>

#include "protocol/base/fd.h"
#include "tests/wlcs/pump.h"
#include "tests/wlcs/surfaces.h"

#define TIMEOUT_MS 20000
#define FIRST_CLIENT_ID 2

struct connection {
	struct wl_list link;
	/* test_fd is the test's, which closes it; the others are ours */
	int test_fd, tests_end_fd, guest_fd, host_fd, compositor_fd;
	struct surfaces of_test, of_host;
	int pumps; /* that run */
	/* For the module, which asks for a display's fd and a surface's id and nothing else. */
	struct wl_display *display; /* over compositor_fd, silent */
	struct wl_proxy **proxies;  /* their ids count from FIRST_CLIENT_ID */
	size_t n_proxies;
};

static struct {
	pthread_mutex_t mutex; /* of the list and all that is in it */
	pthread_cond_t gone;   /* a connection */
	struct wl_list connections;
	int listener_fd;
	int unbridged_client, n_clients; /* counted from 1 in each test */
	const WlcsServerIntegration *module;
	/* of the module's server, whose members point to ours */
	void (*stop)(WlcsDisplayServer *server);
	int (*create_client_socket)(WlcsDisplayServer *server);
	void (*position_window_absolute)(
		WlcsDisplayServer *server, wl_display *client, wl_surface *surface, int x, int y);
} bridged = {
	.mutex = PTHREAD_MUTEX_INITIALIZER, .gone = PTHREAD_COND_INITIALIZER, .listener_fd = -1};

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "bridged: %s: %s\n", what, why);
	abort();
}

static const char *setting(const char *name)
{
	const char *value = getenv(name);
	if (!value)
		die(name, "is not set");
	return value;
}

static int open_socket(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		die(path, strerror(ENAMETOOLONG));
	strcpy(address->sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket", strerror(errno));
	return fd;
}

static int listen_for_host(void)
{
	const char *path = setting("WAYFERRY_WLCS_SOCKET");
	struct sockaddr_un address;
	int fd = open_socket(path, &address);

	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0 ||
		fd_set_nonblock(fd) < 0)
		die(path, strerror(errno));
	return fd;
}

static int connect_to_guest(void)
{
	const char *path = setting("WAYFERRY_WLCS_DISPLAY");
	struct sockaddr_un address;
	int fd = open_socket(path, &address);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(path, strerror(errno));
	return fd;
}

/* wayferry-host's connection for the client that has just connected to wayferry-guest. */
static int accept_host(void)
{
	struct pollfd listener = {.fd = bridged.listener_fd, .events = POLLIN};
	if (poll(&listener, 1, TIMEOUT_MS) != 1)
		die("wayferry-host", "does not connect");
	int fd = accept4(bridged.listener_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		die("accept", strerror(errno));
	return fd;
}

/* A connection of the bridge that no test waits for is one too many: its end tells so. */
static void refuse_strays(void)
{
	int fd;
	while ((fd = accept4(bridged.listener_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		fprintf(stderr, "bridged: wayferry-host connected without a client\n");
		close(fd);
	}
}

static void note(struct surfaces *surfaces, const uint8_t *bytes, size_t n)
{
	pthread_mutex_lock(&bridged.mutex);
	surfaces_feed(surfaces, bytes, n);
	pthread_mutex_unlock(&bridged.mutex);
}

static void handle_test_sent(void *data, const uint8_t *bytes, size_t n)
{
	struct connection *connection = data;
	note(&connection->of_test, bytes, n);
}

static void handle_host_sent(void *data, const uint8_t *bytes, size_t n)
{
	struct connection *connection = data;
	note(&connection->of_host, bytes, n);
}

static void connection_destroy(struct connection *connection)
{
	wl_list_remove(&connection->link);
	for (size_t i = 0; i < connection->n_proxies; i++)
		wl_proxy_destroy(connection->proxies[i]);
	free(connection->proxies);
	wl_display_disconnect(connection->display); /* closes compositor_fd */
	close(connection->tests_end_fd);
	close(connection->guest_fd);
	close(connection->host_fd);
	surfaces_finish(&connection->of_test);
	surfaces_finish(&connection->of_host);
	free(connection);
	pthread_cond_broadcast(&bridged.gone);
}

static void handle_ended(void *data)
{
	struct connection *connection = data;

	pthread_mutex_lock(&bridged.mutex);
	if (--connection->pumps == 0)
		connection_destroy(connection);
	pthread_mutex_unlock(&bridged.mutex);
}

static const struct pump_listener test_listener = {handle_test_sent, handle_ended};
static const struct pump_listener host_listener = {handle_host_sent, handle_ended};

static int create_client_socket(WlcsDisplayServer *server)
{
	if (++bridged.n_clients == bridged.unbridged_client)
		return bridged.create_client_socket(server);
	struct connection *connection = calloc(1, sizeof(*connection));
	int pair[2];

	if (!connection || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair", strerror(errno));
	pthread_mutex_lock(&bridged.mutex);
	connection->test_fd = pair[0];
	connection->tests_end_fd = pair[1];
	refuse_strays();
	connection->guest_fd = connect_to_guest();
	connection->host_fd = accept_host();
	connection->compositor_fd = bridged.create_client_socket(server);
	connection->display = wl_display_connect_to_fd(connection->compositor_fd);
	if (!connection->display)
		die("wl_display_connect_to_fd", strerror(errno));
	wl_list_insert(&bridged.connections, &connection->link);
	connection->pumps = 2;
	if (pump_start(connection->tests_end_fd, connection->guest_fd, &test_listener,
		    connection) != 0 ||
		pump_start(connection->host_fd, connection->compositor_fd, &host_listener,
			connection) != 0)
		die("pump_start", "no threads");
	pthread_mutex_unlock(&bridged.mutex);
	return pair[0];
}

static struct connection *find_connection(int test_fd)
{
	struct connection *connection;
	wl_list_for_each(connection, &bridged.connections, link)
	{
		if (connection->test_fd == test_fd)
			return connection;
	}
	return NULL;
}

/*
 * Something that has the object id @id, which is all that is asked of it. A display numbers its
 * objects in their order, and says nothing of them to its compositor by itself.
 */
static wl_surface *surface_with_id(struct connection *connection, uint32_t id)
{
	const size_t index = id - FIRST_CLIENT_ID;

	if (index >= connection->n_proxies) {
		connection->proxies =
			realloc(connection->proxies, (index + 1) * sizeof(*connection->proxies));
		if (!connection->proxies)
			die("realloc", strerror(errno));
	}
	for (; connection->n_proxies <= index; connection->n_proxies++)
		connection->proxies[connection->n_proxies] = wl_proxy_create(
			(struct wl_proxy *)connection->display, &wl_surface_interface);
	wl_surface *surface = (wl_surface *)connection->proxies[index];
	if (wl_proxy_get_id((struct wl_proxy *)surface) != id)
		die("wl_proxy_create", "ids do not count from 2");
	return surface;
}

static void position_window_absolute(
	WlcsDisplayServer *server, wl_display *client, wl_surface *surface, int x, int y)
{
	const uint32_t test_id = wl_proxy_get_id((struct wl_proxy *)surface);
	wl_display *display = NULL;
	wl_surface *window = NULL;

	pthread_mutex_lock(&bridged.mutex);
	struct connection *connection = find_connection(wl_display_get_fd(client));
	ptrdiff_t index = connection ? surfaces_find(&connection->of_test, test_id) : -1;
	if (!connection) {
		display = client;
		window = surface;
	} else if (index >= 0 && (size_t)index < connection->of_host.n) {
		display = connection->display;
		window = surface_with_id(connection, connection->of_host.ids[index]);
	}
	pthread_mutex_unlock(&bridged.mutex);
	if (window)
		bridged.position_window_absolute(server, display, window, x, y);
	else
		fprintf(stderr, "bridged: the compositor knows no surface of the test's %u\n",
			test_id);
}

/* Whether a test has closed its end of a connection that is still there. */
static bool any_is_ending(void)
{
	struct connection *connection;
	wl_list_for_each(connection, &bridged.connections, link)
	{
		struct pollfd end = {.fd = connection->tests_end_fd, .events = POLLRDHUP};
		if (poll(&end, 1, 0) > 0)
			return true;
	}
	return false;
}

/*
 * Without a bridge a compositor that is told to stop has seen the end of all clients that a test
 * has closed before. Mir crashes when it has not.
 */
static void stop(WlcsDisplayServer *server)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += TIMEOUT_MS / 1000;
	pthread_mutex_lock(&bridged.mutex);
	while (any_is_ending()) {
		if (pthread_cond_timedwait(&bridged.gone, &bridged.mutex, &deadline) == ETIMEDOUT)
			die("wayferry-host", "keeps the connection of a client that has left");
	}
	pthread_mutex_unlock(&bridged.mutex);
	bridged.stop(server);
}

static const WlcsServerIntegration *load_module(void)
{
	const char *path = setting("WAYFERRY_WLCS_MODULE");
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		die(path, dlerror());
	const WlcsServerIntegration *module = dlsym(library, "wlcs_server_integration");
	if (!module)
		die(path, dlerror());
	return module;
}

static WlcsDisplayServer *create_server(int argc, char const **argv)
{
	if (!bridged.module) {
		wl_list_init(&bridged.connections);
		bridged.module = load_module();
		bridged.listener_fd = listen_for_host();
		const char *number = getenv("WAYFERRY_WLCS_UNBRIDGED");
		bridged.unbridged_client = number ? atoi(number) : 0;
	}
	bridged.n_clients = 0;
	WlcsDisplayServer *server = bridged.module->create_server(argc, argv);
	if (server) {
		bridged.stop = server->stop;
		bridged.create_client_socket = server->create_client_socket;
		bridged.position_window_absolute = server->position_window_absolute;
		server->stop = stop;
		server->create_client_socket = create_client_socket;
		server->position_window_absolute = position_window_absolute;
	}
	return server;
}

static void destroy_server(WlcsDisplayServer *server)
{
	bridged.module->destroy_server(server);
}

WlcsServerIntegration const wlcs_server_integration = {
	.version = WLCS_SERVER_INTEGRATION_VERSION,
	.create_server = create_server,
	.destroy_server = destroy_server,
};
