/* SPDX-License-Identifier: MIT */
/* Kicks, the gate and the cache's limits, under code that never stops. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/engine/engine.h"

/* jmp . */
static const uint8_t self_jump[] = {
	0xeb, 0xfe,
};

/* a:; jmp b; nop; b:; jmp c; nop; c:; inc rax; jmp a */
static const uint8_t chain[] = {
	0xeb, 0x01, 0x90, 0xeb, 0x01, 0x90, 0x48, 0xff, 0xc0, 0xeb, 0xf5,
};

/* lea rbx, [rip+again]; again:; jmp rbx */
static const uint8_t indirect[] = {
	0x48, 0x8d, 0x1d, 0x00, 0x00, 0x00, 0x00, 0xff, 0xe3,
};

/*
 * again:; mov rcx, 0x100000; mov rsi, 0x200000; mov rdi, 0x200001; rep
 * movsb; jmp again
 */
static const uint8_t long_copy[] = {
	0x48, 0xc7, 0xc1, 0x00, 0x00, 0x10, 0x00, 0x48, 0xc7, 0xc6, 0x00, 0x00,
	0x20, 0x00, 0x48, 0xc7, 0xc7, 0x01, 0x00, 0x20, 0x00, 0xf3, 0xa4, 0xeb,
	0xe7,
};

/*
 * again:; mov rcx, 0x200000; mov rdi, 0x200000; mov rsi, 0x200000; rep
 * lodsb; jmp again
 */
static const uint8_t long_scan[] = {
	0x48, 0xc7, 0xc1, 0x00, 0x00, 0x20, 0x00, 0x48, 0xc7, 0xc7, 0x00, 0x00,
	0x20, 0x00, 0x48, 0xc7, 0xc6, 0x00, 0x00, 0x20, 0x00, 0xf3, 0xac, 0xeb,
	0xe7,
};

/* again:; call f; jmp again; f:; ret */
static const uint8_t calls[] = {
	0xe8, 0x02, 0x00, 0x00, 0x00, 0xeb, 0xf9, 0xc3,
};

#define CODE(c) (c), sizeof(c)

static void begin(struct engine *e, struct vmapi_vcpu *vcpu,
	const uint8_t *code, size_t bytes)
{
	engine_mode(e, vcpu, 64);
	engine_load(e, code, bytes);
}

/* -- Kicks from another thread ------------------------------------------ */

struct kicker {
	struct vmapi_vcpu *vcpu;
	atomic_uint kicks, taken;
	unsigned rounds;
	bool waits;
};

/* Each kick is waited for, so that none can coalesce: all are counted. */
static void *kick(void *opaque)
{
	struct kicker *k = opaque;
	unsigned i;

	for (i = 0; i < k->rounds; i++) {
		if (k->waits)
			usleep(2000);
		atomic_fetch_add(&k->kicks, 1);
		vmapi_vcpu_kick(k->vcpu);
		while (atomic_load(&k->taken) <= i)
			sched_yield();
	}
	return NULL;
}

static void kicked(const char *name, const uint8_t *code, size_t bytes,
	unsigned rounds)
{
	struct kicker k = { .rounds = rounds, .waits = rounds < 100 };
	struct engine e;
	pthread_t thread;
	unsigned i;

	engine_about(name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	begin(&e, e.vcpu, code, bytes);
	k.vcpu = e.vcpu;
	if (pthread_create(&thread, NULL, kick, &k))
		exit(EXIT_FAILURE);
	for (i = 0; i < rounds; i++) {
		if (engine_run(&e) != VMAPI_EXIT_KICK ||
			atomic_load(&k.kicks) != i + 1)
			break;
		atomic_fetch_add(&k.taken, 1);
	}
	EQUAL(i, rounds);
	atomic_store(&k.taken, rounds);
	pthread_join(thread, NULL);
	/* Nothing is left of them. */
	EQUAL(engine_step(&e, 10), VMAPI_EXIT_LIMIT);
	engine_close(&e);
}

/* -- Kicks from a signal handler ---------------------------------------- */

static struct vmapi_vcpu *interrupted;
static atomic_uint signals;

static void on_alarm(int number)
{
	(void)number;
	atomic_fetch_add(&signals, 1);
	vmapi_vcpu_kick(interrupted);
}

static void kicked_by_signals(void)
{
	struct sigaction action = { .sa_handler = on_alarm }, was;
	struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { 0 };
	struct engine e;
	unsigned i;

	engine_about("kicks from a signal handler");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	begin(&e, e.vcpu, CODE(chain));
	interrupted = e.vcpu;
	sigaction(SIGALRM, &action, &was);
	setitimer(ITIMER_REAL, &often, NULL);
	for (i = 0; i < 1000; i++) {
		if (engine_run(&e) != VMAPI_EXIT_KICK)
			break;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &was, NULL);
	EQUAL(i, 1000);
	CHECK(atomic_load(&signals) >= i);
	engine_close(&e);
}

/* -- Maps change while two vcpus run ------------------------------------ */

static void *run_until_kicked(void *vcpu)
{
	struct vmapi_exit *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->size = sizeof(*x);
	engine_must(vmapi_vcpu_run(vcpu, x));
	return x;
}

static void commits(void)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config), .id = 1 };
	struct vmapi_vcpu *vcpus[2];
	pthread_t threads[2];
	struct vmapi_exit *x;
	struct engine e;
	void *result;
	unsigned i;

	engine_about("maps change under two vcpus");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	vcpus[0] = e.vcpu;
	engine_must(vmapi_vcpu_create(e.vm, &config, &vcpus[1]));
	for (i = 0; i < 2; i++)
		begin(&e, vcpus[i], CODE(long_copy));
	for (i = 0; i < 2; i++) {
		if (pthread_create(&threads[i], NULL, run_until_kicked,
			vcpus[i]))
			exit(EXIT_FAILURE);
	}
	for (i = 0; i < 1000; i++) {
		engine_must(engine_map(&e, 0x10000000, 0x1000, 0x1000 * (i &
			7), 0));
		engine_must(engine_unmap(&e, 0x10000000, 0x1000));
	}
	for (i = 0; i < 2; i++) {
		engine_must(vmapi_vcpu_kick(vcpus[i]));
		pthread_join(threads[i], &result);
		x = result;
		CHECK(x && x->reason == VMAPI_EXIT_KICK);
		free(x);
	}
	vmapi_vcpu_destroy(vcpus[1]);
	engine_close(&e);
}

