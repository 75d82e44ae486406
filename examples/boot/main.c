/* SPDX-License-Identifier: MIT */
/* vmapi-boot: boots kernels and firmware on a small PC of its own. */
/*
 * An example to build a VMM from.  In the order in which to read it:
 *
 *	options.c	the command line
 *	machine.c	context, VM, memory map, processors, devices
 *	run.c		threads, exits, keys, stopping and resetting;
 *			terminal.c, input.c, budget.c
 *	board.c		who answers which access; ports.c, uart.c, pci.c,
 *			fwcfg.c, shadow.c: those who do
 *	save.c		the machine to a file and back
 *	device.c	the devices that are threads, or processes; slot.c:
 *			where they are in the machine; process.c, server.c:
 *			--device-process from either side
 *	virtio.c	one of them, and ring.c its queues; disk.c, net.c: two
 *			kinds; tap.c, user.c: where the network's cable leads
 *	chips.c		the library's chips, and what firmware is told
 *	hypercalls.c	KVM's calls, where nobody else answers them
 *	load.c		which kind of kernel; linux.c, multiboot.c, pvh.c,
 *			elf.c; memory.c and image.c keep them within bounds
 *	firmware.c	what a kernel expects firmware to have done
 *	acpi.c, aml.c	tables
 *	death.c		the dump when a guest dies
 *
 * It uses the public interface only.
 */
#include "machine.h"

#include <signal.h>
#include <string.h>

/* Died of a signal: so that whoever started us sees it. */
static int end(int status)
{
	sigset_t set;

	if (status >= 0)
		return status;
	signal(-status, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, -status);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(-status);
	return STATUS_MACHINE;
}

static int take_disk(void *opaque, const struct handover *handover, int file)
{
	return disk_take(opaque, file, handover->is_read_only);
}

static int take_net(void *opaque, const struct handover *handover, int file)
{
	return net_take(opaque, handover->what, file);
}

/* What our program is instead of a monitor: -1, or a status. */
static int serve(const char *what)
{
	static struct disk disk;
	static struct net net;
	const struct server_kind disks = { take_disk, &disk, &disk.virtio };
	const struct server_kind nets = { take_net, &net, &net.virtio };

	if (strcmp(what, SERVE_DISK) == 0)
		return server_run(&disks);
	return strcmp(what, SERVE_NET) == 0 ? server_run(&nets) : -1;
}

int main(int argc, char **argv)
{
	static struct machine machine;
	struct options options;
	int status;

	status = argc == 2 ? serve(argv[1]) : -1;
	if (status >= 0)
		return status;
	status = options_parse(&options, argc, argv);
	if (status >= 0)
		return status;
	status = machine_create(&machine, &options);
	if (status == 0)
		status = machine_run(&machine);
	if (options.stats && machine.n_cpus > 0)
		machine_stats(&machine);
	machine_destroy(&machine);
	return end(status);
}
