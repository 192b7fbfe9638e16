package javatls

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// jksMagic begins a file in the format JKS.
var jksMagic = []byte{0xfe, 0xed, 0xfe, 0xed}

// storeType is the format of a store: isPEM, or else JKS or PKCS#12. Like Java, the two are
// told apart by their content.
func (s Settings) storeType(key string) (isPEM bool, err error) {
	switch kind := s.get(key); strings.ToUpper(kind) {
	case "", "JKS", "PKCS12":
		return false, nil
	case "PEM":
		return true, nil
	default:
		return false, fmt.Errorf("%s: found %s, expected PEM, PKCS12 or JKS", key, enum.Quote(kind))
	}
}

// certificates returns the keys of the key store with their certificates, or nil without a
// key store.
func (s Settings) certificates() ([]tls.Certificate, error) {
	isPEM, err := s.storeType(keyStoreType)
	if err != nil {
		return nil, err
	}
	if !isPEM {
		for _, key := range []string{keyStoreKey, keyStoreChain} {
			if s.get(key) != "" {
				return nil, fmt.Errorf("%s needs %s=PEM", key, keyStoreType)
			}
		}
		if s.get(keyStoreFile) == "" {
			return nil, nil
		}
		text, err := s.read(keyStoreFile)
		if err != nil {
			return nil, err
		}
		found, err := s.binaryKeys(text)
		return found, in(keyStoreFile, err)
	}
	switch file, key, chain := s.get(keyStoreFile), s.get(keyStoreKey), s.get(keyStoreChain); {
	case s.get(keyStorePassword) != "":
		return nil, fmt.Errorf("%s does not belong to PEM: the password of the key is %s", keyStorePassword, keyPassword)
	case file != "" && key+chain != "":
		return nil, fmt.Errorf("expected either %s, or %s and %s", keyStoreFile, keyStoreKey, keyStoreChain)
	case file != "":
		text, err := s.read(keyStoreFile)
		if err != nil {
			return nil, err
		}
		pair, err := pemPair(text, text, s.get(keyPassword))
		return one(pair), in(keyStoreFile, err)
	case key != "" && chain != "":
		pair, err := pemPair([]byte(chain), []byte(key), s.get(keyPassword))
		return one(pair), in(keyStoreKey, err)
	case key+chain != "":
		return nil, fmt.Errorf("%s and %s belong together", keyStoreKey, keyStoreChain)
	}
	return nil, nil
}

func one(pair tls.Certificate) []tls.Certificate {
	if pair.Certificate == nil {
		return nil
	}
	return []tls.Certificate{pair}
}

// in adds the key of a setting to an error.
func in(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", key, err)
}

// pemPair reads a key, which may be encrypted, and its certificates.
func pemPair(chain, key []byte, password string) (tls.Certificate, error) {
	block := findPEM(key, func(kind string) bool { return strings.HasSuffix(kind, "PRIVATE KEY") })
	if block == nil {
		return tls.Certificate{}, errors.New("no private key in PEM")
	}
	if block.Headers["Proc-Type"] != "" {
		return tls.Certificate{}, errors.New("the key is encrypted in an old form: write it as PKCS#8, with openssl pkcs8 -topk8")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" {
		if password == "" {
			return tls.Certificate{}, fmt.Errorf("the key is encrypted: %s is missing", keyPassword)
		}
		plain, err := pkcs8.ParsePKCS8PrivateKey(block.Bytes, []byte(password))
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("the key cannot be decrypted with %s; openssl pkcs8 -topk8 -v2 aes-256-cbc makes one that can: %w", keyPassword, err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(plain)
		if err != nil {
			return tls.Certificate{}, err
		}
		block = &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	}
	return tls.X509KeyPair(chain, pem.EncodeToMemory(block))
}

// findPEM returns the first block of a kind, or nil.
func findPEM(text []byte, is func(kind string) bool) *pem.Block {
	for {
		block, rest := pem.Decode(text)
		if block == nil || is(block.Type) {
			return block
		}
		text = rest
	}
}

// binaryKeys reads a key store in JKS or PKCS#12.
func (s Settings) binaryKeys(text []byte) ([]tls.Certificate, error) {
	password := s.get(keyStorePassword)
	if password == "" {
		return nil, fmt.Errorf("%s is missing", keyStorePassword)
	}
	if !bytes.HasPrefix(text, jksMagic) {
		key, leaf, others, err := pkcs12.DecodeChain(text, password)
		if err != nil {
			return nil, asPKCS12(err, keyStorePassword)
		}
		pair, err := pairOf(key, append([]*x509.Certificate{leaf}, others...))
		return one(pair), err
	}
	store := keystore.New(keystore.WithOrderedAliases())
	if err := store.Load(bytes.NewReader(text), []byte(password)); err != nil {
		return nil, fmt.Errorf("no JKS store with this %s: %w", keyStorePassword, err)
	}
	keyPass := s.get(keyPassword)
	if keyPass == "" {
		keyPass = password
	}
	var found []tls.Certificate
	for _, alias := range store.Aliases() {
		if !store.IsPrivateKeyEntry(alias) {
			continue
		}
		entry, err := store.GetPrivateKeyEntry(alias, []byte(keyPass))
		if err != nil {
			return nil, fmt.Errorf("the key %s cannot be decrypted with %s: %w", enum.Quote(alias), keyPassword, err)
		}
		key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("the key %s: %w", enum.Quote(alias), err)
		}
		var chain []*x509.Certificate
		for _, c := range entry.CertificateChain {
			parsed, err := x509.ParseCertificate(c.Content)
			if err != nil {
				return nil, fmt.Errorf("the certificate of %s: %w", enum.Quote(alias), err)
			}
			chain = append(chain, parsed)
		}
		pair, err := pairOf(key, chain)
		if err != nil {
			return nil, fmt.Errorf("the key %s: %w", enum.Quote(alias), err)
		}
		found = append(found, pair)
	}
	if len(found) == 0 {
		return nil, errors.New("the store has no private key")
	}
	return found, nil
}

