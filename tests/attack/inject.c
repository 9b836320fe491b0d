/*
 * Has another process make a system call, as code of an attacker's in it would: traces it, and
 * prints what the call returned: a number, or the error's name.
 *
 *     inject PID CALL [ARGUMENT...]
 *
 * Arguments are numbers, s:TEXT (a string in the process's memory), u:PATH (a struct sockaddr_un;
 * @NAME is an abstract one) or b:SIZE (so many zero bytes). That happens when the process is inside
 * a system call that waits, with which it goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <elf.h>

#define MAX_ARGUMENTS 6
#define SCRATCH_BYTES 2048
#define RED_ZONE 256

#if defined(__x86_64__)
typedef struct user_regs_struct registers;
#define INSTRUCTION_BYTES 2
static const uint8_t instruction[INSTRUCTION_BYTES] = {0x0f, 0x05}; /* syscall */
#define PC(r) ((r).rip)
#define SP(r) ((r).rsp)
#define RESULT(r) ((int64_t)(r).rax)
static void set_call(registers *r, long call, const uint64_t arguments[MAX_ARGUMENTS])
{
	r->rip -= INSTRUCTION_BYTES;
	r->rax = (uint64_t)call;
	r->orig_rax = (uint64_t)-1; /* nothing to restart */
	r->rdi = arguments[0];
	r->rsi = arguments[1];
	r->rdx = arguments[2];
	r->r10 = arguments[3];
	r->r8 = arguments[4];
	r->r9 = arguments[5];
}
#elif defined(__aarch64__)
typedef struct user_regs_struct registers;
#define INSTRUCTION_BYTES 4
static const uint8_t instruction[INSTRUCTION_BYTES] = {0x01, 0x00, 0x00, 0xd4}; /* svc #0 */
#define PC(r) ((r).pc)
#define SP(r) ((r).sp)
#define RESULT(r) ((int64_t)(r).regs[0])
static void set_call(registers *r, long call, const uint64_t arguments[MAX_ARGUMENTS])
{
	r->pc -= INSTRUCTION_BYTES;
	r->regs[8] = (uint64_t)call;
	for (int i = 0; i < MAX_ARGUMENTS; i++)
		r->regs[i] = arguments[i];
}
#else
#error "which registers?"
#endif

static void __attribute__((noreturn)) give_up(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void get_registers(pid_t pid, registers *r)
{
	struct iovec iov = {r, sizeof(*r)};
	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov) < 0)
		give_up("reading registers");
}

static void set_registers(pid_t pid, registers *r)
{
	struct iovec iov = {r, sizeof(*r)};
	if (ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &iov) < 0)
		give_up("writing registers");
}

static void await_stop(pid_t pid)
{
	int status;
	if (waitpid(pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
		give_up("waiting for it to stop");
}

/* Whether it stands behind an instruction that makes a system call. */
static bool in_call(int memory, const registers *r)
{
	uint8_t bytes[INSTRUCTION_BYTES];
	return pread(memory, bytes, sizeof(bytes), (off_t)(PC(*r) - sizeof(bytes))) ==
		(ssize_t)sizeof(bytes) &&
		memcmp(bytes, instruction, sizeof(bytes)) == 0;
}

/* Stops it in a system call. */
static void stop_in_call(pid_t pid, int memory, registers *r)
{
	for (;;) {
		if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
			give_up("interrupting");
		await_stop(pid);
		get_registers(pid, r);
		if (in_call(memory, r))
			return;
		if (ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
			give_up("going on");
		usleep(1000);
	}
}

/* What the process is to have in memory, from @address on. */
static struct {
	uint64_t address;
	uint8_t bytes[SCRATCH_BYTES];
	size_t used;
} scratch;

static uint64_t place(const void *bytes, size_t size)
{
	size_t at = (scratch.used + 15) & ~(size_t)15;
	if (size > SCRATCH_BYTES - at) {
		errno = E2BIG;
		give_up("arguments");
	}
	if (bytes)
		memcpy(scratch.bytes + at, bytes, size);
	scratch.used = at + size;
	return scratch.address + at;
}

static uint64_t parse_argument(const char *text)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (text[0] && text[1] == ':') {
		const char *value = text + 2;
		switch (text[0]) {
		case 's':
			return place(value, strlen(value) + 1);
		case 'u':
			snprintf(address.sun_path, sizeof(address.sun_path), "%s", value);
			if (value[0] == '@')
				address.sun_path[0] = 0;
			return place(&address, sizeof(address));
		case 'b':
			return place(NULL, strtoul(value, NULL, 0));
		}
	}
	return text[0] == '-' ? (uint64_t)strtoll(text, NULL, 0) : strtoull(text, NULL, 0);
}

int main(int argc, char **argv)
{
	uint64_t arguments[MAX_ARGUMENTS] = {0};
	registers saved, r;
	char path[64];

	if (argc < 3 || argc > 3 + MAX_ARGUMENTS) {
		fprintf(stderr, "usage: inject PID CALL [ARGUMENT...]\n");
		return 2;
	}
	pid_t pid = (pid_t)atoi(argv[1]);
	int call = seccomp_syscall_resolve_name(argv[2]);
	if (call < 0) {
		errno = ENOSYS;
		give_up(argv[2]);
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		give_up("tracing");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	int memory = open(path, O_RDWR | O_CLOEXEC);
	if (memory < 0)
		give_up("opening its memory");
	stop_in_call(pid, memory, &saved);
	scratch.address = (SP(saved) - RED_ZONE - SCRATCH_BYTES) & ~(uint64_t)15;
	for (int i = 3; i < argc; i++)
		arguments[i - 3] = parse_argument(argv[i]);
	if (pwrite(memory, scratch.bytes, scratch.used, (off_t)scratch.address) !=
		(ssize_t)scratch.used)
		give_up("writing its memory");
	r = saved;
	set_call(&r, call, arguments);
	set_registers(pid, &r);
	/* Into the call, and out of it. */
	for (int i = 0; i < 2; i++) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0)
			give_up("going on");
		await_stop(pid);
	}
	get_registers(pid, &r);
	int64_t result = RESULT(r);
	set_registers(pid, &saved);
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
		give_up("leaving it");
	if (result < 0 && result > -4096)
		printf("%s\n", strerrorname_np((int)-result) ? strerrorname_np((int)-result) : "?");
	else
		printf("%lld\n", (long long)result);
	return 0;
}
