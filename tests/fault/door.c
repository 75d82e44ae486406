/* SPDX-License-Identifier: MIT */
/* The door that fails: calls are counted, refused, and what they give kept. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/kvm/uapi.h"
#include "tests/fault/fault.h"
/* Its macros are for the library. */
#include "tests/fault/sites.h"
#undef vmi_sys

#define EVENTS 65536

const struct fault_kind fault_kinds[FAULT_CALLS] = {
#define FAULT_CALL(name, result, page, ...)                                    \
	[FAULT_CALL_##name] = { #name, page, result, { __VA_ARGS__ } },
#include "tests/fault/calls.def"
#undef FAULT_CALL
};

static const struct {
	unsigned long request;
	const char *section;
	int errnos[FAULT_ERRNOS];
} requests[] = {
#define FAULT_REQUEST(request, where, ...) { request, where, { __VA_ARGS__ } },
#include "tests/fault/requests.def"
#undef FAULT_REQUEST
};

static const int any_request[FAULT_ERRNOS] = { EINVAL, EIO, ENOMEM };

/*
 * A counter's write fails when it is full, which is as good as written, and
 * its read when there is nothing: eventfd(2), timerfd_create(2).
 */
static const int counter_errnos[FAULT_ERRNOS] = { EAGAIN, EINTR };

/* EAGAIN and EINTR are for sockets that have nothing: recv(2). */
static const int ready_errnos[FAULT_ERRNOS] = { ECONNRESET, ENOMEM };

static const struct vmi_sys *under;
static struct vmi_sys door;

static _Thread_local struct fault_site *current;
static _Thread_local bool counted; /* this thread */

static enum fault_mode mode;
static unsigned at, n_events, n_alike, injected;
static const struct fault_event *like;
static int code;
static struct fault_event events[EVENTS];

static atomic_long allocations, mapped, threads, timers;

/* -- Sites -------------------------------------------------------------- */

extern struct fault_site __start_fault_sites[], __stop_fault_sites[];

const struct vmi_sys *fault_door(struct fault_site *site)
{
	current = site;
	return vmi_sys;
}

void fault_here(struct fault_site *site)
{
	current = site;
}

static bool is_same(const struct fault_site *a, const struct fault_site *b)
{
	return a->line == b->line && !strcmp(a->file, b->file) &&
		!strcmp(a->function, b->function);
}

/* The first of those that are one place in the sources. */
static struct fault_site *first_of(struct fault_site *site)
{
	struct fault_site *s = __start_fault_sites;

	while (!is_same(s, site))
		s++;
	return s;
}

struct fault_site *fault_sites(size_t n)
{
	struct fault_site *s;

	for (s = __start_fault_sites; s < __stop_fault_sites; s++)
		if (first_of(s) == s && !n--)
			return s;
	return NULL;
}

/* -- Whether a call fails ----------------------------------------------- */

const int *fault_errnos(const struct fault_event *event)
{
	size_t i;

	if (event->call != FAULT_CALL_ioctl && event->request)
		return event->request == FAULT_WAY_COUNTER ? counter_errnos :
			event->request == FAULT_WAY_READY ? ready_errnos :
			fault_kinds[event->call].errnos;
	if (event->call != FAULT_CALL_ioctl)
		return fault_kinds[event->call].errnos;
	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (requests[i].request == event->request)
			return requests[i].errnos;
	return any_request;
}

enum fault_result fault_result(const struct fault_event *event)
{
	if (event->request == FAULT_WAY_LOOK ||
		(event->request == FAULT_WAY_COUNTER &&
			event->call == FAULT_CALL_write))
		return DONE;
	return fault_kinds[event->call].result;
}

bool fault_is_alike(const struct fault_event *a, const struct fault_event *b)
{
	return a->site == b->site && a->call == b->call &&
		a->request == b->request;
}

static bool can_fail_with(const struct fault_event *event, int number)
{
	const int *errnos = fault_errnos(event);

	while (*errnos && *errnos != number)
		errnos++;
	return *errnos;
}

/* What says EAGAIN and means it. */
static bool comes_again(enum fault_call call)
{
	return call == FAULT_CALL_read || call == FAULT_CALL_write ||
		call == FAULT_CALL_send || call == FAULT_CALL_receive ||
		call == FAULT_CALL_receive_waiting ||
		call == FAULT_CALL_send_fd || call == FAULT_CALL_receive_fd;
}

/* How often a call, or a request, came since it last worked. */
static unsigned *refusals(const struct fault_event *event)
{
	static struct {
		unsigned key;
		unsigned n;
	} counts[256];
	unsigned key = event->call << 16 | (event->request & 0xffff);
	unsigned i = 0;

	while (counts[i].key && counts[i].key != key)
		i++;
	counts[i].key = key;
	return &counts[i].n;
}

/* True: not this time. */
static bool storms(const struct fault_event *event)
{
	unsigned *n = refusals(event);

	if (!can_fail_with(event, code) ||
		(code == EAGAIN && !comes_again(event->call)))
		return false;
	if ((*n)++ < at)
		return true;
	*n = 0;
	return false;
}

static bool is_vms(const struct fault_event *event)
{
	return event->call == FAULT_CALL_ioctl &&
		event->request != KVM_CHECK_EXTENSION &&
		event->request != KVM_GET_API_VERSION &&
		event->request != KVM_CREATE_VM;
}

/* 0, or what it fails with. */
static int verdict(enum fault_call call, unsigned long request)
{
	struct fault_event *e = &events[n_events % EVENTS];
	bool fails;

	if (!current)
		return 0;
	current = first_of(current);
	current->calls++;
	if (!counted)
		return 0;
	*e = (struct fault_event){ current, call, request };
	e->site->call = fault_kinds[call].name;
	e->site->told += fault_result(e) == TOLD && *fault_errnos(e);
	n_events++;
	switch (mode) {
	case FAULT_ONE:
		fails = fault_is_alike(e, like) && ++n_alike == at &&
			can_fail_with(e, code);
		break;
	case FAULT_STORM: fails = storms(e); break;
	case FAULT_DEAD: fails = n_events >= at && is_vms(e); break;
	default: fails = false; break;
	}
	if (!fails)
		return 0;
	injected++;
	e->site->faults++;
	return -code;
}

static size_t shortened(size_t bytes)
{
	if (!counted || mode != FAULT_SHORT || bytes <= 8)
		return bytes;
	injected++;
	return bytes / 3;
}

/* -- The calls ---------------------------------------------------------- */

#define VERDICT(call) verdict(FAULT_CALL_##call, 0)

static int door_open(const char *path, int flags)
{
	int err = VERDICT(open);

	return err ? err : under->open(path, flags);
}

static int door_close(int fd)
{
	int err = VERDICT(close), rc = under->close(fd);

	return err ? err : rc;
}

static int door_ioctl(int fd, unsigned long request, void *arg)
{
	const struct kvm_create_device *device = arg;
	bool tests = request == KVM_CREATE_DEVICE &&
		device->flags & KVM_CREATE_DEVICE_TEST;
	int err = verdict(FAULT_CALL_ioctl,
		tests ? FAULT_TEST_DEVICE : request);

	return err ? err : under->ioctl(fd, request, arg);
}

static int door_dup(int fd)
{
	int err = VERDICT(dup);

	return err ? err : under->dup(fd);
}

static int door_fstat(int fd, struct stat *st)
{
	int err = VERDICT(fstat);

	return err ? err : under->fstat(fd, st);
}

static int door_access_mode(int fd)
{
	int err = VERDICT(access_mode);

	return err ? err : under->access_mode(fd);
}

/* Which way: of an eventfd or a timerfd, which are no files. */
static unsigned long way_of(int fd)
{
	char path[40], to[40] = "";

	if (!counted)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, to, sizeof(to) - 1) < 0)
		return 0;
	return !strcmp(to, "anon_inode:[eventfd]") ||
		!strcmp(to, "anon_inode:[timerfd]") ? FAULT_WAY_COUNTER : 0;
}

