# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# For shell tests of several cases: case_run, case_skip, then case_done.
#
#	. "$srcdir/tests/tap.sh"
#	case_run "what is tested" command arg...
#	case_done

: "${srcdir:=.}"
n=0
bad=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/vmapi-test.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 129' HUP INT TERM

# The case passes if the command does; its output is shown if it does not.
case_run()
{
	label=$1
	shift
	n=$((n + 1))
	if "$@" >"$scratch/output" 2>&1; then
		echo "ok $n - $label"
	else
		bad=$((bad + 1))
		echo "not ok $n - $label"
		sed 's/^/# /' "$scratch/output"
	fi
}

# The case cannot run here; tests/skips has to allow it.
case_skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

case_done()
{
	echo "1..$n"
	[ "$bad" -eq 0 ]
	exit
}
