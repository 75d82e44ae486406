# SPDX-License-Identifier: MIT
# Does the compiler turn a handler's last call into a jump?

# VMI_PROBE_CHAIN
# The software processor chains its handlers: each ends by calling the next.
# That is only right where the call becomes a jump, which depends on the
# compiler, on its version, on the ABI and on the user's CFLAGS, so none of
# these is asked: the chain is run. 10^8 indirect calls with four arguments
# on a 64 KiB stack (or the least that a thread may have: 128 KiB on some)
# either finish or run out of stack at once.
#
# A cross build runs the probe under $EMULATOR when that is set, and assumes
# no otherwise; vmi_cv_chain=yes or no on the command line overrides both.
AC_DEFUN([VMI_PROBE_CHAIN], [
	AC_ARG_VAR([EMULATOR],
		[command that runs host programs in a cross build])
	AC_CACHE_CHECK([whether handlers can be chained], [vmi_cv_chain], [
		vmi_cv_chain=no
		vmi_save_CFLAGS=$CFLAGS
		vmi_save_LIBS=$LIBS
		CFLAGS="$CFLAGS $VMI_CFLAGS $VMI_SAN_CFLAGS $VMI_FP_CFLAGS \
$VMI_HANDLER_CFLAGS"
		LIBS="$LIBS -lpthread"
		AC_LINK_IFELSE([_VMI_CHAIN_PROGRAM], [
			AS_IF([test "x$cross_compiling" != xyes],
				[vmi_run=], [vmi_run=$EMULATOR])
			AS_IF([test "x$cross_compiling" = xyes &&
				test -z "$EMULATOR"], [],
			[(ulimit -c 0; ulimit -t 30; $vmi_run ./conftest$EXEEXT; exit $?) \
				>/dev/null 2>&1 && vmi_cv_chain=yes])
		])
		CFLAGS=$vmi_save_CFLAGS
		LIBS=$vmi_save_LIBS
	])
	AS_IF([test "x$vmi_cv_chain" = xyes], [
		vmi_chain=1
		vmi_chain_word="yes"
	], [
		vmi_chain=0
		vmi_chain_word="no, they run under a loop (slower)"
	])
	AC_DEFINE_UNQUOTED([VMI_CHAIN], [$vmi_chain],
		[1 if a handler's last call becomes a jump])
	AC_SUBST([VMI_CHAIN], [$vmi_chain])
	AM_CONDITIONAL([CHAIN], [test $vmi_chain = 1])
])

AC_DEFUN([_VMI_CHAIN_PROGRAM], [AC_LANG_SOURCE([[
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#define STACK (64 * 1024)
#define CALLS 100000000u

struct op {
	void (*fn)(void *, const struct op *, uint64_t, uint64_t *);
};

typedef void handler(void *, const struct op *, uint64_t, uint64_t *);

static handler even, odd;
static struct op ops[3];

static void even(void *cpu, const struct op *op, uint64_t n, uint64_t *sum)
{
	*sum += n;
	if (n == 0)
		return;
	op++;
	op->fn(cpu, op, n - 1, sum);
}

static void odd(void *cpu, const struct op *op, uint64_t n, uint64_t *sum)
{
	*sum ^= n;
	if (n == 0)
		return;
	op--;
	op->fn(cpu, op, n - 1, sum);
}

static void *chain(void *arg)
{
	ops[0].fn(arg, ops, CALLS, arg);
	return NULL;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	uint64_t sum = 0;
	long least = sysconf(_SC_THREAD_STACK_MIN);

	ops[0].fn = even;
	ops[1].fn = odd;
	if (pthread_attr_init(&attr) ||
			pthread_attr_setstacksize(&attr,
				least > STACK ? least : STACK) ||
			pthread_create(&thread, &attr, chain, &sum) ||
			pthread_join(thread, NULL))
		return 1;
	return sum == 0;
}
]])])
