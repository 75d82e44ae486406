#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make install` puts down is enough for an application: headers, both
# libraries, the soname, the pkg-config file, the manual pages and a link for
# each of their names.
#
# From make: srcdir, MAKE, CC, PKG_CONFIG, VERSION, SONAME, VMI_SHARED,
# VMI_STATIC, VMI_SAN_CFLAGS and the directories.

. "$srcdir/tests/tap.sh"

: "${MAKE:=make} ${PKG_CONFIG:=pkg-config} ${libdir:?} ${mandir:?}"
stage=$scratch/stage

# Not a part of the make that runs us: neither its jobs nor its flags.
install()
{
	MAKEFLAGS='' MFLAGS='' $MAKE install DESTDIR="$stage"
}

pc()
{
	PKG_CONFIG_LIBDIR=$stage$libdir/pkgconfig:$("$PKG_CONFIG" \
		--variable pc_path pkg-config) \
	PKG_CONFIG_SYSROOT_DIR=$stage "$PKG_CONFIG" "$@" libvmapi
}

cat >"$scratch/hello.c" <<'END'
#include <stdio.h>
#include <vmapi/version.h>

int main(void)
{
	puts(vmapi_version_string());
	return vmapi_version() != VMAPI_VERSION_NUMBER;
}
END

# Flags are lists.
# shellcheck disable=SC2046,SC2086
shared()
{
	$CC ${VMI_SAN_CFLAGS-} -o "$scratch/hello" "$scratch/hello.c" \
		$(pc --cflags --libs) || return 1
	[ "$(LD_LIBRARY_PATH=$stage$libdir "$scratch/hello")" = "$VERSION" ]
}

# shellcheck disable=SC2046,SC2086
static()
{
	$CC ${VMI_SAN_CFLAGS-} -o "$scratch/hello-static" "$scratch/hello.c" \
		$(pc --cflags) "$stage$libdir/libvmapi.a" \
		$(pc --static --libs-only-l | sed 's/-lvmapi//') || return 1
	[ "$("$scratch/hello-static")" = "$VERSION" ]
}

soname()
{
	objdump -p "$stage$libdir/libvmapi.so" | grep -q "SONAME *$SONAME\$" &&
		[ -e "$stage$libdir/$SONAME" ]
}

version()
{
	[ "$(pc --modversion)" = "$VERSION" ]
}

links()
{
	for page in "$srcdir"/man/*.[1-8]; do
		[ -e "$page" ] || continue
		section=${page##*.}
		for name in $(sh "$srcdir/man/names" "$page"); do
			file=$stage$mandir/man$section/$name.$section
			[ -s "$file" ] || { echo "no $file"; return 1; }
		done
	done
}

case_run "make install" install
case_run "pkg-config knows the version" version
case_run "a page or a link for each manual name" links
if [ "${VMI_SHARED-}" = yes ]; then
	case_run "shared library has its soname" soname
	case_run "shared library links and runs" shared
else
	case_skip "shared library has its soname" "built without"
	case_skip "shared library links and runs" "built without"
fi
if [ "${VMI_STATIC-}" = yes ]; then
	case_run "static library links and runs" static
else
	case_skip "static library links and runs" "built without"
fi
case_done
