/* SPDX-License-Identifier: MIT */
/* The map, as memory slots of the kernel. */
/*
 * The kernel knows slots by number.  A slot cannot be resized, nor change its
 * host address or its read-only flag (EINVAL), nor overlap another (EEXIST),
 * so a change is deletions, then creations.  Only the dirty log is switched
 * in place, by the flag alone (api.rst 4.35).  A slot can be moved to
 * another guest address in one call, too, but not to where another slot still
 * is: exchanges need deletions all the same.  Behind the gate nobody can see
 * the difference, and what is dirty was fetched before, so a second way would
 * save a system call and no page.  Core keeps the vcpus out
 * meanwhile.  Numbers are used again: they are few (as few as 509 once), and
 * a map that is changed for years must not run out of them.
 *
 * If the kernel refuses half-way, what was done is taken back in reverse:
 * creations deleted, deletions created again under their old numbers, logs
 * switched back.  (Their bits were fetched before, and no vcpu has run.)
 */
#include "lib/kvm/kvm.h"

int vmi_kvm_slots_init(struct vmi_kvm_vm *vm)
{
	int n = vmi_kvm_vm_check(vm, KVM_CAP_NR_MEMSLOTS);
	int spaces = vmi_kvm_vm_check(vm, KVM_CAP_MULTI_ADDRESS_SPACE);
	unsigned i;

	vm->n_slots = n > 0 ? (unsigned)n : 32; /* the oldest kernels' limit */
	if (vm->n_slots > 1u << VMI_KVM_SPACE_SHIFT)
		vm->n_slots = 1u << VMI_KVM_SPACE_SHIFT;
	vm->n_spaces = spaces > 1 ? (unsigned)spaces : 1;
	if (vm->n_spaces > VMI_KVM_SPACES)
		vm->n_spaces = VMI_KVM_SPACES;
	for (i = 0; i < vm->n_spaces; i++) {
		struct vmi_kvm_slots *s = &vm->slots[i];

		s->taken = vmi_calloc(
			(vm->n_slots + 63) / 64, sizeof(uint64_t));
		if (s->taken && vm->log.ring_bytes)
			s->places = vmi_calloc(
				vm->n_slots, sizeof(s->places[0]));
		if (!s->taken || (vm->log.ring_bytes && !s->places)) {
			vmi_kvm_slots_fini(vm);
			return vmi_fail(-ENOMEM, "vm",
				"no memory for the table of slots");
		}
	}
	return 0;
}

void vmi_kvm_slots_fini(struct vmi_kvm_vm *vm)
{
	unsigned i;

	for (i = 0; i < VMI_KVM_SPACES; i++) {
		vmi_free(vm->slots[i].taken);
		vmi_free(vm->slots[i].places);
		vm->slots[i].taken = NULL;
		vm->slots[i].places = NULL;
	}
}

static unsigned lowest_zero(uint64_t word)
{
	unsigned bit = 0;

	while (word >> bit & 1)
		bit++;
	return bit;
}

/* A free number, or -ENOSPC. */
static int slot_take(struct vmi_kvm_vm *vm, unsigned space, uint32_t *slot)
{
	struct vmi_kvm_slots *slots = &vm->slots[space];
	size_t words = (vm->n_slots + 63) / 64;
	size_t i;

	for (i = 0; i < words; i++) {
		size_t word = (slots->hint + i) % words;
		unsigned id;

		if (slots->taken[word] == UINT64_MAX)
			continue;
		id = (unsigned)word * 64 + lowest_zero(slots->taken[word]);
		if (id >= vm->n_slots)
			continue;
		slots->taken[word] |= (uint64_t)1 << (id % 64);
		slots->hint = word;
		*slot = id | space << VMI_KVM_SPACE_SHIFT;
		return 0;
	}
	return -ENOSPC;
}

/* Entry NULL: the slot is free. */
static void slot_mark(struct vmi_kvm_vm *vm, uint32_t slot,
	const struct vmi_map_entry *entry)
{
	struct vmi_kvm_slots *slots = &vm->slots[slot >> VMI_KVM_SPACE_SHIFT];
	unsigned id = slot & ((1u << VMI_KVM_SPACE_SHIFT) - 1);
	uint64_t bit = (uint64_t)1 << (id % 64);

	if (entry) {
		slots->taken[id / 64] |= bit;
	} else {
		slots->taken[id / 64] &= ~bit;
		slots->hint = id / 64;
	}
	if (slots->places)
		slots->places[id] = entry ?
			(struct vmi_kvm_place){ entry->ram, entry->offset,
				entry->bytes } :
			(struct vmi_kvm_place){ NULL, 0, 0 };
}

/*
 * Create a slot with these flags, or, where it exists, switch its log.  The
 * second form of the call is for what only it can say.
 */
