/* SPDX-License-Identifier: MIT */
/* A software processor with RAM at 0, whose registers move in blocks. */
#ifndef TESTS_SOFT_MACHINE_H
#define TESTS_SOFT_MACHINE_H

#include <stdbool.h>

#include <vmapi/vmapi.h>

#include "lib/arch/x86_state.h"

struct soft_machine {
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_ram *ram;
	struct vmapi_vcpu *vcpu;
	uint8_t *mem; /* the RAM */
	bool failed;  /* one of those below: what it was is printed */
};

/* 0 or -1. */
int soft_machine_open(struct soft_machine *m, uint64_t ram_bytes);
void soft_machine_close(struct soft_machine *m);
void soft_machine_set(struct soft_machine *m, enum vmi_block block,
	const void *data, size_t bytes);
void soft_machine_get(struct soft_machine *m, enum vmi_block block,
	void *data, size_t bytes);
/* Of any call of the library's, and what it was for. */
void soft_machine_must(struct soft_machine *m, int err, const char *what);

#endif
