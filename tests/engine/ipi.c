/* SPDX-License-Identifier: MIT */
/* Code that one processor changes while another executes it, told by IPI. */
#include <pthread.h>

#include "tests/engine/engine.h"

/*
 * wait0:; pause; cmp dword ptr [rdi+24], 0; je wait0; again:; inc ebx; mov
 * [rbp+1], ebx; mov dword ptr [rsi+0x310], 0x1000000; mov dword ptr
 * [rsi+0x300], 0x4050; wait1:; pause; cmp dword ptr [rdi+8], ebx; jne
 * wait1; mov eax, [rdi]; cmp eax, ebx; jne bad; cmp ebx, 500; jne again;
 * mov dword ptr [rdi+16], 1; out 0x97, al; bad:; out 0x99, al
 */
static const uint8_t sender[] = {
	0xf3, 0x90, 0x83, 0x7f, 0x18, 0x00, 0x74, 0xf8, 0xff, 0xc3, 0x89, 0x5d,
	0x01, 0xc7, 0x86, 0x10, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xc7,
	0x86, 0x00, 0x03, 0x00, 0x00, 0x50, 0x40, 0x00, 0x00, 0xf3, 0x90, 0x39,
	0x5f, 0x08, 0x75, 0xf9, 0x8b, 0x07, 0x39, 0xd8, 0x75, 0x11, 0x81, 0xfb,
	0xf4, 0x01, 0x00, 0x00, 0x75, 0xd2, 0xc7, 0x47, 0x10, 0x01, 0x00, 0x00,
	0x00, 0xe6, 0x97, 0xe6, 0x99,
};

/*
 * mov dword ptr [rsi+0xf0], 0x1ff; sti; mov dword ptr [rdi+24], 1; again:;
 * call rbp; cmp dword ptr [rdi+16], 0; je again; cli; out 0x98, al
 */
static const uint8_t receiver[] = {
	0xc7, 0x86, 0xf0, 0x00, 0x00, 0x00, 0xff, 0x01, 0x00, 0x00, 0xfb, 0xc7,
	0x47, 0x18, 0x01, 0x00, 0x00, 0x00, 0xff, 0xd5, 0x83, 0x7f, 0x10, 0x00,
	0x74, 0xf8, 0xfa, 0xe6, 0x98,
};

/*
 * push rax; call rbp; mov [rdi], eax; inc r8d; mov [rdi+8], r8d; mov dword
 * ptr [rsi+0xb0], 0; pop rax; iretq
 */
static const uint8_t handler[] = {
	0x50, 0xff, 0xd5, 0x89, 0x07, 0x41, 0xff, 0xc0, 0x44, 0x89, 0x47, 0x08,
	0xc7, 0x86, 0xb0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x58, 0x48,
	0xcf,
};

/* mov eax, 0; ret, with the immediate aligned: a store to it is one */
static const uint8_t subject[] = { 0xb8, 0x00, 0x00, 0x00, 0x00, 0xc3 };

#define SUBJECT	 0x18003u
#define SENDER	 0x14000u
#define RECEIVER 0x16000u
#define ROUNDS	 500

static void start_at(struct engine *e, struct vmapi_vcpu *vcpu, uint64_t rip)
{
	uint32_t runnable = VMAPI_X86_MP_RUNNABLE;
	struct vmapi_reg reg = { .tag = VMAPI_X86_MP_STATE, .data = &runnable,
		.bytes = sizeof(runnable) };

	engine_mode(e, vcpu, 64);
	engine_must(vmapi_regs_set(vcpu, &reg, 1, NULL, 0));
	engine_set(vcpu, VMAPI_X86_RIP, rip);
	engine_set(vcpu, VMAPI_X86_RBP, SUBJECT);
	engine_set(vcpu, VMAPI_X86_RDI, ENGINE_DATA);
	engine_set(vcpu, VMAPI_X86_RSI, 0xfee00000);
	engine_set(vcpu, VMAPI_X86_RSP, rip + 0x1000);
}

static void *run(void *vcpu)
{
	struct vmapi_exit *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->size = sizeof(*x);
	engine_must(vmapi_vcpu_run(vcpu, x));
	return x;
}

int main(void)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config), .id = 1 };
	struct vmapi_vcpu *other;
	struct vmapi_exit *x;
	struct engine e;
	pthread_t thread;
	void *result;

	engine_about("code changed under another processor, and an IPI");
	engine_open(&e, VMAPI_IRQCHIP_FULL);
	engine_must(vmapi_vcpu_create(e.vm, &config, &other));
	start_at(&e, e.vcpu, SENDER);
	start_at(&e, other, RECEIVER);
	engine_must(vmapi_as_write(e.as, SENDER, sender, sizeof(sender)));
	engine_must(vmapi_as_write(e.as, RECEIVER, receiver,
		sizeof(receiver)));
	engine_must(vmapi_as_write(e.as, SUBJECT, subject, sizeof(subject)));
	memcpy(e.mem + ENGINE_HANDLERS + 16 * 0x50, handler, sizeof(handler));
	if (pthread_create(&thread, NULL, run, other)) {
		printf("no thread\n");
		return EXIT_FAILURE;
	}
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	EQUAL(e.exit.u.io.port, 0x97);
	if (e.exit.u.io.port != 0x97)
		vmapi_vcpu_kick(other);
	pthread_join(thread, &result);
	x = result;
	CHECK(x && x->reason == VMAPI_EXIT_IO && x->u.io.port == 0x98);
	EQUAL(engine_peek(&e, SUBJECT + 1, 4), ROUNDS);
	EQUAL(engine_peek(&e, ENGINE_DATA + 8, 4), ROUNDS);
	free(x);
	vmapi_vcpu_destroy(other);
	engine_close(&e);
	return engine_result();
}
