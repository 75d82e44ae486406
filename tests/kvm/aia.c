/* SPDX-License-Identifier: MIT */
/* The AIA on a real KVM of riscv64, with a guest. */
/*
 * The guest waits for external interrupts, and stores what stopei says of
 * each to where no RAM is, which is an exit.  All else is done from outside:
 * APLIC and IMSICs by attributes, so that they, lines, messages and the saved
 * state are proved by what the guest gets.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vmapi/vmapi.h>

#include "tests/kvm/check.h"
#include "tests/kvm/guest.h"

#define RAM	  0x80000000ull
#define WAIT	  (RAM + 0x1000)
#define HANDLER	  (RAM + 0x2000)
#define OUTSIDE	  0x10000000u
#define APLIC	  0x0d000000ull
#define IMSIC	  0x28000000ull
#define VCPUS	  2
#define IDS	  255u
#define SOURCES	  32u

#define EDGE	7u  /* a source, of vcpu 0 */
#define LEVEL	9u  /* another, of vcpu 1 */
#define OFF	11u /* not enabled at first */
#define EDGE_ID 20u /* what they are at the IMSIC; see vmapi_riscv(7) */
#define LEVEL_ID 77u
#define OFF_ID	200u
#define MSI_ID	13u

/* Groups and numbers of attributes (asm/kvm.h). */
enum { CONFIG, ADDRESS, CONTROL, APLIC_REGISTER, IMSIC_REGISTER };
enum { MODE, ID_COUNT, SOURCE_COUNT, GROUP_BITS, GROUP_SHIFT, HART_BITS };

/* Registers of the APLIC (AIA 4.5) and of an IMSIC (AIA 3.8). */
#define DOMAINCFG    0x0u
#define SOURCECFG(n) (4 * (n))
#define SETIE(n)     (0x1e00u + (n) / 32 * 4)
#define TARGET(n)    (0x3000u + 4 * (n))
#define EIDELIVERY   0x70u
#define EIP(id)	     (0x80u + (id) / 64 * 2)
#define EIE(id)	     (0xc0u + (id) / 64 * 2)

/* wfi; j back */
static const uint32_t waiting[] = { 0x10500073, 0xffdff06f };
/* csrrw t0, stopei, zero; sd t0, (t3); sret */
static const uint32_t handler[] = { 0x15c012f3, 0x005e3023, 0x10200073 };

struct machine {
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_vcpu *vcpu[VCPUS];
	struct vmapi_device *aia;
};

static struct vmapi *ctx;

/* -- The machine --------------------------------------------------------- */

static bool give_ram(struct machine *m)
{
	bool good = guest_ram(ctx, m->vm, RAM, &m->as);

	guest_code(m->as, WAIT, waiting, 2);
	guest_code(m->as, HANDLER, handler, 3);
	return good;
}

static int set(struct machine *m, uint32_t group, uint64_t number,
	uint64_t value)
{
	const struct vmapi_attr attr = { .size = sizeof(attr), .group = group,
		.number = number, .device = m->aia };
	const uint32_t half = (uint32_t)value;
	bool is_half = group == CONFIG || group == APLIC_REGISTER;

	return is_half ? vmapi_attr_set(&attr, &half, sizeof(half))
		       : vmapi_attr_set(&attr, &value, sizeof(value));
}

static uint64_t get(struct machine *m, uint32_t group, uint64_t number)
{
	const struct vmapi_attr attr = { .size = sizeof(attr), .group = group,
		.number = number, .device = m->aia };
	bool is_half = group == CONFIG || group == APLIC_REGISTER;
	size_t bytes = is_half ? 4 : 8;
	uint64_t value = 0;
	uint32_t half = 0;

	OK(vmapi_attr_get(&attr, is_half ? (void *)&half : (void *)&value,
		&bytes));
	return is_half ? half : value;
}

static uint64_t imsic_register(unsigned vcpu, uint32_t number)
{
	return (uint64_t)vcpu << 12 | number;
}

