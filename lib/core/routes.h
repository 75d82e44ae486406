/* SPDX-License-Identifier: MIT */
/* Where interrupt numbers lead: one table, replaced as a whole. */
#ifndef VMI_CORE_ROUTES_H
#define VMI_CORE_ROUTES_H

#include "lib/core/core.h"

/* The routes of one GSI. */
struct vmi_route_span {
	const struct vmapi_route *routes;
	size_t n;
};

/* With the chipset locked, for as long as it is. */
struct vmi_route_span vmi_routes_of(const struct vmapi_vm *vm, unsigned gsi);

/* Check the table, tell the backend, publish.  Takes the chipset's lock. */
int vmi_routes_commit(struct vmapi_vm *vm, const struct vmapi_route *routes,
	size_t n);

#endif
