/* SPDX-License-Identifier: MIT */
/* Interrupts: injected, through the window, lines, messages, NMI. */
#include "tests/kvm/machine.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/kvm/kvm.h"

/* sti; nop; jmp $: the handler of vector 0x20 writes 0x20 to port 0x99. */
static const uint8_t waiting[] = { 0xfb, 0x90, 0xeb, 0xfe };
/* Interrupts off, but for a moment after each OUT. */
static const uint8_t closed[] = {
	0xfa,			/* cli */
	0xe6, 0x98,		/* out 0x98, al */
	0xfb, 0x90,		/* sti; nop */
	0xeb, 0xfe,		/* jmp $ */
};

static void put_handler(struct machine *m, unsigned vector)
{
	static const uint8_t code[] = {
		0xb0, 0x00,		/* mov al, vector */
		0xe6, 0x99,		/* out 0x99, al */
		0xcf,			/* iret */
	};
	uint16_t at = (uint16_t)(0x4000 + vector * 16);

	memcpy(m->mem + at, code, sizeof(code));
	m->mem[at + 1] = (uint8_t)vector;
	m->mem[vector * 4] = (uint8_t)at;
	m->mem[vector * 4 + 1] = (uint8_t)(at >> 8);
	m->mem[vector * 4 + 2] = m->mem[vector * 4 + 3] = 0;
}

static void expect_vector(struct machine *m, unsigned vector)
{
	struct vmapi_exit exit;

	if (run_to(m->vcpu, &exit, VMAPI_EXIT_IO)) {
		CHECK(exit.u.io.port == 0x99);
		CHECK(*(uint8_t *)exit.u.io.data == vector);
	}
}

static void inject(struct machine *m)
{
	struct vmapi_exit exit;

	put_handler(m, 0x20);
	put_handler(m, 0x21);
	machine_load(m, m->vcpu, CODE, closed, sizeof(closed));
	reg_set(m->vcpu, VMAPI_X86_RSP, 0x9000);
	/* RFLAGS as set, IF off: not now.  The kernel would take it. */
	GIVES(vmapi_vcpu_interrupt(m->vcpu, 0x20), -EAGAIN);
	GIVES(vmapi_vcpu_interrupt(m->vcpu, 256), -ERANGE);
	if (!run_to(m->vcpu, &exit, VMAPI_EXIT_IO))
		return;
	CHECK(exit.u.io.port == 0x98);
	GIVES(vmapi_vcpu_interrupt(m->vcpu, 0x20), -EAGAIN);
	OK(vmapi_vcpu_irq_window(m->vcpu, 1));
	if (!run_to(m->vcpu, &exit, VMAPI_EXIT_IRQ_WINDOW))
		return;
	CHECK(reg_get(m->vcpu, VMAPI_X86_RFLAGS) & 0x200);
	OK(vmapi_vcpu_interrupt(m->vcpu, 0x20));
	GIVES(vmapi_vcpu_interrupt(m->vcpu, 0x21), -EEXIST);
	expect_vector(m, 0x20);
	/* The window was asked for once. */
	OK(vmapi_vcpu_kick(m->vcpu));
	run_to(m->vcpu, &exit, VMAPI_EXIT_KICK);
	/* IF as set by hand is seen, too. */
	reg_set(m->vcpu, VMAPI_X86_RIP, CODE + 5);
	reg_set(m->vcpu, VMAPI_X86_RFLAGS, 0x202);
	OK(vmapi_vcpu_interrupt(m->vcpu, 0x21));
	expect_vector(m, 0x21);
}

static void nmi(struct machine *m)
{
	put_handler(m, 2);
	machine_load(m, m->vcpu, CODE, waiting, sizeof(waiting));
	reg_set(m->vcpu, VMAPI_X86_RSP, 0x9000);
	OK(vmapi_vcpu_nmi(m->vcpu));
	expect_vector(m, 2);
}

static void *nmi_later(void *opaque)
{
	usleep(20000);
	OK(vmapi_vcpu_nmi(opaque));
	return NULL;
}

