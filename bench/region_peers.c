/* SPDX-License-Identifier: MIT */
/* The other processes of a bench: an echo, devices, chips, many channels. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/region.h"

#define PAIRS 256u

static void pin(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)processor, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

void stay(int processor)
{
	static cpu_set_t all;

	if (!CPU_COUNT(&all))
		need(!sched_getaffinity(0, sizeof(all), &all), "processors");
	if (processor == ANYWHERE)
		(void)sched_setaffinity(0, sizeof(all), &all);
	else
		pin(0);
}

/* -- Bare --------------------------------------------------------------- */

static void echo_on(int fd)
{
	unsigned char bytes[32];

	while (read(fd, bytes, 32) == 32 && write(fd, bytes, 32) == 32)
		;
}

void echo_start(struct echo *echo, int processor)
{
	int fds[2];

	echo->processor = processor;
	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds), "socketpair");
	echo->pid = fork();
	if (!echo->pid) {
		close(fds[0]);
		if (processor != ANYWHERE)
			pin(processor);
		echo_on(fds[1]);
		_exit(0);
	}
	close(fds[1]);
	echo->fd = fds[0];
}

double echo_time(struct echo *echo, unsigned times)
{
	unsigned char bytes[32] = { 0 };
	double start;
	unsigned i;

	stay(echo->processor);
	start = now();
	for (i = 0; i < times; i++) {
		need(write(echo->fd, bytes, 32) == 32, "ping");
		need(read(echo->fd, bytes, 32) == 32, "pong");
	}
	start = now() - start;
	stay(ANYWHERE);
	return start / times;
}

void echo_stop(struct echo *echo)
{
	close(echo->fd);
	kill(echo->pid, SIGKILL); /* who was forked later has that end, too */
	waitpid(echo->pid, NULL, 0);
}

static struct {
	_Alignas(128) atomic_uint there;
	_Alignas(128) atomic_uint back;
} lines;

/* Where somebody else has the other processor it takes as long as he. */
static void await(atomic_uint *word, unsigned value)
{
	unsigned i = 0;

	while (atomic_load_explicit(word, memory_order_acquire) != value)
		if (!(++i % 10000))
			sched_yield();
}

static void *return_lines(void *opaque)
{
	unsigned i, times = *(const unsigned *)opaque;

	pin(1);
	for (i = 1; i <= times; i++) {
		await(&lines.there, i);
		atomic_store_explicit(&lines.back, i, memory_order_release);
	}
	return NULL;
}

double line_time(unsigned times)
{
	pthread_t thread;
	double start;
	unsigned i;

	stay(1);
	lines.there = lines.back = 0;
	need(!pthread_create(&thread, NULL, return_lines, &times), "thread");
	lines.there = 1;
	await(&lines.back, 1); /* it runs */
	start = now();
	for (i = 2; i <= times; i++) {
		atomic_store_explicit(&lines.there, i, memory_order_release);
		await(&lines.back, i);
	}
	start = now() - start;
	pthread_join(thread, NULL);
	stay(ANYWHERE);
	return start / (times - 1);
}

/* -- Devices ------------------------------------------------------------ */

static void serve(void *opaque, uint64_t user_data, struct vmapi_access *access)
{
	(void)opaque;
	access->value = user_data;
}

pid_t device_start(struct vmapi_channel_config *c, int type, int processor)
{
	int fds[2], control[2];
	pid_t pid;

	need(!socketpair(AF_UNIX, type, 0, fds), "socketpair");
	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, control), "socketpair");
	pid = fork();
	if (!pid) {
		close(fds[0]);
		close(control[0]);
		if (processor != ANYWHERE)
			pin(processor);
		_exit(vmapi_serve(fds[1], control[1], serve, NULL) != 0);
	}
	close(fds[1]);
	close(control[1]);
	c->fd = fds[0];
	c->control_fd = control[0];
	return pid;
}

pid_t chips_start(int *fd)
{
	struct vmapi_bus_chips_config c = { .size = sizeof(c) };
	struct vmapi_bus_chips *chips;
	int fds[2];
	pid_t pid;

	need(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), "socketpair");
	pid = fork();
	if (!pid) {
		close(fds[0]);
		c.fd = fds[1];
		must(vmapi_bus_chips_create(&c, &chips));
		close(fds[1]);
		_exit(vmapi_bus_chips_serve(chips) != 0);
	}
	close(fds[1]);
	*fd = fds[0];
	return pid;
}

/* -- Many channels in one loop ------------------------------------------ */

static struct vmapi_loop *loop;
static unsigned alive;

static void ended(void *opaque, int error)
{
	(void)opaque;
	(void)error;
	if (!--alive)
		vmapi_loop_stop(loop);
}

static pid_t start_fleet(int (*fds)[2], unsigned n, unsigned flags)
{
	struct vmapi_loop_config c = { .size = sizeof(c), .flags = flags };
	struct vmapi_loop_channel ch = { .size = sizeof(ch), .control_fd = -1,
		.fn = serve, .ended = ended };
	struct vmapi_source *source;
	unsigned i;
	pid_t pid;

	for (i = 0; i < n; i++)
		need(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]),
			"socketpair");
	pid = fork();
	if (!pid) {
		must(vmapi_loop_create(&c, &loop));
		for (i = 0; i < n; i++, alive++) {
			close(fds[i][0]);
			ch.fd = fds[i][1];
			must(vmapi_loop_serve(loop, &ch, &source));
			close(ch.fd);
		}
		must(vmapi_loop_run(loop));
		_exit(0);
	}
	for (i = 0; i < n; i++)
		close(fds[i][1]);
	return pid;
}

/* A command to each, then the answer of each: nanoseconds of one. */
static double tour(int (*fds)[2], unsigned n)
{
	struct vmapi_wire_command c = { .size_exponent = 3, .response = 1 };
	struct vmapi_wire_response r;
	unsigned i, k, rounds = 1 + 5000 / n;
	double start = now();

	for (k = 0; k < rounds; k++) {
		for (i = 0; i < n; i++)
			need(write(fds[i][0], &c, sizeof(c)) == sizeof(c),
				"command");
		for (i = 0; i < n; i++)
			need(read(fds[i][0], &r, sizeof(r)) == sizeof(r),
				"answer");
	}
	return (now() - start) / rounds / n;
}

void fleets(void)
{
	static const unsigned counts[] = { 1, 10, 100, PAIRS };
	static int fds[2][PAIRS][2];
	double ns[2][ROUNDS], by_uring, by_poll;
	unsigned i, k, n, way;
	pid_t pids[2];

	printf("\n%10s %14s %14s %8s\n", "channels", "by choice ns",
		"by poll ns", "ratio");
	for (i = 0; i < N_OF(counts); i++) {
		n = counts[i];
		for (way = 0; way < 2; way++)
			pids[way] = start_fleet(fds[way], n,
				way ? VMAPI_LOOP_POLL : 0);
		for (k = 0; k < ROUNDS; k++)
			for (way = 0; way < 2; way++)
				ns[way][k] = tour(fds[way], n);
		by_uring = median(ns[0]);
		by_poll = median(ns[1]);
		printf("%10u %14.0f %14.0f %8.3f\n", n, by_uring, by_poll,
			by_uring / by_poll);
		for (way = 0; way < 2; way++) {
			for (k = 0; k < n; k++)
				close(fds[way][k][0]);
		}
		for (way = 0; way < 2; way++)
			waitpid(pids[way], NULL, 0);
	}
}
