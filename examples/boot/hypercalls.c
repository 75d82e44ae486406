/* SPDX-License-Identifier: MIT */
/* KVM's hypercalls, where the backend asks who knows them. */
/*
 * KVM answers them itself.  The software processor knows only numbers that
 * somebody asks for, and makes VMCALL and VMMCALL what KVM makes of them:
 * with none asked for they are undefined, others are -KVM_ENOSYS, and all
 * are -KVM_EPERM above privilege level 0.
 *
 * CPUID tells of none of this, as it has no leaf of a hypervisor there: a
 * Linux goes on as on a bare machine, and who calls without looking, as tests
 * made for KVM do, is answered.  So KVM_HC_KICK_CPU is unknown: whoever sees no
 * KVM_FEATURE_PV_UNHALT does not wait for it in HLT.
 *
 * Numbers, arguments and results: Linux, Documentation/virt/kvm/x86/
 * hypercalls.rst; KVM_HC_CLOCK_PAIRING has no clock to offer.
 */
#include "machine.h"

#include <errno.h>
#include <sched.h>

enum {
	HC_VAPIC_POLL_IRQ = 1,
	HC_CLOCK_PAIRING = 9,
	HC_SEND_IPI = 10,
	HC_SCHED_YIELD = 11
};

#define ENOSYS_OF_KVM	  1000
#define EINVAL_OF_KVM	  22
#define EOPNOTSUPP_OF_KVM 95

/* Of an ICR, and of an MSI's data in the same places: SDM 3A 11.6.1, 11.11. */
#define ICR_VECTOR    0x000000ffu
#define ICR_MODE      0x00000700u
#define ICR_LOGICAL   0x00000800u
#define ICR_LEVEL     0x0000c000u
#define ICR_SHORTHAND 0x000c0000u

#define MSI_BASE    UINT64_C(0xfee00000)
#define ID_LAST	    254 /* 255 are all */

int hypercalls_create(struct machine *m)
{
	const struct vmapi_x86_exits exits = {
		.size = sizeof(exits),
		.hypercalls = UINT64_C(1) << HC_VAPIC_POLL_IRQ |
			UINT64_C(1) << HC_CLOCK_PAIRING |
			UINT64_C(1) << HC_SEND_IPI |
			UINT64_C(1) << HC_SCHED_YIELD
	};
	int err = vmapi_x86_exits(m->vm, &exits);

	/* KVM gives none of them away. */
	return err == 0 || err == -ENOTSUP ? 0 : complain("hypercalls");
}

/* *count goes up if it has got there, or meets one that is pending. */
static int interrupt(struct machine *m, uint64_t id, uint32_t icr,
	int64_t *count)
{
	const struct vmapi_msi msi = {
		.size = sizeof(msi),
		.address = MSI_BASE | id << 12,
		.data = icr & (ICR_VECTOR | ICR_MODE | ICR_LEVEL)
	};
	int delivery;
	int err = vmapi_msi_send(m->vm, &msi, &delivery);

	if (err == 0 && delivery != VMAPI_IRQ_MASKED)
		(*count)++;
	return err;
}

/*
 * Two bitmaps, as long as the mode is wide, of identifiers from args[2] on;
 * args[3] is the ICR.  The number of those that got it.
 */
static int send_ipi(struct machine *m,
	const struct vmapi_exit_hypercall *call, int64_t *result)
{
	unsigned width = call->mode == 64 ? 64 : 32, i;
	uint32_t first = (uint32_t)call->args[2];
	uint32_t icr = (uint32_t)call->args[3];
	int err = 0;

	*result = -EINVAL_OF_KVM;
	if ((icr & (ICR_LOGICAL | ICR_SHORTHAND)) != 0)
		return 0;
	*result = 0;
	for (i = 0; i < 2 * width && err == 0; i++) {
		uint64_t id = (uint64_t)(uint32_t)(first + i / width * width) +
			i % width;

		if ((call->args[i / width] >> i % width & 1) != 0 &&
			id <= ID_LAST)
			err = interrupt(m, id, icr, result);
	}
	return err;
}

int hypercalls_answer(struct machine *m,
	const struct vmapi_exit_hypercall *call, uint64_t *result)
{
	int64_t value = -ENOSYS_OF_KVM;
	int err = 0;

	switch (call->number) {
	case HC_VAPIC_POLL_IRQ: value = 0; break;
	case HC_CLOCK_PAIRING: value = -EOPNOTSUPP_OF_KVM; break;
	case HC_SEND_IPI: err = send_ipi(m, call, &value); break;
	case HC_SCHED_YIELD:
		sched_yield();
		value = 0;
		break;
	default: break;
	}
	*result = (uint64_t)value;
	return err;
}
