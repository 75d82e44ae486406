#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header compiles alone, as strict C99 and as C++11; all of them
# are installed; none of them looks at the host.
#
# From make: srcdir, VMAPI_HEADERS (the installed ones), CC, CXX.

. "$srcdir/tests/tap.sh"

: "${VMAPI_HEADERS:?} ${CC:?}"
CXX=${CXX-}
# As an application has it: nothing of ours but the include path.
flags="-I$srcdir/include -Iinclude -Wall -Wextra -Werror -fsyntax-only"

# Twice, so that the include guard is tested too.
alone()
{
	{
		printf '#include <%s>\n' "$2" "$2"
		echo 'extern int not_empty;'
	} >"$scratch/alone.$1"
	shift 2
	# CC and the flags are lists, and so is what is passed of them.
	# shellcheck disable=SC2086,SC2048
	$* $flags "$scratch"/alone.c*
}

compile_c()
{
	rm -f "$scratch"/alone.*
	alone c "$1" "$CC" -std=c99 -pedantic-errors -Wstrict-prototypes
}

compile_cxx()
{
	rm -f "$scratch"/alone.*
	alone cc "$1" "$CXX" -std=c++11 -pedantic-errors
}

# A header that exists and is not installed.
listed()
{
	for file in "$srcdir"/include/vmapi/*.h \
		"$srcdir"/include/vmapi/*/*.h include/vmapi/*.h; do
		[ -e "$file" ] || continue
		case " $VMAPI_HEADERS " in
		*"include/vmapi/${file##*include/vmapi/} "*) ;;
		*) echo "$file is not in include/vmapi/Makemodule.am"
			return 1 ;;
		esac
	done
}

no_host()
{
	for header in $VMAPI_HEADERS; do
		file=$header
		[ -f "$file" ] || file=$srcdir/$header
		grep -nE '#[[:space:]]*include[[:space:]]*<(linux|asm|sys/kvm)' \
			"$file" && return 1
	done
	return 0
}

case_run "every header is installed" listed
case_run "no header includes the host's kernel headers" no_host
for header in $VMAPI_HEADERS; do
	header=${header#include/}
	case_run "$header as C99" compile_c "$header"
	if [ -n "$CXX" ]; then
		case_run "$header as C++11" compile_cxx "$header"
	else
		case_skip "$header as C++11" "no C++ compiler"
	fi
done
case_done
