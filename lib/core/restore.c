/* SPDX-License-Identifier: MIT */
/*
 * Restoring a VM: read, check, change, or change back.
 *
 * The stream is read to its end first.  Sections are kept in memory, pages of
 * RAM in memory of their own (stage.c), and all of it is checked against the
 * VM.  Only then is the VM changed, in the order of state.c.  What no check
 * can foresee, a value that only the processor knows to refuse, makes the
 * apply fail half-way; so the VM's own state is saved to a list first, by the
 * same functions that write streams, and applied again then, and RAM and
 * staging change places once more.
 *
 * The saved list says, too, what a stream for this VM has to have: the same
 * sections, but for those that may be missing.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/state.h"
#include "lib/sys/sys.h"

#define SECTIONS_MAX 16384u
#define MEMORY_MAX   (256u << 20) /* of all sections but pages */

/* -- Reading ------------------------------------------------------------ */

struct restore {
	struct vmi_state s;
	struct vmi_stream stream;
	struct vmi_stream_head head;
	struct vmi_section_list sections; /* of the stream */
	struct vmi_section_list before;   /* of the VM as it was */
	uint8_t *piece;	      /* a section of pages */
};

static int keep(struct restore *r, struct vmi_section *section)
{
	int err;

	if (r->sections.n == SECTIONS_MAX ||
		section->bytes > MEMORY_MAX - r->sections.bytes)
		return vmi_fail(-EBADMSG, "stream",
			"there are too many sections");
	if (vmi_sections_find(&r->sections, section->type, section->index))
		return vmi_bad_section(section, "its coming twice");
	section->data = vmi_alloc((size_t)section->bytes + 1);
	if (!section->data)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	err = vmi_stream_body(&r->stream, section, section->data);
	if (err) {
		vmi_free(section->data);
		return err;
	}
	if (section->type >= VMI_SECTION_TYPES) { /* it was good, that is all */
		vmi_free(section->data);
		return 0;
	}
	return vmi_sections_add(&r->sections, section);
}

/* Of RAM: what is staged is not kept. */
static int read_ram(struct restore *r, struct vmi_section *section)
{
	int err;

	if (!r->piece)
		r->piece = vmi_alloc(VMAPI_SECTION_MAX);
	if (!r->piece)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	section->data = r->piece;
	err = vmi_stream_body(&r->stream, section, r->piece);
	if (err)
		return err;
	return section->type == VMI_SECTION_RAM
		? vmi_stage_ram(&r->s, section)
		: vmi_stage_pages(&r->s, section);
}

static int read_section(struct restore *r, struct vmi_section *section)
{
	if (section->flags & ~VMI_SECTION_SKIPPABLE)
		return vmi_fail(-EPROTONOSUPPORT, "stream",
			"section %" PRIu32 " has unknown flags",
			r->stream.sequence - 1);
	if (section->type == VMI_SECTION_RAM ||
		section->type == VMI_SECTION_PAGES)
		return read_ram(r, section);
	if (section->type >= VMI_SECTION_TYPES &&
		!(section->flags & VMI_SECTION_SKIPPABLE))
		return vmi_fail(-EPROTONOSUPPORT, "stream",
			"it needs a section of type %" PRIu32 ", which this "
			"library does not know", section->type);
	return keep(r, section);
}

static int check_head(const struct restore *r)
{
	const struct vmapi_vm *vm = r->s.vm;
	const struct vmapi_vcpu *vcpu;

	if (r->head.machine != vm->ctx->be->regs_arch()->machine)
		return vmi_fail(-ENODEV, "vm",
			"the stream's processors are of another architecture "
			"(ELF machine %" PRIu32 ")", r->head.machine);
	if (!r->s.delta)
		return 0;
	if (!vm->has_state || memcmp(r->head.parent, vm->state_id,
				      VMI_STREAM_ID))
		return vmi_fail(-ESTALE, "vm",
			"the stream is a delta, and not to the VM's state");
	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next)
		if (vcpu->has_moved_on)
			return vmi_fail(-ESTALE, "vm",
				"the stream is a delta, and vcpu %" PRIu64
				" ran since", vcpu->id);
	return 0;
}

