/* SPDX-License-Identifier: MIT */
/* Saved states: streams that are wrong, deltas, what the application adds. */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/api/stream.h"
#include "tests/api/worker.h"

/* -- Streams that are wrong --------------------------------------------- */

/* A machine in the middle of its work, and its stream. */
static void begin_work(struct machine *m)
{
	struct vmapi_exit exit;
	unsigned reads = 0, i;

	worker_load(m);
	for (i = 0; i < 5; i++)
		(void)worker_go_on(m, &exit, &reads);
}

/* Another one, which has other contents everywhere. */
static void other_work(struct machine *m)
{
	uint8_t bytes[512];

	memset(bytes, 0xa5, sizeof(bytes));
	EQUAL(vmapi_as_write(m->as, 0x5000, bytes, sizeof(bytes)), 0);
	EQUAL(vmapi_as_write(m->as, WORKER_PAGE, bytes, sizeof(bytes)), 0);
	api_real_mode(m->vcpu, 0x4321);
	api_set(m->vcpu, VMAPI_X86_RBX, 0xb0b);
}

struct patient {
	struct machine other;
	struct stream good;
	struct sight before;
};

static void admit(struct patient *p, struct machine *m)
{
	begin_work(m);
	stream_save(&p->good, m->vm, NULL);
	twin(&p->other, m->backend, NULL);
	other_work(&p->other);
	sight_take(&p->before, &p->other);
}

static void dismiss(struct patient *p)
{
	sight_free(&p->before);
	stream_free(&p->good);
	api_machine_free(&p->other);
}

/* Nothing has changed. */
static void check_untouched(struct patient *p)
{
	struct sight now;

	sight_take(&now, &p->other);
	CHECK(sight_same(&p->before, &now));
	sight_free(&now);
}

static void truncated(struct machine *m)
{
	struct patient p;
	size_t n;

	admit(&p, m);
	for (n = 0; n < p.good.n; n += n < 256 || n + 300 > p.good.n ? 1 : 13)
		EQUAL(stream_restore(&p.good, n, p.other.vm, NULL), -EBADMSG);
	for (n = 1; n < p.good.n_sections; n++)
		EQUAL(stream_restore(&p.good, p.good.at[n], p.other.vm, NULL),
			-EBADMSG);
	check_untouched(&p);
	EQUAL(stream_restore(&p.good, p.good.n, p.other.vm, NULL), 0);
	EQUAL((int64_t)api_get(p.other.vcpu, VMAPI_X86_RIP),
		(int64_t)api_get(m->vcpu, VMAPI_X86_RIP));
	dismiss(&p);
}

static void flipped(struct machine *m)
{
	struct patient p;
	size_t i;
	int err;

	admit(&p, m);
	for (i = 0; i < p.good.n; i += i < 4096 ? 1 : 7) {
		p.good.bytes[i] ^= (uint8_t)(1u << i % 8);
		err = stream_restore(&p.good, p.good.n, p.other.vm, NULL);
		p.good.bytes[i] ^= (uint8_t)(1u << i % 8);
		CHECK(err == -EBADMSG);
	}
	check_untouched(&p);
	dismiss(&p);
}

/* Sections change places, come twice, are of another stream. */
static void shuffled(struct machine *m)
{
	struct patient p;
	struct stream s, again;
	size_t first, second, end;

	admit(&p, m);
	first = p.good.at[0];
	second = p.good.at[1];
	end = p.good.at[2];
	stream_copy(&s, &p.good); /* without the first */
	memmove(s.bytes + first, s.bytes + second, s.n - second);
	EQUAL(stream_restore(&s, s.n - (second - first), p.other.vm, NULL),
		-EBADMSG);
	stream_free(&s);
	stream_copy(&s, &p.good); /* the first twice */
	memmove(s.bytes + second + (second - first), s.bytes + second,
		s.n - second);
	memcpy(s.bytes + second, s.bytes + first, second - first);
	EQUAL(stream_restore(&s, s.n + (second - first), p.other.vm, NULL),
		-EBADMSG);
	stream_free(&s);
	stream_save(&again, m->vm, NULL); /* one of a later save */
	EQUAL((int64_t)again.at[2], (int64_t)end);
	stream_copy(&s, &p.good);
	memcpy(s.bytes + first, again.bytes + first, end - first);
	EQUAL(stream_restore(&s, s.n, p.other.vm, NULL), -EBADMSG);
	stream_free(&s);
	stream_free(&again);
	check_untouched(&p);
	dismiss(&p);
}

