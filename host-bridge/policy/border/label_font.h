/* The letters of a border's label: our own, of dots, for printable ASCII. */
#ifndef HOST_BRIDGE_POLICY_BORDER_LABEL_FONT_H
#define HOST_BRIDGE_POLICY_BORDER_LABEL_FONT_H

#include <stdbool.h>

#define LABEL_GLYPH_WIDTH 5 /* dots */
#define LABEL_GLYPH_HEIGHT 7
#define LABEL_ADVANCE (LABEL_GLYPH_WIDTH + 1) /* from one letter to the next */

/* Whether @letter has a dot in column @x and row @y, from the top left; other characters than
 * printable ASCII have none, nor have places outside of the letter. */
bool label_dot(char letter, unsigned x, unsigned y);

#endif
