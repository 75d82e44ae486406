/* SPDX-License-Identifier: MIT */
/* Linux bzImage, by its boot protocol (Documentation/x86/boot.rst). */
/*
 * The file begins with up to 64 sectors of real-mode code that nobody runs
 * here; in its first is the setup header, which says what the kernel wants.
 * The rest is the compressed kernel, entered 0x200 bytes behind its start in
 * 64-bit mode if it says that it can be, else at its start in 32-bit mode;
 * with RSI at the "zero page": a copy of the setup header with our answers in
 * it and the memory map.
 *
 * What is put where:
 *
 *	from 0x1000	GDT, page tables (0 to 4 GiB, one to one; in 64-bit
 *			mode), zero page, command line
 *	the kernel	where it prefers if it is relocatable, else 1 MiB;
 *			init_size bytes belong to it
 *	the initrd	as high as the kernel allows
 */
#include "load.h"
#include "bytes.h"

#include <inttypes.h>
#include <string.h>

/* Offsets in the file and in the zero page: boot.rst, "The Real-Mode
 * Kernel Header" and "zero-page.rst". */
#define ZP_ACPI_RSDP	   0x070
#define ZP_E820_ENTRIES	   0x1e8
#define H_SETUP_SECTS	   0x1f1
#define H_SYSSIZE	   0x1f4
#define H_BOOT_FLAG	   0x1fe
#define H_JUMP_OFFSET	   0x201
#define H_MAGIC		   0x202
#define H_VERSION	   0x206
#define H_TYPE_OF_LOADER   0x210
#define H_LOADFLAGS	   0x211
#define H_CODE32_START	   0x214
#define H_RAMDISK_IMAGE	   0x218
#define H_RAMDISK_SIZE	   0x21c
#define H_HEAP_END	   0x224
#define H_CMD_LINE_PTR	   0x228
#define H_INITRD_ADDR_MAX  0x22c
#define H_KERNEL_ALIGNMENT 0x230
#define H_RELOCATABLE	   0x234
#define H_XLOADFLAGS	   0x236
#define H_CMDLINE_SIZE	   0x238
#define H_PREF_ADDRESS	   0x258
#define H_INIT_SIZE	   0x260
#define H_END		   0x290 /* the zero page has other things there */
#define ZP_E820_TABLE	   0x2d0

#define LOADED_HIGH  0x01
#define CAN_USE_HEAP 0x80
#define KERNEL_64    0x01
#define VERSION_SIZE 0x020a /* 2.10: the first to tell INIT_SIZE */
#define VERSION_64   0x020c /* 2.12: the first to tell of KERNEL_64 */

struct bzimage {
	const uint8_t *header; /* the first H_END bytes of the file */
	const uint8_t *code;   /* the protected-mode part */
	uint64_t code_size;
	uint64_t address;      /* where it goes */
	uint64_t size;	       /* how much it needs there */
	bool is64;	       /* it has an entry point for 64-bit mode */
};

bool is_linux(const struct image *image)
{
	const uint8_t *flag = image_at(image, H_BOOT_FLAG, 2);
	const uint8_t *magic = image_at(image, H_MAGIC, 4);

	return flag != NULL && magic != NULL && get16(flag) == 0xaa55 &&
		memcmp(magic, "HdrS", 4) == 0;
}

static int check_version(struct load *load, const uint8_t *h)
{
	unsigned version = get16(h + H_VERSION);
	const char *name = load->kernel->name;

	if (version < VERSION_SIZE)
		return load_fail(load,
			"%s: too old: boot protocol %u.%02u, and the size "
			"that a kernel needs came with 2.10", name,
			version >> 8, version & 0xff);
	if ((h[H_LOADFLAGS] & LOADED_HIGH) == 0)
		return load_fail(load, "%s: a zImage, not a bzImage", name);
	return 0;
}

static int open_bzimage(struct load *load, struct bzimage *bz)
{
	const char *name = load->kernel->name;
	uint64_t sectors, setup, need;

	bz->header = image_at(load->kernel, 0, H_END);
	if (bz->header == NULL)
		return load_fail(load, "%s: the setup header is cut off",
			name);
	if (check_version(load, bz->header) != 0)
		return -1;
	bz->is64 = get16(bz->header + H_VERSION) >= VERSION_64 &&
		(bz->header[H_XLOADFLAGS] & KERNEL_64) != 0;
	sectors = bz->header[H_SETUP_SECTS];
	setup = ((sectors == 0 ? 4 : sectors) + 1) * 512;
	need = (uint64_t)get32(bz->header + H_SYSSIZE) * 16;
	if (load->kernel->size <= setup)
		return load_fail(load, "%s: cut off within its setup code",
			name);
	bz->code = load->kernel->data + setup;
	bz->code_size = load->kernel->size - setup;
	/* The size is in units of 16 bytes, rounded up. */
	if (bz->code_size + 15 < need)
		return load_fail(load,
			"%s: cut off: %" PRIu64 " of %" PRIu64 " bytes of "
			"kernel are there", name, bz->code_size, need);
	if (bz->code_size > need)
		bz->code_size = need;
	if (bz->code_size <= 0x200)
		return load_fail(load, "%s: no kernel behind the setup code",
			name);
	return 0;
}

