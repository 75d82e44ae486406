/* SPDX-License-Identifier: MIT */
/* Exits that are accesses, of ports or of memory: what both have. */
#ifndef VMI_CORE_ACCESS_H
#define VMI_CORE_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include <vmapi/region.h>
#include <vmapi/vcpu.h>

#define VMI_EXIT_DATA_MAX 4096u /* bytes of an exit, by INS and OUTS */

static inline bool vmi_exit_is_port(const struct vmapi_exit *x)
{
	return x->reason == VMAPI_EXIT_IO;
}

/* The rest is for those that are. */
static inline bool vmi_exit_is_access(const struct vmapi_exit *x)
{
	return vmi_exit_is_port(x) || x->reason == VMAPI_EXIT_MMIO;
}

static inline bool vmi_exit_is_write(const struct vmapi_exit *x)
{
	return vmi_exit_is_port(x) ? x->u.io.is_write : x->u.mmio.is_write;
}

static inline unsigned vmi_exit_space(const struct vmapi_exit *x)
{
	return vmi_exit_is_port(x) ? VMAPI_SPACE_PORT : VMAPI_SPACE_MEMORY;
}

static inline uint64_t vmi_exit_address(const struct vmapi_exit *x)
{
	return vmi_exit_is_port(x) ? x->u.io.port : x->u.mmio.gpa;
}

/* Of an element, of which a string instruction has several. */
static inline uint32_t vmi_exit_width(const struct vmapi_exit *x)
{
	return vmi_exit_is_port(x) ? x->u.io.width : x->u.mmio.length;
}

static inline uint32_t vmi_exit_count(const struct vmapi_exit *x)
{
	return vmi_exit_is_port(x) ? x->u.io.count : 1;
}

static inline uint64_t vmi_exit_bytes(const struct vmapi_exit *x)
{
	return (uint64_t)vmi_exit_width(x) * vmi_exit_count(x);
}

static inline const void *vmi_exit_data(const struct vmapi_exit *x)
{
	return vmi_exit_is_port(x) ? x->u.io.data : x->u.mmio.data;
}

/* To an exit of any kind, which keeps its size. */
static inline void vmi_exit_give(
	struct vmapi_exit *to, const struct vmapi_exit *from)
{
	uint32_t size = to->size;

	*to = *from;
	to->size = size;
}

#endif
