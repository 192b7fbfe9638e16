package fuzz_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/javaoracle"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// networksVersion is the metadata version from which on a controller creates networks: 4.4-IV1.
const networksVersion acl.MetadataVersion = 32

// What TestKafkaCreation compares for each release.
const (
	creationRounds  = 40
	aclsInRound     = 1_000
	leastCreations  = creationRounds * aclsInRound * 9 / 10
	leastOfEachText = 25
)

// creationTexts are parts of every message of a controller about a host or a principal.
var creationTexts = []string{
	"Value [", "- invalid prefix length", "- prefix length must be between 0 and 128", "- not an IPv6 address", "Invalid CIDR notation", "Host pattern cannot be null or empty",
	"CIDR-based ACL host patterns require metadata version", "Could not parse principal from",
}

// TestKafkaCreation compares acl.Binding.ValidateNew with Kafka's controller, with and
// without networks: which ACLs it creates, and the code and the message of its refusals.
func TestKafkaCreation(t *testing.T) {
	versions := []string{"4.2.1", networksRelease}
	if *kafkaFlag != "" {
		versions = []string{*kafkaFlag}
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			c := &creationComparison{t: t, jvm: startJudge(t, version, "CreateJudge"), networks: kafkatest.AtLeast(version, networksRelease), texts: map[string]int{}}
			inRounds(creationRounds, c.round)
			t.Logf("%d ACLs, %d of them created, %d left to the interfaces of the machine; %d differences; messages: %v", c.acls, c.created, c.links, c.different, c.texts)
			assert.Zero(t, c.different)
			for _, d := range c.differences {
				t.Error(d)
			}
			assert.GreaterOrEqual(t, c.acls, leastCreations)
			assert.GreaterOrEqual(t, c.created, leastCreations/6)
			for _, text := range creationTexts {
				if c.networks || strings.Contains(text, "principal") {
					assert.GreaterOrEqual(t, c.texts[text], leastOfEachText, text)
				}
			}
		})
	}
}

type creationComparison struct {
	t        *testing.T
	jvm      *kafkatest.JVM
	networks bool // the release has them

	mu                              sync.Mutex
	acls, created, links, different int
	texts                           map[string]int // how many messages have each of creationTexts
	differences                     []string
}

func (c *creationComparison) round(n uint64) {
	src := gen.Seeded(kafkaSeed + n)
	var acls []acl.Binding
	var words []string
	for range aclsInRound {
		b := newCreation(src)
		acls = append(acls, b)
		words = append(words, number(b.Pattern.Type), b.Pattern.Name, number(b.Pattern.PatternType), b.Entry.Principal, b.Entry.Host,
			number(b.Entry.Operation), number(b.Entry.Permission))
	}
	answers := callJudge(c.t, c.jvm, "CreateJudge", "\n", 2*aclsInRound, words)
	if answers == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, b := range acls {
		if acl.ParseHost(b.Entry.Host).IsLinkNetwork() { // which Kafka takes where the interface is
			c.links++
			continue
		}
		c.acls++
		c.compare(b, networksVersion-1, answers[2*i])
		c.compare(b, networksVersion, answers[2*i+1])
	}
}

func (c *creationComparison) compare(b acl.Binding, at acl.MetadataVersion, kafka string) {
	got := "0"
	var invalid *acl.InvalidError
	if err := b.ValidateNew(at); errors.As(err, &invalid) && (c.networks || invalid.Field != "host") { // no release before looks at hosts
		got = fmt.Sprintf("%d %s", invalid.Code(), javaoracle.Escape(invalid.KafkaMessage()))
	}
	if got == "0" {
		c.created++
	}
	for _, text := range creationTexts {
		if strings.Contains(kafka, text) {
			c.texts[text]++
		}
	}
	if got == kafka {
		return
	}
	if c.different++; len(c.differences) < 20 {
		c.differences = append(c.differences, fmt.Sprintf("%v at %v:\n%s\nKafka:\n%s", b, at, got, kafka))
	}
}

// newCreation returns an ACL that a broker passes on to its controller. Most have nothing
// wrong but the host.
func newCreation(src gen.Source) acl.Binding {
	b := gen.Valid(src)
	b.Pattern.Type = gen.Pick(src, resource.Types())
	if b.Pattern.Type == resource.Cluster {
		b.Pattern.Name = resource.ClusterName
	}
	b.Entry.Host = newHost(src)
	if src.IntN(8) == 0 {
		b.Entry.Host = gen.Pick(src, kafkaNetworks)
	}
	switch src.IntN(30) {
	case 0:
		b.Entry.Principal = gen.Pick(src, []string{"", ":", "alice", "User", "User;alice", "\u00e9", "U\U0001f600ser", "`", principal.Wildcard})
	case 1:
		b.Entry.Host = gen.Pick(src, []string{"", acl.WildcardHost, "localhost", "10.0.0.*"})
	}
	return b
}

// TestKafkaMetadataVersions compares the names and levels of metadata versions with those of
// Kafka. A later release may have more.
func TestKafkaMetadataVersions(t *testing.T) {
	jvm := startJudgeSince(t, networksRelease, "CreateJudge")
	lines := strings.Split(strings.TrimSpace(jvm.MustCall("CreateJudge")), "\n")
	known := 0
	for _, line := range lines {
		level, name, _ := strings.Cut(line, " ")
		want, err := strconv.Atoi(level)
		require.NoError(t, err)
		if acl.MetadataVersion(want).String() == level {
			break
		}
		known++
		for _, text := range []string{name, level} {
			got, err := acl.ParseMetadataVersion(text)
			require.NoError(t, err)
			assert.Equal(t, acl.MetadataVersion(want), got)
			assert.Equal(t, name, got.String())
		}
	}
	assert.GreaterOrEqual(t, known, 27)
	assert.Equal(t, "4.4-IV1", networksVersion.String())
	assert.Equal(t, ops.UnsupportedVersion, refusalOf(t, "10.0.0.0/8", networksVersion-1))
}

// refusalOf returns the code with which a host is refused.
func refusalOf(t *testing.T, host string, at acl.MetadataVersion) ops.ErrorCode {
	t.Helper()
	var invalid *acl.InvalidError
	b := acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, "t"), Entry: acl.Entry{Principal: "User:a", Host: host, Operation: ops.Read, Permission: acl.Allow}}
	require.ErrorAs(t, b.ValidateNew(at), &invalid)
	return invalid.Code()
}
