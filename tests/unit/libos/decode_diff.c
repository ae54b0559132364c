/*
 * The rewriter's decoder against Zydis: every instruction of the executable sections of the ELF files given must have the same
 * length, the same relative operands and the same targets.  Bytes that Zydis does not know are skipped one by one; more
 * differences than the data between functions explains are a failure.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <Zydis/Zydis.h>

#include "libos/rewrite/decode.h"

static ZydisDecoder decoder;
static unsigned long instructions, differences;

/* What the decoder leaves out on purpose: Xeon Phi's jkzd and jknzd, which share VEX bytes with nothing else that is made. */
static bool is_left_out(const ZydisDecodedInstruction *z)
{
	return z->mnemonic == ZYDIS_MNEMONIC_JKZD || z->mnemonic == ZYDIS_MNEMONIC_JKNZD;
}

static bool same(const ZydisDecodedInstruction *z, bool known, const struct insn *i)
{
	bool memory = z->raw.modrm.offset && z->attributes & ZYDIS_ATTRIB_IS_RELATIVE && z->raw.disp.size == 32;
	bool jump = z->raw.imm[0].is_relative;
	bool moves = i->kind == INSN_JUMP || i->kind == INSN_BRANCH || i->kind == INSN_LOOP || i->kind == INSN_CALL;

	if (!known || i->length != z->length || i->relative_at != (memory ? z->raw.disp.offset : 0))
		return false;
	if (z->mnemonic == ZYDIS_MNEMONIC_XBEGIN)
		return i->kind == INSN_OTHER;
	return jump == moves && (!jump || z->raw.imm[0].value.s == i->target);
}

static void compare(const char *name, const unsigned char *code, size_t n)
{
	ZydisDecodedInstruction z;
	ZydisDecoderContext context;
	struct insn i;

	for (size_t at = 0; at < n; at += z.length) {
		bool known = insn_decode(&i, code + at, n - at);

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, &context, code + at, n - at, &z))) {
			z.length = 1;
			continue;
		}
		instructions++;
		if (is_left_out(&z) || same(&z, known, &i))
			continue;
		if (differences++ < 10)
			printf("%s: at %#zx of a section: %s of %u bytes, here %u of kind %u\n", name, at,
			       ZydisMnemonicGetString(z.mnemonic), z.length, known ? i.length : 0, i.kind);
	}
}

static void compare_file(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	unsigned char *m;
	Elf64_Ehdr *eh;
	Elf64_Shdr *sh;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(*eh))
		return;
	m = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	eh = (Elf64_Ehdr *)m;
	if (m == MAP_FAILED || memcmp(m, ELFMAG, SELFMAG) || eh->e_machine != EM_X86_64 || !eh->e_shoff ||
	    eh->e_shoff + eh->e_shnum * sizeof(*sh) > (size_t)st.st_size)
		return;
	sh = (Elf64_Shdr *)(m + eh->e_shoff);
	for (int i = 0; i < eh->e_shnum; i++)
		if (sh[i].sh_type == SHT_PROGBITS && (sh[i].sh_flags & SHF_EXECINSTR) &&
		    sh[i].sh_offset + sh[i].sh_size <= (size_t)st.st_size)
			compare(name, m + sh[i].sh_offset, sh[i].sh_size);
	munmap(m, st.st_size);
}

int main(int argc, char **argv)
{
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (int i = 1; i < argc; i++)
		compare_file(argv[i]);
	printf("%lu instructions, %lu differ\n", instructions, differences);
	return instructions < 100000 || differences ? 1 : 0;
}
