/* A guest's cross-domain context on a raw device, with its rings and its memory. */
#ifndef TESTS_FAULTS_RAW_CONTEXT_H
#define TESTS_FAULTS_RAW_CONTEXT_H

#include "protocol/formats/cross_domain.h"
#include "tests/clients/faults/link.h"
#include "tests/clients/faults/raw_device.h"

/* Resources of the context with this id: its two rings. */
#define RAW_QUERY_RING(context) (1000 * (context) + 1)
#define RAW_CHANNEL_RING(context) (1000 * (context) + 2)

/* VIRTIO_GPU_CMD_* with nothing but a context and one resource: attach, detach, unref, map at 0,
 * ... The answer's type. */
uint32_t raw_simple(struct raw_device *device, uint32_t type, uint32_t context, uint32_t resource);

/* A blob of one page or more of the guest's memory at @offset. The answer's type. */
uint32_t raw_guest_blob(
	struct raw_device *device, uint32_t resource, uint32_t offset, uint32_t size);

/* CTX_CREATE, both rings made and attached (context ids from 1 to RAW_SLOTS - 1). No INIT yet. The
 * last answer's type. */
uint32_t raw_context_create(struct raw_device *device, uint32_t context);
/* CTX_DESTROY and UNREF of both rings. */
void raw_context_destroy(struct raw_device *device, uint32_t context);

/* SUBMIT_3D of these bytes, in a slot; it is not posted yet. Only one with a fence is answered when
 * all of it is done, and not when it is taken. */
void raw_prepare_submit(struct raw_device *device, unsigned slot, uint32_t context, bool fenced,
	const void *commands, size_t size);
/* The same without a fence in slot 0, posted and waited for. The answer's type. */
uint32_t raw_submit(struct raw_device *device, uint32_t context, const void *commands, size_t size);
/* INIT for Wayland in its form of 20 bytes. */
uint32_t raw_context_init(struct raw_device *device, uint32_t context);

/* What the host wrote into the rings. */
const uint8_t *raw_query_page(const struct raw_device *device, uint32_t context);
const uint8_t *raw_channel_page(const struct raw_device *device, uint32_t context);

/* A slot with a SEND of @n words of Wayland requests, and with them of @resource, if it is not 0;
 * not posted yet. */
void raw_prepare_send(struct raw_device *device, unsigned slot, uint32_t context, bool fenced,
	const uint32_t *words, size_t n, uint32_t resource);
/* The same, posted. The answer's type. */
uint32_t raw_send(struct raw_device *device, uint32_t context, const uint32_t *words, size_t n,
	uint32_t resource);

/* GET_IMAGE_REQUIREMENTS: what the guest is told; its blob_id is 0 when refused. */
struct cross_domain_image_requirements raw_ask_image(struct raw_device *device, uint32_t context,
	uint32_t width, uint32_t height, uint32_t format, uint32_t flags);
/* The same for @size bytes: the blob id, 0 when refused. */
uint32_t raw_blob_id(struct raw_device *device, uint32_t context, uint32_t size);
/* RESOURCE_CREATE_BLOB of host memory. The answer's type. */
uint32_t raw_host_blob(struct raw_device *device, uint32_t context, uint32_t resource,
	uint64_t blob_id, uint64_t size);
uint32_t raw_map_blob(struct raw_device *device, uint32_t resource, uint64_t offset);

/* Posts a POLL whose fence is held till an event is in the channel ring. */
void raw_post_poll(struct raw_device *device, uint32_t context);
/* Waits for it. */
enum raw_end raw_wait_poll(struct raw_device *device, uint32_t context, int timeout_ms);

/*
 * A connection to the compositor through the context @context of @device (borrowed): created, INIT,
 * POLL. NULL with a message on standard error.
 */
struct link *link_open_context(struct raw_device *device, uint32_t context);

#endif
