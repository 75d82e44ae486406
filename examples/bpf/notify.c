/* SPDX-License-Identifier: MIT */
/* A device program: a virtio queue that asks for silence by itself. */
/*
 * A write to the doorbell first tells the guest to ring no more, in the ring
 * that it shares with the device, and then signals the device's eventfd: so
 * the guest cannot ring twice for one round of work, however late the device
 * comes.  Virtio 1.2, 2.7.8: `used` begins with the flags.
 */
#include <vmapi/bpf/device.h>

#define NO_NOTIFY 1u /* VIRTQ_USED_F_NO_NOTIFY */

struct used_ring {
	vmapi_bpf_u16 flags;
	vmapi_bpf_u16 index;
	vmapi_bpf_u32 padding;
};

/* In the guest's memory: the application says where. */
VMAPI_BPF_WINDOW struct used_ring used;

/* How often, for who wants to know. */
vmapi_bpf_u64 rung;

VMAPI_BPF_WRITE int doorbell(struct vmapi_bpf_context *c)
{
	(void)c;
	*(volatile vmapi_bpf_u16 *)&used.flags = NO_NOTIFY;
	__sync_fetch_and_add(&rung, 1);
	return vmapi_bpf_signal(0) ? VMAPI_BPF_PASS : VMAPI_BPF_HANDLED;
}
