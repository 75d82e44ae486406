/* SPDX-License-Identifier: MIT */
/* Running a guest in real mode: hello, accesses, answers, settle, ROM. */
#include "tests/kvm/machine.h"

#include <stdio.h>
#include <string.h>

#include "lib/core/core.h"
#include "lib/region/region.h"

/* Print a text through a port, a byte at a time, and halt. */
static void hello(struct machine *m)
{
	static const uint8_t code[] = {
		0xbe, 0x00, 0x20,	/* mov si, 0x2000 */
		0xac,			/* lodsb */
		0x84, 0xc0,		/* test al, al */
		0x74, 0x04,		/* jz hlt */
		0xe6, 0xe9,		/* out 0xe9, al */
		0xeb, 0xf7,		/* jmp lodsb */
		0xf4,			/* hlt */
	};
	const char *text = "hello";
	struct vmapi_exit exit;

	strcpy((char *)m->mem + 0x2000, text);
	machine_load(m, m->vcpu, CODE, code, sizeof(code));
	for (; *text; text++) {
		if (!run_to(m->vcpu, &exit, VMAPI_EXIT_IO))
			return;
		CHECK(exit.native == 2);
		CHECK(exit.u.io.port == 0xe9 && exit.u.io.is_write == 1);
		CHECK(exit.u.io.width == 1 && exit.u.io.count == 1);
		CHECK(*(char *)exit.u.io.data == *text);
		CHECK(!(exit.flags & VMAPI_EXIT_ANSWER));
	}
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	CHECK(reg_get(m->vcpu, VMAPI_X86_RIP) == CODE + sizeof(code));
}

/* A string of outputs: the whole of it arrives, in however many exits. */
static void rep_outs(struct machine *m)
{
	static const uint8_t code[] = {
		0xfc,			/* cld */
		0xbe, 0x00, 0x20,	/* mov si, 0x2000 */
		0xb9, 0x40, 0x00,	/* mov cx, 64 */
		0xba, 0xf0, 0x01,	/* mov dx, 0x1f0 */
		0xf3, 0x6f,		/* rep outsw */
		0xf4,
	};
	uint8_t got[256];
	size_t n = 0;
	unsigned exits = 0;
	struct vmapi_exit exit = { .size = sizeof(exit) };
	unsigned i;

	for (i = 0; i < 128; i++)
		m->mem[0x2000 + i] = (uint8_t)(i * 7);
	machine_load(m, m->vcpu, CODE, code, sizeof(code));
	while (n < 128) {
		if (!run_to(m->vcpu, &exit, VMAPI_EXIT_IO))
			return;
		CHECK(exit.u.io.width == 2 && exit.u.io.is_write == 1);
		if (!CHECK(n + 2 * exit.u.io.count <= 128))
			return;
		memcpy(got + n, exit.u.io.data, 2 * exit.u.io.count);
		n += 2 * exit.u.io.count;
		exits++;
	}
	CHECK(!memcmp(got, m->mem + 0x2000, 128));
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	CHECK((reg_get(m->vcpu, VMAPI_X86_RCX) & 0xffff) == 0);
	CHECK((reg_get(m->vcpu, VMAPI_X86_RSI) & 0xffff) == 0x2080);
	printf("rep outsw of 64 words: %u exits\n", exits);
}

/* And of inputs: each exit says how many it wants. */
static void rep_ins(struct machine *m)
{
	static const uint8_t code[] = {
		0xfc,			/* cld */
		0xbf, 0x00, 0x30,	/* mov di, 0x3000 */
		0xb9, 0x28, 0x00,	/* mov cx, 40 */
		0xba, 0xf0, 0x01,	/* mov dx, 0x1f0 */
		0xf3, 0x6c,		/* rep insb */
		0xf4,
	};
	uint8_t data[64];
	size_t n = 0;
	struct vmapi_exit exit = { .size = sizeof(exit) };
	unsigned i;

	memset(m->mem + 0x3000, 0, 64);
	machine_load(m, m->vcpu, CODE, code, sizeof(code));
	while (n < 40) {
		if (!run_to(m->vcpu, &exit, VMAPI_EXIT_IO))
			return;
		CHECK(exit.u.io.width == 1 && !exit.u.io.is_write);
		CHECK(exit.flags & VMAPI_EXIT_ANSWER);
		if (!CHECK(exit.u.io.count && n + exit.u.io.count <= 40))
			return;
		for (i = 0; i < exit.u.io.count; i++)
			data[i] = (uint8_t)(0x80 + n + i);
		n += exit.u.io.count;
		OK(vmapi_vcpu_complete(m->vcpu, data, exit.u.io.count));
	}
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	for (i = 0; i < 40; i++)
		CHECK(m->mem[0x3000 + i] == (uint8_t)(0x80 + i));
	CHECK(m->mem[0x3028] == 0);
}

