/* SPDX-License-Identifier: MIT */
/* How two lists of CPUID values differ, in words. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/arch/cpuid.h"
#include "lib/compiler.h"

static const char *const registers[4] = { "eax", "ebx", "ecx", "edx" };

static void say(struct vmi_words *w, const char *format, ...)
	vmi_printf(2, 3);

static void say(struct vmi_words *w, const char *format, ...)
{
	size_t left = w->length < w->room ? w->room - w->length : 0;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(left ? w->text + w->length : NULL, left, format, ap);
	va_end(ap);
	if (n > 0)
		w->length += (size_t)n;
}

static void say_leaf(struct vmi_words *w, const struct vmapi_x86_cpuid *e)
{
	if (e->has_subleaf)
		say(w, "%" PRIx32 ".%" PRIx32, e->leaf, e->subleaf);
	else
		say(w, "%" PRIx32, e->leaf);
}

static const struct vmi_cpuid_field *field_at(const struct vmapi_x86_cpuid *e,
	unsigned reg, unsigned bit)
{
	struct vmi_cpuid_field place = { .leaf = e->leaf,
		.subleaf = e->subleaf, .reg = (uint8_t)reg,
		.low = (uint8_t)bit };

	return vmi_cpuid_field_of(&place);
}

void vmi_cpuid_say_bit(struct vmi_words *w, const struct vmapi_x86_cpuid *e,
	unsigned reg, unsigned bit)
{
	const struct vmi_cpuid_field *f = field_at(e, reg, bit);

	if (f) {
		say(w, "%s", f->name);
		return;
	}
	say_leaf(w, e);
	say(w, ".%s[%u]", registers[reg], bit);
}

/* Two entries of one place. */
struct pair {
	const struct vmapi_x86_cpuid *a, *b;
};

/* The bits of a register that have no name: numbers as a whole. */
static void differ_unnamed(struct vmi_words *w, const struct pair *p,
	unsigned reg, uint32_t mask)
{
	if (!mask)
		return;
	say_leaf(w, p->a);
	say(w, ".%s: 0x%08" PRIx32 " and 0x%08" PRIx32 "\n", registers[reg],
		vmi_cpuid_value(p->a, reg) & mask,
		vmi_cpuid_value(p->b, reg) & mask);
}

static void differ_field(struct vmi_words *w, const struct pair *p,
	const struct vmi_cpuid_field *f)
{
	uint32_t mask = vmi_cpuid_mask(f);
	uint32_t a = vmi_cpuid_value(p->a, f->reg) >> f->low & mask;
	uint32_t b = vmi_cpuid_value(p->b, f->reg) >> f->low & mask;

	if (mask == 1)
		say(w, "%s: only the %s has it\n", f->name,
			a ? "first" : "second");
	else
		say(w, "%s: %" PRIu32 " and %" PRIu32 "\n", f->name, a, b);
}

static void differ_register(struct vmi_words *w, const struct pair *p,
	unsigned reg)
{
	uint32_t left = vmi_cpuid_value(p->a, reg) ^ vmi_cpuid_value(p->b, reg);
	uint32_t unnamed = 0;
	unsigned bit;

	for (bit = 0; bit < 32; bit++) {
		const struct vmi_cpuid_field *f = field_at(p->a, reg, bit);

		if (!(left >> bit & 1))
			continue;
		if (!f) {
			unnamed |= 1u << bit;
			continue;
		}
		differ_field(w, p, f);
		left &= ~(vmi_cpuid_mask(f) << f->low);
	}
	differ_unnamed(w, p, reg, unnamed);
}

static void only(struct vmi_words *w, const struct vmapi_x86_cpuid *e,
	const char *which)
{
	unsigned reg;

	say(w, "leaf ");
	say_leaf(w, e);
	say(w, " is only in the %s:", which);
	for (reg = 0; reg < 4; reg++)
		say(w, " %s 0x%08" PRIx32, registers[reg],
			vmi_cpuid_value(e, reg));
	say(w, "\n");
}

static int order(const struct vmapi_x86_cpuid *a,
	const struct vmapi_x86_cpuid *b)
{
	if (a->leaf != b->leaf)
		return a->leaf < b->leaf ? -1 : 1;
	if (a->subleaf != b->subleaf)
		return a->subleaf < b->subleaf ? -1 : 1;
	return 0;
}

static void differ_pair(struct vmi_words *w, const struct pair *p)
{
	unsigned reg;

	if (p->a->has_subleaf != p->b->has_subleaf) {
		say(w, "leaf %" PRIx32 ": only the %s has subleaves\n",
			p->a->leaf, p->a->has_subleaf ? "first" : "second");
	}
	for (reg = 0; reg < 4; reg++)
		differ_register(w, p, reg);
}

void vmi_cpuid_differ(const struct vmapi_cpuid *first,
	const struct vmapi_cpuid *second, struct vmi_words *words)
{
	size_t i = 0, k = 0;

	while (i < first->n || k < second->n) {
		struct pair p = { first->entries + i, second->entries + k };
		int which = i == first->n ? 1 : k == second->n ? -1 :
			order(p.a, p.b);

		if (which < 0)
			only(words, p.a, "first");
		else if (which > 0)
			only(words, p.b, "second");
		else
			differ_pair(words, &p);
		i += which <= 0;
		k += which >= 0;
	}
}
