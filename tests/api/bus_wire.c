/* SPDX-License-Identifier: MIT */
/* The APIC bus from its other end, by hand: messages, waits, death. */
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/api/bus.h"
#include "tests/api/peer.h"

#define IRR 0x200
#define TPR 0x80
#define LDR 0xd0

/* mov eax,[es:0x10]; out 0x99,al; hlt */
static const uint8_t read_code[] = { 0x26, 0x66, 0xa1, 0x10, 0x00, 0xe6, 0x99,
	0xf4 };

static void run_to_port(struct rig *rig, unsigned port)
{
	struct vmapi_exit exit;

	EQUAL(api_run(&rig->m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, port);
}

static void load(struct rig *rig, const void *code, size_t bytes)
{
	api_load(&rig->m, code, bytes);
	rig_segments(rig->m.vcpu);
}

/* -- Refusals ----------------------------------------------------------- */

static void refused_vms(struct machine *m, struct vmapi_bus_config *c)
{
	struct vmapi_vm_config v = { .size = sizeof(v),
		.flags = VMAPI_VM_DETERMINISTIC,
		.irqchip = VMAPI_IRQCHIP_SPLIT };
	struct vmapi_bus *bus;
	struct vmapi_vm *vm;

	EQUAL(vmapi_bus_create(m->vm, c, &bus), -ENXIO);
	if (!api_cap(m, VMAPI_CAP_DETERMINISTIC))
		return;
	EQUAL(vmapi_vm_create(m->ctx, &v, &vm), 0);
	EQUAL(vmapi_bus_create(vm, c, &bus), -ENOTSUP);
	vmapi_vm_destroy(vm);
}

static void refused_chips(struct vmapi_bus_chips_config *c)
{
	struct vmapi_bus_chips *chips;
	uint8_t state[VMAPI_BUS_STATE_MAX];
	uint32_t value;
	size_t n = 0;

	EQUAL(vmapi_bus_chips_create(NULL, &chips), -EINVAL);
	EQUAL(vmapi_bus_chips_create(c, NULL), -EINVAL);
	c->flags = 1;
	EQUAL(vmapi_bus_chips_create(c, &chips), -EINVAL);
	c->flags = 0;
	EQUAL(vmapi_bus_chips_create(c, &chips), 0);
	EQUAL(vmapi_bus_chips_set_line(NULL, 4, 1, NULL), -EINVAL);
	EQUAL(vmapi_bus_chips_set_line(chips, 24, 1, NULL), -ERANGE);
	EQUAL(vmapi_bus_chips_set_line(chips, 4, 2, NULL), -EINVAL);
	EQUAL(vmapi_bus_chips_remote_read(chips, 0, 2, NULL), -EINVAL);
	EQUAL(vmapi_bus_chips_remote_read(chips, 0, 256, &value), -ENOENT);
	EQUAL(vmapi_bus_chips_serve(NULL), -EINVAL);
	EQUAL(vmapi_bus_chips_save(chips, NULL, 9, &n), -EINVAL);
	EQUAL(vmapi_bus_chips_save(chips, state, 9, &n), -ENOSPC);
	EQUAL(vmapi_bus_chips_save(chips, state, sizeof(state), &n), 0);
	EQUAL(vmapi_bus_chips_restore(chips, state, n - 1), -EINVAL);
	EQUAL(vmapi_bus_chips_restore(chips, NULL, n), -EINVAL);
	state[0] ^= 1;
	EQUAL(vmapi_bus_chips_restore(chips, state, n), -EINVAL);
	vmapi_bus_chips_destroy(chips);
	vmapi_bus_chips_destroy(NULL);
}

static void refusals(struct machine *m)
{
	struct vmapi_bus_config c = { .size = sizeof(c) };
	struct vmapi_bus_chips_config k = { .size = sizeof(k) };
	struct vmapi_bus *bus;
	struct rig rig;
	int fds[2], stream[2];

	rig_pair(fds);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
	c.fd = fds[0];
	refused_vms(m, &c);
	k.fd = stream[0];
	EQUAL(vmapi_bus_chips_create(&k, NULL), -EINVAL);
	k.fd = fds[1];
	refused_chips(&k);
	EQUAL(vmapi_bus_create(NULL, &c, &bus), -EINVAL);
	EQUAL(vmapi_bus_connect(NULL, fds[0]), -EINVAL);
	vmapi_bus_destroy(NULL);
	if (rig_open(&rig, m, 0)) {
		EQUAL(vmapi_bus_create(rig.m.vm, &c, &bus), -EEXIST);
		EQUAL(vmapi_bus_create(rig.m.vm, NULL, &bus), -EINVAL);
		EQUAL(vmapi_bus_create(rig.m.vm, &c, NULL), -EINVAL);
		c.flags = 1;
		EQUAL(vmapi_bus_create(rig.m.vm, &c, &bus), -EINVAL);
		c.flags = 0;
		c.fd = -1;
		EQUAL(vmapi_bus_create(rig.m.vm, &c, &bus), -EBADF);
		c.fd = stream[0];
		EQUAL(vmapi_bus_create(rig.m.vm, &c, &bus), -EINVAL);
		EQUAL(vmapi_bus_connect(rig.bus, stream[0]), -EINVAL);
		rig_close(&rig);
	}
	close(fds[0]);
	close(fds[1]);
	close(stream[0]);
	close(stream[1]);
}

static void *serve_chips(void *opaque)
{
	EQUAL(vmapi_bus_chips_serve(opaque), 0);
	return NULL;
}

/* What the chips do not have, though it ends where they are or before. */
static void refused_accesses(struct machine *m)
{
	static const struct {
		uint8_t flags, status;
		uint32_t dest, bytes;
	} accesses[] = {
		{ 0, VMAPI_BUS_OK, 0xfec00000, 4 },
		{ 0, VMAPI_BUS_OK, 0xfec00ff8, 8 },
		{ 0, VMAPI_BUS_REFUSED, 0xfec00ffc, 8 },
		{ 0, VMAPI_BUS_REFUSED, 0xfec00000, 3 },
		{ 0, VMAPI_BUS_REFUSED, 0xfffffff8, 8 },
		{ 0, VMAPI_BUS_REFUSED, 0xfffffffe, 4 },
		{ VMAPI_BUS_PORT, VMAPI_BUS_OK, 0x20, 2 },
		{ VMAPI_BUS_PORT, VMAPI_BUS_REFUSED, 0x21, 2 },
		{ VMAPI_BUS_PORT, VMAPI_BUS_REFUSED, 0xffffffff, 2 },
		{ VMAPI_BUS_PORT, VMAPI_BUS_REFUSED, 0xfffffffc, 4 },
	};
	struct vmapi_bus_chips_config c = { .size = sizeof(c) };
	struct vmapi_bus_chips *chips;
	struct rig rig = { .m = *m };
	pthread_t thread;
	int fds[2];
	size_t i;

	rig_pair(fds);
	c.fd = fds[1];
	EQUAL(vmapi_bus_chips_create(&c, &chips), 0);
	close(fds[1]);
	rig.fd = fds[0];
	CHECK(!pthread_create(&thread, NULL, serve_chips, chips));
	for (i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++)
		EQUAL(rig_ask(&rig, (struct vmapi_bus_message){
			.type = VMAPI_BUS_READ,
			.flags = accesses[i].flags,
			.dest = accesses[i].dest,
			.bytes = accesses[i].bytes }).delivery,
			accesses[i].status);
	close(rig.fd);
	pthread_join(thread, NULL);
	vmapi_bus_chips_destroy(chips);
}

/* -- The wire ----------------------------------------------------------- */

/* A number in the host's order, byte by byte. */
static uint64_t number(const uint8_t *bytes, unsigned n)
{
	const uint16_t one = 1;
	bool little = *(const uint8_t *)&one;
	uint64_t v = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		v |= (uint64_t)bytes[little ? i : n - 1 - i] << 8 * i;
	return v;
}

static void bytes_on_the_wire(struct machine *m)
{
	uint8_t in[64], out[32] = { 0 };
	struct peer_run run;
	struct rig rig;

	if (!rig_open(&rig, m, 0))
		return;
	load(&rig, read_code, sizeof(read_code));
	peer_run_start(&run, &rig.m);
	EQUAL(recv(rig.fd, in, sizeof(in), 0), 32);
	EQUAL(in[0], 3); /* a read */
	EQUAL(in[1], 0);
	EQUAL(in[2], 0); /* of memory */
	EQUAL(in[3], 0);
	EQUAL((int64_t)number(in + 4, 4), 0xfec00010);
	EQUAL((int64_t)number(in + 8, 4), 0); /* vcpu */
	EQUAL((int64_t)number(in + 12, 4), 4);
	EQUAL((int64_t)number(in + 24, 8), 0);
	out[0] = 0x83;
	memcpy(out + 16, in + 16, 8);
	memset(out + 24, 0x5a, 8);
	EQUAL(send(rig.fd, out, 32, 0), 32);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_IO);
	EQUAL((int64_t)run.exit.u.io.port, 0x99);
	EQUAL((int64_t)api_get(rig.m.vcpu, VMAPI_X86_RAX), 0x5a5a5a5a);
	EQUAL(vmapi_vm_reset(rig.m.vm), 0);
	EQUAL(recv(rig.fd, in, sizeof(in), 0), 32);
	EQUAL(in[0], 5);
	rig_close(&rig);
}

