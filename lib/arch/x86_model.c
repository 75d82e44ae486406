/* SPDX-License-Identifier: MIT */
/*
 * CPU models that are the same on every backend.
 *
 * A model is a list of CPUID values made from the table and from nothing
 * else: no leaf of a hypervisor, no bit of the host, an address width and a
 * TSC frequency that are fixed.  A backend either can do all of it or refuses
 * it, with the names of what it lacks.
 */
#include "lib/arch/x86_model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/compiler.h"

#define MODEL(name, about, signature, max_leaf, base, features)                \
	{ #name, about, signature, max_leaf, base, features },

const struct vmi_x86_model vmi_x86_models[] = {
#include "lib/arch/x86_model.def"
	{ NULL, NULL, 0, 0, NULL, NULL },
};

#undef MODEL

const struct vmi_x86_model *vmi_x86_model(const char *name)
{
	const struct vmi_x86_model *m;

	for (m = vmi_x86_models; m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

/* -- Making the list ---------------------------------------------------- */

static int put_field(struct vmapi_cpuid *list, const char *name,
	uint32_t value)
{
	struct vmi_cpuid_field field;
	int err = vmi_cpuid_parse(name, &field);

	return err ? err : vmi_cpuid_field_set(list, &field, value);
}

static int put_features(struct vmapi_cpuid *list, const char *features)
{
	char name[32];
	size_t n;
	int err = 0;

	while (*features && !err) {
		n = strcspn(features, " ");
		if (n >= sizeof(name))
			return -EINVAL;
		memcpy(name, features, n);
		name[n] = '\0';
		err = put_field(list, name, 1);
		features += n + strspn(features + n, " ");
	}
	return err;
}

/* "GenuineIntel", in EBX, EDX, ECX. */
#define VENDOR_EBX 0x756e6547u
#define VENDOR_ECX 0x6c65746eu
#define VENDOR_EDX 0x49656e69u

/*
 * Caches of leaf 4: 32 KiB each for data and code, 256 KiB behind them, of
 * 64 bytes a line, 8 ways.  Leaf 2 says FFH, "see leaf 4"; where that is too
 * high, the descriptors of SDM 2A table 3-12 for 16, 16 and 512 KiB.
 */
static const struct {
	uint32_t least; /* highest leaf of a model that has this */
	struct vmapi_x86_cpuid value;
} leaves[] = {
	{ 1, { .leaf = 1, .ebx = 8 << 8 } }, /* CLFLUSH of 64 bytes */
	{ 4, { .leaf = 4, .has_subleaf = 1, .eax = 0x121,
		.ebx = 0x1c0003f, .ecx = 63 } },
	{ 4, { .leaf = 4, .subleaf = 1, .has_subleaf = 1, .eax = 0x122,
		.ebx = 0x1c0003f, .ecx = 63 } },
	{ 4, { .leaf = 4, .subleaf = 2, .has_subleaf = 1, .eax = 0x143,
		.ebx = 0x1c0003f, .ecx = 511 } },
	{ 0xb, { .leaf = 0xb, .has_subleaf = 1, .ecx = 1 << 8 } },
	/* x87 and SSE state: SDM 1 13.4 */
	{ 0xd, { .leaf = 0xd, .has_subleaf = 1, .eax = 3, .ebx = 576,
		.ecx = 576 } },
	{ 0x15, { .leaf = 0x15, .eax = 1, .ebx = 1,
		.ecx = VMI_MODEL_TSC_HZ } },
	{ 0x16, { .leaf = 0x16, .eax = 1000, .ebx = 1000, .ecx = 100 } },
};

static int put_leaves(struct vmapi_cpuid *list, uint32_t max_leaf)
{
	struct vmapi_x86_cpuid first = { .leaf = 0, .eax = max_leaf,
		.ebx = VENDOR_EBX, .ecx = VENDOR_ECX, .edx = VENDOR_EDX };
	struct vmapi_x86_cpuid caches = { .leaf = 2,
		.eax = max_leaf < 4 ? 0x03020101 : 0xff01,
		.edx = max_leaf < 4 ? 0x0c040843 : 0 };
	int err = vmi_cpuid_put(list, &first);
	size_t i;

	if (!err && max_leaf >= 2)
		err = vmi_cpuid_put(list, &caches);
	for (i = 0; i < vmi_array_len(leaves) && !err; i++)
		if (leaves[i].least <= max_leaf)
			err = vmi_cpuid_put(list, &leaves[i].value);
	return err;
}

/* 80000002H to 80000004H: 48 bytes of text, SDM 2A. */
static int put_brand(struct vmapi_cpuid *list, const char *name)
{
	char text[49] = { 0 };
	struct vmapi_x86_cpuid e = { .leaf = 0x80000002u };
	unsigned i;
	int err = 0;

	snprintf(text, sizeof(text), "virtual processor like %s", name);
	for (i = 0; i < 12 && !err; i++) {
		const uint8_t *b = (const uint8_t *)text + 4 * i;

		e.leaf = 0x80000002u + i / 4;
		*vmi_cpuid_register(&e, i % 4) = b[0] |
			(uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
			(uint32_t)b[3] << 24;
		if (i % 4 == 3)
			err = vmi_cpuid_put(list, &e);
	}
	return err;
}

/* What processors of 64 bits have: SDM 2A, leaves from 80000000H on. */
static int put_extended(struct vmapi_cpuid *list,
	const struct vmi_x86_model *model)
{
	struct vmapi_x86_cpuid first = { .leaf = 0x80000000u,
		.eax = 0x80000008u };
	int err;

	if (model->max_leaf < 0xa)
		return 0;
	err = vmi_cpuid_put(list, &first);
	if (!err)
		err = put_brand(list, model->name);
	if (!err) /* 256 KiB, 8 ways, 64 bytes */
		err = put_field(list, "80000006.ecx", 256 << 16 | 6 << 12 | 64);
	if (!err)
		err = put_field(list, "phys-bits", VMI_MODEL_PHYS_BITS);
	if (!err)
		err = put_field(list, "linear-bits", 48);
	return err;
}

int vmi_x86_model_make(const struct vmi_x86_model *model, uint64_t tsc_hz,
	struct vmapi_cpuid *list)
{
	const struct vmi_x86_model *m;
	int err;

	list->n = 0;
	err = put_leaves(list, model->max_leaf);
	if (!err)
		err = put_extended(list, model);
	if (!err)
		err = put_field(list, "1.eax", model->signature);
	for (m = model; m && !err; m = m->base ? vmi_x86_model(m->base) : NULL)
		err = put_features(list, m->features);
	vmi_cpuid_clock(list, tsc_hz);
	return err;
}

/* -- Against what a backend has ----------------------------------------- */

/* Registers that are features, bit by bit. */
static const struct {
	uint32_t leaf, subleaf;
	unsigned reg;
} words_of_features[] = {
	{ 1, 0, VMAPI_CPUID_ECX }, { 1, 0, VMAPI_CPUID_EDX },
	{ 7, 0, VMAPI_CPUID_EBX }, { 7, 0, VMAPI_CPUID_ECX },
	{ 7, 0, VMAPI_CPUID_EDX }, { 0xd, 0, VMAPI_CPUID_EAX },
	{ 0xd, 1, VMAPI_CPUID_EAX }, { 0x80000001, 0, VMAPI_CPUID_ECX },
	{ 0x80000001, 0, VMAPI_CPUID_EDX }, { 0x80000007, 0, VMAPI_CPUID_EDX },
};

static uint32_t word(const struct vmapi_cpuid *list, size_t i)
{
	const struct vmapi_x86_cpuid *e = vmi_cpuid_at(list,
		words_of_features[i].leaf, words_of_features[i].subleaf);

	return e ? vmi_cpuid_value(e, words_of_features[i].reg) : 0;
}

static uint32_t width_of(const struct vmapi_cpuid *list, unsigned shift)
{
	const struct vmapi_x86_cpuid *e = vmi_cpuid_at(list, 0x80000008, 0);

	return e ? e->eax >> shift & 0xff : 0;
}

static void name(struct vmi_words *words, const char *text)
{
	size_t n = strlen(text), at = words->length;

	words->length += n;
	if (at + n < words->room)
		memcpy(words->text + at, text, n + 1);
}

static void lacks_bits(const struct vmapi_x86_cpuid *e, unsigned reg,
	uint32_t bits, struct vmi_words *words)
{
	unsigned bit;

	for (bit = 0; bit < 32; bit++) {
		if (!(bits >> bit & 1))
			continue;
		if (words->length)
			name(words, ", ");
		vmi_cpuid_say_bit(words, e, reg, bit);
	}
}

void vmi_x86_model_lacks(const struct vmapi_cpuid *list,
	const struct vmapi_cpuid *host, struct vmi_words *words)
{
	size_t i;

	if (words->room)
		words->text[0] = '\0';
	for (i = 0; i < vmi_array_len(words_of_features); i++) {
		uint32_t bits = word(list, i) & ~word(host, i);

		if (bits)
			lacks_bits(vmi_cpuid_at(list, words_of_features[i].leaf,
				words_of_features[i].subleaf),
				words_of_features[i].reg, bits, words);
	}
	if (width_of(list, 0) > width_of(host, 0) ||
		width_of(list, 8) > width_of(host, 8))
		name(words, words->length ? ", address width" :
			"address width");
}

/*
 * XSAVE goes with its leaf: without it no state can be saved (SDM 1 13.2).
 */
void vmi_x86_model_meet(struct vmapi_cpuid *list,
	const struct vmapi_cpuid *host)
{
	struct vmapi_x86_cpuid *e;
	size_t i;

	for (i = 0; i < vmi_array_len(words_of_features); i++) {
		e = vmi_cpuid_at(list, words_of_features[i].leaf,
			words_of_features[i].subleaf);
		if (e)
			*vmi_cpuid_register(e, words_of_features[i].reg) &=
				word(host, i);
	}
	e = vmi_cpuid_at(list, 1, 0);
	if (!e || e->ecx >> 26 & 1)
		return;
	vmi_cpuid_remove(list, 0xd, 0);
	vmi_cpuid_remove(list, 0xd, 1);
}

void vmi_x86_model_no_apic(struct vmapi_cpuid *list)
{
	put_field(list, "apic", 0);
	put_field(list, "x2apic", 0);
	put_field(list, "tsc-deadline", 0);
}

/*
 * SDM 4 table 2-2: IA32_BIOS_SIGN_ID, no microcode; MSR_PLATFORM_INFO, bits
 * 15:8, the TSC's frequency in units of 100 MHz; IA32_MISC_ENABLE, fast
 * strings on, no branch trace storage and no precise events.
 */
void vmi_x86_model_msrs(uint64_t tsc_hz,
	struct vmi_x86_model_msr msrs[VMI_MODEL_MSRS])
{
	msrs[0] = (struct vmi_x86_model_msr){ 0x8b, 0 };
	msrs[1] = (struct vmi_x86_model_msr){ 0xce,
		(tsc_hz / 100000000 & 0xff) << 8 };
	msrs[2] = (struct vmi_x86_model_msr){ 0x1a0, 0x1801 };
}
