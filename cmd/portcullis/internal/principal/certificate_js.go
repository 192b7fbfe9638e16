package principal

import "errors"

// readSubject returns an error. Package crypto/x509 and what it needs would be a seventh of the playground,
// whose page has no field for a certificate.
func (p *command) readSubject() (string, error) {
	return "", errors.New("--cert is not available in a browser: give the subject with --dn")
}
