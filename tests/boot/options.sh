#!/bin/sh
# SPDX-License-Identifier: MIT
# What vmapi-boot says to wrong command lines and wrong files.

. "$srcdir/tests/tap.sh"

boot=examples/boot/vmapi-boot

# says STATUS TEXT option...: that status, nothing on standard output and the
# text on standard error.
says()
{
	want=$1
	text=$2
	shift 2
	"$boot" "$@" </dev/null >"$scratch/out" 2>"$scratch/err"
	status=$?
	[ "$status" -eq "$want" ] && [ ! -s "$scratch/out" ] &&
		grep -qF -e "$text" "$scratch/err" && return
	echo "status $status, should be $want with '$text'; it said:"
	cat "$scratch/out" "$scratch/err"
	return 1
}

shows_help()
{
	"$boot" --help >"$scratch/out" 2>"$scratch/err" || return 1
	[ ! -s "$scratch/err" ] || return 1
	for word in --backend --cpus --mem --kernel --initrd --append --bios \
		--disk --device-process --net --max-instructions --no-reboot \
		--stats --trace; do
		grep -qF -e "$word" "$scratch/out" || {
			echo "no $word"
			return 1
		}
		grep -q "^\\.It Fl Fl ${word#--}" \
			"$srcdir/man/vmapi-boot.1" || {
			echo "no $word in the manual page"
			return 1
		}
	done
}

k=$scratch/kernel
printf '\353\376' >"$k"
: >"$scratch/empty"
head -c 65537 /dev/zero >"$scratch/odd.rom"
head -c 17000000 /dev/zero >"$scratch/huge.rom"
head -c 700000 /dev/zero >"$scratch/flat"
printf '\177ELF' >"$scratch/elf"

case_run "--help and the manual page have every option" shows_help
case_run "--version" "$boot" --version
case_run "nothing to boot" says 2 "--kernel or a --bios"
case_run "both" says 2 "exclude" --kernel "$k" --bios "$k"
case_run "no such option" says 2 "--nonsense" --nonsense
case_run "a word too many" says 2 "what is this: word" --kernel "$k" word
case_run "an option without its value" says 2 "--kernel" --kernel
case_run "--initrd alone" says 2 "--initrd needs" --bios "$k" --initrd "$k"
case_run "--device-process alone" says 2 "--device-process needs" \
	--kernel "$k" --device-process
case_run "no such network" says 2 "user, tap or tap=NAME" \
	--kernel "$k" --net nonsense
case_run "--net user with a word" says 2 "user, tap or tap=NAME" \
	--kernel "$k" --net user=1
case_run "--net tap without its word" says 2 "user, tap or tap=NAME" \
	--kernel "$k" --net tap=
case_run "no name for an interface" says 2 "user, tap or tap=NAME" \
	--kernel "$k" --net tap=0123456789abcdef
case_run "--net under --deterministic" says 2 "not --deterministic" \
	--kernel "$k" --net user --deterministic
case_run "a process without a monitor" says 2 "no monitor" --serve-disk
case_run "--append alone" says 2 "--append needs" --bios "$k" --append x
for value in 0 256 -1 x 1x '' 99999999999999999999; do
	case_run "--cpus '$value'" says 2 "--cpus takes" --kernel "$k" --cpus "$value"
done
for value in 0 1 1023K 5000 2T 1MM -1M x 99999999999999999999G 2000G; do
	case_run "--mem '$value'" says 2 "--mem takes" --kernel "$k" --mem "$value"
done
for value in 0 x -5 1k; do
	case_run "--max-instructions '$value'" says 2 "takes a number" \
		--kernel "$k" --max-instructions "$value"
done
case_run "--trace of something else" says 2 "no such thing" \
	--kernel "$k" --trace=exit,nonsense
case_run "no such backend" says 6 "nonsense" \
	--kernel "$k" --backend nonsense
case_run "a kernel that is not there" says 4 "No such file" \
	--kernel "$scratch/none"
case_run "a folder" says 4 "directory" --kernel "$scratch"
case_run "an empty kernel" says 4 "is empty" --kernel "$scratch/empty"
case_run "an empty initrd" says 4 "is empty" \
	--kernel "$k" --initrd "$scratch/empty"
case_run "a kernel larger than the guest" says 4 "larger than" \
	--kernel /dev/zero --mem 4M
case_run "a ROM of an odd size" says 4 "multiple of 64 KiB" \
	--bios "$scratch/odd.rom"
case_run "a ROM that is too large" says 4 "larger than" \
	--bios "$scratch/huge.rom"

while read -r backend _; do
	case_run "a flat image that is too large on $backend" \
		says 4 "as a flat image" \
		--backend "$backend" --kernel "$scratch/flat"
	case_run "half an ELF file on $backend" says 4 "cut off" \
		--backend "$backend" --kernel "$scratch/elf"
	case_run "an initrd for a flat image on $backend" \
		says 4 "takes no --initrd" \
		--backend "$backend" --kernel "$k" --initrd "$k"
done <<END
$(tests/boot/backends 2>/dev/null)
END
case_done
