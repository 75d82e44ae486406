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

/* What is wrong is said first, then that there is no such thing here. */
static void memory_of_s390(struct machine *m)
{
	uint8_t keys[2] = { 0, 0x10 };
	uint64_t word = 0;
	uint32_t met = 0, in_use;
	struct vmapi_s390_mem mem = { .size = sizeof(mem), .bytes = 8,
		.data = &word };

	EQUAL(vmapi_s390_keys_get(NULL, 0, keys, 2, NULL), -EINVAL);
	EQUAL(vmapi_s390_keys_get(m->vm, 0, NULL, 2, NULL), -EINVAL);
	EQUAL(vmapi_s390_keys_get(m->vm, 1, keys, 2, &in_use), -EINVAL);
	EQUAL(vmapi_s390_keys_get(m->vm, 0, keys, 0, &in_use), -EINVAL);
	EQUAL(vmapi_s390_keys_get(m->vm, 0, keys, 2, &in_use), -ENOTSUP);
	EQUAL(vmapi_s390_keys_set(m->vm, 4096, keys, 2), -ENOTSUP);
	keys[1] = 1;
	EQUAL(vmapi_s390_keys_set(m->vm, 4096, keys, 2), -EINVAL);
	EQUAL(vmapi_s390_mem(m->vm, NULL, &mem, NULL), -EINVAL);
	EQUAL(vmapi_s390_mem(m->vm, NULL, NULL, &met), -EINVAL);
	EQUAL(vmapi_s390_mem(m->vm, NULL, &mem, &met), -ENOTSUP);
	EQUAL(vmapi_s390_mem(m->vm, m->vcpu, &mem, &met), -ENOTSUP);
	mem.flags = VMAPI_S390_MEM_INJECT; /* into whom? */
	EQUAL(vmapi_s390_mem(m->vm, NULL, &mem, &met), -EINVAL);
	mem.flags = VMAPI_S390_MEM_EXCHANGE; /* a read */
	EQUAL(vmapi_s390_mem(m->vm, NULL, &mem, &met), -EINVAL);
	mem.flags = VMAPI_S390_MEM_SIDA;
	EQUAL(vmapi_s390_mem(m->vm, m->vcpu, &mem, &met), -ENOTSUP);
	mem.flags = 1u << 9;
	EQUAL(vmapi_s390_mem(m->vm, NULL, &mem, &met), -EINVAL);
	mem.flags = 0;
	mem.key = 16;
	EQUAL(vmapi_s390_mem(m->vm, NULL, &mem, &met), -EINVAL);
	mem.key = 0;
	mem.access_register = 1;
	EQUAL(vmapi_s390_mem(m->vm, NULL, &mem, &met), -EINVAL);
	mem.access_register = 0;
	mem.data = NULL;
	EQUAL(vmapi_s390_mem(m->vm, NULL, &mem, &met), -EINVAL);
	mem.data = &word;
	mem.bytes = 0;
	EQUAL(vmapi_s390_mem(m->vm, NULL, &mem, &met), -EINVAL);
	EQUAL(met, 0);
}

/* What x86 has not: lines of one vcpu, and interrupts that are messages. */
static void other_kinds(struct machine *m)
{
	struct vmapi_irq_config c = { .size = sizeof(c), .pin = 27 };
	struct vmapi_s390_irq message = { .size = sizeof(message),
		.type = VMAPI_S390_RESTART };
	struct vmapi_device_config rtc = { .size = sizeof(rtc),
		.type = VMAPI_DEVICE_RTC };
	struct vmapi_irq *irq;
	struct machine full;

	EQUAL(vmapi_s390_inject(NULL, NULL, &message), -EINVAL);
	EQUAL(vmapi_s390_inject(m->vm, NULL, NULL), -EINVAL);
	EQUAL(vmapi_s390_inject(m->vm, m->vcpu, &message), -ENOTSUP);
	memory_of_s390(m);
	c.vcpu = m->vcpu;
	EQUAL(vmapi_irq_create(m->vm, &c, &irq), -ENXIO);
	if (!with_controllers(m, &full))
		return;
	EQUAL(vmapi_irq_create(full.vm, &c, &irq), -EINVAL); /* not its own */
	EQUAL(vmapi_s390_inject(full.vm, m->vcpu, &message), -EINVAL);
	c.vcpu = full.vcpu;
	EQUAL(vmapi_irq_create(full.vm, &c, &irq), -ENXIO);
	c.vcpu = NULL;
	EQUAL(vmapi_device_create(full.vm, &rtc, &c.device), 0);
	EQUAL(vmapi_irq_create(full.vm, &c, &irq), -ENXIO);
	EQUAL(vmapi_irq_create(m->vm, &c, &irq), -EINVAL);
	EQUAL(vmapi_device_connect(c.device, full.vcpu, 0), -ENOTSUP);
	EQUAL(vmapi_device_connect(c.device, m->vcpu, 0), -EINVAL);
	EQUAL(vmapi_device_connect(c.device, NULL, 0), -EINVAL);
	EQUAL(vmapi_device_connect(NULL, full.vcpu, 0), -EINVAL);
	vmapi_device_destroy(c.device);
	api_machine_free(&full);
}

