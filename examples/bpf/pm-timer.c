/* SPDX-License-Identifier: MIT */
/* A device program: the ACPI power management timer. */
/*
 * ACPI 6.5, 4.8.2.1: 24 bits that count at 3579545 Hz, read as 4 bytes.  A
 * guest that reads it without end never leaves the library.
 */
#include <vmapi/bpf/device.h>

#define HZ 3579545u

VMAPI_BPF_READ int timer_read(struct vmapi_bpf_context *c)
{
	if (c->length != 4 || c->offset)
		return VMAPI_BPF_PASS;
	vmapi_bpf_answer(c, vmapi_bpf_ticks(HZ) & 0xffffff);
	return VMAPI_BPF_HANDLED;
}

/* It cannot be written to. */
VMAPI_BPF_WRITE int timer_write(struct vmapi_bpf_context *c)
{
	(void)c;
	return VMAPI_BPF_HANDLED;
}
