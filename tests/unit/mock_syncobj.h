/*
 * A kernel with timelines, without a kernel: it stands in for virtgpu_ioctl(). A timeline is a
 * memfd; one that is imported more than once is still one timeline.
 */
#ifndef TESTS_MOCK_SYNCOBJ_H
#define TESTS_MOCK_SYNCOBJ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MOCK_TIMELINES 4096

struct mock_syncobj {
	bool no_timelines, no_eventfd; /* what it lacks */
	unsigned long failing;         /* this call fails */
	int failing_with;
	int drm; /* the fd that calls came for last */
	struct {
		uint32_t handle; /* 0: free */
		ino_t timeline;
	} names[MOCK_TIMELINES];
	uint32_t last_handle;
	struct {
		ino_t timeline; /* 0: free */
		uint64_t value;
	} values[MOCK_TIMELINES];
	struct {
		int fd; /* of the waiting; 0: free */
		ino_t timeline;
		uint64_t point;
	} waits[MOCK_TIMELINES];
};

extern struct mock_syncobj mock_syncobj;

void mock_syncobj_start(void);
void mock_syncobj_stop(void);
/* A new timeline, the caller's. */
int mock_syncobj_timeline(void);
/* The last point of @timeline that is signalled. */
uint64_t mock_syncobj_value(int timeline);
void mock_syncobj_signal(int timeline, uint64_t point);
/* Names of timelines that are in use. */
unsigned mock_syncobj_names(void);

#endif
