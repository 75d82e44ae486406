#!/bin/sh
# SPDX-License-Identifier: MIT
# What of lib/soft uses lib/sys is compiled with its uses numbered.

. "$srcdir/tests/tap.sh"

listed()
{
	grep -qF "$1" "$srcdir/tests/fault/Makemodule.am"
}

for file in $(cd "$srcdir" && grep -lE \
	'vmi_sys->|vmi_[zc]?alloc(_aligned)?\(|vmi_eventfd_[a-z]+\(' \
	lib/soft/*.c lib/soft/fp/*.c); do
	case_run "$file" listed "$file"
done
case_done
