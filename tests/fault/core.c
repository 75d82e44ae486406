/* SPDX-License-Identifier: MIT */
/* Scenarios: contexts, VMs, vcpus, RAM, maps, dirty logs, registers, runs. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/fault/scenario.h"

/* -- A whole life ------------------------------------------------------- */

static int make_machine(struct world *w, const struct vmapi_vm_config *config)
{
	struct vmapi_ram_config ram = { .size = sizeof(ram),
		.kind = VMAPI_RAM_MEMFD, .bytes = FAULT_RAM };
	int err = TRY(w, vmapi_vm_create(w->ctx, config, &w->vm));

	if (!err)
		err = TRY(w, vmapi_vm_as(w->vm, &w->as));
	if (!err)
		err = TRY(w, vmapi_ram_create(w->ctx, &ram, &w->ram));
	if (!err)
		err = TRY(w, vmapi_vcpu_create(w->vm, NULL, &w->vcpu));
	return err ? err : fault_map(w, 0, FAULT_RAM, 0, 0);
}

static void drop_machine(struct world *w)
{
	vmapi_vcpu_destroy(w->vcpu);
	vmapi_ram_destroy(w->ram);
	vmapi_as_destroy(w->as);
	vmapi_vm_destroy(w->vm);
	w->vcpu = NULL;
	w->ram = NULL;
	w->as = NULL;
	w->vm = NULL;
}

static int live(struct world *w)
{
	int err = TRY(w, vmapi_open(w->backend, 0, &w->ctx));

	HOLDS(w, !err == !!w->ctx);
	if (!err)
		err = make_machine(w, NULL);
	drop_machine(w);
	vmapi_close(w->ctx);
	w->ctx = NULL;
	return err;
}

static int live_as(struct world *w, unsigned irqchip, unsigned flags)
{
	struct vmapi_vm_config c = { .size = sizeof(c), .irqchip = irqchip,
		.flags = flags };
	int err = make_machine(w, &c);

	if (!err)
		err = TRY(w, vmapi_vm_reset(w->vm));
	if (!err)
		err = TRY(w, vmapi_vm_service(w->vm));
	drop_machine(w);
	return err;
}

static int live_full(struct world *w)
{
	return live_as(w, VMAPI_IRQCHIP_FULL, VMAPI_VM_PIT);
}

static int live_split(struct world *w)
{
	return live_as(w, VMAPI_IRQCHIP_SPLIT, 0);
}

static int live_served(struct world *w)
{
	return live_as(w, VMAPI_IRQCHIP_NONE, VMAPI_VM_SERVICE_THREAD);
}

static int live_ring(struct world *w)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.dirty = VMAPI_DIRTY_RING };
	int err = make_machine(w, &c);

	drop_machine(w);
	return err;
}

/* A VM that takes calls of its guest, by a port. */
static int live_with_calls(struct world *w)
{
	const struct vmapi_hypercall_config c = { .size = sizeof(c),
		.ways = VMAPI_CALL_PORT, .port = 0x500 };
	struct vmapi_vm *vm = NULL;
	int err = TRY(w, vmapi_vm_create(w->ctx, NULL, &vm));

	if (!err)
		err = TRY(w, vmapi_hypercall_enable(vm, &c));
	vmapi_vm_destroy(vm);
	return err;
}

static int live_in_turns(struct world *w)
{
	return live_as(w, VMAPI_IRQCHIP_FULL, VMAPI_VM_DETERMINISTIC);
}

/* -- RAM ---------------------------------------------------------------- */

static int make_ram(struct world *w, const struct vmapi_ram_config *c)
{
	struct vmapi_ram *ram = NULL;
	int err = TRY(w, vmapi_ram_create(w->ctx, c, &ram));

	HOLDS(w, !err == !!ram);
	vmapi_ram_destroy(ram);
	return err;
}

