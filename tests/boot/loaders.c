/* SPDX-License-Identifier: MIT */
/* Kernels good and hostile against the loaders of vmapi-boot. */
/*
 * Each kind of kernel is made here, byte by byte, and loaded into a guest
 * memory of its own.  Then it is cut off at every offset of its headers and
 * changed at random, thousands of times from a fixed seed; whatever a loader
 * says to that, it says it in words and touches nothing outside, which is
 * for AddressSanitizer to see and for guard bytes around the memory.
 */
#include "examples/boot/acpi.h"
#include "examples/boot/bytes.h"
#include "examples/boot/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAM   (32 * MIB)
#define GUARD 4096
#define FILE_MAX 16384

static int n_cases, n_bad;
static uint8_t *ram; /* GUARD bytes before and after */

static void verdict(int good, const char *what)
{
	n_cases++;
	if (!good)
		n_bad++;
	printf("%sok %d - %s\n", good ? "" : "not ", n_cases, what);
}

/* -- Loading ------------------------------------------------------------ */

struct file {
	uint8_t bytes[FILE_MAX];
	size_t size;
};

struct attempt {
	struct memory memory;
	struct load load;
	struct image kernel;
	struct image initrd;
	int result;
};

static const uint8_t module[] = "the initrd's contents";

/*
 * The file is copied to an allocation of its exact size, so that a read
 * behind its end is seen.
 */
static void attempt(struct attempt *a, const struct file *file,
	const char *append)
{
	memset(a, 0, sizeof(*a));
	memory_init(&a->memory, ram + GUARD, RAM);
	a->kernel.name = "dir/kernel";
	a->kernel.size = file->size;
	a->kernel.data = malloc(file->size);
	if (a->kernel.data == NULL)
		abort();
	memcpy(a->kernel.data, file->bytes, file->size);
	a->initrd.name = "dir/module";
	a->initrd.data = (uint8_t *)module;
	a->initrd.size = sizeof(module);
	a->load.memory = &a->memory;
	a->load.kernel = &a->kernel;
	a->load.initrd = &a->initrd;
	a->load.append = append;
	a->load.rsdp = 0xe0000;
	a->result = load_kernel(&a->load);
	free(a->kernel.data);
}

static int guards_whole(void)
{
	size_t i;

	for (i = 0; i < GUARD; i++)
		if (ram[i] != 0x5a || ram[GUARD + RAM + i] != 0x5a)
			return 0;
	return 1;
}

static uint8_t *at(uint64_t gpa)
{
	return ram + GUARD + gpa;
}

/* Is there a range of RAM or not, in 20-byte entries `step` apart? */
static int map_is_good(const uint8_t *entry, unsigned n, unsigned step)
{
	uint64_t end = 0, total = 0;
	unsigned i;

	for (i = 0; i < n; i++, entry += step) {
		if (get64(entry) < end || get64(entry + 8) == 0)
			return 0;
		end = get64(entry) + get64(entry + 8);
		if (get32(entry + 16) == RANGE_RAM)
			total += get64(entry + 8);
	}
	return n >= 3 && end == RAM && total == RAM - MIB + EBDA_BASE;
}

/* -- Linux -------------------------------------------------------------- */

static void make_linux(struct file *f)
{
	memset(f, 0, sizeof(*f));
	f->size = 1024 + 4096;
	f->bytes[0x1f1] = 1;			/* setup sectors */
	put32(f->bytes + 0x1f4, 4096 / 16);	/* of code */
	put16(f->bytes + 0x1fe, 0xaa55);
	f->bytes[0x200] = 0xeb;
	f->bytes[0x201] = 0x66;
	memcpy(f->bytes + 0x202, "HdrS", 4);
	put16(f->bytes + 0x206, 0x020f);
	f->bytes[0x211] = 1;
	put32(f->bytes + 0x22c, 0x7fffffff);	/* initrd */
	put32(f->bytes + 0x230, 0x200000);	/* alignment */
	f->bytes[0x234] = 1;
	put16(f->bytes + 0x236, 1);
	put32(f->bytes + 0x238, 2047);
	put64(f->bytes + 0x258, 0x1000000);
	put32(f->bytes + 0x260, 0x800000);
	memset(f->bytes + 1024, 0xcc, 4096);
}

