/* SPDX-License-Identifier: MIT */
/* A wire whose other side is late, and one that another side took over. */
#include <errno.h>
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

	vmi_wire_init(&wire, &link);
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

int main(void)
{
	Suite *suite = suite_create("wire");
	TCase *t = tcase_create("wire");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, who_is_late_is_dead);
	tcase_add_test(t, the_next_one_is_not);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
