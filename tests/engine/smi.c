/* SPDX-License-Identifier: MIT */
/*
 * System management interrupts: where they come from, what they interrupt,
 * what waits for RSM (SDM 3C chapter 31, AMD APM 2 chapter 10).
 */
#include <pthread.h>
#include <unistd.h>

#include "tests/engine/smm.h"

#define DB 1

/* in al, 0x70; out 0x98, al */
static const uint8_t input[] = { 0xe4, 0x70, 0xe6, DONE };
/* rep insb; out 0x98, al */
static const uint8_t inputs[] = { 0xf3, 0x6c, 0xe6, DONE };
/* out 0x70, al; nop */
static const uint8_t output[] = { 0xe6, 0x70, 0x90 };

/* -- Halted ------------------------------------------------------------- */

static void *kick_later(void *vcpu)
{
	usleep(30000);
	vmapi_vcpu_kick(vcpu);
	return NULL;
}

/* SDM 3C 31.10: back to HLT, or behind it, as the map says. */
static void halted(bool back)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_MP_STATE };
	pthread_t kicker;
	struct rig r;

	begin(&r, "auto HALT restart", VMAPI_IRQCHIP_FULL);
	engine_load(&r.e, CODE(goes_on));
	engine_set(r.e.vcpu, VMAPI_X86_MP_STATE, VMAPI_X86_MP_HALTED);
	enter(&r);
	EQUAL(area(&r, 0xc9, 1), 1);
	if (!back) {
		area_set(&r, 0xc9, 0, 1);
		leave(&r);
		end(&r);
		return;
	}
	engine_must(pthread_create(&kicker, NULL, kick_later, r.e.vcpu));
	EQUAL(engine_run(&r.e), VMAPI_EXIT_KICK);
	pthread_join(kicker, NULL);
	engine_must(vmapi_regs_get(r.e.vcpu, &reg, 1, NULL, 0));
	EQUAL(reg.value, VMAPI_X86_MP_HALTED);
	CHECK(!events(r.e.vcpu).smm);
	end(&r);
}

/* -- Port instructions -------------------------------------------------- */

/* SDM 3C 31.12, APM 2 10.2.4: what was interrupted, and again. */
static void restart(bool again)
{
	struct rig r;

	begin(&r, "I/O instruction restart", VMAPI_IRQCHIP_NONE);
	engine_load(&r.e, CODE(input));
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	EQUAL(r.e.exit.u.io.port, 0x70);
	engine_answer(&r.e, 0x11, 1);
	enter(&r);
	EQUAL(area(&r, 0x178, 8), ENGINE_CODE + 2);
	EQUAL(area(&r, 0x1f8, 8), 0x11);
	EQUAL(area(&r, 0x0c0, 4), 0x700013);
	EQUAL(area(&r, 0x0a0, 8), ENGINE_CODE);
	EQUAL(area(&r, 0x0c8, 1), 0);
	if (again) {
		area_set(&r, 0xc8, 0xff, 1);
		EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
		EQUAL(r.e.exit.u.io.port, 0x70);
		engine_answer(&r.e, 0x22, 1);
	}
	leave(&r);
	EQUAL(engine_get(r.e.vcpu, VMAPI_X86_RAX), again ? 0x22 : 0x11);
	end(&r);
}

/* In the middle of a repeated one, its registers go back by an element. */
static void restart_string(void)
{
	struct rig r;

	begin(&r, "REP INS restart", VMAPI_IRQCHIP_NONE);
	engine_load(&r.e, CODE(inputs));
	engine_set(r.e.vcpu, VMAPI_X86_RCX, 3);
	engine_set(r.e.vcpu, VMAPI_X86_RDX, 0x70);
	engine_set(r.e.vcpu, VMAPI_X86_RDI, ENGINE_DATA);
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	engine_answer(&r.e, 0x11, 1);
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	engine_answer(&r.e, 0x22, 1);
	enter(&r);
	EQUAL(area(&r, 0x178, 8), ENGINE_CODE);
	EQUAL(area(&r, 0x1f0, 8), 1);
	EQUAL(area(&r, 0x0c0, 4), 0x70001f);
	EQUAL(area(&r, 0x0a8, 8), 2);
	EQUAL(area(&r, 0x0b8, 8), ENGINE_DATA + 1);
	area_set(&r, 0xc8, 0xff, 1);
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	engine_answer(&r.e, 0x33, 1);
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	engine_answer(&r.e, 0x44, 1);
	leave(&r);
	EQUAL(engine_peek(&r.e, ENGINE_DATA, 4), 0x443311);
	end(&r);
}

