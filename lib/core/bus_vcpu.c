/* SPDX-License-Identifier: MIT */
/* What a vcpu asks on the APIC bus: EOIs, vectors, accesses of the chips. */
/*
 * To a backend the chips are nobody: an access of them is an exit, and so is
 * the end of an interrupt, and the moment at which the processor can take one
 * of the PIC's.  Core takes these before the application sees them, with the
 * vcpu outside the guest, and waits for the other end's answer before it lets
 * the guest go on: so no processor sees an interrupt whose EOI is still on the
 * way.  Who waits moves the bus on, for the chips may have something to ask
 * before they answer.
 *
 * What is under way stays in the vcpu when a kick ends the run, and the next
 * run begins by waiting on.  State calls are refused meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/arch/x86_state.h"
#include "lib/core/access.h"
#include "lib/core/backend.h"
#include "lib/core/bus.h"
#include "lib/core/encode.h"
#include "lib/sys/sys.h"

#define LAPIC_BYTES  1024
#define LAPIC_SVR    0xf0
#define EOI_SUPPRESS (1u << 12) /* SDM 3A 11.8.5 */

struct vmi_bus_wait {
	struct vmapi_bus *bus; /* referenced; NULL: nothing is asked */
	struct vmi_bus_call call;
	bool asked;
	struct vmapi_exit exit; /* why */
	uint64_t deadline;	/* 0: none */
	uint32_t index;		/* of an access's elements */
	int wake_fd;
	uint8_t data[VMI_EXIT_DATA_MAX];
};

/* -- The exit ----------------------------------------------------------- */

/* Nobody else can answer there: the windows are regions. */
static bool is_chips(const struct vmapi_bus *bus, const struct vmapi_exit *x)
{
	uint64_t first = vmi_exit_address(x);
	uint64_t last = first + vmi_exit_width(x) - 1;
	unsigned space = vmi_exit_space(x), i;

	for (i = 0; i < bus->n_windows; i++) {
		const struct vmi_region *w = &bus->windows[i];

		if ((unsigned)w->space == space && first >= w->base &&
			last <= w->base + w->bytes - 1)
			return vmi_exit_bytes(x) <= VMI_EXIT_DATA_MAX;
	}
	return false;
}

/* -- Asking ------------------------------------------------------------- */

static int prepare(struct vmapi_vcpu *vcpu)
{
	struct vmi_bus_wait *w = vcpu->bus_wait;

	if (w)
		return 0;
	w = vmi_zalloc(sizeof(*w));
	if (!w)
		return vmi_fail(-ENOMEM, vmi_vcpu_label(vcpu), "no memory");
	w->wake_fd = vmi_sys->eventfd(0, 0);
	if (w->wake_fd < 0) {
		int err = vmi_fail(w->wake_fd, vmi_vcpu_label(vcpu),
			"no eventfd to wait with");

		vmi_free(w);
		return err;
	}
	vcpu->bus_wait = w;
	return 0;
}

static uint64_t now(void)
{
	uint64_t ns = 0;

	(void)vmi_sys->now(CLOCK_MONOTONIC, &ns);
	return ns;
}

static void encode_access(
	const struct vmi_bus_wait *w, struct vmapi_bus_message *m)
{
	const struct vmapi_exit *x = &w->exit;
	uint32_t width = vmi_exit_width(x);

	m->type = vmi_exit_is_write(x) ? VMAPI_BUS_WRITE : VMAPI_BUS_READ;
	m->flags = vmi_exit_is_port(x) ? VMAPI_BUS_PORT : 0;
	m->dest = (uint32_t)vmi_exit_address(x);
	m->bytes = width;
	if (vmi_exit_is_write(x))
		m->data = vmi_fetch(w->data + w->index * width, width);
}

static void ask(struct vmapi_vcpu *vcpu, struct vmi_bus_wait *w)
{
	struct vmapi_bus_message m = { .source = (uint32_t)vcpu->id };

	if (vmi_exit_is_access(&w->exit)) {
		encode_access(w, &m);
	} else if (w->exit.reason == VMAPI_EXIT_EOI) {
		m.type = VMAPI_BUS_EOI;
		m.vector = (uint8_t)w->exit.u.eoi.vector;
	} else {
		m.type = VMAPI_BUS_INTA;
	}
	memset(&w->call, 0, sizeof(w->call));
	w->call.ask = m;
	w->call.wake_fd = w->wake_fd;
	w->deadline = w->bus->timeout_ms
		? now() + (uint64_t)w->bus->timeout_ms * 1000000 : 0;
	w->asked = true;
	vmi_bus_submit(&w->bus->end, &w->call);
}

