/* SPDX-License-Identifier: MIT */
/*
 * The smallest legal backend, for tests of core.
 *
 * Its map is as strict as a kernel's: a slot is free before it is filled and
 * full before it is emptied, and what is emptied is what was filled.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "lib/arch/attr.h"
#include "lib/arch/x86_regs.h"
#include "lib/core/chipset.h"
#include "lib/sys/sys.h"
#include "tests/unit/null.h"

struct null_knobs null_knobs;

struct null_vm {
	struct vmapi_vm vm;
	struct vmi_map_entry slots[NULL_SLOTS];
	bool used[NULL_SLOTS];
	struct null_line lines[24];
};

struct null_msr {
	uint32_t index;
	uint64_t value;
};

struct null_vcpu {
	struct vmapi_vcpu vcpu;
	atomic_uint kicked;
	atomic_uint prodded;
	atomic_bool inside; /* surely: ->place says so a moment too early */
	struct vmi_x86_gprs gprs;
	struct vmi_x86_system system;
	struct vmi_x86_debug debug;
	struct vmi_x86_xcrs xcrs;
	uint8_t xsave[NULL_XSAVE];
	struct vmapi_x86_events events;
	uint32_t mp_state;
	struct vmapi_x86_cpuid cpuid[4];
	size_t n_cpuid;
	uint64_t tsc_hz;
	struct null_msr msrs[NULL_MSRS];
};

static const uint32_t msr_indices[NULL_MSRS] = { 0x6e0, 0x10, 0xc0000081,
	0xc0000082, 0x174, 0x175, 0x176, 0x277 };

void null_reset(void)
{
	memset(&null_knobs, 0, sizeof(null_knobs));
	null_knobs.refused = VMI_BLOCKS;
}

static void null_probe(unsigned flags, struct vmapi_backend_info *info)
{
	info->status = null_knobs.probe_status;
	if (flags & VMAPI_PROBE_TRIAL)
		info->flags |= VMAPI_BACKEND_TRIED;
	if ((flags & VMAPI_PROBE_TRIAL) && null_knobs.impaired)
		info->flags |= VMAPI_BACKEND_IMPAIRED;
	snprintf(info->reason, sizeof(info->reason), "it is always there");
}

static int null_open(struct vmapi *ctx)
{
	(void)ctx;
	if (null_knobs.open_error)
		return vmi_fail(null_knobs.open_error, "context", "as told");
	null_knobs.contexts++;
	return 0;
}

static void null_close(struct vmapi *ctx)
{
	(void)ctx;
	null_knobs.contexts--;
}

static int null_cap(struct vmapi *ctx, struct vmapi_vm *vm, unsigned id,
	struct vmapi_cap *cap)
{
	(void)ctx;
	cap->origin = vm ? VMAPI_ORIGIN_VM : VMAPI_ORIGIN_KERNEL;
	switch (id) {
	case VMAPI_CAP_VCPUS_MAX: cap->value = 8; return 0;
	case VMAPI_CAP_MAP_ENTRIES: cap->value = NULL_SLOTS; return 0;
	case VMAPI_CAP_ADDRESS_SPACES: cap->value = 2; return 0;
	case VMAPI_CAP_PAGE_SIZE: cap->value = 4096; return 0;
	case VMAPI_CAP_PHYS_BITS: cap->value = 40; return 0;
	case VMAPI_CAP_READONLY: cap->value = 1; return 0;
	case VMAPI_CAP_DIRTY_LOG:
		cap->value = null_knobs.dirty_log;
		return 0;
	case VMAPI_CAP_IRQCHIPS: cap->value = 4; return 0;
	case VMAPI_CAP_DEVICES:
		cap->value = (int64_t)(0x3e | null_knobs.devices);
		return 0;
	case VMAPI_CAP_XSAVE_SIZE: cap->value = NULL_XSAVE; return 0;
	default: return -ENOENT;
	}
}

