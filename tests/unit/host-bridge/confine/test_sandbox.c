/* host-bridge/confine/sandbox.c: in children, since there is no way back */
#include "host-bridge/confine/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-bridge/display/connector.h"
#include "protocol/base/fd.h"
#include "protocol/base/sanitizer.h"

static char directory[] = "/tmp/wayferry-sandbox-XXXXXX";
static char socket_path[64], other_directory[64], other_file[80];
static int listener = -1, replaced[2];

static struct sockaddr_un address(void)
{
	struct sockaddr_un result = {.sun_family = AF_UNIX};
	memcpy(result.sun_path, socket_path, strlen(socket_path));
	return result;
}

static int make_files(void **state)
{
	struct sockaddr_un bound;
	if (!mkdtemp(directory))
		return -1;
	snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
	snprintf(other_directory, sizeof(other_directory), "%s-other", directory);
	snprintf(other_file, sizeof(other_file), "%s/file", other_directory);
	if (mkdir(other_directory, 0700) < 0 || close(creat(other_file, 0600)) < 0)
		return -1;
	bound = address();
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return bind(listener, (struct sockaddr *)&bound, sizeof(bound)) < 0 ? -1
									    : listen(listener, 8);
}

static int remove_files(void **state)
{
	close(listener);
	unlink(socket_path);
	unlink(other_file);
	rmdir(other_directory);
	return rmdir(directory);
}

/*
 * Runs @check in a sandboxed child; its wait status. The child's exit status is 0 when all was as
 * expected.
 */
static int run_sandboxed(bool (*check)(void))
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(10);
		const struct display_search compositor = {.first = address()};
		if (connector_start(&compositor, NULL, socket_path, NULL, true) < 0)
			_exit(3);
		_exit(sandbox_enter(SANDBOX_ON) ? check() ? 0 : 1 : 2);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* In the child: says which expectation failed. */
static bool expect(bool good, const char *what)
{
	if (!good)
		dprintf(STDERR_FILENO, "in the sandbox: %s: %s\n", what, strerror(errno));
	return good;
}

static bool refused(long result, const char *what)
{
	return expect(result < 0 && errno == EPERM, what);
}

static bool check_refusals(void)
{
	int two[2];
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool good = expect(page != MAP_FAILED, "mmap");

	struct sockaddr_un server = address();
	struct stat status;

	good &= refused(open("/dev/null", O_RDONLY), "open");
	good &= refused(openat(AT_FDCWD, "/", O_PATH), "openat");
	good &= refused(stat("/", &status), "stat");
	good &= refused(unlink(socket_path), "unlink");
	good &= refused(rename(socket_path, other_file), "rename");
	good &= refused(socket(AF_UNIX, SOCK_STREAM, 0), "a Unix socket");
	good &= refused(
		connect(listener, (struct sockaddr *)&server, sizeof(server)), "connecting");
	good &= refused(bind(listener, (struct sockaddr *)&server, sizeof(server)), "bind");
	good &= refused(socketpair(AF_UNIX, SOCK_DGRAM, 0, two), "a pair of datagram sockets");
	good &= refused(sendto(listener, "x", 1, 0, (struct sockaddr *)&server, sizeof(server)),
		"sending to an address");
	good &= refused(fcntl(listener, F_SETOWN, getppid()), "signals of a file to others");
	good &= refused(unshare(CLONE_NEWUSER), "unshare");
	good &= refused(execl("/bin/true", "true", NULL), "exec");
	good &= refused(fork(), "fork");
	good &= refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL), "ptrace");
	good &= refused(kill(getppid(), 0), "kill");
	good &= refused(socket(AF_INET, SOCK_STREAM, 0), "an internet socket");
	good &= refused(socket(AF_NETLINK, SOCK_RAW, 0), "a netlink socket");
	good &= refused(mkdir("/tmp/wayferry-sandbox-never", 0700), "mkdir");
	good &= refused(chmod("/tmp", 0777), "chmod");
	good &= refused(setuid(0), "setuid");
	good &= refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl");
	good &= refused(pipe2(two, 0) < 0 ? 0 : ioctl(two[0], TIOCSTI, "x"), "TIOCSTI");
	good &= refused(mprotect(page, 4096, PROT_READ | PROT_EXEC), "making memory executable");
	good &= expect(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0) == MAP_FAILED &&
			errno == EPERM,
		"mapping executable memory");
	return good;
}

static void files_programs_and_the_network_are_out_of_reach(void **state)
{
	if (ADDRESS_SANITIZER)
		skip();
	assert_int_equal(run_sandboxed(check_refusals), 0);
}