/* One instruction later it is no port instruction any more. */
static void restart_not(void)
{
	struct rig r;

	begin(&r, "behind a port instruction", VMAPI_IRQCHIP_NONE);
	engine_load(&r.e, CODE(input));
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	engine_answer(&r.e, 0x11, 1);
	r.e.mem[ENGINE_CODE + 2] = 0x90;
	EQUAL(engine_step(&r.e, 2), VMAPI_EXIT_LIMIT);
	smi(&r);
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	EQUAL(area(&r, 0xc0, 4), 0);
	end(&r);
}

/* -- Other events ------------------------------------------------------- */

/* SDM 3C 31.8: NMIs wait, for RSM or an IRET of the handler's. */
static void nmi(bool inside)
{
	struct vmapi_x86_events e;
	struct rig r;

	begin(&r, "NMI", VMAPI_IRQCHIP_NONE);
	engine_load(&r.e, CODE(goes_on));
	e = events(r.e.vcpu);
	e.nmi_masked = inside;
	events_set(r.e.vcpu, e);
	enter(&r);
	EQUAL(events(r.e.vcpu).nmi_masked, 1);
	EQUAL(events(r.e.vcpu).smm_inside_nmi, inside);
	engine_must(vmapi_vcpu_nmi(r.e.vcpu));
	if (inside) {
		leave(&r);
		EQUAL(events(r.e.vcpu).nmi_pending, 1);
	} else {
		EQUAL(engine_run(&r.e), VMAPI_EXIT_HALT);
		EQUAL(engine_vector(&r.e), 2);
	}
	EQUAL(events(r.e.vcpu).nmi_masked, 1);
	end(&r);
}

/*
 * mov sp, 0x7000; push 0; push 0x3000; push 0x800c; iret; out 0x80, al; rsm
 */
static const uint8_t irets[] = { 0xbc, 0, 0x70, 0x6a, 0, 0x68, 0, 0x30, 0x68,
	0x0c, 0x80, 0xcf, 0xe6, PORT, 0x0f, 0xaa };

static void nmi_by_iret(void)
{
	struct rig r;

	begin(&r, "IRET of the handler", VMAPI_IRQCHIP_NONE);
	memcpy(r.e.mem + HANDLER, CODE(irets));
	engine_load(&r.e, CODE(goes_on));
	enter(&r);
	EQUAL(events(r.e.vcpu).nmi_masked, 0);
	leave(&r);
	EQUAL(events(r.e.vcpu).nmi_masked, 0);
	end(&r);
}

/* One SMI is held. */
static void again(void)
{
	struct rig r;

	begin(&r, "SMI in SMM", VMAPI_IRQCHIP_NONE);
	engine_load(&r.e, CODE(goes_on));
	enter(&r);
	smi(&r);
	EQUAL(events(r.e.vcpu).smi_pending, 1);
	smi(&r);
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	EQUAL(r.e.exit.u.io.port, PORT);
	EQUAL(area(&r, 0x178, 8), ENGINE_CODE); /* nothing ran in between */
	EQUAL(events(r.e.vcpu).smi_pending, 0);
	leave(&r);
	EQUAL(engine_get(r.e.vcpu, SMI_COUNT), 2);
	end(&r);
}

