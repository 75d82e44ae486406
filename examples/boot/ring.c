/* SPDX-License-Identifier: MIT */
/* The split virtqueues of a device (virtio 1.1, 2.6), and what is in flight. */
/*
 * A kind of device takes requests (virtio_next()), answers them in any order
 * (virtio_answer()) and shows the driver all that it has answered at once
 * (virtio_flush()).  All of that is done with the device's lock; what lies
 * between taking and answering need not be.
 *
 * The driver is asked to be quiet while there is work: it is told where in its
 * ring we want to hear of it only when we have found that ring empty
 * (VIRTIO_F_EVENT_IDX, 2.6.7 and 2.6.10), and says itself of how many answers
 * it wants to hear.
 *
 * A device may die at any moment, and another one goes on with its state.  Of
 * each request, by its head, the state says whether it was taken, and how far
 * the used ring was when all of what it shows was noted.  So what a dead
 * device has shown in its last moment is what stands between that index and
 * the used ring's own; the other requests that were taken are served again.
 * Each store of take() and virtio_flush() leaves something that ring_land()
 * makes sense of, in this order:
 *
 *	taken[head]		it is served, perhaps twice
 *	the used ring's index	it is not: the driver has the answer
 *	taken[head] = 0
 *	used			as if it had never been there
 *
 * `next` follows: of the available ring, everything up to there was taken and
 * is either answered or in flight.
 */
#include "virtio.h"
#include "bytes.h"

#include <endian.h>
#include <string.h>

/* 2.6.5, 2.6.6 */
#define DESC_BYTES	   16
#define DESC_NEXT	   1u
#define DESC_WRITE	   2u
#define DESC_INDIRECT	   4u /* not offered */
#define AVAIL_NO_INTERRUPT 1u
#define EVENT_BYTES	   2 /* behind either ring, if it was taken */

#define FLYING 0x10000u /* and its place in the available ring */

/* -- The three parts of a ring ------------------------------------------ */

/* Whole at once, whoever looks meanwhile: rings are aligned. */
static uint16_t load16(const uint8_t *p)
{
	return le16toh(atomic_load_explicit(
		(const _Atomic uint16_t *)p, memory_order_acquire));
}

static void store16(uint8_t *p, unsigned value)
{
	atomic_store_explicit((_Atomic uint16_t *)p, htole16((uint16_t)value),
		memory_order_release);
}

static bool has_events(const struct virtio *v)
{
	return (v->state->taken & VIRTIO_F_EVENT_IDX) != 0;
}

static uint64_t used_bytes(const struct virtio *v, unsigned queue)
{
	return 4 + 8 * (uint64_t)v->state->rings[queue].size +
	       (has_events(v) ? EVENT_BYTES : 0);
}

static uint8_t *used_of(struct virtio *v, unsigned queue)
{
	return memory_at(v->memory, v->state->rings[queue].used,
		used_bytes(v, queue));
}

static const uint8_t *available_of(struct virtio *v, unsigned queue)
{
	const struct virtio_ring *ring = &v->state->rings[queue];

	return memory_at(v->memory, ring->available,
		4 + 2 * (uint64_t)ring->size +
			(has_events(v) ? EVENT_BYTES : 0));
}

static uint8_t *used_element(uint8_t *used, const struct virtio_ring *ring,
	unsigned index)
{
	return used + 4 + 8 * (index % ring->size);
}

/* -- What was written --------------------------------------------------- */

static void say_written(struct virtio *v)
{
	if (v->n_ranges > 0)
		v->written(v->written_opaque, v->ranges, v->n_ranges);
	v->n_ranges = 0;
}

static void note_written(struct virtio *v, const uint8_t *bytes, uint64_t size)
{
	uint64_t offset = (uint64_t)(bytes - v->memory->base);

	if (v->written == NULL || size == 0)
		return;
	if (v->n_ranges == VIRTIO_RANGES)
		say_written(v);
	v->ranges[v->n_ranges++] = (struct virtio_range){ offset, size };
}

static void note_answer(struct virtio *v, const struct virtio_request *r,
	uint64_t written)
{
	unsigned i;

	for (i = r->n_read; i < r->n_read + r->n_write && written > 0; i++) {
		uint64_t size = r->parts[i].size;

		if (size > written)
			size = written;
		note_written(v, r->parts[i].bytes, size);
		written -= size;
	}
}

/* -- Taking ------------------------------------------------------------- */

static bool add_part(struct virtio *v, struct virtio_request *r,
	const uint8_t *descriptor)
{
	unsigned n = r->n_read + r->n_write;
	unsigned flags = (unsigned)get_le(descriptor + 12, 2);
	struct virtio_buffer *part = &r->parts[n];

	if (n == VIRTIO_QUEUE || flags & DESC_INDIRECT ||
		(r->n_write && !(flags & DESC_WRITE)))
		return false;
	part->size = (uint32_t)get_le(descriptor + 8, 4);
	part->bytes = memory_at(
		v->memory, get_le(descriptor, 8), part->size);
	if (part->bytes == NULL)
		return false;
	if (flags & DESC_WRITE)
		r->n_write++;
	else
		r->n_read++;
	return true;
}

