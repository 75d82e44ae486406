/* SPDX-License-Identifier: MIT */
/*
 * The decoder against two others: capstone and distorm3.
 *
 * Random byte strings, with an emphasis on opcodes that exist and on prefixes,
 * in 16-, 32- and 64-bit modes. Length and mnemonic agree, or one entry of
 * the table of exceptions says why not, in the manual's words. An exception
 * is a predicate on the string and on both answers, as narrow as could be
 * found; those about prefixes say which byte the other decoder mistook, and
 * hold only if the decoders agree on the string without it.
 *
 * decode_oracle [count [seed]]: exit 0 when every difference is explained.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <capstone/capstone.h>
#include <distorm3/distorm.h>
#include <distorm3/mnemonics.h>

#include "lib/soft/insn.h"

enum { SIZE = 24, SHOWN = 20, NAME = 40 };

enum oracle { CAPSTONE = 1, DISTORM = 2, BOTH = 3 };

/* What a decoder says: len 0 when it is no instruction. */
struct answer {
	unsigned len;
	char name[NAME];
};

struct sample {
	uint8_t bytes[SIZE];
	unsigned mode;
	/* What is in front of the opcode. */
	unsigned prefixes; /* how many bytes */
	unsigned map;
	uint8_t opcode;
	uint8_t modrm;
	unsigned rex;
	unsigned n66, n67, nrep, nseg; /* how often */
	/* The answers. */
	struct vmi_insn insn; /* valid when ours.len is not 0 */
	struct answer ours;
};

struct decoders {
	csh capstone[3];
	cs_insn *insn;
};

static uint64_t state;

static unsigned any(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 32) % n;
}

static bool is_prefix(uint8_t byte)
{
	return byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e ||
	       (byte >= 0x64 && byte <= 0x67) || byte == 0xf0 || byte == 0xf2 ||
	       byte == 0xf3;
}

/* Half of the strings have no prefix but REX; most have an opcode of ours,
 * some any opcode of a map. */
static void generate(struct sample *s)
{
	static const uint8_t prefixes[] = { 0x66, 0x66, 0x66, 0xf2, 0xf3, 0xf3,
		0x67, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0xf0 };
	const struct vmi_row *row = &vmi_rows[any((unsigned)vmi_nrows)];
	unsigned n = 0;
	unsigned k = any(8);

	s->mode = 16u << any(3);
	for (unsigned i = 0; i < SIZE; i++)
		s->bytes[i] = (uint8_t)any(256);
	for (; k > 3; k--)
		s->bytes[n++] = prefixes[any(sizeof(prefixes))];
	if (s->mode == 64 && any(3) == 0)
		s->bytes[n++] = (uint8_t)(0x40 | any(16));
	switch (any(24)) {
	case 0: return;
	case 1: s->bytes[n] = 0x0f; return;
	case 2:
		s->bytes[n++] = 0x0f;
		s->bytes[n] = any(2) ? 0x38 : 0x3a;
		return;
	default: break;
	}
	if (row->map != VMI_MAP_1)
		s->bytes[n++] = 0x0f;
	if (row->map == VMI_MAP_0F38)
		s->bytes[n++] = 0x38;
	if (row->map == VMI_MAP_0F3A)
		s->bytes[n++] = 0x3a;
	s->bytes[n] = row->opcode;
}

