/* SPDX-License-Identifier: MIT */
/* Virtio devices behind registers in memory (virtio 1.1, 4.2). */
/*
 * A device knows nothing of VMs: it has guest RAM, for each queue an eventfd by
 * which the driver wakes its thread, another one for its interrupts, and is
 * asked about its registers.  Its kind may wait for something besides.  So it
 * may live in the monitor or in a process of its own; slot.c says how it is
 * wired.
 *
 * The rings (ring.c) are the guest's, who may write anything to them at any
 * time: each number is read once and checked, and what makes no sense stops
 * the device (DEVICE_NEEDS_RESET, 2.1).
 */
#include "virtio.h"
#include "bytes.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 4.2.2 */
enum reg {
	R_MAGIC = 0x000,
	R_VERSION = 0x004,
	R_DEVICE_ID = 0x008,
	R_VENDOR_ID = 0x00c,
	R_DEVICE_FEATURES = 0x010,
	R_DEVICE_FEATURES_SEL = 0x014,
	R_DRIVER_FEATURES = 0x020,
	R_DRIVER_FEATURES_SEL = 0x024,
	R_QUEUE_SEL = 0x030,
	R_QUEUE_NUM_MAX = 0x034,
	R_QUEUE_NUM = 0x038,
	R_QUEUE_READY = 0x044,
	R_QUEUE_NOTIFY = VIRTIO_NOTIFY,
	R_INTERRUPT_STATUS = 0x060,
	R_INTERRUPT_ACK = 0x064,
	R_STATUS = 0x070,
	R_QUEUE_DESC = 0x080,
	R_QUEUE_DRIVER = 0x090,
	R_QUEUE_DEVICE = 0x0a0,
	R_CONFIG = 0x100
};

#define STATUS_FEATURES_OK 0x08u
#define STATUS_NEEDS_RESET 0x40u

/* -- Interrupts --------------------------------------------------------- */

static void signal_fd(int fd)
{
	const uint64_t one = 1;
	ssize_t done = write(fd, &one, sizeof(one));

	(void)done; /* a full eventfd is readable as well */
}

void virtio_interrupt(struct virtio *v, unsigned why)
{
	atomic_fetch_or(&v->state->interrupt, why);
	signal_fd(v->irq_fd);
}

void virtio_break(struct virtio *v)
{
	struct virtio_state *s = v->state;
	unsigned i;

	s->status |= STATUS_NEEDS_RESET;
	for (i = 0; i < VIRTIO_QUEUES; i++)
		s->rings[i].ready = false;
	if (s->status & VIRTIO_DRIVER_OK)
		virtio_interrupt(v, VIRTIO_CHANGE);
}

/* An interrupt that may have been lost; one too many harms no driver. */
static void remind(struct virtio *v)
{
	uint32_t status = v->state->status;

	if (status & VIRTIO_DRIVER_OK)
		virtio_interrupt(v, status & STATUS_NEEDS_RESET
			? VIRTIO_USED | VIRTIO_CHANGE : VIRTIO_USED);
}

/* -- The device's thread ------------------------------------------------ */

int virtio_wait_for(struct virtio_waits *w, int fd, short events)
{
	unsigned room = w->room > 0 ? 2 * w->room : 16;
	struct pollfd *fds;

	if (w->n == w->room) {
		fds = realloc(w->fds, room * sizeof(*fds));
		if (fds == NULL)
			return -1;
		w->fds = fds;
		w->room = room;
	}
	w->fds[w->n] = (struct pollfd){ .fd = fd, .events = events };
	return (int)w->n++;
}

static void wait_turn(struct virtio *v, struct virtio_waits *w)
{
	unsigned i;

	w->n = 0;
	w->timeout = -1;
	for (i = 0; i < v->kind->n_queues; i++)
		(void)virtio_wait_for(w, v->kick_fds[i], POLLIN);
	if (v->kind->wait != NULL) {
		pthread_mutex_lock(&v->lock);
		v->kind->wait(v->opaque, w);
		pthread_mutex_unlock(&v->lock);
	}
	if (poll(w->fds, w->n, w->timeout) < 0)
		w->n = 0; /* no memory: the queues are looked at below */
}

