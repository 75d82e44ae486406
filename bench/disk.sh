#!/bin/sh
# SPDX-License-Identifier: MIT
# Reads per second of a guest's disk: bench/disk.sh [READS].
#
# Debian's kernel reads blocks of 4 KiB, one after the other and past its page
# cache: with the disk in the monitor, and in a process of its own. Both take
# their turn, three times; the medians are printed. `make bench-disk` runs it in
# the build folder; ./setup makes the guest.

set -eu
: "${srcdir:=.}"

reads=${1:-4000}
rounds=3
kernel=${VMI_GUEST_KERNEL:-guest/vmlinuz}
initrd=${VMI_GUEST_INITRD:-guest/initrd}
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/vmapi-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 129' HUP INT TERM
PATH=$PATH:/sbin:/usr/sbin

make_disk()
{
	tree=$scratch/tree
	mkdir -p "$tree/bin" "$tree/sbin" "$tree/dev" "$tree/proc"
	(cd "$tree" && cpio -i --quiet bin/busybox) <"$initrd"
	cat >"$tree/sbin/init" <<-end
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		export PATH=/bin
		mount -t devtmpfs devtmpfs /dev
		mount -t proc proc /proc
		now() { cut -d ' ' -f 1 /proc/uptime; }
		dd if=/dev/vda of=/dev/null bs=4096 count=100 iflag=direct
		a=\$(now)
		dd if=/dev/vda of=/dev/null bs=4096 count=$reads iflag=direct
		echo "read \$a \$(now)"
		poweroff -f
	end
	chmod 755 "$tree/sbin/init"
	mke2fs -q -t ext4 -m 0 -d "$tree" "$scratch/disk" \
		"$((reads / 256 + 64))M" >/dev/null 2>&1
}

# Reads per second.
boot()
{
	timeout 280 examples/boot/vmapi-boot \
		--backend "${VMI_BOOT_BACKEND:-soft}" --no-reboot \
		--disk "$scratch/disk" "$@" --kernel "$kernel" \
		--initrd "$initrd" \
		--append "console=ttyS0 panic=-1 root=/dev/vda ro" \
		</dev/null 2>"$scratch/err" | tr -d '\r' |
		awk -v n="$reads" '/^read / && $3 > $2 {
			print n / ($3 - $2) }'
}

make_disk
round=0
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	boot >>"$scratch/in"
	boot --device-process >>"$scratch/out"
done
if [ ! -s "$scratch/in" ] || [ ! -s "$scratch/out" ]; then
	tail -n 5 "$scratch/err" >&2
	exit 1
fi
middle()
{
	sort -n "$1" | sed -n "$(($(wc -l <"$1") / 2 + 1))p"
}
in=$(middle "$scratch/in")
out=$(middle "$scratch/out")
printf '%-28s %12s %8s\n' "a disk's 4 KiB" "reads/s" ratio
printf '%-28s %12.0f %8.3f\n' "in the monitor" "$in" 1 \
	"in a process of its own" "$out" \
	"$(awk -v a="$out" -v b="$in" 'BEGIN { print a / b }')"
