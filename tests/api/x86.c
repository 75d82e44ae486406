/* SPDX-License-Identifier: MIT */
/* What only x86 has: exits that a VM asks for. */
#include <time.h>

#include "tests/api/api.h"

#define MSR_UNKNOWN 0x4b001234u
#define MSR_STAR    0xc0000081u
#define MSR_LSTAR   0xc0000082u
#define MSR_EFER    0xc0000080u
#define GP_HANDLER  0x3000u
#define HC_MAP_GPA_RANGE 12

/* rdmsr; hlt and wrmsr; hlt */
static const uint8_t read_code[] = { 0x0f, 0x32, 0xf4 };
static const uint8_t write_code[] = { 0x0f, 0x30, 0xf4 };

/* Where #GP goes in real mode, and a HLT there. */
static void catch_gp(struct machine *m)
{
	static const uint8_t vector[4] = { GP_HANDLER & 0xff, GP_HANDLER >> 8 };

	EQUAL(vmapi_as_write(m->as, 13 * 4, vector, sizeof(vector)), 0);
	EQUAL(vmapi_as_write(m->as, GP_HANDLER, "\xf4", 1), 0);
	api_set(m->vcpu, VMAPI_X86_RSP, 0x8000);
}

static void load(struct machine *m, const uint8_t *code, uint32_t msr)
{
	api_load(m, code, 3);
	catch_gp(m);
	api_set(m->vcpu, VMAPI_X86_RCX, msr);
	api_set(m->vcpu, VMAPI_X86_RAX, 0x11223344);
	api_set(m->vcpu, VMAPI_X86_RDX, 0x55667788);
}

static bool at_handler(struct machine *m)
{
	return api_get(m->vcpu, VMAPI_X86_RIP) == GP_HANDLER + 1;
}

static int ask(struct machine *m, uint32_t msrs,
	const struct vmapi_x86_msr_range *ranges, uint32_t n)
{
	struct vmapi_x86_exits x = { .size = sizeof(x), .msrs = msrs,
		.n_ranges = n, .ranges = ranges };

	return vmapi_x86_exits(m->vm, &x);
}

/* False: this kernel has it not, and says so. */
static bool asked(struct machine *m, uint32_t msrs,
	const struct vmapi_x86_msr_range *ranges, uint32_t n)
{
	int err = ask(m, msrs, ranges, n);

	if (err == -ENOTSUP)
		api_skip(vmapi_error_last()->message);
	else
		EQUAL(err, 0);
	return !err;
}

static void filtered_reads(struct machine *m)
{
	static const struct vmapi_x86_msr_range r = { .first = MSR_STAR,
		.count = 2, .access = VMAPI_X86_MSR_READ };
	uint64_t value = 0x0123456789abcdefull;
	struct vmapi_exit exit;

	if (!asked(m, 0, &r, 1))
		return;
	load(m, read_code, MSR_LSTAR);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MSR);
	EQUAL((int64_t)exit.u.msr.index, MSR_LSTAR);
	EQUAL(exit.u.msr.is_write, 0);
	EQUAL(exit.u.msr.why, VMAPI_X86_MSR_FILTER);
	CHECK(exit.flags & VMAPI_EXIT_ANSWER);
	EQUAL(vmapi_vcpu_run(m->vcpu, &exit), -EBUSY);
	EQUAL(vmapi_vcpu_complete(m->vcpu, &value, 4), -EMSGSIZE);
	EQUAL(vmapi_vcpu_complete(m->vcpu, &value, 8), 0);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0x89abcdef);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RDX), 0x01234567);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	/* One beyond the range, and a write, are not ours. */
	load(m, read_code, MSR_LSTAR + 1);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	CHECK(!at_handler(m));
	load(m, write_code, MSR_STAR);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	CHECK(!at_handler(m));
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_MSR(MSR_STAR)),
		0x5566778811223344);
}