static void make_linux32(struct file *f)
{
	make_linux(f);
	put16(f->bytes + 0x236, 0);
}

/* Before 2.12 the bit meant nothing. */
static void make_linux211(struct file *f)
{
	make_linux(f);
	put16(f->bytes + 0x206, 0x020b);
}

static int zero_page_is_good(struct attempt *a)
{
	const uint8_t *zp = at(a->load.start.rsi);
	uint64_t initrd = get32(zp + 0x218);

	return a->result == 0 && *at(a->load.start.rip) == 0xcc &&
		zp[0x210] == 0xff &&
		get32(zp + 0x214) == 0x1000000 &&
		strcmp((char *)at(get32(zp + 0x228)), "console=ttyS0") == 0 &&
		get32(zp + 0x21c) == sizeof(module) &&
		initrd % 4096 == 0 && initrd + 4096 == RAM &&
		memcmp(at(initrd), module, sizeof(module)) == 0 &&
		get64(zp + 0x70) == 0xe0000 &&
		map_is_good(zp + 0x2d0, zp[0x1e8], 20);
}

static int linux_is_good(struct attempt *a)
{
	return zero_page_is_good(a) && a->load.start.mode == START_LONG64 &&
		a->load.start.rip == 0x1000200 &&
		get64(at(get64(at(get64(at(a->load.start.cr3)) & ~4095ull)) &
			 ~4095ull)) == 0x83 &&
		get64(at(a->load.start.gdt) + 0x10) == 0x00af9b000000ffffull;
}

static int linux32_is_good(struct attempt *a)
{
	return zero_page_is_good(a) && a->load.start.mode == START_FLAT32 &&
		a->load.start.rip == 0x1000000 &&
		get64(at(a->load.start.gdt) + 0x10) == 0x00cf9b000000ffffull;
}

/* -- ELF ---------------------------------------------------------------- */

#define CODE_AT 0x1000 /* in the file */
#define KERNEL_AT 0x200000

static void make_elf(struct file *f, int is64)
{
	uint8_t *p = f->bytes + (is64 ? 64 : 52);

	memset(f, 0, sizeof(*f));
	f->size = CODE_AT + 256;
	memcpy(f->bytes, "\177ELF", 4);
	f->bytes[4] = is64 ? 2 : 1;
	f->bytes[5] = f->bytes[6] = 1;
	put16(f->bytes + 16, 2);
	put16(f->bytes + 18, is64 ? 62 : 3);
	put_le(f->bytes + 24, is64 ? 8 : 4, KERNEL_AT + 0x10);
	put_le(f->bytes + (is64 ? 32 : 28), is64 ? 8 : 4, is64 ? 64 : 52);
	put16(f->bytes + (is64 ? 54 : 42), is64 ? 56 : 32);
	put16(f->bytes + (is64 ? 56 : 44), 1);
	put32(p, ELF_PT_LOAD);
	put_le(p + (is64 ? 8 : 4), is64 ? 8 : 4, CODE_AT);
	put_le(p + (is64 ? 16 : 8), is64 ? 8 : 4, KERNEL_AT);
	put_le(p + (is64 ? 24 : 12), is64 ? 8 : 4, KERNEL_AT);
	put_le(p + (is64 ? 32 : 16), is64 ? 8 : 4, 256);
	put_le(p + (is64 ? 40 : 20), is64 ? 8 : 4, 4096);
	memset(f->bytes + CODE_AT, 0xcc, 256);
}

static void add_multiboot(struct file *f, uint32_t flags)
{
	uint8_t *h = f->bytes + 0x200;

	put32(h, 0x1badb002);
	put32(h + 4, flags);
	put32(h + 8, 0u - 0x1badb002u - flags);
}

