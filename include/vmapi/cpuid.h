/* SPDX-License-Identifier: MIT */
/* x86: lists of CPUID values, their fields by name, CPU models. */
#ifndef VMAPI_CPUID_H
#define VMAPI_CPUID_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi;
struct vmapi_vcpu;

struct vmapi_x86_cpuid {
	uint32_t leaf;
	uint32_t subleaf;
	uint32_t has_subleaf; /* 0: the leaf has one value */
	uint32_t eax;
	uint32_t ebx;
	uint32_t ecx;
	uint32_t edx;
	uint32_t reserved;
};

/*
 * A list of such values, in the order of leaf and subleaf, each at most once.
 * It belongs to whoever made it and is not locked: one thread at a time.
 */
struct vmapi_cpuid;

/* -- Lists -------------------------------------------------------------- */

/* An empty list.  -ENOMEM.  Since 0.1. */
VMAPI_API int vmapi_cpuid_create(struct vmapi_cpuid **list);

/* NULL does nothing.  Since 0.1. */
VMAPI_API void vmapi_cpuid_destroy(struct vmapi_cpuid *list);

/*
 * Make it the list of all that a processor of this backend can have, which is
 * the CPU model "host".  -ENOTSUP: its processors are not x86.  -ENOMEM.
 * Since 0.1.
 */
VMAPI_API int vmapi_cpuid_supported(struct vmapi *ctx,
	struct vmapi_cpuid *list);

/*
 * Make it the vcpu's list, and the vcpu's that list: the register
 * VMAPI_X86_CPUID.  A vcpu that has run keeps what it has: another list is
 * -EBUSY.  -EINVAL: the kernel does not take it, or it is empty.  Vcpu not
 * running.  Since 0.1.
 */
VMAPI_API int vmapi_cpuid_read(struct vmapi_vcpu *vcpu,
	struct vmapi_cpuid *list);
VMAPI_API int vmapi_cpuid_write(struct vmapi_vcpu *vcpu,
	const struct vmapi_cpuid *list);

/* All of it; lives until the list is changed or destroyed.  Since 0.1. */
VMAPI_API int vmapi_cpuid_entries(const struct vmapi_cpuid *list,
	const struct vmapi_x86_cpuid **entries, size_t *n);

/*
 * The entry by which CPUID answers a leaf and subleaf; the subleaf does not
 * matter where the leaf has one value.  -ENOENT.  Since 0.1.
 */
VMAPI_API int vmapi_cpuid_find(const struct vmapi_cpuid *list, uint32_t leaf,
	uint32_t subleaf, struct vmapi_x86_cpuid *entry);

/*
 * Put an entry into its place; one of the same leaf and subleaf goes.  The
 * highest leaf that 0, 40000000H, 80000000H ... tell grows where it has to.
 * -EINVAL: has_subleaf is neither 0 nor 1, or contradicts what the list has
 * of this leaf; a subleaf without it.  -E2BIG: 4096 entries.  -ENOMEM.
 * Since 0.1.
 */
VMAPI_API int vmapi_cpuid_put(struct vmapi_cpuid *list,
	const struct vmapi_x86_cpuid *entry);

/* Take it out; -ENOENT.  The highest leaf stays.  Since 0.1. */
VMAPI_API int vmapi_cpuid_remove(struct vmapi_cpuid *list, uint32_t leaf,
	uint32_t subleaf);

/* -- Fields by name ----------------------------------------------------- */

enum vmapi_cpuid_register {
	VMAPI_CPUID_EAX = 0,
	VMAPI_CPUID_EBX = 1,
	VMAPI_CPUID_ECX = 2,
	VMAPI_CPUID_EDX = 3
};

struct vmapi_cpuid_field {
	uint32_t size;
	uint32_t leaf;
	uint32_t subleaf;
	uint32_t reg;	  /* enum vmapi_cpuid_register */
	uint32_t low;	  /* first and last bit */
	uint32_t high;
	const char *name; /* NULL: it has none */
};

/*
 * The n-th field that has a name, by place; -ENOENT behind the last.  And
 * where a field lies, by its name ("sse4.2", "phys-bits") or by its place:
 * leaf, subleaf if it has one, register, bits, as in "1.ecx[20]",
 * "7.0.ebx[9]", "80000008.eax[7:0]" or "d.1.eax"; numbers of leaves are
 * hexadecimal.  -ENOENT: no such name; -EINVAL: no such place.  Any thread.
 * Since 0.1.
 */
VMAPI_API int vmapi_cpuid_field(size_t n, struct vmapi_cpuid_field *field);
VMAPI_API int vmapi_cpuid_field_parse(const char *text,
	struct vmapi_cpuid_field *field);

/*
 * The value of a field, by name or place as above; 0 where the list has no
 * such leaf.  Set: a leaf that is not there is made, unless the value is 0.
 * -ENOENT, -EINVAL as above; -ERANGE: the value has more bits; -ENOMEM.
 * Since 0.1.
 */
VMAPI_API int vmapi_cpuid_get(const struct vmapi_cpuid *list,
	const char *field, uint32_t *value);
VMAPI_API int vmapi_cpuid_set(struct vmapi_cpuid *list, const char *field,
	uint32_t value);

/* -- One vcpu among others ---------------------------------------------- */

struct vmapi_cpuid_place {
	uint32_t size;
	uint32_t apic_id; /* x2APIC id */
	uint32_t threads; /* of a core; 0 is 1 */
	uint32_t cores;	  /* of a package; 0 is 1 */
};

/*
 * Fill in what differs from vcpu to vcpu and what says how they share cores,
 * caches and packages: APIC ids, leaves 1, 4, BH and 1FH, 8000001DH and
 * 8000001EH and 80000008H, as far as the list has them.  APIC ids are read as
 * package, core and thread, each in the bits that it needs.  -EINVAL: more
 * than 65536 threads in a package.  -ENOMEM.  Since 0.1.
 */
VMAPI_API int vmapi_cpuid_place(struct vmapi_cpuid *list,
	const struct vmapi_cpuid_place *place);

/* -- CPU models --------------------------------------------------------- */

/* The same CPUID and the same feature MSRs on every backend. */
#define VMAPI_CPUID_PORTABLE (1u << 0)

struct vmapi_cpuid_model {
	uint32_t size;
	uint32_t flags;	   /* VMAPI_CPUID_PORTABLE */
	const char *name;  /* for struct vmapi_vm_config */
	const char *about; /* what it is like, in some words */
};

/*
 * The n-th CPU model; -ENOENT behind the last.  Number 0 is "host".  Any
 * thread.  Since 0.1.
 */
VMAPI_API int vmapi_cpuid_model(size_t n, struct vmapi_cpuid_model *model);

/*
 * Make it the list of a model, for one vcpu of a VM with local APICs.
 * -ENOTSUP: this backend has not all of it; the message says what.  -ENOENT:
 * no such model.  -ENOMEM.  Since 0.1.
 */
VMAPI_API int vmapi_cpuid_model_list(struct vmapi *ctx, const char *name,
	struct vmapi_cpuid *list);

/* -- Differences -------------------------------------------------------- */

/*
 * Say in words how two lists differ: lines that name leaves and fields, in
 * `text` as far as `room` goes, with a NUL; *length is what all of it needs,
 * 0 if they are equal.  Since 0.1.
 */
VMAPI_API int vmapi_cpuid_compare(const struct vmapi_cpuid *first,
	const struct vmapi_cpuid *second, char *text, size_t room,
	size_t *length);

VMAPI_DECLS_END

#endif
