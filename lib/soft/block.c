/* SPDX-License-Identifier: MIT */
/*
 * The cache of decoded blocks of one vcpu.
 *
 * A block is found by the host address of its first byte and by what else its
 * meaning depends on, so aliases and ROM shadows share it and page tables do
 * not matter.  Memory comes from an arena that is given up as a whole when it
 * is full, which is routine.  Every page with blocks is known, and its RAM
 * page is flagged so that the TLB withholds the right to write: the store
 * comes here and kills what it overlaps.  Until the other vcpus have given up
 * that right, too, a page's blocks are provisional: coherence.c.
 *
 * A dead block stays valid memory until the arena goes.  Its `enter` leaves
 * to the run loop, and links to it are cut.  The running block, when it kills
 * itself, is truncated after the current instruction.
 */
#include "lib/soft/cache.h"

#include "lib/soft/dump.h"
#include "lib/soft/engine.h"
#include "lib/hostmem.h"
#include "lib/soft/soft.h"
#include "lib/sys/sys.h"

struct vmi_cache *vmi_cache_create(void)
{
	struct vmi_cache *cache = vmi_zalloc_aligned(64, sizeof(*cache));

	if (!cache)
		return NULL;
	/* Not cleared: most guests never touch most of it. */
	cache->arena = vmi_sys->alloc_aligned(64, ARENA_BYTES);
	if (!cache->arena) {
		vmi_free(cache);
		return NULL;
	}
	vmi_steps_init(&cache->steps);
	return cache;
}

void vmi_cache_destroy(struct vmi_cache *cache)
{
	if (!cache)
		return;
	vmi_free(cache->arena);
	vmi_free(cache);
}

static unsigned hash_of(uint64_t host, uint32_t key, unsigned bits)
{
	return (unsigned)((host * 0x9e3779b97f4a7c15ull + key) >> (64 - bits));
}

/* -- Jumps -------------------------------------------------------------- */

struct vmi_jump *vmi_cache_jumps(struct vmi_cache *cache)
{
	return cache->jumps;
}

const struct vmi_steps *vmi_cache_steps(const struct vmi_cache *cache)
{
	return &cache->steps;
}

static uint32_t code_limit(const struct vmi_cpu *c)
{
	return c->mode == 64 ? UINT32_MAX : c->seg[VMI_CS].limit;
}

void vmi_jumps_flush(struct vmi_cpu *c)
{
	c->cache->jump_generation++;
	vmi_jumps_retag(c);
}

/* The offset that a jump is found by means nothing in another segment. */
void vmi_jumps_retag(struct vmi_cpu *c)
{
	struct vmi_cache *cache = c->cache;

	if (cache->jump_base != vmi_code_base(c) ||
		cache->jump_limit != code_limit(c)) {
		cache->jump_base = vmi_code_base(c);
		cache->jump_limit = code_limit(c);
		cache->jump_generation++;
	}
	c->jump_tag = c->cache->jump_generation << 16 | (uint64_t)c->key << 4 |
		c->who;
}

/* -- Pages -------------------------------------------------------------- */

static struct code_page *page_find(struct vmi_cache *cache,
	const uint8_t *host)
{
	uintptr_t page = (uintptr_t)host & ~(uintptr_t)0xfff;
	struct code_page *p = cache->pages[hash_of(page, 0, PAGE_BITS)];

	while (p && (uintptr_t)p->host != page)
		p = p->hash_next;
	return p;
}

static void *arena_take(struct vmi_cache *cache, size_t bytes)
{
	void *p = cache->arena + cache->used;

	bytes = (bytes + 31) & ~(size_t)31;
	if (bytes > ARENA_BYTES - cache->used)
		return NULL;
	cache->used += bytes;
	return p;
}

static bool alone(const struct vmi_cpu *c)
{
	return c->vm->vm.n_vcpus < 2;
}

/*
 * Flag the page, so that nobody gets the right to write to it any more, and
 * ask those who have it to drop it.  That somebody else has set the flag does
 * not say that they have.
 */
