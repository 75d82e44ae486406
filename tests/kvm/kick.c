/* SPDX-License-Identifier: MIT */
/* The kick, proved by counting: none lost, none twice, none left behind. */
/*
 * kick [rounds]: the suite's 20,000 take a few seconds; a million shows more
 * and takes under a minute or two: tests/kvm/kick 1000000
 *
 * Exact rounds.  There is one token.  Whoever takes it, a thread or a signal
 * handler on the vcpu's own thread, kicks once; the vcpu's thread gives it
 * back when a run ends with VMAPI_EXIT_KICK.  So a lost kick stops the test
 * (a watchdog ends it), and one that shows twice finds the token not taken.
 * The handler is entered by signals from outside at all moments: before, in
 * and after the system call, which is what "around entry" needs; those
 * signals that find no token are foreign and must not show.
 *
 * The storm.  Threads kick without waiting.  Exits may be fewer than kicks,
 * but the last kick of each thread must be followed by an exit.
 */
#include "tests/kvm/machine.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KICKERS	 2
#define PATIENCE 20 /* seconds without a round */

static struct machine machine;
static atomic_int token;	/* 1: the next kick may come */
static sem_t given;		/* somebody waits for that */
static atomic_ulong kicks;	/* made */
static atomic_ulong handled;	/* of them, by the handler */
static atomic_ulong foreign;	/* signals that do not kick */
static atomic_bool stop;
static atomic_ulong generation; /* storm: stamped before each kick */

static const uint8_t spinning[] = { 0xeb, 0xfe };	      /* jmp $ */
static const uint8_t writing[] = { 0xe6, 0xe9, 0xeb, 0xfc }; /* out; jmp */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool kick_with_token(void)
{
	int one = 1;

	if (!atomic_compare_exchange_strong(&token, &one, 0))
		return false;
	atomic_fetch_add(&kicks, 1);
	vmapi_vcpu_kick(machine.vcpu);
	return true;
}

static void on_signal(int number)
{
	(void)number;
	if (kick_with_token())
		atomic_fetch_add(&handled, 1);
}

static void on_foreign(int number)
{
	(void)number;
	atomic_fetch_add(&foreign, 1);
}

/* A little time that differs from turn to turn. */
static void dither(unsigned *seed)
{
	volatile unsigned left;

	*seed = *seed * 1103515245u + 12345u;
	for (left = *seed >> 16 & 0x3ff; left; left--)
		continue;
}

static void *kick_from_thread(void *opaque)
{
	unsigned seed = (unsigned)(uintptr_t)opaque;

	for (;;) {
		sem_wait(&given);
		if (atomic_load(&stop))
			return NULL;
		dither(&seed);
		CHECK(kick_with_token());
	}
}

struct sender {
	pthread_t target;
};

static void *kick_from_handler(void *opaque)
{
	struct sender *sender = opaque;
	unsigned seed = (unsigned)(uintptr_t)&opaque;

	for (;;) {
		sem_wait(&given);
		if (atomic_load(&stop))
			return NULL;
		dither(&seed);
		pthread_kill(sender->target, SIGUSR1);
		if (seed >> 20 & 3)
			continue;
		dither(&seed);
		pthread_kill(sender->target, SIGUSR2);
	}
}

/* Ends a test that hangs because a kick was lost. */
static void *watch(void *opaque)
{
	unsigned long last = 0;
	double since = now();

	(void)opaque;
	for (;;) {
		struct timespec second = { .tv_sec = 1 };

		nanosleep(&second, NULL);
		if (atomic_load(&kicks) != last) {
			last = atomic_load(&kicks);
			since = now();
		} else if (now() - since > PATIENCE) {
			printf("a kick was lost after %lu\n", last);
			fflush(stdout);
			_exit(1);
		}
	}
	return NULL;
}

static void give_token(void)
{
	atomic_store(&token, 1);
	sem_post(&given);
}

/* One exact phase on the calling thread: `rounds` KICK exits. */
static void exact(unsigned long rounds, const uint8_t *code, size_t bytes,
	bool by_handler)
{
	struct sender sender = { .target = pthread_self() };
	unsigned long before = atomic_load(&kicks);
	unsigned long ends = 0, others = 0, spurious = 0;
	struct vmapi_exit exit = { .size = sizeof(exit) };
	pthread_t threads[KICKERS];
	unsigned i;

	machine_load(&machine, machine.vcpu, CODE, code, bytes);
	atomic_store(&stop, false);
	sem_init(&given, 0, 0);
	give_token();
	for (i = 0; i < KICKERS; i++)
		if (by_handler)
			pthread_create(&threads[i], NULL, kick_from_handler,
				&sender);
		else
			pthread_create(&threads[i], NULL, kick_from_thread,
				(void *)(uintptr_t)(i + 1));
	while (ends < rounds) {
		if (vmapi_vcpu_run(machine.vcpu, &exit)) {
			OK(vmapi_vcpu_run(machine.vcpu, &exit));
			break;
		}
		if (exit.reason != VMAPI_EXIT_KICK) {
			others++;
			continue;
		}
		spurious += atomic_load(&token) != 0;
		ends++;
		if (ends < rounds)
			give_token();
	}
	atomic_store(&stop, true);
	for (i = 0; i < KICKERS; i++)
		sem_post(&given);
	for (i = 0; i < KICKERS; i++)
		pthread_join(threads[i], NULL);
	sem_destroy(&given);
	CHECK(ends == rounds);
	CHECK(atomic_load(&kicks) - before == ends);
	CHECK(spurious == 0);
	/* Only a guest that writes has other exits to show, in the long run. */
	CHECK(code == writing ? others > 0 || rounds < 1000 : others == 0);
}

