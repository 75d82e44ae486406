/* SPDX-License-Identifier: MIT */
/* Between instructions: single steps, shadows, interrupts, halts, kicks. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tests/engine/engine.h"

/*
 * nop; mov eax, 5; push rax; pop rbx; call func; cmp eax, ebx; jne over;
 * add qword ptr [rdi], rax; over:; lea rbp, [rip+func]; call rbp; jmp rbp;
 * func:; inc eax; cpuid; mov eax, 7; dec dword ptr [rdi+8]; jz stop; ret;
 * stop:; nop; hlt
 */
static const uint8_t mixture[] = {
	0x90, 0xb8, 0x05, 0x00, 0x00, 0x00, 0x50, 0x5b, 0xe8, 0x12, 0x00, 0x00,
	0x00, 0x39, 0xd8, 0x75, 0x03, 0x48, 0x01, 0x07, 0x48, 0x8d, 0x2d, 0x04,
	0x00, 0x00, 0x00, 0xff, 0xd5, 0xff, 0xe5, 0xff, 0xc0, 0x0f, 0xa2, 0xb8,
	0x07, 0x00, 0x00, 0x00, 0xff, 0x4f, 0x08, 0x74, 0x01, 0xc3, 0x90, 0xf4,
};

/* mov ecx, 3; rep movsb; nop; hlt */
static const uint8_t repeated[] = {
	0xb9, 0x03, 0x00, 0x00, 0x00, 0xf3, 0xa4, 0x90, 0xf4,
};

/* mov ecx, 5; repe cmpsb; nop; hlt */
static const uint8_t compared[] = {
	0xb9, 0x05, 0x00, 0x00, 0x00, 0xf3, 0xa6, 0x90, 0xf4,
};

/* mov ss, eax; nop; nop; hlt */
static const uint8_t moved_ss[] = {
	0x8e, 0xd0, 0x90, 0x90, 0xf4,
};

/* hlt; nop; hlt */
static const uint8_t halted[] = {
	0xf4, 0x90, 0xf4,
};

/* int 0x40; hlt */
static const uint8_t software[] = {
	0xcd, 0x40, 0xf4,
};

/* popfq; nop; nop; hlt */
static const uint8_t popped[] = {
	0x9d, 0x90, 0x90, 0xf4,
};

/* iretq; nop; nop; hlt */
static const uint8_t returned[] = {
	0x48, 0xcf, 0x90, 0x90, 0xf4,
};

/* ud2; hlt */
static const uint8_t refused[] = {
	0x0f, 0x0b, 0xf4,
};

/*
 * mov ecx, 400; again:; inc al; out 0xa1, al; mov bl, al; xor eax, eax; in
 * al, 0xa1; cmp al, bl; jne bad; dec ecx; jnz again; mov eax, 0; out 0x99,
 * al; bad:; ud2
 */
static const uint8_t port_loop[] = {
	0xb9, 0x90, 0x01, 0x00, 0x00, 0xfe, 0xc0, 0xe6, 0xa1, 0x88, 0xc3, 0x31,
	0xc0, 0xe4, 0xa1, 0x38, 0xd8, 0x75, 0x0b, 0xff, 0xc9, 0x75, 0xee, 0xb8,
	0x00, 0x00, 0x00, 0x00, 0xe6, 0x99, 0x0f, 0x0b,
};

/*
 * mov ecx, 400; mov esi, 0xfee00080; again:; mov eax, ecx; and eax, 0xff;
 * mov [rsi], eax; mov ebx, [rsi]; cmp eax, ebx; jne bad; dec ecx; jnz
 * again; mov eax, 0; out 0x99, al; bad:; ud2
 */
static const uint8_t apic_loop[] = {
	0xb9, 0x90, 0x01, 0x00, 0x00, 0xbe, 0x80, 0x00, 0xe0, 0xfe, 0x89, 0xc8,
	0x25, 0xff, 0x00, 0x00, 0x00, 0x89, 0x06, 0x8b, 0x1e, 0x39, 0xd8, 0x75,
	0x0b, 0xff, 0xc9, 0x75, 0xed, 0xb8, 0x00, 0x00, 0x00, 0x00, 0xe6, 0x99,
	0x0f, 0x0b,
};

/*
 * mov esi, 0xfee00000; mov dword ptr [rsi+0xf0], 0x1ff; mov dword ptr
 * [rsi+0x300], 0x40050; sti; hlt; mov al, 1; out 0x98, al
 */
