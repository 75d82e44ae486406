/* SPDX-License-Identifier: MIT */
/*
 * The interrupt controllers and the PIT of a software VM.
 *
 * They live under the lock of the VM's chipset.  The PIC's output goes to
 * LINT0 of the first vcpu's local APIC and to pin 0 of the IOAPIC; the PIT's
 * to the PIC's input 0 and the IOAPIC's pin 2, as on a PC.
 */
#include "lib/soft/pc.h"

#include <errno.h>

#include "lib/arch/x86_routes.h"
#include "lib/core/irq.h"
#include "lib/core/region.h"
#include "lib/core/routes.h"
#include "lib/soft/engine.h"
#include "lib/soft/pc_inner.h"
#include "lib/sys/sys.h"

#define IOAPIC_GPA 0xfec00000ull
#define APIC_HZ	   1000000000ull
#define GSIS	   4096

#define FERR_GSI   13
#define FERR_PORT  0xf0

/* -- Lines -------------------------------------------------------------- */

/* What the two controllers said, as one: the better of both. */
static int better(int a, int b)
{
	return a > b ? a : b;
}

static int deliver(struct vmi_pc *pc, const struct vmapi_route_msi *msi);

static int follow(struct vmi_pc *pc, const struct vmapi_route *r, bool level)
{
	unsigned pin = r->u.pin.pin;

	if (r->type == VMAPI_ROUTE_MSI) /* a message is an edge */
		return level ? deliver(pc, &r->u.msi) : 0;
	if (r->u.pin.chip == VMAPI_X86_IOAPIC)
		return vmi_ioapic_set_irq(&pc->ioapic, pin, level, pc->now);
	return vmi_pic_set_irq(&pc->pic, pin + 8 * r->u.pin.chip, level);
}

static int line(struct vmi_pc *pc, unsigned gsi, bool level)
{
	struct vmi_route_span span = vmi_routes_of(&pc->vm->vm, gsi);
	int what = -1;
	size_t i;

	for (i = 0; i < span.n; i++)
		what = better(what, follow(pc, &span.routes[i], level));
	return level ? what : 0;
}

static void pic_intr(void *opaque, unsigned pin, bool level)
{
	struct vmi_pc *pc = opaque;

	(void)pin;
	if (!pc->bsp)
		return;
	vmi_lapic_set_lint(&pc->bsp->lapic, 0, level);
	if (level)
		vmi_event_raise(pc->bsp, VMI_EVENT_IRQ);
}

static void pic_ended(void *opaque, unsigned pin)
{
	struct vmi_pc *pc = opaque;

	vmi_irq_ended(&pc->vm->vm,
		pin < 8 ? VMAPI_X86_PIC_MASTER : VMAPI_X86_PIC_SLAVE, pin % 8);
}

static void ioapic_ended(void *opaque, unsigned pin)
{
	struct vmi_pc *pc = opaque;

	vmi_irq_ended(&pc->vm->vm, VMAPI_X86_IOAPIC, pin);
}

static void pit_irq0(void *opaque, unsigned pin, bool level)
{
	(void)pin;
	line(opaque, 0, level);
}

static int ioapic_deliver(void *opaque, const struct vmi_msi_msg *msg)
{
	struct vmi_pc *pc = opaque;

	return vmi_apic_bus_deliver(&pc->bus, msg);
}

/* -- The local APICs' owner --------------------------------------------- */

static void lapic_event(void *opaque, enum vmi_lapic_event event,
	uint8_t vector)
{
	struct soft_vcpu *v = opaque;

	switch (event) {
	case VMI_LAPIC_INTR:
	case VMI_LAPIC_EXTINT:
		vmi_event_raise(v, VMI_EVENT_IRQ);
		break;
	case VMI_LAPIC_NMI:
		vmi_nmi_raise(v);
		break;
	case VMI_LAPIC_INIT:
		vmi_event_raise(v, VMI_EVENT_INIT);
		break;
	case VMI_LAPIC_SIPI:
		v->cpu.sipi_vector = vector;
		vmi_event_raise(v, VMI_EVENT_SIPI);
		break;
	case VMI_LAPIC_SMI:
		vmi_event_raise(v, VMI_EVENT_SMI);
		break;
	}
}

