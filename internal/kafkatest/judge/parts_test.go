package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What tests print is counted; a part that was not run keeps its figures.
func TestParts(t *testing.T) {
	for text, want := range map[string]map[string]int{
		"    kafka_authorizer_test.go:213: 7 verdicts, 2 by type\n    kafka_authorizer_test.go:213: 5 verdicts, 0 by type\n": {"verdicts": 12},
		"    acl_kafka_live_test.go:46: 30 command lines at Kafka 4.2.1: 3 changed ACLs\n":                                   {"lines of kafka-acls": 30},
		"    clients_test.go:76: clients: 67 runs compared with Kafka 4.4.0\n":                                               {"runs of clients": 67},
		"    old_test.go:43: old: 40 runs compared with Kafka 4.4.0\n":                                                       {"runs of old Java clients": 40},
		"    failover_test.go:319: Java through: 900 records acknowledged, 900 in the log\n":                                 {"records acknowledged": 900},
	} {
		t.Run(text, func(t *testing.T) {
			for _, p := range parts {
				for _, c := range p.counts {
					assert.Equal(t, want[c.name], c.sum(text), "%s in %q", c.name, text)
				}
			}
		})
	}
	wired := Result{Kafka: "4.4.0", Requests: 9}
	clients := Result{Kafka: "4.4.0", Parts: map[string]Figures{"clients": {Counts: map[string]int{"runs of clients": 3}}}}
	for name, both := range map[string]Result{"clients later": merge(wired, clients), "wire later": merge(clients, wired)} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, 9, both.Requests, name)
			assert.Equal(t, clients.Parts, both.Parts, name)
			var page strings.Builder
			write(&page, []Result{both})
			assert.Contains(t, page.String(), "| 4.4.0 | 3 | 0 | passed |", name)
			assert.NotContains(t, page.String(), "## Failover", name)
		})
	}
}
