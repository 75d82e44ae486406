/* SPDX-License-Identifier: MIT */
/* Eventfds, posted writes, routes, attributes: what the kernel is told. */
/*
 * The kernel is a script here: it takes one call, keeps what it was given,
 * and answers as told.  So none is needed, and s390's and arm64's calls are
 * looked at on any machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arch/irq.h"
#include "lib/core/posted.h"
#include "lib/kvm/kvm.h"
#include "tests/kvm/check.h"

/* -- The script --------------------------------------------------------- */

static struct {
	unsigned long request;
	uint8_t arg[256];
	int rc;		/* of what is not asked below */
	int has;	/* of KVM_HAS_DEVICE_ATTR */
	unsigned calls;
} script;

static size_t arg_bytes(unsigned long request)
{
	switch (request) {
	case KVM_IRQFD: return sizeof(struct kvm_irqfd);
	case KVM_IOEVENTFD: return sizeof(struct kvm_ioeventfd);
	case KVM_REGISTER_COALESCED_MMIO:
	case KVM_UNREGISTER_COALESCED_MMIO:
		return sizeof(struct kvm_coalesced_mmio_zone);
	case KVM_SET_GSI_ROUTING:
		return sizeof(struct kvm_irq_routing) +
		       sizeof(struct kvm_irq_routing_entry);
	case KVM_S390_INTERRUPT: return sizeof(struct kvm_s390_interrupt);
	case KVM_GET_DEVICE_ATTR:
	case KVM_SET_DEVICE_ATTR: return sizeof(struct kvm_device_attr);
	case KVM_CREATE_DEVICE: return sizeof(struct kvm_create_device);
	default: return 0;
	}
}

static int scripted_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	if (request == KVM_CHECK_EXTENSION)
		return 4096;
	if (request == KVM_HAS_DEVICE_ATTR)
		return script.has;
	script.request = request;
	script.calls++;
	memset(script.arg, 0, sizeof(script.arg));
	memcpy(script.arg, arg, arg_bytes(request));
	return script.rc;
}

static struct vmi_kvm ctx;
static struct vmi_kvm_vm vm;

static void begin(void)
{
	memset(&script, 0, sizeof(script));
}

/* -- Eventfds ----------------------------------------------------------- */

static struct kvm_ioeventfd told_ioeventfd(void)
{
	struct kvm_ioeventfd arg;

	CHECK(script.request == KVM_IOEVENTFD);
	memcpy(&arg, script.arg, sizeof(arg));
	return arg;
}

/* Doing and undoing differ by one flag. */
static void one_ioeventfd(const struct vmi_doorbell *bell, uint32_t flags)
{
	struct kvm_ioeventfd on, off;

	begin();
	CHECK(vmi_kvm_ioeventfd(&vm.core, bell, 17, true) == 0);
	on = told_ioeventfd();
	CHECK(on.flags == flags && on.fd == 17);
	CHECK(on.addr == bell->address && on.len == bell->bytes);
	CHECK(on.datamatch == (bell->has_match ? bell->match : 0));
	CHECK(vmi_kvm_ioeventfd(&vm.core, bell, 17, false) == 0);
	off = told_ioeventfd();
	CHECK(off.flags == (flags | KVM_IOEVENTFD_FLAG_DEASSIGN));
	off.flags = on.flags;
	CHECK(!memcmp(&on, &off, sizeof(on)));
}

static void ioeventfds(void)
{
	const struct vmi_doorbell any = { .address = 0xfe003000 };
	const struct vmi_doorbell eight = { .address = 0x1000, .bytes = 8,
		.has_match = true, .match = 0x1122334455667788 };
	const struct vmi_doorbell port = { .space = VMI_SPACE_PORT,
		.address = 0xc050, .bytes = 2, .has_match = true, .match = 3 };
	const struct vmi_doorbell ccw = { .space = VMI_SPACE_CCW,
		.address = 0x10002, .bytes = 8, .has_match = true, .match = 1 };

	one_ioeventfd(&any, 0);
	one_ioeventfd(&eight, 1);
	one_ioeventfd(&port, 1 | 2);
	one_ioeventfd(&ccw, 1 | 8);
	script.rc = -ENOSPC;
	CHECK(vmi_kvm_ioeventfd(&vm.core, &any, 17, true) == -ENOSPC);
	CHECK(vmi_kvm_ioeventfd(&vm.core, &any, 17, false) == 0);
}

