package node

// leastReserve is how many descriptors a node keeps for links to other nodes, the admin
// endpoint and files, however few it may have.
const leastReserve = 48

// connections returns how many applications may be connected to a process that may have so many
// descriptors.
func connections(descriptors int) int {
	return max(descriptors-max(descriptors/4, leastReserve), 1)
}
