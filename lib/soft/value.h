/* SPDX-License-Identifier: MIT */
/* Value operations: the handlers of each, by shape, width and flags. */
#ifndef VMI_SOFT_VALUE_H
#define VMI_SOFT_VALUE_H

#include "lib/soft/mem.h"

/* [shape][log2 of bytes][somebody looks at the flags]; none: a helper. */
struct vmi_value {
	struct vmi_forms h[VMI_SHAPES][4][2];
};

/* Between the templates of handlers: operands; what is made into memory. */
struct vmi_pair {
	uint64_t a, b;
};

struct vmi_into {
	uint8_t *p;
	uint64_t b;
};

typedef void vmi_helper(struct vmi_cpu *c, const struct vmi_op *op);

#define EXEC(how, token) void vmi_do_##token(struct vmi_cpu *,                 \
	const struct vmi_op *);
#include "lib/soft/exec.def"
#undef EXEC

/* Every operation as a function, by VMI_EXEC_; and as handlers, or NULL. */
extern vmi_helper *const vmi_helpers[VMI_EXEC_COUNT];
extern const struct vmi_value *const vmi_values[VMI_EXEC_COUNT];

extern const struct vmi_value vmi_value_add, vmi_value_or, vmi_value_adc,
	vmi_value_sbb, vmi_value_and, vmi_value_sub, vmi_value_xor,
	vmi_value_cmp, vmi_value_test, vmi_value_inc, vmi_value_dec,
	vmi_value_neg, vmi_value_not, vmi_value_mov, vmi_value_shl,
	vmi_value_shr, vmi_value_sar, vmi_value_rol, vmi_value_ror,
	vmi_value_imul, vmi_value_xchg;

/* Widening moves: [shape RR or RM][log2 from][log2 to]. */
extern const struct vmi_forms vmi_f_movzx[2][3][4];
extern const struct vmi_forms vmi_f_movsx[2][3][4];
/* By condition, CMOV by log2 of the width before; CMOV from memory. */
extern vmi_handler *const vmi_h_setcc[16], *const vmi_h_jcc[16];
extern vmi_handler *const vmi_h_cmov[4][16], *const vmi_h_cmov_m[4];
/* Fused: [cmp 0, test 1][RR 0, RI 1][log2 width][condition]. */
extern const struct vmi_forms vmi_f_cmpjcc[2][2][4][16];
/* LEA by log2 of the operand size; pushes and pops by [8 bytes, not 4]. */
extern const struct vmi_forms vmi_f_lea[4];
extern const struct vmi_forms vmi_f_push_r[2], vmi_f_push_i[2], vmi_f_pop[2];
extern const struct vmi_forms vmi_f_call[2], vmi_f_call_r[2], vmi_f_ret[2];
extern const struct vmi_forms vmi_f_jmp_r;

vmi_handler vmi_h_helper, vmi_h_helper_end, vmi_h_helper_jump, vmi_h_fault;
vmi_handler vmi_h_ea, vmi_h_ea_check, vmi_h_usable, vmi_h_gethi, vmi_h_puthi;
vmi_handler vmi_h_const;
vmi_handler vmi_h_jmp;

#endif
