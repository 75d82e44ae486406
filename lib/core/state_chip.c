/* SPDX-License-Identifier: MIT */
/* Chips and devices in a saved state. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/chip/ioapic.h"
#include "lib/chip/pic.h"
#include "lib/chip/pit.h"
#include "lib/core/backend.h"
#include "lib/core/chipset.h"
#include "lib/core/device.h"
#include "lib/core/layout.h"
#include "lib/core/state.h"
#include "lib/sys/sys.h"

/* -- Chips -------------------------------------------------------------- */

union chip_state {
	struct vmi_pic_state pic;
	struct vmi_ioapic_state ioapic;
	struct vmi_pit_state pit;
	uint64_t number;
};

static int check_pic(const union chip_state *state)
{
	struct vmi_pic trial = { .s = { 0 } };

	return vmi_pic_set_state(&trial, &state->pic);
}

static int check_ioapic(const union chip_state *state)
{
	struct vmi_ioapic trial = { .s = { 0 } };

	return vmi_ioapic_set_state(&trial, &state->ioapic);
}

static int check_pit(const union chip_state *state)
{
	const struct vmi_line none = { .set = NULL };
	struct vmi_pit trial;

	vmi_pit_init(&trial, none, 0);
	return vmi_pit_set_state(&trial, &state->pit);
}

static int check_bits(const union chip_state *state)
{
	(void)state;
	return 0;
}

static int check_time(const union chip_state *state)
{
	return state->number > INT64_MAX ? -EINVAL : 0;
}

static const struct vmi_field number_fields[] = {
	{ 0, sizeof(uint64_t), 1, NULL },
};

static const struct vmi_layout number = { .fields = number_fields,
	.n = 1, .bytes = sizeof(uint64_t) };

/* In the order in which they are set. */
static const struct chip {
	enum vmi_chip id;
	const char *name;
	const struct vmi_layout *layout;
	int (*check)(const union chip_state *state);
	bool optional; /* one that has none can go on without */
} chips[] = {
	{ VMI_CHIP_PIC, "PIC", &vmi_layout_pic, check_pic, false },
	{ VMI_CHIP_IOAPIC, "IOAPIC", &vmi_layout_ioapic, check_ioapic, false },
	{ VMI_CHIP_PIT, "PIT", &vmi_layout_pit, check_pit, false },
	{ VMI_CHIP_IGNNE, "IGNNE#", &number, check_bits, true },
	{ VMI_CHIP_KVMCLOCK, "KVM's clock", &number, check_time, true },
};

static const struct chip *chip_of(uint32_t id)
{
	size_t i;

	for (i = 0; i < vmi_array_len(chips); i++)
		if (chips[i].id == id)
			return &chips[i];
	return NULL;
}

static int get_chip(
	struct vmi_state *s, enum vmi_chip id, union chip_state *state)
{
	int err;

	memset(state, 0, sizeof(*state));
	vmi_chipset_lock(s->vm);
	err = s->vm->ctx->be->chip_get(s->vm, id, state);
	vmi_chipset_unlock(s->vm);
	return err;
}

static int save_chip(struct vmi_state *s, struct vmi_sink *sink)
{
	struct vmi_buffer b = { .data = NULL };
	union chip_state state;
	size_t i;
	int err = 0;

	for (i = 0; s->vm->ctx->be->chip_get && i < vmi_array_len(chips) &&
		!err; i++) {
		err = get_chip(s, chips[i].id, &state);
		if (err == -ENOENT) {
			err = 0;
			continue;
		}
		if (err)
			break;
		vmi_put_struct(&b, chips[i].layout, &state);
		err = vmi_emit(sink, &b, (struct vmi_section){
			.type = VMI_SECTION_CHIP,
			.flags = chips[i].optional ? VMI_SECTION_SKIPPABLE : 0,
			.index = chips[i].id });
	}
	vmi_buffer_free(&b);
	return err;
}

static int check_chip(struct vmi_state *s, const struct vmi_section *section)
{
	const struct chip *chip = chip_of(section->index);
	struct vmi_cursor c = vmi_section_cursor(section);
	union chip_state state;

	(void)s;
	if (!chip)
		return vmi_bad_section(section, "the number");
	vmi_take_struct(&c, chip->layout, &state);
	if (!vmi_cursor_done(&c) || chip->check(&state))
		return vmi_bad_section(section, "the contents");
	return 0;
}

static int apply_chip(struct vmi_state *s, const struct vmi_section *section)
{
	const struct chip *chip = chip_of(section->index);
	struct vmi_cursor c = vmi_section_cursor(section);
	union chip_state state;
	int err;

	vmi_take_struct(&c, chip->layout, &state);
	vmi_chipset_lock(s->vm);
	err = s->vm->ctx->be->chip_set(s->vm, chip->id, &state);
	vmi_chipset_unlock(s->vm);
	return err ? vmi_fail(err, "vm", "the backend refused the state of "
				"its %s", chip->name)
		   : 0;
}

const struct vmi_part vmi_part_chip = {
	.type = VMI_SECTION_CHIP,
	.save = save_chip,
	.check = check_chip,
	.apply = apply_chip,
};

/* -- Devices ------------------------------------------------------------ */

