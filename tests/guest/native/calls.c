/* SPDX-License-Identifier: MIT */
/* A guest of arm64, ppc64 or riscv64 that finds the hypervisor's calls. */
/*
 * tests/kvm/calls.c starts it with a stack and with the descriptor in its
 * first argument.  It makes call 9 by each way that there is, and says by call
 * 10 how often, and how much of what came back was wrong.
 */
#include <vmapi/guest/hypercall.h>

#define RESULT 0xa00000000u /* and what is behind it, in order */

/* The result, and as many words as every architecture gives back. */
static int nine(const struct vmapi_guest_calls *calls)
{
	struct vmapi_guest_args args;
	int wrong = 0;
	unsigned i;

	for (i = 0; i < VMAPI_CALL_ARGS; i++)
		args.word[i] = 0x500000000u + i;
	wrong += vmapi_guest_call(calls, 9, &args) != RESULT;
	for (i = 0; i < VMAPI_CALL_ARGS - 1; i++)
		wrong += args.word[i] != RESULT + 1 + i;
	return wrong;
}

__attribute__((section(".text.first"))) void _start(const void *descriptor)
{
	struct vmapi_guest_calls calls;
	struct vmapi_guest_args end;
	vmapi_guest_u64 made = 0, wrong = 0;
	unsigned i;

	(void)vmapi_guest_parse(&calls, descriptor);
	calls.page = (volatile vmapi_guest_u32 *)calls.page_gpa;
	wrong += !vmapi_guest_choose(&calls);
	for (i = 1; i <= VMAPI_CALL_PAGE; i *= 2) {
		if (!(calls.ways & i))
			continue;
		calls.way = i;
		wrong += nine(&calls);
		made++;
	}
	for (i = 0; i < VMAPI_CALL_ARGS; i++)
		end.word[i] = 0;
	end.word[0] = made;
	end.word[1] = wrong;
	for (;;)
		vmapi_guest_call(&calls, 10, &end);
}
