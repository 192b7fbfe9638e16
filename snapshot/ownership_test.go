package snapshot

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

func readBy(who string, p resource.Pattern) acl.Binding {
	return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: who, Host: "*", Operation: ops.Read, Permission: acl.Allow}}
}

// TestStoreKeepsNoCallersText: names are mostly cut from a file or a frame, all of which
// would stay in memory with them.
func TestStoreKeepsNoCallersText(t *testing.T) {
	frame := []byte("orders-000User:alice10.20.30.40")
	text := unsafe.String(&frame[0], len(frame))
	inFrame := func(s string) bool {
		at, from := uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(unsafe.Pointer(&frame[0]))
		return from <= at && at < from+uintptr(len(frame))
	}
	b := readBy(text[10:20], resource.LiteralPattern(resource.Topic, text[:10]))
	b.Entry.Host = text[20:]
	for _, add := range []func(*Tx){
		func(tx *Tx) { tx.Add(b) },
		func(tx *Tx) { tx.AddID(newID(), b) },
	} {
		store := NewStore(Config{KeepIDs: true, AllowIfNoACL: true, Semantics: KafkaExact})
		require.NoError(t, store.Update(func(tx *Tx) error { add(tx); return nil }))
		kept := []acl.Binding{}
		for b := range store.Load().All() {
			kept = append(kept, b)
		}
		for _, b := range store.Load().AllIDs() {
			kept = append(kept, b)
		}
		require.Len(t, kept, 2, "%d bindings and ids, want one of each", len(kept))
		for _, k := range kept {
			assert.False(t, inFrame(k.Pattern.Name), "%v is the caller's text", k)
			assert.False(t, inFrame(k.Entry.Principal), "%v is the caller's text", k)
			assert.False(t, inFrame(k.Entry.Host), "%v is the caller's text", k)
		}
		for key := range store.Load().index.principals.Each {
			assert.False(t, inFrame(key), "the index has the caller's principal")
		}
	}
}

// TestNamesLieTogether: what a load copies lies side by side, in pieces that are small
// enough for one name that is left to keep.
func TestNamesLieTogether(t *testing.T) {
	const names = 1000
	long := "orders-0500" + strings.Repeat("x", 10*chunk)
	store := NewStore(Config{})
	require.NoError(t, store.Update(func(tx *Tx) error {
		for i := range names {
			tx.Add(readBy("User:a", resource.LiteralPattern(resource.Topic, fmt.Sprintf("orders-%04d", i))))
			if i == 500 {
				tx.Add(readBy("User:a", resource.LiteralPattern(resource.Topic, long)))
			}
		}
		return nil
	}))
	pieces, inPiece, last := 0, 0, uintptr(0)
	for b := range store.Load().All() { // in the order in which they were added
		at := uintptr(unsafe.Pointer(unsafe.StringData(b.Pattern.Name)))
		if at != last {
			pieces++
			inPiece = 0
		}
		last = at + uintptr(len(b.Pattern.Name))
		if inPiece += len(b.Pattern.Name); inPiece > chunk && b.Pattern.Name != long {
			t.Errorf("%s is in a piece of %d bytes, want %d at the most", b.Pattern.Name, inPiece, chunk)
		}
	}
	// The long name has a piece of its own, and pieces double until they are as large as
	// can be.
	most := 2 + bits.Len(chunk) + names/(chunk/len("orders-0000"))
	assert.LessOrEqual(t, pieces, most, "%d names lie in %d pieces, want %d at the most", names, pieces, most)
}

// TestNamesOfSmallTransactions: however few names a transaction adds, the memory that
// they are laid together in is not much more than they take.
func TestNamesOfSmallTransactions(t *testing.T) {
	store := NewStore(Config{})
	require.NoError(t, store.Update(func(tx *Tx) error {
		copied := 0
		for i := range 200 {
			name := fmt.Sprintf("orders-%04d", i)
			tx.Add(readBy("User:a", resource.LiteralPattern(resource.Topic, name)))
			copied += len(name)
			if room := tx.texts.Cap(); room > 3*copied { // twice as much, and how memory is rounded up
				t.Errorf("%d bytes of names in a chunk of %d", copied, room)
			}
		}
		return nil
	}))
}

// TestOneTextForEachName: a million bindings have far fewer names, which they share.
func TestOneTextForEachName(t *testing.T) {
	store := NewStore(Config{})
	add := func(who string, topics ...int) {
		require.NoError(t, store.Update(func(tx *Tx) error {
			for _, i := range topics {
				tx.Add(readBy(who, resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", i))))
			}
			return nil
		}))
	}
	many := make([]int, 2*maxPending)
	for i := range many {
		many[i] = 10_000 + i
	}
	add("User:a", append(many, 7)...) // too many to wait beside the tree
	add("User:a", 100)
	add("User:b", 100, 7) // one that waits, and one that does not
	add("User:b", 200, 201, 202)
	add("User:c", 201, 203, 202, 203)
	require.NoError(t, store.Update(func(tx *Tx) error {
		for _, who := range []string{"User:d", "User:e"} {
			for i := 300; i < 303; i++ {
				tx.Add(readBy(who, resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", i))))
			}
		}
		return nil
	}))
	texts := textsOf(store.Load())
	for _, i := range []int{7, 100, 201, 202, 301, 302} {
		t.Run(fmt.Sprint(i), func(t *testing.T) { // not 300: the first of a transaction is not remembered
			name := fmt.Sprint("orders-", i)
			assert.Len(t, texts[name], 1, "%d texts of %s", len(texts[name]), name)
		})
	}
}

// textsOf returns the places in memory where each name stands.
func textsOf(n *Snapshot) map[string]map[*byte]bool {
	texts := map[string]map[*byte]bool{}
	for b := range n.All() {
		name := b.Pattern.Name
		if texts[name] == nil {
			texts[name] = map[*byte]bool{}
		}
		texts[name][unsafe.StringData(name)] = true
	}
	return texts
}

// TestOneTextFromManyTransactions: a store that is filled by one transaction a binding,
// principal by principal, shares the names as well, but for a few.
func TestOneTextFromManyTransactions(t *testing.T) {
	const names = 3 * maxPending
	for _, block := range []int{1_500, names} {
		t.Run(fmt.Sprint(block), func(t *testing.T) { // of names that one principal after the other gets
			store := NewStore(Config{})
			for from := 0; from < names; from += block {
				for _, who := range []string{"User:a", "User:b", "User:c"} {
					for i := from; i < min(from+block, names); i++ {
						require.NoError(t, store.Update(func(tx *Tx) error {
							tx.Add(readBy(who, resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", i*7919%names))))
							return nil
						}))
					}
				}
			}
			n := 0
			for _, at := range textsOf(store.Load()) {
				n += len(at)
			}
			assert.LessOrEqual(t, n, names+names/100, "%d texts of %d names", n, names)
		})
	}
}
