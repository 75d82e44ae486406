/* SPDX-License-Identifier: MIT */
/* What the judges print, a line each: see tests/uapi/table.c. */
#ifndef TESTS_UAPI_JUDGE_H
#define TESTS_UAPI_JUDGE_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdio.h>

/* A register that is moved by itself, and the kernel's id of it. */
static void one(const char *name, unsigned long long id)
{
	printf("one %s %016llx\n", name, id);
}

/* A register in a block: where it lies and how long it is. */
static void place(const char *name, size_t offset, size_t bytes)
{
	printf("reg %s %zu %zu\n", name, offset, bytes);
}

#endif