static const struct vmi_device_slot *whole_of(const struct vmapi_device *d)
{
	size_t i = 0;

	while (d->type->slots[i].state != VMAPI_DEVICE_STATE_ALL)
		i++;
	return &d->type->slots[i];
}

/* Aligned for any chip's struct; freed by the caller. */
static void *room_for(const struct vmapi_device *d)
{
	void *state = vmi_zalloc(d->layout->bytes);

	if (!state)
		vmi_fail(-ENOMEM, "vm", "no memory");
	return state;
}

static int put_chip(struct vmapi_device *d, struct vmi_buffer *b)
{
	void *state = room_for(d);

	if (!state)
		return -ENOMEM;
	whole_of(d)->get(d, state, vmi_chipset_lock(d->vm));
	vmi_chipset_unlock(d->vm);
	vmi_put_struct(b, d->layout, state);
	vmi_free(state);
	return 0;
}

/* One of the kernel's: its records as they are, which tell their order. */
static int put_native(struct vmapi_device *d, struct vmi_buffer *b)
{
	size_t bytes = 0;
	uint8_t *at;
	int err = vmi_native_save(d, true, NULL, &bytes);

	if (err && err != -ENOSPC)
		return err;
	at = vmi_put_room(b, bytes);
	return at ? vmi_native_save(d, true, at, &bytes) : 0;
}

/*
 * Controllers with servers come before the vcpus: what a processor has
 * presented to it must be an interrupt that there is.  The others come last.
 */
static int save_devices(struct vmi_state *s, struct vmi_sink *sink, bool early)
{
	struct vmi_buffer b = { .data = NULL };
	struct vmapi_device *d;
	uint32_t place;
	int err = 0;

	for (place = 0; !err; place++) {
		vmi_chipset_lock(s->vm);
		d = vmi_device_at(s->vm, place);
		vmi_chipset_unlock(s->vm);
		if (!d)
			break;
		if (d->type->has_servers != early)
			continue;
		vmi_put(&b, d->type->id, 4);
		err = d->fd >= 0 ? put_native(d, &b) : put_chip(d, &b);
		if (!err)
			err = vmi_emit(sink, &b, (struct vmi_section){
				.type = VMI_SECTION_DEVICE, .index = place });
	}
	vmi_buffer_free(&b);
	return err;
}

static int use_chip(struct vmapi_device *d, struct vmi_cursor *c, bool apply)
{
	void *state = room_for(d);
	int err;

	if (!state)
		return -ENOMEM;
	vmi_take_struct(c, d->layout, state);
	if (!vmi_cursor_done(c)) {
		err = -EINVAL;
	} else {
		uint64_t now = vmi_chipset_lock(d->vm);

		err = apply ? whole_of(d)->set(d, state, now)
			    : d->type->check(d, state);
		vmi_chipset_unlock(d->vm);
	}
	vmi_free(state);
	return err;
}

static struct vmapi_device *section_device(struct vmi_state *s,
	const struct vmi_section *section)
{
	struct vmapi_device *d;

	vmi_chipset_lock(s->vm);
	d = vmi_device_at(s->vm, section->index);
	vmi_chipset_unlock(s->vm);
	return d;
}

static int use_device(struct vmi_state *s, const struct vmi_section *section,
	bool apply)
{
	struct vmapi_device *d = section_device(s, section);
	struct vmi_cursor c = vmi_section_cursor(section);
	uint64_t type = vmi_take(&c, 4);
	size_t bytes;

	if (!d || d->type->id != type)
		return vmi_fail(-ENODEV, "vm",
			"device %" PRIu32 " of the stream is of type %" PRIu64
			"; the VM's is %s", section->index, type,
			d ? d->type->name : "not there");
	if (d->fd < 0)
		return use_chip(d, &c, apply);
	bytes = (size_t)(c.end - c.at);
	return apply ? vmi_native_restore(d, true, c.at, bytes)
		     : vmi_native_check(d, c.at, bytes);
}

static bool is_early(struct vmi_state *s, const struct vmi_section *section)
{
	const struct vmapi_device *d = section_device(s, section);

	return d && d->type->has_servers;
}

static int check_device(struct vmi_state *s, const struct vmi_section *section)
{
	int err = use_device(s, section, false);

	return err == -EINVAL ? vmi_bad_section(section, "the contents") : err;
}

static int save_early(struct vmi_state *s, struct vmi_sink *sink)
{
	return save_devices(s, sink, true);
}

static int save_late(struct vmi_state *s, struct vmi_sink *sink)
{
	return save_devices(s, sink, false);
}

static int check_none(struct vmi_state *s, const struct vmi_section *section)
{
	(void)s;
	(void)section;
	return 0;
}

static int apply_early(struct vmi_state *s, const struct vmi_section *section)
{
	return is_early(s, section) ? use_device(s, section, true) : 0;
}

static int apply_late(struct vmi_state *s, const struct vmi_section *section)
{
	return is_early(s, section) ? 0 : use_device(s, section, true);
}

const struct vmi_part vmi_part_controller = {
	.type = VMI_SECTION_DEVICE,
	.save = save_early,
	.check = check_none, /* vmi_part_device looks at all of them */
	.apply = apply_early,
};

const struct vmi_part vmi_part_device = {
	.type = VMI_SECTION_DEVICE,
	.save = save_late,
	.check = check_device,
	.apply = apply_late,
};
