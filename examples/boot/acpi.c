/* SPDX-License-Identifier: MIT */
/* The ACPI tables of the board (ACPI 6.4, chapter 5). */
/*
 * RSDP -> XSDT -> FADT -> DSDT and FACS
 *              -> MADT: processors, IOAPIC, which interrupts are not as on ISA
 *              -> HPET, if there is one
 *      -> RSDT, the same for guests of ACPI 1.0
 *
 * The DSDT is written with aml.h: power-off, the PCI bus with its windows,
 * and the serial port.
 */
#include "acpi.h"
#include "aml.h"
#include "bytes.h"

#include <stdio.h>
#include <string.h>

#define HEAD	      36
#define IOAPIC_BASE   0xfec00000u
#define LAPIC_BASE    0xfee00000u
#define HPET_BASE     0xfed00000u

static void pointer(struct acpi *acpi, int in_rsdp, uint32_t offset,
	uint32_t width)
{
	struct acpi_pointer *p = &acpi->pointers[acpi->n_pointers++];

	p->in_rsdp = in_rsdp;
	p->offset = offset;
	p->width = width;
}

static void checksum(struct acpi *acpi, int in_rsdp, uint32_t offset,
	struct acpi_checksum range)
{
	struct acpi_checksum *c = &acpi->checksums[acpi->n_checksums++];

	*c = range;
	c->in_rsdp = in_rsdp;
	c->offset = offset;
}

/* Begin a table of `size` bytes: 5.2.6.  Its offset. */
static uint32_t begin(struct acpi *acpi, const char *signature,
	unsigned revision, uint32_t size)
{
	uint32_t at = (uint32_t)align_up(acpi->size, 16);
	uint8_t *t = acpi->tables + at;

	memcpy(t, signature, 4);
	put32(t + 4, size);
	t[8] = (uint8_t)revision;
	memcpy(t + 10, "VMAPI ", 6);
	memcpy(t + 16, "VMAPIBRD", 8);
	put32(t + 24, 1);
	memcpy(t + 28, "VMAP", 4);
	put32(t + 32, 1);
	acpi->size = at + size;
	checksum(acpi, 0, at + 9,
		(struct acpi_checksum){ .first = at, .size = size });
	return at;
}

/* \_SB.PCI0: the root bus and the windows that it hands down. */
static void dsdt_pci(struct aml *aml, uint64_t hole)
{
	uint8_t room[128];
	struct aml crs = { .bytes = room, .room = sizeof(room) };
	size_t device = aml_device(aml, "PCI0");

	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0A03");
	aml_name(aml, "_UID");
	aml_integer(aml, 0);
	aml_word_space(&crs, AML_BUS, 0, 255);
	aml_io(&crs, 0xcf8, 8);
	aml_word_space(&crs, AML_IO, 0, 0xcf7);
	aml_word_space(&crs, AML_IO, 0xd00, 0xffff);
	aml_dword_space(&crs, VIDEO_BASE, VIDEO_END - 1);
	if (hole < IOAPIC_BASE)
		aml_dword_space(&crs, (uint32_t)hole, IOAPIC_BASE - 1);
	aml_name(aml, "_CRS");
	aml_resources(aml, &crs);
	aml_end(aml, device);
}

static void dsdt_serial(struct aml *aml)
{
	uint8_t room[32];
	struct aml crs = { .bytes = room, .room = sizeof(room) };
	size_t device = aml_device(aml, "COM1");

	aml_name(aml, "_HID");
	aml_eisaid(aml, "PNP0501");
	aml_name(aml, "_UID");
	aml_integer(aml, 1);
	aml_io(&crs, 0x3f8, 8);
	aml_irq(&crs, 4);
	aml_name(aml, "_CRS");
	aml_resources(aml, &crs);
	aml_end(aml, device);
}

