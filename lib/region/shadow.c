/* SPDX-License-Identifier: MIT */
/* What an access to registers that are memory does, byte by byte. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/region/shadow.h"

static unsigned policy_of(const unsigned char *policy, unsigned i)
{
	return policy ? policy[i] : VMAPI_SHADOW_PLAIN;
}

static bool traps(const unsigned char *policy, const struct vmapi_access *a)
{
	unsigned i;

	for (i = 0; i < a->bytes; i++) {
		unsigned p = policy_of(policy, i);

		if (p == VMAPI_SHADOW_TRAP ||
			(p == VMAPI_SHADOW_TRAP_WRITE && a->is_write))
			return true;
	}
	return false;
}

static void write_byte(
	_Atomic(unsigned char) *byte, unsigned policy, unsigned char value)
{
	if (policy == VMAPI_SHADOW_PLAIN)
		atomic_store(byte, value);
	else if (policy == VMAPI_SHADOW_CLEAR)
		atomic_fetch_and(byte, (unsigned char)~value);
}

int vmi_shadow_access(_Atomic(unsigned char) *bytes,
	const unsigned char *policy, struct vmapi_access *a)
{
	unsigned i;

	if (traps(policy, a))
		return -ENOENT;
	if (!a->is_write)
		a->value = 0;
	for (i = 0; i < a->bytes; i++) {
		if (a->is_write)
			write_byte(&bytes[i], policy_of(policy, i),
				(unsigned char)(a->value >> (8 * i)));
		else
			a->value |= (uint64_t)atomic_load(&bytes[i])
				    << (8 * i);
	}
	return 0;
}
