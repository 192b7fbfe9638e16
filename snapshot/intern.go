package snapshot

import (
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/resource"
)

// This file decides which memory the texts of a store are in. A store does not keep the
// caller's strings: they may be parts of a whole file or frame, which would stay in memory
// with them. Equal names share one text.

// ownName returns the text that a new record uses for name: the text of another record with
// that name if one is cheap to find, else a copy.
func (tx *Tx) ownName(t resource.Type, name string) string {
	if n := len(tx.pending); n > 0 && tx.pending[n-1].record.name == name {
		return tx.pending[n-1].record.name // files list the ACLs of one resource one after the other
	}
	if shared, ok := tx.names[name]; ok {
		return shared
	}
	if recent, ok := tx.recent.get(name); ok {
		name = recent
	} else if namesake := tx.next.records.namesake(t, name); namesake != nil {
		name = namesake.name
	} else {
		name = tx.copied(name)
	}
	if tx.added > 1 { // a transaction that adds one binding need not remember its name
		if tx.names == nil {
			tx.names = make(map[string]string)
		}
		tx.names[name] = name
	}
	return name
}

// chunk is how many bytes of names a transaction puts into one piece of memory: checks find
// names faster if they lie together. As long as one of the names is in use, the whole chunk
// stays in memory. The first chunks of a transaction are smaller, because there may be many
// transactions with a few names each.
const chunk = 1 << 10

// copied returns a copy of name, which lies directly after the copy made before.
func (tx *Tx) copied(name string) string {
	if len(name) > chunk/4 {
		return strings.Clone(name)
	}
	if tx.texts.Len()+len(name) > tx.texts.Cap() {
		room := max(len(name), min(2*tx.texts.Cap(), chunk))
		tx.texts = strings.Builder{}
		tx.texts.Grow(room)
	}
	start := tx.texts.Len()
	tx.texts.WriteString(name)
	return tx.texts.String()[start:]
}

// owned returns p with copies of its texts, unless it has them already.
func (p *party) owned() *party {
	if p.kept {
		return p
	}
	p.principal, p.kept = strings.Clone(p.principal), true
	if p.host == acl.WildcardHost {
		p.host = acl.WildcardHost
	} else {
		p.host = strings.Clone(p.host)
	}
	return p
}

// recentNames holds the names that the last transactions added, so that ownName finds names
// whose records are still pending. Only the writer uses it.
type recentNames struct {
	names  map[string]string // each name by itself
	before map[string]string // the names before these; dropped when names is full again
}

// A store remembers at least as many names as can be pending. If the ACLs are gone, the
// names keep up to nine megabytes, because each one keeps its chunk. Names that are longer
// than Kafka allows for a topic are not remembered.
const (
	maxRecent      = maxPending
	maxRecentBytes = 249
)

// get returns the text of a name, and whether it is remembered.
func (n *recentNames) get(name string) (text string, ok bool) {
	if text, ok = n.names[name]; !ok {
		text, ok = n.before[name]
	}
	return text, ok
}

// add remembers the names of the bindings that a transaction added; if there are too many,
// the last ones.
func (n *recentNames) add(changes []change) {
	for _, c := range changes[max(0, len(changes)-2*maxRecent):] {
		if !c.added || len(c.record.name) > maxRecentBytes {
			continue
		}
		if len(n.names) >= maxRecent {
			n.before, n.names = n.names, nil
		}
		if n.names == nil {
			n.names = make(map[string]string)
		}
		n.names[c.record.name] = c.record.name
	}
}
