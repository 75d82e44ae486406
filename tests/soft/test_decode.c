/* SPDX-License-Identifier: MIT */
/*
 * The instruction table, row by row.
 *
 * The test reads the columns of insn.def as text, makes encodings of each row
 * from them by the manual's rules and decodes these: they are the row that
 * they were made from, as long as they should be, incomplete at any shorter
 * length, LOCK is legal where the row says so, and each has a disassembly.
 * Each opcode of the one-byte and 0F maps is a row or a listed absence, and
 * exec.def lists what the rows name.
 *
 * test_decode [-v]: with -v the disassembly of every row in every mode.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/soft/insn.h"

/* The columns that an encoding is made of. */
struct columns {
	const char *map;
	unsigned opcode;
	const char *pfx, *mod, *reg, *rm, *size, *mode, *name;
	const char *op[3];
	const char *exec;
	bool also;
};

#define ABSENT(map, opcode, reason)
#define INSN(map, opcode, pfx, mod, reg, rm, size, mode, name, op1, op2, op3,  \
	exec, feature, attr, ft, fw, fu)                                       \
	{ #map, opcode, #pfx, #mod, #reg, #rm, #size, #mode, #name,            \
		{ #op1, #op2, #op3 }, #exec, false },
#define ALSO(map, opcode, pfx, mod, reg, rm, size, mode, name, op1, op2, op3,  \
	exec, feature, attr, ft, fw, fu)                                       \
	{ #map, opcode, #pfx, #mod, #reg, #rm, #size, #mode, #name,            \
		{ #op1, #op2, #op3 }, #exec, true },
static const struct columns table[] = {
#include "lib/soft/insn.def"
};
#undef INSN
#undef ALSO
#undef ABSENT

enum { ROWS = sizeof(table) / sizeof(table[0]) };

static unsigned failures;
static bool verbose;

/* An encoding under construction, and what is known of it. */
struct encoding {
	uint8_t bytes[32];
	unsigned len; /* with what follows the opcode */
	unsigned modrm_at;
	unsigned mode;
	unsigned opsize; /* before D64 and F64 */
	unsigned addrsize;
};

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static void fail(const struct columns *c, const struct encoding *e,
	const char *what, long got)
{
	failures++;
	printf("%s 0x%02X %s %s %s,%s,%s: %s (%ld), %u-bit:", c->map, c->opcode,
		c->pfx, c->name, c->op[0], c->op[1], c->op[2], what, got,
		e->mode);
	for (unsigned i = 0; i < e->len; i++)
		printf(" %02x", e->bytes[i]);
	printf("\n");
}

static bool is_legal(const struct columns *c, unsigned mode)
{
	bool long_only = is(c->mode, "O64") || is(c->mode, "O64D") ||
			 is(c->size, "o64") || is(c->size, "a64") ||
			 (is(c->mod, "_") && is(c->rm, "1"));

	if (mode == 64)
		return !is(c->mode, "I64") && !is(c->size, "a16");
	return !long_only;
}

static void put(struct encoding *e, unsigned byte)
{
	e->bytes[e->len++] = (uint8_t)byte;
}

/* Prefixes and opcode of a row in a mode, sizes by its columns. */
static void begin(const struct columns *c, unsigned mode, struct encoding *e)
{
	unsigned rex = 0;

	*e = (struct encoding){ .mode = mode };
	e->opsize = mode == 16 ? 2 : 4;
	e->addrsize = mode / 8;
	if (is(c->size, mode == 16 ? "o32" : "o16") ||
		(mode == 16 && is(c->size, "oDQ"))) {
		put(e, 0x66);
		e->opsize ^= 6;
	}
	if (is(c->size, "a32") ? mode != 32
			       : mode == 32 && is(c->size, "a16")) {
		put(e, 0x67);
		e->addrsize = mode == 32 ? 2 : 4;
	}
	if (is(c->pfx, "66")) {
		put(e, 0x66);
		e->opsize ^= 6;
	} else if (c->pfx[0] == 'F') {
		put(e, c->pfx[1] == '2' ? 0xf2 : 0xf3);
	}
	if (is(c->size, "o64")) {
		rex |= 0x48;
		e->opsize = 8;
	}
	if (is(c->mod, "_") && is(c->rm, "1"))
		rex |= 0x41;
	if (rex)
		put(e, rex);
	if (c->map[0] == '0')
		put(e, 0x0f);
	if (is(c->map, "0F38") || is(c->map, "0F3A"))
		put(e, c->map[3] == '8' ? 0x38 : 0x3a);
	put(e, c->opcode);
}

/* Bytes after ModRM that the address takes; a SIB byte of 0 is meant. */
static unsigned address_bytes(
	const struct encoding *e, unsigned mod, unsigned rm)
{
	static const uint8_t disp16[] = { 0, 1, 2, 0 };
	static const uint8_t disp32[] = { 0, 1, 4, 0 };

	if (mod == 3)
		return 0;
	if (e->addrsize == 2)
		return mod == 0 && rm == 6 ? 2 : disp16[mod];
	if (mod == 0 && rm == 5)
		return 4;
	return disp32[mod] + (rm == 4);
}

/* Bytes of the immediates, by the operands' letters. */
static unsigned immediate_bytes(
	const struct columns *c, const struct encoding *e)
{
	unsigned opsize = e->opsize;
	unsigned n = 0;

	if (e->mode == 64 &&
		(is(c->mode, "F64") ||
			(opsize == 4 && c->mode[0] && strchr(c->mode, 'D'))))
		opsize = 8;
	for (unsigned i = 0; i < 3; i++) {
		const char *op = c->op[i];

		if (is(op, "Ib") || is(op, "sIb") || is(op, "Jb"))
			n += 1;
		else if (is(op, "Iw"))
			n += 2;
		else if (is(op, "Iz") || is(op, "Jz"))
			n += opsize == 2 ? 2 : 4;
		else if (is(op, "Iv"))
			n += opsize;
		else if (is(op, "Ap"))
			n += opsize + 2;
		else if (is(op, "Ob") || is(op, "Ov"))
			n += e->addrsize;
	}
	return n;
}

static bool is_memory(const struct columns *c, unsigned mod)
{
	return !is(c->mod, "_") && mod != 3 &&
	       !(c->mod[0] == 'X' && strchr("CD", c->op[0][0]) &&
		       c->op[0][1] == 'n') &&
	       !is(c->op[0], "Rn");
}

static void check_lock(
	const struct columns *c, const struct encoding *e, bool memory)
{
	const struct vmi_row *row = &vmi_rows[c - table];
	struct encoding l = *e;
	struct vmi_insn insn;
	bool legal = memory && row->attr & VMI_A_LOCK;
	int err;

	l.bytes[0] = 0xf0;
	memcpy(l.bytes + 1, e->bytes, e->len);
	l.len++;
	if (l.len > VMI_INSN_MAX)
		return;
	err = vmi_decode(l.bytes, l.len, l.mode, &insn);
	if (err != (legal ? 0 : -EILSEQ))
		fail(c, &l, "LOCK", err);
}

static void check_text(const struct columns *c, const struct encoding *e,
	const struct vmi_insn *insn)
{
	char text[96], same[96];
	size_t n = vmi_disas(insn, 0x1000, text, sizeof(text));

	if (n >= sizeof(text) || strlen(text) != n || !strstr(text, c->name) ||
		strchr(text, '?'))
		fail(c, e, text, (long)n);
	if (vmi_disas(insn, 0x1000, same, 4) != n ||
		strlen(same) != 3 - (n < 3) ||
		strncmp(same, text, strlen(same)) != 0)
		fail(c, e, "cut short", (long)n);
	if (vmi_disas(insn, 0x1000, NULL, 0) != n)
		fail(c, e, "measured", (long)n);
}

/*
 * Decode a whole encoding. Rows before this one in its opcode may take it;
 * true when it is this row.
 */
static bool check(
	const struct columns *c, const struct encoding *e, bool memory)
{
	const struct vmi_row *row = &vmi_rows[c - table];
	struct vmi_insn insn;
	int err = vmi_decode(e->bytes, sizeof(e->bytes), e->mode, &insn);

	if (err) {
		fail(c, e, "decode", err);
		return false;
	}
	for (const struct vmi_row *r = row; r->also && insn.row != row; r--)
		if (insn.row == r - 1)
			return false;
	if (insn.row != row)
		fail(c, e, insn.row->mnemonic, insn.row - vmi_rows);
	if (insn.len != e->len)
		fail(c, e, "length", insn.len);
	for (unsigned n = 0; n < e->len; n++) {
		err = vmi_decode(e->bytes, n, e->mode, &insn);
		if (err != -EAGAIN)
			fail(c, e, "cut short", (long)n);
	}
	err = vmi_decode(e->bytes, e->len, e->mode, &insn);
	if (err || insn.mode != e->mode || insn.addrsize != e->addrsize)
		fail(c, e, "exact length", err);
	check_lock(c, e, memory);
	check_text(c, e, &insn);
	return true;
}

static bool reg_fits(const struct columns *c, unsigned reg)
{
	switch (c->reg[0]) {
	case 'X': return true;
	case 'S': return reg < 6;
	case 'T': return reg < 6 && reg != 1;
	case 'C': return reg < 5 && reg != 1;
	default: return reg == (unsigned)(c->reg[0] - '0');
	}
}

static bool modrm_fits(const struct columns *c, unsigned modrm)
{
	unsigned mod = modrm >> 6;

	if ((c->mod[0] == 'M' && mod == 3) || (c->mod[0] == 'R' && mod != 3))
		return false;
	if (c->rm[0] != 'X' && (modrm & 7) != (unsigned)(c->rm[0] - '0'))
		return false;
	return reg_fits(c, modrm >> 3 & 7);
}

/* All ModRM bytes of a row: how many were this row, by the kind of operand. */
static void check_modrm(const struct columns *c, struct encoding *e)
{
	unsigned at = e->len;
	unsigned hits[2] = { 0, 0 };

	for (unsigned modrm = 0; modrm < 256; modrm++) {
		bool memory = is_memory(c, modrm >> 6);
		unsigned extra = 0;

		if (!modrm_fits(c, modrm))
			continue;
		memset(e->bytes + at, 0, sizeof(e->bytes) - at);
		e->bytes[at] = (uint8_t)modrm;
		if (memory)
			extra = address_bytes(e, modrm >> 6, modrm & 7);
		e->len = at + 1 + extra + immediate_bytes(c, e);
		hits[memory] += check(c, e, memory);
	}
	if (is(c->mod, "M") ? !hits[1] : !hits[0])
		fail(c, e, "never decoded", 0);
}

static void check_row(const struct columns *c)
{
	for (unsigned mode = 16; mode <= 64; mode *= 2) {
		struct encoding e;
		struct vmi_insn insn;
		char text[96];

		if (!is_legal(c, mode))
			continue;
		begin(c, mode, &e);
		if (!is(c->mod, "_")) {
			check_modrm(c, &e);
		} else {
			e.len += immediate_bytes(c, &e);
			if (!check(c, &e, false))
				fail(c, &e, "never decoded", 0);
		}
		if (verbose && !vmi_decode(e.bytes, e.len, mode, &insn)) {
			vmi_disas(&insn, 0x1000, text, sizeof(text));
			printf("%2u  %s\n", mode, text);
		}
	}
}

/* A row where the mode excludes it is another row or none. */
static void check_modes(const struct columns *c)
{
	static const unsigned modes[] = { 16, 32, 64 };

	for (unsigned i = 0; i < 3; i++) {
		bool alien = modes[i] == 64 ? is(c->mode, "I64")
					    : is(c->mode, "O64") ||
						      is(c->mode, "O64D");
		struct encoding e;
		struct vmi_insn insn;

		if (!alien)
			continue;
		begin(c, modes[i], &e);
		put(&e, is(c->mod, "R") ? 0xc0 : 0);
		if (!vmi_decode(e.bytes, sizeof(e.bytes), modes[i], &insn) &&
			insn.row == &vmi_rows[c - table])
			fail(c, &e, "in the wrong mode", 0);
	}
}

/* The list of SDM 2A LOCK, of forms whose destination can be memory. */
static bool is_lockable(const struct columns *c)
{
	static const char *const names[] = { "add", "adc", "and", "btc", "btr",
		"bts", "cmpxchg", "cmpxchg8b", "cmpxchg16b", "dec", "inc",
		"neg", "not", "or", "sbb", "sub", "xor", "xadd", "xchg" };

	if (c->op[0][0] != 'E' && c->op[0][0] != 'M')
		return false;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is(c->name, names[i]))
			return true;
	return false;
}

/* SDM 2D A.2.5: near branches but for those through a far pointer. */
static bool is_near_branch(const struct columns *c)
{
	return c->op[0][0] == 'J' || is(c->name, "ret") ||
	       is(c->name, "call") || is(c->name, "jmp");
}

/* What holds between the columns of a row and those of its neighbours. */
static void check_columns(const struct columns *c)
{
	const struct vmi_row *row = &vmi_rows[c - table];
	const struct encoding none = { .mode = 0 };
	const uint32_t repeats = VMI_A_REP | VMI_A_REPZ;

	if (!is(row->mnemonic, c->name) || row->opcode != c->opcode ||
		row->also != c->also)
		fail(c, &none, "not in its place", c - table);
	if (c->also && (c == table || c[-1].opcode != c->opcode ||
			       !is(c[-1].map, c->map) ||
			       is(c[-1].mod, "_") != is(c->mod, "_")))
		fail(c, &none, "ALSO after another opcode", 0);
	if (is_lockable(c) != !!(row->attr & VMI_A_LOCK))
		fail(c, &none, "LOCK in the wrong row", 0);
	if (is_near_branch(c) && !is(c->mode, "F64"))
		fail(c, &none, "a near branch that is not F64", 0);
	if (row->attr & VMI_A_WO && row->attr & VMI_A_RW)
		fail(c, &none, "WO and RW", 0);
	if (row->attr & VMI_A_LOCK && !(row->attr & VMI_A_RW))
		fail(c, &none, "LOCK without RW", 0);
	if (row->attr & repeats && !(row->attr & VMI_A_STR))
		fail(c, &none, "REP without STR", 0);
	if (row->attr & VMI_A_FKEEP && !row->written)
		fail(c, &none, "FKEEP without flags", 0);
	if (row->written & row->undefined & VMI_F_ARITH)
		fail(c, &none, "flags written and undefined", 0);
	if (row->how == VMI_HOW_V && row->attr & VMI_A_CPL0)
		fail(c, &none, "a value operation with privilege", 0);
}

#define INSN(map, opcode, ...) { #map, opcode },
#define ALSO(map, ...)
#define ABSENT(map, opcode, reason) { #map, opcode },
static const struct {
	const char *map;
	unsigned opcode;
} cells[] = {
#include "lib/soft/insn.def"
};
#undef INSN
#undef ALSO
#undef ABSENT

/* Each opcode of the two full maps stands in the table once. */
static void check_maps(void)
{
	static const char *const maps[] = { "1", "0F" };
	unsigned counts[2][256] = { { 0 } };

	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		for (unsigned map = 0; map < 2; map++)
			counts[map][cells[i].opcode] +=
				is(cells[i].map, maps[map]);
	for (unsigned map = 0; map < 2; map++) {
		for (unsigned opcode = 0; opcode < 256; opcode++) {
			if (counts[map][opcode] == 1)
				continue;
			failures++;
			printf("map %s opcode 0x%02X: %u times\n", maps[map],
				opcode, counts[map][opcode]);
		}
	}
}

/* Absent opcodes do not decode; prefixes and escapes do with what follows. */
#define INSN(map, ...)
#define ALSO(map, ...)
#define ABSENT(map, opcode, reason) { #map, opcode, reason },
static const struct {
	const char *map;
	unsigned opcode;
	const char *reason;
} absent[] = {
#include "lib/soft/insn.def"
};
#undef INSN
#undef ALSO
#undef ABSENT

static void check_absent(void)
{
	for (unsigned i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		bool goes_on = strstr(absent[i].reason, "prefix") ||
			       strstr(absent[i].reason, "escape");
		uint8_t bytes[2] = { 0x0f, (uint8_t)absent[i].opcode };
		bool one = is(absent[i].map, "1");
		struct vmi_insn insn;
		int err = vmi_decode(bytes + one, 2u - one, 32, &insn);

		if (err == (goes_on ? -EAGAIN : -EILSEQ) &&
			strlen(absent[i].reason) > 7)
			continue;
		failures++;
		printf("absent %s 0x%02X: %d\n", absent[i].map,
			absent[i].opcode, err);
	}
}

#define EXEC(how, token) { #how, #token },
static const struct {
	const char *how, *token;
} execs[] = {
#include "lib/soft/exec.def"
};
#undef EXEC

/* exec.def against the rows; what it lacks does not compile. */
static void check_execs(void)
{
	bool used[VMI_EXEC_COUNT] = { false };

	for (unsigned i = 0; i < ROWS; i++) {
		const struct vmi_row *row = &vmi_rows[i];

		used[row->exec] = true;
		if (is(execs[row->exec].token, table[i].exec) &&
			"VHB"[row->how] == execs[row->exec].how[0])
			continue;
		failures++;
		printf("row %u: %s\n", i, table[i].exec);
	}
	for (unsigned i = 0; i < VMI_EXEC_COUNT; i++) {
		if (!used[i]) {
			failures++;
			printf("exec.def: no row for %s\n", execs[i].token);
		}
		if (i && strcmp(execs[i - 1].token, execs[i].token) >= 0) {
			failures++;
			printf("exec.def: %s out of order\n", execs[i].token);
		}
	}
}

int main(int argc, char **argv)
{
	verbose = argc > 1 && is(argv[1], "-v");
	if (vmi_nrows != ROWS) {
		printf("%zu rows, %u in the file\n", vmi_nrows, ROWS);
		return 1;
	}
	for (unsigned i = 0; i < ROWS; i++) {
		check_columns(&table[i]);
		check_row(&table[i]);
		check_modes(&table[i]);
	}
	check_maps();
	check_absent();
	check_execs();
	printf("%u rows, %u operations: %u failures\n", ROWS, VMI_EXEC_COUNT,
		failures);
	return failures != 0;
}
