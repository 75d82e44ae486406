/* SPDX-License-Identifier: MIT */
/* CPU models: the same processor whoever runs it. */
#include "tests/api/api.h"

/* MSRs that say what a processor is, beside CPUID: SDM 4 table 2-2. */
static const uint32_t feature_msrs[] = { 0x17, 0x8b, 0xce, 0xfe, 0x1a0,
	0x277 };

static struct vmapi_cpuid *empty(void)
{
	struct vmapi_cpuid *list;

	EQUAL(vmapi_cpuid_create(&list), 0);
	return list;
}

static void say_differences(const struct vmapi_cpuid *a,
	const struct vmapi_cpuid *b)
{
	char text[2000];
	size_t n;

	EQUAL(vmapi_cpuid_compare(a, b, text, sizeof(text), &n), 0);
	EQUAL((int64_t)n, 0);
	if (n)
		printf("%s", text);
}

/*
 * A machine of a model, with local APICs, at a frequency of its TSC.  What
 * was made stays in *m, for close_model().
 */
static int open_model(struct machine *m, const char *model, uint64_t hz)
{
	struct vmapi_vm_config config = { .size = sizeof(config),
		.irqchip = VMAPI_IRQCHIP_FULL, .cpu_model = model,
		.tsc_hz = hz };
	int err;

	err = vmapi_open(m->backend, 0, &m->ctx);
	if (!err)
		err = vmapi_vm_create(m->ctx, &config, &m->vm);
	if (!err)
		err = vmapi_vcpu_create(m->vm, NULL, &m->vcpu);
	return err;
}

static void close_model(struct machine *m)
{
	vmapi_vcpu_destroy(m->vcpu);
	vmapi_vm_destroy(m->vm);
	vmapi_close(m->ctx);
	m->vcpu = NULL;
	m->vm = NULL;
	m->ctx = NULL;
}

/*
 * What a backend cannot have it says.  A kernel on a processor that cannot
 * scale the TSC can have it at its own frequency.
 */
static bool opened(struct machine *m, const char *model, uint64_t hz)
{
	int err = open_model(m, model, hz);

	if (!err)
		return true;
	EQUAL(err, -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "model"));
	api_skip(vmapi_error_last()->message);
	close_model(m);
	return false;
}

static void check_msrs(struct machine *a, struct machine *b)
{
	size_t i;

	for (i = 0; i < sizeof(feature_msrs) / sizeof(feature_msrs[0]); i++)
		EQUAL((int64_t)api_get(a->vcpu,
			VMAPI_X86_MSR(feature_msrs[i])),
			(int64_t)api_get(b->vcpu,
				VMAPI_X86_MSR(feature_msrs[i])));
}

/* Leaf by leaf, and after a reset too. */
static void compare(struct machine *m, const char *model, uint64_t hz)
{
	struct machine a = { .backend = m->backend };
	struct machine b = { .backend = "soft" };
	struct vmapi_cpuid *x = empty(), *y = empty();
	const char *name = NULL;

	if (opened(&a, model, hz) && opened(&b, model, hz)) {
		EQUAL(vmapi_vm_cpu_model(a.vm, &name), 0);
		CHECK(name && !strcmp(name, model));
		EQUAL(vmapi_cpuid_read(a.vcpu, x), 0);
		EQUAL(vmapi_cpuid_read(b.vcpu, y), 0);
		say_differences(x, y);
		check_msrs(&a, &b);
		EQUAL(vmapi_vcpu_reset(a.vcpu), 0);
		EQUAL(vmapi_vcpu_reset(b.vcpu), 0);
		check_msrs(&a, &b);
		EQUAL((int64_t)api_get(a.vcpu, VMAPI_X86_TSC_HZ) / 1000,
			(int64_t)hz / 1000);
		EQUAL(api_cap(&a, VMAPI_CAP_PHYS_BITS) >= 39, 1);
	}
	close_model(&a);
	close_model(&b);
	vmapi_cpuid_destroy(x);
	vmapi_cpuid_destroy(y);
}

static void equal(struct machine *m)
{
	struct vmapi_cpuid_model model = { .size = sizeof(model) };
	uint64_t hz = api_get(m->vcpu, VMAPI_X86_TSC_HZ);
	struct vmapi_cpuid *list = empty();
	struct vmapi *soft;
	size_t n;

	EQUAL(vmapi_open("soft", 0, &soft), 0);
	for (n = 1; !vmapi_cpuid_model(n, &model); n++) {
		EQUAL(model.flags, VMAPI_CPUID_PORTABLE);
		/* What either cannot have at all is another case. */
		if (vmapi_cpuid_model_list(soft, model.name, list) ||
			vmapi_cpuid_model_list(m->ctx, model.name, list))
			continue;
		compare(m, model.name, hz);
	}
	CHECK(n > 5);
	vmapi_close(soft);
	vmapi_cpuid_destroy(list);
}

