/* SPDX-License-Identifier: MIT */
/*
 * A VM's state as a whole: which parts it has, and the small ones.
 *
 * The order of the parts is the order in which they are applied, and each
 * depends only on those before it.  Maps and RAM come before the vcpus, since
 * a processor in PAE mode loads page-directory-pointer entries with its
 * control registers; the clock before whatever keeps times of it; the vcpus
 * with their local APICs before chips, which send again what was not
 * accepted; routes before chips, whose outputs follow them.  Controllers to
 * which vcpus are connected come before these.
 */
#include "lib/core/state.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/chipset.h"
#include "lib/core/cpuid.h"
#include "lib/core/hold.h"
#include "lib/core/posted.h"
#include "lib/core/routes.h"
#include "lib/core/runner.h"
#include "lib/sys/sys.h"

static const struct vmi_part *const parts[] = {
	&vmi_part_machine,
	&vmi_part_calls,
	&vmi_part_map,
	&vmi_part_clock,
	&vmi_part_cpuid,
	&vmi_part_servers,
	&vmi_part_controller,
	&vmi_part_vcpu,
	&vmi_part_routes,
	&vmi_part_chip,
	&vmi_part_device,
};

const struct vmi_part *vmi_state_part(size_t i)
{
	return i < vmi_array_len(parts) ? parts[i] : NULL;
}

int vmi_state_save_parts(struct vmi_state *s, struct vmi_sink *sink)
{
	size_t i;
	int err = 0;

	for (i = 0; i < vmi_array_len(parts) && !err; i++)
		err = parts[i]->save(s, sink);
	return err;
}

int vmi_emit(struct vmi_sink *sink, struct vmi_buffer *b,
	struct vmi_section section)
{
	int err;

	if (b->failed)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	section.data = b->data;
	section.bytes = b->bytes;
	err = sink->put(sink, &section);
	b->bytes = 0;
	return err;
}

int vmi_bad_section(const struct vmi_section *section, const char *what)
{
	return vmi_fail(-EBADMSG, vmi_section_name(section->type),
		"%s %" PRIu32 " of the stream: %s cannot be",
		vmi_section_name(section->type), section->index, what);
}

/* -- Beginning and end -------------------------------------------------- */

/* Finish what vcpus have begun: posted writes come out of that. */
static int settle_all(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu;
	int err = 0;

	pthread_mutex_lock(&vm->lock);
	for (vcpu = vm->vcpus; vcpu && !err; vcpu = vcpu->next) {
		err = vmi_vcpu_take(vcpu);
		if (!err)
			vmi_vcpu_release(vcpu);
	}
	pthread_mutex_unlock(&vm->lock);
	if (!err)
		vmi_posted_deliver(vm);
	return err;
}

static int take_all(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu, *taken;
	int err = 0;

	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next) {
		err = vmi_vcpu_take(vcpu);
		if (err)
			break;
	}
	for (taken = vm->vcpus; err && taken != vcpu; taken = taken->next)
		vmi_vcpu_release(taken);
	return err;
}

static int check_sections(const struct vmapi_state_config *c)
{
	size_t i, k;

	for (i = 0; i < c->n_sections; i++) {
		const struct vmapi_section *own = &c->sections[i];

		if (!*own->name ||
			!memchr(own->name, '\0', sizeof(own->name)))
			return vmi_fail(-EINVAL, "vm",
				"section %zu has no name, or one without an "
				"end", i);
		if ((own->bytes && !own->data) || own->reserved ||
			own->flags & ~VMAPI_SECTION_OPTIONAL)
			return vmi_fail(-EINVAL, "vm",
				"section '%s' has no data, or unknown flags",
				own->name);
		if (own->bytes > VMAPI_SECTION_MAX - sizeof(own->name))
			return vmi_fail(-EINVAL, "vm",
				"section '%s' is too long", own->name);
		for (k = 0; k < i; k++)
			if (!strcmp(c->sections[k].name, own->name))
				return vmi_fail(-EINVAL, "vm",
					"two sections have the name '%s'",
					own->name);
	}
	return 0;
}

