/* SPDX-License-Identifier: MIT */
/* Vcpus that are connected to a controller, and their place in a state. */
/*
 * Interrupt controllers of ppc know their processors by numbers of their own,
 * and only those that were connected.  That cannot be undone, and registers
 * depend on it: so in a saved state it is no value to set but one more thing
 * in which a VM has to be like that of the stream, as are its devices.
 */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/backend.h"
#include "lib/core/device.h"
#include "lib/core/state.h"

/* -- Connecting --------------------------------------------------------- */

static int check_objects(const struct vmapi_device *device,
	const struct vmapi_vcpu *vcpu)
{
	if (device->vm != vcpu->vm)
		return vmi_fail(-EINVAL, device->type->name,
			"the vcpu is of another VM");
	if (!device->type->has_servers)
		return vmi_fail(-ENOTSUP, device->type->name,
			"it takes vcpus as they are: none is connected");
	return device->vm->ctx->be->device_connect
		? 0 : vmi_unsupported(device->vm->ctx);
}

static int check_free(const struct vmapi_device *device,
	const struct vmapi_vcpu *vcpu, uint32_t server)
{
	const struct vmapi_vcpu *other;

	if (vcpu->controller)
		return vmi_fail_range(-EEXIST, server, 0,
			"the vcpu is server %" PRIu32 " of the %s already",
			vcpu->server, vcpu->controller->type->name);
	for (other = device->vm->vcpus; other; other = other->next)
		if (other->controller == device && other->server == server)
			return vmi_fail_range(-EEXIST, server, 0,
				"vcpu %" PRIu64 " is server %" PRIu32
				" already", other->id, server);
	return 0;
}

static int connect_claimed(struct vmapi_device *device,
	struct vmapi_vcpu *vcpu, uint32_t server)
{
	int err = check_free(device, vcpu, server);

	if (!err)
		err = device->vm->ctx->be->device_connect(
			vcpu, device->type->id, device->fd, server);
	if (err)
		return err;
	vcpu->controller = device;
	vcpu->server = server;
	return 0;
}

int vmapi_device_connect(struct vmapi_device *device, struct vmapi_vcpu *vcpu,
	uint32_t server)
{
	int err = vmi_enter(device ? device->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!vcpu)
		return vmi_null("vcpu");
	err = check_objects(device, vcpu);
	if (!err)
		err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	pthread_mutex_lock(&device->vm->lock);
	err = connect_claimed(device, vcpu, server);
	pthread_mutex_unlock(&device->vm->lock);
	vmi_vcpu_release(vcpu);
	return err;
}

void vmi_device_disconnect(struct vmapi_device *device)
{
	struct vmapi_vcpu *vcpu;

	for (vcpu = device->vm->vcpus; vcpu; vcpu = vcpu->next)
		if (vcpu->controller == device)
			vcpu->controller = NULL;
}

/* -- In a saved state --------------------------------------------------- */

static struct vmapi_device *device_at(const struct vmi_state *s, uint32_t place)
{
	struct vmapi_device *device;

	vmi_chipset_lock(s->vm);
	device = vmi_device_at(s->vm, place);
	vmi_chipset_unlock(s->vm);
	return device;
}

/* For each vcpu of the VM: whether it is connected, and as what. */
static int save_servers(struct vmi_state *s, struct vmi_sink *sink)
{
	struct vmi_buffer b = { .data = NULL };
	struct vmapi_device *d;
	struct vmapi_vcpu *vcpu;
	uint32_t place;
	int err = 0;

	for (place = 0; !err && (d = device_at(s, place)); place++) {
		if (!d->type->has_servers)
			continue;
		for (vcpu = s->vm->vcpus; vcpu; vcpu = vcpu->next) {
			vmi_put(&b, vcpu->controller == d, 4);
			vmi_put(&b, vcpu->controller == d ? vcpu->server : 0,
				4);
		}
		err = vmi_emit(sink, &b, (struct vmi_section){
			.type = VMI_SECTION_SERVERS, .index = place });
	}
	vmi_buffer_free(&b);
	return err;
}

static int check_server(const struct vmapi_device *d,
	const struct vmapi_vcpu *vcpu, bool connected, uint64_t server)
{
	if (connected == (vcpu->controller == d) &&
		(!connected || server == vcpu->server))
		return 0;
	return vmi_fail_range(-ENODEV, vcpu->id, 0,
		"vcpu %" PRIu64 " of the stream is %s of the %s; this VM's is "
		"not: connect it first", vcpu->id, connected
			? vmi_object("server %" PRIu64, server) : "no server",
		d->type->name);
}

static int check_servers(struct vmi_state *s, const struct vmi_section *section)
{
	const struct vmapi_device *d = device_at(s, section->index);
	struct vmi_cursor c = vmi_section_cursor(section);
	const struct vmapi_vcpu *vcpu;
	uint64_t connected, server;
	int err = 0;

	for (vcpu = s->vm->vcpus; vcpu && !err; vcpu = vcpu->next) {
		connected = vmi_take(&c, 4);
		server = vmi_take(&c, 4);
		if (connected > 1)
			return vmi_bad_section(section, "the contents");
		err = check_server(d, vcpu, connected, server);
	}
	if (!err && !vmi_cursor_done(&c))
		return vmi_bad_section(section, "the length");
	return err;
}

/* That they are alike is all. */
static int apply_servers(struct vmi_state *s, const struct vmi_section *section)
{
	(void)s;
	(void)section;
	return 0;
}

const struct vmi_part vmi_part_servers = {
	.type = VMI_SECTION_SERVERS,
	.save = save_servers,
	.check = check_servers,
	.apply = apply_servers,
};
