/* SPDX-License-Identifier: MIT */
/* Open a backend, probe what there is, ask for capabilities. */
#ifndef VMAPI_BACKEND_H
#define VMAPI_BACKEND_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi;
struct vmapi_vm;

/* -- Probing ------------------------------------------------------------ */

/* Flags of struct vmapi_backend_info. */
#define VMAPI_BACKEND_TRIED    (1u << 0) /* the trial guest was run */
#define VMAPI_BACKEND_IMPAIRED (1u << 1) /* fails what it advertises */
#define VMAPI_BACKEND_DEFAULT  (1u << 2) /* vmapi_open(NULL) takes this one */

struct vmapi_backend_info {
	uint32_t size;
	int32_t status;	  /* 0: can be opened; -errno: why it cannot */
	uint32_t flags;	  /* VMAPI_BACKEND_ */
	uint32_t reserved;
	char name[16];	  /* "kvm", "soft" */
	char reason[208]; /* a sentence, whatever the status */
};

/* Flags of vmapi_probe() and vmapi_open(). */
#define VMAPI_PROBE_TRIAL   (1u << 0) /* run a tiny guest on each backend */

/*
 * List the backends of this build, best first, each with whether it can be
 * opened and why not: no device (-ENODEV), no permission (-EACCES), busy
 * (-EBUSY), a capability missing (-ENOTSUP).  With VMAPI_PROBE_TRIAL a tiny
 * guest is run that executes CMPXCHG16B and FXRSTOR at privilege level 0 and
 * turns on 32-bit paging; a backend that advertises these and fails them is
 * marked impaired.  A trial takes some milliseconds.
 *
 * `infos` is an array of `n` whose element 0 has `size` set (it is the size
 * of every element); at most n are written and *count is how many there are,
 * so that n = 0 with infos = NULL asks for the number.  Opens nothing that
 * stays open.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_probe(unsigned flags, struct vmapi_backend_info *infos,
	size_t n, size_t *count);

/* -- Contexts ----------------------------------------------------------- */

/*
 * Open a backend.  `name` is "kvm" or "soft" and is obeyed; NULL takes
 * $VMAPI_BACKEND if it is not empty, else KVM if it can be opened and is not
 * impaired (this runs the trial guest), else the software processor.
 *
 *   -ENOENT   no backend of that name in this build
 *   -ENODEV, -EACCES, -EBUSY, -ENOTSUP   as for vmapi_probe()
 *   -ENOMEM, -EMFILE, -ENFILE
 *
 * `flags` must be 0.  Does not block.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_open(const char *name, unsigned flags,
	struct vmapi **ctx);

/*
 * Drop the caller's reference.  What was created from the context keeps it
 * alive.  NULL does nothing.  Since 0.1.
 */
VMAPI_API void vmapi_close(struct vmapi *ctx);

/*
 * The backend's name and the sentence that says why it was chosen.  Both
 * live as long as the context.  NULL for a NULL context.  Since 0.1.
 */
VMAPI_API const char *vmapi_backend_name(const struct vmapi *ctx);
VMAPI_API const char *vmapi_backend_reason(const struct vmapi *ctx);

/* -- Capabilities ------------------------------------------------------- */

