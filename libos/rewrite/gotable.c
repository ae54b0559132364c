/*
 * Where a Go function begins and ends: the runtime's own table (.gopclntab), sorted by address, in the form that Go 1.18 and
 * later write (runtime/symtab.go, pcHeader and functab).
 */
#include "libos/rewrite/prove.h"
#include "libos/kernel/kernel.h"

#define MAGIC_1_18 0xfffffff0u
#define MAGIC_1_20 0xfffffff1u
#define FUNCTIONS_MAX (1u << 22)

struct go_header {
	u32 magic;
	u8 zero[2];
	u8 quantum, pointer_size;
	u64 functions, files, text, names, units, file_table, pcs, table;
};

struct go_function {
	u32 start;	/* from the text's beginning; the last one is the text's end */
	u32 about;
};

static bool read_entry(const struct code_source *s, u64 table, u64 i, struct go_function pair[2])
{
	return s->read(s, table + i * sizeof(*pair), pair, 2 * sizeof(*pair));
}

bool go_function_find(const struct code_source *s, const struct tables *t, u64 addr, struct function *f)
{
	struct go_function pair[2];
	struct go_header h;
	u64 low = 0, high, table, text;

	if (!t->go || !s->read(s, t->go, &h, sizeof(h)) || (h.magic != MAGIC_1_18 && h.magic != MAGIC_1_20) || h.zero[0] ||
	    h.zero[1] || h.quantum != 1 || h.pointer_size != 8 || !h.functions || h.functions > FUNCTIONS_MAX ||
	    h.table >= t->go_end - t->go)
		return false;
	table = t->go + h.table;
	text = t->bias + h.text;
	if (addr < text || addr - text > ~0u)
		return false;
	for (high = h.functions; high - low > 1;) {
		u64 middle = low + (high - low) / 2;

		if (!read_entry(s, table, middle, pair))
			return false;
		if (text + pair[0].start <= addr)
			low = middle;
		else
			high = middle;
	}
	if (!read_entry(s, table, low, pair))
		return false;
	*f = (struct function){.start = text + pair[0].start, .end = text + pair[1].start};
	return addr >= f->start && addr < f->end;
}