// asPKCS12 says what an error of the library may mean.
func asPKCS12(err error, passwordKey string) error {
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return fmt.Errorf("%s is not the password of this store", passwordKey)
	}
	return fmt.Errorf("neither a JKS nor a PKCS#12 store that can be read: %w", err)
}

// pairOf returns a key with its certificates, of which the first must be that of the key.
func pairOf(key any, chain []*x509.Certificate) (tls.Certificate, error) {
	signer, ok := key.(crypto.Signer)
	if !ok || len(chain) == 0 {
		return tls.Certificate{}, errors.New("expected a key that can sign, and its certificate")
	}
	public, ok := chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(signer.Public()) {
		return tls.Certificate{}, errors.New("the certificate belongs to another key")
	}
	pair := tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return pair, nil
}

// trusted returns the certificates of the trust store, or nil without one.
func (s Settings) trusted() (*x509.CertPool, error) {
	isPEM, err := s.storeType(trustStoreType)
	if err != nil {
		return nil, err
	}
	file, inline := s.get(trustStoreFile), s.get(trustCerts)
	switch {
	case file == "" && inline == "":
		return nil, nil
	case inline != "" && !isPEM:
		return nil, fmt.Errorf("%s needs %s=PEM", trustCerts, trustStoreType)
	case file != "" && inline != "":
		return nil, fmt.Errorf("expected either %s or %s", trustStoreFile, trustCerts)
	case isPEM && s.get(trustPassword) != "":
		return nil, fmt.Errorf("%s does not belong to PEM", trustPassword)
	case inline != "":
		pool, err := pemPool([]byte(inline))
		return pool, in(trustCerts, err)
	}
	text, err := s.read(trustStoreFile)
	if err != nil {
		return nil, err
	}
	var pool *x509.CertPool
	if isPEM {
		pool, err = pemPool(text)
	} else {
		pool, err = s.binaryPool(text)
	}
	return pool, in(trustStoreFile, err)
}

func pemPool(text []byte) (*x509.CertPool, error) {
	pool, found := x509.NewCertPool(), false
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		pool.AddCert(c)
		found = true
	}
	if !found {
		return nil, errors.New("no certificate in PEM")
	}
	return pool, nil
}

// binaryPool reads a trust store in JKS or PKCS#12.
func (s Settings) binaryPool(text []byte) (*x509.CertPool, error) {
	password := s.get(trustPassword)
	if password == "" {
		return nil, fmt.Errorf("%s is missing", trustPassword)
	}
	var certs []*x509.Certificate
	if bytes.HasPrefix(text, jksMagic) {
		store := keystore.New(keystore.WithOrderedAliases())
		if err := store.Load(bytes.NewReader(text), []byte(password)); err != nil {
			return nil, fmt.Errorf("no JKS store with this %s: %w", trustPassword, err)
		}
		for _, alias := range slices.DeleteFunc(store.Aliases(), func(a string) bool { return !store.IsTrustedCertificateEntry(a) }) {
			entry, err := store.GetTrustedCertificateEntry(alias)
			if err != nil {
				return nil, err
			}
			c, err := x509.ParseCertificate(entry.Certificate.Content)
			if err != nil {
				return nil, fmt.Errorf("the certificate %s: %w", enum.Quote(alias), err)
			}
			certs = append(certs, c)
		}
	} else {
		var err error
		if certs, err = pkcs12.DecodeTrustStore(text, password); err != nil {
			return nil, asPKCS12(err, trustPassword)
		}
	}
	if len(certs) == 0 {
		return nil, errors.New("the store has no trusted certificate")
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}
