/* SPDX-License-Identifier: MIT */
/* A virtio device in a process of its own, which may die at any time. */
/*
 * The process answers for the registers over a channel (vmapi_channel.3),
 * hears the driver by the eventfds of its doorbell, and interrupts by another
 * one: none of that comes through the monitor.  All that the device knows is
 * in guest RAM and in a struct virtio_state, which are the monitor's and
 * shared with it; or in a descriptor that the monitor keeps as well, the
 * disk's file or the tap.
 *
 * So it can be killed at any moment.  Its sockets end, and a thread of ours,
 * the watcher, starts another one, which finds in the state which requests
 * were in flight, whether the driver has their answers, and what comes next
 * (virtio_resume()).  The guest waits that long: a register access that was
 * under way fails with VMAPI_EXIT_REGION, and is tried again (run.c).  Each
 * register may be accessed twice, but for InterruptACK, of which virtio.c
 * says what it takes.
 *
 * Saving, restoring and resetting the machine need a device that stands still:
 * there the process is ended, and another one goes on afterwards.  That is the
 * same, and so always tried.
 */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDHOOD   1	     /* seconds: who dies sooner, with nothing done */
#define BAD_MAX	    5	     /* so many of them, and we give up */
#define PATIENCE_NS 20000000 /* of an access, which may come after the event */

/* -- One process -------------------------------------------------------- */

