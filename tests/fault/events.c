/* SPDX-License-Identifier: MIT */
/* Scenarios: interrupts, eventfds, routes, devices, regions. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/fault/scenario.h"

/* -- Eventfds ----------------------------------------------------------- */

static int prepare_fds(struct world *w)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		w->fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return w->fds[2] < 0;
}

static void ring(int fd)
{
	eventfd_write(fd, 1);
}

static int use_irqfd(struct world *w, struct vmapi_irq *irq)
{
	struct vmapi_irqfd_config c = { .size = sizeof(c), .irq = irq,
		.fd = w->fds[0], .resample_fd = w->fds[1],
		.flags = VMAPI_IRQFD_RESAMPLE };
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_irqfd *irqfd = NULL;
	int err = TRY(w, vmapi_irqfd_create(w->vm, &c, &irqfd));

	HOLDS(w, !err == !!irqfd);
	ring(w->fds[0]);
	if (!err)
		err = TRY(w, vmapi_vm_service(w->vm));
	if (!err) /* and a vcpu that looks */
		err = TRY(w, vmapi_vcpu_kick(w->vcpu));
	if (!err)
		err = TRY(w, vmapi_vcpu_run(w->vcpu, &exit));
	vmapi_irqfd_destroy(irqfd);
	return err;
}

static int use_irqs(struct world *w)
{
	struct vmapi_irq_config line = { .size = sizeof(line), .pin = 10 };
	struct vmapi_msi msi = { .size = sizeof(msi), .address = 0xfee00000,
		.data = 0x41 };
	struct vmapi_irq *irq = NULL;
	int err = TRY(w, vmapi_irq_create(w->vm, &line, &irq));

	HOLDS(w, !err == !!irq);
	if (!err)
		err = TRY(w, vmapi_irq_set(irq, 1, NULL));
	if (!err)
		err = TRY(w, vmapi_irq_set(irq, 0, NULL));
	if (!err)
		err = TRY(w, vmapi_msi_send(w->vm, &msi, NULL));
	if (!err)
		err = use_irqfd(w, irq);
	vmapi_irq_destroy(irq);
	return err;
}

/* out 0x40, al; jmp to it */
static const uint8_t bell_code[] = { 0xe6, 0x40, 0xe6, 0x10, 0xeb, 0xfa };

static int prepare_bell(struct world *w)
{
	int err = prepare_fds(w);

	return err ? err : fault_code(w, bell_code, sizeof(bell_code));
}

static int use_ioeventfd(struct world *w)
{
	struct vmapi_ioeventfd_config c = { .size = sizeof(c),
		.fd = w->fds[0], .space = VMAPI_SPACE_PORT, .bytes = 1,
		.address = 0x40 };
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_ioeventfd *io = NULL;
	int err = TRY(w, vmapi_ioeventfd_create(w->vm, &c, &io));

	HOLDS(w, !err == !!io);
	if (!err)
		err = TRY(w, vmapi_vcpu_run(w->vcpu, &exit));
	if (!err)
		err = TRY(w, vmapi_vcpu_settle(w->vcpu, &exit));
	vmapi_ioeventfd_destroy(io);
	return err;
}

/* -- Routes ------------------------------------------------------------- */

static int use_routes(struct world *w)
{
	struct vmapi_route before[64], after[64];
	struct vmapi_route one = { .size = sizeof(one), .gsi = 40,
		.type = VMAPI_ROUTE_MSI };
	size_t n = 0, now = 0;
	int err;

	before[0].size = after[0].size = sizeof(one);
	one.u.msi.address = 0xfee00000;
	err = TRY(w, vmapi_routes_get(w->vm, before, 64, &n));
	if (err)
		return err;
	err = TRY(w, vmapi_routes_set(w->vm, &one, 1));
	HOLDS(w, !vmapi_routes_get(w->vm, after, 64, &now));
	HOLDS(w, now == (err ? n : 1));
	if (err)
		return err;
	err = TRY(w, vmapi_routes_set(w->vm, before, n));
	if (err)
		HOLDS(w, !vmapi_routes_set(w->vm, before, n) || err == -EIO);
	return err;
}

/* -- Devices ------------------------------------------------------------ */

static int use_device(struct world *w, unsigned type, uint32_t flags)
{
	struct vmapi_device_config c = { .size = sizeof(c), .type = type,
		.flags = flags };
	static uint8_t state[4096];
	struct vmapi_device *device = NULL;
	size_t bytes = sizeof(state);
	int err = TRY(w, vmapi_device_create(w->vm, &c, &device));

	HOLDS(w, !err == !!device);
	if (!err)
		err = TRY(w, vmapi_device_get(device, VMAPI_DEVICE_STATE_ALL,
			state, &bytes));
	if (!err)
		err = TRY(w, vmapi_device_set(device, VMAPI_DEVICE_STATE_ALL,
			state, bytes));
	if (!err)
		err = TRY(w, vmapi_device_command(device, VMAPI_DEVICE_RESET,
			NULL, 0));
	vmapi_device_destroy(device);
	return err;
}

