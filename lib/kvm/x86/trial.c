/* SPDX-License-Identifier: MIT */
/* The trial guest: does this KVM do what it advertises? */
/*
 * A KVM without hardware under it (a software one, or a nested one that cuts
 * corners) can answer every capability and still fail at instructions that
 * no kernel boots without.  Two tiny guests try what such have failed at:
 * one in 64-bit mode at privilege level 0 executes CMPXCHG16B and FXRSTOR,
 * one in 32-bit protected mode turns on paging and reads through a page that
 * maps elsewhere.  Each reports by OUT.  A guest that does not report in time
 * is ended by a timer's signal, let into KVM_RUN as kicks are (kick.c).
 */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "lib/kvm/x86/x86.h"

#define RAM_BYTES 0x10000
#define PML4	  0x1000
#define PDPT	  0x2000
#define PD	  0x3000
#define CODE64	  0x4000
#define DATA	  0x5000
#define FX	  0x6000
#define PD32	  0x7000
#define CODE32	  0x8000
#define PT32	  0x9000

#define REPORT_PORT 0xf4
#define PATIENCE_NS 300000000u

struct trial {
	int vm;
	int vcpu;
	size_t run_bytes;
	struct kvm_run *run;
	uint8_t *ram;
	struct kvm_cpuid2 *cpuid;
	int kick_signal;
	sigset_t kick_set;
	sigset_t before; /* the thread's mask */
	bool untried; /* it could not be made: nothing is known */
	char *why;
	size_t room;
};

/* clang-format off: an instruction a line */
static const uint8_t code64[] = {
	0x48, 0xc7, 0xc7, 0x00, 0x50, 0x00, 0x00, /* mov rdi, DATA */
	0x31, 0xc0, 0x31, 0xd2,			  /* eax = edx = 0 */
	0xbb, 0x01, 0x00, 0x00, 0x00,		  /* mov ebx, 1 */
	0xb9, 0x02, 0x00, 0x00, 0x00,		  /* mov ecx, 2 */
	0xf0, 0x48, 0x0f, 0xc7, 0x0f,		  /* lock cmpxchg16b [rdi] */
	0x0f, 0x94, 0xc0, 0xe6, REPORT_PORT,	  /* setz al; out */
	0x48, 0xc7, 0xc6, 0x00, 0x60, 0x00, 0x00, /* mov rsi, FX */
	0x0f, 0xae, 0x0e,			  /* fxrstor [rsi] */
	0xb0, 0x02, 0xe6, REPORT_PORT,		  /* mov al, 2; out */
	0xf4,					  /* hlt */
};

static const uint8_t code32[] = {
	0xb8, 0x00, 0x70, 0x00, 0x00, 0x0f, 0x22, 0xd8, /* cr3 = PD32 */
	0x0f, 0x20, 0xc0, 0x0d, 0x00, 0x00, 0x00, 0x80, /* eax = cr0 | PG */
	0x0f, 0x22, 0xc0,				/* mov cr0, eax */
	0xa0, 0x00, 0x50, 0x40, 0x00,			/* mov al, [0x405000] */
	0xe6, REPORT_PORT,				/* out */
	0xf4,						/* hlt */
};
/* clang-format on */

static int call(int fd, unsigned long request, void *arg)
{
	return vmi_sys->ioctl(fd, request, arg);
}

static bool say(struct trial *t, const char *sentence)
{
	snprintf(t->why, t->room, "%s", sentence);
	return false;
}

/* What is missing is the host's: memory, descriptors, a timer. */
static bool cannot(struct trial *t)
{
	t->untried = true;
	return false;
}

/* -- the machine --------------------------------------------------------- */

static void put(struct trial *t, unsigned at, uint64_t value, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		t->ram[at + i] = (uint8_t)(value >> (8 * i));
}

/* Identity for 2 MiB in long mode; in 32-bit mode 0 and 4 MiB are the same. */
static void fill_ram(struct trial *t)
{
	unsigned i;

	memcpy(t->ram + CODE64, code64, sizeof(code64));
	memcpy(t->ram + CODE32, code32, sizeof(code32));
	put(t, PML4, PDPT | 3, 8);
	put(t, PDPT, PD | 3, 8);
	put(t, PD, 0x83, 8);
	put(t, PD32, PT32 | 3, 4);
	put(t, PD32 + 4, PT32 | 3, 4);
	for (i = 0; i < RAM_BYTES >> 12; i++)
		put(t, PT32 + 4 * i, i << 12 | 3, 4);
	put(t, FX, 0x037f, 2);	    /* FCW */
	put(t, FX + 24, 0x1f80, 4); /* MXCSR */
}