static void page_mark(struct vmi_cpu *c, struct code_page *p)
{
	bool was = atomic_fetch_or(p->flag, VMI_PAGE_CODE) & VMI_PAGE_CODE;

	if (was && p->asked)
		return;
	vmi_tlb_drop_writes(c, p->host);
	p->asked = true;
	p->settled = alone(c);
	if (!p->settled)
		p->ticket = vmi_mail_page_is_code(c, p->host);
}

static struct code_page *page_make(struct vmi_cpu *c, const uint8_t *host,
	struct vmapi_ram *ram, uint64_t number)
{
	struct vmi_cache *cache = c->cache;
	uintptr_t page = (uintptr_t)host & ~(uintptr_t)0xfff;
	_Atomic(uint8_t) *flags = vmi_ram_page_flags(ram);
	struct code_page **head, *p = page_find(cache, host);

	if (p || !flags)
		return p;
	p = arena_take(cache, sizeof(*p));
	if (!p)
		return NULL;
	head = &cache->pages[hash_of(page, 0, PAGE_BITS)];
	memset(p, 0, sizeof(*p));
	p->host = (const uint8_t *)page;
	p->flag = &flags[number];
	p->hash_next = *head;
	*head = p;
	return p;
}

static uint64_t lines_of(const uint8_t *host, uint64_t bytes)
{
	unsigned first = ((uintptr_t)host & 0xfff) >> 6;
	unsigned last = (((uintptr_t)host & 0xfff) + (unsigned)bytes - 1) >> 6;

	return (~0ull << first) & (~0ull >> (63 - (last & 63)));
}

/* -- Death -------------------------------------------------------------- */

static void links_cut(struct vmi_codeblock *b)
{
	uintptr_t at = b->incoming, next;
	struct vmi_links *links;

	for (; at; at = next) {
		links = (struct vmi_links *)(at & ~(uintptr_t)1);
		next = links->next[at & 1];
		links->to[at & 1] = NULL;
	}
	b->incoming = 0;
}

static void hash_remove(struct vmi_cache *cache, struct vmi_codeblock *b)
{
	struct vmi_codeblock **at = &cache->hash[hash_of((uintptr_t)b->host,
		b->key, HASH_BITS)];

	while (*at != b)
		at = &(*at)->hash_next;
	*at = b->hash_next;
}

/* What follows the current instruction in the running block is stale. */
static void truncate_running(struct vmi_cpu *c, struct vmi_codeblock *b)
{
	unsigned i, last = b->n_ops;

	if (!c->op || c->op < b->ops || c->op >= b->ops + b->n_ops)
		return;
	if (vmi_op_has_links(&b->ops[last - 2]))
		last--; /* the links are left alone */
	i = (unsigned)(c->op - b->ops) + 1;
	while (i < last && b->ops[i].n == c->op->n)
		i++;
	for (; i < last; i++)
		b->ops[i].run = vmi_h_end;
}

static void block_kill(struct vmi_cpu *c, struct vmi_codeblock *b)
{
	b->dead = true;
	hash_remove(c->cache, b);
	links_cut(b);
	b->ops[0].run = vmi_h_dead;
	b->ops[1].run = vmi_h_killed;
}

static bool overlaps(const struct vmi_codeblock *b, const uint8_t *host,
	uint64_t bytes)
{
	return host < b->host + b->bytes && b->host < host + bytes;
}

/*
 * A page that keeps being patched is decoded every time: more than so many
 * patches within so many instructions.
 */
static uint64_t patch_window(const struct vmi_cpu *c)
{
	return c->icount / PATCH_WINDOW;
}

static void count_patch(const struct vmi_cpu *c, struct code_page *p)
{
	if (p->window != patch_window(c))
		p->patches = 0;
	p->window = patch_window(c);
	p->patches++;
}

