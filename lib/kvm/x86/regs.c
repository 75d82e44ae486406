/* SPDX-License-Identifier: MIT */
/* Blocks of register state: one kernel call each, both ways. */
#include "lib/kvm/x86/x86.h"

static struct vmi_kvm_vm *vm_of(const struct vmi_kvm_vcpu *vcpu)
{
	return vmi_kvm_vm_of(vcpu->core.vm);
}

static int call(struct vmi_kvm_vcpu *vcpu, unsigned long request, void *arg)
{
	int rc = vmi_kvm_vcpu_ioctl(vcpu, request, arg);

	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, request) : 0;
}

/* -- general registers --------------------------------------------------- */

static void gprs_in(void *data, const void *raw)
{
	vmi_kvm_x86_gprs_in(data, raw);
}

static void gprs_out(
	const struct vmi_kvm_vm *vm, void *raw, const void *data)
{
	(void)vm;
	vmi_kvm_x86_gprs_out(raw, data);
}

/* -- segments and control registers -------------------------------------- */

int vmi_kvm_x86_sregs_get(struct vmi_kvm_vcpu *vcpu, struct kvm_sregs2 *regs)
{
	struct kvm_sregs old;
	int rc;

	memset(regs, 0, sizeof(*regs));
	if (vm_of(vcpu)->arch->sregs2)
		return call(vcpu, KVM_GET_SREGS2, regs);
	rc = call(vcpu, KVM_GET_SREGS, &old);
	if (rc == 0)
		vmi_kvm_x86_sregs_widen(regs, &old);
	return rc;
}

/*
 * The old call's bitmap is an interrupt being injected, which belongs to the
 * events: an empty bitmap leaves that as it is.
 */
int vmi_kvm_x86_sregs_set(
	struct vmi_kvm_vcpu *vcpu, const struct kvm_sregs2 *regs)
{
	struct kvm_sregs old;

	if (vm_of(vcpu)->arch->sregs2)
		return call(vcpu, KVM_SET_SREGS2, (void *)(uintptr_t)regs);
	memset(&old, 0, sizeof(old));
	vmi_kvm_x86_sregs_narrow(&old, regs);
	return call(vcpu, KVM_SET_SREGS, &old);
}

/* Of the old call's answer all is where the new one has it. */
static void system_in(void *data, const void *raw)
{
	vmi_kvm_x86_system_in(data, raw);
}

static void system_out(
	const struct vmi_kvm_vm *vm, void *raw, const void *data)
{
	(void)vm;
	memset(raw, 0, sizeof(struct kvm_sregs2));
	vmi_kvm_x86_system_out(raw, data);
}

/* CR0.PG, CR4.PAE, not EFER.LMA: PDPTEs are registers (SDM 3A 4.4.1). */
static bool has_pdptrs(const struct kvm_sregs2 *regs)
{
	return regs->cr0 >> 31 & 1 && regs->cr4 >> 5 & 1 &&
	       !(regs->efer >> 10 & 1);
}

/*
 * Setting CR3 loads the PDPTEs from memory, which may have changed since the
 * processor did so.  If the paging registers stay as they are, so do they.
 */
static int system_set(struct vmi_kvm_vcpu *vcpu, void *raw)
{
	struct kvm_sregs2 now, *regs = raw;
	int rc;

	if (vm_of(vcpu)->arch->sregs2 && has_pdptrs(regs)) {
		rc = vmi_kvm_x86_sregs_get(vcpu, &now);
		if (rc < 0)
			return rc;
		if (has_pdptrs(&now) && now.cr3 == regs->cr3 &&
			now.cr0 == regs->cr0 && now.cr4 == regs->cr4) {
			regs->flags =
				now.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
			memcpy(regs->pdptrs, now.pdptrs, sizeof(now.pdptrs));
		}
	}
	return vmi_kvm_x86_sregs_set(vcpu, regs);
}

/* -- the rest ------------------------------------------------------------ */

static void debug_in(void *data, const void *raw)
{
	vmi_kvm_x86_debug_in(data, raw);
}

static void debug_out(
	const struct vmi_kvm_vm *vm, void *raw, const void *data)
{
	(void)vm;
	vmi_kvm_x86_debug_out(raw, data);
}

static void xcrs_in(void *data, const void *raw)
{
	struct vmi_x86_xcrs *to = data;
	const struct kvm_xcrs *from = raw;
	uint32_t i;

	to->xcr0 = 1; /* x87 is always on (SDM 1 13.3) */
	for (i = 0; i < from->nr_xcrs && i < KVM_MAX_XCRS; i++)
		if (from->xcrs[i].xcr == 0)
			to->xcr0 = from->xcrs[i].value;
}

