/* SPDX-License-Identifier: MIT */
/* PVH: ELF with a note that names a 32-bit entry point (Xen's HVM start). */
/*
 * xen/include/public/arch-x86/hvm/start_info.h describes the structure in
 * guest memory, docs/misc/pvh.pandoc the state at entry: flat 32-bit
 * protected mode, paging off, EBX at the structure.
 */
#include "load.h"
#include "bytes.h"

#include <inttypes.h>
#include <string.h>

#define NOTE_PHYS32_ENTRY 18
#define START_MAGIC	  0x336ec578u

#define S_MAGIC		 0
#define S_VERSION	 4
#define S_NR_MODULES	 12
#define S_MODLIST	 16
#define S_CMDLINE	 24
#define S_RSDP		 32
#define S_MEMMAP	 40
#define S_MEMMAP_ENTRIES 48

#define AT_MODULE 0x80
#define AT_MEMMAP 0x100
#define MAP_STEP  24

struct note {
	uint64_t size;	     /* of all of it, padded */
	const uint8_t *name; /* 4 bytes, or NULL */
	const uint8_t *desc;
	uint64_t descsz;
	uint32_t type;
};

/* The note at `at`, inside [at, end). */
static bool read_note(const struct image *image, uint64_t at, uint64_t end,
	struct note *note)
{
	const uint8_t *h = image_at(image, at, 12);
	uint64_t namesz;

	if (h == NULL || end - at < 12)
		return false;
	namesz = get32(h);
	note->descsz = get32(h + 4);
	note->type = get32(h + 8);
	note->size = 12 + align_up(namesz, 4) + align_up(note->descsz, 4);
	if (note->size > end - at)
		return false;
	note->name = namesz == 4 ? image_at(image, at + 12, 4) : NULL;
	note->desc = image_at(image, at + 12 + align_up(namesz, 4),
		note->descsz);
	return note->desc != NULL;
}

static bool entry_in_segment(const struct image *image,
	const struct elf_segment *s, uint64_t *entry)
{
	struct note note;
	uint64_t at, end;

	if (image_at(image, s->offset, s->filesz) == NULL)
		return false;
	end = s->offset + s->filesz;
	for (at = s->offset; at < end; at += note.size) {
		if (!read_note(image, at, end, &note))
			return false;
		if (note.type == NOTE_PHYS32_ENTRY && note.name != NULL &&
			memcmp(note.name, "Xen", 4) == 0 &&
			(note.descsz == 4 || note.descsz == 8)) {
			*entry = get_le(note.desc, (unsigned)note.descsz);
			return true;
		}
	}
	return false;
}

static int find_entry(struct load *load, const struct elf *elf,
	uint64_t *entry)
{
	struct elf_segment s;
	unsigned i;

	for (i = 0; i < elf->phnum; i++) {
		if (elf_segment(load, elf, i, &s) != 0)
			return -1;
		if (s.type == ELF_PT_NOTE &&
			entry_in_segment(elf->image, &s, entry))
			return 0;
	}
	return load_fail(load,
		"%s: an ELF file with neither a multiboot header nor a PVH "
		"note", elf->image->name);
}

static int put_cmdline(struct load *load, uint8_t *info)
{
	const char *text = load->append != NULL ? load->append : "";
	uint64_t gpa;
	uint8_t *to = load_anywhere(load, 0x1000, strlen(text) + 1,
		"the command line", &gpa);

	if (to == NULL)
		return -1;
	memcpy(to, text, strlen(text));
	put64(info + S_CMDLINE, gpa);
	return 0;
}

static void put_memmap(struct load *load, uint8_t *info, uint64_t gpa)
{
	struct range ranges[RANGES_MAX];
	unsigned i, n = memory_ranges(load->memory, ranges);

	put64(info + S_MEMMAP, gpa + AT_MEMMAP);
	put32(info + S_MEMMAP_ENTRIES, n);
	for (i = 0; i < n; i++) {
		uint8_t *entry = info + AT_MEMMAP + MAP_STEP * i;

		put64(entry, ranges[i].first);
		put64(entry + 8, ranges[i].size);
		put32(entry + 16, ranges[i].type);
	}
}

static int put_start_info(struct load *load, uint64_t end)
{
	uint8_t *info = load_anywhere(load, 0x1000, 4096, "the PVH start info",
		&load->start.rbx);
	uint64_t module, size;

	if (info == NULL || put_cmdline(load, info) != 0 ||
		load_module(load, end, &module, &size) != 0)
		return -1;
	put32(info + S_MAGIC, START_MAGIC);
	put32(info + S_VERSION, 1);
	put64(info + S_RSDP, load->rsdp);
	put_memmap(load, info, load->start.rbx);
	if (size != 0) {
		put32(info + S_NR_MODULES, 1);
		put64(info + S_MODLIST, load->start.rbx + AT_MODULE);
		put64(info + AT_MODULE, module);
		put64(info + AT_MODULE + 8, size);
	}
	return 0;
}

int load_pvh(struct load *load)
{
	struct elf elf;
	uint64_t end, entry;

	load->kind = "PVH";
	memset(&load->start, 0, sizeof(load->start));
	load->start.mode = START_FLAT32;
	if (elf_open(load, &elf) != 0 ||
		find_entry(load, &elf, &load->start.rip) != 0 ||
		elf_load(load, &elf, &end, &entry) != 0)
		return -1;
	if (load->start.rip > UINT32_MAX ||
		memory_at(load->memory, load->start.rip, 1) == NULL)
		return load_fail(load,
			"%s: the PVH entry point 0x%" PRIx64
			" is not in RAM below 4 GiB", load->kernel->name,
			load->start.rip);
	if (load_gdt(load, false) != 0)
		return -1;
	return put_start_info(load, end);
}
