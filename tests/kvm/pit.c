/* SPDX-License-Identifier: MIT */
/* The kernel's PIT beside the library's, and who is right where they differ. */
/*
 * Two VMs with one PIT each do the same, through their ports, and what they
 * read is held against the data sheet of the 8254 (Intel 231164) and, for
 * port 0x61, what PCs have. The library has to be right everywhere. Where
 * the kernel is known to be wrong the table says so; anything else is a
 * failure of the test. A kernel that is better than the table is reported.
 *
 * Time is the host's, which may be busy: a case that depends on it is tried
 * a few times, and one that came out right was right.
 */
#include <stdio.h>
#include <unistd.h>

#include "tests/kvm/machine.h"

#define TRIES 4

/* Channel 2: its gate is bit 0 of port 0x61, its OUT bit 5. */
#define CONTROL	 0x43
#define COUNT	 0x42
#define PORT_B	 0x61
#define OUT	 0x20
#define DONE	 0x99
#define READ_AT	 (CODE + 8)

/* out dx,al and in al,dx; then out 0x99,al */
static const uint8_t write_code[] = { 0xee, 0xe6, DONE };
static const uint8_t read_code[] = { 0xec, 0xe6, DONE };

static void go(struct machine *m, uint64_t rip, uint8_t port, uint8_t value)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	OK(vmapi_vcpu_settle(m->vcpu, &exit));
	reg_set(m->vcpu, VMAPI_X86_RIP, rip);
	reg_set(m->vcpu, VMAPI_X86_RDX, port);
	reg_set(m->vcpu, VMAPI_X86_RAX, value);
	if (run_to(m->vcpu, &exit, VMAPI_EXIT_IO))
		CHECK(exit.u.io.port == DONE);
}

static void put(struct machine *m, uint8_t port, uint8_t value)
{
	go(m, CODE, port, value);
}

static uint8_t get(struct machine *m, uint8_t port)
{
	go(m, READ_AT, port, 0);
	return (uint8_t)reg_get(m->vcpu, VMAPI_X86_RAX);
}

static void gate(struct machine *m, unsigned level)
{
	put(m, PORT_B, (uint8_t)level);
}

static unsigned out(struct machine *m)
{
	return get(m, PORT_B) & OUT ? 1 : 0;
}

/* Both bytes of a count, as control words with 0x30 have them. */
static void count(struct machine *m, unsigned n)
{
	put(m, COUNT, n & 0xff);
	put(m, COUNT, (uint8_t)(n >> 8));
}

static unsigned take(struct machine *m)
{
	unsigned low = get(m, COUNT);

	return low | (unsigned)get(m, COUNT) << 8;
}

static unsigned latched(struct machine *m)
{
	put(m, CONTROL, 0x80);
	return take(m);
}

static unsigned status(struct machine *m)
{
	put(m, CONTROL, 0xe8);
	return get(m, COUNT);
}

/* Control word and count, with the gate as it is. */
static void program(struct machine *m, uint8_t word, unsigned n)
{
	put(m, CONTROL, word);
	count(m, n);
}

/* Counts that go by in two milliseconds: 0 says that it stands. */
static unsigned moves(struct machine *m)
{
	unsigned before = latched(m);

	usleep(2000);
	return (before - latched(m)) & 0xffff;
}

/* -- What is asked ------------------------------------------------------ */

static unsigned null_set(struct machine *m)
{
	put(m, CONTROL, 0xb0);
	return status(m);
}

static unsigned null_clear(struct machine *m)
{
	program(m, 0xb0, 0xffff);
	usleep(100);
	return status(m);
}

/* A count that waits for the end of the period is not loaded yet. */
static unsigned null_deferred(struct machine *m)
{
	program(m, 0xb4, 0xffff);
	count(m, 0x1000);
	return status(m) & 0x40;
}

static unsigned deferred(struct machine *m)
{
	program(m, 0xb4, 0xffff);
	usleep(100);
	count(m, 0x1000);
	return latched(m);
}

/* How many of 12 looks show a digit above 9. */
static unsigned not_decimal(struct machine *m)
{
	unsigned i, bad = 0, v;

	program(m, 0xb5, 0x9999);
	for (i = 0; i < 12; i++) {
		usleep(170);
		for (v = latched(m); v; v >>= 4)
			if ((v & 15) > 9) {
				bad++;
				break;
			}
	}
	return bad;
}

static unsigned stands_0(struct machine *m)
{
	program(m, 0xb0, 0xffff);
	usleep(100);
	gate(m, 0);
	return moves(m);
}

static unsigned stands_2(struct machine *m)
{
	program(m, 0xb4, 0xffff);
	usleep(100);
	gate(m, 0);
	return moves(m);
}

static unsigned stands_3(struct machine *m)
{
	program(m, 0xb6, 0xfffe);
	usleep(100);
	gate(m, 0);
	return moves(m);
}

