/* SPDX-License-Identifier: MIT */
/* Every GNU extension that the library uses, in one place. */
#ifndef VMI_COMPILER_H
#define VMI_COMPILER_H

#define vmi_likely(x)	__builtin_expect(!!(x), 1)
#define vmi_unlikely(x) __builtin_expect(!!(x), 0)

#define vmi_noinline	   __attribute__((__noinline__))
#define vmi_inline	   inline __attribute__((__always_inline__))
#define vmi_noreturn	   __attribute__((__noreturn__))
#define vmi_printf(f, a)   __attribute__((__format__(__printf__, f, a)))
#define vmi_tls		   __thread
#define vmi_cacheline	   __attribute__((__aligned__(64)))

__extension__ typedef unsigned __int128 vmi_u128;
__extension__ typedef __int128 vmi_i128;

#define vmi_container_of(ptr, type, member)                                    \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/*
 * The same pointer, of which the compiler does not know that it is p: else gcc
 * computes what it points at from what p was made of, and keeps both.
 */
#define vmi_same(p) __builtin_assume_aligned(p, 1)

/* Bits, of a value that is not 0. */
#define vmi_ctz(v)   ((unsigned)__builtin_ctz(v))
#define vmi_clz64(v) ((unsigned)__builtin_clzll(v))

/* Square roots; with -fno-math-errno an instruction of the host's. */
#define vmi_sqrt64(v) __builtin_sqrt(v)
#define vmi_sqrt32(v) __builtin_sqrtf(v)

/*
 * Atomic accesses to what C does not call _Atomic: guest memory.  A load and
 * a store are relaxed, a compare-and-swap is sequentially consistent and
 * leaves in *expected what it found.
 */
#define vmi_atomic_load(p)     __atomic_load_n(p, __ATOMIC_RELAXED)
#define vmi_atomic_store(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define vmi_atomic_cas(p, expected, desired)                                   \
	__atomic_compare_exchange_n(p, expected, desired, 0, __ATOMIC_SEQ_CST, \
		__ATOMIC_SEQ_CST)

/*
 * The same of 32 bits.  GCC before 14 compares whole registers on riscv64, of
 * which it extends one and not the other (GCC PR 114130): then a value with
 * bit 31 set never is what was expected.  What is loaded is extended.
 */
static vmi_inline _Bool vmi_atomic_cas32(unsigned *p, unsigned *expected,
	unsigned desired)
{
	volatile unsigned loaded = *expected;
	unsigned seen = loaded;
	_Bool swapped = vmi_atomic_cas(p, &seen, desired);

	*expected = seen;
	return swapped;
}

#define vmi_array_len(a) (sizeof(a) / sizeof((a)[0]))

#endif
