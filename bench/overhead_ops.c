/* SPDX-License-Identifier: MIT */
/* The operations that are measured, and the machine that they work on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/overhead.h"
#include "lib/compiler.h"

#define CODE_OUT   0x1000 /* one exit after the other */
#define CODE_DIRTY 0x2000 /* an exit after 64 pages were written */

static const uint8_t code_out[] = { 0xe6, 0xe9, 0xeb, 0xfc }; /* out; jmp */

static const uint8_t code_dirty[] = {
	0xb8, 0x00, 0x10, /* mov ax, 0x1000 */
	0xb9, 0x40, 0x00, /* mov cx, 64 */
	0x8e, 0xd8,	  /* mov ds, ax */
	0xa2, 0x00, 0x00, /* mov [0], al */
	0x05, 0x00, 0x01, /* add ax, 0x100 */
	0xe2, 0xf6,	  /* loop to mov ds */
	0xe6, 0xe9,	  /* out 0xe9, al */
	0xeb, 0xec,	  /* jmp to the first */
};

static bool said(int err)
{
	if (err)
		printf("%s\n", vmapi_error_last()->message);
	return err == 0;
}

/* -- The machine --------------------------------------------------------- */

static int map_one(struct overhead_machine *m, uint64_t gpa,
	struct vmapi_ram *ram, uint32_t flags)
{
	struct vmapi_map_entry entry = {
		.size = sizeof(entry), .flags = flags, .gpa = gpa, .ram = ram,
		.bytes = ram == m->ram ? OVERHEAD_RAM : OVERHEAD_SPARE,
	};
	struct vmapi_map *map;
	int err = vmapi_map_begin(m->vm, &map);

	if (err)
		return err;
	err = vmapi_map_add(map, m->as, &entry);
	if (err) {
		vmapi_map_abort(map);
		return err;
	}
	return vmapi_map_commit(map);
}

static int unmap_one(struct overhead_machine *m, uint64_t gpa)
{
	struct vmapi_map *map;
	int err = vmapi_map_begin(m->vm, &map);

	if (err)
		return err;
	err = vmapi_map_remove(map, m->as, gpa, OVERHEAD_SPARE);
	if (err) {
		vmapi_map_abort(map);
		return err;
	}
	return vmapi_map_commit(map);
}

static int make_memory(struct overhead_machine *m)
{
	struct vmapi_ram_config ram = { .size = sizeof(ram),
		.bytes = OVERHEAD_RAM, .name = "ram" };
	void *pointer;
	int err = vmapi_ram_create(m->ctx, &ram, &m->ram);

	ram.bytes = OVERHEAD_SPARE;
	snprintf(ram.name, sizeof(ram.name), "spare");
	if (!err)
		err = vmapi_ram_create(m->ctx, &ram, &m->spare);
	if (!err)
		err = vmapi_ram_pointer(m->ram, &pointer);
	if (!err)
		err = map_one(m, 0, m->ram, VMAPI_MAP_LOG);
	if (err)
		return err;
	m->mem = pointer;
	memcpy(m->mem + CODE_OUT, code_out, sizeof(code_out));
	memcpy(m->mem + CODE_DIRTY, code_dirty, sizeof(code_dirty));
	return 0;
}

static int make_vcpus(struct overhead_machine *m)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config), .id = 1,
		.flags = VMAPI_VCPU_STEADY_MASK };
	int err = vmapi_vcpu_create(m->vm, NULL, &m->vcpu);

	return err ? err : vmapi_vcpu_create(m->vm, &config, &m->steady);
}

static int make(struct overhead_machine *m)
{
	struct vmapi_vm_config config = { .size = sizeof(config),
		.irqchip = VMAPI_IRQCHIP_FULL, .dirty = VMAPI_DIRTY_BITMAP };
	struct vmapi_irq_config line = { .size = sizeof(line), .pin = 10 };
	int err = vmapi_open("kvm", 0, &m->ctx);

	if (!err)
		err = vmapi_vm_create(m->ctx, &config, &m->vm);
	if (!err)
		err = vmapi_vm_as(m->vm, &m->as);
	if (!err)
		err = make_memory(m);
	if (!err)
		err = make_vcpus(m);
	return err ? err : vmapi_irq_create(m->vm, &line, &m->irq);
}

