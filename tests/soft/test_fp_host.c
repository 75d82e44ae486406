/* SPDX-License-Identifier: MIT */
/* Runs a soft-float test case on the processor itself, where it is an x86. */
#include "tests/soft/test_fp_cases.h"

#if !defined(__x86_64__)

bool test_fp_host(const struct test_fp_case *c, struct test_fp_out *out)
{
	(void)c;
	(void)out;
	return false;
}

#else

#include <signal.h>
#include <string.h>
#include <ucontext.h>

struct reg {
	uint64_t man;
	uint16_t se;
	uint16_t pad[3];
};

struct x87 {
	struct reg a;
	struct reg b;
	struct reg r0;
	struct reg r1;
	uint16_t cw;
	uint16_t sw;
};

/*
 * What follows the instruction never waits: flags are read and cleared first,
 * so an unmasked exception is seen and not delivered.
 */
#define BEFORE "fninit\n fldcw %[cw]\n"
#define FLAGS  "\n fnstsw %[sw]\n fnclex\n"
#define DROP   "fninit\n"
#define ASM(text)                                                              \
	__asm__ volatile(                                                      \
		text                                                           \
		: [r0] "=m"(x->r0), [r1] "=m"(x->r1), [sw] "=m"(x->sw)         \
		: [a] "m"(x->a), [b] "m"(x->b), [cw] "m"(x->cw)                \
		: "memory", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", \
		"st(6)", "st(7)")
/* ST0 is a and ST1 is b; the result is the top. */
#define TWO(insn)                                                              \
	ASM(BEFORE "fldt %[b]\n fldt %[a]\n" insn FLAGS "fstpt %[r0]\n" DROP)
#define ONE(insn) ASM(BEFORE "fldt %[a]\n" insn FLAGS "fstpt %[r0]\n" DROP)
#define PAIR(insn)                                                             \
	ASM(BEFORE "fldt %[a]\n" insn FLAGS "fstpt %[r0]\n fstpt "             \
		   "%[r1]\n" DROP)
#define LOAD(insn)  ASM(BEFORE insn FLAGS "fstpt %[r0]\n" DROP)
#define STORE(insn) ASM(BEFORE "fldt %[a]\n" insn FLAGS DROP)
#define CODES(insn) ASM(BEFORE "fldt %[b]\n fldt %[a]\n" insn FLAGS DROP)

static void host_const(struct x87 *x, unsigned i)
{
	switch (i) {
	case 0: LOAD("fld1"); break;
	case 1: LOAD("fldl2t"); break;
	case 2: LOAD("fldl2e"); break;
	case 3: LOAD("fldpi"); break;
	case 4: LOAD("fldlg2"); break;
	case 5: LOAD("fldln2"); break;
	default: LOAD("fldz"); break;
	}
}

static void host_arith(struct x87 *x, unsigned op)
{
	switch (op) {
	case TEST_FADD: TWO("fadd %%st(1), %%st"); break;
	case TEST_FSUB: TWO("fsub %%st(1), %%st"); break;
	case TEST_FSUBR: TWO("fsubr %%st(1), %%st"); break;
	case TEST_FMUL: TWO("fmul %%st(1), %%st"); break;
	case TEST_FDIV: TWO("fdiv %%st(1), %%st"); break;
	case TEST_FDIVR: TWO("fdivr %%st(1), %%st"); break;
	case TEST_FADD_M32: ONE("fadds %[b]"); break;
	case TEST_FSUBR_M32: ONE("fsubrs %[b]"); break;
	case TEST_FDIV_M32: ONE("fdivs %[b]"); break;
	case TEST_FMUL_M64: ONE("fmull %[b]"); break;
	case TEST_FDIVR_M64: ONE("fdivrl %[b]"); break;
	case TEST_FSQRT: ONE("fsqrt"); break;
	case TEST_FRNDINT: ONE("frndint"); break;
	case TEST_FSCALE: TWO("fscale"); break;
	case TEST_FPREM: TWO("fprem"); break;
	case TEST_FPREM1: TWO("fprem1"); break;
	case TEST_FLD_M32: LOAD("flds %[a]"); break;
	case TEST_FLD_M64: LOAD("fldl %[a]"); break;
	case TEST_FILD: LOAD("fildll %[a]"); break;
	case TEST_FBLD: LOAD("fbld %[a]"); break;
	default: break;
	}
}

static void host_other(struct x87 *x, unsigned op)
{
	switch (op) {
	case TEST_FCOM: CODES("fcom %%st(1)"); break;
	case TEST_FUCOM: CODES("fucom %%st(1)"); break;
	case TEST_FCOM_M32: STORE("fcoms %[b]"); break;
	case TEST_FCOM_M64: STORE("fcoml %[b]"); break;
	case TEST_FXAM: STORE("fxam"); break;
	case TEST_FST_M32: STORE("fsts %[r0]"); break;
	case TEST_FST_M64: STORE("fstl %[r0]"); break;
	case TEST_FIST16: STORE("fistps %[r0]"); break;
	case TEST_FIST32: STORE("fistpl %[r0]"); break;
	case TEST_FIST64: STORE("fistpll %[r0]"); break;
	case TEST_FISTTP16: STORE("fisttps %[r0]"); break;
	case TEST_FISTTP32: STORE("fisttpl %[r0]"); break;
	case TEST_FISTTP64: STORE("fisttpll %[r0]"); break;
	case TEST_FBSTP: STORE("fbstp %[r0]"); break;
	default: break;
	}
}

static void host_transcendental(struct x87 *x, unsigned op)
{
	switch (op) {
	case TEST_FXTRACT: PAIR("fxtract"); break;
	case TEST_F2XM1: ONE("f2xm1"); break;
	case TEST_FYL2X: TWO("fyl2x"); break;
	case TEST_FYL2XP1: TWO("fyl2xp1"); break;
	case TEST_FPATAN: TWO("fpatan"); break;
	case TEST_FSIN: ONE("fsin"); break;
	case TEST_FCOS: ONE("fcos"); break;
	case TEST_FSINCOS: PAIR("fsincos"); break;
	default: PAIR("fptan"); break;
	}
	/* an operand out of range is left alone, nothing is pushed */
	if (op >= TEST_FSIN && x->sw & VMI_FP_C2)
		memset(&x->r1, 0, sizeof(x->r1));
}

static void host_x87(const struct test_fp_case *c, struct test_fp_out *out)
{
	struct x87 x = { .a = { .man = c->a.man, .se = c->a.se },
		.b = { .man = c->b.man, .se = c->b.se } };
	const char *kind = test_fp_info[c->op].out;

	x.cw = (uint16_t)(0x7f & ~c->unmasked);
	x.cw |= (uint16_t)(c->rounding << 10 | c->precision << 8);
	memset(&x.r0, 0, sizeof(x.r0));
	memset(&x.r1, 0, sizeof(x.r1));
	if (c->op == TEST_FLDCONST)
		host_const(&x, c->imm % 7);
	else if (c->op == TEST_FXTRACT || test_fp_is_transcendental(c->op))
		host_transcendental(&x, c->op);
	else if (kind[0] == 'T')
		host_arith(&x, c->op);
	else
		host_other(&x, c->op);
	out->flags = x.sw & 0x473f;
	out->r[0] = (struct vmi_f80){ x.r0.man, x.r0.se };
	out->r[1] = (struct vmi_f80){ x.r1.man, x.r1.se };
	if (kind[0] == 'c')
		out->r[0].man = x.sw & (c->op == TEST_FXAM ? 0x4700 : 0x4500);
}

/* An SSE instruction that faults is stepped over: R11 says where to. */
static void on_sigfpe(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)sig;
	(void)info;
	u->uc_mcontext.gregs[REG_RIP] = u->uc_mcontext.gregs[REG_R11];
}

