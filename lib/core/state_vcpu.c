/* SPDX-License-Identifier: MIT */
/*
 * Vcpus in a saved state: all registers, by tag and value.
 *
 * What is written: every register that the vcpu lists and that can be set,
 * but for those that are parts of others (the views of the XSAVE area) and
 * the area itself, which goes by component.  A register that the other side
 * has not is no harm while it is 0 or only tells what the processor is;
 * anything else refuses the stream.  Registers that have their value already
 * are not set: some kernels log writes that they do not expect.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/arch/x86_regs.h"
#include "lib/arch/x86_state.h"
#include "lib/core/backend.h"
#include "lib/core/layout.h"
#include "lib/core/regs.h"
#include "lib/core/state.h"
#include "lib/core/state_x86.h"
#include "lib/sys/sys.h"

#define RECORD_HEAD 16

struct vmapi_vcpu *vmi_state_vcpu(const struct vmi_state *s, uint32_t place)
{
	struct vmapi_vcpu *vcpu = s->vm->vcpus;

	while (vcpu && place--)
		vcpu = vcpu->next;
	return vcpu;
}

bool vmi_state_is_x86(const struct vmi_regs_arch *arch)
{
	return arch->machine == 62; /* EM_X86_64 */
}

/* -- Forms -------------------------------------------------------------- */

static uint32_t attributes_of(const struct vmi_regs_arch *arch, uint64_t tag)
{
	const struct vmi_reg_row *row = vmi_reg_row(arch, tag);
	const struct vmi_one_row *one = vmi_one_row(arch, tag);

	return row ? row->attributes : one ? one->attributes : 0;
}

/* NULL: a number, or bytes as they are. */
static const struct vmi_layout *layout_of(
	const struct vmi_regs_arch *arch, uint64_t tag)
{
	if (!vmi_state_is_x86(arch))
		return NULL;
	if (vmi_tag_type(tag) == VMAPI_X86_TYPE_SEGMENT)
		return &vmi_layout_x86_segment;
	return tag == VMAPI_X86_EVENTS ? &vmi_layout_x86_events : NULL;
}

static bool host_is_big(void)
{
	const uint16_t one = 1;
	uint8_t first;

	memcpy(&first, &one, 1);
	return !first;
}

/* Numbers of more than 8 bytes: in host order there, little-endian here. */
static void copy_wide(uint8_t *to, const uint8_t *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = from[host_is_big() ? n - 1 - i : i];
}

static void put_value(const struct vmi_regs_arch *arch,
	const struct vmapi_reg *reg, struct vmi_buffer *value)
{
	const struct vmi_layout *layout = layout_of(arch, reg->tag);
	uint8_t *at;

	value->bytes = 0;
	if (layout) {
		vmi_put_struct(value, layout, reg->data);
	} else if (!reg->data) {
		vmi_put(value, reg->value, reg->bytes);
	} else if (attributes_of(arch, reg->tag) & VMAPI_REG_STRUCT) {
		vmi_put_bytes(value, reg->data, reg->bytes);
	} else {
		at = vmi_put_room(value, reg->bytes);
		if (at)
			copy_wide(at, reg->data, reg->bytes);
	}
}

/* -- Which registers ---------------------------------------------------- */

static enum vmi_reg_role role_of(
	const struct vmi_regs_arch *arch, uint64_t tag)
{
	return arch->role ? arch->role(tag) : VMI_ROLE_STATE;
}

static bool is_moved(const struct vmi_regs_arch *arch, uint64_t tag)
{
	const struct vmi_reg_row *row = vmi_reg_row(arch, tag);

	if (attributes_of(arch, tag) & VMAPI_REG_READONLY ||
		role_of(arch, tag) == VMI_ROLE_ALIAS)
		return false;
	return !(row && row->view != VMI_VIEW_NONE) &&
		!(vmi_state_is_x86(arch) && (tag == VMAPI_X86_CPUID ||
			tag == VMAPI_X86_XSAVE));
}

/* A batch of registers with room for their values. */
struct batch {
	struct vmapi_vcpu *vcpu;
	const struct vmi_regs_arch *arch;
	struct vmapi_reg *regs;
	bool *optional; /* restore: of each */
	size_t n;
	uint8_t *room; /* of values over 8 bytes; each a multiple of 16 */
	struct vmi_xsave xsave;
};

