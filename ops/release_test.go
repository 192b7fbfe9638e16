package ops_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestVersionsOfReleases compares the versions that each release serves with Kafka's own
// lists, in the rows and in the evaluation.
func TestVersionsOfReleases(t *testing.T) {
	text, err := os.ReadFile("testdata/versions.tsv")
	require.NoError(t, err)
	pairs := map[ops.Release]int{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 8 {
			require.True(t, strings.HasPrefix(line, "#"), line)
			continue
		}
		key, err := strconv.ParseInt(fields[0], 10, 16)
		require.NoError(t, err, line)
		api, ok := ops.Lookup(ops.APIKey(key))
		require.True(t, ok, line)
		for i, release := range ops.Releases() {
			least, most := fields[2+2*i], fields[3+2*i]
			t.Run(fmt.Sprint(fields[1], " ", release), func(t *testing.T) {
				row, ok := api.In(release)
				if least == "-" {
					require.False(t, ok)
					least, most = "0", "-1"
				} else {
					require.True(t, ok)
					assert.Equal(t, least+"-"+most, fmt.Sprint(row.MinVersion, "-", row.MaxVersion))
				}
				low, err := strconv.ParseInt(least, 10, 16)
				require.NoError(t, err)
				high, err := strconv.ParseInt(most, 10, 16)
				require.NoError(t, err)
				for version := int16(-1); version < 25; version++ {
					r := requestOfEverything(api.Key, version)
					r.Endpoint, r.Release = api.Listeners[0], release
					out := ops.Evaluate(allowAll{}, r)
					serves := int64(version) >= low && int64(version) <= high
					assert.Equal(t, !serves, out.Error == ops.UnsupportedVersion && (out.CloseConnection || key == 18), "version %d", version)
					if serves {
						pairs[release]++
					}
				}
			})
		}
	}
	assert.Equal(t, map[ops.Release]int{ops.Kafka42: 300, ops.Kafka43: 302, ops.Kafka44: 309}, pairs, "pairs of key and version")
}

// TestReleasesThatAreUnknown: a request of a release that the table does not have is refused.
func TestReleasesThatAreUnknown(t *testing.T) {
	known := append(ops.Releases(), ops.Newest)
	for _, api := range ops.APIs() {
		for r := range ops.Release(1000) {
			_, ok := api.In(r)
			assert.Equal(t, slices.Contains(known, r) && (r == ops.Newest || api.Since <= r), ok, "%v in %v", api.Key, r)
			if !slices.Contains(known, r) {
				out := ops.Evaluate(allowAll{}, &ops.Request{Key: api.Key, Version: api.MaxVersion, Endpoint: api.Listeners[0], Release: r})
				assert.False(t, out.Passes(), "%v of %v", api.Key, r)
			}
		}
		for _, r := range []ops.Release{-1, math.MinInt16, math.MaxInt16} {
			_, ok := api.In(r)
			assert.False(t, ok)
		}
	}
	assert.Empty(t, ops.APIsIn(401))
	assert.Len(t, ops.APIsIn(ops.Kafka42), 93)
	assert.Len(t, ops.APIsIn(ops.Newest), 95)
}

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]ops.Release{
		"4.2": ops.Kafka42, "4.2.1": ops.Kafka42, "4.3": ops.Kafka43, "4.3.0": ops.Kafka43, "4.4": ops.Kafka44, "4.4.12": ops.Kafka44,
		"": 0, "4": 0, "4.1": 0, "4.5": 0, "4.20": 0, "4.4.": 0, "4.4.x": 0, "4.4.0.0": 0, "4.4.0000": 0, " 4.4": 0, "newest": 0, "04.4": 0, "4.4.-1": 0,
	} {
		t.Run(text, func(t *testing.T) {
			got, err := ops.ParseRelease(text)
			assert.Equal(t, want, got)
			assert.Equal(t, want == 0, err != nil, "%v", err)
			if err != nil {
				assert.ErrorContains(t, err, "expected one of 4.2, 4.3, 4.4")
			}
		})
	}
	for r, want := range map[ops.Release]string{ops.Newest: "newest", ops.Kafka42: "4.2", 400: "4.0", 1012: "10.12", -7: "Release(-7)"} {
		assert.Equal(t, want, r.String())
	}
}