/* -- Routes ------------------------------------------------------------- */

static struct vmapi_route to_pin(unsigned gsi, unsigned chip, unsigned pin)
{
	struct vmapi_route r = { .size = sizeof(r),
		.gsi = gsi,
		.type = VMAPI_ROUTE_PIN };

	r.u.pin.chip = chip;
	r.u.pin.pin = pin;
	return r;
}

static struct vmapi_route to_msi(unsigned gsi, unsigned data)
{
	struct vmapi_route r = { .size = sizeof(r),
		.gsi = gsi,
		.type = VMAPI_ROUTE_MSI };

	r.u.msi.address = 0xfee00000;
	r.u.msi.data = data;
	return r;
}

/* Raise a GSI for a moment; what became of it. */
static int pulse(struct vmapi_vm *vm, unsigned gsi)
{
	struct vmapi_irq_config c = { .size = sizeof(c), .pin = gsi };
	struct vmapi_irq *irq;
	int delivery = 99;

	EQUAL(vmapi_irq_create(vm, &c, &irq), 0);
	EQUAL(vmapi_irq_set(irq, 1, &delivery), 0);
	EQUAL(vmapi_irq_set(irq, 0, NULL), 0);
	vmapi_irq_destroy(irq);
	return delivery;
}

static void route_refusals(struct machine *m)
{
	struct vmapi_route r = to_pin(5, VMAPI_X86_PIC_MASTER, 5), two[2];
	struct machine full;
	size_t n = 99;

	EQUAL(vmapi_routes_set(m->vm, &r, 1), -ENXIO);
	EQUAL(vmapi_routes_get(m->vm, NULL, 0, &n), 0);
	EQUAL((int64_t)n, 0);
	if (!with_controllers(m, &full))
		return;
	EQUAL(vmapi_routes_set(NULL, &r, 1), -EINVAL);
	EQUAL(vmapi_routes_set(full.vm, NULL, 1), -EINVAL);
	EQUAL(vmapi_routes_get(full.vm, &r, 1, NULL), -EINVAL);
	EQUAL(vmapi_routes_get(NULL, &r, 1, &n), -EINVAL);
	r.gsi = (unsigned)api_cap(&full, VMAPI_CAP_GSIS);
	EQUAL(vmapi_routes_set(full.vm, &r, 1), -ERANGE);
	r = to_pin(5, VMAPI_X86_PIC_MASTER, 8);
	EQUAL(vmapi_routes_set(full.vm, &r, 1), -EINVAL);
	r = to_pin(5, 3, 0);
	EQUAL(vmapi_routes_set(full.vm, &r, 1), -EINVAL);
	r.type = 77;
	EQUAL(vmapi_routes_set(full.vm, &r, 1), -EINVAL);
	r = to_msi(5, 0x30);
	r.flags = 1u << 5;
	EQUAL(vmapi_routes_set(full.vm, &r, 1), -EINVAL);
	two[0] = to_msi(5, 0x30);
	two[1] = to_pin(5, VMAPI_X86_IOAPIC, 5);
	EQUAL(vmapi_routes_set(full.vm, two, 2), -EINVAL);
	two[0] = two[1];
	EQUAL(vmapi_routes_set(full.vm, two, 2), -EINVAL);
	r.type = VMAPI_ROUTE_ADAPTER;
	r.flags = 0;
	EQUAL(vmapi_routes_set(full.vm, &r, 1), -ENOTSUP);
	/* Nothing of it was done. */
	EQUAL(vmapi_routes_get(full.vm, NULL, 0, &n), 0);
	EQUAL((int64_t)n, 38);
	api_machine_free(&full);
}

