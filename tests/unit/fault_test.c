/* SPDX-License-Identifier: MIT */
/*
 * Every system call and every allocation fails in turn while a machine is
 * made, used and dropped.  The call in which it failed must say so, nothing
 * may be left over, and the same steps must work afterwards.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/dirty.h"
#include "lib/sys/sys.h"
#include "tests/unit/null.h"

/* The site that fails next: counted over calls that can fail. */
static unsigned site, fail_at;
static long blocks_alive;
static int code;

static bool fails(void)
{
	return ++site == fail_at;
}

static void *count_alloc(size_t bytes)
{
	void *p = fails() ? NULL : vmi_sys_host.alloc(bytes);

	blocks_alive += p != NULL;
	return p;
}

static void *count_alloc_aligned(size_t alignment, size_t bytes)
{
	void *p = fails() ? NULL
			  : vmi_sys_host.alloc_aligned(alignment, bytes);

	blocks_alive += p != NULL;
	return p;
}

static void count_free(void *p)
{
	blocks_alive--;
	vmi_sys_host.free(p);
}

static int count_mmap(const struct vmi_mmap *what, void **where)
{
	return fails() ? code : vmi_sys_host.mmap(what, where);
}

static int count_memfd(const char *name, unsigned flags)
{
	return fails() ? code : vmi_sys_host.memfd(name, flags);
}

static int count_ftruncate(int fd, uint64_t bytes)
{
	return fails() ? code : vmi_sys_host.ftruncate(fd, bytes);
}

static int count_dup(int fd)
{
	return fails() ? code : vmi_sys_host.dup(fd);
}

static int count_fstat(int fd, struct stat *st)
{
	return fails() ? code : vmi_sys_host.fstat(fd, st);
}

static int count_access_mode(int fd)
{
	return fails() ? code : vmi_sys_host.access_mode(fd);
}

static int count_madvise(void *where, size_t bytes, int advice)
{
	return fails() ? code : vmi_sys_host.madvise(where, bytes, advice);
}

static int count_timerfd(int clock)
{
	return fails() ? code : vmi_sys_host.timerfd(clock);
}

static int count_eventfd(unsigned initial, int flags)
{
	return fails() ? code : vmi_sys_host.eventfd(initial, flags);
}

static int count_thread_start(
	const char *name, void *(*fn)(void *), void *opaque, void **thread)
{
	if (fails())
		return code;
	return vmi_sys_host.thread_start(name, fn, opaque, thread);
}

static struct vmi_sys counting(void)
{
	struct vmi_sys s = vmi_sys_host;

	s.alloc = count_alloc;
	s.alloc_aligned = count_alloc_aligned;
	s.free = count_free;
	s.mmap = count_mmap;
	s.memfd = count_memfd;
	s.ftruncate = count_ftruncate;
	s.dup = count_dup;
	s.fstat = count_fstat;
	s.access_mode = count_access_mode;
	s.madvise = count_madvise;
	s.timerfd = count_timerfd;
	s.eventfd = count_eventfd;
	s.thread_start = count_thread_start;
	return s;
}

static int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* -- The steps ---------------------------------------------------------- */

struct things {
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_vcpu *vcpu;
	struct vmapi_as *as, *second;
	struct vmapi_ram *ram, *copy;
	struct vmapi_irq *irq;
	struct vmapi_retired *retired;
};

static int make_vm(struct things *t)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.irqchip = VMAPI_IRQCHIP_FULL,
		.flags = VMAPI_VM_SERVICE_THREAD };
	struct vmapi_irq_config line = { .size = sizeof(line), .pin = 3 };
	int err = vmapi_vm_create(t->ctx, &c, &t->vm);

	if (!err)
		err = vmapi_vcpu_create(t->vm, NULL, &t->vcpu);
	if (!err)
		err = vmapi_vm_as(t->vm, &t->as);
	if (!err)
		err = vmapi_as_create(t->vm, &t->second);
	if (!err)
		err = vmapi_irq_create(t->vm, &line, &t->irq);
	return err;
}

