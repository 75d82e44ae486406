#!/bin/sh
# SPDX-License-Identifier: MIT
# What the headers declare, what the version map names, what the library
# exports and what the manual pages are about is the same list of functions.
# And the library asks the host for nothing that DESIGN forbids.
#
# From make: srcdir, VMAPI_HEADERS, LIBVMAPI_SO, LIBVMAPI_A, NM.

if [ "${VMI_SHARED-}" != yes ]; then
	echo "no shared library in this build"
	exit 77
fi

. "$srcdir/tests/tap.sh"

: "${VMAPI_HEADERS:?} ${LIBVMAPI_SO:?} ${NM:?}"
# NM is a command with its flags.
# shellcheck disable=SC2086

# A library that never ends the process, prints or takes a signal has no use
# for these. (assert is allowed, for invariants of our own.)
forbidden='abort|exit|_exit|_Exit|quick_exit|exit_group|printf|vprintf|puts'
forbidden="$forbidden|putchar|perror|psignal|__printf_chk|__vprintf_chk|err"
forbidden="$forbidden|errx|warn|warnx|signal|__sysv_signal|bsd_signal"
forbidden="$forbidden|sigaction|__sigaction|sigset|siginterrupt"

# Each declaration as one line, without comments, preprocessor lines and
# bodies; then the name before the first parenthesis.
declared()
{
	for header in $VMAPI_HEADERS; do
		file=$header
		[ -f "$file" ] || file=$srcdir/$header
		cat "$file"
	done | awk '
	/\\$/ && define { next }
	/^[ \t]*#/ { define = /\\$/; next }
	{ define = 0; text = text " " $0 }
	END {
		while (i = index(text, "/*")) {
			j = index(substr(text, i + 2), "*/")
			if (!j)
				break
			text = substr(text, 1, i - 1) " " \
				substr(text, i + j + 3)
		}
		n = split(text, part, /[;{}]/)
		for (i = 1; i <= n; i++) {
			if (part[i] !~ /VMAPI_API/)
				continue
			sub(/^.*VMAPI_API/, "", part[i])
			if (match(part[i], /vmapi_[a-z0-9_]+[ \t]*\(/)) {
				name = substr(part[i], RSTART, RLENGTH)
				sub(/[ \t]*\($/, "", name)
				print name
			} else {
				print "unreadable:" part[i]
			}
		}
	}' | sort
}

# A prototype that forgot VMAPI_API would be missing from the library.
undeclared()
{
	for header in $VMAPI_HEADERS; do
		file=$header
		[ -f "$file" ] || file=$srcdir/$header
		grep -nE '^[a-z].*[ *]vmapi_[a-z0-9_]+\(' "$file" |
			grep -v VMAPI_API |
			grep -vE '^[0-9]*:(static inline|typedef) '
	done
}

mapped()
{
	awk '
	{ gsub(/\/\*[^*]*\*\//, "") }
	/global:/ { on = 1; next }
	/local:|}/ { on = 0 }
	on { gsub(/[ \t;]/, ""); if ($0) print }' \
		"$srcdir/lib/libvmapi.sym" | sort
}

exported()
{
	$NM -D --defined-only "$LIBVMAPI_SO" |
		awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort
}

documented()
{
	for page in "$srcdir"/man/*.3; do
		[ ! -e "$page" ] || sh "$srcdir/man/names" "$page"
	done | grep '^vmapi_' | sort
}

same()
{
	diff "$scratch/$1" "$scratch/$2" >"$scratch/diff" && return
	sed -n "s/^< \(.*\)/\1: only $1/p; s/^> \(.*\)/\1: only $2/p" \
		"$scratch/diff"
	return 1
}

# Each struct in the files, its fields on one line and without comments.
structs()
{
	awk '{ gsub(/\\e/, "\\"); gsub(/\\[&-]/, ""); text = text " " $0 }
	END {
		gsub(/\/\*[^*]*(\*[^\/][^*]*)*\*\//, "", text)
		while (match(text, /struct vmapi_[a-z0-9_]+ \{[^{}]*\}/)) {
			s = substr(text, RSTART, RLENGTH)
			text = substr(text, RSTART + RLENGTH)
			gsub(/[ \t]+/, " ", s)
			print s
		}
	}' "$@" | sort -u
}

shown()
{
	for page in "$srcdir"/man/*.[37]; do
		structs "$page"
	done | sort -u
}

# Global names of the archive clash with nothing of the application's.
prefixed()
{
	$NM -g --defined-only "$LIBVMAPI_A" |
		awk 'NF == 3 && $3 !~ /^(vmapi|vmi|__odr_asan[._a-z]*vmi)_/ {
			print $3; bad = 1 } END { exit bad }'
}

well_behaved()
{
	$NM -D --undefined-only "$LIBVMAPI_SO" |
		awk '{ sub(/@.*/, "", $NF); print $NF }' |
		grep -xE "$forbidden" && return 1
	return 0
}

none()
{
	"$@" >"$scratch/none"
	[ ! -s "$scratch/none" ] || { cat "$scratch/none"; return 1; }
}

for list in declared mapped exported documented shown; do
	$list >"$scratch/$list"
done
structs "$srcdir"/include/vmapi/*.h "$srcdir"/include/vmapi/bpf/*.h \
	>"$scratch/structs"

case_run "something is exported" test -s "$scratch/exported"
case_run "every prototype has VMAPI_API" none undeclared
case_run "headers and version map" same declared mapped
case_run "version map and exported symbols" same mapped exported
case_run "exported symbols and manual pages" same exported documented
case_run "nothing is declared twice" none uniq -d "$scratch/declared"
case_run "structs of headers and of manual pages" same structs shown
case_run "nothing is documented twice" none uniq -d "$scratch/documented"
[ ! -f "${LIBVMAPI_A-}" ] ||
	case_run "archive's names begin with vmapi_ or vmi_" prefixed
case_run "no call that ends, prints or takes signals" well_behaved
case_done