static int all_ram(struct world *w)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = FAULT_RAM,
		.flags = VMAPI_RAM_HUGE };
	int err = make_ram(w, &c);

	c.kind = VMAPI_RAM_MEMFD;
	if (!err)
		err = make_ram(w, &c);
	c.kind = VMAPI_RAM_FD;
	c.fd = w->fds[0];
	if (!err)
		err = make_ram(w, &c);
	c.kind = VMAPI_RAM_POINTER;
	c.pointer = w->more;
	return err ? err : make_ram(w, &c);
}

static int prepare_ram(struct world *w)
{
	w->more = mmap(NULL, FAULT_RAM, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	w->fds[0] = memfd_create("theirs", MFD_CLOEXEC);
	return w->more == MAP_FAILED || ftruncate(w->fds[0], FAULT_RAM);
}

static void finish_ram(struct world *w)
{
	munmap(w->more, FAULT_RAM);
}

/* -- Maps --------------------------------------------------------------- */

#define PAGE 0x1000u

static size_t count_entries(struct world *w)
{
	size_t n = 0;

	(void)vmapi_as_entries(w->as, NULL, 0, &n);
	return n;
}

static int remove_and_add(struct world *w, struct vmapi_map *map)
{
	struct vmapi_map_entry e = { .size = sizeof(e), .gpa = 0x40000,
		.bytes = PAGE, .ram = w->ram };
	int err = TRY(w, vmapi_map_remove(map, w->as, PAGE, PAGE)), i;

	if (!err)
		err = TRY(w, vmapi_map_set_flags(map, w->as, 2 * PAGE, PAGE,
			VMAPI_MAP_READONLY));
	for (i = 0; i < 8 && !err; i++, e.gpa += 2 * PAGE)
		err = TRY(w, vmapi_map_add(map, w->as, &e));
	return err;
}

/* The page that was written is still there for the next reader of the log. */
static bool is_logged(struct world *w)
{
	struct vmapi_dirty_run run;
	struct vmapi_dirty d = { .size = sizeof(d), .bytes = FAULT_RAM,
		.runs = &run, .n_runs = 1 };

	return vmapi_dirty_read(w->ram, &d) || d.pages == 1;
}

/* Written before it was removed, and told once. */
static bool is_retired(struct vmapi_retired *retired)
{
	struct vmapi_retired_run run = { .size = sizeof(run) };
	size_t n = 0;

	return !vmapi_retired_runs(retired, &run, 1, &n) && n == 1 &&
		run.offset == PAGE && run.bytes == PAGE;
}

/* A page for the first change.  What a recording kernel logs nobody wrote. */
static int prepare_dirty(struct world *w)
{
	w->more = strcmp(w->backend, "soft") ? NULL : w;
	return w->more ? vmapi_as_write(w->as, PAGE, "", 1) : 0;
}

/* All of it or nothing; and then all as it was. */
static int change_map(struct world *w)
{
	struct vmapi_map_entry whole = { .size = sizeof(whole),
		.flags = VMAPI_MAP_LOG, .bytes = FAULT_RAM, .ram = w->ram };
	struct vmapi_retired *retired = NULL;
	size_t before = count_entries(w);
	struct vmapi_map *map;
	int err = TRY(w, vmapi_map_begin(w->vm, &map));

	if (err)
		return err;
	err = remove_and_add(w, map);
	if (err)
		vmapi_map_abort(map);
	else
		err = TRY(w, vmapi_map_commit_log(map, &retired));
	HOLDS(w, !err == !!retired);
	HOLDS(w, !w->more || (err ? is_logged(w) : is_retired(retired)));
	w->more = NULL;
	HOLDS(w, count_entries(w) == (err ? before : 11));
	vmapi_retired_destroy(retired);
	if (err)
		return err;
	err = TRY(w, vmapi_map_begin(w->vm, &map));
	if (err)
		return err;
	err = TRY(w, vmapi_map_replace(map, w->as, &whole, 1));
	if (err)
		vmapi_map_abort(map);
	return err ? err : TRY(w, vmapi_map_commit(map));
}

/* What change_map() left is unmapped, whatever it is. */
static int change_and_clear(struct world *w)
{
	int err = change_map(w), again;
	struct vmapi_map_entry whole = { .size = sizeof(whole),
		.flags = VMAPI_MAP_LOG, .bytes = FAULT_RAM, .ram = w->ram };
	struct vmapi_map *map;

	if (err && count_entries(w) != 1 && !vmapi_map_begin(w->vm, &map) &&
		!vmapi_map_replace(map, w->as, &whole, 1)) {
		again = vmapi_map_commit(map);
		HOLDS(w, !again || (err == -EIO && again == -EIO));
	}
	return err;
}

/* Two ranges, both or none; then shared again. */
static int make_private(struct world *w)
{
	uint64_t bytes, before;
	struct vmapi_map *map;
	unsigned is, was;
	int err;

	(void)vmapi_as_attributes(w->as, PAGE, &was, &before);
	err = TRY(w, vmapi_map_begin(w->vm, &map));
	if (err)
		return err;
	err = TRY(w, vmapi_map_set_attributes(map, w->as, PAGE, PAGE,
		was ^ VMAPI_MEMORY_PRIVATE));
	if (!err)
		err = TRY(w, vmapi_map_set_attributes(map, w->as, 4 * PAGE,
			PAGE, was ^ VMAPI_MEMORY_PRIVATE));
	if (err)
		vmapi_map_abort(map);
	else
		err = TRY(w, vmapi_map_commit(map));
	(void)vmapi_as_attributes(w->as, PAGE, &is, &bytes);
	HOLDS(w, err ? is == was && bytes == before : is != was);
	return err;
}

static int another_space(struct world *w)
{
	struct vmapi_as *first = w->as;
	struct vmapi_as *as = NULL;
	int err = TRY(w, vmapi_as_create(w->vm, &as));

	HOLDS(w, !err == !!as);
	if (err)
		return err;
	w->as = as;
	err = fault_map(w, 0, PAGE, 0, 0);
	if (!err)
		err = TRY(w, vmapi_vcpu_as_set(w->vcpu, as));
	if (!err)
		err = TRY(w, vmapi_vcpu_as_set(w->vcpu, first));
	w->as = first;
	vmapi_as_destroy(as);
	return err;
}

/* -- The dirty log ------------------------------------------------------ */

static int take_log(struct world *w)
{
	struct vmapi_dirty_run runs[16];
	struct vmapi_dirty d = { .size = sizeof(d), .bytes = FAULT_RAM,
		.runs = runs, .n_runs = 16 };
	int err = TRY(w, vmapi_ram_written(w->ram, PAGE, 3 * PAGE));

	if (!err)
		err = TRY(w, vmapi_dirty_read(w->ram, &d));
	if (err) /* then nothing is lost */
		return err;
	HOLDS(w, d.pages >= 3 && d.n_runs && !d.bytes);
	return 0;
}

/* -- Registers ---------------------------------------------------------- */

static int use_registers(struct world *w)
{
	static uint8_t area[4096];
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_FXSAVE, .data = area, .bytes = 512 },
		{ .tag = VMAPI_X86_MSR(0x174), .value = 0 },
		{ .tag = VMAPI_X86_RAX },
		{ .tag = VMAPI_X86_CR2 },
		{ .tag = VMAPI_X86_DEBUG(0) },
	};
	static uint64_t tags[2048];
	struct vmapi_reg many[200];
	size_t n, i;
	int err = TRY(w, vmapi_regs_get(w->vcpu, regs, 5, NULL, 0));

	if (!err)
		err = TRY(w, vmapi_regs_set(w->vcpu, regs, 5, NULL,
			VMAPI_REGS_ALL_OR_NOTHING));
	if (!err)
		err = TRY(w, vmapi_regs_set(w->vcpu, regs, 5, NULL, 0));
	if (!err)
		err = TRY(w, vmapi_reg_list(w->vcpu, tags, 2048, &n));
	memset(many, 0, sizeof(many));
	for (i = 0; i < 200; i++)
		many[i].tag = VMAPI_X86_GPR(i % 16);
	if (!err)
		err = TRY(w, vmapi_regs_get(w->vcpu, many, 200, NULL, 0));
	if (!err)
		err = TRY(w, vmapi_vcpu_reset(w->vcpu));
	return err;
}

