#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages are clean mdoc, and every page that they cross-refer to
# within the project exists.

if ! command -v mandoc >/dev/null 2>&1; then
	echo "mandoc is not installed"
	exit 77
fi

. "$srcdir/tests/tap.sh"

# A page is found by its file's name and by each NAME.
for page in "$srcdir"/man/*.[1-8]; do
	[ -e "$page" ] || continue
	file=${page##*/}
	{ echo "${file%.*}"; sh "$srcdir/man/names" "$page"; } |
		sed "s/$/ ${page##*.}/"
done >"$scratch/names"

lint()
{
	mandoc -T lint -W warning "$1"
}

spdx()
{
	head -n 2 "$1" | grep -q 'SPDX-License-Identifier: MIT'
}

references()
{
	sed -n 's/^\.[^"]*Xr \(vmapi[a-z0-9_-]* [1-8]\).*/\1/p
		s/^\.[^"]*Xr \(libvmapi [1-8]\).*/\1/p' "$1" |
		sort -u | while read -r name; do
			grep -qx "$name" "$scratch/names" ||
				echo "no page has $name"
		done >"$scratch/missing"
	cat "$scratch/missing"
	[ ! -s "$scratch/missing" ]
}

for page in "$srcdir"/man/*.[1-8]; do
	[ -e "$page" ] || continue
	case_run "${page##*/}: lint" lint "$page"
	case_run "${page##*/}: licence" spdx "$page"
	case_run "${page##*/}: cross references" references "$page"
done
case_run "there are pages" test -s "$scratch/names"
case_done
