package acl_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// binding returns an ALLOW, for tests of names.
func binding(p resource.Pattern, principal, host string, op ops.Operation) acl.Binding {
	return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: principal, Host: host, Operation: op, Permission: acl.Allow}}
}

func topic(name, principal string) acl.Binding {
	return binding(resource.LiteralPattern(resource.Topic, name), principal, "*", ops.Read)
}

// read fails the test unless text is parsed as exactly want.
func read(t *testing.T, text string, format acl.Format, want ...acl.Binding) {
	t.Helper()
	got, err := acl.Read(strings.NewReader(text), "dump.txt", format)
	require.NoError(t, err, "Read(%q)", text)
	require.Equal(t, want, got, "Read(%q)\n", text)
}

// refuse fails the test unless text is refused with exactly these error lines and no
// bindings.
func refuse(t *testing.T, text string, format acl.Format, want ...string) {
	t.Helper()
	got, err := acl.Read(strings.NewReader(text), "dump.txt", format)
	require.Error(t, err, "Read(%q) = %v, want an error", text, got)
	assert.Nil(t, got, "Read(%q) returns bindings together with an error", text)
	if list := strings.Join(want, "\n"); err.Error() != list {
		t.Errorf("Read(%q)\n%v\nwant\n%v", text, err, list)
	}
	var list acl.ParseErrors
	assert.ErrorAs(t, err, &list, "Read(%q) = %T, want ParseErrors of length %d", text, err, len(want))
	assert.Len(t, list, len(want), "Read(%q) = %T, want ParseErrors of length %d", text, err, len(want))
	var first *acl.ParseError
	require.ErrorAs(t, err, &first, "Read(%q): errors.As finds %v, want the first error", text, first)
	assert.Same(t, list[0], first, "Read(%q): errors.As finds %v, want the first error", text, first)
}

const (
	oneText = "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=foo, patternType=LITERAL)`:\n" +
		"\t(principal=User:alice, host=*, operation=READ, permissionType=ALLOW)\n\n"
	oneJSON = `{"resourceType":"TOPIC","name":"foo","patternType":"LITERAL","principal":"User:alice",` +
		`"host":"*","operation":"READ","permission":"ALLOW"}` + "\n"
	oneZooKeeper = `/kafka-acl/Topic/foo {"version":1,"acls":[{"principal":"User:alice","permissionType":"Allow",` +
		`"operation":"Read","host":"*"}]}` + "\n"
)

var one = topic("foo", "User:alice")

func TestReadKnowsTheFormat(t *testing.T) {
	for _, text := range []string{
		oneText,
		strings.Replace(oneText, "Current", "Adding", 1),
		"ACLs for principal `User:alice`\n" + oneText,
		oneJSON,
		oneZooKeeper,
	} {
		t.Run(text, func(t *testing.T) {
			for _, before := range []string{"", "\n", " \t \r\n\n", "\uFEFF", "\uFEFF\r\n"} {
				read(t, before+text, acl.FormatAuto, one)
			}
		})
	}
	read(t, "", acl.FormatAuto)
	read(t, "\n \n", acl.FormatAuto)
}

func TestReadRefusesWhatNoFormatBeginsWith(t *testing.T) {
	const expected = "expected a dump of ACLs that begins with Current ACLs for resource `…`: (kafka-acls), { (json) or /kafka-acl/ (zookeeper)"
	refuse(t, "\nKafkaPrincipal,ResourceType\n"+oneText, acl.FormatAuto, `dump.txt:2:1: found "KafkaPrincipal,ResourceType", `+expected)
	refuse(t, "\uFEFFx", acl.FormatAuto, `dump.txt:1:4: found "x", `+expected)
	refuse(t, "\xff\xfe{\x00", acl.FormatAuto, `dump.txt:1:1: found the byte "\xff", expected valid UTF-8`)
}

func TestReadOfAFormatThatThereIsNot(t *testing.T) {
	got, err := acl.Read(strings.NewReader(oneText), "", acl.Format(99))
	assert.Error(t, err, "Read with Format(99)")
	assert.Nil(t, got, "Read with Format(99)")
}

func TestReadLineBreaks(t *testing.T) {
	for _, text := range []string{oneText, oneJSON, oneZooKeeper} {
		t.Run(text, func(t *testing.T) {
			read(t, strings.ReplaceAll(text, "\n", "\r\n"), acl.FormatAuto, one)
			read(t, strings.TrimRight(text, "\n"), acl.FormatAuto, one)
		})
	}
	refuse(t, strings.ReplaceAll(oneText, ":\n", ":\r\r\n"), acl.FormatAuto,
		`dump.txt:1:96: found control character '\r', expected only printable text: use the json format for other names`)
}

func TestReadTellsWhereBytesAreNotUTF8(t *testing.T) {
	refuse(t, oneJSON+"\n"+strings.Replace(oneJSON, "foo", "\uFFFDo\xf0\x9f", 1), acl.FormatJSON,
		`dump.txt:3:37: found the byte "\xf0", expected valid UTF-8`)
}

