"""Lets gdb show the guest's frames behind those of the library OS.

    gdb -p PID -x scripts/gdb-guest.py

PID: a picoprocess, seen from the host (`pgrep -f`, or `bartizan top`).  Symbols: host layer and library OS from the build directory
(BARTIZAN_BUILD, else build/ beside this script's directory), and of each ELF file that the guest has mapped.  A guest that
runs from an image has its text mapped from the image's file: add its programs by `add-symbol-file FILE -o ADDRESS`.
"""
import os
import re

import gdb
from gdb.unwinder import Unwinder

# host/linux/layout.h: the thread's block, which GS points to, and the guest's registers in it (struct bz_context).
BLOCK_SIZE, BLOCK_CTX = 0x20000, 128
CONTEXT = ["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "rip"]
CONTEXT_RSP = 136
ENTRIES = ("host_enter_exception", "host_enter_remote", "host_syscall_entry", "host_syscall_entry_unsaved", "host_return_begin")


class GuestContext(Unwinder):
    """The outermost frame of the host layer: what called it is the guest, whose registers are in the thread's block."""

    def __init__(self):
        super().__init__("bartizan guest")

    def __call__(self, pending):
        pc = pending.read_register("rip")
        name = gdb.execute(f"info symbol {int(pc) & (2**64 - 1):#x}", to_string=True).split(" ")[0]
        if name not in ENTRIES:
            return None
        block, rsp = int(pending.read_register("gs_base")), pending.read_register("rsp")
        # In the very first instructions nothing is saved yet, and the stack is the guest's.
        if not -BLOCK_SIZE < int(rsp) - block < BLOCK_SIZE:
            return None
        context = block + BLOCK_CTX
        long = gdb.lookup_type("unsigned long")
        memory = gdb.selected_inferior().read_memory(context, CONTEXT_RSP + 8).tobytes()

        def word(offset):
            return gdb.Value(int.from_bytes(memory[offset:offset + 8], "little")).cast(long)

        frame = pending.create_unwind_info(FrameId(rsp, pc))
        for i, register in enumerate(CONTEXT):
            frame.add_saved_register(register, word(8 * i))
        frame.add_saved_register("rsp", word(CONTEXT_RSP))
        return frame


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


def add_symbols():
    here = os.path.dirname(os.path.abspath(os.path.expanduser(__file__)))
    build = os.environ.get("BARTIZAN_BUILD") or os.path.join(os.path.dirname(here), "build")
    for path in ("host/linux/bartizan-host.elf", "libos/bartizan-libos.elf"):
        gdb.execute(f"add-symbol-file {build}/{path}", to_string=True)
    seen = set()
    with open(f"/proc/{gdb.selected_inferior().pid}/maps") as maps:
        for line in maps:
            m = re.match(r"([0-9a-f]+)-[0-9a-f]+ \S+ (\S+) \S+ \d+ +(/.*)", line)
            if not m or m[3] in seen or m[3].endswith("(deleted)") or "bartizan-libos" in m[3] or int(m[2], 16):
                continue
            seen.add(m[3])
            try:
                with open(m[3], "rb") as f:
                    head = f.read(18)
                if head[:4] == b"\x7fELF":  # a program at fixed addresses (2), or whatever goes anywhere (3)
                    gdb.execute(f"add-symbol-file {m[3]}" + (f" -o 0x{m[1]}" if head[16] == 3 else ""), to_string=True)
            except (OSError, gdb.error) as e:
                gdb.write(f"{m[3]}: {e}\n")


gdb.execute("set confirm off")
gdb.unwinder.register_unwinder(None, GuestContext(), replace=True)
add_symbols()
