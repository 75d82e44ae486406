/* SPDX-License-Identifier: MIT */
/* Loops: by io_uring where the host lets us, and by poll(2). */
/*
 * Each case runs on what a loop chooses by itself and on poll(2), where
 * everything has to be the same; the last case has the kernel refuse io_uring.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/peer.h"

#define MS 1000000ull

static unsigned flags; /* of the case in progress's loops */

static struct vmapi_loop *make_loop(void)
{
	struct vmapi_loop_config c = { .size = sizeof(c), .flags = flags };
	struct vmapi_loop *loop = NULL;

	EQUAL(vmapi_loop_create(&c, &loop), 0);
	if (flags)
		CHECK(!strcmp(vmapi_loop_mechanism(loop), "poll"));
	return loop;
}

static void *run_loop(void *opaque)
{
	EQUAL(vmapi_loop_run(opaque), 0);
	return NULL;
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* -- Refusals ----------------------------------------------------------- */

static void nop_fd(void *opaque, uint32_t events)
{
	(void)opaque;
	(void)events;
}

static void nop_count(void *opaque, uint64_t count)
{
	(void)opaque;
	(void)count;
}

static void nop_serve(
	void *opaque, uint64_t user_data, struct vmapi_access *access)
{
	(void)opaque;
	(void)user_data;
	(void)access;
}

static void refusals(struct machine *m)
{
	struct vmapi_loop_config c = { .size = sizeof(c), .flags = 2 };
	struct vmapi_loop_channel ch = { .size = sizeof(ch), .fd = -1,
		.control_fd = -1, .fn = nop_serve };
	struct vmapi_loop *loop;
	struct vmapi_source *s;
	int fds[2];

	(void)m;
	EQUAL(vmapi_loop_create(&c, &loop), -EINVAL);
	EQUAL(vmapi_loop_create(NULL, NULL), -EINVAL);
	EQUAL(vmapi_loop_run(NULL), -EINVAL);
	EQUAL(vmapi_loop_stop(NULL), -EINVAL);
	CHECK(!strcmp(vmapi_loop_mechanism(NULL), ""));
	vmapi_loop_destroy(NULL);
	vmapi_loop_remove(NULL);
	EQUAL(vmapi_loop_create(NULL, &loop), 0);
	printf("# a loop goes by %s\n", vmapi_loop_mechanism(loop));
	CHECK(!pipe(fds));
	EQUAL(vmapi_loop_fd(loop, fds[0], 0, nop_fd, NULL, &s), -EINVAL);
	EQUAL(vmapi_loop_fd(loop, fds[0], VMAPI_LOOP_ENDED, nop_fd, NULL, &s),
		-EINVAL);
	EQUAL(vmapi_loop_fd(loop, fds[0], 1, NULL, NULL, &s), -EINVAL);
	EQUAL(vmapi_loop_fd(loop, -1, 1, nop_fd, NULL, &s), -EBADF);
	EQUAL(vmapi_loop_fd(NULL, fds[0], 1, nop_fd, NULL, &s), -EINVAL);
	EQUAL(vmapi_loop_eventfd(loop, fds[0], nop_count, NULL, &s), -EINVAL);
	EQUAL(vmapi_loop_eventfd(loop, -1, nop_count, NULL, &s), -EBADF);
	EQUAL(vmapi_loop_timer(loop, NULL, NULL, &s), -EINVAL);
	EQUAL(vmapi_loop_timer_set(NULL, 0, 0), -EINVAL);
	EQUAL(vmapi_loop_fd(loop, fds[0], 1, nop_fd, NULL, &s), 0);
	EQUAL(vmapi_loop_timer_set(s, 0, 0), -EINVAL);
	EQUAL(vmapi_loop_serve(loop, &ch, &s), -EBADF);
	ch.fd = fds[0];
	EQUAL(vmapi_loop_serve(loop, &ch, &s), -ENOTSOCK);
	ch.flags = 1;
	EQUAL(vmapi_loop_serve(loop, &ch, &s), -EINVAL);
	ch.flags = 0;
	ch.fn = NULL;
	EQUAL(vmapi_loop_serve(loop, &ch, &s), -EINVAL);
	vmapi_loop_destroy(loop);
	close(fds[0]);
	close(fds[1]);
}

/* -- Who may call ------------------------------------------------------- */

struct nested {
	struct vmapi_loop *loop;
	int run;
	atomic_bool inside;
};

static void run_inside(void *opaque, uint64_t times)
{
	struct nested *n = opaque;

	EQUAL((int64_t)times, 1);
	n->run = vmapi_loop_run(n->loop);
	vmapi_loop_destroy(n->loop); /* does nothing */
	atomic_store(&n->inside, true);
}

static void callers(struct machine *m)
{
	struct nested n = { .loop = make_loop() };
	struct vmapi_source *timer, *other;
	pthread_t thread;

	(void)m;
	/* A stop that nobody was there for ends the next run. */
	EQUAL(vmapi_loop_stop(n.loop), 0);
	EQUAL(vmapi_loop_run(n.loop), 0);
	EQUAL(vmapi_loop_timer(n.loop, run_inside, &n, &timer), 0);
	EQUAL(vmapi_loop_timer_set(timer, 0, 0), 0);
	CHECK(!pthread_create(&thread, NULL, run_loop, n.loop));
	while (!atomic_load(&n.inside))
		usleep(100);
	EQUAL(n.run, -EBUSY);
	EQUAL(vmapi_loop_timer(n.loop, run_inside, &n, &other), -EBUSY);
	EQUAL(vmapi_loop_timer_set(timer, 0, 0), -EBUSY);
	EQUAL(vmapi_loop_run(n.loop), -EBUSY);
	EQUAL(vmapi_loop_stop(n.loop), 0);
	pthread_join(thread, NULL);
	vmapi_loop_destroy(n.loop);
}

/* -- Eventfds ----------------------------------------------------------- */

#define BELLS 300

struct bells {
	struct vmapi_loop *loop;
	int fds[BELLS];
	uint64_t counts[BELLS];
	uint64_t sum, until;
};

struct bell {
	struct bells *all;
	unsigned i;
};

/* qemu-user turns the bytes of what goes through one of two duplicates. */
static uint64_t signals(uint64_t count)
{
	return count >> 56 ? count >> 56 : count;
}

static void rung(void *opaque, uint64_t count)
{
	struct bell *b = opaque;

	b->all->counts[b->i] += signals(count);
	b->all->sum += signals(count);
	if (b->all->sum == b->all->until)
		vmapi_loop_stop(b->all->loop);
}

/* All of them added by a thread that is gone when the loop runs. */
static void *add_bells(void *opaque)
{
	static struct bell bells[BELLS];
	struct bells *all = opaque;
	struct vmapi_source *s;
	unsigned i;

	for (i = 0; i < BELLS; i++) {
		bells[i] = (struct bell){ all, i };
		all->fds[i] = eventfd(0, EFD_CLOEXEC);
		EQUAL(vmapi_loop_eventfd(all->loop, all->fds[i], rung,
			      &bells[i], &s), 0);
	}
	return NULL;
}

static void eventfds(struct machine *m)
{
	static struct bells all;
	uint64_t one = 1;
	pthread_t thread;
	unsigned i, k;

	(void)m;
	memset(&all, 0, sizeof(all));
	all.loop = make_loop();
	all.until = 20 * BELLS;
	CHECK(!pthread_create(&thread, NULL, add_bells, &all));
	pthread_join(thread, NULL);
	CHECK(!pthread_create(&thread, NULL, run_loop, all.loop));
	for (k = 0; k < 20; k++)
		for (i = 0; i < BELLS; i++)
			EQUAL(write(all.fds[i], &one, 8), 8);
	pthread_join(thread, NULL);
	for (i = 0; i < BELLS; i++) {
		EQUAL((int64_t)all.counts[i], 20);
		close(all.fds[i]);
	}
	vmapi_loop_destroy(all.loop);
}

/* A guest's doorbell. */
static void ioeventfd(struct machine *m)
{
	/* mov dx,0x300; mov cx,100; l: out dx,al; loop l; out 0x99,al */
	static const uint8_t code[] = { 0xba, 0x00, 0x03, 0xb9, 0x64, 0x00,
		0xee, 0xe2, 0xfd, 0xe6, 0x99 };
	struct vmapi_ioeventfd_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_PORT, .address = 0x300, .bytes = 1 };
	static struct bells all;
	struct bell bell = { &all, 0 };
	struct vmapi_ioeventfd *io;
	struct vmapi_source *s;
	struct vmapi_exit exit;
	pthread_t thread;

	memset(&all, 0, sizeof(all));
	all.loop = make_loop();
	all.until = 100;
	c.fd = eventfd(0, EFD_CLOEXEC);
	EQUAL(vmapi_ioeventfd_create(m->vm, &c, &io), 0);
	EQUAL(vmapi_loop_eventfd(all.loop, c.fd, rung, &bell, &s), 0);
	CHECK(!pthread_create(&thread, NULL, run_loop, all.loop));
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x99);
	pthread_join(thread, NULL);
	vmapi_ioeventfd_destroy(io);
	vmapi_loop_destroy(all.loop);
	close(c.fd);
}

