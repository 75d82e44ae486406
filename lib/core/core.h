/* SPDX-License-Identifier: MIT */
/* The structs behind the handles, as core and the backends see them. */
#ifndef VMI_CORE_CORE_H
#define VMI_CORE_CORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include <vmapi/vmapi.h>

#include "lib/compiler.h"
#include "lib/region/region.h"

struct vmapi_cpuid;
struct vmi_backend;
struct vmi_bus_wait;
struct vmi_chipset;
struct vmi_log;
struct vmi_log_follower;
struct vmi_logged;
struct vmi_reg_plan;
struct vmi_posted;
struct vmi_routes;

/*
 * Ownership: a child holds one reference on its parent, so that objects may
 * be dropped in any order: ctx <- ram, vm; vm <- vcpu, as, map, irq, device.
 * A backend's struct embeds the core's as its first member; core allocates
 * `ctx_size`, `vm_size`, `vcpu_size` bytes of zeros and calls the init.
 */
struct vmapi {
	const struct vmi_backend *be;
	atomic_uint refs;
	pid_t pid; /* fork makes handles inert: another pid is -EPERM */
	/* A page that the kernel wipes on fork: 1 here, 0 in a child. */
	uint32_t *alive; /* NULL: the kernel cannot, ask getpid() */
	char reason[208];
	/* One reader of a dirty log, or commit that touches one, at a time. */
	pthread_mutex_t log_lock;
	uint64_t log_round; /* counts them */
	int log_level;
	vmapi_log_fn *log;
	void *log_opaque;
	unsigned trace_mask;
	vmapi_trace_fn *trace;
	void *trace_opaque;
};

struct vmapi_ram {
	struct vmapi *ctx;
	atomic_uint refs;
	uint32_t kind;
	uint8_t *base;
	uint64_t bytes;
	int fd; /* -1: none */
	char name[32];
	/*
	 * One byte a page, for the software processor: see lib/soft.  Never
	 * read by core; allocated by vmi_ram_page_flags() on first use.
	 */
	_Atomic(_Atomic(uint8_t) *) page_flags;
	/* Backends that hear of writes by others: vmapi_ram_written(). */
	pthread_mutex_t watch_lock;
	struct vmi_ram_watch *watches;
	atomic_uint n_watches;
	/* The dirty log, from its first use on: lib/core/dirty.c */
	_Atomic(struct vmi_log *) log;
	struct vmi_logged *logged; /* under ctx->log_lock */
	struct vmi_log_follower *followers; /* and so are they */
	uint64_t log_changes; /* and it: how often entries began or ended */
	atomic_uint n_logged; /* of both together */
	/* guest_memfd, device: whose it is, to be compared only; or NULL */
	const struct vmapi_vm *vm;
	int private_fd;	     /* its private half, or -1 */
};

/* Pages that nobody reads for the sake of their contents. */
static inline bool vmi_ram_is_device(const struct vmapi_ram *ram)
{
	return ram->kind == VMAPI_RAM_DEVICE;
}

/* Somebody who wants to know that RAM changed behind his back. */
struct vmi_ram_watch {
	struct vmi_ram_watch *next;
	void (*written)(struct vmi_ram_watch *, struct vmapi_ram *,
		uint64_t offset, uint64_t bytes);
};

/* One committed entry. */
struct vmi_map_entry {
	uint64_t gpa;
	uint64_t bytes;
	uint64_t offset;
	/* referenced by the view that holds it; NULL: lib/core/memattr.c */
	struct vmapi_ram *ram;
	uint32_t flags; /* VMAPI_MAP_, and VMI_MAP_TRACKED */
	uint32_t slot;	/* the backend's own */
	struct vmi_logged *logged; /* with VMAPI_MAP_LOG; lib/core/dirty.h */
};

/* Its VMAPI_MAP_LOG is not the application's: lib/core/track.c. */
#define VMI_MAP_TRACKED (1u << 31)

