/* SPDX-License-Identifier: MIT */
/* Every system call and allocation fails in turn: nothing leaks, none hangs. */
/*
 * A machine is made, run, looked at and dropped, again and again; in the n-th
 * round the n-th thing asked of the host is refused.  Whatever fails must
 * fail with an error and a sentence, give nothing out, and leave no memory,
 * mapping or descriptor behind.
 */
#include "tests/kvm/machine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys/sys.h"

static struct vmi_sys faulty;
static unsigned calls, fail_at;
static long live_allocs, live_maps;

/* Is it this one's turn? */
static bool refused(void)
{
	return ++calls == fail_at;
}

static int faulty_open(const char *path, int flags)
{
	return refused() ? -EMFILE : vmi_sys_host.open(path, flags);
}

static int faulty_ioctl(int fd, unsigned long request, void *arg)
{
	return refused() ? -EIO : vmi_sys_host.ioctl(fd, request, arg);
}

static int faulty_mmap(const struct vmi_mmap *what, void **where)
{
	int rc = refused() ? -ENOMEM : vmi_sys_host.mmap(what, where);

	live_maps += rc >= 0;
	return rc;
}

static int faulty_munmap(void *where, size_t bytes)
{
	live_maps--;
	return vmi_sys_host.munmap(where, bytes);
}

static int faulty_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	/* Putting the mask back cannot fail. */
	if (how == SIG_BLOCK && refused())
		return -EINVAL;
	return (vmi_sys_host.sigmask)(how, set, old);
}

static int faulty_timer_start(int number, uint64_t ns, void **timer)
{
	return refused() ? -EAGAIN :
			   vmi_sys_host.timer_start(number, ns, timer);
}

static int faulty_eventfd(unsigned initial, int flags)
{
	return refused() ? -EMFILE : vmi_sys_host.eventfd(initial, flags);
}

static int faulty_timerfd(int clock)
{
	return refused() ? -EMFILE : vmi_sys_host.timerfd(clock);
}

static int faulty_dup(int fd)
{
	return refused() ? -EMFILE : vmi_sys_host.dup(fd);
}

static int faulty_epoll(void)
{
	return refused() ? -EMFILE : vmi_sys_host.epoll();
}

static int faulty_epoll_add(int epoll, int fd)
{
	return refused() ? -ENOSPC : vmi_sys_host.epoll_add(epoll, fd);
}

static void *faulty_alloc(size_t bytes)
{
	void *memory = refused() ? NULL : vmi_sys_host.alloc(bytes);

	live_allocs += memory != NULL;
	return memory;
}

static void *faulty_alloc_aligned(size_t alignment, size_t bytes)
{
	void *memory = refused() ? NULL :
		vmi_sys_host.alloc_aligned(alignment, bytes);

	live_allocs += memory != NULL;
	return memory;
}

static void faulty_free(void *memory)
{
	live_allocs -= memory != NULL;
	vmi_sys_host.free(memory);
}

static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* -- one life of a machine ----------------------------------------------- */

static int map_ram(struct machine *m)
{
	struct vmapi_ram_config ram = {
		.size = sizeof(ram), .bytes = 0x10000,
	};
	void *pointer;
	int rc = vmapi_ram_create(m->ctx, &ram, &m->ram);

	if (rc)
		return rc;
	rc = vmapi_ram_pointer(m->ram, &pointer);
	if (rc)
		return rc;
	m->mem = pointer;
	memcpy(m->mem + 0xfff0, "\xb0\x55\xe6\xe9\xf4", 5);
	return machine_map(m, 0xf0000, 0, 0x10000, 0);
}

static int use(struct machine *m)
{
	struct vmapi_x86_segment cs = {
		.base = 0xf0000, .limit = 0xffff, .selector = 0xf000,
		.attributes = 0x9b,
	};
	static uint8_t area[16384];
	struct vmapi_reg set[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_RBX, .value = 5 },
		{ .tag = VMAPI_X86_MSR(0x174), .value = 6 },
	};
	struct vmapi_reg get[] = {
		{ .tag = VMAPI_X86_RBX },
		{ .tag = VMAPI_X86_XSAVE, .data = area,
			.bytes = sizeof(area) },
		{ .tag = VMAPI_X86_CPUID, .data = area,
			.bytes = sizeof(area) },
	};
	struct vmapi_exit exit = { .size = sizeof(exit) };
	int rc = vmapi_vcpu_reset(m->vcpu);

	if (!rc)
		rc = vmapi_regs_set(m->vcpu, set, 3, NULL,
			VMAPI_REGS_ALL_OR_NOTHING);
	if (!rc)
		rc = vmapi_vcpu_run(m->vcpu, &exit);
	if (!rc)
		CHECK(exit.reason == VMAPI_EXIT_IO);
	if (!rc)
		rc = vmapi_regs_get(m->vcpu, get, 3, NULL, 0);
	if (!rc)
		CHECK(get[0].value == 5);
	return rc;
}

