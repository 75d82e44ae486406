/* SPDX-License-Identifier: MIT */
/* The state of the kernel's chips as the structs of lib/chip, both ways. */
/*
 * What the kernel keeps differs from what the chips are in a few places:
 *
 *  - its PIC has one register of requests where the chip has lines and the
 *    rises that were not acknowledged;
 *  - its IOAPIC tells requests not yet delivered, which of level-triggered
 *    pins are the lines;
 *  - its PIT is a count and the time at which it was loaded, and loads it
 *    anew when it is set.  So a state from there is made by programming one
 *    of the library's PITs at those times.
 */
#include <time.h>

#include "lib/kvm/x86/x86.h"

/* -- PIC ---------------------------------------------------------------- */

#define CASCADE	  0x04 /* the slave's input of the master: follows by itself */
#define ICW4_8086 0x01
#define ICW4_AEOI 0x02
#define ICW4_SFNM 0x10

static void half_in(
	struct vmi_pic_half_state *to, const struct kvm_pic_state *from)
{
	memset(to, 0, sizeof(*to));
	to->lines = from->last_irr | (from->irr & from->elcr);
	to->edges = from->irr & (uint8_t)~from->elcr;
	to->imr = from->imr;
	to->isr = from->isr;
	to->elcr = from->elcr & from->elcr_mask;
	to->lowest = (from->priority_add + 7) & 7;
	to->base = from->irq_base & 0xf8;
	to->icw4 = (uint8_t)(ICW4_8086 | (from->auto_eoi ? ICW4_AEOI : 0) |
		(from->special_fully_nested_mode ? ICW4_SFNM : 0));
	to->next_icw = from->init_state ? (from->init_state & 3) + 1 : 0;
	to->wants_icw4 = from->init4 != 0;
	to->read_isr = from->read_reg_select != 0;
	to->poll = from->poll != 0;
	to->special_mask = from->special_mask != 0;
	to->aeoi_rotate = from->rotate_on_auto_eoi != 0;
}

void vmi_kvm_x86_pic_in(struct vmi_pic_state *to,
	const struct kvm_pic_state *master, const struct kvm_pic_state *slave)
{
	struct vmi_pic trial = { .s = { .size = sizeof(trial.s) } };

	half_in(&trial.s.half[0], master);
	half_in(&trial.s.half[1], slave);
	trial.s.half[0].lines &= (uint8_t)~CASCADE;
	trial.s.half[0].edges &= (uint8_t)~CASCADE;
	vmi_pic_update(&trial, 0); /* the cascade and INTR */
	*to = trial.s;
}

void vmi_kvm_x86_pic_out(struct kvm_pic_state *to,
	const struct vmi_pic_half_state *from, uint8_t pulses)
{
	uint8_t lines = from->lines & (uint8_t)~pulses;

	to->last_irr = lines;
	to->irr = (uint8_t)((from->edges & ~from->elcr) |
		(lines & from->elcr));
	to->imr = from->imr;
	to->isr = from->isr;
	to->priority_add = (from->lowest + 1) & 7;
	to->irq_base = from->base;
	to->read_reg_select = from->read_isr;
	to->poll = from->poll;
	to->special_mask = from->special_mask;
	to->init_state = from->next_icw ? from->next_icw - 1 : 0;
	to->auto_eoi = (from->icw4 & ICW4_AEOI) != 0;
	to->rotate_on_auto_eoi = from->aeoi_rotate;
	to->special_fully_nested_mode = (from->icw4 & ICW4_SFNM) != 0;
	to->init4 = from->wants_icw4;
	to->elcr = from->elcr;
}

/* -- IOAPIC ------------------------------------------------------------- */

#define RTE_STATE  UINT64_C(0xff0000000001efff) /* all but delivery status */
#define RTE_LEVEL  UINT64_C(0x8000)
#define RTE_REMOTE UINT64_C(0x4000)

void vmi_kvm_x86_ioapic_in(
	struct vmi_ioapic_state *to, const struct kvm_ioapic_state *from)
{
	unsigned i;

