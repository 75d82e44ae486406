/* SPDX-License-Identifier: MIT */
/*
 * A socket to a device process, shared by vcpus.
 *
 * Whoever waits calls vmi_wire_step(), which sends and receives whatever goes
 * without waiting, for everybody: a vcpu that was kicked away while its
 * command was under way need not come back for others to go on. One call is
 * under way at a time; the others queue. Who brings news to another one's
 * call signals that one's eventfd.
 *
 * Commands leave in the order in which they were queued, posted writes and
 * calls alike, out of one array: a call enters it only when the one before it
 * was answered, so there is room kept for one beside the posted writes.
 * Streams are written in one piece and may come apart anywhere; packets are
 * one command each. Where there is a ring (ring.c) commands and answers go
 * there; the socket wakes who sleeps, and says when the other side is gone.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "lib/compiler.h"
#include "lib/region/wire.h"
#include "lib/sys/sys.h"

#define COMMAND sizeof(struct vmapi_wire_command)

_Static_assert(COMMAND == 32 && sizeof(struct vmapi_wire_response) == 32,
	"the wire has 32 bytes a message");

/* -- Handshakes --------------------------------------------------------- */

static uint64_t deadline_in(int64_t timeout_ns)
{
	uint64_t now = 0;

	if (timeout_ns < 0)
		return UINT64_MAX;
	(void)vmi_sys->now(CLOCK_MONOTONIC, &now);
	return now + (uint64_t)timeout_ns;
}

/* 0: try again. */
static int wait_for(int fd, short events, uint64_t deadline)
{
	struct pollfd poll = { .fd = fd, .events = events };
	int64_t left = -1;
	uint64_t now = 0;
	int n;

	if (deadline != UINT64_MAX) {
		(void)vmi_sys->now(CLOCK_MONOTONIC, &now);
		left = now < deadline ? (int64_t)(deadline - now) : 0;
	}
	n = vmi_sys->poll(&poll, 1, left);
	if (n == 0)
		return -ETIMEDOUT;
	return n < 0 && n != -EINTR ? n : 0;
}

static ssize_t say_some(int fd, const struct vmi_words *left)
{
	if (left->passed < 0)
		return vmi_sys->send(fd, left->from, left->bytes);
	return vmi_sys->send_fd(fd, left->from, left->bytes, left->passed);
}

/* A descriptor goes with the first byte. */
int vmi_wire_say(int fd, const struct vmi_words *words, int64_t timeout_ns)
{
	uint64_t deadline = deadline_in(timeout_ns);
	struct vmi_words left = *words;
	int err = 0;

	while (left.bytes && !err) {
		ssize_t n = say_some(fd, &left);

		if (n > 0) {
			left.from = (const char *)left.from + n;
			left.bytes -= (size_t)n;
			left.passed = -1;
		} else if (n == -EAGAIN) {
			err = wait_for(fd, POLLOUT, deadline);
		} else if (n != -EINTR) {
			err = n ? (int)n : -EPROTO;
		}
	}
	return err;
}

int vmi_wire_hear(int fd, void *to, size_t bytes, int64_t timeout_ns)
{
	uint64_t deadline = deadline_in(timeout_ns);
	char *at = to;
	int err = 0;

	while (bytes && !err) {
		ssize_t n = vmi_sys->receive(fd, at, bytes);

		if (n > 0) {
			at += n;
			bytes -= (size_t)n;
		} else if (n == -EAGAIN) {
			err = wait_for(fd, POLLIN, deadline);
		} else if (n != -EINTR) {
			err = n ? (int)n : -EPROTO;
		}
	}
	return err;
}

/* -- The wire ----------------------------------------------------------- */

void vmi_wire_init(
	struct vmi_wire *w, const struct vmi_link *link, int room_fd)
{
	memset(w, 0, sizeof(*w));
	pthread_mutex_init(&w->lock, NULL);
	w->link = *link;
	w->is_stream = link->type == VMI_SOCKET_STREAM;
	w->last = &w->first;
	w->room_fd = room_fd;
}

void vmi_link_fini(const struct vmi_link *link)
{
	vmi_ring_put(link->ring);
	if (link->fd >= 0)
		vmi_sys->close(link->fd);
}

