/*
 * colours-vulkan: a window whose picture (colours.h) is drawn with Vulkan, into the images of a
 * swapchain. Prints the device's name, and "shown" after the last frame; then it stays.
 */
#define VK_USE_PLATFORM_WAYLAND_KHR
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

#include "colours.h"
#include "window.h"

#define IMAGES_MAX 8
#define FORMAT VK_FORMAT_B8G8R8A8_UNORM

struct painter {
	VkInstance instance;
	VkPhysicalDevice gpu;
	VkDevice device;
	VkQueue queue;
	VkSurfaceKHR surface;
	VkSwapchainKHR swapchain;
	VkRenderPass pass;
	uint32_t n_images;
	VkFramebuffer framebuffers[IMAGES_MAX];
	VkCommandBuffer commands;
	VkFence fence;
};

static void check(VkResult result, const char *what)
{
	if (result == VK_SUCCESS || result == VK_SUBOPTIMAL_KHR)
		return;
	fprintf(stderr, "%s: VkResult %d\n", what, result);
	exit(1);
}

static void open_device(struct painter *painter)
{
	static const char *const instance_extensions[] = {
		VK_KHR_SURFACE_EXTENSION_NAME, VK_KHR_WAYLAND_SURFACE_EXTENSION_NAME};
	static const char *const device_extensions[] = {VK_KHR_SWAPCHAIN_EXTENSION_NAME};
	const float priority = 1.0f;
	const VkApplicationInfo application = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_1};
	const VkInstanceCreateInfo instance_info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &application,
		.enabledExtensionCount = 2,
		.ppEnabledExtensionNames = instance_extensions};
	const VkDeviceQueueCreateInfo queue_info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1,
		.pQueuePriorities = &priority};
	const VkDeviceCreateInfo device_info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue_info,
		.enabledExtensionCount = 1,
		.ppEnabledExtensionNames = device_extensions};
	VkPhysicalDeviceProperties properties;
	uint32_t n = 1;

	check(vkCreateInstance(&instance_info, NULL, &painter->instance), "no instance");
	check(vkEnumeratePhysicalDevices(painter->instance, &n, &painter->gpu) == VK_INCOMPLETE
			? VK_SUCCESS
			: (n == 1 ? VK_SUCCESS : VK_ERROR_UNKNOWN),
		"no device");
	vkGetPhysicalDeviceProperties(painter->gpu, &properties);
	printf("%s\n", properties.deviceName);
	check(vkCreateDevice(painter->gpu, &device_info, NULL, &painter->device),
		"no device with swapchains");
	vkGetDeviceQueue(painter->device, 0, 0, &painter->queue);
}

static void make_swapchain(struct painter *painter, const struct window *window)
{
	const VkWaylandSurfaceCreateInfoKHR surface_info = {
		.sType = VK_STRUCTURE_TYPE_WAYLAND_SURFACE_CREATE_INFO_KHR,
		.display = window->display,
		.surface = window->surface};
	VkSurfaceCapabilitiesKHR capabilities;
	VkBool32 supported = VK_FALSE;

	check(vkCreateWaylandSurfaceKHR(painter->instance, &surface_info, NULL, &painter->surface),
		"no surface");
	check(vkGetPhysicalDeviceSurfaceSupportKHR(painter->gpu, 0, painter->surface, &supported),
		"no answer");
	check(supported ? VK_SUCCESS : VK_ERROR_UNKNOWN, "the device shows no windows");
	check(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(
		      painter->gpu, painter->surface, &capabilities),
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
	check(vkCreateSwapchainKHR(painter->device, &info, NULL, &painter->swapchain),
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
	check(vkCreateRenderPass(painter->device, &info, NULL, &painter->pass), "no render pass");
}

static void make_framebuffers(struct painter *painter)
{
	VkImage images[IMAGES_MAX];

	painter->n_images = IMAGES_MAX;
	check(vkGetSwapchainImagesKHR(
		      painter->device, painter->swapchain, &painter->n_images, images),
		"no images");
	for (uint32_t i = 0; i < painter->n_images; i++) {
		VkImageView view;
		const VkImageViewCreateInfo view_info = {
			.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
			.image = images[i],
			.viewType = VK_IMAGE_VIEW_TYPE_2D,
			.format = FORMAT,
			.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
		check(vkCreateImageView(painter->device, &view_info, NULL, &view), "no view");
		const VkFramebufferCreateInfo info = {
			.sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
			.renderPass = painter->pass,
			.attachmentCount = 1,
			.pAttachments = &view,
			.width = COLOURS_WIDTH,
			.height = COLOURS_HEIGHT,
			.layers = 1};
		check(vkCreateFramebuffer(painter->device, &info, NULL, &painter->framebuffers[i]),
			"no framebuffer");
	}
}

static void make_commands(struct painter *painter)
{
	VkCommandPool pool;
	const VkCommandPoolCreateInfo pool_info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT};
	const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};

	check(vkCreateCommandPool(painter->device, &pool_info, NULL, &pool), "no pool");
	const VkCommandBufferAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = pool,
		.commandBufferCount = 1};
	check(vkAllocateCommandBuffers(painter->device, &info, &painter->commands), "no commands");
	check(vkCreateFence(painter->device, &fence_info, NULL, &painter->fence), "no fence");
}