static void xcrs_out(
	const struct vmi_kvm_vm *vm, void *raw, const void *data)
{
	const struct vmi_x86_xcrs *from = data;
	struct kvm_xcrs *to = raw;

	(void)vm;
	memset(to, 0, sizeof(*to));
	to->nr_xcrs = 1;
	to->xcrs[0].value = from->xcr0;
}

uint32_t vmi_kvm_x86_event_flags(const struct vmi_kvm_vm *vm)
{
	uint32_t flags =
		KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;

	if (vm->core.config.irqchip != VMAPI_IRQCHIP_NONE)
		flags |= KVM_VCPUEVENT_VALID_SIPI_VECTOR;
	if (vm->arch->payload)
		flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	if (vm->arch->triple_fault)
		flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	if (vm->arch->smm)
		flags |= KVM_VCPUEVENT_VALID_SMM;
	return flags;
}

static void events_in(void *data, const void *raw)
{
	vmi_kvm_x86_events_in(data, raw);
}

static void events_out(
	const struct vmi_kvm_vm *vm, void *raw, const void *data)
{
	vmi_kvm_x86_events_out(raw, data, vmi_kvm_x86_event_flags(vm));
}

static void mp_state_in(void *data, const void *raw)
{
	const struct kvm_mp_state *from = raw;

	memcpy(data, &from->mp_state, sizeof(from->mp_state));
}

static void mp_state_out(
	const struct vmi_kvm_vm *vm, void *raw, const void *data)
{
	struct kvm_mp_state *to = raw;

	(void)vm;
	memcpy(&to->mp_state, data, sizeof(to->mp_state));
}

static int tsc_khz(struct vmi_kvm_vcpu *vcpu, uint64_t *khz)
{
	int rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_GET_TSC_KHZ, NULL);

	*khz = 0;

	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_GET_TSC_KHZ);
	*khz = (uint64_t)rc;
	return 0;
}

static void tsc_hz_in(void *data, const void *raw)
{
	uint64_t hz;

	memcpy(&hz, raw, sizeof(hz));
	hz *= 1000;
	memcpy(data, &hz, sizeof(hz));
}

/* The kernel counts in kHz, and may be unable to scale at all. */
static int tsc_hz_set(struct vmi_kvm_vcpu *vcpu, void *data)
{
	uint64_t hz, now;
	int rc;

	memcpy(&hz, data, sizeof(hz));
	rc = tsc_khz(vcpu, &now);
	if (rc < 0 || now == hz / 1000)
		return rc;
	if (!vmi_kvm_vm_check(vm_of(vcpu), KVM_CAP_TSC_CONTROL))
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOTSUP, "this processor cannot scale the TSC");
	rc = vmi_kvm_vcpu_ioctl(
		vcpu, KVM_SET_TSC_KHZ, (void *)(uintptr_t)(hz / 1000));
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_SET_TSC_KHZ) : 0;
}

/* -- nested state -------------------------------------------------------- */
/*
 * The state of a guest that is a hypervisor is a header of 128 bytes, which
 * counts even where nothing follows (it holds the address of the VMXON
 * region), and what the header's size says.
 */

static int nested_get(struct vmi_kvm_vcpu *vcpu, void *data, size_t *bytes)
{
	struct kvm_nested_state head;
	size_t room = *bytes;
	int rc;

	*bytes = vm_of(vcpu)->arch->nested_bytes;
	if (!*bytes)
		return vmi_kvm_vcpu_fail(vcpu, -ENOENT,
			"this kernel has no nested state");
	if (!data)
		return 0;
	if (room < sizeof(head))
		return vmi_kvm_vcpu_fail(vcpu, -ENOSPC,
			"the room for the nested state is too small");
	memset(data, 0, room);
	memset(&head, 0, sizeof(head));
	head.size = (uint32_t)room;
	memcpy(data, &head, sizeof(head));
	rc = call(vcpu, KVM_GET_NESTED_STATE, data);
	memcpy(&head, data, sizeof(head));
	*bytes = head.size;
	return rc == -E2BIG ? -ENOSPC : rc;
}

/* The size in the header must not lie: the kernel reads as much. */
static int nested_set(
	struct vmi_kvm_vcpu *vcpu, const void *data, size_t bytes)
{
	struct kvm_nested_state head;

	if (bytes < sizeof(head) || bytes > vm_of(vcpu)->arch->nested_bytes)
		return vmi_kvm_vcpu_fail(vcpu, -EINVAL,
			"this is no nested state");
	memcpy(&head, data, sizeof(head));
	if (head.size > bytes)
		return vmi_kvm_vcpu_fail(vcpu, -EINVAL,
			"the nested state is shorter than it says");
	return call(vcpu, KVM_SET_NESTED_STATE, (void *)(uintptr_t)data);
}

/* -- the table ----------------------------------------------------------- */