/* While the guest spins, from another thread. */
static void nmi_across(struct machine *m)
{
	pthread_t thread;

	machine_load(m, m->vcpu, CODE, waiting, sizeof(waiting));
	reg_set(m->vcpu, VMAPI_X86_RSP, 0x9000);
	/* The one before is still in its handler: let that end. */
	pthread_create(&thread, NULL, nmi_later, m->vcpu);
	expect_vector(m, 2);
	pthread_join(thread, NULL);
}

static void no_controller(void)
{
	struct vmapi_msi msi = { .size = sizeof(msi), .address = 0xfee00000 };
	struct vmapi_irq *irq;
	struct machine m;
	int delivery;

	if (!CHECK(machine_open(&m, NULL) == 0))
		return;
	inject(&m);
	nmi(&m);
	GIVES(vmapi_msi_send(m.vm, &msi, &delivery), -ENXIO);
	{
		struct vmapi_irq_config config = { .size = sizeof(config) };

		GIVES(vmapi_irq_create(m.vm, &config, &irq), -ENXIO);
	}
	machine_close(&m);
}

static void nmi_alone(void)
{
	struct machine m;

	if (!CHECK(machine_open(&m, NULL) == 0))
		return;
	put_handler(&m, 2);
	nmi_across(&m);
	machine_close(&m);
}

/* Program the PIC through its ports: base 0x20, line 4 open. */
static const uint8_t pic_code[] = {
	0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21, /* ICW1, ICW2 */
	0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21, /* ICW3, ICW4 */
	0xb0, 0xef, 0xe6, 0x21,			       /* mask */
	0xb0, 0x55, 0xe6, 0x98,			       /* ready */
	0xfb, 0x90, 0xeb, 0xfe,			       /* sti; jmp $ */
};

/* An HPET takes over: the PIT's own flag says so, and no more afterwards. */
static void legacy(struct machine *m)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(m->vm);
	struct kvm_pit_state2 pit;

	vmi_kvm_backend.legacy_cut(m->vm, true);
	CHECK(vmi_kvm_vm_ioctl(vm, KVM_GET_PIT2, &pit) >= 0);
	CHECK(pit.flags & KVM_PIT_FLAGS_HPET_LEGACY);
	vmi_kvm_backend.legacy_cut(m->vm, false);
	CHECK(vmi_kvm_vm_ioctl(vm, KVM_GET_PIT2, &pit) >= 0);
	CHECK(!(pit.flags & KVM_PIT_FLAGS_HPET_LEGACY));
}

/*
 * Lines of the kernel's chips.  In real mode with the local APIC off, the
 * PIC's output reaches the processor through LINT0 as after power-up.
 */
static void lines(void)
{
	struct vmapi_vm_config config = {
		.size = sizeof(config), .irqchip = VMAPI_IRQCHIP_FULL,
		.flags = VMAPI_VM_PIT,
	};
	struct vmapi_irq_config line = { .size = sizeof(line), .pin = 4 };
	struct vmapi_exit exit;
	struct vmapi_irq *irq = NULL;
	struct machine m;
	int delivery = 99;

	if (!CHECK(machine_open(&m, &config) == 0))
		return;
	OK(vmapi_irq_create(m.vm, &line, &irq));
	put_handler(&m, 0x24);
	machine_load(&m, m.vcpu, CODE, pic_code, sizeof(pic_code));
	reg_set(m.vcpu, VMAPI_X86_RSP, 0x9000);
	/* Nobody has programmed anything: masked. */
	OK(vmapi_irq_set(irq, 1, &delivery));
	OK(vmapi_irq_set(irq, 0, &delivery));
	CHECK(delivery == 0);
	if (!run_to(m.vcpu, &exit, VMAPI_EXIT_IO))
		return;
	CHECK(exit.u.io.port == 0x98);
	OK(vmapi_irq_set(irq, 1, &delivery));
	printf("line 4, open: delivery %d\n", delivery);
	CHECK(delivery > 0);
	expect_vector(&m, 0x24);
	GIVES(vmapi_vcpu_interrupt(m.vcpu, 0x24), -ENXIO);
	OK(vmapi_irq_set(irq, 0, NULL));
	legacy(&m);
	/* Back to power-on: the PIC is masked as if never programmed. */
	OK(vmapi_vm_reset(m.vm));
	CHECK(reg_get(m.vcpu, VMAPI_X86_RIP) == 0xfff0);
	vmapi_irq_destroy(irq);
	machine_close(&m);
}

