package snapshot

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"

	"github.com/google/btree"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/phash"
)

// ID identifies a binding in a log of changes, such as Kafka's metadata log. The zero ID
// identifies nothing.
//
// Source: Kafka's AccessControlEntryRecord and RemoveAccessControlEntryRecord.
type ID [16]byte

// newID returns a random ID: a UUID of version 4, with 122 random bits. As in Kafka, its text
// does not begin with a hyphen, because command lines would take it for an option.
//
// Source: Kafka's Uuid.randomUuid.
func newID() ID {
	var id ID
	for {
		_, _ = rand.Read(id[:]) // never fails: see crypto/rand
		id[6] = id[6]&0x0f | 4<<4
		id[8] = id[8]&0x3f | 2<<6
		if id.String()[0] != '-' {
			return id
		}
	}
}

// ParseID reads what [ID.String] prints. On error the result is the zero ID.
func ParseID(s string) (ID, error) {
	var id ID
	if base64.RawURLEncoding.EncodedLen(len(id)) == len(s) {
		b, err := base64.RawURLEncoding.Strict().AppendDecode(nil, []byte(s))
		if err == nil && len(b) == len(id) {
			return ID(b), nil
		}
	}
	return ID{}, fmt.Errorf("%s is not an id: expected 22 characters, the URL-safe base64 of 16 bytes", enum.Quote(s))
}

// String returns id as Kafka prints it: 22 characters of URL-safe base64.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// errNoIDs says that an id was used with a store that does not keep ids.
var errNoIDs = errors.New("the store keeps no ids: set Config.KeepIDs")

// identities has the ids of the bindings. Each binding has one or more. The zero value is
// empty.
type identities struct {
	bindings phash.Table[ID, acl.Binding]
	sorted   *btree.BTreeG[identified] // the same by binding, then id; nil when empty
}

type identified struct {
	binding acl.Binding
	id      ID
}

var bindingsByID = &phash.Kind[ID, acl.Binding]{Hash: phash.Hash[ID]}

func lessIdentified(a, b identified) bool {
	c := a.binding.Compare(b.binding)
	return c < 0 || c == 0 && bytes.Compare(a.id[:], b.id[:]) < 0
}

func (i identities) clone() identities {
	i.sorted = cloned(i.sorted)
	return i
}

// of yields the ids of b, sorted.
func (i *identities) of(b acl.Binding) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		if i.sorted == nil {
			return
		}
		i.sorted.AscendGreaterOrEqual(identified{binding: b}, func(at identified) bool {
			return at.binding == b && yield(at.id)
		})
	}
}

// ByID returns the binding with the id, and whether there is one.
func (n *Snapshot) ByID(id ID) (b acl.Binding, ok bool) {
	return n.ids.bindings.Get(phash.Hash(id), id)
}

// IDs yields the ids of b, sorted. It yields nothing if b is not in the snapshot or the store
// does not keep ids. With [Snapshot.All] it gives the content of a snapshot of a metadata log.
func (n *Snapshot) IDs(b acl.Binding) iter.Seq[ID] { return n.ids.of(b) }

// AddID applies a log record that adds b with the id, and reports whether it changed anything.
// It is an error, as in [Tx.Add], if b is not valid, if id is zero, or if the store does not
// keep ids.
//
// A binding exists as long as it has an id: a binding with two ids is removed with the last of
// them. If another binding has the id, it loses it. So applying a record twice, or a whole log
// again, changes nothing in the end.
func (tx *Tx) AddID(id ID, b acl.Binding) bool {
	index := tx.added
	tx.added++
	if err := tx.validateID(id, b); err != nil {
		tx.errs = append(tx.errs, &BindingError{Index: index, Binding: b, Err: err})
		return false
	}
	if before, ok := tx.next.ByID(id); ok {
		if before == b {
			return false
		}
		tx.RemoveID(id)
	}
	r, _ := tx.set(b, true)
	tx.give(id, r.binding(b.Entry.Operation, b.Entry.Permission)) // its texts are the store's own
	return true
}

func (tx *Tx) validateID(id ID, b acl.Binding) error {
	switch {
	case !tx.next.keepsIDs:
		return errNoIDs
	case id == ID{}:
		return &acl.InvalidError{Field: "id", Msg: "it is zero: expected the id of a record of the log"}
	}
	return b.ValidateTypes()
}

// RemoveID applies a log record that removes an id. It returns the binding that had the id, and
// whether there was one. The binding is removed unless it has another id. An unknown id is no
// error, because a log may be applied again.
func (tx *Tx) RemoveID(id ID) (b acl.Binding, ok bool) {
	if b, ok = tx.next.ByID(id); !ok {
		return acl.Binding{}, false
	}
	tx.take(id, b)
	for range tx.next.IDs(b) {
		return b, true
	}
	tx.set(b, false)
	return b, true
}

// newID returns an ID that no binding has.
func (tx *Tx) newID() ID {
	for {
		id := newID()
		if _, taken := tx.next.ByID(id); !taken {
			return id
		}
	}
}

// give gives b an id that no other binding has.
func (tx *Tx) give(id ID, b acl.Binding) {
	ids := &tx.next.ids
	if ids.sorted == nil {
		ids.sorted = btree.NewG(degree, lessIdentified)
	}
	ids.bindings = bindingsByID.Set(tx.edit, ids.bindings, id, b)
	ids.sorted.ReplaceOrInsert(identified{b, id})
	tx.changes++
}

// take removes the id from b, which must have it.
func (tx *Tx) take(id ID, b acl.Binding) {
	ids := &tx.next.ids
	ids.bindings = bindingsByID.Delete(tx.edit, ids.bindings, id)
	ids.sorted.Delete(identified{b, id})
	tx.changes++
}

// forget removes all ids from b.
func (tx *Tx) forget(b acl.Binding) {
	var all []ID
	for id := range tx.next.IDs(b) {
		all = append(all, id)
	}
	for _, id := range all {
		tx.take(id, b)
	}
}
