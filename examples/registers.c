/* SPDX-License-Identifier: MIT */
/*
 * Registers have tags, and travel in batches.
 *
 * A tag names one register and its size; <vmapi/x86.h> has them.  A batch
 * mixes registers of any kind: general registers in `value`, segments and
 * vector registers through `data`.  The library sorts a batch into the order
 * that the processor needs and moves each of the kernel's blocks once; each
 * entry comes back with a status of its own.
 *
 * Nothing runs here: this program sets some registers, lists all there are,
 * and shows what happens to a batch with a mistake in it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmapi/vmapi.h>

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", vmapi_error_last()->operation,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

static void set_some(struct vmapi_vcpu *vcpu)
{
	unsigned char sixteen[16] = "sixteen letters";
	struct vmapi_x86_segment ds = { .base = 0x12340, .limit = 0xffff,
		.attributes = 0x93, .selector = 0x1234 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_RAX, .value = 0x1122334455667788 },
		{ .tag = VMAPI_X86_DS, .data = &ds, .bytes = sizeof(ds) },
		{ .tag = VMAPI_X86_XMM(0), .data = sixteen, .bytes = 16 },
	};

	must(vmapi_regs_set(vcpu, regs, 3, NULL, 0));
}

/* Reading by name: what a debugger's command line would do. */
static void show(struct vmapi_vcpu *vcpu, const char *name)
{
	struct vmapi_reg reg = { .tag = 0 };

	must(vmapi_reg_tag(vcpu, name, &reg.tag));
	must(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	printf("%-8s 0x%016" PRIx64 "\n", name, reg.value);
}

/* How many are there, and how many bytes would saving them all take? */
static void list_all(struct vmapi_vcpu *vcpu)
{
	struct vmapi_reg_info info = { .size = sizeof(info) };
	uint64_t bytes = 0, *tags;
	size_t n, i;

	must(vmapi_reg_list(vcpu, NULL, 0, &n));
	tags = calloc(n, sizeof(*tags));
	if (!tags)
		exit(EXIT_FAILURE);
	must(vmapi_reg_list(vcpu, tags, n, &n));
	for (i = 0; i < n; i++) {
		must(vmapi_reg_info(vcpu, tags[i], &info));
		bytes += info.bytes;
	}
	printf("%zu registers, %" PRIu64 " bytes; the last is '%s'\n", n,
		bytes, info.name);
	free(tags);
}

/* All or nothing: RBX stays what it was because the second tag is wrong. */
static void make_a_mistake(struct vmapi_vcpu *vcpu)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_RBX, .value = 42 },
		{ .tag = 0x1234, .value = 42 },
	};
	size_t done;

	if (!vmapi_regs_set(vcpu, regs, 2, &done, VMAPI_REGS_ALL_OR_NOTHING))
		exit(EXIT_FAILURE);
	printf("%zu set: %s\n", done, vmapi_error_last()->message);
}

int main(void)
{
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_vcpu *vcpu;

	must(vmapi_open(NULL, 0, &ctx));
	must(vmapi_vm_create(ctx, NULL, &vm));
	must(vmapi_vcpu_create(vm, NULL, &vcpu));
	set_some(vcpu);
	show(vcpu, "rax");
	show(vcpu, "rip");
	show(vcpu, "cr0");
	show(vcpu, "mxcsr");
	list_all(vcpu);
	make_a_mistake(vcpu);
	show(vcpu, "rbx");
	vmapi_vcpu_destroy(vcpu);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	return EXIT_SUCCESS;
}
