/* SPDX-License-Identifier: MIT */
/* PCI configuration space by mechanism 1: host bridge, ISA bridge, power. */
#ifndef BOOT_PCI_H
#define BOOT_PCI_H

#include "board.h"

#include <stdbool.h>

#define PCI_FUNCTIONS 3
#define PCI_PAM	      0x59 /* seven bytes in the host bridge */
#define PAM_BYTES     7

struct pci_function {
	uint8_t config[256];
	uint8_t writable[256]; /* a mask for each byte */
};

struct pci {
	struct board *board;
	uint32_t address;
	struct pci_function function[PCI_FUNCTIONS];
	/* The host bridge's PAM registers were written. */
	void (*pam)(void *opaque, const uint8_t *pam);
	/* Its SMRAM register was. */
	void (*smram)(void *opaque, uint8_t smram);
	void *opaque;
};

void pci_reset(struct pci *pci);

/* Whether a write to APMC makes an SMI; tell firmware that it never does. */
bool pci_apmc_enabled(const struct pci *pci);
void pci_smm_absent(struct pci *pci);

/* At ports 0xcf8 to 0xcff, with the reset control register at 0xcf9. */
int pci_attach(struct pci *pci, struct board *board);

#endif
