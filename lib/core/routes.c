/* SPDX-License-Identifier: MIT */
/* Where interrupt numbers lead: one table, replaced as a whole. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arch/x86_routes.h"
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

struct vmi_route_span vmi_routes_all(const struct vmapi_vm *vm)
{
	struct vmi_route_span span = { NULL, 0 };

	if (vm->routes)
		span = (struct vmi_route_span){ vm->routes->routes,
			vm->routes->n };
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

/* -- With a bus: its pins' routes are its own --------------------------- */

/*
 * The table as it is, of GSIs first to last, with room for `more`.  Under
 * vm->bus_lock it does not change.  NULL: no memory.
 */
static struct vmapi_route *copy_routes(struct vmapi_vm *vm, unsigned first,
	unsigned last, size_t more, size_t *n)
{
	size_t all = vm->routes ? vm->routes->n : 0, i;
	struct vmapi_route *copy = vmi_calloc(all + more + 1, sizeof(*copy));

	*n = 0;
	for (i = 0; copy && i < all; i++)
		if (vm->routes->routes[i].gsi >= first &&
			vm->routes->routes[i].gsi <= last)
			copy[(*n)++] = vm->routes->routes[i];
	return copy;
}

static bool is_there(struct vmapi_vm *vm, const struct vmapi_route *route)
{
	struct vmi_route_span span = vmi_routes_of(vm, route->gsi);

	return span.n == 1 && span.routes->type == VMAPI_ROUTE_MSI &&
	       span.routes->u.msi.address == route->u.msi.address &&
	       span.routes->u.msi.data == route->u.msi.data;
}

int vmi_route_replace(struct vmapi_vm *vm, const struct vmapi_route *route)
{
	struct vmapi_route *table;
	size_t n, i, k = 0;
	int err;

	if (is_there(vm, route))
		return 0;
	table = copy_routes(vm, 0, UINT32_MAX, 1, &n);
	if (!table)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (i = 0; i < n; i++)
		if (table[i].gsi != route->gsi)
			table[k++] = table[i];
	table[k++] = *route;
	err = vmi_routes_commit(vm, table, k);
	vmi_free(table);
	return err;
}

/* The application's beside the bus's; what it says of those is not heard. */
static int set_beside_bus(
	struct vmapi_vm *vm, const struct vmapi_route *routes, size_t n)
{
	const uint8_t *at = (const uint8_t *)routes;
	struct vmapi_route *table;
	size_t i, k;
	int err = n ? vmi_out_check(routes, sizeof(*routes)) : 0;

	if (err)
		return err;
	if (n > SIZE_MAX / sizeof(*table) / 2)
		return vmi_fail(-E2BIG, "vm", "%zu routes are too many", n);
	table = copy_routes(vm, 0, VMI_X86_PINS - 1, n, &k);
	if (!table)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (i = 0; i < n && !err; i++, at += routes[0].size) {
		err = vmi_element_copy(
			&table[k], sizeof(*table), at, routes[0].size);
		k += !err && table[k].gsi >= VMI_X86_PINS;
	}
	if (!err)
		err = vmi_routes_commit(vm, table, k);
	vmi_free(table);
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
	pthread_mutex_lock(&vm->bus_lock);
	err = atomic_load(&vm->bus) ? set_beside_bus(vm, routes, n)
				    : vmi_routes_commit(vm, routes, n);
	pthread_mutex_unlock(&vm->bus_lock);
	return err;
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
