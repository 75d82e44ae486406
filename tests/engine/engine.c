/* SPDX-License-Identifier: MIT */
/* The machine that tests of the execution engine run code on. */
#include "tests/engine/engine.h"

static unsigned failures, checks;
static const char *about = "";

void engine_must(int err)
{
	if (!err)
		return;
	printf("%s: cannot go on: %s: %s: %s\n", about,
		vmapi_error_last()->operation, vmapi_error_last()->object,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

/* -- Checks ------------------------------------------------------------- */

void engine_about(const char *what)
{
	about = what;
}

void engine_check(bool good, const char *what, const char *where, int line)
{
	checks++;
	if (good)
		return;
	failures++;
	printf("%s: %s:%d: not so: %s\n", about, where, line, what);
}

void engine_equal(uint64_t is, uint64_t shall, const char *where, int line)
{
	checks++;
	if (is == shall)
		return;
	failures++;
	printf("%s: %s:%d: %#llx instead of %#llx\n", about, where, line,
		(unsigned long long)is, (unsigned long long)shall);
}

int engine_result(void)
{
	printf("%u checks, %u failed\n", checks, failures);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* -- Memory ------------------------------------------------------------- */

uint64_t engine_peek(const struct engine *e, uint64_t gpa, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | e->mem[gpa + bytes];
	return v;
}

void engine_poke(struct engine *e, uint64_t gpa, uint64_t v, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		e->mem[gpa + i] = (uint8_t)(v >> (8 * i));
}

int engine_map(struct engine *e, uint64_t gpa, uint64_t bytes,
	uint64_t offset, unsigned flags)
{
	struct vmapi_map_entry entry = { .size = sizeof(entry),
		.flags = flags, .gpa = gpa, .bytes = bytes, .ram = e->ram,
		.offset = offset };
	struct vmapi_map *map;

	engine_must(vmapi_map_begin(e->vm, &map));
	engine_must(vmapi_map_remove(map, e->as, gpa, bytes));
	engine_must(vmapi_map_add(map, e->as, &entry));
	return vmapi_map_commit(map);
}

int engine_unmap(struct engine *e, uint64_t gpa, uint64_t bytes)
{
	struct vmapi_map *map;

	engine_must(vmapi_map_begin(e->vm, &map));
	engine_must(vmapi_map_remove(map, e->as, gpa, bytes));
	return vmapi_map_commit(map);
}

/* Descriptors that engine_mode() loads: SDM 3A 3.4.5. */
static const uint64_t descriptors[] = {
	0,
	0x00af9b000000ffff, /* code, 64-bit */
	0x00cf9b000000ffff, /* code, 32-bit */
	0x00cf93000000ffff, /* data */
	0x00cffb000000ffff, /* user code, 32-bit */
	0x00cff3000000ffff, /* user data */
	0x00affb000000ffff, /* user code, 64-bit */
	0x008f9b000000ffff, /* code, 16-bit */
	0x00008b0018000067, /* task state, busy, at ENGINE_TSS */
	0,
};

static void tables(struct engine *e)
{
	uint64_t i, gate;
	size_t n;

	for (n = 0; n < sizeof(descriptors) / 8; n++)
		engine_poke(e, ENGINE_GDT + 8 * n, descriptors[n], 8);
	for (i = 0; i < 256; i++) {
		gate = ENGINE_HANDLERS + 16 * i;
		e->mem[gate] = 0xf4;
		engine_poke(e, 4 * i, gate, 4); /* offset alone: see below */
		gate = (gate & 0xffff) | 0x8e0000000000ull;
		engine_poke(e, ENGINE_IDT32 + 8 * i, gate | ENGINE_CODE32 << 16,
			8);
		engine_poke(e, ENGINE_IDT64 + 16 * i, gate |
			ENGINE_CODE64 << 16, 8);
	}
	engine_poke(e, ENGINE_TSS + 4, ENGINE_STACK, 8); /* RSP0; ESP0 */
	engine_poke(e, ENGINE_PML4, (ENGINE_PML4 + 0x1000) | 7, 8);
	for (i = 0; i < 4; i++)
		engine_poke(e, ENGINE_PML4 + 0x1000 + 8 * i,
			(ENGINE_PML4 + 0x2000 + 0x1000 * i) | 7, 8);
	for (i = 0; i < 2048; i++)
		engine_poke(e, ENGINE_PML4 + 0x2000 + 8 * i, i << 21 | 0x87, 8);
	engine_poke(e, ENGINE_PML4 + 0x2000, ENGINE_PT | 7, 8);
	for (i = 0; i < 512; i++)
		engine_poke(e, ENGINE_PT + 8 * i, i << 12 | 7, 8);
}

/* -- Machines ----------------------------------------------------------- */

void engine_open(struct engine *e, unsigned irqchip)
{
	const struct vmapi_vm_config config = { .size = sizeof(config),
		.irqchip = irqchip };

	engine_open_as(e, &config);
}

void engine_open_as(struct engine *e, const struct vmapi_vm_config *config)
{
	struct vmapi_ram_config ram = { .size = sizeof(ram),
		.bytes = ENGINE_RAM, .name = "main" };
	void *pointer;

	setvbuf(stdout, NULL, _IOLBF, 0); /* said even if it then hangs */
	memset(e, 0, sizeof(*e));
	e->exit.size = sizeof(e->exit);
	engine_must(vmapi_open("soft", 0, &e->ctx));
	engine_must(vmapi_vm_create(e->ctx, config, &e->vm));
	engine_must(vmapi_vm_as(e->vm, &e->as));
	engine_must(vmapi_ram_create(e->ctx, &ram, &e->ram));
	engine_must(vmapi_ram_pointer(e->ram, &pointer));
	e->mem = pointer;
	engine_must(engine_map(e, 0, ENGINE_RAM, 0, 0));
	engine_must(vmapi_vcpu_create(e->vm, NULL, &e->vcpu));
	tables(e);
	engine_mode(e, e->vcpu, 32);
}

void engine_close(struct engine *e)
{
	vmapi_vcpu_destroy(e->vcpu);
	vmapi_ram_destroy(e->ram);
	vmapi_as_destroy(e->as);
	vmapi_vm_destroy(e->vm);
	vmapi_close(e->ctx);
}

uint64_t engine_get(struct vmapi_vcpu *vcpu, uint64_t tag)
{
	struct vmapi_reg reg = { .tag = tag };

	engine_must(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	return reg.value;
}

void engine_set(struct vmapi_vcpu *vcpu, uint64_t tag, uint64_t value)
{
	struct vmapi_reg reg = { .tag = tag, .value = value };

	engine_must(vmapi_regs_set(vcpu, &reg, 1, NULL, 0));
}

/* A segment register from a selector's descriptor. */
static struct vmapi_x86_segment segment(unsigned selector)
{
	uint64_t d = descriptors[selector >> 3];
	struct vmapi_x86_segment s = { .selector = (uint16_t)selector,
		.attributes = d >> 40 & 0xf0ff,
		.base = (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000),
		.limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000)) };

	if (s.attributes & VMAPI_X86_SEG_G)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

struct mode {
	unsigned code, data;
	uint64_t idt, cr0, cr3, cr4, efer;
	uint32_t idt_limit;
};

static void mode_set(struct engine *e, struct vmapi_vcpu *vcpu,
	const struct mode *m)
{
	struct vmapi_x86_segment s[10];
	struct vmapi_reg regs[40];
	size_t n = 0, i;

	(void)e;
	memset(regs, 0, sizeof(regs));
	memset(s, 0, sizeof(s));
	for (i = 0; i < 6; i++)
		s[i] = segment(i == 1 ? m->code : m->data);
	s[6].attributes = VMAPI_X86_SEG_UNUSABLE;
	s[7] = segment(ENGINE_TR);
	s[8].base = ENGINE_GDT;
	s[8].limit = 0xff; /* room for a test's own */
	s[9].base = m->idt;
	s[9].limit = m->idt_limit;
	if (!(m->cr0 & 1)) { /* real mode */
		for (i = 0; i < 6; i++)
			s[i] = (struct vmapi_x86_segment){ .limit = 0xffff,
				.attributes = i == 1 ? 0x9b : 0x93 };
		s[1].base = ENGINE_CODE;
		s[1].selector = ENGINE_CODE >> 4;
	}
	for (i = 0; i < 10; i++) {
		regs[n].tag = VMAPI_X86_SEGMENT(i);
		regs[n].data = &s[i];
		regs[n++].bytes = sizeof(s[i]);
	}
	for (i = 0; i < 16; i++)
		regs[n++].tag = VMAPI_X86_GPR(i);
	regs[n - 16 + 4].value = ENGINE_STACK;
	if (!(m->cr0 & 1))
		regs[n - 16 + 4].value = 0xf000;
	regs[n++] = (struct vmapi_reg){ .tag = VMAPI_X86_RIP,
		.value = m->cr0 & 1 ? ENGINE_CODE : 0 };
	regs[n++] = (struct vmapi_reg){ .tag = VMAPI_X86_RFLAGS, .value = 2 };
	regs[n++] = (struct vmapi_reg){ .tag = VMAPI_X86_CR0, .value = m->cr0 };
	regs[n++] = (struct vmapi_reg){ .tag = VMAPI_X86_CR3, .value = m->cr3 };
	regs[n++] = (struct vmapi_reg){ .tag = VMAPI_X86_CR4, .value = m->cr4 };
	regs[n++] = (struct vmapi_reg){ .tag = VMAPI_X86_EFER,
		.value = m->efer };
	engine_must(vmapi_regs_set(vcpu, regs, n, NULL, 0));
}

void engine_mode(struct engine *e, struct vmapi_vcpu *vcpu, unsigned mode)
{
	struct mode m = { .code = ENGINE_CODE32, .data = ENGINE_DATA32,
		.idt = ENGINE_IDT32, .idt_limit = 0x7ff, .cr0 = 0x31,
		.cr4 = 0x600 };

	if (mode == 64) {
		m = (struct mode){ .code = ENGINE_CODE64,
			.data = ENGINE_DATA32, .idt = ENGINE_IDT64,
			.idt_limit = 0xfff, .cr0 = 0x80010031,
			.cr3 = ENGINE_PML4, .cr4 = 0x620, .efer = 0xd00 };
	} else if (mode == 16) {
		m.cr0 = 0x10;
		m.idt = 0;
		m.idt_limit = 0x3ff;
	}
	engine_must(vmapi_vcpu_reset(vcpu));
	mode_set(e, vcpu, &m);
}

void engine_user(struct engine *e, struct vmapi_vcpu *vcpu, unsigned mode)
{
	struct vmapi_x86_segment code = segment(mode == 64 ? ENGINE_UCODE64 :
		ENGINE_UCODE32), data = segment(ENGINE_UDATA32);
	struct vmapi_reg regs[5];
	size_t i;

	engine_mode(e, vcpu, mode);
	engine_poke(e, ENGINE_TSS + 8, mode == 64 ? 0 : ENGINE_DATA32, 4);
	memset(regs, 0, sizeof(regs));
	for (i = 0; i < 4; i++)
		regs[i] = (struct vmapi_reg){ .tag = VMAPI_X86_SEGMENT(i),
			.data = i == 1 ? &code : &data,
			.bytes = sizeof(code) };
	engine_must(vmapi_regs_set(vcpu, regs, 4, NULL, 0));
}

void engine_pae(struct engine *e, struct vmapi_vcpu *vcpu)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		engine_poke(e, ENGINE_PDPT + 8 * i,
			(ENGINE_PML4 + 0x2000 + 0x1000 * i) | 1, 8);
	engine_set(vcpu, VMAPI_X86_CR3, ENGINE_PDPT);
	engine_set(vcpu, VMAPI_X86_CR4, 0x620);
	engine_set(vcpu, VMAPI_X86_CR0, 0x80000031);
}

void engine_load(struct engine *e, const void *code, size_t bytes)
{
	engine_must(vmapi_as_write(e->as, ENGINE_CODE, code, bytes));
}

unsigned engine_run(struct engine *e)
{
	engine_must(vmapi_vcpu_run(e->vcpu, &e->exit));
	return e->exit.reason;
}

unsigned engine_step(struct engine *e, uint64_t limit)
{
	engine_must(vmapi_vcpu_run_limit(e->vcpu, limit, &e->exit));
	return e->exit.reason;
}

void engine_answer(struct engine *e, uint64_t value, unsigned bytes)
{
	uint8_t data[8];
	unsigned i;

	for (i = 0; i < 8; i++)
		data[i] = (uint8_t)(value >> (8 * i));
	engine_must(vmapi_vcpu_complete(e->vcpu, data, bytes));
}

int engine_vector(struct engine *e)
{
	uint64_t rip = engine_get(e->vcpu, VMAPI_X86_RIP) - 1;

	if (e->exit.reason != VMAPI_EXIT_HALT || rip < ENGINE_HANDLERS ||
		rip >= ENGINE_HANDLERS + 0x1000 || rip % 16)
		return -1;
	return (int)(rip - ENGINE_HANDLERS) / 16;
}
