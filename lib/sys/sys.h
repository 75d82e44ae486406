/* SPDX-License-Identifier: MIT */
/* The one door to the host: every system call and every allocation. */
#ifndef VMI_SYS_SYS_H
#define VMI_SYS_SYS_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct io_uring; /* liburing's */

struct vmi_mmap {
	size_t bytes;
	int prot;
	int flags;
	int fd; /* -1: none */
	uint64_t offset;
	size_t align; /* of where it lies, a power of 2; 0: a page */
};

#define VMI_SOCKET_STREAM 0
#define VMI_SOCKET_PACKET 1

/*
 * Each function returns a result that is not negative, or -errno; errno
 * itself is not to be looked at.  Descriptors are born close-on-exec.  None
 * retries on EINTR.  `ioctl`, `tgkill`, `getpid`, `gettid`, `write` and
 * `now` are safe in signal handlers.
 */
struct vmi_sys {
	int (*open)(const char *path, int flags);
	int (*close)(int fd);
	/* A number as argument goes as (void *)(uintptr_t)number. */
	int (*ioctl)(int fd, unsigned long request, void *arg);
	int (*dup)(int fd);
	int (*fstat)(int fd, struct stat *st);
	int (*access_mode)(int fd); /* O_RDONLY, O_WRONLY or O_RDWR */
	ssize_t (*read)(int fd, void *buffer, size_t bytes);
	ssize_t (*pread)(int fd, void *buffer, size_t bytes, uint64_t offset);
	ssize_t (*write)(int fd, const void *buffer, size_t bytes);
	/* Of connected sockets; without waiting (-EAGAIN), without SIGPIPE. */
	ssize_t (*send)(int fd, const void *buffer, size_t bytes);
	ssize_t (*receive)(int fd, void *buffer, size_t bytes);
	ssize_t (*receive_waiting)(int fd, void *buffer, size_t bytes);
	/* The first two with a descriptor; *passed is -1 where none came. */
	ssize_t (*send_fd)(int fd, const void *buffer, size_t bytes,
		int passed);
	ssize_t (*receive_fd)(int fd, void *buffer, size_t bytes,
		int *passed);
	int (*shutdown)(int fd); /* both ways */
	/* VMI_SOCKET_; -EINVAL: another one, or not connected; -ENOTSOCK. */
	int (*socket_type)(int fd);
	/* timeout_ns < 0: for ever */
	int (*poll)(struct pollfd *fds, unsigned n, int64_t timeout_ns);

	int (*mmap)(const struct vmi_mmap *what, void **where);
	int (*munmap)(void *where, size_t bytes);
	int (*madvise)(void *where, size_t bytes, int advice);
	int (*memfd)(const char *name, unsigned flags);
	int (*ftruncate)(int fd, uint64_t bytes);
	/* No change of a memfd's size any more; 1: it cannot shrink, or 0. */
	int (*seal)(int fd);
	int (*is_sealed)(int fd);

	int (*eventfd)(unsigned initial, int flags);
	int (*epoll)(void);
	/* Wait for POLLIN of fd, or no more. */
	int (*epoll_add)(int epoll, int fd);
	int (*epoll_remove)(int epoll, int fd);
	int (*timerfd)(int clock); /* not blocking */
	/* One shot at an absolute time in ns of its clock; 0 disarms. */
	int (*timerfd_set)(int fd, uint64_t when);
	int (*now)(int clock, uint64_t *ns);

	int (*sigmask)(int how, const sigset_t *set, sigset_t *old);
	/* The signal's number; -EAGAIN after `timeout_ns`. */
	int (*sigtimedwait)(const sigset_t *set, uint64_t timeout_ns);
	int (*tgkill)(pid_t pid, pid_t tid, int number);
	pid_t (*getpid)(void);
	pid_t (*gettid)(void);
	void (*yield)(void); /* let another thread have this processor */
	/*
	 * Signal the calling thread with `number` once, `ns` from now.  After
	 * timer_stop none comes any more (one may be pending).
	 */
	int (*timer_start)(int number, uint64_t ns, void **timer);
	void (*timer_stop)(void *timer);

	/* A thread with every signal blocked; the name has at most 15 chars. */
	int (*thread_start)(const char *name, void *(*fn)(void *), void *opaque,
		void **thread);
	int (*thread_join)(void *thread);

	/*
	 * io_uring; NULL where liburing is not linked.  `uring_wait` submits,
	 * and waits for a completion at most so long, < 0: for ever; 0 also
	 * when the time is over.  `uring_files` makes a table of empty slots.
	 */
	int (*uring_init)(struct io_uring *ring, unsigned entries);
	void (*uring_exit)(struct io_uring *ring);
	int (*uring_submit)(struct io_uring *ring);
	int (*uring_wait)(struct io_uring *ring, int64_t timeout_ns);
	int (*uring_files)(struct io_uring *ring, unsigned n);
	int (*uring_file)(struct io_uring *ring, unsigned slot, int fd);

	/* Random bytes of the host's generator: how many; never waits. */
	ssize_t (*random)(void *buffer, size_t bytes);

	/* Bytes of a page, which is also what a bit of a dirty log stands for. */
	size_t (*page_size)(void);

	/* NULL: no memory.  `bytes` may be 0. */
	void *(*alloc)(size_t bytes);
	void *(*alloc_aligned)(size_t alignment, size_t bytes);
	void (*free)(void *memory);
};

/*
 * What the library calls: &vmi_sys_host, unless a test has put its own table
 * here before the first context was opened.
 */
extern const struct vmi_sys *vmi_sys;
extern const struct vmi_sys vmi_sys_host;

/* The part of the latter that is in lib/sys/uring.c. */
int vmi_host_uring_init(struct io_uring *ring, unsigned entries);
int vmi_host_uring_submit(struct io_uring *ring);
int vmi_host_uring_wait(struct io_uring *ring, int64_t timeout_ns);
int vmi_host_uring_files(struct io_uring *ring, unsigned n);
int vmi_host_uring_file(struct io_uring *ring, unsigned slot, int fd);
void vmi_host_uring_exit(struct io_uring *ring);

/* Bytes of a host page. */
size_t vmi_page_size(void);

/*
 * Add one to an eventfd, unless it is full: never blocks, whatever its flags,
 * if nobody else fills it in the same moment.  And take what is there: 0 when
 * there is nothing.
 */
void vmi_eventfd_signal(int fd);
uint64_t vmi_eventfd_take(int fd);
/* A duplicate of an eventfd; -EINVAL: it is none, -EBADF, -EMFILE. */
int vmi_eventfd_dup(int fd);

/* ftruncate(), which making room for huge pages lets signals end: again. */
int vmi_set_length(int fd, uint64_t bytes);

/* Undefined contents; zeros; n elements of zeros (NULL if n * size wraps). */
void *vmi_alloc(size_t bytes);
void *vmi_zalloc(size_t bytes);
void *vmi_calloc(size_t n, size_t size);
/* Zeros, at a multiple of `alignment` (a power of two). */
void *vmi_zalloc_aligned(size_t alignment, size_t bytes);
/* Whatever came from the four above; NULL does nothing. */
void vmi_free(void *memory);

/* tests/fault compiles the library with each use of all this numbered. */
#ifdef VMI_SITES
#include VMI_SITES
#endif

#endif
