/* SPDX-License-Identifier: MIT */
/*
 * Floating point of the software x86 processor, in integer arithmetic: the
 * same bits, flags and condition codes on every host.
 *
 * Every function is pure over the environment that it is handed. It adds to
 * env->flags what the operation raised and reads nothing from there, so the
 * caller clears the flags before an instruction and merges them into MXCSR or
 * the x87 status word after it; the bits stand where the status word has them,
 * C1 ("rounded up") and the other condition codes included.
 *
 * Unmasked exceptions change results, so the caller passes which ones are.
 * After the instruction, all lanes of it included, vmi_fp_settle() says whether
 * a pre-computation exception (IE, DE, ZE) is unmasked, in which case nothing
 * is written and the post-computation flags are dropped. What remains to the
 * caller: SSE and x87 stores to memory write nothing on any unmasked exception
 * but an x87 PE; x87 results for registers are written despite OE, UE and PE.
 */
#ifndef VMI_SOFT_FP_H
#define VMI_SOFT_FP_H

#include <stdbool.h>
#include <stdint.h>

#define VMI_FP_IE 0x0001
#define VMI_FP_DE 0x0002
#define VMI_FP_ZE 0x0004
#define VMI_FP_OE 0x0008
#define VMI_FP_UE 0x0010
#define VMI_FP_PE 0x0020
#define VMI_FP_C0 0x0100
#define VMI_FP_C1 0x0200
#define VMI_FP_C2 0x0400
#define VMI_FP_C3 0x4000

/* Raised before the computation, so they suppress it when unmasked. */
#define VMI_FP_PRE  (VMI_FP_IE | VMI_FP_DE | VMI_FP_ZE)
#define VMI_FP_POST (VMI_FP_OE | VMI_FP_UE | VMI_FP_PE)

/* The encoding of RC in MXCSR and in the x87 control word. */
enum vmi_fprc { VMI_FP_NEAREST, VMI_FP_DOWN, VMI_FP_UP, VMI_FP_ZERO };

struct vmi_fpenv {
	uint8_t rounding;  /* enum vmi_fprc */
	uint8_t precision; /* x87 PC, 0: 24, 2: 53, 3: 64 bits */
	bool daz;	   /* SSE only, false for x87 */
	bool ftz;	   /* SSE only, false for x87 */
	uint16_t unmasked; /* VMI_FP_IE .. VMI_FP_PE */
	uint16_t flags;
};

/* An x87 register: significand with its integer bit; sign and exponent. */
struct vmi_f80 {
	uint64_t man;
	uint16_t se;
};

/* FBLD and FBSTP: 16 low digits; sign in bit 15 and two high digits. */
struct vmi_bcd80 {
	uint64_t lo;
	uint16_t hi;
};

enum vmi_fpop {
	VMI_FP_ADD,
	VMI_FP_SUB,
	VMI_FP_SUBR, /* second - first */
	VMI_FP_MUL,
	VMI_FP_DIV,
	VMI_FP_DIVR, /* second / first */
};

enum vmi_fpcmp {
	VMI_FP_LESS,
	VMI_FP_EQUAL,
	VMI_FP_GREATER,
	VMI_FP_UNORDERED,
};

/* Index of vmi_fp_formats. */
enum vmi_fpkind { VMI_F32, VMI_F64, VMI_F80, VMI_F16 };

bool vmi_fp_settle(struct vmi_fpenv *env);

/*
 * SSE, scalar; bits of the format in the low part of a uint64_t. The typed
 * names below are what handlers call.
 */
uint64_t vmi_fp_arith(
	struct vmi_fpenv *env, uint32_t kind_op, uint64_t a, uint64_t b);
uint64_t vmi_fp_sqrt(struct vmi_fpenv *env, enum vmi_fpkind kind, uint64_t a);
uint64_t vmi_fp_minmax(
	struct vmi_fpenv *env, uint32_t kind_max, uint64_t a, uint64_t b);
enum vmi_fpcmp vmi_fp_compare(
	struct vmi_fpenv *env, uint32_t kind_signal, uint64_t a, uint64_t b);
int64_t vmi_fp_to_int(
	struct vmi_fpenv *env, uint32_t kind_bits, uint64_t a, bool truncate);
uint64_t vmi_fp_from_int(
	struct vmi_fpenv *env, enum vmi_fpkind kind, int64_t v);

