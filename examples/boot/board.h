/* SPDX-License-Identifier: MIT */
/* The board: who answers which port and which address outside RAM. */
#ifndef BOOT_BOARD_H
#define BOOT_BOARD_H

#include <pthread.h>
#include <stdint.h>

#include <vmapi/vmapi.h>

/*
 * A range of ports.  `width` is the widest access that the handlers take, 1,
 * 2 or 4; a wider one, and one that reaches over the range's end, comes as
 * single bytes in ascending order, as an ISA bridge would make it.  `offset`
 * is from `first`.  NULL: reads give all ones, writes are lost.
 */
struct port {
	uint16_t first;
	uint16_t count;
	uint8_t width;
	uint32_t (*read)(void *opaque, unsigned offset, unsigned width);
	void (*write)(void *opaque, unsigned offset, unsigned width,
		uint32_t value);
	void *opaque;
};

/* A range of addresses outside RAM; the bytes are in guest order. */
struct window {
	uint64_t first;
	uint64_t size;
	void (*read)(void *opaque, uint64_t offset, uint8_t *bytes,
		unsigned n);
	void (*write)(void *opaque, uint64_t offset, const uint8_t *bytes,
		unsigned n);
	void *opaque;
};

/* What a device asks of the machine as a whole. */
enum action {
	ACTION_NONE = 0,
	ACTION_EXIT,  /* leave with `code` */
	ACTION_RESET,
	ACTION_SAVE   /* and go on, or leave: the user, or --max-instructions */
};

#define PORTS_MAX   32
#define WINDOWS_MAX 4

/* All handlers run under the lock: devices need none of their own. */
struct board {
	pthread_mutex_t lock;
	struct port ports[PORTS_MAX]; /* ascending */
	unsigned n_ports;
	struct window windows[WINDOWS_MAX];
	unsigned n_windows;
	enum action action;
	int code;
	const char *why;
};

void board_init(struct board *board);

/* -EEXIST: the range overlaps one that is there; -ENOSPC. */
int board_add_port(struct board *board, const struct port *port);
int board_add_window(struct board *board, const struct window *window);

/*
 * Serve an exit of reason IO or MMIO: a write is carried out, a read leaves
 * the answer in place (u.io.data, u.mmio.data) for vmapi_vcpu_complete().
 * The action that a device asked for is returned, once.
 */
enum action board_io(struct board *board, struct vmapi_exit_io *io);
enum action board_mmio(struct board *board, struct vmapi_exit_mmio *mmio);

/* For handlers, under the lock. */
void board_act(struct board *board, enum action action, int code,
	const char *why);

#endif
