//go:build !js

package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/gateway/kmsgacl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
)

// MostInBatch is how many ACLs one request may create or delete. A controller takes 10,000
// changes in one request, and writes them at once; a tenth of that keeps it free for others,
// and the request below a megabyte.
const MostInBatch = 1000

const (
	// mostRefusals is how many refused ACLs an error lists.
	mostRefusals = 10
	// settlePause is the time between two looks at what the brokers have in force.
	settlePause = 100 * time.Millisecond
)

// Create creates ACLs. Those that exist are no error. done is how many of them the cluster
// has for certain. If not all, the error names the refused ones, or why the answer is missing;
// then any of them may have been created.
func (c *Cluster) Create(ctx context.Context, list []acl.Binding) (done int, err error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	request, err := kmsgacl.CreateRequest(list)
	if err != nil {
		return 0, err
	}
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return 0, c.explain(err)
	}
	return c.refusals("create", list, kmsgacl.CreateErrors(response))
}

// Delete deletes ACLs. Those that are gone are no error. See [Cluster.Create].
func (c *Cluster) Delete(ctx context.Context, list []acl.Binding) (done int, err error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	filters := make([]acl.Filter, len(list))
	for i, b := range list {
		filters[i] = acl.FilterOf(b)
	}
	request, err := kmsgacl.DeleteRequest(filters)
	if err != nil {
		return 0, err
	}
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return 0, c.explain(err)
	}
	var results []error
	for _, r := range kmsgacl.DeleteResults(response) {
		results = append(results, r.Err)
	}
	return c.refusals("delete", list, results)
}

// refusals counts the changes without an error, and returns an error about the others.
func (c *Cluster) refusals(verb string, list []acl.Binding, results []error) (done int, err error) {
	if len(results) != len(list) {
		return 0, fmt.Errorf("cluster at %s: it answers for %d of %d ACLs: run apply again", lines.Printable(c.servers), len(results), len(list))
	}
	var errs cli.Errors
	refused := 0
	for i, failure := range results {
		if failure == nil {
			done++
			continue
		}
		refused++
		if code, ok := errors.AsType[*kmsgacl.CodeError](failure); ok && code.Code == ops.ClusterAuthorizationFailed {
			return done, c.explain(kerr.ClusterAuthorizationFailed)
		}
		if refused <= mostRefusals {
			errs.Refuse("the cluster refuses to %s %s: %s", verb, cli.ACLText(list[i]), lines.Cut(failure.Error(), mostErrorText))
		}
	}
	if refused > mostRefusals {
		errs.Refuse("the cluster refuses %d more", refused-mostRefusals)
	}
	return done, errs.Join()
}

// Settle waits until each broker has exactly the ACLs in force that want accepts, for at most
// default.api.timeout.ms. want returns how the ACLs differ, or nil. The brokers of a cluster
// learn of changes one after the other. A broker that cannot be asked is an error: nobody
// knows what it has in force.
func (c *Cluster) Settle(ctx context.Context, want func(acls []acl.Binding) error) error {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	brokers, err := c.describe(ctx, &State{})
	if err != nil {
		return c.explain(err)
	}
	var last *differsError
	for {
		err := c.inForce(ctx, brokers, func(broker int32, acls []acl.Binding) error {
			if err := want(acls); err != nil {
				return &differsError{broker, err}
			}
			return nil
		})
		difference, differs := errors.AsType[*differsError](err)
		switch {
		case err == nil:
			return nil
		case differs:
			last = difference
		case last == nil || ctx.Err() == nil:
			return c.explain(err)
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(settlePause):
		}
	}
}

// differsError says that a broker has other ACLs in force.
type differsError struct {
	broker int32
	err    error
}

func (e *differsError) Error() string {
	return fmt.Sprintf("broker %d does not have the ACLs in force that it should: %v", e.broker, e.err)
}