static void make_multiboot(struct file *f)
{
	make_elf(f, 0);
	add_multiboot(f, 3);
}

/* Not ELF: the header's addresses say where it goes. */
static void make_kludge(struct file *f)
{
	memset(f, 0, sizeof(*f));
	f->size = 0x800;
	memset(f->bytes, 0xcc, f->size);
	add_multiboot(f, 0x10003);
	put32(f->bytes + 0x20c, KERNEL_AT + 0x100); /* header */
	put32(f->bytes + 0x210, KERNEL_AT);	    /* load, 0x100 in */
	put32(f->bytes + 0x214, KERNEL_AT + 0x600); /* load end */
	put32(f->bytes + 0x218, KERNEL_AT + 0x2000); /* bss end */
	put32(f->bytes + 0x21c, KERNEL_AT + 0x10);
}

static int multiboot_is_good(struct attempt *a)
{
	const uint8_t *info = at(a->load.start.rbx);
	const uint8_t *mod = at(get32(info + 24));

	return a->result == 0 && a->load.start.mode == START_FLAT32 &&
		a->load.start.rax == 0x2badb002 &&
		a->load.start.rip == KERNEL_AT + 0x10 &&
		*at(a->load.start.rip) == 0xcc &&
		*at(KERNEL_AT + 0xfff) == 0 &&
		(get32(info) & 0x4d) == 0x4d && get32(info + 4) == 639 &&
		get32(info + 8) == (RAM - MIB) / KIB &&
		strcmp((char *)at(get32(info + 16)),
			"kernel console=ttyS0") == 0 &&
		get32(info + 20) == 1 &&
		get32(mod + 4) - get32(mod) == sizeof(module) &&
		get32(mod) >= KERNEL_AT + 0x1000 && get32(mod) % 4096 == 0 &&
		memcmp(at(get32(mod)), module, sizeof(module)) == 0 &&
		strcmp((char *)at(get32(mod + 8)), "module") == 0 &&
		get32(at(get32(info + 48))) == 20 &&
		map_is_good(at(get32(info + 48)) + 4, get32(info + 44) / 24,
			24);
}

static void make_pvh(struct file *f, int is64)
{
	uint8_t *p = f->bytes + (is64 ? 64 + 56 : 52 + 32);

	make_elf(f, is64);
	put16(f->bytes + (is64 ? 56 : 44), 2);
	put32(p, ELF_PT_NOTE);
	put_le(p + (is64 ? 8 : 4), is64 ? 8 : 4, 0x400);
	put_le(p + (is64 ? 32 : 16), is64 ? 8 : 4, 20 + 16 + (is64 ? 8 : 4));
	/* Somebody else's note comes first. */
	put32(f->bytes + 0x400, 4);
	put32(f->bytes + 0x404, 3);
	put32(f->bytes + 0x408, 18);
	memcpy(f->bytes + 0x40c, "GNU", 4);
	put32(f->bytes + 0x414, 4);
	put32(f->bytes + 0x418, is64 ? 8 : 4);
	put32(f->bytes + 0x41c, 18);
	memcpy(f->bytes + 0x420, "Xen", 4);
	put_le(f->bytes + 0x424, is64 ? 8 : 4, KERNEL_AT + 0x20);
}

static void make_pvh32(struct file *f)
{
	make_pvh(f, 0);
}

static void make_pvh64(struct file *f)
{
	make_pvh(f, 1);
}

static int pvh_is_good(struct attempt *a)
{
	const uint8_t *info = at(a->load.start.rbx);
	const uint8_t *mod = at(get64(info + 16));

	return a->result == 0 && a->load.start.mode == START_FLAT32 &&
		a->load.start.rip == KERNEL_AT + 0x20 &&
		get32(info) == 0x336ec578 && get32(info + 4) == 1 &&
		get32(info + 12) == 1 &&
		memcmp(at(get64(mod)), module, sizeof(module)) == 0 &&
		get64(mod + 8) == sizeof(module) &&
		strcmp((char *)at(get64(info + 24)), "console=ttyS0") == 0 &&
		get64(info + 32) == 0xe0000 &&
		map_is_good(at(get64(info + 40)), get32(info + 48), 24);
}

