/* SPDX-License-Identifier: MIT */
/* A 16550A (National Semiconductor PC16550D data sheet, 1995). */
/*
 * There is no baud rate: a byte written is sent at once, so the transmitter
 * is always empty.  What that does to its interrupt is what drivers rely on
 * (data sheet 8.5, table IV): it becomes pending when a byte was sent and
 * when IER bit 1 is set, and reading IIR while it is the cause, or writing
 * the next byte, takes it away.  Nor does time pass between received bytes:
 * fewer of them than the trigger level are a "character timeout" at once.
 *
 * OUT2 gates the interrupt, as on every PC; in loopback it is inactive.
 */
#include "uart.h"

#include <string.h>

#define RBR 0 /* and THR, and divisor low */
#define IER 1 /* and divisor high */
#define IIR 2 /* and FCR */
#define LCR 3
#define MCR 4
#define LSR 5
#define MSR 6
#define SCR 7

#define IER_RECEIVED 0x01
#define IER_EMPTY    0x02
#define IER_ERROR    0x04
#define IER_MODEM    0x08

#define IIR_NONE     0x01
#define IIR_MODEM    0x00
#define IIR_EMPTY    0x02
#define IIR_RECEIVED 0x04
#define IIR_ERROR    0x06
#define IIR_TIMEOUT  0x0c
#define IIR_FIFOS    0xc0

#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define FCR_KEEP     0xc9 /* what stays of a write */

#define LCR_DIVISOR 0x80

#define MCR_OUT2 0x08
#define MCR_LOOP 0x10

#define LSR_READY   0x01
#define LSR_OVERRUN 0x02
#define LSR_SENT    0x60 /* holding register and transmitter empty */

#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI	0x40
#define MSR_DCD 0x80

static unsigned trigger(const struct uart *uart)
{
	static const uint8_t levels[4] = { 1, 4, 8, 14 };

	return uart->fcr & FCR_ENABLE ? levels[uart->fcr >> 6] : 1;
}

static unsigned capacity(const struct uart *uart)
{
	return uart->fcr & FCR_ENABLE ? UART_FIFO : 1;
}

/* The pending interrupt of highest priority, as IIR shows it. */
static unsigned cause(const struct uart *uart)
{
	if ((uart->ier & IER_ERROR) && uart->errors != 0)
		return IIR_ERROR;
	if ((uart->ier & IER_RECEIVED) && uart->count >= trigger(uart))
		return IIR_RECEIVED;
	if ((uart->ier & IER_RECEIVED) && uart->count > 0)
		return IIR_TIMEOUT;
	if ((uart->ier & IER_EMPTY) && uart->empty_pending)
		return IIR_EMPTY;
	if ((uart->ier & IER_MODEM) && uart->deltas != 0)
		return IIR_MODEM;
	return IIR_NONE;
}

static void update(struct uart *uart)
{
	int level = cause(uart) != IIR_NONE && (uart->mcr & MCR_OUT2) &&
		!(uart->mcr & MCR_LOOP);

	if (level == uart->level)
		return;
	uart->level = level;
	uart->line(uart->opaque, level);
}

void uart_reset(struct uart *uart)
{
	uart->head = uart->count = 0;
	uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->scr = 0;
	uart->errors = uart->deltas = uart->loop_inputs = 0;
	uart->divisor = 0;
	uart->empty_pending = 0;
	update(uart);
}

unsigned uart_room(const struct uart *uart)
{
	if (uart->mcr & MCR_LOOP)
		return 0;
	return capacity(uart) - uart->count;
}

static void receive(struct uart *uart, uint8_t byte)
{
	if (uart->count == capacity(uart)) {
		uart->errors |= LSR_OVERRUN;
		return;
	}
	uart->fifo[(uart->head + uart->count) % UART_FIFO] = byte;
	uart->count++;
}

void uart_receive(struct uart *uart, uint8_t byte)
{
	receive(uart, byte);
	update(uart);
}

static uint8_t take(struct uart *uart)
{
	uint8_t byte;

	if (uart->count == 0)
		return 0;
	byte = uart->fifo[uart->head];
	uart->head = (uart->head + 1) % UART_FIFO;
	uart->count--;
	if (uart->count == 0 && uart_room(uart) > 0)
		uart->drained(uart->opaque);
	return byte;
}

static void send(struct uart *uart, uint8_t byte)
{
	if (uart->mcr & MCR_LOOP)
		receive(uart, byte);
	else
		uart->send(uart->opaque, byte);
	uart->empty_pending = 1;
}

