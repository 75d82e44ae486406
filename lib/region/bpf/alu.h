/* SPDX-License-Identifier: MIT */
/* What instructions compute, on values: for the interpreter and verifier. */
#ifndef VMI_REGION_BPF_ALU_H
#define VMI_REGION_BPF_ALU_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/compiler.h"

/* The low `bits` of a value as a signed number.  1 to 64. */
static vmi_inline uint64_t vmi_bpf_sext(uint64_t v, unsigned bits)
{
	return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
}

static vmi_inline uint64_t vmi_bpf_zext(uint64_t v, unsigned bits)
{
	return v << (64 - bits) >> (64 - bits);
}

/*
 * RFC 9669 4.1, for 32 and for 64 bits: operands have no bits beyond, and
 * neither has the result once it is truncated.  All wrap.
 */
static vmi_inline uint64_t vmi_bpf_add(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a + b;
}

static vmi_inline uint64_t vmi_bpf_sub(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a - b;
}

static vmi_inline uint64_t vmi_bpf_mul(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a * b;
}

/* By zero: zero. */
static vmi_inline uint64_t vmi_bpf_div(uint64_t a, uint64_t b, unsigned bits)
{
	if (bits == 32)
		return b ? (uint32_t)a / (uint32_t)b : 0;
	return b ? a / b : 0;
}

/* By zero: what it was. */
static vmi_inline uint64_t vmi_bpf_mod(uint64_t a, uint64_t b, unsigned bits)
{
	if (bits == 32)
		return b ? (uint32_t)a % (uint32_t)b : a;
	return b ? a % b : a;
}

/* Truncated; the least number by -1 is itself. */
static vmi_inline uint64_t vmi_bpf_sdiv(uint64_t a, uint64_t b, unsigned bits)
{
	int64_t x = (int64_t)vmi_bpf_sext(a, bits);
	int64_t y = (int64_t)vmi_bpf_sext(b, bits);

	if (!y)
		return 0;
	return y == -1 ? 0 - a : (uint64_t)(x / y);
}

static vmi_inline uint64_t vmi_bpf_smod(uint64_t a, uint64_t b, unsigned bits)
{
	int64_t x = (int64_t)vmi_bpf_sext(a, bits);
	int64_t y = (int64_t)vmi_bpf_sext(b, bits);

	if (!y)
		return a;
	return y == -1 ? 0 : (uint64_t)(x % y);
}

static vmi_inline uint64_t vmi_bpf_or(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a | b;
}

static vmi_inline uint64_t vmi_bpf_and(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a & b;
}

static vmi_inline uint64_t vmi_bpf_xor(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a ^ b;
}

static vmi_inline uint64_t vmi_bpf_mov(uint64_t a, uint64_t b, unsigned bits)
{
	(void)a;
	(void)bits;
	return b;
}

/* Counts are taken modulo the width. */
static vmi_inline uint64_t vmi_bpf_lsh(uint64_t a, uint64_t b, unsigned bits)
{
	return a << (b & (bits - 1));
}

static vmi_inline uint64_t vmi_bpf_rsh(uint64_t a, uint64_t b, unsigned bits)
{
	return a >> (b & (bits - 1));
}

static vmi_inline uint64_t vmi_bpf_arsh(uint64_t a, uint64_t b, unsigned bits)
{
	return (uint64_t)((int64_t)vmi_bpf_sext(a, bits) >> (b & (bits - 1)));
}

/* RFC 9669 4.2. */
static vmi_inline uint64_t vmi_bpf_swap(uint64_t v, unsigned bits)
{
	v = (v & 0x00ff00ff00ff00ffu) << 8 | (v >> 8 & 0x00ff00ff00ff00ffu);
	v = (v & 0x0000ffff0000ffffu) << 16 | (v >> 16 & 0x0000ffff0000ffffu);
	v = v << 32 | v >> 32;
	return v >> (64 - bits);
}

/* RFC 9669 4.3; the signed ones want 64 bits. */
static vmi_inline bool vmi_bpf_jeq(uint64_t a, uint64_t b)
{
	return a == b;
}

static vmi_inline bool vmi_bpf_jne(uint64_t a, uint64_t b)
{
	return a != b;
}

static vmi_inline bool vmi_bpf_jgt(uint64_t a, uint64_t b)
{
	return a > b;
}

static vmi_inline bool vmi_bpf_jge(uint64_t a, uint64_t b)
{
	return a >= b;
}

static vmi_inline bool vmi_bpf_jlt(uint64_t a, uint64_t b)
{
	return a < b;
}

static vmi_inline bool vmi_bpf_jle(uint64_t a, uint64_t b)
{
	return a <= b;
}

static vmi_inline bool vmi_bpf_jset(uint64_t a, uint64_t b)
{
	return (a & b) != 0;
}

static vmi_inline bool vmi_bpf_jsgt(uint64_t a, uint64_t b)
{
	return (int64_t)a > (int64_t)b;
}

static vmi_inline bool vmi_bpf_jsge(uint64_t a, uint64_t b)
{
	return (int64_t)a >= (int64_t)b;
}

static vmi_inline bool vmi_bpf_jslt(uint64_t a, uint64_t b)
{
	return (int64_t)a < (int64_t)b;
}

static vmi_inline bool vmi_bpf_jsle(uint64_t a, uint64_t b)
{
	return (int64_t)a <= (int64_t)b;
}

#endif
