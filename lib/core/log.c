/* SPDX-License-Identifier: MIT */
/* Log lines and trace lines, to where the application wants them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/backend.h"
#include "lib/sys/sys.h"

#define LINE_MAX_BYTES 512
#define TRACE_ALL                                                              \
	(VMAPI_TRACE_CALL | VMAPI_TRACE_EXIT | VMAPI_TRACE_IRQ |               \
		VMAPI_TRACE_INSN | VMAPI_TRACE_BLOCK)

void vmi_log(const struct vmapi *ctx, int level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;

	if (!ctx->log || level > ctx->log_level)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	ctx->log(ctx->log_opaque, level, line);
}

void vmi_trace(const struct vmapi *ctx, unsigned what, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;

	if (!(ctx->trace_mask & what))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	ctx->trace(ctx->trace_opaque, what, line);
}

int vmapi_log_set(
	struct vmapi *ctx, int level, vmapi_log_fn *fn, void *opaque)
{
	int err = vmi_enter(ctx, __func__);

	if (err)
		return err;
	if (level < VMAPI_LOG_ERROR || level > VMAPI_LOG_DEBUG)
		return vmi_fail(-EINVAL, "context", "no log level %d", level);
	ctx->log_level = level;
	ctx->log = fn;
	ctx->log_opaque = opaque;
	vmi_log(ctx, VMAPI_LOG_INFO, "backend %s: %s", ctx->be->name,
		ctx->reason);
	return 0;
}

int vmapi_trace_set(
	struct vmapi *ctx, unsigned mask, vmapi_trace_fn *fn, void *opaque)
{
	int err = vmi_enter(ctx, __func__);

	if (err)
		return err;
	if (mask & ~TRACE_ALL)
		return vmi_fail(-EINVAL, "context", "unknown trace bits 0x%x",
			mask & ~TRACE_ALL);
	if (mask && !fn)
		return vmi_null("fn");
	ctx->trace_mask = mask;
	ctx->trace = fn;
	ctx->trace_opaque = opaque;
	return 0;
}

/* -- $VMAPI_TRACE ------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned mask;
} trace_names[] = {
	{ "call", VMAPI_TRACE_CALL },
	{ "exit", VMAPI_TRACE_EXIT },
	{ "irq", VMAPI_TRACE_IRQ },
	{ "insn", VMAPI_TRACE_INSN },
	{ "block", VMAPI_TRACE_BLOCK },
	{ "all", TRACE_ALL },
};

/* One write a line, so that lines of several threads do not mix. */
static void trace_to_stderr(void *opaque, unsigned what, const char *line)
{
	char text[LINE_MAX_BYTES + 16];
	int n = snprintf(text, sizeof(text), "vmapi: %s\n", line);

	(void)opaque;
	(void)what;
	if (n > 0)
		(void)vmi_sys->write(STDERR_FILENO, text, (size_t)n);
}

static unsigned trace_mask_of(const char *word, size_t length)
{
	size_t i;

	for (i = 0; i < vmi_array_len(trace_names); i++)
		if (strlen(trace_names[i].name) == length &&
			!memcmp(trace_names[i].name, word, length))
			return trace_names[i].mask;
	return 0;
}

void vmi_trace_environment(struct vmapi *ctx)
{
	const char *word = getenv("VMAPI_TRACE");
	unsigned mask = 0;

	while (word && *word) {
		size_t length = strcspn(word, ",");

		mask |= trace_mask_of(word, length);
		word += length + (word[length] == ',');
	}
	if (!mask)
		return;
	ctx->trace_mask = mask;
	ctx->trace = trace_to_stderr;
}