/* As the application knows them. */
static inline uint32_t vmi_map_flags(const struct vmi_map_entry *e)
{
	return e->flags & VMI_MAP_TRACKED
		? e->flags & ~(VMI_MAP_TRACKED | VMAPI_MAP_LOG) : e->flags;
}

/* An entry in a balanced tree: lib/core/tree.c. */
struct vmi_map_node {
	struct vmi_map_entry e;
	struct vmi_map_node *low, *high;
	size_t refs; /* parents and views, under vm->map_lock */
	size_t n;    /* entries in this tree */
	unsigned height;
};

/*
 * A committed map: immutable, sorted by gpa.  Readers off the run path take
 * vm->map_lock; a vcpu reads as->view only inside the run gate.  A commit
 * that only adds publishes without closing the gate, so a vcpu in the guest
 * may meet a new view there; the old one stays until it has left.
 */
struct vmi_view {
	struct vmi_view *retired_next;
	struct vmi_map_node *root; /* shares nodes with other views */
};

struct vmapi_as {
	struct vmapi_vm *vm;
	atomic_uint refs;
	unsigned id; /* 0: what the vcpus see */
	_Atomic(struct vmi_view *) view; /* never NULL */
	void *space; /* what the commit under way makes of it, or NULL */
	struct vmapi_as *next;
};

/* Where a vcpu is, as the run gate sees it. */
enum vmi_vcpu_place {
	VMI_OUTSIDE = 0, /* not in vmapi_vcpu_run(), or between guest entries */
	VMI_IN_GUEST = 1,
	VMI_BLOCKED = 2 /* it waits for a device: as good as outside */
};

/* Bits of vmapi_vm.gate_closed. */
#define VMI_GATE_CLOSED 1u
#define VMI_GATE_BROKEN 2u /* no vcpu enters ever again */

struct vmapi_vm {
	struct vmapi *ctx;
	atomic_uint refs;
	struct vmapi_vm_config config;
	pthread_mutex_t lock;	/* vcpu list, devices, spaces */
	struct vmapi_vcpu *vcpus;
	atomic_uint n_vcpus; /* changes under `lock` and gate_lock */
	pthread_mutex_t map_lock; /* one commit at a time; readers of views */
	struct vmapi_as *spaces;  /* as 0 first */
	_Atomic(struct vmapi_as *) second; /* as 1: vmi_as_second() */
	/* addresses with attributes: entries without ram.  Under map_lock. */
	struct vmi_map_node *attributes;
	bool is_tracked; /* all its memory is logged; under map_lock */
	atomic_bool map_broken;
	uint64_t log_round; /* the last one of the context that looked here */
	/* Views that a vcpu in the guest may still read: lib/core/map.c. */
	struct vmi_view *retired;
	size_t retired_bytes;
	/* What the backend said when the VM was made. */
	uint64_t map_align; /* of guest addresses, lengths and offsets */
	unsigned phys_bits;
	size_t map_entries_max;
	atomic_bool has_saver; /* a save or a restore is under way */
	/* The last state saved or restored, on which a delta goes. */
	uint8_t state_id[16];
	bool has_state;
	uint32_t x86_exit_flags; /* of vmapi_x86_exits(), under `lock` */
	/* the run gate: lib/core/gate.c */
	pthread_mutex_t gate_lock;
	pthread_cond_t gate_cond;
	atomic_uint gate_closed;
	/* under gate_lock, a hold: lib/core/hold.c */
	bool is_held;
	pthread_t holder;
	/* The VM's clock: lib/core/chipset.c */
	_Atomic(uint64_t) clock_start; /* the host's time of its 0 */
	_Atomic(uint64_t) clock_stood; /* 0: it goes; else its time + 1 */
	struct vmapi_cpuid *cpuid; /* of its CPU model; NULL: not x86 */
	/* what answers accesses without the application: lib/region */
	_Atomic(struct vmi_regions *) regions;
	/* chips of the library: lock, clock, timers: lib/core/chipset.c */
	struct vmi_chipset *chipset;
	/* under the chipset's lock: handles of lines, irqfds, devices */
	struct vmapi_irq *irqs;
	struct vmapi_irqfd *irqfds;
	struct vmi_routes *routes; /* never NULL once the VM is made */
	struct vmapi_device *devices;
	/* descriptors beside the timer: vmi_chipset_watch() */
	atomic_uint watched;
	/* device processes, under map_lock: lib/core/channel.c */
	struct vmapi_channel *channels;
	/* Who takes exits before the application: them, and `calls`. */
	atomic_uint n_takers;
	struct vmi_calls *calls; /* lib/core/hypercall.c; or NULL */
	/* Its APIC bus: lib/core/bus.c; the lock comes before the chipset's. */
	pthread_mutex_t bus_lock;
	_Atomic(struct vmapi_bus *) bus;
	/* writes that wait: lib/core/posted.c; NULL until a range is made */
	_Atomic(struct vmi_posted *) posted;
	/* device programs, under the chipset's lock: lib/core/program.c */
	struct vmapi_program *programs;
	atomic_uint n_programs;
	/* vcpus with a thread of the library, under the chipset's lock */
	struct vmapi_runner *runners;
};