static int init(struct machine *m)
{
	const struct vmapi_attr attr = { .size = sizeof(attr),
		.group = CONTROL, .device = m->aia };

	return vmapi_attr_command(&attr, NULL, 0);
}

/* Made, and nothing said of it. */
static bool bare(struct machine *m)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config) };
	struct vmapi_device_config aia = { .size = sizeof(aia),
		.type = VMAPI_DEVICE_AIA };

	memset(m, 0, sizeof(*m));
	if (!OK(vmapi_vm_create(ctx, NULL, &m->vm)) || !give_ram(m))
		return false;
	for (; config.id < VCPUS; config.id++)
		if (!OK(vmapi_vcpu_create(
			    m->vm, &config, &m->vcpu[config.id])))
			return false;
	return OK(vmapi_device_create(m->vm, &aia, &m->aia));
}

static void configure(struct machine *m)
{
	unsigned i;

	OK(set(m, CONFIG, MODE, 0)); /* emulated: no guest interrupt files */
	OK(set(m, CONFIG, ID_COUNT, IDS));
	OK(set(m, CONFIG, SOURCE_COUNT, SOURCES));
	OK(set(m, CONFIG, HART_BITS, 1));
	OK(set(m, ADDRESS, 0, APLIC));
	for (i = 0; i < VCPUS; i++)
		OK(set(m, ADDRESS, 1 + i, IMSIC + 0x1000 * i));
}

/* Registers of the guests: supervisor mode, external interrupts let in. */
static void start(struct machine *m, unsigned vcpu)
{
	uint32_t runnable = VMAPI_RISCV_MP_RUNNABLE;
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_RISCV_PC, .value = WAIT },
		{ .tag = VMAPI_RISCV_MODE, .value = 1 },
		{ .tag = VMAPI_RISCV_SSTATUS, .value = 2 },
		{ .tag = VMAPI_RISCV_SIE, .value = 1u << 9 },
		{ .tag = VMAPI_RISCV_STVEC, .value = HANDLER },
		{ .tag = VMAPI_RISCV_X(28), .value = OUTSIDE },
		{ .tag = VMAPI_RISCV_MP_STATE, .value = runnable },
	};

	OK(vmapi_regs_set(m->vcpu[vcpu], regs, 7, NULL, 0));
}

static bool machine(struct machine *m)
{
	unsigned i;

	if (!bare(m))
		return false;
	configure(m);
	for (i = 0; i < VCPUS; i++)
		start(m, i);
	return OK(init(m));
}

static void drop(struct machine *m)
{
	unsigned i;

	vmapi_device_destroy(m->aia);
	for (i = 0; i < VCPUS; i++)
		vmapi_vcpu_destroy(m->vcpu[i]);
	vmapi_as_destroy(m->as);
	vmapi_vm_destroy(m->vm);
}

/* -- Attributes -------------------------------------------------------------- */

static void attributes(void)
{
	struct machine m;

	if (!bare(&m))
		return;
	CHECK(get(&m, CONFIG, MODE) == 0);
	CHECK(set(&m, CONFIG, MODE, 1) < 0); /* there are no guest files */
	CHECK(set(&m, CONFIG, ID_COUNT, 64) < 0);
	CHECK(set(&m, CONFIG, SOURCE_COUNT, 5000) < 0);
	CHECK(set(&m, APLIC_REGISTER, DOMAINCFG, 0x100) < 0); /* too early */
	CHECK(init(&m) < 0); /* where are the IMSICs? */
	configure(&m);
	CHECK(get(&m, CONFIG, ID_COUNT) == IDS);
	CHECK(get(&m, CONFIG, SOURCE_COUNT) == SOURCES);
	CHECK(get(&m, CONFIG, HART_BITS) == 1);
	CHECK(get(&m, ADDRESS, 0) == APLIC);
	CHECK(get(&m, ADDRESS, 2) == IMSIC + 0x1000);
	OK(init(&m));
	CHECK(init(&m) < 0);
	CHECK(set(&m, CONFIG, ID_COUNT, IDS) < 0);
	CHECK(set(&m, ADDRESS, 0, APLIC) < 0);
	drop(&m);
}

