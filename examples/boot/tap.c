/* SPDX-License-Identifier: MIT */
/* The network of --net tap: an interface of the host. */
/*
 * Frames go to and from the host with the preamble that they have between the
 * guest and us: so the host's own interfaces cut what is too long, and add up
 * checksums, if at all.
 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define TURN 64 /* frames, then the guest's have theirs */

static int attach(int fd, struct ifreq *request)
{
	const int bytes = NET_PREAMBLE, yes = 1;

	if (ioctl(fd, TUNSETIFF, request) != 0) {
		errno = errno == EINVAL ? EBUSY : errno;
		return -1;
	}
	return ioctl(fd, TUNSETVNETHDRSZ, &bytes) != 0 ||
		ioctl(fd, TUNSETVNETLE, &yes) != 0 ? -1 : 0;
}

static int tap_open(struct net *net, const char *word)
{
	struct ifreq request = {
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
	};
	int before;

	if (word != NULL && (*word == '\0' || strlen(word) >= IFNAMSIZ)) {
		errno = EINVAL;
		return -1;
	}
	if (word != NULL)
		memcpy(request.ifr_name, word, strlen(word));
	net->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (net->fd < 0)
		return -1;
	if (attach(net->fd, &request) != 0) {
		before = errno;
		close(net->fd);
		errno = before;
		return -1;
	}
	snprintf(net->name, sizeof(net->name), "%s", request.ifr_name);
	if (word == NULL)
		fprintf(stderr, "vmapi-boot: the network is %s\n", net->name);
	return 0;
}

static void tap_close(struct net *net)
{
	close(net->fd);
}

/* What the guest can take as it is; the host does the rest. */
static void tap_features(struct net *net, uint64_t taken)
{
	static const struct {
		uint64_t taken;
		unsigned host;
	} features[] = {
		{ NET_F_GUEST_CSUM, TUN_F_CSUM },
		{ NET_F_GUEST_TSO4, TUN_F_TSO4 },
		{ NET_F_GUEST_TSO6, TUN_F_TSO6 },
		{ NET_F_GUEST_ECN, TUN_F_TSO_ECN }
	};
	unsigned long host = 0;
	size_t i;

	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (taken & features[i].taken)
			host |= features[i].host;
	/* Those that go with checksums do not go without. */
	(void)ioctl(net->fd, TUNSETOFFLOAD, host & TUN_F_CSUM ? host : 0);
}

/* What the host has no room for is lost, as on any cable. */
static void tap_send(struct net *net, struct virtio_request *frame)
{
	struct iovec parts[VIRTIO_QUEUE];
	ssize_t done;
	unsigned i;

	for (i = 0; i < frame->n_read; i++)
		parts[i] = (struct iovec){ frame->parts[i].bytes,
			frame->parts[i].size };
	done = writev(net->fd, parts, (int)frame->n_read);
	(void)done;
}

/* Without room in the guest they wait in the host. */
static void tap_wait(struct net *net, struct virtio_waits *waits)
{
	if (net_has_room(net))
		(void)virtio_wait_for(waits, net->fd, POLLIN);
}

static void tap_ready(struct net *net, const struct virtio_waits *waits)
{
	ssize_t bytes;
	unsigned n;

	(void)waits;
	for (n = 0; n < TURN && net_has_room(net); n++) {
		bytes = read(net->fd, net->buffer, sizeof(net->buffer));
		if (bytes <= NET_PREAMBLE)
			return;
		net_receive(net, net->buffer, net->buffer + NET_PREAMBLE,
			(size_t)bytes - NET_PREAMBLE);
	}
}

const struct net_peer net_tap = {
	.name = "tap",
	.offers = NET_F_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 |
		NET_F_HOST_ECN | NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 |
		NET_F_GUEST_TSO6 | NET_F_GUEST_ECN,
	.open = tap_open,
	.close = tap_close,
	.features = tap_features,
	.send = tap_send,
	.wait = tap_wait,
	.ready = tap_ready
};