/* out 0x21,ax by bytes is one message; so is each element of INSB. */
static void accesses(struct machine *m)
{
	/*
	 * mov ax,0x1234; out 0x20,ax; mov dx,0x4d0; mov di,0x2000;
	 * mov cx,2; push ds; pop es (ds 0); rep insb; out 0x99,al
	 */
	static const uint8_t code[] = { 0xb8, 0x34, 0x12, 0xe7, 0x20, 0xba,
		0xd0, 0x04, 0xbf, 0x00, 0x20, 0xb9, 0x02, 0x00, 0xf3, 0x6c,
		0xe6, 0x99 };
	struct vmapi_bus_message q;
	struct peer_run run;
	struct rig rig;
	uint8_t two[2];
	unsigned i;

	if (!rig_open(&rig, m, 0))
		return;
	api_load(&rig.m, code, sizeof(code));
	peer_run_start(&run, &rig.m);
	CHECK(rig_hear(&rig, &q));
	EQUAL(q.type, VMAPI_BUS_WRITE);
	EQUAL(q.flags, VMAPI_BUS_PORT);
	EQUAL(q.dest, 0x20);
	EQUAL(q.bytes, 2);
	EQUAL((int64_t)q.data, 0x1234);
	rig_answer(&rig, &q, 0);
	for (i = 0; i < 2; i++) {
		CHECK(rig_hear(&rig, &q));
		EQUAL(q.type, VMAPI_BUS_READ);
		EQUAL(q.dest, 0x4d0);
		EQUAL(q.bytes, 1);
		rig_answer(&rig, &q, 0x71 + i);
	}
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_IO);
	EQUAL(vmapi_as_read(rig.m.as, 0x2000, two, 2), 0);
	EQUAL(two[0], 0x71);
	EQUAL(two[1], 0x72);
	rig_close(&rig);
}

