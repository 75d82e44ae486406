/* SPDX-License-Identifier: MIT */
/* What only x86 has: exits that a VM asks for. */
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

int main(void)
{
	static const struct api_case cases[] = {
		{ "filtered reads", filtered_reads },
		{ "filtered writes", filtered_writes },
		{ "refused accesses", refused_accesses },
		{ "unknown and invalid", unknown_and_invalid },
		{ "hypercalls", hypercalls },
		{ "bad requests", bad_requests },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