/* Where the opcode is and what stands before it, by the manual's grammar. */
static void dissect(struct sample *s)
{
	const uint8_t *b = s->bytes;
	unsigned n = 0;

	s->rex = s->n66 = s->n67 = s->nrep = s->nseg = 0;
	for (; n < 15; n++) {
		if (s->mode == 64 && (b[n] & 0xf0) == 0x40) {
			s->rex = b[n];
			continue;
		}
		if (!is_prefix(b[n]))
			break;
		s->rex = 0;
		s->n66 += b[n] == 0x66;
		s->nrep += b[n] == 0xf2 || b[n] == 0xf3;
		s->n67 += b[n] == 0x67;
		s->nseg += (b[n] & 0xe7) == 0x26 || (b[n] & 0xfe) == 0x64;
	}
	s->prefixes = n;
	s->map = VMI_MAP_1;
	if (b[n] == 0x0f) {
		s->map = VMI_MAP_0F;
		n++;
		if (b[n] == 0x38 || b[n] == 0x3a) {
			s->map = b[n] == 0x38 ? VMI_MAP_0F38 : VMI_MAP_0F3A;
			n++;
		}
	}
	s->opcode = b[n];
	s->modrm = b[n + 1];
}

static void ask_ourselves(struct sample *s)
{
	s->ours.len = 0;
	s->ours.name[0] = '\0';
	if (vmi_decode(s->bytes, SIZE, s->mode, &s->insn))
		return;
	s->ours.len = s->insn.len;
	snprintf(s->ours.name, NAME, "%s", s->insn.row->mnemonic);
}

static void ask_capstone(
	const struct decoders *d, const struct sample *s, struct answer *a)
{
	const uint8_t *code = s->bytes;
	size_t size = VMI_INSN_MAX;
	uint64_t address = 0x1000;
	const char *name;

	a->len = 0;
	a->name[0] = '\0';
	if (!cs_disasm_iter(
		    d->capstone[s->mode >> 5], &code, &size, &address, d->insn))
		return;
	a->len = d->insn->size;
	name = strrchr(d->insn->mnemonic, ' ');
	snprintf(a->name, NAME, "%s", name ? name + 1 : d->insn->mnemonic);
}

