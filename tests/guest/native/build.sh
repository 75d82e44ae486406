#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a guest of the host's own architecture: build.sh OUTPUT SOURCE, with
# $CC, $srcdir and $machine (as uname says it) as make has them. It runs with
# its MMU off, without a C library, and has nothing but integer registers.

set -eu

case $machine in
aarch64)	more='-mgeneral-regs-only -mstrict-align' ;;
powerpc64*)	more='-mno-vsx -mno-altivec -msoft-float' ;;
riscv64)	more='-march=rv64imac -mabi=lp64 -mcmodel=medany -Wl,--no-relax' ;;
*)		echo "$1: no such guests for $machine"; exit 1 ;;
esac
# $CC and $more are words. Not every linker writes flat images by itself.
# shellcheck disable=SC2086
$CC $more -O2 -ffreestanding -fno-builtin -fno-pic -fno-pie -no-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables \
	-fno-tree-loop-distribute-patterns -Wall -Wextra -nostdlib -static \
	-I"$srcdir/include" -Wl,--build-id=none \
	-Wl,-T,"$srcdir/tests/guest/native/guest.ld" \
	-Wl,-z,max-page-size=4096 -Wl,-e,_start -o "$1.linked" "$2"
compiler=${CC%% *}
case $compiler in
*gcc)	objcopy=${compiler%gcc}objcopy ;;
*)	objcopy=objcopy ;;
esac
"$objcopy" -O binary "$1.linked" "$1"
rm "$1.linked"
