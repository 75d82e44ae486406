/* SPDX-License-Identifier: MIT */
/* fw_cfg by ports and by DMA (QEMU's docs/specs/fw_cfg.rst says how). */
/*
 * A selector at 0x510, 16 bits, and the selected item's bytes one after the
 * other at 0x511.  Or, faster, a control structure in guest memory whose
 * address is written to 0x514, big-endian, upper half first.  Numbers in
 * items are little-endian but for the directory.
 */
#include "fwcfg.h"
#include "bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SELECTOR  0x510
#define DMA	  0x514
#define ID_BYTES  1u /* by ports */
#define ID_DMA	  2u

/* Of the control structure: control, length, address; 4, 4 and 8 bytes. */
#define CONTROL_BYTES  16
#define CONTROL_ERROR  0x01u
#define CONTROL_READ   0x02u
#define CONTROL_SKIP   0x04u
#define CONTROL_SELECT 0x08u
#define CONTROL_WRITE  0x10u

#define ENTRY_BYTES 64 /* of the directory */

int fwcfg_add(struct fwcfg *fwcfg, uint16_t key, const void *data,
	uint32_t size)
{
	struct fwcfg_item *item = &fwcfg->items[fwcfg->n_items];

	if (fwcfg->n_items == FWCFG_ITEMS)
		return -ENOSPC;
	item->data = malloc(size + 1);
	if (item->data == NULL)
		return -ENOMEM;
	memcpy(item->data, data, size);
	item->key = key;
	item->name = NULL;
	item->size = size;
	fwcfg->n_items++;
	return 0;
}

int fwcfg_add_number(struct fwcfg *fwcfg, uint16_t key, unsigned width,
	uint64_t value)
{
	uint8_t bytes[8];

	put_le(bytes, width, value);
	return fwcfg_add(fwcfg, key, bytes, width);
}

int fwcfg_add_file(struct fwcfg *fwcfg, const char *name, const void *data,
	uint32_t size)
{
	uint16_t key = (uint16_t)(FWCFG_FILES + fwcfg->n_files);
	int err = fwcfg_add(fwcfg, key, data, size);

	if (err != 0)
		return err;
	fwcfg->items[fwcfg->n_items - 1].name = name;
	fwcfg->n_files++;
	return 0;
}

/* Count, then for each file size, key, two reserved bytes and 56 of name. */
static int add_directory(struct fwcfg *fwcfg)
{
	uint8_t bytes[4 + FWCFG_ITEMS * ENTRY_BYTES] = { 0 };
	uint8_t *entry = bytes + 4;
	unsigned i;

	put_be(bytes, 4, fwcfg->n_files);
	for (i = 0; i < fwcfg->n_items; i++) {
		const struct fwcfg_item *item = &fwcfg->items[i];

		if (item->name == NULL)
			continue;
		put_be(entry, 4, item->size);
		put_be(entry + 4, 2, item->key);
		memcpy(entry + 8, item->name, strlen(item->name));
		entry += ENTRY_BYTES;
	}
	return fwcfg_add(fwcfg, FWCFG_DIRECTORY, bytes,
		(uint32_t)(entry - bytes));
}

static void select_item(struct fwcfg *fwcfg, unsigned key)
{
	unsigned i;

	fwcfg->selected = NULL;
	fwcfg->offset = 0;
	for (i = 0; i < fwcfg->n_items; i++)
		if (fwcfg->items[i].key == key)
			fwcfg->selected = &fwcfg->items[i];
}

void fwcfg_seek(struct fwcfg *fwcfg, unsigned key, uint32_t offset)
{
	select_item(fwcfg, key);
	if (fwcfg->selected != NULL)
		fwcfg->offset = offset < fwcfg->selected->size
			? offset : fwcfg->selected->size;
}

/* The next bytes; behind the end, and of no item, they are 0. */
static void next_bytes(struct fwcfg *fwcfg, uint8_t *to, uint32_t n)
{
	const struct fwcfg_item *item = fwcfg->selected;
	uint32_t left = item != NULL ? item->size - fwcfg->offset : 0;
	uint32_t have = n < left ? n : left;

	if (have > 0)
		memcpy(to, item->data + fwcfg->offset, have);
	memset(to + have, 0, n - have);
	fwcfg->offset += have;
}

