/* SPDX-License-Identifier: MIT */
/*
 * A second vcpu comes while the first one must be alone.
 *
 * A LOCK CMPXCHG16B is done with everybody else outside the guest.  In the
 * middle of it a device has a vcpu made and run, which must not execute
 * anything before it is over.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/engine/engine.h"

/* mov edi,ENGINE_DEVICE; lock cmpxchg16b [rdi]; out 0x97,al */
static const uint8_t code[] = { 0xbf, 0x00, 0x00, 0x00, 0xd0, 0xf0, 0x48, 0x0f,
	0xc7, 0x0f, 0xe6, 0x97 };

/* out 0x98,al */
static const uint8_t second_code[] = { 0xe6, 0x98 };

#define SECOND_CODE (ENGINE_CODE + 0x1000)

static struct engine e;
static pthread_t thread;
static struct vmapi_vcpu *second;
static atomic_bool begun, is_done;
static bool was_done;

static void *be_second(void *unused)
{
	struct vmapi_vcpu_config c = { .size = sizeof(c), .id = 1 };
	struct vmapi_exit exit = { .size = sizeof(exit) };

	engine_must(vmapi_vcpu_create(e.vm, &c, &second));
	engine_mode(&e, second, 32);
	engine_set(second, VMAPI_X86_RIP, SECOND_CODE);
	atomic_store(&begun, true);
	engine_must(vmapi_vcpu_run(second, &exit));
	EQUAL(exit.reason, VMAPI_EXIT_IO);
	EQUAL(exit.u.io.port, 0x98);
	atomic_store(&is_done, true);
	return unused;
}

/* The first read lasts long enough for it. */
static int device(void *opaque, struct vmapi_access *access)
{
	unsigned ms;

	(void)opaque;
	if (access->is_write || atomic_load(&begun))
		return VMAPI_REGION_DONE;
	CHECK(!pthread_create(&thread, NULL, be_second, NULL));
	for (ms = 0; ms < 10000 && !atomic_load(&begun); ms++)
		usleep(1000);
	for (ms = 0; ms < 200 && !atomic_load(&is_done); ms++)
		usleep(1000);
	was_done = atomic_load(&is_done);
	access->value = 0;
	return VMAPI_REGION_DONE;
}

int main(void)
{
	struct vmapi_region_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_MEMORY, .base = ENGINE_DEVICE,
		.bytes = 16 };
	struct vmapi_region *region;

	engine_about("a second vcpu in a locked access of the first");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_must(vmapi_region_handler(e.vm, &c, device, NULL, &region));
	engine_load(&e, code, sizeof(code));
	memcpy(e.mem + SECOND_CODE, second_code, sizeof(second_code));
	engine_mode(&e, e.vcpu, 64);
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	EQUAL(e.exit.u.io.port, 0x97);
	CHECK(atomic_load(&begun));
	CHECK(!was_done);
	pthread_join(thread, NULL);
	CHECK(atomic_load(&is_done));
	vmapi_vcpu_destroy(second);
	vmapi_region_destroy(region);
	engine_close(&e);
	return engine_result();
}
