/* SPDX-License-Identifier: MIT */
/* XICS, XIVE and their vcpus on a real KVM of ppc64, with a guest. */
/*
 * The guest waits for external interrupts; each it acknowledges by H_XIRR,
 * tells by a call that no kernel answers, which is an exit, and ends by
 * H_EOI.  All else is done from outside: sources by attributes, lines by
 * vmapi_irq, the same calls from a program that waits for nothing.  So that
 * vcpus are connected, and as which server, is proved by who gets what.
 *
 * Everything is in big-endian order, in which a partition takes interrupts
 * that has not chosen another one (LPCR.ILE; Power ISA 3.0 III 2.2).
 *
 * Where the host has a XIVE of its own, it stands for the XICS, whose sources
 * then do not show what is pending.  There the guest gets a XIVE, too: it
 * takes an interrupt by the device's pages, which are mapped into its memory,
 * and triggers one itself.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vmapi/vmapi.h>

#include "tests/kvm/check.h"
#include "tests/kvm/guest.h"

#define EXTERNAL  0x500u /* Power ISA 3.0 III 6.5 */
#define CLOCK	  0x900u
#define CALL	  0x1000u
#define WAIT	  0x2000u
#define VCPUS	  2

/* Calls of PAPR, 14.5 and 14.11, and what stands for a report here. */
#define H_EOI	 0x64u
#define H_CPPR	 0x68u
#define H_IPI	 0x6cu
#define H_XIRR	 0x74u
#define H_REPORT 0x58u
#define REGISTER 9 /* arguments and results */

#define MSR	0x8000000000001000u /* 64 bits, machine checks */
#define MSR_EE	0x8000u
#define IPI	2u
#define EDGE	0x1001u
#define LEVEL	0x1002u
#define FAR	0x3456u
#define PRIORITY 5u

/* A source, as the attribute has it: server, priority, and bits (xics.rst). */
#define SOURCE(server) ((uint64_t)PRIORITY << 32 | (server))
#define SOURCE_LEVEL   ((uint64_t)1 << 40)
#define SOURCE_MASKED  ((uint64_t)1 << 41)
#define SOURCE_PENDING ((uint64_t)1 << 42)

/* sc 1; mr r5, r3; li r3, H_REPORT; sc 1 */
static const uint32_t call[] = { 0x44000022, 0x7c651b78, 0x38600058,
	0x44000022 };
/* b . */
static const uint32_t waiting[] = { 0x48000000 };
/*
 * mfsrr0 r20; mfsrr1 r21; li r3, H_XIRR; sc 1; mr r5, r4; li r3, H_REPORT;
 * sc 1; mr r4, r5; li r3, H_EOI; sc 1; mtsrr0 r20; mtsrr1 r21; rfid
 */
static const uint32_t handler[] = { 0x7e9a02a6, 0x7ebb02a6, 0x38600074,
	0x44000022, 0x7c852378, 0x38600058, 0x44000022, 0x7ca42b78, 0x38600064,
	0x44000022, 0x7e9a03a6, 0x7ebb03a6, 0x4c000024 };

/* lis r22, 0x7fff; mtdec r22; rfid: the clock is of no interest */
static const uint32_t ticking[] = { 0x3ec07fff, 0x7ed603a6, 0x4c000024 };

struct machine {
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_vcpu *vcpu[VCPUS];
	struct vmapi_device *xics;
};

static struct vmapi *ctx;
static bool on_xive;

/* -- The machine --------------------------------------------------------- */

static bool give_ram(struct machine *m)
{
	bool good = guest_ram(ctx, m->vm, 0, &m->as);

	guest_code_big(m->as, CALL, call, 4);
	guest_code_big(m->as, WAIT, waiting, 1);
	guest_code_big(m->as, EXTERNAL, handler, 13);
	guest_code_big(m->as, CLOCK, ticking, 3);
	return good;
}

static unsigned controller = VMAPI_DEVICE_XICS;