static void free_batch(struct batch *b)
{
	vmi_free(b->regs);
	vmi_free(b->optional);
	vmi_free(b->room);
	vmi_xsave_close(&b->xsave);
}

static size_t size_here(const struct batch *b, uint64_t tag)
{
	const struct vmi_reg_row *row = vmi_reg_row(b->arch, tag);
	size_t bytes = 0;

	if (!row)
		return vmi_tag_bytes(tag);
	if (row->bytes)
		return row->bytes;
	return vmi_block_size(b->vcpu, row->block, &bytes) ? 0 : bytes;
}

static bool is_resizable(const struct batch *b, uint64_t tag)
{
	const struct vmi_reg_row *row = vmi_reg_row(b->arch, tag);

	return row && b->arch->resizable >> row->block & 1;
}

static size_t padded(size_t bytes)
{
	return bytes > 8 ? (bytes + 15) & ~(size_t)15 : 0;
}

static int no_memory(const struct batch *b)
{
	return vmi_fail(-ENOMEM, vmi_vcpu_label(b->vcpu), "no memory");
}

/* A register that an entry is to be for. */
struct slot {
	uint64_t tag;
	size_t bytes;
};

/* Entries for the slots, with room for what they hold. */
static int prepare(struct batch *b, const struct slot *slots, size_t n)
{
	size_t i, at = 0, room = 0;

	for (i = 0; i < n; i++)
		room += padded(slots[i].bytes);
	b->regs = vmi_calloc(n + 1, sizeof(*b->regs));
	b->optional = vmi_calloc(n + 1, sizeof(*b->optional));
	b->room = vmi_zalloc(room + 1);
	if (!b->regs || !b->optional || !b->room)
		return no_memory(b);
	for (i = 0; i < n; i++) {
		struct vmapi_reg *reg = &b->regs[b->n];

		if (!slots[i].bytes)
			continue; /* nested state of a vcpu that has none */
		reg->tag = slots[i].tag;
		reg->bytes = (uint32_t)slots[i].bytes;
		if (reg->bytes > 8)
			reg->data = b->room + at;
		at += padded(reg->bytes);
		b->n++;
	}
	return 0;
}

/* Not that there is no such register: the host has no memory, or no VM. */
static bool is_trouble(int status)
{
	return status == -ENOMEM || status == -EIO || status == -EFAULT ||
		status == -EINTR;
}

static int tell_trouble(const struct batch *b, const struct vmapi_reg *reg)
{
	return vmi_fail_range(reg->status, reg->tag, reg->bytes,
		"register 0x%" PRIx64 " of vcpu %" PRIu64 " cannot be "
		"moved: %s", reg->tag, b->vcpu->id, strerror(-reg->status));
}

/* Without it no processor takes the state. */
static bool is_needed(const struct batch *b, uint64_t tag)
{
	return vmi_reg_row(b->arch, tag) && !is_resizable(b, tag) &&
		is_moved(b->arch, tag);
}

/* -- Saving ------------------------------------------------------------- */

static int load_all(struct batch *b)
{
	struct slot *slots;
	uint64_t *tags;
	size_t i, n, kept = 0;
	int err = vmi_reg_list(b->vcpu, &tags, &n);

	if (err)
		return err;
	slots = vmi_calloc(n + 1, sizeof(*slots));
	for (i = 0; slots && i < n; i++)
		if (is_moved(b->arch, tags[i]))
			slots[kept++] = (struct slot){ tags[i],
				size_here(b, tags[i]) };
	err = slots ? prepare(b, slots, kept) : no_memory(b);
	vmi_free(slots);
	vmi_free(tags);
	if (!err)
		err = vmi_regs_get(b->vcpu, b->regs, b->n);
	for (i = 0; i < b->n && !err; i++)
		if (is_trouble(b->regs[i].status) || (b->regs[i].status &&
			is_needed(b, b->regs[i].tag)))
			err = tell_trouble(b, &b->regs[i]);
	return err;
}

