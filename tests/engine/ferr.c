/* SPDX-License-Identifier: MIT */
/* x87 exceptions with CR0.NE clear: FERR#, IRQ 13, port 0xf0, IGNNE#. */
#include "tests/engine/engine.h"

#define MF	16
#define HANDLER 0x14000u
#define OUT(port, value) 0xb0, value, 0xe6, port

/*
 * The PIC at vectors 20h and 28h, IRQ 13 open; then fninit; fldcw [edi]; fld1;
 * fldz; fdivp; sti; fld1; fnstcw [edi + 4]; out 0x99, al
 */
static const uint8_t divides[] = {
	OUT(0x20, 0x11), OUT(0xa0, 0x11), OUT(0x21, 0x20), OUT(0xa1, 0x28),
	OUT(0x21, 0x04), OUT(0xa1, 0x02), OUT(0x21, 0x01), OUT(0xa1, 0x01),
	OUT(0x21, 0xfb), OUT(0xa1, 0xdf),
	0xdb, 0xe3, 0xd9, 0x2f, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0xfb,
	0xd9, 0xe8, 0xd9, 0x7f, 0x04, 0xe6, 0x99,
};

/*
 * inc ebx; mov esi, [esp]; out 0xf0, al; fld1; emms; fnclex; EOI of both;
 * iret
 */
static const uint8_t handler[] = {
	0x43, 0x8b, 0x34, 0x24, 0xe6, 0xf0, 0xd9, 0xe8, 0x0f, 0x77, 0xdb,
	0xe2, OUT(0xa0, 0x20), OUT(0x20, 0x20), 0xcf,
};

/* The same, with an exit where IGNNE# is there and nothing has used it yet. */
static const uint8_t paused[] = {
	0x43, 0x8b, 0x34, 0x24, 0xe6, 0xf0, 0xe6, 0x97, 0xd9, 0xe8, 0x0f, 0x77,
	0xdb, 0xe2, OUT(0xa0, 0x20), OUT(0x20, 0x20), 0xcf,
};

#define MASK 37 /* where the code has the second PIC's mask */
#define STI  50

#define WAITING (ENGINE_CODE + 40 + 11) /* the FLD1 behind STI */

static void begin(struct engine *e, unsigned irqchip, uint64_t cr0)
{
	uint64_t gate = ENGINE_IDT32 + 8 * 0x2d;

	engine_open(e, irqchip);
	engine_load(e, divides, sizeof(divides));
	memcpy(e->mem + HANDLER, handler, sizeof(handler));
	engine_poke(e, gate, HANDLER & 0xffff, 2);
	engine_poke(e, gate + 6, HANDLER >> 16, 2);
	engine_poke(e, ENGINE_DATA, 0x37b, 2); /* division by 0 unmasked */
	engine_set(e->vcpu, VMAPI_X86_RDI, ENGINE_DATA);
	engine_set(e->vcpu, VMAPI_X86_CR0, cr0);
}

/* The next x87 instruction stands still until IRQ 13 has been heard. */
static void heard(void)
{
	struct engine e;

	engine_about("FERR# is IRQ 13");
	begin(&e, VMAPI_IRQCHIP_FULL, 0x11);
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	EQUAL(e.exit.u.io.port, 0x99);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RBX), 1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RSI), WAITING);
	EQUAL(engine_peek(&e, ENGINE_DATA + 4, 2), 0x37b);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_FSW) & 0x80, 0);
	engine_close(&e);
}

/* Saved between the two, it goes on elsewhere and is not heard again. */
static void moved(void)
{
	struct engine from, to;
	FILE *file = tmpfile();

	engine_about("FERR# and IGNNE# in a saved state");
	begin(&from, VMAPI_IRQCHIP_FULL, 0x11);
	memcpy(from.mem + HANDLER, paused, sizeof(paused));
	do
		EQUAL(engine_run(&from), VMAPI_EXIT_IO);
	while (from.exit.u.io.port != 0x97 && from.exit.u.io.port != 0x99);
	EQUAL(from.exit.u.io.port, 0x97);
	engine_open(&to, VMAPI_IRQCHIP_FULL);
	CHECK(file != NULL);
	engine_must(vmapi_vm_save(from.vm, fileno(file), NULL));
	rewind(file);
	engine_must(vmapi_vm_restore(to.vm, fileno(file), NULL));
	EQUAL(engine_run(&to), VMAPI_EXIT_IO);
	EQUAL(to.exit.u.io.port, 0x99);
	EQUAL(engine_get(to.vcpu, VMAPI_X86_RBX), 1);
	EQUAL(engine_get(to.vcpu, VMAPI_X86_RSI), WAITING);
	fclose(file);
	engine_close(&from);
	engine_close(&to);
}

/* One byte of the code that is another. */
struct change {
	unsigned at;
	uint8_t byte;
};

/* With NE, or with nobody to hear of FERR#: #MF. */
static void reported(unsigned irqchip, uint64_t cr0, struct change change)
{
	struct engine e;

	engine_about("#MF");
	begin(&e, irqchip, cr0);
	if (change.at)
		e.mem[ENGINE_CODE + change.at] = change.byte;
	e.mem[ENGINE_HANDLERS + 16 * MF] = 0xe6; /* out 0x98, al */
	e.mem[ENGINE_HANDLERS + 16 * MF + 1] = 0x98;
	do
		engine_run(&e);
	while (e.exit.reason == VMAPI_EXIT_IO && e.exit.u.io.port >> 4 != 9);
	EQUAL(e.exit.reason, VMAPI_EXIT_IO);
	EQUAL(e.exit.u.io.port, 0x98);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RBX), 0);
	EQUAL(engine_peek(&e, ENGINE_STACK - 12, 4), WAITING);
	engine_close(&e);
}

int main(void)
{
	static const struct change as_it_is = { 0, 0 };
	static const struct change masked = { MASK, 0xff };
	static const struct change off = { STI, 0x90 };

	heard();
	moved();
	reported(VMAPI_IRQCHIP_FULL, 0x31, as_it_is);
	reported(VMAPI_IRQCHIP_NONE, 0x31, as_it_is);
	reported(VMAPI_IRQCHIP_NONE, 0x11, as_it_is);
	reported(VMAPI_IRQCHIP_FULL, 0x11, masked);
	reported(VMAPI_IRQCHIP_FULL, 0x11, off);
	return engine_result();
}