/* The chain from descriptor `at` on: 2.6.5.  False: it makes no sense. */
static bool gather(struct virtio *v, unsigned at, struct virtio_request *r)
{
	const struct virtio_ring *ring = &v->state->rings[r->queue];
	const uint8_t *table = memory_at(v->memory, ring->descriptors,
		(uint64_t)ring->size * DESC_BYTES);
	uint8_t descriptor[DESC_BYTES];

	r->n_read = r->n_write = 0;
	do {
		if (table == NULL || at >= ring->size)
			return false;
		memcpy(descriptor, table + (size_t)at * DESC_BYTES, DESC_BYTES);
		if (!add_part(v, r, descriptor))
			return false;
		at = (unsigned)get_le(descriptor + 14, 2);
	} while (get_le(descriptor + 12, 2) & DESC_NEXT);
	return true;
}

bool virtio_live(const struct virtio *v, unsigned queue)
{
	return v->state->rings[queue].ready &&
	       v->state->status & VIRTIO_DRIVER_OK;
}

/*
 * Whether the driver has made nothing available since.  Then it shall tell
 * when it does: the fence stands between our saying so and our last look at
 * its index, the driver's between its index and its look at what we said
 * (2.6.13.4.1).
 */
static bool is_empty(struct virtio *v, unsigned queue)
{
	const uint8_t *available = available_of(v, queue);
	uint8_t *used = used_of(v, queue);
	unsigned next = v->state->rings[queue].next;

	if (available == NULL || used == NULL) {
		virtio_break(v);
		return true;
	}
	if (next != load16(available + 2))
		return false;
	if (!has_events(v))
		return true;
	store16(used + used_bytes(v, queue) - EVENT_BYTES, next);
	atomic_thread_fence(memory_order_seq_cst);
	return next == load16(available + 2);
}

bool virtio_pending(struct virtio *v, unsigned queue)
{
	return virtio_live(v, queue) &&
	       (v->work[queue].n_again > 0 || !is_empty(v, queue));
}

/* The head of the next request.  The ring is live and not empty. */
static bool take(struct virtio *v, unsigned queue, unsigned *head)
{
	struct virtio_ring *ring = &v->state->rings[queue];
	struct virtio_work *work = &v->work[queue];
	atomic_uint *taken = v->state->flights[queue].taken;
	const uint8_t *available = available_of(v, queue);

	if (work->n_again > 0) {
		*head = work->again[--work->n_again];
		return true;
	}
	*head = load16(available + 4 + 2 * (ring->next % ring->size));
	if (*head >= ring->size || atomic_load(&taken[*head]))
		return false;
	atomic_store(&taken[*head], FLYING | ring->next);
	ring->next++;
	return true;
}

bool virtio_next(struct virtio *v, unsigned queue, struct virtio_request *r)
{
	if (v->n_draining > 0 || !virtio_pending(v, queue))
		return false;
	r->queue = queue;
	if (!take(v, queue, &r->head) || !gather(v, r->head, r)) {
		virtio_break(v);
		return false;
	}
	v->n_out++;
	return true;
}

/* -- Answering ---------------------------------------------------------- */

void virtio_answer(struct virtio *v, const struct virtio_request *r,
	int64_t written)
{
	struct virtio_ring *ring = &v->state->rings[r->queue];
	struct virtio_work *work = &v->work[r->queue];
	uint8_t *used = used_of(v, r->queue), *element;

	if (--v->n_out == 0)
		pthread_cond_broadcast(&v->idle);
	if (!virtio_live(v, r->queue))
		return; /* it has stopped meanwhile */
	if (written < 0 || used == NULL) {
		virtio_break(v);
		return;
	}
	element = used_element(used, ring, work->n_staged +
		atomic_load(&v->state->flights[r->queue].used));
	put_le(element, 4, r->head);
	put_le(element + 4, 4, (uint64_t)written);
	work->staged[work->n_staged++] = (uint16_t)r->head;
	note_answer(v, r, (uint64_t)written);
}

void virtio_back(struct virtio *v, unsigned queue, unsigned n)
{
	struct virtio_work *work = &v->work[queue];

	while (n-- > 0)
		work->again[work->n_again++] = work->staged[--work->n_staged];
}

/* 2.6.7.2.  Of the answers from index `old` on, which are `n`. */
static bool wants_interrupt(struct virtio *v, unsigned queue, unsigned old,
	unsigned n)
{
	const uint8_t *available = available_of(v, queue);
	unsigned size = v->state->rings[queue].size;

	if (available == NULL)
		return false;
	if (!has_events(v))
		return !(load16(available) & AVAIL_NO_INTERRUPT);
	return (uint16_t)(load16(available + 4 + 2 * (size_t)size) - old) < n;
}