static void irqfds(void)
{
	struct vmapi_irqfd irqfd = { .fd = 5, .resample_fd = -1,
		.line = { .pin = 21 } };
	struct kvm_irqfd arg;

	begin();
	CHECK(vmi_kvm_irqfd(&vm.core, &irqfd, true) == 0);
	memcpy(&arg, script.arg, sizeof(arg));
	CHECK(script.request == KVM_IRQFD);
	CHECK(arg.fd == 5 && arg.gsi == 21 && arg.flags == 0);
	irqfd.resample_fd = 6;
	CHECK(vmi_kvm_irqfd(&vm.core, &irqfd, true) == 0);
	memcpy(&arg, script.arg, sizeof(arg));
	CHECK(arg.flags == 2 && arg.resamplefd == 6);
	CHECK(vmi_kvm_irqfd(&vm.core, &irqfd, false) == 0);
	memcpy(&arg, script.arg, sizeof(arg));
	CHECK(arg.flags == 1 && arg.fd == 5 && arg.gsi == 21);
	script.rc = -EBUSY;
	CHECK(vmi_kvm_irqfd(&vm.core, &irqfd, true) == -EBUSY);
}

/* -- Posted writes ------------------------------------------------------ */

static void zones(void)
{
	const struct vmi_region region = { .space = VMI_SPACE_PORT,
		.base = 0x402, .bytes = 2 };
	const struct vmi_region huge = { .bytes = UINT64_C(1) << 33 };
	struct kvm_coalesced_mmio_zone zone;

	begin();
	CHECK(vmi_kvm_posted_zone(&vm.core, &region, true) == 0);
	memcpy(&zone, script.arg, sizeof(zone));
	CHECK(script.request == KVM_REGISTER_COALESCED_MMIO);
	CHECK(zone.addr == 0x402 && zone.size == 2 && zone.pio == 1);
	CHECK(vmi_kvm_posted_zone(&vm.core, &region, false) == 0);
	CHECK(script.request == KVM_UNREGISTER_COALESCED_MMIO);
	CHECK(!memcmp(&zone, script.arg, sizeof(zone)));
	CHECK(vmi_kvm_posted_zone(&vm.core, &huge, true) == -ENOTSUP);
}

/* The kernel's ring, by hand: it wraps, and holds one less than it has. */
static void ring(void)
{
	const unsigned room = (unsigned)((vmi_page_size() - 8) / 24);
	struct kvm_coalesced_mmio_ring *r = calloc(1, vmi_page_size());
	struct vmi_posted_write write;
	unsigned i;

	atomic_store(&vm.ring, r);
	CHECK(!vmi_kvm_posted_next(&vm.core, &write));
	r->first = r->last = room - 2;
	for (i = 0; i < 4; i++) {
		struct kvm_coalesced_mmio *e = &r->coalesced_mmio[r->last];

		e->phys_addr = 0x1000 + i;
		e->len = 1u << (i % 4);
		e->pio = i == 2;
		memset(e->data, (int)(0x10 + i), 8);
		r->last = (r->last + 1) % room;
	}
	for (i = 0; i < 4; i++) {
		CHECK(vmi_kvm_posted_next(&vm.core, &write));
		CHECK(write.address == 0x1000 + i);
		CHECK(write.bytes == 1u << (i % 4));
		CHECK((write.value & 0xff) == 0x10 + i);
		CHECK(i != 1 || write.value == 0x1111);
		CHECK(write.space ==
			(i == 2 ? VMAPI_SPACE_PORT : VMAPI_SPACE_MEMORY));
	}
	CHECK(r->first == 2);
	CHECK(!vmi_kvm_posted_next(&vm.core, &write));
	r->first = room + 7; /* nonsense leads nowhere */
	CHECK(!vmi_kvm_posted_next(&vm.core, &write));
	atomic_store(&vm.ring, NULL);
	CHECK(!vmi_kvm_posted_next(&vm.core, &write));
	free(r);
}

/* -- Routes ------------------------------------------------------------- */

static uint32_t word(const void *bytes, size_t at)
{
	uint32_t v;

	memcpy(&v, (const uint8_t *)bytes + at, 4);
	return v;
}

static uint64_t quad(const void *bytes, size_t at)
{
	uint64_t v;

	memcpy(&v, (const uint8_t *)bytes + at, 8);
	return v;
}

