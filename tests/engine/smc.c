/* SPDX-License-Identifier: MIT */
/* Code that changes while it runs, whoever changes it. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/engine/engine.h"

/* mov byte ptr [rip+1], 0x22; mov al, 0x11; hlt */
static const uint8_t next_insn[] = {
	0xc6, 0x05, 0x01, 0x00, 0x00, 0x00, 0x22, 0xb0, 0x11, 0xf4,
};

/* mov byte ptr [0x10008], 0x22; mov al, 0x11; hlt */
static const uint8_t next_insn32[] = {
	0xc6, 0x05, 0x08, 0x00, 0x01, 0x00, 0x22, 0xb0, 0x11, 0xf4,
};

/*
 * xor ebx, ebx; again:; mov dword ptr [rip+1], ebx; mov eax, 0x11111111;
 * cmp eax, ebx; jne bad; inc ebx; cmp ebx, 300; jne again; hlt; bad:; hlt
 */
static const uint8_t many_patches[] = {
	0x31, 0xdb, 0x89, 0x1d, 0x01, 0x00, 0x00, 0x00, 0xb8, 0x11, 0x11, 0x11,
	0x11, 0x39, 0xd8, 0x75, 0x0b, 0xff, 0xc3, 0x81, 0xfb, 0x2c, 0x01, 0x00,
	0x00, 0x75, 0xe7, 0xf4, 0xf4,
};

/*
 * xor ebx, ebx; again:; mov dword ptr [rip+1], ebx; mov eax, 0x11111111;
 * xor eax, ebx; or edx, eax; inc ebx; cmp ebx, 300; jne again; lea eax,
 * [rdx+rbx]; hlt
 */
static const uint8_t one_block[] = {
	0x31, 0xdb, 0x89, 0x1d, 0x01, 0x00, 0x00, 0x00, 0xb8, 0x11, 0x11, 0x11,
	0x11, 0x31, 0xd8, 0x09, 0xc2, 0xff, 0xc3, 0x81, 0xfb, 0x2c, 0x01, 0x00,
	0x00, 0x75, 0xe7, 0x8d, 0x04, 0x1a, 0xf4,
};

/*
 * xor ebx, ebx; again:; mov dword ptr [rip+4], ebx; nop; nop; nop; mov
 * eax, 0x11111111; cmp eax, ebx; jne bad; inc ebx; cmp ebx, 300; jne
 * again; hlt; bad:; hlt
 */
static const uint8_t far_in_block[] = {
	0x31, 0xdb, 0x89, 0x1d, 0x04, 0x00, 0x00, 0x00, 0x90, 0x90, 0x90, 0xb8,
	0x11, 0x11, 0x11, 0x11, 0x39, 0xd8, 0x75, 0x0b, 0xff, 0xc3, 0x81, 0xfb,
	0x2c, 0x01, 0x00, 0x00, 0x75, 0xe4, 0xf4, 0xf4,
};

/*
 * xor ebx, ebx; again:; mov dword ptr [rip+target+1], ebx; jmp target;
 * nop; target:; mov eax, 0x11111111; cmp eax, ebx; jne bad; inc ebx; cmp
 * ebx, 300; jne again; hlt; bad:; hlt
 */
static const uint8_t next_block[] = {
	0x31, 0xdb, 0x89, 0x1d, 0x04, 0x00, 0x00, 0x00, 0xeb, 0x01, 0x90, 0xb8,
	0x11, 0x11, 0x11, 0x11, 0x39, 0xd8, 0x75, 0x0b, 0xff, 0xc3, 0x81, 0xfb,
	0x2c, 0x01, 0x00, 0x00, 0x75, 0xe4, 0xf4, 0xf4,
};

/*
 * xor eax, eax; sub dword ptr [rip], ecx; add ecx, ecx; xor edx, edx; hlt
 */
static const uint8_t dead_flags[] = {
	0x31, 0xc0, 0x29, 0x0d, 0x00, 0x00, 0x00, 0x00, 0x01, 0xc9, 0x31, 0xd2,
	0xf4,
};

/*
 * xor ebx, ebx; again:; mov dword ptr [rdi], ebx; mov eax, 0x11111111; cmp
 * eax, ebx; jne bad; inc ebx; cmp ebx, 300; jne again; hlt; bad:; hlt
 */
