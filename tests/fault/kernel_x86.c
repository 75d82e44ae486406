/* SPDX-License-Identifier: MIT */
/* A kernel of x86 that says yes to everything, and gives back what it got. */
#include "tests/fault/kernel.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/kvm/fake_x86.h"

const int fault_has_kernel = 1;

static const struct fake_cap caps[] = {
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_XCRS, 1 },
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },
	{ KVM_CAP_PIT2, 1 },
	{ KVM_CAP_PIT_STATE2, 1 },
	{ KVM_CAP_IRQFD, 1 },
	{ KVM_CAP_IRQFD_RESAMPLE, 1 },
	{ KVM_CAP_IRQ_ROUTING, 4096 },
	{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ KVM_CAP_SIGNAL_MSI, 1 },
	{ KVM_CAP_READONLY_MEM, 1 },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 3 },
	{ KVM_CAP_COALESCED_MMIO, 2 },
	{ KVM_CAP_COALESCED_PIO, 1 },
	{ KVM_CAP_USER_NMI, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ KVM_CAP_X86_USER_SPACE_MSR, 7 },
	{ KVM_CAP_X86_MSR_FILTER, 1 },
	{ KVM_CAP_X86_BUS_LOCK_EXIT, 3 },
	{ KVM_CAP_EXCEPTION_PAYLOAD, 1 },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1 },
	{ KVM_CAP_TSC_CONTROL, 1 },
	{ KVM_CAP_ADJUST_CLOCK, 1 },
	{ KVM_CAP_DEVICE_CTRL, 1 },
	{ KVM_CAP_BINARY_STATS_FD, 1 },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 65536 },
};

/* -- What is kept ------------------------------------------------------- */

static const struct {
	unsigned long get;
	unsigned long set;
} kept[] = {
	{ KVM_GET_LAPIC, KVM_SET_LAPIC },
	{ KVM_GET_PIT2, KVM_SET_PIT2 },
	{ KVM_GET_CLOCK, KVM_SET_CLOCK },
	{ KVM_GET_XCRS, KVM_SET_XCRS },
};

static struct {
	unsigned char bytes[4096];
} stores[4];

static struct kvm_irqchip chips[3];

/* -- Statistics --------------------------------------------------------- */

/* api.rst 4.137: a header, an id, descriptors, values. */
static int stats_fd(void)
{
	static const char id[48] = "fault", name[48] = "exits";
	const struct kvm_stats_header head = { .name_size = sizeof(name),
		.num_desc = 1, .id_offset = sizeof(head),
		.desc_offset = sizeof(head) + sizeof(id),
		.data_offset = sizeof(head) + sizeof(id) +
			sizeof(struct kvm_stats_desc) + sizeof(name) };
	const struct kvm_stats_desc desc = { .size = 1 };
	const uint64_t value = 7;
	const struct iovec parts[] = {
		{ (void *)(uintptr_t)&head, sizeof(head) },
		{ (void *)(uintptr_t)id, sizeof(id) },
		{ (void *)(uintptr_t)&desc, sizeof(desc) },
		{ (void *)(uintptr_t)name, sizeof(name) },
		{ (void *)(uintptr_t)&value, sizeof(value) },
	};
	int fd = vmi_sys_host.memfd("stats", 0);

	if (fd >= 0 && writev(fd, parts, vmi_array_len(parts)) <= 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* -- Requests ----------------------------------------------------------- */

static bool keeps(unsigned long request, void *arg)
{
	size_t i;

	for (i = 0; i < vmi_array_len(kept); i++)
		if (request == kept[i].get || request == kept[i].set)
			break;
	if (i == vmi_array_len(kept))
		return false;
	if (request == kept[i].get)
		memcpy(arg, stores[i].bytes, _IOC_SIZE(request));
	else
		memcpy(stores[i].bytes, arg, _IOC_SIZE(request));
	return true;
}

static int move_chip(unsigned long request, struct kvm_irqchip *arg)
{
	if (arg->chip_id >= vmi_array_len(chips))
		return -EINVAL;
	if (request == KVM_SET_IRQCHIP)
		chips[arg->chip_id] = *arg;
	else
		arg->chip = chips[arg->chip_id].chip;
	return 0;
}

static int make_device(struct kvm_create_device *arg)
{
	int fd = 0;

	if (!(arg->flags & KVM_CREATE_DEVICE_TEST))
		fd = vmi_sys_host.eventfd(0, 0);
	arg->fd = (uint32_t)fd;
	return fd < 0 ? fd : 0;
}

static int other(enum fake_class class, unsigned long request, void *arg)
{
	int result;

	(void)class;
	if (keeps(request, arg))
		return 0;
	result = fake_x86_other(request, arg);
	if (result != -ENOTTY)
		return result;
	switch (request) {
	case KVM_GET_IRQCHIP:
	case KVM_SET_IRQCHIP: return move_chip(request, arg);
	case KVM_CREATE_DEVICE: return make_device(arg);
	case KVM_GET_STATS_FD: return stats_fd();
	case KVM_GET_DIRTY_LOG:
		memset(((struct kvm_dirty_log *)arg)->dirty_bitmap, 0xff, 1);
		return 0;
	default: return 0;
	}
}

static const struct fake_kernel kernel = {
	.caps = caps, .n_caps = vmi_array_len(caps),
	.pairs = fake_x86_pairs, .n_pairs = vmi_array_len(fake_x86_pairs),
	.other = other,
};

void fault_kernel_install(void)
{
	fake_install(&kernel);
	fake.attributes = 8;
}

void fault_kernel_reset(void)
{
	fake_forget_calls();
	fake.next = 0;
}