static void forget_kicks(const struct virtio *v)
{
	uint64_t kicks;
	ssize_t done;
	unsigned i;

	for (i = 0; i < v->kind->n_queues; i++) {
		done = read(v->kick_fds[i], &kicks, sizeof(kicks));
		(void)done;
	}
}

static void kick(const struct virtio *v)
{
	unsigned i;

	for (i = 0; i < v->kind->n_queues; i++)
		signal_fd(v->kick_fds[i]);
}

/*
 * The lock is held, but not while a request is served: if there is another
 * one, another thread hears of it.
 */
static void serve_queue(struct virtio *v, unsigned queue)
{
	static _Thread_local struct virtio_request r;
	int64_t written;

	while (virtio_next(v, queue, &r)) {
		if (v->kind->n_threads > 1 && virtio_pending(v, queue))
			signal_fd(v->kick_fds[queue]);
		pthread_mutex_unlock(&v->lock);
		written = v->kind->serve(v->opaque, &r);
		pthread_mutex_lock(&v->lock);
		virtio_answer(v, &r, written);
		virtio_flush(v, queue);
	}
}

static void take_turn(struct virtio *v, const struct virtio_waits *w)
{
	unsigned i;

	if (v->kind->turn != NULL) {
		v->kind->turn(v->opaque, w);
		return;
	}
	for (i = 0; i < v->kind->n_queues; i++)
		serve_queue(v, i);
}

/*
 * One thread waits for everything.  When something has come it lets another
 * one wait, and works.
 */
static void *live(void *opaque)
{
	struct virtio *v = opaque;
	struct virtio_waits w = { .n = 0 };

	for (;;) {
		pthread_mutex_lock(&v->turn);
		if (atomic_load(&v->ending))
			break;
		wait_turn(v, &w);
		pthread_mutex_lock(&v->lock);
		forget_kicks(v);
		pthread_mutex_unlock(&v->turn);
		take_turn(v, &w);
		pthread_mutex_unlock(&v->lock);
	}
	pthread_mutex_unlock(&v->turn);
	free(w.fds);
	return NULL;
}

/*
 * Wait until no request is served.  The lock is held, but not meanwhile: what
 * the driver does then is for later.
 */
static void drain(struct virtio *v)
{
	if (v->n_out == 0)
		return;
	v->n_draining++;
	while (v->n_out > 0)
		pthread_cond_wait(&v->idle, &v->lock);
	v->n_draining--;
	kick(v);
}

/* -- Registers: whoever asks, with the lock ----------------------------- */

/* The selected queue's, or NULL: there is no such queue. */
static struct virtio_ring *selected(struct virtio *v)
{
	struct virtio_state *s = v->state;

	return s->queue < v->kind->n_queues ? &s->rings[s->queue] : NULL;
}

static uint64_t offers(const struct virtio *v)
{
	return v->offered | VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX;
}

static uint32_t read_register(struct virtio *v, uint64_t offset)
{
	const struct virtio_ring *ring = selected(v);
	const struct virtio_state *s = v->state;
	unsigned shift = s->offered_word ? 32 : 0;

	switch (offset) {
	case R_MAGIC: return 0x74726976; /* "virt" */
	case R_VERSION: return 2;
	case R_DEVICE_ID: return v->kind->id;
	case R_VENDOR_ID: return 0x50414d56; /* "VMAP" */
	case R_DEVICE_FEATURES:
		return s->offered_word > 1
			? 0 : (uint32_t)(offers(v) >> shift);
	case R_QUEUE_NUM_MAX: return ring != NULL ? VIRTIO_QUEUE : 0;
	case R_QUEUE_READY: return ring != NULL && ring->ready;
	case R_STATUS: return s->status;
	default: return 0; /* ConfigGeneration too: it never changes */
	}
}

