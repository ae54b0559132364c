/*
 * A line of progress on standard error: only on a terminal, only for what takes longer than a second.
 */
#ifndef BARTIZAN_IMAGE_PROGRESS_H
#define BARTIZAN_IMAGE_PROGRESS_H

#include <stdint.h>

void progress_start(const char *what);	      /* a new phase */
void progress(uint64_t done, uint64_t total); /* bytes; total 0: not known */
void progress_end(void);		      /* wipes the line */

#endif
