/* SPDX-License-Identifier: MIT */
/* A loop by io_uring: one system call waits, submits and gathers. */
/*
 * A source whose function takes all there is (an eventfd, a ring's socket) is
 * watched by one multishot poll, which tells of each arrival until it ends.
 * Others are to be told as long as they are ready, which a multishot poll does
 * not do: theirs are single, and set up again behind the function, to be
 * submitted by the next wait. A socket of commands is not watched: its answers
 * are sent and the next commands received by two linked requests, which again
 * the wait submits, so that a round over any number of device channels is one
 * system call.
 *
 * Requests name a source by its address, and what they are by its low bits.
 * Of each kind a source has one in flight at most. What is removed is
 * cancelled, and freed when its last completion has come: the kernel may write
 * into its buffers until then; the cancelling is submitted at once, so that the
 * other side of a socket sees its end. The kernel also cancels, by itself, what a
 * thread submitted that has ended: that is asked for again.
 *
 * Sockets of commands are registered files, as long as there are slots; for a
 * poll, which asks for its file once, that would be no gain. A kernel before
 * 6.13 keeps a file that is registered no more until every older request that
 * names one by its slot has ended: which is why sessions shut their socket
 * down.
 */
#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/loop/loop.h"
#include "lib/sys/sys.h"

#define ENTRIES 256u
#define SLOTS	1024u

enum tag { POLL = 0, SEND = 1, RECEIVE = 2, CANCEL = 3, TAGS = 3 };

struct uring {
	struct io_uring ring;
	struct vmapi_source *todo; /* next_queued */
	unsigned n_slots, first_free;
	bool used[SLOTS];
};

_Static_assert(_Alignof(struct vmapi_source) >= 4, "two bits are for the tag");

static struct uring *of(const struct vmapi_source *s)
{
	return s->loop->state;
}

/* A table as large as the limit of descriptors allows, or none. */
static void make_slots(struct uring *u)
{
	unsigned n = SLOTS;

	while (n >= 16 && vmi_sys->uring_files(&u->ring, n))
		n /= 2;
	u->n_slots = n >= 16 ? n : 0;
}

static int init(struct vmapi_loop *loop)
{
	struct uring *u = vmi_zalloc(sizeof(*u));
	int err = u ? vmi_sys->uring_init(&u->ring, ENTRIES) : -ENOMEM;

	if (err) {
		vmi_free(u);
		return err;
	}
	make_slots(u);
	loop->state = u;
	return 0;
}

static void fini(struct vmapi_loop *loop)
{
	struct uring *u = loop->state;

	vmi_sys->uring_exit(&u->ring);
	vmi_free(u);
}

/* -- Slots -------------------------------------------------------------- */

static void take_slot(struct vmapi_source *s)
{
	struct uring *u = of(s);
	unsigned i = u->first_free;

	while (i < u->n_slots && u->used[i])
		i++;
	u->first_free = i;
	if (s->slot >= 0 || i == u->n_slots ||
		vmi_sys->uring_file(&u->ring, i, s->fd))
		return;
	u->used[i] = true;
	s->slot = (int)i;
}

static void give_slot(struct vmapi_source *s)
{
	struct uring *u = of(s);
	unsigned i = (unsigned)s->slot;

	if (s->slot < 0)
		return;
	vmi_sys->uring_file(&u->ring, i, -1);
	u->used[i] = false;
	if (i < u->first_free)
		u->first_free = i;
	s->slot = -1;
}

/* -- Requests ----------------------------------------------------------- */

/* Room for n in one submission; what was there is submitted if it has to be. */
static bool make_room(struct uring *u, unsigned n)
{
	if (io_uring_sq_space_left(&u->ring) >= n)
		return true;
	vmi_sys->uring_submit(&u->ring);
	return io_uring_sq_space_left(&u->ring) >= n;
}

static int file_of(const struct vmapi_source *s)
{
	return s->slot >= 0 ? s->slot : s->fd;
}

static void name(struct io_uring_sqe *sqe, struct vmapi_source *s,
	enum tag tag, unsigned flags)
{
	if (s->slot >= 0)
		flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_flags(sqe, flags);
	io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)s | tag);
	s->in_flight |= 1u << tag;
}

static void queue(struct vmapi_source *s)
{
	struct uring *u = of(s);

	if (s->is_queued)
		return;
	s->is_queued = true;
	s->next_queued = u->todo;
	u->todo = s;
}

