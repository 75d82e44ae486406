/* SPDX-License-Identifier: MIT */
/* The machine: everything that vmapi-boot makes of the library and itself. */
#ifndef BOOT_MACHINE_H
#define BOOT_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "acpi.h"
#include "board.h"
#include "fwcfg.h"
#include "input.h"
#include "load.h"
#include "options.h"
#include "pci.h"
#include "ports.h"
#include "uart.h"

#define REASONS 32 /* exit reasons counted; the last is "other" */

/* The ROM and the RAM behind it below 1 MiB. */
struct shadow {
	struct vmapi_ram *rom; /* NULL: no firmware */
	uint64_t rom_size;
	uint8_t pam[PAM_BYTES];
};

struct cpu {
	struct machine *machine;
	struct vmapi_vcpu *vcpu;
	unsigned index;
	pthread_t thread;
	bool started;
	uint64_t retired;
	uint64_t exits[REASONS];
	double seconds; /* of processor time, when its thread ended */
};

/* Instructions that --max-instructions leaves: run.c, "The budget". */
struct budget {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t left;	   /* not handed out */
	uint64_t out;	   /* handed out, not yet returned */
};

/* What the threads tell each other: run.c, "Stopping". */
struct control {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool stop;      /* vcpu threads shall park */
	unsigned parked;
	unsigned round;	       /* counts the stops that are over */
	bool ending;	       /* or shall end */
	enum action action;    /* the first that was asked for */
	int status;
	int pipe[2];	       /* wakes the main thread */
};

struct machine {
	const struct options *options;
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_ram *ram;
	struct vmapi_ram *test_ram;
	struct vmapi_device *rtc;
	struct vmapi_device *hpet;
	struct vmapi_device *pm;
	struct vmapi_irq *uart_irq;
	struct cpu *cpus;
	unsigned n_cpus;

	struct memory memory;
	struct board board;
	struct uart uart;
	struct input input;
	struct pci pci;
	struct ports ports;
	struct fwcfg fwcfg;
	struct acpi acpi;
	struct shadow shadow;

	struct image kernel;
	struct image initrd;
	struct image bios;

	struct budget budget;
	struct control control;
};

/* Say that a call of the library failed, with its own words. */
int complain(const char *what);

/* machine.c: make it all, take it apart.  0 or a status to leave with. */
int machine_create(struct machine *machine, const struct options *options);
void machine_destroy(struct machine *machine);

/*
 * Power on: chips and processors reset, the kernel in memory, the boot
 * processor about to enter it.  No vcpu is running.  0 or a status.
 */
int machine_start(struct machine *machine);

/* chips.c */
int chips_create(struct machine *machine);
void chips_destroy(struct machine *machine);
int chips_firmware_files(struct machine *machine);

/* shadow.c */
int shadow_create(struct machine *machine);
int shadow_map(struct machine *machine, struct vmapi_map *map);
int shadow_reset(struct machine *machine);
void shadow_pam(void *opaque, const uint8_t *pam);

/* firmware.c: what firmware would have done, when there is none. */
int firmware_run(struct machine *machine);
int firmware_enter(struct machine *machine, const struct start *start);

/* run.c: 0 or the status to leave with; a negative signal number. */
int machine_run(struct machine *machine);
void machine_stats(const struct machine *machine);

/* budget.c */
void budget_init(struct budget *budget, uint64_t instructions);
int budget_run(struct cpu *cpu, struct vmapi_exit *exit);

/* death.c: say on standard error what the vcpu was doing. */
void death_dump(struct cpu *cpu, const struct vmapi_exit *exit,
	const char *why);

#endif
