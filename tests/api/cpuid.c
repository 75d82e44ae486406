/* SPDX-License-Identifier: MIT */
/* Lists of CPUID values: their order, fields, places and differences. */
#include "tests/api/api.h"

static struct vmapi_cpuid *empty(void)
{
	struct vmapi_cpuid *list;

	EQUAL(vmapi_cpuid_create(&list), 0);
	return list;
}

static size_t count(const struct vmapi_cpuid *list)
{
	const struct vmapi_x86_cpuid *entries;
	size_t n = 0;

	EQUAL(vmapi_cpuid_entries(list, &entries, &n), 0);
	return n;
}

static uint32_t get(const struct vmapi_cpuid *list, const char *field)
{
	uint32_t value = 0xdeadbeef;

	EQUAL(vmapi_cpuid_get(list, field, &value), 0);
	return value;
}

static void set(struct vmapi_cpuid *list, const char *field, uint32_t value)
{
	EQUAL(vmapi_cpuid_set(list, field, value), 0);
}

/* Ascending, each place once, a leaf with subleaves or without. */
static void check_order(const struct vmapi_cpuid *list)
{
	const struct vmapi_x86_cpuid *e;
	size_t i, n;

	EQUAL(vmapi_cpuid_entries(list, &e, &n), 0);
	for (i = 1; i < n; i++) {
		CHECK(e[i].leaf > e[i - 1].leaf ||
			(e[i].leaf == e[i - 1].leaf &&
				e[i].subleaf > e[i - 1].subleaf));
		CHECK(e[i].leaf != e[i - 1].leaf || e[i].has_subleaf);
	}
}

static void lists(struct machine *m)
{
	struct vmapi_x86_cpuid e = { .leaf = 7, .subleaf = 1,
		.has_subleaf = 1, .eax = 5 };
	struct vmapi_cpuid *list = empty();
	uint32_t i;

	(void)m;
	EQUAL((int64_t)count(list), 0);
	EQUAL(vmapi_cpuid_find(list, 7, 1, &e), -ENOENT);
	EQUAL(vmapi_cpuid_put(list, &e), 0);
	e.subleaf = 0;
	e.eax = 1;
	EQUAL(vmapi_cpuid_put(list, &e), 0);
	e = (struct vmapi_x86_cpuid){ .leaf = 0, .eax = 9 };
	EQUAL(vmapi_cpuid_put(list, &e), 0);
	EQUAL((int64_t)count(list), 3);
	/* One value whatever ECX is; the highest leaf grows, not shrinks. */
	EQUAL(vmapi_cpuid_find(list, 0, 77, &e), 0);
	EQUAL(e.eax, 9);
	set(list, "16.eax", 1000);
	EQUAL(get(list, "max-leaf"), 0x16);
	EQUAL(vmapi_cpuid_find(list, 7, 1, &e), 0);
	EQUAL(e.eax, 5);
	EQUAL(vmapi_cpuid_find(list, 7, 2, &e), -ENOENT);
	EQUAL((int64_t)vmapi_error_last()->range_first, 7);
	check_order(list);
	/* A leaf has one value or several. */
	e = (struct vmapi_x86_cpuid){ .leaf = 7 };
	EQUAL(vmapi_cpuid_put(list, &e), -EINVAL);
	e = (struct vmapi_x86_cpuid){ .leaf = 0, .has_subleaf = 1 };
	EQUAL(vmapi_cpuid_put(list, &e), -EINVAL);
	e = (struct vmapi_x86_cpuid){ .leaf = 5, .subleaf = 1 };
	EQUAL(vmapi_cpuid_put(list, &e), -EINVAL);
	e = (struct vmapi_x86_cpuid){ .leaf = 5, .has_subleaf = 2 };
	EQUAL(vmapi_cpuid_put(list, &e), -EINVAL);
	EQUAL(vmapi_cpuid_remove(list, 7, 1), 0);
	EQUAL(vmapi_cpuid_remove(list, 7, 1), -ENOENT);
	EQUAL((int64_t)count(list), 3);
	/* It grows, to a limit. */
	e = (struct vmapi_x86_cpuid){ .leaf = 0xd, .has_subleaf = 1 };
	for (i = 0; i < 4093; i++) {
		e.subleaf = 5000 - i;
		if (vmapi_cpuid_put(list, &e))
			break;
	}
	EQUAL(i, 4093);
	e.subleaf = 6000;
	EQUAL(vmapi_cpuid_put(list, &e), -E2BIG);
	check_order(list);
	vmapi_cpuid_destroy(list);
	vmapi_cpuid_destroy(NULL);
}

