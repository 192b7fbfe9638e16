// Package krbfile reads the files of Kerberos: keytabs and ticket caches.
//
// They may be damaged, or read while another program writes them. gokrb5 then panics, or
// returns an error that contains the keys. The errors of this package have nothing of the file.
package krbfile

import (
	"fmt"

	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/keytab"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Read reads a file, as os.ReadFile does.
type Read = func(file string) ([]byte, error)

// Keytab returns the keys of a keytab in MIT's format.
func Keytab(file string, read Read) (*keytab.Keytab, error) {
	keys := keytab.New()
	text, err := read(file)
	if err != nil {
		return nil, err
	}
	if !parsed(keys.Unmarshal, text) || len(keys.Entries) == 0 {
		return nil, fmt.Errorf("%s is not a keytab, or damaged: make it again with ktutil or kadmin", enum.Quote(file))
	}
	return keys, nil
}

// Tickets returns a ticket cache in MIT's format.
func Tickets(file string, read Read) (*credentials.CCache, error) {
	tickets := new(credentials.CCache)
	text, err := read(file)
	if err != nil {
		return nil, err
	}
	if !parsed(tickets.Unmarshal, text) {
		return nil, fmt.Errorf("%s is not a ticket cache, or damaged: make it again with kinit", enum.Quote(file))
	}
	return tickets, nil
}

// parsed calls unmarshal, and reports whether it succeeds: neither an error nor a panic.
func parsed(unmarshal func([]byte) error, text []byte) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return unmarshal(text) == nil
}