void vmi_wire_fini(struct vmi_wire *w)
{
	vmi_link_fini(&w->link);
	vmi_sys->close(w->room_fd);
	pthread_mutex_destroy(&w->lock);
}

/* -- Under the lock ----------------------------------------------------- */

static void finish(struct vmi_wire *w, struct vmi_call *call,
	enum vmi_call_stage stage, int error)
{
	w->first = call->next;
	if (!w->first)
		w->last = &w->first;
	call->error = error;
	call->stage = stage;
	if (call != w->own)
		vmi_eventfd_signal(call->wake_fd);
}

/* Whether a posted write need not wait: it has room, or is refused. */
static bool takes_posts(const struct vmi_wire *w)
{
	return w->n_out < VMI_WIRE_QUEUE || w->error;
}

/* The bell may have been another waiter's, and so whoever made room says so. */
static void tell_of_room(const struct vmi_wire *w)
{
	if (w->waits_for_room && takes_posts(w))
		vmi_eventfd_signal(w->room_fd);
}

static void die(struct vmi_wire *w, int error)
{
	if (!w->error)
		w->error = error;
	tell_of_room(w);
	w->expects = w->expects_nobody = false;
	while (w->first)
		finish(w, w->first, VMI_CALL_FAILED, w->error);
}

/* The next call in line, when none is under way. */
static void queue_call(struct vmi_wire *w)
{
	struct vmi_call *call = w->first;

	if (w->expects || !call)
		return;
	w->out[w->n_out++] = call->command;
	call->stage = VMI_CALL_SENT;
	w->expects = true;
	w->covers = w->posted;
}

/* The first n commands are out. */
static void forget_sent(struct vmi_wire *w, unsigned n)
{
	w->n_out -= n;
	memmove(w->out, w->out + n, w->n_out * COMMAND);
	tell_of_room(w);
}

static void send_out(struct vmi_wire *w)
{
	unsigned all = w->n_out * (unsigned)COMMAND, done;
	ssize_t n;

	while (w->sent < all) {
		n = vmi_sys->send(w->link.fd, (const char *)w->out + w->sent,
			w->is_stream ? all - w->sent : COMMAND);
		if (n == -EAGAIN || n == -EINTR)
			break;
		if (n <= 0) {
			die(w, n ? (int)n : -EPIPE);
			return;
		}
		w->sent += (unsigned)n;
	}
	done = w->sent / (unsigned)COMMAND;
	w->sent -= done * (unsigned)COMMAND;
	forget_sent(w, done);
}

static void push_out(struct vmi_wire *w)
{
	int went = 1, err = 0;
	unsigned done = 0;

	while (done < w->n_out && went > 0) {
		went = vmi_ring_push(w->link.ring, &w->out[done]);
		done += went > 0;
	}
	forget_sent(w, done);
	if (vmi_ring_publish(w->link.ring))
		err = vmi_ring_ring(w->link.fd);
	if (went < 0 || err)
		die(w, went < 0 ? went : err);
}

static uint64_t mask(const struct vmapi_wire_command *command)
{
	unsigned bytes = 1u << command->size_exponent;

	return bytes >= 8 ? UINT64_MAX : (1ull << (8 * bytes)) - 1;
}

static void take_answer(struct vmi_wire *w)
{
	struct vmi_call *call = w->first;

	w->n_in = 0;
	w->expects = false;
	w->done = w->covers;
	if (w->expects_nobody) {
		w->expects_nobody = false;
		return;
	}
	call->data = w->in.data & mask(&call->command);
	finish(w, call, VMI_CALL_DONE, 0);
}

static void pull_in(struct vmi_wire *w)
{
	int n = vmi_ring_pull(w->link.ring, &w->in);

	if (!n)
		return;
	if (n < 0 || !w->expects)
		die(w, -EPROTO);
	else
		take_answer(w);
}

/* An answer that nobody asked for is nonsense, and so is a short packet. */
static void receive_in(struct vmi_wire *w)
{
	ssize_t n = vmi_sys->receive(w->link.fd, (char *)&w->in + w->n_in,
		sizeof(w->in) - w->n_in);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0)
		die(w, n ? (int)n : -EPIPE);
	else if (!w->expects ||
		 (!w->is_stream && n != (ssize_t)sizeof(w->in)))
		die(w, -EPROTO);
	else
		w->n_in += (unsigned)n;
	if (!w->error && w->n_in == sizeof(w->in))
		take_answer(w);
}

