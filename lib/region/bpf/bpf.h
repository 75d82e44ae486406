/* SPDX-License-Identifier: MIT */
/*
 * Device programs: the instruction set of RFC 9669.
 *
 * A program comes as instructions of 8 bytes (struct vmi_bpf_insn).  verify.c
 * proves that it reads and writes only what it was given, for every input;
 * decode.c then makes operations of it, which run.c executes without a check.
 * Only running time is checked while it runs: a jump backwards and a call
 * cost fuel, and a program without fuel stops.
 *
 * Memory is little-endian on every host, so that one object file does for
 * all.  A pointer in a register is the host's address.
 */
#ifndef VMI_REGION_BPF_H
#define VMI_REGION_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/compiler.h"

#define VMI_BPF_REGS	   11
#define VMI_BPF_STACK	   512 /* bytes of a frame */
#define VMI_BPF_FRAMES	   8
#define VMI_BPF_INSNS_MAX  16384

/* As RFC 9669 3 lays it out, in host byte order. */
struct vmi_bpf_insn {
	uint8_t opcode;
	uint8_t dst;
	uint8_t src;
	int16_t off;
	int32_t imm;
};

/* The fields of an opcode: RFC 9669 3.1 to 3.3. */
#define VMI_BPF_CLASS(opcode) ((opcode) & 0x07)
#define VMI_BPF_LD    0x00
#define VMI_BPF_LDX   0x01
#define VMI_BPF_ST    0x02
#define VMI_BPF_STX   0x03
#define VMI_BPF_ALU   0x04
#define VMI_BPF_JMP   0x05
#define VMI_BPF_JMP32 0x06
#define VMI_BPF_ALU64 0x07

#define VMI_BPF_CODE(opcode) ((opcode) & 0xf0) /* of arithmetic and jumps */
#define VMI_BPF_X     0x08 /* the second operand is a register */
#define VMI_BPF_ADD   0x00
#define VMI_BPF_SUB   0x10
#define VMI_BPF_MUL   0x20
#define VMI_BPF_DIV   0x30
#define VMI_BPF_OR    0x40
#define VMI_BPF_AND   0x50
#define VMI_BPF_LSH   0x60
#define VMI_BPF_RSH   0x70
#define VMI_BPF_NEG   0x80
#define VMI_BPF_MOD   0x90
#define VMI_BPF_XOR   0xa0
#define VMI_BPF_MOV   0xb0
#define VMI_BPF_ARSH  0xc0
#define VMI_BPF_END   0xd0

#define VMI_BPF_JA    0x00
#define VMI_BPF_JEQ   0x10
#define VMI_BPF_JGT   0x20
#define VMI_BPF_JGE   0x30
#define VMI_BPF_JSET  0x40
#define VMI_BPF_JNE   0x50
#define VMI_BPF_JSGT  0x60
#define VMI_BPF_JSGE  0x70
#define VMI_BPF_CALL  0x80
#define VMI_BPF_EXIT  0x90
#define VMI_BPF_JLT   0xa0
#define VMI_BPF_JLE   0xb0
#define VMI_BPF_JSLT  0xc0
#define VMI_BPF_JSLE  0xd0

#define VMI_BPF_MODE(opcode) ((opcode) & 0xe0) /* of loads and stores */
#define VMI_BPF_IMM    0x00
#define VMI_BPF_MEM    0x60
#define VMI_BPF_MEMSX  0x80
#define VMI_BPF_ATOMIC 0xc0

/* Of `imm` with VMI_BPF_ATOMIC: an arithmetic code, or one of these. */
#define VMI_BPF_FETCH	0x01
#define VMI_BPF_XCHG	0xe1
#define VMI_BPF_CMPXCHG 0xf1

#define VMI_BPF_LDDW	 0x18
#define VMI_BPF_CALL_INSN 0x85
#define VMI_BPF_EXIT_INSN 0x95
/* Of `src`: a local call; a window by its number. */
#define VMI_BPF_LOCAL	 1
#define VMI_BPF_WINDOW	 6

/* -- The table: insn.def ------------------------------------------------ */

enum vmi_bpf_group {
	VMI_BPF_BASE32,
	VMI_BPF_BASE64,
	VMI_BPF_DIVMUL32,
	VMI_BPF_DIVMUL64,
	VMI_BPF_ATOMIC32,
	VMI_BPF_ATOMIC64,
	VMI_BPF_PACKET
};

struct vmi_bpf_run;
struct vmi_bpf_op;

/* Does one operation; what comes next, where handlers are not chained. */
typedef const struct vmi_bpf_op *vmi_bpf_handler(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op);

#define VMI_BPF_ANY INT32_MIN

