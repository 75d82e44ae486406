/* SPDX-License-Identifier: MIT */
/* The door to the host's io_uring. */
#include <errno.h>
#include <liburing.h>
#include <string.h>

#include "lib/sys/sys.h"

#define NS_PER_S 1000000000

/* Without interrupts of a thread that runs, where the host can that. */
int vmi_host_uring_init(struct io_uring *ring, unsigned entries)
{
	int err = io_uring_queue_init(entries, ring, IORING_SETUP_COOP_TASKRUN);

	if (err == -EINVAL)
		err = io_uring_queue_init(entries, ring, 0);
	return err;
}

void vmi_host_uring_exit(struct io_uring *ring)
{
	io_uring_queue_exit(ring);
}

int vmi_host_uring_submit(struct io_uring *ring)
{
	return io_uring_submit(ring);
}

int vmi_host_uring_wait(struct io_uring *ring, int64_t timeout_ns)
{
	struct __kernel_timespec ts = { .tv_sec = timeout_ns / NS_PER_S,
		.tv_nsec = timeout_ns % NS_PER_S };
	struct io_uring_cqe *cqe;
	int rc;

	if (timeout_ns < 0)
		rc = io_uring_submit_and_wait(ring, 1);
	else
		rc = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &ts, NULL);
	return rc >= 0 || rc == -ETIME ? 0 : rc;
}

int vmi_host_uring_files(struct io_uring *ring, unsigned n)
{
	return io_uring_register_files_sparse(ring, n);
}

int vmi_host_uring_file(struct io_uring *ring, unsigned slot, int fd)
{
	int rc = io_uring_register_files_update(ring, slot, &fd, 1);

	return rc < 0 ? rc : 0;
}
