/* SPDX-License-Identifier: MIT */
/* Saves while vcpus run in threads of their own. */
/*
 * Four vcpus compute a checksum each, and ask a device whose answer is always
 * the same; meanwhile their VM is saved again and again.  What goes on, and
 * what every one of the streams goes on to be in another VM, comes to the
 * right sums.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/stream.h"
#include "tests/api/worker.h"

#define VCPUS  4u
#define ANSWER 0x9e3779b9u
#define STREAMS 3u

/*
 * As worker.c's, but of a segment of its own, DX:
 *	xor eax,eax; mov bx,0xffff; mov es,bx; mov ds,dx; mov cx,di
 */
static const uint8_t code[] = { 0x66, 0x31, 0xc0, 0xbb, 0xff, 0xff, 0x8e, 0xc3,
	0x8e, 0xda, 0x89, 0xf9, 0xbe, 0x00, 0x20, 0x66,
	0xc1, 0xc0, 0x05, 0x66, 0x03, 0x04, 0x66, 0x31, 0xf0, 0x66, 0x89, 0x04,
	0x83, 0xc6, 0x04, 0x81, 0xfe, 0x00, 0x30, 0x72, 0xea, 0x26, 0x66, 0x03,
	0x06, 0x20, 0x00, 0x49, 0x75, 0xde, 0x66, 0xe7, 0x11, 0xf4 };

/* inc eax; jmp back: two instructions a round */
static const uint8_t spin[] = { 0x66, 0x40, 0xeb, 0xfc };

static uint32_t expected(unsigned rounds)
{
	static uint32_t page[1024];
	uint32_t eax = 0;
	unsigned n, i;

	memset(page, 0, sizeof(page));
	for (n = 0; n < rounds; n++) {
		for (i = 0; i < 1024; i++) {
			eax = (eax << 5 | eax >> 27) + page[i];
			eax ^= 0x2000 + 4 * i;
			page[i] = eax;
		}
		eax += ANSWER;
	}
	return eax;
}

static const struct vmapi_state_config live = { .size = sizeof(live),
	.flags = VMAPI_SAVE_RUNNING };

/* A save that fails has begun to write. */
static int save_nowhere(struct machine *m,
	const struct vmapi_state_config *config)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), err;

	err = vmapi_vm_save(m->vm, fd, config);
	close(fd);
	return err;
}

/* -- Vcpus and their threads -------------------------------------------- */

struct worker {
	struct vmapi_vcpu *vcpu;
	pthread_t thread;
	bool is_first;
	bool made; /* not the machine's own */
	atomic_bool done;
	int err;
};

static const uint8_t answer[4] = { ANSWER & 0xff, ANSWER >> 8 & 0xff,
	ANSWER >> 16 & 0xff, ANSWER >> 24 };

/* Of vcpu 0.  With two answered its count has changed. */
static atomic_uint answers;

static void wait_for_work(void)
{
	while (atomic_load(&answers) < 2)
		sched_yield();
}

static void *work(void *opaque)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct worker *w = opaque;

	do {
		w->err = vmapi_vcpu_run(w->vcpu, &exit);
		if (!w->err && exit.reason == VMAPI_EXIT_MMIO)
			w->err = vmapi_vcpu_complete(w->vcpu, answer, 4);
		atomic_fetch_add(&answers, w->is_first);
	} while (!w->err && exit.reason == VMAPI_EXIT_MMIO);
	/* At its OUT, or at the HLT behind it if it was saved in between. */
	if (!w->err && exit.reason != VMAPI_EXIT_IO &&
		exit.reason != VMAPI_EXIT_HALT)
		w->err = -EIO;
	atomic_store(&w->done, true);
	return NULL;
}

static void prepare(struct machine *m, struct worker *w, unsigned rounds)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config) };
	unsigned i;

	atomic_store(&answers, 0);
	for (i = 0; i < VCPUS; i++) {
		memset(&w[i], 0, sizeof(w[i]));
		w[i].vcpu = m->vcpu;
		config.id = i;
		w[i].is_first = !i;
		w[i].made = i > 0;
		if (i)
			EQUAL(vmapi_vcpu_create(m->vm, &config, &w[i].vcpu),
				0);
		api_real_mode(w[i].vcpu, API_CODE);
		api_set(w[i].vcpu, VMAPI_X86_RDX, 0x1000u * i);
		api_set(w[i].vcpu, VMAPI_X86_RDI, rounds);
	}
}

static void start(struct worker *w)
{
	unsigned i;

	for (i = 0; i < VCPUS; i++)
		pthread_create(&w[i].thread, NULL, work, &w[i]);
}