struct sse {
	uint64_t a;
	uint64_t b;
	uint64_t c;
	uint64_t r;
	uint32_t control;
	uint32_t status;
	uint32_t masked;
};

#define SSE(insn)                                                              \
	__asm__ volatile(                                                      \
		"movq %[a], %%xmm0\n movq %[b], %%xmm1\n"                      \
		"movq %[c], %%xmm2\n movq %[a], %%rcx\n xorl %%eax, %%eax\n"   \
		"lea 1f(%%rip), %%r11\n ldmxcsr %[cw]\n" insn                  \
		"\n 1: stmxcsr %[sw]\n ldmxcsr %[off]\n"                       \
		: [r] "=m"(x->r), [sw] "=m"(x->status)                         \
		: [a] "m"(x->a), [b] "m"(x->b), [c] "m"(x->c),                 \
		[cw] "m"(x->control), [off] "m"(x->masked)                     \
		: "rax", "rcx", "r11", "xmm0", "xmm1", "xmm2", "memory", "cc")
#define TOX(insn)  SSE(insn "\n movq %%xmm0, %[r]")
#define TO32(insn) SSE(insn "\n movd %%xmm0, %%eax\n movq %%rax, %[r]")
#define TOR(insn)  SSE(insn "\n movq %%rax, %[r]")
#define CODE(insn)                                                             \
	SSE(insn "\n lahf\n movzbl %%ah, %%eax\n andl $0x45, %%eax\n"          \
		 "movq %%rax, %[r]")

