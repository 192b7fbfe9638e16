package examples_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// maxLines is how long an example may be: it is to be read in one go.
const maxLines = 100

// TestExamples builds and runs each example.
func TestExamples(t *testing.T) {
	for folder, want := range map[string]string{
		"broker":    "alice.inbox: NONE\nalice.gone: UNKNOWN_TOPIC_OR_PARTITION\npayroll: TOPIC_AUTHORIZATION_FAILED\nleft: [payroll]\n",
		"proxyloop": "orders: <nil>\npayroll: TOPIC_AUTHORIZATION_FAILED: Not authorized to access topics: [Topic authorization failed.]\n",
	} {
		t.Run(folder, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), folder)
			if out, err := exec.Command("go", "build", "-o", program, "./"+folder).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, program)
			cmd.Dir = folder
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != want {
				t.Errorf("%v\n%s\nwant\n%s", err, out, want)
			}
			text, err := os.ReadFile(filepath.Join(folder, "main.go"))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), "\n"); n >= maxLines {
				t.Errorf("it has %d lines, %d are too many", n, maxLines)
			}
		})
	}
}
