/*
 * A guest that makes one 3D context and keeps it: hold-context SOCKET CAPSET. Says "ready" when the
 * device has answered, and goes on until it is ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-proxy/gpu/vhost_user/gpu_queue.h"
#include "guest-proxy/gpu/turn.h"

static void handle_answered(void *data, void *owner, unsigned tag, uint32_t type)
{
}

static void handle_turn(void *data)
{
}

static void handle_lost(void *data, const char *why)
{
	fprintf(stderr, "the device is lost: %s\n", why);
	exit(1);
}

int main(int argc, char **argv)
{
	static const struct gpu_queue_listener listener = {
		.answered = handle_answered, .turn = handle_turn, .lost = handle_lost};
	static struct turn turn;
	struct virtio_gpu_ctx_create create = {
		.hdr = {.type = VIRTIO_GPU_CMD_CTX_CREATE, .ctx_id = 7}, .nlen = 4};
	struct gpu_answer answer = {0};
	const struct gpu_command command = {
		.bytes = &create, .size = sizeof(create), .answer = &answer};

	if (argc != 3)
		return 2;
	create.context_init = (uint32_t)atoi(argv[2]);
	strcpy(create.debug_name, "held");
	turn_init(&turn, wl_event_loop_create());
	struct gpu_queue *queue = gpu_queue_open(&turn, argv[1], &listener, NULL);
	if (!queue)
		return 1;
	gpu_queue_command(queue, &command);
	gpu_queue_publish(queue);
	if (gpu_queue_wait(queue, &answer) < 0 || answer.type != VIRTIO_GPU_RESP_OK_NODATA)
		return 1;
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}
