/* SPDX-License-Identifier: MIT */
/* A saved state as a row of sections with checksums, on a descriptor. */
#ifndef VMI_CORE_STREAM_H
#define VMI_CORE_STREAM_H

#include "lib/core/core.h"
#include "lib/core/encode.h"

#define VMI_STREAM_ID 16

/* Numbers of the format (vmapi_stream(7)): never renumbered. */
enum vmi_section_type {
	VMI_SECTION_END = 0,
	VMI_SECTION_MACHINE = 1, /* what the VM is */
	VMI_SECTION_RAM = 2,	 /* a RAM object; index: its number */
	VMI_SECTION_MAP = 3,	 /* index: the address space */
	VMI_SECTION_CLOCK = 4,
	VMI_SECTION_CPUID = 5,	 /* index: the vcpu's place */
	VMI_SECTION_VCPU = 6,	 /* its registers */
	VMI_SECTION_ROUTES = 7,
	VMI_SECTION_CHIP = 8,	 /* index: enum vmi_chip */
	VMI_SECTION_DEVICE = 9,	 /* index: its place */
	VMI_SECTION_APP = 10,	 /* the application's; index: its place */
	VMI_SECTION_PAGES = 11,	 /* of RAM; index: the object's number */
	VMI_SECTION_SERVERS = 12, /* vcpus of a device; index: its place */
	VMI_SECTION_CALLS = 13,	 /* what vmapi_hypercall_enable() gave */
	VMI_SECTION_TYPES	 /* those from here on nobody knows */
};

/* A reader that does not know the section goes on without it. */
#define VMI_SECTION_SKIPPABLE (1u << 0)

struct vmi_section {
	uint32_t type;
	uint32_t flags;
	uint32_t index;
	uint32_t crc; /* of the payload: the stream's own */
	uint64_t bytes;
	uint8_t *data;
};

static inline struct vmi_cursor vmi_section_cursor(
	const struct vmi_section *section)
{
	return (struct vmi_cursor){ section->data,
		section->data + section->bytes, false };
}

/* What comes before the sections. */
struct vmi_stream_head {
	uint32_t machine; /* as ELF numbers architectures */
	uint32_t flags;	  /* VMI_STREAM_ */
	uint8_t id[VMI_STREAM_ID];
	uint8_t parent[VMI_STREAM_ID]; /* of a delta: what it goes on top of */
};

#define VMI_STREAM_DELTA  (1u << 0)
#define VMI_STREAM_ROUNDS (1u << 1) /* pages come again; the last one counts */

struct vmi_stream {
	int fd;
	uint32_t seed;	   /* of headers' checksums: sections of two streams */
	uint32_t sequence; /* do not mix, and none is missing */
	uint32_t (*crc)[256]; /* tables for eight bytes at once */
};

/* Sets the stream up; what is left of it is to be closed. */
int vmi_stream_open(struct vmi_stream *s, int fd);
void vmi_stream_close(struct vmi_stream *s);

int vmi_stream_write_head(
	struct vmi_stream *s, const struct vmi_stream_head *head);
int vmi_stream_write(struct vmi_stream *s, const struct vmi_section *section);

/* -EBADMSG, -EPROTONOSUPPORT, or what read() says. */
int vmi_stream_read_head(struct vmi_stream *s, struct vmi_stream_head *head);
/* The next section without its payload, of which there are `bytes`. */
int vmi_stream_next(struct vmi_stream *s, struct vmi_section *section);
/* Its payload. */
int vmi_stream_body(
	struct vmi_stream *s, const struct vmi_section *section, void *data);

/* "registers", for messages. */
const char *vmi_section_name(uint32_t type);

#endif
