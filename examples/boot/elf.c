/* SPDX-License-Identifier: MIT */
/* ELF of both classes, little-endian x86, into guest memory. */
#include "load.h"
#include "bytes.h"

#include <inttypes.h>
#include <string.h>

#define EM_386	  3
#define EM_X86_64 62

bool is_elf(const struct image *image)
{
	const uint8_t *magic = image_at(image, 0, 4);

	return magic != NULL && memcmp(magic, "\177ELF", 4) == 0;
}

int elf_open(struct load *load, struct elf *elf)
{
	const char *name = load->kernel->name;
	const uint8_t *ident = image_at(load->kernel, 0, 16);
	const uint8_t *h;
	unsigned machine;

	if (ident == NULL)
		return load_fail(load, "%s: the ELF header is cut off", name);
	if ((ident[4] != 1 && ident[4] != 2) || ident[5] != 1)
		return load_fail(load,
			"%s: ELF class %u, data %u: not little-endian of 32 "
			"or 64 bits", name, ident[4], ident[5]);
	elf->image = load->kernel;
	elf->is64 = ident[4] == 2;
	h = image_at(load->kernel, 0, elf->is64 ? 64 : 52);
	if (h == NULL)
		return load_fail(load, "%s: the ELF header is cut off", name);
	machine = get16(h + 18);
	if (machine != EM_386 && machine != EM_X86_64)
		return load_fail(load, "%s: ELF for machine %u, not x86",
			name, machine);
	elf->entry = get_le(h + 24, elf->is64 ? 8 : 4);
	elf->phoff = elf->is64 ? get64(h + 32) : get32(h + 28);
	elf->phentsize = get16(h + (elf->is64 ? 54 : 42));
	elf->phnum = get16(h + (elf->is64 ? 56 : 44));
	if (elf->phnum == 0)
		return load_fail(load, "%s: ELF without program headers",
			name);
	if (elf->phentsize < (elf->is64 ? 56u : 32u))
		return load_fail(load, "%s: ELF program headers of %u bytes",
			name, elf->phentsize);
	return 0;
}

int elf_segment(struct load *load, const struct elf *elf, unsigned i,
	struct elf_segment *segment)
{
	uint64_t at = (uint64_t)i * elf->phentsize;
	const uint8_t *p = NULL;

	if (elf->phoff <= elf->image->size)
		p = image_at(elf->image, elf->phoff + at,
			elf->is64 ? 56 : 32);
	if (p == NULL)
		return load_fail(load,
			"%s: program header %u is outside the file",
			elf->image->name, i);
	segment->type = get32(p);
	if (elf->is64) {
		segment->offset = get64(p + 8);
		segment->vaddr = get64(p + 16);
		segment->paddr = get64(p + 24);
		segment->filesz = get64(p + 32);
		segment->memsz = get64(p + 40);
	} else {
		segment->offset = get32(p + 4);
		segment->vaddr = get32(p + 8);
		segment->paddr = get32(p + 12);
		segment->filesz = get32(p + 16);
		segment->memsz = get32(p + 20);
	}
	return 0;
}

static int elf_place(struct load *load, const struct elf *elf, unsigned i,
	const struct elf_segment *s)
{
	char what[32] = "segment ";
	const uint8_t *from = image_at(elf->image, s->offset, s->filesz);
	uint8_t *to;

	what[8] = (char)('0' + i / 10 % 10);
	what[9] = (char)('0' + i % 10);
	if (from == NULL)
		return load_fail(load,
			"%s: %s, 0x%" PRIx64 " bytes at offset 0x%" PRIx64
			", is outside the file", elf->image->name, what,
			s->filesz, s->offset);
	if (s->filesz > s->memsz)
		return load_fail(load,
			"%s: %s has more bytes in the file than in memory",
			elf->image->name, what);
	to = load_take(load, s->paddr, s->memsz, what);
	if (to == NULL)
		return -1;
	memcpy(to, from, (size_t)s->filesz);
	memset(to + s->filesz, 0, (size_t)(s->memsz - s->filesz));
	return 0;
}

int elf_load(struct load *load, const struct elf *elf, uint64_t *end,
	uint64_t *entry)
{
	struct elf_segment s;
	unsigned i, loaded = 0;

	*end = 0;
	*entry = elf->entry;
	for (i = 0; i < elf->phnum; i++) {
		if (elf_segment(load, elf, i, &s) != 0)
			return -1;
		if (s.type != ELF_PT_LOAD || s.memsz == 0)
			continue;
		if (elf_place(load, elf, i, &s) != 0)
			return -1;
		loaded++;
		if (*end < s.paddr + s.memsz)
			*end = s.paddr + s.memsz;
		if (elf->entry >= s.vaddr && elf->entry - s.vaddr < s.memsz)
			*entry = elf->entry - s.vaddr + s.paddr;
	}
	if (loaded == 0)
		return load_fail(load, "%s: ELF with nothing to load",
			elf->image->name);
	if (memory_at(load->memory, *entry, 1) == NULL ||
		*entry > UINT32_MAX)
		return load_fail(load,
			"%s: the entry point 0x%" PRIx64 " is not in RAM "
			"below 4 GiB", elf->image->name, *entry);
	return 0;
}
