package plan

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cluster"
	"github.com/portcullis-authz/portcullis/inspect"
)

func (p *command) apply(cmd *cobra.Command, out *cli.Output) error {
	s, c, err := p.read(out)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := p.refuseLockout(s, c); err != nil {
		return err
	}
	if p.dryRun || len(s.plan.Steps) == 0 {
		return p.show(out, s)
	}
	may, known, err := c.MayAlter(cmd.Context())
	if err != nil {
		return err
	}
	if known && !may {
		return errors.New("the client may not change ACLs: it needs Alter on the cluster: kafka-acls --add --allow-principal User:NAME --operation Alter --cluster")
	}
	if !p.force && !p.planFile.Given {
		if err := confirm(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), s); err != nil {
			return err
		}
	}
	// A signal ends the work between two batches.
	stop, done := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer done()
	bar := cli.NewProgress(cmd.ErrOrStderr(), "changing", cli.LongWait)
	defer bar.Finish()
	work := &work{situation: s, cluster: c, batch: p.batchSize, progress: bar.Set}
	if err := work.run(cmd.Context(), stop); err != nil {
		return work.failure(err)
	}
	added, removed := 0, 0
	for _, step := range s.plan.Steps {
		fmt.Fprintf(out, "%v: %s\n", step.Phase, cli.ACLText(step.Binding))
		if step.Phase.Removes() {
			removed++
		} else {
			added++
		}
	}
	out.Summarize("added: %d, removed: %d\n", added, removed)
	return nil
}

// work makes the changes of a plan.
type work struct {
	*situation
	cluster  *cluster.Cluster
	batch    int
	progress inspect.Progress

	made    int // changes that are made for certain
	unknown int // changes of the last batch that are not
}

var errSignal = errors.New("stopped by a signal")

// run makes the changes, phase by phase. After each phase it waits until every broker has it
// in force: a broker with ZooKeeper learns of the changes of different resources in any order.
func (w *work) run(ctx, stop context.Context) error {
	managed := make(map[acl.Binding]bool)
	for _, b := range w.managed {
		managed[b] = true
	}
	steps := w.plan.Steps
	for len(steps) > 0 {
		phase := steps[0].Phase
		end := slices.IndexFunc(steps, func(s inspect.Step) bool { return s.Phase != phase })
		if end < 0 {
			end = len(steps)
		}
		for batch := range slices.Chunk(steps[:end], w.batch) {
			if stop.Err() != nil {
				return errSignal
			}
			if err := w.makeBatch(ctx, batch); err != nil {
				return err
			}
			for _, s := range batch {
				managed[s.Binding] = !phase.Removes()
			}
			w.progress(w.made, len(w.plan.Steps))
		}
		steps = steps[end:]
		if err := w.cluster.Settle(ctx, func(acls []acl.Binding) error { return w.compare(managed, acls) }); err != nil {
			return err
		}
	}
	return nil
}

// makeBatch makes the changes of one request.
func (w *work) makeBatch(ctx context.Context, batch []inspect.Step) error {
	list := make([]acl.Binding, len(batch))
	for i, s := range batch {
		list[i] = s.Binding
	}
	do := w.cluster.Create
	if batch[0].Phase.Removes() {
		do = w.cluster.Delete
	}
	done, err := do(ctx, list)
	w.made += done
	if err != nil {
		w.unknown = len(batch) - done
	}
	return err
}

// compare returns how the ACLs that a broker has in the scope differ from those that it should
// have.
func (w *work) compare(managed map[acl.Binding]bool, acls []acl.Binding) error {
	missing := make(map[acl.Binding]bool)
	for b, has := range managed {
		if has {
			missing[b] = true
		}
	}
	for _, b := range acls {
		if !w.scope.has(b) {
			continue
		}
		if !managed[b] {
			return fmt.Errorf("it has %s: somebody else changes ACLs, or it is slow", cli.ACLText(b))
		}
		delete(missing, b)
	}
	for _, b := range sortedKeys(missing) {
		return fmt.Errorf("it does not have %s: somebody else changes ACLs, or it is slow", cli.ACLText(b))
	}
	return nil
}

// failure says what was made and what was not.
func (w *work) failure(err error) error {
	if w.made == 0 && w.unknown == 0 {
		return fmt.Errorf("%w\nnothing was changed", err)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\nstopped: %d of %d changes are made", w.made, len(w.plan.Steps))
	if w.unknown > 0 {
		fmt.Fprintf(&text, ", and of the last batch %d may be or were refused", w.unknown)
	}
	left := w.made
	for _, phase := range []inspect.Phase{inspect.AddDenies, inspect.AddAllows, inspect.RemoveAllows, inspect.RemoveDenies} {
		all := 0
		for _, s := range w.plan.Steps {
			if s.Phase == phase {
				all++
			}
		}
		if all > 0 {
			fmt.Fprintf(&text, "\n%v: %d of %d", phase, min(left, all), all)
			left -= min(left, all)
		}
	}
	text.WriteString("\nwhat is allowed now lies between what was allowed before and what the plan allows\nrun the same command again: it continues")
	return &cli.Failure{Status: exitStopped, Err: fmt.Errorf("%w%s", err, text.String())}
}
