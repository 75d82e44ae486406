/* SPDX-License-Identifier: MIT */
/* One table: what an access costs by who answers it, and what was aimed at. */
/*
 * Each row is a VM of its own whose guest, in real mode, makes one access in a
 * loop; the loop without it is taken off. Rounds are short and all rows take
 * their turn in each. What others do on the machine only adds to a time, so it
 * is the least of the rounds that counts; the median says how much that was.
 * Before its time is taken a row goes round a little, for the processes that
 * have to wake up.
 *
 * What is compared with a target:
 *
 *   beyond   a handler, less an instruction of the interpreter that does no
 *            access (SMSW), by a call of the same function in C
 *   of exit  a handler by an access that the application answers
 *   of bare  an access, less an exit, by two processes that send the same 32
 *            bytes to and fro with nothing else to do
 *
 * Processes are where the scheduler has them, but where a line says otherwise.
 * The last lines are what the machine can do: that exchange with both on one
 * processor, or on two, and one cache line between two.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/region.h"

#define PORT	0x1000u /* where the access goes, and others from there on */
#define PIC	0x21u
#define CALLS	0x500u
#define PAGE	0x20000u
#define STATUS	7u /* of an IDE channel */
#define READY	0x50
#define PEERS	400u

enum target { NONE, BEYOND, OF_EXIT, OF_BARE };

struct kind;

struct place {
	struct machine *m;
	const struct kind *kind;
	const char *backend;
	const char *refused; /* why it is not there; or NULL */
	int processor;	     /* where its process is */
	double ns[ROUNDS];
	struct time { double least, median; } time;
};

struct kind {
	const char *name;
	const char *insn; /* of `bytes` */
	unsigned bytes, port;
	unsigned devices; /* or flags, for who sets it up */
	bool (*set_up)(struct place *p, const struct kind *k);
	enum target soft, kvm;
	double most_soft, most_kvm;
};

static pid_t peers[PEERS];
static unsigned n_peers;

/* -- Who answers -------------------------------------------------------- */

static int answer(void *opaque, struct vmapi_access *access)
{
	const unsigned char *status = opaque;

	if (access->offset % 8 != STATUS || access->is_write)
		return VMAPI_REGION_PASS;
	access->value = *status;
	return VMAPI_REGION_DONE;
}

static int swallow(void *opaque, struct vmapi_access *access)
{
	(void)opaque;
	(void)access;
	return VMAPI_REGION_DONE;
}

static struct vmapi_region_config range(unsigned i)
{
	struct vmapi_region_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_PORT,
		.base = PORT + 8 * i,
		.bytes = 8 };

	return c;
}

static bool nobody(struct place *p, const struct kind *k)
{
	(void)p;
	(void)k;
	return true;
}

static bool by_function(struct place *p, const struct kind *k)
{
	static unsigned char ready = READY;
	const struct vmapi_region_config c = range(0);

	(void)k;
	must(vmapi_region_handler(
		p->m->vm, &c, answer, &ready, &p->m->regions[0]));
	return true;
}

static bool by_writes(struct place *p, const struct kind *k)
{
	struct vmapi_region_config c = range(0);

	c.flags = k->devices; /* VMAPI_REGION_POSTED or not */
	return !vmapi_region_handler(
		p->m->vm, &c, swallow, NULL, &p->m->regions[0]);
}

static bool by_shadow(struct place *p, const struct kind *k)
{
	const struct vmapi_region_config c = range(0);
	struct vmapi_shadow s = { .size = sizeof(s), .ram = p->m->ram };

	(void)k;
	must(vmapi_region_shadow(p->m->vm, &c, &s, &p->m->regions[0]));
	return true;
}

static bool by_counter(struct place *p, const struct kind *k)
{
	const struct vmapi_counter_config c = { .size = sizeof(c),
		.flags = VMAPI_COUNTER_RUNNING, .ticks = 3579545,
		.seconds = 1, .divider = 1, .width = 32,
		.space = VMAPI_SPACE_PORT, .base = PORT, .bytes = 8 };
	struct vmapi_device *device;

	(void)k;
	must(vmapi_counter_create(p->m->vm, &c, &device));
	return true;
}

