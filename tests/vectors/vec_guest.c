/* SPDX-License-Identifier: MIT */
/*
 * Tables of the guest that executes cases: descriptors, pages, handlers.
 *
 * The pages of a case are at their addresses for user mode under both kinds
 * of page tables, at VEC_LOW as well under 32-bit ones, and there they are in
 * physical memory, so that real mode finds them without any.  All RAM is high
 * up for the supervisor alone.
 */
#include <string.h>

#include "tests/vectors/vec_guest.h"

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (; bytes--; v >>= 8)
		*p++ = (uint8_t)v;
}

/* Pages of a case in a page table whose entries are `bytes` long. */
static void put_pages(uint8_t *table, unsigned first, unsigned bytes)
{
	static const struct {
		uint32_t at, flags;
	} pages[] = {
		{ AT_CODE, 5 }, { AT_DATA, 7 }, { AT_FIXED, 5 }, { AT_STACK, 7 }
	};
	unsigned i, n;

	for (i = 0; i < 4; i++) {
		n = first + (pages[i].at - AT_CODE) / VEC_PAGE;
		put(table + bytes * n, pages[i].at | pages[i].flags, bytes);
	}
}

/* SDM 3A 4.3 and 4.5. */
static void make_pages(uint8_t *mem)
{
	put(mem + AT_PML4, AT_PDPT | 7, 8);
	put(mem + AT_PML4 + 8 * 256, AT_PDPT_HIGH | 3, 8);
	put(mem + AT_PDPT, AT_PD | 7, 8);
	put(mem + AT_PD + 8 * (VEC_BASE >> 21), AT_PT | 7, 8);
	put_pages(mem + AT_PT, 0, 8);
	put(mem + AT_PDPT_HIGH, AT_PD_HIGH | 3, 8);
	put(mem + AT_PD_HIGH, 0x83, 8);
	put(mem + AT_PD32, AT_PT32_LOW | 7, 4);
	put(mem + AT_PD32 + 4 * (VEC_BASE >> 22), AT_PT32 | 7, 4);
	put(mem + AT_PD32 + 4 * (VEC_HIGH32 >> 22), 0x83, 4);
	put_pages(mem + AT_PT32_LOW, VEC_LOW / VEC_PAGE, 4);
	put_pages(mem + AT_PT32, 0, 4);
}

/* SDM 3A figure 7-4, 3-8: `type` with the present bit and the level. */
static void put_table(uint8_t *p, unsigned type, uint64_t base,
	unsigned limit)
{
	put(p, limit | (base & 0xffffff) << 16 | (uint64_t)type << 40 |
		(base >> 24 & 0xff) << 56, 8);
	put(p + 8, base >> 32, 8);
}

void vec_guest_free_task(uint8_t *mem)
{
	put_table(mem + AT_GDT + VEC_SEL_FREE, 0x89, VEC_HIGH64 + AT_TSS,
		103);
}

static void make_descriptors(uint8_t *mem)
{
	/* Linux's: kernel code and data, user 32-bit code, data, code. */
	static const uint64_t gdt[] = { 0, UINT64_C(0x00cf9b000000ffff),
		UINT64_C(0x00af9b000000ffff), UINT64_C(0x00cf93000000ffff),
		UINT64_C(0x00cffb000000ffff), UINT64_C(0x00cff3000000ffff),
		UINT64_C(0x00affb000000ffff) };
	unsigned i;

	for (i = 0; i < sizeof(gdt) / sizeof(gdt[0]); i++)
		put(mem + AT_GDT + 8 * i, gdt[i], 8);
	put_table(mem + AT_GDT + VEC_SEL_TSS, 0x8b, VEC_HIGH64 + AT_TSS, 103);
	put_table(mem + AT_GDT + VEC_SEL_LDT, 0x82, VEC_HIGH64 + AT_LDT,
		8 * VEC_SEGMENTS - 1);
	put_table(mem + AT_GDT + VEC_SEL_ABSENT, 0x02, VEC_HIGH64 + AT_LDT,
		8 * VEC_SEGMENTS - 1);
	vec_guest_free_task(mem);
	for (i = 0; i < VEC_SEGMENTS; i++)
		if (i != VEC_S_NONE)
			put(mem + AT_LDT + 8 * i,
				vec_descriptor(&vec_segments[i]), 8);
}

/* SDM 3A figures 7-2 and 7-11. */
static void make_tasks(uint8_t *mem)
{
	unsigned port;

	put(mem + AT_TSS + 4, VEC_HIGH64 + AT_KSTACK_END, 8);
	put(mem + AT_TSS + 36, VEC_HIGH64 + AT_KSTACK_END, 8);
	put(mem + AT_TSS + 102, 104, 2); /* no I/O permission map */
	put(mem + AT_TSS32 + 4, VEC_HIGH32 + AT_KSTACK_END, 4);
	put(mem + AT_TSS32 + 8, VEC_KERNEL_SS, 2);
	put(mem + AT_TSS32 + 102, 104, 2);
	memset(mem + AT_TSS32 + 104, 0xff, 33);
	for (port = VEC_PORT_FIRST; port <= VEC_PORT_LAST; port++)
		mem[AT_TSS32 + 104 + port / 8] &= (uint8_t)~(1u << port % 8);
}

