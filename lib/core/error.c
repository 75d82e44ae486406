/* SPDX-License-Identifier: MIT */
/* The error record of a thread, and the checks at the head of each call. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/sys/sys.h"

static vmi_tls struct vmapi_error last;
static vmi_tls const char *operation;
static vmi_tls char label[48];

const struct vmapi_error *vmapi_error_last(void)
{
	return &last;
}

/* strncpy() that terminates, of a string that may be NULL. */
static void copy_string(char *to, size_t room, const char *from)
{
	size_t n = from ? strnlen(from, room - 1) : 0;

	if (n)
		memmove(to, from, n);
	to[n] = '\0';
}

static void begin_record(int code, const char *object)
{
	last.code = code;
	last.range_first = 0;
	last.range_size = 0;
	copy_string(last.operation, sizeof(last.operation), operation);
	copy_string(last.object, sizeof(last.object), object);
}

int vmi_fail(int code, const char *object, const char *format, ...)
{
	va_list args;

	begin_record(code, object);
	va_start(args, format);
	vsnprintf(last.message, sizeof(last.message), format, args);
	va_end(args);
	return code;
}

int vmi_fail_range(
	int code, uint64_t first, uint64_t size, const char *format, ...)
{
	va_list args;

	begin_record(code, "");
	last.range_first = first;
	last.range_size = size;
	va_start(args, format);
	vsnprintf(last.message, sizeof(last.message), format, args);
	va_end(args);
	return code;
}

int vmi_fail_again(const struct vmapi_error *failure)
{
	last = *failure;
	return last.code;
}

const char *vmi_object(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(label, sizeof(label), format, args);
	va_end(args);
	return label;
}

bool vmi_is_another_process(const struct vmapi *ctx)
{
	return vmi_sys->getpid() != ctx->pid;
}

void vmi_enter_free(const char *name)
{
	operation = name;
}

int vmi_enter(const struct vmapi *ctx, const char *name)
{
	operation = name;
	if (vmi_unlikely(!ctx))
		return vmi_fail(-EINVAL, "", "the handle is NULL");
	if (vmi_unlikely(vmi_is_inherited(ctx)))
		return vmi_fail(-EPERM, "context",
			"the context was opened by process %ld, before a fork",
			(long)ctx->pid);
	return 0;
}

int vmi_enter_late(int code, const char *name)
{
	operation = name;
	copy_string(last.operation, sizeof(last.operation), name);
	return code;
}

int vmi_retell(int err, const char *name)
{
	return err ? vmi_enter_late(err, name) : 0;
}

int vmi_unsupported(const struct vmapi *ctx)
{
	return vmi_fail(-ENOTSUP, "context", "the %s backend cannot do this",
		ctx->be->name);
}

int vmi_null(const char *parameter)
{
	return vmi_fail(-EINVAL, "", "'%s' is NULL", parameter);
}

/* -- Structs that grow -------------------------------------------------- */

static uint32_t size_of(const void *from)
{
	uint32_t size;

	memcpy(&size, from, sizeof(size));
	return size;
}

int vmi_element_copy(void *to, size_t to_size, const void *from, size_t size)
{
	const uint8_t *bytes = from;
	uint32_t own = (uint32_t)to_size;
	size_t i;

	for (i = to_size; i < size; i++)
		if (bytes[i])
			return vmi_fail(-E2BIG, "",
				"byte %zu of the struct is set, this version "
				"of the library knows %zu bytes", i, to_size);
	memset(to, 0, to_size);
	memcpy(to, from, size < to_size ? size : to_size);
	memcpy(to, &own, sizeof(own));
	return 0;
}

int vmi_config_copy(
	void *to, size_t to_size, const void *from, size_t first_version)
{
	int err = vmi_out_check(from, first_version);

	return err ? err : vmi_element_copy(to, to_size, from, size_of(from));
}

int vmi_out_check(const void *to, size_t first_version)
{
	size_t size = size_of(to);

	if (size >= first_version)
		return 0;
	return vmi_fail(-EINVAL, "",
		"the struct's size is %zu, at least %zu is needed", size,
		first_version);
}

void vmi_out_copy(void *to, const void *from, size_t size)
{
	uint32_t room = size_of(to);
	uint32_t n = room < size ? room : (uint32_t)size;

	memcpy(to, from, n);
	memcpy(to, &n, sizeof(n));
}
