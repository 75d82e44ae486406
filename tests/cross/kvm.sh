#!/bin/sh
# SPDX-License-Identifier: MIT
# The conformance suite on a real KVM of the architecture that was built for.
#
# Debian's kernel boots under QEMU, which emulates the processor and its
# virtualization, with tests/cross/init.c as the first process and the tests
# of $VMI_REAL_KVM_TESTS in its initramfs, statically linked, with the files
# of $VMI_REAL_KVM_FILES that they read. Nothing of the machine that runs this
# matters, /dev/kvm least of all. tests/cross/run builds what this needs and
# starts it.
#
# From the environment, beside the lists: VMI_CROSS_SECONDS for a machine,
# VMI_CROSS_ALARM for a test, VMI_CROSS_MACHINE (only this one),
# VMI_CROSS_KERNEL (not empty: /vmlinuz in there is the kernel itself), and
# VMI_CROSS_MODULES (these of its modules are in /kernel, as files).

set -u
: "${srcdir:=.}"

work=tests/cross/guest
seconds=${VMI_CROSS_SECONDS:-900}
alarm=${VMI_CROSS_ALARM:-200} # of one test
only=${VMI_CROSS_MACHINE-}

skip()
{
	echo "$*"
	exit 77
}

bail()
{
	echo "Bail out! $*"
	exit 1
}

# The machines of this architecture, without comments.
machines()
{
	sed '/^#/d; /^$/d' "$srcdir/tests/cross/machines" |
		awk -v arch="$VMI_DEBIAN_ARCH" -v only="$only" \
			'$1 == arch && (only == "" || $2 == only)'
}

# Leaves the kernel, its modules and a static busybox in $work/$package.
fetch() # suite, package
{
	[ ! -f "$work/$2/busybox" ] || return 0
	rm -rf "$work/root" "$work/${2:?}"
	[ "$1" != - ] || set -- '' "$2"
	sh "$srcdir/tests/fetch" -a "$VMI_DEBIAN_ARCH" ${1:+-s "$1"} \
		"$work/root" "$2" busybox-static </dev/null \
		>"$work/fetch.log" 2>&1 ||
		skip "$(tail -n 1 "$work/fetch.log")"
	mkdir "$work/$2"
	mv "$work"/root/boot/vmlinu* "$work/$2/vmlinuz"
	find "$work/root" -name '*.ko*' -exec mv {} "$work/$2" \;
	find "$work/root" -name busybox -type f -exec mv {} "$work/$2" \;
	rm -rf "$work/root"
}

# A module may be packed, and the kernel unable to unpack it.
unpack() # package, module
{
	file=$(find "$work/$1" -name "$2.ko*")
	case $file in
	*.xz)	xz -dc "$file" ;;
	*.ko)	cat "$file" ;;
	*)	bail "$1 has no module $2" ;;
	esac
}

module() # package, module
{
	unpack "$1" "$2" >"$tree/$2.ko"
	echo "/$2.ko" >>"$tree/modules"
}

# What was built is below this folder, what is read as it is below $srcdir.
# Programs go without debug information: all of them are the guest's RAM.
place() # file
{
	mkdir -p "$tree/$(dirname "$1")"
	"${CC%gcc}strip" -g -o "$tree/$1" "$1" 2>/dev/null && return
	cp "$1" "$tree/$1" 2>/dev/null || cp "$srcdir/$1" "$tree/$1" ||
		bail "there is no $1"
}

