/* SPDX-License-Identifier: MIT */
/*
 * Hello from arm64, riscv64, ppc64 and s390x: what hello.c is for x86.
 *
 * Only the guest's code, the registers that it starts with and the way in
 * which it says a byte depend on the architecture, so they are a table.  KVM
 * runs guests of the machine's own architecture: the guest whose program
 * counter the vcpu has is the one.  Its code is at 0, its text behind it.
 *
 * A byte comes out by a store to where no RAM is (arm64, riscv64), by a call
 * of the hypervisor (ppc64) or by a DIAGNOSE (s390x); and the end is a call
 * of the firmware, or a wait that nothing can end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmapi/vmapi.h>

static const unsigned char arm64_code[] = {
	0x41, 0x01, 0x00, 0x10, /* 0: adr x1, 28 */
	0x02, 0x00, 0xa2, 0xd2, /* 4: mov x2, #0x10000000 */
	0x23, 0x14, 0x40, 0x38, /* 8: ldrb w3, [x1], #1 */
	0x63, 0x00, 0x00, 0x34, /* c: cbz w3, 18 */
	0x43, 0x00, 0x00, 0x39, /* 10: strb w3, [x2] */
	0xfd, 0xff, 0xff, 0x17, /* 14: b 8 */
	0x00, 0x80, 0xb0, 0x52, /* 18: mov w0, #0x84000000 */
	0x00, 0x01, 0x80, 0x72, /* 1c: movk w0, #8: PSCI SYSTEM_OFF */
	0x02, 0x00, 0x00, 0xd4, /* 20: hvc #0 */
	0x00, 0x00, 0x00, 0x14, /* 24: b 24 */
};

static const unsigned char riscv64_code[] = {
	0x97, 0x05, 0x00, 0x00, /* 0: auipc a1, 0 */
	0x93, 0x85, 0x05, 0x03, /* 4: addi a1, a1, 48 */
	0x37, 0x06, 0x00, 0x10, /* 8: lui a2, 0x10000 */
	0x83, 0xc6, 0x05, 0x00, /* c: lbu a3, 0(a1) */
	0x63, 0x88, 0x06, 0x00, /* 10: beqz a3, 20 */
	0x23, 0x00, 0xd6, 0x00, /* 14: sb a3, 0(a2) */
	0x93, 0x85, 0x15, 0x00, /* 18: addi a1, a1, 1 */
	0x6f, 0xf0, 0x1f, 0xff, /* 1c: j c */
	0xb7, 0x58, 0x52, 0x53, /* 20: lui a7, 0x53525 */
	0x93, 0x88, 0x48, 0x35, /* 24: addi a7, a7, 0x354: SBI SRST */
	0x13, 0x08, 0x00, 0x00, /* 28: li a6, 0 */
	0x73, 0x00, 0x00, 0x00, /* 2c: ecall */
};

/* Little-endian, which MSR says. */
static const unsigned char ppc64_code[] = {
	0x40, 0x00, 0x00, 0x39, /* 0: li r8, 64 */
	0x00, 0x00, 0xc8, 0x88, /* 4: lbz r6, 0(r8) */
	0x00, 0x00, 0x06, 0x2c, /* 8: cmpwi r6, 0 */
	0x20, 0x00, 0x82, 0x41, /* c: beq 2c */
	0x58, 0x00, 0x60, 0x38, /* 10: li r3, H_PUT_TERM_CHAR */
	0x00, 0x00, 0x80, 0x38, /* 14: li r4, 0 */
	0x01, 0x00, 0xa0, 0x38, /* 18: li r5, 1 */
	0xc6, 0xc1, 0xc6, 0x78, /* 1c: sldi r6, r6, 56 */
	0x22, 0x00, 0x00, 0x44, /* 20: sc 1 */
	0x01, 0x00, 0x08, 0x39, /* 24: addi r8, r8, 1 */
	0xdc, 0xff, 0xff, 0x4b, /* 28: b 4 */
	0x3c, 0x00, 0x60, 0x38, /* 2c: li r3, 60: a call that means the end */
	0x22, 0x00, 0x00, 0x44, /* 30: sc 1 */
	0x00, 0x00, 0x00, 0x48, /* 34: b 34 */
	0x00, 0x00, 0x00, 0x60, /* 38: nop */
	0x00, 0x00, 0x00, 0x60, /* 3c: nop */
};

