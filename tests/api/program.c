/* SPDX-License-Identifier: MIT */
/* Device programs answer the same on every backend. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/api/api.h"

#define PORTS 0x300
#define SHIFT 0x100

static uint8_t image[1 << 16];
static size_t image_bytes;

/* Into `image`; false: it was not compiled here. */
static bool read_object(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file) {
		api_skip("no clang that compiles device programs");
		return false;
	}
	image_bytes = fread(image, 1, sizeof(image), file);
	fclose(file);
	return true;
}

static struct vmapi_program_config config_of(void)
{
	return (struct vmapi_program_config){
		.size = sizeof(struct vmapi_program_config), .image = image,
		.image_bytes = image_bytes, .name = "tested" };
}

static int attach(struct machine *m, struct vmapi_program *p, unsigned space,
	uint64_t base, struct vmapi_region **region)
{
	struct vmapi_region_config c = { .size = sizeof(c), .space = space,
		.base = base, .bytes = 16, .name = "a device" };
	struct vmapi_region_program how = { .size = sizeof(how),
		.shift = space == VMAPI_SPACE_PORT ? SHIFT : 0 };

	return vmapi_region_program(m->vm, &c, p, &how, region);
}

static void *symbol(struct vmapi_program *p, const char *name)
{
	uint64_t bytes;
	void *where = NULL;

	EQUAL(vmapi_program_symbol(p, name, &where, &bytes), 0);
	return where;
}

