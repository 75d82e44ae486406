/* SPDX-License-Identifier: MIT */
/* What a device program can call. */
#include "lib/region/bpf/helper.h"

static uint64_t help_now(struct vmi_bpf_run *run)
{
	return run->host->now(run->host);
}

/* Without rounding in between; by zero: zero. */
static uint64_t help_muldiv(struct vmi_bpf_run *run)
{
	vmi_u128 product = (vmi_u128)run->r[1] * run->r[2];

	return run->r[3] ? (uint64_t)(product / run->r[3]) : 0;
}

static uint64_t help_irq(struct vmi_bpf_run *run)
{
	return (uint64_t)run->host->irq(run->host, run->r[1], run->r[2]);
}

static uint64_t help_signal(struct vmi_bpf_run *run)
{
	return (uint64_t)run->host->signal(run->host, run->r[1]);
}

static uint64_t help_alarm(struct vmi_bpf_run *run)
{
	return (uint64_t)run->host->alarm(run->host, run->r[1]);
}

/* By number. */
static const struct {
	struct vmi_bpf_helper helper;
	uint64_t (*fn)(struct vmi_bpf_run *run);
} helpers[] = {
#define HELPER(number, name, arguments, least, greatest)                       \
	[number] = { { number, arguments, least, greatest, #name },            \
		help_##name },
#include "lib/region/bpf/helper.def"
#undef HELPER
};

const struct vmi_bpf_helper *vmi_bpf_helper(uint32_t number)
{
	if (number >= vmi_array_len(helpers) || !helpers[number].fn)
		return NULL;
	return &helpers[number].helper;
}

void vmi_bpf_help(struct vmi_bpf_run *run, uint32_t number)
{
	run->r[0] = helpers[number].fn(run);
}
