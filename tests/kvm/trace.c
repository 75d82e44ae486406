/* SPDX-License-Identifier: MIT */
/* What real kernels answered, recorded there and replayed anywhere. */
/*
 * A row of public calls that need no guest, most of them with something to
 * refuse.  On a real KVM every ioctl under it is printed, in order, with its
 * answer, and every call with its result.  Elsewhere the recorded answers
 * are given back: the library has to ask the same in the same order, and to
 * make the same of the errnos that the kernel really gave.  What a kernel has
 * (KVM_CHECK_EXTENSION) changes nothing and is always the same: that it may
 * ask whenever it likes, but nothing that the kernel was not asked then.
 *
 * The traces are tests/kvm/traces/ARCHITECTURE-MACHINE, of the machines of
 * tests/cross.  A line is "k CLASS NUMBER KEY ANSWER" for an ioctl on the
 * system, a VM, a vcpu or a device: the number alone, since its direction is
 * encoded in many ways; and what it was about.  Lines of "+ BYTES" are what
 * the kernel wrote where the library looks at it; "a NAME RESULT" is what
 * came of a public call.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/arch/regs.h"
#include "lib/arch/attr.h"
#include "tests/kvm/native.h"

#define DESCRIPTORS 1024
#define BYTES_MAX   8192 /* a list of registers is the longest */
#define QUESTIONS   256
#define ROW	    32	 /* bytes of an answer in one line */
#define RAM_BYTES   0x100000u

/* One ioctl: what it was and what came of it. */
struct call {
	char class;
	unsigned number;
	uint64_t key;
	int rc;
	size_t n;
	uint8_t bytes[BYTES_MAX];
};

static struct vmi_sys table;
static char classes[DESCRIPTORS];
static FILE *trace; /* to replay; NULL: recording */
static unsigned line_number, n_calls;
static struct call questions[QUESTIONS]; /* about extensions, of the trace */
static unsigned n_questions;

/* -- What an ioctl is about ------------------------------------------------ */

static uint64_t key_of(unsigned long request, const void *arg)
{
	switch (request) {
	case KVM_CHECK_EXTENSION:
	case KVM_CREATE_VM:
	case KVM_CREATE_VCPU: return (uintptr_t)arg;
	case KVM_GET_ONE_REG:
	case KVM_SET_ONE_REG: return ((const struct kvm_one_reg *)arg)->id;
	case KVM_ENABLE_CAP: return ((const struct kvm_enable_cap *)arg)->cap;
	case KVM_SET_USER_MEMORY_REGION:
		return ((const struct kvm_userspace_memory_region *)arg)->slot;
	case KVM_CREATE_DEVICE:
		return ((const struct kvm_create_device *)arg)->type |
			(uint64_t)((const struct kvm_create_device *)arg)->flags
			<< 32;
	case KVM_HAS_DEVICE_ATTR:
	case KVM_SET_DEVICE_ATTR:
		return (uint64_t)((const struct kvm_device_attr *)arg)->group
			<< 32 | ((const struct kvm_device_attr *)arg)->attr;
	default: return 0;
	}
}

/* Values of registers and the like: nothing is made of them. */
static bool is_value(unsigned long request)
{
	size_t i;

	for (i = 0; i < native.kernel.n_pairs; i++)
		if (request == native.kernel.pairs[i].get)
			return true;
	return request == KVM_GET_ONE_REG || request == KVM_CREATE_DEVICE ||
		request == KVM_CREATE_VM;
}

/* How much the kernel wrote that matters. */
static size_t answer_of(unsigned long request, const void *arg, int rc)
{
	size_t n = native.trace.list ? native.trace.list(request, arg, rc) : 0;

	if (n)
		return n;
	if (request == KVM_GET_REG_LIST)
		return 8 + (rc < 0 ? 0 :
			(size_t)((const struct kvm_reg_list *)arg)->n * 8);
	if (rc < 0 || is_value(request))
		return 0;
	return _IOC_DIR(request) & _IOC_READ ? _IOC_SIZE(request) : 0;
}