/* -- Running ------------------------------------------------------------ */

/* out 0x10, al; jmp to it */
static const uint8_t out_code[] = { 0xe6, 0x10, 0xeb, 0xfc };

static int prepare_run(struct world *w)
{
	return fault_code(w, out_code, sizeof(out_code));
}

static int run(struct world *w)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	int err = TRY(w, vmapi_vcpu_run(w->vcpu, &exit));

	if (!err)
		err = TRY(w, vmapi_vcpu_settle(w->vcpu, &exit));
	if (!err)
		err = TRY(w, vmapi_vcpu_kick(w->vcpu));
	if (!err)
		err = TRY(w, vmapi_vcpu_run(w->vcpu, &exit));
	HOLDS(w, err || exit.reason == VMAPI_EXIT_KICK);
	return err;
}

/* A halted vcpu sleeps until somebody comes. */
static void *kick_later(void *opaque)
{
	const struct timespec moment = { .tv_nsec = 2000000 };
	struct world *w = opaque;

	nanosleep(&moment, NULL);
	vmapi_vcpu_kick(w->vcpu);
	return NULL;
}

static const uint8_t halt_code[] = { 0xf4, 0xeb, 0xfd };

static int prepare_halt(struct world *w)
{
	return fault_code(w, halt_code, sizeof(halt_code));
}

