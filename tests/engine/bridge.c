/* SPDX-License-Identifier: MIT */
/*
 * An instruction across two pages, executed again and again, while its second
 * half changes: its bytes, where its page is, and whether there is one.
 */
#include "tests/engine/engine.h"

#define SECOND 0x012000u /* the page of the second half */
#define OTHERS 0x060000u /* two more that it may be in */
#define ENTRY  (ENGINE_PT + 8 * (SECOND >> 12))
#define ROUNDS 300u
#define PF     14

/*
 * xor ebx, ebx; again:; mov [rdi], bx; call r8; shr eax, 16; cmp eax, ebx;
 * jne bad; inc ebx; cmp ebx, 300; jne again; bad:; hlt
 */
static const uint8_t patch[] = {
	0x31, 0xdb, 0x66, 0x89, 0x1f, 0x41, 0xff, 0xd0, 0xc1, 0xe8, 0x10, 0x39,
	0xd8, 0x75, 0x0a, 0xff, 0xc3, 0x81, 0xfb, 0x2c, 0x01, 0x00, 0x00, 0x75,
	0xe9, 0xf4,
};

/* The same, but that the callee stores. */
static const uint8_t loop[] = {
	0x31, 0xdb, 0x41, 0xff, 0xd0, 0xc1, 0xe8, 0x10, 0x39, 0xd8, 0x75, 0x0a,
	0xff, 0xc3, 0x81, 0xfb, 0x2c, 0x01, 0x00, 0x00, 0x75, 0xec, 0xf4,
};

/*
 * xor ebx, ebx; xor r9d, r9d; again:; mov [rsi], rcx; invlpg [rdi]; call r8;
 * add r9d, eax; call r8; add r9d, eax; xchg rcx, rdx; inc ebx;
 * cmp ebx, 300; jne again; hlt
 */
static const uint8_t remap[] = {
	0x31, 0xdb, 0x45, 0x31, 0xc9, 0x48, 0x89, 0x0e, 0x0f, 0x01, 0x3f, 0x41,
	0xff, 0xd0, 0x41, 0x01, 0xc1, 0x41, 0xff, 0xd0, 0x41, 0x01, 0xc1, 0x48,
	0x87, 0xd1, 0xff, 0xc3, 0x81, 0xfb, 0x2c, 0x01, 0x00, 0x00, 0x75, 0xe1,
	0xf4,
};

/*
 * call r8; call r8; mov qword [rsi], 0; invlpg [rdi]; call r8; hlt
 */
static const uint8_t unmap[] = {
	0x41, 0xff, 0xd0, 0x41, 0xff, 0xd0, 0x48, 0xc7, 0x06, 0x00, 0x00, 0x00,
	0x00, 0x0f, 0x01, 0x3f, 0x41, 0xff, 0xd0, 0xf4,
};

/* mov eax, 0x1111; ret */
static const uint8_t target[] = { 0xb8, 0x11, 0x11, 0x00, 0x00, 0xc3 };

/* cmp ebx, ebx; mov eax, 0x1111; ret */
static const uint8_t in_block[] = {
	0x39, 0xdb, 0xb8, 0x11, 0x11, 0x00, 0x00, 0xc3
};

/* mov [rdi], bx; mov eax, 0x1111; ret */
static const uint8_t itself[] = {
	0x66, 0x89, 0x1f, 0xb8, 0x11, 0x11, 0x00, 0x00, 0xc3
};

/* mov eax, 0x1111; twenty times nop; ret: more than is looked at at once. */
static const uint8_t then_more[] = {
	0xb8, 0x11, 0x11, 0x00, 0x00, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
	0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
	0x90, 0xc3
};

#define CODE(c) (c), sizeof(c)

struct row {
	const char *name;
	const uint8_t *caller;
	size_t caller_bytes;
	const uint8_t *callee;
	size_t bytes;
	int vector;
	uint64_t tag, value;
};

static const struct row rows[] = {
	{ "bytes", CODE(patch), CODE(target), -1, VMAPI_X86_RBX, ROUNDS },
	{ "bytes, later in a block", CODE(patch), CODE(in_block), -1,
		VMAPI_X86_RBX, ROUNDS },
	{ "bytes, by its own block", CODE(loop), CODE(itself), -1,
		VMAPI_X86_RBX, ROUNDS },
	{ "bytes, and more behind", CODE(patch), CODE(then_more), -1,
		VMAPI_X86_RBX, ROUNDS },
	{ "page", CODE(remap), CODE(target), -1, VMAPI_X86_R9,
		(uint32_t)(ROUNDS * (0x21111u + 0x31111u)) },
	{ "page, later in a block", CODE(remap), CODE(in_block), -1,
		VMAPI_X86_R9, (uint32_t)(ROUNDS * (0x21111u + 0x31111u)) },
	{ "none", CODE(unmap), CODE(target), PF, VMAPI_X86_CR2, SECOND },
	{ "none, later in a block", CODE(unmap), CODE(in_block), PF,
		VMAPI_X86_CR2, SECOND },
};

/* The instruction has three of its five bytes in the first page. */
static uint64_t prepare(struct engine *e, const struct row *r)
{
	uint64_t at = SECOND - (r->callee == then_more ? 3 : r->bytes - 3);
	unsigned i;

	engine_mode(e, e->vcpu, 64);
	engine_load(e, r->caller, r->caller_bytes);
	memcpy(e->mem + at, r->callee, r->bytes);
	for (i = 0; i < 2; i++) {
		memcpy(e->mem + OTHERS + 0x1000 * i, e->mem + SECOND, 3);
		e->mem[OTHERS + 0x1000 * i] = (uint8_t)(2 + i);
	}
	engine_set(e->vcpu, VMAPI_X86_R8, at);
	engine_set(e->vcpu, VMAPI_X86_RDI, SECOND);
	engine_set(e->vcpu, VMAPI_X86_RSI, ENTRY);
	engine_set(e->vcpu, VMAPI_X86_RCX, OTHERS | 3);
	engine_set(e->vcpu, VMAPI_X86_RDX, (OTHERS + 0x1000) | 3);
	return SECOND - 3;
}

/* Every so many instructions. */
static void one(const struct row *r, uint64_t limit)
{
	struct engine e;
	unsigned reason, left = 20000;
	uint64_t rip;

	engine_about(r->name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	rip = prepare(&e, r);
	do
		reason = engine_step(&e, limit);
	while (reason == VMAPI_EXIT_LIMIT && --left);
	EQUAL(reason, VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), r->vector);
	EQUAL(engine_get(e.vcpu, r->tag), r->value);
	if (r->vector == PF) /* of a fetch, and where from */
		EQUAL(engine_peek(&e, engine_get(e.vcpu, VMAPI_X86_RSP) + 8, 8),
			rip);
	engine_close(&e);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		one(&rows[i], 100000);
		one(&rows[i], 1);
		one(&rows[i], 7);
	}
	return engine_result();
}