/* SDM 3C 31.3.1. */
static void init(void)
{
	struct vmapi_msi message = { .size = sizeof(message),
		.address = 0xfee00000, .data = 0x500 };
	struct rig r;
	int delivery;

	begin(&r, "INIT in SMM", VMAPI_IRQCHIP_FULL);
	engine_load(&r.e, CODE(goes_on));
	enter(&r);
	engine_must(vmapi_msi_send(r.e.vm, &message, &delivery));
	EQUAL(engine_step(&r.e, 1), VMAPI_EXIT_LIMIT);
	EQUAL(engine_get(r.e.vcpu, VMAPI_X86_RIP), 0x8002);
	EQUAL(events(r.e.vcpu).latched_init, 1);
	EQUAL(engine_step(&r.e, 1), VMAPI_EXIT_LIMIT);
	EQUAL(engine_get(r.e.vcpu, VMAPI_X86_RIP), 0xfff0);
	EQUAL(events(r.e.vcpu).latched_init, 0);
	CHECK(!events(r.e.vcpu).smm);
	end(&r);
}

/* A single step's trap comes when the program goes on: SDM 3A table 6-2. */
static void trap(void)
{
	struct rig r;

	begin(&r, "a trap and an SMI", VMAPI_IRQCHIP_NONE);
	engine_load(&r.e, CODE(output));
	engine_set(r.e.vcpu, VMAPI_X86_RFLAGS, 0x102);
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	enter(&r);
	EQUAL(area(&r, 0x178, 8), ENGINE_CODE + 2);
	EQUAL(area(&r, 0x0cc, 4), 0x4000);
	EQUAL(engine_get(r.e.vcpu, VMAPI_X86_DEBUG(6)), 0xffff0ff0);
	EQUAL(engine_run(&r.e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&r.e), DB);
	EQUAL(engine_get(r.e.vcpu, VMAPI_X86_DEBUG(6)), 0xffff4ff0);
	EQUAL(engine_peek(&r.e, ENGINE_STACK - 12, 4), ENGINE_CODE + 2);
	end(&r);
}

/* mov ss, eax; nop; out 0x98, al */
static const uint8_t shadows[] = { 0x8e, 0xd0, 0x90, 0xe6, DONE };

static void shadow(void)
{
	struct rig r;

	begin(&r, "the shadow of MOV SS", VMAPI_IRQCHIP_NONE);
	engine_load(&r.e, CODE(shadows));
	engine_set(r.e.vcpu, VMAPI_X86_RAX, ENGINE_DATA32);
	EQUAL(engine_step(&r.e, 1), VMAPI_EXIT_LIMIT);
	EQUAL(events(r.e.vcpu).shadow, 1);
	enter(&r);
	EQUAL(area(&r, 0xcb, 1), 1);
	EQUAL(events(r.e.vcpu).shadow, 0);
	EQUAL(engine_step(&r.e, 1), VMAPI_EXIT_LIMIT); /* RSM alone */
	EQUAL(engine_get(r.e.vcpu, VMAPI_X86_RIP), ENGINE_CODE + 2);
	EQUAL(events(r.e.vcpu).shadow, 1);
	leave(&r);
	end(&r);
}

/* -- How it comes about ------------------------------------------------- */

/* mov dword [0xfee00300], 0x200; out 0x98, al: to the processor 0 */
static const uint8_t icr[] = { 0xc7, 0x05, 0, 0x03, 0xe0, 0xfe, 0, 0x02, 0, 0,
	0xe6, DONE };

static void by_icr(void)
{
	struct rig r;

	begin(&r, "SMI by the ICR", VMAPI_IRQCHIP_FULL);
	engine_load(&r.e, CODE(icr));
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	EQUAL(r.e.exit.u.io.port, PORT);
	EQUAL(area(&r, 0x178, 8), ENGINE_CODE + 10);
	leave(&r);
	end(&r);
}

static void by_message(void)
{
	struct vmapi_msi message = { .size = sizeof(message),
		.address = 0xfee00000, .data = 0x200 };
	struct rig r;
	int delivery = -1;

	begin(&r, "SMI by a message", VMAPI_IRQCHIP_SPLIT);
	engine_load(&r.e, CODE(goes_on));
	engine_must(vmapi_msi_send(r.e.vm, &message, &delivery));
	EQUAL(delivery, 1);
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	EQUAL(r.e.exit.u.io.port, PORT);
	leave(&r);
	end(&r);
}

/*
 * IOAPIC pin 10 in SMI mode, unmasked: mov dword [0xfec00000], 0x24;
 * mov dword [0xfec00010], 0x200; out 0x98, al; out 0x98, al
 */
