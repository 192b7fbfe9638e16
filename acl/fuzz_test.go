package acl_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/internal/lines"
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

// addCaptured adds ACLs captured from Kafka as seeds, in one format.
func addCaptured(f *testing.F, format acl.Format) {
	err := cases.Rows("../fuzz/testdata/authorize.shared.jsonl.gz", func(n int, row []byte) {
		var world struct{ ACLs []json.RawMessage }
		require.NoError(f, json.Unmarshal(row, &world))
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
				_ = acl.Write(&seed, format, slices.Values([]acl.Binding{b})) // skips what the format cannot represent
			}
		}
		f.Add(seed.Bytes())
	})
	require.NoError(f, err)
}

func addSeeds(f *testing.F, files ...string) {
	for _, file := range files {
		seed, err := os.ReadFile("testdata/" + file)
		require.NoError(f, err)
		f.Add(seed)
		f.Add(bytes.ReplaceAll(seed, []byte("ALLOW"), []byte("MAYBE")))
		f.Add(append([]byte("\uFEFF"), seed[:len(seed)/2]...))
	}
}

// fuzzFormat checks Read for any input. If reference is not nil, it is another
// implementation and must agree. Accepted bindings can be written and read back
// unchanged, unless the format cannot represent their host. Rejected input returns no
// bindings, and errors whose positions are inside the input.
func fuzzFormat(f *testing.F, reference func(string) ([]acl.Binding, bool), from acl.Format, to ...acl.Format) {
	f.Fuzz(func(t *testing.T, input []byte) {
		got, err := acl.Read(bytes.NewReader(input), "f", from)
		if reference != nil {
			if want, ok := reference(string(input)); ok != (err == nil) || ok && !slices.Equal(got, want) {
				t.Fatalf("Read returns %v, %v, want %v, %t", got, err, want, ok)
			}
		}
		if err != nil {
			checkRefusal(t, input, got, err)
			return
		}
		for _, b := range got {
			if err := b.ValidateTypes(); err != nil {
				t.Fatalf("Read returns %v: %v", b, err)
			}
		}
		for _, format := range to {
			var buf bytes.Buffer
			if err := acl.Write(&buf, format, slices.Values(got)); err != nil {
				if tooLong(got) || fromOldRelease(input) {
					continue
				}
				t.Fatalf("Read returns %v, which Write refuses: %v", got, err)
			}
			again, err := acl.Read(&buf, "", format)
			if err != nil || !sameSet(got, again) {
				t.Fatalf("Read returns\n%v\nand after Write as %v\n%v\n%v", got, format, again, err)
			}
		}
	})
}

// tooLong reports whether the bindings may need a longer line than the one they were
// read from.
func tooLong(list []acl.Binding) bool {
	size := 0
	for _, b := range list {
		size += 6 * len(b.String())
	}
	return size > lines.MaxBytes
}

// fromOldRelease reports whether input has entries of an old release, whose hosts and
// names may contain today's separators.
func fromOldRelease(input []byte) bool {
	return bytes.Contains(input, []byte(" permission for operations: "))
}

func checkRefusal(t *testing.T, input []byte, got []acl.Binding, err error) {
	var list acl.ParseErrors
	require.ErrorAs(t, err, &list, "Read")
	require.NotEmpty(t, list, "Read")
	for _, e := range list {
		if e.Unknown == nil {
			require.Nil(t, got, "Read")
		} else {
			require.Error(t, e.Unknown.ValidateTypes(), "%v", e)
		}
	}
	texts := bytes.Split(input, []byte("\n"))
	for i, e := range list {
		require.GreaterOrEqual(t, e.Line, 1, "%v is outside the input", e)
		require.LessOrEqual(t, e.Line, len(texts), "%v is outside the input", e)
		require.GreaterOrEqual(t, e.Column, 1, "%v is outside the input", e)
		assert.LessOrEqual(t, e.Column, len(texts[e.Line-1])+1, "%v is outside the input", e)
		assert.NotEqual(t, "", e.Found, "%q does not say in one line what is found and expected", e)
		assert.False(t, e.Expected == "" && i < lines.MaxErrors, "%q does not say in one line what is found and expected", e)
		assert.False(t, strings.ContainsAny(e.Error(), "\n\x1b"), "%q does not say in one line what is found and expected", e)
		if i > 0 && (e.Line < list[i-1].Line || e.Line == list[i-1].Line && e.Column < list[i-1].Column) {
			t.Errorf("%v comes after %v", e, list[i-1])
		}
	}
}
