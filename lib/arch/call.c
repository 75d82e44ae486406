/* SPDX-License-Identifier: MIT */
/* Where each architecture has a hypercall's number, arguments and results. */
/*
 * The conventions that there are (KVM's on s390, SMCCC 1.2, PAPR, SBI) go on
 * for as long as registers do, and the number lies where nobody else's does:
 * Linux, Documentation/virt/kvm/s390/s390-diag.rst and x86/hypercalls.rst; Arm
 * DEN0028 2.6 and 6.1; PAPR 14.5; RISC-V SBI 3.
 */
#include "lib/arch/call.h"

#include <vmapi/arm64.h>
#include <vmapi/ppc.h>
#include <vmapi/riscv.h>
#include <vmapi/s390.h>
#include <vmapi/x86.h>

#include "lib/compiler.h"

/* -- x86 ---------------------------------------------------------------- */

/* RDX is nobody's: an OUT to the call port has its port there. */
static const struct vmi_call_abi x86_64 = {
	.number = VMAPI_X86_RAX,
	.base = VMAPI_CALL_X86,
	.step = 1,
	.mask = UINT64_MAX,
	.args = { VMAPI_X86_RBX, VMAPI_X86_RCX, VMAPI_X86_RSI, VMAPI_X86_RDI,
		VMAPI_X86_R8, VMAPI_X86_R9, VMAPI_X86_R10, VMAPI_X86_R11,
		VMAPI_X86_R12 },
	.results = { VMAPI_X86_RAX, VMAPI_X86_RBX, VMAPI_X86_RCX,
		VMAPI_X86_RSI, VMAPI_X86_RDI, VMAPI_X86_R8, VMAPI_X86_R9,
		VMAPI_X86_R10, VMAPI_X86_R11, VMAPI_X86_R12 },
	.n_args = 9,
	.n_results = 10,
	.n_native = 1,
};

static const struct vmi_call_abi x86_32 = {
	.number = VMAPI_X86_RAX,
	.base = VMAPI_CALL_X86,
	.step = 1,
	.mask = UINT32_MAX,
	.args = { VMAPI_X86_RBX, VMAPI_X86_RCX, VMAPI_X86_RSI, VMAPI_X86_RDI,
		VMAPI_X86_RBP },
	.results = { VMAPI_X86_RAX, VMAPI_X86_RBX, VMAPI_X86_RCX,
		VMAPI_X86_RSI, VMAPI_X86_RDI, VMAPI_X86_RBP },
	.n_args = 5,
	.n_results = 6,
	.n_native = 1,
};

static uint32_t attributes(const struct vmapi_reg *segment)
{
	return ((const struct vmapi_x86_segment *)segment->data)->attributes;
}

/* CPL is SS.DPL (SDM 3B 24.4.1); CS.L means nothing outside long mode. */
static const struct vmi_call_abi *x86_look(const struct vmapi_reg *state,
	uint32_t *privilege, uint32_t *mode)
{
	uint32_t cs = attributes(&state[0]);

	*privilege = (attributes(&state[1]) & VMAPI_X86_SEG_DPL) >> 5;
	if (cs & VMAPI_X86_SEG_L)
		*mode = 64;
	else
		*mode = cs & VMAPI_X86_SEG_DB ? 32 : 16;
	return *mode == 64 ? &x86_64 : &x86_32;
}

/* -- arm64 -------------------------------------------------------------- */

static const struct vmi_call_abi arm64 = {
	.number = VMAPI_ARM64_X(0),
	.base = VMAPI_CALL_ARM64,
	.step = 1,
	.mask = UINT64_MAX,
	.args = { VMAPI_ARM64_X(1), VMAPI_ARM64_X(2), VMAPI_ARM64_X(3),
		VMAPI_ARM64_X(4), VMAPI_ARM64_X(5), VMAPI_ARM64_X(6),
		VMAPI_ARM64_X(7), VMAPI_ARM64_X(8), VMAPI_ARM64_X(9) },
	.results = { VMAPI_ARM64_X(0), VMAPI_ARM64_X(1), VMAPI_ARM64_X(2),
		VMAPI_ARM64_X(3), VMAPI_ARM64_X(4), VMAPI_ARM64_X(5),
		VMAPI_ARM64_X(6), VMAPI_ARM64_X(7), VMAPI_ARM64_X(8),
		VMAPI_ARM64_X(9) },
	.n_args = 9,
	.n_results = 10,
};

/* PSTATE.M[3:2] is the exception level: Arm ARM C5.2.19. */
static const struct vmi_call_abi *arm64_look(const struct vmapi_reg *state,
	uint32_t *privilege, uint32_t *mode)
{
	*privilege = (state[0].value & 0xc) == 0;
	*mode = 64;
	return &arm64;
}

/* -- ppc64 -------------------------------------------------------------- */