/*
 * What came is looked at before anything is sent: who babbles is found out
 * before his babble is taken for an answer.
 */
static void step(struct vmi_wire *w)
{
	struct vmi_ring *ring = w->link.ring;

	if (!w->error && ring)
		pull_in(w);
	else if (!w->error)
		receive_in(w);
	if (w->error)
		return;
	queue_call(w);
	if (ring)
		push_out(w);
	else
		send_out(w);
}

/* -- What others call --------------------------------------------------- */

int vmi_wire_post(
	struct vmi_wire *w, const struct vmapi_wire_command *command)
{
	int err;

	pthread_mutex_lock(&w->lock);
	if (!w->error && w->n_out >= VMI_WIRE_QUEUE)
		step(w);
	err = w->error;
	if (!err && w->n_out >= VMI_WIRE_QUEUE)
		err = -EAGAIN;
	if (!err) {
		w->out[w->n_out++] = *command;
		w->posted++;
	}
	pthread_mutex_unlock(&w->lock);
	return err;
}

uint32_t vmi_wire_features(struct vmi_wire *w)
{
	uint32_t features;

	pthread_mutex_lock(&w->lock);
	features = w->link.features;
	pthread_mutex_unlock(&w->lock);
	return features;
}

bool vmi_wire_is_behind(struct vmi_wire *w)
{
	bool behind;

	pthread_mutex_lock(&w->lock);
	behind = w->posted != w->done && !w->error;
	pthread_mutex_unlock(&w->lock);
	return behind;
}

static void submit(struct vmi_wire *w, struct vmi_call *call)
{
	call->next = NULL;
	if (w->error) {
		call->error = w->error;
		call->stage = VMI_CALL_FAILED;
		return;
	}
	call->stage = VMI_CALL_QUEUED;
	*w->last = call;
	w->last = &call->next;
}

static void step_for(struct vmi_wire *w, const struct vmi_call *call)
{
	w->own = call;
	step(w);
	w->own = NULL;
}

/* Without the lock, and with the ring that was there when it began. */
static void look_for_answer(struct vmi_wire *w, struct vmi_call *call)
{
	struct vmi_ring *ring = w->link.ring;
	struct vmi_ring_look look;

	vmi_ring_get(ring);
	vmi_ring_look(ring, false, &look);
	pthread_mutex_unlock(&w->lock);
	call->looked = !vmi_ring_spin(ring, &look);
	pthread_mutex_lock(&w->lock);
	if (!call->looked)
		vmi_ring_learn(ring, &look);
	vmi_ring_put(ring);
	step_for(w, call);
}

enum vmi_call_stage vmi_wire_ask(struct vmi_wire *w, struct vmi_call *call)
{
	enum vmi_call_stage stage;

	pthread_mutex_lock(&w->lock);
	submit(w, call);
	step_for(w, call);
	if (call->stage == VMI_CALL_SENT && w->link.ring && !w->n_out)
		look_for_answer(w, call);
	stage = call->stage;
	pthread_mutex_unlock(&w->lock);
	return stage;
}

void vmi_wire_cancel(struct vmi_wire *w, struct vmi_call *call)
{
	struct vmi_call **at;

	pthread_mutex_lock(&w->lock);
	if (call->stage == VMI_CALL_SENT)
		w->expects_nobody = true;
	for (at = &w->first; *at && *at != call; at = &(*at)->next)
		;
	if (*at) {
		*at = call->next;
		if (!*at)
			w->last = at;
	}
	call->stage = VMI_CALL_NONE;
	pthread_mutex_unlock(&w->lock);
}

enum vmi_call_stage vmi_wire_step(
	struct vmi_wire *w, const struct vmi_call *call)
{
	enum vmi_call_stage stage;

	pthread_mutex_lock(&w->lock);
	step_for(w, call);
	stage = call ? call->stage : VMI_CALL_NONE;
	pthread_mutex_unlock(&w->lock);
	return stage;
}

void vmi_wire_fail(struct vmi_wire *w, int error)
{
	pthread_mutex_lock(&w->lock);
	die(w, error);
	pthread_mutex_unlock(&w->lock);
}

