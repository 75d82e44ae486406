/* SPDX-License-Identifier: MIT */
/* vmapi_vcpu_debug(): steps, breakpoints, watchpoints, from outside. */
#include "tests/api/api.h"

#define DATA 0x8000u

/*
 * xor ax, ax; inc ax; mov [DATA], ax; mov ax, [DATA]; nop; hlt
 *  +0         +2      +3              +6              +9   +10
 */
static const uint8_t code[] = {
	0x31, 0xc0, 0x40, 0xa3, 0x00, 0x80, 0xa1, 0x00, 0x80, 0x90, 0xf4,
};
static const uint8_t boundaries[] = { 2, 3, 6, 9, 10 };

static int debug(struct machine *m, uint32_t flags,
	const struct vmapi_debug_point *points, uint32_t n)
{
	struct vmapi_debug d = { .size = sizeof(d), .flags = flags,
		.points = points, .n_points = n };

	return vmapi_vcpu_debug(m->vcpu, &d);
}

static bool has(struct machine *m, uint32_t flags)
{
	if (((uint32_t)api_cap(m, VMAPI_CAP_DEBUG) & flags) == flags)
		return true;
	api_skip("the backend cannot debug so");
	return false;
}

/*
 * A kernel that interprets the guest stops before instructions at points; it
 * accepts points of data and breakpoint instructions and does not stop at
 * those.
 */
static bool stops_at(struct machine *m, const char *why_not)
{
	if (!api_cap(m, VMAPI_CAP_IMPAIRED))
		return true;
	api_skip(why_not);
	return false;
}

/* A host with AMD's virtualization and without next-RIP saving. */
static bool is_plain_svm(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	bool svm = false, nrip = false;
	char word[64];

	if (!f)
		return false;
	while (fscanf(f, "%63s", word) == 1) {
		svm |= !strcmp(word, "svm");
		nrip |= !strcmp(word, "nrip_save");
	}
	fclose(f);
	return svm && !nrip;
}

/* QEMU's VMRUN does not arm the points of the DR7 that it loads. */
static bool meets_points(struct machine *m)
{
	static const struct vmapi_debug_point p = { .address = API_CODE + 2,
		.kind = VMAPI_POINT_EXEC };
	struct vmapi_exit x;

	api_load(m, code, sizeof(code));
	EQUAL(debug(m, 0, &p, 1), 0);
	if (api_run(m, &x) == VMAPI_EXIT_DEBUG)
		return true;
	EQUAL(x.reason, VMAPI_EXIT_HALT);
	CHECK(is_plain_svm());
	api_skip("points stop nothing in this emulated SVM");
	return false;
}

static bool has_points(struct machine *m)
{
	if (api_cap(m, VMAPI_CAP_BREAKPOINTS) < 4) {
		api_skip("there are no points");
		return false;
	}
	return meets_points(m);
}

/*
 * QEMU's SVM asks for INT3 whether INT n is intercepted, not whether #BP is
 * (raise_interrupt2() of its TCG up to 7.2 at least, against AMD APM 2 15.12.4
 * and 15.14.5): KVM, which asks for #BP, never hears of it, and the guest's
 * own handler is called.
 */
static bool hears_int3(struct machine *m)
{
	static const uint8_t int3 = 0xcc, hlt = 0xf4;
	static const uint8_t vector[] = { 0x00, 0x20, 0x00, 0x00 };
	struct vmapi_exit x;

	api_load(m, &int3, 1);
	EQUAL(vmapi_as_write(m->as, 4 * 3, vector, sizeof(vector)), 0);
	EQUAL(vmapi_as_write(m->as, 0x2000, &hlt, 1), 0);
	EQUAL(debug(m, VMAPI_DEBUG_SOFTWARE, NULL, 0), 0);
	if (api_run(m, &x) == VMAPI_EXIT_DEBUG)
		return true;
	EQUAL(x.reason, VMAPI_EXIT_HALT);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), 0x2001);
	CHECK(is_plain_svm());
	api_skip("INT3 is not intercepted by this emulated SVM");
	return false;
}