static void skip_bytes(struct fwcfg *fwcfg, uint32_t n)
{
	const struct fwcfg_item *item = fwcfg->selected;
	uint32_t left = item != NULL ? item->size - fwcfg->offset : 0;

	fwcfg->offset += n < left ? n : left;
}

static int copy_out(struct fwcfg *fwcfg, uint64_t gpa, uint32_t n)
{
	uint8_t bytes[4096];
	uint32_t step;

	for (; n > 0; n -= step, gpa += step) {
		step = n < sizeof(bytes) ? n : (uint32_t)sizeof(bytes);
		next_bytes(fwcfg, bytes, step);
		if (vmapi_as_write(fwcfg->as, gpa, bytes, step) != 0)
			return -1;
	}
	return 0;
}

static void do_dma(struct fwcfg *fwcfg, uint64_t gpa)
{
	uint8_t control[CONTROL_BYTES];
	uint32_t what, length;
	int err = 0;

	if (vmapi_as_read(fwcfg->as, gpa, control, sizeof(control)) != 0)
		return; /* and nowhere to say so */
	what = (uint32_t)get_be(control, 4);
	length = (uint32_t)get_be(control + 4, 4);
	if (what & CONTROL_SELECT)
		select_item(fwcfg, what >> 16);
	if (what & CONTROL_READ)
		err = copy_out(fwcfg, get_be(control + 8, 8), length);
	else if (what & CONTROL_WRITE)
		err = -1; /* no item can be written */
	else if (what & CONTROL_SKIP)
		skip_bytes(fwcfg, length);
	put_be(control, 4, err != 0 ? CONTROL_ERROR : 0);
	vmapi_as_write(fwcfg->as, gpa, control, 4);
}

static uint32_t port_read(void *opaque, unsigned offset, unsigned width)
{
	uint8_t byte;

	(void)width;
	if (offset != 1)
		return 0;
	next_bytes(opaque, &byte, 1);
	return byte;
}

static void port_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	if (offset == 0 && width == 2)
		select_item(opaque, value);
}

/* Reading gives "QEMU CFG", which is how DMA is found to be there. */
static uint32_t dma_read(void *opaque, unsigned offset, unsigned width)
{
	static const char signature[] = "QEMU CFG";

	(void)opaque;
	return (uint32_t)get_le(&signature[offset], width);
}

static void dma_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	struct fwcfg *fwcfg = opaque;
	uint8_t bytes[4];

	if (width != 4 || (offset != 0 && offset != 4))
		return;
	put32(bytes, value);
	value = (uint32_t)get_be(bytes, 4);
	if (offset == 0) {
		fwcfg->dma = (uint64_t)value << 32;
		return;
	}
	do_dma(fwcfg, fwcfg->dma | value);
	fwcfg->dma = 0;
}

void fwcfg_reset(struct fwcfg *fwcfg)
{
	select_item(fwcfg, FWCFG_SIGNATURE);
	fwcfg->dma = 0;
}

void fwcfg_free(struct fwcfg *fwcfg)
{
	while (fwcfg->n_items > 0)
		free(fwcfg->items[--fwcfg->n_items].data);
}

int fwcfg_attach(struct fwcfg *fwcfg, struct board *board,
	struct vmapi_as *as)
{
	const struct port bytes = {
		.first = SELECTOR, .count = 2, .width = 2,
		.read = port_read, .write = port_write, .opaque = fwcfg
	};
	const struct port dma = {
		.first = DMA, .count = 8, .width = 4,
		.read = dma_read, .write = dma_write, .opaque = fwcfg
	};
	int err;

	fwcfg->as = as;
	err = fwcfg_add(fwcfg, FWCFG_SIGNATURE, "QEMU", 4);
	if (err == 0)
		err = fwcfg_add_number(fwcfg, FWCFG_ID, 4,
			ID_BYTES | ID_DMA);
	if (err == 0)
		err = add_directory(fwcfg);
	if (err == 0)
		err = board_add_port(board, &bytes);
	if (err == 0)
		err = board_add_port(board, &dma);
	fwcfg_reset(fwcfg);
	return err;
}
