/* SPDX-License-Identifier: MIT */
/* The board's small ports: consoles, printer, POST, exit, test device, power. */
#include "ports.h"
#include "acpi.h"
#include "terminal.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* -- Consoles and POST -------------------------------------------------- */

/* Firmware asks whether the console is there by reading it. */
static uint32_t console_read(void *opaque, unsigned offset, unsigned width)
{
	(void)opaque;
	(void)offset;
	(void)width;
	return CONSOLE;
}

static void console_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	uint8_t byte = (uint8_t)value;

	(void)opaque;
	(void)offset;
	(void)width;
	terminal_write(&byte, 1);
}

static void post_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	const struct ports *ports = opaque;

	(void)offset;
	(void)width;
	if (ports->trace_post)
		fprintf(stderr, "POST %02x\n", (unsigned)(value & 0xff));
}

/* -- A printer ---------------------------------------------------------- */

/*
 * A printer adapter with a printer that never waits (IBM PC/AT Technical
 * Reference, "Parallel Printer Adapter"): a character is printed where the
 * strobe begins.  It is decoded at both places where a first printer may be.
 */
#define PRINTER_STROBE	0x01
#define PRINTER_CONTROL 0x1f
#define PRINTER_READY	0xdf /* not busy, no acknowledge, selected, no error */

static uint32_t printer_read(void *opaque, unsigned offset, unsigned width)
{
	const struct ports *ports = opaque;

	(void)width;
	if (offset == 1)
		return PRINTER_READY;
	return offset == 0 ? ports->printer[0] :
		ports->printer[2] | (0xffu & ~PRINTER_CONTROL);
}

static void printer_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	struct ports *ports = opaque;

	(void)width;
	if (offset == 1)
		return;
	if (offset == 2) {
		value &= PRINTER_CONTROL;
		if (value & ~ports->printer[2] & PRINTER_STROBE)
			terminal_write(&ports->printer[0], 1);
	}
	ports->printer[offset] = (uint8_t)value;
}

/* -- Leaving ------------------------------------------------------------ */

static void exit_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	struct ports *ports = opaque;

	(void)width;
	if (offset == 0)
		board_act(ports->board, ACTION_EXIT,
			(int)((value << 1 | 1) & 0xff), "port 0xf4");
}

/* ACPI 6.4, 4.8.3.2.1: SLP_EN with the type that \_S5 names. */
static uint32_t pm_read(void *opaque, unsigned offset, unsigned width)
{
	const struct ports *ports = opaque;

	(void)width;
	/* SCI_EN: there is no legacy mode.  SLP_EN reads as 0. */
	return offset == 0 ? ports->pm_cnt[0] | 1u : ports->pm_cnt[1] & 0xdfu;
}

static void pm_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	struct ports *ports = opaque;

	(void)width;
	ports->pm_cnt[offset] = (uint8_t)value;
	if (offset == 1 && (value << 8 & PM_SLEEP_ON) &&
		(value << 8 & PM_SLEEP_TYPE) >> 10 == S5_TYPE)
		board_act(ports->board, ACTION_EXIT, 0, "power-off");
}

/* -- The keyboard controller -------------------------------------------- */

/*
 * An 8042 as on the AT (IBM PC/AT Technical Reference, "Keyboard
 * Controller"), with nobody at the other end: it passes its self test and
 * finds the keyboard's clock line stuck, whereupon firmware looks no
 * further.
 */
#define STATUS_FULL 0x01 /* there is an answer */
#define STATUS_IDLE 0x1c /* system flag, last was a command, not locked */

struct kbd_answer {
	uint8_t command;
	uint8_t answer;
};

static const struct kbd_answer kbd_answers[] = {
	{ 0xa9, 0x01 }, /* test of the mouse's port: clock line low */
	{ 0xaa, 0x55 }, /* self test: passed */
	{ 0xab, 0x01 }, /* test of the keyboard's port: clock line low */
	{ 0xc0, 0x80 }, /* input port: not locked */
	{ 0xd0, 0x03 }  /* output port: A20 on, not in reset */
};

static void kbd_reply(struct ports *ports, uint8_t answer)
{
	ports->answer = answer;
	ports->has_answer = 1;
}

static void kbd_command(struct ports *ports, uint8_t command)
{
	size_t i;

	ports->command = 0;
	if (command == 0x20)
		kbd_reply(ports, ports->mode);
	else if (command == 0x60 || (command >= 0xd1 && command <= 0xd4))
		ports->command = command;
	else if (command >= 0xf0 && !(command & 1)) /* 0xfe, and its like */
		board_act(ports->board, ACTION_RESET, 0, "port 0x64");
	for (i = 0; i < sizeof(kbd_answers) / sizeof(kbd_answers[0]); i++)
		if (kbd_answers[i].command == command)
			kbd_reply(ports, kbd_answers[i].answer);
}