/* What the kernel says, in its own layout. */
struct raw {
	struct kvm_regs regs;
	struct kvm_sregs2 sregs;
	struct kvm_debugregs debug;
	struct kvm_xcrs xcrs;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	uint64_t tsc_khz; /* which is the call's result */
};

_Static_assert(offsetof(struct kvm_sregs, apic_base) ==
	offsetof(struct kvm_sregs2, apic_base) &&
	sizeof(struct kvm_sregs) <= sizeof(struct kvm_sregs2),
	"the old call's answer is where the new one's is, and there is room");

/*
 * KVM_SET_XSAVE reads as many bytes as KVM_GET_XSAVE2 writes, which is what
 * KVM_CAP_XSAVE2 said on the VM's descriptor: that is the size of the block.
 */
struct block {
	size_t bytes; /* 0: vm->arch->xsave_bytes */
	unsigned long get, put;
	size_t at; /* in struct raw */
	/* From there, and to there; NULL: the block is as the kernel has it. */
	void (*in)(void *data, const void *raw);
	void (*out)(const struct vmi_kvm_vm *vm, void *raw, const void *data);
	/* In place of `put`. */
	int (*set)(struct vmi_kvm_vcpu *vcpu, void *arg);
};

static const struct block blocks[VMI_BLOCKS] = {
	[VMI_BLOCK_GPRS] = { sizeof(struct vmi_x86_gprs), KVM_GET_REGS,
		KVM_SET_REGS, offsetof(struct raw, regs), gprs_in, gprs_out,
		NULL },
	[VMI_BLOCK_SYSTEM] = { sizeof(struct vmi_x86_system), KVM_GET_SREGS2,
		0, offsetof(struct raw, sregs), system_in, system_out,
		system_set },
	[VMI_BLOCK_DEBUG] = { sizeof(struct vmi_x86_debug), KVM_GET_DEBUGREGS,
		KVM_SET_DEBUGREGS, offsetof(struct raw, debug), debug_in,
		debug_out, NULL },
	[VMI_BLOCK_XCRS] = { sizeof(struct vmi_x86_xcrs), KVM_GET_XCRS,
		KVM_SET_XCRS, offsetof(struct raw, xcrs), xcrs_in, xcrs_out,
		NULL },
	[VMI_BLOCK_XSAVE] = { 0, KVM_GET_XSAVE2, KVM_SET_XSAVE, 0, NULL, NULL,
		NULL },
	[VMI_BLOCK_LAPIC] = { sizeof(struct kvm_lapic_state), KVM_GET_LAPIC,
		KVM_SET_LAPIC, 0, NULL, NULL, NULL },
	[VMI_BLOCK_EVENTS] = { sizeof(struct vmapi_x86_events),
		KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
		offsetof(struct raw, events), events_in, events_out, NULL },
	[VMI_BLOCK_MP_STATE] = { sizeof(uint32_t), KVM_GET_MP_STATE,
		KVM_SET_MP_STATE, offsetof(struct raw, mp_state), mp_state_in,
		mp_state_out, NULL },
	[VMI_BLOCK_TSC_HZ] = { sizeof(uint64_t), KVM_GET_TSC_KHZ, 0,
		offsetof(struct raw, tsc_khz), tsc_hz_in, NULL, tsc_hz_set },
};

static size_t block_bytes(const struct vmi_kvm_vcpu *vcpu, unsigned block)
{
	return blocks[block].bytes ? blocks[block].bytes
				   : vm_of(vcpu)->arch->xsave_bytes;
}

/* Some VMs lack some blocks. */
static int check_present(struct vmi_kvm_vcpu *vcpu, unsigned block)
{
	if (block == VMI_BLOCK_LAPIC &&
		vcpu->core.vm->config.irqchip == VMAPI_IRQCHIP_NONE)
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOENT, "this VM has no local APICs");
	if (block == VMI_BLOCK_XCRS && !vm_of(vcpu)->arch->xcrs)
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOENT, "this processor has no XCR0");
	return 0;
}

/* Older kernels have other calls for the same. */
static unsigned long request_of(
	const struct vmi_kvm_vcpu *vcpu, const struct block *b)
{
	if (b->get == KVM_GET_SREGS2 && !vm_of(vcpu)->arch->sregs2)
		return KVM_GET_SREGS;
	if (b->get == KVM_GET_XSAVE2 && !vm_of(vcpu)->arch->xsave2)
		return KVM_GET_XSAVE;
	return b->get;
}

/* What the kernel says of a block, to `raw` or to where it is wanted. */
static int fetch(struct vmi_kvm_vcpu *vcpu, struct vmi_block_io *io,
	struct raw *raw)
{
	const struct block *b = &blocks[io->block];
	const unsigned long request = request_of(vcpu, b);
	const size_t room = io->bytes;
	int rc = check_present(vcpu, io->block);

