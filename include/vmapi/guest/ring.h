/* SPDX-License-Identifier: MIT */
/* A ring of messages in memory that two share, and its signals. */
#ifndef VMAPI_GUEST_RING_H
#define VMAPI_GUEST_RING_H

/*
 * One puts messages of four words in, the other takes them out, in a guest
 * and in the application, or in two processes: the same header for both.
 * vmapi_ring(7) teaches it.
 *
 * Each side reads only what the other wrote, never its own index, and checks
 * it; so the worst that a liar can do is to send nonsense.  All numbers are
 * little-endian.
 *
 * A signal (a call, an interrupt, an eventfd) is asked for by who goes to
 * sleep, and given by who changed something:
 *
 *	sleeper: want = 1;         fence; is there anything?  no: sleep
 *	other:   index = what's new; fence; want?             yes: signal
 *
 * Each writes its own word and then reads the other's.  Without a full fence
 * between, both may read what was there before, since processors, x86 too,
 * let loads overtake stores; a write barrier does nothing against it.  Then
 * one sleeps and the other does not wake it.
 */

typedef __UINT32_TYPE__ vmapi_ring_u32;
typedef __UINT64_TYPE__ vmapi_ring_u64;

#define VMAPI_RING_MAGIC   0x676e6972u /* "ring" */
#define VMAPI_RING_VERSION 1u
#define VMAPI_RING_WORDS   4u
#define VMAPI_RING_MAX	   0x8000u /* slots */

struct vmapi_ring_slot {
	vmapi_ring_u64 word[VMAPI_RING_WORDS];
};

/* In shared memory, at a multiple of 64. */
struct vmapi_ring {
	vmapi_ring_u32 magic;
	vmapi_ring_u32 version;
	vmapi_ring_u32 slots; /* a power of 2 */
	vmapi_ring_u32 zero[13];
	/* Who puts in. */
	vmapi_ring_u32 head;	  /* how many were put in */
	vmapi_ring_u32 want_room; /* signal when one was taken out */
	vmapi_ring_u32 pad1[14];
	/* Who takes out. */
	vmapi_ring_u32 tail;	  /* how many were taken out */
	vmapi_ring_u32 want_data; /* signal when one was put in */
	vmapi_ring_u32 pad2[14];
	struct vmapi_ring_slot slot[1]; /* as many as there are */
};

#define VMAPI_RING_BYTES(slots)                                                \
	(192u + (vmapi_ring_u64)(slots) * sizeof(struct vmapi_ring_slot))

/* One side's own, not shared. */
struct vmapi_ring_end {
	struct vmapi_ring *ring;
	vmapi_ring_u32 slots;
	vmapi_ring_u32 own;   /* the index that this side counts */
	vmapi_ring_u32 other; /* the other's as last seen */
};

/* What a call returns, beside 0 and 1. */
#define VMAPI_RING_BROKEN (-1) /* the other side's index is nonsense */

/* Tests put others in their place. */
#ifndef VMAPI_RING_FENCE
#define VMAPI_RING_FENCE() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
#ifndef VMAPI_RING_LOAD
#define VMAPI_RING_LOAD(from) __atomic_load_n(from, __ATOMIC_ACQUIRE)
#define VMAPI_RING_STORE(to, value)                                            \
	__atomic_store_n(to, value, __ATOMIC_RELEASE)
#define VMAPI_RING_SWAP(with, value)                                           \
	__atomic_exchange_n(with, value, __ATOMIC_ACQ_REL)
#endif

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define VMAPI_RING_32(value) __builtin_bswap32(value)
#define VMAPI_RING_64(value) __builtin_bswap64(value)
#else
#define VMAPI_RING_32(value) (value)
#define VMAPI_RING_64(value) (value)
#endif

/* -- Both sides --------------------------------------------------------- */

/* Make an empty ring, before the other side looks at it.  0: not so many. */
static inline int vmapi_ring_init(
	struct vmapi_ring *ring, vmapi_ring_u32 slots)
{
	if (!slots || slots > VMAPI_RING_MAX || (slots & (slots - 1)))
		return 0;
	ring->version = VMAPI_RING_32(VMAPI_RING_VERSION);
	ring->slots = VMAPI_RING_32(slots);
	ring->head = ring->tail = 0;
	ring->want_room = ring->want_data = 0;
	VMAPI_RING_STORE(&ring->magic, VMAPI_RING_32(VMAPI_RING_MAGIC));
	return 1;
}

/* Begin to use a new ring in `bytes` bytes of memory.  0: there is none. */
static inline int vmapi_ring_attach(struct vmapi_ring_end *end,
	struct vmapi_ring *ring, vmapi_ring_u64 bytes)
{
	vmapi_ring_u32 slots;

