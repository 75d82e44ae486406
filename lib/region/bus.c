/* SPDX-License-Identifier: MIT */
/* One end of an APIC bus: packets of one message each. */
/*
 * Whoever waits for an answer calls vmi_bus_step(), which sends and receives
 * whatever goes without waiting, for everybody; who brings news to another
 * one's call signals that one's eventfd.  So no thread of the library's own is
 * needed, and a vcpu that was kicked away while it waited need not come back
 * for others to go on.
 *
 * Nobody waits for what a RESET asks for, and nothing may overtake it.  A
 * socket that is full of our calls has room when the first is taken, and its
 * answer then makes somebody step, so it need not be polled for that.
 *
 * Answers come in any order, and find their call by number.  What the other
 * end asks is taken while `reading` is held and `lock` is not: to take it may
 * mean to lock a VM, whose owner may give up a call meanwhile.
 */
#include "lib/region/bus.h"

#include <errno.h>
#include <string.h>

#include "lib/sys/sys.h"

#define MESSAGE sizeof(struct vmapi_bus_message)
#define AT_ONCE 64 /* messages of one step: a flood lets others breathe */
#define TRIES	8  /* of an answer, */
#define TRY_NS	5000000 /* so long each */

_Static_assert(MESSAGE == 32, "the bus has 32 bytes a message");

/* -- Ends --------------------------------------------------------------- */

int vmi_bus_socket(int fd)
{
	int own = vmi_sys->dup(fd), type;

	if (own < 0)
		return own;
	type = vmi_sys->socket_type(own);
	if (type == VMI_SOCKET_PACKET)
		return own;
	vmi_sys->close(own);
	return type >= 0 || type == -ENOTSOCK ? -EINVAL : type;
}

void vmi_bus_end_init(struct vmi_bus_end *e, int fd)
{
	memset(e, 0, sizeof(*e));
	pthread_mutex_init(&e->reading, NULL);
	pthread_mutex_init(&e->lock, NULL);
	e->fd = fd;
}

void vmi_bus_end_fini(struct vmi_bus_end *e)
{
	pthread_mutex_destroy(&e->reading);
	pthread_mutex_destroy(&e->lock);
	vmi_sys->close(e->fd);
}

/* However the other end went. */
static int ended(ssize_t n)
{
	return n == 0 || n == -ECONNRESET ? -EPIPE : (int)n;
}

/* Under the lock. */
static void finish(
	struct vmi_bus_call *call, enum vmi_bus_stage stage, int error)
{
	call->stage = stage;
	call->error = error;
	if (call->wake_fd >= 0)
		vmi_eventfd_signal(call->wake_fd);
}

static void die(struct vmi_bus_end *e, int error)
{
	struct vmi_bus_call *call;

	if (e->error)
		return;
	e->error = error;
	while (e->calls) {
		call = e->calls;
		e->calls = call->next;
		finish(call, VMI_BUS_FAILED, error);
	}
}

void vmi_bus_fail(struct vmi_bus_end *e, int error)
{
	pthread_mutex_lock(&e->lock);
	die(e, error);
	pthread_mutex_unlock(&e->lock);
}

void vmi_bus_fail_for(
	struct vmi_bus_end *e, const struct vmi_bus_call *call, int error)
{
	pthread_mutex_lock(&e->lock);
	if (call->round == e->round)
		die(e, error);
	pthread_mutex_unlock(&e->lock);
}

int vmi_bus_error(struct vmi_bus_end *e)
{
	int error;

	pthread_mutex_lock(&e->lock);
	error = e->error;
	pthread_mutex_unlock(&e->lock);
	return error;
}

/* -- Sending, under the lock -------------------------------------------- */

/* 1: it went; 0: it would wait. */
static int send_one(
	struct vmi_bus_end *e, const struct vmapi_bus_message *message)
{
	ssize_t n = -EINTR;

