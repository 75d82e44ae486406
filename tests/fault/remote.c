/* SPDX-License-Identifier: MIT */
/* Scenarios: device processes, from both sides. */
/*
 * The other side is a thread, whose calls are not counted: those of one side
 * fail while the other one is sound.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/fault/scenario.h"

static void serve_one(void *opaque, uint64_t user, struct vmapi_access *access)
{
	(void)opaque;
	(void)user;
	access->value = 0x55;
}

struct device {
	int data[2]; /* the monitor's end first */
	int control[2];
	pthread_t thread;
};

static void *serve(void *opaque)
{
	struct device *d = opaque;

	(void)vmapi_serve(d->data[1], d->control[1], serve_one, NULL);
	shutdown(d->data[1], SHUT_RDWR);
	shutdown(d->control[1], SHUT_RDWR);
	return NULL;
}

static int open_device(struct device *d, int type)
{
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, d->data))
		return -EMFILE;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, d->control)) {
		close(d->data[0]);
		close(d->data[1]);
		return -EMFILE;
	}
	return 0;
}

static void close_device(struct device *d)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		close(d->data[i]);
		close(d->control[i]);
	}
}

/* -- The monitor's side ------------------------------------------------- */

/* in al, 0x40; out 0x10, al; jmp to the first */
static const uint8_t in_code[] = { 0xe4, 0x40, 0xe6, 0x10, 0xeb, 0xfa };

static int prepare_code(struct world *w)
{
	return fault_code(w, in_code, sizeof(in_code));
}

/* Past what the device answers; if it does not, an exit says so. */
static int run_past(struct world *w)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	uint8_t answer = 0;
	int err = TRY(w, vmapi_vcpu_run(w->vcpu, &exit));

	if (!err && exit.reason == VMAPI_EXIT_REGION)
		err = TRY(w, vmapi_vcpu_complete(w->vcpu, &answer, 1));
	return err ? err : TRY(w, vmapi_vcpu_settle(w->vcpu, &exit));
}

static int use_region(
	struct world *w, struct vmapi_channel *channel, unsigned flags)
{
	struct vmapi_region_config c = { .size = sizeof(c), .flags = flags,
		.space = VMAPI_SPACE_PORT, .base = 0x40, .bytes = 4 };
	struct vmapi_region *region = NULL;
	int err = TRY(w, vmapi_region_channel(
		w->vm, &c, channel, 1, &region));

	HOLDS(w, !err == !!region);
	if (!err)
		err = run_past(w);
	vmapi_region_destroy(region);
	return err;
}

static int talk_by(struct world *w, const struct device *d, unsigned flags)
{
	struct vmapi_channel_config c = { .size = sizeof(c), .flags = flags,
		.fd = d->data[0], .control_fd = d->control[0],
		.timeout_ms = 2000, .order = 1 };
	struct vmapi_channel *channel = NULL;
	int err = TRY(w, vmapi_channel_create(w->vm, &c, &channel));

	HOLDS(w, !err == !!channel);
	if (!err)
		err = use_region(w, channel, 0);
	if (!err)
		err = use_region(w, channel, VMAPI_REGION_POSTED);
	/* A ring's bell that is lost makes it late, and none is lost but here. */
	if (!err && !(flags & VMAPI_CHANNEL_RING))
		err = TRY(w, vmapi_channel_fence(channel));
	vmapi_channel_destroy(channel);
	return err;
}

static int talk(struct world *w, struct device *d)
{
	return talk_by(w, d, 0);
}

static int talk_by_ring(struct world *w, struct device *d)
{
	return talk_by(w, d, VMAPI_CHANNEL_RING);
}

/* With a device process of its own. */
static int with_device(
	struct world *w, int type, int (*fn)(struct world *, struct device *))
{
	struct device d;
	int err = open_device(&d, type);

	if (err || pthread_create(&d.thread, NULL, serve, &d))
		return 1;
	err = fn(w, &d);
	shutdown(d.data[0], SHUT_RDWR);
	shutdown(d.control[0], SHUT_RDWR);
	pthread_join(d.thread, NULL);
	close_device(&d);
	return err;
}

static int stream(struct world *w)
{
	return with_device(w, SOCK_STREAM, talk);
}