/* Offsets: struct kvm_irq_routing_entry, 48 bytes, the union at 16. */
static void routes(void)
{
	struct vmapi_route r = { .gsi = 9, .type = VMAPI_ROUTE_MSI,
		.flags = VMAPI_MSI_DEVID };
	struct kvm_irq_routing_entry e;

	CHECK(sizeof(e) == 48);
	r.u.msi.address = 0x1fee01000;
	r.u.msi.data = 0x4123;
	r.u.msi.device_id = 77;
	CHECK(vmi_kvm_route_encode(&e, &r) == 0);
	CHECK(word(&e, 0) == 9 && word(&e, 4) == 2 && word(&e, 8) == 1);
	CHECK(word(&e, 16) == 0xfee01000 && word(&e, 20) == 1);
	CHECK(word(&e, 24) == 0x4123 && word(&e, 28) == 77);

	r.type = VMAPI_ROUTE_PIN;
	r.u.pin.chip = 2;
	r.u.pin.pin = 23;
	CHECK(vmi_kvm_route_encode(&e, &r) == 0);
	CHECK(word(&e, 4) == 1 && word(&e, 16) == 2 && word(&e, 20) == 23);

	r.type = VMAPI_ROUTE_ADAPTER;
	r.u.adapter = (struct vmapi_route_adapter){ .indicator = 0x7f0010,
		.summary = 0x7f0020, .indicator_offset = 3,
		.summary_offset = 4, .adapter = 5 };
	CHECK(vmi_kvm_route_encode(&e, &r) == 0);
	CHECK(word(&e, 4) == 3 && quad(&e, 16) == 0x7f0010);
	CHECK(quad(&e, 24) == 0x7f0020 && quad(&e, 32) == 3);
	CHECK(word(&e, 40) == 4 && word(&e, 44) == 5);

	r.type = VMAPI_ROUTE_XEN;
	r.u.xen = (struct vmapi_route_xen){ 6, 7, 8 };
	CHECK(vmi_kvm_route_encode(&e, &r) == 0);
	CHECK(word(&e, 4) == 5 && word(&e, 16) == 6 && word(&e, 24) == 8);
	r.type = 6;
	CHECK(vmi_kvm_route_encode(&e, &r) == -ENOTSUP);
}

/* -- Attributes --------------------------------------------------------- */

static int attr(int rc, int has)
{
	static uint64_t value;
	const struct vmi_attr_call call = { .verb = VMI_ATTR_SET, .fd = 3,
		.ctx = &ctx.core, .group = 4, .number = 0x1234567890,
		.data = &value };
	struct kvm_device_attr arg;
	int got;

	script.rc = rc;
	script.has = has;
	got = vmi_kvm_attr(&call);
	memcpy(&arg, script.arg, sizeof(arg));
	CHECK(script.request == KVM_SET_DEVICE_ATTR);
	CHECK(arg.group == 4 && arg.attr == 0x1234567890 && !arg.flags);
	CHECK(arg.addr == (uintptr_t)&value);
	return got;
}

static void attributes(void)
{
	begin();
	CHECK(attr(0, 0) == 0);
	CHECK(attr(-ENXIO, -ENXIO) == -ENXIO);
	CHECK(attr(-ENOTTY, -ENOTTY) == -ENXIO);
	/* A FLIC says EINVAL for what it does not know. */
	CHECK(attr(-EINVAL, -ENXIO) == -ENXIO);
	CHECK(attr(-EINVAL, 0) == -EINVAL);
	/* It has it, but something has to come first. */
	CHECK(attr(-ENXIO, 0) == -EPERM);
	CHECK(attr(-ENODEV, 0) == -EPERM);
	CHECK(attr(-EBUSY, 0) == -EBUSY);
	CHECK(attr(-EEXIST, 0) == -EEXIST);
}

static void devices(void)
{
	struct kvm_create_device arg;
	int fd = -1;

	begin();
	CHECK(vmi_kvm_device_probe(&vm.core, VMAPI_DEVICE_VGIC_V3) == 0);
	memcpy(&arg, script.arg, sizeof(arg));
	CHECK(arg.type == 7 && arg.flags == 1);
	CHECK(vmi_kvm_device_open(&vm.core, VMAPI_DEVICE_FLIC, &fd) == 0);
	memcpy(&arg, script.arg, sizeof(arg));
	CHECK(arg.type == 6 && arg.flags == 0 && fd == 0);
	CHECK(vm.has_controller);
	script.rc = -ENODEV;
	CHECK(vmi_kvm_device_probe(&vm.core, VMAPI_DEVICE_AIA) == -ENODEV);
	script.rc = -EEXIST;
	CHECK(vmi_kvm_device_open(&vm.core, VMAPI_DEVICE_XIVE, &fd) == -EEXIST);
}

/* -- Interrupts of other architectures ---------------------------------- */

