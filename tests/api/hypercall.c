/* SPDX-License-Identifier: MIT */
/* Calls of the guest: the same whichever way they come. */
#include "tests/api/stream.h"

#include <vmapi/guest/hypercall.h>

#define CALL_PORT  0x5600u
#define CALL_PAGE  0x200000u /* behind the RAM */
#define DEVICE	   0x300000u
#define TABLES	   0x10000u
#define END_PORT   0x80u
#define USER_STACK 0x8000u

/* In the order of the convention, behind RAX. */
static const uint64_t registers[] = { VMAPI_X86_RBX, VMAPI_X86_RCX,
	VMAPI_X86_RSI, VMAPI_X86_RDI, VMAPI_X86_R8, VMAPI_X86_R9,
	VMAPI_X86_R10, VMAPI_X86_R11, VMAPI_X86_R12 };
static const uint64_t registers32[] = { VMAPI_X86_RBX, VMAPI_X86_RCX,
	VMAPI_X86_RSI, VMAPI_X86_RDI, VMAPI_X86_RBP };

/* A way, and the instruction of 16- and of 64-bit code. */
struct way {
	uint32_t way;
	const char *code16, *code64;
	size_t bytes16, bytes64;
};

static const struct way every_way[] = {
	{ VMAPI_CALL_VMCALL, "\x0f\x01\xc1", "\x0f\x01\xc1", 3, 3 },
	{ VMAPI_CALL_VMMCALL, "\x0f\x01\xd9", "\x0f\x01\xd9", 3, 3 },
	/* out %eax,(%dx) */
	{ VMAPI_CALL_PORT, "\x66\xef", "\xef", 2, 1 },
	/* mov %eax,0 with such a DS; mov %eax,(%r13) */
	{ VMAPI_CALL_PAGE, "\x66\xa3\0\0", "\x41\x89\x45\0", 4, 4 },
};

#define WAYS (sizeof(every_way) / sizeof(every_way[0]))

/* -- A machine with calls ----------------------------------------------- */

/* In place of m's VM; it has the ways that the descriptor says. */
static void with_calls(struct machine *m, uint32_t flags)
{
	struct vmapi_hypercall_config c = { .size = sizeof(c),
		.flags = flags, .port = CALL_PORT, .page = CALL_PAGE };

	vmapi_vcpu_destroy(m->vcpu);
	vmapi_as_destroy(m->as);
	vmapi_vm_destroy(m->vm);
	EQUAL(vmapi_vm_create(m->ctx, NULL, &m->vm), 0);
	EQUAL(vmapi_vm_as(m->vm, &m->as), 0);
	EQUAL(vmapi_hypercall_enable(m->vm, &c), 0);
	EQUAL(vmapi_vcpu_create(m->vm, NULL, &m->vcpu), 0);
	EQUAL(api_map(m, 0, API_RAM, 0), 0);
}

static uint32_t ways_of(struct machine *m)
{
	struct vmapi_guest_calls calls;
	uint8_t descriptor[VMAPI_CALLS_BYTES];

	EQUAL(vmapi_hypercall_describe(m->vm, descriptor), 0);
	(void)vmapi_guest_parse(&calls, descriptor);
	return calls.ways;
}

/* The instruction, and then something that always leaves. */
static void load(struct machine *m, const char *code, size_t bytes)
{
	api_load(m, code, bytes);
	EQUAL(vmapi_as_write(m->as, API_CODE + bytes, "\xe6\x80", 2), 0);
	api_set(m->vcpu, VMAPI_X86_RDX, CALL_PORT);
	api_set(m->vcpu, VMAPI_X86_R13, CALL_PAGE);
}

static void set_segment(struct machine *m, uint64_t tag,
	struct vmapi_x86_segment s)
{
	struct vmapi_reg reg = { .tag = tag, .data = &s,
		.bytes = sizeof(s) };

	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), 0);
}

