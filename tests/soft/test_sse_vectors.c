/* SPDX-License-Identifier: MIT */
/*
 * Every MMX and SSE operation against results recorded where the native test
 * had compared them with a processor: for hosts that are none.  With -r the
 * table is printed.
 */
#include <stdio.h>

#include "tests/soft/test_sse.h"

#define CASES	  40 /* of each encoding */
#define MAX_FORMS 2048

static const struct {
	const char *name;
	uint64_t hash;
} recorded[] = {
#include "tests/soft/test_sse_vectors.h"
};

#define EXEC(how, token) #token,
static const char *const names[] = {
#include "lib/soft/exec.def"
};
#undef EXEC

static struct test_sse_form forms[MAX_FORMS];
static uint64_t hashes[VMI_EXEC_COUNT];

static uint64_t mix(uint64_t hash, uint64_t v)
{
	hash = (hash ^ v) * 0xff51afd7ed558ccdull;
	return hash ^ hash >> 32;
}

static uint64_t mix_bytes(uint64_t hash, const uint8_t *p, unsigned n)
{
	while (n--)
		hash = mix(hash, *p++);
	return hash;
}

/* What the native test compares. */
static uint64_t mix_out(uint64_t hash, const struct test_sse_out *o)
{
	unsigned n;

	hash = mix(mix(hash, o->vector), o->flags);
	hash = mix_bytes(hash, o->memory, sizeof(o->memory));
	for (n = 0; n < 8; n++)
		hash = mix(hash, o->gpr[n]);
	hash = mix_bytes(hash, o->area, 5);
	hash = mix_bytes(hash, o->area + 24, 4);
	return mix_bytes(hash, o->area + 32, 384);
}

static void run(const struct test_sse_form *f)
{
	uint64_t *hash = &hashes[f->row->exec];
	struct test_sse_out out;
	struct test_sse_case c;
	unsigned i;

	for (i = 0; i < CASES; i++) {
		test_sse_make(&c, f);
		test_sse_soft(&c, &out);
		*hash = mix_out(*hash, &out);
	}
}

static void print(void)
{
	unsigned n;

	for (n = 0; n < VMI_EXEC_COUNT; n++) {
		if (hashes[n])
			printf("{ \"%s\", 0x%016llx },\n", names[n],
				(unsigned long long)hashes[n]);
	}
}

static uint64_t expected(const char *name)
{
	size_t n;

	for (n = 0; n < vmi_array_len(recorded); n++) {
		if (!strcmp(recorded[n].name, name))
			return recorded[n].hash;
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t count = test_sse_forms(forms, MAX_FORMS), i;
	unsigned bad = 0, operations = 0, n;

	for (i = 0; i < count; i++) {
		test_sse_seed(&forms[i]);
		run(&forms[i]);
	}
	if (argc > 1 && !strcmp(argv[1], "-r")) {
		print();
		return 0;
	}
	for (n = 0; n < VMI_EXEC_COUNT; n++) {
		operations += hashes[n] != 0;
		if (hashes[n] == expected(names[n]))
			continue;
		printf("%s: other results than recorded\n", names[n]);
		bad++;
	}
	printf("%u operations, %zu encodings, %u cases each, %u differ\n",
		operations, count, CASES, bad);
	return bad || operations != vmi_array_len(recorded) ? 1 : 0;
}
