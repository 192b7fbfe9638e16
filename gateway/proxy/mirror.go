package proxy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// DefaultMirrorInterval is how long an ACL that was changed in the upstream may stay
// in force here. Kafka's own brokers take a second at the most.
const DefaultMirrorInterval = 10 * time.Second

// Mirror makes the ACLs of the upstream those of the store, and again every interval
// (DefaultMirrorInterval if it is not positive), until ctx is done, and returns its
// cause. report hears of each attempt: nil, or why the set before stays in force. The
// store is not ready until the first set has come, so that until then everybody but
// super users is refused.
//
// A set comes into force whole, in one transaction, or not at all: if the upstream
// does not answer, refuses, or has an ACL that cannot be understood, which might be one
// that denies. The proxy must be allowed to Describe the cluster there.
//
// Mirror blocks; it has no goroutine left when it returns. Nothing else may write to
// the store.
func (p *Proxy) Mirror(ctx context.Context, interval time.Duration, report func(error)) error {
	if interval <= 0 {
		interval = DefaultMirrorInterval
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		err := p.mirrorOnce(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		report(err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (p *Proxy) mirrorOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
	defer cancel()
	request := kmsg.NewPtrDescribeACLsRequest()
	request.ResourceType = kmsg.ACLResourceTypeAny
	request.ResourcePatternType = kmsg.ACLResourcePatternTypeAny
	request.Operation = kmsg.ACLOperationAny
	request.PermissionType = kmsg.ACLPermissionTypeAny
	response, err := request.RequestWith(ctx, p.cluster.client)
	if err != nil {
		return fmt.Errorf("ACLs of the upstream: %w", err)
	}
	bindings, err := gateway.Bindings(response)
	if err != nil {
		return fmt.Errorf("ACLs of the upstream: %w", err)
	}
	return p.store.Update(func(tx *snapshot.Tx) error {
		tx.Replace(slices.Values(bindings))
		return nil
	})
}