/* -- Flat --------------------------------------------------------------- */

static void make_flat(struct file *f)
{
	memset(f, 0, sizeof(*f));
	f->size = 512;
	memset(f->bytes, 0xcc, 510);
	put16(f->bytes + 510, 0xaa55);
}

static void test_flat(void)
{
	static struct file f;
	struct attempt a;
	struct memory memory;
	struct image image = { .name = "k", .data = f.bytes, .size = 512 };
	struct load load = { .memory = &memory, .kernel = &image };

	make_flat(&f);
	attempt(&a, &f, NULL);
	verdict(a.result == -1 && strstr(a.load.error, "--initrd") != NULL,
		"a flat image takes no initrd");
	memory_init(&memory, ram + GUARD, RAM);
	verdict(load_kernel(&load) == 0 && load.start.mode == START_REAL &&
			load.start.rip == 0x7c00 && load.start.rdx == 0x80 &&
			get16(at(0x7dfe)) == 0xaa55,
		"a flat image is at 0x7c00");
}

/* -- What is wrong with a file is said ---------------------------------- */

struct fault {
	const char *what;
	void (*make)(struct file *f);
	unsigned at;
	unsigned width;
	uint64_t value;
	const char *says;
};

static const struct fault faults[] = {
	{ "old Linux", make_linux, 0x206, 2, 0x209, "too old" },
	{ "zImage", make_linux, 0x211, 1, 0, "zImage" },
	{ "Linux without its code", make_linux, 0x1f4, 4, 0xffffffff, "cut off" },
	{ "Linux with 64 sectors of setup", make_linux, 0x1f1, 1, 64, "cut off" },
	{ "Linux of no code", make_linux, 0x1f4, 4, 0, "no kernel" },
	{ "Linux too large", make_linux, 0x260, 4, 0xf0000000, "--mem" },
	{ "Linux beyond 4 GiB", make_linux, 0x258, 8, 0x100000000, "--mem" },
	{ "Linux at the end of numbers", make_linux, 0x258, 8, 0xffffffffffe00000, "--mem" },
	{ "Linux misaligned", make_linux, 0x258, 8, 0x1000001, "aligned" },
	{ "Linux over the ACPI tables", make_linux, 0x258, 8, 0, "RAM" },
	{ "Linux without room for an initrd", make_linux, 0x22c, 4, 0x100000, "no room" },
	{ "Linux with a short command line", make_linux, 0x238, 4, 3, "--append" },
	{ "ELF of an unknown class", make_multiboot, 4, 1, 3, "class" },
	{ "big-endian ELF", make_multiboot, 5, 1, 2, "little-endian" },
	{ "ELF of another machine", make_multiboot, 18, 2, 183, "machine" },
	{ "ELF without program headers", make_multiboot, 44, 2, 0, "without program" },
	{ "ELF with tiny program headers", make_multiboot, 42, 2, 8, "of 8 bytes" },
	{ "ELF program headers outside", make_multiboot, 28, 4, 0xfffffff0, "outside the file" },
	{ "ELF with too many headers", make_multiboot, 44, 2, 0xffff, "outside the file" },
	{ "ELF segment outside the file", make_multiboot, 52 + 4, 4, 0xffffff00, "outside the file" },
	{ "ELF segment longer than the file", make_multiboot, 52 + 16, 4, 0x7fffffff, "outside the file" },
	{ "ELF segment of less memory", make_multiboot, 52 + 20, 4, 16, "more bytes" },
	{ "ELF segment of absurd memory", make_multiboot, 52 + 20, 4, 0xffffffff, "not all RAM" },
	{ "ELF segment in the video window", make_multiboot, 52 + 12, 4, 0xa0000, "not all RAM" },
	{ "ELF entry outside", make_multiboot, 24, 4, 0xfff00000, "entry point" },
	{ "64-bit ELF segment that wraps", make_pvh64, 64 + 24, 8, UINT64_MAX - 16, "not all RAM" },
	{ "64-bit ELF size that wraps", make_pvh64, 64 + 40, 8, UINT64_MAX, "not all RAM" },
	{ "64-bit ELF offset that wraps", make_pvh64, 64 + 8, 8, UINT64_MAX - 8, "outside the file" },
	{ "64-bit ELF headers that wrap", make_pvh64, 32, 8, UINT64_MAX - 8, "outside the file" },
	{ "PVH entry outside", make_pvh64, 0x424, 8, 0xdead00000000, "PVH entry" },
	{ "PVH note of 3 bytes", make_pvh32, 0x418, 4, 3, "neither" },
	{ "PVH note of absurd size", make_pvh32, 0x418, 4, 0xffffffff, "neither" },
	{ "PVH note of another name", make_pvh32, 0x420, 4, 0, "neither" },
	{ "multiboot loads before the file", make_kludge, 0x20c, 4, KERNEL_AT + 0x400, "before the file" },
	{ "multiboot header below its load", make_kludge, 0x20c, 4, 0x1000, "before the file" },
	{ "multiboot load end outside", make_kludge, 0x214, 4, 0xfffffff0, "outside the file" },
	{ "multiboot load end before load", make_kludge, 0x214, 4, 0x1000, "outside the file" },
	{ "multiboot bss before load end", make_kludge, 0x218, 4, 0x1000, "below the load end" },
	{ "multiboot bss absurd", make_kludge, 0x218, 4, 0xffffffff, "not all RAM" },
	{ "multiboot entry outside", make_kludge, 0x21c, 4, 0xfff00000, "entry point" }
};