/* -- What the chips ask ------------------------------------------------- */

static int ask_status(const struct rig *rig, struct vmapi_bus_message q,
	uint32_t *cpus)
{
	struct vmapi_bus_message reply = rig_ask(rig, q);

	*cpus = reply.dest;
	return reply.delivery;
}

/* Nobody, one, and the one that it merged with, which KVM does not tell. */
static void three_states(struct machine *m)
{
	struct vmapi_bus_message q = { .type = VMAPI_BUS_INTR,
		.flags = VMAPI_BUS_ASSERT,
		.vector = 0x41 };
	struct rig rig;
	uint32_t cpus;

	if (!rig_open(&rig, m, 0))
		return;
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_RETRY); /* it is off */
	rig_lapic_on(rig.m.vcpu);
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_OK);
	EQUAL(cpus, 1);
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_OK);
	EQUAL(cpus, strcmp(m->backend, "soft") ? 1 : 0);
	EQUAL(rig_lapic_get(rig.m.vcpu, IRR + 0x20), 1u << 1);
	q.dest = 7; /* there is none */
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_RETRY);
	q.dest = 0x100;
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_REFUSED);
	q.dest = 0;
	q.source = 24; /* no pin */
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_REFUSED);
	q.source = 0;
	q.delivery = 8;
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_REFUSED);
	rig_close(&rig);
}

