/* SPDX-License-Identifier: MIT */
/* Rows of the instruction table, decoded instructions, the disassembler. */
#ifndef VMI_SOFT_INSN_H
#define VMI_SOFT_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest instruction, SDM 2A 2.3.11; a longer one is #GP. */
#define VMI_INSN_MAX 15

/* No register: a base or index that the address does not have. */
#define VMI_NOREG 0xff

/* Operands in the manual's letters. */
#define OPERAND(name, kind, size) VMI_OP_##name,
enum vmi_operand_name {
#include "operand.def"
	VMI_OP_COUNT,
	VMI_OP_FIRST_IMM = VMI_OP_Ib
};
#undef OPERAND

enum vmi_operand_kind {
	VMI_OPK_NONE,
	VMI_OPK_RM,    /* E, R: general register, or memory */
	VMI_OPK_REG,   /* G: general register by ModRM.reg */
	VMI_OPK_OPREG, /* Z: general register in the opcode */
	VMI_OPK_MEM,   /* M: memory */
	VMI_OPK_SRC,   /* X: memory at seg:rSI */
	VMI_OPK_DST,   /* Y: memory at ES:rDI */
	VMI_OPK_ACC,   /* AL, AX, EAX, RAX */
	VMI_OPK_CREG,  /* CL */
	VMI_OPK_DREG,  /* DX */
	VMI_OPK_ONE,   /* the constant 1 */
	VMI_OPK_SEG,   /* a segment register that the opcode names */
	VMI_OPK_SREG,  /* S: segment register by ModRM.reg */
	VMI_OPK_CR,
	VMI_OPK_DR,
	VMI_OPK_MM,    /* P */
	VMI_OPK_MMRM,  /* Q, N: MMX register, or memory */
	VMI_OPK_XMM,   /* V */
	VMI_OPK_XMMRM, /* W, U: XMM register, or memory */
	VMI_OPK_XMM0,
	VMI_OPK_ST0,
	VMI_OPK_STI,
	VMI_OPK_IMM,  /* zero-extended to 64 bits */
	VMI_OPK_SIMM, /* sign-extended to 64 bits */
	VMI_OPK_REL,  /* J: sign-extended distance from the next instruction */
	VMI_OPK_FAR,  /* A: imm is the offset, imm2 the selector */
	VMI_OPK_MOFFS /* O: memory at seg:disp */
};

/* Sizes that are no plain number of bytes. */
enum vmi_operand_size {
	VMI_SIZE_0 = 0,
	VMI_SIZE_B = 1,
	VMI_SIZE_W = 2,
	VMI_SIZE_D = 4,
	VMI_SIZE_Q = 8,
	VMI_SIZE_T = 10,
	VMI_SIZE_DQ = 16,
	VMI_SIZE_V = 32, /* operand size */
	VMI_SIZE_Z,	 /* operand size, 4 at most */
	VMI_SIZE_Y,	 /* 8 with REX.W, else 4 */
	VMI_SIZE_N,	 /* 8 in 64-bit mode, else 4 */
	VMI_SIZE_2V,	 /* two of the operand size */
	VMI_SIZE_P,	 /* far pointer: operand size, then 2 */
	VMI_SIZE_S	 /* pseudo descriptor: 2, then 4 or 8 in 64-bit mode */
};

struct vmi_operand {
	uint8_t kind; /* enum vmi_operand_kind */
	uint8_t size; /* enum vmi_operand_size */
};

enum vmi_map { VMI_MAP_1, VMI_MAP_0F, VMI_MAP_0F38, VMI_MAP_0F3A };

enum vmi_how { VMI_HOW_V, VMI_HOW_H, VMI_HOW_B };

#define EXEC(how, token) VMI_EXEC_##token,
enum vmi_exec {
#include "exec.def"
	VMI_EXEC_COUNT
};
#undef EXEC

/* What CPUID must report for the row to be an instruction. */
#define FEATURE(name, leaf, subleaf, reg, bit) VMI_FEAT_##name,
enum vmi_feature {
#include "feature.def"
	VMI_FEAT_COUNT
};
#undef FEATURE

/* Attributes of a row. */
#define VMI_A_LOCK   0x0001u  /* LOCK is legal with a memory destination */
#define VMI_A_WO     0x0002u  /* operand 1 is written, not read */
#define VMI_A_RW     0x0004u  /* operand 1 is read and written */
#define VMI_A_W2     0x0008u  /* operand 2 is read and written as well */
#define VMI_A_CPL0   0x0010u  /* #GP above privilege level 0 */
#define VMI_A_IOPL   0x0020u  /* depends on IOPL or the I/O permission map */
#define VMI_A_PMODE  0x0040u  /* not in real mode: see below */
#define VMI_A_STR    0x0080u  /* a string operation */
#define VMI_A_REP    0x0100u  /* F3 and F2 repeat by rCX */
#define VMI_A_REPZ   0x0200u  /* F3 and F2 repeat by rCX and ZF */
#define VMI_A_FPUOP  0x0400u  /* CR0.EM, CR0.TS: #NM; pending: #MF */
#define VMI_A_NOWAIT 0x0800u  /* but does not look at what is pending */
#define VMI_A_MMXOP  0x1000u  /* CR0.EM: #UD; CR0.TS: #NM; pending: #MF */
#define VMI_A_SSEOP  0x2000u  /* CR0.EM, CR4.OSFXSR: #UD; CR0.TS: #NM */
#define VMI_A_AL16   0x4000u  /* a 16-byte memory operand is aligned or #GP */
#define VMI_A_FKEEP  0x8000u  /* a count of 0 leaves the flags written as is */
#define VMI_A_NOMOD  0x10000u /* ModRM.mod is ignored: always a register */

