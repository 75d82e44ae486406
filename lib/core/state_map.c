/* SPDX-License-Identifier: MIT */
/* What is mapped where, in a saved state: entries by RAM object and name. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/state.h"
#include "lib/sys/sys.h"

#define NAME_BYTES  32
#define ENTRY_BYTES (3 * 8 + 4 + NAME_BYTES)

static struct vmapi_as *space_of(const struct vmi_state *s, uint32_t id)
{
	struct vmapi_as *as = s->vm->spaces;

	while (as && as->id != id)
		as = as->next;
	return as;
}

/* -- Saving ------------------------------------------------------------- */

static void put_entries(const struct vmapi_as *as, struct vmi_buffer *b)
{
	const struct vmi_view *view;
	const struct vmi_map_entry *e;

	pthread_mutex_lock(&as->vm->map_lock);
	view = atomic_load(&as->view);
	for (e = vmi_view_at(view, 0); e; e = vmi_view_next(view, e)) {
		vmi_put(b, e->gpa, 8);
		vmi_put(b, e->bytes, 8);
		vmi_put(b, e->offset, 8);
		vmi_put(b, vmi_map_flags(e), 4);
		vmi_put_bytes(b, e->ram->name, NAME_BYTES);
	}
	pthread_mutex_unlock(&as->vm->map_lock);
}

static int save_map(struct vmi_state *s, struct vmi_sink *sink)
{
	struct vmi_buffer b = { .data = NULL };
	struct vmapi_as *as;
	int err = 0;

	for (as = s->vm->spaces; as && !err; as = as->next) {
		put_entries(as, &b);
		err = vmi_emit(sink, &b, (struct vmi_section){
			.type = VMI_SECTION_MAP, .index = as->id });
	}
	vmi_buffer_free(&b);
	return err;
}

/* -- Reading ------------------------------------------------------------ */

/* The next entry; -ENODEV: of RAM that the VM has not. */
static int take_entry(struct vmi_state *s, struct vmi_cursor *c,
	struct vmapi_map_entry *e)
{
	char name[NAME_BYTES + 1] = { 0 };
	const struct vmi_state_ram *r;
	const uint8_t *at;

	*e = (struct vmapi_map_entry){ .size = sizeof(*e) };
	e->gpa = vmi_take(c, 8);
	e->bytes = vmi_take(c, 8);
	e->offset = vmi_take(c, 8);
	e->flags = (uint32_t)vmi_take(c, 4);
	at = vmi_take_bytes(c, NAME_BYTES);
	if (!at)
		return -EBADMSG;
	memcpy(name, at, NAME_BYTES);
	r = vmi_state_ram(s, name);
	if (!r)
		return vmi_fail(-ENODEV, "vm",
			"the stream maps ram '%s', which the VM has not",
			name);
	e->ram = r->ram;
	return 0;
}

static int check_map(struct vmi_state *s, const struct vmi_section *section)
{
	struct vmi_cursor c = vmi_section_cursor(section);
	struct vmapi_map_entry e;
	uint64_t from = 0;
	int err = 0;

	if (section->bytes % ENTRY_BYTES)
		return vmi_bad_section(section, "the length");
	while (c.at < c.end && !err) {
		err = take_entry(s, &c, &e);
		if (!err && (e.gpa < from || !e.bytes ||
				e.bytes > UINT64_MAX - e.gpa ||
				e.offset > e.ram->bytes ||
				e.bytes > e.ram->bytes - e.offset))
			err = vmi_bad_section(section, "an entry");
		from = e.gpa + e.bytes;
	}
	return err;
}

/* -- Applying ----------------------------------------------------------- */

static bool is_same(struct vmi_state *s, const struct vmapi_as *as,
	const struct vmi_section *section)
{
	struct vmi_buffer b = { .data = NULL };
	bool same;

	(void)s;
	put_entries(as, &b);
	same = !b.failed && b.bytes == section->bytes &&
		(!b.bytes || !memcmp(b.data, section->data, b.bytes));
	vmi_buffer_free(&b);
	return same;
}

static int replace(struct vmapi_as *as, const struct vmapi_map_entry *entries,
	size_t n)
{
	struct vmapi_map *map;
	int err = vmapi_map_begin(as->vm, &map);

	if (err)
		return err;
	err = vmapi_map_replace(map, as, entries, n);
	if (!err)
		return vmapi_map_commit(map);
	vmapi_map_abort(map);
	return err;
}

/* A map that is as it should be is left alone, and so are its dirty logs. */
static int apply_map(struct vmi_state *s, const struct vmi_section *section)
{
	struct vmapi_as *as = space_of(s, section->index);
	size_t n = (size_t)section->bytes / ENTRY_BYTES, i;
	struct vmi_cursor c = vmi_section_cursor(section);
	struct vmapi_map_entry *entries;
	int err = 0;

	if (is_same(s, as, section))
		return 0;
	entries = vmi_calloc(n + 1, sizeof(*entries));
	if (!entries)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (i = 0; i < n && !err; i++)
		err = take_entry(s, &c, &entries[i]);
	if (!err)
		err = replace(as, entries, n);
	vmi_free(entries);
	return err;
}

const struct vmi_part vmi_part_map = {
	.type = VMI_SECTION_MAP,
	.save = save_map,
	.check = check_map,
	.apply = apply_map,
};
