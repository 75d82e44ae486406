/* SPDX-License-Identifier: MIT */
/* vmapi_snapshot_*(): going back, whatever happened in between. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/api/api.h"

/* inc ax; mov [0x8000], ax; mov [0x9000], ax; in al, 0x60; hlt */
static const uint8_t code[] = {
	0x40, 0xa3, 0x00, 0x80, 0xa3, 0x00, 0x90, 0xe4, 0x60, 0xf4,
};

static void log_ram(struct machine *m, unsigned flags)
{
	struct vmapi_map *map;

	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_set_flags(map, m->as, 0, API_RAM, flags), 0);
	EQUAL(vmapi_map_commit(map), 0);
}

static uint8_t *memory(struct machine *m)
{
	void *p = NULL;

	EQUAL(vmapi_ram_pointer(m->ram, &p), 0);
	return p;
}

/* The guest of before, with AX as it is there. */
static struct vmapi_snapshot *prepare(struct machine *m, uint64_t ax)
{
	struct vmapi_snapshot *s = NULL;

	api_load(m, code, sizeof(code));
	api_set(m->vcpu, VMAPI_X86_RAX, ax);
	EQUAL(vmapi_snapshot_create(m->vm, &s), 0);
	return s;
}

/* One try: it counts to AX + 1, stores that, and waits for an answer. */
static void try(struct machine *m, struct vmapi_snapshot *s, uint64_t ax)
{
	uint8_t *p = memory(m);
	struct vmapi_exit x;

	EQUAL(api_run(m, &x), VMAPI_EXIT_IO);
	CHECK(x.flags & VMAPI_EXIT_ANSWER);
	EQUAL(p[0x8000], (int64_t)ax + 1);
	EQUAL(p[0x9000], (int64_t)ax + 1);
	EQUAL(vmapi_snapshot_restore(s), 0);
	EQUAL(p[0x8000], 0);
	EQUAL(p[0x9000], 0);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), (int64_t)ax);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE);
}

static void again(struct machine *m, unsigned flags)
{
	struct vmapi_snapshot *s;
	unsigned i;

	log_ram(m, flags);
	s = prepare(m, 5);
	for (i = 0; i < 3; i++)
		try(m, s, 5);
	vmapi_snapshot_destroy(s);
}

static void logged(struct machine *m)
{
	if (api_cap(m, VMAPI_CAP_DIRTY_LOG))
		again(m, VMAPI_MAP_LOG);
	else
		api_skip("the backend has no dirty log");
}

static void not_logged(struct machine *m)
{
	again(m, 0);
}

/* Code that a try, or somebody from outside, has changed. */
static void code_too(struct machine *m)
{
	struct vmapi_snapshot *s;
	struct vmapi_exit x;

	log_ram(m, api_cap(m, VMAPI_CAP_DIRTY_LOG) ? VMAPI_MAP_LOG : 0);
	s = prepare(m, 1);
	try(m, s, 1);
	EQUAL(vmapi_as_write(m->as, API_CODE, "\xf4", 1), 0);
	EQUAL(api_run(m, &x), VMAPI_EXIT_HALT);
	EQUAL(vmapi_snapshot_restore(s), 0);
	try(m, s, 1);
	vmapi_snapshot_destroy(s);
}

/* Pages that others take out of the log are gone back all the same. */
static void others_read_the_log(struct machine *m)
{
	struct vmapi_dirty_run runs[8];
	struct vmapi_dirty d = { .size = sizeof(d), .bytes = API_RAM,
		.runs = runs, .n_runs = 8 };
	struct vmapi_snapshot *s;

	if (!api_cap(m, VMAPI_CAP_DIRTY_LOG)) {
		api_skip("the backend has no dirty log");
		return;
	}
	log_ram(m, VMAPI_MAP_LOG);
	s = prepare(m, 1);
	EQUAL(vmapi_as_write(m->as, 0x5000, "x", 1), 0);
	EQUAL(vmapi_dirty_read(m->ram, &d), 0);
	CHECK(d.pages >= 1);
	EQUAL(vmapi_as_write(m->as, 0x6000, "x", 1), 0);
	EQUAL(vmapi_snapshot_restore(s), 0);
	EQUAL(memory(m)[0x5000], 0);
	EQUAL(memory(m)[0x6000], 0);
	/* and what is written while nobody logs */
	log_ram(m, 0);
	EQUAL(vmapi_as_write(m->as, 0x7000, "x", 1), 0);
	log_ram(m, VMAPI_MAP_LOG);
	EQUAL(vmapi_snapshot_restore(s), 0);
	EQUAL(memory(m)[0x7000], 0);
	vmapi_snapshot_destroy(s);
}

