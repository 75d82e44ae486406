/* SPDX-License-Identifier: MIT */
/* Calls of the guest: by an instruction, by a port, by a page; and answers. */
/*
 * All ways have one convention (lib/arch/call.c), so the registers tell what
 * a call is, not the exit: an OUT to the call port or a store to the call page
 * is finished, and then is a call with the registers as they are.  A native
 * instruction stays unfinished, since the backend has a place for results
 * (vmi_call_abi.n_native of them); the others are set as registers before.
 *
 * The library answers numbers from VMAPI_CALL_OWN on.  Those that access
 * memory do what the access would have done, if what answers it can do so
 * here and now; else the guest is told to make the access.
 */
#include "lib/core/hypercall.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/cpuid.h"
#include "lib/core/encode.h"
#include "lib/core/posted.h"
#include "lib/core/regs.h"
#include "lib/sys/sys.h"

#define PORT_BYTES 4u
#define PAGE_BYTES 4096u

struct call {
	const struct vmi_call_abi *abi;
	uint32_t way; /* as in struct vmapi_exit_hypercall */
	uint32_t privilege, mode;
	uint64_t number;
	uint64_t args[VMAPI_CALL_ARGS];
};

/* -- Registers ---------------------------------------------------------- */

static int first_failure(const struct vmapi_reg *regs, size_t n)
{
	while (n && !regs->status) {
		regs++;
		n--;
	}
	return n ? regs->status : 0;
}

static int get(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n)
{
	int err = vmi_regs_get(vcpu, regs, n);

	return err ? err : first_failure(regs, n);
}

/* Results first to n - 1, to their registers. */
static int put(struct vmapi_vcpu *vcpu, const uint64_t *words, unsigned first,
	unsigned n)
{
	struct vmapi_reg regs[VMAPI_CALL_RESULTS] = { { 0 } };
	const struct vmi_call_abi *abi = vcpu->call;
	unsigned i;

	for (i = first; i < n; i++) {
		regs[i - first].tag = abi->results[i];
		regs[i - first].value = words[i] & abi->mask;
	}
	if (n <= first)
		return 0;
	vmi_regs_set(vcpu, regs, n - first, false);
	return first_failure(regs, n - first);
}

static int read_state(struct vmapi_vcpu *vcpu, struct call *call)
{
	const struct vmi_call_arch *arch = vcpu->vm->calls->arch;
	struct vmapi_x86_segment segments[2];
	struct vmapi_reg regs[2] = { { .tag = arch->state[0] },
		{ .tag = arch->state[1] } };
	size_t n = arch->state[1] ? 2 : 1, i;
	int err;

	for (i = 0; i < 2 && n == 2; i++) {
		regs[i].data = &segments[i];
		regs[i].bytes = sizeof(segments[i]);
	}
	err = get(vcpu, regs, n);
	if (!err)
		call->abi = arch->look(regs, &call->privilege, &call->mode);
	return err;
}

/* *ours: the registers are those of a call. */
static int read_call(struct vmapi_vcpu *vcpu, struct call *call, bool *ours)
{
	struct vmapi_reg regs[2 + VMAPI_CALL_ARGS] = { { 0 } };
	const struct vmi_call_abi *abi;
	size_t n = 0, i;
	int err = read_state(vcpu, call);

	*ours = false;
	if (err)
		return err;
	abi = call->abi;
	regs[n++].tag = abi->number;
	for (i = 0; i < abi->n_args; i++)
		regs[n++].tag = abi->args[i];
	if (abi->selector)
		regs[n++].tag = abi->selector;
	err = get(vcpu, regs, n);
	if (err)
		return err;
	for (i = 0; i < abi->n_args; i++)
		call->args[i] = regs[1 + i].value & abi->mask;
	*ours = vmi_call_number(abi, regs[0].value, &call->number) &&
		(!abi->selector || regs[n - 1].value == abi->selected);
	return 0;
}

/* -- Answers ------------------------------------------------------------ */

/* What the backend takes all of, and is not told, stays as it is. */
static int finish_native(
	struct vmapi_vcpu *vcpu, const uint64_t *words, unsigned n)
{
	const struct vmi_call_abi *abi = vcpu->call;
	struct vmapi_reg regs[VMAPI_CALL_RESULTS] = { { 0 } };
	uint64_t all[VMAPI_CALL_RESULTS];
	unsigned i;
	int err;

