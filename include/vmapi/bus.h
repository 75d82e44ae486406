/* SPDX-License-Identifier: MIT */
/* The APIC bus: local APICs in the VM, IOAPIC and PIC at the other end. */
#ifndef VMAPI_BUS_H
#define VMAPI_BUS_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;
struct vmapi_bus;	/* a VM's end */
struct vmapi_bus_chips; /* the other one, with an IOAPIC and a pair of PICs */

/* -- On the wire -------------------------------------------------------- */

/*
 * A message, 32 bytes, a packet each (SOCK_SEQPACKET).  Numbers are of the
 * host's byte order.  Either side asks, and the other one answers each
 * message once: a reply is the message back, with `seq` as it was, type with
 * VMAPI_BUS_REPLY, and what has another meaning there in brackets.  A side
 * goes on answering while it waits.  The peer of a VM asks one thing at a
 * time; a VM asks one for each of its vcpus.
 */
struct vmapi_bus_message {
	uint8_t type;	  /* VMAPI_BUS_ */
	uint8_t delivery; /* SDM 3A 11.6.1: 0 fixed ... 7 ExtINT [VMAPI_BUS_OK] */
	uint8_t flags;	  /* VMAPI_BUS_LOGICAL and so on */
	uint8_t vector;	  /* or the number of a pin or register [of INTA] */
	uint32_t dest;	  /* of a local APIC, or an address [processors reached] */
	uint32_t source;  /* the vcpu; the IOAPIC's pin */
	uint32_t bytes;	  /* of an access: 1, 2, 4, 8 */
	uint64_t seq;
	uint64_t data;	  /* written [read] */
};

#define VMAPI_BUS_REPLY 0x80 /* in `type` */

/* From the VM. */
#define VMAPI_BUS_EOI	1 /* of a level-triggered `vector` */
#define VMAPI_BUS_INTA	2 /* [the PIC's vector] */
#define VMAPI_BUS_READ	3 /* a guest reads `bytes` at `dest` [data] */
#define VMAPI_BUS_WRITE 4
#define VMAPI_BUS_RESET 5 /* the VM was reset, and so are the chips */
/* From the chips. */
#define VMAPI_BUS_INTR	 8 /* an interrupt; `source` is the IOAPIC's pin */
#define VMAPI_BUS_LOWEST 9 /* the same to the least busy (delivery 1) */
#define VMAPI_BUS_LINT	 10 /* pin `vector`, 0 or 1, of APIC `dest` */
#define VMAPI_BUS_REMOTE_READ 11 /* register `vector` (offset / 16) [data] */

/* Flags. */
#define VMAPI_BUS_LOGICAL (1u << 0) /* dest is a logical destination */
#define VMAPI_BUS_LEVEL	  (1u << 1) /* triggered by level */
#define VMAPI_BUS_ASSERT  (1u << 2) /* the line is high; of INIT: an assert */
#define VMAPI_BUS_PORT	  (1u << 3) /* an access of a port, not of memory */

/* In `delivery` of a reply. */
#define VMAPI_BUS_OK	  0 /* `dest` processors; 0: one was pending */
#define VMAPI_BUS_RETRY	  1 /* nobody takes it now */
#define VMAPI_BUS_REFUSED 2 /* there is no such thing here */

/* -- The VM's end ------------------------------------------------------- */

struct vmapi_bus_config {
	uint32_t size;
	uint32_t flags;	     /* 0 */
	int32_t fd;	     /* a connected seqpacket socket; dup()ed */
	uint32_t timeout_ms; /* for what the other end owes; 0: for ever */
};

/*
 * Connect the local APICs of a VM with VMAPI_IRQCHIP_SPLIT to an IOAPIC and
 * PICs in this or another process.  From now on the guest's accesses to them
 * (ports 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 and the page at 0xfec00000) go
 * there, and so does each end of a level-triggered interrupt: the vcpu goes
 * on when the IOAPIC knows of it.  Where INTR of the PIC is high, the vcpu
 * fetches the vector there when it can take it.  GSIs below 24 are the bus's
 * own: vmapi_routes_set() does not change them any more.
 *
 * What comes from there is done in vmapi_vm_service(), and by vcpus that wait
 * for the bus: see VMAPI_VM_SERVICE_THREAD.  Waits are inside
 * vmapi_vcpu_run(): a kick ends the run, and the next one goes on waiting.
 * Where the other end has died, answers nonsense, or not in time, they end
 * with VMAPI_EXIT_BUS; running on asks again.
 *
 *   -ENXIO    the VM's local APICs are not all that it has, or it has none
 *   -ENOTSUP  VMAPI_VM_DETERMINISTIC
 *   -EEXIST   it has a bus; something lies in one of these ranges
 *   -EBADF    the descriptor is none
 *   -EINVAL   it is no connected seqpacket socket; unknown flags
 *   -ENOSPC   it cannot be polled: the host has no watches left
 *   -ENOMEM, -EMFILE
 *
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_bus_create(struct vmapi_vm *vm,
	const struct vmapi_bus_config *config, struct vmapi_bus **bus);

/*
 * Take it away: what waits for it is given up, an access as an exit to the
 * application.  NULL does nothing.  Any thread.  Since 0.1.
 */
