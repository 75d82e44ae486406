/* SPDX-License-Identifier: MIT */
/* Model-specific registers: SDM volume 4, chapter 2. */
#include <errno.h>
#include <stddef.h>

#include "lib/soft/system.h"

enum check {
	CHECK_NONE,
	CHECK_CANONICAL,
	CHECK_LOW32, /* the upper half is reserved */
	CHECK_PAT,
	CHECK_MTRR_FIXED,
	CHECK_MTRR_DEF,
	CHECK_MTRR_BASE,
	CHECK_MTRR_MASK,
	CHECK_MCG, /* SDM 3B 15.3.1.2: RIPV, EIPV, MCIP */
	CHECK_MISC
};

struct stored {
	uint32_t index;
	uint16_t offset; /* of a uint64_t in struct vmi_cpu */
	uint8_t check;	 /* enum check */
};

#define AT(field) (uint16_t)offsetof(struct vmi_cpu, field)

/* Those that are plain storage. */
static const struct stored stored[] = {
	{ 0x174, AT(sysenter_cs), CHECK_NONE },
	{ 0x175, AT(sysenter_esp), CHECK_CANONICAL },
	{ 0x176, AT(sysenter_eip), CHECK_CANONICAL },
	{ 0x17a, AT(mcg_status), CHECK_MCG },
	{ 0x1a0, AT(misc_enable), CHECK_MISC },
	{ 0x200, AT(mtrr_var[0]), CHECK_MTRR_BASE },
	{ 0x201, AT(mtrr_var[1]), CHECK_MTRR_MASK },
	{ 0x202, AT(mtrr_var[2]), CHECK_MTRR_BASE },
	{ 0x203, AT(mtrr_var[3]), CHECK_MTRR_MASK },
	{ 0x204, AT(mtrr_var[4]), CHECK_MTRR_BASE },
	{ 0x205, AT(mtrr_var[5]), CHECK_MTRR_MASK },
	{ 0x206, AT(mtrr_var[6]), CHECK_MTRR_BASE },
	{ 0x207, AT(mtrr_var[7]), CHECK_MTRR_MASK },
	{ 0x208, AT(mtrr_var[8]), CHECK_MTRR_BASE },
	{ 0x209, AT(mtrr_var[9]), CHECK_MTRR_MASK },
	{ 0x20a, AT(mtrr_var[10]), CHECK_MTRR_BASE },
	{ 0x20b, AT(mtrr_var[11]), CHECK_MTRR_MASK },
	{ 0x20c, AT(mtrr_var[12]), CHECK_MTRR_BASE },
	{ 0x20d, AT(mtrr_var[13]), CHECK_MTRR_MASK },
	{ 0x20e, AT(mtrr_var[14]), CHECK_MTRR_BASE },
	{ 0x20f, AT(mtrr_var[15]), CHECK_MTRR_MASK },
	{ 0x250, AT(mtrr_fixed[0]), CHECK_MTRR_FIXED },
	{ 0x258, AT(mtrr_fixed[1]), CHECK_MTRR_FIXED },
	{ 0x259, AT(mtrr_fixed[2]), CHECK_MTRR_FIXED },
	{ 0x268, AT(mtrr_fixed[3]), CHECK_MTRR_FIXED },
	{ 0x269, AT(mtrr_fixed[4]), CHECK_MTRR_FIXED },
	{ 0x26a, AT(mtrr_fixed[5]), CHECK_MTRR_FIXED },
	{ 0x26b, AT(mtrr_fixed[6]), CHECK_MTRR_FIXED },
	{ 0x26c, AT(mtrr_fixed[7]), CHECK_MTRR_FIXED },
	{ 0x26d, AT(mtrr_fixed[8]), CHECK_MTRR_FIXED },
	{ 0x26e, AT(mtrr_fixed[9]), CHECK_MTRR_FIXED },
	{ 0x26f, AT(mtrr_fixed[10]), CHECK_MTRR_FIXED },
	{ 0x277, AT(pat), CHECK_PAT },
	{ 0x2ff, AT(mtrr_def), CHECK_MTRR_DEF },
	{ 0xc0000081, AT(star), CHECK_NONE },
	{ 0xc0000082, AT(lstar), CHECK_CANONICAL },
	{ 0xc0000083, AT(cstar), CHECK_CANONICAL },
	{ 0xc0000084, AT(sfmask), CHECK_LOW32 },
	{ 0xc0000102, AT(kernel_gs_base), CHECK_CANONICAL },
	{ 0xc0000103, AT(tsc_aux), CHECK_LOW32 },
};