static int make_ram(struct trial *t)
{
	struct vmi_mmap what = {
		.bytes = RAM_BYTES,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS,
		.fd = -1,
	};
	struct kvm_userspace_memory_region region = {
		.memory_size = RAM_BYTES,
	};
	void *where;
	int rc = vmi_sys->mmap(&what, &where);

	if (rc < 0)
		return rc;
	t->ram = where;
	fill_ram(t);
	region.userspace_addr = (uintptr_t)where;
	return call(t->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static void close_vcpu(struct trial *t)
{
	if (t->run)
		vmi_sys->munmap(t->run, t->run_bytes);
	if (t->vcpu >= 0)
		vmi_sys->close(t->vcpu);
	t->run = NULL;
	t->vcpu = -1;
}

/* The signal mask inside KVM_RUN: the thread's own, and the kick let in. */
static int let_kick_in(struct trial *t)
{
	struct {
		uint32_t len;
		uint8_t set[8];
	} arg = { .len = 8 };
	sigset_t inside = t->before;

	sigdelset(&inside, t->kick_signal);
	memcpy(arg.set, &inside, sizeof(arg.set));
	return call(t->vcpu, KVM_SET_SIGNAL_MASK, &arg);
}

static int open_vcpu(struct trial *t, unsigned id)
{
	struct vmi_mmap what = {
		.bytes = t->run_bytes,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_SHARED,
	};
	void *where;
	int rc;

	t->vcpu = call(t->vm, KVM_CREATE_VCPU, (void *)(uintptr_t)id);
	if (t->vcpu < 0)
		return t->vcpu;
	what.fd = t->vcpu;
	rc = vmi_sys->mmap(&what, &where);
	if (rc < 0)
		return rc;
	t->run = where;
	rc = call(t->vcpu, KVM_SET_CPUID2, t->cpuid);
	return rc < 0 ? rc : let_kick_in(t);
}

static struct kvm_segment flat(bool is_code, bool is_long)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = is_code ? 8 : 16,
		.type = is_code ? 11 : 3,
		.present = 1,
		.db = !is_code || !is_long,
		.s = 1,
		.l = is_code && is_long,
		.g = 1,
	};
}

static int set_state(struct trial *t, bool is_long, uint64_t rip)
{
	struct kvm_regs regs = { .rip = rip, .rflags = 2, .rsp = 0xf000 };
	struct kvm_sregs sregs;
	int rc = call(t->vcpu, KVM_GET_SREGS, &sregs);

	if (rc < 0)
		return rc;
	sregs.cs = flat(true, is_long);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss =
		flat(false, is_long);
	sregs.cr0 = 0x33; /* PE, MP, ET, NE */
	if (is_long) {
		sregs.cr0 |= 0x80000000;
		sregs.cr3 = PML4;
		sregs.cr4 = 0x620;  /* PAE, OSFXSR, OSXMMEXCPT */
		sregs.efer = 0x500; /* LME, LMA */
	}
	rc = call(t->vcpu, KVM_SET_SREGS, &sregs);
	return rc < 0 ? rc : call(t->vcpu, KVM_SET_REGS, &regs);
}

/* -- running ------------------------------------------------------------- */

static bool explain(struct trial *t, const char *what, int rc)
{
	const struct kvm_run *run = t->run;

	if (rc == -EINTR)
		snprintf(t->why, t->room, "%s did not come to an end", what);
	else if (rc < 0)
		snprintf(t->why, t->room, "%s: KVM_RUN failed (errno %d)", what,
			-rc);
	else if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		snprintf(t->why, t->room, "%s failed (internal error %u)", what,
			(unsigned)run->internal.suberror);
	else if (run->exit_reason == KVM_EXIT_IO)
		snprintf(t->why, t->room, "%s gave a wrong result", what);
	else
		snprintf(t->why, t->room, "%s failed (exit %u)", what,
			(unsigned)run->exit_reason);
	return false;
}

/* Until it exits; -EINTR: its time is over.  Others' signals do not count. */
static int run_guest(struct trial *t)
{
	int rc, number;

	do {
		rc = call(t->vcpu, KVM_RUN, NULL);
		if (rc != -EINTR && rc != -EAGAIN)
			break;
		do
			number = vmi_sys->sigtimedwait(&t->kick_set, 0);
		while (number == -EINTR);
	} while (number < 0);
	return rc;
}

