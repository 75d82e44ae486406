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
 *	chips.c		the library's chips, and what firmware is told
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

int main(int argc, char **argv)
{
	static struct machine machine;
	struct options options;
	int status;

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