static ssize_t door_read(int fd, void *buffer, size_t bytes)
{
	int err = verdict(FAULT_CALL_read, way_of(fd));

	return err ? err : under->read(fd, buffer, shortened(bytes));
}

static ssize_t door_pread(int fd, void *buffer, size_t bytes, uint64_t offset)
{
	int err = VERDICT(pread);

	return err ? err : under->pread(fd, buffer, shortened(bytes), offset);
}

static ssize_t door_write(int fd, const void *buffer, size_t bytes)
{
	unsigned long way = way_of(fd);
	int err = verdict(FAULT_CALL_write, way);

	if (err && way == FAULT_WAY_COUNTER)
		(void)under->write(fd, buffer, bytes);
	return err ? err : under->write(fd, buffer, shortened(bytes));
}

static ssize_t door_send(int fd, const void *buffer, size_t bytes)
{
	int err = VERDICT(send);

	return err ? err : under->send(fd, buffer, shortened(bytes));
}

static unsigned long way_of_socket(int fd)
{
	struct pollfd poll = { .fd = fd, .events = POLLIN };

	return counted && under->poll(&poll, 1, 0) > 0 ? FAULT_WAY_READY : 0;
}

static ssize_t door_receive(int fd, void *buffer, size_t bytes)
{
	int err = verdict(FAULT_CALL_receive, way_of_socket(fd));

	return err ? err : under->receive(fd, buffer, shortened(bytes));
}

