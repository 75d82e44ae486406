/* SPDX-License-Identifier: MIT */
/* Looking up registers in the tables of any architecture. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arch/regs.h"

/* Types of the library's begin here: the kernel has none so high. */
#define LIBRARY_TYPES 0x80u

unsigned vmi_tag_type(uint64_t tag)
{
	unsigned type = (unsigned)(tag >> 32) & 0xff;

	return type >= LIBRARY_TYPES ? type : 0;
}

size_t vmi_reg_lower(const struct vmi_regs_arch *arch, uint64_t tag)
{
	size_t low = 0, high = arch->n_rows;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (arch->rows[middle].tag < tag)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct vmi_reg_row *vmi_reg_row(
	const struct vmi_regs_arch *arch, uint64_t tag)
{
	size_t at = vmi_reg_lower(arch, tag);

	return at < arch->n_rows && arch->rows[at].tag == tag
		? &arch->rows[at] : NULL;
}

const struct vmi_reg_row *vmi_reg_row_named(
	const struct vmi_regs_arch *arch, const char *name)
{
	size_t i;

	for (i = 0; i < arch->n_rows; i++)
		if (!strcmp(arch->rows[i].name, name))
			return &arch->rows[i];
	return NULL;
}

const struct vmi_one_row *vmi_one_row(
	const struct vmi_regs_arch *arch, uint64_t tag)
{
	size_t low = 0, high = arch->n_ones;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (arch->ones[middle].tag == tag)
			return &arch->ones[middle];
		if (arch->ones[middle].tag < tag)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void vmi_one_name(const struct vmi_regs_arch *arch, uint64_t tag, char *name,
	size_t room)
{
	const struct vmi_one_row *row = vmi_one_row(arch, tag);

	if (row)
		snprintf(name, room, "%s", row->name);
	else if (!arch->name_of || !arch->name_of(tag, name, room))
		snprintf(name, room, "id_%016" PRIx64, tag);
}

/* Whatever is parsed must be what it would be called. */
bool vmi_one_tag(
	const struct vmi_regs_arch *arch, const char *name, uint64_t *tag)
{
	char again[32], *end;
	size_t i;

	for (i = 0; i < arch->n_ones; i++)
		if (!strcmp(arch->ones[i].name, name)) {
			*tag = arch->ones[i].tag;
			return true;
		}
	if (!arch->tag_of || !arch->tag_of(name, tag)) {
		if (strncmp(name, "id_", 3))
			return false;
		*tag = strtoull(name + 3, &end, 16);
	}
	vmi_one_name(arch, *tag, again, sizeof(again));
	return !strcmp(again, name);
}