static uint64_t number(const void *where, unsigned bytes)
{
	const uint8_t *p = where;
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static bool says(const char *what)
{
	const char *message = vmapi_error_last()->message;

	if (strstr(message, what))
		return true;
	printf("# '%s' does not say '%s'\n", message, what);
	return false;
}

/* -- Refusals ----------------------------------------------------------- */

static void refusals(struct machine *m)
{
	struct vmapi_program_config c = { .size = sizeof(c) };
	struct vmapi_program *p;
	static const uint8_t nothing[64] = { 0x7f, 'E', 'L', 'F', 2, 1 };

	EQUAL(vmapi_program_create(NULL, &c, &p), -EINVAL);
	EQUAL(vmapi_program_create(m->vm, NULL, &p), -EINVAL);
	EQUAL(vmapi_program_create(m->vm, &c, NULL), -EINVAL);
	EQUAL(vmapi_program_create(m->vm, &c, &p), -EINVAL); /* no image */
	c.image = nothing;
	EQUAL(vmapi_program_create(m->vm, &c, &p), -ENOEXEC);
	CHECK(says("no ELF file"));
	c.image_bytes = sizeof(nothing);
	EQUAL(vmapi_program_create(m->vm, &c, &p), -ENOEXEC);
	CHECK(says("no object file of clang"));
	c.flags = 1u << 9;
	EQUAL(vmapi_program_create(m->vm, &c, &p), -EINVAL);
	vmapi_program_destroy(NULL);
	EQUAL(vmapi_program_symbol(NULL, "x", NULL, NULL), -EINVAL);
	EQUAL(vmapi_region_program(m->vm, NULL, NULL, NULL, NULL), -EINVAL);
}

static void program_refusals(struct machine *m)
{
	struct vmapi_program_window w = { .name = "used", .ram = m->ram };
	struct vmapi_program_config c;
	struct vmapi_program *p;
	struct vmapi_irq *no_irq = NULL;
	int32_t fd = -1;
	uint64_t bytes;
	void *where;

	if (!read_object("examples/bpf/notify.bpf"))
		return;
	c = config_of();
	EQUAL(vmapi_program_create(m->vm, &c, &p), -ENOENT);
	CHECK(says("window 'used' was not given"));
	c.windows = &w;
	c.n_windows = 1;
	w.name = "other";
	EQUAL(vmapi_program_create(m->vm, &c, &p), -ENOENT);
	w.name = "used";
	w.offset = 4;
	EQUAL(vmapi_program_create(m->vm, &c, &p), -EINVAL);
	w.offset = API_RAM;
	EQUAL(vmapi_program_create(m->vm, &c, &p), -ERANGE);
	w.offset = 0x3000;
	c.fds = &fd;
	c.n_fds = 1;
	EQUAL(vmapi_program_create(m->vm, &c, &p), -EBADF);
	c.n_fds = 0;
	c.irqs = &no_irq;
	c.n_irqs = 1;
	EQUAL(vmapi_program_create(m->vm, &c, &p), -EINVAL);
	c.n_irqs = 0;
	EQUAL(vmapi_program_create(m->vm, &c, &p), 0);
	EQUAL(vmapi_program_symbol(p, "nobody", &where, &bytes), -ENOENT);
	EQUAL(vmapi_program_symbol(p, "used", &where, &bytes), 0);
	EQUAL((int64_t)bytes, 8);
	vmapi_program_destroy(p);
	/* One bit of it: an instruction that does something else. */
	image_bytes /= 2;
	c.image_bytes = image_bytes;
	EQUAL(vmapi_program_create(m->vm, &c, &p), -ENOEXEC);
}

/* -- The same trace ----------------------------------------------------- */

struct seen {
	uint64_t offset, value;
	uint32_t length, is_write;
};

/*
 * mov dx,0x302; in al,dx; in ax,dx; mov dl,0; in eax,dx;
 * mov eax,0x12345678; out dx,eax; out dx,ax; out dx,al; mov ax,0xffff;
 * mov ds,ax; mov [0x10],ax; mov eax,[0x14]; mov si,0x2000; xor ax,ax;
 * mov ds,ax; mov cx,3; rep outsb; out 0x99,al.
 */
static const uint8_t trace_code[] = { 0xba, 0x02, 0x03, 0xec, 0xed, 0xb2,
	0x00, 0x66, 0xed, 0x66, 0xb8, 0x78, 0x56, 0x34, 0x12, 0x66, 0xef, 0xef,
	0xee, 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xa3, 0x10, 0x00, 0x66, 0xa1, 0x14,
	0x00, 0xbe, 0x00, 0x20, 0x31, 0xc0, 0x8e, 0xd8, 0xb9, 0x03, 0x00, 0xf3,
	0x6e, 0xe6, 0x99 };

static const struct seen trace_wanted[] = {
	{ SHIFT + 2, 0x0000000000000102, 1, 0 },
	{ SHIFT + 2, 0x0101010101010203, 2, 0 },
	{ SHIFT + 0, 0x0202020202020302, 4, 0 },
	{ SHIFT + 0, 0x12345678, 4, 1 },
	{ SHIFT + 0, 0x5678, 2, 1 },
	{ SHIFT + 0, 0x78, 1, 1 },
	{ 0, 0xffff, 2, 1 },
	{ 4, 0x070707070707070b, 4, 0 },
	{ SHIFT + 0, 'a', 1, 1 },
	{ SHIFT + 0, 'b', 1, 1 },
	{ SHIFT + 0, 'c', 1, 1 },
};

static void check_trace(const uint8_t *trace)
{
	const size_t n = sizeof(trace_wanted) / sizeof(trace_wanted[0]);
	size_t i;

	EQUAL((int64_t)number(trace, 8), (int64_t)n);
	for (i = 0; i < n; i++) {
		const uint8_t *e = trace + 8 + 24 * i;

		EQUAL((int64_t)number(e, 8), (int64_t)trace_wanted[i].offset);
		EQUAL((int64_t)number(e + 8, 8),
			(int64_t)trace_wanted[i].value);
		EQUAL((int64_t)number(e + 16, 4), trace_wanted[i].length);
		EQUAL((int64_t)number(e + 20, 4), trace_wanted[i].is_write);
	}
}

static void program_trace(struct machine *m)
{
	struct vmapi_region *ports, *memory;
	struct vmapi_program_config c;
	struct vmapi_program *p;
	struct vmapi_exit exit;
	uint8_t *trace;

	if (!read_object("tests/bpf/trace.bpf"))
		return;
	c = config_of();
	EQUAL(vmapi_program_create(m->vm, &c, &p), 0);
	EQUAL(attach(m, p, VMAPI_SPACE_PORT, PORTS, &ports), 0);
	EQUAL(attach(m, p, VMAPI_SPACE_MEMORY, API_RAM, &memory), 0);
	EQUAL(attach(m, p, VMAPI_SPACE_PORT, PORTS + 4, &memory), -EEXIST);
	EQUAL(attach(m, p, VMAPI_SPACE_MEMORY, 0x3000, &memory), -EEXIST);
	EQUAL(vmapi_as_write(m->as, 0x2000, "abc", 3), 0);
	trace = symbol(p, "trace");
	api_load(m, trace_code, sizeof(trace_code));
	/* Not one exit before the last port. */
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x99);
	check_trace(trace);
	/* As it was in the object file. */
	EQUAL(vmapi_vcpu_settle(m->vcpu, &exit), 0);
	EQUAL(vmapi_vm_reset(m->vm), 0);
	EQUAL((int64_t)number(trace, 8), 0);
	vmapi_program_destroy(p); /* its regions keep it */
	api_load(m, trace_code, sizeof(trace_code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x99);
	check_trace(trace);
	vmapi_region_destroy(memory);
	vmapi_region_destroy(ports);
	api_load(m, trace_code, sizeof(trace_code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, PORTS + 2);
}

/* -- Two at once -------------------------------------------------------- */

#define WRITES 500

static void *run_alone(void *vcpu)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	EQUAL(vmapi_vcpu_run(vcpu, &exit), 0);
	EQUAL((int64_t)exit.reason, VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x99);
	return NULL;
}

/* The program counts without atomics: it is called by one at a time. */
static void program_two(struct machine *m)
{
	/* mov cx,500; mov dx,0x300; again: out dx,al; loop again; out 0x99 */
	static const uint8_t code[] = { 0xb9, WRITES & 0xff, WRITES >> 8, 0xba,
		0x00, 0x03, 0xee, 0xe2, 0xfd, 0xe6, 0x99 };
	struct vmapi_vcpu_config second = { .size = sizeof(second), .id = 1 };
	struct vmapi_program_config c;
	struct vmapi_region *region;
	struct vmapi_program *p;
	struct vmapi_vcpu *vcpu;
	pthread_t thread;

	if (!read_object("tests/bpf/trace.bpf"))
		return;
	c = config_of();
	EQUAL(vmapi_program_create(m->vm, &c, &p), 0);
	EQUAL(attach(m, p, VMAPI_SPACE_PORT, PORTS, &region), 0);
	EQUAL(vmapi_vcpu_create(m->vm, &second, &vcpu), 0);
	api_load(m, code, sizeof(code));
	api_real_mode(vcpu, API_CODE);
	CHECK(pthread_create(&thread, NULL, run_alone, vcpu) == 0);
	run_alone(m->vcpu);
	pthread_join(thread, NULL);
	EQUAL((int64_t)number(symbol(p, "trace"), 8), 2 * WRITES);
	vmapi_vcpu_destroy(vcpu);
	vmapi_region_destroy(region);
	vmapi_program_destroy(p);
}

/* -- PASS, POST, no fuel ------------------------------------------------- */

static const uint8_t out_code[] = { 0xba, 0x00, 0x03, 0xb0, 0x11, 0xee, 0xb0,
	0x22, 0xee, 0xec, 0xe6, 0x99 };

static void program_pass(struct machine *m)
{
	struct vmapi_program_config c;
	struct vmapi_region *region;
	struct vmapi_program *p;
	struct vmapi_exit exit;

	if (!read_object("tests/bpf/trace.bpf"))
		return;
	c = config_of();
	EQUAL(vmapi_program_create(m->vm, &c, &p), 0);
	EQUAL(attach(m, p, VMAPI_SPACE_PORT, PORTS, &region), 0);
	*(uint8_t *)symbol(p, "pass") = 1;
	api_load(m, out_code, sizeof(out_code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, PORTS);
	EQUAL(*(uint8_t *)exit.u.io.data, 0x11);
	*(uint8_t *)symbol(p, "pass") = 0;
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x99);
	EQUAL((int64_t)number(symbol(p, "trace"), 8), 2);
	/* Without fuel: an exit that names the region, and the guest goes on. */
	*(uint8_t *)symbol(p, "forever") = 1;
	api_load(m, out_code, sizeof(out_code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_REGION);
	CHECK(!strcmp(exit.u.region.region, "a device"));
	EQUAL(exit.u.region.error, -ETIME);
	EQUAL((int64_t)exit.u.region.address, PORTS);
	EQUAL((int64_t)exit.u.region.value, 0x11);
	EQUAL(exit.u.region.is_write, 1);
	EQUAL(exit.u.region.bytes, 1);
	*(uint8_t *)symbol(p, "forever") = 0;
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x99);
	vmapi_region_destroy(region);
	vmapi_program_destroy(p);
}

struct heard {
	unsigned n;
	uint64_t values[4];
	struct vmapi_program *program;
};

static int hear(void *opaque, struct vmapi_access *access)
{
	struct heard *h = opaque;

	CHECK(access->is_write && !access->vcpu);
	if (h->n < 4)
		h->values[h->n] = access->value;
	h->n++;
	return VMAPI_REGION_DONE;
}

static void program_post(struct machine *m)
{
	struct vmapi_region_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_PORT, .base = PORTS, .bytes = 16 };
	struct heard heard = { 0 };
	struct vmapi_region_program how = { .size = sizeof(how), .post = hear,
		.opaque = &heard };
	struct vmapi_program_config program;
	struct vmapi_region *region;
	struct vmapi_program *p;
	struct vmapi_exit exit;
	int err;

	if (!read_object("tests/bpf/trace.bpf"))
		return;
	program = config_of();
	EQUAL(vmapi_program_create(m->vm, &program, &p), 0);
	err = vmapi_region_program(m->vm, &c, p, &how, &region);
	if (err == -ENOTSUP) {
		api_skip("no posted writes");
		vmapi_program_destroy(p);
		return;
	}
	EQUAL(err, 0);
	*(uint8_t *)symbol(p, "post") = 1;
	api_load(m, out_code, sizeof(out_code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x99);
	EQUAL(heard.n, 2);
	EQUAL((int64_t)heard.values[0], 0x11);
	EQUAL((int64_t)heard.values[1], 0x22);
	EQUAL((int64_t)number(symbol(p, "trace"), 8), 3);
	vmapi_region_destroy(region);
	vmapi_program_destroy(p);
}

/* -- The examples -------------------------------------------------------- */

static void program_notify(struct machine *m)
{
	struct vmapi_program_window w = { .name = "used", .ram = m->ram,
		.offset = 0x3000 };
	int32_t fd;
	const uint64_t full = UINT64_MAX - 1;
	struct vmapi_program_config c;
	struct vmapi_region *region;
	struct vmapi_program *p;
	struct vmapi_exit exit;
	uint8_t flags[2] = { 0 };
	uint64_t n = 0;

	if (!read_object("examples/bpf/notify.bpf"))
		return;
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	c = config_of();
	c.windows = &w;
	c.n_windows = 1;
	c.fds = &fd;
	c.n_fds = 1;
	EQUAL(vmapi_program_create(m->vm, &c, &p), 0);
	EQUAL(attach(m, p, VMAPI_SPACE_PORT, PORTS, &region), 0);
	api_load(m, out_code, sizeof(out_code));
	/* Writes are the program's; it has nothing for reads. */
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, PORTS);
	EQUAL(exit.u.io.is_write, 0);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "x", 1), 0);
	EQUAL(vmapi_as_read(m->as, 0x3000, flags, 2), 0);
	EQUAL(flags[0] | flags[1] << 8, 1);
	EQUAL((int64_t)number(symbol(p, "rung"), 8), 2);
	CHECK(read(fd, &n, sizeof(n)) == sizeof(n));
	CHECK(n == 2 || n >> 56 == 2); /* qemu-user: tests/api/event.c */
	/* A full one holds nobody up. */
	CHECK(write(fd, &full, sizeof(full)) == sizeof(full));
	api_load(m, out_code, sizeof(out_code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)number(symbol(p, "rung"), 8), 4);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "x", 1), 0);
	close(fd);
	vmapi_region_destroy(region);
	vmapi_program_destroy(p);
	/* A helper that fails tells the program, which passes the write. */
	c.n_fds = 0;
	EQUAL(vmapi_program_create(m->vm, &c, &p), 0);
	EQUAL(attach(m, p, VMAPI_SPACE_PORT, PORTS, &region), 0);
	api_load(m, out_code, sizeof(out_code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.is_write, 1);
	EQUAL((int64_t)number(symbol(p, "rung"), 8), 1);
	vmapi_region_destroy(region);
	vmapi_program_destroy(p);
}

