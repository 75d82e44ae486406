/* SPDX-License-Identifier: MIT */
/* vGICv2, vGICv3 and the ITS on a real KVM of arm64, with a guest. */
/*
 * The guest waits for interrupts, and stores the number of each to where no
 * RAM is, which is an exit.  All else is done from outside by attributes: so
 * they, lines, messages and the saved state are proved by what the guest
 * gets.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vmapi/vmapi.h>

#include "tests/kvm/check.h"
#include "tests/kvm/guest.h"

#define RAM	    0x40000000ull
#define CODE	    (RAM + 0x1000)
#define VECTORS	    (RAM + 0x2000)
#define IRQ_VECTOR  (VECTORS + 0x280) /* Arm ARM D1.3.1.1: EL1h, IRQ */
#define OUTSIDE	    0x10000000u
#define DISTRIBUTOR 0x08000000ull
#define CPU_V2	    0x08010000ull
#define ITS	    0x08080000ull
#define REDIST	    0x080a0000ull
#define IRQS	    96u

#define SPI	  40u
#define OTHER_SPI 72u
#define PPI	  20u
#define LPI	  8192u

/* ITS: tables and the queue, where the guest would have put them. */
#define ITS_DEVICES	(RAM + 0x10000)
#define ITS_COLLECTIONS (RAM + 0x20000)
#define ITS_ITT		(RAM + 0x30000)
#define LPI_PENDING	(RAM + 0x40000)
#define ITS_QUEUE	(RAM + 0x50000)
#define LPI_PROPERTIES	(RAM + 0x60000)
#define DEVICE		5u
#define EVENT		3u

/* wfi; b back */
static const uint32_t waiting[] = { 0xd503207f, 0x17ffffff };
/* mrs x0, ICC_IAR1_EL1; str w0, [x2]; msr ICC_EOIR1_EL1, x0; eret */
static const uint32_t handler_v3[] = { 0xd538cc00, 0xb9000040, 0xd518cc20,
	0xd69f03e0 };
/* ldr w0, [x4, #12]: GICC_IAR; str w0, [x2]; str w0, [x4, #16]: EOIR; eret */
static const uint32_t handler_v2[] = { 0xb9400c80, 0xb9000040, 0xb9001080,
	0xd69f03e0 };

struct machine {
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_vcpu *vcpu;
	struct vmapi_device *gic, *its;
};

static struct vmapi *ctx;
static bool v3;

/* -- The machine --------------------------------------------------------- */

static void put64(struct machine *m, uint64_t gpa, uint64_t value)
{
	const uint32_t words[] = { (uint32_t)value, (uint32_t)(value >> 32) };

	guest_code(m->as, gpa, words, 2);
}

static bool set(struct vmapi_device *device, uint32_t group, uint64_t number,
	uint64_t value)
{
	struct vmapi_attr attr = { .size = sizeof(attr), .group = group,
		.number = number, .device = device };
	struct vmapi_attr_info rows[16] = { { .size = sizeof(rows[0]) } };
	size_t i, n = 0;
	uint32_t half = (uint32_t)value;

	OK(vmapi_attr_list(&attr, rows, 16, &n));
	for (i = 0; i < n; i++)
		if (rows[i].group == group && rows[i].bytes == sizeof(half))
			return OK(vmapi_attr_set(&attr, &half, sizeof(half)));
	return OK(vmapi_attr_set(&attr, &value, sizeof(value)));
}

static uint64_t get(struct vmapi_device *device, uint32_t group,
	uint64_t number, size_t bytes)
{
	struct vmapi_attr attr = { .size = sizeof(attr), .group = group,
		.number = number, .device = device };
	uint64_t value = 0;
	uint32_t half = 0;

	if (bytes == sizeof(value)) {
		OK(vmapi_attr_get(&attr, &value, &bytes));
		return value;
	}
	OK(vmapi_attr_get(&attr, &half, &bytes));
	return half;
}

static bool command(struct vmapi_device *device, uint64_t number)
{
	struct vmapi_attr attr = { .size = sizeof(attr), .group = 4,
		.number = number, .device = device };

	return OK(vmapi_attr_command(&attr, NULL, 0));
}

static bool create(struct machine *m, unsigned type, struct vmapi_device **d)
{
	struct vmapi_device_config config = { .size = sizeof(config),
		.type = type };

	return OK(vmapi_device_create(m->vm, &config, d));
}

