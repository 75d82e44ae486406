/* SPDX-License-Identifier: MIT */
/* Cases of transfers: who makes them, and who executes them. */
#ifndef VMI_TESTS_TRANSFERS_TRANSFERS_H
#define VMI_TESTS_TRANSFERS_TRANSFERS_H

#include "tests/transfers/machine.h"

enum mode { M_REAL, M_V86, M_16, M_32, M_COMPAT, M_64 };

/* Where a case goes, before anything is made wrong. */
enum to {
	TO_NOWHERE,
	TO_CODE, TO_CONFORMING,		     /* CALL, JMP */
	TO_GATE_SAME, TO_GATE_CONFORMING, TO_GATE_INNER,
	TO_TSS, TO_TASK_GATE,
	TO_SAME, TO_OUTER, TO_8086, TO_LINK, /* RET, IRET */
	TO_IDT_SAME, TO_IDT_CONFORMING, TO_IDT_INNER, TO_IDT_TASK,
	TO_PROGRAM			     /* virtual-8086 mode's own */
};

struct row {
	enum mode mode;
	enum insn insn; /* or I_NONE: an event of `kind` */
	enum kind kind;
	enum to to;
	unsigned bits; /* of the gate or the new TSS */
	const char *name;
};

extern const struct row rows[];
extern const size_t nrows;

struct random {
	uint64_t s;
};

uint64_t any(struct random *r);
unsigned below(struct random *r, unsigned n);
static inline bool one_in(struct random *r, unsigned n)
{
	return below(r, n) == 0;
}

/* A case of a row. */
void make(struct machine *m, const struct row *row, struct random *r);

/* -- The software processor ----------------------------------------------- */

/* 0, or -1 with a sentence printed. */
int soft_open(void);
void soft_close(void);
/* `now`, `mem` and `event` of a case become what it makes of them. */
bool soft_run(struct machine *m);

#endif
