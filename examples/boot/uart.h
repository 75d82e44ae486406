/* SPDX-License-Identifier: MIT */
/* A 16550A on the board, with a function for each byte that it sends. */
#ifndef BOOT_UART_H
#define BOOT_UART_H

#include "board.h"

#define UART_FIFO 16

struct uart {
	void (*send)(void *opaque, uint8_t byte);
	void (*drained)(void *opaque); /* there is room for input again */
	void (*line)(void *opaque, int level);
	void *opaque;

	uint8_t fifo[UART_FIFO];
	unsigned head;
	unsigned count;
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t errors;	     /* LSR bits that reading it clears */
	uint8_t deltas;	     /* MSR bits that reading it clears */
	uint8_t loop_inputs; /* MSR's upper half in loopback */
	uint16_t divisor;
	int empty_pending;   /* the transmitter's interrupt */
	int level;
};

/* Power-on state; the functions stay. */
void uart_reset(struct uart *uart);

/* Put it at eight ports from `first` on. */
int uart_attach(struct uart *uart, struct board *board, uint16_t first);

/* How many bytes it can take, and giving them.  Under the board's lock. */
unsigned uart_room(const struct uart *uart);
void uart_receive(struct uart *uart, uint8_t byte);

#endif
