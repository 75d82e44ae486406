#!/bin/sh
# SPDX-License-Identifier: MIT
# No chained handler ends in a call.
#
# A handler of the software processor ends by jumping to the next one. Where
# it calls instead, every guest instruction eats stack and the guest ends the
# process. configure asks the compiler once (VMI_CHAIN); this test reads what
# the compiler did to every handler: among its instructions there may be no
# indirect call, and no direct call of a handler. (What a handler calls on
# its slow path is a function with a name, called directly.)
#
# The test first proves itself on a handler that chains and on one that
# cannot, because something is left to do after the call.
#
# From make: VMI_CHAIN, CC, VMI_CFLAGS, OBJDUMP, LIBVMAPI_SO, LIBVMAPI_A.

# A handler is a function whose name matches this; clones that the compiler
# makes of one (.cold, .part.0, .constprop.0) count with it.
handler='^(vmi_h|h)_'
# With fewer handlers than this in the library, the pattern above is wrong.
least=0

if [ "${VMI_CHAIN-}" != 1 ]; then
	echo "handlers are not chained in this build"
	exit 77
fi

. "$srcdir/tests/tap.sh"

: "${OBJDUMP:=objdump} ${CC:?}"

# The indirect calls of each machine, as objdump writes them.
indirect()
{
	case $("$OBJDUMP" -f "$1" | sed -n 's/^architecture: \([^,]*\).*/\1/p' |
		sed -n 1p) in
	i386*)		echo '(notrack )?(call|callq) +\*' ;;
	aarch64*)	echo 'blr[a-z]* ' ;;
	powerpc*)	echo 'b(ct|lr)rl' ;;
	s390*)		echo 'basr +%r14' ;;
	riscv*)		echo '(jalr +[a-z0-9]+$|jalr +ra,|c\.jalr)' ;;
	esac
}

# Prints each handler that calls, and as its last line how many there are.
calls()
{
	pattern=$(indirect "$1")
	[ -n "$pattern" ] || { echo "unknown machine: $1"; return; }
	"$OBJDUMP" -d --no-show-raw-insn "$1" |
		awk -v handler="$handler" -v indirect="$pattern" '
	/^[0-9a-f]+ <.*>:$/ {
		name = $2
		gsub(/[<>:]/, "", name)
		on = name ~ handler
		count += on && name !~ /\./
		next
	}
	on && ($0 ~ "[ \t]" indirect) {
		print name ": " $0
	}
	on && /[ \t](call|callq|bl|brasl|jal)[ \t]/ {
		target = $0
		if (!sub(/^.*</, "", target))
			next
		sub(/[>+].*/, "", target)
		if (target ~ handler)
			print name ": " $0
	}
	END { print count + 0 }'
}

all_jump()
{
	calls "$1" >"$scratch/calls"
	cat "$scratch/calls"
	[ "$(wc -l <"$scratch/calls")" -eq 1 ] &&
		[ "$(tail -n 1 "$scratch/calls")" -ge "$2" ]
}

sample()
{
	cat >"$scratch/$1.c" <<-END
	struct op {
		void (*fn)(void *, const struct op *, unsigned long);
	};
	extern int after;
	void vmi_h_sample(void *cpu, const struct op *op, unsigned long n);
	void vmi_h_sample(void *cpu, const struct op *op, unsigned long n)
	{
		op[1].fn(cpu, op + 1, n + 1);
		$2
	}
	END
	# Flags are a list.
	# shellcheck disable=SC2086
	$CC ${VMI_CFLAGS-} ${CFLAGS-} -c -o "$scratch/$1.o" "$scratch/$1.c"
}

finds_call()
{
	! all_jump "$scratch/calls_next.o" 1 >/dev/null &&
		grep -q '^vmi_h_sample: ' "$scratch/calls"
}

sample jumps '' && sample calls_next 'after = 1;' || exit 1
case_run "a chained handler is seen to jump" all_jump "$scratch/jumps.o" 1
case_run "a handler that calls is found" finds_call
[ ! -f "${LIBVMAPI_SO-}" ] ||
	case_run "shared library" all_jump "$LIBVMAPI_SO" "$least"
[ ! -f "${LIBVMAPI_A-}" ] ||
	case_run "static library" all_jump "$LIBVMAPI_A" "$least"
case_done