/* Of a vcpu in a VM that is held. */
enum vmi_hold_state {
	VMI_HOLD_NONE,
	VMI_HOLD_PARKED, /* the thread that runs it waits */
	VMI_HOLD_TAKEN	 /* no thread runs it: the holder has it */
};

struct vmapi_vcpu {
	struct vmapi_vm *vm;
	struct vmapi_as *as; /* what it sees; referenced unless the first */
	struct vmapi_vcpu *next;
	uint64_t id;
	uint32_t flags; /* of its config */
	uint64_t features;
	unsigned index; /* in order of creation */
	bool ran; /* by its backend: it was in the guest, CPUID is frozen */
	atomic_int running; /* 1: a thread is in run or settle */
	atomic_int place;   /* enum vmi_vcpu_place */
	/* An exit that must be answered: VMAPI_EXIT_ANSWER given, no answer. */
	bool unanswered;
	uint32_t answer_bytes; /* what vmapi_vcpu_complete() must bring */
	bool answer_is_optional; /* 0 bytes are legal too (MSR: #GP) */
	/*
	 * The last instruction may not be finished: set by core when an exit
	 * is answered, and by a backend for whatever else its kernel leaves
	 * undone.  Core calls ->vcpu_settle before it touches state, and
	 * clears this at VMAPI_EXIT_SETTLED and before each run.
	 */
	bool unsettled;
	bool has_moved_on; /* it ran since the last restore of the VM */
	struct vmi_reg_plan *get_plan, *set_plan; /* lib/core/regbatch.c */
	/* What such a settle brought: the next run or settle gives it. */
	struct vmapi_exit *held;
	bool is_held;
	struct vmi_remote *remote; /* an access of another process, or NULL */
	atomic_int woken_by; /* whom a kick signals while it waits; -1 */
	struct vmi_bus_wait *bus_wait; /* what it asked the bus, or NULL */
	atomic_uint extint; /* VMI_EXTINT_: it is to fetch a vector there */
	struct vmapi_runner *runner; /* whose thread runs it, or NULL */
	atomic_bool is_kicked; /* by the application: lib/core/runner.c */
	struct vmi_region_hint near; /* what its accesses found last */
	/* In a backend's run: vmi_region_inside() of its thread; or NULL. */
	const struct vmapi_vm **inside;
	struct vmapi_stats *stats; /* open handles, under vm->lock */
	/* Whose server of that number it is, or NULL: lib/core/connect.c */
	struct vmapi_device *controller;
	uint32_t server;
	/* The access whose region failed: its exit says so; error 0: none. */
	struct vmapi_exit_region failure;
	/* The exit that is unanswered is a call, by this; or NULL. */
	const struct vmi_call_abi *call;
	bool call_is_native;
	/* It failed, or the run was stopped (VMAPI_EXIT_SETTLED). */
	bool has_news;
	enum vmi_hold_state hold; /* with the next, under gate_lock: hold.c */
	bool asked_to_stop;
};

