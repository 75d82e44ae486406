/* SPDX-License-Identifier: MIT */
/* What ends a run of a software processor, told to the application. */
#include "lib/soft/exit.h"

#include "lib/soft/device.h"
#include "lib/soft/engine.h"
#include "lib/soft/run.h"

static void exit_port(struct soft_vcpu *v, const struct vmi_io_entry *e,
	struct vmapi_exit *x)
{
	x->reason = VMAPI_EXIT_IO;
	x->u.io.port = e->address;
	x->u.io.width = e->bytes;
	x->u.io.count = 1;
	x->u.io.is_write = e->is_write;
	x->u.io.data = v->io_data;
}

static void exit_mmio(struct soft_vcpu *v, const struct vmi_io_entry *e,
	struct vmapi_exit *x)
{
	x->reason = VMAPI_EXIT_MMIO;
	x->u.mmio.gpa = e->address;
	x->u.mmio.length = e->bytes;
	x->u.mmio.is_write = e->is_write;
	memcpy(x->u.mmio.data, v->io_data, 8);
}

static void exit_msr(const struct vmi_io_entry *e, struct vmapi_exit *x)
{
	x->reason = VMAPI_EXIT_MSR;
	x->u.msr.index = e->address;
	x->u.msr.value = e->value;
	x->u.msr.is_write = e->is_write;
	x->u.msr.why = e->why;
}

/* The instruction has changed nothing, so the registers are the arguments. */
static void exit_call(const struct vmi_cpu *c, struct vmapi_exit *x)
{
	static const uint8_t args[] = { VMI_RBX, VMI_RCX, VMI_RDX, VMI_RSI };
	uint64_t mask = c->mode == 64 ? UINT64_MAX : UINT32_MAX;
	struct vmapi_exit_hypercall *call = &x->u.hypercall;
	size_t i;

	x->reason = VMAPI_EXIT_HYPERCALL;
	call->number = c->r[VMI_RAX] & mask;
	for (i = 0; i < vmi_array_len(args); i++)
		call->args[i] = c->r[args[i]] & mask;
	call->n_args = vmi_array_len(args);
	call->n_results = 1;
	call->privilege = c->cpl;
	call->mode = c->mode;
}

void vmi_exit_io(struct soft_vcpu *v, struct vmapi_exit *x)
{
	const struct vmi_io_entry *e = &v->cpu.io.entry[v->cpu.io.n];
	bool asks = e->space >= VMI_ASK_MSR || !e->is_write;
	unsigned i;

	for (i = 0; i < 8; i++)
		v->io_data[i] = e->is_write ? (uint8_t)(e->value >> (8 * i)) :
			0;
	switch (e->space) {
	case VMI_SPACE_PORT: exit_port(v, e, x); break;
	case VMI_ASK_MSR: exit_msr(e, x); break;
	case VMI_ASK_CALL: exit_call(&v->cpu, x); break;
	default: exit_mmio(v, e, x); break;
	}
	x->flags = asks ? VMAPI_EXIT_ANSWER : 0;
	v->vcpu.unanswered = asks;
	v->vcpu.unsettled = !asks;
	v->vcpu.answer_bytes = asks ? e->bytes : 0;
	v->vcpu.answer_is_optional = e->space == VMI_ASK_MSR;
}

int vmi_soft_complete(struct vmapi_vcpu *vcpu, const void *data, size_t bytes)
{
	struct vmi_io *io = &vmi_soft_vcpu(vcpu)->cpu.io;
	struct vmi_io_entry *e = &io->entry[io->n];
	const uint8_t *p = data;
	size_t i;

	e->refused = !bytes;
	e->value = 0;
	if (e->space >= VMI_ASK_MSR && bytes) {
		memcpy(&e->value, data, sizeof(e->value)); /* a number */
		return 0;
	}
	for (i = 0; i < bytes; i++)
		e->value |= (uint64_t)p[i] << (8 * i);
	return 0;
}

void vmi_exit_answered(struct vmi_cpu *c)
{
	if (!c->io.waiting)
		return;
	c->io.waiting = false;
	c->io.replay = true;
	c->io.cursor = 0;
	c->io.n++;
}

void vmi_exit_no_code(struct vmi_cpu *c, struct vmapi_exit *x)
{
	vmi_soft_log(c, "instruction fetch at rip %#llx is not from RAM",
		(unsigned long long)c->rip);
	x->reason = VMAPI_EXIT_INTERNAL;
	x->u.internal.suberror = 1;
}

bool vmi_exit_asked(struct vmi_cpu *c, unsigned events, struct vmapi_exit *x)
{
	unsigned what = events & (VMI_EVENT_STOP | VMI_EVENT_KICK);

	if (!what)
		return false;
	if (what & VMI_EVENT_STOP)
		what = VMI_EVENT_STOP; /* the kick is the next run's */
	vmi_event_clear(c, what);
	vmi_cpu_vcpu(c)->vcpu.has_news = what == VMI_EVENT_STOP;
	x->reason = what == VMI_EVENT_STOP ? VMAPI_EXIT_SETTLED :
					      VMAPI_EXIT_KICK;
	return true;
}
