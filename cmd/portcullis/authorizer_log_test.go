package main

import (
	"encoding/binary"
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
	t.Run("rotated, or from PowerShell", func(t *testing.T) {
		const line = "INFO Principal = User:alice is Allowed Operation = Write from host = 10.0.0.1 on resource = Topic:orders (kafka.authorizer.logger)\r\n"
		for _, text := range []string{gzipped(line), inUTF16("\uFEFF"+line, binary.LittleEndian), gzipped(inUTF16(line, binary.LittleEndian))} {
			expect(t, exitDone, "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`:\n"+
				"\t(principal=User:alice, host=10.0.0.1, operation=WRITE, permissionType=ALLOW)\n\n",
				"standard input: log of SimpleAclAuthorizer (Kafka 0.9 to 1.1)\ndecisions: 1, allowed: 1, to super users: 0, denied: 0; ACLs suggested: 1\n", text, "suggest", "--trace", "-")
		}
		refuse(t, gzipped(line)[:30], []string{"suggest", "--trace", "-"}, "portcullis: standard input: gzip: unexpected EOF")
	})
	t.Run("no log of an authorizer", func(t *testing.T) {
		got := runWith("[main] INFO started\n[main] INFO stopped\n", "suggest", "--trace", "-")
		assert.Equal(t, exitError, got.status)
		assert.Contains(t, got.stderr, `standard input:1:1: found the line "[main] INFO started", expected a line of Kafka's audit log`)
		assert.Contains(t, got.stderr, "standard input has no decision: expected at least one, or --allow-empty")
		assert.Equal(t, 2, strings.Count(got.stderr, "\n"))
	})
}
