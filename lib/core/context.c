/* SPDX-License-Identifier: MIT */
/* Probing, and opened backends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/core/backend.h"
#include "lib/sys/sys.h"

static const struct vmi_backend *backend_named(const char *name)
{
	size_t i;

	for (i = 0; vmi_backends[i]; i++)
		if (!strcmp(vmi_backends[i]->name, name))
			return vmi_backends[i];
	return NULL;
}

static const char *wanted_by_environment(void)
{
	const char *name = getenv("VMAPI_BACKEND");

	return name && *name ? name : NULL;
}

/* -- Probing ------------------------------------------------------------ */

static void probe_one(const struct vmi_backend *be, unsigned flags,
	struct vmapi_backend_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	snprintf(info->name, sizeof(info->name), "%s", be->name);
	be->probe(flags, info);
}

static bool is_fit(const struct vmapi_backend_info *info)
{
	return !info->status && !(info->flags & VMAPI_BACKEND_IMPAIRED);
}

/* The default: what the environment names, else the first that is fit. */
static bool is_default(const struct vmapi_backend_info *info, bool found)
{
	const char *wanted = wanted_by_environment();

	if (wanted)
		return !strcmp(wanted, info->name);
	return !found && is_fit(info);
}

int vmapi_probe(unsigned flags, struct vmapi_backend_info *infos, size_t n,
	size_t *count)
{
	struct vmapi_backend_info info;
	size_t i, stride = 0;
	bool found = false;
	int err;

	vmi_enter_free(__func__);
	if (flags & ~VMAPI_PROBE_TRIAL)
		return vmi_fail(-EINVAL, "", "unknown flags 0x%x", flags);
	if (!count)
		return vmi_null("count");
	if (n && !infos)
		return vmi_null("infos");
	if (n) {
		err = vmi_out_check(infos, sizeof(info));
		if (err)
			return err;
		stride = infos[0].size;
	}
	for (i = 0; vmi_backends[i]; i++) {
		uint8_t *to = (uint8_t *)infos + i * stride;
		uint32_t room = (uint32_t)stride;

		if (i >= n)
			continue;
		probe_one(vmi_backends[i], flags, &info);
		if (is_default(&info, found)) {
			info.flags |= VMAPI_BACKEND_DEFAULT;
			found = true;
		}
		memcpy(to, &room, sizeof(room));
		vmi_out_copy(to, &info, sizeof(info));
	}
	*count = i;
	return 0;
}

/* -- Choosing ----------------------------------------------------------- */

struct choice {
	const struct vmi_backend *be;
	char reason[208];
};

static int choose_named(
	const char *name, const char *whose, struct choice *choice)
{
	choice->be = backend_named(name);
	if (!choice->be)
		return vmi_fail(-ENOENT, "context",
			"no backend '%s' in this build", name);
	snprintf(choice->reason, sizeof(choice->reason), "%s", whose);
	return 0;
}

/*
 * The first backend that can be opened and is not impaired.  The last one is
 * the fallback: nothing hangs on its trial, so none is made.
 */
static int choose_best(struct choice *choice)
{
	struct vmapi_backend_info info;
	char passed[208] = "";
	size_t i;

	for (i = 0; vmi_backends[i]; i++) {
		const struct vmi_backend *be = vmi_backends[i];
		bool is_last = !vmi_backends[i + 1];

		probe_one(be, is_last ? 0 : VMAPI_PROBE_TRIAL, &info);
		if (is_fit(&info)) {
			choice->be = be;
			snprintf(choice->reason, sizeof(choice->reason), "%s",
				*passed ? passed : info.reason);
			return 0;
		}
		if (!*passed)
			snprintf(passed, sizeof(passed),
				"%.15s passed over: %.170s", be->name,
				info.reason);
	}
	return vmi_fail(-ENODEV, "context", "no backend can be opened; %s",
		*passed ? passed : "this build has none");
}

static int choose(const char *name, struct choice *choice)
{
	const char *wanted = wanted_by_environment();

	if (name)
		return choose_named(name, "asked for by name", choice);
	if (wanted)
		return choose_named(wanted, "named by $VMAPI_BACKEND", choice);
	return choose_best(choice);
}

/* -- Contexts ----------------------------------------------------------- */

/*
 * Whoever takes advice that does not exist ignores it all: emulators of the
 * system calls do, and would wipe no page.
 */
static bool wiped_on_fork(void *page, size_t bytes)
{
	const int nonsense = 0x7fff;

	return vmi_sys->madvise(page, bytes, nonsense) &&
		!vmi_sys->madvise(page, bytes, MADV_WIPEONFORK);
}

/* Without a page that is wiped on fork, getpid() tells as well, slower. */
static void watch_forks(struct vmapi *ctx)
{
	struct vmi_mmap what = { .bytes = vmi_page_size(),
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS,
		.fd = -1 };
	void *page;

	ctx->pid = vmi_sys->getpid();
	if (vmi_sys->mmap(&what, &page))
		return;
	if (!wiped_on_fork(page, what.bytes)) {
		vmi_sys->munmap(page, what.bytes);
		return;
	}
	ctx->alive = page;
	*ctx->alive = 1;
}

static void free_context(struct vmapi *ctx)
{
	if (ctx->alive)
		vmi_sys->munmap(ctx->alive, vmi_page_size());
	pthread_mutex_destroy(&ctx->log_lock);
	vmi_free(ctx);
}

int vmi_context_open(const struct vmi_backend *be, struct vmapi **out)
{
	struct vmapi *ctx = vmi_zalloc_aligned(64, be->ctx_size);
	int err;

	if (!ctx)
		return vmi_fail(-ENOMEM, "context", "no memory");
	ctx->be = be;
	atomic_init(&ctx->refs, 1);
	pthread_mutex_init(&ctx->log_lock, NULL);
	watch_forks(ctx);
	vmi_trace_environment(ctx);
	err = be->open(ctx);
	if (err) {
		free_context(ctx);
		return err;
	}
	*out = ctx;
	return 0;
}

int vmapi_open(const char *name, unsigned flags, struct vmapi **out)
{
	struct choice choice;
	int err;

	vmi_enter_free(__func__);
	if (!out)
		return vmi_null("ctx");
	if (flags)
		return vmi_fail(-EINVAL, "", "unknown flags 0x%x", flags);
	err = choose(name, &choice);
	if (!err)
		err = vmi_context_open(choice.be, out);
	if (!err)
		memcpy((*out)->reason, choice.reason, sizeof(choice.reason));
	return err;
}

void vmi_context_get(struct vmapi *ctx)
{
	atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
}

void vmi_context_put(struct vmapi *ctx)
{
	if (atomic_fetch_sub(&ctx->refs, 1) != 1)
		return;
	if (ctx->be->close)
		ctx->be->close(ctx);
	free_context(ctx);
}

void vmapi_close(struct vmapi *ctx)
{
	if (ctx && !vmi_enter(ctx, __func__))
		vmi_context_put(ctx);
}

const char *vmapi_backend_name(const struct vmapi *ctx)
{
	return ctx ? ctx->be->name : NULL;
}

const char *vmapi_backend_reason(const struct vmapi *ctx)
{
	return ctx ? ctx->reason : NULL;
}
