# SPDX-License-Identifier: MIT
"""Types the beginning of a command line and a tab into an interactive shell; prints the line that the shell makes of it.

type_line.py "COMMAND THAT SETS THE SHELL UP" "LINE" SHELL ARGUMENT...
"""
import os
import pty
import select
import sys
import time

set_up, line, shell = sys.argv[1], sys.argv[2], sys.argv[3:]
end = time.monotonic() + 20
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(shell[0], shell)
output = b""


def wait_for(words, start):
    """Until it is there in what came since start; returns what follows it on its line."""
    global output
    while True:
        at = output.find(words, start)
        if at >= 0 and output.find(b"\n", at) >= 0:
            return output[at + len(words):output.find(b"\n", at)].decode().strip()
        if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            sys.exit(f"{shell[0]} does not answer; it said: {output!r}")
        output += os.read(terminal, 65536)


# What the shell prints is not what is typed, so that an echo is not taken for it.
os.write(terminal, (set_up + "; echo REA''DY\r").encode())
wait_for(b"READY", 0)
start = len(output)
os.write(terminal, (line + "\t").encode())
time.sleep(0.3)
# Into an argument of echo, with which the line becomes one that can be run.
os.write(terminal, b"\x01echo G''OT: \x05 END\r")
print(wait_for(b"GOT: ", start))
os.write(terminal, b"\x04exit\r")
os.close(terminal)
