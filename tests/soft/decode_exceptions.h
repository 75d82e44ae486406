/* SPDX-License-Identifier: MIT */
/*
 * Where capstone 4.0.2 and distorm3 3.4.1 differ from the manual, for
 * decode_oracle: each entry says who errs, on which opcodes, under which
 * condition, and by which section of the SDM (or APM) this decoder is right.
 */

/* The kinds of prefix that a decoder may have mistaken. */
enum { REPS = 1, OPSIZE = 2, LOCKS = 4 };

static unsigned kind_of_prefix(uint8_t byte)
{
	switch (byte) {
	case 0xf2:
	case 0xf3: return REPS;
	case 0x66: return OPSIZE;
	case 0xf0: return LOCKS;
	default: return 0;
	}
}

/*
 * The same string without those prefixes, and without REX bytes that are void
 * because they are not the last; how many bytes went.
 */
static unsigned strip(const struct sample *s, unsigned kinds, struct sample *t)
{
	unsigned n = 0;

	*t = *s;
	for (unsigned i = 0; i < SIZE; i++) {
		bool dead = i + 1 < s->prefixes && s->mode == 64 &&
			    (s->bytes[i] & 0xf0) == 0x40;

		if (i < s->prefixes &&
			(dead || kind_of_prefix(s->bytes[i]) & kinds))
			continue;
		t->bytes[n++] = s->bytes[i];
	}
	dissect(t);
	ask_ourselves(t);
	return SIZE - n;
}

/* Whether their answer is ours for the string without those prefixes. */
static bool overlooks(const struct sample *s, enum oracle oracle,
	const struct answer *theirs, unsigned kinds)
{
	struct sample t;
	unsigned n = strip(s, kinds, &t);

	if (t.ours.len)
		t.ours.len += n;
	return n && agree(&t.ours, theirs, oracle);
}

/* Whether they differ only in what LOCK may stand before. */
static bool allows_lock(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	struct answer a = *theirs;
	struct sample t;
	unsigned n = strip(s, LOCKS, &t);

	if (!n || !t.ours.len || a.len <= n)
		return false;
	a.len -= n;
	return agree(&t.ours, &a, oracle) || explained(&t, oracle, &a);
}

/* They take an instruction in spite of a prefix that makes it another. */
static bool allows_prefix(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	for (unsigned kinds = 1; kinds < 8; kinds++)
		if (overlooks(s, oracle, theirs, kinds))
			return true;
	return false;
}

/* Of 66, F2 and F3 together they count others than the last F2 or F3. */
static bool another_prefix(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	if (s->nrep + s->n66 < 2 || !s->nrep)
		return false;
	return !theirs->len || overlooks(s, oracle, theirs, REPS) ||
	       overlooks(s, oracle, theirs, OPSIZE) ||
	       overlooks(s, oracle, theirs, REPS | OPSIZE);
}

/* A prefix counts only at some places. */
static bool not_adjacent(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	return overlooks(s, oracle, theirs, REPS) ||
	       overlooks(s, oracle, theirs, OPSIZE) ||
	       overlooks(s, oracle, theirs, REPS | OPSIZE);
}

/* The string with REX.W cleared: they let 66 win over it. */
static bool against_rex_w(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	struct sample t = *s;

	if (!(s->rex & 8) || !s->n66)
		return false;
	t.bytes[s->prefixes - 1] &= 0xf7;
	dissect(&t);
	ask_ourselves(&t);
	return agree(&t.ours, theirs, oracle) ||
	       (t.ours.len && explained(&t, oracle, theirs));
}

/* They take 67 for 66 when REX.W is there. */
static bool rex_w_67(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return s->rex & 8 && s->n67;
}

static bool near_branch(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	return s->mode == 64 && (s->n66 || s->n67) &&
	       s->insn.row->wide == VMI_WIDE_FORCED && theirs->len;
}

