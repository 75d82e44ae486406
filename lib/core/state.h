/* SPDX-License-Identifier: MIT */
/* A save or a restore under way, and the parts that a state has. */
#ifndef VMI_CORE_STATE_H
#define VMI_CORE_STATE_H

#include <vmapi/state.h>

#include "lib/core/stream.h"

#define VMI_STATE_PAGE	 4096u /* the unit of RAM in streams, on every host */
#define VMI_STATE_ROUNDS 63u   /* how often a page may come again */

/* A RAM object of the VM, and what a restore has read for it. */
struct vmi_state_ram {
	struct vmapi_ram *ram; /* referenced */
	bool is_there;	  /* the stream has it */
	uint32_t number;  /* ... under this one */
	bool whole;	  /* pages that are not staged are to be zero */
	uint8_t *staged;  /* as long as the object; mapped */
	uint8_t *present; /* bit n: page n is staged */
	uint64_t next;	  /* pages come in order: not before this one */
	unsigned rounds;  /* ... or in another round, which is counted */
	/* Save; bitmaps are of the log's pages. */
	struct vmi_log_follower *follower;
	uint8_t *now;	 /* the pages of this round */
	uint8_t *taken;	 /* those of all rounds, out of the log */
	bool is_partial; /* what did not change need not come at all */
	bool is_begun;	 /* its first round has been written */
};

struct vmi_regs_arch;

struct vmi_state {
	struct vmapi_vm *vm;
	struct vmapi_state_config config;
	bool delta;
	bool is_rounds; /* pages may come again */
	bool is_stopped; /* by vmi_state_stop() */
	uint64_t now; /* of the VM's clock, which stands then */
	struct vmi_state_ram *rams;
	size_t n_rams;
};

/* Where a saved state goes: a stream, or a list to be taken back from. */
struct vmi_sink {
	int (*put)(struct vmi_sink *sink, const struct vmi_section *section);
};

/* Emit what was put into `b`, and empty it.  -ENOMEM: it has failed. */
int vmi_emit(struct vmi_sink *sink, struct vmi_buffer *b,
	struct vmi_section section);

/* A list of sections, each in memory of its own: sections.c. */
struct vmi_section_list {
	struct vmi_sink sink; /* { vmi_sections_put } */
	struct vmi_section *items;
	size_t n, room;
	uint64_t bytes;
};

int vmi_sections_put(struct vmi_sink *sink, const struct vmi_section *section);
/* The list owns section->data from here on, also where it fails. */
int vmi_sections_add(struct vmi_section_list *l,
	const struct vmi_section *section);
struct vmi_section *vmi_sections_find(const struct vmi_section_list *l,
	uint32_t type, uint32_t index);
void vmi_sections_free(struct vmi_section_list *l);

/*
 * A part of a VM's state.  Save emits its sections; check looks at one and
 * changes nothing; apply gives it to the VM, and may fail where the backend
 * refuses what nobody else can judge.
 */
struct vmi_part {
	uint32_t type;
	int (*save)(struct vmi_state *s, struct vmi_sink *sink);
	int (*check)(struct vmi_state *s, const struct vmi_section *section);
	int (*apply)(struct vmi_state *s, const struct vmi_section *section);
};

/* In the order in which they are applied. */
extern const struct vmi_part vmi_part_machine;
extern const struct vmi_part vmi_part_calls;
extern const struct vmi_part vmi_part_map;
extern const struct vmi_part vmi_part_clock;
extern const struct vmi_part vmi_part_cpuid;
extern const struct vmi_part vmi_part_servers;
extern const struct vmi_part vmi_part_controller;
extern const struct vmi_part vmi_part_vcpu;
extern const struct vmi_part vmi_part_routes;
extern const struct vmi_part vmi_part_chip;
extern const struct vmi_part vmi_part_device;

/* "the stream is damaged: `what` of section `type`": -EBADMSG. */
int vmi_bad_section(const struct vmi_section *section, const char *what);

