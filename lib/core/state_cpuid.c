/* SPDX-License-Identifier: MIT */
/* CPUID of x86 vcpus in a saved state. */
#include <errno.h>
#include <string.h>

#include "lib/arch/x86_state.h"
#include "lib/core/backend.h"
#include "lib/core/layout.h"
#include "lib/core/regs.h"
#include "lib/core/state.h"
#include "lib/core/state_x86.h"
#include "lib/sys/sys.h"

static int get_cpuid(struct vmapi_vcpu *vcpu, struct vmi_reg_block *block)
{
	*block = (struct vmi_reg_block){ .data = NULL };
	return vmi_block_load(vcpu, VMI_BLOCK_CPUID, block);
}

static int put_cpuid(struct vmapi_vcpu *vcpu, struct vmi_buffer *b)
{
	const struct vmapi_x86_cpuid *list;
	struct vmi_reg_block block;
	size_t i, n;
	int err = get_cpuid(vcpu, &block);

	if (err)
		return vmi_fail(err, vmi_vcpu_label(vcpu),
			"its CPUID cannot be read");
	list = (const void *)block.data;
	n = block.bytes / sizeof(*list);
	for (i = 0; i < n; i++)
		vmi_put_struct(b, &vmi_layout_x86_cpuid, &list[i]);
	vmi_block_free(&block);
	return 0;
}

static int save_cpuid(struct vmi_state *s, struct vmi_sink *sink)
{
	struct vmi_buffer b = { .data = NULL };
	struct vmapi_vcpu *vcpu;
	uint32_t place = 0;
	int err = 0;

	for (vcpu = s->vm->vcpus; vcpu && !err; vcpu = vcpu->next) {
		if (!vmi_state_is_x86(vmi_regs_of(vcpu)))
			break;
		err = put_cpuid(vcpu, &b);
		if (!err)
			err = vmi_emit(sink, &b, (struct vmi_section){
				.type = VMI_SECTION_CPUID, .index = place++ });
	}
	vmi_buffer_free(&b);
	return err;
}

/* The list in order, to be freed. */
static int read_cpuid(
	const struct vmi_section *section, struct vmapi_cpuid *list)
{
	size_t bytes = vmi_layout_bytes(&vmi_layout_x86_cpuid), i;
	struct vmi_cursor c = vmi_section_cursor(section);
	size_t n = (size_t)section->bytes / bytes;

	*list = (struct vmapi_cpuid){ .n = 0 };
	if (!n || n > VMI_CPUID_MAX || section->bytes % bytes)
		return vmi_bad_section(section, "the length");
	if (vmi_cpuid_room(list, n))
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (i = 0; i < n; i++)
		vmi_take_struct(&c, &vmi_layout_x86_cpuid, &list->entries[i]);
	list->n = n;
	vmi_cpuid_sort(list);
	return 0;
}

static int check_cpuid(struct vmi_state *s, const struct vmi_section *section)
{
	struct vmapi_vcpu *vcpu = vmi_state_vcpu(s, section->index);
	struct vmapi_cpuid list;
	int err;

	if (!vcpu || !vmi_state_is_x86(vmi_regs_of(vcpu)))
		return vmi_bad_section(section, "the number");
	err = read_cpuid(section, &list);
	if (!err)
		err = vmi_x86_cpuid_check(vcpu, &list);
	vmi_cpuid_free(&list);
	return err;
}

static int set_cpuid(struct vmapi_vcpu *vcpu, const struct vmapi_cpuid *list)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_CPUID,
		.data = list->entries,
		.bytes = (uint32_t)(list->n * sizeof(list->entries[0])) };
	struct vmi_reg_block now;
	int err = get_cpuid(vcpu, &now);
	bool same;

	if (err)
		return vmi_fail(err, vmi_vcpu_label(vcpu),
			"its CPUID cannot be read");
	same = now.bytes == reg.bytes &&
		!memcmp(now.data, list->entries, reg.bytes);
	vmi_block_free(&now);
	if (same)
		return 0;
	vmi_regs_set(vcpu, &reg, 1, false);
	return reg.status ? vmi_fail(reg.status, vmi_vcpu_label(vcpu),
				    "its CPUID cannot become the stream's")
			  : 0;
}

static int apply_cpuid(struct vmi_state *s, const struct vmi_section *section)
{
	struct vmapi_cpuid list;
	int err = read_cpuid(section, &list);

	if (!err)
		err = set_cpuid(vmi_state_vcpu(s, section->index), &list);
	vmi_cpuid_free(&list);
	return err;
}

const struct vmi_part vmi_part_cpuid = {
	.type = VMI_SECTION_CPUID,
	.save = save_cpuid,
	.check = check_cpuid,
	.apply = apply_cpuid,
};
