/* SPDX-License-Identifier: MIT */
/* Lists of CPUID values, whoever answers them. */
#ifndef VMI_ARCH_CPUID_H
#define VMI_ARCH_CPUID_H

#include <stdbool.h>

#include <vmapi/cpuid.h>

/* More entries than any processor has. */
#define VMI_CPUID_MAX 4096

/* By leaf and subleaf, each at most once. */
struct vmapi_cpuid {
	struct vmapi_x86_cpuid *entries;
	size_t n;
	size_t room;
};

/* -- cpuid.c: these return 0, -ENOMEM or what they say ------------------- */

void vmi_cpuid_free(struct vmapi_cpuid *list);
/* Room for n entries in all, undefined contents; 0 entries are in it. */
int vmi_cpuid_room(struct vmapi_cpuid *list, size_t n);
/* Put what came in any order in order; of two for one place the first. */
void vmi_cpuid_sort(struct vmapi_cpuid *list);
int vmi_cpuid_copy(struct vmapi_cpuid *to, const struct vmapi_cpuid *from);

/* What answers a leaf and subleaf, or NULL. */
struct vmapi_x86_cpuid *vmi_cpuid_at(const struct vmapi_cpuid *list,
	uint32_t leaf, uint32_t subleaf);
/* -EINVAL, -E2BIG: see vmapi_cpuid_put(). */
int vmi_cpuid_put(struct vmapi_cpuid *list,
	const struct vmapi_x86_cpuid *entry);
/* -ENOENT. */
int vmi_cpuid_remove(struct vmapi_cpuid *list, uint32_t leaf,
	uint32_t subleaf);

/* Registers of an entry, by enum vmapi_cpuid_register. */
uint32_t *vmi_cpuid_register(struct vmapi_x86_cpuid *entry, unsigned reg);
uint32_t vmi_cpuid_value(const struct vmapi_x86_cpuid *entry, unsigned reg);

/* -EINVAL: more than 65536 threads. */
int vmi_cpuid_place(struct vmapi_cpuid *list,
	const struct vmapi_cpuid_place *place);

/* Let leaves 15H and 16H, if they are there, tell this TSC frequency. */
void vmi_cpuid_clock(struct vmapi_cpuid *list, uint64_t tsc_hz);

/* -- cpuid_field.c ------------------------------------------------------- */

/* A field's place; `name` is NULL behind the last. */
struct vmi_cpuid_field {
	const char *name;
	uint32_t leaf, subleaf;
	uint8_t reg, low, high;
};

extern const struct vmi_cpuid_field vmi_cpuid_fields[];

/* By name or by place: -ENOENT, -EINVAL. */
int vmi_cpuid_parse(const char *text, struct vmi_cpuid_field *field);
/* The named field that holds this bit, or NULL. */
const struct vmi_cpuid_field *vmi_cpuid_field_of(
	const struct vmi_cpuid_field *place);
uint32_t vmi_cpuid_mask(const struct vmi_cpuid_field *field);
uint32_t vmi_cpuid_field_get(const struct vmapi_cpuid *list,
	const struct vmi_cpuid_field *field);
/* -ERANGE: the field is too narrow. */
int vmi_cpuid_field_set(struct vmapi_cpuid *list,
	const struct vmi_cpuid_field *field, uint32_t value);

/* -- cpuid_words.c ------------------------------------------------------- */

/* Text that may be longer than its room. */
struct vmi_words {
	char *text;
	size_t room;
	size_t length; /* that all of it has */
};

void vmi_cpuid_differ(const struct vmapi_cpuid *first,
	const struct vmapi_cpuid *second, struct vmi_words *words);
/* "sse4.2", or "7.0.ebx[5]" where that bit has no name. */
void vmi_cpuid_say_bit(struct vmi_words *words,
	const struct vmapi_x86_cpuid *entry, unsigned reg, unsigned bit);

/* -- cpuid_fit.c --------------------------------------------------------- */

/*
 * Whether a processor that can do what `have` says can be one of which
 * `want` is true; if not, a field that it cannot have.  What a processor
 * keeps up to date itself, and numbers that are no features, may differ.
 */
bool vmi_cpuid_fits(const struct vmapi_cpuid *want,
	const struct vmapi_cpuid *have, struct vmi_words *lacks);

#endif
