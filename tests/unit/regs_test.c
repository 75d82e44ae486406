/* SPDX-License-Identifier: MIT */
/* Register batches against the null backend: order, views, taking back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arch/x86_regs.h"
#include "tests/unit/null.h"
#include "tests/unit/suite.h"

static struct vmapi *ctx;
static struct vmapi_vm *vm;
static struct vmapi_vcpu *vcpu;

static void setup(void)
{
	null_reset();
	ck_assert_int_eq(vmapi_open("null", 0, &ctx), 0);
	ck_assert_int_eq(vmapi_vm_create(ctx, NULL, &vm), 0);
	ck_assert_int_eq(vmapi_vcpu_create(vm, NULL, &vcpu), 0);
}

static void teardown(void)
{
	vmapi_vcpu_destroy(vcpu);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	ck_assert_uint_eq(null_knobs.vcpus, 0);
}

static uint64_t get(uint64_t tag)
{
	struct vmapi_reg reg = { .tag = tag };

	ck_assert_int_eq(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), 0);
	return reg.value;
}

static int set(uint64_t tag, uint64_t value)
{
	struct vmapi_reg reg = { .tag = tag, .value = value };

	return vmapi_regs_set(vcpu, &reg, 1, NULL, 0);
}

START_TEST(table_is_in_order)
{
	const struct vmi_regs_arch *arch = &vmi_x86_regs_arch;
	size_t i;

	for (i = 0; i < arch->n_rows; i++) {
		const struct vmi_reg_row *row = &arch->rows[i];
		uint64_t log2 = row->tag >> VMAPI_REG_SIZE_SHIFT & 0xf;

		ck_assert(!i || row[-1].tag < row->tag);
		ck_assert_ptr_eq(vmi_reg_row(arch, row->tag), row);
		ck_assert_ptr_eq(vmi_reg_row_named(arch, row->name), row);
		if (row->bytes)
			ck_assert_uint_eq(1u << log2, row->bytes);
		else
			ck_assert_uint_eq(log2, VMAPI_REG_SIZE_VARIABLE);
		ck_assert(!row->bytes ==
			!!(row->attributes & VMAPI_REG_VARLEN));
	}
	ck_assert_ptr_null(vmi_reg_row(arch, VMAPI_X86_MSR(0x10)));
}
END_TEST

START_TEST(absent_block_is_absent)
{
	uint8_t page[1024];
	struct vmapi_reg reg = { .tag = VMAPI_X86_LAPIC,
		.data = page,
		.bytes = sizeof(page) };
	uint64_t tags[256];
	size_t n, i;

	ck_assert_int_eq(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), -ENOENT);
	ck_assert_int_eq(vmapi_regs_set(vcpu, &reg, 1, NULL, 0), -ENOENT);
	ck_assert_int_eq(vmapi_reg_list(vcpu, tags, 256, &n), 0);
	ck_assert_uint_eq(n, vmi_x86_regs_arch.n_rows - 2 + NULL_MSRS);
	for (i = 0; i < n; i++) {
		ck_assert(tags[i] != VMAPI_X86_LAPIC);
		ck_assert(tags[i] != VMAPI_X86_NESTED);
		ck_assert(!i || tags[i - 1] < tags[i]);
	}
}
END_TEST

/* Given backwards; the letters are the null backend's. */
START_TEST(order_is_ours)
{
	struct vmapi_x86_events events = { 0 };
	struct vmapi_x86_cpuid cpuid = { .leaf = 1 };
	uint8_t xsave[NULL_XSAVE] = { 0 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_EVENTS, .data = &events, .bytes = 64 },
		{ .tag = VMAPI_X86_MP_STATE, .value = 0 },
		{ .tag = VMAPI_X86_DEBUG(7), .value = 0x400 },
		{ .tag = VMAPI_X86_MSR(0x6e0), .value = 9 },
		{ .tag = VMAPI_X86_MSR(0x174), .value = 9 },
		{ .tag = VMAPI_X86_MSR(0x10), .value = 9 },
		{ .tag = VMAPI_X86_TSC_HZ, .value = 1000 },
		{ .tag = VMAPI_X86_XSAVE, .data = xsave,
			.bytes = sizeof(xsave) },
		{ .tag = VMAPI_X86_RAX, .value = 1 },
		{ .tag = VMAPI_X86_RBX, .value = 2 },
		{ .tag = VMAPI_X86_CR3, .value = 0x1000 },
		{ .tag = VMAPI_X86_EFER, .value = 0x500 },
		{ .tag = VMAPI_X86_XCR(0), .value = 3 },
		{ .tag = VMAPI_X86_CPUID, .data = &cpuid, .bytes = 32 },
	};
	size_t n = sizeof(regs) / sizeof(regs[0]), done;

	ck_assert_int_eq(vmapi_regs_set(vcpu, regs, n, &done, 0), 0);
	ck_assert_uint_eq(done, n);
	ck_assert_str_eq(null_knobs.order, "CXSGFTtmdDME");
	ck_assert_uint_eq(get(VMAPI_X86_RBX), 2);
	ck_assert_uint_eq(get(VMAPI_X86_CR3), 0x1000);
	ck_assert_uint_eq(get(VMAPI_X86_EFER), 0x500);
}
END_TEST

