/* SPDX-License-Identifier: MIT */
/* The one place where the library leans on compiler extensions. */
#ifndef VMI_COMPILER_H
#define VMI_COMPILER_H

#define vmi_likely(x)	__builtin_expect(!!(x), 1)
#define vmi_unlikely(x) __builtin_expect(!!(x), 0)
#define vmi_noinline	__attribute__((noinline))

/* Every 64-bit target of gcc and clang has it. */
__extension__ typedef unsigned __int128 vmi_u128;

#endif