static void finish(struct worker *w, unsigned rounds)
{
	unsigned i;

	for (i = 0; i < VCPUS; i++) {
		pthread_join(w[i].thread, NULL);
		EQUAL(w[i].err, 0);
		EQUAL((int64_t)(api_get(w[i].vcpu, VMAPI_X86_RAX) & UINT32_MAX),
			expected(rounds));
	}
}

static void dismiss(struct worker *w)
{
	unsigned i;

	for (i = 0; i < VCPUS; i++)
		if (w[i].made)
			vmapi_vcpu_destroy(w[i].vcpu);
}

static void nap(long us)
{
	const struct timespec ts = { .tv_nsec = us * 1000 };

	nanosleep(&ts, NULL);
}

/* -- The cases ---------------------------------------------------------- */

/* In another VM a stream comes to the same end; true: it had begun. */
static bool goes_on(const struct machine *m, const struct stream *s,
	unsigned rounds)
{
	struct worker w[VCPUS];
	struct machine other;
	bool under_way;

	twin(&other, m->backend, NULL);
	prepare(&other, w, rounds);
	EQUAL(stream_restore(s, s->n, other.vm, NULL), 0);
	under_way = (api_get(w[0].vcpu, VMAPI_X86_RCX) & 0xffff) != rounds;
	start(w);
	finish(w, rounds);
	dismiss(w);
	api_machine_free(&other);
	return under_way;
}

/* Long enough to be saved three times, here. */
static unsigned rounds_of(const struct machine *m)
{
	return strcmp(m->backend, "soft") ? 100 : 2000;
}

static void moved(struct machine *m)
{
	struct stream s[STREAMS];
	struct worker w[VCPUS];
	unsigned n, i, begun = 0, saves = 0, rounds = rounds_of(m);

	api_load(m, code, sizeof(code));
	prepare(m, w, rounds);
	start(w);
	wait_for_work();
	for (n = 0; n < STREAMS && !(n && atomic_load(&w[0].done)); n++) {
		nap(500);
		stream_save(&s[n], m->vm, &live);
		saves++;
	}
	finish(w, rounds);
	for (i = 0; i < saves; i++) {
		begun += goes_on(m, &s[i], rounds);
		stream_free(&s[i]);
	}
	CHECK(begun > 0);
	dismiss(w);
}

/* -- Vcpus that a thread of the library runs ----------------------------- */

static struct vmapi_runner *runners[VCPUS];
static bool ended[VCPUS];

static void host(struct worker *w)
{
	unsigned i;

	for (i = 0; i < VCPUS; i++) {
		ended[i] = false;
		EQUAL(vmapi_runner_create(w[i].vcpu, NULL, &runners[i]), 0);
		EQUAL(vmapi_runner_resume(runners[i]), 0);
	}
}

static void unhost(void)
{
	unsigned i;

	for (i = 0; i < VCPUS; i++)
		vmapi_runner_destroy(runners[i]);
}

/* Take its exit, if there is one, and let it go on behind it. */
static void serve_one(unsigned i)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	bool asks;

	if (vmapi_runner_take(runners[i], &exit))
		return;
	asks = exit.reason == VMAPI_EXIT_MMIO;
	ended[i] = !asks;
	CHECK(asks || exit.reason == VMAPI_EXIT_IO ||
		exit.reason == VMAPI_EXIT_HALT);
	if (asks)
		EQUAL(vmapi_runner_continue(runners[i], answer, 4), 0);
	atomic_fetch_add(&answers, !i);
}

/* Serve what comes within so many milliseconds; false: all have ended. */
static bool serve(int milliseconds)
{
	struct pollfd p[VCPUS];
	unsigned i, n = 0;

	for (i = 0; i < VCPUS; i++) {
		p[n].events = POLLIN;
		if (!ended[i])
			EQUAL(vmapi_runner_fd(runners[i], &p[n++].fd), 0);
	}
	if (n && poll(p, n, milliseconds) > 0)
		for (i = 0; i < VCPUS; i++)
			if (!ended[i])
				serve_one(i);
	return n > 0;
}

static void check_sums(struct worker *w, unsigned rounds)
{
	unsigned i;

	for (i = 0; i < VCPUS; i++) {
		CHECK(ended[i]);
		EQUAL((int64_t)(api_get(w[i].vcpu, VMAPI_X86_RAX) & UINT32_MAX),
			expected(rounds));
	}
}

struct saver {
	struct machine *m;
	struct stream s[STREAMS];
	unsigned n;
};

static void *save_often(void *opaque)
{
	struct saver *saver = opaque;

	wait_for_work();
	for (; saver->n < STREAMS; saver->n++) {
		nap(500);
		stream_save(&saver->s[saver->n], saver->m->vm, &live);
	}
	return NULL;
}

