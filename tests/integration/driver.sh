# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# driver.sh - mounts whose driver runs in a process of its own

# shellcheck source=tests/integration/functions.sh
. "$(dirname "${BASH_SOURCE[0]}")/functions.sh"
requires_fuse

# driver_of DIR: pid, or "None" while there is no driver
driver_of() {
	stat_of "$1" 's["driver"]["pid"]'
}

restarts_of() {
	stat_of "$1" 's["driver"]["restarts"]'
}

has_restarted() {
	[ "$(restarts_of "$1")" -ge "$2" ]
}

# kill_drivers DIR PID: kill -9 the driver of DIR every second until process PID has ended; sets $kills
kill_drivers() {
	local dir=$1 pid=$2 driver
	kills=0
	while is_alive "$pid"; do
		sleep 1
		driver=$(driver_of "$dir")
		[ "$driver" != None ] || continue
		kill -KILL "$driver" 2>/dev/null || continue
		kills=$((kills + 1))
	done
}

# ended_well PID: of a background process
ended_well() {
	wait "$1" || fail "process $1 ended with $?"
}
