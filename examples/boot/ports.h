/* SPDX-License-Identifier: MIT */
/* The board's small ports: consoles, printer, POST, exit, test device, power. */
#ifndef BOOT_PORTS_H
#define BOOT_PORTS_H

#include "board.h"

#define TEST_LINES    24
#define TEST_RAM_BASE 0xff000000ull
#define TEST_RAM_SIZE 0x10000ull
#define CONSOLE	      0xe9 /* what reading a console port gives, too */

struct ports {
	struct board *board;
	int trace_post;
	uint8_t latch[4];
	struct vmapi_irq *lines[TEST_LINES]; /* NULL: there is no such line */
	/* The keyboard controller, to which no keyboard is connected. */
	uint8_t mode;	  /* its command byte */
	uint8_t command;  /* one that waits for its data, or 0 */
	uint8_t answer;
	int has_answer;
	uint8_t pm_cnt[2];
	uint8_t printer[3]; /* data, nothing, control */
};

void ports_reset(struct ports *ports);
int ports_attach(struct ports *ports, struct board *board);

#endif
