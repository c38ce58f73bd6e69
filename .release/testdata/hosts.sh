#!/bin/sh
# Two hosts with systemd, in containers with a wire between them and no other network: installs a
# package of Iris, gives them a key, has them find each other, upgrades one under load, reloads,
# and removes it. To be run as root in mount and network namespaces of its own.
#
#	unshare --mount --net --pid --fork --kill-child sh hosts.sh ROOT OLD NEW WORK
#
# ROOT is a directory with Debian, WORK one that is empty. OLD and NEW are packages, both deb or
# both rpm. Debian has the program rpm, too: its database knows of nothing that is installed there,
# so what the package needs is not looked at.
set -eu
root=$1 old=$2 new=$3 work=$4 kind=${2##*.}

fail() { trap - EXIT; echo "FAILED: $*"; for h in a b; do tail -n 30 "$work/$h/console" || true; on $h journalctl --no-pager -n 60 -u iris || true; done; exit 1; }

. "$(dirname "$0")/wired.sh"

leader() { cat "/proc/$(cat "$work/$1/pid")/task/$(cat "$work/$1/pid")/children" 2> /dev/null | awk '{print $1}'; }
on() { h=$1; shift; nsenter -t "$(leader "$h")" -m -u -i -n -p -- /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }

# install HOST FILE, start HOST and remove HOST, as one does with such packages; what was said is in
# a file of WORK/HOST.
case $kind in
deb)
	install() { on "$1" apt-get install -y "$2" > "$work/$1/installed" 2>&1 || { cat "$work/$1/installed"; fail "cannot install $2"; }; }
	start() { on "$1" systemctl start iris; }
	remove() { on "$1" apt-get remove -y iris > "$work/$1/removed" 2>&1 || { cat "$work/$1/removed"; fail "cannot remove"; }; }
	;;
rpm)
	install() { on "$1" rpm -U --force-debian --nodeps "$2" > "$work/$1/installed" 2>&1 || { cat "$work/$1/installed"; fail "cannot install $2"; }; }
	start() { on "$1" systemctl enable --quiet --now iris; }
	remove() { on "$1" rpm -e --force-debian iris > "$work/$1/removed" 2>&1 || { cat "$work/$1/removed"; fail "cannot remove"; }; }
	;;
esac
# listed HOST: all files, but those that a host writes by itself, or the package manager.
listed() {
	on "$1" find / -xdev -path /proc -prune -o -print | sort |
		grep -vE '^/(var/log|var/cache|var/lib/(apt|systemd|dpkg|rpm)|tmp|var/tmp|root)(/|$)|^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-$'
}

wire
mkdir -p /run/systemd
for h in a b; do
	mkdir -p "$work/$h"
	mount -t tmpfs tmpfs "$work/$h"
	mkdir -p "$work/$h/upper" "$work/$h/scratch" "$work/$h/root"
	mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/$h/upper,workdir=$work/$h/scratch" "$work/$h/root"
	cp "$old" "$work/$h/root/root/old.$kind"
	cp "$new" "$work/$h/root/root/new.$kind"
	rm -f "$work/$h/root/etc/machine-id"
done
for h in a b; do
	systemd-nspawn --quiet --register=no --keep-unit --network-namespace-path=/run/netns/$h \
		--hostname=$h -D "$work/$h/root" -b < /dev/null > "$work/$h/console" 2>&1 &
	echo $! > "$work/$h/pid"
done
for h in a b; do
	until_ok 120 on $h systemctl is-active multi-user.target
	say "host $h runs $(on $h systemctl --version | head -n 1)"
done

say "installing without a key starts nothing, and says how to get one"
for h in a b; do
	listed $h > "$work/$h/before"
	install $h "/root/old.$kind"
	grep -q "iris keygen /etc/iris/keys/network.pem" "$work/$h/installed" || fail "no hint"
	! on $h systemctl is-active --quiet iris || fail "runs without a key"
	! start $h 2> "$work/$h/refused" || fail "starts without a key"
	holds $h AssertPathExists systemctl status iris || fail "the status does not say what is missing"
	[ "$(on $h stat -c '%a %U' /etc/iris/keys)" = "700 root" ] || fail "the directory of keys is open"
done

say "with a key, both start and find each other"
on a iris keygen /etc/iris/keys/network.pem
on a cat /etc/iris/keys/network.pem | on b sh -c 'umask 077; cat > /etc/iris/keys/network.pem'
for h in a b; do
	on $h iris check -config /etc/iris/iris.conf > /dev/null || fail "iris check says no"
	start $h || fail "does not start"