static int read_stream(struct restore *r)
{
	struct vmi_section section = { .type = VMI_SECTION_MACHINE };
	int err = vmi_stream_read_head(&r->stream, &r->head);

	if (err)
		return err;
	r->s.delta = r->head.flags & VMI_STREAM_DELTA;
	r->s.is_rounds = r->head.flags & VMI_STREAM_ROUNDS;
	err = check_head(r);
	while (!err) {
		err = vmi_stream_next(&r->stream, &section);
		if (err || section.type == VMI_SECTION_END)
			break;
		err = read_section(r, &section);
	}
	if (!err && (section.bytes || section.flags || section.index ||
			section.crc))
		err = vmi_bad_section(&section, "what is in it");
	return err;
}

/* -- Checking ----------------------------------------------------------- */

static bool is_optional(const struct vmi_section *section)
{
	return section->flags & VMI_SECTION_SKIPPABLE;
}

static int missing(const struct vmi_section *section, const char *where)
{
	return vmi_fail(-ENODEV, "vm", "%s has no %s %" PRIu32, where,
		vmi_section_name(section->type), section->index);
}

/* What is there on one side has to be on the other. */
static int check_alike(const struct restore *r)
{
	size_t i;

	for (i = 0; i < r->before.n; i++) {
		const struct vmi_section *x = &r->before.items[i];

		if (!is_optional(x) && !vmi_sections_find(&r->sections,
				x->type, x->index))
			return missing(x, "the stream");
	}
	for (i = 0; i < r->sections.n; i++) {
		const struct vmi_section *x = &r->sections.items[i];

		if (x->type != VMI_SECTION_APP && !is_optional(x) &&
			!vmi_sections_find(&r->before, x->type, x->index))
			return missing(x, "the VM");
	}
	for (i = 0; i < r->s.n_rams; i++)
		if (!r->s.rams[i].is_there)
			return vmi_fail(-ENODEV, "vm",
				"the stream has no ram '%s'",
				r->s.rams[i].ram->name);
	return 0;
}

/* For each section of the stream that the VM has, part by part. */
static int for_parts(struct restore *r, const struct vmi_section_list *list, bool apply)
{
	const struct vmi_part *part;
	size_t i, k;
	int err = 0;

	for (k = 0; !err && (part = vmi_state_part(k)); k++)
		for (i = 0; i < list->n && !err; i++) {
			const struct vmi_section *x = &list->items[i];

			if (x->type == part->type &&
				vmi_sections_find(&r->before, x->type, x->index))
				err = apply ? part->apply(&r->s, x)
					    : part->check(&r->s, x);
		}
	return err;
}

/* -- The application's sections ----------------------------------------- */

#define NAME_BYTES sizeof(((struct vmapi_section *)0)->name)

static struct vmapi_section *wanted(struct restore *r, const uint8_t *name)
{
	size_t i;

	for (i = 0; i < r->s.config.n_sections; i++)
		if (!strncmp(r->s.config.sections[i].name, (const char *)name,
			    NAME_BYTES))
			return &r->s.config.sections[i];
	return NULL;
}

static const struct vmi_section *named(
	const struct restore *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->sections.n; i++) {
		const struct vmi_section *x = &r->sections.items[i];

		if (x->type == VMI_SECTION_APP && x->bytes >= NAME_BYTES &&
			!strncmp((const char *)x->data, name, NAME_BYTES))
			return x;
	}
	return NULL;
}

static int check_sections(struct restore *r)
{
	size_t i;

	for (i = 0; i < r->sections.n; i++) {
		const struct vmi_section *x = &r->sections.items[i];

		if (x->type != VMI_SECTION_APP)
			continue;
		if (x->bytes < NAME_BYTES || !*x->data)
			return vmi_bad_section(x, "its name");
		if (!is_optional(x) && !wanted(r, x->data))
			return vmi_fail(-ENODEV, "vm",
				"the stream has a section '%.32s', which "
				"nobody wants", (const char *)x->data);
	}
	return 0;
}

