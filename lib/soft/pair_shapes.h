/* SPDX-License-Identifier: MIT */
/* A template: the handler of step FIRST and step SECOND; or its row. */
#define H3(first, second) h_pair_##first##_##second
#define H2(first, second) H3(first, second)
#define H H2(FIRST, SECOND)
#define S2(step) s_##step
#define S1(step) S2(step)
#define N2(step) N_##step
#define N1(step) N2(step)

#ifdef PAIR_ROWS
[N1(FIRST)][N1(SECOND)] = H,
#else
static const struct vmi_op *H(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	struct vmi_step s = S1(FIRST)(c, op, acc);

	if (vmi_unlikely(s.missed))
		return whole(c, op, acc, N1(FIRST));
	op = vmi_same(op + 1);
	acc = s.acc;
	s = S1(SECOND)(c, op, acc);
	if (vmi_unlikely(s.missed))
		return whole(c, op, acc, N1(SECOND));
	return vmi_next(c, op, s.acc);
}
#endif

#undef H3
#undef H2
#undef H
#undef S2
#undef S1
#undef N2
#undef N1
#undef SECOND
