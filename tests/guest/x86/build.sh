#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a guest: build.sh OUTPUT SOURCE, with $CC, $srcdir as make has them.
#
# NAME.c becomes NAME.elf, a 32-bit multiboot kernel, or NAME.raw, a flat image
# of 64 bits for 0x1000; NAME.S becomes NAME.bin, a flat image for 0x7c00.
# Guests need neither a C library nor headers, so
# the compiler of any x86 host will do; elsewhere a cross compiler of Debian's
# name is looked for. Without one nothing is made and the tests say so.

set -eu

output=$1
source=$2
here=${srcdir:-.}/tests/guest/x86
flags="-m32 -march=i486 -mgeneral-regs-only -ffreestanding -fno-pic -fno-pie
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
	-fno-builtin -O1 -Wall -Wextra
	-nostdlib -static -Wl,--build-id=none"

rm -f "$output"

# $cc, $flags and $more are words, all through.
# shellcheck disable=SC2086
works()
{
	echo 'void _start(void) { __asm__("movl %eax, %cr0"); }' |
		$cc $flags $more -x c -o "$output.try" - 2>/dev/null
	status=$?
	rm -f "$output.try"
	return $status
}

# The linkers of today warn of what a guest wants: one writable segment.
for cc in "${GUEST_CC-}" "${CC-}" gcc clang x86_64-linux-gnu-gcc \
	i686-linux-gnu-gcc; do
	[ -n "$cc" ] || continue
	for more in -Wl,--no-warn-rwx-segments ''; do
		works || continue
		case $output:$source in
		*.raw:*) set -- -m64 -march=x86-64 -mno-red-zone -O2 \
				-I"${srcdir:-.}/include" -Wl,-N \
				-Wl,-Ttext=0x1000 -Wl,--oformat=binary \
				"$source" ;;
		*.S)	set -- -Wl,-Ttext=0x7c00 -Wl,--oformat=binary \
				-Wl,-e,0x7c00 "$source" ;;
		*)	set -- -Wl,-T,"$here/guest.ld" -I"$here" \
				"$here/start.S" "$source" ;;
		esac
		# shellcheck disable=SC2086
		exec $cc $flags $more -o "$output" "$@"
	done
done
echo "$output: no compiler for x86 guests here"
