/* SPDX-License-Identifier: MIT */
/* The conformance suite's runner and the machine that its cases get. */
#include <dirent.h>

#include "tests/api/api.h"

#define BACKENDS_MAX 8

static unsigned failures, ran;
static const char *backend_now, *case_now;
static char skipped[160]; /* why the case in progress proves nothing */

static void say_where(const char *where, int line)
{
	printf("%s: %s: %s:%d: ", backend_now, case_now, where, line);
	failures++;
}

void api_check(bool good, const char *what, const char *where, int line)
{
	if (good)
		return;
	say_where(where, line);
	printf("not so: %s (last error: %s: %s)\n", what,
		vmapi_error_last()->operation, vmapi_error_last()->message);
}

void api_equal(int64_t is, int64_t shall, const char *where, int line)
{
	if (is == shall)
		return;
	say_where(where, line);
	printf("%lld instead of %lld (last error: %s: %s)\n", (long long)is,
		(long long)shall, vmapi_error_last()->operation,
		vmapi_error_last()->message);
}

unsigned api_failures(void)
{
	return failures;
}

void api_skip(const char *why)
{
	snprintf(skipped, sizeof(skipped), "%s", why);
}

int api_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* -- The machine -------------------------------------------------------- */

void api_give_up(void)
{
	printf("not ok %u - %s: %s\ncannot go on: %s: %s: %s\n", ran + 1,
		backend_now, case_now,
		vmapi_error_last()->operation, vmapi_error_last()->object,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

/* What a case cannot go on without. */
static void must(int err)
{
	if (err)
		api_give_up();
}

int api_map(struct machine *m, uint64_t gpa, uint64_t bytes, uint64_t offset)
{
	struct vmapi_map_entry e = { .size = sizeof(e),
		.gpa = gpa,
		.bytes = bytes,
		.ram = m->ram,
		.offset = offset };
	struct vmapi_map *map;

	must(vmapi_map_begin(m->vm, &map));
	must(vmapi_map_add(map, m->as, &e));
	return vmapi_map_commit(map);
}

int api_unmap(struct machine *m, uint64_t gpa, uint64_t bytes)
{
	struct vmapi_map *map;

	must(vmapi_map_begin(m->vm, &map));
	must(vmapi_map_remove(map, m->as, gpa, bytes));
	return vmapi_map_commit(map);
}

void api_machine(struct machine *m, const struct vmapi_vm_config *config)
{
	struct vmapi_ram_config c = { .size = sizeof(c),
		.bytes = API_RAM,
		.name = "main" };

	must(vmapi_open(m->backend, 0, &m->ctx));
	must(vmapi_vm_create(m->ctx, config, &m->vm));
	must(vmapi_vm_as(m->vm, &m->as));
	must(vmapi_ram_create(m->ctx, &c, &m->ram));
	must(vmapi_vcpu_create(m->vm, NULL, &m->vcpu));
	must(api_map(m, 0, API_RAM, 0));
}

void api_machine_free(struct machine *m)
{
	vmapi_vcpu_destroy(m->vcpu);
	vmapi_ram_destroy(m->ram);
	vmapi_as_destroy(m->as);
	vmapi_vm_destroy(m->vm);
	vmapi_close(m->ctx);
}

uint64_t api_get(struct vmapi_vcpu *vcpu, uint64_t tag)
{
	struct vmapi_reg reg = { .tag = tag };

	must(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	return reg.value;
}

void api_set(struct vmapi_vcpu *vcpu, uint64_t tag, uint64_t value)
{
	struct vmapi_reg reg = { .tag = tag, .value = value };

	must(vmapi_regs_set(vcpu, &reg, 1, NULL, 0));
}

void api_real_mode(struct vmapi_vcpu *vcpu, uint64_t rip)
{
	struct vmapi_x86_segment code = { .limit = 0xffff,
		.attributes = 0x9b }, data = { .limit = 0xffff,
		.attributes = 0x93 };
	struct vmapi_reg regs[9];
	size_t i;

	memset(regs, 0, sizeof(regs));
	for (i = 0; i < 6; i++) {
		regs[i].tag = VMAPI_X86_SEGMENT(i);
		regs[i].data = i == 1 ? &code : &data;
		regs[i].bytes = sizeof(code);
	}
	regs[6].tag = VMAPI_X86_RIP;
	regs[6].value = rip;
	regs[7].tag = VMAPI_X86_RSP;
	regs[7].value = 0x8000;
	regs[8].tag = VMAPI_X86_RFLAGS;
	regs[8].value = 2;
	must(vmapi_regs_set(vcpu, regs, 9, NULL, 0));
}

void api_flat(struct vmapi_vcpu *vcpu, uint64_t rip)
{
	struct vmapi_x86_segment cs = { .limit = 0xffffffff,
		.attributes = 0xc09b, .selector = 8 };
	struct vmapi_x86_segment ds = { .limit = 0xffffffff,
		.attributes = 0xc093, .selector = 16 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CR0, .value = 0x11 },
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_DS, .data = &ds, .bytes = sizeof(ds) },
		{ .tag = VMAPI_X86_ES, .data = &ds, .bytes = sizeof(ds) },
		{ .tag = VMAPI_X86_SS, .data = &ds, .bytes = sizeof(ds) },
		{ .tag = VMAPI_X86_RIP, .value = rip },
		{ .tag = VMAPI_X86_RFLAGS, .value = 2 },
	};

	must(vmapi_regs_set(vcpu, regs, sizeof(regs) / sizeof(regs[0]), NULL,
		0));
}

void api_load(struct machine *m, const void *code, size_t bytes)
{
	must(vmapi_as_write(m->as, API_CODE, code, bytes));
	api_real_mode(m->vcpu, API_CODE);
}

int64_t api_cap(struct machine *m, unsigned id)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };

	must(vmapi_vm_cap_get(m->vm, id, &cap));
	return cap.value;
}