/* A number in a section of a type, with right checksums. */
struct lie {
	uint32_t type;
	uint32_t at; /* from the section's head */
	uint32_t width;
	uint64_t value;
	int err;
};

static const struct lie lies[] = {
	{ 1, 32, 4, 77, -ENODEV },		/* irqchip */
	{ 1, 8, 8, UINT64_MAX, -EBADMSG },	/* length */
	{ 1, 8, 8, 17u << 20, -EBADMSG },
	{ 1, 4, 4, 2, -EPROTONOSUPPORT },	/* flags */
	{ 1, 0, 4, 4711, -EPROTONOSUPPORT },	/* type */
	{ 2, 32, 8, UINT64_MAX, -ENODEV },	/* bytes of RAM */
	{ 2, 32, 8, 0, -ENODEV },
	{ 2, 40, 4, 8192, -EPROTONOSUPPORT },	/* its unit */
	{ 2, 44, 4, 0, -EBADMSG },		/* whole */
	{ 2, 48, 1, 'x', -ENODEV },		/* name */
	{ 11, 32, 8, UINT64_MAX, -EBADMSG },	/* first page */
	{ 11, 32, 8, API_RAM / 4096, -EBADMSG },
	{ 11, 40, 4, 0, -EBADMSG },		/* pages */
	{ 11, 40, 4, UINT32_MAX, -EBADMSG },
	{ 11, 44, 4, 1, -EBADMSG },		/* kind */
	{ 11, 16, 4, 5, -EBADMSG },		/* whose */
	{ 3, 32, 8, UINT64_MAX - 0xfff, -EBADMSG }, /* gpa */
	{ 3, 40, 8, UINT64_MAX, -EBADMSG },	/* bytes */
	{ 3, 48, 8, UINT64_MAX, -EBADMSG },	/* offset */
	{ 3, 60, 1, 'y', -ENODEV },		/* RAM */
	{ 3, 16, 4, 9, -ENODEV },		/* address space */
	{ 4, 32, 8, UINT64_MAX, -EBADMSG },	/* clock */
	{ 6, 32, 8, 5, -ENODEV },		/* id of the vcpu */
	{ 6, 40, 4, 7, -ENODEV },		/* its address space */
	{ 6, 44, 4, UINT32_MAX, -EBADMSG },	/* records */
	{ 6, 56, 4, UINT32_MAX, -EBADMSG },	/* bytes of the first */
	{ 6, 48, 8, 0x1234, -EBADMSG },		/* its tag */
	{ 6, 16, 4, 1, -ENODEV },		/* place */
	{ 5, 16, 4, 1, -ENODEV },
};

static void lied(struct machine *m)
{
	struct patient p;
	struct stream s;
	uint8_t *at;
	size_t i;

	admit(&p, m);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		stream_copy(&s, &p.good);
		at = stream_section(&s, lies[i].type);
		CHECK(at != NULL);
		if (at)
			stream_put(at + lies[i].at, lies[i].value,
				lies[i].width);
		stream_forge(&s);
		EQUAL(stream_restore(&s, s.n, p.other.vm, NULL), lies[i].err);
		stream_free(&s);
	}
	check_untouched(&p);
	dismiss(&p);
}