	if (rc < 0)
		return rc;
	io->bytes = block_bytes(vcpu, io->block);
	if (room < io->bytes)
		return vmi_kvm_vcpu_fail(vcpu, -ENOSPC,
			"the room for the registers is too small");
	rc = vmi_kvm_vcpu_ioctl(
		vcpu, request, b->in ? (char *)raw + b->at : io->data);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, request);
	if (io->block == VMI_BLOCK_TSC_HZ)
		raw->tsc_khz = (uint64_t)rc;
	return 0;
}

/* CPUID and nested state are not what a pending event changes. */
static int hand_over_for(
	struct vmi_kvm_vcpu *vcpu, const struct vmi_block_io *io, size_t n)
{
	for (; n; n--, io++)
		if (blocks[io->block].get)
			return vmi_kvm_hand_over(vcpu);
	return 0;
}

/* First all that the kernel says, then what that means. */
void vmi_kvm_arch_blocks_get(
	struct vmapi_vcpu *core, struct vmi_block_io *io, size_t n)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	const int rc = hand_over_for(vcpu, io, n);
	struct raw raw;
	size_t i;

	for (i = 0; i < n; i++)
		if (io[i].block == VMI_BLOCK_CPUID)
			io[i].status = vmi_kvm_x86_cpuid_get(
				vcpu, io[i].data, &io[i].bytes);
		else if (io[i].block == VMI_BLOCK_NESTED)
			io[i].status = nested_get(
				vcpu, io[i].data, &io[i].bytes);
		else
			io[i].status = rc < 0 ? rc : fetch(vcpu, &io[i], &raw);
	for (i = 0; i < n; i++)
		if (!io[i].status && blocks[io[i].block].in)
			blocks[io[i].block].in(io[i].data,
				(char *)&raw + blocks[io[i].block].at);
}

int vmi_kvm_arch_block_get(struct vmapi_vcpu *core, unsigned block,
	void *data, size_t *bytes)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	struct vmi_block_io io = {
		.block = block, .data = data, .bytes = *bytes,
	};
	int rc;

	if (data || !blocks[block].get) {
		vmi_kvm_arch_blocks_get(core, &io, 1);
		*bytes = io.bytes;
		return io.status;
	}
	rc = check_present(vcpu, block);
	if (rc == 0)
		*bytes = block_bytes(vcpu, block);
	return rc;
}

/* As the kernel wants it. */
static int prepare(struct vmi_kvm_vcpu *vcpu, const struct vmi_block_io *io,
	struct raw *raw)
{
	const struct block *b = &blocks[io->block];
	int rc = check_present(vcpu, io->block);

	if (rc < 0)
		return rc;
	if (b->get && io->bytes != block_bytes(vcpu, io->block))
		return vmi_kvm_vcpu_fail(
			vcpu, -EINVAL, "the size of the registers is another");
	if (b->out)
		b->out(vm_of(vcpu), (char *)raw + b->at, io->data);
	return 0;
}

static int put(struct vmi_kvm_vcpu *vcpu, const struct vmi_block_io *io,
	struct raw *raw)
{
	const struct block *b = &blocks[io->block];
	void *arg = b->out ? (char *)raw + b->at : io->data;

	if (b->set)
		return b->set(vcpu, arg);
	if (b->put)
		return call(vcpu, b->put, arg);
	if (io->block == VMI_BLOCK_CPUID)
		return vmi_kvm_x86_cpuid_set(vcpu, io->data, io->bytes);
	return nested_set(vcpu, io->data, io->bytes);
}

/* First what all of it is to the kernel, then its calls. */
size_t vmi_kvm_arch_blocks_set(
	struct vmapi_vcpu *core, struct vmi_block_io *io, size_t n)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	int rc = vmi_kvm_hand_over(vcpu);
	struct raw raw;
	size_t good, i;

	vcpu->run_valid = false;
	for (good = 0; good < n && !rc; good += !rc)
		rc = prepare(vcpu, &io[good], &raw);
	if (good < n)
		io[good].status = rc;
	for (i = 0; i < good; i++) {
		io[i].status = put(vcpu, &io[i], &raw);
		if (io[i].status)
			break;
	}
	return i;
}

int vmi_kvm_arch_block_set(struct vmapi_vcpu *core, unsigned block,
	const void *data, size_t bytes)
{
	struct vmi_block_io io = {
		.block = block, .data = (void *)(uintptr_t)data,
		.bytes = bytes,
	};

	return vmi_kvm_arch_blocks_set(core, &io, 1) ? 0 : io.status;
}

const struct vmi_regs_arch *vmi_kvm_arch_regs(void)
{
	return &vmi_x86_regs_arch;
}
