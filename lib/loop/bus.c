/* SPDX-License-Identifier: MIT */
/* The other end of an APIC bus: an IOAPIC and a pair of PICs. */
/*
 * The chips are those of lib/chip, under one lock. They want to know at once
 * what became of an interrupt, so whoever makes one send it, be it the thread
 * that serves or one that sets a line, waits for the VM's answer with the lock
 * held, and receives whatever else comes meanwhile. What the VM asks is put
 * into a queue then, and done before the lock is given up: a chip is never
 * entered from within itself.
 *
 * A VM asks one thing for each of its vcpus, so who fills the queue is none.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include <vmapi/bus.h>
#include <vmapi/irq.h>

#include "lib/arch/x86_routes.h"
#include "lib/chip/ioapic.h"
#include "lib/chip/pic.h"
#include "lib/core/core.h"
#include "lib/core/layout.h"
#include "lib/region/bus.h"
#include "lib/sys/sys.h"

#define QUEUE	     1024 /* more than a VM has vcpus */
#define STORM_LIMIT  10000
#define STORM_US     10000
#define IOAPIC_GPA   0xfec00000u
#define STATE_MAGIC  0x73706968u /* "hips" */
#define STATE_FORMAT 1

struct vmapi_bus_chips {
	pthread_mutex_t lock;
	struct vmi_bus_end end;
	int wake; /* eventfd: the server is to look at the time again */
	struct vmi_ioapic ioapic;
	struct vmi_pic pic;
	vmapi_bus_ended_fn *ended;
	void *opaque;
	struct vmapi_route routes[VMI_X86_PC_ROUTES];
	struct vmapi_bus_message queue[QUEUE];
	unsigned head, n;
	uint32_t news; /* GSIs whose interrupt ended, to be told */
};

static uint64_t now(void)
{
	uint64_t ns = 0;

	(void)vmi_sys->now(CLOCK_MONOTONIC, &ns);
	return ns;
}

/* -- Asking the VM: with the lock held ---------------------------------- */

/* 0 with call->reply, or -errno. */
static int ask(struct vmapi_bus_chips *c, struct vmi_bus_call *call)
{
	call->wake_fd = -1;
	vmi_bus_submit(&c->end, call);
	while (vmi_bus_step(&c->end, call) < VMI_BUS_DONE)
		(void)vmi_bus_wait(&c->end, -1, -1);
	return call->stage == VMI_BUS_DONE ? 0 : call->error;
}

static int ask_delivery(
	struct vmapi_bus_chips *c, const struct vmapi_bus_message *m)
{
	struct vmi_bus_call call = { .ask = *m };

	if (ask(c, &call) || call.reply.delivery != VMAPI_BUS_OK)
		return VMAPI_IRQ_MASKED;
	return call.reply.dest > INT32_MAX ? INT32_MAX : (int)call.reply.dest;
}

/* The pin whose message this is: the chip has it to itself. */
static unsigned pin_of(
	const struct vmapi_bus_chips *c, const struct vmi_msi_msg *msg)
{
	unsigned pin;

	for (pin = 0; pin < VMI_IOAPIC_PINS; pin++) {
		uint64_t rte = c->ioapic.s.rte[pin];

		if ((uint8_t)rte == msg->vector &&
			(uint32_t)(rte >> 56) == msg->dest &&
			(rte >> 8 & 7) == msg->delivery &&
			!(rte >> 11 & 1) == !msg->logical)
			return pin;
	}
	return 0;
}

static int send_interrupt(void *opaque, const struct vmi_msi_msg *msg)
{
	struct vmapi_bus_chips *c = opaque;
	const struct vmapi_bus_message m = {
		.type = msg->delivery == VMI_DELIVER_LOWEST ? VMAPI_BUS_LOWEST
							    : VMAPI_BUS_INTR,
		.delivery = msg->delivery,
		.flags = (msg->logical ? VMAPI_BUS_LOGICAL : 0) |
			(msg->trig_level ? VMAPI_BUS_LEVEL : 0) |
			(msg->level ? VMAPI_BUS_ASSERT : 0),
		.vector = msg->vector,
		.dest = msg->dest,
		.source = pin_of(c, msg),
	};

	return ask_delivery(c, &m);
}

