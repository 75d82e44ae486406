/* SPDX-License-Identifier: MIT */
/*
 * The smallest virtual machine: 4 KiB of RAM, one processor, one port.
 *
 * A processor starts where its registers say, so we write a few bytes of
 * 16-bit code into the guest's memory, point CS:IP at them and run.  Each
 * time the guest does something that only we can do for it, vmapi_vcpu_run()
 * returns and the exit says what that is: here, a byte for port 0xe9, and at
 * the end a HLT.
 *
 *	cc hello.c $(pkg-config --cflags --libs libvmapi)
 */
#include <stdio.h>
#include <stdlib.h>

#include <vmapi/vmapi.h>

static const unsigned char code[] = {
	0xbe, 0x0f, 0x00,	    /* 0: mov si, message */
	0xac,			    /* 3: lodsb */
	0x84, 0xc0,		    /* 4: test al, al */
	0x74, 0x06,		    /* 6: jz 14 */
	0xe6, 0xe9,		    /* 8: out 0xe9, al */
	0xeb, 0xf7,		    /* 10: jmp 3 */
	0x90, 0x90,		    /* 12: nop */
	0xf4,			    /* 14: hlt */
	'H', 'e', 'l', 'l', 'o', '\n', 0,
};

/* Every call says 0 or -errno, and the library remembers the sentence. */
static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", vmapi_error_last()->operation,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

/* CS with base 0, so that IP is an address; the rest of real mode is as
 * after a reset. */
static void start_at(struct vmapi_vcpu *vcpu, uint64_t address)
{
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_RIP, .value = address },
	};

	must(vmapi_regs_set(vcpu, regs, 2, NULL, 0));
}

int main(void)
{
	struct vmapi_ram_config ram_config = { .size = sizeof(ram_config),
		.bytes = 0x10000,
		.name = "low" };
	struct vmapi_map_entry entry = { .size = sizeof(entry),
		.bytes = 0x10000 };
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_map *map;
	struct vmapi_vcpu *vcpu;

	must(vmapi_open(NULL, 0, &ctx));
	must(vmapi_vm_create(ctx, NULL, &vm));
	must(vmapi_ram_create(ctx, &ram_config, &entry.ram));

	/* The map changes in transactions, even when it is the first. */
	must(vmapi_vm_as(vm, &as));
	must(vmapi_map_begin(vm, &map));
	must(vmapi_map_add(map, as, &entry));
	must(vmapi_map_commit(map));
	must(vmapi_as_write(as, 0, code, sizeof(code)));

	must(vmapi_vcpu_create(vm, NULL, &vcpu));
	start_at(vcpu, 0);
	do {
		must(vmapi_vcpu_run(vcpu, &exit));
		if (exit.reason == VMAPI_EXIT_IO && exit.u.io.is_write)
			putchar(*(unsigned char *)exit.u.io.data);
	} while (exit.reason == VMAPI_EXIT_IO);
	printf("the guest stopped: %s\n", vmapi_exit_name(exit.reason));

	/* In any order: children keep their parents alive. */
	vmapi_close(ctx);
	vmapi_vm_destroy(vm);
	vmapi_as_destroy(as);
	vmapi_ram_destroy(entry.ram);
	vmapi_vcpu_destroy(vcpu);
	return exit.reason == VMAPI_EXIT_HALT ? EXIT_SUCCESS : EXIT_FAILURE;
}
