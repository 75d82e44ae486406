/* SPDX-License-Identifier: MIT */
/* Keys on their way from standard input to the guest's serial port. */
#include "input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void input_open(struct input *input)
{
	memset(input, 0, sizeof(*input));
	input->is_terminal = isatty(STDIN_FILENO);
}

bool input_wanted(const struct input *input)
{
	return !input->at_end &&
		(input->is_terminal || input->count < INPUT_MAX);
}

static void put(struct input *input, uint8_t key)
{
	if (input->count == INPUT_MAX)
		return;
	input->queue[(input->head + input->count) % INPUT_MAX] = key;
	input->count++;
}

enum key input_read(struct input *input)
{
	size_t room = INPUT_MAX - input->count;
	uint8_t bytes[256], key;
	enum key wish = KEY_NONE, what;
	ssize_t n, i;

	if (input->is_terminal || room > sizeof(bytes))
		room = sizeof(bytes);
	n = read(STDIN_FILENO, bytes, room);
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		input->at_end = true;
	for (i = 0; i < n; i++) {
		what = terminal_key(bytes[i], &key);
		if (what == KEY_BYTE)
			put(input, key);
		else if (what != KEY_NONE && wish != KEY_LEAVE)
			wish = what;
	}
	return wish;
}

bool input_take(struct input *input, uint8_t *key)
{
	if (input->count == 0)
		return false;
	*key = input->queue[input->head];
	input->head = (input->head + 1) % INPUT_MAX;
	input->count--;
	return true;
}
