/* Places in the file system that a confined process keeps. */
#ifndef HOST_BRIDGE_CONFINE_PLACES_H
#define HOST_BRIDGE_CONFINE_PLACES_H

#include <stdint.h>

enum place_use {
	PLACE_READ,   /* read, list, map and execute what is there */
	PLACE_DEVICE, /* a device node, or a directory of them: read, write, ioctl */
	PLACE_LIST,   /* a directory: the names that are in it */
	PLACE_REMOVE, /* a directory: files in it may be removed; nothing else */
};

struct place {
	const char *path; /* absolute; a directory stands for all below it */
	enum place_use use;
};

#endif