	for (i = 0; i < abi->n_native; i++)
		regs[i].tag = abi->results[i];
	err = get(vcpu, regs, abi->n_native);
	if (err)
		return err;
	for (i = 0; i < abi->n_native; i++)
		all[i] = i < n ? words[i] & abi->mask : regs[i].value;
	err = put(vcpu, words, abi->n_native, n);
	if (!err)
		err = vcpu->vm->ctx->be->vcpu_complete(
			vcpu, all, abi->n_native * sizeof(all[0]));
	vcpu->unsettled |= !err;
	return err;
}

static int finish(struct vmapi_vcpu *vcpu, const uint64_t *words, unsigned n)
{
	int err;

	if (vcpu->call_is_native && vcpu->call->n_native)
		err = finish_native(vcpu, words, n);
	else
		err = put(vcpu, words, 0, n);
	if (err)
		return err;
	vcpu->call = NULL;
	vcpu->unanswered = false;
	return 0;
}

int vmi_call_complete(struct vmapi_vcpu *vcpu, const void *data, size_t bytes)
{
	uint64_t words[VMAPI_CALL_RESULTS];

	if (!bytes || bytes % sizeof(words[0]) || bytes > vcpu->answer_bytes)
		return vmi_fail(-EMSGSIZE, vmi_vcpu_label(vcpu),
			"%zu bytes given, its last exit, a call, wants from 8 "
			"to %" PRIu32, bytes, vcpu->answer_bytes);
	if (!data)
		return vmi_null("data");
	memcpy(words, data, bytes);
	return finish(vcpu, words, (unsigned)(bytes / sizeof(words[0])));
}

/* -- Calls that the library answers ------------------------------------- */

static bool is_access(uint64_t address, uint64_t bytes)
{
	return (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8) &&
		address <= UINT64_MAX - (bytes - 1);
}

/* Inside the gate. */
static int answer_access(struct vmapi_vcpu *vcpu, uint64_t address,
	struct vmapi_access *access)
{
	struct vmi_regions *all = atomic_load_explicit(
		&vcpu->vm->regions, memory_order_acquire);
	struct vmi_doorbell *bell = NULL;
	struct vmi_region *region;

	if (all && access->is_write)
		bell = vmi_doorbell_find(
			all, VMI_SPACE_MEMORY, address, access);
	if (bell) {
		bell->ring(bell);
		return 0;
	}
	region = all ? vmi_regions_find(all, &vcpu->near, VMI_SPACE_MEMORY,
		address, access->bytes) : NULL;
	if (!region || region->waits)
		return -ENOENT;
	access->offset = address - region->base;
	return region->access(region, access);
}

/*
 * As if the guest had made the access.  What cannot be answered here has
 * done nothing, but for a device program without fuel, which does it again.
 */
static int64_t make_access(struct vmapi_vcpu *vcpu, const struct call *call,
	uint64_t *value)
{
	struct vmapi_access access = { .bytes = (uint32_t)call->args[1],
		.is_write = call->number == VMAPI_CALL_WRITE,
		.vcpu = vcpu };
	int err;

	if (!is_access(call->args[0], call->args[1]))
		return VMAPI_CALL_EINVAL;
	if (access.is_write)
		access.value = call->args[2] &
			(UINT64_MAX >> (64 - 8 * access.bytes));
	if (vmi_posted_exists(vcpu->vm))
		vmi_posted_deliver(vcpu->vm);
	if (!vmi_gate_enter(vcpu))
		return VMAPI_CALL_ENOTSUP;
	err = answer_access(vcpu, call->args[0], &access);
	vmi_gate_leave(vcpu);
	vcpu->failure.error = 0;
	*value = access.value;
	return err ? VMAPI_CALL_ENOTSUP : 0;
}

static int64_t prefers(struct vmapi_vcpu *vcpu, const struct call *call)
{
	struct vmi_region *region = NULL;
	struct vmi_regions *all;
	bool does;

	if (!is_access(call->args[0], call->args[1]))
		return VMAPI_CALL_EINVAL;
	if (!vmi_gate_enter(vcpu))
		return 0;
	all = atomic_load_explicit(&vcpu->vm->regions, memory_order_acquire);
	if (all)
		region = vmi_regions_find(all, &vcpu->near, VMI_SPACE_MEMORY,
			call->args[0], (unsigned)call->args[1]);
	does = region && region->called;
	vmi_gate_leave(vcpu);
	return does;
}

