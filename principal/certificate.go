//go:build !js

package principal

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
)

// TLS returns the principal of a TLS connection without SASL: [Anonymous] without a
// client certificate, otherwise the mapped name of the certificate. It returns an error
// and the zero Principal, never Anonymous, for a nil state, an incomplete handshake, a
// certificate that was not verified, and a name that is mapped to no principal.
func (b *Builder) TLS(state *tls.ConnectionState) (Principal, error) {
	if state == nil || !state.HandshakeComplete {
		return Principal{}, errHandshake
	}
	if len(state.PeerCertificates) == 0 {
		return Anonymous, nil
	}
	if len(state.VerifiedChains) == 0 && !b.config.VerifiedElsewhere {
		return Principal{}, errUnverified
	}
	return b.certificate(state.PeerCertificates[0])
}

// certificate returns the principal of a verified certificate.
func (b *Builder) certificate(cert *x509.Certificate) (Principal, error) {
	if kind := b.config.CertificateName; kind != "" && kind != "subject" {
		return alternativeName(cert, kind)
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

// alternativeName returns the principal for the only alternative name of a kind. Several names are an error, because the client could choose which of them
// counts. Without any, the subject is not used instead.
func alternativeName(cert *x509.Certificate, kind string) (Principal, error) {
	var names []string
	switch kind {
	case "dns":
		names = cert.DNSNames
	case "email":
		names = cert.EmailAddresses
	default:
		for _, uri := range cert.URIs {
			names = append(names, uri.String())
		}
	}
	if len(names) != 1 || names[0] == "" {
		return Principal{}, fmt.Errorf("%w: %d of kind %s", errNoCertificateName, len(names), kind)
	}
	if kind == "spiffe" && !isSPIFFE(names[0]) {
		return Principal{}, fmt.Errorf("%w: the URI is not a SPIFFE ID of a workload", errNoCertificateName)
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