/* Those that say something and cannot be written. */
static const struct {
	uint32_t index;
	uint64_t value;
} constant[] = {
	{ 0x17, 0 },	    /* PLATFORM_ID */
	{ 0x3a, 1 },	    /* FEATURE_CONTROL: locked, nothing enabled */
	{ 0xfe, 0x508 },    /* MTRRCAP: 8 variable ones, fixed ones, WC */
	{ 0x179, 0 },	    /* MCG_CAP: no banks */
	/*
	 * ARCH_CAPABILITIES: not affected by RDCL, L1TF, SSB, MDS, page size
	 * change, TAA, SBDR, FBSDP, PSDP, BHI, PBRSB, GDS, RFDS, since
	 * nothing here speculates.
	 */
	{ 0x10a, 0x0d10e179 },
};

/* Those that Linux writes and nothing here depends on: they read as 0. */
static const uint32_t ignored[] = {
	0x8b,  /* BIOS_SIGN_ID: no microcode */
};

enum {
	MSR_TSC = 0x10, MSR_APIC_BASE = 0x1b, MSR_SMI_COUNT = 0x34,
	MSR_TSC_ADJUST = 0x3b, MSR_SMBASE = 0x9e, MSR_PLATFORM_INFO = 0xce,
	MSR_DEBUGCTL = 0x1d9, MSR_TSC_DEADLINE = 0x6e0, MSR_X2APIC = 0x800,
	MSR_X2APIC_END = 0x8ff
};
#define MSR_EFER    0xc0000080u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u

static const uint32_t special[] = {
	MSR_TSC, MSR_APIC_BASE, MSR_TSC_ADJUST, MSR_PLATFORM_INFO,
	MSR_TSC_DEADLINE, MSR_EFER, MSR_FS_BASE, MSR_GS_BASE,
	MSR_SMI_COUNT, MSR_SMBASE, MSR_DEBUGCTL,
};

static bool is_apic(uint32_t index)
{
	return index == MSR_APIC_BASE || index == MSR_TSC_DEADLINE ||
		(index >= MSR_X2APIC && index <= MSR_X2APIC_END);
}

/* To a guest without the feature they are not there: SDM 4 table 2-2. */
static const struct {
	uint32_t first, last;
	enum vmi_feature feature;
} featured[] = {
	{ MSR_TSC_ADJUST, MSR_TSC_ADJUST, VMI_FEAT_TSC_ADJUST },
	{ 0xfe, 0xfe, VMI_FEAT_MTRR },
	{ 0x10a, 0x10a, VMI_FEAT_ARCH_CAPABILITIES },
	{ 0x174, 0x176, VMI_FEAT_SEP },
	{ 0x179, 0x17a, VMI_FEAT_MCA },
	{ 0x200, 0x26f, VMI_FEAT_MTRR },
	{ 0x277, 0x277, VMI_FEAT_PAT },
	{ 0x2ff, 0x2ff, VMI_FEAT_MTRR },
	{ MSR_TSC_DEADLINE, MSR_TSC_DEADLINE, VMI_FEAT_TSC_DEADLINE },
	{ 0xc0000082, 0xc0000084, VMI_FEAT_LM },
	{ MSR_FS_BASE, 0xc0000102, VMI_FEAT_LM },
	{ 0xc0000103, 0xc0000103, VMI_FEAT_RDTSCP },
};