static int answer_own(struct vmapi_vcpu *vcpu, const struct call *call)
{
	uint64_t words[2] = { 0 };
	unsigned n = 1;

	switch (call->number) {
	case VMAPI_CALL_VERSION: words[0] = VMAPI_CALL_VERSION_1; break;
	case VMAPI_CALL_PREFERS:
		words[0] = (uint64_t)prefers(vcpu, call);
		break;
	case VMAPI_CALL_READ: n = 2; /* fall through */
	case VMAPI_CALL_WRITE:
		words[0] = (uint64_t)make_access(vcpu, call, &words[1]);
		break;
	default: words[0] = (uint64_t)VMAPI_CALL_ENOSYS; break;
	}
	return finish(vcpu, words, n);
}

/* -- Exits -------------------------------------------------------------- */

#define SIE_INSTRUCTION 4u
#define DIAGNOSE	0x83u
#define DIAGNOSE_CALL	0x500u

/* DIAGNOSE, base register 0: SA22-7832 10-14; s390-diag.rst. */
static bool is_diagnose(const struct vmapi_exit_s390_sie *sie)
{
	return sie->code == SIE_INSTRUCTION && sie->ipa >> 8 == DIAGNOSE &&
		sie->ipb >> 16 == DIAGNOSE_CALL;
}

/* Which way it may have come by; 0: it is no call. */
static uint32_t way_of(
	const struct vmi_calls *calls, const struct vmapi_exit *exit)
{
	switch (exit->reason) {
	case VMAPI_EXIT_HYPERCALL: return calls->ways & VMAPI_CALL_NATIVE;
	case VMAPI_EXIT_S390_SIE:
		return is_diagnose(&exit->u.s390_sie) ?
			calls->ways & VMAPI_CALL_NATIVE : 0;
	case VMAPI_EXIT_IO:
		return calls->port.bytes && exit->u.io.is_write &&
			exit->u.io.port == calls->port.base &&
			exit->u.io.width == 4 && exit->u.io.count == 1 ?
			VMAPI_CALL_PORT : 0;
	case VMAPI_EXIT_MMIO:
		return calls->page.bytes && exit->u.mmio.is_write &&
			exit->u.mmio.gpa == calls->page.base &&
			exit->u.mmio.length == 4 ? VMAPI_CALL_PAGE : 0;
	default: return 0;
	}
}

static enum vmi_call_verdict give_exit(struct vmapi_vcpu *vcpu,
	const struct call *call, struct vmapi_exit *exit)
{
	struct vmapi_exit_hypercall *h = &exit->u.hypercall;

	memset(&exit->u, 0, sizeof(exit->u));
	exit->reason = VMAPI_EXIT_HYPERCALL;
	exit->flags |= VMAPI_EXIT_ANSWER;
	h->number = call->number;
	h->n_args = call->abi->n_args;
	memcpy(h->args, call->args, h->n_args * sizeof(h->args[0]));
	h->n_results = call->abi->n_results;
	h->privilege = call->privilege;
	h->mode = call->mode;
	h->way = call->way;
	vcpu->unanswered = true;
	vcpu->answer_bytes = h->n_results * sizeof(uint64_t);
	vcpu->answer_is_optional = 0;
	return VMI_CALL_EXIT;
}

static int refuse(struct vmapi_vcpu *vcpu, int64_t status)
{
	uint64_t word = (uint64_t)status;

	return finish(vcpu, &word, 1);
}

static int serve(struct vmapi_vcpu *vcpu, const struct call *call, bool ours,
	enum vmi_call_verdict *verdict)
{
	bool is_user = call->privilege != 0 &&
		!(vcpu->vm->calls->flags & VMAPI_HYPERCALL_USER);

	vcpu->call = call->abi;
	vcpu->call_is_native = call->way & VMAPI_CALL_NATIVE;
	*verdict = VMI_CALL_ANSWERED;
	if (!ours)
		return refuse(vcpu, VMAPI_CALL_ENOSYS);
	if (is_user)
		return refuse(vcpu, VMAPI_CALL_EPERM);
	if (call->number >= VMAPI_CALL_OWN)
		return answer_own(vcpu, call);
	*verdict = VMI_CALL_EXIT;
	return 0;
}