static int packets(struct world *w)
{
	return with_device(w, SOCK_SEQPACKET, talk);
}

static int ring(struct world *w)
{
	return with_device(w, SOCK_STREAM, talk_by_ring);
}

static int talk_again(struct world *w, struct device *d)
{
	struct vmapi_channel *channel = w->more;
	int err = TRY(w, vmapi_channel_connect(
		channel, d->data[0], d->control[0]));

	return err ? err : use_region(w, channel, 0);
}

static int reconnect(struct world *w)
{
	return with_device(w, SOCK_STREAM, talk_again);
}

static int prepare_channel(struct world *w)
{
	struct vmapi_channel_config c = { .size = sizeof(c),
		.control_fd = -1, .timeout_ms = 2000 };
	struct vmapi_channel *channel;
	struct device d;
	int err = open_device(&d, SOCK_STREAM);

	if (err)
		return err;
	c.fd = d.data[0];
	err = vmapi_channel_create(w->vm, &c, &channel);
	close_device(&d);
	w->more = channel;
	return err ? err : prepare_code(w);
}

static void finish_channel(struct world *w)
{
	vmapi_channel_destroy(w->more);
}

/* -- The device's side -------------------------------------------------- */

/* A monitor that says hello, asks three things and goes. */
static void *ask(void *opaque)
{
	struct vmapi_wire_hello hello = { .magic = VMAPI_WIRE_MAGIC,
		.version = 1, .features = VMAPI_WIRE_CAN_FENCE };
	struct vmapi_wire_command command[3];
	struct vmapi_wire_response answer[3];
	struct device *d = opaque;
	const struct timespec moment = { .tv_nsec = 1000000 };
	unsigned i;

	memset(command, 0, sizeof(command));
	for (i = 0; i < 3; i++)
		command[i].response = 1;
	/* So that it waits, too. */
	nanosleep(&moment, NULL);
	if (send(d->control[0], &hello, sizeof(hello), MSG_NOSIGNAL) < 0 ||
		recv(d->control[0], &hello, sizeof(hello), MSG_WAITALL) <= 0)
		goto out;
	nanosleep(&moment, NULL);
	if (send(d->data[0], command, sizeof(command), MSG_NOSIGNAL) > 0)
		(void)recv(d->data[0], answer, sizeof(answer), MSG_WAITALL);
out:
	shutdown(d->data[0], SHUT_RDWR);
	return NULL;
}

static int be_asked(struct world *w)
{
	struct device d;
	int err = open_device(&d, SOCK_STREAM);

	if (err || pthread_create(&d.thread, NULL, ask, &d))
		return 1;
	err = TRY(w, vmapi_serve(d.data[1], d.control[1], serve_one, NULL));
	shutdown(d.data[1], SHUT_RDWR);
	shutdown(d.control[1], SHUT_RDWR);
	pthread_join(d.thread, NULL);
	close_device(&d);
	return err;
}

/* -- The APIC bus ------------------------------------------------------- */

/* in al, 0x21; out 0x10, al; jmp to the first */
static const uint8_t pic_code[] = { 0xe4, 0x21, 0xe6, 0x10, 0xeb, 0xfa };

static int prepare_pic(struct world *w)
{
	return fault_code(w, pic_code, sizeof(pic_code));
}

static void *be_chips(void *opaque)
{
	struct device *d = opaque;
	const struct vmapi_bus_chips_config c = { .size = sizeof(c),
		.fd = d->data[1] };
	struct vmapi_bus_chips *chips;

	if (vmapi_bus_chips_create(&c, &chips))
		return NULL;
	(void)vmapi_bus_chips_serve(chips);
	shutdown(d->data[1], SHUT_RDWR);
	vmapi_bus_chips_destroy(chips);
	return NULL;
}

static int run_once(struct world *w)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	int err = TRY(w, vmapi_vcpu_run(w->vcpu, &exit));

	if (!err && exit.flags & VMAPI_EXIT_ANSWER)
		err = TRY(w, vmapi_vcpu_complete(w->vcpu, "", 1));
	return err;
}

