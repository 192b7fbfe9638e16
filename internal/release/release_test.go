package release_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRelease makes a release of a copy of the tree, and spoils the copy in each way that
// .ci/release must notice.
func TestRelease(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs bash")
	}
	dir := copyTree(t)
	if changelog := filepath.Join(dir, "CHANGELOG.md"); !strings.Contains(read(t, changelog), "\n## Unreleased\n") {
		// This is the commit of a release, and nothing has been collected for the next one.
		text := strings.Replace(read(t, changelog), "\n## ", "\n## Unreleased\n\n## ", 1)
		require.NoError(t, os.WriteFile(changelog, []byte(text), 0o600))
		runProgram(t, dir, os.Environ(), "git", "-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "-q", "-a", "-m", "unreleased")
	}
	git := func(t *testing.T, args ...string) string {
		t.Helper()
		return runProgram(t, dir, os.Environ(), "git", append([]string{"-c", "user.name=Test", "-c", "user.email=test@localhost"}, args...)...)
	}
	release := func(args ...string) (string, error) {
		cmd := exec.Command(filepath.Join(dir, ".ci", "release"), args...)
		// git tag -a needs somebody who tags.
		cmd.Env = append(os.Environ(), "GIT_COMMITTER_NAME=Test", "GIT_COMMITTER_EMAIL=test@localhost")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	edit := func(t *testing.T, name, pattern, replacement string) {
		t.Helper()
		name = filepath.Join(dir, filepath.FromSlash(name))
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		changed := regexp.MustCompile(pattern).ReplaceAllString(string(text), replacement)
		require.NotEqual(t, string(text), changed, "%s has no %s", name, pattern)
		require.NoError(t, os.WriteFile(name, []byte(changed), 0o600))
	}

	out, err := release("v0.7.3")
	require.Error(t, err, "the version has not been prepared")
	assert.Contains(t, out, `the first heading of CHANGELOG.md is "## Unreleased", expected "## v0.7.3 (DATE)"`)
	assert.Regexp(t, `the modules require each other in version v\S+, not v0\.7\.3`, out)

	for _, version := range []string{"v0.0.0", "v2.0.0", "0.7.3", "v0.7", "v0.7.3-rc.1"} {
		out, err := release("--prepare", version)
		assert.Error(t, err, "%s: %s", version, out)
	}
	require.Empty(t, git(t, "status", "--porcelain"), "a refused version changed the tree")

	out, err = release("--prepare", "v0.7.3")
	require.NoError(t, err, out)
	assert.Regexp(t, `(?m)^## v0\.7\.3 \(\d{4}-\d\d-\d\d\)$`, read(t, filepath.Join(dir, "CHANGELOG.md")))
	assert.Contains(t, read(t, filepath.Join(dir, "cmd", "portcullis", "go.mod")), module+"/gateway/proxy v0.7.3\n")
	runProgram(t, dir, os.Environ(), "go", "list", "-deps", "./cmd/portcullis") // by go.work
	out, err = release("v0.7.3")
	require.Error(t, err)
	assert.Contains(t, out, "the tree has changes that are not committed")
	git(t, "commit", "-q", "-a", "-m", "v0.7.3")

	for name, spoiled := range map[string]struct{ file, pattern, replacement, want string }{
		"another version": {"gateway/go.mod", `portcullis v0\.7\.3`, "portcullis v0.7.2", "v0.7.2"},
		"no release":      {"gateway/go.mod", `portcullis v0\.7\.3`, "portcullis v0.7.3-0.20260102030405-0123456789ab", "which is no release"},
		"a replacement":   {"examples/go.mod", `$`, "\nreplace " + module + " => ..\n", "replace and exclude keep"},
		"a wrong path":    {"aclfile/watch/go.mod", `module \S+`, "module example.com/watch", "the module is example.com/watch"},
		"not tidy":        {"gateway/go.mod", `(?m)^.*google/btree.*\n`, "", "not tidy"},
		"no heading":      {"CHANGELOG.md", `(?m)^## v0\.7\.3 .*$`, "## Unreleased", "the first heading"},
	} {
		t.Run(name, func(t *testing.T) {
			edit(t, spoiled.file, spoiled.pattern, spoiled.replacement)
			git(t, "commit", "-q", "-a", "-m", name)
			out, err := release("v0.7.3")
			assert.Error(t, err)
			assert.Contains(t, out, spoiled.want)
			git(t, "reset", "-q", "--hard", "HEAD^")
		})
	}

	out, err = release("v0.7.3")
	require.NoError(t, err, out)
	require.Empty(t, git(t, "tag"), "only --tag tags")
	require.Empty(t, git(t, "status", "--porcelain"), "the files of a release are no part of the tree")
	out, err = release("--tag", "v0.7.3")
	require.NoError(t, err, out)
	tags := strings.Fields(git(t, "tag"))
	modules := strings.Fields(git(t, "ls-files", "*go.mod"))
	want := make([]string, len(modules))
	for i, file := range modules {
		want[i] = strings.TrimSuffix(file, "go.mod") + "v0.7.3"
	}
	assert.ElementsMatch(t, want, tags)
	dist := filepath.Join(dir, "dist", "v0.7.3")
	assert.Contains(t, read(t, filepath.Join(dist, "playground.html")), `<code>portcullis</code> <span id="version">v0.7.3</span>`)
	runProgram(t, dist, os.Environ(), "sha256sum", "--check", "--strict", "SHA256SUMS")
	assert.Contains(t, out, "to be attached to the release: dist/v0.7.3/playground.html dist/v0.7.3/SHA256SUMS")
	out, err = release("--tag", "v0.7.3")
	require.Error(t, err)
	assert.Contains(t, out, fmt.Sprintf("the tag %s exists already", tags[0]))
}

// copyTree makes a repository with the files of this one, as they are now.
func copyTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	list := runProgram(t, "../..", os.Environ(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for name := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
		from := filepath.Join("..", "..", name)
		info, err := os.Lstat(from)
		if err != nil || !info.Mode().IsRegular() {
			continue // deleted, and Git does not know it yet
		}
		to := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, []byte(read(t, from)), info.Mode()))
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "--all"}, {"-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "-q", "-m", "all"}} {
		runProgram(t, dir, os.Environ(), "git", args...)
	}
	return dir
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}
