/* SPDX-License-Identifier: MIT */
/* A virtio device in a process of its own, which may die at any time. */
#ifndef BOOT_PROCESS_H
#define BOOT_PROCESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <vmapi/vmapi.h>

#include "slot.h"

/* What a process gets over its standard input, a socket: this and these. */
struct handover {
	uint64_t ram_bytes; /* memory.h says what of it is where */
	uint32_t is_read_only;
	uint32_t tells; /* it says what it wrote */
	char what[32];	/* of the device's kind: the cable */
};

enum handover_fd {
	FD_CHANNEL, /* of the registers */
	FD_HELLO,   /* its control socket */
	FD_RAM,
	FD_STATE,   /* struct virtio_state */
	FD_IRQ,
	FD_KICK,    /* of the first queue, and so on */
	FD_FILE = FD_KICK + VIRTIO_QUEUES, /* the last, and not of all kinds */
	N_FDS
};

/*
 * Then it says what it wrote, one message of struct virtio_range after the
 * other, and waits for a byte each time before it tells the guest.
 */

/* How a process is started; for as long as there is one. */
struct process_config {
	const char *name;     /* of the device, for people */
	const char *argument; /* of our own program: it shall be a process */
	struct vmapi_vm *vm;
	struct vmapi_ram *ram;	 /* VMAPI_RAM_MEMFD */
	struct vmapi_ram *state; /* the same: struct virtio_state */
	struct slot *slot;	 /* open, not attached */
	const char *what;	 /* NULL: nothing */
	int file;		 /* -1: none */
	bool is_read_only;
	bool tells; /* vmapi_ram_written() is of use */
	void (*failed)(void *opaque); /* no process will do */
	void *opaque;
};

struct process {
	struct process_config config;
	struct handover handover;
	struct virtio_state *state;
	struct vmapi_channel *channel; /* the watcher's */
	bool is_attached;
	pthread_t watcher;
	bool has_watcher;

	pthread_mutex_t lock; /* of the rest */
	pthread_cond_t changed;
	enum { HELD, WANTED, UNWANTED } wish;
	enum { NONE, STARTING, UP, FAILED } is;
	pid_t pid;	/* 0: none */
	unsigned n_bad; /* that did nothing, one after the other */
};

void process_init(struct process *p);
/* 0, or -1 with errno.  There is no process before process_release(). */
int process_create(struct process *p, const struct process_config *config);
/* Also one that was not created. */
void process_destroy(struct process *p);

/*
 * From here to process_release() there is no process, and what is in the
 * state and in guest RAM is all that there is of the device.
 */
void process_hold(struct process *p);
/* It goes on from there.  0, or -1: it cannot, and never will. */
int process_release(struct process *p);
/* An access had no answer: wait for another process, or a little while. */
void process_wait(struct process *p);

/*
 * One process, without watching it, and our ends of its sockets: 0, or -1 with
 * errno.  And its end: at once, whatever it does.
 */
struct process_ends {
	pid_t pid;
	int talk;    /* what it wrote */
	int channel, hello;
};

int process_start(const struct process_config *config,
	const struct handover *handover, struct process_ends *ends);
void process_close(struct process_ends *ends);

/* server.c: what our program does when it is such a process. */
struct server_kind {
	/* Prepare the device with the file, if any: 0, or -1 with errno. */
	int (*open)(void *opaque, const struct handover *handover, int file);
	void *opaque;
	struct virtio *virtio;
};

int server_run(const struct server_kind *kind);

#endif
