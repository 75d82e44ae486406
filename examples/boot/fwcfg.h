/* SPDX-License-Identifier: MIT */
/* fw_cfg: how firmware learns what machine it is on. */
#ifndef BOOT_FWCFG_H
#define BOOT_FWCFG_H

#include "board.h"

#define FWCFG_ITEMS	32
#define FWCFG_SIGNATURE 0x00
#define FWCFG_ID	0x01
#define FWCFG_RAM_SIZE	0x03
#define FWCFG_CPUS	0x05
#define FWCFG_MAX_CPUS	0x0f
#define FWCFG_DIRECTORY 0x19
#define FWCFG_FILES	0x20 /* the first file's key */

struct fwcfg_item {
	uint16_t key;
	const char *name; /* of a file, else NULL */
	uint8_t *data;
	uint32_t size;
};

struct fwcfg {
	struct vmapi_as *as; /* where DMA goes */
	struct fwcfg_item items[FWCFG_ITEMS];
	unsigned n_items;
	unsigned n_files;
	const struct fwcfg_item *selected;
	uint32_t offset;
	uint64_t dma; /* address written so far */
};

/* -ENOSPC, -ENOMEM.  The data is copied. */
int fwcfg_add(struct fwcfg *fwcfg, uint16_t key, const void *data,
	uint32_t size);
int fwcfg_add_number(struct fwcfg *fwcfg, uint16_t key, unsigned width,
	uint64_t value);
int fwcfg_add_file(struct fwcfg *fwcfg, const char *name, const void *data,
	uint32_t size);

/* Finish the directory and put it at its ports. */
int fwcfg_attach(struct fwcfg *fwcfg, struct board *board,
	struct vmapi_as *as);
void fwcfg_reset(struct fwcfg *fwcfg);
/* Select an item, or none, and go to this byte of it, or to its end. */
void fwcfg_seek(struct fwcfg *fwcfg, unsigned key, uint32_t offset);
void fwcfg_free(struct fwcfg *fwcfg);

#endif