static bool is_absent(const struct vmi_cpu *c, uint32_t index)
{
	size_t i;

	for (i = 0; i < vmi_array_len(featured); i++)
		if (index >= featured[i].first && index <= featured[i].last)
			return vmi_hides(c, featured[i].feature);
	return false;
}

/* Memory types, SDM 3A table 11-2: PAT has UC- (7) as well. */
static bool types_ok(uint64_t v, unsigned allowed)
{
	unsigned i;

	for (i = 0; i < 8; i++, v >>= 8) {
		if ((v & 0xff) > 7 || !(allowed >> (v & 7) & 1))
			return false;
	}
	return true;
}

/*
 * Of IA32_MISC_ENABLE: fast strings, FOPCODE, thermal control, BTS and PEBS
 * unavailable, SpeedStep, MONITOR, limited CPUID, xTPR, no NX.  There is no
 * MONITOR to be enabled; cpuid.c obeys bits 22 and 34.
 */
#define MISC_KNOWN 0x400c5188dull

#define MTRR_TYPES 0x73u /* 0, 1, 4, 5, 6 */
#define PAT_TYPES  0xf3u /* and 7 */

static bool type_ok(uint64_t v)
{
	return (v & 0xff) < 8 && (MTRR_TYPES >> (v & 7) & 1);
}

static bool value_ok(enum check check, uint64_t v)
{
	const uint64_t phys = (1ull << VMI_PHYS_BITS) - 1;

	switch (check) {
	case CHECK_CANONICAL:
		return vmi_canonical(v);
	case CHECK_LOW32:
		return !(v >> 32);
	case CHECK_PAT:
		return types_ok(v, PAT_TYPES);
	case CHECK_MTRR_FIXED:
		return types_ok(v, MTRR_TYPES);
	case CHECK_MTRR_DEF:
		return !(v & ~0xcffull) && type_ok(v);
	case CHECK_MTRR_BASE:
		return !(v & ~phys) && !(v & 0xf00) && type_ok(v);
	case CHECK_MTRR_MASK:
		return !(v & ~phys) && !(v & 0x7ff);
	case CHECK_MCG:
		return v <= 7;
	case CHECK_MISC:
		return !(v & ~MISC_KNOWN);
	case CHECK_NONE:
		break;
	}
	return true;
}

static const struct stored *find_stored(uint32_t index)
{
	size_t i;

	for (i = 0; i < vmi_array_len(stored); i++) {
		if (stored[i].index == index)
			return &stored[i];
	}
	return NULL;
}

static bool is_ignored(uint32_t index)
{
	size_t i;

	for (i = 0; i < vmi_array_len(ignored); i++) {
		if (ignored[i] == index)
			return true;
	}
	return false;
}

static const uint64_t *find_constant(uint32_t index)
{
	size_t i;

	for (i = 0; i < vmi_array_len(constant); i++) {
		if (constant[i].index == index)
			return &constant[i].value;
	}
	return NULL;
}

static uint64_t *slot(struct vmi_cpu *c, const struct stored *s)
{
	return (uint64_t *)(void *)((char *)c + s->offset);
}

/*
 * A processor whose local APIC is the application's, or is none, keeps
 * IA32_APIC_BASE all the same: SDM 3A 11.4.4.
 */
static int apic_read(struct vmi_cpu *c, uint32_t index, uint64_t *value)
{
	int r = vmi_apic_msr_read(c, index, value);

	if (r != -ENOENT || index != MSR_APIC_BASE)
		return r;
	*value = c->apic_base;
	return 0;
}

