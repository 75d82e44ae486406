/* SPDX-License-Identifier: MIT */
/* Every system call and every allocation fails in turn, in every way. */
/*
 * A scenario (scenario.h) is a short use of the interface.  It runs once and
 * what it asks of the host is counted; then again for each of these calls and
 * each errno that this call can give (calls.def, requests.def), with that one
 * failing.  After each: the function that was called says so, with that errno
 * and a sentence of its own; the same is done again without a fault, on the
 * same objects, and works; and when all is destroyed the process has what it
 * had before: allocations, mappings, descriptors, threads, timers.
 *
 * Then storms: every call that may be interrupted, or told to come again, is
 * so several times before it works, and nobody notices.  Reads and writes
 * move a part.  Descriptors run out at each number of them.
 *
 * Where a failure costs nothing, or is told by another number, reasons.def
 * says so, and why; a row that nothing needs is a failure (of "all").  In the end all
 * sites are looked at (sites.h): one that was never reached, or never failed,
 * needs a reason there, too.
 *
 * Of calls that are alike (scenario, site, errno) only the first and the last
 * one fail, unless the argument is "all".
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/compiler.h"
#include "lib/kvm/kvm.h"
#include "tests/fault/fault.h"
#include "tests/fault/kernel.h"
#include "tests/fault/scenario.h"
#include "tests/fault/sites.h"
#undef vmi_sys

static unsigned failures, rounds, faults, unnoticed;
static const char *now_name, *now_backend;
static bool all;

static void complain(const char *what)
{
	printf("%s on %s: %s\n", now_name, now_backend, what);
	failures++;
}

/* -- Reasons ------------------------------------------------------------ */

struct reason {
	const char *function;
	const char *call;
	int code; /* positive; 0: any */
	int becomes; /* positive; 0: success */
	const char *why;
	unsigned used;
	bool by_chance;
};

static struct reason reasons[] = {
#define FAULT_COSTS_NOTHING(function, call, code, why)                         \
	{ function, call, code, 0, why, 0, false },
#define FAULT_BECOMES(function, call, code, becomes, why)                      \
	{ function, call, code, becomes, why, 0, false },
#define FAULT_UNREACHED(function, why)
#define FAULT_BY_CHANCE(function, why)
#include "tests/fault/reasons.def"
#undef FAULT_COSTS_NOTHING
#undef FAULT_BECOMES
#undef FAULT_UNREACHED
#undef FAULT_BY_CHANCE
	{ NULL, NULL, 0, 0, NULL, 0, false },
};

static struct reason unreached[] = {
#define FAULT_COSTS_NOTHING(function, call, code, why)
#define FAULT_BECOMES(function, call, code, becomes, why)
#define FAULT_UNREACHED(function, why) { function, NULL, 0, 0, why, 0, false },
#define FAULT_BY_CHANCE(function, why) { function, NULL, 0, 0, why, 0, true },
#include "tests/fault/reasons.def"
#undef FAULT_COSTS_NOTHING
#undef FAULT_BECOMES
#undef FAULT_UNREACHED
#undef FAULT_BY_CHANCE
	{ NULL, NULL, 0, 0, NULL, 0, false },
};

/* "open", "KVM_RUN" */
static const char *call_name(const struct fault_event *e)
{
	return e->call == FAULT_CALL_ioctl ? vmi_kvm_request_name((uint32_t)e->request)
					   : fault_kinds[e->call].name;
}

static bool is_excused(const struct fault_event *e, int code, int rc)
{
	struct reason *r;

	if (fault_result(e) == DONE && !rc)
		return true;
	for (r = reasons; r->function; r++) {

		if (strcmp(r->function, e->site->function) ||
			(strcmp(r->call, "*") &&
				strcmp(r->call, call_name(e))) ||
			(r->code && r->code != code) || r->becomes != -rc)
			continue;
		r->used++;
		return true;
	}
	return false;
}

/* -- Worlds ------------------------------------------------------------- */

void fault_holds(struct world *w, bool good, const char *what,
	const char *file, int line)
{
	if (good)
		return;
	printf("%s:%d: not so: %s\n", file, line, what);
	w->wrong = true;
}

