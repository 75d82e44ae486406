/* SPDX-License-Identifier: MIT */
/* Debugging on other architectures than x86, in their own terms: pure. */
#include <string.h>

#include "lib/arch/debug.h"
#include "lib/compiler.h"

uint32_t vmi_debug_points_at(const struct vmapi_debug *want, uint64_t address)
{
	uint32_t i, points = 0;

	for (i = 0; i < want->n_points; i++)
		if (want->points[i].kind == VMAPI_POINT_EXEC &&
			want->points[i].address == address)
			points |= (uint32_t)1 << i;
	return points;
}

/* -- arm64 --------------------------------------------------------------- */

/* DBGBCR_EL1 and DBGWCR_EL1 (Arm ARM D19.3): E; EL0 and EL1, by PMC, PAC. */
#define BCR_ENABLE  1u
#define BCR_EL0_EL1 (3u << 1)
#define BCR_BAS	    (0xfu << 5) /* all four bytes of an instruction */
#define WCR_LSC	    3		/* bits 4:3: load 1, store 2 */
#define WCR_BAS	    5		/* bits 12:5: bytes of the doubleword */

static uint64_t wcr_of(const struct vmapi_debug_point *p)
{
	static const uint8_t lsc[] = {
		[VMAPI_POINT_READ] = 1,
		[VMAPI_POINT_WRITE] = 2,
		[VMAPI_POINT_ACCESS] = 3,
	};
	uint64_t bytes = ((1u << p->bytes) - 1) << (p->address & 7);

	return BCR_ENABLE | BCR_EL0_EL1 | (uint64_t)lsc[p->kind] << WCR_LSC |
	       bytes << WCR_BAS;
}

void vmi_arm64_debug_encode(
	const struct vmapi_debug *want, struct vmi_arm64_debug *out)
{
	unsigned n_exec = 0, n_data = 0;
	uint32_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < want->n_points; i++) {
		const struct vmapi_debug_point *p = &want->points[i];

		if (p->kind == VMAPI_POINT_EXEC) {
			out->bvr[n_exec] = p->address & ~(uint64_t)3;
			out->bcr[n_exec++] = BCR_ENABLE | BCR_EL0_EL1 | BCR_BAS;
		} else {
			out->wvr[n_data] = p->address & ~(uint64_t)7;
			out->wcr[n_data++] = wcr_of(p);
		}
	}
}

/* Exception classes, ESR_ELx bits 31:26 (Arm ARM D19.2, ESR_ELx). */
enum {
	EC_BREAKPOINT = 0x30, /* from a lower exception level, as all here */
	EC_STEP = 0x32,
	EC_WATCHPOINT = 0x34,
	EC_BKPT32 = 0x38,
	EC_BRK64 = 0x3c
};

/*
 * FAR is an address that the access touched, not above the one watched: it
 * may be below by the size of the access (Arm ARM D2.10.5), which is 64 bytes
 * at most (DC ZVA apart).
 */
#define ACCESS_MOST 64

static uint32_t points_of_data(const struct vmapi_debug *want, uint64_t far)
{
	uint32_t i, points = 0, near = 0;

	for (i = 0; i < want->n_points; i++) {
		const struct vmapi_debug_point *p = &want->points[i];

		if (p->kind == VMAPI_POINT_EXEC)
			continue;
		if (far - p->address < p->bytes)
			points |= (uint32_t)1 << i;
		else if (p->address - far < ACCESS_MOST)
			near |= (uint32_t)1 << i;
	}
	return points ? points : near;
}

void vmi_arm64_debug_stop(
	const struct vmapi_debug *want, struct vmapi_exit_debug *stop)
{
	stop->why = VMAPI_STOP_GUEST;
	stop->points = 0;
	switch (stop->exception >> 26 & 0x3f) {
	case EC_STEP: stop->why = VMAPI_STOP_STEP; break;
	case EC_BRK64:
	case EC_BKPT32: stop->why = VMAPI_STOP_SOFTWARE; break;
	case EC_BREAKPOINT:
		stop->why = VMAPI_STOP_POINT;
		stop->points = vmi_debug_points_at(want, stop->address);
		break;
	case EC_WATCHPOINT:
		stop->why = VMAPI_STOP_POINT;
		stop->points = points_of_data(want, stop->data_address);
		break;
	default: break;
	}
}

/* -- s390 ---------------------------------------------------------------- */

unsigned vmi_s390_debug_encode(const struct vmapi_debug *want,
	const uint64_t *absolute, struct vmi_s390_point *out)
{
	unsigned n = 0;
	uint32_t i;

	for (i = 0; i < want->n_points && n < VMI_S390_POINTS; i++) {
		const struct vmapi_debug_point *p = &want->points[i];
		const bool is_exec = p->kind == VMAPI_POINT_EXEC;

		if (!is_exec && absolute[i] == VMI_S390_NOWHERE)
			continue;
		memset(&out[n], 0, sizeof(out[n]));
		out[n].address = p->address;
		out[n].physical = is_exec ? 0 : absolute[i];
		out[n].bytes = p->bytes;
		out[n++].type = is_exec ? VMI_S390_TYPE_BREAKPOINT
					: VMI_S390_TYPE_WRITE;
	}
	return n;
}

/* The kernel tells of one point, by the address that it was given. */
static uint32_t written_points(const struct vmapi_debug *want, uint64_t address)
{
	uint32_t i, points = 0;

	for (i = 0; i < want->n_points; i++)
		if (want->points[i].kind != VMAPI_POINT_EXEC &&
			want->points[i].address == address)
			points |= (uint32_t)1 << i;
	return points;
}

void vmi_s390_debug_stop(const struct vmapi_debug *want, unsigned type,
	struct vmapi_exit_debug *stop)
{
	/*
	 * Of a breakpoint the kernel says which: the guest is at it, or behind
	 * its instruction, where the run began there.
	 */
	stop->points = vmi_debug_points_at(want,
		type & VMI_S390_TYPE_BREAKPOINT ? stop->data_address
						: stop->address);
	if (type & VMI_S390_TYPE_WRITE)
		stop->points |= written_points(want, stop->data_address);
	stop->why = stop->points ? VMAPI_STOP_POINT : 0;
	if (type & VMI_S390_TYPE_STEP && want->flags & VMAPI_DEBUG_STEP)
		stop->why |= VMAPI_STOP_STEP;
	if (!stop->why)
		stop->why = VMAPI_STOP_GUEST;
}

/* An instruction (code 4): DIAGNOSE is 0x83, its second half in ipb. */
bool vmi_s390_is_breakpoint(const struct vmapi_exit_s390_sie *sie)
{
	return sie->code == 4 && sie->ipa >> 8 == 0x83 &&
	       sie->ipb >> 16 == 0x0501;
}