static void *kick_without_end(void *opaque)
{
	unsigned long left = *(unsigned long *)opaque;
	unsigned seed = (unsigned)(uintptr_t)&opaque;

	while (left--) {
		dither(&seed);
		atomic_fetch_add(&generation, 1);
		atomic_fetch_add(&kicks, 1);
		vmapi_vcpu_kick(machine.vcpu);
	}
	return NULL;
}

static void storm(unsigned long each)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	unsigned long total = each * KICKERS;
	unsigned long seen = 0, ends = 0;
	pthread_t threads[KICKERS];
	unsigned i;

	machine_load(&machine, machine.vcpu, CODE, spinning, sizeof(spinning));
	atomic_store(&generation, 0);
	for (i = 0; i < KICKERS; i++)
		pthread_create(&threads[i], NULL, kick_without_end, &each);
	while (seen < total) {
		if (!OK(vmapi_vcpu_run(machine.vcpu, &exit)))
			break;
		ends += exit.reason == VMAPI_EXIT_KICK;
		seen = atomic_load(&generation);
	}
	for (i = 0; i < KICKERS; i++)
		pthread_join(threads[i], NULL);
	/* The last one may have come after the last exit; then it is due. */
	vmapi_vcpu_kick(machine.vcpu);
	run_to(machine.vcpu, &exit, VMAPI_EXIT_KICK);
	CHECK(ends > 0 && ends <= total);
	printf("storm: %lu kicks, %lu exits\n", total, ends);
}

/* What a run leaves: no pending signal, the mask and dispositions as before. */
static void check_thread(const sigset_t *before)
{
	struct sigaction action;
	sigset_t pending, mask;
	int number;

	sigpending(&pending);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (number = 1; number <= SIGRTMAX; number++) {
		CHECK(sigismember(&pending, number) != 1);
		CHECK(sigismember(&mask, number) ==
			sigismember(before, number));
		if (number < SIGRTMIN || sigaction(number, NULL, &action))
			continue;
		CHECK(action.sa_handler == SIG_DFL);
	}
}

static void all_phases(unsigned long rounds)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	exact(rounds / 4, spinning, sizeof(spinning), false);
	check_thread(&mask);
	exact(rounds / 4, writing, sizeof(writing), false);
	exact(rounds / 4, spinning, sizeof(spinning), true);
	check_thread(&mask);
	exact(rounds - rounds / 4 * 3, writing, sizeof(writing), true);
	check_thread(&mask);
}

/* The same on a vcpu whose threads keep their masks. */
static void steady(unsigned long rounds)
{
	struct vmapi_vcpu_config config = {
		.size = sizeof(config),
		.flags = VMAPI_VCPU_STEADY_MASK,
		.id = 1,
	};
	struct vmapi_vcpu *first = machine.vcpu;
	sigset_t mask, kick;

	sigemptyset(&kick);
	sigaddset(&kick, SIGRTMAX - 2);
	pthread_sigmask(SIG_UNBLOCK, &kick, &mask);
	sigdelset(&mask, SIGRTMAX - 2);
	OK(vmapi_vcpu_create(machine.vm, &config, &machine.vcpu));
	exact(rounds / 2, spinning, sizeof(spinning), true);
	sigaddset(&mask, SIGRTMAX - 2);
	check_thread(&mask);
	exact(rounds - rounds / 2, writing, sizeof(writing), true);
	check_thread(&mask);
	vmapi_vcpu_destroy(machine.vcpu);
	machine.vcpu = first;
}

/* What can be said without a second thread. */
static void alone(void)
{
	static const uint8_t halt[] = { 0xe6, 0xe9, 0xf4 };
	struct vmapi_exit exit;

	machine_load(&machine, machine.vcpu, CODE, halt, sizeof(halt));
	OK(vmapi_vcpu_kick(machine.vcpu));
	OK(vmapi_vcpu_kick(machine.vcpu));
	run_to(machine.vcpu, &exit, VMAPI_EXIT_KICK);
	run_to(machine.vcpu, &exit, VMAPI_EXIT_IO);
	OK(vmapi_vcpu_kick(machine.vcpu));
	run_to(machine.vcpu, &exit, VMAPI_EXIT_KICK);
	run_to(machine.vcpu, &exit, VMAPI_EXIT_HALT);
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t watchdog;
	sigset_t kick;
	double start;
	int rc = machine_open(&machine, NULL);

	if (rc)
		return rc;
	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = on_foreign;
	sigaction(SIGUSR2, &action, NULL);
	pthread_create(&watchdog, NULL, watch, NULL);
	alone();
	start = now();
	all_phases(rounds / 3);
	/* Again on a thread that has the signal blocked by itself. */
	sigemptyset(&kick);
	sigaddset(&kick, SIGRTMAX - 2);
	pthread_sigmask(SIG_BLOCK, &kick, NULL);
	all_phases(rounds / 3);
	steady(rounds - rounds / 3 * 2);
	printf("exact: %lu rounds, %lu kicks (%lu from signal handlers, "
		"%lu foreign signals beside), 0 lost, %.1f us each\n",
		rounds, atomic_load(&kicks), atomic_load(&handled),
		atomic_load(&foreign), (now() - start) * 1e6 / (double)rounds);
	storm(rounds);
	machine_close(&machine);
	return check_result("kick");
}
