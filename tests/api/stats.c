/* SPDX-License-Identifier: MIT */
/* Statistics: what there is, values that grow, handles that outlive. */
#include "tests/api/api.h"

/* Values of an open handle, and the index of a name. */
struct sample {
	uint64_t *values;
	size_t n, n_values;
};

static void take(struct vmapi_stats *stats, struct sample *s)
{
	EQUAL(vmapi_stats_count(stats, &s->n, &s->n_values), 0);
	CHECK(s->n > 0 && s->n_values >= s->n);
	s->values = calloc(s->n_values, sizeof(*s->values));
	EQUAL(vmapi_stats_read(stats, s->values, s->n_values), 0);
}

/* A statistic by name; 0 where there is none. */
static uint64_t value(struct vmapi_stats *stats, const char *name)
{
	struct vmapi_stat info = { .size = sizeof(info) };
	struct sample s;
	uint64_t v = 0;
	size_t i;

	take(stats, &s);
	for (i = 0; i < s.n; i++) {
		EQUAL(vmapi_stats_info(stats, i, &info), 0);
		if (!strcmp(info.name, name))
			v = s.values[info.first];
	}
	free(s.values);
	return v;
}

static bool opened(int err)
{
	if (err == -ENOTSUP)
		api_skip(vmapi_error_last()->message);
	else
		EQUAL(err, 0);
	return !err;
}

static void descriptions(struct machine *m)
{
	struct vmapi_stat info = { .size = sizeof(info) };
	struct vmapi_stats *of[2] = { NULL, NULL };
	struct sample s;
	size_t i, k;

	if (!opened(vmapi_vm_stats(m->vm, &of[0])))
		return;
	opened(vmapi_vcpu_stats(m->vcpu, &of[1]));
	for (k = 0; k < 2; k++) {
		take(of[k], &s);
		for (i = 0; i < s.n; i++) {
			EQUAL(vmapi_stats_info(of[k], i, &info), 0);
			CHECK(info.name[0] && memchr(info.name, 0,
				sizeof(info.name)));
			CHECK(info.base == 10 || info.base == 2);
			CHECK(info.n_values > 0 && (size_t)info.first +
				info.n_values <= s.n_values);
		}
		EQUAL(vmapi_stats_info(of[k], s.n, &info), -ERANGE);
		free(s.values);
		vmapi_stats_close(of[k]);
	}
}

static void exits_are_counted(struct machine *m)
{
	/* out 0x42,al; out 0x42,al; out 0x42,al; hlt */
	static const uint8_t code[] = { 0xe6, 0x42, 0xe6, 0x42, 0xe6, 0x42,
		0xf4 };
	struct vmapi_stats *stats;
	struct vmapi_exit exit;
	uint64_t before;
	unsigned i;

	if (!opened(vmapi_vcpu_stats(m->vcpu, &stats)))
		return;
	before = value(stats, "exits");
	api_load(m, code, sizeof(code));
	for (i = 0; i < 3; i++)
		EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
	/* KVM counts what it answers itself as well; some count nothing. */
	if (!strcmp(m->backend, "soft")) {
		EQUAL((int64_t)(value(stats, "exits") - before), 4);
		EQUAL((int64_t)value(stats, "io_exits"), 3);
		EQUAL((int64_t)value(stats, "halt_exits"), 1);
		EQUAL((int64_t)value(stats, "instructions"), 4);
		CHECK(value(stats, "blocks_translated") > 0);
	} else {
		CHECK(value(stats, "exits") >= before);
	}
	vmapi_stats_close(stats);
}

static void handles_outlive_the_vcpu(struct machine *m)
{
	static const uint8_t code[] = { 0xe6, 0x42, 0xf4 };
	struct vmapi_stats *stats, *other;
	struct vmapi_exit exit;
	int before = api_descriptors();
	uint64_t last;

	if (!opened(vmapi_vcpu_stats(m->vcpu, &stats)))
		return;
	opened(vmapi_vcpu_stats(m->vcpu, &other));
	api_load(m, code, sizeof(code));
	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	last = value(stats, "exits");
	vmapi_stats_close(other);
	vmapi_vcpu_destroy(m->vcpu);
	m->vcpu = NULL;
	EQUAL((int64_t)value(stats, "exits"), (int64_t)last);
	CHECK(api_descriptors() <= before);
	vmapi_stats_close(stats);
}

static void bad_calls(struct machine *m)
{
	struct vmapi_stat info = { .size = 4 };
	struct vmapi_stats *stats = NULL;
	uint64_t v;
	size_t n;

	EQUAL(vmapi_vm_stats(NULL, &stats), -EINVAL);
	EQUAL(vmapi_vcpu_stats(NULL, &stats), -EINVAL);
	EQUAL(vmapi_vm_stats(m->vm, NULL), -EINVAL);
	EQUAL(vmapi_stats_count(NULL, &n, &n), -EINVAL);
	EQUAL(vmapi_stats_read(NULL, &v, 1), -EINVAL);
	vmapi_stats_close(NULL);
	if (!opened(vmapi_vm_stats(m->vm, &stats)))
		return;
	EQUAL(vmapi_stats_info(stats, 0, NULL), -EINVAL);
	EQUAL(vmapi_stats_info(stats, 0, &info), -EINVAL);
	EQUAL(vmapi_stats_read(stats, NULL, 1), -EINVAL);
	EQUAL(vmapi_stats_read(stats, &v, 0), -EMSGSIZE);
	vmapi_stats_close(stats);
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "descriptions", descriptions },
		{ "exits are counted", exits_are_counted },
		{ "handles outlive the vcpu", handles_outlive_the_vcpu },
		{ "bad calls", bad_calls },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