/* Linux and QEMU agree on the name of virtio's registers in memory. */
static void dsdt_virtio(struct aml *aml, enum virtio_slot slot)
{
	static const char names[VIRTIO_SLOTS][5] = { "VRT0", "VRT1" };
	uint8_t room[64];
	struct aml crs = { .bytes = room, .room = sizeof(room) };
	size_t device = aml_device(aml, names[slot]);

	aml_name(aml, "_HID");
	aml_string(aml, "LNRO0005");
	aml_name(aml, "_UID");
	aml_integer(aml, slot);
	aml_memory(&crs, virtio_base(slot), VIRTIO_BYTES);
	aml_interrupt(&crs, VIRTIO_GSI + slot);
	aml_name(aml, "_CRS");
	aml_resources(aml, &crs);
	aml_end(aml, device);
}

/* \_S5: SLP_TYP for PM1a and PM1b, two reserved (7.4.2). */
static void dsdt_s5(struct aml *aml)
{
	size_t package;

	aml_name(aml, "_S5_");
	package = aml_package(aml, 4);
	aml_integer(aml, S5_TYPE);
	aml_integer(aml, S5_TYPE);
	aml_integer(aml, 0);
	aml_integer(aml, 0);
	aml_end(aml, package);
}

static int dsdt(struct acpi *acpi, const struct acpi_config *config,
	uint32_t *at)
{
	uint8_t room[1024];
	struct aml aml = { .bytes = room, .room = sizeof(room) };
	enum virtio_slot slot;
	size_t scope;

	dsdt_s5(&aml);
	scope = aml_scope(&aml, "\\_SB_");
	dsdt_pci(&aml, config->pci_hole);
	dsdt_serial(&aml);
	for (slot = 0; slot < VIRTIO_SLOTS; slot++)
		if (config->virtio >> slot & 1)
			dsdt_virtio(&aml, slot);
	aml_end(&aml, scope);
	if (aml.full)
		return -1;
	*at = begin(acpi, "DSDT", 2, (uint32_t)(HEAD + aml.size));
	memcpy(acpi->tables + *at + HEAD, room, aml.size);
	return 0;
}

/* 5.2.10: it has no checksum and lies on 64 bytes. */
static uint32_t facs(struct acpi *acpi)
{
	uint32_t at = (uint32_t)align_up(acpi->size, 64);

	memcpy(acpi->tables + at, "FACS", 4);
	put32(acpi->tables + at + 4, 64);
	acpi->tables[at + 32] = 2;
	acpi->size = at + 64;
	return at;
}

/* Generic address: 5.2.3.2, in port space. */
static void put_port(uint8_t *gas, unsigned bits, unsigned port)
{
	gas[0] = 1;
	gas[1] = (uint8_t)bits;
	gas[3] = bits == 8 ? 1 : bits == 16 ? 2 : 3;
	put64(gas + 4, port);
}

/* Flags of the FADT: 5.2.9, tables 5.10 and 5.11. */
#define FADT_WBINVD	(1u << 0)
#define FADT_PROC_C1	(1u << 2)
#define FADT_SLP_BUTTON (1u << 5) /* there is none */
#define FADT_RESET	(1u << 10)
#define BOOT_LEGACY	(1u << 0)
#define BOOT_NO_VGA	(1u << 2)

static uint32_t fadt(struct acpi *acpi, uint32_t dsdt_at, uint32_t facs_at)
{
	uint32_t at = begin(acpi, "FACP", 5, 268);
	uint8_t *t = acpi->tables + at;

	put32(t + 36, facs_at);
	pointer(acpi, 0, at + 36, 4);
	put32(t + 40, dsdt_at);
	pointer(acpi, 0, at + 40, 4);
	put16(t + 46, SCI_IRQ);
	put32(t + 56, PM_BASE);
	put32(t + 64, PM_CNT);
	put32(t + 76, PM_TIMER);
	t[88] = 4; /* bytes of the event, control and timer blocks */
	t[89] = 2;
	t[91] = 4;
	put16(t + 96, 0xfff); /* no C2 */
	put16(t + 98, 0xfff); /* no C3 */
	t[108] = 0x32;	      /* the century is in the CMOS */
	put16(t + 109, BOOT_LEGACY | BOOT_NO_VGA);
	put32(t + 112,
		FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_RESET);
	put_port(t + 116, 8, RESET_PORT);
	t[128] = RESET_VALUE;
	put64(t + 140, dsdt_at);
	pointer(acpi, 0, at + 140, 8);
	put_port(t + 148, 32, PM_BASE);
	put_port(t + 172, 16, PM_CNT);
	put_port(t + 208, 32, PM_TIMER);
	return at;
}

