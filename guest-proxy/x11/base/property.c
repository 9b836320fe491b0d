/* A property of an X window, as anybody may have written it. */
#include "guest-proxy/x11/base/property.h"

#include <xcb/xcb.h>

struct property property_of(const void *answer)
{
	const xcb_get_property_reply_t *reply = answer;
	if (!reply || reply->type == XCB_NONE)
		return (struct property){0};
	return (struct property){
		.type = reply->type,
		.format = reply->format,
		.data = xcb_get_property_value(reply),
		.bytes = (size_t)xcb_get_property_value_length(reply),
	};
}

size_t property_words(const struct property *property)
{
	return property->type != 0 && property->format == 32 ? property->bytes / 4 : 0;
}
