/* SPDX-License-Identifier: MIT */
/*
 * The x86 instruction decoder.
 *
 * Prefixes, then the opcode, which picks a cell: the first row of its opcode,
 * by a constant table that the compiler makes out of insn.def. A row says
 * what it is for as a set of bits, one field per property (mandatory prefix,
 * memory or register, sizes, mode, ModRM.reg, ModRM.rm); the instruction has
 * exactly one bit in each field; a row fits when none of them is missing from
 * its set. The rows of a cell are tried in order. The row then says how wide
 * operands are and which immediates follow.
 *
 * Which prefixes count (SDM 2A 2.1.1, 2.2.1; APM 3 1.2):
 * - Of several segment overrides the last counts. In 64-bit mode those of
 *   ES, CS, SS and DS are null prefixes: they do not undo one of FS or GS.
 * - Of F2 and F3 the last counts, and either hides 66 as a mandatory prefix.
 *   66 then still sets the operand size (66 F3 0F B8 is POPCNT of 16 bits).
 * - REX counts only right before the opcode, and REX.W wins over 66.
 * - Near branches in 64-bit mode ignore 66, as Intel's processors do; AMD's
 *   truncate RIP. The processor presented is Intel's.
 *
 * VEX, EVEX, XOP and 3DNow! are not built: C4, C5 and 62 have rows only for
 * LES, LDS and BOUND, 8F only for POP, so that the rest is #UD.
 *
 * When bytes run out the answer is "more" before any judgement on what is
 * there: a page fault of the fetch comes before #UD (SDM 3A 6.9, table 6-2).
 * Only an opcode without any row is refused at once.
 */
#include <errno.h>
#include <string.h>

#include "insn.h"

/* Columns of insn.def as fields of vmi_row.fits. */
enum {
	PFX_SHIFT = 0,
	PFX_NP = 1,
	PFX_66 = 2,
	PFX_F3 = 4,
	PFX_F2 = 8,
	PFX_n6 = PFX_NP | PFX_66,
	PFX___ = 15,

	MOD_SHIFT = 4,
	MOD_M = 1,
	MOD_R = 2,
	MOD_X = 3,
	MOD__ = 3,

	SIZE_SHIFT = 6,
	SIZE_o = 7,	 /* all operand sizes */
	SIZE_a = 7 << 3, /* all address sizes */
	SIZE_o16 = SIZE_a | 1,
	SIZE_o32 = SIZE_a | 2,
	SIZE_o64 = SIZE_a | 4,
	SIZE_oWD = SIZE_a | 3,
	SIZE_oDQ = SIZE_a | 6,
	SIZE_a16 = SIZE_o | 1 << 3,
	SIZE_a32 = SIZE_o | 2 << 3,
	SIZE_a64 = SIZE_o | 4 << 3,
	SIZE__ = SIZE_o | SIZE_a,

	MODE_SHIFT = 12,
	MODE_I64 = 1,
	MODE_O64 = 2,
	MODE_O64D = 2,
	MODE_D64 = 3,
	MODE_F64 = 3,
	MODE__ = 3,

	WIDE_I64 = VMI_WIDE_NO,
	WIDE_O64 = VMI_WIDE_NO,
	WIDE_O64D = VMI_WIDE_DEFAULT,
	WIDE_D64 = VMI_WIDE_DEFAULT,
	WIDE_F64 = VMI_WIDE_FORCED,
	WIDE__ = VMI_WIDE_NO,

	REG_SHIFT = 14,
	REG_0 = 1 << 0,
	REG_1 = 1 << 1,
	REG_2 = 1 << 2,
	REG_3 = 1 << 3,
	REG_4 = 1 << 4,
	REG_5 = 1 << 5,
	REG_6 = 1 << 6,
	REG_7 = 1 << 7,
	REG_S = 0x3f,
	REG_T = 0x3d,
	REG_C = 0x1d,
	REG_X = 0xff,
	REG__ = 0xff,

	RM_SHIFT = 22,
	RM_0 = 1 << 0,
	RM_1 = 1 << 1,
	RM_2 = 1 << 2,
	RM_3 = 1 << 3,
	RM_4 = 1 << 4,
	RM_5 = 1 << 5,
	RM_6 = 1 << 6,
	RM_7 = 1 << 7,
	RM_X = 0xff,
	RM__ = 0xff
};

