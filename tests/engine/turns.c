/* SPDX-License-Identifier: MIT */
/*
 * Turns of a deterministic VM, one of whose vcpus goes at any moment.
 *
 * pthread_mutex_unlock() is the test's own (the linker's --wrap), so that one
 * vcpu can be destroyed just after an unlocking of the gate's lock in the run
 * of the other, which is when that lock keeps it no more.
 */
#include <pthread.h>
#include <unistd.h>

#include "lib/core/core.h"
#include "tests/engine/engine.h"

#define ROUNDS 100000u /* several turns */

/* again: dec ecx; jne again; out 0x97,al */
static const uint8_t code[] = { 0xff, 0xc9, 0x75, 0xfc, 0xe6, 0x97 };

static pthread_mutex_t *watched; /* NULL: nothing happens */
static struct vmapi_vcpu *victim;
static unsigned left;

int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	int err = __real_pthread_mutex_unlock(mutex);

	if (mutex != watched)
		return err;
	if (--left)
		return err;
	watched = NULL;
	vmapi_vcpu_destroy(victim);
	return err;
}

/* At the unlocking with this number, in the run of the other one. */
static bool destroyed_at(unsigned n, bool first)
{
	const struct vmapi_vm_config c = { .size = sizeof(c),
		.flags = VMAPI_VM_DETERMINISTIC };
	struct vmapi_vcpu_config second = { .size = sizeof(second), .id = 1 };
	struct engine e;

	engine_open_as(&e, &c);
	EQUAL(vmapi_vcpu_create(e.vm, &second, &victim), 0);
	if (first) {
		struct vmapi_vcpu *other = e.vcpu;

		e.vcpu = victim;
		victim = other;
	}
	engine_load(&e, code, sizeof(code));
	engine_mode(&e, e.vcpu, 64);
	engine_set(e.vcpu, VMAPI_X86_RIP, ENGINE_CODE);
	engine_set(e.vcpu, VMAPI_X86_RCX, ROUNDS);
	left = n;
	watched = &e.vm->gate_lock;
	alarm(20); /* who waits for one that is gone waits for ever */
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	alarm(0);
	CHECK(!watched);
	watched = NULL;
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), 0);
	engine_close(&e);
	return !left;
}

/*
 * The first unlocking is where the turn begins, the second where it is passed:
 * a vcpu that is there then is waited for.
 */
int main(void)
{
	engine_about("the second goes when the turn begins");
	CHECK(destroyed_at(1, false));
	engine_about("the second goes when the turn is passed to it");
	CHECK(destroyed_at(2, false));
	engine_about("the first goes when its turn begins");
	CHECK(destroyed_at(1, true));
	return engine_result();
}