static int load_xsave(struct batch *b)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_XSAVE };
	int err = vmi_xsave_open(&b->xsave, b->vcpu);

	if (err)
		return err;
	reg.data = b->xsave.area;
	reg.bytes = (uint32_t)b->xsave.bytes;
	err = vmi_regs_get(b->vcpu, &reg, 1);
	if (!err && reg.status)
		err = tell_trouble(b, &reg);
	return err;
}

/* What kernels list and do not give (MSRs, mostly) is not there. */
static uint32_t put_all(struct batch *b, struct vmi_buffer *out)
{
	struct vmi_buffer value = { .data = NULL };
	uint32_t count = 0;
	size_t i;

	for (i = 0; i < b->n; i++) {
		const struct vmapi_reg *reg = &b->regs[i];
		struct vmi_record r = { .tag = reg->tag };

		if (reg->status)
			continue;
		put_value(b->arch, reg, &value);
		r.data = value.data;
		r.bytes = (uint32_t)value.bytes;
		if (role_of(b->arch, reg->tag) == VMI_ROLE_FEATURE)
			r.flags = VMI_RECORD_OPTIONAL;
		vmi_put_record(out, &r);
		out->failed |= value.failed;
		count++;
	}
	vmi_buffer_free(&value);
	return count;
}

static int save_one(struct vmapi_vcpu *vcpu, struct vmi_buffer *out)
{
	struct batch b = { .vcpu = vcpu, .arch = vmi_regs_of(vcpu) };
	uint32_t count;
	uint8_t *at;
	int err = load_all(&b);

	if (!err && vmi_state_is_x86(b.arch))
		err = load_xsave(&b);
	if (!err) {
		vmi_put(out, vcpu->id, 8);
		vmi_put(out, vcpu->as->id, 4);
		vmi_put(out, 0, 4); /* of records, when they are counted */
		count = put_all(&b, out);
		if (vmi_state_is_x86(b.arch))
			count += vmi_xsave_put(&b.xsave, out);
		at = out->failed ? NULL : out->data + 12;
		if (at)
			vmi_store(at, count, 4);
	}
	free_batch(&b);
	return err;
}

static int save_vcpu(struct vmi_state *s, struct vmi_sink *sink)
{
	struct vmi_buffer b = { .data = NULL };
	struct vmapi_vcpu *vcpu;
	uint32_t place = 0;
	int err = 0;

	for (vcpu = s->vm->vcpus; vcpu && !err; vcpu = vcpu->next) {
		err = save_one(vcpu, &b);
		if (!err)
			err = vmi_emit(sink, &b, (struct vmi_section){
				.type = VMI_SECTION_VCPU, .index = place++ });
	}
	vmi_buffer_free(&b);
	return err;
}

/* -- Reading ------------------------------------------------------------ */

static bool next_record(struct vmi_cursor *c, struct vmi_record *r)
{
	r->tag = vmi_take(c, 8);
	r->bytes = (uint32_t)vmi_take(c, 4);
	r->flags = (uint32_t)vmi_take(c, 4);
	r->data = vmi_take_bytes(c, r->bytes);
	return !c->bad && !(r->flags & ~VMI_RECORD_OPTIONAL);
}

/* Whether a processor without the register is the same. */
static bool is_at_rest(
	const struct vmi_regs_arch *arch, const struct vmi_record *r)
{
	uint32_t i = 0;

	while (i < r->bytes && !r->data[i])
		i++;
	return i == r->bytes ||
		(arch->at_rest && arch->at_rest(r->tag, r->data, r->bytes));
}

static int cannot_have(const struct batch *b, const struct vmi_record *r)
{
	char name[24] = "";
	const struct vmi_reg_row *row = vmi_reg_row(b->arch, r->tag);

	if (!row && !vmi_xsave_owns(r->tag))
		vmi_one_name(b->arch, r->tag, name, sizeof(name));
	return vmi_fail_range(-ENOTSUP, r->tag, r->bytes,
		"the stream's register %s (0x%" PRIx64 ") is in use, and "
		"vcpu %" PRIu64 " here cannot have it or its value",
		row ? row->name : *name ? name : "of XSAVE", r->tag,
		b->vcpu->id);
}

