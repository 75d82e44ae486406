/* SPDX-License-Identifier: MIT */
/*
 * Attributes of the kernel's objects.
 *
 * The kernel has one call for settings, state and commands alike, and finds
 * out itself, sometimes, when one of them makes no sense.  Here a table says
 * what each attribute is; get and set refuse commands, command refuses the
 * rest, and what needs the vcpus stopped holds them while it is done.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/attr.h"
#include "lib/core/device.h"

/* -- The object --------------------------------------------------------- */

/* What an attribute of the caller's stands for. */
struct object {
	struct vmi_attr_call call;
	struct vmapi_device *device;
	enum vmi_attr_owner owner;
	struct vmapi_vm *vm; /* whose vcpus matter; NULL: none */
	const char *name;
};

enum { ON_SYSTEM, ON_VM, ON_VCPU };

static unsigned owner_of(const struct vmapi *ctx, unsigned what)
{
	const unsigned *owners = ctx->be->attr_owners;

	return owners ? owners[what] : VMI_OWNER_NONE;
}

static int of_device(struct object *o, struct vmapi_device *device)
{
	o->vm = device->vm;
	o->device = device;
	o->call.fd = device->fd;
	o->owner = device->fd < 0 ? VMI_OWNER_NONE
				  : (enum vmi_attr_owner)device->type->id;
	o->name = device->type->name;
	return 0;
}

static void find_object(struct object *o, const struct vmapi_attr *a)
{
	if (a->device) {
		of_device(o, a->device);
	} else if (a->vcpu) {
		o->vm = a->vcpu->vm;
		o->owner = owner_of(o->vm->ctx, ON_VCPU);
		o->name = "vcpu";
	} else if (a->vm) {
		o->vm = a->vm;
		o->owner = owner_of(o->vm->ctx, ON_VM);
		o->name = "vm";
	} else {
		o->owner = owner_of(a->ctx, ON_SYSTEM);
		o->name = "context";
	}
	o->call.vcpu = a->vcpu;
	o->call.vm = o->vm;
	o->call.ctx = o->vm ? o->vm->ctx : a->ctx;
	o->call.group = a->group;
	o->call.number = a->number;
}

static struct vmapi *ctx_of(const struct vmapi_attr *a)
{
	return a->device ? a->device->vm->ctx
	       : a->vcpu ? a->vcpu->vm->ctx
	       : a->vm	 ? a->vm->ctx
			 : a->ctx;
}

/* Every public function begins so. */
static int enter(const struct vmapi_attr *attr, const char *operation,
	struct vmapi_attr *a, struct object *o)
{
	unsigned n;
	int err;

	memset(o, 0, sizeof(*o));
	o->call.fd = -1;
	if (!attr) {
		vmi_enter_free(operation);
		return vmi_null("attr");
	}
	err = vmi_config_copy(a, sizeof(*a), attr, sizeof(*a));
	if (err)
		return err;
	n = !!a->ctx + !!a->vm + !!a->vcpu + !!a->device;
	err = vmi_enter(n ? ctx_of(a) : NULL, operation);
	if (err)
		return err;
	if (n != 1)
		return vmi_fail(-EINVAL, "context",
			"%u objects are named in place of one", n);
	find_object(o, a);
	return 0;
}

/* -- Checks ------------------------------------------------------------- */

static int absent(const struct object *o, const struct vmapi_attr *a)
{
	return vmi_fail_range(-ENXIO, a->number, 0,
		"the %s has no attribute %" PRIu32 "/0x%" PRIx64, o->name,
		a->group, a->number);
}

static int find_row(const struct object *o, const struct vmapi_attr *a,
	bool command, const struct vmi_attr_row **row)
{
	bool other;

	if (!o->call.ctx->be->attr)
		return vmi_unsupported(o->call.ctx);
	*row = vmi_attr_row(o->owner, a, command, &other);
	if (*row)
		return 0;
	if (!other)
		return absent(o, a);
	return vmi_fail(-EINVAL, o->name, "attribute %" PRIu32 "/0x%" PRIx64
		" is %s", a->group, a->number,
		command ? "no command" : "a command: give it as one");
}

