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

static int gprs_set(struct vmi_kvm_vcpu *vcpu, const void *data)
{
	struct kvm_regs regs;

	vmi_kvm_x86_gprs_out(&regs, data);
	return call(vcpu, KVM_SET_REGS, &regs);
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
static int system_set(struct vmi_kvm_vcpu *vcpu, const void *data)
{
	struct kvm_sregs2 now, regs;
	int rc;

	memset(&regs, 0, sizeof(regs));
	vmi_kvm_x86_system_out(&regs, data);
	if (vm_of(vcpu)->arch->sregs2 && has_pdptrs(&regs)) {
		rc = vmi_kvm_x86_sregs_get(vcpu, &now);
		if (rc < 0)
			return rc;
		if (has_pdptrs(&now) && now.cr3 == regs.cr3 &&
			now.cr0 == regs.cr0 && now.cr4 == regs.cr4) {
			regs.flags = now.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
			memcpy(regs.pdptrs, now.pdptrs, sizeof(regs.pdptrs));
		}
	}
	return vmi_kvm_x86_sregs_set(vcpu, &regs);
}

/* -- the rest ------------------------------------------------------------ */

static void debug_in(void *data, const void *raw)
{
	vmi_kvm_x86_debug_in(data, raw);
}

static int debug_set(struct vmi_kvm_vcpu *vcpu, const void *data)
{
	struct kvm_debugregs regs;

	vmi_kvm_x86_debug_out(&regs, data);
	return call(vcpu, KVM_SET_DEBUGREGS, &regs);
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

static int xcrs_set(struct vmi_kvm_vcpu *vcpu, const void *data)
{
	const struct vmi_x86_xcrs *from = data;
	struct kvm_xcrs regs;

	memset(&regs, 0, sizeof(regs));
	regs.nr_xcrs = 1;
	regs.xcrs[0].value = from->xcr0;
	return call(vcpu, KVM_SET_XCRS, &regs);
}

/*
 * KVM_SET_XSAVE reads as many bytes as KVM_GET_XSAVE2 writes, which is what
 * KVM_CAP_XSAVE2 said on the VM's descriptor: that is the size of the block.
 */
static int xsave_set(struct vmi_kvm_vcpu *vcpu, const void *data)
{
	return call(vcpu, KVM_SET_XSAVE, (void *)(uintptr_t)data);
}

static int lapic_set(struct vmi_kvm_vcpu *vcpu, const void *data)
{
	return call(vcpu, KVM_SET_LAPIC, (void *)(uintptr_t)data);
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

static int events_set(struct vmi_kvm_vcpu *vcpu, const void *data)
{
	struct kvm_vcpu_events events;

	vmi_kvm_x86_events_out(
		&events, data, vmi_kvm_x86_event_flags(vm_of(vcpu)));
	return call(vcpu, KVM_SET_VCPU_EVENTS, &events);
}

static void mp_state_in(void *data, const void *raw)
{
	const struct kvm_mp_state *from = raw;

	memcpy(data, &from->mp_state, sizeof(from->mp_state));
}

static int mp_state_set(struct vmi_kvm_vcpu *vcpu, const void *data)
{
	struct kvm_mp_state state;

	memcpy(&state.mp_state, data, sizeof(state.mp_state));
	return call(vcpu, KVM_SET_MP_STATE, &state);
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
static int tsc_hz_set(struct vmi_kvm_vcpu *vcpu, const void *data)
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

_Static_assert(sizeof(struct kvm_sregs) <= sizeof(struct kvm_sregs2),
	"there is room for the answer of the old call");

struct block {
	size_t bytes; /* 0: vm->arch->xsave_bytes */
	int (*set)(struct vmi_kvm_vcpu *vcpu, const void *data);
	unsigned long get;
	size_t at; /* in struct raw */
	void (*in)(void *data, const void *raw); /* NULL: it is not there */
};

static const struct block blocks[VMI_BLOCKS] = {
	[VMI_BLOCK_GPRS] = { sizeof(struct vmi_x86_gprs), gprs_set,
		KVM_GET_REGS, offsetof(struct raw, regs), gprs_in },
	[VMI_BLOCK_SYSTEM] = { sizeof(struct vmi_x86_system), system_set,
		KVM_GET_SREGS2, offsetof(struct raw, sregs), system_in },
	[VMI_BLOCK_DEBUG] = { sizeof(struct vmi_x86_debug), debug_set,
		KVM_GET_DEBUGREGS, offsetof(struct raw, debug), debug_in },
	[VMI_BLOCK_XCRS] = { sizeof(struct vmi_x86_xcrs), xcrs_set,
		KVM_GET_XCRS, offsetof(struct raw, xcrs), xcrs_in },
	[VMI_BLOCK_XSAVE] = { 0, xsave_set, KVM_GET_XSAVE2, 0, NULL },
	[VMI_BLOCK_LAPIC] = { sizeof(struct kvm_lapic_state), lapic_set,
		KVM_GET_LAPIC, 0, NULL },
	[VMI_BLOCK_EVENTS] = { sizeof(struct vmapi_x86_events), events_set,
		KVM_GET_VCPU_EVENTS, offsetof(struct raw, events), events_in },
	[VMI_BLOCK_MP_STATE] = { sizeof(uint32_t), mp_state_set,
		KVM_GET_MP_STATE, offsetof(struct raw, mp_state),
		mp_state_in },
	[VMI_BLOCK_TSC_HZ] = { sizeof(uint64_t), tsc_hz_set,
		KVM_GET_TSC_KHZ, offsetof(struct raw, tsc_khz), tsc_hz_in },
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

/* First all that the kernel says, then what that means. */
void vmi_kvm_arch_blocks_get(
	struct vmapi_vcpu *core, struct vmi_block_io *io, size_t n)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	const int rc = vmi_kvm_hand_over(vcpu);
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

	if (data || !blocks[block].set) {
		vmi_kvm_arch_blocks_get(core, &io, 1);
		*bytes = io.bytes;
		return io.status;
	}
	rc = check_present(vcpu, block);
	if (rc == 0)
		*bytes = block_bytes(vcpu, block);
	return rc;
}

int vmi_kvm_arch_block_set(struct vmapi_vcpu *core, unsigned block,
	const void *data, size_t bytes)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	int rc;

	rc = check_present(vcpu, block);
	if (rc < 0)
		return rc;
	if (blocks[block].set && bytes != block_bytes(vcpu, block))
		return vmi_kvm_vcpu_fail(
			vcpu, -EINVAL, "the size of the registers is another");
	rc = vmi_kvm_hand_over(vcpu);
	if (rc < 0)
		return rc;
	vcpu->run_valid = false;
	if (block == VMI_BLOCK_CPUID)
		return vmi_kvm_x86_cpuid_set(vcpu, data, bytes);
	if (block == VMI_BLOCK_NESTED)
		return nested_set(vcpu, data, bytes);
	return blocks[block].set(vcpu, data);
}

const struct vmi_regs_arch *vmi_kvm_arch_regs(void)
{
	return &vmi_x86_regs_arch;
}
