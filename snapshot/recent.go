package snapshot

// recentNames are texts of names that records were added with of late: those that a
// search for a namesake does not find, for they wait to be put in order. It is the
// writer's alone.
type recentNames struct {
	names  map[string]string // each by itself
	before map[string]string // that were recent before there were so many
}

// Of as many names as may wait beside the tree (see lateMost) none is forgotten. A store that
// holds them no more keeps nine megabytes for them at the most: a name keeps the chunk that it
// lies in, and those that are longer than Kafka allows a topic's to be are not remembered.
const (
	recentMost  = lateMost
	recentBytes = 249
)

// get returns the text of a name, if it is remembered.
func (n *recentNames) get(name string) (text string, ok bool) {
	if text, ok = n.names[name]; !ok {
		text, ok = n.before[name]
	}
	return text, ok
}

// add remembers the names of the bindings that a transaction added, or of its last ones.
func (n *recentNames) add(changes []change) {
	for _, c := range changes[max(0, len(changes)-2*recentMost):] {
		if !c.added || len(c.record.name) > recentBytes {
			continue
		}
		if len(n.names) >= recentMost {
			n.before, n.names = n.names, nil
		}
		if n.names == nil {
			n.names = make(map[string]string)
		}
		n.names[c.record.name] = c.record.name
	}
}