static void load16(struct machine *m, const struct way *way)
{
	load(m, way->code16, way->bytes16);
	if (way->way == VMAPI_CALL_PAGE)
		set_segment(m, VMAPI_X86_DS, (struct vmapi_x86_segment){
			.base = CALL_PAGE, .limit = 0xffff,
			.attributes = 0x93,
			.selector = (CALL_PAGE >> 4) & 0xffff });
}

/* 8 MiB of addresses as they are, for both levels: SDM 3A 4.5. */
static void make_tables(struct machine *m)
{
	uint8_t table[3 * API_PAGE] = { 0 };
	unsigned i;

	table[0] = 7;
	table[1] = ((TABLES + API_PAGE) >> 8) & 0xff;
	table[2] = (TABLES + API_PAGE) >> 16;
	table[API_PAGE] = 7;
	table[API_PAGE + 1] = ((TABLES + 2 * API_PAGE) >> 8) & 0xff;
	table[API_PAGE + 2] = (TABLES + 2 * API_PAGE) >> 16;
	for (i = 0; i < 4; i++) {
		table[2 * API_PAGE + 8 * i] = 0x87;
		table[2 * API_PAGE + 8 * i + 2] = (uint8_t)(0x20 * i);
	}
	EQUAL(vmapi_as_write(m->as, TABLES, table, sizeof(table)), 0);
}

static void load64(struct machine *m, const struct way *way, unsigned cpl)
{
	struct vmapi_x86_segment code = { .limit = 0xffffffff,
		.attributes = 0xa09b | cpl << 5,
		.selector = (uint16_t)(0x10 | cpl) };
	struct vmapi_x86_segment data = { .limit = 0xffffffff,
		.attributes = 0xc093 | cpl << 5,
		.selector = (uint16_t)(0x18 | cpl) };
	struct vmapi_x86_segment task = { .limit = 0x67,
		.attributes = 0x8b, .selector = 0x20 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CR0, .value = 0x80000031 },
		{ .tag = VMAPI_X86_CR3, .value = TABLES },
		{ .tag = VMAPI_X86_CR4, .value = 0x20 },
		{ .tag = VMAPI_X86_EFER, .value = 0x500 },
		{ .tag = VMAPI_X86_CS, .data = &code, .bytes = sizeof(code) },
		{ .tag = VMAPI_X86_SS, .data = &data, .bytes = sizeof(data) },
		{ .tag = VMAPI_X86_DS, .data = &data, .bytes = sizeof(data) },
		{ .tag = VMAPI_X86_ES, .data = &data, .bytes = sizeof(data) },
		{ .tag = VMAPI_X86_TR, .data = &task, .bytes = sizeof(task) },
		{ .tag = VMAPI_X86_RSP, .value = USER_STACK },
		/* With IOPL 3 the port is everybody's. */
		{ .tag = VMAPI_X86_RFLAGS, .value = 0x3002 },
	};

	load(m, way->code64, way->bytes64);
	make_tables(m);
	EQUAL(vmapi_regs_set(m->vcpu, regs, sizeof(regs) / sizeof(regs[0]),
		NULL, VMAPI_REGS_ALL_OR_NOTHING), 0);
}

/* Ask for `call`, with numbers that are not the same in 32 bits. */
static void ask(struct machine *m, uint64_t call)
{
	size_t i;

	for (i = 0; i < 9; i++)
		api_set(m->vcpu, registers[i],
			0x1111111111111111ull * (i + 1) + call);
	api_set(m->vcpu, VMAPI_X86_RBP, 0x6666666677777777ull);
	api_set(m->vcpu, VMAPI_X86_RAX, VMAPI_CALL_X86 + call);
}

static void run_to_end(struct machine *m)
{
	struct vmapi_exit exit;

	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, END_PORT);
}

/* -- Calls -------------------------------------------------------------- */

static void check_way(uint32_t is, uint32_t shall)
{
	CHECK(is & shall);
	CHECK(!(is & ~(shall & VMAPI_CALL_NATIVE ? VMAPI_CALL_NATIVE : shall)));
}