static unsigned stands_4(struct machine *m)
{
	program(m, 0xb8, 0xffff);
	usleep(100);
	gate(m, 0);
	return moves(m);
}

static unsigned first_byte(struct machine *m)
{
	program(m, 0xb0, 0xffff);
	usleep(100);
	put(m, COUNT, 0x34);
	return moves(m);
}

/* In the low half of mode 3. */
static unsigned gate_sets_out(struct machine *m)
{
	unsigned i;

	program(m, 0xb6, 0xffff);
	for (i = 0; i < 1000 && out(m); i++)
		usleep(100);
	gate(m, 0);
	return out(m);
}

/* How many of 12 looks are odd. */
static unsigned odd_counts(struct machine *m)
{
	unsigned i, odd = 0;

	program(m, 0xb6, 0xffff);
	for (i = 0; i < 12; i++) {
		usleep(150);
		odd += latched(m) & 1;
	}
	return odd;
}

static unsigned retrigger_2(struct machine *m)
{
	program(m, 0xb4, 0xffff);
	usleep(10000);
	gate(m, 0);
	gate(m, 1);
	return latched(m);
}

static unsigned one_shot(struct machine *m)
{
	unsigned before, during;

	gate(m, 0);
	program(m, 0xb2, 0xffff);
	before = out(m);
	gate(m, 1);
	during = out(m);
	usleep(60000);
	return before << 2 | during << 1 | out(m);
}

static unsigned terminal_count(struct machine *m)
{
	unsigned before;

	program(m, 0xb0, 0x8000); /* 27 ms */
	before = out(m);
	usleep(30000);
	return before << 1 | out(m);
}

static unsigned goes_on(struct machine *m)
{
	program(m, 0xb0, 0x0100);
	usleep(2000);
	return latched(m);
}

static unsigned status_first(struct machine *m)
{
	program(m, 0xb0, 0xffff);
	usleep(100);
	put(m, CONTROL, 0xd8); /* the count, then the status */
	put(m, CONTROL, 0xe8);
	return get(m, COUNT) & 0x3f;
}

/* What a second latch command would have changed. */
static unsigned latch_holds(struct machine *m)
{
	unsigned first;

	program(m, 0xb4, 0xffff);
	put(m, CONTROL, 0x80);
	usleep(3000);
	put(m, CONTROL, 0x80);
	first = take(m);
	return first - latched(m);
}

static unsigned mode_bits(struct machine *m)
{
	program(m, 0xbc, 0xffff);
	usleep(100);
	return status(m) & 0x3f;
}

static unsigned low_byte(struct machine *m)
{
	put(m, CONTROL, 0x98); /* mode 4 */
	gate(m, 0);
	put(m, COUNT, 0x80);
	return status(m) & 0x3f;
}

static unsigned high_byte(struct machine *m)
{
	put(m, CONTROL, 0xa4);
	put(m, COUNT, 0x80);
	usleep(100);
	return get(m, COUNT);
}

static unsigned zero_is_most(struct machine *m)
{
	program(m, 0xb4, 0);
	usleep(100);
	return latched(m);
}

static unsigned toggles_apart(struct machine *m)
{
	put(m, CONTROL, 0xb4);
	put(m, COUNT, 0xff);
	(void)get(m, COUNT); /* the low byte: the write's high one is next */
	put(m, COUNT, 0xff);
	(void)get(m, COUNT);
	usleep(100);
	return latched(m);
}

static unsigned refresh(struct machine *m)
{
	unsigned i, seen = 0;

	for (i = 0; i < 200; i++)
		seen |= get(m, PORT_B) & 0x10 ? 2 : 1;
	return seen;
}

/* What was written, bits 1:0; the kernel's dummy keeps no more. */
static unsigned port_b(struct machine *m)
{
	put(m, PORT_B, 3);
	return get(m, PORT_B) & 3;
}

/* -- The table ---------------------------------------------------------- */

enum { AGREE, LIBRARY }; /* who is right */

