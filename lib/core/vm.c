/* SPDX-License-Identifier: MIT */
/* Virtual machines: made, reset, served, dropped. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/arch/x86_model.h"
#include "lib/core/backend.h"
#include "lib/core/bus.h"
#include "lib/core/chipset.h"
#include "lib/core/cpuid.h"
#include "lib/core/dirty.h"
#include "lib/core/posted.h"
#include "lib/core/program.h"
#include "lib/sys/sys.h"

/* -- Configuration ------------------------------------------------------ */

/* What means nothing to any backend. */
static int check_values(const struct vmapi_vm_config *c)
{
	const uint32_t known = VMAPI_VM_PIT | VMAPI_VM_SERVICE_THREAD |
		VMAPI_VM_DETERMINISTIC;
	int signal = (int)c->kick_signal;

	if (c->flags & ~known)
		return vmi_fail(-EINVAL, "vm", "unknown flags 0x%" PRIx32,
			c->flags & ~known);
	if (c->irqchip > VMAPI_IRQCHIP_FULL)
		return vmi_fail(-EINVAL, "vm", "no irqchip %" PRIu32,
			c->irqchip);
	if ((c->flags & VMAPI_VM_PIT) && c->irqchip != VMAPI_IRQCHIP_FULL)
		return vmi_fail(-EINVAL, "vm",
			"VMAPI_VM_PIT needs VMAPI_IRQCHIP_FULL");
	if (c->dirty > VMAPI_DIRTY_RING)
		return vmi_fail(-EINVAL, "vm", "no kind of dirty log %" PRIu32,
			c->dirty);
	if (c->dirty_ring & (c->dirty_ring - 1))
		return vmi_fail(-EINVAL, "vm",
			"dirty_ring %" PRIu32 " is no power of two",
			c->dirty_ring);
	if (c->kick_signal && (c->kick_signal > 1024 || signal < SIGRTMIN ||
		signal > SIGRTMAX))
		return vmi_fail(-EINVAL, "vm",
			"kick_signal %" PRIu32 " is no real-time signal",
			c->kick_signal);
	return 0;
}

static bool has_bit(struct vmapi *ctx, unsigned id, uint64_t bit)
{
	int64_t mask = vmi_cap(ctx, NULL, id);

	return bit < 63 && ((uint64_t)mask >> bit & 1);
}

/* What this backend cannot do. */
static int check_ability(struct vmapi *ctx, const struct vmapi_vm_config *c)
{
	const char *name = ctx->be->name;

	if (c->irqchip && !has_bit(ctx, VMAPI_CAP_IRQCHIPS, c->irqchip))
		return vmi_fail(-ENOTSUP, "vm",
			"irqchip: %s has no interrupt controllers of kind "
			"%" PRIu32, name, c->irqchip);
	if (c->dirty && !has_bit(ctx, VMAPI_CAP_DIRTY_LOG, c->dirty))
		return vmi_fail(-ENOTSUP, "vm",
			"dirty: %s keeps no dirty logs of kind %" PRIu32, name,
			c->dirty);
	if (c->type && !has_bit(ctx, VMAPI_CAP_VM_TYPES, c->type))
		return vmi_fail(-ENOTSUP, "vm",
			"type: %s has no VMs of type %" PRIu64, name, c->type);
	if ((c->flags & VMAPI_VM_PIT) && !vmi_cap(ctx, NULL, VMAPI_CAP_PIT))
		return vmi_fail(-ENOTSUP, "vm", "flags: %s has no PIT", name);
	if ((c->flags & VMAPI_VM_DETERMINISTIC) &&
		!vmi_cap(ctx, NULL, VMAPI_CAP_DETERMINISTIC))
		return vmi_fail(-ENOTSUP, "vm",
			"flags: %s cannot run a VM deterministically", name);
	return 0;
}

static int read_config(struct vmapi *ctx, const struct vmapi_vm_config *from,
	struct vmapi_vm_config *c)
{
	int err;

	memset(c, 0, sizeof(*c));
	c->size = sizeof(*c);
	if (!from)
		return 0;
	err = vmi_config_copy(c, sizeof(*c), from, sizeof(*c));
	if (!err)
		err = check_values(c);
	if (!err)
		err = check_ability(ctx, c);
	return err;
}

/* -- Making and dropping ------------------------------------------------ */

/* What map transactions check against. */
static int ask_limits(struct vmapi_vm *vm)
{
	int64_t align = vmi_cap(vm->ctx, vm, VMAPI_CAP_MAP_ALIGN);
	int64_t entries = vmi_cap(vm->ctx, vm, VMAPI_CAP_MAP_ENTRIES);
	int64_t bits;
	int err = vmi_cap_ask(vm->ctx, vm, VMAPI_CAP_PHYS_BITS, &bits);

	if (err)
		return err;
	vm->map_align = align > 0 ? (uint64_t)align : vmi_page_size();
	vm->phys_bits = bits > 0 ? (unsigned)bits : 64;
	if (vmi_vm_is_portable(vm) && vm->phys_bits > VMI_MODEL_PHYS_BITS)
		vm->phys_bits = VMI_MODEL_PHYS_BITS;
	vm->map_entries_max = entries > 0 ? (size_t)entries : SIZE_MAX;
	return 0;
}

