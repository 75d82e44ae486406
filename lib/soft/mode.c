/* SPDX-License-Identifier: MIT */
/* What follows from the mode: how code is decoded, how memory is reached. */
#include "lib/soft/block.h"
#include "lib/soft/branch.h"
#include "lib/soft/operand.h"

static uint8_t code_mode(const struct vmi_cpu *c)
{
	uint32_t attr = c->seg[VMI_CS].attributes;

	if (vmi_long_mode(c) && (attr & VMAPI_X86_SEG_L))
		return 64;
	return attr & VMAPI_X86_SEG_DB ? 32 : 16;
}

/* Data, writable, expand-up. */
static bool is_open(const struct vmapi_x86_segment *s)
{
	return (s->attributes & (VMAPI_X86_SEG_P | VMAPI_X86_SEG_S |
			VMAPI_X86_SEG_UNUSABLE | 0xe)) ==
		(VMAPI_X86_SEG_P | VMAPI_X86_SEG_S | 2);
}

/* Base 0 and 4 GiB of it, too: no check can fail. */
static bool is_flat(const struct vmapi_x86_segment *s)
{
	return s->base == 0 && s->limit == UINT32_MAX && is_open(s);
}

static uint32_t key_of(const struct vmi_cpu *c)
{
	uint32_t key = c->mode == 64 ? VMI_KEY_64 :
		c->mode == 32 ? VMI_KEY_32 : VMI_KEY_16;

	if (c->mode == 64 || (c->seg[VMI_SS].attributes & VMAPI_X86_SEG_DB))
		key |= VMI_KEY_SS32;
	if (c->mode == 64 || (is_flat(&c->seg[VMI_ES]) &&
		is_flat(&c->seg[VMI_SS]) && is_flat(&c->seg[VMI_DS])))
		key |= VMI_KEY_FLAT;
	if (vmi_protected(c))
		key |= VMI_KEY_PROT;
	if (c->rflags & VMI_FLAG_VM)
		key |= VMI_KEY_V86;
	if (c->debug.armed & VMI_POINT_EXEC)
		key |= VMI_KEY_BREAK;
	return key;
}

static enum vmi_tlb_kind who_of(const struct vmi_cpu *c)
{
	if (c->cpl == 3)
		return VMI_TLB_USER;
	if ((c->cr4 & VMI_CR4_SMAP) && !(c->rflags & VMI_FLAG_AC))
		return VMI_TLB_SUPER;
	return VMI_TLB_SUPER_AC;
}

/* Alignment checking: SDM 3A 6.15, "Interrupt 17". */
static bool is_aligning(const struct vmi_cpu *c)
{
	return c->cpl == 3 && (c->cr0 & VMI_CR0_AM) &&
		(c->rflags & VMI_FLAG_AC);
}

void vmi_mode_changed(struct vmi_cpu *c)
{
	unsigned n;

	c->mode = code_mode(c);
	c->amask = c->mode == 64 ? ~0ull : UINT32_MAX;
	c->key = key_of(c);
	c->who = who_of(c);
	c->tlb = c->tlbs[is_aligning(c) ? VMI_TLB_ALIGNED : c->who];
	/* Of ES, CS, SS and DS 64-bit code sees no base. */
	for (n = VMI_ES; n <= VMI_DS; n++) {
		c->r[VMI_R_SEG + n] = c->mode == 64 ? 0 : c->seg[n].base;
		c->open[n] = c->mode != 64 && is_open(&c->seg[n]) ?
			(uint64_t)c->seg[n].limit + 1 : 0;
	}
	vmi_jumps_retag(c);
}

uint64_t vmi_after(const struct vmi_cpu *c, const struct vmi_op *op)
{
	return vmi_rip_mask(c, vmi_op_next_rip(c, op));
}

uint64_t vmi_rflags(struct vmi_cpu *c)
{
	return (c->rflags & ~VMI_FLAGS_ARITH) | vmi_flags(c) | VMI_FLAG_ONE;
}

void vmi_rflags_set(struct vmi_cpu *c, uint64_t value, uint64_t mask)
{
	uint64_t flags = (vmi_rflags(c) & ~mask) | (value & mask);
	uint64_t changed = c->rflags ^ flags;

	c->rflags = (flags & VMI_FLAGS_ALL & ~VMI_FLAGS_ARITH) | VMI_FLAG_ONE;
	vmi_flags_set(c, flags);
	if (changed & (VMI_FLAG_AC | VMI_FLAG_VM))
		vmi_mode_changed(c);
}
