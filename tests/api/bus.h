/* SPDX-License-Identifier: MIT */
/* VMs on an APIC bus, with the other end at hand. */
#ifndef TESTS_API_BUS_H
#define TESTS_API_BUS_H

#include <pthread.h>

#include "tests/api/api.h"

/* A VM with local APICs and a bus, served by a thread of its own. */
struct rig {
	struct machine m;
	struct vmapi_bus *bus;
	int fd; /* the other end; -1: closed */
};

/* False: this backend has none, and the case says so. */
bool rig_can(const struct machine *m);
/* Where it can: a VM at an end that becomes its own. */
void rig_open_on(struct rig *rig, const struct machine *m,
	const struct vmapi_bus_config *config);
/* Both, and the other end. */
bool rig_open(struct rig *rig, const struct machine *m, uint32_t timeout_ms);
/* Both, and the VM's socket is full of EOIs that nobody waits for. */
bool rig_open_filled(struct rig *rig, const struct machine *m);
/* Take those. */
void rig_drain(const struct rig *rig);
void rig_close(struct rig *rig);
/* A pair of sockets. */
void rig_pair(int fds[2]);

/* Write to a register of the local APIC's page. */
void rig_lapic_set(struct vmapi_vcpu *vcpu, unsigned offset, uint32_t value);
uint32_t rig_lapic_get(struct vmapi_vcpu *vcpu, unsigned offset);
/* Software-enable it. */
void rig_lapic_on(struct vmapi_vcpu *vcpu);
/* DS is the local APIC's page, ES the IOAPIC's. */
void rig_segments(struct vmapi_vcpu *vcpu);
/* What vector n leads to, in real mode. */
void rig_vector(struct machine *m, unsigned n, uint16_t ip);

/* -- By hand ------------------------------------------------------------ */

/* Wait for a message; false: none came in 10 s. */
bool rig_hear(const struct rig *rig, struct vmapi_bus_message *message);
/* Whether there is one, without waiting. */
bool rig_hears(const struct rig *rig);
void rig_say(const struct rig *rig, const struct vmapi_bus_message *message);
/* Answer with a status and a vector or data. */
void rig_answer(const struct rig *rig, const struct vmapi_bus_message *asked,
	uint64_t data);
/* Ask, and hear the answer. */
struct vmapi_bus_message rig_ask(
	const struct rig *rig, struct vmapi_bus_message message);

#endif
