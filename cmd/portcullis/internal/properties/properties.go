// Package properties reads Java's properties files.
package properties

import (
	"errors"
	"io"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/javaprops"
)

// Read reads a properties file as a broker reads server.properties: in ISO 8859-1, with
// escapes and continued lines. The last value of a repeated key counts. file may be
// standard input. Errors in the text are of type *acl.ParseError, and do not contain any of
// it, because it may be a password.
//
// Source: java.util.Properties.load.
func Read(file string, stdin io.Reader) (map[string]string, error) {
	text, err := cli.ReadConfig(file, stdin)
	if err != nil {
		return nil, err
	}
	values, err := javaprops.Parse(latin1(text))
	var syntax *javaprops.SyntaxError
	if errors.As(err, &syntax) {
		return nil, &acl.ParseError{
			File: cli.FileName(file), Line: syntax.Line, Column: syntax.Column,
			Found: javaprops.Found, Expected: javaprops.Expected,
		}
	}
	return values, err
}

// latin1 decodes ISO 8859-1.
func latin1(text []byte) string {
	runes := make([]rune, len(text))
	for i, c := range text {
		runes[i] = rune(c)
	}
	return string(runes)
}