/* How many pages of the one at 0x3000 were written to. */
static uint64_t dirty_pages(struct machine *m)
{
	struct vmapi_dirty_run run;
	struct vmapi_dirty d = { .size = sizeof(d), .offset = 0x3000,
		.bytes = API_PAGE, .runs = &run, .n_runs = 1 };

	EQUAL(vmapi_dirty_read(m->ram, &d), 0);
	return d.pages;
}

/* What a program writes to guest RAM is in the dirty log. */
static void program_dirty(struct machine *m)
{
	struct vmapi_program_window w = { .name = "used", .ram = m->ram,
		.offset = 0x3008 };
	struct vmapi_program_config c;
	struct vmapi_region *region;
	struct vmapi_program *p;
	struct vmapi_exit exit;
	struct vmapi_map *map;

	if (!read_object("examples/bpf/notify.bpf"))
		return;
	c = config_of();
	c.windows = &w;
	c.n_windows = 1;
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_set_flags(map, m->as, 0, API_RAM, VMAPI_MAP_LOG), 0);
	EQUAL(vmapi_map_commit(map), 0);
	EQUAL(vmapi_program_create(m->vm, &c, &p), 0);
	EQUAL(attach(m, p, VMAPI_SPACE_PORT, PORTS, &region), 0);
	api_load(m, out_code, sizeof(out_code));
	(void)dirty_pages(m);
	EQUAL((int64_t)dirty_pages(m), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)dirty_pages(m), 1);
	EQUAL((int64_t)dirty_pages(m), 0);
	vmapi_region_destroy(region);
	vmapi_program_destroy(p);
}