static ssize_t door_receive_waiting(int fd, void *buffer, size_t bytes)
{
	int err = verdict(FAULT_CALL_receive_waiting, way_of_socket(fd));

	return err ? err : under->receive_waiting(fd, buffer, shortened(bytes));
}

static ssize_t door_send_fd(
	int fd, const void *buffer, size_t bytes, int passed)
{
	int err = VERDICT(send_fd);

	return err ? err : under->send_fd(fd, buffer, bytes, passed);
}

static ssize_t door_receive_fd(int fd, void *buffer, size_t bytes, int *passed)
{
	int err = verdict(FAULT_CALL_receive_fd, way_of_socket(fd));

	return err ? err
		   : under->receive_fd(fd, buffer, shortened(bytes), passed);
}

static int door_shutdown(int fd)
{
	int err = VERDICT(shutdown), rc = under->shutdown(fd);

	return err ? err : rc;
}

static int door_socket_type(int fd)
{
	int err = VERDICT(socket_type);

	return err ? err : under->socket_type(fd);
}

static int door_poll(struct pollfd *fds, unsigned n, int64_t timeout_ns)
{
	int err = verdict(FAULT_CALL_poll, timeout_ns ? 0 : FAULT_WAY_LOOK);
	int rc = err && timeout_ns ? 0 : under->poll(fds, n, timeout_ns);

	/* What is ready is told before a signal is noticed. */
	return err && rc <= 0 ? err : rc;
}

static int door_mmap(const struct vmi_mmap *what, void **where)
{
	int err = VERDICT(mmap);

	if (!err)
		err = under->mmap(what, where);
	if (!err)
		atomic_fetch_add(&mapped, (long)what->bytes);
	return err;
}

/* Where it is refused nobody can do anything, and the test does it. */
static int door_munmap(void *where, size_t bytes)
{
	int err = VERDICT(munmap), rc = under->munmap(where, bytes);

	atomic_fetch_sub(&mapped, (long)bytes);
	return err ? err : rc;
}

static int door_madvise(void *where, size_t bytes, int advice)
{
	int err = VERDICT(madvise);

	return err ? err : under->madvise(where, bytes, advice);
}

static int door_memfd(const char *name, unsigned flags)
{
	int err = VERDICT(memfd);

	return err ? err : under->memfd(name, flags);
}

static int door_seal(int fd)
{
	int err = VERDICT(seal);

	return err ? err : under->seal(fd);
}

static int door_ftruncate(int fd, uint64_t bytes)
{
	int err = VERDICT(ftruncate);

	return err ? err : under->ftruncate(fd, bytes);
}

static int door_is_sealed(int fd)
{
	int err = VERDICT(is_sealed);

	return err ? err : under->is_sealed(fd);
}

static int door_eventfd(unsigned initial, int flags)
{
	int err = VERDICT(eventfd);

	return err ? err : under->eventfd(initial, flags);
}

static int door_epoll(void)
{
	int err = VERDICT(epoll);

	return err ? err : under->epoll();
}

static int door_epoll_add(int epoll, int fd)
{
	int err = VERDICT(epoll_add);

	return err ? err : under->epoll_add(epoll, fd);
}

static int door_epoll_remove(int epoll, int fd)
{
	int err = VERDICT(epoll_remove), rc = under->epoll_remove(epoll, fd);

	return err ? err : rc;
}

static int door_timerfd(int clock)
{
	int err = VERDICT(timerfd);

	return err ? err : under->timerfd(clock);
}

static int door_timerfd_set(int fd, uint64_t when)
{
	(void)VERDICT(timerfd_set);
	return under->timerfd_set(fd, when);
}

static int door_now(int clock, uint64_t *ns)
{
	(void)VERDICT(now);
	return under->now(clock, ns);
}

static int door_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	(void)VERDICT(sigmask);
	return (under->sigmask)(how, set, old);
}

