/* SPDX-License-Identifier: MIT */
/* Regions: functions and memory that answer, writes that are posted. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/api/api.h"

#define AT_MMIO API_RAM /* the first address behind RAM: ffff:0010 */

/* Until the port's exit. */
static void run_to_port(struct machine *m, unsigned port)
{
	struct vmapi_exit exit;

	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL((int64_t)exit.u.io.port, port);
}

/* -- What a region saw -------------------------------------------------- */

#define SEEN_MAX 4096

struct seen {
	struct vmapi_access access[SEEN_MAX];
	unsigned n;
	int verdict;
	struct vmapi_vcpu *kick;
	struct vmapi_vm *flush;
	/* what the function tries: see inside() */
	struct machine *m;
	struct vmapi_region *own;
	struct vmapi_ioeventfd *bell;
	struct vmapi_as *second; /* or NULL */
	int fd;
};

static struct seen seen;

/* Records all; reads give 0x60 and the offset in each byte. */
static int see(void *opaque, struct vmapi_access *access)
{
	struct seen *s = opaque;

	if (s->n < SEEN_MAX)
		s->access[s->n] = *access;
	s->n++;
	if (s->kick)
		vmapi_vcpu_kick(s->kick);
	if (s->flush)
		EQUAL(vmapi_region_flush(s->flush), 0);
	if (!access->is_write)
		access->value = 0x6060606060606060 + access->offset;
	return s->verdict;
}

static struct vmapi_region_config range(
	unsigned space, uint64_t base, unsigned flags)
{
	struct vmapi_region_config c = { .size = sizeof(c),
		.flags = flags,
		.space = space,
		.base = base,
		.bytes = 8 };

	memset(&seen, 0, sizeof(seen));
	return c;
}

/* -- Functions ---------------------------------------------------------- */

static void refusals(struct machine *m)
{
	struct vmapi_region_config c =
		range(VMAPI_SPACE_MEMORY, API_RAM, 0);
	struct vmapi_ioeventfd_config bell = { .size = sizeof(bell),
		.address = API_RAM + 0x100 };
	struct vmapi_region *r, *other;
	struct vmapi_ioeventfd *io;

#define REFUSED(err) EQUAL(vmapi_region_handler(m->vm, &c, see, NULL, &r), err)
	bell.fd = eventfd(0, EFD_CLOEXEC);
	EQUAL(vmapi_region_handler(NULL, &c, see, NULL, &r), -EINVAL);
	EQUAL(vmapi_region_handler(m->vm, NULL, see, NULL, &r), -EINVAL);
	EQUAL(vmapi_region_handler(m->vm, &c, NULL, NULL, &r), -EINVAL);
	EQUAL(vmapi_region_handler(m->vm, &c, see, NULL, NULL), -EINVAL);
	EQUAL(vmapi_region_flush(NULL), -EINVAL);
	c.flags = 1u << 31;
	REFUSED(-EINVAL);
	c.flags = 0;
	c.space = VMAPI_SPACE_CCW;
	REFUSED(-EINVAL);
	c.space = VMAPI_SPACE_PORT;
	c.base = 0xfffc;
	REFUSED(-EINVAL);
	c.space = VMAPI_SPACE_MEMORY;
	c.base = 0x3000;
	REFUSED(-EEXIST);
	c.base = API_RAM;
	c.bytes = 0;
	REFUSED(-EINVAL);
	c.bytes = 0x200;
	EQUAL(vmapi_ioeventfd_create(m->vm, &bell, &io), 0);
	REFUSED(-EEXIST);
	vmapi_ioeventfd_destroy(io);
	EQUAL(vmapi_region_handler(m->vm, &c, see, NULL, &r), 0);
	EQUAL(vmapi_region_handler(m->vm, &c, see, NULL, &other), -EEXIST);
	EQUAL(vmapi_ioeventfd_create(m->vm, &bell, &io), -EEXIST);
	EQUAL(api_map(m, API_RAM, API_PAGE, 0), -EEXIST);
	vmapi_region_destroy(r);
	vmapi_region_destroy(NULL);
	EQUAL(api_map(m, API_RAM, API_PAGE, 0), 0);
	close(bell.fd);
#undef REFUSED
}

