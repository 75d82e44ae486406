/* SPDX-License-Identifier: MIT */
/* Eventfds that interrupt, writes that signal eventfds. */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/api/api.h"

/* What an eventfd counted since the last look. */
static uint64_t count(int fd)
{
	uint64_t n = 0;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return 0;
	/*
	 * qemu-user turns round the bytes of an eventfd for a guest of the
	 * other byte order, and forgets to for a duplicate of it.
	 */
	return n >> 56 ? n >> 56 : n;
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static void signal_fd(int fd)
{
	const uint64_t one = 1;

	CHECK(write(fd, &one, sizeof(one)) == sizeof(one));
}

/* Until the port's exit. */
static void run_to_port(struct machine *m, unsigned port)
{
	struct vmapi_exit exit;

	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, port);
}

/* -- ioeventfds --------------------------------------------------------- */

static int ring_at(struct machine *m, int fd,
	const struct vmapi_ioeventfd_config *like,
	struct vmapi_ioeventfd **io)
{
	struct vmapi_ioeventfd_config c = *like;

	c.size = sizeof(c);
	c.fd = fd;
	return vmapi_ioeventfd_create(m->vm, &c, io);
}

static void ioeventfd_refusals(struct machine *m)
{
	struct vmapi_ioeventfd_config c = { .size = sizeof(c), .bytes = 2 };
	struct vmapi_ioeventfd *io = NULL, *other;
	int fd = new_eventfd(), pipes[2];

	c.space = VMAPI_SPACE_PORT;
	c.address = 0x300;
	EQUAL(vmapi_ioeventfd_create(NULL, &c, &io), -EINVAL);
	EQUAL(vmapi_ioeventfd_create(m->vm, NULL, &io), -EINVAL);
	EQUAL(vmapi_ioeventfd_create(m->vm, &c, NULL), -EINVAL);
	EQUAL(ring_at(m, -1, &c, &io), -EBADF);
	CHECK(pipe(pipes) == 0);
	EQUAL(ring_at(m, pipes[0], &c, &io), -EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	c.bytes = 3;
	EQUAL(ring_at(m, fd, &c, &io), -EINVAL);
	c.bytes = 0;
	c.flags = VMAPI_IOEVENTFD_MATCH;
	EQUAL(ring_at(m, fd, &c, &io), -EINVAL);
	c.bytes = 1;
	c.match = 0x100;
	EQUAL(ring_at(m, fd, &c, &io), -EINVAL);
	c.flags = 1u << 9;
	EQUAL(ring_at(m, fd, &c, &io), -EINVAL);
	c.flags = 0;
	c.space = 9;
	EQUAL(ring_at(m, fd, &c, &io), -EINVAL);
	c.space = VMAPI_SPACE_PORT;
	c.address = 0xffff;
	c.bytes = 2;
	EQUAL(ring_at(m, fd, &c, &io), -EINVAL);
	c.space = VMAPI_SPACE_MEMORY;
	c.address = 0x2000;
	EQUAL(ring_at(m, fd, &c, &io), -EEXIST); /* RAM */
	c.address = API_RAM;
	EQUAL(ring_at(m, fd, &c, &io), 0);
	EQUAL(ring_at(m, fd, &c, &other), -EEXIST);
	c.bytes = 0;
	EQUAL(ring_at(m, fd, &c, &other), -EEXIST);
	EQUAL(api_map(m, API_RAM, API_PAGE, 0), -EEXIST);
	vmapi_ioeventfd_destroy(io);
	EQUAL(api_map(m, API_RAM, API_PAGE, 0), 0);
	vmapi_ioeventfd_destroy(NULL);
	close(fd);
}

static void port_doorbells(struct machine *m)
{
	/*
	 * mov dx,0x300; mov ax,0x1234; out dx,ax; out dx,al; inc ax;
	 * out dx,ax; in al,dx; out 0x99,al.
	 */
	static const uint8_t code[] = { 0xba, 0x00, 0x03, 0xb8, 0x34, 0x12,
		0xef, 0xee, 0x40, 0xef, 0xec, 0xe6, 0x99 };
	struct vmapi_ioeventfd_config c = { .space = VMAPI_SPACE_PORT,
		.address = 0x300,
		.bytes = 2,
		.flags = VMAPI_IOEVENTFD_MATCH,
		.match = 0x1234 };
	int match = new_eventfd(), narrow = new_eventfd();
	struct vmapi_ioeventfd *first, *second;
	struct vmapi_exit exit;

	EQUAL(ring_at(m, match, &c, &first), 0);
	c.flags = 0;
	c.match = 0;
	c.bytes = 1;
	EQUAL(ring_at(m, narrow, &c, &second), 0);
	api_load(m, code, sizeof(code));
	/* The word and the byte ring; the word that differs is an exit. */
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.is_write, 1);
	EQUAL((int64_t)exit.u.io.port, 0x300);
	EQUAL(exit.u.io.width, 2);
	EQUAL((int64_t)count(match), 1);
	EQUAL((int64_t)count(narrow), 1);
	/* A read is nobody's. */
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.is_write, 0);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "x", 1), 0);
	run_to_port(m, 0x99);
	vmapi_ioeventfd_destroy(first);
	vmapi_ioeventfd_destroy(second);
	api_load(m, code, sizeof(code));
	run_to_port(m, 0x300);
	EQUAL((int64_t)count(match), 0);
	close(match);
	close(narrow);
}

