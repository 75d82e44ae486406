/* SPDX-License-Identifier: MIT */
/* What needs no guest code: on every backend, whatever its architecture. */
#include "tests/api/api.h"

/* -- Registers ---------------------------------------------------------- */

/* All registers of a vcpu, each with room for its value. */
struct file {
	struct vmapi_reg *regs;
	struct vmapi_reg_info *infos;
	size_t n;
};

static void read_all(struct machine *m, struct file *f)
{
	uint64_t *tags;
	size_t i, done = 0;

	EQUAL(vmapi_reg_list(m->vcpu, NULL, 0, &f->n), 0);
	tags = calloc(f->n, sizeof(*tags));
	f->regs = calloc(f->n, sizeof(*f->regs));
	f->infos = calloc(f->n, sizeof(*f->infos));
	EQUAL(vmapi_reg_list(m->vcpu, tags, f->n, &f->n), 0);
	for (i = 0; i < f->n; i++) {
		f->infos[i].size = sizeof(f->infos[i]);
		EQUAL(vmapi_reg_info(m->vcpu, tags[i], &f->infos[i]), 0);
		f->regs[i].tag = tags[i];
		f->regs[i].bytes = (uint32_t)f->infos[i].bytes;
		f->regs[i].data = calloc(1, f->infos[i].bytes + 1);
	}
	EQUAL(vmapi_regs_get(m->vcpu, f->regs, f->n, &done, 0), 0);
	EQUAL((int64_t)done, (int64_t)f->n);
	free(tags);
}

static void forget(struct file *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		free(f->regs[i].data);
	free(f->regs);
	free(f->infos);
}

/* A register that differs between two readings, and says not that it may. */
static size_t changed(const struct file *a, const struct file *b)
{
	size_t i, n = 0;

	for (i = 0; i < a->n && i < b->n; i++) {
		if (a->infos[i].attributes & VMAPI_REG_VOLATILE ||
			(a->regs[i].bytes == b->regs[i].bytes &&
				!memcmp(a->regs[i].data, b->regs[i].data,
					a->regs[i].bytes)))
			continue;
		printf("  %s changed\n", a->infos[i].name);
		n++;
	}
	return n;
}

static void names_and_tags(struct machine *m)
{
	struct file f;
	uint64_t tag;
	size_t i;

	read_all(m, &f);
	CHECK(f.n > 20);
	for (i = 0; i < f.n; i++) {
		EQUAL(vmapi_reg_tag(m->vcpu, f.infos[i].name, &tag), 0);
		CHECK(tag == f.regs[i].tag);
		CHECK(i == 0 || f.regs[i - 1].tag < f.regs[i].tag);
		CHECK(f.infos[i].bytes > 0 ||
			f.infos[i].attributes & VMAPI_REG_VARLEN);
	}
	forget(&f);
	EQUAL(vmapi_reg_tag(m->vcpu, "no such register", &tag), -ENOENT);
}

/* What was read can be written in one batch, and is there again. */
static void written_back(struct machine *m)
{
	struct file before, after;
	struct vmapi_reg *set;
	size_t i, n = 0, refused = 0;

	read_all(m, &before);
	set = calloc(before.n, sizeof(*set));
	for (i = 0; i < before.n; i++)
		if (!(before.infos[i].attributes & VMAPI_REG_READONLY))
			set[n++] = before.regs[i];
	vmapi_regs_set(m->vcpu, set, n, NULL, 0);
	for (i = 0; i < n; i++)
		refused += set[i].status != 0;
	printf("  %zu registers, %zu writable, %zu refused as they are\n",
		before.n, n, refused);
	CHECK(refused * 20 <= n);
	read_all(m, &after);
	EQUAL((int64_t)changed(&before, &after), 0);
	free(set);
	forget(&before);
	forget(&after);
}

/* A general register, whatever it is called. */
static uint64_t general(struct machine *m)
{
	static const char *const names[] = { "rbx", "x5", "t0", "r5" };
	uint64_t tag = 0;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!vmapi_reg_tag(m->vcpu, names[i], &tag))
			break;
	CHECK(tag);
	return tag;
}