static void nine_arguments(struct machine *m, const struct way *way)
{
	uint64_t words[10], one = 77;
	struct vmapi_exit exit;
	size_t i;

	for (i = 0; i < 10; i++)
		words[i] = 0xfedcba9876543210ull + i;
	load64(m, way, 0);
	ask(m, 3);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HYPERCALL);
	CHECK(exit.flags & VMAPI_EXIT_ANSWER);
	EQUAL((int64_t)exit.u.hypercall.number, 3);
	EQUAL(exit.u.hypercall.n_args, 9);
	EQUAL(exit.u.hypercall.n_results, 10);
	EQUAL(exit.u.hypercall.privilege, 0);
	EQUAL(exit.u.hypercall.mode, 64);
	check_way(exit.u.hypercall.way, way->way);
	for (i = 0; i < 9; i++)
		EQUAL((int64_t)exit.u.hypercall.args[i],
			(int64_t)(0x1111111111111111ull * (i + 1) + 3));
	EQUAL(vmapi_vcpu_run(m->vcpu, &exit), -EBUSY);
	EQUAL(vmapi_vcpu_complete(m->vcpu, words, 0), -EMSGSIZE);
	EQUAL(vmapi_vcpu_complete(m->vcpu, words, 12), -EMSGSIZE);
	EQUAL(vmapi_vcpu_complete(m->vcpu, words, 88), -EMSGSIZE);
	EQUAL(vmapi_vcpu_complete(m->vcpu, NULL, 8), -EINVAL);
	EQUAL(vmapi_vcpu_complete(m->vcpu, words, 80), 0);
	EQUAL(vmapi_vcpu_complete(m->vcpu, words, 80), -EALREADY);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), (int64_t)words[0]);
	run_to_end(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), (int64_t)words[0]);
	for (i = 0; i < 9; i++)
		EQUAL((int64_t)api_get(m->vcpu, registers[i]),
			(int64_t)words[1 + i]);
	/* One result leaves all else alone; the answer may be lost. */
	load64(m, way, 0);
	ask(m, 255);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HYPERCALL);
	EQUAL((int64_t)exit.u.hypercall.number, 255);
	EQUAL(vmapi_vcpu_complete(m->vcpu, &one, 8), 0);
	run_to_end(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 77);
	for (i = 0; i < 9; i++)
		EQUAL((int64_t)api_get(m->vcpu, registers[i]),
			(int64_t)(0x1111111111111111ull * (i + 1) + 255));
}

static void truncated(struct machine *m, const struct way *way)
{
	uint64_t words[6];
	struct vmapi_exit exit;
	size_t i;

	for (i = 0; i < 6; i++)
		words[i] = 0xfedcba9876543210ull + i;
	load16(m, way);
	ask(m, 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HYPERCALL);
	EQUAL((int64_t)exit.u.hypercall.number, 0);
	EQUAL(exit.u.hypercall.n_args, 5);
	EQUAL(exit.u.hypercall.n_results, 6);
	EQUAL(exit.u.hypercall.mode, 16);
	check_way(exit.u.hypercall.way, way->way);
	EQUAL((int64_t)exit.u.hypercall.args[0], 0x11111111);
	EQUAL((int64_t)exit.u.hypercall.args[4], 0x77777777);
	EQUAL(vmapi_vcpu_complete(m->vcpu, words, 56), -EMSGSIZE);
	EQUAL(vmapi_vcpu_complete(m->vcpu, words, 48), 0);
	run_to_end(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0x76543210);
	for (i = 0; i < 5; i++)
		EQUAL((int64_t)api_get(m->vcpu, registers32[i]),
			(int64_t)(0x76543211 + i));
}

/* Each way that this backend has, and that it was any. */
static void each_way(struct machine *m,
	void (*one)(struct machine *m, const struct way *way))
{
	uint32_t ways = ways_of(m);
	size_t i;

	CHECK(ways & VMAPI_CALL_PORT);
	CHECK(ways & VMAPI_CALL_PAGE);
	if (!strcmp(m->backend, "soft"))
		EQUAL(ways & 3, 3);
	for (i = 0; i < WAYS; i++)
		if (ways & every_way[i].way)
			one(m, &every_way[i]);
}