/* An ISA interrupt that is something else at the IOAPIC: 5.2.12.5. */
static uint8_t *put_override(uint8_t *p, unsigned irq, unsigned gsi,
	unsigned flags)
{
	p[0] = 2;
	p[1] = 10;
	p[3] = (uint8_t)irq;
	put32(p + 4, gsi);
	put16(p + 8, flags);
	return p + 10;
}

/* 5.2.12 */
static uint32_t madt(struct acpi *acpi, unsigned cpus)
{
	uint32_t at = begin(acpi, "APIC", 4,
		HEAD + 8 + 8 * cpus + 12 + 2 * 10 + 6);
	uint8_t *p = acpi->tables + at + HEAD;
	unsigned i;

	put32(p, LAPIC_BASE);
	put32(p + 4, 1); /* there is a PIC pair, too */
	p += 8;
	for (i = 0; i < cpus; i++, p += 8) {
		p[1] = 8;
		p[2] = (uint8_t)i;
		p[3] = (uint8_t)i;
		put32(p + 4, 1);
	}
	p[0] = 1;
	p[1] = 12;
	put32(p + 4, IOAPIC_BASE);
	p += 12;
	p = put_override(p, 0, 2, 0);
	p = put_override(p, SCI_IRQ, SCI_IRQ, 0xd); /* level, active high */
	p[0] = 4; /* NMI at LINT1 of every processor */
	p[1] = 6;
	p[2] = 0xff;
	p[5] = 1;
	return at;
}

/* IA-PC HPET specification 1.0a, 3.2.4. */
static uint32_t hpet(struct acpi *acpi)
{
	uint32_t at = begin(acpi, "HPET", 1, 56);
	uint8_t *t = acpi->tables + at;

	put32(t + 36, 0x8086a201); /* Intel, 64 bits, three comparators */
	put64(t + 44, HPET_BASE);
	put16(t + 53, 0x80); /* ticks at least between two interrupts */
	return at;
}

/* 5.2.7 and 5.2.8: entries of 4 or of 8 bytes. */
static uint32_t list(struct acpi *acpi, unsigned width,
	const uint32_t *entries, unsigned n)
{
	uint32_t at = begin(acpi, width == 4 ? "RSDT" : "XSDT", 1,
		HEAD + width * n);
	unsigned i;

	for (i = 0; i < n; i++) {
		put32(acpi->tables + at + HEAD + width * i, entries[i]);
		pointer(acpi, 0, at + HEAD + width * i, width);
	}
	return at;
}

/* 5.2.5.3 */
static void rsdp(struct acpi *acpi, uint32_t rsdt_at, uint32_t xsdt_at)
{
	uint8_t *r = acpi->rsdp;

	memcpy(r, "RSD PTR ", 8);
	memcpy(r + 9, "VMAPI ", 6);
	r[15] = 2;
	put32(r + 16, rsdt_at);
	pointer(acpi, 1, 16, 4);
	put32(r + 20, ACPI_RSDP_BYTES);
	put64(r + 24, xsdt_at);
	pointer(acpi, 1, 24, 8);
	checksum(acpi, 1, 8, (struct acpi_checksum){ .size = 20 });
	checksum(acpi, 1, 32,
		(struct acpi_checksum){ .size = ACPI_RSDP_BYTES });
}

int acpi_build(struct acpi *acpi, const struct acpi_config *config)
{
	uint32_t entries[3], dsdt_at, facs_at, rsdt_at;
	unsigned n = 0;

	memset(acpi, 0, sizeof(*acpi));
	facs_at = facs(acpi);
	if (config->cpus > 255 || dsdt(acpi, config, &dsdt_at) != 0)
		return -1;
	entries[n++] = fadt(acpi, dsdt_at, facs_at);
	entries[n++] = madt(acpi, config->cpus);
	if (config->hpet)
		entries[n++] = hpet(acpi);
	rsdt_at = list(acpi, 4, entries, n);
	rsdp(acpi, rsdt_at, list(acpi, 8, entries, n));
	return 0;
}

