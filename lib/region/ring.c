/* SPDX-License-Identifier: MIT */
/* Commands and answers by shared memory, and how long to look for them. */
/*
 * What two processors pay for is the cache lines that go from one to the
 * other. An entry has one of its own, and says there itself that it is put, by
 * its lap, which is stored last: whoever looks for it looks at that line, and
 * has the entry with it. What the other side has taken is read only when our
 * entries have gone round, and so it is said only now and then. `waits` is
 * looked at each time, in a line that hardly changes and that both have.
 *
 * Nothing in that memory is believed. Our own positions are kept outside; the
 * other side's are wrong if they say that more was taken than was put, and an
 * entry is if its lap is neither the one before nor its own. It is copied
 * before anybody looks at it. What another process may write at any moment is
 * read by atomic loads. The memory cannot shrink, so that no access to it
 * faults: who is handed it looks for the seal.
 *
 * A wakeup cannot be lost. Who goes to sleep stores `waits` and then looks
 * whether the other side has moved; who moves stores that and then looks for
 * `waits`. With a full barrier between the two on both sides one of them sees
 * the other. Write barriers would not do: they let a processor read `waits`
 * before its own store can be seen.
 *
 * Whether to look before sleeping is learnt: two moving averages say how long
 * we had to wait lately when we looked first and when we slept at once, and
 * the better one is taken; now and then the other one, which may have become
 * better. Where both sides have a processor looking wins by far. Where others
 * want the processors it loses: who sleeps leaves his to the very thread that
 * he waits for. Nobody looks if the answer usually takes longer than
 * SPIN_MAX_NS, and nobody longer than that, or than twice what is usual. The
 * first looks, which are most, do not ask for the time: that takes as long as
 * a line on its way. After some microseconds every look is followed by a yield.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "lib/region/ring.h"
#include "lib/sys/sys.h"

#define SPIN_MAX_NS 50000u
#define SPIN_MIN_NS 2000u /* beside what is usual */
#define YIELD_NS    5000u
#define USUAL_MAX   (4 * SPIN_MAX_NS)
#define TRY_SLEEP   4096 /* once in so many waits: it costs as much as 100 */
#define TRY_SPIN    32	 /* it costs no more than a sleep */
#define FIRST_LOOKS 1024 /* before the first question for the time */
#define FIRST_NS    500	 /* what they take, more or less */
#define LOOKS	    64	 /* between two questions */
#define SAY_AFTER   (VMAPI_WIRE_SLOTS / 4) /* entries that were taken */
#define WORDS	    4			    /* of an entry */

_Static_assert(sizeof(struct vmapi_wire_side) == 64 &&
		       sizeof(struct vmapi_wire_slot) == 64 &&
		       sizeof(struct vmapi_wire_ring) ==
			       128 + 2 * VMAPI_WIRE_SLOTS * 64,
	"the ring has no padding");

/* -- Memory that another process writes --------------------------------- */

static _Atomic(uint64_t) *word(uint64_t *at)
{
	return (_Atomic(uint64_t) *)(void *)at;
}

static uint64_t load(uint64_t *at)
{
	return atomic_load_explicit(word(at), memory_order_acquire);
}

static void store(uint64_t *at, uint64_t value)
{
	atomic_store_explicit(word(at), value, memory_order_release);
}

static struct vmapi_wire_slot *slot(
	struct vmapi_wire_slot *slots, uint64_t index)
{
	return &slots[index % VMAPI_WIRE_SLOTS];
}

/* Of entries since the ring was made, from 1: zeros are the lap before. */
static uint64_t lap(uint64_t index)
{
	return index / VMAPI_WIRE_SLOTS + 1;
}

/* -- Handles ------------------------------------------------------------ */

static int map(struct vmi_ring *ring, int fd)
{
	const struct vmi_mmap what = { .bytes = sizeof(*ring->shared),
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_SHARED,
		.fd = fd };
	void *where;
	int err = vmi_sys->mmap(&what, &where);

	if (!err)
		ring->shared = where;
	return err;
}

