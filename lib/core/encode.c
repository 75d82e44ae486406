/* SPDX-License-Identifier: MIT */
/* Numbers and structs as bytes, little-endian whatever the host. */
#include "lib/core/encode.h"

#include <string.h>

#include "lib/sys/sys.h"

/* -- Writing ------------------------------------------------------------ */

void vmi_buffer_free(struct vmi_buffer *b)
{
	vmi_free(b->data);
	*b = (struct vmi_buffer){ .data = NULL };
}

static bool grow(struct vmi_buffer *b, size_t n)
{
	size_t room = b->room ? b->room : 256;
	uint8_t *data;

	if (b->failed)
		return false;
	if (n <= b->room - b->bytes)
		return true;
	while (room - b->bytes < n && room <= SIZE_MAX / 2)
		room *= 2;
	data = room - b->bytes < n ? NULL : vmi_alloc(room);
	if (!data) {
		b->failed = true;
		return false;
	}
	if (b->bytes)
		memcpy(data, b->data, b->bytes);
	vmi_free(b->data);
	b->data = data;
	b->room = room;
	return true;
}

uint8_t *vmi_put_room(struct vmi_buffer *b, size_t n)
{
	uint8_t *at;

	if (!grow(b, n))
		return NULL;
	at = b->data + b->bytes;
	memset(at, 0, n);
	b->bytes += n;
	return at;
}

void vmi_put_bytes(struct vmi_buffer *b, const void *data, size_t n)
{
	uint8_t *at = n ? vmi_put_room(b, n) : NULL;

	if (at)
		memcpy(at, data, n);
}

void vmi_store(uint8_t *at, uint64_t value, unsigned width)
{
	unsigned i;

	for (i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

void vmi_put(struct vmi_buffer *b, uint64_t value, unsigned width)
{
	uint8_t bytes[8];

	vmi_store(bytes, value, width);
	vmi_put_bytes(b, bytes, width);
}

/* -- Reading ------------------------------------------------------------ */

const uint8_t *vmi_take_bytes(struct vmi_cursor *c, size_t n)
{
	const uint8_t *at = c->at;

	if (c->bad || n > (size_t)(c->end - c->at)) {
		c->bad = true;
		return NULL;
	}
	c->at += n;
	return at;
}

uint64_t vmi_fetch(const uint8_t *at, unsigned width)
{
	uint64_t value = 0;

	while (width--)
		value = value << 8 | at[width];
	return value;
}

uint64_t vmi_take(struct vmi_cursor *c, unsigned width)
{
	const uint8_t *at = vmi_take_bytes(c, width);

	return at ? vmi_fetch(at, width) : 0;
}

bool vmi_cursor_done(const struct vmi_cursor *c)
{
	return !c->bad && c->at == c->end;
}

/* -- Structs ------------------------------------------------------------ */

static uint64_t load_member(const uint8_t *at, unsigned width)
{
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;

	switch (width) {
	case 1: return *at;
	case 2: memcpy(&v16, at, 2); return v16;
	case 4: memcpy(&v32, at, 4); return v32;
	default: memcpy(&v64, at, 8); return v64;
	}
}

static void store_member(uint8_t *at, unsigned width, uint64_t value)
{
	uint32_t v32 = (uint32_t)value;
	uint16_t v16 = (uint16_t)value;

	switch (width) {
	case 1: *at = (uint8_t)value; break;
	case 2: memcpy(at, &v16, 2); break;
	case 4: memcpy(at, &v32, 4); break;
	default: memcpy(at, &value, 8); break;
	}
}

void vmi_put_struct(
	struct vmi_buffer *b, const struct vmi_layout *layout, const void *s)
{
	size_t i;
	uint32_t k;

	for (i = 0; i < layout->n; i++) {
		const struct vmi_field *f = &layout->fields[i];
		const uint8_t *at = (const uint8_t *)s + f->offset;

		for (k = 0; k < f->count; k++, at += f->width) {
			if (f->inner)
				vmi_put_struct(b, f->inner, at);
			else
				vmi_put(b, load_member(at, f->width), f->width);
		}
	}
}

static void take_fields(
	struct vmi_cursor *c, const struct vmi_layout *layout, uint8_t *s)
{
	size_t i;
	uint32_t k;

	for (i = 0; i < layout->n; i++) {
		const struct vmi_field *f = &layout->fields[i];
		uint8_t *at = s + f->offset;

		for (k = 0; k < f->count; k++, at += f->width) {
			if (f->inner)
				take_fields(c, f->inner, at);
			else
				store_member(at, f->width,
					vmi_take(c, f->width));
		}
	}
}

void vmi_take_struct(
	struct vmi_cursor *c, const struct vmi_layout *layout, void *s)
{
	memset(s, 0, layout->bytes);
	if (layout->has_size)
		store_member(s, sizeof(uint32_t), layout->bytes);
	take_fields(c, layout, s);
}

size_t vmi_layout_bytes(const struct vmi_layout *layout)
{
	size_t i, bytes = 0;

	for (i = 0; i < layout->n; i++) {
		const struct vmi_field *f = &layout->fields[i];

		bytes += f->count *
			(f->inner ? vmi_layout_bytes(f->inner) : f->width);
	}
	return bytes;
}
