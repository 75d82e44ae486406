/* SPDX-License-Identifier: MIT */
/* The recording kernel as an x86 one, for counting what the library does. */
#include <string.h>

#include "bench/overhead.h"
#include "tests/kvm/fake.h"

#define N_MSRS 40

/* As of Linux 6.1, with an XSAVE area that KVM_GET_XSAVE has room for. */
static const struct fake_cap caps[] = {
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_IRQ_ROUTING, 4096 },
	{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ KVM_CAP_IRQFD, 1 },
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_XCRS, 1 },
	{ KVM_CAP_SREGS2, 1 },
};

static const struct fake_pair pairs[] = {
	{ KVM_GET_REGS, KVM_SET_REGS, sizeof(struct kvm_regs), 0 },
	{ KVM_GET_SREGS, KVM_SET_SREGS, sizeof(struct kvm_sregs), 0 },
	{ KVM_GET_SREGS2, KVM_SET_SREGS2, sizeof(struct kvm_sregs2), 0 },
	{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS,
		sizeof(struct kvm_debugregs), 0 },
	{ KVM_GET_XCRS, KVM_SET_XCRS, sizeof(struct kvm_xcrs), 0 },
	{ KVM_GET_XSAVE, KVM_SET_XSAVE, sizeof(struct kvm_xsave), 0 },
	{ KVM_GET_LAPIC, KVM_SET_LAPIC, sizeof(struct kvm_lapic_state), 0 },
	{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
		sizeof(struct kvm_vcpu_events), 0 },
	{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, sizeof(struct kvm_mp_state), 0 },
};

static int list_msrs(struct kvm_msr_list *list)
{
	uint32_t room = list->nmsrs, i;

	list->nmsrs = N_MSRS;
	for (i = 0; i < N_MSRS && i < room; i++)
		list->indices[i] = 0xc0000080u + i;
	return room < N_MSRS ? -E2BIG : 0;
}

static int list_cpuid(struct kvm_cpuid2 *list)
{
	if (list->nent < 2)
		return -E2BIG;
	list->nent = 2;
	memset(list->entries, 0, 2 * sizeof(list->entries[0]));
	list->entries[1].function = 1;
	return 0;
}

/* Every MSR is there; all that is set is taken. */
static int other(enum fake_class class, unsigned long request, void *arg)
{
	(void)class;
	switch (request) {
	case KVM_GET_MSRS:
	case KVM_SET_MSRS: return (int)((struct kvm_msrs *)arg)->nmsrs;
	case KVM_GET_MSR_INDEX_LIST: return list_msrs(arg);
	case KVM_GET_SUPPORTED_CPUID:
	case KVM_GET_CPUID2: return list_cpuid(arg);
	case KVM_GET_TSC_KHZ: return 1000000;
	default: return 0;
	}
}

static const struct fake_kernel kernel = {
	.caps = caps, .n_caps = vmi_array_len(caps),
	.pairs = pairs, .n_pairs = vmi_array_len(pairs),
	.other = other,
};

static void write_port(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.size = 1;
	run->io.count = 1;
	run->io.port = 0xe9;
	run->io.data_offset = 4096;
}

/* The recording kernel's table, and the same behind uncounted(). */
static const struct vmi_sys *recording;
static struct vmi_sys counted;
static unsigned long calls;

/*
 * callgrind stops counting while this runs: it must have its name, and not
 * end in a jump to what it calls.
 */
static int uncounted(int fd, unsigned long request, void *arg)
{
	int rc = recording->ioctl(fd, request, arg);

	calls++;
	return rc;
}

void overhead_kernel_install(void)
{
	fake_install(&kernel);
	fake.script[0] = write_port;
	fake.n_script = 1;
	recording = vmi_sys;
	counted = *recording;
	counted.ioctl = uncounted;
}

void overhead_kernel_count(void)
{
	vmi_sys = &counted;
}

void overhead_kernel_rewind(void)
{
	fake.next = 0;
	fake_forget_calls();
	calls = 0;
}

unsigned long overhead_kernel_calls(void)
{
	return calls;
}
