# What scripts have in common that test two hosts, a and b, with a wire between them. A script has
# $work, an empty directory, fail, which says what has failed and ends it, and on, which runs a
# command at a host. It is read with: . "$(dirname "$0")/wired.sh"

say() { echo "== $*"; }
trap 'fail "a command above"' EXIT

# until_ok N COMMAND...: tries it each half second, N times at most.
until_ok() {
	tries=$1; shift
	while ! "$@" > "$work/tried" 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { cat "$work/tried"; fail "$*"; }
		sleep 0.5
	done
}
# holds HOST TEXT COMMAND...: what the command prints has the text.
holds() { h=$1 text=$2; shift 2; on "$h" "$@" 2>&1 | grep -q -- "$text"; }

# wire makes the networks of both, in which they are 10.77.0.1 and 10.77.0.2.
wire() {
	mount -t proc proc /proc
	mount -t tmpfs tmpfs /run
	mkdir -p /run/netns
	ip link set lo up
	ip netns add a
	ip netns add b
	ip link add wire netns a type veth peer name wire netns b
	for h in a b; do
		ip -n $h link set lo up
		ip -n $h link set wire up
	done
	ip -n a addr add 10.77.0.1/24 dev wire
	ip -n b addr add 10.77.0.2/24 dev wire
}