START_TEST(refused_entry_alone_fails)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CR3, .value = 0x3000 },
		{ .tag = VMAPI_X86_CR4, .value = 0x80 },
		{ .tag = VMAPI_X86_CR2, .value = 0x2000 },
		{ .tag = VMAPI_X86_RAX, .value = 5 },
	};
	size_t done;

	null_knobs.refused_cr4 = 0x80;
	ck_assert_int_eq(vmapi_regs_set(vcpu, regs, 4, &done, 0), -EINVAL);
	ck_assert_uint_eq(done, 3);
	ck_assert_int_eq(regs[1].status, -EINVAL);
	ck_assert_uint_eq(get(VMAPI_X86_CR3), 0x3000);
	ck_assert_uint_eq(get(VMAPI_X86_CR2), 0x2000);
	ck_assert_uint_eq(get(VMAPI_X86_CR4), 0);
	ck_assert_uint_eq(get(VMAPI_X86_RAX), 5);
	ck_assert_uint_eq(vmapi_error_last()->range_first, VMAPI_X86_CR4);
	ck_assert_ptr_nonnull(strstr(vmapi_error_last()->message, "cr4"));
}
END_TEST

START_TEST(all_or_nothing_takes_back)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CR3, .value = 0x3000 },
		{ .tag = VMAPI_X86_RAX, .value = 5 },
		{ .tag = VMAPI_X86_MSR(0x174), .value = 6 },
		{ .tag = VMAPI_X86_MP_STATE, .value = 3 },
	};
	size_t done = 7;

	ck_assert_int_eq(set(VMAPI_X86_CR3, 0x1000), 0);
	ck_assert_int_eq(set(VMAPI_X86_MSR(0x174), 1), 0);
	null_knobs.refused = VMI_BLOCK_MP_STATE;
	ck_assert_int_eq(vmapi_regs_set(vcpu, regs, 4, &done,
		VMAPI_REGS_ALL_OR_NOTHING), -EINVAL);
	ck_assert_uint_eq(done, 0);
	ck_assert_int_eq(regs[0].status, -ECANCELED);
	ck_assert_int_eq(regs[3].status, -EINVAL);
	ck_assert_uint_eq(get(VMAPI_X86_CR3), 0x1000);
	ck_assert_uint_eq(get(VMAPI_X86_RAX), 0);
	ck_assert_uint_eq(get(VMAPI_X86_MSR(0x174)), 1);
}
END_TEST

START_TEST(msr_failure_takes_back)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_MSR(0x174), .value = 6 },
		{ .tag = VMAPI_X86_MSR(0x175), .value = UINT64_MAX },
		{ .tag = VMAPI_X86_RAX, .value = 5 },
	};
	size_t done;

	ck_assert_int_eq(vmapi_regs_set(vcpu, regs, 3, &done,
		VMAPI_REGS_ALL_OR_NOTHING), -EINVAL);
	ck_assert_uint_eq(get(VMAPI_X86_MSR(0x174)), 0);
	ck_assert_uint_eq(get(VMAPI_X86_RAX), 0);
	ck_assert_int_eq(vmapi_regs_set(vcpu, regs, 3, &done, 0), -EINVAL);
	ck_assert_uint_eq(done, 2);
	ck_assert_uint_eq(get(VMAPI_X86_MSR(0x174)), 6);
}
END_TEST

START_TEST(blocks_are_moved_once)
{
	struct vmapi_reg regs[16];
	size_t i;

	memset(regs, 0, sizeof(regs));
	for (i = 0; i < 16; i++)
		regs[i].tag = VMAPI_X86_GPR(i);
	ck_assert_int_eq(vmapi_regs_set(vcpu, regs, 16, NULL, 0), 0);
	ck_assert_uint_eq(null_knobs.block_sets[VMI_BLOCK_GPRS], 1);
	ck_assert_str_eq(null_knobs.order, "G");
}
END_TEST