/* Lengths first: nothing is written where one does not fit. */
static int give_sections(struct restore *r)
{
	size_t i, n, room;

	for (i = 0; i < r->s.config.n_sections; i++) {
		struct vmapi_section *own = &r->s.config.sections[i];
		const struct vmi_section *x = named(r, own->name);


		if (!x && !(own->flags & VMAPI_SECTION_OPTIONAL))
			return vmi_fail(-ENODEV, "vm",
				"the stream has no section '%s'", own->name);
		n = x ? (size_t)x->bytes - NAME_BYTES : 0;
		if (n <= own->bytes)
			continue;
		room = own->bytes;
		own->bytes = n;
		return vmi_fail(-ENOSPC, "vm",
			"section '%s' has %zu bytes, there is room for %zu",
			own->name, n, room);
	}
	for (i = 0; i < r->s.config.n_sections; i++) {
		struct vmapi_section *own = &r->s.config.sections[i];
		const struct vmi_section *x = named(r, own->name);

		own->bytes = x ? (size_t)x->bytes - NAME_BYTES : 0;
		if (own->bytes)
			memcpy(own->data, x->data + NAME_BYTES, own->bytes);
	}
	return 0;
}

static int check_all(struct restore *r)
{
	int err = check_alike(r);

	if (!err)
		err = for_parts(r, &r->sections, false);
	if (!err)
		err = check_sections(r);
	if (!err)
		err = give_sections(r);
	return err ? err : vmi_state_ask(&r->s);
}

/* -- Changing ----------------------------------------------------------- */

/* The error that is told is the one that made us turn back. */
static int take_back(struct restore *r, int why)
{
	struct vmapi_error first = *vmapi_error_last();

	vmi_stage_swap(&r->s);
	if (for_parts(r, &r->before, true))
		return vmi_fail(-EIO, "vm",
			"it could neither be restored nor taken back (%s): %s",
			first.message, "reset it");
	return vmi_fail_range(why, first.range_first, first.range_size, "%s",
		first.message);
}

static int change(struct restore *r)
{
	struct vmapi_vcpu *vcpu;
	int err;

	vmi_stage_swap(&r->s);
	err = for_parts(r, &r->sections, true);
	if (err)
		return take_back(r, err);
	for (vcpu = r->s.vm->vcpus; vcpu; vcpu = vcpu->next)
		vcpu->has_moved_on = false;
	memcpy(r->s.vm->state_id, r->head.id, VMI_STREAM_ID);
	r->s.vm->has_state = true;
	/* If that fails, the next delta has more pages than it needs. */
	(void)vmi_state_take_logs(&r->s, true);
	return 0;
}

static int restore(struct restore *r, int fd)
{
	int err = vmi_stream_open(&r->stream, fd);

	if (err)
		return err;
	err = read_stream(r);
	if (!err)
		err = vmi_state_save_parts(&r->s, &r->before.sink);
	if (!err)
		err = vmi_state_follow_logs(&r->s);
	if (!err)
		err = check_all(r);
	if (!err)
		err = change(r);
	vmi_sections_free(&r->sections);
	vmi_sections_free(&r->before);
	vmi_free(r->piece);
	vmi_stream_close(&r->stream);
	return err;
}

int vmapi_vm_restore(struct vmapi_vm *vm, int fd,
	const struct vmapi_state_config *config)
{
	struct restore r = { .sections.sink = { vmi_sections_put },
		.before.sink = { vmi_sections_put } };
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_state_config c;

	if (err)
		return err;
	err = vmi_state_config(&c, config, 0);
	if (!err)
		err = vmi_state_begin(&r.s, vm, &c);
	if (err)
		return err;
	err = vmi_state_stop(&r.s);
	if (!err)
		err = restore(&r, fd);
	vmi_state_end(&r.s);
	return vmi_retell(err, __func__);
}
