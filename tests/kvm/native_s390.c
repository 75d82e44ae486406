/* SPDX-License-Identifier: MIT */
/* s390x on the recording kernel: SIE exits, the shared area, interrupts. */
#include "tests/kvm/native.h"

#include <string.h>

#include "lib/arch/s390_regs.h"

#define IRQ_BYTES 72

static const struct fake_cap caps[] = {
	{ KVM_CAP_SYNC_REGS, 1 },
	{ KVM_CAP_S390_IRQ_STATE, 1 },
	{ KVM_CAP_S390_VECTOR_REGISTERS, 1 },
	{ KVM_CAP_S390_SKEYS, 1 },
	{ KVM_CAP_S390_MEM_OP, 65536 },
	{ KVM_CAP_S390_MEM_OP_EXTENSION, 3 },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
};

static const struct fake_pair pairs[] = {
	{ KVM_GET_REGS, KVM_SET_REGS, 128, VMI_S390_REGS },
	{ KVM_GET_SREGS, KVM_SET_SREGS, 192, VMI_S390_SREGS },
	{ KVM_GET_FPU, KVM_SET_FPU, 136, VMI_S390_FPU },
	{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, 4, VMI_S390_MP_STATE },
};

static struct kvm_run *area;

/* All that a kernel of today moves through the shared area. */
static void born(struct kvm_run *run)
{
	area = run;
	run->kvm_valid_regs = KVM_SYNC_S390_VALID_FIELDS;
}

static uint8_t irqs[4 * IRQ_BYTES];
static uint32_t irq_bytes;
static unsigned grows; /* so often another one is pending a moment later */
static unsigned resets;

static int irq_state(unsigned long request, struct kvm_s390_irq_state *state)
{
	void *theirs = (void *)(uintptr_t)state->buf;

	if (request == KVM_S390_SET_IRQ_STATE) {
		if (state->len == 0 || state->len > sizeof(irqs))
			return -EINVAL;
		irq_bytes = state->len;
		memcpy(irqs, theirs, irq_bytes);
		return 0;
	}
	if (state->len < irq_bytes)
		return -ENOBUFS;
	memcpy(theirs, irqs, irq_bytes);
	if (!grows)
		return (int)irq_bytes;
	grows--;
	irq_bytes += IRQ_BYTES;
	return (int)(irq_bytes - IRQ_BYTES);
}

/* -- storage keys, memory and debugging ----------------------------------- */

static struct kvm_s390_skeys last_keys;
static struct kvm_s390_mem_op last_mem;
static enum fake_class mem_class;
static struct kvm_guest_debug last_debug;
static struct kvm_hw_breakpoint last_points[16];
static int answer; /* of the next such call */
static size_t keys_moved;

/* As many as the kernel takes: KVM_S390_SKEYS_MAX. */
static int keys(unsigned long request, const struct kvm_s390_skeys *k)
{
	last_keys = *k;
	if (k->count < 1 || k->count > KVM_S390_SKEYS_MAX || k->flags)
		return -EINVAL;
	if (request == KVM_S390_GET_SKEYS && !answer)
		memset((void *)(uintptr_t)k->skeydata_addr, 0x1e, k->count);
	keys_moved += k->count;
	return answer;
}

static int set_debug(const struct kvm_guest_debug *debug)
{
	last_debug = *debug;
	if (debug->arch.nr_hw_bp)
		memcpy(last_points, debug->arch.hw_bp,
			debug->arch.nr_hw_bp * sizeof(last_points[0]));
	return 0;
}

static int memory(enum fake_class class, unsigned long request, void *arg)
{
	if (request == KVM_S390_MEM_OP) {
		memcpy(&last_mem, arg, sizeof(last_mem));
		mem_class = class;
		return answer;
	}
	if (class == FAKE_VCPU && request == KVM_SET_GUEST_DEBUG)
		return set_debug(arg);
	if (class == FAKE_VM && (request == KVM_S390_GET_SKEYS ||
				   request == KVM_S390_SET_SKEYS))
		return keys(request, arg);
	return -ENOTTY;
}