/* -- lib/core/error.c --------------------------------------------------- */

/*
 * Record a failure of the calling thread and return `code` (negative errno).
 * The operation's name is the public entry's, set by vmi_enter().
 */
int vmi_fail(int code, const char *object, const char *format, ...)
	vmi_printf(3, 4);
/* The same with the range or tag that the failure is about. */
int vmi_fail_range(int code, uint64_t first, uint64_t size,
	const char *format, ...) vmi_printf(4, 5);
/* A failure that another thread had recorded. */
int vmi_fail_again(const struct vmapi_error *failure);
/* "vcpu 3": lives until the next call on this thread. */
const char *vmi_object(const char *format, ...) vmi_printf(1, 2);

/*
 * The beginning of every public function: names it, checks the process.  ctx
 * NULL is a NULL handle; a function without a handle only names itself.
 */
int vmi_enter(const struct vmapi *ctx, const char *operation);
void vmi_enter_free(const char *operation);
/* The check alone, safe in signal handlers. */
bool vmi_is_another_process(const struct vmapi *ctx);
static inline bool vmi_is_inherited(const struct vmapi *ctx)
{
	return vmi_likely(ctx->alive != NULL) ? !*ctx->alive
					      : vmi_is_another_process(ctx);
}

/*
 * For a call that has to be cheap: in place of vmi_enter(), the check; and
 * when it has failed, its name for the record.  Returns `code`.
 */
int vmi_enter_late(int code, const char *operation);
/* The failure of a public function that called another one is its own. */
int vmi_retell(int err, const char *operation);

/* The one sentence for a NULL operation, and for a NULL pointer. */
int vmi_unsupported(const struct vmapi *ctx);
int vmi_null(const char *parameter);

/* Copy a config whose first member is `size` into one of this build. */
int vmi_config_copy(void *to, size_t to_size, const void *from,
	size_t first_version);
/* The same where the size is known: an element of an array. */
int vmi_element_copy(void *to, size_t to_size, const void *from, size_t size);
/*
 * Copy an out-struct of this build (`size` bytes) into the caller's, whose
 * first member tells its size and has been checked by vmi_out_check().
 */
void vmi_out_copy(void *to, const void *from, size_t size);
int vmi_out_check(const void *to, size_t first_version);

/* -- lib/core/log.c ----------------------------------------------------- */

void vmi_log(const struct vmapi *ctx, int level, const char *format, ...)
	vmi_printf(3, 4);
void vmi_trace(const struct vmapi *ctx, unsigned what, const char *format, ...)
	vmi_printf(3, 4);
/* Whether such a line would go anywhere: ask before costly formatting. */
static inline bool vmi_is_traced(const struct vmapi *ctx, unsigned what)
{
	return vmi_unlikely(ctx->trace_mask & what);
}
void vmi_trace_environment(struct vmapi *ctx);

/* -- References --------------------------------------------------------- */

/* Without a choice and its reason. */
int vmi_context_open(const struct vmi_backend *be, struct vmapi **ctx);
void vmi_context_get(struct vmapi *ctx);
void vmi_context_put(struct vmapi *ctx);
void vmi_vm_get(struct vmapi_vm *vm);
void vmi_vm_put(struct vmapi_vm *vm);
void vmi_ram_get(struct vmapi_ram *ram);
void vmi_ram_put(struct vmapi_ram *ram);
void vmi_as_get(struct vmapi_as *as);
void vmi_as_put(struct vmapi_as *as);
/* What x86 processors see in SMM, or NULL: read inside the run gate. */
static inline struct vmapi_as *vmi_as_second(struct vmapi_vm *vm)
{
	return atomic_load_explicit(&vm->second, memory_order_acquire);
}
/* Let an idle vcpu see this space, and no more the last one. */
void vmi_vcpu_see(struct vmapi_vcpu *vcpu, struct vmapi_as *as);