static bool is_patched(const struct vmi_cpu *c, const struct code_page *p)
{
	return p->patches > PATCH_LIMIT && p->window == patch_window(c);
}

static bool kill_overlapping(struct vmi_cpu *c, struct code_page *p,
	const uint8_t *host, uint64_t bytes)
{
	struct vmi_codeblock **at, *b;
	bool killed = false;

	p->lines = 0;
	for (at = &p->blocks; (b = *at) != NULL;) {
		if (!overlaps(b, host, bytes)) {
			p->lines |= lines_of(b->host, b->bytes);
			at = &b->page_next;
			continue;
		}
		*at = b->page_next;
		block_kill(c, b);
		killed = true;
	}
	return killed;
}

void vmi_block_drop(struct vmi_cpu *c, struct vmi_codeblock *b)
{
	struct code_page *p = page_find(c->cache, b->host);
	struct vmi_codeblock **at = &p->blocks;

	while (*at != b)
		at = &(*at)->page_next;
	*at = b->page_next;
	block_kill(c, b);
}

static const uint8_t *page_of(const uint8_t *host)
{
	return (const uint8_t *)((uintptr_t)host & ~(uintptr_t)0xfff);
}

/*
 * The flag goes when this vcpu has no blocks of the page and the others have
 * been told to forget theirs: so a page that was code once does not stay slow
 * to write for ever.  The running block counts, dead or in no cache as it may
 * be: what it does next may be to write to itself.  A page that keeps being
 * patched is about to be code again.
 */
static void page_unmark(struct vmi_cpu *c, const uint8_t *host,
	_Atomic(uint8_t) *flag)
{
	struct code_page *p = page_find(c->cache, host);

	if ((p && (p->blocks || is_patched(c, p))) ||
		(c->enter && page_of(vmi_block_of(c->enter)->host) == page_of(host)))
		return;
	if (p)
		p->asked = false;
	atomic_fetch_and(flag, (uint8_t)~VMI_PAGE_CODE);
}

void vmi_code_written(struct vmi_cpu *c, struct vmapi_ram *ram,
	const uint8_t *host, uint64_t bytes)
{
	struct code_page *p = page_find(c->cache, host);
	uint64_t offset = (uint64_t)(host - ram->base);

	if (c->enter && overlaps(vmi_block_of(c->enter), host, bytes))
		truncate_running(c, vmi_block_of(c->enter));
	if (p && (p->lines & lines_of(host, bytes)) &&
		kill_overlapping(c, p, host, bytes))
		count_patch(c, p);
	if (!alone(c))
		vmi_mail_page_written(c, page_of(host));
	if (vmi_ram_is_shared(ram))
		vmi_ram_tell(ram, offset, bytes);
	page_unmark(c, host, &vmi_ram_page_flags(ram)[offset >> 12]);
}

void vmi_code_forget(struct vmi_cpu *c, const uint8_t *page)
{
	struct code_page *p = page_find(c->cache, page);

	if (!p)
		return;
	kill_overlapping(c, p, page, 0x1000);
	p->asked = false;
	if (alone(c))
		page_unmark(c, page, p->flag);
}

/* With other vcpus about, a flag stays until the first write. */
static void flags_clear(struct vmi_cpu *c)
{
	struct code_page *p;
	unsigned i;

	for (i = 0; alone(c) && i < vmi_array_len(c->cache->pages); i++) {
		for (p = c->cache->pages[i]; p; p = p->hash_next)
			atomic_fetch_and(p->flag, (uint8_t)~VMI_PAGE_CODE);
	}
}

void vmi_code_flush(struct vmi_cpu *c)
{
	struct vmi_cache *cache = c->cache;
	unsigned i;

	vmi_count(&c->stats, VMI_STAT_CODE_FLUSHES);
	if (c->enter && c->op)
		truncate_running(c, vmi_block_of(c->enter));
	flags_clear(c);
	for (i = 0; i < vmi_array_len(cache->hash); i++)
		cache->hash[i] = NULL;
	for (i = 0; i < vmi_array_len(cache->pages); i++)
		cache->pages[i] = NULL;
	cache->used = 0;
	cache->flushes++;
	vmi_jumps_flush(c);
}

