/* SPDX-License-Identifier: MIT */
/* What a device process does with what its monitor sends. */
#include <errno.h>
#include <string.h>

#include "lib/loop/server.h"
#include "lib/region/wire.h"
#include "lib/sys/sys.h"

#define COMMAND	 sizeof(struct vmapi_wire_command)
#define RESPONSE sizeof(struct vmapi_wire_response)
#define ROUNDS	 16 /* of one socket, before others have their turn */

int vmi_server_init(
	struct vmi_server *s, int fd, vmapi_serve_fn *fn, void *opaque)
{
	int type = vmi_sys->socket_type(fd);

	if (type < 0)
		return type;
	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->is_stream = type == VMI_SOCKET_STREAM;
	s->fn = fn;
	s->opaque = opaque;
	return 0;
}

void vmi_server_fini(struct vmi_server *s)
{
	vmi_ring_put(s->ring);
}

/* -- Handshake ---------------------------------------------------------- */

static int take_hello(struct vmi_server *s, int control)
{
	struct vmapi_wire_hello mine = { .magic = VMAPI_WIRE_MAGIC,
		.version = 1,
		.features = VMAPI_WIRE_CAN_FENCE | VMAPI_WIRE_CAN_RING };
	const struct vmi_words words = { &mine, sizeof(mine), -1 };
	ssize_t n = vmi_sys->receive(control, (char *)&s->hello + s->n_hello,
		sizeof(s->hello) - s->n_hello);
	int err;

	if (n == -EAGAIN || n == -EINTR)
		return 1;
	if (n <= 0)
		return n ? (int)n : -EPROTO;
	s->n_hello += (size_t)n;
	if (s->n_hello < sizeof(s->hello))
		return 1;
	if (s->hello.magic != VMAPI_WIRE_MAGIC)
		return -EPROTO;
	err = vmi_wire_say(control, &words, 0);
	return err ? err : (s->hello.features & VMAPI_WIRE_CAN_RING) != 0;
}

static int take_ring(struct vmi_server *s, int control)
{
	struct vmapi_wire_offer offer;
	int fd, err = -EPROTO;
	ssize_t n = vmi_sys->receive_fd(control, &offer, sizeof(offer), &fd);

	if (n == -EAGAIN || n == -EINTR)
		return 1;
	if (n < 0)
		return (int)n;
	if (n == sizeof(offer) && fd >= 0 &&
		offer.bytes == sizeof(struct vmapi_wire_ring) &&
		offer.slots == VMAPI_WIRE_SLOTS)
		err = vmi_ring_open(&s->ring, fd);
	if (fd >= 0)
		vmi_sys->close(fd);
	return err;
}

int vmi_server_greet(struct vmi_server *s, int control)
{
	return s->n_hello == sizeof(s->hello) ? take_ring(s, control)
					      : take_hello(s, control);
}

/* -- Commands ----------------------------------------------------------- */

/* 1: it has a response; 0: none; -EPROTO. */
static int carry_out(struct vmi_server *s,
	const struct vmapi_wire_command *command,
	struct vmapi_wire_response *response)
{
	struct vmapi_access access = { .offset = command->offset,
		.value = command->data,
		.bytes = 1u << command->size_exponent,
		.is_write = command->command == VMAPI_WIRE_WRITE };

	if (command->command > VMAPI_WIRE_FENCE || command->size_exponent > 3)
		return -EPROTO;
	if (command->command == VMAPI_WIRE_READ)
		access.value = 0;
	if (command->command != VMAPI_WIRE_FENCE)
		s->fn(s->opaque, command->user_data, &access);
	memset(response, 0, sizeof(*response));
	response->data = access.is_write ? 0 : access.value;
	return command->response;
}

/* -- By the socket ------------------------------------------------------ */

size_t vmi_server_unsent(const struct vmi_server *s, const void **at)
{
	size_t bytes = s->n_out - s->sent;

	*at = (const char *)s->out + s->sent;
	return !s->is_stream && bytes > RESPONSE ? RESPONSE : bytes;
}

void vmi_server_sent(struct vmi_server *s, size_t bytes)
{
	s->sent += bytes;
	if (s->sent == s->n_out)
		s->sent = s->n_out = 0;
}

size_t vmi_server_room(struct vmi_server *s, void **at)
{
	*at = (char *)s->in + s->n_in;
	return s->is_stream ? sizeof(s->in) - s->n_in : COMMAND;
}

