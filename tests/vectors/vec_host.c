/* SPDX-License-Identifier: MIT */
/*
 * Cases on the processor that the test runs on.
 *
 * Linux loads a whole processor when a signal handler returns, and stores one
 * when a handler is called: so a case is begun by a handler that changes the
 * context it returns to, and ends in a handler, by the fault that the
 * instruction raised or by INT3, with which the code page is filled.  32-bit
 * code is the code segment that Linux keeps for it.  Nothing here is written
 * in assembly.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/vectors/vec_model.h"

/*
 * AddressSanitizer keeps pages of its own where cases expect to fault, so the
 * host is not asked there; what was recorded on it still is.
 */
#if defined(__x86_64__) && defined(__linux__) && !defined(__ILP32__) && \
	!defined(__SANITIZE_ADDRESS__)

#include <asm/ldt.h>
#include <cpuid.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_GS 0x1001
#define XFRAME_AT   464 /* what Linux writes into the image: sw_reserved */
#define XFRAME	    0x46505853u
#define XSTATE_BV   512

enum { TRAP_DB = 1, TRAP_BP = 3, TRAP_PF = 14 };
enum phase { IDLE, BEGIN, RUNNING };

static struct {
	volatile enum phase phase;
	const struct vec_case *c;
	struct vec_out *out;
	gregset_t main_regs;
	uint8_t main_fx[512];
	uint8_t *page[VEC_PAGES];
	uint8_t *code;
	uint16_t ds, es, gs; /* what is loaded */
	bool has_32, has_ldt, opened;
} host;

static const int numbers[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP,
	REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12,
	REG_R13, REG_R14, REG_R15 };

static uint8_t *image(ucontext_t *u)
{
	return (uint8_t *)u->uc_mcontext.fpregs;
}

/* The legacy part but for what is Linux's. */
static void set_image(ucontext_t *u, const uint8_t *from)
{
	uint8_t *to = image(u);
	uint32_t magic;
	unsigned i;

	for (i = 0; i < VEC_FX_END; i++)
		to[i] = from[i];
	memcpy(&magic, to + XFRAME_AT, 4);
	if (magic == XFRAME)
		to[XSTATE_BV] |= 3;
}

/* A component in its initial state may not have been stored. */
static void get_image(ucontext_t *u, uint8_t *to)
{
	const uint8_t *from = image(u);
	unsigned i;

	for (i = 0; i < VEC_FX_END; i++)
		to[i] = from[i];
}

static void begin(ucontext_t *u)
{
	const struct vec_state *s = &host.c->in;
	greg_t *g = u->uc_mcontext.gregs;
	unsigned i;

	memcpy(host.main_regs, g, sizeof(host.main_regs));
	get_image(u, host.main_fx);
	for (i = 0; i < 16; i++)
		g[numbers[i]] = (greg_t)s->r[i];
	g[REG_RIP] = (greg_t)s->rip;
	g[REG_EFL] = (greg_t)s->rflags;
	g[REG_CSGSFS] = (greg_t)((uint64_t)s->cs | (uint64_t)s->ss << 48);
	set_image(u, s->fx);
	host.phase = RUNNING;
}

static void end(ucontext_t *u)
{
	greg_t *g = u->uc_mcontext.gregs;
	struct vec_out *out = host.out;
	struct vec_state *s = &out->state;
	uint64_t trap = (uint64_t)g[REG_TRAPNO];
	unsigned i;

	for (i = 0; i < 16; i++)
		s->r[i] = (uint64_t)g[numbers[i]];
	s->rip = (uint64_t)g[REG_RIP];
	s->rflags = (uint64_t)g[REG_EFL];
	s->cs = (uint16_t)g[REG_CSGSFS];
	s->ss = (uint16_t)((uint64_t)g[REG_CSGSFS] >> 48);
	get_image(u, s->fx);
	out->vector = (uint8_t)trap;
	out->code = (uint32_t)g[REG_ERR];
	out->cr2 = trap == TRAP_PF ? (uint64_t)g[REG_CR2] : 0;
	memcpy(g, host.main_regs, sizeof(host.main_regs));
	set_image(u, host.main_fx);
	host.phase = IDLE;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)info;
	/* With AC as the case had it, compiled code could fault. */
	__builtin_ia32_writeeflags_u64(0x202);
	if (host.phase == BEGIN) {
		begin(u);
	} else if (host.phase == RUNNING) {
		end(u);
	} else {
		signal(number, SIG_DFL);
	}
}

/* The end of a case as the guest sees it: the filler is not part of it. */
static void settle(const struct vec_case *c, struct vec_out *out)
{
	uint64_t next = out->state.rip - 1;

	if (out->vector != TRAP_BP || !strcmp(c->row->exec, "int3") ||
		next == c->in.rip)
		return;
	out->state.rip = next;
	out->vector = VEC_NO_FAULT;
	out->code = 0;
}

