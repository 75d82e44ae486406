/* SPDX-License-Identifier: MIT */
/* Vcpus that a thread of the library runs. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "config.h"
#include "tests/api/api.h"

#if VMI_URING
#include <liburing.h>
#endif

#define A_LONG_TIME 20000 /* ms: of a machine that does other things too */

/* mov al,1; out 0x10,al; in al,0x11; out 0x12,al; hlt */
static const uint8_t talk_code[] = { 0xb0, 0x01, 0xe6, 0x10, 0xe4, 0x11, 0xe6,
	0x12, 0xf4 };
static const uint8_t spin_code[] = { 0xeb, 0xfe };

static struct vmapi_runner *runner_of(struct machine *m)
{
	struct vmapi_runner *runner = NULL;

	EQUAL(vmapi_runner_create(m->vcpu, NULL, &runner), 0);
	return runner;
}

static bool is_readable(struct vmapi_runner *runner, int milliseconds)
{
	struct pollfd p = { .events = POLLIN };

	EQUAL(vmapi_runner_fd(runner, &p.fd), 0);
	return poll(&p, 1, milliseconds) == 1;
}

/* The next exit's reason, once its descriptor says that it is there. */
static unsigned wait_for(struct vmapi_runner *runner, struct vmapi_exit *exit)
{
	CHECK(is_readable(runner, A_LONG_TIME));
	exit->size = sizeof(*exit);
	EQUAL(vmapi_runner_take(runner, exit), 0);
	CHECK(!is_readable(runner, 0));
	return exit->reason;
}

static unsigned state_of(struct vmapi_runner *runner)
{
	unsigned state = 99;

	EQUAL(vmapi_runner_state(runner, &state), 0);
	return state;
}

static void arguments(struct machine *m)
{
	struct vmapi_runner_config c = { .size = sizeof(c), .flags = 1u << 31 };
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_runner *runner = NULL, *second = NULL;
	int before = api_descriptors();

	EQUAL(vmapi_runner_create(NULL, NULL, &runner), -EINVAL);
	EQUAL(vmapi_runner_create(m->vcpu, NULL, NULL), -EINVAL);
	EQUAL(vmapi_runner_create(m->vcpu, &c, &runner), -EINVAL);
	c.flags = 0;
	c.size = 4;
	EQUAL(vmapi_runner_create(m->vcpu, &c, &runner), -EINVAL);
	CHECK(!runner);
	EQUAL(vmapi_runner_fd(NULL, &before), -EINVAL);
	EQUAL(vmapi_runner_kick_fd(NULL, &before), -EINVAL);
	EQUAL(vmapi_runner_take(NULL, &exit), -EINVAL);
	EQUAL(vmapi_runner_continue(NULL, NULL, 0), -EINVAL);
	EQUAL(vmapi_runner_suspend(NULL), -EINVAL);
	EQUAL(vmapi_runner_resume(NULL), -EINVAL);
	EQUAL(vmapi_runner_state(NULL, NULL), -EINVAL);
	runner = runner_of(m);
	EQUAL(vmapi_runner_create(m->vcpu, NULL, &second), -EEXIST);
	EQUAL(vmapi_runner_fd(runner, NULL), -EINVAL);
	EQUAL(vmapi_runner_kick_fd(runner, NULL), -EINVAL);
	EQUAL(vmapi_runner_state(runner, NULL), -EINVAL);
	EQUAL(vmapi_runner_take(runner, NULL), -EINVAL);
	EQUAL(vmapi_runner_take(runner, &exit), -EAGAIN);
	EQUAL(vmapi_runner_continue(runner, NULL, 0), -EALREADY);
	EQUAL(state_of(runner), VMAPI_RUNNER_SUSPENDED);
	vmapi_runner_destroy(runner);
	vmapi_runner_destroy(NULL);
	EQUAL(api_descriptors(), before);
}

