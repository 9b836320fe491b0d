/* Answers of the X server that are not waited for. */
#include "guest-proxy/x11/base/replies.h"

#include <stdlib.h>
#include <xcb/xcbext.h>

struct expected {
	struct wl_list link; /* replies::list */
	unsigned int sequence;
	reply_fn function;
	struct reply_subject subject;
};

void replies_init(struct replies *replies, void *data)
{
	*replies = (struct replies){.data = data};
	wl_list_init(&replies->list);
}

static void remove_expected(struct replies *replies, struct expected *expected)
{
	wl_list_remove(&expected->link);
	replies->count--;
	free(expected);
}

void replies_finish(struct replies *replies)
{
	struct expected *expected, *next;
	wl_list_for_each_safe(expected, next, &replies->list, link)
		remove_expected(replies, expected);
}

void replies_expect(struct replies *replies, unsigned int sequence, reply_fn function,
	struct reply_subject subject)
{
	struct expected *expected = malloc(sizeof(*expected));
	if (!expected) {
		xcb_discard_reply(replies->x, sequence);
		function(replies->data, subject, NULL);
		return;
	}
	*expected =
		(struct expected){.sequence = sequence, .function = function, .subject = subject};
	wl_list_insert(replies->list.prev, &expected->link);
	replies->count++;
}

uint32_t replies_poll(struct replies *replies)
{
	uint32_t handled = 0;
	/* The server answers in the order of the requests. */
	while (!wl_list_empty(&replies->list)) {
		struct expected *expected = wl_container_of(replies->list.next, expected, link);
		struct expected found = *expected;
		void *reply = NULL;
		xcb_generic_error_t *error = NULL;
		if (!xcb_poll_for_reply(replies->x, found.sequence, &reply, &error))
			return handled;
		remove_expected(replies, expected);
		found.function(replies->data, found.subject, reply);
		free(reply);
		free(error);
		handled++;
	}
	return handled;
}
