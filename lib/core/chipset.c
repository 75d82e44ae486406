/* SPDX-License-Identifier: MIT */
/*
 * The library's chips of a VM.
 *
 * Chips are passive: somebody must call them when their time comes.  That is
 * whoever calls service: the application when the descriptor is readable,
 * the service thread, or a vcpu of the software processor.  One timer holds
 * the earliest deadline of all chips and is set again whenever a chip was
 * touched; it and the eventfds that drive lines are behind one epoll
 * descriptor, which is the VM's.  In deterministic mode time is not the
 * host's, so the timer stays off and the scheduler asks for the deadline.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "lib/core/backend.h"
#include "lib/core/bus.h"
#include "lib/core/chipset.h"
#include "lib/core/irq.h"
#include "lib/core/posted.h"
#include "lib/core/program.h"
#include "lib/core/runner.h"
#include "lib/sys/sys.h"

struct vmi_chipset {
	pthread_mutex_t lock;
	struct vmi_chip_client *clients;
	int poll; /* epoll: the timer, and what vmi_chipset_watch() added */
	int timer;
	uint64_t armed; /* what the timer was set to, in the VM's time */
	uint64_t now;	/* when the lock was taken */
	_Atomic(uint64_t) deadline;
	void *thread;
	int stop; /* eventfd; -1: no thread */
};

static uint64_t host_now(void)
{
	uint64_t now = 0;

	(void)vmi_sys->now(CLOCK_MONOTONIC, &now);
	return now;
}

uint64_t vmi_chipset_now(struct vmapi_vm *vm)
{
	uint64_t stood = atomic_load_explicit(
		&vm->clock_stood, memory_order_relaxed);

	if (stood)
		return stood - 1;
	return host_now() - atomic_load_explicit(
				    &vm->clock_start, memory_order_relaxed);
}

uint64_t vmi_clock_stop(struct vmapi_vm *vm)
{
	uint64_t now = vmi_chipset_now(vm);

	atomic_store(&vm->clock_stood, now + 1);
	return now;
}

void vmi_clock_set(struct vmapi_vm *vm, uint64_t now)
{
	atomic_store(&vm->clock_start, host_now() - now);
	if (atomic_load(&vm->clock_stood))
		atomic_store(&vm->clock_stood, now + 1);
}

/* The timer is for a moment that comes later, or came: set it again. */
void vmi_clock_go(struct vmapi_vm *vm)
{
	vmi_clock_set(vm, vmi_chipset_now(vm));
	if (!(vm->config.flags & VMAPI_VM_DETERMINISTIC))
		atomic_store(&vm->clock_stood, 0);
	pthread_mutex_lock(&vm->chipset->lock);
	vm->chipset->armed = VMI_CHIP_NEVER;
	vmi_chipset_rearm(vm);
	pthread_mutex_unlock(&vm->chipset->lock);
}

static int make_timer(struct vmi_chipset *cs)
{
	int err;

	cs->timer = vmi_sys->timerfd(CLOCK_MONOTONIC);
	if (cs->timer < 0)
		return cs->timer;
	cs->poll = vmi_sys->epoll();
	err = cs->poll;
	if (err < 0)
		goto timer;
	err = vmi_sys->epoll_add(cs->poll, cs->timer);
	if (err < 0)
		goto poll;
	return 0;
poll:
	vmi_sys->close(cs->poll);
timer:
	vmi_sys->close(cs->timer);
	return err;
}

int vmi_chipset_create(struct vmapi_vm *vm)
{
	struct vmi_chipset *cs = vmi_zalloc(sizeof(*cs));
	int err;

	if (!cs)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	err = make_timer(cs);
	if (err) {
		vmi_free(cs);
		return vmi_fail(err, "vm", "cannot make a timer: %s",
			strerror(-err));
	}
	pthread_mutex_init(&cs->lock, NULL);
	cs->stop = -1;
	cs->armed = VMI_CHIP_NEVER;
	atomic_init(&cs->deadline, VMI_CHIP_NEVER);
	vm->chipset = cs;
	return 0;
}

