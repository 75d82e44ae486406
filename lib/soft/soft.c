/* SPDX-License-Identifier: MIT */
/* The software backend: what core asks of it. */
#include "lib/soft/soft.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "lib/arch/attr.h"
#include "lib/arch/x86_state.h"
#include "lib/core/chipset.h"
#include "lib/core/cpuid.h"
#include "lib/soft/block.h"
#include "lib/soft/engine.h"
#include "lib/soft/pc.h"
#include "lib/soft/run.h"
#include "lib/soft/state.h"
#include "lib/sys/sys.h"

#define MAX_VCPUS   255
#define MAX_ENTRIES (1 << 20)
#define MAX_SPACES  64
#define TSC_HZ	    1000000000ull

/* -- Probing ------------------------------------------------------------ */

static void soft_probe(unsigned flags, struct vmapi_backend_info *info)
{
	info->status = 0;
	if (flags & VMAPI_PROBE_TRIAL)
		info->flags |= VMAPI_BACKEND_TRIED;
	snprintf(info->reason, sizeof(info->reason),
		"a software x86 processor, which needs no privilege");
}

static int soft_open(struct vmapi *ctx)
{
	(void)ctx;
	return 0;
}

static void soft_close(struct vmapi *ctx)
{
	(void)ctx;
}

/* What this backend can do: id and value; what is not here is absent. */
static const struct {
	unsigned id;
	int64_t value;
} caps[] = {
	{ VMAPI_CAP_VCPUS_MAX, MAX_VCPUS },
	{ VMAPI_CAP_VCPUS_ADVISED, 8 },
	{ VMAPI_CAP_MAP_ENTRIES, MAX_ENTRIES },
	{ VMAPI_CAP_ADDRESS_SPACES, MAX_SPACES },
	{ VMAPI_CAP_PAGE_SIZE, 4096 },
	{ VMAPI_CAP_PHYS_BITS, VMI_PHYS_BITS },
	{ VMAPI_CAP_READONLY, 1 },
	{ VMAPI_CAP_DIRTY_LOG, 1 << VMAPI_DIRTY_AUTO },
	{ VMAPI_CAP_IRQCHIPS, 1 << VMAPI_IRQCHIP_NONE |
		1 << VMAPI_IRQCHIP_SPLIT | 1 << VMAPI_IRQCHIP_FULL },
	{ VMAPI_CAP_PIT, 1 },
	{ VMAPI_CAP_MSI, 1 },
	{ VMAPI_CAP_IRQFD, 1 },
	{ VMAPI_CAP_IOEVENTFD, 1 },
	{ VMAPI_CAP_POSTED, 1 },
	{ VMAPI_CAP_GSIS, 4096 },
	{ VMAPI_CAP_XSAVE_SIZE, VMI_XSAVE_BYTES },
	{ VMAPI_CAP_ICOUNT, 1 },
	{ VMAPI_CAP_RUN_LIMIT, 1 },
	{ VMAPI_CAP_DETERMINISTIC, 1 },
	{ VMAPI_CAP_TSC_HZ, TSC_HZ },
	{ VMAPI_CAP_TSC_CONTROL, 1 },
	{ VMAPI_CAP_DEVICES, 1 << VMAPI_DEVICE_RTC | 1 << VMAPI_DEVICE_HPET |
		1 << VMAPI_DEVICE_ACPI_PM | 1 << VMAPI_DEVICE_PIT |
		1 << VMAPI_DEVICE_COUNTER },
	{ VMAPI_CAP_VM_TYPES, 1 },
	{ VMAPI_CAP_NMI, 1 },
	{ VMAPI_CAP_SMM, 1 },
	{ VMAPI_CAP_TRANSLATE, 1 },
	{ VMAPI_CAP_DEBUG, VMAPI_DEBUG_STEP | VMAPI_DEBUG_SOFTWARE |
		VMAPI_DEBUG_BLOCK_IRQ | VMAPI_DEBUG_INJECT },
	{ VMAPI_CAP_BREAKPOINTS, VMI_HOST_POINTS },
	{ VMAPI_CAP_WATCHPOINTS, VMI_HOST_POINTS },
};

