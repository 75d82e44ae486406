# SPDX-License-Identifier: MIT
# A compiler for device programs.

# VMI_PROBE_BPF
#
# BPF_CLANG is a clang that has the target bpfel, or empty: then the example
# programs are not compiled, and the tests that need them skip.
AC_DEFUN([VMI_PROBE_BPF], [
	AC_PATH_PROGS([BPF_CLANG], [clang clang-19 clang-16 clang-14])
	AC_CACHE_CHECK([whether $BPF_CLANG compiles device programs],
		[vmi_cv_bpf_clang], [
		vmi_cv_bpf_clang=no
		echo 'int f(void) { return 0; }' >conftest.c
		test -n "$BPF_CLANG" &&
			"$BPF_CLANG" -target bpfel -O2 -c -o conftest.bpf \
				conftest.c 2>/dev/null &&
			vmi_cv_bpf_clang=yes
		rm -f conftest.c conftest.bpf
	])
	AM_CONDITIONAL([BPF_CLANG], [test $vmi_cv_bpf_clang = yes])
])