static int make_ram(struct things *t)
{
	struct vmapi_ram_config c = { .size = sizeof(c),
		.kind = VMAPI_RAM_MEMFD,
		.flags = VMAPI_RAM_HUGE,
		.bytes = 0x40000 };
	int err = vmapi_ram_create(t->ctx, &c, &t->ram);

	if (err)
		return err;
	c.kind = VMAPI_RAM_FD;
	err = vmapi_ram_fd(t->ram, &c.fd);
	if (!err)
		err = vmapi_ram_create(t->ctx, &c, &t->copy);
	if (!err && !vmi_ram_page_flags(t->ram))
		err = -ENOMEM;
	return err;
}

static int map_some(struct things *t, uint64_t gpa)
{
	struct vmapi_map_entry e = { .size = sizeof(e),
		.gpa = gpa,
		.bytes = 0x1000,
		.flags = VMAPI_MAP_LOG,
		.ram = t->ram };
	struct vmapi_map *map;
	int err = vmapi_map_begin(t->vm, &map), i;

	for (i = 0; i < 20 && !err; i++, e.gpa += 0x2000) {
		err = vmapi_map_add(map, t->as, &e);
		if (err)
			vmapi_map_abort(map);
	}
	return err ? err : vmapi_map_commit(map);
}

static int unmap_some(struct things *t)
{
	struct vmapi_map *map;
	int err = vmapi_map_begin(t->vm, &map);

	if (err)
		return err;
	err = vmapi_map_remove(map, t->as, 0, 0x10000);
	if (err) {
		vmapi_map_abort(map);
		return err;
	}
	return vmapi_map_commit_log(map, &t->retired);
}

/* What is dirty is told by the commit that succeeds, not before it. */
static int unmap_dirty(struct things *t)
{
	struct vmapi_retired_run run = { .size = sizeof(run) };
	size_t n = 0;
	int err;

	vmi_log_mark(t->ram, 0, 0x1000);
	err = unmap_some(t);
	ck_assert(!err == !!t->retired);
	if (err)
		return err;
	err = vmapi_retired_runs(t->retired, &run, 1, &n);
	ck_assert_uint_eq(n, 1); /* at eight places, and told once */
	return err;
}

static int read_log(struct things *t, uint64_t *pages)
{
	struct vmapi_dirty_run run;
	struct vmapi_dirty d = { .size = sizeof(d), .bytes = 0x40000,
		.runs = &run, .n_runs = 1 };
	int err = vmapi_dirty_read(t->ram, &d);

	*pages = err ? 0 : d.pages;
	return err;
}

static int use_registers(struct things *t)
{
	uint8_t area[NULL_XSAVE];
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_XSAVE, .data = area, .bytes = sizeof(area) },
		{ .tag = VMAPI_X86_MSR(0x174) },
		{ .tag = VMAPI_X86_RAX },
	};
	uint64_t tags[256];
	size_t n;
	int err = vmapi_regs_get(t->vcpu, regs, 3, NULL, 0);

	if (!err)
		err = vmapi_regs_set(t->vcpu, regs, 3, NULL,
			VMAPI_REGS_ALL_OR_NOTHING);
	if (!err)
		err = vmapi_reg_list(t->vcpu, tags, 256, &n);
	return err;
}

static int make_all(struct things *t)
{
	size_t before = 0, after = 0;
	uint64_t pages;
	int err = vmapi_open("null", 0, &t->ctx);

	if (!err)
		err = make_vm(t);
	if (!err)
		err = make_ram(t);
	if (!err)
		err = map_some(t, 0);
	if (!err)
		err = vmapi_as_entries(t->as, NULL, 0, &before);
	if (!err)
		err = unmap_dirty(t);
	if (err && before) { /* nothing was half unmapped, and nothing lost */
		ck_assert(read_log(t, &pages) || pages == 1);
		vmapi_as_entries(t->as, NULL, 0, &after);
		ck_assert_uint_eq(before, after);
	}
	if (t->vm)
		ck_assert(null_map_agrees(t->vm));
	if (!err)
		err = use_registers(t);
	return err;
}

static void drop_all(struct things *t)
{
	vmapi_retired_destroy(t->retired);
	vmapi_close(t->ctx);
	vmapi_irq_destroy(t->irq);
	vmapi_vcpu_destroy(t->vcpu);
	vmapi_vm_destroy(t->vm);
	vmapi_as_destroy(t->second);
	vmapi_as_destroy(t->as);
	vmapi_ram_destroy(t->copy);
	vmapi_ram_destroy(t->ram);
}

