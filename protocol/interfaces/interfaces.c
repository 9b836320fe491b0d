/* Look-ups in the generated table of interfaces. */
#include "protocol/interfaces/interfaces.h"

#include <assert.h>
#include <string.h>

/* Open addressing by the scanner table's address; an entry is an index + 1, 0 is empty. */
#define SLOTS_LOG2 11
#define SLOTS (1u << SLOTS_LOG2)

static uint16_t slots[SLOTS];

static uint32_t slot_of(const struct wl_interface *wl)
{
	return (uint32_t)(((uint64_t)(uintptr_t)wl * UINT64_C(0x9e3779b97f4a7c15)) >>
		(64 - SLOTS_LOG2));
}

static void fill_slots(void)
{
	assert(n_interfaces < SLOTS / 2);
	for (size_t i = 0; i < n_interfaces; i++) {
		uint32_t slot = slot_of(interfaces[i].wl);
		while (slots[slot])
			slot = (slot + 1) % SLOTS;
		slots[slot] = (uint16_t)(i + 1);
	}
}

const struct interface *interface_find(const char *name)
{
	size_t low = 0, high = n_interfaces;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, interfaces[middle].wl->name);
		if (order == 0)
			return &interfaces[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct interface *interface_of(const struct wl_interface *wl)
{
	static bool filled;
	if (!wl)
		return NULL;
	if (!filled) {
		fill_slots();
		filled = true;
	}
	for (uint32_t slot = slot_of(wl); slots[slot]; slot = (slot + 1) % SLOTS) {
		const struct interface *found = &interfaces[slots[slot] - 1];
		if (found->wl == wl)
			return found;
	}
	/* libwayland has copies of its own of the core interfaces. */
	return interface_find(wl->name);
}
