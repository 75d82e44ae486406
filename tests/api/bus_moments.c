/* SPDX-License-Identifier: MIT */
/* The APIC bus at moments that only its inside can choose. */
#include <sys/socket.h>
#include <unistd.h>

#include "lib/core/backend.h"
#include "lib/core/bus.h"
#include "lib/sys/sys.h"
#include "tests/api/bus.h"
#include "tests/api/peer.h"

/* mov eax,[es:0x10]; out 0x99,al; hlt */
static const uint8_t read_code[] = { 0x26, 0x66, 0xa1, 0x10, 0x00, 0xe6, 0x99,
	0xf4 };

static void load(struct rig *rig)
{
	api_load(&rig->m, read_code, sizeof(read_code));
	rig_segments(rig->m.vcpu);
}

/* The guest reads, and what it reads comes from there. */
static void read_from(struct rig *rig)
{
	struct vmapi_bus_message q;
	struct peer_run run;

	load(rig);
	peer_run_start(&run, &rig->m);
	CHECK(rig_hear(rig, &q));
	EQUAL(q.type, VMAPI_BUS_READ);
	rig_answer(rig, &q, 0x33);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_IO);
	EQUAL((int64_t)api_get(rig->m.vcpu, VMAPI_X86_RAX), 0x33);
}

/* -- Another end that cannot be polled ---------------------------------- */

static bool no_watches;

static int epoll_add(int epoll, int fd)
{
	return no_watches ? -ENOSPC : vmi_sys_host.epoll_add(epoll, fd);
}

/* Nothing changes: the end that there was is asked, and is served. */
static void unwatched(struct machine *m)
{
	const struct vmapi_bus_message q = { .type = VMAPI_BUS_REMOTE_READ,
		.vector = 0x40 };
	struct rig rig;
	char byte;
	int fds[2];

	if (!rig_open(&rig, m, 5000))
		return;
	rig_pair(fds);
	no_watches = true;
	EQUAL(vmapi_bus_connect(rig.bus, fds[0]), -ENOSPC);
	no_watches = false;
	close(fds[0]);
	EQUAL(recv(fds[1], &byte, 1, MSG_DONTWAIT), 0); /* nobody has it */
	EQUAL(rig_ask(&rig, q).delivery, VMAPI_BUS_REFUSED);
	read_from(&rig);
	close(rig.fd);
	rig.fd = fds[1];
	rig_pair(fds);
	EQUAL(vmapi_bus_connect(rig.bus, fds[0]), 0);
	close(fds[0]);
	close(rig.fd);
	rig.fd = fds[1];
	EQUAL(rig_ask(&rig, q).delivery, VMAPI_BUS_REFUSED);
	read_from(&rig);
	rig_close(&rig);
}

/* -- Resets ------------------------------------------------------------- */

/*
 * The guest reads, the socket is full, and the vcpu is kicked: what it asks
 * has not been sent.  (A kick may come before the guest has asked.)
 */
static void ask_in_vain(struct rig *rig)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_RIP };
	struct peer_run run;

	load(rig);
	do {
		peer_run_start(&run, &rig->m);
		usleep(10000);
		EQUAL(vmapi_vcpu_kick(rig->m.vcpu), 0);
		peer_run_end(&run);
		EQUAL(run.reason, VMAPI_EXIT_KICK);
	} while (vmapi_regs_get(rig->m.vcpu, &reg, 1, NULL, 0) != -EBUSY &&
		 !api_failures());
}

static const struct vmi_backend *real;

/* Somebody serves the VM in the middle of its reset. */
static int reset_served(struct vmapi_vcpu *vcpu)
{
	vmi_bus_service(vcpu->vm);
	return real->vcpu_reset(vcpu);
}

/* What was asked before a reset does not come behind it. */
static void stale_call(struct machine *m)
{
	struct vmapi_bus_message q = { .type = 0 };
	struct vmi_backend altered;
	struct rig rig;

	if (!rig_open_filled(&rig, m))
		return;
	ask_in_vain(&rig);
	rig_drain(&rig);
	real = rig.m.ctx->be;
	altered = *real;
	altered.vcpu_reset = reset_served;
	rig.m.ctx->be = &altered;
	EQUAL(vmapi_vm_reset(rig.m.vm), 0);
	rig.m.ctx->be = real;
	CHECK(rig_hears(&rig));
	while (rig_hears(&rig))
		CHECK(rig_hear(&rig, &q));
	EQUAL(q.type, VMAPI_BUS_RESET);
	rig_answer(&rig, &q, 0);
	read_from(&rig);
	rig_close(&rig);
}