static const uint8_t via_alias[] = {
	0x31, 0xdb, 0x89, 0x1f, 0xb8, 0x11, 0x11, 0x11, 0x11, 0x39, 0xd8, 0x75,
	0x0b, 0xff, 0xc3, 0x81, 0xfb, 0x2c, 0x01, 0x00, 0x00, 0x75, 0xeb, 0xf4,
	0xf4,
};

/*
 * lea rdi, [rip+target]; mov ecx, 4; mov al, 0x90; rep stosb; target:;
 * hlt; hlt; hlt; hlt; mov edx, 7; hlt
 */
static const uint8_t stosb_over[] = {
	0x48, 0x8d, 0x3d, 0x09, 0x00, 0x00, 0x00, 0xb9, 0x04, 0x00, 0x00, 0x00,
	0xb0, 0x90, 0xf3, 0xaa, 0xf4, 0xf4, 0xf4, 0xf4, 0xba, 0x07, 0x00, 0x00,
	0x00, 0xf4,
};

/* call next; next:; nop; nop; nop; nop; nop; nop; nop; nop; hlt; hlt */
static const uint8_t call_self[] = {
	0xe8, 0x00, 0x00, 0x00, 0x00, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
	0x90, 0xf4, 0xf4,
};

/*
 * .fill 32, 1, 0x90; call next2; next2:; .byte 0x90, 0x90, 0x90, 0xc0; hlt
 */
static const uint8_t call_later[] = {
	0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
	0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
	0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xe8, 0x00, 0x00, 0x00,
	0x00, 0x90, 0x90, 0x90, 0xc0, 0xf4,
};

/*
 * xor ebx, ebx; again:; mov eax, dword ptr [rip+target+1]; mov ecx, ebx;
 * lock cmpxchg dword ptr [rip+1], ecx; target:; mov eax, 0x11111111; cmp
 * eax, ebx; jne bad; inc ebx; cmp ebx, 300; jne again; hlt; bad:; hlt
 */
static const uint8_t locked_patch[] = {
	0x31, 0xdb, 0x8b, 0x05, 0x0b, 0x00, 0x00, 0x00, 0x89, 0xd9, 0xf0, 0x0f,
	0xb1, 0x0d, 0x01, 0x00, 0x00, 0x00, 0xb8, 0x11, 0x11, 0x11, 0x11, 0x39,
	0xd8, 0x75, 0x0b, 0xff, 0xc3, 0x81, 0xfb, 0x2c, 0x01, 0x00, 0x00, 0x75,
	0xdd, 0xf4, 0xf4,
};

/* mov eax, 0x11111111; mov ecx, 2; hlt */
static const uint8_t loaded[] = {
	0xb8, 0x11, 0x11, 0x11, 0x11, 0xb9, 0x02, 0x00, 0x00, 0x00, 0xf4,
};

/* mov eax, 0x11111111; hlt */
static const uint8_t crosser[] = {
	0xb8, 0x11, 0x11, 0x11, 0x11, 0xf4,
};

/*
 * movd xmm0, ebx; movd dword ptr [rip+1], xmm0; mov eax, 0x11111111; hlt
 */
static const uint8_t movd_patch[] = {
	0x66, 0x0f, 0x6e, 0xc3, 0x66, 0x0f, 0x7e, 0x05, 0x01, 0x00, 0x00, 0x00,
	0xb8, 0x11, 0x11, 0x11, 0x11, 0xf4,
};

/* movups xmm0, [rdi]; movups [rip+1], xmm0; mov eax, 0x11111111; hlt */
static const uint8_t movups_patch[] = {
	0x0f, 0x10, 0x07, 0x0f, 0x11, 0x05, 0x01, 0x00, 0x00, 0x00, 0xb8, 0x11,
	0x11, 0x11, 0x11, 0xf4,
};

/*
 * fninit; fild dword ptr [rdi]; fistp dword ptr [rip+1]; mov eax,
 * 0x11111111; hlt
 */
static const uint8_t fistp_patch[] = {
	0xdb, 0xe3, 0xdb, 0x07, 0xdb, 0x1d, 0x01, 0x00, 0x00, 0x00, 0xb8, 0x11,
	0x11, 0x11, 0x11, 0xf4,
};