/* Whether a row has a ModRM byte. */
enum { HAS_M = 1, HAS_R = 1, HAS_X = 1, HAS__ = 0 };

/* The attribute column. */
enum {
	LOCK = VMI_A_LOCK,
	WO = VMI_A_WO,
	RW = VMI_A_RW,
	W2 = VMI_A_W2,
	CPL0 = VMI_A_CPL0,
	IOPL = VMI_A_IOPL,
	PMODE = VMI_A_PMODE,
	STR = VMI_A_STR,
	REP = VMI_A_REP,
	REPZ = VMI_A_REPZ,
	FPUOP = VMI_A_FPUOP,
	NOWAIT = VMI_A_NOWAIT,
	MMXOP = VMI_A_MMXOP,
	SSEOP = VMI_A_SSEOP,
	AL16 = VMI_A_AL16,
	FKEEP = VMI_A_FKEEP,
	NOMOD = VMI_A_NOMOD
};

/* The flag columns: those sets of flags that occur. */
enum {
	F__ = 0,
	F_O = VMI_F_O,
	F_S = VMI_F_S,
	F_Z = VMI_F_Z,
	F_A = VMI_F_A,
	F_P = VMI_F_P,
	F_C = VMI_F_C,
	F_D = VMI_F_D,
	F_I = VMI_F_I,
	F_AC = F_A | F_C,
	F_OC = F_O | F_C,
	F_OS = F_O | F_S,
	F_ZC = F_Z | F_C,
	F_OAC = F_O | F_A | F_C,
	F_OSZ = F_O | F_S | F_Z,
	F_SZP = F_S | F_Z | F_P,
	F_OSZP = F_O | F_SZP,
	F_OSAP = F_O | F_S | F_A | F_P,
	F_OSAPC = F_OSAP | F_C,
	F_SZAP = F_SZP | F_A,
	F_SZAPC = F_SZAP | F_C,
	F_OSZPC = F_OSZP | F_C,
	F_OSZAP = F_O | F_SZAP,
	F_OSZAPC = F_OSZAP | F_C,
	F_ALL = VMI_F_ALL
};

/* The kind of each operation, by exec.def. */
#define EXEC(how, token) HOW_##token = VMI_HOW_##how,
enum {
#include "exec.def"
	HOW_SENTINEL
};
#undef EXEC

#define FITS(pfx, mod, reg, rm, size, mode)                                    \
	((uint32_t)PFX_##pfx << PFX_SHIFT | (uint32_t)MOD_##mod << MOD_SHIFT | \
		(uint32_t)SIZE_##size << SIZE_SHIFT |                          \
		(uint32_t)MODE_##mode << MODE_SHIFT |                          \
		(uint32_t)REG_##reg << REG_SHIFT |                             \
		(uint32_t)RM_##rm << RM_SHIFT)

#define ROW(map_, opcode_, pfx, mod, reg, rm, size, mode, name, op1, op2, op3, \
	exec_, feature_, attr_, ft, fw, fu, also_)                             \
	{ .fits = FITS(pfx, mod, reg, rm, size, mode),                         \
		.attr = (attr_),                                               \
		.exec = VMI_EXEC_##exec_,                                      \
		.tested = F_##ft,                                              \
		.written = F_##fw,                                             \
		.undefined = F_##fu,                                           \
		.map = VMI_MAP_##map_,                                         \
		.opcode = (opcode_),                                           \
		.how = HOW_##exec_,                                            \
		.feature = VMI_FEAT_##feature_,                                \
		.op = { VMI_OP_##op1, VMI_OP_##op2, VMI_OP_##op3 },            \
		.wide = WIDE_##mode,                                           \
		.has_modrm = HAS_##mod,                                        \
		.also = (also_),                                               \
		.mnemonic = #name },

#define INSN(map, opcode, pfx, mod, reg, rm, size, mode, name, op1, op2, op3,  \
	exec, feature, attr, ft, fw, fu)                                       \
	ROW(map, opcode, pfx, mod, reg, rm, size, mode, name, op1, op2, op3,   \
		exec, feature, attr, ft, fw, fu, false)
#define ALSO(map, opcode, pfx, mod, reg, rm, size, mode, name, op1, op2, op3,  \
	exec, feature, attr, ft, fw, fu)                                       \
	ROW(map, opcode, pfx, mod, reg, rm, size, mode, name, op1, op2, op3,   \
		exec, feature, attr, ft, fw, fu, true)