/* What came whole; the rest of a stream stays for the next time. */
static int carry_out_all(struct vmi_server *s)
{
	size_t n = s->n_in / COMMAND, i;
	int answers = 0;

	for (i = 0; i < n && answers >= 0 && !s->stopped; i++) {
		answers = carry_out(
			s, &s->in[i], &s->out[s->n_out / RESPONSE]);
		if (answers > 0)
			s->n_out += RESPONSE;
	}
	s->n_in -= n * COMMAND;
	memmove(s->in, &s->in[n], s->n_in);
	return answers < 0 ? answers : 1;
}

int vmi_server_received(struct vmi_server *s, ssize_t n)
{
	if (n == 0 || n == -ECONNRESET)
		return s->n_in ? -EPROTO : 0;
	if (n < 0)
		return (int)n;
	s->n_in += (size_t)n;
	if (!s->is_stream && s->n_in != COMMAND)
		return -EPROTO;
	return carry_out_all(s);
}

int vmi_server_send(struct vmi_server *s)
{
	const void *at;
	size_t bytes;
	ssize_t n;

	for (bytes = vmi_server_unsent(s, &at); bytes;
		bytes = vmi_server_unsent(s, &at)) {
		n = vmi_sys->send(s->fd, at, bytes);
		if (n == -EAGAIN)
			return 0;
		if (n < 0 && n != -EINTR)
			return (int)n;
		if (n > 0)
			vmi_server_sent(s, (size_t)n);
	}
	return 1;
}

int vmi_server_move(struct vmi_server *s, short *events)
{
	unsigned i;
	int rc = 1;

	for (i = 0; i < ROUNDS && rc > 0 && !s->stopped; i++) {
		size_t room;
		ssize_t n;
		void *at;

		*events = POLLOUT;
		rc = vmi_server_send(s);
		if (rc <= 0)
			return rc < 0 ? rc : 1;
		*events = POLLIN;
		room = vmi_server_room(s, &at);
		n = vmi_sys->receive(s->fd, at, room);
		if (n == -EAGAIN)
			return 1;
		if (n != -EINTR)
			rc = vmi_server_received(s, n);
	}
	*events = POLLIN | (s->n_out ? POLLOUT : 0);
	return rc;
}

/* -- By the ring -------------------------------------------------------- */

/* One command.  1: done; 2: and answered; 0: none, or no room to answer. */
static int take_turn(struct vmi_server *s)
{
	struct vmapi_wire_response response;
	struct vmapi_wire_command command;
	int rc = vmi_ring_has_room(s->ring);

	if (rc > 0)
		rc = vmi_ring_pull(s->ring, &command);
	if (rc <= 0)
		return rc;
	rc = carry_out(s, &command, &response);
	if (rc <= 0 || s->stopped)
		return rc < 0 ? rc : 1;
	rc = vmi_ring_push(s->ring, &response);
	return rc < 0 ? rc : 2;
}

/* A monitor that is gone needs no bell, and who is stopped has none. */
static int publish(struct vmi_server *s)
{
	int err = 0;

	if (!s->stopped && vmi_ring_publish(s->ring))
		err = vmi_ring_ring(s->fd);
	return err == -EPIPE || err == -ECONNRESET ? 0 : err;
}

/* An answer is told before the next command is looked at. */
int vmi_server_turn(struct vmi_server *s)
{
	int limit = VMI_SERVER_COMMANDS, done = 0, rc = 1, err = 0;

	while (done < limit && rc > 0 && !err && !s->stopped) {
		rc = take_turn(s);
		done += rc > 0;
		if (rc == 2)
			err = publish(s);
	}
	if (!err)
		err = publish(s);
	return err ? err : rc < 0 ? rc : done;
}

bool vmi_server_spin(struct vmi_server *s)
{
	vmi_ring_look(s->ring, vmi_ring_has_room(s->ring) == 0, &s->look);
	if (!vmi_ring_spin(s->ring, &s->look))
		return false;
	vmi_ring_learn(s->ring, &s->look);
	return true;
}

/* With what was looked for in vain, or as who does not look. */
bool vmi_server_arm(struct vmi_server *s, bool looked)
{
	if (!looked) {
		vmi_ring_look(s->ring, vmi_ring_has_room(s->ring) == 0,
			&s->look);
		s->look.spins = false;
	}
	return vmi_ring_arm(s->ring, &s->look);
}

void vmi_server_disarm(struct vmi_server *s)
{
	vmi_ring_disarm(s->ring, &s->look);
}

/* What was put before the end is done: no more than there is room for. */
int vmi_server_hear(struct vmi_server *s)
{
	int err = vmi_ring_hear(s->fd), done = 1;
	unsigned i;

	if (err != -EPIPE && err != -ECONNRESET)
		return err ? err : 1;
	for (i = 0; i < VMAPI_WIRE_SLOTS / VMI_SERVER_COMMANDS && done > 0; i++)
		done = vmi_server_turn(s);
	return done < 0 ? done : 0;
}
