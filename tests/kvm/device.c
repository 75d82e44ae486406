/* SPDX-License-Identifier: MIT */
/* A device's restore that the kernel refuses: nothing has changed. */
/*
 * The kernel is an array here, in which a GICv2 keeps its distributor; what
 * is written to the set registers is added, and the clear registers take
 * away (IHI 0048 4.3).  So what a restore left behind is seen at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/device.h"
#include "lib/kvm/kvm.h"
#include "tests/kvm/check.h"

#define WORDS 0x400u /* of a distributor */
#define IRQS  96u

static struct {
	uint32_t words[WORDS];
	unsigned writes, gets;
	unsigned refused;     /* this write fails; 0: none */
	bool for_ever;	      /* and all that follow */
	unsigned get_refused; /* this one fails */
} gic;

/* ISENABLER and ICENABLER, ISPENDR, ISACTIVER; others are plain. */
static void keep(uint32_t at, uint32_t value)
{
	if (at < 0x100 || at >= 0x400)
		gic.words[at / 4] = value;
	else if (at & 0x80)
		gic.words[at / 4 - 0x20] &= ~value;
	else
		gic.words[at / 4] |= value;
}

static int set(uint32_t at, const uint32_t *value)
{
	gic.writes++;
	if (gic.refused && (gic.writes == gic.refused ||
			(gic.for_ever && gic.writes > gic.refused)))
		return -EBUSY;
	keep(at, *value);
	return 0;
}

static int get(uint32_t at, uint32_t *value)
{
	if (++gic.gets == gic.get_refused)
		return -EIO;
	*value = gic.words[at / 4];
	return 0;
}

static int scripted_ioctl(int fd, unsigned long request, void *data)
{
	const struct kvm_device_attr *arg = data;
	uint32_t *value = (uint32_t *)(uintptr_t)arg->addr;
	bool write = request == KVM_SET_DEVICE_ATTR;

	(void)fd;
	if (request == KVM_HAS_DEVICE_ATTR)
		return arg->group == 1 ? 0 : -ENXIO;
	if (arg->group == 3 && !write) {
		*value = IRQS;
		return 0;
	}
	if (arg->group != 1 || arg->attr >= 4 * WORDS)
		return -ENXIO;
	return write ? set((uint32_t)arg->attr, value)
		     : get((uint32_t)arg->attr, value);
}

static const struct vmi_backend backend = { .name = "scripted",
	.attr = vmi_kvm_attr };
static struct vmi_kvm ctx;
static struct vmi_kvm_vm vm;
static struct vmapi_device device;

/* Contents that differ in every word, by `seed`. */
static void fill(uint32_t seed)
{
	uint32_t i;

	memset(&gic, 0, sizeof(gic));
	for (i = 0; i < WORDS; i++)
		if (i < 0x40 || i >= 0x100 || !(i & 0x20))
			gic.words[i] = seed * (2 * i + 1);
}

static uint8_t *saved(size_t *bytes)
{
	uint8_t *data;

	*bytes = 0;
	CHECK(vmi_native_save(&device, false, NULL, bytes) == -ENOSPC);
	data = malloc(*bytes);
	if (!data || vmi_native_save(&device, false, data, bytes)) {
		printf("a state cannot be saved\n");
		exit(EXIT_FAILURE);
	}
	return data;
}

static int restore(const uint8_t *data, size_t bytes)
{
	gic.writes = gic.gets = 0;
	return vmi_native_restore(&device, false, data, bytes);
}

/* Whichever value it is that the kernel refuses. */
static void each(const uint8_t *data, size_t bytes, unsigned all)
{
	uint32_t before[WORDS];
	unsigned n;

	for (n = 1; n <= all; n++) {
		fill(0x01020305);
		memcpy(before, gic.words, sizeof(before));
		gic.refused = n;
		CHECK(restore(data, bytes) == -EBUSY);
		CHECK(strstr(vmapi_error_last()->message, "refused"));
		CHECK(!memcmp(before, gic.words, sizeof(before)));
	}
}

int main(void)
{
	static struct vmi_sys sys;
	const struct vmi_sys *host = vmi_sys;
	uint32_t wanted[WORDS], before[WORDS];
	size_t bytes;
	uint8_t *data;
	unsigned all;

	sys = *host;
	sys.ioctl = scripted_ioctl;
	vmi_sys = &sys;
	ctx.core.be = &backend;
	vm.core.ctx = &ctx.core;
	vm.fd = ctx.fd = -1;
	device.vm = &vm.core;
	device.type = vmi_device_native(VMAPI_DEVICE_VGIC_V2);
	device.fd = 3;
	pthread_mutex_init(&vm.core.lock, NULL);

	fill(0x11c0ffe1);
	data = saved(&bytes);
	memcpy(wanted, gic.words, sizeof(wanted));
	CHECK(restore(data, bytes) == 0);
	all = gic.writes;
	CHECK(all > 20);
	CHECK(!memcmp(wanted, gic.words, sizeof(wanted)));
	each(data, bytes, all);

	/* What cannot be taken back says so. */
	fill(0x01020305);
	gic.refused = all / 2;
	gic.for_ever = true;
	CHECK(restore(data, bytes) == -EIO);
	CHECK(strstr(vmapi_error_last()->message, "taken back"));
	/* What cannot be remembered is not begun. */
	fill(0x01020305);
	memcpy(before, gic.words, sizeof(before));
	gic.get_refused = 3;
	CHECK(restore(data, bytes) == -EIO);
	CHECK(gic.writes == 0 && !memcmp(before, gic.words, sizeof(before)));
	free(data);
	pthread_mutex_destroy(&vm.core.lock);
	vmi_sys = host;
	printf("%u values, each refused once\n", all);
	return check_result("device");
}