/* -- lib/core/cap.c ----------------------------------------------------- */

/* A capability's value, 0 where it is absent; vm may be NULL. */
int64_t vmi_cap(struct vmapi *ctx, struct vmapi_vm *vm, unsigned id);
/* The same where it matters that it could not be asked. */
int vmi_cap_ask(struct vmapi *ctx, struct vmapi_vm *vm, unsigned id,
	int64_t *value);

/* -- lib/core/vm.c ------------------------------------------------------ */

/*
 * Take every vcpu, so that none runs until they are released; -EBUSY.  Under
 * vm->lock.
 */
int vmi_vm_claim(struct vmapi_vm *vm);
void vmi_vm_release(struct vmapi_vm *vm);

/* -- lib/core/vcpu.c ---------------------------------------------------- */

/*
 * Take the vcpu for a state call: nobody runs it meanwhile, nothing is
 * unanswered, and the last instruction is finished.  -EBUSY.
 */
int vmi_vcpu_claim(struct vmapi_vcpu *vcpu);
/* The same where posted writes are not to be given out, or were. */
int vmi_vcpu_take(struct vmapi_vcpu *vcpu);
/*
 * Finish the last instruction of one that is taken; what that retires is added
 * to *retired.  What it asks for in turn is held for the next run or settle.
 */
int vmi_vcpu_finish(struct vmapi_vcpu *vcpu, uint64_t *retired);
/* Only that nobody runs it meanwhile: whatever its last exit wants. */
int vmi_vcpu_take_as_is(struct vmapi_vcpu *vcpu);
void vmi_vcpu_release(struct vmapi_vcpu *vcpu);
/* Of one that is taken: nothing is unanswered or unfinished, or -EBUSY. */
int vmi_vcpu_rest(struct vmapi_vcpu *vcpu);
/* Reset one that is claimed, whatever its last exit wanted. */
int vmi_vcpu_reset(struct vmapi_vcpu *vcpu);
/* Out of the guest, wherever it waits; the kick exit is the caller's. */
void vmi_vcpu_fetch(struct vmapi_vcpu *vcpu);
const char *vmi_vcpu_label(const struct vmapi_vcpu *vcpu);

/* -- lib/core/gate.c ---------------------------------------------------- */

/*
 * A backend brackets every stay in the guest with these, on the vcpu's
 * thread.  Enter blocks while the gate is closed; false: the VM's map is
 * broken (the sentence is recorded), and the vcpu stays outside.  After
 * leave the vcpu holds no pointer into a view, into RAM found through one,
 * or into the region snapshot.
 *
 * Both are full barriers: what was stored before is seen by others before
 * anything is loaded after.
 */
bool vmi_gate_enter_closed(struct vmapi_vcpu *vcpu);
void vmi_gate_leave_closed(struct vmapi_vcpu *vcpu);

