//go:build !js

package principal

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/principal"
)

// readSubject reads --cert: a PEM file with a certificate, optionally followed by those
// of its issuers. It returns the subject of the first, which is the client's. It ignores
// other blocks, such as a private key.
func (p *command) readSubject() (string, error) {
	file := cli.FileName(p.cert.Text)
	text, err := cli.ReadConfig(p.cert.Text, p.stdin)
	if err != nil {
		return "", err
	}
	var certificates [][]byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			certificates = append(certificates, block.Bytes)
		}
	}
	if len(certificates) == 0 {
		return "", fmt.Errorf("%s has no PEM block of type CERTIFICATE: expected a certificate in PEM, as openssl x509 writes it", file)
	}
	cert, err := x509.ParseCertificate(certificates[0])
	if err != nil {
		return "", fmt.Errorf("%s: the first certificate: %w", file, err)
	}
	subject, err := principal.DistinguishedName(cert.RawSubject)
	if err != nil {
		return "", fmt.Errorf("%s: the subject of the first certificate: %w", file, err)
	}
	if n := len(certificates); n > 1 {
		p.warn("%s has %d certificates: the first is used", file, n)
	}
	return subject, nil
}