static int soft_cap(struct vmapi *ctx, struct vmapi_vm *vm, unsigned id,
	struct vmapi_cap *cap)
{
	size_t i;

	(void)ctx;
	cap->value = 0;
	cap->origin = VMAPI_ORIGIN_NONE;
	for (i = 0; i < vmi_array_len(caps); i++) {
		if (caps[i].id != id)
			continue;
		cap->value = caps[i].value;
		cap->origin = VMAPI_ORIGIN_EMULATED;
	}
	if (vm && id == VMAPI_CAP_TSC_HZ)
		cap->value = (int64_t)vmi_soft_vm(vm)->tsc_hz;
	return 0;
}

/* -- Time --------------------------------------------------------------- */

uint64_t vmi_soft_clock(struct vmapi_vm *vm)
{
	return vmi_chipset_now(vm);
}

uint64_t vmi_tsc(struct vmi_cpu *c)
{
	uint64_t ns;

	vmi_turn_look(c);
	ns = vmi_soft_clock(&c->vm->vm);
	return (uint64_t)((vmi_u128)ns * c->tsc_hz / 1000000000u) +
		(uint64_t)c->tsc_offset;
}

uint64_t vmi_tsc_hz(const struct vmi_cpu *c)
{
	return c->tsc_hz;
}

void vmi_tsc_moved(struct vmi_cpu *c)
{
	vmi_chipset_lock(&c->vm->vm);
	vmi_chipset_unlock(&c->vm->vm);
	if (vmi_turn_is_late(c))
		vmi_event_raise(vmi_cpu_vcpu(c), VMI_EVENT_PROD);
}

void vmi_tsc_hz_set(struct vmi_cpu *c, uint64_t hz)
{
	uint64_t now = vmi_tsc(c);

	c->tsc_hz = hz;
	c->tsc_offset = (int64_t)((uint64_t)c->tsc_offset + now - vmi_tsc(c));
	vmi_tsc_moved(c);
}

void vmi_tsc_offset_set(struct vmi_cpu *c, const void *offset)
{
	memcpy(&c->tsc_offset, offset, sizeof(c->tsc_offset));
	vmi_tsc_moved(c);
}

bool vmi_random(struct vmi_cpu *c, uint64_t *value)
{
	if (!c->vm->turns.on)
		return vmi_sys->random(value, sizeof(*value)) ==
			(ssize_t)sizeof(*value);
	*value = vmi_turn_random(c);
	return true;
}

