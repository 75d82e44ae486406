/* SPDX-License-Identifier: MIT */
/* Numbers and structs as bytes, little-endian whatever the host. */
#ifndef VMI_CORE_ENCODE_H
#define VMI_CORE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/compiler.h"

/* -- Writing ------------------------------------------------------------ */

/* Grows as it is written to; once `failed` (no memory) it takes nothing. */
struct vmi_buffer {
	uint8_t *data;
	size_t bytes;
	size_t room;
	bool failed;
};

void vmi_buffer_free(struct vmi_buffer *b);
/* n bytes to be filled in, zero until then; NULL: no memory. */
uint8_t *vmi_put_room(struct vmi_buffer *b, size_t n);
void vmi_put_bytes(struct vmi_buffer *b, const void *data, size_t n);
/* The low `width` bytes of a number, 1 to 8. */
void vmi_put(struct vmi_buffer *b, uint64_t value, unsigned width);
void vmi_store(uint8_t *at, uint64_t value, unsigned width);

/* -- Reading ------------------------------------------------------------ */

/* Bytes from somebody else; `bad` once more was taken than there is. */
struct vmi_cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

/* The next n bytes, or NULL. */
const uint8_t *vmi_take_bytes(struct vmi_cursor *c, size_t n);
uint64_t vmi_take(struct vmi_cursor *c, unsigned width);
uint64_t vmi_fetch(const uint8_t *at, unsigned width);
/* Everything was taken and nothing was missing. */
bool vmi_cursor_done(const struct vmi_cursor *c);

/* -- Structs ------------------------------------------------------------ */

struct vmi_layout;

/* `count` members of `width` bytes, or structs that `inner` describes. */
struct vmi_field {
	uint32_t offset;
	uint32_t width; /* of each in memory */
	uint32_t count;
	const struct vmi_layout *inner; /* NULL: numbers */
};

/* Members that are not in it (padding, sizes) are zero after a read. */
struct vmi_layout {
	const struct vmi_field *fields;
	size_t n;
	size_t bytes;	/* of the struct in memory */
	bool has_size;	/* it begins with uint32_t size */
};

/* Rows of such tables: a number, an array of numbers, and structs. */
#define VMI_ONE(type, member)                                                  \
	{ offsetof(type, member), sizeof(((type *)0)->member), 1, NULL }
#define VMI_MANY(type, member)                                                 \
	{ offsetof(type, member), sizeof(((type *)0)->member[0]),              \
		vmi_array_len(((type *)0)->member), NULL }
#define VMI_INNER(type, member, layout)                                        \
	{ offsetof(type, member), sizeof(((type *)0)->member), 1, layout }
#define VMI_INNERS(type, member, layout)                                       \
	{ offsetof(type, member), sizeof(((type *)0)->member[0]),              \
		vmi_array_len(((type *)0)->member), layout }

void vmi_put_struct(
	struct vmi_buffer *b, const struct vmi_layout *layout, const void *s);
void vmi_take_struct(
	struct vmi_cursor *c, const struct vmi_layout *layout, void *s);
/* Bytes of it on the wire. */
size_t vmi_layout_bytes(const struct vmi_layout *layout);

#endif
