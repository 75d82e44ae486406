/* SPDX-License-Identifier: MIT */
/* A few operators of the ACPI Machine Language, enough for a small DSDT. */
#ifndef BOOT_AML_H
#define BOOT_AML_H

#include <stddef.h>
#include <stdint.h>

/* Bytes are appended; `full` is set where they did not fit. */
struct aml {
	uint8_t *bytes;
	size_t size;
	size_t room;
	int full;
};

void aml_byte(struct aml *aml, unsigned value);
void aml_bytes(struct aml *aml, const void *bytes, size_t n);
void aml_word(struct aml *aml, unsigned value);
void aml_dword(struct aml *aml, uint32_t value);

/* An integer constant in its shortest form (ACPI 6.4, 20.2.3). */
void aml_integer(struct aml *aml, uint64_t value);

/* A path of 4-letter segments: "_HID", "\\_SB_" (20.2.2). */
void aml_path(struct aml *aml, const char *path);

/* Name(path, ...): the object follows. */
void aml_name(struct aml *aml, const char *path);

/*
 * Scope(path), Device(path), Package of n elements, Buffer: what comes until
 * aml_end() is inside.  They give the mark that aml_end() takes.
 */
size_t aml_scope(struct aml *aml, const char *path);
size_t aml_device(struct aml *aml, const char *path);
size_t aml_package(struct aml *aml, unsigned n);
void aml_end(struct aml *aml, size_t mark);

void aml_string(struct aml *aml, const char *text);

/* EISAID("PNP0501") as an integer. */
void aml_eisaid(struct aml *aml, const char *id);

/* A Buffer with these resource descriptors and the end tag (6.4.2, 6.4.3). */
void aml_resources(struct aml *aml, const struct aml *descriptors);
void aml_io(struct aml *aml, unsigned port, unsigned count);
void aml_irq(struct aml *aml, unsigned irq);
void aml_memory(struct aml *aml, uint32_t base, uint32_t size);
void aml_interrupt(struct aml *aml, uint32_t gsi);

/* A range that a bus hands on to its devices. */
enum aml_space { AML_MEMORY = 0, AML_IO = 1, AML_BUS = 2 };
void aml_word_space(struct aml *aml, enum aml_space space, unsigned first,
	unsigned last);
void aml_dword_space(struct aml *aml, uint32_t first, uint32_t last);

#endif