static int null_vm_init(struct vmapi_vm *vm)
{
	(void)vm;
	if (null_knobs.vm_error)
		return vmi_fail(null_knobs.vm_error, "vm", "as told");
	null_knobs.vms++;
	return 0;
}

static void null_vm_fini(struct vmapi_vm *vm)
{
	(void)vm;
	null_knobs.vms--;
}

/* -- Vcpus -------------------------------------------------------------- */

static struct null_vcpu *null_of(struct vmapi_vcpu *vcpu)
{
	return (struct null_vcpu *)vcpu;
}

static int null_vcpu_reset(struct vmapi_vcpu *vcpu)
{
	struct null_vcpu *v = null_of(vcpu);
	size_t i;

	memset(&v->gprs, 0, sizeof(v->gprs));
	v->gprs.rip = 0xfff0;
	v->gprs.rflags = 2;
	v->xcrs.xcr0 = 1;
	for (i = 0; i < NULL_MSRS; i++)
		v->msrs[i].index = msr_indices[i];
	return 0;
}

static int null_vcpu_init(struct vmapi_vcpu *vcpu)
{
	if (null_knobs.vcpu_error)
		return vmi_fail(null_knobs.vcpu_error, "vcpu", "as told");
	null_knobs.vcpus++;
	null_of(vcpu)->n_cpuid = 1;
	null_of(vcpu)->tsc_hz = 1000000000;
	return null_vcpu_reset(vcpu);
}

static void null_vcpu_fini(struct vmapi_vcpu *vcpu)
{
	(void)vcpu;
	null_knobs.vcpus--;
}

static bool stay(struct null_vcpu *v)
{
	if (!vmi_gate_enter(&v->vcpu))
		return false;
	atomic_store(&v->inside, true);
	atomic_store(&v->prodded, 0);
	while (!atomic_load(&v->kicked) && !atomic_load(&v->prodded) &&
		!atomic_load(&v->vcpu.vm->gate_closed))
		if (null_knobs.inside)
			null_knobs.inside(&v->vcpu);
		else
			sched_yield();
	atomic_store(&v->inside, false);
	vmi_gate_leave(&v->vcpu);
	return true;
}

static int null_run(
	struct vmapi_vcpu *vcpu, uint64_t limit, struct vmapi_exit *exit)
{
	struct null_vcpu *v = null_of(vcpu);

	(void)limit;
	if (null_knobs.run)
		return null_knobs.run(vcpu, exit);
	while (!atomic_exchange(&v->kicked, 0))
		if (!stay(v))
			return -EIO;
	exit->reason = VMAPI_EXIT_KICK;
	return 0;
}

static int null_complete(
	struct vmapi_vcpu *vcpu, const void *data, size_t bytes)
{
	(void)vcpu;
	(void)data;
	(void)bytes;
	return 0;
}

static int null_settle(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	if (null_knobs.settle)
		return null_knobs.settle(vcpu, exit);
	exit->reason = VMAPI_EXIT_SETTLED;
	return 0;
}

static void null_kick(struct vmapi_vcpu *vcpu)
{
	atomic_store(&null_of(vcpu)->kicked, 1);
}

static void null_prod(struct vmapi_vcpu *vcpu)
{
	atomic_store(&null_of(vcpu)->prodded, 1);
}

/* -- Registers ---------------------------------------------------------- */

struct span {
	void *data;
	size_t bytes;
};

static struct span span_of(struct null_vcpu *v, unsigned block)
{
	struct span s = { NULL, 0 };

