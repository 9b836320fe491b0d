/* Texts of guests without characters that move or hide what stands around them. */
#ifndef HOST_BRIDGE_POLICY_BASE_CLEAN_TEXT_H
#define HOST_BRIDGE_POLICY_BASE_CLEAN_TEXT_H

#include <stddef.h>

/* Replaces each unwanted character of @text, and each byte that is no UTF-8, by a space. */
void text_clean(char *text);

/* @text was cut at @length bytes: drops the character there, which may be incomplete. */
void text_drop_last_character(char *text, size_t length);

/* The same of a copy of @text in @out, cut to @size bytes (more than 0) with the NUL. */
void text_copy_clean(char *out, size_t size, const char *text);

#endif
