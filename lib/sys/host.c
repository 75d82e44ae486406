/* SPDX-License-Identifier: MIT */
/* The door to the host as it is: system calls with -errno as result. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/sys/sys.h"

#define NS_PER_S 1000000000u

static int result(int r)
{
	return r < 0 ? -errno : r;
}

static struct timespec to_timespec(uint64_t ns)
{
	struct timespec ts;

	ts.tv_sec = (time_t)(ns / NS_PER_S);
	ts.tv_nsec = (long)(ns % NS_PER_S);
	return ts;
}

static int host_open(const char *path, int flags)
{
	return result(open(path, flags | O_CLOEXEC));
}

static int host_close(int fd)
{
	return result(close(fd));
}

static int host_ioctl(int fd, unsigned long request, void *arg)
{
	return result(ioctl(fd, request, arg));
}

static int host_dup(int fd)
{
	return result(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

static int host_fstat(int fd, struct stat *st)
{
	return result(fstat(fd, st));
}

static int host_access_mode(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -errno : flags & O_ACCMODE;
}

static ssize_t host_read(int fd, void *buffer, size_t bytes)
{
	ssize_t n = read(fd, buffer, bytes);

	return n < 0 ? -errno : n;
}

static ssize_t host_pread(int fd, void *buffer, size_t bytes, uint64_t offset)
{
	ssize_t n = pread(fd, buffer, bytes, (off_t)offset);

	return n < 0 ? -errno : n;
}

static ssize_t host_write(int fd, const void *buffer, size_t bytes)
{
	ssize_t n = write(fd, buffer, bytes);

	return n < 0 ? -errno : n;
}

static ssize_t host_send(int fd, const void *buffer, size_t bytes)
{
	ssize_t n = send(fd, buffer, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

static ssize_t host_receive(int fd, void *buffer, size_t bytes)
{
	ssize_t n = recv(fd, buffer, bytes, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static ssize_t host_receive_waiting(int fd, void *buffer, size_t bytes)
{
	ssize_t n = recv(fd, buffer, bytes, 0);

	return n < 0 ? -errno : n;
}

/* Room for one descriptor beside a message. */
union passed_fd {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

static ssize_t host_send_fd(
	int fd, const void *buffer, size_t bytes, int passed)
{
	union passed_fd control = { .room = { 0 } };
	struct iovec piece = { (void *)(uintptr_t)buffer, bytes };
	struct msghdr message = { .msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	ssize_t n;

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &passed, sizeof(int));
	n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

/* The kernel gives no more than there is room for, and closes the rest. */
static ssize_t host_receive_fd(
	int fd, void *buffer, size_t bytes, int *passed)
{
	union passed_fd control = { .room = { 0 } };
	struct iovec piece = { buffer, bytes };
	struct msghdr message = { .msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = n < 0 ? NULL : CMSG_FIRSTHDR(&message);

	*passed = -1;
	if (head && head->cmsg_level == SOL_SOCKET &&
		head->cmsg_type == SCM_RIGHTS &&
		head->cmsg_len >= CMSG_LEN(sizeof(int)))
		memcpy(passed, CMSG_DATA(head), sizeof(int));
	return n < 0 ? -errno : n;
}

static int host_shutdown(int fd)
{
	return result(shutdown(fd, SHUT_RDWR));
}

static int host_socket_type(int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	socklen_t size = sizeof(int);
	int type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size))
		return -errno;
	if (getpeername(fd, (struct sockaddr *)&peer, &length))
		return -EINVAL;
	if (type == SOCK_STREAM)
		return VMI_SOCKET_STREAM;
	return type == SOCK_SEQPACKET ? VMI_SOCKET_PACKET : -EINVAL;
}

static int host_poll(struct pollfd *fds, unsigned n, int64_t timeout_ns)
{
	struct timespec ts;

	if (timeout_ns < 0)
		return result(ppoll(fds, n, NULL, NULL));
	ts = to_timespec((uint64_t)timeout_ns);
	return result(ppoll(fds, n, &ts, NULL));
}

static size_t host_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Addresses with room for all of it at one that is aligned; NULL: none. */
static char *reserve(const struct vmi_mmap *what, size_t *spare)
{
	size_t room = what->bytes + what->align;
	char *p;

	*spare = 0;
	if (room < what->bytes) {
		errno = ENOMEM;
		return NULL;
	}
	p = mmap(NULL, room, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	*spare = (what->align - (uintptr_t)p % what->align) % what->align;
	return p;
}

/* What is reserved before and behind is given back. */
static int map_aligned(const struct vmi_mmap *what, void **where)
{
	size_t spare, room = what->bytes + what->align;
	char *start = reserve(what, &spare);
	char *at = start ? start + spare : NULL;
	int err;

	if (!start)
		return -errno;
	if (mmap(at, what->bytes, what->prot, what->flags | MAP_FIXED,
		    what->fd, (off_t)what->offset) == MAP_FAILED) {
		err = -errno;
		munmap(start, room);
		return err;
	}
	if (spare)
		munmap(start, spare);
	if (room - spare > what->bytes)
		munmap(at + what->bytes, room - spare - what->bytes);
	*where = at;
	return 0;
}

static int host_mmap(const struct vmi_mmap *what, void **where)
{
	void *p;

	if (what->align > host_page_size())
		return map_aligned(what, where);
	p = mmap(NULL, what->bytes, what->prot, what->flags, what->fd,
		(off_t)what->offset);
	if (p == MAP_FAILED)
		return -errno;
	*where = p;
	return 0;
}

static int host_munmap(void *where, size_t bytes)
{
	return result(munmap(where, bytes));
}

static int host_madvise(void *where, size_t bytes, int advice)
{
	return result(madvise(where, bytes, advice));
}

static int host_memfd(const char *name, unsigned flags)
{
	return result(memfd_create(name, flags | MFD_CLOEXEC));
}

static int host_ftruncate(int fd, uint64_t bytes)
{
	return result(ftruncate(fd, (off_t)bytes));
}

static int host_seal(int fd)
{
	return result(fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
}

static int host_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SHRINK);
}

static int host_eventfd(unsigned initial, int flags)
{
	return result(eventfd(initial, flags | EFD_CLOEXEC));
}

static int host_epoll(void)
{
	return result(epoll_create1(EPOLL_CLOEXEC));
}

static int host_epoll_add(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return result(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

static int host_epoll_remove(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return result(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &event));
}

static int host_timerfd(int clock)
{
	return result(timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK));
}

static int host_timerfd_set(int fd, uint64_t when)
{
	struct itimerspec its = { .it_value = to_timespec(when) };

	return result(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL));
}

