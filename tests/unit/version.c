/* SPDX-License-Identifier: MIT */
/* The version functions against the numbers in the header. */
#include <stdio.h>
#include <stdlib.h>
#include <vmapi/version.h>

#include "tests/unit/suite.h"

START_TEST(number_is_the_header)
{
	ck_assert_uint_eq(vmapi_version() >> 16, VMAPI_VERSION_MAJOR);
	ck_assert_uint_eq(vmapi_version() >> 8 & 0xff, VMAPI_VERSION_MINOR);
	ck_assert_uint_eq(vmapi_version() & 0xff, VMAPI_VERSION_PATCH);
}
END_TEST

START_TEST(string_is_the_number)
{
	char text[32];

	snprintf(text, sizeof(text), "%u.%u.%u", vmapi_version() >> 16,
		vmapi_version() >> 8 & 0xff, vmapi_version() & 0xff);
	ck_assert_str_eq(vmapi_version_string(), text);
	ck_assert_str_eq(text, VMAPI_VERSION_STRING);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("version");
	Suite *suite = suite_create("version");

	tcase_add_test(tcase, number_is_the_header);
	tcase_add_test(tcase, string_is_the_number);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
