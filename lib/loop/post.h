/* SPDX-License-Identifier: MIT */
/* Completions in an io_uring that the application owns. */
#ifndef VMI_LOOP_POST_H
#define VMI_LOOP_POST_H

#include <stdint.h>

struct vmi_post;

/*
 * -ENOTSUP: without liburing, or the kernel cannot; -EINVAL: ring_fd is no
 * io_uring; -EBADF, -EMFILE, -ENOMEM.  The sentence is recorded.
 */
int vmi_post_open(int ring_fd, struct vmi_post **post);
void vmi_post_close(struct vmi_post *post); /* NULL does nothing */
/* One completion; -errno: the ring took none (-EOVERFLOW: it is full). */
int vmi_post(struct vmi_post *post, uint64_t data, int32_t result);

#endif
