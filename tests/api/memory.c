/* SPDX-License-Identifier: MIT */
/* RAM objects, maps and guest memory, with a guest that looks at them. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/api/api.h"

static int make(struct machine *m, const struct vmapi_ram_config *c)
{
	struct vmapi_ram *ram = NULL;
	int err = vmapi_ram_create(m->ctx, c, &ram);

	CHECK(!err == !!ram);
	vmapi_ram_destroy(ram);
	return err;
}

static void bad_ram(struct machine *m)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = API_PAGE };
	struct vmapi_ram *ram;
	char path[] = "/tmp/vmapi-test-XXXXXX";
	int fd = mkstemp(path), reader = open(path, O_RDONLY);

	unlink(path);
	EQUAL(vmapi_ram_create(NULL, &c, &ram), -EINVAL);
	EQUAL(vmapi_ram_create(m->ctx, NULL, &ram), -EINVAL);
	EQUAL(vmapi_ram_create(m->ctx, &c, NULL), -EINVAL);
	c.bytes = 0;
	EQUAL(make(m, &c), -EINVAL);
	c.bytes = 100;
	EQUAL(make(m, &c), -EINVAL);
	c.bytes = 1ull << 63;
	EQUAL(make(m, &c), -ENOMEM);
	c.bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	c.kind = 77;
	EQUAL(make(m, &c), -EINVAL);
	c.kind = VMAPI_RAM_POINTER;
	EQUAL(make(m, &c), -EINVAL);
	c.pointer = (void *)1;
	EQUAL(make(m, &c), -EINVAL);
	c.kind = VMAPI_RAM_FD;
	c.fd = -1;
	EQUAL(make(m, &c), -EBADF);
	c.fd = reader;
	EQUAL(make(m, &c), -EACCES);
	c.fd = fd;
	EQUAL(make(m, &c), -EINVAL); /* the file is empty */
	EQUAL(ftruncate(fd, (off_t)c.bytes), 0);
	EQUAL(make(m, &c), 0);
	c.offset = c.bytes;
	EQUAL(make(m, &c), -EINVAL);
	c.offset = 1;
	EQUAL(make(m, &c), -EINVAL);
	close(fd);
	close(reader);
}