/* -- Finding ------------------------------------------------------------ */

/* Where code is: for a fetch of the byte at c->rip. */
struct fetch {
	const uint8_t *host;
	struct vmapi_ram *ram;
	uint64_t page;
	size_t avail; /* to the end of the page or of the segment */
	size_t room;  /* to the end of the segment, if that is near */
};

static uint64_t fetch_linear(struct vmi_cpu *c, uint64_t rip)
{
	if (c->mode == 64)
		return rip;
	if (rip > c->seg[VMI_CS].limit)
		vmi_raise_code(c, VMI_GP, 0);
	return (rip + c->seg[VMI_CS].base) & 0xffffffff;
}

static size_t fetch_room(const struct vmi_cpu *c)
{
	uint64_t room = (uint64_t)c->seg[VMI_CS].limit - c->rip + 1;

	return c->mode == 64 || room > 0x2000 ? 0x2000 : (size_t)room;
}

static struct vmi_codeblock *lookup(struct vmi_cpu *c, const uint8_t *host)
{
	struct vmi_codeblock *b = c->cache->hash[hash_of((uintptr_t)host, c->key,
		HASH_BITS)];

	while (b && (b->host != host || b->key != c->key ||
		b->cs_base != vmi_code_base(c) || b->cs_limit != code_limit(c)))
		b = b->hash_next;
	return b;
}

/* -- Provisional blocks ------------------------------------------------- */

static bool is_current(const struct vmi_codeblock *b)
{
	unsigned i = 0;

	while (b->copy && i < b->bytes &&
		b->copy[i] == vmi_atomic_load(&b->host[i]))
		i++;
	return !b->copy || i == b->bytes;
}

/*
 * If nobody writes to the page unseen any more: what was written until then?
 * A flag that was cleared meanwhile, by a vcpu that was writing already when
 * this one asked, sets all back to the beginning.
 */
static void page_settle(struct vmi_cpu *c, struct code_page *p)
{
	struct vmi_codeblock **at = &p->blocks, *b;
	uint64_t ticket = p->ticket;

	if (p->settled || !vmi_mail_obeyed(c, ticket))
		return;
	page_mark(c, p);
	if (p->ticket != ticket)
		return;
	p->settled = true;
	while ((b = *at) != NULL) {
		if (is_current(b)) {
			b->copy = NULL;
			at = &b->page_next;
		} else {
			*at = b->page_next;
			block_kill(c, b);
		}
	}
}

/* The block, if it still is what is in memory; else it is killed and NULL. */
static struct vmi_codeblock *confirmed(struct vmi_cpu *c,
	struct vmi_codeblock *b)
{
	struct code_page *p;

	if (vmi_likely(!b || !b->copy))
		return b;
	p = page_find(c->cache, b->host);
	page_settle(c, p);
	if (!b->dead && !is_current(b))
		kill_overlapping(c, p, b->host, b->bytes);
	return b->dead ? NULL : b;
}

static void block_init(struct vmi_cpu *c, struct vmi_codeblock *b,
	const uint8_t *host)
{
	memset(b, 0, sizeof(*b));
	b->host = host;
	b->key = c->key;
	b->cs_base = vmi_code_base(c);
	b->cs_limit = code_limit(c);
}

static void block_insert(struct vmi_cpu *c, struct vmi_codeblock *b,
	struct code_page *p)
{
	struct vmi_codeblock **head = &c->cache->hash[hash_of((uintptr_t)b->host,
		b->key, HASH_BITS)];

	b->hash_next = *head;
	*head = b;
	b->page_next = p->blocks;
	p->blocks = b;
	p->lines |= lines_of(b->host, b->bytes);
}

/*
 * What follows at `rip`, of an instruction that goes on there.  A fault is
 * the instruction's, so c->rip stays where it begins.
 */
