/* Objects that belong together. */
#include "protocol/objects/family.h"

#include <stdlib.h>

struct family *family_create(uint64_t number)
{
	struct family *family = calloc(1, sizeof(*family));

	if (!family)
		return NULL;
	family->refs = 1;
	family->number = number;
	wl_list_init(&family->messages);
	return family;
}

struct family *family_ref(struct family *family)
{
	family->refs++;
	return family;
}

void family_unref(struct family *family)
{
	while (family && --family->refs == 0) {
		struct family *joined = family->joined;
		free(family);
		family = joined;
	}
}

struct family *family_root(struct family **slot)
{
	struct family *root = *slot;

	while (root && root->joined)
		root = root->joined;
	if (root != *slot) {
		family_ref(root);
		family_unref(*slot);
		*slot = root;
	}
	return root;
}

/* What waits in @b waits in @a, behind what does there. */
static void take_row(struct family *a, struct family *b)
{
	if (!a->waits)
		wl_list_insert(&b->link, &family_ref(a)->link);
	wl_list_insert_list(a->messages.prev, &b->messages);
	wl_list_init(&b->messages);
	a->waits = true;
	a->due |= b->due;
	b->waits = b->due = false;
	wl_list_remove(&b->link);
	family_unref(b);
}

struct family *family_join(struct family *a, struct family *b)
{
	if (a == b)
		return a;
	if (b->number < a->number)
		return family_join(b, a);
	b->joined = family_ref(a);
	if (b->waits)
		take_row(a, b);
	return a;
}
