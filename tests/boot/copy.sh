#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest copies a large file on its disk, in the monitor's process and in one
# of the disk's own: checksums match inside and outside.
#
# VMI_COPY_MIB is how large. The last lines of each case say how long it took.

. "$srcdir/tests/tap.sh"
. "$srcdir/tests/boot/linux-guest.sh"

mib=${VMI_COPY_MIB:-64}
disk=$scratch/disk.img
tree=$scratch/tree
PATH=$PATH:/sbin:/usr/sbin

make_tree()
{
	mkdir -p "$tree/bin" "$tree/sbin" "$tree/dev" "$tree/proc" &&
		(cd "$tree" && cpio -i --quiet bin/busybox) \
			<"$VMI_GUEST_INITRD" &&
		head -c "${mib}M" /dev/urandom >"$tree/file" || return 1
	sum=$(md5sum <"$tree/file")
	cat >"$tree/sbin/init" <<-'end'
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		export PATH=/bin
		mount -t devtmpfs devtmpfs /dev
		mount -t proc proc /proc
		mount -o remount,rw /
		begin=$(cut -d ' ' -f 1 /proc/uptime)
		cp /file /copy && sync
		echo 3 >/proc/sys/vm/drop_caches
		sum=$(md5sum </copy)
		end=$(cut -d ' ' -f 1 /proc/uptime)
		echo "seconds $begin $end"
		echo "copied $sum"
		mount -o remount,ro /
		poweroff -f
	end
	chmod 755 "$tree/sbin/init"
}

said()
{
	tr -d '\r' <"$scratch/out" | grep -q "$1"
}

# shellcheck disable=SC2086
copies()
{
	rm -f "$disk"
	mke2fs -q -t ext4 -m 0 -d "$tree" "$disk" \
		"$((2 * mib + mib / 4 + 64))M" || return 1
	timeout "$seconds" ${EMULATOR-} "$boot" \
		--backend "${VMI_BOOT_BACKEND:-soft}" --no-reboot \
		--disk "$disk" "$@" --kernel "$VMI_GUEST_KERNEL" \
		--initrd "$VMI_GUEST_INITRD" \
		--append "$append root=/dev/vda" \
		</dev/null >"$scratch/out" 2>"$scratch/err"
	status=$?
	if [ "$status" -ne 0 ] || ! said "^copied $sum" ||
		[ "$(debugfs -R 'cat /copy' "$disk" 2>/dev/null |
			md5sum)" != "$sum" ]; then
		echo "status $status, $sum"
		tail -n 20 "$scratch/out"
		tail -n 5 "$scratch/err"
		return 1
	fi
	tr -d '\r' <"$scratch/out" | awk -v mib="$mib" '/^seconds / {
		printf "# %d MiB read, written and read in %.1f s of the guest\n",
			mib, $3 - $2
	}' >&3
}

exec 3>&1
case_run "a copy's guest" make_tree
case_run "$mib MiB, the disk in the monitor" copies
case_run "$mib MiB, the disk in its process" copies --device-process
case_done
