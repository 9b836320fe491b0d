/*
 * colours-vulkan: a window whose picture (colours.h) is drawn with Vulkan, into the images of a
 * swapchain. Prints the device's name, "exports timelines" if its driver can share timeline
 * semaphores (for explicit synchronisation), and "shown" after the last frame; then it stays.
 */
#define VK_USE_PLATFORM_WAYLAND_KHR
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "colours.h"
#include "vulkan_device.h"
#include "window.h"

#define IMAGES_MAX 8
#define FORMAT VK_FORMAT_B8G8R8A8_UNORM

struct painter {
	struct vulkan_device vulkan;
	VkSurfaceKHR surface;
	VkSwapchainKHR swapchain;
	VkRenderPass pass;
	uint32_t n_images;
	VkFramebuffer framebuffers[IMAGES_MAX];
};

/* What Mesa's swapchains ask before they use points of timelines. */
static bool exports_timelines(const struct vulkan_device *vulkan)
{
	const VkSemaphoreTypeCreateInfo timeline = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
		.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
	const VkPhysicalDeviceExternalSemaphoreInfo info = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_SEMAPHORE_INFO,
		.pNext = &timeline,
		.handleType = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD_BIT};
	VkExternalSemaphoreProperties properties = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_SEMAPHORE_PROPERTIES};

	vkGetPhysicalDeviceExternalSemaphoreProperties(vulkan->gpu, &info, &properties);
	return properties.externalSemaphoreFeatures & VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT;
}

static void open_device(struct painter *painter)
{
	static const char *const instance[] = {
		VK_KHR_SURFACE_EXTENSION_NAME, VK_KHR_WAYLAND_SURFACE_EXTENSION_NAME};
	static const char *const device[] = {VK_KHR_SWAPCHAIN_EXTENSION_NAME};
	const struct vulkan_extensions extensions = {
		.n_instance = 2, .instance = instance, .n_device = 1, .device = device};
	vulkan_open(&painter->vulkan, &extensions);
	printf("%s\n", painter->vulkan.properties.deviceName);
	if (exports_timelines(&painter->vulkan))
		printf("exports timelines\n");
}

static void make_swapchain(struct painter *painter, const struct window *window)
{
	const VkWaylandSurfaceCreateInfoKHR surface_info = {
		.sType = VK_STRUCTURE_TYPE_WAYLAND_SURFACE_CREATE_INFO_KHR,
		.display = window->display,
		.surface = window->surface};
	VkSurfaceCapabilitiesKHR capabilities;
	VkBool32 supported = VK_FALSE;

	vulkan_check(vkCreateWaylandSurfaceKHR(
			     painter->vulkan.instance, &surface_info, NULL, &painter->surface),
		"no surface");
	vulkan_check(vkGetPhysicalDeviceSurfaceSupportKHR(
			     painter->vulkan.gpu, 0, painter->surface, &supported),
		"no answer");
	vulkan_check(supported ? VK_SUCCESS : VK_ERROR_UNKNOWN, "the device shows no windows");
	vulkan_check(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(
			     painter->vulkan.gpu, painter->surface, &capabilities),
		"no capabilities");
	const VkSwapchainCreateInfoKHR info = {.sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR,
		.surface = painter->surface,
		.minImageCount = capabilities.minImageCount,
		.imageFormat = FORMAT,
		.imageExtent = {COLOURS_WIDTH, COLOURS_HEIGHT},
		.imageArrayLayers = 1,
		.imageUsage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT,
		.preTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR,
		.compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR,
		.presentMode = VK_PRESENT_MODE_FIFO_KHR};
	vulkan_check(vkCreateSwapchainKHR(painter->vulkan.device, &info, NULL, &painter->swapchain),
		"no swapchain");
}