/* Whole blocks, of which nothing is read: those around it are set. */
START_TEST(refused_block_alone_fails)
{
	struct vmapi_x86_events events = { .nmi_masked = 1 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_EVENTS, .data = &events, .bytes = 64 },
		{ .tag = VMAPI_X86_MP_STATE, .value = 3 },
		{ .tag = VMAPI_X86_TSC_HZ, .value = 1000 },
		{ .tag = VMAPI_X86_XCR(0), .value = 3 },
	};
	size_t done;

	null_knobs.refused = VMI_BLOCK_MP_STATE;
	ck_assert_int_eq(vmapi_regs_set(vcpu, regs, 4, &done, 0), -EINVAL);
	ck_assert_uint_eq(done, 3);
	ck_assert_int_eq(regs[1].status, -EINVAL);
	ck_assert_str_eq(null_knobs.order, "XTME");
	ck_assert_uint_eq(get(VMAPI_X86_XCR(0)), 3);
	ck_assert_uint_eq(get(VMAPI_X86_TSC_HZ), 1000);
	events.nmi_masked = 0;
	ck_assert_int_eq(vmapi_regs_get(vcpu, regs, 1, NULL, 0), 0);
	ck_assert_uint_eq(events.nmi_masked, 1);
}
END_TEST

/* -- The XSAVE area ----------------------------------------------------- */

START_TEST(views_mind_xstate_bv)
{
	uint8_t area[NULL_XSAVE] = { 0 }, xmm[16];
	struct vmapi_reg whole = { .tag = VMAPI_X86_XSAVE,
		.data = area,
		.bytes = sizeof(area) }, reg = { .tag = VMAPI_X86_XMM(1),
		.data = xmm,
		.bytes = sizeof(xmm) };

	/* Bytes of components that are in their initial state: rubbish. */
	memset(area, 0xee, 512);
	ck_assert_int_eq(vmapi_regs_set(vcpu, &whole, 1, NULL, 0), 0);
	ck_assert_uint_eq(get(VMAPI_X86_FCW), 0x37f);
	ck_assert_uint_eq(get(VMAPI_X86_FSW), 0);
	ck_assert_int_eq(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), 0);
	ck_assert_int_eq(xmm[0], 0);
	/* Looking changed nothing. */
	ck_assert_int_eq(vmapi_regs_get(vcpu, &whole, 1, NULL, 0), 0);
	ck_assert_int_eq(area[0], 0xee);
	ck_assert_int_eq(area[512], 0);
	/* Writing one register puts its component in force, the rest of it
	 * as it was: initial. */
	memset(xmm, 0x42, sizeof(xmm));
	ck_assert_int_eq(vmapi_regs_set(vcpu, &reg, 1, NULL, 0), 0);
	ck_assert_int_eq(vmapi_regs_get(vcpu, &whole, 1, NULL, 0), 0);
	ck_assert_int_eq(area[512], 2);
	ck_assert_int_eq(area[160], 0);
	ck_assert_int_eq(area[176], 0x42);
	ck_assert_int_eq(area[0], 0xee);
	ck_assert_int_eq(set(VMAPI_X86_FCW, 0x27f), 0);
	ck_assert_int_eq(vmapi_regs_get(vcpu, &whole, 1, NULL, 0), 0);
	ck_assert_int_eq(area[512], 3);
	ck_assert_int_eq(area[0], 0x7f);
	ck_assert_int_eq(area[1], 0x02);
	ck_assert_int_eq(area[32], 0);
}
END_TEST