/*
 * mov rsi, rdi; lea rdi, [rip+target+1]; mov ecx, 4; rep movsb; target:;
 * mov eax, 0x11111111; hlt
 */
static const uint8_t movs_patch[] = {
	0x48, 0x89, 0xfe, 0x48, 0x8d, 0x3d, 0x08, 0x00, 0x00, 0x00, 0xb9, 0x04,
	0x00, 0x00, 0x00, 0xf3, 0xa4, 0xb8, 0x11, 0x11, 0x11, 0x11, 0xf4,
};

/* lock xadd dword ptr [rip+1], ebx; mov eax, 0x11111111; hlt */
static const uint8_t xadd_patch[] = {
	0xf0, 0x0f, 0xc1, 0x1d, 0x01, 0x00, 0x00, 0x00, 0xb8, 0x11, 0x11, 0x11,
	0x11, 0xf4,
};

/* lock or dword ptr [rip+1], ebx; mov eax, 0x10000001; hlt */
static const uint8_t unaligned_lock[] = {
	0xf0, 0x09, 0x1d, 0x01, 0x00, 0x00, 0x00, 0xb8, 0x01, 0x00, 0x00, 0x10,
	0xf4,
};

#define DATA ENGINE_DATA
#define ROUNDS 300u
#define CODE(c) (c), sizeof(c)

/* Where the RAM is seen a second time, and a page of it by page tables. */
#define ALIAS_GPA 0x800000u
#define ALIAS_GVA 0x050000u

struct row {
	const char *name;
	const uint8_t *code;
	size_t bytes;
	unsigned mode;
	uint64_t rdi, rbx, rcx, rsp;
	uint64_t data; /* 8 bytes at DATA */
	uint64_t tag, value; /* a register at the halt */
};

static const struct row rows[] = {
	{ "the next instruction", CODE(next_insn), 64, 0, 0, 0, 0, 0,
		VMAPI_X86_RAX, 0x22 },
	{ "the next instruction, 32-bit", CODE(next_insn32), 32, 0, 0, 0, 0, 0,
		VMAPI_X86_RAX, 0x22 },
	{ "often the next instruction", CODE(many_patches), 64, 0, 0, 0, 0, 0,
		VMAPI_X86_RBX, ROUNDS },
	{ "often, the only block of its page", CODE(one_block), 64, 0, 0, 0, 0,
		0, VMAPI_X86_RAX, ROUNDS },
	{ "later in the block", CODE(far_in_block), 64, 0, 0, 0, 0, 0,
		VMAPI_X86_RBX, ROUNDS },
	{ "the linked block", CODE(next_block), 64, 0, 0, 0, 0, 0,
		VMAPI_X86_RBX, ROUNDS },
	{ "flags that the new code reads", CODE(dead_flags), 64, 0, 0,
		0x417133f2, 0, 0, VMAPI_X86_RAX, 1 },
	{ "through another gpa", CODE(via_alias), 64, ALIAS_GPA + 5, 0, 0, 0,
		0, VMAPI_X86_RBX, ROUNDS },
	{ "through another linear address", CODE(via_alias), 64,
		ALIAS_GVA + 5, 0, 0, 0, 0, VMAPI_X86_RBX, ROUNDS },
	{ "rep stosb", CODE(stosb_over), 64, 0, 0, 0, 0, 0, VMAPI_X86_RDX, 7 },
	{ "call onto itself", CODE(call_self), 64, 0, 0, 0,
		ENGINE_CODE + 13, 0, VMAPI_X86_RIP, ENGINE_CODE + 15 },
	{ "call onto itself, later", CODE(call_later), 64, 0, 0, 0,
		ENGINE_CODE + 0x28, 0, VMAPI_X86_RIP, ENGINE_CODE + 0x2a },
	{ "lock cmpxchg", CODE(locked_patch), 64, 0, 0, 0, 0, 0,
		VMAPI_X86_RBX, ROUNDS },
	{ "movd", CODE(movd_patch), 64, 0, 0x22222222, 0, 0, 0, VMAPI_X86_RAX,
		0x22222222 },
	{ "movups", CODE(movups_patch), 64, DATA, 0, 0, 0,
		0xf4f4f4f422222222, VMAPI_X86_RAX, 0x22222222 },
	{ "fistp", CODE(fistp_patch), 64, DATA, 0, 0, 0, 0x22222222,
		VMAPI_X86_RAX, 0x22222222 },
	{ "rep movsb", CODE(movs_patch), 64, DATA, 0, 0, 0, 0x22222222,
		VMAPI_X86_RAX, 0x22222222 },
	{ "lock xadd", CODE(xadd_patch), 64, 0, 0x11111111, 0, 0, 0,
		VMAPI_X86_RAX, 0x22222222 },
	{ "lock or", CODE(unaligned_lock), 64, 0, 0x01000010, 0, 0, 0,
		VMAPI_X86_RAX, 0x11000011 },
};

