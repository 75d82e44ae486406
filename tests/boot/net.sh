#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest's network: through libslirp, and by an interface of the host.
#
# What the guest does is a script, /autorun, which is appended to its
# initramfs. It fetches a file of a small HTTP server here and posts an eighth
# of it back, by nc, to a script of that server, which is busybox's, out of the same
# initramfs. Then the card is a process of its own, which is killed meanwhile.

. "$srcdir/tests/tap.sh"
. "$srcdir/tests/boot/linux-guest.sh"

bytes=${VMI_NET_BYTES:-67108864}
busybox=$scratch/bin/busybox
port=$((20000 + $$ % 20000))
pids=
inside= # words before what runs in another network

# Whoever is started in the background ends with the case.
ends()
{
	# The ids are words.
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill $pids 2>/dev/null
	pids=
	return "$1"
}

file()
{
	head -c "$1" /dev/urandom >"$scratch/www/file"
}

prepare()
{
	mkdir -p "$scratch/www/cgi-bin" "$scratch/tree" || return 1
	printf '#!/bin/sh\ncat >%s\nprintf "\\r\\n"\n' "$scratch/back" \
		>"$scratch/www/cgi-bin/back"
	chmod 755 "$scratch/www/cgi-bin/back" &&
		(cd "$scratch" && cpio -id --quiet bin/busybox) \
			<"$VMI_GUEST_INITRD" &&
		head -c 300000 /dev/urandom >"$scratch/www/small"
}

# The guest's script is standard input; the host is at $1.
script()
{
	{
		printf '#!/bin/busybox sh\nhost=%s port=%s\n' "$1" "$port"
		cat
	} >"$scratch/tree/autorun"
	chmod 755 "$scratch/tree/autorun"
	(cd "$scratch/tree" && echo autorun |
		cpio -o -H newc -R 0:0 --quiet) >"$scratch/more"
	cat "$VMI_GUEST_INITRD" "$scratch/more" >"$scratch/initrd"
}

# serves ADDRESS: files, and room for one that comes.
# shellcheck disable=SC2086
serves()
{
	rm -f "$scratch/back"
	$inside "$busybox" httpd -f -p "$1:$port" -h "$scratch/www" &
	pids="$pids $!"
}

# EMULATOR is words, too.
# shellcheck disable=SC2086
run()
{
	timeout "$seconds" $inside ${EMULATOR-} "$boot" --backend soft --no-reboot \
		"$@" </dev/null >"$scratch/out" 2>"$scratch/err"
}

start()
{
	run --kernel "$VMI_GUEST_KERNEL" --initrd "$scratch/initrd" "$@"
}

said()
{
	tr -d '\r' <"$scratch/out" | grep -q "$1"
}

ends_well()
{
	[ "$1" -eq 0 ] && said 'reboot: Power down' && return
	echo "status $1"
	tail -n 30 "$scratch/out"
	tail -n 5 "$scratch/err"
	return 1
}

there_and_back()
{
	cat <<-'end'
		wget -q -O /file "http://$host:$port/file"
		echo "read $(md5sum </file)"
		{
			printf 'POST /cgi-bin/back HTTP/1.0\r\n'
			size=$(($(wc -c </file) / 8))
			printf 'Content-Length: %d\r\n\r\n' $size
			head -c $size /file
		} | nc "$host" "$port"
		echo "interrupts $(grep -c virtio /proc/interrupts)"
	end
}

copied()
{
	ends_well "$1" && said "read $(md5sum <"$scratch/www/file")" &&
		said 'interrupts 1' &&
		head -c $(($(wc -c <"$scratch/www/file") / 8)) \
			"$scratch/www/file" | cmp - "$scratch/back"
}

# copies PROCESSORS BYTES
copies()
{
	file "$2"
	there_and_back | script 10.0.2.2
	serves 127.0.0.1
	start --net user --cpus "$1" --append "$append"
	copied "$?" && said 'network: 10.0.2.15 by DHCP'
	ends "$?"
}

# The link is up a second after it was asked for.
answers()
{
	script 10.0.2.2 <<-'end'
		until grep -q up /sys/class/net/eth0/operstate; do
			sleep 0.1
		done
		ping -c 1 -w 20 "$host"
		echo 0 >/proc/sys/net/ipv6/conf/eth0/dad_transmits
		ip -6 addr add fec0::15/64 dev eth0
		for i in $(seq 50); do
			! ping -6 -c 1 -W 1 fec0::2 || break
			sleep 0.2
		done
		wget -O - http://10.0.2.2:1/ 2>&1
		cat /sys/class/net/eth0/operstate /sys/class/net/eth0/address
	end
	start --net user --append "$append"
	ends_well "$?" && said '64 bytes from 10.0.2.2' &&
		said '64 bytes from fec0::2' && said 'Connection refused' &&
		said '^up' && said '^02:76:6d:'
}

# The guest fetches on and on; that connection that is open is lost. If it has
# nothing to say there, it hears of that only by having waited too long.
moves()
{
	script 10.0.2.2 <<-'end'
		n=0 lost=0 first=
		while [ $n -lt 150 ]; do
			sum=$(timeout 20 wget -q -O - \
				"http://$host:$port/small" | md5sum)
			case $sum in
			"$first") n=$((n + 1)) ;;
			*)	first=${first:-$sum} lost=$((lost + 1)) ;;
			esac
			[ $n -ne 1 ] || echo "the first is here"
		done
		echo "fetched $n lost $lost sum $sum"
	end
	serves 127.0.0.1
	start --net user --append "$append" \
		--max-instructions "$1" --save "$scratch/state"
	status=$?
	if [ "$status" -ne 12 ] || ! said 'the first is here'; then
		echo "status $status"
		tail -n 5 "$scratch/out"
		return 1
	fi
	cat "$scratch/out"
	run --net user --restore "$scratch/state"
	ends_well "$?" && said 'fetched 150 lost [12] sum' &&
		said "sum $(md5sum <"$scratch/www/small")"
	ends "$?" && return
	cat "$scratch/out"
	return 1
}

