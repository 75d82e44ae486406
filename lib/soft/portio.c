/* SPDX-License-Identifier: MIT */
/* Ports: IN, OUT, INS, OUTS and who may use them. */
#include "lib/soft/device.h"
#include "lib/soft/smm.h"
#include "lib/soft/strings.h"
#include "lib/soft/value.h"

/* -- Permission --------------------------------------------------------- */

#define TSS_TYPE_32   0x8u /* of the type: 9 or 11, 64-bit mode's too */
#define TSS_IO_BASE   102u
#define TSS_MIN_LIMIT 103u

static uint64_t tss_linear(const struct vmi_cpu *c, uint64_t offset)
{
	uint64_t linear = c->seg[VMI_TR].base + offset;

	return vmi_long_mode(c) ? linear : (uint32_t)linear;
}

/* The bits of the I/O permission bit map: SDM 1 19.5.2. */
static bool map_permits(struct vmi_cpu *c, uint16_t port, unsigned bytes)
{
	const struct vmapi_x86_segment *tr = &c->seg[VMI_TR];
	uint64_t at;
	uint16_t map;

	if (!(tr->attributes & TSS_TYPE_32) || tr->limit < TSS_MIN_LIMIT ||
		(tr->attributes & VMAPI_X86_SEG_UNUSABLE))
		return false;
	at = vmi_sys_read(c, tss_linear(c, TSS_IO_BASE), 2) + port / 8u;
	/* Two bytes are read always, the second beyond the last port's too. */
	if (at + 1 > tr->limit)
		return false;
	map = (uint16_t)vmi_sys_read(c, tss_linear(c, at), 2);
	return !((map >> (port & 7)) & ((1u << bytes) - 1));
}

/* Without a look at the map. */
static vmi_inline bool all_permitted(const struct vmi_cpu *c)
{
	return !(c->cr0 & VMI_CR0_PE) || (!(c->rflags & VMI_FLAG_VM) &&
		c->cpl <= ((c->rflags >> 12) & 3));
}

bool vmi_io_permitted(struct vmi_cpu *c, uint16_t port, unsigned bytes)
{
	return all_permitted(c) || map_permits(c, port, bytes);
}

static vmi_inline void check(struct vmi_cpu *c, uint16_t port,
	unsigned bytes)
{
	if (vmi_unlikely(!all_permitted(c)) && !map_permits(c, port, bytes))
		vmi_raise_code(c, VMI_GP, 0);
}

/* -- One access --------------------------------------------------------- */

static void watch(struct vmi_cpu *c, uint16_t port, unsigned bytes)
{
	if (vmi_unlikely(c->debug.armed & VMI_POINT_IO))
		vmi_debug_access(c, port, bytes, VMI_POINT_IO);
}

/* What an SMI directly behind it will want to know: smm.c. */
static vmi_inline void note(struct vmi_cpu *c, const struct vmi_op *op,
	uint32_t what)
{
	c->port.before = c->icount + (uint64_t)(c->slice - c->budget) -
		(uint64_t)((int64_t)c->enter->imm - op->n);
	c->port.rip = vmi_op_rip(c, op);
	c->port.what = what | VMI_PORT_VALID;
}

static vmi_noinline void begin(struct vmi_cpu *c, const struct vmi_op *op,
	uint32_t what)
{
	uint16_t port = VMI_PORT_OF(what);
	unsigned bytes = VMI_PORT_SIZE(what);

	check(c, port, bytes);
	note(c, op, what);
	watch(c, port, bytes);
}

/* Whether begin() would only make its note. */
static vmi_inline bool begins_simply(const struct vmi_cpu *c)
{
	return vmi_likely(all_permitted(c) &&
		!(c->debug.armed & VMI_POINT_IO));
}

static vmi_noinline uint64_t in_checked(struct vmi_cpu *c,
	const struct vmi_op *op, uint32_t what)
{
	begin(c, op, what);
	return vmi_dev_in(c, VMI_PORT_OF(what), VMI_PORT_SIZE(what));
}

static vmi_noinline void out_checked(struct vmi_cpu *c,
	const struct vmi_op *op, uint32_t what, uint64_t value)
{
	begin(c, op, what);
	vmi_dev_out(c, VMI_PORT_OF(what), value, VMI_PORT_SIZE(what));
}

