/* SPDX-License-Identifier: MIT */
/* Runs the machine: a thread for each processor, and one for the user. */
/*
 * A processor's thread runs it until it exits, serves the exit and runs it
 * again.  The main thread waits for the user's keys, for signals and for the
 * library's timers.
 *
 * Stopping.  Whoever wants the machine stopped, for its end, for a reset or
 * to be saved, calls ask(): it records why (the first wins, but an end beats all),
 * raises `stop` and kicks every vcpu.  Kicks are sticky: a thread that was
 * about to enter the guest comes out again.  The threads park; when all
 * have, the main thread resets or saves the machine and lets them go, or lets
 * them end.
 */
#include "machine.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 3 /* seconds for a processor to stop */

/* -- Stopping ----------------------------------------------------------- */

static void wake_main(struct control *control)
{
	ssize_t done = write(control->pipe[1], "w", 1);

	(void)done; /* a full pipe wakes it as well */
}

static void ask(struct machine *m, enum action action, int status)
{
	struct control *control = &m->control;
	unsigned i;

	pthread_mutex_lock(&control->lock);
	if (control->action == ACTION_NONE ||
		(control->action != ACTION_EXIT && action == ACTION_EXIT)) {
		control->action = action;
		control->status = status;
	}
	atomic_store(&control->stop, true);
	for (i = 0; i < m->n_cpus; i++)
		vmapi_vcpu_kick(m->cpus[i].vcpu);
	pthread_mutex_unlock(&control->lock);
	wake_main(control);
}

void machine_give_up(void *opaque)
{
	ask(opaque, ACTION_EXIT, STATUS_MACHINE);
}

/* Wait until the stop is over.  False: the thread shall end. */
static bool park(struct control *control)
{
	unsigned round;
	bool ending;

	pthread_mutex_lock(&control->lock);
	round = control->round;
	control->parked++;
	pthread_cond_broadcast(&control->changed);
	while (!control->ending && control->round == round)
		pthread_cond_wait(&control->changed, &control->lock);
	control->parked--;
	ending = control->ending;
	pthread_mutex_unlock(&control->lock);
	return !ending;
}

/* -- Exits -------------------------------------------------------------- */

static void die(struct cpu *cpu, const struct vmapi_exit *exit,
	const char *why)
{
	death_dump(cpu, exit, why);
	ask(cpu->machine, ACTION_EXIT, STATUS_DIED);
}

static void reset(struct cpu *cpu, const struct vmapi_exit *exit,
	const char *why)
{
	struct machine *m = cpu->machine;
	char text[64];

	if (!m->options->no_reboot) {
		ask(m, ACTION_RESET, 0);
		return;
	}
	snprintf(text, sizeof(text), "reset by %s", why);
	death_dump(cpu, exit, text);
	ask(m, ACTION_EXIT, STATUS_RESET);
}

/* What a device asked for while it served an access. */
static void act(struct cpu *cpu, const struct vmapi_exit *exit,
	enum action action)
{
	struct board *board = &cpu->machine->board;

	if (action == ACTION_EXIT)
		ask(cpu->machine, ACTION_EXIT, board->code);
	else if (action == ACTION_RESET)
		reset(cpu, exit, board->why);
}

static int serve_io(struct cpu *cpu, struct vmapi_exit *exit)
{
	struct vmapi_exit_io *io = &exit->u.io;
	enum action action = board_io(&cpu->machine->board, io);
	int err = 0;

	if (exit->flags & VMAPI_EXIT_ANSWER)
		err = vmapi_vcpu_complete(cpu->vcpu, io->data,
			(size_t)io->width * io->count);
	act(cpu, exit, action);
	return err;
}

static int serve_mmio(struct cpu *cpu, struct vmapi_exit *exit)
{
	struct vmapi_exit_mmio *mmio = &exit->u.mmio;
	enum action action = board_mmio(&cpu->machine->board, mmio);
	int err = 0;

	if (exit->flags & VMAPI_EXIT_ANSWER)
		err = vmapi_vcpu_complete(cpu->vcpu, mmio->data,
			mmio->length);
	act(cpu, exit, action);
	return err;
}

/*
 * A device's process has died in the middle of this access: it is tried again
 * with the next one, as often as it takes.  Kicks come through.
 */
