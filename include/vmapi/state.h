/* SPDX-License-Identifier: MIT */
/* The whole state of a VM as a stream: saved here, restored elsewhere. */
#ifndef VMAPI_STATE_H
#define VMAPI_STATE_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;
struct vmapi_ram;
struct vmapi_snapshot;

/* Flags of a section of the application's own. */
#define VMAPI_SECTION_OPTIONAL (1u << 0) /* its absence is no error */

#define VMAPI_SECTION_MAX (16u << 20) /* bytes of a section and its name[] */

/*
 * State of the application that goes with a VM's: of its device models, say.
 * Bytes, whose order is the application's business.
 */
struct vmapi_section {
	char name[32];	/* not empty; one of each name in a stream */
	void *data;
	size_t bytes;	/* restore: room; then as many as there are, or 0 */
	uint32_t flags; /* VMAPI_SECTION_ */
	uint32_t reserved;
};

/* Flags of vmapi_vm_save(). */
#define VMAPI_SAVE_DELTA   (1u << 0) /* RAM: what changed since the last one */
#define VMAPI_SAVE_RUNNING (1u << 1) /* stop vcpus that run, then go on */

/* What a save was like. */
struct vmapi_save_report {
	uint32_t size;
	uint32_t rounds;     /* of RAM, while vcpus ran */
	uint64_t last_bytes; /* of RAM, while they stood */
	uint64_t pause_ns;   /* VMAPI_SAVE_RUNNING: how long they did */
};

struct vmapi_state_config {
	uint32_t size;
	uint32_t flags; /* VMAPI_SAVE_; 0 for a restore */
	struct vmapi_section *sections;
	size_t n_sections;
	/* RAM objects that belong to the VM though no map shows them now. */
	struct vmapi_ram *const *ram;
	size_t n_ram;
	/*
	 * Restore: called when the stream is read and found good, sections
	 * filled in, nothing changed.  Save: called when all vcpus have
	 * stopped, before sections are read.  Negative: refused with it;
	 * positive: with -EINVAL.
	 */
	int (*check)(void *opaque);
	void *opaque;
	/*
	 * VMAPI_SAVE_RUNNING: the vcpus are stopped once no more than so many
	 * bytes of RAM are left, or after so many rounds, 63 at most.  Where
	 * `pause_bytes` is given the save fails rather than that it stops
	 * them with more left.  0: 16 MiB, which is no promise; 8 rounds.
	 */
	uint64_t pause_bytes;
	uint32_t rounds;
	uint32_t reserved;
	struct vmapi_save_report *report; /* filled in by a save, or NULL */
};