static void ram_kinds(struct machine *m)
{
	struct vmapi_ram_config c = { .size = sizeof(c),
		.bytes = API_RAM,
		.flags = VMAPI_RAM_HUGE };
	struct vmapi_ram *ram, *alias;
	void *p, *q;
	uint64_t bytes;
	int fd;

	EQUAL(vmapi_ram_fd(m->ram, &fd), -ENOTSUP);
	c.kind = VMAPI_RAM_MEMFD;
	EQUAL(vmapi_ram_create(m->ctx, &c, &ram), 0);
	EQUAL(vmapi_ram_fd(ram, &fd), 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(ftruncate(fd, 0) < 0 && ftruncate(fd, 2 * API_RAM) < 0);
	c.kind = VMAPI_RAM_FD;
	c.fd = fd;
	EQUAL(vmapi_ram_create(m->ctx, &c, &alias), 0);
	EQUAL(vmapi_ram_pointer(ram, &p), 0);
	EQUAL(vmapi_ram_pointer(alias, &q), 0);
	EQUAL(vmapi_ram_size(alias, &bytes), 0);
	EQUAL((int64_t)bytes, API_RAM);
	strcpy(p, "the same");
	CHECK(p != q && !strcmp(q, "the same"));
	EQUAL(vmapi_ram_ref(ram), 0);
	vmapi_ram_destroy(ram);
	CHECK(!strcmp(p, "the same"));
	vmapi_ram_destroy(ram);
	vmapi_ram_destroy(alias);
	EQUAL(vmapi_ram_ref(NULL), -EINVAL);
	EQUAL(vmapi_ram_pointer(m->ram, NULL), -EINVAL);
	EQUAL(vmapi_ram_size(m->ram, NULL), -EINVAL);
	EQUAL(vmapi_ram_fd(m->ram, NULL), -EINVAL);
}

static void pointer_ram(struct machine *m)
{
	struct vmapi_ram_config c = { .size = sizeof(c),
		.kind = VMAPI_RAM_POINTER,
		.bytes = 0x10000 };
	struct vmapi_ram *ram;
	void *p;

	c.pointer = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EQUAL(vmapi_ram_create(m->ctx, &c, &ram), 0);
	EQUAL(vmapi_ram_pointer(ram, &p), 0);
	CHECK(p == c.pointer);
	vmapi_ram_destroy(ram);
	memset(c.pointer, 1, 0x10000); /* it is still the caller's */
	munmap(c.pointer, 0x10000);
}

/* -- Maps --------------------------------------------------------------- */

static void map_errors(struct machine *m)
{
	struct vmapi_map_entry e = { .size = sizeof(e),
		.gpa = 2 * API_RAM,
		.bytes = API_PAGE,
		.ram = m->ram };
	int64_t bits = api_cap(m, VMAPI_CAP_PHYS_BITS);
	struct vmapi_map *map;
	size_t n;

	EQUAL(vmapi_map_begin(NULL, &map), -EINVAL);
	EQUAL(vmapi_map_begin(m->vm, NULL), -EINVAL);
	EQUAL(vmapi_map_commit(NULL), -EINVAL);
	vmapi_map_abort(NULL);
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_add(map, NULL, &e), -EINVAL);
	EQUAL(vmapi_map_add(map, m->as, NULL), -EINVAL);
	EQUAL(vmapi_map_add(NULL, m->as, &e), -EINVAL);
	e.flags = 1u << 9;
	EQUAL(vmapi_map_add(map, m->as, &e), -EINVAL);
	e.flags = 0;
	e.gpa = 3;
	EQUAL(vmapi_map_add(map, m->as, &e), -EINVAL);
	e.gpa = 0 - (uint64_t)0x10000;
	/* Where nobody says how many there are, any will do. */
	EQUAL(vmapi_map_add(map, m->as, &e),
		bits > 0 && bits < 64 ? -ERANGE : 0);
	e.gpa = 2 * API_RAM;
	e.bytes = 2 * API_RAM;
	EQUAL(vmapi_map_add(map, m->as, &e), -ERANGE);
	e.bytes = API_PAGE;
	e.ram = NULL;
	EQUAL(vmapi_map_add(map, m->as, &e), -EINVAL);
	EQUAL(vmapi_map_remove(map, m->as, 0, 0), -EINVAL);
	EQUAL(vmapi_map_remove(map, m->as, 5, API_PAGE), -EINVAL);
	EQUAL(vmapi_map_set_flags(map, m->as, 0, API_PAGE, 1u << 9), -EINVAL);
	vmapi_map_abort(map);
	EQUAL(api_map(m, API_RAM / 2, API_PAGE, 0), -EEXIST);
	CHECK(strstr(vmapi_error_last()->message, "'main' at 0x0+0x100000"));
	EQUAL((int64_t)vmapi_error_last()->range_first, API_RAM / 2);
	EQUAL(vmapi_as_entries(m->as, NULL, 0, &n), 0);
	EQUAL((int64_t)n, 1);
}

static void foreign_objects(struct machine *m)
{
	struct machine other = { .backend = m->backend };
	struct vmapi_map_entry e = { .size = sizeof(e),
		.gpa = 2 * API_RAM,
		.bytes = API_PAGE };
	struct vmapi_map *map;

	api_machine(&other, NULL);
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	e.ram = other.ram;
	EQUAL(vmapi_map_add(map, m->as, &e), -EINVAL);
	e.ram = m->ram;
	EQUAL(vmapi_map_add(map, other.as, &e), -EINVAL);
	EQUAL(vmapi_map_remove(map, other.as, 0, API_PAGE), -EINVAL);
	vmapi_map_abort(map);
	api_machine_free(&other);
}

