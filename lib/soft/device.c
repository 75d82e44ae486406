/* SPDX-License-Identifier: MIT */
/*
 * Accesses to what is not RAM, and the log that lets an instruction wait.
 *
 * An instruction changes nothing of the processor before all of its accesses
 * are done, so one that has to wait for the application is simply left and
 * executed again from its start.  Its device accesses are logged with their
 * answers: the second execution takes the answers from the log, in order, and
 * no side effect happens twice.  Writes to RAM are done twice with the same
 * bytes.  The log belongs to one execution of one instruction, which is known
 * by its operation and by the budget at the block's entry.
 */
#include "lib/soft/device.h"

#include <errno.h>

#include "lib/core/posted.h"
#include "lib/soft/op.h"
#include "lib/soft/pc.h"
#include "lib/soft/soft.h"

static void log_open(struct vmi_cpu *c)
{
	struct vmi_io *io = &c->io;
	uint64_t budget = (uint64_t)c->budget, op = (uintptr_t)c->op;

	if (io->instance[0] == budget && io->instance[1] == op &&
		!io->replay)
		return;
	if (!io->replay)
		io->n = 0;
	io->cursor = 0;
	io->replay = false;
	io->instance[0] = budget;
	io->instance[1] = op;
}

void vmi_dev_done(struct vmi_cpu *c)
{
	c->io.n = 0;
	c->io.cursor = 0;
	c->io.replay = false;
	c->io.plain = 0;
}

static bool apic_answers(struct vmi_cpu *c, struct vmi_io_entry *e)
{
	if (e->space != VMI_SPACE_MEMORY || !vmi_pc_apic_page(c, e->address))
		return false;
	if (e->is_write)
		vmi_pc_apic_write(c, e->address, e->value, e->bytes);
	else
		e->value = vmi_pc_apic_read(c, e->address, e->bytes);
	return true;
}

/*
 * A region's answer.  Writes that were posted come first, and it is the
 * application that takes them: so the instruction is left, and replayed.
 */
static bool region_answers(const struct vmi_regions *all, struct vmi_cpu *c,
	struct vmi_io_entry *e)
{
	struct vmapi_vcpu *vcpu = &vmi_cpu_vcpu(c)->vcpu;
	struct vmapi_access access = { .value = e->value, .bytes = e->bytes,
		.is_write = e->is_write, .vcpu = vcpu };
	struct vmi_region *region = vmi_regions_find(
		all, &vcpu->near, e->space, e->address, e->bytes);
	int err = -ENOENT;

	if (!(region && region->posts && e->is_write) &&
		vmi_posted_waits(&c->vm->vm))
		vmi_leave(c, VMI_LEAVE_REPLAY);
	if (region) {
		access.offset = e->address - region->base;
		err = region->access(region, &access);
	}
	if (err == -EAGAIN)
		vmi_leave(c, VMI_LEAVE_REPLAY);
	if (!err && !e->is_write)
		e->value = access.value;
	return !err;
}

/* The library's own answer to an access; false: nobody's. */
static bool answered(struct vmi_cpu *c, struct vmi_io_entry *e)
{
	struct vmapi_access write = { .value = e->value, .bytes = e->bytes };
	struct vmi_doorbell *bell;
	struct vmi_regions *all;

	if (apic_answers(c, e))
		return true;
	if (e->space >= VMI_ASK_MSR)
		return false;
	all = atomic_load_explicit(&c->vm->vm.regions, memory_order_acquire);
	if (!all)
		return false;
	bell = e->is_write ? vmi_doorbell_find(all, e->space, e->address,
		&write) : NULL;
	if (!bell)
		return region_answers(all, c, e);
	bell->ring(bell);
	return true;
}

/* A full log: reads give all ones, writes go nowhere. */
static struct vmi_io_entry *overflow(struct vmi_io *io)
{
	struct vmi_io_entry *e = &io->entry[io->n];

	*e = (struct vmi_io_entry){ .value = ~0ull };
	return e;
}