static const uint8_t sti_hlt[] = {
	0xbe, 0x00, 0x00, 0xe0, 0xfe, 0xc7, 0x86, 0xf0, 0x00, 0x00, 0x00, 0xff,
	0x01, 0x00, 0x00, 0xc7, 0x86, 0x00, 0x03, 0x00, 0x00, 0x50, 0x00, 0x04,
	0x00, 0xfb, 0xf4, 0xb0, 0x01, 0xe6, 0x98,
};

/*
 * mov esi, 0xfee00000; mov dword ptr [rsi+0xf0], 0x1ff; mov dword ptr
 * [rsi+0x300], 0x40050; sti; mov edx, 1; mov edx, 2; out 0x98, al
 */
static const uint8_t sti_nop[] = {
	0xbe, 0x00, 0x00, 0xe0, 0xfe, 0xc7, 0x86, 0xf0, 0x00, 0x00, 0x00, 0xff,
	0x01, 0x00, 0x00, 0xc7, 0x86, 0x00, 0x03, 0x00, 0x00, 0x50, 0x00, 0x04,
	0x00, 0xfb, 0xba, 0x01, 0x00, 0x00, 0x00, 0xba, 0x02, 0x00, 0x00, 0x00,
	0xe6, 0x98,
};

/*
 * mov esi, 0xfee00000; mov dword ptr [rsi+0xf0], 0x1ff; sti; again:; hlt;
 * jmp again
 */
static const uint8_t idle[] = {
	0xbe, 0x00, 0x00, 0xe0, 0xfe, 0xc7, 0x86, 0xf0, 0x00, 0x00, 0x00, 0xff,
	0x01, 0x00, 0x00, 0xfb, 0xf4, 0xeb, 0xfd,
};

/* out 0x99, al; mov edx, 3; iretq */
static const uint8_t nmi_handler[] = {
	0xe6, 0x99, 0xba, 0x03, 0x00, 0x00, 0x00, 0x48, 0xcf,
};

/* out 0x99, al; mov qword ptr [rsp+8], 0x7f8; iretq */
static const uint8_t nmi_bad_iret[] = {
	0xe6, 0x99, 0x48, 0xc7, 0x44, 0x24, 0x08, 0xf8, 0x07, 0x00, 0x00, 0x48,
	0xcf,
};

/* sti; nop; jmp . */
static const uint8_t sti_jump[] = {
	0xfb, 0x90, 0xeb, 0xfe,
};

/*
 * mov esi, 0xfee00000; mov dword ptr [rsi+0xf0], 0x1ff; sti; nop; mov dword
 * ptr [rsi+0x300], 0x44050; cli; jmp .
 */
static const uint8_t self_ipi[] = {
	0xbe, 0x00, 0x00, 0xe0, 0xfe, 0xc7, 0x86, 0xf0, 0x00, 0x00, 0x00, 0xff,
	0x01, 0x00, 0x00, 0xfb, 0x90, 0xc7, 0x86, 0x00, 0x03, 0x00, 0x00, 0x50,
	0x40, 0x04, 0x00, 0xfa, 0xeb, 0xfe,
};

/* jmp . */
static const uint8_t spin[] = {
	0xeb, 0xfe,
};

/* out 0x99, al; hlt */
static const uint8_t report[] = {
	0xe6, 0x99, 0xf4,
};

#define DATA ENGINE_DATA
#define CODE(c) (c), sizeof(c)
#define TF 0x100u
#define IF 0x200u
#define DB 1
#define NMI 2
#define UD 6
#define GP 13

/* -- Single steps ------------------------------------------------------- */

#define STEPS 200

static void begin(struct engine *e, const uint8_t *code, size_t bytes)
{
	engine_mode(e, e->vcpu, 64);
	engine_load(e, code, bytes);
	engine_poke(e, DATA, 0, 8);
	engine_poke(e, DATA + 8, 3, 8);
	engine_set(e->vcpu, VMAPI_X86_RDI, DATA);
	engine_set(e->vcpu, VMAPI_X86_RSI, DATA + 0x100);
}

/* Where each instruction left RIP, by a limit of one. */
static unsigned by_limit(struct engine *e, uint64_t *rips)
{
	unsigned n = 0;

	while (n < STEPS && engine_step(e, 1) == VMAPI_EXIT_LIMIT)
		rips[n++] = engine_get(e->vcpu, VMAPI_X86_RIP);
	return n;
}