#define ABSENT(map, opcode, reason)
/* The last entry ends the last opcode. */
const struct vmi_row vmi_rows[] = {
#include "insn.def"
	{ .also = false }
};
#undef INSN
#undef ALSO

const size_t vmi_nrows = sizeof(vmi_rows) / sizeof(vmi_rows[0]) - 1;

/* Number the rows, naming the first of each opcode. */
#define NUMBER_LINE(line)      ROW_AT_##line,
#define NUMBER(line)	       NUMBER_LINE(line)
#define INSN(map, opcode, ...) CELL_##map##_##opcode,
#define ALSO(map, ...)	       NUMBER(__LINE__)
enum {
#include "insn.def"
	ROW_COUNT
};
#undef INSN
#undef ALSO

/* One more than the number of an opcode's first row; 0 where there is none. */
#define INSN(map, opcode, ...)                                                 \
	[VMI_MAP_##map][opcode] = CELL_##map##_##opcode + 1,
#define ALSO(map, ...)
static const uint16_t cells[4][256] = {
#include "insn.def"
};
#undef INSN
#undef ALSO
#undef ABSENT

#define OPERAND(name, kind, size) { VMI_OPK_##kind, VMI_SIZE_##size },
const struct vmi_operand vmi_operands[VMI_OP_COUNT] = {
#include "operand.def"
};
#undef OPERAND

/* The bytes of an instruction, read to the end of what is there. */
struct fetch {
	const uint8_t *bytes;
	unsigned pos;
	unsigned limit; /* VMI_INSN_MAX at most */
};

/* The answer when bytes run out. */
static int fetch_end(const struct fetch *f)
{
	return f->limit == VMI_INSN_MAX ? -E2BIG : -EAGAIN;
}

static int fetch_byte(struct fetch *f, uint8_t *byte)
{
	if (f->pos >= f->limit)
		return fetch_end(f);
	*byte = f->bytes[f->pos++];
	return 0;
}

/* A little-endian number of size bytes (1 to 8). */
static int fetch_number(struct fetch *f, unsigned size, uint64_t *value)
{
	uint64_t v = 0;

	if (f->limit - f->pos < size)
		return fetch_end(f);
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)f->bytes[f->pos + i] << (8 * i);
	f->pos += size;
	*value = v;
	return 0;
}

static uint64_t sign_extend(uint64_t value, unsigned size)
{
	uint64_t sign = (uint64_t)1 << (8 * size - 1);

	return size == 8 ? value : (value ^ sign) - sign;
}

static int fetch_signed(struct fetch *f, unsigned size, uint64_t *value)
{
	int err = fetch_number(f, size, value);

	if (!err)
		*value = sign_extend(*value, size);
	return err;
}

static void set_segment(struct vmi_insn *insn, unsigned seg)
{
	if (insn->mode == 64 && seg < VMI_FS)
		return;
	insn->seg = seg;
	insn->seg_override = true;
}

/* Take a byte as a legacy prefix; false when it is none. */
static bool legacy_prefix(struct vmi_insn *insn, uint8_t byte)
{
	switch (byte) {
	case 0x26: set_segment(insn, VMI_ES); break;
	case 0x2e: set_segment(insn, VMI_CS); break;
	case 0x36: set_segment(insn, VMI_SS); break;
	case 0x3e: set_segment(insn, VMI_DS); break;
	case 0x64: set_segment(insn, VMI_FS); break;
	case 0x65: set_segment(insn, VMI_GS); break;
	case 0x66: insn->prefixes |= VMI_PFX_66; break;
	case 0x67: insn->prefixes |= VMI_PFX_67; break;
	case 0xf0: insn->prefixes |= VMI_PFX_LOCK; break;
	case 0xf2:
		insn->prefixes &= (uint16_t)~VMI_PFX_F3;
		insn->prefixes |= VMI_PFX_F2;
		break;
	case 0xf3:
		insn->prefixes &= (uint16_t)~VMI_PFX_F2;
		insn->prefixes |= VMI_PFX_F3;
		break;
	default: return false;
	}
	return true;
}

