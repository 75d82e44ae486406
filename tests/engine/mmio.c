/* SPDX-License-Identifier: MIT */
/* Instructions that ask devices: which accesses, in which order, once each. */
#include "tests/engine/engine.h"

/* push qword ptr [rdi]; hlt */
static const uint8_t push_mmio[] = {
	0xff, 0x37, 0xf4,
};

/* pop qword ptr [rdi]; hlt */
static const uint8_t pop_mmio[] = {
	0x8f, 0x07, 0xf4,
};

/* movsd; hlt */
static const uint8_t movs_mmio[] = {
	0xa5, 0xf4,
};

/* mov ecx, 2; rep movsw; hlt */
static const uint8_t rep_movs_mmio[] = {
	0xb9, 0x02, 0x00, 0x00, 0x00, 0x66, 0xf3, 0xa5, 0xf4,
};

/* add dword ptr [rdi], eax; hlt */
static const uint8_t add_mmio[] = {
	0x01, 0x07, 0xf4,
};

/* lock add dword ptr [rdi], eax; hlt */
static const uint8_t lock_add_mmio[] = {
	0xf0, 0x01, 0x07, 0xf4,
};

/* xchg dword ptr [rdi], eax; hlt */
static const uint8_t xchg_mmio[] = {
	0x87, 0x07, 0xf4,
};

/* cmpxchg dword ptr [rdi], ebx; hlt */
static const uint8_t cmpxchg_mmio[] = {
	0x0f, 0xb1, 0x1f, 0xf4,
};

/* call qword ptr [rdi]; hlt */
static const uint8_t call_mmio[] = {
	0xff, 0x17, 0xf4,
};

/* mov edx, 0x77; insw; hlt */
static const uint8_t ins_mmio[] = {
	0xba, 0x77, 0x00, 0x00, 0x00, 0x66, 0x6d, 0xf4,
};

/* in al, 0x77; hlt */
static const uint8_t in_byte[] = {
	0xe4, 0x77, 0xf4,
};

/* in ax, 0x77; hlt */
static const uint8_t in_word[] = {
	0x66, 0xe5, 0x77, 0xf4,
};

/* mov edx, 0x77; in eax, dx; hlt */
static const uint8_t in_dword[] = {
	0xba, 0x77, 0x00, 0x00, 0x00, 0xed, 0xf4,
};

/* mov edx, 0x77; outsd; hlt */
static const uint8_t outs_mmio[] = {
	0xba, 0x77, 0x00, 0x00, 0x00, 0x6f, 0xf4,
};

/* pusha; hlt */
static const uint8_t pusha_mmio[] = {
	0x60, 0xf4,
};

/* mov rax, [rdi]; hlt */
static const uint8_t load8[] = {
	0x48, 0x8b, 0x07, 0xf4,
};

/* mov [rdi], rax; hlt */
static const uint8_t store8[] = {
	0x48, 0x89, 0x07, 0xf4,
};

/* inc byte ptr [rdi]; hlt */
static const uint8_t inc_mmio[] = {
	0xfe, 0x07, 0xf4,
};

/* cmpsb; hlt */
static const uint8_t cmps_mmio[] = {
	0xa6, 0xf4,
};

/* stc; adc eax, dword ptr [rdi]; hlt */
static const uint8_t adc_mmio[] = {
	0xf9, 0x13, 0x07, 0xf4,
};

/* bts dword ptr [rdi], 3; hlt */
static const uint8_t bts_mmio[] = {
	0x0f, 0xba, 0x2f, 0x03, 0xf4,
};

/* cmp dword ptr [rdi], 5; jne other; mov eax, 1; other:; hlt */
static const uint8_t cmp_branch[] = {
	0x83, 0x3f, 0x05, 0x75, 0x05, 0xb8, 0x01, 0x00, 0x00, 0x00, 0xf4,
};

/* xadd dword ptr [rdi], eax; hlt */
static const uint8_t xadd_mmio[] = {
	0x0f, 0xc1, 0x07, 0xf4,
};

/* mov ecx, 3; rep stosb; hlt */
static const uint8_t fill_mmio[] = {
	0xb9, 0x03, 0x00, 0x00, 0x00, 0xf3, 0xaa, 0xf4,
};

#define DEVICE ENGINE_DEVICE
#define STACK  (ENGINE_STACK - 8)
#define EDGE   ENGINE_RAM /* where RAM ends and a device begins */
#define CODE(c) (c), sizeof(c)

/* One exit; `value` is what is written or the answer. */
struct access {
	char kind; /* r, w memory; i, o ports; 0 the end */
	uint8_t bytes;
	uint64_t address, value;
};