static void fields(struct machine *m)
{
	struct vmapi_cpuid_field f = { .size = sizeof(f) }, g = f;
	struct vmapi_cpuid *list = empty();
	size_t n;

	(void)m;
	EQUAL(get(list, "sse4.2"), 0);
	set(list, "sse4.2", 0); /* makes nothing */
	EQUAL((int64_t)count(list), 0);
	set(list, "sse4.2", 1);
	EQUAL(get(list, "1.ecx"), 1 << 20);
	EQUAL(get(list, "1.ecx[20]"), 1);
	EQUAL(get(list, "1.ecx[23:17]"), 8);
	set(list, "phys-bits", 46);
	set(list, "linear-bits", 48);
	EQUAL(get(list, "80000008.eax"), 48 << 8 | 46);
	set(list, "1.eax[31:0]", 0xffffffff);
	set(list, "family", 0);
	EQUAL(get(list, "1.eax"), 0xfffff0ff);
	set(list, "d.1.eax", 15);
	EQUAL(get(list, "xsaves"), 1);
	set(list, "erms", 1); /* leaf 7 has subleaves */
	EQUAL(get(list, "7.0.ebx"), 1 << 9);
	EQUAL(vmapi_cpuid_set(list, "sse4.2", 2), -ERANGE);
	EQUAL(vmapi_cpuid_set(list, "family", 16), -ERANGE);
	EQUAL(vmapi_cpuid_set(list, "sse9", 1), -ENOENT);
	EQUAL(vmapi_cpuid_set(list, "1.ecx[20", 1), -EINVAL);
	EQUAL(vmapi_cpuid_set(list, "1.ecx[32]", 1), -EINVAL);
	EQUAL(vmapi_cpuid_set(list, "1.ecx[3:4]", 1), -EINVAL);
	EQUAL(vmapi_cpuid_set(list, "1.efx", 1), -EINVAL);
	EQUAL(vmapi_cpuid_set(list, "-1.eax", 1), -EINVAL);
	EQUAL(vmapi_cpuid_set(list, "100000000.eax", 1), -EINVAL);
	EQUAL(vmapi_cpuid_field_parse("invariant-tsc", &f), 0);
	CHECK(f.leaf == 0x80000007 && f.reg == VMAPI_CPUID_EDX &&
		f.low == 8 && f.high == 8 && !f.subleaf);
	EQUAL(vmapi_cpuid_field_parse("7.1.ebx[3:2]", &f), 0);
	CHECK(f.leaf == 7 && f.subleaf == 1 && f.reg == VMAPI_CPUID_EBX &&
		f.low == 2 && f.high == 3 && !f.name);
	/* Names are unique, parse to themselves and do not overlap. */
	for (n = 0; !vmapi_cpuid_field(n, &f); n++) {
		EQUAL(vmapi_cpuid_field_parse(f.name, &g), 0);
		CHECK(g.leaf == f.leaf && g.subleaf == f.subleaf &&
			g.reg == f.reg && g.low == f.low && g.high == f.high);
		CHECK(f.low <= f.high && f.high < 32 && f.reg < 4);
	}
	CHECK(n > 200);
	EQUAL(vmapi_cpuid_field(n, &f), -ENOENT);
	vmapi_cpuid_destroy(list);
}

static void no_overlaps(struct machine *m)
{
	struct vmapi_cpuid_field f = { .size = sizeof(f) };
	struct vmapi_cpuid *list = empty();
	char place[40];
	uint32_t mask;
	size_t n;

	(void)m;
	for (n = 0; !vmapi_cpuid_field(n, &f); n++) {
		mask = (uint32_t)((2ull << (f.high - f.low)) - 1);
		if (get(list, f.name))
			CHECK(!strncmp(f.name, "max-", 4)); /* it grew */
		set(list, f.name, mask);
		EQUAL(get(list, f.name), mask);
		snprintf(place, sizeof(place), "%x.%x.%s[%u:%u]", f.leaf,
			f.subleaf, &"eax\0ebx\0ecx\0edx"[4 * f.reg], f.high,
			f.low);
		EQUAL(get(list, place), mask);
	}
	vmapi_cpuid_destroy(list);
}

/*
 * SDM 2A, CPUID.04H: subleaves go on until one of type 0; types are data,
 * code and both.  Linux shows them, and programs believe it.
 */
static void check_caches(const struct vmapi_cpuid *list)
{
	struct vmapi_x86_cpuid e;
	uint32_t n;

	if (get(list, "0.eax") < 4 || get(list, "0.ebx") != 0x756e6547)
		return; /* other than Intel's, and old ones, have none */
	for (n = 0; vmapi_cpuid_find(list, 4, n, &e) == 0; n++) {
		if ((e.eax & 0x1f) == 0)
			break;
		CHECK((e.eax & 0x1f) <= 3);
		CHECK((e.eax >> 5 & 7) >= 1 && (e.eax >> 5 & 7) <= 4);
		EQUAL((e.ebx & 0xfff) + 1, 64);
		CHECK(e.ecx > 0);
	}
	CHECK(n >= 3);
	EQUAL(vmapi_cpuid_find(list, 2, 0, &e), 0);
	EQUAL(e.eax & 0xff, 1); /* "the least significant byte ... 01H" */
}

