/* SPDX-License-Identifier: MIT */
/* The HPET's page with and without /proc, and when it cannot be had. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/sys/sys.h"
#include "tests/kvm/machine.h"

#define READS 10000u

/* lib/core/mirror.c shows a page that is read 32 times in 5 ms. */
#define HOT_READ_NS (5000000u / 32u)

#define DONE  0x99
#define BAD   0x97

/*
 * At ffff:0010: enable; read the counter so many times, each no less than the
 * one before; then out.
 */
static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x66, 0xc7, 0x06,
	0x20, 0x00, 0x01, 0x00, 0x00, 0x00, 0x66, 0x31, 0xdb, 0x66, 0xb9,
	READS & 0xff, READS >> 8, 0x00, 0x00, 0x66, 0xa1, 0x00, 0x01, 0x66,
	0x39, 0xd8, 0x72, 0x09, 0x66, 0x89, 0xc3, 0x66, 0x49, 0x75, 0xf0, 0xe6,
	DONE, 0xe6, BAD };

static const struct vmi_sys *host;
static struct vmi_sys altered;

static int open_no_pagemap(const char *path, int flags)
{
	if (strstr(path, "pagemap"))
		return -EACCES;
	return host->open(path, flags);
}

static int no_memfd(const char *name, unsigned flags)
{
	(void)name;
	(void)flags;
	return -EMFILE;
}

static const struct vmapi_device_config config = { .size = sizeof(config),
	.type = VMAPI_DEVICE_HPET, .flags = VMAPI_DEVICE_MIRROR,
	.base = MACHINE_RAM };

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/*
 * Few of the reads come to the library. False where an exit takes so long that
 * reads cannot get hot.
 */
static bool reads(struct machine *m)
{
	uint64_t start = now(), took;
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_device *hpet = NULL;
	size_t bytes = sizeof(uint64_t);
	uint64_t n = READS;

	if (!OK(vmapi_device_create(m->vm, &config, &hpet)))
		return true;
	machine_load(m, m->vcpu, CODE, code, sizeof(code));
	if (run_to(m->vcpu, &exit, VMAPI_EXIT_IO))
		CHECK(exit.u.io.port == DONE);
	took = now() - start;
	OK(vmapi_device_get(hpet, VMAPI_HPET_READS, &n, &bytes));
	vmapi_device_destroy(hpet);
	printf("%u reads in %" PRIu64 " us: %" PRIu64 " came here\n", READS,
		took / 1000, n);
	if (n >= READS / 2 && took / n > HOT_READ_NS)
		return false;
	CHECK(n >= 32 && n < READS / 2);
	return true;
}

static void refused(struct machine *m)
{
	struct vmapi_device *hpet = NULL;

	altered = *host;
	altered.memfd = no_memfd;
	vmi_sys = &altered;
	GIVES(vmapi_device_create(m->vm, &config, &hpet), -EMFILE);
	vmi_sys = host;
}

int main(void)
{
	const struct vmapi_vm_config full = { .size = sizeof(full),
		.irqchip = VMAPI_IRQCHIP_FULL };
	struct machine m;
	int rc = machine_open(&m, &full);
	bool fast;

	if (rc)
		return rc;
	host = vmi_sys;
	fast = reads(&m);
	altered = *host;
	altered.open = open_no_pagemap;
	vmi_sys = &altered;
	fast &= reads(&m);
	vmi_sys = host;
	refused(&m);
	/* Its place is free after each of them. */
	OK(machine_map(&m, MACHINE_RAM, 0, 0x1000, 0));
	machine_close(&m);
	rc = check_result("mirror");
	if (!rc && !fast) {
		printf("an exit takes so long that reads do not get hot\n");
		rc = 77;
	}
	return rc;
}
