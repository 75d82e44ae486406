/* SPDX-License-Identifier: MIT */
/* Behind lib/sys/sys.h in the library's sources: their uses of it are numbered. */
/*
 * A use of the door leaves a record in a section of its own, so that the
 * linker lists all that exist, whether they are ever reached or not; and it
 * tells, before it calls, which one it is.
 */
#ifndef TESTS_FAULT_SITES_H
#define TESTS_FAULT_SITES_H

struct fault_site {
	const char *file;
	const char *function;
	const char *call; /* of the door; NULL: not known before it is reached */
	unsigned line;
	_Atomic(unsigned) calls; /* on any thread */
	unsigned told; /* on the one that is counted, of those that may fail */
	unsigned faults;
} __attribute__((__aligned__(64)));

/* The door, for a use of it. */
const struct vmi_sys *fault_door(struct fault_site *site);
/* What is used is a function of lib/sys/sys.c. */
void fault_here(struct fault_site *site);

#define FAULT_SITE(name)                                                       \
	__extension__({                                                        \
		static struct fault_site site_here                             \
			__attribute__((__section__("fault_sites"),             \
				__used__)) = { .file = __FILE__,               \
				.function = __func__, .call = name,            \
				.line = __LINE__ };                            \
		&site_here;                                                    \
	})

#define vmi_sys fault_door(FAULT_SITE(NULL))

#define vmi_alloc(n) (fault_here(FAULT_SITE("alloc")), vmi_alloc(n))
#define vmi_zalloc(n) (fault_here(FAULT_SITE("alloc")), vmi_zalloc(n))
#define vmi_calloc(n, size)                                                    \
	(fault_here(FAULT_SITE("alloc")), vmi_calloc(n, size))
#define vmi_zalloc_aligned(to, n)                                              \
	(fault_here(FAULT_SITE("alloc")), vmi_zalloc_aligned(to, n))
#define vmi_eventfd_dup(fd)                                                    \
	(fault_here(FAULT_SITE("dup")), vmi_eventfd_dup(fd))
#define vmi_eventfd_signal(fd)                                                 \
	(fault_here(FAULT_SITE("write")), vmi_eventfd_signal(fd))
#define vmi_eventfd_take(fd)                                                   \
	(fault_here(FAULT_SITE("read")), vmi_eventfd_take(fd))

#endif
