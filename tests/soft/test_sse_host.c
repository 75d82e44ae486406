/* SPDX-License-Identifier: MIT */
/* Runs a vector instruction on the processor itself, where it is an x86. */
#if defined(__x86_64__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "tests/soft/test_sse.h"

#if !defined(__x86_64__)

bool test_sse_host(const struct test_sse_case *c, struct test_sse_out *out)
{
	(void)c;
	(void)out;
	return false;
}

void test_sse_host_area(uint8_t area[512])
{
	(void)area;
}

#else

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

/* Offsets are in the assembler text below. */
struct frame {
	uint8_t area[512];
	uint64_t gpr[8];
	uint64_t flags, pad;
	uint8_t saved[512];
};

void test_sse_enter(struct frame *f, const uint8_t *code);

/* R14 the code, R15 the frame: the instructions name neither. */
__asm__(".text\n"
	"test_sse_enter:\n"
	"push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n"
	"push %r15\n"
	"mov %rdi, %r15\n mov %rsi, %r14\n"
	"fxsave64 592(%r15)\n fxrstor64 (%r15)\n"
	"mov 512(%r15), %rax\n mov 520(%r15), %rcx\n mov 528(%r15), %rdx\n"
	"mov 536(%r15), %rbx\n mov 552(%r15), %rbp\n mov 560(%r15), %rsi\n"
	"mov 568(%r15), %rdi\n"
	"push 576(%r15)\n popfq\n"
	"call *%r14\n"
	"pushfq\n pop 576(%r15)\n"
	"mov %rax, 512(%r15)\n mov %rcx, 520(%r15)\n mov %rdx, 528(%r15)\n"
	"mov %rbx, 536(%r15)\n mov %rbp, 552(%r15)\n"
	"fxsave64 (%r15)\n fxrstor64 592(%r15)\n"
	"pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
	"ret\n");

static sigjmp_buf back;
static struct frame frame __attribute__((aligned(64)));
static uint8_t memory[4096] __attribute__((aligned(4096)));

/* What the frame would have got, had the instruction gone through. */
static void trapped(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *u = context;
	const greg_t *g = u->uc_mcontext.gregs;

	(void)info;
	memcpy(frame.area, u->uc_mcontext.fpregs, 512);
	frame.gpr[0] = (uint64_t)g[REG_RAX];
	frame.gpr[1] = (uint64_t)g[REG_RCX];
	frame.gpr[2] = (uint64_t)g[REG_RDX];
	frame.gpr[3] = (uint64_t)g[REG_RBX];
	frame.gpr[5] = (uint64_t)g[REG_RBP];
	frame.flags = (uint64_t)g[REG_EFL];
	siglongjmp(back, sig);
}

static uint8_t *code_page(void)
{
	static uint8_t *page;
	struct sigaction sa = { .sa_sigaction = trapped,
		.sa_flags = SA_SIGINFO | SA_NODEFER };

	if (page)
		return page;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		page = NULL;
	sigaction(SIGFPE, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	return page;
}

static unsigned run(const uint8_t *code)
{
	int sig = sigsetjmp(back, 0);

	if (!sig) {
		test_sse_enter(&frame, code);
		return 0;
	}
	return sig == SIGFPE ? VMI_XM : sig == SIGILL ? VMI_UD : VMI_GP;
}

bool test_sse_host(const struct test_sse_case *c, struct test_sse_out *out)
{
	uint8_t *code = code_page();

	if (!code || !__builtin_cpu_supports("sse4.2"))
		return false;
	memcpy(code, c->code, c->len);
	code[c->len] = 0xc3;
	memset(out, 0, sizeof(*out));
	memcpy(memory, c->memory, sizeof(c->memory));
	memcpy(frame.area, c->area, 512);
	memcpy(frame.gpr, c->gpr, sizeof(frame.gpr));
	frame.gpr[VMI_RSI] = frame.gpr[VMI_RDI] =
		(uintptr_t)(memory + c->offset);
	frame.flags = c->flags | 0x202;
	out->vector = run(code);
	memcpy(out->memory, memory, sizeof(out->memory));
	memcpy(out->area, frame.area, 512);
	memcpy(out->gpr, frame.gpr, sizeof(out->gpr));
	out->gpr[VMI_RSI] = out->gpr[VMI_RDI] = 0;
	out->flags = frame.flags & VMI_FLAGS_ARITH;
	return true;
}

void test_sse_host_area(uint8_t area[512])
{
	static const uint8_t ret = 0xc3;
	uint8_t *code = code_page();

	memcpy(code, &ret, 1);
	memcpy(frame.area, area, 512);
	frame.flags = 0x202;
	test_sse_enter(&frame, code);
	memcpy(area, frame.area, 512);
}

#endif