/* The frame that a handler was entered with. */
static uint64_t frame(struct engine *e, unsigned slot)
{
	return engine_peek(e, engine_get(e->vcpu, VMAPI_X86_RSP) + 8 * slot,
		8);
}

/* As IRETQ would. */
static void back(struct engine *e)
{
	uint64_t rip = frame(e, 0), flags = frame(e, 2), rsp = frame(e, 3);

	engine_set(e->vcpu, VMAPI_X86_RIP, rip);
	engine_set(e->vcpu, VMAPI_X86_RFLAGS, flags);
	engine_set(e->vcpu, VMAPI_X86_RSP, rsp);
}

/* The same by EFLAGS.TF: the addresses that the traps' handler is given. */
static unsigned by_trap(struct engine *e, uint64_t *rips)
{
	unsigned n = 0;

	while (n < STEPS && engine_run(e) == VMAPI_EXIT_HALT &&
		engine_vector(e) == DB) {
		EQUAL(engine_get(e->vcpu, VMAPI_X86_DEBUG(6)) & 0xf00f,
			0x4000);
		CHECK(frame(e, 2) & TF);
		engine_set(e->vcpu, VMAPI_X86_DEBUG(6), 0xffff0ff0);
		rips[n++] = frame(e, 0);
		back(e);
	}
	return n;
}

static void stepped_alike(void)
{
	uint64_t a[STEPS], b[STEPS];
	struct engine e;
	unsigned n, m;

	engine_about("TF and a limit of one");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	begin(&e, CODE(mixture));
	n = by_limit(&e, a);
	CHECK(n > 20 && n < STEPS);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP), ENGINE_CODE + sizeof(mixture));
	begin(&e, CODE(mixture));
	engine_set(e.vcpu, VMAPI_X86_RFLAGS, 2 | TF);
	m = by_trap(&e, b);
	/* The halt is an instruction too, and its trap ends it. */
	CHECK(m > n && !memcmp(a, b, n * sizeof(*a)));
	EQUAL(b[n], ENGINE_CODE + sizeof(mixture));
	engine_close(&e);
}

/* Every limit from a new start, with decoding and with what it left. */
static void limits(void)
{
	uint64_t a[STEPS];
	struct engine e;
	unsigned n, i;

	engine_about("a limit of any length");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	begin(&e, CODE(mixture));
	n = by_limit(&e, a);
	for (i = 0; i < 2 * n; i++) {
		if (i == n) { /* from here on with a cache of new blocks */
			engine_close(&e);
			engine_open(&e, VMAPI_IRQCHIP_NONE);
		}
		begin(&e, CODE(mixture));
		EQUAL(engine_step(&e, i % n + 1), VMAPI_EXIT_LIMIT);
		EQUAL(e.exit.retired, i % n + 1);
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP), a[i % n]);
	}
	begin(&e, CODE(mixture));
	EQUAL(engine_step(&e, n + 1), VMAPI_EXIT_HALT);
	EQUAL(e.exit.retired, n + 1);
	engine_close(&e);
}

struct traps {
	const char *name;
	const uint8_t *code;
	size_t bytes;
	uint8_t at[6]; /* offsets of the traps, the last is followed by 0 */
};

static void trapped(void)
{
	static const struct traps rows[] = {
		{ "TF and rep movsb", CODE(repeated), { 5, 5, 5, 7, 8, 9 } },
		{ "TF and repe cmpsb", CODE(compared), { 5, 7, 8, 9 } },
		{ "TF and mov ss", CODE(moved_ss), { 3, 4, 5 } },
		{ "TF and hlt", CODE(halted), { 1, 2, 3 } },
	};
	uint64_t rips[STEPS];
	struct engine e;
	unsigned i, k, n;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		engine_about(rows[i].name);
		engine_open(&e, VMAPI_IRQCHIP_NONE);
		begin(&e, rows[i].code, rows[i].bytes);
		engine_poke(&e, DATA + 0x100, 1, 8);
		engine_set(e.vcpu, VMAPI_X86_RAX, ENGINE_DATA32);
		engine_set(e.vcpu, VMAPI_X86_RFLAGS, 2 | TF);
		n = by_trap(&e, rips);
		for (k = 0; k < 6 && rows[i].at[k]; k++)
			EQUAL(k < n ? rips[k] : 0,
				ENGINE_CODE + rows[i].at[k]);
		engine_close(&e);
	}
}