static void arguments(struct machine *m)
{
	with_calls(m, 0);
	each_way(m, nine_arguments);
}

static void other_modes(struct machine *m)
{
	with_calls(m, 0);
	each_way(m, truncated);
}

/* Some kernels give user mode no ports, whatever IOPL says. */
static bool has_no_port(struct machine *m, const struct way *way,
	const struct vmapi_exit *exit)
{
	if (way->way != VMAPI_CALL_PORT || !strcmp(m->backend, "soft") ||
		exit->reason != VMAPI_EXIT_SHUTDOWN)
		return false;
	api_skip("this kernel has no port accesses at level 3");
	return true;
}

static void refused_user(struct machine *m, const struct way *way)
{
	struct vmapi_exit exit;

	load64(m, way, 3);
	ask(m, 3);
	(void)api_run(m, &exit);
	if (has_no_port(m, way, &exit))
		return;
	EQUAL(exit.reason, VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, END_PORT);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), VMAPI_CALL_EPERM);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RBX), 0x1111111111111114);
}

static void allowed_user(struct machine *m, const struct way *way)
{
	struct vmapi_exit exit;
	uint64_t one = 1;

	load64(m, way, 3);
	ask(m, 3);
	(void)api_run(m, &exit);
	if (has_no_port(m, way, &exit))
		return;
	EQUAL(exit.reason, VMAPI_EXIT_HYPERCALL);
	EQUAL(exit.u.hypercall.privilege, 3);
	EQUAL(vmapi_vcpu_complete(m->vcpu, &one, 8), 0);
	run_to_end(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 1);
}

static void user_mode(struct machine *m)
{
	with_calls(m, 0);
	each_way(m, refused_user);
	with_calls(m, VMAPI_HYPERCALL_USER);
	each_way(m, allowed_user);
}

/* The guest's code is what it was, whoever's processor that is. */
static void not_rewritten(struct machine *m, const struct way *way)
{
	char code[4] = { 0 };

	load64(m, way, 0);
	ask(m, VMAPI_CALL_VERSION);
	run_to_end(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), VMAPI_CALL_VERSION_1);
	EQUAL(vmapi_as_read(m->as, API_CODE, code, way->bytes64), 0);
	CHECK(!memcmp(code, way->code64, way->bytes64));
	load64(m, way, 0);
	ask(m, VMAPI_CALL_OWN + 0x80);
	run_to_end(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), VMAPI_CALL_ENOSYS);
}

static void own_calls(struct machine *m)
{
	with_calls(m, 0);
	each_way(m, not_rewritten);
}

/* A number that is nobody's, and accesses that are no calls. */
static void no_calls(struct machine *m)
{
	struct vmapi_exit exit;

	with_calls(m, 0);
	load64(m, &every_way[2], 0);
	ask(m, VMAPI_CALL_END);
	run_to_end(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), VMAPI_CALL_ENOSYS);
	/* An OUT of 16 bits: an exit as everywhere. */
	load16(m, &every_way[2]);
	EQUAL(vmapi_as_write(m->as, API_CODE, "\x90", 1), 0);
	ask(m, 3);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, CALL_PORT);
	EQUAL(exit.u.io.width, 2);
	if (strcmp(m->backend, "soft"))
		return;
	/* KVM's own numbers are not there unless they were asked for. */
	load64(m, &every_way[0], 0);
	api_set(m->vcpu, VMAPI_X86_RAX, 11);
	run_to_end(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), -1000);
}

