/* SPDX-License-Identifier: MIT */
/* Accesses that another process answers: sent, waited for, given up. */
/*
 * To a backend a region of this kind is nobody: its accesses are exits. Core
 * takes them here before the application sees them, with the vcpu outside the
 * guest, so that commits need not wait for a device process, which may be the
 * one that asks for them; and it answers as the application would. A string
 * instruction's exit is several accesses, one after the other.
 *
 * What is under way stays in the vcpu when a kick ends the run, and the next
 * run begins by waiting on: a command is sent once. State calls are refused
 * meanwhile, as for any exit without an answer.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/access.h"
#include "lib/core/backend.h"
#include "lib/core/encode.h"
#include "lib/core/remote.h"
#include "lib/sys/sys.h"

#define POSTED_MAX_NS 5000000000ll /* a socket's, to take a posted write */

struct vmi_remote {
	struct vmi_remote_region *region; /* referenced; NULL: nothing */
	struct vmapi_channel *channel; /* whose call it is, or one to fence */
	struct vmi_call call;
	enum vmi_call_stage stage; /* of the call, when last asked */
	struct vmapi_exit exit; /* the access */
	uint64_t deadline; /* 0: nobody has waited for it yet */
	uint32_t index;		/* of its elements */
	int wake_fd;
	bool failed; /* VMAPI_EXIT_REGION was given */
	uint8_t data[VMI_EXIT_DATA_MAX];
};

/* -- Posted writes: in any thread --------------------------------------- */

static struct vmi_remote_region *remote_of(struct vmapi_region *region)
{
	return vmi_container_of(region, struct vmi_remote_region, base);
}

static unsigned exponent(unsigned bytes)
{
	return bytes >= 8 ? 3 : bytes >= 4 ? 2 : bytes / 2;
}

static void flush(struct vmapi_region *region)
{
	vmi_wire_step(&remote_of(region)->channel->wire, NULL);
}

/* The queue is full: wait for the other side to read, but not for ever. */
static int make_room(struct vmapi_channel *channel)
{
	int64_t limit = (int64_t)channel->timeout_ms * 1000000;
	int n;

	vmi_wire_step(&channel->wire, NULL);
	if (limit <= 0 || limit > POSTED_MAX_NS)
		limit = POSTED_MAX_NS;
	n = vmi_wire_wait_for_room(&channel->wire, limit);
	if (n == 0)
		vmi_wire_fail(&channel->wire, -ETIMEDOUT);
	return n < 0 && n != -EINTR ? n : 0;
}

/* In the guest it is nobody's; a posted write comes without a vcpu. */
static int answer(struct vmi_region *asked, struct vmapi_access *access)
{
	struct vmapi_region *region = vmi_region_handle(asked);
	struct vmi_remote_region *r = remote_of(region);
	const struct vmapi_wire_command command = {
		.command = VMAPI_WIRE_WRITE,
		.size_exponent = (uint8_t)(exponent(access->bytes) & 3),
		.user_data = r->user_data,
		.offset = access->offset,
		.data = access->value,
	};
	int err;

	if (access->vcpu)
		return -ENOENT;
	for (;;) {
		err = vmi_wire_post(&r->channel->wire, &command);
		if (err != -EAGAIN)
			break;
		if (make_room(r->channel))
			break;
	}
	if (err)
		vmi_log(region->vm->ctx, VMAPI_LOG_ERROR,
			"%s: a posted write to '%s' is lost: error %d",
			r->channel->name, region->name, -err);
	return 0;
}

static void fini(struct vmapi_region *region)
{
	vmi_channel_put(remote_of(region)->channel);
}

const struct vmi_region_kind vmi_remote_kind = {
	.name = "channel",
	.size = sizeof(struct vmi_remote_region),
	.access = answer,
	.flush = flush,
	.fini = fini,
};

/* -- The access of an exit ---------------------------------------------- */

/* The region that has this access, referenced, or NULL. */
static struct vmi_remote_region *find(
	struct vmapi_vcpu *vcpu, const struct vmapi_exit *x)
{
	struct vmapi_region *region = NULL;
	struct vmi_region *r;

	if (!vmi_gate_enter(vcpu))
		return NULL;
	r = vmi_regions_find(atomic_load(&vcpu->vm->regions), &vcpu->near,
		(enum vmi_space)vmi_exit_space(x), vmi_exit_address(x),
		vmi_exit_width(x));
	if (r && r->waits) {
		region = vmi_region_handle(r);
		atomic_fetch_add(&region->refs, 1);
	}
	vmi_gate_leave(vcpu);
	return region ? remote_of(region) : NULL;
}

