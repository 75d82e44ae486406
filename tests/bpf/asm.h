/* SPDX-License-Identifier: MIT */
/* Instructions by their RFC's names, for programs in tests. */
#ifndef TESTS_BPF_ASM_H
#define TESTS_BPF_ASM_H

#include "lib/region/bpf/bpf.h"

#define K(code, reg, number)                                                   \
	{ VMI_BPF_ALU64 | VMI_BPF_##code, reg, 0, 0, number }
#define X(code, reg, by)                                                       \
	{ VMI_BPF_ALU64 | VMI_BPF_X | VMI_BPF_##code, reg, by, 0, 0 }
#define WK(code, reg, number)                                                  \
	{ VMI_BPF_ALU | VMI_BPF_##code, reg, 0, 0, number }
#define WX(code, reg, by)                                                      \
	{ VMI_BPF_ALU | VMI_BPF_X | VMI_BPF_##code, reg, by, 0, 0 }
#define JK(code, reg, number, over)                                            \
	{ VMI_BPF_JMP | VMI_BPF_##code, reg, 0, over, number }
#define JX(code, reg, by, over)                                                \
	{ VMI_BPF_JMP | VMI_BPF_X | VMI_BPF_##code, reg, by, over, 0 }
#define JWK(code, reg, number, over)                                           \
	{ VMI_BPF_JMP32 | VMI_BPF_##code, reg, 0, over, number }
#define GOTO(over) { VMI_BPF_JMP | VMI_BPF_JA, 0, 0, over, 0 }
/* Sizes: B, H, W, DW. */
#define SIZE_B	0x10
#define SIZE_H	0x08
#define SIZE_W	0x00
#define SIZE_DW 0x18
#define LDX(size, reg, from, at)                                               \
	{ VMI_BPF_LDX | VMI_BPF_MEM | SIZE_##size, reg, from, at, 0 }
#define ST(size, to, at, number)                                               \
	{ VMI_BPF_ST | VMI_BPF_MEM | SIZE_##size, to, 0, at, number }
#define STX(size, to, at, reg)                                                 \
	{ VMI_BPF_STX | VMI_BPF_MEM | SIZE_##size, to, reg, at, 0 }
#define ATOMIC(size, what, to, at, reg)                                        \
	{ VMI_BPF_STX | VMI_BPF_ATOMIC | SIZE_##size, to, reg, at, what }
#define WINDOW(reg, number, at)                                                \
	{ VMI_BPF_LDDW, reg, VMI_BPF_WINDOW, 0, number }, { 0, 0, 0, 0, at }
#define HELP(number) { VMI_BPF_CALL_INSN, 0, 0, 0, number }
#define CALL(over) { VMI_BPF_CALL_INSN, 0, VMI_BPF_LOCAL, 0, over }
#define EXIT { VMI_BPF_EXIT_INSN, 0, 0, 0, 0 }

#endif
