/* SPDX-License-Identifier: MIT */
/*
 * Eventfds that drive interrupt lines.
 *
 * Where the kernel does it, it listens, and all that is kept is what taking
 * it back must repeat.  Elsewhere the eventfd is watched beside the chips'
 * timer, and whoever serves the VM passes on what it brought.
 */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/backend.h"
#include "lib/core/chipset.h"
#include "lib/core/irq.h"
#include "lib/core/routes.h"
#include "lib/sys/sys.h"

/* -- Without a kernel: the chipset is locked ---------------------------- */

/* An edge ends at once; a level when the guest says so. */
static void pass_on(struct vmapi_irqfd *irqfd)
{
	int ignored;

	(void)vmi_irq_drive(&irqfd->line, true, &ignored);
	if (irqfd->resample_fd < 0)
		(void)vmi_irq_drive(&irqfd->line, false, &ignored);
}

void vmi_irqfds_service(struct vmapi_vm *vm)
{
	struct vmapi_irqfd *irqfd;

	for (irqfd = vm->irqfds; irqfd; irqfd = irqfd->next)
		if (vmi_eventfd_take(irqfd->fd))
			pass_on(irqfd);
}

static bool leads_to(
	const struct vmapi_irqfd *irqfd, unsigned chip, unsigned pin)
{
	struct vmi_route_span span =
		vmi_routes_of(irqfd->line.vm, irqfd->line.pin);
	size_t i;

	for (i = 0; i < span.n; i++)
		if (span.routes[i].type == VMAPI_ROUTE_PIN &&
			span.routes[i].u.pin.chip == chip &&
			span.routes[i].u.pin.pin == pin)
			return true;
	return false;
}

/*
 * First every level goes, then everybody is told: a device that wants
 * service still raises its own again.
 */
void vmi_irq_ended(struct vmapi_vm *vm, unsigned chip, unsigned pin)
{
	struct vmapi_irqfd *irqfd;
	int ignored;

	for (irqfd = vm->irqfds; irqfd; irqfd = irqfd->next)
		if (irqfd->resample_fd >= 0 && leads_to(irqfd, chip, pin))
			(void)vmi_irq_drive(&irqfd->line, false, &ignored);
	for (irqfd = vm->irqfds; irqfd; irqfd = irqfd->next)
		if (irqfd->resample_fd >= 0 && leads_to(irqfd, chip, pin))
			vmi_eventfd_signal(irqfd->resample_fd);
}

static int listen_here(struct vmapi_irqfd *irqfd)
{
	struct vmapi_vm *vm = irqfd->line.vm;
	int err = vmi_chipset_watch(vm, irqfd->fd);

	if (err)
		return vmi_fail(err, "irqfd", "the eventfd cannot be watched");
	vmi_chipset_lock(vm);
	vmi_irq_link(&irqfd->line);
	irqfd->next = vm->irqfds;
	vm->irqfds = irqfd;
	vmi_chipset_unlock(vm);
	return 0;
}

static void listen_no_more(struct vmapi_irqfd *irqfd)
{
	struct vmapi_vm *vm = irqfd->line.vm;
	struct vmapi_irqfd **at = &vm->irqfds;

	vmi_chipset_lock(vm);
	while (*at != irqfd)
		at = &(*at)->next;
	*at = irqfd->next;
	vmi_irq_unlink(&irqfd->line);
	vmi_chipset_unlock(vm);
	vmi_chipset_unwatch(vm, irqfd->fd);
}

/* -- Making ------------------------------------------------------------- */

static int check_config(
	struct vmapi_vm *vm, const struct vmapi_irqfd_config *c)
{
	if (c->flags & ~VMAPI_IRQFD_RESAMPLE)
		return vmi_fail(-EINVAL, "irqfd", "unknown flags 0x%" PRIx32,
			c->flags & ~VMAPI_IRQFD_RESAMPLE);
	if (!c->irq)
		return vmi_null("irq");
	if (c->irq->vm != vm)
		return vmi_fail(
			-EINVAL, "irqfd", "the line belongs to another VM");
	if (!vmi_cap(vm->ctx, vm, VMAPI_CAP_IRQFD))
		return vmi_unsupported(vm->ctx);
	if (c->irq->vcpu)
		return vmi_fail(-ENOTSUP, "irqfd",
			"no eventfd drives a line of one vcpu");
	if ((c->flags & VMAPI_IRQFD_RESAMPLE) &&
		vm->config.irqchip == VMAPI_IRQCHIP_SPLIT)
		return vmi_fail(-ENOTSUP, "irqfd",
			"only a VM's own controllers see the guest's EOI");
	return 0;
}

static int dup_fds(
	struct vmapi_irqfd *irqfd, const struct vmapi_irqfd_config *c)
{
	irqfd->resample_fd = -1;
	irqfd->fd = vmi_eventfd_dup(c->fd);
	if (irqfd->fd < 0)
		return vmi_fail(irqfd->fd, "irqfd",
			"fd %" PRId32 " is not an eventfd to be had", c->fd);
	if (!(c->flags & VMAPI_IRQFD_RESAMPLE))
		return 0;
	irqfd->resample_fd = vmi_eventfd_dup(c->resample_fd);
	if (irqfd->resample_fd >= 0)
		return 0;
	vmi_sys->close(irqfd->fd);
	return vmi_fail(irqfd->resample_fd, "irqfd",
		"resample_fd %" PRId32 " is not an eventfd to be had",
		c->resample_fd);
}

static void close_fds(struct vmapi_irqfd *irqfd)
{
	if (irqfd->resample_fd >= 0)
		vmi_sys->close(irqfd->resample_fd);
	vmi_sys->close(irqfd->fd);
}

static int start(struct vmapi_irqfd *irqfd)
{
	struct vmapi_vm *vm = irqfd->line.vm;

	return vm->ctx->be->irqfd ? vm->ctx->be->irqfd(vm, irqfd, true)
				  : listen_here(irqfd);
}

int vmapi_irqfd_create(struct vmapi_vm *vm,
	const struct vmapi_irqfd_config *config, struct vmapi_irqfd **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_irqfd_config c;
	struct vmapi_irqfd *irqfd;

	if (err)
		return err;
	if (!config || !out)
		return vmi_null(config ? "irqfd" : "config");
	err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (!err)
		err = check_config(vm, &c);
	if (err)
		return err;
	irqfd = vmi_zalloc(sizeof(*irqfd));
	if (!irqfd)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	irqfd->irq = c.irq;
	irqfd->line.vm = vm;
	irqfd->line.pin = c.irq->pin;
	err = dup_fds(irqfd, &c);
	if (err)
		goto memory;
	err = start(irqfd);
	if (err)
		goto fds;
	vmi_irq_get(c.irq);
	*out = irqfd;
	return 0;
fds:
	close_fds(irqfd);
memory:
	vmi_free(irqfd);
	return err;
}

void vmapi_irqfd_destroy(struct vmapi_irqfd *irqfd)
{
	struct vmapi_vm *vm;

	if (!irqfd || vmi_enter(irqfd->line.vm->ctx, __func__))
		return;
	vm = irqfd->line.vm;
	if (vm->ctx->be->irqfd)
		(void)vm->ctx->be->irqfd(vm, irqfd, false);
	else
		listen_no_more(irqfd);
	close_fds(irqfd);
	vmi_irq_put(irqfd->irq); /* and with the last one the VM */
	vmi_free(irqfd);
}
