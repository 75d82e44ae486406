/* SPDX-License-Identifier: MIT */
/* An x86 vcpu: birth and reset. */
#include "lib/kvm/x86/x86.h"

int vmi_kvm_arch_vcpu_init(struct vmi_kvm_vcpu *vcpu)
{
	uint64_t tsc_hz = vcpu->core.vm->config.tsc_hz;
	int rc;

	vcpu->arch = vmi_zalloc(sizeof(*vcpu->arch));
	if (!vcpu->arch)
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOMEM, "no memory for the vcpu");
	rc = vmi_kvm_x86_cpuid_default(vcpu);
	if (rc == 0 && tsc_hz)
		rc = vmi_kvm_arch_block_set(
			&vcpu->core, VMI_BLOCK_TSC_HZ, &tsc_hz, sizeof(tsc_hz));
	if (rc == 0)
		rc = vmi_kvm_x86_model_init(vcpu);
	if (rc < 0)
		vmi_kvm_arch_vcpu_fini(vcpu);
	return rc;
}

void vmi_kvm_arch_vcpu_fini(struct vmi_kvm_vcpu *vcpu)
{
	if (vcpu->arch)
		vmi_free(vcpu->arch->cpuid);
	vmi_free(vcpu->arch);
	vcpu->arch = NULL;
	vcpu->debug = NULL;
}

/* -- reset --------------------------------------------------------------- */
/*
 * KVM has no reset of a vcpu.  These are the values after power-up of SDM 3A
 * table 10-1 (9-1 in older editions), block by block.
 */

static bool has_lapic(const struct vmi_kvm_vcpu *vcpu)
{
	return vcpu->core.vm->config.irqchip != VMAPI_IRQCHIP_NONE;
}

static bool boots(const struct vmi_kvm_vcpu *vcpu)
{
	return vcpu->core.id == 0 || !has_lapic(vcpu);
}

static int set(struct vmi_kvm_vcpu *vcpu, unsigned block,
	const void *data, size_t bytes)
{
	return vmi_kvm_arch_block_set(&vcpu->core, block, data, bytes);
}

/* RDX holds the processor's signature, CPUID.1:EAX. */
static int reset_gprs(struct vmi_kvm_vcpu *vcpu)
{
	const struct kvm_cpuid2 *list = vcpu->arch->cpuid;
	struct vmi_x86_gprs gprs = { .rip = 0xfff0, .rflags = 2 };
	uint32_t i;

	for (i = 0; list && i < list->nent; i++)
		if (list->entries[i].function == 1)
			gprs.r[2] = list->entries[i].eax;
	return set(vcpu, VMI_BLOCK_GPRS, &gprs, sizeof(gprs));
}

static int reset_system(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_x86_system system;
	unsigned i;

	memset(&system, 0, sizeof(system));
	for (i = 0; i < 10; i++)
		system.segments[i].limit = 0xffff;
	for (i = 0; i < 6; i++) /* present, read/write, accessed */
		system.segments[i].attributes = 0x93;
	system.segments[1].attributes = 0x9b; /* CS: execute/read */
	system.segments[1].selector = 0xf000;
	system.segments[1].base = 0xffff0000;
	system.segments[6].attributes = 0x82; /* LDT */
	system.segments[7].attributes = 0x8b; /* busy 32-bit TSS */
	system.cr0 = 0x60000010;	      /* CD, NW, ET */
	if (has_lapic(vcpu)) /* enabled; the boot processor says so */
		system.apic_base =
			0xfee00800 | (vcpu->core.id == 0 ? 0x100 : 0);
	return set(vcpu, VMI_BLOCK_SYSTEM, &system, sizeof(system));
}

static int reset_debug(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_x86_debug debug = { .dr = { 0 } };

	debug.dr[6] = 0xffff0ff0;
	debug.dr[7] = 0x400;
	return set(vcpu, VMI_BLOCK_DEBUG, &debug, sizeof(debug));
}

/* FCW 0x40 after power-up; MXCSR 0x1f80; no component in use but those. */
static int reset_fpu(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_x86_xcrs xcrs = { .xcr0 = 1 };
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(vcpu->core.vm);
	uint8_t *area;
	int rc;

	if (vm->arch->xcrs) {
		rc = set(vcpu, VMI_BLOCK_XCRS, &xcrs, sizeof(xcrs));
		if (rc < 0)
			return rc;
	}
	area = vmi_zalloc(vm->arch->xsave_bytes);
	if (!area)
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOMEM, "no memory for the XSAVE area");
	area[0] = 0x40;	 /* FCW (SDM 1 10.5.1) */
	area[24] = 0x80; /* MXCSR */
	area[25] = 0x1f;
	area[512] = 3; /* XSTATE_BV: x87, SSE (SDM 1 13.4.2) */
	rc = set(vcpu, VMI_BLOCK_XSAVE, area, vm->arch->xsave_bytes);
	vmi_free(area);
	return rc;
}

/*
 * Those that a reset does not leave at zero, and the zero ones that a guest
 * changes.  What this kernel does not have is passed over.
 */