static int halt(struct world *w)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	pthread_t thread;
	int err;

	if (pthread_create(&thread, NULL, kick_later, w))
		return 1;
	err = TRY(w, vmapi_vcpu_run(w->vcpu, &exit));
	pthread_join(thread, NULL);
	HOLDS(w, err || exit.reason == VMAPI_EXIT_KICK);
	if (err) /* the kick was not taken */
		HOLDS(w, !vmapi_vcpu_run(w->vcpu, &exit));
	return err;
}

/* -- A runner ----------------------------------------------------------- */

/* The exit is there, or the runner's own run has failed: both are taken. */
static int use_runner(struct world *w, struct vmapi_runner *runner)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct pollfd p = { .events = POLLIN };
	int err = TRY(w, vmapi_runner_fd(runner, &p.fd)), fd;

	if (!err)
		err = TRY(w, vmapi_runner_resume(runner));
	if (err)
		return err;
	HOLDS(w, poll(&p, 1, 5000) == 1);
	err = TRY(w, vmapi_runner_take(runner, &exit));
	if (!err)
		err = TRY(w, vmapi_runner_continue(runner, NULL, 0));
	if (!err)
		err = TRY(w, vmapi_runner_kick_fd(runner, &fd));
	if (!err)
		HOLDS(w, write(fd, &(uint64_t){ 1 }, 8) == 8);
	if (!err)
		err = TRY(w, vmapi_vm_service(w->vm));
	return err ? err : TRY(w, vmapi_runner_suspend(runner));
}

static int have_runner(struct world *w)
{
	struct vmapi_runner *runner = NULL;
	int err = TRY(w, vmapi_runner_create(w->vcpu, NULL, &runner));

	HOLDS(w, !err == !!runner);
	if (!err)
		err = use_runner(w, runner);
	vmapi_runner_destroy(runner);
	return err;
}

/* -- Asking ------------------------------------------------------------- */

