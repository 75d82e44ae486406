/* SPDX-License-Identifier: MIT */
/* The ACPI tables of the board, placed by us or by the firmware. */
#ifndef BOOT_ACPI_H
#define BOOT_ACPI_H

#include "memory.h"

/* The ports of the PM block; its second pair is ours, the rest a chip's. */
#define PM_BASE	      0x600
#define PM_CNT	      (PM_BASE + 4)
#define PM_TIMER      (PM_BASE + 8)
#define PM_SLEEP_ON   (1u << 13)
#define PM_SLEEP_TYPE (7u << 10)
#define S5_TYPE	      0 /* SLP_TYP of power-off */
#define RESET_PORT    0xcf9
#define RESET_VALUE   0x06
#define SCI_IRQ	      9

/* Virtio devices have their places between the HPET and the local APICs. */
enum virtio_slot { SLOT_DISK, SLOT_NET, VIRTIO_SLOTS };

#define VIRTIO_BASE  0xfed80000u
#define VIRTIO_BYTES 0x200u
#define VIRTIO_GSI   16 /* the first of inputs that only the IOAPIC has */

static inline uint32_t virtio_base(enum virtio_slot slot)
{
	return VIRTIO_BASE + VIRTIO_BYTES * (uint32_t)slot;
}

#define ACPI_RSDP_BYTES 36
#define ACPI_FIXUPS	24

/*
 * Tables point at each other by address, which is known when they are
 * placed.  So pointers hold offsets into `tables` and are listed, and so are
 * the checksums, which come last.
 */
struct acpi_pointer {
	int in_rsdp; /* 0: in the tables */
	uint32_t offset;
	uint32_t width;
};

struct acpi_checksum {
	int in_rsdp;
	uint32_t offset; /* of the checksum */
	uint32_t first;	 /* of what it covers */
	uint32_t size;
};

struct acpi {
	uint8_t rsdp[ACPI_RSDP_BYTES];
	uint8_t tables[12288];
	uint32_t size; /* of tables */
	struct acpi_pointer pointers[ACPI_FIXUPS];
	unsigned n_pointers;
	struct acpi_checksum checksums[ACPI_FIXUPS];
	unsigned n_checksums;
};

struct acpi_config {
	unsigned cpus;
	int hpet;	   /* there is one */
	unsigned virtio;   /* a bit for each slot that is taken */
	uint64_t pci_hole; /* where RAM ends below 4 GiB */
};

/* 0, or -1: the tables do not fit (more processors than we allow). */
int acpi_build(struct acpi *acpi, const struct acpi_config *config);

/* Without firmware: into guest memory below 1 MiB.  Its RSDP, 0: no room. */
uint64_t acpi_place(const struct acpi *acpi, struct memory *memory);

/*
 * With firmware: the script "etc/table-loader" by which SeaBIOS places the
 * files etc/acpi/rsdp and etc/acpi/tables, ACPI_SCRIPT_MAX bytes at most.
 * Returns its size.
 */
#define ACPI_SCRIPT_ENTRY 128
#define ACPI_SCRIPT_MAX	  (ACPI_SCRIPT_ENTRY * (2 + 2 * ACPI_FIXUPS))
size_t acpi_script(const struct acpi *acpi, uint8_t *script);

#endif
