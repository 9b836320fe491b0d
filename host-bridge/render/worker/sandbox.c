/*
 * What wayferry-renderer and its workers give up. Mesa, LLVM and the drivers of GPUs need far more
 * system calls than the device does (code made at run time, threads, their own files), so the
 * filter is a list of what is forbidden; files and devices are a list of what is allowed.
 */
#include "host-bridge/render/worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host-bridge/confine/filter.h"
#include "host-bridge/confine/landlock.h"
#include "host-bridge/confine/namespaces.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/sanitizer.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

#define MAX_FILES 4096
#define MAX_MAPPED_BYTES (UINT64_C(1) << 40) /* guest memory is mapped whole; LLVM is large */
/*
 * And threads, of all workers of one machine: on a large processor llvmpipe starts 32 of them for a
 * context.
 */
#define MAX_PROCESSES 8192
#define MAX_PLACES 64

static struct {
	struct place places[MAX_PLACES];
	size_t n_places;
	bool has_proc; /* /proc shows this machine's workers and nothing else */
	/*
	 * The server's program is open as this fd, above all that can be opened later. So a filter
	 * knows it, and once the program has started (which closes it) no fd has its number.
	 */
	int server_fd;
	char noexec[PATH_MAX], preload[PATH_MAX + 16];
	char *environment[512];
	int namespaces, namespaces_error; /* as namespaces_find has them */
	struct first {
		bool made;
		struct confinement confinement;
	} * first; /* spawner's steps: shared memory of all spawners, and not of workers */
} sandbox;

/* --- places --- */

static const struct place usual_places[] = {
	{"/usr", PLACE_READ},
	{"/lib", PLACE_READ},
	{"/lib32", PLACE_READ},
	{"/lib64", PLACE_READ},
	{"/libx32", PLACE_READ},
	{"/nix/store", PLACE_READ},
	{"/gnu/store", PLACE_READ},
	{"/opt/amdgpu", PLACE_READ},
	{"/opt/amdgpu-pro", PLACE_READ},
	{"/run/opengl-driver", PLACE_READ},
	{"/etc/alternatives", PLACE_READ},
	{"/etc/drirc", PLACE_READ},
	{"/etc/egl", PLACE_READ},
	{"/etc/glvnd", PLACE_READ},
	{"/etc/ld.so.cache", PLACE_READ},
	{"/etc/vulkan", PLACE_READ},
	{"/sys/bus", PLACE_READ},
	{"/sys/class/drm", PLACE_READ},
	{"/sys/dev", PLACE_READ},
	{"/sys/devices", PLACE_READ},
	{"/dev/dri", PLACE_LIST},
	{"/dev/full", PLACE_DEVICE},
	{"/dev/null", PLACE_DEVICE},
	{"/dev/random", PLACE_DEVICE},
	{"/dev/udmabuf", PLACE_DEVICE},
	{"/dev/urandom", PLACE_DEVICE},
	{"/dev/zero", PLACE_DEVICE},
};

/* GPUs: without the nodes by which screens are set. NVIDIA's driver has its own. */
static const char *const gpu_nodes[] = {"/dev/dri/renderD*", "/dev/nvidia*"};

/* Variables by which users name drivers elsewhere: lists with colons. */
static const char *const variables[] = {
	"GBM_BACKENDS_PATH",
	"LD_LIBRARY_PATH",
	"LD_PRELOAD",
	"LIBGL_DRIVERS_PATH",
	"VK_ADD_DRIVER_FILES",
	"VK_DRIVER_FILES",
	"VK_ICD_FILENAMES",
	"VK_LAYER_PATH",
	"__EGL_VENDOR_LIBRARY_DIRS",
	"__EGL_VENDOR_LIBRARY_FILENAMES",
};

/* @path must last. */
static void add_place(const char *path, enum place_use use)
{
	if (path[0] == '/' && path[1] && sandbox.n_places < MAX_PLACES)
		sandbox.places[sandbox.n_places++] = (struct place){path, use};
}

static void find_places(const char *render_node)
{
	static glob_t nodes; /* never freed: places point to it */

	for (size_t i = 0; i < ARRAY_LENGTH(usual_places); i++)
		add_place(usual_places[i].path, usual_places[i].use);
	for (size_t i = 0; i < ARRAY_LENGTH(gpu_nodes); i++)
		glob(gpu_nodes[i], i > 0 ? GLOB_APPEND : 0, NULL, &nodes);
	for (size_t i = 0; i < nodes.gl_pathc; i++)
		add_place(nodes.gl_pathv[i], PLACE_DEVICE);
	if (render_node)
		add_place(render_node, PLACE_DEVICE);
	for (size_t i = 0; i < ARRAY_LENGTH(variables); i++) {
		const char *value = getenv(variables[i]);
		char *copy = value ? strdup(value) : NULL, *rest = copy, *path;
		while (copy && (path = strsep(&rest, ":")))
			add_place(path, PLACE_READ);
	}
	add_place(sandbox.noexec, PLACE_READ);
}