static void memory_doorbells(struct machine *m)
{
	/*
	 * mov ax,0xffff; mov ds,ax; mov [0x10],al; mov [0x10],ax;
	 * mov [0x12],eax; mov [0x14],al; out 0x99,al; mov [0x13],al.
	 */
	static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xa2,
		0x10, 0x00, 0xa3, 0x10, 0x00, 0x66, 0xa3, 0x12, 0x00, 0xa2,
		0x14, 0x00, 0xe6, 0x99, 0xa2, 0x13, 0x00 };
	struct vmapi_ioeventfd_config c = { .address = API_RAM };
	int any = new_eventfd(), four = new_eventfd();
	struct vmapi_ioeventfd *first, *second;
	struct vmapi_exit exit;

	EQUAL(ring_at(m, any, &c, &first), 0);
	c.address = API_RAM + 2;
	c.bytes = 4;
	EQUAL(ring_at(m, four, &c, &second), 0);
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL((int64_t)exit.u.mmio.gpa, API_RAM + 4);
	EQUAL((int64_t)count(any), 2);
	EQUAL((int64_t)count(four), 1);
	run_to_port(m, 0x99);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL((int64_t)exit.u.mmio.gpa, API_RAM + 3);
	EQUAL((int64_t)count(four), 0);
	vmapi_ioeventfd_destroy(second);
	vmapi_ioeventfd_destroy(first);
	close(any);
	close(four);
}

/* One that blocks, and is full: the guest goes on all the same. */
static void full_doorbell(struct machine *m)
{
	/* mov dx,0x300; out dx,al; out dx,al; out 0x99,al. */
	static const uint8_t code[] = { 0xba, 0x00, 0x03, 0xee, 0xee, 0xe6,
		0x99 };
	struct vmapi_ioeventfd_config c = { .space = VMAPI_SPACE_PORT,
		.address = 0x300 };
	const uint64_t full = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_CLOEXEC);
	struct vmapi_ioeventfd *io;

	CHECK(write(fd, &full, sizeof(full)) == sizeof(full));
	EQUAL(ring_at(m, fd, &c, &io), 0);
	api_load(m, code, sizeof(code));
	run_to_port(m, 0x99);
	vmapi_ioeventfd_destroy(io);
	close(fd);
}

/* -- irqfds ------------------------------------------------------------- */

/* A VM with all controllers; false: there is none. */
static bool with_controllers(struct machine *m, struct machine *full)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.irqchip = VMAPI_IRQCHIP_FULL };

	full->backend = m->backend;
	if (!(api_cap(m, VMAPI_CAP_IRQCHIPS) & 1 << VMAPI_IRQCHIP_FULL)) {
		api_skip("no VMAPI_IRQCHIP_FULL");
		return false;
	}
	api_machine(full, &c);
	return true;
}