int vmi_call_take(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit,
	enum vmi_call_verdict *verdict)
{
	const struct vmi_calls *calls = vcpu->vm->calls;
	struct call call = { 0 };
	bool ours;
	int err = 0;

	*verdict = VMI_CALL_FOREIGN;
	if (calls)
		call.way = way_of(calls, exit);
	if (!call.way)
		return 0;
	if (!(call.way & VMAPI_CALL_NATIVE))
		err = vmi_vcpu_finish(vcpu, &exit->retired);
	if (!err)
		err = read_call(vcpu, &call, &ours);
	if (err || (!ours && (call.way & VMAPI_CALL_NATIVE)))
		return err;
	err = serve(vcpu, &call, ours, verdict);
	if (err)
		vcpu->call = NULL; /* the exit is taken again */
	else if (*verdict == VMI_CALL_EXIT)
		*verdict = give_exit(vcpu, &call, exit);
	return err;
}

/* -- Offering them ------------------------------------------------------ */

static int check_config(const struct vmapi_hypercall_config *c)
{
	const uint32_t known =
		VMAPI_CALL_NATIVE | VMAPI_CALL_PORT | VMAPI_CALL_PAGE;

	if (c->flags & ~VMAPI_HYPERCALL_USER || c->ways & ~known)
		return vmi_fail(-EINVAL, "vm", "unknown bits in flags 0x%"
			PRIx32 " or ways 0x%" PRIx32, c->flags, c->ways);
	if (c->port > 0xffff - (PORT_BYTES - 1))
		return vmi_fail_range(-EINVAL, c->port, PORT_BYTES,
			"the call port is beyond the last port");
	if (c->page % PAGE_BYTES)
		return vmi_fail_range(-EINVAL, c->page, PAGE_BYTES,
			"the call page is not at a multiple of 4096");
	return 0;
}

/* Every access there is an exit, and nobody else can have the range. */
static int leave_alone(struct vmi_region *region, struct vmapi_access *access)
{
	(void)region;
	(void)access;
	return -ENOENT;
}

static int claim(struct vmapi_vm *vm, struct vmi_region *region,
	const struct vmi_region *what)
{
	int err;

	*region = *what;
	region->access = leave_alone;
	err = vmi_region_add(vm, region);
	if (err)
		region->bytes = 0;
	return err;
}

static void unclaim(struct vmapi_vm *vm, struct vmi_calls *calls)
{
	if (calls->port.bytes)
		vmi_region_remove(vm, &calls->port);
	if (calls->page.bytes)
		vmi_region_remove(vm, &calls->page);
}

static int claim_all(struct vmapi_vm *vm, struct vmi_calls *calls,
	const struct vmapi_hypercall_config *c)
{
	const struct vmi_region port = { .space = VMI_SPACE_PORT,
		.base = c->port, .bytes = PORT_BYTES, .name = "call port" };
	const struct vmi_region page = { .space = VMI_SPACE_MEMORY,
		.base = c->page, .bytes = PAGE_BYTES, .name = "call page" };
	uint32_t wanted = calls->ways;
	int err = 0;

	calls->ways = 0;
	if (c->port && (wanted & VMAPI_CALL_PORT)) {
		err = claim(vm, &calls->port, &port);
		calls->ways |= VMAPI_CALL_PORT;
	}
	if (!err && c->page && (wanted & VMAPI_CALL_PAGE)) {
		err = claim(vm, &calls->page, &page);
		calls->ways |= VMAPI_CALL_PAGE;
	}
	if (!err && vm->ctx->be->calls && (wanted & VMAPI_CALL_NATIVE))
		err = vm->ctx->be->calls(
			vm, wanted & VMAPI_CALL_NATIVE, &calls->ways);
	return err;
}