static int make_memory(int *out)
{
	int fd = vmi_sys->memfd("vmapi-ring", MFD_ALLOW_SEALING), err;

	if (fd < 0)
		return fd;
	err = vmi_set_length(fd, sizeof(struct vmapi_wire_ring));
	if (!err)
		err = vmi_sys->seal(fd);
	if (err) {
		vmi_sys->close(fd);
		return err;
	}
	*out = fd;
	return 0;
}

int vmi_ring_create(struct vmi_ring **out, int *fd)
{
	struct vmi_ring *ring = vmi_zalloc(sizeof(*ring));
	int err = ring ? make_memory(fd) : -ENOMEM;

	if (err) {
		vmi_free(ring);
		return err;
	}
	err = map(ring, *fd);
	if (err) {
		vmi_sys->close(*fd);
		vmi_free(ring);
		return err;
	}
	ring->own = &ring->shared->monitor;
	ring->peer = &ring->shared->device;
	ring->out = ring->shared->commands;
	ring->in = ring->shared->responses;
	ring->told = true;
	ring->usual_ns[false] = USUAL_MAX;
	ring->users = 1;
	*out = ring;
	return 0;
}

static int check_memory(int fd)
{
	struct stat st;
	int err = vmi_sys->fstat(fd, &st);

	if (err)
		return err;
	return vmi_sys->is_sealed(fd) == 1 &&
			       st.st_size >= (off_t)sizeof(
						struct vmapi_wire_ring)
		? 0 : -EPROTO;
}

int vmi_ring_open(struct vmi_ring **out, int fd)
{
	int err = check_memory(fd);
	struct vmi_ring *ring;

	if (err)
		return err;
	ring = vmi_zalloc(sizeof(*ring));
	err = ring ? map(ring, fd) : -ENOMEM;
	if (err) {
		vmi_free(ring);
		return err;
	}
	ring->own = &ring->shared->device;
	ring->peer = &ring->shared->monitor;
	ring->out = ring->shared->responses;
	ring->in = ring->shared->commands;
	ring->told = true;
	ring->usual_ns[false] = USUAL_MAX;
	ring->users = 1;
	*out = ring;
	return 0;
}

void vmi_ring_get(struct vmi_ring *ring)
{
	ring->users++;
}

void vmi_ring_put(struct vmi_ring *ring)
{
	if (!ring || --ring->users)
		return;
	vmi_sys->munmap(ring->shared, sizeof(*ring->shared));
	vmi_free(ring);
}

/* -- Entries ------------------------------------------------------------ */

int vmi_ring_has_room(struct vmi_ring *ring)
{
	uint64_t used = ring->put - ring->seen;

	if (used < VMAPI_WIRE_SLOTS)
		return 1;
	ring->seen = load(&ring->peer->taken);
	used = ring->put - ring->seen;
	if (used > VMAPI_WIRE_SLOTS)
		return -EPROTO;
	return used < VMAPI_WIRE_SLOTS;
}

int vmi_ring_push(struct vmi_ring *ring, const void *entry)
{
	struct vmapi_wire_slot *to = slot(ring->out, ring->put);
	int room = vmi_ring_has_room(ring);
	uint64_t words[WORDS];
	unsigned i;

	if (room <= 0)
		return room;
	memcpy(words, entry, sizeof(words));
	for (i = 0; i < WORDS; i++)
		atomic_store_explicit(word(&to->message[i]), words[i],
			memory_order_relaxed);
	store(&to->lap, lap(ring->put));
	ring->put++;
	ring->told = false;
	return 1;
}

static void say_taken(struct vmi_ring *ring)
{
	store(&ring->own->taken, ring->taken);
	ring->said = ring->taken;
	ring->told = false;
}

int vmi_ring_pull(struct vmi_ring *ring, void *entry)
{
	struct vmapi_wire_slot *from = slot(ring->in, ring->taken);
	uint64_t there = load(&from->lap), words[WORDS];
	unsigned i;

	if (there == lap(ring->taken) - 1)
		return 0;
	if (there != lap(ring->taken))
		return -EPROTO;
	for (i = 0; i < WORDS; i++)
		words[i] = atomic_load_explicit(
			word(&from->message[i]), memory_order_relaxed);
	memcpy(entry, words, sizeof(words));
	ring->taken++;
	if (ring->taken - ring->said >= SAY_AFTER)
		say_taken(ring);
	return 1;
}

