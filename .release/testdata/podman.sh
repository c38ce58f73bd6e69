#!/bin/sh
# Two nodes of the image under podman, each in a network of its own with a wire between them, by the
# command of the README: healthy, found by each other, and ended by podman stop.
#
#	unshare --mount --net --pid --fork --kill-child sh podman.sh IMAGE KEY WORK
#
# IMAGE is the OCI layout, KEY a network's key, WORK an empty directory.
set -eu
image=$1 key=$2 work=$3

fail() { trap - EXIT; echo "FAILED: $*"; for h in a b; do pod logs iris-$h || true; done; exit 1; }
. "$(dirname "$0")/wired.sh"
# Nothing of it is seen by the podman of the host. There is no systemd that would run the
# healthcheck from time to time, so it is run here.
pod() { podman --root "$work/storage" --runroot /run/podman --storage-driver vfs --cgroup-manager cgroupfs "$@"; }
on() { h=$1; shift; pod exec "iris-$h" "$@"; }

wire
mkdir -p /run/image
# podman makes a name of the path, in which no capital letter may be.
mount --bind "$image" /run/image
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for h in a b; do
	mkdir "$work/$h"
	cp "$key" "$work/$h/network.pem"
	cd "$work/$h"
	pod run --quiet --detach --name "iris-$h" --network "ns:/run/netns/$h" --cgroups disabled \
		--health-cmd '["/usr/bin/iris","status","-local"]' \
		--read-only -v ./network.pem:/etc/iris/network.pem:ro,U oci:/run/image -net example -rsa /etc/iris/network.pem
done
for h in a b; do
	until_ok 60 pod healthcheck run "iris-$h"
	[ "$(pod inspect "iris-$h" --format '{{.Config.User}}')" = 65532:65532 ] || fail "another user"
	! on $h /usr/bin/iris keygen /key.pem > /dev/null 2>&1 || fail "the root can be written"
done
say "the healthcheck of both says that all is well: $(on a /usr/bin/iris version | head -n 1)"
until_ok 60 holds a "10.77.0.2" /usr/bin/iris members
say "they have found each other"
for h in b a; do
	begin=$(date +%s)
	pod stop --time 30 "iris-$h" > /dev/null
	[ "$(pod inspect "iris-$h" --format '{{.State.ExitCode}}')" = 0 ] || fail "$h has ended with another code than 0"
	took=$(($(date +%s) - begin))
	[ $took -lt 15 ] || fail "$h took $took s to end"
	say "$h has ended with code 0 after $took s"
done
left=$(ps -eo pid,stat,comm | grep -E ' Z|iris' || true)
[ -z "$left" ] || fail "processes are left: $left"
trap - EXIT
say "all is well"