// TestBrokerConfigsByRelease alters the configuration of a broker that is not the receiving
// one. Kafka 4.4 authorizes before it looks at the node id.
func TestBrokerConfigsByRelease(t *testing.T) {
	alter := allowOnly{{Operation: ops.AlterConfigs, Type: resource.Cluster}}
	for _, key := range []ops.APIKey{ops.AlterConfigsKey, ops.IncrementalAlterConfigsKey} {
		for _, test := range []struct {
			release  ops.Release
			a        ops.Authorizer
			endpoint ops.Endpoint
			config   ops.ConfigResource
			want     ops.ErrorCode
			asked    int // without the authorizer's consent
		}{
			{ops.Kafka42, nil, ops.Broker, ops.ConfigResource{Name: "9", OtherNode: true}, ops.InvalidRequest, 0},
			{ops.Kafka43, nil, ops.Broker, ops.ConfigResource{Name: "9", OtherNode: true}, ops.InvalidRequest, 0},
			{ops.Kafka44, nil, ops.Broker, ops.ConfigResource{Name: "9", OtherNode: true}, ops.ClusterAuthorizationFailed, 1},
			{ops.Newest, nil, ops.Broker, ops.ConfigResource{Name: "9", OtherNode: true}, ops.ClusterAuthorizationFailed, 1},
			{ops.Kafka44, alter, ops.Broker, ops.ConfigResource{Name: "9", OtherNode: true}, ops.InvalidRequest, 1},
			{ops.Kafka44, nil, ops.Broker, ops.ConfigResource{Name: "9", OtherNode: true, Invalid: true}, ops.InvalidRequest, 0},
			{ops.Kafka42, nil, ops.Broker, ops.ConfigResource{Name: "1"}, ops.ClusterAuthorizationFailed, 1},
			{ops.Kafka44, nil, ops.Broker, ops.ConfigResource{Name: "1"}, ops.ClusterAuthorizationFailed, 1},
			{ops.Kafka44, alter, ops.Broker, ops.ConfigResource{Name: "1"}, ops.None, 1},
			{ops.Kafka44, nil, ops.Controller, ops.ConfigResource{Name: "9", OtherNode: true}, ops.ClusterAuthorizationFailed, 1},
			{ops.Kafka42, nil, ops.Controller, ops.ConfigResource{Name: "9", OtherNode: true}, ops.ClusterAuthorizationFailed, 1},
		} {
			t.Run(fmt.Sprint(key, " ", test.release, " ", test.endpoint, " ", test.config, " ", test.a != nil), func(t *testing.T) {
				test.config.Type, test.config.Exists = ops.BrokerConfig, true
				r := &ops.Request{Key: key, Endpoint: test.endpoint, Release: test.release, Resources: []ops.ConfigResource{test.config}}
				out := ops.Evaluate(test.a, r)
				require.Len(t, out.Items, 1)
				assert.Equal(t, test.want, out.Items[0].Code)
				asked := questions{}
				ops.Evaluate(asked, r)
				assert.Equal(t, test.asked, asked["ALTER_CONFIGS CLUSTER kafka-cluster"])
			})
		}
	}
}

// TestReleaseOfAnEnvelope: the embedded request is one of the controller's release.
func TestReleaseOfAnEnvelope(t *testing.T) {
	for release, want := range map[ops.Release]ops.ErrorCode{ops.Newest: ops.None, ops.Kafka44: ops.None, ops.Kafka43: ops.UnsupportedVersion} {
		t.Run(release.String(), func(t *testing.T) {
			r := &ops.Request{Key: ops.EnvelopeKey, Endpoint: ops.Controller, Release: release, Embedded: &ops.Embedded{
				Principal: "User:alice", Request: &ops.Request{Key: ops.UnregisterControllerKey},
			}}
			out := ops.EvaluateEnvelope(allowAll{}, r, func(string, string) ops.Authorizer { return allowAll{} })
			require.NotNil(t, out.Inner)
			assert.Equal(t, want, out.Inner.Error)
		})
	}
}

// countingAuthorizer allows everything and counts the questions.
type countingAuthorizer int

func (c *countingAuthorizer) Allowed(ops.Operation, resource.Type, string) bool { *c++; return true }
func (c *countingAuthorizer) AllowedAny(ops.Operation, resource.Type) bool      { *c++; return true }

// TestBrokerConfigsAreAskedTwice: what a broker forwards is asked about again at the
// controller, from Kafka 4.4 on.
func TestBrokerConfigsAreAskedTwice(t *testing.T) {
	for release, want := range map[ops.Release]int{ops.Kafka42: 1, ops.Kafka44: 2} {
		var asked countingAuthorizer
		out := ops.Evaluate(&asked, &ops.Request{
			Key: ops.AlterConfigsKey, Endpoint: ops.Broker, Release: release, Resources: []ops.ConfigResource{{Type: ops.BrokerConfig, Name: "1"}},
		})
		assert.True(t, out.Passes())
		assert.Equal(t, want, int(asked), release)
	}
}

// TestRowsOfReleasesAreNumbered: the steps of a release are numbered without gaps, and what
// refers to a step refers to the same one as in the whole table.
func TestRowsOfReleasesAreNumbered(t *testing.T) {
	rows := 0
	for _, release := range ops.Releases() {
		for _, api := range ops.APIsIn(release) {
			rows++
			for n := range api.Steps {
				checkStep(t, &api, n)
				assert.LessOrEqual(t, api.Steps[n].Since, release)
			}
			for _, g := range api.Guards {
				assert.LessOrEqual(t, g.After, len(api.Steps), "%v", api.Key)
				assert.LessOrEqual(t, g.Since, release)
				assert.True(t, g.Until == 0 || g.Until >= release)
			}
		}
	}
	assert.Equal(t, 93+93+95, rows)
	alter, ok := ops.Lookup(ops.IncrementalAlterConfigsKey)
	require.True(t, ok)
	for release, want := range map[ops.Release][]int{ops.Kafka42: {0, 0, 0, 0, 1, 5}, ops.Kafka44: {0, 0, 0, 2, 1, 6}} {
		row, ok := alter.In(release)
		require.True(t, ok)
		var after []int
		for _, g := range row.Guards {
			after = append(after, g.After)
		}
		assert.Equal(t, want, after, release)
	}
}
