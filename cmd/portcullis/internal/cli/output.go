package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
)

// Outcome ends a command with an exit status other than 0. The answer is on standard output.
type Outcome int

// The outcomes.
const (
	// ErrDenied says that an answer is denied, a name is refused, or there are findings.
	ErrDenied Outcome = 1
	// ErrChanges says that a plan has changes.
	ErrChanges Outcome = 2
)

func (o Outcome) Error() string { return fmt.Sprintf("exit status %d", int(o)) }

// FailureStatus is the key of the annotation of a command whose errors end it with another
// exit status than those of other commands. The value is the status.
const FailureStatus = "failure-status"

// Failure is an error with an exit status of its own.
type Failure struct {
	Status int
	Err    error
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the error.
func (f *Failure) Unwrap() error { return f.Err }

// DeniedIf returns ErrDenied or nil.
func DeniedIf(denied bool) error {
	if denied {
		return ErrDenied
	}
	return nil
}

// Writer is standard output or standard error. Everything that the program prints goes
// through a Writer, so that no character from a file, a flag or the network acts on a
// terminal. See [lines.NewWriter].
type Writer struct {
	io.Writer
	bare io.Writer // for progress bars, which need control characters
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) Writer { return Writer{lines.NewWriter(w), w} }

// Output collects what a command prints. It is printed only if the command succeeds, so
// that no output looks like an answer after an error.
type Output struct {
	bytes.Buffer
	JSON     bool   // --output is json
	Format   string // the value of --output, or "text" without the flag
	UsageErr error  // --output has another value, or a required flag is missing: see [Require]
	summary  string
	err      error // of Encode
}

// Command completes a command that prints with an Output. Unless it says otherwise, it
// takes no arguments.
func Command(run func(cmd *cobra.Command, out *Output) error, cmd *cobra.Command) *cobra.Command {
	if cmd.Args == nil {
		cmd.Args = noArgs
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		out := &Output{}
		format, err := outputFormat(cmd)
		out.Format, out.UsageErr = format, errors.Join(missingFlags(cmd), err)
		out.JSON = out.Format == asJSON
		err = run(cmd, out)
		if _, printed := err.(Outcome); err != nil && !printed {
			return err
		}
		if out.err != nil {
			return out.err
		}
		if _, err := out.WriteTo(cmd.OutOrStdout()); err != nil {
			return err
		}
		io.WriteString(cmd.ErrOrStderr(), out.summary) // the answer is printed, so that an error is ignored
		return err
	}
	return cmd
}

// Summarize adds a text that is printed to standard error after the output.
func (o *Output) Summarize(format string, args ...any) { o.summary += fmt.Sprintf(format, args...) }

// Encode prints a value as a line of JSON.
func (o *Output) Encode(value any) {
	e := json.NewEncoder(o)
	e.SetEscapeHTML(false)
	o.err = errors.Join(o.err, e.Encode(value))
}

// Line prints a value as a line of JSON or as text, depending on --output.
func (o *Output) Line(value any, text string) {
	if o.JSON {
		o.Encode(value)
		return
	}
	fmt.Fprintln(o, text)
}

// The formats of --output that every command has.
const (
	asText = "text"
	asJSON = "json"
)

// formatsKey is the key of the annotation of --output that holds its values.
const formatsKey = "formats"

// AddOutput adds the flag --output, with the formats text and json and further ones.
func AddOutput(cmd *cobra.Command, more ...string) {
	AddFormats(cmd, append([]string{asText, asJSON}, more...)...)
}

// AddFormats adds the flag --output with other formats, of which the first is the default.
func AddFormats(cmd *cobra.Command, formats ...string) {
	cmd.Flags().VarP(&Once{Text: formats[0]}, "output", "o", "`format` of the output: "+or(formats))
	Must(cmd.Flags().SetAnnotation("output", formatsKey, formats))
	Complete(cmd, "output", formats)
}

// or returns a list of alternatives, such as "a, b or c".
func or(list []string) string {
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

// outputFormat returns the value of --output, or the default and an error.
func outputFormat(cmd *cobra.Command) (string, error) {
	f := cmd.Flags().Lookup("output")
	if f == nil {
		return asText, nil
	}
	if formats := f.Annotations[formatsKey]; !slices.Contains(formats, f.Value.String()) {
		return formats[0], BadFlag("output", f.Value.String(), or(formats))
	}
	return f.Value.String(), nil
}

// IsJSON reports whether --output asks for JSON. A command without the flag prints text.
func IsJSON(cmd *cobra.Command) (bool, error) {
	format, err := outputFormat(cmd)
	return format == asJSON, err
}

// ACLText returns b as kafka-acls prints it, on one line.
func ACLText(b acl.Binding) string {
	e, p := b.Entry, b.Pattern
	e.Principal, e.Host, p.Name = lines.Printable(e.Principal), lines.Printable(e.Host), lines.Printable(p.Name)
	return e.String() + " on " + p.String()
}

// Note returns what a right makes possible elsewhere.
func Note(e ops.SideEffect) string {
	return fmt.Sprintf("note: since Kafka %s, who has %s on a %s %s if %s",
		e.Since, e.Operation.DisplayName(), e.Type.DisplayName(), e.Summary, strings.Join(e.Conditions, "; and "))
}

// JoinPrintable returns texts as a list.
func JoinPrintable(texts []string) string {
	shown := make([]string, len(texts))
	for i, text := range texts {
		shown[i] = lines.Printable(text)
	}
	return strings.Join(shown, ", ")
}

// LongWait is the time after which a bar is shown for work of unknown length.
const LongWait = 500 * time.Millisecond