void vmi_wire_expire(struct vmi_wire *w, const struct vmi_call *call)
{
	pthread_mutex_lock(&w->lock);
	if (call->stage == VMI_CALL_QUEUED || call->stage == VMI_CALL_SENT)
		die(w, -ETIMEDOUT);
	pthread_mutex_unlock(&w->lock);
}

/* -- Waiting ------------------------------------------------------------ */

static int sleep_on(struct pollfd *fds, int64_t timeout_ns)
{
	int n = vmi_sys->poll(fds, 2, timeout_ns);

	if (n > 0 && fds[1].revents)
		(void)vmi_eventfd_take(fds[1].fd);
	return n;
}

/* An answer that came before the end counts. */
static void hear(struct vmi_wire *w, const struct pollfd *socket)
{
	int err = socket->revents ? vmi_ring_hear(socket->fd) : 0;

	if (!err)
		return;
	pull_in(w);
	die(w, err);
}

/*
 * Without the lock, and with the ring that was there when it began: another
 * one may come meanwhile, which whoever brings it tells by wake_fd.
 */
static int wait_at_ring(struct vmi_wire *w, bool looked, struct pollfd *fds,
	int64_t timeout_ns)
{
	struct vmi_ring *ring = w->link.ring;
	struct vmi_ring_look look;
	int n = 1;

	vmi_ring_get(ring);
	vmi_ring_look(ring, w->n_out != 0, &look);
	pthread_mutex_unlock(&w->lock);
	if (!looked && vmi_ring_spin(ring, &look)) {
		pthread_mutex_lock(&w->lock);
		vmi_ring_learn(ring, &look);
		vmi_ring_put(ring);
		return n;
	}
	pthread_mutex_lock(&w->lock);
	if (vmi_ring_arm(ring, &look)) {
		pthread_mutex_unlock(&w->lock);
		n = sleep_on(fds, timeout_ns);
		pthread_mutex_lock(&w->lock);
		vmi_ring_disarm(ring, &look);
		if (n > 0 && ring == w->link.ring)
			hear(w, &fds[0]);
	}
	vmi_ring_put(ring);
	return n;
}

static int wait_locked(
	struct vmi_wire *w, int wake_fd, bool looked, int64_t timeout_ns)
{
	struct pollfd fds[2] = { { .fd = w->link.fd, .events = POLLIN },
		{ .fd = wake_fd, .events = POLLIN } };
	int n;

	if (w->link.ring && !w->error)
		return wait_at_ring(w, looked, fds, timeout_ns);
	if (w->n_out)
		fds[0].events |= POLLOUT;
	pthread_mutex_unlock(&w->lock);
	n = sleep_on(fds, timeout_ns);
	pthread_mutex_lock(&w->lock);
	return n;
}

int vmi_wire_wait(
	struct vmi_wire *w, struct vmi_call *call, int64_t timeout_ns)
{
	bool looked = call->looked;
	int n;

	call->looked = false;
	pthread_mutex_lock(&w->lock);
	n = wait_locked(w, call->wake_fd, looked, timeout_ns);
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* Nobody would tell of room that there is already. */
int vmi_wire_wait_for_room(struct vmi_wire *w, int64_t timeout_ns)
{
	int n = 1;

	pthread_mutex_lock(&w->lock);
	w->waits_for_room = true;
	if (!takes_posts(w))
		n = wait_locked(w, w->room_fd, false, timeout_ns);
	w->waits_for_room = false;
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* -- Another other side ------------------------------------------------- */

/*
 * A call that was sent, or lies unsent in the array, had its chance: it
 * fails, and is asked again by who wants.  Posted writes stay, whole.
 */
void vmi_wire_reconnect(struct vmi_wire *w, const struct vmi_link *link)
{
	struct vmi_link old;
	unsigned i, k = 0;

	pthread_mutex_lock(&w->lock);
	die(w, -ECONNRESET);
	for (i = 0; i < w->n_out; i++)
		if (!w->out[i].response)
			w->out[k++] = w->out[i];
	w->n_out = k;
	w->done = w->posted - k;
	w->sent = w->n_in = 0;
	old = w->link;
	w->link = *link;
	w->is_stream = link->type == VMI_SOCKET_STREAM;
	w->error = 0;
	vmi_ring_put(old.ring);
	pthread_mutex_unlock(&w->lock);
	vmi_sys->close(old.fd);
}