static void two_of_them(struct machine *m)
{
	struct vmapi_snapshot *one, *two = NULL;

	log_ram(m, api_cap(m, VMAPI_CAP_DIRTY_LOG) ? VMAPI_MAP_LOG : 0);
	one = prepare(m, 1);
	api_set(m->vcpu, VMAPI_X86_RAX, 100);
	EQUAL(vmapi_as_write(m->as, 0xa000, "2", 1), 0);
	EQUAL(vmapi_snapshot_create(m->vm, &two), 0);
	try(m, two, 100);
	EQUAL(memory(m)[0xa000], '2');
	EQUAL(vmapi_snapshot_restore(one), 0);
	EQUAL(memory(m)[0xa000], 0);
	try(m, one, 1);
	EQUAL(vmapi_snapshot_restore(two), 0);
	EQUAL(memory(m)[0xa000], '2');
	vmapi_snapshot_destroy(one);
	try(m, two, 100);
	vmapi_snapshot_destroy(two);
}

/* Chips go back, and maps. */
static void chips(struct machine *m)
{
	struct vmapi_vm_config config = { .size = sizeof(config),
		.irqchip = VMAPI_IRQCHIP_FULL };
	struct vmapi_route route = { .size = sizeof(route), .gsi = 30,
		.type = VMAPI_ROUTE_MSI, .u.msi = { 0xfee00000, 0x41, 0 } };
	struct vmapi_snapshot *s;
	size_t n, before;

	if (!(api_cap(m, VMAPI_CAP_IRQCHIPS) & 1 << VMAPI_IRQCHIP_FULL)) {
		api_skip("the backend has no interrupt controllers");
		return;
	}
	api_machine_free(m);
	api_machine(m, &config);
	EQUAL(vmapi_routes_get(m->vm, NULL, 0, &before), 0);
	s = prepare(m, 3);
	try(m, s, 3);
	EQUAL(vmapi_routes_set(m->vm, &route, 1), 0);
	EQUAL(api_unmap(m, 0x40000, API_PAGE), 0);
	EQUAL(vmapi_snapshot_restore(s), 0);
	EQUAL(vmapi_routes_get(m->vm, NULL, 0, &n), 0);
	EQUAL((int64_t)n, (int64_t)before);
	EQUAL(vmapi_as_write(m->as, 0x40000, "x", 1), 0);
	try(m, s, 3);
	vmapi_snapshot_destroy(s);
}

/* A delta would lack what the snapshot took out of the log. */
static void deltas(struct machine *m)
{
	struct vmapi_state_config c = { .size = sizeof(c) };
	struct vmapi_snapshot *s;
	int fd = memfd_create("state", MFD_CLOEXEC);

	api_load(m, code, sizeof(code));
	EQUAL(vmapi_vm_save(m->vm, fd, &c), 0);
	s = prepare(m, 0);
	c.flags = VMAPI_SAVE_DELTA;
	EQUAL(vmapi_vm_save(m->vm, fd, &c), -ESTALE);
	vmapi_snapshot_destroy(s);
	close(fd);
}

static void arguments(struct machine *m)
{
	struct vmapi_snapshot *s = NULL;

	EQUAL(vmapi_snapshot_create(NULL, &s), -EINVAL);
	EQUAL(vmapi_snapshot_create(m->vm, NULL), -EINVAL);
	EQUAL(vmapi_snapshot_restore(NULL), -EINVAL);
	vmapi_snapshot_destroy(NULL);
	s = prepare(m, 0);
	vmapi_vcpu_destroy(m->vcpu);
	m->vcpu = NULL;
	EQUAL(vmapi_snapshot_restore(s), -ENODEV);
	CHECK(strstr(vmapi_error_last()->message, "1 vcpus, the VM has 0"));
	vmapi_snapshot_destroy(s);
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "logged", logged },
		{ "not logged", not_logged },
		{ "code, too", code_too },
		{ "others read the log", others_read_the_log },
		{ "two of them", two_of_them },
		{ "chips", chips },
		{ "deltas", deltas },
		{ "arguments", arguments },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