static int enter(struct world *w, const struct scenario *s, const char *backend)
{
	struct vmapi_ram_config ram = { .size = sizeof(ram),
		.bytes = FAULT_RAM, .name = "main" };
	struct vmapi_vm_config config = s->config;
	int err = 0;

	memset(w, 0, sizeof(*w));
	memset(w->fds, -1, sizeof(w->fds));
	w->backend = backend;
	fault_kernel_reset();
	if (s->base >= BASE_CONTEXT)
		err = vmapi_open(backend, 0, &w->ctx);
	if (!err && s->base >= BASE_MACHINE) {
		config.size = sizeof(config);
		err = vmapi_vm_create(w->ctx, &config, &w->vm);
		if (!err)
			err = vmapi_vm_as(w->vm, &w->as);
		if (!err)
			err = vmapi_ram_create(w->ctx, &ram, &w->ram);
		if (!err)
			err = vmapi_vcpu_create(w->vm, NULL, &w->vcpu);
		if (!err)
			err = fault_map(w, 0, FAULT_RAM, 0, VMAPI_MAP_LOG);
	}
	return !err && s->prepare ? s->prepare(w) : err;
}

static void leave(struct world *w, const struct scenario *s)
{
	size_t i;

	if (s->finish)
		s->finish(w);
	for (i = 0; i < vmi_array_len(w->fds); i++)
		if (w->fds[i] >= 0)
			close(w->fds[i]);
	vmapi_vcpu_destroy(w->vcpu);
	vmapi_ram_destroy(w->ram);
	vmapi_as_destroy(w->as);
	vmapi_vm_destroy(w->vm);
	vmapi_close(w->ctx);
}

/* -- One round ---------------------------------------------------------- */

#define PATIENCE 20 /* seconds */

#define MARK "no such backend as this"

/* So that an old record is not taken for a new one. */
static void mark_record(void)
{
	struct vmapi *none;

	(void)vmapi_open(MARK, 0, &none);
}

/* The record is of the call that failed, and says something. */
static void check_record(const struct world *w, int rc, enum fault_mode mode)
{
	const struct vmapi_error *e = vmapi_error_last();
	size_t n = strlen(e->operation);

	/* With all broken what takes things back fails later. */
	if (mode == FAULT_DEAD && e->message[0])
		return;
	if (e->code != rc || !e->message[0] || strstr(e->message, MARK) ||
		!n || strncmp(e->operation, w->call, n)) {
		printf("%s gave %d, the record has %d, %s: %s\n", w->call, rc,
			e->code, e->operation, e->message);
		complain("the error record is of something else");
	}
}

static void check_ledger(const struct fault_ledger *before)
{
	struct fault_ledger l = fault_ledger();

	if (!memcmp(before, &l, sizeof(l)))
		return;
	printf("left: %ld allocations, %ld bytes mapped, %ld threads, "
		"%ld timers, %ld descriptors\n",
		l.allocations - before->allocations,
		l.mapped - before->mapped, l.threads - before->threads,
		l.timers - before->timers,
		l.descriptors - before->descriptors);
	complain("something leaked");
}

struct round {
	enum fault_mode mode;
	unsigned at;
	int code;
	unsigned injected; /* out */
	unsigned calls;	   /* out */
	struct fault_event event; /* FAULT_ONE: like the one that fails */
	int told; /* out: by a callback */
};

static volatile const struct round *playing;

/* A round that hangs: which one it is. */
static void on_alarm(int number)
{
	(void)number;
	printf("%s on %s hangs: mode %d, call %u, %s\n", now_name,
		now_backend, playing->mode, playing->at,
		strerror(playing->code));
	_exit(EXIT_FAILURE);
}

/* What the scenario said in the end. */
static int play(const struct scenario *s, const char *backend, struct round *r)
{
	struct fault_ledger before = fault_ledger();
	struct world w;
	int rc, again;

	rounds++;
	playing = r;
	alarm(PATIENCE);
	if (enter(&w, s, backend)) {
		printf("%s: %s\n", vmapi_error_last()->operation,
			vmapi_error_last()->message);
		complain("it cannot be prepared");
		leave(&w, s);
		return 0;
	}
	mark_record();
	fault_begin(r->mode, r->at, r->code, &r->event);
	rc = s->act(&w);
	r->calls = fault_end();
	r->injected = fault_injected();
	r->told = w.told;
	if (rc)
		check_record(&w, rc, r->mode);
	again = s->flags & NO_AGAIN || r->mode == FAULT_DEAD ? 0 : s->act(&w);
	if (again) {
		printf("again: %s gives %d: %s\n", w.call, again,
			vmapi_error_last()->message);
		complain("it does not work afterwards");
	}
	if (w.wrong)
		complain("a condition does not hold");
	leave(&w, s);
	check_ledger(&before);
	return rc;
}

