/* SPDX-License-Identifier: MIT */
/* An instruction limit: exactly N on the whole machine, however many cpus. */
/*
 * Vcpus take slices of what is left and give back what they did not use.
 * When less than a slice for each is left the end game begins: the slices
 * that are out are called back with kicks, and from then on one vcpu runs
 * at a time, for all that is left; one that wants a turn kicks the others.
 * So a halted vcpu holds nothing for long, and the sum is exact.
 */
#include "machine.h"

#include <time.h>

#define SLICE	100000u
#define TURN_NS 1000000 /* how long a waiting vcpu lets the other run */

void budget_init(struct budget *budget, uint64_t instructions)
{
	pthread_mutex_init(&budget->lock, NULL);
	pthread_cond_init(&budget->changed, NULL);
	budget->left = instructions;
	budget->out = 0;
}

static void kick_others(const struct cpu *cpu)
{
	const struct machine *m = cpu->machine;
	unsigned i;

	for (i = 0; i < m->n_cpus; i++)
		if (i != cpu->index)
			vmapi_vcpu_kick(m->cpus[i].vcpu);
}

static void wait_a_turn(struct budget *budget)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += TURN_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&budget->changed, &budget->lock, &until);
}

/* How many to run now; 0: all are used up, or the machine stops. */
static uint64_t take(struct cpu *cpu)
{
	struct machine *m = cpu->machine;
	struct budget *budget = &m->budget;
	uint64_t n = 0;

	pthread_mutex_lock(&budget->lock);
	for (;;) {
		if (atomic_load(&m->control.stop) ||
			(budget->left == 0 && budget->out == 0))
			break;
		if (m->n_cpus > 1 && budget->left / m->n_cpus > SLICE)
			n = SLICE;
		else if (budget->out == 0)
			n = budget->left;
		if (n > 0)
			break;
		kick_others(cpu);
		wait_a_turn(budget);
	}
	budget->left -= n;
	budget->out += n;
	pthread_mutex_unlock(&budget->lock);
	return n;
}

static void give_back(struct cpu *cpu, uint64_t taken, uint64_t used)
{
	struct budget *budget = &cpu->machine->budget;

	pthread_mutex_lock(&budget->lock);
	budget->out -= taken;
	budget->left += taken - (used < taken ? used : taken);
	pthread_cond_broadcast(&budget->changed);
	pthread_mutex_unlock(&budget->lock);
}

/*
 * As vmapi_vcpu_run(), within the budget: VMAPI_EXIT_LIMIT is the end of all
 * of it, VMAPI_EXIT_NONE that of a slice.
 */
int budget_run(struct cpu *cpu, struct vmapi_exit *exit)
{
	uint64_t n = take(cpu);
	int err;

	exit->reason = VMAPI_EXIT_NONE;
	exit->flags = 0;
	exit->retired = 0;
	if (n == 0) {
		if (!atomic_load(&cpu->machine->control.stop))
			exit->reason = VMAPI_EXIT_LIMIT;
		return 0;
	}
	err = vmapi_vcpu_run_limit(cpu->vcpu, n, exit);
	give_back(cpu, n, err == 0 ? exit->retired : 0);
	if (err == 0 && exit->reason == VMAPI_EXIT_LIMIT)
		exit->reason = VMAPI_EXIT_NONE;
	return err;
}