static void entries_are_listed(struct machine *m)
{
	struct vmapi_map_entry e[4] = { { .size = sizeof(e[0]) } };
	size_t n;

	EQUAL(api_unmap(m, 0x40000, 0x1000), 0);
	EQUAL(vmapi_as_entries(m->as, e, 4, &n), 0);
	EQUAL((int64_t)n, 2);
	EQUAL((int64_t)e[0].bytes, 0x40000);
	EQUAL((int64_t)e[1].gpa, 0x41000);
	EQUAL((int64_t)e[1].offset, 0x41000);
	CHECK(e[0].ram == m->ram && e[1].ram == m->ram);
	EQUAL(vmapi_as_entries(m->as, e, 4, NULL), -EINVAL);
	EQUAL(vmapi_as_entries(NULL, e, 4, &n), -EINVAL);
	e[0].size = 3;
	EQUAL(vmapi_as_entries(m->as, e, 4, &n), -EINVAL);
}

/* mov al,[0x2000]; mov [0x3000],al; hlt */
static const uint8_t copy_code[] = { 0xa0, 0x00, 0x20, 0xa2, 0x00, 0x30,
	0xf4 };

static void guest_sees_map(struct machine *m)
{
	struct vmapi_exit exit;
	uint8_t byte = 0;

	api_load(m, copy_code, sizeof(copy_code));
	EQUAL(vmapi_as_write(m->as, 0x2000, "A", 1), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL(vmapi_as_read(m->as, 0x3000, &byte, 1), 0);
	EQUAL(byte, 'A');
	/* Another page of the object in the same place. */
	EQUAL(vmapi_as_write(m->as, 0x90000, "B", 1), 0);
	EQUAL(api_unmap(m, 0x2000, API_PAGE), 0);
	EQUAL(api_map(m, 0x2000, API_PAGE, 0x90000), 0);
	api_real_mode(m->vcpu, API_CODE);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL(vmapi_as_read(m->as, 0x3000, &byte, 1), 0);
	EQUAL(byte, 'B');
	/* A hole is MMIO. */
	EQUAL(api_unmap(m, 0x2000, API_PAGE), 0);
	api_real_mode(m->vcpu, API_CODE);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL((int64_t)exit.u.mmio.gpa, 0x2000);
	EQUAL(exit.u.mmio.length, 1);
	EQUAL(exit.u.mmio.is_write, 0);
	/* Mapped again from the exit's handler; the answer stands. */
	EQUAL(api_map(m, 0x2000, API_PAGE, 0x2000), 0);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "C", 1), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL(vmapi_as_read(m->as, 0x3000, &byte, 1), 0);
	EQUAL(byte, 'C');
}

