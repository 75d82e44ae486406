#!/bin/sh
# SPDX-License-Identifier: MIT
# The headers for guests compile for five architectures, freestanding, and
# make calls by the right instructions.

if ! command -v clang >/dev/null 2>&1; then
	echo "clang is not installed"
	exit 77
fi

. "$srcdir/tests/tap.sh"

cat >"$scratch/guest.c" <<'END'
#include <vmapi/guest/hypercall.h>
#include <vmapi/guest/ring.h>

vmapi_guest_u64 act(struct vmapi_guest_calls *calls, const void *descriptor,
	struct vmapi_ring_end *end)
{
	struct vmapi_guest_args args = { { 1, 2, 3, 4, 5, 6, 7, 8, 9 } };
	vmapi_guest_u64 value = 0;

	if (!vmapi_guest_parse(calls, descriptor) ||
		vmapi_ring_put(end, args.word) != 1)
		return 0;
	if (vmapi_ring_data_wanted(end))
		value = vmapi_guest_call(calls, 5, &args);
	if (!vmapi_guest_prefers(calls, 0x1000, 4) ||
		!vmapi_guest_read(calls, 0x1000, 4, &value))
		vmapi_guest_write(calls, 0x1000, 4, value);
	return value + args.word[8];
}
END

# Bytes that the code has, one place after another.
bytes_of()
{
	od -An -v -tx1 "$1" | tr -d ' \n'
}

# target, level, instructions...
compiles()
{
	clang --target="$1" "$2" -std=gnu99 -ffreestanding -nostdinc -Wall \
		-Wextra -Wshadow -Werror -I"$srcdir/include" -c \
		-o "$scratch/guest.o" "$scratch/guest.c" || return 1
	shift 2
	for bytes; do
		bytes_of "$scratch/guest.o" | grep -q "$bytes" || {
			echo "no $bytes"
			return 1
		}
	done
}

# VMCALL, VMMCALL, OUT; HVC #0, STR; SC 1; DIAGNOSE; ECALL.
for level in -O0 -O2; do
	case_run "x86-64 $level" compiles x86_64-linux-gnu $level \
		0f01c1 0f01d9 ef 41894500
	case_run "arm64 $level" compiles aarch64-linux-gnu $level \
		020000d4 800200b9
	case_run "ppc64, little-endian $level" compiles \
		powerpc64le-linux-gnu $level 22000044 00007490
	case_run "ppc64, big-endian $level" compiles \
		powerpc64-linux-gnu $level 44000022 90740000
	case_run "s390x $level" compiles s390x-linux-gnu $level 83240500
	case_run "riscv64 $level" compiles riscv64-linux-gnu $level \
		73000000 23200a01
done
case_done