static int serve_region(struct cpu *cpu, struct vmapi_exit *exit)
{
	devices_wait(cpu->machine, exit->u.region.address);
	return vmapi_vcpu_complete(cpu->vcpu, NULL, 0);
}

static int serve_shutdown(struct cpu *cpu, struct vmapi_exit *exit)
{
	reset(cpu, exit, "a triple fault");
	return 0;
}

static int serve_hypercall(struct cpu *cpu, struct vmapi_exit *exit)
{
	uint64_t result;
	int err;

	if (!(exit->flags & VMAPI_EXIT_ANSWER))
		return 0;
	err = hypercalls_answer(cpu->machine, &exit->u.hypercall, &result);
	if (err == 0)
		err = vmapi_vcpu_complete(cpu->vcpu, &result, sizeof(result));
	return err;
}

static int serve_limit(struct cpu *cpu, struct vmapi_exit *exit)
{
	struct machine *m = cpu->machine;

	(void)exit;
	ask(m, m->options->save != NULL ? ACTION_SAVE : ACTION_EXIT,
		STATUS_LIMIT);
	return 0;
}

static int serve_nothing(struct cpu *cpu, struct vmapi_exit *exit)
{
	(void)cpu;
	(void)exit;
	return 0;
}

/* The others mean that the guest cannot go on. */
typedef int serve_fn(struct cpu *cpu, struct vmapi_exit *exit);

static serve_fn *const serve[REASONS] = {
	[VMAPI_EXIT_NONE] = serve_nothing, /* the end of a slice: budget.c */
	[VMAPI_EXIT_KICK] = serve_nothing,
	[VMAPI_EXIT_LIMIT] = serve_limit,
	[VMAPI_EXIT_IO] = serve_io,
	[VMAPI_EXIT_MMIO] = serve_mmio,
	[VMAPI_EXIT_SHUTDOWN] = serve_shutdown,
	[VMAPI_EXIT_IRQ_WINDOW] = serve_nothing,
	[VMAPI_EXIT_HYPERCALL] = serve_hypercall,
	[VMAPI_EXIT_REGION] = serve_region,
	[VMAPI_EXIT_EOI] = serve_nothing
};

static void dispatch(struct cpu *cpu, struct vmapi_exit *exit)
{
	unsigned slot = exit->reason < REASONS ? exit->reason : REASONS - 1;

	cpu->exits[slot]++;
	if (exit->flags & VMAPI_EXIT_COUNTED)
		cpu->retired += exit->retired;
	if (serve[slot] == NULL) {
		die(cpu, exit, "the guest cannot go on");
	} else if (serve[slot](cpu, exit) != 0) {
		complain("answering an exit");
		ask(cpu->machine, ACTION_EXIT, STATUS_MACHINE);
	}
}

/* -- Processors --------------------------------------------------------- */

static bool is_to_save(struct control *control)
{
	bool is;

	pthread_mutex_lock(&control->lock);
	is = control->action == ACTION_SAVE;
	pthread_mutex_unlock(&control->lock);
	return is;
}

/*
 * The kick may have come while a device's process was asked: a machine that
 * shall be saved needs the answer first.
 */
static void settle(struct cpu *cpu)
{
	struct machine *m = cpu->machine;
	struct vmapi_exit exit;
	int err = 0;

	while (err == 0 && m->options->device_process &&
		is_to_save(&m->control)) {
		exit.size = sizeof(exit);
		err = vmapi_vcpu_settle(cpu->vcpu, &exit);
		if (err != 0 || exit.reason == VMAPI_EXIT_SETTLED)
			break;
		dispatch(cpu, &exit);
	}
}

static void *run_cpu(void *opaque)
{
	struct cpu *cpu = opaque;
	struct machine *m = cpu->machine;
	struct vmapi_exit exit;
	struct timespec time;
	int err;

	for (;;) {
		if (atomic_load(&m->control.stop)) {
			settle(cpu);
			if (!park(&m->control))
				break;
			continue;
		}
		exit.size = sizeof(exit);
		if (m->options->max_instructions != 0)
			err = budget_run(cpu, &exit);
		else
			err = vmapi_vcpu_run(cpu->vcpu, &exit);
		if (err == 0) {
			dispatch(cpu, &exit);
			continue;
		}
		complain("cannot run the guest");
		ask(m, ACTION_EXIT, STATUS_MACHINE);
	}
	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0)
		cpu->seconds = (double)time.tv_sec + (double)time.tv_nsec / 1e9;
	return NULL;
}