static void program_ide(struct machine *m)
{
	/*
	 * mov dx,0x302; mov al,7; out dx,al; in al,dx; out 0x98,al;
	 * mov dl,7; in al,dx; mov al,0x20; out dx,al.
	 */
	static const uint8_t code[] = { 0xba, 0x02, 0x03, 0xb0, 0x07, 0xee,
		0x30, 0xc0, 0xec, 0xe6, 0x98, 0xb2, 0x07, 0xec, 0xe6, 0x98,
		0xb0, 0x20, 0xee };
	struct vmapi_region_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_PORT, .base = PORTS, .bytes = 8 };
	struct vmapi_program_config program;
	struct vmapi_region *region;
	struct vmapi_program *p;
	struct vmapi_exit exit;

	if (!read_object("examples/bpf/ide.bpf"))
		return;
	program = config_of();
	EQUAL(vmapi_program_create(m->vm, &program, &p), 0);
	EQUAL(vmapi_region_program(m->vm, &c, p, NULL, &region), 0);
	((uint8_t *)symbol(p, "task_file"))[7] = 0x50;
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(*(uint8_t *)exit.u.io.data, 7); /* what was written */
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(*(uint8_t *)exit.u.io.data, 0x50); /* the status */
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, PORTS + 7); /* the command */
	EQUAL(*(uint8_t *)exit.u.io.data, 0x20);
	vmapi_region_destroy(region);
	vmapi_program_destroy(p);
}

