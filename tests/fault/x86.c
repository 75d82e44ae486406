/* SPDX-License-Identifier: MIT */
/* Scenarios: what only x86 has, and device programs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "tests/fault/scenario.h"

/* -- CPUID -------------------------------------------------------------- */

static int fill_list(struct world *w, struct vmapi_cpuid *list)
{
	struct vmapi_x86_cpuid entry = { .leaf = 0x40000000 };
	uint32_t i;
	int err = TRY(w, vmapi_cpuid_supported(w->ctx, list));

	for (i = 0; i < 70 && !err; i++, entry.leaf++)
		err = TRY(w, vmapi_cpuid_put(list, &entry));
	for (i = 0; i < 70 && !err; i++)
		err = TRY(w, vmapi_cpuid_remove(list, 0x40000000 + i, 0));
	if (!err)
		err = TRY(w, vmapi_cpuid_set(list, "9.eax", 7));
	return err;
}

static int use_cpuid(struct world *w)
{
	struct vmapi_cpuid_place place = { .size = sizeof(place),
		.threads = 2, .cores = 2 };
	struct vmapi_cpuid *list = NULL;
	int err = TRY(w, vmapi_cpuid_create(&list));

	HOLDS(w, !err == !!list);
	if (!err)
		err = fill_list(w, list);
	if (!err)
		err = TRY(w, vmapi_cpuid_place(list, &place));
	if (!err)
		err = TRY(w, vmapi_cpuid_model_list(w->ctx, "host", list));
	if (!err)
		err = TRY(w, vmapi_cpuid_read(w->vcpu, list));
	if (!err)
		err = TRY(w, vmapi_cpuid_write(w->vcpu, list));
	vmapi_cpuid_destroy(list);
	return err;
}

/* -- Exits on request, debugging, small things -------------------------- */

static int ask_for_exits(struct world *w)
{
	static const struct vmapi_x86_msr_range range = {
		.first = 0xc0000081, .count = 1,
		.access = VMAPI_X86_MSR_READ };
	struct vmapi_x86_exits exits = { .size = sizeof(exits),
		.msrs = VMAPI_X86_MSR_UNKNOWN, .n_ranges = 1,
		.ranges = &range };
	struct vmapi_x86_exits none = { .size = sizeof(none) };
	int err = TRY(w, vmapi_x86_exits(w->vm, &exits));

	return err ? err : TRY(w, vmapi_x86_exits(w->vm, &none));
}

static int debug(struct world *w)
{
	struct vmapi_debug d = { .size = sizeof(d), .n_points = 1 };
	struct vmapi_debug_point point = { .address = 0x1000 };
	int err;

	d.points = &point;
	err = TRY(w, vmapi_vcpu_debug(w->vcpu, &d));
	return err ? err : TRY(w, vmapi_vcpu_debug(w->vcpu, NULL));
}

static int ask_vcpu(struct world *w)
{
	struct vmapi_translation t = { .size = sizeof(t) };
	unsigned state;
	uint64_t hz;
	int err = TRY(w, vmapi_vcpu_mp_state_get(w->vcpu, &state));

	if (!err)
		err = TRY(w, vmapi_vcpu_mp_state_set(w->vcpu, state));
	if (!err)
		err = TRY(w, vmapi_x86_tsc_hz_get(w->vcpu, &hz));
	if (!err)
		err = TRY(w, vmapi_vcpu_translate(w->vcpu, 0x1000,
			VMAPI_ACCESS_READ, &t));
	if (!err)
		err = TRY(w, vmapi_vcpu_nmi(w->vcpu));
	return err;
}

static int ask_caps(struct world *w)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	unsigned id;
	int err = 0;

	for (id = 0; id < 64 && !err; id++)
		if (vmapi_cap_name(id))
			err = TRY(w, vmapi_cap_get(w->ctx, id, &cap));
	for (id = 0; id < 64 && !err; id++)
		if (vmapi_cap_name(id))
			err = TRY(w, vmapi_vm_cap_get(w->vm, id, &cap));
	return err;
}

/* -- Device programs ---------------------------------------------------- */

bool fault_has_programs;

static unsigned char image[1 << 16];

static int read_object(struct world *w, const char *path)
{
	FILE *file = fopen(path, "rb");

	w->more = NULL;
	if (!file)
		return 0;
	w->more = (void *)(uintptr_t)fread(image, 1, sizeof(image), file);
	fclose(file);
	fault_has_programs = true;
	return 0;
}

static int read_hpet(struct world *w)
{
	return read_object(w, "examples/bpf/hpet.bpf");
}

static int read_pit(struct world *w)
{
	return read_object(w, "examples/bpf/pit.bpf");
}

static int read_notify(struct world *w)
{
	w->fds[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return read_object(w, "examples/bpf/notify.bpf");
}

static int hear(void *opaque, struct vmapi_access *access)
{
	(void)opaque;
	(void)access;
	return VMAPI_REGION_DONE;
}

static int use_program(struct world *w)
{
	struct vmapi_program_window window = { .name = "used",
		.ram = w->ram };
	struct vmapi_program_config c = { .size = sizeof(c), .image = image,
		.image_bytes = (uintptr_t)w->more,
		.windows = &window, .n_windows = w->fds[0] >= 0,
		.fds = w->fds, .n_fds = w->fds[0] >= 0 };
	struct vmapi_region_config range = { .size = sizeof(range),
		.base = 0xfed00000, .bytes = 16 };
	struct vmapi_region_program how = { .size = sizeof(how),
		.post = hear };
	struct vmapi_program *program = NULL;
	struct vmapi_region *region = NULL;
	int err;

	if (!w->more) /* no clang that compiles it */
		return 0;
	err = TRY(w, vmapi_program_create(w->vm, &c, &program));
	HOLDS(w, !err == !!program);
	if (!err)
		err = TRY(w, vmapi_region_program(
			w->vm, &range, program, &how, &region));
	HOLDS(w, !err == !!region);
	vmapi_region_destroy(region);
	vmapi_program_destroy(program);
	return err;
}

const struct scenario fault_x86[] = {
	{ "cpuid", ON_ALL, BASE_MACHINE, .act = use_cpuid },
	{ "exits", ON_ALL, BASE_MACHINE, .act = ask_for_exits },
	{ "debug", ON_ALL, BASE_MACHINE, .act = debug },
	{ "vcpu", ON_ALL, BASE_MACHINE, .act = ask_vcpu },
	{ "caps", ON_ALL, BASE_MACHINE, .act = ask_caps },
	{ "program", ON_SOFT, BASE_MACHINE, .prepare = read_hpet,
		.act = use_program },
	{ "pit", ON_SOFT, BASE_MACHINE, .prepare = read_pit,
		.act = use_program },
	{ "window", ON_SOFT, BASE_MACHINE, .prepare = read_notify,
		.act = use_program },
	{ NULL, 0, BASE_NOTHING, .act = NULL },
};