/* One thread saves, another one answers what the runners bring. */
static void hosted(struct machine *m)
{
	unsigned i, begun = 0, rounds = rounds_of(m) / 2;
	struct saver saver = { .m = m };
	struct worker w[VCPUS];
	pthread_t thread;

	api_load(m, code, sizeof(code));
	prepare(m, w, rounds);
	host(w);
	pthread_create(&thread, NULL, save_often, &saver);
	while (serve(1000))
		;
	pthread_join(thread, NULL);
	check_sums(w, rounds);
	unhost();
	EQUAL(saver.n, STREAMS);
	for (i = 0; i < saver.n; i++) {
		begun += goes_on(m, &saver.s[i], rounds);
		stream_free(&saver.s[i]);
	}
	CHECK(begun > 0);
	dismiss(w);
}

/* An event loop stops all of them, answers, saves; and goes back there. */
static void suspended(struct machine *m)
{
	unsigned i, rounds = rounds_of(m) / 2;
	struct worker w[VCPUS];
	struct stream s;

	api_load(m, code, sizeof(code));
	prepare(m, w, rounds);
	host(w);
	for (i = 0; i < 4 * VCPUS; i++)
		serve(1000);
	EQUAL(vmapi_vm_save(m->vm, 1, NULL), -EBUSY);
	for (i = 0; i < VCPUS; i++) {
		EQUAL(vmapi_runner_suspend(runners[i]), 0);
		serve_one(i);
	}
	stream_save(&s, m->vm, NULL);
	for (i = 0; i < VCPUS; i++)
		EQUAL(vmapi_runner_resume(runners[i]), 0);
	while (serve(1000))
		;
	check_sums(w, rounds);
	/* Behind its last exit each waits to be continued. */
	for (i = 0; i < VCPUS; i++)
		EQUAL(vmapi_runner_suspend(runners[i]), 0);
	EQUAL(stream_restore(&s, s.n, m->vm, NULL), 0);
	for (i = 0; i < VCPUS; i++) {
		ended[i] = false;
		EQUAL(vmapi_runner_continue(runners[i], NULL, 0), 0);
		EQUAL(vmapi_runner_resume(runners[i]), 0);
	}
	while (serve(1000))
		;
	check_sums(w, rounds);
	unhost();
	stream_free(&s);
	dismiss(w);
}

/* Nobody else can: its exit wants an answer from whoever saves. */
static void intercepted(struct machine *m)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct worker w[VCPUS] = { { .vcpu = m->vcpu } };
	struct pollfd p = { .events = POLLIN };
	struct stream s;

	worker_load(m);
	EQUAL(vmapi_runner_create(w[0].vcpu, NULL, &runners[0]), 0);
	EQUAL(vmapi_runner_fd(runners[0], &p.fd), 0);
	EQUAL(vmapi_runner_resume(runners[0]), 0);
	EQUAL(poll(&p, 1, 20000), 1);
	EQUAL(save_nowhere(m, &live), -EBUSY);
	CHECK(strstr(vmapi_error_last()->message, "answer"));
	EQUAL(vmapi_vm_save(m->vm, 1, NULL), -EBUSY);
	CHECK(strstr(vmapi_error_last()->message, "answer"));
	/* It is still there, and with its answer all is well. */
	EQUAL(vmapi_runner_take(runners[0], &exit), 0);
	EQUAL(exit.reason, VMAPI_EXIT_MMIO);
	EQUAL(vmapi_vcpu_complete(m->vcpu, answer, 4), 0);
	stream_save(&s, m->vm, &live);
	EQUAL(vmapi_runner_continue(runners[0], NULL, 0), 0);
	EQUAL(poll(&p, 1, 20000), 1);
	EQUAL(vmapi_runner_take(runners[0], &exit), 0);
	EQUAL(exit.reason, VMAPI_EXIT_IO); /* its last */
	vmapi_runner_destroy(runners[0]);
	stream_free(&s);
}

/* One vcpu that counts its kicks. */
struct kicked {
	struct vmapi_vcpu *vcpu;
	atomic_uint kicks;
	atomic_bool stop;
	int err;
};

static void *count_kicks(void *opaque)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct kicked *k = opaque;

	while (!atomic_load(&k->stop) && !k->err) {
		k->err = vmapi_vcpu_run(k->vcpu, &exit);
		if (!k->err && exit.reason != VMAPI_EXIT_KICK)
			k->err = -EIO;
		atomic_fetch_add(&k->kicks, 1);
	}
	return NULL;
}

