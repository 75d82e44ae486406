/* SPDX-License-Identifier: MIT */
/* Which door is in use, and memory through it. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/sys/sys.h"

const struct vmi_sys *vmi_sys = &vmi_sys_host;

size_t vmi_page_size(void)
{
	return vmi_sys->page_size();
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return vmi_sys->poll(&p, 1, 0) > 0 && p.revents & events;
}

void vmi_eventfd_signal(int fd)
{
	const uint64_t one = 1;

	if (is_ready(fd, POLLOUT))
		(void)vmi_sys->write(fd, &one, sizeof(one));
}

uint64_t vmi_eventfd_take(int fd)
{
	uint64_t value = 0;

	if (!is_ready(fd, POLLIN) ||
		vmi_sys->read(fd, &value, sizeof(value)) != sizeof(value))
		return 0;
	return value;
}

int vmi_set_length(int fd, uint64_t bytes)
{
	int err;

	do
		err = vmi_sys->ftruncate(fd, bytes);
	while (err == -EINTR);
	return err;
}

/* An eventfd is an anonymous inode, which has no file type (stat(2)). */
int vmi_eventfd_dup(int fd)
{
	struct stat st;
	int err = vmi_sys->fstat(fd, &st);

	if (err < 0)
		return err;
	return st.st_mode & S_IFMT ? -EINVAL : vmi_sys->dup(fd);
}

void *vmi_alloc(size_t bytes)
{
	return vmi_sys->alloc(bytes);
}

void *vmi_zalloc(size_t bytes)
{
	void *p = vmi_sys->alloc(bytes);

	if (p)
		memset(p, 0, bytes);
	return p;
}

void *vmi_calloc(size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		return NULL;
	return vmi_zalloc(n * size);
}

void *vmi_zalloc_aligned(size_t alignment, size_t bytes)
{
	void *p = vmi_sys->alloc_aligned(alignment, bytes);

	if (p)
		memset(p, 0, bytes);
	return p;
}

void vmi_free(void *memory)
{
	if (memory)
		vmi_sys->free(memory);
}
