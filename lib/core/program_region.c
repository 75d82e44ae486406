/* SPDX-License-Identifier: MIT */
/* Regions whose accesses a device program answers. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <vmapi/bpf/device.h>
#include <vmapi/program.h>

#include "lib/core/backend.h"
#include "lib/core/posted.h"
#include "lib/core/program.h"
#include "lib/core/region.h"
#include "lib/sys/sys.h"

struct program_region {
	struct vmapi_region base;
	struct vmapi_program *program; /* referenced */
	uint64_t shift;
	vmapi_region_fn *post;
	void *opaque;
};

static struct program_region *region_of(struct vmapi_region *region)
{
	return vmi_container_of(region, struct program_region, base);
}

static void put(uint8_t *to, uint64_t v, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *from, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | from[bytes];
	return v;
}

static void make_context(const struct program_region *r,
	const struct vmapi_access *access, union vmi_program_context *context)
{
	uint32_t vcpu = UINT32_MAX;

	if (access->vcpu)
		vcpu = (uint32_t)access->vcpu->id;
	memset(context, 0, sizeof(*context));
	if (access->is_write)
		put(context->bytes, access->value, access->bytes);
	put(context->bytes + VMI_PROGRAM_OFFSET, access->offset + r->shift, 8);
	context->bytes[VMI_PROGRAM_LENGTH] = (uint8_t)access->bytes;
	put(context->bytes + VMI_PROGRAM_VCPU, vcpu, 4);
}

/* Without fuel: the exit that comes of it says so. */
static int starved(
	const struct program_region *r, const struct vmapi_access *access)
{
	const struct vmapi_region *region = &r->base;

	if (!access->vcpu) {
		vmi_log(region->vm->ctx, VMAPI_LOG_ERROR,
			"program of region '%s' ran out of fuel at a posted "
			"write", region->name);
		return -ETIME;
	}
	access->vcpu->has_news = true;
	access->vcpu->failure = (struct vmapi_exit_region){
		.address = region->region.base + access->offset,
		.value = access->is_write ? access->value : 0,
		.space = region->region.space,
		.bytes = access->bytes,
		.is_write = access->is_write,
		.error = -ETIME,
		.region = region->name,
	};
	return -ETIME;
}

/* What was handled by VMAPI_BPF_POST comes again, from no vcpu. */
static int answer(struct vmi_region *asked, struct vmapi_access *access)
{
	struct vmapi_region *region = vmi_region_handle(asked);
	struct program_region *r = region_of(region);
	unsigned entry = access->is_write ? VMI_BPF_WRITE : VMI_BPF_READ;
	union vmi_program_context context;
	int rc;

	if (!access->vcpu && !region->region.posts)
		return r->post(r->opaque, access);
	if (access->vcpu)
		access->vcpu->failure.error = 0;
	if (!r->program->ops[entry].entry)
		return -ENOENT;
	if (r->post && access->is_write && vmi_posted_is_full(region->vm))
		return -EAGAIN;
	make_context(r, access, &context);
	rc = vmi_program_run(r->program, entry, &context, access->vcpu);
	if (vmi_unlikely(rc < 0))
		return starved(r, access);
	if (rc == VMAPI_BPF_PASS)
		return -ENOENT;
	if (!access->is_write)
		access->value = get(context.bytes, access->bytes);
	if (rc != VMAPI_BPF_POST || !r->post)
		return 0;
	return region->region.posts ? r->post(r->opaque, access) :
		vmi_posted_queue(region, access);
}

static void fini(struct vmapi_region *region)
{
	struct program_region *r = region_of(region);

	if (r->post && !region->region.posts)
		vmi_posted_remove(region);
	vmi_program_put(r->program);
}

static const struct vmi_region_kind kind = {
	.name = "program",
	.size = sizeof(struct program_region),
	.access = answer,
	.fini = fini,
};

static int start(struct program_region *r)
{
	struct vmapi_region *region = &r->base;
	bool waits = r->post && !region->region.posts;
	int err;

	if (waits && !vmi_cap(region->vm->ctx, region->vm, VMAPI_CAP_POSTED))
		return vmi_unsupported(region->vm->ctx);
	err = waits ? vmi_posted_add(region) : 0;
	if (err)
		return err;
	err = vmi_region_start(region);
	if (err && waits)
		vmi_posted_remove(region);
	if (!err)
		atomic_fetch_add(&r->program->refs, 1);
	return err;
}

static int read_how(struct vmapi_vm *vm, const struct vmapi_program *program,
	const struct vmapi_region_program *from,
	struct vmapi_region_program *how)
{
	int err = 0;

	memset(how, 0, sizeof(*how));
	if (from)
		err = vmi_config_copy(how, sizeof(*how), from, sizeof(*how));
	if (err)
		return err;
	if (how->flags)
		return vmi_fail(-EINVAL, "region", "unknown flags 0x%" PRIx32,
			how->flags);
	if (program->vm != vm)
		return vmi_fail(-EINVAL, program->name, "it is of another VM");
	return 0;
}

int vmapi_region_program(struct vmapi_vm *vm,
	const struct vmapi_region_config *config,
	struct vmapi_program *program, const struct vmapi_region_program *how,
	struct vmapi_region **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_region_program h;
	struct vmapi_region *region;
	struct program_region *r;

	if (!err && (!program || !out))
		err = vmi_null(program ? "region" : "program");
	if (!err)
		err = read_how(vm, program, how, &h);
	if (!err)
		err = vmi_region_new(vm, config, &kind, &region);
	if (err)
		return err;
	r = region_of(region);
	r->program = program;
	r->shift = h.shift;
	r->post = h.post;
	r->opaque = h.opaque;
	err = start(r);
	if (err) {
		vmi_free(region);
		return err;
	}
	*out = region;
	return 0;
}