/* -- One fault after the other ------------------------------------------ */

static void show_fault(const struct round *r, int rc)
{
	const struct fault_event *e = &r->event;

	printf("%s:%u: %s(), %s gives %s, and that is %s (%s)\n",
		e->site->file, e->site->line, e->site->function, call_name(e),
		strerror(r->code),
		rc ? strerror(-rc) : "nothing",
		rc ? vmapi_error_last()->message : "");
}

/* The one that fails is number `at` of those that are like this event. */
static void one_fault(const struct scenario *s, const char *backend,
	const struct fault_event *event, unsigned at, int code)
{
	struct round r = { .mode = FAULT_ONE, .at = at, .code = code,
		.event = *event };
	unsigned failed = failures;
	int rc = play(s, backend, &r);

	if (!rc)
		rc = r.told;
	if (!r.injected || fault_result(&r.event) == NEVER) {
		if (!(s->flags & RACES))
			complain("other calls were made than before");
		return;
	}
	faults++;
	unnoticed += !rc;
	if (rc != -code && !is_excused(&r.event, code, rc))
		complain("it is told otherwise");
	if (failures != failed)
		show_fault(&r, rc);
}

/* How many there are like `like`. */
static unsigned count_alike(const struct fault_event *events, unsigned n,
	const struct fault_event *like)
{
	unsigned i, count = 0;

	for (i = 0; i < n; i++)
		count += fault_is_alike(&events[i], like);
	return count;
}

static bool is_first_or_last(
	const struct fault_event *events, unsigned n, unsigned at)
{
	return !count_alike(events, at, &events[at]) ||
		!count_alike(events + at + 1, n - at - 1, &events[at]);
}

static void each_fault(const struct scenario *s, const char *backend,
	const struct fault_event *events, unsigned n)
{
	const int *code;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (fault_kinds[events[i].call].result == NEVER ||
			(!all && !is_first_or_last(events, n, i)))
			continue;
		for (code = fault_errnos(&events[i]); *code; code++)
			one_fault(s, backend, &events[i],
				count_alike(events, i, &events[i]) + 1, *code);
	}
}

/*
 * The kernel gives the VM up in the middle (api.rst 4): all fails from there
 * on, and what was made goes nevertheless.
 */
static void each_death(const struct scenario *s, const char *backend,
	const struct fault_event *events, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		struct round r = { .mode = FAULT_DEAD, .at = i + 1,
			.code = EIO };

		if (events[i].call == FAULT_CALL_ioctl &&
			(all || is_first_or_last(events, n, i)))
			(void)play(s, backend, &r);
	}
}

/* -- Storms and shortages ----------------------------------------------- */

static void storm(const struct scenario *s, const char *backend,
	enum fault_mode mode, int code)
{
	struct round r = { .mode = mode, .at = 3, .code = code };
	int rc;

	if (mode == FAULT_SHORT && s->flags & NO_SHORT)
		return;
	rc = play(s, backend, &r);
	if (!rc)
		return;
	printf("%s: %d, %s\n", mode == FAULT_SHORT ? "short" : strerror(code),
		rc, vmapi_error_last()->message);
	complain("it does not weather a storm");
}

/* With one descriptor more each time, until it works. */
static void exhaustion(const struct scenario *s, const char *backend)
{
	struct rlimit was, limit;
	struct fault_ledger before;
	struct world w;
	int rc = -EMFILE;

	getrlimit(RLIMIT_NOFILE, &was);
	limit = was;
	if (enter(&w, s, backend))
		return;
	for (limit.rlim_cur = 3; rc && limit.rlim_cur < 200;
		limit.rlim_cur++) {
		before = fault_ledger();
		rounds++;
		mark_record();
		setrlimit(RLIMIT_NOFILE, &limit);
		rc = s->act(&w);
		setrlimit(RLIMIT_NOFILE, &was);
		if (rc)
			check_record(&w, rc, FAULT_ONE);
		if (rc && rc != -EMFILE) {
			printf("with %u descriptors: %d, %s\n",
				(unsigned)limit.rlim_cur, rc,
				vmapi_error_last()->message);
			complain("descriptors ran out, and it says otherwise");
		}
		if (rc && fault_ledger().descriptors != before.descriptors)
			complain("a descriptor is left over");
	}
	if (rc)
		complain("there are never enough descriptors");
	leave(&w, s);
}