static struct vmapi_vm *alloc_vm(struct vmapi *ctx)
{
	struct vmapi_vm *vm = vmi_zalloc_aligned(64, ctx->be->vm_size);

	if (!vm) {
		vmi_fail(-ENOMEM, "vm", "no memory");
		return NULL;
	}
	if (vmi_gate_init(vm)) {
		vmi_free(vm);
		return NULL;
	}
	vm->ctx = ctx;
	atomic_init(&vm->refs, 1);
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->map_lock, NULL);
	pthread_mutex_init(&vm->bus_lock, NULL);
	return vm;
}

static void free_vm(struct vmapi_vm *vm)
{
	vmapi_cpuid_destroy(vm->cpuid);
	vmi_free(atomic_load(&vm->regions));
	vmi_free(vm->calls);
	vmi_free(vm->routes);
	pthread_mutex_destroy(&vm->bus_lock);
	pthread_mutex_destroy(&vm->map_lock);
	pthread_mutex_destroy(&vm->lock);
	vmi_gate_fini(vm);
	vmi_free(vm);
}

/* The backend goes before the maps: it may still hold what they name. */
static int init_vm(struct vmapi_vm *vm)
{
	const struct vmi_backend *be = vm->ctx->be;
	int err = vmi_spaces_init(vm);

	if (err)
		return err;
	err = vmi_vm_model(vm);
	if (err)
		goto spaces;
	err = vmi_chipset_create(vm);
	if (err)
		goto spaces;
	err = be->vm_init(vm);
	if (err)
		goto chipset;
	err = ask_limits(vm);
	if (!err && vm->config.flags & VMAPI_VM_SERVICE_THREAD)
		err = vmi_chipset_start(vm);
	if (err)
		goto backend;
	return 0;

backend:
	be->vm_fini(vm);
chipset:
	vmi_chipset_destroy(vm);
spaces:
	vmi_spaces_fini(vm);
	return err;
}

int vmapi_vm_create(struct vmapi *ctx, const struct vmapi_vm_config *config,
	struct vmapi_vm **out)
{
	int err = vmi_enter(ctx, __func__);
	struct vmapi_vm_config c;
	struct vmapi_vm *vm;

	if (err)
		return err;
	if (!out)
		return vmi_null("vm");
	err = read_config(ctx, config, &c);
	if (err)
		return err;
	vm = alloc_vm(ctx);
	if (!vm)
		return vmapi_error_last()->code;
	vm->config = c;
	err = init_vm(vm);
	if (err) {
		free_vm(vm);
		return err;
	}
	vmi_context_get(ctx);
	*out = vm;
	return 0;
}

void vmi_vm_get(struct vmapi_vm *vm)
{
	atomic_fetch_add_explicit(&vm->refs, 1, memory_order_relaxed);
}

/* Everything that could hold a view is gone, so retired ones can go too. */
void vmi_vm_put(struct vmapi_vm *vm)
{
	struct vmapi *ctx = vm->ctx;

	if (atomic_fetch_sub(&vm->refs, 1) != 1)
		return;
	vmi_chipset_stop(vm);
	vmi_posted_fini(vm);
	vmi_logged_drop(vm);
	ctx->be->vm_fini(vm);
	vmi_chipset_destroy(vm);
	vmi_views_collect(vm, true);
	vmi_spaces_fini(vm);
	free_vm(vm);
	vmi_context_put(ctx);
}

void vmapi_vm_destroy(struct vmapi_vm *vm)
{
	if (vm && !vmi_enter(vm->ctx, __func__))
		vmi_vm_put(vm);
}

/* -- Reset -------------------------------------------------------------- */

int vmi_vm_claim(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu, *taken;

	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next) {
		if (!atomic_exchange(&vcpu->running, 1))
			continue;
		for (taken = vm->vcpus; taken != vcpu; taken = taken->next)
			vmi_vcpu_release(taken);
		return vmi_fail(-EBUSY, vmi_vcpu_label(vcpu), "it runs");
	}
	return 0;
}

void vmi_vm_release(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu;

	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next)
		vmi_vcpu_release(vcpu);
}

static int reset_all(struct vmapi_vm *vm)
{
	const struct vmi_backend *be = vm->ctx->be;
	struct vmapi_vcpu *vcpu;
	int err = be->vm_reset ? be->vm_reset(vm) : 0;

	vmi_chipset_reset(vm);
	vmi_programs_reset(vm);
	for (vcpu = vm->vcpus; vcpu && !err; vcpu = vcpu->next)
		err = vmi_vcpu_reset(vcpu);
	/* They ask for nothing any more that would come behind it. */
	if (!err)
		vmi_bus_reset(vm);
	return err;
}

int vmapi_vm_reset(struct vmapi_vm *vm)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	if (err)
		return err;
	vmi_posted_deliver(vm);
	pthread_mutex_lock(&vm->lock);
	err = vmi_vm_claim(vm);
	if (!err) {
		err = reset_all(vm);
		vmi_vm_release(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/* -- Service ------------------------------------------------------------ */

int vmapi_vm_pollfd(struct vmapi_vm *vm, int *fd)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!fd)
		return vmi_null("fd");
	*fd = vmi_chipset_fd(vm);
	return 0;
}

int vmapi_vm_service(struct vmapi_vm *vm)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	if (!err)
		vmi_vm_service(vm);
	return err;
}
