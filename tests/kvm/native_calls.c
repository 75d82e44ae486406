/* SPDX-License-Identifier: MIT */
/* Calls of vmapi_hypercall_enable() on the recording kernel. */
#include <string.h>

#include "tests/kvm/native.h"

#include <vmapi/guest/hypercall.h>

#define PAGE 0x8000000u

static const struct native_call *const c = &native_call;

static void fill_page(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = PAGE;
	run->mmio.len = 4;
	run->mmio.is_write = 1;
}

static void script(void (*fill)(struct kvm_run *run))
{
	fake.script[0] = fill;
	fake.n_script = 1;
	fake.next = 0;
}

/* The guest asks for call 5. */
static void ask(struct vmapi_vcpu *vcpu, bool is_user)
{
	unsigned i;

	c->mode(vcpu, is_user);
	for (i = 0; i < 9; i++)
		OK(native_set(vcpu, c->args[i], 0x500000000u + i));
	OK(native_set(vcpu, c->number, c->five));
	if (c->selector)
		OK(native_set(vcpu, c->selector, VMAPI_CALL_RISCV));
}

/* Result n, as the next entry found it. */
static uint64_t result(struct vmapi_vcpu *vcpu, bool by_page, unsigned n)
{
	struct kvm_run run;

	if (by_page || n >= c->n_native)
		return native_get(vcpu, c->results[n]);
	memset(&run, 0, sizeof(run));
	memcpy(run.padding, fake.entry_union, sizeof(fake.entry_union));
	return c->returned(&run, n);
}

static void ends(struct vmapi_vcpu *vcpu)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	OK(vmapi_vcpu_run(vcpu, &exit));
	CHECK(exit.reason == VMAPI_EXIT_SHUTDOWN);
}

/* Three results; what else the call could have given stays. */
static void answered(struct vmapi_vcpu *vcpu, bool by_page)
{
	static const uint64_t words[3] = { 0xa00000001, 0xa00000002,
		0xa00000003 };
	struct vmapi_exit exit = { .size = sizeof(exit) };
	const struct vmapi_exit_hypercall *call = &exit.u.hypercall;
	unsigned i;

	ask(vcpu, false);
	script(by_page ? fill_page : c->fill);
	OK(vmapi_vcpu_run(vcpu, &exit));
	if (!CHECK(exit.reason == VMAPI_EXIT_HYPERCALL))
		return;
	CHECK(call->number == 5 && call->n_args == 9);
	CHECK(call->privilege == 0 && call->mode == 64);
	CHECK(call->way == (by_page ? VMAPI_CALL_PAGE : c->way));
	for (i = 0; i < 9; i++)
		CHECK(call->args[i] == 0x500000000u + i);
	OK(vmapi_vcpu_complete(vcpu, words, sizeof(words)));
	ends(vcpu);
	for (i = 0; i < 3; i++)
		CHECK(result(vcpu, by_page, i) == words[i]);
	CHECK(native_get(vcpu, c->args[8]) == 0x500000008);
}

static void refused(struct vmapi_vcpu *vcpu, bool by_page)
{
	ask(vcpu, true);
	script(by_page ? fill_page : c->fill);
	ends(vcpu);
	CHECK(result(vcpu, by_page, 0) == (uint64_t)VMAPI_CALL_EPERM);
}

/* Another number is the kernel's exit, as if calls were not enabled. */
static void foreign(struct vmapi_vcpu *vcpu)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	ask(vcpu, false);
	OK(native_set(vcpu, c->selector ? c->selector : c->number, 0x58));
	script(c->fill);
	OK(vmapi_vcpu_run(vcpu, &exit));
	CHECK(exit.reason != VMAPI_EXIT_HYPERCALL ||
		exit.u.hypercall.way == 0);
	OK(vmapi_vcpu_reset(vcpu));
}

void native_calls(struct vmapi *ctx)
{
	struct vmapi_hypercall_config config = { .size = sizeof(config),
		.page = PAGE };
	struct vmapi_guest_calls calls;
	uint8_t descriptor[VMAPI_CALLS_BYTES];
	struct native_machine m;
	bool has_page = c->way != VMAPI_CALL_DIAG;

	if (!OK(vmapi_vm_create(ctx, NULL, &m.vm)))
		return;
	OK(vmapi_hypercall_enable(m.vm, &config));
	OK(vmapi_hypercall_describe(m.vm, descriptor));
	(void)vmapi_guest_parse(&calls, descriptor);
	CHECK(calls.ways == (c->way | (has_page ? VMAPI_CALL_PAGE : 0)));
	CHECK(calls.page_gpa == (has_page ? PAGE : 0));
	if (!OK(vmapi_vcpu_create(m.vm, NULL, &m.vcpu)))
		return;
	answered(m.vcpu, false);
	refused(m.vcpu, false);
	if (has_page) {
		answered(m.vcpu, true);
		refused(m.vcpu, true);
	}
	foreign(m.vcpu);
	native_close(&m);
}
