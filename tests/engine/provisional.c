/* SPDX-License-Identifier: MIT */
/*
 * A page becomes code while another vcpu does not read its mail.
 *
 * The other vcpu is said to be inside the guest and never runs, as one whose
 * thread the host has not scheduled; what it would store unseen is stored into
 * its RAM by the test, without a word to the library.
 */
#include "lib/soft/block.h"
#include "lib/soft/coherence.h"
#include "lib/soft/soft.h"
#include "tests/engine/engine.h"

/* mov eax, 0; mov ecx, 3; again:; dec ecx; jne again; hlt */
static const uint8_t code[] = {
	0xb8, 0x00, 0x00, 0x00, 0x00, 0xb9, 0x03, 0x00, 0x00, 0x00, 0xff, 0xc9,
	0x75, 0xfc, 0xf4,
};

/* mov dword ptr [rdi], ebx; hlt */
static const uint8_t store[] = { 0x89, 0x1f, 0xf4 };

#define STORE 0x14000u

static struct vmapi_vcpu *other;

static struct soft_vcpu *soft(void)
{
	return vmi_soft_vcpu(other);
}

static void open_both(struct engine *e)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config), .id = 1 };

	engine_open(e, VMAPI_IRQCHIP_NONE);
	engine_must(vmapi_vcpu_create(e->vm, &config, &other));
	engine_mode(e, e->vcpu, 64);
	engine_mode(e, other, 64);
	engine_load(e, code, sizeof(code));
	engine_must(vmapi_as_write(e->as, STORE, store, sizeof(store)));
}

static void close_both(struct engine *e)
{
	atomic_store(&other->place, VMI_OUTSIDE);
	vmapi_vcpu_destroy(other);
	engine_close(e);
}

/* The first vcpu executes the code: what the patched instruction gives. */
static uint64_t result(struct engine *e)
{
	engine_set(e->vcpu, VMAPI_X86_RIP, ENGINE_CODE);
	EQUAL(engine_run(e), VMAPI_EXIT_HALT);
	return engine_get(e->vcpu, VMAPI_X86_RAX);
}

static uint64_t after_unseen(struct engine *e, uint64_t value)
{
	engine_poke(e, ENGINE_CODE + 1, value, 4);
	return result(e);
}

static bool is_flagged(const struct engine *e)
{
	return atomic_load(&e->ram->page_flags)[ENGINE_CODE >> 12] &
		VMI_PAGE_CODE;
}

static void nobody_waits(void)
{
	struct engine e;
	unsigned i;

	engine_about("nobody waits, and every store is seen");
	open_both(&e);
	atomic_store(&other->place, VMI_IN_GUEST);
	for (i = 0; i < 100; i++)
		EQUAL(after_unseen(&e, i), i);
	engine_about("what was stored before it obeyed is seen");
	engine_poke(&e, ENGINE_CODE + 1, 0x1000, 4);
	vmi_mail_read(&soft()->cpu);
	EQUAL(result(&e), 0x1000);
	engine_about("then blocks are not compared any more");
	EQUAL(after_unseen(&e, 0x2000), 0x1000);
	close_both(&e);
}

/* The other wrote, and cleared the flag, when this one had asked already. */
static void flag_goes(void)
{
	struct engine e;

	engine_about("a flag that was cleared before the other obeyed");
	open_both(&e);
	atomic_store(&other->place, VMI_IN_GUEST);
	EQUAL(after_unseen(&e, 1), 1);
	CHECK(is_flagged(&e));
	atomic_fetch_and(&atomic_load(&e.ram->page_flags)[ENGINE_CODE >> 12],
		(uint8_t)~VMI_PAGE_CODE);
	vmi_mail_read(&soft()->cpu);
	EQUAL(after_unseen(&e, 2), 2);
	CHECK(is_flagged(&e));
	EQUAL(after_unseen(&e, 3), 3);
	vmi_mail_read(&soft()->cpu);
	EQUAL(after_unseen(&e, 4), 4);
	EQUAL(after_unseen(&e, 5), 4);
	close_both(&e);
}

/* The other stores, with no block of the page. */
static void store_by_other(struct engine *e, uint64_t value)
{
	struct vmapi_exit x = { .size = sizeof(x) };

	engine_set(other, VMAPI_X86_RIP, STORE);
	engine_set(other, VMAPI_X86_RDI, ENGINE_CODE + 1);
	engine_set(other, VMAPI_X86_RBX, value);
	engine_must(vmapi_vcpu_run(other, &x));
	EQUAL(x.reason, VMAPI_EXIT_HALT);
	EQUAL(engine_peek(e, ENGINE_CODE + 1, 4), value);
}

static void writer_clears(void)
{
	struct engine e;

	engine_about("a page that was code once");
	open_both(&e);
	EQUAL(after_unseen(&e, 1), 1);
	CHECK(is_flagged(&e));
	store_by_other(&e, 2);
	CHECK(!is_flagged(&e));
	EQUAL(result(&e), 2);
	CHECK(is_flagged(&e));
	store_by_other(&e, 3);
	store_by_other(&e, 4);
	EQUAL(result(&e), 4);
	close_both(&e);
}

int main(void)
{
	nobody_waits();
	flag_goes();
	writer_clears();
	return engine_result();
}