static int prepare(struct vmapi_vcpu *vcpu)
{
	struct vmi_remote *m = vcpu->remote;

	if (m)
		return 0;
	m = vmi_zalloc(sizeof(*m));
	if (!m)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	m->wake_fd = vmi_sys->eventfd(0, 0);
	if (m->wake_fd < 0) {
		int err = vmi_fail(m->wake_fd, vmi_vcpu_label(vcpu),
			"no eventfd to wait with");

		vmi_free(m);
		return err;
	}
	vcpu->remote = m;
	return 0;
}

/* -- One call at a time ------------------------------------------------- */

static void ask(struct vmi_remote *m, struct vmapi_channel *channel)
{
	m->channel = channel;
	m->call.wake_fd = m->wake_fd;
	m->deadline = 0;
	m->stage = vmi_wire_ask(&channel->wire, &m->call);
}

/* The region has its own channel; one to fence is referenced by us. */
static void drop_call(struct vmi_remote *m)
{
	if (!m->channel)
		return;
	if (m->stage < VMI_CALL_DONE)
		vmi_wire_cancel(&m->channel->wire, &m->call);
	if (m->channel != m->region->channel)
		vmi_channel_put(m->channel);
	m->channel = NULL;
}

/* A fence for whoever of the domain is behind, else the access itself. */
static void next_call(struct vmi_remote *m)
{
	struct vmapi_channel *own = m->region->channel;
	struct vmapi_channel *behind = vmi_channel_behind(own);
	const struct vmapi_exit *x = &m->exit;
	unsigned width = vmi_exit_width(x);

	memset(&m->call, 0, sizeof(m->call));
	m->call.command.response = 1;
	if (behind) {
		m->call.command.command = VMAPI_WIRE_FENCE;
		ask(m, behind);
		return;
	}
	m->call.command.command =
		vmi_exit_is_write(x) ? VMAPI_WIRE_WRITE : VMAPI_WIRE_READ;
	m->call.command.size_exponent = (uint8_t)(exponent(width) & 3);
	m->call.command.user_data = m->region->user_data;
	m->call.command.offset =
		vmi_exit_address(x) - m->region->base.region.base;
	if (vmi_exit_is_write(x))
		m->call.command.data =
			vmi_fetch(m->data + m->index * width, width);
	ask(m, own);
}

/*
 * Until the call is done (its stage), or VMI_CALL_NONE: the region is gone;
 * VMI_CALL_QUEUED: the vcpu was kicked.
 */
static enum vmi_call_stage wait(struct vmapi_vcpu *vcpu, struct vmi_remote *m)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;

	while (m->stage < VMI_CALL_DONE) {
		if (atomic_load(&m->region->base.gone))
			return VMI_CALL_NONE;
		if (be->vcpu_take_kick(vcpu))
			return VMI_CALL_QUEUED;
		m->stage = vmi_channel_wait(
			m->channel, &m->call, &m->deadline);
	}
	return m->stage;
}

/* -- The whole access --------------------------------------------------- */

static void end(struct vmi_remote *m)
{
	drop_call(m);
	vmi_region_put(&m->region->base);
	m->region = NULL;
	m->failed = false;
}

static enum vmi_remote_verdict kicked(struct vmapi_exit *exit)
{
	const struct vmapi_exit x = { .reason = VMAPI_EXIT_KICK };

	vmi_exit_give(exit, &x);
	return VMI_REMOTE_EXIT;
}

/* The exit as it was before we took it. */
static enum vmi_remote_verdict give_back(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	struct vmi_remote *m = vcpu->remote;

	vmi_exit_give(exit, &m->exit);
	vcpu->unanswered = exit->flags & VMAPI_EXIT_ANSWER;
	end(m);
	return VMI_REMOTE_EXIT;
}

static enum vmi_remote_verdict fail(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	struct vmi_remote *m = vcpu->remote;
	const struct vmapi_exit *x = &m->exit;
	unsigned width = vmi_exit_width(x);
	struct vmapi_exit out = { .reason = VMAPI_EXIT_REGION,
		.flags = VMAPI_EXIT_ANSWER,
		.native = x->native };
	struct vmapi_exit_region *r = &out.u.region;

	r->user_data = m->region->user_data;
	r->address = vmi_exit_address(x);
	r->is_write = vmi_exit_is_write(x);
	if (r->is_write)
		r->value = vmi_fetch(m->data + m->index * width, width);
	r->space = vmi_exit_space(x);
	r->bytes = width;
	r->error = m->call.error;
	r->region = m->region->base.name;
	vmi_log(vcpu->vm->ctx, VMAPI_LOG_ERROR,
		"%s: no answer for '%s' at 0x%" PRIx64 ": error %d",
		m->channel->name, r->region, r->address, -r->error);
	drop_call(m);
	m->failed = true;
	vcpu->unanswered = true;
	vcpu->answer_bytes = width * vmi_exit_count(x);
	vcpu->answer_is_optional = true;
	vmi_exit_give(exit, &out);
	return VMI_REMOTE_EXIT;
}

