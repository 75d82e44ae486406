/* SPDX-License-Identifier: MIT */
/*
 * Devices of the kernel: a descriptor, and a table of attributes.
 *
 * Their state as a whole is a stream of records, one for each value, in the
 * order in which they have to be set again (lib/arch/attr_walk.def).  What
 * this kernel has not is left out.  A restore first reads the whole stream,
 * and touches nothing if a record is none of the device's; if the kernel
 * refuses one, the values that the device had before are set again.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/attr.h"
#include "lib/core/device.h"
#include "lib/sys/sys.h"

#define NATIVE(n, l, servers)                                                  \
	{                                                                      \
		.id = VMAPI_DEVICE_##n, .name = l,                             \
		.size = sizeof(struct vmapi_device), .has_servers = servers    \
	}

static const struct vmi_device_type natives[] = {
	NATIVE(MPIC_20, "mpic-2.0", true),
	NATIVE(MPIC_42, "mpic-4.2", true),
	NATIVE(XICS, "xics", true),
	NATIVE(VFIO, "vfio", false),
	NATIVE(VGIC_V2, "vgic-v2", false),
	NATIVE(FLIC, "flic", false),
	NATIVE(VGIC_V3, "vgic-v3", false),
	NATIVE(VGIC_ITS, "vgic-its", false),
	NATIVE(XIVE, "xive", true),
	NATIVE(PV_TIME, "pv-time", false),
	NATIVE(AIA, "aia", false),
};

const struct vmi_device_type *vmi_device_native(unsigned id)
{
	size_t i;

	for (i = 0; i < vmi_array_len(natives); i++)
		if (natives[i].id == id)
			return &natives[i];
	return NULL;
}

int vmi_native_open(struct vmapi_device *device)
{
	return device->vm->ctx->be->device_open(
		device->vm, device->type->id, &device->fd);
}

void vmi_native_close(struct vmapi_device *device)
{
	vmi_sys->close(device->fd);
	device->fd = -1;
}

/* XICS has no list of the sources that there are, of a million numbers. */
void vmi_native_note(
	struct vmapi_device *device, const struct vmi_attr_call *call)
{
	if (device->type->id == VMAPI_DEVICE_XICS && call->group == 1 &&
		call->number >= device->sources)
		device->sources = call->number + 1;
}

/* -- Records ------------------------------------------------------------ */

#define MAGIC UINT64_C(0x0a74747461696d76) /* "vmiattt\n": tells the endian */

struct head {
	uint64_t magic;
	uint32_t type;
	uint32_t n;
};

struct record {
	uint32_t group;
	uint32_t bytes; /* the payload, then zeros to a multiple of 8 */
	uint64_t number;
};

static size_t padded(size_t bytes)
{
	return (bytes + 7) & ~(size_t)7;
}

/* A walk through the device's values, and what it writes. */
struct walk {
	struct vmapi_device *device;
	struct vmi_attr_call call;
	unsigned irqs;
	uint8_t *out;
	size_t room, used; /* `used` counts on where there is no room */
	uint32_t n;
	bool quiet; /* commands that write to the guest's memory are left out */
};

static void put(struct walk *w, const void *data, size_t bytes)
{
	if (w->used <= w->room && bytes <= w->room - w->used && bytes)
		memcpy(w->out + w->used, data, bytes);
	w->used += bytes;
}

static void put_record(struct walk *w, const struct vmi_attr_step *step,
	uint64_t number, const void *data, size_t bytes)
{
	const struct record r = { step->group, (uint32_t)bytes, number };
	const uint64_t zero = 0;

	put(w, &r, sizeof(r));
	put(w, data, bytes);
	put(w, &zero, padded(bytes) - bytes);
	w->n++;
}

static const struct vmi_attr_row *row_of(
	const struct walk *w, uint32_t group, uint64_t number, bool command)
{
	const struct vmapi_attr a = { .group = group, .number = number };
	bool other;

	return vmi_attr_row((enum vmi_attr_owner)w->device->type->id, &a,
		command, &other);
}