/* mov al,[0x18000] through ds=0x1800 etc.: outside RAM at 1 MiB and up. */
static const uint8_t mmio_code[] = {
	0xb8, 0xff, 0xff, 0x8e, 0xd8,	/* mov ax, 0xffff; mov ds, ax */
	0xa1, 0x10, 0x00,		/* mov ax, [0x10]: gpa 0x100000 */
	0xa3, 0x20, 0x00,		/* mov [0x20], ax: gpa 0x100010 */
	0x8c, 0xda,			/* mov dx, ds */
	0xf4,
};

static void mmio(struct machine *m)
{
	const uint16_t value = 0xbeef;
	struct vmapi_exit exit;

	machine_load(m, m->vcpu, CODE, mmio_code, sizeof(mmio_code));
	if (!run_to(m->vcpu, &exit, VMAPI_EXIT_MMIO))
		return;
	CHECK(exit.u.mmio.gpa == 0x100000 && exit.u.mmio.length == 2);
	CHECK(!exit.u.mmio.is_write && exit.flags & VMAPI_EXIT_ANSWER);
	/* Unanswered: nothing goes on, nothing is told. */
	GIVES(vmapi_vcpu_run(m->vcpu, &exit), -EBUSY);
	{
		struct vmapi_reg reg = { .tag = VMAPI_X86_RAX };

		GIVES(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), -EBUSY);
	}
	GIVES(vmapi_vcpu_complete(m->vcpu, &value, 1), -EMSGSIZE);
	OK(vmapi_vcpu_complete(m->vcpu, &value, 2));
	GIVES(vmapi_vcpu_complete(m->vcpu, &value, 2), -EALREADY);
	if (!run_to(m->vcpu, &exit, VMAPI_EXIT_MMIO))
		return;
	CHECK(exit.u.mmio.gpa == 0x100010 && exit.u.mmio.is_write == 1);
	CHECK(exit.u.mmio.length == 2);
	CHECK(exit.u.mmio.data[0] == 0xef && exit.u.mmio.data[1] == 0xbe);
	CHECK(!(exit.flags & VMAPI_EXIT_ANSWER));
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	CHECK((reg_get(m->vcpu, VMAPI_X86_RAX) & 0xffff) == 0xbeef);
	CHECK((reg_get(m->vcpu, VMAPI_X86_RDX) & 0xffff) == 0xffff);
}

/* Settle finishes the load and nothing beyond it. */
static void settle(struct machine *m)
{
	const uint16_t value = 0x1234;
	struct vmapi_exit exit;

	machine_load(m, m->vcpu, CODE, mmio_code, sizeof(mmio_code));
	reg_set(m->vcpu, VMAPI_X86_RDX, 0);
	settle_to(m->vcpu, &exit, VMAPI_EXIT_SETTLED);
	CHECK(reg_get(m->vcpu, VMAPI_X86_RIP) == CODE);
	if (!run_to(m->vcpu, &exit, VMAPI_EXIT_MMIO))
		return;
	GIVES(vmapi_vcpu_settle(m->vcpu, &exit), -EBUSY);
	OK(vmapi_vcpu_complete(m->vcpu, &value, 2));
	settle_to(m->vcpu, &exit, VMAPI_EXIT_SETTLED);
	CHECK((reg_get(m->vcpu, VMAPI_X86_RAX) & 0xffff) == 0x1234);
	CHECK(reg_get(m->vcpu, VMAPI_X86_RIP) == CODE + 8);
	/* A kick stays pending over a settle. */
	OK(vmapi_vcpu_kick(m->vcpu));
	settle_to(m->vcpu, &exit, VMAPI_EXIT_SETTLED);
	run_to(m->vcpu, &exit, VMAPI_EXIT_KICK);
	CHECK(reg_get(m->vcpu, VMAPI_X86_RIP) == CODE + 8);
	/* The register call alone settles as well. */
	if (!run_to(m->vcpu, &exit, VMAPI_EXIT_MMIO))
		return;
	CHECK(reg_get(m->vcpu, VMAPI_X86_RIP) == CODE + 11);
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	CHECK((reg_get(m->vcpu, VMAPI_X86_RDX) & 0xffff) == 0xffff);
}

