/* SPDX-License-Identifier: MIT */
/* Scenarios: saving and restoring. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/fault/scenario.h"

#define RIP 0x1234u

/* A device, sections, a file. */
struct saved {
	struct vmapi_device *rtc;
	struct vmapi_section section;
	char data[64];
};

static struct vmapi_state_config config_of(struct world *w)
{
	struct saved *s = w->more;
	struct vmapi_state_config c = { .size = sizeof(c),
		.sections = &s->section, .n_sections = 1 };

	return c;
}

static int prepare(struct world *w)
{
	static struct saved saved;
	struct vmapi_device_config rtc = { .size = sizeof(rtc),
		.type = VMAPI_DEVICE_RTC };
	struct vmapi_state_config c;

	memset(&saved, 0, sizeof(saved));
	strcpy(saved.section.name, "mine");
	saved.section.data = saved.data;
	saved.section.bytes = sizeof(saved.data);
	w->more = &saved;
	w->fds[0] = memfd_create("state", MFD_CLOEXEC);
	if (w->fds[0] < 0)
		return -errno;
	if (vmapi_device_create(w->vm, &rtc, &saved.rtc))
		return -1;
	/* What the restores read, and what deltas build on. */
	c = config_of(w);
	return vmapi_vm_save(w->vm, w->fds[0], &c);
}

static void finish(struct world *w)
{
	struct saved *s = w->more;

	vmapi_device_destroy(s->rtc);
}

static int save(struct world *w)
{
	struct vmapi_state_config c = config_of(w);

	lseek(w->fds[0], 0, SEEK_SET);
	return TRY(w, vmapi_vm_save(w->vm, w->fds[0], &c));
}

/* Pages that a save took out of the log come back when it fails. */
static int save_delta(struct world *w)
{
	struct vmapi_dirty_run run[8];
	struct vmapi_dirty d = { .size = sizeof(d), .bytes = FAULT_RAM,
		.runs = run, .n_runs = 8 };
	struct vmapi_state_config c = config_of(w);
	int err;

	c.flags = VMAPI_SAVE_DELTA;
	HOLDS(w, !vmapi_ram_written(w->ram, 0x2000, 1));
	lseek(w->fds[0], 0, SEEK_SET);
	err = TRY(w, vmapi_vm_save(w->vm, w->fds[0], &c));
	if (err && !vmapi_dirty_read(w->ram, &d)) {
		HOLDS(w, d.pages >= 1);
		HOLDS(w, !vmapi_ram_written(w->ram, 0x2000, 1));
	}
	return err;
}

static int prepare_live(struct world *w)
{
	struct vmapi_map *map;
	int err = vmapi_map_begin(w->vm, &map);

	if (!err)
		err = vmapi_map_set_flags(map, w->as, 0, 0x2000, 0);
	if (!err)
		err = vmapi_map_commit(map);
	return err ? err : prepare(w);
}

/* In rounds, for which all is logged; and what was not is not afterwards. */
static int save_live(struct world *w)
{
	struct vmapi_map_entry e[4] = { { .size = sizeof(e[0]) } };
	struct vmapi_state_config c = config_of(w);
	size_t n = 0;
	int err;

	c.flags = VMAPI_SAVE_RUNNING;
	c.pause_bytes = FAULT_RAM - 0x1000; /* the kernel on test logs much */
	lseek(w->fds[0], 0, SEEK_SET);
	err = TRY(w, vmapi_vm_save(w->vm, w->fds[0], &c));
	HOLDS(w, !vmapi_as_entries(w->as, e, 4, &n) && n > 0);
	HOLDS(w, !e[0].gpa && !(e[0].flags & VMAPI_MAP_LOG));
	return err;
}

static uint64_t rip_of(struct world *w)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_RIP };

	return vmapi_regs_get(w->vcpu, &reg, 1, NULL, 0) ? 0 : reg.value;
}

/* It is as it was, or as it was saved. */
static int restore(struct world *w)
{
	struct vmapi_state_config c = config_of(w);
	struct vmapi_reg reg = { .tag = VMAPI_X86_RIP, .value = RIP };
	int err;

	err = TRY(w, vmapi_regs_set(w->vcpu, &reg, 1, NULL, 0));
	if (!err)
		err = fault_unmap(w, 0x8000, 0x1000);
	if (err)
		return err;
	((struct saved *)w->more)->section.bytes = 64;
	lseek(w->fds[0], 0, SEEK_SET);
	err = TRY(w, vmapi_vm_restore(w->vm, w->fds[0], &c));
	if (err && err != -EIO)
		HOLDS(w, rip_of(w) == RIP);
	return err;
}

/* Nothing is left of a snapshot that was not made, or not gone back to. */
static int snapshot(struct world *w)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_RIP, .value = RIP };
	struct vmapi_snapshot *s;
	int err = TRY(w, vmapi_snapshot_create(w->vm, &s));

	if (err)
		return err;
	err = TRY(w, vmapi_regs_set(w->vcpu, &reg, 1, NULL, 0));
	if (!err)
		err = vmapi_ram_written(w->ram, 0x2000, 1);
	if (!err)
		err = TRY(w, vmapi_snapshot_restore(s));
	vmapi_snapshot_destroy(s);
	return err;
}

/* -- Through a pipe that is full most of the time ------------------------ */

static void *drain(void *opaque)
{
	const struct timespec moment = { .tv_nsec = 100000 };
	struct world *w = opaque;
	char bytes[8192];

	do
		nanosleep(&moment, NULL);
	while (read(w->fds[0], bytes, sizeof(bytes)) > 0);
	return NULL;
}

static int fill_ram(struct world *w)
{
	void *ram;
	int err = vmapi_ram_pointer(w->ram, &ram);

	if (!err)
		memset(ram, 0x5a, FAULT_RAM);
	return err;
}

static int save_to_pipe(struct world *w)
{
	pthread_t thread;
	int err;

	if (pipe2(w->fds, O_CLOEXEC))
		return 1;
	(void)fcntl(w->fds[1], F_SETPIPE_SZ, 4096);
	(void)fcntl(w->fds[1], F_SETFL, O_NONBLOCK);
	if (pthread_create(&thread, NULL, drain, w))
		return 1;
	err = TRY(w, vmapi_vm_save(w->vm, w->fds[1], NULL));
	close(w->fds[1]);
	pthread_join(thread, NULL);
	close(w->fds[0]);
	w->fds[0] = w->fds[1] = -1;
	return err;
}

const struct scenario fault_state[] = {
	{ "save", ON_ALL, BASE_MACHINE, .prepare = prepare, .act = save,
		.finish = finish, .config = { .flags = VMAPI_VM_PIT,
			.irqchip = VMAPI_IRQCHIP_FULL } },
	{ "delta", ON_ALL, BASE_MACHINE, .prepare = prepare,
		.act = save_delta, .finish = finish },
	{ "live", ON_ALL, BASE_MACHINE, .prepare = prepare_live,
		.act = save_live, .finish = finish },
	{ "restore", ON_ALL, BASE_MACHINE, .prepare = prepare,
		.act = restore, .finish = finish,
		.config = { .irqchip = VMAPI_IRQCHIP_FULL } },
	{ "snapshot", ON_ALL, BASE_MACHINE, .prepare = prepare,
		.act = snapshot, .finish = finish,
		.config = { .irqchip = VMAPI_IRQCHIP_FULL } },
	{ "pipe", ON_SOFT, BASE_MACHINE, OWN_FDS | RACES,
		.act = save_to_pipe, .prepare = fill_ram },
	{ NULL, 0, BASE_NOTHING, .act = NULL },
};
