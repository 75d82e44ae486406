/* SPDX-License-Identifier: MIT */
/* Hypercalls in a saved state: a guest goes on only where it can call. */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/hypercall.h"
#include "lib/core/state.h"

static uint64_t base_of(const struct vmi_region *region)
{
	return region->bytes ? region->base : 0;
}

static int save_calls(struct vmi_state *s, struct vmi_sink *sink)
{
	const struct vmi_calls *calls = s->vm->calls;
	struct vmi_buffer b = { .data = NULL };
	int err;

	if (!calls)
		return 0;
	vmi_put(&b, calls->flags, 4);
	vmi_put(&b, calls->ways, 4);
	vmi_put(&b, base_of(&calls->port), 8);
	vmi_put(&b, base_of(&calls->page), 8);
	err = vmi_emit(sink, &b, (struct vmi_section){
		.type = VMI_SECTION_CALLS });
	vmi_buffer_free(&b);
	return err;
}

/* More ways than the guest knows of are no harm. */
static int check_calls(struct vmi_state *s, const struct vmi_section *section)
{
	const struct vmi_calls *calls = s->vm->calls;
	struct vmi_cursor at = vmi_section_cursor(section);
	uint64_t flags = vmi_take(&at, 4), ways = vmi_take(&at, 4);
	uint64_t port = vmi_take(&at, 8), page = vmi_take(&at, 8);

	if (!vmi_cursor_done(&at))
		return vmi_bad_section(section, "the length");
	if (flags != calls->flags || ways & ~(uint64_t)calls->ways)
		return vmi_fail(-ENODEV, "vm", "the stream's VM has calls with "
			"flags 0x%" PRIx64 " and ways 0x%" PRIx64 ", this one "
			"0x%" PRIx32 " and 0x%" PRIx32, flags, ways,
			calls->flags, calls->ways);
	if ((ways & VMAPI_CALL_PORT && port != base_of(&calls->port)) ||
		(ways & VMAPI_CALL_PAGE && page != base_of(&calls->page)))
		return vmi_fail(-ENODEV, "vm", "the stream's VM has its call "
			"port at 0x%" PRIx64 " and its call page at 0x%" PRIx64
			", this one at 0x%" PRIx64 " and 0x%" PRIx64, port,
			page, base_of(&calls->port), base_of(&calls->page));
	return 0;
}

/* They were enabled before the first vcpu was made. */
static int apply_calls(struct vmi_state *s, const struct vmi_section *section)
{
	(void)s;
	(void)section;
	return 0;
}

const struct vmi_part vmi_part_calls = {
	.type = VMI_SECTION_CALLS,
	.save = save_calls,
	.check = check_calls,
	.apply = apply_calls,
};
