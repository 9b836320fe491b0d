/* The clipboard, for what only it has in Wayland: pipes of both directions. Both need the
 * keyboard's focus. */
#ifndef TESTS_VM_RAW_CLIPBOARD_H
#define TESTS_VM_RAW_CLIPBOARD_H

/* Offers CLIPBOARD_BYTES of a pattern as CLIPBOARD_TYPE, and gives them to whoever asks (a
 * WRITE_PIPE), until the selection is another one's. */
void clipboard_give(void);
/* Waits for a selection of CLIPBOARD_TYPE and checks that it is that pattern, in READs (a
 * READ_PIPE), to its end. */
void clipboard_take(void);

#define CLIPBOARD_TYPE "application/x-foreign"
#define CLIPBOARD_BYTES 300000u

#endif
