package formats

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// damages are what happens to a dump on its way, by line.
var damages = []struct{ before, after string }{
	{"", ""}, {"        ", ""}, {"# ", ""}, {"#", "  "}, {"> ", ""}, {"  * ", ""}, {"kafka-1  | ", ""}, {"\u00a0", "\u00a0"}, {"// ", " "},
}

// genNoise are lines between those of a dump.
var genNoise = []string{"", "  ", "OpenJDK 64-Bit Server VM warning: x", "[2024-01-05 10:11:12,345] WARN not known (a.b.C)", "$ kafka-acls --list", "```", "\tat a.B.c(D.java:1)", "#", "cZxid = 0x2b", `{"level":"INFO"}`}

// TestDamagedDumpsKeepEveryACL damages dumps in each of these ways, with other lines between. All
// ACLs are read, or the dump is refused.
func TestDamagedDumpsKeepEveryACL(t *testing.T) {
	damaged, noisy := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		src := gen.Rapid(t)
		list := genACLs(t)
		var dump strings.Builder
		if acl.Write(&dump, acl.FormatText, slices.Values(list)) != nil || len(list) == 0 {
			return // with a control character
		}
		damage := gen.Pick(src, damages)
		var text strings.Builder
		skipped := 0
		for line := range strings.Lines(dump.String()) {
			for src.IntN(3) == 0 {
				noise := gen.Pick(src, genNoise)
				text.WriteString(noise + "\n")
				if strings.TrimSpace(noise) != "" {
					skipped++
				}
			}
			line = strings.TrimSuffix(line, "\n")
			if damage.before != "" {
				line = strings.TrimPrefix(line, "\t")
			}
			if line != "" {
				text.WriteString(damage.before + line + damage.after + "\n")
			}
		}
		f := all[acl.FormatAuto]
		set, err := f.Read(iotest.OneByteReader(strings.NewReader(text.String())), "file")
		require.NoError(t, err, text.String())
		require.Equal(t, list, set.ACLs, text.String())
		require.Equal(t, skipped, set.Skipped.Lines, text.String())
		damaged += min(1, len(damage.before))
		noisy += min(1, skipped)
	})
	t.Logf("%d damaged, %d with other lines", damaged, noisy)
	if !testing.Short() {
		assert.Greater(t, damaged, 20)
		assert.Greater(t, noisy, 20)
	}
}

var (
	anEntry   = regexp.MustCompile(`^[ \t\x{A0}#>*|/-]*\(principal=`)
	anyEntry  = regexp.MustCompile(`\(principal=| permission for operations: `)
	aHeading  = regexp.MustCompile("ACLs for (resource|principal) `")
	otherForm = regexp.MustCompile(`"|/kafka-acl`)
)

// FuzzRead reads any text as any format. Each line that looks like an entry of kafka-acls is an
// ACL, or one that is kept apart, or the text is refused.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob(formatsData + "*")
	require.NoError(f, err)
	for _, name := range append(files, "../../../../examples/broken/acls.txt", "../../../../examples/acme/acls-3.txt") {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		for format := range all {
			f.Add(format, string(text))
		}
		for _, d := range damages {
			f.Add(0, strings.ReplaceAll(strings.ReplaceAll(string(text), "\n", d.after+"\n"+d.before), "\t", ""))
		}
	}
	f.Add(0, "[zk: x(CONNECTED) 0] get -s /kafka-acl/Topic/a b\n"+`{"version":1,"acls":[{"principal":"User:a","permissionType":"Allow","operation":"Leap","host":"*"}]}`)
	f.Add(0, "\xff\xfeC\x00u\x00")
	f.Add(0, "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=t, patternType=LITERAL)`:\nentry: (principal=User:a, host=*, operation=READ, permissionType=ALLOW)\n")
	f.Add(0, "Current ACLs for resource `Topic:t`:\n\tUser:a has Allow permission for operations: Read from hosts: *\nUser:b has Allow permission for operations: Read from hosts: *\n")
	f.Add(0, strings.Repeat("x", lines.MaxBytes+9)+"\n")
	f.Fuzz(func(t *testing.T, which int, text string) {
		if which < 0 || which >= len(all) || len(text) > 1<<17 {
			return
		}
		set, err := all[which].Read(strings.NewReader(text), "file")
		if err != nil {
			require.Nil(t, set)
			if list, ok := errors.AsType[acl.ParseErrors](err); ok {
				for _, e := range list {
					require.GreaterOrEqual(t, e.Line, 1)
					require.GreaterOrEqual(t, e.Column, 1)
				}
			}
			return
		}
		for _, b := range set.Deciding() {
			require.NoError(t, b.ValidateTypes())
		}
		if which > int(acl.FormatText3) || detect(text) != "" || otherForm.MatchString(text) || cli.IsUTF16([]byte(text)) {
			return
		}
		entries := 0
		for line := range strings.Lines(text) {
			if anEntry.MatchString(line) || anyEntry.MatchString(line) && !aHeading.MatchString(line) {
				entries++
			}
		}
		require.Equal(t, entries, len(set.ACLs)+len(set.Apart), "%q", text)
	})
}

// TestReadPassesErrorsOn: an error of the input is no end of the file.
func TestReadPassesErrorsOn(t *testing.T) {
	for _, f := range all {
		set, err := f.Read(io.MultiReader(strings.NewReader("Current ACLs for resource `Topic:a`:\n"), iotest.ErrReader(errors.New("no space left"))), "file")
		assert.Nil(t, set)
		require.ErrorContains(t, err, "no space left", f.name)
	}
}

// TestLongLines: a line that is too long is refused, whatever it is.
func TestLongLines(t *testing.T) {
	for _, text := range []string{"(principal=" + strings.Repeat("x", 3*lines.MaxBytes), strings.Repeat("x", lines.MaxBytes+3), strings.Repeat("x", 5*lines.MaxBytes)} {
		for _, after := range []string{"", "\n", "\nCurrent ACLs for resource `Topic:a`:\n\tx\n"} {
			set, err := all[acl.FormatText].Read(strings.NewReader(text+after), "file")
			assert.Nil(t, set)
			require.ErrorContains(t, err, "file:1:1048577: found a longer line")
		}
	}
}
