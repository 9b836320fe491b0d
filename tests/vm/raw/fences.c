/*
 * fences: what the device's own steps cost in this guest, by bare ioctls, for tests/bench. Medians
 * of microseconds, as name=value pairs: submit   a submission with a fence of ring 0, until it is
 * signalled poll     a POLL for an event that waits already, until its event has come sync
 * wl_display.sync and POLL in one submission, until the answer has come
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wayland.h"

#define ROUNDS 2000
#define WARM_UP 200

static const uint32_t poll_command[4] = {RAW_POLL | 16u << 16};
static double samples[ROUNDS];

static double now_us(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

static void report(const char *name, char end)
{
	qsort(samples, ROUNDS, sizeof(*samples), compare);
	printf("%s=%.1f%c", name, samples[ROUNDS / 2], end);
}

/* POLL does nothing by itself; its fence is on ring 0 here. */
static double time_submit(struct wayland *wayland)
{
	double start = now_us();
	if (raw_submit_wait(&wayland->context, poll_command, sizeof(poll_command)) < 0)
		raw_die("no fence");
	return now_us() - start;
}

static void take_event(struct wayland *wayland)
{
	const uint8_t *page = raw_event(&wayland->context, 5000);
	if (!page || page[0] != RAW_RECEIVE)
		raw_die("no event");
}

static double time_poll(struct wayland *wayland)
{
	uint32_t sync[3] = {WAYLAND_DISPLAY_ID, 12u << 16, wayland_new_id(wayland)};
	raw_send(&wayland->context, sync, sizeof(sync), NULL, NULL, 0);
	/* The compositor answers meanwhile, and nobody falls asleep. */
	for (double end = now_us() + 1000; now_us() < end;)
		time_submit(wayland);
	double start = now_us();
	take_event(wayland);
	return now_us() - start;
}

static double time_sync(struct wayland *wayland)
{
	struct {
		struct raw_send send;
		uint32_t sync[3];
		uint32_t poll[4];
	} both = {
		.send = {.cmd = RAW_SEND, .cmd_size = sizeof(struct raw_send) + 12, .size = 12},
		.sync = {WAYLAND_DISPLAY_ID, 12u << 16, wayland_new_id(wayland)},
		.poll = {RAW_POLL | 16u << 16},
	};
	double start = now_us();
	if (raw_submit_event(&wayland->context, &both, sizeof(both.send) + 12 + 16) < 0)
		raw_die("no submission");
	wayland->context.polling = true;
	take_event(wayland);
	return now_us() - start;
}

static void measure(
	const char *name, double (*once)(struct wayland *), struct wayland *wayland, char end)
{
	for (int i = -WARM_UP; i < ROUNDS; i++) {
		double us = once(wayland);
		if (i >= 0)
			samples[i] = us;
	}
	report(name, end);
}

int main(void)
{
	static struct wayland wayland;
	raw_context_open(&wayland.context, RAW_PAGE);
	raw_init(&wayland.context, 20, 1);
	measure("submit", time_submit, &wayland, ' ');
	measure("poll", time_poll, &wayland, ' ');
	measure("sync", time_sync, &wayland, '\n');
	raw_context_close(&wayland.context);
	return 0;
}
