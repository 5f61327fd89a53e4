#!/bin/bash
# SPDX-License-Identifier: MIT
# The program gives to loaded drivers what src/libsheaf.map names, all of it and nothing else; and each name is in a public header.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_program nm
source=$here/../..

sed -n 's/^[[:space:]]*\(sheaf_[a-z0-9_]*\);$/\1/p' "$source/src/libsheaf.map" | sort >"$tmp/map"
[ "$(wc -l <"$tmp/map")" -ge 20 ] || fail "src/libsheaf.map has hardly any names"
nm -D --defined-only "$SHEAF" | sed -n 's/.* \(sheaf_[a-z0-9_]*\)\(@.*\)\?$/\1/p' | sort -u >"$tmp/program"
diff "$tmp/map" "$tmp/program" || fail "the map (<) and what the program exports (>) differ"
while read -r name; do
	grep -qw "$name" "$source"/include/sheaf/*.h || fail "$name is exported, and no public header declares it"
done <"$tmp/map"

library=$(dirname "$SHEAF")/libsheaf.so.0
if [ -e "$library" ]; then
	nm -D --defined-only "$library" | sed -n 's/.* \(sheaf_[a-z0-9_]*\)@.*$/\1/p' | sort -u >"$tmp/library"
	diff "$tmp/map" "$tmp/library" || fail "the map (<) and what the library exports (>) differ"
	nm -D --defined-only "$library" | grep -v ' A SHEAF_0' | grep -v ' sheaf_' && fail "it exports names that are not ours"
	readelf -d "$library" | grep -q 'SONAME.*\[libsheaf.so.0\]' || fail "its soname is not libsheaf.so.0"
fi

# Headers alone, in C11 and, where there is one, in C++.
for header in "$source"/include/sheaf/*.h; do
	"${CC:-cc}" -std=c11 -Wall -Wextra -Werror -pedantic -I"$source/include" -x c -fsyntax-only - <<<"#include \"$header\"" ||
		fail "$header does not compile alone in C11"
	! command -v c++ >/dev/null ||
		c++ -std=c++17 -Wall -Wextra -Werror -I"$source/include" -x c++ -fsyntax-only - <<<"#include \"$header\"" ||
		fail "$header does not compile alone in C++"
done