static bool bare(struct machine *m)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config) };
	struct vmapi_device_config xics = { .size = sizeof(xics),
		.type = controller };

	memset(m, 0, sizeof(*m));
	if (!OK(vmapi_vm_create(ctx, NULL, &m->vm)) || !give_ram(m) ||
		!OK(vmapi_device_create(m->vm, &xics, &m->xics)))
		return false;
	for (; config.id < VCPUS; config.id++)
		if (!OK(vmapi_vcpu_create(
			    m->vm, &config, &m->vcpu[config.id])))
			return false;
	return true;
}

/* The other way round, so that no number is right by itself. */
static uint32_t server_of(unsigned vcpu)
{
	return VCPUS - 1 - vcpu;
}

static bool machine(struct machine *m)
{
	unsigned i;

	if (!bare(m))
		return false;
	for (i = 0; i < VCPUS; i++)
		if (!OK(vmapi_device_connect(
			    m->xics, m->vcpu[i], server_of(i))))
			return false;
	return true;
}

static void drop(struct machine *m)
{
	unsigned i;

	vmapi_device_destroy(m->xics);
	for (i = 0; i < VCPUS; i++)
		vmapi_vcpu_destroy(m->vcpu[i]);
	vmapi_as_destroy(m->as);
	vmapi_vm_destroy(m->vm);
}

static void source(struct machine *m, uint32_t number, uint64_t value)
{
	const struct vmapi_attr attr = { .size = sizeof(attr), .group = 1,
		.number = number, .device = m->xics };

	OK(vmapi_attr_set(&attr, &value, sizeof(value)));
}

static uint64_t source_is(struct machine *m, uint32_t number)
{
	const struct vmapi_attr attr = { .size = sizeof(attr), .group = 1,
		.number = number, .device = m->xics };
	uint64_t value = 0;
	size_t bytes = sizeof(value);

	OK(vmapi_attr_get(&attr, &value, &bytes));
	return value;
}

static struct vmapi_irq *line(struct machine *m, uint32_t number)
{
	struct vmapi_irq_config config = { .size = sizeof(config),
		.pin = number, .device = m->xics };
	struct vmapi_irq *irq = NULL;

	OK(vmapi_irq_create(m->vm, &config, &irq));
	return irq;
}

/* -- Running -------------------------------------------------------------- */

/* The report is answered, and its arguments left as they were. */
static void answer(struct machine *m, unsigned vcpu, struct vmapi_exit *exit)
{
	uint64_t words[1 + REGISTER] = { 0 };

	memcpy(words + 1, exit->u.hypercall.args, sizeof(words) - 8);
	OK(vmapi_vcpu_complete(m->vcpu[vcpu], words, sizeof(words)));
}

static bool is_report(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_HYPERCALL &&
		exit->u.hypercall.number == H_REPORT;
}

/* One call by a program that takes no interrupts: status, and what r4 is. */
static int64_t hcall(struct machine *m, unsigned vcpu, uint64_t number,
	const uint64_t *args, uint64_t *result)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_PPC_PC, .value = CALL },
		{ .tag = VMAPI_PPC_MSR, .value = MSR },
		{ .tag = VMAPI_PPC_GPR(3), .value = number },
		{ .tag = VMAPI_PPC_GPR(4), .value = args[0] },
		{ .tag = VMAPI_PPC_GPR(5), .value = args[1] },
	};
	struct vmapi_exit exit;

	OK(vmapi_regs_set(m->vcpu[vcpu], regs, 5, NULL, 0));
	guest_run(m->vcpu[vcpu], &exit, 10);
	if (!CHECK(is_report(&exit))) {
		printf("exit %s\n", vmapi_exit_name(exit.reason));
		return -1;
	}
	answer(m, vcpu, &exit);
	OK(vmapi_vcpu_settle(m->vcpu[vcpu], &exit));
	*result = exit.u.hypercall.args[0];
	return 0;
}

/* The same, of which nothing is wanted but that it worked. */
static void does(struct machine *m, unsigned vcpu, uint64_t number,
	uint64_t first, uint64_t second)
{
	const uint64_t args[] = { first, second };
	uint64_t ignored;

	CHECK(hcall(m, vcpu, number, args, &ignored) == 0);
}

