package snapshot

import (
	"errors"
	"fmt"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
)

// maxRecords is how many bindings a call of [Store.Create] may add, and a call of
// [Store.Delete] may remove: Kafka's limit of the metadata records of one request.
//
// Source: Kafka's QuorumController.MAX_RECORDS_PER_USER_OP.
const maxRecords = 10_000

// WriteOptions are options of [Store.Create] and [Store.Delete]. The zero WriteOptions makes
// them do what Kafka does.
type WriteOptions struct {
	// Strict makes Create also refuse bindings that Kafka accepts but that are likely
	// mistakes: see [acl.Binding.ValidateStrict]. In the KafkaExact semantics it also refuses
	// hosts that Kafka never matches: addresses that are not written as Java prints them
	// ([acl.HostAddress]) and, before KafkaExact44, networks.
	Strict bool
	// MetadataVersion, if it is not zero, makes Create refuse what a cluster with this
	// metadata version refuses: networks before 4.4-IV1.
	MetadataVersion acl.MetadataVersion
	// DryRun returns the results and changes nothing.
	DryRun bool
	// IfGeneration, if it is not nil, makes Create and Delete change something only if it is still
	// the generation in force. Otherwise there are no results, and the error is a [*ConflictError].
	// So a right to the change, which was decided by this generation, is still there. Zero is a
	// generation too: that of a store that was never changed.
	IfGeneration *uint64
}

// CreateResult is the result of [Store.Create] for one binding.
type CreateResult struct {
	Code    ops.ErrorCode // ops.None, ops.InvalidRequest, or for a network ops.UnsupportedVersion
	Err     error         // an *acl.InvalidError, or nil; it has the message of Kafka's response
	Existed bool          // the binding existed, or was earlier in the list; in Kafka this is a success
	ID      ID            // with Config.KeepIDs, an id of the binding; a dry run does not keep it
}

// DeleteResult is the result of [Store.Delete] for one filter.
type DeleteResult struct {
	Code    ops.ErrorCode // ops.None, or ops.InvalidRequest
	Err     error         // an *acl.InvalidError, or nil; its text is the message of the response
	Deleted []DeletedACL  // in the order of [acl.Binding.Compare]
}

// DeletedACL is a binding that was deleted, and the ids it had, sorted: none
// without Config.KeepIDs.
type DeletedACL struct {
	Binding acl.Binding
	IDs     []ID
}

// RefusedError says that a call as a whole is refused. It changed nothing. One of Limit and Source
// is set.
type RefusedError struct {
	// Code is the error code for each item of an answer. If the store follows a source, it is
	// ops.PolicyViolation. Beyond Kafka's limit it is Kafka's: ops.PolicyViolation to create, and
	// ops.InvalidRequest to delete.
	Code   ops.ErrorCode
	Limit  int    // Kafka's limit of the bindings that one call may change, if it would change more; else 0
	Source string // what the store follows ([Store.Follow]), if that is the reason; else ""
}

// Error says why the call is refused. It contains Source, which may not be for clients.
func (e *RefusedError) Error() string {
	if e.Source != "" {
		return fmt.Sprintf("the store follows %s: change the ACLs there", e.Source)
	}
	return fmt.Sprintf("too many ACLs for one call: it would change more than %d: divide it", e.Limit)
}

// errDryRun ends a transaction that is not to be published.
var errDryRun = errors.New("dry run")