/* @kind in the low byte, whatever selects the variant above it. */
static inline uint32_t vmi_fp_sel(enum vmi_fpkind kind, uint32_t variant)
{
	return (uint32_t)kind | variant << 8;
}

static inline uint32_t vmi_f32_arith(
	struct vmi_fpenv *env, enum vmi_fpop op, uint32_t a, uint32_t b)
{
	return (uint32_t)vmi_fp_arith(env, vmi_fp_sel(VMI_F32, op), a, b);
}

static inline uint64_t vmi_f64_arith(
	struct vmi_fpenv *env, enum vmi_fpop op, uint64_t a, uint64_t b)
{
	return vmi_fp_arith(env, vmi_fp_sel(VMI_F64, op), a, b);
}

static inline uint32_t vmi_f32_add(
	struct vmi_fpenv *env, uint32_t a, uint32_t b)
{
	return vmi_f32_arith(env, VMI_FP_ADD, a, b);
}

static inline uint32_t vmi_f32_sub(
	struct vmi_fpenv *env, uint32_t a, uint32_t b)
{
	return vmi_f32_arith(env, VMI_FP_SUB, a, b);
}

static inline uint32_t vmi_f32_mul(
	struct vmi_fpenv *env, uint32_t a, uint32_t b)
{
	return vmi_f32_arith(env, VMI_FP_MUL, a, b);
}

static inline uint32_t vmi_f32_div(
	struct vmi_fpenv *env, uint32_t a, uint32_t b)
{
	return vmi_f32_arith(env, VMI_FP_DIV, a, b);
}

static inline uint32_t vmi_f32_sqrt(struct vmi_fpenv *env, uint32_t a)
{
	return (uint32_t)vmi_fp_sqrt(env, VMI_F32, a);
}

static inline uint64_t vmi_f64_add(
	struct vmi_fpenv *env, uint64_t a, uint64_t b)
{
	return vmi_f64_arith(env, VMI_FP_ADD, a, b);
}

static inline uint64_t vmi_f64_sub(
	struct vmi_fpenv *env, uint64_t a, uint64_t b)
{
	return vmi_f64_arith(env, VMI_FP_SUB, a, b);
}

static inline uint64_t vmi_f64_mul(
	struct vmi_fpenv *env, uint64_t a, uint64_t b)
{
	return vmi_f64_arith(env, VMI_FP_MUL, a, b);
}

static inline uint64_t vmi_f64_div(
	struct vmi_fpenv *env, uint64_t a, uint64_t b)
{
	return vmi_f64_arith(env, VMI_FP_DIV, a, b);
}

static inline uint64_t vmi_f64_sqrt(struct vmi_fpenv *env, uint64_t a)
{
	return vmi_fp_sqrt(env, VMI_F64, a);
}

/* MINPS, MAXPS: @b when either is a NaN or both are zero. */
static inline uint32_t vmi_f32_min(
	struct vmi_fpenv *env, uint32_t a, uint32_t b)
{
	return (uint32_t)vmi_fp_minmax(env, vmi_fp_sel(VMI_F32, 0), a, b);
}

static inline uint32_t vmi_f32_max(
	struct vmi_fpenv *env, uint32_t a, uint32_t b)
{
	return (uint32_t)vmi_fp_minmax(env, vmi_fp_sel(VMI_F32, 1), a, b);
}

static inline uint64_t vmi_f64_min(
	struct vmi_fpenv *env, uint64_t a, uint64_t b)
{
	return vmi_fp_minmax(env, vmi_fp_sel(VMI_F64, 0), a, b);
}

static inline uint64_t vmi_f64_max(
	struct vmi_fpenv *env, uint64_t a, uint64_t b)
{
	return vmi_fp_minmax(env, vmi_fp_sel(VMI_F64, 1), a, b);
}

/* UCOMISS raises IE for signalling NaNs, COMISS (@signal) for any. */
static inline enum vmi_fpcmp vmi_f32_compare(
	struct vmi_fpenv *env, uint32_t a, uint32_t b, bool signal)
{
	return vmi_fp_compare(env, vmi_fp_sel(VMI_F32, signal), a, b);
}

