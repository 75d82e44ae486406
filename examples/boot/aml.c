/* SPDX-License-Identifier: MIT */
/* A few operators of the ACPI Machine Language (ACPI 6.4, chapter 20). */
#include "aml.h"
#include "bytes.h"

#include <string.h>

#define OP_NAME	   0x08
#define OP_BYTE	   0x0a
#define OP_WORD	   0x0b
#define OP_DWORD   0x0c
#define OP_STRING  0x0d
#define OP_QWORD   0x0e
#define OP_SCOPE   0x10
#define OP_BUFFER  0x11
#define OP_PACKAGE 0x12
#define OP_EXT	   0x5b
#define OP_DEVICE  0x82

void aml_bytes(struct aml *aml, const void *bytes, size_t n)
{
	if (n > aml->room - aml->size) {
		aml->full = 1;
		return;
	}
	memcpy(aml->bytes + aml->size, bytes, n);
	aml->size += n;
}

static void number(struct aml *aml, unsigned width, uint64_t value)
{
	uint8_t bytes[8];

	put_le(bytes, width, value);
	aml_bytes(aml, bytes, width);
}

void aml_byte(struct aml *aml, unsigned value)
{
	number(aml, 1, value);
}

void aml_word(struct aml *aml, unsigned value)
{
	number(aml, 2, value);
}

void aml_dword(struct aml *aml, uint32_t value)
{
	number(aml, 4, value);
}

void aml_integer(struct aml *aml, uint64_t value)
{
	if (value <= 1) {
		aml_byte(aml, (unsigned)value); /* ZeroOp, OneOp */
	} else if (value <= UINT8_MAX) {
		aml_byte(aml, OP_BYTE);
		number(aml, 1, value);
	} else if (value <= UINT16_MAX) {
		aml_byte(aml, OP_WORD);
		number(aml, 2, value);
	} else if (value <= UINT32_MAX) {
		aml_byte(aml, OP_DWORD);
		number(aml, 4, value);
	} else {
		aml_byte(aml, OP_QWORD);
		number(aml, 8, value);
	}
}

void aml_path(struct aml *aml, const char *path)
{
	aml_bytes(aml, path, strlen(path));
}

void aml_name(struct aml *aml, const char *path)
{
	aml_byte(aml, OP_NAME);
	aml_path(aml, path);
}

size_t aml_scope(struct aml *aml, const char *path)
{
	size_t mark;

	aml_byte(aml, OP_SCOPE);
	mark = aml->size;
	aml_path(aml, path);
	return mark;
}

size_t aml_device(struct aml *aml, const char *path)
{
	size_t mark;

	aml_byte(aml, OP_EXT);
	aml_byte(aml, OP_DEVICE);
	mark = aml->size;
	aml_path(aml, path);
	return mark;
}

size_t aml_package(struct aml *aml, unsigned n)
{
	size_t mark;

	aml_byte(aml, OP_PACKAGE);
	mark = aml->size;
	aml_byte(aml, n);
	return mark;
}

/*
 * Put the length in front of what came since the mark: it counts itself, in
 * one byte up to 63, else in two (20.2.4).
 */
void aml_end(struct aml *aml, size_t mark)
{
	size_t inside = aml->size - mark;
	size_t width = inside + 1 <= 63 ? 1 : 2;
	size_t length = inside + width;

	if (length > 0xfff || width > aml->room - aml->size) {
		aml->full = 1;
		return;
	}
	memmove(aml->bytes + mark + width, aml->bytes + mark, inside);
	aml->size += width;
	if (width == 1) {
		aml->bytes[mark] = (uint8_t)length;
	} else {
		aml->bytes[mark] = (uint8_t)(0x40 | (length & 0xf));
		aml->bytes[mark + 1] = (uint8_t)(length >> 4);
	}
}

void aml_string(struct aml *aml, const char *text)
{
	aml_byte(aml, OP_STRING);
	aml_bytes(aml, text, strlen(text) + 1);
}

static unsigned hex(char digit)
{
	return digit <= '9' ? (unsigned)(digit - '0')
			    : (unsigned)(digit - 'A' + 10);
}

/* Three letters of 5 bits, four hexadecimal digits, big-endian (19.3.4). */
void aml_eisaid(struct aml *aml, const char *id)
{
	uint32_t value = 0;
	uint8_t bytes[4];
	int i;

	for (i = 0; i < 3; i++)
		value = value << 5 | ((unsigned)(id[i] - '@') & 0x1f);
	for (i = 3; i < 7; i++)
		value = value << 4 | hex(id[i]);
	put_be(bytes, 4, value);
	aml_byte(aml, OP_DWORD);
	aml_bytes(aml, bytes, 4);
}

void aml_resources(struct aml *aml, const struct aml *descriptors)
{
	size_t mark;

	aml_byte(aml, OP_BUFFER);
	mark = aml->size;
	aml_integer(aml, descriptors->size + 2);
	aml_bytes(aml, descriptors->bytes, descriptors->size);
	aml_byte(aml, 0x79); /* the end tag, */
	aml_byte(aml, 0);    /* and no checksum */
	aml_end(aml, mark);
	aml->full |= descriptors->full;
}

/* 6.4.2.5, 16 address bits decoded. */
void aml_io(struct aml *aml, unsigned port, unsigned count)
{
	aml_byte(aml, 0x47);
	aml_byte(aml, 1);
	aml_word(aml, port);
	aml_word(aml, port);
	aml_byte(aml, 1);
	aml_byte(aml, count);
}

/* 6.4.2.1: edge-triggered, active high, exclusive. */
void aml_irq(struct aml *aml, unsigned irq)
{
	aml_byte(aml, 0x22);
	aml_word(aml, 1u << irq);
}

/* 6.4.3.4: writable */
void aml_memory(struct aml *aml, uint32_t base, uint32_t size)
{
	aml_byte(aml, 0x86);
	aml_word(aml, 9);
	aml_byte(aml, 1);
	aml_dword(aml, base);
	aml_dword(aml, size);
}

/* 6.4.3.6: edge-triggered, active high, exclusive. */
void aml_interrupt(struct aml *aml, uint32_t gsi)
{
	aml_byte(aml, 0x89);
	aml_word(aml, 6);
	aml_byte(aml, 3);
	aml_byte(aml, 1);
	aml_dword(aml, gsi);
}

static void space_head(struct aml *aml, unsigned tag, unsigned length,
	enum aml_space space)
{
	aml_byte(aml, tag);
	aml_word(aml, length);
	aml_byte(aml, space);
	aml_byte(aml, 0x0c); /* first and last are fixed */
	aml_byte(aml, space == AML_IO ? 3 : space == AML_MEMORY ? 1 : 0);
}

/* 6.4.3.5.3 */
void aml_word_space(struct aml *aml, enum aml_space space, unsigned first,
	unsigned last)
{
	space_head(aml, 0x88, 13, space);
	aml_word(aml, 0);
	aml_word(aml, first);
	aml_word(aml, last);
	aml_word(aml, 0);
	aml_word(aml, last - first + 1);
}

/* 6.4.3.5.2: memory, writable, not cached */
void aml_dword_space(struct aml *aml, uint32_t first, uint32_t last)
{
	space_head(aml, 0x87, 23, AML_MEMORY);
	aml_dword(aml, 0);
	aml_dword(aml, first);
	aml_dword(aml, last);
	aml_dword(aml, 0);
	aml_dword(aml, last - first + 1);
}
