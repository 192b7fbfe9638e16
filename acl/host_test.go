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
		if h.IsLinkNetwork() {
			assert.Contains(t, row.Host, "%") // depends on the interfaces of the machine
			continue
		}
		assert.Equal(t, row.Valid, !h.FailsClosed() || h.IsLinkNetwork(), "%q is valid", row.Host)
		for i, client := range head.Clients {
			addr := netip.MustParseAddr(client)
			if !h.IsJavaText() && h.Addr().IsValid() {
				continue // Kafka compares the text
			}
			assert.Equal(t, row.In[i] == '1', h.Contains(addr), "%q holds %s", row.Host, client)
		}
	}
	require.NoError(t, lines.Err())
	assert.Equal(t, capturedCount, count)
	assert.Equal(t, capturedValid, valid)
}

func kindOf(h acl.Host) string {
	switch {
	case h.IsEverywhere():
		return "everywhere"
	case h.Addr().IsValid():
		return "address"
	case h.IsLinkNetwork():
		return "link network"
	case h.FailsClosed():
		return "unreadable"
	case h.Network().IsValid():
		return "network"
	}
	return "name"
}

// TestParseHostKinds has texts of each kind.
func TestParseHostKinds(t *testing.T) {
	for text, want := range map[string]string{
		"*":                     "everywhere",
		"10.0.0.1":              "address",
		"::1":                   "address",
		"fe80::1%eth0":          "address",
		"::ffff:10.0.0.1":       "address",
		"010.0.0.0/8":           "network",
		"10.0.0.0/08":           "network",
		"[2001:db8::]/32":       "network",
		"2001:db8::/+32":        "network",
		"fe80::1%1/64":          "network",
		"fe80::1%eth0/64":       "link network",
		"::ffff:10.0.0.0/104":   "unreadable",
		"10.0.0.0/33":           "unreadable",
		"10.0.0.0/255.0.0.0":    "unreadable",
		"example.com/24":        "unreadable",
		"/":                     "unreadable",
		"example.com":           "name",
		"10.0.0.*":              "name",
		"010.0.0.1":             "name",
		"":                      "name",
		strings.Repeat("1", 99): "name",
	} {
		t.Run(text, func(t *testing.T) {
			h := acl.ParseHost(text)
			assert.Equal(t, want, kindOf(h))
			assert.Equal(t, want == "unreadable" || want == "link network", h.FailsClosed())
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
		if !h.Network().IsValid() {
			return
		}
		if same := acl.ParseHost(h.Canonical()); same != h {
			t.Fatalf("%q is %v, and its canonical text %q is %v", text, h, h.Canonical(), same)
		}
		first := h.Network().Addr()
		if h.Network().Masked() != h.Network() || h.Contains(first) == (first == netip.IPv4Unspecified()) {
			t.Fatalf("%q is parsed as %v", text, h.Network())
		}
	})
}

// TestCanonicalHosts has the texts that lint recommends.
func TestCanonicalHosts(t *testing.T) {
	for text, want := range map[string]string{
		"*":                 "*",
		"10.0.0.1":          "10.0.0.1",
		"::1":               "0:0:0:0:0:0:0:1",
		"::ffff:10.0.0.1":   "10.0.0.1",
		"FE80::1%2":         "fe80:0:0:0:0:0:0:1%2",
		"010.0.0.5/08":      "10.0.0.0/8",
		"[2001:DB8::1]/+32": "2001:db8::/32",
		"fe80::1%1/64":      "fe80::/64",
		"::10.0.0.0/104":    "::a00:0/104",
		"0:0:0:0:0:0:0:0/٠": "::/0",
		"fe80::1%eth0/64":   "",
		"10.0.0.0/33":       "",
		"localhost":         "",
		"010.0.0.1":         "",
	} {
		t.Run(text, func(t *testing.T) {
			h := acl.ParseHost(text)
			assert.Equal(t, want, h.Canonical())
			if want != "" {
				assert.Equal(t, want, acl.ParseHost(want).Canonical())
				assert.Equal(t, h.Network(), acl.ParseHost(want).Network())
			}
		})
	}
}