/*
 * VMI_A_PMODE: SYSENTER, SYSEXIT and SYSRET are #GP in real mode, all others
 * (table registers, LAR, LSL, VERR, ARPL) #UD there and in virtual-8086 mode.
 */

/* Flags of a row, in their places in EFLAGS. */
#define VMI_F_C	    0x0001u
#define VMI_F_P	    0x0004u
#define VMI_F_A	    0x0010u
#define VMI_F_Z	    0x0040u
#define VMI_F_S	    0x0080u
#define VMI_F_I	    0x0200u
#define VMI_F_D	    0x0400u
#define VMI_F_O	    0x0800u
#define VMI_F_ARITH 0x08d5u
#define VMI_F_ALL   0xffffu /* these and the system flags: it is POPF's */

struct vmi_row {
	uint32_t fits;	 /* the encodings it is for; private to the decoder */
	uint32_t attr;	 /* VMI_A_x */
	uint16_t exec;	 /* enum vmi_exec */
	uint16_t tested; /* VMI_F_x */
	uint16_t written;
	uint16_t undefined;
	uint8_t map; /* enum vmi_map */
	uint8_t opcode;
	uint8_t how;	 /* enum vmi_how */
	uint8_t feature; /* enum vmi_feature */
	uint8_t op[3];	 /* enum vmi_operand_name */
	uint8_t wide;	 /* operand size in 64-bit mode: enum vmi_wide */
	bool has_modrm;
	bool also; /* the same opcode as the row before */
	char mnemonic[16];
};

enum vmi_wide { VMI_WIDE_NO, VMI_WIDE_DEFAULT, VMI_WIDE_FORCED };

extern const struct vmi_row vmi_rows[];
extern const size_t vmi_nrows;
extern const struct vmi_operand vmi_operands[VMI_OP_COUNT];

/* Prefixes of an instruction. Of F2 and F3 only the last is reported. */
#define VMI_PFX_66   0x001u
#define VMI_PFX_67   0x002u
#define VMI_PFX_F2   0x004u
#define VMI_PFX_F3   0x008u
#define VMI_PFX_LOCK 0x010u
#define VMI_PFX_REX  0x020u /* effective: the last byte before the opcode */
#define VMI_PFX_B    0x100u
#define VMI_PFX_X    0x200u
#define VMI_PFX_R    0x400u
#define VMI_PFX_W    0x800u

enum vmi_seg { VMI_ES, VMI_CS, VMI_SS, VMI_DS, VMI_FS, VMI_GS };

struct vmi_insn {
	const struct vmi_row *row;
	int64_t disp; /* sign-extended; zero-extended for MOFFS */
	uint64_t imm;
	uint64_t imm2;	   /* ENTER's level, a far pointer's selector */
	uint16_t prefixes; /* VMI_PFX_x */
	uint8_t len;
	uint8_t mode;	  /* 16, 32 or 64 */
	uint8_t opsize;	  /* 2, 4 or 8, with D64 and F64 applied */
	uint8_t addrsize; /* 2, 4 or 8 */
	uint8_t seg;	  /* enum vmi_seg of the memory operand (not of Y) */
	uint8_t opcode;
	uint8_t modrm;
	uint8_t mod;   /* 3 when the operand is a register */
	uint8_t reg;   /* with REX.R where it extends this operand */
	uint8_t rm;    /* with REX.B, likewise */
	uint8_t opreg; /* low bits of the opcode with REX.B */
	uint8_t base;  /* a register or VMI_NOREG */
	uint8_t index;
	uint8_t scale; /* 1, 2, 4 or 8 */
	bool has_modrm;
	bool rip_relative; /* disp counts from the next instruction */
	bool seg_override; /* seg is not the default */
};

/*
 * Decode the instruction at bytes[0..avail) in a mode of 16, 32 or 64 bits.
 *
 * Returns 0; -EAGAIN when it goes on after the bytes that are there; -EILSEQ
 * when it is none (#UD); -E2BIG when it is longer than 15 bytes (#GP). *out
 * is valid only after 0.
 */
int vmi_decode(const uint8_t *bytes, size_t avail, unsigned mode,
	struct vmi_insn *out);

/* What is decoded, for a processor that lacks some features. */
struct vmi_code {
	const uint8_t *bytes;
	size_t avail;
	unsigned mode;
	uint64_t hidden; /* a bit for each enum vmi_feature */
};

int vmi_decode_code(const struct vmi_code *code, struct vmi_insn *out);

/* Bytes of operand i (0-2) of a decoded instruction; 0 for none or "M". */
unsigned vmi_operand_bytes(const struct vmi_insn *insn, unsigned i);

/*
 * Whether n (reg, rm or opreg) names AH, CH, DH or BH as a byte operand
 * (register n - 4, bits 15:8): without a REX prefix 4 to 7 do.
 */
static inline bool vmi_reg8_is_high(const struct vmi_insn *insn, unsigned n)
{
	return n >= 4 && n < 8 && !(insn->prefixes & VMI_PFX_REX);
}

/*
 * Print in Intel syntax, as snprintf does: at most n bytes with the final
 * zero, and the length it would have had is returned.
 */
size_t vmi_disas(
	const struct vmi_insn *insn, uint64_t rip, char *buf, size_t n);

#endif