/* A level de-assert of INIT is no INIT. */
static void deassert(struct machine *m)
{
	struct vmapi_bus_message q = { .type = VMAPI_BUS_INTR,
		.delivery = 5,
		.flags = VMAPI_BUS_LEVEL };
	struct rig rig;
	uint32_t cpus;

	if (!rig_open(&rig, m, 0))
		return;
	load(&rig, read_code, sizeof(read_code));
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_OK);
	EQUAL((int64_t)api_get(rig.m.vcpu, VMAPI_X86_RIP), API_CODE);
	rig_close(&rig);
}

/* Two processors of one logical destination: the less busy one has it. */
static void lowest(struct machine *m)
{
	struct vmapi_bus_message q = { .type = VMAPI_BUS_LOWEST,
		.delivery = 1,
		.flags = VMAPI_BUS_ASSERT | VMAPI_BUS_LOGICAL,
		.vector = 0x51,
		.dest = 3 };
	const struct vmapi_vcpu_config c = { .size = sizeof(c), .id = 1 };
	struct vmapi_vcpu *other;
	struct rig rig;
	uint32_t cpus;

	if (!rig_open(&rig, m, 0))
		return;
	EQUAL(vmapi_vcpu_create(rig.m.vm, &c, &other), 0);
	rig_lapic_on(rig.m.vcpu);
	rig_lapic_on(other);
	rig_lapic_set(rig.m.vcpu, LDR, 1u << 24);
	rig_lapic_set(other, LDR, 2u << 24);
	rig_lapic_set(rig.m.vcpu, TPR, 0x70);
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_OK);
	EQUAL(cpus, 1);
	EQUAL(rig_lapic_get(other, IRR + 0x20), 1u << 17);
	EQUAL(rig_lapic_get(rig.m.vcpu, IRR + 0x20), 0);
	q.dest = 8;
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_RETRY);
	vmapi_vcpu_destroy(other);
	rig_close(&rig);
}

static void remote_read(struct machine *m)
{
	struct vmapi_bus_message q = { .type = VMAPI_BUS_REMOTE_READ,
		.vector = 0x0f }, reply;
	struct rig rig;

	if (!rig_open(&rig, m, 0))
		return;
	rig_lapic_set(rig.m.vcpu, 0xf0, 0x1a5);
	reply = rig_ask(&rig, q);
	if (strcmp(m->backend, "soft")) {
		EQUAL(reply.delivery, VMAPI_BUS_REFUSED);
	} else {
		EQUAL(reply.delivery, VMAPI_BUS_OK);
		EQUAL((int64_t)reply.data, 0x1a5);
	}
	q.vector = 0x40;
	EQUAL(rig_ask(&rig, q).delivery, VMAPI_BUS_REFUSED);
	q.vector = 0x0f;
	q.dest = 9;
	EQUAL(rig_ask(&rig, q).delivery, VMAPI_BUS_REFUSED);
	rig_close(&rig);
}