struct row {
	const char *name;
	const uint8_t *code;
	size_t bytes;
	unsigned mode;
	uint64_t rsi, rdi, rax, rsp;
	struct access accesses[9];
	uint64_t tag, value;  /* a register at the halt */
	uint64_t gpa, memory; /* 8 bytes of RAM at the halt */
};

#define D DEVICE

static const struct row rows[] = {
	{ "push [mmio]", CODE(push_mmio), 64, 0, D, 0, 0,
		{ { 'r', 8, D, 0x1122334455667788 } },
		VMAPI_X86_RSP, STACK, STACK, 0x1122334455667788 },
	{ "push [mmio] to mmio", CODE(push_mmio), 64, 0, D, 0, D + 0x100,
		{ { 'r', 8, D, 77 }, { 'w', 8, D + 0xf8, 77 } },
		VMAPI_X86_RSP, D + 0xf8, 0, 0 },
	{ "pop [mmio]", CODE(pop_mmio), 64, 0, D, 0, STACK,
		{ { 'w', 8, D, 0x55 } }, VMAPI_X86_RSP, STACK + 8, 0, 0 },
	{ "pop [mmio] from mmio", CODE(pop_mmio), 64, 0, D, 0, D + 0x100,
		{ { 'r', 8, D + 0x100, 9 }, { 'w', 8, D, 9 } },
		VMAPI_X86_RSP, D + 0x108, 0, 0 },
	{ "movs between devices", CODE(movs_mmio), 64, D, D + 0x800, 0, 0,
		{ { 'r', 4, D, 0xabcd }, { 'w', 4, D + 0x800, 0xabcd } },
		VMAPI_X86_RDI, D + 0x804, 0, 0 },
	{ "rep movs between devices", CODE(rep_movs_mmio), 64, D, D + 0x800,
		0, 0, { { 'r', 2, D, 1 }, { 'w', 2, D + 0x800, 1 },
			{ 'r', 2, D + 2, 2 }, { 'w', 2, D + 0x802, 2 } },
		VMAPI_X86_RCX, 0, 0, 0 },
	{ "add [mmio], reg", CODE(add_mmio), 64, 0, D, 5, 0,
		{ { 'r', 4, D, 10 }, { 'w', 4, D, 15 } },
		VMAPI_X86_RAX, 5, 0, 0 },
	{ "lock add [mmio], reg", CODE(lock_add_mmio), 64, 0, D, 5, 0,
		{ { 'r', 4, D, 10 }, { 'w', 4, D, 15 } },
		VMAPI_X86_RAX, 5, 0, 0 },
	{ "xchg [mmio], reg", CODE(xchg_mmio), 64, 0, D, 5, 0,
		{ { 'r', 4, D, 10 }, { 'w', 4, D, 5 } },
		VMAPI_X86_RAX, 10, 0, 0 },
	{ "cmpxchg [mmio], equal", CODE(cmpxchg_mmio), 64, 0, D, 5, 0,
		{ { 'r', 4, D, 5 }, { 'w', 4, D, 0xbb } },
		VMAPI_X86_RAX, 5, 0, 0 },
	{ "cmpxchg [mmio], different", CODE(cmpxchg_mmio), 64, 0, D, 5, 0,
		{ { 'r', 4, D, 6 }, { 'w', 4, D, 6 } },
		VMAPI_X86_RAX, 6, 0, 0 },
	{ "xadd [mmio], reg", CODE(xadd_mmio), 64, 0, D, 5, 0,
		{ { 'r', 4, D, 10 }, { 'w', 4, D, 15 } },
		VMAPI_X86_RAX, 10, 0, 0 },
	{ "bts [mmio]", CODE(bts_mmio), 64, 0, D, 5, 0,
		{ { 'r', 4, D, 1 }, { 'w', 4, D, 9 } },
		VMAPI_X86_RAX, 5, 0, 0 },
	{ "inc [mmio]", CODE(inc_mmio), 64, 0, D, 5, 0,
		{ { 'r', 1, D, 255 }, { 'w', 1, D, 0 } },
		VMAPI_X86_RAX, 5, 0, 0 },
	{ "adc reg, [mmio]", CODE(adc_mmio), 64, 0, D, 5, 0,
		{ { 'r', 4, D, 10 } }, VMAPI_X86_RAX, 16, 0, 0 },
	{ "cmp [mmio] and branch", CODE(cmp_branch), 64, 0, D, 0, 0,
		{ { 'r', 4, D, 5 } }, VMAPI_X86_RAX, 1, 0, 0 },
	{ "cmps of devices", CODE(cmps_mmio), 64, D, D + 8, 0, 0,
		{ { 'r', 1, D, 7 }, { 'r', 1, D + 8, 7 } },
		VMAPI_X86_RSI, D + 1, 0, 0 },
	{ "call [mmio]", CODE(call_mmio), 64, 0, D, 0, 0,
		{ { 'r', 8, D, ENGINE_CODE + 2 } },
		VMAPI_X86_RSP, STACK, STACK, ENGINE_CODE + 2 },
	{ "ins to a device", CODE(ins_mmio), 64, 0, D, 0, 0,
		{ { 'i', 2, 0x77, 0x1234 }, { 'w', 2, D, 0x1234 } },
		VMAPI_X86_RDI, D + 2, 0, 0 },
	{ "ins across the edge of RAM", CODE(ins_mmio), 64, 0, EDGE - 1, 0, 0,
		{ { 'i', 2, 0x77, 0x1234 }, { 'w', 1, EDGE, 0x12 } },
		VMAPI_X86_RDI, EDGE + 1, EDGE - 8, 0x3400000000000000 },
	{ "in to al", CODE(in_byte), 64, 0, 0, UINT64_MAX, 0,
		{ { 'i', 1, 0x77, 0x12 } },
		VMAPI_X86_RAX, 0xffffffffffffff12, 0, 0 },
	{ "in to ax", CODE(in_word), 64, 0, 0, UINT64_MAX, 0,
		{ { 'i', 2, 0x77, 0x1234 } },
		VMAPI_X86_RAX, 0xffffffffffff1234, 0, 0 },
	{ "in to eax", CODE(in_dword), 64, 0, 0, UINT64_MAX, 0,
		{ { 'i', 4, 0x77, 0x87654321 } },
		VMAPI_X86_RAX, 0x87654321, 0, 0 },
	{ "outs from a device", CODE(outs_mmio), 64, D, 0, 0, 0,
		{ { 'r', 4, D, 0x1234 }, { 'o', 4, 0x77, 0x1234 } },
		VMAPI_X86_RSI, D + 4, 0, 0 },
	{ "pusha to a device", CODE(pusha_mmio), 32, 0, 1, 2, D + 0x100,
		{ { 'w', 4, D + 0xfc, 2 }, { 'w', 4, D + 0xf8, 0 },
			{ 'w', 4, D + 0xf4, 0 }, { 'w', 4, D + 0xf0, 0xbb },
			{ 'w', 4, D + 0xec, D + 0x100 },
			{ 'w', 4, D + 0xe8, 0 }, { 'w', 4, D + 0xe4, 0 },
			{ 'w', 4, D + 0xe0, 1 } },
		VMAPI_X86_RSP, D + 0xe0, 0, 0 },
	{ "load across the edge of RAM", CODE(load8), 64, 0, EDGE - 4, 0, 0,
		{ { 'r', 4, EDGE, 0x88776655 } },
		VMAPI_X86_RAX, 0x8877665500000000, 0, 0 },
	{ "store across the edge of RAM", CODE(store8), 64, 0, EDGE - 5,
		0x8877665544332211, 0, { { 'w', 2, EDGE, 0x7766 },
			{ 'w', 1, EDGE + 2, 0x88 } },
		VMAPI_X86_RDI, EDGE - 5, EDGE - 8, 0x5544332211000000 },
	{ "rep stosb to a device", CODE(fill_mmio), 64, 0, D, 0x41, 0,
		{ { 'w', 1, D, 0x41 }, { 'w', 1, D + 1, 0x41 },
			{ 'w', 1, D + 2, 0x41 } },
		VMAPI_X86_RCX, 0, 0, 0 },
};

