/*
 * `wayferry-guest doctor`: a table of checks, from the kernel to the host's compositor. Each uses
 * what those before it found, in struct doctor, and is skipped where that is missing.
 */
#include "guest-proxy/doctor/doctor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest-proxy/doctor/doctor_checks.h"
#include "protocol/base/bytes.h"

#define LOG_MODULE "doctor"
#include "protocol/base/log.h"

#define FILES_WANTED 4096
#define SILENCE_S 20 /* then the host does not answer any more */

static const struct check checks[] = {
	{"kernel", check_kernel, 0},
	{"runtime directory", check_runtime, 0},
	{"render node", check_node, 0},
	{"permissions", check_permissions, 0},
	{"driver", check_driver, 0},
	{"contexts", check_feature, 0},
	{"capset query", check_feature, 1},
	{"blobs", check_feature, 2},
	{"context types", check_feature, 3},
	{"capsets", check_feature, 4},
	{"host-visible region", check_region, 0},
	{"device", check_device, 0},
	{"capset 5", check_capset, 0},
	{"context", check_context, 0},
	{"compositor", check_compositor, 0},
	{"buffers", check_buffers, 0},
	{"clock", check_clock, 0},
	{"open files", check_open_files, FILES_WANTED},
	{"service", check_unit, 0},
	{"variable", check_variable, 0},
	{"X11", check_x11, 0},
};
static_assert(VIRTGPU_N_FEATURES == 5, "a line for each feature");

static void handle_silence(int number)
{
	static const char text[] =
		"FAILED   answer           the device has not answered for 20 s\n"
		"                          -> see whether wayferry-host still runs on the host; "
		"after "
		"its restart, replace the device or restart the machine\n";
	ssize_t written = write(STDOUT_FILENO, text, sizeof(text) - 1);
	(void)written;
	_exit(1);
}

int doctor_run(const struct doctor_settings *settings, FILE *out)
{
	struct doctor doctor = {.settings = settings, .node = {.fd = -ENOENT}};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, handle_silence);
	alarm(SILENCE_S);
	log_set_level(LOG_LEVEL_ERROR);
	doctor.loop = wl_event_loop_create();
	if (!doctor.loop)
		return EXIT_FAILURE;
	size_t n_failed = checks_run(checks, ARRAY_LENGTH(checks), &doctor, out);
	if (n_failed > 0)
		fprintf(out, "\n%zu of %zu checks failed: applications would have no windows.\n",
			n_failed, ARRAY_LENGTH(checks));
	channel_destroy(doctor.channel);
	if (doctor.gpu)
		doctor.gpu->ops->destroy(doctor.gpu);
	if (doctor.node.fd >= 0)
		close(doctor.node.fd);
	wl_event_loop_destroy(doctor.loop);
	alarm(0);
	return n_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
