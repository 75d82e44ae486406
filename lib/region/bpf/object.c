/* SPDX-License-Identifier: MIT */
/*
 * Object files of device programs.
 *
 * A relocatable ELF file of 64 bits, little-endian, for EM_BPF.  Code of all
 * sections is put together, and its relocations done: a call of a function
 * (R_BPF_64_32), the address of a variable (R_BPF_64_64), which becomes a
 * place in a window.  A section with variables is a window of the program's
 * own; each variable in the section "vmapi/window" is one that the
 * application gives.
 *
 * Nothing in the file is believed: every offset and length is looked at
 * before it is used.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/region/bpf/object.h"
#include "lib/sys/sys.h"

/* System V ABI, gABI 4.1: the numbers of ELF that matter here. */
#define EHDR_BYTES  64
#define SHDR_BYTES  64
#define SYM_BYTES   24
#define REL_BYTES   16
#define ET_REL	    1
#define EM_BPF	    247
#define SHT_PROGBITS 1
#define SHT_SYMTAB  2
#define SHT_RELA    4
#define SHT_NOBITS  8
#define SHT_REL	    9
#define SHF_WRITE   1
#define SHF_ALLOC   2
#define SHF_EXEC    4
#define STT_OBJECT  1
#define STT_FUNC    2
#define STT_SECTION 3

/* LLVM's BPF back end. */
#define R_BPF_64_64 1
#define R_BPF_64_32 10

#define SECTIONS_MAX 256
#define WINDOW_MAX   (1u << 20)

struct section {
	char name[48];
	uint64_t flags, offset, bytes, entry_bytes;
	uint32_t type, link, info;
	bool is_code;
	size_t first; /* of code: its first instruction */
	int window;   /* of variables; -1: none, or one for each of them */
};

struct symbol {
	char name[48];
	uint64_t value, bytes;
	unsigned type, section;
	int window; /* given by the application, or -1 */
};

struct reader {
	struct vmi_bpf_object *object;
	const uint8_t *image;
	size_t bytes;
	char *why;
	struct section *sections;
	size_t n_sections;
	struct symbol *symbols;
	size_t n_symbols;
};

static int bad(struct reader *r, const char *format, ...) vmi_printf(2, 3);

static int bad(struct reader *r, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(r->why, 160, format, list);
	va_end(list);
	return -ENOEXEC;
}

/* -- Bytes -------------------------------------------------------------- */

static bool has(const struct reader *r, uint64_t at, uint64_t bytes)
{
	return at <= r->bytes && bytes <= r->bytes - at;
}

/* At a place that has been looked at. */
static uint64_t get(const struct reader *r, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | r->image[at + bytes];
	return v;
}

/* From a table of strings; what is too long is cut, what is outside empty. */
static void get_name(const struct reader *r, const struct section *table,
	uint64_t at, char name[48])
{
	size_t n = 0;

	for (; n < 47 && at + n < table->bytes; n++) {
		name[n] = (char)r->image[table->offset + at + n];
		if (!name[n])
			break;
	}
	name[n] = '\0';
}

/* -- Sections ----------------------------------------------------------- */

static int read_header(struct reader *r, uint64_t *table, size_t *names)
{
	static const uint8_t magic[] = { 0x7f, 'E', 'L', 'F', 2 };

	if (!has(r, 0, EHDR_BYTES) || memcmp(r->image, magic, sizeof(magic)))
		return bad(r, "it is no ELF file of 64 bits");
	if (r->image[5] != 1)
		return bad(r, "it is big-endian: device programs are "
			"compiled with -target bpfel");
	if (get(r, 16, 2) != ET_REL || get(r, 18, 2) != EM_BPF)
		return bad(r, "it is no object file of clang -target bpf");
	*table = get(r, 40, 8);
	r->n_sections = get(r, 60, 2);
	*names = get(r, 62, 2);
	if (get(r, 58, 2) != SHDR_BYTES || r->n_sections > SECTIONS_MAX ||
		*names >= r->n_sections ||
		!has(r, *table, r->n_sections * SHDR_BYTES))
		return bad(r, "its sections are not where it says");
	return 0;
}

