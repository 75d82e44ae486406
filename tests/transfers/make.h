/* SPDX-License-Identifier: MIT */
/* What the generator knows of a case while it makes it. */
#ifndef VMI_TESTS_TRANSFERS_MAKE_H
#define VMI_TESTS_TRANSFERS_MAKE_H

#include "tests/transfers/transfers.h"

/* What may be made wrong: its place in memory, and how long it is. */
enum part { P_DESCRIPTOR, P_SELECTOR, P_POINTER };

struct place {
	uint32_t at;
	uint8_t bytes;
	enum part part;
};

#define PLACES 96

struct maker {
	struct machine *m;
	const struct row *row;
	struct random r;
	unsigned gdt, ldt, ldt_new; /* the next free entry of each */
	unsigned cpl, vector, kernel_cs;
	bool is_long, is_86, is_real;
	struct place places[PLACES];
	unsigned nplaces, nwrong;
};

enum table { IN_GDT, IN_LDT, IN_NEW_LDT };

static inline unsigned some(struct maker *k, unsigned n)
{
	return below(&k->r, n);
}

static inline bool perhaps(struct maker *k, unsigned n)
{
	return one_in(&k->r, n);
}

/* Memory, and a place that may be made wrong. */
void put(struct maker *k, uint32_t at, uint64_t v, unsigned bytes);
void put_part(struct maker *k, uint32_t at, uint64_t v, struct place place);
void put_selector(struct maker *k, uint32_t at, unsigned selector);
void put_pointer(struct maker *k, uint32_t at, uint64_t v, unsigned bytes);

/* Attributes of a code segment: 16, 32 or 64 bits. */
#define TYPE_CODE	0x9au
#define TYPE_CONFORMING 0x9eu
#define TYPE_DATA	0x92u

struct code_of {
	unsigned dpl, bits, type, rpl;
	uint32_t at; /* linear */
	enum table table;
};
/* A selector; the offset of `at` in it. */
unsigned add_code(struct maker *k, const struct code_of *c, uint64_t *offset);
unsigned add_stack(struct maker *k, unsigned dpl, uint32_t at,
	enum table table, uint64_t *sp);
unsigned add_data(struct maker *k, unsigned dpl, enum table table);
/* Gates, task states and local tables: `high` is IA-32e mode's half. */
struct system_of {
	unsigned type, dpl;
	uint64_t low, base;
	uint32_t limit;
};
unsigned add_gate(struct maker *k, unsigned type, unsigned dpl,
	unsigned selector, uint64_t offset);
unsigned add_table(struct maker *k, unsigned type, uint64_t base,
	uint32_t limit);
void put_idt(struct maker *k, unsigned vector, unsigned type,
	unsigned dpl, unsigned selector, uint64_t offset);

enum table some_table(struct maker *k);
uint32_t top_of(struct maker *k, uint32_t pages);
unsigned bits_of(struct maker *k);

/* The tasks, one of which is the current one. */
void make_tss(struct maker *k);
unsigned make_task(struct maker *k, unsigned bits, bool busy);

/* Where the row goes: make_scene.c. */
void make_scene(struct maker *k);
/* Make things wrong: make_wrong.c. */
void make_wrong(struct maker *k);

#endif