static void aim(struct walk *w, uint32_t group, uint64_t number, void *data)
{
	w->call.group = group;
	w->call.number = number;
	w->call.data = data;
}

/* -- Saving ------------------------------------------------------------- */

static bool is_absent(int err)
{
	return err == -ENXIO || err == -ENOENT || err == -ENODEV;
}

/* A list whose length nobody tells: again with more room (-ENOMEM). */
static int save_list(struct walk *w, const struct vmi_attr_step *step,
	const struct vmi_attr_row *row)
{
	size_t room = row->bytes * 64u, bytes;
	int err;

	do {
		void *list = vmi_alloc(room);

		if (!list)
			return -ENOMEM;
		bytes = room;
		aim(w, step->group, 0, list);
		err = vmi_attr_get(&w->call, row, &bytes);
		if (!err && bytes)
			put_record(w, step, 0, list, bytes);
		vmi_free(list);
		room *= 8;
	} while (err == -ENOMEM && room < 1u << 25);
	return err;
}

static int save_value(struct walk *w, const struct vmi_attr_step *step,
	uint64_t number)
{
	const struct vmi_attr_row *row =
		row_of(w, step->group, number, step->verb != VMI_STEP_STATE);
	uint64_t value[8]; /* the longest, a queue of XIVE */
	size_t bytes = sizeof(value);
	int err;

	if (!row)
		return -ENXIO;
	if (step->verb == VMI_STEP_RESTORE) {
		put_record(w, step, number, NULL, 0);
		return 0;
	}
	aim(w, step->group, number, value);
	if (step->verb == VMI_STEP_SAVE)
		return vmi_attr_set(&w->call, row, 0);
	if (row->access & VMAPI_ATTR_MULTIPLE)
		return save_list(w, step, row);
	err = vmi_attr_get(&w->call, row, &bytes);
	if (!err)
		put_record(w, step, number, value, bytes);
	return err;
}

static int save_range(
	struct walk *w, const struct vmi_attr_step *step, uint64_t part)
{
	uint64_t end = vmi_attr_step_end(step, w->irqs), number;
	int err = 0;

	for (number = step->first; number < end && !err;
		number += step->stride) {
		err = save_value(w, step, part | number);
		/* Of some arrays a processor has the first ones (ICC_AP1R). */
		if (err == -EINVAL && number != step->first)
			return 0;
		if (is_absent(err))
			err = 0;
	}
	return err;
}

static int save_step(struct walk *w, const struct vmi_attr_step *step)
{
	struct vmapi_vcpu *vcpu;
	int err = 0;

	if (step->per == VMI_PER_VM)
		return save_range(w, step, 0);
	for (vcpu = w->device->vm->vcpus; vcpu && !err; vcpu = vcpu->next)
		err = save_range(w, step,
			vmi_attr_vcpu_part(step->per, vcpu->id, vcpu->index));
	return err;
}

/* -- Restoring ---------------------------------------------------------- */

static uint64_t number_mask(enum vmi_step_per per)
{
	switch (per) {
	case VMI_PER_VM: return UINT64_MAX;
	case VMI_PER_ID3: return 7;
	case VMI_PER_ID12: return 0xfff;
	default: return UINT32_MAX;
	}
}

static const struct vmi_attr_step *step_of(
	const struct walk *w, const struct record *r)
{
	enum vmi_attr_owner owner = (enum vmi_attr_owner)w->device->type->id;
	const struct vmi_attr_step *step = NULL;

	while ((step = vmi_attr_step_next(owner, step))) {
		uint64_t number = r->number & number_mask(step->per);

		if (step->group == r->group && step->verb != VMI_STEP_SAVE &&
			number >= step->first && number <= step->last)
			return step;
	}
	return NULL;
}

/* State that can only be read is set by the command of its own payload. */
static const struct vmi_attr_row *setter(
	const struct walk *w, const struct vmi_attr_row *row)
{
	const struct vmi_attr_row *at = NULL;

	if (row->access & VMAPI_ATTR_WRITE)
		return row;
	while ((at = vmi_attr_next(row->owner, at)))
		if (at->kind == VMAPI_ATTR_COMMAND && at->bytes == row->bytes)
			return at;
	(void)w;
	return NULL;
}

