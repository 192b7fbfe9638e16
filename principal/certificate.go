package principal

import (
	"crypto/x509"
	"fmt"
	"strings"
)

// CertificateName selects the name in a client certificate. The zero CertificateName is
// the subject, as in Kafka. Kafka has none of the others.
type CertificateName int8

// The kinds of certificate names.
const (
	SubjectName CertificateName = iota // the distinguished name, mapped by the SSL rules
	DNSName                            // the DNS subject alternative name
	URIName                            // the URI subject alternative name
	SPIFFEName                         // the URI, which must be a SPIFFE ID
	EmailName                          // the e-mail subject alternative name
)

var certificateNames = [...]string{"subject", "dns", "uri", "spiffe", "email"}

func (n CertificateName) known() bool { return n >= 0 && int(n) < len(certificateNames) }

// String returns "subject", "dns", "uri", "spiffe" or "email", or the number of an
// unknown value.
func (n CertificateName) String() string {
	if n.known() {
		return certificateNames[n]
	}
	return fmt.Sprintf("CertificateName(%d)", int8(n))
}

// certificate returns the principal of a verified certificate.
func (b *Builder) certificate(cert *x509.Certificate) (Principal, error) {
	if b.config.CertificateName != SubjectName {
		return b.alternativeName(cert)
	}
	name, err := DistinguishedName(cert.RawSubject)
	if err == nil && b.config.SSLRules != nil {
		name, err = b.config.SSLRules.Name(name)
	}
	if err != nil {
		return Principal{}, err
	}
	return User(name), nil
}

// alternativeName returns the principal for the only alternative name of the configured
// kind. Several names are an error, because the client could choose which of them
// counts. Without any, the subject is not used instead.
func (b *Builder) alternativeName(cert *x509.Certificate) (Principal, error) {
	var names []string
	switch b.config.CertificateName {
	case DNSName:
		names = cert.DNSNames
	case EmailName:
		names = cert.EmailAddresses
	case URIName, SPIFFEName:
		for _, uri := range cert.URIs {
			names = append(names, uri.String())
		}
	}
	if len(names) != 1 || names[0] == "" {
		return Principal{}, fmt.Errorf("%w: %d of kind %v", ErrNoCertificateName, len(names), b.config.CertificateName)
	}
	if b.config.CertificateName == SPIFFEName && !isSPIFFE(names[0]) {
		return Principal{}, fmt.Errorf("%w: the URI is not a SPIFFE ID of a workload", ErrNoCertificateName)
	}
	return User(names[0]), nil
}

// maxSPIFFE is the length in bytes that every implementation must support, and the
// longest that may be issued.
const maxSPIFFE = 2048

// isSPIFFE reports whether uri is a SPIFFE ID with a path, "spiffe://domain/path".
// Percent encoding, user, port, query, fragment and empty, "." and ".." segments are
// not allowed, so that each identity has only one text.
//
// Source: SPIFFE-ID standard, section 2.
func isSPIFFE(uri string) bool {
	rest, ok := strings.CutPrefix(uri, "spiffe://")
	domain, path, slash := strings.Cut(rest, "/")
	if !ok || !slash || domain == "" || len(uri) > maxSPIFFE || strings.Trim(domain, spiffeLower) != "" {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.Trim(segment, spiffeLower+"ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return false
		}
	}
	return true
}

// spiffeLower are the characters of a trust domain. A path may also have upper-case
// letters.
const spiffeLower = "abcdefghijklmnopqrstuvwxyz0123456789.-_"
