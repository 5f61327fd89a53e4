#!/bin/bash
# SPDX-License-Identifier: MIT
# What shells complete with is what --help says: each command, option and choice; files, and the mounted directories.
# bash, zsh and fish complete a line with it, as far as they are installed.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
scripts=$here/../../completion

# offered WORD...: the candidates for the last one
offered() {
	timeout 20 "$SHEAF" --complete "$@" | cut -f 1
}

# offers CANDIDATE WORD...
offers() {
	local wanted=$1
	shift
	offered "$@" | grep -qxF -e "$wanted" || fail "does not offer $wanted for: $*"
}

# offers_just "CANDIDATES" WORD...
offers_just() {
	local wanted=$1 got
	shift
	got=$(offered "$@" | paste -s -d ' ')
	[ "$got" = "$wanted" ] || fail "offers '$got', not '$wanted', for: $*"
}

# --- the program: as its help says ---

# The first list of the help.
mapfile -t commands < <("$SHEAF" --help | awk '/^$/ { part++ } part == 1 && NF { print $1 }')
[ ${#commands[@]} -ge 6 ] || fail "sheaf --help has only: ${commands[*]}"
[ "$(offered "")" = "$(printf '%s\n' "${commands[@]}")" ] || fail "commands: $(offered "")"
count=0
for command in "${commands[@]}"; do
	while read -r name value; do
		case $value in
		'') offers "--$name" "$command" "--${name:0:1}" ;;
		*)
			# A flag with on and off may have none.
			offered "$command" - | grep -qxE -e "--$name=?" || fail "$command: does not offer --$name"
			case $value in
			*'|'*)
				for word in ${value//|/ }; do
					[[ $word =~ ^[A-Z]+$ ]] || offers "--$name=$word" "$command" "--$name="
				done
				;;
			esac
			;;
		esac
		count=$((count + 1))
	done < <("$SHEAF" "$command" --help | sed -n 's/^ .*--\([a-z-]*\)=\{0,1\}\([^ ]*\).*/\1 \2/p' | sed 's/ $//' |
		grep -v -e '^$')
	# And nothing else.
	for word in $(offered "$command" --); do
		word=${word%=}
		"$SHEAF" "$command" --help >"$tmp/help"
		[ "$command" != attach ] || "$SHEAF" mount --help >>"$tmp/help"
		grep -qE -e "$word([= ]|$)" "$tmp/help" || fail "$command: offers $word, which its help does not have"
	done
done
[ $count -ge 30 ] || fail "only $count options were looked at"

offers_just "mount" mo
offers_just "--transport=uring" mount --transport=u
offers_just "auto dev uring" mount --transport ""
offers_just "auto fused" mount --workers ""
offers_just "512 4096" mount -b ""
offers_just "ro,io=sync" mount -o ro,io=s
offers_just "ro,transport=" mount -o ro,tr
offers_just "ro,transport=uring" attach -o ro,transport=u
offers_just ":files" mount --read-only ""
offers_just ":files" mount --io uring "$tmp"
offers_just ":files" mount --pidfile=
offers_just ":files" mount -- --
offers_just ":directories" attach image ""
offers_just ":files" record mnt ""
offers_just ":files" replay --to=
offers_just "--speed=full" replay --speed=f
offers_just "" create image ""
offers_just "" nosuch ""

# --- mounted directories ---

cd "$tmp"
mkdir bin
ln -s "$SHEAF" bin/sheaf
PATH=$tmp/bin:$PATH
mounted=false
if [ -c /dev/fuse ] && [ "$(id -u)" = 0 ] && (exec 3<>/dev/fuse) 2>/dev/null; then
	mounted=true
	make_image image 1M
	mount_sheaf "$tmp/image" "$tmp/mnt-of-ours"
	offers "mnt-of-ours" umount ""
	offers "$tmp/mnt-of-ours" stats --json "$tmp/"
	offers_just "mnt-of-ours" umount mn
	# A server that does not answer is not asked.
	stop_process "$server"
	offers_just "mnt-of-ours" umount mn
	kill -CONT "$server"
fi

# --- shells ---

: >file-to-serve
: >"name with blanks"
bash_rc="PS1='$ '; bind 'set enable-bracketed-paste off'; . '$scripts/bash/sheaf'"
zsh_rc="PS1='$ '; unsetopt zle_bracketed_paste; fpath=('$scripts/zsh' \$fpath); autoload -U compinit; compinit -u -D"

# completes SHELL LINE RESULT: with a tab
completes() {
	local got
	case $1 in
	bash) got=$(timeout 30 python3 "$here/type_line.py" "$bash_rc" "$2" bash --norc --noprofile -i) ;;
	zsh) got=$(timeout 30 python3 "$here/type_line.py" "$zsh_rc" "$2" zsh -f -i) ;;
	esac
	got=${got% END}
	got=${got% }
	echo "  $1: $2 -> $got"
	[ "$got" = "$3" ] || fail "$1: '$2' became '$got', not '$3'"
}

export INPUTRC=/dev/null TERM=dumb HOME=$tmp
for shell in bash zsh; do
	if ! command -v $shell >/dev/null || ! command -v python3 >/dev/null; then
		echo "$shell or python3 is not installed; left out"
		continue
	fi
	completes $shell "sheaf mou" "sheaf mount"
	completes $shell "sheaf mount --tr" "sheaf mount --transport="
	completes $shell "sheaf mount --transport=u" "sheaf mount --transport=uring"
	completes $shell "sheaf mount --transport u" "sheaf mount --transport uring"
	completes $shell "sheaf mount -o ro,io=s" "sheaf mount -o ro,io=sync"
	completes $shell "sheaf mount --pidfile=file-" "sheaf mount --pidfile=file-to-serve"
	completes $shell "sheaf mount -r file-" "sheaf mount -r file-to-serve"
	# echo takes the backslashes away.
	completes $shell "sheaf create name" "sheaf create name with blanks"
	! $mounted || completes $shell "sheaf umount mn" "sheaf umount mnt-of-ours"
done

if command -v fish >/dev/null; then
	# in_fish LINE CANDIDATES
	in_fish() {
		local got
		got=$(XDG_CONFIG_HOME=$tmp XDG_DATA_HOME=$tmp timeout 30 fish --no-config -c \
			"source '$scripts/fish/sheaf.fish'; complete -C '$1'" | cut -f 1 | sort | paste -s -d ' ')
		echo "  fish: $1 -> $got"
		[ "$got" = "$2" ] || fail "fish: '$1' gives '$got', not '$2'"
	}
	in_fish "sheaf mou" "mount"
	in_fish "sheaf mount --tr" "--transport="
	in_fish "sheaf mount --transport=" "--transport=auto --transport=dev --transport=uring"
	in_fish "sheaf mount --transport u" "uring"
	in_fish "sheaf mount --pidfile=file-" "--pidfile=file-to-serve"
	in_fish "sheaf mount -r file-" "file-to-serve"
	! $mounted || in_fish "sheaf umount mn" "mnt-of-ours"
else
	echo "fish is not installed; left out"
fi