static int check_record(const struct walk *w, const struct record *r)
{
	const struct vmi_attr_step *step = step_of(w, r);
	const struct vmi_attr_row *row;

	if (!step)
		return -EINVAL;
	row = row_of(w, r->group, r->number, step->verb != VMI_STEP_STATE);
	if (!row)
		return -EINVAL;
	if (step->verb == VMI_STEP_RESTORE)
		return r->bytes ? -EINVAL : 0;
	if (row->access & VMAPI_ATTR_MULTIPLE)
		return r->bytes && r->bytes % row->bytes == 0 ? 0 : -EINVAL;
	return r->bytes == row->bytes ? 0 : -EINVAL;
}

/* Where setting ones only adds to what is there. */
static int clear_first(struct walk *w, const struct vmi_attr_step *step,
	const struct record *r, const struct vmi_attr_row *row)
{
	uint64_t ones = UINT64_MAX;

	if (!step->clear)
		return 0;
	aim(w, r->group, r->number - step->first + step->clear, &ones);
	return vmi_attr_set(&w->call, row, row->bytes);
}

static int set_record(
	struct walk *w, const struct record *r, const uint8_t *data)
{
	const struct vmi_attr_step *step = step_of(w, r);
	const struct vmi_attr_row *row =
		row_of(w, r->group, r->number, step->verb != VMI_STEP_STATE);
	const struct vmi_attr_row *how = setter(w, row);
	int err;

	if (!how)
		return -EINVAL;
	err = clear_first(w, step, r, how);
	if (err)
		return err;
	aim(w, how->group, r->number, (void *)(uintptr_t)data);
	err = vmi_attr_set(&w->call, how, r->bytes);
	if (!err)
		vmi_native_note(w->device, &w->call);
	return err;
}

/* The record at `at`, whole, or false. */
static bool next_record(const uint8_t *data, size_t bytes, size_t *at,
	struct record *r)
{
	if (bytes - *at < sizeof(*r))
		return false;
	memcpy(r, data + *at, sizeof(*r));
	*at += sizeof(*r);
	return r->bytes <= bytes - *at && padded(r->bytes) <= bytes - *at;
}

static int for_records(struct walk *w, const uint8_t *data, size_t bytes,
	bool apply)
{
	struct record r = { 0, 0, 0 };
	struct head head;
	size_t at = sizeof(head);
	uint32_t i;
	int err = 0;

	memcpy(&head, data, sizeof(head));
	for (i = 0; i < head.n && !err; i++) {
		if (!next_record(data, bytes, &at, &r))
			return -EINVAL;
		err = apply ? set_record(w, &r, data + at)
			    : check_record(w, &r);
		at += padded(r.bytes);
	}
	if (err && apply)
		return vmi_fail_range(err, r.number, r.bytes,
			"the kernel refused attribute %" PRIu32 "/0x%" PRIx64,
			r.group, r.number);
	return err ? err : at == bytes ? 0 : -EINVAL;
}

/* -- The whole ---------------------------------------------------------- */

/*
 * How many interrupts there are, and 32 that are private: a GIC says it,
 * KVM_DEV_ARM_VGIC_GRP_NR_IRQS.
 */
static void ask_irqs(struct walk *w)
{
	const struct vmi_attr_row *row = row_of(w, 3, 0, false);
	size_t bytes = sizeof(uint32_t);
	uint32_t n = 0;

	w->irqs = 32 + (unsigned)w->device->sources;
	if (!row || strcmp(row->name, "irqs"))
		return;
	aim(w, 3, 0, &n);
	if (vmi_attr_get(&w->call, row, &bytes) == 0)
		w->irqs = n;
}

static void begin(struct walk *w, struct vmapi_device *device)
{
	memset(w, 0, sizeof(*w));
	w->device = device;
	w->call.fd = device->fd;
	w->call.vm = device->vm;
	w->call.ctx = device->vm->ctx;
}

