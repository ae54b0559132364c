/*
 * The nearest word by edit distance (Levenshtein's, case ignored); see suggest.h.
 */
#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "image/suggest.h"

#define WORD_MAX_ 32

static unsigned int distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned int row[WORD_MAX_ + 1];

	if (la > WORD_MAX_ || lb > WORD_MAX_)
		return WORD_MAX_;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned int same =
			    tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
			unsigned int best = diagonal + !same;

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

const char *suggest(const char *word, const char *const *names)
{
	unsigned int best = (unsigned int)strlen(word) / 3 + 2;
	const char *found = NULL;

	for (; *names; names++) {
		unsigned int d = distance(word, *names);

		if (d < best && d < strlen(*names)) {
			best = d;
			found = *names;
		}
	}
	return found;
}
