/* SPDX-License-Identifier: MIT */
/* Value operations: the handlers of each, by shape, width and flags. */
#ifndef VMI_SOFT_VALUE_H
#define VMI_SOFT_VALUE_H

#include "lib/soft/mem.h"

/* [shape][log2 of bytes][somebody looks at the flags]; NULL: a helper. */
struct vmi_value {
	vmi_handler *h[VMI_SHAPES][4][2];
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

/* 64-bit loads [0] and stores [1] of base + disp: [log2 of bytes]. */
extern vmi_handler *const vmi_h_mov_plain[2][4];

/* Widening moves: [shape RR or RM][log2 from][log2 to]. */
extern vmi_handler *const vmi_h_movzx[2][3][4];
extern vmi_handler *const vmi_h_movsx[2][3][4];
/* By condition; setcc: [0 register, 1 memory]; cmov: [shape][width]. */
extern vmi_handler *const vmi_h_cmov[2][4];
/* Fused: [cmp 0, test 1][RR 0, RI 1][log2 width][condition]. */
extern vmi_handler *const vmi_h_cmpjcc[2][2][4][16];

vmi_handler vmi_h_helper, vmi_h_helper_end, vmi_h_fault, vmi_h_nop;
vmi_handler vmi_h_ea, vmi_h_ea_check, vmi_h_gethi, vmi_h_puthi;
vmi_handler vmi_h_const;
vmi_handler vmi_h_lea16, vmi_h_lea32, vmi_h_lea64;
vmi_handler vmi_h_setcc;
vmi_handler vmi_h_push_r4, vmi_h_push_r8, vmi_h_push_i4, vmi_h_push_i8;
vmi_handler vmi_h_pop_r4, vmi_h_pop_r8;
vmi_handler vmi_h_jmp, vmi_h_jcc, vmi_h_jz, vmi_h_jnz;
vmi_handler vmi_h_call4, vmi_h_call8, vmi_h_ret4, vmi_h_ret8;
vmi_handler vmi_h_jmp_r, vmi_h_call_r8, vmi_h_call_r4;

#endif
