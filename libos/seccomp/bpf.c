/*
 * Classic BPF as seccomp(2) has it: loads are of 32-bit words of struct seccomp_data alone.  A program is checked once, so that running
 * it needs no check: jumps go forwards and stay inside, it ends with a return, no divisor is a constant 0, and no
 * word of its memory is read that was not written on each way there (Linux's bpf_check_classic, seccomp_check_filter).
 */
#include "libos/seccomp/seccomp.h"
#include <linux/filter.h>
#include <linux/seccomp.h>

static bool known(const struct sock_filter *f)
{
	switch (f->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return f->k < sizeof(struct seccomp_data) && !(f->k & 3);
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_JMP | BPF_JA:
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JEQ | BPF_X:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_X:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_X:
	case BPF_JMP | BPF_JSET | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_X:
	case BPF_ALU | BPF_ADD | BPF_K:
	case BPF_ALU | BPF_ADD | BPF_X:
	case BPF_ALU | BPF_SUB | BPF_K:
	case BPF_ALU | BPF_SUB | BPF_X:
	case BPF_ALU | BPF_MUL | BPF_K:
	case BPF_ALU | BPF_MUL | BPF_X:
	case BPF_ALU | BPF_DIV | BPF_X:
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_ALU | BPF_AND | BPF_X:
	case BPF_ALU | BPF_OR | BPF_K:
	case BPF_ALU | BPF_OR | BPF_X:
	case BPF_ALU | BPF_XOR | BPF_K:
	case BPF_ALU | BPF_XOR | BPF_X:
	case BPF_ALU | BPF_LSH | BPF_X:
	case BPF_ALU | BPF_RSH | BPF_X:
	case BPF_ALU | BPF_NEG:
		return true;
	case BPF_ALU | BPF_DIV | BPF_K:
		return f->k != 0;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return f->k < 32;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return f->k < BPF_MEMWORDS;
	}
	return false;
}

static bool jumps_inside(const struct sock_filter *f, u32 at, u32 len)
{
	if (BPF_CLASS(f->code) != BPF_JMP)
		return true;
	if (f->code == (BPF_JMP | BPF_JA))
		return f->k < len - at - 1;
	return at + f->jt + 1 < len && at + f->jf + 1 < len;
}

/* written[i]: words that hold something when instruction i is reached, whichever way. */
static int check_memory(const struct sock_filter *prog, u32 len)
{
	u16 *written = kmalloc(len * sizeof(*written)), now = 0;
	int err = 0;

	if (!written)
		return -ENOMEM;
	memset(written, 0xff, len * sizeof(*written));
	for (u32 i = 0; i < len && !err; i++) {
		const struct sock_filter *f = prog + i;

		now &= written[i];
		if (f->code == BPF_ST || f->code == BPF_STX) {
			now |= 1u << f->k;
		} else if (f->code == (BPF_LD | BPF_MEM) || f->code == (BPF_LDX | BPF_MEM)) {
			err = now >> f->k & 1 ? 0 : -EINVAL;
		} else if (f->code == (BPF_JMP | BPF_JA)) {
			written[i + 1 + f->k] &= now;
			now = 0xffff;
		} else if (BPF_CLASS(f->code) == BPF_JMP) {
			written[i + 1 + f->jt] &= now;
			written[i + 1 + f->jf] &= now;
			now = 0xffff;
		}
	}
	kfree(written);
	return err;
}

int seccomp_bpf_check(struct sock_filter *prog, u32 len)
{
	for (u32 i = 0; i < len; i++)
		if (!known(prog + i) || !jumps_inside(prog + i, i, len))
			return -EINVAL;
	if (BPF_CLASS(prog[len - 1].code) != BPF_RET)
		return -EINVAL;
	return check_memory(prog, len);
}

static u32 alu(u16 op, u32 a, u32 b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return b ? a / b : 0;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << (b & 31);
	case BPF_RSH:
		return a >> (b & 31);
	}
	return -a; /* BPF_NEG */
}

static bool compare(u16 op, u32 a, u32 b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGE:
		return a >= b;
	case BPF_JGT:
		return a > b;
	}
	return a & b; /* BPF_JSET */
}

u32 seccomp_bpf_run(const struct sock_filter *f, const struct seccomp_data *data)
{
	u32 a = 0, x = 0, mem[BPF_MEMWORDS], b;

	for (;; f++) {
		b = BPF_SRC(f->code) == BPF_X ? x : f->k;
		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
			a = BPF_MODE(f->code) == BPF_ABS ? *(const u32 *)((const char *)data + f->k) :
			    BPF_MODE(f->code) == BPF_LEN ? sizeof(*data) :
			    BPF_MODE(f->code) == BPF_MEM ? mem[f->k] : f->k;
			break;
		case BPF_LDX:
			x = BPF_MODE(f->code) == BPF_LEN ? sizeof(*data) : BPF_MODE(f->code) == BPF_MEM ? mem[f->k] : f->k;
			break;
		case BPF_ST:
			mem[f->k] = a;
			break;
		case BPF_STX:
			mem[f->k] = x;
			break;
		case BPF_ALU:
			/* An unknown divisor of 0 ends the filter with 0. */
			if (BPF_OP(f->code) == BPF_DIV && !b)
				return 0;
			a = alu(BPF_OP(f->code), a, b);
			break;
		case BPF_JMP:
			if (BPF_OP(f->code) == BPF_JA)
				f += f->k;
			else
				f += compare(BPF_OP(f->code), a, b) ? f->jt : f->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(f->code) == BPF_A ? a : f->k;
		case BPF_MISC:
			if (BPF_MISCOP(f->code) == BPF_TAX)
				x = a;
			else
				a = x;
			break;
		}
	}
}
