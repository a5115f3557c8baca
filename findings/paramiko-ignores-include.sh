#!/usr/bin/env bash
# paramiko 5.1.0: `Include` in an SSH configuration is skipped without a word.
#
# `paramiko.SSHConfig` keeps the line as an option called `include` and reads no file, so a host that ssh knows by an included file is
# looked up as itself: another host name, another user, no error. Sites and tools that manage clusters put their hosts into included
# files, so a program that reads ~/.ssh/config by paramiko finds some aliases and not others.
#
# Seen: `{'hostname': 'cluster', 'include': ...}` where ssh -G has `login.example.org` and `anna`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check paramiko==5.1.0
printf 'Host cluster\n  HostName login.example.org\n  User anna\n' > "$dir/more"
printf 'Include %s/more\n' "$dir" > "$dir/config"
"$dir/venv/bin/python" - "$dir/config" <<'PY'
import sys

import paramiko

found = dict(paramiko.SSHConfig.from_path(sys.argv[1]).lookup("cluster"))
print(found)
assert found["hostname"] == "cluster" and "user" not in found, "included files are read now"
PY
