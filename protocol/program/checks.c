/* The report of both programs' doctor, and the checks that both have. */
#include "protocol/program/checks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#include "protocol/program/json.h"

#define NOUN_COLUMNS 16
#define UNIT_TIMEOUT_MS 3000

size_t checks_run(const struct check *checks, size_t n_checks, void *world, FILE *out)
{
	static const char *const words[] = {
		[CHECK_OK] = "ok",
		[CHECK_SKIPPED] = "skipped",
		[CHECK_WARNING] = "warning",
		[CHECK_FAILED] = "FAILED",
	};
	size_t n_failed = 0;

	for (size_t i = 0; i < n_checks; i++) {
		struct finding finding = {0};
		enum check_result result = checks[i].run(world, &finding, checks[i].argument);
		fprintf(out, "%-8s %-*s %s\n", words[result], NOUN_COLUMNS, checks[i].noun,
			finding.found);
		if (finding.remedy[0])
			fprintf(out, "%-8s %-*s -> %s\n", "", NOUN_COLUMNS, "", finding.remedy);
		fflush(out); /* the next check may be slow */
		n_failed += result == CHECK_FAILED;
	}
	return n_failed;
}

size_t checks_run_json(const struct check *checks, size_t n_checks, void *world, FILE *out)
{
	static const char *const words[] = {
		[CHECK_OK] = "ok",
		[CHECK_SKIPPED] = "skipped",
		[CHECK_WARNING] = "warning",
		[CHECK_FAILED] = "failed",
	};
	size_t n_failed = 0;

	fputs("[", out);
	for (size_t i = 0; i < n_checks; i++) {
		struct finding finding = {0};
		enum check_result result = checks[i].run(world, &finding, checks[i].argument);
		fprintf(out, "%s\n  {\"check\": ", i > 0 ? "," : "");
		json_print_string(out, checks[i].noun);
		fprintf(out, ", \"result\": \"%s\", \"found\": ", words[result]);
		json_print_string(out, finding.found);
		if (finding.remedy[0]) {
			fputs(", \"remedy\": ", out);
			json_print_string(out, finding.remedy);
		}
		fputs("}", out);
		n_failed += result == CHECK_FAILED;
	}
	fputs("\n]\n", out);
	return n_failed;
}

enum check_result finding_ok(struct finding *finding, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(finding->found, sizeof(finding->found), format, args);
	va_end(args);
	return CHECK_OK;
}

enum check_result finding_skip(struct finding *finding, const char *why)
{
	snprintf(finding->found, sizeof(finding->found), "%s", why);
	return CHECK_SKIPPED;
}

void finding_found(struct finding *finding, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(finding->found, sizeof(finding->found), format, args);
	va_end(args);
}

enum check_result finding_remedy(
	struct finding *finding, enum check_result result, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(finding->remedy, sizeof(finding->remedy), format, args);
	va_end(args);
	return result;
}

const char *checks_directory_fault(const char *path)
{
	struct stat status;

	if (path[0] != '/')
		return "it is no absolute path";
	if (stat(path, &status) < 0)
		return strerror(errno);
	if (!S_ISDIR(status.st_mode))
		return "it is no directory";
	if (geteuid() != 0 && status.st_uid != geteuid())
		return "it belongs to somebody else";
	if (status.st_mode & 022)
		return "others can write to it";
	return access(path, W_OK) < 0 ? strerror(errno) : NULL;
}

enum check_result check_runtime_directory(void *world, struct finding *finding, int argument)
{
	const char *path = getenv("XDG_RUNTIME_DIR");
	const char *fault = path && path[0] ? checks_directory_fault(path) : "it is not set";

	if (!fault)
		return finding_ok(finding, "%s", path);
	finding_found(finding, "%s: %s", path && path[0] ? path : "$XDG_RUNTIME_DIR", fault);
	return finding_remedy(finding, CHECK_FAILED,
		"log in by way of PAM (libpam-systemd makes /run/user/%u; su and sudo do not), or "
		"set it to a directory of yours with mode 700",
		(unsigned)geteuid());
}

enum check_result check_open_files(void *world, struct finding *finding, int argument)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max >= (rlim_t)argument)
		return finding_ok(finding, "as many as are needed");
	finding_found(finding, "at most %llu: few applications at a time",
		(unsigned long long)limit.rlim_max);
	return finding_remedy(finding, CHECK_WARNING,
		"raise the hard limit to %d: LimitNOFILE= of the unit, or nofile in "
		"/etc/security/limits.conf",
		argument);
}

enum check_result check_sealed_memory(void *world, struct finding *finding, int argument)
{
	int fd = fd_memfd("wayferry doctor", 4096);

	if (fd < 0) {
		finding_found(finding, "no sealed memfd: %s", strerror(-fd));
		return finding_remedy(finding, CHECK_FAILED,
			"use a kernel with CONFIG_MEMFD_CREATE, and allow memfd_create and "
			"F_ADD_SEALS where a container's seccomp profile forbids them");
	}
	fd_close(&fd);
	return finding_ok(finding, "memfd, sealed");
}

/* Reads until end of file or @deadline_ms; what does not fit is dropped. 0 or -ETIMEDOUT. */
static int read_all(int fd, int64_t deadline_ms, char *output, size_t size)
{
	char spare[512];
	size_t length = 0;

	output[0] = 0;
	for (;;) {
		struct pollfd events = {.fd = fd, .events = POLLIN};
		int64_t left_ms = deadline_ms - monotonic_ms();
		if (left_ms <= 0)
			return -ETIMEDOUT;
		if (poll(&events, 1, (int)left_ms) <= 0)
			continue;
		bool full = length + 1 >= size;
		ssize_t n = read(fd, full ? spare : output + length,
			full ? sizeof(spare) : size - 1 - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		if (!full)
			output[length += (size_t)n] = 0;
	}
}

/* In the child: @out and @err are its standard output and error; there is no input. */
static void become(char *const argv[], int out, int err)
{
	int null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
		(err != STDERR_FILENO && dup2(err < 0 ? null : err, STDERR_FILENO) < 0))
		_exit(126);
	execvp(argv[0], argv);
	_exit(errno == ENOENT ? 127 : 126);
}

static int capture(char *const argv[], int err, int timeout_ms, char *output, size_t size)
{
	int ends[2], status = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		become(argv, ends[1], err);
	int error = pid < 0 ? -errno : 0;
	fd_close(&ends[1]);
	if (error == 0)
		error = read_all(ends[0], monotonic_ms() + timeout_ms, output, size);
	fd_close(&ends[0]);
	if (pid < 0)
		return error;
	if (error < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (error < 0)
		return error;
	if (!WIFEXITED(status))
		return -EIO;
	return WEXITSTATUS(status) == 127 ? -ENOENT : WEXITSTATUS(status);
}

int checks_capture(char *const argv[], int timeout_ms, char *output, size_t size)
{
	return capture(argv, -1, timeout_ms, output, size);
}

int checks_command(char *const argv[])
{
	char said[256];

	return capture(argv, STDERR_FILENO, INT_MAX, said, sizeof(said));
}

void checks_unit_state(const char *unit, char *state, size_t size)
{
	char *argv[] = {"systemctl", "--user", "is-active", (char *)unit, NULL};

	if (checks_capture(argv, UNIT_TIMEOUT_MS, state, size) < 0)
		state[0] = 0;
	state[strcspn(state, "\n")] = 0;
}