/* -- Setting it up, as a guest would ------------------------------------------ */

static void source(struct machine *m, unsigned n, unsigned mode, unsigned vcpu,
	unsigned id)
{
	OK(set(m, APLIC_REGISTER, SOURCECFG(n), mode));
	OK(set(m, APLIC_REGISTER, TARGET(n), vcpu << 18 | id));
	CHECK(get(m, APLIC_REGISTER, SOURCECFG(n)) == mode);
	CHECK(get(m, APLIC_REGISTER, TARGET(n)) == (vcpu << 18 | id));
}

static void let_in(struct machine *m, unsigned vcpu, unsigned id)
{
	uint64_t number = imsic_register(vcpu, EIE(id));
	uint64_t was = get(m, IMSIC_REGISTER, number);

	OK(set(m, IMSIC_REGISTER, number, was | UINT64_C(1) << id % 64));
}

static void enable(struct machine *m)
{
	unsigned i;

	source(m, EDGE, 4, 0, EDGE_ID);
	source(m, LEVEL, 6, 1, LEVEL_ID);
	source(m, OFF, 4, 0, OFF_ID);
	OK(set(m, APLIC_REGISTER, SETIE(0), 1u << EDGE | 1u << LEVEL));
	OK(set(m, APLIC_REGISTER, DOMAINCFG, 0x100));
	CHECK(get(m, APLIC_REGISTER, SETIE(0)) == (1u << EDGE | 1u << LEVEL));
	for (i = 0; i < VCPUS; i++) {
		OK(set(m, IMSIC_REGISTER, imsic_register(i, EIDELIVERY), 1));
		let_in(m, i, MSI_ID);
	}
	let_in(m, 0, EDGE_ID);
	let_in(m, 1, LEVEL_ID);
	let_in(m, 0, OFF_ID);
}

/* -- What the guest gets -------------------------------------------------------- */

static void gets(struct machine *m, unsigned vcpu, uint32_t id)
{
	struct vmapi_exit exit;
	uint32_t is;

	guest_run(m->vcpu[vcpu], &exit, 10);
	is = exit.u.mmio.data[0] | (uint32_t)exit.u.mmio.data[1] << 8 |
		(uint32_t)exit.u.mmio.data[2] << 16 |
		(uint32_t)exit.u.mmio.data[3] << 24;
	if (!CHECK(exit.reason == VMAPI_EXIT_MMIO && exit.u.mmio.is_write &&
		    exit.u.mmio.gpa == OUTSIDE && is == (id << 16 | id)))
		printf("exit %s, stopei 0x%x, not %u\n",
			vmapi_exit_name(exit.reason), is, id);
}

static void gets_none(struct machine *m, unsigned vcpu)
{
	struct vmapi_exit exit;

	guest_run(m->vcpu[vcpu], &exit, 1);
	CHECK(exit.reason == VMAPI_EXIT_KICK);
}

static struct vmapi_irq *line(struct machine *m, unsigned source_number)
{
	struct vmapi_irq_config config = { .size = sizeof(config),
		.pin = source_number, .device = m->aia };
	struct vmapi_irq *irq = NULL;

	OK(vmapi_irq_create(m->vm, &config, &irq));
	return irq;
}

static void lines(struct machine *m)
{
	struct vmapi_irq *edge = line(m, EDGE), *level = line(m, LEVEL);

	gets_none(m, 0);
	OK(vmapi_irq_set(edge, 1, NULL));
	gets_none(m, 1);
	gets(m, 0, EDGE_ID);
	gets_none(m, 0);
	OK(vmapi_irq_set(edge, 0, NULL));
	OK(vmapi_irq_set(edge, 1, NULL));
	gets(m, 0, EDGE_ID);
	OK(vmapi_irq_set(edge, 0, NULL));
	OK(vmapi_irq_set(level, 1, NULL));
	gets(m, 1, LEVEL_ID);
	OK(vmapi_irq_set(level, 0, NULL));
	gets_none(m, 1);
	vmapi_irq_destroy(level);
	vmapi_irq_destroy(edge);
}