static void record(struct painter *painter, uint32_t frame, uint32_t image)
{
	const VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
	const VkRenderPassBeginInfo pass = {.sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
		.renderPass = painter->pass,
		.framebuffer = painter->framebuffers[image],
		.renderArea = {.extent = {COLOURS_WIDTH, COLOURS_HEIGHT}}};

	check(vkBeginCommandBuffer(painter->commands, &begin), "no commands");
	vkCmdBeginRenderPass(painter->commands, &pass, VK_SUBPASS_CONTENTS_INLINE);
	for (uint32_t i = 0; i < COLOURS; i++) {
		VkClearAttachment clear = {.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT};
		const VkClearRect rect = {.rect = {{(int32_t)(i % 2) * COLOURS_WIDTH / 2,
							   (int32_t)(i / 2) * COLOURS_HEIGHT / 2},
						  {COLOURS_WIDTH / 2, COLOURS_HEIGHT / 2}},
			.layerCount = 1};
		memcpy(clear.clearValue.color.float32, colour_at(frame, i), sizeof(colours[0]));
		vkCmdClearAttachments(painter->commands, 1, &clear, 1, &rect);
	}
	vkCmdEndRenderPass(painter->commands);
	check(vkEndCommandBuffer(painter->commands), "no commands");
}

static void wait_for_fence(struct painter *painter)
{
	check(vkWaitForFences(painter->device, 1, &painter->fence, VK_TRUE, UINT64_MAX),
		"no fence");
	check(vkResetFences(painter->device, 1, &painter->fence), "no fence");
}

/* One frame at a time: this is about pixels. */
static void show(struct painter *painter, uint32_t frame)
{
	uint32_t image;

	check(vkAcquireNextImageKHR(painter->device, painter->swapchain, UINT64_MAX, VK_NULL_HANDLE,
		      painter->fence, &image),
		"no image");
	wait_for_fence(painter);
	record(painter, frame, image);
	const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &painter->commands};
	const VkPresentInfoKHR present = {.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
		.swapchainCount = 1,
		.pSwapchains = &painter->swapchain,
		.pImageIndices = &image};
	check(vkQueueSubmit(painter->queue, 1, &submit, painter->fence), "nothing is drawn");
	wait_for_fence(painter);
	check(vkQueuePresentKHR(painter->queue, &present), "a frame is not shown");
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
	make_commands(&painter);
	for (uint32_t frame = 0; frame < COLOURS_FRAMES; frame++)
		show(&painter, frame);
	printf("shown\n");
	fflush(stdout);
	while (window_rest(&window, COLOURS_REST_MS))
		show(&painter, COLOURS_FRAMES - 1);
	window_die(&window, "the connection");
}