/* The value of a record into its entry; false: it cannot be one. */
static bool take_value(const struct batch *b, const struct vmi_record *r,
	struct vmapi_reg *reg)
{
	const struct vmi_layout *layout = layout_of(b->arch, r->tag);
	struct vmi_cursor c = { r->data, r->data + r->bytes, false };

	if (layout) {
		vmi_take_struct(&c, layout, reg->data);
		return vmi_cursor_done(&c);
	}
	if (r->bytes != reg->bytes)
		return false;
	if (!reg->data)
		reg->value = vmi_fetch(r->data, r->bytes);
	else if (attributes_of(b->arch, r->tag) & VMAPI_REG_STRUCT)
		memcpy(reg->data, r->data, r->bytes);
	else
		copy_wide(reg->data, r->data, r->bytes);
	return true;
}

static bool is_listed(const uint64_t *tags, size_t n, uint64_t tag)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (tags[middle] < tag)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && tags[low] == tag;
}

/*
 * One record: into the XSAVE area, into an entry of its own (`wanted`), or
 * away where the vcpu has no such register and can do without.
 */
static int sort_record(struct batch *b, const struct vmi_record *r,
	const uint64_t *tags, size_t n, bool *wanted)
{
	bool mine = vmi_state_is_x86(b->arch) && vmi_xsave_owns(r->tag);

	*wanted = is_listed(tags, n, r->tag) && is_moved(b->arch, r->tag);
	if (mine) {
		*wanted = false;
		return vmi_xsave_take(&b->xsave, r);
	}
	if (*wanted || r->flags & VMI_RECORD_OPTIONAL ||
		is_at_rest(b->arch, r))
		return 0;
	return -ENOTSUP;
}

/* Every register that any backend has is there. */
static bool is_complete(const struct batch *b, const uint64_t *tags, size_t n,
	const struct slot *chosen, size_t n_chosen)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		while (k < n_chosen && chosen[k].tag < tags[i])
			k++; /* both ascend */
		if (is_needed(b, tags[i]) &&
			(k == n_chosen || chosen[k].tag != tags[i]))
			return false;
	}
	return true;
}

/* Which registers the stream has; the area of XSAVE is filled in. */
static int sort_records(struct batch *b, struct vmi_cursor c,
	struct slot *chosen, size_t *n_chosen)
{
	struct vmi_record r;
	uint64_t *tags;
	bool wanted;
	size_t n;
	int err = vmi_reg_list(b->vcpu, &tags, &n);

	*n_chosen = 0;
	if (err)
		return err;
	while (!err && c.at < c.end) {
		if (!next_record(&c, &r)) {
			err = -EBADMSG;
			break;
		}
		err = sort_record(b, &r, tags, n, &wanted);
		if (err == -ENOTSUP)
			err = cannot_have(b, &r);
		else if (!err && wanted && *n_chosen &&
			chosen[*n_chosen - 1].tag >= r.tag)
			err = -EBADMSG; /* they ascend: none comes twice */
		else if (!err && wanted)
			chosen[(*n_chosen)++] = (struct slot){ r.tag,
				is_resizable(b, r.tag) ? r.bytes
					: size_here(b, r.tag) };
	}
	if (!err && !is_complete(b, tags, n, chosen, *n_chosen))
		err = -EBADMSG;
	vmi_free(tags);
	return err;
}

/* The entries' values, in the order in which they were chosen. */
static bool fill(struct batch *b, struct vmi_cursor c)
{
	struct vmi_record r;
	size_t i = 0;

	while (c.at < c.end && i < b->n && next_record(&c, &r)) {
		if (b->regs[i].tag != r.tag)
			continue;
		if (!take_value(b, &r, &b->regs[i]))
			return false;
		b->optional[i] = r.flags & VMI_RECORD_OPTIONAL;
		i++;
	}
	return i == b->n;
}