static void reset_between(struct machine *m, const struct way *way)
{
	struct vmapi_exit exit;
	uint64_t one = 1;

	load64(m, way, 0);
	ask(m, 3);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HYPERCALL);
	EQUAL(vmapi_vcpu_reset(m->vcpu), 0);
	EQUAL(vmapi_vcpu_complete(m->vcpu, &one, 8), -EALREADY);
	load16(m, way);
	ask(m, 4);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HYPERCALL);
	EQUAL((int64_t)exit.u.hypercall.number, 4);
	EQUAL(vmapi_vcpu_complete(m->vcpu, &one, 8), 0);
	run_to_end(m);
	/* The next run of a reset processor is real mode's again. */
	EQUAL(vmapi_vcpu_reset(m->vcpu), 0);
}

static void resets(struct machine *m)
{
	with_calls(m, 0);
	each_way(m, reset_between);
}

/* -- Accesses by calls -------------------------------------------------- */

struct device {
	uint64_t value;
	unsigned reads, writes;
	int verdict;
};

static int answer(void *opaque, struct vmapi_access *access)
{
	struct device *d = opaque;

	if (access->offset != 8)
		return VMAPI_REGION_PASS;
	if (access->is_write)
		d->value = access->value;
	else
		access->value = d->value & 0xffff;
	d->writes += access->is_write;
	d->reads += !access->is_write;
	return d->verdict;
}

static int64_t call(struct machine *m, uint64_t number, uint64_t address,
	uint64_t bytes)
{
	load64(m, &every_way[3], 0);
	api_set(m->vcpu, VMAPI_X86_RAX, VMAPI_CALL_X86 + number);
	api_set(m->vcpu, VMAPI_X86_RBX, address);
	api_set(m->vcpu, VMAPI_X86_RCX, bytes);
	api_set(m->vcpu, VMAPI_X86_RSI, 0x1122334455667788);
	run_to_end(m);
	return (int64_t)api_get(m->vcpu, VMAPI_X86_RAX);
}

static void accesses(struct machine *m)
{
	struct vmapi_region_config config = { .size = sizeof(config),
		.flags = VMAPI_REGION_CALLED, .base = DEVICE, .bytes = 0x100 };
	struct device d = { .verdict = VMAPI_REGION_DONE };
	struct vmapi_region *region;

	with_calls(m, 0);
	EQUAL(vmapi_region_handler(m->vm, &config, answer, &d, &region), 0);
	EQUAL(call(m, VMAPI_CALL_PREFERS, DEVICE + 8, 4), 1);
	EQUAL(call(m, VMAPI_CALL_PREFERS, DEVICE + 0xfe, 4), 0);
	EQUAL(call(m, VMAPI_CALL_PREFERS, DEVICE, 3), VMAPI_CALL_EINVAL);
	EQUAL(call(m, VMAPI_CALL_WRITE, DEVICE + 8, 4), 0);
	EQUAL((int64_t)d.value, 0x55667788);
	EQUAL(call(m, VMAPI_CALL_WRITE, DEVICE + 8, 8), 0);
	EQUAL((int64_t)d.value, 0x1122334455667788);
	EQUAL(call(m, VMAPI_CALL_READ, DEVICE + 8, 2), 0);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RBX), 0x7788);
	EQUAL(d.reads, 1);
	EQUAL(d.writes, 2);
	/* Who does not answer is not asked this way. */
	EQUAL(call(m, VMAPI_CALL_READ, DEVICE, 4), VMAPI_CALL_ENOTSUP);
	EQUAL(call(m, VMAPI_CALL_READ, DEVICE + 0x1000, 4),
		VMAPI_CALL_ENOTSUP);
	EQUAL(call(m, VMAPI_CALL_READ, API_CODE, 4), VMAPI_CALL_ENOTSUP);
	EQUAL(call(m, VMAPI_CALL_WRITE, DEVICE + 8, 0), VMAPI_CALL_EINVAL);
	EQUAL(call(m, VMAPI_CALL_WRITE, DEVICE + 8, 1ull << 32),
		VMAPI_CALL_EINVAL);
	EQUAL(call(m, VMAPI_CALL_WRITE, UINT64_MAX, 2), VMAPI_CALL_EINVAL);
	vmapi_region_destroy(region);
	EQUAL(call(m, VMAPI_CALL_PREFERS, DEVICE + 8, 4), 0);
}