static void hear_reset(const struct rig *rig, struct vmapi_bus_message *q)
{
	CHECK(rig_hear(rig, q));
	EQUAL(q->type, VMAPI_BUS_RESET);
}

/* The socket is full: a reset waits, and what the guest asks behind it. */
static void no_room(struct machine *m)
{
	struct vmapi_bus_message q;
	struct peer_run run;
	struct rig rig;

	if (!rig_open_filled(&rig, m))
		return;
	EQUAL(vmapi_vm_reset(rig.m.vm), 0);
	EQUAL(vmapi_vm_reset(rig.m.vm), 0); /* one will do */
	load(&rig);
	peer_run_start(&run, &rig.m);
	usleep(20000);
	rig_drain(&rig);
	hear_reset(&rig, &q);
	rig_answer(&rig, &q, 0);
	CHECK(rig_hear(&rig, &q));
	EQUAL(q.type, VMAPI_BUS_READ);
	rig_answer(&rig, &q, 0x44);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_IO);
	EQUAL((int64_t)api_get(rig.m.vcpu, VMAPI_X86_RAX), 0x44);
	CHECK(!rig_hears(&rig));
	rig_close(&rig);
}

static const struct vmapi_bus_message no_register = {
	.type = VMAPI_BUS_REMOTE_READ, .vector = 0x40, .seq = 77 };

/* No vcpu asks: it goes before whatever else the VM has to say. */
static void no_room_and_no_vcpu(struct machine *m)
{
	struct vmapi_bus_message q;
	struct rig rig;

	if (!rig_open_filled(&rig, m))
		return;
	EQUAL(vmapi_vm_reset(rig.m.vm), 0);
	rig_drain(&rig);
	rig_say(&rig, &no_register);
	hear_reset(&rig, &q);
	CHECK(rig_hear(&rig, &q));
	EQUAL(q.type, VMAPI_BUS_REMOTE_READ | VMAPI_BUS_REPLY);
	rig_close(&rig);
}

/* Whether the next other end is told of a reset; it is that from now on. */
static bool is_told(struct rig *rig)
{
	struct vmapi_bus_message q;
	bool told;
	int fds[2];

	rig_pair(fds);
	EQUAL(vmapi_bus_connect(rig->bus, fds[0]), 0);
	close(fds[0]);
	close(rig->fd);
	rig->fd = fds[1];
	told = rig_hears(rig);
	if (!told)
		return false;
	hear_reset(rig, &q);
	CHECK(!rig_hears(rig));
	return true;
}

/* A reset that nobody has read is the next one's. */
static void another_hears(struct machine *m)
{
	struct vmapi_bus_message q, read;
	struct peer_run run;
	struct rig rig;

	if (!rig_open_filled(&rig, m))
		return;
	CHECK(!is_told(&rig));
	EQUAL(vmapi_vm_reset(rig.m.vm), 0); /* sent, and not answered */
	CHECK(is_told(&rig));
	CHECK(is_told(&rig));
	EQUAL(vmapi_vm_reset(rig.m.vm), 0);
	hear_reset(&rig, &q);
	rig_answer(&rig, &q, 0);
	(void)rig_ask(&rig, no_register); /* so that has been heard */
	CHECK(!is_told(&rig));
	/* What answers the guest has read what came before. */
	EQUAL(vmapi_vm_reset(rig.m.vm), 0);
	hear_reset(&rig, &q);
	load(&rig);
	peer_run_start(&run, &rig.m);
	CHECK(rig_hear(&rig, &read));
	rig_answer(&rig, &read, 0x55);
	peer_run_end(&run);
	CHECK(!is_told(&rig));
	rig_close(&rig);
}

/* Nobody is there. */
static void reset_of_the_dead(struct machine *m)
{
	struct vmapi_exit exit;
	struct rig rig;

	if (!rig_open(&rig, m, 5000))
		return;
	load(&rig);
	EQUAL(shutdown(rig.fd, SHUT_RDWR), 0);
	EQUAL(api_run(&rig.m, &exit), VMAPI_EXIT_BUS);
	EQUAL(vmapi_vm_reset(rig.m.vm), 0);
	CHECK(is_told(&rig));
	rig_close(&rig);
	if (!rig_open_filled(&rig, m))
		return;
	EQUAL(vmapi_vm_reset(rig.m.vm), 0); /* and one that waits */
	CHECK(is_told(&rig));
	rig_close(&rig);
}

