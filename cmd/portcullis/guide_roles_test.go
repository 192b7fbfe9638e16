package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/ldaptest"
)

// guideBlock is a block of code in a guide: its language and, after it, the name of the file that
// it is.
var guideBlock = regexp.MustCompile("(?ms)^```(\\w+)(?: file=(\\S+))?\n(.*?)^```$")

// TestRolesGuide runs the commands of docs/guide-roles.md in their order, and compares what they
// print with what the guide says. Its directory is an OpenLDAP server.
func TestRolesGuide(t *testing.T) {
	guide := readAll(t, "../../docs/guide-roles.md")
	s := ldaptest.Start(t, ldaptest.Person("omar")+ldaptest.Person("petra")+ldaptest.Group("payments", "cn=payments-eu")+ldaptest.Group("payments-eu", "omar"))
	t.Chdir(t.TempDir())
	write := func(name, text string) { require.NoError(t, os.WriteFile(name, []byte(text), 0o600)) }
	write("ca.pem", readAll(t, s.CertificateFile()))
	write("ldap-password", ldaptest.Password)
	// What the guide cannot know: the server of the test, and its login.
	settings := strings.NewReplacer("ldaps://ldap.example.com", s.URL(), "cn=portcullis,dc=example,dc=com", ldaptest.Admin)
	commands := 0
	for _, block := range guideBlock.FindAllStringSubmatch(guide, -1) {
		switch language, file, text := block[1], block[2], block[3]; {
		case file != "":
			write(file, settings.Replace(text))
		case language == "console":
			for step := range strings.SplitSeq(strings.TrimPrefix(text, "$ "), "\n$ ") {
				command, want, _ := strings.Cut(step, "\n")
				commands++
				assert.Equal(t, strings.TrimSpace(want), runGuide(t, command), command)
			}
		}
	}
	assert.Equal(t, 9, commands, "commands in the guide")
}

// runGuide runs a line of commands with pipes between, and returns what the last one prints.
func runGuide(t *testing.T, line string) string {
	t.Helper()
	text := ""
	for command := range strings.SplitSeq(line, " | ") {
		words := strings.Fields(command)
		require.Equal(t, "portcullis", words[0], line)
		args := words[1:]
		if strings.Contains(command, "--groups-ldap") {
			args = append(args, "--allow-readable-secrets") // temporary folders are open to all
		}
		got := runWith(text, args...)
		require.Contains(t, []int{exitDone, exitDenied}, got.status, "%s: %s", line, got.stderr)
		text = got.stdout
	}
	return strings.TrimSpace(text)
}
