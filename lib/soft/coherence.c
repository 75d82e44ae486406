/* SPDX-License-Identifier: MIT */
/*
 * Code pages between vcpus, and between them and whoever else writes RAM.
 *
 * Each vcpu has its own blocks and its own TLB.  A page becomes code when its
 * flag is set and every other vcpu has dropped the right to write to it; only
 * then is it decoded.  From then on every store to it takes the slow path,
 * which tells the other vcpus to forget the page's blocks.  They do so before
 * their next block: no later than the next interrupt or serialising
 * instruction, which is what SDM 3A 8.1.3 promises to cross-modifying code.
 *
 * A vcpu that is outside the guest reads its mail when it comes back, so
 * nobody waits for it.
 */
#include "lib/soft/coherence.h"

#include <errno.h>
#include <sched.h>

#include "lib/core/backend.h"
#include "lib/soft/block.h"
#include "lib/soft/engine.h"
#include "lib/soft/soft.h"
#include "lib/sys/sys.h"

void vmi_inbox_init(struct vmi_inbox *box)
{
	pthread_mutex_init(&box->lock, NULL);
}

void vmi_inbox_fini(struct vmi_inbox *box)
{
	pthread_mutex_destroy(&box->lock);
}

/* Returns the number that box->done reaches when it was read. */
static uint64_t post(struct soft_vcpu *to, enum vmi_mail_kind kind,
	const uint8_t *page)
{
	struct vmi_inbox *box = &to->inbox;
	uint64_t ticket;

	pthread_mutex_lock(&box->lock);
	if (box->n < VMI_MAILS)
		box->mails[box->n++] = (struct vmi_mail){ page, kind };
	else
		box->all = true;
	ticket = ++box->posted;
	pthread_mutex_unlock(&box->lock);
	vmi_event_raise(to, VMI_EVENT_CODE);
	return ticket;
}

static void obey(struct vmi_cpu *c, const struct vmi_mail *mail)
{
	if (mail->kind == VMI_MAIL_DROP)
		vmi_tlb_drop_writes(c, mail->page);
	else
		vmi_code_forget(c, mail->page);
}

void vmi_mail_read(struct vmi_cpu *c)
{
	struct vmi_inbox *box = &vmi_cpu_vcpu(c)->inbox;
	struct vmi_mail mails[VMI_MAILS];
	uint64_t posted;
	unsigned n, i;
	bool all;

	atomic_fetch_and(&c->event, ~VMI_EVENT_CODE);
	pthread_mutex_lock(&box->lock);
	n = box->n;
	all = box->all;
	posted = box->posted;
	memcpy(mails, box->mails, n * sizeof(*mails));
	box->n = 0;
	box->all = false;
	pthread_mutex_unlock(&box->lock);
	if (all) {
		vmi_tlb_flush(c);
		vmi_code_flush(c);
	}
	for (i = 0; i < n && !all; i++)
		obey(c, &mails[i]);
	atomic_store(&box->done, posted);
}

static bool obeyed(const struct soft_vcpu *v, uint64_t ticket)
{
	return atomic_load(&v->inbox.done) >= ticket ||
		atomic_load(&v->vcpu.place) == VMI_OUTSIDE;
}

void vmi_mail_page_is_code(struct vmi_cpu *c, const uint8_t *page)
{
	struct vmapi_vcpu *other;
	struct soft_vcpu *v;
	uint64_t ticket;

	for (other = c->vm->vm.vcpus; other; other = other->next) {
		v = vmi_soft_vcpu(other);
		if (&v->cpu == c)
			continue;
		ticket = post(v, VMI_MAIL_DROP, page);
		while (!obeyed(v, ticket)) {
			/* The other may be waiting for this one. */
			if (atomic_load(&c->event) & VMI_EVENT_CODE)
				vmi_mail_read(c);
			sched_yield();
		}
	}
}

void vmi_mail_page_written(struct vmi_cpu *c, const uint8_t *page)
{
	struct vmapi_vcpu *other;

	for (other = c->vm->vm.vcpus; other; other = other->next) {
		if (&vmi_soft_vcpu(other)->cpu != c)
			post(vmi_soft_vcpu(other), VMI_MAIL_KILL, page);
	}
}

/* -- Others' writes ----------------------------------------------------- */

/* One for each RAM object in the VM's maps. */
struct vmi_watch {
	struct vmi_ram_watch hook;
	struct vmi_watch *next;
	struct soft_vm *vm;
	struct vmapi_ram *ram;
	unsigned entries; /* that map it */
};

static void tell_all(struct soft_vm *vm, const uint8_t *page)
{
	struct vmapi_vcpu *v;

	for (v = vm->vm.vcpus; v; v = v->next)
		post(vmi_soft_vcpu(v), VMI_MAIL_KILL, page);
}

static void written(struct vmi_ram_watch *hook, struct vmapi_ram *ram,
	uint64_t offset, uint64_t bytes)
{
	struct vmi_watch *w = vmi_container_of(hook, struct vmi_watch, hook);
	_Atomic(uint8_t) *flags = atomic_load(&ram->page_flags);
	uint64_t page, last = (offset + bytes - 1) >> 12;

	for (page = offset >> 12; flags && page <= last; page++) {
		if (atomic_load(&flags[page]) & VMI_PAGE_CODE)
			tell_all(w->vm, ram->base + (page << 12));
	}
}

static struct vmi_watch *watch_of(struct soft_vm *vm,
	const struct vmapi_ram *ram)
{
	struct vmi_watch *w = vm->watches;

	while (w && w->ram != ram)
		w = w->next;
	return w;
}

static int watch_make(struct soft_vm *vm, struct vmapi_ram *ram)
{
	struct vmi_watch *w;

	if (watch_of(vm, ram))
		return 0;
	w = vmi_zalloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->vm = vm;
	w->ram = ram;
	w->hook.written = written;
	w->next = vm->watches;
	vm->watches = w;
	vmi_ram_watch_add(ram, &w->hook);
	return 0;
}

/* Drop the watches that no entry needs. */
static void watches_sweep(struct soft_vm *vm)
{
	struct vmi_watch **at = &vm->watches, *w;

	while ((w = *at) != NULL) {
		if (w->entries) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		vmi_ram_watch_remove(w->ram, &w->hook);
		vmi_free(w);
	}
}

static void count(struct soft_vm *vm, const struct vmi_map_entry *entries,
	size_t n, int by)
{
	size_t i;

	for (i = 0; i < n; i++)
		watch_of(vm, entries[i].ram)->entries += (unsigned)by;
}

int vmi_watches_change(struct soft_vm *vm,
	const struct vmi_map_change *changes, unsigned n)
{
	size_t i, k;
	int r = 0;

	for (i = 0; i < n && !r; i++) {
		for (k = 0; k < changes[i].n_added && !r; k++)
			r = watch_make(vm, changes[i].added[k].ram);
	}
	for (i = 0; i < n && !r; i++) {
		count(vm, changes[i].added, changes[i].n_added, 1);
		count(vm, changes[i].removed, changes[i].n_removed, -1);
	}
	watches_sweep(vm);
	return r ? vmi_fail(r, "vm", "no memory") : 0;
}

void vmi_watches_fini(struct soft_vm *vm)
{
	struct vmi_watch *w;

	for (w = vm->watches; w; w = w->next)
		w->entries = 0;
	watches_sweep(vm);
}