static int check_size(const struct object *o, const struct vmi_attr_row *row,
	const void *data, size_t bytes)
{
	bool good = row->access & VMAPI_ATTR_MULTIPLE
			    ? bytes && bytes % row->bytes == 0
			    : bytes == row->bytes;

	if (!good)
		return vmi_fail(-EINVAL, o->name,
			"'%s' has %" PRIu32 " bytes, %zu are given", row->name,
			row->bytes, bytes);
	return bytes && !data ? vmi_null("data") : 0;
}

/* Holds the vcpus where that is needed; `leave` lets go. */
static int take_time(const struct object *o, const struct vmi_attr_row *row)
{
	struct vmapi_vm *vm = o->vm;
	int err = 0;

	if (!vm)
		return 0;
	pthread_mutex_lock(&vm->lock);
	if (row->when == VMAPI_ATTR_NO_VCPUS && vm->n_vcpus)
		err = vmi_fail(-EPERM, o->name,
			"'%s' comes before the first vcpu", row->name);
	else if (row->when == VMAPI_ATTR_HAS_VCPUS && !vm->n_vcpus)
		err = vmi_fail(-EPERM, o->name,
			"'%s' comes after the vcpus", row->name);
	else if (row->when == VMAPI_ATTR_STOPPED)
		err = vmi_vm_claim(vm);
	if (err)
		pthread_mutex_unlock(&vm->lock);
	return err;
}

static void leave(const struct object *o, const struct vmi_attr_row *row)
{
	if (!o->vm)
		return;
	if (row->when == VMAPI_ATTR_STOPPED)
		vmi_vm_release(o->vm);
	pthread_mutex_unlock(&o->vm->lock);
}

/* -- Use ---------------------------------------------------------------- */

int vmi_attr_get(struct vmi_attr_call *call, const struct vmi_attr_row *row,
	size_t *bytes)
{
	int rc;

	call->verb = VMI_ATTR_GET;
	if (row->access & VMAPI_ATTR_MULTIPLE)
		call->number = *bytes;
	rc = call->ctx->be->attr(call);
	if (rc < 0)
		return rc;
	*bytes = row->bytes;
	if (row->access & VMAPI_ATTR_MULTIPLE)
		*bytes *= (size_t)rc;
	return 0;
}

int vmi_attr_set(struct vmi_attr_call *call, const struct vmi_attr_row *row,
	size_t bytes)
{
	int rc;

	call->verb = VMI_ATTR_SET;
	if (row->access & VMAPI_ATTR_MULTIPLE)
		call->number = bytes;
	rc = call->ctx->be->attr(call);
	return rc < 0 ? rc : 0;
}

static int refused(int code, const struct object *o,
	const struct vmi_attr_row *row)
{
	return vmi_fail(code, o->name, "the kernel refused '%s'%s", row->name,
		code == -ENXIO	 ? ": it has no such attribute"
		: code == -EPERM ? ": something else has to come first"
				 : "");
}

static int write_it(struct object *o, const struct vmi_attr_row *row,
	const void *data, size_t bytes)
{
	int err;

	if (!(row->access & VMAPI_ATTR_WRITE))
		return vmi_fail(-EACCES, o->name, "'%s' can only be read",
			row->name);
	err = check_size(o, row, data, bytes);
	if (!err)
		err = take_time(o, row);
	if (err)
		return err;
	o->call.data = (void *)(uintptr_t)data; /* the kernel only reads it */
	err = vmi_attr_set(&o->call, row, bytes);
	if (!err && o->device)
		vmi_native_note(o->device, &o->call);
	leave(o, row);
	return err ? refused(err, o, row) : 0;
}