static void prepare(struct engine *e, const struct row *r)
{
	engine_mode(e, e->vcpu, r->mode);
	engine_load(e, r->code, r->bytes);
	engine_must(engine_map(e, ALIAS_GPA, 0x100000, ENGINE_CODE, 0));
	engine_poke(e, ENGINE_PT + 8 * (ALIAS_GVA >> 12), ENGINE_CODE | 7, 8);
	engine_poke(e, DATA, r->data, 8);
	engine_set(e->vcpu, VMAPI_X86_RAX, r->rsp ? DATA : 0);
	engine_set(e->vcpu, VMAPI_X86_RDI, r->rdi);
	engine_set(e->vcpu, VMAPI_X86_RBX, r->rbx);
	engine_set(e->vcpu, VMAPI_X86_RCX, r->rcx);
	if (r->rsp)
		engine_set(e->vcpu, VMAPI_X86_RSP, r->rsp);
}

/* Every so many instructions; 0: at once. */
static void one(const struct row *r, uint64_t limit)
{
	struct engine e;
	unsigned reason, left = 10000;

	engine_about(r->name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	prepare(&e, r);
	do
		reason = limit ? engine_step(&e, limit) :
			engine_step(&e, 100000);
	while (limit && reason == VMAPI_EXIT_LIMIT && --left);
	EQUAL(reason, VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, r->tag), r->value);
	engine_close(&e);
}

static void by_itself(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		one(&rows[i], 0);
		one(&rows[i], 1);
		one(&rows[i], 7);
	}
}

/* -- Between runs ------------------------------------------------------- */

static uint64_t rax_of(struct engine *e, uint64_t rip)
{
	engine_set(e->vcpu, VMAPI_X86_RIP, rip);
	EQUAL(engine_run(e), VMAPI_EXIT_HALT);
	return engine_get(e->vcpu, VMAPI_X86_RAX);
}

static void by_the_application(void)
{
	static const uint8_t patch[] = { 0x33, 0x33, 0x33, 0x33 };
	struct engine e;
	unsigned i;

	engine_about("between runs");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_must(engine_map(&e, ALIAS_GPA, 0x100000, ENGINE_CODE, 0));
	engine_load(&e, CODE(loaded));
	EQUAL(rax_of(&e, ENGINE_CODE), 0x11111111);
	engine_must(vmapi_as_write(e.as, ENGINE_CODE + 1, patch, 4));
	EQUAL(rax_of(&e, ENGINE_CODE), 0x33333333);
	engine_must(vmapi_as_write(e.as, ALIAS_GPA + 2, patch, 1));
	engine_must(vmapi_as_write(e.as, ALIAS_GPA + 1, "\x44", 1));
	EQUAL(rax_of(&e, ENGINE_CODE), 0x33333344);
	for (i = 0; i < 200; i++) {
		engine_poke(&e, ENGINE_CODE + 1, i, 4);
		engine_must(vmapi_ram_written(e.ram, ENGINE_CODE + 1, 4));
		EQUAL(rax_of(&e, ENGINE_CODE), i);
		EQUAL(rax_of(&e, ALIAS_GPA), i);
	}
	engine_about("the second half of an instruction across pages");
	engine_must(vmapi_as_write(e.as, 0x11ffd, CODE(crosser)));
	EQUAL(rax_of(&e, 0x11ffd), 0x11111111);
	engine_must(vmapi_as_write(e.as, 0x12000, patch, 2));
	EQUAL(rax_of(&e, 0x11ffd), 0x33331111);
	engine_poke(&e, 0x12000, 0x5555, 2);
	engine_must(vmapi_ram_written(e.ram, 0x12000, 2));
	EQUAL(rax_of(&e, 0x11ffd), 0x55551111);
	engine_close(&e);
}

