/* SPDX-License-Identifier: MIT */
/*
 * Deterministic VMs: the same guest twice is the same trace.
 *
 * Four vcpus share a counter, read their time stamp counters and random
 * numbers, are interrupted by timers of their own and by each other, and halt.
 * All that they saw is in their registers, which are hashed at each exit, in
 * the order of the exits.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/api.h"

#define VCPUS 4
#define DONE  0x99

/*
 * For each vcpu, its number in EBX: x2APIC on; its timer by vector 40H each
 * 7001 + EBX * 1000 ns; then 30000 times: count at 6000H with LOCK; hash TSC,
 * RDRAND and the counter into ESI; where the counter is a multiple of 1024,
 * an IPI, 41H, to the next vcpu and an OUT to port 80H; each 8192 times HLT.
 * Then OUT to port 99H and HLT with interrupts off.  The handlers hash, too.
 */
static const uint8_t code[] = {
	0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xc7, 0x06, 0x00, 0x01, 0xd3,
	0x10, 0xc7, 0x06, 0x02, 0x01, 0x00, 0x00, 0xc7, 0x06, 0x04, 0x01, 0xfa,
	0x10, 0xc7, 0x06, 0x06, 0x01, 0x00, 0x00, 0x66, 0xb9, 0x1b, 0x00, 0x00,
	0x00, 0x0f, 0x32, 0x66, 0x0d, 0x00, 0x0c, 0x00, 0x00, 0x0f, 0x30, 0x66,
	0xb9, 0x0f, 0x08, 0x00, 0x00, 0x66, 0xb8, 0xff, 0x01, 0x00, 0x00, 0x66,
	0x31, 0xd2, 0x0f, 0x30, 0x66, 0xb9, 0x3e, 0x08, 0x00, 0x00, 0x66, 0xb8,
	0x0b, 0x00, 0x00, 0x00, 0x0f, 0x30, 0x66, 0xb9, 0x32, 0x08, 0x00, 0x00,
	0x66, 0xb8, 0x40, 0x00, 0x02, 0x00, 0x0f, 0x30, 0x66, 0xb9, 0x38, 0x08,
	0x00, 0x00, 0x89, 0xd8, 0x69, 0xc0, 0xe8, 0x03, 0x05, 0x59, 0x1b, 0x66,
	0x0f, 0xb7, 0xc0, 0x0f, 0x30, 0xfb, 0x66, 0xbd, 0x30, 0x75, 0x00, 0x00,
	0x66, 0xf0, 0xff, 0x06, 0x00, 0x60, 0x0f, 0x31, 0x66, 0x31, 0xc6, 0x66,
	0x0f, 0xc7, 0xf7, 0x66, 0x01, 0xfe, 0x66, 0xc1, 0xc6, 0x03, 0x66, 0xa1,
	0x00, 0x60, 0x66, 0x31, 0xc6, 0xa9, 0xff, 0x03, 0x75, 0x19, 0x66, 0x89,
	0xda, 0x66, 0x42, 0x66, 0x83, 0xe2, 0x03, 0x66, 0xb8, 0x41, 0x00, 0x00,
	0x00, 0x66, 0xb9, 0x30, 0x08, 0x00, 0x00, 0x0f, 0x30, 0xe6, 0x80, 0xf7,
	0xc5, 0xff, 0x1f, 0x75, 0x01, 0xf4, 0x66, 0x4d, 0x75, 0xba, 0xfa, 0x66,
	0xb9, 0x32, 0x08, 0x00, 0x00, 0x66, 0xb8, 0x40, 0x00, 0x01, 0x00, 0x66,
	0x31, 0xd2, 0x0f, 0x30, 0xe6, 0x99, 0xf4, 0x66, 0x81, 0xc6, 0x67, 0x45,
	0x23, 0x01, 0x66, 0x50, 0x66, 0x51, 0x66, 0x52, 0x66, 0xff, 0x06, 0x10,
	0x60, 0x66, 0xb9, 0x0b, 0x08, 0x00, 0x00, 0x66, 0x31, 0xc0, 0x66, 0x31,
	0xd2, 0x0f, 0x30, 0x66, 0x5a, 0x66, 0x59, 0x66, 0x58, 0xcf, 0x66, 0xc1,
	0xc6, 0x07, 0x66, 0x50, 0x66, 0x51, 0x66, 0x52, 0x66, 0xff, 0x06, 0x20,
	0x60, 0x66, 0xb9, 0x0b, 0x08, 0x00, 0x00, 0x66, 0x31, 0xc0, 0x66, 0x31,
	0xd2, 0x0f, 0x30, 0x66, 0x5a, 0x66, 0x59, 0x66, 0x58, 0xcf
};

