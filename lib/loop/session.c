/* SPDX-License-Identifier: MIT */
/* Device channels among the sources of a loop. */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "lib/core/core.h"
#include "lib/loop/loop.h"
#include "lib/loop/server.h"
#include "lib/sys/sys.h"

#define TURN_NS 100000u /* of a ring, while others may wait */

struct session {
	struct vmapi_source base;
	struct vmi_server server;
	struct vmapi_source *greeter; /* while hands are shaken */
	vmapi_loop_ended_fn *ended;
	void *opaque;
	bool by_poll; /* exchanges do not wait on this socket */
	bool spun;    /* at the ring, in vain, until now */
	bool armed;   /* the ring's other side will wake us */
};

/* The control socket. */
struct greeter {
	struct vmapi_source base;
	struct session *session;
};

static struct session *of(struct vmapi_source *source)
{
	return (struct session *)source;
}

/* The other side sees the end, whoever else has a descriptor. */
static void hang_up(struct session *s)
{
	s->server.stopped = true;
	vmi_sys->shutdown(s->base.fd);
}

/* Its last words: the function may remove it. */
static void end(struct session *s, int error)
{
	hang_up(s);
	s->base.loop->ops->unwatch(&s->base);
	if (s->ended)
		s->ended(s->opaque, error);
}

/* -- By the socket ------------------------------------------------------ */

static void watch(struct session *s)
{
	s->base.events = POLLIN;
	s->base.loop->ops->watch(&s->base);
}

static void go_on(struct session *s)
{
	const struct vmi_loop_ops *ops = s->base.loop->ops;
	struct vmi_exchange what;

	if (!ops->exchange || s->by_poll) {
		watch(s);
		return;
	}
	what.n_out = vmi_server_unsent(&s->server, &what.out);
	what.n_in = vmi_server_room(&s->server, &what.in);
	ops->exchange(&s->base, &what);
}

/* A socket that does not block says -EAGAIN, and is watched from then on. */
static void exchanged(
	struct vmapi_source *source, ssize_t sent, ssize_t received)
{
	struct session *s = of(source);
	int rc = 1;

	if (s->server.stopped)
		return;
	if (sent > 0)
		vmi_server_sent(&s->server, (size_t)sent);
	if (sent == -EAGAIN || received == -EAGAIN)
		s->by_poll = true;
	else if (sent < 0 && sent != -EINTR && sent != -ECANCELED)
		rc = sent == -EPIPE || sent == -ECONNRESET ? 0 : (int)sent;
	else if (received != -ECANCELED && received != -EINTR)
		rc = vmi_server_received(&s->server, received);
	if (s->base.dropped)
		return;
	if (rc > 0)
		go_on(s);
	else
		end(s, rc);
}

static void move(struct session *s)
{
	int rc = vmi_server_move(&s->server, &s->base.events);

	if (rc <= 0 && !s->base.dropped)
		end(s, rc);
}

/* -- By the ring -------------------------------------------------------- */

static uint64_t now(void)
{
	uint64_t ns = 0;

	vmi_sys->now(CLOCK_MONOTONIC, &ns);
	return ns;
}

/*
 * Until there is nothing more, or others have waited long enough.  We look
 * for what comes soon only if nobody else has anything.
 */
static int turns(struct session *s)
{
	uint64_t start = now();
	bool alone = s->base.loop->n_ready <= 1;
	int done;

	do {
		done = vmi_server_turn(&s->server);
		if (done < 0 || s->base.dropped)
			return done;
		s->spun = !done && alone;
		if (!done && !(alone && vmi_server_spin(&s->server)))
			return 0;
	} while (now() - start < TURN_NS);
	return 1;
}

static void look(struct session *s, short events)
{
	int rc = 1;

	if (s->armed)
		vmi_server_disarm(&s->server);
	s->armed = false;
	if (events)
		rc = vmi_server_hear(&s->server);
	if (s->base.dropped)
		return;
	if (rc <= 0) {
		end(s, rc);
		return;
	}
	rc = turns(s);
	if (s->base.dropped)
		return;
	if (rc < 0)
		end(s, rc);
	else if (rc || !vmi_server_arm(&s->server, s->spun))
		vmi_source_again(&s->base);
	else
		s->armed = true;
}

