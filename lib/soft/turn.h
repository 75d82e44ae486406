/* SPDX-License-Identifier: MIT */
/* Deterministic VMs: whose turn it is, and what time that makes. */
#ifndef VMI_SOFT_TURN_H
#define VMI_SOFT_TURN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct soft_vm;
struct soft_vcpu;
struct vmi_cpu;

struct vmi_turns {
	bool on;
	_Atomic(struct soft_vcpu *) holder; /* NULL: nobody has begun */
	/* The holder's: */
	uint64_t clock; /* the VM's time when it had retired `mark` instructions */
	uint64_t mark;
	int64_t left;	/* instructions of its turn */
	/* Everybody is idle, and the holder sleeps until somebody is not. */
	atomic_bool idling;
	int wake; /* eventfd */
};

int vmi_turns_init(struct soft_vm *vm);
void vmi_turns_fini(struct soft_vm *vm);
void vmi_turns_reset(struct soft_vm *vm);

/*
 * Wait for the vcpu's turn; false: a kick came first.  And the end of a run:
 * the turn stays with a vcpu that can go on.  Outside the gate.
 */
bool vmi_turn_take(struct soft_vcpu *v);
void vmi_turn_leave(struct soft_vcpu *v);
/* It goes: nobody waits for it any more. */
void vmi_turn_forget(struct soft_vcpu *v);

/* The turn is over: the next one's.  Returns with the turn, or kicked. */
void vmi_turn_pass(struct soft_vcpu *v);
/* Nothing to do until an event: time goes on without instructions. */
void vmi_turn_idle(struct soft_vcpu *v);

/* Instructions to the end of the turn or the next deadline, at most n. */
int64_t vmi_turn_slice(struct soft_vcpu *v, uint64_t n);
/* What was retired is time that has passed. */
void vmi_turn_account(struct soft_vcpu *v);
/* The same up to the instruction in progress, for whoever asks the time. */
void vmi_turn_look(struct vmi_cpu *c);
/* Whether the slice in progress ends after something is due. */
bool vmi_turn_is_late(const struct vmi_cpu *c);

/* A number that looks random, and comes again in the same place. */
uint64_t vmi_turn_random(struct vmi_cpu *c);

/* Somebody has an event: for vmi_event_raise().  Safe in signal handlers. */
void vmi_turn_wake(struct soft_vm *vm);

#endif