/* The first section of pages again, so many times, zeros or not. */
static void again(struct stream *s, const struct stream *good, unsigned times,
	uint32_t zeros)
{
	struct stream from = *good;
	uint8_t *at = stream_section(&from, 11);
	size_t head = (size_t)(at - good->bytes), n, one;
	unsigned i;

	n = SECTION_HEAD + (size_t)stream_get(at + 8, 8);
	one = zeros ? SECTION_HEAD + 16 : n;
	*s = *good;
	s->n = good->n + times * one;
	s->room = s->n;
	s->bytes = malloc(s->n);
	memcpy(s->bytes, good->bytes, head + n);
	for (i = 0; i < times; i++) {
		uint8_t *to = s->bytes + head + n + i * one;

		memcpy(to, at, one);
		if (zeros)
			stream_put(to + 8, 16, 8);
		stream_put(to + SECTION_HEAD + 12, zeros, 4);
	}
	memcpy(s->bytes + head + n + times * one, good->bytes + head + n,
		good->n - head - n);
	stream_parse(s);
	for (i = 0; i < s->n_sections; i++)
		stream_put(s->bytes + s->at[i] + 20, i, 4);
}

/* Pages come again where the head says that they may, so often and no more. */
static void rounds(struct machine *m)
{
	static const struct {
		unsigned times;
		uint32_t zeros, flags;
		int err;
	} rows[] = { { 1, 0, 0, -EBADMSG }, { 1, 1, 0, -EBADMSG },
		{ 64, 0, 2, -EBADMSG }, { 64, 1, 2, -EBADMSG },
		{ 1, 2, 2, -EBADMSG }, { 1, 0, 4, -EPROTONOSUPPORT },
		{ 63, 0, 2, 0 }, { 63, 1, 2, 0 } };
	uint8_t byte[2] = { 0xff, 0xff };
	struct patient p;
	struct stream s;
	size_t i;

	admit(&p, m);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		again(&s, &p.good, rows[i].times, rows[i].zeros);
		stream_put(s.bytes + 20, rows[i].flags, 4);
		stream_forge(&s);
		EQUAL(stream_restore(&s, s.n, p.other.vm, NULL), rows[i].err);
		if (rows[i].err)
			check_untouched(&p);
		EQUAL(vmapi_as_read(p.other.as, API_CODE, &byte[rows[i].zeros
			& 1], 1), 0);
		stream_free(&s);
	}
	/* The last one counts. */
	CHECK(byte[0] != 0);
	EQUAL(byte[1], 0);
	dismiss(&p);
}

/* A value that only the processor knows to refuse: found out half-way. */
static void refused(struct machine *m)
{
	struct patient p;
	struct stream s;
	uint8_t *at, *end;

	admit(&p, m);
	stream_copy(&s, &p.good);
	at = stream_section(&s, 6);
	end = at + SECTION_HEAD + stream_get(at + 8, 8);
	for (at += SECTION_HEAD + 16; at < end;
		at += 16 + stream_get(at + 8, 4))
		if (stream_get(at, 8) == VMAPI_X86_CR0)
			stream_put(at + 16, 0x80000000u, 8); /* PG without PE */
	stream_forge(&s);
	EQUAL(stream_restore(&s, s.n, p.other.vm, NULL), -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "cr0") != NULL);
	stream_free(&s);
	check_untouched(&p);
	dismiss(&p);
}

/* A feature that no processor has. */
static void unfit(struct machine *m)
{
	struct patient p;
	struct stream s;
	uint8_t *at, *end;

	admit(&p, m);
	stream_copy(&s, &p.good);
	at = stream_section(&s, 5);
	end = at + SECTION_HEAD + stream_get(at + 8, 8);
	for (at += SECTION_HEAD; at < end; at += 28)
		if (stream_get(at, 4) == 7 && !stream_get(at + 4, 4))
			stream_put(at + 16, stream_get(at + 16, 4) |
				1u << 14, 4); /* EBX: MPX */
	stream_forge(&s);
	EQUAL(stream_restore(&s, s.n, p.other.vm, NULL), -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "mpx") != NULL);
	stream_free(&s);
	check_untouched(&p);
	dismiss(&p);
}