static const struct {
	const char *name;
	unsigned (*ask)(struct machine *m);
	unsigned low, high; /* what the data sheet allows */
	int right;
	const char *why;
} cases[] = {
	{ "NULL COUNT after a control word", null_set, 0x70, 0x70, LIBRARY,
		"status byte: set until the count is loaded" },
	{ "NULL COUNT after the load", null_clear, 0x30, 0x30, AGREE,
		"status byte" },
	{ "NULL COUNT of a count that waits", null_deferred, 0x40, 0x40,
		LIBRARY, "status byte, mode 2" },
	{ "mode 2, new count", deferred, 0x1001, 0xffff, LIBRARY,
		"mode 2: it does not affect the current sequence" },
	{ "BCD", not_decimal, 0, 0, LIBRARY, "control word, BCD = 1" },
	{ "gate low, mode 0", stands_0, 0, 0, LIBRARY,
		"gate pin operations: disables counting" },
	{ "gate low, mode 2", stands_2, 0, 0, LIBRARY,
		"gate pin operations: disables counting" },
	{ "gate low, mode 3", stands_3, 0, 0, LIBRARY,
		"gate pin operations: disables counting" },
	{ "gate low, mode 4", stands_4, 0, 0, LIBRARY,
		"gate pin operations: disables counting" },
	{ "gate low sets OUT, mode 3", gate_sets_out, 1, 1, LIBRARY,
		"gate pin operations: sets output high" },
	{ "first byte of two, mode 0", first_byte, 0, 0, LIBRARY,
		"mode 0: writing the first byte disables counting" },
	{ "odd count, mode 3", odd_counts, 0, 0, LIBRARY,
		"mode 3, odd counts: N - 1, by two" },
	{ "gate retriggers mode 2", retrigger_2, 0xe000, 0xffff, AGREE,
		"mode 2: the gate's rise reloads" },
	{ "mode 1", one_shot, 5, 5, LIBRARY,
		"mode 1: OUT low from the trigger to the end" },
	{ "mode 0", terminal_count, 1, 1, AGREE,
		"mode 0: OUT high at the terminal count" },
	{ "mode 0 goes on", goes_on, 0x8000, 0xffff, AGREE,
		"modes 0, 1, 4, 5 wrap to FFFF" },
	{ "status before count", status_first, 0x30, 0x30, AGREE,
		"read-back command" },
	{ "a latch holds", latch_holds, 3000, 0xffff, AGREE,
		"counter latch command: the second is ignored" },
	{ "mode bits 110", mode_bits, 0x34, 0x34, AGREE,
		"control word: X10 is mode 2" },
	{ "low byte alone", low_byte, 0x18, 0x18, AGREE,
		"control word, RW" },
	{ "high byte alone", high_byte, 0x70, 0x7f, AGREE,
		"control word, RW; the other byte is 0" },
	{ "count 0", zero_is_most, 0x8000, 0xffff, AGREE,
		"0 is 65536" },
	{ "reads and writes toggle apart", toggles_apart, 0x8000, 0xffff,
		AGREE, "write and read operations" },
	{ "port 0x61, refresh", refresh, 3, 3, AGREE, "it toggles on a PC" },
	{ "port 0x61, written bits", port_b, 3, 3, AGREE,
		"gate and speaker read back" },
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* What it said last, and whether that was right once. */
static bool is_right(struct machine *m, size_t i, unsigned *said)
{
	unsigned tries;

	for (tries = 0; tries < TRIES; tries++) {
		gate(m, 1);
		*said = cases[i].ask(m);
		if (*said >= cases[i].low && *said <= cases[i].high)
			return true;
	}
	return false;
}

static void compare(struct machine *kernel, struct machine *library)
{
	unsigned differ = 0;
	size_t i;

	for (i = 0; i < CASES; i++) {
		unsigned k = 0, l = 0;
		bool kernel_right = is_right(kernel, i, &k);
		bool library_right = is_right(library, i, &l);

		if (kernel_right == library_right && library_right) {
			if (cases[i].right == LIBRARY)
				printf("%s: this kernel is right, too\n",
					cases[i].name);
			continue;
		}
		differ++;
		printf("%s: kernel 0x%x, library 0x%x, data sheet 0x%x to "
			"0x%x: %s is right (%s)\n", cases[i].name, k, l,
			cases[i].low, cases[i].high,
			library_right ? "the library"
			: kernel_right ? "the kernel" : "nobody",
			cases[i].why);
		CHECK(library_right);
		CHECK(cases[i].right == LIBRARY);
	}
	printf("%u of %zu cases differ\n", differ, CASES);
}

static bool open_one(struct machine *m, unsigned flags, int *rc)
{
	const struct vmapi_vm_config config = { .size = sizeof(config),
		.irqchip = VMAPI_IRQCHIP_FULL, .flags = flags };

	*rc = machine_open(m, &config);
	if (*rc)
		return false;
	machine_load(m, m->vcpu, READ_AT, read_code, sizeof(read_code));
	machine_load(m, m->vcpu, CODE, write_code, sizeof(write_code));
	return true;
}

int main(void)
{
	struct vmapi_device_config c = { .size = sizeof(c),
		.type = VMAPI_DEVICE_PIT };
	struct vmapi_device *pit = NULL;
	struct machine kernel, library;
	int rc;

	if (!open_one(&kernel, VMAPI_VM_PIT, &rc))
		return rc;
	if (!open_one(&library, 0, &rc))
		return rc;
	if (OK(vmapi_device_create(library.vm, &c, &pit)))
		compare(&kernel, &library);
	vmapi_device_destroy(pit);
	machine_close(&library);
	machine_close(&kernel);
	return check_result("pit");
}
