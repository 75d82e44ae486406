/* SPDX-License-Identifier: MIT */
/* A stream that was recorded on x86-64 goes on, on whatever host this is. */
/*
 * tests/api/recorded.vms is a machine of the software processor, with all
 * chips, in the middle of its checksum. Here it is restored, saved again,
 * which has to give the same bytes, and finished, which has to give the same
 * sum. So the format is what it was, and has one byte order.
 *
 * usage: recorded [record FILE]
 */
#include <fcntl.h>
#include <unistd.h>

#include "tests/api/stream.h"
#include "tests/api/worker.h"

#define NAME  "tests/api/recorded.vms"
#define STEPS 31u /* exits before it was recorded: reads and OUTs in turn */
#define READS ((STEPS + 1) / 2)

static const struct vmapi_vm_config pc = { .size = sizeof(pc),
	.flags = VMAPI_VM_PIT, .irqchip = VMAPI_IRQCHIP_FULL,
	.tsc_hz = 1000000000 };

static int record(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	struct vmapi_exit exit;
	struct machine m;
	unsigned reads = 0, i;

	twin(&m, "soft", &pc);
	worker_load(&m);
	for (i = 0; i < STEPS; i++)
		(void)worker_go_on(&m, &exit, &reads);
	EQUAL(reads, READS);
	EQUAL(vmapi_vm_save(m.vm, fd, NULL), 0);
	api_machine_free(&m);
	return close(fd);
}

/* The record of the time stamp counter: it has gone on. */
static bool is_tsc(const uint8_t *record)
{
	return stream_get(record, 8) == VMAPI_X86_MSR(0x10);
}

static void compare_registers(const uint8_t *a, const uint8_t *b)
{
	const uint8_t *end = a + SECTION_HEAD + stream_get(a + 8, 8);
	unsigned n;

	EQUAL((int64_t)stream_get(b + 8, 8), (int64_t)stream_get(a + 8, 8));
	a += SECTION_HEAD + 16;
	b += SECTION_HEAD + 16;
	for (; a < end; a += 16 + n, b += 16 + n) {
		n = (unsigned)stream_get(a + 8, 4);
		EQUAL((int64_t)stream_get(b, 8), (int64_t)stream_get(a, 8));
		CHECK(is_tsc(a) || !memcmp(a, b, 16 + n));
	}
}

/* All that does not change by itself, and names nobody. */
static void compare(struct stream *a, struct stream *b)
{
	unsigned i, type;

	EQUAL(b->n_sections, a->n_sections);
	for (i = 0; i < a->n_sections && i < b->n_sections; i++) {
		const uint8_t *x = a->bytes + a->at[i], *y = b->bytes + b->at[i];

		type = (unsigned)stream_get(x, 4);
		EQUAL((int64_t)stream_get(y, 4), type);
		if (type == 6)
			compare_registers(x, y);
		else if (type != 1 && type != 4) /* the names, the clock */
			CHECK(!memcmp(x + 4, y + 4, 16) &&
				stream_get(x + 24, 4) == stream_get(y + 24, 4));
	}
}

static void read_file(struct stream *s)
{
	const char *dir = getenv("srcdir");
	char name[4096];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "%s/" NAME, dir ? dir : ".");
	memset(s, 0, sizeof(*s));
	s->room = 1 << 20;
	s->bytes = calloc(1, s->room);
	fd = open(name, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, s->bytes, s->room);
	CHECK(n > 0);
	close(fd);
	s->n = n > 0 ? (size_t)n : 0;
	stream_parse(s);
}

int main(int argc, char **argv)
{
	unsigned reads = READS, reason = 0;
	struct stream then, now;
	struct vmapi_exit exit;
	struct machine m;

	if (argc == 3)
		return record(argv[2]) ? EXIT_FAILURE : EXIT_SUCCESS;
	read_file(&then);
	twin(&m, "soft", &pc);
	EQUAL(stream_restore(&then, then.n, m.vm, NULL), 0);
	stream_save(&now, m.vm, NULL);
	compare(&then, &now);
	do
		reason = worker_go_on(&m, &exit, &reads);
	while (!api_failures() && (reason == VMAPI_EXIT_MMIO ||
		(reason == VMAPI_EXIT_IO && exit.u.io.port == 0x10)));
	EQUAL(reason, VMAPI_EXIT_IO);
	EQUAL(reads, WORKER_ROUNDS);
	if (reason == VMAPI_EXIT_IO)
		EQUAL((int64_t)stream_get(exit.u.io.data, 4),
			worker_expected());
	printf("%zu bytes, %u sections\n", then.n, then.n_sections);
	stream_free(&then);
	stream_free(&now);
	api_machine_free(&m);
	return api_failures() ? EXIT_FAILURE : EXIT_SUCCESS;
}