static const uint8_t pin[] = { 0xc7, 0x05, 0, 0, 0xc0, 0xfe, 0x24, 0, 0, 0,
	0xc7, 0x05, 0x10, 0, 0xc0, 0xfe, 0, 0x02, 0, 0, 0xe6, DONE, 0xe6,
	DONE };

static void by_pin(void)
{
	struct vmapi_irq_config config = { .size = sizeof(config), .pin = 10 };
	struct vmapi_irq *irq;
	struct rig r;

	begin(&r, "SMI by the IOAPIC", VMAPI_IRQCHIP_FULL);
	engine_load(&r.e, CODE(pin));
	leave(&r);
	engine_must(vmapi_irq_create(r.e.vm, &config, &irq));
	engine_must(vmapi_irq_set(irq, 1, NULL));
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	EQUAL(r.e.exit.u.io.port, PORT);
	leave(&r);
	vmapi_irq_destroy(irq);
	end(&r);
}

/* -- In the handler ----------------------------------------------------- */

/* mov eax, imm32; mov cr4, eax; out 0x80, al; rsm */
static const uint8_t cr4[] = { 0x66, 0xb8, 0, 0, 0, 0, 0x0f, 0x22, 0xe0, 0xe6,
	PORT, 0x0f, 0xaa };
/* mov ecx, imm32; rdmsr; out 0x80, al; rsm */
static const uint8_t rdmsr[] = { 0x66, 0xb9, 0, 0, 0, 0, 0x0f, 0x32, 0xe6,
	PORT, 0x0f, 0xaa };

struct inside {
	const char *name;
	const uint8_t *code;
	size_t bytes;
	uint32_t value;
	bool faults; /* with no interrupt table: the processor shuts down */
};

static const struct inside insides[] = {
	{ "CR4.PSE", CODE(cr4), 0x10, false },
	{ "CR4.VMXE", CODE(cr4), 0x2000, true }, /* SDM 3C 31.14.1 */
	{ "IA32_SMBASE", CODE(rdmsr), 0x9e, true },
	{ "IA32_SMM_MONITOR_CTL", CODE(rdmsr), 0x9b, true },
	{ "MSR_SMI_COUNT", CODE(rdmsr), 0x34, false },
};

static void inside(const struct inside *i)
{
	struct rig r;

	begin(&r, i->name, VMAPI_IRQCHIP_NONE);
	memcpy(r.e.mem + HANDLER, i->code, i->bytes);
	engine_poke(&r.e, HANDLER + 2, i->value, 4);
	smi(&r);
	EQUAL(engine_run(&r.e), i->faults ? VMAPI_EXIT_SHUTDOWN :
		VMAPI_EXIT_IO);
	CHECK(r.e.exit.flags & VMAPI_EXIT_SMM);
	end(&r);
}

/* -- From one processor to another -------------------------------------- */

static void moved(void)
{
	struct vmapi_x86_events e;
	struct rig r;

	begin(&r, "set by the host", VMAPI_IRQCHIP_NONE);
	engine_load(&r.e, CODE(goes_on));
	smram_map(&r, WINDOW, 0x10000, HIDDEN, 0);
	engine_set(r.e.vcpu, SMBASE_REG, WINDOW);
	memcpy(r.e.mem + HIDDEN + 0x8000, CODE(plain));
	enter(&r);
	e = events(r.e.vcpu);
	EQUAL(e.smm, 1);
	/* Out and in again, by hand. */
	e.smm = 0;
	events_set(r.e.vcpu, e);
	CHECK(!events(r.e.vcpu).smm_inside_nmi);
	e.smm = 1;
	events_set(r.e.vcpu, e);
	leave(&r);
	end(&r);
}

int main(void)
{
	size_t i;

	halted(true);
	halted(false);
	restart(true);
	restart(false);
	restart_string();
	restart_not();
	nmi(false);
	nmi(true);
	nmi_by_iret();
	again();
	init();
	trap();
	shadow();
	by_icr();
	by_message();
	by_pin();
	for (i = 0; i < sizeof(insides) / sizeof(insides[0]); i++)
		inside(&insides[i]);
	moved();
	return engine_result();
}
