/* SPDX-License-Identifier: MIT */
/* Connections to device processes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/core/backend.h"
#include "lib/core/posted.h"
#include "lib/core/remote.h"
#include "lib/sys/sys.h"

/* What regions were made for, which another process must have too. */
#define MUST_KEEP VMAPI_WIRE_CAN_FENCE

/* -- Handshake ---------------------------------------------------------- */

static int64_t to_ns(uint32_t timeout_ms)
{
	return timeout_ms ? (int64_t)timeout_ms * 1000000 : -1;
}

static int hear(int fd, struct vmapi_wire_hello *hello, uint32_t timeout_ms)
{
	int err = vmi_wire_hear(fd, hello, sizeof(*hello), to_ns(timeout_ms));

	if (err == -ETIMEDOUT)
		return vmi_fail(err, "channel",
			"no hello on the control socket in %" PRIu32 " ms",
			timeout_ms);
	if (err && err != -EPROTO)
		return vmi_fail(err, "channel",
			"the control socket gives no hello: %s",
			strerror(-err));
	if (err || hello->magic != VMAPI_WIRE_MAGIC || hello->version != 1)
		return vmi_fail(-EPROTO, "channel",
			"what came on the control socket is no hello");
	return 0;
}

/* The ring's memory; what is in it nobody believes. */
static int offer_ring(int control, int64_t timeout, struct vmi_ring **ring)
{
	const struct vmapi_wire_offer offer = {
		.bytes = sizeof(struct vmapi_wire_ring),
		.slots = VMAPI_WIRE_SLOTS };
	struct vmi_words words = { &offer, sizeof(offer), -1 };
	int err = vmi_ring_create(ring, &words.passed);

	if (err)
		return vmi_fail(err, "channel", "no memory to share");
	err = vmi_wire_say(control, &words, timeout);
	vmi_sys->close(words.passed);
	if (!err)
		return 0;
	vmi_ring_put(*ring);
	*ring = NULL;
	return vmi_fail(err, "channel",
		"the control socket takes no ring: %s", strerror(-err));
}

static int shake_hands(int fd, const struct vmapi_channel *channel,
	struct vmi_link *link)
{
	struct vmapi_wire_hello hello = { .magic = VMAPI_WIRE_MAGIC,
		.version = 1,
		.features = VMAPI_WIRE_CAN_FENCE };
	const struct vmi_words words = { &hello, sizeof(hello), -1 };
	int64_t timeout = to_ns(channel->timeout_ms);
	int err;

	if (channel->flags & VMAPI_CHANNEL_RING)
		hello.features |= VMAPI_WIRE_CAN_RING;
	link->features = hello.features;
	err = vmi_wire_say(fd, &words, timeout);
	if (err)
		return vmi_fail(err, "channel",
			"the control socket takes no hello: %s",
			strerror(-err));
	err = hear(fd, &hello, channel->timeout_ms);
	if (err)
		return err;
	link->features &= hello.features;
	return link->features & VMAPI_WIRE_CAN_RING
		? offer_ring(fd, timeout, &link->ring) : 0;
}

/* A duplicate of a connected socket, and its type. */
static int take_fd(int fd, int *type)
{
	int own = vmi_sys->dup(fd);

	if (own < 0)
		return vmi_fail(own, "channel",
			"fd %d is not to be had", fd);
	*type = vmi_sys->socket_type(own);
	if (*type >= 0)
		return own;
	vmi_sys->close(own);
	return vmi_fail(*type == -ENOTSOCK ? -EINVAL : *type, "channel",
		"fd %d is no connected stream or seqpacket socket", fd);
}

static int make_link(int fd, int control, const struct vmapi_channel *channel,
	struct vmi_link *link)
{
	int err;

	memset(link, 0, sizeof(*link));
	link->fd = take_fd(fd, &link->type);
	if (link->fd < 0)
		return link->fd;
	err = control < 0 ? 0 : shake_hands(control, channel, link);
	if (err)
		vmi_link_fini(link);
	return err;
}

/* -- Handles ------------------------------------------------------------ */

void vmi_channel_get(struct vmapi_channel *channel)
{
	atomic_fetch_add_explicit(&channel->refs, 1, memory_order_relaxed);
}

