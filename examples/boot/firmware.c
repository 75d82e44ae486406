/* SPDX-License-Identifier: MIT */
/* What firmware would have done before a kernel starts, when there is none. */
/*
 * Kernels and boot sectors expect a machine that a BIOS has been through:
 * the PIC pair at vectors 0x08 and 0x70, the local APIC handing the PIC's
 * interrupts on ("virtual wire mode", MultiProcessor Specification 1.4,
 * 3.6.2.2), and in real mode interrupt vectors that point somewhere.
 *
 * The PIC belongs to the library, so the guest has to program it: a few
 * instructions of real-mode code are put where an IBM PC's BIOS begins, at
 * F000:E05B, and run until they write to the POST port.  They count neither
 * for --stats nor for --max-instructions.
 */
#include "machine.h"
#include "bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CODE_CS	   0xf000
#define CODE_IP	   0xe05b
#define CODE	   (CODE_CS * 16u + CODE_IP)
#define POST	   0x80
#define IRET_AT	   0xfff53 /* where the IBM PC's BIOS had one */
#define BDA	   0x400
#define LAPIC_SIZE 1024

/* 8259A data sheet, "Initialization Command Words". */
static const uint8_t code[] = {
	0xb0, 0x11,	  /* mov $0x11, %al	ICW1: edge, cascade, ICW4 */
	0xe6, 0x20,	  /* out %al, $0x20 */
	0xe6, 0xa0,	  /* out %al, $0xa0 */
	0xb0, 0x08,	  /* mov $0x08, %al	ICW2: vectors */
	0xe6, 0x21,	  /* out %al, $0x21 */
	0xb0, 0x70,	  /* mov $0x70, %al */
	0xe6, 0xa1,	  /* out %al, $0xa1 */
	0xb0, 0x04,	  /* mov $0x04, %al	ICW3: slave at input 2 */
	0xe6, 0x21,	  /* out %al, $0x21 */
	0xb0, 0x02,	  /* mov $0x02, %al */
	0xe6, 0xa1,	  /* out %al, $0xa1 */
	0xb0, 0x01,	  /* mov $0x01, %al	ICW4: 8086 */
	0xe6, 0x21,	  /* out %al, $0x21 */
	0xe6, 0xa1,	  /* out %al, $0xa1 */
	0xe6, POST,	  /* out %al, $POST	done */
	0xf4, 0xeb, 0xfd  /* hlt; jmp to it */
};

/* -- Registers ---------------------------------------------------------- */

#define CR0_PE	 0x00000001u
#define CR0_ET	 0x00000010u
#define CR0_PG	 0x80000000u
#define CR4_PAE	 0x00000020u
#define EFER_LME 0x00000100u
#define EFER_LMA 0x00000400u

#define SEG_CODE   (VMAPI_X86_SEG_P | VMAPI_X86_SEG_S | 0xbu)
#define SEG_DATA   (VMAPI_X86_SEG_P | VMAPI_X86_SEG_S | 0x3u)
#define SEG_TSS	   (VMAPI_X86_SEG_P | 0xbu) /* busy, 32 or 64 bits */
#define SEG_FLAT   (VMAPI_X86_SEG_G | VMAPI_X86_SEG_DB)
#define SEG_FLAT64 (VMAPI_X86_SEG_G | VMAPI_X86_SEG_L)

struct batch {
	struct vmapi_reg regs[40];
	struct vmapi_x86_segment segments[12];
	size_t n;
	size_t n_segments;
};

static void put(struct batch *batch, uint64_t tag, uint64_t value)
{
	struct vmapi_reg *reg = &batch->regs[batch->n++];

	memset(reg, 0, sizeof(*reg));
	reg->tag = tag;
	reg->value = value;
	reg->bytes = 8;
}

static void put_segment(struct batch *batch, uint64_t tag,
	struct vmapi_x86_segment segment)
{
	struct vmapi_x86_segment *s = &batch->segments[batch->n_segments++];

	*s = segment;
	put(batch, tag, 0);
	batch->regs[batch->n - 1].data = s;
	batch->regs[batch->n - 1].bytes = sizeof(*s);
}

static void put_general(struct batch *batch, const struct start *start)
{
	put(batch, VMAPI_X86_RIP, start->rip);
	put(batch, VMAPI_X86_RSP, start->rsp);
	put(batch, VMAPI_X86_RAX, start->rax);
	put(batch, VMAPI_X86_RBX, start->rbx);
	put(batch, VMAPI_X86_RCX, 0);
	put(batch, VMAPI_X86_RDX, start->rdx);
	put(batch, VMAPI_X86_RSI, start->rsi);
	put(batch, VMAPI_X86_RDI, 0);
	put(batch, VMAPI_X86_RBP, 0);
	put(batch, VMAPI_X86_RFLAGS, 2);
}

static const uint64_t data_segments[] = {
	VMAPI_X86_DS, VMAPI_X86_ES, VMAPI_X86_SS, VMAPI_X86_FS, VMAPI_X86_GS
};

#define DATA_SEGMENTS (sizeof(data_segments) / sizeof(data_segments[0]))

