/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef BOOT_OPTIONS_H
#define BOOT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How the process ends.  A guest's own status, (value << 1) | 1, is odd, so
 * ours are even.
 */
enum status {
	STATUS_OFF = 0,	    /* power-off; or the user left with Ctrl-A x */
	STATUS_USAGE = 2,   /* the command line */
	STATUS_LOAD = 4,    /* a file cannot be read or loaded */
	STATUS_MACHINE = 6, /* the backend refused something */
	STATUS_DIED = 8,    /* the guest cannot go on: there is a dump */
	STATUS_RESET = 10,  /* reset with --no-reboot: there is a dump */
	STATUS_LIMIT = 12   /* --max-instructions */
};

#define CPUS_MAX 255

/* In the place of a command line: our own, of server.c. */
#define SERVE_DISK "--serve-disk"
#define SERVE_NET  "--serve-net"

struct options {
	const char *backend; /* NULL: the library's choice */
	const char *cpu; /* NULL: host */
	unsigned cpus;
	uint64_t mem;	     /* bytes */
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *bios;
	const char *disk;    /* NULL: none */
	bool device_process; /* each is one of its own */
	const char *net;     /* NULL: none */
	const char *save;    /* NULL: nowhere */
	const char *restore; /* NULL: power on */
	uint64_t max_instructions; /* 0: none */
	bool deterministic;
	bool no_reboot;
	bool stats;
	unsigned trace;	     /* VMAPI_TRACE_ bits */
	bool trace_post;
};

/* -1: go on; else the status to leave with at once. */
int options_parse(struct options *options, int argc, char **argv);

#endif