/* -- Other memory under the same address -------------------------------- */

#define SHADOW 0xf0000u

static void by_the_map(void)
{
	struct engine e;
	unsigned i;

	engine_about("ROM shadowing");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	memcpy(e.mem + 0x200000, CODE(loaded));
	memcpy(e.mem + 0x201000, CODE(loaded));
	engine_poke(&e, 0x201001, 0x22222222, 4);
	for (i = 0; i < 20; i++) {
		engine_must(engine_map(&e, SHADOW, 0x1000, 0x200000,
			VMAPI_MAP_READONLY));
		EQUAL(rax_of(&e, SHADOW), 0x11111111);
		engine_must(engine_map(&e, SHADOW, 0x1000, 0x201000, 0));
		EQUAL(rax_of(&e, SHADOW), 0x22222222);
	}
	engine_close(&e);
}

/* -- Another vcpu ------------------------------------------------------- */

/*
 * again:; call rbp; inc ebx; mov [rbp+1], eax; mov [rbp+1], ebx; mov
 * [rdi], ebx; cmp ebx, 3000; jne again; hlt
 */
static const uint8_t writer[] = {
	0xff, 0xd5, 0xff, 0xc3, 0x89, 0x45, 0x01, 0x89, 0x5d, 0x01, 0x89, 0x1f,
	0x81, 0xfb, 0xb8, 0x0b, 0x00, 0x00, 0x75, 0xec, 0xf4,
};

/*
 * again:; mov esi, [rdi]; cpuid; call rbp; cmp eax, esi; jb bad; cmp esi,
 * 3000; jne again; hlt; bad:; ud2
 */
static const uint8_t reader[] = {
	0x8b, 0x37, 0x0f, 0xa2, 0xff, 0xd5, 0x39, 0xf0, 0x72, 0x09, 0x81, 0xfe,
	0xb8, 0x0b, 0x00, 0x00, 0x75, 0xee, 0xf4, 0x0f, 0x0b,
};

/*
 * again:; inc ebx; mov [rbp+1], ebx; mov [rdi], ebx; wait1:; pause; cmp
 * [rdi+8], ebx; jne wait1; cmp ebx, 3000; jne again; hlt
 */
static const uint8_t polite_writer[] = {
	0xff, 0xc3, 0x89, 0x5d, 0x01, 0x89, 0x1f, 0xf3, 0x90, 0x39, 0x5f, 0x08,
	0x75, 0xf9, 0x81, 0xfb, 0xb8, 0x0b, 0x00, 0x00, 0x75, 0xea, 0xf4,
};

/*
 * again:; inc esi; wait1:; pause; cmp [rdi], esi; jne wait1; cpuid; call
 * rbp; cmp eax, esi; jne bad; mov [rdi+8], esi; cmp esi, 3000; jne again;
 * hlt; bad:; ud2
 */
static const uint8_t polite_reader[] = {
	0xff, 0xc6, 0xf3, 0x90, 0x39, 0x37, 0x75, 0xfa, 0x0f, 0xa2, 0xff, 0xd5,
	0x39, 0xf0, 0x75, 0x0c, 0x89, 0x77, 0x08, 0x81, 0xfe, 0xb8, 0x0b, 0x00,
	0x00, 0x75, 0xe5, 0xf4, 0x0f, 0x0b,
};

/* mov eax, 0; ret */
static const uint8_t load_and_return[] = {
	0xb8, 0x00, 0x00, 0x00, 0x00, 0xc3,
};

/* again:; call rbp; mov [rdi], eax; jmp again */
static const uint8_t spin_on_shadow[] = {
	0xff, 0xd5, 0x89, 0x07, 0xeb, 0xfa,
};


/* MOV EAX, imm32 with its immediate aligned: a store to it is one. */
#define SUBJECT 0x18003u