static const uint8_t *fetch_rest(struct vmi_cpu *c, uint64_t rip)
{
	struct vmapi_ram *ram;
	uint64_t page;

	return vmi_fetch_page(c, fetch_linear(c, rip), &ram, &page);
}

/* With VMAPI_TRACE_INSN every instruction comes through here. */
static void trace(struct vmi_cpu *c, const struct vmi_codeblock *b,
	const uint8_t *bytes, size_t avail)
{
	unsigned mask = c->vm->vm.ctx->trace_mask;

	if (vmi_unlikely(mask & VMAPI_TRACE_BLOCK))
		vmi_trace_block(c, b);
	if (vmi_unlikely(mask & VMAPI_TRACE_INSN))
		vmi_trace_insn(c, bytes, avail);
}

/*
 * Others may write to what is decoded: the decoder reads a copy, so that it
 * sees each byte once.
 */
static struct vmi_stream take(const struct fetch *f, unsigned insns,
	uint8_t bytes[SNAPSHOT_BYTES])
{
	size_t most = (insns < VMI_BLOCK_INSNS ? insns : VMI_BLOCK_INSNS) *
		VMI_INSN_MAX;
	struct vmi_stream s = { .bytes = bytes };

	s.own = s.avail = f->avail < most ? f->avail : most;
	vmi_host_copy(bytes, f->host, s.own);
	return s;
}

/* Decode into the scratch block, reading the next page where it must. */
static const struct vmi_op *decode_scratch(struct vmi_cpu *c,
	const struct fetch *f, unsigned limit)
{
	struct vmi_codeblock *b = (struct vmi_codeblock *)(void *)c->cache->scratch;
	uint8_t bytes[SNAPSHOT_BYTES];
	struct vmi_stream s = take(f, limit, bytes);
	const uint8_t *next;

	block_init(c, b, f->host);
	if (vmi_translate(c, b, &s, limit)) {
		next = fetch_rest(c, c->rip + s.own);
		if (next)
			vmi_host_copy(bytes + s.own, next, VMI_INSN_MAX);
		else
			memset(bytes + s.own, 0xff, VMI_INSN_MAX);
		s.avail = s.own + VMI_INSN_MAX;
		if (s.avail > f->room)
			s.avail = f->room;
		if (vmi_translate(c, b, &s, 1)) /* beyond CS */
			vmi_raise_code(c, VMI_GP, 0);
	}
	trace(c, b, bytes, s.avail);
	return b->ops;
}

static struct fetch fetch_at(struct vmi_cpu *c)
{
	uint64_t linear = fetch_linear(c, c->rip);
	struct fetch f;

	f.host = vmi_fetch_page(c, linear, &f.ram, &f.page);
	f.room = fetch_room(c);
	f.avail = 0x1000 - (linear & 0xfff);
	if (f.avail > f.room)
		f.avail = f.room;
	return f;
}

const struct vmi_op *vmi_block_step(struct vmi_cpu *c, unsigned limit)
{
	struct fetch f;

	c->op = NULL;
	c->r[VMI_R_BLOCK] = c->rip;
	f = fetch_at(c);
	if (!f.host)
		return NULL;
	return decode_scratch(c, &f, limit);
}

/* The page of a fetch, flagged; NULL: no memory for its flags. */
static struct code_page *page_ready(struct vmi_cpu *c, const struct fetch *f)
{
	struct code_page *p = page_make(c, f->host, f->ram, f->page);

	if (!p)
		return NULL;
	page_mark(c, p);
	page_settle(c, p);
	return p;
}

/* The host's page at `linear`, if it can be had without asking. */
static const uint8_t *exec_quick(struct vmi_cpu *c, uint64_t linear)
{
	const struct vmi_tlb_entry *e = vmi_tlb_entry(c, linear, c->who);

	return e->exec == (linear & VMI_PAGE_MASK) ?
		(const uint8_t *)(uintptr_t)(linear + e->addend) : NULL;
}