static void wait_in_guest(struct machine *m, unsigned vcpu)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_PPC_PC, .value = WAIT },
		{ .tag = VMAPI_PPC_MSR, .value = MSR | MSR_EE },
	};

	OK(vmapi_regs_set(m->vcpu[vcpu], regs, 2, NULL, 0));
}

/* The guest takes an interrupt, and is left before its end. */
static bool gets(struct machine *m, unsigned vcpu, uint32_t number)
{
	struct vmapi_exit exit;
	uint64_t xirr;

	guest_run(m->vcpu[vcpu], &exit, 10);
	xirr = exit.u.hypercall.args[0];
	if (!CHECK(is_report(&exit) && (xirr & 0xffffff) == number)) {
		printf("exit %s, interrupt 0x%llx, not 0x%x\n",
			vmapi_exit_name(exit.reason), (unsigned long long)xirr,
			number);
		return false;
	}
	CHECK(xirr >> 24 == 0xff); /* the priority that it had before */
	answer(m, vcpu, &exit);
	return true;
}

static void gets_none(struct machine *m, unsigned vcpu)
{
	struct vmapi_exit exit;

	guest_run(m->vcpu[vcpu], &exit, 1);
	if (!CHECK(exit.reason == VMAPI_EXIT_KICK))
		printf("exit %s, interrupt 0x%llx\n",
			vmapi_exit_name(exit.reason),
			(unsigned long long)exit.u.hypercall.args[0]);
}

/*
 * The same, of one that was just restored: a kernel presents an interrupt
 * once too often, or one that is none (number 0), rather than never.
 */
static void calms_down(struct machine *m, unsigned vcpu, uint32_t number)
{
	struct vmapi_exit exit;
	uint32_t is;
	unsigned i;

	for (i = 0; i < 4; i++) {
		guest_run(m->vcpu[vcpu], &exit, 1);
		if (!is_report(&exit))
			break;
		is = exit.u.hypercall.args[0] & 0xffffff;
		CHECK(is == 0 || is == number);
		answer(m, vcpu, &exit);
	}
	CHECK(exit.reason == VMAPI_EXIT_KICK);
}

/* Of one whose state was read, which a XIVE does by masking everything. */
static void goes_on(struct machine *m, unsigned vcpu, uint32_t number)
{
	if (on_xive)
		calms_down(m, vcpu, number);
	else
		gets_none(m, vcpu);
}

/* -- Connecting ------------------------------------------------------------ */

static void connecting(void)
{
	struct machine m, other;

	if (!bare(&m) || !bare(&other))
		return;
	GIVES(vmapi_device_connect(m.xics, other.vcpu[0], 0), -EINVAL);
	GIVES(vmapi_device_connect(m.xics, NULL, 0), -EINVAL);
	GIVES(vmapi_device_connect(NULL, m.vcpu[0], 0), -EINVAL);
	OK(vmapi_device_connect(m.xics, m.vcpu[0], 7));
	GIVES(vmapi_device_connect(m.xics, m.vcpu[0], 7), -EEXIST);
	GIVES(vmapi_device_connect(m.xics, m.vcpu[0], 8), -EEXIST);
	GIVES(vmapi_device_connect(m.xics, m.vcpu[1], 7), -EEXIST);
	OK(vmapi_device_connect(m.xics, m.vcpu[1], 8));
	drop(&other);
	drop(&m);
}

/* -- Lines ------------------------------------------------------------------ */

static void sources(struct machine *m)
{
	source(m, EDGE, SOURCE(server_of(0)));
	source(m, LEVEL, SOURCE(server_of(1)) | SOURCE_LEVEL);
	source(m, FAR, SOURCE(server_of(0)) | SOURCE_MASKED);
	CHECK(source_is(m, EDGE) == SOURCE(server_of(0)));
	CHECK(source_is(m, LEVEL) == (SOURCE(server_of(1)) | SOURCE_LEVEL));
	CHECK(source_is(m, FAR) == (SOURCE(server_of(0)) | SOURCE_MASKED));
}

