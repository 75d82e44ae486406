#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's kernel on the software processor: to userland and to power-off.
#
# VMI_GUEST_KERNEL and VMI_GUEST_INITRD name the guest that ./setup made. The
# word `poweroff` on the command line reaches its init (examples/boot/init),
# which says how many processors run and turns the machine off.

. "$srcdir/tests/tap.sh"

boot=examples/boot/vmapi-boot
seconds=${VMI_BOOT_TIMEOUT:-280}

if [ ! -f "${VMI_GUEST_KERNEL-}" ] || [ ! -f "${VMI_GUEST_INITRD-}" ]; then
	echo "no guest: VMI_GUEST_KERNEL and VMI_GUEST_INITRD name none"
	exit 77
fi

# EMULATOR is words.
# shellcheck disable=SC2086
boots()
{
	timeout "$seconds" ${EMULATOR-} "$boot" --backend soft --cpus "$1" \
		--kernel "$VMI_GUEST_KERNEL" --initrd "$VMI_GUEST_INITRD" \
		--append "console=ttyS0 panic=-1 poweroff" --no-reboot \
		--stats </dev/null >"$scratch/out" 2>"$scratch/err"
	status=$?
	tr -d '\r' <"$scratch/out" >"$scratch/text"
	[ "$status" -eq 0 ] && said "^Linux .*, $1 processor.s., " &&
		said 'poweroff: the shell is left out' &&
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

case_run "one processor" boots 1
case_run "four processors" boots 4
case_done
