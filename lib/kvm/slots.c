/* SPDX-License-Identifier: MIT */
/* The map, as memory slots of the kernel. */
/*
 * The kernel knows slots by number.  A slot cannot be resized, nor change its
 * host address or its read-only flag (EINVAL), nor overlap another (EEXIST),
 * so a change is deletions, then creations.  Core keeps the vcpus out
 * meanwhile.  Numbers are used again: they are few (as few as 509 once), and
 * a map that is changed for years must not run out of them.
 *
 * If the kernel refuses half-way, what was done is taken back in reverse:
 * creations deleted, deletions created again under their old numbers.
 */
#include "lib/kvm/kvm.h"

#define SPACE_SHIFT 16 /* slot numbers: address space in bits 31:16 */

int vmi_kvm_slots_init(struct vmi_kvm_vm *vm)
{
	int n = vmi_kvm_vm_check(vm, KVM_CAP_NR_MEMSLOTS);
	int spaces = vmi_kvm_vm_check(vm, KVM_CAP_MULTI_ADDRESS_SPACE);
	unsigned i;

	vm->n_slots = n > 0 ? (unsigned)n : 32; /* the oldest kernels' limit */
	if (vm->n_slots > 1u << SPACE_SHIFT)
		vm->n_slots = 1u << SPACE_SHIFT;
	vm->n_spaces = spaces > 1 ? (unsigned)spaces : 1;
	if (vm->n_spaces > VMI_KVM_SPACES)
		vm->n_spaces = VMI_KVM_SPACES;
	for (i = 0; i < vm->n_spaces; i++) {
		vm->slots[i].taken =
			vmi_calloc((vm->n_slots + 63) / 64, sizeof(uint64_t));
		if (!vm->slots[i].taken) {
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
		vm->slots[i].taken = NULL;
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
		*slot = id | space << SPACE_SHIFT;
		return 0;
	}
	return -ENOSPC;
}

static void slot_mark(struct vmi_kvm_vm *vm, uint32_t slot, bool taken)
{
	struct vmi_kvm_slots *slots = &vm->slots[slot >> SPACE_SHIFT];
	unsigned id = slot & ((1u << SPACE_SHIFT) - 1);
	uint64_t bit = (uint64_t)1 << (id % 64);

	if (taken)
		slots->taken[id / 64] |= bit;
	else
		slots->taken[id / 64] &= ~bit;
	if (!taken)
		slots->hint = id / 64;
}

static int slot_create(struct vmi_kvm_vm *vm, const struct vmi_map_entry *entry)
{
	struct kvm_userspace_memory_region region = {
		.slot = entry->slot,
		.guest_phys_addr = entry->gpa,
		.memory_size = entry->bytes,
		.userspace_addr = (uintptr_t)(entry->ram->base + entry->offset),
	};

	if (entry->flags & VMAPI_MAP_READONLY)
		region.flags |= KVM_MEM_READONLY;
	if (entry->flags & VMAPI_MAP_LOG)
		region.flags |= KVM_MEM_LOG_DIRTY_PAGES;
	return vmi_kvm_vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
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

static int remove_one(struct vmi_kvm_vm *vm, struct vmi_map_entry *entry)
{
	int rc = slot_delete(vm, entry);

	if (rc < 0)
		return refused(rc, entry, "delete");
	slot_mark(vm, entry->slot, false);
	return 0;
}

static int add_one(
	struct vmi_kvm_vm *vm, unsigned space, struct vmi_map_entry *entry)
{
	int rc = slot_take(vm, space, &entry->slot);

	if (rc < 0)
		return vmi_fail_range(rc, entry->gpa, entry->bytes,
			"all %u memory slots of the kernel are taken",
			vm->n_slots);
	rc = slot_create(vm, entry);
	if (rc < 0) {
		slot_mark(vm, entry->slot, false);
		return refused(rc, entry, "create");
	}
	return 0;
}

/* How far a commit came, counted over all changes. */
struct progress {
	size_t removed;
	size_t added;
};

static int take_back(struct vmi_kvm_vm *vm, struct vmi_map_change *changes,
	size_t n, const struct progress *done)
{
	size_t left, i, k;
	int rc = 0;

	left = done->added;
	for (i = 0; i < n; i++)
		for (k = 0; k < changes[i].n_added && left; k++, left--) {
			if (slot_delete(vm, &changes[i].added[k]) < 0)
				rc = -EIO;
			slot_mark(vm, changes[i].added[k].slot, false);
		}
	left = done->removed;
	for (i = 0; i < n; i++)
		for (k = 0; k < changes[i].n_removed && left; k++, left--) {
			if (slot_create(vm, &changes[i].removed[k]) < 0)
				rc = -EIO;
			slot_mark(vm, changes[i].removed[k].slot, true);
		}
	return rc;
}

static int apply(struct vmi_kvm_vm *vm, struct vmi_map_change *changes,
	size_t n, struct progress *done)
{
	size_t i, k;
	int rc;

	for (i = 0; i < n; i++)
		for (k = 0; k < changes[i].n_removed; k++) {
			rc = remove_one(vm, &changes[i].removed[k]);
			if (rc < 0)
				return rc;
			done->removed++;
		}
	for (i = 0; i < n; i++)
		for (k = 0; k < changes[i].n_added; k++) {
			rc = add_one(
				vm, changes[i].as->id, &changes[i].added[k]);
			if (rc < 0)
				return rc;
			done->added++;
		}
	return 0;
}

int vmi_kvm_map_apply(
	struct vmapi_vm *core, struct vmi_map_change *changes, size_t n)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct progress done = { 0, 0 };
	size_t i;
	int rc;

	for (i = 0; i < n; i++)
		if (changes[i].as->id >= vm->n_spaces)
			return vmi_fail(-ENOTSUP, "vm",
				"this kernel has %u address space(s)",
				vm->n_spaces);
	rc = apply(vm, changes, n, &done);
	if (rc < 0 && take_back(vm, changes, n, &done) < 0)
		return vmi_fail(-EIO, "vm",
			"the kernel refused a map half-way (errno %d) and "
			"refused to take it back: the map is broken",
			-rc);
	return rc;
}
