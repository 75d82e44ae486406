/* SPDX-License-Identifier: MIT */
/* Bits: tests, scans, counts, double shifts, byte order, CRC-32C. */
#include "lib/soft/alu_ref.h"
#include "lib/soft/operand.h"
#include "lib/soft/value.h"

/* -- Bit tests ---------------------------------------------------------- */

/* Where the bit is: a value of `bytes` in memory, or the register. */
struct bit {
	uint64_t linear;
	uint64_t number; /* in that value */
	unsigned exec, bytes;
	bool memory;
};

/*
 * A register counts bits from the operand on, signed, in units of the operand
 * size: the value is elsewhere than the address says, and is checked there
 * (SDM 2A 3.1.1.9 and BT).
 */
static void locate(struct vmi_cpu *c, const struct vmi_op *op, struct bit *b)
{
	unsigned bits = 8 * b->bytes;
	uint64_t top = 1ull << (bits - 1), n = vmi_src(c, op, b->bytes);

	b->memory = op->bits & VMI_OPF_MEM;
	b->number = n & (bits - 1);
	if (!b->memory)
		return;
	if (vmi_form(op) == VMI_FORM_EI) {
		b->linear = vmi_ea(c, op);
		return;
	}
	n = (n ^ top) - top;
	/* Floor of n / bits: what the number leaves is a multiple. */
	n = (n - b->number) / bits | (n >> 63 ? ~(~0ull / bits) : 0);
	b->linear = vmi_linear_beyond(c, n * b->bytes, b->bytes,
		b->exec == VMI_EXEC_bt ? VMI_MEM_READ : VMI_MEM_WRITE);
}

static void change_locked(struct vmi_cpu *c, const struct vmi_op *op,
	const struct bit *b)
{
	uint64_t in = vmi_flags(c), flags, v, before;
	struct vmi_seen seen;

	seen.value = vmi_read_rmw(c, b->linear, b->bytes);
	do {
		before = seen.value;
		v = vmi_alu(b->exec, before, b->number, b->bytes, in, &flags);
		seen = vmi_cas(c, op, b->linear, before, v, b->bytes);
	} while (!seen.swapped);
	vmi_flags_set(c, flags);
}

static void bit_test(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned exec)
{
	struct bit b = { .exec = exec, .bytes = vmi_op_size(op) };
	uint64_t v, flags;

	locate(c, op, &b);
	if ((op->bits & VMI_OPF_LOCK) && b.memory &&
		vmi_lockable(c, b.linear, b.bytes)) {
		change_locked(c, op, &b);
		return;
	}
	if (!b.memory)
		v = vmi_reg(c, op->base, b.bytes);
	else if (exec == VMI_EXEC_bt)
		v = vmi_read(c, b.linear, b.bytes);
	else
		v = vmi_read_rmw(c, b.linear, b.bytes);
	v = vmi_alu(exec, v, b.number, b.bytes, vmi_flags(c), &flags);
	if (exec != VMI_EXEC_bt && b.memory)
		vmi_write(c, b.linear, v, b.bytes);
	else if (exec != VMI_EXEC_bt)
		vmi_reg_set(c, op->base, v, b.bytes);
	vmi_flags_set(c, flags);
}

void vmi_do_bt(struct vmi_cpu *c, const struct vmi_op *op)
{
	bit_test(c, op, VMI_EXEC_bt);
}

void vmi_do_bts(struct vmi_cpu *c, const struct vmi_op *op)
{
	bit_test(c, op, VMI_EXEC_bts);
}

void vmi_do_btr(struct vmi_cpu *c, const struct vmi_op *op)
{
	bit_test(c, op, VMI_EXEC_btr);
}

void vmi_do_btc(struct vmi_cpu *c, const struct vmi_op *op)
{
	bit_test(c, op, VMI_EXEC_btc);
}

/* -- Scans and counts --------------------------------------------------- */

/* A source of 0 leaves the destination, its upper half included. */
static void scan(struct vmi_cpu *c, const struct vmi_op *op, unsigned exec)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t b = vmi_rm(c, op, bytes), v, flags;

	v = vmi_alu(exec, 0, b, bytes, vmi_flags(c), &flags);
	if (b)
		vmi_reg_set(c, op->reg, v, bytes);
	vmi_flags_set(c, flags);
}