/* Run to the next report; `what` names what is on trial until then. */
static bool reports(struct trial *t, uint8_t value, const char *what)
{
	struct kvm_run *run = t->run;
	void *timer;
	int rc = vmi_sys->timer_start(t->kick_signal, PATIENCE_NS, &timer);
	int number;

	if (rc < 0)
		return cannot(t);
	rc = run_guest(t);
	vmi_sys->timer_stop(timer);
	do
		number = vmi_sys->sigtimedwait(&t->kick_set, 0);
	while (number > 0 || number == -EINTR);
	if (rc == -ENOMEM)
		return cannot(t);
	if (rc >= 0 && run->exit_reason == KVM_EXIT_IO &&
		run->io.port == REPORT_PORT &&
		((uint8_t *)run)[run->io.data_offset] == value)
		return true;
	return explain(t, what, rc);
}

static bool has_feature(
	const struct trial *t, unsigned edx_bit, unsigned ecx_bit)
{
	uint32_t i;

	for (i = 0; i < t->cpuid->nent; i++)
		if (t->cpuid->entries[i].function == 1)
			return t->cpuid->entries[i].edx >> edx_bit & 1 &&
			       t->cpuid->entries[i].ecx >> ecx_bit & 1;
	return false;
}

/* CPUID.1: EDX 24 FXSR, ECX 13 CMPXCHG16B: what is not advertised is no lie. */
static bool try_long(struct trial *t)
{
	static const uint8_t swapped[16] = { [0] = 1, [8] = 2 };

	if (!has_feature(t, 24, 13))
		return true;
	if (open_vcpu(t, 0) < 0)
		return cannot(t);
	if (set_state(t, true, CODE64) < 0)
		return say(t, "a vcpu cannot be put into 64-bit mode");
	if (!reports(t, 1, "CMPXCHG16B at privilege level 0"))
		return false;
	if (memcmp(t->ram + DATA, swapped, sizeof(swapped)))
		return say(t, "CMPXCHG16B at privilege level 0 stored nothing");
	return reports(t, 2, "FXRSTOR at privilege level 0");
}

static bool try_paging(struct trial *t)
{
	t->ram[DATA] = 0x5a;
	if (open_vcpu(t, 1) < 0)
		return cannot(t);
	if (set_state(t, false, CODE32) < 0)
		return say(t, "a vcpu cannot be put into 32-bit mode");
	return reports(t, 0x5a, "32-bit paging");
}

static bool try_guests(struct trial *t)
{
	bool good = try_long(t);

	close_vcpu(t);
	if (good) {
		good = try_paging(t);
		close_vcpu(t);
	}
	return good;
}

static int make_vm(struct trial *t, int fd)
{
	int rc = call(fd, KVM_GET_VCPU_MMAP_SIZE, NULL);

	if (rc < (int)sizeof(struct kvm_run))
		return rc < 0 ? rc : -EINVAL;
	t->run_bytes = (size_t)rc;
	rc = vmi_kvm_x86_cpuid_fetch(
		NULL, fd, KVM_GET_SUPPORTED_CPUID, &t->cpuid);
	if (rc < 0)
		return rc;
	t->vm = vmi_kvm_create_vm(fd, 0);
	if (t->vm < 0)
		return t->vm;
	rc = call(t->vm, KVM_SET_TSS_ADDR, (void *)(uintptr_t)0xfeffd000ul);
	return rc < 0 ? rc : make_ram(t);
}

/* A trial that cannot be set up says nothing about the processor. */
enum vmi_kvm_verdict vmi_kvm_arch_trial(int fd, char *why, size_t room)
{
	struct trial t = {
		.vm = -1,
		.vcpu = -1,
		.kick_signal = SIGRTMAX - 2,
		.why = why,
		.room = room,
	};
	bool good;

	sigemptyset(&t.kick_set);
	sigaddset(&t.kick_set, t.kick_signal);
	if ((vmi_sys->sigmask)(SIG_BLOCK, &t.kick_set, &t.before) < 0)
		return VMI_KVM_UNTRIED;
	good = make_vm(&t, fd) >= 0 ? try_guests(&t) : cannot(&t);
	if (t.vm >= 0)
		vmi_sys->close(t.vm);
	if (t.ram)
		vmi_sys->munmap(t.ram, RAM_BYTES);
	vmi_free(t.cpuid);
	if (sigismember(&t.before, t.kick_signal) != 1)
		(vmi_sys->sigmask)(SIG_UNBLOCK, &t.kick_set, NULL);
	if (t.untried)
		return VMI_KVM_UNTRIED;
	return good ? VMI_KVM_SOUND : VMI_KVM_IMPAIRED;
}