bool vmi_ring_publish(struct vmi_ring *ring)
{
	if (ring->told)
		return false;
	ring->told = true;
	atomic_thread_fence(memory_order_seq_cst);
	return load(&ring->peer->waits) != 0;
}

/* -- Waiting ------------------------------------------------------------ */

static uint64_t now(void)
{
	uint64_t ns = 0;

	vmi_sys->now(CLOCK_MONOTONIC, &ns);
	return ns;
}

/*
 * What is there and not taken counts as movement, and so does a word that
 * cannot be, which the next pull finds out. The other side's words are not
 * read here: what changed since they were acted upon would be overlooked.
 */
void vmi_ring_look(
	struct vmi_ring *ring, bool room, struct vmi_ring_look *look)
{
	uint32_t usual = ring->usual_ns[true];

	look->spins = usual < ring->usual_ns[false] && usual < SPIN_MAX_NS;
	if (++ring->waits % (look->spins ? TRY_SLEEP : TRY_SPIN) == 0)
		look->spins = !look->spins;
	look->next = ring->taken;
	look->taken = ring->seen;
	look->room = room;
	look->budget_ns = usual < SPIN_MAX_NS / 4
		? 2 * usual + SPIN_MIN_NS : SPIN_MAX_NS;
	look->waited_ns = 0;
}

static bool moved(
	const struct vmi_ring *ring, const struct vmi_ring_look *look)
{
	return load(&slot(ring->in, look->next)->lap) != lap(look->next) - 1 ||
	       (look->room && load(&ring->peer->taken) != look->taken);
}

static bool look_often(const struct vmi_ring *ring,
	const struct vmi_ring_look *look, unsigned n)
{
	while (n--)
		if (moved(ring, look))
			return true;
	return false;
}

bool vmi_ring_spin(const struct vmi_ring *ring, struct vmi_ring_look *look)
{
	uint64_t start, waited = 0;
	bool found;

	if (!look->spins)
		return moved(ring, look);
	found = look_often(ring, look, FIRST_LOOKS);
	look->waited_ns = FIRST_NS;
	if (found)
		return true;
	start = now();
	while (!found && waited < look->budget_ns) {
		found = look_often(ring, look, LOOKS);
		waited = now() - start;
		if (!found && waited > YIELD_NS)
			vmi_sys->yield();
	}
	look->waited_ns += waited;
	return found;
}

bool vmi_ring_arm(struct vmi_ring *ring, struct vmi_ring_look *look)
{
	look->slept_at = now();
	ring->waiters++;
	store(&ring->own->waits, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (!moved(ring, look))
		return true;
	vmi_ring_disarm(ring, look);
	return false;
}

void vmi_ring_disarm(struct vmi_ring *ring, struct vmi_ring_look *look)
{
	if (!--ring->waiters)
		store(&ring->own->waits, 0);
	look->waited_ns += now() - look->slept_at;
	vmi_ring_learn(ring, look);
}

void vmi_ring_learn(struct vmi_ring *ring, const struct vmi_ring_look *look)
{
	uint32_t *usual = &ring->usual_ns[look->spins];
	uint32_t this_time = look->waited_ns < USUAL_MAX
		? (uint32_t)look->waited_ns : USUAL_MAX;

	if (moved(ring, look))
		*usual = *usual - *usual / 8 + this_time / 8;
}

/* -- The socket beside it ----------------------------------------------- */

int vmi_ring_hear(int fd)
{
	char bytes[64];
	ssize_t n = -EINTR;

	while (n == -EINTR)
		n = vmi_sys->receive(fd, bytes, sizeof(bytes));
	if (n > 0 || n == -EAGAIN)
		return 0;
	return n ? (int)n : -EPIPE;
}

/* A socket that is full has a byte in it that will wake. */
int vmi_ring_ring(int fd)
{
	ssize_t n = -EINTR;

	while (n == -EINTR)
		n = vmi_sys->send(fd, "", 1);
	return n >= 0 || n == -EAGAIN ? 0 : (int)n;
}
