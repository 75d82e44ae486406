/* SPDX-License-Identifier: MIT */
/*
 * Device programs: loaded, given their memory, run.
 *
 * A program is loaded for one device, so that the addresses of its variables
 * are part of its operations.  It runs on the vcpu's thread, inside the run
 * gate like everything that answers an access, one call at a time: its lock
 * comes before the chipset's, which helpers take.  An alarm rings under the
 * chipset's lock, so that its program is called later, by service.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vmapi/bpf/device.h>
#include <vmapi/program.h>

#include "lib/core/backend.h"
#include "lib/core/chipset.h"
#include "lib/core/irq.h"
#include "lib/core/posted.h"
#include "lib/core/program.h"
#include "lib/core/region.h"
#include "lib/region/bpf/object.h"
#include "lib/region/bpf/verify.h"
#include "lib/sys/sys.h"

#define USUAL_FUEL 100000u
#define THINGS_MAX 256u /* lines, eventfds */

/* Memory of the application, and what the programs may write of it. */
struct given {
	struct vmapi_ram *ram; /* referenced; NULL: the program's own */
	uint64_t offset;
	uint64_t low[VMI_BPF_ENTRIES], high[VMI_BPF_ENTRIES];
};

struct vmapi_program {
	struct vmapi_vm *vm; /* referenced */
	struct vmapi_program *next; /* vm->programs, chipset locked */
	atomic_uint refs;
	char name[32];
	bool is_concurrent;
	uint32_t fuel;
	pthread_mutex_t lock; /* while it runs */
	struct vmi_bpf_host host;
	struct vmi_bpf_ops ops[VMI_BPF_ENTRIES];
	struct vmi_bpf_object object; /* instructions are given up */
	struct vmi_bpf_window windows[VMI_BPF_WINDOWS_MAX];
	struct given given[VMI_BPF_WINDOWS_MAX];
	uint8_t *own; /* its variables, then what they begin with */
	uint64_t own_bytes;
	struct vmapi_irq **irqs; /* referenced */
	int *fds;
	uint32_t n_irqs, n_fds;
	/* chipset locked */
	struct vmi_chip_client client;
	uint64_t due; /* VMI_CHIP_NEVER */
	bool rings;
};

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

/* As struct vmapi_bpf_context, whose numbers are little-endian. */
union context {
	uint64_t align;
	uint8_t bytes[24];
};

#define AT_OFFSET 8
#define AT_LENGTH 16
#define AT_VCPU	  20

static void put(uint8_t *to, uint64_t v, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *from, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | from[bytes];
	return v;
}

/* Memory of the application was perhaps written to. */
static void tell(const struct vmapi_program *p, unsigned entry)
{
	size_t i;

	for (i = 0; i < p->object.n_wants; i++) {
		const struct given *g = &p->given[i];

		if (g->ram && g->high[entry] > g->low[entry])
			vmi_ram_tell(g->ram, g->offset + g->low[entry],
				g->high[entry] - g->low[entry]);
	}
}

/* The result, or -ETIME. */
static int run(
	struct vmapi_program *p, unsigned entry, union context *context)
{
	struct vmi_bpf_run run;
	enum vmi_bpf_end end;