static void ports(struct machine *m)
{
	/*
	 * mov dx,0x302; mov ax,0x8877; out dx,ax; in al,dx; out 0x99,al;
	 * mov si,0x2000; mov cx,3; rep outsb; mov dx,0x307; in ax,dx.
	 */
	static const uint8_t code[] = { 0xba, 0x02, 0x03, 0xb8, 0x77, 0x88,
		0xef, 0xec, 0xe6, 0x99, 0xbe, 0x00, 0x20, 0xb9, 0x03, 0x00,
		0xf3, 0x6e, 0xba, 0x07, 0x03, 0xed };
	struct vmapi_region_config c = range(VMAPI_SPACE_PORT, 0x300, 0);
	struct vmapi_region *r;
	struct vmapi_exit exit;

	EQUAL(vmapi_region_handler(m->vm, &c, see, &seen, &r), 0);
	EQUAL(vmapi_as_write(m->as, 0x2000, "abc", 3), 0);
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.port, 0x99);
	EQUAL(*(uint8_t *)exit.u.io.data, 0x62);
	EQUAL(seen.n, 2);
	EQUAL((int64_t)seen.access[0].offset, 2);
	EQUAL((int64_t)seen.access[0].value, 0x8877);
	EQUAL(seen.access[0].bytes, 2);
	EQUAL(seen.access[0].is_write, 1);
	CHECK(seen.access[0].vcpu == m->vcpu);
	EQUAL(seen.access[1].is_write, 0);
	EQUAL((int64_t)seen.access[1].value, 0);
	/* One byte of this word is outside: the application's. */
	run_to_port(m, 0x307);
	EQUAL(seen.n, 5);
	EQUAL((int64_t)seen.access[2].value, 'a');
	EQUAL((int64_t)seen.access[4].value, 'c');
	vmapi_region_destroy(r);
}

/* mov ax,0xffff; mov ds,ax; mov [0x12],cx; mov ax,[0x14]; out 0x99,al */
static const uint8_t memory_code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x89,
	0x0e, 0x12, 0x00, 0xa1, 0x14, 0x00, 0xe6, 0x99 };

static void memory(struct machine *m)
{
	struct vmapi_region_config c = range(VMAPI_SPACE_MEMORY, AT_MMIO, 0);
	struct vmapi_region *r;
	struct vmapi_exit exit;

	EQUAL(vmapi_region_handler(m->vm, &c, see, &seen, &r), 0);
	api_load(m, memory_code, sizeof(memory_code));
	api_set(m->vcpu, VMAPI_X86_RCX, 0x1234);
	run_to_port(m, 0x99);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0x6064);
	EQUAL(seen.n, 2);
	EQUAL((int64_t)seen.access[0].offset, 2);
	EQUAL((int64_t)seen.access[0].value, 0x1234);
	EQUAL((int64_t)seen.access[1].offset, 4);
	/* What it passes on is an exit, as if it were not there. */
	seen.verdict = VMAPI_REGION_PASS;
	api_real_mode(m->vcpu, API_CODE);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL(exit.u.mmio.is_write, 1);
	EQUAL((int64_t)exit.u.mmio.gpa, AT_MMIO + 2);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL(exit.u.mmio.is_write, 0);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "AB", 2), 0);
	run_to_port(m, 0x99);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0x4241);
	vmapi_region_destroy(r);
	api_real_mode(m->vcpu, API_CODE);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL(seen.n, 4);
}

/* By the last call, which returns nothing. */
static void refused(const char *operation)
{
	EQUAL(vmapi_error_last()->code, -EDEADLK);
	EQUAL(strcmp(vmapi_error_last()->operation, operation), 0);
}

/* What a function may do in the middle of an instruction, and what not. */
static int inside(void *opaque, struct vmapi_access *access)
{
	struct seen *s = opaque;
	struct vmapi_region_config c = { .size = sizeof(c),
		.base = API_RAM + 0x1000,
		.bytes = 1 };
	struct vmapi_ioeventfd_config bell = { .size = sizeof(bell),
		.address = API_RAM + 0x2000,
		.fd = s->fd };
	struct vmapi_ioeventfd *io;
	struct vmapi_region *r;
	uint8_t byte = 0;

	(void)access;
	EQUAL(vmapi_as_read(s->m->as, 0x2000, &byte, 1), 0);
	byte++;
	EQUAL(vmapi_as_write(s->m->as, 0x2001, &byte, 1), 0);
	EQUAL(api_map(s->m, API_RAM + 0x3000, API_PAGE, 0), -EDEADLK);
	EQUAL(vmapi_region_handler(s->m->vm, &c, see, NULL, &r), -EDEADLK);
	EQUAL(vmapi_ioeventfd_create(s->m->vm, &bell, &io), -EDEADLK);
	EQUAL(vmapi_region_flush(s->m->vm), -EDEADLK);
	vmapi_region_destroy(s->own);
	refused("vmapi_region_destroy");
	vmapi_ioeventfd_destroy(s->bell);
	refused("vmapi_ioeventfd_destroy");
	vmapi_as_destroy(s->second);
	if (s->second)
		refused("vmapi_as_destroy");
	s->n++;
	return VMAPI_REGION_DONE;
}