static void drive_intr(void *opaque, unsigned pin, bool level)
{
	struct vmapi_bus_chips *c = opaque;
	const struct vmapi_bus_message m = { .type = VMAPI_BUS_LINT,
		.flags = level ? VMAPI_BUS_ASSERT : 0 };

	(void)pin;
	(void)ask_delivery(c, &m);
}

static void note_ended(
	struct vmapi_bus_chips *c, uint32_t chip, unsigned pin)
{
	unsigned i;

	for (i = 0; i < VMI_X86_PC_ROUTES; i++)
		if (c->routes[i].u.pin.chip == chip &&
			c->routes[i].u.pin.pin == pin)
			c->news |= 1u << c->routes[i].gsi;
}

static void ioapic_ended(void *opaque, unsigned pin)
{
	note_ended(opaque, VMAPI_X86_IOAPIC, pin);
}

static void pic_ended(void *opaque, unsigned pin)
{
	note_ended(opaque,
		pin < 8 ? VMAPI_X86_PIC_MASTER : VMAPI_X86_PIC_SLAVE, pin % 8);
}

/* -- What the VM asks --------------------------------------------------- */

static void take(void *opaque, const struct vmapi_bus_message *m)
{
	struct vmapi_bus_chips *c = opaque;

	if (c->n == QUEUE) {
		vmi_bus_fail(&c->end, -EPROTO);
		return;
	}
	c->queue[(c->head + c->n++) % QUEUE] = *m;
}

static uint64_t mask_of(uint32_t bytes)
{
	return bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
}

/* Byte-wide chips: a wider access is bytes at ascending ports. */
static void access_ports(struct vmapi_bus_chips *c,
	const struct vmapi_bus_message *m, struct vmapi_bus_message *reply)
{
	uint64_t at = now(), value = 0;
	uint32_t i;

	for (i = 0; i < m->bytes; i++) {
		uint16_t port = (uint16_t)(m->dest + i);

		if (m->type == VMAPI_BUS_WRITE)
			vmi_pic_write(&c->pic, port,
				(uint8_t)(m->data >> 8 * i), at);
		else
			value |= (uint64_t)vmi_pic_read(&c->pic, port, at)
				<< 8 * i;
	}
	reply->data = value;
}

static void access_ioapic(struct vmapi_bus_chips *c,
	const struct vmapi_bus_message *m, struct vmapi_bus_message *reply)
{
	uint32_t offset = m->dest - IOAPIC_GPA;

	if (m->type == VMAPI_BUS_WRITE)
		vmi_ioapic_write(&c->ioapic, offset, m->bytes,
			(uint32_t)m->data, now());
	else
		reply->data = vmi_ioapic_read(
			&c->ioapic, offset, m->bytes, now());
}

static bool is_access(const struct vmapi_bus_message *m)
{
	uint64_t end = (uint64_t)m->dest + m->bytes;

	if (m->bytes != 1 && m->bytes != 2 && m->bytes != 4 && m->bytes != 8)
		return false;
	if (!(m->flags & VMAPI_BUS_PORT))
		return m->dest >= IOAPIC_GPA && end <= IOAPIC_GPA + 0x1000;
	return (m->dest >= 0x20 && end <= 0x22) ||
	       (m->dest >= 0xa0 && end <= 0xa2) ||
	       (m->dest >= 0x4d0 && end <= 0x4d2);
}

static uint8_t answer_access(struct vmapi_bus_chips *c,
	const struct vmapi_bus_message *m, struct vmapi_bus_message *reply)
{
	if (!is_access(m))
		return VMAPI_BUS_REFUSED;
	if (m->flags & VMAPI_BUS_PORT)
		access_ports(c, m, reply);
	else
		access_ioapic(c, m, reply);
	reply->data &= mask_of(m->bytes);
	return VMAPI_BUS_OK;
}

static void answer(
	struct vmapi_bus_chips *c, const struct vmapi_bus_message *m)
{
	struct vmapi_bus_message reply = { .dest = 0 };
	uint8_t status = VMAPI_BUS_OK;

