/* SPDX-License-Identifier: MIT */
/* Log lines and traces: what the library tells when it is asked to. */
#ifndef VMAPI_LOG_H
#define VMAPI_LOG_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi;

enum vmapi_log_level {
	VMAPI_LOG_ERROR = 0,   /* something was lost or refused */
	VMAPI_LOG_WARNING = 1, /* works, but not as one would expect */
	VMAPI_LOG_INFO = 2,    /* choices: the backend and why */
	VMAPI_LOG_DEBUG = 3
};

/*
 * Called with one line, without a newline, that lives until the callback
 * returns.  It runs on the thread that met the event and must not call the
 * library.
 */
typedef void vmapi_log_fn(void *opaque, int level, const char *line);

/*
 * Send log lines of `level` and more urgent ones to `fn`; NULL stops them,
 * which is how a context starts.  The line that says which backend was
 * chosen at open, and why, is delivered at once.  Not to be called while
 * another thread uses the context.  Since 0.1.
 */
VMAPI_API int vmapi_log_set(struct vmapi *ctx, int level, vmapi_log_fn *fn,
	void *opaque);

/* What to trace: a mask. */
#define VMAPI_TRACE_CALL  (1u << 0) /* calls into the backend, decoded */
#define VMAPI_TRACE_EXIT  (1u << 1) /* exits given to the application */
#define VMAPI_TRACE_IRQ	  (1u << 2) /* interrupts, exceptions, lines */
#define VMAPI_TRACE_INSN  (1u << 3) /* soft: each instruction, slow */
#define VMAPI_TRACE_BLOCK (1u << 4) /* soft: each block as it is decoded */

/* As vmapi_log_fn; `what` is the one VMAPI_TRACE_ bit of this line. */
typedef void vmapi_trace_fn(void *opaque, unsigned what, const char *line);

/*
 * Send trace lines for the events in `mask` to `fn`; mask 0 stops them.  The
 * environment variable VMAPI_TRACE, a comma-separated list of call, exit,
 * irq, insn, block or "all", does the same at open with standard error as
 * the destination.  Tracing changes speed, never results.  Vcpus must not be
 * running.  -EINVAL: unknown bit, or fn is NULL with a mask.  Since 0.1.
 */
VMAPI_API int vmapi_trace_set(struct vmapi *ctx, unsigned mask,
	vmapi_trace_fn *fn, void *opaque);

VMAPI_DECLS_END

#endif
