/* SPDX-License-Identifier: MIT */
/* A guest of 32 bits that copies its disk's first half to the second. */
/*
 * It needs no kernel, so a KVM in software runs it, too. Each sector is read
 * and written by requests of its own, again and again until there is a key;
 * then the status says whether all was as it should be.
 *
 * It takes no interrupts: that the disk's came is to be seen in the local APIC,
 * where they wait for ever.
 */
#include <stdint.h>

#define SECTORS 64
#define BYTES	512
#define RING	8

#define DISK	   0xfed80000u
#define IOAPIC	   0xfec00000u
#define LOCAL_APIC 0xfee00000u
#define PIN	   16
#define VECTOR	   0x40u
#define PATIENCE   100000u /* looks for the interrupt: a second, if exits are slow */

enum { READ, WRITE };
enum { GOOD = 0x15, NO_DISK = 1, NO_FEATURES, FAILED, NO_INTERRUPT };

void out8(unsigned port, unsigned value);
unsigned in8(unsigned port);
int guest(void);

static struct {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags, next;
} table[RING];

static volatile struct {
	uint16_t flags, index, ring[RING];
} available;

static volatile struct {
	uint16_t flags, index;
	struct {
		uint32_t head, bytes;
	} ring[RING];
} used;

static struct {
	uint32_t type, zero;
	uint64_t sector;
} header;

static uint8_t sector[BYTES];
static volatile uint8_t result;

static volatile uint32_t *word(uint32_t address)
{
	return (volatile uint32_t *)(uintptr_t)address;
}

static uint32_t address_of(const volatile void *what)
{
	return (uint32_t)(uintptr_t)what;
}

static int begin(void)
{
	if (*word(DISK) != 0x74726976 || *word(DISK + 8) != 2)
		return NO_DISK;
	*word(DISK + 0x70) = 0;
	*word(DISK + 0x70) = 3;
	*word(DISK + 0x24) = 1;
	*word(DISK + 0x20) = 1; /* VIRTIO_F_VERSION_1 */
	*word(DISK + 0x70) = 0x0b;
	if (*word(DISK + 0x70) != 0x0b)
		return NO_FEATURES;
	*word(DISK + 0x30) = 0;
	*word(DISK + 0x38) = RING;
	*word(DISK + 0x80) = address_of(table);
	*word(DISK + 0x90) = address_of(&available);
	*word(DISK + 0xa0) = address_of(&used);
	*word(DISK + 0x44) = 1;
	*word(DISK + 0x70) = 0x0f;
	return 0;
}

static void describe(unsigned i, const volatile void *what, unsigned bytes,
	unsigned flags)
{
	table[i].address = address_of(what);
	table[i].bytes = bytes;
	table[i].flags = (uint16_t)flags;
	table[i].next = (uint16_t)(i + 1);
}

/* One request, and until it is done. */
static int move(unsigned type, unsigned number)
{
	uint16_t next = (uint16_t)(used.index + 1);

	header.type = type;
	header.sector = number;
	result = 0xff;
	describe(0, &header, sizeof(header), 1);
	describe(1, sector, BYTES, type == READ ? 3 : 1);
	describe(2, &result, 1, 2);
	available.ring[available.index % RING] = 0;
	available.index++;
	*word(DISK + 0x50) = 0;
	while (used.index != next)
		continue;
	*word(DISK + 0x64) = *word(DISK + 0x60);
	return result;
}

static int copy(void)
{
	unsigned i;

	for (i = 0; i < SECTORS; i++)
		if (move(READ, i) != 0 || move(WRITE, SECTORS + i) != 0)
			return FAILED;
	return 0;
}

/* A signal that nobody waits for: it may come after the data. */
static int is_interrupted(void)
{
	unsigned tries;

	for (tries = 0; tries < PATIENCE; tries++)
		if (*word(LOCAL_APIC + 0x200 + VECTOR / 32 * 16) &
			1u << VECTOR % 32)
			return 1;
	return 0;
}

int guest(void)
{
	int bad;

	*word(LOCAL_APIC + 0xf0) = 0x1ff;
	*word(IOAPIC) = 0x10 + 2 * PIN + 1;
	*word(IOAPIC + 0x10) = 0;
	*word(IOAPIC) = 0x10 + 2 * PIN;
	*word(IOAPIC + 0x10) = VECTOR;
	bad = begin();
	do {
		if (bad == 0)
			bad = copy();
		out8(0x3f8, '.');
	} while (bad == 0 && !(in8(0x3fd) & 1));
	if (bad == 0 && !is_interrupted())
		bad = NO_INTERRUPT;
	return bad != 0 ? bad : GOOD;
}
