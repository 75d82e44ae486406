/* SPDX-License-Identifier: MIT */
/* Instructions: from bytes, found in the table, as text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/region/bpf/run.h"

#define ANY VMI_BPF_ANY

const struct vmi_bpf_row vmi_bpf_rows[] = {
#define BPF(opcode, src, off, imm, handler, group, section, text)              \
	{ opcode, src, off, imm, vmi_h_bpf_##handler, VMI_BPF_##group,         \
		#handler, section, text },
#define BPF_NO(opcode, src, group, section, text)                              \
	{ opcode, src, ANY, ANY, NULL, VMI_BPF_##group, "refused", section,    \
		text },
#include "lib/region/bpf/insn.def"
#undef BPF
#undef BPF_NO
};

const size_t vmi_bpf_n_rows = vmi_array_len(vmi_bpf_rows);

/* RFC 9669 3: the registers' nibbles are as in memory of little endian. */
struct vmi_bpf_insn vmi_bpf_fetch(const uint8_t bytes[8])
{
	return (struct vmi_bpf_insn){
		.opcode = bytes[0],
		.dst = bytes[1] & 15,
		.src = bytes[1] >> 4,
		.off = (int16_t)(bytes[2] | bytes[3] << 8),
		.imm = (int32_t)(bytes[4] | (uint32_t)bytes[5] << 8 |
			(uint32_t)bytes[6] << 16 | (uint32_t)bytes[7] << 24),
	};
}

static bool matches(int32_t want, int32_t is)
{
	return want == ANY || want == is;
}

const struct vmi_bpf_row *vmi_bpf_row(const struct vmi_bpf_insn *insn)
{
	size_t i;

	for (i = 0; i < vmi_bpf_n_rows; i++) {
		const struct vmi_bpf_row *row = &vmi_bpf_rows[i];

		if (row->opcode == insn->opcode &&
			matches(row->src, insn->src) &&
			matches(row->off, insn->off) &&
			matches(row->imm, insn->imm))
			return row;
	}
	return NULL;
}

bool vmi_bpf_is_jump(const struct vmi_bpf_insn *insn)
{
	unsigned class = VMI_BPF_CLASS(insn->opcode);
	unsigned code = VMI_BPF_CODE(insn->opcode);

	return (class == VMI_BPF_JMP || class == VMI_BPF_JMP32) &&
		code != VMI_BPF_CALL && code != VMI_BPF_EXIT;
}

bool vmi_bpf_is_local_call(const struct vmi_bpf_insn *insn)
{
	return insn->opcode == VMI_BPF_CALL_INSN && insn->src == VMI_BPF_LOCAL;
}

/* -- Text --------------------------------------------------------------- */

static void operand(char letter, const struct vmi_bpf_insn *insn,
	const struct vmi_bpf_insn *next, char text[32])
{
	uint64_t high = next ? (uint32_t)next->imm : 0;
	int off = insn->off;

	switch (letter) {
	case 'D': snprintf(text, 32, "r%u", insn->dst); break;
	case 'd': snprintf(text, 32, "w%u", insn->dst); break;
	case 'S': snprintf(text, 32, "r%u", insn->src); break;
	case 's': snprintf(text, 32, "w%u", insn->src); break;
	case 'I': snprintf(text, 32, "%" PRId32, insn->imm); break;
	case 'Q':
		snprintf(text, 32, "0x%" PRIx64,
			high << 32 | (uint32_t)insn->imm);
		break;
	case 'N': snprintf(text, 32, "%" PRIu64, high); break;
	case 'O':
		snprintf(text, 32, "%c %d", off < 0 ? '-' : '+',
			off < 0 ? -off : off);
		break;
	default:
		snprintf(text, 32, "%+" PRId32, vmi_bpf_distance(insn));
		break;
	}
}

void vmi_bpf_print(const struct vmi_bpf_insn *insn,
	const struct vmi_bpf_insn *next, char *text, size_t bytes)
{
	const struct vmi_bpf_row *row = vmi_bpf_row(insn);
	char part[32];
	size_t n = 0;
	const char *p;

	if (!row) {
		snprintf(text, bytes, "opcode 0x%02x", insn->opcode);
		return;
	}
	for (p = row->text; *p && n + sizeof(part) < bytes; p++) {
		part[0] = *p;
		part[1] = '\0';
		if (*p == '%' && strchr("DSIQNOJds", p[1]) && p[1])
			operand(*++p, insn, next, part);
		memcpy(text + n, part, strlen(part));
		n += strlen(part);
	}
	text[n] = '\0';
}