	switch (block) {
	case VMI_BLOCK_GPRS:
		return (struct span){ &v->gprs, sizeof(v->gprs) };
	case VMI_BLOCK_SYSTEM:
		return (struct span){ &v->system, sizeof(v->system) };
	case VMI_BLOCK_DEBUG:
		return (struct span){ &v->debug, sizeof(v->debug) };
	case VMI_BLOCK_XCRS:
		return (struct span){ &v->xcrs, sizeof(v->xcrs) };
	case VMI_BLOCK_XSAVE:
		return (struct span){ v->xsave, sizeof(v->xsave) };
	case VMI_BLOCK_EVENTS:
		return (struct span){ &v->events, sizeof(v->events) };
	case VMI_BLOCK_MP_STATE:
		return (struct span){ &v->mp_state, sizeof(v->mp_state) };
	case VMI_BLOCK_CPUID:
		return (struct span){ v->cpuid,
			v->n_cpuid * sizeof(v->cpuid[0]) };
	case VMI_BLOCK_TSC_HZ:
		return (struct span){ &v->tsc_hz, sizeof(v->tsc_hz) };
	default: return s; /* no local APIC */
	}
}

static int null_block_get(struct vmapi_vcpu *vcpu, unsigned block,
	void *data, size_t *bytes)
{
	struct span s = span_of(null_of(vcpu), block);
	size_t room = *bytes;

	if (!s.data)
		return -ENOTSUP;
	*bytes = s.bytes;
	if (!data || room < s.bytes)
		return -ENOSPC;
	null_knobs.read_to = data;
	memcpy(data, s.data, s.bytes);
	return 0;
}

static void note(char letter)
{
	size_t n = strlen(null_knobs.order);

	if (n + 1 < sizeof(null_knobs.order))
		null_knobs.order[n] = letter;
}

static int null_block_set(struct vmapi_vcpu *vcpu, unsigned block,
	const void *data, size_t bytes)
{
	struct null_vcpu *v = null_of(vcpu);
	struct span s = span_of(v, block);
	const struct vmi_x86_system *system = data;

	null_knobs.block_sets[block]++;
	note("GSDXFLEMCT"[block]);
	if (block == null_knobs.refused)
		return -EINVAL;
	if (block == VMI_BLOCK_SYSTEM && system->cr4 & null_knobs.refused_cr4)
		return -EINVAL;
	if (block == VMI_BLOCK_CPUID)
		v->n_cpuid = bytes / sizeof(v->cpuid[0]);
	memcpy(s.data, data, bytes);
	return 0;
}

static size_t null_blocks_set(
	struct vmapi_vcpu *vcpu, struct vmi_block_io *io, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		io[i].status = null_block_set(
			vcpu, io[i].block, io[i].data, io[i].bytes);
		if (io[i].status)
			break;
	}
	return i;
}

static struct null_msr *msr_of(struct null_vcpu *v, uint64_t tag)
{
	size_t i;

	for (i = 0; i < NULL_MSRS; i++)
		if (VMAPI_X86_MSR(v->msrs[i].index) == tag)
			return &v->msrs[i];
	return NULL;
}

static int null_ones_get(
	struct vmapi_vcpu *vcpu, struct vmi_one *ones, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct null_msr *m = msr_of(null_of(vcpu), ones[i].tag);

		ones[i].status = m ? 0 : -ENOENT;
		if (m)
			memcpy(ones[i].data, &m->value, sizeof(m->value));
	}
	return 0;
}

/* All ones is what no MSR of this processor takes. */
static int null_ones_set(
	struct vmapi_vcpu *vcpu, struct vmi_one *ones, size_t n)
{
	uint64_t value;
	size_t i;

	for (i = 0; i < n; i++) {
		struct null_msr *m = msr_of(null_of(vcpu), ones[i].tag);
		uint32_t index = (uint32_t)ones[i].tag;

		note(index == 0x10 ? 't' : index == 0x6e0 ? 'd' : 'm');
		memcpy(&value, ones[i].data, sizeof(value));
		ones[i].status = !m ? -ENOENT
			: value == UINT64_MAX ? -EINVAL : 0;
		if (!ones[i].status)
			m->value = value;
	}
	return 0;
}

static int null_one_list(
	struct vmapi_vcpu *vcpu, uint64_t *tags, size_t n, size_t *count)
{
	size_t i;

