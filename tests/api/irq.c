/* SPDX-License-Identifier: MIT */
/* Interrupt lines, messages and service. */
#include <poll.h>

#include "tests/api/api.h"

static void without_controllers(struct machine *m)
{
	struct vmapi_irq_config c = { .size = sizeof(c), .pin = 4 };
	struct vmapi_msi msi = { .size = sizeof(msi), .address = 0xfee00000 };
	struct vmapi_irq *irq = NULL;
	int delivery;

	EQUAL(vmapi_irq_create(m->vm, &c, &irq), -ENXIO);
	EQUAL(vmapi_msi_send(m->vm, &msi, &delivery), -ENXIO);
	EQUAL(vmapi_irq_create(NULL, &c, &irq), -EINVAL);
	EQUAL(vmapi_irq_create(m->vm, NULL, &irq), -EINVAL);
	EQUAL(vmapi_irq_create(m->vm, &c, NULL), -EINVAL);
	EQUAL(vmapi_irq_set(NULL, 1, &delivery), -EINVAL);
	EQUAL(vmapi_msi_send(NULL, &msi, &delivery), -EINVAL);
	EQUAL(vmapi_msi_send(m->vm, NULL, &delivery), -EINVAL);
	vmapi_irq_destroy(NULL);
	CHECK(!irq);
}

/* A VM with all controllers in place of the case's. */
static bool with_controllers(struct machine *m, struct machine *full)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.irqchip = VMAPI_IRQCHIP_FULL };
	int64_t kinds = api_cap(m, VMAPI_CAP_IRQCHIPS);
	struct vmapi_vm *vm;

	if (kinds & 1 << VMAPI_IRQCHIP_FULL) {
		full->backend = m->backend;
		api_machine(full, &c);
		return true;
	}
	EQUAL(vmapi_vm_create(m->ctx, &c, &vm), -ENOTSUP);
	api_skip("no VMAPI_IRQCHIP_FULL");
	return false;
}

static void lines(struct machine *m)
{
	struct vmapi_irq_config c = { .size = sizeof(c), .pin = 4 };
	struct vmapi_irq *irq, *twin, *none;
	struct machine full;
	int delivery = 99;

	if (!with_controllers(m, &full))
		return;
	EQUAL(vmapi_irq_create(full.vm, &c, &irq), 0);
	EQUAL(vmapi_irq_create(full.vm, &c, &twin), 0);
	EQUAL(vmapi_irq_set(irq, 1, &delivery), 0);
	CHECK(delivery != 99);
	EQUAL(vmapi_irq_set(twin, 1, &delivery), 0);
	EQUAL(vmapi_irq_set(irq, 0, &delivery), 0);
	EQUAL(vmapi_irq_set(twin, 0, NULL), 0);
	EQUAL(vmapi_irq_set(irq, 2, NULL), -EINVAL);
	c.pin = 10000;
	EQUAL(vmapi_irq_create(full.vm, &c, &none), -ERANGE);
	vmapi_irq_destroy(twin);
	EQUAL(vmapi_vcpu_interrupt(full.vcpu, 0x20), -ENXIO);
	EQUAL(vmapi_vcpu_irq_window(full.vcpu, 1), -ENXIO);
	c.pin = 4;
	EQUAL(vmapi_vm_reset(full.vm), 0);
	/* A line may outlive every other handle of its VM. */
	api_machine_free(&full);
	EQUAL(vmapi_irq_set(irq, 1, &delivery), 0);
	vmapi_irq_destroy(irq);
}

static void line_reaches_guest(struct machine *m)
{
	/*
	 * The PIC: mov al,0x11; out 0x20,al; mov al,0x20; out 0x21,al;
	 * mov al,4; out 0x21,al; mov al,1; out 0x21,al; mov al,0xef;
	 * out 0x21,al; sti; out 0x42,al; jmp $ and the handler: out 0x43,al;
	 * hlt.  The PIC is a chip of the VM, so its ports do not exit.
	 */
	static const uint8_t code[] = { 0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20,
		0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21,
		0xb0, 0xef, 0xe6, 0x21, 0xfb, 0xe6, 0x42, 0xeb, 0xfe };
	static const uint8_t handler[] = { 0xe6, 0x43, 0xf4 };
	static const uint8_t vector[] = { 0x00, 0x18, 0x00, 0x00 };
	struct vmapi_irq_config c = { .size = sizeof(c), .pin = 4 };
	struct vmapi_irq *irq;
	struct vmapi_exit exit;
	struct machine full;
	int delivery = 0;

	if (!with_controllers(m, &full))
		return;
	api_load(&full, code, sizeof(code));
	EQUAL(vmapi_as_write(full.as, 0x1800, handler, sizeof(handler)), 0);
	EQUAL(vmapi_as_write(full.as, 4 * 0x24, vector, sizeof(vector)), 0);
	EQUAL(vmapi_irq_create(full.vm, &c, &irq), 0);
	EQUAL(api_run(&full, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x42);
	EQUAL(vmapi_irq_set(irq, 1, &delivery), 0);
	CHECK(delivery > 0);
	EQUAL(vmapi_irq_set(irq, 0, NULL), 0);
	EQUAL(api_run(&full, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x43);
	vmapi_irq_destroy(irq);
	api_machine_free(&full);
}

static void messages(struct machine *m)
{
	struct vmapi_msi msi = { .size = sizeof(msi),
		.address = 0xfee00000,
		.data = 0x40 };
	struct machine full;
	int delivery = 99;

	if (!with_controllers(m, &full))
		return;
	if (api_cap(&full, VMAPI_CAP_MSI)) {
		EQUAL(vmapi_msi_send(full.vm, &msi, &delivery), 0);
		CHECK(delivery != 99);
	}
	msi.flags = 1u << 12;
	EQUAL(vmapi_msi_send(full.vm, &msi, &delivery), -EINVAL);
	api_machine_free(&full);
}

static void service(struct machine *m)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.flags = VMAPI_VM_SERVICE_THREAD };
	struct pollfd p = { .fd = -1, .events = POLLIN };
	struct vmapi_vm *vm;

	EQUAL(vmapi_vm_pollfd(m->vm, &p.fd), 0);
	EQUAL(poll(&p, 1, 0), 0);
	EQUAL(vmapi_vm_service(m->vm), 0);
	EQUAL(vmapi_vm_create(m->ctx, &c, &vm), 0);
	EQUAL(vmapi_vm_service(vm), 0);
	vmapi_vm_destroy(vm);
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "without controllers", without_controllers },
		{ "lines", lines },
		{ "line reaches guest", line_reaches_guest },
		{ "messages", messages },
		{ "service", service },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
