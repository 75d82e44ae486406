/* SPDX-License-Identifier: MIT */
/* A file in memory, and the one way to look into it: with bounds. */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

#include <stddef.h>
#include <stdint.h>

struct image {
	const char *name; /* as the user gave it, for messages */
	uint8_t *data;
	uint64_t size;
};

/*
 * Read the whole file at `name`, of at most `limit` bytes.  0, or -1:
 * `error` says why, and nothing is held.
 */
int image_read(struct image *image, const char *name, uint64_t limit,
	char *error, size_t room);
void image_free(struct image *image);

/*
 * The `size` bytes at `offset`, or NULL where the file does not have them
 * all.  Offsets and sizes may come from the file itself: nothing wraps.
 * Every look of a loader at a file goes through here.
 */
const uint8_t *image_at(const struct image *image, uint64_t offset,
	uint64_t size);

#endif