static void irqfd_refusals(struct machine *m)
{
	struct vmapi_irq_config line = { .size = sizeof(line), .pin = 5 };
	struct vmapi_irqfd_config c = { .size = sizeof(c) };
	struct vmapi_irqfd *irqfd = NULL;
	struct machine full;

	if (!with_controllers(m, &full))
		return;
	c.fd = new_eventfd();
	EQUAL(vmapi_irqfd_create(full.vm, &c, &irqfd), -EINVAL);
	EQUAL(vmapi_irq_create(full.vm, &line, &c.irq), 0);
	EQUAL(vmapi_irqfd_create(m->vm, &c, &irqfd), -EINVAL);
	EQUAL(vmapi_irqfd_create(NULL, &c, &irqfd), -EINVAL);
	EQUAL(vmapi_irqfd_create(full.vm, NULL, &irqfd), -EINVAL);
	EQUAL(vmapi_irqfd_create(full.vm, &c, NULL), -EINVAL);
	c.flags = VMAPI_IRQFD_RESAMPLE;
	c.resample_fd = -1;
	EQUAL(vmapi_irqfd_create(full.vm, &c, &irqfd), -EBADF);
	c.flags = 1u << 7;
	EQUAL(vmapi_irqfd_create(full.vm, &c, &irqfd), -EINVAL);
	close(c.fd);
	c.flags = 0;
	c.fd = -1;
	EQUAL(vmapi_irqfd_create(full.vm, &c, &irqfd), -EBADF);
	CHECK(!irqfd);
	vmapi_irqfd_destroy(NULL);
	vmapi_irq_destroy(c.irq);
	api_machine_free(&full);
}

/*
 * The PIC: vectors from 0x20, line 5 open and by level; then out 0x42,al
 * with interrupts on, and hlt for ever.
 */
static const uint8_t pic_guest[] = { 0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6,
	0x21, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21, 0xb0, 0xdf,
	0xe6, 0x21, 0xba, 0xd0, 0x04, 0xb0, 0x20, 0xee, 0xfb, 0xe6, 0x42,
	0xf4, 0xeb, 0xfd };
/* out 0x43,al; mov al,0x20; out 0x20,al; out 0x44,al; iret. */
static const uint8_t pic_handler[] = { 0xe6, 0x43, 0xb0, 0x20, 0xe6, 0x20,
	0xe6, 0x44, 0xcf };

static void load_pic_guest(struct machine *m)
{
	static const uint8_t vector[] = { 0x00, 0x18, 0x00, 0x00 };

	api_load(m, pic_guest, sizeof(pic_guest));
	EQUAL(vmapi_as_write(m->as, 0x1800, pic_handler, sizeof(pic_handler)),
		0);
	EQUAL(vmapi_as_write(m->as, 4 * 0x25, vector, sizeof(vector)), 0);
	run_to_port(m, 0x42);
}

static void *signal_later(void *opaque)
{
	(void)poll(NULL, 0, 20);
	signal_fd(*(int *)opaque);
	return NULL;
}

/* Signalled while the guest spins. */
static void irqfd_running(struct machine *m)
{
	struct vmapi_irq_config line = { .size = sizeof(line), .pin = 5 };
	struct vmapi_irqfd_config c = { .size = sizeof(c) };
	struct vmapi_irqfd *irqfd;
	struct machine full;
	pthread_t thread;
	unsigned turn;

	if (!with_controllers(m, &full))
		return;
	load_pic_guest(&full);
	EQUAL(vmapi_as_write(full.as, API_CODE + 24, "\0", 1), 0);
	EQUAL(vmapi_as_write(full.as, API_CODE + 29, "\xeb\xfe", 2), 0);
	api_real_mode(full.vcpu, API_CODE);
	run_to_port(&full, 0x42);
	c.fd = new_eventfd();
	EQUAL(vmapi_irq_create(full.vm, &line, &c.irq), 0);
	EQUAL(vmapi_irqfd_create(full.vm, &c, &irqfd), 0);
	for (turn = 0; turn < 3; turn++) {
		pthread_create(&thread, NULL, signal_later, &c.fd);
		run_to_port(&full, 0x43);
		pthread_join(thread, NULL);
		run_to_port(&full, 0x44);
	}
	vmapi_irqfd_destroy(irqfd);
	vmapi_irq_destroy(c.irq);
	api_machine_free(&full);
	close(c.fd);
}