/* LINT1 is an NMI; LINT0 has a vector fetched, if it is still high then. */
static void lint(struct machine *m)
{
	/* sti; out 0x42,al; jmp $ */
	static const uint8_t code[] = { 0xfb, 0xe6, 0x42, 0xeb, 0xfe };
	static const uint8_t nmi[] = { 0xe6, 0x43, 0xcf };
	static const uint8_t irq[] = { 0xe6, 0x44, 0xcf };
	struct vmapi_bus_message q = { .type = VMAPI_BUS_LINT,
		.flags = VMAPI_BUS_ASSERT,
		.vector = 1 }, inta;
	struct peer_run run;
	struct rig rig;
	uint32_t cpus;

	if (!rig_open(&rig, m, 0))
		return;
	rig_lapic_set(rig.m.vcpu, 0x360, 0x400); /* LVT LINT1: NMI */
	rig_lapic_on(rig.m.vcpu);
	rig_lapic_set(rig.m.vcpu, 0x360, 0x400);
	rig_lapic_set(rig.m.vcpu, 0x350, 0x700); /* LINT0: ExtINT */
	load(&rig, code, sizeof(code));
	rig_vector(&rig.m, 2, 0x1800);
	rig_vector(&rig.m, 0x26, 0x1900);
	EQUAL(vmapi_as_write(rig.m.as, 0x1800, nmi, sizeof(nmi)), 0);
	EQUAL(vmapi_as_write(rig.m.as, 0x1900, irq, sizeof(irq)), 0);
	run_to_port(&rig, 0x42);
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_OK);
	run_to_port(&rig, 0x43);
	q.vector = 0;
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_OK);
	peer_run_start(&run, &rig.m);
	CHECK(rig_hear(&rig, &inta));
	EQUAL(inta.type, VMAPI_BUS_INTA);
	q.flags = 0; /* INTR drops as the vector is given */
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_OK);
	rig_answer(&rig, &inta, 0x26);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_IO);
	EQUAL((int64_t)run.exit.u.io.port, 0x44);
	CHECK(!rig_hears(&rig));
	q.vector = 2;
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_REFUSED);
	q.vector = 0;
	q.dest = 3;
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_REFUSED);
	rig_close(&rig);
}

/* Go on until port 0x44; what it says in between is nothing. */
struct to_end {
	struct machine *m;
	pthread_t thread;
	atomic_bool ended;
};

static void *run_to_end(void *opaque)
{
	struct to_end *t = opaque;
	struct vmapi_exit exit;

	do
		EQUAL(api_run(t->m, &exit), VMAPI_EXIT_IO);
	while (exit.reason == VMAPI_EXIT_IO && exit.u.io.port != 0x44);
	atomic_store(&t->ended, true);
	return NULL;
}

/* An EOI is told, and the guest goes on when the chips have heard of it. */
static void eoi(struct machine *m)
{
	/* sti; out 0x42,al; jmp $ */
	static const uint8_t code[] = { 0xfb, 0xe6, 0x42, 0xeb, 0xfe };
	/* mov dword [0xb0],0; out 0x46,al; out 0x44,al */
	static const uint8_t handler[] = { 0x66, 0xc7, 0x06, 0xb0, 0, 0, 0, 0,
		0, 0xe6, 0x46, 0xe6, 0x44 };
	struct vmapi_bus_message q = { .type = VMAPI_BUS_INTR,
		.flags = VMAPI_BUS_ASSERT | VMAPI_BUS_LEVEL,
		.vector = 0x41,
		.source = 9 }, end;
	struct to_end to_end = { .ended = false };
	struct rig rig;
	uint32_t cpus;

	if (!rig_open(&rig, m, 0))
		return;
	rig_lapic_on(rig.m.vcpu);
	load(&rig, code, sizeof(code));
	rig_vector(&rig.m, 0x41, 0x1800);
	EQUAL(vmapi_as_write(rig.m.as, 0x1800, handler, sizeof(handler)), 0);
	run_to_port(&rig, 0x42);
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_OK);
	EQUAL(cpus, 1);
	to_end.m = &rig.m;
	CHECK(!pthread_create(&to_end.thread, NULL, run_to_end, &to_end));
	CHECK(rig_hear(&rig, &end));
	EQUAL(end.type, VMAPI_BUS_EOI);
	EQUAL(end.vector, 0x41);
	usleep(20000);
	CHECK(!atomic_load(&to_end.ended));
	/* Still asserted: it comes again before the answer. */
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_OK);
	EQUAL(cpus, 1);
	CHECK(!atomic_load(&to_end.ended));
	rig_answer(&rig, &end, 0);
	pthread_join(to_end.thread, NULL);
	CHECK(!rig_hears(&rig));
	rig_close(&rig);
}