/* Every processor begins with all interrupts held back: priority 0. */
static void let_in(struct machine *m)
{
	unsigned i;

	for (i = 0; i < VCPUS; i++) {
		does(m, i, H_CPPR, 0xff, 0);
		wait_in_guest(m, i);
	}
}

static void edges(struct machine *m)
{
	struct vmapi_irq *irq = line(m, EDGE);

	OK(vmapi_irq_set(irq, 1, NULL));
	OK(vmapi_irq_set(irq, 0, NULL));
	gets_none(m, 1); /* it is the other's */
	gets(m, 0, EDGE);
	gets_none(m, 0);
	OK(vmapi_irq_set(irq, 1, NULL));
	gets(m, 0, EDGE);
	gets_none(m, 0);
	vmapi_irq_destroy(irq);
}

static bool is_pending(struct machine *m, uint32_t number)
{
	return source_is(m, number) & SOURCE_PENDING;
}

/* Again at each end, while it is high. */
static void levels(struct machine *m)
{
	struct vmapi_irq *irq = line(m, LEVEL);

	OK(vmapi_irq_set(irq, 1, NULL));
	CHECK(is_pending(m, LEVEL));
	gets_none(m, 0);
	gets(m, 1, LEVEL);
	gets(m, 1, LEVEL);
	OK(vmapi_irq_set(irq, 0, NULL));
	CHECK(on_xive || !is_pending(m, LEVEL));
	gets_none(m, 1);
	vmapi_irq_destroy(irq);
}

/* What was masked comes when it is let in. */
static void masked(struct machine *m)
{
	struct vmapi_irq *irq = line(m, FAR);

	OK(vmapi_irq_set(irq, 1, NULL));
	CHECK(on_xive || is_pending(m, FAR));
	gets_none(m, 0);
	source(m, FAR, SOURCE(server_of(0)) | SOURCE_PENDING);
	gets(m, 0, FAR);
	gets_none(m, 0);
	vmapi_irq_destroy(irq);
}

static void *raise_later(void *irq)
{
	usleep(200000);
	OK(vmapi_irq_set(irq, 1, NULL));
	return NULL;
}

/* A vcpu that is in the guest comes out for it. */
static void while_it_runs(struct machine *m)
{
	struct vmapi_irq *irq = line(m, EDGE);
	pthread_t thread;

	if (!CHECK(!pthread_create(&thread, NULL, raise_later, irq)))
		return;
	gets(m, 0, EDGE);
	pthread_join(thread, NULL);
	gets_none(m, 0);
	vmapi_irq_destroy(irq);
}

static void eventfds(struct machine *m)
{
	struct vmapi_irqfd_config config = { .size = sizeof(config),
		.irq = line(m, EDGE), .fd = eventfd(0, EFD_NONBLOCK) };
	const uint64_t one = 1;
	struct vmapi_irqfd *irqfd;

	if (OK(vmapi_irqfd_create(m->vm, &config, &irqfd))) {
		CHECK(write(config.fd, &one, 8) == 8);
		gets(m, 0, EDGE);
		gets_none(m, 0);
		vmapi_irqfd_destroy(irqfd);
	}
	close(config.fd);
	vmapi_irq_destroy(config.irq);
}

/* From one processor to the other, by its server's number. */
static void between(struct machine *m)
{
	does(m, 0, H_IPI, server_of(1), 4);
	gets(m, 1, IPI);
	does(m, 0, H_IPI, server_of(1), 0xff);
	wait_in_guest(m, 0);
	gets_none(m, 1);
}

/* -- State ------------------------------------------------------------------ */

static int memory_file(void)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static int restore(struct machine *to, int fd)
{
	lseek(fd, 0, SEEK_SET);
	return vmapi_vm_restore(to->vm, fd, NULL);
}

