#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest whose root file system is on a disk of vmapi-boot.
#
# The disk is an ext4 made here of a busybox, an init and random bytes. The
# guest says what it read, writes a file and powers off; whether that is on
# the disk and the file system whole is looked at from outside.

. "$srcdir/tests/tap.sh"
. "$srcdir/tests/boot/linux-guest.sh"

moves=${VMI_DISK_MOVES:-420000000}
disk=$scratch/disk.img
PATH=$PATH:/sbin:/usr/sbin

make_disk()
{
	tree=$scratch/tree
	mkdir -p "$tree/bin" "$tree/sbin" "$tree/dev" "$tree/proc" "$tree/data"
	(cd "$tree" && cpio -i --quiet bin/busybox) <"$VMI_GUEST_INITRD" &&
		head -c 3000000 /dev/urandom >"$tree/data/random" || return 1
	cat >"$tree/sbin/init" <<-'end'
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		export PATH=/bin
		mount -t devtmpfs devtmpfs /dev
		mount -t proc proc /proc
		echo "read $(md5sum </data/random)"
		mount -o remount,rw /
		cat /data/random /data/random >/data/twice
		sync
		echo "interrupts $(grep -c virtio /proc/interrupts)"
		mount -o remount,ro /
		poweroff -f
	end
	chmod 755 "$tree/sbin/init"
	mke2fs -q -t ext4 -d "$tree" "$disk" 32M
}

# shellcheck disable=SC2086
run()
{
	timeout "$seconds" ${EMULATOR-} "$boot" --backend soft --no-reboot \
		--disk "$disk" "$@" </dev/null >"$scratch/out" 2>"$scratch/err"
}

start()
{
	cpus=$1
	shift
	run --cpus "$cpus" --kernel "$VMI_GUEST_KERNEL" \
		--initrd "$VMI_GUEST_INITRD" "$@" \
		--append "$append root=/dev/vda"
}

said()
{
	tr -d '\r' <"$scratch/out" | grep -q "$1"
}

ends_well()
{
	if [ "$1" -ne 0 ] || ! said 'reboot: Power down'; then
		echo "status $1"
		tail -n 30 "$scratch/out"
		tail -n 5 "$scratch/err"
		return 1
	fi
	cat "$scratch/tree/data/random" "$scratch/tree/data/random" \
		>"$scratch/twice"
	debugfs -R "dump /data/twice $scratch/dumped" "$disk" 2>/dev/null
	said 'interrupts 1' && cmp "$scratch/twice" "$scratch/dumped" &&
		e2fsck -fn "$disk" >"$scratch/fsck" 2>&1
}

boots()
{
	make_disk && start "$@"
	ends_well "$?" &&
		said "read $(md5sum <"$scratch/tree/data/random")"
}

# The disk is as the guest left it, so it goes on with the same one. What the
# disk is does not matter: $2 before, $3 afterwards.
# shellcheck disable=SC2086
moves()
{
	make_disk && start 1 $2 \
		--max-instructions "$1" --save "$scratch/state"
	status=$?
	if [ "$status" -ne 12 ]; then
		echo "status $status"
		return 1
	fi
	run $3 --restore "$scratch/state"
	ends_well "$?"
}

refused()
{
	start 1 --deterministic
	[ $? -eq 2 ] && grep -q 'not --deterministic' "$scratch/err" ||
		return 1
	head -c 1000 /dev/zero >"$disk"
	start 1
	[ $? -eq 4 ] && grep -q 'whole 512-byte sectors' "$scratch/err"
}

case_run "root on a disk, one processor" boots 1
case_run "its process, two processors" boots 2 --device-process
case_run "saved, and restored with a process" moves "$moves" "" --device-process
case_run "saved with a process, restored" moves "$moves" --device-process
case_run "what cannot be a disk" refused
case_done
