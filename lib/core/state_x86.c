/* SPDX-License-Identifier: MIT */
/* What is peculiar to x86 in a saved state: XSAVE by component. */
#include "lib/core/state_x86.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/arch/x86_state.h"
#include "lib/core/backend.h"
#include "lib/core/cpuid.h"
#include "lib/core/regs.h"
#include "lib/sys/sys.h"

/* SDM 1 table 10-2 and 13.4: the legacy region and the header. */
enum {
	FCW = 0,
	FCW_END = 24, /* FDP's */
	MXCSR = 24,
	ST = 32,
	ST_END = 160,
	XMM = 160,
	XMM_END = 416,
	XSTATE_BV = 512,
	AREA_MIN = 576
};

#define X87_BYTES  ((FCW_END - FCW) + (ST_END - ST))
#define COMPONENTS 63

void vmi_put_record(struct vmi_buffer *b, const struct vmi_record *r)
{
	vmi_put(b, r->tag, 8);
	vmi_put(b, r->bytes, 4);
	vmi_put(b, r->flags, 4);
	vmi_put_bytes(b, r->data, r->bytes);
}

/* -- CPUID -------------------------------------------------------------- */

int vmi_x86_cpuid_check(
	struct vmapi_vcpu *vcpu, const struct vmapi_cpuid *list)
{
	struct vmapi *ctx = vcpu->vm->ctx;
	struct vmapi_cpuid have = { .n = 0 };
	char name[64] = "";
	struct vmi_words lacks = { .text = name, .room = sizeof(name) };
	int err = vmi_cpuid_ask(ctx, &have);

	if (!err && !vmi_cpuid_fits(list, &have, &lacks))
		err = vmi_fail(-ENOTSUP, vmi_vcpu_label(vcpu),
			"CPUID of the stream has %s, which processors of the "
			"%s backend cannot have here", name, ctx->be->name);
	vmi_cpuid_free(&have);
	return err;
}

/* -- The area ----------------------------------------------------------- */

int vmi_xsave_open(struct vmi_xsave *x, struct vmapi_vcpu *vcpu)
{
	int err = vmi_block_size(vcpu, VMI_BLOCK_XSAVE, &x->bytes);

	if (err)
		return vmi_fail(err, vmi_vcpu_label(vcpu),
			"it has no XSAVE area");
	err = vmi_cpuid_ask(vcpu->vm->ctx, &x->cpuid);
	if (err)
		return err;
	x->area = vmi_zalloc(x->bytes < AREA_MIN ? AREA_MIN : x->bytes);
	if (x->area)
		return 0;
	vmi_cpuid_free(&x->cpuid);
	return vmi_fail(-ENOMEM, vmi_vcpu_label(vcpu), "no memory");
}

void vmi_xsave_close(struct vmi_xsave *x)
{
	vmi_free(x->area);
	vmi_cpuid_free(&x->cpuid);
}

/* A component from 2 on: its place; NULL: it has none here. */
static uint8_t *place_of(const struct vmi_xsave *x, unsigned n, size_t *bytes)
{
	const struct vmapi_x86_cpuid *e = vmi_cpuid_at(&x->cpuid, 0xd, n);

	if (!e || !e->has_subleaf || !e->eax || e->ecx & 1 ||
		e->ebx < AREA_MIN || e->ebx > x->bytes ||
		e->eax > x->bytes - e->ebx)
		return NULL; /* ECX bit 0: of IA32_XSS (SDM 1 13.2) */
	*bytes = e->eax;
	return x->area + e->ebx;
}

static bool at_rest(const uint8_t *at, size_t n)
{
	while (n && !*at) {
		at++;
		n--;
	}
	return !n;
}

static bool is_used(const struct vmi_xsave *x, unsigned n)
{
	return x->area[XSTATE_BV + n / 8] >> n % 8 & 1;
}

/* MXCSR is stored whatever XSTATE_BV says (SDM 1 13.7). */
uint32_t vmi_xsave_put(const struct vmi_xsave *x, struct vmi_buffer *b)
{
	struct vmi_record r = { VMAPI_X86_MXCSR, 4, 0, x->area + MXCSR };
	uint8_t x87[X87_BYTES];
	uint32_t count = 1;
	unsigned n;

	vmi_put_record(b, &r);
	if (is_used(x, 0)) {
		memcpy(x87, x->area + FCW, FCW_END - FCW);
		memcpy(x87 + FCW_END - FCW, x->area + ST, ST_END - ST);
		r = (struct vmi_record){ VMI_X86_COMPONENT(0), X87_BYTES, 0,
			x87 };
		vmi_put_record(b, &r);
		count++;
	}
	if (is_used(x, 1)) {
		r = (struct vmi_record){ VMI_X86_COMPONENT(1), XMM_END - XMM,
			0, x->area + XMM };
		vmi_put_record(b, &r);
		count++;
	}
	for (n = 2; n < COMPONENTS; n++) {
		size_t bytes = 0;
		const uint8_t *at = is_used(x, n) ? place_of(x, n, &bytes)
						  : NULL;

		/* From 2 on, zeros are the initial state (SDM 1 13.6). */
		if (!at || at_rest(at, bytes))
			continue;
		r = (struct vmi_record){ VMI_X86_COMPONENT(n),
			(uint32_t)bytes, 0, at };
		vmi_put_record(b, &r);
		count++;
	}
	return count;
}

bool vmi_xsave_owns(uint64_t tag)
{
	return tag == VMAPI_X86_MXCSR ||
		tag == VMI_X86_COMPONENT((uint32_t)tag);
}

int vmi_xsave_take(struct vmi_xsave *x, const struct vmi_record *r)
{
	unsigned n = (uint32_t)r->tag;
	size_t bytes = 0;
	uint8_t *at = NULL;

	if (r->tag == VMAPI_X86_MXCSR) {
		if (r->bytes == 4)
			memcpy(x->area + MXCSR, r->data, 4);
		return r->bytes == 4 ? 0 : -EBADMSG;
	}
	if (n >= COMPONENTS)
		return -EBADMSG;
	if (n == 0)
		bytes = X87_BYTES;
	else if (n == 1)
		bytes = XMM_END - XMM;
	else
		at = place_of(x, n, &bytes);
	if (n > 1 && !at)
		return -ENOTSUP;
	if (bytes != r->bytes)
		return -EBADMSG;
	if (n == 0) {
		memcpy(x->area + FCW, r->data, FCW_END - FCW);
		memcpy(x->area + ST, r->data + FCW_END - FCW, ST_END - ST);
	} else {
		memcpy(n == 1 ? x->area + XMM : at, r->data, bytes);
	}
	x->area[XSTATE_BV + n / 8] |= (uint8_t)(1u << n % 8);
	return 0;
}
