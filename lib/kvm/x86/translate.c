/* SPDX-License-Identifier: MIT */
/* From a linear to a guest-physical address, as the vcpu would. */
/*
 * KVM_TRANSLATE gives the address of a supervisor's read and invents the
 * access rights, so the tables are walked here (SDM 3A chapter 4): the four
 * kinds of paging as one loop over levels.  Nothing is changed: no accessed
 * or dirty bit is set.  Reserved bits and protection keys are not looked at.
 */
#include <endian.h>

#include "lib/core/region.h"
#include "lib/kvm/x86/x86.h"

#define CR0_WP	  (1ull << 16)
#define CR0_PG	  (1ull << 31)
#define CR4_PSE	  (1ull << 4)
#define CR4_PAE	  (1ull << 5)
#define CR4_LA57  (1ull << 12)
#define CR4_SMEP  (1ull << 20)
#define CR4_SMAP  (1ull << 21)
#define EFER_LMA  (1ull << 10)
#define EFER_NXE  (1ull << 11)
#define RFLAGS_AC (1ull << 18)

#define ENTRY_P	  (1ull << 0)
#define ENTRY_RW  (1ull << 1)
#define ENTRY_US  (1ull << 2)
#define ENTRY_PS  (1ull << 7)
#define ENTRY_XD  (1ull << 63)
#define ENTRY_GPA 0x000ffffffffff000ull

/* A kind of paging. */
struct paging {
	unsigned levels;
	unsigned entry_bytes;
	unsigned index_bits;
	unsigned large_levels; /* mask of levels where PS maps */
};

struct walk {
	struct vmapi_vcpu *vcpu;
	struct kvm_sregs2 sregs;
	struct paging paging;
	uint64_t gva;
	uint64_t gpa;
	uint64_t rights; /* ENTRY_RW | ENTRY_US of all levels */
	bool is_nx;
};

/* Guest-physical memory, little-endian; false: not RAM. */
static bool load(
	struct vmapi_vcpu *vcpu, uint64_t gpa, unsigned bytes, uint64_t *value)
{
	uint64_t little_endian = 0;
	bool is_ram = vmi_map_peek(vcpu->vm, gpa, &little_endian, bytes);

	*value = le64toh(little_endian);
	return is_ram;
}

static struct paging paging_of(const struct kvm_sregs2 *sregs)
{
	if (sregs->efer & EFER_LMA)
		return (struct paging){ sregs->cr4 & CR4_LA57 ? 5 : 4, 8, 9,
			1u << 2 | 1u << 3 };
	if (sregs->cr4 & CR4_PAE)
		return (struct paging){ 3, 8, 9, 1u << 2 };
	return (struct paging){ 2, 4, 10, sregs->cr4 & CR4_PSE ? 1u << 2 : 0 };
}

/* SDM 3A 4.5: in 64-bit mode the bits above the top index repeat it. */
static bool is_canonical(const struct walk *w)
{
	unsigned spare = 64 - 12 - w->paging.levels * w->paging.index_bits;
	uint64_t top;

	if (!(w->sregs.efer & EFER_LMA))
		return w->gva >> 32 == 0;
	top = w->gva >> (63 - spare);
	return top == 0 || top == ((uint64_t)1 << (spare + 1)) - 1;
}

/* Where a large page begins; PSE-36 keeps high bits in 20:13 (4.3). */
static uint64_t large_base(
	const struct walk *w, uint64_t entry, uint64_t offset_mask)
{
	if (w->paging.entry_bytes == 4)
		return (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
	return entry & ENTRY_GPA & ~offset_mask;
}

/* The entry of a level; the PDPTEs of PAE paging are registers (4.4.1). */
static bool entry_at(
	const struct walk *w, unsigned level, uint64_t table, uint64_t *entry)
{
	unsigned shift = 12 + (level - 1) * w->paging.index_bits;
	uint64_t index = w->gva >> shift & ((1u << w->paging.index_bits) - 1);

	if (w->paging.levels == 3 && level == 3 &&
		w->sregs.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID) {
		*entry = w->sregs.pdptrs[index & 3];
		return true;
	}
	return load(w->vcpu, table + index * w->paging.entry_bytes,
		w->paging.entry_bytes, entry);
}

/* PDPTEs carry no rights. */
static void narrow(struct walk *w, unsigned level, uint64_t entry)
{
	if (w->paging.levels == 3 && level == 3)
		return;
	w->rights &= entry;
	if (w->paging.entry_bytes == 8 && w->sregs.efer & EFER_NXE &&
		entry & ENTRY_XD)
		w->is_nx = true;
}

static bool walk(struct walk *w)
{
	uint64_t table = w->sregs.cr3 & ENTRY_GPA;
	uint64_t entry, mask = 0;
	unsigned level;

	if (w->paging.levels == 3)
		table = w->sregs.cr3 & 0xffffffe0;
	for (level = w->paging.levels; level; level--) {
		if (!entry_at(w, level, table, &entry) || !(entry & ENTRY_P))
			return false;
		narrow(w, level, entry);
		mask = (1ull << (12 + (level - 1) * w->paging.index_bits)) - 1;
		table = entry & ENTRY_GPA;
		if (level == 1)
			break;
		if (w->paging.large_levels >> level & 1 && entry & ENTRY_PS) {
			table = large_base(w, entry, mask);
			break;
		}
	}
	w->gpa = table | (w->gva & mask);
	return true;
}

/* What the mapping allows at this privilege (SDM 3A 4.6.1). */
static unsigned allowed(const struct walk *w, bool is_user, uint64_t rflags)
{
	bool user_page = w->rights & ENTRY_US;
	bool writable = w->rights & ENTRY_RW;
	unsigned access = user_page ? VMAPI_ACCESS_USER : 0;

	if (is_user && !user_page)
		return access;
	if (!w->is_nx && (is_user || !user_page || !(w->sregs.cr4 & CR4_SMEP)))
		access |= VMAPI_ACCESS_EXEC;
	if (!is_user && user_page && w->sregs.cr4 & CR4_SMAP &&
		!(rflags & RFLAGS_AC))
		return access;
	access |= VMAPI_ACCESS_READ;
	if (writable || (!is_user && !(w->sregs.cr0 & CR0_WP)))
		access |= VMAPI_ACCESS_WRITE;
	return access;
}

static int no_way(uint64_t gva, const char *why)
{
	return vmi_fail_range(-EFAULT, gva, 1, "linear address 0x%llx %s",
		(unsigned long long)gva, why);
}

int vmi_kvm_arch_translate(struct vmapi_vcpu *core, uint64_t gva,
	unsigned access, struct vmapi_translation *result)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	struct walk w = { .vcpu = core, .gva = gva };
	struct kvm_regs regs;
	unsigned can;
	int rc;

	rc = vmi_kvm_x86_sregs_get(vcpu, &w.sregs);
	if (rc < 0)
		return rc;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_GET_REGS, &regs);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_GET_REGS);
	w.gpa = gva;
	w.rights = ENTRY_RW | ENTRY_US;
	if (w.sregs.cr0 & CR0_PG) {
		w.paging = paging_of(&w.sregs);
		if (!is_canonical(&w))
			return no_way(gva, "is not canonical");
		if (!walk(&w))
			return no_way(gva, "is not mapped");
	}
	can = allowed(&w, access & VMAPI_ACCESS_USER, regs.rflags);
	if (access & ~can)
		return no_way(gva, "is mapped, but not for that access");
	result->gpa = w.gpa;
	result->access = can;
	return 0;
}