static struct vmi_msi_msg message_of(uint64_t address, uint32_t data)
{
	/* Address and data of an MSI: SDM 3A 11.11. */
	return (struct vmi_msi_msg){
		.dest = (uint32_t)(address >> 12) & 0xff,
		.logical = address & 4,
		.vector = (uint8_t)data,
		.delivery = (data >> 8) & 7,
		.level = (data >> 14) & 1,
		.trig_level = (data >> 15) & 1,
	};
}

static int deliver(struct vmi_pc *pc, const struct vmapi_route_msi *msi)
{
	struct vmi_msi_msg msg = message_of(msi->address, msi->data);

	return vmi_apic_bus_deliver(&pc->bus, &msg);
}

/*
 * The application has the IOAPIC: the first routes are its pins, and it
 * hears of the end of those that are messages by level (as of
 * KVM_CAP_SPLIT_IRQCHIP, api.rst 7.5).
 */
static bool is_applications(struct vmi_pc *pc, const struct soft_vcpu *v,
	uint8_t vector)
{
	unsigned gsi;

	for (gsi = 0; gsi < VMI_X86_PINS; gsi++) {
		struct vmi_route_span span = vmi_routes_of(&pc->vm->vm, gsi);
		struct vmi_msi_msg msg;

		if (!span.n || span.routes->type != VMAPI_ROUTE_MSI)
			continue;
		msg = message_of(span.routes->u.msi.address,
			span.routes->u.msi.data);
		if (msg.trig_level && msg.vector == vector &&
			vmi_lapic_addressed(&v->lapic, &msg))
			return true;
	}
	return false;
}

static void lapic_eoi(void *opaque, uint8_t vector)
{
	struct soft_vcpu *v = opaque;
	struct vmi_pc *pc = v->cpu.vm->pc;

	if (pc->full)
		vmi_ioapic_eoi(&pc->ioapic, vector, pc->now);
	else if (is_applications(pc, v, vector))
		vmi_soft_eoi(v, vector);
}

static int lapic_send(void *opaque, struct vmi_lapic *from,
	const struct vmi_msi_msg *msg, enum vmi_shorthand to)
{
	struct soft_vcpu *v = opaque;

	return vmi_apic_bus_ipi(&v->cpu.vm->pc->bus, from, msg, to);
}

static uint64_t lapic_tsc_time(void *opaque, uint64_t tsc)
{
	struct soft_vcpu *v = opaque;
	int64_t offset = v->cpu.tsc_offset;
	uint64_t ticks = tsc - (uint64_t)offset;
	vmi_u128 ns = ((vmi_u128)ticks * 1000000000u + v->cpu.tsc_hz - 1) /
		v->cpu.tsc_hz;

	if (offset > 0 && tsc < (uint64_t)offset)
		return 0; /* has been, before there was any time */
	return ns > INT64_MAX ? INT64_MAX : (uint64_t)ns;
}

static const struct vmi_lapic_ops lapic_ops = {
	.event = lapic_event,
	.eoi = lapic_eoi,
	.send = lapic_send,
	.tsc_time = lapic_tsc_time,
};

/* -- FERR# -------------------------------------------------------------- */

/*
 * Exceptions of x87 on a PC, SDM 1 8.7.2 and D.2.1.2: the processor asserts
 * FERR# and stands still before the instruction.  FERR# makes IRQ 13; a write
 * to port 0xf0 ends that and asserts IGNNE#, by which the handler's own x87
 * instructions execute, until the exception is gone.
 *
 * Where nobody would ever hear of it (no PIC here, IRQ 13 masked, interrupts
 * off) a PC stands still for good.  A hypervisor that runs its guests with
 * CR0.NE set, as VMX demands, gives them #MF there, and so does this.
 */
