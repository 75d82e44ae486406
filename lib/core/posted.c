/* SPDX-License-Identifier: MIT */
/*
 * Posted writes: collected without an exit, given out in order.
 *
 * Writes wait in the kernel's ring (KVM: one for the whole VM) or in a queue
 * here (the software processor).  Whoever reaches a point before which they
 * have to be seen empties both.  One lock, held while the application's
 * function runs, keeps the order and makes a second one wait; it is
 * recursive, so that a function may call what flushes: that does nothing.
 * So nobody may come here with another lock, or inside the run gate.
 *
 * A guest that never exits again would leave its last writes waiting, and
 * the kernel does not tell of them: a timer among the VM's chips looks.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/chipset.h"
#include "lib/core/posted.h"
#include "lib/core/region.h"
#include "lib/sys/sys.h"

#define QUEUE	  1024
#define SPARE	  256 /* for a write of each vcpu */
#define PERIOD_NS 20000000u

struct vmi_posted {
	struct vmi_chip_client client;
	uint64_t due;
	pthread_mutex_t deliver; /* recursive; `busy` and `list` */
	bool busy;
	struct vmapi_region *list;
	pthread_mutex_t lock; /* of the queue */
	atomic_uint n;
	unsigned first;
	struct vmi_posted_write queue[QUEUE];
};

/* -- The queue ---------------------------------------------------------- */

static struct vmi_posted *posted_of(const struct vmapi_vm *vm)
{
	return atomic_load_explicit(&vm->posted, memory_order_acquire);
}

bool vmi_posted_waits(const struct vmapi_vm *vm)
{
	return vmi_posted_exists(vm) && atomic_load(&posted_of(vm)->n);
}

bool vmi_posted_is_full(const struct vmapi_vm *vm)
{
	return atomic_load(&posted_of(vm)->n) > QUEUE - SPARE;
}

static int push(struct vmi_posted *p, const struct vmi_posted_write *write)
{
	unsigned n;

	pthread_mutex_lock(&p->lock);
	n = atomic_load(&p->n);
	if (n < QUEUE) {
		p->queue[(p->first + n) % QUEUE] = *write;
		atomic_store(&p->n, n + 1);
	}
	pthread_mutex_unlock(&p->lock);
	return n < QUEUE ? 0 : -EAGAIN;
}

static bool pop(struct vmi_posted *p, struct vmi_posted_write *write)
{
	unsigned n;

	pthread_mutex_lock(&p->lock);
	n = atomic_load(&p->n);
	if (n) {
		*write = p->queue[p->first];
		p->first = (p->first + 1) % QUEUE;
		atomic_store(&p->n, n - 1);
	}
	pthread_mutex_unlock(&p->lock);
	return n != 0;
}

int vmi_posted_queue(
	struct vmapi_region *region, const struct vmapi_access *access)
{
	const struct vmi_posted_write write = {
		.address = region->region.base + access->offset,
		.value = access->value,
		.space = region->region.space,
		.bytes = access->bytes,
	};

	return push(posted_of(region->vm), &write);
}

/* -- Giving out --------------------------------------------------------- */

/*
 * `is_fresh`: it has not been queued, and regions that hear of a write only
 * after they have handled it are not meant.
 */
static struct vmapi_region *find(struct vmi_posted *p,
	const struct vmi_posted_write *write, bool is_fresh)
{
	struct vmapi_region *r;

	for (r = p->list; r; r = r->next_posted)
		if ((r->region.posts || !is_fresh) &&
			r->region.space == write->space &&
			write->address - r->region.base < r->region.bytes)
			return r;
	return NULL;
}

static bool give(struct vmi_posted *p, const struct vmi_posted_write *write,
	bool is_fresh)
{
	struct vmapi_region *region = find(p, write, is_fresh);
	struct vmapi_access access = { .value = write->value,
		.bytes = write->bytes,
		.is_write = 1 };

	if (!region)
		return false;
	access.offset = write->address - region->region.base;
	(void)region->kind->access(&region->region, &access);
	return true;
}

static bool next_write(struct vmapi_vm *vm, struct vmi_posted_write *write)
{
	const struct vmi_backend *be = vm->ctx->be;

	if (be->posted_next && be->posted_next(vm, write))
		return true;
	return pop(posted_of(vm), write);
}

/* `deliver` is held. */
static void give_all(struct vmapi_vm *vm)
{
	struct vmi_posted_write write;
	struct vmapi_region *r;

	while (next_write(vm, &write))
		(void)give(posted_of(vm), &write, false);
	for (r = posted_of(vm)->list; r; r = r->next_posted)
		if (r->kind->flush)
			r->kind->flush(r);
}

