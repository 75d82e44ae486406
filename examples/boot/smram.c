/* SPDX-License-Identifier: MIT */
/* System management: SMRAM behind the video window, the APM ports. */
/*
 * The 128 KiB of RAM behind the video window are SMRAM where the host bridge
 * says so (82441FX data sheet, 3.2.20): seen by processors in SMM, and by all
 * of them while D_OPEN is set, which D_LCK ends until a reset.  This board has
 * no display, so outside nothing is in the window.  D_CLS would let the data
 * of SMM go to the display and its code not; an address space is for both, so
 * it has no effect.
 *
 * Processors in SMM see an address space of their own, which has all that the
 * other has besides: machine.c and shadow.c map both.
 *
 * A write to APMC asks for SMM: PIIX4 (82371AB data sheet, 7.2.12, 8.3) makes
 * an SMI of it where APMC_EN is set in its device activity register, for the
 * boot processor, whose SMBASE firmware moves first.  Its global enable bit is
 * taken as set, as firmware of today's emulators does.  On a backend without
 * SMM, APMC_EN is set from the start: that tells firmware to do without.
 */
#include "machine.h"

#include <string.h>

#define ENABLED 0x08
#define OPEN	0x40

static bool is_seen(const struct machine *m, const struct vmapi_as *as)
{
	uint8_t smram = m->smram.control;

	return (smram & ENABLED) && (as == m->smm_as || (smram & OPEN));
}

int smram_map(struct machine *m, struct vmapi_map *map, struct vmapi_as *as)
{
	const struct vmapi_map_entry entry = {
		.size = sizeof(entry),
		.gpa = VIDEO_BASE,
		.bytes = VIDEO_END - VIDEO_BASE,
		.ram = m->ram,
		.offset = VIDEO_BASE
	};

	if (vmapi_map_remove(map, as, entry.gpa, entry.bytes) != 0)
		return -1;
	return is_seen(m, as) ? vmapi_map_add(map, as, &entry) : 0;
}

static int remap(struct machine *m)
{
	struct vmapi_map *map;

	if (vmapi_map_begin(m->vm, &map) != 0)
		return complain("SMRAM");
	if (smram_map(m, map, m->as) != 0 ||
		smram_map(m, map, m->smm_as) != 0) {
		vmapi_map_abort(map);
		return complain("SMRAM");
	}
	return vmapi_map_commit(map) != 0 ? complain("SMRAM") : 0;
}

static int control(struct machine *m, uint8_t value)
{
	bool same = m->smram.control == value;

	m->smram.control = value;
	return same || m->smm_as == NULL ? 0 : remap(m);
}

void smram_control(void *opaque, uint8_t value)
{
	struct machine *m = opaque;

	if (control(m, value) != 0)
		board_act(&m->board, ACTION_EXIT, STATUS_MACHINE, "SMRAM");
}

int smram_reset(struct machine *m)
{
	memset(m->smram.apm, 0, sizeof(m->smram.apm));
	if (m->smm_as == NULL)
		pci_smm_absent(&m->pci);
	return control(m, 0);
}

/* -- APMC and APMS ------------------------------------------------------ */

static uint32_t apm_read(void *opaque, unsigned offset, unsigned width)
{
	const struct machine *m = opaque;

	(void)width;
	return m->smram.apm[offset];
}

static void apm_write(void *opaque, unsigned offset, unsigned width,
	uint32_t value)
{
	struct machine *m = opaque;

	(void)width;
	m->smram.apm[offset] = (uint8_t)value;
	if (offset == 0 && m->smm_as != NULL && pci_apmc_enabled(&m->pci) &&
		vmapi_vcpu_smi(m->cpus[0].vcpu) != 0)
		board_act(&m->board, ACTION_EXIT, STATUS_MACHINE, "SMI");
}

int smram_attach(struct machine *m)
{
	const struct port port = {
		.first = 0xb2, .count = 2, .width = 1,
		.read = apm_read, .write = apm_write, .opaque = m
	};

	return board_add_port(&m->board, &port);
}

int smram_create(struct machine *m)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };

	if (vmapi_cap_get(m->ctx, VMAPI_CAP_SMM, &cap) != 0)
		return complain("capability");
	if (cap.value == 0)
		return 0;
	return vmapi_as_create(m->vm, &m->smm_as) != 0 ?
		complain("address space") : 0;
}