static void filtered_writes(struct machine *m)
{
	static const struct vmapi_x86_msr_range r = { .first = MSR_STAR,
		.count = 1, .access = VMAPI_X86_MSR_WRITE };
	uint64_t done = 0;
	struct vmapi_exit exit;

	if (!asked(m, 0, &r, 1))
		return;
	api_set(m->vcpu, VMAPI_X86_MSR(MSR_STAR), 7);
	load(m, write_code, MSR_STAR);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MSR);
	EQUAL(exit.u.msr.is_write, 1);
	EQUAL((int64_t)exit.u.msr.value, 0x5566778811223344);
	EQUAL(vmapi_vcpu_complete(m->vcpu, &done, 8), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	CHECK(!at_handler(m));
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_MSR(MSR_STAR)), 7);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0x11223344);
	/* What was asked for is replaced, here by nothing. */
	EQUAL(ask(m, 0, NULL, 0), 0);
	load(m, write_code, MSR_STAR);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_MSR(MSR_STAR)),
		0x5566778811223344);
}

static void refused_accesses(struct machine *m)
{
	static const struct vmapi_x86_msr_range r = { .first = MSR_STAR,
		.count = 1,
		.access = VMAPI_X86_MSR_READ | VMAPI_X86_MSR_WRITE };
	const uint8_t *const codes[] = { read_code, write_code };
	struct vmapi_exit exit;
	unsigned i;

	if (!asked(m, 0, &r, 1))
		return;
	for (i = 0; i < 2; i++) {
		load(m, codes[i], MSR_STAR);
		EQUAL(api_run(m, &exit), VMAPI_EXIT_MSR);
		EQUAL(exit.u.msr.is_write, i);
		EQUAL(vmapi_vcpu_complete(m->vcpu, NULL, 0), 0);
		EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
		CHECK(at_handler(m));
		EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RDX), 0x55667788);
	}
}

static void unknown_and_invalid(struct machine *m)
{
	uint64_t value = 5;
	struct vmapi_exit exit;

	load(m, read_code, MSR_UNKNOWN);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	CHECK(at_handler(m));
	if (!asked(m, VMAPI_X86_MSR_UNKNOWN, NULL, 0))
		return;
	load(m, read_code, MSR_UNKNOWN);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MSR);
	EQUAL(exit.u.msr.why, VMAPI_X86_MSR_UNKNOWN);
	EQUAL(vmapi_vcpu_complete(m->vcpu, &value, 8), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 5);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RDX), 0);
	/* EFER has no such bits: SDM 3A 2.2.1. */
	load(m, write_code, MSR_EFER);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	CHECK(at_handler(m));
	if (!asked(m, VMAPI_X86_MSR_INVALID, NULL, 0))
		return;
	load(m, write_code, MSR_EFER);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MSR);
	EQUAL(exit.u.msr.why, VMAPI_X86_MSR_INVALID);
	EQUAL((int64_t)exit.u.msr.value, 0x5566778811223344);
	EQUAL(vmapi_vcpu_complete(m->vcpu, &value, 8), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	CHECK(!at_handler(m));
}

static void hypercalls(struct machine *m)
{
	/* vmcall; hlt and vmmcall; hlt: KVM knows the processor's own only. */
	static const uint8_t codes[][4] = { { 0x0f, 0x01, 0xc1, 0xf4 },
		{ 0x0f, 0x01, 0xd9, 0xf4 } };
	struct vmapi_x86_exits x = { .size = sizeof(x),
		.hypercalls = 1u << HC_MAP_GPA_RANGE };
	uint64_t result = 0xaabbccdd11223344ull;
	struct vmapi_exit exit;
	unsigned i;

	if (strcmp(m->backend, "soft")) {
		i = (unsigned)vmapi_x86_exits(m->vm, &x);
		CHECK(!i || (int)i == -ENOTSUP);
		x.hypercalls = 2;
		EQUAL(vmapi_x86_exits(m->vm, &x), -ENOTSUP);
		return;
	}
	EQUAL(vmapi_x86_exits(m->vm, &x), 0);
	for (i = 0; i < 2; i++) {
		api_load(m, codes[i], 4);
		api_set(m->vcpu, VMAPI_X86_RAX, HC_MAP_GPA_RANGE);
		api_set(m->vcpu, VMAPI_X86_RBX, 0x100000001000);
		api_set(m->vcpu, VMAPI_X86_RCX, 2);
		api_set(m->vcpu, VMAPI_X86_RDX, 3);
		EQUAL(api_run(m, &exit), VMAPI_EXIT_HYPERCALL);
		EQUAL((int64_t)exit.u.hypercall.number, HC_MAP_GPA_RANGE);
		EQUAL((int64_t)exit.u.hypercall.args[0], 0x1000);
		EQUAL((int64_t)exit.u.hypercall.args[1], 2);
		EQUAL((int64_t)exit.u.hypercall.args[2], 3);
		EQUAL(exit.u.hypercall.privilege, 0);
		EQUAL(vmapi_vcpu_complete(m->vcpu, NULL, 0), -EMSGSIZE);
		EQUAL(vmapi_vcpu_complete(m->vcpu, &result, 8), 0);
		EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
		EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0x11223344);
	}
	/* Others are answered at once: -KVM_ENOSYS. */
	api_load(m, codes[0], 4);
	api_set(m->vcpu, VMAPI_X86_RAX, 11);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL((int32_t)api_get(m->vcpu, VMAPI_X86_RAX), -1000);
}

