/* SPDX-License-Identifier: MIT */
/* A wire whose other side is late, or took over, or takes nothing. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/region/wire.h"
#include "lib/sys/sys.h"
#include "tests/unit/suite.h"

static struct vmi_wire wire;
static struct vmi_call call;
static int others[2]; /* the other sides */

static struct vmi_link make_link(int *other)
{
	struct vmi_link link = { .type = VMI_SOCKET_STREAM };
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	link.fd = fds[0];
	*other = fds[1];
	return link;
}

static void setup(void)
{
	const struct vmi_link link = make_link(&others[0]);

	int room_fd = vmi_sys->eventfd(0, 0);

	ck_assert_int_ge(room_fd, 0);
	vmi_wire_init(&wire, &link, room_fd);
	others[1] = -1;
	memset(&call, 0, sizeof(call));
	call.command.response = 1;
	call.wake_fd = vmi_sys->eventfd(0, 0);
	ck_assert_int_ge(call.wake_fd, 0);
	ck_assert_int_eq(vmi_wire_ask(&wire, &call), VMI_CALL_SENT);
}

static void teardown(void)
{
	vmi_wire_cancel(&wire, &call);
	vmi_wire_fini(&wire);
	close(call.wake_fd);
	close(others[0]);
	if (others[1] >= 0)
		close(others[1]);
}

START_TEST(who_is_late_is_dead)
{
	vmi_wire_expire(&wire, &call);
	ck_assert_int_eq(vmi_wire_step(&wire, &call), VMI_CALL_FAILED);
	ck_assert_int_eq(call.error, -ETIMEDOUT);
	ck_assert_int_eq(vmi_wire_ask(&wire, &call), VMI_CALL_FAILED);
}
END_TEST

START_TEST(the_next_one_is_not)
{
	const struct vmi_link link = make_link(&others[1]);

	vmi_wire_reconnect(&wire, &link);
	vmi_wire_expire(&wire, &call);
	ck_assert_int_eq(vmi_wire_step(&wire, &call), VMI_CALL_FAILED);
	ck_assert_int_eq(call.error, -ECONNRESET);
	ck_assert_int_eq(vmi_wire_ask(&wire, &call), VMI_CALL_SENT);
}
END_TEST

/* -- Room for posted writes --------------------------------------------- */

#define LONG_NS 20000000000ll /* only what is broken waits for so long */

static const struct vmapi_wire_command posted = {
	.command = VMAPI_WIRE_WRITE };

/* Until the ring and the queue behind it are full: the other end of the ring. */
static struct vmi_ring *fill(void)
{
	struct vmi_link link = make_link(&others[1]);
	struct vmi_ring *other;
	int fd, err;

	ck_assert_int_eq(vmi_ring_create(&link.ring, &fd), 0);
	ck_assert_int_eq(vmi_ring_open(&other, fd), 0);
	close(fd);
	vmi_wire_reconnect(&wire, &link);
	do
		err = vmi_wire_post(&wire, &posted);
	while (!err);
	ck_assert_int_eq(err, -EAGAIN);
	return other;
}

static void empty(struct vmi_ring *ring)
{
	struct vmapi_wire_command command;

	while (vmi_ring_pull(ring, &command) > 0)
		;
}

/* It was taken between the refusal and the wait: nobody will tell of it. */
START_TEST(room_that_is_there)
{
	struct vmi_ring *other = fill();

	ck_assert_int_eq(vmi_wire_wait_for_room(&wire, 0), 0);
	empty(other);
	(void)vmi_wire_step(&wire, NULL);
	ck_assert_int_eq(vmi_wire_wait_for_room(&wire, 0), 1);
	vmi_ring_put(other);
}
END_TEST

static void *wait_for_room(void *opaque)
{
	int *n = opaque;

	*n = vmi_wire_wait_for_room(&wire, LONG_NS);
	return NULL;
}

/* Until the thread sleeps, or is about to. */
static void start_waiting(pthread_t *thread, struct vmi_ring *other, int *n)
{
	ck_assert_int_eq(pthread_create(thread, NULL, wait_for_room, n), 0);
	while (!*(volatile uint64_t *)&other->peer->waits)
		usleep(100);
}

/* Another waiter took the bell, and what was queued with it. */
START_TEST(room_that_another_made)
{
	struct vmi_ring *other = fill();
	pthread_t thread;
	int n = 0;

	start_waiting(&thread, other, &n);
	empty(other);
	(void)vmi_wire_step(&wire, NULL);
	pthread_join(thread, NULL);
	ck_assert_int_gt(n, 0);
	vmi_ring_put(other);
}
END_TEST

START_TEST(room_that_will_not_be)
{
	struct vmi_ring *other = fill();
	pthread_t thread;
	int n = 0;

	start_waiting(&thread, other, &n);
	vmi_wire_fail(&wire, -EPIPE);
	pthread_join(thread, NULL);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(vmi_wire_post(&wire, &posted), -EPIPE);
	vmi_ring_put(other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire");
	TCase *t = tcase_create("wire");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, who_is_late_is_dead);
	tcase_add_test(t, the_next_one_is_not);
	tcase_add_test(t, room_that_is_there);
	tcase_add_test(t, room_that_another_made);
	tcase_add_test(t, room_that_will_not_be);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