static void host32(struct sse *x, unsigned op)
{
	switch (op) {
	case TEST_ADD32: TO32("addss %%xmm1, %%xmm0"); break;
	case TEST_SUB32: TO32("subss %%xmm1, %%xmm0"); break;
	case TEST_MUL32: TO32("mulss %%xmm1, %%xmm0"); break;
	case TEST_DIV32: TO32("divss %%xmm1, %%xmm0"); break;
	case TEST_SQRT32: TO32("sqrtss %%xmm0, %%xmm0"); break;
	case TEST_RCP32: TO32("rcpss %%xmm0, %%xmm0"); break;
	case TEST_RSQRT32: TO32("rsqrtss %%xmm0, %%xmm0"); break;
	case TEST_MIN32: TO32("minss %%xmm1, %%xmm0"); break;
	case TEST_MAX32: TO32("maxss %%xmm1, %%xmm0"); break;
	case TEST_UCOMI32: CODE("ucomiss %%xmm1, %%xmm0"); break;
	case TEST_COMI32: CODE("comiss %%xmm1, %%xmm0"); break;
	case TEST_CVT16_32: TO32("vcvtph2ps %%xmm0, %%xmm0"); break;
	case TEST_CVT32_64: TOX("cvtss2sd %%xmm0, %%xmm0"); break;
	case TEST_CVT32_I32: TOR("cvtss2sil %%xmm0, %%eax"); break;
	case TEST_CVTT32_I32: TOR("cvttss2sil %%xmm0, %%eax"); break;
	case TEST_CVT32_I64: TOR("cvtss2siq %%xmm0, %%rax"); break;
	case TEST_CVTT32_I64: TOR("cvttss2siq %%xmm0, %%rax"); break;
	default: TO32("cvtsi2ssq %%rcx, %%xmm0"); break;
	}
}

static void host64(struct sse *x, unsigned op)
{
	switch (op) {
	case TEST_ADD64: TOX("addsd %%xmm1, %%xmm0"); break;
	case TEST_SUB64: TOX("subsd %%xmm1, %%xmm0"); break;
	case TEST_MUL64: TOX("mulsd %%xmm1, %%xmm0"); break;
	case TEST_DIV64: TOX("divsd %%xmm1, %%xmm0"); break;
	case TEST_SQRT64: TOX("sqrtsd %%xmm0, %%xmm0"); break;
	case TEST_MIN64: TOX("minsd %%xmm1, %%xmm0"); break;
	case TEST_MAX64: TOX("maxsd %%xmm1, %%xmm0"); break;
	case TEST_UCOMI64: CODE("ucomisd %%xmm1, %%xmm0"); break;
	case TEST_COMI64: CODE("comisd %%xmm1, %%xmm0"); break;
	case TEST_CVT64_32: TO32("cvtsd2ss %%xmm0, %%xmm0"); break;
	case TEST_CVT64_I32: TOR("cvtsd2sil %%xmm0, %%eax"); break;
	case TEST_CVTT64_I32: TOR("cvttsd2sil %%xmm0, %%eax"); break;
	case TEST_CVT64_I64: TOR("cvtsd2siq %%xmm0, %%rax"); break;
	case TEST_CVTT64_I64: TOR("cvttsd2siq %%xmm0, %%rax"); break;
	default: TOX("cvtsi2sdq %%rcx, %%xmm0"); break;
	}
}

#define CMP(i)                                                                 \
	case i:                                                                \
		if (wide)                                                      \
			TOR("vcmpsd $" #i ", %%xmm1, %%xmm0, %%xmm0\n"         \
			    "movd %%xmm0, %%eax\n andl $1, %%eax");            \
		else                                                           \
			TOR("vcmpss $" #i ", %%xmm1, %%xmm0, %%xmm0\n"         \
			    "movd %%xmm0, %%eax\n andl $1, %%eax");            \
		break

static void host_cmp(struct sse *x, unsigned imm, bool wide)
{
	switch (imm) {
		CMP(0);
		CMP(1);
		CMP(2);
		CMP(3);
		CMP(4);
		CMP(5);
		CMP(6);
		CMP(7);
		CMP(8);
		CMP(9);
		CMP(10);
		CMP(11);
		CMP(12);
		CMP(13);
		CMP(14);
		CMP(15);
		CMP(16);
		CMP(17);
		CMP(18);
		CMP(19);
		CMP(20);
		CMP(21);
		CMP(22);
		CMP(23);
		CMP(24);
		CMP(25);
		CMP(26);
		CMP(27);
		CMP(28);
		CMP(29);
		CMP(30);
		CMP(31);
	default: break;
	}
}

