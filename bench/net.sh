#!/bin/sh
# SPDX-License-Identifier: MIT
# Bytes per second through a guest's network: bench/net.sh [BYTES].
#
# Debian's kernel fetches a file, a gigabyte if nothing else is said, from a
# server on this machine through libslirp, looks at its checksum and sends as
# many zeros back: in vmapi-boot on the software processor, also with the card
# as a process of its own, then in QEMU's microvm on its, with the same kernel,
# registers in memory and libslirp. `make bench-net` runs it in the build
# folder; ./setup makes the guest.

set -eu
: "${srcdir:=.}"

bytes=${1:-1073741824}
kernel=${VMI_GUEST_KERNEL:-guest/vmlinuz}
initrd=${VMI_GUEST_INITRD:-guest/initrd}
append="console=ttyS0 panic=-1 no_timer_check"
port=$((20000 + $$ % 20000))
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/vmapi-bench.XXXXXX")
server=
trap '[ -z "$server" ] || kill $server; rm -rf "$scratch"' EXIT
trap 'exit 129' HUP INT TERM

guest()
{
	cat <<-end
		#!/bin/busybox sh
		now() { cut -d ' ' -f 1 /proc/uptime; }
		url=http://10.0.2.2:$port
		a=\$(now)
		wget -q -O - \$url/file | md5sum | sed 's/^/sum /'
		b=\$(now)
		/send 10.0.2.2 $port /cgi-bin/back $bytes
		echo "moved $bytes \$a \$b \$(now)"
	end
}

# What the console says, as a line.
report()
{
	tr -d '\r' <"$scratch/out" | awk -v who="$1" -v sum="$sum" '
	/^sum / { good = $2 == sum }
	/^moved / {
		printf "%-24s %8.1f MB/s to the guest, %8.1f MB/s back%s\n",
			who, $2 / ($4 - $3) / 1e6, $2 / ($5 - $4) / 1e6,
			good ? "" : ", and the checksum differs"
	}'
	[ "$(cat "$scratch/back")" = "$zeros" ] ||
		echo "$1: what came back differs"
}

mkdir -p "$scratch/www/cgi-bin" "$scratch/tree"
(cd "$scratch" && cpio -id --quiet bin/busybox) <"$initrd"
head -c "$bytes" /dev/urandom >"$scratch/www/file"
sum=$(md5sum <"$scratch/www/file" | cut -d ' ' -f 1)
zeros=$(head -c "$bytes" /dev/zero | md5sum)
printf '#!/bin/sh\nmd5sum >%s\nprintf "\\r\\n"\n' "$scratch/back" \
	>"$scratch/www/cgi-bin/back"
guest >"$scratch/tree/autorun"
chmod 755 "$scratch/tree/autorun" "$scratch/www/cgi-bin/back"
${CC:-cc} -O2 -static -o "$scratch/tree/send" "$srcdir/bench/send.c"
(cd "$scratch/tree" && find . -type f | cpio -o -H newc -R 0:0 --quiet) \
	>"$scratch/more"
cat "$initrd" "$scratch/more" >"$scratch/initrd"
"$scratch/bin/busybox" httpd -f -p "127.0.0.1:$port" -h "$scratch/www" &
server=$!

ours()
{
	: >"$scratch/back"
	examples/boot/vmapi-boot --backend soft --net user --kernel "$kernel" \
		--initrd "$scratch/initrd" --append "$append" "$@" \
		</dev/null >"$scratch/out" 2>"$scratch/err" || cat "$scratch/err"
}

ours
report "vmapi-boot, soft"
ours --device-process
report "the card in its process"

if command -v qemu-system-x86_64 >/dev/null 2>&1; then
	: >"$scratch/back"
	qemu-system-x86_64 -accel tcg -cpu max -m 256 -nodefaults \
		-no-user-config -display none -serial stdio -no-reboot \
		-M microvm,acpi=on,isa-serial=on,rtc=on \
		-netdev user,id=n -device virtio-net-device,netdev=n \
		-kernel "$kernel" -initrd "$scratch/initrd" \
		-append "console=ttyS0 panic=-1" \
		</dev/null >"$scratch/out" 2>"$scratch/err"
	report "QEMU microvm, TCG"
fi
