/* SPDX-License-Identifier: MIT */
/* What came of a register batch, in words. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/regs.h"

#define SENTENCE 128 /* bytes */

static bool is_plain(size_t bytes, const struct vmapi_reg *reg)
{
	return !reg->data && bytes && bytes <= sizeof(reg->value);
}

/* Of a value: its form, which core checks, or what it says. */
static void say_invalid(const struct vmapi_reg *reg, size_t bytes, char *text)
{
	if (!reg->data && !is_plain(bytes, reg))
		snprintf(text, SENTENCE, "it needs 'data', which is NULL");
	else if (reg->data && bytes && reg->bytes > bytes)
		snprintf(text, SENTENCE, "%" PRIu32 " bytes are given, "
			"it has %zu", reg->bytes, bytes);
	else if (is_plain(bytes, reg) && bytes < sizeof(reg->value) &&
		reg->value >> 8 * bytes)
		snprintf(text, SENTENCE, "0x%" PRIx64 " is more than its "
			"%zu bytes hold", reg->value, bytes);
	else if (is_plain(bytes, reg))
		snprintf(text, SENTENCE, "this processor cannot have 0x%"
			PRIx64 " there", reg->value);
	else
		snprintf(text, SENTENCE, "this processor cannot be so");
}

/* `reg->bytes` holds the need already. */
static void say_room(const struct vmapi_reg *reg, char *text)
{
	if (reg->data)
		snprintf(text, SENTENCE, "it has %" PRIu32 " bytes, 'bytes' "
			"was less", reg->bytes);
	else
		snprintf(text, SENTENCE, "it has %" PRIu32 " bytes: it needs "
			"'data', which is NULL", reg->bytes);
}

static void say(const struct vmapi_reg *reg, size_t bytes, char *text)
{
	switch (reg->status) {
	case -EINVAL:
		say_invalid(reg, bytes, text);
		break;
	case -ENOSPC:
		say_room(reg, text);
		break;
	case -ENOENT:
		snprintf(text, SENTENCE, "this vcpu has none");
		break;
	case -EPERM:
		snprintf(text, SENTENCE, "it cannot be set");
		break;
	case -EBUSY:
		snprintf(text, SENTENCE, reg->tag == VMAPI_X86_CPUID ?
			"it is frozen since the vcpu ran first" : "not now");
		break;
	default:
		snprintf(text, SENTENCE, "%s", strerror(-reg->status));
	}
}

static int describe(const struct vmi_reg_batch *b, const struct vmapi_reg *reg)
{
	const struct vmi_reg_row *row = vmi_reg_row(b->arch, reg->tag);
	size_t bytes = row ? row->bytes : vmi_tag_bytes(reg->tag);
	char name[32], text[SENTENCE];

	if (!row && !vmi_reg_is_one(b->arch, reg->tag))
		return vmi_fail_range(reg->status, reg->tag, 0,
			"no register has the tag 0x%016" PRIx64, reg->tag);
	if (row)
		snprintf(name, sizeof(name), "%s", row->name);
	else
		vmi_one_name(b->arch, reg->tag, name, sizeof(name));
	if (reg->status == -EINVAL && b->why && row &&
		row->block == b->why_block)
		return vmi_fail_range(reg->status, reg->tag, 0,
			"register %s: %s", name, b->why);
	say(reg, bytes, text);
	return vmi_fail_range(reg->status, reg->tag, 0, "register %s: %s",
		name, text);
}

static bool all_good(const struct vmapi_reg *regs, size_t n)
{
	int32_t any = 0;

	for (; n; n--, regs++)
		any |= regs->status;
	return !any;
}

int vmi_regs_conclude(const struct vmi_reg_batch *b, size_t *done)
{
	const struct vmapi_reg *first = NULL;
	size_t i, good = b->n;

	for (i = all_good(b->regs, b->n) ? b->n : 0; i < b->n; i++) {
		if (!b->regs[i].status)
			continue;
		good--;
		if (!first || first->status == -ECANCELED)
			first = &b->regs[i];
	}
	if (done)
		*done = good;
	return first ? describe(b, first) : 0;
}
