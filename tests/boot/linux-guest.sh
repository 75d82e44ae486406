# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# For tests whose guest is a Linux; without one they are skipped. Read after
# tests/tap.sh.
#
# Its kernel's tests of its ciphers are two thirds of a boot, and so left out
# but by boot/linux where it boots plainly.

# They are for those that read this.
# shellcheck disable=SC2034
{
	boot=examples/boot/vmapi-boot
	seconds=${VMI_BOOT_TIMEOUT:-280}
	append="console=ttyS0 panic=-1 cryptomgr.notests"
}

if [ ! -f "${VMI_GUEST_KERNEL-}" ] || [ ! -f "${VMI_GUEST_INITRD-}" ]; then
	echo "no guest: VMI_GUEST_KERNEL and VMI_GUEST_INITRD name none"
	exit 77
fi