static void kbd_data(struct ports *ports, uint8_t value)
{
	uint8_t command = ports->command;

	ports->command = 0;
	if (command == 0x60)
		ports->mode = value;
	else if (command == 0xd1 && !(value & 1))
		board_act(ports->board, ACTION_RESET, 0, "port 0x60");
	else if (command == 0xd2 || command == 0xd3)
		kbd_reply(ports, value);
}

static uint32_t kbd_data_read(void *opaque, unsigned offset, unsigned width)
{
	struct ports *ports = opaque;

	(void)offset;
	(void)width;
	ports->has_answer = 0;
	return ports->answer;
}

static void kbd_data_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	(void)offset;
	(void)width;
	kbd_data(opaque, (uint8_t)value);
}

static uint32_t kbd_status_read(void *opaque, unsigned offset,
	unsigned width)
{
	const struct ports *ports = opaque;

	(void)offset;
	(void)width;
	return STATUS_IDLE | (ports->has_answer ? STATUS_FULL : 0);
}

static void kbd_status_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	(void)offset;
	(void)width;
	kbd_command(opaque, (uint8_t)value);
}

/* System control port A: bit 0 resets; A20, bit 1, is always on. */
static uint32_t control_read(void *opaque, unsigned offset, unsigned width)
{
	(void)opaque;
	(void)offset;
	(void)width;
	return 0x02;
}

static void control_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	struct ports *ports = opaque;

	(void)offset;
	(void)width;
	if (value & 1)
		board_act(ports->board, ACTION_RESET, 0, "port 0x92");
}

/* -- The test device ---------------------------------------------------- */

static uint32_t latch_read(void *opaque, unsigned offset, unsigned width)
{
	const struct ports *ports = opaque;

	(void)width;
	return ports->latch[offset];
}

static void latch_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	struct ports *ports = opaque;

	(void)width;
	ports->latch[offset] = (uint8_t)value;
}

/* Any width sets the one line at the port. */
static void line_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	struct ports *ports = opaque;

	(void)width;
	if (ports->lines[offset] != NULL)
		vmapi_irq_set(ports->lines[offset], value != 0, NULL);
}

/* -- All of them -------------------------------------------------------- */

static const struct port table[] = {
	{ 0x60, 1, 1, kbd_data_read, kbd_data_write, NULL },
	{ 0x64, 1, 1, kbd_status_read, kbd_status_write, NULL },
	{ 0x80, 1, 1, NULL, post_write, NULL },
	{ 0x92, 1, 1, control_read, control_write, NULL },
	{ 0xe0, 4, 1, latch_read, latch_write, NULL },
	{ 0xe9, 1, 1, console_read, console_write, NULL },
	{ 0xf1, 1, 1, NULL, NULL, NULL },
	{ 0xf4, 4, 4, NULL, exit_write, NULL },
	{ 0x190, 1, 1, NULL, post_write, NULL },
	{ 0x378, 3, 1, printer_read, printer_write, NULL },
	{ 0x3bc, 3, 1, printer_read, printer_write, NULL },
	{ 0x402, 1, 1, console_read, console_write, NULL },
	{ PM_CNT, 2, 1, pm_read, pm_write, NULL },
	{ 0x2000, TEST_LINES, 4, NULL, line_write, NULL }
};

void ports_reset(struct ports *ports)
{
	unsigned i;

	for (i = 0; i < TEST_LINES; i++)
		if (ports->lines[i] != NULL)
			vmapi_irq_set(ports->lines[i], 0, NULL);
	memset(ports->latch, 0, sizeof(ports->latch));
	memset(ports->pm_cnt, 0, sizeof(ports->pm_cnt));
	memset(ports->printer, 0, sizeof(ports->printer));
	ports->mode = 0;
	ports->command = 0;
	ports->answer = 0;
	ports->has_answer = 0;
}

int ports_attach(struct ports *ports, struct board *board)
{
	struct port port;
	size_t i;
	int err = 0;

	ports->board = board;
	ports_reset(ports);
	for (i = 0; err == 0 && i < sizeof(table) / sizeof(table[0]); i++) {
		port = table[i];
		port.opaque = ports;
		err = board_add_port(board, &port);
	}
	return err;
}
