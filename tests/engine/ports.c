/* SPDX-License-Identifier: MIT */
/* IN and OUT that a region answers, in the middle of a block. */
#include "tests/engine/engine.h"

#define PORT 0x500u

enum deed { ANSWER, PATCH, KICK, PASS, LATE };

/* What answers, and what it was asked. */
struct device {
	struct engine e;
	struct vmapi_region *region;
	enum deed deed;
	unsigned calls;
	struct vmapi_access last;
};

/* mov ebx, 1 is behind the access in all of them; its 1 is here. */
#define PATCHED 2u

/* out dx, al; mov ebx, 1; hlt */
static const uint8_t out_byte[] = {
	0xee, 0xbb, 0x01, 0x00, 0x00, 0x00, 0xf4,
};

/* in al, dx; mov ebx, 1; hlt */
static const uint8_t in_byte[] = {
	0xec, 0xbb, 0x01, 0x00, 0x00, 0x00, 0xf4,
};

/* in al, dx; mov bl, al; inc edx; in al, dx; mov bh, al; dec edx; in al, dx; hlt */
static const uint8_t three[] = {
	0xec, 0x88, 0xc3, 0xff, 0xc2, 0xec, 0x88, 0xc7, 0xff, 0xca, 0xec, 0xf4,
};

static int answer(void *opaque, struct vmapi_access *access)
{
	static const uint8_t patch = 2;
	struct device *d = opaque;

	d->calls++;
	d->last = *access;
	switch (d->deed) {
	case PATCH:
		engine_must(vmapi_as_write(d->e.as, ENGINE_CODE + PATCHED,
			&patch, 1));
		break;
	case KICK:
		engine_must(vmapi_vcpu_kick(d->e.vcpu));
		break;
	case PASS:
		return VMAPI_REGION_PASS;
	case LATE:
		if (access->offset)
			return VMAPI_REGION_PASS;
		break;
	case ANSWER:
		break;
	}
	if (!access->is_write)
		access->value = 0x8877665544332200ull + d->calls;
	return VMAPI_REGION_DONE;
}

static void device_open(struct device *d, uint32_t vm_flags)
{
	const struct vmapi_vm_config config = { .size = sizeof(config),
		.flags = vm_flags };
	const struct vmapi_region_config range = { .size = sizeof(range),
		.space = VMAPI_SPACE_PORT, .base = PORT, .bytes = 8 };

	memset(d, 0, sizeof(*d));
	engine_open_as(&d->e, &config);
	engine_must(vmapi_region_handler(d->e.vm, &range, answer, d,
		&d->region));
}

static void device_close(struct device *d)
{
	vmapi_region_destroy(d->region);
	engine_close(&d->e);
}

static void load(struct device *d, const uint8_t *code, size_t bytes,
	enum deed deed)
{
	engine_mode(&d->e, d->e.vcpu, 64);
	engine_load(&d->e, code, bytes);
	engine_set(d->e.vcpu, VMAPI_X86_RDX, PORT);
	engine_set(d->e.vcpu, VMAPI_X86_RAX, 0x1122334455667788ull);
	engine_set(d->e.vcpu, VMAPI_X86_RBX, 0);
	d->deed = deed;
	d->calls = 0;
}

/* -- What is asked and answered ----------------------------------------- */

struct row {
	const char *what;
	uint8_t code[4];
	unsigned bytes, port;
	bool is_write;
	uint64_t rax; /* after it */
};

/* SDM 1 3.4.1.1: a 32-bit result is extended with zeros, others are not. */
static const struct row rows[] = {
	{ "in al, dx", { 0xec, 0xf4 }, 1, 0, false, 0x1122334455667701 },
	{ "in ax, dx", { 0x66, 0xed, 0xf4 }, 2, 0, false,
	  0x1122334455662201 },
	{ "in eax, dx", { 0xed, 0xf4 }, 4, 0, false, 0x44332201 },
	{ "rex.w in eax, dx", { 0x48, 0xed, 0xf4 }, 4, 0, false, 0x44332201 },
	{ "in al, 0x77", { 0xe4, 0x77, 0xf4 }, 1, 0x77, false,
	  0x1122334455667701 },
	{ "in eax, 0x77", { 0xe5, 0x77, 0xf4 }, 4, 0x77, false, 0x44332201 },
	{ "out dx, al", { 0xee, 0xf4 }, 1, 0, true, 0x88 },
	{ "out dx, ax", { 0x66, 0xef, 0xf4 }, 2, 0, true, 0x7788 },
	{ "out dx, eax", { 0xef, 0xf4 }, 4, 0, true, 0x55667788 },
	{ "rex.w out dx, eax", { 0x48, 0xef, 0xf4 }, 4, 0, true, 0x55667788 },
	{ "out 0x77, al", { 0xe6, 0x77, 0xf4 }, 1, 0x77, true, 0x88 },
};

