/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: a state in memory, to which a VM goes back again and again.
 *
 * The sections are those of a saved stream, in a list, made and applied by the
 * same functions (state.c); those of vcpus are read once, as most of the time
 * goes there.  Of RAM there is a copy, in which zeros take no room.  Which
 * pages differ from it is told by the dirty log of each object, which the
 * snapshot follows, whoever else reads it.  Where entries began or ceased to
 * log in between, or none does, all pages are compared.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/core/backend.h"
#include "lib/core/bitmap.h"
#include "lib/core/dirty.h"
#include "lib/core/state.h"
#include "lib/sys/sys.h"

struct kept_ram {
	struct vmapi_ram *ram; /* referenced */
	uint8_t *copy;	       /* as long as the object; mapped */
	struct vmi_log_follower *follower;
	uint8_t *dirty;	  /* room for its pages */
	uint64_t changes; /* log_changes of the object, when it began */
};

struct vmapi_snapshot {
	struct vmapi_vm *vm;
	unsigned shift; /* of the log's pages */
	struct vmi_section_list sections;
	struct kept_ram *rams;
	struct vmapi_ram **list; /* the same, as a config has them */
	size_t n_rams;
	struct vmi_vcpu_kept **vcpus;
	unsigned n_vcpus;
};

/* -- RAM ---------------------------------------------------------------- */

static uint64_t log_pages(
	const struct vmapi_snapshot *s, const struct kept_ram *k)
{
	return k->ram->bytes >> s->shift;
}

static uint64_t log_changes(struct vmapi_ram *ram)
{
	uint64_t changes;

	pthread_mutex_lock(&ram->ctx->log_lock);
	changes = ram->log_changes;
	pthread_mutex_unlock(&ram->ctx->log_lock);
	return changes;
}

/*
 * The pages that were written since the last call, in `dirty`; *complete is
 * whether these are all.
 */
static int take_log(
	const struct vmapi_snapshot *s, struct kept_ram *k, bool *complete)
{
	*complete = k->changes == log_changes(k->ram) &&
		vmi_log_is_wanted(k->ram);
	memset(k->dirty, 0, (size_t)vmi_bitmap_bytes(log_pages(s, k)));
	return vmi_log_follow_read(k->follower, k->dirty, VMAPI_DIRTY_EXACT);
}

/* From here on the log has what is written after now. */
static int begin_log(const struct vmapi_snapshot *s, struct kept_ram *k)
{
	bool complete;

	k->changes = log_changes(k->ram);
	return take_log(s, k, &complete);
}

static void copy_back(struct kept_ram *k, uint64_t offset, uint64_t bytes)
{
	memcpy(k->ram->base + offset, k->copy + offset, (size_t)bytes);
	vmi_ram_tell(k->ram, offset, bytes);
}

static void copy_dirty(const struct vmapi_snapshot *s, struct kept_ram *k)
{
	const uint64_t n = log_pages(s, k);
	uint64_t page = vmi_bitmap_next(k->dirty, 0, n), end;

	for (; page < n; page = vmi_bitmap_next(k->dirty, end, n)) {
		end = vmi_bitmap_gap(k->dirty, page, n);
		copy_back(k, page << s->shift, (end - page) << s->shift);
	}
}

static void copy_different(struct kept_ram *k)
{
	uint64_t at;

	for (at = 0; at < k->ram->bytes; at += VMI_STATE_PAGE)
		if (memcmp(k->ram->base + at, k->copy + at, VMI_STATE_PAGE))
			copy_back(k, at, VMI_STATE_PAGE);
}

static int ram_back(struct vmapi_snapshot *s, struct kept_ram *k)
{
	bool complete;
	int err = take_log(s, k, &complete);

	if (err)
		return err;
	if (complete)
		copy_dirty(s, k);
	else
		copy_different(k);
	return begin_log(s, k);
}