/* -- A guest with the header -------------------------------------------- */

static size_t read_guest(uint8_t *code, size_t room)
{
	FILE *file = fopen("tests/guest/x86/calls.raw", "rb");
	size_t n = 0;

	if (file) {
		n = fread(code, 1, room, file);
		fclose(file);
	}
	if (!n)
		api_skip("no guest was compiled");
	return n;
}

/* Twice each argument, and their sum. */
static void serve(struct machine *m, const struct vmapi_exit *exit)
{
	const struct vmapi_exit_hypercall *h = &exit->u.hypercall;
	uint64_t words[10] = { 0 };
	size_t i;

	EQUAL((int64_t)h->number, 9);
	for (i = 0; i < 9; i++) {
		words[0] += h->args[i];
		words[1 + i] = 2 * h->args[i];
	}
	EQUAL(vmapi_vcpu_complete(m->vcpu, words, sizeof(words)), 0);
}

static void with_header(struct machine *m)
{
	static const struct way none = { 0, "", "", 0, 0 };
	struct vmapi_region_config config = { .size = sizeof(config),
		.flags = VMAPI_REGION_CALLED, .base = DEVICE, .bytes = 0x100 };
	struct device d = { .verdict = VMAPI_REGION_DONE };
	struct vmapi_region *region;
	struct vmapi_exit exit;
	static uint8_t code[0x4000];
	size_t n = read_guest(code, sizeof(code)), calls = 0, ways = 0, i;

	if (!n)
		return;
	with_calls(m, 0);
	for (i = 0; i < WAYS; i++)
		ways += (ways_of(m) & every_way[i].way) != 0;
	EQUAL(vmapi_region_handler(m->vm, &config, answer, &d, &region), 0);
	load64(m, &none, 0);
	EQUAL(vmapi_as_write(m->as, API_CODE, code, n), 0);
	while (api_run(m, &exit) == VMAPI_EXIT_HYPERCALL && calls++ < 9)
		serve(m, &exit);
	EQUAL(exit.reason, VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, END_PORT);
	EQUAL(*(const uint8_t *)exit.u.io.data, 0);
	EQUAL((int64_t)calls, (int64_t)ways);
	EQUAL(d.writes, (int64_t)ways);
	vmapi_region_destroy(region);
}

/* -- Discovery ---------------------------------------------------------- */

/* Returns where it is: behind the leaves of others. */
static uint32_t check_leaf(struct machine *m, uint32_t ways)
{
	struct vmapi_x86_cpuid e = { .ebx = 0 };
	struct vmapi_cpuid *list;
	uint32_t leaf, hypervisor = 0;

	EQUAL(vmapi_cpuid_create(&list), 0);
	EQUAL(vmapi_cpuid_read(m->vcpu, list), 0);
	EQUAL(vmapi_cpuid_get(list, "1.ecx[31]", &hypervisor), 0);
	EQUAL(hypervisor, 1);
	for (leaf = VMAPI_CALLS_LEAF_FIRST; leaf <= VMAPI_CALLS_LEAF_LAST;
		leaf += VMAPI_CALLS_LEAF_STEP)
		if (!vmapi_cpuid_find(list, leaf, 0, &e) &&
			e.ebx == VMAPI_CALLS_LEAF_EBX)
			break;
	CHECK(e.ecx == VMAPI_CALLS_LEAF_ECX && e.edx == VMAPI_CALLS_LEAF_EDX);
	EQUAL(vmapi_cpuid_find(list, leaf + 1, 0, &e), 0);
	EQUAL(e.eax, ways);
	EQUAL(e.ebx, CALL_PORT);
	EQUAL(e.ecx, CALL_PAGE);
	EQUAL(e.edx, 0);
	vmapi_cpuid_destroy(list);
	return leaf;
}