static void function_inside(struct machine *m)
{
	/* out 0x80,al; out 0x80,al; out 0x99,al */
	static const uint8_t code[] = { 0xe6, 0x80, 0xe6, 0x80, 0xe6, 0x99 };
	struct vmapi_region_config c = range(VMAPI_SPACE_PORT, 0x80, 0);
	struct vmapi_ioeventfd_config bell = { .size = sizeof(bell),
		.address = API_RAM + 0x4000 };
	uint8_t two[2] = { 41, 0 };

	seen.m = m;
	seen.fd = bell.fd = eventfd(0, EFD_CLOEXEC);
	EQUAL(vmapi_ioeventfd_create(m->vm, &bell, &seen.bell), 0);
	if (api_cap(m, VMAPI_CAP_ADDRESS_SPACES) > 1)
		EQUAL(vmapi_as_create(m->vm, &seen.second), 0);
	EQUAL(vmapi_region_handler(m->vm, &c, inside, &seen, &seen.own), 0);
	EQUAL(vmapi_as_write(m->as, 0x2000, two, 2), 0);
	api_load(m, code, sizeof(code));
	run_to_port(m, 0x99);
	EQUAL(seen.n, 2);
	EQUAL(vmapi_as_read(m->as, 0x2000, two, 2), 0);
	EQUAL(two[1], 42);
	vmapi_region_destroy(seen.own);
	vmapi_ioeventfd_destroy(seen.bell);
	vmapi_as_destroy(seen.second);
	close(seen.fd);
}

/* Over RAM that the guest cannot write to: flash memory is so. */
static void over_rom(struct machine *m)
{
	struct vmapi_region_config c = range(VMAPI_SPACE_MEMORY, AT_MMIO, 0);
	struct vmapi_map_entry rom = { .size = sizeof(rom),
		.flags = VMAPI_MAP_READONLY,
		.gpa = AT_MMIO,
		.bytes = API_PAGE,
		.ram = m->ram,
		.offset = 0x8000 };
	struct vmapi_region *r;
	struct vmapi_map *map;

	if (!api_cap(m, VMAPI_CAP_READONLY)) {
		api_skip("no read-only maps");
		return;
	}
	EQUAL(vmapi_region_handler(m->vm, &c, see, &seen, &r), 0);
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_add(map, m->as, &rom), 0);
	EQUAL(vmapi_map_commit(map), 0);
	EQUAL(vmapi_as_write(m->as, 0x8004, "xy", 2), 0);
	api_load(m, memory_code, sizeof(memory_code));
	api_set(m->vcpu, VMAPI_X86_RCX, 0x4321);
	run_to_port(m, 0x99);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 'x' | 'y' << 8);
	EQUAL(seen.n, 1);
	EQUAL((int64_t)seen.access[0].value, 0x4321);
	/* It cannot become writable while the region is there. */
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_set_flags(map, m->as, AT_MMIO, API_PAGE, 0), 0);
	EQUAL(vmapi_map_commit(map), -EEXIST);
	vmapi_region_destroy(r);
	EQUAL(vmapi_region_handler(m->vm, &c, see, &seen, &r), 0);
	vmapi_region_destroy(r);
}

/* -- Posted writes ------------------------------------------------------ */

static int post_at(struct vmapi_vm *vm, unsigned space, uint64_t base,
	struct vmapi_region **region)
{
	struct vmapi_region_config c =
		range(space, base, VMAPI_REGION_POSTED);

	return vmapi_region_handler(vm, &c, see, &seen, region);
}

