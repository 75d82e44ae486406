/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines and messages.
 *
 * Handles of one line share it as wires share a node: the line is high while
 * one of them drives it high.  All of it happens under the chipset's lock,
 * where chips drive their outputs too.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "lib/core/backend.h"
#include "lib/core/chipset.h"
#include "lib/core/device.h"
#include "lib/core/irq.h"
#include "lib/sys/sys.h"

/* -- Driving: the chipset is locked ------------------------------------- */

void vmi_irq_link(struct vmapi_irq *irq)
{
	irq->next = irq->vm->irqs;
	irq->vm->irqs = irq;
}

static bool is_high(const struct vmapi_irq *line)
{
	const struct vmapi_irq *irq;

	for (irq = line->vm->irqs; irq; irq = irq->next)
		if (irq->pin == line->pin && irq->vcpu == line->vcpu &&
			irq->level)
			return true;
	return false;
}

static int set_line(const struct vmapi_irq *irq, bool level, int *delivery)
{
	const struct vmi_backend *be = irq->vm->ctx->be;

	if (irq->gone)
		return vmi_fail(-ENODEV, vmi_object("irq %u", irq->pin),
			"its vcpu is destroyed");
	if (!irq->vcpu)
		return be->line_set(irq->vm, irq->pin, level, delivery);
	*delivery = level;
	return be->vcpu_line(irq->vcpu, irq->pin, level);
}

/*
 * A rise of one handle while another holds the line is no edge, yet the
 * backend is asked: it knows whether the interrupt is still pending.
 */
int vmi_irq_drive(struct vmapi_irq *irq, bool level, int *delivery)
{
	bool was = irq->level;

	*delivery = VMAPI_IRQ_COALESCED;
	irq->level = level;
	if (!level && (!was || is_high(irq)))
		return 0;
	return set_line(irq, level, delivery);
}

void vmi_irq_forget(struct vmapi_vcpu *vcpu)
{
	struct vmapi_irq *irq;

	vmi_chipset_lock(vcpu->vm);
	for (irq = vcpu->vm->irqs; irq; irq = irq->next)
		if (irq->vcpu == vcpu)
			irq->gone = true;
	vmi_chipset_unlock(vcpu->vm);
}

void vmi_irq_unlink(struct vmapi_irq *irq)
{
	struct vmapi_irq **at = &irq->vm->irqs;
	int ignored;

	(void)vmi_irq_drive(irq, false, &ignored);
	while (*at != irq)
		at = &(*at)->next;
	*at = irq->next;
}

/* -- Handles ------------------------------------------------------------ */

static unsigned count_gsis(struct vmapi_vm *vm)
{
	const struct vmi_backend *be = vm->ctx->be;
	unsigned n = 0;

	if (!be->line_count || !be->line_set || be->line_count(vm, &n))
		return 0;
	return n;
}

/* Inputs of a controller are GSIs, which its kind numbers in its own way. */
static int check_device(struct vmapi_irq_config *c)
{
	unsigned first = 0, end = UINT_MAX;

	switch (c->device->type->id) {
	case VMAPI_DEVICE_VGIC_V2:
	case VMAPI_DEVICE_VGIC_V3: first = 32; end = 1020; break;
	case VMAPI_DEVICE_XICS:
	case VMAPI_DEVICE_XIVE:
	case VMAPI_DEVICE_MPIC_20:
	case VMAPI_DEVICE_MPIC_42:
	case VMAPI_DEVICE_AIA: break;
	default:
		return vmi_fail(-ENXIO, c->device->type->name,
			"it has no inputs");
	}
	if (c->pin < first || c->pin >= end)
		return vmi_fail_range(-ERANGE, c->pin, 0,
			"its inputs are from %u on, and below %u", first, end);
	c->pin -= first;
	return 0;
}

static int check_vcpu(const struct vmapi_vm *vm,
	const struct vmapi_irq_config *c)
{
	const struct vmi_backend *be = vm->ctx->be;

	if (c->vcpu->vm != vm)
		return vmi_fail(-EINVAL, "vm", "the vcpu is of another VM");
	if (!be->vcpu_line_check)
		return vmi_fail(-ENXIO, "vm", "its vcpus have no lines");
	return be->vcpu_line_check(c->vcpu, c->pin);
}

