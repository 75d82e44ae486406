/* SPDX-License-Identifier: MIT */
/* riscv64's ids, from the kernel's headers. */
#include "tests/uapi/judge.h"

#define ID(type, size, number)                                                 \
	(KVM_REG_RISCV | KVM_REG_SIZE_##size | KVM_REG_RISCV_##type | (number))
#define CONFIG(name) ID(CONFIG, U64, KVM_REG_RISCV_CONFIG_REG(name))
#define CORE(name)   ID(CORE, U64, KVM_REG_RISCV_CORE_REG(name))
#define CSR(name)    ID(CSR, U64, KVM_REG_RISCV_CSR_REG(name))
#define TIMER(name)  ID(TIMER, U64, KVM_REG_RISCV_TIMER_REG(name))
#define ISA(name)    ID(ISA_EXT, U64, KVM_RISCV_ISA_EXT_##name)

/* What the headers of Linux 6.1 have. */
int main(void)
{
	char name[8];
	unsigned i;

	one("isa", CONFIG(isa));
	one("pc", CORE(regs.pc));
	one("ra", CORE(regs.ra));
	one("sp", CORE(regs.sp));
	one("gp", CORE(regs.gp));
	one("tp", CORE(regs.tp));
	one("t0", CORE(regs.t0));
	one("t1", CORE(regs.t1));
	one("t2", CORE(regs.t2));
	one("s0", CORE(regs.s0));
	one("s1", CORE(regs.s1));
	one("a0", CORE(regs.a0));
	one("a1", CORE(regs.a1));
	one("a2", CORE(regs.a2));
	one("a3", CORE(regs.a3));
	one("a4", CORE(regs.a4));
	one("a5", CORE(regs.a5));
	one("a6", CORE(regs.a6));
	one("a7", CORE(regs.a7));
	one("s2", CORE(regs.s2));
	one("s3", CORE(regs.s3));
	one("s4", CORE(regs.s4));
	one("s5", CORE(regs.s5));
	one("s6", CORE(regs.s6));
	one("s7", CORE(regs.s7));
	one("s8", CORE(regs.s8));
	one("s9", CORE(regs.s9));
	one("s10", CORE(regs.s10));
	one("s11", CORE(regs.s11));
	one("t3", CORE(regs.t3));
	one("t4", CORE(regs.t4));
	one("t5", CORE(regs.t5));
	one("t6", CORE(regs.t6));
	one("mode", CORE(mode));
	one("sstatus", CSR(sstatus));
	one("sie", CSR(sie));
	one("stvec", CSR(stvec));
	one("sscratch", CSR(sscratch));
	one("sepc", CSR(sepc));
	one("scause", CSR(scause));
	one("stval", CSR(stval));
	one("sip", CSR(sip));
	one("satp", CSR(satp));
	one("scounteren", CSR(scounteren));
	one("frequency", TIMER(frequency));
	one("time", TIMER(time));
	one("compare", TIMER(compare));
	one("timer_state", TIMER(state));
	for (i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		one(name, ID(FP_F, U32, KVM_REG_RISCV_FP_F_REG(f[0])) + i);
	}
	for (i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		one(name, ID(FP_D, U64, KVM_REG_RISCV_FP_D_REG(f[0])) + i);
	}
	one("f_fcsr", ID(FP_F, U32, KVM_REG_RISCV_FP_F_REG(fcsr)));
	one("d_fcsr", ID(FP_D, U32, KVM_REG_RISCV_FP_D_REG(fcsr)));
	one("isa_a", ISA(A));
	one("isa_c", ISA(C));
	one("isa_d", ISA(D));
	one("isa_f", ISA(F));
	one("isa_h", ISA(H));
	one("isa_i", ISA(I));
	one("isa_m", ISA(M));
	one("isa_svpbmt", ISA(SVPBMT));
	one("isa_sstc", ISA(SSTC));
	one("isa_svinval", ISA(SVINVAL));
	one("isa_zihintpause", ISA(ZIHINTPAUSE));
	one("isa_zicbom", ISA(ZICBOM));
	place("mp_state", offsetof(struct kvm_mp_state, mp_state), 4);
	return 0;
}