static void read_only_writes_exit(struct machine *m)
{
	struct vmapi_map *map;
	struct vmapi_exit exit;
	uint8_t byte;

	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	if (!api_cap(m, VMAPI_CAP_READONLY)) {
		EQUAL(vmapi_map_set_flags(map, m->as, 0x3000, API_PAGE,
			VMAPI_MAP_READONLY), -ENOTSUP);
		vmapi_map_abort(map);
		return;
	}
	EQUAL(vmapi_map_set_flags(map, m->as, 0x3000, API_PAGE,
		VMAPI_MAP_READONLY), 0);
	EQUAL(vmapi_map_commit(map), 0);
	EQUAL(vmapi_as_write(m->as, 0x2000, "Q", 1), 0);
	EQUAL(vmapi_as_write(m->as, 0x3000, "r", 1), 0);
	api_load(m, copy_code, sizeof(copy_code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_MMIO);
	EQUAL((int64_t)exit.u.mmio.gpa, 0x3000);
	EQUAL(exit.u.mmio.is_write, 1);
	EQUAL(exit.u.mmio.data[0], 'Q');
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL(vmapi_as_read(m->as, 0x3000, &byte, 1), 0);
	EQUAL(byte, 'r');
}

static void written_code_is_seen(struct machine *m)
{
	/* mov al,1; out 0x42,al; hlt, then the 1 becomes a 2 */
	static const uint8_t code[] = { 0xb0, 0x01, 0xe6, 0x42, 0xf4 };
	struct vmapi_exit exit;
	void *p;

	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(*(uint8_t *)exit.u.io.data, 1);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL(vmapi_ram_pointer(m->ram, &p), 0);
	((uint8_t *)p)[API_CODE + 1] = 2;
	EQUAL(vmapi_ram_written(m->ram, API_CODE + 1, 1), 0);
	api_real_mode(m->vcpu, API_CODE);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(*(uint8_t *)exit.u.io.data, 2);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL(vmapi_ram_written(m->ram, API_RAM, 1), -ERANGE);
	EQUAL(vmapi_ram_written(m->ram, UINT64_MAX, 2), -ERANGE);
	EQUAL(vmapi_ram_written(NULL, 0, 1), -EINVAL);
}

static void reads_and_writes(struct machine *m)
{
	uint8_t buffer[0x2000] = { 0 };

	EQUAL(vmapi_as_write(m->as, API_RAM - 0x1000, buffer, 0x1000), 0);
	EQUAL(vmapi_as_write(m->as, API_RAM - 0x1000, buffer, 0x1001), -EFAULT);
	EQUAL((int64_t)vmapi_error_last()->range_first, API_RAM);
	EQUAL(vmapi_as_read(m->as, API_RAM, buffer, 1), -EFAULT);
	EQUAL(vmapi_as_read(m->as, 0, NULL, 1), -EINVAL);
	EQUAL(vmapi_as_write(m->as, 0, NULL, 1), -EINVAL);
	EQUAL(vmapi_as_read(NULL, 0, buffer, 1), -EINVAL);
	EQUAL(vmapi_as_write(NULL, 0, buffer, 1), -EINVAL);
}

static void further_spaces(struct machine *m)
{
	struct vmapi_as *as = NULL;
	int64_t n = api_cap(m, VMAPI_CAP_ADDRESS_SPACES);

	EQUAL(vmapi_as_create(m->vm, NULL), -EINVAL);
	EQUAL(vmapi_as_create(NULL, &as), -EINVAL);
	EQUAL(vmapi_vm_as(m->vm, NULL), -EINVAL);
	EQUAL(vmapi_vm_as(NULL, &as), -EINVAL);
	EQUAL(vmapi_as_create(m->vm, &as), n > 1 ? 0 : -ENOTSUP);
	vmapi_as_destroy(as);
	vmapi_as_destroy(NULL);
}

/* copy_code, the page that it reads, and the one that it writes. */
static void map_second(struct machine *m, struct vmapi_as *as)
{
	static const uint64_t offsets[] = { 0x1000, 0x92000, 0x93000 };
	struct vmapi_map_entry e = { .size = sizeof(e), .bytes = API_PAGE,
		.ram = m->ram };
	struct vmapi_map *map;
	int i;

	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	for (i = 0; i < 3; i++) {
		e.gpa = 0x1000u * (unsigned)(i + 1);
		e.offset = offsets[i];
		EQUAL(vmapi_map_add(map, as, &e), 0);
	}
	/* The first space changes in the same commit. */
	EQUAL(vmapi_map_remove(map, m->as, 0x80000, API_PAGE), 0);
	EQUAL(vmapi_map_commit(map), 0);
	EQUAL(vmapi_as_read(m->as, 0x80000, &i, 1), -EFAULT);
}

static void vcpus_see_spaces(struct machine *m)
{
	struct vmapi_as *as = NULL;
	struct vmapi_exit exit;
	uint8_t byte = 0;
	int err;

	EQUAL(vmapi_vcpu_as_set(NULL, m->as), -EINVAL);
	EQUAL(vmapi_vcpu_as_set(m->vcpu, NULL), -EINVAL);
	EQUAL(vmapi_vcpu_as_set(m->vcpu, m->as), 0);
	if (api_cap(m, VMAPI_CAP_ADDRESS_SPACES) < 2)
		return;
	EQUAL(vmapi_as_create(m->vm, &as), 0);
	api_load(m, copy_code, sizeof(copy_code));
	EQUAL(vmapi_as_write(m->as, 0x2000, "A", 1), 0);
	map_second(m, as);
	EQUAL(vmapi_as_write(as, 0x2000, "B", 1), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	err = vmapi_vcpu_as_set(m->vcpu, as);
	CHECK(!err || err == -ENOTSUP);
	vmapi_as_destroy(as); /* the vcpu holds it */
	if (err)
		return;
	api_real_mode(m->vcpu, API_CODE);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	EQUAL(vmapi_as_read(m->as, 0x3000, &byte, 1), 0);
	EQUAL(byte, 'A');
	EQUAL(vmapi_as_read(m->as, 0x93000, &byte, 1), 0);
	EQUAL(byte, 'B');
	/* What is not in its space is not there. */
	api_real_mode(m->vcpu, 0x5000);
	CHECK(api_run(m, &exit) != VMAPI_EXIT_HALT);
	if (exit.flags & VMAPI_EXIT_ANSWER)
		EQUAL(vmapi_vcpu_complete(m->vcpu, "\xf4\xf4\xf4\xf4",
			exit.u.mmio.length), 0);
	EQUAL(vmapi_vcpu_reset(m->vcpu), 0);
	EQUAL(vmapi_vcpu_as_set(m->vcpu, m->as), 0);
}

static void guest_memfd(struct machine *m)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .vm = m->vm,
		.kind = VMAPI_RAM_GUEST_MEMFD, .bytes = 0x10000,
		.name = "private" };
	struct vmapi_map_entry e = { .size = sizeof(e), .gpa = 2 * API_RAM,
		.bytes = 0x10000 };
	struct vmapi_map *map;
	int fd;

	if (!api_cap(m, VMAPI_CAP_GUEST_MEMFD)) {
		EQUAL(make(m, &c), -ENOTSUP);
		CHECK(strstr(vmapi_error_last()->message, "guest_memfd"));
		return;
	}
	EQUAL(vmapi_ram_create(m->ctx, &c, &e.ram), 0);
	EQUAL(vmapi_ram_fd(e.ram, &fd), 0);
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	e.flags = VMAPI_MAP_LOG;
	EQUAL(vmapi_map_add(map, m->as, &e), -ENOTSUP);
	e.flags = 0;
	EQUAL(vmapi_map_add(map, m->as, &e), 0);
	EQUAL(vmapi_map_commit(map), 0);
	EQUAL(vmapi_as_write(m->as, e.gpa, "shared", 7), 0);
	EQUAL(api_unmap(m, e.gpa + 0x4000, API_PAGE), 0);
	EQUAL(api_unmap(m, e.gpa, e.bytes), 0);
	vmapi_ram_destroy(e.ram);
	c.vm = NULL;
	EQUAL(make(m, &c), -EINVAL);
}

