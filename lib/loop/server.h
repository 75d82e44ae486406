/* SPDX-License-Identifier: MIT */
/* A device process's end of a channel: what it does with what comes. */
#ifndef VMI_LOOP_SERVER_H
#define VMI_LOOP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <vmapi/channel.h>

#include "lib/region/ring.h"

#define VMI_SERVER_COMMANDS 64 /* at once */

/* It never waits: lib/loop/serve.c and session.c do, each in its way. */
struct vmi_server {
	int fd;
	bool is_stream;
	struct vmapi_wire_hello hello; /* the monitor's */
	size_t n_hello;		       /* bytes of it so far */
	bool stopped; /* by its function: which is not called any more */
	struct vmi_ring *ring; /* NULL: it is the socket */
	vmapi_serve_fn *fn;
	void *opaque;
	struct vmi_ring_look look; /* from vmi_server_spin() to _disarm() */
	struct vmapi_wire_command in[VMI_SERVER_COMMANDS];
	size_t n_in; /* bytes */
	struct vmapi_wire_response out[VMI_SERVER_COMMANDS];
	size_t n_out, sent; /* bytes */
};

/* -EINVAL, -ENOTSOCK: no connected socket of a type that we know. */
int vmi_server_init(
	struct vmi_server *server, int fd, vmapi_serve_fn *fn, void *opaque);
void vmi_server_fini(struct vmi_server *server);

/*
 * A message is there on the control socket.  1: another one will come;
 * 0: that was all; -EPROTO, -errno.
 */
int vmi_server_greet(struct vmi_server *server, int control_fd);

/* -- By the socket ------------------------------------------------------ */

/* What is to be sent before anything more is received: bytes, from *at on. */
size_t vmi_server_unsent(const struct vmi_server *server, const void **at);
void vmi_server_sent(struct vmi_server *server, size_t bytes);
/* Where to receive, and how much. */
size_t vmi_server_room(struct vmi_server *server, void **at);
/*
 * So much was received: a result of recv(2), or -errno.  1: it is done, and
 * there may be something to send; 0: the monitor hung up; -EPROTO, -errno.
 */
int vmi_server_received(struct vmi_server *server, ssize_t bytes);
/* Send what goes.  1: all of it; 0: it would wait; -errno. */
int vmi_server_send(struct vmi_server *server);
/*
 * All of that, until nothing goes without waiting or enough was done.  As
 * vmi_server_received(); *events: what to wait for.
 */
int vmi_server_move(struct vmi_server *server, short *events);

/* -- By the ring -------------------------------------------------------- */

/* What there is.  How many; -EPROTO, -errno. */
int vmi_server_turn(struct vmi_server *server);
/* Whether there is more soon: to be asked without a lock or a hurry. */
bool vmi_server_spin(struct vmi_server *server);
/* Before and after a sleep, at once or when a spin was in vain; false: more. */
bool vmi_server_arm(struct vmi_server *server, bool spun);
void vmi_server_disarm(struct vmi_server *server);
/* The socket woke us.  1; 0: it was the end, and all is done; -errno. */
int vmi_server_hear(struct vmi_server *server);

#endif
