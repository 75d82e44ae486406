/* SPDX-License-Identifier: MIT */
/*
 * Every x87 instruction against the processor that the test runs on: the
 * whole FNSAVE image but its pointers, memory, EFLAGS and RAX, over random
 * and edge stacks, masked and unmasked.  The argument is the number of cases
 * of each encoding.
 */
#include <stdlib.h>

#include "tests/soft/x87_soft.h"

/* -- Cases --------------------------------------------------------------- */

static const uint64_t significands[] = { 0, 1, 0x4000000000000000ull,
	0x7fffffffffffffffull, 0x8000000000000000ull, 0x8000000000000001ull,
	0xc000000000000000ull, 0xc000000000000001ull, 0xbfffffffffffffffull,
	~0ull, 0xffffff8000000000ull, 0xfffffffffffff800ull,
	0xaaaaaaaaaaaaaaaaull, 0xde0b6b3a763fffe0ull, 0xfffe000000000000ull };

static const uint16_t exponents[] = { 0, 1, 2, 0x3c00, 0x3c01, 0x3f80, 0x3f81,
	0x3ffd, 0x3ffe, 0x3fff, 0x4000, 0x400d, 0x400e, 0x401d, 0x401e, 0x4039,
	0x403a, 0x403d, 0x403e, 0x403f, 0x407e, 0x407f, 0x43fe, 0x43ff, 0x7ffd,
	0x7ffe, 0x7fff };

static const uint64_t integers[] = { 0, 1, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
	0x80000000, 0xffffffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0xff800000,
	0x00400000, 0x3f800000, 0x7ff0000000000000ull, 0x7ff0000000000001ull,
	0x7ff8000000000000ull, 0x0008000000000000ull, 0x3ff0000000000000ull,
	0x8000000000000000ull, 0x7fffffffffffffffull, ~0ull,
	0x0010000000000000ull };

static uint64_t pick(unsigned n)
{
	return (stub_random() >> 33) % n;
}

#define PICK(table) ((table)[pick(sizeof(table) / sizeof((table)[0]))])

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static uint64_t make_exponent(void)
{
	switch (pick(4)) {
	case 0: return stub_random() >> 49;
	case 1: return 0x3fff - 40 + pick(110);
	default: return PICK(exponents);
	}
}

static void make_register(uint8_t *p)
{
	uint64_t man = pick(2) ? stub_random() : PICK(significands);
	uint64_t exponent = make_exponent();

	/* Mostly numbers. */
	if (exponent && pick(8))
		man |= 1ull << 63;
	if (!pick(12))
		man = exponent = 0;
	put(p, man, 8);
	put(p + 8, exponent | pick(2) << 15, 2);
}

/* A bit for each register that is empty: mostly few or none. */
static uint64_t make_empty(void)
{
	switch (pick(8)) {
	case 0: return stub_random() >> 40;
	case 1:
	case 2: return 0;
	default: return stub_random() >> 40 & stub_random() >> 32;
	}
}

/* Nothing is pending unless `pending`. */
static void make_image(uint8_t *p, bool pending)
{
	uint64_t control = stub_random() >> 40, status = stub_random() >> 40;
	uint64_t tags = 0, empty = make_empty();
	unsigned i;

	if (pick(2))
		control |= 0x3f;
	else if (pick(2))
		control |= 0x3f & ~(1ull << pick(6));
	if (pick(2))
		status &= ~0x7full;
	if (!pending)
		status &= control | ~0x3full;
	for (i = 0; i < 8; i++)
		tags |= (empty >> i & 1 ? 3 : pick(3)) << 2 * i;
	for (i = 0; i < 28; i += 4)
		put(p + i, stub_random(), 4);
	put(p, control, 2);
	put(p + 4, status, 2);
	put(p + 8, tags, 2);
	for (i = 0; i < 8; i++)
		make_register(p + 28 + 10 * i);
}

/* Random bytes, an edge integer or real, ten decimal bytes, a register. */
static void make_memory(uint8_t *p)
{
	unsigned i, how = (unsigned)pick(6);

	for (i = 0; i < 128; i++)
		p[i] = (uint8_t)(stub_random() >> 40);
	if (how == 1)
		put(p, PICK(integers), 8);
	if (how == 2)
		make_register(p);
	if (how == 3) {
		put(p, (127 - 30 + pick(90)) << 23 | stub_random() >> 41, 4);
	} else if (how == 4) {
		put(p, (1023 - 60 + pick(130)) << 52 | stub_random() >> 12, 8);
	}
}