/* The class of the descriptor that it returns; 0: it returns none. */
static char gives(unsigned long request, const void *arg)
{
	const struct kvm_create_device *device = arg;

	switch (request) {
	case KVM_CREATE_VM: return 'm';
	case KVM_CREATE_VCPU: return 'v';
	case KVM_CREATE_DEVICE:
		return device->flags & KVM_CREATE_DEVICE_TEST ? 0 : 'd';
	default: return 0;
	}
}

static void give(int fd, char class)
{
	if (fd >= 0 && fd < DESCRIPTORS)
		classes[fd] = class;
}

/* -- Recording --------------------------------------------------------------- */

static void print_call(const struct call *c)
{
	size_t i;

	printf("T k %c %02x %" PRIx64 " %d", c->class, c->number, c->key,
		c->rc);
	for (i = 0; i < c->n; i++)
		printf("%s%02x", i % ROW ? "" : "\nT + ", c->bytes[i]);
	printf("\n");
}

static int record(struct call *c, int fd, unsigned long request, void *arg)
{
	char given = gives(request, arg);
	int rc = vmi_sys_host.ioctl(fd, request, arg);

	c->rc = given && rc > 0 ? 0 : rc;
	c->n = answer_of(request, arg, rc);
	if (c->n > BYTES_MAX)
		return -EFAULT;
	if (c->n)
		memcpy(c->bytes, arg, c->n);
	if (given && rc >= 0)
		give(given == 'd' ? (int)((struct kvm_create_device *)arg)->fd
				  : rc, given);
	print_call(c);
	return rc;
}

/* -- Replaying ------------------------------------------------------------------ */

/* The trace and the library have parted: nothing after it means anything. */
static void part(const char *what, const char *line)
{
	CHECK(!"the same as on the real kernel");
	printf("line %u: %s, and the trace has: %s\n", line_number, what,
		line);
	exit(check_result("kvm/trace"));
}

static bool is_call(const char *line, struct call *c)
{
	return sscanf(line, "k %c %x %" SCNx64 " %d", &c->class, &c->number,
		       &c->key, &c->rc) == 4;
}

static bool is_question(const struct call *c)
{
	return c->number == _IOC_NR(KVM_CHECK_EXTENSION);
}

static bool same(const struct call *a, const struct call *b)
{
	return a->class == b->class && a->number == b->number &&
		a->key == b->key;
}

static const struct call *question(const struct call *is)
{
	unsigned i;

	for (i = 0; i < n_questions; i++)
		if (same(&questions[i], is))
			return &questions[i];
	return NULL;
}

/* Each once; what differs from another answer would not be constant. */
static void read_questions(void)
{
	char line[2 * ROW + 16];
	const struct call *had;
	struct call c;

	for (n_questions = 0; fgets(line, sizeof(line), trace);) {
		if (!is_call(line, &c) || !is_question(&c))
			continue;
		had = question(&c);
		if (had)
			CHECK(had->rc == c.rc);
		else if (CHECK(n_questions < QUESTIONS))
			questions[n_questions++] = c;
	}
	rewind(trace);
}

/* The next that is no question. */
static bool get_line(char *line, size_t room)
{
	struct call c;

	do {
		line_number++;
		if (!fgets(line, (int)room, trace))
			return false;
	} while (is_call(line, &c) && is_question(&c));
	return true;
}

static void next_line(char *line, size_t room, const char *what)
{
	if (!get_line(line, room))
		part(what, "nothing more\n");
}

/* The bytes of an answer are the lines behind it that begin with a plus. */
static void read_bytes(struct call *c, const char *what)
{
	char line[2 * ROW + 16];
	unsigned byte;
	int at, next;

	for (c->n = 0;;) {
		next = fgetc(trace);
		ungetc(next, trace);
		if (next != '+')
			return;
		next_line(line, sizeof(line), what);
		for (at = 2; sscanf(line + at, "%2x", &byte) == 1; at += 2)
			if (c->n < BYTES_MAX)
				c->bytes[c->n++] = (uint8_t)byte;
	}
}

