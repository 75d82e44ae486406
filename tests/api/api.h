/* SPDX-License-Identifier: MIT */
/* The conformance suite's runner: each case on each backend that is there. */
#ifndef TESTS_API_API_H
#define TESTS_API_API_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmapi/vmapi.h>

#include "tests/api/present.h"

#define API_PAGE 0x1000u
#define API_CODE 0x1000u   /* where guest code goes */
#define API_RAM	 0x100000u /* bytes of RAM at gpa 0 */

/* A VM with RAM at 0 and a vcpu in real mode. */
struct machine {
	const char *backend;
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_ram *ram;
	struct vmapi_vcpu *vcpu;
};

struct api_case {
	const char *name;
	void (*run)(struct machine *m);
};

/* What cases need. */
enum api_needs {
	API_GUEST,    /* code of x86 */
	API_NO_GUEST, /* nothing: any backend will do, a recording kernel too */
	API_PAGES     /* nothing but map entries as short as a page */
};

struct api_set {
	enum api_needs needs;
	const struct api_case *cases;
	size_t n;
};

/*
 * Run the cases, with a fresh machine each, on every backend whose guests are
 * of x86, and on every backend: exit status. $VMI_BACKEND, if set, names the
 * only one.
 */
int api_main(const struct api_case *cases, size_t n);
int api_main_any(const struct api_case *cases, size_t n);
/* Sets of cases, each on the backends that have what it needs. */
int api_main_sets(const struct api_set *sets, size_t n);

/* Report and count a failure; the case goes on. */
void api_check(bool good, const char *what, const char *where, int line);
void api_equal(int64_t is, int64_t shall, const char *where, int line);
/* How many failures there were so far. */
unsigned api_failures(void);
/* Report why the case in progress proves nothing on this backend. */
void api_skip(const char *why);
/* The case cannot go on, nor can those behind it. */
_Noreturn void api_give_up(void);

#define CHECK(cond)	 api_check(cond, #cond, __FILE__, __LINE__)
#define EQUAL(is, shall) api_equal(is, shall, __FILE__, __LINE__)

/* Fill in m, whose backend is set. */
void api_machine(struct machine *m, const struct vmapi_vm_config *config);
void api_machine_free(struct machine *m);

/* Put code at API_CODE and let the vcpu start there, in real mode. */
void api_load(struct machine *m, const void *code, size_t bytes);
void api_real_mode(struct vmapi_vcpu *vcpu, uint64_t rip);
/* 32 bits, all segments flat, no paging, interrupts off. */
void api_flat(struct vmapi_vcpu *vcpu, uint64_t rip);

uint64_t api_get(struct vmapi_vcpu *vcpu, uint64_t tag);
void api_set(struct vmapi_vcpu *vcpu, uint64_t tag, uint64_t value);
int64_t api_cap(struct machine *m, unsigned id);

/* Run to the next exit; its reason, and *exit. */
unsigned api_run(struct machine *m, struct vmapi_exit *exit);
/* Map [gpa, gpa + bytes) to the machine's RAM at offset. */
int api_map(struct machine *m, uint64_t gpa, uint64_t bytes, uint64_t offset);
int api_unmap(struct machine *m, uint64_t gpa, uint64_t bytes);

/* How many descriptors this process has. */
int api_descriptors(void);

#endif