VMAPI_API void vmapi_bus_destroy(struct vmapi_bus *bus);

/*
 * Go on with another other end, of a new process for instance.  What waits
 * for an answer is VMAPI_EXIT_BUS with -ECONNRESET; a reset of the VM that the
 * other end had not read is told to this one.  -EBADF, -EINVAL,
 * -EMFILE; -ENOMEM, -ENOSPC: it cannot be polled.  After an error the bus has
 * the end that it had.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_bus_connect(struct vmapi_bus *bus, int fd);

/* -- The other end ------------------------------------------------------ */

/*
 * The guest ended an interrupt of this GSI: a device that still wants one may
 * set its line again, from here too.  On the thread that serves, or that of
 * whoever calls a function of the chips.
 */
typedef void vmapi_bus_ended_fn(void *opaque, unsigned gsi);

struct vmapi_bus_chips_config {
	uint32_t size;
	uint32_t flags;		/* 0 */
	int32_t fd;		/* the other end of the VM's; dup()ed */
	uint32_t storm_limit;	/* EOIs in a row that leave a pin asserted, */
	uint32_t storm_delay_us; /* after which it waits; 0: 10000 of each */
	uint32_t reserved;
	vmapi_bus_ended_fn *ended; /* or NULL */
	void *opaque;
};

/*
 * An IOAPIC of 24 pins and a pair of PICs, wired as in a PC: GSIs 0 to 15 go
 * to the PICs' inputs and to the IOAPIC's pins of the same number (GSI 0 to
 * pin 2), 16 to 23 to the IOAPIC alone, and INTR to LINT0 of vcpu 0.  Needs
 * no context.
 *
 *   -EBADF, -EINVAL  as vmapi_bus_create()
 *   -ENOMEM, -EMFILE
 *
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_bus_chips_create(
	const struct vmapi_bus_chips_config *config,
	struct vmapi_bus_chips **chips);

/* Nobody uses them any more.  NULL does nothing.  Since 0.1. */
VMAPI_API void vmapi_bus_chips_destroy(struct vmapi_bus_chips *chips);

/*
 * Answer the VM until it hangs up, which is 0.  -EPROTO: what came is no
 * message, or no answer to ours; -errno of the socket.  Blocks; makes no
 * thread.  One thread at a time.  Since 0.1.
 */
VMAPI_API int vmapi_bus_chips_serve(struct vmapi_bus_chips *chips);

/*
 * Set the level of a line; *delivery (may be NULL) is what became of it, as
 * in vmapi_irq_set(): the better of what IOAPIC and PIC said.
 *
 *   -ERANGE  no such GSI
 *   -EINVAL  level is not 0 or 1
 *   -EPIPE, -ECONNRESET, -EPROTO  the VM is gone; the line has its level
 *
 * Waits for the VM to decide, and so for its vmapi_vm_service(): not from
 * the thread that calls that.  Any other thread.  Since 0.1.
 */
VMAPI_API int vmapi_bus_chips_set_line(struct vmapi_bus_chips *chips,
	unsigned gsi, int level, int *delivery);

/*
 * Ask for a register of a local APIC, as the bus's remote read does: `reg` is
 * its offset / 16.  -ENOENT: there is no such processor or register, or a
 * kernel has it, which answers nobody; and as vmapi_bus_chips_set_line().
 * Since 0.1.
 */
VMAPI_API int vmapi_bus_chips_remote_read(struct vmapi_bus_chips *chips,
	uint32_t apic, unsigned reg, uint32_t *value);

/* Bytes that are always enough for the next. */
#define VMAPI_BUS_STATE_MAX 1024

/*
 * All of the chips as bytes, the same on every host, to be saved beside the
 * VM's state (vmapi_vm_save() has the local APICs): at most `room` are
 * written, *bytes is how many they are.  -ENOSPC: it has no room.
 * While no vcpu runs.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_bus_chips_save(struct vmapi_bus_chips *chips, void *data,
	size_t room, size_t *bytes);

/*
 * And back, after vmapi_vm_restore() in the VM: lines are as they were, INTR
 * and what nobody had accepted are sent.  -EINVAL: this was not made by the
 * function above, and nothing changes.  Waits for the VM as
 * vmapi_bus_chips_set_line() does.  Any other thread.  Since 0.1.
 */
VMAPI_API int vmapi_bus_chips_restore(
	struct vmapi_bus_chips *chips, const void *data, size_t bytes);

VMAPI_DECLS_END

#endif