static bool moves(struct machine *from, struct machine *to)
{
	int fd = memory_file();
	bool good = machine(to) && OK(vmapi_vm_save(from->vm, fd, NULL)) &&
		OK(restore(to, fd));

	printf("stream of %lld bytes\n", (long long)lseek(fd, 0, SEEK_END));
	close(fd);
	return good;
}

/* Presented to a processor that has not looked; held back; masked. */
static void moved_pending(struct machine *m)
{
	struct vmapi_irq *edge = line(m, EDGE), *far = line(m, FAR);
	struct machine to;

	source(m, FAR, SOURCE(server_of(0)) | SOURCE_MASKED);
	OK(vmapi_irq_set(edge, 1, NULL));
	OK(vmapi_irq_set(far, 1, NULL));
	if (moves(m, &to)) {
		CHECK(source_is(&to, FAR) == source_is(m, FAR));
		CHECK(source_is(&to, EDGE) == source_is(m, EDGE));
		gets(&to, 0, EDGE);
		calms_down(&to, 0, EDGE);
		source(&to, FAR, SOURCE(server_of(0)) | SOURCE_PENDING);
		gets(&to, 0, FAR);
		calms_down(&to, 0, FAR);
		calms_down(&to, 1, 0);
	}
	drop(&to);
	gets(m, 0, EDGE); /* it stayed here as well */
	goes_on(m, 0, EDGE);
	vmapi_irq_destroy(far);
	vmapi_irq_destroy(edge);
}

/* Between acknowledgement and end, with the line high. */
static void moved_in_service(struct machine *m)
{
	struct vmapi_irq *irq = line(m, LEVEL), *there;
	struct machine to;

	OK(vmapi_irq_set(irq, 1, NULL));
	if (gets(m, 1, LEVEL) && moves(m, &to)) {
		there = line(&to, LEVEL);
		gets(&to, 1, LEVEL);
		OK(vmapi_irq_set(there, 1, NULL));
		OK(vmapi_irq_set(there, 0, NULL));
		calms_down(&to, 1, LEVEL);
		vmapi_irq_destroy(there);
		drop(&to);
	}
	OK(vmapi_irq_set(irq, 0, NULL));
	goes_on(m, 1, LEVEL);
	vmapi_irq_destroy(irq);
}

/* A VM whose vcpus are other servers, or none, is another one. */
static void unlike(struct machine *m)
{
	int fd = memory_file();
	struct machine to;

	OK(vmapi_vm_save(m->vm, fd, NULL));
	if (bare(&to)) {
		GIVES(restore(&to, fd), -ENODEV);
		OK(vmapi_device_connect(to.xics, to.vcpu[0], 0));
		OK(vmapi_device_connect(to.xics, to.vcpu[1], 1));
		GIVES(restore(&to, fd), -ENODEV);
		drop(&to);
	}
	close(fd);
}

/* -- XIVE ------------------------------------------------------------------- */

#define XIVE_SOURCE 0x1300u

static void xive_set(struct vmapi_device *d, uint32_t group, uint64_t number,
	uint64_t value)
{
	const struct vmapi_attr attr = { .size = sizeof(attr), .group = group,
		.number = number, .device = d };

	OK(vmapi_attr_set(&attr, &value, sizeof(value)));
}

/* Its processors have a state of theirs once they are connected. */
static int xive_state(struct vmapi_vcpu *vcpu)
{
	uint64_t words[2];
	struct vmapi_reg reg = { .data = words, .bytes = sizeof(words) };
	int err = vmapi_reg_tag(vcpu, "vp_state", &reg.tag);

	return err ? err : vmapi_regs_get(vcpu, &reg, 1, NULL, 0);
}

#define QUEUE 0x10000u

/* Priority 5 of a server has an event queue of 64 KiB (xive.rst, 4). */
static void xive_queue(struct machine *m, uint32_t server)
{
	const struct vmapi_attr attr = { .size = sizeof(attr), .group = 4,
		.number = PRIORITY | server << 3, .device = m->xics };
	/* flags and shift; address; toggle and index */
	uint32_t half[16] = { 1, 16 }, got[16] = { 0 };
	const uint64_t address = QUEUE;
	size_t bytes = sizeof(got);

	memcpy(half + 2, &address, 8);
	half[4] = 1;
	OK(vmapi_attr_set(&attr, half, sizeof(half)));
	OK(vmapi_attr_get(&attr, got, &bytes));
	CHECK(bytes == sizeof(got) && !memcmp(half, got, sizeof(got)));
}