initramfs() # machine, package, modules
{
	tree=$work/tree
	rm -rf "$tree"
	mkdir -p "$tree/bin"
	cp tests/cross/init "$tree/init"
	cp "$work/$2/busybox" "$tree/bin/busybox"
	: >"$tree/modules"
	: >"$tree/programs"
	for module in $(echo "$3" | tr , ' '); do
		[ "$module" = - ] || module "$2" "$module"
	done
	for file in $VMI_REAL_KVM_TESTS; do
		place "$file"
		echo "/$file" >>"$tree/programs"
	done
	for file in $VMI_REAL_KVM_FILES; do
		place "$file"
	done
	for module in ${VMI_CROSS_MODULES-}; do
		mkdir -p "$tree/kernel"
		unpack "$2" "$module" >"$tree/kernel/$module.ko"
	done
	[ -z "${VMI_CROSS_KERNEL-}" ] || cp "$work/$2/vmlinuz" "$tree/vmlinuz"
	(cd "$tree" && find . | sort | cpio -o -H newc -R 0:0 --quiet) |
		gzip -1 >"$work/$1.initrd"
	rm -rf "$tree"
}

# Emulates it until its last line, since not every machine can power itself
# off. What the other backends do, the first suite has seen. The command is a
# list of words.
emulate() # machine, package, console, command...
{
	log=$work/$1.log
	initrd=$work/$1.initrd
	kernel=$work/$2/vmlinuz
	console=$3
	shift 3
	"$@" -accel tcg,thread=single -smp 1 -m 1024 -nographic -no-reboot \
		-nodefaults -serial mon:stdio -kernel "$kernel" \
		-initrd "$initrd" -append "console=$console rdinit=/init \
no_timer_check loglevel=4 panic=-1 VMI_ALARM=$alarm VMI_BACKEND=kvm" </dev/null >"$log" 2>&1 &
	waited=0
	while kill -0 $! 2>/dev/null && [ $waited -lt "$seconds" ]; do
		sleep 1
		waited=$((waited + 1))
		if grep -q -e '^1\.\.' -e '^Bail out!' -e 'Kernel panic' "$log"
		then
			sleep 1
			break
		fi
	done
	kill $! 2>/dev/null
	wait $! 2>/dev/null
}

# A machine's cases from its console, numbered on from $total. A case of a
# test that has several is a comment of that test's own.
cases() # machine, log
{
	tr -d '\r' <"$2" | awk -v machine="$1" -v from="$total" '
	function verdict(line, owner)
	{
		n++
		bad = line ~ /^not /
		sub(/^(not )?ok [0-9]+ - /, "", line)
		print (bad ? "not " : "") "ok " from + n " - " machine \
			": " owner line
	}
	/^(not )?ok [0-9]+ - / {
		verdict($0, "")
		next
	}
	/^# (not )?ok [0-9]+ - / {
		verdict(substr($0, 3), "case ")
		own++
		next
	}
	/^1\.\.[0-9]+$/ {
		planned = substr($0, 4) + 0
		next
	}
	{ print /^#/ ? $0 : "# " $0 }
	END {
		if (!n || n != planned + own)
			verdict("not ok 0 - did not reach its end", "")
		print n >count
	}' count="$work/count"
	total=$((total + $(cat "$work/count")))
}

# What a line of tests/cross/machines says, once for each machine and step.
each() # step
{
	while read -r _ machine suite package console modules command; do
		# The command is a list of words.
		# shellcheck disable=SC2086
		"$1" $command
	done <"$work/machines"
}

prepare() # command...
{
	command -v "$1" >/dev/null 2>&1 || skip "there is no $1 here"
	fetch "$suite" "$package"
	initramfs "$machine" "$package" "$modules"
}

start() # command...
{
	emulate "$machine" "$package" "$console" "$@" &
	[ -n "$together" ] || wait
}

count()
{
	cases "$machine" "$work/$machine.log"
}

[ "${VMI_SHARED-}" != yes ] || bail "needs a static build: tests/cross/run"
mkdir -p "$work"
total=0
machines >"$work/machines"
[ -s "$work/machines" ] || bail "no machine has $VMI_DEBIAN_ARCH"
each prepare
# Each takes a processor.
together=
[ "$(wc -l <"$work/machines")" -gt "$(getconf _NPROCESSORS_ONLN)" ] ||
	together=yes
each start
wait
each count
echo "1..$total"
