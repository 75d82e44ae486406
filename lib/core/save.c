/* SPDX-License-Identifier: MIT */
/* Saving a VM that stands still: everything small first, RAM last. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/core/backend.h"
#include "lib/core/state.h"
#include "lib/sys/sys.h"

static int put_file(struct vmi_sink *sink, const struct vmi_section *section)
{
	return vmi_stream_write(
		&vmi_container_of(sink, struct vmi_file_sink, sink)->stream,
		section);
}

/* -- The head ----------------------------------------------------------- */

/* A number that no other stream has; the host may have no generator. */
static void make_id(struct vmapi_vm *vm, uint8_t *id)
{
	ssize_t n = vmi_sys->random(id, VMI_STREAM_ID);
	uint64_t now = 0;

	if (n == VMI_STREAM_ID)
		return;
	(void)vmi_sys->now(CLOCK_REALTIME, &now);
	vmi_store(id, now, 8);
	vmi_store(id + 8, (uint64_t)vmi_sys->getpid() << 32 ^
		(uint64_t)(uintptr_t)vm, 8);
}

static uint32_t machine_of(const struct vmapi_vm *vm)
{
	return vm->ctx->be->regs_arch()->machine;
}

static int write_head(struct vmi_state *s, struct vmi_stream *stream,
	struct vmi_stream_head *head)
{
	memset(head, 0, sizeof(*head));
	head->machine = machine_of(s->vm);
	if (s->is_rounds)
		head->flags |= VMI_STREAM_ROUNDS;
	if (s->delta) {
		head->flags |= VMI_STREAM_DELTA;
		memcpy(head->parent, s->vm->state_id, VMI_STREAM_ID);
	}
	make_id(s->vm, head->id);
	return vmi_stream_write_head(stream, head);
}

/* -- The application's sections ----------------------------------------- */

static int save_sections(struct vmi_state *s, struct vmi_sink *sink)
{
	struct vmi_buffer b = { .data = NULL };
	size_t i;
	int err = 0;

	for (i = 0; i < s->config.n_sections && !err; i++) {
		const struct vmapi_section *own = &s->config.sections[i];

		vmi_put_bytes(&b, own->name, sizeof(own->name));
		vmi_put_bytes(&b, own->data, own->bytes);
		err = vmi_emit(sink, &b, (struct vmi_section){
			.type = VMI_SECTION_APP,
			.flags = own->flags & VMAPI_SECTION_OPTIONAL
				? VMI_SECTION_SKIPPABLE : 0,
			.index = (uint32_t)i });
	}
	vmi_buffer_free(&b);
	return err;
}

/* -- The whole ---------------------------------------------------------- */

int vmi_save_state(struct vmi_state *s, struct vmi_sink *sink)
{
	int err = vmi_state_save_parts(s, sink);

	return err ? err : save_sections(s, sink);
}

/* What a device of the kernel puts into RAM when it is saved is dirty, too. */
static int save_standing(struct vmi_state *s, struct vmi_sink *file,
	struct vmapi_save_report *report)
{
	int err = vmi_save_state(s, file);

	if (!err)
		err = vmi_state_take_logs(s, true);
	if (err)
		return err;
	report->last_bytes = vmi_state_left(s);
	return vmi_state_save_ram(s, file);
}

static int write_all(struct vmi_state *s, struct vmi_file_sink *file,
	struct vmapi_save_report *report)
{
	const struct vmi_section end = { .type = VMI_SECTION_END };
	struct vmi_stream_head head;
	int err = write_head(s, &file->stream, &head);

	if (!err)
		err = s->is_rounds ? vmi_save_live(s, &file->sink, report)
				   : save_standing(s, &file->sink, report);
	if (!err)
		err = vmi_stream_write(&file->stream, &end);
	if (err)
		return err;
	memcpy(s->vm->state_id, head.id, VMI_STREAM_ID);
	s->vm->has_state = true;
	return 0;
}

/* Nothing is written where it is known from the beginning that it fails. */
static int prepare(struct vmi_state *s)
{
	int err;

	if (s->is_rounds)
		return vmi_state_find_rams(s);
	err = vmi_state_stop(s);
	return err ? err : vmi_state_ask(s);
}

static int save(struct vmi_state *s, int fd, struct vmapi_save_report *report)
{
	struct vmi_file_sink file = { .sink = { put_file } };
	int err;

	if (s->delta && !s->vm->has_state)
		return vmi_fail(-ESTALE, "vm",
			"there was no save or restore before, on top of which "
			"a delta could be");
	err = vmi_stream_open(&file.stream, fd);
	if (err)
		return err;
	err = prepare(s);
	if (!err)
		err = write_all(s, &file, report);
	if (err)
		vmi_state_redirty(s);
	vmi_stream_close(&file.stream);
	return err;
}

int vmapi_vm_save(struct vmapi_vm *vm, int fd,
	const struct vmapi_state_config *config)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_save_report report = { .size = sizeof(report) };
	struct vmapi_state_config c;
	struct vmi_state s;

	if (err)
		return err;
	err = vmi_state_config(&c, config, VMAPI_SAVE_DELTA | VMAPI_SAVE_RUNNING);
	if (!err)
		err = vmi_state_begin(&s, vm, &c);
	if (err)
		return err;
	s.delta = c.flags & VMAPI_SAVE_DELTA;
	s.is_rounds = c.flags & VMAPI_SAVE_RUNNING;
	err = save(&s, fd, &report);
	vmi_state_end(&s);
	if (!err && c.report)
		vmi_out_copy(c.report, &report, sizeof(report));
	return err;
}