static void read_call(struct call *c, const char *what)
{
	char line[80];

	next_line(line, sizeof(line), what);
	if (!is_call(line, c))
		part(what, line);
	read_bytes(c, what);
}

static int new_descriptor(char class, void *arg)
{
	int fd = vmi_sys_host.open("/dev/null", O_RDWR | O_CLOEXEC);

	give(fd, class);
	if (class != 'd')
		return fd;
	((struct kvm_create_device *)arg)->fd = (uint32_t)fd;
	return fd < 0 ? fd : 0;
}

static int replay(struct call *is, unsigned long request, void *arg)
{
	static struct call was;
	const struct call *answer = question(is);
	char given = gives(request, arg), what[80], line[80];

	if (answer)
		return answer->rc;
	snprintf(what, sizeof(what), "%c %02x %" PRIx64 " is asked", is->class,
		is->number, is->key);
	read_call(&was, what);
	snprintf(line, sizeof(line), "%c %02x %" PRIx64 "\n", was.class,
		was.number, was.key);
	if (!same(&was, is))
		part(what, line);
	memcpy(was.n ? arg : line, was.bytes, was.n);
	return given && was.rc >= 0 ? new_descriptor(given, arg) : was.rc;
}

/* -- Behind lib/sys ---------------------------------------------------------------- */

static int trace_ioctl(int fd, unsigned long request, void *arg)
{
	static struct call call;

	if (fd < 0 || fd >= DESCRIPTORS || !classes[fd])
		return vmi_sys_host.ioctl(fd, request, arg);
	n_calls++;
	call.class = classes[fd];
	call.number = _IOC_NR(request);
	call.key = key_of(request, arg);
	return trace ? replay(&call, request, arg)
		     : record(&call, fd, request, arg);
}

static int trace_open(const char *path, int flags)
{
	bool is_kvm = !strcmp(path, "/dev/kvm");
	int fd = vmi_sys_host.open(is_kvm && trace ? "/dev/null" : path, flags);

	if (is_kvm)
		give(fd, 's');
	return fd;
}

static int trace_close(int fd)
{
	give(fd, 0);
	return vmi_sys_host.close(fd);
}

static int trace_mmap(const struct vmi_mmap *what, void **where)
{
	struct vmi_mmap own = *what;

	if (trace && own.fd >= 0 && own.fd < DESCRIPTORS && classes[own.fd]) {
		own.fd = -1;
		own.flags = MAP_PRIVATE | MAP_ANONYMOUS;
	}
	return vmi_sys_host.mmap(&own, where);
}

/* -- The calls ------------------------------------------------------------------------ */

static int result(const char *name, int rc)
{
	char line[80], had[40];
	int was;

	if (!trace) {
		printf("T a %s %d\n", name, rc);
		return rc;
	}
	next_line(line, sizeof(line), name);
	if (sscanf(line, "a %39s %d", had, &was) != 2 || strcmp(had, name))
		part(name, line);
	if (!CHECK(was == rc))
		printf("line %u: %s gives %d, and gave %d\n", line_number, name,
			rc, was);
	return rc;
}

static void capabilities(struct vmapi *ctx, struct vmapi_vm *vm)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	unsigned id;

	for (id = 1; id <= VMAPI_CAP_TSC_CONTROL; id++) {
		if (id == VMAPI_CAP_IMPAIRED && native.trace.tries)
			continue;
		result("cap", vmapi_cap_get(ctx, id, &cap));
		result("vm-cap", vmapi_vm_cap_get(vm, id, &cap));
	}
}

static int map_at(struct vmapi_vm *vm, struct vmapi_as *as,
	struct vmapi_ram *ram, uint64_t gpa)
{
	struct vmapi_map_entry e = { .size = sizeof(e), .gpa = gpa,
		.bytes = RAM_BYTES, .ram = ram, .flags = VMAPI_MAP_LOG };
	struct vmapi_map *map;
	int rc = vmapi_map_begin(vm, &map);