static int keep_ram(struct vmapi_snapshot *s, struct kept_ram *k)
{
	const struct vmi_mmap what = { .bytes = (size_t)k->ram->bytes,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		.fd = -1 };
	void *where;
	uint64_t at;
	int err;

	k->dirty = vmi_zalloc((size_t)vmi_bitmap_bytes(log_pages(s, k)));
	if (!k->dirty)
		return vmi_fail(-ENOMEM, "snapshot", "no memory");
	err = vmi_sys->mmap(&what, &where);
	if (err)
		return vmi_fail(err, "snapshot",
			"cannot map 0x%" PRIx64 " bytes to keep ram '%s': %s",
			k->ram->bytes, k->ram->name, strerror(-err));
	k->copy = where;
	err = vmi_log_follow(k->ram, &k->follower);
	if (!err)
		err = begin_log(s, k);
	for (at = 0; at < k->ram->bytes && !err; at += VMI_STATE_PAGE)
		if (!vmi_page_is_zero(k->ram->base + at))
			memcpy(k->copy + at, k->ram->base + at,
				VMI_STATE_PAGE);
	return err;
}

static int keep_rams(struct vmapi_snapshot *s, const struct vmi_state *state)
{
	int err = 0;

	s->rams = vmi_calloc(state->n_rams + 1, sizeof(*s->rams));
	s->list = vmi_calloc(state->n_rams + 1, sizeof(*s->list));
	if (!s->rams || !s->list)
		return vmi_fail(-ENOMEM, "snapshot", "no memory");
	while (s->n_rams < state->n_rams && !err) {
		struct kept_ram *k = &s->rams[s->n_rams];

		k->ram = s->list[s->n_rams] = state->rams[s->n_rams].ram;
		vmi_ram_get(k->ram);
		s->n_rams++;
		err = keep_ram(s, k);
	}
	return err;
}

static void free_ram(struct kept_ram *k)
{
	vmi_log_unfollow(k->follower);
	if (k->copy)
		vmi_sys->munmap(k->copy, (size_t)k->ram->bytes);
	vmi_free(k->dirty);
	vmi_ram_put(k->ram);
}

/* -- Making and dropping ------------------------------------------------ */

static void free_snapshot(struct vmapi_snapshot *s)
{
	size_t i;

	for (i = 0; i < s->n_rams; i++)
		free_ram(&s->rams[i]);
	vmi_free(s->rams);
	vmi_free(s->list);
	for (i = 0; s->vcpus && i < s->n_vcpus; i++)
		vmi_vcpu_kept_free(s->vcpus[i]);
	vmi_free(s->vcpus);
	vmi_sections_free(&s->sections);
	vmi_vm_put(s->vm);
	vmi_free(s);
}

/* Their sections are read once. */
static int keep_vcpus(struct vmapi_snapshot *s, struct vmi_state *state)
{
	unsigned i;
	int err = 0;

	s->n_vcpus = s->vm->n_vcpus;
	s->vcpus = vmi_calloc(s->n_vcpus + 1, sizeof(s->vcpus[0]));
	if (!s->vcpus)
		return vmi_fail(-ENOMEM, "snapshot", "no memory");
	for (i = 0; i < s->n_vcpus && !err; i++)
		err = vmi_vcpu_keep(state, vmi_sections_find(&s->sections,
			VMI_SECTION_VCPU, i), &s->vcpus[i]);
	return err;
}

static int keep(struct vmapi_snapshot *s)
{
	const struct vmapi_state_config config = { .size = sizeof(config) };
	uint64_t page = (uint64_t)vmi_cap(
		s->vm->ctx, NULL, VMAPI_CAP_PAGE_SIZE);
	struct vmi_state state;
	int err = vmi_state_begin(&state, s->vm, &config);

	if (err)
		return err;
	s->shift = vmi_lowest_bit(page ? page : VMI_STATE_PAGE);
	err = vmi_state_stop(&state);
	s->vm->has_state = false; /* a delta would lack what is taken here */
	if (!err)
		err = vmi_state_save_parts(&state, &s->sections.sink);
	if (!err)
		err = keep_vcpus(s, &state);
	if (!err)
		err = keep_rams(s, &state);
	vmi_state_end(&state);
	return err;
}

