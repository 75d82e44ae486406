/* SPDX-License-Identifier: MIT */
/* Debugging a guest: what is asked for is checked here, whoever does it. */
#include <vmapi/debug.h>

#include <errno.h>
#include <inttypes.h>

#include "lib/core/backend.h"

static int check_flags(struct vmapi_vcpu *vcpu, uint32_t flags)
{
	const uint32_t known = VMAPI_DEBUG_STEP | VMAPI_DEBUG_SOFTWARE |
		VMAPI_DEBUG_BLOCK_IRQ | VMAPI_DEBUG_INJECT;
	uint32_t can = (uint32_t)vmi_cap(vcpu->vm->ctx, vcpu->vm,
		VMAPI_CAP_DEBUG);

	if (flags & ~known)
		return vmi_fail(-EINVAL, vmi_vcpu_label(vcpu),
			"unknown flags 0x%" PRIx32, flags & ~known);
	if (flags & ~can)
		return vmi_fail(-ENOTSUP, vmi_vcpu_label(vcpu),
			"flags 0x%" PRIx32 " cannot be had here",
			flags & ~can);
	return 0;
}

static bool size_is_right(const struct vmapi_debug_point *p)
{
	if (p->kind == VMAPI_POINT_EXEC)
		return p->bytes == 0;
	return p->bytes == 1 || p->bytes == 2 || p->bytes == 4 ||
		p->bytes == 8;
}

static int check_point(struct vmapi_vcpu *vcpu, uint32_t n,
	const struct vmapi_debug_point *p)
{
	if (p->kind > VMAPI_POINT_ACCESS)
		return vmi_fail(-EINVAL, vmi_vcpu_label(vcpu),
			"point %" PRIu32 ": unknown kind %" PRIu32, n,
			p->kind);
	if (!size_is_right(p))
		return vmi_fail(-EINVAL, vmi_vcpu_label(vcpu),
			"point %" PRIu32 ": %" PRIu32 " bytes", n, p->bytes);
	if (p->bytes && (p->address & (p->bytes - 1)))
		return vmi_fail(-EINVAL, vmi_vcpu_label(vcpu),
			"point %" PRIu32 ": 0x%" PRIx64 " is no multiple of %"
			PRIu32, n, p->address, p->bytes);
	return 0;
}

static int check_room(struct vmapi_vcpu *vcpu, int64_t n, unsigned cap)
{
	int64_t room = vmi_cap(vcpu->vm->ctx, vcpu->vm, cap);

	if (n <= room)
		return 0;
	return vmi_fail(-ENOSPC, vmi_vcpu_label(vcpu),
		"%" PRId64 " %s are too many: there is room for %" PRId64, n,
		vmapi_cap_name(cap), room);
}

static int check_points(struct vmapi_vcpu *vcpu, const struct vmapi_debug *d)
{
	int64_t n_exec = 0;
	uint32_t n;
	int err;

	if (d->n_points && !d->points)
		return vmi_null("points");
	for (n = 0; n < d->n_points; n++) {
		err = check_point(vcpu, n, &d->points[n]);
		if (err)
			return err;
		n_exec += d->points[n].kind == VMAPI_POINT_EXEC;
	}
	err = check_room(vcpu, n_exec, VMAPI_CAP_BREAKPOINTS);
	return err ? err : check_room(vcpu, d->n_points - n_exec,
		VMAPI_CAP_WATCHPOINTS);
}

static int set_debug(struct vmapi_vcpu *vcpu, const struct vmapi_debug *d)
{
	int err = check_flags(vcpu, d->flags);

	if (!err)
		err = check_points(vcpu, d);
	if (!err)
		err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	err = vcpu->vm->ctx->be->vcpu_debug(vcpu, d);
	vmi_vcpu_release(vcpu);
	return err;
}

int vmapi_vcpu_debug(struct vmapi_vcpu *vcpu, const struct vmapi_debug *debug)
{
	struct vmapi_debug d = { .size = sizeof(d) };
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (!err && debug)
		err = vmi_config_copy(&d, sizeof(d), debug, sizeof(d));
	if (err)
		return err;
	if (!vcpu->vm->ctx->be->vcpu_debug)
		return vmi_unsupported(vcpu->vm->ctx);
	return set_debug(vcpu, &d);
}
