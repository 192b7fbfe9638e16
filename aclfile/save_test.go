package aclfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

func save(t *testing.T, path string, bindings []acl.Binding) {
	t.Helper()
	require.NoError(t, aclfile.Save(path, acl.FormatText, slices.Values(bindings)))
}

func wantLoaded(t *testing.T, path string, want []acl.Binding) {
	t.Helper()
	got, err := aclfile.Load(path, aclfile.ChecksumRequired)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("Load = %v, %v, want %v", got, err, want)
	}
}

// listing returns the content of every file in a folder, by name.
func listing(t rapid.TB, folder string) map[string]string {
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	files := map[string]string{}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		require.NoError(t, err)
		files[entry.Name()] = string(text)
	}
	return files
}

// Saved sets are loaded unchanged. Sets that cannot be saved are refused, and no file
// is changed. JSON refuses only invalid bindings.
func TestSaveAndLoadAnySet(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "acls")
	save(t, path, aclfile.Set("old", 2))
	refused, saved := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(binding, 0, 5).Draw(t, "bindings")
		format := rapid.SampledFrom([]acl.Format{acl.FormatText, acl.FormatText3, acl.FormatJSON, acl.FormatZooKeeper}).Draw(t, "format")
		before := listing(t, folder)
		if err := aclfile.Save(path, format, slices.Values(list)); err != nil {
			refused++
			var failure *aclfile.SaveError
			if !errors.As(err, &failure) || failure.Replaced || failure.Path != path {
				t.Fatalf("Save: %v", err)
			}
			if mustHold(format, list) {
				t.Fatalf("Save as %v refuses %v: %v", format, list, err)
			}
			if after := listing(t, folder); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Fatalf("a refused Save changes %[2]q to %[1]q", after, before)
			}
			return
		}
		saved++
		got, err := aclfile.Load(path, aclfile.ChecksumRequired)
		if format == acl.FormatZooKeeper {
			slices.SortStableFunc(list, func(a, b acl.Binding) int {
				return acl.Binding{Pattern: a.Pattern}.Compare(acl.Binding{Pattern: b.Pattern})
			})
		}
		if err != nil || !slices.Equal(got, list) {
			t.Fatalf("saved as %v: %v\nloaded: %v, %v", format, list, got, err)
		}
		if files := listing(t, folder); len(files) != 2 {
			t.Fatalf("Save leaves %q", files)
		}
	})
	t.Logf("%d sets saved and loaded, %d refused", saved, refused)
	if !testing.Short() && (saved < 10 || refused < 10) { // short runs draw fewer
		t.Errorf("want at least 10 of each")
	}
}

// isStored reports whether Kafka can have stored b, and its texts are UTF-8.
func isStored(b acl.Binding) bool {
	_, err := b.MarshalJSON()
	return err == nil
}

// mustHold reports whether the format has no reason to refuse list.
func mustHold(format acl.Format, list []acl.Binding) bool {
	for _, b := range list {
		text := b.Pattern.Name + b.Entry.Principal + b.Entry.Host
		plain := func(r rune) bool {
			return r < unicode.MaxASCII && (unicode.IsLetter(r) || strings.ContainsRune(":*.", r))
		}
		switch {
		case !isStored(b):
			return false
		case format != acl.FormatJSON && strings.TrimFunc(text, plain) != "":
			return false
		case format != acl.FormatJSON && (b.Pattern.Name == "." || b.Pattern.Name == ".." || b.Pattern.Name == ""): // no node can have these names
			return false
		}
	}
	return true
}

// nasty are texts that look like parts of the formats, or break them.
var nasty = []string{"a", "b", "*", "", ".", "/", "\n", "\r", "\t", "\x00", "\u0085", "\u2028", "\xff", "😀", `"`, `\`, "`", "`:", ")", ", host=", "{",
	"}", " ", ", name=", ", patternType=LITERAL", "Current ACLs for resource `", "\uFEFF", "10.0.0.0/8", "# "}

var nastyText = rapid.Custom(func(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(nasty), 1, 3).Draw(t, "parts"), "")
})

var binding = rapid.Custom(func(t *rapid.T) acl.Binding {
	text := rapid.OneOf(rapid.StringMatching("[a-z]{1,5}"), rapid.StringMatching("[a-z]{1,5}"), nastyText)
	return acl.Binding{
		Pattern: resource.Pattern{
			Type:        rapid.SampledFrom([]resource.Type{resource.Topic, resource.Group, resource.TransactionalID}).Draw(t, "type"),
			Name:        text.Draw(t, "name"),
			PatternType: rapid.SampledFrom([]resource.PatternType{resource.Literal, resource.Prefixed}).Draw(t, "pattern type"),
		},
		Entry: acl.Entry{
			Principal:  "User:" + text.Draw(t, "principal"),
			Host:       rapid.OneOf(rapid.Just(acl.WildcardHost), text).Draw(t, "host"),
			Operation:  rapid.SampledFrom([]ops.Operation{ops.Read, ops.All, ops.Describe}).Draw(t, "operation"),
			Permission: rapid.SampledFrom([]acl.PermissionType{acl.Allow, acl.Deny}).Draw(t, "permission"),
		},
	}
})

