/* SPDX-License-Identifier: MIT */
/* Threads that die, and processes that fork, in the middle of everything. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/api.h"

/* in al, 0x10; out 0x11, al; jmp to the first */
static const uint8_t code[] = { 0xe4, 0x10, 0xe6, 0x11, 0xeb, 0xfa };
/* jmp to itself */
static const uint8_t spin_code[] = { 0xeb, 0xfe };

static void on_thread(void *(*fn)(void *), void *opaque)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, fn, opaque));
	pthread_join(thread, NULL);
}

/* -- A thread dies between two runs ------------------------------------- */

struct life {
	struct machine *m;
	struct vmapi_exit exit;
	uint8_t answer; /* of the last exit, if that was an input */
	bool answers;
};

/* One run, and the thread is no more. */
static void *run_once(void *opaque)
{
	struct life *l = opaque;

	if (l->answers)
		EQUAL(vmapi_vcpu_complete(l->m->vcpu, &l->answer, 1), 0);
	l->exit.size = sizeof(l->exit);
	EQUAL(vmapi_vcpu_run(l->m->vcpu, &l->exit), 0);
	pthread_exit(NULL);
}

/* The next one answers what the last one was asked. */
static void one_dies_another_goes_on(struct machine *m)
{
	struct life l = { .m = m };
	unsigned i;

	api_load(m, code, sizeof(code));
	for (i = 0; i < 100; i++) {
		l.answer = (uint8_t)i;
		l.answers = i % 2;
		on_thread(run_once, &l);
		EQUAL(l.exit.reason, VMAPI_EXIT_IO);
		EQUAL((int64_t)l.exit.u.io.port, 0x10 + i % 2);
		if (i % 2)
			EQUAL(*(uint8_t *)l.exit.u.io.data, l.answer);
	}
}

/* Another vcpu, of which each thread promises to keep its mask. */
static void steady_ones_die(struct machine *m)
{
	struct vmapi_vcpu_config c = { .size = sizeof(c), .id = 1,
		.flags = VMAPI_VCPU_STEADY_MASK };
	struct vmapi_vcpu *first = m->vcpu;

	EQUAL(vmapi_vcpu_create(m->vm, &c, &m->vcpu), 0);
	one_dies_another_goes_on(m);
	vmapi_vcpu_destroy(m->vcpu);
	m->vcpu = first;
}

/* Kicks find the vcpu though the thread that ran it last is no more. */
static void kicks_of_the_dead(struct machine *m)
{
	struct life l = { .m = m };
	unsigned i;

	api_load(m, spin_code, sizeof(spin_code));
	for (i = 0; i < 50; i++) {
		EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
		on_thread(run_once, &l);
		EQUAL(l.exit.reason, VMAPI_EXIT_KICK);
	}
}

static atomic_bool stops;

static void *kick_on(void *opaque)
{
	struct machine *m = opaque;
	const struct timespec moment = { .tv_nsec = 50000 };

	while (!atomic_load(&stops)) {
		EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
		nanosleep(&moment, NULL);
	}
	return NULL;
}

/* They come while threads are born, run and die. */
static void kicks_of_the_dying(struct machine *m)
{
	struct life l = { .m = m };
	pthread_t kicker;
	unsigned i;

	api_load(m, spin_code, sizeof(spin_code));
	atomic_store(&stops, false);
	CHECK(!pthread_create(&kicker, NULL, kick_on, m));
	for (i = 0; i < 200; i++) {
		on_thread(run_once, &l);
		EQUAL(l.exit.reason, VMAPI_EXIT_KICK);
	}
	atomic_store(&stops, true);
	pthread_join(kicker, NULL);
}

/* Maps change, registers move and the VM is reset without that thread. */
static void the_dead_hold_nothing(struct machine *m)
{
	struct life l = { .m = m };

	api_load(m, code, sizeof(code));
	on_thread(run_once, &l);
	EQUAL(api_map(m, API_RAM, API_PAGE, 0), 0);
	EQUAL(api_unmap(m, API_RAM, API_PAGE), 0);
	l.answers = true;
	on_thread(run_once, &l);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE + 4);
	EQUAL(vmapi_vm_reset(m->vm), 0);
	api_load(m, code, sizeof(code));
	l.answers = false;
	on_thread(run_once, &l);
	EQUAL(l.exit.reason, VMAPI_EXIT_IO);
}

/* -- Vcpus come and go --------------------------------------------------- */

/* mov byte [0x1010], 0x90; jmp to the first: each tells all other vcpus */
static const uint8_t patch_code[] = { 0xc6, 0x06, 0x10, 0x10, 0x90, 0xeb, 0xf9 };

static void *run_on(void *opaque)
{
	struct machine *m = opaque;
	struct vmapi_exit exit = { .size = sizeof(exit) };

	while (!atomic_load(&stops))
		EQUAL(vmapi_vcpu_run(m->vcpu, &exit), 0);
	return NULL;
}

static void *map_on(void *opaque)
{
	struct machine *m = opaque;

	while (!atomic_load(&stops)) {
		EQUAL(api_map(m, API_RAM, API_PAGE, 0), 0);
		EQUAL(api_unmap(m, API_RAM, API_PAGE), 0);
	}
	return NULL;
}

