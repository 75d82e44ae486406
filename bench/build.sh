#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the benchmark guest: build.sh OUTPUT, with $CC, $srcdir, $OBJCOPY.
#
# It is 64-bit code in an ELF of 32 bits, which is what QEMU's multiboot
# loader takes.

set -eu

output=$1
here=${srcdir:-.}/bench
flags="-O2 -m64 -mno-red-zone -ffreestanding -fno-pic -fno-pie -no-pie
	-fno-stack-protector -fno-asynchronous-unwind-tables
	-fcf-protection=none -fno-tree-loop-distribute-patterns
	-fno-tree-vectorize -Wall -Wextra -nostdlib -static"
integer=-mgeneral-regs-only

rm -f "$output"*.o
for source in start.S guest.c integer.c mixed.c text.c calls.c system.c \
	paging.c matrix.c float.c x87.c suite.c; do
	case $source in
	*.c)	more=$integer ;;
	*)	more= ;;
	esac
	case $source in
	matrix.c | float.c | suite.c) more=-msse2 ;;
	x87.c)	more="-mfpmath=387 -DBENCH_X87" ;;
	esac
	# shellcheck disable=SC2086
	${CC:-gcc} $flags $more -c -o "$output-$source.o" \
		"$here/$(echo $source | sed s/x87/float/)"
done
# shellcheck disable=SC2086
${CC:-gcc} $flags -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
	-Wl,-T,"$here/guest.ld" -o "$output.64" "$output"-*.o
"${OBJCOPY:-objcopy}" -O elf32-i386 "$output.64" "$output"
rm -f "$output"-*.o "$output.64"
