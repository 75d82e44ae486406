/* SPDX-License-Identifier: MIT */
/* What every public header needs: linkage and visibility. */
#ifndef VMAPI_BASE_H
#define VMAPI_BASE_H

#ifdef __cplusplus
#define VMAPI_BEGIN_DECLS extern "C" {
#define VMAPI_END_DECLS	  }
#else
#define VMAPI_BEGIN_DECLS
#define VMAPI_END_DECLS
#endif

/* Marks what the shared library exports; everything else is hidden. */
#if defined(__GNUC__)
#define VMAPI_API __attribute__((visibility("default")))
#else
#define VMAPI_API
#endif

#endif /* VMAPI_BASE_H */
