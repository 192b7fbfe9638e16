package acl_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

var formats = []acl.Format{acl.FormatText, acl.FormatText3, acl.FormatJSON, acl.FormatZooKeeper}

func write(t *testing.T, format acl.Format, bindings ...acl.Binding) string {
	t.Helper()
	var buf bytes.Buffer
	require.NoError(t, acl.Write(&buf, format, slices.Values(bindings)), "Write as %v", format)
	return buf.String()
}

// The golden files are exactly what Kafka itself prints.
func TestWriteAndReadGoldens(t *testing.T) {
	deny := topic("foo", "User:bob")
	deny.Entry.Operation, deny.Entry.Permission = ops.Write, acl.Deny
	all := []acl.Binding{one, deny,
		binding(resource.PrefixedPattern(resource.TransactionalID, "acme-"), "User:CN=w,OU=IT", "10.0.0.0/8", ops.TwoPhaseCommit)}
	for format, file := range map[acl.Format]string{
		acl.FormatText: "kafka-acls.txt", acl.FormatText3: "kafka-acls-3.txt", acl.FormatJSON: "json.jsonl", acl.FormatZooKeeper: "zookeeper.txt",
	} {
		t.Run(file, func(t *testing.T) {
			golden, err := os.ReadFile("testdata/" + file)
			require.NoError(t, err)
			got := write(t, format, all...)
			assert.Equal(t, string(golden), got, "Write as %v\n%q\nwant\n%q", format, got, golden)
			read(t, string(golden), acl.FormatAuto, all...)
		})
	}
}

func TestWriteNothing(t *testing.T) {
	for _, format := range formats {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			assert.Equal(t, "", write(t, format))
		})
	}
}

// Bindings keep their order, except that a resource has one line in ZooKeeper.
func TestWriteOrder(t *testing.T) {
	list := []acl.Binding{topic("b", "User:z"), topic("a", "User:x"), topic("b", "User:y"), topic("b", "User:x")}
	for _, format := range formats {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			want := list
			if format == acl.FormatZooKeeper {
				want = []acl.Binding{list[1], list[0], list[2], list[3]}
			}
			text := write(t, format, list...)
			read(t, text, format, want...)
			if headings := strings.Count(text, "Current ACLs"); format <= acl.FormatText3 && headings != 3 {
				t.Errorf("Write as %v makes %d headings, want 3:\n%s", format, headings, text)
			}
			if lines := strings.Count(text, "\n"); format == acl.FormatZooKeeper && lines != 2 {
				t.Errorf("Write as %v makes %d lines, want 2:\n%s", format, lines, text)
			}
		})
	}
}

func TestWriteRefusesWhatItCouldNotReadBack(t *testing.T) {
	inAll := map[acl.Format]bool{acl.FormatText: true, acl.FormatText3: true, acl.FormatJSON: true, acl.FormatZooKeeper: true}
	text := map[acl.Format]bool{acl.FormatText: true, acl.FormatText3: true}
	node := map[acl.Format]bool{acl.FormatZooKeeper: true}
	textAndNode := map[acl.Format]bool{acl.FormatText: true, acl.FormatText3: true, acl.FormatZooKeeper: true}

	host := func(h string) acl.Binding { b := one; b.Entry.Host = h; return b }
	for _, test := range []struct {
		binding acl.Binding
		refused map[acl.Format]bool
	}{
		{one, nil},
		{acl.Binding{}, inAll},
		{topic("", "User:a"), node},
		{topic("a", "alice"), nil},
		{topic("a", ""), nil},
		{topic("a\xffb", "User:a"), inAll},
		{topic("a", "User:\xed\xa0\x80"), inAll},
		{topic("a\nb", "User:a"), textAndNode},
		{topic("a\rb", "User:a"), textAndNode},
		{topic("a\u0085", "User:a"), textAndNode},
		{topic("a", "User:a\n\t(principal=User:*, host=*, operation=ALL, permissionType=ALLOW)"), text},
		{topic("a", "User:a\x00"), text},
		{topic("a", "User:a\n"), text},
		{topic("a", "User:a, host=b"), nil},
		{host("a, host=b"), text},
		{host("1.2.3.4, operation=ALL"), nil},
		{host(""), nil},
		{host("1.2.3.4/99"), nil},
		{topic("/", "User:a"), node},
		{topic(".", "User:a"), node},
		{topic("..", "User:a"), node},
		{topic("😀", "User:a"), node},
		{topic(`a {"b`, "User:a"), node},
		{topic(`a {"version":1,"acls":[]}`, "User:a"), node},
		{topic(`a, name=b, patternType=PREFIXED)`, "User:a"), nil},
		{topic(strings.Repeat("n", lines.MaxBytes), "User:a"), inAll},
	} {
		t.Run(fmt.Sprint(test.binding), func(t *testing.T) {
			for _, format := range formats {
				var buf bytes.Buffer
				err := acl.Write(&buf, format, slices.Values([]acl.Binding{one, test.binding, one}))
				refused := err != nil
				assert.Equal(t, test.refused[format], refused, "Write of %.200v as %v: refused = %v (%v), want %v", test.binding, format, refused, err, test.refused[format])
				if err != nil && buf.Len() > 0 {
					t.Errorf("Write of %.200v as %v: it is refused, and yet this is written: %q", test.binding, format, buf.String())
				}
			}
		})
	}
}

