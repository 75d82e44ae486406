/* SPDX-License-Identifier: MIT */
/*
 * RAM objects, and the map that puts them before the guest.
 *
 * A RAM object is a piece of memory that knows nothing of addresses.  The map
 * says where the guest sees which part of it, and changes in transactions:
 * operations are collected, then committed whole or not at all, also while
 * the guest runs.  So a firmware's shadow can be swapped in, a page moved or
 * write-protected without a moment in which the guest meets a hole.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <vmapi/vmapi.h>

static struct vmapi_vm *vm;
static struct vmapi_as *as;

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", vmapi_error_last()->operation,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

static struct vmapi_map *begin(void)
{
	struct vmapi_map *map;

	must(vmapi_map_begin(vm, &map));
	return map;
}

/* The part of `ram` from `offset` on, 64 KiB of it, is to be at gpa. */
static void add(struct vmapi_map *map, struct vmapi_ram *ram, uint64_t gpa,
	uint64_t offset)
{
	struct vmapi_map_entry e = { .size = sizeof(e),
		.gpa = gpa,
		.bytes = 0x10000,
		.ram = ram,
		.offset = offset };

	must(vmapi_map_add(map, as, &e));
}

static void show(const char *what)
{
	struct vmapi_map_entry e[8] = { { .size = sizeof(e[0]) } };
	size_t n, i;

	must(vmapi_as_entries(as, e, 8, &n));
	printf("%s\n", what);
	for (i = 0; i < n && i < 8; i++)
		printf("  0x%08" PRIx64 "+0x%05" PRIx64 " is 0x%05" PRIx64
		       " of the object%s\n", e[i].gpa, e[i].bytes, e[i].offset,
			e[i].flags & VMAPI_MAP_READONLY ? ", read-only" : "");
}

/* The same memory at two addresses: what is written at one is at the other. */
static void aliases(struct vmapi_ram *ram)
{
	struct vmapi_map *map = begin();
	char text[8];

	add(map, ram, 0x00000000, 0);
	add(map, ram, 0xfff00000, 0);
	must(vmapi_map_commit(map));
	must(vmapi_as_write(as, 0x100, "shadow", 7));
	must(vmapi_as_read(as, 0xfff00100, text, 7));
	show("twice the same 64 KiB:");
	printf("  written at 0x100, read at 0xfff00100: %s\n", text);
}

/* One transaction: the lower half becomes other memory, the ROM read-only. */
static void swap_and_protect(struct vmapi_ram *ram)
{
	struct vmapi_map *map = begin();
	struct vmapi_cap readonly = { .size = sizeof(readonly) };

	must(vmapi_vm_cap_get(vm, VMAPI_CAP_READONLY, &readonly));
	must(vmapi_map_remove(map, as, 0, 0x10000));
	add(map, ram, 0, 0x10000);
	if (readonly.value)
		must(vmapi_map_set_flags(map, as, 0xfff08000, 0x8000,
			VMAPI_MAP_READONLY));
	must(vmapi_map_commit(map));
	show("swapped below, protected above:");
}

/* A mistake costs nothing but the transaction. */
static void overlap(struct vmapi_ram *ram)
{
	struct vmapi_map *map = begin();

	add(map, ram, 0x20000, 0);
	add(map, ram, 0x8000, 0);
	if (!vmapi_map_commit(map))
		exit(EXIT_FAILURE);
	printf("refused: %s\n", vmapi_error_last()->message);
	show("and all is as before:");
}

int main(void)
{
	struct vmapi_ram_config c = { .size = sizeof(c),
		.kind = VMAPI_RAM_MEMFD,
		.bytes = 0x20000,
		.name = "board" };
	struct vmapi *ctx;
	struct vmapi_ram *ram;

	must(vmapi_open(NULL, 0, &ctx));
	must(vmapi_vm_create(ctx, NULL, &vm));
	must(vmapi_vm_as(vm, &as));
	must(vmapi_ram_create(ctx, &c, &ram));
	aliases(ram);
	swap_and_protect(ram);
	overlap(ram);
	vmapi_ram_destroy(ram); /* the map holds references of its own */
	vmapi_as_destroy(as);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	return EXIT_SUCCESS;
}
