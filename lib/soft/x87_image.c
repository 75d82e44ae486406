/* SPDX-License-Identifier: MIT */
/* x87: FNSTENV, FLDENV, FNSAVE and FRSTOR. */
#include "lib/soft/x87.h"

/*
 * An environment is seven words, or seven doublewords of which mostly the
 * lower half counts: control, status, tags, then the instruction and operand
 * pointers (SDM 1 figures 8-9 to 8-12).  Protected mode has offset and
 * selector of each; the 32-bit form has the opcode above the first selector.
 * Real and virtual-8086 mode have linear addresses: the low 16 bits, then
 * what is above them from bit 12 on, with the opcode in bits 10:0.
 *
 * What no figure names is ones in the upper halves.
 */
#define WORDS 7u

struct image {
	uint64_t at;
	unsigned bytes; /* of a word: 2 or 4 */
	bool protected;
};

static struct image image_of(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct image m = { vmi_ea(c, op), vmi_op_size(op) == 2 ? 2 : 4,
		vmi_protected(c) };

	return m;
}

static uint64_t address_of(
	const struct vmi_cpu *c, const struct image *m, unsigned n)
{
	return (m->at + n) & c->amask;
}

static void words_protected(
	const struct vmi_fpu *fpu, bool wide, uint32_t word[WORDS])
{
	uint32_t opcode = wide ? (uint32_t)fpu->opcode << 16 : 0;

	word[3] = (uint32_t)fpu->ip;
	word[4] = fpu->cs | opcode;
	word[5] = (uint32_t)fpu->dp;
	word[6] = 0xffff0000u | fpu->ds;
}

static void words_real(const struct vmi_fpu *fpu, uint32_t word[WORDS])
{
	uint32_t ip = (uint32_t)fpu->ip + ((uint32_t)fpu->cs << 4);
	uint32_t dp = (uint32_t)fpu->dp + ((uint32_t)fpu->ds << 4);

	word[3] = 0xffff0000u | ip;
	word[4] = (ip >> 16 << 12) | (fpu->opcode & 0x7ffu);
	word[5] = 0xffff0000u | dp;
	word[6] = dp >> 16 << 12;
}

static void store_environment(struct vmi_cpu *c, const struct image *m)
{
	uint32_t word[WORDS] = { 0xffff0000u | c->fpu.control,
		0xffff0000u | vmi_x87_status(c),
		0xffff0000u | vmi_x87_tags(c) };
	unsigned i;

	if (m->protected)
		words_protected(&c->fpu, m->bytes == 4, word);
	else
		words_real(&c->fpu, word);
	for (i = 0; i < WORDS; i++)
		vmi_write(c, address_of(c, m, i * m->bytes),
			m->bytes == 2 ? word[i] & 0xffff : word[i], m->bytes);
}

static void read_environment(
	struct vmi_cpu *c, const struct image *m, uint32_t word[WORDS])
{
	unsigned i;

	for (i = 0; i < WORDS; i++)
		word[i] = (uint32_t)vmi_read(
			c, address_of(c, m, i * m->bytes), m->bytes);
}

static void load_pointers(
	struct vmi_fpu *fpu, const struct image *m, const uint32_t word[WORDS])
{
	uint32_t above = m->bytes == 4 ? 0xffff : 0xf;

	if (m->protected) {
		fpu->ip = word[3];
		fpu->cs = (uint16_t)word[4];
		fpu->dp = word[5];
		fpu->ds = (uint16_t)word[6];
		fpu->opcode = word[4] >> 16 & 0x7ff;
		return;
	}
	fpu->ip = (word[3] & 0xffff) | (word[4] >> 12 & above) << 16;
	fpu->dp = (word[5] & 0xffff) | (word[6] >> 12 & above) << 16;
	fpu->cs = fpu->ds = 0;
	fpu->opcode = word[4] & 0x7ff;
}

/*
 * Registers are not aligned in an image as FLD m80 wants them, and no #AC
 * comes of that (SDM 3A table 6-7), so they are moved in words.
 */
static void store_register(
	struct vmi_cpu *c, const struct image *m, unsigned n, struct vmi_f80 v)
{
	unsigned at = WORDS * m->bytes + 10 * n, i;

	for (i = 0; i < 4; i++)
		vmi_write(c, address_of(c, m, at + 2 * i),
			v.man >> 16 * i & 0xffff, 2);
	vmi_write(c, address_of(c, m, at + 8), v.se, 2);
}

static struct vmi_f80 read_register(
	struct vmi_cpu *c, const struct image *m, unsigned n)
{
	unsigned at = WORDS * m->bytes + 10 * n, i;
	struct vmi_f80 v = { 0, 0 };

	for (i = 0; i < 4; i++)
		v.man |= vmi_read(c, address_of(c, m, at + 2 * i), 2) << 16 * i;
	v.se = (uint16_t)vmi_read(c, address_of(c, m, at + 8), 2);
	return v;
}

/* After the registers, of which tags speak. */
static void load_environment(
	struct vmi_cpu *c, const struct image *m, const uint32_t word[WORDS])
{
	c->fpu.control = 0;
	vmi_x87_set_status(c, (uint16_t)word[1]);
	vmi_x87_set_control(c, (uint16_t)word[0]);
	vmi_x87_set_tags(c, (uint16_t)word[2]);
	load_pointers(&c->fpu, m, word);
}

void vmi_do_fnstenv(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct image m;

	vmi_x87_available(c);
	m = image_of(c, op);
	vmi_need_aligned(c, m.at, m.bytes);
	vmi_check(c, m.at, WORDS * m.bytes, VMI_MEM_WRITE);
	store_environment(c, &m);
	vmi_x87_set_control(c, c->fpu.control | VMI_X87_FLAGS);
}

void vmi_do_fldenv(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint32_t word[WORDS];
	struct image m;

	vmi_x87_wait(c);
	m = image_of(c, op);
	read_environment(c, &m, word);
	load_environment(c, &m, word);
}

void vmi_do_fnsave(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct image m;
	unsigned i;

	vmi_x87_available(c);
	m = image_of(c, op);
	vmi_need_aligned(c, m.at, m.bytes);
	vmi_check(c, m.at, WORDS * m.bytes + 80, VMI_MEM_WRITE);
	store_environment(c, &m);
	for (i = 0; i < 8; i++)
		store_register(c, &m, i, vmi_x87_get(c, i));
	vmi_x87_init(c);
}

void vmi_do_frstor(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint32_t word[WORDS];
	struct vmi_f80 v[8];
	struct image m;
	unsigned i;

	vmi_x87_wait(c);
	m = image_of(c, op);
	read_environment(c, &m, word);
	for (i = 0; i < 8; i++)
		v[i] = read_register(c, &m, i);
	for (i = 0; i < 8; i++)
		c->fpu.st[((word[1] >> 11) + i) & 7] = v[i];
	load_environment(c, &m, word);
}