/* -- A source ----------------------------------------------------------- */

static void ready(struct vmapi_source *source, short events)
{
	struct session *s = of(source);

	if (s->server.stopped)
		return;
	if (s->server.ring)
		look(s, events);
	else
		move(s);
}

static void stop(struct vmapi_source *source)
{
	struct session *s = of(source);

	hang_up(s);
	if (s->greeter)
		vmi_source_drop(s->greeter);
}

static void fini(struct vmapi_source *source)
{
	vmi_server_fini(&of(source)->server);
}

static const struct vmi_source_kind session_kind = {
	.size = sizeof(struct session),
	.ready = ready,
	.exchanged = exchanged,
	.stop = stop,
	.fini = fini,
};

/* Hands are shaken: to work. */
static void begin(struct session *s)
{
	if (!s->server.ring) {
		go_on(s);
		return;
	}
	s->base.edges = true;
	watch(s);
	vmi_source_again(&s->base);
}

static void greet(struct vmapi_source *source, short events)
{
	struct session *s = ((struct greeter *)source)->session;
	int rc = vmi_server_greet(&s->server, source->fd);

	(void)events;
	if (rc > 0)
		return;
	vmi_source_drop(source);
	if (rc)
		end(s, rc);
	else
		begin(s);
}

static void greeter_stop(struct vmapi_source *source)
{
	((struct greeter *)source)->session->greeter = NULL;
}

static const struct vmi_source_kind greeter_kind = {
	.size = sizeof(struct greeter),
	.ready = greet,
	.stop = greeter_stop,
};

static int add(struct vmapi_loop *loop, const struct vmi_source_kind *kind,
	int fd, struct vmapi_source **out)
{
	int own = vmi_sys->dup(fd), err;

	if (own < 0)
		return vmi_fail(own, "loop", "fd %d is not to be had", fd);
	err = vmi_source_new(loop, kind, own, out);
	if (err)
		vmi_sys->close(own);
	return err;
}

static int add_greeter(struct session *s, int control)
{
	int err = add(s->base.loop, &greeter_kind, control, &s->greeter);

	if (err)
		return err;
	((struct greeter *)s->greeter)->session = s;
	s->greeter->events = POLLIN;
	s->base.loop->ops->watch(s->greeter);
	return 0;
}

static int start(struct session *s, const struct vmapi_loop_channel *c)
{
	int err = vmi_server_init(&s->server, s->base.fd, c->fn, c->opaque);

	if (err)
		return vmi_fail(err, "socket",
			"fd %" PRId32 " is no connected stream or seqpacket "
			"socket", c->fd);
	s->ended = c->ended;
	s->opaque = c->opaque;
	if (c->control_fd >= 0)
		return add_greeter(s, c->control_fd);
	begin(s);
	return 0;
}

int vmapi_loop_serve(struct vmapi_loop *loop,
	const struct vmapi_loop_channel *channel, struct vmapi_source **out)
{
	int err = vmi_loop_enter(loop, __func__);
	struct vmapi_loop_channel c;
	struct vmapi_source *source;

	if (err)
		return err;
	if (!channel || !out)
		return vmi_null(channel ? "source" : "channel");
	err = vmi_config_copy(&c, sizeof(c), channel, sizeof(c));
	if (err)
		return err;
	if (!c.fn)
		return vmi_null("fn");
	if (c.flags)
		return vmi_fail(-EINVAL, "loop",
			"unknown flags 0x%" PRIx32, c.flags);
	err = add(loop, &session_kind, c.fd, &source);
	if (err)
		return err;
	err = start(of(source), &c);
	if (err) {
		vmi_source_drop(source);
		return err;
	}
	*out = source;
	return 0;
}
