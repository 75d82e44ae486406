/* SPDX-License-Identifier: MIT */
/* Object files: what compilers write, cut off, and with bytes changed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/region/bpf/object.h"
#include "lib/region/bpf/verify.h"
#include "lib/sys/sys.h"

#define CHANGES 20000

static unsigned failures;
static uint64_t seed = 88172645463325252u;

static unsigned below(size_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed >> 20) % n);
}

static void expect(bool good, const char *name, const char *what)
{
	if (good)
		return;
	printf("%s: %s\n", name, what);
	failures++;
}

/* Verify all entries, with windows that are nowhere: how many are fine. */
static unsigned verify(const struct vmi_bpf_object *object)
{
	struct vmi_bpf_window windows[VMI_BPF_WINDOWS_MAX];
	struct vmi_bpf_code code = { .insns = object->insns, .n = object->n,
		.windows = windows, .n_windows = object->n_wants,
		.context_bytes = 24, .result_max = 2 };
	struct vmi_bpf_proof proof;
	unsigned i, fine = 0;

	for (i = 0; i < object->n_wants; i++)
		windows[i] = (struct vmi_bpf_window){
			.bytes = object->wants[i].bytes,
			.is_writable = object->wants[i].is_writable,
			.name = object->wants[i].name };
	for (i = 0; i < VMI_BPF_ENTRIES; i++) {
		code.entry = object->entry[i];
		code.context_writable = i == VMI_BPF_READ ? 8 : 0;
		if (code.entry == VMI_BPF_NO_ENTRY)
			continue;
		if (!vmi_bpf_verify(&code, &proof))
			fine++;
	}
	return fine;
}

/* What the loader promises of an object that it took. */
static bool is_sound(const struct vmi_bpf_object *o)
{
	size_t i;

	for (i = 0; i < VMI_BPF_ENTRIES; i++)
		if (o->entry[i] != VMI_BPF_NO_ENTRY && o->entry[i] >= o->n)
			return false;
	for (i = 0; i < o->n_symbols; i++) {
		const struct vmi_bpf_symbol *s = &o->symbols[i];

		if (s->window >= o->n_wants ||
			s->offset > o->wants[s->window].bytes ||
			s->bytes > o->wants[s->window].bytes - s->offset)
			return false;
	}
	return o->n > 0 && o->n_wants <= VMI_BPF_WINDOWS_MAX;
}

/* In memory of just that size, so that sanitizers see what is beyond. */
static int read_copy(const uint8_t *image, size_t bytes, unsigned *fine)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	struct vmi_bpf_object object;
	char why[160];
	int err;

	memcpy(copy, image, bytes);
	err = vmi_bpf_object_read(&object, copy, bytes, why);
	if (!err) {
		expect(is_sound(&object), "object", "it is not sound");
		*fine += verify(&object);
		vmi_bpf_object_free(&object);
	} else {
		expect(err == -ENOEXEC && why[0], "object", why);
	}
	free(copy);
	return err;
}

static void spoil(uint8_t *image, size_t bytes, unsigned *taken)
{
	uint8_t saved[4];
	unsigned at[4], i, n = 1 + below(4), fine = 0;

	for (i = 0; i < n; i++) {
		at[i] = below(bytes);
		saved[i] = image[at[i]];
		image[at[i]] = below(2) ? (uint8_t)below(256) :
			(uint8_t)(image[at[i]] ^ 1u << below(8));
	}
	*taken += !read_copy(image, bytes, &fine);
	while (n--)
		image[at[n]] = saved[n];
}

static bool try(const char *path, unsigned entries)
{
	static uint8_t image[1 << 16];
	FILE *file = fopen(path, "rb");
	unsigned fine = 0, taken = 0, i;
	size_t bytes;

	if (!file)
		return false;
	bytes = fread(image, 1, sizeof(image), file);
	fclose(file);
	expect(!read_copy(image, bytes, &fine), path, "it is refused");
	expect(fine == entries, path, "it is not verified");
	for (i = 0; i < bytes; i++)
		(void)read_copy(image, i, &fine);
	for (i = 0; i < CHANGES / 6; i++)
		spoil(image, bytes, &taken);
	printf("%s: %zu bytes, %u of %u with changes are objects\n", path,
		bytes, taken, i);
	return true;
}

int main(void)
{
	static const struct {
		const char *path;
		unsigned entries;
	} objects[] = {
		{ "examples/bpf/hpet.bpf", 3 },
		{ "examples/bpf/ide.bpf", 2 },
		{ "examples/bpf/notify.bpf", 1 },
		{ "examples/bpf/pit.bpf", 3 },
		{ "examples/bpf/pm-timer.bpf", 2 },
		{ "tests/bpf/trace.bpf", 2 },
	};
	size_t i;

	for (i = 0; i < vmi_array_len(objects); i++)
		if (!try(objects[i].path, objects[i].entries)) {
			puts("no clang that compiles device programs");
			return 77;
		}
	printf("%u failures\n", failures);
	return failures != 0;
}