static void messages(struct machine *m)
{
	struct vmapi_msi msi = { .size = sizeof(msi), .address = IMSIC + 0x1000,
		.data = MSI_ID };

	OK(vmapi_msi_send(m->vm, &msi, NULL));
	gets_none(m, 0);
	gets(m, 1, MSI_ID);
	msi.address = IMSIC;
	OK(vmapi_msi_send(m->vm, &msi, NULL));
	gets(m, 0, MSI_ID);
	gets_none(m, 0);
}

/* Once: the kernel (6.12) leaves the input high that an irqfd raised. */
static void eventfds(struct machine *m)
{
	struct vmapi_irqfd_config config = { .size = sizeof(config),
		.irq = line(m, EDGE), .fd = eventfd(0, EFD_NONBLOCK) };
	const uint64_t one = 1;
	struct vmapi_irqfd *irqfd;

	if (OK(vmapi_irqfd_create(m->vm, &config, &irqfd))) {
		CHECK(write(config.fd, &one, 8) == 8);
		gets(m, 0, EDGE_ID);
		gets_none(m, 0);
		vmapi_irqfd_destroy(irqfd);
	}
	close(config.fd);
	vmapi_irq_destroy(config.irq);
}

/* -- State ---------------------------------------------------------------------- */

static bool moves(struct machine *from, struct machine *to)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);
	bool good = machine(to) && OK(vmapi_vm_save(from->vm, fd, NULL));

	printf("stream of %lld bytes\n", (long long)lseek(fd, 0, SEEK_END));
	lseek(fd, 0, SEEK_SET);
	good = good && OK(vmapi_vm_restore(to->vm, fd, NULL));
	close(fd);
	return good;
}

/* Pending at an IMSIC, and at the APLIC where it is not enabled. */
static void moved(struct machine *m)
{
	struct vmapi_irq *edge = line(m, EDGE), *off = line(m, OFF);
	struct machine to;

	OK(vmapi_irq_set(edge, 1, NULL));
	OK(vmapi_irq_set(off, 1, NULL));
	CHECK(get(m, IMSIC_REGISTER, imsic_register(0, EIP(EDGE_ID))) ==
		UINT64_C(1) << EDGE_ID % 64);
	if (moves(m, &to)) {
		CHECK(get(&to, APLIC_REGISTER, TARGET(LEVEL)) ==
			get(m, APLIC_REGISTER, TARGET(LEVEL)));
		CHECK(get(&to, IMSIC_REGISTER, imsic_register(0, EIE(OFF_ID)))
			== UINT64_C(1) << OFF_ID % 64);
		gets(&to, 0, EDGE_ID);
		gets_none(&to, 0);
		OK(set(&to, APLIC_REGISTER, SETIE(0), 1u << OFF));
		gets(&to, 0, OFF_ID);
		gets_none(&to, 0);
		lines(&to);
		messages(&to);
	}
	drop(&to);
	gets(m, 0, EDGE_ID); /* it stayed here as well */
	gets_none(m, 0);
	vmapi_irq_destroy(off);
	vmapi_irq_destroy(edge);
}

int main(void)
{
	struct machine m;
	struct vmapi_vm *vm;
	int missing;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (vmapi_open("kvm", 0, &ctx) || !OK(vmapi_vm_create(ctx, NULL, &vm))) {
		printf("%s\n", vmapi_error_last()->message);
		return 77;
	}
	missing = vmapi_device_probe(vm, VMAPI_DEVICE_AIA);
	vmapi_vm_destroy(vm);
	if (missing) {
		printf("the processor has no AIA\n");
		return 77;
	}
	attributes();
	if (!machine(&m))
		return EXIT_FAILURE;
	enable(&m);
	lines(&m);
	messages(&m);
	moved(&m);
	eventfds(&m);
	drop(&m);
	vmapi_close(ctx);
	return check_result("kvm/aia");
}