static int apic_write(struct vmi_cpu *c, uint32_t index, uint64_t value,
	bool host)
{
	const uint64_t phys = (1ull << VMI_PHYS_BITS) - 1;
	int r;

	if (!host && index == MSR_APIC_BASE && value & 0x400 &&
		vmi_hides(c, VMI_FEAT_X2APIC))
		return -EINVAL;
	r = vmi_apic_msr_write(c, index, value);
	if (r != -ENOENT || index != MSR_APIC_BASE)
		return r;
	if (value & ~(phys & ~0xfffull) & ~0xd00ull)
		return -EINVAL;
	if ((value & 0xc00) == 0x400) /* x2APIC and not enabled */
		return -EINVAL;
	c->apic_base = value;
	return 0;
}

static int read_other(uint32_t index, uint64_t *value)
{
	const uint64_t *v = find_constant(index);

	if (!v && !is_ignored(index))
		return -ENOENT;
	*value = v ? *v : 0;
	return 0;
}

/*
 * IA32_SMBASE is there for a guest where IA32_VMX_MISC says so (SDM 4 table
 * 2-2), which is nowhere; the host sees it, as with KVM.
 */
int vmi_msr_read(struct vmi_cpu *c, uint32_t index, uint64_t *value, bool host)
{
	const struct stored *s = find_stored(index);

	if (!host && is_absent(c, index))
		return -ENOENT;
	if (s) {
		*value = *slot(c, s);
		return 0;
	}
	if (is_apic(index))
		return apic_read(c, index, value);
	switch (index) {
	case MSR_TSC:
		*value = vmi_tsc(c);
		return 0;
	case MSR_TSC_ADJUST:
		*value = (uint64_t)c->tsc_adjust;
		return 0;
	case MSR_PLATFORM_INFO: /* the frequency in units of 100 MHz */
		*value = (vmi_tsc_hz(c) / 100000000 & 0xff) << 8;
		return 0;
	case MSR_EFER:
		*value = c->efer;
		return 0;
	case MSR_DEBUGCTL:
		*value = c->debugctl;
		return 0;
	case MSR_SMI_COUNT:
		*value = (uint32_t)c->smi_count;
		return 0;
	case MSR_SMBASE:
		*value = c->smbase;
		return host ? 0 : -EINVAL;
	case MSR_FS_BASE:
	case MSR_GS_BASE:
		*value = c->seg[index == MSR_FS_BASE ? VMI_FS : VMI_GS].base;
		return 0;
	default:
		return read_other(index, value);
	}
}

#define EFER_BITS                                                              \
	(VMI_EFER_SCE | VMI_EFER_LME | VMI_EFER_LMA | VMI_EFER_NXE)

/* Bits of features that CPUID has; others are reserved: SDM 3A 2.2.1. */
uint64_t vmi_efer_known(struct vmi_cpu *c)
{
	uint64_t known = 0;
	uint32_t out[4];

	vmi_cpuid_own(c, 0x80000001, out);
	if (out[3] >> 20 & 1)
		known |= VMI_EFER_NXE;
	if (out[3] >> 29 & 1)
		known |= VMI_EFER_SCE | VMI_EFER_LME | VMI_EFER_LMA;
	return known;
}

int vmi_efer_write(struct vmi_cpu *c, uint64_t v, bool host)
{
	uint64_t changed;

	if (v & ~(host ? EFER_BITS : vmi_efer_known(c)))
		return -EINVAL;
	if (!host)
		v = (v & ~VMI_EFER_LMA) | (c->efer & VMI_EFER_LMA);
	changed = v ^ c->efer;
	if (!host && (changed & VMI_EFER_LME) && (c->cr0 & VMI_CR0_PG))
		return -EINVAL;
	c->efer = v;
	if (changed & (VMI_EFER_NXE | VMI_EFER_LMA))
		vmi_tlb_flush(c);
	vmi_mode_refresh(c);
	return 0;
}

/* Unsigned, for what wraps. */
static int64_t add(int64_t a, uint64_t b)
{
	return (int64_t)((uint64_t)a + b);
}

static int write_base(struct vmi_cpu *c, unsigned n, uint64_t v)
{
	struct vmapi_x86_segment s = c->seg[n];

	if (!vmi_canonical(v))
		return -EINVAL;
	s.base = v;
	vmi_seg_set(c, n, &s);
	return 0;
}