/*
 * What comes before the next instruction, not after the block: an EOI, which
 * is the application's, and what an access to a controller has raised.
 */
#define BEFORE_NEXT                                                            \
	(VMI_EVENT_EOI | VMI_EVENT_IRQ | VMI_EVENT_NMI | VMI_EVENT_INIT |      \
		VMI_EVENT_SMI)

/*
 * OUT and a MOV to memory are done when their one write is, IN when its answer
 * is in RAX, and none needs to be executed again: their length, of others 0.
 */
static uint8_t plain_length(const struct vmi_cpu *c,
	const struct vmi_io_entry *e)
{
	const struct vmi_op *op = c->op;
	unsigned shape;

	if (!op || c->delivering || c->io.n)
		return 0;
	if ((op->code & VMI_CODE_HELPER) && vmi_op_exec(op) ==
			(e->is_write ? VMI_EXEC_out : VMI_EXEC_in))
		return op->len;
	shape = op->size >> 4;
	return op->code == VMI_EXEC_mov && e->is_write && e->space == VMI_SPACE_MEMORY &&
		(shape == VMI_MR || shape == VMI_MI) &&
		e->bytes == vmi_op_size(op) ? op->len : 0;
}

/* Entry n is the application's to answer. */
static vmi_noreturn void ask(struct vmi_cpu *c)
{
	c->io.waiting = true;
	c->io.plain = plain_length(c, &c->io.entry[c->io.n]);
	vmi_leave(c, VMI_LEAVE_EXIT);
}

static const struct vmi_io_entry *access_device(struct vmi_cpu *c,
	struct vmi_io_entry want)
{
	struct vmi_io *io = &c->io;
	struct vmi_io_entry *e;

	log_open(c);
	if (io->cursor < io->n) {
		e = &io->entry[io->cursor];
		if (e->address == want.address && e->bytes == want.bytes &&
			e->space == want.space &&
			e->is_write == want.is_write) {
			io->cursor++;
			return e;
		}
		io->n = io->cursor; /* memory changed under the instruction */
	}
	if (io->n == VMI_IO_LOG)
		return overflow(io);
	e = &io->entry[io->n];
	*e = want;
	vmi_turn_look(c);
	if (!answered(c, e))
		ask(c);
	io->n++;
	io->cursor++;
	if (atomic_load_explicit(&c->event, memory_order_relaxed) &
			BEFORE_NEXT || vmi_turn_is_late(c))
		vmi_leave(c, VMI_LEAVE_REPLAY);
	return e;
}

static uint64_t low_bytes(uint64_t v, unsigned bytes)
{
	return bytes == 8 ? v : v & ((1ull << (8 * bytes)) - 1);
}

uint64_t vmi_dev_read(struct vmi_cpu *c, enum vmi_space space,
	uint64_t address, unsigned bytes)
{
	struct vmi_io_entry e = { .address = address, .bytes = (uint8_t)bytes,
		.space = (uint8_t)space };

	return low_bytes(access_device(c, e)->value, bytes);
}

void vmi_dev_write(struct vmi_cpu *c, enum vmi_space space, uint64_t address,
	uint64_t value, unsigned bytes)
{
	struct vmi_io_entry e = { .address = address,
		.value = low_bytes(value, bytes), .bytes = (uint8_t)bytes,
		.space = (uint8_t)space, .is_write = true };

	access_device(c, e);
}

/* -- IN and OUT --------------------------------------------------------- */

/* The region did nothing: the instruction is left. */
static vmi_noinline vmi_noreturn void refused(struct vmi_cpu *c,
	const struct vmi_region *region, const struct vmapi_access *a, int err)
{
	log_open(c);
	c->io.entry[c->io.n] = (struct vmi_io_entry){
		.address = region->base + a->offset,
		.value = a->is_write ? a->value : 0,
		.bytes = (uint8_t)a->bytes, .space = VMI_SPACE_PORT,
		.is_write = a->is_write };
	if (err == -EAGAIN)
		vmi_leave(c, VMI_LEAVE_REPLAY);
	ask(c);
}

