/* SPDX-License-Identifier: MIT */
/* Capabilities: names, and who says so. */
#include <errno.h>
#include <stddef.h>

#include "lib/core/backend.h"

static const char *const cap_names[] = {
	[VMAPI_CAP_VCPUS_MAX] = "vcpus-max",
	[VMAPI_CAP_VCPUS_ADVISED] = "vcpus-advised",
	[VMAPI_CAP_MAP_ENTRIES] = "map-entries",
	[VMAPI_CAP_ADDRESS_SPACES] = "address-spaces",
	[VMAPI_CAP_PAGE_SIZE] = "page-size",
	[VMAPI_CAP_MAP_ALIGN] = "map-align",
	[VMAPI_CAP_TSC_CONTROL] = "tsc-control",
	[VMAPI_CAP_PHYS_BITS] = "phys-bits",
	[VMAPI_CAP_READONLY] = "readonly",
	[VMAPI_CAP_DIRTY_LOG] = "dirty-log",
	[VMAPI_CAP_IRQCHIPS] = "irqchips",
	[VMAPI_CAP_PIT] = "pit",
	[VMAPI_CAP_MSI] = "msi",
	[VMAPI_CAP_MSI_DEVID] = "msi-devid",
	[VMAPI_CAP_IRQFD] = "irqfd",
	[VMAPI_CAP_IOEVENTFD] = "ioeventfd",
	[VMAPI_CAP_SYNC_REGS] = "sync-regs",
	[VMAPI_CAP_XSAVE_SIZE] = "xsave-size",
	[VMAPI_CAP_ICOUNT] = "icount",
	[VMAPI_CAP_RUN_LIMIT] = "run-limit",
	[VMAPI_CAP_DETERMINISTIC] = "deterministic",
	[VMAPI_CAP_TSC_HZ] = "tsc-hz",
	[VMAPI_CAP_DEVICES] = "devices",
	[VMAPI_CAP_VM_TYPES] = "vm-types",
	[VMAPI_CAP_SMM] = "smm",
	[VMAPI_CAP_NMI] = "nmi",
	[VMAPI_CAP_TRANSLATE] = "translate",
	[VMAPI_CAP_IMPAIRED] = "impaired",
	[VMAPI_CAP_DEBUG] = "debug",
	[VMAPI_CAP_BREAKPOINTS] = "breakpoints",
	[VMAPI_CAP_WATCHPOINTS] = "watchpoints",
	[VMAPI_CAP_POSTED] = "posted",
	[VMAPI_CAP_GSIS] = "gsis",
	[VMAPI_CAP_VCPU_FEATURES] = "vcpu-features",
	[VMAPI_CAP_GUEST_MEMFD] = "guest-memfd",
	[VMAPI_CAP_MEMORY_ATTRIBUTES] = "memory-attributes",
};

const char *vmapi_cap_name(unsigned id)
{
	return id < vmi_array_len(cap_names) ? cap_names[id] : NULL;
}

/* The backend's answer; one that it does not know is absent. */
static int ask(struct vmapi *ctx, struct vmapi_vm *vm, unsigned id,
	struct vmapi_cap *out)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	int err;

	if (!out)
		return vmi_null("cap");
	err = vmi_out_check(out, sizeof(cap));
	if (err)
		return err;
	if (!vmapi_cap_name(id))
		return vmi_fail(-ENOENT, "", "no capability %u", id);
	err = ctx->be->cap ? ctx->be->cap(ctx, vm, id, &cap) : -ENOENT;
	/* Few have one that is not the page's size. */
	if (id == VMAPI_CAP_MAP_ALIGN && (err == -ENOENT || !cap.value))
		err = ctx->be->cap
			? ctx->be->cap(ctx, vm, VMAPI_CAP_PAGE_SIZE, &cap)
			: -ENOENT;
	if (err == -ENOENT) {
		cap.origin = VMAPI_ORIGIN_NONE;
		cap.value = 0;
		err = 0;
	}
	if (!err)
		vmi_out_copy(out, &cap, sizeof(cap));
	return err;
}

int vmi_cap_ask(struct vmapi *ctx, struct vmapi_vm *vm, unsigned id,
	int64_t *value)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	int err = ask(ctx, vm, id, &cap);

	*value = err ? 0 : cap.value;
	return err;
}

int64_t vmi_cap(struct vmapi *ctx, struct vmapi_vm *vm, unsigned id)
{
	int64_t value;

	(void)vmi_cap_ask(ctx, vm, id, &value);
	return value;
}

int vmapi_cap_get(struct vmapi *ctx, unsigned id, struct vmapi_cap *cap)
{
	int err = vmi_enter(ctx, __func__);

	return err ? err : ask(ctx, NULL, id, cap);
}

int vmapi_vm_cap_get(struct vmapi_vm *vm, unsigned id, struct vmapi_cap *cap)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	return err ? err : ask(vm->ctx, vm, id, cap);
}

static int ask_raw(
	struct vmapi *ctx, struct vmapi_vm *vm, unsigned number, int *value)
{
	int found = 0, err;

	if (!value)
		return vmi_null("value");
	if (!ctx->be->cap_raw)
		return vmi_unsupported(ctx);
	err = ctx->be->cap_raw(ctx, vm, number, &found);
	if (!err)
		*value = found;
	return err;
}

int vmapi_cap_raw(struct vmapi *ctx, unsigned number, int *value)
{
	int err = vmi_enter(ctx, __func__);

	return err ? err : ask_raw(ctx, NULL, number, value);
}

int vmapi_vm_cap_raw(struct vmapi_vm *vm, unsigned number, int *value)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	return err ? err : ask_raw(vm->ctx, vm, number, value);
}