static bool has_software(struct machine *m, uint32_t flags)
{
	return has(m, VMAPI_DEBUG_SOFTWARE | flags) &&
		stops_at(m, "breakpoint instructions stop nothing here") &&
		hears_int3(m);
}

static void stopped(struct machine *m, uint32_t why, unsigned offset)
{
	struct vmapi_exit x;

	EQUAL(api_run(m, &x), VMAPI_EXIT_DEBUG);
	EQUAL(x.u.debug.why, why);
	EQUAL((int64_t)x.u.debug.address, API_CODE + offset);
	EQUAL((int64_t)x.u.debug.exception,
		why & VMAPI_STOP_SOFTWARE ? 3 : 1);
	EQUAL(!!(x.u.debug.dr6 & 0x4000), !!(why & VMAPI_STOP_STEP));
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE + offset);
	CHECK(!(api_get(m->vcpu, VMAPI_X86_RFLAGS) & 0x100));
}

static void halts(struct machine *m)
{
	struct vmapi_exit x;

	EQUAL(api_run(m, &x), VMAPI_EXIT_HALT);
}

static void steps(struct machine *m)
{
	size_t i;

	if (!has(m, VMAPI_DEBUG_STEP))
		return;
	api_load(m, code, sizeof(code));
	EQUAL(debug(m, VMAPI_DEBUG_STEP, NULL, 0), 0);
	for (i = 0; i < sizeof(boundaries); i++)
		stopped(m, VMAPI_STOP_STEP, boundaries[i]);
	/* What a step over HLT is, kernels see differently. */
	EQUAL(vmapi_vcpu_debug(m->vcpu, NULL), 0);
	halts(m);
	api_load(m, code, sizeof(code));
	halts(m);
}

/* in al, 0x60; hlt: the step that the settling ended is not wanted any more. */
static void forgotten(struct machine *m)
{
	static const uint8_t in[] = { 0xe4, 0x60, 0xf4 };
	struct vmapi_exit x = { .size = sizeof(x) };

	if (!has(m, VMAPI_DEBUG_STEP))
		return;
	api_load(m, in, sizeof(in));
	EQUAL(debug(m, VMAPI_DEBUG_STEP, NULL, 0), 0);
	EQUAL(api_run(m, &x), VMAPI_EXIT_IO);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "\x5a", 1), 0);
	EQUAL(vmapi_vcpu_settle(m->vcpu, &x), 0);
	CHECK(x.reason == VMAPI_EXIT_SETTLED || x.reason == VMAPI_EXIT_DEBUG);
	EQUAL(vmapi_vcpu_debug(m->vcpu, NULL), 0);
	halts(m);
}

/* in al, 0x60; nop; hlt: the step ends behind the answer. */
static void step_over_an_access(struct machine *m)
{
	static const uint8_t in[] = { 0xe4, 0x60, 0x90, 0xf4 };
	struct vmapi_exit x;

	if (!has(m, VMAPI_DEBUG_STEP))
		return;
	api_load(m, in, sizeof(in));
	EQUAL(debug(m, VMAPI_DEBUG_STEP, NULL, 0), 0);
	EQUAL(api_run(m, &x), VMAPI_EXIT_IO);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "\x5a", 1), 0);
	EQUAL(api_run(m, &x), VMAPI_EXIT_DEBUG);
	EQUAL(x.u.debug.why, VMAPI_STOP_STEP);
	EQUAL((int64_t)x.u.debug.address, API_CODE + 2);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX) & 0xff, 0x5a);
	stopped(m, VMAPI_STOP_STEP, 3);
}