static void take_back(struct vmi_bus_wait *w)
{
	if (w->asked)
		vmi_bus_cancel(&w->bus->end, &w->call);
	w->asked = false;
}

/* How long a poll may take; the bus dies when its time is over. */
static int64_t time_left(struct vmi_bus_wait *w)
{
	uint64_t at;

	if (!w->deadline)
		return -1;
	at = now();
	if (at < w->deadline)
		return (int64_t)(w->deadline - at);
	vmi_bus_fail_for(&w->bus->end, &w->call, -ETIMEDOUT);
	return 0;
}

/*
 * Until it is answered (the stage), or VMI_BUS_NONE: the bus is gone;
 * VMI_BUS_QUEUED: the vcpu was kicked.
 */
static enum vmi_bus_stage wait(struct vmapi_vcpu *vcpu, struct vmi_bus_wait *w)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	enum vmi_bus_stage stage;
	int64_t left;

	for (;;) {
		stage = vmi_bus_move(w->bus, &w->call);
		if (atomic_load(&w->bus->gone))
			return VMI_BUS_NONE;
		if (stage >= VMI_BUS_DONE)
			return stage;
		if (be->vcpu_take_kick(vcpu))
			return VMI_BUS_QUEUED;
		left = time_left(w);
		(void)vmi_bus_wait(&w->bus->end, w->wake_fd, left);
	}
}

/* -- What came of it ---------------------------------------------------- */

static void end(struct vmapi_vcpu *vcpu)
{
	struct vmi_bus_wait *w = vcpu->bus_wait;

	take_back(w);
	vmi_bus_put(w->bus);
	w->bus = NULL;
	vcpu->unanswered = false;
}

static enum vmi_bus_verdict kicked(struct vmapi_exit *exit)
{
	const struct vmapi_exit x = { .reason = VMAPI_EXIT_KICK };

	vmi_exit_give(exit, &x);
	return VMI_BUS_EXIT;
}

/* No bus any more: an access is the application's, all else is nothing. */
static enum vmi_bus_verdict give_back(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	struct vmi_bus_wait *w = vcpu->bus_wait;
	bool access = vmi_exit_is_access(&w->exit);

	end(vcpu);
	if (!access)
		return VMI_BUS_ANSWERED;
	vcpu->unanswered = w->exit.flags & VMAPI_EXIT_ANSWER;
	vmi_exit_give(exit, &w->exit);
	return VMI_BUS_EXIT;
}

static enum vmi_bus_verdict fail(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit, int error)
{
	struct vmi_bus_wait *w = vcpu->bus_wait;
	struct vmapi_exit out = { .reason = VMAPI_EXIT_BUS,
		.native = w->exit.native };

	out.u.bus.type = w->call.ask.type;
	out.u.bus.vector = w->call.ask.vector;
	out.u.bus.address = w->call.ask.dest;
	out.u.bus.error = error;
	take_back(w);
	vmi_exit_give(exit, &out);
	return VMI_BUS_EXIT;
}

static enum vmi_bus_verdict answered(struct vmapi_vcpu *vcpu)
{
	struct vmi_bus_wait *w = vcpu->bus_wait;
	const struct vmapi_exit *x = &w->exit;
	bool access = vmi_exit_is_access(x);

	if (access && !vmi_exit_is_write(x))
		(void)vcpu->vm->ctx->be->vcpu_complete(
			vcpu, w->data, vmi_exit_width(x) * vmi_exit_count(x));
	end(vcpu);
	vcpu->unsettled |= access;
	return VMI_BUS_ANSWERED;
}

/* A line that is still high asks again; a message was for one vector. */
static int inject(struct vmapi_vcpu *vcpu, uint8_t vector)
{
	atomic_fetch_and(&vcpu->extint, ~VMI_EXTINT_MESSAGE);
	return vcpu->vm->ctx->be->vcpu_interrupt(vcpu, vector);
}

/* One reply: 0, or why it does not count. */
static int use_reply(struct vmapi_vcpu *vcpu, struct vmi_bus_wait *w)
{
	const struct vmapi_bus_message *reply = &w->call.reply;
	uint32_t width = vmi_exit_width(&w->exit);

	if (reply->delivery != VMAPI_BUS_OK)
		return -EPROTO;
	if (w->call.ask.type == VMAPI_BUS_INTA)
		return inject(vcpu, reply->vector);
	if (w->call.ask.type == VMAPI_BUS_READ)
		vmi_store(w->data + w->index * width, reply->data, width);
	return 0;
}