/*
 * An instruction of two accesses: movsw from one place outside RAM to
 * another.  The register call after the answer meets the second access.
 */
static void two_accesses(struct machine *m)
{
	static const uint8_t code[] = {
		0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x8e, 0xc0, /* ds = es = ffff */
		0xfc,			/* cld */
		0xbe, 0x10, 0x00,	/* mov si, 0x10 */
		0xbf, 0x40, 0x00,	/* mov di, 0x40 */
		0xa5,			/* movsw */
		0xf4,
	};
	struct vmapi_reg reg = { .tag = VMAPI_X86_RSI };
	const uint16_t value = 0x4321;
	struct vmapi_exit exit = { .size = sizeof(exit) };

	machine_load(m, m->vcpu, CODE, code, sizeof(code));
	if (!run_to(m->vcpu, &exit, VMAPI_EXIT_MMIO))
		return;
	CHECK(exit.u.mmio.gpa == 0x100000 && !exit.u.mmio.is_write);
	OK(vmapi_vcpu_complete(m->vcpu, &value, 2));
	OK(vmapi_vcpu_kick(m->vcpu));
	/*
	 * Either the write waits to be given out, by the next run and before
	 * the kick; or this kernel counts the instruction as finished.
	 */
	if (vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0) == -EBUSY) {
		if (!run_to(m->vcpu, &exit, VMAPI_EXIT_MMIO))
			return;
		CHECK(exit.u.mmio.gpa == 0x100030 && exit.u.mmio.is_write);
		CHECK(exit.u.mmio.data[0] == 0x21);
		run_to(m->vcpu, &exit, VMAPI_EXIT_KICK);
	} else {
		CHECK(!"the second access was lost");
	}
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	CHECK((reg_get(m->vcpu, VMAPI_X86_RSI) & 0xffff) == 0x12);
	CHECK((reg_get(m->vcpu, VMAPI_X86_RDI) & 0xffff) == 0x42);
}

/* A write to read-only memory is an exit, a read is not. */
static void rom(struct machine *m)
{
	static const uint8_t code[] = {
		0xa0, 0x00, 0x80,	/* mov al, [0x8000] */
		0xa2, 0x01, 0x80,	/* mov [0x8001], al */
		0xf4,
	};
	struct vmapi_exit exit;

	m->mem[0x8000] = 0x77;
	m->mem[0x8001] = 0x11;
	OK(machine_map(m, 0x8000, 0x8000, 0x1000, VMAPI_MAP_READONLY));
	machine_load(m, m->vcpu, CODE, code, sizeof(code));
	if (run_to(m->vcpu, &exit, VMAPI_EXIT_MMIO)) {
		CHECK(exit.u.mmio.gpa == 0x8001 && exit.u.mmio.is_write == 1);
		CHECK(exit.u.mmio.data[0] == 0x77);
		run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	}
	CHECK(m->mem[0x8001] == 0x11);
	OK(machine_map(m, 0x8000, 0x8000, 0x1000, 0));
	machine_load(m, m->vcpu, CODE, code, sizeof(code));
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	CHECK(m->mem[0x8001] == 0x77);
}