static bool make_gic(struct machine *m)
{
	if (!create(m, v3 ? VMAPI_DEVICE_VGIC_V3 : VMAPI_DEVICE_VGIC_V2,
		    &m->gic) ||
		!set(m->gic, 3, 0, IRQS) ||
		!set(m->gic, 0, v3 ? 2 : 0, DISTRIBUTOR) ||
		!set(m->gic, 0, v3 ? 3 : 1, v3 ? REDIST : CPU_V2) ||
		!command(m->gic, 0))
		return false;
	if (!v3 || vmapi_device_probe(m->vm, VMAPI_DEVICE_VGIC_ITS))
		return true;
	return create(m, VMAPI_DEVICE_VGIC_ITS, &m->its) &&
		set(m->its, 0, 4, ITS) && command(m->its, 0);
}

static bool machine(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	return OK(vmapi_vm_create(ctx, NULL, &m->vm)) &&
		guest_ram(ctx, m->vm, RAM, &m->as) &&
		OK(vmapi_vcpu_create(m->vm, NULL, &m->vcpu)) && make_gic(m);
}

static void drop(struct machine *m)
{
	vmapi_device_destroy(m->its);
	vmapi_device_destroy(m->gic);
	vmapi_vcpu_destroy(m->vcpu);
	vmapi_as_destroy(m->as);
	vmapi_vm_destroy(m->vm);
}

/* Registers of the guest, EL1h with IRQs let in. */
static void start(struct machine *m)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_ARM64_PC, .value = CODE },
		{ .tag = VMAPI_ARM64_PSTATE, .value = 0x345 },
		{ .tag = VMAPI_ARM64_SYSREG(3, 0, 12, 0, 0),
			.value = VECTORS },
		{ .tag = VMAPI_ARM64_X(2), .value = OUTSIDE },
		{ .tag = VMAPI_ARM64_X(4), .value = CPU_V2 },
	};

	guest_code(m->as, CODE, waiting, 2);
	guest_code(m->as, IRQ_VECTOR, v3 ? handler_v3 : handler_v2, 4);
	OK(vmapi_regs_set(m->vcpu, regs, 5, NULL, 0));
}

/* -- Setting it up, as a guest would -------------------------------------- */

static void enable_spi(struct machine *m, unsigned n)
{
	set(m->gic, 1, 0x80 + n / 32 * 4, v3 ? UINT32_MAX : 0); /* IGROUPR */
	set(m->gic, 1, 0x400 + n / 4 * 4, 0xa0a0a0a0);
	if (v3)
		set(m->gic, 1, 0x6000 + 8 * n, 0);
	else
		set(m->gic, 1, 0x800 + n / 4 * 4, 0x01010101);
	set(m->gic, 1, 0x100 + n / 32 * 4, 1u << n % 32);
}

static void enable_v3(struct machine *m)
{
	set(m->gic, 1, 0, 0x12); /* GICD_CTLR: group 1, affinities */
	set(m->gic, 5, 0x10080, UINT32_MAX);
	set(m->gic, 5, 0x10400 + PPI / 4 * 4, 0xa0a0a0a0);
	set(m->gic, 5, 0x10100, 1u << PPI);
	set(m->gic, 6, 0xc230, 0xf0); /* ICC_PMR_EL1 */
	set(m->gic, 6, 0xc667, 1);    /* ICC_IGRPEN1_EL1 */
}

static void enable_v2(struct machine *m)
{
	set(m->gic, 1, 0, 1);
	set(m->gic, 1, 0x400 + PPI / 4 * 4, 0xa0a0a0a0);
	set(m->gic, 1, 0x100, 1u << PPI);
	set(m->gic, 2, 0, 1);	 /* GICC_CTLR */
	set(m->gic, 2, 4, 0x1f); /* GICC_PMR, the five bits that there are */
}

static void enable(struct machine *m)
{
	enable_spi(m, SPI);
	enable_spi(m, OTHER_SPI);
	if (v3)
		enable_v3(m);
	else
		enable_v2(m);
}

/* -- What the guest gets --------------------------------------------------- */

static struct vmapi_irq *line(struct machine *m, bool of_vcpu, unsigned pin)
{
	struct vmapi_irq_config config = { .size = sizeof(config), .pin = pin };
	struct vmapi_irq *irq = NULL;

	if (of_vcpu)
		config.vcpu = m->vcpu;
	else
		config.device = m->gic;
	OK(vmapi_irq_create(m->vm, &config, &irq));
	return irq;
}

static void gets(struct machine *m, unsigned number)
{
	struct vmapi_exit exit;
	uint32_t is;

	guest_run(m->vcpu, &exit, 10);
	is = exit.u.mmio.data[0] | (uint32_t)exit.u.mmio.data[1] << 8;
	if (!CHECK(exit.reason == VMAPI_EXIT_MMIO && exit.u.mmio.is_write &&
		    exit.u.mmio.gpa == OUTSIDE && is == number))
		printf("exit %s, interrupt %u, not %u\n",
			vmapi_exit_name(exit.reason), is, number);
}