static void program_pm_timer(struct machine *m)
{
	/*
	 * mov dx,0x300; in eax,dx; mov ebx,eax; l: in eax,dx; cmp eax,ebx;
	 * je l; in eax,dx; sub eax,ebx; mov [0x2000],eax; out 0x99,al.
	 */
	static const uint8_t code[] = { 0xba, 0x00, 0x03, 0x66, 0xed, 0x66,
		0x89, 0xc3, 0x66, 0xed, 0x66, 0x39, 0xd8, 0x74, 0xf9, 0x66,
		0xed, 0x66, 0x29, 0xd8, 0x66, 0xa3, 0x00, 0x20, 0xe6, 0x99 };
	struct vmapi_region_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_PORT, .base = PORTS, .bytes = 4 };
	struct vmapi_program_config program;
	struct vmapi_region *region;
	struct vmapi_program *p;
	struct vmapi_exit exit;
	uint8_t ticks[4];

	if (!read_object("examples/bpf/pm-timer.bpf"))
		return;
	program = config_of();
	program.flags = VMAPI_PROGRAM_CONCURRENT;
	EQUAL(vmapi_program_create(m->vm, &program, &p), 0);
	EQUAL(vmapi_region_program(m->vm, &c, p, NULL, &region), 0);
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, 0x99);
	EQUAL(vmapi_as_read(m->as, 0x2000, ticks, 4), 0);
	CHECK((number(ticks, 4) & 0xffffff) > 0);
	CHECK((number(ticks, 4) & 0xffffff) < 3579545 * 2u);
	vmapi_region_destroy(region);
	vmapi_program_destroy(p);
}