static int probe(struct world *w)
{
	struct vmapi_backend_info infos[4] = { { .size = sizeof(infos[0]) } };
	size_t n = 0, i;
	int err = TRY(w, vmapi_probe(VMAPI_PROBE_TRIAL, infos, 4, &n));

	for (i = 0; i < n && i < 4; i++)
		HOLDS(w, infos[i].reason[0]);
	return err;
}

static int open_best(struct world *w)
{
	struct vmapi *ctx = NULL;
	int err = TRY(w, vmapi_open(NULL, 0, &ctx));

	HOLDS(w, !err == !!ctx);
	vmapi_close(ctx);
	return err;
}

static int read_stats(struct world *w)
{
	struct vmapi_stats *stats = NULL;
	uint64_t values[256];
	size_t n, n_values = 0;
	int err = TRY(w, vmapi_vcpu_stats(w->vcpu, &stats));

	HOLDS(w, !err == !!stats);
	if (!err)
		err = TRY(w, vmapi_stats_count(stats, &n, &n_values));
	HOLDS(w, n_values <= 256);
	if (!err)
		err = TRY(w, vmapi_stats_read(stats, values, n_values));
	vmapi_stats_close(stats);
	return err;
}

static int read_vm_stats(struct world *w)
{
	struct vmapi_stats *stats = NULL;
	int err = TRY(w, vmapi_vm_stats(w->vm, &stats));

	vmapi_stats_close(stats);
	return err;
}

const struct scenario fault_core[] = {
	{ "life", ON_ALL, BASE_NOTHING, .act = live },
	{ "full", ON_ALL, BASE_CONTEXT, .act = live_full },
	{ "split", ON_ALL, BASE_CONTEXT, .act = live_split },
	{ "service thread", ON_ALL, BASE_CONTEXT, .act = live_served },
	{ "turns", ON_SOFT, BASE_CONTEXT, .act = live_in_turns },
	{ "probe", ON_KVM, BASE_NOTHING, .act = probe },
	{ "open", ON_KVM, BASE_NOTHING, .act = open_best },
	{ "ram", ON_ALL, BASE_CONTEXT, .act = all_ram,
		.prepare = prepare_ram, .finish = finish_ram },
	{ "map", ON_ALL, BASE_MACHINE, .act = change_and_clear,
		.prepare = prepare_dirty },
	{ "attributes", ON_KVM, BASE_MACHINE, .act = make_private },
	{ "spaces", ON_SOFT, BASE_MACHINE, .act = another_space },
	{ "dirty", ON_ALL, BASE_MACHINE, .act = take_log },
	{ "registers", ON_ALL, BASE_MACHINE, .act = use_registers },
	{ "run", ON_ALL, BASE_MACHINE, .act = run, .prepare = prepare_run },
	/* The kernel's statistics come whole. */
	{ "runner", ON_SOFT, BASE_MACHINE, OWN_FDS | RACES,
		.act = have_runner, .prepare = prepare_run },
	{ "halt", ON_SOFT, BASE_MACHINE, OWN_FDS | RACES,
		.act = halt,
		.prepare = prepare_halt,
		.config = { .irqchip = VMAPI_IRQCHIP_FULL } },
	{ "halt in turns", ON_SOFT, BASE_MACHINE, OWN_FDS | RACES,
		.act = halt,
		.prepare = prepare_halt,
		.config = { .irqchip = VMAPI_IRQCHIP_FULL,
			.flags = VMAPI_VM_DETERMINISTIC } },
	{ "calls", ON_ALL, BASE_CONTEXT, .act = live_with_calls },
	{ "rings", ON_KVM, BASE_CONTEXT, .act = live_ring },
	{ "stats", ON_ALL, BASE_MACHINE, NO_SHORT, .act = read_stats },
	{ "vm stats", ON_ALL, BASE_MACHINE, NO_SHORT, .act = read_vm_stats },
	{ NULL, 0, BASE_NOTHING, .act = NULL },
};