static int write_smm(struct vmi_cpu *c, uint32_t index, uint64_t v, bool host)
{
	if (!host || v >> 32)
		return -EINVAL;
	if (index == MSR_SMBASE)
		c->smbase = (uint32_t)v;
	else
		c->smi_count = v;
	return 0;
}

/*
 * The rest is reserved (SDM 3B 17.4.1), for what it belongs to is not there:
 * branch trace messages and their store (CPUID.01H:EDX[21]), counters (leaf
 * 0AH), RTM, and bus-lock detection (CPUID.07H:EBX[11], ECX[24]).
 */
static int write_debugctl(struct vmi_cpu *c, uint64_t v)
{
	if (v & ~(uint64_t)(VMI_DEBUGCTL_LBR | VMI_DEBUGCTL_BTF))
		return -EINVAL;
	c->debugctl = v & VMI_DEBUGCTL_BTF; /* branches are not recorded */
	return 0;
}

static int write_other(struct vmi_cpu *c, uint32_t index, uint64_t v,
	bool host)
{
	uint64_t by;

	switch (index) {
	case MSR_TSC:
		/* IA32_TSC_ADJUST follows a guest's write: SDM 3B 17.17.3. */
		by = v - vmi_tsc(c);
		c->tsc_offset = add(c->tsc_offset, by);
		if (!host)
			c->tsc_adjust = add(c->tsc_adjust, by);
		vmi_tsc_moved(c);
		return 0;
	case MSR_TSC_ADJUST:
		by = v - (uint64_t)c->tsc_adjust;
		c->tsc_adjust = (int64_t)v;
		if (host)
			return 0;
		c->tsc_offset = add(c->tsc_offset, by);
		vmi_tsc_moved(c);
		return 0;
	case MSR_PLATFORM_INFO:
		return host ? 0 : -EINVAL;
	case MSR_DEBUGCTL:
		return write_debugctl(c, v);
	case MSR_SMI_COUNT:
	case MSR_SMBASE:
		return write_smm(c, index, v, host);
	case MSR_EFER:
		return vmi_efer_write(c, v, host);
	case MSR_FS_BASE:
	case MSR_GS_BASE:
		return write_base(c, index == MSR_FS_BASE ? VMI_FS : VMI_GS, v);
	default:
		if (is_ignored(index))
			return 0;
		if (!find_constant(index))
			return -ENOENT;
		return host ? 0 : -EINVAL;
	}
}

int vmi_msr_write(struct vmi_cpu *c, uint32_t index, uint64_t value,
	bool host)
{
	const struct stored *s = find_stored(index);

	if (!host && is_absent(c, index))
		return -ENOENT;
	if (is_apic(index))
		return apic_write(c, index, value, host);
	if (!s)
		return write_other(c, index, value, host);
	if (!value_ok(s->check, value))
		return -EINVAL;
	*slot(c, s) = value;
	return 0;
}

/* The n-th MSR that a processor may have. */
static uint32_t nth(size_t n)
{
	if (n < vmi_array_len(special))
		return special[n];
	n -= vmi_array_len(special);
	if (n < vmi_array_len(stored))
		return stored[n].index;
	n -= vmi_array_len(stored);
	if (n < vmi_array_len(constant))
		return constant[n].index;
	return ignored[n - vmi_array_len(constant)];
}

/* Which of them this one has, depends on its local APIC. */
size_t vmi_msr_list(struct vmi_cpu *c, uint32_t *indices, size_t n)
{
	const size_t all = vmi_array_len(special) + vmi_array_len(stored) +
		vmi_array_len(constant) + vmi_array_len(ignored);
	size_t i, count = 0;
	uint64_t value;

	for (i = 0; i < all; i++) {
		if (vmi_msr_read(c, nth(i), &value, true))
			continue;
		if (count < n)
			indices[count] = nth(i);
		count++;
	}
	return count;
}
