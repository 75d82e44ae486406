#!/bin/sh
# SPDX-License-Identifier: MIT
# No chained handler ends in a call.
#
# A handler of the software processor ends by jumping to the next one. Where
# it calls instead, every guest instruction eats stack and the guest ends the
# process. configure asks the compiler once (VMI_CHAIN); this test reads what
# the compiler did to every handler:
#
# - it does not return, so every way out of it is a jump (or the longjmp of a
#   function that does not return either), and there is at least one jump;
# - it calls no handler, and nothing through a pointer. (What it calls on its
#   slow path is a function with a name.)
#
# The test first proves itself on a handler that chains, and on two that
# cannot because something is left to do after the call.
#
# From make: VMI_CHAIN, CC, VMI_CFLAGS, OBJDUMP, LIBVMAPI_SO, LIBVMAPI_A.

# A handler is a function whose name matches this; clones that the compiler
# makes of one (.cold, .part.0, .constprop.0) count with it.
handler='^(vmi_h|h)_'
# Those that end a chain: they do return, to the run loop, or only raise.
enders='^vmi_h_(enter|dead|end|killed|helper_end|helper_jump|fault|bpf_done|bpf_starved)$'
# Those whose work is a function that a table names.
helpers='^vmi_h_helper(_end|_jump)?$'
# With fewer handlers than this in the library, the pattern above is wrong.
least=900

if [ "${VMI_CHAIN-}" != 1 ]; then
	echo "handlers are not chained in this build"
	exit 77
fi

. "$srcdir/tests/tap.sh"

: "${OBJDUMP:=objdump} ${CC:?}"

# What objdump writes on each machine: indirect calls; returns; jumps.
machine()
{
	case $("$OBJDUMP" -f "$1" | sed -n 's/^architecture: \([^,]*\).*/\1/p' |
		sed -n 1p) in
	i386*)
		indirect='(notrack )?callq? +[*]'
		returns='(repz |bnd )?retq?$'
		jumps='(notrack |bnd )?jmpq? ' ;;
	aarch64*)
		indirect='blr[a-z]* '
		returns='ret$'
		jumps='br? ' ;;
	s390*)
		indirect='basr[ \t]+%r14,'
		returns='br[ \t]+%r14$'
		jumps='(br[ \t]+%r[0-9]+$|jg?[ \t])' ;;
	riscv*)
		indirect='(jalr[ \t]+[a-z0-9]+$|jalr[ \t]+ra,|c\.jalr)'
		returns='ret$'
		jumps='(j|jr)[ \t]' ;;
	*)
		return 1 ;;
	esac
}

# Prints each fault, and as its last line how many handlers there are. In an
# archive the target of a call is in the relocation on the line after it.
faults()
{
	machine "$1" || { echo "unknown machine: $1"; return; }
	"$OBJDUMP" -dr --no-show-raw-insn "$1" | sed 's/[ \t]*$//' |
		awk -v handler="$handler" -v enders="$enders" \
		-v helpers="$helpers" -v indirect="[ \t]$indirect" \
		-v returns="[ \t]$returns" -v jumps="[ \t]$jumps" '
	function target(text)
	{
		if (text ~ handler && text !~ /\.cold/)
			print name ": calls the handler " text
		call = ""
	}
	function finish()
	{
		if (call != "")
			target(call)
		if (on && main && !jumped && name !~ enders)
			print name ": jumps nowhere"
	}
	/^[0-9a-f]+ <.*>:$/ {
		finish()
		name = $2
		gsub(/[<>:]/, "", name)
		main = name !~ /\./
		sub(/\..*/, "", name)
		on = name ~ handler
		count += on && main
		jumped = 0
		next
	}
	!on { next }
	/[ \t]R_[A-Z0-9_]+[ \t]/ {
		if (call != "") {
			call = $NF
			sub(/[-+]0x.*/, "", call)
			target(call)
		}
		next
	}
	{
		if (call != "")
			target(call)
		jumped += $0 ~ jumps
	}
	$0 ~ returns && name !~ enders { print name ": returns: " $0 }
	$0 ~ indirect && name !~ helpers { print name ": " $0 }
	/[ \t](call|callq|bl|brasl|jal)[ \t].*</ {
		call = $0
		sub(/^.*</, "", call)
		sub(/[>+].*/, "", call)
	}
	END {
		finish()
		print count + 0
	}'
}

all_jump()
{
	faults "$1" >"$scratch/faults"
	cat "$scratch/faults"
	[ "$(wc -l <"$scratch/faults")" -eq 1 ] &&
		[ "$(tail -n 1 "$scratch/faults")" -ge "$2" ]
}

sample()
{
	cat >"$scratch/$1.c" <<-END
	struct op {
		void (*fn)(void *, const struct op *, unsigned long);
	};
	extern int after;
	void vmi_h_sample(void *cpu, const struct op *op, unsigned long n);
	void vmi_h_other(void *cpu, const struct op *op, unsigned long n);
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

# What the test has to say of the sample.
finds()
{
	! all_jump "$scratch/$1.o" 1 >/dev/null &&
		grep -q "^vmi_h_sample: $2" "$scratch/faults"
}

sample jumps '' && sample returns 'after = 1;' &&
	sample calls 'vmi_h_other(cpu, op, n); op->fn(cpu, op, n);' || exit 1
case_run "a chained handler is seen to jump" all_jump "$scratch/jumps.o" 1
case_run "a handler that returns is found" finds returns 'returns'
case_run "a handler that calls a handler is found" \
	finds calls 'calls the handler vmi_h_other'
[ ! -f "${LIBVMAPI_SO-}" ] ||
	case_run "shared library" all_jump "$LIBVMAPI_SO" "$least"
[ ! -f "${LIBVMAPI_A-}" ] ||
	case_run "static library" all_jump "$LIBVMAPI_A" "$least"
case_done
