package kafkatest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// watchdog is the script of the watchdog process. It waits until its standard input is
// closed, which happens when the test binary ends for any reason. Then it kills the
// remaining processes and removes the folder. It removes the folder first: a process
// that is just being started can then not write its id, and ends.
//
// It ignores the signals that a terminal sends to all processes of a test run.
const watchdog = `trap '' INT TERM HUP
cat >/dev/null
mv "$1/pids" "$1.pids"
rm -rf "$1"
for f in "$1.pids"/*; do [ -e "$f" ] && kill -KILL "${f##*/}"; done
rm -rf "$1.pids" "$1"`

// launcher writes the id of the process to the watchdog's folder, and then executes the
// program.
const launcher = `: >"$0/pids/$$" || exit 1
exec "$@"`

// home is the folder of this test binary. The first call starts the watchdog.
var home = sync.OnceValues(func() (folder string, err error) {
	if folder, err = os.MkdirTemp("", "portcullis-kafka-"); err != nil {
		return "", err
	}
	if err := os.Mkdir(filepath.Join(folder, "pids"), 0o700); err != nil {
		return "", err
	}
	cmd := exec.Command("sh", "-c", watchdog, "sh", folder)
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("watchdog: %w", err)
	}
	watchdogPipe = pipe
	return folder, nil
})

// watchdogPipe is never closed: it is closed when the process ends.
//
//lint:ignore U1000 It is kept so that the garbage collector does not close the pipe.
var watchdogPipe io.Closer

// temporary returns a new folder that is removed at the end of the test, or by the
// watchdog.
func temporary(t testing.TB) string {
	t.Helper()
	parent, err := home()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp(parent, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Errorf("remove the folder of the brokers: %v", err)
		}
	})
	return folder
}

// process is a program that does not outlive the test binary.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended and been waited for
	err    error         // of Wait; valid once exited is closed
}

// launch starts a program. stdin may be nil.
func launch(name string, args []string, env []string, stdin io.Reader, stdout, stderr io.Writer) (*process, error) {
	folder, err := home()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("sh", append([]string{"-c", launcher, folder, name}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		_ = os.Remove(filepath.Join(folder, "pids", strconv.Itoa(cmd.Process.Pid)))
		close(p.exited)
	}()
	return p, nil
}

// signal sends a signal to the process, unless it has ended.
func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the process with SIGKILL and waits for it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// stop ends the process with SIGTERM, or with SIGKILL if it takes longer than patience.
func (p *process) stop(patience time.Duration) error {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("still running %v after SIGTERM", patience)
	}
}

// ended reports whether the process has ended.
func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Result is the output of a program and its exit status.
type Result struct {
	Stdout, Stderr string
	// Status is the exit status; -1 if a signal ended the program.
	Status int
}

// String returns all of r, for messages of failed tests.
func (r Result) String() string {
	return fmt.Sprintf("exit status %d\nstdout:\n%s\nstderr:\n%s", r.Status, r.Stdout, r.Stderr)
}

// run runs a program until it ends, for at most limit.
func run(name string, args, env []string, stdin io.Reader, limit time.Duration) (Result, error) {
	var stdout, stderr bytes.Buffer
	p, err := launch(name, args, env, stdin, &stdout, &stderr)
	if err != nil {
		return Result{}, err
	}
	timer := time.AfterFunc(limit, func() { _ = p.cmd.Process.Kill() })
	<-p.exited
	late := !timer.Stop()
	result := Result{stdout.String(), stderr.String(), p.cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case late:
		return result, fmt.Errorf("%s: killed after %v", name, limit)
	case p.err != nil && !errors.As(p.err, &exit):
		return result, fmt.Errorf("%s: %w", name, p.err)
	}
	return result, nil
}
