/* SPDX-License-Identifier: MIT */
/* Walks of page tables made by hand, with every right in the way. */
#include "tests/kvm/machine.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/core.h"

#define R VMAPI_ACCESS_READ
#define W VMAPI_ACCESS_WRITE
#define X VMAPI_ACCESS_EXEC
#define U VMAPI_ACCESS_USER

static void put64(struct machine *m, unsigned at, uint64_t value)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		m->mem[at + i] = (uint8_t)(value >> (8 * i));
}

/* The translation of gva for access: gpa and rights. */
static void gives(struct machine *m, uint64_t gva, unsigned access,
	uint64_t gpa, unsigned can)
{
	struct vmapi_translation t = { .size = sizeof(t) };

	if (!OK(vmapi_vcpu_translate(m->vcpu, gva, access, &t)))
		return;
	if (!CHECK(t.gpa == gpa && t.access == can))
		printf("  0x%llx gave 0x%llx, rights 0x%x, not 0x%x\n",
			(unsigned long long)gva, (unsigned long long)t.gpa,
			t.access, can);
}

static void faults(struct machine *m, uint64_t gva, unsigned access)
{
	struct vmapi_translation t = { .size = sizeof(t) };

	GIVES(vmapi_vcpu_translate(m->vcpu, gva, access, &t), -EFAULT);
	CHECK(vmapi_error_last()->range_first == gva);
}

static void real_mode(struct machine *m)
{
	gives(m, 0x12345, 0, 0x12345, R | W | X | U);
}

/* PML4 0x10000, PDPT 0x11000, PD 0x12000, PT 0x13000. */
static void tables(struct machine *m)
{
	put64(m, 0x10000, 0x11007);
	put64(m, 0x10000 + 8 * 511, 0x11007); /* the top half, too */
	put64(m, 0x11000, 0x12007);
	put64(m, 0x11000 + 8 * 511, 0x12007);
	put64(m, 0x11008, 0x40000087);	      /* 1 GiB page at 1 GiB */
	put64(m, 0x12000, 0x13007);
	put64(m, 0x12008, 0x00e00083);	      /* 2 MiB page, supervisor */
	put64(m, 0x12010, 0x7fffffff00001007); /* table outside RAM */
	put64(m, 0x13008, 0x55005);	      /* user, read-only */
	put64(m, 0x13010, 0x8000000000056007); /* user, no execute */
	put64(m, 0x13018, 0x57003);	      /* supervisor */
	put64(m, 0x13020, 0x58001);	      /* supervisor, read-only */
}

static void long_mode(struct machine *m)
{
	struct vmapi_x86_segment cs = { .limit = 0xffffffff, .selector = 8,
		.attributes = 0xa09b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CR0, .value = 0x80010033 },
		{ .tag = VMAPI_X86_CR3, .value = 0x10000 },
		{ .tag = VMAPI_X86_CR4, .value = 0x20 },
		{ .tag = VMAPI_X86_EFER, .value = 0xd00 },
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
	};

	tables(m);
	if (!OK(vmapi_regs_set(m->vcpu, regs, 5, NULL, 0)))
		return;
	faults(m, 0x123, 0);
	gives(m, 0x1234, R, 0x55234, R | X | U);
	gives(m, 0x1234, R | U, 0x55234, R | X | U);
	faults(m, 0x1234, W); /* CR0.WP */
	faults(m, 0x1234, W | U);
	gives(m, 0x2fff, R | W | U, 0x56fff, R | W | U);
	faults(m, 0x2fff, X);
	gives(m, 0x3000, R | W | X, 0x57000, R | W | X);
	faults(m, 0x3000, R | U);
	gives(m, 0x4000, R, 0x58000, R | X);
	gives(m, 0x234567, R | W, 0xe34567, R | W | X);
	gives(m, 0x40123456, R | U, 0x40123456, R | W | X | U);
	faults(m, 0x400000, R);
	gives(m, 0xffffffffc0001234, R, 0x55234, R | X | U);
	faults(m, 0x0001000000001234, R);
	faults(m, 0xffff000000001234, R);
	/* Without WP a supervisor writes where he likes; users do not. */
	reg_set(m->vcpu, VMAPI_X86_CR0, 0x80000033);
	gives(m, 0x1234, W, 0x55234, R | W | X | U);
	faults(m, 0x1234, W | U);
	/* Without NXE the bit means nothing here. */
	reg_set(m->vcpu, VMAPI_X86_EFER, 0x500);
	gives(m, 0x2fff, X, 0x56fff, R | W | X | U);
}

/* -- In a region's function, while the map waits for it ------------------ */

#define PORT 0x300

struct waiting {
	struct machine *m;
	struct vmapi_vcpu *other; /* in long mode */
	pthread_t thread;
	bool is_done;
};

static void *remap(void *opaque)
{
	struct waiting *w = opaque;

	OK(machine_map(w->m, 0x80000, 0, 0x1000, 0));
	return NULL;
}

/* Whoever changes the map has its lock, and waits for this vcpu to leave. */
static int translate_in_function(void *opaque, struct vmapi_access *access)
{
	struct waiting *w = opaque;
	struct vmapi_translation t = { .size = sizeof(t) };

	if (w->is_done)
		return 0;
	w->is_done = true;
	CHECK(!pthread_create(&w->thread, NULL, remap, w));
	while (!atomic_load(&w->m->vm->gate_closed))
		sched_yield();
	OK(vmapi_vcpu_translate(w->other, 0x1234, R, &t));
	CHECK(t.gpa == 0x55234);
	access->value = 0x77;
	return 0;
}

static void in_function(struct machine *m)
{
	static const uint8_t code[] = { 0xba, PORT & 0xff, PORT >> 8, /* dx */
		0xec, 0xf4 }; /* in al, dx; hlt */
	struct vmapi_region_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_PORT, .base = PORT, .bytes = 1 };
	struct waiting w = { .m = m, .other = m->vcpu };
	struct vmapi_vcpu *caller = machine_vcpu(m, 1);
	struct vmapi_region *region;
	struct vmapi_exit exit;

	if (!caller)
		return;
	machine_load(m, caller, CODE, code, sizeof(code));
	if (!OK(vmapi_region_handler(m->vm, &c, translate_in_function, &w,
		    &region)))
		return;
	run_to(caller, &exit, VMAPI_EXIT_HALT);
	if (CHECK(w.is_done))
		pthread_join(w.thread, NULL);
	CHECK((reg_get(caller, VMAPI_X86_RAX) & 0xff) == 0x77);
	vmapi_region_destroy(region);
	vmapi_vcpu_destroy(caller);
}

int main(void)
{
	struct machine m;
	int rc = machine_open(&m, NULL);

	if (rc)
		return rc;
	real_mode(&m);
	long_mode(&m);
	in_function(&m);
	machine_close(&m);
	return check_result("translate");
}
