/* SPDX-License-Identifier: MIT */
/*
 * Device programs: loaded, given their memory, run.
 *
 * A program is loaded for one device, so that the addresses of its variables
 * are part of its operations.  It runs on the vcpu's thread, inside the run
 * gate like everything that answers an access, one call at a time: its lock
 * comes before the chipset's, which helpers take.  An alarm rings under the
 * chipset's lock, so that its program is called later, by service.
 *
 * Calls on behalf of vcpus are all that may be concurrent: a reset has the
 * vcpus, and by the lock it keeps out what else would call the program.  It
 * comes in two steps, too, since the chipset resets its clients locked.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vmapi/bpf/device.h>
#include <vmapi/program.h>

#include "lib/core/backend.h"
#include "lib/core/irq.h"
#include "lib/core/program.h"
#include "lib/sys/sys.h"

#define USUAL_FUEL 100000u
#define THINGS_MAX 256u /* lines, eventfds */

/* -- Helpers ------------------------------------------------------------ */

static struct vmapi_program *program_of(struct vmi_bpf_host *host)
{
	return vmi_container_of(host, struct vmapi_program, host);
}

static uint64_t help_now(struct vmi_bpf_host *host)
{
	return vmi_chipset_now(program_of(host)->vm);
}

static int64_t help_irq(
	struct vmi_bpf_host *host, uint64_t number, uint64_t level)
{
	struct vmapi_program *p = program_of(host);
	int delivery = 0, err;

	if (number >= p->n_irqs)
		return -ENXIO;
	vmi_chipset_lock(p->vm);
	err = vmi_irq_drive(p->irqs[number], level != 0, &delivery);
	vmi_chipset_unlock(p->vm);
	return err ? err : delivery;
}

static int64_t help_signal(struct vmi_bpf_host *host, uint64_t number)
{
	struct vmapi_program *p = program_of(host);

	if (number >= p->n_fds)
		return -ENXIO;
	vmi_eventfd_signal(p->fds[number]);
	return 0;
}

static int64_t help_alarm(struct vmi_bpf_host *host, uint64_t when)
{
	struct vmapi_program *p = program_of(host);

	if (!p->ops[VMI_BPF_ALARM].entry)
		return -ENXIO;
	vmi_chipset_lock(p->vm);
	p->due = when ? when : VMI_CHIP_NEVER;
	p->rings = false;
	vmi_chipset_unlock(p->vm);
	return 0;
}

/* -- Running ------------------------------------------------------------ */

/* Memory of the application was perhaps written to. */
static void tell(const struct vmapi_program *p, unsigned entry)
{
	size_t i;

	for (i = 0; i < p->object.n_wants; i++) {
		const struct vmi_program_given *g = &p->given[i];

		if (g->ram && g->high[entry] > g->low[entry])
			vmi_ram_tell(g->ram, g->offset + g->low[entry],
				g->high[entry] - g->low[entry]);
	}
}

/* The result, or -ETIME. */
static int execute(
	struct vmapi_program *p, unsigned entry, union vmi_program_context *context)
{
	struct vmi_bpf_run run;

	run.host = &p->host;
	run.fuel = p->fuel;
	run.r[1] = (uintptr_t)context->bytes;
	if (vmi_bpf_execute(&run, p->ops[entry].entry) != VMI_BPF_DONE)
		return -ETIME;
	return (int)run.r[0];
}

int vmi_program_run(struct vmapi_program *p, unsigned entry,
	union vmi_program_context *context, bool is_vcpus)
{
	bool is_beside = is_vcpus && p->is_concurrent;
	int rc;

	if (!is_beside)
		pthread_mutex_lock(&p->lock);
	rc = execute(p, entry, context);
	if (!is_beside)
		pthread_mutex_unlock(&p->lock);
	tell(p, entry);
	return rc;
}

/* -- Alarms: the chipset is locked -------------------------------------- */

static struct vmapi_program *client_of(struct vmi_chip_client *client)
{
	return vmi_container_of(client, struct vmapi_program, client);
}

static void update(struct vmi_chip_client *client, uint64_t now)
{
	struct vmapi_program *p = client_of(client);

	if (now < p->due)
		return;
	p->due = VMI_CHIP_NEVER;
	p->rings = true;
}

static uint64_t deadline(struct vmi_chip_client *client, uint64_t now)
{
	(void)now;
	return client_of(client)->due;
}

/* It may be running: vmi_programs_reset() does the rest. */
static void reset(struct vmi_chip_client *client, uint64_t now)
{
	(void)now;
	client_of(client)->is_stale = true;
}

/* Power on: its variables are as in the object file. */
static void restart(struct vmapi_program *p)
{
	if (p->own_bytes)
		memcpy(p->own, p->own + p->own_bytes, p->own_bytes);
}