static int door_sigtimedwait(const sigset_t *set, uint64_t timeout_ns)
{
	int err = VERDICT(sigtimedwait);

	return err ? err : under->sigtimedwait(set, timeout_ns);
}

static int door_tgkill(pid_t pid, pid_t tid, int number)
{
	int err = VERDICT(tgkill);

	return err ? err : under->tgkill(pid, tid, number);
}

static pid_t door_getpid(void)
{
	(void)VERDICT(getpid);
	return under->getpid();
}

static pid_t door_gettid(void)
{
	(void)VERDICT(gettid);
	return under->gettid();
}

static void door_yield(void)
{
	(void)VERDICT(yield);
	under->yield();
}

static int door_timer_start(int number, uint64_t ns, void **timer)
{
	int err = VERDICT(timer_start);

	if (!err)
		err = under->timer_start(number, ns, timer);
	if (!err)
		atomic_fetch_add(&timers, 1);
	return err;
}

static void door_timer_stop(void *timer)
{
	(void)VERDICT(timer_stop);
	atomic_fetch_sub(&timers, 1);
	under->timer_stop(timer);
}

static int door_thread_start(const char *name, void *(*fn)(void *),
	void *opaque, void **thread)
{
	int err = VERDICT(thread_start);

	if (!err)
		err = under->thread_start(name, fn, opaque, thread);
	if (!err)
		atomic_fetch_add(&threads, 1);
	return err;
}

static int door_thread_join(void *thread)
{
	(void)VERDICT(thread_join);
	atomic_fetch_sub(&threads, 1);
	return under->thread_join(thread);
}

static int door_uring_init(struct io_uring *ring, unsigned entries)
{
	int err = VERDICT(uring_init);

	return err ? err : under->uring_init(ring, entries);
}

static void door_uring_exit(struct io_uring *ring)
{
	(void)VERDICT(uring_exit);
	under->uring_exit(ring);
}

static int door_uring_submit(struct io_uring *ring)
{
	int err = VERDICT(uring_submit);

	return err ? err : under->uring_submit(ring);
}

static int door_uring_wait(struct io_uring *ring, int64_t timeout_ns)
{
	int err = VERDICT(uring_wait);

	return err ? err : under->uring_wait(ring, timeout_ns);
}

static int door_uring_files(struct io_uring *ring, unsigned n)
{
	int err = VERDICT(uring_files);

	return err ? err : under->uring_files(ring, n);
}

static int door_uring_file(struct io_uring *ring, unsigned slot, int fd)
{
	int err = VERDICT(uring_file);

	return err ? err : under->uring_file(ring, slot, fd);
}

static ssize_t door_random(void *buffer, size_t bytes)
{
	int err = VERDICT(random);

	return err ? err : under->random(buffer, bytes);
}

static void *door_alloc(size_t bytes)
{
	void *p = VERDICT(alloc) ? NULL : under->alloc(bytes);

	atomic_fetch_add(&allocations, p != NULL);
	return p;
}

static void *door_alloc_aligned(size_t alignment, size_t bytes)
{
	void *p = VERDICT(alloc_aligned)
		? NULL : under->alloc_aligned(alignment, bytes);

	atomic_fetch_add(&allocations, p != NULL);
	return p;
}

static void door_free(void *memory)
{
	atomic_fetch_sub(&allocations, 1);
	under->free(memory);
}

static size_t door_page_size(void)
{
	return under->page_size();
}

static void fill(struct vmi_sys *s)
{
	*s = *under;
#define FAULT_CALL(name, ...) s->name = door_##name;
#include "tests/fault/calls.def"
#undef FAULT_CALL
	s->free = door_free;
}

/* -- For the tests ------------------------------------------------------ */

void fault_install(void)
{
	under = vmi_sys;
	fill(&door);
	vmi_sys = &door;
}

void fault_begin(enum fault_mode how, unsigned when, int number,
	const struct fault_event *event)
{
	mode = how;
	at = when;
	code = number;
	like = event;
	n_events = n_alike = injected = 0;
	current = NULL;
	counted = true;
}

unsigned fault_end(void)
{
	counted = false;
	mode = FAULT_OFF;
	return n_events;
}

unsigned fault_injected(void)
{
	return injected;
}

const struct fault_event *fault_event(unsigned n)
{
	return &events[(n - 1) % EVENTS];
}

static long open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	long n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

struct fault_ledger fault_ledger(void)
{
	return (struct fault_ledger){ atomic_load(&allocations),
		atomic_load(&mapped), atomic_load(&threads),
		atomic_load(&timers), open_descriptors() };
}