/* Whole it is as the backend has it, however views of it are asked for. */
START_TEST(whole_goes_with_views)
{
	static uint64_t words[2][NULL_XSAVE / 8], rubbish[NULL_XSAVE / 8];
	const uint8_t *area = (const uint8_t *)words[0];
	uint8_t image[512], xmm[16];
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_XMM(1), .data = xmm, .bytes = sizeof(xmm) },
		{ .tag = VMAPI_X86_XSAVE, .data = words[0],
			.bytes = NULL_XSAVE },
		{ .tag = VMAPI_X86_FXSAVE, .data = image,
			.bytes = sizeof(image) },
		{ .tag = VMAPI_X86_XSAVE, .data = words[1],
			.bytes = NULL_XSAVE },
		{ .tag = VMAPI_X86_FCW },
		{ .tag = VMAPI_X86_XSAVE, .data = words[1], .bytes = 8 },
	}, whole = { .tag = VMAPI_X86_XSAVE, .data = rubbish,
		.bytes = NULL_XSAVE };
	size_t done;

	memset(rubbish, 0xee, 512);
	ck_assert_int_eq(vmapi_regs_set(vcpu, &whole, 1, NULL, 0), 0);
	ck_assert_int_eq(vmapi_regs_get(vcpu, regs, 6, &done, 0), -ENOSPC);
	ck_assert_uint_eq(done, 5);
	ck_assert_int_eq(regs[5].status, -ENOSPC);
	ck_assert_uint_eq(regs[5].bytes, NULL_XSAVE);
	ck_assert_ptr_eq(null_knobs.read_to, words[0]);
	ck_assert_uint_eq(regs[1].bytes, NULL_XSAVE);
	ck_assert_int_eq(area[0], 0xee);
	ck_assert_int_eq(area[512], 0);
	ck_assert(!memcmp(words[0], rubbish, NULL_XSAVE));
	ck_assert(!memcmp(words[1], rubbish, NULL_XSAVE));
	ck_assert_uint_eq(regs[4].value, 0x37f);
	ck_assert_int_eq(xmm[0], 0);
	ck_assert_int_eq(image[0], 0x7f);
	ck_assert_int_eq(image[160], 0);
	ck_assert_int_eq(image[24], 0xee); /* MXCSR is always there */
}
END_TEST

/* -- Any order ---------------------------------------------------------- */

#define MIXED 96

static const uint64_t mixed[] = {
	VMAPI_X86_GPR(0), VMAPI_X86_GPR(1), VMAPI_X86_GPR(2), VMAPI_X86_GPR(3),
	VMAPI_X86_GPR(15), VMAPI_X86_RIP, VMAPI_X86_CR2, VMAPI_X86_CR3,
	VMAPI_X86_DEBUG(0), VMAPI_X86_DEBUG(1), VMAPI_X86_DEBUG(3),
	VMAPI_X86_DEBUG(6), VMAPI_X86_TSC_HZ, VMAPI_X86_MSR(0x10),
	VMAPI_X86_MSR(0x174), VMAPI_X86_MSR(0x175), VMAPI_X86_MSR(0x6e0),
	VMAPI_X86_MXCSR, VMAPI_X86_FCW, VMAPI_X86_FSW,
};

#define N_MIXED (sizeof(mixed) / sizeof(mixed[0]))

static unsigned pick(uint32_t *seed, unsigned n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % n;
}

/*
 * Often the register behind the last one, as in a list; half of the words in
 * memory of their own.
 */
static void mix(uint32_t *seed, struct vmapi_reg *regs, uint64_t *words,
	size_t n)
{
	unsigned which = 0;
	size_t i;

	memset(regs, 0, n * sizeof(regs[0]));
	for (i = 0; i < n; i++) {
		which = pick(seed, 3) ? (which + 1) % N_MIXED
				      : pick(seed, N_MIXED);
		regs[i].tag = mixed[which];
		words[i] = 0;
		if (!pick(seed, 2) && vmi_tag_bytes(mixed[which]) == 8) {
			regs[i].data = &words[i];
			regs[i].bytes = 8;
		}
	}
}

static uint64_t value_of(const struct vmapi_reg *reg)
{
	uint64_t value = reg->value;

	if (reg->data)
		memcpy(&value, reg->data, 8);
	return value;
}

static unsigned index_of(uint64_t tag)
{
	unsigned i;

	for (i = 0; mixed[i] != tag;)
		i++;
	return i;
}

/* Of two entries of a tag the later wins; what is got is what was set. */
START_TEST(any_order_will_do)
{
	static struct vmapi_reg regs[MIXED];
	static uint64_t words[MIXED];
	uint64_t model[N_MIXED];
	uint32_t seed = 1;
	size_t i, round;

	for (i = 0; i < N_MIXED; i++)
		model[i] = get(mixed[i]);
	for (round = 0; round < 2000; round++) {
		const size_t n = 1 + pick(&seed, MIXED);
		size_t done;

		mix(&seed, regs, words, n);
		for (i = 0; i < n; i++) {
			uint64_t value = pick(&seed, 0xffff);

			regs[i].value = regs[i].data ? 0 : value;
			words[i] = value;
			model[index_of(regs[i].tag)] = value;
		}
		ck_assert_int_eq(vmapi_regs_set(vcpu, regs, n, &done,
			pick(&seed, 2) ? VMAPI_REGS_ALL_OR_NOTHING : 0), 0);
		ck_assert_uint_eq(done, n);
		mix(&seed, regs, words, n);
		ck_assert_int_eq(vmapi_regs_get(vcpu, regs, n, &done, 0), 0);
		ck_assert_uint_eq(done, n);
		for (i = 0; i < n; i++)
			ck_assert_uint_eq(value_of(&regs[i]),
				model[index_of(regs[i].tag)]);
	}
}
END_TEST

