/*
 * What X clients say about their windows in properties, taken apart. Pure functions over bytes
 * that anybody may have written: nothing is trusted, everything is bounded.
 */
#ifndef GUEST_PROXY_X11_WINDOWS_HINTS_H
#define GUEST_PROXY_X11_WINDOWS_HINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-proxy/x11/base/property.h"

#define HINTS_TEXT_BYTES 512 /* of a title or class, with its NUL */
#define HINTS_ATOMS_MAX 32   /* of a list of atoms */
#define ICON_SIZE_BEST 128   /* pixels each way */
#define ICON_SIZE_MAX 256

struct atom_list {
	uint32_t items[HINTS_ATOMS_MAX];
	size_t count;
};

/* Sizes in X pixels; 0: none. */
struct size_hints {
	int32_t min_width, min_height, max_width, max_height;
	int32_t base_width, base_height, width_step, height_step;
};

struct icon_picture {
	int32_t size; /* pixels each way */
	const uint8_t *pixels;
};

struct edges {
	int32_t left, right, top, bottom;
};

struct hints {
	char *title;      /* UTF-8; NULL: none */
	char *app_id;     /* the class of WM_CLASS; NULL: none */
	bool net_title;   /* title came from _NET_WM_NAME */
	bool no_input;    /* WM_HINTS: it does not want the keyboard by itself */
	bool urgent;      /* WM_HINTS */
	bool undecorated; /* Motif: it draws its own frame, or wants none */
	uint32_t transient_for;
	struct size_hints size;
	struct atom_list protocols, types, states;
	struct edges frame; /* shadows inside the window */
};

void hints_finish(struct hints *hints);

/* Each reads one property; a property that is not there or senseless gives "none". */
void hints_read_net_title(struct hints *hints, const struct property *property);
/* @utf8: the property's type is UTF8_STRING; else it is taken for Latin-1. */
void hints_read_title(struct hints *hints, const struct property *property, bool utf8);
void hints_read_class(struct hints *hints, const struct property *property);
void hints_read_wm_hints(struct hints *hints, const struct property *property);
void hints_read_size(struct hints *hints, const struct property *property);
void hints_read_motif(struct hints *hints, const struct property *property);
void hints_read_transient(struct hints *hints, const struct property *property);
void hints_read_frame(struct hints *hints, const struct property *property);
void hints_read_atoms(struct atom_list *list, const struct property *property);

bool atom_list_has(const struct atom_list *list, uint32_t atom);
/* Takes @atom out, or, if @there, has it in once, where there is room. */
void atom_list_set(struct atom_list *list, uint32_t atom, bool there);

/*
 * A picture of _NET_WM_ICON, in the property's memory: square; the largest of at most
 * ICON_SIZE_BEST pixels, else the smallest of at most ICON_SIZE_MAX. False: there is none.
 */
bool hints_find_icon(struct icon_picture *picture, const struct property *property);
/* Pixel @i of it, as ARGB with the colours multiplied by alpha. */
uint32_t icon_picture_pixel(const struct icon_picture *picture, size_t i);

/*
 * Makes a size that the window agrees to of one that the compositor proposes: between its minimum
 * and maximum, and, if @steps, in whole steps above its base size.
 */
void size_hints_fit(const struct size_hints *hints, bool steps, int32_t *width, int32_t *height);

/* @bytes of what may be UTF-8 as UTF-8 without control characters, at most HINTS_TEXT_BYTES with
 * its NUL; the caller's to free. NULL when memory is short. */
char *text_from_utf8(const char *bytes, size_t n);
char *text_from_latin1(const char *bytes, size_t n);

#endif