unsigned api_run(struct machine *m, struct vmapi_exit *exit)
{
	exit->size = sizeof(*exit);
	must(vmapi_vcpu_run(m->vcpu, exit));
	return exit->reason;
}

/* -- The runner --------------------------------------------------------- */

static void run_case(const struct api_case *c, const char *backend)
{
	struct machine m = { .backend = backend };
	int before = api_descriptors();
	unsigned failed = failures;

	case_now = c->name;
	skipped[0] = '\0';
	api_machine(&m, NULL);
	c->run(&m);
	api_machine_free(&m);
	api_equal(api_descriptors(), before, "descriptors after the case", 0);
	printf("%sok %u - %s: %s%s%s\n", failures > failed ? "not " : "",
		++ran, backend, c->name, skipped[0] ? " # SKIP " : "", skipped);
}

/* Whether the guests of a backend are of x86; unknown is yes. */
static bool runs_x86(const char *backend)
{
	struct vmapi_cpuid *list;
	struct vmapi *ctx;
	int err;

	if (vmapi_cpuid_create(&list) || vmapi_open(backend, 0, &ctx))
		return true;
	err = vmapi_cpuid_supported(ctx, list);
	vmapi_close(ctx);
	vmapi_cpuid_destroy(list);
	return err != -ENOTSUP;
}

/* Whether entries can be as short as a page. */
static bool has_small_entries(const char *backend)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	struct vmapi *ctx;

	if (vmapi_open(backend, 0, &ctx))
		return false;
	must(vmapi_cap_get(ctx, VMAPI_CAP_MAP_ALIGN, &cap));
	vmapi_close(ctx);
	return cap.value <= API_PAGE;
}

static bool has(enum api_needs needs, bool executes)
{
	switch (needs) {
	case API_NO_GUEST: return true;
	case API_PAGES: return has_small_entries(backend_now);
	default: return executes && runs_x86(backend_now);
	}
}

static size_t run_backend(const struct api_set *sets, size_t n, bool executes)
{
	size_t i, k, tried = 0;

	for (i = 0; i < n; i++) {
		if (!has(sets[i].needs, executes))
			continue;
		for (k = 0; k < sets[i].n; k++)
			run_case(&sets[i].cases[k], backend_now);
		tried += sets[i].n;
	}
	if (!tried)
		printf("%s: not run: these guests are of x86\n", backend_now);
	return tried;
}

int api_main_sets(const struct api_set *sets, size_t n)
{
	struct vmapi_backend_info infos[BACKENDS_MAX];
	size_t count, i, tried = 0;
	bool executes = api_present();
	const char *only = getenv("VMI_BACKEND");

	/* What hangs shows how far it came. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	infos[0].size = sizeof(infos[0]);
	if (vmapi_probe(0, infos, BACKENDS_MAX, &count)) {
		printf("probing failed: %s\n", vmapi_error_last()->message);
		return EXIT_FAILURE;
	}
	for (i = 0; i < count && i < BACKENDS_MAX; i++) {
		if (only && *only && strcmp(infos[i].name, only))
			continue;
		if (infos[i].status) {
			printf("%s: not run: %s\n", infos[i].name,
				infos[i].reason);
			continue;
		}
		backend_now = infos[i].name;
		if (!executes && strcmp(backend_now, "kvm"))
			continue; /* nothing new */
		tried += run_backend(sets, n, executes);
	}
	if (tried)
		printf("1..%u\n", ran);
	if (tried)
		return failures ? EXIT_FAILURE : EXIT_SUCCESS;
	printf("no backend can be opened\n");
	return 77;
}

int api_main(const struct api_case *cases, size_t n)
{
	const struct api_set set = { API_GUEST, cases, n };

	return api_main_sets(&set, 1);
}

int api_main_any(const struct api_case *cases, size_t n)
{
	const struct api_set set = { API_NO_GUEST, cases, n };

	return api_main_sets(&set, 1);
}