static void ask_distorm(const struct sample *s, struct answer *a)
{
	_CodeInfo info = {
		.codeOffset = 0x1000,
		.code = s->bytes,
		.codeLen = VMI_INSN_MAX,
		.dt = s->mode == 16   ? Decode16Bits
		      : s->mode == 32 ? Decode32Bits
				      : Decode64Bits,
	};
	_DInst insn[2];
	unsigned count = 0;

	a->len = 0;
	a->name[0] = '\0';
	distorm_decompose(&info, insn, 1, &count);
	if (!count || insn[0].flags == FLAG_NOT_DECODABLE)
		return;
	a->len = insn[0].size;
	snprintf(a->name, NAME, "%s",
		(const char *)GET_MNEMONIC_NAME(insn[0].opcode));
	for (char *c = a->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

/* Spellings of one and the same instruction. */
static const char *const spellings[][2] = {
	{ "jz", "je" },
	{ "jnz", "jne" },
	{ "loopz", "loope" },
	{ "loopnz", "loopne" },
	{ "cmovz", "cmove" },
	{ "cmovnz", "cmovne" },
	{ "setz", "sete" },
	{ "setnz", "setne" },
	{ "sal", "shl" },
	{ "xlat", "xlatb" },
	{ "movabs", "mov" },
	{ "ud2b", "ud1" },
	{ "lcall", "call" },
	{ "ljmp", "jmp" },
	{ "call far", "call" },
	{ "jmp far", "jmp" },
	{ "int 3", "int3" },
	{ "retfq", "retf" },
	{ "sysretq", "sysret" },
	{ "sysexitq", "sysexit" },
	{ "feni8087_nop", "fneni" },
	{ "feni", "fneni" },
	{ "fdisi8087_nop", "fndisi" },
	{ "fedisi", "fndisi" },
	{ "fsetpm", "fnsetpm" },
};

/* The condition of CMPPS and its kin, which is an immediate byte. */
static void drop_condition(char *name)
{
	static const char *const conditions[] = { "eq", "lt", "le", "unord",
		"neq", "nlt", "nle", "ord" };

	if (strncmp(name, "cmp", 3) != 0)
		return;
	for (unsigned i = 0; i < 8; i++) {
		size_t n = strlen(conditions[i]);

		if (strncmp(name + 3, conditions[i], n) != 0 ||
			strlen(name) != n + 5)
			continue;
		memmove(name + 3, name + 3 + n, 3);
		return;
	}
}

/* distorm3 leaves the size out of these; it is in the operands. */
static void drop_size(char *name)
{
	static const char *const sized[] = { "ins", "outs", "movs", "cmps",
		"stos", "lods", "scas", "pushf", "popf", "iret", "pusha",
		"popa" };

	for (unsigned i = 0; i < sizeof(sized) / sizeof(sized[0]); i++) {
		size_t n = strlen(sized[i]);

		if (strncmp(name, sized[i], n) == 0 && strlen(name) == n + 1)
			name[n] = '\0';
	}
}

static void normalise(char *name, enum oracle oracle)
{
	for (unsigned i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
		if (strcmp(name, spellings[i][0]) == 0)
			strcpy(name, spellings[i][1]);
	drop_condition(name);
	if (oracle == DISTORM)
		drop_size(name);
}

static bool agree(const struct answer *ours, const struct answer *theirs,
	enum oracle oracle)
{
	struct answer a = *ours;
	struct answer b = *theirs;

	normalise(a.name, oracle);
	normalise(b.name, oracle);
	return a.len == b.len && strcmp(a.name, b.name) == 0;
}

static bool explained(const struct sample *s, enum oracle oracle,
	const struct answer *theirs);

#include "tests/soft/decode_exceptions.h"

/*
 * Whether capstone can be asked for operands: at most one of 66, F2 and F3,
 * right before REX or the opcode, and none of what it mistakes (above).
 */
static bool is_plain(const struct sample *s)
{
	static const char *const names[] = {
		"xchg",		     /* the other order */
		"movsxd",	     /* 63 without REX.W extends to 32 bits */
		"nop", "lsl", "lar", /* register operands of another size */
		"blendvps", "blendvpd", "pblendvb", /* XMM0 is not shown */
		"sha256rnds2",
		"cmpps", "cmppd", "cmpss", "cmpsd", /* nor is the condition */
		"enter", "retf",		    /* sign-extended there */
		"aam", "aad",			    /* 10 is not shown */
	};
	unsigned last = s->prefixes - (s->rex != 0);

	if (s->n66 + s->nrep > 1 || (s->rex & 8 && s->n66 + s->n67))
		return false;
	if (s->n66 + s->nrep == 1 && !(kind_of_prefix(s->bytes[last - 1]) & 3))
		return false;
	if (s->mode != 64 && s->n67)
		return false;
	if (s->mode == 16 && s->n66)
		return false;
	if (s->nseg > 1)
		return false;
	/* MOV to a segment register is of 32 bits there. */
	if (s->map == VMI_MAP_1 && s->opcode == 0x8e)
		return false;
	/* So is an address without registers, or of 8. */
	if (s->mode == 64 && s->insn.mod == 0 && s->insn.base == VMI_NOREG &&
		s->insn.index == VMI_NOREG && !s->insn.rip_relative)
		return false;
	if (s->insn.row->attr & (VMI_A_STR | VMI_A_FPUOP))
		return false;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(s->ours.name, names[i]) == 0)
			return false;
	return true;
}

/* One operand, without its size; what it is of is compared. */
static bool operand_agrees(const struct sample *s, const char *a, const char *b)
{
	const char *in_a = strchr(a, '[');
	const char *in_b = strchr(b, '[');
	uint64_t x, y;
	unsigned shift = s->insn.opsize == 2 ? 48 : 32;

	if (in_a && in_b) {
		if (s->insn.seg_override &&
			(strncmp(in_a - 3, in_b - 3, 3) != 0))
			return false;
		return strcmp(in_a, in_b) == 0;
	}
	if (!isdigit((unsigned char)a[*a == '-']))
		return strcmp(a, b) == 0;
	x = strtoull(a, NULL, 0);
	y = strtoull(b, NULL, 0);
	if (s->insn.row->op[0] == VMI_OP_Eb || s->insn.row->op[0] == VMI_OP_Zb)
		shift = 56;
	return x << shift == y << shift;
}

/* The operands of an instruction that both take for the same. */
static bool operands_agree(const struct sample *s, const char *theirs)
{
	char text[128], copy[160];
	char *a, *b;

	vmi_disas(&s->insn, 0x1000, text, sizeof(text));
	snprintf(copy, sizeof(copy), "%s", theirs);
	a = strstr(text, s->insn.row->mnemonic);
	a = strchr(a, ' ');
	if (!a)
		return true;
	a++;
	b = copy;
	while (a && b) {
		char *end_a = strstr(a, ", ");
		char *end_b = strstr(b, ", ");

		if (end_a)
			*end_a = '\0';
		if (end_b)
			*end_b = '\0';
		if (!operand_agrees(s, a, b))
			return false;
		a = end_a ? end_a + 2 : NULL;
		b = end_b ? end_b + 2 : NULL;
	}
	return !a && !b;
}

static unsigned long compare_operands(const struct sample *s,
	const struct answer *theirs, const char *operands)
{
	char text[128];

	if (!s->ours.len || !agree(&s->ours, theirs, CAPSTONE) ||
		!is_plain(s) || operands_agree(s, operands))
		return 0;
	vmi_disas(&s->insn, 0x1000, text, sizeof(text));
	printf("%u-bit, operands:", s->mode);
	for (unsigned i = 0; i < s->ours.len; i++)
		printf(" %02x", s->bytes[i]);
	printf(": %s here, %s there\n", text, operands);
	return 1;
}

static void show(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	printf("%u-bit, %s:", s->mode,
		oracle == CAPSTONE ? "capstone" : "distorm3");
	for (unsigned i = 0; i < VMI_INSN_MAX; i++)
		printf(" %02x", s->bytes[i]);
	printf(": %s/%u here, %s/%u there\n", s->ours.len ? s->ours.name : "-",
		s->ours.len, theirs->len ? theirs->name : "-", theirs->len);
}

static unsigned long compare(const struct sample *s, enum oracle oracle,
	const struct answer *theirs, unsigned long shown)
{
	if (agree(&s->ours, theirs, oracle) || explained(s, oracle, theirs))
		return 0;
	if (shown < SHOWN)
		show(s, oracle, theirs);
	return 1;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 300000;
	unsigned long failed = 0;
	unsigned long valid = 0;
	struct decoders d;
	struct sample s;
	struct answer a;

	state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	state = (state << 1 | 1) * 0x9e3779b97f4a7c15u;
	if (cs_open(CS_ARCH_X86, CS_MODE_16, &d.capstone[0]) ||
		cs_open(CS_ARCH_X86, CS_MODE_32, &d.capstone[1]) ||
		cs_open(CS_ARCH_X86, CS_MODE_64, &d.capstone[2])) {
		printf("capstone cannot be opened\n");
		return 77;
	}
	d.insn = cs_malloc(d.capstone[0]);
	for (unsigned long i = 0; i < count; i++) {
		generate(&s);
		dissect(&s);
		ask_ourselves(&s);
		valid += s.ours.len != 0;
		ask_capstone(&d, &s, &a);
		failed += compare(&s, CAPSTONE, &a, failed);
		failed += compare_operands(&s, &a, d.insn->op_str);
		ask_distorm(&s, &a);
		failed += compare(&s, DISTORM, &a, failed);
	}
	failed += show_exceptions(count >= 1000000);
	printf("%lu strings, %lu instructions, %lu differences unexplained\n",
		count, valid, failed);
	cs_free(d.insn, 1);
	for (unsigned i = 0; i < 3; i++)
		cs_close(&d.capstone[i]);
	return failed != 0;
}
