package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestAuthorizerLogs: suggest reads the lines that brokers wrote (TestCapturedAuthorizerLogs),
// leaves out the super users, and says what it read.
func TestAuthorizerLogs(t *testing.T) {
	for _, test := range []struct{ file, told string }{
		{"kafka-2.8.2.log", "log of AclAuthorizer (Kafka 2.4 to 3.9)\nFILE: lines skipped that have no decision: 7, the first is line 1\n" +
			"decisions: 15, allowed: 2, to super users: 6, denied: 7; ACLs suggested: 1\n"},
		{"kafka-4.4.0.log", "log of StandardAuthorizer (Kafka 4.2 or later)\nFILE: lines skipped that have no decision: 1, the first is line 1\n" +
			"decisions: 17, allowed: 2, to super users: 8, denied: 7; ACLs suggested: 1\n"},
	} {
		t.Run(test.file, func(t *testing.T) {
			name := authorizerLogs + test.file
			expect(t, exitDone, "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`:\n"+
				"\t(principal=User:alice, host=127.0.0.1, operation=WRITE, permissionType=ALLOW)\n\n", strings.ReplaceAll("FILE: "+test.told, "FILE", name), "", "suggest", "--trace", name)
		})
	}
	t.Run("no log of an authorizer", func(t *testing.T) {
		got := runWith("[main] INFO started\n[main] INFO stopped\n", "suggest", "--trace", "-")
		assert.Equal(t, exitError, got.status)
		assert.Contains(t, got.stderr, `standard input:1:1: found the line "[main] INFO started", expected a line of Kafka's audit log`)
		assert.Contains(t, got.stderr, "standard input has no decision: expected at least one, or --allow-empty")
		assert.Equal(t, 2, strings.Count(got.stderr, "\n"))
	})
}
