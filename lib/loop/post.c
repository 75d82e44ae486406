/* SPDX-License-Identifier: MIT */
/*
 * Completions in an io_uring that the application owns.
 *
 * IORING_OP_MSG_RING (io_uring_enter(2), since Linux 5.18) puts one there from
 * a ring of ours, whoever reads the other one meanwhile: so nothing of the
 * application's ring is mapped or locked here.
 */
#include <errno.h>

#include "lib/core/core.h"
#include "lib/loop/post.h"
#include "lib/sys/sys.h"

#if VMI_URING

#include <liburing.h>

struct vmi_post {
	struct io_uring ring;
	int target; /* a duplicate */
};

static int submit(struct vmi_post *post, const struct io_uring_sqe *what)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&post->ring);
	struct io_uring_cqe *cqe;
	int rc;

	if (!sqe)
		return -EAGAIN;
	*sqe = *what;
	do {
		rc = vmi_sys->uring_wait(&post->ring, -1);
	} while (rc == -EINTR);
	if (rc < 0)
		return rc;
	rc = io_uring_peek_cqe(&post->ring, &cqe);
	if (rc < 0)
		return rc;
	rc = cqe->res;
	io_uring_cqe_seen(&post->ring, cqe);
	return rc;
}

int vmi_post(struct vmi_post *post, uint64_t data, int32_t result)
{
	struct io_uring_sqe sqe = { 0 };

	io_uring_prep_msg_ring(
		&sqe, post->target, (unsigned)result, data, 0);
	return submit(post, &sqe);
}

/*
 * A message of a kind that is none: a kernel that can post looks at the
 * descriptor before the kind, and says -EBADFD if it is no ring.
 */
static int judge(struct vmi_post *post, int ring_fd)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(&post->ring);
	struct io_uring_sqe sqe = { 0 };
	bool can = probe &&
		io_uring_opcode_supported(probe, IORING_OP_MSG_RING);

	io_uring_free_probe(probe);
	if (!can)
		return vmi_fail(-ENOTSUP, "runner",
			"this kernel's io_uring cannot post to another ring");
	io_uring_prep_msg_ring(&sqe, post->target, 0, 0, 0);
	sqe.addr = UINT64_MAX;
	if (submit(post, &sqe) != -EINVAL)
		return vmi_fail(-EINVAL, "runner",
			"fd %d is no io_uring that takes messages", ring_fd);
	return 0;
}

int vmi_post_open(int ring_fd, struct vmi_post **out)
{
	struct vmi_post *post = vmi_zalloc(sizeof(*post));
	int err;

	if (!post)
		return vmi_fail(-ENOMEM, "runner", "no memory");
	post->target = vmi_sys->dup(ring_fd);
	if (post->target < 0) {
		err = vmi_fail(post->target, "runner",
			"fd %d cannot be duplicated", ring_fd);
		vmi_free(post);
		return err;
	}
	err = vmi_sys->uring_init(&post->ring, 2);
	if (err) {
		vmi_sys->close(post->target);
		vmi_free(post);
		return vmi_fail(-ENOTSUP, "runner",
			"io_uring is refused here (errno %d)", -err);
	}
	err = judge(post, ring_fd);
	if (err)
		vmi_post_close(post);
	else
		*out = post;
	return err;
}

void vmi_post_close(struct vmi_post *post)
{
	if (!post)
		return;
	vmi_sys->uring_exit(&post->ring);
	vmi_sys->close(post->target);
	vmi_free(post);
}

#else

int vmi_post_open(int ring_fd, struct vmi_post **post)
{
	(void)ring_fd;
	(void)post;
	return vmi_fail(-ENOTSUP, "runner",
		"this library was built without liburing");
}

void vmi_post_close(struct vmi_post *post)
{
	(void)post;
}

int vmi_post(struct vmi_post *post, uint64_t data, int32_t result)
{
	(void)post;
	(void)data;
	(void)result;
	return -ENOTSUP;
}

#endif