static int check_pin(struct vmapi_vm *vm, struct vmapi_irq_config *c)
{
	unsigned n = count_gsis(vm);
	int err = 0;

	if (c->device && (c->vcpu || c->device->vm != vm))
		return vmi_fail(-EINVAL, "vm",
			"the device is of another VM, or one too many");
	if (c->vcpu)
		return check_vcpu(vm, c);
	if (c->device)
		err = check_device(c);
	if (err)
		return err;
	if (!n)
		return vmi_fail(
			-ENXIO, "vm", "the VM has no interrupt controllers");
	if (c->pin >= n)
		return vmi_fail_range(-ERANGE, c->pin, 0,
			"GSI %" PRIu32 " is not below %u", c->pin, n);
	return 0;
}

int vmapi_irq_create(struct vmapi_vm *vm, const struct vmapi_irq_config *config,
	struct vmapi_irq **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_irq_config c;
	struct vmapi_irq *irq;

	if (err)
		return err;
	if (!config || !out)
		return vmi_null(config ? "irq" : "config");
	err = vmi_config_copy(&c, sizeof(c), config,
		offsetof(struct vmapi_irq_config, vcpu));
	if (!err)
		err = check_pin(vm, &c);
	if (err)
		return err;
	irq = vmi_zalloc(sizeof(*irq));
	if (!irq)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	irq->vm = vm;
	irq->pin = c.pin;
	irq->vcpu = c.vcpu;
	atomic_init(&irq->refs, 1);
	vmi_vm_get(vm);
	vmi_chipset_lock(vm);
	vmi_irq_link(irq);
	vmi_chipset_unlock(vm);
	*out = irq;
	return 0;
}

void vmi_irq_get(struct vmapi_irq *irq)
{
	atomic_fetch_add_explicit(&irq->refs, 1, memory_order_relaxed);
}

void vmi_irq_put(struct vmapi_irq *irq)
{
	struct vmapi_vm *vm = irq->vm;

	if (atomic_fetch_sub(&irq->refs, 1) != 1)
		return;
	vmi_chipset_lock(vm);
	vmi_irq_unlink(irq);
	vmi_chipset_unlock(vm);
	vmi_free(irq);
	vmi_vm_put(vm);
}

void vmapi_irq_destroy(struct vmapi_irq *irq)
{
	if (irq && !vmi_enter(irq->vm->ctx, __func__))
		vmi_irq_put(irq);
}

int vmapi_irq_set(struct vmapi_irq *irq, int level, int *delivery)
{
	int err = vmi_enter(irq ? irq->vm->ctx : NULL, __func__);
	int what = VMAPI_IRQ_COALESCED;

	if (err)
		return err;
	if (level != 0 && level != 1)
		return vmi_fail(-EINVAL, vmi_object("irq %u", irq->pin),
			"a line has level 0 or 1, not %d", level);
	vmi_chipset_lock(irq->vm);
	err = vmi_irq_drive(irq, level, &what);
	vmi_chipset_unlock(irq->vm);
	if (!err)
		vmi_trace(irq->vm->ctx, VMAPI_TRACE_IRQ,
			"line %u level %d: %d", irq->pin, level, what);
	if (!err && delivery)
		*delivery = what;
	return err;
}

/* -- Messages ----------------------------------------------------------- */

int vmapi_msi_send(
	struct vmapi_vm *vm, const struct vmapi_msi *msi, int *delivery)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	int what = VMAPI_IRQ_COALESCED;
	struct vmapi_msi m;

	if (err)
		return err;
	if (!msi)
		return vmi_null("msi");
	err = vmi_config_copy(&m, sizeof(m), msi, sizeof(m));
	if (err)
		return err;
	if (m.flags & ~VMAPI_MSI_DEVID)
		return vmi_fail(-EINVAL, "vm", "unknown flags 0x%" PRIx32,
			m.flags & ~VMAPI_MSI_DEVID);
	if (!vm->ctx->be->msi_send)
		return vmi_unsupported(vm->ctx);
	if (!count_gsis(vm))
		return vmi_fail(-ENXIO, "vm",
			"the VM has no interrupt controller");
	err = vm->ctx->be->msi_send(vm, &m, &what);
	if (!err)
		vmi_trace(vm->ctx, VMAPI_TRACE_IRQ,
			"msi address 0x%" PRIx64 " data 0x%" PRIx32 ": %d",
			m.address, m.data, what);
	if (!err && delivery)
		*delivery = what;
	return err;
}
