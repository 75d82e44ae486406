/* SPDX-License-Identifier: MIT */
/* The board's own devices: test device, serial port, PCI, fw_cfg, PM timer. */
#include "guest.h"

#define COM1 0x3f8

static void test_device(void)
{
	outl(0xe0, 0x44332211);
	check("latch of 4 bytes", inl(0xe0) == 0x44332211);
	check("of 2", inw(0xe2) == 0x4433 && inw(0xe0) == 0x2211);
	outb(0xe1, 0xaa);
	check("of 1", inl(0xe0) == 0x4433aa11 && inb(0xe1) == 0xaa);
	mmio_write(0xff000000, 0x12345678);
	mmio_write(0xff00fffc, 0x9abcdef0);
	check("64 KiB of RAM", mmio_read(0xff000000) == 0x12345678 &&
		mmio_read(0xff00fffc) == 0x9abcdef0);
	check("and no more", mmio_read(0xff010000) == 0xffffffff);
	outb(0xf1, 'x');
	check("a port of nobody", inb(0x1234) == 0xff &&
		inw(0x1234) == 0xffff && inl(0x1234) == 0xffffffff);
}

static void serial(void)
{
	outb(COM1 + 3, 0x83);
	outb(COM1, 1);
	outb(COM1 + 1, 0);
	check("divisor", inb(COM1) == 1 && inb(COM1 + 1) == 0);
	outb(COM1 + 3, 3);
	outb(COM1 + 7, 0x5a);
	check("scratch", inb(COM1 + 7) == 0x5a);
	outb(COM1 + 2, 0x07);
	check("a 16550A", (inb(COM1 + 2) & 0xc0) == 0xc0);
	check("no interrupt", (inb(COM1 + 2) & 0x0f) == 1);
	outb(COM1 + 1, 2);
	check("empty at once", (inb(COM1 + 2) & 0x0f) == 2);
	check("said once", (inb(COM1 + 2) & 0x0f) == 1);
	outb(COM1 + 1, 0);
	inb(COM1 + 6);
	outb(COM1 + 4, 0x1a);
	check("loop: lines", (inb(COM1 + 6) & 0xf0) == 0x90);
	outb(COM1, 'l');
	check("loop: ready", (inb(COM1 + 5) & 1) == 1);
	check("loop: byte", inb(COM1) == 'l' && (inb(COM1 + 5) & 1) == 0);
	outb(COM1 + 1, 1);
	outb(COM1, 'l');
	check("a byte is received", (inb(COM1 + 2) & 0x0f) == 0x04);
	inb(COM1);
	outb(COM1 + 1, 0);
	outb(COM1 + 4, 3);
	outb(COM1, 's');
	outb(COM1, '\n');
	check("sent", (inb(COM1 + 5) & 0x60) == 0x60);
}

#define FUNCTION(n) ((u32)(n) << 8)

static u32 pci_read(u32 device, u32 offset)
{
	outl(0xcf8, 0x80000000u | device << 11 | offset);
	return inl(0xcfc);
}

static void pci(void)
{
	show("host bridge", pci_read(0, 0));
	show("ISA bridge", pci_read(1, 0));
	show("power management", pci_read(1, FUNCTION(3)));
	show("its revision", pci_read(1, FUNCTION(3) | 0x08));
	show("its ports", pci_read(1, FUNCTION(3) | 0x40));
	check("more than one function", pci_read(1, 0x0c) == 0x800000);
	check("nobody", pci_read(2, 0) == 0xffffffff);
	check("no function", pci_read(1, FUNCTION(1)) == 0xffffffff);
	outl(0xcf8, 0x80000060u | 1 << 11);
	outb(0xcfd, 0x0b);
	check("a byte of a register", pci_read(1, 0x60) == 0x80800b80);
	outl(0xcf8, 0x80000000u);
	outl(0xcfc, 0);
	check("an id cannot be written", pci_read(0, 0) == 0x12378086);
}

static void fw_cfg(void)
{
	static volatile u8 control[16], target[4];
	u32 address = (u32)control;
	u32 i;

	outw(0x510, 0);
	check("fw_cfg signature", inb(0x511) == 'Q' && inb(0x511) == 'E' &&
		inb(0x511) == 'M' && inb(0x511) == 'U' && inb(0x511) == 0);
	outw(0x510, 3);
	inb(0x511);
	inb(0x511);
	inb(0x511);
	check("RAM size", inb(0x511) == 2); /* 32 MiB */
	outw(0x510, 5);
	check("processors", inb(0x511) == 1);
	control[1] = 0; /* select key 0, read 4 bytes */
	control[3] = 0x0a;
	control[7] = 4;
	for (i = 0; i < 4; i++)
		control[15 - i] = (u8)((u32)target >> 8 * i);
	outl(0x514, 0);
	outl(0x518, address >> 24 | (address >> 8 & 0xff00) |
		(address << 8 & 0xff0000) | address << 24);
	check("DMA", target[0] == 'Q' && target[3] == 'U' && control[3] == 0);
}

int main(u32 magic, const u32 *info)
{
	u32 first, spins;

	(void)magic;
	(void)info;
	test_device();
	serial();
	pci();
	fw_cfg();
	check("keyboard controller", (inb(0x64) & 1) == 0);
	outb(0x64, 0xaa);
	check("its self test", (inb(0x64) & 1) == 1 && inb(0x60) == 0x55);
	first = inl(0x608);
	for (spins = 0; spins < 100000 && inl(0x608) == first; spins++)
		;
	check("PM timer runs", spins < 100000);
	check("in 24 bits", (inl(0x608) & 0xff000000) == 0);
	return wrong;
}