/* -- The cache of blocks is full ---------------------------------------- */

/*
 * A chain of jumps through 2 MiB, a block each, in three widths of code and
 * stack: more than the cache has room for, several times.
 */
static void full_cache(void)
{
	const unsigned step = 12, n = 0x1f0000 / 12;
	struct vmapi_x86_segment cs = { .attributes = 0xc09b,
		.selector = ENGINE_CODE32 };
	struct vmapi_reg reg = { .tag = VMAPI_X86_CS, .data = &cs,
		.bytes = sizeof(cs) };
	struct engine e;
	unsigned i, k;

	engine_about("more blocks than the cache holds");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	for (i = 0; i < n; i++) {
		/* inc eax; mov ecx, i; jmp to the next; padding */
		engine_poke(&e, 0x200000 + i * step, 0xb940, 2);
		engine_poke(&e, 0x200000 + i * step + 2, i, 4);
		engine_poke(&e, 0x200000 + i * step + 6, 0x9004eb, 3);
	}
	e.mem[0x200000 + n * step] = 0xf4;
	for (k = 0; k < 8; k++) {
		engine_mode(&e, e.vcpu, 32);
		cs.limit = 0xffffffff - k * 0x1000;
		engine_must(vmapi_regs_set(e.vcpu, &reg, 1, NULL, 0));
		engine_set(e.vcpu, VMAPI_X86_RIP, 0x200000);
		EQUAL(engine_step(&e, 10000000), VMAPI_EXIT_HALT);
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), n);
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), n - 1);
		EQUAL(e.exit.retired, n * 3 + 1);
	}
	engine_close(&e);
}

/* -- Resets in odd states ----------------------------------------------- */

static void resets(void)
{
	struct engine e;
	unsigned i;

	engine_about("resets");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	for (i = 0; i < 4; i++) {
		begin(&e, e.vcpu, CODE(chain));
		if (i & 1) { /* no handler can be reached: a triple fault */
			engine_set(e.vcpu, VMAPI_X86_RSP, 1ull << 63);
			engine_set(e.vcpu, VMAPI_X86_RIP, ENGINE_DEVICE);
			engine_poke(&e, ENGINE_PML4 + 0x1000 + 24, 0, 8);
			EQUAL(engine_run(&e), VMAPI_EXIT_SHUTDOWN);
			EQUAL(engine_run(&e), VMAPI_EXIT_SHUTDOWN);
			engine_poke(&e, ENGINE_PML4 + 0x1000 + 24,
				(ENGINE_PML4 + 0x5000) | 7, 8);
		}
		engine_must(vmapi_vcpu_kick(e.vcpu));
		engine_must(i & 2 ? vmapi_vm_reset(e.vm) :
			vmapi_vcpu_reset(e.vcpu));
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP), 0xfff0);
		begin(&e, e.vcpu, CODE(chain));
		EQUAL(engine_run(&e), VMAPI_EXIT_KICK);
		EQUAL(engine_step(&e, 100), VMAPI_EXIT_LIMIT);
		EQUAL(e.exit.retired, 100);
	}
	engine_close(&e);
}

int main(void)
{
	kicked("a jump to itself", CODE(self_jump), 20);
	kicked("chained blocks", CODE(chain), 20);
	kicked("an indirect jump to itself", CODE(indirect), 20);
	kicked("rep movsb", CODE(long_copy), 20);
	kicked("rep lodsb", CODE(long_scan), 20);
	kicked("calls", CODE(calls), 20);
	kicked("100000 kicks", CODE(chain), 100000);
	kicked_by_signals();
	commits();
	full_cache();
	resets();
	return engine_result();
}
