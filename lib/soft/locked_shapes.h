/* SPDX-License-Identifier: MIT */
/* A template: locked OP on BYTES of memory, which is aligned and RAM. */
#define H3(op, bytes) h_locked_##op##_##bytes
#define H2(op, bytes) H3(op, bytes)
#define H H2(OP, BYTES)
#define R3(op, bytes) replace_##op##_##bytes
#define R2(op, bytes) R3(op, bytes)
#define REPLACE R2(OP, BYTES)
#define F2(op) vmi_alu_##op
#define F1(op) F2(op)
#define COMPUTE F1(OP)

/* What was there; a function, since a compare-and-swap needs a local. */
vmi_noinline static uint64_t REPLACE(struct vmi_cpu *c, uint8_t *p, uint64_t b)
{
	struct vmi_seen seen = { .value = vmi_host_load(p, BYTES) };
	uint64_t a;

	do {
		a = seen.value;
		seen = vmi_host_cas(p, a, COMPUTE(c, a, b, BYTES, false),
			BYTES);
	} while (vmi_unlikely(!seen.swapped));
	return a;
}

static const struct vmi_op *H(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t at = vmi_ea(c, op), b = second(c, op, BYTES), a;
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!may_lock(e, at, BYTES))
		return vmi_h_helper(c, op, acc);
	a = REPLACE(c, vmi_tlb_host(e, at), b);
	if (TAKES)
		vmi_reg_set(c, op->reg, a, BYTES);
	COMPUTE(c, a, b, BYTES, true);
	return vmi_next(c, op, acc);
}

#undef H3
#undef H2
#undef H
#undef R3
#undef R2
#undef REPLACE
#undef F2
#undef F1
#undef COMPUTE
#undef OP
#undef BYTES
