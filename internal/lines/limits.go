package lines

// MaxBytes is the maximum length of a line of a file of ACLs or decisions, without its line
// break. A line of the ZooKeeper format contains a whole node, which is at most 1 MiB unless
// ZooKeeper's jute.maxbuffer was raised.
const MaxBytes = 1 << 20

// MaxErrors is how many errors in one file are reported. Nobody corrects more mistakes one
// by one, and a hostile file must not fill memory with messages.
const MaxErrors = 10_000

// Capped is a list of the first [MaxErrors] errors. The zero Capped is empty.
type Capped[E any] struct {
	List    []E
	More    int // how many were added after the list was full
	Omitted E   // the first of those
}

// Add adds an error.
func (c *Capped[E]) Add(err E) {
	switch {
	case len(c.List) < MaxErrors:
		c.List = append(c.List, err)
		return
	case c.More == 0:
		c.Omitted = err
	}
	c.More++
}