bool vmi_posted_take(
	struct vmapi_vm *vm, const struct vmi_posted_write *write)
{
	struct vmi_posted *p = posted_of(vm);
	bool taken = false;

	if (!p)
		return false;
	pthread_mutex_lock(&p->deliver);
	if (!p->busy) {
		p->busy = true;
		give_all(vm);
		taken = write && give(p, write, true);
		p->busy = false;
	}
	pthread_mutex_unlock(&p->deliver);
	return taken;
}

bool vmi_posted_is_giving(const struct vmapi_vm *vm)
{
	struct vmi_posted *p = posted_of(vm);
	bool busy;

	if (!p || pthread_mutex_trylock(&p->deliver))
		return false;
	busy = p->busy;
	pthread_mutex_unlock(&p->deliver);
	return busy;
}

void vmi_posted_deliver(struct vmapi_vm *vm)
{
	(void)vmi_posted_take(vm, NULL);
}

/* -- The timer ---------------------------------------------------------- */

static void update(struct vmi_chip_client *client, uint64_t now)
{
	struct vmi_posted *p =
		vmi_container_of(client, struct vmi_posted, client);

	if (now >= p->due)
		p->due = now + PERIOD_NS; /* vmi_vm_service() delivers */
}

/* Off while there is no range.  The list's head changes with the lock held. */
static uint64_t deadline(struct vmi_chip_client *client, uint64_t now)
{
	struct vmi_posted *p =
		vmi_container_of(client, struct vmi_posted, client);

	(void)now;
	return p->list ? p->due : VMI_CHIP_NEVER;
}

/* -- Making ------------------------------------------------------------- */

static int init_locks(struct vmi_posted *p)
{
	pthread_mutexattr_t attr;
	int err = pthread_mutexattr_init(&attr);

	if (err)
		return vmi_fail(-err, "vm", "cannot make a lock");
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&p->deliver, &attr);
	pthread_mutexattr_destroy(&attr);
	pthread_mutex_init(&p->lock, NULL);
	return 0;
}

/* With the first range of a VM; it stays as long as the VM. */
static int make_queue(struct vmapi_vm *vm)
{
	struct vmi_posted *p = vmi_zalloc(sizeof(*p)), *none = NULL;
	int err = p ? init_locks(p) : vmi_fail(-ENOMEM, "vm", "no memory");

	if (err) {
		vmi_free(p);
		return err;
	}
	p->client.update = update;
	p->client.deadline = deadline;
	if (atomic_compare_exchange_strong(&vm->posted, &none, p)) {
		vmi_chipset_add(vm, &p->client);
		return 0;
	}
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->deliver);
	vmi_free(p); /* somebody else was quicker */
	return 0;
}

void vmi_posted_fini(struct vmapi_vm *vm)
{
	struct vmi_posted *p = posted_of(vm);

	if (!p)
		return;
	vmi_chipset_remove(vm, &p->client);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->deliver);
	vmi_free(p);
	atomic_store(&vm->posted, NULL);
}

/* The list changes under the chipset's lock too, for the timer. */
static void set_list(
	struct vmapi_vm *vm, struct vmapi_region **at, struct vmapi_region *to)
{
	struct vmi_posted *p = posted_of(vm);
	uint64_t now = vmi_chipset_lock(vm);

	if (!p->list)
		p->due = now + PERIOD_NS;
	*at = to;
	vmi_chipset_unlock(vm);
}

int vmi_posted_add(struct vmapi_region *region)
{
	struct vmapi_vm *vm = region->vm;
	int err = posted_of(vm) ? 0 : make_queue(vm);
	struct vmi_posted *p = posted_of(vm);

	if (err)
		return err;
	pthread_mutex_lock(&p->deliver);
	region->next_posted = p->list;
	set_list(vm, &p->list, region);
	pthread_mutex_unlock(&p->deliver);
	return 0;
}

void vmi_posted_remove(struct vmapi_region *region)
{
	struct vmi_posted *p = posted_of(region->vm);
	struct vmapi_region **at;

	vmi_posted_deliver(region->vm);
	pthread_mutex_lock(&p->deliver);
	for (at = &p->list; *at != region;)
		at = &(*at)->next_posted;
	set_list(region->vm, at, region->next_posted);
	pthread_mutex_unlock(&p->deliver);
}