/* -- Descriptors -------------------------------------------------------- */

struct reader {
	struct vmapi_loop *loop;
	struct vmapi_source *source, *writer;
	int fd;
	unsigned calls, ended, writes;
};

static void read_one(void *opaque, uint32_t events)
{
	struct reader *r = opaque;
	char c;

	r->calls++;
	if (events & VMAPI_LOOP_READ && read(r->fd, &c, 1) == 1)
		return;
	r->ended += (events & VMAPI_LOOP_ENDED) != 0;
	vmapi_loop_remove(r->source);
	vmapi_loop_stop(r->loop);
}

static void write_some(void *opaque, uint32_t events)
{
	struct reader *r = opaque;

	EQUAL(events, VMAPI_LOOP_WRITE);
	if (++r->writes == 3)
		vmapi_loop_remove(r->writer);
}

/* Told as long as there is something, byte for byte. */
static void levels(struct machine *m)
{
	struct reader r = { .loop = make_loop() };
	int fds[2], other[2];

	(void)m;
	CHECK(!pipe(fds) && !pipe(other));
	r.fd = fds[0];
	EQUAL(write(fds[1], "0123456789", 10), 10);
	close(fds[1]);
	EQUAL(vmapi_loop_fd(r.loop, fds[0], VMAPI_LOOP_READ, read_one, &r,
		      &r.source), 0);
	EQUAL(vmapi_loop_fd(r.loop, other[1], VMAPI_LOOP_WRITE, write_some,
		      &r, &r.writer), 0);
	EQUAL(vmapi_loop_run(r.loop), 0);
	EQUAL(r.calls, 11);
	EQUAL(r.ended, 1);
	EQUAL(r.writes, 3);
	vmapi_loop_destroy(r.loop);
	close(fds[0]);
	close(other[0]);
	close(other[1]);
}

