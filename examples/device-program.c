/* SPDX-License-Identifier: MIT */
/*
 * One status register, answered three ways.
 *
 * A guest reads the status of an IDE channel again and again, as drivers do
 * that wait for a disk.  First each read is an exit, which the loop below
 * answers; then a function of this program does it, inside vmapi_vcpu_run();
 * then a device program, examples/bpf/ide.c, which needs nobody here and could
 * come from somebody who is not trusted.  The table says what a read costs
 * each time.
 *
 *	device-program [OBJECT [BACKEND]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vmapi/vmapi.h>

#define CHANNEL 0x1f0
#define STATUS	7
#define READY	0x50
#define READS	100000u
#define END	0x80

/* mov ecx,READS; mov dx,0x1f7; again: in al,dx; loop again; out END,al */
static const unsigned char code[] = { 0x66, 0xb9, READS & 0xff,
	READS >> 8 & 0xff, READS >> 16, 0, 0xba, 0xf7, 0x01, 0xec, 0x67, 0xe2,
	0xfc, 0xe6, END };

static unsigned char image[1 << 16];

struct machine {
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_vcpu *vcpu;
};

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", vmapi_error_last()->operation,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

/* -- The machine -------------------------------------------------------- */

static void make_memory(struct machine *m)
{
	struct vmapi_ram_config config = { .size = sizeof(config),
		.bytes = 0x10000 };
	struct vmapi_map_entry entry = { .size = sizeof(entry),
		.bytes = config.bytes };
	struct vmapi_map *map;
	struct vmapi_as *as;

	must(vmapi_ram_create(m->ctx, &config, &entry.ram));
	must(vmapi_vm_as(m->vm, &as));
	must(vmapi_map_begin(m->vm, &map));
	must(vmapi_map_add(map, as, &entry));
	must(vmapi_map_commit(map));
	must(vmapi_as_write(as, 0x1000, code, sizeof(code)));
	vmapi_as_destroy(as);
	vmapi_ram_destroy(entry.ram); /* the map has its own reference */
}

static void make(struct machine *m, const char *backend)
{
	must(vmapi_open(backend, 0, &m->ctx));
	must(vmapi_vm_create(m->ctx, NULL, &m->vm));
	make_memory(m);
	must(vmapi_vcpu_create(m->vm, NULL, &m->vcpu));
}

static void begin(struct vmapi_vcpu *vcpu)
{
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_RIP, .value = 0x1000 },
	};

	must(vmapi_regs_set(vcpu, regs, 2, NULL, 0));
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Run the guest to its end, and answer what comes here. */
static void run(struct machine *m, const char *how)
{
	const unsigned char ready = READY;
	struct vmapi_exit exit = { .size = sizeof(exit) };
	unsigned exits = 0;
	double from;

	begin(m->vcpu);
	from = seconds();
	for (;;) {
		must(vmapi_vcpu_run(m->vcpu, &exit));
		exits++;
		if (exit.u.io.port == END)
			break;
		must(vmapi_vcpu_complete(m->vcpu, &ready, 1));
	}
	printf("%-16s %8.1f ns a read, %u exits\n", how,
		(seconds() - from) * 1e9 / READS, exits);
}

/* -- The three ways ----------------------------------------------------- */

static const struct vmapi_region_config channel = { .size = sizeof(channel),
	.space = VMAPI_SPACE_PORT, .base = CHANNEL, .bytes = 8,
	.name = "ide" };

static int answer(void *opaque, struct vmapi_access *access)
{
	const unsigned char *status = opaque;

	if (access->offset != STATUS || access->is_write)
		return VMAPI_REGION_PASS;
	access->value = *status;
	return VMAPI_REGION_DONE;
}

static void by_function(struct machine *m)
{
	unsigned char status = READY;
	struct vmapi_region *region;

	must(vmapi_region_handler(m->vm, &channel, answer, &status, &region));
	run(m, "function");
	vmapi_region_destroy(region);
}

static void by_program(struct machine *m, size_t bytes)
{
	struct vmapi_program_config config = { .size = sizeof(config),
		.image = image, .image_bytes = bytes, .name = "ide" };
	struct vmapi_program *program;
	struct vmapi_region *region;
	uint64_t length;
	void *registers;

	must(vmapi_program_create(m->vm, &config, &program));
	must(vmapi_program_symbol(program, "task_file", &registers, &length));
	((unsigned char *)registers)[STATUS] = READY;
	must(vmapi_region_program(m->vm, &channel, program, NULL, &region));
	run(m, "program");
	vmapi_region_destroy(region);
	/* One that orders its accesses itself needs no lock around it. */
	vmapi_program_destroy(program);
	config.flags = VMAPI_PROGRAM_CONCURRENT;
	must(vmapi_program_create(m->vm, &config, &program));
	must(vmapi_region_program(m->vm, &channel, program, NULL, &region));
	run(m, "without its lock");
	vmapi_region_destroy(region);
	vmapi_program_destroy(program);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "examples/bpf/ide.bpf";
	FILE *file = fopen(path, "rb");
	struct machine m;
	size_t bytes;

	if (!file) {
		fprintf(stderr, "%s is not there: was there a clang that "
			"compiles device programs?\n", path);
		return EXIT_FAILURE;
	}
	bytes = fread(image, 1, sizeof(image), file);
	fclose(file);
	make(&m, argc > 2 ? argv[2] : NULL);
	printf("%s\n", vmapi_backend_name(m.ctx));
	run(&m, "exit");
	by_function(&m);
	by_program(&m, bytes);
	vmapi_vcpu_destroy(m.vcpu);
	vmapi_vm_destroy(m.vm);
	vmapi_close(m.ctx);
	return EXIT_SUCCESS;
}
