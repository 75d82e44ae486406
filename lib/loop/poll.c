/* SPDX-License-Identifier: MIT */
/* A loop by poll(2): where there is no io_uring, or it is refused. */
#include <errno.h>
#include <string.h>

#include "lib/loop/loop.h"
#include "lib/sys/sys.h"

struct polled {
	struct pollfd *fds;
	struct vmapi_source **sources; /* of each; NULL: it went meanwhile */
	unsigned n, room;
};

static int init(struct vmapi_loop *loop)
{
	loop->state = vmi_zalloc(sizeof(struct polled));
	return loop->state ? 0 : -ENOMEM;
}

static void fini(struct vmapi_loop *loop)
{
	struct polled *p = loop->state;

	vmi_free(p->fds);
	vmi_free(p->sources);
	vmi_free(p);
}

static void watch(struct vmapi_source *s)
{
	s->watched = true;
}

static void unwatch(struct vmapi_source *s)
{
	struct polled *p = s->loop->state;

	s->watched = false;
	if (s->slot >= 0 && (unsigned)s->slot < p->n)
		p->sources[s->slot] = NULL;
	s->slot = -1;
}

static int make_room(struct polled *p, unsigned n)
{
	unsigned room = n + n / 2 + 16;

	if (n <= p->room)
		return 0;
	vmi_free(p->fds);
	vmi_free(p->sources);
	p->room = p->n = 0;
	p->fds = vmi_calloc(room, sizeof(*p->fds));
	p->sources = vmi_calloc(room, sizeof(*p->sources));
	if (!p->fds || !p->sources)
		return -ENOMEM;
	p->room = room;
	return 0;
}

/* Anew each time: poll(2) itself looks at all of them. */
static int collect(struct vmapi_loop *loop)
{
	struct polled *p = loop->state;
	int err = make_room(p, loop->n_sources);
	struct vmapi_source *s;

	if (err)
		return err;
	p->n = 0;
	for (s = loop->sources; s; s = s->next) {
		if (!s->watched)
			continue;
		p->fds[p->n] = (struct pollfd){ .fd = s->fd,
			.events = s->events };
		p->sources[p->n] = s;
		s->slot = (int)p->n++;
	}
	return 0;
}

static int wait(struct vmapi_loop *loop, int64_t timeout_ns)
{
	struct polled *p = loop->state;
	int left = collect(loop);
	unsigned i;

	if (left)
		return left;
	left = vmi_sys->poll(p->fds, p->n, timeout_ns);
	loop->n_ready = left > 0 ? (unsigned)left : 0;
	for (i = 0; i < p->n && left > 0; i++) {
		struct vmapi_source *s = p->sources[i];

		if (!p->fds[i].revents)
			continue;
		left--;
		if (s)
			s->kind->ready(s, p->fds[i].revents);
	}
	p->n = 0;
	return left < 0 ? left : 0;
}

const struct vmi_loop_ops vmi_loop_poll = {
	.name = "poll",
	.init = init,
	.fini = fini,
	.watch = watch,
	.unwatch = unwatch,
	.wait = wait,
};