static int host_now(int clock, uint64_t *ns)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) < 0)
		return -errno;
	*ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	return 0;
}

static int host_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return -pthread_sigmask(how, set, old);
}

static int host_sigtimedwait(const sigset_t *set, uint64_t timeout_ns)
{
	struct timespec ts = to_timespec(timeout_ns);

	return result(sigtimedwait(set, NULL, &ts));
}

/*
 * A real-time signal needs an entry in the user's queue, which can be full
 * (EAGAIN).  One that says it comes from kill(2) needs none; a process may
 * say so to itself (rt_tgsigqueueinfo(2)).
 */
static int host_tgkill(pid_t pid, pid_t tid, int number)
{
	siginfo_t info = { .si_signo = number, .si_code = SI_USER };
	int rc = result((int)syscall(SYS_tgkill, pid, tid, number));

	if (rc != -EAGAIN)
		return rc;
	info.si_pid = pid;
	info.si_uid = getuid();
	return result((int)syscall(SYS_rt_tgsigqueueinfo, pid, tid, number,
		&info));
}

static pid_t host_gettid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static void host_yield(void)
{
	sched_yield();
}

struct host_timer {
	timer_t id;
};

/* glibc before 2.38 has no name for the member that timer_create(2) calls so. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static int host_timer_start(int number, uint64_t ns, void **timer)
{
	struct itimerspec when = { .it_value = to_timespec(ns) };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = number,
	};
	struct host_timer *made = malloc(sizeof(*made));
	int rc;

	if (!made)
		return -ENOMEM;
	event.sigev_notify_thread_id = host_gettid();
	rc = result(timer_create(CLOCK_MONOTONIC, &event, &made->id));
	if (rc < 0)
		goto fail;
	rc = result(timer_settime(made->id, 0, &when, NULL));
	if (rc < 0) {
		timer_delete(made->id);
		goto fail;
	}
	*timer = made;
	return 0;
fail:
	free(made);
	return rc;
}

static void host_timer_stop(void *timer)
{
	struct host_timer *made = timer;

	timer_delete(made->id);
	free(made);
}

struct host_thread {
	pthread_t id;
};

/* New threads inherit the creator's mask: block all, then put it back. */
static int host_thread_start(
	const char *name, void *(*fn)(void *), void *opaque, void **thread)
{
	struct host_thread *t = malloc(sizeof(*t));
	sigset_t all, old;
	int err;

	if (!t)
		return -ENOMEM;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&t->id, NULL, fn, opaque);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		free(t);
		return -err;
	}
	pthread_setname_np(t->id, name);
	*thread = t;
	return 0;
}

