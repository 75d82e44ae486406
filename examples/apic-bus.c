/* SPDX-License-Identifier: MIT */
/*
 * An IOAPIC in a process of its own.
 *
 * The VM has the local APICs, a child the IOAPIC. The guest programs a pin as a
 * level-triggered interrupt and halts; the child raises the line three times,
 * and lowers it when the guest has ended the interrupt. The handler counts.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmapi/vmapi.h>

#define GSI  20 /* a pin of the IOAPIC alone */
#define CODE 0x1000

/* Real mode; DS has the local APIC's page, ES the IOAPIC's. */
static const unsigned char code[] = {
	/* mov dword [0xf0], 0x1ff: the local APIC is on */
	0x66, 0xc7, 0x06, 0xf0, 0x00, 0xff, 0x01, 0x00, 0x00,
	/* mov dword [es:0], 0x38; mov dword [es:0x10], 0x8041 */
	0x26, 0x66, 0xc7, 0x06, 0x00, 0x00, 0x38, 0x00, 0x00, 0x00,
	0x26, 0x66, 0xc7, 0x06, 0x10, 0x00, 0x41, 0x80, 0x00, 0x00,
	0xe6, 0x10,	  /* out 0x10, al: ready */
	0xfb, 0xf4,	  /* sti; hlt */
	0xeb, 0xfd,	  /* jmp to the hlt */
};

/* At CODE + 0x80: inc bl; mov dword [0xb0], 0: EOI; out 0x11, al; iret */
static const unsigned char handler[] = { 0xfe, 0xc3, 0x66, 0xc7, 0x06, 0xb0,
	0x00, 0x00, 0x00, 0x00, 0x00, 0xe6, 0x11, 0xcf };

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", vmapi_error_last()->operation,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

/* -- The chips ---------------------------------------------------------- */

static struct vmapi_bus_chips *chips;

static void lower(void *opaque, unsigned gsi)
{
	(void)opaque;
	vmapi_bus_chips_set_line(chips, gsi, 0, NULL);
}

static void *serve(void *unused)
{
	return vmapi_bus_chips_serve(chips) ? chips : unused;
}

/* A byte on `orders` is a wish for an interrupt. */
static void be_the_chips(int fd, int orders)
{
	const struct vmapi_bus_chips_config config = { .size = sizeof(config),
		.fd = fd, .ended = lower };
	pthread_t thread;
	char wish;

	must(vmapi_bus_chips_create(&config, &chips));
	if (pthread_create(&thread, NULL, serve, NULL))
		exit(EXIT_FAILURE);
	while (read(orders, &wish, 1) == 1)
		vmapi_bus_chips_set_line(chips, GSI, 1, NULL);
	exit(EXIT_SUCCESS);
}

/* -- The VM ------------------------------------------------------------- */

static void load(struct vmapi *ctx, struct vmapi_vm *vm)
{
	static const unsigned char vector[4] = { 0x80, CODE >> 8, 0, 0 };
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = 0x10000 };
	struct vmapi_map_entry entry = { .size = sizeof(entry),
		.bytes = 0x10000 };
	struct vmapi_map *map;
	struct vmapi_as *as;

	must(vmapi_ram_create(ctx, &c, &entry.ram));
	must(vmapi_vm_as(vm, &as));
	must(vmapi_map_begin(vm, &map));
	must(vmapi_map_add(map, as, &entry));
	must(vmapi_map_commit(map));
	must(vmapi_as_write(as, CODE, code, sizeof(code)));
	must(vmapi_as_write(as, CODE + 0x80, handler, sizeof(handler)));
	must(vmapi_as_write(as, 4 * 0x41, vector, sizeof(vector)));
	vmapi_ram_destroy(entry.ram);
	vmapi_as_destroy(as);
}

static void start_at(struct vmapi_vcpu *vcpu, uint64_t rip)
{
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b },
		ds = { 0xfee00000, 0xffff, 0x93, 0, { 0 } },
		es = { 0xfec00000, 0xffff, 0x93, 0, { 0 } };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_DS, .data = &ds, .bytes = sizeof(ds) },
		{ .tag = VMAPI_X86_ES, .data = &es, .bytes = sizeof(es) },
		{ .tag = VMAPI_X86_RIP, .value = rip },
		{ .tag = VMAPI_X86_RSP, .value = 0x8000 },
		{ .tag = VMAPI_X86_RBX },
	};

	must(vmapi_regs_set(vcpu, regs, 6, NULL, 0));
}

int main(void)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.flags = VMAPI_VM_SERVICE_THREAD,
		.irqchip = VMAPI_IRQCHIP_SPLIT };
	struct vmapi_bus_config wire = { .size = sizeof(wire) };
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_reg count = { .tag = VMAPI_X86_RBX };
	int fds[2], orders[2], i;
	struct vmapi_vcpu *vcpu;
	struct vmapi_bus *bus;
	struct vmapi_vm *vm;
	struct vmapi *ctx;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) || pipe(orders))
		return EXIT_FAILURE;
	if (!fork() && !close(fds[0]) && !close(orders[1]))
		be_the_chips(fds[1], orders[0]);
	close(fds[1]);
	wire.fd = fds[0];
	must(vmapi_open(NULL, 0, &ctx));
	must(vmapi_vm_create(ctx, &c, &vm));
	load(ctx, vm);
	must(vmapi_vcpu_create(vm, NULL, &vcpu));
	must(vmapi_bus_create(vm, &wire, &bus));
	start_at(vcpu, CODE);
	must(vmapi_vcpu_run(vcpu, &exit));
	for (i = 0; i < 3 && write(orders[1], "", 1) == 1; i++)
		must(vmapi_vcpu_run(vcpu, &exit));
	must(vmapi_regs_get(vcpu, &count, 1, NULL, 0));
	printf("%s; the guest has had %u interrupts\n",
		vmapi_exit_name(exit.reason), (unsigned)count.value);
	close(orders[1]);
	vmapi_bus_destroy(bus);
	vmapi_vcpu_destroy(vcpu);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	return wait(NULL) > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
