/* SPDX-License-Identifier: MIT */
/*
 * What this machine can run virtual machines on, as a table.
 *
 * Probing opens nothing that stays open and never fails because a backend is
 * missing: each comes with a status and a sentence.  The trial runs a tiny
 * guest, since some kernels advertise what they cannot do; a backend that
 * failed it is marked impaired and vmapi_open(NULL) passes it over.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmapi/vmapi.h>

#define BACKENDS_MAX 8

static const char *const origins[] = { "", "kernel", "vm", "vcpu", "emulated",
	"trial" };

static void show_backend(const struct vmapi_backend_info *info)
{
	printf("%s: %s%s%s\n    %s\n", info->name,
		info->status ? strerror(-info->status) : "can be opened",
		info->flags & VMAPI_BACKEND_IMPAIRED ? ", impaired" : "",
		info->flags & VMAPI_BACKEND_DEFAULT ? ", the default" : "",
		info->reason);
}

static void show_capabilities(const char *name)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	struct vmapi *ctx;
	unsigned id;

	if (vmapi_open(name, 0, &ctx)) {
		printf("    %s\n", vmapi_error_last()->message);
		return;
	}
	for (id = 1; vmapi_cap_name(id); id++) {
		if (vmapi_cap_get(ctx, id, &cap) || !cap.value)
			continue;
		printf("    %-16s %20" PRId64 "  %s\n", vmapi_cap_name(id),
			cap.value, origins[cap.origin]);
	}
	vmapi_close(ctx);
}

/* Each with whether processors of this backend can be like it. */
static void show_models(const char *name)
{
	struct vmapi_cpuid_model model = { .size = sizeof(model) };
	struct vmapi_cpuid *list;
	struct vmapi *ctx;
	size_t n;
	int err;

	if (vmapi_cpuid_create(&list) || vmapi_open(name, 0, &ctx)) {
		printf("    %s\n", vmapi_error_last()->message);
		return;
	}
	for (n = 0; !vmapi_cpuid_model(n, &model); n++) {
		err = vmapi_cpuid_model_list(ctx, model.name, list);
		printf("    cpu %-12s %s\n", model.name, err ?
			vmapi_error_last()->message : model.about);
	}
	vmapi_close(ctx);
	vmapi_cpuid_destroy(list);
}

int main(void)
{
	struct vmapi_backend_info infos[BACKENDS_MAX];
	size_t n, i;

	infos[0].size = sizeof(infos[0]);
	if (vmapi_probe(VMAPI_PROBE_TRIAL, infos, BACKENDS_MAX, &n)) {
		fprintf(stderr, "%s\n", vmapi_error_last()->message);
		return EXIT_FAILURE;
	}
	printf("libvmapi %s, %zu backends\n", vmapi_version_string(), n);
	for (i = 0; i < n && i < BACKENDS_MAX; i++) {
		show_backend(&infos[i]);
		if (infos[i].status)
			continue;
		show_capabilities(infos[i].name);
		show_models(infos[i].name);
	}
	return EXIT_SUCCESS;
}
