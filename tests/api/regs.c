/* SPDX-License-Identifier: MIT */
/* Register batches: every register listed can be read, and what is set is. */
#include "tests/api/api.h"

#define TAGS_MAX 2048

static size_t list(struct machine *m, uint64_t *tags)
{
	size_t n = 0;

	EQUAL(vmapi_reg_list(m->vcpu, tags, TAGS_MAX, &n), 0);
	CHECK(n > 40 && n <= TAGS_MAX);
	return n <= TAGS_MAX ? n : TAGS_MAX;
}

static void listing(struct machine *m)
{
	struct vmapi_reg_info info = { .size = sizeof(info) };
	static uint64_t tags[TAGS_MAX];
	size_t n = list(m, tags), i, count;
	uint64_t tag;

	for (i = 0; i < n; i++) {
		CHECK(!i || tags[i - 1] < tags[i]);
		EQUAL(vmapi_reg_info(m->vcpu, tags[i], &info), 0);
		CHECK(info.tag == tags[i] && info.bytes && *info.name);
		EQUAL(vmapi_reg_tag(m->vcpu, info.name, &tag), 0);
		CHECK(tag == tags[i]);
	}
	EQUAL(vmapi_reg_list(m->vcpu, NULL, 0, &count), 0);
	EQUAL((int64_t)count, (int64_t)n);
	EQUAL(vmapi_reg_list(m->vcpu, NULL, 1, &count), -EINVAL);
	EQUAL(vmapi_reg_list(NULL, NULL, 0, &count), -EINVAL);
	EQUAL(vmapi_reg_info(m->vcpu, 0, &info), -ENOENT);
	EQUAL(vmapi_reg_info(m->vcpu, VMAPI_X86_MSR(0xdeadbeef), &info),
		-ENOENT);
	EQUAL(vmapi_reg_info(m->vcpu, VMAPI_X86_RAX, NULL), -EINVAL);
	EQUAL(vmapi_reg_tag(m->vcpu, "rax", &tag), 0);
	CHECK(tag == VMAPI_X86_RAX);
	EQUAL(vmapi_reg_tag(m->vcpu, "raxx", &tag), -ENOENT);
	EQUAL(vmapi_reg_tag(m->vcpu, "msr_0x10", &tag), -ENOENT);
	EQUAL(vmapi_reg_tag(m->vcpu, NULL, &tag), -EINVAL);
	EQUAL(vmapi_reg_tag(m->vcpu, "rax", NULL), -EINVAL);
}

static void everything_reads(struct machine *m)
{
	static uint64_t tags[TAGS_MAX];
	static struct vmapi_reg regs[TAGS_MAX];
	size_t n = list(m, tags), i, done = 0;
	size_t good = 0;

	memset(regs, 0, sizeof(regs));
	for (i = 0; i < n; i++) {
		struct vmapi_reg_info info = { .size = sizeof(info) };

		EQUAL(vmapi_reg_info(m->vcpu, tags[i], &info), 0);
		regs[i].tag = tags[i];
		regs[i].bytes = (uint32_t)info.bytes;
		regs[i].data = malloc(info.bytes);
	}
	vmapi_regs_get(m->vcpu, regs, n, &done, 0);
	for (i = 0; i < n; i++) {
		good += !regs[i].status;
		free(regs[i].data);
	}
	EQUAL((int64_t)done, (int64_t)good);
	EQUAL((int64_t)good, (int64_t)n);
}

static void general_registers(struct machine *m)
{
	struct vmapi_reg regs[18];
	size_t i, done;

	memset(regs, 0, sizeof(regs));
	for (i = 0; i < 18; i++) {
		regs[i].tag = VMAPI_X86_GPR(i);
		regs[i].value = 0x0123456789abcdefull * (i + 1);
	}
	regs[16].value = 0x7fff12345678;
	regs[17].value = 0x202;
	EQUAL(vmapi_regs_set(m->vcpu, regs, 18, &done, 0), 0);
	EQUAL((int64_t)done, 18);
	for (i = 0; i < 18; i++)
		regs[i].value = 0;
	EQUAL(vmapi_regs_get(m->vcpu, regs, 18, &done, 0), 0);
	for (i = 0; i < 16; i++)
		CHECK(regs[i].value == 0x0123456789abcdefull * (i + 1));
	CHECK(regs[16].value == 0x7fff12345678);
	CHECK(regs[17].value == 0x202);
	EQUAL(regs[3].bytes, 8);
}