	switch (m->type) {
	case VMAPI_BUS_EOI: vmi_ioapic_eoi(&c->ioapic, m->vector, now()); break;
	case VMAPI_BUS_INTA: reply.vector = vmi_pic_ack(&c->pic); break;
	case VMAPI_BUS_READ:
	case VMAPI_BUS_WRITE: status = answer_access(c, m, &reply); break;
	case VMAPI_BUS_RESET:
		vmi_pic_reset(&c->pic);
		vmi_ioapic_reset(&c->ioapic);
		break;
	default: vmi_bus_fail(&c->end, -EPROTO); return;
	}
	vmi_bus_answer(&c->end, m, status, &reply);
}

/* Until nothing is left, so that none is forgotten with the lock. */
static void answer_all(struct vmapi_bus_chips *c)
{
	struct vmapi_bus_message m;

	while (c->n) {
		m = c->queue[c->head];
		c->head = (c->head + 1) % QUEUE;
		c->n--;
		answer(c, &m);
	}
}

/* -- Made and dropped --------------------------------------------------- */

static void init_chips(struct vmapi_bus_chips *c,
	const struct vmapi_bus_chips_config *config)
{
	const struct vmi_line intr = { .set = drive_intr, .opaque = c };
	uint64_t delay = config->storm_delay_us ? config->storm_delay_us
						: STORM_US;

	delay *= 1000;
	vmi_x86_pc_routes(c->routes);
	vmi_pic_init(&c->pic, intr);
	c->pic.ended = pic_ended;
	vmi_ioapic_init(&c->ioapic, send_interrupt, c);
	c->ioapic.ended = ioapic_ended;
	vmi_ioapic_storm_guard(&c->ioapic,
		config->storm_limit ? config->storm_limit : STORM_LIMIT,
		delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay);
	c->ended = config->ended;
	c->opaque = config->opaque;
}

static int init_descriptors(struct vmapi_bus_chips *c, int fd)
{
	int own = vmi_bus_socket(fd);

	if (own < 0)
		return vmi_fail(own, "chips",
			"fd %d is no connected seqpacket socket", fd);
	c->wake = vmi_sys->eventfd(0, EFD_NONBLOCK);
	if (c->wake < 0) {
		vmi_sys->close(own);
		return vmi_fail(c->wake, "chips", "no eventfd");
	}
	vmi_bus_end_init(&c->end, own);
	c->end.take = take;
	c->end.opaque = c;
	return 0;
}

int vmapi_bus_chips_create(const struct vmapi_bus_chips_config *config,
	struct vmapi_bus_chips **out)
{
	struct vmapi_bus_chips_config own;
	struct vmapi_bus_chips *c;
	int err;

	vmi_enter_free(__func__);
	if (!config || !out)
		return vmi_null(config ? "chips" : "config");
	err = vmi_config_copy(&own, sizeof(own), config, sizeof(own));
	if (!err && (own.flags || own.reserved))
		err = vmi_fail(-EINVAL, "chips", "unknown flags 0x%" PRIx32,
			own.flags);
	if (err)
		return err;
	c = vmi_zalloc(sizeof(*c));
	if (!c)
		return vmi_fail(-ENOMEM, "chips", "no memory");
	err = init_descriptors(c, own.fd);
	if (err) {
		vmi_free(c);
		return err;
	}
	pthread_mutex_init(&c->lock, NULL);
	init_chips(c, &own);
	*out = c;
	return 0;
}

void vmapi_bus_chips_destroy(struct vmapi_bus_chips *c)
{
	vmi_enter_free(__func__);
	if (!c)
		return;
	vmi_bus_end_fini(&c->end);
	vmi_sys->close(c->wake);
	pthread_mutex_destroy(&c->lock);
	vmi_free(c);
}

/* -- Serving ------------------------------------------------------------ */

/* How long nothing happens by itself. */
static int64_t until_deadline(const struct vmapi_bus_chips *c)
{
	uint64_t at = now(), when = vmi_ioapic_deadline(&c->ioapic, at);

	if (when == VMI_NEVER)
		return -1;
	return when > at ? (int64_t)(when - at) : 0;
}