/* Two are ready; whoever is called first removes the other. */
struct rival {
	struct vmapi_loop *loop;
	struct vmapi_source *sources[2];
	unsigned calls;
};

static void remove_both(void *opaque, uint64_t count)
{
	struct rival *r = opaque;

	EQUAL((int64_t)signals(count), 1);
	r->calls++;
	vmapi_loop_remove(r->sources[0]);
	vmapi_loop_remove(r->sources[1]);
	vmapi_loop_stop(r->loop);
}

static void removed(struct machine *m)
{
	struct rival r = { .loop = make_loop() };
	int fds[2], i;

	(void)m;
	for (i = 0; i < 2; i++) {
		fds[i] = eventfd(1, EFD_CLOEXEC);
		EQUAL(vmapi_loop_eventfd(r.loop, fds[i], remove_both, &r,
			      &r.sources[i]), 0);
	}
	EQUAL(vmapi_loop_run(r.loop), 0);
	EQUAL(r.calls, 1);
	EQUAL(vmapi_loop_stop(r.loop), 0);
	EQUAL(vmapi_loop_run(r.loop), 0);
	EQUAL(r.calls, 1);
	vmapi_loop_destroy(r.loop);
	close(fds[0]);
	close(fds[1]);
}

/* -- Timers ------------------------------------------------------------- */