static void posted_memory(struct machine *m)
{
	/*
	 * mov ax,0xffff; mov ds,ax; mov cx,1000; l: mov [0x10],cx;
	 * mov [0x12],cl; loop l; mov al,[0x18]; mov [0x10],al; out 0x99,al;
	 * mov al,[0x11]; out 0x99,al; mov [0x10],al; out 0x99,al.
	 */
	static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xb9,
		0xe8, 0x03, 0x89, 0x0e, 0x10, 0x00, 0x88, 0x0e, 0x12, 0x00,
		0xe2, 0xf6, 0xa0, 0x18, 0x00, 0xa2, 0x10, 0x00, 0xe6, 0x99,
		0xa0, 0x11, 0x00, 0xe6, 0x99, 0xa2, 0x10, 0x00, 0xe6, 0x99 };
	struct vmapi_region *region;
	struct vmapi_exit exit;
	unsigned i;

	EQUAL(post_at(m->vm, VMAPI_SPACE_MEMORY, AT_MMIO, &region), 0);
	seen.flush = m->vm; /* nested: does nothing */
	api_load(m, code, sizeof(code));
	/* Two thousand writes, and the first exit is the read behind them. */
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL(exit.u.mmio.is_write, 0);
	EQUAL(seen.n, 2000);
	for (i = 0; i < 2000; i++) {
		const struct vmapi_access *w = &seen.access[i];
		unsigned cx = 1000 - i / 2;

		if (w->offset != i % 2 * 2 || w->bytes != 2 - i % 2 ||
			!w->is_write || w->vcpu ||
			w->value != (i % 2 ? cx & 0xff : cx))
			break;
	}
	EQUAL(i, 2000);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "A", 1), 0);
	run_to_port(m, 0x99);
	EQUAL(seen.n, 2001);
	EQUAL((int64_t)seen.access[2000].value, 'A');
	/* Reads there come at once, behind the writes, from a vcpu. */
	seen.flush = NULL;
	run_to_port(m, 0x99);
	EQUAL(seen.n, 2002);
	EQUAL(seen.access[2001].is_write, 0);
	CHECK(seen.access[2001].vcpu == m->vcpu);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX) & 0xff, 0x61);
	vmapi_region_destroy(region);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL(exit.u.mmio.is_write, 1);
	run_to_port(m, 0x99);
	EQUAL(seen.n, 2002);
}

static void posted_ports(struct machine *m)
{
	/* mov dx,0x302; mov ax,0x8877; out dx,ax; out 0x99,al; outsb x 3. */
	static const uint8_t code[] = { 0xba, 0x02, 0x03, 0xb8, 0x77, 0x88,
		0xef, 0xe6, 0x99, 0xbe, 0x00, 0x20, 0xb9, 0x03, 0x00, 0xf3,
		0x6e, 0xe6, 0x99 };
	struct vmapi_region *region;
	int err = post_at(m->vm, VMAPI_SPACE_PORT, 0x300, &region);

	if (err == -ENOTSUP) {
		api_skip("no posted port writes");
		return;
	}
	EQUAL(err, 0);
	EQUAL(vmapi_as_write(m->as, 0x2000, "abc", 3), 0);
	api_load(m, code, sizeof(code));
	run_to_port(m, 0x99);
	EQUAL(seen.n, 1);
	EQUAL((int64_t)seen.access[0].offset, 2);
	EQUAL((int64_t)seen.access[0].value, 0x8877);
	run_to_port(m, 0x99);
	EQUAL(seen.n, 4);
	EQUAL((int64_t)seen.access[1].value, 'a');
	EQUAL((int64_t)seen.access[3].value, 'c');
	vmapi_region_destroy(region);
}

/* A guest that never exits again: the timer finds its write. */
static void posted_timer(struct machine *m)
{
	/* mov ax,0xffff; mov ds,ax; mov [0x10],al; jmp $. */
	static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xa2,
		0x10, 0x00, 0xeb, 0xfe };
	struct vmapi_vm_config c = { .size = sizeof(c),
		.flags = VMAPI_VM_SERVICE_THREAD };
	struct machine served = { .backend = m->backend };
	struct vmapi_region *region;
	struct vmapi_exit exit;

	api_machine(&served, &c);
	EQUAL(post_at(served.vm, VMAPI_SPACE_MEMORY, AT_MMIO, &region), 0);
	seen.kick = served.vcpu;
	api_load(&served, code, sizeof(code));
	EQUAL(api_run(&served, &exit), VMAPI_EXIT_KICK);
	EQUAL(seen.n, 1);
	vmapi_region_destroy(region);
	api_machine_free(&served);
}

