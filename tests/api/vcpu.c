/* SPDX-License-Identifier: MIT */
/* Vcpus: running, exits and their answers, kicks, injection, reset. */
#include <pthread.h>
#include <unistd.h>

#include "tests/api/api.h"

static const uint8_t spin_code[] = { 0xeb, 0xfe };

static void creation(struct machine *m)
{
	struct vmapi_vcpu_config c = { .size = sizeof(c) };
	struct vmapi_vcpu *vcpu = NULL;
	uint64_t id;

	EQUAL(vmapi_vcpu_create(NULL, NULL, &vcpu), -EINVAL);
	EQUAL(vmapi_vcpu_create(m->vm, NULL, NULL), -EINVAL);
	EQUAL(vmapi_vcpu_create(m->vm, &c, &vcpu), -EEXIST);
	c.flags = 1u << 31;
	EQUAL(vmapi_vcpu_create(m->vm, &c, &vcpu), -EINVAL);
	c.flags = 0;
	c.id = (uint64_t)api_cap(m, VMAPI_CAP_VCPUS_MAX);
	EQUAL(vmapi_vcpu_create(m->vm, &c, &vcpu), -ERANGE);
	CHECK(!vcpu);
	c.id = 1;
	EQUAL(vmapi_vcpu_create(m->vm, &c, &vcpu), 0);
	EQUAL(vmapi_vcpu_id(vcpu, &id), 0);
	EQUAL((int64_t)id, 1);
	EQUAL(vmapi_vcpu_id(vcpu, NULL), -EINVAL);
	EQUAL(vmapi_vcpu_id(NULL, &id), -EINVAL);
	vmapi_vcpu_destroy(vcpu);
	vmapi_vcpu_destroy(NULL);
}

static void null_arguments(struct machine *m)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	EQUAL(vmapi_vcpu_run(NULL, &exit), -EINVAL);
	EQUAL(vmapi_vcpu_run(m->vcpu, NULL), -EINVAL);
	EQUAL(vmapi_vcpu_run_limit(NULL, 1, &exit), -EINVAL);
	EQUAL(vmapi_vcpu_settle(NULL, &exit), -EINVAL);
	EQUAL(vmapi_vcpu_settle(m->vcpu, NULL), -EINVAL);
	EQUAL(vmapi_vcpu_complete(NULL, "", 1), -EINVAL);
	EQUAL(vmapi_vcpu_kick(NULL), -EINVAL);
	EQUAL(vmapi_vcpu_reset(NULL), -EINVAL);
	EQUAL(vmapi_vm_reset(NULL), -EINVAL);
	EQUAL(vmapi_vm_pollfd(NULL, &(int){ 0 }), -EINVAL);
	EQUAL(vmapi_vm_pollfd(m->vm, NULL), -EINVAL);
	exit.size = 8;
	EQUAL(vmapi_vcpu_run(m->vcpu, &exit), -EINVAL);
}

static void exit_names(struct machine *m)
{
	unsigned i;

	(void)m;
	for (i = 0; i <= VMAPI_EXIT_UNKNOWN; i++)
		CHECK(vmapi_exit_name(i));
	CHECK(!strcmp(vmapi_exit_name(VMAPI_EXIT_MMIO), "mmio"));
	CHECK(!vmapi_exit_name(999));
}

static void output_and_halt(struct machine *m)
{
	/* mov ax,0x1234; out 0x42,ax; out 0x43,al; hlt */
	static const uint8_t code[] = { 0xb8, 0x34, 0x12, 0xe7, 0x42, 0xe6,
		0x43, 0xf4 };
	struct vmapi_exit exit;
	const uint8_t *data;

	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x42);
	EQUAL(exit.u.io.width, 2);
	EQUAL(exit.u.io.count, 1);
	EQUAL(exit.u.io.is_write, 1);
	EQUAL(exit.flags & VMAPI_EXIT_ANSWER, 0);
	data = exit.u.io.data;
	EQUAL(data[0], 0x34);
	EQUAL(data[1], 0x12);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "", 1), -EALREADY);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x43);
	EQUAL(exit.u.io.width, 1);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE + sizeof(code));
}