	while (n == -EINTR)
		n = vmi_sys->send(e->fd, message, MESSAGE);
	if (n == (ssize_t)MESSAGE)
		return 1;
	if (n != -EAGAIN)
		die(e, n > 0 ? -EPROTO : ended(n));
	return 0;
}

/* False: it has to wait, and so has everything else. */
static bool send_reset(struct vmi_bus_end *e)
{
	const struct vmapi_bus_message m = { .type = VMAPI_BUS_RESET,
		.seq = e->reset };

	if (!e->owes_reset)
		return true;
	if (e->error || !send_one(e, &m))
		return false;
	e->owes_reset = false;
	e->abandoned++;
	return true;
}

static void owe_reset(struct vmi_bus_end *e)
{
	e->reset = ++e->seq;
	e->owes_reset = true;
	send_reset(e);
}

static void send_calls(struct vmi_bus_end *e)
{
	struct vmi_bus_call *call;

	if (!send_reset(e))
		return;
	for (call = e->calls; call && !e->error; call = call->next) {
		if (call->stage != VMI_BUS_QUEUED)
			continue;
		if (!send_one(e, &call->ask))
			return;
		call->stage = VMI_BUS_SENT;
	}
}

void vmi_bus_submit(struct vmi_bus_end *e, struct vmi_bus_call *call)
{
	struct vmi_bus_call **at = &e->calls;

	pthread_mutex_lock(&e->lock);
	call->ask.seq = ++e->seq;
	call->next = NULL;
	call->round = e->round;
	call->stage = VMI_BUS_QUEUED;
	if (e->error) {
		call->stage = VMI_BUS_FAILED;
		call->error = e->error;
	} else {
		while (*at)
			at = &(*at)->next;
		*at = call;
	}
	pthread_mutex_unlock(&e->lock);
}

void vmi_bus_cancel(struct vmi_bus_end *e, struct vmi_bus_call *call)
{
	struct vmi_bus_call **at;

	pthread_mutex_lock(&e->lock);
	for (at = &e->calls; *at && *at != call; at = &(*at)->next)
		;
	if (*at) {
		*at = call->next;
		e->abandoned += call->stage == VMI_BUS_SENT;
	}
	call->stage = VMI_BUS_NONE;
	pthread_mutex_unlock(&e->lock);
}

void vmi_bus_tell_reset(struct vmi_bus_end *e)
{
	pthread_mutex_lock(&e->lock);
	owe_reset(e);
	pthread_mutex_unlock(&e->lock);
}

void vmi_bus_reconnect(struct vmi_bus_end *e, int fd)
{
	int old;

	pthread_mutex_lock(&e->reading);
	if (e->left)
		e->left(e->opaque);
	pthread_mutex_lock(&e->lock);
	die(e, -ECONNRESET);
	old = e->fd;
	e->fd = fd;
	e->error = 0;
	e->round++;
	e->abandoned = 0;
	if (e->reset)
		owe_reset(e);
	pthread_mutex_unlock(&e->lock);
	pthread_mutex_unlock(&e->reading);
	vmi_sys->close(old);
}

/* Who asks more than the socket holds, and takes nothing, does not listen. */
static void send_answer(
	struct vmi_bus_end *e, const struct vmapi_bus_message *message)
{
	struct pollfd poll = { .fd = e->fd, .events = POLLOUT };
	unsigned i;

	for (i = 0; i < TRIES && !e->error; i++) {
		if (send_reset(e) && send_one(e, message))
			return;
		(void)vmi_sys->poll(&poll, 1, TRY_NS);
	}
	die(e, -EPROTO);
}

void vmi_bus_answer(struct vmi_bus_end *e,
	const struct vmapi_bus_message *message, uint8_t delivery,
	const struct vmapi_bus_message *reply)
{
	struct vmapi_bus_message m = *message;

	m.type |= VMAPI_BUS_REPLY;
	m.delivery = delivery;
	m.vector = reply->vector;
	m.dest = reply->dest;
	m.data = reply->data;
	pthread_mutex_lock(&e->lock);
	send_answer(e, &m);
	pthread_mutex_unlock(&e->lock);
}

