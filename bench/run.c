/* SPDX-License-Identifier: MIT */
/* Times the software processor beside QEMU's TCG and prints one table. */
/*
 * Both emulators run the same guest, pinned to one core, in turn.  Time is
 * the CPU clock of the emulator's process, read when a line of the guest
 * arrives: what else the machine does changes little, and neither start-up
 * nor loading counts.  Runs are interleaved and medians compared; a ratio of
 * 0.5 says that this library takes twice TCG's time.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 9
#define ARGS_MAX 40

enum { OURS, TCG, EMULATORS };

struct kernel {
	const char *name, *what;
	int integer; /* part of the mean */
};

static const struct kernel kernels[] = {
	{ "alu", "integer ALU loop", 1 },
	{ "sieve", "sieve", 1 },
	{ "sha256", "SHA-256", 1 },
	{ "list", "linked list", 1 },
	{ "quicksort", "quicksort", 1 },
	{ "bytecode", "bytecode interpreter", 1 },
	{ "copy", "8-byte copy loops", 1 },
	{ "mixed", "list, matrix, states, CRC", 1 },
	{ "strings", "strings, a byte at a time", 1 },
	{ "crc32", "CRC-32 by table", 1 },
	{ "fib", "recursion", 1 },
	{ "divide", "divisions", 1 },
	{ "locked", "locked operations", 0 },
	{ "pages", "calls into 8192 pages", 0 },
	{ "matrix", "matrix multiply, SSE2", 0 },
	{ "mandel", "Mandelbrot, SSE2", 0 },
	{ "x87", "Mandelbrot, x87", 0 },
	{ "bodies", "n bodies, SSE2", 0 },
	{ "bignum", "long multiplication", 0 },
	{ "edit", "edit distance, CMOV", 0 },
	{ "roots", "square roots, SSE2", 0 },
	{ "chacha", "ChaCha, SSE2 integers", 0 },
	{ "rep", "rep stosb, rep movsb", 0 },
	{ "walk", "256 MiB at 4 KiB stride", 0 },
	{ "cr3", "CR3 reload, 512 touches", 0 },
	{ "chase", "4 KiB pages, pointers", 0 },
	{ "wide", "4 KiB pages, sieve", 0 },
	{ "contexts", "two contexts by CR3", 0 },
	{ "out", "out dx, al", 0 },
	{ "mmio", "a device's registers", 0 },
	{ "patch", "patch code and call it", 0 },
	{ "int", "int and iretq", 0 },
	{ "boot", "Linux to power-off", 0 }
};

#define KERNELS (sizeof(kernels) / sizeof(kernels[0]))

struct settings {
	const char *program[EMULATORS];
	const char *guest, *kernel, *initrd;
	int core, runs;
};

/* One run of one emulator. */
struct sample {
	double seconds;
	unsigned long long instructions; /* 0: not known */
	char sum[20];
};

struct child {
	pid_t pid;
	FILE *in, *out; /* its standard input; its output and errors */
};

static int fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* -- Processes ---------------------------------------------------------- */

static void pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fail("sched_setaffinity");
}

static struct child start(const char *const *argv, int core)
{
	int in[2], out[2];
	struct child child;

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		fail("pipe");
	child.pid = fork();
	if (child.pid < 0)
		fail("fork");
	if (child.pid == 0) {
		pin(core);
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		execvp(argv[0], (char *const *)argv);
		fail(argv[0]);
	}
	close(in[0]);
	close(out[1]);
	child.in = fdopen(in[1], "w");
	child.out = fdopen(out[0], "r");
	if (child.in == NULL || child.out == NULL)
		fail("fdopen");
	return child;
}