static const unsigned char s390x_code[] = {
	0xc0, 0x10, 0x00, 0x00, 0x00, 0x20, /* 0: larl %r1,40 */
	0xc0, 0x30, 0x00, 0x00, 0x00, 0x15, /* 6: larl %r3,30 */
	0xe3, 0x20, 0x10, 0x00, 0x00, 0x90, /* c: llgc %r2,0(%r1) */
	0xb9, 0x02, 0x00, 0x22,		    /* 12: ltgr %r2,%r2 */
	0xa7, 0x84, 0x00, 0x08,		    /* 16: je 26 */
	0x83, 0x20, 0x06, 0x00,		    /* 1a: diag %r2,%r0,0x600 */
	0x41, 0x10, 0x10, 0x01,		    /* 1e: la %r1,1(%r1) */
	0xa7, 0xf4, 0xff, 0xf5,		    /* 22: j c */
	0xb2, 0xb2, 0x30, 0x00,		    /* 26: lpswe 0(%r3) */
	0x07, 0x07, 0x07, 0x07, 0x07, 0x07, /* 2a: nopr */
	0x00, 0x02, 0x00, 0x01, 0x80, 0x00, 0x00, 0x00, /* 30: a PSW that */
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* waits for ever */
};

/* -- What each says ------------------------------------------------------ */

enum said {
	SAID_BYTE,
	SAID_END,
	SAID_NONSENSE
};

static enum said store(
	struct vmapi_vcpu *vcpu, const struct vmapi_exit *exit, int *byte)
{
	(void)vcpu;
	if (exit->reason == VMAPI_EXIT_SYSTEM)
		return SAID_END;
	if (exit->reason != VMAPI_EXIT_MMIO || !exit->u.mmio.is_write)
		return SAID_NONSENSE;
	*byte = exit->u.mmio.data[0];
	return SAID_BYTE;
}

#define H_PUT_TERM_CHAR 0x58

/* A call has r3 to r12 as its answer: success, and all else as it was. */
static enum said hypercall(
	struct vmapi_vcpu *vcpu, const struct vmapi_exit *exit, int *byte)
{
	uint64_t answer[10] = { 0 };

	if (exit->reason != VMAPI_EXIT_HYPERCALL)
		return SAID_NONSENSE;
	if (exit->u.hypercall.number != H_PUT_TERM_CHAR)
		return SAID_END;
	*byte = (int)(exit->u.hypercall.args[2] >> 56);
	memcpy(&answer[1], exit->u.hypercall.args, 9 * sizeof(answer[0]));
	return vmapi_vcpu_complete(vcpu, answer, sizeof(answer))
		? SAID_NONSENSE : SAID_BYTE;
}

#define SIE_INSTRUCTION 4
#define SIE_WAIT	28

static enum said diagnose(
	struct vmapi_vcpu *vcpu, const struct vmapi_exit *exit, int *byte)
{
	struct vmapi_reg r2 = { .tag = VMAPI_S390_GPR(2) };

	if (exit->reason != VMAPI_EXIT_S390_SIE)
		return SAID_NONSENSE;
	if (exit->u.s390_sie.code == SIE_WAIT)
		return SAID_END;
	if (exit->u.s390_sie.code != SIE_INSTRUCTION ||
		exit->u.s390_sie.ipa >> 8 != 0x83 ||
		vmapi_regs_get(vcpu, &r2, 1, NULL, 0))
		return SAID_NONSENSE;
	*byte = (int)r2.value;
	return SAID_BYTE;
}

/* -- The guests ---------------------------------------------------------- */

struct start {
	uint64_t tag;
	uint64_t value;
};

struct guest {
	const char *name;
	const unsigned char *code;
	size_t bytes;
	struct start start[2]; /* the program counter first */
	enum said (*said)(struct vmapi_vcpu *vcpu,
		const struct vmapi_exit *exit, int *byte);
};

