/* SPDX-License-Identifier: MIT */
/* The process that is a virtio device: --serve-disk, --serve-net. */
/*
 * It opens nothing: the monitor gives it all that it has, over the socket that
 * is its standard input.  The main thread answers for the registers, others
 * serve the rings (virtio.c), and no access of the guest waits for them.
 * Nothing needs to be put in order at its end: all that anybody would want to
 * know is in guest RAM and in the state, at every moment.
 */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TALK STDIN_FILENO

/* -- What the monitor gives --------------------------------------------- */

static int receive(struct handover *handover, int *fds)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * N_FDS)];
	} control;
	struct iovec iov = { handover, sizeof(*handover) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	const struct cmsghdr *header;
	size_t n;

	if (recvmsg(TALK, &message, MSG_CMSG_CLOEXEC) !=
		(ssize_t)sizeof(*handover))
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (header == NULL || header->cmsg_type != SCM_RIGHTS)
		return -1;
	n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (n != N_FDS && n != FD_FILE)
		return -1;
	fds[FD_FILE] = -1;
	memcpy(fds, CMSG_DATA(header), sizeof(int) * n);
	handover->what[sizeof(handover->what) - 1] = '\0';
	return 0;
}

static void *map(int fd, uint64_t bytes)
{
	void *where = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		fd, 0);

	return where == MAP_FAILED ? NULL : where;
}

/* -- What it says ------------------------------------------------------- */

/*
 * A processor in software keeps what it made of code: it hears of what was
 * written before the guest does.
 */
static void tell(void *opaque, const struct virtio_range *ranges, unsigned n)
{
	char answer;

	(void)opaque;
	if (send(TALK, ranges, n * sizeof(*ranges), MSG_NOSIGNAL) < 0 ||
		recv(TALK, &answer, 1, 0) != 1)
		_exit(1); /* the monitor is gone */
}

static void answer(void *opaque, uint64_t user_data, struct vmapi_access *a)
{
	virtio_access(opaque, a, user_data + a->offset);
}

/* -- All of it ---------------------------------------------------------- */

static int prepare(struct virtio *v, struct memory *memory,
	const struct handover *handover, const int *fds)
{
	void *ram = map(fds[FD_RAM], handover->ram_bytes);
	void *state = map(fds[FD_STATE], sizeof(struct virtio_state));

	if (ram == NULL || state == NULL)
		return -1;
	memory_init(memory, ram, handover->ram_bytes);
	v->memory = memory;
	v->written = handover->tells ? tell : NULL;
	memcpy(v->kick_fds, fds + FD_KICK, sizeof(v->kick_fds));
	v->irq_fd = fds[FD_IRQ];
	v->state = state;
	return virtio_start(v);
}

int server_run(const struct server_kind *kind)
{
	static struct memory memory;
	struct handover handover;
	int fds[N_FDS], err;

	/* Who is stopped does not see that the monitor is gone. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (receive(&handover, fds) != 0) {
		fprintf(stderr, "vmapi-boot: standard input is no monitor\n");
		return 2;
	}
	virtio_init(kind->virtio);
	if (kind->open(kind->opaque, &handover, fds[FD_FILE]) != 0 ||
		prepare(kind->virtio, &memory, &handover, fds) != 0) {
		fprintf(stderr, "vmapi-boot: a device's process: %s\n",
			strerror(errno));
		return 6;
	}
	err = vmapi_serve(fds[FD_CHANNEL], fds[FD_HELLO], answer,
		kind->virtio);
	return err != 0 ? 6 : 0;
}