/* What the guest itself reads, leaf by leaf, is what the list says. */
static void seen_by_the_guest(struct machine *m)
{
	static const uint8_t code[] = { 0x0f, 0xa2, 0xf4 }; /* cpuid; hlt */
	struct vmapi_vm_config config = { .size = sizeof(config),
		.cpu_model = "nehalem",
		.tsc_hz = api_get(m->vcpu, VMAPI_X86_TSC_HZ) };
	struct machine own = { .backend = m->backend };
	const struct vmapi_x86_cpuid *e;
	struct vmapi_cpuid *list = empty();
	struct vmapi_exit exit;
	uint32_t apic;
	size_t i, n;

	if (!opened(&own, "nehalem", config.tsc_hz))
		goto out;
	close_model(&own);
	api_machine(&own, &config);
	EQUAL(vmapi_cpuid_read(own.vcpu, list), 0);
	EQUAL(vmapi_cpuid_entries(list, &e, &n), 0);
	CHECK(n > 10);
	for (i = 0; i < n; i++) {
		api_load(&own, code, sizeof(code));
		api_set(own.vcpu, VMAPI_X86_RAX, e[i].leaf);
		api_set(own.vcpu, VMAPI_X86_RCX, e[i].subleaf);
		EQUAL(api_run(&own, &exit), VMAPI_EXIT_HALT);
		EQUAL((uint32_t)api_get(own.vcpu, VMAPI_X86_RAX), e[i].eax);
		EQUAL((uint32_t)api_get(own.vcpu, VMAPI_X86_RBX), e[i].ebx);
		EQUAL((uint32_t)api_get(own.vcpu, VMAPI_X86_RCX), e[i].ecx);
		/* SYSCALL shows in 64-bit mode only, on some processors. */
		if (e[i].leaf == 0x80000001)
			continue;
		/* And APIC where there is an enabled one (SDM 3A 11.4.3). */
		apic = e[i].leaf == 1 ? 1u << 9 : 0;
		EQUAL((uint32_t)api_get(own.vcpu, VMAPI_X86_RDX) | apic,
			e[i].edx | apic);
	}
	/* No hypervisor's leaves, and no bit that says that there are some. */
	for (i = 0; i < n; i++)
		CHECK(e[i].leaf >> 16 != 0x4000 &&
			(e[i].leaf != 1 || !(e[i].ecx >> 31)));
	/* No local APIC in this VM, and none in CPUID. */
	EQUAL(vmapi_cpuid_find(list, 1, 0, (struct vmapi_x86_cpuid[1]){ 0 }),
		0);
	api_machine_free(&own);
out:
	vmapi_cpuid_destroy(list);
}

/* A backend refuses what it has not, and names it. */
static void refused(struct machine *m)
{
	struct vmapi_vm_config config = { .size = sizeof(config),
		.cpu_model = "westmere" };
	struct vmapi_cpuid *list = empty();
	struct vmapi_vm *vm;
	uint32_t aes;
	int err;

	EQUAL(vmapi_cpuid_supported(m->ctx, list), 0);
	EQUAL(vmapi_cpuid_get(list, "aesni", &aes), 0);
	err = vmapi_cpuid_model_list(m->ctx, "westmere", list);
	if (!aes) {
		EQUAL(err, -ENOTSUP);
		CHECK(strstr(vmapi_error_last()->message, "aesni"));
		EQUAL(vmapi_vm_create(m->ctx, &config, &vm), -ENOTSUP);
		CHECK(strstr(vmapi_error_last()->message, "aesni"));
	}
	config.cpu_model = "pentium9";
	EQUAL(vmapi_vm_create(m->ctx, &config, &vm), -ENOENT);
	CHECK(strstr(vmapi_error_last()->message, "pentium9"));
	EQUAL(vmapi_cpuid_model_list(m->ctx, "", list), -ENOENT);
	EQUAL(vmapi_cpuid_model_list(m->ctx, NULL, list), -EINVAL);
	EQUAL(vmapi_cpuid_model_list(NULL, "host", list), -EINVAL);
	vmapi_cpuid_destroy(list);
}

/* The default, its name, and that it is all that there is. */
static void host(struct machine *m)
{
	struct vmapi_cpuid_model model = { .size = sizeof(model) };
	struct vmapi_cpuid *a = empty(), *b = empty();
	const char *name = NULL;

	EQUAL(vmapi_vm_cpu_model(m->vm, &name), 0);
	CHECK(name && !strcmp(name, "host"));
	EQUAL(vmapi_cpuid_model(0, &model), 0);
	CHECK(!strcmp(model.name, "host") && !model.flags && model.about);
	EQUAL(vmapi_cpuid_model_list(m->ctx, "host", a), 0);
	EQUAL(vmapi_cpuid_supported(m->ctx, b), 0);
	say_differences(a, b);
	EQUAL(vmapi_vm_cpu_model(m->vm, NULL), -EINVAL);
	EQUAL(vmapi_vm_cpu_model(NULL, &name), -EINVAL);
	EQUAL(vmapi_cpuid_model(999, &model), -ENOENT);
	EQUAL(vmapi_cpuid_model(0, NULL), -EINVAL);
	vmapi_cpuid_destroy(a);
	vmapi_cpuid_destroy(b);
}

/* Nothing in it that any backend lacks; the same whoever is asked. */
static void common(struct machine *m)
{
	struct vmapi_cpuid *a = empty(), *b = empty();
	struct vmapi *soft;
	uint32_t value;

	EQUAL(vmapi_open("soft", 0, &soft), 0);
	EQUAL(vmapi_cpuid_model_list(m->ctx, "common", a), 0);
	EQUAL(vmapi_cpuid_model_list(soft, "common", b), 0);
	say_differences(a, b);
	EQUAL(vmapi_cpuid_get(a, "lm", &value), 0);
	EQUAL(value, 1);
	EQUAL(vmapi_cpuid_get(a, "phys-bits", &value), 0);
	EQUAL(value, 39);
	EQUAL(vmapi_cpuid_get(a, "mca", &value), 0);
	EQUAL(value, 0);
	vmapi_close(soft);
	vmapi_cpuid_destroy(a);
	vmapi_cpuid_destroy(b);
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "host", host },
		{ "equal", equal },
		{ "seen by the guest", seen_by_the_guest },
		{ "refused", refused },
		{ "common", common },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