static void input_is_answered(struct machine *m)
{
	/* in al,0x42; hlt */
	static const uint8_t code[] = { 0xe4, 0x42, 0xf4 };
	struct vmapi_exit exit;
	struct vmapi_reg reg = { .tag = VMAPI_X86_RAX };

	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.is_write, 0);
	CHECK(exit.flags & VMAPI_EXIT_ANSWER);
	EQUAL(vmapi_vcpu_run(m->vcpu, &exit), -EBUSY);
	EQUAL(vmapi_vcpu_settle(m->vcpu, &exit), -EBUSY);
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), -EBUSY);
	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), -EBUSY);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "ab", 2), -EMSGSIZE);
	EQUAL(vmapi_vcpu_complete(m->vcpu, NULL, 0), -EMSGSIZE);
	EQUAL(vmapi_vcpu_complete(m->vcpu, NULL, 1), -EINVAL);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "\x5a", 1), 0);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "\x5a", 1), -EALREADY);
	EQUAL((int64_t)(api_get(m->vcpu, VMAPI_X86_RAX) & 0xff), 0x5a);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE + 2);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
}

static void settle_runs_nothing(struct machine *m)
{
	/* in al,0x42; inc ax; hlt */
	static const uint8_t code[] = { 0xe4, 0x42, 0x40, 0xf4 };
	struct vmapi_exit exit;

	api_load(m, code, sizeof(code));
	api_set(m->vcpu, VMAPI_X86_RAX, 0);
	exit.size = sizeof(exit);
	EQUAL(vmapi_vcpu_settle(m->vcpu, &exit), 0);
	EQUAL(exit.reason, VMAPI_EXIT_SETTLED);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "\x07", 1), 0);
	EQUAL(vmapi_vcpu_settle(m->vcpu, &exit), 0);
	EQUAL(exit.reason, VMAPI_EXIT_SETTLED);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 7);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE + 2);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 8);
}

static void strings_of_input(struct machine *m)
{
	/* mov cx,4; mov di,0x3000; mov dx,0x42; cld; rep insb; hlt */
	static const uint8_t code[] = { 0xb9, 4, 0, 0xbf, 0, 0x30, 0xba, 0x42,
		0, 0xfc, 0xf3, 0x6c, 0xf4 };
	struct vmapi_exit exit;
	uint8_t answer[64], got[4], next = 1;
	unsigned i, exits = 0;

	api_load(m, code, sizeof(code));
	while (api_run(m, &exit) == VMAPI_EXIT_IO && exits++ < 8) {
		EQUAL(exit.u.io.width, 1);
		for (i = 0; i < exit.u.io.count && i < sizeof(answer); i++)
			answer[i] = next++;
		EQUAL(vmapi_vcpu_complete(
			m->vcpu, answer, exit.u.io.count), 0);
	}
	EQUAL(exit.reason, VMAPI_EXIT_HALT);
	EQUAL(vmapi_as_read(m->as, 0x3000, got, sizeof(got)), 0);
	CHECK(!memcmp(got, "\1\2\3\4", 4));
}

static void mmio_write(struct machine *m)
{
	/* mov ax,0xbeef; mov ds,bx; mov [0],ax with ds 0xffff: gpa 0xffff0 */
	static const uint8_t code[] = { 0xbb, 0x00, 0xf0, 0x8e, 0xdb, 0xb8,
		0xef, 0xbe, 0xa3, 0x10, 0x00, 0xf4 };
	struct vmapi_exit exit;

	EQUAL(api_unmap(m, 0xf0000, 0x10000), 0);
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL((int64_t)exit.u.mmio.gpa, 0xf0010);
	EQUAL(exit.u.mmio.length, 2);
	EQUAL(exit.u.mmio.is_write, 1);
	EQUAL(exit.u.mmio.data[0], 0xef);
	EQUAL(exit.u.mmio.data[1], 0xbe);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
}

/* -- Kicks -------------------------------------------------------------- */

static void kick_before_run(struct machine *m)
{
	struct vmapi_exit exit;

	api_load(m, spin_code, sizeof(spin_code));
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_KICK);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE);
}

struct kicker {
	struct machine *m;
	struct vmapi_exit exit;
	int err;
};

static void *run_thread(void *opaque)
{
	struct kicker *k = opaque;

	k->exit.size = sizeof(k->exit);
	k->err = vmapi_vcpu_run(k->m->vcpu, &k->exit);
	return NULL;
}

static void kick_while_running(struct machine *m)
{
	struct kicker k = { .m = m };
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_reg reg = { .tag = VMAPI_X86_RIP };
	pthread_t thread;
	int i;

	api_load(m, spin_code, sizeof(spin_code));
	for (i = 0; i < 20; i++) {
		pthread_create(&thread, NULL, run_thread, &k);
		if (i == 0) {
			usleep(20000);
			EQUAL(vmapi_vcpu_run(m->vcpu, &exit), -EBUSY);
			EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0),
				-EBUSY);
			EQUAL(vmapi_vcpu_reset(m->vcpu), -EBUSY);
			EQUAL(vmapi_vm_reset(m->vm), -EBUSY);
		}
		EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
		pthread_join(thread, NULL);
		EQUAL(k.err, 0);
		EQUAL(k.exit.reason, VMAPI_EXIT_KICK);
	}
}

