/* SPDX-License-Identifier: MIT */
/* Address spaces, and guest memory read and written from outside. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/region.h"
#include "lib/core/tree.h"
#include "lib/sys/sys.h"

static struct vmapi_as *new_space(struct vmapi_vm *vm, unsigned id)
{
	struct vmapi_as *as = vmi_zalloc(sizeof(*as));
	struct vmi_view *view = vmi_view_new();

	if (!as || !view) {
		vmi_free(as);
		vmi_free(view);
		return NULL;
	}
	as->vm = vm;
	as->id = id;
	atomic_init(&as->refs, 0);
	atomic_init(&as->view, view);
	return as;
}

static void free_space(struct vmapi_as *as)
{
	vmi_view_free(atomic_load(&as->view));
	vmi_free(as);
}

int vmi_spaces_init(struct vmapi_vm *vm)
{
	vm->spaces = new_space(vm, 0);
	if (!vm->spaces)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	return 0;
}

void vmi_spaces_fini(struct vmapi_vm *vm)
{
	while (vm->spaces) {
		struct vmapi_as *as = vm->spaces;

		vm->spaces = as->next;
		free_space(as);
	}
	vmi_nodes_put(vm->attributes);
	vm->attributes = NULL;
}

/* -- References: each holds one on the VM ------------------------------- */

void vmi_as_get(struct vmapi_as *as)
{
	vmi_vm_get(as->vm);
	atomic_fetch_add_explicit(&as->refs, 1, memory_order_relaxed);
}

/* A processor in SMM may be looking at it without a reference. */
static void forget_second(struct vmapi_vm *vm)
{
	vmi_gate_close(vm);
	atomic_store(&vm->second, NULL);
	vmi_gate_open(vm);
}

static void drop_space(struct vmapi_as *as)
{
	struct vmapi_vm *vm = as->vm;
	struct vmapi_as **at;

	pthread_mutex_lock(&vm->map_lock);
	vmi_as_clear(as);
	if (as->id == 1)
		forget_second(vm);
	for (at = &vm->spaces; *at != as; at = &(*at)->next)
		;
	*at = as->next;
	free_space(as);
	pthread_mutex_unlock(&vm->map_lock);
}

/* Space 0 lives as long as the VM, whoever has a reference. */
void vmi_as_put(struct vmapi_as *as)
{
	struct vmapi_vm *vm = as->vm;

	if (atomic_fetch_sub(&as->refs, 1) == 1 && as->id)
		drop_space(as);
	vmi_vm_put(vm);
}

int vmapi_vm_as(struct vmapi_vm *vm, struct vmapi_as **as)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!as)
		return vmi_null("as");
	vmi_as_get(vm->spaces);
	*as = vm->spaces;
	return 0;
}

/* Link a new space under the lowest free id. */
static int link_space(struct vmapi_vm *vm, struct vmapi_as *as, unsigned max)
{
	struct vmapi_as *at = vm->spaces;

	as->id = 1;
	while (at->next && at->next->id == as->id) {
		at = at->next;
		as->id++;
	}
	if (as->id >= max)
		return vmi_fail(-ENOTSUP, "vm",
			"the backend has %u address spaces", max);
	as->next = at->next;
	at->next = as;
	if (as->id == 1)
		atomic_store(&vm->second, as);
	return 0;
}

int vmapi_as_create(struct vmapi_vm *vm, struct vmapi_as **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_as *as;
	unsigned max;

	if (err)
		return err;
	if (!out)
		return vmi_null("as");
	err = vmi_region_refuses(vm);
	if (err)
		return err;
	max = (unsigned)vmi_cap(vm->ctx, vm, VMAPI_CAP_ADDRESS_SPACES);
	as = new_space(vm, 1);
	if (!as)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	pthread_mutex_lock(&vm->map_lock);
	err = link_space(vm, as, max);
	pthread_mutex_unlock(&vm->map_lock);
	if (err) {
		free_space(as);
		return err;
	}
	vmi_as_get(as);
	*out = as;
	return 0;
}

void vmapi_as_destroy(struct vmapi_as *as)
{
	if (!as || vmi_enter(as->vm->ctx, __func__))
		return;
	if (!as->id || !vmi_region_refuses(as->vm))
		vmi_as_put(as);
}

/* -- Who sees it -------------------------------------------------------- */

/* The first space lives as long as the VM, so that nobody has to hold it. */
void vmi_vcpu_see(struct vmapi_vcpu *vcpu, struct vmapi_as *as)
{
	struct vmapi_as *old = vcpu->as;

	if (as->id)
		vmi_as_get(as);
	vcpu->as = as;
	if (old->id)
		vmi_as_put(old);
}

static int switch_space(struct vmapi_vcpu *vcpu, struct vmapi_as *as)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;

	if (vcpu->as == as)
		return 0;
	if (!be->vcpu_as)
		return vmi_fail(-ENOTSUP, vmi_vcpu_label(vcpu),
			"the processor chooses its address space by itself");
	vmi_vcpu_see(vcpu, as);
	be->vcpu_as(vcpu);
	return 0;
}

