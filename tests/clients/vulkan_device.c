#include "vulkan_device.h"

#include <stdio.h>
#include <stdlib.h>

void vulkan_check(VkResult result, const char *what)
{
	if (result == VK_SUCCESS || result == VK_SUBOPTIMAL_KHR)
		return;
	fprintf(stderr, "%s: VkResult %d\n", what, result);
	exit(1);
}

static void open_device(struct vulkan_device *vulkan, const struct vulkan_extensions *extensions)
{
	const float priority = 1.0f;
	const VkApplicationInfo application = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_1};
	const VkInstanceCreateInfo instance_info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &application,
		.enabledExtensionCount = extensions->n_instance,
		.ppEnabledExtensionNames = extensions->instance};
	const VkDeviceQueueCreateInfo queue_info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1,
		.pQueuePriorities = &priority};
	const VkDeviceCreateInfo device_info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue_info,
		.enabledExtensionCount = extensions->n_device,
		.ppEnabledExtensionNames = extensions->device};
	uint32_t n = 1;

	vulkan_check(vkCreateInstance(&instance_info, NULL, &vulkan->instance), "no instance");
	VkResult result = vkEnumeratePhysicalDevices(vulkan->instance, &n, &vulkan->gpu);
	if (result != VK_INCOMPLETE) /* there are more: fine */
		vulkan_check(result, "no device");
	vulkan_check(n == 1 ? VK_SUCCESS : VK_ERROR_UNKNOWN, "no device");
	vkGetPhysicalDeviceProperties(vulkan->gpu, &vulkan->properties);
	vulkan_check(vkCreateDevice(vulkan->gpu, &device_info, NULL, &vulkan->device),
		"no device with these extensions");
	vkGetDeviceQueue(vulkan->device, 0, 0, &vulkan->queue);
}

static void make_commands(struct vulkan_device *vulkan)
{
	const VkCommandPoolCreateInfo pool_info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT};
	const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
	VkCommandPool pool;

	vulkan_check(vkCreateCommandPool(vulkan->device, &pool_info, NULL, &pool), "no pool");
	const VkCommandBufferAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = pool,
		.commandBufferCount = 1};
	vulkan_check(
		vkAllocateCommandBuffers(vulkan->device, &info, &vulkan->commands), "no commands");
	vulkan_check(vkCreateFence(vulkan->device, &fence_info, NULL, &vulkan->fence), "no fence");
}

void vulkan_open(struct vulkan_device *vulkan, const struct vulkan_extensions *extensions)
{
	open_device(vulkan, extensions);
	make_commands(vulkan);
}

void vulkan_begin(struct vulkan_device *vulkan)
{
	const VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
	vulkan_check(vkBeginCommandBuffer(vulkan->commands, &begin), "no commands");
}

void vulkan_wait(struct vulkan_device *vulkan)
{
	vulkan_check(vkWaitForFences(vulkan->device, 1, &vulkan->fence, VK_TRUE, UINT64_MAX),
		"no fence");
	vulkan_check(vkResetFences(vulkan->device, 1, &vulkan->fence), "no fence");
}

void vulkan_run(struct vulkan_device *vulkan)
{
	const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &vulkan->commands};
	vulkan_check(vkEndCommandBuffer(vulkan->commands), "no commands");
	vulkan_check(vkQueueSubmit(vulkan->queue, 1, &submit, vulkan->fence), "no submission");
	vulkan_wait(vulkan);
}