/* -- Where the guest is -------------------------------------------------- */

static bool go_to(struct vmapi_vcpu *vcpu, uint64_t at)
{
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b };
	struct vmapi_x86_segment ds = { .limit = 0xffff, .attributes = 0x93 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_DS, .data = &ds, .bytes = sizeof(ds) },
		{ .tag = VMAPI_X86_RIP, .value = at },
		{ .tag = VMAPI_X86_RFLAGS, .value = 2 },
		{ .tag = VMAPI_X86_MP_STATE, .value = 0 },
	};

	return said(vmapi_regs_set(vcpu, regs, 5, NULL, 0));
}

static int run(struct vmapi_vcpu *vcpu)
{
	struct vmapi_exit exit;
	int err;

	exit.size = sizeof(exit);
	err = vmapi_vcpu_run(vcpu, &exit);
	return err ? err : exit.reason != VMAPI_EXIT_IO;
}

/* -- The batches --------------------------------------------------------- */

static void forget(struct overhead_regs *all, size_t i)
{
	free(all->regs[i].data);
	memmove(&all->regs[i], &all->regs[i + 1],
		(--all->n - i) * sizeof(all->regs[0]));
}

/* Every register that this vcpu has, as vmapi_reg_list() says. */
static bool list_all(struct overhead_machine *m, struct overhead_regs *all)
{
	struct vmapi_reg_info info = { .size = sizeof(info) };
	uint64_t tags[1024];
	size_t n, i;

	if (!said(vmapi_reg_list(m->vcpu, tags, 1024, &n)) || n > 1024)
		return false;
	all->regs = calloc(n, sizeof(all->regs[0]));
	for (i = 0; i < n; i++) {
		struct vmapi_reg *reg = &all->regs[all->n];

		if (!said(vmapi_reg_info(m->vcpu, tags[i], &info)))
			return false;
		reg->tag = tags[i];
		reg->bytes = (uint32_t)info.bytes;
		if (info.bytes > 8)
			reg->data = calloc(1, info.bytes);
		all->n++;
	}
	return true;
}

/* The processor may refuse to have some set: those are left out. */
static bool keep_good(struct vmapi_vcpu *vcpu, struct overhead_regs *all,
	int (*move)(struct vmapi_vcpu *, struct vmapi_reg *, size_t, size_t *,
		unsigned))
{
	size_t i;

	(void)move(vcpu, all->regs, all->n, NULL, 0);
	for (i = all->n; i-- > 0;)
		if (all->regs[i].status)
			forget(all, i);
	return all->n > 0;
}

static bool make_batches(struct overhead_machine *m)
{
	if (!list_all(m, &m->get) || !list_all(m, &m->set))
		return false;
	return keep_good(m->vcpu, &m->get, vmapi_regs_get) &&
		keep_good(m->vcpu, &m->set, vmapi_regs_get) &&
		keep_good(m->vcpu, &m->set, vmapi_regs_set);
}

static void free_batch(struct overhead_regs *all)
{
	while (all->n)
		forget(all, all->n - 1);
	free(all->regs);
}

bool overhead_open(struct overhead_machine *m)
{
	memset(m, 0, sizeof(*m));
	m->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->bitmap = calloc(1, OVERHEAD_RAM / 4096 / 8);
	return m->eventfd >= 0 && m->bitmap && said(make(m)) &&
		go_to(m->vcpu, CODE_OUT) && go_to(m->steady, CODE_OUT) &&
		said(run(m->vcpu)) && make_batches(m);
}

void overhead_close(struct overhead_machine *m)
{
	free_batch(&m->get);
	free_batch(&m->set);
	vmapi_irq_destroy(m->irq);
	vmapi_vcpu_destroy(m->vcpu);
	vmapi_vcpu_destroy(m->steady);
	vmapi_as_destroy(m->as);
	vmapi_vm_destroy(m->vm);
	vmapi_ram_destroy(m->ram);
	vmapi_ram_destroy(m->spare);
	vmapi_close(m->ctx);
	free(m->bitmap);
	close(m->eventfd);
}

