/* SPDX-License-Identifier: MIT */
/* VMs on an APIC bus, with the other end at hand. */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/api/bus.h"

#define LAPIC_BYTES 1024
#define SVR	    0xf0

void rig_pair(int fds[2])
{
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
}

bool rig_can(const struct machine *m)
{
	struct machine probe = *m;

	if (api_cap(&probe, VMAPI_CAP_IRQCHIPS) & 1 << VMAPI_IRQCHIP_SPLIT)
		return true;
	api_skip("no VMAPI_IRQCHIP_SPLIT");
	return false;
}

void rig_open_on(struct rig *rig, const struct machine *m,
	const struct vmapi_bus_config *b)
{
	const struct vmapi_vm_config c = { .size = sizeof(c),
		.flags = VMAPI_VM_SERVICE_THREAD,
		.irqchip = VMAPI_IRQCHIP_SPLIT };

	rig->m.backend = m->backend;
	api_machine(&rig->m, &c);
	EQUAL(vmapi_bus_create(rig->m.vm, b, &rig->bus), 0);
	close(b->fd);
}

bool rig_open(struct rig *rig, const struct machine *m, uint32_t timeout_ms)
{
	struct vmapi_bus_config b = { .size = sizeof(b),
		.timeout_ms = timeout_ms };
	int fds[2];

	if (!rig_can(m))
		return false;
	rig_pair(fds);
	b.fd = fds[0];
	rig->fd = fds[1];
	rig_open_on(rig, m, &b);
	return true;
}

bool rig_open_filled(struct rig *rig, const struct machine *m)
{
	struct vmapi_bus_message junk = { .type = VMAPI_BUS_EOI };
	struct vmapi_bus_config b = { .size = sizeof(b),
		.timeout_ms = 5000 };
	int fds[2], vms;

	if (!rig_can(m))
		return false;
	rig_pair(fds);
	vms = dup(fds[0]);
	b.fd = fds[0];
	rig->fd = fds[1];
	rig_open_on(rig, m, &b);
	while (send(vms, &junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
	EQUAL(errno, EAGAIN);
	close(vms);
	return true;
}

void rig_drain(const struct rig *rig)
{
	struct vmapi_bus_message junk;
	unsigned n = 0;

	while (recv(rig->fd, &junk, sizeof(junk), MSG_PEEK | MSG_DONTWAIT) > 0 &&
		junk.type == VMAPI_BUS_EOI) {
		CHECK(rig_hear(rig, &junk));
		n++;
	}
	CHECK(n > 1);
}

void rig_close(struct rig *rig)
{
	vmapi_bus_destroy(rig->bus);
	if (rig->fd >= 0)
		close(rig->fd);
	api_machine_free(&rig->m);
}

/* -- Guests ------------------------------------------------------------- */

static void lapic(struct vmapi_vcpu *vcpu, uint8_t *page, bool set)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_LAPIC,
		.data = page,
		.bytes = LAPIC_BYTES };

	EQUAL(set ? vmapi_regs_set(vcpu, &reg, 1, NULL, 0)
		  : vmapi_regs_get(vcpu, &reg, 1, NULL, 0), 0);
}

uint32_t rig_lapic_get(struct vmapi_vcpu *vcpu, unsigned offset)
{
	uint8_t page[LAPIC_BYTES];

	lapic(vcpu, page, false);
	return (uint32_t)page[offset] | (uint32_t)page[offset + 1] << 8 |
	       (uint32_t)page[offset + 2] << 16 |
	       (uint32_t)page[offset + 3] << 24;
}

void rig_lapic_set(struct vmapi_vcpu *vcpu, unsigned offset, uint32_t value)
{
	uint8_t page[LAPIC_BYTES];
	unsigned i;

	lapic(vcpu, page, false);
	for (i = 0; i < 4; i++)
		page[offset + i] = (uint8_t)(value >> 8 * i);
	lapic(vcpu, page, true);
}

void rig_lapic_on(struct vmapi_vcpu *vcpu)
{
	rig_lapic_set(vcpu, SVR, rig_lapic_get(vcpu, SVR) | 0x100);
}

void rig_segments(struct vmapi_vcpu *vcpu)
{
	struct vmapi_x86_segment apic = { .base = 0xfee00000,
		.limit = 0xffff,
		.attributes = 0x93 }, ioapic = apic;
	struct vmapi_reg regs[2] = {
		{ .tag = VMAPI_X86_DS, .data = &apic, .bytes = sizeof(apic) },
		{ .tag = VMAPI_X86_ES, .data = &ioapic,
			.bytes = sizeof(ioapic) },
	};

	ioapic.base = 0xfec00000;
	EQUAL(vmapi_regs_set(vcpu, regs, 2, NULL, 0), 0);
}

void rig_vector(struct machine *m, unsigned n, uint16_t ip)
{
	const uint8_t vector[4] = { (uint8_t)ip, (uint8_t)(ip >> 8) };

	EQUAL(vmapi_as_write(m->as, 4 * n, vector, sizeof(vector)), 0);
}

/* -- By hand ------------------------------------------------------------ */

bool rig_hear(const struct rig *rig, struct vmapi_bus_message *message)
{
	struct pollfd poll_fd = { .fd = rig->fd, .events = POLLIN };

	memset(message, 0, sizeof(*message));
	return poll(&poll_fd, 1, 10000) == 1 &&
	       recv(rig->fd, message, sizeof(*message), 0) ==
		       (ssize_t)sizeof(*message);
}

bool rig_hears(const struct rig *rig)
{
	struct pollfd poll_fd = { .fd = rig->fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

void rig_say(const struct rig *rig, const struct vmapi_bus_message *message)
{
	EQUAL(send(rig->fd, message, sizeof(*message), MSG_NOSIGNAL),
		sizeof(*message));
}

void rig_answer(const struct rig *rig, const struct vmapi_bus_message *asked,
	uint64_t data)
{
	struct vmapi_bus_message m = { .type = asked->type | VMAPI_BUS_REPLY,
		.vector = (uint8_t)data,
		.seq = asked->seq,
		.data = data };

	rig_say(rig, &m);
}

struct vmapi_bus_message rig_ask(
	const struct rig *rig, struct vmapi_bus_message message)
{
	static uint64_t seq = 1000;
	struct vmapi_bus_message reply;

	message.seq = ++seq;
	rig_say(rig, &message);
	CHECK(rig_hear(rig, &reply));
	EQUAL(reply.type, message.type | VMAPI_BUS_REPLY);
	EQUAL((int64_t)reply.seq, (int64_t)message.seq);
	return reply;
}
