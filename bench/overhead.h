/* SPDX-License-Identifier: MIT */
/* What the library costs beside the system calls that it makes. */
#ifndef BENCH_OVERHEAD_H
#define BENCH_OVERHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmapi/vmapi.h>

#define OVERHEAD_RAM   0x1000000u /* logged, from 0 on */
#define OVERHEAD_SPARE 0x10000u	  /* that comes and goes */

/* The registers of a batch, each with room of its own. */
struct overhead_regs {
	struct vmapi_reg *regs;
	size_t n;
};

struct overhead_machine {
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_ram *ram, *spare;
	struct vmapi_irq *irq;
	/* one that promises nothing; one whose threads keep their masks */
	struct vmapi_vcpu *vcpu, *steady;
	uint8_t *mem;
	int eventfd;
	uint8_t *bitmap;
	struct overhead_regs get, set;
	struct overhead_raw *raw;
};

/* One operation, by the library and by the system calls that it stands for. */
struct overhead_op {
	const char *name, *what;
	unsigned batch; /* so many are timed at once */
	/* Before each batch, untimed; may be NULL. */
	bool (*prepare)(struct overhead_machine *m);
	int (*ours)(struct overhead_machine *m);
	int (*raw)(struct overhead_machine *m);
};

extern const struct overhead_op overhead_ops[];
extern const size_t overhead_n_ops;

/* False: it was said why not. */
bool overhead_open(struct overhead_machine *m);
void overhead_close(struct overhead_machine *m);

/* -- overhead_raw.c: the system calls alone ------------------------------ */

bool overhead_raw_open(struct overhead_machine *m);
void overhead_raw_close(struct overhead_machine *m);
int overhead_raw_run(struct overhead_machine *m);
int overhead_raw_run_steady(struct overhead_machine *m);
int overhead_raw_get_one(struct overhead_machine *m);
int overhead_raw_set_one(struct overhead_machine *m);
int overhead_raw_get_all(struct overhead_machine *m);
int overhead_raw_set_all(struct overhead_machine *m);
int overhead_raw_line(struct overhead_machine *m);
int overhead_raw_ioeventfd(struct overhead_machine *m);
int overhead_raw_commit(struct overhead_machine *m);
int overhead_raw_dirty(struct overhead_machine *m);

/* -- overhead_kernel.c: a kernel whose instructions do not count --------- */

/* Put it behind lib/sys. */
void overhead_kernel_install(void);
/* Before each operation: the next exit is a port write. */
void overhead_kernel_rewind(void);
/* From here on its instructions are those of uncounted(). */
void overhead_kernel_count(void);
/* How often it was called then, since it was rewound. */
unsigned long overhead_kernel_calls(void);

#endif