static int save_all(struct walk *w)
{
	enum vmi_attr_owner owner = (enum vmi_attr_owner)w->device->type->id;
	struct head head = { MAGIC, w->device->type->id, 0 };
	const struct vmi_attr_step *step = NULL;
	int err = 0;

	ask_irqs(w);
	put(w, &head, sizeof(head));
	while (!err && (step = vmi_attr_step_next(owner, step)))
		if (!w->quiet || step->verb != VMI_STEP_SAVE)
			err = save_step(w, step);
	head.n = w->n;
	if (sizeof(head) <= w->room)
		memcpy(w->out, &head, sizeof(head));
	return err;
}

static int with_vcpus_stopped(struct walk *w,
	int (*act)(struct walk *w))
{
	struct vmapi_vm *vm = w->device->vm;
	int err;

	pthread_mutex_lock(&vm->lock);
	err = vmi_vm_claim(vm);
	if (!err) {
		err = act(w);
		vmi_vm_release(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

int vmi_native_save(struct vmapi_device *device, bool claimed, void *data,
	size_t *bytes)
{
	struct walk w;
	int err;

	begin(&w, device);
	w.out = data;
	w.room = *bytes;
	err = claimed ? save_all(&w) : with_vcpus_stopped(&w, save_all);
	if (err)
		return vmi_fail(err, device->type->name,
			"the state cannot be read");
	*bytes = w.used;
	if (w.used > w.room)
		return vmi_fail(-ENOSPC, device->type->name,
			"the state has %zu bytes, there is room for %zu",
			w.used, w.room);
	return 0;
}

/* `out` and `used` are the stream.  Who has all vcpus takes back himself. */
static int restore_all(struct walk *w)
{
	return for_records(w, w->out, w->used, true);
}

/*
 * The device's values as they are, in memory of our own.  Tables of an ITS
 * and pending LPIs stay where they are: in the guest's memory are those that
 * the restore is about to read.
 */
static int remember(struct walk *w, const struct walk *of)
{
	int err;

	begin(w, of->device);
	w->quiet = true;
	err = save_all(w);
	if (err)
		return vmi_fail(err, of->device->type->name,
			"the state as it was cannot be read");
	w->out = vmi_alloc(w->used);
	if (!w->out)
		return vmi_fail(-ENOMEM, of->device->type->name, "no memory");
	w->room = w->used;
	w->used = w->n = 0;
	err = save_all(w);
	if (!err && w->used <= w->room)
		return 0;
	vmi_free(w->out);
	return vmi_fail(err ? err : -EBUSY, of->device->type->name,
		"the state as it was cannot be read");
}

/* The error that is told is the one that made us turn back. */
static int take_back(struct walk *before, int why)
{
	struct vmapi_error first = *vmapi_error_last();

	if (restore_all(before))
		return vmi_fail(-EIO, before->device->type->name,
			"it could neither be restored nor taken back (%s)",
			first.message);
	return vmi_fail_range(why, first.range_first, first.range_size, "%s",
		first.message);
}

static int restore_or_take_back(struct walk *w)
{
	struct walk before;
	int err = remember(&before, w);

	if (err)
		return err;
	err = restore_all(w);
	if (err)
		err = take_back(&before, err);
	vmi_free(before.out);
	return err;
}

int vmi_native_check(
	struct vmapi_device *device, const void *data, size_t bytes)
{
	struct head head;
	struct walk w;

	begin(&w, device);
	if (bytes >= sizeof(head))
		memcpy(&head, data, sizeof(head));
	if (bytes < sizeof(head) || head.magic != MAGIC ||
		head.type != device->type->id ||
		for_records(&w, data, bytes, false))
		return vmi_fail(-EINVAL, device->type->name,
			"this is no state of the device");
	return 0;
}

int vmi_native_restore(struct vmapi_device *device, bool claimed,
	const void *data, size_t bytes)
{
	struct walk w;
	int err = vmi_native_check(device, data, bytes);

	if (err)
		return err;
	begin(&w, device);
	w.out = (uint8_t *)(uintptr_t)data; /* only read */
	w.used = bytes;
	return claimed ? restore_all(&w)
		       : with_vcpus_stopped(&w, restore_or_take_back);
}