/* Take a reference, unless the last one is gone already. */
static bool program_get(struct vmapi_program *p)
{
	unsigned n = atomic_load(&p->refs);

	while (n && !atomic_compare_exchange_weak(&p->refs, &n, n + 1))
		;
	return n != 0;
}

/* One whose alarm rang, referenced; NULL: none. */
static struct vmapi_program *ringing(struct vmapi_vm *vm, unsigned *resets)
{
	struct vmapi_program *p;

	vmi_chipset_lock(vm);
	for (p = vm->programs; p && !(p->rings && program_get(p)); p = p->next)
		;
	if (p) {
		p->rings = false;
		*resets = p->resets;
	}
	vmi_chipset_unlock(vm);
	return p;
}

/* Unless there was a reset since it rang. */
static void ring(struct vmapi_program *p, unsigned resets)
{
	union vmi_program_context context;
	int rc = 0;

	memset(&context, 0, sizeof(context));
	memset(context.bytes + VMI_PROGRAM_VCPU, 0xff, 4); /* nobody's */
	pthread_mutex_lock(&p->lock);
	if (p->resets == resets)
		rc = execute(p, VMI_BPF_ALARM, &context);
	pthread_mutex_unlock(&p->lock);
	tell(p, VMI_BPF_ALARM);
	if (rc < 0)
		vmi_log(p->vm->ctx, VMAPI_LOG_ERROR,
			"alarm of program '%s' ran out of fuel", p->name);
}

void vmi_programs_service(struct vmapi_vm *vm)
{
	struct vmapi_program *p;
	unsigned resets;

	if (vmi_likely(!atomic_load(&vm->n_programs)))
		return;
	while ((p = ringing(vm, &resets))) {
		ring(p, resets);
		vmi_program_put(p);
	}
}

/* -- Reset -------------------------------------------------------------- */

/* One that is to be reset, referenced; NULL: none. */
static struct vmapi_program *stale(struct vmapi_vm *vm)
{
	struct vmapi_program *p;

	vmi_chipset_lock(vm);
	for (p = vm->programs; p && !(p->is_stale && program_get(p));
		p = p->next)
		;
	if (p)
		p->is_stale = false;
	vmi_chipset_unlock(vm);
	return p;
}

void vmi_programs_reset(struct vmapi_vm *vm)
{
	struct vmapi_program *p;

	while ((p = stale(vm))) {
		pthread_mutex_lock(&p->lock);
		restart(p);
		vmi_chipset_lock(vm);
		p->due = VMI_CHIP_NEVER;
		p->rings = false;
		p->resets++;
		vmi_chipset_unlock(vm);
		pthread_mutex_unlock(&p->lock);
		vmi_program_put(p);
	}
}

/* -- Memory ------------------------------------------------------------- */

static uint64_t up(uint64_t bytes)
{
	return (bytes + 7) & ~(uint64_t)7;
}

/* Sections of variables, one after the other, twice. */
static int make_own(struct vmapi_program *p)
{
	const struct vmi_bpf_object *o = &p->object;
	uint64_t at = 0;
	size_t i;

	for (i = 0; i < o->n_wants; i++)
		if (!o->wants[i].is_given)
			p->own_bytes += up(o->wants[i].bytes);
	p->own = vmi_zalloc_aligned(64, 2 * p->own_bytes + 64);
	if (!p->own)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (i = 0; i < o->n_wants; i++) {
		const struct vmi_bpf_want *w = &o->wants[i];

		p->windows[i].name = w->name;
		p->windows[i].bytes = w->bytes;
		p->windows[i].is_writable = w->is_writable;
		if (w->is_given)
			continue;
		p->windows[i].base = p->own + at;
		if (w->begin)
			memcpy(p->own + p->own_bytes + at, w->begin, w->bytes);
		at += up(w->bytes);
	}
	restart(p);
	return 0;
}

static int check_window(const struct vmapi_program *p,
	const struct vmapi_program_window *w, uint64_t bytes)
{
	if (!w->ram || !w->ram->base || w->ram->ctx != p->vm->ctx)
		return vmi_fail(-EINVAL, p->name,
			"window '%s' has no RAM, none with a pointer, or that "
			"of another context", w->name);
	if (w->offset % 8)
		return vmi_fail(-EINVAL, p->name,
			"window '%s': 0x%" PRIx64 " is not a multiple of 8",
			w->name, w->offset);
	if (w->offset > w->ram->bytes || bytes > w->ram->bytes - w->offset)
		return vmi_fail_range(-ERANGE, w->offset, bytes,
			"window '%s': ram '%s' has 0x%" PRIx64 " bytes",
			w->name, w->ram->name, w->ram->bytes);
	return 0;
}

