/* SPDX-License-Identifier: MIT */
/*
 * Events, far transfers and task switches whose tables and stacks are
 * devices, or fault half-way.
 *
 * Each scene runs with all of its memory in RAM, and again with pages of it
 * taken out of the map: what is asked of the device is then answered from
 * the very RAM, so all must end alike, each write having been asked once.
 * Then its pages are made absent or read-only in the page tables, and no
 * page fault can be delivered: the processor shuts down, with registers and
 * memory as they were before the instruction.
 */
#include "tests/engine/engine.h"

/* int 0x20; hlt */
static const uint8_t int_20[] = { 0xcd, 0x20, 0xf4 };
/* int 0x21; hlt */
static const uint8_t int_21[] = { 0xcd, 0x21, 0xf4 };
/* ud2 */
static const uint8_t ud2[] = { 0x0f, 0x0b };
/* nop; hlt */
static const uint8_t nop[] = { 0x90, 0xf4 };
/* mov eax, 0xfff8; mov ds, eax */
static const uint8_t bad_ds[] = { 0xb8, 0xf8, 0xff, 0, 0, 0x8e, 0xd8 };
/* mov eax, 0x18; mov ds, eax; hlt */
static const uint8_t good_ds[] = { 0xb8, 0x18, 0, 0, 0, 0x8e, 0xd8, 0xf4 };
/* call 0x78:0x14000 */
static const uint8_t call_code[] = { 0x9a, 0, 0x40, 1, 0, 0x78, 0 };
/* call 0x60:0 */
static const uint8_t call_gate[] = { 0x9a, 0, 0, 0, 0, 0x60, 0 };
/* call 0x50:0 */
static const uint8_t call_task[] = { 0x9a, 0, 0, 0, 0, 0x50, 0 };
/* jmp 0x50:0 */
static const uint8_t jmp_task[] = { 0xea, 0, 0, 0, 0, 0x50, 0 };
/* jmp 0x58:0 */
static const uint8_t jmp_task_gate[] = { 0xea, 0, 0, 0, 0, 0x58, 0 };
/* call far [rdi] */
static const uint8_t call_mem[] = { 0xff, 0x1f };
/* retf */
static const uint8_t retf[] = { 0xcb };
/* retfq */
static const uint8_t retfq[] = { 0x48, 0xcb };
/* iret */
static const uint8_t iret[] = { 0xcf };
/* iretq */
static const uint8_t iretq[] = { 0x48, 0xcf };

#define CODE(c) (c), sizeof(c)

#define PAGE   0x1000u
#define TARGET 0x14000u /* HLT */
#define TASK   0x50000u /* a second task's state */
#define STACK2 0x38000u /* and stack */
#define USTACK 0x48000u

#define DIRECTORY 0x110000u /* 32-bit paging: identity, first 4 MiB */

#define SEL_TASK 0x50u
#define SEL_CALL 0x60u /* two slots in IA-32e mode */
#define SEL_CODE 0x78u /* not yet accessed */

/* Pages that a delivery may touch. */
static const uint32_t pages[] = { 0, ENGINE_GDT, ENGINE_IDT32, ENGINE_IDT64,
	0xe000, ENGINE_STACK - PAGE, STACK2 - PAGE, ENGINE_DATA,
	USTACK - PAGE, TASK };
#define PAGES (sizeof(pages) / sizeof(pages[0]))
#define ALL   ((1u << PAGES) - 1)

enum trigger { NOTHING, INTR, NMI };

struct scene {
	const char *name;
	unsigned mode;
	bool user;
	const uint8_t *code;
	size_t bytes;
	void (*prepare)(struct engine *e);
	enum trigger trigger;
	unsigned asks; /* device accesses at least, with all pages hidden */
};

/* -- What scenes need --------------------------------------------------- */

static uint64_t gate(unsigned type, unsigned dpl, unsigned selector,
	uint32_t offset)
{
	return (offset & 0xffff) | (uint64_t)selector << 16 |
		(uint64_t)(0x80 | dpl << 5 | type) << 40 |
		(uint64_t)(offset & 0xffff0000) << 32;
}

static void idt(struct engine *e, unsigned vector, uint64_t v)
{
	engine_poke(e, ENGINE_IDT32 + 8 * vector, v, 8);
}

