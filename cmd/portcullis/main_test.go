package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run the program as a separate process.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"portcullis": main})
}

func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", examples)
			return nil
		},
	})
}

// result is the output and the exit status of a run of the program.
type result struct {
	status         int
	stdout, stderr string
}

func runWith(stdin string, args ...string) result {
	var stdout, stderr bytes.Buffer
	status := run(args, strings.NewReader(stdin), &stdout, &stderr)
	return result{status, stdout.String(), stderr.String()}
}

// expect fails the test unless the program ends with this status and writes
// exactly this. With status 2 it writes only to standard error.
func expect(t *testing.T, status int, stdout, stderr, stdin string, args ...string) {
	t.Helper()
	got := runWith(stdin, args...)
	if want := (result{status, stdout, stderr}); got != want {
		t.Errorf("portcullis %q\nstatus %d\nstdout %s\nstderr %s\nwant status %d\nstdout %s\nstderr %s", args,
			got.status, got.stdout, got.stderr, want.status, want.stdout, want.stderr)
	}
}

// refuse fails the test unless the program ends with status 2 and exactly these
// lines on standard error.
func refuse(t *testing.T, stdin string, args []string, lines ...string) {
	t.Helper()
	expect(t, exitError, "", strings.Join(lines, "\n")+"\n", stdin, args...)
}

// file writes a file for one test and returns its name.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const acme = "../../examples/acme/"

func TestUsage(t *testing.T) {
	refuse(t, "", nil, "portcullis: no command is given: see portcullis --help")
	refuse(t, "", []string{"chekc"}, `portcullis: unknown command "chekc" for "portcullis"`)
	refuse(t, "", []string{"list", "--nonsense"}, "portcullis: unknown flag: --nonsense: see portcullis list --help")
	refuse(t, "", []string{"list", "acls.txt"}, `portcullis: unknown command "acls.txt" for "portcullis list"`)
	refuse(t, "", []string{"help", "nonsense"}, `portcullis: unknown command "nonsense" for "portcullis"`)
	refuse(t, "", []string{"help", "list", "nonsense"}, `portcullis: unknown command "nonsense" for "portcullis list"`)
	refuse(t, "", []string{"help", "acl", "nonsense"}, `portcullis: unknown command "nonsense" for "portcullis acl"`)
	refuse(t, "", []string{"list", "--acls", ""}, `portcullis: --acls "": expected a file, or - for standard input`)
	refuse(t, "", []string{"check", "--acls", acme + "acls.txt", "--questions", ""}, `portcullis: --questions "": expected a file, or - for standard input`)
	// Without the cluster there would be no filter, and all ACLs would be listed.
	for _, command := range []string{"list", "acl list", "acl add"} {
		refuse(t, "", append(strings.Fields(command), "--cluster=false"),
			`portcullis: invalid argument "false" for "--cluster" flag: takes no value: give the flag alone, or omit it: see portcullis `+command+" --help")
	}
	for _, command := range []string{"check", "list", "explain", "who-can", "what-can", "lint", "diff"} {
		refuse(t, "", []string{command}, `portcullis: required flag(s) "acls" not set`)
	}
	refuse(t, "", []string{"report"}, `portcullis: required flag(s) "acls", "html" not set`)
	refuse(t, "", []string{"convert"}, `portcullis: required flag(s) "acls", "to" not set`)
	refuse(t, "", []string{"list", "--acls", "no such file"}, "portcullis: open no such file: no such file or directory")
	refuse(t, "", []string{"list", "--acls", acme + "acls.txt", "--format", "yaml"},
		`portcullis: --format "yaml": expected one of auto, kafka-acls, kafka-acls-3, json, zookeeper, strimzi, rpk, ksm`)
	refuse(t, "", []string{"list", "--acls", acme + "acls.txt", "-o", "yaml"}, `portcullis: --output "yaml": expected text or json`)
	refuse(t, "", []string{"list", "--acls", "-", "--acls", "-"}, "portcullis: standard input (-) can be read only once: use files for the other inputs")
}