/* Counter 0 in mode 3, both bytes, read back; the alarm comes by service. */
static void program_pit(struct machine *m)
{
	/*
	 * mov dx,0x303; mov al,0x34; out dx,al; mov al,0xe2; out dx,al;
	 * mov dl,0; in al,dx; out 0x98,al; mov al,0x10; out dx,al;
	 * mov al,0x27; out dx,al; mov dl,3; mov al,0xc2; out dx,al; mov dl,0;
	 * in al,dx; out 0x98,al; in al,dx; mov ah,al; in al,dx;
	 * xchg al,ah; out 0x98,ax.
	 */
	static const uint8_t code[] = { 0xba, 0x03, 0x03, 0xb0, 0x34, 0xee,
		0xb0, 0xe2, 0xee, 0xb2, 0x00, 0xec, 0xe6, 0x98, 0xb0, 0x10,
		0xee, 0xb0, 0x27, 0xee, 0xb2, 0x03, 0xb0, 0xc2, 0xee, 0xb2,
		0x00, 0xec, 0xe6, 0x98, 0xec, 0x88, 0xc4, 0xec, 0x86, 0xc4,
		0xe7, 0x98 };
	struct vmapi_region_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_PORT, .base = PORTS, .bytes = 4 };
	struct vmapi_program_config program;
	struct vmapi_region *region;
	struct vmapi_program *p;
	struct vmapi_exit exit;
	const uint8_t *data;

	if (!read_object("examples/bpf/pit.bpf"))
		return;
	program = config_of();
	EQUAL(vmapi_program_create(m->vm, &program, &p), 0);
	EQUAL(vmapi_region_program(m->vm, &c, p, NULL, &region), 0);
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	/* Status: null count, both bytes, mode 2. */
	EQUAL(*(uint8_t *)exit.u.io.data & 0x7f, 0x74);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(*(uint8_t *)exit.u.io.data & 0x7f, 0x34);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.width, 2);
	data = exit.u.io.data;
	CHECK(number(data, 2) >= 1 && number(data, 2) <= 10000);
	vmapi_region_destroy(region);
	vmapi_program_destroy(p);
}

/* Whether hpet.compare, which is the fifth, gets there while it is served. */
static bool comes_to(struct machine *m, struct vmapi_program *p, uint64_t value)
{
	unsigned i;

	for (i = 0; i < 2000; i++) {
		EQUAL(vmapi_vm_service(m->vm), 0);
		if (number((uint8_t *)symbol(p, "hpet") + 32, 8) >= value)
			return true;
		usleep(1000);
	}
	return false;
}