/* A task whose state names TARGET and a stack of its own. */
static void a_task(struct engine *e)
{
	unsigned i;

	engine_poke(e, ENGINE_GDT + SEL_TASK, 0x0000890500000067, 8);
	engine_poke(e, ENGINE_GDT + 0x58, gate(5, 3, SEL_TASK, 0), 8);
	engine_poke(e, TASK + 28, DIRECTORY, 4);
	engine_poke(e, TASK + 32, TARGET, 4);
	engine_poke(e, TASK + 36, 0x2, 4);
	for (i = 0; i < 8; i++)
		engine_poke(e, TASK + 40 + 4 * i, 0x11111111 * (i + 1), 4);
	engine_poke(e, TASK + 56, STACK2, 4);
	for (i = 0; i < 6; i++)
		engine_poke(e, TASK + 72 + 4 * i, i == 1 ? ENGINE_CODE32 :
			ENGINE_DATA32, 2);
	idt(e, 6, gate(5, 0, SEL_TASK, 0));
	idt(e, 13, gate(5, 0, SEL_TASK, 0));
	idt(e, 0x21, gate(5, 3, SEL_TASK, 0));
}

/* NT, and the link of this task to the other, which is busy. */
static void a_caller(struct engine *e)
{
	a_task(e);
	engine_poke(e, ENGINE_GDT + SEL_TASK, 0x00008b0500000067, 8);
	engine_poke(e, ENGINE_TSS, SEL_TASK, 2);
	engine_set(e->vcpu, VMAPI_X86_RFLAGS, 0x4002);
}

static void far_targets(struct engine *e)
{
	engine_poke(e, ENGINE_GDT + SEL_CODE, 0x00cf9a000000ffff, 8);
	engine_poke(e, ENGINE_GDT + SEL_CALL, gate(12, 3, SEL_CODE, TARGET) |
		2ull << 32, 8);
	idt(e, 0x20, gate(14, 3, SEL_CODE, TARGET));
	engine_poke(e, USTACK, 0x1234567855aa55aa, 8);
}

static void far_targets_64(struct engine *e)
{
	engine_poke(e, ENGINE_GDT + SEL_CODE, 0x00af9a000000ffff, 8);
	engine_poke(e, ENGINE_GDT + SEL_CALL, gate(12, 3, SEL_CODE, TARGET),
		8);
	engine_poke(e, ENGINE_GDT + SEL_CALL + 8, 0, 8);
	engine_poke(e, ENGINE_IDT64 + 16 * 0x20, gate(14, 3, SEL_CODE, TARGET),
		8);
	engine_poke(e, ENGINE_DATA, TARGET | (uint64_t)SEL_CODE << 32, 6);
	engine_set(e->vcpu, VMAPI_X86_RDI, ENGINE_DATA);
}

static void gate_pointer_64(struct engine *e)
{
	far_targets_64(e);
	engine_poke(e, ENGINE_DATA, (uint64_t)SEL_CALL << 32, 6);
}

static void on_ist(struct engine *e)
{
	far_targets_64(e);
	engine_poke(e, ENGINE_TSS + 36, STACK2, 8);
	engine_poke(e, ENGINE_IDT64 + 16 * 6, gate(14, 0, SEL_CODE, TARGET) |
		1ull << 32, 8);
}

/* A frame of `words` values of `size` bytes at ENGINE_STACK - 64. */
static void frame(struct engine *e, unsigned size, const uint64_t *v,
	unsigned words)
{
	unsigned i;

	for (i = 0; i < words; i++)
		engine_poke(e, ENGINE_STACK - 64 + i * size, v[i], size);
	engine_set(e->vcpu, VMAPI_X86_RSP, ENGINE_STACK - 64);
}

/* To user code, which stops by an exception: HLT at level 3. */
static void return_frame(struct engine *e)
{
	static const uint64_t v[] = { TARGET, ENGINE_UCODE32, USTACK,
		ENGINE_UDATA32 };

	engine_poke(e, ENGINE_TSS + 8, ENGINE_DATA32, 4);
	frame(e, 4, v, 4);
}

static void return_frame_64(struct engine *e)
{
	static const uint64_t v[] = { TARGET, ENGINE_UCODE64, USTACK,
		ENGINE_UDATA32 };

	frame(e, 8, v, 4);
}