/* Of a section behind its head; -EBADMSG without a sentence. */
static int read_records(struct batch *b, struct vmi_cursor c, uint32_t count)
{
	struct slot *chosen;
	size_t n;
	int err = 0;

	if (count > (size_t)(c.end - c.at) / RECORD_HEAD)
		return -EBADMSG;
	if (vmi_state_is_x86(b->arch))
		err = vmi_xsave_open(&b->xsave, b->vcpu);
	if (err)
		return err;
	chosen = vmi_calloc((size_t)(c.end - c.at) / RECORD_HEAD + 1,
		sizeof(*chosen));
	if (!chosen)
		return no_memory(b);
	err = sort_records(b, c, chosen, &n);
	if (!err)
		err = prepare(b, chosen, n);
	if (!err && (b->n != n || !fill(b, c)))
		err = -EBADMSG;
	vmi_free(chosen);
	return err;
}

static int read_section(struct vmi_state *s,
	const struct vmi_section *section, struct batch *b)
{
	struct vmi_cursor c = vmi_section_cursor(section);
	uint64_t id = vmi_take(&c, 8), space = vmi_take(&c, 4);
	uint32_t count = (uint32_t)vmi_take(&c, 4);
	struct vmapi_as *as = s->vm->spaces;
	int err;

	memset(b, 0, sizeof(*b));
	b->vcpu = vmi_state_vcpu(s, section->index);
	if (c.bad)
		return vmi_bad_section(section, "the length");
	if (!b->vcpu || b->vcpu->id != id)
		return vmi_fail(-ENODEV, "vm",
			"vcpu %" PRIu32 " of the stream has id %" PRIu64
			", the VM's has not", section->index, id);
	while (as && as->id != space)
		as = as->next;
	if (!as || (as != b->vcpu->as && !s->vm->ctx->be->vcpu_as))
		return vmi_fail(-ENODEV, "vm",
			"vcpu %" PRIu64 " of the stream sees address space "
			"%" PRIu64 ", here it cannot", id, space);
	b->arch = vmi_regs_of(b->vcpu);
	err = read_records(b, c, count);
	return err == -EBADMSG ? vmi_bad_section(section, "its registers")
			       : err;
}

static int check_vcpu(struct vmi_state *s, const struct vmi_section *section)
{
	struct batch b;
	int err = read_section(s, section, &b);

	free_batch(&b);
	return err;
}

/* -- Applying ----------------------------------------------------------- */

static bool is_clock(const struct batch *b, uint64_t tag)
{
	return (attributes_of(b->arch, tag) & VMAPI_REG_VOLATILE) ||
		(vmi_state_is_x86(b->arch) &&
			tag == VMAPI_X86_MSR(VMI_MSR_TSC_DEADLINE));
}

static bool is_same(const struct vmapi_reg *a, const struct vmapi_reg *b)
{
	if (b->status || a->bytes != b->bytes)
		return false;
	return a->data ? !memcmp(a->data, b->data, a->bytes)
		       : a->value == b->value;
}

/* Take out those moved by themselves that have their value already. */
static int drop_equal(struct batch *b)
{
	struct batch now = { .vcpu = b->vcpu, .arch = b->arch };
	struct slot *slots = vmi_calloc(b->n + 1, sizeof(*slots));
	size_t i, kept = 0;
	int err = 0;

	if (!slots)
		return no_memory(b);
	for (i = 0; i < b->n; i++)
		slots[i] = (struct slot){ b->regs[i].tag,
			size_here(b, b->regs[i].tag) };
	err = prepare(&now, slots, b->n);
	if (!err)
		err = vmi_regs_get(now.vcpu, now.regs, now.n);
	for (i = 0; i < b->n && now.n == b->n && !err; i++) {
		const struct vmapi_reg *reg = &b->regs[i], *old = &now.regs[i];

		if (vmi_reg_is_one(b->arch, reg->tag) &&
			!is_clock(b, reg->tag) && is_same(reg, old))
			continue;
		if (is_trouble(old->status))
			err = tell_trouble(&now, old);
		b->optional[kept] = b->optional[i];
		b->regs[kept++] = *reg;
	}
	if (!err && now.n == b->n)
		b->n = kept;
	vmi_free(slots);
	free_batch(&now);
	return err;
}