	(void)vcpu;
	for (i = 0; i < n && i < NULL_MSRS; i++)
		tags[i] = VMAPI_X86_MSR(msr_indices[i]);
	*count = NULL_MSRS;
	return 0;
}

static const struct vmi_regs_arch *null_regs_arch(void)
{
	return &vmi_x86_regs_arch;
}

/* -- The map ------------------------------------------------------------ */

static bool is_same(
	const struct vmi_map_entry *a, const struct vmi_map_entry *b)
{
	return a->gpa == b->gpa && a->bytes == b->bytes && a->ram == b->ram &&
		a->offset == b->offset && a->flags == b->flags;
}

static bool vm_is_inside(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu;

	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next)
		if (atomic_load(&null_of(vcpu)->inside))
			return true;
	return false;
}

static int apply_one(struct null_vm *v, struct vmi_map_change *c)
{
	size_t i, slot = 0;

	for (i = 0; i < c->n_removed; i++) {
		const struct vmi_map_entry *e = &c->removed[i];

		if (!v->used[e->slot] || !is_same(e, &v->slots[e->slot]))
			return vmi_fail(-EINVAL, "vm", "no such slot");
		v->used[e->slot] = false;
	}
	for (i = 0; i < c->n_added; i++) {
		while (slot < NULL_SLOTS && v->used[slot])
			slot++;
		if (slot == NULL_SLOTS)
			return vmi_fail(-ENOSPC, "vm", "no slot");
		c->added[i].slot = (uint32_t)slot;
		v->used[slot] = true;
		v->slots[slot] = c->added[i];
	}
	for (i = 0; i < c->n_relogged; i++) {
		const struct vmi_map_entry *e = &c->relogged[i];

		if (!v->used[e->slot] ||
			(v->slots[e->slot].flags ^ e->flags) != VMAPI_MAP_LOG)
			return vmi_fail(-EINVAL, "vm", "no such slot to log");
		v->slots[e->slot].flags = e->flags;
	}
	return 0;
}

static int null_map_apply(
	struct vmapi_vm *vm, struct vmi_map_change *changes, size_t n)
{
	struct null_vm *v = (struct null_vm *)vm;
	int err = null_knobs.apply_error;
	size_t i;

	null_knobs.applies++;
	null_knobs.gate_was_closed = atomic_load(&vm->gate_closed);
	null_knobs.removed = null_knobs.added = null_knobs.relogged = 0;
	null_knobs.apply_error = 0;
	if (err)
		return vmi_fail(err, "vm", "as told");
	for (i = 0; i < n && !err; i++) {
		null_knobs.removed += changes[i].n_removed;
		null_knobs.added += changes[i].n_added;
		null_knobs.relogged += changes[i].n_relogged;
		if (changes[i].n_removed && vm_is_inside(vm))
			return vmi_fail(-EINVAL, "vm", "a vcpu is inside");
		err = apply_one(v, &changes[i]);
	}
	return err;
}

static void null_map_changed(struct vmapi_vm *vm)
{
	(void)vm;
	null_knobs.changed_calls++;
}

bool null_map_agrees(struct vmapi_vm *vm)
{
	struct null_vm *v = (struct null_vm *)vm;
	size_t i, n = 0, used = 0;
	struct vmapi_as *as;

	for (as = vm->spaces; as; as = as->next) {
		const struct vmi_view *view = as->view;
		const struct vmi_map_entry *e = vmi_view_at(view, 0);

		for (; e; e = vmi_view_next(view, e), n++)
			if (!v->used[e->slot] ||
				!is_same(e, &v->slots[e->slot]))
				return false;
	}
	for (i = 0; i < NULL_SLOTS; i++)
		used += v->used[i];
	return used == n;
}

/* -- Lines -------------------------------------------------------------- */

static int null_line_count(struct vmapi_vm *vm, unsigned *n)
{
	*n = vm->config.irqchip == VMAPI_IRQCHIP_FULL ? 24 : 0;
	return 0;
}

