/* SPDX-License-Identifier: MIT */
/* A loop of PAUSEs lets another thread have the processor, and not often. */
#include "lib/sys/sys.h"
#include "tests/engine/engine.h"

/* again:; pause; dec ecx; jne again; out 0x97, al */
static const uint8_t spin[] = {
	0xf3, 0x90, 0xff, 0xc9, 0x75, 0xfa, 0xe6, 0x97,
};

/*
 * again:; pause; mov edx, 200; work:; dec edx; jne work; dec ecx; jne again;
 * out 0x97, al
 */
static const uint8_t work[] = {
	0xf3, 0x90, 0xba, 0xc8, 0x00, 0x00, 0x00, 0xff, 0xca, 0x75, 0xfc, 0xff,
	0xc9, 0x75, 0xf1, 0xe6, 0x97,
};

static struct vmi_sys counted;
static unsigned yields;

static void count(void)
{
	yields++;
}

static unsigned run(struct engine *e, const uint8_t *code, size_t bytes,
	uint64_t rounds)
{
	engine_load(e, code, bytes);
	engine_mode(e, e->vcpu, 64);
	engine_set(e->vcpu, VMAPI_X86_RIP, ENGINE_CODE);
	engine_set(e->vcpu, VMAPI_X86_RCX, rounds);
	yields = 0;
	EQUAL(engine_run(e), VMAPI_EXIT_IO);
	EQUAL(e->exit.u.io.port, 0x97);
	printf("%u\n", yields);
	return yields;
}

int main(void)
{
	const struct vmi_sys *host = vmi_sys;
	struct engine e;
	unsigned n;

	counted = *host;
	counted.yield = count;
	vmi_sys = &counted;
	engine_about("loops of PAUSEs");
	engine_open(&e, VMAPI_IRQCHIP_NONE);

	/* Soon, for what waits a moment; a long wait is not all yields. */
	CHECK(run(&e, spin, sizeof(spin), 64) > 0);
	n = run(&e, spin, sizeof(spin), 100000);
	CHECK(n > 4 && n < 100);

	/* PAUSEs with work between them wait for nobody. */
	EQUAL(run(&e, work, sizeof(work), 1000), 0);

	engine_close(&e);
	vmi_sys = host;
	return engine_result();
}