int vmapi_vcpu_as_set(struct vmapi_vcpu *vcpu, struct vmapi_as *as)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!as)
		return vmi_null("as");
	if (as->vm != vcpu->vm)
		return vmi_fail(-EINVAL, vmi_vcpu_label(vcpu),
			"the address space belongs to another VM");
	err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	err = switch_space(vcpu, as);
	vmi_vcpu_release(vcpu);
	return err;
}

/* -- Listing ------------------------------------------------------------ */

static void list_entries(const struct vmi_view *view, uint8_t *to, size_t n,
	uint32_t stride)
{
	const struct vmi_map_entry *e = vmi_view_at(view, 0);

	for (; e && n; e = vmi_view_next(view, e), n--, to += stride) {
		struct vmapi_map_entry out = { .flags = vmi_map_flags(e),
			.gpa = e->gpa,
			.bytes = e->bytes,
			.ram = e->ram,
			.offset = e->offset };

		memcpy(to, &stride, sizeof(stride));
		vmi_out_copy(to, &out, sizeof(out));
	}
}

int vmapi_as_entries(struct vmapi_as *as, struct vmapi_map_entry *entries,
	size_t n, size_t *count)
{
	int err = vmi_enter(as ? as->vm->ctx : NULL, __func__);
	const struct vmi_view *view;

	if (err)
		return err;
	if (!count || (n && !entries))
		return vmi_null(count ? "entries" : "count");
	if (n)
		err = vmi_out_check(entries, sizeof(*entries));
	if (err)
		return err;
	vmi_map_lock(as->vm);
	view = atomic_load(&as->view);
	if (n)
		list_entries(view, (uint8_t *)entries, n, entries[0].size);
	*count = vmi_view_count(view);
	vmi_map_unlock(as->vm);
	return 0;
}

/* -- Access ------------------------------------------------------------- */

struct transfer {
	uint64_t gpa;
	uint8_t *to;	     /* read: the buffer */
	const uint8_t *from; /* write: the buffer */
	size_t left;
};

/* Within one entry, at most `n` bytes; the watches hear of a write. */
static void transfer_piece(
	struct transfer *t, const struct vmi_map_entry *e, size_t n)
{
	uint64_t at = t->gpa - e->gpa;
	uint8_t *memory = e->ram->base + e->offset + at;

	if (t->from) {
		memcpy(memory, t->from, n);
		vmi_ram_tell(e->ram, e->offset + at, n);
		t->from += n;
	} else {
		memcpy(t->to, memory, n);
		t->to += n;
	}
	t->gpa += n;
	t->left -= n;
}

/* How many bytes from t->gpa on are in this entry, and everybody's. */
static int reach(struct vmapi_vm *vm, const struct transfer *t,
	const struct vmi_map_entry *e, size_t *n)
{
	uint64_t room = t->left;

	if (!e || e->gpa > t->gpa)
		return vmi_fail_range(-EFAULT, t->gpa, t->left,
			"no RAM at gpa 0x%" PRIx64, t->gpa);
	if (vmi_ram_is_device(e->ram))
		return vmi_fail_range(-EFAULT, t->gpa, t->left,
			"ram '%s' at gpa 0x%" PRIx64 " is pages of a device",
			e->ram->name, t->gpa);
	if (room > e->bytes - (t->gpa - e->gpa))
		room = e->bytes - (t->gpa - e->gpa);
	if (vmi_attributes_at(vm->attributes, t->gpa, &room) &
		VMAPI_MEMORY_PRIVATE)
		return vmi_fail_range(-EFAULT, t->gpa, t->left,
			"gpa 0x%" PRIx64 " is private to the VM", t->gpa);
	*n = (size_t)room;
	return 0;
}

static int transfer(struct vmapi_as *as, struct transfer *t)
{
	const struct vmi_map_entry *e;
	const struct vmi_view *view;
	size_t n = 0;
	int err = 0;

	vmi_map_lock(as->vm);
	view = atomic_load(&as->view);
	while (t->left && !err) {
		e = vmi_view_at(view, t->gpa);
		err = reach(as->vm, t, e, &n);
		if (!err)
			transfer_piece(t, e, n);
	}
	vmi_map_unlock(as->vm);
	return err;
}

static int enter_transfer(
	struct vmapi_as *as, struct transfer *t, const char *operation)
{
	int err = vmi_enter(as ? as->vm->ctx : NULL, operation);

	if (err)
		return err;
	if (!t->to && !t->from)
		return vmi_null("buffer");
	return transfer(as, t);
}

int vmapi_as_read(struct vmapi_as *as, uint64_t gpa, void *buffer, size_t bytes)
{
	struct transfer t = { .gpa = gpa, .to = buffer, .left = bytes };

	return enter_transfer(as, &t, __func__);
}

int vmapi_as_write(
	struct vmapi_as *as, uint64_t gpa, const void *buffer, size_t bytes)
{
	struct transfer t = { .gpa = gpa, .from = buffer, .left = bytes };

	return enter_transfer(as, &t, __func__);
}