static void make_bcd(uint8_t *p)
{
	unsigned i;

	for (i = 0; i < 9; i++)
		p[i] = (uint8_t)(pick(10) | pick(10) << 4);
	p[9] = (uint8_t)(stub_random() >> 40);
}

static void make_case(struct x87_case *t, const struct vmi_insn *insn)
{
	make_image(t->image, insn->row->attr & VMI_A_NOWAIT && pick(4) == 0);
	make_memory(t->memory);
	if (insn->row->exec == VMI_EXEC_fbld)
		make_bcd(t->memory);
	if (insn->row->exec == VMI_EXEC_fldenv ||
		insn->row->exec == VMI_EXEC_frstor)
		make_image(t->memory, true);
	t->rflags = (stub_random() & VMI_FLAGS_ARITH) | 0x202;
	t->rax = stub_random();
}

/* -- Comparison ---------------------------------------------------------- */

static bool is_transcendental(unsigned exec)
{
	switch (exec) {
	case VMI_EXEC_f2xm1:
	case VMI_EXEC_fyl2x:
	case VMI_EXEC_fyl2xp1:
	case VMI_EXEC_fpatan:
	case VMI_EXEC_fptan:
	case VMI_EXEC_fsin:
	case VMI_EXEC_fcos:
	case VMI_EXEC_fsincos: return true;
	default: return false;
	}
}

/* Within one of each other; numbers have one exponent below the smallest. */
static bool close_by(const uint8_t *a, const uint8_t *b)
{
	uint64_t x = get(a, 8), y = get(b, 8);
	uint64_t ex = get(a + 8, 2), ey = get(b + 8, 2);

	ex += !(ex & 0x7fff);
	ey += !(ey & 0x7fff);
	if (ex == ey)
		return x - y + 1 <= 2;
	return (ex + 1 == ey && x == ~0ull && y == 1ull << 63) ||
	       (ey + 1 == ex && y == ~0ull && x == 1ull << 63);
}

/* The pointers are not compared; they need no host. */
static void hide_pointers(uint8_t *image, unsigned bytes)
{
	memset(image + 3 * bytes, 0, 4 * bytes);
}

static void prepare(struct x87_case *t, const struct vmi_insn *insn)
{
	unsigned exec = insn->row->exec;

	hide_pointers(t->image, 4);
	if (exec == VMI_EXEC_fnstenv || exec == VMI_EXEC_fnsave)
		hide_pointers(t->memory, insn->opsize == 2 ? 2 : 4);
	if (exec == VMI_EXEC_frstor || exec == VMI_EXEC_fldenv)
		memset(t->memory, 0, sizeof(t->memory));
	t->rflags &= VMI_FLAGS_ARITH;
}

static bool same(const struct x87_case *a, const struct x87_case *b)
{
	return !memcmp(a->memory, b->memory, sizeof(a->memory)) &&
	       a->rflags == b->rflags && a->rax == b->rax &&
	       !memcmp(a->image, b->image, X87_IMAGE);
}

/*
 * One unit in the last place apart, which may also decide C1, UE and OE, and
 * what kind of number it is.
 */
static bool close_to(const struct x87_case *a, const struct x87_case *b)
{
	const uint64_t may_differ = VMI_FP_C1 | VMI_FP_UE | VMI_FP_OE;
	uint64_t ta = get(a->image + 8, 2), tb = get(b->image + 8, 2);
	unsigned i;

	if (((get(a->image + 4, 2) ^ get(b->image + 4, 2)) & ~may_differ) ||
		(ta & ta >> 1 & 0x5555) != (tb & tb >> 1 & 0x5555))
		return false;
	for (i = 0; i < 8; i++)
		if (!close_by(a->image + 28 + 10 * i, b->image + 28 + 10 * i))
			return false;
	return true;
}