static int start_threads(struct machine *m)
{
	unsigned i;
	int err;

	for (i = 0; i < m->n_cpus; i++) {
		struct cpu *cpu = &m->cpus[i];

		err = pthread_create(&cpu->thread, NULL, run_cpu, cpu);
		if (err != 0) {
			fprintf(stderr, "vmapi-boot: thread: %s\n",
				strerror(err));
			return STATUS_MACHINE;
		}
		cpu->started = true;
	}
	return 0;
}

/* Until `n` threads are parked; false: one of them does not come. */
static bool wait_parked(struct control *control, unsigned n)
{
	struct timespec until;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	while (control->parked < n && err == 0)
		err = pthread_cond_timedwait(&control->changed,
			&control->lock, &until);
	return control->parked >= n;
}

/*
 * A thread that hangs in a write to a full pipe cannot be stopped: then the
 * process ends without it.
 */
static void end_threads(struct machine *m)
{
	struct control *control = &m->control;
	unsigned i, n = 0;

	for (i = 0; i < m->n_cpus; i++)
		n += m->cpus[i].started;
	pthread_mutex_lock(&control->lock);
	atomic_store(&control->stop, true);
	if (!wait_parked(control, n)) {
		terminal_restore();
		fprintf(stderr, "vmapi-boot: a processor does not stop\n");
		_exit(control->status < 0 ? 128 - control->status
					  : control->status);
	}
	control->ending = true;
	pthread_cond_broadcast(&control->changed);
	pthread_mutex_unlock(&control->lock);
	for (i = 0; i < m->n_cpus; i++)
		if (m->cpus[i].started)
			pthread_join(m->cpus[i].thread, NULL);
}

/* -- The main thread ---------------------------------------------------- */

static volatile sig_atomic_t signal_seen;
static volatile sig_atomic_t continued;

static void note_signal(int signal)
{
	if (signal == SIGCONT)
		continued = 1;
	else
		signal_seen = signal;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGCONT };

/* They are blocked but while the main thread waits in ppoll(). */
static void catch_signals(sigset_t *waiting)
{
	struct sigaction action;
	sigset_t blocked;
	size_t i;

	memset(&action, 0, sizeof(action));
	action.sa_handler = note_signal;
	sigemptyset(&blocked);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], &action, NULL);
		sigaddset(&blocked, signals[i]);
	}
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	pthread_sigmask(SIG_BLOCK, &blocked, waiting);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigdelset(waiting, signals[i]);
}

/* As many keys as the serial port has room for. */
static void feed_keys(struct machine *m)
{
	uint8_t key;

	pthread_mutex_lock(&m->board.lock);
	while (uart_room(&m->uart) > 0 && input_take(&m->input, &key))
		uart_receive(&m->uart, key);
	pthread_mutex_unlock(&m->board.lock);
}

/* Reset or save the machine, every processor being parked; let them go. */
static void hold(struct machine *m)
{
	struct control *control = &m->control;
	int status = STATUS_MACHINE;

	if (wait_parked(control, m->n_cpus)) {
		if (control->action == ACTION_RESET)
			status = machine_start(m);
		else if (control->action == ACTION_SAVE)
			status = machine_save(m);
		else
			return; /* meanwhile somebody ended it */
		if (status == 0) /* of a save: how to leave then */
			status = control->status;
	}
	if (status != 0) {
		if (control->parked < m->n_cpus)
			fprintf(stderr, "vmapi-boot: a processor does not "
				"stop\n");
		control->action = ACTION_EXIT;
		control->status = status;
		return;
	}
	control->action = ACTION_NONE;
	control->round++;
	atomic_store(&control->stop, false);
	pthread_cond_broadcast(&control->changed);
}

/* Do what was asked for; false: it is the end. */
static bool goes_on(struct machine *m)
{
	struct control *control = &m->control;
	bool on;

	pthread_mutex_lock(&control->lock);
	if (control->action == ACTION_RESET ||
		control->action == ACTION_SAVE)
		hold(m);
	on = control->action == ACTION_NONE;
	pthread_mutex_unlock(&control->lock);
	return on;
}