static void pulse(struct machine *m, bool of_vcpu, unsigned pin)
{
	struct vmapi_irq *irq = line(m, of_vcpu, pin);

	OK(vmapi_irq_set(irq, 1, NULL));
	gets(m, pin);
	OK(vmapi_irq_set(irq, 0, NULL));
	vmapi_irq_destroy(irq);
}

static void lines(struct machine *m)
{
	struct vmapi_irq_config outside = { .size = sizeof(outside),
		.pin = IRQS, .device = m->gic };
	struct vmapi_irq *irq;

	pulse(m, false, SPI);
	pulse(m, false, OTHER_SPI);
	pulse(m, true, PPI);
	pulse(m, false, SPI);
	outside.pin = 1024;
	GIVES(vmapi_irq_create(m->vm, &outside, &irq), -ERANGE);
	outside.device = NULL;
	outside.vcpu = m->vcpu;
	outside.pin = 8; /* an SGI is no line */
	GIVES(vmapi_irq_create(m->vm, &outside, &irq), -ERANGE);
}

/* -- The ITS ---------------------------------------------------------------- */

static void its_command(struct machine *m, unsigned at, const uint64_t *words)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		put64(m, ITS_QUEUE + 32 * at + 8 * i, words[i]);
}

/* Device 5, event 3 is LPI 8192 of the vcpu (IHI 0069, 5.3). */
static void its_program(struct machine *m)
{
	static const uint64_t commands[][4] = {
		{ 0x08 | (uint64_t)DEVICE << 32, 4, ITS_ITT | 1ull << 63, 0 },
		{ 0x09, 0, 1ull << 63, 0 },
		{ 0x0a | (uint64_t)DEVICE << 32,
			EVENT | (uint64_t)LPI << 32, 0, 0 },
		{ 0x0c | (uint64_t)DEVICE << 32, EVENT, 0, 0 },
	};
	const uint8_t property = 0xa0 | 1;
	unsigned i;

	OK(vmapi_as_write(m->as, LPI_PROPERTIES, &property, 1));
	for (i = 0; i < 4; i++)
		its_command(m, i, commands[i]);
	/* GICR_PROPBASER: 14 bits of numbers; PENDBASER; EnableLPIs. */
	set(m->gic, 5, 0x70, (uint32_t)LPI_PROPERTIES | 13);
	set(m->gic, 5, 0x74, LPI_PROPERTIES >> 32);
	set(m->gic, 5, 0x78, (uint32_t)LPI_PENDING);
	set(m->gic, 5, 0x7c, (LPI_PENDING >> 32) | 1u << 30);
	set(m->gic, 5, 0, 1);
	set(m->its, 8, 0x100, 1ull << 63 | ITS_DEVICES);
	set(m->its, 8, 0x108, 1ull << 63 | ITS_COLLECTIONS);
	set(m->its, 8, 0x80, 1ull << 63 | ITS_QUEUE);
	set(m->its, 8, 0, 1);
	set(m->its, 8, 0x88, 4 * 32); /* GITS_CWRITER */
	CHECK(get(m->its, 8, 0x90, 8) == 4 * 32);
}

static void send(struct machine *m, uint32_t device_id, uint32_t event,
	int delivered)
{
	struct vmapi_msi msi = { .size = sizeof(msi), .flags = VMAPI_MSI_DEVID,
		.address = ITS + 0x10040, .data = event,
		.device_id = device_id };
	int delivery = -2;

	OK(vmapi_msi_send(m->vm, &msi, &delivery));
	CHECK((delivery > 0) == (delivered > 0));
}

static void messages(struct machine *m)
{
	send(m, DEVICE, EVENT, 1);
	gets(m, LPI);
	send(m, DEVICE, EVENT + 1, 0);
	send(m, DEVICE + 1, EVENT, 0);
	send(m, DEVICE, EVENT, 1);
	gets(m, LPI);
}

/* -- State ------------------------------------------------------------------ */

static void *save(struct vmapi_device *device, size_t *bytes)
{
	void *state;

	*bytes = 0;
	GIVES(vmapi_device_get(device, VMAPI_DEVICE_STATE_ALL, NULL, bytes),
		-ENOSPC);
	state = calloc(1, *bytes + 1);
	OK(vmapi_device_get(device, VMAPI_DEVICE_STATE_ALL, state, bytes));
	return state;
}

/*
 * The guest stands between an interrupt's acknowledgement and its end: that
 * is in its registers and in the controller's.
 */
