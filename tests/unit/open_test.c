/* SPDX-License-Identifier: MIT */
/* Opening: backends that fail, and those that are passed over. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/null.h"
#include "tests/unit/suite.h"

START_TEST(backend_failures)
{
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_vcpu *vcpu;

	null_reset();
	null_knobs.open_error = -EACCES;
	ck_assert_int_eq(vmapi_open("null", 0, &ctx), -EACCES);
	ck_assert_int_eq(vmapi_error_last()->code, -EACCES);
	null_knobs.open_error = 0;
	ck_assert_int_eq(vmapi_open("null", 0, &ctx), 0);
	null_knobs.vm_error = -EBUSY;
	ck_assert_int_eq(vmapi_vm_create(ctx, NULL, &vm), -EBUSY);
	null_knobs.vm_error = 0;
	ck_assert_int_eq(vmapi_vm_create(ctx, NULL, &vm), 0);
	null_knobs.vcpu_error = -EMFILE;
	ck_assert_int_eq(vmapi_vcpu_create(vm, NULL, &vcpu), -EMFILE);
	null_knobs.vcpu_error = 0;
	ck_assert_int_eq(vmapi_vcpu_create(vm, NULL, &vcpu), 0);
	vmapi_vcpu_destroy(vcpu);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
}
END_TEST

START_TEST(impaired_is_passed_over)
{
	struct vmapi_backend_info info = { .size = sizeof(info) };
	struct vmapi *ctx;
	size_t n;

	null_reset();
	unsetenv("VMAPI_BACKEND");
	ck_assert_int_eq(vmapi_open(NULL, 0, &ctx), 0);
	ck_assert_str_eq(vmapi_backend_reason(ctx), "it is always there");
	vmapi_close(ctx);
	null_knobs.impaired = true;
	ck_assert_int_eq(vmapi_probe(VMAPI_PROBE_TRIAL, &info, 1, &n), 0);
	ck_assert(info.flags & VMAPI_BACKEND_IMPAIRED);
	ck_assert(!(info.flags & VMAPI_BACKEND_DEFAULT));
	null_knobs.impaired = false;
	null_knobs.probe_status = -EACCES;
	ck_assert_int_eq(vmapi_open(NULL, 0, &ctx), -ENODEV);
	ck_assert_ptr_nonnull(strstr(vmapi_error_last()->message,
		"it is always there"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("open");
	TCase *t = tcase_create("open");

	tcase_add_test(t, backend_failures);
	tcase_add_test(t, impaired_is_passed_over);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