func TestReadTakesALineOfMaxLineBytesAndNoMore(t *testing.T) {
	rest := len(strings.TrimSpace(oneJSON)) - len("foo")
	longest := strings.Repeat("n", lines.MaxBytes-rest)
	for _, lineBreak := range []string{"\n", "\r\n"} {
		t.Run(lineBreak, func(t *testing.T) {
			text := strings.ReplaceAll(strings.Replace(oneJSON, "foo", longest, 1), "\n", lineBreak)
			read(t, text+oneJSON, acl.FormatJSON, topic(longest, "User:alice"), one)
			// After a line that is too long, Read continues and reports other errors.
			text = strings.Replace(text, "nnn", "nnnn", 1)
			refuse(t, oneJSON+text+"{}\n", acl.FormatJSON,
				"dump.txt:2:1048577: found a longer line, expected no line of more than 1048576 bytes",
				`dump.txt:3:2: found "}", expected the key "resourceType" or "name" or "patternType" or "principal" or "host" or "operation" or "permission"`)
		})
	}
}

func TestReadOfAnEndlessLineKeepsLittle(t *testing.T) {
	const size = 64 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := acl.Read(io.LimitReader(zeros{}, size), "", acl.FormatJSON)
	assert.Error(t, err, "no error")
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	assert.LessOrEqual(t, allocated, uint64(16*lines.MaxBytes), "a line of %d bytes makes Read allocate %d", size, allocated)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestReadReportsEveryErrorUpToTheMost(t *testing.T) {
	for _, n := range []int{1, lines.MaxErrors, lines.MaxErrors + 1, lines.MaxErrors + 50} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			text := oneJSON + strings.Repeat("nonsense\n", n) + oneJSON
			got, err := acl.Read(strings.NewReader(text), "f", acl.FormatJSON)
			var list acl.ParseErrors
			require.Nil(t, got, "%d errors: got %d bindings, %T", n, len(got), err)
			require.ErrorAs(t, err, &list, "%d errors: got %d bindings, %T", n, len(got), err)
			if n <= lines.MaxErrors {
				assert.Len(t, list, n, "%d errors: %d are reported", n, len(list))
				return
			}
			last := list[len(list)-1].Error()
			want := fmt.Sprintf("f:%d:1: %d more errors not shown",
				2+lines.MaxErrors, n-lines.MaxErrors)
			assert.Len(t, list, lines.MaxErrors+1, "%d errors: %d are reported, the last is\n%s\nwant\n%s", n, len(list), last, want)
			assert.Equal(t, want, last, "%d errors: %d are reported, the last is\n%s\nwant\n%s", n, len(list), last, want)
		})
	}
}

func TestReadReturnsTheErrorOfItsInput(t *testing.T) {
	broken := errors.New("broken pipe")
	got, err := acl.Read(io.MultiReader(strings.NewReader(oneText), iotest.ErrReader(broken)), "dump.txt", acl.FormatAuto)
	assert.Nil(t, got, "Read = %v, %v, want no binding and the error of the input", got, err)
	assert.ErrorIs(t, err, broken, "Read = %v, %v, want no binding and the error of the input", got, err)
	assert.EqualError(t, err, `acl: read "dump.txt": broken pipe`, "Read = %v, %v, want no binding and the error of the input", got, err)
}

func TestReadKeepsEqualTextsOnce(t *testing.T) {
	text := strings.Repeat(oneJSON, 2)
	got, err := acl.Read(strings.NewReader(text), "", acl.FormatJSON)
	require.NoError(t, err)
	a, b := got[0], got[1]
	for _, pair := range [][2]string{
		{a.Pattern.Name, b.Pattern.Name}, {a.Entry.Principal, b.Entry.Principal}, {a.Entry.Host, b.Entry.Host},
	} {
		t.Run(fmt.Sprint(pair), func(t *testing.T) {
			assert.Same(t, unsafe.StringData(pair[1]), unsafe.StringData(pair[0]), "%q is stored twice", pair[0])
		})
	}
}

func TestParseErrorWithoutAFile(t *testing.T) {
	err := &acl.ParseError{Line: 3, Column: 7, Found: "this", Expected: "that"}
	got, want := err.Error(), "3:7: found this, expected that"
	assert.Equal(t, want, got)
}

func TestFormatNames(t *testing.T) {
	for f, name := range map[acl.Format]string{
		acl.FormatAuto: "auto", acl.FormatText: "kafka-acls", acl.FormatText3: "kafka-acls-3",
		acl.FormatJSON: "json", acl.FormatZooKeeper: "zookeeper", acl.Format(99): "Format(99)",
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, name, f.String())
		})
	}
}

// TestReadHostsThatKafkaCanHaveStored: in every format, Read accepts a host that is
// unreadable, or that only Kafka can interpret. Such an ACL cannot be created.
func TestReadHostsThatKafkaCanHaveStored(t *testing.T) {
	for _, host := range []string{"010.0.0.0/8", "10.0.0.0/08", "[2001:db8::]/32", "fe80::1%eth0/64", "10.0.0.0/33", "::ffff:10.0.0.0/104", ""} {
		t.Run(host, func(t *testing.T) {
			b := valid
			b.Entry.Host, b.Entry.Permission = host, acl.Deny
			for _, format := range []acl.Format{acl.FormatText, acl.FormatText3, acl.FormatJSON, acl.FormatZooKeeper} {
				var file bytes.Buffer
				require.NoError(t, acl.Write(&file, format, slices.Values([]acl.Binding{b})), "%v", format)
				got, err := acl.Read(&file, "", format)
				assert.NoError(t, err, "%v", format)
				assert.Equal(t, []acl.Binding{b}, got, "%v", format)
			}
			accepted := acl.ParseHost(host).Network().IsValid()
			assert.Equal(t, accepted, b.ValidateNew(0) == nil, "creation is strict")
		})
	}
}