static int read_section(struct reader *r, struct section *s, uint64_t at)
{
	s->type = (uint32_t)get(r, at + 4, 4);
	s->flags = get(r, at + 8, 8);
	s->offset = get(r, at + 24, 8);
	s->bytes = get(r, at + 32, 8);
	s->link = (uint32_t)get(r, at + 40, 4);
	s->info = (uint32_t)get(r, at + 44, 4);
	s->entry_bytes = get(r, at + 56, 8);
	s->window = -1;
	if (!s->type)
		s->bytes = 0;
	else if (s->type != SHT_NOBITS && !has(r, s->offset, s->bytes))
		return bad(r, "a section reaches beyond the file");
	return 0;
}

static int read_sections(struct reader *r)
{
	uint64_t table = 0;
	size_t names = 0, i;
	int err = read_header(r, &table, &names);

	if (err)
		return err;
	r->sections = vmi_calloc(r->n_sections, sizeof(*r->sections));
	if (!r->sections)
		return -ENOMEM;
	for (i = 0; i < r->n_sections && !err; i++)
		err = read_section(r, &r->sections[i], table + i * SHDR_BYTES);
	if (!err && r->sections[names].type == SHT_NOBITS)
		err = bad(r, "its sections have no names");
	for (i = 0; i < r->n_sections && !err; i++)
		get_name(r, &r->sections[names],
			get(r, table + i * SHDR_BYTES, 4),
			r->sections[i].name);
	return err;
}

/* -- Code --------------------------------------------------------------- */

static void note_entry(struct reader *r, const struct section *s)
{
	static const char *const names[VMI_BPF_ENTRIES] = { "vmapi/read",
		"vmapi/write", "vmapi/alarm" };
	unsigned i;

	for (i = 0; i < VMI_BPF_ENTRIES; i++)
		if (!strcmp(s->name, names[i]))
			r->object->entry[i] = s->first;
}

static int place_code(struct reader *r)
{
	struct vmi_bpf_object *o = r->object;
	size_t i, k;

	for (i = 0; i < r->n_sections; i++) {
		struct section *s = &r->sections[i];

		if (s->type != SHT_PROGBITS || !(s->flags & SHF_EXEC) ||
			!s->bytes)
			continue;
		if (s->bytes % 8)
			return bad(r, "section %s is cut off", s->name);
		s->is_code = true;
		s->first = o->n;
		o->n += s->bytes / 8;
		note_entry(r, s);
	}
	if (!o->n || o->n > VMI_BPF_INSNS_MAX)
		return bad(r, "it has %zu instructions, not 1 to %d", o->n,
			VMI_BPF_INSNS_MAX);
	o->insns = vmi_calloc(o->n, sizeof(*o->insns));
	if (!o->insns)
		return -ENOMEM;
	for (i = 0; i < r->n_sections; i++) {
		const struct section *s = &r->sections[i];

		for (k = 0; s->is_code && k < s->bytes / 8; k++)
			o->insns[s->first + k] =
				vmi_bpf_fetch(r->image + s->offset + 8 * k);
	}
	return 0;
}

/* -- Variables ---------------------------------------------------------- */

static int want(struct reader *r, const struct vmi_bpf_want *w, int *number)
{
	struct vmi_bpf_object *o = r->object;

	if (o->n_wants == VMI_BPF_WINDOWS_MAX)
		return bad(r, "it has more than %d sections of variables "
			"and windows", VMI_BPF_WINDOWS_MAX);
	if (w->bytes > WINDOW_MAX)
		return bad(r, "'%s' is longer than %u bytes", w->name,
			WINDOW_MAX);
	*number = (int)o->n_wants;
	o->wants[o->n_wants++] = *w;
	return 0;
}

static bool is_given(const struct section *s)
{
	return !strcmp(s->name, "vmapi/window");
}

static int place_variables(struct reader *r)
{
	size_t i;
	int err = 0;

	for (i = 0; i < r->n_sections && !err; i++) {
		struct section *s = &r->sections[i];
		struct vmi_bpf_want w = { .bytes = s->bytes,
			.is_writable = s->flags & SHF_WRITE };

		if (!(s->flags & SHF_ALLOC) || s->is_code || is_given(s) ||
			(s->type != SHT_PROGBITS && s->type != SHT_NOBITS))
			continue;
		snprintf(w.name, sizeof(w.name), "%s", s->name);
		if (s->type == SHT_PROGBITS)
			w.begin = r->image + s->offset;
		err = want(r, &w, &s->window);
	}
	return err;
}

