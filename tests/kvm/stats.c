/* SPDX-License-Identifier: MIT */
/* The kernel's description of statistics, true and hostile. */
#include <errno.h>
#include <string.h>

#include <vmapi/stats.h>

#include "lib/compiler.h"
#include "lib/kvm/stats.h"
#include "tests/kvm/check.h"

#define NAME 48

static struct kvm_stats_header header;
static uint8_t descs[3 * (sizeof(struct kvm_stats_desc) + NAME)];
static struct vmapi_stat infos[3];
static size_t n_values;

static void desc(unsigned at, struct kvm_stats_desc d, const char *name)
{
	uint8_t *to = descs + at * (sizeof(d) + header.name_size);

	memcpy(to, &d, sizeof(d));
	strncpy((char *)to + sizeof(d), name, header.name_size);
}

static void begin(void)
{
	header = (struct kvm_stats_header){ .name_size = NAME, .num_desc = 3 };
	memset(descs, 0, sizeof(descs));
	memset(infos, 0xff, sizeof(infos));
	desc(0, (struct kvm_stats_desc){ .size = 1, .offset = 8 }, "exits");
	desc(1, (struct kvm_stats_desc){ .size = 4, .offset = 16,
		.flags = KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_SECONDS,
		.exponent = -9 }, "halt_poll_success_hist");
	desc(2, (struct kvm_stats_desc){ .size = 1, .offset = 0,
		.flags = KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_BYTES |
			KVM_STATS_BASE_POW2,
		.exponent = 12, .bucket_size = 7 }, "pages");
}

static int decode(void)
{
	return vmi_kvm_stats_decode(&header, descs, infos, &n_values);
}

static void true_ones(void)
{
	begin();
	CHECK(vmi_kvm_stats_check(&header) == 0);
	CHECK(decode() == 0);
	CHECK(n_values == 6);
	CHECK(!strcmp(infos[0].name, "exits") && infos[0].first == 1);
	CHECK(infos[0].kind == VMAPI_STAT_CUMULATIVE && infos[0].base == 10);
	CHECK(infos[1].kind == VMAPI_STAT_LOG && infos[1].n_values == 4);
	CHECK(infos[1].unit == VMAPI_STAT_SECONDS && infos[1].exponent == -9);
	CHECK(infos[2].kind == VMAPI_STAT_INSTANT && infos[2].base == 2);
	CHECK(infos[2].unit == VMAPI_STAT_BYTES && infos[2].exponent == 12);
	CHECK(infos[2].bucket == 7 && infos[2].first == 0);
}

static void hostile_ones(void)
{
	begin();
	header.name_size = 0;
	CHECK(vmi_kvm_stats_check(&header) == -EPROTO);
	header.name_size = 1u << 20;
	CHECK(vmi_kvm_stats_check(&header) == -EPROTO);
	header.name_size = NAME;
	header.num_desc = 0xffffffff;
	CHECK(vmi_kvm_stats_check(&header) == -EPROTO);
	begin();
	desc(2, (struct kvm_stats_desc){ .size = 1, .offset = 4 }, "odd");
	CHECK(decode() == -EPROTO);
	desc(2, (struct kvm_stats_desc){ .size = 0, .offset = 8 }, "none");
	CHECK(decode() == -EPROTO);
	desc(2, (struct kvm_stats_desc){ .size = 1, .offset = 0xfffffff8 },
		"far");
	CHECK(decode() == -EPROTO);
}

/* Names that fill their field have no NUL in it. */
static void long_names(void)
{
	begin();
	desc(0, (struct kvm_stats_desc){ .size = 1 },
		"0123456789012345678901234567890123456789012345678901234567");
	CHECK(decode() == 0);
	CHECK(strlen(infos[0].name) == NAME - 1);
}

int main(void)
{
	true_ones();
	hostile_ones();
	long_names();
	return check_result("stats");
}
