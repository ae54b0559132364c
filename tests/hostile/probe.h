/* What launch.c and the hostile library OSes agree on. */
#ifndef HOSTILE_PROBE_H
#define HOSTILE_PROBE_H

/* The result of a call that the filter reported: no kernel's error number. */
#define STOPPED (-3999)

#endif