int vmapi_snapshot_create(
	struct vmapi_vm *vm, struct vmapi_snapshot **snapshot)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_snapshot *s;

	if (err)
		return err;
	if (!snapshot)
		return vmi_null("snapshot");
	s = vmi_zalloc(sizeof(*s));
	if (!s)
		return vmi_fail(-ENOMEM, "snapshot", "no memory");
	s->sections.sink.put = vmi_sections_put;
	s->vm = vm;
	vmi_vm_get(vm);
	err = keep(s);
	if (err)
		free_snapshot(s);
	else
		*snapshot = s;
	return vmi_retell(err, __func__);
}

void vmapi_snapshot_destroy(struct vmapi_snapshot *snapshot)
{
	if (snapshot && !vmi_enter(snapshot->vm->ctx, __func__))
		free_snapshot(snapshot);
}

/* -- Going back --------------------------------------------------------- */

/* Whatever a vcpu has begun is of no account. */
static int forget(struct vmapi_vcpu *vcpu)
{
	int err = vmi_vcpu_take_as_is(vcpu);

	if (err)
		return err;
	if (vcpu->unanswered || vcpu->unsettled)
		err = vmi_vcpu_reset(vcpu);
	vmi_vcpu_release(vcpu);
	return err;
}

static int forget_all(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu;
	int err = 0;

	pthread_mutex_lock(&vm->lock);
	for (vcpu = vm->vcpus; vcpu && !err; vcpu = vcpu->next)
		err = forget(vcpu);
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/* All but CPUID, which is frozen once a vcpu has run, and vcpus. */
static int for_parts(struct vmapi_snapshot *s, struct vmi_state *state,
	const struct vmi_part *part, bool apply)
{
	const struct vmi_section_list *list = &s->sections;
	size_t i;
	int err = 0;

	if (part == &vmi_part_cpuid || part == &vmi_part_vcpu)
		return 0;
	for (i = 0; i < list->n && !err; i++)
		if (list->items[i].type == part->type)
			err = apply ? part->apply(state, &list->items[i])
				    : part->check(state, &list->items[i]);
	return err;
}

/* The values are the VM's own, but what they are of may be gone. */
static int check_all(struct vmapi_snapshot *s, struct vmi_state *state)
{
	const struct vmi_part *part;
	unsigned i;
	size_t k;
	int err = 0;

	if (s->n_vcpus != s->vm->n_vcpus)
		return vmi_fail(-ENODEV, "snapshot",
			"it is of %u vcpus, the VM has %u", s->n_vcpus,
			s->vm->n_vcpus);
	for (i = 0; i < s->n_vcpus && !err; i++)
		err = vmi_vcpu_kept_check(state, s->vcpus[i]);
	for (k = 0; !err && (part = vmi_state_part(k)); k++)
		err = for_parts(s, state, part, false);
	return err;
}

static int apply_all(struct vmapi_snapshot *s, struct vmi_state *state)
{
	const struct vmi_part *part;
	unsigned i;
	size_t k;
	int err = 0;

	for (k = 0; !err && (part = vmi_state_part(k)); k++) {
		err = for_parts(s, state, part, true);
		if (part != &vmi_part_vcpu)
			continue;
		for (i = 0; i < s->n_vcpus && !err; i++)
			err = vmi_vcpu_put_back(state, s->vcpus[i]);
	}
	return err;
}

static int go_back(struct vmapi_snapshot *s)
{
	const struct vmapi_state_config config = { .size = sizeof(config),
		.ram = s->list, .n_ram = s->n_rams };
	struct vmi_state state;
	int err = vmi_state_begin(&state, s->vm, &config);
	size_t i;

	if (err)
		return err;
	err = vmi_state_stop(&state);
	s->vm->has_state = false;
	if (!err)
		err = check_all(s, &state);
	for (i = 0; i < s->n_rams && !err; i++)
		err = ram_back(s, &s->rams[i]);
	if (!err)
		err = apply_all(s, &state);
	vmi_state_end(&state);
	return err;
}

int vmapi_snapshot_restore(struct vmapi_snapshot *snapshot)
{
	int err = vmi_enter(
		snapshot ? snapshot->vm->ctx : NULL, __func__);

	if (!err)
		err = forget_all(snapshot->vm);
	if (!err)
		err = go_back(snapshot);
	return vmi_retell(err, __func__);
}