/* Signalled while the guest is halted, and before it runs. */
static void irqfd_edge(struct machine *m)
{
	struct vmapi_irq_config line = { .size = sizeof(line), .pin = 5 };
	struct vmapi_irqfd_config c = { .size = sizeof(c) };
	struct vmapi_irqfd *irqfd;
	struct machine full;
	pthread_t thread;
	int fd;

	if (!with_controllers(m, &full))
		return;
	load_pic_guest(&full);
	c.fd = fd = new_eventfd();
	EQUAL(vmapi_irq_create(full.vm, &line, &c.irq), 0);
	/* By level a pulse would be gone at once: an edge for this one. */
	EQUAL(vmapi_irq_set(c.irq, 1, NULL), 0);
	run_to_port(&full, 0x43);
	EQUAL(vmapi_irq_set(c.irq, 0, NULL), 0);
	run_to_port(&full, 0x44);
	EQUAL(vmapi_irqfd_create(full.vm, &c, &irqfd), 0);
	vmapi_irq_destroy(c.irq); /* the irqfd has a reference */
	vmapi_irqfd_destroy(irqfd);
	api_machine_free(&full);

	/* The same with the line as an edge: without the ELCR. */
	if (!with_controllers(m, &full))
		return;
	load_pic_guest(&full);
	EQUAL(vmapi_as_write(full.as, API_CODE + 24, "\0", 1), 0);
	api_real_mode(full.vcpu, API_CODE);
	run_to_port(&full, 0x42);
	EQUAL(vmapi_irq_create(full.vm, &line, &c.irq), 0);
	EQUAL(vmapi_irqfd_create(full.vm, &c, &irqfd), 0);
	pthread_create(&thread, NULL, signal_later, &fd);
	run_to_port(&full, 0x43);
	pthread_join(thread, NULL);
	run_to_port(&full, 0x44);
	signal_fd(fd);
	run_to_port(&full, 0x43);
	run_to_port(&full, 0x44);
	EQUAL((int64_t)count(fd), 0);
	vmapi_irqfd_destroy(irqfd);
	vmapi_irq_destroy(c.irq);
	api_machine_free(&full);
	close(fd);
}

static void irqfd_resample(struct machine *m)
{
	struct vmapi_irq_config line = { .size = sizeof(line), .pin = 5 };
	struct vmapi_irqfd_config c = { .size = sizeof(c),
		.flags = VMAPI_IRQFD_RESAMPLE };
	struct vmapi_irqfd *irqfd;
	struct machine full;

	if (!with_controllers(m, &full))
		return;
	load_pic_guest(&full);
	c.fd = new_eventfd();
	c.resample_fd = new_eventfd();
	EQUAL(vmapi_irq_create(full.vm, &line, &c.irq), 0);
	EQUAL(vmapi_irqfd_create(full.vm, &c, &irqfd), 0);
	signal_fd(c.fd);
	run_to_port(&full, 0x43);
	EQUAL((int64_t)count(c.resample_fd), 0);
	/* The EOI lets go of the line and asks. */
	run_to_port(&full, 0x44);
	EQUAL((int64_t)count(c.resample_fd), 1);
	/* Once more: it is answered once more, and then no more. */
	signal_fd(c.fd);
	run_to_port(&full, 0x43);
	run_to_port(&full, 0x44);
	EQUAL((int64_t)count(c.resample_fd), 1);
	EQUAL(vmapi_vcpu_kick(full.vcpu), 0);
	{
		struct vmapi_exit exit;

		EQUAL(api_run(&full, &exit), VMAPI_EXIT_KICK);
	}
	vmapi_irqfd_destroy(irqfd);
	vmapi_irq_destroy(c.irq);
	api_machine_free(&full);
	close(c.fd);
	close(c.resample_fd);
}

int main(void)
{
	static const struct api_case paged[] = {
		{ "ioeventfd refusals", ioeventfd_refusals },
	};
	static const struct api_case guests[] = {
		{ "port doorbells", port_doorbells },
		{ "memory doorbells", memory_doorbells },
		{ "full doorbell", full_doorbell },
		{ "irqfd refusals", irqfd_refusals },
		{ "irqfd edge", irqfd_edge },
		{ "irqfd of a running guest", irqfd_running },
		{ "irqfd resample", irqfd_resample },
	};
	static const struct api_set sets[] = {
		{ API_PAGES, paged, sizeof(paged) / sizeof(paged[0]) },
		{ API_GUEST, guests, sizeof(guests) / sizeof(guests[0]) },
	};

	return api_main_sets(sets, sizeof(sets) / sizeof(sets[0]));
}
