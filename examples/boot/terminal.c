/* SPDX-License-Identifier: MIT */
/* The user's terminal: raw mode, its way back, and the escape key. */
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_A 0x01

static struct termios before;
static struct termios raw;
static volatile sig_atomic_t is_raw;

/* tcsetattr() is safe in a signal handler (POSIX.1-2017, 2.4.3). */
void terminal_restore(void)
{
	if (!is_raw)
		return;
	is_raw = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* SA_RESETHAND has put the default back: the second time is the last. */
static void die_by(int signal)
{
	terminal_restore();
	raise(signal);
}

static void restore_at_death(void)
{
	static const int fatal[] = {
		SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT
	};
	struct sigaction action;
	size_t i;

	memset(&action, 0, sizeof(action));
	action.sa_handler = die_by;
	action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
	for (i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &action, NULL);
}

/*
 * Keys come one by one, unechoed, and Ctrl-C is a key.  Output processing
 * stays as it is: consoles that end lines with LF alone look right.
 */
void terminal_raw(void)
{
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0)
		return;
	raw = before;
	raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR |
		IGNCR | ICRNL | IXON);
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	raw.c_cflag |= CS8;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	atexit(terminal_restore);
	restore_at_death();
	is_raw = 1;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void terminal_continue(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void terminal_write(const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	ssize_t done;

	while (n > 0) {
		done = write(STDOUT_FILENO, at, n);
		if (done < 0 && errno != EINTR)
			return;
		if (done > 0) {
			at += done;
			n -= (size_t)done;
		}
	}
}

static void help(void)
{
	static const char text[] =
		"\n"
		"Ctrl-A x       leave\n"
		"Ctrl-A s       save, with --save\n"
		"Ctrl-A h       this help\n"
		"Ctrl-A Ctrl-A  send Ctrl-A\n";

	terminal_write(text, sizeof(text) - 1);
}

enum key terminal_key(uint8_t byte, uint8_t *out)
{
	static bool escaped;

	if (!escaped && byte == CTRL_A) {
		escaped = true;
		return KEY_NONE;
	}
	if (escaped) {
		escaped = false;
		switch (byte) {
		case 'x': case 'X': return KEY_LEAVE;
		case 's': case 'S': return KEY_SAVE;
		case 'h': case 'H': case '?': help(); return KEY_NONE;
		case CTRL_A: break;
		default: return KEY_NONE;
		}
	}
	*out = byte;
	return KEY_BYTE;
}
