package acl_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
)

func FuzzReadText(f *testing.F) {
	addCaptured(f, acl.FormatText)
	addSeeds(f, "kafka-acls.txt", "kafka-acls-3.txt")
	f.Add([]byte("Adding ACLs for resource `Group:PREFIXED:a`: \r\n \tUser:a has Deny permission for operations: All from hosts: * \r\n\r\n"))
	f.Add([]byte("Current ACLs for resource `Topic:a`:\n\tUser:a, host= has Allow permission for operations: Read from hosts: a, host=b\n"))
	f.Add([]byte("ACLs for principal `User:a`\n\t(principal=User:a, host=b, host=c, operation=READ, permissionType=ALLOW)\n"))
	fuzzFormat(f, nil, acl.FormatText, acl.FormatText, acl.FormatText3)
}

func FuzzReadJSON(f *testing.F) {
	addCaptured(f, acl.FormatJSON)
	addSeeds(f, "json.jsonl")
	f.Add([]byte(strings.Replace(oneJSON, "foo", `\ud83d\ude00\ud800`, 1)))
	f.Add([]byte(strings.Replace(oneJSON, `"*"`, `[{"a":null}]`, 1)))
	f.Add([]byte(oneJSON + "\uFEFF" + oneJSON))
	f.Add([]byte("\uFEFF \t\r\n" + strings.Replace(oneJSON, `"name"`, `"\u006Eame"`, 1) + "\r\n\r\r\n"))
	fuzzFormat(f, refmodel.ReadJSON, acl.FormatJSON, acl.FormatJSON)
}

func FuzzReadZooKeeper(f *testing.F) {
	addCaptured(f, acl.FormatZooKeeper)
	addSeeds(f, "zookeeper.txt")
	f.Add([]byte(`/kafka-acl-extended/PREFIXED/Group/a {"b {"acls":[],"version":1}`))
	f.Add([]byte(`/kafka-acl/Group/.. {"acls":[{"host":"\ud800"}],"version":01}`))
	f.Add([]byte(`/kafka-acl-extended/Prefixed/TransactionalId/a b { "acls" : [ { "host":"10.0.0.0/8","principal":"User:","operation":"idempotentwrite","permissionType":"deny" } ] , "version":1 } `))
	for _, path := range []string{"/kafka-acl/Group/a\uE001", "/kafka-acl/Group/\uD7FF", "/kafka-acl/Group/\uFFEF", "/kafka-acl/Group/\uFFF0", "/kafka-acl-extended/literal/Topic/a"} {
		f.Add([]byte(path + ` {"version":1,"acls":[]}`))
	}
	fuzzFormat(f, refmodel.ReadZooKeeper, acl.FormatZooKeeper, acl.FormatZooKeeper)
}

// addCaptured adds as seeds, in one format, the ACLs of rows captured from Kafka.
func addCaptured(f *testing.F, format acl.Format) {
	err := gen.Rows("../fuzz/testdata/authorize.shared.jsonl.gz", func(n int, row []byte) {
		var world struct{ ACLs []json.RawMessage }
		if err := json.Unmarshal(row, &world); err != nil {
			f.Fatal(err)
		}
		const each, atMost = 16, 8 // rows, ACLs
		if n%each != 0 {
			return
		}
		var seed bytes.Buffer
		for _, text := range world.ACLs[:min(len(world.ACLs), atMost)] {
			var b acl.Binding
			if format == acl.FormatJSON {
				seed.Write(append(text, '\n')) // valid or not
			} else if b.UnmarshalJSON(text) == nil {
				_ = acl.Write(&seed, format, slices.Values([]acl.Binding{b})) // what the format cannot hold is left out
			}
		}
		f.Add(seed.Bytes())
	})
	if err != nil {
		f.Fatal(err)
	}
}

func addSeeds(f *testing.F, files ...string) {
	for _, file := range files {
		seed, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
		f.Add(bytes.ReplaceAll(seed, []byte("ALLOW"), []byte("MAYBE")))
		f.Add(append([]byte("\uFEFF"), seed[:len(seed)/2]...))
	}
}

// fuzzFormat holds what is read, or refused, against another reading of the format,
// unless that is nil; that what is read can be written, unless it is its host that
// the format cannot hold, and is then read as the same; and that what is refused
// gives no binding, and errors that are inside the input.
func fuzzFormat(f *testing.F, reference func(string) ([]acl.Binding, bool), from acl.Format, to ...acl.Format) {
	f.Fuzz(func(t *testing.T, input []byte) {
		got, err := acl.Read(bytes.NewReader(input), "f", from)
		if reference != nil {
			if want, ok := reference(string(input)); ok != (err == nil) || !slices.Equal(got, want) {
				t.Fatalf("Read gives %v, %v, want %v, %t", got, err, want, ok)
			}
		}
		if err != nil {
			checkRefusal(t, input, got, err)
			return
		}
		for _, b := range got {
			if err := b.ValidateStored(); err != nil {
				t.Fatalf("Read gives %v: %v", b, err)
			}
		}
		for _, format := range to {
			var buf bytes.Buffer
			if err := acl.Write(&buf, format, slices.Values(got)); err != nil {
				if tooLong(got) || fromOldRelease(input) {
					continue
				}
				t.Fatalf("Read gives %v, which Write refuses: %v", got, err)
			}
			again, err := acl.Read(&buf, "", format)
			if err != nil || !sameSet(got, again) {
				t.Fatalf("Read gives\n%v\nand after Write as %v\n%v\n%v", got, format, again, err)
			}
		}
	})
}

// tooLong reports whether the bindings may make a line that is longer than that
// which they were read from.
func tooLong(list []acl.Binding) bool {
	size := 0
	for _, b := range list {
		size += 6 * len(b.String())
	}
	return size > acl.MaxLineBytes
}

// fromOldRelease reports whether input has the entries of an old release, whose
// hosts and names may hold what separates the fields since then.
func fromOldRelease(input []byte) bool {
	return bytes.Contains(input, []byte(" permission for operations: "))
}

func checkRefusal(t *testing.T, input []byte, got []acl.Binding, err error) {
	var list acl.ParseErrors
	if got != nil || !errors.As(err, &list) || len(list) == 0 {
		t.Fatalf("Read = %v, %T %v", got, err, err)
	}
	lines := bytes.Split(input, []byte("\n"))
	for i, e := range list {
		if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len(lines[e.Line-1])+1 {
			t.Errorf("%v is outside of the input", e)
		}
		if e.Found == "" || e.Expected == "" || strings.ContainsAny(e.Error(), "\n\x1b") {
			t.Errorf("%q does not say in one line what is found and expected", e)
		}
		if i > 0 && (e.Line < list[i-1].Line || e.Line == list[i-1].Line && e.Column < list[i-1].Column) {
			t.Errorf("%v comes after %v", e, list[i-1])
		}
	}
}