/* -- All of it ---------------------------------------------------------- */

static void run_on(const struct scenario *s, const char *backend)
{
	struct round r = { .mode = FAULT_COUNT };
	struct fault_event *events;
	unsigned i, n;

	now_name = s->name;
	now_backend = backend;
	/* Once more: what is done once for a thread or a process is done. */
	if (play(s, backend, &r) || play(s, backend, &r)) {
		complain("it does not work without a fault");
		return;
	}
	n = r.calls;
	events = calloc(n + 1, sizeof(*events));
	for (i = 0; i < n; i++)
		events[i] = *fault_event(i + 1);
	each_fault(s, backend, events, n);
	each_death(s, backend, events, n);
	free(events);
	storm(s, backend, FAULT_STORM, EINTR);
	storm(s, backend, FAULT_STORM, EAGAIN);
	storm(s, backend, FAULT_SHORT, 0);
	if (!(s->flags & OWN_FDS))
		exhaustion(s, backend);
}

static void run_all(const struct scenario *s, const char *only)
{
	unsigned before;

	for (; s->name; s++) {
		if (only && strcmp(only, s->name))
			continue;
		before = rounds;
		if (s->where & ON_SOFT)
			run_on(s, "soft");
		if (s->where & ON_KVM && FAULT_HAS_KERNEL)
			run_on(s, "kvm");
		printf("%-20s %6u rounds\n", s->name, rounds - before);
	}
}

/* -- The sites ---------------------------------------------------------- */

static bool is_known(const struct fault_site *site)
{
	struct reason *r;

	for (r = unreached; r->function; r++)
		if (!strcmp(r->function, site->function)) {
			r->used++;
			return true;
		}
	/* No clang compiled any. */
	return !fault_has_programs && (strstr(site->file, "/region/bpf/") ||
		strstr(site->file, "/core/program"));
}

static void look_at_sites(void)
{
	unsigned n, reached = 0, failed = 0, harmless = 0, excused = 0;
	const struct fault_site *s;

	for (n = 0; (s = fault_sites(n)); n++) {
		reached += s->calls != 0;
		if (s->faults)
			failed++;
		else if (s->calls && !s->told)
			harmless++;
		else if (is_known(s))
			excused++;
		else {
			printf("%s:%u: %s() never %s\n", s->file, s->line,
				s->function, s->calls ? "failed" : "reached");
			failures++;
		}
	}
	printf("sites: %u, reached %u, failed %u; %u cannot fail, %u have a "
		"reason\n", n, reached, failed, harmless, excused);
}

/* Not every build has every function. */
static bool exists(const char *function)
{
	const struct fault_site *s;
	size_t n;

	for (n = 0; (s = fault_sites(n)); n++)
		if (!strcmp(s->function, function))
			return true;
	return false;
}

static bool is_by_chance(const char *function)
{
	const struct reason *r;

	for (r = unreached; r->function; r++)
		if (r->by_chance && !strcmp(r->function, function))
			return true;
	return false;
}

static void look_at_reasons(const struct reason *r)
{
	for (; r->function; r++)
		if (!r->used && exists(r->function) &&
			!is_by_chance(r->function)) {
			printf("reasons.def: nothing needs %s, %s\n",
				r->function, r->call ? r->call : "unreached");
			failures++;
		}
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 && strcmp(argv[1], "all") ? argv[1] : NULL;

	all = argc > 1 && !only;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGALRM, on_alarm);
	fault_kernel_install();
	fault_install();
	run_all(fault_core, only);
	run_all(fault_events, only);
	run_all(fault_state, only);
	run_all(fault_remote, only);
	run_all(fault_loop, only);
	run_all(fault_x86, only);
	if (!only) {
		look_at_sites();
		look_at_reasons(unreached);
	}
	if (all)
		look_at_reasons(reasons);
	printf("%u rounds, %u faults, of which %u cost nothing; %u failures\n",
		rounds, faults, unnoticed, failures);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
