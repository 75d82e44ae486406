/* SPDX-License-Identifier: MIT */
/* A device program that writes down what it sees, for tests. */
#include <vmapi/bpf/device.h>

struct entry {
	vmapi_bpf_u64 offset, value;
	vmapi_bpf_u32 length, is_write;
};

struct log {
	vmapi_bpf_u64 n;
	struct entry entries[64];
} trace;

/* Set by the application: what comes next is not answered. */
vmapi_bpf_u32 pass, post, forever;

static __attribute__((noinline)) void note(
	const struct vmapi_bpf_context *c, vmapi_bpf_u64 value,
	vmapi_bpf_u32 is_write)
{
	struct entry *e = &trace.entries[trace.n & 63];

	e->offset = c->offset;
	e->value = value;
	e->length = c->length;
	e->is_write = is_write;
	trace.n++;
}

VMAPI_BPF_READ int trace_read(struct vmapi_bpf_context *c)
{
	vmapi_bpf_u64 value = trace.n * 0x0101010101010101u + c->offset;

	if (pass)
		return VMAPI_BPF_PASS;
	note(c, value, 0);
	vmapi_bpf_answer(c, value);
	return VMAPI_BPF_HANDLED;
}

VMAPI_BPF_WRITE int trace_write(struct vmapi_bpf_context *c)
{
	while (*(volatile vmapi_bpf_u32 *)&forever)
		;
	if (pass)
		return VMAPI_BPF_PASS;
	note(c, vmapi_bpf_written(c), 1);
	return post ? VMAPI_BPF_POST : VMAPI_BPF_HANDLED;
}