/* One event, with TF set before or by the instruction. */
static void trap_once(const char *name, const uint8_t *code, size_t bytes,
	unsigned vector, unsigned offset)
{
	struct engine e;

	engine_about(name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	begin(&e, code, bytes);
	if (code == popped || code == returned) {
		engine_set(e.vcpu, VMAPI_X86_RSP, DATA);
		engine_poke(&e, DATA, code == popped ? 2 | TF :
			ENGINE_CODE + 2, 8);
		engine_poke(&e, DATA + 8, ENGINE_CODE64, 8);
		engine_poke(&e, DATA + 16, 2 | TF, 8);
		engine_poke(&e, DATA + 24, ENGINE_STACK, 8);
		engine_poke(&e, DATA + 32, ENGINE_DATA32, 8);
	} else {
		engine_set(e.vcpu, VMAPI_X86_RFLAGS, 2 | TF);
	}
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), vector);
	EQUAL(frame(&e, 0), ENGINE_CODE + offset);
	CHECK(frame(&e, 2) & TF);
	/* SDM 3B 17.3.1.1: RF is in the image of faults. */
	EQUAL(frame(&e, 2) >> 16 & 1, vector == UD);
	CHECK(!(engine_get(e.vcpu, VMAPI_X86_RFLAGS) & TF));
	engine_close(&e);
}

/* -- Accesses that the library answers ---------------------------------- */

static void report_from(struct engine *e, unsigned vector)
{
	engine_must(vmapi_as_write(e->as, ENGINE_HANDLERS + 16 * vector,
		CODE(report)));
}

/* Each is one, however the run is cut. */
static void answered_inside(const char *name, const uint8_t *code,
	size_t bytes, uint64_t limit)
{
	struct engine e;
	unsigned reason;

	engine_about(name);
	engine_open(&e, VMAPI_IRQCHIP_FULL);
	begin(&e, code, bytes);
	report_from(&e, UD);
	do
		reason = engine_step(&e, limit);
	while (reason == VMAPI_EXIT_LIMIT);
	EQUAL(reason, VMAPI_EXIT_IO);
	EQUAL(e.exit.u.io.port, 0x99);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), 0);
	engine_close(&e);
}

/* -- Interrupts --------------------------------------------------------- */

/* An interrupt that waits for STI comes after the next instruction. */
static void shadow(const char *name, const uint8_t *code, size_t bytes,
	unsigned offset)
{
	struct engine e;

	engine_about(name);
	engine_open(&e, VMAPI_IRQCHIP_FULL);
	begin(&e, code, bytes);
	report_from(&e, 0x50);
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	EQUAL(e.exit.u.io.port, 0x99);
	EQUAL(frame(&e, 0), ENGINE_CODE + offset);
	CHECK(frame(&e, 2) & IF);
	engine_close(&e);
}

static void nmi_is_masked(const uint8_t *handler, size_t bytes, bool faults)
{
	struct engine e;

	engine_about(faults ? "NMI and an IRET that faults" : "NMI and IRET");
	engine_open(&e, VMAPI_IRQCHIP_FULL);
	begin(&e, CODE(spin));
	engine_must(vmapi_as_write(e.as, ENGINE_HANDLERS + 16 * NMI, handler,
		bytes));
	report_from(&e, GP);
	engine_must(vmapi_vcpu_nmi(e.vcpu));
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP) & ~15ull,
		ENGINE_HANDLERS + 16 * NMI);
	EQUAL(frame(&e, 0), ENGINE_CODE);
	engine_must(vmapi_vcpu_nmi(e.vcpu)); /* held back */
	EQUAL(engine_step(&e, 1), VMAPI_EXIT_LIMIT);
	CHECK(engine_get(e.vcpu, VMAPI_X86_RIP) < ENGINE_HANDLERS + 16 * NMI +
		bytes);
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP) & ~15ull,
		ENGINE_HANDLERS + 16 * NMI);
	EQUAL(frame(&e, 0), faults ? ENGINE_HANDLERS + 16 * GP : ENGINE_CODE);
	engine_close(&e);
}

