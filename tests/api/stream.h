/* SPDX-License-Identifier: MIT */
/* Saved streams under the knife: written from vmapi_stream(7) alone. */
#ifndef TESTS_API_STREAM_H
#define TESTS_API_STREAM_H

#include "tests/api/api.h"

#define STREAM_HEAD  64u
#define SECTION_HEAD 32u
#define SECTIONS_MAX 512u

/* A stream in memory; sections by where they begin. */
struct stream {
	uint8_t *bytes;
	size_t n, room;
	size_t at[SECTIONS_MAX];
	unsigned n_sections;
};

uint64_t stream_get(const uint8_t *at, unsigned width);
void stream_put(uint8_t *at, uint64_t value, unsigned width);

/* Save the VM into memory, with room for half as much again. */
void stream_save(struct stream *s, struct vmapi_vm *vm,
	const struct vmapi_state_config *config);
void stream_free(struct stream *s);
void stream_copy(struct stream *to, const struct stream *from);
/* Find the sections again, as far as they make sense. */
void stream_parse(struct stream *s);
/* The first section of a type; NULL. */
uint8_t *stream_section(struct stream *s, uint32_t type);
/* Make every checksum right for what is there. */
void stream_forge(struct stream *s);
/* What restoring the first n bytes gives. */
int stream_restore(const struct stream *s, size_t n, struct vmapi_vm *vm,
	const struct vmapi_state_config *config);

/* All that can be seen of a machine: for comparing, before and after. */
struct sight {
	uint8_t *bytes;
	size_t n;
};

void sight_take(struct sight *s, struct machine *m);
bool sight_same(const struct sight *a, const struct sight *b);
void sight_free(struct sight *s);

#endif
