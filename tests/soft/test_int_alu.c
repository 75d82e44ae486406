/* SPDX-License-Identifier: MIT */
/*
 * Integer operations against the processor that runs the test.
 *
 * Each operation is one instruction on rax and rcx with the flags loaded
 * before and stored after.  Flags that the manual leaves undefined are not
 * compared.
 */
#include <stdio.h>

#include "lib/soft/alu_ref.h"
#include "lib/soft/insn.h"
#include "lib/soft/x86.h"

#if defined(__x86_64__)

#define C  VMI_FLAG_CF
#define P  VMI_FLAG_PF
#define A  VMI_FLAG_AF
#define Z  VMI_FLAG_ZF
#define S  VMI_FLAG_SF
#define O  VMI_FLAG_OF
#define ALL VMI_FLAGS_ARITH

/* What an instruction is given, and what it leaves. */
struct regs {
	uint64_t a, c, d, flags;
};

typedef void native(struct regs *r);

#define NATIVE(name, text) \
	static void name(struct regs *r) \
	{ \
		__asm__ volatile("push %3\n\tpopf\n\t" text \
			"\n\tpushf\n\tpop %3" \
			: "+a"(r->a), "+c"(r->c), "+d"(r->d), \
			"+r"(r->flags) : : "cc", "memory"); \
	}

