package proxy

import (
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/secretfile"
)

// checkSecrets refuses files with passwords and keys that other users of the machine can
// read or replace.
func (p *command) checkSecrets() error {
	if p.allowReadable {
		return nil
	}
	var errs cli.Errors
	for _, secret := range []struct {
		name string
		file *cli.Once
	}{{"users", p.users}, {"salt-secret", p.saltSecret}, {"tls-key", p.key}, {"keytab", p.keytab}, {"upstream-password-file", p.upstreamPassword}} {
		if secret.file.Given {
			errs.Add(secretfile.Refuse("--"+secret.name, secret.file.Text))
		}
	}
	return errs.Join()
}