static int bind(struct vmapi_program *p, const struct vmapi_program_window *w)
{
	size_t i;
	int err;

	for (i = 0; w->name && i < p->object.n_wants; i++) {
		const struct vmi_bpf_want *want = &p->object.wants[i];

		if (!want->is_given || strcmp(want->name, w->name) ||
			p->given[i].ram)
			continue;
		err = check_window(p, w, want->bytes);
		if (err)
			return err;
		vmi_ram_get(w->ram);
		p->given[i].ram = w->ram;
		p->given[i].offset = w->offset;
		p->windows[i].base = w->ram->base + w->offset;
		return 0;
	}
	return vmi_fail(-ENOENT, p->name, "it has no window '%s'%s",
		w->name ? w->name : "",
		w->name ? " that was not given yet" : "");
}

static int bind_all(
	struct vmapi_program *p, const struct vmapi_program_config *c)
{
	size_t i;
	int err = 0;

	for (i = 0; i < c->n_windows && !err; i++)
		err = bind(p, &c->windows[i]);
	for (i = 0; i < p->object.n_wants && !err; i++)
		if (!p->windows[i].base)
			err = vmi_fail(-ENOENT, p->name,
				"window '%s' was not given",
				p->object.wants[i].name);
	return err;
}

/* -- Lines and eventfds ------------------------------------------------- */

static int take_irqs(
	struct vmapi_program *p, const struct vmapi_program_config *c)
{
	p->irqs = vmi_calloc(c->n_irqs + 1u, sizeof(struct vmapi_irq *));
	if (!p->irqs)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (; p->n_irqs < c->n_irqs; p->n_irqs++) {
		struct vmapi_irq *irq = c->irqs[p->n_irqs];

		if (!irq || irq->vm != p->vm)
			return vmi_fail(-EINVAL, p->name,
				"line %" PRIu32 " is none of this VM",
				p->n_irqs);
		vmi_irq_get(irq);
		p->irqs[p->n_irqs] = irq;
	}
	return 0;
}

static int take_fds(
	struct vmapi_program *p, const struct vmapi_program_config *c)
{
	p->fds = vmi_calloc(c->n_fds + 1u, sizeof(*p->fds));
	if (!p->fds)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (; p->n_fds < c->n_fds; p->n_fds++) {
		int fd = vmi_eventfd_dup(c->fds[p->n_fds]);

		if (fd < 0)
			return vmi_fail(fd, p->name,
				"fd %" PRId32 " is not an eventfd to be had",
				c->fds[p->n_fds]);
		p->fds[p->n_fds] = fd;
	}
	return 0;
}

/* -- Loading ------------------------------------------------------------ */

static int load_entry(struct vmapi_program *p, unsigned entry)
{
	const struct vmi_bpf_code code = { .insns = p->object.insns,
		.n = p->object.n,
		.entry = p->object.entry[entry],
		.windows = p->windows,
		.n_windows = p->object.n_wants,
		.context_bytes = sizeof(union vmi_program_context),
		.context_writable = entry == VMI_BPF_READ ? 8 : 0,
		.result_max = entry == VMI_BPF_WRITE ? VMAPI_BPF_POST :
			VMAPI_BPF_PASS };
	static const char *const names[] = { "read", "write", "alarm" };
	struct vmi_bpf_proof proof;
	size_t i;
	int err;

	if (code.entry == VMI_BPF_NO_ENTRY)
		return 0;
	err = vmi_bpf_verify(&code, &proof);
	if (err)
		return vmi_fail(err, p->name, "%s: %s", names[entry],
			proof.why);
	for (i = 0; i < code.n_windows; i++) {
		p->given[i].low[entry] = proof.low[i];
		p->given[i].high[entry] = proof.high[i];
	}
	err = vmi_bpf_decode(&code, &p->ops[entry]);
	return err ? vmi_fail(err, "vm", "no memory") : 0;
}

static int load(struct vmapi_program *p, const struct vmapi_program_config *c)
{
	char why[160];
	unsigned entry;
	int err = vmi_bpf_object_read(
		&p->object, c->image, (size_t)c->image_bytes, why);

	if (err)
		return vmi_fail(err, p->name, "%s", why);
	err = make_own(p);
	if (!err)
		err = bind_all(p, c);
	for (entry = 0; entry < VMI_BPF_ENTRIES && !err; entry++)
		err = load_entry(p, entry);
	vmi_free(p->object.insns);
	p->object.insns = NULL;
	return err;
}