/* Prefixes; the byte after them is in *byte. */
static int decode_prefixes(
	struct fetch *f, struct vmi_insn *insn, uint8_t *byte)
{
	unsigned rex = 0;

	for (;;) {
		int err = fetch_byte(f, byte);

		if (err)
			return err;
		if (insn->mode == 64 && (*byte & 0xf0) == 0x40)
			rex = *byte;
		else if (legacy_prefix(insn, *byte))
			rex = 0;
		else
			break;
	}
	if (rex)
		insn->prefixes |= (uint16_t)(VMI_PFX_REX | (rex & 15) << 8);
	return 0;
}

/* Operand and address size by mode and prefixes. */
static void decode_sizes(struct vmi_insn *insn)
{
	bool other = insn->prefixes & VMI_PFX_66;

	if (insn->mode == 64) {
		insn->opsize = other ? 2 : 4;
		if (insn->prefixes & VMI_PFX_W)
			insn->opsize = 8;
		insn->addrsize = insn->prefixes & VMI_PFX_67 ? 4 : 8;
		return;
	}
	insn->opsize = other == (insn->mode == 16) ? 4 : 2;
	other = insn->prefixes & VMI_PFX_67;
	insn->addrsize = other == (insn->mode == 16) ? 4 : 2;
}

/* The opcode from its first byte on: the first row of its cell. */
static int decode_opcode(struct fetch *f, struct vmi_insn *insn, uint8_t byte,
	const struct vmi_row **row)
{
	unsigned map = VMI_MAP_1;
	int err = 0;

	if (byte == 0x0f) {
		map = VMI_MAP_0F;
		err = fetch_byte(f, &byte);
		if (!err && (byte == 0x38 || byte == 0x3a)) {
			map = byte == 0x38 ? VMI_MAP_0F38 : VMI_MAP_0F3A;
			err = fetch_byte(f, &byte);
		}
	}
	if (err)
		return err;
	insn->opcode = byte;
	insn->opreg = (byte & 7) | (insn->prefixes & VMI_PFX_B ? 8 : 0);
	if (!cells[map][byte])
		return -EILSEQ;
	*row = &vmi_rows[cells[map][byte] - 1];
	return 0;
}

static int decode_modrm(struct fetch *f, struct vmi_insn *insn)
{
	int err = fetch_byte(f, &insn->modrm);

	if (err)
		return err;
	insn->has_modrm = true;
	insn->mod = insn->modrm >> 6;
	insn->reg =
		(insn->modrm >> 3 & 7) | (insn->prefixes & VMI_PFX_R ? 8 : 0);
	insn->rm = (insn->modrm & 7) | (insn->prefixes & VMI_PFX_B ? 8 : 0);
	return 0;
}

/* What the instruction is, one bit in each field of vmi_row.fits. */
static uint32_t properties(const struct vmi_insn *insn)
{
	uint32_t pfx = PFX_NP;
	uint32_t mod = MOD_M;
	unsigned reg = 0;
	unsigned rm = insn->opreg >> 3;

	if (insn->prefixes & VMI_PFX_F3)
		pfx = PFX_F3;
	else if (insn->prefixes & VMI_PFX_F2)
		pfx = PFX_F2;
	else if (insn->prefixes & VMI_PFX_66)
		pfx = PFX_66;
	if (insn->has_modrm) {
		mod = insn->mod == 3 ? MOD_R : MOD_M;
		reg = insn->modrm >> 3 & 7;
		rm = insn->modrm & 7;
	}
	return pfx << PFX_SHIFT | mod << MOD_SHIFT |
	       (uint32_t)(insn->opsize >> 1) << SIZE_SHIFT |
	       (uint32_t)(insn->addrsize >> 1) << (SIZE_SHIFT + 3) |
	       (uint32_t)(insn->mode == 64 ? MODE_O64 : MODE_I64)
		       << MODE_SHIFT |
	       (uint32_t)1 << (REG_SHIFT + reg) |
	       (uint32_t)1 << (RM_SHIFT + rm);
}

/*
 * The row of the cell that fits, of those that the processor has: LZCNT is
 * BSR without the feature, SDM 2A.
 */