/*
 * Write the state of the VM to `fd`: a file, a pipe, a socket.  Registers of
 * all vcpus, what is mapped where, interrupt routes, the chips of the
 * library or of the kernel, devices, the VM's clock, and RAM, of which pages
 * of zeros cost nothing.  vmapi_stream(7) has the format.  `config` may be
 * NULL.
 *
 * Every vcpu has to be outside of vmapi_vcpu_run(), and the last exit that
 * wants an answer has to have it; an instruction that is not finished is
 * finished as by vmapi_vcpu_settle().  Time stands still meanwhile for the
 * software processor and the library's chips.
 *
 * With VMAPI_SAVE_RUNNING vcpus may run in other threads.  RAM is written in
 * rounds while they do, each with the pages that changed since the one
 * before.  Then they are stopped at the end of an instruction, all else and
 * the last pages are copied to memory, and they go on, inside the same
 * vmapi_vcpu_run(); a thread that answers an exit, or calls run, in between
 * waits.  Exits that want an answer are given a second for it.  Whoever writes
 * to RAM through its pointer meanwhile has to say so each time
 * (vmapi_ram_written()).  What the stream has is the state at the pause.
 *
 * With VMAPI_SAVE_DELTA only those pages of RAM are written that changed
 * since the last save of this VM, or since a restore; it is restored on top
 * of that one.  Entries need VMAPI_MAP_LOG for it; RAM that is mapped
 * without is written whole.  A save takes the pages out of the dirty log;
 * if it fails they are put back.
 *
 *   -EINVAL  a RAM object or a section without a name, or two of one name
 *   -EBUSY   a vcpu runs, or has an exit that was not answered; or another
 *            save or restore of this VM is under way
 *   -EAGAIN  the guest changes more than pause_bytes in each round
 *   -EOVERFLOW  the kernel lost pages of its dirty log
 *   -EDEADLK VMAPI_SAVE_RUNNING from a handler of a region
 *   -ENOTSUP memory that nobody can read (guest_memfd)
 *   -ESTALE  VMAPI_SAVE_DELTA without a save or restore before
 *   -ENOMEM
 *
 * or what write(2) says.  Blocks.  SIGPIPE is the application's business.
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_vm_save(struct vmapi_vm *vm, int fd,
	const struct vmapi_state_config *config);

/*
 * Read such a stream from `fd`, to its end and not beyond, and give its
 * state to the VM.  That has to be built like the one that was saved: the
 * same irqchip and PIT, vcpus of the same ids, devices of the same kinds in
 * the order in which they were made, RAM objects of the same names and
 * sizes.  Its backend may be another one.  Regions, irqfds, ioeventfds, exits
 * that were asked for, debug points, and the levels at which the application
 * holds its lines are the application's to make again.
 *
 * The whole stream is read and checked before anything changes; RAM waits in
 * memory of its own until then.  A failure leaves the VM as it was.
 *
 *   -EBADMSG  the stream is none, is damaged or ends early
 *   -EPROTONOSUPPORT  of a version, or with something in it, that this
 *             library does not know
 *   -ENODEV   the VM is built otherwise: the message says in what
 *   -ENOTSUP  the processor cannot have these features or registers
 *   -ESTALE   a delta to another state than the VM's, or vcpus ran since
 *   -ENOSPC   a section is longer than its room, which `bytes` then has
 *   -EBUSY    as above
 *   -ENOMEM
 *   -EIO      taking back what the backend refused half-way failed, too:
 *             reset the VM
 *
 * or what read(2) says.  Blocks.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_vm_restore(struct vmapi_vm *vm, int fd,
	const struct vmapi_state_config *config);

/*
 * A snapshot: the same state, in memory, to which its VM goes back any number
 * of times, as a fuzzer does after each input.  There is none of config's: no
 * sections, and of RAM what is mapped when it is made.  RAM objects need
 * names.  vcpus are as for a save.
 *
 *   -EINVAL, -EBUSY, -ENOTSUP, -ENOMEM  as from vmapi_vm_save()
 *
 * It keeps the VM alive.  Any thread.  Blocks.  Since 0.1.
 */
VMAPI_API int vmapi_snapshot_create(struct vmapi_vm *vm,
	struct vmapi_snapshot **snapshot);

/*
 * Go back.  Vcpus have to be outside of a run; an exit that wants an answer,
 * and an instruction that is not finished, are forgotten.  Of RAM that is
 * mapped with VMAPI_MAP_LOG only pages are copied that were written since;
 * other RAM is compared whole.  Either way the dirty log is clean afterwards,
 * and a VMAPI_SAVE_DELTA needs another save before it.
 *
 *   -EBUSY   a vcpu runs
 *   -ENODEV  the VM lacks a vcpu or a device that it had, or has more vcpus
 *   -ENOMEM
 *
 * After another error than -EBUSY the VM may be half gone back.  Any thread.
 * Does not block but for that.  Since 0.1.
 */
VMAPI_API int vmapi_snapshot_restore(struct vmapi_snapshot *snapshot);

/* NULL does nothing.  Since 0.1. */
VMAPI_API void vmapi_snapshot_destroy(struct vmapi_snapshot *snapshot);

VMAPI_DECLS_END

#endif