/* -- Receiving, under `reading` ----------------------------------------- */

static bool answers(const struct vmi_bus_call *call,
	const struct vmapi_bus_message *reply)
{
	return call->stage == VMI_BUS_SENT &&
	       reply->type == (call->ask.type | VMAPI_BUS_REPLY) &&
	       reply->delivery <= VMAPI_BUS_REFUSED;
}

static void take_reply(struct vmi_bus_end *e,
	const struct vmapi_bus_message *reply, const struct vmi_bus_call *own)
{
	struct vmi_bus_call **at, *call;

	pthread_mutex_lock(&e->lock);
	for (at = &e->calls; *at && (*at)->ask.seq != reply->seq;
		at = &(*at)->next)
		;
	call = *at;
	if (call && answers(call, reply)) {
		*at = call->next;
		call->reply = *reply;
		if (call == own)
			call->stage = VMI_BUS_DONE;
		else
			finish(call, VMI_BUS_DONE, 0);
	} else if (call || !e->abandoned || reply->seq > e->seq) {
		die(e, -EPROTO);
	} else {
		e->abandoned--;
	}
	/* Who answers what came with a RESET, or behind it, has read it. */
	if (!e->error && !e->owes_reset && reply->seq >= e->reset)
		e->reset = 0;
	pthread_mutex_unlock(&e->lock);
}

/* A byte more than a message has, so that a longer one shows. */
static bool receive_one(struct vmi_bus_end *e, const struct vmi_bus_call *own)
{
	struct vmapi_bus_message message;
	uint8_t packet[MESSAGE + 1];
	ssize_t n = vmi_sys->receive(e->fd, packet, sizeof(packet));

	if (n == -EAGAIN || n == -EINTR)
		return false;
	if (n != (ssize_t)MESSAGE) {
		vmi_bus_fail(e, n > 0 ? -EPROTO : ended(n));
		return false;
	}
	memcpy(&message, packet, MESSAGE);
	if (message.type & VMAPI_BUS_REPLY)
		take_reply(e, &message, own);
	else
		e->take(e->opaque, &message);
	return true;
}

enum vmi_bus_stage vmi_bus_step(
	struct vmi_bus_end *e, const struct vmi_bus_call *call)
{
	enum vmi_bus_stage stage;
	unsigned i;

	pthread_mutex_lock(&e->lock);
	send_calls(e);
	pthread_mutex_unlock(&e->lock);
	pthread_mutex_lock(&e->reading);
	for (i = 0; i < AT_ONCE && !vmi_bus_error(e); i++)
		if (!receive_one(e, call))
			break;
	pthread_mutex_unlock(&e->reading);
	pthread_mutex_lock(&e->lock);
	stage = call ? call->stage : VMI_BUS_NONE;
	pthread_mutex_unlock(&e->lock);
	return stage;
}

int vmi_bus_wait(struct vmi_bus_end *e, int wake_fd, int64_t timeout_ns)
{
	struct pollfd fds[2] = { { .events = POLLIN },
		{ .fd = wake_fd, .events = POLLIN } };
	const struct vmi_bus_call *call;
	int n;

	pthread_mutex_lock(&e->lock);
	fds[0].fd = e->fd;
	if (e->owes_reset)
		fds[0].events |= POLLOUT;
	for (call = e->calls; call; call = call->next)
		if (call->stage == VMI_BUS_QUEUED)
			fds[0].events |= POLLOUT;
	pthread_mutex_unlock(&e->lock);
	n = vmi_sys->poll(fds, 2, timeout_ns);
	if (n > 0 && fds[1].revents)
		(void)vmi_eventfd_take(wake_fd);
	return n;
}