static bool not_built(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	static const char *const names[] = { "vm", "aes", "sha", "pclmulqdq",
		"adcx", "adox", "rdseed", "clwb", "clflushopt", "pcommit",
		"xsavec", "xsaves", "xrstors", "tzcnt", "lzcnt", "xbegin",
		"xend", "xtest", "xabort", "encl", "getsec", "rsm", "invept",
		"invvpid", "clgi", "stgi", "skinit", "invlpga", "movntss",
		"movntsd", "extrq", "insertq", "femms", "cvtph2ps", "cvtps2ph",
		"xcrypt", "xsha", "xstorerng", "montmul" };

	(void)s;
	(void)oracle;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(theirs->name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool f3_given(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	return s->insn.prefixes & VMI_PFX_F3 && !s->insn.row->tested &&
	       theirs->len == s->ours.len;
}

/* Other encodings of FCOM, FCOMP, FXCH and FSTP; FFREEP and FSTPNCE. */
static bool x87_alias(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	static const uint8_t digits[8] = { 0, 8, 0, 0, 12, 2, 4, 15 };

	(void)oracle;
	(void)theirs;
	return s->modrm >= 0xc0 &&
	       digits[s->opcode & 7] >> (s->modrm >> 3 & 7) & 1;
}

static bool same_length(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	return theirs->len == s->ours.len;
}

static bool is_register(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return s->modrm >= 0xc0;
}

static bool is_memory(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return s->modrm < 0xc0;
}

static bool fence_rm(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return s->modrm > 0xe8 && (s->modrm & 7);
}

static bool rex_given(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return s->rex != 0;
}

static bool digit_1(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return (s->modrm >> 3 & 7) == 1;
}

static bool dr_4_5(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return (s->modrm >> 4 & 3) == 2;
}

static bool byte_01(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return s->modrm == 0xca || s->modrm == 0xcb || s->modrm == 0xf9;
}

static bool swapgs(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return s->mode != 64 && s->modrm == 0xf8;
}

static bool condition_above_7(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return s->insn.imm > 7;
}

static bool waits(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)s;
	(void)oracle;
	return theirs->len > 1;
}

static bool mode_16(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return s->mode == 16;
}

static bool prefixed_67(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	(void)oracle;
	(void)theirs;
	return s->n67 != 0;
}

/* What each of the two says in a difference. */
enum says { VALID = 1, INVALID = 2, EITHER = 3 };

struct exception {
	enum oracle oracle;
	unsigned maps;	     /* bits by number */
	uint8_t first, last; /* opcodes */
	enum says ours, theirs;
	bool (*holds)(const struct sample *s, enum oracle oracle,
		const struct answer *theirs);
	const char *why;
};

enum { M1 = 1, M0F = 2, M38 = 4, M3A = 8, MX = M0F | M38 | M3A, MALL = 15 };

static const struct exception exceptions[] = {
	{ BOTH, MALL, 0x00, 0xff, INVALID, VALID, not_built,
		"is not built here, so #UD; CPUID does not report it" },
	{ BOTH, M1, 0xc4, 0xc5, INVALID, VALID, NULL,
		"2A 2.3: VEX is not built" },
	{ BOTH, M1, 0x62, 0x62, INVALID, VALID, NULL,
		"2A 2.7: EVEX is not built" },
	{ BOTH, M1, 0x8f, 0x8f, INVALID, VALID, NULL,
		"APM 3 1.9: XOP is not built" },
	{ BOTH, M0F, 0x0f, 0x0f, INVALID, VALID, NULL,
		"APM 3 A.1: 3DNow! is not built" },
	{ BOTH, MALL, 0x00, 0xff, INVALID, VALID, allows_lock,
		"2A LOCK: only those listed, with memory as the destination" },
	{ BOTH, MX, 0x00, 0xff, INVALID, VALID, allows_prefix,
		"2A 3.1.1.1 NP: 66, F2 and F3 are not allowed, #UD" },
	{ BOTH, MALL, 0x00, 0xff, VALID, EITHER, another_prefix,
		"2B POPCNT: F2 and F3 select, 66 sizes, in any order" },
	{ BOTH, M1 | M0F, 0x00, 0xff, VALID, VALID, near_branch,
		"2D A.1 f64: prefixes do not change the size of branches" },
	{ BOTH, M0F, 0x0d, 0x0d, VALID, INVALID, NULL,
		"2D table A-3: 0F 0D is NOP Ev where it is no prefetch" },
	{ BOTH, M0F, 0x18, 0x1f, VALID, INVALID, NULL,
		"2D table A-3: 0F 18 to 0F 1F are reserved NOPs" },
	{ DISTORM, M1, 0xd9, 0xdf, VALID, INVALID, x87_alias,
		"2D tables A-10 to A-22: blank cells that processors execute" },
	{ BOTH, M0F, 0xbc, 0xbd, VALID, EITHER, f3_given,
		"2B TZCNT: is BSF on processors without it" },
	{ BOTH, M0F, 0xb9, 0xb9, EITHER, EITHER, NULL,
		"2B UD: UD1 has a ModRM byte" },
	{ BOTH, M0F, 0xff, 0xff, EITHER, EITHER, NULL,
		"2B UD: UD0 has a ModRM byte" },
	{ BOTH, M1, 0x90, 0x90, EITHER, VALID, same_length,
		"2D XCHG: 90 with REX.B, neither NOP nor PAUSE" },
	{ CAPSTONE, MALL, 0x00, 0xff, EITHER, VALID, against_rex_w,
		"2A 2.2.1.2: 66 with REX.W is ignored" },
	{ CAPSTONE, MALL, 0x00, 0xff, EITHER, EITHER, rex_w_67,
		"2A 2.1.1: 67 with REX.W is no 66" },
	{ CAPSTONE, MALL, 0x00, 0xff, VALID, EITHER, not_adjacent,
		"2A 2.1.1: prefixes may be placed in any order" },
	{ CAPSTONE, M1, 0x98, 0x99, VALID, VALID, mode_16,
		"2A CBW, CWD: without 66 in 16-bit mode" },
	{ CAPSTONE, M1, 0xe3, 0xe3, VALID, VALID, prefixed_67,
		"2A Jcc: 67 makes it JECXZ wherever it stands" },
	{ CAPSTONE, M1, 0x8c, 0x8e, VALID, INVALID, rex_given,
		"2A table 2-4: REX.R does not reach segment registers" },
	{ CAPSTONE, M1, 0x8e, 0x8e, INVALID, VALID, digit_1,
		"2B MOV: CS cannot be loaded" },
	{ CAPSTONE, M0F, 0x20, 0x23, INVALID, VALID, NULL,
		"2B MOV: CR1, CR5 to CR7, CR9 to CR15 are #UD" },
	{ CAPSTONE, M0F, 0xae, 0xae, VALID, INVALID, fence_rm,
		"2A LFENCE, MFENCE, 2B SFENCE: r/m is ignored" },
	{ CAPSTONE, M0F, 0x01, 0x01, INVALID, VALID, swapgs,
		"2B SWAPGS: #UD outside 64-bit mode" },
	{ CAPSTONE, M0F, 0x6e, 0x7e, EITHER, VALID, rex_given,
		"2B MOVD: MOVQ with REX.W" },
	{ DISTORM, M1, 0xf6, 0xf7, VALID, INVALID, digit_1,
		"APM 3 table A-6: F6 /1 and F7 /1 are TEST" },
	{ DISTORM, M1, 0x9b, 0x9b, VALID, VALID, waits,
		"2A FSTENV: WAIT is an instruction of its own" },
	{ DISTORM, M0F, 0xc2, 0xc2, VALID, INVALID, condition_above_7,
		"2A CMPPS: imm8[7:3] is reserved and ignored" },
	{ DISTORM, M0F, 0x21, 0x23, VALID, INVALID, dr_4_5,
		"3B 17.2.2: DR4 and DR5 are DR6 and DR7 unless CR4.DE" },
	{ DISTORM, M0F, 0x01, 0x01, VALID, INVALID, byte_01,
		"2A CLAC, 2B STAC, RDTSCP: valid, with any prefix" },
	{ DISTORM, M0F, 0x12, 0x16, EITHER, EITHER, NULL,
		"2B MOVHLPS, MOVLHPS: of registers, MOVLPS of memory" },
	{ DISTORM, M0F, 0x71, 0x73, INVALID, VALID, is_memory,
		"2D table A-6: groups 12 to 14 have no memory form" },
	{ DISTORM, M0F, 0xc5, 0xc5, INVALID, VALID, is_memory,
		"2B PEXTRW: 0F C5 is of a register" },
	{ DISTORM, M0F, 0xae, 0xae, EITHER, EITHER, NULL,
		"2D table A-6: group 15 by mod and prefix" },
	{ DISTORM, M0F, 0xc7, 0xc7, EITHER, EITHER, NULL,
		"2D table A-6: group 9 by mod and prefix" },
	{ DISTORM, M38, 0xf0, 0xf1, INVALID, VALID, is_register,
		"2A MOVBE: is of memory" },
	{ DISTORM, M38, 0xc8, 0xcd, VALID, INVALID, NULL,
		"2B SHA1NEXTE and its kin: younger than distorm3" },
	{ DISTORM, M3A, 0xcc, 0xcc, VALID, INVALID, NULL,
		"2B SHA1RNDS4: likewise" },
	{ DISTORM, M38, 0xf6, 0xf6, VALID, INVALID, NULL,
		"2A ADCX, ADOX: likewise" },
};

enum { EXCEPTIONS = sizeof(exceptions) / sizeof(exceptions[0]) };

static unsigned long uses[EXCEPTIONS];

static bool explained(
	const struct sample *s, enum oracle oracle, const struct answer *theirs)
{
	enum says ours_say = s->ours.len ? VALID : INVALID;
	enum says theirs_say = theirs->len ? VALID : INVALID;

	for (unsigned i = 0; i < EXCEPTIONS; i++) {
		const struct exception *e = &exceptions[i];

		if (!(e->oracle & oracle) || !(e->maps >> s->map & 1) ||
			s->opcode < e->first || s->opcode > e->last ||
			!(e->ours & ours_say) || !(e->theirs & theirs_say))
			continue;
		if (e->holds && !e->holds(s, oracle, theirs))
			continue;
		uses[i]++;
		return true;
	}
	return false;
}

/* How often each was needed; one that never was is a defect of the list. */
static unsigned long show_exceptions(bool all)
{
	unsigned long unused = 0;

	for (unsigned i = 0; i < EXCEPTIONS; i++) {
		unused += all && !uses[i];
		printf("%8lu %-8s %s\n", uses[i],
			exceptions[i].oracle == CAPSTONE  ? "capstone"
			: exceptions[i].oracle == DISTORM ? "distorm3"
							  : "both",
			exceptions[i].why);
	}
	return unused;
}