/*
 * A periodic comparator goes on while the VM is served; and when a register is
 * written while it is due, and nobody has come.
 */
static void program_hpet(struct machine *m)
{
	/*
	 * mov ax,0xffff; mov ds,ax; mov dword [0x110],0x4c (periodic, set,
	 * enabled); mov dword [0x118],10000 (1 ms); mov dword [0x20],1;
	 * mov eax,[0x14]; out 0x99,eax; mov dword [0x30],1; out 0x99,eax.
	 */
	static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x66,
		0xc7, 0x06, 0x10, 0x01, 0x4c, 0x00, 0x00, 0x00, 0x66, 0xc7,
		0x06, 0x18, 0x01, 0x10, 0x27, 0x00, 0x00, 0x66, 0xc7, 0x06,
		0x20, 0x00, 0x01, 0x00, 0x00, 0x00, 0x66, 0xa1, 0x14, 0x00,
		0x66, 0xe7, 0x99, 0x66, 0xc7, 0x06, 0x30, 0x00, 0x01, 0x00,
		0x00, 0x00, 0x66, 0xe7, 0x99 };
	struct vmapi_region_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_MEMORY, .base = API_RAM, .bytes = 1024 };
	struct vmapi_program_config program;
	struct vmapi_region *region;
	struct vmapi_program *p;
	struct vmapi_exit exit;
	uint64_t compare;

	if (!read_object("examples/bpf/hpet.bpf"))
		return;
	program = config_of();
	EQUAL(vmapi_program_create(m->vm, &program, &p), 0);
	EQUAL(vmapi_region_program(m->vm, &c, p, NULL, &region), 0);
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)number(exit.u.io.data, 4), 100000000); /* period */
	/* hpet.compare begins at 10000 and grows by the same. */
	CHECK(comes_to(m, p, 50000));
	usleep(3000);
	compare = number((uint8_t *)symbol(p, "hpet") + 32, 8);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	CHECK(comes_to(m, p, compare + 50000));
	EQUAL((int64_t)number((uint8_t *)symbol(p, "hpet") + 32, 8) % 10000, 0);
	vmapi_region_destroy(region);
	vmapi_program_destroy(p);
}

/*
 * A turn that is centuries away, in nanoseconds more than 64 bits, is no alarm
 * that comes at once; one that 64 bits can say waits.
 */
static void program_hpet_far(struct machine *m)
{
	/*
	 * mov ax,0xffff; mov ds,ax; mov dword [0x110],4 (enabled, one shot);
	 * mov dword [0x118],0xf65b25dd; mov dword [0x11c],0x28f5c28; mov dword
	 * [0x20],1; out 0x99,eax; mov dword [0x11c],0x800000; out 0x99,eax.
	 */
	static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x66,
		0xc7, 0x06, 0x10, 0x01, 0x04, 0x00, 0x00, 0x00, 0x66, 0xc7,
		0x06, 0x18, 0x01, 0xdd, 0x25, 0x5b, 0xf6, 0x66, 0xc7, 0x06,
		0x1c, 0x01, 0x28, 0x5c, 0x8f, 0x02, 0x66, 0xc7, 0x06, 0x20,
		0x00, 0x01, 0x00, 0x00, 0x00, 0x66, 0xe7, 0x99, 0x66, 0xc7,
		0x06, 0x1c, 0x01, 0x00, 0x00, 0x80, 0x00, 0x66, 0xe7, 0x99 };
	struct vmapi_region_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_MEMORY, .base = API_RAM, .bytes = 1024 };
	struct vmapi_program_config program;
	struct vmapi_region *region;
	struct vmapi_program *p;
	struct vmapi_exit exit;
	const uint8_t *armed; /* the seventh of its variables */
	unsigned i;

	if (!read_object("examples/bpf/hpet.bpf"))
		return;
	program = config_of();
	EQUAL(vmapi_program_create(m->vm, &program, &p), 0);
	EQUAL(vmapi_region_program(m->vm, &c, p, NULL, &region), 0);
	armed = (const uint8_t *)symbol(p, "hpet") + 48;
	api_load(m, code, sizeof(code));
	for (i = 0; i < 2; i++) {
		EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
		EQUAL(number(armed, 8), i);
		usleep(1000);
		EQUAL(vmapi_vm_service(m->vm), 0);
		EQUAL(number(armed, 8), i);
	}
	vmapi_region_destroy(region);
	vmapi_program_destroy(p);
}

