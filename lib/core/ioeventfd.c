/* SPDX-License-Identifier: MIT */
/* Guest writes that signal eventfds: by the kernel, or by who runs the guest. */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/backend.h"
#include "lib/core/region.h"
#include "lib/sys/sys.h"

/* What undoing must repeat is in `bell` and `fd`. */
struct vmapi_ioeventfd {
	struct vmapi_vm *vm; /* referenced */
	struct vmi_doorbell bell;
	int fd; /* a duplicate */
};

static void ring(struct vmi_doorbell *bell)
{
	vmi_eventfd_signal(
		vmi_container_of(bell, struct vmapi_ioeventfd, bell)->fd);
}

/* -- Configuration ------------------------------------------------------ */

static int check_values(const struct vmapi_ioeventfd_config *c)
{
	uint32_t n = c->bytes;

	if ((c->flags & ~VMAPI_IOEVENTFD_MATCH) || c->reserved)
		return vmi_fail(-EINVAL, "ioeventfd",
			"unknown flags 0x%" PRIx32, c->flags);
	if (c->space > VMAPI_SPACE_CCW)
		return vmi_fail(-EINVAL, "ioeventfd",
			"there is no space %" PRIu32, c->space);
	if (n > 8 || (n & (n - 1)))
		return vmi_fail(-EINVAL, "ioeventfd",
			"no write has %" PRIu32 " bytes", n);
	if (!n && (c->flags & VMAPI_IOEVENTFD_MATCH))
		return vmi_fail(-EINVAL, "ioeventfd",
			"a value can be matched only with a width");
	return 0;
}

static int check_reach(const struct vmapi_ioeventfd_config *c)
{
	uint64_t end = c->space == VMAPI_SPACE_PORT ? 0xffff : UINT64_MAX;
	uint64_t last = c->bytes ? c->bytes - 1 : 0;

	if (c->address > end || last > end - c->address)
		return vmi_fail_range(-EINVAL, c->address, c->bytes,
			"0x%" PRIx64 "+%" PRIu32 " runs over the end",
			c->address, c->bytes);
	if ((c->flags & VMAPI_IOEVENTFD_MATCH) && c->bytes < 8 &&
		c->match >> (8 * c->bytes))
		return vmi_fail_range(-EINVAL, c->address, c->bytes,
			"a write of %" PRIu32 " bytes is never 0x%" PRIx64,
			c->bytes, c->match);
	return 0;
}

static int check_ability(
	struct vmapi_vm *vm, const struct vmapi_ioeventfd_config *c)
{
	if (!vmi_cap(vm->ctx, vm, VMAPI_CAP_IOEVENTFD))
		return vmi_unsupported(vm->ctx);
	if (c->space == VMAPI_SPACE_CCW && !vm->ctx->be->ioeventfd)
		return vmi_fail(-ENOTSUP, "ioeventfd",
			"%s has no channel subsystem", vm->ctx->be->name);
	return 0;
}

static int read_config(struct vmapi_vm *vm,
	const struct vmapi_ioeventfd_config *from,
	struct vmapi_ioeventfd_config *c)
{
	int err = vmi_config_copy(c, sizeof(*c), from, sizeof(*c));

	if (!err)
		err = check_values(c);
	if (!err)
		err = check_reach(c);
	return err ? err : check_ability(vm, c);
}

/* -- Making ------------------------------------------------------------- */

static int start(struct vmapi_ioeventfd *io)
{
	const struct vmi_backend *be = io->vm->ctx->be;
	int err = vmi_doorbell_add(io->vm, &io->bell);

	if (err || !be->ioeventfd)
		return err;
	err = be->ioeventfd(io->vm, &io->bell, io->fd, true);
	if (err)
		vmi_doorbell_remove(io->vm, &io->bell);
	return err;
}

int vmapi_ioeventfd_create(struct vmapi_vm *vm,
	const struct vmapi_ioeventfd_config *config,
	struct vmapi_ioeventfd **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_ioeventfd_config c;
	struct vmapi_ioeventfd *io;

	if (err)
		return err;
	if (!config || !out)
		return vmi_null(config ? "ioeventfd" : "config");
	err = read_config(vm, config, &c);
	if (err)
		return err;
	io = vmi_zalloc(sizeof(*io));
	if (!io)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	io->vm = vm;
	io->bell.space = (enum vmi_space)c.space;
	io->bell.address = c.address;
	io->bell.bytes = c.bytes;
	io->bell.has_match = c.flags & VMAPI_IOEVENTFD_MATCH;
	io->bell.match = c.match;
	io->bell.ring = ring;
	io->fd = vmi_eventfd_dup(c.fd);
	if (io->fd < 0) {
		err = vmi_fail(io->fd, "ioeventfd",
			"fd %" PRId32 " is not an eventfd to be had", c.fd);
		goto memory;
	}
	err = start(io);
	if (err)
		goto fd;
	vmi_vm_get(vm);
	*out = io;
	return 0;
fd:
	vmi_sys->close(io->fd);
memory:
	vmi_free(io);
	return err;
}

void vmapi_ioeventfd_destroy(struct vmapi_ioeventfd *io)
{
	struct vmapi_vm *vm;

	if (!io || vmi_enter(io->vm->ctx, __func__) ||
		vmi_region_refuses(io->vm))
		return;
	vm = io->vm;
	if (vm->ctx->be->ioeventfd)
		(void)vm->ctx->be->ioeventfd(vm, &io->bell, io->fd, false);
	vmi_doorbell_remove(vm, &io->bell);
	vmi_sys->close(io->fd);
	vmi_free(io);
	vmi_vm_put(vm);
}