/* -- Waits and ends ----------------------------------------------------- */

/* Kicked away and back: it was asked once. */
static void kicked(struct machine *m)
{
	struct vmapi_reg rax = { .tag = VMAPI_X86_RAX };
	struct vmapi_bus_message q;
	struct vmapi_exit exit;
	struct peer_run run;
	struct rig rig;

	if (!rig_open(&rig, m, 0))
		return;
	load(&rig, read_code, sizeof(read_code));
	peer_run_start(&run, &rig.m);
	CHECK(rig_hear(&rig, &q));
	EQUAL(vmapi_vcpu_kick(rig.m.vcpu), 0);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_KICK);
	EQUAL(vmapi_regs_get(rig.m.vcpu, &rax, 1, NULL, 0), -EBUSY);
	EQUAL(vmapi_vcpu_complete(rig.m.vcpu, "abcd", 4), -EALREADY);
	EQUAL(vmapi_vcpu_kick(rig.m.vcpu), 0);
	EQUAL(api_run(&rig.m, &exit), VMAPI_EXIT_KICK);
	CHECK(!rig_hears(&rig));
	rig_answer(&rig, &q, 0x77);
	run_to_port(&rig, 0x99);
	EQUAL((int64_t)api_get(rig.m.vcpu, VMAPI_X86_RAX), 0x77);
	rig_close(&rig);
}

static void bus_exit(struct rig *rig, int error)
{
	struct vmapi_exit exit;

	EQUAL(api_run(&rig->m, &exit), VMAPI_EXIT_BUS);
	EQUAL(exit.u.bus.error, error);
	EQUAL(exit.u.bus.type, VMAPI_BUS_READ);
	EQUAL((int64_t)exit.u.bus.address, 0xfec00010);
	EQUAL(exit.flags & VMAPI_EXIT_ANSWER, 0);
	EQUAL(vmapi_vcpu_complete(rig->m.vcpu, "abcd", 4), -EALREADY);
}

/* It goes on with chips that are there. */
static void reconnect(struct rig *rig)
{
	struct vmapi_bus_message q;
	struct peer_run run;
	int fds[2];

	rig_pair(fds);
	EQUAL(vmapi_bus_connect(rig->bus, fds[0]), 0);
	close(fds[0]);
	if (rig->fd >= 0)
		close(rig->fd);
	rig->fd = fds[1];
	peer_run_start(&run, &rig->m);
	CHECK(rig_hear(rig, &q));
	EQUAL(q.type, VMAPI_BUS_READ);
	rig_answer(rig, &q, 0x33);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_IO);
	EQUAL((int64_t)api_get(rig->m.vcpu, VMAPI_X86_RAX), 0x33);
}

static void too_slow(struct machine *m)
{
	struct rig rig;

	if (!rig_open(&rig, m, 300)) /* the one that answers may be late, too */
		return;
	load(&rig, read_code, sizeof(read_code));
	bus_exit(&rig, -ETIMEDOUT);
	bus_exit(&rig, -ETIMEDOUT);
	reconnect(&rig);
	rig_close(&rig);
}

/* What is no message: each alone ends the bus, and nothing else. */
static void garbage(struct machine *m)
{
	static const struct {
		size_t bytes;
		uint8_t head[2];
	} packets[] = {
		{ 31, { VMAPI_BUS_INTR, 0 } },
		{ 33, { VMAPI_BUS_INTR, 0 } },
		{ 1, { 0, 0 } },
		{ 32, { 0, 0 } },
		{ 32, { VMAPI_BUS_EOI, 0 } },  /* that is for the VM to ask */
		{ 32, { 0x7f, 0 } },
		{ 32, { VMAPI_BUS_READ | VMAPI_BUS_REPLY, 0 } },
	};
	uint8_t packet[33] = { 0 };
	struct rig rig;
	size_t i;

	if (!rig_open(&rig, m, 0))
		return;
	for (i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		load(&rig, read_code, sizeof(read_code));
		memcpy(packet, packets[i].head, 2);
		EQUAL(send(rig.fd, packet, packets[i].bytes, 0),
			(ssize_t)packets[i].bytes);
		bus_exit(&rig, -EPROTO);
		reconnect(&rig);
	}
	rig_close(&rig);
}