/* A debugger's breakpoint: it stops, is taken out, stepped over. */
static void software(struct machine *m)
{
	static const uint8_t int3 = 0xcc;

	if (!has_software(m, VMAPI_DEBUG_STEP))
		return;
	api_load(m, code, sizeof(code));
	EQUAL(vmapi_as_write(m->as, API_CODE + 3, &int3, 1), 0);
	EQUAL(debug(m, VMAPI_DEBUG_SOFTWARE, NULL, 0), 0);
	stopped(m, VMAPI_STOP_SOFTWARE, 3);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX) & 0xffff, 1);
	stopped(m, VMAPI_STOP_SOFTWARE, 3); /* it does not go away */
	EQUAL(vmapi_as_write(m->as, API_CODE + 3, &code[3], 1), 0);
	EQUAL(debug(m, VMAPI_DEBUG_SOFTWARE | VMAPI_DEBUG_STEP, NULL, 0), 0);
	stopped(m, VMAPI_STOP_STEP, 6);
	EQUAL(debug(m, VMAPI_DEBUG_SOFTWARE, NULL, 0), 0);
	halts(m);
}

/* int3; hlt, which is the guest's own: its handler at 0x2000 halts. */
static void given_back(struct machine *m)
{
	static const uint8_t own[] = { 0xcc, 0xf4 }, hlt = 0xf4;
	static const uint8_t vector[] = { 0x00, 0x20, 0x00, 0x00 };

	if (!has_software(m, VMAPI_DEBUG_INJECT))
		return;
	api_load(m, own, sizeof(own));
	EQUAL(vmapi_as_write(m->as, 4 * 3, vector, sizeof(vector)), 0);
	EQUAL(vmapi_as_write(m->as, 0x2000, &hlt, 1), 0);
	EQUAL(debug(m, VMAPI_DEBUG_SOFTWARE, NULL, 0), 0);
	stopped(m, VMAPI_STOP_SOFTWARE, 0);
	EQUAL(debug(m, VMAPI_DEBUG_SOFTWARE | VMAPI_DEBUG_INJECT, NULL, 0),
		0);
	halts(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), 0x2001);
	/* Once: the next one stops again. */
	api_load(m, own, sizeof(own));
	stopped(m, VMAPI_STOP_SOFTWARE, 0);
}

static void met(struct machine *m, uint32_t points, unsigned offset)
{
	struct vmapi_exit x;

	EQUAL(api_run(m, &x), VMAPI_EXIT_DEBUG);
	EQUAL(x.u.debug.why, VMAPI_STOP_POINT);
	EQUAL(x.u.debug.points, points);
	EQUAL((int64_t)x.u.debug.dr6 & 15, points);
	EQUAL((int64_t)x.u.debug.address, API_CODE + offset);
}

/* Each is met once, and passed. */
static void points(struct machine *m)
{
	static const struct vmapi_debug_point p[] = {
		{ .address = API_CODE + 2, .kind = VMAPI_POINT_EXEC },
		{ .address = API_CODE + 3, .kind = VMAPI_POINT_EXEC },
		{ .address = API_CODE + 10, .kind = VMAPI_POINT_EXEC },
	};

	if (!has_points(m))
		return;
	api_load(m, code, sizeof(code));
	EQUAL(debug(m, 0, p, 3), 0);
	met(m, 1, 2);
	met(m, 2, 3); /* the next instruction */
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX) & 0xffff, 1);
	met(m, 4, 10); /* the HLT, which is behind an access */
	halts(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE + 11);
	EQUAL(debug(m, 0, p, 1), 0);
	api_load(m, code, sizeof(code));
	met(m, 1, 2);
	EQUAL(debug(m, VMAPI_DEBUG_STEP, p, 1), 0);
	stopped(m, VMAPI_STOP_STEP, 3);
	stopped(m, VMAPI_STOP_STEP, 6);
	api_load(m, code, sizeof(code));
	stopped(m, VMAPI_STOP_STEP, 2);
	met(m, 1, 2); /* with steps on: before it, then behind */
	stopped(m, VMAPI_STOP_STEP, 3);
}