/* Asking for exits is all or nothing: a failure leaves nothing asked for. */
static int ask(struct machine *m)
{
	static const struct vmapi_x86_msr_range range = {
		.first = 0xc0000081, .count = 1, .access = VMAPI_X86_MSR_READ,
	};
	struct vmapi_x86_exits exits = {
		.size = sizeof(exits),
		.msrs = VMAPI_X86_MSR_UNKNOWN,
		.n_ranges = 1,
		.ranges = &range,
	};

	return vmapi_x86_exits(m->vm, &exits);
}

static int see(void *opaque, struct vmapi_access *access)
{
	(void)opaque;
	(void)access;
	return VMAPI_REGION_DONE;
}

/* Everything that wires a VM to eventfds. */
struct wires {
	struct vmapi_irqfd *irqfd;
	struct vmapi_ioeventfd *ioeventfd;
	struct vmapi_region *posted;
	struct vmapi_device *vfio, *hpet, *counter;
};

static int wire_fds(struct machine *m, int fd, struct wires *w)
{
	struct vmapi_irq_config line = { .size = sizeof(line), .pin = 10 };
	struct vmapi_irqfd_config in = { .size = sizeof(in), .fd = fd,
		.resample_fd = fd, .flags = VMAPI_IRQFD_RESAMPLE };
	struct vmapi_ioeventfd_config out = { .size = sizeof(out), .fd = fd,
		.address = 0xfe000000 };
	int rc = vmapi_irq_create(m->vm, &line, &in.irq);

	if (rc)
		return rc;
	rc = vmapi_irqfd_create(m->vm, &in, &w->irqfd);
	vmapi_irq_destroy(in.irq);
	CHECK(!rc == !!w->irqfd);
	if (!rc)
		rc = vmapi_ioeventfd_create(m->vm, &out, &w->ioeventfd);
	return rc;
}

static int wire_up(struct machine *m, struct wires *w)
{
	struct vmapi_region_config p = { .size = sizeof(p),
		.flags = VMAPI_REGION_POSTED, .base = 0xfe001000, .bytes = 64 };
	struct vmapi_route route = { .size = sizeof(route), .gsi = 40,
		.type = VMAPI_ROUTE_MSI };
	struct vmapi_device_config d = { .size = sizeof(d),
		.type = VMAPI_DEVICE_VFIO };
	int rc = vmapi_region_handler(m->vm, &p, see, NULL, &w->posted);

	route.u.msi.address = 0xfee00000;
	if (!rc)
		rc = vmapi_routes_set(m->vm, &route, 1);
	if (!rc && !vmapi_device_probe(m->vm, VMAPI_DEVICE_VFIO))
		rc = vmapi_device_create(m->vm, &d, &w->vfio);
	return rc;
}

/* A page that is shown, and its thread; a counter with an alarm. */
static int tick(struct machine *m, struct wires *w)
{
	struct vmapi_device_config d = { .size = sizeof(d),
		.type = VMAPI_DEVICE_HPET, .flags = VMAPI_DEVICE_MIRROR };
	struct vmapi_irq_config line = { .size = sizeof(line), .pin = 11 };
	struct vmapi_counter_config c = { .size = sizeof(c), .ticks = 1000,
		.seconds = 1, .divider = 1, .width = 32,
		.space = VMAPI_SPACE_PORT, .base = 0x300, .bytes = 4 };
	int rc = vmapi_device_create(m->vm, &d, &w->hpet);

	CHECK(!rc == !!w->hpet);
	if (!rc)
		rc = vmapi_irq_create(m->vm, &line, &c.irq);
	if (rc)
		return rc;
	rc = vmapi_counter_create(m->vm, &c, &w->counter);
	vmapi_irq_destroy(c.irq);
	CHECK(!rc == !!w->counter);
	return rc ? rc : vmapi_counter_alarm(w->counter, 1000, 0);
}

