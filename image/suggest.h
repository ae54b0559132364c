/*
 * "Did you mean": the nearest of a list of words.
 */
#ifndef BARTIZAN_IMAGE_SUGGEST_H
#define BARTIZAN_IMAGE_SUGGEST_H

/* The name nearest to `word` in the null-terminated list, or null if none is near. */
const char *suggest(const char *word, const char *const *names);

#endif