static double cpu_seconds(pid_t pid)
{
	struct timespec now;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
		clock_gettime(clock, &now) != 0)
		return -1;
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double finish(struct child *child)
{
	struct rusage usage;
	int status;

	fclose(child->in);
	fclose(child->out);
	if (wait4(child->pid, &status, 0, &usage) != child->pid)
		fail("wait4");
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* -- Command lines ------------------------------------------------------ */

struct args {
	const char *v[ARGS_MAX];
	unsigned n;
};

static void add(struct args *a, const char *const *words)
{
	while (*words != NULL && a->n + 1 < ARGS_MAX)
		a->v[a->n++] = *words++;
	a->v[a->n] = NULL;
}

static void add_ours(struct args *a, const struct settings *s)
{
	const char *const words[] = { s->program[OURS], "--backend", "soft",
		"--mem", "512M", "--stats", NULL };

	add(a, words);
}

static void add_tcg(struct args *a, const struct settings *s)
{
	const char *const words[] = { s->program[TCG], "-nodefaults",
		"-display", "none", "-accel", "tcg,thread=single", "-smp", "1",
		"-M", "pc", "-cpu", "qemu64", "-m", "512", "-no-reboot", NULL };

	add(a, words);
}

static struct args guest_args(const struct settings *s, int who,
	const char *name)
{
	const char *const ours[] = { "--kernel", s->guest, "--append", name,
		NULL };
	const char *const tcg[] = { "-debugcon", "stdio", "-device",
		"isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", s->guest,
		"-append", name, NULL };
	struct args a = { .n = 0 };

	if (who == OURS)
		add_ours(&a, s);
	else
		add_tcg(&a, s);
	add(&a, who == OURS ? ours : tcg);
	return a;
}

static struct args boot_args(const struct settings *s, int who)
{
	static const char append[] = "console=ttyS0 panic=-1";
	const char *const ours[] = { "--kernel", s->kernel, "--initrd",
		s->initrd, "--append", append, NULL };
	const char *const tcg[] = { "-serial", "stdio", "-kernel", s->kernel,
		"-initrd", s->initrd, "-append", append, NULL };
	struct args a = { .n = 0 };

	if (who == OURS)
		add_ours(&a, s);
	else
		add_tcg(&a, s);
	add(&a, who == OURS ? ours : tcg);
	return a;
}

/* -- Runs --------------------------------------------------------------- */

/* What --stats of vmapi-boot says. */
static void read_stats(const char *line, struct sample *s)
{
	sscanf(line, "vmapi-boot: instructions %llu", &s->instructions);
}

static struct sample run_guest(const struct settings *s, int who,
	const char *name)
{
	struct args a = guest_args(s, who, name);
	struct child child = start(a.v, s->core);
	struct sample sample = { .seconds = -1 };
	double begin = 0;
	char line[256];

	while (fgets(line, sizeof(line), child.out) != NULL) {
		read_stats(line, &sample);
		if (line[0] == '<') {
			begin = cpu_seconds(child.pid);
		} else if (line[0] == '>' && sscanf(line, ">%*s %19s",
			sample.sum) == 1) {
			sample.seconds = cpu_seconds(child.pid) - begin;
		}
	}
	finish(&child);
	return sample;
}

/* To the guest's prompt, and from there to power-off. */
static struct sample run_boot(const struct settings *s, int who)
{
	struct args a = boot_args(s, who);
	struct child child = start(a.v, s->core);
	struct sample sample = { .seconds = -1 };
	char line[1024];
	int shell = 0;

	while (fgets(line, sizeof(line), child.out) != NULL) {
		read_stats(line, &sample);
		if (shell || strstr(line, "This shell is inside") == NULL)
			continue;
		shell = 1;
		fputs("poweroff -f\n", child.in);
		fflush(child.in);
	}
	sample.seconds = finish(&child);
	if (!shell)
		sample.seconds = -1;
	return sample;
}

static int compare(const void *a, const void *b)
{
	double x = ((const struct sample *)a)->seconds;
	double y = ((const struct sample *)b)->seconds;

	return (x > y) - (x < y);
}

/* -- The table ---------------------------------------------------------- */

struct mean {
	double logs, least;
	unsigned n;
};

static void show(const struct kernel *k, const struct sample *ours,
	const struct sample *tcg, struct mean *mean)
{
	double ratio = tcg->seconds / ours->seconds;

	if (ours->seconds <= 0 || tcg->seconds <= 0) {
		printf("%-27s %10s %10s   did not finish on %s\n", k->what, "-",
			"-", ours->seconds <= 0 ? "ours" : "TCG");
		return;
	}
	printf("%-27s %10.1f %10.1f %8.3f", k->what, ours->seconds * 1e3,
		tcg->seconds * 1e3, ratio);
	if (ours->instructions)
		printf(" %7.0f %7.0f", (double)ours->instructions /
			ours->seconds / 1e6, (double)ours->instructions /
			tcg->seconds / 1e6);
	printf("%s\n", strcmp(ours->sum, tcg->sum) ? "  WRONG RESULT" : "");
	if (k->integer) {
		mean->logs += log(ratio);
		mean->least = mean->n && mean->least < ratio ? mean->least :
			ratio;
		mean->n++;
	}
}

static void measure(const struct settings *s, const struct kernel *k,
	struct mean *mean)
{
	struct sample samples[EMULATORS][RUNS_MAX];
	int run, who, boot = strcmp(k->name, "boot") == 0;

	if (boot && (s->kernel == NULL || s->initrd == NULL)) {
		printf("%-27s needs a guest, which ./setup check fetches\n",
			k->what);
		return;
	}
	for (run = 0; run < s->runs; run++) {
		for (who = 0; who < EMULATORS; who++)
			samples[who][run] = boot ? run_boot(s, who) :
				run_guest(s, who, k->name);
	}
	for (who = 0; who < EMULATORS; who++)
		qsort(samples[who], (size_t)s->runs, sizeof(samples[who][0]),
			compare);
	show(k, &samples[OURS][s->runs / 2], &samples[TCG][s->runs / 2], mean);
	fflush(stdout);
}

static int wanted(const struct kernel *k, char **names)
{
	if (*names == NULL)
		return 1;
	for (; *names != NULL; names++) {
		if (strcmp(*names, k->name) == 0 ||
			(k->integer && strcmp(*names, "integer") == 0))
			return 1;
	}
	return 0;
}

static int usage(void)
{
	unsigned i;

	fprintf(stderr, "usage: bench/run [-r runs] [-c core] [-b vmapi-boot] "
		"[-q qemu] [-g guest] [name...]\nnames: integer");
	for (i = 0; i < KERNELS; i++)
		fprintf(stderr, " %s", kernels[i].name);
	fprintf(stderr, "\n");
	return 2;
}

static int parse(struct settings *s, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "r:c:b:q:g:")) != -1) {
		switch (option) {
		case 'r': s->runs = atoi(optarg); break;
		case 'c': s->core = atoi(optarg); break;
		case 'b': s->program[OURS] = optarg; break;
		case 'q': s->program[TCG] = optarg; break;
		case 'g': s->guest = optarg; break;
		default: return -1;
		}
	}
	return s->runs < 1 || s->runs > RUNS_MAX ? -1 : 0;
}