	memset(to, 0, sizeof(*to));
	to->size = sizeof(*to);
	to->select = from->ioregsel & 0xff;
	to->id = (from->id & 0xf) << 24;
	for (i = 0; i < VMI_IOAPIC_PINS; i++) {
		uint64_t rte = from->redirtbl[i].bits & RTE_STATE;

		if (!(rte & RTE_LEVEL))
			rte &= ~RTE_REMOTE;
		else
			to->lines |= from->irr & 1u << i;
		to->rte[i] = rte;
	}
}

void vmi_kvm_x86_ioapic_out(
	struct kvm_ioapic_state *to, const struct vmi_ioapic_state *from)
{
	unsigned i;

	to->ioregsel = from->select;
	to->id = from->id >> 24;
	to->irr = 0;
	for (i = 0; i < VMI_IOAPIC_PINS; i++) {
		to->redirtbl[i].bits = from->rte[i];
		if (from->rte[i] & RTE_LEVEL)
			to->irr |= from->lines & 1u << i;
	}
}

/* -- PIT ---------------------------------------------------------------- */

#define KVM_MODE_NONE 0xff /* never programmed */
#define KVM_WORD      3	   /* both bytes, the low one is next */
#define KVM_WORD_HIGH 4	   /* ... the high one */
#define SPEAKER	      2	   /* of port 0x61 */

/* Control word and count, as the guest would write them. */
static void program(struct vmi_pit *pit, unsigned ch,
	const struct kvm_pit_channel_state *from, uint64_t when)
{
	uint16_t port = (uint16_t)(0x40 + ch);

	vmi_pit_write(pit, 0x43, (uint8_t)(ch << 6 | (from->rw_mode & 3) << 4 |
		(from->mode & 7) << 1 | (from->bcd & 1)), when);
	if (from->rw_mode & 1)
		vmi_pit_write(pit, port, (uint8_t)from->count, when);
	if (from->rw_mode & 2)
		vmi_pit_write(pit, port, (uint8_t)(from->count >> 8), when);
}

/* What is between two bytes, and what was latched. */
static void halves_in(struct vmi_pit_channel_state *to,
	const struct kvm_pit_channel_state *from)
{
	to->write_msb = from->write_state == KVM_WORD_HIGH;
	to->cr_low = from->write_latch;
	to->read_msb = from->read_state == KVM_WORD_HIGH;
	to->latched = from->count_latched & to->rw;
	to->latch = from->latched_count;
	to->has_status = from->status_latched != 0;
	to->status = from->status;
}

static bool is_programmed(const struct kvm_pit_channel_state *c)
{
	return c->mode <= 5 && c->rw_mode >= 1 && c->rw_mode <= 3;
}

/* How long ago a channel was loaded; more than an hour says nothing. */
static uint64_t age(const struct kvm_pit_channel_state *c, uint64_t host)
{
	const uint64_t hour = UINT64_C(3600000000000);
	uint64_t then = (uint64_t)c->count_load_time;

	return c->count_load_time < 0 || then > host || host - then > hour
		? 0 : host - then;
}

void vmi_kvm_x86_pit_in(struct vmi_pit_state *to,
	const struct kvm_pit_state2 *from, const struct vmi_kvm_x86_times *now)
{
	const struct vmi_line none = { .set = NULL };
	const uint64_t end = UINT64_C(4000000000000);
	unsigned done = 0, ch, i;
	struct vmi_pit pit;

	vmi_pit_init(&pit, none, 0);
	vmi_pit_write(&pit, 0x61, (uint8_t)((from->channels[2].gate & 1) |
		(from->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON ? SPEAKER : 0)),
		0);
	for (i = 0; i < VMI_PIT_CHANNELS; i++) { /* the oldest first */
		unsigned oldest = VMI_PIT_CHANNELS;

		for (ch = 0; ch < VMI_PIT_CHANNELS; ch++)
			if (!(done >> ch & 1) &&
				(oldest == VMI_PIT_CHANNELS ||
				age(&from->channels[ch], now->host) >
				age(&from->channels[oldest], now->host)))
				oldest = ch;
		done |= 1u << oldest;
		if (is_programmed(&from->channels[oldest]))
			program(&pit, oldest, &from->channels[oldest],
				end - age(&from->channels[oldest], now->host));
	}
	vmi_pit_update(&pit, end);
	for (ch = 0; ch < VMI_PIT_CHANNELS; ch++)
		if (is_programmed(&from->channels[ch]))
			halves_in(&pit.s.ch[ch], &from->channels[ch]);
	vmi_pit_cut(&pit, from->flags & KVM_PIT_FLAGS_HPET_LEGACY, end);
	vmi_counter_set(&pit.s.clock, vmi_counter_read(&pit.s.clock, end),
		now->vm);
	*to = pit.s;
}