struct ticks {
	struct vmapi_loop *loop;
	struct vmapi_source *timer;
	char *log;
	char letter;
	uint64_t times;
};

static void tick(void *opaque, uint64_t times)
{
	struct ticks *t = opaque;

	t->times += times;
	*strchr(t->log, '.') = t->letter;
	switch (t->letter) {
	case 'p':
		if (t->times >= 3)
			vmapi_loop_remove(t->timer);
		break;
	case 'l': usleep(80000); break;
	case 'z': vmapi_loop_stop(t->loop); break;
	}
}

/*
 * What comes first is known only where all are set before the first one is
 * due: where that took longer, they are set again.
 */
static void timers(struct machine *m)
{
	static const uint64_t plan[7][2] = {
		{ 8 * MS, 0 }, { 4 * MS, 0 }, { UINT64_MAX, 1 },
		{ 16 * MS, 4 * MS }, { 120 * MS, 0 }, { 180 * MS, 0 },
		{ 124 * MS, 8 * MS } };
	char log[] = "........................";
	struct vmapi_loop *loop = make_loop();
	struct ticks t[] = {
		{ loop, NULL, log, 'b', 0 }, { loop, NULL, log, 'a', 0 },
		{ loop, NULL, log, 'n', 0 }, { loop, NULL, log, 'p', 0 },
		{ loop, NULL, log, 'l', 0 }, { loop, NULL, log, 'z', 0 },
		{ loop, NULL, log, 'q', 0 },
	};
	uint64_t start;
	unsigned i;

	(void)m;
	for (i = 0; i < 7; i++)
		EQUAL(vmapi_loop_timer(loop, tick, &t[i], &t[i].timer), 0);
	EQUAL(vmapi_loop_timer_set(t[1].timer, 60000 * MS, 0), 0);
	do {
		start = now();
		for (i = 0; i < 7; i++)
			EQUAL(vmapi_loop_timer_set(
				      t[i].timer, plan[i][0], plan[i][1]), 0);
	} while (now() - start >= 4 * MS);
	EQUAL(vmapi_loop_run(loop), 0);
	CHECK(now() - start >= 180 * MS);
	CHECK(!strncmp(log, "abp", 3));
	CHECK(!strchr(log, 'n'));
	EQUAL((int64_t)t[1].times, 1);
	CHECK(t[3].times >= 3);
	/* What 'l' slept over is told at once. */
	CHECK(t[6].times >= 8);
	CHECK(strchr(log, 'q') > strchr(log, 'l'));
	vmapi_loop_destroy(loop);
}

/* -- Channels ----------------------------------------------------------- */

#define DEVICES 64

struct device {
	struct peer peer;
	struct vmapi_channel *channel;
	struct vmapi_region *region;
	struct vmapi_source *source;
	struct fleet *fleet;
	unsigned served, ended;
	int error;
	uint64_t value;
};

struct fleet {
	struct vmapi_loop *loop;
	struct device devices[DEVICES];
	unsigned ended, until;
};

static void device_serve(
	void *opaque, uint64_t user_data, struct vmapi_access *access)
{
	struct device *d = opaque;

	CHECK(user_data == PEER_USER);
	d->served++;
	if (access->is_write)
		d->value = access->value;
	else
		access->value = d->value + 1;
}

static void device_ended(void *opaque, int error)
{
	struct device *d = opaque;

	d->ended++;
	d->error = error;
	if (++d->fleet->ended == d->fleet->until)
		vmapi_loop_stop(d->fleet->loop);
}

static void add_device(struct fleet *f, struct device *d, unsigned way)
{
	struct vmapi_loop_channel c = { .size = sizeof(c),
		.fn = device_serve, .ended = device_ended, .opaque = d };

	d->fleet = f;
	peer_open(&d->peer, way, true);
	c.fd = d->peer.fds[1];
	c.control_fd = d->peer.control[1];
	EQUAL(vmapi_loop_serve(f->loop, &c, &d->source), 0);
}

/* The monitor's ends, when the loop runs. */
static void connect_device(struct machine *m, struct device *d, unsigned i)
{
	d->channel = peer_connect(m, &d->peer, 0);
	d->region = peer_region(m, d->channel, 0x1000 + 0x20 * i, 0);
}