/* A device that writes to memory for a posted write: the log knows. */
static int write_page(void *opaque, struct vmapi_access *access)
{
	struct machine *m = opaque;
	uint8_t byte = (uint8_t)access->value;

	EQUAL(vmapi_as_write(m->as, 0x5000, &byte, 1), 0);
	return VMAPI_REGION_DONE;
}

struct dirtied {
	struct vmapi_ram *ram;
	uint8_t bits[API_RAM / API_PAGE / 8];
	int err;
};

static int read_log(void *opaque, struct vmapi_access *access)
{
	struct dirtied *d = opaque;
	struct vmapi_dirty dirty = { .size = sizeof(dirty),
		.bytes = API_RAM,
		.bitmap = d->bits };

	(void)access;
	d->err = vmapi_dirty_read(d->ram, &dirty);
	return VMAPI_REGION_DONE;
}

static void posted_dirty(struct machine *m)
{
	/*
	 * mov ax,0xffff; mov ds,ax; mov [0x10],al; l: jmp l: the write waits
	 * until somebody reads the log.
	 */
	static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xa2,
		0x10, 0x00, 0xe6, 0x99 };
	struct vmapi_region_config c =
		range(VMAPI_SPACE_MEMORY, AT_MMIO, VMAPI_REGION_POSTED);
	struct dirtied d = { .ram = m->ram };
	struct vmapi_access none = { .bytes = 1 };
	struct vmapi_region *region;
	struct vmapi_map *map;

	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_set_flags(map, m->as, 0, API_RAM, VMAPI_MAP_LOG), 0);
	EQUAL(vmapi_map_commit(map), 0);
	EQUAL(vmapi_region_handler(m->vm, &c, write_page, m, &region), 0);
	api_load(m, code, sizeof(code));
	read_log(&d, &none); /* what was written so far */
	run_to_port(m, 0x99);
	memset(d.bits, 0, sizeof(d.bits));
	read_log(&d, &none);
	EQUAL(d.err, 0);
	EQUAL(d.bits[0] & 0x20, 0x20);
	vmapi_region_destroy(region);
}

/* -- Shadows ------------------------------------------------------------ */

static int shadow_at(struct machine *m, const struct vmapi_region_config *c,
	const uint8_t *policy, struct vmapi_region **region)
{
	struct vmapi_shadow s = { .size = sizeof(s),
		.ram = m->ram,
		.offset = 0x9000,
		.policy = policy };

	return vmapi_region_shadow(m->vm, c, &s, region);
}

static void shadow_refusals(struct machine *m)
{
	struct vmapi_region_config c =
		range(VMAPI_SPACE_MEMORY, AT_MMIO, 0);
	static const uint8_t bad[8] = { 0, 0, 0, 0, 0, 0, 0, 5 };
	struct vmapi_shadow s = { .size = sizeof(s), .ram = m->ram };
	struct vmapi_region *r;

	EQUAL(vmapi_region_shadow(NULL, &c, &s, &r), -EINVAL);
	EQUAL(vmapi_region_shadow(m->vm, NULL, &s, &r), -EINVAL);
	EQUAL(vmapi_region_shadow(m->vm, &c, NULL, &r), -EINVAL);
	EQUAL(vmapi_region_shadow(m->vm, &c, &s, NULL), -EINVAL);
	EQUAL(shadow_at(m, &c, bad, &r), -EINVAL);
	s.offset = API_RAM - 7;
	EQUAL(vmapi_region_shadow(m->vm, &c, &s, &r), -EINVAL);
	s.offset = ~0ull;
	EQUAL(vmapi_region_shadow(m->vm, &c, &s, &r), -EINVAL);
	s.offset = 0;
	s.flags = 1;
	EQUAL(vmapi_region_shadow(m->vm, &c, &s, &r), -EINVAL);
	s.flags = 0;
	s.ram = NULL;
	EQUAL(vmapi_region_shadow(m->vm, &c, &s, &r), -EINVAL);
	c.base = 0;
	EQUAL(shadow_at(m, &c, NULL, &r), -EEXIST);
}

