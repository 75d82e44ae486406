#!/bin/sh
# SPDX-License-Identifier: MIT
# vmapi-boot on a real KVM: Debian's kernel in Debian's kernel.
#
# QEMU emulates an AMD processor with SVM, Debian's kernel and its KVM run on
# that, and in there a static vmapi-boot boots the same kernel to a shell, or
# rather past it, and to power-off; then once more with a disk in a process of
# its own, which is killed. Nothing of this machine's own /dev/kvm is needed.
# `make bench-svm` runs it; the last lines are the verdict, and above them is
# the console of all.
#
# It is two scripts in one: the second half runs in the emulated machine.

set -u

modules="virtio_ring virtio virtio_mmio virtio_blk"

# What the inner guest does with its disk.
write_autorun()
{
	cat >$tree/autorun <<-'end'
		#!/bin/busybox sh
		echo "read $(md5sum </dev/vda)"
		echo begun
		for i in 1 2 3 4 5 6; do
			dd if=/dev/urandom of=/part bs=64k count=16 2>/dev/null
			dd if=/part of=/dev/vda bs=64k seek=$((16 * i)) \
				conv=notrunc,fsync 2>/dev/null || echo FAILED
			sleep 1
		done
		echo 3 >/proc/sys/vm/drop_caches
		echo "wrote $(md5sum </dev/vda)"
		dmesg | grep -E 'I/O error|reset' | sed 's/^/FAILED /'
	end
	chmod 755 $tree/autorun
}

make_initrd()
{
	tree=/tmp/tree
	mkdir -p $tree/bin $tree/dev $tree/proc $tree/sys $tree/root \
		$tree/modules
	cp /bin/busybox $tree/bin/busybox
	cp /examples/boot/init $tree/init
	chmod 755 $tree/init
	for module in $modules; do
		cp "/kernel/$module.ko" $tree/modules
		echo "$module" >>$tree/modules/order
	done
	(cd $tree && find . | cpio -o -H newc) >/tmp/initrd 2>/dev/null
	write_autorun
	(cd $tree && find . | cpio -o -H newc) >/tmp/initrd.disk 2>/dev/null
}

# boots INITRD option...: its status; the console is in /tmp/console.
boots()
{
	initrd=$1
	shift
	began=$(cut -d ' ' -f 1 /proc/uptime)
	/examples/boot/vmapi-boot --backend kvm --mem 256M --stats "$@" \
		--kernel /vmlinuz --initrd "$initrd" \
		--append "console=ttyS0 panic=-1 no_timer_check poweroff" \
		</dev/null >/tmp/console 2>&1
	status=$?
	ended=$(cut -d ' ' -f 1 /proc/uptime)
	cat /tmp/console
	echo "$began $ended" | awk '{
		printf "vmapi-boot took %.1f s\n", $2 - $1
	}'
	echo "vmapi-boot $* ended with status $status"
	return $status
}

# The disk's process dies twice while the guest writes.
kills()
{
	until grep -q ^begun /tmp/console; do
		sleep 1
	done
	for _ in 1 2; do
		sleep 2
		for process in /proc/[0-9]*; do
			! tr '\0' ' ' 2>/dev/null <"$process/cmdline" |
				grep -q '^vmapi-boot --serve-disk' ||
				kill -9 "${process#/proc/}"
		done
	done
}

said()
{
	tr -d '\r' </tmp/console | grep -q "$1"
}

with_a_process()
{
	head -c 8388608 /dev/urandom >/tmp/disk
	before=$(md5sum </tmp/disk)
	: >/tmp/console
	kills &
	boots /tmp/initrd.disk --disk /tmp/disk --device-process &&
		said "read $before" && said "wrote $(md5sum </tmp/disk)" &&
		said "has died; another one" && ! said "FAILED"
}

inside()
{
	make_initrd
	boots /tmp/initrd && said "This shell is inside" && with_a_process &&
		echo "the disk's process died, and nothing was lost"
}

if [ -f /vmlinuz ] && [ -f /programs ]; then
	inside
	exit
fi

: "${srcdir:=.}"
cd "$srcdir" || exit 1
sh tests/cross/run -b amd64 || exit
cd build-x86_64 || exit 1
srcdir=.. VMI_DEBIAN_ARCH=amd64 VMI_CROSS_MACHINE=svm VMI_CROSS_KERNEL=1 \
	VMI_CROSS_MODULES="$modules" \
	VMI_CROSS_SECONDS=1500 VMI_CROSS_ALARM=1400 \
	VMI_REAL_KVM_TESTS=bench/svm.sh \
	VMI_REAL_KVM_FILES="examples/boot/vmapi-boot examples/boot/init" \
	sh ../tests/cross/kvm.sh
