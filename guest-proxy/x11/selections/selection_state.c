/* What is known of each selection. */
#include "guest-proxy/x11/selections/selection_state.h"

struct selection *selection_find(struct session *session, xcb_atom_t atom)
{
	for (size_t i = 0; session->selections && i < N_SELECTIONS; i++) {
		struct selection *selection = &session->selections->items[i];
		if (session->atoms[selection->protocol->atom] == atom)
			return selection;
	}
	return NULL;
}

struct relay_object *selection_manager(const struct selection *selection)
{
	const char *session = (const char *)selection->session;
	return ((const struct relay_ref *)(const void *)(session + selection->protocol->manager))
		->object;
}

xcb_atom_t selection_atom(const struct selection *selection)
{
	return selection->session->atoms[selection->protocol->atom];
}
