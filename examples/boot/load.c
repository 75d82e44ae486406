/* SPDX-License-Identifier: MIT */
/* Tells kernels apart, and what all loaders share. */
#include "load.h"
#include "bytes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int load_fail(struct load *load, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(load->error, sizeof(load->error), format, args);
	va_end(args);
	return -1;
}

uint8_t *load_take(struct load *load, uint64_t gpa, uint64_t size,
	const char *what)
{
	return memory_take(load->memory, gpa, size, what, load->error,
		sizeof(load->error));
}

uint8_t *load_anywhere(struct load *load, uint64_t from, uint64_t size,
	const char *what, uint64_t *gpa)
{
	struct search search = {
		.size = size, .align = 4096, .from = from, .to = UINT64_MAX
	};
	uint8_t *bytes;

	/* Below the EBDA if asked to start there, else from 1 MiB on. */
	if (from < EBDA_BASE) {
		search.to = EBDA_BASE;
		if (!memory_find(load->memory, &search, gpa)) {
			search.from = MIB;
			search.to = UINT64_MAX;
		}
	}
	if (!memory_find(load->memory, &search, gpa)) {
		load_fail(load, "no room for %s (%" PRIu64 " bytes)", what,
			size);
		return NULL;
	}
	bytes = load_take(load, *gpa, size, what);
	if (bytes != NULL)
		memset(bytes, 0, (size_t)size);
	return bytes;
}

int load_module(struct load *load, uint64_t from, uint64_t *gpa,
	uint64_t *size)
{
	uint8_t *bytes;

	*gpa = 0;
	*size = 0;
	if (load->initrd == NULL)
		return 0;
	bytes = load_anywhere(load, from < MIB ? MIB : from,
		load->initrd->size, "the initrd", gpa);
	if (bytes == NULL)
		return -1;
	memcpy(bytes, load->initrd->data, (size_t)load->initrd->size);
	*size = load->initrd->size;
	return 0;
}

/* Descriptors: SDM volume 3, 3.4.5 and 7.2.2. */
int load_gdt(struct load *load, bool long_mode)
{
	uint8_t *gdt = load_anywhere(load, 0x1000, GDT_BYTES, "the GDT",
		&load->start.gdt);

	if (gdt == NULL)
		return -1;
	put64(gdt + 0x10, long_mode ? 0x00af9b000000ffffull
				    : 0x00cf9b000000ffffull);
	put64(gdt + 0x18, 0x00cf93000000ffffull);
	put64(gdt + 0x20, 0x00008b0000000067ull);
	return 0;
}

/*
 * A boot sector or a larger flat image: at 0x7c00, where a BIOS puts it, and
 * up to the EBDA, with the boot drive in DL.
 */
int load_flat(struct load *load)
{
	const struct image *kernel = load->kernel;
	uint8_t *bytes;

	load->kind = "flat";
	if (load->initrd != NULL)
		return load_fail(load, "%s: a flat image takes no --initrd",
			kernel->name);
	if (load->append != NULL)
		return load_fail(load, "%s: a flat image takes no --append",
			kernel->name);
	if (kernel->size > EBDA_BASE - 0x7c00)
		return load_fail(load,
			"%s: neither bzImage, multiboot nor ELF, and as a flat "
			"image it may have %u bytes, not %" PRIu64,
			kernel->name, (unsigned)(EBDA_BASE - 0x7c00),
			kernel->size);
	bytes = load_take(load, 0x7c00, kernel->size, "the image");
	if (bytes == NULL)
		return -1;
	memcpy(bytes, kernel->data, (size_t)kernel->size);
	load->start = (struct start){
		.mode = START_REAL, .rip = 0x7c00, .rsp = 0x7c00, .rdx = 0x80
	};
	return 0;
}

int load_kernel(struct load *load)
{
	load->error[0] = '\0';
	if (is_linux(load->kernel))
		return load_linux(load);
	if (is_multiboot(load->kernel))
		return load_multiboot(load);
	if (is_elf(load->kernel))
		return load_pvh(load);
	return load_flat(load);
}
