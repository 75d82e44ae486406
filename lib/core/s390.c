/* SPDX-License-Identifier: MIT */
/* What only s390 has: interrupts that are messages, keys, its memory. */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/backend.h"

int vmapi_s390_inject(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
	const struct vmapi_s390_irq *irq)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_s390_irq own;

	if (err)
		return err;
	if (!irq)
		return vmi_null("irq");
	if (vcpu && vcpu->vm != vm)
		return vmi_fail(-EINVAL, "vm", "the vcpu is of another VM");
	err = vmi_config_copy(&own, sizeof(own), irq, sizeof(own));
	if (err)
		return err;
	if (!vm->ctx->be->s390_inject)
		return vmi_unsupported(vm->ctx);
	err = vm->ctx->be->s390_inject(vm, vcpu, &own);
	if (!err)
		vmi_trace(vm->ctx, VMAPI_TRACE_IRQ,
			"s390 interrupt 0x%" PRIx32, own.type);
	return err;
}

/* -- Storage keys ------------------------------------------------------- */

static int check_keys(struct vmapi_vm *vm, const struct vmi_s390_keys *k)
{
	size_t i;

	if (!k->get && !k->set)
		return vmi_null("keys");
	if (!k->n || k->gpa % VMAPI_S390_KEY_PAGE ||
		k->n > UINT64_MAX / VMAPI_S390_KEY_PAGE)
		return vmi_fail(-EINVAL, "vm",
			"no pages, or 0x%" PRIx64 " is no page's address",
			k->gpa);
	for (i = 0; k->set && i < k->n; i++)
		if (k->set[i] & 1)
			return vmi_fail(-EINVAL, "vm",
				"key %zu is 0x%x: bit 0 of a key is 0", i,
				k->set[i]);
	return vm->ctx->be->s390_keys ? 0 : vmi_unsupported(vm->ctx);
}

int vmapi_s390_keys_get(struct vmapi_vm *vm, uint64_t gpa, uint8_t *keys,
	size_t n, uint32_t *in_use)
{
	struct vmi_s390_keys k = { .gpa = gpa, .n = n, .get = keys };
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	if (!err)
		err = check_keys(vm, &k);
	if (!err)
		err = vm->ctx->be->s390_keys(vm, &k);
	if (!err && in_use)
		*in_use = k.in_use;
	return err;
}

int vmapi_s390_keys_set(struct vmapi_vm *vm, uint64_t gpa, const uint8_t *keys,
	size_t n)
{
	struct vmi_s390_keys k = { .gpa = gpa, .n = n, .set = keys };
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	if (!err)
		err = check_keys(vm, &k);
	return err ? err : vm->ctx->be->s390_keys(vm, &k);
}

/* -- Memory ------------------------------------------------------------- */

#define MEM_FLAGS                                                              \
	(VMAPI_S390_MEM_WRITE | VMAPI_S390_MEM_CHECK |                         \
		VMAPI_S390_MEM_INJECT | VMAPI_S390_MEM_KEY |                   \
		VMAPI_S390_MEM_EXCHANGE | VMAPI_S390_MEM_SIDA)

/* Flags that go together with nothing, and what they are without. */
static const char *contradiction(
	const struct vmapi_s390_mem *m, bool has_vcpu)
{
	if (m->flags & ~MEM_FLAGS)
		return "unknown flags";
	if (!has_vcpu && m->flags & VMAPI_S390_MEM_INJECT)
		return "there is no vcpu to inject an exception into";
	if (!has_vcpu && m->access_register)
		return "absolute addresses have no access register";
	if (m->access_register > 15 || m->key > 15)
		return "an access register or a key above 15";
	if (!m->bytes)
		return "no bytes";
	return NULL;
}

static const char *bad_exchange(const struct vmapi_s390_mem *m, bool has_vcpu)
{
	if (has_vcpu)
		return "exchanges are at absolute addresses";
	if ((m->flags & (VMAPI_S390_MEM_WRITE | VMAPI_S390_MEM_CHECK)) !=
		VMAPI_S390_MEM_WRITE)
		return "an exchange is a write, and not a check";
	if (m->bytes > 16 || m->bytes & (m->bytes - 1) ||
		m->address % m->bytes)
		return "an exchange is of 1, 2, 4, 8 or 16 aligned bytes";
	return NULL;
}

static int check_mem(struct vmapi_vm *vm, const struct vmapi_vcpu *vcpu,
	const struct vmapi_s390_mem *m)
{
	const char *why = contradiction(m, vcpu != NULL);

	if (vcpu && vcpu->vm != vm)
		return vmi_fail(-EINVAL, "vm", "the vcpu is of another VM");
	if (!why && m->flags & VMAPI_S390_MEM_EXCHANGE)
		why = bad_exchange(m, vcpu != NULL);
	if (why)
		return vmi_fail(-EINVAL, "vm", "%s", why);
	if (!m->data && !(m->flags & VMAPI_S390_MEM_CHECK))
		return vmi_null("mem->data");
	if (!m->expected && m->flags & VMAPI_S390_MEM_EXCHANGE)
		return vmi_null("mem->expected");
	if (m->flags & VMAPI_S390_MEM_SIDA)
		return vmi_fail(-ENOTSUP, "vm", "only a protected VM has a "
			"SIDA, and those cannot be made");
	return vm->ctx->be->s390_mem ? 0 : vmi_unsupported(vm->ctx);
}

static int access_mem(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
	const struct vmapi_s390_mem *m, uint32_t *result)
{
	int err;

	if (!vcpu)
		return vm->ctx->be->s390_mem(vm, NULL, m, result);
	err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	err = vm->ctx->be->s390_mem(vm, vcpu, m, result);
	vmi_vcpu_release(vcpu);
	return err;
}

int vmapi_s390_mem(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
	const struct vmapi_s390_mem *mem, uint32_t *result)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_s390_mem own;
	uint32_t met = 0;

	if (err)
		return err;
	if (!mem || !result)
		return vmi_null(mem ? "result" : "mem");
	err = vmi_config_copy(&own, sizeof(own), mem, sizeof(own));
	if (!err)
		err = check_mem(vm, vcpu, &own);
	if (!err)
		err = access_mem(vm, vcpu, &own, &met);
	if (!err)
		*result = met;
	return err;
}