static void *run_to_halt(void *vcpu)
{
	struct vmapi_exit *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->size = sizeof(*x);
	do
		engine_must(vmapi_vcpu_run(vcpu, x));
	while (x->reason == VMAPI_EXIT_KICK);
	return x;
}

static void exit_now(void)
{
	printf("no thread\n");
	exit(EXIT_FAILURE);
}

static void *run_to_kick(void *vcpu)
{
	struct vmapi_exit *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->size = sizeof(*x);
	engine_must(vmapi_vcpu_run(vcpu, x));
	return x;
}

/* What the other vcpu last stored. */
static unsigned seen(struct engine *e)
{
	return atomic_load((_Atomic(uint8_t) *)&e->mem[DATA]);
}

static void start_at(struct engine *e, struct vmapi_vcpu *vcpu, uint64_t rip)
{
	engine_mode(e, vcpu, 64);
	engine_set(vcpu, VMAPI_X86_RIP, rip);
	engine_set(vcpu, VMAPI_X86_RBP, SUBJECT);
	engine_set(vcpu, VMAPI_X86_RDI, DATA);
	engine_set(vcpu, VMAPI_X86_RSP, rip + 0x1000);
}

/* SDM 3A 8.1.3: the reader serialises between seeing and executing. */
static void by_another(const char *name, const uint8_t *writing,
	size_t writing_bytes, const uint8_t *reading, size_t reading_bytes)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config), .id = 1 };
	struct vmapi_exit *x;
	struct vmapi_vcpu *other;
	struct engine e;
	pthread_t thread;
	void *result;

	engine_about(name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_must(vmapi_vcpu_create(e.vm, &config, &other));
	start_at(&e, e.vcpu, 0x14000);
	start_at(&e, other, 0x16000);
	engine_must(vmapi_as_write(e.as, 0x14000, writing, writing_bytes));
	engine_must(vmapi_as_write(e.as, 0x16000, reading, reading_bytes));
	engine_must(vmapi_as_write(e.as, SUBJECT, CODE(load_and_return)));
	if (pthread_create(&thread, NULL, run_to_halt, other))
		exit_now();
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	pthread_join(thread, &result);
	x = result;
	CHECK(x && x->reason == VMAPI_EXIT_HALT);
	CHECK(engine_get(other, VMAPI_X86_RIP) == 0x16000 + reading_bytes - 2);
	free(x);
	vmapi_vcpu_destroy(other);
	engine_close(&e);
}

/* The map changes under a vcpu that executes what it gives. */
static void map_under_another(void)
{
	struct vmapi_exit *x;
	struct engine e;
	pthread_t thread;
	void *result;
	unsigned i, spins;

	engine_about("ROM shadowing while it runs");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	start_at(&e, e.vcpu, 0x14000);
	engine_set(e.vcpu, VMAPI_X86_RBP, SHADOW);
	engine_must(vmapi_as_write(e.as, 0x14000, CODE(spin_on_shadow)));
	memcpy(e.mem + 0x200000, CODE(load_and_return));
	memcpy(e.mem + 0x201000, CODE(load_and_return));
	engine_poke(&e, 0x200001, 1, 4);
	engine_poke(&e, 0x201001, 2, 4);
	engine_must(engine_map(&e, SHADOW, 0x1000, 0x200000, 0));
	if (pthread_create(&thread, NULL, run_to_kick, e.vcpu))
		exit_now();
	for (i = 0; i < 100; i++) {
		engine_must(engine_map(&e, SHADOW, 0x1000, 0x200000 +
			0x1000 * (i & 1), 0));
		for (spins = 0; seen(&e) != (i & 1) + 1 && spins < 50000;
			spins++)
			usleep(50);
		EQUAL(seen(&e), (i & 1) + 1);
	}
	engine_must(vmapi_vcpu_kick(e.vcpu));
	pthread_join(thread, &result);
	x = result;
	CHECK(x && x->reason == VMAPI_EXIT_KICK);
	free(x);
	engine_close(&e);
}

int main(void)
{
	by_itself();
	by_the_application();
	by_the_map();
	by_another("another vcpu, hand in hand", CODE(polite_writer),
		CODE(polite_reader));
	by_another("another vcpu, at any time", CODE(writer), CODE(reader));
	map_under_another();
	return engine_result();
}