#define ROUND(i)                                                               \
	case i:                                                                \
		if (wide)                                                      \
			TOX("roundsd $" #i ", %%xmm0, %%xmm0");                \
		else                                                           \
			TO32("roundss $" #i ", %%xmm0, %%xmm0");               \
		break

static void host_round(struct sse *x, unsigned imm, bool wide)
{
	switch (imm) {
		ROUND(0);
		ROUND(1);
		ROUND(2);
		ROUND(3);
		ROUND(4);
		ROUND(5);
		ROUND(6);
		ROUND(7);
		ROUND(8);
		ROUND(9);
		ROUND(10);
		ROUND(11);
		ROUND(12);
		ROUND(13);
		ROUND(14);
		ROUND(15);
	default: break;
	}
}

#define HALF(i)                                                                \
	case i:                                                                \
		TO32("vcvtps2ph $" #i ", %%xmm0, %%xmm0\n"                     \
		     "pextrw $0, %%xmm0, %%eax\n movd %%eax, %%xmm0");         \
		break

static void host_half(struct sse *x, unsigned imm)
{
	switch (imm) {
		HALF(0);
		HALF(1);
		HALF(2);
		HALF(3);
		HALF(4);
		HALF(5);
		HALF(6);
		HALF(7);
	default: break;
	}
}

#define FMA(i, insn)                                                           \
	case i:                                                                \
		if (wide)                                                      \
			TOX(insn "sd %%xmm2, %%xmm1, %%xmm0");                 \
		else                                                           \
			TO32(insn "ss %%xmm2, %%xmm1, %%xmm0");                \
		break

static void host_fma(struct sse *x, uint8_t imm, bool wide)
{
	switch (test_fp_fma_form(imm) << 2 | test_fp_fma_sign(imm)) {
		FMA(0, "vfmadd231");
		FMA(1, "vfmsub231");
		FMA(2, "vfnmadd231");
		FMA(3, "vfnmsub231");
		FMA(4, "vfmadd132");
		FMA(8, "vfmadd213");
	default: break;
	}
}

/* What the processor lacks is not compared. */
static bool has(unsigned op)
{
	if (op == TEST_FMA32 || op == TEST_FMA64)
		return __builtin_cpu_supports("fma");
	if (op == TEST_CVT16_32 || op == TEST_CVT32_16)
		return __builtin_cpu_supports("avx2");
	if (op == TEST_CMP32 || op == TEST_CMP64)
		return __builtin_cpu_supports("avx");
	if (op == TEST_ROUND32 || op == TEST_ROUND64)
		return __builtin_cpu_supports("sse4.1");
	return true;
}

static void host_sse(const struct test_fp_case *c, struct test_fp_out *out)
{
	struct sse x = {
		.a = c->a.man, .b = c->b.man, .c = c->c.man, .masked = 0x1f80
	};

	x.control = 0x1f80u & ~((uint32_t)c->unmasked << 7);
	x.control |= (uint32_t)c->rounding << 13 | (uint32_t)c->daz << 6 |
		     (uint32_t)c->ftz << 15;
	switch (c->op) {
	case TEST_FMA32: host_fma(&x, c->imm, false); break;
	case TEST_FMA64: host_fma(&x, c->imm, true); break;
	case TEST_CVT32_16: host_half(&x, c->imm & 7); break;
	case TEST_CMP32: host_cmp(&x, c->imm, false); break;
	case TEST_CMP64: host_cmp(&x, c->imm, true); break;
	case TEST_ROUND32: host_round(&x, c->imm & 15, false); break;
	case TEST_ROUND64: host_round(&x, c->imm & 15, true); break;
	default:
		if (c->op <= TEST_CVTI64_32)
			host32(&x, c->op);
		else
			host64(&x, c->op);
		break;
	}
	out->flags = x.status & 0x3f;
	out->r[0].man = x.r;
}

bool test_fp_host(const struct test_fp_case *c, struct test_fp_out *out)
{
	static bool armed;
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	if (!armed) {
		action.sa_sigaction = on_sigfpe;
		sigaction(SIGFPE, &action, NULL);
		armed = true;
	}
	*out = (struct test_fp_out){ .flags = 0 };
	if (!has(c->op))
		test_fp_soft(c, out);
	else if (test_fp_is_sse(c->op))
		host_sse(c, out);
	else
		host_x87(c, out);
	return true;
}

#endif