/* Only the kernel's devices have pages: tests/kvm/xics maps some. */
static void device_ram(struct machine *m)
{
	struct vmapi_ram_config c = { .size = sizeof(c),
		.kind = VMAPI_RAM_DEVICE, .bytes = 0x10000, .name = "pages" };
	struct vmapi_device_config rtc = { .size = sizeof(rtc),
		.type = VMAPI_DEVICE_RTC };

	EQUAL(make(m, &c), -EINVAL);
	EQUAL(vmapi_device_create(m->vm, &rtc, &c.device), 0);
	EQUAL(make(m, &c), -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "no pages"));
	c.offset = 1;
	EQUAL(make(m, &c), -EINVAL);
	vmapi_device_destroy(c.device);
}

/* A backend without them says so; the others keep to what they were told. */
static void attributes(struct machine *m)
{
	struct vmapi_map *map;
	unsigned is = 1;
	uint64_t bytes = 0;
	char byte;
	int err;

	EQUAL(vmapi_as_attributes(m->as, 0, &is, &bytes), 0);
	EQUAL(is, 0);
	EQUAL(bytes, 0); /* all 2^64 */
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	err = vmapi_map_set_attributes(map, m->as, 0x4000, 2 * API_PAGE,
		VMAPI_MEMORY_PRIVATE);
	if (!(api_cap(m, VMAPI_CAP_MEMORY_ATTRIBUTES) & VMAPI_MEMORY_PRIVATE)) {
		EQUAL(err, -ENOTSUP);
		CHECK(strstr(vmapi_error_last()->message, "attributes"));
		CHECK(strstr(vmapi_error_last()->message, m->backend));
		EQUAL(vmapi_map_commit(map), 0);
		return;
	}
	EQUAL(err, 0);
	EQUAL(vmapi_as_attributes(m->as, 0x4000, &is, &bytes), 0);
	EQUAL(is, 0); /* not yet */
	EQUAL(vmapi_map_commit(map), 0);
	EQUAL(vmapi_as_attributes(m->as, 0x3000, &is, &bytes), 0);
	EQUAL(is, 0);
	EQUAL(bytes, 0x1000);
	EQUAL(vmapi_as_attributes(m->as, 0x5000, &is, &bytes), 0);
	EQUAL(is, VMAPI_MEMORY_PRIVATE);
	EQUAL(bytes, API_PAGE);
	/* Nobody else reaches it. */
	EQUAL(vmapi_as_read(m->as, 0x3fff, &byte, 1), 0);
	EQUAL(vmapi_as_read(m->as, 0x4000, &byte, 1), -EFAULT);
	CHECK(strstr(vmapi_error_last()->message, "private"));
	EQUAL(vmapi_as_write(m->as, 0x5fff, "a", 1), -EFAULT);
	EQUAL(vmapi_as_write(m->as, 0x6000, "a", 1), 0);
	/* It stays when entries go. */
	EQUAL(api_unmap(m, 0x4000, API_PAGE), 0);
	EQUAL(vmapi_as_attributes(m->as, 0x4000, &is, &bytes), 0);
	EQUAL(is, VMAPI_MEMORY_PRIVATE);
}

int main(void)
{
	static const struct api_case bare[] = {
		{ "bad ram", bad_ram },
		{ "ram kinds", ram_kinds },
		{ "foreign objects", foreign_objects },
	};
	static const struct api_case paged[] = {
		{ "pointer ram", pointer_ram },
		{ "map errors", map_errors },
		{ "entries are listed", entries_are_listed },
		{ "reads and writes", reads_and_writes },
		{ "further spaces", further_spaces },
		{ "attributes", attributes },
	};
	static const struct api_case guests[] = {
		{ "guest sees map", guest_sees_map },
		{ "read-only writes exit", read_only_writes_exit },
		{ "written code is seen", written_code_is_seen },
		{ "vcpus see spaces", vcpus_see_spaces },
		{ "guest memfd", guest_memfd },
		{ "device ram", device_ram },
	};
	static const struct api_set sets[] = {
		{ API_NO_GUEST, bare, sizeof(bare) / sizeof(bare[0]) },
		{ API_PAGES, paged, sizeof(paged) / sizeof(paged[0]) },
		{ API_GUEST, guests, sizeof(guests) / sizeof(guests[0]) },
	};

	return api_main_sets(sets, sizeof(sets) / sizeof(sets[0]));
}