static int use_devices(struct world *w)
{
	int err = use_device(w, VMAPI_DEVICE_RTC, 0);

	if (!err)
		err = use_device(w, VMAPI_DEVICE_ACPI_PM, 0);
	return err ? err : use_device(w, VMAPI_DEVICE_HPET, 0);
}

/* Its thread waits for reads, of which here are none. */
static int use_mirror(struct world *w)
{
	return use_device(w, VMAPI_DEVICE_HPET, VMAPI_DEVICE_MIRROR);
}

static int use_timers(struct world *w)
{
	struct vmapi_counter_config c = { .size = sizeof(c),
		.ticks = 1000, .seconds = 1, .divider = 1, .width = 32,
		.space = VMAPI_SPACE_PORT, .base = 0x300, .bytes = 4 };
	struct vmapi_device *counter = NULL;
	int err = use_device(w, VMAPI_DEVICE_PIT, 0);

	if (!err)
		err = TRY(w, vmapi_counter_create(w->vm, &c, &counter));
	HOLDS(w, !counter || !err);
	vmapi_device_destroy(counter);
	return err;
}

static int use_vfio(struct world *w)
{
	struct vmapi_device_config c = { .size = sizeof(c),
		.type = VMAPI_DEVICE_VFIO };
	struct vmapi_device *device = NULL;
	int err = TRY(w, vmapi_device_create(w->vm, &c, &device));

	HOLDS(w, !err == !!device);
	vmapi_device_destroy(device);
	return err;
}

/* -- Regions ------------------------------------------------------------ */

static int see(void *opaque, struct vmapi_access *access)
{
	(void)opaque;
	(void)access;
	return VMAPI_REGION_DONE;
}

/* An access that a region answers, then an exit. */
static int run_past(struct world *w)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	int err = TRY(w, vmapi_vcpu_run(w->vcpu, &exit));

	return err ? err : TRY(w, vmapi_vcpu_settle(w->vcpu, &exit));
}

static int use_handler(struct world *w, unsigned flags)
{
	struct vmapi_region_config c = { .size = sizeof(c), .flags = flags,
		.space = VMAPI_SPACE_PORT, .base = 0x40, .bytes = 4 };
	struct vmapi_region *region = NULL;
	int err = TRY(w, vmapi_region_handler(w->vm, &c, see, NULL, &region));

	HOLDS(w, !err == !!region);
	if (!err)
		err = run_past(w);
	if (!err)
		err = TRY(w, vmapi_region_flush(w->vm));
	vmapi_region_destroy(region);
	return err;
}

static int use_handlers(struct world *w)
{
	int err = use_handler(w, 0);

	return err ? err : use_handler(w, VMAPI_REGION_POSTED);
}

static int use_shadow(struct world *w)
{
	static const uint8_t policy[8] = { VMAPI_SHADOW_READ_ONLY };
	struct vmapi_region_config c = { .size = sizeof(c),
		.base = 0xfe000000, .bytes = 8 };
	struct vmapi_shadow shadow = { .size = sizeof(shadow), .ram = w->ram,
		.policy = policy };
	struct vmapi_region *region = NULL;
	int err = TRY(w, vmapi_region_shadow(w->vm, &c, &shadow, &region));

	HOLDS(w, !err == !!region);
	vmapi_region_destroy(region);
	return err;
}

const struct scenario fault_events[] = {
	{ "irqs", ON_ALL, BASE_MACHINE, .prepare = prepare_fds,
		.config = { .irqchip = VMAPI_IRQCHIP_FULL },
		.act = use_irqs },
	{ "ioeventfd", ON_ALL, BASE_MACHINE, .prepare = prepare_bell,
		.act = use_ioeventfd },
	{ "routes", ON_ALL, BASE_MACHINE, .act = use_routes,
		.config = { .irqchip = VMAPI_IRQCHIP_FULL } },
	{ "devices", ON_ALL, BASE_MACHINE, .act = use_devices,
		.config = { .irqchip = VMAPI_IRQCHIP_FULL,
			.flags = VMAPI_VM_PIT } },
	{ "timers", ON_ALL, BASE_MACHINE, .act = use_timers,
		.config = { .irqchip = VMAPI_IRQCHIP_FULL } },
	{ "mirror", ON_KVM, BASE_MACHINE, RACES, .act = use_mirror,
		.config = { .irqchip = VMAPI_IRQCHIP_FULL,
			.flags = VMAPI_VM_PIT } },
	{ "vfio", ON_KVM, BASE_MACHINE, .act = use_vfio },
	{ "handlers", ON_ALL, BASE_MACHINE, .prepare = prepare_bell,
		.act = use_handlers },
	{ "shadow", ON_ALL, BASE_MACHINE, .act = use_shadow },
	{ NULL, 0, BASE_NOTHING, .act = NULL },
};
