/* SPDX-License-Identifier: MIT */
/* Opening, probing, capabilities, logs, errors, structs of other sizes. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/api/api.h"

static void probe_lists(struct machine *m)
{
	struct vmapi_backend_info infos[8] = { { .size = sizeof(infos[0]) } };
	size_t n, all, i, defaults = 0;
	bool found = false;

	EQUAL(vmapi_probe(0, NULL, 0, &all), 0);
	EQUAL(vmapi_probe(0, infos, 8, &n), 0);
	EQUAL((int64_t)n, (int64_t)all);
	for (i = 0; i < n; i++) {
		CHECK(*infos[i].reason);
		EQUAL(infos[i].size, sizeof(infos[i]));
		found |= !strcmp(infos[i].name, m->backend);
		defaults += (infos[i].flags & VMAPI_BACKEND_DEFAULT) != 0;
	}
	CHECK(found);
	EQUAL((int64_t)defaults, 1);
	EQUAL(vmapi_probe(0, NULL, 1, &n), -EINVAL);
	EQUAL(vmapi_probe(0, infos, 8, NULL), -EINVAL);
	EQUAL(vmapi_probe(1u << 31, infos, 8, &n), -EINVAL);
	infos[0].size = 4;
	EQUAL(vmapi_probe(0, infos, 8, &n), -EINVAL);
}

static void probe_writes_n(struct machine *m)
{
	struct vmapi_backend_info infos[3];
	size_t n;

	(void)m;
	memset(infos, 0x5a, sizeof(infos));
	infos[0].size = sizeof(infos[0]);
	EQUAL(vmapi_probe(0, infos, 1, &n), 0);
	EQUAL(infos[1].size, 0x5a5a5a5a);
}

static void open_by_name(struct machine *m)
{
	struct vmapi *ctx = NULL;

	EQUAL(vmapi_open("no such thing", 0, &ctx), -ENOENT);
	CHECK(!ctx);
	CHECK(strstr(vmapi_error_last()->message, "no such thing"));
	EQUAL(vmapi_open(m->backend, 1, &ctx), -EINVAL);
	EQUAL(vmapi_open(m->backend, 0, NULL), -EINVAL);
	EQUAL(vmapi_open(m->backend, 0, &ctx), 0);
	CHECK(!strcmp(vmapi_backend_name(ctx), m->backend));
	CHECK(*vmapi_backend_reason(ctx));
	vmapi_close(ctx);
	vmapi_close(NULL);
	CHECK(!vmapi_backend_name(NULL));
	CHECK(!vmapi_backend_reason(NULL));
}

static void open_by_environment(struct machine *m)
{
	struct vmapi *ctx;

	setenv("VMAPI_BACKEND", m->backend, 1);
	EQUAL(vmapi_open(NULL, 0, &ctx), 0);
	CHECK(!strcmp(vmapi_backend_name(ctx), m->backend));
	CHECK(strstr(vmapi_backend_reason(ctx), "VMAPI_BACKEND"));
	vmapi_close(ctx);
	setenv("VMAPI_BACKEND", "abacus", 1);
	EQUAL(vmapi_open(NULL, 0, &ctx), -ENOENT);
	unsetenv("VMAPI_BACKEND");
}

static void capabilities(struct machine *m)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	unsigned id;
	int value;

	for (id = VMAPI_CAP_VCPUS_MAX; id <= VMAPI_CAP_WATCHPOINTS; id++) {
		CHECK(vmapi_cap_name(id));
		EQUAL(vmapi_cap_get(m->ctx, id, &cap), 0);
		EQUAL(vmapi_vm_cap_get(m->vm, id, &cap), 0);
		CHECK(!cap.value || cap.origin);
	}
	CHECK(!vmapi_cap_name(0));
	CHECK(!vmapi_cap_name(9999));
	EQUAL(vmapi_cap_get(m->ctx, 0, &cap), -ENOENT);
	EQUAL(vmapi_vm_cap_get(m->vm, 9999, &cap), -ENOENT);
	EQUAL(vmapi_cap_get(NULL, 1, &cap), -EINVAL);
	EQUAL(vmapi_vm_cap_get(NULL, 1, &cap), -EINVAL);
	EQUAL(vmapi_cap_get(m->ctx, 1, NULL), -EINVAL);
	CHECK(api_cap(m, VMAPI_CAP_VCPUS_MAX) >= 1);
	CHECK(api_cap(m, VMAPI_CAP_PAGE_SIZE) >= 4096);
	CHECK(api_cap(m, VMAPI_CAP_PHYS_BITS) >= 32);
	CHECK(api_cap(m, VMAPI_CAP_MAP_ENTRIES) >= 8);
	CHECK(api_cap(m, VMAPI_CAP_ADDRESS_SPACES) >= 1);
	if (!strcmp(m->backend, "kvm")) {
		EQUAL(vmapi_cap_raw(m->ctx, 3, &value), 0); /* USER_MEMORY */
		EQUAL(value, 1);
		EQUAL(vmapi_vm_cap_raw(m->vm, 3, &value), 0);
	} else {
		EQUAL(vmapi_cap_raw(m->ctx, 3, &value), -ENOTSUP);
		EQUAL(vmapi_vm_cap_raw(m->vm, 3, &value), -ENOTSUP);
	}
	EQUAL(vmapi_cap_raw(NULL, 3, &value), -EINVAL);
	EQUAL(vmapi_vm_cap_raw(NULL, 3, &value), -EINVAL);
}