/* -- Symbols ------------------------------------------------------------ */

static int read_symbol(struct reader *r, struct symbol *s,
	const struct section *table, uint64_t at)
{
	struct vmi_bpf_want w = { .is_writable = true, .is_given = true };

	get_name(r, &r->sections[table->link], get(r, at, 4), s->name);
	s->type = r->image[at + 4] & 15;
	s->section = (unsigned)get(r, at + 6, 2);
	s->value = get(r, at + 8, 8);
	s->bytes = get(r, at + 16, 8);
	s->window = -1;
	if (s->type != STT_OBJECT || s->section >= r->n_sections ||
		!is_given(&r->sections[s->section]))
		return 0;
	w.bytes = s->bytes;
	memcpy(w.name, s->name, sizeof(w.name));
	return want(r, &w, &s->window);
}

static int read_symbols(struct reader *r)
{
	const struct section *table = NULL;
	size_t i;
	int err = 0;

	for (i = 0; i < r->n_sections; i++)
		if (r->sections[i].type == SHT_SYMTAB)
			table = &r->sections[i];
	if (!table || table->link >= r->n_sections ||
		r->sections[table->link].type == SHT_NOBITS)
		return bad(r, "it has no symbols");
	r->n_symbols = table->bytes / SYM_BYTES;
	r->symbols = vmi_calloc(r->n_symbols, sizeof(*r->symbols));
	if (!r->symbols)
		return -ENOMEM;
	for (i = 0; i < r->n_symbols && !err; i++)
		err = read_symbol(r, &r->symbols[i], table,
			table->offset + i * SYM_BYTES);
	return err;
}

/* Whether a symbol is in a window, and where. */
static bool in_window(const struct reader *r, const struct symbol *s,
	unsigned *window, uint64_t *at)
{
	*at = s->value;
	if (s->window >= 0) {
		*window = (unsigned)s->window;
		*at = 0;
		return true;
	}
	if (s->section >= r->n_sections || r->sections[s->section].window < 0)
		return false;
	*window = (unsigned)r->sections[s->section].window;
	return true;
}

static int keep_symbols(struct reader *r)
{
	struct vmi_bpf_object *o = r->object;
	size_t i;

	o->symbols = vmi_calloc(r->n_symbols, sizeof(*o->symbols));
	if (!o->symbols)
		return -ENOMEM;
	for (i = 0; i < r->n_symbols; i++) {
		struct vmi_bpf_symbol *to = &o->symbols[o->n_symbols];
		const struct symbol *s = &r->symbols[i];

		if (s->type != STT_OBJECT ||
			!in_window(r, s, &to->window, &to->offset) ||
			to->offset > o->wants[to->window].bytes ||
			s->bytes > o->wants[to->window].bytes - to->offset)
			continue;
		memcpy(to->name, s->name, sizeof(to->name));
		to->bytes = s->bytes;
		o->n_symbols++;
	}
	return 0;
}

/* -- Relocations -------------------------------------------------------- */

static int relocate_call(struct reader *r, size_t i, const struct symbol *s)
{
	struct vmi_bpf_insn *insn = &r->object->insns[i];
	const struct section *code;
	int64_t to;

	if (s->section >= r->n_sections ||
		!r->sections[s->section].is_code ||
		!vmi_bpf_is_local_call(insn))
		return bad(r, "instruction %zu calls '%s', which is not here",
			i, s->name);
	code = &r->sections[s->section];
	to = (int64_t)(s->value / 8) + insn->imm + 1;
	if (to < 0 || to >= (int64_t)(code->bytes / 8))
		return bad(r, "instruction %zu calls what is no function", i);
	insn->imm = (int32_t)((int64_t)code->first + to - (int64_t)i - 1);
	return 0;
}

static int relocate_address(
	struct reader *r, size_t i, const struct symbol *s)
{
	struct vmi_bpf_insn *insn = &r->object->insns[i];
	unsigned window;
	uint64_t at;