uint64_t vmi_port_in(struct vmi_cpu *c, const struct vmi_op *op,
	uint32_t what)
{
	if (!begins_simply(c))
		return in_checked(c, op, what);
	note(c, op, what);
	return vmi_dev_in(c, VMI_PORT_OF(what), VMI_PORT_SIZE(what));
}

void vmi_port_out(struct vmi_cpu *c, const struct vmi_op *op, uint32_t what,
	uint64_t value)
{
	if (!begins_simply(c)) {
		out_checked(c, op, what, value);
		return;
	}
	note(c, op, what);
	vmi_dev_out(c, VMI_PORT_OF(what), value, VMI_PORT_SIZE(what));
}

/* Operand size 8 does not exist: REX.W is without effect. */
static unsigned port_bytes(const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);

	return bytes > 4 ? 4 : bytes;
}

static uint16_t port_of(const struct vmi_cpu *c, const struct vmi_op *op)
{
	return (uint16_t)(vmi_form(op) == VMI_FORM_ZD ? c->r[VMI_RDX] :
		op->imm & 0xff);
}

void vmi_do_in(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = port_bytes(op);

	vmi_reg_set(c, VMI_RAX, vmi_port_in(c, op, VMI_PORT_IN |
		VMI_PORT_BYTES(bytes) | VMI_PORT_AT(port_of(c, op))), bytes);
}

void vmi_do_out(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = port_bytes(op);

	vmi_port_out(c, op, VMI_PORT_BYTES(bytes) |
		VMI_PORT_AT(port_of(c, op)), vmi_reg(c, VMI_RAX, bytes));
}

/* -- Strings ------------------------------------------------------------ */

/* The destination is checked first: what a port gave must not be lost. */
static void ins_one(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes)
{
	uint64_t to = vmi_str_dst(c, op, bytes, VMI_MEM_WRITE);
	uint16_t port = (uint16_t)c->r[VMI_RDX];

	vmi_need_aligned(c, to, bytes);
	vmi_check(c, to, bytes, VMI_MEM_WRITE);
	watch(c, port, bytes);
	vmi_write(c, to, vmi_dev_read(c, VMI_SPACE_PORT, port, bytes), bytes);
	vmi_str_step(c, op, VMI_RDI, bytes);
}

static void outs_one(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes)
{
	uint64_t v = vmi_read(c, vmi_str_src(c, op, bytes), bytes);
	uint16_t port = (uint16_t)c->r[VMI_RDX];

	watch(c, port, bytes);
	vmi_dev_write(c, VMI_SPACE_PORT, port, v, bytes);
	vmi_str_step(c, op, VMI_RSI, bytes);
}

static void repeat(struct vmi_cpu *c, const struct vmi_op *op, uint32_t what,
	void (*one)(struct vmi_cpu *, const struct vmi_op *, unsigned))
{
	unsigned bytes = port_bytes(op);

	what |= VMI_PORT_STRING | VMI_PORT_BYTES(bytes);
	if (op->bits & (VMI_OPF_REP | VMI_OPF_REPNE))
		what |= VMI_PORT_REP;

	/* Permission is asked for even if nothing is to be done. */
	check(c, (uint16_t)c->r[VMI_RDX], bytes);
	if (!vmi_str_count(c, op))
		return;
	for (;;) {
		note(c, op, what | VMI_PORT_AT((uint16_t)c->r[VMI_RDX]));
		c->port.rcx = c->r[VMI_RCX];
		c->port.rsi = c->r[VMI_RSI];
		c->port.rdi = c->r[VMI_RDI];
		one(c, op, bytes);
		if (!vmi_str_did(c, op, 1))
			return;
		if (vmi_element_done(c))
			vmi_again(c);
	}
}

void vmi_do_ins(struct vmi_cpu *c, const struct vmi_op *op)
{
	repeat(c, op, VMI_PORT_IN, ins_one);
}

void vmi_do_outs(struct vmi_cpu *c, const struct vmi_op *op)
{
	repeat(c, op, 0, outs_one);
}