static void discovery(struct machine *m)
{
	/* cpuid; hlt */
	static const uint8_t code[] = { 0x0f, 0xa2, 0xf4 };
	struct vmapi_guest_calls calls;
	uint8_t descriptor[VMAPI_CALLS_BYTES];
	struct vmapi_exit exit;
	uint32_t leaf;

	EQUAL(vmapi_hypercall_describe(m->vm, descriptor), -ENOENT);
	with_calls(m, 0);
	EQUAL(vmapi_hypercall_describe(m->vm, NULL), -EINVAL);
	EQUAL(vmapi_hypercall_describe(m->vm, descriptor), 0);
	(void)vmapi_guest_parse(&calls, descriptor);
	EQUAL(calls.port, CALL_PORT);
	EQUAL((int64_t)calls.page_gpa, CALL_PAGE);
	descriptor[VMAPI_CALLS_MAGIC + 3] ^= 1;
	EQUAL(vmapi_guest_parse(&calls, descriptor), 0);
	EQUAL(calls.ways, 0);
	leaf = check_leaf(m, ways_of(m));
	/* And the guest sees it. */
	api_load(m, code, sizeof(code));
	api_set(m->vcpu, VMAPI_X86_RAX, leaf);
	api_set(m->vcpu, VMAPI_X86_RCX, 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RBX),
		VMAPI_CALLS_LEAF_EBX);
}

static int enable(struct machine *m, uint32_t ways, uint32_t port,
	uint64_t page)
{
	struct vmapi_hypercall_config c = { .size = sizeof(c), .ways = ways,
		.port = port, .page = page };
	struct vmapi_vm *vm;
	int err;

	EQUAL(vmapi_vm_create(m->ctx, NULL, &vm), 0);
	err = vmapi_hypercall_enable(vm, &c);
	/* Once: and what failed left nothing behind. */
	if (!err)
		EQUAL(vmapi_hypercall_enable(vm, &c), -EBUSY);
	c = (struct vmapi_hypercall_config){ .size = sizeof(c),
		.port = CALL_PORT };
	if (err)
		EQUAL(vmapi_hypercall_enable(vm, &c), 0);
	vmapi_vm_destroy(vm);
	return err;
}

static void bad_requests(struct machine *m)
{
	struct vmapi_hypercall_config c = { .size = sizeof(c), .flags = 2,
		.port = CALL_PORT };
	struct vmapi_region_config rival = { .size = sizeof(rival),
		.space = VMAPI_SPACE_PORT, .base = CALL_PORT, .bytes = 1 };
	struct device d = { .value = 0 };
	struct vmapi_region *region;

	EQUAL(vmapi_hypercall_enable(NULL, &c), -EINVAL);
	EQUAL(vmapi_hypercall_enable(m->vm, NULL), -EINVAL);
	EQUAL(vmapi_hypercall_enable(m->vm, &c), -EINVAL);
	c.flags = 0;
	EQUAL(vmapi_hypercall_enable(m->vm, &c), -EBUSY);
	EQUAL(enable(m, 0x100, CALL_PORT, 0), -EINVAL);
	EQUAL(enable(m, 0, 0xfffd, 0), -EINVAL);
	EQUAL(enable(m, 0, 0, CALL_PAGE + 4), -EINVAL);
	EQUAL(enable(m, VMAPI_CALL_HVC, CALL_PORT, CALL_PAGE), -ENOTSUP);
	EQUAL(enable(m, VMAPI_CALL_PORT, 0, 0), -ENOTSUP);
	EQUAL(enable(m, 0, 0xfffc, CALL_PAGE), 0);
	with_calls(m, 0);
	EQUAL(vmapi_region_handler(m->vm, &rival, answer, &d, &region),
		-EEXIST);
	EQUAL(api_map(m, CALL_PAGE, API_PAGE, 0), -EEXIST);
	EQUAL(vmapi_hypercall_describe(NULL, &c), -EINVAL);
}

/* -- States ------------------------------------------------------------- */

