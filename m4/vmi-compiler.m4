# SPDX-License-Identifier: MIT
# The compiler: language level, warnings, sanitizers, floating point.

# VMI_COMPILER
# C11 with the extensions that lib/compiler.h wraps, and hidden visibility.
AC_DEFUN([VMI_COMPILER], [
	AX_VMI_FLAG([-std=gnu11], [VMI_CFLAGS])
	AX_VMI_FLAG([-fvisibility=hidden], [VMI_CFLAGS])
	AC_SUBST([VMI_CFLAGS])
])

# AX_VMI_FLAG(FLAG, VARIABLE)
# Adds FLAG to VARIABLE if the compiler takes it without a word.
AC_DEFUN([AX_VMI_FLAG], [
	AS_VAR_PUSHDEF([cache], [vmi_cv_flag_$1])
	AC_CACHE_CHECK([whether $CC takes $1], [cache], [
		vmi_save_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS -Werror $1"
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
			[AS_VAR_SET([cache], [yes])],
			[AS_VAR_SET([cache], [no])])
		CFLAGS=$vmi_save_CFLAGS
	])
	AS_VAR_IF([cache], [yes], [AS_VAR_APPEND([$2], [" $1"])])
	AS_VAR_POPDEF([cache])
])

# VMI_WARNINGS
# The warnings are always on; they are errors only with --enable-werror.
AC_DEFUN([VMI_WARNINGS], [
	for flag in -Wall -Wextra -Wshadow -Wstrict-prototypes \
		-Wmissing-prototypes
	do
		AX_VMI_FLAG([$flag], [VMI_WARN_CFLAGS])
	done
	AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror],
		[make every compiler warning an error])])
	AS_IF([test "x$enable_werror" = xyes],
		[AS_VAR_APPEND([VMI_WARN_CFLAGS], [" -Werror"])])
	AC_SUBST([VMI_WARN_CFLAGS])
])

# VMI_SANITIZERS
# AddressSanitizer and UndefinedBehaviorSanitizer, the latter fatal.
AC_DEFUN([VMI_SANITIZERS], [
	AC_ARG_ENABLE([sanitizers], [AS_HELP_STRING([--enable-sanitizers],
		[build everything with ASan and UBSan])])
	AS_IF([test "x$enable_sanitizers" != xyes], [enable_sanitizers=no])
	vmi_sanitizers=no
	AS_IF([test "x$enable_sanitizers" = xyes], [
		vmi_sanitizers="address, undefined"
		VMI_SAN_CFLAGS="-fsanitize=address,undefined \
-fno-sanitize-recover=undefined -fno-omit-frame-pointer"
		VMI_SAN_LDFLAGS="-fsanitize=address,undefined"
	])
	AC_SUBST([VMI_SAN_CFLAGS])
	AC_SUBST([VMI_SAN_LDFLAGS])
	AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" = xyes])
])

# VMI_HANDLER_FLAGS
# A handler ends with a jump to where the next operation points. gcc merges the
# address of that operation into the load, and needs two instructions more: a
# fifth of most handlers. Vector registers are 16 bytes that go by halves: to
# load at once what was stored by halves waits for both stores.
AC_DEFUN([VMI_HANDLER_FLAGS], [
	AX_VMI_FLAG([-fno-tree-slp-vectorize], [VMI_HANDLER_CFLAGS])
	AX_VMI_FLAG([-fno-forward-propagate], [VMI_HANDLER_CFLAGS])
	AC_SUBST([VMI_HANDLER_CFLAGS])
])

# VMI_FP_FLAGS
# lib/soft computes with host floating point where the host rounds to nearest,
# and looks whether it does: so no folding that assumes it.  Every host must
# give the same bits: so no fused multiply-add behind our back (GCC's default
# where the host has one).  A square root is no call for errno.
AC_DEFUN([VMI_FP_FLAGS], [
	AX_VMI_FLAG([-fno-math-errno], [VMI_FP_CFLAGS])
	AX_VMI_FLAG([-ffp-contract=off], [VMI_FP_CFLAGS])
	AX_VMI_FLAG([-frounding-math], [VMI_FP_CFLAGS])
	AC_SUBST([VMI_FP_CFLAGS])
])