static uint32_t rounds_of(const struct vmapi_exit *x)
{
	return vmi_exit_is_access(x) ? vmi_exit_count(x) : 1;
}

static enum vmi_bus_verdict go_on(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	struct vmi_bus_wait *w = vcpu->bus_wait;
	enum vmi_bus_stage stage;
	int err;

	while (w->index < rounds_of(&w->exit)) {
		if (!w->asked)
			ask(vcpu, w);
		stage = wait(vcpu, w);
		if (stage == VMI_BUS_QUEUED)
			return kicked(exit);
		if (stage == VMI_BUS_NONE)
			return give_back(vcpu, exit);
		err = stage == VMI_BUS_FAILED ? w->call.error
					      : use_reply(vcpu, w);
		if (err) {
			vmi_bus_fail_for(&w->bus->end, &w->call, err);
			return fail(vcpu, exit, err);
		}
		w->index++;
		take_back(w);
	}
	return answered(vcpu);
}

/* -- For run ------------------------------------------------------------ */

/* Directed EOIs only: some kernels broadcast all the same. */
static bool is_suppressed(struct vmapi_vcpu *vcpu)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	uint8_t page[LAPIC_BYTES];
	size_t bytes = sizeof(page);

	return !be->block_get(vcpu, VMI_BLOCK_LAPIC, page, &bytes) &&
	       vmi_fetch(page + LAPIC_SVR, 4) & EOI_SUPPRESS;
}

/* *done: there is nothing to ask. */
static bool is_ours(struct vmapi_vcpu *vcpu, const struct vmapi_bus *bus,
	const struct vmapi_exit *x, bool *done)
{
	*done = false;
	if (x->reason == VMAPI_EXIT_EOI)
		*done = is_suppressed(vcpu);
	else if (x->reason == VMAPI_EXIT_IRQ_WINDOW)
		*done = !atomic_load(&vcpu->extint);
	else
		return vmi_exit_is_access(x) && is_chips(bus, x);
	return true;
}

bool vmi_bus_waits(const struct vmapi_vcpu *vcpu)
{
	return vcpu->bus_wait && vcpu->bus_wait->bus;
}

enum vmi_bus_verdict vmi_bus_resume(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	enum vmi_bus_verdict verdict;

	atomic_store(&vcpu->woken_by, vcpu->bus_wait->wake_fd);
	verdict = go_on(vcpu, exit);
	atomic_store(&vcpu->woken_by, -1);
	return verdict;
}

static int take(struct vmapi_vcpu *vcpu, struct vmapi_bus *bus,
	struct vmapi_exit *exit)
{
	struct vmi_bus_wait *w;
	int err = prepare(vcpu);

	if (err)
		return err;
	w = vcpu->bus_wait;
	w->bus = bus;
	w->exit = *exit;
	w->index = 0;
	if (vmi_exit_is_access(exit) && vmi_exit_is_write(exit))
		memcpy(w->data, vmi_exit_data(exit),
			(size_t)vmi_exit_bytes(exit));
	vcpu->unanswered = true;
	return 0;
}

int vmi_bus_take(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit,
	enum vmi_bus_verdict *verdict)
{
	struct vmapi_bus *bus = vmi_bus_get(vcpu->vm);
	bool done;
	int err;

	*verdict = VMI_BUS_NOT;
	if (!bus)
		return 0;
	if (!is_ours(vcpu, bus, exit, &done)) {
		vmi_bus_put(bus);
		return 0;
	}
	err = done ? 0 : take(vcpu, bus, exit);
	if (err || done) {
		vmi_bus_put(bus);
		*verdict = VMI_BUS_ANSWERED;
		return err;
	}
	*verdict = vmi_bus_resume(vcpu, exit);
	return 0;
}

void vmi_bus_forget(struct vmapi_vcpu *vcpu)
{
	atomic_fetch_and(&vcpu->extint, ~VMI_EXTINT_MESSAGE);
	if (vmi_bus_waits(vcpu))
		end(vcpu);
}

void vmi_bus_vcpu_fini(struct vmapi_vcpu *vcpu)
{
	if (!vcpu->bus_wait)
		return;
	vmi_bus_forget(vcpu);
	vmi_sys->close(vcpu->bus_wait->wake_fd);
	vmi_free(vcpu->bus_wait);
	vcpu->bus_wait = NULL;
}