/* 2.6: a power of two, and parts that are aligned. */
static bool is_ring(const struct virtio_ring *ring)
{
	return ring->size && !(ring->size & (ring->size - 1)) &&
	       ring->size <= VIRTIO_QUEUE && !(ring->descriptors & 15) &&
	       !(ring->available & 1) && !(ring->used & 3);
}

static void half(uint64_t *whole, uint64_t offset, uint32_t value)
{
	unsigned shift = offset & 4 ? 32 : 0;

	*whole &= ~((uint64_t)UINT32_MAX << shift);
	*whole |= (uint64_t)value << shift;
}

/* What was found to be a ring stays one: it is not for changing in use. */
static void write_ring(struct virtio *v, uint64_t offset, uint32_t value)
{
	struct virtio_ring *ring = selected(v);

	if (ring == NULL || (ring->ready && offset != R_QUEUE_READY))
		return;
	switch (offset) {
	case R_QUEUE_NUM:
		ring->size = value > VIRTIO_QUEUE ? 0 : (uint16_t)value;
		break;
	case R_QUEUE_READY:
		drain(v);
		if (value && !is_ring(ring))
			virtio_break(v);
		ring->ready = value && is_ring(ring);
		break;
	case R_QUEUE_DESC:
	case R_QUEUE_DESC + 4: half(&ring->descriptors, offset, value); break;
	case R_QUEUE_DRIVER:
	case R_QUEUE_DRIVER + 4: half(&ring->available, offset, value); break;
	case R_QUEUE_DEVICE:
	case R_QUEUE_DEVICE + 4: half(&ring->used, offset, value); break;
	default: break;
	}
}

static void power_on(struct virtio *v)
{
	struct virtio_state *s = v->state;
	unsigned i;

	drain(v);
	memset(s->rings, 0, sizeof(s->rings));
	for (i = 0; i < VIRTIO_QUEUES; i++)
		ring_clear(v, i);
	s->status = s->queue = s->offered_word = s->taken_word = 0;
	s->taken = 0;
	atomic_store(&s->interrupt, 0);
	if (v->kind != NULL && v->kind->reset != NULL)
		v->kind->reset(v->opaque);
}

static void tell_features(struct virtio *v)
{
	if (v->kind->features != NULL)
		v->kind->features(v->opaque, v->state->taken);
}

/* 3.1.1: what was not offered, or not taken as it must be, is refused. */
static void write_status(struct virtio *v, uint32_t value)
{
	uint64_t taken = v->state->taken;

	if (value == 0) {
		power_on(v);
		return;
	}
	if (taken & ~offers(v) || !(taken & VIRTIO_F_VERSION_1))
		value &= ~STATUS_FEATURES_OK;
	else if (value & ~v->state->status & STATUS_FEATURES_OK)
		tell_features(v);
	v->state->status = value | (v->state->status & STATUS_NEEDS_RESET);
}

static void write_register(struct virtio *v, uint64_t offset, uint32_t value)
{
	struct virtio_state *s = v->state;

	switch (offset) {
	case R_DEVICE_FEATURES_SEL: s->offered_word = value; break;
	case R_DRIVER_FEATURES_SEL: s->taken_word = value; break;
	case R_DRIVER_FEATURES:
		if (s->taken_word < 2)
			half(&s->taken, 4 * s->taken_word, value);
		break;
	case R_QUEUE_SEL: s->queue = value; break;
	case R_STATUS: write_status(v, value); break;
	default: write_ring(v, offset, value); break;
	}
}

static uint64_t read_config(const struct virtio *v,
	const struct vmapi_access *a, uint64_t offset)
{
	return offset + a->bytes <= VIRTIO_CONFIG
		? get_le(v->config + offset, a->bytes) : 0;
}

