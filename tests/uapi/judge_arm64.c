/* SPDX-License-Identifier: MIT */
/* arm64's ids, from the kernel's headers and from the assembler. */
/*
 * The library's table gives names only.  A system register's encoding is read
 * out of the instruction that the assembler makes of its name, which knows
 * nothing of this library; everything else comes from <asm/kvm.h>.
 */
#include <stdint.h>

#include "tests/uapi/judge.h"

/* clang-format off */
#define VMI_REG(name, tag, block, offset, bytes, attributes)
#define VMI_ONE(name, tag, attributes)
#define VMI_SYSREG(name, op0, op1, crn, crm, op2, attributes)                  \
	"mrs x0, " name "\n"
__asm__(".arch armv9-a+sve2+memtag+sme+rng+profile\n"
	".section .rodata\n.balign 4\nreads:\n"
#include "lib/arch/arm64_regs.def"
	".text\n");
#undef VMI_SYSREG
#define VMI_SYSREG(name, op0, op1, crn, crm, op2, attributes) name,
static const char *const names[] = {
#include "lib/arch/arm64_regs.def"
};
/* clang-format on */

extern const uint32_t reads[];

static void system_registers(void)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint32_t insn = reads[i];

		one(names[i], ARM64_SYS_REG(2 + (insn >> 19 & 1ull),
			insn >> 16 & 7ull, insn >> 12 & 15ull,
			insn >> 8 & 15ull, insn >> 5 & 7ull));
	}
}

#define CORE(size, member)                                                     \
	(KVM_REG_ARM64 | KVM_REG_SIZE_##size | KVM_REG_ARM_CORE |              \
		KVM_REG_ARM_CORE_REG(member))

static void core(void)
{
	char name[8];
	unsigned i;

	for (i = 0; i < 31; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		one(name, CORE(U64, regs.regs[0]) + 2 * i);
	}
	one("sp", CORE(U64, regs.sp));
	one("pc", CORE(U64, regs.pc));
	one("pstate", CORE(U64, regs.pstate));
	one("sp_el1", CORE(U64, sp_el1));
	one("elr_el1", CORE(U64, elr_el1));
	one("spsr_el1", CORE(U64, spsr[KVM_SPSR_EL1]));
	one("spsr_abt", CORE(U64, spsr[KVM_SPSR_ABT]));
	one("spsr_und", CORE(U64, spsr[KVM_SPSR_UND]));
	one("spsr_irq", CORE(U64, spsr[KVM_SPSR_IRQ]));
	one("spsr_fiq", CORE(U64, spsr[KVM_SPSR_FIQ]));
	for (i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "v%u", i);
		one(name, CORE(U128, fp_regs.vregs[0]) + 4 * i);
	}
	one("fpsr", CORE(U32, fp_regs.fpsr));
	one("fpcr", CORE(U32, fp_regs.fpcr));
}

static void rest(void)
{
	char name[8];
	unsigned i;

	one("cntv_ctl_el0", KVM_REG_ARM_TIMER_CTL);
	one("cntv_cval_el0", KVM_REG_ARM_TIMER_CVAL);
	one("cntvct_el0", KVM_REG_ARM_TIMER_CNT);
	one("cntp_ctl_el0", KVM_REG_ARM_PTIMER_CTL);
	one("cntp_cval_el0", KVM_REG_ARM_PTIMER_CVAL);
	one("cntpct_el0", KVM_REG_ARM_PTIMER_CNT);
	one("psci_version", KVM_REG_ARM_PSCI_VERSION);
	one("workaround_1", KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1);
	one("workaround_2", KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2);
	one("workaround_3", KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3);
	one("std_calls", KVM_REG_ARM_STD_BMAP);
	one("std_hyp_calls", KVM_REG_ARM_STD_HYP_BMAP);
	one("vendor_hyp_calls", KVM_REG_ARM_VENDOR_HYP_BMAP);
	for (i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "z%u", i);
		one(name, KVM_REG_ARM64_SVE_ZREG(i, 0));
	}
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		one(name, KVM_REG_ARM64_SVE_PREG(i, 0));
	}
	one("ffr", KVM_REG_ARM64_SVE_FFR(0));
	one("sve_vls", KVM_REG_ARM64_SVE_VLS);
	place("serror_pending",
		offsetof(struct kvm_vcpu_events, exception.serror_pending), 1);
	place("serror_has_esr",
		offsetof(struct kvm_vcpu_events, exception.serror_has_esr), 1);
	place("dabt_pending",
		offsetof(struct kvm_vcpu_events, exception.ext_dabt_pending),
		1);
	place("serror_esr",
		offsetof(struct kvm_vcpu_events, exception.serror_esr), 8);
	place("mp_state", offsetof(struct kvm_mp_state, mp_state), 4);
}

int main(void)
{
	core();
	system_registers();
	rest();
	return 0;
}