func TestWriteNamesEveryBindingThatItRefuses(t *testing.T) {
	var buf bytes.Buffer
	err := acl.Write(&buf, acl.FormatText, slices.Values([]acl.Binding{topic("a\nb", "User:a"), one, topic("c", "User:\x1b[2J")}))
	const want = `acl: the binding of TOPIC "a\nb" (LITERAL), ALLOW READ for "User:a" from host "*" cannot be written as kafka-acls: ` +
		`reading it back finds the end of the line, expected "` + "`:" + `" before it` + "\n" +
		`acl: the binding of TOPIC "c" (LITERAL), ALLOW READ for "User:\x1b[2J" from host "*" cannot be written as kafka-acls: ` +
		`reading it back finds control character '\x1b', expected only printable text: use the json format for other names`
	assert.EqualError(t, err, want, "Write writes %q, error\n%v\nwant\n%s", buf.String(), err, want)
	assert.LessOrEqual(t, buf.Len(), 0, "Write writes %q, error\n%v\nwant\n%s", buf.String(), err, want)

	many := slices.Repeat([]acl.Binding{topic("a\nb", "User:a")}, lines.MaxErrors+1)
	err = acl.Write(&buf, acl.FormatText, slices.Values(many))
	n := strings.Count(err.Error(), "\n") + 1
	assert.Equal(t, lines.MaxErrors, n, "%d bindings are refused with %d errors", len(many), n)
}

func TestWriteNamesTheResourceWhoseLineIsTooLong(t *testing.T) {
	many := []acl.Binding{topic("a", "User:a")}
	for i := range 13_000 {
		many = append(many, topic("b", fmt.Sprintf("User:%d", i)))
	}
	var buf bytes.Buffer
	err := acl.Write(&buf, acl.FormatZooKeeper, slices.Values(many))
	const want = `acl: the 13000 bindings of TOPIC "b" (LITERAL) cannot be written as zookeeper: ` +
		`reading it back finds a longer line, expected no line of more than 1048576 bytes`
	assert.EqualError(t, err, want, "Write writes %d bytes, error\n%v\nwant\n%s", buf.Len(), err, want)
	assert.LessOrEqual(t, buf.Len(), 0, "Write writes %d bytes, error\n%v\nwant\n%s", buf.Len(), err, want)
	write(t, acl.FormatText, many...)
}

func TestWriteOfAFormatThatCannotBeWritten(t *testing.T) {
	for _, format := range []acl.Format{acl.FormatAuto, acl.Format(99)} {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			var buf bytes.Buffer
			err := acl.Write(&buf, format, slices.Values([]acl.Binding{one}))
			require.Error(t, err, "Write as %v = %q, %v, want an error", format, buf.String(), err)
			assert.LessOrEqual(t, buf.Len(), 0, "Write as %v = %q, %v, want an error", format, buf.String(), err)
		})
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWriteReturnsTheErrorOfItsOutput(t *testing.T) {
	full := errors.New("disk full")
	assert.ErrorIs(t, acl.Write(brokenWriter{full}, acl.FormatJSON, slices.Values([]acl.Binding{one})), full, "Write")
}

// nasty draws text with the formats' separators, and with characters that they cannot
// represent.
var nasty = rapid.Custom(func(t *rapid.T) string {
	parts := rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom([]string{
			"a", " ", ", host=", ", operation=", ", name=", ", patternType=LITERAL)", ")", "(", "`", "`:", "\"", "\\", "\\ud800", "{", "}", " {",
			"/", ".", ":", "*", " has ", " from hosts: ", " permission for operations: ", "\n", "\r", "\t", "\x00", "\uFEFF", "\u2028", "\xff",
			"😀", "\uFFFD", "é",
		}),
		rapid.String(),
	), 0, 4).Draw(t, "parts")
	return strings.Join(parts, "")
})

