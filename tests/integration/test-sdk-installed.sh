#!/bin/bash
# SPDX-License-Identifier: MIT
# As installed: a driver is built with pkg-config against the headers and either library, and the installed program judges it.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_program make pkg-config
if is_sanitized; then
	echo "left to the other builds: a sanitizer's runtime is not linked by what pkg-config says"
	exit 0
fi
build=$(dirname "$SHEAF")
requires "$build is no build folder" test -e "$build/Makefile" -a -e "$build/libsheaf.so.0"
root=$tmp/root

env -u MAKEFLAGS -u MAKELEVEL make -s -C "$build" install DESTDIR="$root" >"$tmp/log" 2>&1 || {
	cat "$tmp/log"
	fail "make install"
}
pc=$(find "$root" -name sheaf.pc)
[ -n "$pc" ] || fail "sheaf.pc is not installed"
export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
read -ra flags <<<"$(pkg-config --cflags sheaf)"
read -ra libs <<<"$(pkg-config --libs sheaf)"
# All that the library needs itself, without the library.
read -ra private <<<"$(pkg-config --static --libs sheaf | sed 's/-lsheaf//')"
libdir=${pc%/pkgconfig/*}
example=$(find "$root" -name ramdisk.c)
[ -n "$example" ] || fail "the examples' sources are not installed"
program=$(find "$root" -type f -path '*bin/sheaf')

# With the library, and without: what the server exports is enough.
"${CC:-cc}" "${flags[@]}" -shared -fPIC "$example" "${libs[@]}" -o "$tmp/with.so"
"${CC:-cc}" "${flags[@]}" -shared -fPIC "$example" -o "$tmp/without.so"
LD_LIBRARY_PATH=$libdir timeout -k 5 120 "$program" check "$tmp/with.so" >"$tmp/out" || {
	cat "$tmp/out"
	fail "a driver that is linked with libsheaf.so breaks rules"
}
timeout -k 5 120 "$program" check "$tmp/without.so" >"$tmp/out" || {
	cat "$tmp/out"
	fail "a driver that is not linked with it breaks rules"
}

# A program with each of the libraries.
cat >"$tmp/user.c" <<'END'
#include <stdio.h>
#include <sheaf/disk.h>
static int nothing(void *arg, struct sheaf_store_io *io)
{
	(void)arg, (void)io;
	return 0;
}
int main(void)
{
	const struct sheaf_medium medium = { .bytes = 1 << 20, .read = nothing, .write = nothing };
	const struct sheaf_medium odd = { .bytes = 1000, .read = nothing, .write = nothing };
	struct sheaf_disk *disk;
	uint64_t id = 0;

	if (sheaf_disk_create_over(&odd, 1, 8, &disk) == 0 || sheaf_disk_create_over(&medium, 1, 8, &disk) < 0)
		return 1;
	if (sheaf_disk_ops.report_initiator_identifier(disk, &id) < 0 || id != 7)
		return 1;
	sheaf_disk_free(disk);
	puts("works");
	return 0;
}
END
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror "${flags[@]}" "$tmp/user.c" "${libs[@]}" -o "$tmp/shared"
[ "$(LD_LIBRARY_PATH=$libdir "$tmp/shared")" = works ] || fail "a program with libsheaf.so"
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror "${flags[@]}" "$tmp/user.c" "$libdir/libsheaf.a" "${private[@]}" -o "$tmp/static"
[ "$("$tmp/static")" = works ] || fail "a program with libsheaf.a"
if command -v nm >/dev/null; then
	nm --defined-only -g "$libdir/libsheaf.a" | sed -n 's/.* [A-Z] //p' | sort -u >"$tmp/static.names"
	sed -n 's/^[[:space:]]*\(sheaf_[a-z0-9_]*\);$/\1/p' "$here/../../src/libsheaf.map" | sort | diff - "$tmp/static.names" ||
		fail "libsheaf.a has other names than the map"
fi

# Found by its name alone.
LD_LIBRARY_PATH=$libdir timeout -k 5 20 "$program" mount --controller=no-such.so "$tmp" 2>"$tmp/err" &&
	fail "mounted no driver"
grep -q "nor in .*/sheaf;" "$tmp/err" || fail "it does not say where drivers are: $(cat "$tmp/err")"
for name in ramdisk single-task stripe slow forward; do
	[ -n "$(find "$root" -path "*/sheaf/$name.so")" ] || fail "$name.so is not installed"
done