static int other(enum fake_class class, unsigned long request, void *arg)
{
	int rc = memory(class, request, arg);

	if (rc != -ENOTTY)
		return rc;
	if (class != FAKE_VCPU)
		return -ENOTTY;
	if (request == KVM_S390_GET_IRQ_STATE ||
		request == KVM_S390_SET_IRQ_STATE)
		return irq_state(request, arg);
	if (request != KVM_S390_INITIAL_RESET)
		return -ENOTTY;
	resets++;
	return 0;
}

/* -- exits --------------------------------------------------------------- */

static void fill_sie(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_S390_SIEIC;
	run->s390_sieic.icptcode = 4;
	run->s390_sieic.ipa = 0xb220;
	run->s390_sieic.ipb = 0x120000;
	run->psw_mask = 0x180000000;
	run->psw_addr = 0x1004;
}

static bool means_sie(const struct vmapi_exit *exit)
{
	const struct vmapi_exit_s390_sie *sie = &exit->u.s390_sie;

	return exit->reason == VMAPI_EXIT_S390_SIE && sie->code == 4 &&
		sie->ipa == 0xb220 && sie->ipb == 0x120000 &&
		sie->psw_mask == 0x180000000 && sie->psw_address == 0x1004;
}

static void fill_tsch(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_S390_TSCH;
	run->s390_tsch.subchannel_id = 1;
	run->s390_tsch.subchannel_nr = 2;
	run->s390_tsch.io_int_parm = 3;
	run->s390_tsch.io_int_word = 4;
	run->s390_tsch.ipb = 5;
	run->s390_tsch.dequeued = 1;
}

static bool means_tsch(const struct vmapi_exit *exit)
{
	const struct vmapi_exit_s390_tsch *tsch = &exit->u.s390_tsch;

	return exit->reason == VMAPI_EXIT_S390_TSCH &&
		tsch->subchannel_id == 1 && tsch->subchannel_number == 2 &&
		tsch->parameter == 3 && tsch->word == 4 && tsch->ipb == 5 &&
		tsch->dequeued == 1;
}

static void fill_stsi(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_S390_STSI;
	run->s390_stsi.addr = 0x12345678;
	run->s390_stsi.ar = 1;
	run->s390_stsi.fc = 3;
	run->s390_stsi.sel1 = 2;
	run->s390_stsi.sel2 = 0x1234;
}

static bool means_stsi(const struct vmapi_exit *exit)
{
	const struct vmapi_exit_s390_stsi *stsi = &exit->u.s390_stsi;

	return exit->reason == VMAPI_EXIT_S390_STSI &&
		stsi->address == 0x12345678 && stsi->access_register == 1 &&
		stsi->function == 3 && stsi->selector1 == 2 &&
		stsi->selector2 == 0x1234;
}

static void fill_reset(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_S390_RESET;
	run->s390_reset_flags = 6;
}

static bool means_reset(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_S390_RESET &&
		exit->u.s390_reset.flags == 6;
}

static const struct native_exit exits[] = {
	{ fill_sie, means_sie, 0, NULL },
	{ fill_tsch, means_tsch, 0, NULL },
	{ fill_stsi, means_stsi, 0, NULL },
	{ fill_reset, means_reset, 0, NULL },
};

/* -- the shared area ----------------------------------------------------- */

/* What is put there is marked, or the kernel would not look at it. */
static void shared(struct vmapi_vcpu *vcpu)
{
	uint8_t v[16] = { 1, 2, 3 };
	struct vmapi_reg v3 = { .tag = VMAPI_S390_V(3), .data = v,
		.bytes = sizeof(v) };

	area->kvm_dirty_regs = 0;
	OK(native_set(vcpu, VMAPI_S390_PREFIX, 0x4000));
	CHECK(area->kvm_dirty_regs == KVM_SYNC_PREFIX);
	CHECK(area->s.regs.prefix == 0x4000);
	OK(vmapi_regs_set(vcpu, &v3, 1, NULL, 0));
	CHECK(area->kvm_dirty_regs == (KVM_SYNC_PREFIX | KVM_SYNC_VRS));
	CHECK(!memcmp(area->s.regs.vrs[3], v, sizeof(v)));
	/* The PSW is always looked at. */
	OK(native_set(vcpu, VMAPI_S390_PSW_ADDRESS, 0x2000));
	CHECK(area->psw_addr == 0x2000);
	/* A field that the kernel does not move is no register. */
	area->kvm_valid_regs &= ~(uint64_t)KVM_SYNC_GSCB;
	GIVES(native_set(vcpu, VMAPI_S390_GSCB, 0), -ENOENT);
}

