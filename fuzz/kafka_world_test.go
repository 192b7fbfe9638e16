package fuzz_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// kafkaWorld is a configuration, a set of ACLs and questions, to be put to Kafka's
// authorizer and to the engine.
type kafkaWorld struct {
	model   refmodel.World
	batches []kafkaBatch
}

// kafkaBatch is what one client asks at once, and by type.
type kafkaBatch struct {
	subject refmodel.Subject
	actions []snapshot.Request
	byType  []snapshot.Request // without names
}

// questions returns how many answers the world has.
func (w kafkaWorld) questions() (n int) {
	for _, b := range w.batches {
		n += len(b.actions) + len(b.byType)
	}
	return n
}

// What package gen does not draw, because its model or another test does not take it.
var (
	kafkaNames = []string{"\"", "#a", "$", "%", "&&", "'", "(", "()", ")", "\x01", "\x1f!", "!!a", "hardcode", "hardcoded", "hard", "h", "*", "**", "*!", "+", ",",
		"/", "0", "\x7f", "\u00e9", "e\u0301", "\uffff", "\ufffd", "\U0010ffff", "\U0001f600a", " ", " *", "* ", "\t", "\n", "a\nb", "__consumer_offsets", "A", "ab"}
	kafkaPrincipals = []string{"User:**", "User:* ", " User:*", "User: alice", "User:alice ", "User:Alice", "*:*", "User::", "::", "USER:alice", "Role:x", "User:\n",
		"User:\u00e9", "User:e\u0301", "User:CN=Bob, OU=ops", "User:CN=Bob,OU=ops", "RegexUser:.*"}
	kafkaHosts = []string{"**", " *", "* ", "10.0.0.1 ", "10.0.0.*", "1", "0:0:0:0:0:0:0:0", "0:0:0:0:0:0:0:01", "0000:0000:0000:0000:0000:0000:0000:0001",
		"fe80:0:0:0:0:0:0:1%1", "FE80:0:0:0:0:0:0:1%1", "fe80:0:0:0:0:0:0:1%0", "fe80::1%1", "0:0:0:0:0:ffff:a00:1", "2001:db8:0:0:0:0:0:a", "2001:db8::a"}
	// kafkaNetworks are, or look like, networks.
	kafkaNetworks = []string{"0.0.0.0/0", "0.0.0.0/32", "10.0.0.0/08", "10.0.0.0/008", "010.000.000.001/8", "0010.0.0.0/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/",
		"/8", "10.0.0/8", "10.0.0.0.0/8", "10.0.0.0/255.0.0.0", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.0//8", "10.0.0.0/8/8", "256.0.0.0/8", "10.0.0.0/\u0668", "a/b", "/", "//",
		"::/0", "::/00", "::/128", "::/129", "::/-0", "::/+0", "::/-1", "::/", "::1/128", "[::1]/128", "[::1/128", "::1]/128", "[[::1]]/128", "0:0:0:0:0:0:0:1/128", "::1/0128",
		"fe80::1%1/64", "fe80::1%2/10", "fe80::/10", "FE80::/10", "fe80::1/64/64", "64:ff9b::1.2.3.4/96", "::10.0.0.0/104", "::ffff:10.0.0.0/104", "::ffff:0:0/96", "::FFFF:10.0.0.1/128",
		"2001:db8::/\u0663\u0662", "2001:db8::/3\u0662", "2001:db8::/\U0001d7d1\U0001d7d0", "2001:db8::/\uff13\uff12", "2001:db8::/0x20", "2001:0db8::/32", "2001:db8:0:0:0:0:0:0/32", "1:2:3:4:5:6:7:8:9/16", "1:2:3:4:5:6:7/16", "::1::/8", "::g/8", "::1.2.3/96",
		"::1.2.3.256/96", "12345::/16", "00001::/16", ":/8", ":::/8"}
	kafkaClients = []string{"0.0.0.0", "10.0.0.1", "10.0.0.0", "10.255.255.255", "11.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "fe80::1", "fe80::1%1", "fe80::1%2",
		"fe80::1%0", "2001:db8::a", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "64:ff9b::102:304", "::a00:1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}
	kafkaAskers = []principal.Principal{{Type: "User", Name: "**"}, {Type: "User", Name: " alice"}, {Type: "User", Name: "*:"}, {Type: "USER", Name: "alice"}, {Type: "Role", Name: "x"},
		{Type: "User", Name: "\n"}, {Type: "User", Name: "\u00e9"}, {Type: "User", Name: "e\u0301"}, {Type: "User", Name: ":"}, {Type: "*", Name: "*"}, {Type: "", Name: ":"}}
)

// newKafkaWorld draws a world, for Kafka 4.4 if networks is true.
func newKafkaWorld(src gen.Source, networks bool) kafkaWorld {
	w := kafkaWorld{model: gen.World(src)}
	w.model.Exact, w.model.Networks = true, networks
	if src.IntN(40) == 39 {
		w.model.ACLs = gen.ACLs(src, 150)
	}
	client := netip.MustParseAddr(gen.Pick(src, kafkaClients))
	withColon := src.IntN(4) > 0 // an ACL without makes Kafka throw
	for i := range w.model.ACLs {
		b := &w.model.ACLs[i]
		vary(src, b, client)
		if withColon && !strings.Contains(b.Entry.Principal, ":") {
			b.Entry.Principal = "User:" + b.Entry.Principal
		}
	}
	for range 4 {
		w.batches = append(w.batches, newKafkaBatch(src, w.model.ACLs, client))
	}
	w.retype(src)
	w.model.ACLs = unique(w.model.ACLs)
	return w
}

// vary changes some of what package gen has drawn.
func vary(src gen.Source, b *acl.Binding, client netip.Addr) {
	if src.IntN(6) == 0 {
		b.Pattern.Name = gen.Pick(src, kafkaNames) + gen.Pick(src, []string{"", "", b.Pattern.Name})
	}
	if src.IntN(10) == 0 {
		b.Entry.Principal = gen.Pick(src, kafkaPrincipals)
	}
	switch src.IntN(12) {
	case 0:
		b.Entry.Host = gen.Pick(src, kafkaHosts)
	case 1:
		b.Entry.Host = gen.Pick(src, kafkaNetworks)
	case 2:
		addr := client.WithZone("")
		b.Entry.Host = fmt.Sprintf("%s/%d", gen.Pick(src, []string{addr.String(), addr.StringExpanded(), addr.Next().String()}), src.IntN(addr.BitLen()+1))
	}
	b.Entry.Host = withScopes(b.Entry.Host)
}

// withScopes returns a host with numbers as zones: which network interfaces there are
// depends on the machine, and so does what Kafka makes of their names.
func withScopes(host string) string { return scopes.Replace(host) }

var scopes = strings.NewReplacer("%eth0", "%1", "%eth1", "%2")

func newKafkaBatch(src gen.Source, acls []acl.Binding, client netip.Addr) (b kafkaBatch) {
	var first refmodel.Request
	b.subject, first = gen.Question(src, acls)
	b.subject.Groups = nil // Kafka has none
	switch {
	case src.IntN(3) == 0 || !b.subject.Host.IsValid():
		b.subject.Host = client
	case b.subject.Host.Zone() != "":
		b.subject.Host = netip.MustParseAddr(withScopes(b.subject.Host.String()))
	}
	if src.IntN(10) == 0 || b.subject.Principal == (principal.Principal{}) {
		b.subject.Principal = gen.Pick(src, kafkaAskers)
	}
	b.actions = append(b.actions, kafkaAction(first))
	about := aboutClient(acls, b.subject)
	for range src.IntN(40) {
		r := gen.Request(src, acls)
		if len(about) > 0 && src.IntN(3) > 0 {
			r = gen.Request(src, about)
		}
		if src.IntN(8) == 0 {
			r.Name = gen.Pick(src, kafkaNames) + gen.Pick(src, []string{"", "", r.Name})
		}
		b.actions = append(b.actions, kafkaAction(r))
	}
	for range src.IntN(8) {
		r := gen.Request(src, acls)
		if len(about) > 0 && src.IntN(3) > 0 {
			r = gen.Request(src, about)
		}
		b.byType = append(b.byType, snapshot.Request{Operation: kafkaAction(r).Operation, Type: r.Type})
	}
	return b
}

// aboutClient returns the ACLs that may decide for a client.
func aboutClient(acls []acl.Binding, s refmodel.Subject) (about []acl.Binding) {
	for _, b := range acls {
		isClient := b.Entry.Principal == principal.Wildcard || b.Entry.Principal == s.Principal.String()
		if isClient && (refmodel.World{Networks: true}).IsFromText(b.Entry, s.Host) {
			about = append(about, b)
		}
	}
	return about
}

// kafkaAction returns a request that Kafka's classes can be asked: an operation that
// they know and a type that a resource can have.
func kafkaAction(r refmodel.Request) snapshot.Request {
	if r.Operation < ops.Unknown || r.Operation > ops.TwoPhaseCommit {
		r.Operation = ops.Unknown
	}
	if !r.Type.IsConcrete() {
		r.Type = resource.Cluster
	}
	return snapshot.Request(r)
}

// retype exchanges resource types, so that all of them are drawn.
func (w *kafkaWorld) retype(src gen.Source) {
	if gen.Bool(src) {
		return
	}
	turn := src.IntN(6)
	turned := func(t resource.Type) resource.Type {
		if !t.IsConcrete() {
			return t
		}
		return resource.Topic + (t-resource.Topic+resource.Type(turn))%6
	}
	for i := range w.model.ACLs {
		p := &w.model.ACLs[i].Pattern
		p.Type = turned(p.Type)
	}
	for _, b := range w.batches {
		for _, requests := range [][]snapshot.Request{b.actions, b.byType} {
			for i := range requests {
				requests[i].Type = turned(requests[i].Type)
			}
		}
	}
}

func unique(acls []acl.Binding) []acl.Binding {
	seen := map[acl.Binding]bool{}
	return slices.DeleteFunc(acls, func(b acl.Binding) bool {
		if seen[b] {
			return true
		}
		seen[b] = true
		return false
	})
}

// store returns a store with the ACLs of the world.
func (w kafkaWorld) store() (*snapshot.Store, error) {
	config := snapshot.Config{Semantics: snapshot.KafkaExact, SuperUsers: w.model.SuperUsers, AllowIfNoACL: w.model.AllowIfNoACL, AwaitInitialLoad: w.model.Loading}
	if w.model.Networks {
		config.Semantics = snapshot.KafkaExact44
	}
	store := snapshot.NewStore(config)
	err := store.Replace(slices.Values(w.model.ACLs))
	return store, err
}

// words appends the world as AuthorizerJudge reads it.
func (w kafkaWorld) words(words []string) []string {
	var supers []string
	for _, p := range w.model.SuperUsers {
		supers = append(supers, p.Type+":"+p.Name)
	}
	state := "loaded"
	if w.model.Loading {
		state = "loading"
	}
	words = append(words, strings.Join(supers, ";"), strconv.FormatBool(w.model.AllowIfNoACL), state, strconv.Itoa(len(w.model.ACLs)))
	for _, b := range w.model.ACLs {
		words = append(words, number(b.Pattern.Type), b.Pattern.Name, number(b.Pattern.PatternType), b.Entry.Principal, b.Entry.Host,
			number(b.Entry.Operation), number(b.Entry.Permission))
	}
	words = append(words, strconv.Itoa(len(w.batches)))
	for _, b := range w.batches {
		words = b.words(words)
	}
	return words
}

func (b kafkaBatch) words(words []string) []string {
	scope := b.subject.Host.Zone()
	if scope == "" {
		scope = "-1"
	}
	words = append(words, b.subject.Principal.Type, b.subject.Principal.Name, hex.EncodeToString(b.subject.Host.AsSlice()), scope, strconv.Itoa(len(b.actions)))
	for _, r := range b.actions {
		words = append(words, number(r.Operation), number(r.Type), r.Name)
	}
	words = append(words, strconv.Itoa(len(b.byType)))
	for _, r := range b.byType {
		words = append(words, number(r.Operation), number(r.Type))
	}
	return words
}

func number[T ~int8](n T) string { return strconv.Itoa(int(n)) }