/* CR8 can be reached in 64-bit mode only; tables at 0x2000 to 0x4000. */
static void long_mode(struct machine *m)
{
	static const uint8_t tables[3][2] = { { 0x03, 0x30 }, { 0x03, 0x40 },
		{ 0x83, 0x00 } };
	struct vmapi_x86_segment cs = { .limit = UINT32_MAX,
		.attributes = 0xa09b, .selector = 8 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_CR3, .value = 0x2000 },
		{ .tag = VMAPI_X86_CR4, .value = 0x20 },
		{ .tag = VMAPI_X86_CR0, .value = 0x80000011 },
		{ .tag = VMAPI_X86_EFER, .value = 0x500 },
	};
	unsigned i;

	for (i = 0; i < 3; i++)
		EQUAL(vmapi_as_write(m->as, 0x2000 + 0x1000 * i, tables[i], 2),
			0);
	EQUAL(vmapi_regs_set(m->vcpu, regs, 5, NULL, 0), 0);
}

/*
 * mov eax, 9; mov cr8, rax; mov eax, 5; mov cr8, rax; mov cr8, rax;
 * out 0x80, al
 */
static const uint8_t lowers[] = { 0xb8, 9, 0, 0, 0, 0x44, 0x0f, 0x22, 0xc0,
	0xb8, 5, 0, 0, 0, 0x44, 0x0f, 0x22, 0xc0, 0x44, 0x0f, 0x22, 0xc0,
	0xe6, 0x80 };

/* It is told when CR8 becomes less, and then only, and only if asked for. */
static void priority(struct machine *m, bool asked)
{
	struct vmapi_x86_exits x = { .size = sizeof(x),
		.flags = asked ? VMAPI_X86_EXIT_TPR : 0 };
	struct vmapi_vcpu_config config = { .size = sizeof(config), .id = 1 };
	struct vmapi_exit exit;

	/* A kernel keeps the number of a vcpu that is gone. */
	vmapi_vcpu_destroy(m->vcpu);
	EQUAL(vmapi_x86_exits(m->vm, &x), 0);
	EQUAL(vmapi_vcpu_create(m->vm, &config, &m->vcpu), 0);
	api_load(m, lowers, sizeof(lowers));
	long_mode(m);
	if (asked && api_cap(m, VMAPI_CAP_IMPAIRED)) {
		api_skip("a kernel that interprets MOV to CR8 does not tell");
		return;
	}
	if (asked) {
		EQUAL(api_run(m, &exit), VMAPI_EXIT_TPR);
		EQUAL((int64_t)exit.u.tpr.cr8, 5);
		EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE + 18);
		EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_CR8), 5);
	}
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_CR8), 5);
}

static void priority_told(struct machine *m)
{
	priority(m, true);
}

static void priority_kept(struct machine *m)
{
	priority(m, false);
}

