/*
 * What stands in for a library that renders: it draws nothing, but has blobs that are shared. A
 * submission is words: what to do, and with what. One library includes it once.
 */
#ifndef TESTS_RENDERER_STAND_IN_H
#define TESTS_RENDERER_STAND_IN_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { WRITE = 1, CRASH = 2, HANG = 3 };

#define BLOBS 8
#define REFUSED_BLOB 13 /* the blob id of memory that cannot be had */
#define CAPSET_BYTES 40
#define CAPSET_VERSION 7
#define RINGS 4

static struct blob {
	uint32_t resource;
	int fd; /* -1: the guest's */
	uint32_t *words;
	size_t size;
} blobs[BLOBS];

static inline struct blob *stand_in_find(uint32_t resource)
{
	for (int i = 0; i < BLOBS; i++) {
		if (blobs[i].resource == resource)
			return &blobs[i];
	}
	return NULL;
}

static inline int stand_in_submit(const uint32_t *words, uint32_t n_words)
{
	if (n_words < 1)
		return -EINVAL;
	switch (words[0]) {
	case WRITE: {
		const struct blob *blob = n_words == 3 ? stand_in_find(words[1]) : NULL;
		if (!blob || !blob->resource)
			return -ENOENT;
		for (size_t i = 0; i < blob->size / 4; i++)
			blob->words[i] = words[2];
		return 0;
	}
	case CRASH:
		abort();
	case HANG:
		for (;;)
			pause();
	default:
		return -EINVAL;
	}
}

/* Takes @fd; -1: @words are the guest's. */
static inline int stand_in_add(uint32_t resource, int fd, void *words, size_t size)
{
	struct blob *blob = stand_in_find(0);

	if (!blob)
		return -ENOMEM;
	if (fd >= 0)
		words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (words == MAP_FAILED)
		return -ENOMEM;
	*blob = (struct blob){resource, fd, words, size};
	return 0;
}

static inline int stand_in_create(uint32_t resource, uint64_t blob_id, uint64_t size)
{
	if (blob_id == REFUSED_BLOB)
		return -EINVAL;
	int fd = memfd_create("stand-in", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return -ENOMEM;
	return stand_in_add(resource, fd, NULL, size);
}

/* A new fd of the blob, or -ENOENT. */
static inline int stand_in_export(uint32_t resource)
{
	const struct blob *blob = stand_in_find(resource);
	return blob && blob->fd >= 0 ? dup(blob->fd) : -ENOENT;
}

static inline void stand_in_unref(uint32_t resource)
{
	struct blob *blob = stand_in_find(resource);
	if (blob)
		blob->resource = 0;
}

#endif
