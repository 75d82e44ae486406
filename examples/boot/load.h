/* SPDX-License-Identifier: MIT */
/* Kernels: what kind a file is, into guest memory, and how to start it. */
#ifndef BOOT_LOAD_H
#define BOOT_LOAD_H

#include "image.h"
#include "memory.h"

/* In which state the boot processor enters the guest. */
enum start_mode {
	START_RESET,  /* at the reset vector, as it is */
	START_REAL,   /* 16 bits, all segments 0 but CS */
	START_FLAT32, /* protected, flat 4 GiB segments, paging off */
	START_LONG64  /* 64 bits, flat, paging from cr3 */
};

struct start {
	enum start_mode mode;
	uint16_t cs; /* START_REAL: the selector */
	uint64_t rip;
	uint64_t rsp;
	uint64_t rax;
	uint64_t rbx;
	uint64_t rdx;
	uint64_t rsi;
	uint64_t cr3;
	uint64_t gdt; /* START_FLAT32, START_LONG64: see load_gdt() */
};

/* What a loader gets, and what it leaves. */
struct load {
	struct memory *memory;
	const struct image *kernel;
	const struct image *initrd; /* NULL: none */
	const char *append;	    /* NULL: none */
	uint64_t rsdp;		    /* ACPI's root pointer, 0: none */
	struct start start;
	const char *kind;	    /* "Linux", "multiboot" ... */
	char error[320];	    /* why it failed */
};

/*
 * Tell the kernel's kind by its contents, put it and all it needs into guest
 * memory and say how to start it.  0, or -1 with `error`.  Whatever the file
 * contains, nothing outside guest RAM is written and nothing outside the
 * file is read.
 */
int load_kernel(struct load *load);

/* -- Between the loaders ------------------------------------------------ */

int load_linux(struct load *load);
int load_multiboot(struct load *load);
int load_pvh(struct load *load);
int load_flat(struct load *load);

bool is_linux(const struct image *image);
bool is_multiboot(const struct image *image);
bool is_elf(const struct image *image);

/* Set load->error from a format, return -1. */
#if defined(__GNUC__)
__attribute__((__format__(__printf__, 2, 3)))
#endif
int load_fail(struct load *load, const char *format, ...);

/* memory_take() with the error where it belongs. */
uint8_t *load_take(struct load *load, uint64_t gpa, uint64_t size,
	const char *what);

/*
 * Take `size` bytes wherever they fit, page aligned, lowest first from
 * `from` on, and clear them.  NULL with `error`.
 */
uint8_t *load_anywhere(struct load *load, uint64_t from, uint64_t size,
	const char *what, uint64_t *gpa);

/*
 * Put the initial RAM disk, if there is one, above `from`; *gpa and *size
 * are 0 without one.
 */
int load_module(struct load *load, uint64_t from, uint64_t *gpa,
	uint64_t *size);

/*
 * A GDT for kernels that are entered with flat segments: selector 0x10 is
 * code (64-bit code for START_LONG64), 0x18 data, 0x20 a busy TSS of 0x67
 * bytes at base 0.
 */
#define GDT_BYTES 0x28
int load_gdt(struct load *load, bool long_mode);

/* -- ELF ---------------------------------------------------------------- */

struct elf {
	const struct image *image;
	bool is64;
	uint64_t entry;
	uint64_t phoff;
	unsigned phnum;
	unsigned phentsize;
};

struct elf_segment {
	uint32_t type;
	uint64_t offset;
	uint64_t vaddr;
	uint64_t paddr;
	uint64_t filesz;
	uint64_t memsz;
};

#define ELF_PT_LOAD 1
#define ELF_PT_NOTE 4

int elf_open(struct load *load, struct elf *elf);
int elf_segment(struct load *load, const struct elf *elf, unsigned i,
	struct elf_segment *segment);

/*
 * Put every PT_LOAD segment at its physical address; *end is behind the
 * highest, and *entry the physical address of the entry point if it lies in
 * one of them (else as it is).
 */
int elf_load(struct load *load, const struct elf *elf, uint64_t *end,
	uint64_t *entry);

#endif
