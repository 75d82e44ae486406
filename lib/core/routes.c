/* SPDX-License-Identifier: MIT */
/* Where interrupt numbers lead: one table, replaced as a whole. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/chipset.h"
#include "lib/core/routes.h"
#include "lib/sys/sys.h"

/* In order of GSI. */
struct vmi_routes {
	size_t n;
	struct vmapi_route routes[];
};

_Static_assert(sizeof(struct vmapi_route) == 64, "routes are of fixed size");

struct vmi_route_span vmi_routes_of(const struct vmapi_vm *vm, unsigned gsi)
{
	struct vmi_route_span span = { NULL, 0 };
	size_t low = 0, high;

	if (!vm->routes)
		return span;
	for (high = vm->routes->n; low < high;) {
		size_t middle = low + (high - low) / 2;

		if (vm->routes->routes[middle].gsi < gsi)
			low = middle + 1;
		else
			high = middle;
	}
	span.routes = vm->routes->routes + low;
	while (low + span.n < vm->routes->n && span.routes[span.n].gsi == gsi)
		span.n++;
	return span;
}

/* -- Checks ------------------------------------------------------------- */

static int check_route(const struct vmapi_route *r, size_t i, unsigned gsis)
{
	uint32_t flags = r->type == VMAPI_ROUTE_MSI ? VMAPI_MSI_DEVID : 0;

	if (r->gsi >= gsis)
		return vmi_fail_range(-ERANGE, r->gsi, 0,
			"route %zu: GSI %" PRIu32 " is not below %u", i,
			r->gsi, gsis);
	if (r->type < VMAPI_ROUTE_PIN || r->type > VMAPI_ROUTE_XEN)
		return vmi_fail_range(-EINVAL, r->gsi, 0,
			"route %zu: there is no type %" PRIu32, i, r->type);
	if (r->flags & ~flags)
		return vmi_fail_range(-EINVAL, r->gsi, 0,
			"route %zu: unknown flags 0x%" PRIx32, i, r->flags);
	return 0;
}

/* In order of GSI, so that conflicts are neighbours. */
static int check_conflicts(const struct vmi_routes *all)
{
	size_t i, k;

	for (i = 0; i < all->n; i++) {
		const struct vmapi_route *a = &all->routes[i];

		for (k = i + 1; k < all->n && all->routes[k].gsi == a->gsi;
			k++) {
			const struct vmapi_route *b = &all->routes[k];

			if (a->type == VMAPI_ROUTE_PIN && b->type == a->type &&
				a->u.pin.chip != b->u.pin.chip)
				continue;
			return vmi_fail_range(-EINVAL, a->gsi, 0,
				"GSI %" PRIu32 " leads to two places that "
				"exclude each other", a->gsi);
		}
	}
	return 0;
}

static int by_gsi(const void *a, const void *b)
{
	const struct vmapi_route *x = a, *y = b;

	if (x->gsi != y->gsi)
		return x->gsi < y->gsi ? -1 : 1;
	return x->u.pin.chip < y->u.pin.chip ? -1
					     : x->u.pin.chip > y->u.pin.chip;
}

/* -- The table ---------------------------------------------------------- */

static int read_routes(struct vmi_routes *all, const struct vmapi_route *from,
	unsigned gsis)
{
	const uint8_t *at = (const uint8_t *)from;
	size_t i, stride = all->n ? from[0].size : 0;
	int err = all->n ? vmi_out_check(from, sizeof(*from)) : 0;

	for (i = 0; i < all->n && !err; i++, at += stride) {
		struct vmapi_route *r = &all->routes[i];

		err = vmi_element_copy(r, sizeof(*r), at, stride);
		if (!err)
			err = check_route(r, i, gsis);
	}
	return err;
}

static int ask_gsis(struct vmapi_vm *vm, unsigned *gsis)
{
	const struct vmi_backend *be = vm->ctx->be;
	int err = 0;

	*gsis = 0;
	if (be->line_count && be->routes_set)
		err = be->line_count(vm, gsis);
	if (err || !*gsis)
		return vmi_fail(
			-ENXIO, "vm", "the VM has no interrupt controllers");
	return 0;
}

static int make(struct vmapi_vm *vm, const struct vmapi_route *routes,
	size_t n, struct vmi_routes **out)
{
	struct vmi_routes *all;
	unsigned gsis;
	int err = ask_gsis(vm, &gsis);

	if (err)
		return err;
	if (n > SIZE_MAX / sizeof(*routes) - 1)
		return vmi_fail(-E2BIG, "vm", "%zu routes are too many", n);
	all = vmi_zalloc(sizeof(*all) + n * sizeof(*routes));
	if (!all)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	all->n = n;
	err = read_routes(all, routes, gsis);
	if (!err) {
		qsort(all->routes, n, sizeof(all->routes[0]), by_gsi);
		err = check_conflicts(all);
	}
	if (err)
		vmi_free(all);
	else
		*out = all;
	return err;
}

int vmi_routes_commit(
	struct vmapi_vm *vm, const struct vmapi_route *routes, size_t n)
{
	struct vmi_routes *all = NULL, *old = NULL;
	int err = make(vm, routes, n, &all);

	if (err)
		return err;
	vmi_chipset_lock(vm);
	err = vm->ctx->be->routes_set(vm, all->routes, all->n);
	if (!err) {
		old = vm->routes;
		vm->routes = all;
	}
	vmi_chipset_unlock(vm);
	vmi_free(err ? all : old);
	return err;
}

int vmapi_routes_set(
	struct vmapi_vm *vm, const struct vmapi_route *routes, size_t n)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (n && !routes)
		return vmi_null("routes");
	return vmi_routes_commit(vm, routes, n);
}

int vmapi_routes_get(struct vmapi_vm *vm, struct vmapi_route *routes,
	size_t n, size_t *count)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	size_t i, stride, found = 0;
	uint8_t *at = (uint8_t *)routes;

	if (err)
		return err;
	if (!count || (n && !routes))
		return vmi_null(count ? "routes" : "count");
	if (n)
		err = vmi_out_check(routes, sizeof(*routes));
	if (err)
		return err;
	stride = n ? routes[0].size : 0;
	vmi_chipset_lock(vm);
	if (vm->routes)
		found = vm->routes->n;
	for (i = 0; i < n && i < found; i++, at += stride) {
		uint32_t size = (uint32_t)stride;

		memcpy(at, &size, sizeof(size));
		vmi_out_copy(at, &vm->routes->routes[i],
			sizeof(vm->routes->routes[i]));
	}
	vmi_chipset_unlock(vm);
	*count = found;
	return 0;
}