static void iret_frame(struct engine *e)
{
	static const uint64_t v[] = { TARGET, ENGINE_UCODE32, 0x8d7, USTACK,
		ENGINE_UDATA32 };

	engine_poke(e, ENGINE_TSS + 8, ENGINE_DATA32, 4);
	frame(e, 4, v, 5);
}

static void iret_frame_64(struct engine *e)
{
	static const uint64_t v[] = { TARGET, ENGINE_UCODE64, 0x8d7, USTACK,
		ENGINE_UDATA32 };

	frame(e, 8, v, 5);
}

static const struct scene scenes[] = {
	{ "real mode, INT n", 16, false, CODE(int_20), NULL, NOTHING, 4 },
	{ "real mode, interrupt", 16, false, CODE(nop), NULL, INTR, 4 },
	{ "real mode, fault", 16, false, CODE(ud2), NULL, NOTHING, 4 },
	{ "INT n", 32, false, CODE(int_20), far_targets, NOTHING, 6 },
	{ "interrupt", 32, false, CODE(nop), far_targets, INTR, 6 },
	{ "NMI", 32, false, CODE(nop), NULL, NMI, 5 },
	{ "fault", 32, false, CODE(ud2), NULL, NOTHING, 5 },
	{ "fault with a code", 32, false, CODE(bad_ds), NULL, NOTHING, 6 },
	{ "user, INT n", 32, true, CODE(int_20), far_targets, NOTHING, 11 },
	{ "user, interrupt", 32, true, CODE(nop), far_targets, INTR, 11 },
	{ "user, NMI", 32, true, CODE(nop), NULL, NMI, 9 },
	{ "user, fault with a code", 32, true, CODE(bad_ds), NULL, NOTHING,
		10 },
	{ "64-bit, INT n", 64, false, CODE(int_20), far_targets_64, NOTHING,
		9 },
	{ "64-bit, interrupt", 64, false, CODE(nop), far_targets_64, INTR, 9 },
	{ "64-bit, fault with a code", 64, false, CODE(bad_ds), NULL, NOTHING,
		9 },
	{ "64-bit, interrupt stack", 64, false, CODE(ud2), on_ist, NOTHING,
		10 },
	{ "64-bit user, interrupt", 64, true, CODE(nop), far_targets_64, INTR,
		10 },
	{ "64-bit user, NMI", 64, true, CODE(nop), NULL, NMI, 8 },
	{ "load of a segment", 64, false, CODE(good_ds), NULL, NOTHING, 1 },
	{ "CALL of code", 32, false, CODE(call_code), far_targets, NOTHING,
		4 },
	{ "CALL of a gate", 32, true, CODE(call_gate), far_targets, NOTHING,
		13 },
	{ "64-bit CALL of code", 64, false, CODE(call_mem), far_targets_64,
		NOTHING, 6 },
	{ "64-bit CALL of a gate", 64, true, CODE(call_mem), gate_pointer_64,
		NOTHING, 11 },
	{ "RET to an outer level", 32, false, CODE(retf), return_frame,
		NOTHING, 6 },
	{ "64-bit RET to an outer level", 64, false, CODE(retfq),
		return_frame_64, NOTHING, 6 },
	{ "IRET to an outer level", 32, false, CODE(iret), iret_frame,
		NOTHING, 7 },
	{ "64-bit IRET to an outer level", 64, false, CODE(iretq),
		iret_frame_64, NOTHING, 7 },
	{ "JMP to a task", 32, false, CODE(jmp_task), a_task, NOTHING, 40 },
	{ "JMP to a task gate", 32, true, CODE(jmp_task_gate), a_task,
		NOTHING, 40 },
	{ "CALL of a task", 32, false, CODE(call_task), a_task, NOTHING, 40 },
	{ "IRET to a task", 32, false, CODE(iret), a_caller, NOTHING, 40 },
	{ "INT n through a task gate", 32, true, CODE(int_21), a_task,
		NOTHING, 40 },
	{ "fault through a task gate", 32, true, CODE(ud2), a_task, NOTHING,
		40 },
	{ "fault with a code through a task gate", 32, true, CODE(bad_ds),
		a_task, NOTHING, 41 },
};