struct vmi_bpf_row {
	uint8_t opcode;
	int32_t src, off, imm;	  /* VMI_BPF_ANY, or what they have to be */
	vmi_bpf_handler *handler; /* NULL: refused, and `text` is why */
	uint8_t group;
	const char *name;
	const char *section;
	const char *text;
};

extern const struct vmi_bpf_row vmi_bpf_rows[];
extern const size_t vmi_bpf_n_rows;

/* The row of an instruction; NULL: there is none. */
const struct vmi_bpf_row *vmi_bpf_row(const struct vmi_bpf_insn *insn);

/* From 8 bytes, as an object file has them. */
struct vmi_bpf_insn vmi_bpf_fetch(const uint8_t bytes[8]);

/* Bytes of a load or store. */
static inline unsigned vmi_bpf_bytes(const struct vmi_bpf_insn *insn)
{
	static const uint8_t bytes[] = { 4, 2, 1, 8 };

	return bytes[insn->opcode >> 3 & 3];
}

/* Whether it takes two slots of 8 bytes. */
static inline bool vmi_bpf_is_wide(const struct vmi_bpf_insn *insn)
{
	return insn->opcode == VMI_BPF_LDDW;
}

/* How far it jumps or calls, from the next instruction. */
static inline int32_t vmi_bpf_distance(const struct vmi_bpf_insn *insn)
{
	bool is_call = insn->opcode == VMI_BPF_CALL_INSN;
	bool is_long = insn->opcode == (VMI_BPF_JMP32 | VMI_BPF_JA);

	return is_call || is_long ? insn->imm : insn->off;
}

/* Whether `distance` counts: a jump of either kind, or a local call. */
bool vmi_bpf_is_jump(const struct vmi_bpf_insn *insn);
bool vmi_bpf_is_local_call(const struct vmi_bpf_insn *insn);

/* "r1 += 5": `next` is the second half of a wide one, or NULL. */
void vmi_bpf_print(const struct vmi_bpf_insn *insn,
	const struct vmi_bpf_insn *next, char *text, size_t bytes);

/* -- Programs ----------------------------------------------------------- */

/* Memory beside the context and the stack. */
struct vmi_bpf_window {
	uint8_t *base; /* aligned to 8 bytes; used by decode only */
	uint64_t bytes;
	bool is_writable;
	const char *name;
};

#define VMI_BPF_WINDOWS_MAX 32

/*
 * What a program is made of, and what it is given: r1 is the context, whose
 * first bytes it may write to; it returns 0 to result_max.
 */
struct vmi_bpf_code {
	const struct vmi_bpf_insn *insns;
	size_t n;
	size_t entry;
	const struct vmi_bpf_window *windows;
	size_t n_windows;
	unsigned context_bytes;
	unsigned context_writable;
	unsigned result_max;
};

/* One operation. */
struct vmi_bpf_op {
	vmi_bpf_handler *run;
	uint8_t dst, src;
	int32_t off; /* of memory; or to the target, in operations */
	int64_t imm;
};

struct vmi_bpf_ops {
	struct vmi_bpf_op *all; /* to be freed with vmi_free() */
	const struct vmi_bpf_op *entry;
};

/* Operations of what the entry reaches; the code is verified.  -ENOMEM. */
int vmi_bpf_decode(const struct vmi_bpf_code *code, struct vmi_bpf_ops *ops);

/* -- Running ------------------------------------------------------------ */

/* What helpers reach: the owner of a program embeds it. */
struct vmi_bpf_host {
	uint64_t (*now)(struct vmi_bpf_host *host);
	int64_t (*irq)(struct vmi_bpf_host *host, uint64_t index,
		uint64_t level);
	int64_t (*signal)(struct vmi_bpf_host *host, uint64_t index);
	int64_t (*alarm)(struct vmi_bpf_host *host, uint64_t when);
};

enum vmi_bpf_end {
	VMI_BPF_DONE,
	VMI_BPF_NO_FUEL
};

struct vmi_bpf_frame {
	const struct vmi_bpf_op *back;
	uint64_t saved[4]; /* r6 to r9 */
};

struct vmi_bpf_run {
	uint64_t r[VMI_BPF_REGS];
	int64_t fuel;
	struct vmi_bpf_host *host;
	enum vmi_bpf_end end;
	unsigned depth;
	struct vmi_bpf_frame frames[VMI_BPF_FRAMES];
	uint64_t stack[VMI_BPF_FRAMES * VMI_BPF_STACK / 8];
};

/* With r[1], fuel and host set, from an entry; the result is in r[0]. */
enum vmi_bpf_end vmi_bpf_execute(struct vmi_bpf_run *run,
	const struct vmi_bpf_op *entry);

#endif
