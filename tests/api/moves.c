/* SPDX-License-Identifier: MIT */
/* Saved states: running guests that move from backend to backend. */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/api/stream.h"
#include "tests/api/worker.h"

#define BACKENDS_MAX 8

/*
 * From here to another machine.  A kernel's timers go on in the old one and
 * begin at once in the new one, so nothing that takes long is in between.
 */
static void move(struct machine *m, const char *backend,
	const struct vmapi_vm_config *config)
{
	int fd = memfd_create("state", MFD_CLOEXEC);

	EQUAL(vmapi_vm_save(m->vm, fd, NULL), 0);
	EQUAL(lseek(fd, 0, SEEK_SET), 0);
	api_machine_free(m);
	twin(m, backend, config);
	EQUAL(vmapi_vm_restore(m->vm, fd, NULL), 0);
	close(fd);
}

/* The backends whose guests are of x86, by name. */
static size_t backends(const char **names)
{
	struct vmapi_backend_info infos[BACKENDS_MAX];
	size_t i, n = 0, count;

	infos[0].size = sizeof(infos[0]);
	EQUAL(vmapi_probe(0, infos, BACKENDS_MAX, &count), 0);
	for (i = 0; i < count && i < BACKENDS_MAX; i++)
		if (!infos[i].status && !strcmp(infos[i].name, "soft"))
			names[n++] = "soft";
		else if (!infos[i].status && !strcmp(infos[i].name, "kvm"))
			names[n++] = "kvm";
	return n;
}

/* Where a guest goes, in turn, and what it needs to be there the same. */
struct route {
	const char *names[BACKENDS_MAX];
	size_t n;
	struct vmapi_vm_config config;
	struct vmapi_x86_cpuid cpuid[64];
	size_t n_cpuid;
};

/* Features of the list that the backend's processors have not go away. */
static void intersect(struct route *r, const struct vmapi_x86_cpuid *with,
	size_t n)
{
	size_t i, k;

	for (i = 0; i < r->n_cpuid; i++) {
		struct vmapi_x86_cpuid *e = &r->cpuid[i];

		if (e->leaf != 1 && e->leaf != 7 && e->leaf != 0xd &&
			e->leaf != 0x80000001 && e->leaf != 0x80000008)
			continue;
		for (k = 0; k < n; k++)
			if (with[k].leaf == e->leaf &&
				with[k].subleaf == e->subleaf)
				break;
		if (k == n || e->leaf == 7 || e->leaf == 0x80000008) {
			e->ebx &= k < n ? with[k].ebx : 0;
		}
		if (e->leaf != 0x80000008) {
			if (e->leaf == 0xd)
				e->eax &= k < n ? with[k].eax : 0;
			else
				e->ecx &= k < n ? with[k].ecx | 1u << 24 : 0;
			e->edx &= k < n ? with[k].edx : 0;
		}
	}
}

/* A processor that every backend can be, and the kernel's TSC. */
static void plan(struct route *r)
{
	const struct vmapi_x86_cpuid *list;
	struct vmapi_cpuid *all;
	struct vmapi_cap cap = { .size = sizeof(cap) };
	struct vmapi_vm *vm;
	struct vmapi *ctx;
	size_t i, n;

	memset(r, 0, sizeof(*r));
	r->n = backends(r->names);
	r->config.size = sizeof(r->config);
	EQUAL(vmapi_cpuid_create(&all), 0);
	for (i = r->n; i-- > 0;) { /* the software processor first */
		EQUAL(vmapi_open(r->names[i], 0, &ctx), 0);
		EQUAL(vmapi_vm_create(ctx, NULL, &vm), 0);
		EQUAL(vmapi_cpuid_supported(ctx, all), 0);
		EQUAL(vmapi_cpuid_entries(all, &list, &n), 0);
		if (!r->n_cpuid)
			memcpy(r->cpuid, list, n * sizeof(*list));
		if (!r->n_cpuid)
			r->n_cpuid = n;
		intersect(r, list, n);
		EQUAL(vmapi_vm_cap_get(vm, VMAPI_CAP_TSC_HZ, &cap), 0);
		r->config.tsc_hz = (uint64_t)cap.value;
		vmapi_vm_destroy(vm);
		vmapi_close(ctx);
	}
	vmapi_cpuid_destroy(all);
}

