/* SPDX-License-Identifier: MIT */
/* PCI configuration space by mechanism 1 (PCI Local Bus 2.1, 3.7.4.1). */
#include "pci.h"
#include "acpi.h"
#include "bytes.h"

#include <string.h>

#define ENABLE	    0x80000000u
#define MULTIPLE    0x80 /* header type: there are functions beside 0 */
#define PMBA	    0x40 /* of the power management function */
#define PMREGMISC   0x80
#define DEVACTB	    0x5b /* the last byte of the device activity register */
#define APMC_EN	    0x02
#define SMRAM	    0x72
#define SMRAM_SEG   0x02 /* where it is: cannot be changed */
#define SMRAM_LOCK  0x10
#define SMRAM_OPEN  0x40

/* What a function is, and which of its bytes the guest can change. */
struct identity {
	uint8_t number; /* device << 3 | function */
	uint8_t header_type;
	uint16_t vendor;
	uint16_t device;
	uint16_t class;
	uint8_t revision;
	uint8_t writable[4][2]; /* first byte and how many */
};

/*
 * Intel 440FX (82441FX, 290549-001, 3.2): command, PAM, SMRAM; PIIX3's ISA
 * bridge (82371SB, 290550-002, 2.2): PIRQ routes; PIIX4's power management
 * (82371AB, 290562-001, 7.2), whose ports do not move.  Their presence is
 * what firmware knows the board by.  Revision 3 of the last is the first
 * whose PM timer systems need not read three times.
 */
enum { HOST_BRIDGE, ISA_BRIDGE, POWER_MANAGEMENT };

static const struct identity identities[PCI_FUNCTIONS] = {
	[HOST_BRIDGE] = { 0 << 3, 0, 0x8086, 0x1237, 0x0600, 0,
		{ { 0x04, 2 }, { PCI_PAM, PAM_BYTES } } },
	[ISA_BRIDGE] = { 1 << 3, MULTIPLE, 0x8086, 0x7000, 0x0601, 0,
		{ { 0x04, 2 }, { 0x60, 4 } } },
	[POWER_MANAGEMENT] = { 1 << 3 | 3, 0, 0x8086, 0x7113, 0x0680, 3,
		{ { 0x04, 2 }, { 0x3c, 1 }, { 0x58, 4 } } }
};

void pci_reset(struct pci *pci)
{
	unsigned i, j;

	pci->address = 0;
	for (i = 0; i < PCI_FUNCTIONS; i++) {
		struct pci_function *f = &pci->function[i];
		const struct identity *id = &identities[i];

		memset(f, 0, sizeof(*f));
		put16(f->config + 0x00, id->vendor);
		put16(f->config + 0x02, id->device);
		f->config[0x08] = id->revision;
		put16(f->config + 0x0a, id->class);
		put16(f->config + 0x04, 0x0007); /* it decodes */
		f->config[0x0e] = id->header_type;
		for (j = 0; j < 4; j++)
			memset(f->writable + id->writable[j][0], 0xff,
				id->writable[j][1]);
	}
	pci->function[HOST_BRIDGE].config[SMRAM] = SMRAM_SEG;
	pci->function[HOST_BRIDGE].writable[SMRAM] = 0x78;
	memset(pci->function[ISA_BRIDGE].config + 0x60, 0x80, 4); /* no route */
	put32(pci->function[POWER_MANAGEMENT].config + PMBA, PM_BASE | 1);
	pci->function[POWER_MANAGEMENT].config[PMREGMISC] = 1; /* they decode */
}

/* The bytes of the function that the address register names, or NULL. */
static struct pci_function *selected(struct pci *pci)
{
	unsigned bus = pci->address >> 16 & 0xff;
	unsigned number = pci->address >> 8 & 0xff;
	unsigned i;

	if (!(pci->address & ENABLE) || bus != 0)
		return NULL;
	for (i = 0; i < PCI_FUNCTIONS; i++) {
		if (identities[i].number == number)
			return &pci->function[i];
	}
	return NULL;
}