/*
 * A VM is of a CPU model, and takes no state of another.  A kernel may have
 * none but its own.
 */
static void modelled(struct machine *m)
{
	static const char *const names[] = { "nehalem", "core2", NULL };
	struct vmapi_vm_config config = { .size = sizeof(config),
		.tsc_hz = api_get(m->vcpu, VMAPI_X86_TSC_HZ) };
	struct machine made[3];
	struct stream s;
	unsigned n, i, k;

	for (n = 0; n < 3; n++) {
		struct vmapi_vm *vm;

		config.cpu_model = names[n];
		if (names[n] && vmapi_vm_create(m->ctx, &config, &vm)) {
			EQUAL(vmapi_error_last()->code, -ENOTSUP);
			api_skip(vmapi_error_last()->message);
			break;
		}
		if (names[n])
			vmapi_vm_destroy(vm);
		twin(&made[n], m->backend, &config);
	}
	for (i = 0; i < n; i++) {
		stream_save(&s, made[i].vm, NULL);
		CHECK(!strcmp((char *)stream_section(&s, 1) + SECTION_HEAD +
			8 + 64, names[i] ? names[i] : ""));
		for (k = 0; k < n; k++) {
			EQUAL(stream_restore(&s, s.n, made[k].vm, NULL),
				k == i ? 0 : -ENODEV);
			CHECK(k == i || (strstr(vmapi_error_last()->message,
				names[i] ? names[i] : "host") &&
				strstr(vmapi_error_last()->message,
				names[k] ? names[k] : "host")));
		}
		stream_free(&s);
	}
	for (i = 0; i < n; i++)
		api_machine_free(&made[i]);
}

/* -- What belongs to the application ------------------------------------ */

static int say_no(void *opaque)
{
	++*(unsigned *)opaque;
	return -EXDEV;
}

static void sections(struct machine *m)
{
	char one[] = "a device", two[] = "another", in[16], more[16];
	struct vmapi_section out[2] = {
		{ .name = "one", .data = one, .bytes = sizeof(one) },
		{ .name = "two", .data = two, .bytes = sizeof(two) } };
	struct vmapi_section back[2] = {
		{ .name = "two", .data = more, .bytes = sizeof(more) },
		{ .name = "one", .data = in, .bytes = sizeof(in) } };
	struct vmapi_state_config save = { .size = sizeof(save),
		.sections = out, .n_sections = 2 };
	struct vmapi_state_config load = { .size = sizeof(load),
		.sections = back, .n_sections = 2 };
	unsigned asked = 0;
	struct stream s;

	stream_save(&s, m->vm, &save);
	EQUAL(stream_restore(&s, s.n, m->vm, &load), 0);
	EQUAL((int64_t)back[0].bytes, sizeof(two));
	EQUAL((int64_t)back[1].bytes, sizeof(one));
	CHECK(!strcmp(in, one) && !strcmp(more, two));
	/* Too long. */
	back[0].bytes = sizeof(more);
	back[1].bytes = sizeof(one) - 1;
	EQUAL(stream_restore(&s, s.n, m->vm, &load), -ENOSPC);
	EQUAL((int64_t)back[1].bytes, sizeof(one));
	/* Nobody wants the second; then somebody wants a third. */
	load.n_sections = 1;
	EQUAL(stream_restore(&s, s.n, m->vm, &load), -ENODEV);
	load.n_sections = 2;
	back[0].bytes = back[1].bytes = sizeof(in);
	strcpy(back[0].name, "three");
	EQUAL(stream_restore(&s, s.n, m->vm, &load), -ENODEV);
	strcpy(back[0].name, "two");
	/* The application has the last word. */
	load.check = say_no;
	load.opaque = &asked;
	EQUAL(stream_restore(&s, s.n, m->vm, &load), -EXDEV);
	EQUAL(asked, 1);
	stream_free(&s);
	/* Optional on both sides. */
	out[1].flags = VMAPI_SECTION_OPTIONAL;
	stream_save(&s, m->vm, &save);
	load.check = NULL;
	strcpy(back[0].name, "three");
	back[0].flags = VMAPI_SECTION_OPTIONAL;
	back[0].bytes = back[1].bytes = sizeof(in);
	EQUAL(stream_restore(&s, s.n, m->vm, &load), 0);
	EQUAL((int64_t)back[0].bytes, 0);
	stream_free(&s);
}

