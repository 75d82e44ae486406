#!/bin/sh
# SPDX-License-Identifier: MIT
# The disk's process dies while the guest writes, and nobody loses anything.
#
# The guest (journal.c) says which records it wrote and flushed. They have to
# be in the file at any time, whoever dies; and the guest has to see no error.
# VMI_CRASHES is how often it is killed.

. "$srcdir/tests/tap.sh"
. "$srcdir/tests/boot/linux-guest.sh"

crashes=${VMI_CRASHES:-20}
disk=$scratch/disk.img
journal=$scratch/tree/sbin/init
PATH=$PATH:/sbin:/usr/sbin

trap 'end_all; rm -rf "$scratch"' EXIT

end_all()
{
	[ -z "${monitor-}" ] || kill -9 "$monitor" 2>/dev/null
}

# The guest's disk: a file system with the one program, and room behind it.
make_disk()
{
	mkdir -p "$scratch/tree/sbin" "$scratch/tree/dev" &&
		${CC:-cc} -O2 -static -D_GNU_SOURCE -o "$journal" \
			"$srcdir/tests/boot/journal.c" &&
		mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=0 \
			-d "$scratch/tree" "$disk" 8M && truncate -s 32M "$disk" &&
		mkfifo "$scratch/keys"
}

start()
{
	exec 3<>"$scratch/keys"
	"$boot" --backend "${VMI_BOOT_BACKEND:-soft}" --no-reboot \
		--disk "$disk" --device-process \
		--kernel "$VMI_GUEST_KERNEL" --initrd "$VMI_GUEST_INITRD" \
		--append "$append no_timer_check quiet root=/dev/vda" \
		<"$scratch/keys" >"$scratch/out" 2>"$scratch/err" &
	monitor=$!
}

acked()
{
	tail -c 300 "$scratch/out" | tr -d '\r' |
		sed -n 's/^acked \([0-9]*\)$/\1/p' | tail -n 1
}

# Until the guest has acknowledged more than $1 records; $2 tenths of seconds.
gets_past()
{
	tenths=0
	until now=$(acked) && [ "${now:-0}" -gt "$1" ]; do
		tenths=$((tenths + 1))
		if [ "$tenths" -gt "$2" ] || ! kill -0 "$monitor"; then
			echo "no more than ${now:-0} records"
			show
			return 1
		fi
		sleep 0.1
	done
}

show()
{
	tail -n 12 "$scratch/out"
	tail -n 5 "$scratch/err"
}

# Its process; not that of a sanitizer which looks for leaks at the end, and
# which it waits for: that is the monitor once more.
device()
{
	# The ids are words.
	# shellcheck disable=SC2013
	for child in $(cat "/proc/$monitor/task"/*/children 2>/dev/null); do
		cmp -s "/proc/$child/cmdline" "/proc/$monitor/cmdline" ||
			echo "$child"
	done
}

# The one that is there: the kernel may leave a child out of a list that changes
# while it is read (proc(5), children).
a_device()
{
	until pid=$(device) && [ -n "$pid" ]; do
		kill -0 "$monitor" || return 1
	done
}

# Wait for the monitor to end by itself: its status.
ended()
{
	tenths=0
	while kill -0 "$monitor" 2>/dev/null && [ "$tenths" -lt "$1" ]; do
		tenths=$((tenths + 1))
		sleep 0.1
	done
	kill -9 "$monitor" 2>/dev/null
	wait "$monitor"
	status=$?
	monitor=
	return "$status"
}

is_sound()
{
	if grep -qE 'WRONG|I/O error|Buffer I/O|NEEDS_RESET|Oops|BUG' \
		"$scratch/out"; then
		grep -nE 'WRONG|I/O error|Buffer I/O|NEEDS_RESET|Oops|BUG' \
			"$scratch/out"
		return 1
	fi
	"$journal" check "$disk" "$(acked)"
}

boots()
{
	make_disk && start && gets_past 3 "$seconds"0
}

# At any moment, also one in which its successor has hardly begun.
is_killed()
{
	i=0
	last=
	while [ "$i" -lt "$crashes" ]; do
		before=$(acked)
		pid=$(device)
		if [ -z "$pid" ] || [ "$pid" = "$last" ]; then
			kill -0 "$monitor" || return 1
			continue
		fi
		last=$pid
		# shellcheck disable=SC2086
		kill -9 $pid && i=$((i + 1))
		[ $((i % 3)) -eq 2 ] || gets_past "$((before + i % 5))" 300 ||
			return 1
		"$journal" check "$disk" "$before" || return 1
	done
	is_sound
}

# It waits for one that is stopped, and goes on with it: not the last one that
# was killed, which may still be there.
is_stopped()
{
	gets_past "$(acked)" 300 && a_device || return 1
	# shellcheck disable=SC2086
	kill -STOP $pid || return 1
	sleep 0.5
	before=$(acked)
	sleep 1
	after=$(acked)
	# shellcheck disable=SC2086
	kill -CONT $pid
	if [ "$((after - before))" -gt 0 ]; then
		echo "$before to $after while the device was stopped"
		return 1
	fi
	gets_past "$after" 300
}

goes_down()
{
	echo q >&3
	ended 300
	status=$?
	if [ "$status" -ne 0 ]; then
		echo "status $status"
		show
		return 1
	fi
	died=$(grep -c 'another one goes on' "$scratch/err")
	if [ "$died" -lt "$crashes" ]; then
		echo "$died of $crashes deaths were noticed"
		return 1
	fi
	is_sound
}

# A user can leave whose device does not answer.
is_left()
{
	start && gets_past 3 "$seconds"0 && a_device || return 1
	# shellcheck disable=SC2086
	kill -STOP $pid || return 1
	sleep 0.3
	printf '\001x' >&3
	ended 50
	status=$?
	if [ "$status" -ne 0 ] || kill -0 "$pid" 2>/dev/null; then
		echo "status $status"
		show
		return 1
	fi
}

# Processes of which none does anything are no device.
is_given_up()
{
	start
	last=$(($(date +%s) + 100))
	while kill -0 "$monitor" 2>/dev/null && [ "$(date +%s)" -lt "$last" ]; do
		# shellcheck disable=SC2046
		kill -9 $(device) 2>/dev/null
	done
	ended 50
	status=$?
	if [ "$status" -ne 6 ] ||
		! grep -q 'dies again and again' "$scratch/err"; then
		echo "status $status"
		show
		return 1
	fi
}

case_run "a guest that writes" boots
case_run "killed $crashes times" is_killed
case_run "stopped for a while" is_stopped
case_run "all that was acknowledged is there" goes_down
case_run "a device that does not answer can be left" is_left
case_run "a device that cannot live" is_given_up
case_done
