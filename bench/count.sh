#!/bin/sh
# SPDX-License-Identifier: MIT
# Library instructions of operations: bench/count.sh operation...
#
# Each is done a hundred times against the recording kernel of
# bench/overhead under callgrind, which counts what is inside measured() and
# not inside uncounted(), the kernel. What counting itself costs is taken off.
# Prints "operation instructions ioctls" for each.

set -u
times=100

# Names suffice; what a clang says beside them valgrind 3.19 cannot read.
bare=$(mktemp) || exit 1
trap 'rm -f "$bare"' EXIT
strip -g -o "$bare" bench/overhead || exit 1
chmod +x "$bare"

count()
{
	valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		'--toggle-collect=measured*' --toggle-collect=uncounted \
		"$bare" -c $times "$1" 2>&1 | awk -v times=$times '
		/ ioctls$/		{ calls = $(NF - 1) }
		/Collected : [0-9]+$/	{ n = $NF / times }
		END {
			if (!n)
				exit 1
			print n, calls
		}'
}

nothing=$(count nothing) || {
	echo "valgrind cannot run bench/overhead" >&2
	exit 1
}
for operation; do
	echo "$operation $(count "$operation") ${nothing%% *}" |
		awk 'NF == 4 { printf "%s %.0f %d\n", $1, $2 - $4, $3 }'
done