/* Neutral capabilities.  The value is an integer; 0 means absent. */
enum vmapi_cap_id {
	VMAPI_CAP_VCPUS_MAX = 1,      /* vcpus in one VM */
	VMAPI_CAP_VCPUS_ADVISED = 2,  /* ... that still scale */
	VMAPI_CAP_MAP_ENTRIES = 3,    /* entries of all maps of a VM */
	VMAPI_CAP_ADDRESS_SPACES = 4, /* address spaces of a VM */
	VMAPI_CAP_PAGE_SIZE = 5,      /* bytes: of RAM objects, dirty logs */
	VMAPI_CAP_PHYS_BITS = 6,      /* width of a guest-physical address */
	VMAPI_CAP_READONLY = 7,	      /* VMAPI_MAP_READONLY works */
	VMAPI_CAP_DIRTY_LOG = 8,      /* mask of 1 << VMAPI_DIRTY_ */
	VMAPI_CAP_IRQCHIPS = 9,	      /* mask of 1 << VMAPI_IRQCHIP_ */
	VMAPI_CAP_PIT = 10,
	VMAPI_CAP_MSI = 11,
	VMAPI_CAP_MSI_DEVID = 12,     /* MSIs carry a device id */
	VMAPI_CAP_IRQFD = 13,
	VMAPI_CAP_IOEVENTFD = 14,
	VMAPI_CAP_SYNC_REGS = 15,     /* mask, as the kernel gives it */
	VMAPI_CAP_XSAVE_SIZE = 16,    /* bytes of VMAPI_X86_XSAVE */
	VMAPI_CAP_ICOUNT = 17,	      /* exits say how many were retired */
	VMAPI_CAP_RUN_LIMIT = 18,     /* vmapi_vcpu_run_limit() works */
	VMAPI_CAP_DETERMINISTIC = 19, /* VMAPI_VM_DETERMINISTIC works */
	VMAPI_CAP_TSC_HZ = 20,	      /* frequency of the guest's TSC */
	VMAPI_CAP_DEVICES = 21,	      /* mask of 1 << VMAPI_DEVICE_ */
	VMAPI_CAP_VM_TYPES = 22,      /* mask of 1 << type */
	VMAPI_CAP_SMM = 23,
	VMAPI_CAP_NMI = 24,	      /* vmapi_vcpu_nmi() works */
	VMAPI_CAP_TRANSLATE = 25,     /* vmapi_vcpu_translate() works */
	VMAPI_CAP_IMPAIRED = 26,      /* the trial guest failed */
	VMAPI_CAP_DEBUG = 27,	      /* mask of VMAPI_DEBUG_ */
	VMAPI_CAP_BREAKPOINTS = 28,   /* of execution, at once */
	VMAPI_CAP_WATCHPOINTS = 29,   /* of data; x86: both share these */
	VMAPI_CAP_POSTED = 30,	      /* vmapi_posted_create() works */
	VMAPI_CAP_GSIS = 31,	      /* GSIs that a route can have */
	VMAPI_CAP_VCPU_FEATURES = 32, /* mask of features of vcpus */
	VMAPI_CAP_GUEST_MEMFD = 33,   /* VMAPI_RAM_GUEST_MEMFD works */
	VMAPI_CAP_MAP_ALIGN = 34,     /* bytes: granularity of map entries */
	VMAPI_CAP_TSC_CONTROL = 35,   /* the TSC can have any frequency */
	VMAPI_CAP_MEMORY_ATTRIBUTES = 36 /* mask of VMAPI_MEMORY_ */
};

/* Who says so. */
enum vmapi_cap_origin {
	VMAPI_ORIGIN_NONE = 0,	   /* nobody: absent */
	VMAPI_ORIGIN_KERNEL = 1,   /* the kernel, for the whole system */
	VMAPI_ORIGIN_VM = 2,	   /* the kernel, for this VM */
	VMAPI_ORIGIN_VCPU = 3,
	VMAPI_ORIGIN_EMULATED = 4, /* done by the library */
	VMAPI_ORIGIN_TRIAL = 5	   /* found by running a guest */
};

struct vmapi_cap {
	uint32_t size;
	uint32_t origin; /* enum vmapi_cap_origin */
	int64_t value;
};

/*
 * One capability, of the backend or of a VM; the VM's answer may differ and
 * is the one to use once there is a VM.  -ENOENT: an id this build does not
 * know (an absent capability is a value of 0, not an error).  Any thread.
 * Since 0.1.
 */
VMAPI_API int vmapi_cap_get(struct vmapi *ctx, unsigned id,
	struct vmapi_cap *cap);
VMAPI_API int vmapi_vm_cap_get(struct vmapi_vm *vm, unsigned id,
	struct vmapi_cap *cap);

/* "vcpus-max" for VMAPI_CAP_VCPUS_MAX; NULL: no such id.  Since 0.1. */
VMAPI_API const char *vmapi_cap_name(unsigned id);

/*
 * A capability by the kernel's own number (KVM_CHECK_EXTENSION), as the
 * kernel answers it.  -ENOTSUP: the backend has no kernel under it.
 * Since 0.1.
 */
VMAPI_API int vmapi_cap_raw(struct vmapi *ctx, unsigned number, int *value);
VMAPI_API int vmapi_vm_cap_raw(struct vmapi_vm *vm, unsigned number,
	int *value);

VMAPI_DECLS_END

#endif