static int choose_row(struct vmi_insn *insn, const struct vmi_row *row,
	uint64_t hidden)
{
	uint32_t has = properties(insn);

	do {
		if (!(has & ~row->fits) && !(hidden >> row->feature & 1)) {
			insn->row = row;
			return 0;
		}
		row++;
	} while (row->also);
	return -EILSEQ;
}

/* Registers that REX does not extend, and those that do not exist. */
static int check_registers(struct vmi_insn *insn)
{
	const struct vmi_row *row = insn->row;

	if (row->attr & VMI_A_NOMOD)
		insn->mod = 3;
	for (unsigned i = 0; i < 2; i++) {
		switch (vmi_operands[row->op[i]].kind) {
		case VMI_OPK_SREG:
		case VMI_OPK_MM: insn->reg &= 7; break;
		case VMI_OPK_MMRM:
		case VMI_OPK_STI:
			if (insn->mod == 3)
				insn->rm &= 7;
			break;
		case VMI_OPK_CR:
			/* SDM 2B, MOV to control registers: CR8 alone. */
			if (insn->reg > 8)
				return -EILSEQ;
			break;
		case VMI_OPK_DR:
			if (insn->reg > 7)
				return -EILSEQ;
			break;
		default: break;
		}
	}
	return 0;
}

/* SDM 2A 2.1.5, table 2-1. */
static int decode_address16(struct fetch *f, struct vmi_insn *insn)
{
	enum { BX = 3, BP = 5, SI = 6, DI = 7 };
	static const uint8_t base[8] = { BX, BX, BP, BP, SI, DI, BP, BX };
	static const uint8_t index[8] = { SI, DI, SI, DI, VMI_NOREG, VMI_NOREG,
		VMI_NOREG, VMI_NOREG };
	unsigned rm = insn->modrm & 7;
	unsigned size = insn->mod;
	uint64_t disp = 0;
	int err = 0;

	if (insn->mod == 0 && rm == 6)
		size = 2;
	else
		insn->base = base[rm];
	insn->index = index[rm];
	if (size)
		err = fetch_signed(f, size, &disp);
	insn->disp = (int64_t)disp;
	if (insn->base == BP && !insn->seg_override)
		insn->seg = VMI_SS;
	return err;
}

/* SDM 2A 2.1.5, table 2-3. */
static int decode_sib(struct fetch *f, struct vmi_insn *insn)
{
	uint8_t sib;
	int err = fetch_byte(f, &sib);

	if (err)
		return err;
	insn->base = (sib & 7) | (insn->prefixes & VMI_PFX_B ? 8 : 0);
	insn->index = (sib >> 3 & 7) | (insn->prefixes & VMI_PFX_X ? 8 : 0);
	insn->scale = (uint8_t)(1u << (sib >> 6));
	if (insn->index == 4)
		insn->index = VMI_NOREG;
	if (insn->mod == 0 && (sib & 7) == 5)
		insn->base = VMI_NOREG;
	return 0;
}

/* SDM 2A 2.1.5, table 2-2, and 2.2.1.6 for what is relative to RIP. */
static int decode_address32(struct fetch *f, struct vmi_insn *insn)
{
	unsigned size = insn->mod == 2 ? 4 : insn->mod;
	uint64_t disp = 0;
	int err = 0;

	if ((insn->modrm & 7) == 4) {
		err = decode_sib(f, insn);
		if (err)
			return err;
		if (insn->mod == 0 && insn->base == VMI_NOREG)
			size = 4;
	} else if (insn->mod == 0 && (insn->modrm & 7) == 5) {
		size = 4;
		insn->rip_relative = insn->mode == 64;
	} else {
		insn->base = insn->rm;
	}
	if (size)
		err = fetch_signed(f, size, &disp);
	insn->disp = (int64_t)disp;
	if ((insn->base == 4 || insn->base == 5) && !insn->seg_override)
		insn->seg = VMI_SS;
	return err;
}

