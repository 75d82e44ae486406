/* SPDX-License-Identifier: MIT */
/* Handles of regions, of every kind; and those that call a function. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/core/backend.h"
#include "lib/core/posted.h"
#include "lib/core/region.h"
#include "lib/core/remote.h"
#include "lib/sys/sys.h"

/* -- Of every kind ------------------------------------------------------ */

static int check_config(
	struct vmapi_vm *vm, const struct vmapi_region_config *c)
{
	uint64_t end = c->space == VMAPI_SPACE_PORT ? 0xffff : UINT64_MAX;

	if ((c->flags & ~(VMAPI_REGION_POSTED | VMAPI_REGION_CALLED)) ||
		c->reserved)
		return vmi_fail(-EINVAL, "vm", "unknown flags 0x%" PRIx32,
			c->flags);
	if (c->space > VMAPI_SPACE_PORT)
		return vmi_fail(-EINVAL, "vm",
			"space %" PRIu32 " has no regions", c->space);
	if (!c->bytes || c->base > end || c->bytes - 1 > end - c->base)
		return vmi_fail_range(-EINVAL, c->base, c->bytes,
			"0x%" PRIx64 "+0x%" PRIx64 " is no range", c->base,
			c->bytes);
	if ((c->flags & VMAPI_REGION_POSTED) &&
		!vmi_cap(vm->ctx, vm, VMAPI_CAP_POSTED))
		return vmi_unsupported(vm->ctx);
	return 0;
}

/* The access of regions whose writes are posted. */
static int queue_or_answer(
	struct vmi_region *region, struct vmapi_access *access)
{
	struct vmapi_region *handle = vmi_region_handle(region);

	if (access->is_write)
		return vmi_posted_queue(handle, access);
	return handle->kind->access(region, access);
}

int vmi_region_new(struct vmapi_vm *vm,
	const struct vmapi_region_config *config,
	const struct vmi_region_kind *kind, struct vmapi_region **out)
{
	struct vmapi_region_config c;
	struct vmapi_region *region;
	int err;

	if (!config)
		return vmi_null("config");
	err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (!err)
		err = check_config(vm, &c);
	if (err)
		return err;
	region = vmi_zalloc(kind->size);
	if (!region)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	snprintf(region->name, sizeof(region->name), "%s",
		c.name ? c.name : kind->name);
	atomic_init(&region->refs, 1);
	region->vm = vm;
	region->kind = kind;
	region->region.name = region->name;
	region->region.space = (enum vmi_space)c.space;
	region->region.base = c.base;
	region->region.bytes = c.bytes;
	region->region.posts = c.flags & VMAPI_REGION_POSTED;
	region->region.called = c.flags & VMAPI_REGION_CALLED;
	region->region.access =
		region->region.posts ? queue_or_answer : kind->access;
	*out = region;
	return 0;
}

/* From the inside out: where its writes wait, the range, the kernel's zone. */
int vmi_region_start(struct vmapi_region *region)
{
	const struct vmi_backend *be = region->vm->ctx->be;
	bool posts = region->region.posts;
	int err = posts ? vmi_posted_add(region) : 0;

	if (err)
		return err;
	err = vmi_region_add(region->vm, &region->region);
	if (err)
		goto queue;
	if (posts && be->posted_zone)
		err = be->posted_zone(region->vm, &region->region, true);
	if (err)
		goto range;
	vmi_vm_get(region->vm);
	return 0;
range:
	vmi_region_remove(region->vm, &region->region);
queue:
	if (posts)
		vmi_posted_remove(region);
	return err;
}

void vmi_region_put(struct vmapi_region *region)
{
	struct vmapi_vm *vm = region->vm;

	if (atomic_fetch_sub(&region->refs, 1) != 1)
		return;
	if (region->kind->fini)
		region->kind->fini(region);
	vmi_free(region);
	vmi_vm_put(vm);
}

void vmapi_region_destroy(struct vmapi_region *region)
{
	struct vmapi_vm *vm = region ? region->vm : NULL;

	if (!vm || vmi_enter(vm->ctx, __func__) || vmi_region_refuses(vm))
		return;
	if (region->region.posts && vm->ctx->be->posted_zone)
		(void)vm->ctx->be->posted_zone(vm, &region->region, false);
	vmi_region_remove(vm, &region->region);
	if (region->region.posts)
		vmi_posted_remove(region);
	atomic_store(&region->gone, true);
	if (region->region.waits)
		vmi_remote_wake(vm);
	vmi_region_put(region);
}

int vmapi_region_flush(struct vmapi_vm *vm)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	if (!err)
		err = vmi_region_refuses(vm);
	if (!err)
		vmi_posted_deliver(vm);
	return err;
}

/* -- A function of the application -------------------------------------- */

struct handler {
	struct vmapi_region base;
	vmapi_region_fn *fn;
	void *opaque;
};

/* A posted write comes outside the gate, and from no vcpu. */
static int call(struct vmi_region *region, struct vmapi_access *access)
{
	struct handler *h = vmi_container_of(
		vmi_region_handle(region), struct handler, base);
	const struct vmapi_vm **inside, *outer;
	int rc;

	if (!access->vcpu)
		return h->fn(h->opaque, access);
	inside = access->vcpu->inside;
	if (!inside)
		inside = vmi_region_inside();
	outer = *inside;
	*inside = h->base.vm;
	rc = h->fn(h->opaque, access);
	*inside = outer;
	return rc == VMAPI_REGION_DONE ? 0 : -ENOENT;
}

static const struct vmi_region_kind kind = {
	.name = "handler",
	.size = sizeof(struct handler),
	.access = call,
};

int vmapi_region_handler(struct vmapi_vm *vm,
	const struct vmapi_region_config *config, vmapi_region_fn *fn,
	void *opaque, struct vmapi_region **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_region *region;
	struct handler *h;

	if (!err && !fn)
		err = vmi_null("fn");
	if (!err && !out)
		err = vmi_null("region");
	if (!err)
		err = vmi_region_new(vm, config, &kind, &region);
	if (err)
		return err;
	h = vmi_container_of(region, struct handler, base);
	h->fn = fn;
	h->opaque = opaque;
	err = vmi_region_start(region);
	if (err) {
		vmi_free(region);
		return err;
	}
	*out = region;
	return 0;
}