static void supported(struct machine *m)
{
	struct vmapi_cpuid *list = empty(), *own = empty();
	struct vmapi_x86_cpuid e;

	EQUAL(vmapi_cpuid_supported(m->ctx, list), 0);
	CHECK(count(list) > 5);
	check_order(list);
	EQUAL(get(list, "fpu"), 1);
	EQUAL(get(list, "lm"), 1);
	CHECK(get(list, "phys-bits") >= 32);
	check_caches(list);
	EQUAL(vmapi_cpuid_find(list, 0, 0, &e), 0);
	EQUAL(vmapi_cpuid_read(m->vcpu, own), 0);
	check_order(own);
	check_caches(own);
	EQUAL(get(own, "apic-id"), 0);
	EQUAL(get(own, "1.eax"), get(list, "1.eax"));
	EQUAL(get(own, "80000001.edx"), get(list, "80000001.edx"));
	EQUAL(vmapi_cpuid_supported(NULL, list), -EINVAL);
	EQUAL(vmapi_cpuid_supported(m->ctx, NULL), -EINVAL);
	EQUAL(vmapi_cpuid_read(NULL, own), -EINVAL);
	EQUAL(vmapi_cpuid_read(m->vcpu, NULL), -EINVAL);
	EQUAL(vmapi_cpuid_write(m->vcpu, NULL), -EINVAL);
	vmapi_cpuid_destroy(list);
	vmapi_cpuid_destroy(own);
}

/* What the guest reads in leaf 1, and that a run freezes it. */
static void written(struct machine *m)
{
	/* mov eax, 1; cpuid; hlt; hlt */
	static const uint8_t code[] = { 0x66, 0xb8, 1, 0, 0, 0, 0x0f, 0xa2,
		0xf4, 0xf4 };
	struct vmapi_cpuid *list = empty(), *empty_list = empty();
	struct vmapi_exit exit;
	uint32_t is;

	EQUAL(vmapi_cpuid_read(m->vcpu, list), 0);
	set(list, "sse3", 0);
	set(list, "1.eax", 0x12345);
	set(list, "apic-id", 77);
	EQUAL(vmapi_cpuid_write(m->vcpu, list), 0);
	EQUAL(vmapi_cpuid_read(m->vcpu, list), 0);
	is = get(list, "sse3");
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0x12345);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RBX) >> 24, 77);
	EQUAL(is, 0);
	if (api_get(m->vcpu, VMAPI_X86_RCX) & 1)
		api_skip("this kernel shows features that were taken away");
	/* What it has already is no change. */
	EQUAL(vmapi_cpuid_write(m->vcpu, list), 0);
	EQUAL(vmapi_cpuid_read(m->vcpu, list), 0);
	EQUAL(vmapi_cpuid_write(m->vcpu, list), 0);
	set(list, "1.eax", 0x12346);
	EQUAL(vmapi_cpuid_write(m->vcpu, list), -EBUSY);
	CHECK(strstr(vmapi_error_last()->message, "frozen"));
	EQUAL(vmapi_cpuid_write(m->vcpu, empty_list), -EINVAL);
	/* A reset does not thaw it. */
	EQUAL(vmapi_vcpu_reset(m->vcpu), 0);
	EQUAL(vmapi_cpuid_write(m->vcpu, list), -EBUSY);
	EQUAL(vmapi_cpuid_read(m->vcpu, list), 0);
	EQUAL(get(list, "1.eax"), 0x12345);
	vmapi_cpuid_destroy(list);
	vmapi_cpuid_destroy(empty_list);
}