static int host_thread_join(void *thread)
{
	struct host_thread *t = thread;
	int err = pthread_join(t->id, NULL);

	free(t);
	return -err;
}

static void *host_alloc(size_t bytes)
{
	return malloc(bytes ? bytes : 1);
}

static ssize_t host_random(void *buffer, size_t bytes)
{
	ssize_t n = getrandom(buffer, bytes, GRND_NONBLOCK);

	return n < 0 ? -errno : n;
}

static void *host_alloc_aligned(size_t alignment, size_t bytes)
{
	size_t round = alignment - 1;

	if (bytes > SIZE_MAX - round)
		return NULL;
	return aligned_alloc(alignment, (bytes + round) & ~round);
}

const struct vmi_sys vmi_sys_host = {
	.open = host_open,
	.close = host_close,
	.ioctl = host_ioctl,
	.dup = host_dup,
	.fstat = host_fstat,
	.access_mode = host_access_mode,
	.read = host_read,
	.pread = host_pread,
	.write = host_write,
	.send = host_send,
	.receive = host_receive,
	.receive_waiting = host_receive_waiting,
	.send_fd = host_send_fd,
	.receive_fd = host_receive_fd,
	.shutdown = host_shutdown,
	.socket_type = host_socket_type,
	.poll = host_poll,
	.mmap = host_mmap,
	.munmap = host_munmap,
	.madvise = host_madvise,
	.memfd = host_memfd,
	.ftruncate = host_ftruncate,
	.seal = host_seal,
	.is_sealed = host_is_sealed,
	.eventfd = host_eventfd,
	.epoll = host_epoll,
	.epoll_add = host_epoll_add,
	.epoll_remove = host_epoll_remove,
	.timerfd = host_timerfd,
	.timerfd_set = host_timerfd_set,
	.now = host_now,
	.sigmask = host_sigmask,
	.sigtimedwait = host_sigtimedwait,
	.tgkill = host_tgkill,
	.getpid = getpid,
	.gettid = host_gettid,
	.yield = host_yield,
	.timer_start = host_timer_start,
	.timer_stop = host_timer_stop,
	.thread_start = host_thread_start,
	.thread_join = host_thread_join,
#if VMI_URING
	.uring_init = vmi_host_uring_init,
	.uring_exit = vmi_host_uring_exit,
	.uring_submit = vmi_host_uring_submit,
	.uring_wait = vmi_host_uring_wait,
	.uring_files = vmi_host_uring_files,
	.uring_file = vmi_host_uring_file,
#endif
	.random = host_random,
	.page_size = host_page_size,
	.alloc = host_alloc,
	.alloc_aligned = host_alloc_aligned,
	.free = free,
};