static void statuses(struct machine *m)
{
	uint64_t wide = 0;
	uint8_t narrow = 0;
	struct vmapi_reg regs[4];
	size_t done = 9;

	memset(regs, 0, sizeof(regs));
	regs[0].tag = VMAPI_X86_RAX;
	regs[1].tag = 0x1234;
	regs[2].tag = VMAPI_X86_RBX;
	regs[2].data = &narrow;
	regs[2].bytes = 1;
	regs[3].tag = VMAPI_X86_RCX;
	regs[3].data = &wide;
	regs[3].bytes = 8;
	api_set(m->vcpu, VMAPI_X86_RCX, 77);
	EQUAL(vmapi_regs_get(m->vcpu, regs, 4, &done, 0), -ENOENT);
	EQUAL((int64_t)done, 2);
	EQUAL(regs[0].status, 0);
	EQUAL(regs[1].status, -ENOENT);
	EQUAL(regs[2].status, -ENOSPC);
	EQUAL(regs[2].bytes, 8);
	EQUAL(regs[3].status, 0);
	EQUAL((int64_t)wide, 77);
	EQUAL((int64_t)vmapi_error_last()->range_first, 0x1234);
	regs[0].value = 5;
	EQUAL(vmapi_regs_set(m->vcpu, regs, 2, &done,
		VMAPI_REGS_ALL_OR_NOTHING), -ENOENT);
	EQUAL((int64_t)done, 0);
	CHECK(regs[0].status);
	CHECK(api_get(m->vcpu, VMAPI_X86_RAX) != 5);
	EQUAL(vmapi_regs_set(m->vcpu, regs, 2, &done, 0), -ENOENT);
	EQUAL((int64_t)done, 1);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 5);
	EQUAL(vmapi_regs_get(m->vcpu, NULL, 0, NULL, 0), 0);
	EQUAL(vmapi_regs_get(m->vcpu, NULL, 1, NULL, 0), -EINVAL);
	EQUAL(vmapi_regs_set(m->vcpu, NULL, 1, NULL, 0), -EINVAL);
	EQUAL(vmapi_regs_get(NULL, regs, 1, NULL, 0), -EINVAL);
	EQUAL(vmapi_regs_set(NULL, regs, 1, NULL, 0), -EINVAL);
	EQUAL(vmapi_regs_get(m->vcpu, regs, 1, NULL, 1u << 7), -EINVAL);
	EQUAL(vmapi_regs_set(m->vcpu, regs, 1, NULL, 1u << 7), -EINVAL);
}

static void later_wins(struct machine *m)
{
	struct vmapi_reg regs[2] = {
		{ .tag = VMAPI_X86_RDX, .value = 1 },
		{ .tag = VMAPI_X86_RDX, .value = 2 },
	};

	EQUAL(vmapi_regs_set(m->vcpu, regs, 2, NULL, 0), 0);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RDX), 2);
}

static void segments(struct machine *m)
{
	struct vmapi_x86_segment s = { .base = 0x12340,
		.limit = 0xffff,
		.attributes = 0x93,
		.selector = 0x1234 }, got;
	struct vmapi_reg reg = { .tag = VMAPI_X86_DS,
		.data = &s,
		.bytes = sizeof(s) };

	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), 0);
	memset(&got, 0xff, sizeof(got));
	reg.data = &got;
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), 0);
	CHECK(!memcmp(&got, &s, sizeof(s)));
	reg.data = NULL;
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), -ENOSPC);
	EQUAL(reg.bytes, sizeof(s));
	reg.tag = VMAPI_X86_GDTR;
	reg.data = &s;
	s = (struct vmapi_x86_segment){ .base = 0x5000, .limit = 0x27 };
	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), 0);
	reg.data = &got;
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), 0);
	CHECK(got.base == 0x5000 && got.limit == 0x27);
}