/* A guest that counts in memory while its map is taken and given back. */
static void commits_beside_a_guest(struct machine *m)
{
	/* inc word [0x2000]; jmp back */
	static const uint8_t code[] = { 0xff, 0x06, 0x00, 0x20, 0xeb, 0xfa };
	struct kicker k = { .m = m };
	uint16_t before = 0, after = 0;
	pthread_t thread;
	int i;

	api_load(m, code, sizeof(code));
	pthread_create(&thread, NULL, run_thread, &k);
	for (i = 0; i < 50; i++) {
		EQUAL(api_map(m, 0x200000, 0x10000, 0), 0);
		EQUAL(api_unmap(m, 0x204000, 0x1000), 0);
		EQUAL(api_unmap(m, 0x200000, 0x10000), 0);
	}
	EQUAL(vmapi_as_read(m->as, 0x2000, &before, 2), 0);
	for (i = 0; i < 200 && after == before; i++) {
		usleep(1000);
		EQUAL(vmapi_as_read(m->as, 0x2000, &after, 2), 0);
	}
	CHECK(before != after);
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	pthread_join(thread, NULL);
	EQUAL(k.exit.reason, VMAPI_EXIT_KICK);
}

/* -- Counting ----------------------------------------------------------- */

static void limits_and_counts(struct machine *m)
{
	/* nop; nop; nop; nop; hlt */
	static const uint8_t code[] = { 0x90, 0x90, 0x90, 0x90, 0xf4 };
	struct vmapi_exit exit = { .size = sizeof(exit) };
	uint64_t before, after;

	api_load(m, code, sizeof(code));
	EQUAL(vmapi_vcpu_run_limit(m->vcpu, 0, &exit), -EINVAL);
	EQUAL(vmapi_vcpu_icount(NULL, &before), -EINVAL);
	EQUAL(vmapi_vcpu_icount(m->vcpu, NULL), -EINVAL);
	if (!api_cap(m, VMAPI_CAP_RUN_LIMIT)) {
		EQUAL(vmapi_vcpu_run_limit(m->vcpu, 1, &exit), -ENOTSUP);
		EQUAL(vmapi_vcpu_icount(m->vcpu, &before), -ENOTSUP);
		return;
	}
	EQUAL(vmapi_vcpu_icount(m->vcpu, &before), 0);
	EQUAL(vmapi_vcpu_run_limit(m->vcpu, 3, &exit), 0);
	EQUAL(exit.reason, VMAPI_EXIT_LIMIT);
	EQUAL((int64_t)exit.retired, 3);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE + 3);
	EQUAL(vmapi_vcpu_icount(m->vcpu, &after), 0);
	EQUAL((int64_t)(after - before), 3);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	CHECK(exit.flags & VMAPI_EXIT_COUNTED);
	EQUAL((int64_t)exit.retired, 2);
}

/* -- Injection ---------------------------------------------------------- */

static void interrupts(struct machine *m)
{
	/* sti; nop; nop; jmp $; the handler at 0x1800: out 0x42,al; iret */
	static const uint8_t code[] = { 0xfb, 0x90, 0x90, 0xeb, 0xfe };
	static const uint8_t handler[] = { 0xe6, 0x42, 0xcf };
	static const uint8_t vector[] = { 0x00, 0x18, 0x00, 0x00 };
	struct vmapi_exit exit;

	api_load(m, code, sizeof(code));
	EQUAL(vmapi_as_write(m->as, 0x1800, handler, sizeof(handler)), 0);
	EQUAL(vmapi_as_write(m->as, 4 * 0x21, vector, sizeof(vector)), 0);
	EQUAL(vmapi_vcpu_interrupt(m->vcpu, 256), -ERANGE);
	EQUAL(vmapi_vcpu_interrupt(NULL, 1), -EINVAL);
	EQUAL(vmapi_vcpu_irq_window(NULL, 1), -EINVAL);
	EQUAL(vmapi_vcpu_interrupt(m->vcpu, 0x21), -EAGAIN);
	EQUAL(vmapi_vcpu_irq_window(m->vcpu, 1), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IRQ_WINDOW);
	EQUAL(vmapi_vcpu_interrupt(m->vcpu, 0x21), 0);
	EQUAL(vmapi_vcpu_interrupt(m->vcpu, 0x21), -EEXIST);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x42);
	EQUAL(vmapi_vcpu_irq_window(m->vcpu, 0), 0);
}

