/* SPDX-License-Identifier: MIT */
/* What lowering must not confuse: temporaries, and flags that are dead. */
#include "tests/engine/engine.h"

/*
 * mov eax, 0x1234; xor edx, edx; cmp ah, byte ptr [rdi]; je equal; or edx,
 * 1; equal:; mov byte ptr [rdi], 0x12; cmp ah, byte ptr [rdi]; jne other;
 * or edx, 2; other:; cmp byte ptr [rdi], ah; jne last; or edx, 4; last:;
 * test byte ptr [rdi], ah; jz end; or edx, 8; end:; hlt
 */
static const uint8_t cmp_high_mem[] = {
	0xb8, 0x34, 0x12, 0x00, 0x00, 0x31, 0xd2, 0x3a, 0x27, 0x74, 0x03, 0x83,
	0xca, 0x01, 0xc6, 0x07, 0x12, 0x3a, 0x27, 0x75, 0x03, 0x83, 0xca, 0x02,
	0x38, 0x27, 0x75, 0x03, 0x83, 0xca, 0x04, 0x84, 0x27, 0x74, 0x03, 0x83,
	0xca, 0x08, 0xf4,
};

/*
 * xor edx, edx; xor eax, eax; stc; shl eax, 0; setc dl; stc; ror ecx,
 * 0x20; adc edx, edx; mov cl, 0; stc; sar eax, cl; adc edx, edx; add eax,
 * 0; sub eax, 1; shr eax, 0x40; adc edx, edx; hlt
 */
static const uint8_t shift_by_none[] = {
	0x31, 0xd2, 0x31, 0xc0, 0xf9, 0xc1, 0xe0, 0x00, 0x0f, 0x92, 0xc2, 0xf9,
	0xc1, 0xc9, 0x20, 0x11, 0xd2, 0xb1, 0x00, 0xf9, 0xd3, 0xf8, 0x11, 0xd2,
	0x83, 0xc0, 0x00, 0x83, 0xe8, 0x01, 0xc1, 0xe8, 0x40, 0x11, 0xd2, 0xf4,
};

/*
 * mov eax, 0x1234; xchg ah, al; mov ecx, 0x5678; xadd ah, cl; mov edx,
 * eax; shl edx, 16; mov dx, cx; hlt
 */
static const uint8_t exchanged[] = {
	0xb8, 0x34, 0x12, 0x00, 0x00, 0x86, 0xc4, 0xb9, 0x78, 0x56, 0x00, 0x00,
	0x0f, 0xc0, 0xcc, 0x89, 0xc2, 0xc1, 0xe2, 0x10, 0x66, 0x89, 0xca, 0xf4,
};

#define CODE(c) (c), sizeof(c)

struct row {
	const char *name;
	const uint8_t *code;
	size_t bytes;
	uint64_t rdx; /* afterwards */
};

static const struct row rows[] = {
	{ "AH and memory, compared and branched on", CODE(cmp_high_mem), 15 },
	{ "shifts by nothing keep the flags", CODE(shift_by_none), 15 },
	{ "exchanges of byte registers", CODE(exchanged), 0xac125634 },
};

int main(void)
{
	struct engine e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		engine_about(rows[i].name);
		engine_open(&e, VMAPI_IRQCHIP_NONE);
		engine_mode(&e, e.vcpu, 64);
		engine_load(&e, rows[i].code, rows[i].bytes);
		engine_set(e.vcpu, VMAPI_X86_RDI, ENGINE_DATA);
		EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
		EQUAL(engine_vector(&e), -1);
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RDX), rows[i].rdx);
		engine_close(&e);
	}
	return engine_result();
}