static inline enum vmi_fpcmp vmi_f64_compare(
	struct vmi_fpenv *env, uint64_t a, uint64_t b, bool signal)
{
	return vmi_fp_compare(env, vmi_fp_sel(VMI_F64, signal), a, b);
}

/* CMPPS and VCMPPS: @imm is the predicate, 0 to 31. */
bool vmi_f32_cmp(struct vmi_fpenv *env, uint8_t imm, uint32_t a, uint32_t b);
bool vmi_f64_cmp(struct vmi_fpenv *env, uint8_t imm, uint64_t a, uint64_t b);

uint64_t vmi_f32_to_f64(struct vmi_fpenv *env, uint32_t a);
uint32_t vmi_f64_to_f32(struct vmi_fpenv *env, uint64_t a);

/* VCVTPH2PS, VCVTPS2PH: @imm bits 1:0 RC, 2 use MXCSR.RC instead. */
uint32_t vmi_f16_to_f32(struct vmi_fpenv *env, uint16_t a);
uint16_t vmi_f32_to_f16(struct vmi_fpenv *env, uint32_t a, uint8_t imm);

static inline int32_t vmi_f32_to_i32(
	struct vmi_fpenv *env, uint32_t a, bool truncate)
{
	return (int32_t)vmi_fp_to_int(
		env, vmi_fp_sel(VMI_F32, 32), a, truncate);
}

static inline int64_t vmi_f32_to_i64(
	struct vmi_fpenv *env, uint32_t a, bool truncate)
{
	return vmi_fp_to_int(env, vmi_fp_sel(VMI_F32, 64), a, truncate);
}

static inline int32_t vmi_f64_to_i32(
	struct vmi_fpenv *env, uint64_t a, bool truncate)
{
	return (int32_t)vmi_fp_to_int(
		env, vmi_fp_sel(VMI_F64, 32), a, truncate);
}

static inline int64_t vmi_f64_to_i64(
	struct vmi_fpenv *env, uint64_t a, bool truncate)
{
	return vmi_fp_to_int(env, vmi_fp_sel(VMI_F64, 64), a, truncate);
}

static inline uint32_t vmi_f32_from_int(struct vmi_fpenv *env, int64_t v)
{
	return (uint32_t)vmi_fp_from_int(env, VMI_F32, v);
}

static inline uint64_t vmi_f64_from_int(struct vmi_fpenv *env, int64_t v)
{
	return vmi_fp_from_int(env, VMI_F64, v);
}

/* ROUNDSS: @imm bits 1:0 RC, 2 use MXCSR.RC instead, 3 suppress PE. */
uint32_t vmi_f32_round(struct vmi_fpenv *env, uint32_t a, uint8_t imm);
uint64_t vmi_f64_round(struct vmi_fpenv *env, uint64_t a, uint8_t imm);

/*
 * x * y + z of VMI_F32 or VMI_F64 operands. Of several NaNs that of x wins,
 * then of y; by form, from operands 1, 2, 3, (x, y, z) is (1, 3, 2) in
 * VFMADD132, (2, 1, 3) in VFMADD213, (2, 3, 1) in VFMADD231.
 */
struct vmi_fpfma {
	enum vmi_fpkind kind;
	bool negate_product; /* VFNMADD, VFNMSUB */
	bool negate_addend;  /* VFMSUB, VFNMSUB */
	uint64_t x;
	uint64_t y;
	uint64_t z;
};

uint64_t vmi_fp_fma(struct vmi_fpenv *env, const struct vmi_fpfma *f);

/* RCPSS, RSQRTSS: raise nothing and obey neither RC, DAZ nor FTZ. */
uint32_t vmi_f32_rcp(uint32_t a);
uint32_t vmi_f32_rsqrt(uint32_t a);

/* x87 arithmetic: register by register and register by memory. */
struct vmi_f80 vmi_f80_arith(struct vmi_fpenv *env, enum vmi_fpop op,
	struct vmi_f80 a, struct vmi_f80 b);
struct vmi_f80 vmi_f80_arith_f32(
	struct vmi_fpenv *env, enum vmi_fpop op, struct vmi_f80 a, uint32_t b);
struct vmi_f80 vmi_f80_arith_f64(
	struct vmi_fpenv *env, enum vmi_fpop op, struct vmi_f80 a, uint64_t b);
struct vmi_f80 vmi_f80_sqrt(struct vmi_fpenv *env, struct vmi_f80 a);

