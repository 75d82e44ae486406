/* SPDX-License-Identifier: MIT */
/* RAM objects: pieces of memory, wherever they are mapped. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/core/backend.h"
#include "lib/core/device.h"
#include "lib/core/dirty.h"
#include "lib/sys/sys.h"

/* What page_flags counts in, whatever the host's pages are. */
#define FLAG_PAGE 4096u

static const char *ram_label(const struct vmapi_ram *ram)
{
	return vmi_object("ram '%s'", ram->name);
}

/* -- Making one --------------------------------------------------------- */

/* Where in the host's memory it has to begin, to be mapped as a whole. */
static uint64_t alignment(struct vmapi *ctx)
{
	int64_t align = vmi_cap(ctx, NULL, VMAPI_CAP_MAP_ALIGN);
	uint64_t page = vmi_page_size();

	return align > 0 && (uint64_t)align > page ? (uint64_t)align : page;
}

static int check_pointer(struct vmapi *ctx, const void *pointer)
{
	uint64_t align = alignment(ctx);

	if (pointer && !((uintptr_t)pointer % align))
		return 0;
	return vmi_fail(-EINVAL, "ram",
		"the pointer is NULL or not aligned to 0x%" PRIx64, align);
}

static int check_config(struct vmapi *ctx, const struct vmapi_ram_config *c)
{
	uint64_t page = vmi_page_size(), room = SIZE_MAX / 2;

	if (!memchr(c->name, '\0', sizeof(c->name)))
		return vmi_fail(-EINVAL, "ram", "the name has no end");
	if (c->flags & ~VMAPI_RAM_HUGE)
		return vmi_fail(-EINVAL, "ram", "unknown flags 0x%" PRIx32,
			c->flags & ~VMAPI_RAM_HUGE);
	if (c->kind > VMAPI_RAM_DEVICE)
		return vmi_fail(-EINVAL, "ram", "no RAM kind %" PRIu32,
			c->kind);
	if (!c->bytes || c->bytes % page)
		return vmi_fail(-EINVAL, "ram",
			"length 0x%" PRIx64 " is not a multiple of the host's "
			"page size 0x%" PRIx64, c->bytes, page);
	if (c->bytes > room)
		return vmi_fail(-ENOMEM, "ram",
			"length 0x%" PRIx64 " is more than this process can "
			"address", c->bytes);
	if ((c->kind == VMAPI_RAM_FD || c->kind == VMAPI_RAM_DEVICE) &&
		(c->offset % page || c->offset > INT64_MAX - c->bytes))
		return vmi_fail(-EINVAL, "ram",
			"offset 0x%" PRIx64 " is unaligned or too large",
			c->offset);
	if (c->kind == VMAPI_RAM_GUEST_MEMFD && !c->vm)
		return vmi_null("config->vm");
	if (c->kind == VMAPI_RAM_DEVICE && !c->device)
		return vmi_null("config->device");
	return c->kind == VMAPI_RAM_POINTER ? check_pointer(ctx, c->pointer)
					    : 0;
}

static int map_file(struct vmapi_ram *ram, uint64_t offset)
{
	struct vmi_mmap what = { .bytes = (size_t)ram->bytes,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_SHARED,
		.fd = ram->fd,
		.offset = offset,
		.align = (size_t)alignment(ram->ctx) };
	void *where;
	int err;

	if (ram->fd < 0)
		what.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	err = vmi_sys->mmap(&what, &where);
	if (err)
		return vmi_fail(err, ram_label(ram),
			"cannot map 0x%" PRIx64 " bytes: %s", ram->bytes,
			strerror(-err));
	ram->base = where;
	return 0;
}

/* Who is given it cannot take memory away, by which others would die. */
static int make_memfd(struct vmapi_ram *ram)
{
	int err, fd = vmi_sys->memfd(
		*ram->name ? ram->name : "vmapi", MFD_ALLOW_SEALING);

	if (fd < 0)
		return vmi_fail(fd, ram_label(ram), "cannot make a memfd: %s",
			strerror(-fd));
	err = vmi_set_length(fd, ram->bytes);
	if (!err)
		err = vmi_sys->seal(fd);
	if (err) {
		vmi_sys->close(fd);
		return vmi_fail(err, ram_label(ram),
			"cannot give the memfd 0x%" PRIx64 " bytes: %s",
			ram->bytes, strerror(-err));
	}
	ram->fd = fd;
	return 0;
}

/* A block device or the like has no length in its inode: mmap() decides. */
static int check_file(
	const struct vmapi_ram *ram, const struct vmapi_ram_config *c, int fd)
{
	int mode = vmi_sys->access_mode(fd);
	struct stat st;
	int err;

	if (mode < 0)
		return vmi_fail(mode, ram_label(ram), "%d is no descriptor",
			fd);
	if (mode != O_RDWR)
		return vmi_fail(-EACCES, ram_label(ram),
			"descriptor %d is not open for reading and writing",
			fd);
	err = vmi_sys->fstat(fd, &st);
	if (err)
		return vmi_fail(err, ram_label(ram), "cannot stat it: %s",
			strerror(-err));
	if (S_ISREG(st.st_mode) &&
		(uint64_t)st.st_size < c->offset + c->bytes)
		return vmi_fail(-EINVAL, ram_label(ram),
			"the file has 0x%" PRIx64 " bytes, 0x%" PRIx64
			" are needed", (uint64_t)st.st_size,
			c->offset + c->bytes);
	return 0;
}

