package judge_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// replayRows is the number of rows of testdata/requests.jsonl.
const replayRows = 40

// readRows returns the requests that were once answered otherwise than Kafka does.
func readRows(t *testing.T) []row {
	t.Helper()
	file, err := os.ReadFile(cmp.Or(*rowsFlag, filepath.Join("testdata", "requests.jsonl")))
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for line := range bytes.Lines(file) {
		var r row
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		rows = append(rows, r)
	}
	if *rowsFlag == "" && len(rows) != replayRows {
		t.Fatalf("%d rows, expected %d", len(rows), replayRows)
	}
	return rows
}

// situation returns what the row describes.
func (r *row) situation() (situation, error) {
	s := situation{question: question{pair: pair{r.Key, r.Version}, odd: r.Odd}, allowEveryone: r.AllowEveryone}
	var ok bool
	if s.client.user, s.client.host, ok = strings.Cut(r.Client, "@"); !ok {
		return s, fmt.Errorf("client %q", r.Client)
	}
	var err error
	if s.semantics, err = snapshot.ParseSemantics(r.Semantics); err != nil {
		return s, err
	}
	if s.semantics != snapshot.Documented {
		s.semantics = exact(*versionFlag) // of the broker that judges now
	}
	for _, a := range r.ACLs {
		b, err := a.binding()
		if err != nil {
			return s, err
		}
		s.acls = append(s.acls, b)
	}
	s.request = kmsg.RequestForKey(r.Key)
	s.request.SetVersion(r.Version)
	decoder := json.NewDecoder(bytes.NewReader(r.Request))
	decoder.UseNumber()
	var fields any
	if err := decoder.Decode(&fields); err != nil {
		return s, err
	}
	return s, fill(reflect.ValueOf(s.request).Elem(), fields)
}

func (a *rowACL) binding() (b acl.Binding, err error) {
	if b.Pattern.Type, err = resource.ParseType(a.Type); err != nil {
		return b, err
	}
	if b.Pattern.PatternType, err = resource.ParsePatternType(a.Pattern); err != nil {
		return b, err
	}
	if b.Entry.Operation, err = ops.ParseOperation(a.Op); err != nil {
		return b, err
	}
	b.Entry.Permission, err = acl.ParsePermissionType(a.Perm)
	b.Pattern.Name, b.Entry.Principal, b.Entry.Host = a.Name, a.Principal, a.Host
	return b, err
}

// replayAll judges the rows of the world.
func (j *judge) replayAll(rows []row) {
	for _, r := range rows {
		if r.AllowEveryone == j.w.allowEveryone {
			j.t.Run(r.ID+" "+r.API, func(t *testing.T) { j.replay(t, r) })
		}
	}
}

func (j *judge) replay(t *testing.T, r row) {
	s, err := r.situation()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(j.pairs, s.pair) {
		t.Skipf("Kafka %s has no %v", *versionFlag, s.pair)
	}
	j.w.repair(t, "-"+r.ID)
	j.w.setACLs(t, s.acls)
	s.all = j.ask(t, s)
	shown := map[string]bool{}
	for _, d := range s.all {
		s.difference = d
		if id := allowedID(s); id != "" {
			t.Logf("published difference %s: %+v", id, d)
			j.mu.Lock()
			j.allowed[id]++
			j.mu.Unlock()
			shown[id] = true
		} else {
			t.Errorf("%s%s: Kafka %s, here %s", d.Path, d.Entry, d.Kafka, d.Ours)
		}
	}
	if r.Differs != "" && !shown[r.Differs] {
		t.Errorf("the published difference %s does not show: the answers are the same", r.Differs)
	}
}

// ask sends one request on both ways and returns the differences of the answers. The
// ACLs are in force.
func (j *judge) ask(t *testing.T, s situation) []difference {
	t.Helper()
	direct, proxied := j.ways(s.semantics, !s.writes())
	defer direct.close()
	defer proxied.close()
	kafka, err := direct.exchange(s.client, []question{s.question})
	if err != nil {
		t.Fatal(err)
	}
	ours, err := proxied.exchange(s.client, []question{s.question})
	if err != nil {
		t.Fatal(err)
	}
	return differencesOf(kafka[0], ours[0])
}
