//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A SIGHUP that comes as soon as the proxy reads the first file does not end it. The settings
// are read again once that is possible. So does a SIGHUP that comes later.
func TestHangupAtTheStart(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "config")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	acls := acme + "acls.txt"
	command := exec.Command("portcullis", "proxy", "--config", pipe, "--acls", acls, "--embedded", "--listen", "PLAINTEXT://127.0.0.1:0")
	log, err := command.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() })
	watchdog := time.AfterFunc(time.Minute, func() { _ = command.Process.Kill() })
	defer watchdog.Stop()
	config, err := os.OpenFile(pipe, os.O_WRONLY, 0) // once the proxy reads it
	require.NoError(t, err)
	require.NoError(t, command.Process.Signal(syscall.SIGHUP))
	time.Sleep(100 * time.Millisecond) // a signal that ends the process has done so
	_, err = config.WriteString("audit-events = 100\n")
	require.NoError(t, err, "the proxy has ended")
	require.NoError(t, config.Close())
	all := ""
	for lines, loaded := bufio.NewScanner(log), 0; lines.Scan(); {
		all += lines.Text() + "\n"
		if !strings.Contains(lines.Text(), "settings loaded") {
			continue
		}
		if loaded++; loaded == 1 {
			require.NoError(t, command.Process.Signal(syscall.SIGHUP))
		} else {
			require.NoError(t, command.Process.Signal(syscall.SIGTERM))
		}
	}
	require.NoError(t, command.Wait(), all)
	require.Equal(t, 2, strings.Count(all, "settings loaded"), all)
}