func TestSaveRefusesBeforeItTouchesAnything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls")
	bad := aclfile.Set("a\nb", 2)
	err := aclfile.Save(path, acl.FormatText, slices.Values(bad))
	if err == nil || strings.Count(err.Error(), "topic-") != 2 {
		t.Errorf("Save = %v, want both bindings named", err)
	}
	if err := aclfile.Save(path, acl.FormatAuto, slices.Values(aclfile.Set("a", 1))); err == nil {
		t.Error("Save accepts FormatAuto")
	}
	if files := listing(t, filepath.Dir(path)); len(files) != 0 {
		t.Errorf("a refused Save leaves %q", files)
	}
}

// The file contains only the format's text, and the checksum file is valid for
// sha256sum.
func TestSavedFilesArePlain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a\\b\n")
	one := aclfile.Set("a", 1)
	save(t, path, one)
	const content = "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=topic-0, patternType=LITERAL)`:\n" +
		"\t(principal=User:a, host=*, operation=READ, permissionType=ALLOW)\n\n"
	// The output of GNU coreutils' sha256sum for a file of such a name.
	const sum = `\f9e2de9cc216c09dfe373faeb936b92810c006254f7632497c4b81c6082b9bb4  a\\b\n` + "\n"
	files := listing(t, filepath.Dir(path))
	if got := files["a\\b\n"]; got != content {
		t.Errorf("the file is %q, want %q", got, content)
	}
	if got := files["a\\b\n.sum"]; got != sum {
		t.Errorf("the checksum file is %q, want %q", got, sum)
	}
	wantLoaded(t, path, one)
}

func TestSaveKeepsTheModeAndTheLink(t *testing.T) {
	folder, elsewhere := t.TempDir(), t.TempDir()
	target, link := filepath.Join(elsewhere, "target"), filepath.Join(folder, "link")
	save(t, target, aclfile.Set("old", 1))
	wantMode(t, target, 0o600)
	require.NoError(t, os.Chmod(target, 0o644))
	require.NoError(t, os.Symlink(target, link))
	save(t, link, aclfile.Set("new", 2))
	for _, path := range []string{target, link} {
		t.Run(path, func(t *testing.T) {
			wantLoaded(t, path, aclfile.Set("new", 2))
		})
	}
	wantMode(t, target, 0o644)
	wantMode(t, target+".sum", 0o644)
	if got, err := os.Readlink(link); err != nil || got != target {
		t.Errorf("the link leads to %q, %v", got, err)
	}
	if files := listing(t, folder); len(files) != 1 {
		t.Errorf("the folder of the link contains %q", files)
	}
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode() != want {
		t.Errorf("the mode of %s is %v, %v, want %v", path, info.Mode(), err, want)
	}
}

func TestSaveRefusesWhatIsNoFile(t *testing.T) {
	folder := t.TempDir()
	dangling := filepath.Join(folder, "dangling")
	require.NoError(t, os.Symlink(filepath.Join(folder, "nothing"), dangling))
	for path, want := range map[string]string{
		folder:                                "not a regular file",
		dangling:                              "symbolic link to a file that does not exist",
		filepath.Join(folder, "no", "acls"):   "no such file",
		"/dev/null":                           "not a regular file",
		filepath.Join(folder, "dangling", ""): "symbolic link",
	} {
		t.Run(path, func(t *testing.T) {
			err := aclfile.Save(path, acl.FormatText, slices.Values(aclfile.Set("a", 1)))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Save to %s = %v, want %q", path, err, want)
			}
		})
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 1 {
		t.Errorf("the folder holds %v", entries)
	}
}

// The temporary files of a killed save are removed by the next save. Those of other
// files stay.
func TestSaveRemovesLeftovers(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{".acls.tmp-1", ".acls.sum.tmp-2", ".other.tmp-3", "acls.tmp-4"} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
		})
	}
	save(t, filepath.Join(folder, "acls"), aclfile.Set("a", 1))
	files := listing(t, folder)
	if len(files) != 4 || files["acls"] == "" || files["acls.sum"] == "" {
		t.Errorf("the folder holds %q", files)
	}
}

// TestSaveErrorSaysWhichSetStands: the error must say which set is in the file.
func TestSaveErrorSaysWhichSetStands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	err := aclfile.Save(filepath.Join(file, "acls"), acl.FormatText, slices.Values([]acl.Binding(nil)))
	var wrong *aclfile.SaveError
	if !errors.As(err, &wrong) || wrong.Replaced || !strings.Contains(err.Error(), "the file is unchanged") {
		t.Errorf("below a file: %v", err)
	}
	wrong = &aclfile.SaveError{Path: "a\n", Replaced: true, Err: errors.New("boom")}
	if text := wrong.Error(); !strings.Contains(text, "the file holds the new set") || !strings.Contains(text, `"a\n"`) {
		t.Errorf("after the replacement: %s", text)
	}
}