int vmi_state_config(struct vmapi_state_config *to,
	const struct vmapi_state_config *from, uint32_t flags)
{
	int err;

	memset(to, 0, sizeof(*to));
	if (!from)
		return 0;
	err = vmi_config_copy(to, sizeof(*to), from, sizeof(*to));
	if (err)
		return err;
	if (to->flags & ~flags)
		return vmi_fail(-EINVAL, "vm", "unknown flags 0x%" PRIx32,
			to->flags & ~flags);
	if (to->rounds > VMI_STATE_ROUNDS || to->reserved ||
		(!(to->flags & VMAPI_SAVE_RUNNING) &&
			(to->rounds || to->pause_bytes)))
		return vmi_fail(-EINVAL, "vm", "rounds or pause_bytes without "
			"VMAPI_SAVE_RUNNING, or more than %u rounds",
			VMI_STATE_ROUNDS);
	if (to->report)
		err = vmi_out_check(to->report, sizeof(*to->report));
	if (err)
		return err;
	if ((to->n_sections && !to->sections) || (to->n_ram && !to->ram))
		return vmi_null(to->n_ram ? "config->ram"
					  : "config->sections");
	return check_sections(to);
}

/* Those that run, and are held for it: the VM's lock comes after that. */
static int hold_all(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu;
	int err = vmi_hold(vm);

	if (err)
		return err;
	vmi_posted_deliver(vm);
	pthread_mutex_lock(&vm->lock);
	for (vcpu = vm->vcpus; vcpu && !err; vcpu = vcpu->next)
		if (vcpu->hold == VMI_HOLD_NONE) /* made since */
			err = vmi_fail(-EBUSY, vmi_vcpu_label(vcpu),
				"it was just made");
	if (!err)
		return 0;
	pthread_mutex_unlock(&vm->lock);
	vmi_let_go(vm);
	return err;
}

static int have_all(struct vmapi_vm *vm)
{
	int err = vmi_runners_rest(vm);

	if (!err)
		err = settle_all(vm);
	if (err)
		return err;
	pthread_mutex_lock(&vm->lock);
	err = take_all(vm);
	if (err)
		pthread_mutex_unlock(&vm->lock);
	return err;
}

int vmi_state_begin(struct vmi_state *s, struct vmapi_vm *vm,
	const struct vmapi_state_config *config)
{
	if (atomic_exchange(&vm->has_saver, true))
		return vmi_fail(-EBUSY, "vm",
			"a save or a restore of it is under way");
	memset(s, 0, sizeof(*s));
	s->vm = vm;
	s->config = *config;
	return 0;
}

int vmi_state_stop(struct vmi_state *s)
{
	bool holds = s->config.flags & VMAPI_SAVE_RUNNING;
	int err = holds ? hold_all(s->vm) : have_all(s->vm);

	if (err)
		return err;
	s->is_stopped = true;
	s->now = vmi_clock_stop(s->vm);
	return vmi_state_find_rams(s);
}

void vmi_state_go(struct vmi_state *s)
{
	if (!s->is_stopped)
		return;
	s->is_stopped = false;
	vmi_clock_go(s->vm);
	if (!(s->config.flags & VMAPI_SAVE_RUNNING))
		vmi_vm_release(s->vm);
	pthread_mutex_unlock(&s->vm->lock);
	if (s->config.flags & VMAPI_SAVE_RUNNING)
		vmi_let_go(s->vm);
}

void vmi_state_end(struct vmi_state *s)
{
	vmi_state_free_rams(s);
	vmi_state_go(s);
	atomic_store(&s->vm->has_saver, false);
}

int vmi_state_ask(struct vmi_state *s)
{
	int err = s->config.check ? s->config.check(s->config.opaque) : 0;

	return err ? vmi_fail(err < 0 ? err : -EINVAL, "vm",
			     "the application refused it")
		   : 0;
}

/* -- What the VM is ----------------------------------------------------- */

#define NAME_BYTES 32

static void put_name(struct vmi_buffer *b, const char *name)
{
	uint8_t *at = vmi_put_room(b, NAME_BYTES);
	size_t n = strlen(name);

	if (at)
		memcpy(at, name, n < NAME_BYTES ? n : NAME_BYTES - 1);
}

/* As a stream has it: empty where it is whatever the backend has. */
static const char *model_of(const struct vmi_state *s)
{
	const char *name = s->vm->config.cpu_model;

	return vmi_vm_is_portable(s->vm) ? name : "";
}

static const char *spoken(const char *model)
{
	return *model ? model : "host";
}

