/* SPDX-License-Identifier: MIT */
/* Keys on their way from standard input to the guest's serial port. */
#ifndef BOOT_INPUT_H
#define BOOT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "terminal.h"

#define INPUT_MAX 65536

/*
 * They wait here while the serial port is full, so that Ctrl-A x is seen
 * also when the guest reads nothing.  When even this is full, a terminal's
 * further keys are lost and a pipe has to wait.
 */
struct input {
	uint8_t queue[INPUT_MAX];
	size_t head;
	size_t count;
	bool at_end;
	bool is_terminal;
};

void input_open(struct input *input);

/* Is there a use in reading now? */
bool input_wanted(const struct input *input);

/* Read what is there.  KEY_LEAVE, KEY_SAVE: the user wants that. */
enum key input_read(struct input *input);

/* Take the first key, if there is one. */
bool input_take(struct input *input, uint8_t *key);

#endif
