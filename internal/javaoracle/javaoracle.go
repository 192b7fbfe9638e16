// Package javaoracle runs a JVM in tests to get Java's results for patterns and texts.
package javaoracle

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

//go:embed JavaOracle.java
var source []byte

// Oracle is a JVM that returns Java's results: see JavaOracle.java.
type Oracle struct {
	in    *bufio.Writer
	out   *bufio.Scanner
	asked chan func(answer string)
	done  chan error
	stop  func()
}

// New starts a JVM. Without a JDK the test is skipped, unless
// PORTCULLIS_REQUIRE_JAVA=1.
func New(t *testing.T) *Oracle {
	t.Helper()
	for _, tool := range []string{"javac", "java"} {
		if _, err := exec.LookPath(tool); err != nil {
			require.NotEqual(t, "1", os.Getenv("PORTCULLIS_REQUIRE_JAVA"), "PORTCULLIS_REQUIRE_JAVA=1: %v", err)
			t.Skipf("it needs a JDK 17: %v", err)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "JavaOracle.java")
	require.NoError(t, os.WriteFile(file, source, 0o600))
	output, err := exec.Command("javac", "-d", dir, file).CombinedOutput()
	require.NoError(t, err, "%s", output)
	jvm := exec.CommandContext(t.Context(), "java", "-Xmx256m", "-Xss16m", "-cp", dir, "JavaOracle")
	jvm.Stderr = os.Stderr
	stdin, err := jvm.StdinPipe()
	require.NoError(t, err)
	stdout, err := jvm.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, jvm.Start())
	o := &Oracle{in: bufio.NewWriter(stdin), out: bufio.NewScanner(stdout), asked: make(chan func(string), 1<<16), done: make(chan error, 1)}
	o.out.Buffer(nil, 1<<20)
	go o.read(stdout)
	o.stop = func() {
		require.NoError(t, o.in.Flush())
		require.NoError(t, stdin.Close())
		close(o.asked)
		require.NoError(t, <-o.done)
		require.NoError(t, jvm.Wait())
	}
	return o
}

func (o *Oracle) read(stdout io.Reader) {
	for then := range o.asked {
		if !o.out.Scan() {
			o.done <- fmt.Errorf("the JVM ended early: %v", o.out.Err())
			for range o.asked {
			}
			return
		}
		then(o.out.Text())
	}
	o.done <- nil
}

// Close waits for the answers to all questions and for the JVM to end.
func (o *Oracle) Close() { o.stop() }

// Ask sends a question. then is called later with the answer, in another goroutine, in
// the order of the questions.
func (o *Oracle) Ask(then func(answer string), word string, fields ...string) {
	o.in.WriteString(word)
	for _, f := range fields {
		o.in.WriteString("\t" + Escape(f))
	}
	o.in.WriteByte('\n')
	o.asked <- then
}

// Wait waits until all that was asked is answered.
func (o *Oracle) Wait(t *testing.T) {
	t.Helper()
	answered := make(chan struct{})
	o.Ask(func(string) { close(answered) }, "flush", "-")
	require.NoError(t, o.in.Flush())
	select {
	case <-answered:
	case err := <-o.done:
		require.NoError(t, err)
	}
}

// Escape writes a text in ASCII, for [Unescape]: as Words.escape of the judges does.
func Escape(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		if unit >= ' ' && unit < 0x7f && unit != '\\' {
			b.WriteByte(byte(unit))
		} else {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// Unescape decodes an answer; ok is false if it contains half of a surrogate pair.
func Unescape(text string) (_ string, ok bool) {
	var units []uint16
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			units = append(units, uint16(text[i]))
			continue
		}
		unit, err := strconv.ParseUint(text[i+2:i+6], 16, 16)
		if err != nil {
			panic(err)
		}
		units = append(units, uint16(unit))
		i += 5
	}
	decoded := string(utf16.Decode(units))
	return decoded, len(utf16.Encode([]rune(decoded))) == len(units) && !strings.ContainsRune(decoded, '\uFFFD')
}
