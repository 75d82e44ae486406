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

struct vmi_route_span vmi_routes_all(const struct vmapi_vm *vm);

/* Check the table, tell the backend, publish.  Takes the chipset's lock. */
int vmi_routes_commit(struct vmapi_vm *vm, const struct vmapi_route *routes,
	size_t n);

/*
 * The same with the routes of route->gsi replaced by this one, unless it is
 * there.  Under vm->bus_lock, as vmapi_routes_set(): they read the table.
 */
int vmi_route_replace(struct vmapi_vm *vm, const struct vmapi_route *route);

#endif