static void *write_on(void *opaque)
{
	struct machine *m = opaque;

	while (!atomic_load(&stops))
		EQUAL(vmapi_ram_written(m->ram, API_CODE, 1), 0);
	return NULL;
}

/* Whoever has something to tell the others does not meet one that is gone. */
static void vcpus_come_and_go(struct machine *m)
{
	struct vmapi_vcpu_config c = { .size = sizeof(c), .id = 1 };
	static void *(*const work[])(void *) = { run_on, write_on, map_on };
	int64_t max = api_cap(m, VMAPI_CAP_VCPUS_MAX);
	struct vmapi_vcpu *vcpu;
	pthread_t threads[3];
	unsigned i;

	api_load(m, patch_code, sizeof(patch_code));
	atomic_store(&stops, false);
	for (i = 0; i < 3; i++)
		CHECK(!pthread_create(&threads[i], NULL, work[i], m));
	/* A kernel takes each id once. */
	for (; c.id < 200 && c.id < (uint64_t)max; c.id++) {
		EQUAL(vmapi_vcpu_create(m->vm, &c, &vcpu), 0);
		vmapi_vcpu_destroy(vcpu);
	}
	atomic_store(&stops, true);
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

/* -- Forks -------------------------------------------------------------- */

/* Each call says -EPERM or does nothing, and none waits for a lock. */
static int child_calls(struct machine *m)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_reg reg = { .tag = VMAPI_X86_RIP };
	struct vmapi_map *map;
	void *pointer;
	int bad = 0, fd;

	alarm(20); /* what hangs */
	bad += vmapi_vcpu_run(m->vcpu, &exit) != -EPERM;
	bad += vmapi_vcpu_settle(m->vcpu, &exit) != -EPERM;
	bad += vmapi_vcpu_kick(m->vcpu) != -EPERM;
	bad += vmapi_vcpu_reset(m->vcpu) != -EPERM;
	bad += vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0) != -EPERM;
	bad += vmapi_map_begin(m->vm, &map) != -EPERM;
	bad += vmapi_as_write(m->as, 0, &fd, sizeof(fd)) != -EPERM;
	bad += vmapi_ram_pointer(m->ram, &pointer) != -EPERM;
	bad += vmapi_ram_written(m->ram, 0, API_PAGE) != -EPERM;
	bad += vmapi_vm_pollfd(m->vm, &fd) != -EPERM;
	bad += vmapi_vm_service(m->vm) != -EPERM;
	bad += vmapi_vm_reset(m->vm) != -EPERM;
	bad += vmapi_error_last()->code != -EPERM;
	api_machine_free(m);
	return bad;
}

/* A child that then is a monitor of its own. */
static int child_lives(struct machine *m)
{
	struct machine own = { .backend = m->backend };
	int bad = child_calls(m);

	api_machine(&own, NULL);
	api_load(&own, code, sizeof(code));
	{
		struct vmapi_exit exit = { .size = sizeof(exit) };

		bad += vmapi_vcpu_run(own.vcpu, &exit) != 0;
		bad += exit.reason != VMAPI_EXIT_IO;
	}
	api_machine_free(&own);
	return bad;
}

/* Whatever locks are held at that moment, the child waits for none. */
static void fork_amid_work(struct machine *m)
{
	static void *(*const work[])(void *) = { run_on, map_on, kick_on };
	pthread_t threads[3];
	int status;
	unsigned i;
	pid_t pid;

	api_load(m, spin_code, sizeof(spin_code));
	atomic_store(&stops, false);
	for (i = 0; i < 3; i++)
		CHECK(!pthread_create(&threads[i], NULL, work[i], m));
	for (i = 0; i < 20; i++) {
		fflush(stdout);
		status = 1;
		pid = fork();
		if (!pid)
			_exit(i % 4 ? child_calls(m) : child_lives(m));
		waitpid(pid, &status, 0);
		EQUAL(status, 0);
	}
	atomic_store(&stops, true);
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	EQUAL(vmapi_vm_service(m->vm), 0);
}

/* Its memory stays the parent's: what a child writes is its own copy. */
static void fork_copies_ram(struct machine *m)
{
	uint8_t *bytes;
	void *pointer;
	int status = 1;
	pid_t pid;

	EQUAL(vmapi_ram_pointer(m->ram, &pointer), 0);
	bytes = pointer;
	bytes[0x3000] = 1;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		bytes[0x3000]++;
		_exit(bytes[0x3000] != 2);
	}
	waitpid(pid, &status, 0);
	EQUAL(status, 0);
	EQUAL(bytes[0x3000], 1);
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "one dies, another goes on", one_dies_another_goes_on },
		{ "steady ones die", steady_ones_die },
		{ "kicks of the dead", kicks_of_the_dead },
		{ "kicks of the dying", kicks_of_the_dying },
		{ "the dead hold nothing", the_dead_hold_nothing },
		{ "vcpus come and go", vcpus_come_and_go },
		{ "fork amid work", fork_amid_work },
		{ "fork copies RAM", fork_copies_ram },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