static bool by_eventfd(struct place *p, const struct kind *k)
{
	const struct vmapi_ioeventfd_config c = { .size = sizeof(c),
		.fd = eventfd(0, EFD_NONBLOCK),
		.space = VMAPI_SPACE_PORT,
		.address = PORT + STATUS };
	struct vmapi_ioeventfd *bell;

	(void)k;
	return !vmapi_ioeventfd_create(p->m->vm, &c, &bell);
}

static bool by_program(struct place *p, const struct kind *k)
{
	static unsigned char image[1 << 16];
	const struct vmapi_region_config c = range(0);
	struct vmapi_program_config config = { .size = sizeof(config),
		.flags = VMAPI_PROGRAM_CONCURRENT, .image = image };
	struct vmapi_program *program;
	FILE *file = fopen("examples/bpf/ide.bpf", "rb");

	(void)k;
	if (!file)
		return false;
	config.image_bytes = fread(image, 1, sizeof(image), file);
	fclose(file);
	must(vmapi_program_create(p->m->vm, &config, &program));
	must(vmapi_region_program(
		p->m->vm, &c, program, NULL, &p->m->regions[0]));
	return true;
}

/* -- Other processes ---------------------------------------------------- */

struct way {
	int type;
	uint32_t channel, region; /* flags */
};

static void by_channel(struct place *p, unsigned i, const struct way *way)
{
	struct vmapi_channel_config c = { .size = sizeof(c),
		.flags = way->channel };
	struct vmapi_region_config r = range(i);
	struct vmapi_channel *channel;

	peers[n_peers++] = device_start(&c, way->type, p->processor);
	must(vmapi_channel_create(p->m->vm, &c, &channel));
	close(c.fd);
	close(c.control_fd);
	r.flags = way->region;
	must(vmapi_region_channel(
		p->m->vm, &r, channel, READY, &p->m->regions[i]));
	vmapi_channel_destroy(channel);
}

static bool by_stream(struct place *p, const struct kind *k)
{
	const struct way way = { .type = SOCK_STREAM };
	unsigned i;

	for (i = 0; i < k->devices; i++)
		by_channel(p, i, &way);
	return true;
}

static bool by_packets(struct place *p, const struct kind *k)
{
	const struct way way = { .type = SOCK_SEQPACKET };

	(void)k;
	by_channel(p, 0, &way);
	return true;
}

static bool by_ring(struct place *p, const struct kind *k)
{
	const struct way way = { .type = SOCK_STREAM,
		.channel = VMAPI_CHANNEL_RING, .region = k->devices };

	by_channel(p, 0, &way);
	return true;
}

static bool by_ring_apart(struct place *p, const struct kind *k)
{
	p->processor = 1;
	return by_ring(p, k);
}

static bool by_posts(struct place *p, const struct kind *k)
{
	const struct way way = { .type = SOCK_STREAM,
		.region = VMAPI_REGION_POSTED };

	(void)k;
	by_channel(p, 0, &way);
	return true;
}

static bool by_bus(struct place *p, const struct kind *k)
{
	struct vmapi_bus_config c = { .size = sizeof(c) };
	struct vmapi_bus *bus;

	(void)k;
	peers[n_peers++] = chips_start(&c.fd);
	must(vmapi_bus_create(p->m->vm, &c, &bus));
	close(c.fd);
	return true;
}

/* KVM here may be one that has not the instruction in real mode. */
static bool by_call(struct place *p, const struct kind *k)
{
	const struct vmapi_hypercall_config c = { .size = sizeof(c),
		.ways = k->devices, .port = CALLS, .page = PAGE };

	if ((k->devices & VMAPI_CALL_NATIVE) && strcmp(p->backend, "soft"))
		return false;
	return !vmapi_hypercall_enable(p->m->vm, &c);
}

#define VMCALL_12 "\x66\xb8\x0c\x00\x00\x00\x0f\x01\xc1"

static void ask_for_number(struct machine *m, bool *asked)
{
	const struct vmapi_x86_exits exits = { .size = sizeof(exits),
		.hypercalls = UINT64_C(1) << 12 };

	*asked = !vmapi_x86_exits(m->vm, &exits);
}

static struct vmapi_vcpu *on_trial;

static void end_trial(int signal)
{
	(void)signal;
	vmapi_vcpu_kick(on_trial);
}

