/* SPDX-License-Identifier: MIT */
/* The ROM, and the RAM that can take its place below 1 MiB. */
/*
 * Between 0xc0000 and 1 MiB there are RAM and, in the last 128 KiB, the end
 * of the ROM.  For each of 13 pieces the host bridge's PAM registers say
 * which of the two is read and whether writes reach the RAM (82441FX data
 * sheet, 3.2.18).  Firmware runs from the ROM at first, copies itself to the
 * RAM and then write-protects that.
 *
 * Here a change of PAM is one map transaction: other processors see the old
 * map or the new one.  "Read ROM, write RAM" cannot be mapped; then writes
 * come as exits and are carried out by hand.
 *
 * Without firmware all of it is RAM and PAM has no effect.
 */
#include "machine.h"

#include <string.h>

#define PIECES	   13
#define ROM_BELOW  (128 * KIB)
#define PAM_READ   1
#define PAM_WRITE  2

struct piece {
	uint32_t first;
	uint32_t size;
	uint8_t byte;  /* of PAM */
	uint8_t shift;
};

static const struct piece pieces[PIECES] = {
	{ 0xc0000, 0x4000, 1, 0 }, { 0xc4000, 0x4000, 1, 4 },
	{ 0xc8000, 0x4000, 2, 0 }, { 0xcc000, 0x4000, 2, 4 },
	{ 0xd0000, 0x4000, 3, 0 }, { 0xd4000, 0x4000, 3, 4 },
	{ 0xd8000, 0x4000, 4, 0 }, { 0xdc000, 0x4000, 4, 4 },
	{ 0xe0000, 0x4000, 5, 0 }, { 0xe4000, 0x4000, 5, 4 },
	{ 0xe8000, 0x4000, 6, 0 }, { 0xec000, 0x4000, 6, 4 },
	{ 0xf0000, 0x10000, 0, 4 }
};

static unsigned access_of(const struct shadow *shadow, const struct piece *p)
{
	return shadow->pam[p->byte] >> p->shift & (PAM_READ | PAM_WRITE);
}

/* What the processor sees at a piece; false: nothing. */
static bool entry_of(struct machine *m, const struct piece *p,
	struct vmapi_map_entry *entry)
{
	const struct shadow *shadow = &m->shadow;
	unsigned access = access_of(shadow, p);
	uint64_t from_end = MIB - p->first; /* of the ROM */

	memset(entry, 0, sizeof(*entry));
	entry->size = sizeof(*entry);
	entry->gpa = p->first;
	entry->bytes = p->size;
	if (access & PAM_READ) {
		entry->ram = m->ram;
		entry->offset = p->first;
		entry->flags = access & PAM_WRITE ? 0 : VMAPI_MAP_READONLY;
		return true;
	}
	if (from_end > ROM_BELOW || from_end > shadow->rom_size)
		return false;
	entry->ram = shadow->rom;
	entry->offset = shadow->rom_size - from_end;
	entry->flags = VMAPI_MAP_READONLY;
	return true;
}

static int map_pieces(struct machine *m, struct vmapi_map *map,
	struct vmapi_as *as)
{
	struct vmapi_map_entry entry;
	unsigned i;
	int err;

	err = vmapi_map_remove(map, as, SHADOW_BASE, MIB - SHADOW_BASE);
	for (i = 0; err == 0 && i < PIECES; i++)
		if (entry_of(m, &pieces[i], &entry))
			err = vmapi_map_add(map, as, &entry);
	return err;
}

int shadow_map(struct machine *m, struct vmapi_map *map, struct vmapi_as *as)
{
	struct vmapi_map_entry entry = { .size = sizeof(entry) };

	if (m->shadow.rom == NULL) {
		entry.gpa = entry.offset = SHADOW_BASE;
		entry.bytes = MIB - SHADOW_BASE;
		entry.ram = m->ram;
		return vmapi_map_add(map, as, &entry);
	}
	entry.gpa = 4 * GIB - m->shadow.rom_size;
	entry.bytes = m->shadow.rom_size;
	entry.ram = m->shadow.rom;
	entry.flags = VMAPI_MAP_READONLY;
	if (vmapi_map_add(map, as, &entry) != 0)
		return -1;
	return map_pieces(m, map, as);
}

static int remap(struct machine *m)
{
	struct vmapi_map *map;

	if (vmapi_map_begin(m->vm, &map) != 0)
		return complain("shadow RAM");
	if (map_pieces(m, map, m->as) != 0 || (m->smm_as != NULL &&
		map_pieces(m, map, m->smm_as) != 0)) {
		vmapi_map_abort(map);
		return complain("shadow RAM");
	}
	return vmapi_map_commit(map) != 0 ? complain("shadow RAM") : 0;
}

void shadow_pam(void *opaque, const uint8_t *pam)
{
	struct machine *m = opaque;

	if (m->shadow.rom == NULL ||
		memcmp(m->shadow.pam, pam, PAM_BYTES) == 0)
		return;
	memcpy(m->shadow.pam, pam, PAM_BYTES);
	if (remap(m) != 0)
		board_act(&m->board, ACTION_EXIT, STATUS_MACHINE, "PAM");
}

int shadow_reset(struct machine *m)
{
	static const uint8_t none[PAM_BYTES];

	if (m->shadow.rom == NULL ||
		memcmp(m->shadow.pam, none, PAM_BYTES) == 0)
		return 0;
	memset(m->shadow.pam, 0, PAM_BYTES);
	return remap(m);
}

/* A write to what is mapped read-only, or not at all. */
static void window_write(void *opaque, uint64_t offset, const uint8_t *bytes,
	unsigned n)
{
	struct machine *m = opaque;
	uint64_t gpa = SHADOW_BASE + offset;
	unsigned i;

	for (i = 0; i < PIECES; i++) {
		const struct piece *p = &pieces[i];

		if (gpa < p->first || gpa + n > p->first + p->size ||
			!(access_of(&m->shadow, p) & PAM_WRITE))
			continue;
		memcpy(m->memory.base + gpa, bytes, n);
		vmapi_ram_written(m->ram, gpa, n);
	}
}

int shadow_create(struct machine *m)
{
	const struct window window = {
		.first = SHADOW_BASE,
		.size = MIB - SHADOW_BASE,
		.write = window_write,
		.opaque = m
	};
	struct vmapi_ram_config config = {
		.size = sizeof(config),
		.bytes = m->bios.size,
		.kind = VMAPI_RAM_ANONYMOUS,
		.name = "rom"
	};
	void *pointer;

	if (m->bios.size == 0)
		return 0;
	if (vmapi_ram_create(m->ctx, &config, &m->shadow.rom) != 0 ||
		vmapi_ram_pointer(m->shadow.rom, &pointer) != 0)
		return complain("ROM");
	memcpy(pointer, m->bios.data, (size_t)m->bios.size);
	if (vmapi_ram_written(m->shadow.rom, 0, m->bios.size) != 0)
		return complain("ROM");
	m->shadow.rom_size = m->bios.size;
	return board_add_window(&m->board, &window) != 0 ? STATUS_MACHINE : 0;
}
