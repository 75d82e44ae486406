#!/bin/sh
# SPDX-License-Identifier: MIT
# vmapi-boot as its user sees it, on each backend: statuses, dumps, keys,
# signals, counts, firmware.

. "$srcdir/tests/tap.sh"

boot=examples/boot/vmapi-boot
bios=/usr/share/seabios/bios.bin

# Flat images of a few instructions.
images()
{
	printf '\353\376' >"$scratch/spin"		  # jmp to itself
	printf '\372\364\353\375' >"$scratch/halt"	  # cli; hlt; jmp
	printf '\260\025\346\364' >"$scratch/exit21"	  # mov $21; out $0xf4
	printf '\260\253\346\200\260\000\346\364' >"$scratch/post"
	# "ok" to the printer at 0x378 and 0x3bc: data, strobe on, strobe off.
	printf '\272\170\003\260\157\350\015\000\272\274\003\260' \
		>"$scratch/print"
	printf '\153\350\005\000\060\300\346\364\364\356\102\354' \
		>>"$scratch/print"
	printf '\204\300\171\373\102\260\015\356\260\014\356\303' \
		>>"$scratch/print"
	# Count to 1000; an unknown call by VMCALL; VAPIC_POLL_IRQ by VMMCALL;
	# leave with the sum of AL, 0x18 of -1000 and 0.
	printf '\146\271\350\003\000\000\146\111\165\374\146\270\077' \
		>"$scratch/calls"
	printf '\000\000\000\017\001\301\210\303\146\270\001\000\000' \
		>>"$scratch/calls"
	printf '\000\017\001\331\000\330\346\364' >>"$scratch/calls"
	# lidt 0x7e00, where there are zeros; protected mode; ud2
	printf '\017\001\036\000\176\017\040\300\014\001\017\042\300' \
		>"$scratch/triple"
	printf '\017\013' >>"$scratch/triple"
	# Bytes from the serial port to 0xe9, until a q.
	printf '\272\375\003\354\250\001\164\370\272\370\003\354' \
		>"$scratch/echo"
	printf '\074\161\164\004\346\351\353\354\060\300\346\364' \
		>>"$scratch/echo"
}

run()
{
	timeout 30 "$boot" --backend "$backend" --mem 4M "$@" \
		>"$scratch/out" 2>"$scratch/err"
}

# ends STATUS TEXT option...: TEXT is looked for on standard error.
ends()
{
	want=$1
	text=$2
	shift 2
	run "$@" </dev/null
	status=$?
	[ "$status" -eq "$want" ] &&
		{ [ -z "$text" ] || grep -qE -e "$text" "$scratch/err"; } &&
		return
	echo "status $status, should be $want with '$text'; it said:"
	cat "$scratch/err"
	return 1
}

dumps()
{
	ends "$@" || return 1
	for text in '^rax [0-9a-f]{16}  rbx' '^cs ' '^cr4|cr4 ' \
		'^code at 0000000000007c0d: 0f 0b' ' 16 bits: ud2'; do
		grep -qE -e "$text" "$scratch/err" || {
			echo "no '$text' in:"
			cat "$scratch/err"
			return 1
		}
	done
}

echoes()
{
	printf 'hello \001\001world\001zq' | run --kernel "$scratch/echo"
	status=$?
	[ "$status" -eq 1 ] &&
		[ "$(cat "$scratch/out")" = "$(printf 'hello \001world')" ] &&
		return
	echo "status $status"
	od -c "$scratch/out"
	return 1
}

# More than the FIFO holds, and none of it lost.
echoes_much()
{
	(seq 1 2000; printf q) | run --kernel "$scratch/echo"
	seq 1 2000 | cmp - "$scratch/out"
}

leaves()
{
	printf '\001x' | run --kernel "$scratch/spin"
}

# Also when the guest reads nothing and the serial port is full.
leaves_a_deaf_guest()
{
	(head -c 5000 /dev/zero; sleep 1; printf '\001x') |
		run --kernel "$scratch/spin"
}

# The guest runs on when standard input ends.
outlives_input()
{
	timeout 2 "$boot" --backend "$backend" --kernel "$scratch/spin" \
		</dev/null 2>"$scratch/err"
	[ $? -eq 124 ]
}

# killed SIGNAL NUMBER kernel: it dies of the signal at once.
killed()
{
	"$boot" --backend "$backend" --kernel "$scratch/$3" </dev/null \
		2>"$scratch/err" &
	pid=$!
	sleep 1
	kill -"$1" "$pid"
	wait "$pid"
	status=$?
	[ "$status" -eq $((128 + $2)) ] && return
	echo "status $status"
	cat "$scratch/err"
	return 1
}