static int take_file(struct vmapi_ram *ram, const struct vmapi_ram_config *c)
{
	int fd, err = check_file(ram, c, c->fd);

	if (err)
		return err;
	fd = vmi_sys->dup(c->fd);
	if (fd < 0)
		return vmi_fail(fd, ram_label(ram),
			"cannot duplicate descriptor %d: %s", c->fd,
			strerror(-fd));
	ram->fd = fd;
	return 0;
}

/* Its descriptor lives as long as the pages. */
static int take_device(struct vmapi_ram *ram, const struct vmapi_device *device)
{
	int fd;

	if (device->vm->ctx != ram->ctx)
		return vmi_fail(-EINVAL, ram_label(ram),
			"the device is of another context");
	if (device->fd < 0)
		return vmi_fail(-ENOTSUP, ram_label(ram),
			"the device is the library's: it has no pages");
	fd = vmi_sys->dup(device->fd);
	if (fd < 0)
		return vmi_fail(fd, ram_label(ram),
			"cannot duplicate the device's descriptor: %s",
			strerror(-fd));
	ram->fd = fd;
	ram->vm = device->vm;
	return 0;
}

/* The half that only the VM reaches; the other one is anonymous. */
static int make_private(struct vmapi_ram *ram, struct vmapi_vm *vm)
{
	const struct vmi_backend *be = ram->ctx->be;
	int fd;

	if (vm->ctx != ram->ctx)
		return vmi_fail(-EINVAL, ram_label(ram),
			"the VM is of another context");
	if (!be->guest_memfd || !vmi_cap(ram->ctx, vm, VMAPI_CAP_GUEST_MEMFD))
		return vmi_fail(-ENOTSUP, ram_label(ram),
			"%s has no guest_memfd", be->name);
	fd = be->guest_memfd(vm, ram->bytes);
	if (fd < 0)
		return fd;
	ram->private_fd = fd;
	ram->vm = vm;
	return 0;
}

static int get_memory(struct vmapi_ram *ram, const struct vmapi_ram_config *c)
{
	int err = 0;

	if (c->kind == VMAPI_RAM_POINTER) {
		ram->base = c->pointer;
		return 0;
	}
	if (c->kind == VMAPI_RAM_GUEST_MEMFD)
		err = make_private(ram, c->vm);
	else if (c->kind == VMAPI_RAM_MEMFD)
		err = make_memfd(ram);
	else if (c->kind == VMAPI_RAM_FD)
		err = take_file(ram, c);
	else if (c->kind == VMAPI_RAM_DEVICE)
		err = take_device(ram, c->device);
	if (!err)
		err = map_file(ram, c->kind == VMAPI_RAM_FD ||
			c->kind == VMAPI_RAM_DEVICE ? c->offset : 0);
	return err;
}

/* The backend holds nothing: it comes and goes with the entries. */
static void free_ram(struct vmapi_ram *ram)
{
	if (ram->base && ram->kind != VMAPI_RAM_POINTER)
		vmi_sys->munmap(ram->base, (size_t)ram->bytes);
	if (ram->fd >= 0)
		vmi_sys->close(ram->fd);
	if (ram->private_fd >= 0)
		vmi_sys->close(ram->private_fd);
	vmi_free((void *)atomic_load(&ram->page_flags));
	vmi_log_free(ram);
	pthread_mutex_destroy(&ram->watch_lock);
	vmi_free(ram);
}

int vmapi_ram_create(struct vmapi *ctx, const struct vmapi_ram_config *config,
	struct vmapi_ram **out)
{
	struct vmapi_ram_config c;
	struct vmapi_ram *ram;
	int err = vmi_enter(ctx, __func__);

	if (err)
		return err;
	if (!config || !out)
		return vmi_null(config ? "ram" : "config");
	err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (!err)
		err = check_config(ctx, &c);
	if (err)
		return err;
	ram = vmi_zalloc(sizeof(*ram));
	if (!ram)
		return vmi_fail(-ENOMEM, "ram", "no memory");
	ram->ctx = ctx;
	ram->kind = c.kind;
	ram->bytes = c.bytes;
	ram->fd = -1;
	ram->private_fd = -1;
	memcpy(ram->name, c.name, sizeof(ram->name));
	atomic_init(&ram->refs, 1);
	pthread_mutex_init(&ram->watch_lock, NULL);
	err = get_memory(ram, &c);
	if (err) {
		free_ram(ram);
		return err;
	}
	if (c.flags & VMAPI_RAM_HUGE)
		(void)vmi_sys->madvise(
			ram->base, (size_t)ram->bytes, MADV_HUGEPAGE);
	vmi_context_get(ctx);
	*out = ram;
	return 0;
}

