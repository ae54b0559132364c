/* In place of libos/overlay: what lies below is all there is, and stays as it is. */
#include "libos/vfs/vfs.h"

struct super *overlay_create(struct super *lower, struct super *upper)
{
	return lower;
}