void vmi_ferr(struct vmi_cpu *c)
{
	struct vmi_pc *pc = c->vm->pc;
	bool ignored;

	if (!pc || !pc->full)
		vmi_raise(c, VMI_MF);
	vmi_pc_lock(c->vm);
	if (!c->ferr) {
		pc->ignne = false;
		c->ferr = line(pc, FERR_GSI, true) >= 0;
	}
	ignored = pc->ignne;
	if (!ignored && !(c->rflags & VMI_FLAG_IF))
		c->ferr = false;
	if (!c->ferr)
		line(pc, FERR_GSI, false);
	vmi_pc_unlock(c->vm);
	if (ignored)
		return;
	if (!c->ferr)
		vmi_raise(c, VMI_MF);
	c->halted = true;
	vmi_again(c);
}

static void ferr_write(struct vmi_pc *pc)
{
	line(pc, FERR_GSI, false);
	pc->ignne = true;
}

/* -- Guest accesses ----------------------------------------------------- */

static uint8_t port_read(struct vmi_pc *pc, uint16_t port)
{
	if (port >= 0x40 && port < 0x70)
		return vmi_pit_read(&pc->pit, port, pc->now);
	if (port == FERR_PORT)
		return 0xff;
	return vmi_pic_read(&pc->pic, port, pc->now);
}

static void port_write(struct vmi_pc *pc, uint16_t port, uint8_t v)
{
	if (port >= 0x40 && port < 0x70)
		vmi_pit_write(&pc->pit, port, v, pc->now);
	else if (port == FERR_PORT)
		ferr_write(pc);
	else
		vmi_pic_write(&pc->pic, port, v, pc->now);
}

/* Byte-wide chips: a wider access is bytes at ascending ports. */
static int port_access(struct vmi_region *region, struct vmapi_access *a)
{
	struct window *w = vmi_container_of(region, struct window, region);
	struct vmi_pc *pc = vmi_pc_lock(w->pc->vm);
	uint16_t port = (uint16_t)(region->base + a->offset);
	uint64_t v = 0;
	unsigned i;

	for (i = 0; i < a->bytes; i++) {
		if (a->is_write)
			port_write(pc, (uint16_t)(port + i),
				(uint8_t)(a->value >> (8 * i)));
		else
			v |= (uint64_t)port_read(pc, (uint16_t)(port + i)) <<
				(8 * i);
	}
	if (!a->is_write)
		a->value = v;
	vmi_pc_unlock(w->pc->vm);
	return 0;
}

static int ioapic_access(struct vmi_region *region, struct vmapi_access *a)
{
	struct window *w = vmi_container_of(region, struct window, region);
	struct vmi_pc *pc = vmi_pc_lock(w->pc->vm);

	if (a->is_write)
		vmi_ioapic_write(&pc->ioapic, (uint32_t)a->offset, a->bytes,
			(uint32_t)a->value, pc->now);
	else
		a->value = vmi_ioapic_read(&pc->ioapic, (uint32_t)a->offset,
			a->bytes, pc->now);
	vmi_pc_unlock(w->pc->vm);
	return 0;
}

bool vmi_pc_apic_page(const struct vmi_cpu *c, uint64_t gpa)
{
	uint64_t base;

	if (!c->vm->pc)
		return false;
	base = vmi_cpu_vcpu((struct vmi_cpu *)(uintptr_t)c)->lapic.s.base_msr;
	return (base & (VMI_APIC_BASE_EN | VMI_APIC_BASE_X2)) ==
		VMI_APIC_BASE_EN && ((base ^ gpa) >> 12) == 0;
}

uint64_t vmi_pc_apic_read(struct vmi_cpu *c, uint64_t gpa, unsigned bytes)
{
	struct vmi_pc *pc = vmi_pc_lock(c->vm);
	uint64_t v = vmi_lapic_read(&vmi_cpu_vcpu(c)->lapic, gpa & 0xfff,
		bytes, pc->now);

	vmi_pc_unlock(c->vm);
	return v;
}

void vmi_pc_apic_write(struct vmi_cpu *c, uint64_t gpa, uint64_t value,
	unsigned bytes)
{
	struct vmi_pc *pc = vmi_pc_lock(c->vm);

	vmi_lapic_write(&vmi_cpu_vcpu(c)->lapic, gpa & 0xfff, bytes,
		(uint32_t)value, pc->now);
	vmi_pc_unlock(c->vm);
}

