/* SPDX-License-Identifier: MIT */
/*
 * Built four times, with ENDS the name: as the header is, or (CLASSIC) with
 * the write barrier that signals like this were first published with; on this
 * machine, or (MODEL) on one where each access is a step.
 */
#include "tests/ring/ends.h"

/* Stores stay in order: of the compiler x86 asks no more for that. */
#ifdef CLASSIC
#ifdef MODEL
#define VMAPI_RING_FENCE() ((void)0)
#else
#define VMAPI_RING_FENCE() __atomic_thread_fence(__ATOMIC_RELEASE)
#endif
#endif

#ifdef MODEL
#define VMAPI_RING_LOAD(from)	    model_load(from)
#define VMAPI_RING_STORE(to, value) model_store(to, value)
#define VMAPI_RING_SWAP(with, value) model_swap(with, value)
#ifndef CLASSIC
#define VMAPI_RING_FENCE() model_fence()
#endif
#endif

#include <vmapi/guest/ring.h>

static int put(struct vmapi_ring_end *end)
{
	static const vmapi_ring_u64 words[VMAPI_RING_WORDS];

	return vmapi_ring_put(end, words) == 1 && vmapi_ring_data_wanted(end);
}

static int take(struct vmapi_ring_end *end)
{
	vmapi_ring_u64 words[VMAPI_RING_WORDS];

	return vmapi_ring_take(end, words) == 1 && vmapi_ring_room_wanted(end);
}

static int want_data(struct vmapi_ring_end *end)
{
	return vmapi_ring_want_data(end) == 1;
}

static int want_room(struct vmapi_ring_end *end)
{
	return vmapi_ring_want_room(end) == 1;
}

#define STRING(name)	#name
#define NAME_OF(name)	STRING(name)

const struct ends ENDS = { NAME_OF(ENDS), put, take, want_data, want_room };