static int set_all(struct batch *b)
{
	struct vmi_record r;
	size_t i;

	if (vmi_state_is_x86(b->arch)) /* there is room for one more */
		b->regs[b->n++] = (struct vmapi_reg){ .tag = VMAPI_X86_XSAVE,
			.data = b->xsave.area,
			.bytes = (uint32_t)b->xsave.bytes };
	vmi_regs_set(b->vcpu, b->regs, b->n, false);
	for (i = 0; i < b->n; i++) {
		if (is_trouble(b->regs[i].status))
			return tell_trouble(b, &b->regs[i]);
		if (!b->regs[i].status || b->optional[i])
			continue;
		r = (struct vmi_record){ .tag = b->regs[i].tag,
			.bytes = b->regs[i].bytes };
		return cannot_have(b, &r);
	}
	return 0;
}

static void see(struct vmi_state *s, struct vmapi_vcpu *vcpu, uint32_t id)
{
	struct vmapi_as *as = s->vm->spaces;

	while (as->id != id)
		as = as->next;
	if (as == vcpu->as)
		return;
	vmi_vcpu_see(vcpu, as);
	s->vm->ctx->be->vcpu_as(vcpu);
}

static int apply_vcpu(struct vmi_state *s, const struct vmi_section *section)
{
	struct batch b;
	int err = read_section(s, section, &b);

	if (!err)
		err = drop_equal(&b);
	if (!err) {
		see(s, b.vcpu, (uint32_t)vmi_fetch(section->data + 8, 4));
		err = set_all(&b);
	}
	free_batch(&b);
	return err;
}

const struct vmi_part vmi_part_vcpu = {
	.type = VMI_SECTION_VCPU,
	.save = save_vcpu,
	.check = check_vcpu,
	.apply = apply_vcpu,
};

/* -- Kept by a snapshot -------------------------------------------------- */

/* What a section says, read once. */
struct vmi_vcpu_kept {
	struct batch b;
	struct batch work; /* its regs and optional: to be taken from */
	uint64_t id;
	uint32_t place;
	uint32_t space;
};

void vmi_vcpu_kept_free(struct vmi_vcpu_kept *kept)
{
	if (!kept)
		return;
	free_batch(&kept->b);
	vmi_free(kept->work.regs);
	vmi_free(kept->work.optional);
	vmi_free(kept);
}

static int room_to_work(struct vmi_vcpu_kept *kept)
{
	struct batch *w = &kept->work;

	/* There is one more: XSAVE. */
	w->regs = vmi_calloc(kept->b.n + 1, sizeof(w->regs[0]));
	w->optional = vmi_calloc(kept->b.n + 1, sizeof(w->optional[0]));
	return w->regs && w->optional ? 0 : no_memory(&kept->b);
}

int vmi_vcpu_keep(struct vmi_state *s, const struct vmi_section *section,
	struct vmi_vcpu_kept **kept)
{
	struct vmi_vcpu_kept *k = vmi_zalloc(sizeof(*k));
	int err;

	if (!k)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	err = read_section(s, section, &k->b);
	if (!err) {
		k->id = k->b.vcpu->id;
		k->place = section->index;
		k->space = (uint32_t)vmi_fetch(section->data + 8, 4);
		err = room_to_work(k);
	}
	if (err)
		vmi_vcpu_kept_free(k);
	else
		*kept = k;
	return err;
}

int vmi_vcpu_put_back(struct vmi_state *s, struct vmi_vcpu_kept *kept)
{
	struct batch w = kept->b;
	int err;

	w.regs = kept->work.regs;
	w.optional = kept->work.optional;
	memcpy(w.regs, kept->b.regs, w.n * sizeof(w.regs[0]));
	memcpy(w.optional, kept->b.optional, w.n * sizeof(w.optional[0]));
	err = drop_equal(&w);
	if (err)
		return err;
	see(s, w.vcpu, kept->space);
	return set_all(&w);
}

int vmi_vcpu_kept_check(const struct vmi_state *s,
	const struct vmi_vcpu_kept *kept)
{
	const struct vmapi_vcpu *vcpu = vmi_state_vcpu(s, kept->place);
	const struct vmapi_as *as = s->vm->spaces;

	while (as && as->id != kept->space)
		as = as->next;
	if (as && vcpu && vcpu == kept->b.vcpu && vcpu->id == kept->id)
		return 0;
	return vmi_fail(-ENODEV, "snapshot",
		"vcpu %" PRIu32 ", or what it sees, is another one",
		kept->place);
}
