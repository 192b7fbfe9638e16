package acl_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
)

// capturedHosts holds results of Kafka 4.4.0's CidrUtils: whether a host is refused at
// creation, and which clients it covers. testdata/README.md describes how they were
// captured.
const (
	capturedHosts = "testdata/hosts.kafka44.jsonl.gz"
	capturedCount = 1495
	capturedValid = 535
)

// TestParseHostAsKafka parses every captured host, and checks every captured client.
func TestParseHostAsKafka(t *testing.T) {
	f, err := os.Open(capturedHosts)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	lines := bufio.NewScanner(z)
	var head struct{ Clients []string }
	require.True(t, lines.Scan())
	require.NoError(t, json.Unmarshal(lines.Bytes(), &head))
	count, valid := 0, 0
	for lines.Scan() {
		var row struct {
			Host  string
			Valid bool
			In    string
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &row))
		count++
		if row.Valid {
			valid++
		}
		h := acl.ParseHost(row.Host)
		if h.Kind() == acl.HostLinkNetwork {
			assert.Contains(t, row.Host, "%") // depends on the interfaces of the machine
			continue
		}
		assert.Equal(t, row.Valid, h.Kind() != acl.HostUnreadable, "%q is valid", row.Host)
		for i, client := range head.Clients {
			addr := netip.MustParseAddr(client)
			if !h.IsJavaText() && h.Kind() == acl.HostOneAddress {
				continue // Kafka compares the text
			}
			assert.Equal(t, row.In[i] == '1', h.Contains(addr), "%q holds %s", row.Host, client)
		}
	}
	require.NoError(t, lines.Err())
	assert.Equal(t, capturedCount, count)
	assert.Equal(t, capturedValid, valid)
}

// TestParseHostKinds has texts of each kind.
func TestParseHostKinds(t *testing.T) {
	for text, want := range map[string]acl.HostKind{
		"*":                     acl.HostEverywhere,
		"10.0.0.1":              acl.HostOneAddress,
		"::1":                   acl.HostOneAddress,
		"fe80::1%eth0":          acl.HostOneAddress,
		"::ffff:10.0.0.1":       acl.HostOneAddress,
		"010.0.0.0/8":           acl.HostNetwork,
		"10.0.0.0/08":           acl.HostNetwork,
		"[2001:db8::]/32":       acl.HostNetwork,
		"2001:db8::/+32":        acl.HostNetwork,
		"fe80::1%1/64":          acl.HostNetwork,
		"fe80::1%eth0/64":       acl.HostLinkNetwork,
		"::ffff:10.0.0.0/104":   acl.HostUnreadable,
		"10.0.0.0/33":           acl.HostUnreadable,
		"10.0.0.0/255.0.0.0":    acl.HostUnreadable,
		"example.com/24":        acl.HostUnreadable,
		"/":                     acl.HostUnreadable,
		"example.com":           acl.HostName,
		"10.0.0.*":              acl.HostName,
		"010.0.0.1":             acl.HostName,
		"":                      acl.HostName,
		strings.Repeat("1", 99): acl.HostName,
	} {
		t.Run(text, func(t *testing.T) {
			h := acl.ParseHost(text)
			assert.Equal(t, want, h.Kind())
			assert.Equal(t, want == acl.HostUnreadable || want == acl.HostLinkNetwork, h.FailsClosed())
		})
	}
}

// TestHostZones: an address covers only the address with the same zone; a network
// ignores zones.
func TestHostZones(t *testing.T) {
	for _, tt := range []struct {
		host, client string
		want         bool
	}{
		{"fe80::1", "fe80::1", true},
		{"fe80::1", "fe80::1%2", false},
		{"fe80::1%2", "fe80::1", false},
		{"fe80::1%2", "fe80::1%2", true},
		{"fe80::1%2", "fe80::1%3", false},
		{"fe80::/10", "fe80::1%2", true},
		{"fe80::/10", "fe80::1", true},
		{"fe80::1%1/64", "fe80::9%2", true},
		{"fe80::1%eth0/64", "fe80::9%eth0", false},
	} {
		t.Run(tt.host+" holds "+tt.client, func(t *testing.T) {
			assert.Equal(t, tt.want, acl.ParseHost(tt.host).Contains(netip.MustParseAddr(tt.client)))
		})
	}
	assert.False(t, acl.ParseHost("*").Contains(netip.Addr{}), "the zero address is nowhere")
}

// FuzzParseHost: no text makes the parser fail, and a parsed host covers its own first
// address.
func FuzzParseHost(f *testing.F) {
	for _, text := range []string{"*", "10.0.0.1", "010.0.0.0/8", "[2001:db8::]/32", "2001:db8::/+32", "fe80::1%1/64", "fe80::1%eth0/64", "::ffff:10.0.0.0/104", "1:2:3:4:5:6:7::/3٢", "::10.0.0.1/1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h := acl.ParseHost(text)
		if h.Kind() != acl.HostNetwork {
			return
		}
		first := h.Network().Addr()
		if h.Network().Masked() != h.Network() || h.Contains(first) == (first == netip.IPv4Unspecified()) {
			t.Fatalf("%q is parsed as %v", text, h.Network())
		}
	})
}