	if (rc)
		return rc;
	rc = vmapi_map_add(map, as, &e);
	if (!rc)
		return vmapi_map_commit(map);
	vmapi_map_abort(map);
	return rc;
}

static void maps(struct vmapi *ctx, struct vmapi_vm *vm)
{
	struct vmapi_ram_config config = { .size = sizeof(config),
		.bytes = RAM_BYTES };
	struct vmapi_dirty dirty = { .size = sizeof(dirty),
		.bytes = RAM_BYTES };
	struct vmapi_ram *ram;
	struct vmapi_as *as;

	result("as", vmapi_vm_as(vm, &as));
	result("ram", vmapi_ram_create(ctx, &config, &ram));
	result("map", map_at(vm, as, ram, 0x80000000));
	result("map-again", map_at(vm, as, ram, 0x80000000));
	result("map-odd", map_at(vm, as, ram, 0x123));
	result("map-far", map_at(vm, as, ram, UINT64_C(1) << 60));
	result("map-low", map_at(vm, as, ram, 0));
	result("dirty", vmapi_dirty_read(ram, &dirty));
	vmapi_as_destroy(as);
	vmapi_ram_destroy(ram);
}

static void registers(struct vmapi_vcpu *vcpu)
{
	struct vmapi_reg bogus = { .tag = UINT64_MAX >> 8 };
	struct vmapi_reg pc = { .value = 0x1000 };
	uint32_t state = 99;
	struct vmapi_reg mp = { .data = &state, .bytes = sizeof(state) };
	size_t n = 0;

	result("reg-list", vmapi_reg_list(vcpu, NULL, 0, &n));
	result("pc", vmapi_reg_tag(vcpu,
		native.trace.pc ? native.trace.pc : "pc", &pc.tag));
	result("pc-set", vmapi_regs_set(vcpu, &pc, 1, NULL, 0));
	result("pc-get", vmapi_regs_get(vcpu, &pc, 1, NULL, 0));
	result("bogus-set", vmapi_regs_set(vcpu, &bogus, 1, NULL, 0));
	result("bogus-get", vmapi_regs_get(vcpu, &bogus, 1, NULL, 0));
	if (result("mp", vmapi_reg_tag(vcpu, "mp_state", &mp.tag)) == 0) {
		result("mp-set", vmapi_regs_set(vcpu, &mp, 1, NULL, 0));
		result("mp-get", vmapi_regs_get(vcpu, &mp, 1, NULL, 0));
	}
}

static void debugging(struct vmapi_vcpu *vcpu)
{
	static const struct vmapi_debug_point point = { .address = 0x1000 };
	struct vmapi_debug d = { .size = sizeof(d),
		.flags = VMAPI_DEBUG_SOFTWARE };

	result("debug-software", vmapi_vcpu_debug(vcpu, &d));
	d.flags = VMAPI_DEBUG_STEP;
	result("debug-step", vmapi_vcpu_debug(vcpu, &d));
	d.flags = 0;
	d.points = &point;
	d.n_points = 1;
	result("debug-point", vmapi_vcpu_debug(vcpu, &d));
	result("debug-off", vmapi_vcpu_debug(vcpu, NULL));
}

static void vcpus(struct vmapi_vm *vm)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config) };
	struct vmapi_vcpu *vcpu, *other;

	if (result("vcpu", vmapi_vcpu_create(vm, &config, &vcpu)))
		return;
	result("vcpu-again", vmapi_vcpu_create(vm, &config, &other));
	config.id = 1u << 20;
	result("vcpu-far", vmapi_vcpu_create(vm, &config, &other));
	config.id = 1;
	config.features = UINT64_C(1) << 40;
	result("vcpu-odd", vmapi_vcpu_create(vm, &config, &other));
	registers(vcpu);
	debugging(vcpu);
	result("interrupt", vmapi_vcpu_interrupt(vcpu, 1));
	result("interrupt-off", vmapi_vcpu_interrupt(vcpu, 0));
	result("nmi", vmapi_vcpu_nmi(vcpu));
	result("reset", vmapi_vcpu_reset(vcpu));
	vmapi_vcpu_destroy(vcpu);
}

