/* SPDX-License-Identifier: MIT */
/*
 * Every MMX and SSE encoding of the table against the processor that the test
 * runs on: registers, memory, flags, MXCSR, tags, and what is raised.  The
 * argument is the number of cases of each encoding.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fewer.h"
#include "tests/soft/test_sse.h"

#define CASES 1000 /* of each encoding */
#define FEW   200

#define MAX_FORMS 2048

static struct test_sse_form forms[MAX_FORMS];

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static bool is_estimate(unsigned exec)
{
	return exec == VMI_EXEC_rcpps || exec == VMI_EXEC_rcpss ||
		exec == VMI_EXEC_rsqrtps || exec == VMI_EXEC_rsqrtss;
}

/* Two estimates are each 1.5 * 2^-12 from the truth, or both special. */
static bool close_lane(uint32_t x, uint32_t y)
{
	float a, b, difference;

	memcpy(&a, &x, 4);
	memcpy(&b, &y, 4);
	difference = a > b ? a - b : b - a;
	if (x == y)
		return true;
	if (((x ^ y) & 0x80000000) || !(y & 0x7f800000))
		return (x & 0x7fffffff) < 0x00820000 && !(y << 1);
	return difference <= (b < 0 ? -b : b) * (3.0f / 4096);
}

static bool same_xmm(const struct test_sse_out *x,
	const struct test_sse_out *y, bool estimate)
{
	unsigned n;

	if (!estimate)
		return !memcmp(x->area + 160, y->area + 160, 256);
	for (n = 160; n < 416; n += 4) {
		if (!close_lane((uint32_t)get(x->area + n, 4),
			(uint32_t)get(y->area + n, 4)))
			return false;
	}
	return true;
}

static bool same_x87(const struct test_sse_out *x,
	const struct test_sse_out *y)
{
	unsigned n;

	if (memcmp(x->area, y->area, 5) || memcmp(x->area + 24, y->area + 24, 4))
		return false;
	for (n = 32; n < 160; n += 16) {
		if (memcmp(x->area + n, y->area + n, 10))
			return false;
	}
	return true;
}

static bool same(const struct test_sse_form *f, const struct test_sse_out *x,
	const struct test_sse_out *y)
{
	return x->vector == y->vector && x->flags == y->flags &&
		!memcmp(x->memory, y->memory, sizeof(x->memory)) &&
		!memcmp(x->gpr, y->gpr, sizeof(x->gpr)) && same_x87(x, y) &&
		same_xmm(x, y, is_estimate(f->row->exec));
}

/* -- Telling ------------------------------------------------------------ */

static void tell_words(const char *what, const uint8_t *in,
	const uint8_t *soft, const uint8_t *host)
{
	if (!memcmp(soft, host, 16))
		return;
	printf("  %s in %016llx:%016llx soft %016llx:%016llx "
		"host %016llx:%016llx\n", what,
		(unsigned long long)get(in + 8, 8),
		(unsigned long long)get(in, 8),
		(unsigned long long)get(soft + 8, 8),
		(unsigned long long)get(soft, 8),
		(unsigned long long)get(host + 8, 8),
		(unsigned long long)get(host, 8));
}