int vmi_apic_msr_read(struct vmi_cpu *c, uint32_t index, uint64_t *value)
{
	struct vmi_pc *pc;
	int r;

	if (!c->vm->pc)
		return -ENOENT;
	vmi_turn_look(c);
	pc = vmi_pc_lock(c->vm);
	r = vmi_lapic_rdmsr(&vmi_cpu_vcpu(c)->lapic, index, pc->now, value);
	vmi_pc_unlock(c->vm);
	return r;
}

int vmi_apic_msr_write(struct vmi_cpu *c, uint32_t index, uint64_t value)
{
	struct vmi_pc *pc;
	int r;

	if (!c->vm->pc)
		return -ENOENT;
	vmi_turn_look(c);
	pc = vmi_pc_lock(c->vm);
	r = vmi_lapic_wrmsr(&vmi_cpu_vcpu(c)->lapic, index, value, pc->now);
	vmi_pc_unlock(c->vm);
	if (vmi_turn_is_late(c))
		vmi_event_raise(vmi_cpu_vcpu(c), VMI_EVENT_PROD);
	if (index == VMI_MSR_APIC_BASE) {
		c->apic_base = vmi_cpu_vcpu(c)->lapic.s.base_msr;
		vmi_tlb_flush(c);
	}
	return r;
}

uint64_t vmi_cr8_read(struct vmi_cpu *c)
{
	uint64_t v;

	if (!c->vm->pc)
		return c->cr8;
	vmi_pc_lock(c->vm);
	v = vmi_lapic_tpr(&vmi_cpu_vcpu(c)->lapic) >> 4;
	vmi_pc_unlock(c->vm);
	return v;
}

void vmi_cr8_write(struct vmi_cpu *c, uint64_t v)
{
	c->cr8 = v;
	if (!c->vm->pc)
		return;
	vmi_pc_lock(c->vm);
	vmi_lapic_set_tpr(&vmi_cpu_vcpu(c)->lapic, (uint8_t)(v << 4));
	vmi_pc_unlock(c->vm);
	c->irq_pending = true;
}

void vmi_cr8_lowers(struct vmi_cpu *c)
{
	if (c->vm->vm.x86_exit_flags & VMAPI_X86_EXIT_TPR)
		vmi_event_raise(vmi_cpu_vcpu(c), VMI_EVENT_TPR);
}

/* -- The processor's side ----------------------------------------------- */

/*
 * Whether the PIC's output reaches this processor.  Firmware programs LINT0
 * as ExtINT before anything runs ("virtual wire"); where there is none, an
 * APIC that nobody has enabled yet passes the PIC through all the same.
 */
static bool pic_asks(const struct soft_vcpu *v)
{
	const struct vmi_pc *pc = v->cpu.vm->pc;
	bool intr = pc->full ? vmi_pic_intr(&pc->pic) : v->lapic.s.lint[0];

	return vmi_lapic_extint(&v->lapic) ||
		(v == pc->bsp && intr && !vmi_lapic_sw_enabled(&v->lapic));
}

/* A PIC that is elsewhere is asked by core, at a window for its interrupt. */
static int acknowledge(struct vmi_pc *pc, struct soft_vcpu *v)
{
	struct vmi_lapic *l = &v->lapic;
	int vector = vmi_lapic_pending(l);

	if (vector >= 0)
		return vmi_lapic_accept(l);
	if (!pic_asks(v))
		return -1;
	if (!pc->full) {
		v->cpu.window_wanted = true;
		return -1;
	}
	vmi_lapic_extint_ack(l);
	return vmi_pic_ack(&pc->pic);
}

static bool more(const struct soft_vcpu *v)
{
	return vmi_lapic_pending(&v->lapic) >= 0 || pic_asks(v);
}

int vmi_pc_acknowledge(struct soft_vcpu *v)
{
	struct vmi_pc *pc;
	int vector;

	if (!v->cpu.vm->pc)
		return -1;
	pc = vmi_pc_lock(v->cpu.vm);
	vector = acknowledge(pc, v);
	v->cpu.irq_pending = more(v);
	vmi_pc_unlock(v->cpu.vm);
	return vector;
}

