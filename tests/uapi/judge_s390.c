/* SPDX-License-Identifier: MIT */
/* s390x's ids and places, from the kernel's headers. */
#include "tests/uapi/judge.h"

/* Of a point of the debugger. */
static void field(const char *name, size_t offset, size_t bytes)
{
	printf("point %s %zu %zu\n", name, offset, bytes);
}

int main(void)
{
	char name[8];
	unsigned i;

	one("todpr", KVM_REG_S390_TODPR);
	one("epochdiff", KVM_REG_S390_EPOCHDIFF);
	one("cpu_timer", KVM_REG_S390_CPU_TIMER);
	one("clock_comp", KVM_REG_S390_CLOCK_COMP);
	one("pftoken", KVM_REG_S390_PFTOKEN);
	one("pfcompare", KVM_REG_S390_PFCOMPARE);
	one("pfselect", KVM_REG_S390_PFSELECT);
	one("pp", KVM_REG_S390_PP);
	one("gbea", KVM_REG_S390_GBEA);
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		place(name, offsetof(struct kvm_regs, gprs) + 8 * i, 8);
	}
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		place(name, offsetof(struct kvm_sregs, acrs) + 4 * i, 4);
	}
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		place(name, offsetof(struct kvm_sregs, crs) + 8 * i, 8);
	}
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		place(name, offsetof(struct kvm_fpu, fprs) + 8 * i, 8);
	}
	place("fpc", offsetof(struct kvm_fpu, fpc), 4);
	/* In a block that is the field of the shared area. */
	for (i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "v%u", i);
		place(name, 16 * i, sizeof(((struct kvm_sync_regs *)0)->vrs[0]));
	}
	place("psw_mask", 0, sizeof(((struct kvm_run *)0)->psw_mask));
	place("psw_address", offsetof(struct kvm_run, psw_addr) -
		offsetof(struct kvm_run, psw_mask), 8);
	place("prefix", 0, sizeof(((struct kvm_sync_regs *)0)->prefix));
	place("diag318", 0, sizeof(((struct kvm_sync_regs *)0)->diag318));
	place("riccb", 0, sizeof(((struct kvm_sync_regs *)0)->riccb));
	place("gscb", 0, sizeof(((struct kvm_sync_regs *)0)->gscb));
	place("etoken", 0, offsetof(struct kvm_sync_regs, etoken_extension) -
		offsetof(struct kvm_sync_regs, etoken) + 8);
	place("mp_state", offsetof(struct kvm_mp_state, mp_state), 4);
	field("address", offsetof(struct kvm_hw_breakpoint, addr), 8);
	field("physical", offsetof(struct kvm_hw_breakpoint, phys_addr), 8);
	field("bytes", offsetof(struct kvm_hw_breakpoint, len), 8);
	field("type", offsetof(struct kvm_hw_breakpoint, type), 1);
	printf("point is %zu\n", sizeof(struct kvm_hw_breakpoint));
	printf("point breakpoint %u\n", KVM_HW_BP);
	printf("point write %u\n", KVM_HW_WP_WRITE);
	printf("point step %u\n", KVM_SINGLESTEP);
	return 0;
}