static void misused(struct machine *m)
{
	struct vmapi_section twice[2] = { { .name = "a" }, { .name = "a" } };
	struct vmapi_state_config c = { .size = sizeof(c),
		.sections = twice, .n_sections = 2 };
	struct vmapi_ram_config rc = { .size = sizeof(rc), .bytes = API_PAGE,
		.name = "main" };
	struct vmapi_ram *ram;

	EQUAL(vmapi_vm_save(m->vm, 1000, NULL), -EBADF);
	EQUAL(vmapi_vm_restore(m->vm, 1000, NULL), -EBADF);
	EQUAL(vmapi_vm_save(m->vm, 1, &c), -EINVAL);
	c.n_sections = 1;
	c.flags = 4;
	EQUAL(vmapi_vm_save(m->vm, 1, &c), -EINVAL);
	c.flags = VMAPI_SAVE_DELTA;
	EQUAL(vmapi_vm_restore(m->vm, 0, &c), -EINVAL);
	EQUAL(vmapi_vm_save(m->vm, 1, &c), -ESTALE);
	EQUAL(vmapi_ram_create(m->ctx, &rc, &ram), 0);
	c = (struct vmapi_state_config){ .size = sizeof(c), .ram = &ram,
		.n_ram = 1 };
	EQUAL(vmapi_vm_save(m->vm, 1, &c), -EINVAL); /* two of one name */
	vmapi_ram_destroy(ram);
}

/* -- Pipes, deltas ------------------------------------------------------ */

struct writer {
	struct vmapi_vm *vm;
	int fd;
	int err;
};

static void *write_to(void *opaque)
{
	struct writer *w = opaque;

	w->err = vmapi_vm_save(w->vm, w->fd, NULL);
	if (write(w->fd, "more", 4) != 4)
		w->err = -errno;
	return NULL;
}

/* What follows in a pipe is still there. */
static void piped(struct machine *m)
{
	struct writer w = { .vm = m->vm };
	struct machine other;
	char more[4] = "";
	pthread_t thread;
	int fds[2];

	begin_work(m);
	CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	w.fd = fds[1];
	twin(&other, m->backend, NULL);
	pthread_create(&thread, NULL, write_to, &w);
	EQUAL(vmapi_vm_restore(other.vm, fds[0], NULL), 0);
	pthread_join(thread, NULL);
	EQUAL(w.err, 0);
	CHECK(read(fds[0], more, 4) == 4 && !memcmp(more, "more", 4));
	EQUAL((int64_t)api_get(other.vcpu, VMAPI_X86_RAX),
		(int64_t)api_get(m->vcpu, VMAPI_X86_RAX));
	close(fds[0]);
	close(fds[1]);
	api_machine_free(&other);
}

static void log_on(struct machine *m)
{
	struct vmapi_map *map;

	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_set_flags(map, m->as, 0, API_RAM, VMAPI_MAP_LOG), 0);
	EQUAL(vmapi_map_commit(map), 0);
}