static int save_machine(struct vmi_state *s, struct vmi_sink *sink)
{
	const struct vmapi_vm_config *c = &s->vm->config;
	struct vmi_buffer b = { .data = NULL };
	int err;

	vmi_put(&b, c->irqchip, 4);
	vmi_put(&b, c->flags & VMAPI_VM_PIT, 4);
	put_name(&b, s->vm->ctx->be->name);
	put_name(&b, vmapi_version_string());
	put_name(&b, model_of(s));
	err = vmi_emit(sink, &b, (struct vmi_section){
		.type = VMI_SECTION_MACHINE });
	vmi_buffer_free(&b);
	return err;
}

/* Feature MSRs and what else a model decides are not in the stream. */
static int check_model(struct vmi_state *s, const uint8_t *name)
{
	char theirs[NAME_BYTES + 1] = "";

	memcpy(theirs, name, NAME_BYTES);
	if (!strcmp(theirs, model_of(s)))
		return 0;
	return vmi_fail(-ENODEV, "vm",
		"the stream's VM has processors of model '%s', this one of "
		"model '%s'", spoken(theirs), spoken(model_of(s)));
}

static int check_machine(
	struct vmi_state *s, const struct vmi_section *section)
{
	const struct vmapi_vm_config *c = &s->vm->config;
	struct vmi_cursor at = vmi_section_cursor(section);
	uint64_t irqchip = vmi_take(&at, 4), flags = vmi_take(&at, 4);
	const uint8_t *names = vmi_take_bytes(&at, 3 * NAME_BYTES);

	if (!vmi_cursor_done(&at))
		return vmi_bad_section(section, "the length");
	if (irqchip == c->irqchip && flags == (c->flags & VMAPI_VM_PIT))
		return check_model(s, names + 2 * NAME_BYTES);
	return vmi_fail(-ENODEV, "vm",
		"the stream's VM has irqchip %" PRIu64 " and flags 0x%" PRIx64
		", this one %" PRIu32 " and 0x%" PRIx32, irqchip, flags,
		c->irqchip, c->flags & (uint32_t)VMAPI_VM_PIT);
}

static int nothing(struct vmi_state *s, const struct vmi_section *section)
{
	(void)s;
	(void)section;
	return 0;
}

const struct vmi_part vmi_part_machine = {
	.type = VMI_SECTION_MACHINE,
	.save = save_machine,
	.check = check_machine,
	.apply = nothing,
};

/* -- Time --------------------------------------------------------------- */

static int save_clock(struct vmi_state *s, struct vmi_sink *sink)
{
	struct vmi_buffer b = { .data = NULL };
	int err;

	vmi_put(&b, s->now, 8);
	err = vmi_emit(sink, &b, (struct vmi_section){
		.type = VMI_SECTION_CLOCK });
	vmi_buffer_free(&b);
	return err;
}

/* The whole range is far off what a clock reaches, and its double fits. */
static int check_clock(struct vmi_state *s, const struct vmi_section *section)
{
	struct vmi_cursor at = vmi_section_cursor(section);
	uint64_t now = vmi_take(&at, 8);

	(void)s;
	return vmi_cursor_done(&at) && now <= INT64_MAX
		? 0 : vmi_bad_section(section, "the time");
}

static int apply_clock(struct vmi_state *s, const struct vmi_section *section)
{
	vmi_clock_set(s->vm, vmi_fetch(section->data, 8));
	return 0;
}

const struct vmi_part vmi_part_clock = {
	.type = VMI_SECTION_CLOCK,
	.save = save_clock,
	.check = check_clock,
	.apply = apply_clock,
};

/* -- Routes ------------------------------------------------------------- */

#define ROUTE_WORDS 6
#define ROUTE_BYTES (12 + ROUTE_WORDS * 8)

/* Of the union, by type: the words that mean something. */
static void route_words(const struct vmapi_route *r, uint64_t *w)
{
	memset(w, 0, ROUTE_WORDS * sizeof(*w));
	switch (r->type) {
	case VMAPI_ROUTE_PIN:
		w[0] = r->u.pin.chip;
		w[1] = r->u.pin.pin;
		break;
	case VMAPI_ROUTE_MSI:
		w[0] = r->u.msi.address;
		w[1] = r->u.msi.data;
		w[2] = r->u.msi.device_id;
		break;
	case VMAPI_ROUTE_HV_SINT:
		w[0] = r->u.hv.vcpu;
		w[1] = r->u.hv.sint;
		break;
	case VMAPI_ROUTE_XEN:
		w[0] = r->u.xen.port;
		w[1] = r->u.xen.vcpu;
		w[2] = r->u.xen.priority;
		break;
	default: break; /* an adapter's are addresses of this process */
	}
}

