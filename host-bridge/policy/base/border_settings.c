/* Policy: what a user may want of the border around a machine's windows. */
#include "host-bridge/policy/base/border_settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/base/words.h"

#define COLOUR_DIGITS 6

static const char *const fullscreen_words[] = {
	[BORDER_FULLSCREEN_FRAMED] = "border",
	[BORDER_FULLSCREEN_ALLOW] = "allow",
	[BORDER_FULLSCREEN_DENY] = "deny",
};

static const char *const globals[BORDER_N_GLOBALS] = {
	[BORDER_COMPOSITOR] = "wl_compositor",
	[BORDER_SUBCOMPOSITOR] = "wl_subcompositor",
	[BORDER_VIEWPORTER] = "wp_viewporter",
};

const char *border_global_name(enum border_global global)
{
	return globals[global];
}

void border_note_global(struct border_means *means, uint32_t name, const char *interface)
{
	for (enum border_global i = 0; i < BORDER_N_GLOBALS; i++) {
		if (means->names[i] == 0 && strcmp(interface, globals[i]) == 0)
			means->names[i] = name;
	}
}

const char *border_parse(struct border_settings *settings, const char *text)
{
	const char *colour = text[0] == '#' ? text + 1 : text;
	unsigned long width = BORDER_WIDTH_PX;
	char *end;

	if (strspn(colour, "0123456789abcdefABCDEF") != COLOUR_DIGITS)
		return "not a colour as #cc0000 is, and maybe a comma and a width in pixels";
	settings->colour = (uint32_t)strtoul(colour, &end, 16);
	if (*end == ',') {
		const char *digits = end + 1;
		width = *digits >= '0' && *digits <= '9' ? strtoul(digits, &end, 10) : 0;
	}
	if (*end || width < 1 || width > BORDER_WIDTH_MAX_PX)
		return "the width is not a number of pixels from 1 to 64";
	settings->width_px = (int32_t)width;
	return NULL;
}

const char *border_parse_fullscreen(struct border_settings *settings, const char *text)
{
	size_t found = word_find(text, fullscreen_words, ARRAY_LENGTH(fullscreen_words));

	if (found == ARRAY_LENGTH(fullscreen_words))
		return "not one of border, allow and deny";
	if (found == BORDER_FULLSCREEN_FRAMED && settings->width_px == 0)
		return "there is no --border";
	settings->fullscreen = (enum border_fullscreen)found;
	return NULL;
}

/* Adds @text, as far as it fits. False: it does not. */
static bool append(struct border_settings *settings, const char *text, size_t length)
{
	const size_t before = strlen(settings->label);

	if (length > BORDER_LABEL_LENGTH - before)
		return false;
	memcpy(settings->label + before, text, length);
	settings->label[before + length] = 0;
	return true;
}

const char *border_parse_label(
	struct border_settings *settings, const char *template, const char *vm)
{
	const char *name;

	settings->label[0] = 0;
	for (const char *at = template; *at; at++) {
		if (*at < ' ' || *at > '~')
			return "may have printable ASCII characters in it";
	}
	if (template[0] && settings->width_px < BORDER_LABEL_WIDTH_PX)
		return "needs a --border that is at least 9 pixels wide";
	while ((name = strstr(template, "%m"))) {
		if (!vm)
			return "has %m in it, and there is no --vm";
		if (!append(settings, template, (size_t)(name - template)) ||
			!append(settings, vm, strlen(vm)))
			return "is longer than 64 characters";
		template = name + 2;
	}
	return append(settings, template, strlen(template)) ? NULL : "is longer than 64 characters";
}

const char *border_fullscreen_word(const struct border_settings *settings)
{
	bool plain = settings->width_px == 0 && settings->fullscreen == BORDER_FULLSCREEN_FRAMED;

	return fullscreen_words[plain ? BORDER_FULLSCREEN_ALLOW : settings->fullscreen];
}

void border_print(const struct border_settings *settings, FILE *out)
{
	if (settings->width_px == 0)
		fprintf(out, "border: none\n");
	else
		fprintf(out, "border: #%06" PRIx32 ", %" PRId32 " pixels%s%s\n", settings->colour,
			settings->width_px, settings->label[0] ? ", label " : "", settings->label);
	fprintf(out, "full screen: %s\n", border_fullscreen_word(settings));
}

bool border_knows(const struct border_settings *settings, const char *interface)
{
	return !border_wanted(settings) ||
		(strcmp(interface, "wl_shell") != 0 && strcmp(interface, "zxdg_shell_v6") != 0);
}