/* FPREM, FPREM1 (@nearest): sets C2, or C0 C3 C1 to quotient bits 2 1 0. */
struct vmi_f80 vmi_f80_rem(struct vmi_fpenv *env, struct vmi_f80 a,
	struct vmi_f80 b, bool nearest);
struct vmi_f80 vmi_f80_scale(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 b);
/* Returns the significand; *@exponent is what ends below it. */
struct vmi_f80 vmi_f80_xtract(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 *exponent);
struct vmi_f80 vmi_f80_rndint(struct vmi_fpenv *env, struct vmi_f80 a);

/* FCOM (@signal: IE for any NaN) and FUCOM; FTST compares with zero. */
enum vmi_fpcmp vmi_f80_compare(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 b, bool signal);
enum vmi_fpcmp vmi_f80_compare_f32(
	struct vmi_fpenv *env, struct vmi_f80 a, uint32_t b);
enum vmi_fpcmp vmi_f80_compare_f64(
	struct vmi_fpenv *env, struct vmi_f80 a, uint64_t b);
/* C3 C2 C0 as FCOM leaves them. */
uint16_t vmi_fp_compare_codes(enum vmi_fpcmp cmp);
/* C3 C2 C1 C0 of FXAM for a register that is not empty. */
uint16_t vmi_f80_xam(struct vmi_f80 a);

/* FLD m32/m64, FST m32/m64, FILD, FIST(P), FISTTP; @bits is 16, 32 or 64. */
struct vmi_f80 vmi_f80_from_f32(struct vmi_fpenv *env, uint32_t a);
struct vmi_f80 vmi_f80_from_f64(struct vmi_fpenv *env, uint64_t a);
uint32_t vmi_f80_to_f32(struct vmi_fpenv *env, struct vmi_f80 a);
uint64_t vmi_f80_to_f64(struct vmi_fpenv *env, struct vmi_f80 a);
struct vmi_f80 vmi_f80_from_int(int64_t v);
int64_t vmi_f80_to_int(
	struct vmi_fpenv *env, struct vmi_f80 a, unsigned bits, bool truncate);
struct vmi_f80 vmi_f80_from_bcd(struct vmi_bcd80 v);
struct vmi_bcd80 vmi_f80_to_bcd(struct vmi_fpenv *env, struct vmi_f80 a);

/* In the order of their opcodes, D9 E8 to D9 EE. */
enum vmi_fpconst {
	VMI_FP_LD1,
	VMI_FP_LDL2T,
	VMI_FP_LDL2E,
	VMI_FP_LDPI,
	VMI_FP_LDLG2,
	VMI_FP_LDLN2,
	VMI_FP_LDZ,
};

struct vmi_f80 vmi_f80_const(const struct vmi_fpenv *env, enum vmi_fpconst c);

/*
 * Transcendentals. The trigonometric ones set C2 and leave the operand alone
 * from 2^63 on. FPTAN and FSINCOS push a second result, handed out through the
 * pointer: *@one is 1.0 or the NaN, *@cosine what becomes the stack's top. With
 * C2 set, or an unmasked exception that vmi_fp_settle() reports, nothing is
 * pushed.
 */
struct vmi_f80 vmi_f80_f2xm1(struct vmi_fpenv *env, struct vmi_f80 x);
struct vmi_f80 vmi_f80_yl2x(
	struct vmi_fpenv *env, struct vmi_f80 x, struct vmi_f80 y);
struct vmi_f80 vmi_f80_yl2xp1(
	struct vmi_fpenv *env, struct vmi_f80 x, struct vmi_f80 y);
struct vmi_f80 vmi_f80_atan(
	struct vmi_fpenv *env, struct vmi_f80 x, struct vmi_f80 y);
struct vmi_f80 vmi_f80_sin(struct vmi_fpenv *env, struct vmi_f80 x);
struct vmi_f80 vmi_f80_cos(struct vmi_fpenv *env, struct vmi_f80 x);
struct vmi_f80 vmi_f80_sincos(
	struct vmi_fpenv *env, struct vmi_f80 x, struct vmi_f80 *cosine);
struct vmi_f80 vmi_f80_tan(
	struct vmi_fpenv *env, struct vmi_f80 x, struct vmi_f80 *one);

#endif
