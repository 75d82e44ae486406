/* SPDX-License-Identifier: MIT */
/* A device program: the task file of an IDE channel. */
/*
 * Of the eight registers only the command is worth an exit; the others are
 * bytes that the guest writes before it and reads after it (ATA-6, 7).  The
 * application finds them by the name `regs`, and sets `status` when a command
 * is done.
 */
#include <vmapi/bpf/device.h>

#define STATUS	    7 /* read */
#define COMMAND	    7 /* written */
#define STATUS_BUSY 0x80
#define STATUS_DRQ  0x08

struct task_file {
	vmapi_bpf_u8 regs[7]; /* data, features/error, count, LBA, device */
	vmapi_bpf_u8 status;
} task_file;

VMAPI_BPF_READ int ide_read(struct vmapi_bpf_context *c)
{
	if (c->length != 1 || !c->offset || c->offset > STATUS)
		return VMAPI_BPF_PASS; /* the data register is as wide */
	if (c->offset == STATUS)
		c->data[0] = task_file.status;
	else
		c->data[0] = task_file.regs[c->offset];
	return VMAPI_BPF_HANDLED;
}

/* ATA-6, 7: while a command is executed registers cannot be written to. */
VMAPI_BPF_WRITE int ide_write(struct vmapi_bpf_context *c)
{
	if (c->length != 1 || !c->offset || c->offset >= COMMAND)
		return VMAPI_BPF_PASS;
	if (!(task_file.status & (STATUS_BUSY | STATUS_DRQ)))
		task_file.regs[c->offset] = c->data[0];
	return VMAPI_BPF_HANDLED;
}
