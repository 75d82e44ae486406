/* SPDX-License-Identifier: MIT */
/* A disk: a file behind a virtio block device (virtio 1.1, 5.2). */
/*
 * Several threads serve, and requests overtake each other: a driver that wants
 * an order waits for the first.  That is also what makes a flush right, which
 * is of what was answered before it came (5.2.6.2).
 */
#include "disk.h"
#include "bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICE_BLOCK 2
#define SECTOR	     512u
#define HEADER	     16

#define F_READ_ONLY (UINT64_C(1) << 5)
#define F_FLUSH	    (UINT64_C(1) << 9)

/* 5.2.6 */
enum type { READ = 0, WRITE = 1, FLUSH = 4, GET_ID = 8 };
enum result { OK = 0, FAILED = 1, UNKNOWN = 2 };

#define ID_BYTES 20

/* All of it, or false. */
static bool move_bytes(const struct disk *disk, bool is_write,
	struct virtio_buffer part, uint64_t at)
{
	ssize_t done;

	while (part.size > 0) {
		done = is_write
			? pwrite(disk->fd, part.bytes, part.size, (off_t)at)
			: pread(disk->fd, part.bytes, part.size, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		part.bytes += done;
		part.size -= (uint32_t)done;
		at += (uint64_t)done;
	}
	return true;
}

static bool is_on_disk(const struct disk *disk, uint64_t sector, uint64_t bytes)
{
	return bytes % SECTOR == 0 && sector <= disk->sectors &&
	       bytes / SECTOR <= disk->sectors - sector;
}

/* `bytes` of these parts, in order. */
static enum result transfer(const struct disk *disk, bool is_write,
	const struct virtio_buffer *parts, uint64_t sector, uint64_t bytes)
{
	struct virtio_buffer part;
	uint64_t at = sector * SECTOR;

	if (!is_on_disk(disk, sector, bytes) ||
		(is_write && disk->is_read_only))
		return FAILED;
	for (; bytes > 0; parts++) {
		part = *parts;
		if (part.size > bytes)
			part.size = (uint32_t)bytes;
		if (!move_bytes(disk, is_write, part, at))
			return FAILED;
		at += part.size;
		bytes -= part.size;
	}
	return OK;
}

static enum result name(const struct virtio_buffer *part, uint64_t room)
{
	static const char id[ID_BYTES] = "vmapi-boot";

	if (room < ID_BYTES || part->size < ID_BYTES)
		return FAILED;
	memcpy(part->bytes, id, ID_BYTES);
	return OK;
}

/* The last byte that the driver wants says what became of it. */
static uint8_t *result_of(struct virtio_request *r)
{
	unsigned i = r->n_read + r->n_write;

	while (i-- > r->n_read)
		if (r->parts[i].size > 0)
			return r->parts[i].bytes + r->parts[i].size - 1;
	return NULL;
}

static int64_t serve(void *opaque, struct virtio_request *r)
{
	const struct disk *disk = opaque;
	const struct virtio_buffer *wanted = r->parts + r->n_read;
	uint8_t header[HEADER], *result = result_of(r);
	uint64_t room, sector;
	enum result is;

	if (result == NULL || !virtio_take(r, header, HEADER))
		return -1;
	room = virtio_wanted(r) - 1;
	sector = get64(header + 8);
	switch (get32(header)) {
	case READ: is = transfer(disk, false, wanted, sector, room); break;
	case WRITE:
		is = transfer(disk, true, r->parts, sector, virtio_given(r));
		break;
	case FLUSH: is = fdatasync(disk->fd) == 0 ? OK : FAILED; break;
	case GET_ID: is = name(wanted, room); break;
	default: is = UNKNOWN; break;
	}
	*result = (uint8_t)is;
	return get32(header) == READ && is == OK ? (int64_t)room + 1 : 1;
}

static const struct virtio_kind kind = {
	.id = DEVICE_BLOCK,
	.n_queues = 1,
	.n_threads = VIRTIO_THREADS,
	.serve = serve
};

int disk_take(struct disk *disk, int fd, bool is_read_only)
{
	struct virtio *v = &disk->virtio;
	struct stat st;

	disk->fd = fd;
	disk->is_read_only = is_read_only;
	if (fd < 0 || fstat(fd, &st) != 0)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_size == 0 ||
		st.st_size % SECTOR != 0) {
		errno = EINVAL;
		return -1;
	}
	disk->sectors = (uint64_t)st.st_size / SECTOR;
	v->kind = &kind;
	v->opaque = disk;
	v->offered = F_FLUSH | (disk->is_read_only ? F_READ_ONLY : 0);
	put64(v->config, disk->sectors);
	return 0;
}

int disk_open(struct disk *disk, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool is_read_only = fd < 0 && (errno == EACCES || errno == EROFS);

	if (is_read_only)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	return disk_take(disk, fd, is_read_only);
}

void disk_close(struct disk *disk)
{
	if (disk->fd >= 0)
		close(disk->fd);
}
