/* SPDX-License-Identifier: MIT */
/* A device process of one channel, which waits on the caller's thread. */
#include <errno.h>

#include <vmapi/channel.h>

#include "lib/core/core.h"
#include "lib/loop/server.h"
#include "lib/sys/sys.h"

static int wait_for(int fd, short events)
{
	struct pollfd poll = { .fd = fd, .events = events };
	int n = -EINTR;

	while (n == -EINTR)
		n = vmi_sys->poll(&poll, 1, -1);
	return n < 0 ? n : 0;
}

static int shake_hands(struct vmi_server *s, int control)
{
	int rc = 1;

	while (rc > 0) {
		rc = wait_for(control, POLLIN);
		if (!rc)
			rc = vmi_server_greet(s, control);
	}
	return rc;
}

/* A socket that does not block is polled. */
static int receive(struct vmi_server *s)
{
	ssize_t n = -EINTR;
	size_t room;
	void *at;
	int err;

	room = vmi_server_room(s, &at);
	while (n == -EINTR || n == -EAGAIN) {
		n = vmi_sys->receive_waiting(s->fd, at, room);
		err = n == -EAGAIN ? wait_for(s->fd, POLLIN) : 0;
		if (err)
			return err;
	}
	return vmi_server_received(s, n);
}

static int serve_socket(struct vmi_server *s)
{
	int rc = 1, err = 0;

	while (rc > 0 && !err) {
		rc = vmi_server_send(s);
		if (rc > 0) {
			rc = receive(s);
		} else if (!rc) {
			err = wait_for(s->fd, POLLOUT);
			rc = 1;
		}
	}
	return err ? err : rc;
}

/* 1: there is something; 0: the monitor hung up. */
static int wait_at_ring(struct vmi_server *s)
{
	int err;

	if (vmi_server_spin(s) || !vmi_server_arm(s, true))
		return 1;
	err = wait_for(s->fd, POLLIN);
	vmi_server_disarm(s);
	return err ? err : vmi_server_hear(s);
}

static int serve_ring(struct vmi_server *s)
{
	int rc = 1;

	while (rc > 0) {
		rc = vmi_server_turn(s);
		if (rc >= 0 && rc < VMI_SERVER_COMMANDS)
			rc = wait_at_ring(s);
	}
	return rc;
}

int vmapi_serve(int fd, int control_fd, vmapi_serve_fn *fn, void *opaque)
{
	struct vmi_server s;
	int err;

	vmi_enter_free(__func__);
	if (!fn)
		return vmi_null("fn");
	err = vmi_server_init(&s, fd, fn, opaque);
	if (err)
		return vmi_fail(err, "socket",
			"fd %d is no connected stream or seqpacket socket",
			fd);
	if (control_fd >= 0)
		err = shake_hands(&s, control_fd);
	if (!err)
		err = s.ring ? serve_ring(&s) : serve_socket(&s);
	vmi_server_fini(&s);
	vmi_enter_free(__func__); /* the function may have entered others */
	return err ? vmi_fail(err, "socket", "the monitor %s",
		err == -EPROTO ? "sent no command" : "is gone") : 0;
}
