#!/bin/sh
# SPDX-License-Identifier: MIT
# The programs in the EXAMPLES sections of the manual pages compile without a
# warning and run. A program is a literal display that has a main; it exits 0,
# or 77 with a reason where it cannot run.
#
# From make: srcdir, CC, LIBVMAPI_A or LIBVMAPI_SO, VMI_LIBS, VMI_SAN_CFLAGS.

. "$srcdir/tests/tap.sh"

: "${CC:?}"
library=${LIBVMAPI_SO-}
[ -f "$library" ] || library=${LIBVMAPI_A:?}

# Writes the displays of page $1 to $scratch/example.N.c, without mdoc's
# escapes.
extract()
{
	rm -f "$scratch"/example.*
	awk -v base="$scratch/example." '
	/^\.Sh/ { section = /^\.Sh EXAMPLES/ }
	section && /^\.Bd -literal/ { on = 1; n++; file = base n ".c"; next }
	/^\.Ed/ { on = 0 }
	on {
		sub(/^\\&/, "")
		gsub(/\\e/, "\\")
		gsub(/\\(-|&)/, "&")
		gsub(/\\-/, "-")
		gsub(/\\&/, "")
		print >file
	}' "$1"
}

# Flags are lists.
# shellcheck disable=SC2086
build()
{
	$CC -std=c11 -Wall -Wextra -Werror ${VMI_SAN_CFLAGS-} \
		-I"$srcdir/include" -Iinclude -o "${1%.c}" "$1" \
		"$library" ${VMI_LIBS-} ${LIBURING_LIBS-}
}

run()
{
	LD_LIBRARY_PATH=${library%/*} timeout 60 "${1%.c}"
}

try()
{
	case_run "$2 compiles" build "$1"
	[ -x "${1%.c}" ] || return
	run "$1" >"$scratch/said" 2>&1
	status=$?
	if [ $status -eq 77 ]; then
		case_skip "$2 runs" "$(tail -n 1 "$scratch/said")"
	else
		case_run "$2 runs" ended $status
	fi
}

ended()
{
	cat "$scratch/said"
	return "$1"
}

for page in "$srcdir"/man/*.[1-8]; do
	[ -e "$page" ] || continue
	extract "$page"
	for source in "$scratch"/example.*.c; do
		[ -e "$source" ] || continue
		grep -q '^main(\|int main(' "$source" || continue
		number=${source%.c}
		try "$source" "${page##*/} example ${number##*.}"
	done
done
case_run "there are examples" test "$n" -gt 0
case_done