/* Whether it comes out, within a second: what else a KVM does is its own. */
static bool number_comes(const char *backend)
{
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_RIP, .value = CODE },
		{ .tag = VMAPI_X86_RSP, .value = CODE },
		{ .tag = VMAPI_X86_RCX, .value = 1 },
	};
	struct vmapi_exit exit = { .size = sizeof(exit) };
	static struct machine m;
	bool comes;

	machine_open(&m, backend, NULL);
	ask_for_number(&m, &comes);
	machine_start(&m);
	must(vmapi_as_write(m.as, CODE, VMCALL_12 "\xf4", 10));
	must(vmapi_regs_set(m.vcpu, regs, N_OF(regs), NULL, 0));
	on_trial = m.vcpu;
	signal(SIGALRM, end_trial);
	alarm(1);
	comes = comes && !vmapi_vcpu_run(m.vcpu, &exit) &&
		exit.reason == VMAPI_EXIT_HYPERCALL;
	alarm(0);
	signal(SIGALRM, SIG_DFL);
	machine_close(&m);
	return comes;
}

/* Of the numbers that KVM's convention has, the one that KVM gives away. */
static bool by_number(struct place *p, const struct kind *k)
{
	bool asked = false;

	(void)k;
	if (number_comes(p->backend))
		ask_for_number(p->m, &asked);
	return asked;
}

/* -- The table ---------------------------------------------------------- */

#define IN	 "\xec"
#define OUT	 "\xee"
#define VMCALL	 "\x66\x89\xf0\x0f\x01\xc1" /* mov eax,esi; vmcall */
#define CALL_OUT "\x66\x89\xf0\x66\xef"	    /* ...; out dx,eax */
#define STORE	 "\x66\x89\xf0\x66\xa3\x00\x00" /* ...; mov [0],eax */
#define SMSW	 "\x0f\x01\xe0"			/* smsw ax */
/* in al,dx; add dx,8; cmp dx,di; jb +2; sub dx,bp */
#define ROUND "\xec\x83\xc2\x08\x39\xfa\x72\x02\x29\xea"

/* Those by which others are measured. */
enum { LOOP, INSTRUCTION, EXIT_IN, EXIT_OUT, FUNCTION };

static const struct kind all[] = {
	[LOOP] = { "the loop", "", 0, 0, 0, nobody, NONE, NONE, 0, 0 },
	[INSTRUCTION] = { "smsw: no access", SMSW, 3, 0, 0, nobody, NONE, NONE,
		0, 0 },
	[EXIT_IN] = { "in, the application", IN, 1, PORT + STATUS, 0, nobody,
		NONE, NONE, 0, 0 },
	[EXIT_OUT] = { "out, the application", OUT, 1, PORT + STATUS, 0,
		nobody, NONE, NONE, 0, 0 },
	[FUNCTION] = { "function, C", IN, 1, PORT + STATUS, 0, by_function,
		BEYOND, OF_EXIT, 2, 1.02 },
	{ "shadow register", IN, 1, PORT + STATUS, 0, by_shadow, BEYOND,
		OF_EXIT, 2, 1.02 },
	{ "counter", IN, 1, PORT, 0, by_counter, BEYOND, OF_EXIT, 2, 1.02 },
	{ "device program, as the function", IN, 1, PORT + STATUS, 0,
		by_program, BEYOND, OF_EXIT, 2, 1.02 },
	{ "ioeventfd", OUT, 1, PORT + STATUS, 0, by_eventfd, NONE, OF_EXIT, 0,
		1.02 },
	{ "write, synchronous, C", OUT, 1, PORT, 0, by_writes, BEYOND, OF_EXIT,
		2, 1.02 },
	{ "write, posted, C", OUT, 1, PORT, VMAPI_REGION_POSTED, by_writes,
		NONE, NONE, 0, 0 },
	{ "process, stream", IN, 1, PORT + STATUS, 1, by_stream, OF_BARE,
		OF_BARE, 1.1, 1.1 },
	{ "process, packets", IN, 1, PORT + STATUS, 0, by_packets, OF_BARE,
		OF_BARE, 1.1, 1.1 },
	{ "process, shared ring", IN, 1, PORT + STATUS, 0, by_ring, OF_BARE,
		OF_BARE, 0.1, 0.1 },
	{ "the same, on two processors", IN, 1, PORT + STATUS, 0,
		by_ring_apart, OF_BARE, OF_BARE, 0.1, 0.1 },
	{ "process, stream, posted write", OUT, 1, PORT, 0, by_posts, NONE,
		NONE, 0, 0 },
	{ "process, ring, posted write", OUT, 1, PORT, VMAPI_REGION_POSTED,
		by_ring, NONE, NONE, 0, 0 },
	{ "10 processes in turn, streams", ROUND, 10, PORT, 10, by_stream,
		OF_BARE, OF_BARE, 1.1, 1.1 },
	{ "100 processes in turn, streams", ROUND, 10, PORT, 100, by_stream,
		OF_BARE, OF_BARE, 1.1, 1.1 },
	{ "APIC bus, a PIC elsewhere", IN, 1, PIC, 0, by_bus, OF_BARE, OF_BARE,
		1.1, 1.1 },
	{ "hypercall, vmcall", VMCALL, 6, 0, VMAPI_CALL_NATIVE, by_call, NONE,
		NONE, 0, 0 },
	{ "hypercall 12 of KVM's, vmcall", VMCALL_12, 9, 0, 0, by_number, NONE,
		NONE, 0, 0 },
	{ "hypercall, call port", CALL_OUT, 5, CALLS, VMAPI_CALL_PORT, by_call,
		NONE, NONE, 0, 0 },
	{ "hypercall, call page", STORE, 7, 0, VMAPI_CALL_PAGE, by_call, NONE,
		NONE, 0, 0 },
};

