#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints riscv_newer.expect from the kernel's headers of a later Debian, which
# tests/fetch gets: the headers that the cross compilers bring are of Linux
# 6.1. By hand, where a riscv64 compiler and its emulator are:
#
#	tests/uapi/newer.sh [SUITE] >tests/uapi/riscv_newer.expect

set -eu
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work" "$work.apt"' EXIT
sh tests/fetch -a riscv64 -s "${1:-sid}" "$work/root" linux-libc-dev >&2
include=$work/root/usr/include
riscv64-linux-gnu-gcc -static -o "$work/judge" -I. -isystem \
	"$include/riscv64-linux-gnu" -isystem "$include" \
	tests/uapi/judge_riscv_newer.c
qemu-riscv64 "$work/judge" | LC_ALL=C sort