static void tell(const struct test_sse_case *c, const struct test_sse_out *s,
	const struct test_sse_out *h)
{
	struct vmi_insn insn;
	char text[80], name[16];
	unsigned n;

	if (vmi_decode(c->code, c->len, 64, &insn))
		return;
	vmi_disas(&insn, 0, text, sizeof(text));
	printf("%s: raised %u/%u flags %llx/%llx of %llx mxcsr %llx/%llx of "
		"%llx\n", text, s->vector, h->vector,
		(unsigned long long)s->flags, (unsigned long long)h->flags,
		(unsigned long long)c->flags,
		(unsigned long long)get(s->area + 24, 4),
		(unsigned long long)get(h->area + 24, 4),
		(unsigned long long)get(c->area + 24, 4));
	tell_words("state", c->area, s->area, h->area);
	for (n = 0; n < 8; n++) {
		if (s->gpr[n] != h->gpr[n])
			printf("  r%u in %llx soft %llx host %llx\n", n,
				(unsigned long long)c->gpr[n],
				(unsigned long long)s->gpr[n],
				(unsigned long long)h->gpr[n]);
		snprintf(name, sizeof(name), "st%u", n);
		tell_words(name, c->area + 32 + 16 * n, s->area + 32 + 16 * n,
			h->area + 32 + 16 * n);
	}
	for (n = 0; n < 16; n++) {
		snprintf(name, sizeof(name), "xmm%u", n);
		tell_words(name, c->area + 160 + 16 * n,
			s->area + 160 + 16 * n, h->area + 160 + 16 * n);
	}
	if (c->offset < 112)
		tell_words("memory", c->memory + c->offset,
			s->memory + c->offset, h->memory + c->offset);
	if (insn.mod != 3)
		printf("  operand %016llx:%016llx\n",
			(unsigned long long)get(c->memory + c->offset + 8, 8),
			(unsigned long long)get(c->memory + c->offset, 8));
	else if (insn.row->op[1] != VMI_OP__)
		printf("  rm xmm %016llx:%016llx\n",
			(unsigned long long)get(c->area + 168 + 16 * insn.rm, 8),
			(unsigned long long)get(c->area + 160 + 16 * insn.rm, 8));
}

static unsigned long run(const struct test_sse_form *f, unsigned long n)
{
	struct test_sse_out soft, host;
	struct test_sse_case c;
	unsigned long i, bad = 0;

	for (i = 0; i < n; i++) {
		test_sse_make(&c, f);
		test_sse_soft(&c, &soft);
		test_sse_host(&c, &host);
		if (same(f, &soft, &host))
			continue;
		if (++bad <= 2)
			tell(&c, &soft, &host);
	}
	if (bad)
		printf("%s: %lu of %lu differ\n", f->row->mnemonic, bad, n);
	return bad;
}

/* What of a state cannot be loaded: reserved bits, ES against its masks. */
static unsigned long run_areas(unsigned long n)
{
	uint8_t area[VMI_XSAVE_BYTES], soft[VMI_XSAVE_BYTES];
	unsigned long i, bad = 0;
	unsigned k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < 512; k++)
			area[k] = (uint8_t)test_sse_random();
		area[26] = area[27] = 0;
		test_sse_reset(false);
		bad += vmi_xsave_set(&test_sse_cpu, area, 512) != 0;
		vmi_xsave_get(&test_sse_cpu, soft);
		test_sse_host_area(area);
		for (k = 42; k < 160; k++) /* reserved, after each register */
			area[k] = (k - 32) % 16 < 10 ? area[k] : 0;
		if (memcmp(area, soft, 6) || memcmp(area + 24, soft + 24, 392))
			bad++;
		if (bad == 1)
			tell_words("area", soft, soft, area);
	}
	if (bad)
		printf("FXRSTOR and FXSAVE: %lu of %lu differ\n", bad, n);
	return bad;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1	  ? strtoul(argv[1], NULL, 0)
			  : fewer_cases() ? FEW
					  : CASES;
	size_t count = test_sse_forms(forms, MAX_FORMS), i;
	struct test_sse_case c;
	struct test_sse_out out;
	unsigned long bad = 0;

	test_sse_make(&c, &forms[0]);
	if (!test_sse_host(&c, &out)) {
		printf("skipped: not an x86-64 host with SSE4.2\n");
		return 77;
	}
	for (i = 0; i < count; i++) {
		test_sse_seed(&forms[i]);
		bad += run(&forms[i], n);
	}
	bad += run_areas(n);
	printf("%zu encodings, %lu cases each, %lu differ\n", count, n, bad);
	return bad || count < 700 ? 1 : 0;
}