static void print(const char *name, const struct x87_case *t)
{
	unsigned i;

	printf("%s cw %04x sw %04x tw %04x fl %03x ax %04x mem %04x%016llx\n",
		name, (unsigned)get(t->image, 2),
		(unsigned)get(t->image + 4, 2), (unsigned)get(t->image + 8, 2),
		(unsigned)t->rflags, (unsigned)t->rax & 0xffff,
		(unsigned)get(t->memory + 8, 2),
		(unsigned long long)get(t->memory, 8));
	for (i = 0; i < 8; i++)
		printf(" %04x:%016llx%s",
			(unsigned)get(t->image + 28 + 10 * i + 8, 2),
			(unsigned long long)get(t->image + 28 + 10 * i, 8),
			i % 4 == 3 ? "\n" : "");
}

static void run_both(const struct x87_case *start, struct x87_case both[2],
	const uint8_t *bytes, const struct vmi_insn *insn)
{
	both[0] = both[1] = *start;
	x87_host_run(&both[0], bytes, insn->len);
	if (x87_soft_run(&both[1], bytes, insn->len) != STUB_DONE)
		stub_fail(insn->row->mnemonic, 0, 1);
	prepare(&both[0], insn);
	prepare(&both[1], insn);
}

static bool agree(const struct x87_case *start, struct x87_case both[2],
	const uint8_t *bytes, const struct vmi_insn *insn)
{
	struct x87_case masked = *start, again[2];

	run_both(start, both, bytes, insn);
	if (same(&both[0], &both[1]))
		return true;
	if (!is_transcendental(insn->row->exec))
		return false;
	if (close_to(&both[0], &both[1]))
		return true;
	/* An unmasked OE or UE that one of them has moves the exponent. */
	put(masked.image, get(masked.image, 2) | 0x3f, 2);
	run_both(&masked, again, bytes, insn);
	return ((get(both[0].image + 4, 2) ^ get(both[1].image + 4, 2)) &
		       (VMI_FP_UE | VMI_FP_OE)) &&
	       close_to(&again[0], &again[1]);
}

static unsigned long run_case(const uint8_t *bytes, const struct vmi_insn *insn)
{
	struct x87_case start, both[2];
	unsigned i;

	make_case(&start, insn);
	if (agree(&start, both, bytes, insn))
		return 0;
	if (stub.failures++ < 12) {
		for (i = 0; i < insn->len; i++)
			printf("%02x ", bytes[i]);
		printf("%s\n", insn->row->mnemonic);
		print("from", &start);
		print("host", &both[0]);
		print("soft", &both[1]);
	}
	return 1;
}

static unsigned encodings;

static unsigned long run(const uint8_t *bytes, unsigned len, unsigned long n)
{
	unsigned long bad = 0, i;
	struct vmi_insn insn;

	if (vmi_decode(bytes, len, 64, &insn) < 0 || insn.len != len)
		return 0;
	encodings++;
	for (i = 0; i < n; i++)
		bad += run_case(bytes, &insn);
	if (bad)
		printf("%s (%02x %02x): %lu of %lu differ\n",
			insn.row->mnemonic, bytes[len - 2], bytes[len - 1], bad,
			n);
	return bad;
}

/* Alone, and with 66 for images in words. */
static unsigned long run_modrm(unsigned opcode, unsigned modrm, unsigned long n)
{
	uint8_t bytes[3] = { 0x66, (uint8_t)opcode, (uint8_t)modrm };
	unsigned long bad = run(bytes + 1, 2, n);

	if (opcode == 0xd9 || opcode == 0xdd)
		bad += run(bytes, 3, n);
	return bad;
}

/* [rsi], and every register form. */
static unsigned long run_opcode(unsigned opcode, unsigned long n)
{
	unsigned long bad = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		bad += run_modrm(opcode, i << 3 | 6, n);
	for (i = 0xc0; i < 0x100; i++)
		bad += run_modrm(opcode, i, n);
	return bad;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 400;
	static const uint8_t fnop[] = { 0xd9, 0xd0 };
	unsigned long bad = 0;
	struct x87_case t;
	unsigned opcode;

	stub_reset(64);
	make_image(t.image, false);
	t.rflags = 2;
	if (!x87_host_run(&t, fnop, sizeof(fnop))) {
		printf("skipped: not an x86-64 host\n");
		return 77;
	}
	for (opcode = 0xd8; opcode <= 0xdf; opcode++)
		bad += run_opcode(opcode, n);
	printf("%u encodings, %lu cases each, %lu differ\n", encodings, n, bad);
	return bad != 0 || stub.failures != 0;
}