static int wire(struct machine *m)
{
	int fd = vmi_sys_host.eventfd(0, 0), rc;
	struct wires w;

	memset(&w, 0, sizeof(w));
	rc = wire_fds(m, fd, &w);
	if (!rc)
		rc = wire_up(m, &w);
	if (!rc)
		rc = tick(m, &w);
	vmapi_device_destroy(w.counter);
	vmapi_device_destroy(w.hpet);
	vmapi_device_destroy(w.vfio);
	vmapi_region_destroy(w.posted);
	vmapi_ioeventfd_destroy(w.ioeventfd);
	vmapi_irqfd_destroy(w.irqfd);
	vmi_sys_host.close(fd);
	return rc;
}

static int life(void)
{
	struct vmapi_vm_config config = {
		.size = sizeof(config), .irqchip = VMAPI_IRQCHIP_FULL,
		.flags = VMAPI_VM_PIT,
	};
	struct machine m;
	int rc;

	memset(&m, 0, sizeof(m));
	rc = vmapi_open("kvm", 0, &m.ctx);
	CHECK(!rc == !!m.ctx);
	if (!rc)
		rc = vmapi_vm_create(m.ctx, &config, &m.vm);
	CHECK(!rc == !!m.vm);
	if (!rc)
		rc = ask(&m);
	if (!rc)
		rc = vmapi_vm_as(m.vm, &m.as);
	if (!rc)
		rc = map_ram(&m);
	if (!rc) {
		rc = vmapi_vcpu_create(m.vm, NULL, &m.vcpu);
		CHECK(!rc == !!m.vcpu);
	}
	if (!rc)
		rc = use(&m);
	if (!rc)
		rc = wire(&m);
	machine_close(&m);
	return rc;
}

/* The same for the trial guest, which has no context. */
static void trial(void)
{
	struct vmapi_backend_info infos[4] = { { .size = sizeof(infos[0]) } };
	size_t n = 0;

	if (!vmapi_probe(VMAPI_PROBE_TRIAL, infos, 4, &n))
		CHECK(n > 0 && infos[0].reason[0]);
}

static void one_round(unsigned n, bool is_trial, unsigned *harmless)
{
	unsigned fds = open_fds();
	int rc = 0;

	calls = 0;
	fail_at = n;
	if (is_trial)
		trial();
	else
		rc = life();
	fail_at = 0;
	*harmless += rc == 0;
	if (rc && !CHECK(vmapi_error_last()->code == rc &&
		vmapi_error_last()->message[0]))
		printf("  site %u: %d without a sentence\n", n, rc);
	if (!CHECK(live_allocs == 0 && live_maps == 0 && open_fds() == fds))
		printf("  site %u (%s): %ld allocations, %ld maps, %d fds\n",
			n, is_trial ? "trial" : "life", live_allocs,
			live_maps, (int)open_fds() - (int)fds);
	live_allocs = live_maps = 0;
}

static void all_rounds(bool is_trial)
{
	unsigned n, harmless = 0;

	for (n = 1; n < 2000; n++) {
		one_round(n, is_trial, &harmless);
		if (calls < n)
			break;
	}
	CHECK(n > 20 && n < 2000);
	printf("%s: %u sites, each failed once, %u without harm\n",
		is_trial ? "trial" : "life", n - 1, harmless - 1);
}

int main(void)
{
	struct vmapi *ctx;

	if (vmapi_open("kvm", 0, &ctx)) {
		printf("%s\n", vmapi_error_last()->message);
		return 77;
	}
	vmapi_close(ctx);
	faulty = vmi_sys_host;
	faulty.open = faulty_open;
	faulty.ioctl = faulty_ioctl;
	faulty.mmap = faulty_mmap;
	faulty.munmap = faulty_munmap;
	faulty.sigmask = faulty_sigmask;
	faulty.timer_start = faulty_timer_start;
	faulty.eventfd = faulty_eventfd;
	faulty.dup = faulty_dup;
	faulty.epoll = faulty_epoll;
	faulty.epoll_add = faulty_epoll_add;
	faulty.timerfd = faulty_timerfd;
	faulty.alloc = faulty_alloc;
	faulty.alloc_aligned = faulty_alloc_aligned;
	faulty.free = faulty_free;
	vmi_sys = &faulty;
	all_rounds(false);
	all_rounds(true);
	return check_result("faults");
}