static void exits_come_by_descriptor(struct machine *m)
{
	struct vmapi_runner *runner;
	struct vmapi_exit exit;

	api_load(m, talk_code, sizeof(talk_code));
	runner = runner_of(m);
	CHECK(!is_readable(runner, 20));
	EQUAL(vmapi_runner_resume(runner), 0);
	EQUAL(wait_for(runner, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.port, 0x10);
	EQUAL(state_of(runner), VMAPI_RUNNER_INTERCEPTED);
	EQUAL(vmapi_runner_take(runner, &exit), 0);
	EQUAL(exit.u.io.port, 0x10);
	EQUAL(vmapi_runner_continue(runner, NULL, 0), 0);
	EQUAL(wait_for(runner, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.port, 0x11);
	EQUAL(vmapi_runner_continue(runner, NULL, 0), -EMSGSIZE);
	EQUAL(vmapi_runner_continue(runner, "abcd", 4), -EMSGSIZE);
	EQUAL(state_of(runner), VMAPI_RUNNER_INTERCEPTED);
	EQUAL(vmapi_runner_continue(runner, "\x5a", 1), 0);
	EQUAL(wait_for(runner, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.port, 0x12);
	EQUAL(*(const uint8_t *)exit.u.io.data, 0x5a);
	EQUAL(vmapi_runner_continue(runner, "\x5a", 1), -EALREADY);
	EQUAL(vmapi_runner_continue(runner, NULL, 0), 0);
	EQUAL(wait_for(runner, &exit), VMAPI_EXIT_HALT);
	vmapi_runner_destroy(runner);
}

/* What one reason for standing still does, the other does not undo. */
static void two_reasons(struct machine *m)
{
	struct vmapi_runner *runner;
	struct vmapi_exit exit;

	api_load(m, talk_code, sizeof(talk_code));
	runner = runner_of(m);
	EQUAL(vmapi_runner_resume(runner), 0);
	EQUAL(wait_for(runner, &exit), VMAPI_EXIT_IO);
	EQUAL(vmapi_runner_suspend(runner), 0);
	EQUAL(vmapi_runner_suspend(runner), 0);
	EQUAL(state_of(runner),
		VMAPI_RUNNER_SUSPENDED | VMAPI_RUNNER_INTERCEPTED);
	EQUAL(vmapi_runner_continue(runner, NULL, 0), 0);
	EQUAL(state_of(runner), VMAPI_RUNNER_SUSPENDED);
	CHECK(!is_readable(runner, 50));
	EQUAL(vmapi_runner_resume(runner), 0);
	EQUAL(wait_for(runner, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.port, 0x11);
	EQUAL(vmapi_runner_suspend(runner), 0);
	EQUAL(vmapi_runner_resume(runner), 0);
	EQUAL(state_of(runner), VMAPI_RUNNER_INTERCEPTED);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "\x33", 1), 0);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX) & 0xff, 0x33);
	EQUAL(vmapi_runner_continue(runner, NULL, 0), 0);
	EQUAL(wait_for(runner, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.port, 0x12);
	vmapi_runner_destroy(runner);
}

static void suspend_while_it_spins(struct machine *m)
{
	struct vmapi_runner *runner;
	unsigned i;

	api_load(m, spin_code, sizeof(spin_code));
	runner = runner_of(m);
	for (i = 0; i < 200; i++) {
		EQUAL(vmapi_runner_resume(runner), 0);
		if (i % 2)
			usleep(50);
		EQUAL(vmapi_runner_suspend(runner), 0);
		EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE);
		EQUAL(state_of(runner), VMAPI_RUNNER_SUSPENDED);
	}
	CHECK(!is_readable(runner, 0));
	vmapi_runner_destroy(runner);
}

static void *suspend_often(void *opaque)
{
	struct vmapi_runner *runner = opaque;
	unsigned i;

	for (i = 0; i < 2000; i++) {
		EQUAL(vmapi_runner_suspend(runner), 0);
		EQUAL(vmapi_runner_resume(runner), 0);
	}
	return NULL;
}

/* Each kick is one exit, however many of the library's own are beside it. */
static void no_kick_is_lost(struct machine *m)
{
	struct vmapi_runner *runner;
	struct vmapi_exit exit;
	pthread_t thread;
	unsigned i;

	api_load(m, spin_code, sizeof(spin_code));
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0); /* one before there is a runner */
	runner = runner_of(m);
	EQUAL(vmapi_runner_resume(runner), 0);
	EQUAL(wait_for(runner, &exit), VMAPI_EXIT_KICK);
	EQUAL(vmapi_runner_continue(runner, NULL, 0), 0);
	pthread_create(&thread, NULL, suspend_often, runner);
	for (i = 0; i < 500; i++) {
		EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
		EQUAL(wait_for(runner, &exit), VMAPI_EXIT_KICK);
		EQUAL(vmapi_runner_continue(runner, NULL, 0), 0);
	}
	pthread_join(thread, NULL);
	CHECK(!is_readable(runner, 20));
	vmapi_runner_destroy(runner);
}

