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

#define QUEUE	  256
#define PERIOD_NS 20000000u

struct vmapi_posted {
	struct vmapi_vm *vm; /* referenced */
	struct vmapi_posted *next;
	struct vmi_region region;
	vmapi_posted_fn *write;
	void *opaque;
};

struct vmi_posted {
	struct vmi_chip_client client;
	uint64_t due;
	pthread_mutex_t deliver; /* recursive; `busy` and `list` */
	bool busy;
	struct vmapi_posted *list;
	pthread_mutex_t lock; /* of the queue */
	atomic_uint n;
	unsigned first;
	struct vmapi_posted_write queue[QUEUE];
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

static int push(struct vmi_posted *p, const struct vmapi_posted_write *write)
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

static bool pop(struct vmi_posted *p, struct vmapi_posted_write *write)
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

/* A guest's access to the range, on the software processor. */
static int post(struct vmi_region *region, struct vmi_access *access)
{
	struct vmapi_posted *posted =
		vmi_container_of(region, struct vmapi_posted, region);
	struct vmapi_posted_write write = {
		.address = region->base + access->offset,
		.value = access->value,
		.space = region->space,
		.bytes = access->bytes,
	};

	if (!access->is_write)
		return -ENOENT;
	return push(posted_of(posted->vm), &write);
}

/* -- Giving out --------------------------------------------------------- */

static struct vmapi_posted *find(
	struct vmi_posted *p, const struct vmapi_posted_write *write)
{
	struct vmapi_posted *posted;

	for (posted = p->list; posted; posted = posted->next)
		if (posted->region.space == write->space &&
			write->address - posted->region.base <
				posted->region.bytes)
			return posted;
	return NULL;
}

static bool give(struct vmi_posted *p, const struct vmapi_posted_write *write)
{
	struct vmapi_posted *posted = find(p, write);

	if (posted)
		posted->write(posted->opaque, write);
	return posted != NULL;
}

static bool next_write(struct vmapi_vm *vm, struct vmapi_posted_write *write)
{
	const struct vmi_backend *be = vm->ctx->be;

	if (be->posted_next && be->posted_next(vm, write))
		return true;
	return pop(posted_of(vm), write);
}

/* `deliver` is held. */
static void give_all(struct vmapi_vm *vm)
{
	struct vmapi_posted_write write;

	while (next_write(vm, &write))
		(void)give(posted_of(vm), &write);
}

bool vmi_posted_take(
	struct vmapi_vm *vm, const struct vmapi_posted_write *write)
{
	struct vmi_posted *p = posted_of(vm);
	bool taken = false;

	if (!p)
		return false;
	pthread_mutex_lock(&p->deliver);
	if (!p->busy) {
		p->busy = true;
		give_all(vm);
		taken = write && give(p, write);
		p->busy = false;
	}
	pthread_mutex_unlock(&p->deliver);
	return taken;
}

void vmi_posted_deliver(struct vmapi_vm *vm)
{
	(void)vmi_posted_take(vm, NULL);
}

int vmapi_posted_flush(struct vmapi_vm *vm)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	if (!err)
		vmi_posted_deliver(vm);
	return err;
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
	struct vmapi_vm *vm, struct vmapi_posted **at, struct vmapi_posted *to)
{
	struct vmi_posted *p = posted_of(vm);
	uint64_t now = vmi_chipset_lock(vm);

	if (!p->list)
		p->due = now + PERIOD_NS;
	*at = to;
	vmi_chipset_unlock(vm);
}

static void link_range(struct vmapi_posted *posted)
{
	struct vmi_posted *p = posted_of(posted->vm);

	pthread_mutex_lock(&p->deliver);
	posted->next = p->list;
	set_list(posted->vm, &p->list, posted);
	pthread_mutex_unlock(&p->deliver);
}

static void unlink_range(struct vmapi_posted *posted)
{
	struct vmi_posted *p = posted_of(posted->vm);
	struct vmapi_posted **at;

	pthread_mutex_lock(&p->deliver);
	for (at = &p->list; *at != posted;)
		at = &(*at)->next;
	set_list(posted->vm, at, posted->next);
	pthread_mutex_unlock(&p->deliver);
}

static int check_config(
	struct vmapi_vm *vm, const struct vmapi_posted_config *c)
{
	uint64_t end = c->space == VMAPI_SPACE_PORT ? 0xffff : UINT64_MAX;

	if (c->flags || c->reserved)
		return vmi_fail(-EINVAL, "vm", "unknown flags 0x%" PRIx32,
			c->flags);
	if (c->space > VMAPI_SPACE_PORT)
		return vmi_fail(-EINVAL, "vm",
			"writes of space %" PRIu32 " cannot be posted",
			c->space);
	if (!c->bytes || c->base > end || c->bytes - 1 > end - c->base)
		return vmi_fail_range(-EINVAL, c->base, c->bytes,
			"0x%" PRIx64 "+0x%" PRIx64 " is no range", c->base,
			c->bytes);
	if (!c->write)
		return vmi_null("write");
	if (!vmi_cap(vm->ctx, vm, VMAPI_CAP_POSTED))
		return vmi_unsupported(vm->ctx);
	return 0;
}

/* From the inside out: the list, the range, the kernel's zone. */
static int build(struct vmapi_posted *posted)
{
	const struct vmi_backend *be = posted->vm->ctx->be;
	int err;

	link_range(posted);
	err = vmi_region_add(posted->vm, &posted->region);
	if (err)
		goto list;
	if (be->posted_zone)
		err = be->posted_zone(posted->vm, &posted->region, true);
	if (err)
		goto region;
	return 0;
region:
	vmi_region_remove(posted->vm, &posted->region);
list:
	unlink_range(posted);
	return err;
}

int vmapi_posted_create(struct vmapi_vm *vm,
	const struct vmapi_posted_config *config, struct vmapi_posted **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_posted_config c;
	struct vmapi_posted *posted;

	if (err)
		return err;
	if (!config || !out)
		return vmi_null(config ? "posted" : "config");
	err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (!err)
		err = check_config(vm, &c);
	if (!err && !posted_of(vm))
		err = make_queue(vm);
	if (err)
		return err;
	posted = vmi_zalloc(sizeof(*posted));
	if (!posted)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	posted->vm = vm;
	posted->write = c.write;
	posted->opaque = c.opaque;
	posted->region.space = (enum vmi_space)c.space;
	posted->region.base = c.base;
	posted->region.bytes = c.bytes;
	posted->region.posts = true;
	posted->region.access = post;
	posted->region.name = "posted writes";
	err = build(posted);
	if (err) {
		vmi_free(posted);
		return err;
	}
	vmi_vm_get(vm);
	*out = posted;
	return 0;
}

void vmapi_posted_destroy(struct vmapi_posted *posted)
{
	struct vmapi_vm *vm;

	if (!posted || vmi_enter(posted->vm->ctx, __func__))
		return;
	vm = posted->vm;
	if (vm->ctx->be->posted_zone)
		(void)vm->ctx->be->posted_zone(vm, &posted->region, false);
	vmi_region_remove(vm, &posted->region);
	vmi_posted_deliver(vm);
	unlink_range(posted);
	vmi_free(posted);
	vmi_vm_put(vm);
}