/*
 * Of all writes this is the one that may not be done twice: if another device
 * died over it, what was to be acknowledged later went with it.
 */
static void acknowledge(struct virtio *v, unsigned what)
{
	atomic_fetch_and(&v->state->interrupt, ~what);
	if (!atomic_exchange(&v->again, false))
		return;
	pthread_mutex_lock(&v->lock);
	remind(v);
	pthread_mutex_unlock(&v->lock);
}

/* The registers are words (4.2.2.2); a device's own are what they are. */
void virtio_access(struct virtio *v, struct vmapi_access *a, uint64_t at)
{
	if (at == R_INTERRUPT_STATUS && !a->is_write) {
		a->value = atomic_load(&v->state->interrupt);
		return;
	}
	if (at == R_INTERRUPT_ACK && a->is_write) {
		acknowledge(v, (unsigned)a->value);
		return;
	}
	pthread_mutex_lock(&v->lock);
	if (at >= R_CONFIG && !a->is_write)
		a->value = read_config(v, a, at - R_CONFIG);
	else if (at < R_CONFIG && a->bytes == 4 && a->is_write)
		write_register(v, at, (uint32_t)a->value);
	else if (at < R_CONFIG && a->bytes == 4)
		a->value = read_register(v, at);
	pthread_mutex_unlock(&v->lock);
}

/* -- Its life ----------------------------------------------------------- */

void virtio_init(struct virtio *v)
{
	unsigned i;

	for (i = 0; i < VIRTIO_QUEUES; i++)
		v->kick_fds[i] = -1;
	v->irq_fd = -1;
	v->state = &v->own;
	pthread_mutex_init(&v->lock, NULL);
	pthread_mutex_init(&v->turn, NULL);
	pthread_cond_init(&v->idle, NULL);
}

/* Signals are the main thread's. */
int virtio_start(struct virtio *v)
{
	unsigned wanted = v->kind->n_threads ? v->kind->n_threads : 1;
	sigset_t all, before;

	virtio_hold(v);
	virtio_resume(v);
	virtio_release(v);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_mutex_lock(&v->lock);
	for (errno = 0; errno == 0 && v->n_threads < wanted; v->n_threads++) {
		errno = pthread_create(
			&v->threads[v->n_threads], NULL, live, v);
		if (errno != 0)
			break;
	}
	pthread_mutex_unlock(&v->lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return v->n_threads == wanted ? 0 : -1;
}

void virtio_stop(struct virtio *v)
{
	atomic_store(&v->ending, true);
	if (v->n_threads > 0)
		signal_fd(v->kick_fds[0]);
	while (v->n_threads > 0)
		pthread_join(v->threads[--v->n_threads], NULL);
	pthread_cond_destroy(&v->idle);
	pthread_mutex_destroy(&v->turn);
	pthread_mutex_destroy(&v->lock);
}

void virtio_reset(struct virtio *v)
{
	pthread_mutex_lock(&v->lock);
	power_on(v);
	pthread_mutex_unlock(&v->lock);
}

void virtio_hold(struct virtio *v)
{
	pthread_mutex_lock(&v->lock);
	drain(v);
}

void virtio_release(struct virtio *v)
{
	pthread_mutex_unlock(&v->lock);
	if (v->kind != NULL)
		kick(v);
}

/* Also for what the driver did while nobody was there to hear of it. */
void virtio_resume(struct virtio *v)
{
	struct virtio_ring *rings = v->state->rings;
	unsigned i;

	for (i = 0; i < v->kind->n_queues; i++) {
		rings[i].ready = rings[i].ready && is_ring(&rings[i]);
		ring_land(v, i);
	}
	if (v->state->status & STATUS_FEATURES_OK)
		tell_features(v);
	atomic_store(&v->again,
		(v->state->status & VIRTIO_DRIVER_OK) != 0);
	remind(v);
}