static void drop_device(struct device *d)
{
	vmapi_region_destroy(d->region);
	vmapi_channel_destroy(d->channel);
}

/*
 * mov dx,0x1000; l: mov ax,dx; out dx,ax; in ax,dx; sub ax,dx; add bx,ax;
 * add dx,0x20; cmp dx,0x1800; jb l; loop again; out 0x99,al
 */
static const uint8_t tour[] = { 0xba, 0x00, 0x10, 0x89, 0xd0, 0xef, 0xed,
	0x29, 0xd0, 0x01, 0xc3, 0x81, 0xc2, 0x20, 0x00, 0x81, 0xfa, 0x00,
	0x18, 0x72, 0xee, 0xe2, 0xe9, 0xe6, 0x99 };

/* One thread for all devices, of all ways at once. */
static void channels(struct machine *m)
{
	static struct fleet f;
	struct vmapi_exit exit;
	pthread_t thread;
	unsigned i;

	memset(&f, 0, sizeof(f));
	f.loop = make_loop();
	f.until = DEVICES;
	for (i = 0; i < DEVICES; i++)
		add_device(&f, &f.devices[i], i % 3);
	CHECK(!pthread_create(&thread, NULL, run_loop, f.loop));
	for (i = 0; i < DEVICES; i++)
		connect_device(m, &f.devices[i], i);
	api_load(m, tour, sizeof(tour));
	api_set(m->vcpu, VMAPI_X86_RCX, 10);
	api_set(m->vcpu, VMAPI_X86_RBX, 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x99);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RBX), 10 * DEVICES);
	for (i = 0; i < DEVICES; i++)
		drop_device(&f.devices[i]);
	for (i = 0; i < DEVICES; i++) /* the loop has duplicates */
		peer_close(&f.devices[i].peer);
	pthread_join(thread, NULL);
	for (i = 0; i < DEVICES; i++) {
		EQUAL(f.devices[i].served, 20);
		EQUAL(f.devices[i].ended, 1);
		EQUAL(f.devices[i].error, 0);
	}
	vmapi_loop_destroy(f.loop);
}

/* One monitor babbles, one socket does not block, one hangs up at once. */
static void odd_monitors(struct machine *m)
{
	static struct fleet f;
	struct vmapi_exit exit;
	char junk[32];
	pthread_t thread;
	unsigned i;

	memset(&f, 0, sizeof(f));
	memset(junk, 0xff, sizeof(junk));
	f.loop = make_loop();
	f.until = 4;
	for (i = 0; i < 4; i++)
		add_device(&f, &f.devices[i], PEER_STREAM);
	EQUAL(write(f.devices[1].peer.control[0], junk, 16), 16);
	close(f.devices[2].peer.fds[0]);
	close(f.devices[2].peer.control[0]);
	CHECK(!fcntl(f.devices[0].peer.fds[1], F_SETFL, O_NONBLOCK));
	peer_greet(&f.devices[3].peer); /* its magic is right ... */
	CHECK(!pthread_create(&thread, NULL, run_loop, f.loop));
	connect_device(m, &f.devices[0], 0);
	connect_device(m, &f.devices[3], 1);
	api_load(m, tour, sizeof(tour));
	api_set(m->vcpu, VMAPI_X86_RCX, 1);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x1040); /* nobody's */
	EQUAL(f.devices[0].served, 2);
	EQUAL(f.devices[3].served, 2);
	drop_device(&f.devices[0]);
	drop_device(&f.devices[3]);
	pthread_join(thread, NULL);
	EQUAL(f.devices[0].error, 0);
	EQUAL(f.devices[1].error, -EPROTO);
	EQUAL(f.devices[2].error, -EPROTO);
	EQUAL(f.devices[3].error, 0);
	f.devices[2].peer.control[0] = -1;
	close(f.devices[1].peer.fds[0]);
	for (i = 0; i < 4; i++)
		peer_close(&f.devices[i].peer);
	vmapi_loop_destroy(f.loop);
}

/* A device that goes in the middle of an access. */
static void leave(void *opaque, uint64_t user_data, struct vmapi_access *access)
{
	struct device *d = opaque;

	(void)user_data;
	(void)access;
	d->served++;
	vmapi_loop_remove(d->source);
	vmapi_loop_stop(d->fleet->loop);
}