	run.host = &p->host;
	run.fuel = p->fuel;
	run.r[1] = (uintptr_t)context->bytes;
	if (!p->is_concurrent)
		pthread_mutex_lock(&p->lock);
	end = vmi_bpf_execute(&run, p->ops[entry].entry);
	if (!p->is_concurrent)
		pthread_mutex_unlock(&p->lock);
	tell(p, entry);
	return end == VMI_BPF_DONE ? (int)run.r[0] : -ETIME;
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

/* Power on: its variables are as in the object file. */
static void reset(struct vmi_chip_client *client, uint64_t now)
{
	struct vmapi_program *p = client_of(client);

	(void)now;
	p->due = VMI_CHIP_NEVER;
	p->rings = false;
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
static struct vmapi_program *ringing(struct vmapi_vm *vm)
{
	struct vmapi_program *p;

	vmi_chipset_lock(vm);
	for (p = vm->programs; p && !(p->rings && program_get(p)); p = p->next)
		;
	if (p)
		p->rings = false;
	vmi_chipset_unlock(vm);
	return p;
}

static void program_put(struct vmapi_program *p);

void vmi_programs_service(struct vmapi_vm *vm)
{
	union context context;
	struct vmapi_program *p;

	if (vmi_likely(!atomic_load(&vm->n_programs)))
		return;
	while ((p = ringing(vm))) {
		memset(&context, 0, sizeof(context));
		put(context.bytes + AT_VCPU, UINT32_MAX, 4);
		if (run(p, VMI_BPF_ALARM, &context) < 0)
			vmi_log(vm->ctx, VMAPI_LOG_ERROR,
				"alarm of program '%s' ran out of fuel",
				p->name);
		program_put(p);
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
	reset(&p->client, 0);
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
		.context_bytes = sizeof(union context),
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

static void program_put(struct vmapi_program *p)
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
		program_put(program);
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

/* -- Regions ------------------------------------------------------------ */

struct program_region {
	struct vmapi_region base;
	struct vmapi_program *program; /* referenced */
	uint64_t shift;
	vmapi_region_fn *post;
	void *opaque;
};

static struct program_region *region_of(struct vmapi_region *region)
{
	return vmi_container_of(region, struct program_region, base);
}

static void make_context(const struct program_region *r,
	const struct vmapi_access *access, union context *context)
{
	uint32_t vcpu = UINT32_MAX;

	if (access->vcpu)
		vcpu = (uint32_t)access->vcpu->id;
	memset(context, 0, sizeof(*context));
	if (access->is_write)
		put(context->bytes, access->value, access->bytes);
	put(context->bytes + AT_OFFSET, access->offset + r->shift, 8);
	context->bytes[AT_LENGTH] = (uint8_t)access->bytes;
	put(context->bytes + AT_VCPU, vcpu, 4);
}

/* Without fuel: the exit that comes of it says so. */
static int starved(
	const struct program_region *r, const struct vmapi_access *access)
{
	const struct vmapi_region *region = &r->base;

	if (!access->vcpu) {
		vmi_log(region->vm->ctx, VMAPI_LOG_ERROR,
			"program of region '%s' ran out of fuel at a posted "
			"write", region->name);
		return -ETIME;
	}
	access->vcpu->has_news = true;
	access->vcpu->failure = (struct vmapi_exit_region){
		.address = region->region.base + access->offset,
		.value = access->is_write ? access->value : 0,
		.space = region->region.space,
		.bytes = access->bytes,
		.is_write = access->is_write,
		.error = -ETIME,
		.region = region->name,
	};
	return -ETIME;
}

/* What was handled by VMAPI_BPF_POST comes again, from no vcpu. */
static int answer(struct vmapi_region *region, struct vmapi_access *access)
{
	struct program_region *r = region_of(region);
	unsigned entry = access->is_write ? VMI_BPF_WRITE : VMI_BPF_READ;
	union context context;
	int rc;

	if (!access->vcpu && !region->region.posts)
		return r->post(r->opaque, access);
	if (access->vcpu)
		access->vcpu->failure.error = 0;
	if (!r->program->ops[entry].entry)
		return -ENOENT;
	if (r->post && access->is_write && vmi_posted_is_full(region->vm))
		return -EAGAIN;
	make_context(r, access, &context);
	rc = run(r->program, entry, &context);
	if (vmi_unlikely(rc < 0))
		return starved(r, access);
	if (rc == VMAPI_BPF_PASS)
		return -ENOENT;
	if (!access->is_write)
		access->value = get(context.bytes, access->bytes);
	if (rc != VMAPI_BPF_POST || !r->post)
		return 0;
	return region->region.posts ? r->post(r->opaque, access) :
		vmi_posted_queue(region, access);
}

static void fini(struct vmapi_region *region)
{
	struct program_region *r = region_of(region);

	if (r->post && !region->region.posts)
		vmi_posted_remove(region);
	program_put(r->program);
}

static const struct vmi_region_kind kind = {
	.name = "program",
	.size = sizeof(struct program_region),
	.access = answer,
	.fini = fini,
};

static int start(struct program_region *r)
{
	struct vmapi_region *region = &r->base;
	bool waits = r->post && !region->region.posts;
	int err;

	if (waits && !vmi_cap(region->vm->ctx, region->vm, VMAPI_CAP_POSTED))
		return vmi_unsupported(region->vm->ctx);
	err = waits ? vmi_posted_add(region) : 0;
	if (err)
		return err;
	err = vmi_region_start(region);
	if (err && waits)
		vmi_posted_remove(region);
	if (!err)
		atomic_fetch_add(&r->program->refs, 1);
	return err;
}

static int read_how(struct vmapi_vm *vm, const struct vmapi_program *program,
	const struct vmapi_region_program *from,
	struct vmapi_region_program *how)
{
	int err = 0;

	memset(how, 0, sizeof(*how));
	if (from)
		err = vmi_config_copy(how, sizeof(*how), from, sizeof(*how));
	if (err)
		return err;
	if (how->flags)
		return vmi_fail(-EINVAL, "region", "unknown flags 0x%" PRIx32,
			how->flags);
	if (program->vm != vm)
		return vmi_fail(-EINVAL, program->name, "it is of another VM");
	return 0;
}

int vmapi_region_program(struct vmapi_vm *vm,
	const struct vmapi_region_config *config,
	struct vmapi_program *program, const struct vmapi_region_program *how,
	struct vmapi_region **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_region_program h;
	struct vmapi_region *region;
	struct program_region *r;

	if (!err && (!program || !out))
		err = vmi_null(program ? "region" : "program");
	if (!err)
		err = read_how(vm, program, how, &h);
	if (!err)
		err = vmi_region_new(vm, config, &kind, &region);
	if (err)
		return err;
	r = region_of(region);
	r->program = program;
	r->shift = h.shift;
	r->post = h.post;
	r->opaque = h.opaque;
	err = start(r);
	if (err) {
		vmi_free(region);
		return err;
	}
	*out = region;
	return 0;
}