/* Which NMIs of several are taken: one more than can be held. */
static void nmis_at_once(void)
{
	struct engine e;
	unsigned i;

	engine_about("NMIs at once");
	engine_open(&e, VMAPI_IRQCHIP_FULL);
	begin(&e, CODE(spin));
	engine_must(vmapi_as_write(e.as, ENGINE_HANDLERS + 16 * NMI,
		nmi_handler, sizeof(nmi_handler)));
	for (i = 0; i < 3; i++)
		engine_must(vmapi_vcpu_nmi(e.vcpu));
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	for (i = 0; i < 2; i++)
		engine_must(vmapi_vcpu_nmi(e.vcpu));
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	EQUAL(engine_step(&e, 100), VMAPI_EXIT_LIMIT);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP), ENGINE_CODE);
	engine_close(&e);
}

/* The instruction behind STI is executed before an NMI is taken. */
static void nmi_after_sti(void)
{
	struct engine e;

	engine_about("NMI after STI");
	engine_open(&e, VMAPI_IRQCHIP_FULL);
	begin(&e, CODE(sti_jump));
	report_from(&e, NMI);
	EQUAL(engine_step(&e, 1), VMAPI_EXIT_LIMIT);
	engine_must(vmapi_vcpu_nmi(e.vcpu));
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	EQUAL(frame(&e, 0), ENGINE_CODE + 2);
	engine_close(&e);
}

/* What an instruction sends to its own processor comes before the next. */
static void sent_to_self(void)
{
	struct engine e;

	engine_about("an IPI to itself, then CLI");
	engine_open(&e, VMAPI_IRQCHIP_FULL);
	begin(&e, CODE(self_ipi));
	report_from(&e, 0x50);
	EQUAL(engine_step(&e, 100), VMAPI_EXIT_IO);
	EQUAL(frame(&e, 0), ENGINE_CODE + 27);
	EQUAL(e.exit.retired, 5);
	engine_close(&e);
}

/* -- Halts and kicks ---------------------------------------------------- */

enum how { KICK, MESSAGE, NOT_MASKED };

struct waker {
	struct engine *e;
	enum how how;
};

static void *wake(void *opaque)
{
	struct waker *w = opaque;
	struct vmapi_msi msi = { .size = sizeof(msi),
		.address = 0xfee00000, .data = 0x50 };
	int delivery;

	usleep(20000);
	if (w->how == KICK)
		vmapi_vcpu_kick(w->e->vcpu);
	else if (w->how == MESSAGE)
		vmapi_msi_send(w->e->vm, &msi, &delivery);
	else
		vmapi_vcpu_nmi(w->e->vcpu);
	return NULL;
}

static void woken(const char *name, enum how how)
{
	struct engine e;
	struct waker w = { &e, how };
	pthread_t thread;

	engine_about(name);
	engine_open(&e, VMAPI_IRQCHIP_FULL);
	begin(&e, CODE(idle));
	report_from(&e, 0x50);
	report_from(&e, NMI);
	if (pthread_create(&thread, NULL, wake, &w))
		return;
	engine_run(&e);
	pthread_join(thread, NULL);
	EQUAL(e.exit.reason, how == KICK ? VMAPI_EXIT_KICK : VMAPI_EXIT_IO);
	if (how != KICK)
		EQUAL(frame(&e, 0), ENGINE_CODE + sizeof(idle) - 2);
	engine_close(&e);
}

int main(void)
{
	stepped_alike();
	limits();
	trapped();
	trap_once("TF and int n", CODE(software), 0x40, 2);
	trap_once("TF by popf", CODE(popped), DB, 2);
	trap_once("TF by iret", CODE(returned), DB, 3);
	trap_once("TF and ud2", CODE(refused), UD, 0);
	answered_inside("ports in one run", CODE(port_loop), 1000000);
	answered_inside("ports one by one", CODE(port_loop), 1);
	answered_inside("ports five by five", CODE(port_loop), 5);
	answered_inside("APIC in one run", CODE(apic_loop), 1000000);
	answered_inside("APIC one by one", CODE(apic_loop), 1);
	shadow("sti; hlt", CODE(sti_hlt), 5 + 10 + 10 + 2);
	shadow("sti; mov", CODE(sti_nop), 5 + 10 + 10 + 1 + 5);
	nmi_is_masked(CODE(nmi_handler), false);
	nmi_is_masked(CODE(nmi_bad_iret), true);
	nmis_at_once();
	nmi_after_sti();
	sent_to_self();
	woken("a kick wakes", KICK);
	woken("an interrupt wakes", MESSAGE);
	woken("an NMI wakes", NOT_MASKED);
	return engine_result();
}