static void pc_routes(struct machine *m)
{
	struct vmapi_route routes[64];
	struct machine full;
	size_t n = 0, i;

	if (!with_controllers(m, &full))
		return;
	memset(routes, 0, sizeof(routes));
	routes[0].size = sizeof(routes[0]);
	EQUAL(vmapi_routes_get(full.vm, routes, 64, &n), 0);
	EQUAL((int64_t)n, 38);
	EQUAL(routes[0].gsi, 0);
	EQUAL(routes[1].gsi, 0);
	EQUAL(routes[1].u.pin.chip, VMAPI_X86_IOAPIC);
	EQUAL(routes[1].u.pin.pin, 2);
	for (i = 1; i < n; i++)
		CHECK(routes[i].gsi >= routes[i - 1].gsi);
	EQUAL(routes[n - 1].gsi, 23);
	/* As they were got, they can be set. */
	EQUAL(vmapi_routes_set(full.vm, routes, n), 0);
	/* And none: then every line is masked. */
	EQUAL(vmapi_routes_set(full.vm, NULL, 0), 0);
	EQUAL(pulse(full.vm, 4), VMAPI_IRQ_MASKED);
	api_machine_free(&full);
}

/* GSI 200 is led to where IRQ 4 was. */
static void another_number(struct machine *m)
{
	static const uint8_t code[] = { 0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20,
		0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21,
		0xb0, 0xef, 0xe6, 0x21, 0xfb, 0xe6, 0x42, 0xeb, 0xfe };
	static const uint8_t handler[] = { 0xe6, 0x43, 0xf4 };
	static const uint8_t vector[] = { 0x00, 0x18, 0x00, 0x00 };
	struct vmapi_route r = to_pin(200, VMAPI_X86_PIC_MASTER, 4);
	struct vmapi_exit exit;
	struct machine full;

	if (!with_controllers(m, &full))
		return;
	EQUAL(vmapi_routes_set(full.vm, &r, 1), 0);
	api_load(&full, code, sizeof(code));
	EQUAL(vmapi_as_write(full.as, 0x1800, handler, sizeof(handler)), 0);
	EQUAL(vmapi_as_write(full.as, 4 * 0x24, vector, sizeof(vector)), 0);
	EQUAL(api_run(&full, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x42);
	EQUAL(pulse(full.vm, 4), VMAPI_IRQ_MASKED);
	CHECK(pulse(full.vm, 200) > 0);
	EQUAL(api_run(&full, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x43);
	api_machine_free(&full);
}

/* -- Split: the application has the IOAPIC ------------------------------ */

static bool with_split(struct machine *m, struct machine *split)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.irqchip = VMAPI_IRQCHIP_SPLIT };

	split->backend = m->backend;
	if (!(api_cap(m, VMAPI_CAP_IRQCHIPS) & 1 << VMAPI_IRQCHIP_SPLIT)) {
		api_skip("no VMAPI_IRQCHIP_SPLIT");
		return false;
	}
	api_machine(split, &c);
	return true;
}

/*
 * sti; out 0x42,al; jmp $ and the handler of 0x41: out 0x43,al;
 * mov [0xb0],eax; mov bl,7; out 0x44,al; iret.  DS is the local APIC's page.
 */