static int slot_set(
	struct vmi_kvm_vm *vm, const struct vmi_map_entry *entry, uint32_t flags)
{
	struct vmi_kvm_memory_region2 region = {
		.slot = entry->slot,
		.gpa = entry->gpa,
		.bytes = entry->bytes,
		.hva = (uintptr_t)(entry->ram->base + entry->offset),
	};

	if (flags & VMAPI_MAP_READONLY)
		region.flags |= KVM_MEM_READONLY;
	if (flags & VMAPI_MAP_LOG)
		region.flags |= KVM_MEM_LOG_DIRTY_PAGES;
	if (entry->ram->private_fd < 0)
		return vmi_kvm_vm_ioctl(
			vm, KVM_SET_USER_MEMORY_REGION, &region);
	region.flags |= VMI_KVM_MEM_GUEST_MEMFD;
	region.private_fd = (uint32_t)entry->ram->private_fd;
	region.private_offset = entry->offset;
	return vmi_kvm_vm_ioctl(vm, VMI_KVM_SET_USER_MEMORY_REGION2, &region);
}

static int slot_delete(struct vmi_kvm_vm *vm, const struct vmi_map_entry *entry)
{
	struct kvm_userspace_memory_region region = { .slot = entry->slot };

	return vmi_kvm_vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static int refused(
	int code, const struct vmi_map_entry *entry, const char *verb)
{
	if (code == -EEXIST)
		return vmi_fail_range(code, entry->gpa, entry->bytes,
			"ram '%s' at 0x%llx+0x%llx overlaps what the kernel "
			"keeps for itself below 0xff000000",
			entry->ram->name, (unsigned long long)entry->gpa,
			(unsigned long long)entry->bytes);
	return vmi_fail_range(code, entry->gpa, entry->bytes,
		"the kernel refused to %s slot %u for ram '%s' at "
		"0x%llx+0x%llx (errno %d)",
		verb, (unsigned)entry->slot, entry->ram->name,
		(unsigned long long)entry->gpa,
		(unsigned long long)entry->bytes, -code);
}

/* -- Steps of a commit, and each taken back ----------------------------- */

static int remove_one(struct vmi_kvm_vm *vm, unsigned space,
	struct vmi_map_entry *entry)
{
	int rc = slot_delete(vm, entry);

	(void)space;
	if (rc < 0)
		return refused(rc, entry, "delete");
	slot_mark(vm, entry->slot, NULL);
	return 0;
}

static int remove_back(struct vmi_kvm_vm *vm, struct vmi_map_entry *entry)
{
	slot_mark(vm, entry->slot, entry);
	return slot_set(vm, entry, entry->flags);
}

static int add_one(struct vmi_kvm_vm *vm, unsigned space,
	struct vmi_map_entry *entry)
{
	int rc = slot_take(vm, space, &entry->slot);

	if (rc < 0)
		return vmi_fail_range(rc, entry->gpa, entry->bytes,
			"all %u memory slots of the kernel are taken",
			vm->n_slots);
	rc = slot_set(vm, entry, entry->flags);
	slot_mark(vm, entry->slot, rc < 0 ? NULL : entry);
	return rc < 0 ? refused(rc, entry, "create") : 0;
}

static int add_back(struct vmi_kvm_vm *vm, struct vmi_map_entry *entry)
{
	slot_mark(vm, entry->slot, NULL);
	return slot_delete(vm, entry);
}

static int relog_one(struct vmi_kvm_vm *vm, unsigned space,
	struct vmi_map_entry *entry)
{
	int rc = slot_set(vm, entry, entry->flags);

	(void)space;
	return rc < 0 ? refused(rc, entry, "switch the log of") : 0;
}

static int relog_back(struct vmi_kvm_vm *vm, struct vmi_map_entry *entry)
{
	return slot_set(vm, entry, entry->flags ^ VMAPI_MAP_LOG);
}

/* The entries of a change that a kind of step is about. */
struct part {
	struct vmi_map_entry *entries;
	size_t n;
};

static struct part removed_of(const struct vmi_map_change *c)
{
	return (struct part){ c->removed, c->n_removed };
}

static struct part added_of(const struct vmi_map_change *c)
{
	return (struct part){ c->added, c->n_added };
}

static struct part relogged_of(const struct vmi_map_change *c)
{
	return (struct part){ c->relogged, c->n_relogged };
}

static const struct {
	struct part (*part)(const struct vmi_map_change *c);
	int (*one)(struct vmi_kvm_vm *vm, unsigned space,
		struct vmi_map_entry *entry);
	int (*back)(struct vmi_kvm_vm *vm, struct vmi_map_entry *entry);
} steps[] = {
	{ removed_of, remove_one, remove_back },
	{ added_of, add_one, add_back },
	{ relogged_of, relog_one, relog_back },
};

/* The changes of a commit, and how far each kind of step has come. */
struct progress {
	struct vmi_map_change *changes;
	size_t n;
	size_t done[vmi_array_len(steps)];
};

static int step_on(struct vmi_kvm_vm *vm, struct progress *p, size_t kind)
{
	size_t i, k;
	int rc;

	for (i = 0; i < p->n; i++) {
		struct part part = steps[kind].part(&p->changes[i]);

		for (k = 0; k < part.n; k++) {
			rc = steps[kind].one(vm, p->changes[i].as->id,
				&part.entries[k]);
			if (rc < 0)
				return rc;
			p->done[kind]++;
		}
	}
	return 0;
}

static int step_back(struct vmi_kvm_vm *vm, struct progress *p, size_t kind)
{
	size_t i, k, left = p->done[kind];
	int rc = 0;

	for (i = 0; i < p->n; i++) {
		struct part part = steps[kind].part(&p->changes[i]);

		for (k = 0; k < part.n && left; k++, left--)
			if (steps[kind].back(vm, &part.entries[k]) < 0)
				rc = -EIO;
	}
	return rc;
}

static int take_back(struct vmi_kvm_vm *vm, struct progress *p)
{
	size_t kind;
	int rc = 0;

	for (kind = vmi_array_len(steps); kind-- > 0;)
		if (step_back(vm, p, kind) < 0)
			rc = -EIO;
	return rc;
}

int vmi_kvm_map_apply(
	struct vmapi_vm *core, struct vmi_map_change *changes, size_t n)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct progress p = { .changes = changes, .n = n };
	size_t i, kind;
	int rc = 0;

	for (i = 0; i < n; i++)
		if (changes[i].as->id >= vm->n_spaces)
			return vmi_fail(-ENOTSUP, "vm",
				"this kernel has %u address space(s)",
				vm->n_spaces);
	for (kind = 0; kind < vmi_array_len(steps) && rc == 0; kind++)
		rc = step_on(vm, &p, kind);
	if (rc < 0 && take_back(vm, &p) < 0)
		return vmi_fail(-EIO, "vm",
			"the kernel refused a map half-way (errno %d) and "
			"refused to take it back: the map is broken", -rc);
	return rc;
}