/* -- Structs of other sizes --------------------------------------------- */

struct later_vm_config {
	struct vmapi_vm_config known;
	uint64_t unknown;
};

static void sizes(struct machine *m)
{
	struct later_vm_config later = { .known = { .size = sizeof(later) } };
	struct vmapi_vm_config small = { .size = 8 };
	struct {
		struct vmapi_cap known;
		uint64_t beyond;
	} wide = { { .size = sizeof(wide) }, 0x1234 };
	struct vmapi_vm *vm;

	EQUAL(vmapi_vm_create(m->ctx, &later.known, &vm), 0);
	vmapi_vm_destroy(vm);
	later.unknown = 1;
	EQUAL(vmapi_vm_create(m->ctx, &later.known, &vm), -E2BIG);
	EQUAL(vmapi_vm_create(m->ctx, &small, &vm), -EINVAL);
	EQUAL(vmapi_cap_get(m->ctx, 1, &wide.known), 0);
	EQUAL((int64_t)wide.beyond, 0x1234);
	EQUAL(wide.known.size, sizeof(wide.known));
	wide.known.size = 4;
	EQUAL(vmapi_cap_get(m->ctx, 1, &wide.known), -EINVAL);
}

static void vm_config(struct machine *m)
{
	struct vmapi_vm_config c = { .size = sizeof(c) };
	struct vmapi_vm *vm = NULL;

	EQUAL(vmapi_vm_create(NULL, NULL, &vm), -EINVAL);
	EQUAL(vmapi_vm_create(m->ctx, NULL, NULL), -EINVAL);
	c.flags = 1u << 30;
	EQUAL(vmapi_vm_create(m->ctx, &c, &vm), -EINVAL);
	c.flags = VMAPI_VM_PIT;
	EQUAL(vmapi_vm_create(m->ctx, &c, &vm), -EINVAL);
	c.flags = 0;
	c.irqchip = 3;
	EQUAL(vmapi_vm_create(m->ctx, &c, &vm), -EINVAL);
	c.irqchip = 0;
	c.kick_signal = 9;
	EQUAL(vmapi_vm_create(m->ctx, &c, &vm), -EINVAL);
	c.kick_signal = 0;
	c.type = 1ull << 62;
	EQUAL(vmapi_vm_create(m->ctx, &c, &vm), -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "type"));
	CHECK(!vm);
}

/* -- Order of dropping, errors, logs ------------------------------------ */

static void drop_parents_first(struct machine *m)
{
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_vcpu *vcpu;
	uint64_t id = 9;

	EQUAL(vmapi_open(m->backend, 0, &ctx), 0);
	EQUAL(vmapi_vm_create(ctx, NULL, &vm), 0);
	EQUAL(vmapi_vcpu_create(vm, NULL, &vcpu), 0);
	vmapi_close(ctx);
	vmapi_vm_destroy(vm);
	EQUAL(vmapi_vcpu_id(vcpu, &id), 0);
	EQUAL((int64_t)id, 0);
	vmapi_vcpu_destroy(vcpu);
}

