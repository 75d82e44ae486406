/* SPDX-License-Identifier: MIT */
/* Multiboot 1 (the Multiboot Specification, version 0.6.96). */
/*
 * A header somewhere in the file's first 8 KiB makes a file a multiboot
 * kernel.  It is loaded as the ELF file that it is, or, with bit 16 of the
 * header's flags, by the addresses in the header, whatever the file's format.
 * It is entered in flat 32-bit protected mode with a magic number in EAX and
 * the address of an information structure in EBX.
 */
#include "load.h"
#include "bytes.h"

#include <inttypes.h>
#include <string.h>

#define HEADER_MAGIC  0x1badb002u
#define LOADER_MAGIC  0x2badb002u
#define SEARCH	      8192
#define USES_ADDRESSES (1u << 16)

/* Offsets in the header (3.1.1) and in the information (3.3). */
#define H_FLAGS		4
#define H_HEADER_ADDR	12
#define H_LOAD_ADDR	16
#define H_LOAD_END	20
#define H_BSS_END	24
#define H_ENTRY		28

#define I_FLAGS	      0
#define I_MEM_LOWER   4
#define I_MEM_UPPER   8
#define I_CMDLINE     16
#define I_MODS_COUNT  20
#define I_MODS_ADDR   24
#define I_MMAP_LENGTH 44
#define I_MMAP_ADDR   48
#define I_LOADER_NAME 64

#define HAS_MEMORY  (1u << 0)
#define HAS_CMDLINE (1u << 2)
#define HAS_MODULES (1u << 3)
#define HAS_MMAP    (1u << 6)
#define HAS_LOADER  (1u << 9)

/* One page holds it all but the command line. */
#define AT_MODULE 0x80
#define AT_MMAP	  0x100
#define AT_LOADER 0xe00
#define MMAP_STEP 24 /* size field and 20 bytes */

static const uint8_t *find_header(const struct image *image,
	uint64_t *offset)
{
	const uint8_t *p;
	uint64_t at;

	for (at = 0; at + 12 <= SEARCH; at += 4) {
		p = image_at(image, at, 12);
		if (p == NULL)
			return NULL;
		if (get32(p) != HEADER_MAGIC ||
			(uint32_t)(get32(p) + get32(p + 4) + get32(p + 8)) != 0)
			continue;
		*offset = at;
		return p;
	}
	return NULL;
}

bool is_multiboot(const struct image *image)
{
	uint64_t offset;

	return find_header(image, &offset) != NULL;
}

struct addresses {
	uint64_t load;
	uint64_t size;	  /* in memory */
	uint64_t offset;  /* in the file */
	uint64_t in_file; /* bytes from there */
};

/* 3.1.3, "The address fields of Multiboot header". */
static int read_addresses(struct load *load, const uint8_t *h,
	uint64_t offset, struct addresses *a)
{
	const char *name = load->kernel->name;
	uint64_t header = get32(h + H_HEADER_ADDR);
	uint64_t load_end = get32(h + H_LOAD_END);
	uint64_t bss_end = get32(h + H_BSS_END);

	a->load = get32(h + H_LOAD_ADDR);
	if (a->load > header || header - a->load > offset)
		return load_fail(load,
			"%s: multiboot header at 0x%" PRIx64 " for load "
			"address 0x%" PRIx64 ": before the file begins",
			name, header, a->load);
	a->offset = offset - (header - a->load);
	a->in_file = load->kernel->size - a->offset;
	if (load_end != 0) {
		if (load_end < a->load || load_end - a->load > a->in_file)
			return load_fail(load,
				"%s: multiboot load end 0x%" PRIx64
				" is outside the file", name, load_end);
		a->in_file = load_end - a->load;
	}
	a->size = a->in_file;
	if (bss_end != 0) {
		if (bss_end < a->load + a->in_file)
			return load_fail(load,
				"%s: multiboot bss end 0x%" PRIx64
				" is below the load end", name, bss_end);
		a->size = bss_end - a->load;
	}
	return 0;
}