/* SDM 3A figures 6-2, 6-8 and 20-1; the 64-bit ones on a stack apart. */
static void make_handlers(uint8_t *mem)
{
	unsigned i, at;

	memset(mem + AT_HANDLERS, VEC_HLT, 256 * VEC_HANDLER_BYTES);
	for (i = 0; i < 256; i++) {
		uint64_t high;

		/* INT3 and INTO are for user mode too. */
		uint64_t type = i == 3 || i == 4 ? 0xee00 : 0x8e00;

		at = AT_HANDLERS + i * VEC_HANDLER_BYTES;
		high = VEC_HIGH64 + at;
		put(mem + AT_IDT + 16 * i, (high & 0xffff) |
			VEC_KERNEL_CS64 << 16 | (type | 1) << 32 |
			(high >> 16 & 0xffff) << 48, 8);
		put(mem + AT_IDT + 16 * i + 8, high >> 32, 8);
		high = VEC_HIGH32 + at;
		put(mem + AT_IDT32 + 8 * i, (high & 0xffff) |
			VEC_KERNEL_CS32 << 16 | type << 32 |
			(high >> 16) << 48, 8);
		put(mem + AT_IVT + 4 * i, (uint64_t)at >> 4 << 16, 4);
	}
}

void vec_guest_tables(uint8_t *mem)
{
	make_pages(mem);
	make_descriptors(mem);
	make_tasks(mem);
	make_handlers(mem);
	memset(mem + AT_CODE, VEC_FILLER, VEC_PAGE);
}

/* OSFXSR OSXMMEXCPT UMIP OSXSAVE */
#define CR4 (0x200 | 0x400 | 0x800 | 0x40000)

static void system_64(uint64_t sys[VEC_SYS_ITEMS])
{
	sys[VEC_SYS_CR0] = 0x80050033; /* PG AM WP NE ET MP PE */
	sys[VEC_SYS_CR3] = AT_PML4;
	sys[VEC_SYS_CR4] = CR4 | 0x20 | 0x10000; /* PAE FSGSBASE */
	sys[VEC_SYS_EFER] = 0xd01; /* NXE LMA LME SCE */
	sys[VEC_SYS_GDT_BASE] = VEC_HIGH64 + AT_GDT;
	sys[VEC_SYS_IDT_BASE] = VEC_HIGH64 + AT_IDT;
	sys[VEC_SYS_IDT_LIMIT] = 16 * 256 - 1;
	sys[VEC_SYS_LDT_BASE] = VEC_HIGH64 + AT_LDT;
	sys[VEC_SYS_TR_BASE] = VEC_HIGH64 + AT_TSS;
	sys[VEC_SYS_TR_LIMIT] = 103;
}

static void system_32(uint64_t sys[VEC_SYS_ITEMS])
{
	sys[VEC_SYS_CR0] = 0x80050033;
	sys[VEC_SYS_CR3] = AT_PD32;
	sys[VEC_SYS_CR4] = CR4 | 0x10; /* PSE */
	sys[VEC_SYS_EFER] = 0x801; /* NXE SCE */
	sys[VEC_SYS_GDT_BASE] = VEC_HIGH32 + AT_GDT;
	sys[VEC_SYS_IDT_BASE] = VEC_HIGH32 + AT_IDT32;
	sys[VEC_SYS_IDT_LIMIT] = 8 * 256 - 1;
	sys[VEC_SYS_LDT_BASE] = VEC_HIGH32 + AT_LDT;
	sys[VEC_SYS_TR_BASE] = VEC_HIGH32 + AT_TSS32;
	sys[VEC_SYS_TR_LIMIT] = 104 + 32;
}

void vec_guest_system(unsigned world, uint64_t sys[VEC_SYS_ITEMS])
{
	enum vec_kind kind = vec_worlds[world].kind;

	memset(sys, 0, VEC_SYS_ITEMS * sizeof(*sys));
	if (kind == VEC_USER || world == VEC_S64)
		system_64(sys);
	else
		system_32(sys);
	if (kind == VEC_REAL) {
		sys[VEC_SYS_CR0] &= ~UINT64_C(0x80000001);
		sys[VEC_SYS_IDT_BASE] = AT_IVT;
		sys[VEC_SYS_IDT_LIMIT] = 4 * 256 - 1;
	}
	sys[VEC_SYS_GDT_LIMIT] = VEC_GDT_LIMIT;
	sys[VEC_SYS_LDT] = VEC_SEL_LDT;
	sys[VEC_SYS_LDT_LIMIT] = 8 * VEC_SEGMENTS - 1;
	sys[VEC_SYS_TR] = VEC_SEL_TSS;
	sys[VEC_SYS_XCR0] = 3;
	sys[VEC_SYS_DR6] = 0xffff0ff0;
	sys[VEC_SYS_DR7] = 0x400;
	sys[VEC_SYS_PAT] = UINT64_C(0x0007040600070406);
	sys[VEC_SYS_BUSY] = 9;
}