int vmapi_attr_set(
	const struct vmapi_attr *attr, const void *data, size_t bytes)
{
	const struct vmi_attr_row *row;
	struct vmapi_attr a;
	struct object o;
	int err = enter(attr, __func__, &a, &o);

	if (!err)
		err = find_row(&o, &a, false, &row);
	return err ? err : write_it(&o, row, data, bytes);
}

int vmapi_attr_command(
	const struct vmapi_attr *attr, const void *argument, size_t bytes)
{
	const struct vmi_attr_row *row;
	struct vmapi_attr a;
	struct object o;
	int err = enter(attr, __func__, &a, &o);

	if (!err)
		err = find_row(&o, &a, true, &row);
	return err ? err : write_it(&o, row, argument, bytes);
}

static int check_room(const struct object *o, const struct vmi_attr_row *row,
	size_t *bytes)
{
	size_t room = *bytes;

	if (!(row->access & VMAPI_ATTR_READ))
		return vmi_fail(-EACCES, o->name, "'%s' can only be set",
			row->name);
	if (room >= row->bytes)
		return 0;
	*bytes = row->bytes;
	return vmi_fail(-ENOSPC, o->name,
		"'%s' has %" PRIu32 " bytes, there is room for %zu", row->name,
		row->bytes, room);
}

int vmapi_attr_get(const struct vmapi_attr *attr, void *data, size_t *bytes)
{
	const struct vmi_attr_row *row;
	struct vmapi_attr a;
	struct object o;
	int err = enter(attr, __func__, &a, &o);

	if (!err && (!bytes || (*bytes && !data)))
		err = vmi_null(bytes ? "data" : "bytes");
	if (!err)
		err = find_row(&o, &a, false, &row);
	if (!err)
		err = check_room(&o, row, bytes);
	if (!err)
		err = take_time(&o, row);
	if (err)
		return err;
	o.call.data = data;
	err = vmi_attr_get(&o.call, row, bytes);
	leave(&o, row);
	return err ? refused(err, &o, row) : 0;
}

int vmapi_attr_probe(const struct vmapi_attr *attr)
{
	struct vmapi_attr a;
	struct object o;
	bool other;
	int err = enter(attr, __func__, &a, &o);

	if (err)
		return err;
	if (!o.call.ctx->be->attr)
		return absent(&o, &a);
	if (!vmi_attr_row(o.owner, &a, false, &other) && !other)
		return absent(&o, &a);
	o.call.verb = VMI_ATTR_HAS;
	return o.call.ctx->be->attr(&o.call) < 0 ? absent(&o, &a) : 0;
}

/* -- The table ---------------------------------------------------------- */

static void tell_row(
	struct vmapi_attr_info *info, const struct vmi_attr_row *row)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	info->group = row->group;
	info->first = row->first;
	info->last = row->last;
	info->kind = row->kind;
	info->access = row->access;
	info->bytes = row->bytes;
	info->when = row->when;
	snprintf(info->name, sizeof(info->name), "%s", row->name);
}

int vmapi_attr_list(const struct vmapi_attr *of, struct vmapi_attr_info *rows,
	size_t n, size_t *count)
{
	const struct vmi_attr_row *row = NULL;
	struct vmapi_attr_info info;
	struct vmapi_attr a;
	struct object o;
	uint8_t *at = (uint8_t *)rows;
	size_t found = 0;
	uint32_t stride;
	int err = enter(of, __func__, &a, &o);

	if (!err && (!count || (n && !rows)))
		err = vmi_null(count ? "rows" : "count");
	if (!err && n)
		err = vmi_out_check(rows, sizeof(*rows));
	if (err)
		return err;
	stride = n ? rows[0].size : 0;
	while ((row = vmi_attr_next(o.owner, row))) {
		if (found++ >= n)
			continue;
		tell_row(&info, row);
		memcpy(at, &stride, sizeof(stride));
		vmi_out_copy(at, &info, sizeof(info));
		at += stride;
	}
	*count = found;
	return 0;
}
