package snapshot

import "github.com/portcullis-authz/portcullis/acl"

// Len returns the number of bindings, including the changes made so far.
func (tx *Tx) Len() int { return tx.next.bindings }

// AllIDs returns every id that n holds, also one whose binding it does not hold.
func (n *Snapshot) AllIDs() map[ID]acl.Binding {
	all := make(map[ID]acl.Binding)
	if n.ids.sorted != nil {
		n.ids.sorted.Ascend(func(at identified) bool {
			all[at.id] = at.binding
			return true
		})
	}
	return all
}