/* -- Without firmware --------------------------------------------------- */

static void sum(uint8_t *bytes, const struct acpi_checksum *c)
{
	uint8_t total = 0;
	uint32_t i;

	bytes[c->offset] = 0;
	for (i = 0; i < c->size; i++)
		total = (uint8_t)(total + bytes[c->first + i]);
	bytes[c->offset] = (uint8_t)-total;
}

uint64_t acpi_place(const struct acpi *acpi, struct memory *memory)
{
	struct search search = { .align = 4096, .from = 0xe0000, .to = MIB };
	uint64_t gpa, tables;
	uint8_t *root, *bytes, *to;
	char error[128];
	unsigned i;

	search.size = 64 + acpi->size;
	if (!memory_find(memory, &search, &gpa))
		return 0;
	root = memory_take(memory, gpa, search.size, "ACPI tables", error,
		sizeof(error));
	if (root == NULL)
		return 0;
	tables = gpa + 64;
	bytes = root + 64;
	memcpy(root, acpi->rsdp, ACPI_RSDP_BYTES);
	memcpy(bytes, acpi->tables, acpi->size);
	for (i = 0; i < acpi->n_pointers; i++) {
		const struct acpi_pointer *p = &acpi->pointers[i];

		to = (p->in_rsdp ? root : bytes) + p->offset;
		put_le(to, p->width, get_le(to, p->width) + tables);
	}
	for (i = 0; i < acpi->n_checksums; i++)
		sum(acpi->checksums[i].in_rsdp ? root : bytes,
			&acpi->checksums[i]);
	return gpa;
}

/* -- With firmware ------------------------------------------------------ */

/* Commands of the table loader: QEMU's docs/specs/acpi_hw_reduced and
 * SeaBIOS's romfile_loader describe the 128-byte entries. */
#define SCRIPT_ALLOCATE 1
#define SCRIPT_POINTER	2
#define SCRIPT_CHECKSUM 3
#define ZONE_HIGH	1
#define ZONE_FSEG	2

#define FILE_RSDP   "etc/acpi/rsdp"
#define FILE_TABLES "etc/acpi/tables"

static const char *file_of(int in_rsdp)
{
	return in_rsdp ? FILE_RSDP : FILE_TABLES;
}

static void put_name(uint8_t *at, const char *name)
{
	memcpy(at, name, strlen(name));
}

static void allocate(uint8_t *entry, const char *name, unsigned align,
	unsigned zone)
{
	put32(entry, SCRIPT_ALLOCATE);
	put_name(entry + 4, name);
	put32(entry + 60, align);
	entry[64] = (uint8_t)zone;
}

size_t acpi_script(const struct acpi *acpi, uint8_t *script)
{
	uint8_t *entry = script;
	unsigned i;

	memset(script, 0, ACPI_SCRIPT_MAX);
	allocate(entry, FILE_RSDP, 16, ZONE_FSEG);
	entry += ACPI_SCRIPT_ENTRY;
	allocate(entry, FILE_TABLES, 64, ZONE_HIGH);
	entry += ACPI_SCRIPT_ENTRY;
	for (i = 0; i < acpi->n_pointers; i++) {
		const struct acpi_pointer *p = &acpi->pointers[i];

		put32(entry, SCRIPT_POINTER);
		put_name(entry + 4, file_of(p->in_rsdp));
		put_name(entry + 60, FILE_TABLES);
		put32(entry + 116, p->offset);
		entry[120] = (uint8_t)p->width;
		entry += ACPI_SCRIPT_ENTRY;
	}
	for (i = 0; i < acpi->n_checksums; i++) {
		const struct acpi_checksum *c = &acpi->checksums[i];

		put32(entry, SCRIPT_CHECKSUM);
		put_name(entry + 4, file_of(c->in_rsdp));
		put32(entry + 60, c->offset);
		put32(entry + 64, c->first);
		put32(entry + 68, c->size);
		entry += ACPI_SCRIPT_ENTRY;
	}
	return (size_t)(entry - script);
}
