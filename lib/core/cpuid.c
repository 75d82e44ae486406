/* SPDX-License-Identifier: MIT */
/* Lists of CPUID values: the public entries. */
#include "lib/arch/cpuid.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/cpuid.h"
#include "lib/sys/sys.h"

static int no_memory(int err)
{
	return err == -ENOMEM ? vmi_fail(err, "cpuid", "no memory") : err;
}

/* -- Lists -------------------------------------------------------------- */

int vmapi_cpuid_create(struct vmapi_cpuid **list)
{
	struct vmapi_cpuid *made;

	vmi_enter_free(__func__);
	if (!list)
		return vmi_null("list");
	made = vmi_zalloc(sizeof(*made));
	if (!made)
		return no_memory(-ENOMEM);
	*list = made;
	return 0;
}

void vmapi_cpuid_destroy(struct vmapi_cpuid *list)
{
	if (list)
		vmi_cpuid_free(list);
	vmi_free(list);
}

int vmi_cpuid_ask(struct vmapi *ctx, struct vmapi_cpuid *list)
{
	const struct vmi_backend *be = ctx->be;
	size_t n = 0;
	int err;

	if (!be->cpuid_supported)
		return vmi_unsupported(ctx);
	err = be->cpuid_supported(ctx, NULL, 0, &n);
	if (!err)
		err = no_memory(vmi_cpuid_room(list, n));
	if (!err)
		err = be->cpuid_supported(ctx, list->entries, list->room, &n);
	if (err)
		return err;
	list->n = n < list->room ? n : list->room;
	vmi_cpuid_sort(list);
	return 0;
}

int vmapi_cpuid_supported(struct vmapi *ctx, struct vmapi_cpuid *list)
{
	int err = vmi_enter(ctx, __func__);

	if (err)
		return err;
	return list ? vmi_cpuid_ask(ctx, list) : vmi_null("list");
}

int vmapi_cpuid_read(struct vmapi_vcpu *vcpu, struct vmapi_cpuid *list)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_CPUID };
	int err;

	if (!list) {
		vmi_enter_free(__func__);
		return vmi_null("list");
	}
	err = vmapi_regs_get(vcpu, &reg, 1, NULL, 0);
	if (reg.status != -ENOSPC)
		return vmi_retell(err ? err : -EIO, __func__);
	vmi_enter_free(__func__);
	err = no_memory(vmi_cpuid_room(
		list, reg.bytes / sizeof(*list->entries)));
	if (err)
		return err;
	reg.data = list->entries;
	err = vmapi_regs_get(vcpu, &reg, 1, NULL, 0);
	if (err)
		return vmi_retell(err, __func__);
	list->n = reg.bytes / sizeof(*list->entries);
	vmi_cpuid_sort(list);
	return 0;
}

int vmapi_cpuid_write(struct vmapi_vcpu *vcpu, const struct vmapi_cpuid *list)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_CPUID };

	if (!list) {
		vmi_enter_free(__func__);
		return vmi_null("list");
	}
	reg.data = list->entries;
	reg.bytes = (uint32_t)(list->n * sizeof(*list->entries));
	return vmi_retell(vmapi_regs_set(vcpu, &reg, 1, NULL, 0), __func__);
}

int vmapi_cpuid_entries(const struct vmapi_cpuid *list,
	const struct vmapi_x86_cpuid **entries, size_t *n)
{
	vmi_enter_free(__func__);
	if (!list || !entries || !n)
		return vmi_null(!list ? "list" : entries ? "n" : "entries");
	*entries = list->entries;
	*n = list->n;
	return 0;
}

int vmapi_cpuid_find(const struct vmapi_cpuid *list, uint32_t leaf,
	uint32_t subleaf, struct vmapi_x86_cpuid *entry)
{
	const struct vmapi_x86_cpuid *found;

	vmi_enter_free(__func__);
	if (!list || !entry)
		return vmi_null(list ? "entry" : "list");
	found = vmi_cpuid_at(list, leaf, subleaf);
	if (!found)
		return vmi_fail_range(-ENOENT, leaf, subleaf,
			"the list has no leaf 0x%" PRIx32 ", subleaf 0x%"
			PRIx32, leaf, subleaf);
	*entry = *found;
	return 0;
}

int vmapi_cpuid_put(struct vmapi_cpuid *list,
	const struct vmapi_x86_cpuid *entry)
{
	int err;

	vmi_enter_free(__func__);
	if (!list || !entry)
		return vmi_null(list ? "entry" : "list");
	err = vmi_cpuid_put(list, entry);
	if (err == -EINVAL)
		return vmi_fail_range(err, entry->leaf, entry->subleaf,
			"leaf 0x%" PRIx32 ": has_subleaf %" PRIu32 " with "
			"subleaf 0x%" PRIx32 " is wrong, or not as in the "
			"list", entry->leaf, entry->has_subleaf,
			entry->subleaf);
	if (err == -E2BIG)
		return vmi_fail(err, "cpuid", "%d entries are the most",
			VMI_CPUID_MAX);
	return no_memory(err);
}