// mostly draws from plain, and sometimes nasty text.
func mostly(plain *rapid.Generator[string]) *rapid.Generator[string] {
	return rapid.OneOf(plain, plain, plain, nasty)
}

var anyBinding = rapid.Custom(func(t *rapid.T) acl.Binding {
	return acl.Binding{
		Pattern: resource.Pattern{
			Type:        rapid.SampledFrom(resource.Types()).Draw(t, "type"),
			PatternType: rapid.SampledFrom([]resource.PatternType{resource.Literal, resource.Prefixed}).Draw(t, "patternType"),
			Name:        mostly(rapid.SampledFrom([]string{"a", "b", "c, name=d)`:"})).Draw(t, "name"),
		},
		Entry: acl.Entry{
			Principal:  "User:" + mostly(rapid.SampledFrom([]string{"a", "CN=b, OU=c", "d, host=e"})).Draw(t, "principal"),
			Host:       mostly(rapid.SampledFrom([]string{"*", "10.0.0.1", "10.0.0.0/8"})).Draw(t, "host"),
			Operation:  ops.Operation(rapid.IntRange(int(ops.All), int(ops.TwoPhaseCommit)).Draw(t, "operation")),
			Permission: rapid.SampledFrom([]acl.PermissionType{acl.Allow, acl.Deny}).Draw(t, "permission"),
		},
	}
})

// Every format either refuses a set of bindings or represents it exactly. JSON accepts
// every one that is valid and UTF-8.
func TestWriteThenReadIsTheSame(t *testing.T) {
	written := map[acl.Format]int{}
	rapid.Check(t, func(rt *rapid.T) {
		list := rapid.SliceOfN(anyBinding, 0, 3).Draw(rt, "bindings")
		valid := !slices.ContainsFunc(list, func(b acl.Binding) bool {
			return b.ValidateTypes() != nil || strings.ToValidUTF8(b.String(), "") != b.String()
		})
		for _, format := range formats {
			var buf bytes.Buffer
			err := acl.Write(&buf, format, slices.Values(list))
			if err != nil {
				require.LessOrEqual(rt, buf.Len(), 0, "Write as %v: %v, having written %q", format, err, buf.String())
				require.False(rt, format == acl.FormatJSON && valid, "Write as %v: %v, having written %q", format, err, buf.String())
				continue
			}
			require.True(rt, valid, "Write as %v accepts an invalid binding: %q", format, buf.String())
			written[format] += len(list)
			for _, as := range []acl.Format{format, acl.FormatAuto} {
				got, err := acl.Read(&buf, "", as)
				require.NoError(rt, err, "Read of what was written as %v", format)
				require.True(rt, sameSet(got, list), "Read of what was written as %v: %v, %v", format, got, err)
				buf.Reset()
				_ = acl.Write(&buf, format, slices.Values(list))
			}
		}
	})
	for _, format := range formats {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			if written[format] < 10 && !testing.Short() { // rapid makes a fifth of the checks in short runs
				t.Errorf("only %d bindings were written as %v: the test proves nothing", written[format], format)
			}
		})
	}
}

func sameSet(a, b []acl.Binding) bool {
	sorted := func(list []acl.Binding) []acl.Binding {
		return slices.Compact(slices.SortedFunc(slices.Values(list), acl.Binding.Compare))
	}
	return slices.Equal(sorted(a), sorted(b))
}

func ExampleWrite() {
	list := []acl.Binding{
		{
			Pattern: resource.LiteralPattern(resource.Topic, "orders"),
			Entry:   acl.Entry{Principal: "User:alice", Host: acl.WildcardHost, Operation: ops.Read, Permission: acl.Allow},
		},
		{
			Pattern: resource.LiteralPattern(resource.Topic, "orders"),
			Entry:   acl.Entry{Principal: "User:bob", Host: acl.WildcardHost, Operation: ops.Write, Permission: acl.Deny},
		},
	}
	if err := acl.Write(os.Stdout, acl.FormatText, slices.Values(list)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`:
	// 	(principal=User:alice, host=*, operation=READ, permissionType=ALLOW)
	// 	(principal=User:bob, host=*, operation=WRITE, permissionType=DENY)
}
