/* SPDX-License-Identifier: MIT */
/* x87 instructions on the software processor, by their bytes. */
#ifndef TESTS_SOFT_X87_SOFT_H
#define TESTS_SOFT_X87_SOFT_H

#include "lib/soft/value.h"
#include "tests/soft/int_stub.h"
#include "tests/soft/x87_case.h"

#define X87_AT 0x2000u /* the operand's address */

/* Decode and fill in stub.op; NULL: no such instruction. */
vmi_helper *x87_prepare(const uint8_t *insn, unsigned len);

/* STUB_DONE, or STUB_FAULT with stub.cpu.fault; -1: no such instruction. */
int x87_soft_run(struct x87_case *t, const uint8_t *insn, unsigned len);

#endif
