package ops_test

import (
	"fmt"
	"testing"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// allowAll allows everything. It is the cheapest authorizer, so the benchmark shows the
// cost of the evaluation itself.
type allowAll struct{}

func (allowAll) Allowed(ops.Operation, resource.Type, string) bool { return true }
func (allowAll) AllowedAny(ops.Operation, resource.Type) bool      { return true }

// manyTopics returns a request that names n topics, all of which exist.
func manyTopics(key ops.APIKey, version int16, n int) *ops.Request {
	r := &ops.Request{Key: key, Version: version, Endpoint: ops.Broker, AllowAutoCreate: true}
	for i := range n {
		r.Topics = append(r.Topics, ops.Topic{Name: fmt.Sprintf("topic-%d", i), Exists: true})
	}
	return r
}

// BenchmarkEvaluate shows the cost of evaluating a request with 500 topics, compared
// with that of the 500 checks alone (checks-only).
func BenchmarkEvaluate(b *testing.B) {
	const n = 500
	metadata, produce := manyTopics(3, 9, n), manyTopics(0, 9, n)
	var a ops.Authorizer = allowAll{}
	b.Run("checks-only/topics=500", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i := range metadata.Topics {
				if !a.Allowed(ops.Describe, resource.Topic, metadata.Topics[i].Name) {
					b.Fatal("denied")
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/topic")
	})
	for _, r := range []*ops.Request{metadata, produce} {
		b.Run(fmt.Sprintf("%v/topics=500", r.Key), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if out := ops.Evaluate(a, r); len(out.Items) != n {
					b.Fatal("entries are missing")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/topic")
		})
	}
}