/* A vcpu that is put somewhere else comes to a point anew. */
static void moved(struct machine *m)
{
	static const struct vmapi_debug_point p = { .address = API_CODE + 2,
		.kind = VMAPI_POINT_EXEC };

	if (!has_points(m))
		return;
	api_load(m, code, sizeof(code));
	EQUAL(debug(m, 0, &p, 1), 0);
	met(m, 1, 2);
	api_load(m, code, sizeof(code));
	met(m, 1, 2);
	EQUAL(vmapi_vcpu_debug(m->vcpu, NULL), 0);
	EQUAL(debug(m, 0, &p, 1), 0); /* it still stands there */
	halts(m);
}

/* A kick between the stop and what comes behind it is no second stop. */
static void kicked(struct machine *m)
{
	static const struct vmapi_debug_point p[] = {
		{ .address = API_CODE + 2, .kind = VMAPI_POINT_EXEC },
		{ .address = API_CODE + 9, .kind = VMAPI_POINT_EXEC },
	};
	struct vmapi_exit x;

	if (!has_points(m))
		return;
	api_load(m, code, sizeof(code));
	EQUAL(debug(m, 0, p, 2), 0);
	met(m, 1, 2);
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	EQUAL(api_run(m, &x), VMAPI_EXIT_KICK);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE + 2);
	met(m, 2, 9);
	halts(m);
}

/* jmp $, and dec cx; jnz: all rounds stop. */
static void loops(struct machine *m)
{
	static const uint8_t jmp[] = { 0x90, 0xeb, 0xfe };
	static const uint8_t down[] = { 0xb9, 0x05, 0x00, 0x49, 0x75, 0xfd,
		0xf4 };
	static const struct vmapi_debug_point p[] = {
		{ .address = API_CODE + 1, .kind = VMAPI_POINT_EXEC },
		{ .address = API_CODE + 3, .kind = VMAPI_POINT_EXEC },
	};
	unsigned i;

	if (!has_points(m))
		return;
	api_load(m, jmp, sizeof(jmp));
	EQUAL(debug(m, 0, p, 1), 0);
	for (i = 0; i < 4; i++)
		met(m, 1, 1);
	api_load(m, down, sizeof(down));
	EQUAL(debug(m, 0, p + 1, 1), 0);
	for (i = 5; i; i--) {
		met(m, 1, 3);
		EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RCX) & 0xffff, i);
	}
	halts(m);
}

/* out 0x60, al; in al, 0x60; inc ax; hlt: each at a point. */
static void accesses(struct machine *m)
{
	static const uint8_t io[] = { 0x90, 0xe6, 0x60, 0xe4, 0x60, 0x40,
		0xf4 };
	static const struct vmapi_debug_point p[] = {
		{ .address = API_CODE + 1, .kind = VMAPI_POINT_EXEC },
		{ .address = API_CODE + 3, .kind = VMAPI_POINT_EXEC },
		{ .address = API_CODE + 5, .kind = VMAPI_POINT_EXEC },
	};
	struct vmapi_exit x;

	if (!has_points(m))
		return;
	api_load(m, io, sizeof(io));
	EQUAL(debug(m, 0, p, 3), 0);
	met(m, 1, 1);
	EQUAL(api_run(m, &x), VMAPI_EXIT_IO);
	EQUAL(x.u.io.is_write, 1);
	met(m, 2, 3);
	EQUAL(api_run(m, &x), VMAPI_EXIT_IO);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "\x5a", 1), 0);
	met(m, 4, 5);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX) & 0xff, 0x5a);
	halts(m);
	/* The same, and the answer is settled before the guest goes on. */
	api_load(m, io, sizeof(io));
	EQUAL(debug(m, 0, p + 1, 2), 0);
	EQUAL(api_run(m, &x), VMAPI_EXIT_IO);
	met(m, 1, 3);
	EQUAL(api_run(m, &x), VMAPI_EXIT_IO);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "\x5b", 1), 0);
	EQUAL(vmapi_vcpu_settle(m->vcpu, &x), 0);
	EQUAL(x.reason, VMAPI_EXIT_SETTLED);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), API_CODE + 5);
	met(m, 2, 5);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX) & 0xff, 0x5b);
	halts(m);
}

