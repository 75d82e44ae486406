/* SPDX-License-Identifier: MIT */
/* The kernel backend of this build's architecture on the recording kernel. */
#include "tests/kvm/native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAGS 1024

/* -- birth --------------------------------------------------------------- */

static void birth(struct vmapi *ctx)
{
	struct native_machine m;
	size_t i, at, last = 0;

	fake_forget_calls();
	if (!native_open(&m, ctx, NULL))
		return;
	for (i = 0; i < 8 && native.birth[i]; i++) {
		at = fake_first(native.birth[i]);
		CHECK(at < fake.n_calls && at >= last);
		last = at;
	}
	/* Numbers that mean different things went to the right descriptor. */
	for (i = 0; i < fake.n_calls; i++)
		CHECK(fake.calls[i].class != FAKE_NONE);
	native_close(&m);
}

/* -- what there is ------------------------------------------------------- */

static void enumeration(struct vmapi_vcpu *vcpu)
{
	const struct vmi_regs_arch *arch = vmi_kvm_arch_regs();
	static uint64_t tags[TAGS];
	size_t n = 0, i, ones = 0;

	OK(vmapi_reg_list(vcpu, tags, TAGS, &n));
	CHECK(n + 3 >= arch->n_rows && n < TAGS);
	for (i = 0; i < n; i++) {
		struct vmapi_reg_info info = { .size = sizeof(info) };
		uint64_t again = 0;

		CHECK(i == 0 || tags[i - 1] < tags[i]);
		ones += !vmi_reg_row(arch, tags[i]);
		if (!OK(vmapi_reg_info(vcpu, tags[i], &info)))
			break;
		OK(vmapi_reg_tag(vcpu, info.name, &again));
		CHECK(again == tags[i]);
		if (!(info.attributes & VMAPI_REG_VARLEN))
			CHECK(info.bytes == vmi_tag_bytes(tags[i]));
	}
	/* No more than 500 was a limit once: E2BIG says how many. */
	CHECK(!native.kernel.lists || ones == arch->n_ones);
	printf("%s: %zu registers, %zu by themselves\n", native.name, n, ones);
}

/* -- values -------------------------------------------------------------- */

/* Batches of every register whose length does not change. */
struct all {
	struct vmapi_reg regs[TAGS];
	uint8_t bytes[TAGS][256];
	size_t n;
};

static struct all before, after;

static void fill_batch(struct all *a, const uint64_t *tags, size_t n)
{
	size_t i;

	a->n = 0;
	for (i = 0; i < n; i++) {
		size_t bytes = vmi_tag_bytes(tags[i]);

		if (!bytes || bytes > sizeof(a->bytes[0]))
			continue;
		a->regs[a->n] = (struct vmapi_reg){ .tag = tags[i],
			.data = a->bytes[a->n], .bytes = (uint32_t)bytes };
		a->n++;
	}
}

static void every_value(struct vmapi_vcpu *vcpu)
{
	static uint64_t tags[TAGS];
	size_t n = 0, i, k, done;

	OK(vmapi_reg_list(vcpu, tags, TAGS, &n));
	fill_batch(&before, tags, n);
	fill_batch(&after, tags, n);
	OK(vmapi_regs_get(vcpu, before.regs, before.n, &done, 0));
	CHECK(done == before.n);
	for (i = 0; native.takes_all && i < before.n; i++)
		for (k = 0; k < before.regs[i].bytes; k++)
			before.bytes[i][k] = (uint8_t)(i * 37 + k * 11 + 1);
	OK(vmapi_regs_set(vcpu, before.regs, before.n, &done, 0));
	OK(vmapi_regs_get(vcpu, after.regs, after.n, &done, 0));
	for (i = 0; i < before.n; i++)
		if (!CHECK(!memcmp(before.bytes[i], after.bytes[i],
			    before.regs[i].bytes)))
			printf("register 0x%llx\n",
				(unsigned long long)before.regs[i].tag);
}

/* -- the order ----------------------------------------------------------- */

static size_t step_of(const struct fake_call *call)
{
	const struct vmi_regs_arch *arch = vmi_kvm_arch_regs();
	bool is_block = call->request != KVM_SET_ONE_REG;
	unsigned which = is_block ? 0 : vmi_tag_class(arch, call->id);
	size_t i;

	for (i = 0; is_block && i < native.kernel.n_pairs; i++)
		if (call->request == native.kernel.pairs[i].set)
			which = native.kernel.pairs[i].block;
	for (i = 0; i < arch->n_steps; i++)
		if (arch->steps[i].is_block == is_block &&
			arch->steps[i].which == which)
			break;
	return i;
}

