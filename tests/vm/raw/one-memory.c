/*
 * one-memory: memory that Vulkan (a venus context) has allocated, attached to an OpenGL (virgl) and
 * to a cross-domain context, too; the latter two by bare ioctls. What one writes the others must
 * read, byte for byte, once its fence is done. At last the compositor is shown it, as the wl_shm
 * buffer of a window; what it must show is in the file given, in rows of WIDTH pixels, BGRX. Prints
 * "shown" then, and stays.
 */
#include <drm.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/clients/vulkan_device.h"
#include "wayland.h"

#define WIDTH 256u
#define HEIGHT 64u
#define STRIDE (4 * WIDTH)
#define SIZE (STRIDE * HEIGHT)
#define VIRGL2 2
#define TEXTURE_2D 2
#define B8G8R8A8 1
#define BIND_RENDER_TARGET 2u
#define BIND_SAMPLER_VIEW 8u
#define ROUNDS 20

struct resource_create_args {
	uint32_t target, format, bind, width, height, depth, array_size, last_level, nr_samples,
		flags;
	uint32_t bo_handle, res_handle, size, stride;
};

struct transfer_args {
	uint32_t bo_handle;
	uint32_t x, y, z, w, h, d;
	uint32_t level, offset, stride, layer_stride;
};

struct resource_info_args {
	uint32_t bo_handle, res_handle, size, blob_mem;
};

#define IOCTL_RESOURCE_CREATE DRM_IOWR(DRM_COMMAND_BASE + 0x04, struct resource_create_args)
#define IOCTL_RESOURCE_INFO DRM_IOWR(DRM_COMMAND_BASE + 0x05, struct resource_info_args)
#define IOCTL_TRANSFER_FROM_HOST DRM_IOWR(DRM_COMMAND_BASE + 0x06, struct transfer_args)
#define IOCTL_TRANSFER_TO_HOST DRM_IOWR(DRM_COMMAND_BASE + 0x07, struct transfer_args)

struct vulkan {
	struct vulkan_device device;
	VkBuffer shared, own; /* what all see; what only we do */
	uint8_t *map;         /* of the latter */
	int dmabuf;
};

struct opengl {
	int fd;
	uint32_t shared;         /* resource id */
	struct raw_blob texture; /* a texture of its own, with its pages */
};

static uint8_t pattern[SIZE];

static void make_pattern(uint32_t round)
{
	for (uint32_t i = 0; i < SIZE; i++)
		pattern[i] = (uint8_t)((i * 2654435761u + round * 40503u) >> 13);
}

static void compare(const uint8_t *bytes, const char *what, uint32_t round)
{
	for (uint32_t i = 0; i < SIZE; i++) {
		if (bytes[i] != pattern[i])
			raw_die("round %u: %s: byte %u is %02x and not %02x", round, what, i,
				bytes[i], pattern[i]);
	}
}

/* --- Vulkan --- */

static void open_device(struct vulkan *vulkan)
{
	static const char *const extensions[] = {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
		VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME};
	vulkan_open(
		&vulkan->device, &(struct vulkan_extensions){.n_device = 2, .device = extensions});
	if (!strstr(vulkan->device.properties.deviceName, "Venus"))
		raw_die("the device is %s", vulkan->device.properties.deviceName);
}

static uint32_t memory_type(
	const struct vulkan *vulkan, const VkMemoryRequirements *needs, VkMemoryPropertyFlags flags)
{
	VkPhysicalDeviceMemoryProperties properties;

	vkGetPhysicalDeviceMemoryProperties(vulkan->device.gpu, &properties);
	for (uint32_t i = 0; i < properties.memoryTypeCount; i++) {
		if (needs->memoryTypeBits & 1u << i &&
			(properties.memoryTypes[i].propertyFlags & flags) == flags)
			return i;
	}
	raw_die("no memory of this type");
}

static VkDeviceMemory make_buffer(
	struct vulkan *vulkan, VkBuffer *buffer, bool exported, VkMemoryPropertyFlags flags)
{
	const VkExternalMemoryBufferCreateInfo external = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
		.handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT};
	const VkExportMemoryAllocateInfo export = {
		.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
		.handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT};
	const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.pNext = exported ? &external : NULL,
		.size = SIZE,
		.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT};
	VkMemoryRequirements needs;
	VkDeviceMemory memory;

	vulkan_check(vkCreateBuffer(vulkan->device.device, &info, NULL, buffer), "no buffer");
	vkGetBufferMemoryRequirements(vulkan->device.device, *buffer, &needs);
	const VkMemoryAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = exported ? &export : NULL,
		.allocationSize = needs.size,
		.memoryTypeIndex = memory_type(vulkan, &needs, flags)};
	vulkan_check(
		vkAllocateMemory(vulkan->device.device, &allocate, NULL, &memory), "no memory");
	vulkan_check(vkBindBufferMemory(vulkan->device.device, *buffer, memory, 0), "no binding");
	return memory;
}

