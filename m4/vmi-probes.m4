# SPDX-License-Identifier: MIT
# Libraries and backends, and whether the compiler chains handlers.

# VMI_WITH_LIBURING
AC_DEFUN([VMI_WITH_LIBURING], [
	AC_ARG_WITH([liburing], [AS_HELP_STRING([--without-liburing],
		[use poll for the service loop even where liburing exists])],
		[], [with_liburing=check])
	vmi_uring_word="no (--without-liburing)"
	vmi_uring=0
	AS_IF([test "x$with_liburing" != xno], [
		PKG_CHECK_MODULES([LIBURING], [liburing], [
			vmi_uring=1
			vmi_uring_word=yes
		], [
			vmi_uring_word="no (liburing not found)"
			AS_IF([test "x$with_liburing" = xyes], [AC_MSG_ERROR(
[--with-liburing was given, but pkg-config does not find liburing
 (Debian: apt-get install liburing-dev)])])
			AC_MSG_NOTICE(
[liburing not found: the service loop will use poll
 (Debian: apt-get install liburing-dev)])
		])
	])
	AC_DEFINE_UNQUOTED([VMI_URING], [$vmi_uring],
		[1 if liburing is linked])
	AM_CONDITIONAL([URING], [test $vmi_uring = 1])
])

# VMI_WITH_SLIRP
# The example monitor's user networking; the library has no use for it. It is
# linked to find out, not looked up: its .pc file asks for that of GLib, of
# which nothing is needed to compile, and there is no static libslirp.
AC_DEFUN([VMI_WITH_SLIRP], [
	AC_ARG_WITH([slirp], [AS_HELP_STRING([--without-slirp],
		[build the example monitor without --net user])],
		[], [with_slirp=check])
	vmi_slirp=no
	vmi_slirp_word="no (--without-slirp)"
	AS_IF([test "x$with_slirp" != xno], [
		AC_CHECK_HEADER([slirp/libslirp.h], [
			AC_CHECK_LIB([slirp], [slirp_new], [vmi_slirp=yes])
		])
		vmi_slirp_word=$vmi_slirp
		AS_IF([test $vmi_slirp = no], [
			vmi_slirp_word="no (libslirp not found)"
			AS_IF([test "x$with_slirp" = xyes], [AC_MSG_ERROR(
[--with-slirp was given, but libslirp does not compile or link
 (Debian: apt-get install libslirp-dev)])])
			AC_MSG_NOTICE(
[libslirp not found: the example monitor has no --net user
 (Debian: apt-get install libslirp-dev)])
		])
	])
	AS_IF([test $vmi_slirp = yes], [SLIRP_LIBS=-lslirp])
	AC_SUBST([SLIRP_LIBS])
	AM_CONDITIONAL([SLIRP], [test $vmi_slirp = yes])
])

# VMI_WITH_CHECK
# Check runs the unit tests; everything else has a runner of its own.
AC_DEFUN([VMI_WITH_CHECK], [
	AC_ARG_WITH([check], [AS_HELP_STRING([--without-check],
		[leave out the unit tests, which need the Check library])],
		[], [with_check=check])
	vmi_check=no
	vmi_check_word="no (--without-check)"
	AS_IF([test "x$with_check" != xno], [
		PKG_CHECK_MODULES([CHECK], [check >= 0.11], [
			vmi_check=yes
			vmi_check_word=yes
		], [
			vmi_check_word="no (Check not found)"
			AS_IF([test "x$with_check" = xyes], [AC_MSG_ERROR(
[--with-check was given, but pkg-config does not find check
 (Debian: apt-get install check)])])
			AC_MSG_NOTICE(
[Check not found: the unit tests are left out
 (Debian: apt-get install check)])
		])
	])
	AM_CONDITIONAL([CHECK], [test $vmi_check = yes])
])

# VMI_TEST_LIBS
# What some tests compare the library with: disassemblers for the decoder,
# MPFR for the transcendental functions. distorm3 has no .pc file.
AC_DEFUN([VMI_TEST_LIBS], [
	vmi_oracles=no
	vmi_mpfr=no
	AS_IF([test "x$cross_compiling" != xyes], [
		PKG_CHECK_MODULES([CAPSTONE], [capstone], [
			AC_CHECK_HEADER([distorm3/distorm.h], [
				AC_CHECK_LIB([distorm3],
					[distorm_version], [vmi_oracles=yes])
			])
		], [:])
		PKG_CHECK_MODULES([MPFR], [mpfr], [vmi_mpfr=yes], [:])
	])
	AC_SUBST([VMI_ORACLES], [$vmi_oracles])
	AC_SUBST([VMI_MPFR], [$vmi_mpfr])
	AM_CONDITIONAL([ORACLES], [test $vmi_oracles = yes])
	AM_CONDITIONAL([MPFR], [test $vmi_mpfr = yes])
	AS_IF([test "$vmi_oracles$vmi_mpfr" != yesyes], [AC_MSG_NOTICE(
[some tests are left out: decoder against others $vmi_oracles, MPFR $vmi_mpfr
 (Debian: apt-get install libcapstone-dev libdistorm3-dev libmpfr-dev)])])
])

