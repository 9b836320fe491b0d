/* What there is of JSON in what programs print for other programs. */
#ifndef PROTOCOL_PROGRAM_JSON_H
#define PROTOCOL_PROGRAM_JSON_H

#include <stdio.h>

/* @text as a string, with its quotes. Bytes that are no UTF-8 stay what they are. */
void json_print_string(FILE *out, const char *text);

#endif
