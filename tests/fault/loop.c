/* SPDX-License-Identifier: MIT */
/* Scenarios: a device process in a loop, by socket and by shared memory. */
/*
 * The monitor says all that it has to say before anybody listens, and hangs
 * up: so the calls come in the same order each time.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/region/ring.h"
#include "lib/sys/sys.h"
#include "tests/fault/fault.h"
#include "tests/fault/scenario.h"

#define BY_RING (1u << 31) /* beside VMAPI_LOOP_ */

struct monitor {
	int data[2]; /* its end first */
	int control[2];
	bool by_ring;
	int err;
};

struct life {
	struct world *w;
	struct vmapi_loop *loop;
	struct vmapi_source *writer;
	unsigned served, signals;
	bool ended;
};

/* -- The monitor -------------------------------------------------------- */

static const struct vmapi_wire_command command = { .size_exponent = 3,
	.response = 1, .user_data = 41 };

static int offer(const struct monitor *m)
{
	const struct vmapi_wire_offer what = {
		.bytes = sizeof(struct vmapi_wire_ring),
		.slots = VMAPI_WIRE_SLOTS };
	struct vmi_ring *ring;
	int memory, err = vmi_ring_create(&ring, &memory);

	if (err)
		return err;
	if (vmi_ring_push(ring, &command) != 1)
		err = -EIO;
	vmi_ring_publish(ring);
	if (vmi_sys_host.send_fd(m->control[0], &what, sizeof(what), memory) <
		0)
		err = -EIO;
	close(memory);
	vmi_ring_put(ring);
	return err;
}

/* On a thread of its own, whose calls are not counted. */
static void *speak(void *opaque)
{
	struct monitor *m = opaque;
	const struct vmapi_wire_hello hello = { .magic = VMAPI_WIRE_MAGIC,
		.version = 1,
		.features = m->by_ring ? VMAPI_WIRE_CAN_RING : 0 };

	m->err = -EIO;
	if (write(m->control[0], &hello, sizeof(hello)) != sizeof(hello))
		return NULL;
	if (m->by_ring)
		m->err = offer(m);
	else if (write(m->data[0], &command, 32) == 32)
		m->err = 0;
	shutdown(m->data[0], SHUT_WR);
	return NULL;
}

static void close_monitor(struct monitor *m)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		close(m->data[i]);
		close(m->control[i]);
	}
}

static int open_monitor(struct monitor *m, bool by_ring)
{
	const int type = SOCK_STREAM | SOCK_CLOEXEC;
	pthread_t thread;

	m->by_ring = by_ring;
	if (socketpair(AF_UNIX, type, 0, m->data) ||
		socketpair(AF_UNIX, type, 0, m->control) ||
		pthread_create(&thread, NULL, speak, m))
		return -EMFILE;
	pthread_join(thread, NULL);
	return m->err;
}

/* -- The process -------------------------------------------------------- */

static void serve(void *opaque, uint64_t user_data, struct vmapi_access *access)
{
	struct life *l = opaque;

	access->value = user_data + 1;
	l->served++;
}

static void end(void *opaque, int error)
{
	struct life *l = opaque;

	HOLDS(l->w, !l->ended);
	l->ended = true;
	l->w->told = error;
	vmapi_loop_stop(l->loop);
}

static void on_timer(void *opaque, uint64_t n)
{
	(void)opaque;
	(void)n;
}

static void on_signal(void *opaque, uint64_t n)
{
	struct life *l = opaque;

	l->signals += (unsigned)n;
}

static void on_ready(void *opaque, uint32_t events)
{
	struct life *l = opaque;

	HOLDS(l->w, events & VMAPI_LOOP_WRITE);
	vmapi_loop_remove(l->writer);
}

/* A timer, a socket that has room, and an eventfd that comes and goes. */
static int add_others(struct world *w, struct life *l, int fd)
{
	struct vmapi_source *s;
	int err = TRY(w, vmapi_loop_timer(l->loop, on_timer, NULL, &s));

	if (!err)
		err = TRY(w, vmapi_loop_timer_set(s, 1000, 1000000));
	if (!err)
		err = TRY(w, vmapi_loop_fd(l->loop, fd, VMAPI_LOOP_WRITE,
			on_ready, l, &l->writer));
	if (!err)
		err = TRY(w, vmapi_loop_eventfd(
			l->loop, w->fds[0], on_signal, l, &s));
	if (!err)
		vmapi_loop_remove(s);
	if (!err)
		err = TRY(w, vmapi_loop_eventfd(
			l->loop, w->fds[0], on_signal, l, &s));
	return err;
}

static int run(struct world *w, struct life *l, const struct monitor *m)
{
	struct vmapi_loop_channel c = { .size = sizeof(c), .fd = m->data[1],
		.control_fd = m->control[1], .fn = serve, .ended = end,
		.opaque = l };
	struct vmapi_source *s;
	int err = add_others(w, l, m->control[1]);

	if (!err)
		err = TRY(w, vmapi_loop_serve(l->loop, &c, &s));
	if (!err)
		err = TRY(w, vmapi_loop_run(l->loop));
	HOLDS(w, err || l->ended);
	HOLDS(w, err || w->told || fault_injected() || l->served == 1);
	return err;
}

static int live(struct world *w, unsigned flags)
{
	struct vmapi_loop_config c = { .size = sizeof(c),
		.flags = flags & VMAPI_LOOP_POLL };
	struct life l = { .w = w };
	struct monitor m;
	int err = open_monitor(&m, flags & BY_RING);

	w->told = 0;
	if (!err)
		err = TRY(w, vmapi_loop_create(&c, &l.loop));
	HOLDS(w, !err == !!l.loop);
	if (!err)
		err = run(w, &l, &m);
	vmapi_loop_destroy(l.loop);
	close_monitor(&m);
	return err;
}

static int by_any(struct world *w)
{
	return live(w, 0);
}

static int by_poll(struct world *w)
{
	return live(w, VMAPI_LOOP_POLL);
}

static int ring_by_any(struct world *w)
{
	return live(w, BY_RING);
}

static int ring_by_poll(struct world *w)
{
	return live(w, BY_RING | VMAPI_LOOP_POLL);
}

static int ring_alone(struct world *w)
{
	struct life l = { .w = w };
	struct monitor m;
	int err = open_monitor(&m, true);

	if (!err)
		err = TRY(w, vmapi_serve(m.data[1], m.control[1], serve, &l));
	HOLDS(w, err || l.served == 1);
	close_monitor(&m);
	return err;
}

static int make_eventfd(struct world *w)
{
	w->fds[0] = vmi_sys_host.eventfd(1, 0);
	return w->fds[0] < 0 ? w->fds[0] : 0;
}

const struct scenario fault_loop[] = {
	{ "loop", ON_SOFT, BASE_NOTHING, RACES | OWN_FDS, .act = by_any,
		.prepare = make_eventfd },
	{ "loop-poll", ON_SOFT, BASE_NOTHING, RACES | OWN_FDS, .act = by_poll,
		.prepare = make_eventfd },
	{ "loop-ring", ON_SOFT, BASE_NOTHING, RACES | OWN_FDS,
		.act = ring_by_any, .prepare = make_eventfd },
	{ "loop-poll-ring", ON_SOFT, BASE_NOTHING, RACES | OWN_FDS,
		.act = ring_by_poll, .prepare = make_eventfd },
	{ "serve-ring", ON_SOFT, BASE_NOTHING, RACES | OWN_FDS,
		.act = ring_alone },
	{ NULL, 0, BASE_NOTHING, .act = NULL },
};