static void interrupts(struct vmapi_vcpu *vcpu)
{
	uint8_t bytes[3 * IRQ_BYTES] = { 7 };
	struct vmapi_reg reg = { .tag = VMAPI_S390_IRQ_STATE, .data = bytes,
		.bytes = sizeof(bytes) };

	irq_bytes = 0;
	OK(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	CHECK(reg.bytes == 0);
	OK(vmapi_regs_set(vcpu, &reg, 1, NULL, 0)); /* none into none */
	reg.bytes = 2 * IRQ_BYTES;
	OK(vmapi_regs_set(vcpu, &reg, 1, NULL, 0));
	CHECK(irq_bytes == 2 * IRQ_BYTES && irqs[0] == 7);
	reg.bytes = IRQ_BYTES;
	GIVES(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), -ENOSPC);
	CHECK(reg.bytes == 2 * IRQ_BYTES);
	reg.bytes = IRQ_BYTES + 1;
	GIVES(vmapi_regs_set(vcpu, &reg, 1, NULL, 0), -EINVAL);
}

/* Between the question how long they are and the one what they are. */
static void growing_interrupts(struct vmapi_vcpu *vcpu)
{
	_Alignas(8) uint8_t room[4 * IRQ_BYTES + 1];
	struct vmapi_reg reg = { .tag = VMAPI_S390_IRQ_STATE, .data = room };

	irq_bytes = IRQ_BYTES;
	irqs[IRQ_BYTES] = 8;
	reg.bytes = sizeof(room);
	grows = 1; /* straight into the caller's room */
	OK(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	CHECK(reg.bytes == 2 * IRQ_BYTES && room[IRQ_BYTES] == 8);
	irq_bytes = IRQ_BYTES;
	reg.bytes = sizeof(room);
	grows = 3; /* and while that is asked again */
	OK(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	CHECK(reg.bytes == 4 * IRQ_BYTES && room[IRQ_BYTES] == 8);
	irq_bytes = IRQ_BYTES;
	reg.bytes = sizeof(room) - 1;
	reg.data = room + 1; /* which the kernel cannot write to */
	grows = 2;
	OK(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	CHECK(reg.bytes == 3 * IRQ_BYTES && room[IRQ_BYTES + 1] == 8);
	irq_bytes = IRQ_BYTES;
	reg.data = room;
	reg.bytes = IRQ_BYTES;
	grows = 1; /* what does not fit does not fit */
	GIVES(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), -ENOSPC);
	CHECK(reg.bytes == 2 * IRQ_BYTES);
}

static void storage_keys(struct vmapi_vm *vm)
{
	static uint8_t many[KVM_S390_SKEYS_MAX + 5];
	uint32_t in_use = 7;

	answer = 0;
	OK(vmapi_s390_keys_get(vm, 0x5000, many, 3, &in_use));
	CHECK(in_use == 1 && many[0] == 0x1e && many[2] == 0x1e && !many[3]);
	CHECK(last_keys.start_gfn == 5 && last_keys.count == 3);
	keys_moved = 0;
	OK(vmapi_s390_keys_set(vm, 0, many, sizeof(many)));
	CHECK(keys_moved == sizeof(many) && last_keys.count == 5);
	CHECK(last_keys.start_gfn == KVM_S390_SKEYS_MAX);
	answer = KVM_S390_GET_SKEYS_NONE;
	OK(vmapi_s390_keys_get(vm, 0, many, 3, &in_use));
	CHECK(in_use == 0 && many[0] == 0);
	answer = -EFAULT;
	GIVES(vmapi_s390_keys_get(vm, 0, many, 3, &in_use), -EFAULT);
}

static void guest_memory(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu)
{
	uint64_t word = 0, old = 0, where;
	struct vmapi_s390_mem m = { .size = sizeof(m), .bytes = 8,
		.address = 0x2008, .data = &word, .access_register = 3 };
	uint32_t met = 9;

	answer = 0;
	OK(vmapi_s390_mem(vm, vcpu, &m, &met));
	CHECK(met == 0 && mem_class == FAKE_VCPU && last_mem.op == 0);
	CHECK(last_mem.gaddr == 0x2008 && last_mem.size == 8);
	CHECK(last_mem.buf == (uintptr_t)&word && last_mem.ar == 3);
	answer = 4; /* a protection exception */
	m.flags = VMAPI_S390_MEM_WRITE | VMAPI_S390_MEM_CHECK |
		VMAPI_S390_MEM_INJECT | VMAPI_S390_MEM_KEY;
	m.key = 9;
	OK(vmapi_s390_mem(vm, vcpu, &m, &met));
	CHECK(met == 4 && last_mem.op == 1 && last_mem.flags == 7);
	CHECK(last_mem.key == 9);
	m.access_register = 0;
	answer = VMAPI_S390_MEM_DIFFERS;
	m.flags = VMAPI_S390_MEM_WRITE | VMAPI_S390_MEM_EXCHANGE;
	m.expected = &old;
	OK(vmapi_s390_mem(vm, NULL, &m, &met));
	CHECK(met == VMAPI_S390_MEM_DIFFERS && mem_class == FAKE_VM);
	CHECK(last_mem.op == 5 && last_mem.flags == 8);
	memcpy(&where, &last_mem.reserved[8], sizeof(where));
	CHECK(where == (uintptr_t)&old);
	m.address = 0x2004; /* not aligned */
	GIVES(vmapi_s390_mem(vm, NULL, &m, &met), -EINVAL);
	m.flags = 0;
	m.bytes = 65537;
	GIVES(vmapi_s390_mem(vm, NULL, &m, &met), -E2BIG);
	m.flags = VMAPI_S390_MEM_SIDA;
	GIVES(vmapi_s390_mem(vm, vcpu, &m, &met), -ENOTSUP);
	answer = -EFAULT;
	m.flags = 0;
	m.bytes = 8;
	GIVES(vmapi_s390_mem(vm, NULL, &m, &met), -EFAULT);
	answer = 0;
}

static uint8_t *segment; /* of the guest at 0x100000 */

/* At addresses of whole segments, here and in the guest. */
static void segments(struct vmapi *ctx, struct vmapi_vm *vm)
{
	struct vmapi_ram_config ram = { .size = sizeof(ram),
		.bytes = 0x200000 };
	struct vmapi_map_entry e = { .size = sizeof(e), .bytes = 0x100000 };
	struct vmapi_cap cap = { .size = sizeof(cap) };
	struct vmapi_map *map;
	struct vmapi_as *as;
	void *where;

	OK(vmapi_vm_cap_get(vm, VMAPI_CAP_MAP_ALIGN, &cap));
	CHECK(cap.value == 0x100000);
	OK(vmapi_vm_cap_get(vm, VMAPI_CAP_PAGE_SIZE, &cap));
	CHECK(cap.value == (int64_t)vmi_page_size());
	OK(vmapi_ram_create(ctx, &ram, &e.ram));
	OK(vmapi_ram_pointer(e.ram, &where));
	CHECK((uintptr_t)where % 0x100000 == 0);
	ram.kind = VMAPI_RAM_POINTER;
	ram.bytes = 0x100000;
	ram.pointer = (char *)where + vmi_page_size();
	GIVES(vmapi_ram_create(ctx, &ram, &e.ram), -EINVAL);
	OK(vmapi_vm_as(vm, &as));
	OK(vmapi_map_begin(vm, &map));
	e.gpa = 0x1000;
	GIVES(vmapi_map_add(map, as, &e), -EINVAL);
	e.gpa = 0x100000;
	OK(vmapi_map_add(map, as, &e));
	OK(vmapi_map_commit(map));
	segment = where;
	vmapi_ram_destroy(e.ram);
	vmapi_as_destroy(as);
}

static void fill_step(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_DEBUG;
	run->psw_addr = 0x2004;
	run->debug.arch.addr = 0x2000;
	run->debug.arch.type = KVM_SINGLESTEP;
}

static void fill_point(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_DEBUG;
	run->psw_addr = 0x3000;
	run->debug.arch.addr = 0x3000;
	run->debug.arch.type = KVM_HW_BP;
}

static void fill_diagnose(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_S390_SIEIC;
	run->s390_sieic.icptcode = 4;
	run->s390_sieic.ipa = 0x8300;
	run->s390_sieic.ipb = 0x05010000;
	run->psw_addr = 0x4004;
}

static void stops_for(struct vmapi_vcpu *vcpu, void (*fill)(struct kvm_run *),
	uint32_t why, uint64_t address)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	fake.script[0] = fill;
	fake.n_script = 1;
	fake.next = 0;
	OK(vmapi_vcpu_run(vcpu, &exit));
	CHECK(exit.reason == VMAPI_EXIT_DEBUG && exit.u.debug.why == why);
	CHECK(exit.u.debug.address == address);
	CHECK(exit.u.debug.points == (why & VMAPI_STOP_POINT ? 2u : 0));
	CHECK(area->psw_addr == address);
}

static void debugging(struct vmapi_vcpu *vcpu)
{
	static const struct vmapi_debug_point p[] = {
		{ .address = 0x1000, .kind = VMAPI_POINT_EXEC },
		{ .address = 0x3000, .kind = VMAPI_POINT_EXEC },
	};
	static const struct vmapi_debug_point data = { .address = 0x1000,
		.kind = VMAPI_POINT_ACCESS, .bytes = 4 };
	struct vmapi_debug d = { .size = sizeof(d), .n_points = 2,
		.points = p, .flags = VMAPI_DEBUG_STEP |
			VMAPI_DEBUG_SOFTWARE };
	struct vmapi_exit exit = { .size = sizeof(exit) };

	OK(vmapi_vcpu_debug(vcpu, &d));
	CHECK(last_debug.control == (KVM_GUESTDBG_ENABLE |
		KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP));
	CHECK(last_debug.arch.nr_hw_bp == 2);
	CHECK(last_points[1].addr == 0x3000 &&
		last_points[1].type == KVM_HW_BP);
	stops_for(vcpu, fill_step, VMAPI_STOP_STEP, 0x2004);
	stops_for(vcpu, fill_point, VMAPI_STOP_POINT, 0x3000);
	stops_for(vcpu, fill_diagnose, VMAPI_STOP_SOFTWARE, 0x4000);
	d.points = &data;
	d.n_points = 1;
	GIVES(vmapi_vcpu_debug(vcpu, &d), -ENOTSUP);
	OK(vmapi_vcpu_debug(vcpu, NULL));
	CHECK(last_debug.control == 0);
	/* Then it is the guest's DIAGNOSE again. */
	fake.next = 0;
	OK(vmapi_vcpu_run(vcpu, &exit));
	CHECK(exit.reason == VMAPI_EXIT_S390_SIE && area->psw_addr == 0x4004);
}

#define SEEN	0x3000u	  /* the watched address */
#define TABLE	0x110000u /* of segments, and behind it one of pages */
#define PAGES	0x114000u

static void fill_write(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_DEBUG;
	run->psw_addr = 0x2004;
	run->debug.arch.addr = SEEN;
	run->debug.arch.type = KVM_HW_WP_WRITE;
}

static void put(struct vmapi_as *as, uint64_t gpa, uint64_t value)
{
	uint8_t bytes[8];
	unsigned i;

	for (i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (56 - 8 * i));
	OK(vmapi_as_write(as, gpa, bytes, sizeof(bytes)));
}

/* It runs until it stops at the point; how often the kernel was told. */
static size_t told_by_run(struct vmapi_vcpu *vcpu,
	void (*fill)(struct kvm_run *), unsigned reason)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	fake_forget_calls();
	fake.script[0] = fill;
	fake.n_script = 1;
	fake.next = 0;
	OK(vmapi_vcpu_run(vcpu, &exit));
	CHECK(exit.reason == reason);
	if (reason == VMAPI_EXIT_DEBUG) {
		CHECK(exit.u.debug.why == VMAPI_STOP_POINT);
		CHECK(exit.u.debug.points == 2);
		CHECK(exit.u.debug.data_address == SEEN);
		CHECK(exit.u.debug.address == 0x2004);
	}
	return fake_count(KVM_SET_GUEST_DEBUG);
}

