/*
 * Hostile text made safe to show: what a guest chose reaches a person's terminal or a JSON reader only
 * through here.  C0 and C1 controls, DEL, backslash and bytes that are not UTF-8 become \xNN or the usual \n,
 * \t, \r; so do the Unicode characters that reorder or hide text.
 */
#ifndef BARTIZAN_ESCAPE_H
#define BARTIZAN_ESCAPE_H

#include <stddef.h>

#define ESCAPE_KEEP_NEWLINE 1u /* \n and \t stay as they are: text of several lines */
#define ESCAPE_KEEP_BACKSLASH 4u /* text that uses backslashes itself: what is escaped may then be ambiguous */
#define ESCAPE_JSON 2u	       /* for the inside of a JSON string: \u00NN, and quotes escaped */

/* Escapes `len` bytes into `out`, always ends it with NUL, returns its length (< size).  What does not fit is
 * cut at a character's boundary and ends with "...". */
size_t escape_text(char *out, size_t size, const char *text, size_t len, unsigned int flags);

#endif