/* ppc64: 64 bits, machine checks, little-endian.  s390x: 64 bits. */
static const struct guest guests[] = {
	{ "arm64", arm64_code, sizeof(arm64_code),
		{ { VMAPI_ARM64_PC, 0 }, { VMAPI_ARM64_X(0), 0 } }, store },
	{ "riscv64", riscv64_code, sizeof(riscv64_code),
		{ { VMAPI_RISCV_PC, 0 }, { VMAPI_RISCV_A(0), 0 } }, store },
	{ "ppc64", ppc64_code, sizeof(ppc64_code),
		{ { VMAPI_PPC_PC, 0 },
			{ VMAPI_PPC_MSR, 0x8000000000001001 } }, hypercall },
	{ "s390x", s390x_code, sizeof(s390x_code),
		{ { VMAPI_S390_PSW_ADDRESS, 0 },
			{ VMAPI_S390_PSW_MASK, 0x0000000180000000 } },
		diagnose },
};

static const struct guest *guest_of(struct vmapi_vcpu *vcpu)
{
	struct vmapi_reg_info info = { .size = sizeof(info) };
	size_t i;

	for (i = 0; i < sizeof(guests) / sizeof(guests[0]); i++)
		if (!vmapi_reg_info(vcpu, guests[i].start[0].tag, &info))
			return &guests[i];
	return NULL;
}

/* -- The machine --------------------------------------------------------- */

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", vmapi_error_last()->operation,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

/* 1 MiB, which is what s390x wants a piece of memory to be a multiple of. */
#define RAM_BYTES 0x100000

static struct vmapi_as *give_ram(struct vmapi *ctx, struct vmapi_vm *vm)
{
	struct vmapi_ram_config ram_config = { .size = sizeof(ram_config),
		.bytes = RAM_BYTES,
		.name = "low" };
	struct vmapi_map_entry entry = { .size = sizeof(entry),
		.bytes = RAM_BYTES };
	struct vmapi_as *as;
	struct vmapi_map *map;

	must(vmapi_ram_create(ctx, &ram_config, &entry.ram));
	must(vmapi_vm_as(vm, &as));
	must(vmapi_map_begin(vm, &map));
	must(vmapi_map_add(map, as, &entry));
	must(vmapi_map_commit(map));
	vmapi_ram_destroy(entry.ram);
	return as;
}

static void load(struct vmapi_as *as, const struct guest *guest)
{
	char text[40];

	snprintf(text, sizeof(text), "Hello from %s!\n", guest->name);
	must(vmapi_as_write(as, 0, guest->code, guest->bytes));
	must(vmapi_as_write(as, guest->bytes, text, strlen(text) + 1));
}

static enum said run(struct vmapi_vcpu *vcpu, const struct guest *guest)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_reg regs[2];
	enum said said;
	int byte = 0;
	size_t i;

	for (i = 0; i < 2; i++)
		regs[i] = (struct vmapi_reg){ .tag = guest->start[i].tag,
			.value = guest->start[i].value };
	must(vmapi_regs_set(vcpu, regs, 2, NULL, 0));
	do {
		must(vmapi_vcpu_run(vcpu, &exit));
		said = guest->said(vcpu, &exit, &byte);
		if (said == SAID_BYTE)
			putchar(byte);
	} while (said == SAID_BYTE);
	printf("the guest stopped: %s\n", vmapi_exit_name(exit.reason));
	return said;
}

int main(void)
{
	const struct guest *guest;
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_vcpu *vcpu;
	enum said said = SAID_END;

	must(vmapi_open(NULL, 0, &ctx));
	must(vmapi_vm_create(ctx, NULL, &vm));
	as = give_ram(ctx, vm);
	must(vmapi_vcpu_create(vm, NULL, &vcpu));
	guest = guest_of(vcpu);
	if (guest) {
		load(as, guest);
		said = run(vcpu, guest);
	} else {
		printf("this processor is of x86: see hello.c\n");
	}
	vmapi_vcpu_destroy(vcpu);
	vmapi_as_destroy(as);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	return said == SAID_END ? EXIT_SUCCESS : EXIT_FAILURE;
}