static void begin(struct engine *e, const struct scene *s)
{
	engine_open(e, VMAPI_IRQCHIP_NONE);
	if (s->user) {
		engine_user(e, e->vcpu, s->mode);
		engine_set(e->vcpu, VMAPI_X86_RSP, USTACK);
	} else {
		engine_mode(e, e->vcpu, s->mode);
	}
	engine_load(e, s->code, s->bytes);
	e->mem[TARGET] = 0xf4;
	engine_set(e->vcpu, VMAPI_X86_RFLAGS, 0x202);
	if (s->prepare)
		s->prepare(e);
}

static void pull(struct engine *e, const struct scene *s)
{
	if (s->trigger == INTR)
		engine_must(vmapi_vcpu_interrupt(e->vcpu, 0x20));
	if (s->trigger == NMI)
		engine_must(vmapi_vcpu_nmi(e->vcpu));
}

/* -- Devices ------------------------------------------------------------ */

enum way { RUNS, SETTLES, KICKS, WAYS };

struct asked {
	unsigned n, writes;
	uint64_t written[64];
};

static void hide(struct engine *e, unsigned mask)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (mask >> i & 1)
			engine_must(engine_unmap(e, pages[i], PAGE));
}

/* Answer the exit from the RAM that was there. */
static void answer(struct engine *e, struct asked *a)
{
	const struct vmapi_exit *x = &e->exit;
	uint64_t gpa = x->u.mmio.gpa;
	unsigned i;

	CHECK(gpa + x->u.mmio.length <= ENGINE_RAM);
	a->n++;
	if (!x->u.mmio.is_write) {
		engine_answer(e, engine_peek(e, gpa, x->u.mmio.length),
			x->u.mmio.length);
		return;
	}
	memcpy(e->mem + gpa, x->u.mmio.data, x->u.mmio.length);
	for (i = 0; i < a->writes; i++)
		CHECK(a->written[i] != gpa);
	if (a->writes < 64)
		a->written[a->writes++] = gpa;
}

static void go_on(struct engine *e, enum way way)
{
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

#define NREGS 18
#define NSEGS 10

static void same(struct engine *a, struct engine *b)
{
	static const uint64_t controls[] = { VMAPI_X86_CR0, VMAPI_X86_CR2,
		VMAPI_X86_CR3 };
	struct vmapi_x86_segment sa, sb;
	struct vmapi_reg ra = { .data = &sa, .bytes = sizeof(sa) }, rb = ra;
	unsigned i;

	EQUAL(a->exit.reason, b->exit.reason);
	for (i = 0; i < NREGS; i++)
		EQUAL(engine_get(a->vcpu, VMAPI_X86_GPR(i)),
			engine_get(b->vcpu, VMAPI_X86_GPR(i)));
	for (i = 0; i < 3; i++)
		EQUAL(engine_get(a->vcpu, controls[i]),
			engine_get(b->vcpu, controls[i]));
	rb.data = &sb;
	for (i = 0; i < NSEGS; i++) {
		memset(&sa, 0, sizeof(sa));
		memset(&sb, 0, sizeof(sb));
		ra.tag = rb.tag = VMAPI_X86_SEGMENT(i);
		engine_must(vmapi_regs_get(a->vcpu, &ra, 1, NULL, 0));
		engine_must(vmapi_regs_get(b->vcpu, &rb, 1, NULL, 0));
		CHECK(!memcmp(&sa, &sb, sizeof(sa)));
	}
	CHECK(!memcmp(a->mem, b->mem, ENGINE_RAM));
}

static void hidden(const struct scene *s, struct engine *want, unsigned mask,
	enum way way)
{
	struct asked a = { 0 };
	struct engine e;

	begin(&e, s);
	hide(&e, mask);
	pull(&e, s);
	engine_run(&e);
	while (e.exit.reason == VMAPI_EXIT_MMIO && a.n < 200) {
		answer(&e, &a);
		go_on(&e, way);
	}
	same(&e, want);
	if (mask == ALL)
		CHECK(a.n >= s->asks);
	engine_close(&e);
}

static void devices(const struct scene *s)
{
	struct engine want;
	enum way way;
	size_t i;

	engine_about(s->name);
	begin(&want, s);
	pull(&want, s);
	EQUAL(engine_run(&want), VMAPI_EXIT_HALT);
	for (way = RUNS; way < WAYS; way++) {
		for (i = 0; i < PAGES; i++)
			hidden(s, &want, 1u << i, way);
		hidden(s, &want, ALL, way);
	}
	engine_close(&want);
}

/* What waited for a device is forgotten by a reset. */
static void reset_between(const struct scene *s)
{
	struct engine e;

	engine_about(s->name);
	begin(&e, s);
	hide(&e, ALL);
	pull(&e, s);
	EQUAL(engine_run(&e), VMAPI_EXIT_MMIO);
	engine_must(engine_map(&e, 0, ENGINE_RAM, 0, 0));
	engine_mode(&e, e.vcpu, 32);
	engine_load(&e, CODE(nop));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP), ENGINE_CODE + 2);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RSP), ENGINE_STACK);
	engine_close(&e);
}