static void leaves(struct machine *m)
{
	static struct fleet f;
	struct vmapi_exit exit;
	pthread_t thread;
	unsigned way;

	for (way = 0; way < 3; way++) {
		struct device *d = &f.devices[0];
		struct vmapi_loop_channel c = { .size = sizeof(c),
			.fn = leave, .ended = device_ended, .opaque = d };

		memset(&f, 0, sizeof(f));
		f.loop = make_loop();
		d->fleet = &f;
		peer_open(&d->peer, way, true);
		c.fd = d->peer.fds[1];
		c.control_fd = d->peer.control[1];
		EQUAL(vmapi_loop_serve(f.loop, &c, &d->source), 0);
		CHECK(!pthread_create(&thread, NULL, run_loop, f.loop));
		connect_device(m, d, 0);
		api_load(m, tour, sizeof(tour));
		EQUAL(api_run(m, &exit), VMAPI_EXIT_REGION);
		pthread_join(thread, NULL);
		EQUAL(d->served, 1);
		EQUAL(d->ended, 0);
		EQUAL(vmapi_vcpu_reset(m->vcpu), 0);
		drop_device(d);
		peer_close(&d->peer);
		vmapi_loop_destroy(f.loop);
	}
}

/* -- io_uring refused --------------------------------------------------- */

/* The same number on every architecture that Linux has it for. */
static void refuse_uring(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { 4, code };

	if (!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int child(struct machine *m, int error)
{
	unsigned before = api_failures();
	struct vmapi_loop *loop;

	setvbuf(stdout, NULL, _IONBF, 0); /* _exit() keeps it */
	/* Where there are no filters there is no io_uring either. */
	refuse_uring(error);
	if (vmapi_loop_create(NULL, &loop) ||
		strcmp(vmapi_loop_mechanism(loop), "poll"))
		return 1;
	vmapi_loop_destroy(loop);
	levels(m);
	timers(m);
	return api_failures() != before;
}

static void refused(struct machine *m)
{
	static const int errors[] = { ENOSYS, EPERM, ENOMEM };
	unsigned i;
	int status;

	flags = 0;
	for (i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(child(m, errors[i]));
		CHECK(waitpid(pid, &status, 0) == pid);
		EQUAL(status, 0);
	}
}

/* A child of fork() is not the loop's owner. */
static void inherited(struct machine *m)
{
	struct vmapi_loop *loop = make_loop();
	int status;
	pid_t pid = fork();

	(void)m;
	if (!pid)
		_exit(vmapi_loop_run(loop) != -EPERM);
	CHECK(waitpid(pid, &status, 0) == pid);
	EQUAL(status, 0);
	vmapi_loop_destroy(loop);
}

/* -- Each of these both ways -------------------------------------------- */

#define CASES(X)                                                               \
	X(callers, "who may call")                                             \
	X(eventfds, "eventfds")                                                \
	X(ioeventfd, "a guest's doorbell")                                     \
	X(levels, "descriptors")                                               \
	X(removed, "removed by a neighbour")                                   \
	X(timers, "timers")                                                    \
	X(channels, "channels")                                                \
	X(odd_monitors, "odd monitors")                                        \
	X(leaves, "a device that leaves")                                      \
	X(inherited, "after fork")

#define BY(flags_, prefix, f)                                                  \
	static void prefix##f(struct machine *m)                               \
	{                                                                      \
		flags = flags_;                                                \
		f(m);                                                          \
	}
#define BY_CHOICE(f, name) BY(0, choice_, f)
#define BY_POLL(f, name)   BY(VMAPI_LOOP_POLL, poll_, f)

CASES(BY_CHOICE)
CASES(BY_POLL)

#define CHOICE_CASE(f, name) { name, choice_##f },
#define POLL_CASE(f, name)   { name " by poll", poll_##f },

int main(void)
{
	static const struct api_case cases[] = {
		{ "refusals", refusals },
		CASES(CHOICE_CASE) CASES(POLL_CASE)
		{ "io_uring refused", refused },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
