/* SPDX-License-Identifier: MIT */
/* Regions that another process answers, over a socket; and that process. */
#ifndef VMAPI_CHANNEL_H
#define VMAPI_CHANNEL_H

#include <vmapi/base.h>
#include <vmapi/region.h>

VMAPI_DECLS_BEGIN

struct vmapi_channel; /* a connection to a device process */

/* -- On the wire -------------------------------------------------------- */

/*
 * A command, 32 bytes: byte for byte that of ioregionfd as it was posted for
 * KVM (version 3).  Numbers are of the host's byte order.
 */
struct vmapi_wire_command {
	uint8_t command;	   /* VMAPI_WIRE_ */
	uint8_t size_exponent : 4; /* 0 to 3: 1 to 8 bytes */
	uint8_t response : 1;	   /* it is waited for */
	uint8_t padding[6];
	uint64_t user_data; /* of the region */
	uint64_t offset;    /* from the region's base */
	uint64_t data;
};

#define VMAPI_WIRE_READ	 0
#define VMAPI_WIRE_WRITE 1
#define VMAPI_WIRE_FENCE 2 /* all writes before it are done; answered */

/* The answer to a command with `response`, in the order of the commands. */
struct vmapi_wire_response {
	uint64_t data;
	uint8_t padding[24];
};

/*
 * On the control socket each side says once what it can, the library first;
 * what both can is in use.  Without a control socket nothing is.
 */
struct vmapi_wire_hello {
	uint64_t magic;	   /* VMAPI_WIRE_MAGIC */
	uint32_t version;  /* 1 */
	uint32_t features; /* VMAPI_WIRE_CAN_ */
};

#define VMAPI_WIRE_MAGIC     0x6970616d76676572 /* "regvmapi" */
#define VMAPI_WIRE_CAN_FENCE (1u << 0)
#define VMAPI_WIRE_CAN_RING  (1u << 1) /* commands go by shared memory */

/*
 * Where both can, the library's next message on the control socket is an
 * offer, with the descriptor (SCM_RIGHTS) of a memfd that cannot shrink: a
 * struct vmapi_wire_ring.  Commands and responses go there, in the order in
 * which they would go through the socket.
 *
 * Entry n of a side, from 0, is in its slot n modulo VMAPI_WIRE_SLOTS, and is
 * there when `lap` says n / VMAPI_WIRE_SLOTS + 1: stored last, and waited for
 * there.  It may be put when the other side has taken all but fewer than
 * VMAPI_WIRE_SLOTS, which that one says in `taken`, after each quarter of so
 * many at the latest.  A side writes to nothing but its own.  Who goes to sleep
 * says so in `waits`, then looks again; who has put something or said what is
 * taken looks there after that (a full barrier each), and wakes by a byte of
 * any value on the socket.  The socket's end is the other side's.
 */
struct vmapi_wire_offer {
	uint32_t bytes; /* sizeof(struct vmapi_wire_ring) */
	uint32_t slots; /* VMAPI_WIRE_SLOTS */
};

#define VMAPI_WIRE_SLOTS 256

struct vmapi_wire_side {
	uint64_t taken; /* of the other one's entries */
	uint64_t waits; /* 1: to be woken */
	uint64_t padding[6];
};

struct vmapi_wire_slot {
	uint64_t lap;
	uint64_t message[4]; /* a vmapi_wire_command, vmapi_wire_response */
	uint64_t padding[3];
};

struct vmapi_wire_ring {
	struct vmapi_wire_side monitor, device;
	struct vmapi_wire_slot commands[VMAPI_WIRE_SLOTS];
	struct vmapi_wire_slot responses[VMAPI_WIRE_SLOTS];
};

/* -- The monitor's side ------------------------------------------------- */

/*
 * Offer a ring of shared memory on the control socket; a process that cannot
 * has the socket.  Both sides look at the ring for as long as answers usually
 * take, up to 50 us, before they sleep.
 */
#define VMAPI_CHANNEL_RING (1u << 0)