static void delta(struct machine *m)
{
	struct vmapi_state_config c = { .size = sizeof(c),
		.flags = VMAPI_SAVE_DELTA };
	struct stream base, first, second;
	static uint8_t big[0x40000];
	struct machine other;
	struct vmapi_exit exit;
	unsigned reads = 0, i;
	void *a, *b;

	memset(big, 0x5a, sizeof(big));
	EQUAL(vmapi_as_write(m->as, 0x40000, big, sizeof(big)), 0);
	log_on(m);
	begin_work(m);
	reads = 2;
	stream_save(&base, m->vm, NULL);
	for (i = 0; i < 6; i++)
		(void)worker_go_on(m, &exit, &reads);
	memset(big, 0, sizeof(big));
	EQUAL(vmapi_as_write(m->as, 0x50000, big, API_PAGE), 0);
	stream_save(&first, m->vm, &c);
	for (i = 0; i < 6; i++)
		(void)worker_go_on(m, &exit, &reads);
	stream_save(&second, m->vm, &c);
	CHECK(base.n > sizeof(big) && first.n < base.n / 4);

	twin(&other, m->backend, NULL);
	EQUAL(stream_restore(&first, first.n, other.vm, NULL), -ESTALE);
	EQUAL(stream_restore(&base, base.n, other.vm, NULL), 0);
	EQUAL(stream_restore(&second, second.n, other.vm, NULL), -ESTALE);
	EQUAL(stream_restore(&first, first.n, other.vm, NULL), 0);
	EQUAL(stream_restore(&second, second.n, other.vm, NULL), 0);
	EQUAL(vmapi_ram_pointer(m->ram, &a), 0);
	EQUAL(vmapi_ram_pointer(other.ram, &b), 0);
	CHECK(!memcmp(a, b, API_RAM));
	EQUAL((int64_t)api_get(other.vcpu, VMAPI_X86_RAX),
		(int64_t)api_get(m->vcpu, VMAPI_X86_RAX));
	/* It goes on, and then no delta fits any more. */
	EQUAL(stream_restore(&base, base.n, other.vm, NULL), 0);
	reads = 2;
	(void)worker_go_on(&other, &exit, &reads);
	EQUAL(stream_restore(&first, first.n, other.vm, NULL), -ESTALE);
	stream_free(&base);
	stream_free(&first);
	stream_free(&second);
	api_machine_free(&other);
}

/* The map is part of the state, and an unanswered exit is none. */
static void mapped(struct machine *m)
{
	struct vmapi_exit exit;
	struct machine other;
	struct stream s;
	uint32_t value = 0;
	unsigned reads = 0;

	EQUAL(api_unmap(m, 0x80000, 0x8000), 0);
	EQUAL(api_map(m, 0x200000, 0x4000, 0x10000), 0);
	worker_load(m);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL(vmapi_vm_save(m->vm, 1, NULL), -EBUSY);
	EQUAL(vmapi_vcpu_complete(m->vcpu, &value, 4), 0);
	stream_save(&s, m->vm, NULL);
	twin(&other, m->backend, NULL);
	EQUAL(stream_restore(&s, s.n, other.vm, NULL), 0);
	EQUAL(vmapi_as_write(other.as, 0x80000, &value, 4), -EFAULT);
	EQUAL(vmapi_as_write(other.as, 0x203000, &value, 4), 0);
	EQUAL(worker_go_on(&other, &exit, &reads), VMAPI_EXIT_IO);
	stream_free(&s);
	api_machine_free(&other);
}

/* -- Cases -------------------------------------------------------------- */

static const struct api_case cases[] = {
	{ "a stream cut short", truncated },
	{ "a flipped bit", flipped },
	{ "sections missing, doubled, of another stream", shuffled },
	{ "numbers that cannot be", lied },
	{ "pages that come again", rounds },
	{ "a register's value that the processor refuses", refused },
	{ "a processor that this one cannot be", unfit },
	{ "a processor of another model", modelled },
	{ "sections of the application", sections },
	{ "misuse", misused },
	{ "through a pipe, and not beyond", piped },
	{ "a base and its deltas", delta },
	{ "maps, and exits without an answer", mapped },
};

int main(void)
{
	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