int vmapi_cpuid_remove(struct vmapi_cpuid *list, uint32_t leaf,
	uint32_t subleaf)
{
	vmi_enter_free(__func__);
	if (!list)
		return vmi_null("list");
	if (!vmi_cpuid_remove(list, leaf, subleaf))
		return 0;
	return vmi_fail_range(-ENOENT, leaf, subleaf,
		"the list has no leaf 0x%" PRIx32 ", subleaf 0x%" PRIx32, leaf,
		subleaf);
}

/* -- Fields ------------------------------------------------------------- */

static size_t n_fields(void)
{
	size_t n = 0;

	while (vmi_cpuid_fields[n].name)
		n++;
	return n;
}

static int tell(const struct vmi_cpuid_field *f, struct vmapi_cpuid_field *out)
{
	struct vmapi_cpuid_field own = { .size = sizeof(own), .leaf = f->leaf,
		.subleaf = f->subleaf, .reg = f->reg, .low = f->low,
		.high = f->high, .name = f->name };
	int err = vmi_out_check(out, sizeof(own));

	if (!err)
		vmi_out_copy(out, &own, sizeof(own));
	return err;
}

int vmapi_cpuid_field(size_t n, struct vmapi_cpuid_field *field)
{
	vmi_enter_free(__func__);
	if (!field)
		return vmi_null("field");
	if (n >= n_fields())
		return vmi_fail(-ENOENT, "cpuid", "there are %zu named fields",
			n_fields());
	return tell(&vmi_cpuid_fields[n], field);
}

static int parse(const char *text, struct vmi_cpuid_field *field)
{
	int err = vmi_cpuid_parse(text, field);

	if (err == -ENOENT)
		return vmi_fail(err, "cpuid", "no field of CPUID is called "
			"'%.40s'", text);
	if (err)
		return vmi_fail(err, "cpuid", "'%.40s' is no place in CPUID: "
			"LEAF.SUBLEAF.REGISTER[HIGH:LOW]", text);
	return 0;
}

int vmapi_cpuid_field_parse(const char *text, struct vmapi_cpuid_field *field)
{
	struct vmi_cpuid_field f;
	int err;

	vmi_enter_free(__func__);
	if (!text || !field)
		return vmi_null(text ? "field" : "text");
	err = parse(text, &f);
	return err ? err : tell(&f, field);
}

int vmapi_cpuid_get(const struct vmapi_cpuid *list, const char *field,
	uint32_t *value)
{
	struct vmi_cpuid_field f;
	int err;

	vmi_enter_free(__func__);
	if (!list || !field || !value)
		return vmi_null(!list ? "list" : field ? "value" : "field");
	err = parse(field, &f);
	if (!err)
		*value = vmi_cpuid_field_get(list, &f);
	return err;
}

int vmapi_cpuid_set(struct vmapi_cpuid *list, const char *field,
	uint32_t value)
{
	struct vmi_cpuid_field f;
	int err;

	vmi_enter_free(__func__);
	if (!list || !field)
		return vmi_null(list ? "field" : "list");
	err = parse(field, &f);
	if (err)
		return err;
	err = vmi_cpuid_field_set(list, &f, value);
	if (err == -ERANGE)
		return vmi_fail(err, "cpuid", "%s: %" PRIu32 " needs more than "
			"%u bits", field, value, f.high - f.low + 1u);
	if (err == -EINVAL)
		return vmi_fail(err, "cpuid", "%s: that leaf has no subleaves, "
			"or has some", field);
	return no_memory(err);
}

/* -- Places and differences --------------------------------------------- */

int vmapi_cpuid_place(struct vmapi_cpuid *list,
	const struct vmapi_cpuid_place *place)
{
	struct vmapi_cpuid_place own;
	int err;

	vmi_enter_free(__func__);
	if (!list || !place)
		return vmi_null(list ? "place" : "list");
	err = vmi_config_copy(&own, sizeof(own), place, sizeof(own));
	if (err)
		return err;
	err = vmi_cpuid_place(list, &own);
	if (err == -EINVAL)
		return vmi_fail(err, "cpuid", "%" PRIu32 " cores of %" PRIu32
			" threads do not fit into a package", own.cores,
			own.threads);
	return no_memory(err);
}

int vmapi_cpuid_compare(const struct vmapi_cpuid *first,
	const struct vmapi_cpuid *second, char *text, size_t room,
	size_t *length)
{
	struct vmi_words words = { .text = text, .room = room };

	vmi_enter_free(__func__);
	if (!first || !second || !length || (room && !text))
		return vmi_null(!first ? "first" : !second ? "second" :
			length ? "text" : "length");
	if (room)
		text[0] = '\0';
	vmi_cpuid_differ(first, second, &words);
	*length = words.length;
	return 0;
}

/* -- Of a vcpu ---------------------------------------------------------- */

int vmi_vcpu_cpuid(struct vmapi_vcpu *vcpu, struct vmapi_cpuid *list)
{
	struct vmapi_cpuid_place place = { .apic_id = (uint32_t)vcpu->id };
	int err;

	memset(list, 0, sizeof(*list));
	err = vmi_cpuid_copy(list, vcpu->vm->cpuid);
	if (!err)
		err = vmi_cpuid_place(list, &place);
	if (!err)
		return 0;
	vmi_cpuid_free(list);
	return vmi_fail(err, "vm", "no memory for CPUID");
}