/* Plain, read-only, clear, trap writes, trap: at ports. */
static void shadow_ports(struct machine *m)
{
	/*
	 * mov dx,0x300; mov eax,0x0f0f0f0f; out dx,ax; inc dx; inc dx;
	 * out dx,al; mov dx,0x300; in eax,dx; out 0x99,al; out dx,eax;
	 * mov dx,0x304; in al,dx.
	 */
	static const uint8_t code[] = { 0xba, 0x00, 0x03, 0x66, 0xb8, 0x0f,
		0x0f, 0x0f, 0x0f, 0xef, 0x42, 0x42, 0xee, 0xba, 0x00, 0x03,
		0x66, 0xed, 0xe6, 0x99, 0x66, 0xef, 0xba, 0x04, 0x03, 0xec };
	static const uint8_t policy[8] = { VMAPI_SHADOW_PLAIN,
		VMAPI_SHADOW_READ_ONLY, VMAPI_SHADOW_CLEAR,
		VMAPI_SHADOW_TRAP_WRITE, VMAPI_SHADOW_TRAP };
	static const uint8_t before[8] = { 1, 0x52, 0xff, 0x54, 0x55 };
	static const uint8_t after[8] = { 0x0f, 0x52, 0xf0, 0x54, 0x55 };
	struct vmapi_region_config c = range(VMAPI_SPACE_PORT, 0x300, 0);
	struct vmapi_region *r;
	struct vmapi_exit exit;
	uint8_t now[8];

	EQUAL(shadow_at(m, &c, policy, &r), 0);
	EQUAL(vmapi_as_write(m->as, 0x9000, before, 8), 0);
	api_load(m, code, sizeof(code));
	run_to_port(m, 0x99);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0x54f0520f);
	EQUAL(vmapi_as_read(m->as, 0x9000, now, 8), 0);
	CHECK(!memcmp(now, after, 8));
	/* One of four bytes traps writes: none is written. */
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(exit.u.io.port, 0x300);
	EQUAL(exit.u.io.width, 4);
	EQUAL(vmapi_as_read(m->as, 0x9000, now, 8), 0);
	CHECK(!memcmp(now, after, 8));
	run_to_port(m, 0x304);
	vmapi_region_destroy(r);
}

/* With the page mapped read-only too, its reads are RAM's. */
static void shadow_memory(struct machine *m)
{
	struct vmapi_region_config c = range(VMAPI_SPACE_MEMORY, AT_MMIO, 0);
	struct vmapi_map_entry page = { .size = sizeof(page),
		.flags = VMAPI_MAP_READONLY,
		.gpa = AT_MMIO,
		.bytes = API_PAGE,
		.ram = m->ram,
		.offset = 0x9000 };
	struct vmapi_region *r;
	struct vmapi_map *map;
	uint8_t now[8];

	EQUAL(shadow_at(m, &c, NULL, &r), 0);
	EQUAL(vmapi_as_write(m->as, 0x9004, "xy", 2), 0);
	api_load(m, memory_code, sizeof(memory_code));
	api_set(m->vcpu, VMAPI_X86_RCX, 0x4321);
	run_to_port(m, 0x99);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 'x' | 'y' << 8);
	EQUAL(vmapi_as_read(m->as, 0x9000, now, 8), 0);
	EQUAL(now[2], 0x21);
	EQUAL(now[3], 0x43);
	if (!api_cap(m, VMAPI_CAP_READONLY)) {
		api_skip("no read-only maps");
		vmapi_region_destroy(r);
		return;
	}
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_add(map, m->as, &page), 0);
	EQUAL(vmapi_map_commit(map), 0);
	api_real_mode(m->vcpu, API_CODE);
	api_set(m->vcpu, VMAPI_X86_RCX, 0x8765);
	run_to_port(m, 0x99);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 'x' | 'y' << 8);
	EQUAL(vmapi_as_read(m->as, 0x9000, now, 8), 0);
	EQUAL(now[2], 0x65);
	vmapi_region_destroy(r);
}

int main(void)
{
	static const struct api_case paged[] = {
		{ "refusals", refusals },
		{ "shadow refusals", shadow_refusals },
	};
	static const struct api_case guests[] = {
		{ "ports", ports },
		{ "memory", memory },
		{ "inside a function", function_inside },
		{ "over read-only RAM", over_rom },
		{ "posted memory", posted_memory },
		{ "posted ports", posted_ports },
		{ "posted timer", posted_timer },
		{ "posted and the dirty log", posted_dirty },
		{ "shadow ports", shadow_ports },
		{ "shadow memory", shadow_memory },
	};
	static const struct api_set sets[] = {
		{ API_PAGES, paged, sizeof(paged) / sizeof(paged[0]) },
		{ API_GUEST, guests, sizeof(guests) / sizeof(guests[0]) },
	};

	return api_main_sets(sets, sizeof(sets) / sizeof(sets[0]));
}