static void test_faults(void)
{
	static struct file f;
	struct attempt a;
	char label[96];
	size_t i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		faults[i].make(&f);
		put_le(f.bytes + faults[i].at, faults[i].width,
			faults[i].value);
		attempt(&a, &f, "console=ttyS0");
		snprintf(label, sizeof(label), "%s: says so", faults[i].what);
		verdict(a.result == -1 && guards_whole() &&
				strstr(a.load.error, faults[i].says) != NULL,
			label);
		if (a.result == 0 ||
			strstr(a.load.error, faults[i].says) == NULL)
			printf("# it said: %s\n", a.load.error);
	}
}

/* Two segments of which the second lies on the first. */
static void test_overlap(void)
{
	static struct file f;
	struct attempt a;

	make_multiboot(&f);
	memcpy(f.bytes + 52 + 32, f.bytes + 52, 32);
	put16(f.bytes + 44, 2);
	put32(f.bytes + 52 + 32 + 12, KERNEL_AT + 0xfff);
	attempt(&a, &f, NULL);
	verdict(a.result == -1 &&
			strstr(a.load.error, "overlaps segment 00") != NULL,
		"segments that overlap are named");
	put32(f.bytes + 52 + 32 + 12, KERNEL_AT + 0x1000);
	attempt(&a, &f, NULL);
	verdict(a.result == 0, "segments that touch are good");
}

/* -- Good, cut off, changed --------------------------------------------- */

struct kind {
	const char *name;
	void (*make)(struct file *f);
	int (*good)(struct attempt *a);
	unsigned headers; /* bytes of headers */
};

static const struct kind kinds[] = {
	{ "Linux", make_linux, linux_is_good, 0x400 },
	{ "32-bit Linux", make_linux32, linux32_is_good, 0x400 },
	{ "Linux 2.11", make_linux211, linux32_is_good, 0x400 },
	{ "multiboot ELF", make_multiboot, multiboot_is_good, 0x20c },
	{ "multiboot by addresses", make_kludge, multiboot_is_good, 0x220 },
	{ "PVH, 32 bits", make_pvh32, pvh_is_good, 0x428 },
	{ "PVH, 64 bits", make_pvh64, pvh_is_good, 0x42c }
};