static bool check_memory_and_events(void)
{
	int memory = fd_memfd("test", 1 << 20);
	int events = epoll_create1(EPOLL_CLOEXEC), count = eventfd(0, EFD_NONBLOCK), ready = 0;
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	uint64_t one = 1;
	char *mapped = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	char *large = malloc(64 << 20);
	bool good = expect(memory >= 0 && mapped != MAP_FAILED, "a memfd");

	good &= expect(fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0,
		"a hole");
	good &= expect(large != NULL, "64 MiB");
	free(large);
	good &= expect(timer >= 0, "a timer");
	good &= expect(epoll_ctl(events, EPOLL_CTL_ADD, count, &event) == 0, "epoll_ctl");
	good &= expect(write(count, &one, sizeof(one)) == sizeof(one), "an event");
	good &= expect(epoll_wait(events, &event, 1, 1000) == 1, "epoll_wait");
	good &= expect(ioctl(listener, FIONREAD, &ready) == 0 || errno == EINVAL, "FIONREAD");
	good &= expect(munmap(mapped, 1 << 20) == 0, "munmap");
	return good;
}

static void memory_and_events_work_on(void **state)
{
	assert_int_equal(run_sandboxed(check_memory_and_events), 0);
}

static bool check_sockets(void)
{
	struct display_search server = {.first = address()};
	struct sockaddr_un taken;
	int client;
	/* Slow is not broken: it says so, and is asked again. */
	do {
		client = connector_connect(&server, &taken);
	} while (client == -EAGAIN);
	bool good = expect(client >= 0, "a connection");
	int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct iovec iov = {"x", 1};
	int fds[FD_MESSAGE_MAX];
	size_t n_fds;
	char byte;

	good &= expect(peer >= 0, "accept");
	good &= expect(fd_send(client, &iov, 1, &client, 1) == 1, "sending an fd");
	good &= expect(fd_recv(peer, &byte, 1, fds, &n_fds) == 1 && n_fds == 1, "receiving an fd");
	struct ucred credentials;
	good &= expect(connector_peer(peer, &credentials) == 0 && credentials.uid == geteuid() &&
			credentials.pid > 0 && credentials.pid != getpid(),
		"telling who the peer is");
	for (int i = 0; i < 100; i++) {
		int more = connector_connect(&server, &taken);
		if (more == -EAGAIN) /* the listener's queue is full */
			break;
		good &= expect(more >= 0 && i < 99, "many connections");
		fd_close(&more);
	}
	good &= expect(fd_set_nonblock(peer) == 0 && fd_dup(peer) >= 0, "fcntl");
	return good;
}

static void new_connections_to_the_compositor_are_possible(void **state)
{
	assert_int_equal(run_sandboxed(check_sockets), 0);
}

static bool check_removal(void)
{
	bool good = true;
	if (!ADDRESS_SANITIZER &&
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) !=
			-1)
		good = expect(false, "a call that is not on the list worked");
	connector_finish(true);
	return good;
}

/* Somebody else has put theirs in its place. */
static bool check_replaced(void)
{
	char byte;
	bool good = expect(read(replaced[0], &byte, 1) == 1, "reading");
	connector_finish(true);
	return good;
}

static void the_socket_is_removed_at_the_end_unless_it_is_somebody_elses(void **state)
{
	char name[80];

	assert_int_equal(pipe(replaced), 0);
	assert_int_equal(write(replaced[1], "", 1), 1);
	snprintf(name, sizeof(name), "%s.away", socket_path);
	pid_t pid = fork();
	if (pid == 0) {
		const struct display_search compositor = {.first = address()};
		bool good = connector_start(&compositor, NULL, socket_path, NULL, true) == 0 &&
			rename(socket_path, name) == 0 && close(creat(socket_path, 0600)) == 0;
		_exit(good && sandbox_enter(SANDBOX_ON) && check_replaced() ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(unlink(socket_path), 0);
	assert_int_equal(rename(name, socket_path), 0);

	assert_int_equal(run_sandboxed(check_removal), 0);
	assert_int_equal(access(socket_path, F_OK), -1);
}

static bool check_abort(void)
{
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void a_failed_assertion_still_ends_the_process(void **state)
{
	int status = run_sandboxed(check_abort);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* prctl is out of the child's reach: the parent looks. */
static void no_privileges_can_be_gained(void **state)
{
	int ends[2];
	char status[4096] = "", path[64];
	if (ADDRESS_SANITIZER)
		skip();
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char byte;
		close(ends[1]);
		_exit(sandbox_enter(SANDBOX_ON) && read(ends[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(ends[0]);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	for (int i = 0; i < 6000 && !strstr(status, "NoNewPrivs:\t1"); i++) {
		int fd = open(path, O_RDONLY);
		ssize_t n = read(fd, status, sizeof(status) - 1);
		status[n > 0 ? n : 0] = 0;
		close(fd);
		usleep(10000);
	}
	assert_non_null(strstr(status, "NoNewPrivs:\t1"));
	close(ends[1]);
	int wait_status;
	waitpid(pid, &wait_status, 0);
	assert_int_equal(wait_status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_programs_and_the_network_are_out_of_reach),
		cmocka_unit_test(memory_and_events_work_on),
		cmocka_unit_test(new_connections_to_the_compositor_are_possible),
		cmocka_unit_test(a_failed_assertion_still_ends_the_process),
		cmocka_unit_test(no_privileges_can_be_gained),
		cmocka_unit_test(the_socket_is_removed_at_the_end_unless_it_is_somebody_elses),
	};
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