	if (bytes < VMAPI_RING_BYTES(1) ||
		VMAPI_RING_LOAD(&ring->magic) !=
			VMAPI_RING_32(VMAPI_RING_MAGIC) ||
		VMAPI_RING_LOAD(&ring->version) !=
			VMAPI_RING_32(VMAPI_RING_VERSION))
		return 0;
	slots = VMAPI_RING_LOAD(&ring->slots);
	slots = VMAPI_RING_32(slots);
	if (!slots || slots > VMAPI_RING_MAX || (slots & (slots - 1)) ||
		bytes < VMAPI_RING_BYTES(slots))
		return 0;
	end->ring = ring;
	end->slots = slots;
	end->own = end->other = 0;
	return 1;
}

/* Whether the other side wants a signal: then give one.  After changes. */
static inline int vmapi_ring_wanted(vmapi_ring_u32 *want)
{
	VMAPI_RING_FENCE();
	return VMAPI_RING_LOAD(want) && VMAPI_RING_SWAP(want, 0);
}

/* Look at the other's index, which is never more than `slots` ahead. */
static inline int vmapi_ring_look(struct vmapi_ring_end *end,
	vmapi_ring_u32 *index, int is_producer)
{
	vmapi_ring_u32 now = VMAPI_RING_LOAD(index), ahead;

	now = VMAPI_RING_32(now);
	ahead = is_producer ? end->own - now : now - end->own;
	if (ahead > end->slots)
		return VMAPI_RING_BROKEN;
	end->other = now;
	return is_producer ? ahead < end->slots : ahead != 0;
}

/* Ask for a signal; 1: nothing has changed, sleep until it comes. */
static inline int vmapi_ring_ask(struct vmapi_ring_end *end,
	vmapi_ring_u32 *want, vmapi_ring_u32 *index, int is_producer)
{
	int is_there;

	VMAPI_RING_STORE(want, VMAPI_RING_32(1));
	VMAPI_RING_FENCE();
	is_there = vmapi_ring_look(end, index, is_producer);
	if (is_there)
		(void)VMAPI_RING_SWAP(want, 0);
	return is_there < 0 ? is_there : !is_there;
}

/* -- Who puts in -------------------------------------------------------- */

/* Put a message in; 0: there is no room. */
static inline int vmapi_ring_put(
	struct vmapi_ring_end *end, const vmapi_ring_u64 *words)
{
	struct vmapi_ring *ring = end->ring;
	volatile vmapi_ring_u64 *to =
		ring->slot[end->own & (end->slots - 1)].word;
	unsigned i;
	int room = 1;

	if (end->own - end->other == end->slots)
		room = vmapi_ring_look(end, &ring->tail, 1);
	if (room <= 0)
		return room;
	for (i = 0; i < VMAPI_RING_WORDS; i++)
		to[i] = VMAPI_RING_64(words[i]);
	end->own++;
	VMAPI_RING_STORE(&ring->head, VMAPI_RING_32(end->own));
	return 1;
}

/* After some were put in: 1: signal the other side. */
static inline int vmapi_ring_data_wanted(struct vmapi_ring_end *end)
{
	return vmapi_ring_wanted(&end->ring->want_data);
}

/* Before sleeping for room; 0: there is some now. */
static inline int vmapi_ring_want_room(struct vmapi_ring_end *end)
{
	return vmapi_ring_ask(
		end, &end->ring->want_room, &end->ring->tail, 1);
}

/* -- Who takes out ------------------------------------------------------ */

/* Take a message out; 0: there is none. */
static inline int vmapi_ring_take(
	struct vmapi_ring_end *end, vmapi_ring_u64 *words)
{
	struct vmapi_ring *ring = end->ring;
	const volatile vmapi_ring_u64 *from =
		ring->slot[end->own & (end->slots - 1)].word;
	unsigned i;
	int data = 1;

	if (end->own == end->other)
		data = vmapi_ring_look(end, &ring->head, 0);
	if (data <= 0)
		return data;
	for (i = 0; i < VMAPI_RING_WORDS; i++) {
		words[i] = from[i];
		words[i] = VMAPI_RING_64(words[i]);
	}
	end->own++;
	VMAPI_RING_STORE(&ring->tail, VMAPI_RING_32(end->own));
	return 1;
}

/* After some were taken out: 1: signal the other side. */
static inline int vmapi_ring_room_wanted(struct vmapi_ring_end *end)
{
	return vmapi_ring_wanted(&end->ring->want_room);
}

/* Before sleeping for messages; 0: there are some now. */
static inline int vmapi_ring_want_data(struct vmapi_ring_end *end)
{
	return vmapi_ring_ask(
		end, &end->ring->want_data, &end->ring->head, 0);
}

#endif