/* -- The service thread ------------------------------------------------- */

static void *serve(void *opaque)
{
	struct vmapi_vm *vm = opaque;
	struct pollfd fds[2] = {
		{ .fd = vm->chipset->poll, .events = POLLIN },
		{ .fd = vm->chipset->stop, .events = POLLIN },
	};

	while (!fds[1].revents) {
		(void)vmi_sys->poll(fds, 2, -1);
		if (fds[0].revents)
			vmi_vm_service(vm);
	}
	return NULL;
}

int vmi_chipset_start(struct vmapi_vm *vm)
{
	struct vmi_chipset *cs = vm->chipset;
	int err;

	cs->stop = vmi_sys->eventfd(0, EFD_NONBLOCK);
	if (cs->stop < 0) {
		err = cs->stop;
		return vmi_fail(err, "vm", "cannot make an eventfd: %s",
			strerror(-err));
	}
	err = vmi_sys->thread_start("vmapi-service", serve, vm, &cs->thread);
	if (err)
		return vmi_fail(err, "vm", "cannot start a thread: %s",
			strerror(-err));
	return 0;
}

void vmi_chipset_stop(struct vmapi_vm *vm)
{
	struct vmi_chipset *cs = vm->chipset;
	const uint64_t one = 1;

	if (!cs->thread)
		return;
	(void)vmi_sys->write(cs->stop, &one, sizeof(one));
	(void)vmi_sys->thread_join(cs->thread);
	cs->thread = NULL;
}

void vmi_chipset_destroy(struct vmapi_vm *vm)
{
	struct vmi_chipset *cs = vm->chipset;

	vmi_chipset_stop(vm);
	if (cs->stop >= 0)
		vmi_sys->close(cs->stop);
	vmi_sys->close(cs->poll);
	vmi_sys->close(cs->timer);
	pthread_mutex_destroy(&cs->lock);
	vmi_free(cs);
	vm->chipset = NULL;
}

/* -- Deadlines ---------------------------------------------------------- */

static uint64_t earliest(const struct vmi_chipset *cs, uint64_t now)
{
	uint64_t first = VMI_CHIP_NEVER;
	struct vmi_chip_client *c;

	for (c = cs->clients; c; c = c->next) {
		uint64_t when = VMI_CHIP_NEVER;

		if (c->deadline)
			when = c->deadline(c, now);
		if (when < first)
			first = when;
	}
	return first;
}

/* The VM's clock may have another origin than the timer's. */
static void set_timer(struct vmi_chipset *cs, uint64_t now, uint64_t when)
{
	uint64_t host = 0, left = when > now ? when - now : 0;

	cs->armed = when;
	if (when == VMI_CHIP_NEVER) {
		(void)vmi_sys->timerfd_set(cs->timer, 0);
		return;
	}
	(void)vmi_sys->now(CLOCK_MONOTONIC, &host);
	host = left < INT64_MAX - host ? host + left : INT64_MAX;
	(void)vmi_sys->timerfd_set(cs->timer, host ? host : 1);
}

static void rearm_at(struct vmapi_vm *vm, uint64_t now)
{
	const struct vmi_backend *be = vm->ctx->be;
	struct vmi_chipset *cs = vm->chipset;
	uint64_t when = earliest(cs, now);
	uint64_t before = atomic_exchange(&cs->deadline, when);

	if (when < before && be->service_wanted)
		be->service_wanted(vm);
	if (vm->config.flags & VMAPI_VM_DETERMINISTIC)
		return;
	if (when != cs->armed)
		set_timer(cs, now, when);
}

void vmi_chipset_rearm(struct vmapi_vm *vm)
{
	rearm_at(vm, vmi_chipset_now(vm));
}