/* -- Page faults -------------------------------------------------------- */

/* Paging of the mode; where the entry of the page at `gpa` is. */
static uint64_t paging(struct engine *e, unsigned mode, uint64_t gpa)
{
	unsigned i;

	if (mode == 64) {
		engine_set(e->vcpu, VMAPI_X86_CR0, 0x80010031);
		return ENGINE_PT + 8 * (gpa / PAGE);
	}
	engine_poke(e, DIRECTORY, (DIRECTORY + PAGE) | 7, 4);
	for (i = 0; i < 1024; i++)
		engine_poke(e, DIRECTORY + PAGE + 4 * i, i * PAGE | 7, 4);
	engine_set(e->vcpu, VMAPI_X86_CR3, DIRECTORY);
	engine_set(e->vcpu, VMAPI_X86_CR0, 0x80010031);
	return DIRECTORY + PAGE + 4 * (gpa / PAGE);
}

static bool is_task(const struct scene *s)
{
	return s->prepare == a_task || s->prepare == a_caller;
}

/* The page faults if it is touched: all must be as before then. */
static bool faults(const struct scene *s, uint64_t gpa, uint64_t bits)
{
	struct engine before, e;
	uint64_t at;

	begin(&before, s);
	begin(&e, s);
	at = paging(&before, s->mode, gpa);
	paging(&e, s->mode, gpa);
	/* No gates for #DF and #PF, so that nothing is delivered. */
	engine_poke(&e, ENGINE_IDT32 + 8 * 14, 0, 8);
	engine_poke(&e, ENGINE_IDT32 + 8 * 8, 0, 8);
	engine_poke(&e, ENGINE_IDT64 + 16 * 14, 0, 8);
	engine_poke(&e, ENGINE_IDT64 + 16 * 8, 0, 8);
	memcpy(before.mem, e.mem, ENGINE_RAM);
	if (s->code[0] == 0xb8) { /* the instruction before */
		engine_step(&before, 1);
		engine_step(&e, 1);
	}
	engine_poke(&e, at, gpa | bits, 4);
	engine_set(e.vcpu, VMAPI_X86_CR3, s->mode == 64 ? ENGINE_PML4 :
		DIRECTORY);
	pull(&e, s);
	if (engine_step(&e, 1) == VMAPI_EXIT_SHUTDOWN) {
		before.exit.reason = VMAPI_EXIT_SHUTDOWN;
		engine_set(before.vcpu, VMAPI_X86_CR2,
			engine_get(e.vcpu, VMAPI_X86_CR2));
		/* Accessed and dirty bits of pages are not undone. */
		memcpy(before.mem + ENGINE_PML4, e.mem + ENGINE_PML4, 0x20000);
		same(&e, &before);
	}
	engine_close(&before);
	engine_close(&e);
	return e.exit.reason == VMAPI_EXIT_SHUTDOWN;
}

static void page_faults(const struct scene *s)
{
	unsigned shut = 0;
	size_t i;

	engine_about(s->name);
	for (i = 1; i < PAGES && s->mode != 16; i++) {
		/* Beyond the switch faults are the new task's. */
		if (is_task(s) && pages[i] == STACK2 - PAGE)
			continue;
		shut += faults(s, pages[i], 0); /* absent */
		shut += faults(s, pages[i], 5); /* read-only */
	}
	CHECK(shut || s->mode == 16);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		devices(&scenes[i]);
		reset_between(&scenes[i]);
		page_faults(&scenes[i]);
	}
	return engine_result();
}