static void error_record(struct machine *m)
{
	const struct vmapi_error *e = vmapi_error_last();
	struct vmapi_vcpu *vcpu;

	EQUAL(vmapi_vcpu_create(m->vm, NULL, &vcpu), -EEXIST);
	EQUAL(e->code, -EEXIST);
	CHECK(!strcmp(e->operation, "vmapi_vcpu_create"));
	CHECK(!strcmp(e->object, "vm"));
	CHECK(strstr(e->message, "vcpu 0"));
	EQUAL(vmapi_vm_service(m->vm), 0);
	EQUAL(e->code, -EEXIST);
	EQUAL(vmapi_vm_service(NULL), -EINVAL);
	CHECK(!strcmp(e->operation, "vmapi_vm_service"));
}

static unsigned log_lines;

static void count_line(void *opaque, int level, const char *line)
{
	(void)level;
	log_lines++;
	CHECK(strstr(line, opaque));
}

static void count_trace(void *opaque, unsigned what, const char *line)
{
	(void)opaque;
	(void)line;
	if (what == VMAPI_TRACE_EXIT)
		log_lines++;
}

static void logs(struct machine *m)
{
	static const uint8_t code[] = { 0xe6, 0x42, 0xf4 }; /* out 0x42 */
	struct vmapi_exit exit;

	log_lines = 0;
	EQUAL(vmapi_log_set(m->ctx, VMAPI_LOG_INFO, count_line,
		(void *)(uintptr_t)m->backend), 0);
	EQUAL(log_lines, 1);
	EQUAL(vmapi_log_set(m->ctx, 7, NULL, NULL), -EINVAL);
	EQUAL(vmapi_log_set(m->ctx, 0, NULL, NULL), 0);
	EQUAL(vmapi_trace_set(m->ctx, 1u << 20, count_trace, NULL), -EINVAL);
	EQUAL(vmapi_trace_set(m->ctx, VMAPI_TRACE_EXIT, NULL, NULL), -EINVAL);
	EQUAL(vmapi_trace_set(m->ctx, VMAPI_TRACE_EXIT, count_trace, NULL), 0);
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(log_lines, 2);
	EQUAL(vmapi_trace_set(m->ctx, 0, NULL, NULL), 0);
}

/* -- Fork --------------------------------------------------------------- */

static int child_calls(struct machine *m)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = API_RAM };
	struct vmapi_ram *ram;
	struct vmapi_vm *vm;
	struct vmapi *ctx;
	int bad = 0;

	bad |= vmapi_vcpu_run(m->vcpu, &exit) != -EPERM;
	bad |= vmapi_vcpu_kick(m->vcpu) != -EPERM;
	bad |= vmapi_vm_create(m->ctx, NULL, &vm) != -EPERM;
	bad |= vmapi_ram_create(m->ctx, &c, &ram) != -EPERM;
	bad |= vmapi_vm_service(m->vm) != -EPERM;
	api_machine_free(m);
	/* What the child opens is the child's. */
	bad |= vmapi_open(m->backend, 0, &ctx) != 0;
	bad |= vmapi_vm_create(ctx, NULL, &vm) != 0;
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	return bad;
}

static void fork_makes_inert(struct machine *m)
{
	int status = 1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(child_calls(m));
	waitpid(pid, &status, 0);
	EQUAL(status, 0);
	EQUAL(vmapi_vm_service(m->vm), 0);
}

int main(void)
{
	static const struct api_case bare[] = {
		{ "probe lists", probe_lists },
		{ "probe writes n", probe_writes_n },
		{ "open by name", open_by_name },
		{ "open by environment", open_by_environment },
		{ "sizes", sizes },
		{ "vm config", vm_config },
		{ "drop parents first", drop_parents_first },
		{ "error record", error_record },
		{ "fork makes inert", fork_makes_inert },
	};
	static const struct api_case guests[] = {
		{ "capabilities", capabilities }, /* of x86 */
		{ "logs", logs },
	};
	static const struct api_set sets[] = {
		{ API_NO_GUEST, bare, sizeof(bare) / sizeof(bare[0]) },
		{ API_GUEST, guests, sizeof(guests) / sizeof(guests[0]) },
	};

	return api_main_sets(sets, sizeof(sets) / sizeof(sets[0]));
}
