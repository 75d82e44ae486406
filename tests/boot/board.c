/* SPDX-License-Identifier: MIT */
/* The board's devices alone, after a restore of what nobody saved. */
#include "examples/boot/bytes.h"
#include "examples/boot/fwcfg.h"
#include "examples/boot/pci.h"

#include <stdio.h>
#include <string.h>

#define FILE_BYTES 5
#define HOST_SMRAM 0x80000072u /* in the host bridge */
#define ENABLED	   0x08u
#define LOCKED	   0x10u
#define OPEN	   0x40u

static struct board board;
static struct pci pci;
static struct fwcfg fwcfg;
static uint8_t smram; /* as the machine was told last */
static int n_cases, n_bad;

static void verdict(bool good, const char *what)
{
	n_cases++;
	n_bad += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", n_cases, what);
}

static void pam_written(void *opaque, const uint8_t *pam)
{
	(void)opaque;
	(void)pam;
}

static void smram_written(void *opaque, uint8_t value)
{
	(void)opaque;
	smram = value;
}

static uint32_t access_port(unsigned port, unsigned width, bool is_write,
	uint32_t value)
{
	uint8_t data[4];
	struct vmapi_exit_io io = { .port = port, .width = width, .count = 1,
		.is_write = is_write, .data = data };

	put32(data, value);
	(void)board_io(&board, &io);
	return (uint32_t)get_le(data, width);
}

static void out(unsigned port, unsigned width, uint32_t value)
{
	access_port(port, width, true, value);
}

static uint32_t in(unsigned port, unsigned width)
{
	return access_port(port, width, false, 0);
}

/* -- SMRAM -------------------------------------------------------------- */

static void set_smram(uint32_t value)
{
	out(0xcf8, 4, HOST_SMRAM & ~3u);
	out(0xcfc + (HOST_SMRAM & 3), 1, value);
}

static void locks(void)
{
	uint8_t saved[256];

	set_smram(ENABLED | OPEN);
	verdict(smram & OPEN, "SMRAM is opened");
	set_smram(ENABLED | OPEN | LOCKED);
	verdict(!(smram & OPEN) && smram & LOCKED, "a lock closes it");
	set_smram(ENABLED | OPEN);
	verdict(!(smram & OPEN) && smram & LOCKED, "and keeps it closed");
	memcpy(saved, pci.function[0].config, sizeof(saved));
	pci_reset(&pci);
	memcpy(pci.function[0].config, saved, sizeof(saved));
	set_smram(ENABLED | OPEN);
	verdict(!(smram & OPEN) && smram & LOCKED, "also after a restore");
	pci_reset(&pci);
	set_smram(ENABLED | OPEN);
	verdict(smram & OPEN, "until a reset");
}

/* -- fw_cfg ------------------------------------------------------------- */

static void reads(void)
{
	unsigned i, sum = 0;

	fwcfg_seek(&fwcfg, FWCFG_FILES, 3);
	verdict(in(0x511, 1) == 'd' && in(0x511, 1) == 'e',
		"an item from its middle on");
	fwcfg_seek(&fwcfg, FWCFG_FILES, UINT32_MAX);
	for (i = 0; i < 64; i++)
		sum += in(0x511, 1);
	verdict(sum == 0, "no byte behind an item's end");
	fwcfg_seek(&fwcfg, 0xffff, 1);
	verdict(in(0x511, 1) == 0, "no item");
}

int main(void)
{
	board_init(&board);
	pci.pam = pam_written;
	pci.smram = smram_written;
	if (pci_attach(&pci, &board) != 0 ||
		fwcfg_add_file(&fwcfg, "file", "abcde", FILE_BYTES) != 0 ||
		fwcfg_attach(&fwcfg, &board, NULL) != 0)
		return 1;
	locks();
	reads();
	fwcfg_free(&fwcfg);
	printf("1..%d\n", n_cases);
	return n_bad != 0;
}
