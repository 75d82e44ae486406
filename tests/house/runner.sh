#!/bin/sh
# SPDX-License-Identifier: MIT
# The runner itself: what it counts, what it allows to be skipped, and that a
# fault ends in a status that is not 0.

. "$srcdir/tests/tap.sh"

tests=$(cd "$srcdir/tests" && pwd)
mkdir -p "$scratch/build" "$scratch/src/tests"
cp "$tests/conditions" "$scratch/src/tests"
cat >"$scratch/src/tests/skips" <<'END'
# A comment.
t/allowed	cross
t/case:second*	cross
t/never		no-such-condition
END
cd "$scratch/build" || exit 1

test_of() # name, body
{
	mkdir -p "tests/t"
	printf '#!/bin/sh\n%s\n' "$2" >"tests/t/$1.sh"
}

# Runs tests, wants a status and a last line.
wants()
{
	status=$1
	line=$2
	shift 2
	VMI_CROSS=yes MAKEFLAGS='' srcdir=$scratch/src \
		sh "$tests/run" -j 2 -t 2 "$@" >"$scratch/said" 2>&1
	got=$?
	cat "$scratch/said"
	[ $got -eq "$status" ] && [ "$(tail -n 1 "$scratch/said")" = "$line" ]
}

says()
{
	grep -q "$1" "$scratch/said" || { cat "$scratch/said"; return 1; }
}

test_of good 'exit 0'
test_of bad 'echo because; exit 1'
test_of dead 'kill -SEGV $$'
test_of slow 'sleep 30'
test_of allowed 'echo not here; exit 77'
test_of never 'echo not here; exit 77'
test_of unlisted 'echo not here; exit 77'
test_of mute 'exit 77'
test_of cases 'echo "ok 1 - a"; echo "ok 2 - b"; echo 1..2'
test_of worse 'echo 1..2; echo "ok 1 - a"; echo "not ok 2 - b"; exit 1'
test_of short 'echo 1..3; echo "ok 1 - a"'
test_of noplan 'echo "ok 1 - a"'
test_of liar 'echo 1..1; echo "ok 1 - a"; exit 3'
test_of case 'echo 1..2; echo "ok 1 - a"; echo "ok 2 - second one # SKIP no"'

one='0 passed, 1 failed, 0 skipped'
case_run "a pass" wants 0 '1 passed, 0 failed, 0 skipped' t/good
case_run "a test by its path" \
	wants 0 '1 passed, 0 failed, 0 skipped' tests/t/good.sh
case_run "a failure" wants 1 "$one" t/bad
case_run "its log is shown" says '^because$'
case_run "a test killed by a signal" wants 1 "$one" t/dead
case_run "its signal is named" says 'killed by signal 11'
case_run "a test that hangs" wants 1 "$one" t/slow
case_run "the hang is named" says 'timed out'
case_run "a test that is not there" wants 1 "$one" t/nowhere
case_run "no test at all" wants 2 'tests/run: no test was named'
case_run "a skip that is listed" \
	wants 0 '0 passed, 0 failed, 1 skipped' t/allowed
case_run "its reason is shown" says '^skipped t/allowed: not here (cross)$'
case_run "a skip under a condition that is not true" wants 1 "$one" t/never
case_run "a skip that is not listed" wants 1 "$one" t/unlisted
case_run "a skip without a reason" wants 1 "$one" t/mute
case_run "cases" wants 0 '2 passed, 0 failed, 0 skipped' t/cases
case_run "a case that fails" wants 1 '1 passed, 1 failed, 0 skipped' t/worse
case_run "fewer cases than planned" \
	wants 1 '1 passed, 1 failed, 0 skipped' t/short
case_run "no plan" wants 1 '1 passed, 1 failed, 0 skipped' t/noplan
case_run "cases that pass and a status that does not" \
	wants 1 '1 passed, 1 failed, 0 skipped' t/liar
case_run "a case that is skipped" \
	wants 0 '1 passed, 0 failed, 1 skipped' t/case
case_run "several tests" \
	wants 1 '3 passed, 1 failed, 1 skipped' t/good t/bad t/cases t/allowed
case_done
