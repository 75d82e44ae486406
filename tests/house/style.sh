#!/bin/sh
# SPDX-License-Identifier: MIT
# The house rules that a script can see.

. "$srcdir/tests/tap.sh"

cd "$srcdir" || exit 1

# Everything of ours; a build folder inside the sources is not.
find . -type d \( -name .git -o -name 'build*' -o -name _build -o -name _inst \
	-o -name autom4te.cache -o -name .deps -o -name .libs \) \
	-prune -o -type f \
	\( -name '*.[chS]' -o -name '*.def' -o -name '*.sh' -o -name '*.in' \
	-o -name '*.am' -o -name '*.ac' -o -name '*.sym' -o -name '*.ld' \
	-o -name 'vmi-*.m4' -o -name '*.[1-8]' -o -name '*.md' \
	-o -name NEWS -o -name setup -o -path './.ci/*' \
	-o -path './tests/run' -o -path './tests/skips' \
	-o -path './tests/conditions' -o -path './man/names' -o -path './man/links' \) -print |
	grep -vE '/(Makefile|config\.h)\.in$' | sort >"$scratch/files"

all()
{
	cat "$scratch/files"
}

code()
{
	all | grep -E '\.(c|h|S|def|h\.in)$'
}

# Of the files on standard input, the lines that match are faults.
clean_of()
{
	xargs grep -nE "$1" /dev/null && return 1
	return 0
}

# Words that this script has to spell without saying them.
marks()
{
	all | clean_of "\\<(TO""DO|FIX""ME|X""XX)\\>"
}

paths()
{
	all | clean_of '(^|[^A-Za-z0-9_.$}])/(wo''rk|ho''me)/'
}

hosts()
{
	words='x86_64|amd64|i[3-6]?86|aarch64|arm|powerpc|powerpc64|ppc|ppc64'
	words="__($words|s390x?|riscv|BYTE_ORDER__|LP64__|SSE[0-9_]*)"
	words="$words|_M_X64|_M_IX86|__BYTE_ORDER"
	# What guests include looks at theirs.
	code | grep -E '^\./(include|lib/(core|arch|region|chip|soft))/' |
		grep -v '^\./include/vmapi/guest/' |
		clean_of "^[[:space:]]*#[[:space:]]*(if|elif).*$words"
}

licence()
{
	bad=0
	for file in $(all | grep -vE '\.md$|NEWS|libvmapi\.pc\.in'); do
		head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' ||
			{ echo "$file"; bad=1; }
	done
	return "$bad"
}

# The second line of a source says what the file is for.
purpose()
{
	bad=0
	for file in $(all | grep -E '\.[ch]$'); do
		sed -n 2p "$file" | grep -qE '^/\*( [A-Za-z0-9"`'"'"']|$)' ||
			{ echo "$file: no sentence of purpose"; bad=1; }
	done
	return "$bad"
}

long_files()
{
	bad=0
	for file in $(all | grep -E '\.[chS]$|\.sh$|setup$|/run$'); do
		# Tables are excepted: what a recorder wrote is one.
		sed -n 2p "$file" | grep -q '^/\* Written by "' && continue
		lines=$(wc -l <"$file")
		[ "$lines" -le 800 ] ||
			{ echo "$file: $lines lines"; bad=1; }
	done
	return "$bad"
}

# A body is what is between a brace at column 0 and the next one.
long_functions()
{
	for file in $(all | grep -E '\.c$'); do
		awk '
		/^{/ { start = FNR }
		/^}/ && start {
			if (FNR - start - 1 > 80) {
				print FILENAME ":" start ": " \
					FNR - start - 1 " lines"
				bad = 1
			}
			start = 0
		}
		END { exit bad }' "$file" || echo
	done >"$scratch/long"
	cat "$scratch/long"
	[ ! -s "$scratch/long" ]
}

macros()
{
	for file in $(code); do
		awk '
		/^[ \t]*#[ \t]*define/ { text = ""; at = FNR; on = 1 }
		on { text = text " " $0 }
		on && !/\\$/ {
			on = 0
			gsub(/"[^"]*"|\/\*.*\*\//, "", text)
			if (text ~ /[^A-Za-z0-9_](return|goto|continue)[^A-Za-z0-9_]/)
				print FILENAME ":" at ": " text
		}' "$file"
	done >"$scratch/macros"
	cat "$scratch/macros"
	[ ! -s "$scratch/macros" ]
}

# 80 columns, and 110 for tables: only the latter can be told by a script.
wide()
{
	for file in $(all | grep -E '\.(c|h|def|sh|am|ac)$|setup$|/run$'); do
		expand "$file" | awk -v name="$file" '
		length($0) > 110 { print name ":" NR ": " length($0) }'
	done >"$scratch/wide"
	cat "$scratch/wide"
	[ ! -s "$scratch/wide" ]
}

blanks()
{
	all | grep -vE '\.md$' | clean_of '[ 	]+$'
}

gnu()
{
	words='attribute|builtin|asm|typeof|extension|int128|atomic_|sync_'
	code | grep -E '^\./lib/' | grep -v '^\./lib/compiler\.h$' |
		clean_of "__($words)|\\<asm\\>[[:space:]]*(volatile|\\()"
}

case_run "there are files" test -s "$scratch/files"
case_run "licence line at the head" licence
case_run "sentence of purpose under it" purpose
case_run "no unfinished marks" marks
case_run "no path of a build machine" paths
case_run "no #if on the host's architecture" hosts
case_run "GNU extensions only in lib/compiler.h" gnu
case_run "no macro returns or jumps" macros
case_run "files of 800 lines at most" long_files
case_run "functions of 80 lines at most" long_functions
case_run "lines of 110 columns at most" wide
case_run "no blanks at the end of a line" blanks
case_done