static int null_line_set(
	struct vmapi_vm *vm, unsigned gsi, bool level, int *delivery)
{
	struct null_line *line = &((struct null_vm *)vm)->lines[gsi];

	*delivery = level && !line->level ? 1 : VMAPI_IRQ_COALESCED;
	line->level = level;
	line->sets++;
	return 0;
}

struct null_line null_line(struct vmapi_vm *vm, unsigned gsi)
{
	struct null_line line;

	vmi_chipset_lock(vm); /* the service thread may be at it */
	line = ((struct null_vm *)vm)->lines[gsi];
	vmi_chipset_unlock(vm);
	return line;
}

static int null_vcpu_line_check(struct vmapi_vcpu *vcpu, unsigned pin)
{
	(void)vcpu;
	return pin < 2 ? 0 : vmi_fail(-ERANGE, "vcpu", "it has two lines");
}

static int null_vcpu_line(struct vmapi_vcpu *vcpu, unsigned pin, bool level)
{
	(void)vcpu;
	(void)pin;
	null_knobs.vcpu_line_sets++;
	null_knobs.vcpu_line_level = level;
	return 0;
}

/* -- Devices and attributes of a kernel --------------------------------- */

static const unsigned null_owners[3] = { VMI_OWNER_X86_SYSTEM,
	VMI_OWNER_S390_VM, VMI_OWNER_ARM64_VCPU };

static int null_device_probe(struct vmapi_vm *vm, unsigned type)
{
	(void)vm;
	return null_knobs.devices >> type & 1 ? 0 : -ENODEV;
}

static int null_device_open(struct vmapi_vm *vm, unsigned type, int *fd)
{
	(void)vm;
	(void)type;
	*fd = vmi_sys->eventfd(0, 0);
	return *fd < 0 ? vmi_fail(*fd, "vm", "no descriptor") : 0;
}

static int null_device_connect(
	struct vmapi_vcpu *vcpu, unsigned type, int fd, uint32_t server)
{
	(void)type;
	if (fd < 0 || server > 100)
		return vmi_fail(-EINVAL, vmi_vcpu_label(vcpu), "too high");
	null_knobs.connects++;
	return 0;
}

static int null_attr(const struct vmi_attr_call *call)
{
	return null_knobs.attr ? null_knobs.attr(call) : -ENXIO;
}

const struct vmi_backend null_backend = {
	.name = "null",
	.ctx_size = sizeof(struct vmapi),
	.vm_size = sizeof(struct null_vm),
	.vcpu_size = sizeof(struct null_vcpu),
	.probe = null_probe,
	.open = null_open,
	.close = null_close,
	.cap = null_cap,
	.vm_init = null_vm_init,
	.vm_fini = null_vm_fini,
	.vcpu_init = null_vcpu_init,
	.vcpu_fini = null_vcpu_fini,
	.vcpu_reset = null_vcpu_reset,
	.vcpu_run = null_run,
	.vcpu_complete = null_complete,
	.vcpu_settle = null_settle,
	.vcpu_kick = null_kick,
	.vcpu_prod = null_prod,
	.regs_arch = null_regs_arch,
	.block_get = null_block_get,
	.block_set = null_block_set,
	.blocks_set = null_blocks_set,
	.ones_get = null_ones_get,
	.ones_set = null_ones_set,
	.one_list = null_one_list,
	.map_apply = null_map_apply,
	.map_changed = null_map_changed,
	.device_probe = null_device_probe,
	.device_open = null_device_open,
	.device_connect = null_device_connect,
	.attr_owners = null_owners,
	.attr = null_attr,
	.line_count = null_line_count,
	.line_set = null_line_set,
	.vcpu_line_check = null_vcpu_line_check,
	.vcpu_line = null_vcpu_line,
};

const struct vmi_backend *const vmi_backends[] = { &null_backend, NULL };
