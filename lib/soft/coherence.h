/* SPDX-License-Identifier: MIT */
/* Code pages between vcpus, and between them and whoever else writes RAM. */
#ifndef VMI_SOFT_COHERENCE_H
#define VMI_SOFT_COHERENCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct vmapi_ram;
struct vmi_map_change;
struct vmi_cpu;
struct soft_vm;
struct soft_vcpu;

#define VMI_MAILS 32

enum vmi_mail_kind {
	VMI_MAIL_KILL, /* the page was written: its blocks are void */
	VMI_MAIL_DROP, /* the page became code: no unseen writes to it */
	VMI_MAIL_KINDS
};

struct vmi_mail {
	const uint8_t *page; /* host */
	enum vmi_mail_kind kind;
};

/* What a vcpu has to do before its next block. */
struct vmi_inbox {
	pthread_mutex_t lock;
	unsigned n;
	bool all[VMI_MAIL_KINDS]; /* it overflowed: do it to every page */
	_Atomic(uint64_t) obeyed; /* soft_vm.code_tickets when last read */
	struct vmi_mail mails[VMI_MAILS];
};

void vmi_inbox_init(struct vmi_inbox *box);
void vmi_inbox_fini(struct vmi_inbox *box);

/* Do what was asked; on the vcpu's own thread. */
void vmi_mail_read(struct vmi_cpu *c);

/*
 * The host page became code of this vcpu: the others are asked to write to it
 * no more unseen.  Nobody waits for them: vmi_mail_obeyed() tells whether all
 * have done what the ticket stands for.
 */
uint64_t vmi_mail_page_is_code(struct vmi_cpu *c, const uint8_t *page);
bool vmi_mail_obeyed(struct vmi_cpu *c, uint64_t ticket);
/* This vcpu wrote to a page of code: the others forget its blocks. */
void vmi_mail_page_written(struct vmi_cpu *c, const uint8_t *page);

/* Hear of writes to the RAM that a map change brings, and no more of what it
 * takes away.  -ENOMEM: nothing has changed. */
int vmi_watches_change(struct soft_vm *vm, const struct vmi_map_change *changes,
	unsigned n);
void vmi_watches_fini(struct soft_vm *vm);

#endif