static void free_all(struct vmapi_program *p)
{
	size_t i;

	for (i = 0; i < VMI_BPF_ENTRIES; i++)
		vmi_free(p->ops[i].all);
	for (i = 0; i < VMI_BPF_WINDOWS_MAX; i++)
		if (p->given[i].ram)
			vmi_ram_put(p->given[i].ram);
	while (p->n_irqs)
		vmi_irq_put(p->irqs[--p->n_irqs]);
	while (p->n_fds)
		vmi_sys->close(p->fds[--p->n_fds]);
	vmi_free(p->irqs);
	vmi_free(p->fds);
	vmi_free(p->own);
	vmi_bpf_object_free(&p->object);
	pthread_mutex_destroy(&p->lock);
	vmi_free(p);
}

static int check_config(const struct vmapi_program_config *c)
{
	if (c->flags & ~VMAPI_PROGRAM_CONCURRENT)
		return vmi_fail(-EINVAL, "program",
			"unknown flags 0x%" PRIx32, c->flags);
	if (!c->image || (c->n_windows && !c->windows) ||
		(c->n_irqs && !c->irqs) || (c->n_fds && !c->fds))
		return vmi_null(!c->image ? "image" : "windows, irqs or fds");
	if (c->n_irqs > THINGS_MAX || c->n_fds > THINGS_MAX)
		return vmi_fail(-EINVAL, "program",
			"%" PRIu32 " lines and %" PRIu32 " eventfds are more "
			"than %u", c->n_irqs, c->n_fds, THINGS_MAX);
	return 0;
}

static int build(struct vmapi_program *p, const struct vmapi_program_config *c)
{
	int err;

	pthread_mutex_init(&p->lock, NULL);
	atomic_init(&p->refs, 1);
	snprintf(p->name, sizeof(p->name), "%s", c->name ? c->name : "program");
	p->is_concurrent = c->flags & VMAPI_PROGRAM_CONCURRENT;
	p->fuel = c->fuel ? c->fuel : USUAL_FUEL;
	p->due = VMI_CHIP_NEVER;
	p->host = (struct vmi_bpf_host){ help_now, help_irq, help_signal,
		help_alarm };
	p->client = (struct vmi_chip_client){ .update = update,
		.deadline = deadline, .reset = reset };
	err = load(p, c);
	if (!err)
		err = take_irqs(p, c);
	return err ? err : take_fds(p, c);
}

static void link_program(struct vmapi_program *p)
{
	vmi_chipset_add(p->vm, &p->client);
	vmi_chipset_lock(p->vm);
	p->next = p->vm->programs;
	p->vm->programs = p;
	atomic_fetch_add(&p->vm->n_programs, 1);
	vmi_chipset_unlock(p->vm);
}

static void unlink_program(struct vmapi_program *p)
{
	struct vmapi_program **at = &p->vm->programs;

	vmi_chipset_remove(p->vm, &p->client);
	vmi_chipset_lock(p->vm);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	atomic_fetch_sub(&p->vm->n_programs, 1);
	vmi_chipset_unlock(p->vm);
}

int vmapi_program_create(struct vmapi_vm *vm,
	const struct vmapi_program_config *config, struct vmapi_program **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_program_config c;
	struct vmapi_program *p;

	if (err)
		return err;
	if (!config || !out)
		return vmi_null(config ? "program" : "config");
	err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (!err)
		err = check_config(&c);
	if (err)
		return err;
	p = vmi_zalloc(sizeof(*p));
	if (!p)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	p->vm = vm;
	err = build(p, &c);
	if (err) {
		free_all(p);
		return err;
	}
	vmi_vm_get(vm);
	link_program(p);
	*out = p;
	return 0;
}

void vmi_program_put(struct vmapi_program *p)
{
	struct vmapi_vm *vm = p->vm;

	if (atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	unlink_program(p);
	free_all(p);
	vmi_vm_put(vm);
}

void vmapi_program_destroy(struct vmapi_program *program)
{
	if (program && !vmi_enter(program->vm->ctx, __func__))
		vmi_program_put(program);
}

int vmapi_program_symbol(struct vmapi_program *p, const char *name,
	void **pointer, uint64_t *bytes)
{
	int err = vmi_enter(p ? p->vm->ctx : NULL, __func__);
	size_t i;

	if (err)
		return err;
	if (!name || !pointer || !bytes)
		return vmi_null(!name ? "name" : "pointer");
	for (i = 0; i < p->object.n_symbols; i++) {
		const struct vmi_bpf_symbol *s = &p->object.symbols[i];

		if (strcmp(s->name, name))
			continue;
		*pointer = p->windows[s->window].base + s->offset;
		*bytes = s->bytes;
		return 0;
	}
	return vmi_fail(-ENOENT, p->name, "it has no variable '%s'", name);
}