/* With the given site failing; what make_all() said. */
static int attempt(unsigned at)
{
	struct things t = { .ctx = NULL };
	int err, before = descriptors();

	site = 0;
	fail_at = at;
	err = make_all(&t);
	fail_at = 0;
	drop_all(&t);
	ck_assert_int_eq(descriptors(), before);
	ck_assert_int_eq(blocks_alive, 0);
	ck_assert_uint_eq(null_knobs.contexts, 0);
	ck_assert_uint_eq(null_knobs.vms, 0);
	ck_assert_uint_eq(null_knobs.vcpus, 0);
	return err;
}

START_TEST(each_site_fails_once)
{
	struct vmi_sys table = counting();
	unsigned sites, i, harmless = 0;

	null_reset();
	null_knobs.dirty_log = 1 << VMAPI_DIRTY_AUTO;
	vmi_sys = &table;
	code = -EMFILE;
	ck_assert_int_eq(attempt(0), 0);
	sites = site;
	ck_assert_uint_gt(sites, 40);
	for (i = 1; i <= sites; i++) {
		int err = attempt(i);

		harmless += !err;
		ck_assert(!err || err == -ENOMEM || err == -EMFILE);
		if (err && err != -ENOMEM)
			ck_assert_int_eq(vmapi_error_last()->code, err);
	}
	/* Advice on huge pages, and the page that tells of forks. */
	ck_assert_uint_le(harmless, 5);
	ck_assert_int_eq(attempt(0), 0);
	printf("fault sites: %u, of which %u cost nothing\n", sites, harmless);
	vmi_sys = &vmi_sys_host;
}
END_TEST

START_TEST(backend_failures)
{
	struct things t = { .ctx = NULL };

	null_reset();
	null_knobs.open_error = -EACCES;
	ck_assert_int_eq(vmapi_open("null", 0, &t.ctx), -EACCES);
	ck_assert_int_eq(vmapi_error_last()->code, -EACCES);
	null_knobs.open_error = 0;
	ck_assert_int_eq(vmapi_open("null", 0, &t.ctx), 0);
	null_knobs.vm_error = -EBUSY;
	ck_assert_int_eq(vmapi_vm_create(t.ctx, NULL, &t.vm), -EBUSY);
	null_knobs.vm_error = 0;
	ck_assert_int_eq(vmapi_vm_create(t.ctx, NULL, &t.vm), 0);
	null_knobs.vcpu_error = -EMFILE;
	ck_assert_int_eq(vmapi_vcpu_create(t.vm, NULL, &t.vcpu), -EMFILE);
	null_knobs.vcpu_error = 0;
	ck_assert_int_eq(vmapi_vcpu_create(t.vm, NULL, &t.vcpu), 0);
	drop_all(&t);
}
END_TEST

START_TEST(impaired_is_passed_over)
{
	struct vmapi_backend_info info = { .size = sizeof(info) };
	struct vmapi *ctx;
	size_t n;

	null_reset();
	unsetenv("VMAPI_BACKEND");
	ck_assert_int_eq(vmapi_open(NULL, 0, &ctx), 0);
	ck_assert_str_eq(vmapi_backend_reason(ctx), "it is always there");
	vmapi_close(ctx);
	null_knobs.impaired = true;
	ck_assert_int_eq(vmapi_probe(VMAPI_PROBE_TRIAL, &info, 1, &n), 0);
	ck_assert(info.flags & VMAPI_BACKEND_IMPAIRED);
	ck_assert(!(info.flags & VMAPI_BACKEND_DEFAULT));
	null_knobs.impaired = false;
	null_knobs.probe_status = -EACCES;
	ck_assert_int_eq(vmapi_open(NULL, 0, &ctx), -ENODEV);
	ck_assert_ptr_nonnull(strstr(vmapi_error_last()->message,
		"it is always there"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault");
	TCase *t = tcase_create("fault");
	SRunner *runner;
	int failed;

	tcase_add_test(t, each_site_fails_once);
	tcase_add_test(t, backend_failures);
	tcase_add_test(t, impaired_is_passed_over);
	tcase_set_timeout(t, 20);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
