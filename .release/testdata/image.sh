#!/bin/sh
# Two nodes of the image, each in namespaces of its own with a wire between them, by crun: as user
# 65532, with a root that nobody can write and no capability. Their healthcheck says that all is
# well, they find each other, and SIGTERM ends them in time and leaves no process.
#
#	unshare --mount --net --pid --fork --kill-child sh image.sh ROOT KEY WORK
#
# ROOT is the file system of the image, KEY a network's key, WORK an empty directory.
set -eu
root=$1 key=$2 work=$3

fail() { trap - EXIT; echo "FAILED: $*"; tail -n 20 "$work"/*.log; exit 1; }
. "$(dirname "$0")/wired.sh"
on() { h=$1; shift; crun exec --user 65532:65532 "iris-$h" "$@"; }

wire
# crun wants one hierarchy of control groups, also where it uses none.
mount -t cgroup2 cgroup2 /sys/fs/cgroup
install -o 65532 -g 65532 -m 0400 "$key" "$work/network.pem"
for h in a b; do
	mkdir -p "$work/$h"
	cat > "$work/$h/config.json" <<-CONFIG
	{
	  "ociVersion": "1.0.2",
	  "process": {
	    "user": {"uid": 65532, "gid": 65532},
	    "args": ["/usr/bin/iris", "-net", "image", "-rsa", "/etc/iris/network.pem"],
	    "env": ["PATH=/usr/bin", "RUNTIME_DIRECTORY=/run/iris", "IRIS_PLUGINS=/usr/lib/iris"],
	    "cwd": "/", "noNewPrivileges": true,
	    "capabilities": {"bounding": [], "effective": [], "inheritable": [], "permitted": [], "ambient": []}
	  },
	  "root": {"path": "$root", "readonly": true},
	  "mounts": [
	    {"destination": "/proc", "type": "proc", "source": "proc"},
	    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
	    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777", "size=16m"]},
	    {"destination": "/etc/iris/network.pem", "type": "bind", "source": "$work/network.pem", "options": ["bind", "ro"]}
	  ],
	  "linux": {
	    "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network", "path": "/run/netns/$h"}]
	  }
	}
	CONFIG
	: > "$work/$h.log"
	crun --cgroup-manager=disabled run --bundle "$work/$h" "iris-$h" > "$work/$h.log" 2>&1 &
	echo $! > "$work/$h/pid"
done
for h in a b; do
	until_ok 60 on $h /usr/bin/iris status -local
done
say "the healthcheck of both says that all is well: $(on a /usr/bin/iris version | head -n 1)"
until_ok 60 holds a "10.77.0.2" /usr/bin/iris members
say "they have found each other"
on a /usr/bin/iris reply -text from-a echo > "$work/served.log" 2>&1 &
app=$!
until_ok 40 holds b from-a /usr/bin/iris request echo hello -timeout 5s
say "an application on one is asked from the other"
# The application is a process that was started beside the node: it loses its node first.
for h in b a; do
	begin=$(date +%s)
	crun kill "iris-$h" TERM
	wait "$(cat "$work/$h/pid")" || fail "$h has ended with code $?"
	say "$h has ended with code 0 after $(($(date +%s) - begin)) s"
done
wait $app || true
left=$(ps -eo pid,stat,comm | grep -E ' Z|iris' | grep -v image.sh || true)
[ -z "$left" ] || fail "processes are left: $left"
trap - EXIT
say "all is well"