static void serve_keys(struct machine *m)
{
	switch (input_read(&m->input)) {
	case KEY_LEAVE: ask(m, ACTION_EXIT, STATUS_OFF); break;
	case KEY_SAVE:
		if (m->options->save != NULL)
			ask(m, ACTION_SAVE, 0);
		break;
	default: break;
	}
}

/* What poll() found. */
static void serve_events(struct machine *m, const struct pollfd *fds)
{
	char drain[64];

	if (continued) {
		continued = 0;
		terminal_continue();
	}
	if (signal_seen != 0)
		ask(m, ACTION_EXIT, -signal_seen);
	if (fds[0].revents & POLLIN)
		while (read(fds[0].fd, drain, sizeof(drain)) > 0)
			continue;
	if (fds[1].revents & POLLIN)
		vmapi_vm_service(m->vm);
	if (fds[2].revents != 0)
		serve_keys(m);
	feed_keys(m);
}

static int main_loop(struct machine *m, const sigset_t *waiting)
{
	struct pollfd fds[3] = {
		{ .fd = m->control.pipe[0], .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN }
	};

	if (vmapi_vm_pollfd(m->vm, &fds[1].fd) != 0)
		return complain("poll descriptor");
	input_open(&m->input);
	do {
		fds[2].fd = input_wanted(&m->input) ? STDIN_FILENO : -1;
		fds[0].revents = fds[1].revents = fds[2].revents = 0;
		if (ppoll(fds, 3, NULL, waiting) < 0 && errno != EINTR)
			ask(m, ACTION_EXIT, STATUS_MACHINE);
		serve_events(m, fds);
	} while (goes_on(m));
	return m->control.status;
}

static int make_control(struct control *control)
{
	pthread_mutex_init(&control->lock, NULL);
	pthread_cond_init(&control->changed, NULL);
	if (pipe2(control->pipe, O_CLOEXEC | O_NONBLOCK) == 0)
		return 0;
	fprintf(stderr, "vmapi-boot: pipe: %s\n", strerror(errno));
	return STATUS_MACHINE;
}

int machine_run(struct machine *m)
{
	sigset_t waiting;
	int status;

	status = make_control(&m->control);
	if (status != 0)
		return status;
	budget_init(&m->budget, m->options->max_instructions);
	catch_signals(&waiting);
	status = m->options->restore != NULL ? machine_restore(m)
					     : machine_start(m);
	if (status == 0) {
		terminal_raw();
		status = start_threads(m);
		if (status == 0)
			status = main_loop(m, &waiting);
		m->control.status = status;
		ask(m, ACTION_EXIT, status);
		end_threads(m);
		terminal_restore();
	}
	close(m->control.pipe[0]);
	close(m->control.pipe[1]);
	return status;
}

/* -- What it did -------------------------------------------------------- */

void machine_stats(const struct machine *m)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	uint64_t exits[REASONS] = { 0 }, retired = 0;
	double seconds = 0;
	const char *name;
	unsigned i, r;

	for (i = 0; i < m->n_cpus; i++) {
		retired += m->cpus[i].retired;
		seconds += m->cpus[i].seconds;
		for (r = 0; r < REASONS; r++)
			exits[r] += m->cpus[i].exits[r];
	}
	fprintf(stderr, "vmapi-boot: backend       %s\n",
		vmapi_backend_name(m->ctx));
	if (vmapi_cap_get(m->ctx, VMAPI_CAP_ICOUNT, &cap) == 0 &&
		cap.value != 0)
		fprintf(stderr, "vmapi-boot: instructions  %" PRIu64 "\n"
			"vmapi-boot: MIPS          %.1f\n", retired,
			seconds > 0 ? (double)retired / seconds / 1e6 : 0);
	else
		fprintf(stderr, "vmapi-boot: instructions  not counted by "
			"this backend\n");
	fprintf(stderr, "vmapi-boot: cpu seconds   %.3f\n", seconds);
	for (r = VMAPI_EXIT_NONE + 1; r < REASONS; r++) {
		name = vmapi_exit_name(r);
		if (exits[r] != 0)
			fprintf(stderr, "vmapi-boot: exits %-12s %" PRIu64
				"\n", name != NULL ? name : "other",
				exits[r]);
	}
}