/* clang-format off */
static const struct {
	uint32_t index;
	uint64_t value;
} reset_msrs[] = {
	{ 0x00000010, 0 },		    /* TSC */
	{ 0x0000003a, 0 },		    /* IA32_FEATURE_CONTROL */
	{ 0x0000003b, 0 },		    /* IA32_TSC_ADJUST */
	{ 0x00000048, 0 },		    /* IA32_SPEC_CTRL */
	{ 0x00000174, 0 },		    /* IA32_SYSENTER_CS, ESP, EIP */
	{ 0x00000175, 0 },
	{ 0x00000176, 0 },
	{ 0x0000017a, 0 },		    /* IA32_MCG_STATUS */
	{ 0x000001d9, 0 },		    /* IA32_DEBUGCTL */
	{ 0x00000277, 0x0007040600070406 }, /* IA32_PAT */
	{ 0x000002ff, 0 },		    /* IA32_MTRR_DEF_TYPE */
	{ 0x000006e0, 0 },		    /* IA32_TSC_DEADLINE */
	{ 0x00000da0, 0 },		    /* IA32_XSS */
	{ 0x4b564d00, 0 },		    /* KVM: wall clock, system time */
	{ 0x4b564d01, 0 },
	{ 0x4b564d02, 0 },		    /* KVM: async page fault */
	{ 0x4b564d03, 0 },		    /* KVM: steal time */
	{ 0x4b564d04, 0 },		    /* KVM: PV EOI */
	{ 0x4b564d05, 1 },		    /* KVM: halt polling */
	{ 0xc0000081, 0 },		    /* STAR, LSTAR, CSTAR, FMASK */
	{ 0xc0000082, 0 },
	{ 0xc0000083, 0 },
	{ 0xc0000084, 0 },
	{ 0xc0000102, 0 },		    /* KERNEL_GS_BASE */
	{ 0xc0000103, 0 },		    /* TSC_AUX */
};
/* clang-format on */

/* Only what differs: some kernels log writes that they do not expect. */
static int reset_msrs_all(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_one ones[vmi_array_len(reset_msrs)];
	uint64_t values[vmi_array_len(reset_msrs)];
	size_t i, n = 0;
	int rc;

	for (i = 0; i < vmi_array_len(ones); i++)
		ones[i] = (struct vmi_one){
			.tag = VMAPI_X86_MSR(reset_msrs[i].index),
			.data = &values[i],
			.bytes = sizeof(values[i]),
		};
	rc = vmi_kvm_arch_ones_get(&vcpu->core, ones, vmi_array_len(ones));
	if (rc < 0)
		return rc;
	for (i = 0; i < vmi_array_len(ones); i++) {
		if (ones[i].status || values[i] == reset_msrs[i].value)
			continue;
		values[i] = reset_msrs[i].value;
		ones[n++] = ones[i];
	}
	return vmi_kvm_arch_ones_set(&vcpu->core, ones, n);
}

static void store32(uint8_t *page, unsigned offset, uint32_t value)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		page[offset + i] = (uint8_t)(value >> (8 * i));
}

/* SDM 3A 11.4.7.1: all zero, but these.  Id and version stay. */
static int reset_lapic(struct vmi_kvm_vcpu *vcpu)
{
	uint8_t page[1024];
	size_t bytes = sizeof(page);
	unsigned offset;
	int rc;

	if (!has_lapic(vcpu))
		return 0;
	rc = vmi_kvm_arch_block_get(&vcpu->core, VMI_BLOCK_LAPIC, page, &bytes);
	if (rc < 0)
		return rc;
	memset(page, 0, 0x20);
	memset(page + 0x40, 0, sizeof(page) - 0x40);
	store32(page, 0x20, (uint32_t)vcpu->core.id << 24);
	store32(page, 0xe0, 0xffffffff); /* DFR: flat */
	store32(page, 0xf0, 0xff);	 /* SVR: off, vector 255 */
	for (offset = 0x320; offset <= 0x370; offset += 0x10)
		store32(page, offset, 0x10000); /* LVT: masked */
	return set(vcpu, VMI_BLOCK_LAPIC, page, sizeof(page));
}

static int reset_activity(struct vmi_kvm_vcpu *vcpu)
{
	struct vmapi_x86_events events;
	uint32_t state = boots(vcpu) ? VMAPI_X86_MP_RUNNABLE
				     : VMAPI_X86_MP_UNINITIALIZED;
	int rc;

	memset(&events, 0, sizeof(events));
	rc = set(vcpu, VMI_BLOCK_EVENTS, &events, sizeof(events));
	if (rc < 0)
		return rc;
	return set(vcpu, VMI_BLOCK_MP_STATE, &state, sizeof(state));
}

/* The APIC's base before the APIC: that decides how its page is read. */
int vmi_kvm_arch_vcpu_reset(struct vmapi_vcpu *core)
{
	static int (*const steps[])(struct vmi_kvm_vcpu *) = {
		reset_system,
		reset_gprs,
		reset_debug,
		reset_fpu,
		reset_msrs_all,
		vmi_kvm_x86_model_msrs,
		reset_lapic,
		reset_activity,
	};
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	size_t i;
	int rc = 0;

	vmi_kvm_abandon(vcpu);
	vcpu->run->request_interrupt_window = 0;
	for (i = 0; i < vmi_array_len(steps) && rc == 0; i++)
		rc = steps[i](vcpu);
	return rc;
}