void vmi_channel_put(struct vmapi_channel *channel)
{
	struct vmapi_vm *vm = channel->vm;
	struct vmapi_channel **at;

	pthread_mutex_lock(&vm->map_lock);
	if (atomic_fetch_sub(&channel->refs, 1) != 1) {
		pthread_mutex_unlock(&vm->map_lock);
		return;
	}
	for (at = &vm->channels; *at != channel; at = &(*at)->next)
		;
	*at = channel->next;
	atomic_fetch_sub(&vm->n_takers, 1);
	pthread_mutex_unlock(&vm->map_lock);
	vmi_wire_fini(&channel->wire);
	vmi_free(channel);
	vmi_vm_put(vm);
}

struct vmapi_channel *vmi_channel_behind(struct vmapi_channel *channel)
{
	struct vmapi_vm *vm = channel->vm;
	struct vmapi_channel *c;

	if (!channel->order)
		return NULL;
	pthread_mutex_lock(&vm->map_lock);
	for (c = vm->channels; c; c = c->next)
		if (c != channel && c->order == channel->order &&
			vmi_wire_is_behind(&c->wire))
			break;
	if (c)
		vmi_channel_get(c);
	pthread_mutex_unlock(&vm->map_lock);
	return c;
}

static void link_channel(struct vmapi_vm *vm, struct vmapi_channel *channel)
{
	pthread_mutex_lock(&vm->map_lock);
	channel->next = vm->channels;
	vm->channels = channel;
	atomic_fetch_add(&vm->n_takers, 1);
	pthread_mutex_unlock(&vm->map_lock);
	vmi_vm_get(vm);
}

static int make(struct vmapi_vm *vm, const struct vmapi_channel_config *c,
	struct vmapi_channel *channel)
{
	struct vmi_link link;
	int err, room_fd;

	channel->flags = c->flags;
	channel->timeout_ms = c->timeout_ms;
	channel->order = c->order;
	err = make_link(c->fd, c->control_fd, channel, &link);
	if (err)
		return err;
	room_fd = vmi_sys->eventfd(0, 0);
	if (room_fd < 0) {
		vmi_link_fini(&link);
		return vmi_fail(room_fd, "channel",
			"no eventfd to wait with");
	}
	vmi_wire_init(&channel->wire, &link, room_fd);
	channel->vm = vm;
	snprintf(channel->name, sizeof(channel->name), "%s",
		c->name ? c->name : "channel");
	atomic_init(&channel->refs, 1);
	link_channel(vm, channel);
	return 0;
}

int vmapi_channel_create(struct vmapi_vm *vm,
	const struct vmapi_channel_config *config, struct vmapi_channel **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_channel_config c;
	struct vmapi_channel *channel;

	if (err)
		return err;
	if (!config || !out)
		return vmi_null(config ? "channel" : "config");
	err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (err)
		return err;
	if ((c.flags & ~VMAPI_CHANNEL_RING) || c.reserved)
		return vmi_fail(-EINVAL, "channel",
			"unknown flags 0x%" PRIx32, c.flags);
	if (c.flags && c.control_fd < 0)
		return vmi_fail(-EINVAL, "channel",
			"a ring is offered on a control socket");
	err = vmi_region_refuses(vm);
	if (err)
		return err;
	channel = vmi_zalloc(sizeof(*channel));
	if (!channel)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	err = make(vm, &c, channel);
	if (err) {
		vmi_free(channel);
		return err;
	}
	*out = channel;
	return 0;
}

void vmapi_channel_destroy(struct vmapi_channel *channel)
{
	if (!channel || vmi_enter(channel->vm->ctx, __func__) ||
		vmi_region_refuses(channel->vm))
		return;
	vmi_channel_put(channel);
}

int vmapi_channel_connect(
	struct vmapi_channel *channel, int fd, int control_fd)
{
	int err = vmi_enter(channel ? channel->vm->ctx : NULL, __func__);
	struct vmi_link link;

	if (err)
		return err;
	err = make_link(fd, control_fd, channel, &link);
	if (err)
		return err;
	if (vmi_wire_features(&channel->wire) & ~link.features & MUST_KEEP) {
		vmi_link_fini(&link);
		return vmi_fail(-EPROTO, channel->name,
			"the new process can less than the old one");
	}
	vmi_wire_reconnect(&channel->wire, &link);
	return 0;
}

/* -- Waiting for the other side ----------------------------------------- */