/* Give up the lock, and tell what may want it again. */
static void unlock(struct vmapi_bus_chips *c)
{
	uint32_t news = c->news;
	unsigned gsi;

	c->news = 0;
	pthread_mutex_unlock(&c->lock);
	for (gsi = 0; c->ended && news >> gsi; gsi++)
		if (news >> gsi & 1)
			c->ended(c->opaque, gsi);
}

/* What came, what is due; the time until there is more of that. */
static int turn(struct vmapi_bus_chips *c, int64_t *left)
{
	int err;

	pthread_mutex_lock(&c->lock);
	(void)vmi_bus_step(&c->end, NULL);
	answer_all(c);
	if (!until_deadline(c))
		vmi_ioapic_update(&c->ioapic, now());
	answer_all(c);
	*left = until_deadline(c);
	err = vmi_bus_error(&c->end);
	unlock(c);
	return err;
}

int vmapi_bus_chips_serve(struct vmapi_bus_chips *c)
{
	int64_t left;
	int err;

	vmi_enter_free(__func__);
	if (!c)
		return vmi_null("chips");
	while (!(err = turn(c, &left)))
		(void)vmi_bus_wait(&c->end, c->wake, left);
	return err == -EPIPE ? 0 : vmi_fail(err, "chips", "the VM %s",
		err == -EPROTO ? "sent nonsense" : "is gone");
}

/* -- From outside ------------------------------------------------------- */

/* What came meanwhile may have moved the time at which something is due. */
static int leave(struct vmapi_bus_chips *c)
{
	int err;

	answer_all(c);
	if (until_deadline(c) >= 0)
		vmi_eventfd_signal(c->wake);
	err = vmi_bus_error(&c->end);
	unlock(c);
	return err ? vmi_fail(err, "chips", "the VM is gone") : 0;
}

static int follow(struct vmapi_bus_chips *c, const struct vmapi_route *r,
	bool level)
{
	unsigned pin = r->u.pin.pin;

	if (r->u.pin.chip == VMAPI_X86_IOAPIC)
		return vmi_ioapic_set_irq(&c->ioapic, pin, level, now());
	return vmi_pic_set_irq(&c->pic, pin + 8 * r->u.pin.chip, level);
}

int vmapi_bus_chips_set_line(struct vmapi_bus_chips *c, unsigned gsi,
	int level, int *delivery)
{
	int what = VMAPI_IRQ_MASKED, one, err;
	unsigned i;

	vmi_enter_free(__func__);
	if (!c)
		return vmi_null("chips");
	if (gsi >= VMI_X86_PINS)
		return vmi_fail_range(-ERANGE, gsi, 0,
			"GSI %u is not below %u", gsi, VMI_X86_PINS);
	if (level != 0 && level != 1)
		return vmi_fail(-EINVAL, "chips",
			"a line has level 0 or 1, not %d", level);
	pthread_mutex_lock(&c->lock);
	for (i = 0; i < VMI_X86_PC_ROUTES; i++) {
		if (c->routes[i].gsi != gsi)
			continue;
		one = follow(c, &c->routes[i], level);
		what = one > what ? one : what;
	}
	err = leave(c);
	if (!err && delivery)
		*delivery = level ? what : VMAPI_IRQ_COALESCED;
	return err;
}

int vmapi_bus_chips_remote_read(struct vmapi_bus_chips *c, uint32_t apic,
	unsigned reg, uint32_t *value)
{
	struct vmi_bus_call call = { .ask = { .type = VMAPI_BUS_REMOTE_READ,
		.vector = (uint8_t)reg, .dest = apic } };
	int err = 0;

	vmi_enter_free(__func__);
	if (!c || !value)
		return vmi_null(c ? "value" : "chips");
	if (reg <= UINT8_MAX) {
		pthread_mutex_lock(&c->lock);
		(void)ask(c, &call);
		err = leave(c);
	}
	if (err)
		return err;
	if (reg > UINT8_MAX || call.reply.delivery != VMAPI_BUS_OK)
		return vmi_fail(-ENOENT, "chips",
			"APIC %" PRIu32 " has no register 0x%x to read", apic,
			reg);
	*value = (uint32_t)call.reply.data;
	return 0;
}