static unsigned plain_size(const struct vmi_insn *insn, unsigned size)
{
	switch (size) {
	case VMI_SIZE_V: return insn->opsize;
	case VMI_SIZE_Z: return insn->opsize == 2 ? 2 : 4;
	case VMI_SIZE_Y: return insn->prefixes & VMI_PFX_W ? 8 : 4;
	case VMI_SIZE_N: return insn->mode == 64 ? 8 : 4;
	case VMI_SIZE_2V: return insn->opsize * 2u;
	case VMI_SIZE_P: return insn->opsize + 2u;
	case VMI_SIZE_S: return insn->mode == 64 ? 10 : 6;
	default: return size;
	}
}

unsigned vmi_operand_bytes(const struct vmi_insn *insn, unsigned i)
{
	return plain_size(insn, vmi_operands[insn->row->op[i]].size);
}

/* The bytes of one operand that follow the address. */
static int decode_immediate(
	struct fetch *f, struct vmi_insn *insn, unsigned op, uint64_t *value)
{
	const struct vmi_operand *operand = &vmi_operands[op];
	unsigned size = plain_size(insn, operand->size);
	uint64_t disp;
	int err;

	switch (operand->kind) {
	case VMI_OPK_SIMM:
	case VMI_OPK_REL: return fetch_signed(f, size, value);
	case VMI_OPK_FAR:
		err = fetch_number(f, insn->opsize, &insn->imm);
		return err ? err : fetch_number(f, 2, &insn->imm2);
	case VMI_OPK_MOFFS:
		err = fetch_number(f, insn->addrsize, &disp);
		if (!err)
			insn->disp = (int64_t)disp;
		return err;
	default: return fetch_number(f, size, value);
	}
}

static int decode_immediates(struct fetch *f, struct vmi_insn *insn)
{
	uint64_t *value = &insn->imm;
	int err = 0;

	for (unsigned i = 0; i < 3 && !err; i++) {
		unsigned op = insn->row->op[i];

		if (op < VMI_OP_FIRST_IMM)
			continue;
		err = decode_immediate(f, insn, op, value);
		value = &insn->imm2;
	}
	return err;
}

/* SDM 2A 2.2.1.7, 2D A.2.5: what 64-bit mode makes of the operand size. */
static void widen(struct vmi_insn *insn)
{
	if (insn->mode != 64 || insn->row->wide == VMI_WIDE_NO)
		return;
	if (insn->row->wide == VMI_WIDE_FORCED || insn->opsize == 4)
		insn->opsize = 8;
}

/* What follows the opcode, once the row is known. */
static int decode_operands(struct fetch *f, struct vmi_insn *insn)
{
	int err = check_registers(insn);

	if (err)
		return err;
	widen(insn);
	if (insn->has_modrm && insn->mod != 3)
		err = insn->addrsize == 2 ? decode_address16(f, insn)
					  : decode_address32(f, insn);
	if (!err)
		err = decode_immediates(f, insn);
	if (err)
		return err;
	/* SDM 2A, LOCK: only these, and only with a memory destination. */
	if (insn->prefixes & VMI_PFX_LOCK &&
		(!(insn->row->attr & VMI_A_LOCK) || insn->mod == 3))
		return -EILSEQ;
	return 0;
}

int vmi_decode_code(const struct vmi_code *code, struct vmi_insn *out)
{
	struct fetch f = {
		.bytes = code->bytes,
		.limit = code->avail < VMI_INSN_MAX ? (unsigned)code->avail :
						      VMI_INSN_MAX,
	};
	const struct vmi_row *row;
	uint8_t byte;
	int err;

	*out = (struct vmi_insn){
		.mode = (uint8_t)code->mode,
		.seg = VMI_DS,
		.base = VMI_NOREG,
		.index = VMI_NOREG,
		.scale = 1,
	};
	err = decode_prefixes(&f, out, &byte);
	if (err)
		return err;
	decode_sizes(out);
	err = decode_opcode(&f, out, byte, &row);
	if (!err && row->has_modrm)
		err = decode_modrm(&f, out);
	if (!err)
		err = choose_row(out, row, code->hidden);
	if (!err)
		err = decode_operands(&f, out);
	out->len = (uint8_t)f.pos;
	return err;
}

int vmi_decode(
	const uint8_t *bytes, size_t avail, unsigned mode, struct vmi_insn *out)
{
	struct vmi_code code = { bytes, avail, mode, 0 };

	return vmi_decode_code(&code, out);
}
