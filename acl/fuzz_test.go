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
)

func FuzzReadText(f *testing.F) {
	addSeeds(f, "kafka-acls.txt", "kafka-acls-3.txt")
	f.Add([]byte("Adding ACLs for resource `Group:PREFIXED:a`: \r\n \tUser:a has Deny permission for operations: All from hosts: * \r\n\r\n"))
	f.Add([]byte("Current ACLs for resource `Topic:a`:\n\tUser:a, host= has Allow permission for operations: Read from hosts: a, host=b\n"))
	f.Add([]byte("ACLs for principal `User:a`\n\t(principal=User:a, host=b, host=c, operation=READ, permissionType=ALLOW)\n"))
	fuzzFormat(f, acl.FormatText, acl.FormatText, acl.FormatText3)
}

func FuzzReadJSON(f *testing.F) {
	addSeeds(f, "json.jsonl")
	f.Add([]byte(strings.Replace(oneJSON, "foo", `\ud83d\ude00\ud800`, 1)))
	f.Add([]byte(strings.Replace(oneJSON, `"*"`, `[{"a":null}]`, 1)))
	f.Add([]byte(oneJSON + "\uFEFF" + oneJSON))
	fuzzFormat(f, acl.FormatJSON, acl.FormatJSON)
}

func FuzzReadZooKeeper(f *testing.F) {
	addSeeds(f, "zookeeper.txt")
	f.Add([]byte(`/kafka-acl-extended/PREFIXED/Group/a {"b {"acls":[],"version":1}`))
	f.Add([]byte(`/kafka-acl/Group/.. {"acls":[{"host":"\ud800"}],"version":01}`))
	fuzzFormat(f, acl.FormatZooKeeper, acl.FormatZooKeeper)
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

// fuzzFormat holds that what is read can be written, unless it is its host that
// the format cannot hold, and is then read as the same; and that what is refused
// gives no binding, and errors that are inside the input.
func fuzzFormat(f *testing.F, from acl.Format, to ...acl.Format) {
	f.Fuzz(func(t *testing.T, input []byte) {
		got, err := acl.Read(bytes.NewReader(input), "f", from)
		if err != nil {
			checkRefusal(t, input, got, err)
			return
		}
		for _, b := range got {
			if err := b.Validate(); err != nil {
				t.Fatalf("Read gives %v: %v", b, err)
			}
		}
		if from == acl.FormatJSON {
			checkJSON(t, input)
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

// checkJSON holds that what is accepted is JSON by encoding/json's own judgement,
// and has the seven keys.
func checkJSON(t *testing.T, input []byte) {
	for line := range bytes.Lines(bytes.TrimPrefix(input, []byte("\uFEFF"))) {
		if line = bytes.Trim(line, " \t\r\n"); len(line) == 0 {
			continue
		}
		var object map[string]string
		if err := json.Unmarshal(line, &object); err != nil || len(object) != 7 {
			t.Errorf("Read accepts %q: %v, %v", line, object, err)
		}
	}
}
