/* SPDX-License-Identifier: MIT */
/* Object files of device programs, as clang -target bpf writes them. */
#ifndef VMI_REGION_BPF_OBJECT_H
#define VMI_REGION_BPF_OBJECT_H

#include "lib/region/bpf/bpf.h"

/* Entries, by the section that has them. */
enum vmi_bpf_entry {
	VMI_BPF_READ,  /* "vmapi/read" */
	VMI_BPF_WRITE, /* "vmapi/write" */
	VMI_BPF_ALARM, /* "vmapi/alarm" */
	VMI_BPF_ENTRIES
};

#define VMI_BPF_NO_ENTRY SIZE_MAX

/* A window that an object wants. */
struct vmi_bpf_want {
	char name[48];
	uint64_t bytes;
	const uint8_t *begin; /* what is in it, inside the image; NULL: zeros */
	bool is_writable;
	bool is_given; /* by the application; else it is the program's own */
};

/* A variable, for who wants to find it. */
struct vmi_bpf_symbol {
	char name[48];
	unsigned window;
	uint64_t offset, bytes;
};

struct vmi_bpf_object {
	struct vmi_bpf_insn *insns;
	size_t n;
	size_t entry[VMI_BPF_ENTRIES];
	struct vmi_bpf_want wants[VMI_BPF_WINDOWS_MAX];
	size_t n_wants;
	struct vmi_bpf_symbol *symbols;
	size_t n_symbols;
};

/*
 * Read an object file.  -ENOEXEC: it is none, or has what cannot be done:
 * `why` says.  -ENOMEM.  The image is looked at as long as `begin` is.
 */
int vmi_bpf_object_read(struct vmi_bpf_object *object, const void *image,
	size_t bytes, char why[160]);
void vmi_bpf_object_free(struct vmi_bpf_object *object);

#endif
