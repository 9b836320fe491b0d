/* A Vulkan device with one queue and one buffer of commands: what the test programs have in common.
 */
#ifndef TESTS_CLIENTS_VULKAN_DEVICE_H
#define TESTS_CLIENTS_VULKAN_DEVICE_H

#include <vulkan/vulkan.h>

struct vulkan_device {
	VkInstance instance;
	VkPhysicalDevice gpu;
	VkDevice device;
	VkQueue queue;
	VkCommandBuffer commands;
	VkFence fence; /* of what was asked for last */
	VkPhysicalDeviceProperties properties;
};

struct vulkan_extensions {
	uint32_t n_instance, n_device;
	const char *const *instance, *const *device;
};

/* Ends the program with a message that begins with @what, unless @result is a success. */
void vulkan_check(VkResult result, const char *what);

/* Opens the first device. All functions end the program with a message when something fails. */
void vulkan_open(struct vulkan_device *vulkan, const struct vulkan_extensions *extensions);

/* Between these two, commands are recorded; the latter runs them and waits for their end. */
void vulkan_begin(struct vulkan_device *vulkan);
void vulkan_run(struct vulkan_device *vulkan);

/* Waits for the fence, and makes it ready for the next. */
void vulkan_wait(struct vulkan_device *vulkan);

#endif
