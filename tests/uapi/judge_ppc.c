/* SPDX-License-Identifier: MIT */
/* ppc64's ids and places, from the kernel's headers. */
#include "tests/uapi/judge.h"

/* clang-format off */
#define NAMED(name, id) { name, KVM_REG_PPC_##id }

static const struct {
	const char *name;
	unsigned long long id;
} named[] = {
	NAMED("icp_state", ICP_STATE),
	NAMED("vp_state", VP_STATE),
	NAMED("hior", HIOR),
	NAMED("iac1", IAC1),
	NAMED("iac2", IAC2),
	NAMED("iac3", IAC3),
	NAMED("iac4", IAC4),
	NAMED("dac1", DAC1),
	NAMED("dac2", DAC2),
	NAMED("dabr", DABR),
	NAMED("dscr", DSCR),
	NAMED("purr", PURR),
	NAMED("spurr", SPURR),
	NAMED("dar", DAR),
	NAMED("dsisr", DSISR),
	NAMED("amr", AMR),
	NAMED("uamor", UAMOR),
	NAMED("mmcr0", MMCR0),
	NAMED("mmcr1", MMCR1),
	NAMED("mmcra", MMCRA),
	NAMED("mmcr2", MMCR2),
	NAMED("mmcrs", MMCRS),
	NAMED("siar", SIAR),
	NAMED("sdar", SDAR),
	NAMED("sier", SIER),
	NAMED("pmc1", PMC1),
	NAMED("pmc2", PMC2),
	NAMED("pmc3", PMC3),
	NAMED("pmc4", PMC4),
	NAMED("pmc5", PMC5),
	NAMED("pmc6", PMC6),
	NAMED("pmc7", PMC7),
	NAMED("pmc8", PMC8),
	NAMED("fpscr", FPSCR),
	NAMED("vscr", VSCR),
	NAMED("vpa_addr", VPA_ADDR),
	NAMED("vpa_slb", VPA_SLB),
	NAMED("vpa_dtl", VPA_DTL),
	NAMED("epcr", EPCR),
	NAMED("epr", EPR),
	NAMED("or_tsr", OR_TSR),
	NAMED("clear_tsr", CLEAR_TSR),
	NAMED("tcr", TCR),
	NAMED("tsr", TSR),
	NAMED("debug_inst", DEBUG_INST),
	NAMED("mas0", MAS0),
	NAMED("mas1", MAS1),
	NAMED("mas2", MAS2),
	NAMED("mas7_3", MAS7_3),
	NAMED("mas4", MAS4),
	NAMED("mas6", MAS6),
	NAMED("mmucfg", MMUCFG),
	NAMED("tlb0cfg", TLB0CFG),
	NAMED("tlb1cfg", TLB1CFG),
	NAMED("tlb2cfg", TLB2CFG),
	NAMED("tlb3cfg", TLB3CFG),
	NAMED("tlb0ps", TLB0PS),
	NAMED("tlb1ps", TLB1PS),
	NAMED("tlb2ps", TLB2PS),
	NAMED("tlb3ps", TLB3PS),
	NAMED("eptcfg", EPTCFG),
	NAMED("tb_offset", TB_OFFSET),
	NAMED("spmc1", SPMC1),
	NAMED("spmc2", SPMC2),
	NAMED("iamr", IAMR),
	NAMED("tfhar", TFHAR),
	NAMED("tfiar", TFIAR),
	NAMED("texasr", TEXASR),
	NAMED("fscr", FSCR),
	NAMED("pspb", PSPB),
	NAMED("ebbhr", EBBHR),
	NAMED("ebbrr", EBBRR),
	NAMED("bescr", BESCR),
	NAMED("tar", TAR),
	NAMED("dpdes", DPDES),
	NAMED("dawr", DAWR),
	NAMED("dawrx", DAWRX),
	NAMED("ciabr", CIABR),
	NAMED("ic", IC),
	NAMED("vtb", VTB),
	NAMED("csigr", CSIGR),
	NAMED("tacr", TACR),
	NAMED("tcscr", TCSCR),
	NAMED("pidr", PID),
	NAMED("acop", ACOP),
	NAMED("vrsave", VRSAVE),
	NAMED("lpcr", LPCR),
	NAMED("lpcr_64", LPCR_64),
	NAMED("ppr", PPR),
	NAMED("arch_compat", ARCH_COMPAT),
	NAMED("dabrx", DABRX),
	NAMED("wort", WORT),
	NAMED("sprg9", SPRG9),
	NAMED("dbsr", DBSR),
	NAMED("tidr", TIDR),
	NAMED("psscr", PSSCR),
	NAMED("dec_expiry", DEC_EXPIRY),
	NAMED("online", ONLINE),
	NAMED("ptcr", PTCR),
	NAMED("mmcr3", MMCR3),
	NAMED("sier2", SIER2),
	NAMED("sier3", SIER3),
	NAMED("dawr1", DAWR1),
	NAMED("dawrx1", DAWRX1),
	NAMED("tm_cr", TM_CR),
	NAMED("tm_lr", TM_LR),
	NAMED("tm_ctr", TM_CTR),
	NAMED("tm_fpscr", TM_FPSCR),
	NAMED("tm_amr", TM_AMR),
	NAMED("tm_ppr", TM_PPR),
	NAMED("tm_vrsave", TM_VRSAVE),
	NAMED("tm_vscr", TM_VSCR),
	NAMED("tm_dscr", TM_DSCR),
	NAMED("tm_tar", TM_TAR),
	NAMED("tm_xer", TM_XER),
};
/* clang-format on */