/* All elements are done: as if the application had answered. */
static enum vmi_remote_verdict answered(struct vmapi_vcpu *vcpu)
{
	struct vmi_remote *m = vcpu->remote;
	const struct vmapi_exit *x = &m->exit;

	if (!vmi_exit_is_write(x))
		(void)vcpu->vm->ctx->be->vcpu_complete(
			vcpu, m->data, vmi_exit_width(x) * vmi_exit_count(x));
	vcpu->unanswered = false;
	vcpu->unsettled = true;
	end(m);
	return VMI_REMOTE_ANSWERED;
}

static bool is_fence(const struct vmi_remote *m)
{
	return m->call.command.command == VMAPI_WIRE_FENCE;
}

/* A fence that fails is another device's trouble: it has no writes left. */
static enum vmi_remote_verdict go_on(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	struct vmi_remote *m = vcpu->remote;
	unsigned width = vmi_exit_width(&m->exit);
	enum vmi_call_stage stage;

	while (m->index < vmi_exit_count(&m->exit)) {
		if (!m->channel)
			next_call(m);
		else
			m->stage = vmi_wire_step(
				&m->channel->wire, &m->call);
		stage = wait(vcpu, m);
		if (stage == VMI_CALL_QUEUED)
			return kicked(exit);
		if (stage == VMI_CALL_NONE)
			return give_back(vcpu, exit);
		if (stage == VMI_CALL_FAILED && !is_fence(m))
			return fail(vcpu, exit);
		if (!is_fence(m)) {
			if (!vmi_exit_is_write(&m->exit))
				vmi_store(m->data + m->index * width,
					m->call.data, width);
			m->index++;
		}
		drop_call(m);
	}
	return answered(vcpu);
}

bool vmi_remote_waits(const struct vmapi_vcpu *vcpu)
{
	return vcpu->remote && vcpu->remote->region &&
	       !vcpu->remote->failed;
}

enum vmi_remote_verdict vmi_remote_resume(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	enum vmi_remote_verdict verdict;

	atomic_store(&vcpu->woken_by, vcpu->remote->wake_fd);
	verdict = go_on(vcpu, exit);
	atomic_store(&vcpu->woken_by, -1);
	return verdict;
}

int vmi_remote_take(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit,
	enum vmi_remote_verdict *verdict)
{
	struct vmi_remote_region *region;
	struct vmi_remote *m;
	int err;

	*verdict = VMI_REMOTE_NOT;
	if (!vmi_exit_is_access(exit) ||
		vmi_exit_bytes(exit) > VMI_EXIT_DATA_MAX)
		return 0;
	region = find(vcpu, exit);
	if (!region)
		return 0;
	err = prepare(vcpu);
	if (err) {
		vmi_region_put(&region->base);
		return err;
	}
	m = vcpu->remote;
	m->region = region;
	m->exit = *exit;
	m->index = 0;
	if (vmi_exit_is_write(exit))
		memcpy(m->data, vmi_exit_data(exit),
			(size_t)vmi_exit_bytes(exit));
	vcpu->unanswered = true;
	*verdict = vmi_remote_resume(vcpu, exit);
	return 0;
}

enum vmi_remote_answer vmi_remote_complete(
	struct vmapi_vcpu *vcpu, size_t bytes)
{
	struct vmi_remote *m = vcpu->remote;
	bool write;

	if (!m || !m->region)
		return VMI_REMOTE_FOR_BACKEND;
	m->failed = false;
	if (!bytes)
		return VMI_REMOTE_AGAIN;
	write = vmi_exit_is_write(&m->exit);
	end(m);
	return write ? VMI_REMOTE_DONE : VMI_REMOTE_FOR_BACKEND;
}

void vmi_remote_cancel(struct vmapi_vcpu *vcpu)
{
	if (vcpu->remote && vcpu->remote->region)
		end(vcpu->remote);
}

void vmi_remote_fini(struct vmapi_vcpu *vcpu)
{
	if (!vcpu->remote)
		return;
	vmi_remote_cancel(vcpu);
	vmi_sys->close(vcpu->remote->wake_fd);
	vmi_free(vcpu->remote);
	vcpu->remote = NULL;
}

void vmi_remote_wake(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu;
	int fd;

	pthread_mutex_lock(&vm->lock);
	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next) {
		fd = atomic_load(&vcpu->woken_by);
		if (fd >= 0)
			vmi_eventfd_signal(fd);
	}
	pthread_mutex_unlock(&vm->lock);
}