/*
 * Whether a region may answer now: the log has nothing for this access, and
 * nobody counts time by instructions.
 */
static vmi_inline bool is_now(const struct vmi_cpu *c)
{
	return vmi_likely(!c->io.replay && !c->vm->turns.on);
}

static vmi_inline void answer_now(struct vmi_cpu *c,
	struct vmi_region *region, struct vmapi_access *a)
{
	int err = region->access(region, a);

	if (vmi_unlikely(err))
		refused(c, region, a, err);
}

/* Where there is a region there is no doorbell. */
static bool answers_now(struct vmi_cpu *c, uint16_t port,
	struct vmapi_access *a)
{
	struct vmapi_vm *vm = &c->vm->vm;
	struct vmi_region *region = is_now(c) ? vmi_regions_find(
		atomic_load_explicit(&vm->regions, memory_order_acquire),
		&a->vcpu->near, VMI_SPACE_PORT, port, a->bytes) : NULL;

	if (!region || (!(region->posts && a->is_write) &&
		vmi_posted_waits(vm)))
		return false;
	a->offset = port - region->base;
	answer_now(c, region, a);
	return true;
}

static vmi_noinline uint64_t in_far(struct vmi_cpu *c, uint16_t port,
	unsigned bytes)
{
	struct vmapi_access a = { .bytes = bytes,
		.vcpu = &vmi_cpu_vcpu(c)->vcpu };

	return answers_now(c, port, &a) ? a.value :
		vmi_dev_read(c, VMI_SPACE_PORT, port, bytes);
}

static vmi_noinline void out_far(struct vmi_cpu *c, uint16_t port,
	uint64_t value, unsigned bytes)
{
	struct vmapi_access a = { .value = value, .bytes = bytes,
		.is_write = true, .vcpu = &vmi_cpu_vcpu(c)->vcpu };

	if (!answers_now(c, port, &a))
		vmi_dev_write(c, VMI_SPACE_PORT, port, value, bytes);
}

/* The region of the last access again, where no write can wait: or NULL. */
static vmi_inline struct vmi_region *region_near(struct vmi_cpu *c,
	uint16_t port, unsigned bytes)
{
	const struct vmapi_vm *vm = &c->vm->vm;

	if (!is_now(c) || vmi_posted_exists(vm))
		return NULL;
	return vmi_regions_near(atomic_load_explicit(&vm->regions,
		memory_order_acquire), &vmi_cpu_vcpu(c)->vcpu.near,
		VMI_SPACE_PORT, port, bytes);
}

uint64_t vmi_dev_in(struct vmi_cpu *c, uint16_t port, unsigned bytes)
{
	struct vmi_region *region = region_near(c, port, bytes);
	struct vmapi_access a;

	if (vmi_unlikely(!region))
		return in_far(c, port, bytes);
	a = (struct vmapi_access){ .offset = port - region->base,
		.bytes = bytes, .vcpu = &vmi_cpu_vcpu(c)->vcpu };
	answer_now(c, region, &a);
	return a.value;
}

void vmi_dev_out(struct vmi_cpu *c, uint16_t port, uint64_t value,
	unsigned bytes)
{
	struct vmi_region *region = region_near(c, port, bytes);
	struct vmapi_access a;

	if (vmi_unlikely(!region)) {
		out_far(c, port, value, bytes);
		return;
	}
	a = (struct vmapi_access){ .offset = port - region->base,
		.value = value, .bytes = bytes, .is_write = true,
		.vcpu = &vmi_cpu_vcpu(c)->vcpu };
	answer_now(c, region, &a);
}

/* -- Other questions ---------------------------------------------------- */

bool vmi_ask(struct vmi_cpu *c, struct vmi_io_entry what, uint64_t *answer)
{
	const struct vmi_io_entry *e;

	what.bytes = 8;
	e = access_device(c, what);
	*answer = e->value;
	return !e->refused;
}
