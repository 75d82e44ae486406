/* SPDX-License-Identifier: MIT */
/* The user's terminal: raw while the guest runs, as it was afterwards. */
#ifndef BOOT_TERMINAL_H
#define BOOT_TERMINAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Make standard input raw if it is a terminal.  It is put back by
 * terminal_restore(), at exit, and when a signal kills the process.  Without
 * a terminal nothing happens.
 */
void terminal_raw(void);
void terminal_restore(void);

/* Again raw, after the process was stopped and continued. */
void terminal_continue(void);

/* Write to standard output; a reader that went away is no error. */
void terminal_write(const void *bytes, size_t n);

/* What the keys of the user mean. */
enum key {
	KEY_NONE,  /* an escape begins, or help was given */
	KEY_BYTE,  /* for the guest */
	KEY_LEAVE, /* Ctrl-A x */
	KEY_SAVE   /* Ctrl-A s */
};
enum key terminal_key(uint8_t byte, uint8_t *out);

#endif
