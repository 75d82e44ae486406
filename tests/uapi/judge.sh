#!/bin/sh
# SPDX-License-Identifier: MIT
# What the kernel's headers of this build's architecture say is what
# tests/uapi/ARCH.expect says.
#
# From make: srcdir, EMULATOR, VMI_KVM_ARCH (the architecture).

set -eu

expect=$srcdir/tests/uapi/${VMI_KVM_ARCH:?}.expect
# EMULATOR is a command with arguments.
# shellcheck disable=SC2086
${EMULATOR-} tests/uapi/judge | LC_ALL=C sort | diff "$expect" - || {
	echo "the judge says otherwise than $expect"
	exit 1
}
