package kmsgacl

import (
	"errors"
	"fmt"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway/internal/limits"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// ItemError says that an ACL or a filter cannot be converted.
type ItemError struct {
	Index int   // its place in the message or in the argument, counted over all ACLs of a message
	Err   error // an *acl.InvalidError
}

// Error names the item by its index and says what is wrong with it.
func (e *ItemError) Error() string { return fmt.Sprintf("kmsgacl: item %d: %v", e.Index, e.Err) }

// Unwrap returns Err.
func (e *ItemError) Unwrap() error { return e.Err }

// UnknownError says that a cluster has ACLs with a resource type, pattern type, operation or
// permission that this version does not know: the cluster is of a later release.
type UnknownError struct {
	// ACLs are these ACLs, at least one. The parts that are not known are zero.
	ACLs []acl.Binding
}

// Error says how many there are, and the first.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("kmsgacl: ACLs with codes of a later release: %d, the first %s", len(e.ACLs), enum.Quote(e.ACLs[0].String()))
}

// CodeError is an error that a response contains.
type CodeError struct {
	Code    ops.ErrorCode
	Message string // the text of the response, as it came, or ""
}

// Error returns the name of the code, and the text of the response, quoted and cut.
func (e *CodeError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("kmsgacl: the cluster answers %v", e.Code)
	}
	return fmt.Sprintf("kmsgacl: the cluster answers %v: %s", e.Code, enum.Quote(e.Message))
}

// codeError returns the error that a response contains, or nil.
func codeError(code int16, message *string) error {
	if code == int16(ops.None) {
		return nil
	}
	e := &CodeError{Code: ops.ErrorCode(code)}
	if message != nil {
		e.Message = *message
	}
	return e
}

// errElsewhere is what clients see if a store follows a source. They need not know what it is.
var errElsewhere = errors.New("the ACLs are kept elsewhere and cannot be changed here")

// ofCall returns the error code and the text for the error of a whole call of a store.
func ofCall(err error) (ops.ErrorCode, error) {
	refused, ok := errors.AsType[*snapshot.RefusedError](err)
	switch {
	case !ok:
		return ops.UnknownServerError, err
	case refused.Source != "":
		return refused.Code, errElsewhere
	}
	return refused.Code, err
}

// textRoom is the room that is left for the texts of an answer: see limits.Texts.
type textRoom struct{ left int }

// of returns the message of an error: Kafka's, if it has one. It is nil if there is no
// error, and if the text has no room or is longer than Kafka's clients read.
func (r *textRoom) of(err error) *string {
	if err == nil {
		return nil
	}
	text := err.Error()
	if invalid, ok := errors.AsType[*acl.InvalidError](err); ok {
		text = invalid.KafkaMessage()
	}
	if len(text) > min(r.left, limits.String) {
		return nil
	}
	r.left -= len(text)
	return &text
}
