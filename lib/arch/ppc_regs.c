/* SPDX-License-Identifier: MIT */
/* The table of ppc64's registers, and in which order they are set. */
#include "lib/arch/ppc_regs.h"
#include "lib/compiler.h"

#define VMI_REGS_DEF "lib/arch/ppc_regs.def"
#define VMI_BLOCK(name) VMI_PPC_##name
#include "lib/arch/regs_rows.h"

/*
 * The kernel registers an SLB shadow or a dispatch log only once it knows
 * the area of the processor (VPA_ADDR), and refuses to forget the latter
 * before the former; it wants to know what the processor claims to be
 * (ARCH_COMPAT, after the version in SREGS) before what depends on it; and
 * the decrementer expires by a time base whose offset must stand.  A presented
 * interrupt is the last thing.
 */
enum one_class {
	CLASS_COMPAT,
	CLASS_REST,
	CLASS_VPA,
	CLASS_VPA_PARTS,
	CLASS_TIME,
	CLASS_DECREMENTER,
	CLASS_PRESENTER
};

/* By their numbers, whatever the size: the kernel has no two of one. */
static unsigned one_class(uint64_t tag)
{
	switch ((uint32_t)tag) {
	case 0xb7: return CLASS_COMPAT; /* arch_compat */
	case 0x82: return CLASS_VPA;
	case 0x83: /* vpa_slb */
	case 0x84: return CLASS_VPA_PARTS; /* vpa_dtl */
	case 0x9c: return CLASS_TIME; /* tb_offset */
	case 0xbe: return CLASS_DECREMENTER; /* dec_expiry */
	case 0x8c: /* icp_state */
	case 0x8d: return CLASS_PRESENTER; /* vp_state */
	default: return CLASS_REST;
	}
}

static const struct vmi_reg_step steps[] = {
	{ true, VMI_PPC_SREGS },
	{ false, CLASS_COMPAT },
	{ false, CLASS_REST },
	{ true, VMI_PPC_REGS },
	{ false, CLASS_VPA },
	{ false, CLASS_VPA_PARTS },
	{ false, CLASS_TIME },
	{ false, CLASS_DECREMENTER },
	{ false, CLASS_PRESENTER },
	{ true, VMI_PPC_MP_STATE },
};

_Static_assert(vmi_array_len(steps) <= VMI_STEPS_MAX, "too many steps");

const struct vmi_regs_arch vmi_ppc_regs_arch = {
	.machine = 21,
	VMI_REGS_TABLES(rows, ones, steps),
	.kernel = 0x10,
	.number_mask = 0xffffffff,
	.one_class = one_class,
};
