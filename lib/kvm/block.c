/* SPDX-License-Identifier: MIT */
/* Blocks of register state, by the architecture's table. */
/*
 * Either an ioctl moves the block, in the kernel's own layout, or it lies in
 * the area that the vcpu shares: the kernel fills it in at each exit, and
 * takes it over at the next entry if its bit is set in kvm_dirty_regs
 * (api.rst 5, "kvm_valid_regs").
 */
#include "lib/kvm/arch.h"

static uint8_t *place(struct vmi_kvm_vcpu *vcpu, const struct vmi_kvm_block *b)
{
	return (uint8_t *)vcpu->run + b->offset;
}

static int call(struct vmi_kvm_vcpu *vcpu, unsigned long request, void *arg)
{
	int rc = vmi_kvm_vcpu_ioctl(vcpu, request, arg);

	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, request) : 0;
}

/* The row of a block that this vcpu has, or NULL. */
static const struct vmi_kvm_block *find(
	struct vmi_kvm_vcpu *vcpu, unsigned block)
{
	const struct vmi_kvm_block *b = &vmi_kvm_other.blocks[block];

	if (b->valid && !(vcpu->run->kvm_valid_regs & b->valid))
		return NULL;
	if (b->cap && !vmi_kvm_vm_check(vmi_kvm_vm_of(vcpu->core.vm), b->cap))
		return NULL;
	return b;
}

int vmi_kvm_arch_block_get(
	struct vmapi_vcpu *core, unsigned block, void *data, size_t *bytes)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	const struct vmi_kvm_block *b = find(vcpu, block);
	size_t room = *bytes;

	*bytes = b ? b->bytes : 0;
	if (!b)
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOENT, "this kernel has no such registers");
	if (b->read) {
		*bytes = room;
		return b->read(vcpu, data, bytes);
	}
	if (!data)
		return 0;
	if (room < b->bytes)
		return vmi_kvm_vcpu_fail(vcpu, -ENOSPC,
			"the room for the registers is too small");
	if (b->get)
		return call(vcpu, b->get, data);
	memcpy(data, place(vcpu, b), b->bytes);
	return 0;
}

void vmi_kvm_arch_blocks_get(
	struct vmapi_vcpu *vcpu, struct vmi_block_io *io, size_t n)
{
	for (; n; n--, io++)
		io->status = vmi_kvm_arch_block_get(
			vcpu, io->block, io->data, &io->bytes);
}

int vmi_kvm_arch_block_set(struct vmapi_vcpu *core, unsigned block,
	const void *data, size_t bytes)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	const struct vmi_kvm_block *b = find(vcpu, block);

	if (!b)
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOENT, "this kernel has no such registers");
	if (b->write)
		return b->write(vcpu, data, bytes);
	if (bytes != b->bytes)
		return vmi_kvm_vcpu_fail(
			vcpu, -EINVAL, "the size of the registers is another");
	vcpu->run_valid = false;
	if (b->set)
		return call(vcpu, b->set, (void *)(uintptr_t)data);
	memcpy(place(vcpu, b), data, bytes);
	vcpu->run->kvm_dirty_regs |= b->valid;
	return 0;
}

size_t vmi_kvm_arch_blocks_set(
	struct vmapi_vcpu *vcpu, struct vmi_block_io *io, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		io[i].status = vmi_kvm_arch_block_set(
			vcpu, io[i].block, io[i].data, io[i].bytes);
		if (io[i].status)
			break;
	}
	return i;
}