/* An NMI comes before the instruction at the point, and to its own point. */
static void interrupted(struct machine *m)
{
	static const uint8_t nops[] = { 0x90, 0x90, 0x90, 0xf4 };
	static const uint8_t vector[] = { 0x00, 0x20, 0x00, 0x00 };
	static const uint8_t handler[] = { 0x90, 0x90, 0xf4 };
	static const struct vmapi_debug_point p[] = {
		{ .address = API_CODE + 1, .kind = VMAPI_POINT_EXEC },
		{ .address = 0x2001, .kind = VMAPI_POINT_EXEC },
	};
	struct vmapi_exit x;

	if (!has_points(m))
		return;
	if (!api_cap(m, VMAPI_CAP_NMI)) {
		api_skip("no NMI");
		return;
	}
	api_load(m, nops, sizeof(nops));
	EQUAL(vmapi_as_write(m->as, 4 * 2, vector, sizeof(vector)), 0);
	EQUAL(vmapi_as_write(m->as, 0x2000, handler, sizeof(handler)), 0);
	EQUAL(debug(m, 0, p, 2), 0);
	met(m, 1, 1);
	EQUAL(vmapi_vcpu_nmi(m->vcpu), 0);
	EQUAL(api_run(m, &x), VMAPI_EXIT_DEBUG);
	EQUAL((int64_t)x.u.debug.address, 0x2001);
	EQUAL(x.u.debug.points, 2);
	halts(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), 0x2003);
}

static void data_points(struct machine *m)
{
	static const struct vmapi_debug_point p[] = {
		{ .address = API_CODE + 2, .kind = VMAPI_POINT_EXEC },
		{ .address = DATA, .kind = VMAPI_POINT_WRITE, .bytes = 2 },
		{ .address = DATA + 1, .kind = VMAPI_POINT_ACCESS, .bytes = 1 },
		{ .address = API_CODE + 9, .kind = VMAPI_POINT_EXEC },
	};

	if (!has_points(m) ||
		!stops_at(m, "points of data stop nothing here"))
		return;
	api_load(m, code, sizeof(code));
	EQUAL(debug(m, 0, p, 4), 0);
	met(m, 1, 2);
	met(m, 6, 6);
	met(m, 4, 9); /* behind the read, which is at the next point */
	met(m, 8, 9);
	halts(m);
}

/* The guest's RF, DR6 and DR7 know nothing of it. */
static void unseen(struct machine *m)
{
	static const struct vmapi_debug_point p = { .address = API_CODE + 2,
		.kind = VMAPI_POINT_EXEC };
	/* pushf; pop bx; hlt */
	static const uint8_t flags[] = { 0x90, 0x90, 0x9c, 0x5b, 0xf4 };
	uint64_t dr6 = api_get(m->vcpu, VMAPI_X86_DEBUG(6));
	uint64_t dr7 = api_get(m->vcpu, VMAPI_X86_DEBUG(7));

	if (!has_points(m))
		return;
	api_load(m, flags, sizeof(flags));
	EQUAL(debug(m, 0, &p, 1), 0);
	met(m, 1, 2);
	EQUAL(debug(m, VMAPI_DEBUG_STEP, NULL, 0), 0);
	stopped(m, VMAPI_STOP_STEP, 3);
	EQUAL(debug(m, 0, NULL, 0), 0);
	halts(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RBX) & 0x100, 0);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_DEBUG(6)), (int64_t)dr6);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_DEBUG(7)), (int64_t)dr7);
}