static void floating_point(struct machine *m)
{
	uint8_t x[16] = "fifteen letters", image[512], got[16];
	struct vmapi_reg regs[5];

	memset(regs, 0, sizeof(regs));
	regs[0].tag = VMAPI_X86_XMM(3);
	regs[0].data = x;
	regs[0].bytes = 16;
	regs[1].tag = VMAPI_X86_MXCSR;
	regs[1].value = 0x1f81;
	regs[2].tag = VMAPI_X86_FCW;
	regs[2].value = 0x27f;
	EQUAL(vmapi_regs_set(m->vcpu, regs, 3, NULL, 0), 0);
	regs[0].data = got;
	regs[1].value = regs[2].value = 0;
	regs[3].tag = VMAPI_X86_FXSAVE;
	regs[3].data = image;
	regs[3].bytes = sizeof(image);
	EQUAL(vmapi_regs_get(m->vcpu, regs, 4, NULL, 0), 0);
	CHECK(!memcmp(got, x, 16));
	EQUAL((int64_t)regs[1].value, 0x1f81);
	EQUAL((int64_t)regs[2].value, 0x27f);
	EQUAL(image[0], 0x7f);
	EQUAL(image[1], 0x02);
	EQUAL(image[24], 0x81);
	CHECK(!memcmp(image + 160 + 48, x, 16));
	image[160] = 0x99;
	EQUAL(vmapi_regs_set(m->vcpu, &regs[3], 1, NULL, 0), 0);
	regs[0].tag = VMAPI_X86_XMM(0);
	EQUAL(vmapi_regs_get(m->vcpu, regs, 1, NULL, 0), 0);
	EQUAL(got[0], 0x99);
	regs[1].value = 0x1ffffffff;
	EQUAL(vmapi_regs_set(m->vcpu, &regs[1], 1, NULL, 0), -EINVAL);
}

static void areas(struct machine *m)
{
	int64_t bytes = api_cap(m, VMAPI_CAP_XSAVE_SIZE);
	struct vmapi_x86_cpuid cpuid[256];
	struct vmapi_reg reg = { .tag = VMAPI_X86_XSAVE };
	uint32_t state = 99;

	CHECK(bytes >= 512);
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), -ENOSPC);
	EQUAL(reg.bytes, bytes);
	reg.data = malloc(reg.bytes);
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), 0);
	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), 0);
	free(reg.data);
	reg.tag = VMAPI_X86_CPUID;
	reg.data = cpuid;
	reg.bytes = sizeof(cpuid);
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), 0);
	CHECK(reg.bytes && reg.bytes % sizeof(cpuid[0]) == 0);
	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), 0);
	reg.bytes = 31;
	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), -EINVAL);
	reg.tag = VMAPI_X86_MP_STATE;
	reg.data = &state;
	reg.bytes = sizeof(state);
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), 0);
	EQUAL(state, VMAPI_X86_MP_RUNNABLE);
}

static void msrs(struct machine *m)
{
	struct vmapi_reg regs[3] = {
		{ .tag = VMAPI_X86_MSR(0xc0000082), .value = 0x7fff1000 },
		{ .tag = VMAPI_X86_MSR(0xdeadbeef), .value = 1 },
		{ .tag = VMAPI_X86_MSR(0x174), .value = 8 },
	};
	size_t done;

	CHECK(vmapi_regs_set(m->vcpu, regs, 3, &done, 0) < 0);
	EQUAL((int64_t)done, 2);
	CHECK(regs[1].status < 0);
	EQUAL((int64_t)api_get(m->vcpu, regs[0].tag), 0x7fff1000);
	EQUAL((int64_t)api_get(m->vcpu, regs[2].tag), 8);
	regs[0].value = 0x7fff2000;
	regs[2].value = 16;
	CHECK(vmapi_regs_set(m->vcpu, regs, 3, &done,
		VMAPI_REGS_ALL_OR_NOTHING) < 0);
	EQUAL((int64_t)done, 0);
	EQUAL((int64_t)api_get(m->vcpu, regs[0].tag), 0x7fff1000);
	EQUAL((int64_t)api_get(m->vcpu, regs[2].tag), 8);
}

static void all_or_nothing(struct machine *m)
{
	struct vmapi_x86_segment ds = { .base = 0x40, .limit = 0xffff,
		.attributes = 0x93, .selector = 4 }, got;
	struct vmapi_reg regs[4] = {
		{ .tag = VMAPI_X86_RAX, .value = 42 },
		{ .tag = VMAPI_X86_DS, .data = &ds, .bytes = sizeof(ds) },
		{ .tag = VMAPI_X86_XCR(0), .value = 7 },
		{ .tag = VMAPI_X86_CR4, .value = 1ull << 63 }, /* no such bit */
	}, reg = { .tag = VMAPI_X86_DS, .data = &got, .bytes = sizeof(got) };
	size_t done;

	api_set(m->vcpu, VMAPI_X86_RAX, 1);
	EQUAL(vmapi_regs_set(m->vcpu, regs, 4, &done,
		VMAPI_REGS_ALL_OR_NOTHING), -EINVAL);
	EQUAL((int64_t)done, 0);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 1);
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), 0);
	CHECK(got.base != 0x40);
}

