#!/bin/bash
# SPDX-License-Identifier: MIT
# A driver that cannot be: the mount fails, says why, and nothing is left.
# shellcheck source=tests/integration/driver.sh
. "$(dirname "$0")/driver.sh"

make_image "$tmp/image" 8M
mkdir "$tmp/mnt"
cd "$tmp"
printf '#!/bin/sh\nexec sleep 60\n' >mute
printf 'no program' >text
chmod +x mute
refused 1 "nothere: cannot be started: No such file" "$SHEAF" mount --driver=./nothere image mnt
refused 1 "nothere: no such program" "$SHEAF" mount --driver=nothere image mnt
refused 1 "text: cannot be started: Permission denied" "$SHEAF" mount --driver=./text image mnt
refused 1 "start failed: its process ended" "$SHEAF" mount --driver=/bin/true image mnt
refused 1 "start failed: no answer in time" "$SHEAF" mount --driver=./mute image mnt
refused 1 "a quote that does not end" "$SHEAF" mount "--driver=./mute 'x" image mnt
refused 1 "one or the other" "$SHEAF" mount --driver=disk --driver-socket=s image mnt
refused 2 "DIR is missing" "$SHEAF" mount --driver=disk image
refused 1 "no such user" "$SHEAF" mount --driver=disk --driver-user=nobody-of-that-name image mnt
refused 2 "is started by sheaf mount" "$SHEAF" driver disk
refused 2 "no such thing" "$SHEAF" driver stop mnt
! is_mounted "$tmp/mnt" || fail "something is mounted"

# The image is free again.
mount_sheaf image "$tmp/mnt"
refused 1 "runs in the server's process" "$SHEAF" driver restart mnt
umount_sheaf "$tmp/mnt"