static void copy_registers(struct machine *to, struct machine *from)
{
	static uint8_t bytes[1024][256];
	static uint64_t tags[1024];
	static struct vmapi_reg regs[1024];
	size_t i, n = 0;

	OK(vmapi_reg_list(from->vcpu, tags, 1024, &n));
	for (i = 0; i < n; i++)
		regs[i] = (struct vmapi_reg){ .tag = tags[i],
			.data = bytes[i], .bytes = (uint32_t)1 <<
				(tags[i] >> VMAPI_REG_SIZE_SHIFT & 0xf) };
	OK(vmapi_regs_get(from->vcpu, regs, n, NULL, 0));
	OK(vmapi_regs_set(to->vcpu, regs, n, NULL, 0));
}

/* An interrupt that is pending in one machine is got in another. */
static void moved(struct machine *m)
{
	struct vmapi_irq *irq = line(m, false, SPI);
	size_t bytes, again_bytes;
	struct machine to;
	void *state, *again;

	OK(vmapi_irq_set(irq, 1, NULL));
	state = save(m->gic, &bytes);
	if (machine(&to)) {
		start(&to);
		copy_registers(&to, m);
		OK(vmapi_device_set(to.gic, VMAPI_DEVICE_STATE_ALL, state,
			bytes));
		again = save(to.gic, &again_bytes);
		CHECK(bytes == again_bytes && !memcmp(state, again, bytes));
		printf("gic: %zu bytes of state\n", bytes);
		free(again);
		gets(&to, SPI);
		drop(&to);
	}
	free(state);
	gets(m, SPI); /* it stayed here as well */
	OK(vmapi_irq_set(irq, 0, NULL));
	vmapi_irq_destroy(irq);
}

static void its_moved(struct machine *m)
{
	uint8_t *memory = malloc(GUEST_RAM_BYTES);
	size_t gic_bytes, its_bytes;
	struct machine to;
	void *gic, *its;

	its = save(m->its, &its_bytes); /* writes its tables into RAM */
	gic = save(m->gic, &gic_bytes);
	OK(vmapi_as_read(m->as, RAM, memory, GUEST_RAM_BYTES));
	if (machine(&to)) {
		OK(vmapi_as_write(to.as, RAM, memory, GUEST_RAM_BYTES));
		start(&to);
		copy_registers(&to, m);
		OK(vmapi_device_set(to.gic, VMAPI_DEVICE_STATE_ALL, gic,
			gic_bytes));
		OK(vmapi_device_set(to.its, VMAPI_DEVICE_STATE_ALL, its,
			its_bytes));
		printf("its: %zu bytes of state\n", its_bytes);
		send(&to, DEVICE, EVENT, 1);
		gets(&to, LPI);
		drop(&to);
	}
	free(its);
	free(gic);
	free(memory);
}

/* -- Attributes ------------------------------------------------------------- */

static void attributes(struct machine *m)
{
	struct vmapi_attr attr = { .size = sizeof(attr), .device = m->gic,
		.group = 0, .number = v3 ? 2 : 0 };
	uint64_t where = 0;
	size_t bytes = sizeof(where);

	OK(vmapi_attr_probe(&attr));
	OK(vmapi_attr_get(&attr, &where, &bytes));
	CHECK(where == DISTRIBUTOR);
	CHECK(vmapi_attr_set(&attr, &where, sizeof(where)) < 0); /* once */
	CHECK(get(m->gic, 3, 0, 4) == IRQS);
	attr.group = 4;
	attr.number = 0;
	CHECK(vmapi_attr_get(&attr, &where, &bytes) == -EINVAL);
	attr.group = 77;
	GIVES(vmapi_attr_probe(&attr), -ENXIO);
	/* IDs say which it is: ARM's, version 3 or 2. */
	CHECK((get(m->gic, 1, 8, 4) & 0xfff) == 0x43b);
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
	v3 = !vmapi_device_probe(vm, VMAPI_DEVICE_VGIC_V3);
	CHECK(v3 || !vmapi_device_probe(vm, VMAPI_DEVICE_VGIC_V2));
	vmapi_vm_destroy(vm);
	if (!machine(&m))
		return EXIT_FAILURE;
	printf("vGICv%d%s\n", v3 ? 3 : 2, m.its ? " and ITS" : "");
	attributes(&m);
	start(&m);
	enable(&m);
	lines(&m);
	moved(&m);
	if (m.its) {
		its_program(&m);
		messages(&m);
		its_moved(&m);
	}
	drop(&m);
	vmapi_close(ctx);
	return check_result("kvm/gic");
}
