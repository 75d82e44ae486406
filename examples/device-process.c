/* SPDX-License-Identifier: MIT */
/*
 * A device in a process of its own.
 *
 * The child is the device: vmapi_serve() calls a function for each access
 * that the guest makes to the region, and sends the answers. It knows nothing
 * of VMs, and has nothing of the monitor but a socket: whatever happens to
 * it, the monitor lives. Here it dies in the middle, and the monitor starts
 * another one and lets the guest's access be tried again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmapi/vmapi.h>

#define PORT 0x300

static const unsigned char code[] = {
	0xba, 0x00, 0x03, /* mov dx, PORT */
	0xed,		  /* in ax, dx */
	0x01, 0xc3,	  /* add bx, ax */
	0xed,		  /* in ax, dx */
	0x01, 0xc3,	  /* add bx, ax */
	0xf4,		  /* hlt */
};

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", vmapi_error_last()->operation,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

/* -- The device --------------------------------------------------------- */

/* Its second read is its end. */
static void answer(void *opaque, uint64_t user_data,
	struct vmapi_access *access)
{
	static int reads;

	(void)opaque;
	if (++reads == 2)
		abort();
	if (!access->is_write)
		access->value = user_data;
}

/* The monitor's end of the socket. */
static int start_device(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		exit(EXIT_FAILURE);
	switch (fork()) {
	case -1:
		exit(EXIT_FAILURE);
	case 0:
		close(fds[0]);
		_exit(vmapi_serve(fds[1], -1, answer, NULL) ? 1 : 0);
	}
	close(fds[1]);
	return fds[0];
}

/* -- The monitor -------------------------------------------------------- */

static void start_at(struct vmapi_vcpu *vcpu, uint64_t rip)
{
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_RIP, .value = rip },
		{ .tag = VMAPI_X86_RBX },
	};

	must(vmapi_regs_set(vcpu, regs, 3, NULL, 0));
}

static void run(struct vmapi_vcpu *vcpu, struct vmapi_channel *channel)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_reg sum = { .tag = VMAPI_X86_RBX };
	int fd;

	must(vmapi_vcpu_run(vcpu, &exit));
	while (exit.reason == VMAPI_EXIT_REGION) {
		printf("%s does not answer: error %d; another one\n",
			exit.u.region.region, (int)exit.u.region.error);
		fd = start_device();
		must(vmapi_channel_connect(channel, fd, -1));
		close(fd);
		must(vmapi_vcpu_complete(vcpu, NULL, 0));
		must(vmapi_vcpu_run(vcpu, &exit));
	}
	must(vmapi_regs_get(vcpu, &sum, 1, NULL, 0));
	printf("%s; the sum is %" PRIu64 "\n", vmapi_exit_name(exit.reason),
		sum.value);
}

int main(void)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = 0x10000 };
	struct vmapi_map_entry entry = { .size = sizeof(entry),
		.bytes = 0x10000 };
	struct vmapi_channel_config wire = { .size = sizeof(wire),
		.control_fd = -1 };
	struct vmapi_region_config range = { .size = sizeof(range),
		.space = VMAPI_SPACE_PORT, .base = PORT, .bytes = 4,
		.name = "the device" };
	struct vmapi_channel *channel;
	struct vmapi_region *region;
	struct vmapi_vcpu *vcpu;
	struct vmapi_map *map;
	struct vmapi_as *as;
	struct vmapi_vm *vm;
	struct vmapi *ctx;

	wire.fd = start_device();
	must(vmapi_open(NULL, 0, &ctx));
	must(vmapi_vm_create(ctx, NULL, &vm));
	must(vmapi_ram_create(ctx, &c, &entry.ram));
	must(vmapi_vm_as(vm, &as));
	must(vmapi_map_begin(vm, &map));
	must(vmapi_map_add(map, as, &entry));
	must(vmapi_map_commit(map));
	must(vmapi_as_write(as, 0x1000, code, sizeof(code)));
	must(vmapi_channel_create(vm, &wire, &channel));
	close(wire.fd);
	must(vmapi_region_channel(vm, &range, channel, 21, &region));
	must(vmapi_vcpu_create(vm, NULL, &vcpu));
	start_at(vcpu, 0x1000);
	run(vcpu, channel);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	vmapi_vcpu_destroy(vcpu);
	vmapi_ram_destroy(entry.ram);
	vmapi_as_destroy(as);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	return wait(NULL) > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
