/* SPDX-License-Identifier: MIT */
/* Reads a file whole, so that it cannot change under the parser. */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const uint8_t *image_at(const struct image *image, uint64_t offset,
	uint64_t size)
{
	if (offset > image->size || size > image->size - offset)
		return NULL;
	return image->data + offset;
}

void image_free(struct image *image)
{
	free(image->data);
	memset(image, 0, sizeof(*image));
}

/*
 * Double the buffer as the file turns out longer: its size cannot be asked
 * of a pipe or a device.
 */
static int image_grow(struct image *image, uint64_t *room, uint64_t limit)
{
	uint64_t want = *room == 0 ? 1 << 16 : *room * 2;
	uint8_t *data;

	if (want > limit + 1)
		want = limit + 1;
	if (want != (size_t)want)
		return -EFBIG;
	data = realloc(image->data, (size_t)want);
	if (data == NULL)
		return -ENOMEM;
	image->data = data;
	*room = want;
	return 0;
}

static int image_fill(struct image *image, int fd, uint64_t limit)
{
	uint64_t room = 0;
	ssize_t got;
	int err;

	for (;;) {
		if (image->size == room) {
			if (image->size > limit)
				return -EFBIG;
			err = image_grow(image, &room, limit);
			if (err != 0)
				return err;
		}
		got = read(fd, image->data + image->size,
			(size_t)(room - image->size));
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return 0;
		if (got > 0)
			image->size += (uint64_t)got;
	}
}

int image_read(struct image *image, const char *name, uint64_t limit,
	char *error, size_t room)
{
	int fd, err;

	memset(image, 0, sizeof(*image));
	image->name = name;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		snprintf(error, room, "%s: %s", name, strerror(errno));
		return -1;
	}
	err = image_fill(image, fd, limit);
	close(fd);
	if (err == 0 && image->size == 0) {
		snprintf(error, room, "%s: the file is empty", name);
		err = -EINVAL;
	} else if (err == -EFBIG) {
		snprintf(error, room,
			"%s: larger than the %" PRIu64 " bytes it may have",
			name, limit);
	} else if (err != 0) {
		snprintf(error, room, "%s: %s", name, strerror(-err));
	}
	if (err == 0)
		return 0;
	image_free(image);
	return -1;
}