/* What no processor can be in is refused, and the reason is told. */
static void refusals(struct machine *m)
{
	static const struct {
		uint64_t tag, value;
		const char *why; /* in the sentence; NULL: it is the backend's */
	} rows[] = {
		{ VMAPI_X86_CR0, 0x80000000, "CR0.PG is set, and CR0.PE" },
		{ VMAPI_X86_CR0, 0x20000011, "CR0.NW is set, and CR0.CD" },
		{ VMAPI_X86_CR0, 1ull << 40, "no bits above 31" },
		{ VMAPI_X86_CR4, 1ull << 40, "cannot have 0x10000000000" },
		{ VMAPI_X86_DEBUG(6), 1ull << 40, "no bits above 31" },
		{ VMAPI_X86_DEBUG(7), 1ull << 40, "no bits above 31" },
		{ VMAPI_X86_APIC_BASE, 0xfee00001, NULL },
		{ VMAPI_X86_XCR(0), 0, "XCR0 is without bit 0" },
		{ VMAPI_X86_MXCSR, 1ull << 40, "more than its 4 bytes" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmapi_reg reg = { .tag = rows[i].tag,
			.value = rows[i].value };
		uint64_t before = api_get(m->vcpu, reg.tag);

		EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), -EINVAL);
		CHECK(!rows[i].why ||
			strstr(vmapi_error_last()->message, rows[i].why));
		CHECK(vmapi_error_last()->range_first == reg.tag);
		CHECK(api_get(m->vcpu, reg.tag) == before);
	}
}

/* The one that is to blame is told, of several in a block and of all. */
static void long_mode(struct machine *m)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_RBX, .value = 5 },
		{ .tag = VMAPI_X86_CR4, .value = 0x20 },
		{ .tag = VMAPI_X86_CR0, .value = 0x80000011 },
		{ .tag = VMAPI_X86_EFER, .value = 0x100 },
	};
	const char *message = vmapi_error_last()->message;

	EQUAL(vmapi_regs_set(m->vcpu, regs, 4, NULL,
		VMAPI_REGS_ALL_OR_NOTHING), -EINVAL);
	CHECK(strstr(message, "EFER.LMA is not"));
	regs[3].value = 0x500;
	regs[1].value = 0;
	EQUAL(vmapi_regs_set(m->vcpu, regs, 4, NULL,
		VMAPI_REGS_ALL_OR_NOTHING), -EINVAL);
	CHECK(strstr(message, "CR4.PAE is not"));
	regs[1].value = 0x20;
	EQUAL(vmapi_regs_set(m->vcpu, regs, 4, NULL,
		VMAPI_REGS_ALL_OR_NOTHING), 0);
}

/* A form that cannot be is told from a value. */
static void forms(struct machine *m)
{
	struct vmapi_x86_segment two[2] = { { .attributes = 0x93 } };
	struct vmapi_reg reg = { .tag = VMAPI_X86_DS };
	const char *message = vmapi_error_last()->message;

	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), -EINVAL);
	CHECK(strstr(message, "ds: it needs 'data'"));
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), -ENOSPC);
	CHECK(strstr(message, "32 bytes: it needs 'data'"));
	reg.data = two;
	reg.bytes = sizeof(two);
	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), -EINVAL);
	CHECK(strstr(message, "64 bytes are given, it has 32"));
	reg.bytes = 8;
	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), -ENOSPC);
	EQUAL(reg.bytes, 32);
	CHECK(strstr(message, "it has 32 bytes"));
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "listing", listing },
		{ "everything reads", everything_reads },
		{ "general registers", general_registers },
		{ "statuses", statuses },
		{ "later wins", later_wins },
		{ "segments", segments },
		{ "floating point", floating_point },
		{ "areas", areas },
		{ "msrs", msrs },
		{ "all or nothing", all_or_nothing },
		{ "refusals", refusals },
		{ "long mode", long_mode },
		{ "forms", forms },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
