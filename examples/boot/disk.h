/* SPDX-License-Identifier: MIT */
/* A disk: a file behind a virtio block device (virtio 1.1, 5.2). */
#ifndef BOOT_DISK_H
#define BOOT_DISK_H

#include "virtio.h"

struct disk {
	int fd; /* -1: there is no disk */
	bool is_read_only;
	uint64_t sectors;
	struct virtio virtio;
};

/* 0, or -1 with errno: the file cannot be opened, or is no whole sectors. */
int disk_open(struct disk *disk, const char *path);
/* The same with a file that is open, and is the disk's from now on. */
int disk_take(struct disk *disk, int fd, bool is_read_only);
void disk_close(struct disk *disk);

#endif
