package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"

	"github.com/portcullis-authz/portcullis/principal"
)

// certificateType is the type of a PEM block that holds a certificate.
const certificateType = "CERTIFICATE"

// certificateFile describes a file of certificates.
type certificateFile struct {
	subject string // the distinguished name of the first, which is the client's
	count   int    // of certificates
}

// readCertificate reads a PEM file with a certificate, optionally followed by those of
// its issuers. It ignores other blocks, such as a private key.
func readCertificate(r io.Reader, file string) (certificateFile, error) {
	text, err := readLimited(r, file)
	if err != nil {
		return certificateFile{}, err
	}
	var first []byte
	count := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != certificateType {
			continue
		}
		if count++; count == 1 {
			first = block.Bytes
		}
	}
	if count == 0 {
		return certificateFile{}, fmt.Errorf("%s has no PEM block of type %s: expected a certificate in PEM, as openssl x509 writes it", file, certificateType)
	}
	cert, err := x509.ParseCertificate(first)
	if err != nil {
		return certificateFile{}, fmt.Errorf("%s: the first certificate: %w", file, err)
	}
	subject, err := principal.DistinguishedName(cert.RawSubject)
	if err != nil {
		return certificateFile{}, fmt.Errorf("%s: the subject of the first certificate: %w", file, err)
	}
	return certificateFile{subject, count}, nil
}