/* -- A reset while it runs ---------------------------------------------- */

/* A thread beside this one: the VM is served, or reset. */
struct beside {
	struct vmapi_vm *vm;
	pthread_t thread;
	atomic_bool done;
};

static void *serve_beside(void *opaque)
{
	struct beside *b = opaque;

	EQUAL(vmapi_vm_service(b->vm), 0);
	atomic_store(&b->done, true);
	return NULL;
}

static void *reset_beside(void *opaque)
{
	struct beside *b = opaque;

	EQUAL(vmapi_vm_reset(b->vm), 0);
	atomic_store(&b->done, true);
	return NULL;
}

static _Atomic(uint32_t) *flag(struct vmapi_program *p, const char *name)
{
	return symbol(p, name);
}

static bool comes_true(_Atomic(uint32_t) *what)
{
	unsigned ms;

	for (ms = 0; ms < 10000 && !atomic_load(what); ms++)
		usleep(1000);
	return atomic_load(what);
}

/* Its alarm is in the middle, and goes on when the reset has had its time. */
static void reset_in_alarm(struct machine *m, struct vmapi_program *p)
{
	struct beside serves = { .vm = m->vm }, resets = { .vm = m->vm };
	struct vmapi_exit exit;
	unsigned ms;

	api_load(m, out_code, sizeof(out_code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.is_write, 0); /* it has none for reads */
	atomic_store(flag(p, "entered"), 0); /* a vcpu may have served */
	atomic_store(flag(p, "wait"), 1);
	CHECK(!pthread_create(&serves.thread, NULL, serve_beside, &serves));
	CHECK(comes_true(flag(p, "entered")));
	CHECK(!pthread_create(&resets.thread, NULL, reset_beside, &resets));
	for (ms = 0; ms < 200 && !atomic_load(&resets.done); ms++)
		usleep(1000);
	CHECK(!atomic_load(&serves.done));
	CHECK(!atomic_load(&resets.done));
	atomic_store(flag(p, "wait"), 0);
	pthread_join(serves.thread, NULL);
	pthread_join(resets.thread, NULL);
	EQUAL((int64_t)number(symbol(p, "entered"), 4), 0);
	EQUAL((int64_t)number(symbol(p, "rung"), 8), 0);
	EQUAL(vmapi_vm_service(m->vm), 0); /* nor does it ring again */
	EQUAL((int64_t)number(symbol(p, "rung"), 8), 0);
}

static void program_reset(struct machine *m)
{
	struct vmapi_program_config c;
	struct vmapi_region *region;
	struct vmapi_program *p;
	unsigned i;

	if (!read_object("tests/bpf/alarm.bpf"))
		return;
	for (i = 0; i < 2; i++) {
		c = config_of();
		c.flags = i ? VMAPI_PROGRAM_CONCURRENT : 0;
		c.fuel = UINT32_MAX;
		EQUAL(vmapi_program_create(m->vm, &c, &p), 0);
		EQUAL(attach(m, p, VMAPI_SPACE_PORT, PORTS, &region), 0);
		reset_in_alarm(m, p);
		vmapi_region_destroy(region);
		vmapi_program_destroy(p);
	}
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "refusals", refusals },
		{ "program refusals", program_refusals },
		{ "program trace", program_trace },
		{ "program on two vcpus", program_two },
		{ "program PASS, no fuel", program_pass },
		{ "program POST", program_post },
		{ "program notify", program_notify },
		{ "program dirty", program_dirty },
		{ "program ide", program_ide },
		{ "program pm-timer", program_pm_timer },
		{ "program pit", program_pit },
		{ "program hpet", program_hpet },
		{ "program hpet, centuries", program_hpet_far },
		{ "program reset in its alarm", program_reset },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
