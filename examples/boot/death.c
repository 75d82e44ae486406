/* SPDX-License-Identifier: MIT */
/* The dump of a dying guest: why, registers, and the instruction. */
#include "machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INSN_MAX 15

struct name {
	const char *name;
	uint64_t tag;
};

static const struct name numbers[] = {
	{ "rax", VMAPI_X86_RAX }, { "rbx", VMAPI_X86_RBX }, { "rcx", VMAPI_X86_RCX },
	{ "rdx", VMAPI_X86_RDX }, { "rsi", VMAPI_X86_RSI }, { "rdi", VMAPI_X86_RDI },
	{ "rbp", VMAPI_X86_RBP }, { "rsp", VMAPI_X86_RSP }, { "r8 ", VMAPI_X86_R8 },
	{ "r9 ", VMAPI_X86_R9 }, { "r10", VMAPI_X86_R10 }, { "r11", VMAPI_X86_R11 },
	{ "r12", VMAPI_X86_R12 }, { "r13", VMAPI_X86_R13 }, { "r14", VMAPI_X86_R14 },
	{ "r15", VMAPI_X86_R15 }, { "rip", VMAPI_X86_RIP }, { "flg", VMAPI_X86_RFLAGS },
	{ "cr0", VMAPI_X86_CR0 }, { "cr2", VMAPI_X86_CR2 }, { "cr3", VMAPI_X86_CR3 },
	{ "cr4", VMAPI_X86_CR4 }, { "efr", VMAPI_X86_EFER }
};

