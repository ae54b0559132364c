/*
 * Opcode maps of Intel's manual, volume 2, appendix A, reduced to what decides on an instruction's length.
 */
#include "libos/rewrite/decode.h"
#include "libos/kernel/kernel.h"

/* What follows the opcode. */
#define MODRM 0x01
#define IMM8 0x02
#define IMMZ 0x04	/* 4 bytes; 2 with an operand size prefix */
#define IMM16 0x08
#define REL8 0x10
#define REL32 0x20
#define BAD 0x40
#define SPECIAL 0x80	/* length depends on more than the opcode */

#define X4(v) v, v, v, v
#define X8(v) X4(v), X4(v)
#define X16(v) X8(v), X8(v)
#define ALU X4(MODRM), IMM8, IMMZ

static const u8 map_one[256] = {
	/* 00 */ ALU, BAD, BAD, ALU, BAD, SPECIAL,
	/* 10 */ ALU, BAD, BAD, ALU, BAD, BAD,
	/* 20 */ ALU, SPECIAL, BAD, ALU, SPECIAL, BAD,
	/* 30 */ ALU, SPECIAL, BAD, ALU, SPECIAL, BAD,
	/* 40 */ X16(SPECIAL),
	/* 50 */ X16(0),
	/* 60 */ BAD, BAD, SPECIAL, MODRM, X4(SPECIAL), IMMZ, MODRM | IMMZ, IMM8, MODRM | IMM8, X4(0),
	/* 70 */ X16(REL8),
	/* 80 */ MODRM | IMM8, MODRM | IMMZ, BAD, MODRM | IMM8, X4(MODRM), X8(MODRM),
	/* 90 */ X8(0), 0, 0, BAD, 0, X4(0),
	/* A0 */ X4(SPECIAL), X4(0), IMM8, IMMZ, X4(0), 0, 0,
	/* B0 */ X8(IMM8), X8(SPECIAL),
	/* C0 */ MODRM | IMM8, MODRM | IMM8, IMM16, 0, SPECIAL, SPECIAL, MODRM | IMM8, MODRM | IMMZ,
	/* C8 */ IMM16 | IMM8, 0, IMM16, 0, 0, IMM8, BAD, 0,
	/* D0 */ X4(MODRM), BAD, BAD, BAD, 0, X8(MODRM),
	/* E0 */ X4(REL8), X4(IMM8), REL32, REL32, BAD, REL8, X4(0),
	/* F0 */ SPECIAL, 0, SPECIAL, SPECIAL, 0, 0, SPECIAL, SPECIAL, X4(0), 0, 0, MODRM, MODRM,
};

static const u8 map_0f[256] = {
	/* 00 */ X4(MODRM), BAD, 0, 0, 0, 0, 0, BAD, 0, BAD, MODRM, 0, MODRM | IMM8,
	/* 10 */ X16(MODRM),
	/* 20 */ X4(MODRM), X4(BAD), X8(MODRM),
	/* 30 */ X4(0), 0, 0, BAD, 0, SPECIAL, BAD, SPECIAL, BAD, X4(BAD),
	/* 40 */ X16(MODRM),
	/* 50 */ X16(MODRM),
	/* 60 */ X16(MODRM),
	/* 70 */ X4(MODRM | IMM8), MODRM, MODRM, MODRM, 0, SPECIAL, MODRM, BAD, BAD, X4(MODRM),
	/* 80 */ X16(REL32),
	/* 90 */ X16(MODRM),
	/* A0 */ 0, 0, 0, MODRM, MODRM | IMM8, MODRM, MODRM, MODRM, 0, 0, 0, MODRM, MODRM | IMM8, MODRM, MODRM, MODRM,
	/* B0 */ X8(MODRM), MODRM, MODRM, MODRM | IMM8, MODRM, X4(MODRM),
	/* C0 */ MODRM, MODRM, MODRM | IMM8, MODRM, MODRM | IMM8, MODRM | IMM8, MODRM | IMM8, MODRM, X8(0),
	/* D0 */ X16(MODRM),
	/* E0 */ X16(MODRM),
	/* F0 */ X16(MODRM),
};

enum map { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A, MAP_VECTOR, MAP_XOP };