static void remake(struct machine *m, const struct vmapi_hypercall_config *c)
{
	vmapi_vcpu_destroy(m->vcpu);
	vmapi_as_destroy(m->as);
	vmapi_vm_destroy(m->vm);
	EQUAL(vmapi_vm_create(m->ctx, NULL, &m->vm), 0);
	EQUAL(vmapi_vm_as(m->vm, &m->as), 0);
	if (c)
		EQUAL(vmapi_hypercall_enable(m->vm, c), 0);
	EQUAL(vmapi_vcpu_create(m->vm, NULL, &m->vcpu), 0);
	EQUAL(api_map(m, 0, API_RAM, 0), 0);
}

/* A state that was made with one config goes into VMs with the same alone. */
static void states(struct machine *m)
{
	static const struct vmapi_hypercall_config port = {
		.size = sizeof(port), .ways = VMAPI_CALL_PORT,
		.port = CALL_PORT };
	static const struct vmapi_hypercall_config both = {
		.size = sizeof(both),
		.ways = VMAPI_CALL_PORT | VMAPI_CALL_PAGE,
		.port = CALL_PORT, .page = CALL_PAGE };
	static const struct vmapi_hypercall_config other = {
		.size = sizeof(other), .ways = VMAPI_CALL_PORT,
		.port = CALL_PORT + 4 };
	static const struct vmapi_hypercall_config elsewhere = {
		.size = sizeof(elsewhere),
		.ways = VMAPI_CALL_PORT | VMAPI_CALL_PAGE,
		.port = CALL_PORT, .page = CALL_PAGE + API_PAGE };
	static const struct vmapi_hypercall_config user = {
		.size = sizeof(user), .flags = VMAPI_HYPERCALL_USER,
		.ways = VMAPI_CALL_PORT, .port = CALL_PORT };
	static const struct {
		const struct vmapi_hypercall_config *from, *to;
		int err;
		const char *word;
	} rows[] = {
		{ &port, &port, 0, NULL },
		{ &both, &both, 0, NULL },
		{ NULL, NULL, 0, NULL },
		{ &port, &both, 0, NULL },
		{ &both, &port, -ENODEV, "ways" },
		{ &port, &other, -ENODEV, "port" },
		{ &both, &elsewhere, -ENODEV, "page" },
		{ &port, &user, -ENODEV, "flags" },
		{ &user, &port, -ENODEV, "flags" },
		{ &port, NULL, -ENODEV, "the VM has no calls" },
		{ NULL, &port, -ENODEV, "the stream has no calls" },
	};
	struct stream s;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		remake(m, rows[i].from);
		stream_save(&s, m->vm, NULL);
		CHECK(!stream_section(&s, 13) == !rows[i].from);
		remake(m, rows[i].to);
		EQUAL(stream_restore(&s, s.n, m->vm, NULL), rows[i].err);
		CHECK(!rows[i].word || strstr(vmapi_error_last()->message,
			rows[i].word));
		stream_free(&s);
	}
	/* What the section says, byte by byte. */
	remake(m, &both);
	stream_save(&s, m->vm, NULL);
	EQUAL(stream_get(stream_section(&s, 13) + SECTION_HEAD, 4), 0);
	EQUAL(stream_get(stream_section(&s, 13) + SECTION_HEAD + 4, 4),
		VMAPI_CALL_PORT | VMAPI_CALL_PAGE);
	EQUAL(stream_get(stream_section(&s, 13) + SECTION_HEAD + 8, 8),
		CALL_PORT);
	EQUAL(stream_get(stream_section(&s, 13) + SECTION_HEAD + 16, 8),
		CALL_PAGE);
	stream_free(&s);
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "arguments and results", arguments },
		{ "other modes", other_modes },
		{ "user mode", user_mode },
		{ "the library's own calls", own_calls },
		{ "what is no call", no_calls },
		{ "a reset between", resets },
		{ "accesses by calls", accesses },
		{ "a guest with the header", with_header },
		{ "discovery", discovery },
		{ "bad requests", bad_requests },
		{ "states", states },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
