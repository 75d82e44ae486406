/* SPDX-License-Identifier: MIT */
/* Lists of sections, in memory. */
#include <errno.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/state.h"
#include "lib/sys/sys.h"

void vmi_sections_free(struct vmi_section_list *l)
{
	while (l->n)
		vmi_free(l->items[--l->n].data);
	vmi_free(l->items);
}

struct vmi_section *vmi_sections_find(const struct vmi_section_list *l,
	uint32_t type, uint32_t index)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->items[i].type == type && l->items[i].index == index)
			return &l->items[i];
	return NULL;
}

int vmi_sections_add(struct vmi_section_list *l,
	const struct vmi_section *section)
{
	struct vmi_section *more;
	size_t room = l->room ? 2 * l->room : 64;

	if (l->n == l->room) {
		more = vmi_calloc(room, sizeof(*more));
		if (!more) {
			vmi_free(section->data);
			return vmi_fail(-ENOMEM, "vm", "no memory");
		}
		if (l->n)
			memcpy(more, l->items, l->n * sizeof(*more));
		vmi_free(l->items);
		l->items = more;
		l->room = room;
	}
	l->items[l->n++] = *section;
	l->bytes += section->bytes;
	return 0;
}

int vmi_sections_put(struct vmi_sink *sink, const struct vmi_section *section)
{
	struct vmi_section copy = *section;

	copy.data = vmi_alloc((size_t)section->bytes + 1);
	if (!copy.data)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	if (section->bytes)
		memcpy(copy.data, section->data, (size_t)section->bytes);
	return vmi_sections_add(
		vmi_container_of(sink, struct vmi_section_list, sink), &copy);
}
