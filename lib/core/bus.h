/* SPDX-License-Identifier: MIT */
/* A VM's end of its APIC bus: what run does with it. */
#ifndef VMI_CORE_BUS_H
#define VMI_CORE_BUS_H

#include "lib/core/core.h"
#include "lib/region/bus.h"

#define VMI_BUS_WINDOWS 4

struct vmapi_bus {
	struct vmapi_vm *vm; /* referenced until it is destroyed */
	/* The application's; who is busy with it, and so has the VM, too. */
	atomic_uint refs;
	atomic_bool gone;    /* destroyed: who waits is to give up */
	pthread_mutex_t watching; /* around the next, and what comes of it */
	bool watched;		  /* by the chipset's descriptor */
	uint32_t timeout_ms;
	struct vmi_bus_end end;
	struct vmi_region windows[VMI_BUS_WINDOWS];
	unsigned n_windows;
};

/* Bits of vmapi_vcpu.extint: why it is to fetch a vector at the PIC. */
#define VMI_EXTINT_LINE	   (1u << 0) /* LINT0 is high */
#define VMI_EXTINT_MESSAGE (1u << 1) /* an ExtINT message came */

/* -- lib/core/bus.c ----------------------------------------------------- */

/* The VM's bus, referenced, or NULL. */
struct vmapi_bus *vmi_bus_get(struct vmapi_vm *vm);
void vmi_bus_put(struct vmapi_bus *bus);
/* Move it on; the stage of `call`, which may be NULL. */
enum vmi_bus_stage vmi_bus_move(
	struct vmapi_bus *bus, const struct vmi_bus_call *call);
void vmi_bus_service(struct vmapi_vm *vm);
/* The VM's vcpus and chips have been reset. */
void vmi_bus_reset(struct vmapi_vm *vm);

/* -- lib/core/bus_vcpu.c: what a vcpu waits for --------------------------- */

enum vmi_bus_verdict {
	VMI_BUS_NOT,	  /* the exit is nothing of ours */
	VMI_BUS_ANSWERED, /* let the guest go on */
	VMI_BUS_EXIT	  /* *exit is for the application */
};

/* The vcpu is taken and has this exit.  -ENOMEM, -EMFILE. */
int vmi_bus_take(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit,
	enum vmi_bus_verdict *verdict);
/* Whether it waits, and to go on with that before any run. */
bool vmi_bus_waits(const struct vmapi_vcpu *vcpu);
enum vmi_bus_verdict vmi_bus_resume(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit);
/* Give up what is under way. */
void vmi_bus_forget(struct vmapi_vcpu *vcpu);
void vmi_bus_vcpu_fini(struct vmapi_vcpu *vcpu);

#endif
