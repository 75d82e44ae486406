/* SPDX-License-Identifier: MIT */
/* One thread for many descriptors: the loop, and its plain sources. */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/core.h"
#include "lib/loop/loop.h"
#include "lib/sys/sys.h"

/* In the order in which they are tried. */
static const struct vmi_loop_ops *const ways[] = {
#if VMI_URING
	&vmi_loop_uring,
#endif
	&vmi_loop_poll,
};

int vmi_loop_enter(const struct vmapi_loop *loop, const char *operation)
{
	int runner;

	vmi_enter_free(operation);
	if (!loop)
		return vmi_null("loop");
	if (loop->pid != vmi_sys->getpid())
		return vmi_fail(-EPERM, "loop",
			"it was made by another process, before a fork");
	runner = atomic_load(&loop->runner);
	if (runner && runner != vmi_sys->gettid())
		return vmi_fail(-EBUSY, "loop",
			"thread %d is in vmapi_loop_run()", runner);
	return 0;
}

/* -- Sources ------------------------------------------------------------ */

int vmi_source_new(struct vmapi_loop *loop, const struct vmi_source_kind *kind,
	int fd, struct vmapi_source **out)
{
	struct vmapi_source *s = vmi_zalloc(kind->size);

	if (!s)
		return vmi_fail(-ENOMEM, "loop", "no memory");
	s->loop = loop;
	s->kind = kind;
	s->fd = fd;
	s->slot = -1;
	s->next = loop->sources;
	s->link = &loop->sources;
	if (s->next)
		s->next->link = &s->next;
	loop->sources = s;
	loop->n_sources++;
	*out = s;
	return 0;
}

static void unlink_source(struct vmapi_source *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
}

void vmi_source_drop(struct vmapi_source *s)
{
	struct vmapi_loop *loop = s->loop;

	if (s->kind->stop)
		s->kind->stop(s);
	if (s->fd >= 0) {
		loop->ops->unwatch(s);
		vmi_sys->close(s->fd);
	}
	s->fd = -1;
	unlink_source(s);
	loop->n_sources--;
	s->next = loop->removed;
	s->link = &loop->removed;
	if (s->next)
		s->next->link = &s->next;
	loop->removed = s;
	s->dropped = true;
}

/* What was removed lives as long as somebody may look at it. */
static void reap(struct vmapi_loop *loop)
{
	struct vmapi_source *s = loop->removed, *next;

	for (; s; s = next) {
		next = s->next;
		if (s->in_flight || s->is_queued || s->is_hasty)
			continue;
		unlink_source(s);
		if (s->kind->fini)
			s->kind->fini(s);
		vmi_free(s);
	}
}

void vmi_source_again(struct vmapi_source *s)
{
	if (s->is_hasty)
		return;
	s->is_hasty = true;
	s->next_hasty = s->loop->hasty;
	s->loop->hasty = s;
}

void vmapi_loop_remove(struct vmapi_source *s)
{
	if (s && !vmi_loop_enter(s->loop, __func__))
		vmi_source_drop(s);
}

/* -- Descriptors -------------------------------------------------------- */

struct fd_source {
	struct vmapi_source base;
	vmapi_loop_fd_fn *fn;
	void *opaque;
};

static void fd_ready(struct vmapi_source *source, short events)
{
	struct fd_source *s = (struct fd_source *)source;
	uint32_t told = 0;

	if (events & POLLIN)
		told |= VMAPI_LOOP_READ;
	if (events & POLLOUT)
		told |= VMAPI_LOOP_WRITE;
	if (events & ~(POLLIN | POLLOUT))
		told |= VMAPI_LOOP_ENDED;
	s->fn(s->opaque, told);
}

static const struct vmi_source_kind fd_kind = {
	.size = sizeof(struct fd_source),
	.ready = fd_ready,
};

/* A duplicate becomes a source, or is closed. */
static int adopt(struct vmapi_loop *loop, const struct vmi_source_kind *kind,
	int own, struct vmapi_source **out)
{
	int err = own < 0 ? own : vmi_source_new(loop, kind, own, out);

	if (own < 0)
		return vmi_fail(own, "loop", "that descriptor is not to be had");
	if (err)
		vmi_sys->close(own);
	return err;
}

int vmapi_loop_fd(struct vmapi_loop *loop, int fd, uint32_t events,
	vmapi_loop_fd_fn *fn, void *opaque, struct vmapi_source **out)
{
	int err = vmi_loop_enter(loop, __func__);
	struct fd_source *s;

	if (err)
		return err;
	if (!fn || !out)
		return vmi_null(fn ? "source" : "fn");
	if (!events || events & ~(VMAPI_LOOP_READ | VMAPI_LOOP_WRITE))
		return vmi_fail(-EINVAL, "loop",
			"no such events: 0x%" PRIx32, events);
	err = adopt(loop, &fd_kind, vmi_sys->dup(fd), out);
	if (err)
		return err;
	s = (struct fd_source *)*out;
	s->fn = fn;
	s->opaque = opaque;
	s->base.events = (short)((events & VMAPI_LOOP_READ ? POLLIN : 0) |
		(events & VMAPI_LOOP_WRITE ? POLLOUT : 0));
	loop->ops->watch(&s->base);
	return 0;
}

/* -- Eventfds ----------------------------------------------------------- */

struct eventfd_source {
	struct vmapi_source base;
	vmapi_loop_eventfd_fn *fn;
	void *opaque;
};