/*
 * A slot of no map.  Nothing is ever dirty in it, so that it has no place in
 * the table by which rings are read.
 */
int vmi_kvm_page_show(
	struct vmapi_vm *core, uint64_t gpa, void *page, uint32_t *slot)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct vmapi_ram ram = { .base = page, .private_fd = -1 };
	struct vmi_map_entry entry = { .gpa = gpa,
		.bytes = 4096,
		.ram = &ram };
	int rc = slot_take(vm, 0, &entry.slot);

	if (rc < 0)
		return rc;
	rc = slot_set(vm, &entry, VMAPI_MAP_READONLY);
	if (rc < 0)
		slot_mark(vm, entry.slot, NULL);
	*slot = entry.slot;
	return rc < 0 ? rc : 0;
}

void vmi_kvm_page_hide(struct vmapi_vm *core, uint32_t slot)
{
	const struct vmi_map_entry entry = { .slot = slot };

	(void)slot_delete(vmi_kvm_vm_of(core), &entry);
	slot_mark(vmi_kvm_vm_of(core), slot, NULL);
}

int vmi_kvm_guest_memfd(struct vmapi_vm *core, uint64_t bytes)
{
	struct vmi_kvm_guest_memfd arg = { .bytes = bytes };
	int rc = vmi_kvm_vm_ioctl(
		vmi_kvm_vm_of(core), VMI_KVM_CREATE_GUEST_MEMFD, &arg);

	return rc < 0 ? vmi_kvm_vm_refused(rc, VMI_KVM_CREATE_GUEST_MEMFD) : rc;
}

/* It changes all of the range or nothing (api.rst 4.141). */
int vmi_kvm_attributes_set(struct vmapi_vm *core, uint64_t gpa, uint64_t bytes,
	uint32_t attributes)
{
	struct vmi_kvm_memory_attributes arg = { .gpa = gpa,
		.bytes = bytes,
		.attributes = attributes };
	int rc;

	do
		rc = vmi_kvm_vm_ioctl(vmi_kvm_vm_of(core),
			VMI_KVM_SET_MEMORY_ATTRIBUTES, &arg);
	while (rc == -EINTR);
	return rc < 0 ? vmi_fail_range(rc, gpa, bytes,
		"the kernel refused attributes 0x%x for gpa 0x%llx+0x%llx "
		"(errno %d)", (unsigned)attributes, (unsigned long long)gpa,
		(unsigned long long)bytes, -rc) : 0;
}
