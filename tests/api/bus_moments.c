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

static const struct api_case cases[] = {
	{ "another end that cannot be polled", unwatched },
	{ "a reset behind what was asked", stale_call },
};

int main(void)
{
	static struct vmi_sys altered;

	altered = vmi_sys_host;
	altered.epoll_add = epoll_add;
	vmi_sys = &altered;
	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
