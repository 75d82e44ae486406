/* SPDX-License-Identifier: MIT */
/* The machine: everything that vmapi-boot makes of the library and itself. */
#ifndef BOOT_MACHINE_H
#define BOOT_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "acpi.h"
#include "board.h"
#include "device.h"
#include "disk.h"
#include "fwcfg.h"
#include "input.h"
#include "load.h"
#include "net.h"
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

/* The host bridge's register, and the ports that ask for SMM. */
struct smram {
	uint8_t control;
	uint8_t apm[2];
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
	struct vmapi_as *smm_as; /* NULL: the processors have no SMM */
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
	struct disk disk;
	struct net net;
	struct device devices[VIRTIO_SLOTS];
	struct ports ports;
	struct fwcfg fwcfg;
	struct acpi acpi;
	struct shadow shadow;
	struct smram smram;

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

/* A RAM object of the context: 0 or a status. */
int machine_ram(struct machine *machine, const char *name, uint64_t bytes,
	enum vmapi_ram_kind kind, struct vmapi_ram **ram);

/*
 * Power on: chips and processors reset, the kernel in memory, the boot
 * processor about to enter it.  No vcpu is running.  0 or a status.
 */
int machine_start(struct machine *machine);

/* chips.c */
int chips_create(struct machine *machine);
void chips_destroy(struct machine *machine);
int chips_firmware_files(struct machine *machine);

/* hypercalls.c: before the processors; an answer is 0 or -errno. */
int hypercalls_create(struct machine *machine);
int hypercalls_answer(struct machine *machine,
	const struct vmapi_exit_hypercall *call, uint64_t *result);

/* shadow.c */
int shadow_create(struct machine *machine);
int shadow_map(struct machine *machine, struct vmapi_map *map,
	struct vmapi_as *as);
int shadow_reset(struct machine *machine);
void shadow_pam(void *opaque, const uint8_t *pam);

/* smram.c */
int smram_create(struct machine *machine);
int smram_attach(struct machine *machine);
int smram_map(struct machine *machine, struct vmapi_map *map,
	struct vmapi_as *as);
int smram_reset(struct machine *machine);
void smram_control(void *opaque, uint8_t value);

/* save.c: to --save's file, and from --restore's.  No vcpu is running. */
int machine_save(struct machine *machine);
int machine_restore(struct machine *machine);

/* firmware.c: what firmware would have done, when there is none. */
int firmware_run(struct machine *machine);
int firmware_enter(struct machine *machine, const struct start *start);

/* run.c: 0 or the status to leave with; a negative signal number. */
int machine_run(struct machine *machine);
/* Something is beyond help: end it.  Any thread. */
void machine_give_up(void *machine);
void machine_stats(const struct machine *machine);

/* budget.c */
void budget_init(struct budget *budget, uint64_t instructions);
int budget_run(struct cpu *cpu, struct vmapi_exit *exit);

/* death.c: say on standard error what the vcpu was doing. */
void death_dump(struct cpu *cpu, const struct vmapi_exit *exit,
	const char *why);

#endif