/* The first free place of a hypervisor, and the bit that says to look. */
static int advertise(struct vmapi_vm *vm, const struct vmi_calls *calls)
{
	const struct vmi_cpuid_field bit = { .leaf = 1,
		.reg = VMAPI_CPUID_ECX, .low = 31, .high = 31 };
	uint64_t page = calls->page.base;
	struct vmapi_x86_cpuid e = { .leaf = VMAPI_CALLS_LEAF_FIRST,
		.ebx = VMAPI_CALLS_LEAF_EBX, .ecx = VMAPI_CALLS_LEAF_ECX,
		.edx = VMAPI_CALLS_LEAF_EDX };
	int err;

	while (vmi_cpuid_at(vm->cpuid, e.leaf, 0) &&
		e.leaf < VMAPI_CALLS_LEAF_LAST)
		e.leaf += VMAPI_CALLS_LEAF_STEP;
	e.eax = e.leaf + 1;
	err = vmi_cpuid_put(vm->cpuid, &e);
	e.leaf++;
	e.eax = calls->ways;
	e.ebx = (uint32_t)calls->port.base;
	e.ecx = (uint32_t)page;
	e.edx = (uint32_t)(page >> 32);
	if (!err)
		err = vmi_cpuid_put(vm->cpuid, &e);
	if (!err)
		err = vmi_cpuid_field_set(vm->cpuid, &bit, 1);
	return err ? vmi_fail(err, "vm", "no room in CPUID") : 0;
}

static int offer(struct vmapi_vm *vm, struct vmi_calls *calls,
	const struct vmapi_hypercall_config *c)
{
	int err = claim_all(vm, calls, c);

	if (!err && !calls->ways)
		err = vmi_fail(-ENOTSUP, "vm", "none of these ways of calling "
			"is to be had here");
	if (!err && vm->cpuid)
		err = advertise(vm, calls);
	if (err)
		unclaim(vm, calls);
	return err;
}

/* vm->lock is held, so that no vcpu comes meanwhile. */
static int enable(struct vmapi_vm *vm, const struct vmapi_hypercall_config *c)
{
	const struct vmi_call_arch *arch =
		vmi_call_arch(vm->ctx->be->regs_arch()->machine);
	struct vmi_calls *calls;
	int err;

	if (vm->n_vcpus || vm->calls)
		return vmi_fail(-EBUSY, "vm", vm->calls
			? "calls are enabled already"
			: "calls are for VMs without a vcpu yet");
	if (!arch)
		return vmi_unsupported(vm->ctx);
	calls = vmi_zalloc(sizeof(*calls));
	if (!calls)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	calls->arch = arch;
	calls->flags = c->flags;
	calls->ways = arch->ways & (c->ways ? c->ways : UINT32_MAX);
	err = offer(vm, calls, c);
	if (err) {
		vmi_free(calls);
		return err;
	}
	vm->calls = calls;
	atomic_fetch_add(&vm->n_takers, 1);
	return 0;
}

int vmapi_hypercall_enable(
	struct vmapi_vm *vm, const struct vmapi_hypercall_config *config)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_hypercall_config own;

	if (err)
		return err;
	if (!config)
		return vmi_null("config");
	err = vmi_config_copy(&own, sizeof(own), config, sizeof(own));
	if (!err)
		err = check_config(&own);
	if (err)
		return err;
	pthread_mutex_lock(&vm->lock);
	err = enable(vm, &own);
	pthread_mutex_unlock(&vm->lock);
	return err;
}

int vmapi_hypercall_describe(struct vmapi_vm *vm, void *descriptor)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	const struct vmi_calls *calls;
	uint8_t *to = descriptor;

	if (err)
		return err;
	if (!descriptor)
		return vmi_null("descriptor");
	pthread_mutex_lock(&vm->lock);
	calls = vm->calls;
	pthread_mutex_unlock(&vm->lock);
	if (!calls)
		return vmi_fail(-ENOENT, "vm", "calls are not enabled");
	memcpy(to + VMAPI_CALLS_MAGIC, VMAPI_CALLS_MAGIC_BYTES, 8);
	vmi_store(to + VMAPI_CALLS_VERSION, VMAPI_CALL_VERSION_1, 4);
	vmi_store(to + VMAPI_CALLS_WAYS, calls->ways, 4);
	vmi_store(to + VMAPI_CALLS_PORT, calls->port.base, 4);
	vmi_store(to + VMAPI_CALLS_ZERO, 0, 4);
	vmi_store(to + VMAPI_CALLS_PAGE, calls->page.base, 8);
	return 0;
}