static void begin(struct engine *e, const struct row *r)
{
	engine_open(e, VMAPI_IRQCHIP_NONE);
	engine_mode(e, e->vcpu, r->mode);
	engine_load(e, r->code, r->bytes);
	engine_poke(e, STACK, 0x55, 8);
	engine_set(e->vcpu, VMAPI_X86_RBX, 0xbb);
	engine_set(e->vcpu, VMAPI_X86_RSI, r->rsi);
	engine_set(e->vcpu, VMAPI_X86_RDI, r->rdi);
	engine_set(e->vcpu, VMAPI_X86_RAX, r->rax);
	if (r->rsp)
		engine_set(e->vcpu, VMAPI_X86_RSP, r->rsp);
}

static uint64_t bytes_of(const void *data, unsigned n)
{
	const uint8_t *p = data;
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* The exit is the access; answer it. */
static void meet(struct engine *e, const struct access *a)
{
	const struct vmapi_exit *x = &e->exit;
	bool port = a->kind == 'i' || a->kind == 'o';
	bool write = a->kind == 'w' || a->kind == 'o';

	EQUAL(x->reason, port ? VMAPI_EXIT_IO : VMAPI_EXIT_MMIO);
	if (x->reason == VMAPI_EXIT_IO) {
		EQUAL(x->u.io.port, a->address);
		EQUAL(x->u.io.width * x->u.io.count, a->bytes);
		EQUAL(x->u.io.is_write, write);
		if (write)
			EQUAL(bytes_of(x->u.io.data, a->bytes), a->value);
	} else if (x->reason == VMAPI_EXIT_MMIO) {
		EQUAL(x->u.mmio.gpa, a->address);
		EQUAL(x->u.mmio.length, a->bytes);
		EQUAL(x->u.mmio.is_write, write);
		if (write)
			EQUAL(bytes_of(x->u.mmio.data, a->bytes), a->value);
	}
	EQUAL(!!(x->flags & VMAPI_EXIT_ANSWER), !write);
	if (!write && (x->flags & VMAPI_EXIT_ANSWER))
		engine_answer(e, a->value, a->bytes);
}

enum way { RUNS, SETTLES, MAPS, KICKS };

/* To the next exit; in some ways more happens in between. */
static void go_on(struct engine *e, enum way way)
{
	if (way == MAPS) { /* nothing of the accesses is in this range */
		engine_must(engine_map(e, 0x8000000, 0x1000, 0, 0));
		engine_must(engine_unmap(e, 0x8000000, 0x1000));
	}
	if (way == KICKS)
		engine_must(vmapi_vcpu_kick(e->vcpu));
	if (way == SETTLES) {
		engine_must(vmapi_vcpu_settle(e->vcpu, &e->exit));
		if (e->exit.reason != VMAPI_EXIT_SETTLED)
			return;
	}
	do
		engine_run(e);
	while (e->exit.reason == VMAPI_EXIT_KICK);
}

static void one(const struct row *r, enum way way)
{
	struct engine e;
	unsigned i;

	engine_about(r->name);
	begin(&e, r);
	engine_run(&e);
	for (i = 0; r->accesses[i].kind; i++) {
		meet(&e, &r->accesses[i]);
		go_on(&e, way);
	}
	EQUAL(e.exit.reason, VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, r->tag), r->value);
	if (r->gpa)
		EQUAL(engine_peek(&e, r->gpa, 8), r->memory);
	engine_close(&e);
}

