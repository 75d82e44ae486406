/* SPDX-License-Identifier: MIT */
/* Streams with right checksums and wrong contents, by chance. */
/*
 * A good stream is changed in a few places and its checksums are made right
 * again, so that what is tried are the checks behind them. Either the VM takes
 * it, or it is as it was: registers, memory, map and routes. A stream that was
 * taken may be anything, so the VM is given a good one again, and then has to
 * be what that says.
 *
 * usage: state_fuzz [inputs]: 3000 by default, 300 where each is slow, from a
 * fixed seed, on the software processor.
 */
#include "tests/api/stream.h"
#include "tests/api/worker.h"
#include "tests/fewer.h"

#define INPUTS 3000u
#define FEW    300u /* where each is slower by far */

static uint64_t seed = 20261121;

static uint64_t draw(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

/* Numbers at which checks go wrong. */
static uint64_t interesting(void)
{
	static const uint64_t values[] = { 0, 1, 2, 31, 32, 255, 256, 4095,
		4096, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffff000,
		UINT64_MAX };
	size_t n = sizeof(values) / sizeof(values[0]);

	return draw(3) ? values[draw(n)] : seed;
}

static void damage(struct stream *s)
{
	unsigned i = (unsigned)draw(s->n_sections);
	uint8_t *head = s->bytes + s->at[i];
	size_t end = i + 1 < s->n_sections ? s->at[i + 1] : s->n, at;
	size_t bytes = end - s->at[i] - SECTION_HEAD; /* as there are */
	static const unsigned widths[] = { 1, 2, 4, 8 };
	unsigned width = widths[draw(4)];

	switch (draw(8)) {
	case 0: /* its head, but for its number */
		at = (size_t)draw(20);
		stream_put(head + at, interesting(), 1);
		return;
	case 1: /* shorter by a little */
		if (bytes > 16)
			stream_put(head + 8, bytes - 1 - draw(16), 8);
		return;
	default:
		if (bytes < width)
			return;
		at = SECTION_HEAD + (size_t)draw(bytes - width + 1);
		if (draw(2)) /* fields are aligned, mostly */
			at &= ~(size_t)(width - 1);
		stream_put(head + at, draw(4) ? interesting()
			: stream_get(head + at, width) ^ 1u << draw(8), width);
	}
}

struct fuzz {
	struct machine m;
	struct stream good, other;
	struct sight before;
	unsigned taken, refused;
};

static void try_one(struct fuzz *f)
{
	unsigned n = 1 + (unsigned)draw(3);
	struct stream s;
	struct sight now;
	int err;

	stream_copy(&s, &f->good);
	while (n--)
		damage(&s);
	stream_forge(&s);
	err = stream_restore(&s, s.n, f->m.vm, NULL);
	stream_free(&s);
	if (!err) {
		f->taken++;
		EQUAL(stream_restore(&f->other, f->other.n, f->m.vm, NULL), 0);
	} else {
		f->refused++;
	}
	sight_take(&now, &f->m);
	CHECK(sight_same(&f->before, &now));
	sight_free(&now);
}

static void work(struct machine *m, unsigned steps)
{
	struct vmapi_exit exit;
	unsigned reads = 0;

	worker_load(m);
	while (steps--)
		(void)worker_go_on(m, &exit, &reads);
}

static const struct vmapi_vm_config pc = { .size = sizeof(pc),
	.flags = VMAPI_VM_PIT, .irqchip = VMAPI_IRQCHIP_FULL };

/* With every chip and device. */
static void make(struct machine *m)
{
	static const unsigned types[] = { VMAPI_DEVICE_RTC, VMAPI_DEVICE_HPET,
		VMAPI_DEVICE_ACPI_PM };
	struct vmapi_counter_config counter = { .size = sizeof(counter),
		.flags = VMAPI_COUNTER_RUNNING, .ticks = 1000, .seconds = 1,
		.divider = 1, .width = 32,
		.policy = VMAPI_ALARM_CATCH_UP };
	struct vmapi_device *device;
	unsigned i;

	twin(m, "soft", &pc);
	/* They go with the process. */
	EQUAL(vmapi_counter_create(m->vm, &counter, &device), 0);
	for (i = 0; i < 3; i++) {
		struct vmapi_device_config c = { .size = sizeof(c),
			.type = types[i],
			.policy = i < 2 ? VMAPI_ALARM_SLEW : 0 };

		EQUAL(vmapi_device_create(m->vm, &c, &device), 0);
	}
}

int main(int argc, char **argv)
{
	unsigned inputs = fewer_cases() ? FEW : INPUTS;
	static struct fuzz f;
	struct machine source;
	unsigned i;

	if (argc > 1)
		inputs = (unsigned)strtoul(argv[1], NULL, 0);
	make(&source);
	work(&source, 4);
	stream_save(&f.other, source.vm, NULL);
	work(&source, 7);
	stream_save(&f.good, source.vm, NULL);
	make(&f.m);
	EQUAL(stream_restore(&f.other, f.other.n, f.m.vm, NULL), 0);
	sight_take(&f.before, &f.m);
	for (i = 0; i < inputs && !api_failures(); i++)
		try_one(&f);
	printf("%u inputs: %u taken, %u refused\n", i, f.taken, f.refused);
	if (!f.taken || !f.refused) {
		printf("it has to see both\n");
		return EXIT_FAILURE;
	}
	return api_failures() ? EXIT_FAILURE : EXIT_SUCCESS;
}