static void test_truncations(const struct kind *kind)
{
	static struct file f;
	struct attempt a;
	char label[96];
	int good = 1;
	size_t size;

	kind->make(&f);
	for (size = 1; size <= kind->headers; size++) {
		f.size = size;
		attempt(&a, &f, NULL);
		/* What is left is cut off or a flat image, never loaded. */
		if (a.result == 0 || a.load.error[0] == '\0') {
			printf("# loaded with %zu bytes\n", size);
			good = 0;
		}
	}
	snprintf(label, sizeof(label), "%s cut off at each of %u offsets",
		kind->name, kind->headers);
	verdict(good && guards_whole(), label);
}

static uint64_t random_state;

/* xorshift64: Marsaglia, "Xorshift RNGs", 2003. */
static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* A number that lies on an edge more often than by chance. */
static uint64_t random_edge(void)
{
	static const uint64_t edges[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
		0xfffffffffffff000, UINT64_MAX, RAM, RAM - 1, MIB, VIDEO_BASE
	};
	uint64_t n = sizeof(edges) / sizeof(edges[0]);

	return random64() % 4 == 0 ? random64()
				   : edges[random64() % n] + random64() % 3 - 1;
}

/* Where the headers have something, or next to it. */
static size_t random_place(const struct file *f, unsigned headers)
{
	size_t where, i;

	for (;;) {
		where = random64() % headers;
		for (i = where; i < where + 8 && i < headers; i++)
			if (f->bytes[i] != 0 && f->bytes[i] != 0xcc)
				return where;
		if (random64() % 64 == 0)
			return where;
	}
}

static void test_mutations(const struct kind *kind, unsigned rounds)
{
	static struct file f;
	struct attempt a;
	unsigned i, j, n, loaded = 0, refused = 0, silent = 0;
	char label[96];

	for (i = 0; i < rounds; i++) {
		kind->make(&f);
		n = 1 + (unsigned)(random64() % 3);
		for (j = 0; j < n; j++) {
			unsigned width = 1u << random64() % 4;
			size_t where = random_place(&f, kind->headers);

			if (where + width <= f.size)
				put_le(f.bytes + where, width, random_edge());
		}
		if (random64() % 8 == 0)
			f.size = 1 + random64() % f.size;
		attempt(&a, &f, "console=ttyS0");
		loaded += a.result == 0;
		refused += a.result != 0;
		silent += a.result != 0 && a.load.error[0] == '\0';
	}
	printf("# %s: %u loaded, %u refused\n", kind->name, loaded, refused);
	snprintf(label, sizeof(label), "%s changed at random %u times",
		kind->name, rounds);
	verdict(silent == 0 && loaded > 0 && refused > 0 && guards_whole(),
		label);
}

static void test_kind(const struct kind *kind, unsigned rounds)
{
	static struct file f;
	struct attempt a;
	char label[96];

	kind->make(&f);
	attempt(&a, &f, "console=ttyS0");
	if (a.result != 0)
		printf("# %s\n", a.load.error);
	snprintf(label, sizeof(label), "%s is loaded", kind->name);
	verdict(kind->good(&a) && guards_whole(), label);
	test_truncations(kind);
	test_mutations(kind, rounds);
}

/* -- Files -------------------------------------------------------------- */

static void test_files(void)
{
	struct image image;
	char error[320];

	verdict(image_read(&image, "/nonexistent", 100, error,
			sizeof(error)) == -1 &&
			strstr(error, "No such file") != NULL,
		"a missing file is named");
	verdict(image_read(&image, "/", 100, error, sizeof(error)) == -1 &&
			strstr(error, "directory") != NULL,
		"a folder is no file");
	verdict(image_read(&image, "/dev/null", 100, error,
			sizeof(error)) == -1 &&
			strstr(error, "empty") != NULL,
		"an empty file is no file");
	verdict(image_read(&image, "/dev/zero", 70000, error,
			sizeof(error)) == -1 &&
			strstr(error, "larger than the 70000") != NULL,
		"a file without end ends at the limit");
}