static void one(struct device *d, const struct row *r)
{
	engine_about(r->what);
	load(d, r->code, sizeof(r->code), ANSWER);
	EQUAL(engine_run(&d->e), VMAPI_EXIT_HALT);
	EQUAL(d->calls, 1);
	EQUAL(d->last.offset, r->port ? r->port - 0x70 : 0);
	EQUAL(d->last.bytes, r->bytes);
	EQUAL(d->last.is_write, r->is_write);
	EQUAL(d->last.value, r->is_write ? r->rax : 0);
	CHECK(d->last.vcpu == d->e.vcpu);
	EQUAL(engine_get(d->e.vcpu, VMAPI_X86_RAX),
		r->is_write ? 0x1122334455667788ull : r->rax);
}

/* The second time the region is the one that was found last. */
static void all(uint32_t vm_flags)
{
	const struct vmapi_region_config low = { .size = sizeof(low),
		.space = VMAPI_SPACE_PORT, .base = 0x70, .bytes = 16 };
	struct vmapi_region *region;
	struct device d;
	size_t i;

	device_open(&d, vm_flags);
	engine_must(vmapi_region_handler(d.e.vm, &low, answer, &d, &region));
	for (i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++)
		one(&d, &rows[i / 2]);
	vmapi_region_destroy(region);
	device_close(&d);
}

/* -- What comes before the next instruction ----------------------------- */

/* A device's DMA to the code that is executed. */
static void patched(struct device *d, bool is_in)
{
	(void)is_in;
	EQUAL(engine_run(&d->e), VMAPI_EXIT_HALT);
	EQUAL(d->calls, 1);
	EQUAL(engine_get(d->e.vcpu, VMAPI_X86_RBX), 2);
}

static void kicked(struct device *d, bool is_in)
{
	(void)is_in;
	EQUAL(engine_run(&d->e), VMAPI_EXIT_KICK);
	EQUAL(d->calls, 1);
	EQUAL(d->e.exit.retired, 1);
	EQUAL(engine_get(d->e.vcpu, VMAPI_X86_RIP), ENGINE_CODE + 1);
	EQUAL(engine_get(d->e.vcpu, VMAPI_X86_RBX), 0);
	EQUAL(engine_run(&d->e), VMAPI_EXIT_HALT);
	EQUAL(engine_get(d->e.vcpu, VMAPI_X86_RBX), 1);
	EQUAL(d->calls, 1);
}

/* What the region leaves to the application. */
static void passed(struct device *d, bool is_in)
{
	EQUAL(engine_run(&d->e), VMAPI_EXIT_IO);
	EQUAL(d->calls, 1);
	EQUAL(d->e.exit.u.io.port, PORT);
	EQUAL(d->e.exit.u.io.width, 1);
	EQUAL(d->e.exit.u.io.is_write, !is_in);
	if (is_in)
		engine_answer(&d->e, 0x5a, 1);
	else
		EQUAL(*(const uint8_t *)d->e.exit.u.io.data, 0x88);
	EQUAL(engine_run(&d->e), VMAPI_EXIT_HALT);
	EQUAL(engine_get(d->e.vcpu, VMAPI_X86_RAX) & 0xff, is_in ? 0x5a : 0x88);
	EQUAL(d->calls, 1);
}

/* What the region does while it is asked, and what becomes of that. */
static const struct meanwhile {
	const char *out, *in;
	enum deed deed;
	void (*check)(struct device *d, bool is_in);
} meanwhiles[] = {
	{ "OUT, and code behind it", "IN, and code behind it", PATCH, patched },
	{ "OUT, and a kick", "IN, and a kick", KICK, kicked },
	{ "OUT, passed on", "IN, passed on", PASS, passed },
};

static void meanwhile(const struct meanwhile *m, uint32_t vm_flags)
{
	struct device d;
	unsigned i;

	device_open(&d, vm_flags);
	for (i = 0; i < 4; i++) {
		engine_about(i & 1 ? m->in : m->out);
		load(&d, i & 1 ? in_byte : out_byte, sizeof(out_byte), m->deed);
		m->check(&d, i & 1);
	}
	device_close(&d);
}

/* Answers before and after it are each asked for once. */
static void one_of_three(uint32_t vm_flags)
{
	struct device d;
	unsigned i;

	engine_about("three of a block, the second passed on");
	device_open(&d, vm_flags);
	for (i = 0; i < 3; i++) {
		load(&d, three, sizeof(three), LATE);
		EQUAL(engine_run(&d.e), VMAPI_EXIT_IO);
		EQUAL(d.calls, 2);
		EQUAL(d.e.exit.u.io.port, PORT + 1);
		engine_answer(&d.e, 0x5a, 1);
		EQUAL(engine_run(&d.e), VMAPI_EXIT_HALT);
		EQUAL(d.calls, 3);
		EQUAL(engine_get(d.e.vcpu, VMAPI_X86_RBX), 0x5a01);
		EQUAL(engine_get(d.e.vcpu, VMAPI_X86_RAX) & 0xff, 3);
	}
	device_close(&d);
}

int main(void)
{
	static const uint32_t flags[] = { 0, VMAPI_VM_DETERMINISTIC };
	unsigned i, k;

	for (i = 0; i < 2; i++) {
		all(flags[i]);
		for (k = 0; k < 3; k++)
			meanwhile(&meanwhiles[k], flags[i]);
		one_of_three(flags[i]);
	}
	return engine_result();
}
