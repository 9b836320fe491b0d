/* What a user may want of the border around a machine's windows, and what a connection has for it.
 */
#ifndef HOST_BRIDGE_POLICY_BASE_BORDER_SETTINGS_H
#define HOST_BRIDGE_POLICY_BASE_BORDER_SETTINGS_H

#include <stdio.h>

#include "protocol/relay/relay.h"

#define BORDER_WIDTH_PX 4
#define BORDER_WIDTH_MAX_PX 64
#define BORDER_LABEL_WIDTH_PX 9 /* of a border that a label can be read on */
#define BORDER_LABEL_LENGTH 64

enum border_fullscreen {
	BORDER_FULLSCREEN_FRAMED, /* a full-screen window has its border inside of the output */
	BORDER_FULLSCREEN_ALLOW,  /* it has none */
	BORDER_FULLSCREEN_DENY,   /* guests cannot ask for the full screen; who gets it is framed */
};

struct border_settings {
	int32_t width_px; /* logical pixels; 0: no border */
	uint32_t colour;  /* 0xrrggbb */
	enum border_fullscreen fullscreen;
	char label[BORDER_LABEL_LENGTH + 1]; /* printable ASCII, in the upper edge; "": none */
};

enum border_global {
	BORDER_COMPOSITOR,
	BORDER_SUBCOMPOSITOR,
	BORDER_VIEWPORTER,
	BORDER_N_GLOBALS,
};

/* Of a connection: what its borders are made with. Only the compositor knows these objects. */
struct border_means {
	uint32_t names[BORDER_N_GLOBALS]; /* of the compositor's globals; 0: it has none */
	struct relay_ref globals[BORDER_N_GLOBALS];
	struct relay_ref nothing; /* a wl_region */
	struct relay_ref picture; /* a wl_buffer in the colour, */
	struct relay_ref label;   /* and one with the label, if there is one */
};

/* Whether there is anything to be done for windows. */
static inline bool border_wanted(const struct border_settings *settings)
{
	return settings->width_px > 0 || settings->fullscreen == BORDER_FULLSCREEN_DENY;
}

/* "#rrggbb" or "rrggbb", and a width behind a comma. NULL, or what is wrong. */
const char *border_parse(struct border_settings *settings, const char *text);
/* "border", "allow" or "deny"; after border_parse. NULL, or what is wrong. */
const char *border_parse_fullscreen(struct border_settings *settings, const char *text);

/* The label from its template, in which %m is @vm, the machine's name (NULL: it has none); after
 * border_parse. NULL, or what is wrong. */
const char *border_parse_label(
	struct border_settings *settings, const char *template, const char *vm);

/* For people: "border: #cc0000, 4 pixels", with the label if there is one, and "full screen:
 * border", a line each. */
void border_print(const struct border_settings *settings, FILE *out);

/* What becomes of windows that want the full screen: "border", "allow" or "deny". */
const char *border_fullscreen_word(const struct border_settings *settings);

/* Whether what is wanted holds for windows that a guest makes by @interface, a global. */
bool border_knows(const struct border_settings *settings, const char *interface);

/* wl_registry.global(name, interface, version): notes what borders are made with. */
void border_note_global(struct border_means *means, uint32_t name, const char *interface);

/* The interface that borders need a global of. */
const char *border_global_name(enum border_global global);

#endif