static int place_kernel(struct load *load, struct bzimage *bz)
{
	uint64_t align = get32(bz->header + H_KERNEL_ALIGNMENT);
	uint8_t *to;

	bz->address = MIB;
	if (bz->header[H_RELOCATABLE] != 0)
		bz->address = get64(bz->header + H_PREF_ADDRESS);
	if (align != 0 && (align & (align - 1)) == 0 &&
		(bz->address & (align - 1)) != 0)
		return load_fail(load,
			"%s: prefers 0x%" PRIx64 ", which is not aligned to "
			"0x%" PRIx64, load->kernel->name, bz->address, align);
	bz->size = get32(bz->header + H_INIT_SIZE);
	if (bz->size < bz->code_size)
		bz->size = bz->code_size;
	if (bz->address > UINT32_MAX ||
		bz->address + bz->size > load->memory->low)
		return load_fail(load,
			"%s: the kernel unpacks to 0x%" PRIx64 "-0x%" PRIx64
			": --mem must give it that much",
			load->kernel->name, bz->address,
			bz->address + bz->size);
	to = load_take(load, bz->address, bz->size, "the kernel");
	if (to == NULL)
		return -1;
	memcpy(to, bz->code, (size_t)bz->code_size);
	return 0;
}

/* As high as the kernel allows: it moves nothing that lies high. */
static int place_initrd(struct load *load, const struct bzimage *bz,
	uint64_t *gpa)
{
	struct search search = { .align = 4096, .from = MIB, .highest = true };
	uint8_t *to;

	*gpa = 0;
	if (load->initrd == NULL)
		return 0;
	search.size = load->initrd->size;
	search.to = (uint64_t)get32(bz->header + H_INITRD_ADDR_MAX) + 1;
	if (!memory_find(load->memory, &search, gpa))
		return load_fail(load,
			"%s: no room for an initrd of %" PRIu64
			" bytes beside the kernel", load->initrd->name,
			search.size);
	to = load_take(load, *gpa, search.size, "the initrd");
	if (to == NULL)
		return -1;
	memcpy(to, load->initrd->data, (size_t)search.size);
	return 0;
}

static int place_cmdline(struct load *load, const struct bzimage *bz,
	uint64_t *gpa)
{
	const char *text = load->append != NULL ? load->append : "";
	size_t length = strlen(text);
	uint32_t limit = get32(bz->header + H_CMDLINE_SIZE);
	uint8_t *to;

	if (length > limit)
		return load_fail(load,
			"--append: %zu characters, and this kernel takes %"
			PRIu32, length, limit);
	to = load_anywhere(load, 0x1000, length + 1, "the command line", gpa);
	if (to == NULL)
		return -1;
	memcpy(to, text, length + 1);
	return 0;
}

/*
 * The first 4 GiB one to one in pages of 2 MiB: one PML4, one page-directory
 * pointer table and four page directories (SDM volume 3, 4.5).
 */
static int place_tables(struct load *load)
{
	uint64_t gpa;
	uint8_t *t = load_anywhere(load, 0x1000, 6 * 4096, "page tables",
		&gpa);
	unsigned i;

	if (t == NULL)
		return -1;
	put64(t, (gpa + 4096) | 3);
	for (i = 0; i < 4; i++)
		put64(t + 4096 + 8 * i, (gpa + 4096 * (2 + i)) | 3);
	for (i = 0; i < 4 * 512; i++)
		put64(t + 2 * 4096 + 8 * i, i * 2 * MIB | 0x83);
	load->start.cr3 = gpa;
	return 0;
}

static void put_e820(struct load *load, uint8_t *zp)
{
	struct range ranges[RANGES_MAX];
	unsigned i, n = memory_ranges(load->memory, ranges);

	zp[ZP_E820_ENTRIES] = (uint8_t)n;
	for (i = 0; i < n; i++) {
		uint8_t *entry = zp + ZP_E820_TABLE + 20 * i;

		put64(entry, ranges[i].first);
		put64(entry + 8, ranges[i].size);
		put32(entry + 16, ranges[i].type);
	}
}

static int place_zero_page(struct load *load, const struct bzimage *bz,
	uint64_t initrd, uint64_t cmdline)
{
	/* The header ends where the jump over it lands. */
	size_t end = H_MAGIC + bz->header[H_JUMP_OFFSET];
	uint8_t *zp = load_anywhere(load, 0x1000, 4096, "the zero page",
		&load->start.rsi);

	if (zp == NULL)
		return -1;
	if (end > H_END)
		end = H_END;
	if (end > H_SETUP_SECTS)
		memcpy(zp + H_SETUP_SECTS, bz->header + H_SETUP_SECTS,
			end - H_SETUP_SECTS);
	zp[H_TYPE_OF_LOADER] = 0xff;
	zp[H_LOADFLAGS] |= CAN_USE_HEAP;
	put16(zp + H_HEAP_END, 0xfe00);
	put32(zp + H_CODE32_START, bz->address);
	put32(zp + H_CMD_LINE_PTR, cmdline);
	put32(zp + H_RAMDISK_IMAGE, initrd);
	put32(zp + H_RAMDISK_SIZE,
		load->initrd != NULL ? load->initrd->size : 0);
	put64(zp + ZP_ACPI_RSDP, load->rsdp);
	put_e820(load, zp);
	return 0;
}

int load_linux(struct load *load)
{
	struct bzimage bz = { 0 };
	uint64_t initrd, cmdline;

	load->kind = "Linux";
	memset(&load->start, 0, sizeof(load->start));
	if (open_bzimage(load, &bz) != 0 || place_kernel(load, &bz) != 0 ||
		place_initrd(load, &bz, &initrd) != 0 ||
		place_cmdline(load, &bz, &cmdline) != 0 ||
		(bz.is64 && place_tables(load) != 0) ||
		load_gdt(load, bz.is64) != 0 ||
		place_zero_page(load, &bz, initrd, cmdline) != 0)
		return -1;
	load->start.mode = bz.is64 ? START_LONG64 : START_FLAT32;
	load->start.rip = bz.address + (bz.is64 ? 0x200 : 0);
	return 0;
}