static bool watches(uint64_t absolute)
{
	return last_debug.arch.nr_hw_bp == 2 && last_points[1].addr == SEEN &&
		last_points[1].phys_addr == absolute &&
		last_points[1].len == 4 &&
		last_points[1].type == KVM_HW_WP_WRITE;
}

/* Of a guest without, then with translation; segments() has mapped RAM. */
static void watching(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu)
{
	static const struct vmapi_debug_point p[17] = {
		{ .address = 0x1000, .kind = VMAPI_POINT_EXEC },
		{ .address = SEEN, .kind = VMAPI_POINT_WRITE, .bytes = 4 },
	};
	struct vmapi_debug d = { .size = sizeof(d), .n_points = 17,
		.points = p };
	struct vmapi_as *as;

	OK(vmapi_vm_as(vm, &as));
	put(as, TABLE, PAGES);
	put(as, PAGES + 8 * 3, 0x118000);
	OK(native_set(vcpu, VMAPI_S390_PSW_MASK, 0x0000000180000000));
	OK(native_set(vcpu, VMAPI_S390_CR(1), TABLE));
	GIVES(vmapi_vcpu_debug(vcpu, &d), -ENOSPC);
	d.n_points = 2;
	OK(vmapi_vcpu_debug(vcpu, &d));
	CHECK(last_debug.control ==
		(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP));
	CHECK(last_debug.arch.nr_hw_bp == 1); /* no RAM is there */
	CHECK(told_by_run(vcpu, fill_sie, VMAPI_EXIT_S390_SIE) == 0);
	/* The guest turns translation on. */
	OK(native_set(vcpu, VMAPI_S390_PSW_MASK, 0x0400000180000000));
	CHECK(told_by_run(vcpu, fill_write, VMAPI_EXIT_DEBUG) == 1);
	CHECK(watches(0x118000));
	/* After a stop the kernel has to look at the bytes again. */
	area->psw_mask = 0x0400000180000000;
	CHECK(told_by_run(vcpu, fill_write, VMAPI_EXIT_DEBUG) == 1);
	CHECK(told_by_run(vcpu, fill_tsch, VMAPI_EXIT_S390_TSCH) == 1);
	CHECK(told_by_run(vcpu, fill_tsch, VMAPI_EXIT_S390_TSCH) == 0);
	put(as, PAGES + 8 * 3, 0x11c000);
	CHECK(told_by_run(vcpu, fill_tsch, VMAPI_EXIT_S390_TSCH) == 1);
	CHECK(watches(0x11c000));
	put(as, PAGES + 8 * 3, 0x400);
	CHECK(told_by_run(vcpu, fill_tsch, VMAPI_EXIT_S390_TSCH) == 1);
	CHECK(last_debug.arch.nr_hw_bp == 1);
	OK(vmapi_vcpu_debug(vcpu, NULL));
	vmapi_as_destroy(as);
}