static void kick_by_descriptor(struct machine *m)
{
	struct vmapi_runner *runner;
	struct pollfd served = { .events = POLLIN };
	struct vmapi_exit exit;
	uint64_t one = 1;
	int fd = -1;

	api_load(m, spin_code, sizeof(spin_code));
	runner = runner_of(m);
	EQUAL(vmapi_runner_resume(runner), 0);
	EQUAL(vmapi_runner_kick_fd(runner, &fd), 0);
	EQUAL(vmapi_vm_pollfd(m->vm, &served.fd), 0);
	EQUAL(write(fd, &one, sizeof(one)), sizeof(one));
	EQUAL(poll(&served, 1, A_LONG_TIME), 1);
	EQUAL(vmapi_vm_service(m->vm), 0);
	EQUAL(wait_for(runner, &exit), VMAPI_EXIT_KICK);
	EQUAL(poll(&served, 1, 0), 0);
	vmapi_runner_destroy(runner);
}

/* What the thread's call failed for is said where it is asked. */
static void failures(struct machine *m)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_runner *runner;

	api_load(m, talk_code, sizeof(talk_code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO); /* and is not answered */
	runner = runner_of(m);
	EQUAL(vmapi_runner_resume(runner), 0);
	CHECK(is_readable(runner, A_LONG_TIME));
	EQUAL(vmapi_error_last()->code == -EBUSY, false);
	EQUAL(vmapi_runner_take(runner, &exit), -EBUSY);
	EQUAL(vmapi_error_last()->code, -EBUSY);
	CHECK(!strcmp(vmapi_error_last()->operation, "vmapi_vcpu_run"));
	EQUAL(vmapi_runner_continue(runner, "\1", 1), 0);
	EQUAL(wait_for(runner, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.port, 0x12);
	vmapi_runner_destroy(runner);
}

static void two_vcpus(struct machine *m)
{
	struct vmapi_vcpu_config c = { .size = sizeof(c), .id = 1 };
	struct vmapi_runner *runner[2];
	struct vmapi_vcpu *second = NULL;
	struct pollfd p[2];
	struct vmapi_exit exit = { .size = sizeof(exit) };
	unsigned i, halted = 0, exits = 0;

	api_load(m, talk_code, sizeof(talk_code));
	EQUAL(vmapi_vcpu_create(m->vm, &c, &second), 0);
	api_real_mode(second, API_CODE);
	runner[0] = runner_of(m);
	EQUAL(vmapi_runner_create(second, NULL, &runner[1]), 0);
	for (i = 0; i < 2; i++) {
		EQUAL(vmapi_runner_fd(runner[i], &p[i].fd), 0);
		p[i].events = POLLIN;
		EQUAL(vmapi_runner_resume(runner[i]), 0);
	}
	while (halted < 2 && poll(p, 2, A_LONG_TIME) > 0)
		for (i = 0; i < 2; i++) {
			if (p[i].fd < 0 || vmapi_runner_take(runner[i], &exit))
				continue;
			exits++;
			halted += exit.reason == VMAPI_EXIT_HALT;
			if (exit.reason != VMAPI_EXIT_HALT)
				vmapi_runner_continue(runner[i], "\2",
					exit.flags & VMAPI_EXIT_ANSWER ? 1 : 0);
			else
				p[i].fd = -1;
		}
	EQUAL(halted, 2);
	EQUAL(exits, 8);
	vmapi_runner_destroy(runner[0]);
	vmapi_runner_destroy(runner[1]);
	vmapi_vcpu_destroy(second);
}

/* -- On its own thread -------------------------------------------------- */

struct seen {
	struct vmapi_runner *runner;
	int suspend, resume;
};

static int own_read(void *opaque, struct vmapi_access *access)
{
	struct seen *seen = opaque;

	seen->suspend = vmapi_runner_suspend(seen->runner);
	seen->resume = vmapi_runner_resume(seen->runner);
	vmapi_runner_destroy(seen->runner);
	access->value = 7;
	return VMAPI_REGION_DONE;
}

static void on_its_own_thread(struct machine *m)
{
	struct seen seen = { NULL, 0, 99 };
	struct vmapi_region_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_PORT, .base = 0x11, .bytes = 1 };
	struct vmapi_region *region = NULL;
	struct vmapi_exit exit;

	api_load(m, talk_code, sizeof(talk_code));
	EQUAL(vmapi_region_handler(m->vm, &c, own_read, &seen, &region), 0);
	seen.runner = runner_of(m);
	EQUAL(vmapi_runner_resume(seen.runner), 0);
	EQUAL(wait_for(seen.runner, &exit), VMAPI_EXIT_IO);
	EQUAL(vmapi_runner_continue(seen.runner, NULL, 0), 0);
	EQUAL(wait_for(seen.runner, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.port, 0x12);
	EQUAL(*(const uint8_t *)exit.u.io.data, 7);
	EQUAL(seen.suspend, -EDEADLK);
	EQUAL(seen.resume, 0);
	vmapi_runner_destroy(seen.runner);
	vmapi_region_destroy(region);
}

/* No kick of the library's is left behind, none of the application's lost. */
static void the_vcpu_afterwards(struct machine *m)
{
	struct vmapi_runner *runner;
	struct vmapi_exit exit;
	unsigned i;

	for (i = 0; i < 50; i++) {
		api_load(m, spin_code, sizeof(spin_code));
		runner = runner_of(m);
		EQUAL(vmapi_runner_resume(runner), 0);
		usleep(i * 10);
		vmapi_runner_destroy(runner);
		api_load(m, talk_code, sizeof(talk_code));
		EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
		EQUAL(exit.u.io.port, 0x10);
	}
	runner = runner_of(m);
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	vmapi_runner_destroy(runner);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_KICK);
}