static bool is_set(const struct fake_call *call)
{
	size_t i;

	if (call->class != FAKE_VCPU)
		return false;
	for (i = 0; i < native.kernel.n_pairs; i++)
		if (call->request == native.kernel.pairs[i].set)
			return true;
	return call->request == KVM_SET_ONE_REG;
}

/* All registers, last first: set in the documented order, each block once. */
static void order(struct vmapi_vcpu *vcpu)
{
	static struct vmapi_reg backwards[TAGS];
	size_t i, k, last = 0, sets = 0;

	for (i = 0; i < before.n; i++)
		backwards[i] = before.regs[before.n - 1 - i];
	fake_forget_calls();
	OK(vmapi_regs_set(vcpu, backwards, before.n, NULL, 0));
	for (i = 0; i < fake.n_calls; i++) {
		if (!is_set(&fake.calls[i]))
			continue;
		sets++;
		CHECK(step_of(&fake.calls[i]) >= last);
		last = step_of(&fake.calls[i]);
	}
	CHECK(sets > 1 || !native.takes_all);
	for (k = 0; k < native.kernel.n_pairs; k++)
		CHECK(fake_count(native.kernel.pairs[k].set) == 1);
}

/* -- failures ------------------------------------------------------------ */

static void check_unchanged(struct vmapi_vcpu *vcpu, const char *when)
{
	size_t i;

	OK(vmapi_regs_get(vcpu, after.regs, after.n, NULL, 0));
	for (i = 0; i < before.n; i++)
		if (!CHECK(!memcmp(before.bytes[i], after.bytes[i],
			    before.regs[i].bytes)))
			printf("register 0x%llx %s\n",
				(unsigned long long)before.regs[i].tag, when);
}

/* Whichever is refused, all the others stay as they were. */
static void all_or_nothing(struct vmapi_vcpu *vcpu, size_t refused)
{
	const struct vmi_regs_arch *arch = vmi_kvm_arch_regs();
	static struct all wanted;
	size_t i, k, done = 1;

	wanted = before;
	for (i = 0; i < wanted.n; i++) {
		wanted.regs[i].data = wanted.bytes[i];
		if (!native.takes_all && vmi_reg_row(arch, wanted.regs[i].tag))
			continue;
		for (k = 0; k < wanted.regs[i].bytes; k++)
			wanted.bytes[i][k] ^= 0x5a;
	}
	fake.refused_id = before.regs[refused].tag;
	fake.refused_error = -EINVAL;
	GIVES(vmapi_regs_set(vcpu, wanted.regs, wanted.n, &done,
		      VMAPI_REGS_ALL_OR_NOTHING), -EINVAL);
	CHECK(done == 0 && wanted.regs[refused].status == -EINVAL);
	for (i = 0; i < wanted.n; i++)
		CHECK(i == refused || wanted.regs[i].status == -ECANCELED);
	check_unchanged(vcpu, "changed by a batch that failed");
	/* As well as can be: that one alone fails. */
	GIVES(vmapi_regs_set(vcpu, wanted.regs, wanted.n, &done, 0), -EINVAL);
	CHECK(done == wanted.n - 1);
	CHECK(wanted.regs[refused].status == -EINVAL);
	CHECK(vmapi_error_last()->range_first == before.regs[refused].tag);
	fake.refused_id = 0;
	OK(vmapi_regs_set(vcpu, before.regs, before.n, NULL, 0));
}

static void failures(struct vmapi_vcpu *vcpu)
{
	const struct vmi_regs_arch *arch = vmi_kvm_arch_regs();
	size_t i;

	for (i = 0; i < before.n; i += 7)
		if (!vmi_reg_row(arch, before.regs[i].tag))
			all_or_nothing(vcpu, i);
	GIVES(native_set(vcpu, UINT64_MAX >> 8, 1), -ENOENT);
}

/* -- exits --------------------------------------------------------------- */

static bool run_to(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	exit->size = sizeof(*exit);
	return OK(vmapi_vcpu_run(vcpu, exit));
}

static void script(void (*fill)(struct kvm_run *run))
{
	fake.script[0] = fill;
	fake.n_script = 1;
	fake.next = 0;
}

/* The area as the entry after the answer found it. */
static struct kvm_run *entry_area(void)
{
	static struct kvm_run run;

	memcpy(run.padding, fake.entry_union, sizeof(fake.entry_union));
	run.exit_reason = fake.entry_reason;
	return &run;
}