/* A batch with one tag that does not exist changes nothing. */
static void all_or_nothing(struct machine *m)
{
	struct vmapi_reg set[2] = { { .value = 0x40 }, { .tag = 0xdead } };
	struct file before, after;

	read_all(m, &before);
	set[0].tag = general(m);
	EQUAL(vmapi_regs_set(m->vcpu, set, 2, NULL, VMAPI_REGS_ALL_OR_NOTHING),
		-ENOENT);
	read_all(m, &after);
	EQUAL((int64_t)changed(&before, &after), 0);
	forget(&after);
	/* Best effort sets the other. */
	EQUAL(vmapi_regs_set(m->vcpu, set, 2, NULL, 0), -ENOENT);
	EQUAL(set[0].status, 0);
	EQUAL(set[1].status, -ENOENT);
	forget(&before);
}

static void reset(struct machine *m)
{
	struct file before, after;
	struct vmapi_reg reg = { .tag = general(m), .value = 0x40 };

	EQUAL(vmapi_vcpu_reset(m->vcpu), 0);
	read_all(m, &before);
	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), 0);
	EQUAL(vmapi_vcpu_reset(m->vcpu), 0);
	read_all(m, &after);
	EQUAL((int64_t)changed(&before, &after), 0);
	forget(&before);
	forget(&after);
}

/* -- Memory ------------------------------------------------------------- */

/* The one RAM object at several places, which come and go. */
static void maps(struct machine *m)
{
	uint64_t far = 16ull * API_RAM, value = 0x1122334455667788, got = 0;
	unsigned i;

	for (i = 0; i < 32; i++)
		EQUAL(api_map(m, far + 2ull * i * API_RAM, API_RAM, 0), 0);
	EQUAL(vmapi_as_write(m->as, 8, &value, 8), 0);
	for (i = 0; i < 32; i++) {
		got = 0;
		EQUAL(vmapi_as_read(m->as, far + 2ull * i * API_RAM + 8, &got,
			8), 0);
		CHECK(got == value);
	}
	CHECK(api_map(m, far, API_RAM, 0) < 0);
	for (i = 0; i < 32; i++)
		EQUAL(api_unmap(m, far + 2ull * i * API_RAM, API_RAM), 0);
	EQUAL(vmapi_as_read(m->as, far + 8, &got, 8), -EFAULT);
	EQUAL(vmapi_as_read(m->as, 8, &got, 8), 0);
	CHECK(got == value);
}

/* -- Vcpus -------------------------------------------------------------- */

static void kick_before_run(struct machine *m)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	EQUAL(vmapi_vcpu_run(m->vcpu, &exit), 0);
	EQUAL(exit.reason, VMAPI_EXIT_KICK);
	EQUAL(vmapi_vcpu_settle(m->vcpu, &exit), 0);
	EQUAL(exit.reason, VMAPI_EXIT_SETTLED);
}

/* What it says of itself can be given back; nonsense cannot. */
static void mp_state(struct machine *m)
{
	unsigned state = 99;
	int err = vmapi_vcpu_mp_state_get(m->vcpu, &state);

	EQUAL(vmapi_vcpu_mp_state_get(m->vcpu, NULL), -EINVAL);
	EQUAL(vmapi_vcpu_mp_state_get(NULL, &state), -EINVAL);
	if (err) {
		EQUAL(err, -ENOTSUP);
		EQUAL(vmapi_vcpu_mp_state_set(m->vcpu, 0), -ENOTSUP);
		CHECK(strstr(vmapi_error_last()->message, "MP state"));
		return;
	}
	CHECK(state == VMAPI_MP_RUNNABLE || state == VMAPI_MP_STOPPED ||
		state == VMAPI_MP_OPERATING);
	EQUAL(vmapi_vcpu_mp_state_set(m->vcpu, state), 0);
	EQUAL(vmapi_vcpu_mp_state_set(m->vcpu, 77), -EINVAL);
	CHECK(strstr(vmapi_error_last()->message, "77"));
	EQUAL(vmapi_vcpu_mp_state_get(m->vcpu, &state), 0);
	CHECK(state != 77);
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "names and tags", names_and_tags },
		{ "written back", written_back },
		{ "all or nothing", all_or_nothing },
		{ "reset", reset },
		{ "maps", maps },
		{ "mp state", mp_state },
		{ "kick before run", kick_before_run },
	};

	return api_main_any(cases, sizeof(cases) / sizeof(cases[0]));
}