/* -- The operations ------------------------------------------------------ */

static vmi_noinline int exit_at_once(struct vmapi_exit *exit)
{
	exit->reason = VMAPI_EXIT_IO;
	return 0;
}

/* What counting itself costs, with a caller of vmapi_vcpu_run(). */
static int op_nothing(struct overhead_machine *m)
{
	struct vmapi_exit exit;
	int err;

	(void)m;
	exit.size = sizeof(exit);
	err = exit_at_once(&exit);
	return err ? err : exit.reason != VMAPI_EXIT_IO;
}

static int op_run(struct overhead_machine *m)
{
	return run(m->vcpu);
}

static int op_run_steady(struct overhead_machine *m)
{
	return run(m->steady);
}

static int op_get_one(struct overhead_machine *m)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_RBX };

	return vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0);
}

static int op_set_one(struct overhead_machine *m)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_RBX };

	return vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0);
}

static int op_get_all(struct overhead_machine *m)
{
	return vmapi_regs_get(m->vcpu, m->get.regs, m->get.n, NULL, 0);
}

static int op_set_all(struct overhead_machine *m)
{
	return vmapi_regs_set(m->vcpu, m->set.regs, m->set.n, NULL, 0);
}

static int op_line(struct overhead_machine *m)
{
	int delivery;
	int err = vmapi_irq_set(m->irq, 1, &delivery);

	return err | vmapi_irq_set(m->irq, 0, &delivery);
}

static int op_ioeventfd(struct overhead_machine *m)
{
	struct vmapi_ioeventfd_config config = { .size = sizeof(config),
		.space = VMAPI_SPACE_PORT, .address = 0x500, .bytes = 2,
		.fd = m->eventfd };
	struct vmapi_ioeventfd *made;
	int err = vmapi_ioeventfd_create(m->vm, &config, &made);

	if (!err)
		vmapi_ioeventfd_destroy(made);
	return err;
}

static int op_commit(struct overhead_machine *m)
{
	int err = map_one(m, 0x10000000, m->spare, 0);

	return err ? err : unmap_one(m, 0x10000000);
}

static bool prepare_dirty(struct overhead_machine *m)
{
	return go_to(m->vcpu, CODE_DIRTY) && run(m->vcpu) == 0 &&
		go_to(m->vcpu, CODE_OUT);
}

static int op_dirty(struct overhead_machine *m)
{
	struct vmapi_dirty dirty = { .size = sizeof(dirty),
		.bytes = OVERHEAD_RAM, .bitmap = m->bitmap };

	return vmapi_dirty_read(m->ram, &dirty);
}

/* "run" before "run-steady", which leaves the kick signal blocked. */
const struct overhead_op overhead_ops[] = {
	{ "nothing", "nothing", 0, NULL, op_nothing, NULL },
	{ "run", "run to an exit", 16, NULL, op_run, overhead_raw_run },
	{ "run-steady", "the same, mask promised", 16, NULL, op_run_steady,
		overhead_raw_run_steady },
	{ "get-one", "get one register", 16, NULL, op_get_one,
		overhead_raw_get_one },
	{ "set-one", "set one register", 16, NULL, op_set_one,
		overhead_raw_set_one },
	{ "get-all", "get all registers", 1, NULL, op_get_all,
		overhead_raw_get_all },
	{ "set-all", "set all registers", 1, NULL, op_set_all,
		overhead_raw_set_all },
	{ "line", "line up, line down", 16, NULL, op_line, overhead_raw_line },
	{ "ioeventfd", "ioeventfd, made and dropped", 4, NULL, op_ioeventfd,
		overhead_raw_ioeventfd },
	{ "commit", "entry added, entry removed", 4, NULL, op_commit,
		overhead_raw_commit },
	{ "dirty", "64 of 4096 pages' log read", 1, prepare_dirty, op_dirty,
		overhead_raw_dirty },
};

const size_t overhead_n_ops = sizeof(overhead_ops) / sizeof(overhead_ops[0]);