static void make_pass(struct painter *painter)
{
	const VkAttachmentDescription attachment = {.format = FORMAT,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.loadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
		.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
		.finalLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR};
	const VkAttachmentReference reference = {
		.layout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
	const VkSubpassDescription subpass = {
		.colorAttachmentCount = 1, .pColorAttachments = &reference};
	const VkRenderPassCreateInfo info = {.sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
		.attachmentCount = 1,
		.pAttachments = &attachment,
		.subpassCount = 1,
		.pSubpasses = &subpass};
	vulkan_check(vkCreateRenderPass(painter->vulkan.device, &info, NULL, &painter->pass),
		"no render pass");
}

static void make_framebuffers(struct painter *painter)
{
	VkImage images[IMAGES_MAX];

	painter->n_images = IMAGES_MAX;
	vulkan_check(vkGetSwapchainImagesKHR(painter->vulkan.device, painter->swapchain,
			     &painter->n_images, images),
		"no images");
	for (uint32_t i = 0; i < painter->n_images; i++) {
		VkImageView view;
		const VkImageViewCreateInfo view_info = {
			.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
			.image = images[i],
			.viewType = VK_IMAGE_VIEW_TYPE_2D,
			.format = FORMAT,
			.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
		vulkan_check(vkCreateImageView(painter->vulkan.device, &view_info, NULL, &view),
			"no view");
		const VkFramebufferCreateInfo info = {
			.sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
			.renderPass = painter->pass,
			.attachmentCount = 1,
			.pAttachments = &view,
			.width = COLOURS_WIDTH,
			.height = COLOURS_HEIGHT,
			.layers = 1};
		vulkan_check(vkCreateFramebuffer(painter->vulkan.device, &info, NULL,
				     &painter->framebuffers[i]),
			"no framebuffer");
	}
}

static void record(struct painter *painter, uint32_t frame, uint32_t image)
{
	VkCommandBuffer commands = painter->vulkan.commands;
	const VkRenderPassBeginInfo pass = {.sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
		.renderPass = painter->pass,
		.framebuffer = painter->framebuffers[image],
		.renderArea = {.extent = {COLOURS_WIDTH, COLOURS_HEIGHT}}};

	vulkan_begin(&painter->vulkan);
	vkCmdBeginRenderPass(commands, &pass, VK_SUBPASS_CONTENTS_INLINE);
	for (uint32_t i = 0; i < COLOURS; i++) {
		VkClearAttachment clear = {.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT};
		const VkClearRect rect = {.rect = {{(int32_t)(i % 2) * COLOURS_WIDTH / 2,
							   (int32_t)(i / 2) * COLOURS_HEIGHT / 2},
						  {COLOURS_WIDTH / 2, COLOURS_HEIGHT / 2}},
			.layerCount = 1};
		memcpy(clear.clearValue.color.float32, colour_at(frame, i), sizeof(colours[0]));
		vkCmdClearAttachments(commands, 1, &clear, 1, &rect);
	}
	vkCmdEndRenderPass(commands);
}

/* One frame at a time: this is about pixels. */
static void show(struct painter *painter, uint32_t frame)
{
	uint32_t image;

	vulkan_check(vkAcquireNextImageKHR(painter->vulkan.device, painter->swapchain, UINT64_MAX,
			     VK_NULL_HANDLE, painter->vulkan.fence, &image),
		"no image");
	vulkan_wait(&painter->vulkan);
	record(painter, frame, image);
	vulkan_run(&painter->vulkan);
	const VkPresentInfoKHR present = {.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
		.swapchainCount = 1,
		.pSwapchains = &painter->swapchain,
		.pImageIndices = &image};
	vulkan_check(vkQueuePresentKHR(painter->vulkan.queue, &present), "a frame is not shown");
}

int main(void)
{
	struct window window = {0};
	struct painter painter = {0};

	open_device(&painter);
	window_connect(&window);
	window_create(&window, "colours-vulkan", COLOURS_WIDTH, COLOURS_HEIGHT);
	make_swapchain(&painter, &window);
	make_pass(&painter);
	make_framebuffers(&painter);
	for (uint32_t frame = 0; frame < COLOURS_FRAMES; frame++)
		show(&painter, frame);
	printf("shown\n");
	fflush(stdout);
	while (window_rest(&window, COLOURS_REST_MS))
		show(&painter, COLOURS_FRAMES - 1);
	window_die(&window, "the connection");
}