/* An answer that is no longer wanted: the page has become RAM. */
static void device_becomes_ram(void)
{
	struct engine e;

	engine_about("a device becomes RAM before the answer is used");
	begin(&e, &rows[6]);
	EQUAL(engine_run(&e), VMAPI_EXIT_MMIO);
	engine_answer(&e, 100, 4);
	engine_poke(&e, 0x300000, 7, 4);
	engine_must(engine_map(&e, D, 0x1000, 0x300000, 0));
	engine_run(&e);
	/* What was read is not asked again, and not lost. */
	if (e.exit.reason == VMAPI_EXIT_MMIO) {
		EQUAL(e.exit.u.mmio.is_write, 1);
		EQUAL(e.exit.u.mmio.data[0], 105);
		engine_run(&e);
	} else {
		EQUAL(engine_peek(&e, 0x300000, 4), 105);
	}
	EQUAL(e.exit.reason, VMAPI_EXIT_HALT);
	engine_close(&e);
}

/* Resets forget what was asked. */
static void reset_while_asking(void)
{
	struct engine e;
	unsigned i;

	engine_about("reset with an exit unanswered");
	begin(&e, &rows[5]);
	for (i = 0; i < 4; i++) {
		EQUAL(engine_run(&e), VMAPI_EXIT_MMIO);
		if (i & 1)
			engine_must(vmapi_vm_reset(e.vm));
		engine_mode(&e, e.vcpu, 64);
		engine_set(e.vcpu, VMAPI_X86_RSI, i & 1 ? D : D + 8);
		engine_set(e.vcpu, VMAPI_X86_RDI, D);
		engine_must(vmapi_vcpu_settle(e.vcpu, &e.exit));
		EQUAL(e.exit.reason, VMAPI_EXIT_SETTLED);
		EQUAL(engine_run(&e), VMAPI_EXIT_MMIO);
		EQUAL(e.exit.u.mmio.gpa, i & 1 ? D : D + 8);
		EQUAL(e.exit.u.mmio.is_write, 0);
		if (i & 1) {
			engine_mode(&e, e.vcpu, 64);
			engine_set(e.vcpu, VMAPI_X86_RSI, D);
			engine_set(e.vcpu, VMAPI_X86_RDI, D);
			continue;
		}
		engine_answer(&e, 1, 2);
	}
	engine_close(&e);
}

int main(void)
{
	enum way way;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (way = RUNS; way <= KICKS; way++)
			one(&rows[i], way);
	}
	device_becomes_ram();
	reset_while_asking();
	return engine_result();
}