/* What the environment names, else what ./setup has fetched. */
static const char *guest_file(const char *variable, const char *fetched)
{
	const char *name = getenv(variable);

	if (name != NULL)
		return name;
	return access(fetched, R_OK) == 0 ? fetched : NULL;
}

int main(int argc, char **argv)
{
	struct settings s = { .program = { "examples/boot/vmapi-boot",
		"qemu-system-x86_64" }, .guest = "bench/guest.elf", .runs = 3,
		.kernel = guest_file("VMI_GUEST_KERNEL", "guest/vmlinuz"),
		.initrd = guest_file("VMI_GUEST_INITRD", "guest/initrd") };
	struct mean mean = { .n = 0 };
	unsigned i;

	if (parse(&s, argc, argv) != 0)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	printf("Median of %d, core %d, CPU time.\n\n"
		"%-27s %10s %10s %8s %7s %7s\n", s.runs, s.core, "kernel",
		"ours ms", "TCG ms", "TCG/ours", "MIPS", "TCG's");
	for (i = 0; i < KERNELS; i++) {
		if (wanted(&kernels[i], argv + optind))
			measure(&s, &kernels[i], &mean);
	}
	if (mean.n)
		printf("\ninteger kernels: geometric mean %.3f, least %.3f\n",
			exp(mean.logs / mean.n), mean.least);
	return 0;
}