static void set_cpuid(struct machine *m, struct route *r)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_CPUID, .data = r->cpuid,
		.bytes = (uint32_t)(r->n_cpuid * sizeof(r->cpuid[0])) };

	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), 0);
}

static uint32_t out_value(const struct vmapi_exit *exit)
{
	const uint8_t *at = exit->u.io.data;

	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
		(uint32_t)at[3] << 24;
}

/*
 * The guest moves at each exit: after an OUT, and with the answer to an MMIO
 * read given and not yet taken.
 */
static void run_moving(struct machine *m, struct route *route)
{
	struct vmapi_exit exit;
	struct machine here;
	unsigned reads = 0, moves = 0, reason = 0;

	twin(&here, m->backend, &route->config);
	set_cpuid(&here, route);
	worker_load(&here);
	while (moves < 4 * WORKER_ROUNDS) {
		reason = worker_go_on(&here, &exit, &reads);
		if (reason != VMAPI_EXIT_IO && reason != VMAPI_EXIT_MMIO)
			break;
		if (reason == VMAPI_EXIT_IO && exit.u.io.port == 0x11)
			break;
		move(&here, route->names[moves++ % route->n], &route->config);
	}
	EQUAL(reason, VMAPI_EXIT_IO);
	EQUAL(reads, WORKER_ROUNDS);
	EQUAL(moves, 2 * WORKER_ROUNDS);
	if (reason == VMAPI_EXIT_IO)
		EQUAL(out_value(&exit), worker_expected());
	api_machine_free(&here);
}

static void moves(struct machine *m)
{
	struct route route;

	plan(&route);
	run_moving(m, &route);
}

/* -- Interrupts and timers ---------------------------------------------- */

/*
 * 16 bits.  The PIC's vectors from 0x20 on, all masked but IRQ 0 and 4; the
 * PIT's channel 0 every 4 ms (mode 2), the local APIC's timer (x2APIC, 1 GHz)
 * every 7 ms with vector 0x30; OUT 0x12 with interrupts off; then HLT until
 * six of both have come, and OUT 0x11.  Handlers count at 0x900 (PIT), 0x902
 * (IRQ 4), 0x904 (APIC) and say OUT 0x13 before they end the interrupt.  Where
 * a move takes longer than the PIT's period it would be the only one to come:
 * its handler rotates the PIC's priorities, for IRQ 4, and masks it from the
 * sixth on, for the APIC's timer, which an ExtINT goes before.
 */
static const uint8_t timers[] = {
	0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0xc7, 0x06, 0x80, 0x00, 0x83, 0x10, 0xa3,
	0x82, 0x00, 0xc7, 0x06, 0x90, 0x00, 0x9b, 0x10, 0xa3, 0x92, 0x00, 0xc7,
	0x06, 0xc0, 0x00, 0xa8, 0x10, 0xa3, 0xc2, 0x00, 0xb0, 0x11, 0xe6, 0x20,
	0xb0, 0x20, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21,
	0xb0, 0xee, 0xe6, 0x21, 0xb0, 0x34, 0xe6, 0x43, 0xb0, 0xa5, 0xe6, 0x40,
	0xb0, 0x12, 0xe6, 0x40, 0x66, 0xb9, 0x3e, 0x08, 0x00, 0x00, 0x66, 0xb8,
	0x0b, 0x00, 0x00, 0x00, 0x66, 0x31, 0xd2, 0x0f, 0x30, 0x66, 0xb9, 0x32,
	0x08, 0x00, 0x00, 0x66, 0xb8, 0x30, 0x00, 0x02, 0x00, 0x0f, 0x30, 0x66,
	0xb9, 0x38, 0x08, 0x00, 0x00, 0x66, 0xb8, 0xc0, 0xcf, 0x6a, 0x00, 0x0f,
	0x30, 0xe6, 0x12, 0xfb, 0xf4, 0x83, 0x3e, 0x00, 0x09, 0x06, 0x72, 0xf8,
	0x83, 0x3e, 0x04, 0x09, 0x06, 0x72, 0xf1, 0xfa, 0xe6, 0x11, 0xf4, 0x50,
	0xff, 0x06, 0x00, 0x09, 0xe6, 0x13, 0x83, 0x3e, 0x00, 0x09, 0x06, 0x72,
	0x04, 0xb0, 0xef, 0xe6, 0x21, 0xb0, 0xa0, 0xe6, 0x20, 0x58, 0xcf, 0x50,
	0xff, 0x06, 0x02, 0x09, 0xe6, 0x13, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf,
	0x66, 0x60, 0xff, 0x06, 0x04, 0x09, 0xe6, 0x13, 0x66, 0xb9, 0x0b, 0x08,
	0x00, 0x00, 0x66, 0x31, 0xc0, 0x66, 0x31, 0xd2, 0x0f, 0x30, 0x66, 0x61,
	0xcf };