#define BINARY(op) \
	NATIVE(op##_1, #op " %%cl, %%al") NATIVE(op##_2, #op " %%cx, %%ax") \
	NATIVE(op##_4, #op " %%ecx, %%eax") NATIVE(op##_8, #op " %%rcx, %%rax")
#define UNARY(op) \
	NATIVE(op##_1, #op " %%al") NATIVE(op##_2, #op " %%ax") \
	NATIVE(op##_4, #op " %%eax") NATIVE(op##_8, #op " %%rax")
#define SHIFT(op) \
	NATIVE(op##_1, #op " %%cl, %%al") NATIVE(op##_2, #op " %%cl, %%ax") \
	NATIVE(op##_4, #op " %%cl, %%eax") NATIVE(op##_8, #op " %%cl, %%rax")
#define WIDE(op) \
	NATIVE(op##_2, #op " %%cx, %%ax") \
	NATIVE(op##_4, #op " %%ecx, %%eax") NATIVE(op##_8, #op " %%rcx, %%rax")
#define DOUBLE(op) \
	NATIVE(op##_2, #op " %%cl, %%dx, %%ax") \
	NATIVE(op##_4, #op " %%cl, %%edx, %%eax") \
	NATIVE(op##_8, #op " %%cl, %%rdx, %%rax")

BINARY(add) BINARY(or) BINARY(adc) BINARY(sbb) BINARY(and) BINARY(sub)
BINARY(xor) BINARY(cmp) BINARY(test)
UNARY(inc) UNARY(dec) UNARY(neg) UNARY(not)
SHIFT(rol) SHIFT(ror) SHIFT(rcl) SHIFT(rcr) SHIFT(shl) SHIFT(shr) SHIFT(sar)
WIDE(imul) WIDE(bt) WIDE(bts) WIDE(btr) WIDE(btc) WIDE(bsf) WIDE(bsr)
WIDE(popcnt)
DOUBLE(shld) DOUBLE(shrd)
NATIVE(imul1_1, "imul %%cl") NATIVE(imul1_2, "imul %%cx")
NATIVE(imul1_4, "imul %%ecx") NATIVE(imul1_8, "imul %%rcx")
NATIVE(mulc_1, "mul %%cl") NATIVE(mulc_2, "mul %%cx")
NATIVE(mulc_4, "mul %%ecx") NATIVE(mulc_8, "mul %%rcx")
NATIVE(divc_1, "div %%cl") NATIVE(divc_2, "div %%cx")
NATIVE(divc_4, "div %%ecx") NATIVE(divc_8, "div %%rcx")
NATIVE(idivc_1, "idiv %%cl") NATIVE(idivc_2, "idiv %%cx")
NATIVE(idivc_4, "idiv %%ecx") NATIVE(idivc_8, "idiv %%rcx")

enum kind { VALUE, COUNT, DOUBLED };

struct row {
	const char *name;
	unsigned exec;
	enum kind kind;
	uint64_t defined; /* of the flags */
	uint64_t of_one;  /* defined only when the count is 1 */
	native *run[4];
};

#define ROW4(n, kind, defined, one) { #n, VMI_EXEC_##n, kind, defined, one, \
	{ n##_1, n##_2, n##_4, n##_8 } }
#define ROW3(n, kind, defined, one) { #n, VMI_EXEC_##n, kind, defined, one, \
	{ NULL, n##_2, n##_4, n##_8 } }

static const struct row rows[] = {
	ROW4(add, VALUE, ALL, 0), ROW4(or, VALUE, ALL & ~A, 0),
	ROW4(adc, VALUE, ALL, 0), ROW4(sbb, VALUE, ALL, 0),
	ROW4(and, VALUE, ALL & ~A, 0), ROW4(sub, VALUE, ALL, 0),
	ROW4(xor, VALUE, ALL & ~A, 0), ROW4(cmp, VALUE, ALL, 0),
	ROW4(test, VALUE, ALL & ~A, 0), ROW4(inc, VALUE, ALL, 0),
	ROW4(dec, VALUE, ALL, 0), ROW4(neg, VALUE, ALL, 0),
	ROW4(not, VALUE, ALL, 0),
	ROW4(rol, COUNT, ALL & ~O, O), ROW4(ror, COUNT, ALL & ~O, O),
	ROW4(rcl, COUNT, ALL & ~O, O), ROW4(rcr, COUNT, ALL & ~O, O),
	ROW4(shl, COUNT, C | S | Z | P, O),
	ROW4(shr, COUNT, C | S | Z | P, O),
	ROW4(sar, COUNT, C | S | Z | P, O),
	ROW3(imul, VALUE, C | O, 0), ROW3(bt, VALUE, C | Z, 0),
	ROW3(bts, VALUE, C | Z, 0), ROW3(btr, VALUE, C | Z, 0),
	ROW3(btc, VALUE, C | Z, 0), ROW3(bsf, VALUE, Z, 0),
	ROW3(bsr, VALUE, Z, 0), ROW3(popcnt, VALUE, ALL, 0),
	ROW3(shld, DOUBLED, C | S | Z | P, O),
	ROW3(shrd, DOUBLED, C | S | Z | P, O),
};

static unsigned failures;
static unsigned long cases, undefined_same, undefined_other;

static uint64_t next_random(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x * 0x2545f4914f6cdd1dull;
}

/* Values near the edges of every width as often as any. */
static uint64_t value(void)
{
	uint64_t r = next_random();

	switch (r & 7) {
	case 0:
		return (r >> 8) & 3;
	case 1:
		return 0 - ((r >> 8) & 3);
	case 2:
		return (1ull << ((r >> 8) & 63)) - 1 + ((r >> 16) & 3);
	case 3:
		return (r >> 8) & 0xff;
	default:
		return next_random();
	}
}

static uint64_t mask_of(unsigned bytes)
{
	return bytes == 8 ? ~0ull : (1ull << (8 * bytes)) - 1;
}

static void check(const char *name, unsigned bytes, const struct regs *in,
	const uint64_t got[2], const uint64_t want[2])
{
	if (got[0] == want[0] && got[1] == want[1])
		return;
	if (failures++ < 20)
		printf("%s of %u bytes a=%llx c=%llx d=%llx flags=%llx: "
			"%llx flags %llx, not %llx flags %llx\n", name, bytes,
			(unsigned long long)in->a, (unsigned long long)in->c,
			(unsigned long long)in->d,
			(unsigned long long)in->flags,
			(unsigned long long)got[0],
			(unsigned long long)got[1],
			(unsigned long long)want[0],
			(unsigned long long)want[1]);
}

/* The flags of a case that the manual defines. */
static uint64_t defined(const struct row *row, const struct regs *in,
	unsigned bytes)
{
	unsigned n = (unsigned)in->c & (bytes == 8 ? 63 : 31), bits = 8 * bytes;

	if (row->kind == VALUE)
		return row->defined;
	if (n == 0)
		return ALL;
	/* A count of the operand's size or more: SHL, SHR, SHLD, SHRD. */
	if (row->exec == VMI_EXEC_shl || row->exec == VMI_EXEC_shr)
		return (n > bits ? row->defined & ~C : row->defined) |
			(n == 1 ? row->of_one : 0);
	return row->defined | (n == 1 ? row->of_one : 0);
}

static void one_case(const struct row *row, unsigned log2)
{
	struct regs in = { value(), value(), value(),
		next_random() & ALL }, r;
	unsigned bytes = 1u << log2;
	uint64_t got[2], want[2], mask;
	struct vmi_double d;

	if (row->kind == DOUBLED && bytes == 2 && (in.c & 31) > 16)
		return; /* the result is undefined */
	if ((row->exec == VMI_EXEC_bsf || row->exec == VMI_EXEC_bsr) &&
		!(in.c & mask_of(bytes)))
		in.a = 0; /* left, or undefined in the upper half */
	r = in;
	r.flags |= VMI_FLAG_ONE;
	row->run[log2](&r);
	d = (struct vmi_double){ in.a, in.d, (unsigned)in.c & 0xff, bytes };
	got[0] = row->kind == DOUBLED ?
		vmi_alu_double(row->exec, &d, in.flags, &got[1]) :
		vmi_alu(row->exec, in.a, in.c, bytes, in.flags, &got[1]);
	want[0] = r.a & mask_of(bytes);
	want[1] = r.flags & ALL;
	if (got[1] == want[1])
		undefined_same++;
	else
		undefined_other++;
	mask = defined(row, &in, bytes);
	got[1] &= mask;
	want[1] &= mask;
	check(row->name, bytes, &in, got, want);
	cases++;
}

/* -- Multiplication and division ---------------------------------------- */

static native *const multiplies[2][4] = {
	{ mulc_1, mulc_2, mulc_4, mulc_8 },
	{ imul1_1, imul1_2, imul1_4, imul1_8 }
};
static native *const divides[2][4] = {
	{ divc_1, divc_2, divc_4, divc_8 },
	{ idivc_1, idivc_2, idivc_4, idivc_8 }
};

static uint64_t high_of(const struct regs *r, unsigned bytes)
{
	return bytes == 1 ? (r->a >> 8) & 0xff : r->d & mask_of(bytes);
}

static void multiply_case(unsigned is_signed, unsigned log2)
{
	struct regs in = { value(), value(), value(), 0 }, r = in;
	unsigned bytes = 1u << log2;
	struct vmi_product p = vmi_mul_wide(in.a, in.c, bytes, is_signed);
	uint64_t got[2] = { p.low, p.high }, want[2];

	multiplies[is_signed][log2](&r);
	want[0] = r.a & mask_of(bytes);
	want[1] = high_of(&r, bytes);
	check(is_signed ? "imul" : "mul", bytes, &in, got, want);
	got[0] = got[1] = p.wide ? C | O : 0;
	want[0] = want[1] = r.flags & (C | O);
	check(is_signed ? "imul flags" : "mul flags", bytes, &in, got, want);
	cases++;
}

/*
 * Dividends are made of a quotient and a remainder that fit, so that the
 * native instruction does not fault; those that do not must be refused.
 */
static void divide_case(unsigned is_signed, unsigned log2)
{
	struct regs in = { value(), value(), value(), 0 }, r;
	unsigned bytes = 1u << log2;
	struct vmi_quotient q;
	struct vmi_product p;
	uint64_t got[2], want[2];

	if (!(in.c & mask_of(bytes)))
		in.c = 3;
	p = vmi_mul_wide(in.a, in.c, bytes, is_signed);
	in.a = p.low;
	in.d = p.high;
	q = is_signed ? vmi_idiv_wide(in.d, in.a, in.c, bytes) :
		vmi_div_wide(in.d, in.a, in.c, bytes);
	if (!q.fits) {
		printf("a product cannot be divided\n");
		failures++;
		return;
	}
	/* What is added to the dividend keeps the quotient: below |c|. */
	if (!is_signed && p.low + (in.c & mask_of(bytes)) / 2 <=
		mask_of(bytes) && p.low + (in.c & mask_of(bytes)) / 2 >= p.low)
		in.a = p.low + (in.c & mask_of(bytes)) / 2;
	if (bytes == 1)
		in.a |= in.d << 8;
	r = in;
	divides[is_signed][log2](&r);
	q = is_signed ? vmi_idiv_wide(in.d, in.a, in.c, bytes) :
		vmi_div_wide(in.d, in.a, in.c, bytes);
	got[0] = q.quotient;
	got[1] = q.remainder;
	want[0] = r.a & mask_of(bytes);
	want[1] = high_of(&r, bytes);
	check(is_signed ? "idiv" : "div", bytes, &in, got, want);
	cases++;
}

/* Random dividends of 8 and 16 bits against division in C. */
static void small_divide(void)
{
	struct regs in = { 0 };
	uint64_t got[2], want[2];
	struct vmi_quotient q;
	int n, d, fits;

	for (n = -32768; n < 32768; n += 7) {
		for (d = -128; d < 128; d++) {
			q = vmi_idiv_wide(((unsigned)n >> 8) & 0xff,
				(unsigned)n & 0xff, (unsigned)d & 0xff, 1);
			fits = d && n / d >= -128 && n / d <= 127;
			got[0] = q.fits | q.quotient << 8;
			got[1] = q.remainder;
			want[0] = fits ? 1 | ((unsigned)(n / d) & 0xff) << 8 :
				0;
			want[1] = fits ? (unsigned)(n % d) & 0xff : 0;
			in.a = (unsigned)n;
			in.c = (unsigned)d;
			check("small idiv", 1, &in, got, want);
			cases++;
		}
	}
}

/* Overflow: 2^(n-1) / -1, x / 0, and a quotient one too large. */
static void refusals(void)
{
	unsigned log2, bytes;
	uint64_t top;

	for (log2 = 0; log2 < 4; log2++) {
		bytes = 1u << log2;
		top = 1ull << (8 * bytes - 1);
		if (vmi_idiv_wide(mask_of(bytes), top, mask_of(bytes), bytes)
			.fits || vmi_idiv_wide(0, 1, 0, bytes).fits ||
			vmi_div_wide(0, 1, 0, bytes).fits ||
			vmi_div_wide(7, 0, 7, bytes).fits ||
			vmi_idiv_wide(0, top, 1, bytes).fits ||
			!vmi_idiv_wide(mask_of(bytes), top, 1, bytes).fits) {
			printf("#DE of %u bytes is wrong\n", bytes);
			failures++;
		}
	}
}

int main(void)
{
	unsigned i, row, log2;

	for (i = 0; i < 4000; i++) {
		for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
			for (log2 = 0; log2 < 4; log2++) {
				if (rows[row].run[log2])
					one_case(&rows[row], log2);
			}
		}
		for (log2 = 0; log2 < 4; log2++) {
			multiply_case(i & 1, log2);
			divide_case(i & 1, log2);
		}
	}
	small_divide();
	refusals();
	printf("%lu cases, %u failures; undefined flags too are as here in "
		"%lu of %lu\n", cases, failures, undefined_same,
		undefined_same + undefined_other);
	return failures ? 1 : 0;
}

#else

int main(void)
{
	printf("the host is no x86-64 processor\n");
	return 77;
}

#endif