func TestHelpVersionAndCompletion(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"help"}, {"help", "check"}, {"help", "acl", "add"}, {"check", "--help"}, {"list", "-h"}, {"principal", "--help"}, {"protocol", "--help"},
		{"explain", "--help"}, {"who-can", "--help"}, {"what-can", "--help"}, {"lint", "--help"}, {"diff", "--help"}, {"suggest", "--help"}, {"report", "--help"}, {"proxy", "--help"}, {"--version"}, {"completion", "bash"}} {
		if got := runWith("", args...); got.status != exitDone || got.stdout == "" || got.stderr != "" {
			t.Errorf("portcullis %q ends with %+v", args, got)
		}
	}
	for flag, want := range map[string]string{
		"--operation": "DescribeConfigs\n", "--semantics": "kafka-exact\n", "--format": "kafka-acls-3\n", "--output": "json\n",
	} {
		if got := runWith("", "__complete", "check", flag, ""); !strings.Contains(got.stdout, want) {
			t.Errorf("completion of %s offers %q, not %q", flag, got.stdout, want)
		}
	}
	if got := runWith("", "__complete", "help", "acl", ""); !strings.Contains(got.stdout, "add\t") {
		t.Errorf("help is completed with %q", got.stdout)
	}
	for _, args := range [][]string{{"__complete", "protocol", ""}, {"__complete", "protocol", "--for", ""}} {
		if got := runWith("", args...); !strings.Contains(got.stdout, "Fetch\n") && !strings.Contains(got.stdout, "connect-worker\n") {
			t.Errorf("portcullis %q offers %q", args, got.stdout)
		}
	}
}

type failingWriter struct{}

var errFull = errors.New("no space left")

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

// An answer that is not written must not look like an allow.
func TestOutputThatFails(t *testing.T) {
	for _, args := range [][]string{
		{"check", "--acls", acme + "acls.txt", "--principal", "User:billing", "--operation", "Write", "--topic", "payments.eu"},
		{"list", "--acls", acme + "acls.txt"},
		{"convert", "--acls", acme + "acls.txt", "--to", "json"},
		{"convert", "--acls", acme + "acls.txt", "--to", "rpk"},
		{"principal", "--dn", "CN=a"},
		{"principal", "--dn", "CN=a", "-o", "json"},
		{"principal", "--dn", "CN=a", "--ssl-rules", ""},
		{"protocol"},
		{"protocol", "--for", "producer"},
		{"explain", "--acls", acme + "acls.txt", "--principal", "User:billing", "--operation", "Write", "--topic", "payments.eu"},
		{"who-can", "--acls", acme + "acls.txt", "--operation", "Read", "--topic", "payments.eu"},
		{"what-can", "--acls", acme + "acls.txt", "--principal", "User:billing"},
		{"lint", "--acls", acme + "acls.txt"},
		{"diff", "--acls", acme + "acls.txt", "--new-semantics", "kafka-exact"},
		{"suggest", "--trace", acme + "kafka-authorizer.log"},
		{"report", "--acls", acme + "acls.txt", "--html", "-"},
	} {
		var stderr bytes.Buffer
		if status := run(args, strings.NewReader(""), failingWriter{}, &stderr); status != exitError || stderr.String() != "portcullis: no space left\n" {
			t.Errorf("portcullis %q ends with status %d, %s", args, status, &stderr)
		}
	}
}

// Errors escape the command line: flags, and names of files, which can come from a pattern
// of the shell.
func TestErrorsAreEscaped(t *testing.T) {
	odd := "a\u202e\x1b[31m\u009b"
	const escaped = `a\u202e\x1b[31m\u009b`
	refuse(t, "", []string{"list", "--acls", odd}, "portcullis: open "+escaped+": no such file or directory")
	refuse(t, "", []string{"list", "--" + odd}, "portcullis: unknown flag: --"+escaped+": see portcullis list --help")
	name := filepath.Join(t.TempDir(), odd)
	if err := os.WriteFile(name, []byte("{\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	if status := run([]string{"list", "--acls", name, "--format", "json"}, nil, io.Discard, &stderr); status != exitError {
		t.Errorf("status %d", status)
	}
	if !strings.Contains(stderr.String(), escaped) || strings.ContainsAny(stderr.String(), "\u202e\x1b\u009b") {
		t.Errorf("%q", stderr.String())
	}
}
