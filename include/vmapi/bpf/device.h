/* SPDX-License-Identifier: MIT */
/* What a device program includes; also without a C library. */
#ifndef VMAPI_BPF_DEVICE_H
#define VMAPI_BPF_DEVICE_H

/*
 * A device program is C, compiled with
 *
 *	clang -target bpfel -O2 -c
 *
 * whose functions vmapi_region_program() lets answer a guest's accesses:
 *
 *	VMAPI_BPF_READ int read(struct vmapi_bpf_context *c) ...
 *	VMAPI_BPF_WRITE int write(struct vmapi_bpf_context *c) ...
 *	VMAPI_BPF_ALARM int ring(struct vmapi_bpf_context *c) ...
 *
 * Any of them may be missing.  Global variables are the device's registers:
 * each device has its own, and the application finds them by name with
 * vmapi_program_symbol().  vmapi_bpf(7) teaches the rest.
 */

typedef __UINT8_TYPE__ vmapi_bpf_u8;
typedef __UINT16_TYPE__ vmapi_bpf_u16;
typedef __UINT32_TYPE__ vmapi_bpf_u32;
typedef __UINT64_TYPE__ vmapi_bpf_u64;
typedef __INT64_TYPE__ vmapi_bpf_s64;

/* An access.  All of it can be read; a read's `data` is written to. */
struct vmapi_bpf_context {
	vmapi_bpf_u8 data[8];	/* in guest byte order; of a read 0 before */
	vmapi_bpf_u64 offset;	/* from the region's base, and its shift */
	vmapi_bpf_u8 length;	/* bytes: 1 to 8; of an alarm 0 */
	vmapi_bpf_u8 reserved[3];
	vmapi_bpf_u32 vcpu;	/* its id; all ones: a posted write's */
};

/* What a program returns. */
#define VMAPI_BPF_HANDLED 0 /* the guest goes on */
#define VMAPI_BPF_PASS	  1 /* not mine: an exit, as without a region */
#define VMAPI_BPF_POST	  2 /* of a write: handled, and tell later */

#define VMAPI_BPF_READ	__attribute__((section("vmapi/read"), used))
#define VMAPI_BPF_WRITE __attribute__((section("vmapi/write"), used))
#define VMAPI_BPF_ALARM __attribute__((section("vmapi/alarm"), used))
/* A variable that is memory of the application's, bound by its name. */
#define VMAPI_BPF_WINDOW __attribute__((section("vmapi/window"), used))

/* -- Helpers ------------------------------------------------------------ */

/* Nanoseconds of the VM's clock. */
static vmapi_bpf_u64 (*const vmapi_bpf_now)(void) =
	(vmapi_bpf_u64 (*)(void))1;

/* a * b / c, without overflow in between; c 0 gives 0. */
static vmapi_bpf_u64 (*const vmapi_bpf_muldiv)(vmapi_bpf_u64 a,
	vmapi_bpf_u64 b, vmapi_bpf_u64 c) =
	(vmapi_bpf_u64 (*)(vmapi_bpf_u64, vmapi_bpf_u64, vmapi_bpf_u64))2;

/*
 * Set the level of the line that has this number in irqs of the program's
 * config: -1 masked, 0 coalesced, n delivered to so many.  -6 (ENXIO): there
 * is none.
 */
static vmapi_bpf_s64 (*const vmapi_bpf_irq)(vmapi_bpf_u64 number,
	vmapi_bpf_u64 level) =
	(vmapi_bpf_s64 (*)(vmapi_bpf_u64, vmapi_bpf_u64))3;

/*
 * Signal the eventfd of this number in fds.  A full one holds nobody up.
 * -6 (ENXIO): there is none.
 */
static vmapi_bpf_s64 (*const vmapi_bpf_signal)(vmapi_bpf_u64 number) =
	(vmapi_bpf_s64 (*)(vmapi_bpf_u64))4;

/*
 * Have VMAPI_BPF_ALARM called at this time of vmapi_bpf_now(), once; the last
 * call counts, 0 calls it off.  -6 (ENXIO): there is no such function.
 */
static vmapi_bpf_s64 (*const vmapi_bpf_alarm)(vmapi_bpf_u64 when) =
	(vmapi_bpf_s64 (*)(vmapi_bpf_u64))5;

/* -- In other words ------------------------------------------------------ */

/* What is written; bytes beyond the access are 0. */
static inline vmapi_bpf_u64 vmapi_bpf_written(
	const struct vmapi_bpf_context *c)
{
	vmapi_bpf_u64 value;

	__builtin_memcpy(&value, c->data, sizeof(value));
	return value;
}

/* What is read; bytes beyond the access do not matter. */
static inline void vmapi_bpf_answer(
	struct vmapi_bpf_context *c, vmapi_bpf_u64 value)
{
	__builtin_memcpy(c->data, &value, sizeof(value));
}

/* Ticks of a clock of `hz` since the VM's time began, none lost. */
static inline vmapi_bpf_u64 vmapi_bpf_ticks(vmapi_bpf_u64 hz)
{
	return vmapi_bpf_muldiv(vmapi_bpf_now(), hz, 1000000000u);
}

#endif
