/* SPDX-License-Identifier: MIT */
/* Accesses that another process answers: what run does with them. */
#ifndef VMI_CORE_REMOTE_H
#define VMI_CORE_REMOTE_H

#include "lib/core/region.h"
#include "lib/region/wire.h"

struct vmapi_channel {
	struct vmapi_vm *vm; /* referenced */
	struct vmapi_channel *next; /* vm->channels */
	atomic_uint refs;
	struct vmi_wire wire;
	uint32_t flags; /* VMAPI_CHANNEL_ */
	uint32_t timeout_ms;
	uint64_t order;
	char name[32];
};

void vmi_channel_get(struct vmapi_channel *channel);
void vmi_channel_put(struct vmapi_channel *channel);
/* Another one of its domain of order with writes under way, referenced. */
struct vmapi_channel *vmi_channel_behind(struct vmapi_channel *channel);
/*
 * Sleep until there may be news of a call that was asked: its stage then. The
 * other side is dead when its time is over.  *deadline is 0 at first.
 */
enum vmi_call_stage vmi_channel_wait(struct vmapi_channel *channel,
	struct vmi_call *call, uint64_t *deadline);

struct vmi_remote_region {
	struct vmapi_region base;
	struct vmapi_channel *channel; /* referenced */
	uint64_t user_data;
};

extern const struct vmi_region_kind vmi_remote_kind;

enum vmi_remote_verdict {
	VMI_REMOTE_NOT,	     /* the exit is nothing of ours */
	VMI_REMOTE_ANSWERED, /* let the guest go on */
	VMI_REMOTE_EXIT	     /* *exit is for the application */
};

/* The vcpu is taken and has this exit.  -ENOMEM, -EMFILE. */
int vmi_remote_take(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit,
	enum vmi_remote_verdict *verdict);
/* Whether an access is under way, and to go on with it, before any run. */
bool vmi_remote_waits(const struct vmapi_vcpu *vcpu);
enum vmi_remote_verdict vmi_remote_resume(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit);
enum vmi_remote_answer {
	VMI_REMOTE_FOR_BACKEND, /* it is the backend's to take */
	VMI_REMOTE_DONE,	/* a write: nobody's */
	VMI_REMOTE_AGAIN	/* the access is tried again */
};

/* The application's answer to an exit; no bytes for VMAPI_EXIT_REGION: again */
enum vmi_remote_answer vmi_remote_complete(
	struct vmapi_vcpu *vcpu, size_t bytes);
/* Give up what is under way. */
void vmi_remote_cancel(struct vmapi_vcpu *vcpu);
void vmi_remote_fini(struct vmapi_vcpu *vcpu);
/* Have all vcpus that wait look again. */
void vmi_remote_wake(struct vmapi_vm *vm);

#endif