/*
 * 2.6.8: the elements first, then the index that shows them; and before that
 * whoever wants to know hears what was written.  The fence stands between that
 * index and our look at whether the driver sleeps.
 */
void virtio_flush(struct virtio *v, unsigned queue)
{
	struct virtio_flight *flight = &v->state->flights[queue];
	struct virtio_work *work = &v->work[queue];
	unsigned i, n = work->n_staged, old = atomic_load(&flight->used);
	uint8_t *used = used_of(v, queue);

	work->n_staged = 0;
	if (n == 0 || used == NULL || !virtio_live(v, queue))
		return;
	note_written(v, used, used_bytes(v, queue));
	say_written(v);
	store16(used + 2, old + n);
	for (i = 0; i < n; i++)
		atomic_store(&flight->taken[work->staged[i]], 0);
	atomic_store(&flight->used, (old + n) & 0xffff);
	atomic_thread_fence(memory_order_seq_cst);
	if (wants_interrupt(v, queue, old, n))
		virtio_interrupt(v, VIRTIO_USED);
}

/* -- Another device's flights ------------------------------------------- */

void ring_clear(struct virtio *v, unsigned queue)
{
	struct virtio_flight *flight = &v->state->flights[queue];
	unsigned i;

	for (i = 0; i < VIRTIO_QUEUE; i++)
		atomic_store(&flight->taken[i], 0);
	atomic_store(&flight->used, 0);
	v->work[queue].n_again = v->work[queue].n_staged = 0;
}

/* What the used ring shows, and nobody has noted yet. */
static void note_shown(struct virtio *v, unsigned queue, uint8_t *used)
{
	const struct virtio_ring *ring = &v->state->rings[queue];
	struct virtio_flight *flight = &v->state->flights[queue];
	unsigned old = atomic_load(&flight->used), now = load16(used + 2);
	unsigned i, n = (uint16_t)(now - old);

	for (i = 0; i < n && n <= ring->size; i++) {
		uint64_t head = get_le(used_element(used, ring, old + i), 4);

		if (head < ring->size)
			atomic_store(&flight->taken[head], 0);
	}
	atomic_store(&flight->used, now);
}

/* The oldest is the last, which is the first that is served again. */
static void remember(struct virtio_work *work, const atomic_uint *taken,
	unsigned head)
{
	unsigned place = atomic_load(&taken[head]), i = work->n_again++;

	for (; i > 0; i--) {
		unsigned other = atomic_load(&taken[work->again[i - 1]]);

		if ((uint16_t)(other - place) < 0x8000)
			break;
		work->again[i] = work->again[i - 1];
	}
	work->again[i] = (uint16_t)head;
}

void ring_land(struct virtio *v, unsigned queue)
{
	struct virtio_ring *ring = &v->state->rings[queue];
	struct virtio_flight *flight = &v->state->flights[queue];
	struct virtio_work *work = &v->work[queue];
	uint8_t *used = ring->ready ? used_of(v, queue) : NULL;
	unsigned head;

	work->n_again = work->n_staged = 0;
	if (used == NULL)
		return;
	note_shown(v, queue, used);
	for (head = 0; head < VIRTIO_QUEUE; head++)
		if (head >= ring->size)
			atomic_store(&flight->taken[head], 0);
		else if (atomic_load(&flight->taken[head]))
			remember(work, flight->taken, head);
	ring->next = (uint16_t)(atomic_load(&flight->used) + work->n_again);
}

/* -- Requests ----------------------------------------------------------- */

static uint64_t total(const struct virtio_buffer *parts, unsigned n)
{
	uint64_t bytes = 0;

	while (n-- > 0)
		bytes += parts[n].size;
	return bytes;
}

uint64_t virtio_given(const struct virtio_request *r)
{
	return total(r->parts, r->n_read);
}

uint64_t virtio_wanted(const struct virtio_request *r)
{
	return total(r->parts + r->n_read, r->n_write);
}

bool virtio_take(struct virtio_request *r, void *to, uint32_t size)
{
	struct virtio_buffer *part = r->parts;
	uint8_t *out = to;
	uint32_t n;

	if (virtio_given(r) < size)
		return false;
	for (; size > 0; part++) {
		n = part->size < size ? part->size : size;
		memcpy(out, part->bytes, n);
		part->bytes += n;
		part->size -= n;
		out += n;
		size -= n;
	}
	return true;
}

void virtio_put(const struct virtio_request *r, uint64_t at, const void *from,
	uint32_t size)
{
	const struct virtio_buffer *part = r->parts + r->n_read;
	const uint8_t *in = from;
	uint32_t n;

	for (; size > 0; part++) {
		if (at >= part->size) {
			at -= part->size;
			continue;
		}
		n = part->size - (uint32_t)at;
		if (n > size)
			n = size;
		memcpy(part->bytes + at, in, n);
		at = 0;
		in += n;
		size -= n;
	}
}