static void priority_of_apics(struct machine *m)
{
	struct vmapi_vm_config config = { .size = sizeof(config),
		.irqchip = VMAPI_IRQCHIP_SPLIT };
	struct vmapi_x86_exits x = { .size = sizeof(x),
		.flags = VMAPI_X86_EXIT_TPR };
	struct vmapi_vm *vm;

	if (!(api_cap(m, VMAPI_CAP_IRQCHIPS) >> VMAPI_IRQCHIP_SPLIT & 1))
		return;
	EQUAL(vmapi_vm_create(m->ctx, &config, &vm), 0);
	EQUAL(vmapi_x86_exits(vm, &x), -ENXIO);
	vmapi_vm_destroy(vm);
}

static void bad_requests(struct machine *m)
{
	struct vmapi_x86_msr_range r[VMAPI_X86_MSR_RANGES_MAX + 1] = {
		{ .first = MSR_STAR, .count = 1, .access = 1 } };
	struct vmapi_x86_exits x = { .size = sizeof(x), .flags = 1u << 31 };

	EQUAL(vmapi_x86_exits(NULL, &x), -EINVAL);
	EQUAL(vmapi_x86_exits(m->vm, NULL), -EINVAL);
	EQUAL(vmapi_x86_exits(m->vm, &x), -EINVAL);
	x.flags = 0;
	x.notify_window = 1;
	EQUAL(vmapi_x86_exits(m->vm, &x), -EINVAL);
	/* Some processors have bus locks to tell; this VM has a vcpu. */
	x.notify_window = 0;
	x.flags = VMAPI_X86_EXIT_BUS_LOCK;
	EQUAL(vmapi_x86_exits(m->vm, &x), -EBUSY);
	EQUAL(ask(m, VMAPI_X86_MSR_FILTER, NULL, 0), -EINVAL);
	EQUAL(ask(m, 0, NULL, 1), -EINVAL);
	EQUAL(ask(m, 0, r, VMAPI_X86_MSR_RANGES_MAX + 1), -E2BIG);
	EQUAL(ask(m, 0, r, 2), -EINVAL); /* the second is empty */
	r[0].access = 0;
	EQUAL(ask(m, 0, r, 1), -EINVAL);
	r[0].access = 4;
	EQUAL(ask(m, 0, r, 1), -EINVAL);
	r[0].access = 1;
	r[0].count = VMAPI_X86_MSR_RANGE_MAX + 1;
	EQUAL(ask(m, 0, r, 1), -EINVAL);
	r[0].first = 0xffffffff;
	r[0].count = 2;
	EQUAL(ask(m, 0, r, 1), -EINVAL);
	r[0].first = 0x7ff;
	EQUAL(ask(m, 0, r, 1), -EINVAL);
	EQUAL((int64_t)vmapi_error_last()->range_first, 0x7ff);
}

/* Ticks of the guest's counter in a tenth of a second of ours. */
static uint64_t ticks(struct machine *m)
{
	const struct timespec wait = { .tv_nsec = 50000000 };
	uint64_t first = api_get(m->vcpu, VMAPI_X86_MSR(0x10));

	nanosleep(&wait, NULL);
	return 2 * (api_get(m->vcpu, VMAPI_X86_MSR(0x10)) - first);
}

static void tsc_frequency(struct machine *m)
{
	uint64_t hz = 0, now, then;
	int err;

	EQUAL(vmapi_x86_tsc_hz_get(m->vcpu, &hz), 0);
	CHECK(hz > 1000000);
	EQUAL(vmapi_x86_tsc_hz_set(m->vcpu, hz), 0);
	EQUAL(vmapi_x86_tsc_hz_get(m->vcpu, NULL), -EINVAL);
	err = vmapi_x86_tsc_hz_set(m->vcpu, hz / 4);
	EQUAL(err, api_cap(m, VMAPI_CAP_TSC_CONTROL) ? 0 : -ENOTSUP);
	if (err) {
		CHECK(strstr(vmapi_error_last()->message, "scale"));
		return;
	}
	EQUAL(vmapi_x86_tsc_hz_get(m->vcpu, &now), 0);
	EQUAL((int64_t)(now / 1000), (int64_t)(hz / 4 / 1000));
	CHECK(ticks(m) >= hz / 4 / 10);
	EQUAL(vmapi_x86_tsc_hz_set(m->vcpu, 0), -EINVAL);
	if (strcmp(m->backend, "soft"))
		return;
	/* It goes on from where it is, and slower than before. */
	CHECK(ticks(m) < hz / 10);
	then = api_get(m->vcpu, VMAPI_X86_MSR(0x10));
	EQUAL(vmapi_x86_tsc_hz_set(m->vcpu, 8 * hz), 0);
	now = api_get(m->vcpu, VMAPI_X86_MSR(0x10));
	CHECK(now >= then && now - then < hz);
}