static const struct name segments[] = {
	{ "cs", VMAPI_X86_CS }, { "ss", VMAPI_X86_SS }, { "ds", VMAPI_X86_DS },
	{ "es", VMAPI_X86_ES }, { "fs", VMAPI_X86_FS }, { "gs", VMAPI_X86_GS },
	{ "tr", VMAPI_X86_TR }, { "ldt", VMAPI_X86_LDTR },
	{ "gdt", VMAPI_X86_GDTR }, { "idt", VMAPI_X86_IDTR }
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int get_number(struct cpu *cpu, uint64_t tag, uint64_t *value)
{
	struct vmapi_reg reg = { .tag = tag, .bytes = 8 };
	int err = vmapi_regs_get(cpu->vcpu, &reg, 1, NULL, 0);

	*value = err == 0 ? reg.value : 0;
	return err;
}

static int get_segment(struct cpu *cpu, uint64_t tag,
	struct vmapi_x86_segment *segment)
{
	struct vmapi_reg reg = {
		.tag = tag, .data = segment, .bytes = sizeof(*segment)
	};

	memset(segment, 0, sizeof(*segment));
	return vmapi_regs_get(cpu->vcpu, &reg, 1, NULL, 0);
}

static void dump_registers(struct cpu *cpu)
{
	struct vmapi_x86_segment s;
	uint64_t value;
	size_t i;

	for (i = 0; i < COUNT(numbers); i++) {
		const char *end = i % 4 == 3 || i + 1 == COUNT(numbers)
			? "\n" : "  ";

		if (get_number(cpu, numbers[i].tag, &value) == 0)
			fprintf(stderr, "%s %016" PRIx64 "%s",
				numbers[i].name, value, end);
		else
			fprintf(stderr, "%s ????????????????%s",
				numbers[i].name, end);
	}
	for (i = 0; i < COUNT(segments); i++)
		if (get_segment(cpu, segments[i].tag, &s) == 0)
			fprintf(stderr, "%-3s %04x  base %016" PRIx64
				"  limit %08" PRIx32 "  attributes %05" PRIx32
				"\n", segments[i].name, s.selector, s.base,
				s.limit, s.attributes);
}

/* 16, 32 or 64 bits: SDM volume 3, 5.2.1. */
static unsigned mode_of(struct cpu *cpu, const struct vmapi_x86_segment *cs)
{
	uint64_t efer, cr0;

	get_number(cpu, VMAPI_X86_EFER, &efer);
	get_number(cpu, VMAPI_X86_CR0, &cr0);
	if ((efer & 0x400) && (cs->attributes & VMAPI_X86_SEG_L))
		return 64;
	if ((cr0 & 1) && (cs->attributes & VMAPI_X86_SEG_DB))
		return 32;
	return 16;
}

/* One byte at a time: the instruction may reach into another page. */
static size_t read_code(struct cpu *cpu, uint64_t gva, uint8_t *bytes)
{
	struct vmapi_translation t;
	size_t n;

	for (n = 0; n < INSN_MAX; n++) {
		t.size = sizeof(t);
		if (vmapi_vcpu_translate(cpu->vcpu, gva + n,
			    VMAPI_ACCESS_EXEC, &t) != 0 ||
			vmapi_as_read(cpu->machine->as, t.gpa, bytes + n,
				1) != 0)
			break;
	}
	return n;
}

static void dump_code(struct cpu *cpu)
{
	struct vmapi_x86_segment cs;
	uint8_t bytes[INSN_MAX];
	uint64_t rip, gva;
	char text[128];
	size_t n, i, length;
	unsigned mode;
	int err;

	if (get_number(cpu, VMAPI_X86_RIP, &rip) != 0 ||
		get_segment(cpu, VMAPI_X86_CS, &cs) != 0)
		return;
	mode = mode_of(cpu, &cs);
	gva = mode == 64 ? rip : (cs.base + rip) & UINT32_MAX;
	n = read_code(cpu, gva, bytes);
	fprintf(stderr, "code at %016" PRIx64 ":", gva);
	for (i = 0; i < n; i++)
		fprintf(stderr, " %02x", bytes[i]);
	fputs(n == 0 ? " not mapped, or not RAM\n" : "\n", stderr);
	if (n == 0)
		return;
	err = vmapi_x86_disassemble(bytes, n, mode, rip, text, sizeof(text),
		&length);
	if (err == 0)
		fprintf(stderr, "        %u bits: %s\n", mode, text);
	else
		fprintf(stderr, "        %u bits: %s\n", mode,
			strerror(-err));
}

static void dump_exit(const struct vmapi_exit *exit)
{
	const char *name = vmapi_exit_name(exit->reason);
	const struct vmapi_exit_internal *in = &exit->u.internal;
	uint32_t i;

	fprintf(stderr, "exit %s (%" PRIu32 ", native %" PRIu32 ")",
		name != NULL ? name : "?", exit->reason, exit->native);
	switch (exit->reason) {
	case VMAPI_EXIT_INTERNAL:
		fprintf(stderr, ", suberror %" PRIu32, in->suberror);
		for (i = 0; i < in->n_bytes && i < sizeof(in->bytes); i++)
			fprintf(stderr, "%s%02x", i == 0 ? ", bytes " : " ",
				in->bytes[i]);
		break;
	case VMAPI_EXIT_FAIL_ENTRY:
		fprintf(stderr, ", why 0x%" PRIx64, exit->u.fail.why);
		break;
	case VMAPI_EXIT_FAULT:
		fprintf(stderr, ", gpa 0x%" PRIx64 "+0x%" PRIx64,
			exit->u.fault.gpa, exit->u.fault.bytes);
		break;
	case VMAPI_EXIT_IO:
		fprintf(stderr, ", port 0x%" PRIx64, exit->u.io.port);
		break;
	case VMAPI_EXIT_MMIO:
		fprintf(stderr, ", gpa 0x%" PRIx64, exit->u.mmio.gpa);
		break;
	default:
		break;
	}
	fputc('\n', stderr);
}

void death_dump(struct cpu *cpu, const struct vmapi_exit *exit,
	const char *why)
{
	flockfile(stderr);
	fprintf(stderr, "\nvmapi-boot: processor %u: %s\n", cpu->index, why);
	dump_exit(exit);
	dump_registers(cpu);
	dump_code(cpu);
	funlockfile(stderr);
}
