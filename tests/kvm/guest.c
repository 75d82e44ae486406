/* SPDX-License-Identifier: MIT */
/* What tests with small guests need everywhere: RAM, code, patience. */
#include <signal.h>
#include <unistd.h>

#include "tests/kvm/check.h"
#include "tests/kvm/guest.h"

#define WORDS_MAX 16u

bool guest_ram(struct vmapi *ctx, struct vmapi_vm *vm, uint64_t gpa,
	struct vmapi_as **as)
{
	struct vmapi_ram_config ram = { .size = sizeof(ram),
		.bytes = GUEST_RAM_BYTES, .name = "low" };
	struct vmapi_map_entry e = { .size = sizeof(e), .gpa = gpa,
		.bytes = GUEST_RAM_BYTES };
	struct vmapi_map *map;
	bool good = OK(vmapi_vm_as(vm, as)) &&
		OK(vmapi_ram_create(ctx, &ram, &e.ram)) &&
		OK(vmapi_map_begin(vm, &map)) &&
		OK(vmapi_map_add(map, *as, &e)) && OK(vmapi_map_commit(map));

	vmapi_ram_destroy(e.ram);
	return good;
}

/* 0: the first byte is the lowest; 3: the highest. */
static void write_code(struct vmapi_as *as, uint64_t gpa,
	const uint32_t *words, size_t n, unsigned first)
{
	uint8_t bytes[4 * WORDS_MAX];
	size_t i;

	if (!CHECK(n <= WORDS_MAX))
		return;
	for (i = 0; i < 4 * n; i++)
		bytes[i] = (uint8_t)(words[i / 4] >> 8 * (i % 4 ^ first));
	OK(vmapi_as_write(as, gpa, bytes, 4 * n));
}

void guest_code(
	struct vmapi_as *as, uint64_t gpa, const uint32_t *words, size_t n)
{
	write_code(as, gpa, words, n, 0);
}

void guest_code_big(
	struct vmapi_as *as, uint64_t gpa, const uint32_t *words, size_t n)
{
	write_code(as, gpa, words, n, 3);
}

static struct vmapi_vcpu *running;

static void on_alarm(int signal)
{
	(void)signal;
	vmapi_vcpu_kick(running);
}

void guest_run(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit,
	unsigned seconds)
{
	exit->size = sizeof(*exit);
	running = vcpu;
	signal(SIGALRM, on_alarm);
	alarm(seconds);
	OK(vmapi_vcpu_run(vcpu, exit));
	alarm(0);
}
