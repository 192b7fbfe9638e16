package fuzz_test

import (
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// FuzzProtocol takes the requests of captured cases and the ACLs that they meet,
// changes both, and holds what the engine makes of them against the reference model,
// which reads docs/protocol.json and every ACL.
func FuzzProtocol(f *testing.F) {
	all, err := cases.Read("testdata")
	require.NoError(f, err)
	data, err := os.ReadFile("../docs/protocol.json")
	require.NoError(f, err)
	table, err := refmodel.ReadProtocol(data)
	require.NoError(f, err)
	const each = 3
	for i := range all {
		if f.Add(uint16(i), []byte(nil)); i%each == 0 {
			f.Add(uint16(i), []byte{1, 2, byte(i), 0, 1, byte(7 * i), 3, byte(i / 3), 1, 1, 2, 2})
		}
	}
	f.Fuzz(func(t *testing.T, row uint16, data []byte) {
		if len(data) > maxFuzzBytes {
			return
		}
		c := opsCase{all[int(row)%len(all)]}
		r, err := c.request(ops.APIKey(c.APIKey), c.Version, c.Principal, c.Request)
		if err != nil {
			t.Fatal(err)
		}
		if r.Endpoint, err = c.Listener(); err != nil {
			t.Fatal(err)
		}
		src := gen.Bytes(data)
		changeRequest(src, r)
		w := refmodel.World{AllowIfNoACL: c.Config.AllowEveryoneIfNoACLFound, ACLs: cases.Bindings(c.ACLs)}
		changeWorld(src, &w, r)
		subject := refmodel.Subject{Host: netip.MustParseAddr(c.Host)}
		if subject.Principal, err = principal.Parse(c.Principal); err != nil {
			t.Fatal(err)
		}
		view := storeOf(t, w).Session(snapshot.Subject(subject)).View()
		out := ops.Evaluate(view, r)
		if diff := refmodel.CompareResponses(refmodel.ResponseOf(r, &out), table.Answer(refmodel.Authorizer{World: w, Subject: subject}, r)); diff != "" {
			t.Fatalf("%s: %v version %d at %v with %v: %s: %+v", c.ID, r.Key, r.Version, r.Endpoint, w.ACLs, diff, r)
		}
	})
}

// changeRequest changes some of what a request asks for. Without choices it changes
// nothing.
func changeRequest(src gen.Source, r *ops.Request) {
	for range src.IntN(4) {
		flags := []*bool{&r.AllTopics, &r.Follower, &r.TransactionalRecords, &r.NoResponse, &r.TwoPhaseCommit, &r.AllowAutoCreate, &r.AutoCreateDisabled,
			&r.IncludeClusterOperations, &r.IncludeOperations, &r.NoProtocol, &r.TokensDisabled, &r.FeatureDisabled, &r.Forwarded}
		switch src.IntN(6) {
		case 0:
			r.Version += int16(src.IntN(5) - 2)
		case 1:
			r.Endpoint = ops.Endpoint(src.IntN(3))
		case 2:
			for i := range r.Topics {
				r.Topics[i].Exists = gen.Bool(src)
				r.Topics[i].ByID = r.Topics[i].ByID != gen.Bool(src)
			}
		case 3:
			r.Topics = append(r.Topics, r.Topics...)
		case 4:
			r.Groups = append(r.Groups, ops.TopicSet{Name: "g1", Topics: slices.Clone(r.Topics), AllTopics: gen.Bool(src)})
		default:
			flag := gen.Pick(src, flags)
			*flag = !*flag
		}
	}
}

// changeWorld takes ACLs away and adds others on the resources of a request.
func changeWorld(src gen.Source, w *refmodel.World, r *ops.Request) {
	api, _ := ops.Lookup(r.Key)
	for range src.IntN(5) {
		if len(w.ACLs) > 0 && gen.Bool(src) {
			i := src.IntN(len(w.ACLs))
			w.ACLs = slices.Delete(w.ACLs, i, i+1)
			continue
		}
		b := gen.Next(src, w.ACLs)
		if len(api.Steps) > 0 {
			s := gen.Pick(src, api.Steps)
			b.Pattern.Type, b.Entry.Operation = s.Type, s.Operation
		}
		if len(r.Topics) > 0 && gen.Bool(src) {
			b.Pattern.Name = gen.Pick(src, r.Topics).Name
		}
		if gen.Bool(src) {
			b.Entry.Principal, b.Entry.Host = "User:alice", "*"
		}
		w.ACLs = append(w.ACLs, b)
	}
}
