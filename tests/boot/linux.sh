#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's kernel on the software processor: to userland and to power-off.
#
# VMI_GUEST_KERNEL and VMI_GUEST_INITRD name the guest that ./setup made. The
# word `poweroff` on the command line reaches its init (examples/boot/init),
# which says how many processors run and turns the machine off.

. "$srcdir/tests/tap.sh"
. "$srcdir/tests/boot/linux-guest.sh"

# EMULATOR is words.
# shellcheck disable=SC2086
run()
{
	timeout "$seconds" ${EMULATOR-} "$boot" --backend soft --no-reboot \
		--stats "$@" </dev/null >"$scratch/out" 2>"$scratch/err"
}

start() # processors, words of the command line, options
{
	cpus=$1
	words=$2
	shift 2
	run --cpus "$cpus" --kernel "$VMI_GUEST_KERNEL" \
		--initrd "$VMI_GUEST_INITRD" --append "$words poweroff" "$@"
}

boots()
{
	start "$1" "console=ttyS0 panic=-1"
	ends_well "$?" "$1"
}

prompt()
{
	grep -q '^/root # ' "$scratch/out"
}

# As its user does, at its shell.
# shellcheck disable=SC2086
types()
{
	: >"$scratch/out"
	{
		waited=0
		until prompt || [ "$waited" -ge "$seconds" ]; do
			sleep 1
			waited=$((waited + 1))
		done
		echo "echo he''re: 42"
		echo poweroff
	} | timeout "$seconds" ${EMULATOR-} "$boot" --backend soft --stats \
		--no-reboot --kernel "$VMI_GUEST_KERNEL" \
		--initrd "$VMI_GUEST_INITRD" \
		--append "console=ttyS0 panic=-1" >"$scratch/out" 2>"$scratch/err"
	ends "$?" 1 'here: 42'
}

# In the middle of its boot it moves to another process.
moves()
{
	start "$1" "$append" --max-instructions "$2" --save "$scratch/state"
	status=$?
	if [ "$status" -ne 12 ] || [ ! -s "$scratch/state" ]; then
		echo "status $status"
		tail -n 30 "$scratch/err"
		return 1
	fi
	run --cpus "$1" --restore "$scratch/state"
	ends_well "$?" "$1"
}

ends_well()
{
	ends "$1" "$2" 'poweroff: the shell is left out'
}

ends() # status, processors, what it said
{
	status=$1
	tr -d '\r' <"$scratch/out" >"$scratch/text"
	[ "$status" -eq 0 ] && said "^Linux .*, $2 processor.s., " &&
		said "$3" &&
		said 'reboot: Power down' && ! said 'BUG:|Oops|soft lockup' &&
		grep -E 'instructions|cpu seconds' "$scratch/err" && return
	echo "status $status"
	tail -n 30 "$scratch/text"
	tail -n 30 "$scratch/err"
	return 1
}

said()
{
	grep -qE "$1" "$scratch/text"
}

# Twice the same: every byte that it prints, and every instruction.
# shellcheck disable=SC2086
again()
{
	for run in 1 2; do
		timeout "$seconds" ${EMULATOR-} "$boot" --backend soft \
			--deterministic --cpus 2 --kernel "$VMI_GUEST_KERNEL" \
			--initrd "$VMI_GUEST_INITRD" --no-reboot --stats \
			--append "$append poweroff" </dev/null \
			>"$scratch/out$run" 2>"$scratch/err$run" || return 1
		grep instructions "$scratch/err$run" >"$scratch/count$run"
	done
	cat "$scratch/count1"
	grep -q 'reboot: Power down' "$scratch/out1" &&
		cmp "$scratch/out1" "$scratch/out2" &&
		cmp "$scratch/count1" "$scratch/count2"
}

case_run "one processor, ended at its shell" types
case_run "four processors" boots 4
case_run "deterministic" again
case_run "one processor, saved and restored" moves 1 200000000
case_run "four processors, saved and restored" moves 4 300000000
case_done