int vmi_pc_lint(struct vmapi_vcpu *vcpu, enum vmi_lint input, bool high,
	int *delivery)
{
	static const struct vmi_msi_msg extint = {
		.delivery = VMI_DELIVER_EXTINT, .level = true };
	struct soft_vcpu *v = vmi_soft_vcpu(vcpu);

	vmi_pc_lock(v->cpu.vm);
	if (input == VMI_LINT_EXTINT)
		*delivery = vmi_lapic_deliver(&v->lapic, &extint);
	else
		*delivery = vmi_lapic_set_lint(&v->lapic,
			input == VMI_LINT1, high);
	vmi_pc_unlock(v->cpu.vm);
	if (input == VMI_LINT0 && high)
		vmi_event_raise(v, VMI_EVENT_IRQ);
	return 0;
}

int vmi_pc_remote_read(struct vmapi_vcpu *vcpu, unsigned reg, uint32_t *value)
{
	uint8_t page[VMI_LAPIC_PAGE];
	const uint8_t *at = page + 16 * reg;
	int err = vmi_pc_lapic_get(vmi_soft_vcpu(vcpu), page);

	if (!err)
		*value = (uint32_t)at[0] | (uint32_t)at[1] << 8 |
			(uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
	return err;
}

void vmi_pc_extint_ack(struct soft_vcpu *v)
{
	vmi_pc_lock(v->cpu.vm);
	vmi_lapic_extint_ack(&v->lapic);
	vmi_pc_unlock(v->cpu.vm);
}

void vmi_pc_init_ipi(struct soft_vcpu *v)
{
	if (!v->cpu.vm->pc)
		return;
	vmi_pc_lock(v->cpu.vm);
	vmi_lapic_init_ipi(&v->lapic);
	vmi_pc_unlock(v->cpu.vm);
}

/* -- The backend's side ------------------------------------------------- */

int vmi_pc_line_count(struct vmapi_vm *vm, unsigned *n)
{
	struct vmi_pc *pc = vmi_soft_vm(vm)->pc;

	*n = pc ? GSIS : 0;
	return 0;
}

int vmi_pc_line_set(struct vmapi_vm *vm, unsigned gsi, bool level,
	int *delivery)
{
	struct vmi_pc *pc = vmi_soft_vm(vm)->pc;

	pc->now = vmi_soft_clock(vm);
	*delivery = line(pc, gsi, level);
	return 0;
}

static bool is_route(const struct vmi_pc *pc, const struct vmapi_route *r)
{
	if (r->type == VMAPI_ROUTE_MSI)
		return (r->u.msi.address & ~0xfffffull) == 0xfee00000ull;
	return pc->full && r->u.pin.pin < vmi_x86_chip_pins(r->u.pin.chip);
}

int vmi_pc_routes_set(struct vmapi_vm *vm, const struct vmapi_route *routes,
	size_t n)
{
	struct vmi_pc *pc = vmi_soft_vm(vm)->pc;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct vmapi_route *r = &routes[i];
		bool known = r->type == VMAPI_ROUTE_PIN ||
			r->type == VMAPI_ROUTE_MSI;
		bool pins = pc->full || r->type != VMAPI_ROUTE_PIN;

		if (known && pins && is_route(pc, r))
			continue;
		return vmi_fail_range(!known ? -ENOTSUP : !pins ? -ENXIO :
			-EINVAL, r->gsi, 0, "GSI %u: this VM has no such "
			"target of a route", (unsigned)r->gsi);
	}
	return 0;
}

int vmi_pc_msi_send(struct vmapi_vm *vm, const struct vmapi_msi *msi,
	int *delivery)
{
	struct vmi_pc *pc = vmi_soft_vm(vm)->pc;
	struct vmi_msi_msg msg = message_of(msi->address, msi->data);

	if (!pc)
		return vmi_fail(-ENXIO, "vm", "it has no local APICs");
	if ((msi->address & ~0xfffffull) != 0xfee00000ull)
		return vmi_fail(-EINVAL, "vm",
			"%#llx is not the address of an MSI",
			(unsigned long long)msi->address);
	vmi_pc_lock(vmi_soft_vm(vm));
	*delivery = vmi_apic_bus_deliver(&pc->bus, &msg);
	vmi_pc_unlock(vmi_soft_vm(vm));
	return 0;
}