static struct vmapi_vm_config config = {
	.size = sizeof(config),
	.flags = VMAPI_VM_DETERMINISTIC,
	.irqchip = VMAPI_IRQCHIP_SPLIT,
};

struct guest {
	struct machine m;
	struct vmapi_vcpu *vcpus[VCPUS];
	pthread_t threads[VCPUS];
	/* The one who has the turn writes them, and nobody else. */
	uint64_t hash;
	unsigned exits;
	uint64_t icounts[VCPUS];
	atomic_int done;
	atomic_bool failed;
	unsigned lap; /* of vmapi_vcpu_run_limit(), or 0 */
};

struct one {
	struct guest *g;
	unsigned i;
};

static void mix(struct guest *g, uint64_t value)
{
	g->hash = (g->hash ^ value) * 0x100000001b3ull;
	g->hash ^= g->hash >> 29;
}

static void record(struct guest *g, unsigned i, const struct vmapi_exit *x)
{
	struct vmapi_reg regs[18];
	unsigned k;

	memset(regs, 0, sizeof(regs));
	for (k = 0; k < 18; k++)
		regs[k].tag = VMAPI_X86_GPR(k);
	if (vmapi_regs_get(g->vcpus[i], regs, 18, NULL, 0))
		g->failed = true;
	mix(g, i);
	mix(g, x->reason);
	mix(g, x->retired);
	for (k = 0; k < 18; k++)
		mix(g, regs[k].value);
	g->exits++;
}

static void stop_all(struct guest *g)
{
	unsigned i;

	for (i = 0; i < VCPUS; i++)
		vmapi_vcpu_kick(g->vcpus[i]);
}

/* A vcpu that is done halts for good, and has no turn any more. */
static void *run(void *opaque)
{
	struct one *o = opaque;
	struct guest *g = o->g;
	struct vmapi_exit x = { .size = sizeof(x) };
	int err;

	while (atomic_load(&g->done) < VCPUS && !g->failed) {
		err = g->lap ? vmapi_vcpu_run_limit(g->vcpus[o->i], g->lap, &x)
			: vmapi_vcpu_run(g->vcpus[o->i], &x);
		if (err)
			g->failed = true;
		if (err || x.reason == VMAPI_EXIT_KICK)
			continue;
		if (x.reason != VMAPI_EXIT_LIMIT)
			record(g, o->i, &x);
		else if (x.retired != g->lap)
			g->failed = true;
		if (x.reason != VMAPI_EXIT_IO &&
			x.reason != VMAPI_EXIT_LIMIT)
			g->failed = true;
		if (x.reason != VMAPI_EXIT_IO || x.u.io.port != DONE)
			continue;
		if (vmapi_vcpu_icount(g->vcpus[o->i], &g->icounts[o->i]))
			g->failed = true;
		if (atomic_fetch_add(&g->done, 1) == VCPUS - 1)
			stop_all(g);
	}
	stop_all(g);
	return NULL;
}

static void prepare(struct guest *g, unsigned i)
{
	struct vmapi_vcpu_config c = { .size = sizeof(c), .id = i };

	if (i == 0)
		g->vcpus[0] = g->m.vcpu;
	else
		EQUAL(vmapi_vcpu_create(g->m.vm, &c, &g->vcpus[i]), 0);
	EQUAL(vmapi_vcpu_mp_state_set(g->vcpus[i], VMAPI_MP_RUNNABLE), 0);
	api_real_mode(g->vcpus[i], API_CODE);
	api_set(g->vcpus[i], VMAPI_X86_RBX, i);
	api_set(g->vcpus[i], VMAPI_X86_RSP, 0x8000 + 0x400 * (i + 1));
}