// Create adds the bindings of list that are valid ([acl.Binding.ValidateNew]), in one
// transaction, and returns a result for each, in their order. A binding that exists already is
// neither an error nor a change. If more than 10,000 bindings are new, or if the store follows a
// source, there are no results, and the error is a [*RefusedError].
//
// Source: Kafka's AclApis.handleCreateAcls and AclControlManager.createAcls.
func (s *Store) Create(list []acl.Binding, options WriteOptions) ([]CreateResult, error) {
	results := make([]CreateResult, len(list))
	for i, b := range list {
		if err := s.validateNew(b, options); err != nil {
			results[i] = CreateResult{Code: codeOf(err), Err: err}
		}
	}
	err := s.write(options, func(tx *Tx) error {
		created := 0
		for i, b := range list {
			if results[i].Err != nil {
				continue
			}
			if results[i].Existed = !tx.Add(b); !results[i].Existed {
				created++
			}
			if created > maxRecords {
				return &RefusedError{Code: ops.PolicyViolation, Limit: maxRecords}
			}
			if !tx.next.keepsIDs {
				continue
			}
			for id := range tx.next.IDs(b) {
				results[i].ID = id
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// codeOf returns the code of an error of validation.
func codeOf(err error) ops.ErrorCode {
	if invalid, ok := errors.AsType[*acl.InvalidError](err); ok {
		return invalid.Code()
	}
	return ops.InvalidRequest
}

func (s *Store) validateNew(b acl.Binding, options WriteOptions) error {
	if !options.Strict {
		return b.ValidateNew(options.MetadataVersion)
	}
	if err := b.ValidateStrict(options.MetadataVersion); err != nil {
		return err
	}
	host := b.Entry.Host
	semantics, parsed := s.Load().semantics, acl.ParseHost(host)
	isForeign := parsed.Addr().IsValid() && !parsed.IsJavaText()
	if semantics.isKafkaExact() && isForeign || semantics == KafkaExact && parsed.Network().IsValid() {
		return &acl.InvalidError{Field: "host", Msg: fmt.Sprintf("Kafka compares text, and prints no address as %s: expected one like %q or %q, or %q for all",
			enum.Quote(host), "10.0.0.1", "0:0:0:0:0:0:0:1", acl.WildcardHost)}
	}
	return nil
}

// Describe returns the bindings that f selects, in the order of
// [acl.Binding.Compare]. The error is an [*acl.InvalidError], which Kafka answers
// with ops.InvalidRequest, if a field of f is not known.
//
// Source: Kafka's AclApis.handleDescribeAcls.
func (s *Store) Describe(f acl.Filter) ([]acl.Binding, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return slices.Collect(s.Load().Matching(f)), nil
}

// Delete removes the bindings that the filters select, in one transaction, and returns a result
// for each filter, in their order. All filters see the bindings from before the call, so
// several filters may report the same binding. If they select more than 10,000 bindings
// together, or if the store follows a source, there are no results, and the error is a
// [*RefusedError].
//
// Source: Kafka's AclApis.handleDeleteAcls and AclControlManager.deleteAcls.
func (s *Store) Delete(filters []acl.Filter, options WriteOptions) ([]DeleteResult, error) {
	results := make([]DeleteResult, len(filters))
	err := s.write(options, func(tx *Tx) error {
		selected := make(map[acl.Binding]struct{})
		for i, f := range filters {
			if err := f.Validate(); err != nil {
				results[i] = DeleteResult{Code: ops.InvalidRequest, Err: err}
				continue
			}
			for b := range tx.view().Matching(f) {
				selected[b] = struct{}{}
				if len(selected) > maxRecords {
					return &RefusedError{Code: ops.InvalidRequest, Limit: maxRecords}
				}
				results[i].Deleted = append(results[i].Deleted, DeletedACL{b, slices.Collect(tx.next.IDs(b))})
			}
		}
		for b := range selected {
			tx.Remove(b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// write runs change in a transaction. In a dry run it does not publish the transaction.
func (s *Store) write(options WriteOptions, change func(tx *Tx) error) error {
	err := s.Update(func(tx *Tx) error {
		if expected, current := options.IfGeneration, tx.next.generation; expected != nil && *expected != current {
			return &ConflictError{Expected: *expected, Current: current}
		}
		if err := change(tx); err != nil {
			return err
		}
		if options.DryRun {
			return errDryRun
		}
		return nil
	})
	if err == errDryRun {
		return nil
	}
	return err
}
