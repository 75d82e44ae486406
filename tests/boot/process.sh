#!/bin/sh
# SPDX-License-Identifier: MIT
# A disk in a process of its own, on each backend: a small guest (probe.c)
# copies half of it to the other half, also while the process is killed.

. "$srcdir/tests/tap.sh"

boot=examples/boot/vmapi-boot
disk=$scratch/disk.img
half=32768
monitor=
trap '[ -z "$monitor" ] || kill -9 "$monitor"; rm -rf "$scratch"' EXIT

make_guest()
{
	${CC:-cc} -m32 -O1 -ffreestanding -fno-pic -fno-stack-protector \
		-mno-sse -static -nostdlib -no-pie -Wl,-N -Wl,-Ttext=0x100000 \
		-Wl,--build-id=none -o "$scratch/probe" \
		"$srcdir/tests/boot/probe.S" "$srcdir/tests/boot/probe.c" &&
		mkfifo "$scratch/keys"
}

make_disk()
{
	head -c "$half" /dev/urandom >"$disk"
	truncate -s $((2 * half)) "$disk"
}

is_copied()
{
	[ "$(head -c "$half" "$disk" | md5sum)" = \
		"$(tail -c "$half" "$disk" | md5sum)" ]
}

start()
{
	make_disk
	: >"$scratch/out"
	exec 3<>"$scratch/keys"
	"$boot" --backend "$backend" --mem 16M --kernel "$scratch/probe" \
		--disk "$disk" "$@" <"$scratch/keys" >"$scratch/out" \
		2>"$scratch/err" &
	monitor=$!
}

# Until the guest has copied all once more than $1 times; half a minute.
copies()
{
	tries=0
	until [ "$(wc -c <"$scratch/out")" -gt "$1" ]; do
		tries=$((tries + 1))
		if [ $tries -gt 300 ] || ! kill -0 "$monitor"; then
			echo "it has copied $(wc -c <"$scratch/out") times"
			cat "$scratch/err"
			return 1
		fi
		sleep 0.1
	done
}

ends()
{
	echo >&3
	wait "$monitor"
	status=$?
	monitor=
	[ $status -eq 43 ] && is_copied && return
	echo "status $status"
	cat "$scratch/err"
	return 1
}

copies_once()
{
	start "$@" && copies 0 && ends
}

is_killed()
{
	start --device-process && copies 0 || return 1
	killed=0
	while [ $killed -lt 8 ]; do
		pid=$(cat "/proc/$monitor/task"/*/children)
		before=$(wc -c <"$scratch/out")
		# shellcheck disable=SC2086
		[ -z "$pid" ] || kill -9 $pid 2>/dev/null || continue
		killed=$((killed + 1))
		copies "$before" || return 1
	done
	ends && [ "$(grep -c 'another one goes on' "$scratch/err")" -ge 5 ]
}

case_run "a guest" make_guest
tests/boot/backends >"$scratch/backends" || exit 1
while read -r backend _; do
	case_run "$backend: a disk" copies_once
	case_run "$backend: in a process of its own" \
		copies_once --device-process
	case_run "$backend: which dies again and again" is_killed
done <"$scratch/backends"
case_done