/* -- A guest that uses it ---------------------------------------------------- */

#define XIVE_NEAR  5u	       /* a source whose pages are not far */
#define PAGE	   0x10000u    /* of TIMA and ESB */
#define TIMA	   0x10000000u /* where the guest sees them */
#define ESB	   0x20000000u
#define SETUP	   0x3000u
#define TRIGGER	   0x4000u
#define NSR_OS	   0x80u /* an exception of the OS's ring */

/*
 * r24 is the page of the operating system's ring, r25 the source's page of
 * management, r26 the queue's next entry, r27 the source's page to trigger.
 *
 * li r4, 255; stb r4, CPPR(r24); ld r5, SET_PQ_00(r25); b .
 */
static const uint32_t xive_setup[] = { 0x388000ff, 0x98980011, 0xe8b90c00,
	0x48000000 };
/* std r4, 0(r27); b . */
static const uint32_t xive_trigger[] = { 0xf89b0000, 0x48000000 };
/*
 * mfsrr0 r20; mfsrr1 r21; lhz r4, ACK_OS(r24); lwz r5, 0(r26);
 * addi r26, r26, 4; li r3, H_REPORT; sc 1; ld r6, EOI(r25); li r4, 255;
 * stb r4, CPPR(r24); mtsrr0 r20; mtsrr1 r21; rfid
 */
static const uint32_t xive_handler[] = { 0x7e9a02a6, 0x7ebb02a6, 0xa0980810,
	0x80ba0000, 0x3b5a0004, 0x38600058, 0x44000022, 0xe8d90000, 0x388000ff,
	0x98980011, 0x7e9a03a6, 0x7ebb03a6, 0x4c000024 };

/* TIMA at page 0 of the device, ESBs behind its four (xive.rst). */
static bool xive_pages(struct machine *m, uint64_t first, uint64_t n,
	uint64_t gpa)
{
	struct vmapi_ram_config c = { .size = sizeof(c),
		.kind = VMAPI_RAM_DEVICE, .device = m->xics,
		.offset = first * PAGE, .bytes = n * PAGE, .name = "xive" };
	struct vmapi_map_entry e = { .size = sizeof(e), .gpa = gpa,
		.bytes = c.bytes };
	struct vmapi_map *map;
	uint8_t byte;
	bool good = OK(vmapi_ram_create(ctx, &c, &e.ram)) &&
		OK(vmapi_map_begin(m->vm, &map)) &&
		OK(vmapi_map_add(map, m->as, &e)) &&
		OK(vmapi_map_commit(map));

	vmapi_ram_destroy(e.ram);
	GIVES(vmapi_as_read(m->as, gpa, &byte, 1), -EFAULT);
	return good;
}

static void xive_start(struct machine *m, uint64_t pc)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_PPC_PC, .value = pc },
		{ .tag = VMAPI_PPC_MSR, .value = MSR | MSR_EE },
		{ .tag = VMAPI_PPC_GPR(24), .value = TIMA + 2 * PAGE },
		{ .tag = VMAPI_PPC_GPR(25),
			.value = ESB + (2 * XIVE_NEAR + 1) * PAGE },
		{ .tag = VMAPI_PPC_GPR(27), .value = ESB + 2 * XIVE_NEAR * PAGE },
	};

	OK(vmapi_regs_set(m->vcpu[0], regs, 5, NULL, 0));
}