static void load_split(struct machine *m)
{
	static const uint8_t code[] = { 0xfb, 0xe6, 0x42, 0xeb, 0xfe };
	static const uint8_t handler[] = { 0xe6, 0x43, 0x66, 0xa3, 0xb0, 0x00,
		0xb3, 0x07, 0xe6, 0x44, 0xcf };
	static const uint8_t vector[] = { 0x00, 0x18, 0x00, 0x00 };
	struct vmapi_x86_segment apic = { .base = 0xfee00000,
		.limit = 0xffff,
		.attributes = 0x93 };
	struct vmapi_reg ds = { .tag = VMAPI_X86_SEGMENT(3),
		.data = &apic,
		.bytes = sizeof(apic) };
	uint8_t page[1024];
	struct vmapi_reg lapic = { .tag = VMAPI_X86_LAPIC,
		.data = page,
		.bytes = sizeof(page) };

	api_load(m, code, sizeof(code));
	EQUAL(vmapi_as_write(m->as, 0x1800, handler, sizeof(handler)), 0);
	EQUAL(vmapi_as_write(m->as, 4 * 0x41, vector, sizeof(vector)), 0);
	EQUAL(vmapi_regs_set(m->vcpu, &ds, 1, NULL, 0), 0);
	EQUAL(vmapi_regs_get(m->vcpu, &lapic, 1, NULL, 0), 0);
	page[0xf1] |= 1; /* the spurious vector register: on */
	EQUAL(vmapi_regs_set(m->vcpu, &lapic, 1, NULL, 0), 0);
}

static void run_to_port(struct machine *m, unsigned port)
{
	struct vmapi_exit exit;

	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, port);
}

static void split_edge(struct machine *m)
{
	struct vmapi_route r = to_pin(4, VMAPI_X86_IOAPIC, 4);
	struct machine split;

	if (!with_split(m, &split))
		return;
	EQUAL(vmapi_routes_set(split.vm, &r, 1), -ENXIO);
	r = to_msi(4, 0x41);
	EQUAL(vmapi_routes_set(split.vm, &r, 1), 0);
	load_split(&split);
	run_to_port(&split, 0x42);
	EQUAL(pulse(split.vm, 4), 1);
	run_to_port(&split, 0x43);
	run_to_port(&split, 0x44); /* the end of an edge is nobody's */
	EQUAL(pulse(split.vm, 5), VMAPI_IRQ_MASKED);
	api_machine_free(&split);
}

/* By level: the EOI is an exit, before the guest goes on. */
static void split_level(struct machine *m)
{
	struct vmapi_msi msi = { .size = sizeof(msi),
		.address = 0xfee00000,
		.data = 0xc041 };
	struct vmapi_route r = to_msi(4, 0xc041);
	int delivery = 99;
	struct vmapi_exit exit;
	struct machine split;
	unsigned turn;

	if (!with_split(m, &split))
		return;
	EQUAL(vmapi_routes_set(split.vm, &r, 1), 0);
	load_split(&split);
	run_to_port(&split, 0x42);
	for (turn = 0; turn < 2; turn++) {
		EQUAL(pulse(split.vm, 4), 1);
		run_to_port(&split, 0x43);
		api_set(split.vcpu, VMAPI_X86_RBX, 0);
		EQUAL(api_run(&split, &exit), VMAPI_EXIT_EOI);
		EQUAL((int64_t)exit.u.eoi.vector, 0x41);
		EQUAL((int64_t)api_get(split.vcpu, VMAPI_X86_RBX), 0);
		run_to_port(&split, 0x44);
		EQUAL((int64_t)api_get(split.vcpu, VMAPI_X86_RBX), 7);
	}
	/* With no such route any more, nobody asks. */
	EQUAL(vmapi_routes_set(split.vm, NULL, 0), 0);
	EQUAL(vmapi_msi_send(split.vm, &msi, &delivery), 0);
	EQUAL(delivery, 1);
	run_to_port(&split, 0x43);
	run_to_port(&split, 0x44);
	api_machine_free(&split);
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
	static const struct api_case bare[] = {
		{ "without controllers", without_controllers },
	};
	static const struct api_case guests[] = {
		{ "lines", lines },
		{ "line reaches guest", line_reaches_guest },
		{ "messages", messages },
		{ "other kinds", other_kinds },
		{ "route refusals", route_refusals },
		{ "routes of a PC", pc_routes },
		{ "another number", another_number },
		{ "split, by edge", split_edge },
		{ "split, by level", split_level },
		{ "service", service },
	};
	static const struct api_set sets[] = {
		{ API_NO_GUEST, bare, sizeof(bare) / sizeof(bare[0]) },
		{ API_GUEST, guests, sizeof(guests) / sizeof(guests[0]) },
	};

	return api_main_sets(sets, sizeof(sets) / sizeof(sets[0]));
}
