/* SPDX-License-Identifier: MIT */
/* A guest of 64 bits that finds the hypervisor's calls and makes them. */
/*
 * tests/api/hypercall.c lets it start at its first byte, with a stack and the
 * addresses as they are, answers call 9, and has a device at DEVICE that
 * prefers calls.  It ends with how much went wrong, on port 80H.
 */
#include <vmapi/guest/hypercall.h>

#define DEVICE 0x300000u

static int main_program(void);

/* First in the file: the linker has this section in front. */
__attribute__((section(".text.unlikely"))) void _start(void)
{
	__asm__ volatile("outb %%al, $0x80" : : "a"(main_program()));
	for (;;)
		;
}

/* Each argument comes back doubled, and the result is their sum. */
static int nine(const struct vmapi_guest_calls *calls)
{
	struct vmapi_guest_args args = { { 1, 2, 3, 4, 5, 6, 7, 8,
		0x123456789abcdef } };
	vmapi_guest_u64 sum = vmapi_guest_call(calls, 9, &args);
	int wrong = sum != 36 + 0x123456789abcdef;
	unsigned i;

	for (i = 0; i < 8; i++)
		wrong += args.word[i] != 2 * (i + 1);
	return wrong + (args.word[8] != 2 * 0x123456789abcdef);
}

static int device(const struct vmapi_guest_calls *calls)
{
	vmapi_guest_u64 value = 0;

	if (!vmapi_guest_prefers(calls, DEVICE + 8, 4) ||
		vmapi_guest_prefers(calls, DEVICE + 0x1000, 4) ||
		!vmapi_guest_write(calls, DEVICE + 8, 4, 0x1234) ||
		!vmapi_guest_read(calls, DEVICE + 8, 4, &value))
		return 1;
	return (value != 0x1234) + vmapi_guest_read(calls, DEVICE, 4, &value);
}

static int main_program(void)
{
	struct vmapi_guest_calls calls;
	int wrong = 0;
	unsigned i;

	if (!vmapi_guest_find(&calls) || calls.way == VMAPI_CALL_PAGE)
		return 99;
	calls.page = (volatile vmapi_guest_u32 *)calls.page_gpa;
	wrong += !vmapi_guest_choose(&calls);
	for (i = 1; i <= VMAPI_CALL_PAGE; i *= 2) {
		if (!(calls.ways & i))
			continue;
		calls.way = i;
		wrong += nine(&calls) + device(&calls);
	}
	return wrong;
}
