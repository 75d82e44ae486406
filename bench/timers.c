/* SPDX-License-Identifier: MIT */
/* What a guest pays for reading a timer, by who answers it. */
/*
 * A loop in real mode reads a port or a register, on each backend that is
 * there; the same loop without the read is taken off. Medians of rounds in
 * one run: only the ratios to the first line mean something.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vmapi/vmapi.h>

#define READS  40000u
#define ROUNDS 7
#define CODE   0x1000
#define RAM    0x100000u
#define COUNTS 0x300 /* ports */
#define NOBODY 0x310
#define OURS   0x320
#define DONE   0x99

struct bench {
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_vcpu *vcpu;
};

static void must(int error)
{
	if (!error)
		return;
	fprintf(stderr, "timers: %s\n", vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int answer(void *opaque, struct vmapi_access *access)
{
	(void)opaque;
	access->value = 1;
	return VMAPI_REGION_DONE;
}

static void map(struct bench *b)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = RAM };
	struct vmapi_map_entry e = { .size = sizeof(e), .bytes = RAM };
	struct vmapi_map *m;

	must(vmapi_ram_create(b->ctx, &c, &e.ram));
	must(vmapi_vm_as(b->vm, &b->as));
	must(vmapi_map_begin(b->vm, &m));
	must(vmapi_map_add(m, b->as, &e));
	must(vmapi_map_commit(m));
	vmapi_ram_destroy(e.ram);
}

static void devices(struct bench *b, uint32_t flags)
{
	struct vmapi_counter_config c = { .size = sizeof(c),
		.flags = VMAPI_COUNTER_RUNNING, .ticks = 3579545,
		.seconds = 1, .divider = 1, .width = 32,
		.space = VMAPI_SPACE_PORT, .base = COUNTS, .bytes = 4 };
	struct vmapi_region_config r = { .size = sizeof(r),
		.space = VMAPI_SPACE_PORT, .base = OURS, .bytes = 4 };
	struct vmapi_device_config h = { .size = sizeof(h), .base = RAM,
		.type = VMAPI_DEVICE_HPET, .flags = flags };
	struct vmapi_region *region;
	struct vmapi_device *device;

	must(vmapi_counter_create(b->vm, &c, &device));
	must(vmapi_region_handler(b->vm, &r, answer, NULL, &region));
	must(vmapi_device_create(b->vm, &h, &device));
}

static void make(struct bench *b, const char *backend, uint32_t flags)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.irqchip = VMAPI_IRQCHIP_FULL };

	must(vmapi_open(backend, 0, &b->ctx));
	must(vmapi_vm_create(b->ctx, &c, &b->vm));
	must(vmapi_vcpu_create(b->vm, NULL, &b->vcpu));
	map(b);
	devices(b, flags);
}

/*
 * mov ax,0xffff; mov ds,ax; mov dword [0x20],1; mov ecx,READS; again: four
 * bytes; dec ecx; jnz again; out 0x99,al
 */
static uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x66, 0xc7, 0x06,
	0x20, 0x00, 0x01, 0x00, 0x00, 0x00, 0x66, 0xb9, READS & 0xff,
	READS >> 8, 0x00, 0x00, 0x90, 0x90, 0x90, 0x90, 0x66, 0x49, 0x75,
	0xf8, 0xe6, DONE };
#define READ_AT 20

static void start(struct bench *b, const uint8_t *read, uint16_t port)
{
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_RIP, .value = CODE },
		{ .tag = VMAPI_X86_RFLAGS, .value = 2 },
		{ .tag = VMAPI_X86_RDX, .value = port },
		{ .tag = VMAPI_X86_SEGMENT(1), .data = &cs, .bytes = sizeof(cs) },
	};
	struct vmapi_exit exit = { .size = sizeof(exit) };

	memcpy(code + READ_AT, read, 4);
	must(vmapi_as_write(b->as, CODE, code, sizeof(code)));
	must(vmapi_vcpu_settle(b->vcpu, &exit));
	must(vmapi_regs_set(b->vcpu, regs, 4, NULL, 0));
}

static uint64_t once(struct bench *b, const uint8_t *read, uint16_t port)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	const uint32_t value = 1;
	uint64_t began;

	start(b, read, port);
	began = now();
	for (;;) {
		must(vmapi_vcpu_run(b->vcpu, &exit));
		if (exit.reason != VMAPI_EXIT_IO || exit.u.io.port == DONE)
			break;
		must(vmapi_vcpu_complete(b->vcpu, &value, sizeof(value)));
	}
	if (exit.reason != VMAPI_EXIT_IO)
		fprintf(stderr, "timers: exit %s\n",
			vmapi_exit_name(exit.reason));
	return now() - began;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t median(struct bench *b, const uint8_t *read, uint16_t port)
{
	uint64_t took[ROUNDS];
	unsigned i;

	for (i = 0; i < ROUNDS; i++)
		took[i] = once(b, read, port);
	qsort(took, ROUNDS, sizeof(took[0]), by_value);
	return took[ROUNDS / 2];
}

static const uint8_t none[4] = { 0x90, 0x90, 0x90, 0x90 };
static const uint8_t in_eax[4] = { 0x66, 0xed, 0x90, 0x90 };
static const uint8_t mov_eax[4] = { 0x66, 0xa1, 0x00, 0x01 };

static const struct {
	const char *name;
	const uint8_t *read;
	uint16_t port;
	uint32_t flags; /* of the HPET */
} rows[] = {
	{ "a port, the application", in_eax, NOBODY, 0 },
	{ "a port, a region's function", in_eax, OURS, 0 },
	{ "a port, a counter", in_eax, COUNTS, 0 },
	{ "HPET", mov_eax, 0, 0 },
	{ "HPET, VMAPI_DEVICE_MIRROR", mov_eax, 0, VMAPI_DEVICE_MIRROR },
};

static void measure(const char *backend)
{
	double first = 0, ns;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b;
		uint64_t base, took;

		make(&b, backend, rows[i].flags);
		base = median(&b, none, 0);
		took = median(&b, rows[i].read, rows[i].port);
		ns = took > base ? (double)(took - base) / READS : 0;
		if (!i)
			first = ns;
		printf("%-5s %-30s %9.1f ns  %6.4f\n", backend, rows[i].name,
			ns, first > 0 ? ns / first : 0);
		/* The rest goes with the process. */
	}
}

int main(void)
{
	struct vmapi_backend_info infos[8];
	size_t n = 0, i;

	memset(infos, 0, sizeof(infos));
	for (i = 0; i < 8; i++)
		infos[i].size = sizeof(infos[i]);
	must(vmapi_probe(0, infos, 8, &n));
	for (i = 0; i < n && i < 8; i++)
		if (!infos[i].status)
			measure(infos[i].name);
	return 0;
}
