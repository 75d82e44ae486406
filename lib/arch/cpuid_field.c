/* SPDX-License-Identifier: MIT */
/* Fields of CPUID: their names, their places, their values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arch/cpuid.h"

#define FIELD(name, leaf, subleaf, reg, low, high)                             \
	{ #name, leaf, subleaf, VMAPI_CPUID_##reg, low, high },

const struct vmi_cpuid_field vmi_cpuid_fields[] = {
#include "lib/arch/cpuid_field.def"
	{ NULL, 0, 0, 0, 0, 0 },
};

#undef FIELD

static const char register_names[4][4] = { "eax", "ebx", "ecx", "edx" };

/* -- Places as text: "7.0.ebx[9:5]" ------------------------------------- */

/* A number and, in *text, what comes behind it.  False: there is none. */
static bool number(const char **text, int base, uint32_t *value)
{
	char *end;
	unsigned long long v = strtoull(*text, &end, base);

	if (end == *text || **text == '-' || **text == '+' || v > UINT32_MAX)
		return false;
	*text = end;
	*value = (uint32_t)v;
	return true;
}

static bool take(const char **text, char c)
{
	if (**text != c)
		return false;
	++*text;
	return true;
}

static bool take_register(const char **text, struct vmi_cpuid_field *field)
{
	unsigned r;

	for (r = 0; r < 4; r++) {
		if (strncmp(*text, register_names[r], 3))
			continue;
		field->reg = (uint8_t)r;
		*text += 3;
		return true;
	}
	return false;
}

/* "[high:low]", "[bit]", or nothing: all of it. */
static bool take_bits(const char **text, struct vmi_cpuid_field *field)
{
	uint32_t high, low;

	field->low = 0;
	field->high = 31;
	if (!**text)
		return true;
	if (!take(text, '[') || !number(text, 10, &high))
		return false;
	low = high;
	if (take(text, ':') && !number(text, 10, &low))
		return false;
	if (!take(text, ']') || **text || high > 31 || low > high)
		return false;
	field->low = (uint8_t)low;
	field->high = (uint8_t)high;
	return true;
}

static bool is_place(const char *text, struct vmi_cpuid_field *field)
{
	field->name = NULL;
	field->subleaf = 0;
	if (!number(&text, 16, &field->leaf) || !take(&text, '.'))
		return false;
	if (!take_register(&text, field) &&
		(!number(&text, 16, &field->subleaf) || !take(&text, '.') ||
			!take_register(&text, field)))
		return false;
	return take_bits(&text, field);
}

int vmi_cpuid_parse(const char *text, struct vmi_cpuid_field *field)
{
	const struct vmi_cpuid_field *f;

	for (f = vmi_cpuid_fields; f->name; f++) {
		if (strcmp(f->name, text))
			continue;
		*field = *f;
		return 0;
	}
	if (is_place(text, field))
		return 0;
	return strchr(text, '.') || strchr(text, '[') ? -EINVAL : -ENOENT;
}

const struct vmi_cpuid_field *vmi_cpuid_field_of(
	const struct vmi_cpuid_field *place)
{
	const struct vmi_cpuid_field *f;

	for (f = vmi_cpuid_fields; f->name; f++)
		if (f->leaf == place->leaf && f->subleaf == place->subleaf &&
			f->reg == place->reg && f->low <= place->low &&
			f->high >= place->low)
			return f;
	return NULL;
}

/* -- Values ------------------------------------------------------------- */

uint32_t vmi_cpuid_mask(const struct vmi_cpuid_field *field)
{
	return (uint32_t)((2ull << (field->high - field->low)) - 1);
}

uint32_t vmi_cpuid_field_get(const struct vmapi_cpuid *list,
	const struct vmi_cpuid_field *field)
{
	const struct vmapi_x86_cpuid *e =
		vmi_cpuid_at(list, field->leaf, field->subleaf);

	if (!e)
		return 0;
	return vmi_cpuid_value(e, field->reg) >> field->low &
		vmi_cpuid_mask(field);
}

/* Leaves that ECX chooses from: SDM 2A table 3-8, APM 3 appendix E. */
static bool has_subleaves(uint32_t leaf)
{
	static const uint32_t leaves[] = { 4, 7, 0xb, 0xd, 0xf, 0x10, 0x12,
		0x14, 0x17, 0x18, 0x1b, 0x1d, 0x1e, 0x1f, 0x20, 0x23, 0x24,
		0x8000001d, 0x80000020, 0x80000026 };
	size_t i;

	for (i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		if (leaves[i] == leaf)
			return true;
	return false;
}

static int make(struct vmapi_cpuid *list, const struct vmi_cpuid_field *field)
{
	struct vmapi_x86_cpuid entry = { .leaf = field->leaf,
		.subleaf = field->subleaf,
		.has_subleaf = has_subleaves(field->leaf) || field->subleaf };

	return vmi_cpuid_put(list, &entry);
}

int vmi_cpuid_field_set(struct vmapi_cpuid *list,
	const struct vmi_cpuid_field *field, uint32_t value)
{
	uint32_t mask = vmi_cpuid_mask(field), *word;
	int err = 0;

	if (value & ~mask)
		return -ERANGE;
	if (!vmi_cpuid_at(list, field->leaf, field->subleaf)) {
		if (!value)
			return 0;
		err = make(list, field);
	}
	if (err)
		return err;
	word = vmi_cpuid_register(
		vmi_cpuid_at(list, field->leaf, field->subleaf), field->reg);
	*word = (*word & ~(mask << field->low)) | value << field->low;
	return 0;
}
