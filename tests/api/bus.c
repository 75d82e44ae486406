/* SPDX-License-Identifier: MIT */
/* The APIC bus with an IOAPIC and PICs, in this process and in another. */
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/bus.h"
#include "tests/api/peer.h"

#define HANDLER 0x1800
#define COUNTER 0x3000
#define BEFORE	0x3010 /* the pin's entry, when the guest has not ended it */
#define AFTER	0x3014 /* and when it has */
#define STORM	50u /* and 10 ms */
#define PIN	20 /* of the IOAPIC alone */

/* -- The other end ------------------------------------------------------ */

static bool elsewhere; /* the chips are another process's */

struct chips {
	struct rig rig;
	struct vmapi_bus_chips *chips;
	pthread_t thread;
	int result;
	pid_t pid;
	int orders; /* of the other process: struct order, and back */
	atomic_uint ended; /* GSIs, of the process that has the chips */
};

struct order {
	uint32_t what; /* 0 set a line, 1 save, 2 restore, 3 remote read */
	uint32_t gsi;
	int32_t level, delivery, err;
	uint32_t value;
	size_t bytes;
	uint8_t state[VMAPI_BUS_STATE_MAX];
};

static void ended(void *opaque, unsigned gsi)
{
	struct chips *c = opaque;

	atomic_fetch_or(&c->ended, 1u << gsi);
}

static void *serve(void *opaque)
{
	struct chips *c = opaque;

	c->result = vmapi_bus_chips_serve(c->chips);
	return NULL;
}

static void start_chips(struct chips *c, int fd)
{
	const struct vmapi_bus_chips_config config = { .size = sizeof(config),
		.fd = fd,
		.storm_limit = STORM,
		.ended = ended,
		.opaque = c };

	EQUAL(vmapi_bus_chips_create(&config, &c->chips), 0);
	CHECK(!pthread_create(&c->thread, NULL, serve, c));
}

static void obey(struct chips *c, struct order *o)
{
	switch (o->what) {
	case 0:
		o->err = vmapi_bus_chips_set_line(
			c->chips, o->gsi, o->level, &o->delivery);
		break;
	case 1:
		o->err = vmapi_bus_chips_save(
			c->chips, o->state, sizeof(o->state), &o->bytes);
		break;
	case 2:
		o->err = vmapi_bus_chips_restore(
			c->chips, o->state, o->bytes);
		break;
	default:
		o->err = vmapi_bus_chips_remote_read(
			c->chips, 0, o->gsi, &o->value);
	}
}

static void be_the_chips(struct chips *c, int fd, int orders)
{
	struct order o;

	alarm(60);
	start_chips(c, fd);
	while (recv(orders, &o, sizeof(o), 0) == (ssize_t)sizeof(o)) {
		obey(c, &o);
		send(orders, &o, sizeof(o), 0);
	}
	pthread_join(c->thread, NULL);
	_exit(c->result ? 1 : 0);
}

static void close_chips(struct chips *c)
{
	int status = 0;

	if (elsewhere) {
		close(c->orders);
		EQUAL(waitpid(c->pid, &status, 0), c->pid);
		EQUAL(status, 0);
		return;
	}
	pthread_join(c->thread, NULL);
	EQUAL(c->result, 0);
	vmapi_bus_chips_destroy(c->chips);
}

/* The chips' process has one end of the bus; the other is ours. */
static void fork_chips(struct chips *c)
{
	int bus[2], orders[2];

	rig_pair(bus);
	rig_pair(orders);
	c->pid = fork();
	if (!c->pid) {
		close(bus[0]);
		close(orders[0]);
		be_the_chips(c, bus[1], orders[1]);
	}
	close(bus[1]);
	close(orders[1]);
	c->rig.fd = bus[0];
	c->orders = orders[0];
}

static void open_vm(struct chips *c, const struct machine *m)
{
	struct vmapi_bus_config b = { .size = sizeof(b),
		.fd = c->rig.fd,
		.timeout_ms = 5000 };

	rig_open_on(&c->rig, m, &b);
	c->rig.fd = -1;
}