/* -- Cases -------------------------------------------------------------- */

static void execute(const struct vec_case *c, struct vec_out *out)
{
	unsigned at = (unsigned)(vec_linear_ip(&c->in) - VEC_CODE), n = c->len;

	if (at + n > VEC_PAGE)
		n = VEC_PAGE - at;
	memcpy(host.code + at, c->bytes, n);
	host.c = c;
	host.out = out;
	host.phase = BEGIN;
	syscall(SYS_kill, getpid(), SIGUSR1);
	memset(host.code + at, VEC_FILLER, n);
	settle(c, out);
}

/* One instruction of the host's own, in 64-bit mode, with RAX. */
static uint64_t aside(const uint8_t *bytes, unsigned n, uint64_t rax)
{
	static struct vec_out out;
	static struct vec_case c;

	c.row = &vec_rows[0];
	c.len = n;
	memcpy(c.bytes, bytes, n);
	c.in = (struct vec_state){ .rip = VEC_CODE + 0x100, .rflags = 0x202,
		.cs = VEC_CS64, .ss = VEC_SS };
	c.in.r[0] = rax;
	c.in.r[VEC_SP] = VEC_STACK + 0x800;
	c.in.fx[VEC_FX_FCW] = 0x7f;
	c.in.fx[VEC_FX_FCW + 1] = 3;
	c.in.fx[VEC_FX_MXCSR] = 0x80;
	c.in.fx[VEC_FX_MXCSR + 1] = 0x1f;
	execute(&c, &out);
	return out.state.r[0];
}

/* What the context does not hold: DS, ES, GS. */
static void load_segments(const struct vec_state *s)
{
	static const uint8_t ds[] = { 0x8e, 0xd8 }, es[] = { 0x8e, 0xc0 },
		gs[] = { 0x8e, 0xe8 };

	if (s->ds != host.ds)
		aside(ds, sizeof(ds), host.ds = s->ds);
	if (s->es != host.es)
		aside(es, sizeof(es), host.es = s->es);
	if (s->gs == host.gs)
		return;
	host.gs = s->gs;
	if (s->gs)
		aside(gs, sizeof(gs), s->gs);
	else
		syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)VEC_GS);
}

/* They are not known any more. */
static void forget_segments(void)
{
	host.ds = host.es = host.gs = 0xffff;
}

static void get_segments(struct vec_state *s)
{
	static const uint8_t ds[] = { 0x8c, 0xd8 }, es[] = { 0x8c, 0xc0 },
		gs[] = { 0x8c, 0xe8 }, base[] = { 0xf3, 0x48, 0x0f, 0xae,
		0xc8 };

	s->ds = (uint16_t)aside(ds, sizeof(ds), 0);
	s->es = (uint16_t)aside(es, sizeof(es), 0);
	s->gs = (uint16_t)aside(gs, sizeof(gs), 0);
	s->gs_base = aside(base, sizeof(base), 0);
}

static bool changes_segments(const struct vec_row *row)
{
	static const char *const names[] = { "mov_sreg_r", "pop_sreg", "lds",
		"les", "lgs", "iret", "ret_far", "wrgsbase" };
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(row->exec, names[i]))
			return true;
	return false;
}

void vec_host_run(const struct vec_case *c, struct vec_out *out)
{
	unsigned i;

	for (i = 0; i < VEC_PAGES; i++)
		memcpy(host.page[i], c->mem[i], VEC_PAGE);
	memset(out->state.fx, 0, sizeof(out->state.fx));
	load_segments(&c->in);
	execute(c, out);
	for (i = 0; i < VEC_PAGES; i++)
		memcpy(out->mem[i], host.page[i], VEC_PAGE);
	out->state.ds = c->in.ds;
	out->state.es = c->in.es;
	out->state.gs = c->in.gs;
	out->state.gs_base = c->in.gs_base;
	if (!changes_segments(c->row))
		return;
	get_segments(&out->state);
	forget_segments();
}

enum { EAX, EBX, ECX, EDX };

#define FEATURE(name, leaf, subleaf, reg, bit) { leaf, subleaf, reg, bit },
static const struct {
	unsigned leaf, subleaf, reg, bit;
} features[VMI_FEAT_COUNT] = {
#include "lib/soft/feature.def"
};
#undef FEATURE

static bool has_feature(unsigned n)
{
	unsigned r[4];

	if (n == VMI_FEAT_BASE)
		return true;
	return __get_cpuid_count(features[n].leaf, features[n].subleaf,
		&r[EAX], &r[EBX], &r[ECX], &r[EDX]) &&
		(r[features[n].reg] >> features[n].bit & 1);
}

/*
 * What Linux shows of other vendors' processors differs in the order of
 * checks and in what is left undefined: the cases are Intel's.
 */
static bool is_intel(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0, &a, &b, &c, &d) && b == signature_INTEL_ebx;
}