static struct place places[N_OF(all)];
static struct time of_call, of_line, of_bare[3];

static struct time summary(double *ns)
{
	struct time t = { .median = median(ns) };

	t.least = ns[0]; /* they are sorted now */
	return t;
}

/* mov ds,ax; l: the access; dec ecx; jnz l; out 0x99,al */
static void load(struct place *p, unsigned times)
{
	const struct kind *k = p->kind;
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_RIP, .value = CODE },
		{ .tag = VMAPI_X86_RAX, .value = PAGE >> 4 },
		{ .tag = VMAPI_X86_RSI, .value = VMAPI_CALL_X86 + 1 },
		{ .tag = VMAPI_X86_RDX, .value = k->port },
		{ .tag = VMAPI_X86_RDI, .value = PORT + 8 * k->devices },
		{ .tag = VMAPI_X86_RBP, .value = 8 * k->devices },
		{ .tag = VMAPI_X86_RCX, .value = times },
	};
	unsigned char code[32] = { 0x8e, 0xd8 };
	const unsigned char end[] = { 0x66, 0x49, 0x75,
		(unsigned char)(0xfc - k->bytes), 0xe6, 0x99 };

	memcpy(code + 2, k->insn, k->bytes);
	memcpy(code + 2 + k->bytes, end, sizeof(end));
	must(vmapi_as_write(p->m->as, CODE, code, sizeof(code)));
	must(vmapi_regs_set(p->m->vcpu, regs, N_OF(regs), NULL, 0));
}

static unsigned times_of(const struct place *p)
{
	if (strcmp(p->backend, "soft") || p->kind->soft == OF_BARE)
		return 100;
	return 3000;
}

static double time_of(struct place *p, unsigned times)
{
	double ns;

	stay(p->processor);
	load(p, times / 4);
	run(p->m, times / 4);
	load(p, times);
	ns = run(p->m, times);
	stay(ANYWHERE);
	return ns;
}

static void place_open(struct place *p, const struct kind *k)
{
	struct vmapi_vm_config config = { .size = sizeof(config) };

	if (k->set_up == by_bus)
		config.irqchip = VMAPI_IRQCHIP_SPLIT;
	p->kind = k;
	p->refused = NULL;
	p->processor = ANYWHERE;
	p->m = calloc(1, sizeof(*p->m));
	need(p->m != NULL, "memory");
	machine_open(p->m, p->backend, &config);
	if (!k->set_up(p, k))
		p->refused = "cannot be here";
	machine_start(p->m);
}

