#!/bin/sh
# SPDX-License-Identifier: MIT
# What the library does beside its system calls: instructions, and how many
# calls there are. callgrind counts both, so this is the same on each run.

if [ "${VMI_SANITIZERS-}" = yes ]; then
	echo "the sanitizers' instructions cannot be told from the library's"
	exit 77
fi
case " ${CFLAGS-} " in
*" -O2 "* | *" -O3 "*) ;;
*)
	echo "the limits are those of an optimized build (-O2)"
	exit 77 ;;
esac
command -v valgrind >/dev/null 2>&1 || {
	echo "there is no valgrind here to count instructions"
	exit 77
}

. "$srcdir/tests/tap.sh"

# The limits are gcc's; of clang 14 the dirty log takes 7823.
case ${CC-} in
*clang*)	percent=120 ;;
*)		percent=100 ;;
esac

# Operation, at most so many instructions, exactly so many ioctls.
limits='
run		400	1
run-steady	200	1
get-one		1000	1
set-one		1700	2
get-all		11200	11
set-all		13600	11
line		700	2
ioeventfd	2200	4
commit		9500	2
dirty		6600	1'

holds() # operation, instructions, ioctls
{
	awk -v name="$1" -v most="$2" -v calls="$3" -v percent=$percent '
	$1 == name {
		print
		good = $2 > 0 && $2 <= most * percent / 100 && $3 == calls
	}
	END { exit !good }' "$scratch/counts"
}

echo "$limits" | sed '/^$/d' >"$scratch/limits"
# The names are a list.
# shellcheck disable=SC2046
sh "$srcdir/bench/count.sh" $(awk '{ print $1 }' "$scratch/limits") \
	>"$scratch/counts" 2>&1
while read -r operation instructions calls; do
	case_run "$operation: at most $instructions instructions" \
		holds "$operation" "$instructions" "$calls"
done <"$scratch/limits"
case_done
