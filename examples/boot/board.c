/* SPDX-License-Identifier: MIT */
/* The board: sorted tables of ports and windows, and their lookup. */
#include "board.h"
#include "bytes.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

void board_init(struct board *board)
{
	memset(board, 0, sizeof(*board));
	pthread_mutex_init(&board->lock, NULL);
}

int board_add_port(struct board *board, const struct port *port)
{
	unsigned i = board->n_ports;
	const struct port *p;

	if (i == PORTS_MAX)
		return -ENOSPC;
	for (; i > 0 && board->ports[i - 1].first > port->first; i--)
		board->ports[i] = board->ports[i - 1];
	board->ports[i] = *port;
	board->n_ports++;
	for (p = board->ports + 1; p < board->ports + board->n_ports; p++)
		if (p[-1].first + p[-1].count > p->first)
			return -EEXIST;
	return 0;
}

int board_add_window(struct board *board, const struct window *window)
{
	if (board->n_windows == WINDOWS_MAX)
		return -ENOSPC;
	board->windows[board->n_windows++] = *window;
	return 0;
}

static const struct port *find_port(const struct board *board, unsigned port)
{
	unsigned low = 0, high = board->n_ports;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		const struct port *p = &board->ports[middle];

		if (port < p->first)
			high = middle;
		else if (port >= (unsigned)p->first + p->count)
			low = middle + 1;
		else
			return p;
	}
	return NULL;
}

static uint32_t read_port(const struct board *board, unsigned port,
	unsigned width)
{
	const struct port *p = find_port(board, port);
	uint32_t value = 0;
	unsigned i;

	if (p != NULL && width <= p->width &&
		port - p->first + width <= p->count && p->read != NULL)
		return p->read(p->opaque, port - p->first, width);
	if (width == 1)
		return 0xff;
	for (i = 0; i < width; i++)
		value |= (read_port(board, (port + i) & 0xffff, 1) & 0xff)
			<< (8 * i);
	return value;
}

static void write_port(const struct board *board, unsigned port,
	unsigned width, uint32_t value)
{
	const struct port *p = find_port(board, port);
	unsigned i;

	if (p != NULL && width <= p->width &&
		port - p->first + width <= p->count) {
		if (p->write != NULL)
			p->write(p->opaque, port - p->first, width, value);
		return;
	}
	if (width == 1)
		return;
	for (i = 0; i < width; i++)
		write_port(board, (port + i) & 0xffff, 1,
			(value >> (8 * i)) & 0xff);
}

void board_act(struct board *board, enum action action, int code,
	const char *why)
{
	if (board->action != ACTION_NONE)
		return;
	board->action = action;
	board->code = code;
	board->why = why;
}

static enum action take_action(struct board *board)
{
	enum action action = board->action;

	board->action = ACTION_NONE;
	return action;
}

enum action board_io(struct board *board, struct vmapi_exit_io *io)
{
	uint8_t *data = io->data;
	enum action action;
	uint32_t i;

	pthread_mutex_lock(&board->lock);
	for (i = 0; i < io->count; i++, data += io->width) {
		if (io->is_write)
			write_port(board, (unsigned)io->port, io->width,
				(uint32_t)get_le(data, io->width));
		else
			put_le(data, io->width,
				read_port(board, (unsigned)io->port,
					io->width));
	}
	action = take_action(board);
	pthread_mutex_unlock(&board->lock);
	return action;
}

static const struct window *find_window(const struct board *board,
	uint64_t gpa)
{
	unsigned i;

	for (i = 0; i < board->n_windows; i++) {
		const struct window *w = &board->windows[i];

		if (gpa >= w->first && gpa - w->first < w->size)
			return w;
	}
	return NULL;
}

enum action board_mmio(struct board *board, struct vmapi_exit_mmio *mmio)
{
	const struct window *w;
	enum action action;

	if (!mmio->is_write)
		memset(mmio->data, 0xff, sizeof(mmio->data));
	pthread_mutex_lock(&board->lock);
	w = find_window(board, mmio->gpa);
	if (w != NULL && mmio->is_write && w->write != NULL)
		w->write(w->opaque, mmio->gpa - w->first, mmio->data,
			mmio->length);
	else if (w != NULL && !mmio->is_write && w->read != NULL)
		w->read(w->opaque, mmio->gpa - w->first, mmio->data,
			mmio->length);
	action = take_action(board);
	pthread_mutex_unlock(&board->lock);
	return action;
}