uint32_t vec_host_signature(void)
{
	unsigned a = 0, b, c, d;

	__get_cpuid(1, &a, &b, &c, &d);
	return a & 0x0fff0ff0u;
}

bool vec_host_can(const struct vec_row *row, unsigned world)
{
	if (vec_model_only(row) || world >= VEC_RECORDED ||
		!has_feature(vec_table(row)->feature))
		return false;
	if (world == VEC_W64)
		return host.opened;
	return host.opened && host.has_32 &&
		(world == VEC_W32 || host.has_ldt);
}

/* -- Opening ------------------------------------------------------------ */

/* A page at its address; the read-only one is written through another. */
static uint8_t *map_page(uint32_t address, int protection, int fd, off_t at)
{
	void *p = mmap((void *)(uintptr_t)address, VEC_PAGE, protection,
		MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, at);

	return p == MAP_FAILED ? NULL : p;
}

static int map_pages(void)
{
	static const uint32_t at[VEC_PAGES] = { VEC_DATA, VEC_FIXED,
		VEC_STACK };
	int fd = memfd_create("vectors", 0), all = PROT_READ | PROT_WRITE;
	unsigned i;

	if (fd < 0 || ftruncate(fd, 4 * VEC_PAGE))
		return -errno;
	host.code = mmap(NULL, VEC_PAGE, all, MAP_SHARED, fd, 0);
	if (host.code == MAP_FAILED)
		return -errno;
	memset(host.code, VEC_FILLER, VEC_PAGE);
	if (!map_page(VEC_CODE, PROT_READ | PROT_EXEC, fd, 0))
		return -errno;
	for (i = 0; i < VEC_PAGES; i++) {
		off_t offset = (off_t)(VEC_PAGE * (i + 1));

		host.page[i] = mmap(NULL, VEC_PAGE, all,
			MAP_SHARED | MAP_POPULATE, fd, offset);
		if (host.page[i] == MAP_FAILED)
			return -errno;
		memset(host.page[i], 1, VEC_PAGE);
		if (!map_page(at[i], i == VEC_PAGE_FIXED ? PROT_READ : all,
			fd, offset))
			return -errno;
		if (i != VEC_PAGE_FIXED)
			*(volatile uint8_t *)(uintptr_t)at[i] = 1;
	}
	close(fd);
	return 0;
}

static bool try_32(void)
{
	static struct vec_out out;
	static struct vec_case c;

	c.row = &vec_rows[0];
	c.len = 1;
	c.bytes[0] = 0x40; /* INC EAX, or a prefix */
	c.in = (struct vec_state){ .rip = VEC_CODE + 0x100, .rflags = 0x202,
		.cs = VEC_CS32, .ss = VEC_SS };
	memcpy(c.in.fx, host.main_fx, sizeof(c.in.fx));
	execute(&c, &out);
	return out.vector == VEC_NO_FAULT && out.state.r[0] == 1;
}

/* Linux gives a process a table of its own. */
static bool make_ldt(void)
{
	unsigned i;

	for (i = VEC_S_NONE + 1; i < VEC_SEGMENTS; i++) {
		const struct vec_segment *s = &vec_segments[i];
		struct user_desc d = { .entry_number = i,
			.base_addr = s->base, .limit = s->limit,
			.seg_32bit = s->big, .contents = s->type >> 2 & 3,
			.read_exec_only = !(s->type & 2),
			.limit_in_pages = s->pages,
			.seg_not_present = !s->present };

		if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)))
			return false;
	}
	return true;
}

int vec_host_open(void)
{
	static const int signals[] = { SIGSEGV, SIGILL, SIGFPE, SIGBUS,
		SIGTRAP, SIGUSR1 };
	static uint8_t alternate[65536];
	stack_t ss = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction sa = { .sa_sigaction = on_signal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	unsigned i;
	int err;

	if (!is_intel()) {
		printf("the host's processor is not Intel's\n");
		return -ENOTSUP;
	}
	err = map_pages();
	if (err) {
		printf("memory at %#x: %s\n", VEC_BASE, strerror(-err));
		return err;
	}
	if (sigaltstack(&ss, NULL))
		return -errno;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], &sa, NULL))
			return -errno;
	forget_segments();
	host.opened = true;
	host.has_32 = try_32();
	if (!host.has_32)
		printf("the host runs no 32-bit code\n");
	host.has_ldt = make_ldt();
	if (!host.has_ldt)
		printf("the host runs no 16-bit code\n");
	return 0;
}

#else

int vec_host_open(void)
{
	return -ENOTSUP;
}

uint32_t vec_host_signature(void)
{
	return 0;
}

bool vec_host_can(const struct vec_row *row, unsigned world)
{
	(void)row;
	(void)world;
	return false;
}

void vec_host_run(const struct vec_case *c, struct vec_out *out)
{
	(void)c;
	(void)out;
}

#endif