# VMI_ATOMICS
# Where the compiler has no instruction for an atomic access of one or two
# bytes (GCC 12 on riscv64), it calls libatomic.
AC_DEFUN([VMI_ATOMICS], [
	vmi_save_LIBS=$LIBS
	vmi_save_CFLAGS=$CFLAGS
	AC_CACHE_CHECK([for the library of atomics], [vmi_cv_atomics], [
		vmi_cv_atomics=no
		for lib in '' -latomic; do
			LIBS="$vmi_save_LIBS $lib"
			AC_LINK_IFELSE([_VMI_ATOMICS_PROGRAM], [
				vmi_cv_atomics=${lib:-none}
				break
			])
		done
	])
	LIBS=$vmi_save_LIBS
	CFLAGS=$vmi_save_CFLAGS
	AS_CASE([$vmi_cv_atomics],
		[no], [AC_MSG_ERROR([no atomic accesses of 1 to 8 bytes])],
		[-l*], [VMI_LIBS="$VMI_LIBS $vmi_cv_atomics"])
])

AC_DEFUN([_VMI_ATOMICS_PROGRAM], [AC_LANG_PROGRAM([[
#include <stdint.h>

struct all {
	uint8_t b;
	uint16_t w;
	uint32_t d;
	uint64_t q;
};

static int swap(struct all *a, struct all *x)
{
	return __atomic_compare_exchange_n(&a->b, &x->b, 1, 0, 5, 5) +
		__atomic_compare_exchange_n(&a->w, &x->w, 1, 0, 5, 5) +
		__atomic_compare_exchange_n(&a->d, &x->d, 1, 0, 5, 5) +
		__atomic_compare_exchange_n(&a->q, &x->q, 1, 0, 5, 5);
}
]], [[
	struct all a = { 0 }, x = { 0 };
	return swap(&a, &x) != 4;
]])])

# VMI_THREADS
AC_DEFUN([VMI_THREADS], [
	vmi_save_LIBS=$LIBS
	AC_SEARCH_LIBS([pthread_create], [pthread], [], [AC_MSG_ERROR(
		[no pthread_create: libvmapi needs POSIX threads])])
	AS_CASE([$ac_cv_search_pthread_create],
		[-l*], [VMI_LIBS="$ac_cv_search_pthread_create"])
	LIBS=$vmi_save_LIBS
	AC_SUBST([VMI_LIBS])
])

# VMI_BACKENDS
# The software processor is always there. A KVM backend exists for the
# architectures that have a folder under lib/kvm.
AC_DEFUN([VMI_BACKENDS], [
	vmi_kvm=1
	AS_CASE([$host],
		[x86_64-*-linux*], [vmi_kvm_arch=x86],
		[aarch64-*-linux*], [vmi_kvm_arch=arm64],
		[powerpc64*-*-linux*], [vmi_kvm_arch=ppc],
		[riscv64*-*-linux*], [vmi_kvm_arch=riscv],
		[s390x-*-linux*], [vmi_kvm_arch=s390],
		[
			vmi_kvm=0
			vmi_kvm_arch="none for $host_cpu"
		])
	AC_DEFINE_UNQUOTED([VMI_KVM], [$vmi_kvm],
		[1 if the KVM backend is built])
	AC_SUBST([VMI_KVM_ARCH], [$vmi_kvm_arch])
	AM_CONDITIONAL([KVM], [test $vmi_kvm = 1])
	AM_CONDITIONAL([KVM_X86], [test "x$vmi_kvm_arch" = xx86])
	AM_CONDITIONAL([KVM_ARM64], [test "x$vmi_kvm_arch" = xarm64])
	AM_CONDITIONAL([KVM_PPC], [test "x$vmi_kvm_arch" = xppc])
	AM_CONDITIONAL([KVM_RISCV], [test "x$vmi_kvm_arch" = xriscv])
	AM_CONDITIONAL([KVM_S390], [test "x$vmi_kvm_arch" = xs390])
	AM_CONDITIONAL([KVM_OTHER],
		[test $vmi_kvm = 1 && test "x$vmi_kvm_arch" != xx86])
])