static void arrays(void)
{
	char name[16];
	unsigned i;

	for (i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "fpr%u", i);
		one(name, KVM_REG_PPC_FPR(i));
	}
	for (i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "vr%u", i);
		one(name, KVM_REG_PPC_VR(i));
	}
	for (i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "vsr%u", i);
		one(name, KVM_REG_PPC_VSR(i));
	}
	for (i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "tm_gpr%u", i);
		one(name, KVM_REG_PPC_TM_GPR(i));
	}
	for (i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "tm_vsr%u", i);
		one(name, KVM_REG_PPC_TM_VSR(i));
	}
}

#define SLB(member) offsetof(struct kvm_sregs, u.s.ppc64.slb[0].member)

static void places(void)
{
	char name[16];
	unsigned i;

	for (i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		place(name, offsetof(struct kvm_regs, gpr) + 8 * i, 8);
	}
	place("pc", offsetof(struct kvm_regs, pc), 8);
	place("cr", offsetof(struct kvm_regs, cr), 8);
	place("ctr", offsetof(struct kvm_regs, ctr), 8);
	place("lr", offsetof(struct kvm_regs, lr), 8);
	place("xer", offsetof(struct kvm_regs, xer), 8);
	place("msr", offsetof(struct kvm_regs, msr), 8);
	place("srr0", offsetof(struct kvm_regs, srr0), 8);
	place("srr1", offsetof(struct kvm_regs, srr1), 8);
	place("pid", offsetof(struct kvm_regs, pid), 8);
	place("sprg0", offsetof(struct kvm_regs, sprg0), 8);
	place("sprg1", offsetof(struct kvm_regs, sprg1), 8);
	place("sprg2", offsetof(struct kvm_regs, sprg2), 8);
	place("sprg3", offsetof(struct kvm_regs, sprg3), 8);
	place("sprg4", offsetof(struct kvm_regs, sprg4), 8);
	place("sprg5", offsetof(struct kvm_regs, sprg5), 8);
	place("sprg6", offsetof(struct kvm_regs, sprg6), 8);
	place("sprg7", offsetof(struct kvm_regs, sprg7), 8);
	place("pvr", offsetof(struct kvm_sregs, pvr), 4);
	place("sdr1", offsetof(struct kvm_sregs, u.s.sdr1), 8);
	for (i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "slbe%u", i);
		place(name, SLB(slbe) + 16 * i, 8);
	}
	for (i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "slbv%u", i);
		place(name, SLB(slbv) + 16 * i, 8);
	}
	place("mp_state", offsetof(struct kvm_mp_state, mp_state), 4);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		one(named[i].name, named[i].id);
	arrays();
	places();
	return 0;
}