static void route_of_words(struct vmapi_route *r, const uint64_t *w)
{
	switch (r->type) {
	case VMAPI_ROUTE_PIN:
		r->u.pin.chip = (uint32_t)w[0];
		r->u.pin.pin = (uint32_t)w[1];
		break;
	case VMAPI_ROUTE_MSI:
		r->u.msi.address = w[0];
		r->u.msi.data = (uint32_t)w[1];
		r->u.msi.device_id = (uint32_t)w[2];
		break;
	case VMAPI_ROUTE_HV_SINT:
		r->u.hv.vcpu = (uint32_t)w[0];
		r->u.hv.sint = (uint32_t)w[1];
		break;
	case VMAPI_ROUTE_XEN:
		r->u.xen.port = (uint32_t)w[0];
		r->u.xen.vcpu = (uint32_t)w[1];
		r->u.xen.priority = (uint32_t)w[2];
		break;
	default: break;
	}
}

static void put_routes(struct vmi_state *s, struct vmi_buffer *b)
{
	struct vmi_route_span all;
	uint64_t w[ROUTE_WORDS];
	size_t i, k;

	vmi_chipset_lock(s->vm);
	all = vmi_routes_all(s->vm);
	for (i = 0; i < all.n; i++) {
		if (all.routes[i].type == VMAPI_ROUTE_ADAPTER)
			continue;
		vmi_put(b, all.routes[i].gsi, 4);
		vmi_put(b, all.routes[i].type, 4);
		vmi_put(b, all.routes[i].flags, 4);
		route_words(&all.routes[i], w);
		for (k = 0; k < ROUTE_WORDS; k++)
			vmi_put(b, w[k], 8);
	}
	vmi_chipset_unlock(s->vm);
}

static int save_routes(struct vmi_state *s, struct vmi_sink *sink)
{
	struct vmi_buffer b = { .data = NULL };
	int err;

	if (s->vm->config.irqchip == VMAPI_IRQCHIP_NONE)
		return 0;
	put_routes(s, &b);
	err = vmi_emit(sink, &b, (struct vmi_section){
		.type = VMI_SECTION_ROUTES });
	vmi_buffer_free(&b);
	return err;
}

static int check_routes(struct vmi_state *s, const struct vmi_section *section)
{
	struct vmi_cursor at = vmi_section_cursor(section);
	uint64_t type;

	(void)s;
	while (at.at < at.end && !at.bad) {
		(void)vmi_take(&at, 4);
		type = vmi_take(&at, 4);
		(void)vmi_take_bytes(&at, ROUTE_BYTES - 8);
		if (type < VMAPI_ROUTE_PIN || type > VMAPI_ROUTE_XEN ||
			type == VMAPI_ROUTE_ADAPTER)
			return vmi_bad_section(section, "the type of a route");
	}
	return at.bad ? vmi_bad_section(section, "the length") : 0;
}

static int apply_routes(struct vmi_state *s, const struct vmi_section *section)
{
	size_t n = (size_t)section->bytes / ROUTE_BYTES, i, k;
	struct vmapi_route *routes = vmi_calloc(n + 1, sizeof(*routes));
	struct vmi_cursor at = vmi_section_cursor(section);
	uint64_t w[ROUTE_WORDS];
	int err;

	if (!routes)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (i = 0; i < n; i++) {
		routes[i].size = sizeof(routes[i]);
		routes[i].gsi = (uint32_t)vmi_take(&at, 4);
		routes[i].type = (uint32_t)vmi_take(&at, 4);
		routes[i].flags = (uint32_t)vmi_take(&at, 4);
		for (k = 0; k < ROUTE_WORDS; k++)
			w[k] = vmi_take(&at, 8);
		route_of_words(&routes[i], w);
	}
	pthread_mutex_lock(&s->vm->bus_lock);
	err = vmi_routes_commit(s->vm, routes, n);
	pthread_mutex_unlock(&s->vm->bus_lock);
	vmi_free(routes);
	return err;
}

const struct vmi_part vmi_part_routes = {
	.type = VMI_SECTION_ROUTES,
	.save = save_routes,
	.check = check_routes,
	.apply = apply_routes,
};