/* -- ACPI --------------------------------------------------------------- */

static int sums_to_zero(const uint8_t *table, uint32_t size)
{
	uint8_t total = 0;

	while (size-- > 0)
		total = (uint8_t)(total + *table++);
	return total == 0;
}

static int table_is(const uint8_t *table, const char *signature)
{
	return memcmp(table, signature, 4) == 0 &&
		sums_to_zero(table, get32(table + 4));
}

static void write_table(const uint8_t *table)
{
	const char *folder = getenv("ACPI_DUMP");
	char name[256];
	FILE *file;

	if (folder == NULL)
		return;
	snprintf(name, sizeof(name), "%s/%.4s.aml", folder,
		(const char *)table);
	file = fopen(name, "wb");
	if (file == NULL)
		return;
	fwrite(table, 1, get32(table + 4), file);
	fclose(file);
}

/* The RSDT has what the XSDT has. */
static int same_list(const uint8_t *rsdp)
{
	const uint8_t *rsdt = at(get32(rsdp + 16)), *xsdt;
	uint32_t i, n = 3;

	xsdt = at(get64(rsdp + 24));
	if (!table_is(rsdt, "RSDT") || get32(rsdt + 4) != 36 + 4 * n)
		return 0;
	for (i = 0; i < n; i++)
		if (get32(rsdt + 36 + 4 * i) != get64(xsdt + 36 + 8 * i))
			return 0;
	return 1;
}

static void test_acpi(unsigned cpus)
{
	static struct acpi acpi;
	const struct acpi_config config = {
		.cpus = cpus, .hpet = 1, .pci_hole = RAM
	};
	struct memory memory;
	const uint8_t *rsdp, *xsdt, *fadt;
	char label[96];
	uint64_t gpa;
	unsigned i;
	int good;

	memory_init(&memory, ram + GUARD, RAM);
	good = acpi_build(&acpi, &config) == 0;
	gpa = acpi_place(&acpi, &memory);
	rsdp = at(gpa);
	good = good && gpa % 16 == 0 && gpa >= 0xe0000 && gpa < MIB &&
		memcmp(rsdp, "RSD PTR ", 8) == 0 && sums_to_zero(rsdp, 20) &&
		sums_to_zero(rsdp, 36);
	xsdt = at(get64(rsdp + 24));
	fadt = at(get64(xsdt + 36));
	good = good && table_is(xsdt, "XSDT") && get32(xsdt + 4) == 36 + 24 &&
		table_is(fadt, "FACP") && table_is(at(get64(xsdt + 44)), "APIC") &&
		table_is(at(get64(xsdt + 52)), "HPET") && same_list(rsdp) &&
		get32(fadt + 40) == get64(fadt + 140) &&
		table_is(at(get32(fadt + 40)), "DSDT") &&
		memcmp(at(get32(fadt + 36)), "FACS", 4) == 0 &&
		get32(fadt + 36) % 64 == 0;
	snprintf(label, sizeof(label), "ACPI tables for %u processors", cpus);
	verdict(good, label);
	for (i = 0; good && i < 3; i++)
		write_table(at(get64(xsdt + 36 + 8 * i)));
	if (good)
		write_table(at(get32(fadt + 40)));
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 4000;
	size_t i;

	ram = malloc(RAM + 2 * GUARD);
	if (ram == NULL)
		return 1;
	memset(ram, 0x5a, RAM + 2 * GUARD);
	random_state = 0x123456789abcdefull;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		test_kind(&kinds[i], rounds);
	test_flat();
	test_faults();
	test_overlap();
	test_files();
	test_acpi(255);
	test_acpi(1);
	free(ram);
	printf("1..%d\n", n_cases);
	return n_bad != 0;
}