/* Throw code away at moments that have nothing to do with the guest. */
static void disturb(struct guest *g)
{
	const struct timespec wait = { .tv_nsec = 200000 };
	unsigned seed = 1;

	while (atomic_load(&g->done) < VCPUS && !g->failed) {
		vmapi_ram_written(g->m.ram, 0, API_RAM);
		seed = seed * 1103515245 + 12345;
		if (seed >> 16 & 3)
			nanosleep(&wait, NULL);
	}
}

static void play(struct machine *m, struct guest *g, bool disturbed)
{
	struct one ones[VCPUS];
	unsigned i;

	g->m.backend = m->backend;
	api_machine(&g->m, &config);
	EQUAL(vmapi_as_write(g->m.as, API_CODE, code, sizeof(code)), 0);
	for (i = 0; i < VCPUS; i++)
		prepare(g, i);
	for (i = 0; i < VCPUS; i++) {
		ones[i] = (struct one){ g, i };
		/* The last first: the order of threads is nothing. */
		if (disturbed)
			ones[i].i = VCPUS - 1 - i;
		pthread_create(&g->threads[i], NULL, run, &ones[i]);
	}
	if (disturbed)
		disturb(g);
	for (i = 0; i < VCPUS; i++)
		pthread_join(g->threads[i], NULL);
	CHECK(!g->failed);
	for (i = 1; i < VCPUS; i++)
		vmapi_vcpu_destroy(g->vcpus[i]);
	api_machine_free(&g->m);
}

static bool refused(struct machine *m)
{
	struct vmapi_vm *vm;

	if (api_cap(m, VMAPI_CAP_DETERMINISTIC))
		return false;
	EQUAL(vmapi_vm_create(m->ctx, &config, &vm), -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "deterministic"));
	return true;
}

static void compare(const struct guest *a, const struct guest *b)
{
	unsigned i;

	EQUAL((int64_t)a->hash, (int64_t)b->hash);
	EQUAL(a->exits, b->exits);
	for (i = 0; i < VCPUS; i++)
		EQUAL((int64_t)a->icounts[i], (int64_t)b->icounts[i]);
}

static void same_trace(struct machine *m)
{
	static struct guest a, b, c;

	if (refused(m))
		return;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&c, 0, sizeof(c));
	play(m, &a, false);
	play(m, &b, false);
	play(m, &c, true);
	printf("# %u exits, %lld instructions of the first vcpu, hash %016llx\n",
		a.exits, (long long)a.icounts[0], (unsigned long long)a.hash);
	CHECK(a.exits > 100 && a.icounts[0] > 300000);
	compare(&a, &b);
	compare(&a, &c);
}

/* Limits that end runs do not move anything, but RETIRED of the exits. */
static void limits(struct machine *m)
{
	static struct guest a, b;

	if (refused(m))
		return;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	a.lap = b.lap = 777;
	play(m, &a, false);
	play(m, &b, true);
	compare(&a, &b);
}

/* Who is kicked before it has the turn was never in the guest. */
static void kicked_before_its_turn(struct machine *m)
{
	static const uint8_t out[] = { 0xe6, 0x80, 0xeb, 0xfc };
	struct vmapi_vcpu_config second = { .size = sizeof(second), .id = 1 };
	struct machine own = { .backend = m->backend };
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_vcpu *vcpu;

	if (refused(m))
		return;
	api_machine(&own, &config);
	api_load(&own, out, sizeof(out));
	EQUAL(vmapi_vcpu_create(own.vm, &second, &vcpu), 0);
	EQUAL(api_run(&own, &exit), VMAPI_EXIT_IO);
	EQUAL(api_map(&own, 2 * API_RAM, API_PAGE, 0), 0);
	EQUAL(api_unmap(&own, 2 * API_RAM, API_PAGE), 0);
	EQUAL(vmapi_vcpu_kick(vcpu), 0);
	EQUAL(vmapi_vcpu_run(vcpu, &exit), 0);
	EQUAL(exit.reason, VMAPI_EXIT_KICK);
	EQUAL(api_map(&own, 2 * API_RAM, API_PAGE, 0), 0);
	alarm(10); /* what waits for it waits for ever */
	EQUAL(api_unmap(&own, 2 * API_RAM, API_PAGE), 0);
	alarm(0);
	vmapi_vcpu_destroy(vcpu);
	api_machine_free(&own);
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "same trace", same_trace },
		{ "limits", limits },
		{ "kicked before its turn", kicked_before_its_turn },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