static int load_addresses(struct load *load, uint64_t offset, uint64_t *end)
{
	const uint8_t *h = image_at(load->kernel, offset, 32);
	struct addresses a = { 0 };
	uint8_t *to;

	if (h == NULL)
		return load_fail(load, "%s: the multiboot header is cut off",
			load->kernel->name);
	if (read_addresses(load, h, offset, &a) != 0)
		return -1;
	to = load_take(load, a.load, a.size, "the kernel");
	if (to == NULL)
		return -1;
	memcpy(to, load->kernel->data + a.offset, (size_t)a.in_file);
	memset(to + a.in_file, 0, (size_t)(a.size - a.in_file));
	*end = a.load + a.size;
	load->start.rip = get32(h + H_ENTRY);
	if (memory_at(load->memory, load->start.rip, 1) == NULL)
		return load_fail(load,
			"%s: the entry point 0x%" PRIx64 " is not in RAM",
			load->kernel->name, load->start.rip);
	return 0;
}

/* The file's name without folders, then what the user appended. */
static int put_string(struct load *load, uint8_t *field, const char *name,
	const char *rest)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash != NULL ? slash + 1 : name;
	size_t length = strlen(base);
	uint64_t gpa;
	uint8_t *to = load_anywhere(load, 0x1000,
		length + strlen(rest) + 2, "the command line", &gpa);

	if (to == NULL)
		return -1;
	memcpy(to, base, length);
	if (rest[0] != '\0') {
		to[length] = ' ';
		memcpy(to + length + 1, rest, strlen(rest));
	}
	put32(field, gpa);
	return 0;
}

static int put_module(struct load *load, uint8_t *info, uint64_t gpa,
	uint64_t end)
{
	uint64_t module, size;

	if (load_module(load, end, &module, &size) != 0)
		return -1;
	put32(info + I_MODS_ADDR, gpa + AT_MODULE);
	if (size == 0)
		return 0;
	put32(info + I_MODS_COUNT, 1);
	put32(info + AT_MODULE, module);
	put32(info + AT_MODULE + 4, module + size);
	return put_string(load, info + AT_MODULE + 8, load->initrd->name, "");
}

static void put_memory(struct load *load, uint8_t *info, uint64_t gpa)
{
	struct range ranges[RANGES_MAX];
	unsigned i, n = memory_ranges(load->memory, ranges);
	uint64_t low = load->memory->low;

	put32(info + I_MEM_LOWER,
		(low < EBDA_BASE ? low : EBDA_BASE) / KIB);
	put32(info + I_MEM_UPPER, low > MIB ? (low - MIB) / KIB : 0);
	put32(info + I_MMAP_ADDR, gpa + AT_MMAP);
	put32(info + I_MMAP_LENGTH, n * MMAP_STEP);
	for (i = 0; i < n; i++) {
		uint8_t *entry = info + AT_MMAP + MMAP_STEP * i;

		put32(entry, MMAP_STEP - 4);
		put64(entry + 4, ranges[i].first);
		put64(entry + 12, ranges[i].size);
		put32(entry + 20, ranges[i].type);
	}
}

static int put_info(struct load *load, uint64_t end)
{
	const char *append = load->append != NULL ? load->append : "";
	uint8_t *info = load_anywhere(load, 0x1000, 4096,
		"the multiboot information", &load->start.rbx);

	if (info == NULL)
		return -1;
	put32(info + I_FLAGS, HAS_MEMORY | HAS_CMDLINE | HAS_MODULES |
		HAS_MMAP | HAS_LOADER);
	put_memory(load, info, load->start.rbx);
	memcpy(info + AT_LOADER, "vmapi-boot", 11);
	put32(info + I_LOADER_NAME, load->start.rbx + AT_LOADER);
	if (put_string(load, info + I_CMDLINE, load->kernel->name,
		append) != 0)
		return -1;
	return put_module(load, info, load->start.rbx, end);
}

int load_multiboot(struct load *load)
{
	struct elf elf;
	uint64_t offset, end;
	const uint8_t *h = find_header(load->kernel, &offset);
	int err;

	load->kind = "multiboot";
	memset(&load->start, 0, sizeof(load->start));
	load->start.mode = START_FLAT32;
	load->start.rax = LOADER_MAGIC;
	if ((get32(h + H_FLAGS) & USES_ADDRESSES) != 0)
		err = load_addresses(load, offset, &end);
	else if (!is_elf(load->kernel))
		err = load_fail(load,
			"%s: a multiboot header, but no ELF file and no load "
			"addresses", load->kernel->name);
	else if (elf_open(load, &elf) != 0)
		err = -1;
	else
		err = elf_load(load, &elf, &end, &load->start.rip);
	if (err != 0 || load_gdt(load, false) != 0)
		return -1;
	return put_info(load, end);
}