void vmi_do_bsf(struct vmi_cpu *c, const struct vmi_op *op)
{
	scan(c, op, VMI_EXEC_bsf);
}

void vmi_do_bsr(struct vmi_cpu *c, const struct vmi_op *op)
{
	scan(c, op, VMI_EXEC_bsr);
}

void vmi_do_popcnt(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t flags, v;

	v = vmi_alu(VMI_EXEC_popcnt, 0, vmi_rm(c, op, bytes), bytes, 0,
		&flags);
	vmi_reg_set(c, op->reg, v, bytes);
	vmi_flags_set(c, flags);
}

/*
 * A source of 0 gives the operand's size and CF (SDM 2A "LZCNT"); the flags
 * that are undefined Intel's processors clear.
 */
void vmi_do_lzcnt(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op), n = 8 * bytes;
	uint64_t b = vmi_rm(c, op, bytes), flags;

	if (b)
		n -= 1 + (unsigned)vmi_alu(VMI_EXEC_bsr, 0, b, bytes, 0,
			&flags);
	vmi_reg_set(c, op->reg, n, bytes);
	vmi_flags_set(c, (b ? 0 : VMI_FLAG_CF) | (n ? 0 : VMI_FLAG_ZF));
}

/* ADCX and ADOX: an addition whose only flag is CF, or is OF. */
static void add_with(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t flag)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t in = vmi_flags(c), v, flags;

	v = vmi_alu(VMI_EXEC_adc, vmi_reg(c, op->reg, bytes),
		vmi_rm(c, op, bytes), bytes, in & flag ? VMI_FLAG_CF : 0,
		&flags);
	vmi_reg_set(c, op->reg, v, bytes);
	vmi_flags_set(c, (in & ~flag) | (flags & VMI_FLAG_CF ? flag : 0));
}

void vmi_do_adcx(struct vmi_cpu *c, const struct vmi_op *op)
{
	add_with(c, op, VMI_FLAG_CF);
}

void vmi_do_adox(struct vmi_cpu *c, const struct vmi_op *op)
{
	add_with(c, op, VMI_FLAG_OF);
}

void vmi_do_bswap(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t flags, v;

	v = vmi_alu(VMI_EXEC_bswap, 0, vmi_reg(c, op->reg, bytes), bytes, 0,
		&flags);
	vmi_reg_set(c, op->reg, v, bytes);
}

/* -- Double shifts ------------------------------------------------------ */

static void double_shift(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned exec)
{
	struct vmi_double d = { .bytes = vmi_op_size(op) };
	uint64_t v, flags;

	d.src = vmi_reg(c, op->reg, d.bytes);
	d.count = (unsigned)(vmi_form(op) == VMI_FORM_EGCL ?
		c->r[VMI_RCX] : op->imm) & 0xff;
	d.dst = vmi_dst(c, op, d.bytes, VMI_MEM_WRITE);
	v = vmi_alu_double(exec, &d, vmi_flags(c), &flags);
	vmi_dst_set(c, op, v, d.bytes);
	vmi_flags_set(c, flags);
}

void vmi_do_shld(struct vmi_cpu *c, const struct vmi_op *op)
{
	double_shift(c, op, VMI_EXEC_shld);
}

void vmi_do_shrd(struct vmi_cpu *c, const struct vmi_op *op)
{
	double_shift(c, op, VMI_EXEC_shrd);
}

/* -- CRC32 and MOVBE ---------------------------------------------------- */

#define CRC32C 0x82f63b78u /* 11EDC6F41H, bits reversed: SDM 2A, CRC32 */

void vmi_do_crc32(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = (unsigned)op->imm, i;
	uint64_t v = vmi_rm(c, op, bytes);
	uint32_t crc = (uint32_t)c->r[op->reg];

	for (i = 0; i < 8 * bytes; i++) {
		crc ^= (uint32_t)(v >> i) & 1;
		crc = (crc >> 1) ^ (crc & 1 ? CRC32C : 0);
	}
	c->r[op->reg] = crc;
}

static uint64_t swapped(uint64_t v, unsigned bytes)
{
	uint64_t r = 0;
	unsigned i;

	for (i = 0; i < bytes; i++, v >>= 8)
		r = r << 8 | (v & 0xff);
	return r;
}

void vmi_do_movbe(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);

	vmi_dst_set(c, op, swapped(vmi_src(c, op, bytes), bytes), bytes);
}