/*
 * What it has to count down from now on: of one shot what is left, and of
 * one that is over a count that ends as late as can be.
 */
static uint32_t count_out(const struct vmi_pit_channel_state *c)
{
	bool periodic = c->mode == 2 || c->mode == 3;

	if (c->load || c->null_count || (periodic && !c->period))
		return c->cr ? c->cr : 0x10000;
	if (periodic)
		return c->period;
	return c->armed && c->ce ? c->ce : 0x10000;
}

static void channel_out(struct kvm_pit_channel_state *to,
	const struct vmi_pit_channel_state *from)
{
	memset(to, 0, sizeof(*to));
	to->count = count_out(from);
	to->latched_count = from->latch;
	to->count_latched = from->latched;
	to->status_latched = from->has_status;
	to->status = from->status;
	to->rw_mode = from->rw;
	to->read_state = from->read_msb ? KVM_WORD_HIGH : from->rw;
	to->write_state = from->write_msb ? KVM_WORD_HIGH : from->rw;
	to->write_latch = from->cr_low;
	to->mode = from->has_count ? from->mode : KVM_MODE_NONE;
	to->bcd = from->bcd;
	to->gate = from->gate;
}

void vmi_kvm_x86_pit_out(
	struct kvm_pit_state2 *to, const struct vmi_pit_state *from)
{
	unsigned ch;

	memset(to, 0, sizeof(*to));
	for (ch = 0; ch < VMI_PIT_CHANNELS; ch++)
		channel_out(&to->channels[ch], &from->ch[ch]);
	if (from->cut)
		to->flags |= KVM_PIT_FLAGS_HPET_LEGACY;
	if (from->port61 & SPEAKER)
		to->flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
}

/* -- Asking the kernel -------------------------------------------------- */

static int irqchip(struct vmi_kvm_vm *vm, unsigned long request, unsigned id,
	struct kvm_irqchip *chip)
{
	int rc;

	if (request == KVM_GET_IRQCHIP)
		memset(chip, 0, sizeof(*chip));
	chip->chip_id = id;
	rc = vmi_kvm_vm_ioctl(vm, request, chip);
	return rc < 0 ? vmi_kvm_vm_refused(rc, request) : 0;
}

static int get_pic(struct vmi_kvm_vm *vm, struct vmi_pic_state *state)
{
	struct kvm_irqchip master, slave;
	int rc = irqchip(vm, KVM_GET_IRQCHIP, KVM_IRQCHIP_PIC_MASTER, &master);

	if (rc == 0)
		rc = irqchip(vm, KVM_GET_IRQCHIP, KVM_IRQCHIP_PIC_SLAVE,
			&slave);
	if (rc == 0)
		vmi_kvm_x86_pic_in(state, &master.chip.pic, &slave.chip.pic);
	return rc;
}

static int set_pic(struct vmi_kvm_vm *vm, const struct vmi_pic_state *state)
{
	bool pit = vm->core.config.flags & VMAPI_VM_PIT;
	struct kvm_irqchip chip;
	unsigned i;
	int rc = 0;

	for (i = 0; i < 2 && rc == 0; i++) { /* the slave asks the master */
		unsigned id = i ? KVM_IRQCHIP_PIC_MASTER
				: KVM_IRQCHIP_PIC_SLAVE;

		rc = irqchip(vm, KVM_GET_IRQCHIP, id, &chip);
		if (rc < 0)
			break;
		vmi_kvm_x86_pic_out(&chip.chip.pic, &state->half[i ? 0 : 1],
			i && pit ? 1 : 0);
		rc = irqchip(vm, KVM_SET_IRQCHIP, id, &chip);
	}
	return rc;
}