static void arm64_words(void)
{
	uint32_t w = 0;

	CHECK(vmi_arm64_line_word(VMI_ARM64_LINE_SPI, 9, 40) == 0x01000028);
	CHECK(vmi_arm64_line_word(VMI_ARM64_LINE_PPI, 0, 27) == 0x0200001b);
	/* vcpu 0x312: its low byte in 23:16, the rest in 31:28. */
	CHECK(vmi_arm64_line_word(VMI_ARM64_LINE_PPI, 0x312, 27) ==
		0x3212001b);
	CHECK(vmi_arm64_vcpu_line_word(2, 1, &w) && w == 0x00020001);
	CHECK(vmi_arm64_vcpu_line_word(2, 16, &w) && w == 0x02020010);
	CHECK(!vmi_arm64_vcpu_line_word(2, 2, &w));
	CHECK(!vmi_arm64_vcpu_line_word(2, 15, &w));
	CHECK(!vmi_arm64_vcpu_line_word(2, 32, &w));
	CHECK(!vmi_arm64_vcpu_line_word(4096, 16, &w));
	CHECK(vmi_ppc_line_word(true) == 0xfffffffd);
	CHECK(vmi_ppc_line_word(false) == 0xfffffffe);
	CHECK(vmi_riscv_line_word(true) == 0xffffffff);
	CHECK(vmi_riscv_line_word(false) == 0xfffffffe);
}

/* Offsets: struct kvm_s390_irq, 72 bytes, the union at 8. */
static void s390_local(void)
{
	struct vmapi_s390_irq irq = { .type = VMAPI_S390_PROGRAM_INT };
	struct kvm_s390_irq k;

	CHECK(sizeof(k) == 72);
	irq.u.program = (struct vmapi_s390_program){ .translation = 0x11,
		.per_address = 0x22, .code = 0x10, .flags = 7 };
	CHECK(vmi_kvm_s390_encode(&k, &irq) == 0);
	CHECK(quad(&k, 0) == 0xfffe0001 && quad(&k, 8) == 0x11);
	CHECK(quad(&k, 24) == 0x22);
	CHECK(((const uint8_t *)&k)[36] + ((const uint8_t *)&k)[37] == 0x10);
	CHECK(((const uint8_t *)&k)[45] == 7);

	memset(&irq.u, 0, sizeof(irq.u));
	irq.type = VMAPI_S390_MCHK;
	irq.u.machine_check.cr14 = 0x10000000;
	irq.u.machine_check.code = 0x400f1d40330000;
	irq.u.machine_check.damage_code = 9;
	CHECK(vmi_kvm_s390_encode(&k, &irq) == 0);
	CHECK(quad(&k, 8) == 0x10000000 && quad(&k, 16) == 0x400f1d40330000);
	CHECK(word(&k, 32) == 9);

	memset(&irq.u, 0, sizeof(irq.u));
	irq.type = VMAPI_S390_SIGP_SET_PREFIX;
	irq.u.prefix = 0x12345000;
	CHECK(vmi_kvm_s390_encode(&k, &irq) == 0);
	CHECK(word(&k, 8) == 0x12345000);
	irq.type = VMAPI_S390_RESTART;
	CHECK(vmi_kvm_s390_encode(&k, &irq) == 0 && quad(&k, 8) == 0);
	irq.type = 0xfffe1001; /* no such */
	CHECK(vmi_kvm_s390_encode(&k, &irq) == -EINVAL);
}

static void s390_floating(void)
{
	struct vmapi_s390_irq irq = { .type = VMAPI_S390_INT_IO(0, 0, 1, 2) };
	struct kvm_s390_interrupt k;

	irq.u.io = (struct vmapi_s390_io){ 1, 2, 0xaabbccdd, 0x11223344 };
	CHECK(irq.type == 0x10002);
	CHECK(vmi_kvm_s390_encode_floating(&k, &irq) == 0);
	CHECK(k.type == 0x10002 && k.parm == 0x10002);
	CHECK(k.parm64 == 0xaabbccdd11223344);
	begin();
	CHECK(vmi_kvm_s390_inject(&vm.core, NULL, &irq) == 0);
	CHECK(script.request == KVM_S390_INTERRUPT);
	CHECK(quad(script.arg, 8) == 0xaabbccdd11223344);

	memset(&irq.u, 0, sizeof(irq.u));
	irq.type = VMAPI_S390_INT_SERVICE;
	irq.u.external.parameter = 0xfffffff8;
	CHECK(vmi_kvm_s390_encode_floating(&k, &irq) == 0);
	CHECK(k.parm == 0xfffffff8 && k.parm64 == 0);
	irq.type = VMAPI_S390_RESTART; /* a vcpu's */
	CHECK(vmi_kvm_s390_encode_floating(&k, &irq) == -EINVAL);
}

int main(void)
{
	static struct vmi_sys sys;
	const struct vmi_sys *host = vmi_sys;

	sys = *host;
	sys.ioctl = scripted_ioctl;
	vmi_sys = &sys;
	vm.core.ctx = &ctx.core;
	vm.fd = ctx.fd = -1;
	ioeventfds();
	irqfds();
	zones();
	ring();
	routes();
	attributes();
	devices();
	arm64_words();
	s390_local();
	s390_floating();
	vmi_sys = host;
	return check_result("wiring");
}