static void memory_open(struct vulkan *vulkan)
{
	open_device(vulkan);
	VkDeviceMemory shared = make_buffer(vulkan, &vulkan->shared, true, 0);
	VkDeviceMemory own = make_buffer(vulkan, &vulkan->own, false,
		VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
	vulkan_check(vkMapMemory(vulkan->device.device, own, 0, SIZE, 0, (void **)&vulkan->map),
		"no map");
	const VkMemoryGetFdInfoKHR get = {.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
		.memory = shared,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT};
	PFN_vkGetMemoryFdKHR get_fd = (PFN_vkGetMemoryFdKHR)vkGetDeviceProcAddr(
		vulkan->device.device, "vkGetMemoryFdKHR");
	vulkan_check(get_fd(vulkan->device.device, &get, &vulkan->dmabuf), "no dma-buf");
}

/* Copies between the two buffers, on the host. */
static void vulkan_copy(struct vulkan *vulkan, VkBuffer from, VkBuffer to)
{
	const VkBufferCopy all = {.size = SIZE};

	vulkan_begin(&vulkan->device);
	vkCmdCopyBuffer(vulkan->device.commands, from, to, 1, &all);
	vulkan_run(&vulkan->device);
}

static void vulkan_write(struct vulkan *vulkan)
{
	memcpy(vulkan->map, pattern, SIZE);
	vulkan_copy(vulkan, vulkan->own, vulkan->shared);
}

static void vulkan_read(struct vulkan *vulkan, uint32_t round)
{
	memset(vulkan->map, 0, SIZE);
	vulkan_copy(vulkan, vulkan->shared, vulkan->own);
	compare(vulkan->map, "Vulkan reads", round);
}

/* --- OpenGL --- */

static void call(int fd, unsigned long request, void *argument, const char *what)
{
	if (raw_call(fd, request, argument) < 0)
		raw_die("%s", what);
}

/* The resource id that @dmabuf has, attached to @fd's context. */
static uint32_t attach(int fd, int dmabuf)
{
	struct drm_prime_handle prime = {.fd = dmabuf};
	call(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime, "the memory cannot be attached");
	struct resource_info_args info = {.bo_handle = prime.handle};
	call(fd, IOCTL_RESOURCE_INFO, &info, "no resource");
	return info.res_handle;
}

static void opengl_submit(struct opengl *opengl, const uint32_t *words, size_t n)
{
	if (raw_execute_wait(opengl->fd, words, 4 * n, opengl->texture.handle) < 0)
		raw_die("OpenGL's commands are not executed");
}

static void opengl_open(struct opengl *opengl, int dmabuf)
{
	enum { SET_TYPE = 49 };
	struct resource_create_args create = {.target = TEXTURE_2D,
		.format = B8G8R8A8,
		.bind = BIND_RENDER_TARGET | BIND_SAMPLER_VIEW,
		.width = WIDTH,
		.height = HEIGHT,
		.depth = 1,
		.array_size = 1,
		.size = SIZE,
		.stride = STRIDE};

	opengl->fd = raw_open_context(VIRGL2);
	call(opengl->fd, IOCTL_RESOURCE_CREATE, &create, "no texture");
	opengl->texture = (struct raw_blob){
		.handle = create.bo_handle, .resource = create.res_handle, .size = SIZE};
	if (raw_blob_map(opengl->fd, &opengl->texture) < 0)
		raw_die("no map of the texture");
	opengl->shared = attach(opengl->fd, dmabuf);
	const uint32_t set_type[] = {SET_TYPE | 10 << 16, opengl->shared, B8G8R8A8,
		BIND_RENDER_TARGET | BIND_SAMPLER_VIEW, WIDTH, HEIGHT, 0, 0, 0, STRIDE, 0};
	opengl_submit(opengl, set_type, sizeof(set_type) / 4);
}

static void opengl_copy(struct opengl *opengl, uint32_t from, uint32_t to)
{
	enum { COPY_REGION = 17 };
	const uint32_t copy[] = {
		COPY_REGION | 13 << 16, to, 0, 0, 0, 0, from, 0, 0, 0, 0, WIDTH, HEIGHT, 1};
	opengl_submit(opengl, copy, sizeof(copy) / 4);
}

/* Between the texture and its pages. */
static void opengl_transfer(struct opengl *opengl, unsigned long request)
{
	struct transfer_args transfer = {
		.bo_handle = opengl->texture.handle, .w = WIDTH, .h = HEIGHT, .d = 1};
	call(opengl->fd, request, &transfer, "no transfer");
	if (raw_wait(opengl->fd, opengl->texture.handle) < 0)
		raw_die("a transfer does not end");
}

static void opengl_write(struct opengl *opengl)
{
	memcpy(opengl->texture.map, pattern, SIZE);
	opengl_transfer(opengl, IOCTL_TRANSFER_TO_HOST);
	opengl_copy(opengl, opengl->texture.resource, opengl->shared);
}

static void opengl_read(struct opengl *opengl, uint32_t round)
{
	memset(opengl->texture.map, 0, SIZE);
	opengl_copy(opengl, opengl->shared, opengl->texture.resource);
	opengl_transfer(opengl, IOCTL_TRANSFER_FROM_HOST);
	compare(opengl->texture.map, "OpenGL reads", round);
}

/* --- the compositor --- */

static uint32_t toplevel, xdg_surface, configured;

static void handle_event(struct wayland *wayland, const struct wayland_event *event)
{
	if (event->object == xdg_surface && event->opcode == 0)
		configured = event->words[0];
}

static void request(
	struct wayland *wayland, uint32_t object, uint16_t opcode, size_t n, const uint32_t *words)
{
	wayland_request(wayland, object, opcode, words, n, 0, 0);
}

static void make_window(struct wayland *wayland, uint32_t surface, uint32_t shell)
{
	uint32_t words[2] = {xdg_surface = wayland_new_id(wayland), surface};
	request(wayland, shell, 2, 2, words); /* get_xdg_surface */
	toplevel = wayland_new_id(wayland);
	request(wayland, xdg_surface, 1, 1, &toplevel); /* get_toplevel */
	request(wayland, surface, 6, 0, NULL);          /* commit */
	while (configured == 0) {
		if (!wayland_sync(wayland, handle_event))
			raw_die("the compositor does not answer");
	}
	request(wayland, xdg_surface, 4, 1, &configured); /* ack_configure */
}

static void show(struct wayland *wayland, uint32_t resource)
{
	uint32_t compositor = wayland_bind(wayland, "wl_compositor", 4);
	uint32_t shm = wayland_bind(wayland, "wl_shm", 1);
	uint32_t shell = wayland_bind(wayland, "xdg_wm_base", 1);
	uint32_t surface = wayland_new_id(wayland);

	request(wayland, compositor, 0, 1, &surface); /* create_surface */
	make_window(wayland, surface, shell);
	uint32_t pool[] = {wayland_new_id(wayland), SIZE};
	wayland_request(wayland, shm, 0, pool, 2, resource, RAW_BLOB); /* create_pool */
	uint32_t buffer[] = {wayland_new_id(wayland), 0, WIDTH, HEIGHT, STRIDE, 1 /* XRGB8888 */};
	request(wayland, pool[0], 0, 6, buffer);                            /* create_buffer */
	request(wayland, surface, 1, 3, (uint32_t[]){buffer[0], 0, 0});     /* attach */
	request(wayland, surface, 2, 4, (uint32_t[]){0, 0, WIDTH, HEIGHT}); /* damage */
	request(wayland, surface, 6, 0, NULL);
	if (!wayland_sync(wayland, NULL) || wayland->error_code != 0)
		raw_die("the compositor says: %s", wayland->error_text);
}

static void save_pattern(const char *path)
{
	FILE *file = fopen(path, "we");
	if (!file || fwrite(pattern, SIZE, 1, file) != 1 || fclose(file) != 0)
		raw_die("%s", path);
}

int main(int argc, char **argv)
{
	static struct wayland wayland;
	struct vulkan vulkan = {0};
	struct opengl opengl = {0};

	if (argc != 2) {
		fprintf(stderr, "usage: one-memory FILE\n");
		return 2;
	}
	memory_open(&vulkan);
	opengl_open(&opengl, vulkan.dmabuf);
	raw_context_open(&wayland.context, RAW_PAGE);
	raw_init(&wayland.context, 20, 1);
	uint32_t resource = attach(wayland.context.fd, vulkan.dmabuf);
	for (uint32_t round = 0; round < ROUNDS; round += 2) {
		make_pattern(round);
		vulkan_write(&vulkan);
		opengl_read(&opengl, round);
		make_pattern(round + 1);
		opengl_write(&opengl);
		vulkan_read(&vulkan, round + 1);
	}
	save_pattern(argv[1]);
	show(&wayland, resource);
	printf("shown\n");
	fflush(stdout);
	static struct wayland_event event;
	while (!wayland.ended)
		wayland_next(&wayland, &event, 60000);
	return 1;
}
