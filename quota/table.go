package quota

import (
	"fmt"
	"iter"
	"math"
	"net/netip"
	"strconv"
)

// Kind is what a quota limits. The zero value is no quota.
type Kind uint8

// The kinds of quotas.
const (
	_                      Kind = iota
	ProducerByteRate            // bytes of Produce requests a second
	ConsumerByteRate            // bytes of Fetch responses a second
	RequestPercentage           // time of the threads that handle requests, in percent of one thread
	ControllerMutationRate      // partitions created and deleted, and topics, a second
	ConnectionCreationRate      // connections accepted a second, from one address
	kinds
)

var keys = [kinds]string{"", "producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate", "connection_creation_rate"}

// String returns the key of the quota in Kafka's configurations, such as "producer_byte_rate", or
// "Kind(9)" if there is none.
func (k Kind) String() string {
	if k > 0 && k < kinds {
		return keys[k]
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// ParseKind returns the kind of a key in Kafka's configurations, such as "producer_byte_rate". It
// returns false for other keys, which Kafka ignores.
func ParseKind(key string) (_ Kind, ok bool) {
	for k := Kind(1); k < kinds; k++ {
		if keys[k] == key {
			return k, true
		}
	}
	return 0, false
}

// Part is what an [Entity] says of a user, a client id or an address. The zero value says nothing of
// it.
type Part struct {
	name string
	is   uint8
}

const (
	isLiteral = iota + 1
	isDefault
)

// Default is the default of the users, client ids or addresses that have no quota of their own.
var Default = Part{is: isDefault}

// Literal returns the part for one user, client id or address. A user is the name of a principal,
// without its type, as Kafka's quotas take it. The name may be any text: "<default>" is an ordinary
// name.
func Literal(name string) Part { return Part{name: name, is: isLiteral} }

// Literal returns the name, and false for Default and the zero value.
func (p Part) Literal() (name string, ok bool) { return p.name, p.is == isLiteral }

// String returns a description such as `"alice"`, "<default>" or "-". Names are quoted, and what could
// change a terminal is escaped.
func (p Part) String() string {
	switch p.is {
	case isLiteral:
		return strconv.Quote(p.name)
	case isDefault:
		return "<default>"
	}
	return "-"
}

// Entity is who has a quota: a user, a client id, both, or an address. The zero value is nobody.
type Entity struct {
	User, ClientID, IP Part
}

// String returns a description such as `user "alice", client-id <default>`.
func (e Entity) String() string {
	text := ""
	for _, of := range []struct {
		name string
		part Part
	}{{"user", e.User}, {"client-id", e.ClientID}, {"ip", e.IP}} {
		if of.part != (Part{}) {
			if text != "" {
				text += ", "
			}
			text += of.name + " " + of.part.String()
		}
	}
	if text == "" {
		return "nobody"
	}
	return text
}

// Entry is one quota.
type Entry struct {
	Entity Entity
	Kind   Kind
	Limit  float64 // see the kinds for the unit
}

// EntryError says which entry [New] refuses, and why.
type EntryError struct {
	Index int // in the list, from 0
	Entry Entry
	Err   error
}

// Error returns the position, the entity, the kind and the reason.
func (e *EntryError) Error() string {
	return fmt.Sprintf("quota: entry %d (%s of %s): %v", e.Index, e.Entry.Kind, e.Entry.Entity, e.Err)
}

// Unwrap returns the reason.
func (e *EntryError) Unwrap() error { return e.Err }

// pair is an entity without an address.
type pair struct{ user, clientID Part }

// level is which parts of a pair are given. Kafka looks at the levels for which there is a quota.
type level uint8

const (
	ofClientID level = 1 << iota
	ofUser
	ofBoth
)

func (p pair) level() level {
	switch {
	case p.user != (Part{}) && p.clientID != (Part{}):
		return ofBoth
	case p.user != (Part{}):
		return ofUser
	}
	return ofClientID
}

// limits are the quotas of one kind.
type limits struct {
	of     map[pair]float64
	levels level // of all pairs in of
}

// Table is the quotas of a cluster. It does not change and is safe for concurrent use. The zero value
// and nil have no quotas: they limit nobody.
type Table struct {
	limits    [kinds]limits
	addresses map[netip.Addr]float64
	others    float64 // connections of the addresses that are not in addresses, or 0: no limit
}

// New returns the table of some quotas. The error is an *EntryError: an entity that Kafka does not
// have, such as a user together with an address; a kind that is not for the entity; a limit that is not
// above 0, or is no number; an address that is none (Kafka asks the name service about a host name when
// the quota is set; here it is refused); or a quota that is listed before with another limit. It takes
// about 200 bytes an entry.
func New(entries ...Entry) (*Table, error) {
	t := &Table{}
	for i, e := range entries {
		if err := t.add(e); err != nil {
			return nil, &EntryError{Index: i, Entry: e, Err: err}
		}
	}
	return t, nil
}

func (t *Table) add(e Entry) error {
	if e.Kind == 0 || e.Kind >= kinds {
		return fmt.Errorf("no kind of quota")
	}
	if !(e.Limit > 0) || math.IsInf(e.Limit, 0) {
		return fmt.Errorf("a limit of %v: it must be above 0", e.Limit)
	}
	if of := (pair{e.Entity.User, e.Entity.ClientID}); of != (pair{}) {
		if e.Entity.IP != (Part{}) {
			return fmt.Errorf("an address together with a user or client id: Kafka has quotas for one or the other")
		}
		return t.addPair(of, e)
	}
	if e.Entity.IP == (Part{}) {
		return fmt.Errorf("no user, client id or address: say whose quota it is")
	}
	return t.addAddress(e)
}

func (t *Table) addPair(of pair, e Entry) error {
	if e.Kind == ConnectionCreationRate {
		return fmt.Errorf("this quota is for addresses (ip)")
	}
	l := &t.limits[e.Kind]
	if before, ok := l.of[of]; ok && before != e.Limit {
		return fmt.Errorf("a limit of %v, and %v before for the same", e.Limit, before)
	}
	if l.of == nil {
		l.of = map[pair]float64{}
	}
	l.of[of] = e.Limit
	l.levels |= of.level()
	return nil
}

func (t *Table) addAddress(e Entry) error {
	if e.Kind != ConnectionCreationRate {
		return fmt.Errorf("this quota is for users and client ids: an address has connection_creation_rate alone")
	}
	name, ok := e.Entity.IP.Literal()
	if !ok {
		if t.others != 0 && t.others != e.Limit {
			return fmt.Errorf("a limit of %v, and %v before for the same", e.Limit, t.others)
		}
		t.others = e.Limit
		return nil
	}
	address, err := netip.ParseAddr(name)
	if err != nil {
		return fmt.Errorf("%q is no address: a host name is not looked up", name)
	}
	address = plain(address)
	if before, ok := t.addresses[address]; ok && before != e.Limit {
		return fmt.Errorf("a limit of %v, and %v before for the same", e.Limit, before)
	}
	if t.addresses == nil {
		t.addresses = map[netip.Addr]float64{}
	}
	t.addresses[address] = e.Limit
	return nil
}

// plain returns an address as Java has it: an IPv4 address in an IPv6 form is that IPv4 address, and
// addresses are equal whatever their zone.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Len returns how many quotas the table has.
func (t *Table) Len() int {
	n := 0
	for range t.All() {
		n++
	}
	return n
}

// All yields the quotas of the table, in no order.
func (t *Table) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if t == nil {
			return
		}
		for kind, l := range t.limits {
			for of, limit := range l.of {
				if !yield(Entry{Entity{User: of.user, ClientID: of.clientID}, Kind(kind), limit}) {
					return
				}
			}
		}
		for address, limit := range t.addresses {
			if !yield(Entry{Entity{IP: Literal(address.String())}, ConnectionCreationRate, limit}) {
				return
			}
		}
		if t.others != 0 {
			yield(Entry{Entity{IP: Default}, ConnectionCreationRate, t.others})
		}
	}
}

