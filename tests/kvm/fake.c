/* SPDX-License-Identifier: MIT */
/* The recording kernel. */
#include "tests/kvm/fake.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define DESCRIPTORS 1024
#define REGISTERS   600
#define RUN_BYTES   16384

struct fake fake;

static struct vmi_sys table;
static enum fake_class classes[DESCRIPTORS];
static struct kvm_run *areas[DESCRIPTORS]; /* by vcpu */
static struct kvm_run *run_area; /* of the vcpu in question */

/* What every kernel has. */
static const struct fake_cap common_caps[] = {
	{ KVM_CAP_USER_MEMORY, 1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ KVM_CAP_ONE_REG, 1 },
	{ KVM_CAP_MP_STATE, 1 },
	{ KVM_CAP_NR_MEMSLOTS, 64 },
	{ KVM_CAP_MAX_VCPUS, 8 },
	{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
};

static int cap_in(const struct fake_cap *caps, size_t n, uintptr_t number)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (caps[i].number == number)
			return caps[i].value;
	return 0;
}

static int check_extension(uintptr_t number)
{
	int own = cap_in(fake.kernel->caps, fake.kernel->n_caps, number);

	return own ? own : cap_in(common_caps, vmi_array_len(common_caps),
				   number);
}

/* -- registers ----------------------------------------------------------- */

static struct {
	uint64_t id;
	uint8_t bytes[256];
} registers[REGISTERS];
static size_t n_registers;

static struct {
	uint8_t bytes[4096];
} blocks[24];

void *fake_register(uint64_t id)
{
	size_t i;

	for (i = 0; i < n_registers; i++)
		if (registers[i].id == id)
			return registers[i].bytes;
	return NULL;
}

static int one_reg(unsigned long request, const struct kvm_one_reg *arg)
{
	void *kept = fake_register(arg->id);
	void *theirs = (void *)(uintptr_t)arg->addr;

	if (!kept)
		return -ENOENT;
	if (request == KVM_GET_ONE_REG)
		memcpy(theirs, kept, vmi_tag_bytes(arg->id));
	else if (arg->id == fake.refused_id)
		return fake.refused_error;
	else
		memcpy(kept, theirs, vmi_tag_bytes(arg->id));
	return 0;
}

/* As kernels do it: a list that is too short is told how long. */
static int reg_list(struct kvm_reg_list *list)
{
	uint64_t room = list->n;
	size_t i;

	if (!fake.kernel->lists)
		return -EINVAL;
	list->n = n_registers;
	if (room < n_registers)
		return -E2BIG;
	for (i = 0; i < n_registers; i++)
		list->reg[i] = registers[n_registers - 1 - i].id;
	return 0;
}

/* A state that no architecture has. */
static bool is_refused(unsigned long request, const void *arg)
{
	const struct kvm_mp_state *state = arg;

	return fake.is_strict && request == KVM_SET_MP_STATE &&
	       state->mp_state > KVM_MP_STATE_SUSPENDED;
}

static int pair(unsigned long request, void *arg)
{
	const struct fake_kernel *k = fake.kernel;
	size_t i;

	for (i = 0; i < k->n_pairs; i++) {
		if (request == k->pairs[i].get)
			memcpy(arg, blocks[i].bytes, k->pairs[i].bytes);
		else if (request == k->pairs[i].set && is_refused(request, arg))
			return -EINVAL;
		else if (request == k->pairs[i].set)
			memcpy(blocks[i].bytes, arg, k->pairs[i].bytes);
		else
			continue;
		return 0;
	}
	return k->other ? k->other(FAKE_VCPU, request, arg) : -ENOTTY;
}

/* -- running ------------------------------------------------------------- */

static int run_vcpu(void)
{
	fake.entry_reason = run_area->exit_reason;
	fake.entry_immediate = run_area->immediate_exit;
	memcpy(fake.entry_union, run_area->padding, sizeof(fake.entry_union));
	if (run_area->immediate_exit)
		return -EINTR;
	memset(run_area->padding, 0, sizeof(run_area->padding));
	if (fake.next == fake.n_script)
		run_area->exit_reason = KVM_EXIT_SHUTDOWN;
	else
		fake.script[fake.next++](run_area);
	return 0;
}

/* -- descriptors --------------------------------------------------------- */

static int give(enum fake_class class)
{
	int fd = vmi_sys_host.open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd >= 0 && fd < DESCRIPTORS)
		classes[fd] = class;
	return fd;
}

static int make_vm(uint64_t type)
{
	fake.vm_type = type;
	return give(FAKE_VM);
}

/* The system says what VMs can have at best (api.rst 4.141). */
static int vm_extension(uintptr_t number)
{
	return number == VMI_KVM_CAP_MEMORY_ATTRIBUTES
		? (int)fake.attributes : check_extension(number);
}

static int set_attributes(const struct vmi_kvm_memory_attributes *arg)
{
	uint64_t end = arg->gpa + arg->bytes, at;

	fake.asked = *arg;
	if (fake.attributes_refuse_from &&
		fake_count(VMI_KVM_SET_MEMORY_ATTRIBUTES) >=
			fake.attributes_refuse_from)
		return fake.attributes_error;
	if (!fake.attributes)
		return -ENOTTY;
	if (arg->flags || arg->attributes & ~(uint64_t)fake.attributes ||
		end <= arg->gpa || (arg->gpa | arg->bytes) % 4096)
		return -EINVAL;
	for (at = arg->gpa; at < end && at / 4096 < FAKE_PAGES; at += 4096)
		fake.attributes_of[at / 4096] = (uint8_t)arg->attributes;
	return 0;
}

