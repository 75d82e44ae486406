/* SPDX-License-Identifier: MIT */
/* vmapi_x86_disassemble(): texts, lengths, and what it refuses. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vmapi/vmapi.h>

static int failures;

static const struct good {
	const char *bytes;
	size_t n;
	unsigned mode;
	size_t length;
	const char *text;
} good[] = {
	{ "\x90", 1, 64, 1, "nop" },
	{ "\x55", 1, 64, 1, "push rbp" },
	{ "\x55", 1, 32, 1, "push ebp" },
	{ "\x55", 1, 16, 1, "push bp" },
	{ "\x48\x89\xe5\xff", 4, 64, 3, "mov rbp, rsp" },
	{ "\xe8\x10\x00\x00\x00", 5, 64, 5, "call 0x7015" },
	{ "\xeb\xfe", 2, 16, 2, "jmp 0x7000" },
	{ "\xf0\x83\x06\x01", 4, 64, 4, "lock add dword ptr [rsi], 1" },
};

static const struct bad {
	const char *bytes;
	size_t n;
	unsigned mode;
	int err;
} bad[] = {
	{ "", 0, 64, -EAGAIN },
	{ "\xe8\x10\x00\x00", 4, 64, -EAGAIN },
	{ "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90",
		16, 64, -EILSEQ },	/* 16 bytes: SDM 2B 2.3.11 */
	{ "\x06", 1, 64, -EILSEQ },	/* PUSH ES: not in 64-bit mode */
	{ "\xf0\x90", 2, 64, -EILSEQ }, /* LOCK NOP */
	{ "\x90", 1, 0, -EINVAL },
	{ "\x90", 1, 8, -EINVAL },
	{ NULL, 1, 64, -EINVAL },
};

static void check(int ok, const char *what, size_t i)
{
	if (ok)
		return;
	printf("%s, row %zu: %s\n", what, i, vmapi_error_last()->message);
	failures++;
}

static void check_good(size_t i)
{
	const struct good *g = &good[i];
	size_t length = 0;
	char text[80] = "";
	int err = vmapi_x86_disassemble(
		g->bytes, g->n, g->mode, 0x7000, text, sizeof(text), &length);

	check(!err, "it is an instruction", i);
	check(!strcmp(text, g->text), text, i);
	check(length == g->length, "its length", i);
}

/* Nothing is written, and the record says why. */
static void check_bad(size_t i)
{
	const struct bad *b = &bad[i];
	size_t length = 99;
	char text[80] = "as it was";
	int err = vmapi_x86_disassemble(
		b->bytes, b->n, b->mode, 0, text, sizeof(text), &length);
	const struct vmapi_error *e = vmapi_error_last();

	check(err == b->err, "the errno", i);
	check(e->code == b->err, "the record's errno", i);
	check(!strcmp(e->operation, "vmapi_x86_disassemble"),
		"the record's operation", i);
	check(length == 99 && !strcmp(text, "as it was"), "nothing is written",
		i);
}

static void check_room(void)
{
	static const char mov[] = "\x48\x89\xe5";
	char text[8] = "1234567";
	size_t length = 0;

	check(!vmapi_x86_disassemble(mov, 3, 64, 0, text, 4, &length) &&
			length == 3 &&
			!memcmp(text,
				"mov\0"
				"567",
				8),
		"text is cut off", 0);
	check(!vmapi_x86_disassemble(mov, 3, 64, 0, NULL, 0, &length) &&
			length == 3,
		"no text at all", 0);
	check(vmapi_x86_disassemble(mov, 3, 64, 0, NULL, 4, &length) == -EINVAL,
		"room without text", 0);
	check(vmapi_x86_disassemble(mov, 3, 64, 0, text, 8, NULL) == -EINVAL,
		"no place for the length", 0);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_good(i);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_bad(i);
	check_room();
	return failures != 0;
}