/* -- io_uring ----------------------------------------------------------- */

#if VMI_URING

static void check_completion(struct io_uring *ring, int result)
{
	struct __kernel_timespec limit = { .tv_sec = A_LONG_TIME / 1000 };
	struct io_uring_cqe *cqe = NULL;

	EQUAL(io_uring_wait_cqe_timeout(ring, &cqe, &limit), 0);
	if (!cqe)
		return;
	EQUAL((int64_t)cqe->user_data, 0x123456789);
	EQUAL(cqe->res, result);
	io_uring_cqe_seen(ring, cqe);
}

static void exits_in_a_ring(struct machine *m)
{
	struct vmapi_runner_config c = { .size = sizeof(c),
		.flags = VMAPI_RUNNER_RING, .ring_data = 0x123456789 };
	struct vmapi_runner *runner = NULL;
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct io_uring ring;
	int err, before = api_descriptors();

	if (io_uring_queue_init(8, &ring, 0)) {
		api_skip("io_uring is refused here");
		return;
	}
	api_load(m, talk_code, sizeof(talk_code));
	c.ring_fd = -1;
	EQUAL(vmapi_runner_create(m->vcpu, &c, &runner), -EBADF);
	c.ring_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	EQUAL(vmapi_runner_create(m->vcpu, &c, &runner), -EINVAL);
	close(c.ring_fd);
	c.ring_fd = ring.ring_fd;
	err = vmapi_runner_create(m->vcpu, &c, &runner);
	EQUAL(err, 0);
	if (!err) {
		EQUAL(vmapi_runner_resume(runner), 0);
		check_completion(&ring, VMAPI_EXIT_IO);
		EQUAL(vmapi_runner_take(runner, &exit), 0);
		EQUAL(exit.u.io.port, 0x10);
		EQUAL(vmapi_runner_continue(runner, NULL, 0), 0);
		check_completion(&ring, VMAPI_EXIT_IO);
		EQUAL(vmapi_runner_continue(runner, "\1", 1), 0);
		check_completion(&ring, VMAPI_EXIT_IO);
		EQUAL(vmapi_runner_continue(runner, NULL, 0), 0);
		check_completion(&ring, VMAPI_EXIT_HALT);
	}
	vmapi_runner_destroy(runner);
	io_uring_queue_exit(&ring);
	EQUAL(api_descriptors(), before);
}

#else

static void exits_in_a_ring(struct machine *m)
{
	struct vmapi_runner_config c = { .size = sizeof(c),
		.flags = VMAPI_RUNNER_RING };
	struct vmapi_runner *runner = NULL;

	EQUAL(vmapi_runner_create(m->vcpu, &c, &runner), -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "liburing"));
	CHECK(!runner);
}

#endif

int main(void)
{
	static const struct api_case cases[] = {
		{ "arguments", arguments },
		{ "exits come by descriptor", exits_come_by_descriptor },
		{ "two reasons to stand still", two_reasons },
		{ "suspended while it spins", suspend_while_it_spins },
		{ "no kick is lost", no_kick_is_lost },
		{ "a kick by descriptor", kick_by_descriptor },
		{ "failures", failures },
		{ "two vcpus", two_vcpus },
		{ "on its own thread", on_its_own_thread },
		{ "the vcpu afterwards", the_vcpu_afterwards },
		{ "exits in a ring", exits_in_a_ring },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