/* Each attribute of its table is asked for, by its first number. */
static void attributes(struct vmapi_device *device)
{
	struct vmapi_attr attr = { .size = sizeof(attr), .device = device };
	struct vmapi_attr_info rows[16] = { { .size = sizeof(rows[0]) } };
	size_t i, n = 0;

	result("attr-list", vmapi_attr_list(&attr, rows, 16, &n));
	for (i = 0; i < n && i < 16; i++) {
		attr.group = rows[i].group;
		attr.number = rows[i].first;
		result("attr", vmapi_attr_probe(&attr));
	}
	attr.group = 99;
	result("attr-odd", vmapi_attr_probe(&attr));
}

static void devices(struct vmapi_vm *vm)
{
	struct vmapi_device_config config = { .size = sizeof(config) };
	struct vmapi_irq_config line = { .size = sizeof(line),
		.pin = native.trace.pin ? native.trace.pin : 40 };
	struct vmapi_device *device, *other;
	struct vmapi_irq *irq;

	if (result("line-early", vmapi_irq_create(vm, &line, &irq)) == 0)
		vmapi_irq_destroy(irq);
	for (config.type = VMAPI_DEVICE_MPIC_20;
		config.type <= VMAPI_DEVICE_AIA; config.type++) {
		result("probe", vmapi_device_probe(vm, config.type));
		if (result("device", vmapi_device_create(vm, &config, &device)))
			continue;
		result("device-again",
			vmapi_device_create(vm, &config, &other));
		attributes(device);
		vmapi_device_destroy(device);
	}
	if (result("line", vmapi_irq_create(vm, &line, &irq)) == 0) {
		result("line-set", vmapi_irq_set(irq, 1, NULL));
		vmapi_irq_destroy(irq);
	}
}

static void play(void)
{
	struct vmapi_vm_config odd = { .size = sizeof(odd), .type = 63 };
	struct vmapi_vm_config usual = { .size = sizeof(usual),
		.irqchip = native.trace.irqchip };
	struct vmapi *ctx;
	struct vmapi_vm *vm, *other;

	if (result("open", vmapi_open("kvm", 0, &ctx)))
		return;
	if (result("vm", vmapi_vm_create(ctx, &usual, &vm)) == 0) {
		result("vm-odd", vmapi_vm_create(ctx, &odd, &other));
		capabilities(ctx, vm);
		maps(ctx, vm);
		vcpus(vm);
		devices(vm);
		vmapi_vm_destroy(vm);
	}
	vmapi_close(ctx);
}

static void replay_file(const char *path)
{
	char line[2 * ROW + 16];

	trace = fopen(path, "r");
	if (!CHECK(trace != NULL))
		return;
	read_questions();
	line_number = n_calls = 0;
	play();
	CHECK(!get_line(line, sizeof(line))); /* all of it came */
	CHECK(n_calls > 100);
	printf("%s: %u system calls, %u lines\n", strrchr(path, '/') + 1,
		n_calls, line_number);
	fclose(trace);
	trace = NULL;
}

int main(void)
{
	const char *top = getenv("srcdir");
	char pattern[512];
	glob_t found;
	size_t i;

	table = vmi_sys_host;
	table.ioctl = trace_ioctl;
	table.open = trace_open;
	table.close = trace_close;
	table.mmap = trace_mmap;
	vmi_sys = &table;
	snprintf(pattern, sizeof(pattern), "%s/tests/kvm/traces/%s-*",
		top ? top : ".", native.name);
	if (glob(pattern, 0, NULL, &found)) {
		play();
		return check_result("kvm/trace");
	}
	for (i = 0; i < found.gl_pathc; i++)
		replay_file(found.gl_pathv[i]);
	globfree(&found);
	return check_result("kvm/trace");
}