static bool open_here(struct chips *c, const struct machine *m)
{
	if (!rig_open(&c->rig, m, 5000))
		return false;
	start_chips(c, c->rig.fd);
	close(c->rig.fd);
	c->rig.fd = -1;
	return true;
}

/* Forked while there is one thread: not every emulator survives it later. */
static bool open_some(struct chips *c, unsigned n, const struct machine *m)
{
	unsigned i;

	memset(c, 0, n * sizeof(*c));
	if (elsewhere && !rig_can(m))
		return false;
	for (i = 0; elsewhere && i < n; i++)
		fork_chips(&c[i]);
	for (i = 0; elsewhere && i < n; i++)
		open_vm(&c[i], m);
	for (i = 0; !elsewhere && i < n; i++)
		if (!open_here(&c[i], m))
			return false;
	return true;
}

static bool open_all(struct chips *c, const struct machine *m)
{
	return open_some(c, 1, m);
}

static void close_all(struct chips *c)
{
	vmapi_bus_destroy(c->rig.bus);
	c->rig.bus = NULL;
	close_chips(c);
	rig_close(&c->rig);
}

static void order(struct chips *c, struct order *o)
{
	if (!elsewhere) {
		obey(c, o);
	} else {
		EQUAL(send(c->orders, o, sizeof(*o), 0), sizeof(*o));
		EQUAL(recv(c->orders, o, sizeof(*o), 0), sizeof(*o));
	}
}

static int line(struct chips *c, unsigned gsi, int level)
{
	struct order o = { .gsi = gsi, .level = level, .delivery = 99 };

	order(c, &o);
	EQUAL(o.err, 0);
	return o.delivery;
}

/* -- Guests ------------------------------------------------------------- */

struct code {
	uint8_t bytes[256];
	size_t n;
};

static void emit(struct code *c, const void *bytes, size_t n)
{
	memcpy(c->bytes + c->n, bytes, n);
	c->n += n;
}