static void eventfd_ready(struct vmapi_source *source, short events)
{
	struct eventfd_source *s = (struct eventfd_source *)source;
	uint64_t count = vmi_eventfd_take(source->fd);

	(void)events;
	if (count)
		s->fn(s->opaque, count);
}

static const struct vmi_source_kind eventfd_kind = {
	.size = sizeof(struct eventfd_source),
	.ready = eventfd_ready,
};

static int add_eventfd(struct vmapi_loop *loop, int own,
	vmapi_loop_eventfd_fn *fn, void *opaque, struct vmapi_source **out)
{
	int err = adopt(loop, &eventfd_kind, own, out);
	struct eventfd_source *s;

	if (err)
		return err;
	s = (struct eventfd_source *)*out;
	s->fn = fn;
	s->opaque = opaque;
	s->base.events = POLLIN;
	s->base.edges = true;
	loop->ops->watch(&s->base);
	return 0;
}

int vmapi_loop_eventfd(struct vmapi_loop *loop, int fd,
	vmapi_loop_eventfd_fn *fn, void *opaque, struct vmapi_source **out)
{
	int err = vmi_loop_enter(loop, __func__);

	if (err)
		return err;
	if (!fn || !out)
		return vmi_null(fn ? "source" : "fn");
	return add_eventfd(loop, vmi_eventfd_dup(fd), fn, opaque, out);
}

/* -- The loop ----------------------------------------------------------- */

static void woken(void *opaque, uint64_t count)
{
	(void)opaque;
	(void)count;
}

static int choose(struct vmapi_loop *loop, uint32_t flags)
{
	size_t i = flags & VMAPI_LOOP_POLL ? vmi_array_len(ways) - 1 : 0;
	int err = -ENOSYS;

	for (; i < vmi_array_len(ways); i++) {
		loop->ops = ways[i];
		err = loop->ops->init(loop);
		if (!err)
			return 0;
	}
	return vmi_fail(err, "loop", "there is no way to wait");
}

/* Those that had more to do than others could wait for. */
static void see_again(struct vmapi_loop *loop)
{
	struct vmapi_source *s = loop->hasty, *next;

	loop->hasty = NULL;
	for (; s; s = next) {
		next = s->next_hasty;
		s->is_hasty = false;
		if (!s->dropped)
			s->kind->ready(s, 0);
	}
}

static void drop_all(struct vmapi_loop *loop)
{
	int err = 0;

	while (loop->sources)
		vmi_source_drop(loop->sources);
	see_again(loop);
	reap(loop);
	/* What is in flight cannot be freed, even if nobody brings it back. */
	while (loop->removed && (!err || err == -EINTR)) {
		err = loop->ops->wait(loop, -1);
		reap(loop);
	}
}

int vmapi_loop_create(
	const struct vmapi_loop_config *config, struct vmapi_loop **out)
{
	static const struct vmapi_loop_config zeros = { .size = sizeof(zeros) };
	struct vmapi_loop_config c;
	struct vmapi_loop *loop;
	int err;

	vmi_enter_free(__func__);
	if (!out)
		return vmi_null("loop");
	err = vmi_config_copy(&c, sizeof(c), config ? config : &zeros,
		sizeof(c));
	if (err)
		return err;
	if (c.flags & ~VMAPI_LOOP_POLL)
		return vmi_fail(-EINVAL, "loop",
			"unknown flags 0x%" PRIx32, c.flags);
	loop = vmi_zalloc(sizeof(*loop));
	if (!loop)
		return vmi_fail(-ENOMEM, "loop", "no memory");
	loop->pid = vmi_sys->getpid();
	err = choose(loop, c.flags);
	if (!err) {
		err = add_eventfd(loop, vmi_sys->eventfd(0, 0), woken, NULL,
			&loop->wake);
		if (err)
			loop->ops->fini(loop);
	}
	if (err) {
		vmi_free(loop);
		return err;
	}
	*out = loop;
	return 0;
}

void vmapi_loop_destroy(struct vmapi_loop *loop)
{
	if (!loop || vmi_loop_enter(loop, __func__))
		return;
	if (atomic_load(&loop->runner)) {
		vmi_fail(-EBUSY, "loop", "it runs");
		return;
	}
	drop_all(loop);
	loop->ops->fini(loop);
	vmi_free(loop);
}

const char *vmapi_loop_mechanism(const struct vmapi_loop *loop)
{
	return loop ? loop->ops->name : "";
}

int vmapi_loop_run(struct vmapi_loop *loop)
{
	int err = vmi_loop_enter(loop, __func__);

	if (err)
		return err;
	if (atomic_load(&loop->runner))
		return vmi_fail(-EBUSY, "loop", "it runs already");
	atomic_store(&loop->runner, (int)vmi_sys->gettid());
	while (!err && !atomic_exchange(&loop->stop, false)) {
		err = loop->ops->wait(loop,
			loop->hasty ? 0 : vmi_timer_next(loop));
		if (err == -EINTR)
			err = 0;
		see_again(loop);
		vmi_timer_expire(loop);
		reap(loop);
	}
	atomic_store(&loop->runner, 0);
	vmi_enter_free(__func__); /* the functions may have entered others */
	return err ? vmi_fail(err, "loop", "waiting failed") : 0;
}

int vmapi_loop_stop(struct vmapi_loop *loop)
{
	if (!loop)
		return -EINVAL;
	atomic_store(&loop->stop, true);
	vmi_eventfd_signal(loop->wake->fd);
	return 0;
}
