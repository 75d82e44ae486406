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

bool vmi_io_permitted(struct vmi_cpu *c, uint16_t port, unsigned bytes)
{
	bool vm86 = c->rflags & VMI_FLAG_VM;

	if (!(c->cr0 & VMI_CR0_PE))
		return true;
	if (!vm86 && c->cpl <= ((c->rflags >> 12) & 3))
		return true;
	return map_permits(c, port, bytes);
}

void vmi_io_check(struct vmi_cpu *c, uint16_t port, unsigned bytes)
{
	if (!vmi_io_permitted(c, port, bytes))
		vmi_raise_code(c, VMI_GP, 0);
}

/* -- One access --------------------------------------------------------- */

static void watch(struct vmi_cpu *c, uint16_t port, unsigned bytes)
{
	if (vmi_unlikely(c->debug.armed & VMI_POINT_IO))
		vmi_debug_access(c, port, bytes, VMI_POINT_IO);
}

uint64_t vmi_port_in(struct vmi_cpu *c, uint16_t port, unsigned bytes)
{
	watch(c, port, bytes);
	return vmi_dev_read(c, VMI_SPACE_PORT, port, bytes);
}

void vmi_port_out(struct vmi_cpu *c, uint16_t port, uint64_t v,
	unsigned bytes)
{
	watch(c, port, bytes);
	vmi_dev_write(c, VMI_SPACE_PORT, port, v, bytes);
}

static void begin(struct vmi_cpu *c, const struct vmi_op *op, uint16_t port,
	uint32_t what)
{
	vmi_smm_port(c, op, what | VMI_PORT_AT(port));
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
	uint16_t port = port_of(c, op);

	vmi_io_check(c, port, bytes);
	begin(c, op, port, VMI_PORT_IN | VMI_PORT_BYTES(bytes));
	vmi_reg_set(c, VMI_RAX, vmi_port_in(c, port, bytes), bytes);
}

void vmi_do_out(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = port_bytes(op);
	uint16_t port = port_of(c, op);

	vmi_io_check(c, port, bytes);
	begin(c, op, port, VMI_PORT_BYTES(bytes));
	vmi_port_out(c, port, vmi_reg(c, VMI_RAX, bytes), bytes);
}

/* -- Strings ------------------------------------------------------------ */

/* The destination is checked first: what a port gave must not be lost. */
static void ins_one(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes)
{
	uint64_t to = vmi_str_dst(c, op, bytes, VMI_MEM_WRITE);

	vmi_need_aligned(c, to, bytes);
	vmi_check(c, to, bytes, VMI_MEM_WRITE);
	vmi_write(c, to, vmi_port_in(c, (uint16_t)c->r[VMI_RDX], bytes),
		bytes);
	vmi_str_step(c, op, VMI_RDI, bytes);
}

static void outs_one(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes)
{
	uint64_t v = vmi_read(c, vmi_str_src(c, op, bytes), bytes);

	vmi_port_out(c, (uint16_t)c->r[VMI_RDX], v, bytes);
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
	vmi_io_check(c, (uint16_t)c->r[VMI_RDX], bytes);
	if (!vmi_str_count(c, op))
		return;
	for (;;) {
		begin(c, op, (uint16_t)c->r[VMI_RDX], what);
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