void vmi_soft_log(struct vmi_cpu *c, const char *format, ...)
{
	char line[200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	vmi_log(c->vm->vm.ctx, VMAPI_LOG_WARNING, "vcpu %u: %s", c->index,
		line);
}

void vmi_soft_trace_event(struct vmi_cpu *c, const struct vmi_event *event)
{
	static const char *const kinds[] = {
		[VMI_EV_EXTERNAL] = "interrupt", [VMI_EV_NMI] = "NMI",
		[VMI_EV_EXCEPTION] = "exception", [VMI_EV_INT] = "INT",
		[VMI_EV_INT3] = "INT",
	};

	if (vmi_is_traced(c->vm->vm.ctx, VMAPI_TRACE_IRQ))
		vmi_trace(c->vm->vm.ctx, VMAPI_TRACE_IRQ,
			"vcpu %u: %s %u, code %#x, at rip %#llx", c->index,
			kinds[event->kind], event->vector,
			event->has_code ? event->code : 0,
			(unsigned long long)event->return_rip);
}

void vmi_soft_trace_smm(struct vmi_cpu *c, const char *what)
{
	if (vmi_is_traced(c->vm->vm.ctx, VMAPI_TRACE_IRQ))
		vmi_trace(c->vm->vm.ctx, VMAPI_TRACE_IRQ,
			"vcpu %u: %s at rip %#llx, SMBASE %#x", c->index, what,
			(unsigned long long)c->rip, (unsigned)c->smbase);
}

/* -- VM ----------------------------------------------------------------- */

static int soft_vm_init(struct vmapi_vm *vm)
{
	struct soft_vm *s = vmi_soft_vm(vm);
	int err;

	if (vm->config.type)
		return vmi_fail(-ENOTSUP, "vm", "the only VM type is 0");
	vmi_clock_set(vm, 0);
	s->tsc_hz = vm->config.tsc_hz ? vm->config.tsc_hz : TSC_HZ;
	err = vmi_turns_init(s);
	if (!err)
		err = vmi_pc_create(s);
	if (err)
		vmi_turns_fini(s);
	return err;
}

static void soft_vm_fini(struct vmapi_vm *vm)
{
	vmi_watches_fini(vmi_soft_vm(vm));
	vmi_pc_destroy(vmi_soft_vm(vm));
	vmi_turns_fini(vmi_soft_vm(vm));
}

static int soft_vm_reset(struct vmapi_vm *vm)
{
	/* Vcpus and chips are reset by core. */
	vmi_turns_reset(vmi_soft_vm(vm));
	return 0;
}

/* -- Vcpus -------------------------------------------------------------- */

static int cpu_init(struct soft_vcpu *v)
{
	struct vmi_cpu *c = &v->cpu;
	struct vmapi_cpuid list = { 0 };
	int err;

	c->vm = vmi_soft_vm(v->vcpu.vm);
	c->tsc_hz = c->vm->tsc_hz;
	c->index = v->vcpu.index;
	c->injected = -1;
	c->cache = vmi_cache_create();
	c->tlbs = vmi_zalloc_aligned(64, VMI_TLBS * sizeof(*c->tlbs));
	c->tlb_lists = vmi_calloc(VMI_TLBS, sizeof(*c->tlb_lists));
	c->writers = vmi_calloc(VMI_WRITERS, sizeof(*c->writers));
	if (!c->cache || !c->tlbs || !c->tlb_lists || !c->writers)
		return vmi_fail(-ENOMEM, "vcpu", "no memory");
	vmi_tlb_init(c);
	c->jumps = vmi_cache_jumps(c->cache);
	c->steps = vmi_cache_steps(c->cache);
	err = vmi_vcpu_cpuid(&v->vcpu, &list);
	if (err)
		return err;
	c->cpuid = list.entries;
	c->n_cpuid = (unsigned)list.n;
	vmi_cpuid_changed(c);
	return 0;
}

static void cpu_fini(struct vmi_cpu *c)
{
	vmi_cache_destroy(c->cache);
	vmi_free(c->tlbs);
	vmi_free(c->tlb_lists);
	vmi_free(c->writers);
	vmi_free(c->cpuid);
}

static int soft_vcpu_reset(struct vmapi_vcpu *vcpu)
{
	struct soft_vcpu *v = vmi_soft_vcpu(vcpu);
	struct vmi_cpu *c = &v->cpu;

	/* A reset vcpu remembers nothing; a kick stays. */
	vmi_event_clear(c, ~VMI_EVENT_KICK);
	c->io.n = c->io.cursor = 0;
	c->io.replay = c->io.waiting = false;
	memset(v->eoi, 0, sizeof(v->eoi));
	c->irq_pending = c->window_wanted = false;
	vmi_cpu_reset(c, false);
	if (!c->vm->pc)
		c->mp_state = VMAPI_X86_MP_RUNNABLE;
	atomic_store(&v->idle, c->mp_state != VMAPI_X86_MP_RUNNABLE);
	vmi_pc_vcpu_reset(v);
	vmi_debug_forget(c);
	vmi_mode_changed(c);
	vmi_tlb_flush(c);
	return 0;
}

static int soft_vcpu_init(struct vmapi_vcpu *vcpu)
{
	struct soft_vcpu *v = vmi_soft_vcpu(vcpu);
	int r = cpu_init(v);

	if (r)
		goto out_cpu;
	v->wake = vmi_sys->eventfd(0, EFD_NONBLOCK);
	if (v->wake < 0) {
		r = vmi_fail(v->wake, "vcpu", "no descriptor for its wake-up");
		goto out_cpu;
	}
	r = vmi_pc_vcpu_add(v);
	if (r)
		goto out_wake;
	vmi_inbox_init(&v->inbox);
	soft_vcpu_reset(vcpu);
	return 0;
out_wake:
	vmi_sys->close(v->wake);
out_cpu:
	cpu_fini(&v->cpu);
	return r;
}

static void soft_vcpu_fini(struct vmapi_vcpu *vcpu)
{
	struct soft_vcpu *v = vmi_soft_vcpu(vcpu);

	vmi_turn_forget(v);
	vmi_pc_vcpu_remove(v);
	vmi_inbox_fini(&v->inbox);
	vmi_sys->close(v->wake);
	cpu_fini(&v->cpu);
}

static void soft_kick(struct vmapi_vcpu *vcpu)
{
	vmi_event_raise(vmi_soft_vcpu(vcpu), VMI_EVENT_KICK);
}

static void soft_stop(struct vmapi_vcpu *vcpu)
{
	vmi_event_raise(vmi_soft_vcpu(vcpu), VMI_EVENT_STOP);
}

static bool soft_take_kick(struct vmapi_vcpu *vcpu)
{
	struct vmi_cpu *c = &vmi_soft_vcpu(vcpu)->cpu;

	if (!(atomic_load(&c->event) & VMI_EVENT_KICK))
		return false;
	vmi_event_clear(c, VMI_EVENT_KICK);
	return true;
}

static void soft_prod(struct vmapi_vcpu *vcpu)
{
	vmi_event_raise(vmi_soft_vcpu(vcpu), VMI_EVENT_PROD);
}

static int soft_icount(struct vmapi_vcpu *vcpu, uint64_t *n)
{
	*n = vmi_soft_vcpu(vcpu)->cpu.icount;
	return 0;
}

/* -- Injection ---------------------------------------------------------- */

static int refuse_injection(const struct vmi_cpu *c)
{
	return c->vm->pc && c->vm->vm.config.irqchip != VMAPI_IRQCHIP_SPLIT ?
		vmi_fail(-ENXIO, "vcpu",
		"the VM has interrupt controllers of its own") : 0;
}

static int soft_interrupt(struct vmapi_vcpu *vcpu, unsigned vector)
{
	struct vmi_cpu *c = &vmi_soft_vcpu(vcpu)->cpu;
	int r = refuse_injection(c);

	if (r)
		return r;
	if (c->injected >= 0)
		return vmi_fail(-EEXIST, "vcpu", "vector %d is queued already",
			c->injected);
	if (c->vm->pc)
		vmi_pc_extint_ack(vmi_soft_vcpu(vcpu));
	else if (!(c->rflags & VMI_FLAG_IF) || c->shadow)
		return vmi_fail(-EAGAIN, "vcpu",
			"the guest cannot take an interrupt now: ask for a "
			"window");
	c->injected = (int)vector;
	return 0;
}

static int soft_irq_window(struct vmapi_vcpu *vcpu, bool on)
{
	struct vmi_cpu *c = &vmi_soft_vcpu(vcpu)->cpu;
	int r = refuse_injection(c);

	if (!r)
		c->window_wanted = on;
	return r;
}

static int soft_nmi(struct vmapi_vcpu *vcpu)
{
	vmi_nmi_raise(vmi_soft_vcpu(vcpu));
	return 0;
}

static int soft_smi(struct vmapi_vcpu *vcpu)
{
	vmi_event_raise(vmi_soft_vcpu(vcpu), VMI_EVENT_SMI);
	return 0;
}

/* -- Addresses ---------------------------------------------------------- */

static unsigned access_of(struct vmi_cpu *c, uint64_t gva, bool user)
{
	static const struct {
		unsigned mem, access;
	} kinds[] = {
		{ VMI_MEM_READ, VMAPI_ACCESS_READ },
		{ VMI_MEM_WRITE, VMAPI_ACCESS_WRITE },
		{ VMI_MEM_EXEC, VMAPI_ACCESS_EXEC },
	};
	unsigned allowed = user ? VMAPI_ACCESS_USER : 0;
	uint64_t gpa;
	uint32_t code;
	size_t i;

	for (i = 0; i < vmi_array_len(kinds); i++) {
		if (!vmi_walk_probe(c, gva, kinds[i].mem, user, &gpa, &code))
			allowed |= kinds[i].access;
	}
	return allowed;
}

static int soft_translate(struct vmapi_vcpu *vcpu, uint64_t gva,
	unsigned access, struct vmapi_translation *result)
{
	struct vmi_cpu *c = &vmi_soft_vcpu(vcpu)->cpu;
	bool user = access & VMAPI_ACCESS_USER;
	unsigned mem = access & VMAPI_ACCESS_WRITE ? VMI_MEM_WRITE :
		access & VMAPI_ACCESS_EXEC ? VMI_MEM_EXEC : VMI_MEM_READ;
	uint32_t code;

	if (vmi_walk_probe(c, gva, mem, user, &result->gpa, &code))
		return vmi_fail_range(-EFAULT, gva, 1,
			"linear address %#llx is not mapped for that access "
			"(page fault %#x)", (unsigned long long)gva, code);
	result->access = access_of(c, gva, user);
	return 0;
}

/* -- Debugging ---------------------------------------------------------- */

static int soft_debug(struct vmapi_vcpu *vcpu, const struct vmapi_debug *want)
{
	if (want->n_points > VMI_HOST_POINTS)
		return vmi_fail(-ENOSPC, "vcpu", "there are %u points, for "
			"both kinds together", VMI_HOST_POINTS);
	vmi_debug_set(&vmi_soft_vcpu(vcpu)->cpu, want);
	return 0;
}

/* -- Attributes --------------------------------------------------------- */

/* As KVM's: of the system, of a VM, of a vcpu. */
static const unsigned attr_owners[3] = {
	VMI_OWNER_NONE, VMI_OWNER_NONE, VMI_OWNER_X86_VCPU,
};

static int soft_attr(const struct vmi_attr_call *call)
{
	if (!call->vcpu || call->group || call->number)
		return -ENXIO;
	if (call->verb == VMI_ATTR_GET)
		memcpy(call->data, &vmi_soft_vcpu(call->vcpu)->cpu.tsc_offset,
			sizeof(int64_t));
	if (call->verb == VMI_ATTR_SET)
		vmi_tsc_offset_set(&vmi_soft_vcpu(call->vcpu)->cpu,
			call->data);
	return 0;
}

/* -- Maps --------------------------------------------------------------- */

static int soft_map_apply(struct vmapi_vm *vm, struct vmi_map_change *changes,
	size_t n)
{
	/*
	 * The views are all that it reads of the maps.  Nothing is refused
	 * half-way, so a map never breaks and the gate turns nobody away.
	 */
	return vmi_watches_change(vmi_soft_vm(vm), changes, (unsigned)n);
}

static void soft_map_changed(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *v;

	atomic_fetch_add(&vmi_soft_vm(vm)->map_generation, 1);
	pthread_mutex_lock(&vm->gate_lock);
	for (v = vm->vcpus; v; v = v->next)
		vmi_event_raise(vmi_soft_vcpu(v), VMI_EVENT_PROD);
	pthread_mutex_unlock(&vm->gate_lock);
}

/*
 * Every vcpu has to come out, between two instructions, and drops its rights
 * to write before the next: see lib/core/dirty.c.
 */
static void soft_dirty_rearm(struct vmapi_vm *vm)
{
	vmi_gate_close(vm);
	atomic_fetch_add(&vmi_soft_vm(vm)->log_generation, 1);
	vmi_gate_open(vm);
}

/* Blocks are known by the memory that they lie in, so they stay. */
static void soft_vcpu_as(struct vmapi_vcpu *vcpu)
{
	vmi_tlb_flush(&vmi_soft_vcpu(vcpu)->cpu);
}

static int soft_cpuid_supported(struct vmapi *ctx,
	struct vmapi_x86_cpuid *entries, size_t n, size_t *count)
{
	(void)ctx;
	*count = vmi_cpuid_default(entries, n);
	return 0;
}

static int soft_x86_exits(struct vmapi_vm *vm,
	const struct vmapi_x86_exits *x)
{
	struct vmi_asked *asked = &vmi_soft_vm(vm)->asked;
	uint32_t i;

	if (x->flags & ~VMAPI_X86_EXIT_TPR)
		return vmi_fail(-ENOTSUP, "vm", "flags: the software processor "
			"has neither bus locks nor a notify window");
	asked->msrs = x->msrs;
	asked->n_ranges = x->n_ranges;
	for (i = 0; i < x->n_ranges; i++)
		asked->ranges[i] = x->ranges[i];
	asked->hypercalls = x->hypercalls;
	return 0;
}

/* Before there are vcpus.  It knows both makers' instruction. */
static int soft_calls(struct vmapi_vm *vm, uint32_t wanted, uint32_t *ways)
{
	vmi_soft_vm(vm)->asked.calls = true;
	*ways |= wanted & (VMAPI_CALL_VMCALL | VMAPI_CALL_VMMCALL);
	return 0;
}

const struct vmi_backend vmi_soft_backend = {
	.name = "soft",
	.ctx_size = sizeof(struct vmapi),
	.vm_size = sizeof(struct soft_vm),
	.vcpu_size = sizeof(struct soft_vcpu),
	.probe = soft_probe,
	.open = soft_open,
	.close = soft_close,
	.cap = soft_cap,
	.vm_init = soft_vm_init,
	.vm_fini = soft_vm_fini,
	.vm_reset = soft_vm_reset,
	.vcpu_init = soft_vcpu_init,
	.vcpu_fini = soft_vcpu_fini,
	.vcpu_reset = soft_vcpu_reset,
	.vcpu_run = vmi_soft_run,
	.vcpu_complete = vmi_soft_complete,
	.vcpu_settle = vmi_soft_settle,
	.vcpu_kick = soft_kick,
	.vcpu_stop = soft_stop,
	.vcpu_take_kick = soft_take_kick,
	.vcpu_prod = soft_prod,
	.vcpu_icount = soft_icount,
	.vcpu_interrupt = soft_interrupt,
	.vcpu_irq_window = soft_irq_window,
	.vcpu_nmi = soft_nmi,
	.vcpu_smi = soft_smi,
	.vcpu_translate = soft_translate,
	.regs_arch = vmi_soft_regs_arch,
	.vcpu_debug = soft_debug,
	.block_get = vmi_soft_block_get,
	.block_set = vmi_soft_block_set,
	.block_refusal = vmi_soft_block_refusal,
	.ones_get = vmi_soft_ones_get,
	.ones_set = vmi_soft_ones_set,
	.one_list = vmi_soft_one_list,
	.attr_owners = attr_owners,
	.attr = soft_attr,
	.cpuid_supported = soft_cpuid_supported,
	.x86_exits = soft_x86_exits,
	.calls = soft_calls,
	.stats_open = vmi_soft_stats_open,
	.stats_read = vmi_soft_stats_read,
	.stats_close = vmi_soft_stats_close,
	.map_apply = soft_map_apply,
	.map_changed = soft_map_changed,
	.dirty_rearm = soft_dirty_rearm,
	.vcpu_as = soft_vcpu_as,
	.line_count = vmi_pc_line_count,
	.line_set = vmi_pc_line_set,
	.vcpu_lint = vmi_pc_lint,
	.vcpu_remote_read = vmi_pc_remote_read,
	.msi_send = vmi_pc_msi_send,
	.routes_set = vmi_pc_routes_set,
	.chip_get = vmi_pc_chip_get,
	.chip_set = vmi_pc_chip_set,
	.legacy_cut = vmi_pc_legacy_cut,
};