/* An instruction at 0x2000 writes to SEEN and to what is 16 bytes behind. */
static void fill_both(struct kvm_run *run)
{
	segment[0x18000]++;
	segment[0x18017]++;
	fill_write(run);
}

/* Then the one at 0x2004, where the run began and a point is, is done. */
static void fill_behind(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_DEBUG;
	run->psw_addr = 0x2008;
	run->debug.arch.addr = 0x2004;
	run->debug.arch.type = KVM_HW_BP;
}

/* The same, and it writes. */
static void fill_write_behind(struct kvm_run *run)
{
	segment[0x18017]++;
	fill_write(run);
	run->psw_addr = 0x2008;
	run->debug.arch.addr = SEEN + 16;
}

/* It runs until it stops: why, which points, and where the guest is. */
static void meets(struct vmapi_vcpu *vcpu, void (*fill)(struct kvm_run *),
	uint32_t why, uint32_t points, uint64_t address)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	fake.script[0] = fill;
	fake.n_script = 1;
	fake.next = 0;
	OK(vmapi_vcpu_run(vcpu, &exit));
	CHECK(exit.reason == VMAPI_EXIT_DEBUG && exit.u.debug.why == why);
	CHECK(exit.u.debug.points == points);
	CHECK(exit.u.debug.address == address);
}