static uint32_t data_read(void *opaque, unsigned offset, unsigned width)
{
	struct pci *pci = opaque;
	const struct pci_function *f = selected(pci);
	unsigned at = (pci->address & 0xfc) + offset;

	if (f == NULL)
		return UINT32_MAX;
	return (uint32_t)get_le(f->config + at, width);
}

static void smram_written(struct pci *pci, struct pci_function *f)
{
	if (f->config[SMRAM] & SMRAM_LOCK)
		f->config[SMRAM] &= (uint8_t)~SMRAM_OPEN;
	pci->smram(pci->opaque, f->config[SMRAM]);
}

/* What is locked is closed for good: 82441FX, 3.2.20. */
static uint8_t writable_of(const struct pci *pci, const struct pci_function *f,
	unsigned at)
{
	bool locked = f == &pci->function[HOST_BRIDGE] && at == SMRAM &&
		(f->config[SMRAM] & SMRAM_LOCK);

	return f->writable[at] &
		(uint8_t)~(locked ? SMRAM_OPEN | SMRAM_LOCK : 0);
}

static void bridge_written(struct pci *pci, unsigned at, unsigned width)
{
	struct pci_function *f = &pci->function[HOST_BRIDGE];

	if (at < PCI_PAM + PAM_BYTES && at + width > PCI_PAM)
		pci->pam(pci->opaque, f->config + PCI_PAM);
	if (at <= SMRAM && at + width > SMRAM)
		smram_written(pci, f);
}

bool pci_apmc_enabled(const struct pci *pci)
{
	return pci->function[POWER_MANAGEMENT].config[DEVACTB] & APMC_EN;
}

void pci_smm_absent(struct pci *pci)
{
	pci->function[POWER_MANAGEMENT].config[DEVACTB] |= APMC_EN;
	pci->function[POWER_MANAGEMENT].writable[DEVACTB] &=
		(uint8_t)~APMC_EN;
}

static void data_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	struct pci *pci = opaque;
	struct pci_function *f = selected(pci);
	unsigned at = (pci->address & 0xfc) + offset;
	unsigned i;

	if (f == NULL)
		return;
	for (i = 0; i < width; i++) {
		uint8_t mask = writable_of(pci, f, at + i);
		uint8_t byte = (uint8_t)(value >> (8 * i));

		f->config[at + i] = (uint8_t)((f->config[at + i] & ~mask) |
			(byte & mask));
	}
	if (f == &pci->function[HOST_BRIDGE])
		bridge_written(pci, at, width);
}

/*
 * Only a doubleword reaches the address register; a byte at 0xcf9 is PIIX3's
 * reset control (2.5.6.1 there): bit 2 resets when it is set.
 */
static uint32_t address_read(void *opaque, unsigned offset, unsigned width)
{
	struct pci *pci = opaque;

	if (offset == 0 && width == 4)
		return pci->address;
	return width == 1 && offset == 1 ? 0 : UINT32_MAX;
}

static void address_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	struct pci *pci = opaque;

	if (offset == 0 && width == 4)
		pci->address = value & 0x80fffffc;
	else if (offset == RESET_PORT - 0xcf8 && width == 1 && (value & 4))
		board_act(pci->board, ACTION_RESET, 0, "port 0xcf9");
}

int pci_attach(struct pci *pci, struct board *board)
{
	const struct port address = {
		.first = 0xcf8, .count = 4, .width = 4,
		.read = address_read, .write = address_write, .opaque = pci
	};
	const struct port data = {
		.first = 0xcfc, .count = 4, .width = 4,
		.read = data_read, .write = data_write, .opaque = pci
	};
	int err;

	pci->board = board;
	pci_reset(pci);
	err = board_add_port(board, &address);
	return err != 0 ? err : board_add_port(board, &data);
}
