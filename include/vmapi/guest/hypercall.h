/* SPDX-License-Identifier: MIT */
/* What a guest includes to find the hypervisor's calls, and to make them. */
#ifndef VMAPI_GUEST_HYPERCALL_H
#define VMAPI_GUEST_HYPERCALL_H

/*
 * Freestanding C for x86-64, arm64, ppc64, s390x and riscv64; no library is
 * needed.  vmapi_hypercall(7) teaches it.
 *
 *	struct vmapi_guest_calls calls;
 *	struct vmapi_guest_args args = { { first, second } };
 *
 *	if (vmapi_guest_find(&calls))
 *		result = vmapi_guest_call(&calls, 3, &args);
 */
#include <vmapi/guest/calls.h>

typedef __UINT8_TYPE__ vmapi_guest_u8;
typedef __UINT32_TYPE__ vmapi_guest_u32;
typedef __UINT64_TYPE__ vmapi_guest_u64;
typedef __INT64_TYPE__ vmapi_guest_s64;

/* How to call, chosen of what there is. */
struct vmapi_guest_calls {
	vmapi_guest_u32 ways; /* that the hypervisor has */
	vmapi_guest_u32 way;  /* the one in use; 0: none */
	vmapi_guest_u32 port;
	vmapi_guest_u32 zero;
	vmapi_guest_u64 page_gpa;
	/* Where the guest has mapped the page, uncached: it fills this in. */
	volatile vmapi_guest_u32 *page;
};

/* Arguments; after the call what came back in their registers. */
struct vmapi_guest_args {
	vmapi_guest_u64 word[VMAPI_CALL_ARGS];
};

/* -- Of each architecture ----------------------------------------------- */

/*
 * VMAPI_GUEST_ORDER: the ways that this architecture has, best first.
 * VMAPI_GUEST_NUMBER: what goes into the number's register.
 *
 * vmapi_guest_raw() makes the call by calls->way: the number in its register,
 * nine words in theirs, the result returned and the words overwritten by what
 * came back.  All ways have the same registers.
 */
#if defined(__x86_64__)

#define VMAPI_GUEST_ORDER                                                      \
	VMAPI_CALL_VMCALL, VMAPI_CALL_VMMCALL, VMAPI_CALL_PORT,                \
		VMAPI_CALL_PAGE
#define VMAPI_GUEST_NUMBER(call) (VMAPI_CALL_X86 + (call))

#define VMAPI_GUEST_MAKE(instruction)                                          \
	__asm__ volatile(instruction                                           \
		: "+a"(result), "+b"(w[0]), "+c"(w[1]), "+S"(w[2]),            \
		"+D"(w[3]), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r11),          \
		"+r"(r12)                                                      \
		: "d"(calls->port), "r"(page)                                  \
		: "memory", "cc")

static inline vmapi_guest_u64 vmapi_guest_raw(
	const struct vmapi_guest_calls *calls, vmapi_guest_u64 number,
	vmapi_guest_u64 *w)
{
	register vmapi_guest_u64 r8 __asm__("r8") = w[4];
	register vmapi_guest_u64 r9 __asm__("r9") = w[5];
	register vmapi_guest_u64 r10 __asm__("r10") = w[6];
	register vmapi_guest_u64 r11 __asm__("r11") = w[7];
	register vmapi_guest_u64 r12 __asm__("r12") = w[8];
	register volatile vmapi_guest_u32 *page __asm__("r13") = calls->page;
	vmapi_guest_u64 result = number;

	switch (calls->way) {
	case VMAPI_CALL_VMCALL: VMAPI_GUEST_MAKE("vmcall"); break;
	case VMAPI_CALL_VMMCALL: VMAPI_GUEST_MAKE("vmmcall"); break;
	case VMAPI_CALL_PORT: VMAPI_GUEST_MAKE("outl %%eax, %%dx"); break;
	default: VMAPI_GUEST_MAKE("movl %%eax, (%11)"); break;
	}
	w[4] = r8;
	w[5] = r9;
	w[6] = r10;
	w[7] = r11;
	w[8] = r12;
	return result;
}

#elif defined(__aarch64__)

#define VMAPI_GUEST_ORDER	 VMAPI_CALL_HVC, VMAPI_CALL_PAGE
#define VMAPI_GUEST_NUMBER(call) (VMAPI_CALL_ARM64 + (call))