/* INTR of the dead PICs is not that of the new ones. */
static void intr_of_the_dead(struct machine *m)
{
	struct vmapi_bus_message q = { .type = VMAPI_BUS_LINT,
		.flags = VMAPI_BUS_ASSERT };
	struct rig rig;
	int fds[2];

	if (!rig_open(&rig, m, 5000))
		return;
	rig_lapic_on(rig.m.vcpu);
	rig_lapic_set(rig.m.vcpu, 0x350, 0x700); /* LVT LINT0: ExtINT */
	EQUAL(rig_ask(&rig, q).delivery, VMAPI_BUS_OK);
	EQUAL(atomic_load(&rig.m.vcpu->extint), VMI_EXTINT_LINE);
	close(rig.fd);
	rig_pair(fds);
	rig.fd = fds[0];
	EQUAL(vmapi_bus_connect(rig.bus, fds[1]), 0);
	close(fds[1]);
	EQUAL(atomic_load(&rig.m.vcpu->extint), 0);
	/* The new ones' is. */
	EQUAL(rig_ask(&rig, q).delivery, VMAPI_BUS_OK);
	EQUAL(atomic_load(&rig.m.vcpu->extint), VMI_EXTINT_LINE);
	rig_close(&rig);
}

static void *serve(void *chips)
{
	EQUAL(vmapi_bus_chips_serve(chips), 0);
	return NULL;
}

/* Chips with a mask in the PIC, as bytes. */
static size_t programmed(const struct machine *m, uint8_t *state)
{
	const struct vmapi_bus_message mask = { .type = VMAPI_BUS_WRITE,
		.flags = VMAPI_BUS_PORT, .dest = 0x21, .bytes = 1,
		.data = 0x5a };
	struct vmapi_bus_chips_config c = { .size = sizeof(c) };
	struct vmapi_bus_chips *chips;
	struct rig rig = { .m = *m };
	pthread_t thread;
	size_t n = 0;
	int fds[2];

	rig_pair(fds);
	rig.fd = fds[0];
	c.fd = fds[1];
	EQUAL(vmapi_bus_chips_create(&c, &chips), 0);
	close(fds[1]);
	CHECK(!pthread_create(&thread, NULL, serve, chips));
	EQUAL(rig_ask(&rig, mask).delivery, VMAPI_BUS_OK);
	EQUAL(vmapi_bus_chips_save(chips, state, VMAPI_BUS_STATE_MAX, &n), 0);
	close(rig.fd);
	pthread_join(thread, NULL);
	vmapi_bus_chips_destroy(chips);
	return n;
}

/* A reset that came before a restore is not done after it. */
static void reset_and_restore(struct machine *m)
{
	uint8_t state[VMAPI_BUS_STATE_MAX], after[VMAPI_BUS_STATE_MAX];
	struct vmapi_bus_chips_config c = { .size = sizeof(c) };
	size_t n = programmed(m, state), bytes = 0;
	struct vmapi_bus_chips *chips;
	struct rig rig;

	if (!rig_open(&rig, m, 5000))
		return;
	c.fd = rig.fd;
	EQUAL(vmapi_bus_chips_create(&c, &chips), 0);
	EQUAL(vmapi_vm_reset(rig.m.vm), 0);
	EQUAL(vmapi_bus_chips_restore(chips, state, n), 0);
	EQUAL(vmapi_bus_chips_save(chips, after, sizeof(after), &bytes), 0);
	EQUAL((int64_t)bytes, (int64_t)n);
	CHECK(!memcmp(state, after, n));
	rig_close(&rig);
	vmapi_bus_chips_destroy(chips);
}

static const struct api_case cases[] = {
	{ "another end that cannot be polled", unwatched },
	{ "a reset behind what was asked", stale_call },
	{ "a reset for which there is no room", no_room },
	{ "the same while no vcpu asks", no_room_and_no_vcpu },
	{ "a reset that another end hears of", another_hears },
	{ "a reset while nobody is there", reset_of_the_dead },
	{ "INTR of those that died", intr_of_the_dead },
	{ "a reset before a restore of the chips", reset_and_restore },
};

int main(void)
{
	static struct vmi_sys altered;

	altered = vmi_sys_host;
	altered.epoll_add = epoll_add;
	vmi_sys = &altered;
	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