/* Messages: into a local APIC that is off, then on. */
static void messages(void)
{
	struct vmapi_vm_config config = {
		.size = sizeof(config), .irqchip = VMAPI_IRQCHIP_SPLIT,
	};
	struct vmapi_msi msi = {
		.size = sizeof(msi), .address = 0xfee00000, .data = 0x41,
	};
	uint8_t page[1024];
	struct vmapi_reg lapic = {
		.tag = VMAPI_X86_LAPIC, .data = page, .bytes = sizeof(page),
	};
	struct machine m;
	int delivery = 99;

	if (!CHECK(machine_open(&m, &config) == 0))
		return;
	put_handler(&m, 0x41);
	machine_load(&m, m.vcpu, CODE, waiting, sizeof(waiting));
	reg_set(m.vcpu, VMAPI_X86_RSP, 0x9000);
	OK(vmapi_regs_get(m.vcpu, &lapic, 1, NULL, 0));
	CHECK(page[0xf0] == 0xff && !(page[0xf1] & 1));
	page[0xf1] |= 1; /* SVR: on */
	OK(vmapi_regs_set(m.vcpu, &lapic, 1, NULL, 0));
	OK(vmapi_msi_send(m.vm, &msi, &delivery));
	printf("message, on: delivery %d\n", delivery);
	CHECK(delivery == 1);
	expect_vector(&m, 0x41);
	/* To a processor that is not there. */
	msi.address = 0xfee07000;
	OK(vmapi_msi_send(m.vm, &msi, &delivery));
	printf("message to nobody: delivery %d\n", delivery);
	CHECK(delivery <= 0);
	machine_close(&m);
}

/* -- vcpus that wait inside the kernel ----------------------------------- */

static void *kick_later(void *opaque)
{
	usleep(20000);
	OK(vmapi_vcpu_kick(opaque));
	return NULL;
}

static void kicked_out(struct vmapi_vcpu *vcpu)
{
	struct vmapi_exit exit;
	pthread_t thread;

	pthread_create(&thread, NULL, kick_later, vcpu);
	run_to(vcpu, &exit, VMAPI_EXIT_KICK);
	pthread_join(thread, NULL);
}

/* One waits for INIT, one is halted: neither is an exit, a kick ends both. */
static void waiting_vcpus(void)
{
	struct vmapi_vm_config config = {
		.size = sizeof(config), .irqchip = VMAPI_IRQCHIP_SPLIT,
	};
	struct vmapi_vcpu *second;
	struct machine m;

	if (!CHECK(machine_open(&m, &config) == 0))
		return;
	second = machine_vcpu(&m, 1);
	CHECK(reg_get(second, VMAPI_X86_MP_STATE) ==
		VMAPI_X86_MP_UNINITIALIZED);
	kicked_out(second);
	put_handler(&m, 2);
	machine_load(&m, m.vcpu, CODE, "\xf4\xeb\xfd", 3);
	reg_set(m.vcpu, VMAPI_X86_RSP, 0x9000);
	kicked_out(m.vcpu);
	CHECK(reg_get(m.vcpu, VMAPI_X86_MP_STATE) == VMAPI_X86_MP_HALTED);
	OK(vmapi_vcpu_nmi(m.vcpu));
	expect_vector(&m, 2);
	OK(vmapi_vcpu_reset(second));
	CHECK(reg_get(second, VMAPI_X86_MP_STATE) ==
		VMAPI_X86_MP_UNINITIALIZED);
	vmapi_vcpu_destroy(second);
	machine_close(&m);
}

int main(void)
{
	struct machine m;
	int rc = machine_open(&m, NULL);

	if (rc)
		return rc;
	machine_close(&m);
	no_controller();
	nmi_alone();
	lines();
	messages();
	waiting_vcpus();
	return check_result("irq");
}
