/* SPDX-License-Identifier: MIT */
/* What the guests share: ports, printing, the table of interrupts. */
/*
 * The protocol: a guest prints lines on port 0xe9 and leaves by port 0xf4,
 * with 0 if all was as it should be and 1 if not, so that vmapi-boot ends
 * with status 1 or 3.  The lines are compared with NAME.out.
 */
#ifndef GUEST_H
#define GUEST_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define CONSOLE	  0xe9
#define EXIT	  0xf4
#define TEST_LINE 0x2000 /* + n: interrupt line n */

static inline void outb(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(u16 port, u16 value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(u16 port, u32 value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline u16 inw(u16 port)
{
	u16 value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline u32 inl(u16 port)
{
	u32 value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline u32 mmio_read(u32 address)
{
	return *(volatile u32 *)address;
}

static inline void mmio_write(u32 address, u32 value)
{
	*(volatile u32 *)address = value;
}

static inline void print(const char *text)
{
	while (*text != '\0')
		outb(CONSOLE, (u8)*text++);
}

static inline void print_hex(u32 value, int digits)
{
	while (digits-- > 0)
		outb(CONSOLE, (u8)"0123456789abcdef"[value >> 4 * digits & 15]);
}

static inline void print_hex64(u64 value)
{
	print_hex((u32)(value >> 32), 8);
	print_hex((u32)value, 8);
}

/* "what: 0000002a" */
static inline void show(const char *what, u32 value)
{
	print(what);
	print(": ");
	print_hex(value, 8);
	print("\n");
}

/* "what: ok", or "what: WRONG" and the guest fails in the end. */
static int wrong;

static inline void check(const char *what, int good)
{
	print(what);
	print(good ? ": ok\n" : ": WRONG\n");
	wrong |= !good;
}

void leave(u32 status);
int main(u32 magic, const u32 *info);

void leave(u32 status)
{
	outb(EXIT, (u8)status);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* -- Interrupts --------------------------------------------------------- */

struct __attribute__((packed)) gate {
	u16 low, selector, attributes, high;
};

static struct gate idt[256];

/* By vector, called by the stubs of start.S. */
void (*handlers[256])(u32 error);
extern const u8 stubs[256][16];

static inline void set_gate(unsigned vector, void (*handler)(u32 error))
{
	u32 address = (u32)stubs[vector];

	handlers[vector] = handler;
	idt[vector].low = (u16)address;
	idt[vector].selector = 0x08;
	idt[vector].attributes = 0x8e00;
	idt[vector].high = (u16)(address >> 16);
}

static inline void load_idt(void)
{
	struct __attribute__((packed)) {
		u16 limit;
		u32 base;
	} pointer = { sizeof(idt) - 1, (u32)idt };

	__asm__ volatile("lidt %0" : : "m"(pointer));
}

/*
 * Wait, with interrupts on, until *counter is `until`; HLT in between.  The
 * shadow of STI keeps an interrupt from getting in before HLT.
 */
static inline void wait_for(volatile u32 *counter, u32 until)
{
	while (*counter < until)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* Long enough with interrupts on for what is pending to come. */
static inline void let_come(void)
{
	u32 i;

	__asm__ volatile("sti" : : : "memory");
	for (i = 0; i < 1000; i++)
		__asm__ volatile("pause" : : : "memory");
	__asm__ volatile("cli" : : : "memory");
}

/* -- Local APIC and IOAPIC ---------------------------------------------- */

#define LAPIC	      0xfee00000u
#define LAPIC_ID      (LAPIC + 0x20)
#define LAPIC_EOI     (LAPIC + 0xb0)
#define LAPIC_SVR     (LAPIC + 0xf0)
#define LAPIC_ISR     (LAPIC + 0x100)
#define LAPIC_ICR     (LAPIC + 0x300)
#define LAPIC_ICR2    (LAPIC + 0x310)
#define IOAPIC	      0xfec00000u

static inline u32 ioapic_read(u32 index)
{
	mmio_write(IOAPIC, index);
	return mmio_read(IOAPIC + 0x10);
}

static inline void ioapic_write(u32 index, u32 value)
{
	mmio_write(IOAPIC, index);
	mmio_write(IOAPIC + 0x10, value);
}

#endif
