package principal

import (
	"crypto/x509"
	"fmt"
	"strings"
)

// CertificateName is what of a client certificate names its holder. The zero
// CertificateName is the subject, as in Kafka; the others are of this package.
type CertificateName int8

// The kinds of names.
const (
	SubjectName CertificateName = iota // the distinguished name, mapped by the SSL rules
	DNSName                            // the DNS name among the alternative names
	URIName                            // the URI
	SPIFFEName                         // the URI, which must be a SPIFFE ID
	EmailName                          // the e-mail address
)

var certificateNames = [...]string{"subject", "dns", "uri", "spiffe", "email"}

func (n CertificateName) known() bool { return n >= 0 && int(n) < len(certificateNames) }

// String returns "subject", "dns", "uri", "spiffe", "email", or for another value
// its number.
func (n CertificateName) String() string {
	if n.known() {
		return certificateNames[n]
	}
	return fmt.Sprintf("CertificateName(%d)", int8(n))
}

// certificate returns the principal of the holder of a certificate that has been
// verified.
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

// alternativeName returns the principal named by the one alternative name of the
// kind that is configured. With several it would be the client's choice which one
// counts, so that they are an error; and there is no falling back to the subject.
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
		return Principal{}, fmt.Errorf("%w: the URI is no SPIFFE ID of a workload", ErrNoCertificateName)
	}
	return User(names[0]), nil
}

// maxSPIFFE is the length that every implementation must support, and the most that
// one may issue.
const maxSPIFFE = 2048

// isSPIFFE reports whether uri is a SPIFFE ID with a path, "spiffe://domain/path".
// Percent encoding, user, port, query and fragment have no place in one, and neither
// have empty, "." and ".." segments, so that no two texts are one identity.
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

// spiffeLower is the characters of a trust domain. A path may also have capitals.
const spiffeLower = "abcdefghijklmnopqrstuvwxyz0123456789.-_"