static void one_exit(struct vmapi_vcpu *vcpu, const struct native_exit *e)
{
	struct vmapi_exit exit;
	uint64_t words[10];
	size_t i;

	for (i = 0; i < 10; i++)
		words[i] = 0x1000 + i;
	script(e->fill);
	if (!run_to(vcpu, &exit))
		return;
	CHECK(e->means(&exit));
	CHECK(!!(exit.flags & VMAPI_EXIT_ANSWER) == (e->answer != 0));
	if (e->answer) {
		GIVES(vmapi_vcpu_run(vcpu, &exit), -EBUSY);
		GIVES(vmapi_vcpu_complete(vcpu, words, e->answer + 1),
			-EMSGSIZE);
		OK(vmapi_vcpu_complete(vcpu, words, e->answer));
	}
	run_to(vcpu, &exit);
	CHECK(exit.reason == VMAPI_EXIT_SHUTDOWN);
	if (e->answered)
		CHECK(e->answered(entry_area()));
}

static void fill_read(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0x10000000;
	run->mmio.len = 4;
}

static bool means_read(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_MMIO && !exit->u.mmio.is_write &&
		exit->u.mmio.gpa == 0x10000000 && exit->u.mmio.length == 4;
}

/* The reason must still stand there: some kernels look at it. */
static bool answered_read(const struct kvm_run *run)
{
	const uint64_t first = 0x1000;

	return run->exit_reason == KVM_EXIT_MMIO &&
		!memcmp(run->mmio.data, &first, 4);
}

static void fill_write(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0x10000008;
	run->mmio.len = 2;
	run->mmio.is_write = 1;
	memcpy(run->mmio.data, "\x12\x34", 2);
}

/* In the guest's order, whatever the host's. */
static bool means_write(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_MMIO && exit->u.mmio.is_write &&
		exit->u.mmio.length == 2 && exit->u.mmio.data[0] == 0x12 &&
		exit->u.mmio.data[1] == 0x34;
}

static bool answered_write(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_MMIO;
}

static void fill_system(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = 2;
	run->system_event.ndata = 1;
	run->system_event.data[0] = 77;
}

static bool means_system(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_SYSTEM && exit->u.system.type == 2 &&
		exit->u.system.n_data == 1 && exit->u.system.data[0] == 77;
}

static void fill_unknown(struct kvm_run *run)
{
	run->exit_reason = 4000;
	memset(run->padding, 0x5c, sizeof(run->padding));
}

static bool means_unknown(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_UNKNOWN && exit->native == 4000 &&
		exit->u.raw[0] == 0x5c && exit->u.raw[255] == 0x5c;
}

static const struct native_exit common_exits[] = {
	{ fill_read, means_read, 4, answered_read },
	{ fill_write, means_write, 0, answered_write },
	{ fill_system, means_system, 0, NULL },
	{ fill_unknown, means_unknown, 0, NULL },
};

static void exits(struct vmapi_vcpu *vcpu)
{
	size_t i;

	for (i = 0; i < vmi_array_len(common_exits); i++)
		one_exit(vcpu, &common_exits[i]);
	for (i = 0; i < native.n_exits; i++)
		one_exit(vcpu, &native.exits[i]);
}

/* A state call finishes a store first, without entering the guest. */
static void settling(struct vmapi_vcpu *vcpu)
{
	struct vmapi_exit exit;

	script(fill_write);
	run_to(vcpu, &exit);
	fake_forget_calls();
	OK(vmapi_regs_get(vcpu, after.regs, after.n, NULL, 0));
	CHECK(fake_count(KVM_RUN) == 1 && fake.entry_immediate);
	CHECK(fake.entry_reason == KVM_EXIT_MMIO);
	CHECK(fake.calls[0].request == KVM_RUN);
}

int main(void)
{
	struct native_machine m;
	struct vmapi *ctx;

	fake_install(&native.kernel);
	if (!OK(vmapi_open("kvm", 0, &ctx)))
		return EXIT_FAILURE;
	birth(ctx);
	native_calls(ctx);
	native_memory(ctx);
	if (native_open(&m, ctx, NULL)) {
		enumeration(m.vcpu);
		every_value(m.vcpu);
		order(m.vcpu);
		failures(m.vcpu);
		exits(m.vcpu);
		settling(m.vcpu);
		OK(vmapi_vcpu_reset(m.vcpu));
		native_close(&m);
	}
	if (native.more)
		native.more(ctx);
	vmapi_close(ctx);
	return check_result(native.name);
}
