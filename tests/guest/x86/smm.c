/* SPDX-License-Identifier: MIT */
/* SMM as firmware sets it up: SMRAM, SMBASE moved, APMC, the lock. */
#include "guest.h"

#define HOST_BRIDGE   0x80000000u
#define POWER	      0x80000b00u /* device 1, function 3 */
#define SMRAM	      0x72
#define DEVACTB	      0x58
#define APMC_EN	      (1u << 25)
#define APMC	      0xb2
#define APMS	      0xb3

#define SMBASE 0xa0000u
#define DEFAULT 0x30000u

static volatile u8 *memory(u32 address)
{
	return (volatile u8 *)address;
}

/* mov dword [0x3ff00], 0xa0000; mov al, 0; out 0xb3, al; rsm: 16-bit code */
static const u8 relocates[] = {
	0x67, 0x66, 0xc7, 0x05, 0x00, 0xff, 0x03, 0x00, 0x00, 0x00, 0x0a, 0x00,
	0xb0, 0x00, 0xe6, APMS, 0x0f, 0xaa,
};

/*
 * in al, 0xb2; not al; out 0xb3, al; inc dword [0xa9000]; or eax, -1;
 * mov ebx, eax; rsm
 */
static const u8 handles[] = {
	0xe4, APMC, 0xf6, 0xd0, 0xe6, APMS, 0x67, 0x66, 0xff, 0x05, 0x00, 0x90,
	0x0a, 0x00, 0x66, 0x83, 0xc8, 0xff, 0x66, 0x89, 0xc3, 0x0f, 0xaa,
};

static void put(u32 address, const u8 *from, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		memory(address)[i] = from[i];
}

static u8 smram_get(void)
{
	outl(0xcf8, HOST_BRIDGE | (SMRAM & 0xfc));
	return inb(0xcfc + (SMRAM & 3));
}

static void smram_set(u8 value)
{
	outl(0xcf8, HOST_BRIDGE | (SMRAM & 0xfc));
	outb(0xcfc + (SMRAM & 3), value);
}

/* A command, and what the handler makes of it. */
static int handled(u8 command)
{
	u32 before = 0x12345678, after = before;

	outb(APMS, command);
	__asm__ volatile("outb %1, %2" : "+b"(after)
		: "a"(command), "Nd"(APMC));
	return (inb(APMS) ^ command) == 0xff && after == before;
}

static void window(void)
{
	check("closed", *memory(SMBASE) == 0xff);
	show("SMRAM", smram_get());
	smram_set(0x4a);
	*memory(SMBASE) = 0x5a;
	check("open", *memory(SMBASE) == 0x5a);
	put(SMBASE + 0x8000, handles, sizeof(handles));
	*(volatile u32 *)(SMBASE + 0x9000) = 0;
}

static void relocation(void)
{
	put(DEFAULT + 0x8000, relocates, sizeof(relocates));
	outb(APMS, 1);
	outb(APMC, 0);
	check("no SMI before it is enabled", inb(APMS) == 1);
	outl(0xcf8, POWER | DEVACTB);
	outl(0xcfc, inl(0xcfc) | APMC_EN);
	outb(APMC, 0);
	while (inb(APMS) != 0)
		;
	print("relocated\n");
	show("revision", *(volatile u32 *)(DEFAULT + 0xfefc));
	smram_set(0x0a);
	check("closed again", *memory(SMBASE) == 0xff);
}

static void ipi(void)
{
	outb(APMC, 0x77);
	outb(APMS, 0);
	mmio_write(LAPIC_SVR, 0x1ff);
	mmio_write(LAPIC_ICR2, mmio_read(LAPIC_ID));
	mmio_write(LAPIC_ICR, 0x4200);
	while (inb(APMS) != (0x77 ^ 0xff))
		;
	print("SMI by the local APIC\n");
}

static void lock(void)
{
	smram_set(0x4a);
	show("handled", *(volatile u32 *)(SMBASE + 0x9000));
	smram_set(0x5a);
	show("SMRAM", smram_get());
	check("locked", *memory(SMBASE) == 0xff);
	smram_set(0x4a);
	show("SMRAM", smram_get());
	check("still locked", *memory(SMBASE) == 0xff);
	check("handled behind the lock", handled(0x33));
}

int main(u32 magic, const u32 *info)
{
	(void)magic;
	(void)info;
	window();
	relocation();
	check("a command", handled(0x11));
	check("another", handled(0xee));
	ipi();
	lock();
	return wrong;
}
