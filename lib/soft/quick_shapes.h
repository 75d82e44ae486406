/* SPDX-License-Identifier: MIT */
/* A template: integer instructions on registers, of BYTES. */
#define H3(name, bytes) h_##name##_##bytes
#define H2(name, bytes) H3(name, bytes)
#define H(name) H2(name, BYTES)

/* -- Accumulator -------------------------------------------------------- */

static const struct vmi_op *H(cbw)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t r = vmi_trunc(vmi_sext(c->r[VMI_RAX], BYTES / 2), BYTES);

	(void)acc;
	c->r[VMI_RAX] = r;
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(cwd)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t top = c->r[VMI_RAX] >> (8 * BYTES - 1) & 1;

	c->r[VMI_RDX] = vmi_trunc(0 - top, BYTES);
	return vmi_next(c, op, acc);
}

/* Flags as the helper leaves them, which the SDM does not define. */
static vmi_inline const struct vmi_op *H(product)(struct vmi_cpu *c,
	const struct vmi_op *op, vmi_u128 p, bool wide)
{
	uint64_t low = vmi_trunc((uint64_t)p, BYTES);

	c->r[VMI_RAX] = low;
	c->r[VMI_RDX] = vmi_trunc((uint64_t)(p >> (8 * BYTES)), BYTES);
	vmi_cc(c, VMI_CC_MUL, BYTES, low,
		wide ? VMI_FLAG_CF | VMI_FLAG_OF : 0);
	return vmi_next(c, op, low);
}

static const struct vmi_op *H(mul)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	vmi_u128 p = (vmi_u128)vmi_reg(c, VMI_RAX, BYTES) *
		vmi_reg(c, op->base, BYTES);

	(void)acc;
	return H(product)(c, op, p, (uint64_t)(p >> (8 * BYTES)) != 0);
}

static const struct vmi_op *H(imul1)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	vmi_i128 p = (vmi_i128)(int64_t)vmi_sext(c->r[VMI_RAX], BYTES) *
		(int64_t)vmi_sext(c->r[op->base], BYTES);

	(void)acc;
	return H(product)(c, op, (vmi_u128)p,
		p != (int64_t)vmi_sext((uint64_t)p, BYTES));
}

/* A dividend of one register. */
static const struct vmi_op *H(div)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t a = vmi_reg(c, VMI_RAX, BYTES);
	uint64_t b = vmi_reg(c, op->base, BYTES);

	(void)acc;
	if (vmi_unlikely(!b || vmi_reg(c, VMI_RDX, BYTES)))
		return vmi_h_helper(c, op, 0);
	c->r[VMI_RAX] = a / b;
	c->r[VMI_RDX] = a % b;
	return vmi_next(c, op, 0);
}

/* Any but division by 0, and by -1, which can overflow. */
static const struct vmi_op *H(idiv)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	int64_t a = (int64_t)vmi_sext(c->r[VMI_RAX], BYTES);
	int64_t b = (int64_t)vmi_sext(c->r[op->base], BYTES);
	uint64_t high = vmi_trunc(a < 0 ? ~0ull : 0, BYTES);

	(void)acc;
	if (vmi_unlikely((uint64_t)b + 1 < 2 ||
		vmi_reg(c, VMI_RDX, BYTES) != high))
		return vmi_h_helper(c, op, 0);
	c->r[VMI_RAX] = vmi_trunc((uint64_t)(a / b), BYTES);
	c->r[VMI_RDX] = vmi_trunc((uint64_t)(a % b), BYTES);
	return vmi_next(c, op, 0);
}

/* -- Bits --------------------------------------------------------------- */

static const struct vmi_op *H(bswap)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	c->r[op->reg] = swapped(c->r[op->reg]) >> (64 - 8 * BYTES);
	return vmi_next(c, op, c->r[op->reg]);
}

/* The lowest and the highest bit; of 0 the helper knows what is left. */
static const struct vmi_op *H(bsf)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t b = vmi_reg(c, op->base, BYTES), n;

	(void)acc;
	if (vmi_unlikely(!b))
		return vmi_h_helper(c, op, 0);
	n = 63u - vmi_clz64(b & (0 - b));
	c->r[op->reg] = n;
	vmi_flags_set(c, parity(n));
	return vmi_next(c, op, n);
}

static const struct vmi_op *H(bsr)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t b = vmi_reg(c, op->base, BYTES), n;

	(void)acc;
	if (vmi_unlikely(!b))
		return vmi_h_helper(c, op, 0);
	n = 63u - vmi_clz64(b);
	c->r[op->reg] = n;
	vmi_flags_set(c, parity(n));
	return vmi_next(c, op, n);
}

#undef H3
#undef H2
#undef H
#undef BYTES