struct vmapi_channel_config {
	uint32_t size;
	uint32_t flags;	    /* VMAPI_CHANNEL_ */
	int32_t fd;	    /* a connected socket, stream or seqpacket; dup()ed */
	int32_t control_fd; /* another, for vmapi_wire_hello; -1: none */
	uint32_t timeout_ms; /* for what the other side owes; 0: for ever */
	uint32_t reserved;
	/*
	 * Channels of one VM with the same number, if it is not 0, are one
	 * domain of order: before an access of one is waited for, the posted
	 * writes of all others have been done.
	 */
	uint64_t order;
	const char *name; /* in messages and exits; NULL: "channel"; copied */
};

/*
 * Connect a VM with a device process.
 *
 *   -EBADF     a descriptor is none
 *   -EINVAL    it is no connected stream or seqpacket socket; unknown flags;
 *             VMAPI_CHANNEL_RING without a control socket
 *   -EPROTO    what came on the control socket is no hello
 *   -ETIMEDOUT nothing came there
 *   -ECONNRESET, -EPIPE  the other side is gone
 *   -EDEADLK   called by a region's function
 *   -ENOMEM, -EMFILE
 *
 * With a control socket it waits for the hello, up to timeout_ms.  Any
 * thread.  Since 0.1.
 */
VMAPI_API int vmapi_channel_create(struct vmapi_vm *vm,
	const struct vmapi_channel_config *config,
	struct vmapi_channel **channel);

/* Drop it; its regions keep it until they go.  Since 0.1. */
VMAPI_API void vmapi_channel_destroy(struct vmapi_channel *channel);

/*
 * Go on with other descriptors, of a new process for instance.  What was
 * not sent is kept and sent there; what waits for an answer is an exit.
 * Errors are vmapi_channel_create()'s.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_channel_connect(
	struct vmapi_channel *channel, int fd, int control_fd);

/*
 * Wait until the device process has done all that it was sent, and what
 * was posted to it and is still here: before its state is asked for, say.
 *
 *   -ENOTSUP   it cannot VMAPI_WIRE_FENCE
 *   -EPIPE, -ECONNRESET, -EPROTO  it has died, or answers nonsense; what
 *             was not sent is kept, as by an access that fails
 *   -ETIMEDOUT it is late (timeout_ms)
 *   -EDEADLK   called by a region's function, that of a posted write too
 *   -ENOMEM, -EMFILE
 *
 * Blocks; a kick does not end it.  What is posted to other regions of the VM
 * is flushed before, as by vmapi_region_flush(), and may take its time.  Any
 * thread, also while vcpus run, whose later accesses it does not wait for.
 * Since 0.1.
 */
VMAPI_API int vmapi_channel_fence(struct vmapi_channel *channel);

/*
 * From now on the guest's accesses to a range are commands on the channel,
 * with `user_data`.  An access is waited for inside vmapi_vcpu_run(): a kick
 * ends the run, and the next one goes on waiting; nothing is sent twice.
 * Writes with VMAPI_REGION_POSTED are not waited for, but are in order with
 * whatever else the guest does on this channel and its domain of order.
 *
 * Where the other side has died, or answers nonsense, or not in time, the
 * access is VMAPI_EXIT_REGION.
 *
 *   as vmapi_region_handler(), and
 *   -EINVAL   the channel is of another VM; VMAPI_REGION_POSTED in a domain
 *             of order whose device process cannot VMAPI_WIRE_FENCE
 *
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_region_channel(struct vmapi_vm *vm,
	const struct vmapi_region_config *config,
	struct vmapi_channel *channel, uint64_t user_data,
	struct vmapi_region **region);

/* -- The device process's side ------------------------------------------ */

/*
 * An access with a region's user_data, as vmapi_region_fn: `value` is to be
 * filled in by a read; vcpu is NULL.
 */
typedef void vmapi_serve_fn(void *opaque, uint64_t user_data,
	struct vmapi_access *access);

/*
 * Answer a monitor's commands until it hangs up, which is 0.  control_fd
 * may be -1.  -EPROTO: what came is no command; -errno of the socket.
 * Blocks.  Needs no context and makes no thread; `fn` is called on this one.
 * Since 0.1.
 */
VMAPI_API int vmapi_serve(
	int fd, int control_fd, vmapi_serve_fn *fn, void *opaque);

VMAPI_DECLS_END

#endif
