// Package configref replaces references in the values of a configuration, such as
// ${file:/etc/kafka/secrets.properties:password}, by what they refer to, so that the secrets
// themselves need not be in the configuration. It does what Kafka does (KIP-297).
//
// A reference is ${provider:key} or ${provider:path:key}. The configuration declares its
// providers:
//
//	config.providers=file,env
//	config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
//	config.providers.file.param.allowed.paths=/etc/kafka,/run/secrets
//	config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
//	config.providers.env.param.allowlist.pattern=KAFKA_.*
//
// The three classes that Kafka has are known: FileConfigProvider takes the value of a key of
// the properties file at path; DirectoryConfigProvider takes the content of the file key in the
// folder path, with all of its white space; EnvVarConfigProvider takes an environment variable,
// and no path. What replaces a reference is not searched for references.
//
// What differs from Kafka: files and values have a maximum length, and files must be regular ones.
// A reference that cannot be replaced is reported; Kafka leaves it in the value without a word. A
// class that Kafka cannot load is an error only of values that refer to it. An escape in a
// properties file for half of a character is an error. Names and values of variables are UTF-8,
// in Java's case whatever the locale says. As in Kafka 4.4, a symbolic link cannot lead out of
// allowed.paths; older releases compare the text of the path.
//
// Source: Kafka 4.4.0, AbstractConfig, ConfigTransformer, FileConfigProvider,
// DirectoryConfigProvider, EnvVarConfigProvider, AllowedPaths.
package configref

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// MaxBytes is the maximum length of a file that is read, and of a value whose references have
// been replaced. Kafka has no limit; certificates with their chains, the longest secrets, have
// some ten thousand bytes.
const MaxBytes = 1 << 20

// Reference is a reference in a value.
type Reference struct {
	Key      string // of the value that has the reference
	Provider string
	Path     string // may be empty
	Name     string // what the provider is asked for
}

// String returns the reference with the key of its value, escaped and cut.
func (r Reference) String() string {
	return fmt.Sprintf("%s: ${%s}", printable(r.Key), printable(strings.Join(r.parts(), ":")))
}

func (r Reference) parts() []string {
	if r.Path == "" {
		return []string{r.Provider, r.Name}
	}
	return []string{r.Provider, r.Path, r.Name}
}

// maxPrinted is how much of a text from the configuration is in errors, in bytes: enough for
// the usual paths.
const maxPrinted = 200

func printable(s string) string { return lines.Escape(lines.Cut(s, maxPrinted)) }

// Resolver replaces the references in the values of one configuration. It reads each file once,
// when a value first refers to it, and does not watch it. It is not safe for concurrent use. The
// zero Resolver replaces nothing.
type Resolver struct {
	config    map[string]string
	providers map[string]provider
	files     map[string]bool
}

// New returns a Resolver for a configuration, which must not be changed afterwards. An error is a
// parameter of a provider that Kafka refuses too: a path in allowed.paths that is not absolute or
// does not exist, or an allowlist.pattern that is no regular expression of Java; or a pattern that
// cannot be matched exactly as Java does.
//
// A provider of another class is an error of [Resolver.Value] if the value refers to it: that a
// broker has further providers does not matter to those who need none of its values.
func New(config map[string]string) (*Resolver, error) {
	providers, err := declared(config)
	if err != nil {
		return nil, err
	}
	return &Resolver{config, providers, map[string]bool{}}, nil
}

// Files returns the files that references have led to so far, also those that do not exist,
// sorted. A change of one of them changes a value.
func (r *Resolver) Files() []string { return slices.Sorted(maps.Keys(r.files)) }

// Value returns the value of a key, in which references to declared providers are replaced. A
// reference to any other provider is text. A key without a value has the empty value.
//
// If a provider does not have what it is asked for, the reference also stays in the value, as in
// Kafka, and is in missing: a file without the key, a folder without the file, a path outside
// allowed.paths, a variable that is not set or that allowlist.pattern does not match. Whoever uses
// the value must refuse it, or the text of the reference becomes a password.
//
// An error is a file that cannot be read, is no properties file in UTF-8, or is longer than
// [MaxBytes]; a value that becomes longer than that; or a path for an environment variable. Errors
// contain no part of a file or a variable.
func (r *Resolver) Value(key string) (value string, missing []Reference, err error) {
	var b strings.Builder
	for rest := r.config[key]; ; {
		// A reference ends at the first brace.
		begin := strings.Index(rest, "${")
		length := 0
		if begin >= 0 {
			length = strings.IndexByte(rest[begin:], '}') + 1
		}
		if length == 0 {
			b.WriteString(rest)
			return b.String(), missing, nil
		}
		text := rest[begin : begin+length]
		b.WriteString(rest[:begin])
		rest = rest[begin+length:]

		replacement := text
		reference, ok := parse(key, text)
		if p := r.providers[reference.Provider]; ok && p != nil {
			switch p.(type) {
			case *file:
				r.files[reference.Path] = true
			case *folder:
				r.files[filepath.Join(reference.Path, reference.Name)] = true
			}
			found, ok, err := p.get(reference.Path, reference.Name)
			switch {
			case err != nil:
				return "", nil, fmt.Errorf("%v: %w", reference, err)
			case ok:
				replacement = found
			default:
				missing = append(missing, reference)
			}
		}
		b.WriteString(replacement)
		if b.Len() > MaxBytes {
			return "", nil, fmt.Errorf("%s: expected no more than %d bytes after its references are replaced", printable(key), MaxBytes)
		}
	}
}

// parse parses ${provider:key} or ${provider:path:key}. Only the last part can have colons. ok is
// false if there is none.
func parse(key, text string) (Reference, bool) {
	provider, name, ok := strings.Cut(text[len("${"):len(text)-len("}")], ":")
	path, last, has := strings.Cut(name, ":")
	if !has {
		path, last = "", name
	}
	return Reference{Key: key, Provider: provider, Path: path, Name: last}, ok
}