/* Writes in front of a point of execution; watching() has made tables. */
static void points_that_meet(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu)
{
	static const struct vmapi_debug_point p[] = {
		{ .address = 0x2004, .kind = VMAPI_POINT_EXEC },
		{ .address = SEEN, .kind = VMAPI_POINT_WRITE, .bytes = 4 },
		{ .address = SEEN + 16, .kind = VMAPI_POINT_WRITE, .bytes = 8 },
	};
	struct vmapi_debug d = { .size = sizeof(d), .n_points = 3,
		.points = p };
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_as *as;

	OK(vmapi_vm_as(vm, &as));
	put(as, PAGES + 8 * 3, 0x118000);
	vmapi_as_destroy(as);
	OK(vmapi_vcpu_debug(vcpu, &d));
	meets(vcpu, fill_both, VMAPI_STOP_POINT, 7, 0x2004);
	/* All of it is told, and the guest goes on. */
	fake.script[0] = fill_behind;
	fake.script[1] = fill_tsch;
	fake.n_script = 2;
	fake.next = 0;
	OK(vmapi_vcpu_run(vcpu, &exit));
	CHECK(exit.reason == VMAPI_EXIT_S390_TSCH);
	/* What was written then counts no more. */
	meets(vcpu, fill_write, VMAPI_STOP_POINT, 3, 0x2004);
	meets(vcpu, fill_write_behind, VMAPI_STOP_POINT, 4, 0x2008);
	/* A run that begins at a point and not behind a stop. */
	meets(vcpu, fill_behind, VMAPI_STOP_POINT, 1, 0x2008);
	meets(vcpu, fill_behind, VMAPI_STOP_POINT, 1, 0x2008);
	/* A step that was wanted is done by then. */
	d.flags = VMAPI_DEBUG_STEP;
	OK(vmapi_vcpu_debug(vcpu, &d));
	meets(vcpu, fill_both, VMAPI_STOP_POINT, 7, 0x2004);
	meets(vcpu, fill_behind, VMAPI_STOP_STEP, 0, 0x2008);
	OK(vmapi_vcpu_debug(vcpu, NULL));
}