/* What is known of an instruction while it is read. */
struct reader {
	const u8 *code;
	size_t at, end;
	bool operand16, address32, repne, wide, evex;
	u8 map, opcode, vector_map;
	u8 modrm;
	bool has_modrm;
};

static bool take(struct reader *r, u8 *byte)
{
	if (r->at >= r->end)
		return false;
	*byte = r->code[r->at++];
	return true;
}

static bool is_prefix(u8 b)
{
	return b == 0x66 || b == 0x67 || b == 0xf0 || b == 0xf2 || b == 0xf3 || b == 0x2e || b == 0x36 || b == 0x3e || b == 0x26 ||
	       b == 0x64 || b == 0x65;
}

/* Prefixes, and the first byte behind them.  A REX counts only directly before the opcode. */
static bool read_prefixes(struct reader *r, u8 *first)
{
	u8 b;

	for (;;) {
		if (!take(r, &b))
			return false;
		if (is_prefix(b)) {
			r->operand16 |= b == 0x66;
			r->address32 |= b == 0x67;
			r->repne |= b == 0xf2;
			r->wide = false;
		} else if ((b & 0xf0) == 0x40) {
			r->wide = b & 8;
		} else {
			break;
		}
	}
	*first = b;
	return true;
}

/* C5, C4, 62 and 8F: the bytes between it and the opcode, with the number of the opcode map. */
static bool read_vector(struct reader *r, u8 first)
{
	static const u8 more[] = {[0] = 1, [1] = 2, [2] = 3};
	int form = first == 0xc5 ? 0 : first == 0x62 ? 2 : 1;
	u8 b;

	if (!take(r, &b))
		return false;
	r->vector_map = form == 0 ? 1 : form == 2 ? b & 7 : b & 0x1f;
	for (int i = 1; i < more[form]; i++)
		if (!take(r, &b))
			return false;
	r->map = first == 0x8f ? MAP_XOP : MAP_VECTOR;
	r->evex = form == 2;
	return take(r, &r->opcode);
}

static bool read_opcode(struct reader *r)
{
	u8 b;

	if (!read_prefixes(r, &b))
		return false;
	if (b == 0xc4 || b == 0xc5 || b == 0x62 || (b == 0x8f && r->at < r->end && (r->code[r->at] & 0x1f) >= 8))
		return read_vector(r, b);
	r->map = MAP_ONE;
	r->opcode = b;
	if (b != 0x0f)
		return true;
	if (!take(r, &b))
		return false;
	r->map = b == 0x38 ? MAP_0F38 : b == 0x3a ? MAP_0F3A : MAP_0F;
	r->opcode = b;
	return r->map == MAP_0F || take(r, &r->opcode);
}

/* The vector maps' instructions all have a ModRM byte, but for vzeroupper; which have an immediate byte? */
static u8 vector_form(const struct reader *r)
{
	u8 op = r->opcode;

	if (r->map == MAP_XOP)
		return r->vector_map == 8 ? MODRM | IMM8 : r->vector_map == 9 ? MODRM : r->vector_map == 10 ? MODRM | IMMZ : BAD;
	switch (r->vector_map) {
	case 1:
		if (op == 0x77)
			return r->evex ? BAD : 0;
		return MODRM | ((op >= 0x70 && op <= 0x73) || op == 0xc2 || (op >= 0xc4 && op <= 0xc6) ? IMM8 : 0);
	case 2:
		return MODRM;
	case 3:
		return MODRM | IMM8;
	case 5:
	case 6:
		return r->evex ? MODRM : BAD;
	}
	return BAD;
}

static u8 form_of(const struct reader *r)
{
	switch (r->map) {
	case MAP_ONE:
		return map_one[r->opcode];
	case MAP_0F:
		return map_0f[r->opcode];
	case MAP_0F38:
		return MODRM;
	case MAP_0F3A:
		return MODRM | IMM8;
	}
	return vector_form(r);
}

/* The ModRM byte and what belongs to it; remembers where a displacement from rip stands. */
static bool read_modrm(struct reader *r, struct insn *i)
{
	u8 mod, rm, sib = 0;

	if (!take(r, &r->modrm))
		return false;
	r->has_modrm = true;
	mod = r->modrm >> 6;
	rm = r->modrm & 7;
	/* Moves to and from control registers have registers alone. */
	if (mod == 3 || (r->map == MAP_0F && (r->opcode & 0xfc) == 0x20))
		return true;
	if (rm == 4 && !take(r, &sib))
		return false;
	if (mod == 0 && rm == 5)
		i->relative_at = r->at;
	if (mod == 1)
		r->at += 1;
	else if (mod == 2 || rm == 5 || (rm == 4 && (sib & 7) == 5))
		r->at += 4;
	return true;
}