# Also Ctrl-C is a key there. The session's script is below.
on_a_terminal()
{
	(sleep 1; printf 'abc\003\n\001h'; sleep 1; printf '\001x') |
		timeout 30 script -qec "sh $scratch/session" /dev/null \
		>"$scratch/typescript" 2>&1
	[ -s "$scratch/before" ] &&
		cmp "$scratch/before" "$scratch/after" &&
		grep -q 'abc' "$scratch/typescript" &&
		grep -q 'Ctrl-A x *leave' "$scratch/typescript" &&
		[ "$(cat "$scratch/status")" = 0 ] && return
	od -c "$scratch/typescript" | tail -n 20
	return 1
}

session()
{
	cat <<END
stty -a >$scratch/before
$boot --backend $backend --kernel $scratch/echo
echo \$? >$scratch/status
stty -a >$scratch/after
END
}

counts()
{
	ends 12 "instructions  $1\$" --kernel "$scratch/spin" --stats \
		--max-instructions "$@" && grep -q 'MIPS' "$scratch/err"
}

shows_stats()
{
	ends 43 'exits io  *1$' --kernel "$scratch/exit21" --stats &&
		grep -q "backend  *$backend" "$scratch/err" &&
		grep -qE 'cpu seconds  *[0-9]+\.' "$scratch/err"
}

posts()
{
	ends 1 '^POST ab$' --kernel "$scratch/post" --trace=post || return 1
	ends 1 '' --kernel "$scratch/post" || return 1
	! grep -q POST "$scratch/err"
}

prints()
{
	ends 1 '' --kernel "$scratch/print" || return 1
	[ "$(cat "$scratch/out")" = ok ] && return
	od -c "$scratch/out"
	return 1
}

# By a machine that was restored before it called.
calls_later()
{
	ends 12 '' --kernel "$scratch/calls" --max-instructions 500 \
		--save "$scratch/state" "$@" &&
		ends 49 'hypercall  *1$' --restore "$scratch/state" --stats "$@"
}

# SeaBIOS reaches its end, and Ctrl-A x ends it.
firmware()
{
	mkfifo "$scratch/keys" || return 1
	timeout 100 "$boot" --backend "$backend" --bios "$bios" \
		<"$scratch/keys" >"$scratch/out" 2>"$scratch/err" &
	pid=$!
	exec 3>"$scratch/keys"
	rm "$scratch/keys"
	tries=0
	until grep -aq 'No bootable device' "$scratch/out" ||
		[ $tries -eq 90 ]; do
		sleep 1
		tries=$((tries + 1))
	done
	printf '\001x' >&3
	exec 3>&-
	wait "$pid"
	status=$?
	[ $status -eq 0 ] && grep -aq 'No bootable device' "$scratch/out" &&
		return
	echo "status $status"
	cat "$scratch/out" "$scratch/err"
	return 1
}

images
tests/boot/backends >"$scratch/backends" || exit 1
while read -r backend state; do
	case_run "$backend: the status that the guest chose" \
		ends 43 '' --kernel "$scratch/exit21"
	case_run "$backend: a triple fault is dumped" \
		dumps 10 'reset by a triple fault' \
		--kernel "$scratch/triple" --no-reboot
	case_run "$backend: keys reach the guest" echoes
	case_run "$backend: many of them" echoes_much
	case_run "$backend: Ctrl-A x" leaves
	case_run "$backend: Ctrl-A x to a guest that does not listen" \
		leaves_a_deaf_guest
	case_run "$backend: the end of input is not the end" outlives_input
	case_run "$backend: SIGTERM to a busy guest" killed TERM 15 spin
	case_run "$backend: SIGHUP to a halted guest" killed HUP 1 halt
	session >"$scratch/session"
	if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
		case_run "$backend: a terminal is raw and then as before" \
			on_a_terminal
	else
		case_skip "$backend: a terminal is raw and then as before" \
			"there are no pseudo-terminals here (/dev/pts)"
	fi
	case_run "$backend: --stats" shows_stats
	case_run "$backend: POST codes" posts
	case_run "$backend: a printer" prints
	if [ "$backend" = kvm ] && [ "$state" = impaired ]; then
		case_skip "kvm: hypercalls" "this KVM is impaired"
	else
		case_run "$backend: hypercalls" \
			ends 49 '' --kernel "$scratch/calls"
	fi
	if [ "$backend" = kvm ]; then
		case_run "kvm: --max-instructions is refused" \
			ends 2 'cannot count' --kernel "$scratch/spin" \
			--max-instructions 5
	else
		case_run "$backend: one instruction" counts 1
		case_run "$backend: exactly so many" counts 1234567
		case_run "$backend: also with four processors" \
			counts 1234567 --cpus 4
		case_run "$backend: hypercalls of a portable model" \
			ends 49 '' --kernel "$scratch/calls" --cpu common
		case_run "$backend: hypercalls after --restore" calls_later
		case_run "$backend: and under --deterministic" calls_later \
			--deterministic
	fi
	if [ -f "$bios" ]; then
		case_run "$backend: SeaBIOS finds no device" firmware
	else
		case_skip "$backend: SeaBIOS finds no device" \
			"there is no $bios"
	fi
done <"$scratch/backends"
case_done