static void nmi(struct machine *m)
{
	static const uint8_t handler[] = { 0xe6, 0x43, 0xcf };
	static const uint8_t vector[] = { 0x00, 0x18, 0x00, 0x00 };
	struct vmapi_exit exit;

	EQUAL(vmapi_vcpu_nmi(NULL), -EINVAL);
	if (!api_cap(m, VMAPI_CAP_NMI)) {
		EQUAL(vmapi_vcpu_nmi(m->vcpu), -ENOTSUP);
		return;
	}
	api_load(m, spin_code, sizeof(spin_code));
	EQUAL(vmapi_as_write(m->as, 0x1800, handler, sizeof(handler)), 0);
	EQUAL(vmapi_as_write(m->as, 4 * 2, vector, sizeof(vector)), 0);
	EQUAL(vmapi_vcpu_nmi(m->vcpu), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x43);
}

static void translation(struct machine *m)
{
	struct vmapi_translation t = { .size = sizeof(t) };

	EQUAL(vmapi_vcpu_translate(NULL, 0, VMAPI_ACCESS_READ, &t), -EINVAL);
	EQUAL(vmapi_vcpu_translate(m->vcpu, 0, 1u << 20, &t), -EINVAL);
	EQUAL(vmapi_vcpu_translate(m->vcpu, 0, 1, NULL), -EINVAL);
	if (!api_cap(m, VMAPI_CAP_TRANSLATE)) {
		EQUAL(vmapi_vcpu_translate(m->vcpu, 0, 1, &t), -ENOTSUP);
		return;
	}
	api_load(m, spin_code, sizeof(spin_code));
	EQUAL(vmapi_vcpu_translate(
		m->vcpu, 0x1234, VMAPI_ACCESS_READ, &t), 0);
	EQUAL((int64_t)t.gpa, 0x1234);
	CHECK(t.access & VMAPI_ACCESS_READ);
}

/* -- Reset and the end -------------------------------------------------- */

static void reset(struct machine *m)
{
	static const uint8_t code[] = { 0xe4, 0x42, 0xf4 };
	struct vmapi_x86_segment cs;
	struct vmapi_reg reg = { .tag = VMAPI_X86_CS,
		.data = &cs,
		.bytes = sizeof(cs) };
	struct vmapi_exit exit;

	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(vmapi_vcpu_reset(m->vcpu), 0); /* the answer is not owed now */
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), 0xfff0);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RFLAGS), 2);
	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), 0);
	EQUAL((int64_t)cs.base, 0xffff0000);
	EQUAL(cs.selector, 0xf000);
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(vmapi_vm_reset(m->vm), 0);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), 0xfff0);
}

/* An exception in flat protected mode where the IDT has no entry. */
static void triple_fault(struct machine *m)
{
	static const uint8_t code[] = { 0x0f, 0x0b }; /* ud2 */
	struct vmapi_x86_segment cs = { .limit = 0xffffffff,
		.attributes = 0xc09b, .selector = 8 }, ss = {
		.limit = 0xffffffff, .attributes = 0xc093, .selector = 16 };
	struct vmapi_x86_segment none = { .limit = 0 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_SS, .data = &ss, .bytes = sizeof(ss) },
		{ .tag = VMAPI_X86_DS, .data = &ss, .bytes = sizeof(ss) },
		{ .tag = VMAPI_X86_IDTR, .data = &none, .bytes = sizeof(none) },
		{ .tag = VMAPI_X86_CR0, .value = 0x11 },
	};
	struct vmapi_exit exit;

	api_load(m, code, sizeof(code));
	EQUAL(vmapi_regs_set(m->vcpu, regs, 5, NULL,
		VMAPI_REGS_ALL_OR_NOTHING), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_SHUTDOWN);
}

int main(void)
{
	static const struct api_case bare[] = {
		{ "creation", creation },
		{ "null arguments", null_arguments },
		{ "exit names", exit_names },
	};
	static const struct api_case guests[] = {
		{ "output and halt", output_and_halt },
		{ "input is answered", input_is_answered },
		{ "settle runs nothing", settle_runs_nothing },
		{ "strings of input", strings_of_input },
		{ "mmio write", mmio_write },
		{ "kick before run", kick_before_run },
		{ "kick while running", kick_while_running },
		{ "commits beside a guest", commits_beside_a_guest },
		{ "limits and counts", limits_and_counts },
		{ "interrupts", interrupts },
		{ "nmi", nmi },
		{ "translation", translation },
		{ "reset", reset },
		{ "triple fault", triple_fault },
	};
	static const struct api_set sets[] = {
		{ API_NO_GUEST, bare, sizeof(bare) / sizeof(bare[0]) },
		{ API_GUEST, guests, sizeof(guests) / sizeof(guests[0]) },
	};

	return api_main_sets(sets, sizeof(sets) / sizeof(sets[0]));
}
