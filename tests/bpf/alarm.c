/* SPDX-License-Identifier: MIT */
/* A device program whose alarm waits to be let go on, for tests. */
#include <vmapi/bpf/device.h>

/* `wait` is the application's: 1 holds up who comes, until it is 0 again. */
vmapi_bpf_u32 wait, entered;
vmapi_bpf_u64 rung;

VMAPI_BPF_WRITE int alarm_write(struct vmapi_bpf_context *c)
{
	(void)c;
	vmapi_bpf_alarm(1); /* that was long ago */
	return VMAPI_BPF_HANDLED;
}

VMAPI_BPF_ALARM int alarm_ring(struct vmapi_bpf_context *c)
{
	(void)c;
	*(volatile vmapi_bpf_u32 *)&entered = 1;
	while (*(volatile vmapi_bpf_u32 *)&wait)
		;
	rung++;
	vmapi_bpf_alarm(1);
	return VMAPI_BPF_HANDLED;
}
