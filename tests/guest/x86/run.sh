#!/bin/sh
# SPDX-License-Identifier: MIT
# Each guest on each backend present: the status, and the very same output.
#
# `needs` names what a guest wants of the processor beside the usual; a KVM
# that probing found impaired is not asked for it.  What judges the processor
# itself (soft) asks the software one alone.

. "$srcdir/tests/tap.sh"

boot=examples/boot/vmapi-boot
guests=tests/guest/x86
sources=$srcdir/$guests

# guest		status	needs	options
cat >"$scratch/guests" <<'END'
hello.elf	1	-
multiboot.elf	1	-	--initrd MODULE --append one\040"two\040three"
board.elf	1	-
pit.elf		1	-
ioapic.elf	1	-
level.elf	1	isr
rtc.elf		1	-
longmode.elf	1	-
paging.elf	1	paging
smm.elf		1	smm
smp.elf		1	-	--cpus 2
hypercall.elf	1	calls	--cpus 2
hypercall.elf	1	soft	--cpus 2 --deterministic
rings.elf	1	soft
tasks.elf	1	soft
vm86.elf	1	soft
flat.bin	1	-
reset.bin	0	-
END

options()
{
	for word; do
		case $word in
		MODULE) printf '%s\n' "$scratch/module" ;;
		*) printf '%b\n' "$word" ;;
		esac
	done
}

# Under an emulator everything takes longer.
seconds=60
[ -z "${EMULATOR-}" ] || seconds=250

# One guest on one backend: backend file status option...
guest()
{
	backend=$1
	file=$2
	want=$3
	shift 3
	name=${file%.*}
	options "$@" >"$scratch/options"
	set --
	while IFS= read -r word; do
		set -- "$@" "$word"
	done <"$scratch/options"
	# EMULATOR is words.
	# shellcheck disable=SC2086
	timeout "$seconds" ${EMULATOR-} "$boot" --backend "$backend" --mem 32M \
		--kernel "$guests/$file" "$@" </dev/null \
		>"$scratch/$backend.$name" 2>"$scratch/errors"
	status=$?
	diff -u "$sources/$name.out" "$scratch/$backend.$name" && \
		[ "$status" -eq "$want" ] && return
	echo "status $status, and should be $want"
	cat "$scratch/errors"
	return 1
}

printf module >"$scratch/module"
# shellcheck disable=SC2086
${EMULATOR-} tests/boot/backends >"$scratch/backends" || exit 1
[ -s "$scratch/backends" ] || { echo "no backend"; exit 1; }
[ -f "$guests/hello.elf" ] || {
	echo "no compiler for x86 guests here"
	exit 77
}

while read -r backend state; do
	while read -r file want needs more; do
		case $backend,$state,$needs in
		*,-) ;;
		kvm,*,soft) continue ;;
		kvm,impaired,*)
			case_skip "$file on $backend" \
				"this KVM is impaired: $needs"
			continue ;;
		esac
		# Options are words; a blank in one is written \040.
		# shellcheck disable=SC2086
		case_run "$file on $backend" \
			guest "$backend" "$file" "$want" $more
	done <"$scratch/guests"
done <"$scratch/backends"
case_done
