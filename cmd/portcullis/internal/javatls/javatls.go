// Package javatls makes the configuration of crypto/tls from the ssl.* settings of Kafka's
// brokers and clients: key stores and trust stores in PEM, PKCS#12 and JKS, protocols and
// cipher suites.
//
// Source: Kafka's DefaultSslEngineFactory; KIP-651, KIP-684.
package javatls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// The keys that this package reads.
const (
	keyStoreType     = "ssl.keystore.type"
	keyStoreFile     = "ssl.keystore.location"
	keyStorePassword = "ssl.keystore.password"
	keyStoreChain    = "ssl.keystore.certificate.chain"
	keyStoreKey      = "ssl.keystore.key"
	keyPassword      = "ssl.key.password"
	trustStoreType   = "ssl.truststore.type"
	trustStoreFile   = "ssl.truststore.location"
	trustPassword    = "ssl.truststore.password"
	trustCerts       = "ssl.truststore.certificates"
	clientAuth       = "ssl.client.auth"
	protocols        = "ssl.enabled.protocols"
	suites           = "ssl.cipher.suites"
	identification   = "ssl.endpoint.identification.algorithm"
)

// Settings are the ssl.* settings of a listener or a client.
type Settings struct {
	// Get returns the value of a key, and false if the key is not set. A value of nothing
	// but blanks is not set.
	Get func(key string) (string, bool)
	// ReadFile reads a file that a value names. Nil means os.ReadFile.
	ReadFile func(name string) ([]byte, error)
}

func (s Settings) get(key string) string {
	value, _ := s.Get(key)
	return strings.TrimSpace(value)
}

func (s Settings) read(key string) ([]byte, error) {
	read := s.ReadFile
	if read == nil {
		read = os.ReadFile
	}
	text, err := read(s.get(key))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return text, nil
}

// Server returns the configuration of a listener. auth says whether ssl.client.auth counts:
// on SASL_SSL listeners Kafka reads it only if it is set for the listener.
func (s Settings) Server(auth bool) (*tls.Config, error) {
	config, err := s.common()
	if err != nil {
		return nil, err
	}
	if config.Certificates == nil {
		return nil, fmt.Errorf("%s or %s is missing: a listener with TLS needs a key and its certificate", keyStoreFile, keyStoreKey)
	}
	switch mode := s.get(clientAuth); {
	case mode == "" || !auth:
	case mode == "none":
	case mode == "requested":
		config.ClientAuth = tls.VerifyClientCertIfGiven
	case mode == "required":
		config.ClientAuth = tls.RequireAndVerifyClientCert
	default:
		return nil, fmt.Errorf("%s: found %s, expected none, requested or required", clientAuth, enum.Quote(mode))
	}
	config.ClientCAs, config.RootCAs = config.RootCAs, nil
	if config.ClientAuth != tls.NoClientCert && config.ClientCAs == nil {
		// Java would take the public authorities, whose certificates anybody can buy.
		return nil, fmt.Errorf("%s is missing: %s needs the authorities of the clients", trustStoreFile, clientAuth)
	}
	return config, nil
}

// Client returns the configuration of a client. Without a trust store the authorities of
// the system are trusted.
func (s Settings) Client() (*tls.Config, error) {
	config, err := s.common()
	if err != nil {
		return nil, err
	}
	switch algorithm, set := s.Get(identification); {
	case !set || strings.EqualFold(strings.TrimSpace(algorithm), "https"):
	case strings.TrimSpace(algorithm) == "":
		verifyChainOnly(config)
	default:
		return nil, fmt.Errorf("%s: found %s, expected https, or nothing", identification, enum.Quote(algorithm))
	}
	return config, nil
}

// verifyChainOnly makes a client verify the certificates of the server, but not its name.
func verifyChainOnly(config *tls.Config) {
	roots := config.RootCAs
	config.InsecureSkipVerify = true // replaced by what follows
	config.VerifyConnection = func(state tls.ConnectionState) error {
		options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(options)
		return err
	}
}

// common returns what listeners and clients have in common; RootCAs are the trusted.
func (s Settings) common() (*tls.Config, error) {
	config := &tls.Config{}
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	var err error
	config.Certificates, err = s.certificates()
	add(err)
	config.RootCAs, err = s.trusted()
	add(err)
	add(s.setProtocols(config))
	add(s.setSuites(config))
	return config, errors.Join(errs...)
}

// versions are Java's names of the protocols.
var versions = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

// setProtocols sets the versions. The default is Kafka's: 1.2 and 1.3.
func (s Settings) setProtocols(config *tls.Config) error {
	config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS13
	list := s.get(protocols)
	if list == "" {
		return nil
	}
	config.MinVersion, config.MaxVersion = tls.VersionTLS13, 0
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		version, ok := versions[name]
		if !ok {
			return fmt.Errorf("%s: %s is refused: expected TLSv1.2 or TLSv1.3 (RFC 8996 forbids older ones)", protocols, enum.Quote(name))
		}
		config.MinVersion, config.MaxVersion = min(config.MinVersion, version), max(config.MaxVersion, version)
	}
	return nil
}

// setSuites sets the cipher suites of TLS 1.2. Those of 1.3 cannot be chosen, and are all
// secure; without any of them 1.3 is switched off, as in Java.
func (s Settings) setSuites(config *tls.Config) error {
	list := s.get(suites)
	if list == "" {
		return nil
	}
	modern := false
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		i := slices.IndexFunc(tls.CipherSuites(), func(c *tls.CipherSuite) bool { return c.Name == name })
		if i < 0 {
			return fmt.Errorf("%s: %s is refused: expected some of %s", suites, enum.Quote(name), strings.Join(suiteNames(), ", "))
		}
		if c := tls.CipherSuites()[i]; slices.Contains(c.SupportedVersions, uint16(tls.VersionTLS12)) {
			config.CipherSuites = append(config.CipherSuites, c.ID)
		} else {
			modern = true
		}
	}
	if !modern {
		config.MaxVersion = tls.VersionTLS12
	}
	if config.CipherSuites == nil {
		config.MinVersion = tls.VersionTLS13
	}
	if config.MinVersion > config.MaxVersion {
		return fmt.Errorf("%s has no suite for the versions of %s", suites, protocols)
	}
	return nil
}

func suiteNames() (names []string) {
	for _, c := range tls.CipherSuites() {
		names = append(names, c.Name)
	}
	return names
}