done
until_ok 60 holds a "10.77.0.2" iris members
for h in a b; do
	until_ok 20 holds $h "^All is well" iris status
	holds $h " 0\.0\.1 " iris status || fail "the status does not say which version runs"
done
say "found: $(on a iris members | tail -n 1)"
on a systemd-analyze security iris --no-pager | tail -n 1
[ "$(on a systemctl show -p LimitNOFILE --value iris)" = 524288 ] || fail "LimitNOFILE"
[ "$(on a systemctl show -p StatusText --value iris)" ] || fail "no status"

say "an application on one host is asked from the other"
on a iris reply -text from-a echo > "$work/a/served" 2>&1 &
until_ok 40 holds b from-a iris request echo hello -timeout 5s

say "the policy knows the user of an application under this unit"
on a sh -c 'echo "allow user:root * *
deny user:nobody request echo" > /etc/iris/policy; echo "policy = /etc/iris/policy" >> /etc/iris/iris.conf; systemctl restart iris'
until_ok 40 holds a from-a iris request echo hello -timeout 5s
if on a setpriv --reuid=65534 --clear-groups iris request echo hello -timeout 3s > "$work/a/denied" 2>&1; then fail "nobody may ask"; fi
say "refused: $(tail -n 1 "$work/a/denied")"
on a sed -i '/^policy/d' /etc/iris/iris.conf
on a rm /etc/iris/policy

say "the plugin that comes with the package runs under the unit"
for h in a b; do
	on $h sh -c 'echo "transport = websocket" >> /etc/iris/iris.conf; systemctl restart iris'
done
until_ok 60 holds a "websocket *10.77.0.2\|websocket://10.77.0.2" iris members
until_ok 60 holds b from-a iris request echo hello -timeout 5s
for h in a b; do
	on $h sed -i '/^transport/d' /etc/iris/iris.conf
	on $h systemctl restart iris
done
until_ok 60 holds a "10.77.0.2" iris members

say "a reload reads the settings again, and keeps the node"
pid=$(on a systemctl show -p MainPID --value iris)
on a sh -c 'echo "log-level = debug" >> /etc/iris/iris.conf; systemctl reload iris'
until_ok 40 holds a debug iris log-level
[ "$(on a systemctl show -p MainPID --value iris)" = "$pid" ] || fail "a reload started another node"

say "an upgrade of one host under load loses no request"
on b iris reply -text from-b echo > "$work/b/served" 2>&1 &
until_ok 40 holds b from-b iris request echo hello -timeout 5s
until_ok 40 holds b from-a iris request echo hello -timeout 5s
(
	asked=0 lost=0
	while [ ! -e "$work/enough" ] && [ $asked -lt 5000 ]; do
		asked=$((asked + 1))
		on b iris request echo hello -timeout 10s > "$work/answer" 2>&1 || { lost=$((lost + 1)); cat "$work/answer"; }
	done
	echo "$asked asked, $lost lost" > "$work/asked"
) &
load=$!
version=$(on a iris version | head -n 1)
install a "/root/new.$kind"
until_ok 60 holds a "10.77.0.2" iris members
until_ok 60 holds b from-a iris request echo hello -timeout 5s
until_ok 20 holds b " 0\.0\.2 " iris status
touch "$work/enough"
wait $load
say "$version to $(on a iris version | head -n 1): $(cat "$work/asked")"
grep -q " 0 lost" "$work/asked" || fail "requests were lost"
on a grep -q "log-level = debug" /etc/iris/iris.conf || fail "the upgrade has changed the settings"
[ "$(on a systemctl show -p MainPID --value iris)" != "$pid" ] || fail "the old node still runs"

say "removing stops the node in good order"
remove a
! on a systemctl is-active --quiet iris || fail "runs still"
holds a "Result=success" systemctl show -p Result iris || fail "was not stopped in good order"
case $kind in
deb)
	say "purging leaves nothing"
	on a apt-get purge -y iris > "$work/a/purged" 2>&1 || { cat "$work/a/purged"; fail "cannot purge"; }
	! on a getent passwd iris || fail "the user is left"
	! on a getent group iris || fail "the group is left"
	keeps=
	;;
rpm)
	say "keys and settings that were changed are kept, and nothing else"
	keeps="/etc/iris
/etc/iris/iris.conf.rpmsave
/etc/iris/keys
/etc/iris/keys/network.pem"
	;;
esac
listed a > "$work/a/after"
left=$(comm -13 "$work/a/before" "$work/a/after")
[ "$left" = "$keeps" ] || fail "left: $left"
trap - EXIT
say "all is well"