static void tsc_offset(struct machine *m)
{
	const uint64_t far = UINT64_C(1) << 50;
	uint64_t offset = 0, is = 0, before, after;
	int err = vmapi_x86_tsc_offset_get(m->vcpu, &offset);

	EQUAL(vmapi_x86_tsc_offset_get(m->vcpu, NULL), -EINVAL);
	EQUAL(vmapi_x86_tsc_offset_get(NULL, &offset), -EINVAL);
	EQUAL(vmapi_x86_tsc_offset_set(NULL, 0), -EINVAL);
	if (err) {
		EQUAL(err, -ENOTSUP);
		EQUAL(vmapi_x86_tsc_offset_set(m->vcpu, 0), -ENOTSUP);
		return;
	}
	before = api_get(m->vcpu, VMAPI_X86_MSR(0x10));
	EQUAL(vmapi_x86_tsc_offset_set(m->vcpu, offset + far), 0);
	EQUAL(vmapi_x86_tsc_offset_get(m->vcpu, &is), 0);
	if (is == offset) {
		api_skip("this kernel ignores the TSC offset");
		return;
	}
	EQUAL((int64_t)(is - offset), (int64_t)far);
	after = api_get(m->vcpu, VMAPI_X86_MSR(0x10));
	CHECK(after - before >= far && after - before < far + (far >> 4));
}

/* Waiting is for VMs where something can come. */
static void waiting(struct machine *m)
{
	unsigned state = 99;

	EQUAL(vmapi_vcpu_mp_state_set(m->vcpu, VMAPI_MP_HALTED), -EINVAL);
	EQUAL(vmapi_vcpu_mp_state_set(m->vcpu, VMAPI_MP_UNINITIALIZED),
		-EINVAL);
	EQUAL(vmapi_vcpu_mp_state_get(m->vcpu, &state), 0);
	EQUAL(state, VMAPI_MP_RUNNABLE);
}

static void halted(struct machine *m)
{
	static const uint8_t code[] = { 0xf4 };
	struct vmapi_vm_config config = { .size = sizeof(config),
		.irqchip = VMAPI_IRQCHIP_FULL };
	struct machine own = { .backend = m->backend };
	struct vmapi_exit exit;
	unsigned state;

	api_machine(&own, &config);
	api_load(&own, code, 1);
	EQUAL(vmapi_vcpu_mp_state_set(own.vcpu, VMAPI_MP_HALTED), 0);
	EQUAL(vmapi_vcpu_mp_state_get(own.vcpu, &state), 0);
	EQUAL(state, VMAPI_MP_HALTED);
	/* It waits, where it is: a kick finds it before the first byte. */
	EQUAL(vmapi_vcpu_kick(own.vcpu), 0);
	EQUAL(api_run(&own, &exit), VMAPI_EXIT_KICK);
	EQUAL((int64_t)api_get(own.vcpu, VMAPI_X86_RIP), API_CODE);
	EQUAL(vmapi_vcpu_mp_state_set(own.vcpu, VMAPI_MP_RUNNABLE), 0);
	EQUAL(vmapi_vcpu_mp_state_set(own.vcpu, VMAPI_MP_OPERATING), -EINVAL);
	api_machine_free(&own);
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "filtered reads", filtered_reads },
		{ "filtered writes", filtered_writes },
		{ "refused accesses", refused_accesses },
		{ "unknown and invalid", unknown_and_invalid },
		{ "hypercalls", hypercalls },
		{ "a task priority is told", priority_told },
		{ "a task priority is not told", priority_kept },
		{ "local APICs have it", priority_of_apics },
		{ "bad requests", bad_requests },
		{ "TSC frequency", tsc_frequency },
		{ "TSC offset", tsc_offset },
		{ "waiting", waiting },
		{ "halted", halted },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
