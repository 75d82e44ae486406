/* SPDX-License-Identifier: MIT */
/*
 * The CPU model of a VM, which is decided when it is made.
 *
 * "host" is all that the backend can do.  The others come from a table and
 * are portable: the same CPUID whoever runs them.  "common" is portable too,
 * between the backends that can be opened on this machine.
 */
#include "lib/arch/x86_model.h"

#include <errno.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/cpuid.h"
#include "lib/sys/sys.h"

#define HOST "host"

/* -- What there is ------------------------------------------------------ */

static int tell(const struct vmapi_cpuid_model *own,
	struct vmapi_cpuid_model *model)
{
	int err = vmi_out_check(model, sizeof(*own));

	if (!err)
		vmi_out_copy(model, own, sizeof(*own));
	return err;
}

int vmapi_cpuid_model(size_t n, struct vmapi_cpuid_model *model)
{
	struct vmapi_cpuid_model own = { .size = sizeof(own), .name = HOST,
		.about = "all that this backend can do" };
	size_t i;

	vmi_enter_free(__func__);
	if (!model)
		return vmi_null("model");
	if (n == 0)
		return tell(&own, model);
	for (i = 0; vmi_x86_models[i].name; i++) {
		if (i + 1 != n)
			continue;
		own.name = vmi_x86_models[i].name;
		own.about = vmi_x86_models[i].about;
		own.flags = VMAPI_CPUID_PORTABLE;
		return tell(&own, model);
	}
	return vmi_fail(-ENOENT, "cpuid", "there are %zu CPU models", i + 1);
}

/* -- Making one --------------------------------------------------------- */

static int lacks(struct vmapi *ctx, const struct vmi_x86_model *model,
	struct vmapi_cpuid *list)
{
	char text[160];
	struct vmi_words words = { .text = text, .room = sizeof(text) };
	struct vmapi_cpuid host = { 0 };
	int err = vmi_cpuid_ask(ctx, &host);

	if (!err) {
		vmi_x86_model_lacks(list, &host, &words);
		if (words.length)
			err = vmi_fail(-ENOTSUP, "cpuid", "model '%s': %s has "
				"no %s", model->name, ctx->be->name, text);
	}
	vmi_cpuid_free(&host);
	return err;
}

/* Take out what this backend has not; one that is not x86 has no say. */
static int meet(struct vmapi *ctx, struct vmapi_cpuid *list)
{
	struct vmapi_cpuid host = { 0 };
	int err = vmi_cpuid_ask(ctx, &host);

	if (!err)
		vmi_x86_model_meet(list, &host);
	vmi_cpuid_free(&host);
	return err == -ENOTSUP ? 0 : err;
}

/* A backend that cannot be opened here has no say either. */
static int meet_all(struct vmapi *ctx, struct vmapi_cpuid *list)
{
	const struct vmi_backend *const *be;
	struct vmapi *other;
	int err = meet(ctx, list);

	for (be = vmi_backends; *be && !err; be++) {
		if (*be == ctx->be || vmi_context_open(*be, &other))
			continue;
		err = meet(other, list);
		vmi_context_put(other);
	}
	return err;
}

int vmi_model_make(struct vmapi *ctx, const char *name, uint64_t tsc_hz,
	struct vmapi_cpuid *list)
{
	const struct vmi_x86_model *model = vmi_x86_model(name);
	int err;

	if (!strcmp(name, HOST)) {
		err = vmi_cpuid_ask(ctx, list);
		if (!err && tsc_hz)
			vmi_cpuid_clock(list, tsc_hz);
		return err;
	}
	if (!model)
		return vmi_fail(-ENOENT, "cpuid", "there is no CPU model "
			"'%.40s'", name);
	if (!ctx->be->cpuid_supported)
		return vmi_unsupported(ctx);
	err = vmi_x86_model_make(model, tsc_hz ? tsc_hz : VMI_MODEL_TSC_HZ,
		list);
	if (err)
		return vmi_fail(err, "cpuid", "no memory");
	return strcmp(name, VMI_MODEL_COMMON) ? lacks(ctx, model, list) :
		meet_all(ctx, list);
}

int vmapi_cpuid_model_list(struct vmapi *ctx, const char *name,
	struct vmapi_cpuid *list)
{
	int err = vmi_enter(ctx, __func__);

	if (err)
		return err;
	if (!name || !list)
		return vmi_null(name ? "list" : "name");
	return vmi_model_make(ctx, name, 0, list);
}

/* -- A VM's ------------------------------------------------------------- */

/* The name that lives as long as the library. */
static const char *lasting(const char *name)
{
	const struct vmi_x86_model *model = vmi_x86_model(name);

	return model ? model->name : HOST;
}

bool vmi_vm_is_portable(const struct vmapi_vm *vm)
{
	return vm->cpuid && strcmp(vm->config.cpu_model, HOST) != 0;
}

int vmi_vm_model(struct vmapi_vm *vm)
{
	const char *name = vm->config.cpu_model;
	int err;

	vm->cpuid = vmi_zalloc(sizeof(*vm->cpuid));
	if (!vm->cpuid)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	err = vmi_model_make(vm->ctx, name ? name : HOST, vm->config.tsc_hz,
		vm->cpuid);
	if (err) {
		vmapi_cpuid_destroy(vm->cpuid);
		vm->cpuid = NULL;
		return err == -ENOTSUP && !name ? 0 : err;
	}
	vm->config.cpu_model = lasting(name ? name : HOST);
	if (!vmi_vm_is_portable(vm))
		return 0;
	if (!vm->config.tsc_hz)
		vm->config.tsc_hz = VMI_MODEL_TSC_HZ;
	if (vm->config.irqchip == VMAPI_IRQCHIP_NONE)
		vmi_x86_model_no_apic(vm->cpuid);
	return 0;
}

int vmapi_vm_cpu_model(struct vmapi_vm *vm, const char **name)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!name)
		return vmi_null("name");
	if (!vm->cpuid)
		return vmi_fail(-ENOTSUP, "vm", "it is not a VM of x86");
	*name = vm->config.cpu_model;
	return 0;
}