static void set_fcr(struct uart *uart, uint8_t value)
{
	/* Turning the FIFOs on or off empties them. */
	if (((uart->fcr ^ value) & FCR_ENABLE) || (value & FCR_CLEAR_RX)) {
		uart->head = uart->count = 0;
		uart->drained(uart->opaque);
	}
	uart->fcr = value & FCR_ENABLE ? value & FCR_KEEP : 0;
}

static void set_ier(struct uart *uart, uint8_t value)
{
	if (!(uart->ier & IER_EMPTY) && (value & IER_EMPTY))
		uart->empty_pending = 1;
	uart->ier = value & 0x0f;
}

/* In loopback the four outputs are the four inputs: data sheet 8.6. */
static uint8_t loop_inputs(uint8_t mcr)
{
	return (uint8_t)((mcr & 0x02 ? MSR_CTS : 0) |
		(mcr & 0x01 ? MSR_DSR : 0) | (mcr & 0x04 ? MSR_RI : 0) |
		(mcr & 0x08 ? MSR_DCD : 0));
}

/* Outside loopback somebody is there and listens. */
static uint8_t inputs(const struct uart *uart)
{
	if (uart->mcr & MCR_LOOP)
		return uart->loop_inputs;
	return MSR_CTS | MSR_DSR | MSR_DCD;
}

static void set_mcr(struct uart *uart, uint8_t value)
{
	uint8_t before = inputs(uart), changed;

	uart->mcr = value & 0x1f;
	uart->loop_inputs = loop_inputs(value);
	changed = before ^ inputs(uart);
	/* RI counts only when it ends. */
	if ((changed & MSR_RI) && !(before & MSR_RI))
		changed &= (uint8_t)~MSR_RI;
	uart->deltas |= changed >> 4;
	if (uart_room(uart) > 0)
		uart->drained(uart->opaque);
}

static uint8_t read_iir(struct uart *uart)
{
	unsigned now = cause(uart);

	if (now == IIR_EMPTY)
		uart->empty_pending = 0;
	return (uint8_t)(now | (uart->fcr & FCR_ENABLE ? IIR_FIFOS : 0));
}

static uint8_t read_lsr(struct uart *uart)
{
	uint8_t value = (uint8_t)(LSR_SENT | uart->errors |
		(uart->count > 0 ? LSR_READY : 0));

	uart->errors = 0;
	return value;
}

static uint8_t read_msr(struct uart *uart)
{
	uint8_t value = inputs(uart) | uart->deltas;

	uart->deltas = 0;
	return value;
}

static uint8_t read_register(struct uart *uart, unsigned offset)
{
	int divisor = uart->lcr & LCR_DIVISOR;

	switch (offset) {
	case RBR: return divisor ? (uint8_t)uart->divisor : take(uart);
	case IER: return divisor ? (uint8_t)(uart->divisor >> 8) : uart->ier;
	case IIR: return read_iir(uart);
	case LCR: return uart->lcr;
	case MCR: return uart->mcr;
	case LSR: return read_lsr(uart);
	case MSR: return read_msr(uart);
	default:  return uart->scr;
	}
}

static void write_divisor(struct uart *uart, unsigned offset, uint8_t value)
{
	if (offset == RBR)
		uart->divisor = (uint16_t)((uart->divisor & 0xff00) | value);
	else
		uart->divisor = (uint16_t)((uart->divisor & 0x00ff) |
			value << 8);
}

static uint32_t uart_read(void *opaque, unsigned offset, unsigned width)
{
	struct uart *uart = opaque;
	uint8_t value = read_register(uart, offset);

	(void)width;
	update(uart);
	return value;
}

static void uart_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	struct uart *uart = opaque;
	uint8_t byte = (uint8_t)value;

	(void)width;
	if (offset <= IER && (uart->lcr & LCR_DIVISOR)) {
		write_divisor(uart, offset, byte);
		return;
	}
	switch (offset) {
	case RBR: send(uart, byte); break;
	case IER: set_ier(uart, byte); break;
	case IIR: set_fcr(uart, byte); break;
	case LCR: uart->lcr = byte; break;
	case MCR: set_mcr(uart, byte); break;
	case SCR: uart->scr = byte; break;
	default: break; /* LSR and MSR cannot be written */
	}
	update(uart);
}

int uart_attach(struct uart *uart, struct board *board, uint16_t first)
{
	const struct port port = {
		.first = first,
		.count = 8,
		.width = 1,
		.read = uart_read,
		.write = uart_write,
		.opaque = uart
	};

	return board_add_port(board, &port);
}
