/* SPDX-License-Identifier: MIT */
/* Saved streams under the knife: written from vmapi_stream(7) alone. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/api/stream.h"

uint64_t stream_get(const uint8_t *at, unsigned width)
{
	uint64_t value = 0;

	while (width--)
		value = value << 8 | at[width];
	return value;
}

void stream_put(uint8_t *at, uint64_t value, unsigned width)
{
	unsigned i;

	for (i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* CRC-32C bit by bit, reflected. */
static uint32_t crc(uint32_t seed, const uint8_t *at, size_t n)
{
	uint32_t c = ~seed;
	unsigned k;

	while (n--) {
		c ^= *at++;
		for (k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78u : 0);
	}
	return ~c;
}

/* -- Streams in memory -------------------------------------------------- */

void stream_save(struct stream *s, struct vmapi_vm *vm,
	const struct vmapi_state_config *config)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);
	off_t end;

	EQUAL(vmapi_vm_save(vm, fd, config), 0);
	end = lseek(fd, 0, SEEK_END);
	memset(s, 0, sizeof(*s));
	s->n = end > 0 ? (size_t)end : 0;
	s->room = s->n + s->n / 2 + 4096;
	s->bytes = calloc(1, s->room);
	CHECK(s->bytes && pread(fd, s->bytes, s->n, 0) == (ssize_t)s->n);
	close(fd);
	stream_parse(s);
}

void stream_free(struct stream *s)
{
	free(s->bytes);
}

void stream_copy(struct stream *to, const struct stream *from)
{
	*to = *from;
	to->bytes = malloc(from->room);
	memcpy(to->bytes, from->bytes, from->room);
}

void stream_parse(struct stream *s)
{
	size_t at = STREAM_HEAD;
	uint64_t bytes;

	s->n_sections = 0;
	while (at + SECTION_HEAD <= s->n && s->n_sections < SECTIONS_MAX) {
		bytes = stream_get(s->bytes + at + 8, 8);
		if (bytes > s->n - at - SECTION_HEAD)
			break;
		s->at[s->n_sections++] = at;
		at += SECTION_HEAD + bytes;
	}
}

uint8_t *stream_section(struct stream *s, uint32_t type)
{
	unsigned i;

	for (i = 0; i < s->n_sections; i++)
		if (stream_get(s->bytes + s->at[i], 4) == type)
			return s->bytes + s->at[i];
	return NULL;
}

void stream_forge(struct stream *s)
{
	uint32_t seed = crc(0, s->bytes + 24, 16);
	unsigned i;

	stream_put(s->bytes + 60, crc(0, s->bytes, 60), 4);
	for (i = 0; i < s->n_sections; i++) {
		uint8_t *head = s->bytes + s->at[i];
		size_t next = i + 1 < s->n_sections ? s->at[i + 1] : s->n;

		stream_put(head + 24, crc(0, head + SECTION_HEAD,
			next - s->at[i] - SECTION_HEAD), 4);
		stream_put(head + 28, crc(seed, head, 28), 4);
	}
}

int stream_restore(const struct stream *s, size_t n, struct vmapi_vm *vm,
	const struct vmapi_state_config *config)
{
	int fd = memfd_create("stream", MFD_CLOEXEC), err;

	CHECK(write(fd, s->bytes, n) == (ssize_t)n);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	err = vmapi_vm_restore(vm, fd, config);
	close(fd);
	return err;
}

/* -- What can be seen --------------------------------------------------- */

static void see(struct sight *s, const void *data, size_t n)
{
	s->bytes = realloc(s->bytes, s->n + n + 1);
	memcpy(s->bytes + s->n, data, n);
	s->n += n;
}

static void see_registers(struct sight *s, struct machine *m)
{
	static uint64_t tags[4096];
	static uint8_t room[65536];
	size_t i, n;

	EQUAL(vmapi_reg_list(m->vcpu, tags, 4096, &n), 0);
	for (i = 0; i < n && i < 4096; i++) {
		struct vmapi_reg_info info = { .size = sizeof(info) };
		struct vmapi_reg reg = { .tag = tags[i], .data = room,
			.bytes = sizeof(room) };

		if (vmapi_reg_info(m->vcpu, tags[i], &info) ||
			(info.attributes & VMAPI_REG_VOLATILE) ||
			vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0))
			continue;
		see(s, &tags[i], sizeof(tags[i]));
		see(s, room, reg.bytes);
	}
}

void sight_take(struct sight *s, struct machine *m)
{
	struct vmapi_map_entry entries[16];
	struct vmapi_route routes[64];
	size_t i, n = 0;
	void *ram;

	s->bytes = NULL;
	s->n = 0;
	see_registers(s, m);
	EQUAL(vmapi_ram_pointer(m->ram, &ram), 0);
	see(s, ram, API_RAM);
	memset(entries, 0, sizeof(entries));
	entries[0].size = sizeof(entries[0]);
	EQUAL(vmapi_as_entries(m->as, entries, 16, &n), 0);
	for (i = 0; i < n && i < 16; i++)
		see(s, &entries[i], sizeof(entries[i]));
	memset(routes, 0, sizeof(routes));
	routes[0].size = sizeof(routes[0]);
	n = 0;
	EQUAL(vmapi_routes_get(m->vm, routes, 64, &n), 0);
	for (i = 0; i < n && i < 64; i++)
		see(s, &routes[i], sizeof(routes[i]));
}

bool sight_same(const struct sight *a, const struct sight *b)
{
	return a->n == b->n && !memcmp(a->bytes, b->bytes, a->n);
}

void sight_free(struct sight *s)
{
	free(s->bytes);
}