/* -- Beginning and end: state.c ----------------------------------------- */

/* The caller's config, NULL for none, as one of this build; checked. */
int vmi_state_config(struct vmapi_state_config *to,
	const struct vmapi_state_config *from, uint32_t flags);
/* One at a time for each VM: -EBUSY. */
int vmi_state_begin(struct vmi_state *s, struct vmapi_vm *vm,
	const struct vmapi_state_config *config);
/*
 * Settle and take every vcpu, stop the clock, find the RAM.  Until
 * vmi_state_go(), or the end, the VM's lock is held.
 */
int vmi_state_stop(struct vmi_state *s);
void vmi_state_go(struct vmi_state *s);
void vmi_state_end(struct vmi_state *s);
/* What the application says of it: config.check. */
int vmi_state_ask(struct vmi_state *s);
/* Save all parts but RAM's pages. */
int vmi_state_save_parts(struct vmi_state *s, struct vmi_sink *sink);
const struct vmi_part *vmi_state_part(size_t i); /* NULL: no more */

/* -- Vcpus: state_vcpu.c ------------------------------------------------ */

/* In order of creation; NULL: there are not so many. */
struct vmapi_vcpu *vmi_state_vcpu(const struct vmi_state *s, uint32_t place);
bool vmi_state_is_x86(const struct vmi_regs_arch *arch);

/*
 * What a section of a vcpu says, read once and applied often: to the same
 * vcpu, if that is still there (-ENODEV).
 */
struct vmi_vcpu_kept;
int vmi_vcpu_keep(struct vmi_state *s, const struct vmi_section *section,
	struct vmi_vcpu_kept **kept);
int vmi_vcpu_kept_check(const struct vmi_state *s,
	const struct vmi_vcpu_kept *kept);
int vmi_vcpu_put_back(struct vmi_state *s, struct vmi_vcpu_kept *kept);
void vmi_vcpu_kept_free(struct vmi_vcpu_kept *kept);

/* -- RAM: state_ram.c --------------------------------------------------- */

int vmi_state_find_rams(struct vmi_state *s);
void vmi_state_free_rams(struct vmi_state *s);
struct vmi_state_ram *vmi_state_ram(struct vmi_state *s, const char *name);
/*
 * Take what is in the dirty logs: the pages of the next round, beside those
 * that wait for it.  From the first call on nobody else's reads are missed.
 */
int vmi_state_take_logs(struct vmi_state *s, bool exact);
/* What the first call needs: after this it cannot fail for want of memory. */
int vmi_state_follow_logs(struct vmi_state *s);
/* How many bytes of RAM the next round has. */
uint64_t vmi_state_left(const struct vmi_state *s);
/* A round: sections RAM and PAGES. */
int vmi_state_save_ram(struct vmi_state *s, struct vmi_sink *sink);
/* Put back into the dirty logs what a failed save took. */
void vmi_state_redirty(struct vmi_state *s);

/* -- Saving: save.c, live.c --------------------------------------------- */

/* Sections that go to a descriptor. */
struct vmi_file_sink {
	struct vmi_sink sink;
	struct vmi_stream stream;
};

/* All but RAM; of a VM that is stopped. */
int vmi_save_state(struct vmi_state *s, struct vmi_sink *sink);
/* All that comes between head and end, while vcpus run; fills in the report. */
int vmi_save_live(struct vmi_state *s, struct vmi_sink *file,
	struct vmapi_save_report *report);

/* -- Staging: stage.c --------------------------------------------------- */

int vmi_stage_ram(struct vmi_state *s, const struct vmi_section *section);
int vmi_stage_pages(struct vmi_state *s, const struct vmi_section *section);
/* What is staged and what is in RAM change places; and again, back. */
void vmi_stage_swap(struct vmi_state *s);
void vmi_stage_free(struct vmi_state_ram *r);

bool vmi_page_is_zero(const uint8_t *page);

#endif