# The interface appears in the other namespace when vmapi-boot has made it.
has_interface()
{
	tries=0
	# shellcheck disable=SC2086
	until $inside "$busybox" ip link set vmi0 up 2>/dev/null; do
		sleep 0.1
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
	done
	# shellcheck disable=SC2086
	$inside "$busybox" ip addr add 10.0.3.1/24 dev vmi0
}

# A network of its own, whose one interface vmapi-boot makes.
# shellcheck disable=SC2086
in_a_network()
{
	unshare -n sleep "$seconds" &
	pids=$!
	inside="nsenter -t $! -n"
	while [ "$($inside readlink /proc/self/ns/net)" = \
		"$(readlink /proc/self/ns/net)" ]; do
		sleep 0.1
	done
}

through_tap()
{
	file $((bytes / 4))
	there_and_back | script 10.0.3.1
	in_a_network
	start --net tap=vmi0 --append \
		"$append address=10.0.3.2/24" &
	guest=$!
	has_interface && serves 10.0.3.1
	wait "$guest"
	copied "$?" && said 'network: 10.0.3.2'
	ends "$?"
}

# -- The card's process dies ------------------------------------------------

# All whose parent is $1, or whose parent's.
descendants()
(
	# The ids are words.
	# shellcheck disable=SC2013
	for child in $(cat "/proc/$1/task"/*/children 2>/dev/null); do
		echo "$child"
		descendants "$child"
	done
)

# The process among them that is the card.
card()
{
	for process in $(descendants "$1"); do
		! tr '\0' ' ' 2>/dev/null <"/proc/$process/cmdline" |
			grep -q -e '--serve-net' || echo "$process"
	done
}

# kills PID TIMES: once the guest has said that it began; then tell it.
kills()
{
	rm -f "$scratch/www/stop"
	tries=0
	until said '^begun' || [ $tries -gt "${seconds}0" ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	killed=0
	while [ $killed -lt "$2" ] && kill -0 "$1" 2>/dev/null; do
		sleep 1.2
		for process in $(card "$1"); do
			kill -9 "$process" && killed=$((killed + 1))
		done
	done
	: >"$scratch/www/stop"
}

survived()
{
	died=$(grep -c 'network card has died; another one' "$scratch/err")
	if grep -E 'virtio.*(rror|reset)|Oops|BUG|NETDEV WATCHDOG' "$scratch/out" ||
		[ "$died" -lt "$1" ] || [ "$killed" -lt "$1" ]; then
		echo "killed $killed times, $died were noticed"
		tail -n 5 "$scratch/err"
		return 1
	fi
}

# It fetches on and on. A connection of a dead process is lost, and no more.
survives_user()
{
	script 10.0.2.2 <<-'end'
		fetch() { timeout 5 wget -q -O "/$1" "http://$host:$port/$1"; }
		lost=0
		echo begun
		until fetch stop; do
			if fetch small; then
				md5sum </small >>/sums
			else
				lost=$((lost + 1))
			fi
		done
		echo "lost $lost, sums: $(sort -u /sums | tr '\n' ' ')"
	end
	serves 127.0.0.1
	start --net user --device-process \
		--append "$append no_timer_check" &
	guest=$!
	kills "$guest" 5
	wait "$guest"
	ends_well "$?" && survived 5 && said 'lost [0-5], sums' &&
		said "sums: $(md5sum <"$scratch/www/small") *\$"
	ends "$?"
}

# One connection, at a speed at which it outlives several processes.
survives_tap()
{
	cat >"$scratch/www/cgi-bin/slow" <<-end
		#!/bin/sh
		printf 'Content-Type: text/plain\r\n\r\n'
		until [ -e $scratch/www/stop ]; do
			cat $scratch/www/small
			sleep 0.1
		done | tee $scratch/sent
	end
	chmod 755 "$scratch/www/cgi-bin/slow"
	script 10.0.3.1 <<-'end'
		echo begun
		wget -q -O - "http://$host:$port/cgi-bin/slow" | md5sum |
			sed 's/^/read /'
	end
	in_a_network
	start --net tap=vmi0 --device-process --append \
		"$append no_timer_check address=10.0.3.2/24" &
	guest=$!
	has_interface && serves 10.0.3.1
	kills "$guest" 4
	wait "$guest"
	ends_well "$?" && survived 4 &&
		said "read $(md5sum <"$scratch/sent")"
	ends "$?"
}

user_cases()
{
	case_run "user: a file there and back, one processor" copies 1 "$bytes"
	case_run "user: a file there and back, two processors" \
		copies 2 $((bytes / 16))
	case_run "user: who answers" answers
	case_run "user: saved while the network is in use" \
		moves "${VMI_NET_MOVES:-920000000}"
	case_run "user: the card's process dies again and again" survives_user
}

prepare || exit 1
if [ "${VMI_SLIRP-}" = yes ]; then
	user_cases
else
	case_skip "user" "built without libslirp"
fi
if unshare -n true 2>/dev/null && (: <>/dev/net/tun) 2>/dev/null; then
	case_run "tap: a file there and back" through_tap
	case_run "tap: connections outlive the card's process" survives_tap
else
	case_skip "tap" "no network of our own, or no /dev/net/tun"
fi
case_done
