#!/bin/bash
# SPDX-License-Identifier: MIT
# Each command has its page, which is installed, with just the options, letters and choices that its --help shows.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_program python3
doc=$here/../../doc

python3 - "$SHEAF" "$doc" <<'END' || fail "man pages and --help differ"
import os
import re
import subprocess
import sys

sheaf, doc = sys.argv[1:]
installed = open(f"{doc}/doc.am").read().split()
wrong = 0


def say(text):
    global wrong
    wrong += 1
    print(text)


def help_of(*command):
    return subprocess.run([sheaf, *command, "--help"], capture_output=True, text=True, timeout=20, check=True).stdout


def plain(words):
    """A line of mdoc, as it is shown."""
    text, glue, dashes = "", True, ""
    for word in words.split():
        if word in ("Ar", "Cm", "No", "Op"):
            continue
        if word == "Ns":
            glue = True
        elif word == "Fl":
            dashes += "-"
        else:
            text += ("" if glue or word == "," else " ") + dashes + word
            glue, dashes = False, ""
    return text


def options_of_page(page):
    found = set()
    for line in page.splitlines():
        if line.startswith(".It Fl "):
            for option in plain(line[4:]).split(" , " if " , " in line else ", "):
                for name in option.split(", "):
                    found.add(name.strip())
    return found


def options_of_help(text):
    found = set()
    for line in text.splitlines():
        match = re.match(r"  (-\w)?(?:, |    )?(--\S+)?", line)
        if match and (match.group(1) or match.group(2)):
            found.update(name for name in match.groups() if name)
    return found


def names(options):
    """Without what follows a letter, which help says in another way."""
    return {option.split()[0] if not option.startswith("--") else option for option in options}


commands = [line.split()[0] for line in help_of().split("\n\n")[1].splitlines()]
for command in commands:
    path = f"{doc}/sheaf-{command}.1"
    if os.path.exists(path):
        page = open(path).read()
        if f"doc/sheaf-{command}.1" not in installed:
            say(f"doc/sheaf-{command}.1 is not installed; see doc/doc.am")
    else:
        # A section of the overview is enough for a command that has few words to say.
        page = open(f"{doc}/sheaf.1").read()
        section = re.search(rf"^\.Ss sheaf {command}$(.*?)(?=^\.S[sh] )", page, re.M | re.S)
        if not section:
            say(f"sheaf {command} has neither a page nor a section in doc/sheaf.1")
            continue
        page = section.group(1)
    in_page, in_help = names(options_of_page(page)), names(options_of_help(help_of(command)))
    if not os.path.exists(path):
        in_page |= {"-h", "--help"}
    for option in sorted(in_help - in_page):
        say(f"sheaf {command}: {option} is in --help and not in its page")
    for option in sorted(in_page - in_help):
        say(f"sheaf {command}: {option} is in its page and not in --help")
    print(f"sheaf {command}: {len(in_help)} names of options")
for page in os.listdir(doc):
    match = re.fullmatch(r"sheaf-(\w+)\.1", page)
    if match and match.group(1) not in commands:
        say(f"doc/{page}: there is no such command")
sys.exit(wrong > 0)
END

# Warnings; what mandoc says about the pages of this machine is not ours.
if command -v mandoc >/dev/null; then
	mandoc -T lint -W warning "$doc"/*.1 || fail "mandoc finds mistakes"
else
	echo "mandoc is not installed; the pages' form was not looked at"
fi