/* -- Their state -------------------------------------------------------- */

/* Times are relative in it. */
static void encode(const struct vmapi_bus_chips *c, struct vmi_buffer *b)
{
	struct vmi_ioapic_state io = c->ioapic.s;
	uint64_t at = now();

	io.held_until = io.held_until > at ? io.held_until - at : 0;
	vmi_put(b, STATE_MAGIC, 4);
	vmi_put(b, STATE_FORMAT, 4);
	vmi_put_struct(b, &vmi_layout_ioapic, &io);
	vmi_put_struct(b, &vmi_layout_pic, &c->pic.s);
}

int vmapi_bus_chips_save(struct vmapi_bus_chips *c, void *data, size_t room,
	size_t *bytes)
{
	struct vmi_buffer b = { .data = NULL };
	int err = 0;

	vmi_enter_free(__func__);
	if (!c || !data || !bytes)
		return vmi_null(!c ? "chips" : data ? "bytes" : "data");
	pthread_mutex_lock(&c->lock);
	encode(c, &b);
	pthread_mutex_unlock(&c->lock);
	if (b.failed)
		err = vmi_fail(-ENOMEM, "chips", "no memory");
	else if (b.bytes > room)
		err = vmi_fail(-ENOSPC, "chips",
			"%zu bytes of state do not go into %zu", b.bytes, room);
	if (!err) {
		memcpy(data, b.data, b.bytes);
		*bytes = b.bytes;
	}
	vmi_buffer_free(&b);
	return err;
}

static int decode(const void *data, size_t bytes, struct vmi_ioapic_state *io,
	struct vmi_pic_state *pic)
{
	struct vmi_cursor in = { .at = data,
		.end = (const uint8_t *)data + bytes };
	struct vmi_ioapic trial_io = { .s = { 0 } };
	struct vmi_pic trial_pic = { .s = { 0 } };
	bool ours = vmi_take(&in, 4) == STATE_MAGIC &&
		vmi_take(&in, 4) == STATE_FORMAT;

	vmi_take_struct(&in, &vmi_layout_ioapic, io);
	vmi_take_struct(&in, &vmi_layout_pic, pic);
	if (ours && vmi_cursor_done(&in) &&
		!vmi_ioapic_set_state(&trial_io, io) &&
		!vmi_pic_set_state(&trial_pic, pic))
		return 0;
	return vmi_fail(-EINVAL, "chips",
		"%zu bytes are no state of theirs", bytes);
}

/*
 * What the VM has said so far is of the time before, a reset above all: it
 * comes no later than an answer does.
 */
static void hear_all(struct vmapi_bus_chips *c)
{
	vmi_line_set(&c->pic.intr, false);
	answer_all(c);
}

/* INTR is driven as the new state wants it, whatever the VM thinks of it. */
static void apply(struct vmapi_bus_chips *c, struct vmi_ioapic_state *io,
	const struct vmi_pic_state *pic)
{
	io->held_until += io->held ? now() : 0;
	(void)vmi_ioapic_set_state(&c->ioapic, io);
	(void)vmi_pic_set_state(&c->pic, pic);
	c->pic.s.intr = false;
	vmi_line_set(&c->pic.intr, false);
	vmi_pic_update(&c->pic, now());
	vmi_ioapic_update(&c->ioapic, now());
}

int vmapi_bus_chips_restore(
	struct vmapi_bus_chips *c, const void *data, size_t bytes)
{
	struct vmi_ioapic_state io;
	struct vmi_pic_state pic;
	int err;

	vmi_enter_free(__func__);
	if (!c || !data)
		return vmi_null(c ? "data" : "chips");
	err = decode(data, bytes, &io, &pic);
	if (err)
		return err;
	pthread_mutex_lock(&c->lock);
	hear_all(c);
	apply(c, &io, &pic);
	return leave(c);
}
