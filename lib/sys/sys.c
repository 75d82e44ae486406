/* SPDX-License-Identifier: MIT */
/* Which door is in use, and memory through it. */
#include <string.h>

#include "lib/sys/sys.h"

const struct vmi_sys *vmi_sys = &vmi_sys_host;

size_t vmi_page_size(void)
{
	return vmi_sys->page_size();
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