static inline bool vmi_gate_enter(struct vmapi_vcpu *vcpu)
{
	atomic_store_explicit(
		&vcpu->place, VMI_IN_GUEST, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (vmi_likely(!atomic_load_explicit(
			&vcpu->vm->gate_closed, memory_order_acquire)))
		return true;
	return vmi_gate_enter_closed(vcpu);
}

/* Out of the guest, to one place or another. */
static inline void vmi_gate_go_out(
	struct vmapi_vcpu *vcpu, enum vmi_vcpu_place place)
{
	atomic_store_explicit(&vcpu->place, (int)place, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (vmi_unlikely(atomic_load_explicit(
			&vcpu->vm->gate_closed, memory_order_relaxed)))
		vmi_gate_leave_closed(vcpu);
}

static inline void vmi_gate_leave(struct vmapi_vcpu *vcpu)
{
	vmi_gate_go_out(vcpu, VMI_OUTSIDE);
}

/*
 * Between the two, around a wait for somebody else: a device process, or a
 * ring with room.  Meanwhile the vcpu counts as outside, so that what it
 * waits for may change the map; pointers are given up as at leave.
 */
static inline void vmi_gate_block(struct vmapi_vcpu *vcpu)
{
	vmi_gate_go_out(vcpu, VMI_BLOCKED);
}

static inline bool vmi_gate_unblock(struct vmapi_vcpu *vcpu)
{
	return vmi_gate_enter(vcpu);
}

/*
 * Close: returns when every vcpu is outside.  Open again.  Not from between
 * enter and leave.  Closers wait for each other.
 */
void vmi_gate_close(struct vmapi_vm *vm);
void vmi_gate_open(struct vmapi_vm *vm);
/* Before it is opened: let no vcpu in any more. */
void vmi_gate_break(struct vmapi_vm *vm);
/*
 * Whether at some moment during the call every vcpu was outside, and the gate
 * not closed by whoever reads what they read.
 */
bool vmi_gate_is_quiet(struct vmapi_vm *vm);
int vmi_gate_init(struct vmapi_vm *vm);
void vmi_gate_fini(struct vmapi_vm *vm);

/* -- lib/core/ram.c, lib/core/as.c, lib/core/view.c, lib/core/map.c ----- */

/* One byte for each 4 KiB, zero at first.  NULL: no memory. */
_Atomic(uint8_t) *vmi_ram_page_flags(struct vmapi_ram *ram);
void vmi_ram_watch_add(struct vmapi_ram *ram, struct vmi_ram_watch *watch);
void vmi_ram_watch_remove(struct vmapi_ram *ram, struct vmi_ram_watch *watch);
/* Whether more than one hears: more than one VM maps it. */
bool vmi_ram_is_shared(const struct vmapi_ram *ram);
/* Pages were written: to the log and the watches; the range lies inside. */
void vmi_ram_tell(struct vmapi_ram *ram, uint64_t offset, uint64_t bytes);

/* The entry that holds gpa, or NULL. */
const struct vmi_map_entry *vmi_view_find(const struct vmi_view *view,
	uint64_t gpa);
/* The first entry that ends at or after gpa, or NULL. */
const struct vmi_map_entry *vmi_view_at(const struct vmi_view *view,
	uint64_t gpa);
/* The next one, or NULL. */
const struct vmi_map_entry *vmi_view_next(const struct vmi_view *view,
	const struct vmi_map_entry *e);
/* How many entries there are. */
size_t vmi_view_count(const struct vmi_view *view);
/* A view of nothing, for a root to be put into; drop one with its nodes. */
struct vmi_view *vmi_view_new(void);
void vmi_view_free(struct vmi_view *view);

/*
 * The attributes of gpa, and how far they go, at most to `*bytes`.  Under
 * map_lock.
 */
uint32_t vmi_attributes_at(struct vmi_map_node *root, uint64_t gpa,
	uint64_t *bytes);

/* The first address space with its view, and the end of them all. */
int vmi_spaces_init(struct vmapi_vm *vm);
void vmi_spaces_fini(struct vmapi_vm *vm);
/* Unmap everything in an address space that is going away. */
void vmi_as_clear(struct vmapi_as *as);
/*
 * Hand the old view to whoever frees it when no vcpu can see it; `bytes` is
 * about what it has to itself.
 */
void vmi_view_retire(struct vmapi_vm *vm, struct vmi_view *view, size_t bytes);
void vmi_views_collect(struct vmapi_vm *vm, bool gate_is_closed);

#endif