/* A save is no kick, and takes none away. */
static void kicks(struct machine *m)
{
	struct kicked k = { .vcpu = m->vcpu };
	unsigned n, turns;
	pthread_t thread;
	struct stream s;

	api_load(m, spin, sizeof(spin));
	pthread_create(&thread, NULL, count_kicks, &k);
	for (n = 1; n <= 20; n++) {
		if (n % 2)
			EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
		stream_save(&s, m->vm, &live);
		stream_free(&s);
		if (!(n % 2))
			EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
		for (turns = 0; turns < 5000 && atomic_load(&k.kicks) < n;
			turns++)
			nap(1000);
		EQUAL(atomic_load(&k.kicks), n);
	}
	atomic_store(&k.stop, true);
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	pthread_join(thread, NULL);
	EQUAL(k.err, 0);
	EQUAL(atomic_load(&k.kicks), n);
}

/* Nobody answers: it says so, and all is as it was. */
static void unanswered(struct machine *m)
{
	struct vmapi_exit exit;
	struct stream s;
	uint32_t value = 0;

	worker_load(m);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL(save_nowhere(m, &live), -EBUSY);
	EQUAL(vmapi_vcpu_complete(m->vcpu, &value, 4), 0);
	stream_save(&s, m->vm, &live);
	EQUAL(stream_restore(&s, s.n, m->vm, NULL), 0);
	stream_free(&s);
	EQUAL(stream_restore(&s, 0, m->vm, &live), -EINVAL);
}

/* -- A limit ------------------------------------------------------------ */

#define LIMIT 30000001u

struct limited {
	struct vmapi_vcpu *vcpu;
	struct vmapi_exit exit;
	atomic_bool done;
	int err;
};

static void *run_limited(void *opaque)
{
	struct limited *l = opaque;

	l->err = vmapi_vcpu_run_limit(l->vcpu, LIMIT, &l->exit);
	atomic_store(&l->done, true);
	return NULL;
}

/* Stops do not count, and what came before them does. */
static void limited(struct machine *m)
{
	struct limited l = { .vcpu = m->vcpu, .exit.size = sizeof(l.exit) };
	pthread_t thread;
	struct stream s;
	unsigned n = 0;

	api_load(m, spin, sizeof(spin));
	if (!api_cap(m, VMAPI_CAP_RUN_LIMIT)) {
		run_limited(&l);
		EQUAL(l.err, -ENOTSUP);
		return;
	}
	api_set(m->vcpu, VMAPI_X86_RAX, 0);
	pthread_create(&thread, NULL, run_limited, &l);
	for (; !atomic_load(&l.done); n++) {
		stream_save(&s, m->vm, &live);
		stream_free(&s);
		nap(2000);
	}
	pthread_join(thread, NULL);
	EQUAL(l.err, 0);
	CHECK(n > 0);
	EQUAL(l.exit.reason, VMAPI_EXIT_LIMIT);
	EQUAL((int64_t)l.exit.retired, LIMIT);
	EQUAL((int64_t)(api_get(m->vcpu, VMAPI_X86_RAX) & UINT32_MAX),
		(LIMIT + 1) / 2);
}

/* -- The application's say ---------------------------------------------- */

struct asked {
	struct vmapi_vcpu *vcpu;
	unsigned calls;
	int state_err;
};

/* Nothing moves meanwhile, and who has it stopped gets no answer for ever. */
static int look(void *opaque)
{
	struct asked *a = opaque;
	uint64_t rip = 0;
	struct vmapi_reg reg = { .tag = VMAPI_X86_RIP, .data = &rip,
		.bytes = sizeof(rip) };

	a->calls++;
	a->state_err = vmapi_regs_get(a->vcpu, &reg, 1, NULL, 0);
	return a->calls > 1 ? -EXDEV : 0;
}

static void asked(struct machine *m)
{
	struct asked a = { .vcpu = m->vcpu };
	struct vmapi_state_config config = live;
	struct kicked k = { .vcpu = m->vcpu };
	pthread_t thread;
	struct stream s;

	config.check = look;
	config.opaque = &a;
	api_load(m, spin, sizeof(spin));
	pthread_create(&thread, NULL, count_kicks, &k);
	stream_save(&s, m->vm, &config);
	stream_free(&s);
	EQUAL(a.calls, 1);
	EQUAL(a.state_err, -EBUSY);
	EQUAL(save_nowhere(m, &config), -EXDEV);
	atomic_store(&k.stop, true);
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	pthread_join(thread, NULL);
	EQUAL(k.err, 0);
}

static const struct api_case cases[] = {
	{ "four vcpus that compute", moved },
	{ "four that runners have", hosted },
	{ "runners, suspended for it", suspended },
	{ "a runner's exit without an answer", intercepted },
	{ "kicks", kicks },
	{ "an exit that nobody answers", unanswered },
	{ "a run with a limit", limited },
	{ "the application is asked", asked },
};

int main(void)
{
	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