static int get_ioapic(struct vmi_kvm_vm *vm, struct vmi_ioapic_state *state)
{
	struct kvm_irqchip chip;
	int rc = irqchip(vm, KVM_GET_IRQCHIP, KVM_IRQCHIP_IOAPIC, &chip);

	if (rc == 0)
		vmi_kvm_x86_ioapic_in(state, &chip.chip.ioapic);
	return rc;
}

static int set_ioapic(
	struct vmi_kvm_vm *vm, const struct vmi_ioapic_state *state)
{
	struct kvm_irqchip chip;
	int rc = irqchip(vm, KVM_GET_IRQCHIP, KVM_IRQCHIP_IOAPIC, &chip);

	if (rc < 0)
		return rc;
	vmi_kvm_x86_ioapic_out(&chip.chip.ioapic, state);
	return irqchip(vm, KVM_SET_IRQCHIP, KVM_IRQCHIP_IOAPIC, &chip);
}

static int get_pit(struct vmi_kvm_vm *vm, struct vmi_pit_state *state)
{
	struct vmi_kvm_x86_times now = { .vm = vmi_chipset_now(&vm->core) };
	struct kvm_pit_state2 pit;
	int rc = vmi_kvm_vm_ioctl(vm, KVM_GET_PIT2, &pit);

	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_GET_PIT2);
	(void)vmi_sys->now(CLOCK_MONOTONIC, &now.host);
	vmi_kvm_x86_pit_in(state, &pit, &now);
	return 0;
}

static int set_pit(struct vmi_kvm_vm *vm, const struct vmi_pit_state *state)
{
	struct kvm_pit_state2 pit;
	int rc;

	vmi_kvm_x86_pit_out(&pit, state);
	rc = vmi_kvm_vm_ioctl(vm, KVM_SET_PIT2, &pit);
	return rc < 0 ? vmi_kvm_vm_refused(rc, KVM_SET_PIT2) : 0;
}

/* kvmclock, for guests that go by it (api.rst 4.29). */
static int use_clock(struct vmi_kvm_vm *vm, unsigned long request, void *ns)
{
	struct kvm_clock_data data;
	int rc;

	memset(&data, 0, sizeof(data));
	if (request == KVM_SET_CLOCK)
		memcpy(&data.clock, ns, sizeof(data.clock));
	rc = vmi_kvm_vm_ioctl(vm, request, &data);
	if (rc < 0)
		return vmi_kvm_vm_refused(rc, request);
	memcpy(ns, &data.clock, sizeof(data.clock));
	return 0;
}

static bool has_chip(struct vmi_kvm_vm *vm, enum vmi_chip chip)
{
	bool full = vm->core.config.irqchip == VMAPI_IRQCHIP_FULL;

	switch (chip) {
	case VMI_CHIP_PIC:
	case VMI_CHIP_IOAPIC: return full;
	case VMI_CHIP_PIT: return vm->core.config.flags & VMAPI_VM_PIT;
	case VMI_CHIP_KVMCLOCK:
		return vmi_kvm_vm_check(vm, KVM_CAP_ADJUST_CLOCK);
	default: return false;
	}
}

int vmi_kvm_arch_chip_get(
	struct vmapi_vm *core, enum vmi_chip chip, void *state)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);

	if (!has_chip(vm, chip))
		return -ENOENT;
	switch (chip) {
	case VMI_CHIP_PIC: return get_pic(vm, state);
	case VMI_CHIP_IOAPIC: return get_ioapic(vm, state);
	case VMI_CHIP_PIT: return get_pit(vm, state);
	default: return use_clock(vm, KVM_GET_CLOCK, state);
	}
}

int vmi_kvm_arch_chip_set(
	struct vmapi_vm *core, enum vmi_chip chip, const void *state)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	uint64_t ns;

	if (!has_chip(vm, chip))
		return -ENOENT;
	switch (chip) {
	case VMI_CHIP_PIC: return set_pic(vm, state);
	case VMI_CHIP_IOAPIC: return set_ioapic(vm, state);
	case VMI_CHIP_PIT: return set_pit(vm, state);
	default:
		memcpy(&ns, state, sizeof(ns));
		return use_clock(vm, KVM_SET_CLOCK, &ns);
	}
}