#define EMIT(c, ...)                                                           \
	emit(c, (const uint8_t[]){ __VA_ARGS__ },                              \
		sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* mov dword [es:offset], value */
static void emit_ioapic(struct code *c, uint8_t offset, uint32_t value)
{
	EMIT(c, 0x26, 0x66, 0xc7, 0x06, offset, 0, (uint8_t)value,
		(uint8_t)(value >> 8), (uint8_t)(value >> 16),
		(uint8_t)(value >> 24));
}

static void emit_pin(struct code *c, unsigned pin, uint32_t low)
{
	emit_ioapic(c, 0, 0x11 + 2 * pin);
	emit_ioapic(c, 0x10, 0);
	emit_ioapic(c, 0, 0x10 + 2 * pin);
	emit_ioapic(c, 0x10, low);
}

/* Both PICs: vectors from 0x20 and 0x28 on, all but `mask` masked. */
static void emit_pics(struct code *c, uint8_t imr)
{
	EMIT(c, 0xb0, 0x11, 0xe6, 0x20, 0xe6, 0xa0); /* ICW1 */
	EMIT(c, 0xb0, 0x20, 0xe6, 0x21, 0xb0, 0x28, 0xe6, 0xa1);
	EMIT(c, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x02, 0xe6, 0xa1);
	EMIT(c, 0xb0, 0x01, 0xe6, 0x21, 0xe6, 0xa1);
	EMIT(c, 0xb0, imr, 0xe6, 0x21, 0xb0, 0xff, 0xe6, 0xa1);
}

/* out port,al */
static void emit_out(struct code *c, uint8_t port)
{
	EMIT(c, 0xe6, port);
}

/* mov dword [0xb0],0: EOI */
static void emit_eoi(struct code *c)
{
	EMIT(c, 0x66, 0xc7, 0x06, 0xb0, 0, 0, 0, 0, 0);
}

static void load(struct chips *c, const struct code *code,
	const struct code *handler, unsigned vector)
{
	struct machine *m = &c->rig.m;

	api_load(m, code->bytes, code->n);
	EQUAL(vmapi_as_write(m->as, HANDLER, handler->bytes, handler->n), 0);
	rig_vector(m, vector, HANDLER);
	rig_segments(m->vcpu);
}

static void run_to_port(struct chips *c, unsigned port)
{
	struct vmapi_exit exit;

	EQUAL(api_run(&c->rig.m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, port);
}

/*
 * Let the guest put the pin's entry into memory: a kernel that emulates may be
 * ahead of an exit as soon as somebody wants a register.
 */
static void emit_look(struct code *c, uint16_t where)
{
	emit_ioapic(c, 0, 0x10 + 2 * PIN);
	EMIT(c, 0x26, 0x66, 0xa1, 0x10, 0, 0x2e, 0x66, 0xa3, (uint8_t)where,
		(uint8_t)(where >> 8));
}

static uint32_t seen(struct chips *c, uint16_t where)
{
	uint8_t b[4];

	EQUAL(vmapi_as_read(c->rig.m.as, where, b, 4), 0);
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	       (uint32_t)b[3] << 24;
}

#define REMOTE_IRR (1u << 14)

/*
 * Program the pin, sti, out 0x42, jmp $; handler: look, out 0x43, out 0x48,
 * EOI, out 0x46, look, out 0x44.  Without the 0x46 a kernel that emulates, as
 * some do in real mode, would look first and then tell of the EOI.
 */
static void load_ioapic(struct chips *c, uint32_t low)
{
	struct code code = { .n = 0 }, handler = { .n = 0 };

	emit_pin(&code, PIN, low);
	EMIT(&code, 0xfb);
	emit_out(&code, 0x42);
	EMIT(&code, 0xeb, 0xfe);
	emit_look(&handler, BEFORE);
	emit_out(&handler, 0x43);
	emit_out(&handler, 0x48);
	emit_eoi(&handler);
	emit_out(&handler, 0x46);
	emit_look(&handler, AFTER);
	emit_out(&handler, 0x44);
	EMIT(&handler, 0xcf);
	rig_lapic_on(c->rig.m.vcpu);
	load(c, &code, &handler, 0x41);
	run_to_port(c, 0x42);
}

static void run_to_end(struct chips *c)
{
	run_to_port(c, 0x48);
	run_to_port(c, 0x46);
	run_to_port(c, 0x44);
}

/* There is a kernel that ends an interrupt when its handler exits first. */
static bool ends_by_itself(struct chips *c)
{
	uint32_t in_service;

	EQUAL(line(c, PIN, 1), 1);
	run_to_port(c, 0x43);
	run_to_port(c, 0x48);
	in_service = rig_lapic_get(c->rig.m.vcpu, 0x120);
	EQUAL(line(c, PIN, 0), 0);
	run_to_port(c, 0x46);
	run_to_port(c, 0x44);
	if (!in_service)
		api_skip("this kernel ends interrupts by itself");
	return !in_service;
}

static bool tells_merged(const struct machine *m)
{
	return !strcmp(m->backend, "soft");
}

static void edge(struct machine *m)
{
	struct chips c;

	if (!open_all(&c, m))
		return;
	EQUAL(line(&c, PIN, 1), -1); /* as it is after a reset: masked */
	EQUAL(line(&c, PIN, 0), 0);
	load_ioapic(&c, 0x41);
	EQUAL(line(&c, PIN, 1), 1);
	EQUAL(line(&c, PIN, 1), 0); /* no edge */
	EQUAL(line(&c, PIN, 0), 0);
	EQUAL(line(&c, PIN, 1), tells_merged(m) ? 0 : 1);
	run_to_port(&c, 0x43);
	run_to_end(&c);
	EQUAL(line(&c, PIN, 0), 0);
	EQUAL(line(&c, PIN, 1), 1);
	run_to_port(&c, 0x43);
	run_to_end(&c);
	EQUAL((int64_t)(seen(&c, BEFORE) & REMOTE_IRR), 0);
	close_all(&c);
}

/* Run the handler; the line is low when it ends it, or stays as it is. */
static void handle(struct chips *c, bool lower)
{
	run_to_port(c, 0x43);
	EQUAL((int64_t)(seen(c, BEFORE) & REMOTE_IRR), REMOTE_IRR);
	if (lower)
		EQUAL(line(c, PIN, 0), 0);
	run_to_end(c);
	EQUAL((int64_t)(seen(c, AFTER) & REMOTE_IRR), lower ? 0 : REMOTE_IRR);
}

/* The guest goes on when the IOAPIC knows: what it reads there says so. */
static void level(struct machine *m)
{
	struct chips c;

	if (!open_all(&c, m))
		return;
	load_ioapic(&c, 0x8041);
	if (ends_by_itself(&c)) {
		close_all(&c);
		return;
	}
	EQUAL(line(&c, PIN, 1), 1);
	EQUAL(line(&c, PIN, 1), 0); /* it is in service */
	handle(&c, true);
	if (!elsewhere)
		EQUAL(atomic_load(&c.ended), 1u << PIN);
	/* Still asserted at its EOI: it comes again, and once. */
	EQUAL(line(&c, PIN, 1), 1);
	handle(&c, false);
	handle(&c, true);
	/* Another vector is another route. */
	rig_vector(&c.rig.m, 0x61, HANDLER);
	load_ioapic(&c, 0x8061);
	EQUAL(line(&c, PIN, 1), 1);
	handle(&c, true);
	close_all(&c);
}

/* SVR bit 12: the guest tells the IOAPIC by itself, and nobody else does. */
static void directed(struct machine *m)
{
	struct code code = { .n = 0 }, handler = { .n = 0 };
	struct chips c;

	if (!open_all(&c, m))
		return;
	emit_pin(&code, PIN, 0x8041);
	EMIT(&code, 0xfb);
	emit_out(&code, 0x42);
	EMIT(&code, 0xeb, 0xfe);
	emit_eoi(&handler);
	emit_look(&handler, BEFORE);
	emit_out(&handler, 0x43);
	emit_out(&handler, 0x48);
	emit_ioapic(&handler, 0x40, 0x41);
	emit_out(&handler, 0x46);
	emit_look(&handler, AFTER);
	emit_out(&handler, 0x44);
	EMIT(&handler, 0xcf);
	rig_lapic_set(c.rig.m.vcpu, 0xf0, 0x11ff);
	if (!(rig_lapic_get(c.rig.m.vcpu, 0xf0) & 0x1000)) {
		api_skip("no directed EOI in this kernel's local APICs");
		close_all(&c);
		return;
	}
	load(&c, &code, &handler, 0x41);
	run_to_port(&c, 0x42);
	EQUAL(line(&c, PIN, 1), 1);
	handle(&c, true);
	close_all(&c);
}

static int64_t ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * A line that nobody lowers: after STORM EOIs in a row it waits for 10 ms, so
 * that the guest has time for something else.
 */
static void storm(struct machine *m)
{
	struct code code = { .n = 0 }, handler = { .n = 0 };
	struct peer_run run;
	struct chips c;
	uint8_t count[2];
	unsigned n = 0;
	int64_t begun;

	if (!open_all(&c, m))
		return;
	emit_pin(&code, PIN, 0x8041);
	EMIT(&code, 0xfb);
	emit_out(&code, 0x42);
	EMIT(&code, 0xeb, 0xfe);
	EMIT(&handler, 0x2e, 0xff, 0x06, COUNTER & 0xff, COUNTER >> 8);
	emit_eoi(&handler);
	EMIT(&handler, 0xcf);
	rig_lapic_on(c.rig.m.vcpu);
	load(&c, &code, &handler, 0x41);
	run_to_port(&c, 0x42);
	EQUAL(line(&c, PIN, 1), 1);
	begun = ms_now();
	peer_run_start(&run, &c.rig.m);
	while (n <= 3 * STORM && ms_now() < begun + 10000) {
		usleep(1000);
		EQUAL(vmapi_as_read(c.rig.m.as, COUNTER, count, 2), 0);
		n = count[0] | (unsigned)count[1] << 8;
	}
	CHECK(n > 3 * STORM);
	CHECK(ms_now() >= begun + 30);
	EQUAL(vmapi_vcpu_kick(c.rig.m.vcpu), 0);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_KICK);
	close_all(&c);
}

/* -- The PIC ------------------------------------------------------------ */

/*
 * Program the PICs, sti, out 0x42, then `rest`; handler: out 0x43, EOI of the
 * PIC, out 0x44.
 */
static void load_pics(struct chips *c, bool halts)
{
	struct code code = { .n = 0 }, handler = { .n = 0 };

	emit_pics(&code, 0xef);
	EMIT(&code, 0xfb);
	emit_out(&code, 0x42);
	if (halts)
		EMIT(&code, 0xf4);
	EMIT(&code, 0xeb, 0xfd);
	emit_out(&handler, 0x43);
	EMIT(&handler, 0xb0, 0x20, 0xe6, 0x20);
	emit_out(&handler, 0x44);
	EMIT(&handler, 0xcf);
	load(c, &code, &handler, 0x24);
	if (!halts)
		EQUAL(vmapi_as_write(c->rig.m.as, API_CODE + code.n - 1,
			"\xfe", 1), 0);
	run_to_port(c, 0x42);
}

/* A vcpu that runs, and one that is halted in the guest. */
static void extint(struct machine *m)
{
	struct peer_run run;
	struct chips c;
	int halts;

	for (halts = 0; halts < 2; halts++) {
		if (!open_all(&c, m))
			return;
		load_pics(&c, halts);
		peer_run_start(&run, &c.rig.m);
		usleep(20000);
		EQUAL(line(&c, 4, 1), 1);
		peer_run_end(&run);
		EQUAL(run.reason, VMAPI_EXIT_IO);
		EQUAL((int64_t)run.exit.u.io.port, 0x43);
		EQUAL(line(&c, 4, 0), 0);
		EQUAL(line(&c, 4, 1), 1); /* an edge while it is in service */
		run_to_port(&c, 0x44);
		run_to_port(&c, 0x43);
		EQUAL(line(&c, 4, 0), 0);
		run_to_port(&c, 0x44);
		close_all(&c);
	}
}

/* With interrupts off INTR waits. */
static void extint_later(struct machine *m)
{
	struct code code = { .n = 0 }, handler = { .n = 0 };
	struct chips c;

	if (!open_all(&c, m))
		return;
	emit_pics(&code, 0xef);
	emit_out(&code, 0x42);
	emit_out(&code, 0x45);
	EMIT(&code, 0xfb, 0xeb, 0xfe);
	emit_out(&handler, 0x43);
	load(&c, &code, &handler, 0x24);
	run_to_port(&c, 0x42);
	EQUAL(line(&c, 4, 1), 1);
	run_to_port(&c, 0x45);
	run_to_port(&c, 0x43);
	close_all(&c);
}

/* A pin of the IOAPIC whose delivery mode is ExtINT does the same. */
static void extint_message(struct machine *m)
{
	struct code code = { .n = 0 }, handler = { .n = 0 };
	struct chips c;

	if (!open_all(&c, m))
		return;
	emit_pics(&code, 0xff); /* the PIC has nothing: a spurious IRQ 7 */
	emit_pin(&code, 16, 0x700);
	EMIT(&code, 0xfb);
	emit_out(&code, 0x42);
	EMIT(&code, 0xeb, 0xfe);
	emit_out(&handler, 0x43);
	load(&c, &code, &handler, 0x27);
	run_to_port(&c, 0x42);
	EQUAL(line(&c, 16, 1), 1);
	run_to_port(&c, 0x43);
	close_all(&c);
}

/* -- Saved and restored ------------------------------------------------- */

static void carry_over(struct chips *from, struct chips *to, FILE *file)
{
	struct order o = { .what = 1 };

	EQUAL(vmapi_vm_save(from->rig.m.vm, fileno(file), NULL), 0);
	order(from, &o);
	EQUAL(o.err, 0);
	EQUAL(lseek(fileno(file), 0, SEEK_SET), 0);
	EQUAL(vmapi_vm_restore(to->rig.m.vm, fileno(file), NULL), 0);
	o.what = 2;
	order(to, &o);
	EQUAL(o.err, 0);
}

/*
 * In the middle of a handler, a level asserted, and a PIC that asks: in
 * another VM the EOI finds the pin, which is sent again.
 */
static void saved(struct machine *m)
{
	FILE *file = tmpfile();
	struct chips c[2], *from = &c[0], *to = &c[1];

	if (!open_some(c, 2, m)) {
		fclose(file);
		return;
	}
	load_ioapic(from, 0x8041);
	if (!ends_by_itself(from)) {
		EQUAL(line(from, PIN, 1), 1);
		run_to_port(from, 0x43);
		carry_over(from, to, file);
		run_to_end(to);
		handle(to, true);
	}
	close_all(to);
	close_all(from);
	fclose(file);
}

static void saved_intr(struct machine *m)
{
	FILE *file = tmpfile();
	struct code code = { .n = 0 }, handler = { .n = 0 };
	struct chips c[2], *from = &c[0], *to = &c[1];

	if (!open_some(c, 2, m)) {
		fclose(file);
		return;
	}
	emit_pics(&code, 0xef);
	emit_out(&code, 0x42);
	EMIT(&code, 0xfb, 0xeb, 0xfe);
	emit_out(&handler, 0x43);
	load(from, &code, &handler, 0x24);
	run_to_port(from, 0x42);
	EQUAL(line(from, 4, 1), 1);
	carry_over(from, to, file);
	run_to_port(to, 0x43);
	close_all(to);
	close_all(from);
	fclose(file);
}

/* A reset of the VM is one of the chips, but for their lines. */
static void reset(struct machine *m)
{
	struct code code = { .n = 0 }, look = { .n = 0 };
	struct chips c;

	if (!open_all(&c, m))
		return;
	emit_pin(&code, PIN, 0x8041);
	emit_look(&code, BEFORE);
	emit_out(&code, 0x42);
	emit_look(&look, AFTER);
	emit_out(&look, 0x43);
	load(&c, &code, &look, 0x41);
	run_to_port(&c, 0x42);
	EQUAL(seen(&c, BEFORE), 0x8041);
	EQUAL(vmapi_vm_reset(c.rig.m.vm), 0);
	load(&c, &look, &code, 0x41);
	run_to_port(&c, 0x43);
	EQUAL(seen(&c, AFTER), 0x10000);
	close_all(&c);
}

static void remote_read(struct machine *m)
{
	struct order o = { .what = 3, .gsi = 0x0f };
	struct chips c;

	if (!open_all(&c, m))
		return;
	rig_lapic_set(c.rig.m.vcpu, 0xf0, 0x1a5);
	order(&c, &o);
	if (tells_merged(m)) {
		EQUAL(o.err, 0);
		EQUAL(o.value, 0x1a5);
	} else {
		EQUAL(o.err, -ENOENT);
	}
	close_all(&c);
}

/* -- Here and elsewhere ------------------------------------------------- */

#define TWICE(name)                                                            \
	static void name##_here(struct machine *m)                             \
	{                                                                      \
		elsewhere = false;                                             \
		name(m);                                                       \
	}                                                                      \
	static void name##_elsewhere(struct machine *m)                        \
	{                                                                      \
		elsewhere = true;                                              \
		name(m);                                                       \
	}

TWICE(edge)
TWICE(level)
TWICE(directed)
TWICE(storm)
TWICE(extint)
TWICE(extint_later)
TWICE(extint_message)
TWICE(saved)
TWICE(saved_intr)
TWICE(reset)
TWICE(remote_read)

#define CASES(name, what)                                                      \
	{ what ", here", name##_here }, { what ", in another process",         \
		name##_elsewhere }

static const struct api_case cases[] = {
	CASES(edge, "edges"),
	CASES(level, "levels"),
	CASES(directed, "directed EOI"),
	CASES(storm, "a storm"),
	CASES(extint, "ExtINT"),
	CASES(extint_later, "ExtINT with interrupts off"),
	CASES(extint_message, "an ExtINT message"),
	CASES(saved, "saved in a handler"),
	CASES(saved_intr, "saved with INTR"),
	CASES(reset, "a reset"),
	CASES(remote_read, "a remote read"),
};

int main(void)
{
	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