/* A reset drops an access that was not answered, and all registers. */
static void reset(struct machine *m)
{
	struct vmapi_exit exit;

	machine_load(m, m->vcpu, CODE, mmio_code, sizeof(mmio_code));
	if (!run_to(m->vcpu, &exit, VMAPI_EXIT_MMIO))
		return;
	OK(vmapi_vcpu_reset(m->vcpu));
	CHECK(reg_get(m->vcpu, VMAPI_X86_RIP) == 0xfff0);
	CHECK(reg_get(m->vcpu, VMAPI_X86_RFLAGS) == 2);
	CHECK(reg_get(m->vcpu, VMAPI_X86_RAX) == 0);
	CHECK(reg_get(m->vcpu, VMAPI_X86_CR0) == 0x60000010);
	machine_load(m, m->vcpu, CODE, mmio_code + 11, 3);
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	OK(vmapi_vm_reset(m->vm));
	CHECK(reg_get(m->vcpu, VMAPI_X86_RIP) == 0xfff0);
}

/* -- accesses that a region answers, without an exit --------------------- */

struct counter {
	struct vmi_region region;
	unsigned accesses;
	uint64_t last;
	int verdict;
};

static int count(struct vmi_region *region, struct vmapi_access *access)
{
	struct counter *c = (struct counter *)region;

	if (c->verdict)
		return c->verdict;
	c->accesses++;
	if (access->is_write)
		c->last = access->value;
	else
		access->value = 0x60 + access->offset;
	return 0;
}

static const uint8_t region_code[] = {
	0xfc, 0xbe, 0x00, 0x20,		/* cld; mov si, 0x2000 */
	0xb9, 0x05, 0x00,		/* mov cx, 5 */
	0xba, 0x02, 0x03,		/* mov dx, 0x302 */
	0xf3, 0x6e,			/* rep outsb: a port region */
	0xec, 0x88, 0xc3,		/* in al, dx; mov bl, al */
	0xb8, 0xff, 0xff, 0x8e, 0xd8,	/* ds = ffff */
	0xa0, 0x14, 0x00,		/* mov al, [0x14]: gpa 0x100004 */
	0xa3, 0x18, 0x00,		/* mov [0x18], ax: gpa 0x100008 */
	0xf4,
};

static void regions(struct machine *m)
{
	struct counter port = { .region = { .space = VMI_SPACE_PORT,
		.base = 0x300, .bytes = 8, .access = count, .name = "port" } };
	struct counter memory = { .region = { .space = VMI_SPACE_MEMORY,
		.base = 0x100000, .bytes = 64, .access = count,
		.name = "memory" } };
	struct vmi_range ports[] = { { 0x300, 0x307, &port.region } };
	struct vmi_range memories[] = {
		{ 0x100000, 0x10003f, &memory.region },
	};
	struct vmi_regions table = {
		.round = ~0ull, .n = { 1, 1 }, .sorted = { memories, ports },
	};
	struct vmi_regions *before = atomic_exchange(&m->vm->regions, &table);
	struct vmapi_exit exit;

	memcpy(m->mem + 0x2000, "abcde", 5);
	machine_load(m, m->vcpu, CODE, region_code, sizeof(region_code));
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	CHECK(port.accesses == 6 && port.last == 'e');
	CHECK((reg_get(m->vcpu, VMAPI_X86_RBX) & 0xff) == 0x62);
	CHECK(memory.accesses == 2);
	CHECK((memory.last & 0xff) == 0x64);
	/* One that refuses leaves the access to the application. */
	port.verdict = -1;
	machine_load(m, m->vcpu, CODE, region_code, sizeof(region_code));
	if (run_to(m->vcpu, &exit, VMAPI_EXIT_IO)) {
		CHECK(exit.u.io.port == 0x302);
		CHECK(*(char *)exit.u.io.data == 'a');
	}
	port.verdict = 0;
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	atomic_store(&m->vm->regions, before);
}

int main(void)
{
	struct machine m;
	int rc = machine_open(&m, NULL);

	if (rc)
		return rc;
	hello(&m);
	rep_outs(&m);
	rep_ins(&m);
	mmio(&m);
	settle(&m);
	two_accesses(&m);
	rom(&m);
	regions(&m);
	reset(&m);
	machine_close(&m);
	return check_result("run");
}