/* By SMCCC 1.2 registers from x4 on may be lost where they are no results. */
#define VMAPI_GUEST_MAKE(instruction)                                          \
	__asm__ volatile(instruction                                           \
		: "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5),  \
		"+r"(x6), "+r"(x7), "+r"(x8), "+r"(x9)                         \
		: [page] "r"(page)                                             \
		: "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",      \
		"memory", "cc")

static inline vmapi_guest_u64 vmapi_guest_raw(
	const struct vmapi_guest_calls *calls, vmapi_guest_u64 number,
	vmapi_guest_u64 *w)
{
	register vmapi_guest_u64 x0 __asm__("x0") = number;
	register vmapi_guest_u64 x1 __asm__("x1") = w[0];
	register vmapi_guest_u64 x2 __asm__("x2") = w[1];
	register vmapi_guest_u64 x3 __asm__("x3") = w[2];
	register vmapi_guest_u64 x4 __asm__("x4") = w[3];
	register vmapi_guest_u64 x5 __asm__("x5") = w[4];
	register vmapi_guest_u64 x6 __asm__("x6") = w[5];
	register vmapi_guest_u64 x7 __asm__("x7") = w[6];
	register vmapi_guest_u64 x8 __asm__("x8") = w[7];
	register vmapi_guest_u64 x9 __asm__("x9") = w[8];
	register volatile vmapi_guest_u32 *page __asm__("x20") = calls->page;

	if (calls->way == VMAPI_CALL_HVC)
		VMAPI_GUEST_MAKE("hvc #0");
	else
		VMAPI_GUEST_MAKE("str w0, [%[page]]");
	w[0] = x1;
	w[1] = x2;
	w[2] = x3;
	w[3] = x4;
	w[4] = x5;
	w[5] = x6;
	w[6] = x7;
	w[7] = x8;
	w[8] = x9;
	return x0;
}

#elif defined(__powerpc64__)

#define VMAPI_GUEST_ORDER VMAPI_CALL_SC, VMAPI_CALL_PAGE
#define VMAPI_GUEST_NUMBER(call)                                               \
	(VMAPI_CALL_PPC + VMAPI_CALL_PPC_STEP * (call))

/* PAPR 14.5.1: what a call may change beside r3 to r12. */
#define VMAPI_GUEST_MAKE(instruction)                                          \
	__asm__ volatile(instruction                                           \
		: "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8),  \
		"+r"(r9), "+r"(r10), "+r"(r11), "+r"(r12)                      \
		: [page] "r"(page)                                             \
		: "r0", "ctr", "xer", "cr0", "cr1", "cr5", "cr6", "cr7",       \
		"memory")

static inline vmapi_guest_u64 vmapi_guest_raw(
	const struct vmapi_guest_calls *calls, vmapi_guest_u64 number,
	vmapi_guest_u64 *w)
{
	register vmapi_guest_u64 r3 __asm__("r3") = number;
	register vmapi_guest_u64 r4 __asm__("r4") = w[0];
	register vmapi_guest_u64 r5 __asm__("r5") = w[1];
	register vmapi_guest_u64 r6 __asm__("r6") = w[2];
	register vmapi_guest_u64 r7 __asm__("r7") = w[3];
	register vmapi_guest_u64 r8 __asm__("r8") = w[4];
	register vmapi_guest_u64 r9 __asm__("r9") = w[5];
	register vmapi_guest_u64 r10 __asm__("r10") = w[6];
	register vmapi_guest_u64 r11 __asm__("r11") = w[7];
	register vmapi_guest_u64 r12 __asm__("r12") = w[8];
	register volatile vmapi_guest_u32 *page __asm__("r20") = calls->page;

	if (calls->way == VMAPI_CALL_SC)
		VMAPI_GUEST_MAKE(".long 0x44000022"); /* sc 1 */
	else
		VMAPI_GUEST_MAKE("stw 3, 0(%[page])");
	w[0] = r4;
	w[1] = r5;
	w[2] = r6;
	w[3] = r7;
	w[4] = r8;
	w[5] = r9;
	w[6] = r10;
	w[7] = r11;
	w[8] = r12;
	return r3;
}

#elif defined(__s390x__)

#define VMAPI_GUEST_ORDER	 VMAPI_CALL_DIAG
#define VMAPI_GUEST_NUMBER(call) (VMAPI_CALL_S390 + (call))

/* The result is where the first argument was, and none comes back there. */
static inline vmapi_guest_u64 vmapi_guest_raw(
	const struct vmapi_guest_calls *calls, vmapi_guest_u64 number,
	vmapi_guest_u64 *w)
{
	register vmapi_guest_u64 r1 __asm__("1") = number;
	register vmapi_guest_u64 r2 __asm__("2") = w[0];
	register vmapi_guest_u64 r3 __asm__("3") = w[1];
	register vmapi_guest_u64 r4 __asm__("4") = w[2];
	register vmapi_guest_u64 r5 __asm__("5") = w[3];
	register vmapi_guest_u64 r6 __asm__("6") = w[4];
	register vmapi_guest_u64 r7 __asm__("7") = w[5];
	register vmapi_guest_u64 r8 __asm__("8") = w[6];
	register vmapi_guest_u64 r9 __asm__("9") = w[7];
	register vmapi_guest_u64 r10 __asm__("10") = w[8];

	(void)calls;
	__asm__ volatile("diag 2, 4, 0x500"
		: "+d"(r2), "+d"(r3), "+d"(r4), "+d"(r5), "+d"(r6), "+d"(r7),
		"+d"(r8), "+d"(r9), "+d"(r10)
		: "d"(r1)
		: "memory", "cc");
	w[0] = r3;
	w[1] = r4;
	w[2] = r5;
	w[3] = r6;
	w[4] = r7;
	w[5] = r8;
	w[6] = r9;
	w[7] = r10;
	w[8] = 0;
	return r2;
}

#elif defined(__riscv) && __riscv_xlen == 64

#define VMAPI_GUEST_ORDER	 VMAPI_CALL_ECALL, VMAPI_CALL_PAGE
#define VMAPI_GUEST_NUMBER(call) (call)

#define VMAPI_GUEST_MAKE(instruction)                                          \
	__asm__ volatile(instruction                                           \
		: "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5),  \
		"+r"(t0), "+r"(t1), "+r"(t2)                                   \
		: "r"(a6), "r"(a7), [page] "r"(page)                           \
		: "memory")

/* The result is where the first argument was, and none comes back there. */
static inline vmapi_guest_u64 vmapi_guest_raw(
	const struct vmapi_guest_calls *calls, vmapi_guest_u64 number,
	vmapi_guest_u64 *w)
{
	register vmapi_guest_u64 a0 __asm__("a0") = w[0];
	register vmapi_guest_u64 a1 __asm__("a1") = w[1];
	register vmapi_guest_u64 a2 __asm__("a2") = w[2];
	register vmapi_guest_u64 a3 __asm__("a3") = w[3];
	register vmapi_guest_u64 a4 __asm__("a4") = w[4];
	register vmapi_guest_u64 a5 __asm__("a5") = w[5];
	register vmapi_guest_u64 t0 __asm__("t0") = w[6];
	register vmapi_guest_u64 t1 __asm__("t1") = w[7];
	register vmapi_guest_u64 t2 __asm__("t2") = w[8];
	register vmapi_guest_u64 a6 __asm__("a6") = number;
	register vmapi_guest_u64 a7 __asm__("a7") = VMAPI_CALL_RISCV;
	register volatile vmapi_guest_u32 *page __asm__("s4") = calls->page;

	if (calls->way == VMAPI_CALL_ECALL)
		VMAPI_GUEST_MAKE("ecall");
	else
		VMAPI_GUEST_MAKE("sw a6, 0(%[page])");
	w[0] = a1;
	w[1] = a2;
	w[2] = a3;
	w[3] = a4;
	w[4] = a5;
	w[5] = t0;
	w[6] = t1;
	w[7] = t2;
	w[8] = 0;
	return a0;
}

#else
#error "vmapi: calls are for x86-64, arm64, ppc64, s390x and riscv64"
#endif

/* -- Finding them ------------------------------------------------------- */

/*
 * Choose the best of the ways; the page only where it is mapped.  Again after
 * calls->page was filled in.  0: there is none.
 */
static inline int vmapi_guest_choose(struct vmapi_guest_calls *calls)
{
	static const vmapi_guest_u32 order[] = { VMAPI_GUEST_ORDER };
	vmapi_guest_u32 ways = calls->ways;
	unsigned i;

	if (!calls->page)
		ways &= ~VMAPI_CALL_PAGE;
	calls->way = 0;
	for (i = 0; i < sizeof(order) / sizeof(order[0]) && !calls->way; i++)
		calls->way = ways & order[i];
	return calls->way != 0;
}

static inline vmapi_guest_u64 vmapi_guest_load(
	const volatile vmapi_guest_u8 *from, unsigned bytes)
{
	vmapi_guest_u64 value = 0;

	while (bytes--)
		value = value << 8 | from[bytes];
	return value;
}

/*
 * By a descriptor of VMAPI_CALLS_BYTES bytes.  0: it is none, or no way is
 * there yet (calls->ways says whether the page is worth mapping).
 */
static inline int vmapi_guest_parse(
	struct vmapi_guest_calls *calls, const volatile void *descriptor)
{
	static const char magic[] = VMAPI_CALLS_MAGIC_BYTES;
	const volatile vmapi_guest_u8 *from =
		(const volatile vmapi_guest_u8 *)descriptor;
	unsigned i;

	calls->ways = calls->way = calls->port = calls->zero = 0;
	calls->page_gpa = 0;
	calls->page = (volatile vmapi_guest_u32 *)0;
	for (i = 0; i < 8; i++)
		if (from[VMAPI_CALLS_MAGIC + i] != (vmapi_guest_u8)magic[i])
			return 0;
	if (vmapi_guest_load(from + VMAPI_CALLS_VERSION, 4) !=
		VMAPI_CALL_VERSION_1)
		return 0;
	calls->ways = (vmapi_guest_u32)vmapi_guest_load(
		from + VMAPI_CALLS_WAYS, 4);
	calls->port = (vmapi_guest_u32)vmapi_guest_load(
		from + VMAPI_CALLS_PORT, 4);
	calls->page_gpa = vmapi_guest_load(from + VMAPI_CALLS_PAGE, 8);
	return vmapi_guest_choose(calls);
}

#if defined(__x86_64__)

static inline void vmapi_guest_cpuid(vmapi_guest_u32 leaf, vmapi_guest_u32 *r)
{
	__asm__ volatile("cpuid"
		: "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
		: "a"(leaf), "c"(0));
}

/* The same by CPUID. */
static inline int vmapi_guest_find(struct vmapi_guest_calls *calls)
{
	vmapi_guest_u32 r[4], leaf;

	calls->ways = calls->way = calls->port = calls->zero = 0;
	calls->page_gpa = 0;
	calls->page = (volatile vmapi_guest_u32 *)0;
	vmapi_guest_cpuid(1, r);
	if (!(r[2] >> 31)) /* no hypervisor */
		return 0;
	for (leaf = VMAPI_CALLS_LEAF_FIRST; leaf <= VMAPI_CALLS_LEAF_LAST;
		leaf += VMAPI_CALLS_LEAF_STEP) {
		vmapi_guest_cpuid(leaf, r);
		if (r[1] != VMAPI_CALLS_LEAF_EBX ||
			r[2] != VMAPI_CALLS_LEAF_ECX ||
			r[3] != VMAPI_CALLS_LEAF_EDX)
			continue;
		vmapi_guest_cpuid(leaf + 1, r);
		calls->ways = r[0];
		calls->port = r[1];
		calls->page_gpa = (vmapi_guest_u64)r[3] << 32 | r[2];
		return vmapi_guest_choose(calls);
	}
	return 0;
}

#endif

/* -- Calls -------------------------------------------------------------- */

/* Call `call` of the application's, or of the library's. */
static inline vmapi_guest_u64 vmapi_guest_call(
	const struct vmapi_guest_calls *calls, unsigned call,
	struct vmapi_guest_args *args)
{
	return vmapi_guest_raw(calls, VMAPI_GUEST_NUMBER(call), args->word);
}

/*
 * Accesses of 1, 2, 4 or 8 bytes to a device at a guest-physical address, by
 * a call.  1: so it is to be done there; ask once for each range.
 */
static inline int vmapi_guest_prefers(const struct vmapi_guest_calls *calls,
	vmapi_guest_u64 gpa, unsigned bytes)
{
	struct vmapi_guest_args args = { { gpa, bytes } };

	return calls->way &&
		vmapi_guest_call(calls, VMAPI_CALL_PREFERS, &args) == 1;
}

/* 0: it was not answered, and nothing was done: make the access itself. */
static inline int vmapi_guest_read(const struct vmapi_guest_calls *calls,
	vmapi_guest_u64 gpa, unsigned bytes, vmapi_guest_u64 *value)
{
	struct vmapi_guest_args args = { { gpa, bytes } };

	if (vmapi_guest_call(calls, VMAPI_CALL_READ, &args))
		return 0;
	*value = args.word[0];
	return 1;
}

static inline int vmapi_guest_write(const struct vmapi_guest_calls *calls,
	vmapi_guest_u64 gpa, unsigned bytes, vmapi_guest_u64 value)
{
	struct vmapi_guest_args args = { { gpa, bytes, value } };

	return !vmapi_guest_call(calls, VMAPI_CALL_WRITE, &args);
}

#endif
