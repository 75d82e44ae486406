/* SPDX-License-Identifier: MIT */
/*
 * Code pages between vcpus, and between them and whoever else writes RAM.
 *
 * Each vcpu has its own blocks and its own TLB, and none ever waits for
 * another.  A page becomes code in two steps.  The vcpu that wants to decode
 * it sets its flag, drops its own right to write to it and asks every other
 * vcpu to do the same (DROP).  Until all have, others may still write to the
 * page unseen: its blocks are provisional.  They keep the bytes that they were
 * decoded from, are linked to nothing, and are compared with memory before
 * each use.  When the last vcpu has obeyed they are compared once more, and
 * from then on every store to the page takes the slow path, which tells the
 * other vcpus to forget the page's blocks (KILL).  They do so before their
 * next block: no later than the next interrupt or serialising instruction,
 * which is what SDM 3A 8.1.3 promises to cross-modifying code.
 *
 * Why nothing is missed.  Let D decode, W write.
 *
 * - W may write unseen only by a TLB entry that it filled when the flag was
 *   clear.  D sets the flag, posts, and then draws a ticket from the VM's
 *   counter; W reads the counter, then its mail, obeys, and publishes what it
 *   read.  All are sequentially consistent, and the box has a lock: if W
 *   publishes D's ticket, W has read D's mail, and what W filled before is
 *   dropped, what it fills later sees the flag.
 * - W's unseen stores come before its publishing in program order, and D
 *   compares after it has read what W published: D's last comparison sees
 *   them all.
 * - A store of W that D must see earlier, since W then raised an interrupt or
 *   set a flag that D has seen, is ordered before that signal, and the signal
 *   before D's next look-up: its comparison reads what was stored.  A block
 *   that began before goes on with old bytes, as prefetched ones would.
 * - W outside the guest (vmi_gate_leave()) holds no host address and reads its
 *   mail when it comes back.  W sets its place and then looks for mail, D
 *   posts and then looks at the place: one of them sees the other.
 * - A vcpu that wrote and has no blocks of the page clears the flag, after it
 *   has posted KILL, so that the next store is quick.  Whoever gets the right
 *   to write from the clear flag, writes, and lets D know, has made KILL known
 *   to D as well.  D may have asked anew between KILL and the clearing; but
 *   the clearing comes before that vcpu's next mail, so D, when all have
 *   obeyed, finds the flag clear and begins again.  Whoever is told KILL no
 *   longer knows that the others have no right to write, and asks again, too.
 */
#include "lib/soft/coherence.h"

#include <errno.h>

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

static bool has(const struct vmi_inbox *box, struct vmi_mail mail)
{
	unsigned i;

	for (i = 0; i < box->n; i++) {
		if (box->mails[i].page == mail.page &&
			box->mails[i].kind == mail.kind)
			return true;
	}
	return box->all[mail.kind];
}

static void post(struct soft_vcpu *to, struct vmi_mail mail)
{
	struct vmi_inbox *box = &to->inbox;

	pthread_mutex_lock(&box->lock);
	if (!has(box, mail)) {
		if (box->n < VMI_MAILS)
			box->mails[box->n++] = mail;
		else
			box->all[mail.kind] = true;
	}
	pthread_mutex_unlock(&box->lock);
	vmi_event_raise(to, VMI_EVENT_CODE);
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
	uint64_t tickets = atomic_load(&c->vm->code_tickets);
	struct vmi_inbox got;
	unsigned i;

	vmi_event_clear(c, VMI_EVENT_CODE);
	pthread_mutex_lock(&box->lock);
	got.n = box->n;
	memcpy(got.all, box->all, sizeof(got.all));
	memcpy(got.mails, box->mails, box->n * sizeof(*box->mails));
	box->n = 0;
	memset(box->all, 0, sizeof(box->all));
	pthread_mutex_unlock(&box->lock);
	if (got.all[VMI_MAIL_DROP])
		vmi_tlb_flush(c);
	if (got.all[VMI_MAIL_KILL])
		vmi_code_flush(c);
	for (i = 0; i < got.n; i++)
		obey(c, &got.mails[i]);
	atomic_store(&box->obeyed, tickets);
}

/* Vcpus come and go, under the gate's lock. */
static void post_all(struct soft_vm *vm, const struct vmi_cpu *but,
	struct vmi_mail mail)
{
	struct vmapi_vcpu *to;

	pthread_mutex_lock(&vm->vm.gate_lock);
	for (to = vm->vm.vcpus; to; to = to->next) {
		if (&vmi_soft_vcpu(to)->cpu != but)
			post(vmi_soft_vcpu(to), mail);
	}
	pthread_mutex_unlock(&vm->vm.gate_lock);
}

uint64_t vmi_mail_page_is_code(struct vmi_cpu *c, const uint8_t *page)
{
	post_all(c->vm, c, (struct vmi_mail){ page, VMI_MAIL_DROP });
	return atomic_fetch_add(&c->vm->code_tickets, 1) + 1;
}

static bool has_obeyed(struct vmapi_vcpu *vcpu, uint64_t ticket)
{
	return atomic_load(&vmi_soft_vcpu(vcpu)->inbox.obeyed) >= ticket ||
		atomic_load(&vcpu->place) == VMI_OUTSIDE;
}

bool vmi_mail_obeyed(struct vmi_cpu *c, uint64_t ticket)
{
	struct vmapi_vm *vm = &c->vm->vm;
	struct vmapi_vcpu *other;
	bool all = true;

	pthread_mutex_lock(&vm->gate_lock);
	for (other = vm->vcpus; other && all; other = other->next)
		all = &vmi_soft_vcpu(other)->cpu == c ||
			has_obeyed(other, ticket);
	pthread_mutex_unlock(&vm->gate_lock);
	return all;
}

void vmi_mail_page_written(struct vmi_cpu *c, const uint8_t *page)
{
	post_all(c->vm, c, (struct vmi_mail){ page, VMI_MAIL_KILL });
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

static void written(struct vmi_ram_watch *hook, struct vmapi_ram *ram,
	uint64_t offset, uint64_t bytes)
{
	struct vmi_watch *w = vmi_container_of(hook, struct vmi_watch, hook);
	_Atomic(uint8_t) *flags = atomic_load(&ram->page_flags);
	uint64_t page, last = (offset + bytes - 1) >> 12;

	for (page = offset >> 12; flags && page <= last; page++) {
		if (atomic_load(&flags[page]) & VMI_PAGE_CODE)
			post_all(w->vm, NULL, (struct vmi_mail){
				ram->base + (page << 12), VMI_MAIL_KILL });
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