static size_t immediate_size(const struct reader *r, u8 form)
{
	bool test = (r->modrm & 0x38) <= 8;	/* F6 and F7: /0 and /1 are test */
	size_t z = r->operand16 && !r->wide && r->map != MAP_XOP ? 2 : 4;

	if (form & SPECIAL) {
		if (r->map == MAP_0F) /* 78: with a prefix it is SSE4a's extrq or insertq */
			return r->operand16 || r->repne ? 2 : 0;
		if (r->opcode == 0xf6 || r->opcode == 0xf7)
			return !test ? 0 : r->opcode == 0xf6 ? 1 : z;
		if ((r->opcode & 0xf8) == 0xb8)
			return r->wide ? 8 : z;
		return r->address32 ? 4 : 8; /* A0 to A3 */
	}
	return (form & (IMM8 | REL8) ? 1 : 0) + (form & IMM16 ? 2 : 0) + (form & IMMZ ? z : 0) + (form & REL32 ? 4 : 0);
}

static enum insn_kind kind_one(const struct reader *r)
{
	u8 reg = r->modrm >> 3 & 7;

	switch (r->opcode) {
	case 0xe9:
	case 0xeb:
		return INSN_JUMP;
	case 0xe8:
		return INSN_CALL;
	case 0xe0 ... 0xe3:
		return INSN_LOOP;
	case 0x70 ... 0x7f:
		return INSN_BRANCH;
	case 0xc2:
	case 0xc3:
		return INSN_RETURN;
	case 0x9c:	/* pushf, popf */
	case 0x9d:
	case 0xca ... 0xcd: /* far returns, int */
	case 0xcf:
	case 0xf1:
		return INSN_OTHER;
	case 0xc7:
		return r->modrm == 0xf8 ? INSN_OTHER : INSN_PLAIN; /* xbegin */
	case 0xff:
		if (reg == 4)
			return (r->modrm & 0xc7) == 5 ? INSN_SLOT : INSN_INDIRECT;
		return reg == 2 || reg == 3 || reg == 5 ? INSN_OTHER : INSN_PLAIN;
	}
	return INSN_PLAIN;
}

static enum insn_kind kind_of(const struct reader *r)
{
	if (r->map == MAP_ONE)
		return kind_one(r);
	if (r->map != MAP_0F)
		return INSN_PLAIN;
	if ((r->opcode & 0xf0) == 0x80)
		return INSN_BRANCH;
	/* syscall, sysret, ud2, sysenter, sysexit */
	if (r->opcode == 0x05 || r->opcode == 0x07 || r->opcode == 0x0b || r->opcode == 0x34 || r->opcode == 0x35)
		return INSN_OTHER;
	return INSN_PLAIN;
}

static i32 relative_target(const struct reader *r, u8 form)
{
	i32 distance;

	if (form & REL8)
		return (i8)r->code[r->at - 1];
	memcpy(&distance, r->code + r->at - 4, 4);
	return distance;
}

bool insn_decode(struct insn *i, const u8 *code, size_t n)
{
	struct reader r = {.code = code, .end = n < 15 ? n : 15};
	u8 form;

	*i = (struct insn){0};
	if (!read_opcode(&r))
		return false;
	form = form_of(&r);
	if (form & BAD)
		return false;
	if (((form & MODRM) || (form & SPECIAL && (r.map == MAP_0F || r.opcode >= 0xf6))) && !read_modrm(&r, i))
		return false;
	r.at += immediate_size(&r, form);
	if (r.at > r.end)
		return false;
	i->length = r.at;
	i->opcode = r.opcode;
	i->kind = kind_of(&r);
	if (form & (REL8 | REL32))
		i->target = relative_target(&r, form);
	/* Addresses of 32 bits relative to eip are too rare to be moved. */
	if (i->relative_at && r.address32)
		i->kind = INSN_OTHER;
	return true;
}