	if (i + 1 >= r->object->n || !vmi_bpf_is_wide(insn))
		return bad(r, "instruction %zu has no room for the address of "
			"'%s'", i, s->name);
	if (!in_window(r, s, &window, &at))
		return bad(r, "instruction %zu wants the address of '%s', "
			"which is not here or is a function", i, s->name);
	at += (uint64_t)(int64_t)insn->imm;
	if (at > r->object->wants[window].bytes)
		return bad(r, "instruction %zu wants an address outside '%s'",
			i, r->object->wants[window].name);
	insn->src = VMI_BPF_WINDOW;
	insn->imm = (int32_t)window;
	insn[1].imm = (int32_t)at;
	return 0;
}

static int relocate(struct reader *r, const struct section *code, uint64_t at)
{
	uint64_t offset = get(r, at, 8);
	uint32_t type = (uint32_t)get(r, at + 8, 4);
	uint32_t number = (uint32_t)get(r, at + 12, 4);
	size_t i = code->first + offset / 8;

	if (offset % 8 || offset >= code->bytes || number >= r->n_symbols)
		return bad(r, "a relocation of section %s is elsewhere",
			code->name);
	if (type == R_BPF_64_32)
		return relocate_call(r, i, &r->symbols[number]);
	if (type == R_BPF_64_64)
		return relocate_address(r, i, &r->symbols[number]);
	return bad(r, "instruction %zu has a relocation of type %" PRIu32, i,
		type);
}

/* Of sections that are used; those of debugging information do not matter. */
static int relocate_section(struct reader *r, const struct section *s)
{
	const struct section *of;
	uint64_t at;
	int err = 0;

	if ((s->type != SHT_REL && s->type != SHT_RELA) ||
		s->info >= r->n_sections)
		return 0;
	of = &r->sections[s->info];
	if (of->window >= 0)
		return bad(r, "section %s has addresses in it, which only "
			"the stack may have", of->name);
	if (!of->is_code)
		return 0;
	if (s->type == SHT_RELA || s->bytes % REL_BYTES)
		return bad(r, "section %s is of another kind", s->name);
	for (at = 0; at < s->bytes && !err; at += REL_BYTES)
		err = relocate(r, of, s->offset + at);
	return err;
}

static int relocate_all(struct reader *r)
{
	size_t i;
	int err = 0;

	for (i = 0; i < r->n_sections && !err; i++)
		err = relocate_section(r, &r->sections[i]);
	return err;
}

/* One function in a section that is an entry. */
static int check_entries(struct reader *r)
{
	size_t i, k, entries = 0;

	for (i = 0; i < VMI_BPF_ENTRIES; i++) {
		unsigned functions = 0;

		if (r->object->entry[i] == VMI_BPF_NO_ENTRY)
			continue;
		entries++;
		for (k = 0; k < r->n_symbols; k++) {
			const struct symbol *s = &r->symbols[k];

			functions += s->type == STT_FUNC &&
				s->section < r->n_sections &&
				r->sections[s->section].is_code &&
				r->sections[s->section].first ==
					r->object->entry[i];
		}
		if (functions != 1)
			return bad(r, "a section vmapi/... has one function, "
				"not %u", functions);
	}
	return entries ? 0 : bad(r, "it has none of the sections vmapi/read, "
		"vmapi/write and vmapi/alarm");
}

int vmi_bpf_object_read(struct vmi_bpf_object *object, const void *image,
	size_t bytes, char why[160])
{
	struct reader r = { .object = object, .image = image, .bytes = bytes,
		.why = why };
	int err;
	unsigned i;

	memset(object, 0, sizeof(*object));
	for (i = 0; i < VMI_BPF_ENTRIES; i++)
		object->entry[i] = VMI_BPF_NO_ENTRY;
	snprintf(why, 160, "no memory");
	err = read_sections(&r);
	if (!err)
		err = place_code(&r);
	if (!err)
		err = place_variables(&r);
	if (!err)
		err = read_symbols(&r);
	if (!err)
		err = check_entries(&r);
	if (!err)
		err = relocate_all(&r);
	if (!err)
		err = keep_symbols(&r);
	vmi_free(r.sections);
	vmi_free(r.symbols);
	if (err)
		vmi_bpf_object_free(object);
	return err;
}

void vmi_bpf_object_free(struct vmi_bpf_object *object)
{
	vmi_free(object->insns);
	vmi_free(object->symbols);
	object->insns = NULL;
	object->symbols = NULL;
}
