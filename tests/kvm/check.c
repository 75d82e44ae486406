/* SPDX-License-Identifier: MIT */
/* Counting and printing for the KVM tests. */
#include "tests/kvm/check.h"

#include <stdatomic.h>
#include <stdio.h>

#include <vmapi/vmapi.h>

static atomic_uint checks;
static atomic_uint failures;

bool check_one(bool good, const char *what, const char *file, int line)
{
	atomic_fetch_add(&checks, 1);
	if (!good) {
		atomic_fetch_add(&failures, 1);
		printf("%s:%d: not so: %s\n", file, line, what);
	}
	return good;
}

bool check_gives(int rc, int code, const char *what, const char *file,
	int line)
{
	const struct vmapi_error *error = vmapi_error_last();

	atomic_fetch_add(&checks, 1);
	if (rc == code)
		return true;
	atomic_fetch_add(&failures, 1);
	printf("%s:%d: %s gave %d, not %d", file, line, what, rc, code);
	if (rc)
		printf(" (%s, %s: %s)", error->operation, error->object,
			error->message);
	printf("\n");
	return false;
}

bool check_ok(int rc, const char *what, const char *file, int line)
{
	return check_gives(rc, 0, what, file, line);
}

int check_result(const char *name)
{
	printf("%s: %u checks, %u failed\n", name, atomic_load(&checks),
		atomic_load(&failures));
	return atomic_load(&failures) ? 1 : 0;
}
