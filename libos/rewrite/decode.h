/*
 * Lengths and kinds of x86-64 instructions, as far as the rewriter needs them: where an instruction ends, whether it
 * depends on its own address, whether it changes the flow of control.  Compared with a full disassembler in tests.
 */
#ifndef LIBOS_REWRITE_DECODE_H
#define LIBOS_REWRITE_DECODE_H

#include "libos/kernel/types.h"

enum insn_kind {
	INSN_PLAIN,
	INSN_JUMP,	/* jmp rel8 or rel32 */
	INSN_BRANCH,	/* jcc rel8 or rel32 */
	INSN_LOOP,	/* loop, jrcxz: rel8 alone */
	INSN_CALL,	/* call rel32 */
	INSN_INDIRECT,	/* jmp through a register or memory; a call through one is INSN_OTHER */
	INSN_SLOT,	/* jmp through memory at a fixed distance: a procedure linkage table's */
	INSN_RETURN,	/* ret */
	INSN_OTHER,	/* what the rewriter must not move: calls, syscall, int, the flags to and from the stack, traps */
};

struct insn {
	u8 length;
	u8 kind;
	u8 opcode;		/* the last byte of the opcode */
	u8 relative_at;		/* offset of a 32-bit displacement from the instruction's end to memory, or 0 */
	i32 target;		/* of a relative jump or call: distance from the instruction's end */
};

/* Decode what begins at `code`, of which n bytes are there.  False: no instruction, or not all of it. */
bool insn_decode(struct insn *i, const u8 *code, size_t n);

#endif