/* An NMI waits until steps are over. */
static void blocked(struct machine *m)
{
	static const uint8_t nops[] = { 0x90, 0x90, 0x90, 0xf4 };
	static const uint8_t vector[] = { 0x00, 0x20, 0x00, 0x00 }, hlt = 0xf4;

	if (!has(m, VMAPI_DEBUG_STEP | VMAPI_DEBUG_BLOCK_IRQ))
		return;
	if (!api_cap(m, VMAPI_CAP_NMI)) {
		api_skip("no NMI");
		return;
	}
	api_load(m, nops, sizeof(nops));
	EQUAL(vmapi_as_write(m->as, 4 * 2, vector, sizeof(vector)), 0);
	EQUAL(vmapi_as_write(m->as, 0x2000, &hlt, 1), 0);
	EQUAL(debug(m, VMAPI_DEBUG_STEP | VMAPI_DEBUG_BLOCK_IRQ, NULL, 0), 0);
	stopped(m, VMAPI_STOP_STEP, 1);
	EQUAL(vmapi_vcpu_nmi(m->vcpu), 0);
	stopped(m, VMAPI_STOP_STEP, 2);
	EQUAL(vmapi_vcpu_debug(m->vcpu, NULL), 0);
	halts(m);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RIP), 0x2001);
}

static void refused(struct machine *m)
{
	struct vmapi_debug_point p[40] = { 0 };
	struct vmapi_debug d = { .size = sizeof(d), .n_points = 1 };
	uint32_t n = (uint32_t)api_cap(m, VMAPI_CAP_BREAKPOINTS);

	EQUAL(vmapi_vcpu_debug(NULL, &d), -EINVAL);
	EQUAL(vmapi_vcpu_debug(m->vcpu, &d), -EINVAL); /* no points */
	d.size = 4;
	EQUAL(vmapi_vcpu_debug(m->vcpu, &d), -EINVAL);
	EQUAL(debug(m, 1u << 31, NULL, 0), -EINVAL);
	p[0].kind = 4;
	EQUAL(debug(m, 0, p, 1), -EINVAL);
	p[0].kind = VMAPI_POINT_EXEC;
	p[0].bytes = 1;
	EQUAL(debug(m, 0, p, 1), -EINVAL);
	p[0].kind = VMAPI_POINT_WRITE;
	p[0].bytes = 3;
	EQUAL(debug(m, 0, p, 1), -EINVAL);
	p[0].bytes = 0;
	EQUAL(debug(m, 0, p, 1), -EINVAL);
	p[0].bytes = 4;
	p[0].address = 2;
	EQUAL(debug(m, 0, p, 1), -EINVAL);
	p[0] = p[1];
	CHECK(n < 40);
	EQUAL(debug(m, 0, p, n + 1), -ENOSPC);
	if (n > 1) { /* both kinds share what there is */
		p[n] = (struct vmapi_debug_point){ .bytes = 1,
			.kind = VMAPI_POINT_WRITE };
		EQUAL(debug(m, 0, p, n + 1), -ENOSPC);
		EQUAL(debug(m, 0, p + 1, n), 0);
	}
	EQUAL(vmapi_vcpu_debug(m->vcpu, NULL), 0);
}

static const struct api_case cases[] = {
	{ "steps", steps },
	{ "a step over an access", step_over_an_access },
	{ "a stop that is forgotten", forgotten },
	{ "a breakpoint instruction", software },
	{ "the guest's own breakpoint", given_back },
	{ "points", points },
	{ "a move between points", moved },
	{ "a kick between points", kicked },
	{ "loops over points", loops },
	{ "accesses at points", accesses },
	{ "an NMI between points", interrupted },
	{ "data points", data_points },
	{ "the guest sees nothing", unseen },
	{ "interrupts are blocked", blocked },
	{ "what is refused", refused },
};

int main(void)
{
	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
