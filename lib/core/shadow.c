/* SPDX-License-Identifier: MIT */
/* Regions whose registers are memory of a RAM object. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/region.h"
#include "lib/region/shadow.h"
#include "lib/sys/sys.h"

struct shadow {
	struct vmapi_region base;
	struct vmapi_ram *ram; /* referenced */
	uint64_t offset;
	unsigned char *policy; /* or NULL */
};

static struct shadow *shadow_of(struct vmapi_region *region)
{
	return vmi_container_of(region, struct shadow, base);
}

static int answer(struct vmi_region *region, struct vmapi_access *access)
{
	struct shadow *s = shadow_of(vmi_region_handle(region));
	uint64_t at = s->offset + access->offset;
	int err = vmi_shadow_access((_Atomic(unsigned char) *)
		(void *)(s->ram->base + at),
		s->policy ? s->policy + access->offset : NULL, access);

	if (!err && access->is_write)
		vmi_ram_tell(s->ram, at, access->bytes);
	return err;
}

static void fini(struct vmapi_region *region)
{
	struct shadow *s = shadow_of(region);

	vmi_free(s->policy);
	vmi_ram_put(s->ram);
}

static const struct vmi_region_kind kind = {
	.name = "shadow",
	.size = sizeof(struct shadow),
	.access = answer,
	.fini = fini,
};

static int check_policy(const uint8_t *policy, uint64_t bytes)
{
	uint64_t i;

	for (i = 0; policy && i < bytes; i++)
		if (policy[i] > VMAPI_SHADOW_TRAP)
			return vmi_fail_range(-EINVAL, i, 1,
				"there is no shadow policy %u", policy[i]);
	return 0;
}

static int check(const struct vmapi_region *region, const struct vmapi_shadow *w)
{
	uint64_t bytes = region->region.bytes;

	if (w->flags)
		return vmi_fail(-EINVAL, "shadow", "unknown flags 0x%" PRIx32,
			w->flags);
	if (!w->ram)
		return vmi_null("ram");
	if (w->ram->ctx != region->vm->ctx || !w->ram->base)
		return vmi_fail(-EINVAL, w->ram->name, w->ram->base
			? "RAM of another context"
			: "RAM without a pointer cannot be registers");
	if (w->offset > w->ram->bytes || bytes > w->ram->bytes - w->offset)
		return vmi_fail_range(-EINVAL, w->offset, bytes,
			"ram '%s' has 0x%" PRIx64 " bytes", w->ram->name,
			w->ram->bytes);
	return check_policy(w->policy, bytes);
}

static int fill(struct shadow *s, const struct vmapi_shadow *what)
{
	uint64_t bytes = s->base.region.bytes;
	int err = check(&s->base, what);

	if (err)
		return err;
	if (what->policy) {
		s->policy = vmi_zalloc(bytes);
		if (!s->policy)
			return vmi_fail(-ENOMEM, "vm", "no memory");
		memcpy(s->policy, what->policy, bytes);
	}
	s->ram = what->ram;
	s->offset = what->offset;
	vmi_ram_get(s->ram);
	err = vmi_region_start(&s->base);
	if (err)
		fini(&s->base);
	return err;
}

int vmapi_region_shadow(struct vmapi_vm *vm,
	const struct vmapi_region_config *config,
	const struct vmapi_shadow *shadow, struct vmapi_region **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_region *region;
	struct vmapi_shadow what;

	if (!err && (!shadow || !out))
		err = vmi_null(shadow ? "region" : "shadow");
	if (!err)
		err = vmi_config_copy(
			&what, sizeof(what), shadow, sizeof(what));
	if (!err)
		err = vmi_region_new(vm, config, &kind, &region);
	if (err)
		return err;
	err = fill(shadow_of(region), &what);
	if (err) {
		vmi_free(region);
		return err;
	}
	*out = region;
	return 0;
}
