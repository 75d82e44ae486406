#!/bin/sh
# SPDX-License-Identifier: MIT
# Every shell script of the tree is POSIX sh in shellcheck's eyes.

if ! command -v shellcheck >/dev/null 2>&1; then
	echo "shellcheck is not installed"
	exit 77
fi

. "$srcdir/tests/tap.sh"

cd "$srcdir" || exit 1
for script in setup .ci/run examples/boot/dhcp examples/boot/init \
	tests/run tests/conditions tests/fetch tests/cross/run man/links man/names \
	$(find tests examples bench -name '*.sh' | sort); do
	case_run "$script" shellcheck -s sh "$script"
done
case_done
