/* SPDX-License-Identifier: MIT */
/* Checks of the KVM tests: count, say what failed, 77 where there is no KVM. */
#ifndef TESTS_KVM_CHECK_H
#define TESTS_KVM_CHECK_H

#include <stdbool.h>

/* Evaluate once; a false one is printed with its place. */
#define CHECK(x) check_one((x), #x, __FILE__, __LINE__)
/* A call that must return 0; prints the error record where it does not. */
#define OK(x) check_ok((x), #x, __FILE__, __LINE__)
/* A call that must return this. */
#define GIVES(x, code) check_gives((x), (code), #x, __FILE__, __LINE__)

bool check_one(bool good, const char *what, const char *file, int line);
bool check_ok(int rc, const char *what, const char *file, int line);
bool check_gives(int rc, int code, const char *what, const char *file,
	int line);
/* The exit status; prints how many checks there were. */
int check_result(const char *name);

#endif