uint64_t vmi_chipset_deadline(const struct vmapi_vm *vm)
{
	return atomic_load(&vm->chipset->deadline);
}

/* -- Lock and clients --------------------------------------------------- */

uint64_t vmi_chipset_lock(struct vmapi_vm *vm)
{
	struct vmi_chipset *cs = vm->chipset;

	pthread_mutex_lock(&cs->lock);
	cs->now = vmi_chipset_now(vm);
	return cs->now;
}

void vmi_chipset_unlock(struct vmapi_vm *vm)
{
	if (vm->chipset->clients)
		rearm_at(vm, vm->chipset->now);
	pthread_mutex_unlock(&vm->chipset->lock);
}

void vmi_chipset_unlock_as_is(struct vmapi_vm *vm)
{
	pthread_mutex_unlock(&vm->chipset->lock);
}

void vmi_chipset_add(struct vmapi_vm *vm, struct vmi_chip_client *client)
{
	struct vmi_chipset *cs = vm->chipset;

	vmi_chipset_lock(vm);
	client->next = cs->clients;
	cs->clients = client;
	vmi_chipset_unlock(vm);
}

void vmi_chipset_remove(struct vmapi_vm *vm, struct vmi_chip_client *client)
{
	struct vmi_chipset *cs = vm->chipset;
	struct vmi_chip_client **at;

	vmi_chipset_lock(vm);
	for (at = &cs->clients; *at; at = &(*at)->next)
		if (*at == client) {
			*at = client->next;
			break;
		}
	vmi_chipset_rearm(vm);
	pthread_mutex_unlock(&cs->lock);
}

/* -- Service ------------------------------------------------------------ */

static void serve_chips(struct vmapi_vm *vm)
{
	struct vmi_chipset *cs = vm->chipset;
	uint64_t now = vmi_chipset_lock(vm), expirations;
	struct vmi_chip_client *c;

	/* Whether it had fired does not matter: what is due is done. */
	if (vmi_sys->read(cs->timer, &expirations, sizeof(expirations)) > 0)
		cs->armed = VMI_CHIP_NEVER;
	vmi_irqfds_service(vm);
	vmi_runners_service(vm);
	for (c = cs->clients; c; c = c->next)
		if (c->update)
			c->update(c, now);
	vmi_chipset_rearm(vm);
	pthread_mutex_unlock(&cs->lock);
}

void vmi_vm_service(struct vmapi_vm *vm)
{
	serve_chips(vm);
	vmi_bus_service(vm);
	vmi_programs_service(vm);
	vmi_posted_deliver(vm);
}

void vmi_chipset_reset(struct vmapi_vm *vm)
{
	uint64_t now = vmi_chipset_lock(vm);
	struct vmi_chip_client *c;

	for (c = vm->chipset->clients; c; c = c->next)
		if (c->reset)
			c->reset(c, now);
	vmi_chipset_rearm(vm);
	pthread_mutex_unlock(&vm->chipset->lock);
}

bool vmi_chipset_is_due(struct vmapi_vm *vm, uint64_t now)
{
	struct pollfd p = { .fd = vm->chipset->poll, .events = POLLIN };

	if (now >= vmi_chipset_deadline(vm))
		return true;
	return atomic_load_explicit(&vm->watched, memory_order_relaxed) &&
		vmi_sys->poll(&p, 1, 0) > 0;
}

int vmi_chipset_fd(const struct vmapi_vm *vm)
{
	return vm->chipset->poll;
}

int vmi_chipset_watch(struct vmapi_vm *vm, int fd)
{
	int err = vmi_sys->epoll_add(vm->chipset->poll, fd);

	if (!err)
		atomic_fetch_add(&vm->watched, 1);
	return err;
}

void vmi_chipset_unwatch(struct vmapi_vm *vm, int fd)
{
	(void)vmi_sys->epoll_remove(vm->chipset->poll, fd);
	atomic_fetch_sub(&vm->watched, 1);
}