/* What waited is nobody's any more: an access of the application's. */
static void let_go(struct world *w)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	if (!vmapi_vcpu_run(w->vcpu, &exit) && exit.flags & VMAPI_EXIT_ANSWER)
		(void)vmapi_vcpu_complete(w->vcpu, "", 1);
}

static int use_bus(struct world *w, struct device *d)
{
	const struct vmapi_bus_config c = { .size = sizeof(c),
		.fd = d->data[0], .timeout_ms = 2000 };
	struct vmapi_bus *bus = NULL;
	int err = TRY(w, vmapi_bus_create(w->vm, &c, &bus));

	HOLDS(w, !err == !!bus);
	if (!err)
		err = run_once(w);
	if (!err)
		err = TRY(w, vmapi_bus_connect(bus, d->data[0]));
	if (!err)
		err = run_once(w);
	vmapi_bus_destroy(bus);
	return err;
}

static int bus(struct world *w)
{
	struct device d;
	int err = open_device(&d, SOCK_SEQPACKET);

	if (err || pthread_create(&d.thread, NULL, be_chips, &d))
		return 1;
	err = use_bus(w, &d);
	if (!err)
		let_go(w);
	shutdown(d.data[0], SHUT_RDWR);
	pthread_join(d.thread, NULL);
	close_device(&d);
	return err;
}

/* A VM that reads a register and goes. */
static void *be_vm(void *opaque)
{
	struct vmapi_bus_message m = { .type = VMAPI_BUS_READ,
		.flags = VMAPI_BUS_PORT, .dest = 0x21, .bytes = 1 };
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct device *d = opaque;

	nanosleep(&moment, NULL);
	if (send(d->data[0], &m, sizeof(m), MSG_NOSIGNAL) > 0)
		(void)recv(d->data[0], &m, sizeof(m), 0);
	shutdown(d->data[0], SHUT_RDWR);
	return NULL;
}

static int serve_chips(struct world *w, struct device *d)
{
	const struct vmapi_bus_chips_config c = { .size = sizeof(c),
		.fd = d->data[1] };
	struct vmapi_bus_chips *chips = NULL;
	uint8_t state[VMAPI_BUS_STATE_MAX];
	size_t n;
	int err = TRY(w, vmapi_bus_chips_create(&c, &chips));

	HOLDS(w, !err == !!chips);
	if (!err)
		err = TRY(w, vmapi_bus_chips_save(
			chips, state, sizeof(state), &n));
	if (!err)
		err = TRY(w, vmapi_bus_chips_serve(chips));
	vmapi_bus_chips_destroy(chips);
	return err;
}

static int chips(struct world *w)
{
	struct device d;
	int err = open_device(&d, SOCK_SEQPACKET);

	if (err || pthread_create(&d.thread, NULL, be_vm, &d))
		return 1;
	err = serve_chips(w, &d);
	shutdown(d.data[1], SHUT_RDWR);
	pthread_join(d.thread, NULL);
	close_device(&d);
	return err;
}

const struct scenario fault_remote[] = {
	{ "stream", ON_SOFT, BASE_MACHINE, OWN_FDS | RACES, .act = stream,
		.prepare = prepare_code },
	{ "packets", ON_SOFT, BASE_MACHINE, NO_SHORT | OWN_FDS | RACES,
		.act = packets, .prepare = prepare_code },
	{ "ring", ON_SOFT, BASE_MACHINE, OWN_FDS | RACES, .act = ring,
		.prepare = prepare_code },
	{ "reconnect", ON_SOFT, BASE_MACHINE, OWN_FDS | RACES, .act = reconnect,
		.prepare = prepare_channel, .finish = finish_channel },
	{ "serve", ON_SOFT, BASE_NOTHING, OWN_FDS | RACES, .act = be_asked },
	{ "bus", ON_SOFT, BASE_MACHINE, NO_SHORT | OWN_FDS | RACES, .act = bus,
		.config = { .irqchip = VMAPI_IRQCHIP_SPLIT },
		.prepare = prepare_pic },
	{ "chips", ON_SOFT, BASE_NOTHING, NO_SHORT | OWN_FDS | RACES,
		.act = chips },
	{ NULL, 0, BASE_NOTHING, .act = NULL },
};
