/* SPDX-License-Identifier: MIT */
/* Maps under running vcpus, slots used again, and a refusal taken back. */
#include "tests/kvm/machine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/backend.h"

#define WINDOW 0x8000 /* what changes */
#define SEEN   0x9000 /* what the guest found there; + 2: turns; + 8: next */
#define ONE    0x40000
#define OTHER  0x50000

/*
 * Copy a byte from the window, count, again.  SI says where to.
 * mov al,[WINDOW]; mov [si],al; inc word [si+2]; jmp
 */
static const uint8_t copying[] = {
	0xa0, 0x00, 0x80, 0x88, 0x04, 0xff, 0x44, 0x02, 0xeb, 0xf6,
};

struct runner {
	struct vmapi_vcpu *vcpu;
	pthread_t thread;
	unsigned long others; /* exits that were no kick */
	struct vmapi_exit last;
};

static void *run_until_kick(void *opaque)
{
	struct runner *r = opaque;

	r->last.size = sizeof(r->last);
	while (OK(vmapi_vcpu_run(r->vcpu, &r->last)) &&
		r->last.reason != VMAPI_EXIT_KICK)
		r->others++;
	return NULL;
}

static void start(struct runner *r, struct machine *m, struct vmapi_vcpu *vcpu,
	unsigned n)
{
	memset(r, 0, sizeof(*r));
	r->vcpu = vcpu;
	machine_load(m, vcpu, CODE + 0x100 * n, copying, sizeof(copying));
	reg_set(vcpu, VMAPI_X86_RSI, SEEN + 8 * n);
	pthread_create(&r->thread, NULL, run_until_kick, r);
}

static void end(struct runner *r)
{
	OK(vmapi_vcpu_kick(r->vcpu));
	pthread_join(r->thread, NULL);
	if (!CHECK(r->others == 0))
		printf("%lu stray exits, the last one at gpa 0x%llx\n",
			r->others, (unsigned long long)r->last.u.mmio.gpa);
}

/* Wait until the guest has seen the value; false after two seconds. */
static bool sees(struct machine *m, unsigned n, uint8_t value)
{
	volatile uint8_t *seen = m->mem + SEEN + 8 * n;
	unsigned turns;

	for (turns = 0; turns < 20000; turns++) {
		if (*seen == value)
			return true;
		usleep(100);
	}
	return false;
}

/* The window shows one piece of RAM, then another; nobody sees a hole. */
static void replace_under_two(struct machine *m, unsigned commits)
{
	struct vmapi_vcpu *second = machine_vcpu(m, 1);
	struct runner runners[2];
	unsigned i;

	m->mem[ONE] = 1;
	m->mem[OTHER] = 2;
	OK(machine_map(m, WINDOW, ONE, 0x1000, 0));
	start(&runners[0], m, m->vcpu, 0);
	start(&runners[1], m, second, 1);
	for (i = 0; i < commits; i++) {
		if (!OK(machine_map(m, WINDOW, i & 1 ? ONE : OTHER, 0x1000,
			0)))
			break;
		if (i % 16)
			continue;
		if (!CHECK(sees(m, 0, i & 1 ? 1 : 2)) ||
			!CHECK(sees(m, 1, i & 1 ? 1 : 2)))
			break;
	}
	end(&runners[0]);
	end(&runners[1]);
	vmapi_vcpu_destroy(second);
}

/* More entries over time than the kernel has slots. */
static void many_slots(struct machine *m)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	struct vmapi_map_entry entry = {
		.size = sizeof(entry), .bytes = 0x1000, .ram = m->ram,
	};
	struct vmapi_map *map;
	unsigned long total = 0, most;
	unsigned i;

	OK(vmapi_vm_cap_get(m->vm, VMAPI_CAP_MAP_ENTRIES, &cap));
	most = cap.value > 4000 ? 4000 : (unsigned long)cap.value / 2;
	while (total <= (unsigned long)cap.value) {
		OK(vmapi_map_begin(m->vm, &map));
		for (i = 0; i < most; i++) {
			entry.gpa = 0x1000000 + 0x2000ull * i;
			OK(vmapi_map_add(map, m->as, &entry));
		}
		if (!OK(vmapi_map_commit(map)))
			return;
		OK(vmapi_map_begin(m->vm, &map));
		OK(vmapi_map_remove(map, m->as, 0x1000000, 0x2000ull * most));
		if (!OK(vmapi_map_commit(map)))
			return;
		total += most;
	}
	printf("%lu entries came and went; %lld can be at a time\n", total,
		(long long)cap.value);
}

/*
 * Two additions that overlap, given past core, which would not: the kernel
 * refuses the second, and the map is as before.
 */
static void refusal(struct machine *m)
{
	struct vmi_map_entry removed = { 0 }, added[2], now;
	struct vmi_map_change change = {
		.as = m->as,
		.removed = &removed,
		.n_removed = 1,
		.added = added,
		.n_added = 2,
	};
	const struct vmi_map_entry *entry;
	struct vmapi_exit exit;

	m->mem[ONE] = 0x31;
	m->mem[OTHER] = 0x32;
	OK(machine_map(m, WINDOW, ONE, 0x1000, 0));
	entry = vmi_view_find(atomic_load(&m->as->view), WINDOW);
	if (!CHECK(entry != NULL))
		return;
	removed = now = *entry;
	added[0] = added[1] = *entry;
	added[0].offset = added[1].offset = OTHER;
	CHECK(vmi_kvm_backend.map_apply(m->vm, &change, 1) == -EEXIST);
	CHECK(strstr(vmapi_error_last()->message, "0x8000") != NULL);
	machine_load(m, m->vcpu, CODE, "\xa0\x00\x80\xe6\x99\xf4", 6);
	if (run_to(m->vcpu, &exit, VMAPI_EXIT_IO))
		CHECK(*(uint8_t *)exit.u.io.data == 0x31);
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	/* The slot is where it was: removing it works. */
	CHECK(entry->slot == now.slot);
	OK(machine_map(m, WINDOW, OTHER, 0x1000, 0));
	machine_load(m, m->vcpu, CODE, "\xa0\x00\x80\xe6\x99\xf4", 6);
	if (run_to(m->vcpu, &exit, VMAPI_EXIT_IO))
		CHECK(*(uint8_t *)exit.u.io.data == 0x32);
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
}

int main(void)
{
	struct machine m;
	int rc = machine_open(&m, NULL);

	if (rc)
		return rc;
	refusal(&m);
	replace_under_two(&m, 1000);
	many_slots(&m);
	machine_close(&m);
	return check_result("map");
}