/* An answer to another question, or one that means nothing. */
static void lies(struct machine *m)
{
	struct vmapi_bus_message q, wrong;
	struct peer_run run;
	struct rig rig;
	unsigned way;

	if (!rig_open(&rig, m, 0))
		return;
	for (way = 0; way < 4; way++) {
		load(&rig, read_code, sizeof(read_code));
		peer_run_start(&run, &rig.m);
		CHECK(rig_hear(&rig, &q));
		wrong = q;
		wrong.type = (way ? VMAPI_BUS_READ : VMAPI_BUS_INTA) |
			VMAPI_BUS_REPLY;
		wrong.delivery = way == 1 ? 9 : way == 2 ? VMAPI_BUS_RETRY : 0;
		wrong.seq += way == 3;
		rig_say(&rig, &wrong);
		peer_run_end(&run);
		EQUAL(run.reason, VMAPI_EXIT_BUS);
		EQUAL(run.exit.u.bus.error, -EPROTO);
		reconnect(&rig);
	}
	rig_close(&rig);
}

/* kill -9 of a process that has been asked. */
static void killed(struct machine *m)
{
	struct peer_run run;
	struct rig rig;
	char byte;
	pid_t pid;

	if (!rig_open(&rig, m, 0))
		return;
	load(&rig, read_code, sizeof(read_code));
	pid = fork();
	if (!pid) {
		while (recv(rig.fd, &byte, 1, 0) >= 0)
			raise(SIGKILL);
		_exit(1);
	}
	close(rig.fd);
	rig.fd = -1;
	peer_run_start(&run, &rig.m);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_BUS);
	EQUAL(run.exit.u.bus.error, -EPIPE);
	EQUAL(waitpid(pid, NULL, 0), pid);
	bus_exit(&rig, -EPIPE);
	reconnect(&rig);
	rig_close(&rig);
}

/* Another end comes while the guest waits: what it asked, it asks again. */
static void replaced(struct machine *m)
{
	struct vmapi_bus_message q;
	struct peer_run run;
	struct rig rig;
	int fds[2];

	if (!rig_open(&rig, m, 0))
		return;
	load(&rig, read_code, sizeof(read_code));
	peer_run_start(&run, &rig.m);
	CHECK(rig_hear(&rig, &q));
	rig_pair(fds);
	EQUAL(vmapi_bus_connect(rig.bus, fds[0]), 0);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_BUS);
	EQUAL(run.exit.u.bus.error, -ECONNRESET);
	close(fds[0]);
	close(rig.fd);
	rig.fd = fds[1];
	peer_run_start(&run, &rig.m);
	CHECK(rig_hear(&rig, &q));
	EQUAL(q.type, VMAPI_BUS_READ);
	if (q.type == VMAPI_BUS_READ)
		rig_answer(&rig, &q, 0x44);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_IO);
	EQUAL((int64_t)api_get(rig.m.vcpu, VMAPI_X86_RAX), 0x44);
	rig_close(&rig);
}

/* The bus goes while the guest waits: the access is the application's. */
static void destroyed(struct machine *m)
{
	struct vmapi_bus_message q;
	struct peer_run run;
	struct rig rig;

	if (!rig_open(&rig, m, 0))
		return;
	load(&rig, read_code, sizeof(read_code));
	peer_run_start(&run, &rig.m);
	CHECK(rig_hear(&rig, &q));
	vmapi_bus_destroy(rig.bus);
	rig.bus = NULL;
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_MMIO);
	EQUAL((int64_t)run.exit.u.mmio.gpa, 0xfec00010);
	EQUAL(vmapi_vcpu_complete(rig.m.vcpu, "\1\2\3\4", 4), 0);
	run_to_port(&rig, 0x99);
	EQUAL((int64_t)api_get(rig.m.vcpu, VMAPI_X86_RAX), 0x04030201);
	rig_close(&rig);
}

