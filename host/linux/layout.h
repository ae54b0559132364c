/* Numbers that the host layer's C and assembly share: places, thread blocks, offsets (checked in boot.c). */
#ifndef HOST_LINUX_LAYOUT_H
#define HOST_LINUX_LAYOUT_H

/*
 * A thread's block.  Its place follows from any address in it: signal handlers find it by the alternate stack.
 *
 *      0x0000  nothing mapped: what overflows the alternate stack faults
 *      0x1000  alternate signal stack, big enough for AVX-512 and AMX frames
 *      0xe000  struct block (with struct bz_tcb first; GS points here)
 *      0xf000  nothing mapped: what overflows the library OS stack faults
 *     0x10000  library OS stack
 *     0x20000  end
 */
#define BLOCK_SIZE 0x20000
#define BLOCK_ALTSTACK 0x1000
#define BLOCK_ALTSTACK_SIZE 0xd000
#define BLOCK_TCB 0xe000
#define BLOCK_STACK 0x10000
#define BLOCK_STACK_SIZE 0x10000

/* Offsets in struct block. */
#define TCB_STACK_TOP 24
#define TCB_INTERRUPTED 44
#define TCB_RESUME_FLAG 48
#define BLOCK_CTX 128
#define CTX_R11 48
#define CTX_RCX 88
#define CTX_RIP 120
#define CTX_RFLAGS 128
#define CTX_RSP 136
#define CTX_GS 144
#define CTX_FLAGS 152
#define BLOCK_IRET 336
#define BLOCK_MXCSR 376
#define BLOCK_FPU_CONTROL 380
#define BLOCK_BACK 384
#define BLOCK_BACK_RIP 392
#define BLOCK_TARGET 400
#define BLOCK_DIRECT_BACK 408

#define FLAGS_NOT_OURS 0x44500 /* AC, NT, DF, TF: clear while we run */

#define USER_CS 0x33
#define USER_SS 0x2b

#ifndef __ASSEMBLER__
#include "abi/bartizan_abi.h"

#define HOST_VDSO_BASE (BZ_RESERVED_LOW + 0x10000000ul)
#define HOST_BLOCKS_BASE (BZ_RESERVED_LOW + 0x100000000ul)
#define BLOCKS_MAX 65536u
#define BLOCK_TAKEN 0xffffffffu

/* In the arena's host part: the boot block may be BZ_BOOT_MAX bytes, then come these tables. */
#define HOST_DIRECTORIES_OFFSET 0x240000ul
#define HOST_DIRECTORIES 65536u
#define HOST_TIDS_OFFSET 0x280000ul
#define HOST_TIDS 65536u
#define HOST_HANDLES_OFFSET 0x300000ul
#define HOST_STREAMS 262144

/* A directory has no descriptor: its stream's number is its handle's place in the table and this. */
#define STREAM_DIRECTORY 0x40000000

struct host_timespec {
	int64_t sec, nsec;
};

#define BILLION 1000000000ll
#endif

#endif