/* A list that has all that places are about: 4 cores of 2 threads. */
static void places(struct machine *m)
{
	struct vmapi_cpuid_place p = { .size = sizeof(p), .apic_id = 0x15,
		.threads = 2, .cores = 3 };
	struct vmapi_cpuid *list = empty();

	(void)m;
	set(list, "max-leaf", 0x1f);
	set(list, "1.ebx", 0xff0800);
	set(list, "4.0.eax", 0x121); /* data, level 1 */
	set(list, "4.3.eax", 0x163); /* unified, level 3 */
	set(list, "b.0.ecx", 1);
	set(list, "80000008.ecx", 0x7007);
	set(list, "8000001d.0.eax", 0x121);
	set(list, "8000001e.eax", 1);
	EQUAL(vmapi_cpuid_place(list, &p), 0);
	EQUAL(get(list, "1.ebx"), 0x15080800);
	EQUAL(get(list, "htt"), 1);
	EQUAL(get(list, "4.0.eax"), 0x121 | 1 << 14 | 3 << 26);
	EQUAL((int64_t)get(list, "4.3.eax"), 0x163 | 7 << 14 | 3 << 26);
	EQUAL(get(list, "b.0.eax"), 1);
	EQUAL(get(list, "b.0.ebx"), 2);
	EQUAL(get(list, "b.0.ecx"), 0x100);
	EQUAL(get(list, "b.0.edx"), 0x15);
	EQUAL(get(list, "b.1.eax"), 3);
	EQUAL(get(list, "b.1.ebx"), 6);
	EQUAL(get(list, "b.1.ecx"), 0x201);
	EQUAL(get(list, "b.1.edx"), 0x15);
	EQUAL(get(list, "1f.0.edx"), 0); /* it was not there */
	EQUAL(get(list, "80000008.ecx"), 0x3005);
	EQUAL(get(list, "8000001d.0.eax"), 0x121 | 1 << 14);
	EQUAL(get(list, "extended-apic-id"), 0x15);
	EQUAL(get(list, "core-id"), 2); /* 0b101 >> 1 */
	EQUAL(get(list, "threads-per-core-minus-1"), 1);
	p = (struct vmapi_cpuid_place){ .size = sizeof(p), .apic_id = 2 };
	EQUAL(vmapi_cpuid_place(list, &p), 0);
	EQUAL(get(list, "htt"), 0);
	EQUAL(get(list, "apic-ids"), 1);
	EQUAL(get(list, "4.3.eax"), 0x163);
	EQUAL(get(list, "b.1.eax"), 0);
	EQUAL(get(list, "b.1.ebx"), 1);
	p.threads = p.cores = 65535;
	EQUAL(vmapi_cpuid_place(list, &p), -EINVAL);
	vmapi_cpuid_destroy(list);
}

/* Each vcpu shows its id, wherever CPUID has one. */
static void ids(struct machine *m)
{
	struct vmapi_vcpu_config c = { .size = sizeof(c), .id = 3 };
	struct vmapi_cpuid *list = empty();
	struct vmapi_x86_cpuid e;
	struct vmapi_vcpu *vcpu;

	EQUAL(vmapi_vcpu_create(m->vm, &c, &vcpu), 0);
	EQUAL(vmapi_cpuid_read(vcpu, list), 0);
	EQUAL(get(list, "apic-id"), 3);
	if (!vmapi_cpuid_find(list, 0xb, 0, &e))
		EQUAL(get(list, "b.0.edx"), 3);
	if (!vmapi_cpuid_find(list, 0x8000001e, 0, &e))
		EQUAL(get(list, "extended-apic-id"), 3);
	vmapi_vcpu_destroy(vcpu);
	vmapi_cpuid_destroy(list);
}

static void compared(struct machine *m)
{
	static const char words[] =
		"stepping: 2 and 5\n"
		"sse4.2: only the first has it\n"
		"hypervisor: only the second has it\n"
		"leaf 7.0 is only in the second: eax 0x00000000 ebx 0x00000200"
		" ecx 0x00000000 edx 0x00000000\n"
		"16.ebx: 0x00010000 and 0x00000000\n"
		"phys-bits: 36 and 46\n";
	struct vmapi_cpuid *a = empty(), *b = empty();
	char text[1000];
	size_t n = 99;

	(void)m;
	EQUAL(vmapi_cpuid_compare(a, b, NULL, 0, &n), 0);
	EQUAL((int64_t)n, 0);
	set(a, "stepping", 2);
	set(b, "stepping", 5);
	set(a, "sse4.2", 1);
	set(b, "hypervisor", 1);
	set(b, "erms", 1);
	set(a, "16.ebx[16]", 1);
	set(b, "16.eax", 1);
	set(a, "16.eax", 1);
	set(a, "phys-bits", 36);
	set(b, "phys-bits", 46);
	EQUAL(vmapi_cpuid_compare(a, b, text, sizeof(text), &n), 0);
	EQUAL((int64_t)n, (int64_t)strlen(words));
	CHECK(!strcmp(text, words));
	EQUAL(vmapi_cpuid_compare(a, b, text, 12, &n), 0);
	EQUAL((int64_t)n, (int64_t)strlen(words));
	CHECK(!strcmp(text, "stepping: 2"));
	EQUAL(vmapi_cpuid_compare(a, NULL, text, 12, &n), -EINVAL);
	EQUAL(vmapi_cpuid_compare(a, b, NULL, 12, &n), -EINVAL);
	vmapi_cpuid_destroy(a);
	vmapi_cpuid_destroy(b);
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "lists", lists },
		{ "fields", fields },
		{ "fields that overlap", no_overlaps },
		{ "supported", supported },
		{ "written", written },
		{ "places", places },
		{ "ids", ids },
		{ "compared", compared },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
