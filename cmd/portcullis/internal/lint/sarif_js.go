package lint

import (
	"errors"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
)

// moreFormats are those of --output in addition to text and JSON: none in a browser, where
// nothing reads SARIF and its library would be a third of the page.
var moreFormats []string

func (r *result) writeSARIF(*cli.Output) error {
	return errors.New("SARIF cannot be written in a browser")
}