static int hand_over(int socket, const struct handover *handover,
	const int *fds, size_t n)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * N_FDS)];
	} control = { .room = { 0 } };
	struct handover copy = *handover;
	struct iovec iov = { &copy, sizeof(copy) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(int) * n) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(header), fds, sizeof(int) * n);
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Our own program, in a group of its own: the terminal's signals are ours. */
static int spawn(const char *argument, int input, pid_t *pid)
{
	char name[] = "vmapi-boot", copy[32];
	char *const argv[] = { name, copy, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;

	snprintf(copy, sizeof(copy), "%s", argument);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
		POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	errno = posix_spawn(pid, "/proc/self/exe", &actions, &attributes,
		argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return errno != 0 ? -1 : 0;
}

static void close_pair(const int *pair)
{
	if (pair[0] >= 0)
		close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
}

static int open_pairs(int (*pairs)[2])
{
	const int stream = SOCK_STREAM | SOCK_CLOEXEC;

	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pairs[0])
		|| socketpair(AF_UNIX, stream, 0, pairs[1]) ||
		socketpair(AF_UNIX, stream, 0, pairs[2]) ? -1 : 0;
}

static int start_with(const struct process_config *config,
	const struct handover *handover, int (*pairs)[2], pid_t *pid)
{
	int fds[N_FDS] = { [FD_CHANNEL] = pairs[1][1], [FD_HELLO] = pairs[2][1],
		[FD_IRQ] = config->slot->irq_fd, [FD_FILE] = config->file };

	memcpy(fds + FD_KICK, config->slot->kick_fds,
		sizeof(config->slot->kick_fds));
	if (vmapi_ram_fd(config->ram, &fds[FD_RAM]) != 0 ||
		vmapi_ram_fd(config->state, &fds[FD_STATE]) != 0) {
		errno = EBADF;
		return -1;
	}
	if (hand_over(pairs[0][0], handover, fds,
		    config->file >= 0 ? N_FDS : FD_FILE) != 0)
		return -1;
	return spawn(config->argument, pairs[0][1], pid);
}

int process_start(const struct process_config *config,
	const struct handover *handover, struct process_ends *ends)
{
	int pairs[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int i, err = open_pairs(pairs);

	if (err == 0)
		err = start_with(config, handover, pairs, &ends->pid);
	if (err != 0) {
		for (i = 0; i < 3; i++)
			close_pair(pairs[i]);
		return -1;
	}
	ends->talk = pairs[0][0];
	ends->channel = pairs[1][0];
	ends->hello = pairs[2][0];
	for (i = 0; i < 3; i++)
		close(pairs[i][1]);
	return 0;
}

void process_close(struct process_ends *ends)
{
	kill(ends->pid, SIGKILL);
	while (waitpid(ends->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	close(ends->talk);
	close(ends->channel);
	close(ends->hello);
}

/* -- The watcher -------------------------------------------------------- */

/* The first one also puts the device into the machine. */
static int take_on(struct process *p, const struct process_ends *ends)
{
	const struct vmapi_channel_config wire = { .size = sizeof(wire),
		.flags = VMAPI_CHANNEL_RING, .fd = ends->channel,
		.control_fd = ends->hello, .name = p->config.name };
	int err = p->channel != NULL
		? vmapi_channel_connect(p->channel, ends->channel, ends->hello)
		: vmapi_channel_create(p->config.vm, &wire, &p->channel);

	if (err == 0 && !p->is_attached) {
		err = slot_attach(p->config.slot, p->config.vm, NULL,
			p->channel);
		p->is_attached = err == 0;
	}
	return err;
}

/* Until it is dead, or as good as. */
static void listen_to(const struct process *p, int talk)
{
	struct virtio_range wrote[VIRTIO_RANGES];
	ssize_t bytes;
	size_t i;

	while ((bytes = recv(talk, wrote, sizeof(wrote), 0)) > 0) {
		/* It fails for what is no RAM, and harms nobody. */
		for (i = 0; i < (size_t)bytes / sizeof(wrote[0]); i++)
			(void)vmapi_ram_written(p->config.ram,
				wrote[i].offset, wrote[i].size);
		if (send(talk, "", 1, MSG_NOSIGNAL) != 1)
			break;
	}
}

static void set(struct process *p, int is, pid_t pid)
{
	p->is = is;
	p->pid = pid;
	pthread_cond_broadcast(&p->changed);
}

/* One process, from its start to its end.  The lock is held. */
static void live_once(struct process *p)
{
	struct process_ends ends;
	bool came_up;

	if (process_start(&p->config, &p->handover, &ends) != 0) {
		fprintf(stderr, "vmapi-boot: no process for %s: %s\n",
			p->config.name, strerror(errno));
		p->n_bad = BAD_MAX;
		return;
	}
	set(p, STARTING, ends.pid);
	pthread_mutex_unlock(&p->lock);
	came_up = take_on(p, &ends) == 0;
	pthread_mutex_lock(&p->lock);
	if (came_up) {
		set(p, UP, ends.pid);
		pthread_mutex_unlock(&p->lock);
		listen_to(p, ends.talk);
		pthread_mutex_lock(&p->lock);
	} else if (p->wish == WANTED) {
		fprintf(stderr, "vmapi-boot: the process of %s: %s\n",
			p->config.name, vmapi_error_last()->message);
	}
	process_close(&ends);
	set(p, NONE, 0);
}

struct moment {
	time_t seconds;
	unsigned done; /* where the used rings are */
};

static struct moment now(const struct process *p)
{
	struct moment moment = { .done = 0 };
	struct timespec time;
	unsigned i;

	clock_gettime(CLOCK_MONOTONIC, &time);
	moment.seconds = time.tv_sec;
	for (i = 0; i < VIRTIO_QUEUES; i++)
		moment.done += atomic_load(&p->state->flights[i].used)
			<< 16 * i;
	return moment;
}

/*
 * A request that kills each process that serves it ends the machine.  The lock
 * is held, but not while others are told.
 */
static void judge(struct process *p, struct moment start)
{
	struct moment end = now(p);

	if (p->wish != WANTED)
		return;
	if (end.done != start.done || end.seconds - start.seconds > CHILDHOOD)
		p->n_bad = 0;
	else
		p->n_bad++;
	if (p->n_bad < BAD_MAX) {
		fprintf(stderr, "vmapi-boot: the process of %s has died; "
			"another one goes on\n", p->config.name);
		return;
	}
	fprintf(stderr, "vmapi-boot: the process of %s dies again and "
		"again\n", p->config.name);
	set(p, FAILED, 0);
	p->wish = HELD;
	pthread_mutex_unlock(&p->lock);
	p->config.failed(p->config.opaque);
	pthread_mutex_lock(&p->lock);
}

static void *watch(void *opaque)
{
	struct process *p = opaque;
	struct moment start;

	pthread_mutex_lock(&p->lock);
	while (p->wish != UNWANTED) {
		if (p->wish == HELD) {
			pthread_cond_wait(&p->changed, &p->lock);
			continue;
		}
		start = now(p);
		live_once(p);
		judge(p, start);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* -- What the machine calls --------------------------------------------- */

void process_init(struct process *p)
{
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->wish = HELD;
}

int process_create(struct process *p, const struct process_config *config)
{
	sigset_t all, before;
	uint64_t bytes;
	void *state;

	p->config = *config;
	if (vmapi_ram_pointer(config->state, &state) != 0 ||
		vmapi_ram_size(config->ram, &bytes) != 0) {
		errno = EINVAL;
		return -1;
	}
	p->state = state;
	p->handover.ram_bytes = bytes;
	p->handover.is_read_only = config->is_read_only;
	p->handover.tells = config->tells;
	if (config->what != NULL)
		snprintf(p->handover.what, sizeof(p->handover.what), "%s",
			config->what);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errno = pthread_create(&p->watcher, NULL, watch, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	p->has_watcher = errno == 0;
	return p->has_watcher ? 0 : -1;
}

/* The watcher has the pid until it is nobody's. */
static void want(struct process *p, int wish)
{
	p->wish = wish;
	if (p->pid != 0 && wish != WANTED)
		kill(p->pid, SIGKILL);
	pthread_cond_broadcast(&p->changed);
}

void process_destroy(struct process *p)
{
	if (p->has_watcher) {
		pthread_mutex_lock(&p->lock);
		want(p, UNWANTED);
		pthread_mutex_unlock(&p->lock);
		pthread_join(p->watcher, NULL);
	}
	vmapi_channel_destroy(p->channel);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
}

void process_hold(struct process *p)
{
	pthread_mutex_lock(&p->lock);
	want(p, HELD);
	while (p->pid != 0)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

int process_release(struct process *p)
{
	bool good;

	pthread_mutex_lock(&p->lock);
	p->n_bad = 0;
	if (p->is != FAILED)
		want(p, WANTED);
	while (p->is != UP && p->is != FAILED)
		pthread_cond_wait(&p->changed, &p->lock);
	good = p->is == UP;
	pthread_mutex_unlock(&p->lock);
	return good ? 0 : -1;
}

void process_wait(struct process *p)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&p->lock);
	(void)pthread_cond_timedwait(&p->changed, &p->lock, &until);
	pthread_mutex_unlock(&p->lock);
}