#define COUNTS 0x900u

static const struct vmapi_vm_config pc_config = { .size = sizeof(pc_config),
	.flags = VMAPI_VM_PIT,
	.irqchip = VMAPI_IRQCHIP_FULL };

/* What firmware does: x2APIC on, LINT0 open to the PIC. */
static void open_lint0(struct machine *m)
{
	uint8_t page[1024];
	struct vmapi_reg reg = { .tag = VMAPI_X86_LAPIC, .data = page,
		.bytes = sizeof(page) };

	api_set(m->vcpu, VMAPI_X86_APIC_BASE, 0xfee00d00);
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), 0);
	stream_put(page + 0xf0, 0x1ff, 4);
	stream_put(page + 0x350, 0x700, 4);
	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), 0);
}

/* An edge that waits, since interrupts are off. */
static void raise_irq4(struct machine *m)
{
	struct vmapi_irq_config c = { .size = sizeof(c), .pin = 4 };
	struct vmapi_irq *irq;

	EQUAL(vmapi_irq_create(m->vm, &c, &irq), 0);
	EQUAL(vmapi_irq_set(irq, 1, NULL), 0);
	EQUAL(vmapi_irq_set(irq, 0, NULL), 0);
	vmapi_irq_destroy(irq);
}

static void *kick_late(void *vcpu)
{
	usleep(3000000);
	vmapi_vcpu_kick(vcpu);
	return NULL;
}

/* A run that ends by itself, or after a while with a kick. */
static unsigned run_a_while(struct machine *m, struct vmapi_exit *exit)
{
	pthread_t thread;
	unsigned reason;

	pthread_create(&thread, NULL, kick_late, m->vcpu);
	reason = api_run(m, exit);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	return reason;
}

static void interrupts_move(struct machine *m)
{
	struct vmapi_exit exit;
	struct machine here;
	struct route route;
	uint8_t counts[6];
	unsigned moves = 0, port = 0;

	plan(&route);
	route.config.flags = pc_config.flags;
	route.config.irqchip = pc_config.irqchip;
	twin(&here, m->backend, &route.config);
	set_cpuid(&here, &route);
	open_lint0(&here);
	api_load(&here, timers, sizeof(timers));
	while (moves < 64 && run_a_while(&here, &exit) == VMAPI_EXIT_IO) {
		port = (unsigned)exit.u.io.port;
		if (port == 0x11)
			break;
		if (port == 0x12)
			raise_irq4(&here);
		move(&here, route.names[moves++ % route.n], &route.config);
	}
	EQUAL(port, 0x11);
	EQUAL(vmapi_as_read(here.as, COUNTS, counts, sizeof(counts)), 0);
	CHECK(stream_get(counts, 2) >= 6 && stream_get(counts + 4, 2) >= 6);
	EQUAL((int64_t)stream_get(counts + 2, 2), 1);
	EQUAL(moves, 1 + stream_get(counts, 2) + stream_get(counts + 2, 2) +
		stream_get(counts + 4, 2));
	api_machine_free(&here);
}

/* -- Cases -------------------------------------------------------------- */

static const struct api_case cases[] = {
	{ "a running guest moves between backends", moves },
	{ "timers and a pending interrupt move, too", interrupts_move },
};

int main(void)
{
	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