/* The processor says so, and the queue has the source's number. */
static bool xive_gets(struct machine *m)
{
	struct vmapi_exit exit;
	const uint64_t *args = exit.u.hypercall.args;

	guest_run(m->vcpu[0], &exit, 10);
	if (!CHECK(is_report(&exit))) {
		printf("exit %s\n", vmapi_exit_name(exit.reason));
		return false;
	}
	CHECK((args[0] >> 8 & 0xff) == NSR_OS && (args[0] & 0xff) == PRIORITY);
	CHECK((args[1] & 0xffffffff) == (0x80000000u | XIVE_NEAR));
	printf("XIVE: NSR 0x%llx, CPPR %llu, queue entry 0x%llx\n",
		(unsigned long long)args[0] >> 8,
		(unsigned long long)args[0] & 0xff,
		(unsigned long long)args[1]);
	answer(m, 0, &exit);
	return true;
}

static void xive_used(struct machine *m)
{
	const struct vmapi_reg queue = { .tag = VMAPI_PPC_GPR(26),
		.value = QUEUE };
	struct vmapi_irq *irq = line(m, XIVE_NEAR);
	struct vmapi_reg reg = queue;

	guest_code_big(m->as, SETUP, xive_setup, 4);
	guest_code_big(m->as, TRIGGER, xive_trigger, 2);
	guest_code_big(m->as, EXTERNAL, xive_handler, 13);
	OK(vmapi_regs_set(m->vcpu[0], &reg, 1, NULL, 0));
	xive_start(m, SETUP);
	gets_none(m, 0);
	OK(vmapi_irq_set(irq, 1, NULL));
	if (xive_gets(m)) {
		gets_none(m, 0);
		xive_start(m, TRIGGER); /* the guest's own */
		xive_gets(m);
		gets_none(m, 0);
	}
	vmapi_irq_destroy(irq);
	GIVES(vmapi_vm_save(m->vm, 1, NULL), -ENOTSUP);
}

static void xive_source_to(struct machine *m, uint32_t number, uint32_t server)
{
	xive_set(m->xics, 2, number, 0);
	xive_set(m->xics, 3, number, PRIORITY | server << 3 |
		(uint64_t)number << 33);
}

static void xive(void)
{
	struct vmapi_irq *irq;
	struct machine m;
	unsigned i;

	controller = VMAPI_DEVICE_XIVE;
	if (!bare(&m))
		return;
	CHECK(xive_state(m.vcpu[0]) == -ENOENT);
	for (i = 0; i < VCPUS; i++)
		OK(vmapi_device_connect(m.xics, m.vcpu[i], server_of(i)));
	OK(xive_state(m.vcpu[0]));
	GIVES(vmapi_device_connect(m.xics, m.vcpu[0], 1), -EEXIST);
	xive_queue(&m, server_of(0));
	xive_source_to(&m, XIVE_SOURCE, server_of(0));
	irq = line(&m, XIVE_SOURCE);
	OK(vmapi_irq_set(irq, 1, NULL));
	vmapi_irq_destroy(irq);
	xive_source_to(&m, XIVE_NEAR, server_of(0));
	if (xive_pages(&m, 0, 4, TIMA) &&
		xive_pages(&m, 4, 2 * (XIVE_NEAR + 1), ESB))
		xive_used(&m);
	drop(&m);
}

int main(void)
{
	struct machine m;
	struct vmapi_vm *vm;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (vmapi_open("kvm", 0, &ctx) || !OK(vmapi_vm_create(ctx, NULL, &vm))) {
		printf("%s\n", vmapi_error_last()->message);
		return 77;
	}
	on_xive = !vmapi_device_probe(vm, VMAPI_DEVICE_XIVE);
	printf("XICS%s\n", on_xive ? ", on a XIVE that guests can have, too"
				    : "; the kernel offers no XIVE");
	vmapi_vm_destroy(vm);
	connecting();
	if (!machine(&m))
		return EXIT_FAILURE;
	sources(&m);
	let_in(&m);
	edges(&m);
	levels(&m);
	masked(&m);
	while_it_runs(&m);
	eventfds(&m);
	between(&m);
	moved_pending(&m);
	moved_in_service(&m);
	unlike(&m);
	drop(&m);
	if (on_xive)
		xive();
	vmapi_close(ctx);
	return check_result("kvm/xics");
}
