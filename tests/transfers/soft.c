/* SPDX-License-Identifier: MIT */
/* Cases on the software processor. */
#include <stdio.h>
#include <string.h>

#include <vmapi/vmapi.h>

#include "lib/arch/x86_state.h"
#include "lib/soft/state.h"
#include "tests/soft/machine.h"
#include "tests/transfers/transfers.h"

static struct {
	struct soft_machine m;
	struct vmi_x86_system system; /* as it was found */
} soft;

static void must(int err, const char *what)
{
	soft_machine_must(&soft.m, err, what);
}

int soft_open(void)
{
	if (soft_machine_open(&soft.m, RAM))
		return -1;
	soft_machine_get(&soft.m, VMI_BLOCK_SYSTEM, &soft.system,
		sizeof(soft.system));
	return 0;
}

void soft_close(void)
{
	soft_machine_close(&soft.m);
}

/* -- A case --------------------------------------------------------------- */

static void load_events(const struct event *e)
{
	struct vmapi_x86_events v = { .exception_injected = 0 };

	if (e->kind == K_EXCEPTION) {
		v.exception_injected = 1;
		v.exception_vector = e->vector;
		v.exception_has_code = e->has_code;
		v.exception_code = e->code;
	} else if (e->kind == K_INTERRUPT) {
		v.interrupt_injected = 1;
		v.interrupt_vector = e->vector;
	} else if (e->kind == K_NMI) {
		v.nmi_injected = 1;
	}
	soft_machine_set(&soft.m, VMI_BLOCK_EVENTS, &v, sizeof(v));
}

static void load(const struct registers *in, const struct event *e)
{
	struct vmi_x86_gprs g = { .rip = in->rip, .rflags = in->rflags };
	struct vmi_x86_debug d = { .dr = { 0, 0, 0, 0, 0, 0, in->dr6,
		in->dr7 } };
	struct vmi_x86_system s = soft.system;
	unsigned i;

	memcpy(g.r, in->r, sizeof(g.r));
	for (i = 0; i < R_SEGMENTS; i++)
		s.segments[i] = (struct vmapi_x86_segment){
			.base = in->s[i].base, .limit = in->s[i].limit,
			.attributes = in->s[i].attributes,
			.selector = in->s[i].selector };
	/* A null SS still has the DPL that is the CPL: SDM 3C 24.4.1. */
	s.segments[R_SS].attributes |= in->cpl << 5;
	s.cr0 = in->cr0;
	s.cr2 = in->cr2;
	s.cr3 = in->cr3;
	s.cr4 = in->cr4;
	s.efer = in->efer;
	load_events(e);
	soft_machine_set(&soft.m, VMI_BLOCK_GPRS, &g, sizeof(g));
	soft_machine_set(&soft.m, VMI_BLOCK_SYSTEM, &s, sizeof(s));
	soft_machine_set(&soft.m, VMI_BLOCK_DEBUG, &d, sizeof(d));
}

static void store(struct registers *out)
{
	struct vmi_x86_gprs g;
	struct vmi_x86_debug d;
	struct vmi_x86_system s;
	unsigned i;

	soft_machine_get(&soft.m, VMI_BLOCK_GPRS, &g, sizeof(g));
	soft_machine_get(&soft.m, VMI_BLOCK_SYSTEM, &s, sizeof(s));
	soft_machine_get(&soft.m, VMI_BLOCK_DEBUG, &d, sizeof(d));
	memcpy(out->r, g.r, sizeof(g.r));
	out->rip = g.rip;
	out->rflags = g.rflags;
	for (i = 0; i < R_SEGMENTS; i++)
		out->s[i] = (struct segment){ .base = s.segments[i].base,
			.limit = s.segments[i].limit,
			.attributes = s.segments[i].attributes,
			.selector = s.segments[i].selector };
	out->cr0 = s.cr0;
	out->cr2 = s.cr2;
	out->cr3 = s.cr3;
	out->cr4 = s.cr4;
	out->efer = s.efer;
	out->dr6 = d.dr[6];
	out->dr7 = d.dr[7];
}

/* What is read outside RAM before a fault is in no state. */
static void answer(struct vmapi_exit *exit)
{
	static const uint8_t ones[64] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff };

	if (exit->flags & VMAPI_EXIT_ANSWER)
		must(vmapi_vcpu_complete(soft.m.vcpu, ones,
			exit->u.mmio.length), "answering");
	must(vmapi_vcpu_run_limit(soft.m.vcpu, 1, exit), "running");
}

bool soft_run(struct machine *m)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	soft.m.failed = false;
	memcpy(soft.m.mem, m->mem, RAM);
	must(vmapi_ram_written(soft.m.ram, 0, RAM), "written");
	load(&m->now, &m->event);
	must(vmapi_vcpu_run_limit(soft.m.vcpu, 1, &exit), "running");
	while (exit.reason == VMAPI_EXIT_MMIO)
		answer(&exit);
	store(&m->now);
	memcpy(m->mem, soft.m.mem, RAM);
	m->now.shutdown = exit.reason == VMAPI_EXIT_SHUTDOWN;
	if (exit.reason != VMAPI_EXIT_LIMIT && !m->now.shutdown) {
		printf("left by %s\n", vmapi_exit_name(exit.reason));
		return false;
	}
	if (m->now.shutdown)
		must(vmapi_vcpu_reset(soft.m.vcpu), "resetting");
	return !soft.m.failed;
}