/* The instruction at the page's end may go on in the next page. */
static void add_next(struct vmi_cpu *c, const struct fetch *f,
	struct vmi_stream *s, bool first)
{
	uint64_t rip = c->rip + s->own;
	uint8_t *to = (uint8_t *)(uintptr_t)s->bytes + s->own;

	if (((uintptr_t)(f->host + s->own) & 0xfff) ||
		f->room < s->own + VMI_INSN_MAX)
		return;
	s->next = first ? fetch_rest(c, rip) :
		exec_quick(c, (rip + vmi_code_base(c)) & c->amask);
	if (!s->next)
		return;
	vmi_host_copy(to, s->next, VMI_INSN_MAX);
	s->avail = s->own + VMI_INSN_MAX;
}

/* Decode into the arena; NULL: not even one instruction. */
static struct vmi_codeblock *decode_page(struct vmi_cpu *c,
	const struct fetch *f, const struct code_page *p)
{
	struct vmi_cache *cache = c->cache;
	size_t used = cache->used;
	uint8_t bytes[SNAPSHOT_BYTES + VMI_INSN_MAX];
	struct vmi_stream s = take(f, VMI_BLOCK_INSNS, bytes);
	struct vmi_codeblock *b;

	add_next(c, f, &s, false);
	vmi_count(&c->stats, VMI_STAT_BLOCKS);
	b = arena_take(cache, sizeof(cache->scratch));
	block_init(c, b, f->host);
	cache->used = used;
	if (vmi_translate(c, b, &s, VMI_BLOCK_INSNS)) {
		add_next(c, f, &s, true);
		if (vmi_translate(c, b, &s, 1))
			return NULL;
	}
	arena_take(cache, sizeof(*b) + b->n_ops * sizeof(struct vmi_op));
	if (!p->settled)
		b->copy = memcpy(arena_take(cache, b->bytes), bytes, b->bytes);
	return b;
}

static const struct vmi_op *decode_cached(struct vmi_cpu *c,
	const struct fetch *f)
{
	struct vmi_codeblock *b;
	struct code_page *p;

	if (ARENA_BYTES - c->cache->used < sizeof(c->cache->scratch) +
		sizeof(*p) + SNAPSHOT_BYTES + 96)
		vmi_code_flush(c);
	p = page_ready(c, f);
	if (!p) /* its own stores would not be seen */
		return decode_scratch(c, f, 1);
	if (is_patched(c, p))
		return decode_scratch(c, f, VMI_BLOCK_INSNS);
	b = decode_page(c, f, p);
	if (!b)
		return decode_scratch(c, f, 1);
	block_insert(c, b, p);
	if (vmi_unlikely(c->vm->vm.ctx->trace_mask & VMAPI_TRACE_BLOCK))
		vmi_trace_block(c, b);
	return b->ops;
}

const struct vmi_op vmi_block_none = { .run = vmi_h_dead };

const struct vmi_op *vmi_block_at(struct vmi_cpu *c)
{
	const uint8_t *host;
	struct vmi_codeblock *b;
	struct vmi_jump *j;
	struct fetch f;

	c->op = NULL;
	c->r[VMI_R_BLOCK] = c->rip;
	if (vmi_unlikely(c->key & VMI_KEY_BREAK) && vmi_debug_at_point(c))
		return &vmi_block_none;
	host = exec_quick(c, fetch_linear(c, c->rip));
	b = host ? confirmed(c, lookup(c, host)) : NULL;
	if (!b) {
		f = fetch_at(c);
		if (!f.host)
			return NULL;
		b = confirmed(c, lookup(c, f.host));
		if (!b)
			return decode_cached(c, &f);
	}
	if (vmi_unlikely(b->copy))
		return b->ops;
	j = vmi_jump_slot(c, c->rip);
	j->rip = c->rip;
	j->tag = c->jump_tag;
	j->op = b->ops;
	return b->ops;
}