static int on_system(unsigned long request, void *arg)
{
	switch (request) {
	case KVM_GET_API_VERSION: return 12;
	case KVM_GET_VCPU_MMAP_SIZE: return RUN_BYTES;
	case KVM_CHECK_EXTENSION: return check_extension((uintptr_t)arg);
	case KVM_CREATE_VM: return make_vm((uintptr_t)arg);
	default: break;
	}
	return fake.kernel->other
		? fake.kernel->other(FAKE_SYSTEM, request, arg) : -ENOTTY;
}

static int on_vm(unsigned long request, void *arg)
{
	switch (request) {
	case KVM_CHECK_EXTENSION: return vm_extension((uintptr_t)arg);
	case VMI_KVM_SET_MEMORY_ATTRIBUTES: return set_attributes(arg);
	case KVM_CREATE_VCPU: return give(FAKE_VCPU);
	case KVM_ENABLE_CAP:
	case KVM_IOEVENTFD:
	case KVM_SET_USER_MEMORY_REGION: return 0;
	default: break;
	}
	return fake.kernel->other ? fake.kernel->other(FAKE_VM, request, arg)
				  : -ENOTTY;
}

static int on_vcpu(unsigned long request, void *arg)
{
	switch (request) {
	case KVM_RUN: return run_vcpu();
	case KVM_GET_REG_LIST: return reg_list(arg);
	case KVM_GET_ONE_REG:
	case KVM_SET_ONE_REG: return one_reg(request, arg);
	case KVM_ENABLE_CAP:
		memcpy(&fake.enabled, arg, sizeof(fake.enabled));
		return 0;
	case KVM_SET_SIGNAL_MASK: return 0;
	default: return pair(request, arg);
	}
}

static void note(enum fake_class class, unsigned long request, const void *arg)
{
	struct fake_call *call;

	if (fake.n_calls == FAKE_CALLS)
		return;
	call = &fake.calls[fake.n_calls++];
	call->class = class;
	call->request = request;
	call->id = 0;
	if (class == FAKE_VCPU &&
		(request == KVM_SET_ONE_REG || request == KVM_GET_ONE_REG))
		call->id = ((const struct kvm_one_reg *)arg)->id;
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	enum fake_class class = fd < DESCRIPTORS ? classes[fd] : FAKE_NONE;

	note(class, request, arg);
	if (request == fake.refused_request && request)
		return fake.refused_error;
	switch (class) {
	case FAKE_SYSTEM: return on_system(request, arg);
	case FAKE_VM: return on_vm(request, arg);
	case FAKE_VCPU:
		run_area = areas[fd];
		return on_vcpu(request, arg);
	default: return -EBADF;
	}
}

static int fake_open(const char *path, int flags)
{
	if (strcmp(path, "/dev/kvm"))
		return vmi_sys_host.open(path, flags);
	return give(FAKE_SYSTEM);
}

static int fake_close(int fd)
{
	if (fd >= 0 && fd < DESCRIPTORS)
		classes[fd] = FAKE_NONE;
	return vmi_sys_host.close(fd);
}

static int fake_mmap(const struct vmi_mmap *what, void **where)
{
	struct vmi_mmap own = *what;
	int rc;

	if (what->fd < 0 || what->fd >= DESCRIPTORS ||
		classes[what->fd] != FAKE_VCPU)
		return vmi_sys_host.mmap(what, where);
	own.fd = -1;
	own.flags = MAP_PRIVATE | MAP_ANONYMOUS;
	rc = vmi_sys_host.mmap(&own, where);
	if (rc < 0 || what->offset) /* else a ring */
		return rc;
	run_area = areas[what->fd] = *where;
	if (fake.kernel->born)
		fake.kernel->born(run_area);
	return 0;
}

/* -- for the tests ------------------------------------------------------- */

void fake_install(const struct fake_kernel *kernel)
{
	const struct vmi_regs_arch *arch = vmi_kvm_arch_regs();
	size_t i;

	memset(&fake, 0, sizeof(fake));
	fake.kernel = kernel;
	memset(registers, 0, sizeof(registers));
	memset(blocks, 0, sizeof(blocks));
	n_registers = arch->n_ones;
	for (i = 0; i < n_registers; i++)
		registers[i].id = arch->ones[i].tag;
	table = vmi_sys_host;
	table.open = fake_open;
	table.close = fake_close;
	table.ioctl = fake_ioctl;
	table.mmap = fake_mmap;
	vmi_sys = &table;
}

void fake_forget_calls(void)
{
	fake.n_calls = 0;
}

size_t fake_count(unsigned long request)
{
	size_t i, n = 0;

	for (i = 0; i < fake.n_calls; i++)
		n += fake.calls[i].request == request;
	return n;
}

size_t fake_first(unsigned long request)
{
	size_t i;

	for (i = 0; i < fake.n_calls; i++)
		if (fake.calls[i].request == request)
			break;
	return i;
}