static const struct vmi_call_abi ppc = {
	.number = VMAPI_PPC_GPR(3),
	.base = VMAPI_CALL_PPC,
	.step = VMAPI_CALL_PPC_STEP,
	.mask = UINT64_MAX,
	.args = { VMAPI_PPC_GPR(4), VMAPI_PPC_GPR(5), VMAPI_PPC_GPR(6),
		VMAPI_PPC_GPR(7), VMAPI_PPC_GPR(8), VMAPI_PPC_GPR(9),
		VMAPI_PPC_GPR(10), VMAPI_PPC_GPR(11), VMAPI_PPC_GPR(12) },
	.results = { VMAPI_PPC_GPR(3), VMAPI_PPC_GPR(4), VMAPI_PPC_GPR(5),
		VMAPI_PPC_GPR(6), VMAPI_PPC_GPR(7), VMAPI_PPC_GPR(8),
		VMAPI_PPC_GPR(9), VMAPI_PPC_GPR(10), VMAPI_PPC_GPR(11),
		VMAPI_PPC_GPR(12) },
	.n_args = 9,
	.n_results = 10,
	.n_native = 10,
};

/* MSR.PR: Power ISA 3.0 III 3.2.1. */
static const struct vmi_call_abi *ppc_look(const struct vmapi_reg *state,
	uint32_t *privilege, uint32_t *mode)
{
	*privilege = state[0].value >> 14 & 1;
	*mode = 64;
	return &ppc;
}

/* -- s390x -------------------------------------------------------------- */

static const struct vmi_call_abi s390 = {
	.number = VMAPI_S390_GPR(1),
	.base = VMAPI_CALL_S390,
	.step = 1,
	.mask = UINT64_MAX,
	.args = { VMAPI_S390_GPR(2), VMAPI_S390_GPR(3), VMAPI_S390_GPR(4),
		VMAPI_S390_GPR(5), VMAPI_S390_GPR(6), VMAPI_S390_GPR(7),
		VMAPI_S390_GPR(8), VMAPI_S390_GPR(9), VMAPI_S390_GPR(10) },
	.results = { VMAPI_S390_GPR(2), VMAPI_S390_GPR(3), VMAPI_S390_GPR(4),
		VMAPI_S390_GPR(5), VMAPI_S390_GPR(6), VMAPI_S390_GPR(7),
		VMAPI_S390_GPR(8), VMAPI_S390_GPR(9), VMAPI_S390_GPR(10) },
	.n_args = 9,
	.n_results = 9,
};

/* The problem state bit of the PSW, bit 15 from the left: SA22-7832 4-5. */
static const struct vmi_call_abi *s390_look(const struct vmapi_reg *state,
	uint32_t *privilege, uint32_t *mode)
{
	*privilege = state[0].value >> 48 & 1;
	*mode = 64;
	return &s390;
}

/* -- riscv64 ------------------------------------------------------------ */

/* Beyond a0 to a5 arguments are in t0 to t2. */
static const struct vmi_call_abi riscv = {
	.number = VMAPI_RISCV_A(6),
	.step = 1,
	.selector = VMAPI_RISCV_A(7),
	.selected = VMAPI_CALL_RISCV,
	.mask = UINT64_MAX,
	.args = { VMAPI_RISCV_A(0), VMAPI_RISCV_A(1), VMAPI_RISCV_A(2),
		VMAPI_RISCV_A(3), VMAPI_RISCV_A(4), VMAPI_RISCV_A(5),
		VMAPI_RISCV_X(5), VMAPI_RISCV_X(6), VMAPI_RISCV_X(7) },
	.results = { VMAPI_RISCV_A(0), VMAPI_RISCV_A(1), VMAPI_RISCV_A(2),
		VMAPI_RISCV_A(3), VMAPI_RISCV_A(4), VMAPI_RISCV_A(5),
		VMAPI_RISCV_X(5), VMAPI_RISCV_X(6), VMAPI_RISCV_X(7) },
	.n_args = 9,
	.n_results = 9,
	.n_native = 2,
};

/* KVM's register: 1 is S, 0 is U (api.rst 4.68). */
static const struct vmi_call_abi *riscv_look(const struct vmapi_reg *state,
	uint32_t *privilege, uint32_t *mode)
{
	*privilege = state[0].value == 0;
	*mode = 64;
	return &riscv;
}

/* -- All of them -------------------------------------------------------- */

static const struct vmi_call_arch machines[] = {
	{ 62, VMAPI_CALL_VMCALL | VMAPI_CALL_VMMCALL | VMAPI_CALL_PORT |
		VMAPI_CALL_PAGE, { VMAPI_X86_CS, VMAPI_X86_SS }, x86_look },
	{ 183, VMAPI_CALL_HVC | VMAPI_CALL_PAGE, { VMAPI_ARM64_PSTATE, 0 },
		arm64_look },
	{ 21, VMAPI_CALL_SC | VMAPI_CALL_PAGE, { VMAPI_PPC_MSR, 0 }, ppc_look },
	{ 22, VMAPI_CALL_DIAG, { VMAPI_S390_PSW_MASK, 0 }, s390_look },
	{ 243, VMAPI_CALL_ECALL | VMAPI_CALL_PAGE, { VMAPI_RISCV_MODE, 0 },
		riscv_look },
};

const struct vmi_call_arch *vmi_call_arch(uint32_t machine)
{
	size_t i;

	for (i = 0; i < vmi_array_len(machines); i++)
		if (machines[i].machine == machine)
			return &machines[i];
	return NULL;
}

bool vmi_call_number(
	const struct vmi_call_abi *abi, uint64_t value, uint64_t *number)
{
	uint64_t far = (value & abi->mask) - abi->base;

	*number = far / abi->step;
	return far % abi->step == 0 && *number < VMAPI_CALL_END;
}
