/* SPDX-License-Identifier: MIT */
/* Loops on kernels whose io_uring lacks something, or that have none. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vmapi/vmapi.h>

#include "lib/sys/sys.h"
#include "tests/unit/suite.h"

static struct vmi_sys table;
static struct vmapi_loop *loop;
static unsigned served;
static int ended_with;

static void setup(void)
{
	table = vmi_sys_host;
	vmi_sys = &table;
	served = 0;
	ended_with = -1;
}

static void teardown(void)
{
	vmi_sys = &vmi_sys_host;
}

/* -- A device in a loop ------------------------------------------------- */

static void serve(void *opaque, uint64_t user_data, struct vmapi_access *access)
{
	(void)opaque;
	access->value = user_data + 1;
	served++;
}

static void end(void *opaque, int error)
{
	(void)opaque;
	ended_with = error;
	vmapi_loop_stop(loop);
}

/* What a monitor asks, and what it is told. */
static void serve_one(const char *mechanism)
{
	const struct vmapi_wire_command command = { .size_exponent = 3,
		.response = 1, .user_data = 41 };
	struct vmapi_loop_channel c = { .size = sizeof(c), .control_fd = -1,
		.fn = serve, .ended = end };
	struct vmapi_wire_response answer;
	struct vmapi_source *source;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(write(fds[0], &command, 32), 32);
	shutdown(fds[0], SHUT_WR);
	c.fd = fds[1];
	ck_assert_int_eq(vmapi_loop_create(NULL, &loop), 0);
	ck_assert_str_eq(vmapi_loop_mechanism(loop), mechanism);
	ck_assert_int_eq(vmapi_loop_serve(loop, &c, &source), 0);
	ck_assert_int_eq(vmapi_loop_run(loop), 0);
	vmapi_loop_destroy(loop);
	ck_assert_int_eq(read(fds[0], &answer, 32), 32);
	ck_assert_uint_eq(answer.data, 42);
	ck_assert_uint_eq(served, 1);
	ck_assert_int_eq(ended_with, 0);
	close(fds[0]);
	close(fds[1]);
}

/* -- Kernels that lack something ---------------------------------------- */

static int no_files(struct io_uring *ring, unsigned n)
{
	(void)ring;
	(void)n;
	return -EINVAL;
}

static int no_uring(struct io_uring *ring, unsigned entries)
{
	(void)ring;
	(void)entries;
	return -ENOSYS;
}

START_TEST(without_slots)
{
	const char *usual;

	ck_assert_int_eq(vmapi_loop_create(NULL, &loop), 0);
	usual = vmapi_loop_mechanism(loop);
	vmapi_loop_destroy(loop);
	table.uring_files = no_files;
	serve_one(usual);
}
END_TEST

START_TEST(without_uring)
{
	table.uring_init = no_uring;
	serve_one("poll");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *t = tcase_create("loop");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, without_slots);
	tcase_add_test(t, without_uring);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