static void arm(struct vmapi_source *s)
{
	struct uring *u = of(s);
	struct io_uring_sqe *sqe;

	if (!make_room(u, 1)) {
		queue(s);
		return;
	}
	sqe = io_uring_get_sqe(&u->ring);
	if (s->edges)
		io_uring_prep_poll_multishot(sqe, file_of(s),
			(unsigned)s->events);
	else
		io_uring_prep_poll_add(sqe, file_of(s), (unsigned)s->events);
	name(sqe, s, POLL, 0);
}

static void cancel(struct vmapi_source *s)
{
	struct uring *u = of(s);
	struct io_uring_sqe *sqe;
	unsigned tag;

	if (!make_room(u, TAGS)) {
		queue(s);
		return;
	}
	for (tag = 0; tag < TAGS; tag++) {
		if (!(s->in_flight & 1u << tag))
			continue;
		sqe = io_uring_get_sqe(&u->ring);
		io_uring_prep_cancel64(
			sqe, (uint64_t)(uintptr_t)s | tag, 0);
		io_uring_sqe_set_data64(sqe, CANCEL);
	}
	vmi_sys->uring_submit(&u->ring);
}

static void watch(struct vmapi_source *s)
{
	s->watched = true;
	arm(s);
}

static void unwatch(struct vmapi_source *s)
{
	s->watched = false;
	give_slot(s);
	if (s->in_flight)
		cancel(s);
}

static void exchange(struct vmapi_source *s, const struct vmi_exchange *what)
{
	struct uring *u = of(s);
	struct io_uring_sqe *sqe;

	s->sent = 0;
	if (!make_room(u, 2)) {
		s->kind->exchanged(s, -EAGAIN, -EAGAIN);
		return;
	}
	take_slot(s);
	if (what->n_out) {
		sqe = io_uring_get_sqe(&u->ring);
		io_uring_prep_send(sqe, file_of(s), what->out, what->n_out,
			MSG_WAITALL | MSG_NOSIGNAL);
		name(sqe, s, SEND, IOSQE_IO_LINK);
	}
	sqe = io_uring_get_sqe(&u->ring);
	io_uring_prep_recv(sqe, file_of(s), what->in, what->n_in, 0);
	name(sqe, s, RECEIVE, 0);
}

/* -- Completions -------------------------------------------------------- */

static void polled(struct vmapi_source *s, int result)
{
	if (result != -ECANCELED)
		s->kind->ready(s, (short)(result < 0 ? POLLERR : result));
	if (s->watched && !(s->in_flight & 1u << POLL))
		arm(s);
}

static void complete(const struct io_uring_cqe *cqe)
{
	enum tag tag = cqe->user_data & 3;
	struct vmapi_source *s =
		(struct vmapi_source *)(uintptr_t)(cqe->user_data & ~3ull);

	if (tag == CANCEL)
		return;
	if (!(cqe->flags & IORING_CQE_F_MORE))
		s->in_flight &= ~(1u << tag);
	if (s->dropped)
		return;
	switch (tag) {
	case POLL:
		if (s->watched)
			polled(s, cqe->res);
		break;
	case SEND: s->sent = cqe->res; break;
	default: s->kind->exchanged(s, s->sent, cqe->res);
	}
}

/* What found no room among the requests. */
static void see_to(struct uring *u)
{
	struct vmapi_source *s = u->todo, *next;

	u->todo = NULL;
	for (; s; s = next) {
		next = s->next_queued;
		s->is_queued = false;
		if (!s->watched && s->in_flight)
			cancel(s);
		else if (s->watched && !(s->in_flight & 1u << POLL))
			arm(s);
	}
}

static int wait(struct vmapi_loop *loop, int64_t timeout_ns)
{
	struct uring *u = loop->state;
	struct io_uring_cqe *at, cqe;
	unsigned i;
	int err;

	see_to(u);
	err = vmi_sys->uring_wait(&u->ring, u->todo ? 0 : timeout_ns);
	loop->n_ready = io_uring_cq_ready(&u->ring);
	for (i = loop->n_ready; i && !io_uring_peek_cqe(&u->ring, &at); i--) {
		memset(&cqe, 0, sizeof(cqe));
		cqe.user_data = at->user_data;
		cqe.res = at->res;
		cqe.flags = at->flags;
		io_uring_cqe_seen(&u->ring, at);
		complete(&cqe);
	}
	return err;
}

const struct vmi_loop_ops vmi_loop_uring = {
	.name = "io_uring",
	.init = init,
	.fini = fini,
	.watch = watch,
	.unwatch = unwatch,
	.exchange = exchange,
	.wait = wait,
};
