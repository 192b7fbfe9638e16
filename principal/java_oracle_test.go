package principal

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// javaOracle is a JVM that answers what Java does: see testdata/JavaOracle.java.
type javaOracle struct {
	in    *bufio.Writer
	out   *bufio.Scanner
	asked chan func(answer string)
	done  chan error
	close func()
}

// newJavaOracle starts a JVM. Without a JDK the test is skipped, unless
// PORTCULLIS_REQUIRE_JAVA=1.
func newJavaOracle(t *testing.T) *javaOracle {
	t.Helper()
	for _, tool := range []string{"javac", "java"} {
		if _, err := exec.LookPath(tool); err != nil {
			require.NotEqual(t, "1", os.Getenv("PORTCULLIS_REQUIRE_JAVA"), "PORTCULLIS_REQUIRE_JAVA=1: %v", err)
			t.Skipf("it needs a JDK 17: %v", err)
		}
	}
	dir := t.TempDir()
	output, err := exec.Command("javac", "-d", dir, "testdata/JavaOracle.java").CombinedOutput()
	require.NoError(t, err, "%s", output)
	jvm := exec.CommandContext(t.Context(), "java", "-Xmx256m", "-Xss16m", "-cp", dir, "JavaOracle")
	jvm.Stderr = os.Stderr
	stdin, err := jvm.StdinPipe()
	require.NoError(t, err)
	stdout, err := jvm.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, jvm.Start())
	o := &javaOracle{in: bufio.NewWriter(stdin), out: bufio.NewScanner(stdout), asked: make(chan func(string), 1<<16), done: make(chan error, 1)}
	o.out.Buffer(nil, 1<<20)
	go o.read(stdout)
	o.close = func() {
		require.NoError(t, o.in.Flush())
		require.NoError(t, stdin.Close())
		close(o.asked)
		require.NoError(t, <-o.done)
		require.NoError(t, jvm.Wait())
	}
	return o
}

func (o *javaOracle) read(stdout io.Reader) {
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

// ask puts a question. The answer comes later, in another goroutine, answers in the
// order of the questions.
func (o *javaOracle) ask(then func(answer string), word string, fields ...string) {
	o.in.WriteString(word)
	for _, f := range fields {
		o.in.WriteString("\t" + escapeForJava(f))
	}
	o.in.WriteByte('\n')
	o.asked <- then
}

// wait waits until all that was asked is answered.
func (o *javaOracle) wait(t *testing.T) {
	t.Helper()
	answered := make(chan struct{})
	o.ask(func(string) { close(answered) }, "flush", "-")
	require.NoError(t, o.in.Flush())
	select {
	case <-answered:
	case err := <-o.done:
		require.NoError(t, err)
	}
}

func escapeForJava(text string) string {
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

// unescapeFromJava reads an answer; ok is false if it holds half of a surrogate pair.
func unescapeFromJava(text string) (_ string, ok bool) {
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