static void put_real(struct batch *batch, const struct start *start)
{
	const struct vmapi_x86_segment table = { .limit = 0x3ff };
	struct vmapi_x86_segment s = { .limit = 0xffff };
	size_t i;

	s.attributes = SEG_CODE;
	s.selector = start->cs;
	s.base = start->cs * 16u;
	put_segment(batch, VMAPI_X86_CS, s);
	s.attributes = SEG_DATA;
	s.selector = 0;
	s.base = 0;
	for (i = 0; i < DATA_SEGMENTS; i++)
		put_segment(batch, data_segments[i], s);
	put_segment(batch, VMAPI_X86_IDTR, table);
	put(batch, VMAPI_X86_CR0, CR0_ET);
}

static void put_flat(struct batch *batch, const struct start *start)
{
	bool is64 = start->mode == START_LONG64;
	const struct vmapi_x86_segment gdt = {
		.base = start->gdt, .limit = GDT_BYTES - 1
	};
	const struct vmapi_x86_segment task = {
		.limit = 0x67, .attributes = SEG_TSS, .selector = 0x20
	};
	struct vmapi_x86_segment s = { .limit = UINT32_MAX };
	size_t i;

	s.selector = 0x10;
	s.attributes = SEG_CODE | (is64 ? SEG_FLAT64 : SEG_FLAT);
	put_segment(batch, VMAPI_X86_CS, s);
	s.selector = 0x18;
	s.attributes = SEG_DATA | SEG_FLAT;
	for (i = 0; i < DATA_SEGMENTS; i++)
		put_segment(batch, data_segments[i], s);
	put_segment(batch, VMAPI_X86_TR, task);
	put_segment(batch, VMAPI_X86_GDTR, gdt);
	put(batch, VMAPI_X86_CR0, CR0_ET | CR0_PE | (is64 ? CR0_PG : 0));
	put(batch, VMAPI_X86_CR3, start->cr3);
	put(batch, VMAPI_X86_CR4, is64 ? CR4_PAE : 0);
	put(batch, VMAPI_X86_EFER, is64 ? EFER_LME | EFER_LMA : 0);
}

int firmware_enter(struct machine *m, const struct start *start)
{
	struct batch batch = { .n = 0 };

	if (start->mode == START_RESET)
		return 0;
	put_general(&batch, start);
	if (start->mode == START_REAL)
		put_real(&batch, start);
	else
		put_flat(&batch, start);
	if (vmapi_regs_set(m->cpus[0].vcpu, batch.regs, batch.n, NULL,
		    VMAPI_REGS_ALL_OR_NOTHING) != 0)
		return complain("cannot enter the kernel");
	return 0;
}

/* -- Before the kernel -------------------------------------------------- */

/* Interrupt vectors and the BIOS data area, as far as they are facts. */
static void fill_low_memory(struct machine *m)
{
	uint8_t *base = m->memory.base;
	unsigned i;

	memset(base, 0, 0x500);
	for (i = 0; i < 256; i++)
		put32(base + 4 * i, 0xf0000000u | (IRET_AT & 0xffff));
	base[IRET_AT] = 0xcf;
	put16(base + BDA, 0x3f8);		/* the first serial port */
	put16(base + BDA + 0x0e, EBDA_BASE >> 4);
	put16(base + BDA + 0x10, 0x0202);	/* coprocessor, one port */
	put16(base + BDA + 0x13, EBDA_BASE / KIB);
	memcpy(base + CODE, code, sizeof(code));
}

/* Virtual wire mode: APIC on, LINT0 takes the PIC, LINT1 the NMI. */
static int wire_lapic(struct machine *m)
{
	uint8_t page[LAPIC_SIZE];
	struct vmapi_reg reg = {
		.tag = VMAPI_X86_LAPIC, .data = page, .bytes = sizeof(page)
	};

	if (vmapi_regs_get(m->cpus[0].vcpu, &reg, 1, NULL, 0) != 0)
		return complain("local APIC");
	put32(page + 0xf0, 0x1ff);  /* spurious vector register: enabled */
	put32(page + 0x350, 0x700); /* LVT LINT0: ExtINT */
	put32(page + 0x360, 0x400); /* LVT LINT1: NMI */
	reg.bytes = sizeof(page);
	if (vmapi_regs_set(m->cpus[0].vcpu, &reg, 1, NULL, 0) != 0)
		return complain("local APIC");
	return 0;
}

int firmware_run(struct machine *m)
{
	const struct start start = {
		.mode = START_REAL, .cs = CODE_CS, .rip = CODE_IP,
		.rsp = 0x7c00
	};
	struct vmapi_exit exit = { .size = sizeof(exit) };
	int status;

	fill_low_memory(m);
	if (vmapi_ram_written(m->ram, 0, MIB) != 0)
		return complain("guest RAM");
	status = firmware_enter(m, &start);
	if (status != 0)
		return status;
	do {
		exit.size = sizeof(exit);
		if (vmapi_vcpu_run(m->cpus[0].vcpu, &exit) != 0)
			return complain("cannot run the guest");
	} while (exit.reason == VMAPI_EXIT_KICK);
	if (exit.reason != VMAPI_EXIT_IO || exit.u.io.port != POST) {
		death_dump(&m->cpus[0], &exit, "setting up the PIC failed");
		return STATUS_DIED;
	}
	if (vmapi_vcpu_settle(m->cpus[0].vcpu, &exit) != 0)
		return complain("settle");
	return wire_lapic(m);
}