/* The problem state bit. */
static void mode(struct vmapi_vcpu *vcpu, bool is_user)
{
	OK(native_set(vcpu, VMAPI_S390_PSW_MASK,
		0x0000000180000000 | (is_user ? 0x0001000000000000 : 0)));
}

static void fill_call(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_S390_SIEIC;
	run->s390_sieic.icptcode = 4;
	run->s390_sieic.ipa = 0x8324;
	run->s390_sieic.ipb = 0x05000000;
}

#define R VMAPI_S390_GPR

const struct native_call native_call = {
	.way = VMAPI_CALL_DIAG,
	.number = R(1),
	.five = 0x10005,
	.args = { R(2), R(3), R(4), R(5), R(6), R(7), R(8), R(9), R(10) },
	.results = { R(2), R(3), R(4) },
	.mode = mode,
	.fill = fill_call,
};

static void more(struct vmapi *ctx)
{
	struct vmapi_vm_config ucontrol = { .size = sizeof(ucontrol),
		.type = 1 };
	struct native_machine m;
	unsigned before;

	if (!native_open(&m, ctx, NULL))
		return;
	shared(m.vcpu);
	interrupts(m.vcpu);
	growing_interrupts(m.vcpu);
	storage_keys(m.vm);
	guest_memory(m.vm, m.vcpu);
	segments(ctx, m.vm);
	debugging(m.vcpu);
	watching(m.vm, m.vcpu);
	points_that_meet(m.vm, m.vcpu);
	before = resets;
	area->s.regs.prefix = 0x4000; /* where the kernel leaves it */
	OK(vmapi_vcpu_reset(m.vcpu));
	CHECK(resets == before + 1 && area->kvm_dirty_regs == 0);
	CHECK(native_get(m.vcpu, VMAPI_S390_PREFIX) == 0);
	native_close(&m);
	GIVES(vmapi_vm_create(ctx, &ucontrol, &m.vm), -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "type") != NULL);
}

/* 1 is a VM whose memory the application translates: not here. */
static const struct native_type types[] = {
	{ 0, 0 },
	{ 1, -1 }, { 2, -1 },
};

const struct native native = {
	.name = "s390x",
	.types = types, .n_types = vmi_array_len(types),
	.kernel = {
		.caps = caps, .n_caps = vmi_array_len(caps),
		.pairs = pairs, .n_pairs = vmi_array_len(pairs),
		.born = born,
		.other = other,
	},
	.birth = { KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_S390_INITIAL_RESET },
	.takes_all = true,
	.exits = exits, .n_exits = vmi_array_len(exits),
	.more = more,
};