/* -- Settling ----------------------------------------------------------- */

static int ask_once(struct vmapi_vcpu *v, struct vmapi_exit *exit)
{
	exit->reason = VMAPI_EXIT_IO;
	exit->flags = VMAPI_EXIT_ANSWER;
	exit->u.io.port = 0x77;
	v->unanswered = true;
	v->answer_bytes = 1;
	null_knobs.run = NULL;
	null_knobs.settle = NULL;
	return 0;
}

START_TEST(state_settles_first)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_reg reg = { .tag = VMAPI_X86_RAX };

	null_knobs.run = ask_once;
	ck_assert_int_eq(vmapi_vcpu_run(vcpu, &exit), 0);
	ck_assert_int_eq(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), -EBUSY);
	ck_assert_int_eq(vmapi_vcpu_complete(vcpu, "", 1), 0);
	ck_assert(vcpu->unsettled);
	ck_assert_int_eq(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), 0);
	ck_assert(!vcpu->unsettled);
}
END_TEST

START_TEST(question_met_by_settling_is_kept)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_reg reg = { .tag = VMAPI_X86_RAX };

	null_knobs.run = ask_once;
	ck_assert_int_eq(vmapi_vcpu_run(vcpu, &exit), 0);
	ck_assert_int_eq(vmapi_vcpu_complete(vcpu, "", 1), 0);
	null_knobs.settle = ask_once;
	ck_assert_int_eq(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), -EBUSY);
	ck_assert_int_eq(vmapi_vcpu_complete(vcpu, "", 1), -EALREADY);
	exit.reason = 0;
	ck_assert_int_eq(vmapi_vcpu_run(vcpu, &exit), 0);
	ck_assert_uint_eq(exit.reason, VMAPI_EXIT_IO);
	ck_assert_uint_eq(exit.u.io.port, 0x77);
	ck_assert_int_eq(vmapi_vcpu_run(vcpu, &exit), -EBUSY);
	ck_assert_int_eq(vmapi_vcpu_complete(vcpu, "", 1), 0);
	ck_assert_int_eq(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), 0);
}
END_TEST

/* -- Lines -------------------------------------------------------------- */

START_TEST(handles_share_a_line)
{
	struct vmapi_vm_config config = { .size = sizeof(config),
		.irqchip = VMAPI_IRQCHIP_FULL };
	struct vmapi_irq_config c = { .size = sizeof(c), .pin = 5 };
	struct vmapi_irq *a, *b;
	struct vmapi_vm *full;
	int d;

	ck_assert_int_eq(vmapi_vm_create(ctx, &config, &full), 0);
	ck_assert_int_eq(vmapi_irq_create(full, &c, &a), 0);
	ck_assert_int_eq(vmapi_irq_create(full, &c, &b), 0);
	ck_assert_int_eq(vmapi_irq_set(a, 1, &d), 0);
	ck_assert_int_eq(d, 1);
	ck_assert_int_eq(vmapi_irq_set(b, 1, &d), 0);
	ck_assert_int_eq(d, VMAPI_IRQ_COALESCED);
	ck_assert_int_eq(vmapi_irq_set(a, 0, &d), 0);
	ck_assert(null_line(full, 5).level);
	vmapi_irq_destroy(b);
	ck_assert(!null_line(full, 5).level);
	vmapi_irq_destroy(a);
	vmapi_vm_destroy(full);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("regs");
	TCase *t = tcase_create("regs");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, table_is_in_order);
	tcase_add_test(t, absent_block_is_absent);
	tcase_add_test(t, order_is_ours);
	tcase_add_test(t, refused_entry_alone_fails);
	tcase_add_test(t, refused_block_alone_fails);
	tcase_add_test(t, all_or_nothing_takes_back);
	tcase_add_test(t, msr_failure_takes_back);
	tcase_add_test(t, blocks_are_moved_once);
	tcase_add_test(t, views_mind_xstate_bv);
	tcase_add_test(t, whole_goes_with_views);
	tcase_add_test(t, any_order_will_do);
	tcase_add_test(t, state_settles_first);
	tcase_add_test(t, question_met_by_settling_is_kept);
	tcase_add_test(t, handles_share_a_line);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