void vmi_pc_legacy_cut(struct vmapi_vm *vm, bool cut)
{
	struct vmi_pc *pc = vmi_soft_vm(vm)->pc;

	if (pc && pc->has_pit)
		vmi_pit_cut(&pc->pit, cut, vmi_soft_clock(vm));
}

/* -- Time --------------------------------------------------------------- */

static void update(struct vmi_chip_client *client, uint64_t now)
{
	struct vmi_pc *pc = vmi_container_of(client, struct vmi_pc, client);
	unsigned i;

	pc->now = now;
	if (pc->has_pit)
		vmi_pit_update(&pc->pit, now);
	if (pc->full) {
		vmi_pic_update(&pc->pic, now);
		vmi_ioapic_update(&pc->ioapic, now);
	}
	for (i = 0; i < pc->bus.n; i++)
		vmi_lapic_update(pc->bus.lapics[i], now);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t deadline(struct vmi_chip_client *client, uint64_t now)
{
	struct vmi_pc *pc = vmi_container_of(client, struct vmi_pc, client);
	uint64_t t = VMI_CHIP_NEVER;
	unsigned i;

	if (pc->has_pit)
		t = sooner(t, vmi_pit_deadline(&pc->pit, now));
	if (pc->full) {
		t = sooner(t, vmi_pic_deadline(&pc->pic, now));
		t = sooner(t, vmi_ioapic_deadline(&pc->ioapic, now));
	}
	for (i = 0; i < pc->bus.n; i++)
		t = sooner(t, vmi_lapic_deadline(pc->bus.lapics[i], now));
	return t;
}

static void reset(struct vmi_chip_client *client, uint64_t now)
{
	struct vmi_pc *pc = vmi_container_of(client, struct vmi_pc, client);

	pc->now = now;
	if (pc->has_pit)
		vmi_pit_reset(&pc->pit, now);
	pc->ignne = false;
	if (pc->full) {
		vmi_pic_reset(&pc->pic);
		vmi_ioapic_reset(&pc->ioapic);
	}
}

/* -- Creation ----------------------------------------------------------- */

static int window_add(struct vmi_pc *pc, enum vmi_space space, uint64_t base,
	uint64_t bytes, const char *name)
{
	struct window *w = &pc->windows[pc->n_windows];
	int r;

	w->pc = pc;
	w->region.space = space;
	w->region.base = base;
	w->region.bytes = bytes;
	w->region.name = name;
	w->region.access = space == VMI_SPACE_PORT ? port_access :
		ioapic_access;
	r = vmi_region_add(&pc->vm->vm, &w->region);
	if (!r)
		pc->n_windows++;
	return r;
}

static int windows_add(struct vmi_pc *pc)
{
	int r = 0;

	if (pc->full) {
		r = window_add(pc, VMI_SPACE_PORT, 0x20, 2, "pic");
		if (!r)
			r = window_add(pc, VMI_SPACE_PORT, 0xa0, 2, "pic");
		if (!r)
			r = window_add(pc, VMI_SPACE_PORT, 0x4d0, 2, "elcr");
		if (!r)
			r = window_add(pc, VMI_SPACE_PORT, FERR_PORT, 1,
				"ferr");
		if (!r)
			r = window_add(pc, VMI_SPACE_MEMORY, IOAPIC_GPA,
				0x1000, "ioapic");
	}
	if (!r && pc->has_pit)
		r = window_add(pc, VMI_SPACE_PORT, 0x40, 4, "pit");
	if (!r && pc->has_pit)
		r = window_add(pc, VMI_SPACE_PORT, 0x61, 1, "port 0x61");
	return r;
}

int vmi_pc_create(struct soft_vm *vm)
{
	struct vmi_line intr = { .set = pic_intr }, irq0 = { .set = pit_irq0 };
	struct vmapi_route routes[VMI_X86_PC_ROUTES];
	struct vmi_pc *pc;
	int r;

	if (vm->vm.config.irqchip == VMAPI_IRQCHIP_NONE)
		return 0;
	pc = vmi_zalloc(sizeof(*pc));
	if (!pc)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	vm->pc = pc;
	pc->vm = vm;
	pc->bus.lapics = pc->lapics;
	pc->full = vm->vm.config.irqchip == VMAPI_IRQCHIP_FULL;
	pc->has_pit = vm->vm.config.flags & VMAPI_VM_PIT;
	intr.opaque = irq0.opaque = pc;
	vmi_pic_init(&pc->pic, intr);
	pc->pic.ended = pic_ended;
	vmi_ioapic_init(&pc->ioapic, ioapic_deliver, pc);
	pc->ioapic.ended = ioapic_ended;
	vmi_pit_init(&pc->pit, irq0, vmi_soft_clock(&vm->vm));
	pc->client.update = update;
	pc->client.deadline = deadline;
	pc->client.reset = reset;
	r = windows_add(pc);
	if (!r && pc->full) {
		vmi_x86_pc_routes(routes);
		r = vmi_routes_commit(&vm->vm, routes, VMI_X86_PC_ROUTES);
	}
	if (r) {
		vmi_pc_destroy(vm);
		return r;
	}
	vmi_chipset_add(&vm->vm, &pc->client);
	return 0;
}

void vmi_pc_destroy(struct soft_vm *vm)
{
	struct vmi_pc *pc = vm->pc;

	if (!pc)
		return;
	vmi_chipset_remove(&vm->vm, &pc->client);
	while (pc->n_windows)
		vmi_region_remove(&vm->vm,
			&pc->windows[--pc->n_windows].region);
	vmi_free(pc);
	vm->pc = NULL;
}

int vmi_pc_vcpu_add(struct soft_vcpu *v)
{
	struct vmi_pc *pc = v->cpu.vm->pc;
	struct vmi_lapic_config config = { .bus_hz = APIC_HZ,
		.apic_id = (uint32_t)v->vcpu.id, .phys_bits = VMI_PHYS_BITS,
		.bsp = v->vcpu.id == 0, .x2apic = true,
		.tsc_deadline = !vmi_hides(&v->cpu, VMI_FEAT_TSC_DEADLINE) };

	if (!pc)
		return 0;
	vmi_pc_lock(v->cpu.vm);
	vmi_lapic_init(&v->lapic, &config, &lapic_ops, v);
	pc->lapics[pc->bus.n++] = &v->lapic;
	if (config.bsp)
		pc->bsp = v;
	vmi_pc_unlock(v->cpu.vm);
	return 0;
}

void vmi_pc_vcpu_remove(struct soft_vcpu *v)
{
	struct vmi_pc *pc = v->cpu.vm->pc;
	unsigned i;

	if (!pc)
		return;
	vmi_pc_lock(v->cpu.vm);
	for (i = 0; i < pc->bus.n; i++) {
		if (pc->lapics[i] == &v->lapic)
			pc->lapics[i] = pc->lapics[--pc->bus.n];
	}
	if (pc->bsp == v)
		pc->bsp = NULL;
	vmi_pc_unlock(v->cpu.vm);
}

void vmi_pc_cpuid_changed(struct soft_vcpu *v)
{
	if (!v->cpu.vm->pc)
		return;
	vmi_pc_lock(v->cpu.vm);
	vmi_lapic_allow_tsc_mode(&v->lapic,
		!vmi_hides(&v->cpu, VMI_FEAT_TSC_DEADLINE));
	vmi_pc_unlock(v->cpu.vm);
}

void vmi_pc_vcpu_reset(struct soft_vcpu *v)
{
	if (!v->cpu.vm->pc)
		return;
	vmi_pc_lock(v->cpu.vm);
	vmi_lapic_reset(&v->lapic);
	vmi_pc_unlock(v->cpu.vm);
}