/* A call of the function, with what is made for it. */
static double call_time(void)
{
	int (*volatile fn)(void *, struct vmapi_access *) = answer;
	unsigned char ready = READY;
	unsigned i, n = 100000;
	double start = now();

	for (i = 0; i < n; i++) {
		struct vmapi_access access = { .offset = STATUS, .bytes = 1 };

		need(!fn(&ready, &access), "call");
	}
	return (now() - start) / n;
}

static void measure(void)
{
	double call[ROUNDS], line[ROUNDS], bare[3][ROUNDS];
	struct echo echo[3];
	size_t i;
	int k;

	echo_start(&echo[0], ANYWHERE);
	echo_start(&echo[1], 0);
	echo_start(&echo[2], 1);
	for (k = 0; k < ROUNDS; k++) {
		call[k] = call_time();
		line[k] = line_time(100);
		for (i = 0; i < 3; i++) {
			echo_time(&echo[i], 25);
			bare[i][k] = echo_time(&echo[i], 100);
		}
		for (i = 0; i < N_OF(all); i++)
			if (!places[i].refused)
				places[i].ns[k] = time_of(&places[i],
					times_of(&places[i]));
	}
	of_call = summary(call);
	of_line = summary(line);
	for (i = 0; i < 3; i++) {
		of_bare[i] = summary(bare[i]);
		echo_stop(&echo[i]);
	}
	for (i = 0; i < N_OF(all); i++)
		places[i].time = summary(places[i].ns);
}

/* -- What is printed ---------------------------------------------------- */

static double cost(unsigned which)
{
	double ns = places[which].time.least - places[LOOP].time.least;

	return which && ns > 0 ? ns : 0;
}

static void print_target(const struct place *p, double ns)
{
	bool soft = !strcmp(p->backend, "soft");
	enum target target = soft ? p->kind->soft : p->kind->kvm;
	double most = soft ? p->kind->most_soft : p->kind->most_kvm;
	unsigned exit = *p->kind->insn == *OUT ? EXIT_OUT : EXIT_IN;
	static const char *const names[] = { [BEYOND] = "beyond",
		[OF_EXIT] = "of exit", [OF_BARE] = "of bare" };
	double is = 0;

	if (target == BEYOND)
		is = (ns - cost(INSTRUCTION)) / of_call.least;
	else if (target == OF_EXIT)
		is = ns / cost(exit);
	else if (target == OF_BARE)
		is = (ns - cost(EXIT_IN)) / of_bare[0].least;
	if (target != NONE)
		printf("  %8.3f %s, at most %.2f: %s", is, names[target], most,
			is <= most ? "met" : "missed");
}

static void print_line(const char *name, double ns, double median)
{
	printf("%-32s %9.1f %9.1f %8.4f", name, ns, median,
		ns / cost(EXIT_IN));
}

static void print_bare(const char *name, const struct time *t)
{
	print_line(name, t->least, t->median);
	printf("\n");
}

static void print_table(const char *backend)
{
	size_t i;

	printf("%s:\n\n%-32s %9s %9s %8s  %s\n", backend, "who answers", "ns",
		"median", "of exit", "target");
	for (i = 1; i < N_OF(all); i++) {
		if (places[i].refused) {
			printf("%-32s %s\n", all[i].name, places[i].refused);
			continue;
		}
		print_line(all[i].name, cost((unsigned)i),
			places[i].time.median - places[LOOP].time.median);
		print_target(&places[i], cost((unsigned)i));
		printf("\n");
	}
	print_bare("bare: the function called in C", &of_call);
	print_bare("bare: ping-pong by socketpair", &of_bare[0]);
	print_bare("bare: the same, on one processor", &of_bare[1]);
	print_bare("bare: the same, on two processors", &of_bare[2]);
	print_bare("bare: a cache line, to and fro", &of_line);
}

void kinds(const char *backend)
{
	unsigned i;

	for (i = 0; i < N_OF(all); i++) {
		places[i].backend = backend;
		place_open(&places[i], &all[i]);
	}
	measure();
	print_table(backend);
	for (i = 0; i < n_peers; i++)
		kill(peers[i], SIGKILL);
	for (i = 0; i < n_peers; i++)
		waitpid(peers[i], NULL, 0);
	n_peers = 0;
}