/* -- References --------------------------------------------------------- */

void vmi_ram_get(struct vmapi_ram *ram)
{
	atomic_fetch_add_explicit(&ram->refs, 1, memory_order_relaxed);
}

void vmi_ram_put(struct vmapi_ram *ram)
{
	struct vmapi *ctx = ram->ctx;

	if (atomic_fetch_sub(&ram->refs, 1) != 1)
		return;
	free_ram(ram);
	vmi_context_put(ctx);
}

int vmapi_ram_ref(struct vmapi_ram *ram)
{
	int err = vmi_enter(ram ? ram->ctx : NULL, __func__);

	if (!err)
		vmi_ram_get(ram);
	return err;
}

void vmapi_ram_destroy(struct vmapi_ram *ram)
{
	if (ram && !vmi_enter(ram->ctx, __func__))
		vmi_ram_put(ram);
}

/* -- Asking ------------------------------------------------------------- */

int vmapi_ram_pointer(struct vmapi_ram *ram, void **pointer)
{
	int err = vmi_enter(ram ? ram->ctx : NULL, __func__);

	if (err)
		return err;
	if (!pointer)
		return vmi_null("pointer");
	*pointer = ram->base;
	return 0;
}

int vmapi_ram_size(struct vmapi_ram *ram, uint64_t *bytes)
{
	int err = vmi_enter(ram ? ram->ctx : NULL, __func__);

	if (err)
		return err;
	if (!bytes)
		return vmi_null("bytes");
	*bytes = ram->bytes;
	return 0;
}

int vmapi_ram_fd(struct vmapi_ram *ram, int *fd)
{
	int err = vmi_enter(ram ? ram->ctx : NULL, __func__);

	if (err)
		return err;
	if (!fd)
		return vmi_null("fd");
	if (ram->fd < 0 && ram->private_fd < 0)
		return vmi_fail(-ENOTSUP, ram_label(ram),
			"its kind has no descriptor");
	*fd = ram->fd < 0 ? ram->private_fd : ram->fd;
	return 0;
}

/* -- What backends keep about pages ------------------------------------- */

_Atomic(uint8_t) *vmi_ram_page_flags(struct vmapi_ram *ram)
{
	_Atomic(uint8_t) *flags = atomic_load(&ram->page_flags), *fresh;
	size_t n = (size_t)(ram->bytes / FLAG_PAGE);

	if (flags)
		return flags;
	fresh = vmi_calloc(n, sizeof(*fresh));
	if (!fresh)
		return NULL;
	if (atomic_compare_exchange_strong(&ram->page_flags, &flags, fresh))
		return fresh;
	vmi_free((void *)fresh);
	return flags;
}

void vmi_ram_watch_add(struct vmapi_ram *ram, struct vmi_ram_watch *watch)
{
	pthread_mutex_lock(&ram->watch_lock);
	watch->next = ram->watches;
	ram->watches = watch;
	atomic_fetch_add(&ram->n_watches, 1);
	pthread_mutex_unlock(&ram->watch_lock);
}

void vmi_ram_watch_remove(struct vmapi_ram *ram, struct vmi_ram_watch *watch)
{
	struct vmi_ram_watch **at;

	pthread_mutex_lock(&ram->watch_lock);
	for (at = &ram->watches; *at; at = &(*at)->next)
		if (*at == watch) {
			*at = watch->next;
			atomic_fetch_sub(&ram->n_watches, 1);
			break;
		}
	pthread_mutex_unlock(&ram->watch_lock);
}

bool vmi_ram_is_shared(const struct vmapi_ram *ram)
{
	return atomic_load(&ram->n_watches) > 1;
}

void vmi_ram_tell(struct vmapi_ram *ram, uint64_t offset, uint64_t bytes)
{
	struct vmi_ram_watch *watch;

	vmi_log_mark(ram, offset, bytes);
	pthread_mutex_lock(&ram->watch_lock);
	for (watch = ram->watches; watch; watch = watch->next)
		watch->written(watch, ram, offset, bytes);
	pthread_mutex_unlock(&ram->watch_lock);
}

int vmapi_ram_written(struct vmapi_ram *ram, uint64_t offset, uint64_t bytes)
{
	int err = vmi_enter(ram ? ram->ctx : NULL, __func__);

	if (err)
		return err;
	if (offset > ram->bytes || bytes > ram->bytes - offset)
		return vmi_fail_range(-ERANGE, offset, bytes,
			"0x%" PRIx64 "+0x%" PRIx64 " is outside ram '%s' of "
			"0x%" PRIx64 " bytes", offset, bytes, ram->name,
			ram->bytes);
	if (bytes)
		vmi_ram_tell(ram, offset, bytes);
	return 0;
}
