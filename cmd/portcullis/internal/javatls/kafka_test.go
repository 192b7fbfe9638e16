package javatls

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// TestKafkaStores compares stores that keytool and openssl made, and wrong settings, with
// what Kafka takes.
func TestKafkaStores(t *testing.T) {
	jvm := kafkatest.StartJVM(t, kafkatest.DefaultVersion, "testdata/Engine.java")
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		command := exec.Command(name, args...)
		command.Dir = dir
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s %q: %s", name, args, out)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	text := func(name string) string {
		b, err := os.ReadFile(path(name))
		require.NoError(t, err)
		return string(b)
	}
	for _, algorithm := range []string{"RSA", "EC"} {
		for _, kind := range []string{"JKS", "PKCS12"} {
			store := algorithm + "." + kind
			keyPass := "storepass"
			if kind == "JKS" {
				keyPass = "keypass"
			}
			run("keytool", "-genkeypair", "-alias", "me", "-keyalg", algorithm, "-dname", "CN=me", "-storetype", kind, "-keystore", store, "-storepass", "storepass", "-keypass", keyPass)
			run("keytool", "-exportcert", "-rfc", "-alias", "me", "-keystore", store, "-storepass", "storepass", "-file", store+".crt")
			run("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", store+".crt", "-storetype", kind, "-keystore", "trust."+store, "-storepass", "trustpass")
		}
	}
	run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "plain.key", "-out", "me.crt", "-subj", "/CN=me", "-days", "2")
	run("openssl", "pkcs12", "-export", "-inkey", "plain.key", "-in", "me.crt", "-out", "openssl.p12", "-passout", "pass:storepass", "-name", "me")
	run("openssl", "rsa", "-in", "plain.key", "-traditional", "-out", "pkcs1.key")
	ciphers := map[string][]string{"aes256": {"-v2", "aes-256-cbc"}, "aes128 sha512": {"-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"}, "3des": {"-v2", "des3"}, "sha1 prf": {"-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1"}, "old": {"-v1", "PBE-SHA1-3DES"}}
	for name, flags := range ciphers {
		run("openssl", append([]string{"pkcs8", "-topk8", "-in", "plain.key", "-out", name + ".key", "-passout", "pass:keypass"}, flags...)...)
	}

	type row struct {
		settings map[string]string
		differs  string // why Kafka decides differently
	}
	rows := map[string]row{}
	for _, algorithm := range []string{"RSA", "EC"} {
		for _, kind := range []string{"JKS", "PKCS12"} {
			store := algorithm + "." + kind
			key := map[string]string{keyStoreFile: path(store), keyStorePassword: "storepass", keyPassword: "keypass"}
			if kind == "PKCS12" {
				delete(key, keyPassword)
			}
			for _, named := range []string{"JKS", "PKCS12", "jks", ""} {
				settings := map[string]string{trustStoreFile: path("trust." + store), trustPassword: "trustpass"}
				for k, v := range key {
					settings[k] = v
				}
				if named != "" {
					settings[keyStoreType], settings[trustStoreType] = named, named
				}
				rows[store+" named "+named] = row{settings: settings}
			}
			rows[store+", wrong store password"] = row{settings: map[string]string{keyStoreFile: path(store), keyStorePassword: "wrongpass", keyPassword: "keypass"}}
			rows[store+", no store password"] = row{settings: map[string]string{keyStoreFile: path(store)}}
			rows[store+", wrong trust password"] = row{settings: map[string]string{keyStoreFile: path(store), keyStorePassword: "storepass", keyPassword: key[keyPassword], trustStoreFile: path("trust." + store), trustPassword: "wrongpass"}}
		}
	}
	rows["JKS, wrong key password"] = row{settings: map[string]string{keyStoreFile: path("RSA.JKS"), keyStorePassword: "storepass", keyPassword: "wrongpass"}}
	rows["JKS, no key password"] = row{settings: map[string]string{keyStoreFile: path("RSA.JKS"), keyStorePassword: "storepass"}}
	rows["openssl PKCS12"] = row{settings: map[string]string{keyStoreType: "PKCS12", keyStoreFile: path("openssl.p12"), keyStorePassword: "storepass"}}
	chain := text("me.crt")
	rows["PEM"] = row{settings: map[string]string{keyStoreType: "PEM", keyStoreKey: text("plain.key"), keyStoreChain: chain, trustStoreType: "PEM", trustCerts: chain}}
	rows["PEM, store password"] = row{settings: map[string]string{keyStoreType: "PEM", keyStoreKey: text("plain.key"), keyStoreChain: chain, keyStorePassword: "storepass"}}
	rows["PEM, key without chain"] = row{settings: map[string]string{keyStoreType: "PEM", keyStoreKey: text("plain.key")}}
	rows["PEM, PKCS#1"] = row{settings: map[string]string{keyStoreType: "PEM", keyStoreKey: text("pkcs1.key"), keyStoreChain: chain}, differs: "Java reads only PKCS#8"}
	rows["PEM, trust with password"] = row{settings: map[string]string{keyStoreType: "PEM", keyStoreKey: text("plain.key"), keyStoreChain: chain, trustStoreType: "PEM", trustCerts: chain, trustPassword: "trustpass"}}
	rows["PEM, no type"] = row{settings: map[string]string{keyStoreKey: text("plain.key"), keyStoreChain: chain}}
	require.NoError(t, os.WriteFile(path("both.pem"), []byte(text("plain.key")+chain), 0o600))
	rows["PEM file"] = row{settings: map[string]string{keyStoreType: "PEM", keyStoreFile: path("both.pem"), trustStoreType: "PEM", trustStoreFile: path("me.crt")}}
	for name := range ciphers {
		differs := "Java 17 reads no PBES2"
		switch name {
		case "old":
			differs = "the library reads PBES2 only, since PBES1 is weak"
		case "aes128 sha512":
			differs = "" // neither reads it
		}
		rows["PEM, "+name] = row{map[string]string{keyStoreType: "PEM", keyStoreKey: text(name + ".key"), keyStoreChain: chain, keyPassword: "keypass"}, differs}
		rows["PEM, wrong password, "+name] = row{settings: map[string]string{keyStoreType: "PEM", keyStoreKey: text(name + ".key"), keyStoreChain: chain, keyPassword: "wrongpass"}}
		rows["PEM, no password, "+name] = row{settings: map[string]string{keyStoreType: "PEM", keyStoreKey: text(name + ".key"), keyStoreChain: chain}}
	}
	pem := rows["PEM"].settings
	for _, more := range []struct{ key, value, differs string }{
		{clientAuth, "required", ""}, {clientAuth, "requested", ""}, {clientAuth, "none", ""}, {clientAuth, "REQUIRED", ""}, {clientAuth, "x", ""},
		{protocols, "TLSv1.2", ""}, {protocols, "TLSv1.3,TLSv1.2", ""}, {protocols, "TLSv1.1", "Java knows old protocols, which it then refuses to speak"}, {protocols, "x", ""},
		{suites, "TLS_AES_128_GCM_SHA256", ""}, {suites, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ""}, {suites, "x", ""},
		{suites, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "Go has no such suite"}, {keyStoreType, "x", ""}, {trustStoreType, "x", ""},
	} {
		settings := map[string]string{more.key: more.value}
		for k, v := range pem {
			if k != more.key {
				settings[k] = v
			}
		}
		rows[more.key+"="+more.value] = row{settings, more.differs}
	}

	taken := 0
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			var args []string
			for k, v := range row.settings {
				args = append(args, k, v)
			}
			kafka, kafkaErr := jvm.Call("Engine", args...)
			config, err := settings(row.settings).Server(true)
			if row.differs != "" {
				assert.NotEqual(t, kafkaErr == nil, err == nil, "Kafka: %v, ours: %v", kafkaErr, err)
				return
			}
			require.Equal(t, kafkaErr == nil, err == nil, "Kafka: %v, ours: %v", kafkaErr, err)
			if err != nil {
				return
			}
			taken++
			var ours []string
			for _, c := range config.Certificates {
				ours = append(ours, base64.StdEncoding.EncodeToString(c.Certificate[0]))
			}
			theirs := strings.Fields(kafka)
			slices.Sort(ours)
			slices.Sort(theirs)
			assert.Equal(t, theirs, ours)
		})
	}
	t.Logf("%d rows compared with Kafka %s, of which %d are taken", len(rows), kafkatest.DefaultVersion, taken)
	assert.GreaterOrEqual(t, taken, 25)
}