/* A vcpu that is reset, or goes, waits for nothing. */
static void given_up(struct machine *m)
{
	struct vmapi_bus_message q;
	struct peer_run run;
	struct rig rig;

	if (!rig_open(&rig, m, 0))
		return;
	load(&rig, read_code, sizeof(read_code));
	peer_run_start(&run, &rig.m);
	CHECK(rig_hear(&rig, &q));
	EQUAL(vmapi_vcpu_kick(rig.m.vcpu), 0);
	peer_run_end(&run);
	EQUAL(vmapi_vcpu_reset(rig.m.vcpu), 0);
	rig_answer(&rig, &q, 0); /* too late is no crime */
	load(&rig, read_code, sizeof(read_code));
	peer_run_start(&run, &rig.m);
	CHECK(rig_hear(&rig, &q));
	EQUAL(vmapi_vcpu_kick(rig.m.vcpu), 0);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_KICK);
	rig_close(&rig);
}

/* -- Routes ------------------------------------------------------------- */

/* The pins' are the bus's; the application's lie beside them. */
static void routes(struct machine *m)
{
	struct vmapi_bus_message q = { .type = VMAPI_BUS_INTR,
		.flags = VMAPI_BUS_ASSERT | VMAPI_BUS_LEVEL,
		.vector = 0x41,
		.source = 5 };
	struct vmapi_route mine[2] = {
		{ .size = sizeof(mine[0]), .gsi = 5, .type = VMAPI_ROUTE_MSI },
		{ .size = sizeof(mine[0]), .gsi = 40, .type = VMAPI_ROUTE_MSI },
	}, now[4] = { { .size = sizeof(now[0]) } };
	struct rig rig;
	uint32_t cpus;
	size_t n = 0;

	if (!rig_open(&rig, m, 0))
		return;
	rig_lapic_on(rig.m.vcpu);
	mine[0].u.msi.address = mine[1].u.msi.address = 0xfee00000;
	mine[0].u.msi.data = mine[1].u.msi.data = 0x55;
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_OK);
	EQUAL(vmapi_routes_set(rig.m.vm, mine, 2), 0);
	EQUAL(vmapi_routes_get(rig.m.vm, now, 4, &n), 0);
	EQUAL((int64_t)n, 2);
	EQUAL(now[0].gsi, 5);
	EQUAL(now[0].u.msi.data, 0xc041);
	EQUAL(now[1].gsi, 40);
	EQUAL(now[1].u.msi.data, 0x55);
	q.vector = 0x42;
	EQUAL(ask_status(&rig, q, &cpus), VMAPI_BUS_OK);
	EQUAL(vmapi_routes_set(rig.m.vm, NULL, 0), 0);
	EQUAL(vmapi_routes_get(rig.m.vm, now, 4, &n), 0);
	EQUAL((int64_t)n, 1);
	EQUAL(now[0].u.msi.data, 0xc042);
	rig_close(&rig);
}

static const struct api_case cases[] = {
	{ "what is refused", refusals },
	{ "accesses that are refused", refused_accesses },
	{ "bytes on the wire", bytes_on_the_wire },
	{ "ports and elements", accesses },
	{ "blocked, delivered, coalesced", three_states },
	{ "INIT level de-assert", deassert },
	{ "lowest priority", lowest },
	{ "a remote read", remote_read },
	{ "LINT0 and LINT1", lint },
	{ "an EOI is waited for", eoi },
	{ "a kick while it waits", kicked },
	{ "chips that are too slow", too_slow },
	{ "packets that are no messages", garbage },
	{ "answers that are none", lies },
	{ "kill -9 of the chips", killed },
	{ "another end while it waits", replaced },
	{ "destroyed while it waits", destroyed },
	{ "reset and destroyed vcpus", given_up },
	{ "routes beside the bus's", routes },
};

int main(void)
{
	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