// Bucket is who shares a limit: the clients for which [Table.Find] returns the same bucket. A part that
// is empty does not matter for it.
type Bucket struct {
	User, ClientID string
}

// Find returns the limit of one kind for a client: the name of its principal, without the type, and its
// client id; and the bucket that the client counts in. Limited is false if there is no limit. It does
// not allocate.
//
// Of the quotas that there are, the first of these applies: of the user and the client id, of the user
// and the default client id, of the user, of the default user and the client id, of the default user
// and the default client id, of the default user, of the client id, of the default client id. Two
// things follow from how Kafka looks them up, and not from this list. A client with an empty client id
// has only the quotas of users. And the bucket has the user, the client id or both as the quotas of
// all clients need it, not only those of this one.
func (t *Table) Find(kind Kind, user, clientID string) (bucket Bucket, limit float64, limited bool) {
	if t == nil || kind == 0 || kind >= ConnectionCreationRate {
		return Bucket{}, 0, false
	}
	l := &t.limits[kind]
	bucket = l.bucket(user, clientID)
	limit, limited = l.find(bucket)
	return bucket, limit, limited
}

// bucket is quotaMetricTags of Kafka's DefaultQuotaCallback.
func (l *limits) bucket(user, clientID string) Bucket {
	switch l.levels {
	case 0, ofClientID:
		return Bucket{ClientID: clientID}
	case ofUser:
		return Bucket{User: user}
	case ofBoth:
		return Bucket{User: user, ClientID: clientID}
	}
	u, c := Literal(user), Literal(clientID)
	switch {
	case l.has(u, c), l.has(u, Default):
		return Bucket{User: user, ClientID: clientID}
	case l.has(u, Part{}):
		return Bucket{User: user}
	case l.has(Default, c), l.has(Default, Default):
		return Bucket{User: user, ClientID: clientID}
	case l.has(Default, Part{}):
		return Bucket{User: user}
	}
	return Bucket{ClientID: clientID}
}

func (l *limits) has(user, clientID Part) bool {
	_, ok := l.of[pair{user, clientID}]
	return ok
}

// find is quotaLimit of Kafka's DefaultQuotaCallback: it knows the bucket alone.
func (l *limits) find(b Bucket) (limit float64, ok bool) {
	u, c := Literal(b.User), Literal(b.ClientID)
	switch {
	case b.User != "" && b.ClientID != "":
		return l.first(pair{u, c}, pair{u, Default}, pair{Default, c}, pair{Default, Default})
	case b.User != "":
		return l.first(pair{user: u}, pair{user: Default})
	case b.ClientID != "":
		return l.first(pair{clientID: c}, pair{clientID: Default})
	}
	return 0, false
}

func (l *limits) first(pairs ...pair) (limit float64, ok bool) {
	for _, p := range pairs {
		if limit, ok = l.of[p]; ok {
			return limit, true
		}
	}
	return 0, false
}

// Connections returns how many connections a second an address may open. Limited is false if there is
// no limit. Every address has a limit of its own, also by the default.
func (t *Table) Connections(from netip.Addr) (limit float64, limited bool) {
	if t == nil {
		return 0, false
	}
	if limit, ok := t.addresses[plain(from)]; ok {
		return limit, true
	}
	return t.others, t.others != 0
}