/* How long a poll may take; the channel dies when its time is over. */
static int64_t time_left(struct vmapi_channel *channel,
	const struct vmi_call *call, uint64_t *deadline)
{
	uint64_t limit = (uint64_t)channel->timeout_ms * 1000000, now;

	if (!limit)
		return -1;
	vmi_sys->now(CLOCK_MONOTONIC, &now);
	if (!*deadline)
		*deadline = now + limit;
	if (now < *deadline)
		return (int64_t)(*deadline - now);
	vmi_wire_expire(&channel->wire, call);
	return 0;
}

enum vmi_call_stage vmi_channel_wait(struct vmapi_channel *channel,
	struct vmi_call *call, uint64_t *deadline)
{
	int64_t left = time_left(channel, call, deadline);

	(void)vmi_wire_wait(&channel->wire, call, left);
	return vmi_wire_step(&channel->wire, call);
}

/* What the monitor still has of posted writes goes first. */
static int fence(struct vmapi_channel *channel, int wake_fd)
{
	struct vmi_call call = { .wake_fd = wake_fd };
	enum vmi_call_stage stage;
	uint64_t deadline = 0;

	call.command.command = VMAPI_WIRE_FENCE;
	call.command.response = 1;
	if (vmi_posted_exists(channel->vm))
		vmi_posted_deliver(channel->vm);
	stage = vmi_wire_ask(&channel->wire, &call);
	while (stage < VMI_CALL_DONE)
		stage = vmi_channel_wait(channel, &call, &deadline);
	return stage == VMI_CALL_FAILED ? call.error : 0;
}

static int may_fence(struct vmapi_channel *channel)
{
	int err = vmi_region_refuses(channel->vm);

	if (err)
		return err;
	if (vmi_posted_is_giving(channel->vm))
		return vmi_fail(-EDEADLK, channel->name,
			"the function of a posted write cannot wait for those "
			"behind it");
	if (!(vmi_wire_features(&channel->wire) & VMAPI_WIRE_CAN_FENCE))
		return vmi_fail(-ENOTSUP, channel->name,
			"this device process cannot fence");
	return 0;
}

int vmapi_channel_fence(struct vmapi_channel *channel)
{
	int err = vmi_enter(channel ? channel->vm->ctx : NULL, __func__);
	int wake_fd;

	if (!err)
		err = may_fence(channel);
	if (err)
		return err;
	wake_fd = vmi_sys->eventfd(0, 0);
	if (wake_fd < 0)
		return vmi_fail(wake_fd, channel->name,
			"no eventfd to wait with");
	vmi_channel_get(channel);
	err = fence(channel, wake_fd);
	if (err)
		vmi_fail(err, channel->name, "no answer to a fence: %s",
			strerror(-err));
	vmi_channel_put(channel);
	vmi_sys->close(wake_fd);
	return err;
}

/* -- Regions ------------------------------------------------------------ */

static int check_channel(const struct vmapi_vm *vm,
	struct vmapi_channel *channel, bool posts)
{
	if (channel->vm != vm)
		return vmi_fail(-EINVAL, channel->name,
			"the channel is of another VM");
	if (posts && channel->order &&
		!(vmi_wire_features(&channel->wire) & VMAPI_WIRE_CAN_FENCE))
		return vmi_fail(-EINVAL, channel->name,
			"posted writes in a domain of order need a device "
			"process that can fence");
	return 0;
}

int vmapi_region_channel(struct vmapi_vm *vm,
	const struct vmapi_region_config *config,
	struct vmapi_channel *channel, uint64_t user_data,
	struct vmapi_region **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmi_remote_region *remote;
	struct vmapi_region *region;

	if (!err && (!channel || !out))
		err = vmi_null(channel ? "region" : "channel");
	if (!err)
		err = vmi_region_new(vm, config, &vmi_remote_kind, &region);
	if (err)
		return err;
	remote = vmi_container_of(region, struct vmi_remote_region, base);
	err = check_channel(vm, channel, region->region.posts);
	if (!err) {
		region->region.waits = true;
		remote->channel = channel;
		remote->user_data = user_data;
		vmi_channel_get(channel);
		err = vmi_region_start(region);
		if (err)
			vmi_channel_put(channel);
	}
	if (err) {
		vmi_free(region);
		return err;
	}
	*out = region;
	return 0;
}