/* --- the spawner --- */

/* The library that ends exec in the server stands beside this program. */
static void find_noexec(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = 0;
	char *slash = strrchr(self, '/');
	if (!slash)
		return;
	*slash = 0;
	if (snprintf(sandbox.noexec, sizeof(sandbox.noexec), "%s/libwayferry-noexec.so", self) >=
			(int)sizeof(sandbox.noexec) ||
		access(sandbox.noexec, R_OK) < 0)
		sandbox.noexec[0] = 0;
}

static void limit(int resource, rlim_t value)
{
	struct rlimit limits;

	if (getrlimit(resource, &limits) < 0)
		return;
	limits.rlim_max = limits.rlim_max < value ? limits.rlim_max : value;
	limits.rlim_cur = limits.rlim_max;
	setrlimit(resource, &limits);
}

bool sandbox_find(enum sandbox_mode mode, const char *render_node)
{
	if (mode == SANDBOX_OFF || ADDRESS_SANITIZER)
		return true;
	find_noexec();
	find_places(render_node);
	int kinds = namespaces_find(CLONE_NEWPID);
	sandbox.namespaces = kinds < 0 ? 0 : kinds;
	sandbox.namespaces_error = kinds < 0 ? kinds : 0;
	sandbox.first = mmap(NULL, sizeof(*sandbox.first), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return sandbox.first != MAP_FAILED;
}

pid_t sandbox_fork(void)
{
	return namespaces_fork(sandbox.namespaces);
}

static void confine(struct confinement *confinement)
{
	int *errors = confinement->errors, proc_error = 0;

	*confinement = (struct confinement){0};
	errors[CONFINE_EXEC] = sandbox.noexec[0] ? 0 : -ENOENT;
	errors[CONFINE_LANDLOCK] = landlock_version() < 0 ? landlock_version() : 0;
	errors[CONFINE_NAMESPACES] = sandbox.namespaces_error;
	if (errors[CONFINE_NAMESPACES] == 0) {
		errors[CONFINE_ROOT] =
			namespaces_replace_root(sandbox.places, sandbox.n_places, &proc_error);
		errors[CONFINE_PROCESSES] = proc_error;
		sandbox.has_proc = errors[CONFINE_ROOT] == 0 && proc_error == 0;
		/* In a user namespace of their own its processes are counted apart. */
		limit(RLIMIT_NPROC, MAX_PROCESSES);
	} else {
		errors[CONFINE_ROOT] = errors[CONFINE_PROCESSES] = errors[CONFINE_NAMESPACES];
	}
	if (sandbox.has_proc)
		add_place("/proc", PLACE_READ);
	namespaces_drop_capabilities();
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Whether no step is missing that the first spawner could make. */
static bool is_as_the_first(const struct confinement *confinement)
{
	for (enum confine_step step = 0; step < CONFINE_N_STEPS; step++) {
		int error = confinement->errors[step];
		if (error == 0 || sandbox.first->confinement.errors[step] != 0)
			continue;
		log_err("no %s, which there was before: %s", confine_step_text(step)->name,
			strerror(-error));
		return false;
	}
	return true;
}

bool sandbox_spawner(enum sandbox_mode mode)
{
	struct confinement confinement;

	if (mode == SANDBOX_OFF || ADDRESS_SANITIZER)
		return true;
	confine(&confinement);
	madvise(sandbox.first, sizeof(*sandbox.first), MADV_DONTFORK);
	if (sandbox.first->made)
		return is_as_the_first(&confinement);
	*sandbox.first = (struct first){.made = true, .confinement = confinement};
	return confinement_suffices(&confinement, mode);
}

/* --- workers --- */

#define FORBID(name) FILTER_CALL(name, EPERM)
/*
 * Forbidden when argument @index has all of @bits; is @value in the 32 bits that the kernel looks
 * at; is not @value.
 */
#define FORBID_BITS(name, index, bits) FILTER_CALL_IF(name, EPERM, index, MASKED_EQ, bits, bits)
#define FORBID_VALUE(name, index, value)                                                           \
	FILTER_CALL_IF(name, EPERM, index, MASKED_EQ, UINT32_MAX, value)
#define FORBID_OTHERS(name, index, value) FILTER_CALL_IF(name, EPERM, index, NE, value, 0)

static const struct filter_rule forbidden_calls[] = {
	/* other processes */
	FORBID(kcmp),
	FORBID(kill),
	FORBID(migrate_pages),
	FORBID(move_pages),
	FORBID(perf_event_open),
	FORBID(pidfd_getfd),
	FORBID(pidfd_open),
	FORBID(pidfd_send_signal),
	FORBID(process_madvise),
	FORBID(process_mrelease),
	FORBID(process_vm_readv),
	FORBID(process_vm_writev),
	FORBID(ptrace),
	FORBID(rt_sigqueueinfo),
	FORBID(rt_tgsigqueueinfo),
	FORBID(setpriority),
	FORBID(tgkill),
	FORBID(tkill),
	FORBID_VALUE(fcntl, 1, F_SETOWN),
	FORBID_VALUE(fcntl, 1, F_SETOWN_EX),
	FORBID_VALUE(fcntl, 1, F_SETSIG),
	FORBID_VALUE(ioctl, 1, FIOSETOWN),
	FORBID_VALUE(ioctl, 1, SIOCSPGRP),
	/* limits: reading one's own is fine */
	FORBID(setrlimit),
	FORBID_OTHERS(prlimit64, 0, 0),
	FORBID_OTHERS(prlimit64, 2, 0),
	/* programs: but the server's, once; see load_filter */
	FORBID(execve),
	FORBID_OTHERS(execveat, 4, AT_EMPTY_PATH),
	/* the terminal that standard error may be */
	FORBID_VALUE(ioctl, 1, TIOCLINUX),
	FORBID_VALUE(ioctl, 1, TIOCSTI),
	/* the network, and sockets of others */
	FORBID(bind),
	FORBID(connect),
	FORBID(listen),
	FORBID(socket),
	FILTER_CALL_IF(socketpair, EPERM, 1, MASKED_EQ, 0xf, SOCK_DGRAM),
	/* System V's IPC and message queues */
	FORBID(mq_open),
	FORBID(msgget),
	FORBID(semget),
	FORBID(shmget),
	/* the file system */
	FORBID(chmod),
	FORBID(chown),
	FORBID(creat),
	FORBID(fanotify_init),
	FORBID(fchmod),
	FORBID(fchmodat),
	FORBID(fchown),
	FORBID(fchownat),
	FORBID(fsetxattr),
	FORBID(lchown),
	FORBID(link),
	FORBID(linkat),
	FORBID(lsetxattr),
	FORBID(mkdir),
	FORBID(mkdirat),
	FORBID(mknod),
	FORBID(mknodat),
	FORBID(name_to_handle_at),
	FORBID(open_by_handle_at),
	FORBID(openat2), /* its flags lie in memory, where a filter does not see them */
	FORBID(rename),
	FORBID(renameat),
	FORBID(renameat2),
	FORBID(rmdir),
	FORBID(setxattr),
	FORBID(symlink),
	FORBID(symlinkat),
	FORBID(truncate),
	FORBID(unlink),
	FORBID(unlinkat),
	FORBID(utimensat),
	FORBID_BITS(open, 1, O_CREAT),
	FORBID_BITS(open, 1, O_TRUNC),
	FORBID_BITS(open, 1, __O_TMPFILE),
	FORBID_BITS(openat, 2, O_CREAT),
	FORBID_BITS(openat, 2, O_TRUNC),
	FORBID_BITS(openat, 2, __O_TMPFILE),
	/* namespaces and mounts; clone3's flags lie in memory, libc then takes clone */
	FILTER_CALL(clone3, ENOSYS),
	FORBID_BITS(clone, 0, CLONE_NEWCGROUP),
	FORBID_BITS(clone, 0, CLONE_NEWIPC),
	FORBID_BITS(clone, 0, CLONE_NEWNET),
	FORBID_BITS(clone, 0, CLONE_NEWNS),
	FORBID_BITS(clone, 0, CLONE_NEWPID),
	FORBID_BITS(clone, 0, CLONE_NEWUSER),
	FORBID_BITS(clone, 0, CLONE_NEWUTS),
	FORBID(chroot),
	FORBID(fsconfig),
	FORBID(fsmount),
	FORBID(fsopen),
	FORBID(fspick),
	FORBID(mount),
	FORBID(mount_setattr),
	FORBID(move_mount),
	FORBID(open_tree),
	FORBID(pivot_root),
	FORBID(setns),
	FORBID(umount2),
	FORBID(unshare),
	/* the system */
	FORBID(acct),
	FORBID(add_key),
	FORBID(bpf),
	FORBID(capset),
	FORBID(delete_module),
	FORBID(finit_module),
	FORBID(init_module),
	FORBID(io_uring_enter),
	FORBID(io_uring_register),
	FORBID(io_uring_setup),
	FORBID(kexec_file_load),
	FORBID(kexec_load),
	FORBID(keyctl),
	FORBID(personality),
	FORBID(quotactl),
	FORBID(reboot),
	FORBID(request_key),
	FORBID(setgid),
	FORBID(setgroups),
	FORBID(setregid),
	FORBID(setresgid),
	FORBID(setresuid),
	FORBID(setreuid),
	FORBID(setuid),
	FORBID(swapoff),
	FORBID(swapon),
	FORBID(syslog),
	FORBID(userfaultfd),
};

static int load_filter(void)
{
	struct filter_rule rules[ARRAY_LENGTH(forbidden_calls) + 1];

	memcpy(rules, forbidden_calls, sizeof(forbidden_calls));
	rules[ARRAY_LENGTH(forbidden_calls)] =
		(struct filter_rule)FORBID_OTHERS(execveat, 0, (scmp_datum_t)sandbox.server_fd);
	return filter_load(0, rules, ARRAY_LENGTH(rules));
}

int sandbox_server(char *const **environment)
{
	const char *preloaded = getenv("LD_PRELOAD");
	size_t n = 0;

	*environment = environ;
	if (fcntl(sandbox.server_fd, F_GETFD) < 0)
		return -ENOENT;
	if (!sandbox.noexec[0])
		return sandbox.server_fd;
	snprintf(sandbox.preload, sizeof(sandbox.preload), "LD_PRELOAD=%s%s%s", sandbox.noexec,
		preloaded ? ":" : "", preloaded ? preloaded : "");
	sandbox.environment[n++] = sandbox.preload;
	for (char **variable = environ; *variable; variable++)
		if (n + 1 < ARRAY_LENGTH(sandbox.environment) &&
			strncmp(*variable, "LD_PRELOAD=", 11) != 0)
			sandbox.environment[n++] = *variable;
	*environment = sandbox.environment;
	return sandbox.server_fd;
}

#ifndef RENDER_SERVER_PATH
#define RENDER_SERVER_PATH "" /* built without libvirglrenderer */
#endif

/* Opens the server's program as the last fd that there can be, and lowers that limit by one. */
static void open_server(void)
{
	const char *named = getenv("RENDER_SERVER_EXEC_PATH"); /* the library's own variable */
	const char *const paths[] = {named ? named : "", RENDER_SERVER_PATH,
		"/usr/libexec/virgl_render_server", "/usr/lib/virgl_render_server"};
	struct rlimit limits = {.rlim_cur = MAX_FILES};
	int fd = -1;

	getrlimit(RLIMIT_NOFILE, &limits);
	sandbox.server_fd = (int)limits.rlim_cur - 1;
	for (size_t i = 0; i < ARRAY_LENGTH(paths) && fd < 0; i++)
		fd = open(paths[i], O_PATH | O_CLOEXEC);
	if (fd >= 0 && dup3(fd, sandbox.server_fd, O_CLOEXEC) < 0)
		log_err("the server for Vulkan: %s", strerror(errno));
	fd_close(&fd);
	limit(RLIMIT_NOFILE, (rlim_t)sandbox.server_fd);
}

bool sandbox_worker(enum sandbox_mode mode)
{
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, MAX_FILES);
	open_server();
	if (!ADDRESS_SANITIZER) /* its shadow of the memory is larger */
		limit(RLIMIT_AS, MAX_MAPPED_BYTES);
	if (mode == SANDBOX_OFF)
		return true;
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	int error = ADDRESS_SANITIZER ? 0 : landlock_enter(sandbox.places, sandbox.n_places);
	/* The spawner has said where there is no Landlock. */
	if (error < 0 && error != -ENOSYS && error != -EOPNOTSUPP && error != -EPERM) {
		log_err("Landlock: %s", strerror(-error));
		return false;
	}
	error = load_filter();
	if (error < 0)
		log_err("filter of system calls: %s", strerror(-error));
	return error == 0;
}

bool sandbox_worker_started(enum sandbox_mode mode)
{
	static const struct filter_rule no_exec[] = {FORBID(execveat)};

	fd_close(&sandbox.server_fd);
	if (mode == SANDBOX_OFF)
		return true;
	int error = filter_load(0, no_exec, ARRAY_LENGTH(no_exec));
	if (error < 0)
		log_err("filter of system calls: %s", strerror(-error));
	return error == 0;
}
