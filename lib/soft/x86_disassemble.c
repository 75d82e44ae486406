/* SPDX-License-Identifier: MIT */
/* One instruction as text, whoever runs the guest: it needs no context. */
#include <errno.h>

#include "lib/core/core.h"
#include "lib/soft/insn.h"

/* One that is too long to be executed is none. */
static int decode(
	const void *bytes, size_t n, unsigned mode, struct vmi_insn *insn)
{
	switch (vmi_decode(bytes, n, mode, insn)) {
	case 0: return 0;
	case -EAGAIN:
		return vmi_fail(-EAGAIN, "",
			"the instruction goes on after %zu bytes", n);
	case -E2BIG:
		return vmi_fail(
			-EILSEQ, "", "an instruction has at most 15 bytes");
	default:
		return vmi_fail(
			-EILSEQ, "", "no instruction in %u-bit mode", mode);
	}
}

int vmapi_x86_disassemble(const void *bytes, size_t n, unsigned mode,
	uint64_t rip, char *text, size_t room, size_t *length)
{
	struct vmi_insn insn;
	int err;

	vmi_enter_free(__func__);
	if (!bytes || !length)
		return vmi_null(bytes ? "length" : "bytes");
	if (room && !text)
		return vmi_null("text");
	if (mode != 16 && mode != 32 && mode != 64)
		return vmi_fail(-EINVAL, "", "no mode %u: 16, 32 or 64", mode);
	err = decode(bytes, n, mode, &insn);
	if (err)
		return err;
	vmi_disas(&insn, rip, text, room);
	*length = insn.len;
	return 0;
}
