/* SPDX-License-Identifier: MIT */
/* What a commit costs, in instructions: what it changes, not what is mapped. */
/*
 * A child makes a map of n entries and commits a change of k of them, on the
 * null backend; its parent counts by single steps how many instructions the
 * commit takes. No clock is asked.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/null.h"

#define PAGE 0x1000u

static void must(int err)
{
	if (!err)
		return;
	printf("%s\n", vmapi_error_last()->message);
	_exit(1);
}

static void add(struct vmapi_map *map, struct vmapi_as *as,
	struct vmapi_ram *ram, unsigned n)
{
	struct vmapi_map_entry e = { .size = sizeof(e), .bytes = PAGE,
		.ram = ram };
	unsigned i;

	for (i = 0; i < n; i++, e.gpa += 2 * PAGE)
		must(vmapi_map_add(map, as, &e));
}

/* Of n entries every (n / k)-th goes, and other memory comes. */
static void change(struct vmapi_map *map, struct vmapi_as *as,
	struct vmapi_ram *ram, unsigned n, unsigned k)
{
	struct vmapi_map_entry e = { .size = sizeof(e), .bytes = PAGE,
		.ram = ram, .offset = PAGE };
	unsigned i;

	for (i = 0; i < k; i++) {
		e.gpa = (uint64_t)(i * (n / k)) * 2 * PAGE;
		must(vmapi_map_remove(map, as, e.gpa, PAGE));
		must(vmapi_map_add(map, as, &e));
	}
}

static void child(unsigned n, unsigned k)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = 2 * PAGE };
	struct vmapi_map *map;
	struct vmapi_ram *ram;
	struct vmapi_as *as;
	struct vmapi_vm *vm;
	struct vmapi *ctx;

	null_reset();
	must(vmapi_open("null", 0, &ctx));
	must(vmapi_vm_create(ctx, NULL, &vm));
	must(vmapi_vm_as(vm, &as));
	must(vmapi_ram_create(ctx, &c, &ram));
	must(vmapi_map_begin(vm, &map));
	add(map, as, ram, n);
	must(vmapi_map_commit(map));
	must(vmapi_map_begin(vm, &map));
	change(map, as, ram, n, k);
	raise(SIGUSR1);
	must(vmapi_map_commit(map));
	raise(SIGUSR1);
	_exit(null_knobs.removed == k && null_knobs.added == k ? 0 : 1);
}

/* Wait for the child's signal; stepping, count. 0: it has ended. */
static unsigned long follow(pid_t pid, int request)
{
	unsigned long steps = 0;
	int status;

	for (;;) {
		if (ptrace(request, pid, NULL, NULL) ||
			waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			return 0;
		if (WSTOPSIG(status) == SIGUSR1)
			return steps + 1;
		if (WSTOPSIG(status) != SIGTRAP)
			return 0;
		steps++;
	}
}

/* Instructions; 0: the child failed. */
static unsigned long cost(unsigned n, unsigned k)
{
	unsigned long steps;
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(77);
		raise(SIGSTOP);
		child(n, k);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return 0;
	steps = follow(pid, PTRACE_CONT);
	if (steps)
		steps = follow(pid, PTRACE_SINGLESTEP);
	if (!steps)
		kill(pid, SIGKILL);
	else
		ptrace(PTRACE_CONT, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && !WEXITSTATUS(status) ? steps : 0;
}

static int fail(const char *what)
{
	printf("%s\n", what);
	return EXIT_FAILURE;
}

int main(void)
{
	unsigned long one = cost(1, 1), now, alone = 0;
	unsigned n, k;

	if (!one)
		return fail("nothing could be counted");
	printf("1 of 1 entry: %lu instructions\n", one);
	for (n = 10; n <= 10000; n *= 10) {
		now = cost(n, 1);
		printf("1 of %u entries: %lu\n", n, now);
		/* A level of the tree is a little; another entry is nothing. */
		if (!now || now > 12 * one)
			return fail("what is mapped costs");
	}
	for (k = 1; k <= 16; k *= 4) {
		now = cost(1000, k) / k;
		printf("%u of 1000 entries: %lu each\n", k, now);
		if (k == 1)
			alone = now;
		if (!now || now > alone + alone / 4)
			return fail("a change costs more among others");
	}
	return EXIT_SUCCESS;
}
