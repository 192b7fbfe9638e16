package fuzz_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// networksRelease is the first release that has networks as hosts, and the class that reads
// them (KIP-1276).
const networksRelease = "4.4.0"

// What TestKafkaHosts compares.
const (
	hostRounds     = 60
	hostsInRound   = 1_000
	hostClients    = 12
	leastHosts     = hostRounds * hostsInRound * 9 / 10
	leastValid     = 10_000  // networks that Kafka takes
	leastHostsHeld = 50_000  // pairs in which the host holds the client
	leastHostPairs = 500_000 // pairs in all
)

// TestKafkaHosts compares acl.ParseHost with the class by which Kafka 4.4 reads networks: on
// texts of its grammar, and on such with a few changes.
func TestKafkaHosts(t *testing.T) {
	c := &hostComparison{t: t, jvm: startJudgeSince(t, networksRelease, "HostJudge")}
	inRounds(hostRounds, c.round)
	t.Logf("%d hosts, %d of them networks, %d pairs, %d held; %d hosts left to the interfaces of the machine; %d differences",
		c.hosts, c.valid, c.pairs, c.held, c.links, c.different)
	assert.Zero(t, c.different)
	for _, d := range c.differences {
		t.Error(d)
	}
	assert.GreaterOrEqual(t, c.hosts, leastHosts)
	assert.GreaterOrEqual(t, c.valid, leastValid)
	assert.GreaterOrEqual(t, c.pairs, leastHostPairs)
	assert.GreaterOrEqual(t, c.held, leastHostsHeld)
}

type hostComparison struct {
	t   *testing.T
	jvm *kafkatest.JVM

	mu                                          sync.Mutex
	hosts, valid, pairs, held, links, different int
	differences                                 []string
}

func (c *hostComparison) round(n uint64) {
	src := gen.Seeded(kafkaSeed + n)
	var hosts []string
	var clients [][]netip.Addr
	var words []string
	for range hostsInRound {
		host := newHost(src)
		near := clientsOf(src, acl.ParseHost(host))
		hosts, clients = append(hosts, host), append(clients, near)
		words = append(words, host, fmt.Sprint(len(near)))
		for _, addr := range near {
			words = append(words, acl.HostAddress(addr))
		}
	}
	answers := callJudge(c.t, c.jvm, "HostJudge", "\n", hostsInRound, words)
	if answers == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, host := range hosts {
		c.compare(host, clients[i], answers[i])
	}
}

func (c *hostComparison) compare(host string, clients []netip.Addr, kafka string) {
	h := acl.ParseHost(host)
	if h.IsLinkNetwork() { // which Kafka takes where the interface is
		c.links++
		return
	}
	c.hosts++
	differ := func(format string, args ...any) {
		if c.different++; len(c.differences) < 20 {
			c.differences = append(c.differences, fmt.Sprintf("%q: ", host)+fmt.Sprintf(format, args...))
		}
	}
	valid := kafka[0] == '+'
	if got := !h.FailsClosed(); got != valid {
		differ("valid: %t, Kafka %t", got, valid)
	}
	if valid && h.Network().IsValid() {
		c.valid++
	}
	for i, addr := range clients {
		c.pairs++
		got, want := h.Contains(addr), kafka[i+1] == '1'
		if h.Addr().IsValid() && !h.IsJavaText() {
			got = false // the documented rules compare addresses, Kafka compares text
		}
		if got {
			c.held++
		}
		if got != want {
			differ("holds %s: %t, Kafka %t", addr, got, want)
		}
	}
}

// newHost returns a host: mostly a text of the grammar of networks with some changes.
func newHost(src gen.Source) string {
	var text string
	switch src.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		text = hostIPv4(src) + "/" + hostMask(src, 32)
	case 6:
		text = gen.Pick(src, []string{hostIPv4(src), hostIPv6(src, 8), "*", ""})
	default:
		text = hostIPv6(src, 8)
		if src.IntN(6) == 0 {
			text += "%" + gen.Pick(src, []string{"0", "1", "01", "2147483647", "2147483648", "4294967296", "-1", "+1", "1a", "", "%1", "١", "1]", " 1", "1 ", "99999999999999999999"})
		}
		if src.IntN(5) == 0 {
			text = "[" + text + "]"
		}
		text += "/" + hostMask(src, 128)
	}
	for range max(0, src.IntN(6)-3) {
		text = changed(src, text)
	}
	if src.IntN(400) == 0 {
		text = strings.Repeat(gen.Pick(src, []string{"0", ":", "1.", "[", "a", "%", "/"}), 5_000) + text
	}
	return text
}

func hostIPv4(src gen.Source) string {
	groups := make([]string, 4)
	for i := range groups {
		groups[i] = zeros(src, 6) + gen.Pick(src, []string{"0", "0", "1", "10", "127", "128", "192", "254", "255", "256"})
	}
	return strings.Join(groups, ".")
}

// hostIPv6 returns an address of about so many groups, perhaps with an IPv4 address at the
// end, and with :: in the place of some.
func hostIPv6(src gen.Source, groups int) string {
	var list []string
	for range groups {
		list = append(list, zeros(src, 9)+gen.Pick(src, []string{"0", "0", "0", "0", "1", "ffff", "FFFF", "fe80", "2001", "db8", "aBc", "8000", "7", "10"}))
		if src.IntN(100) == 0 {
			list[len(list)-1] = gen.Pick(src, []string{"10000", "g", "", "0x1", "-1", "fffff"})
		}
	}
	if src.IntN(4) == 0 {
		list = append(list[:groups-2], hostIPv4(src))
	}
	if src.IntN(4) == 0 {
		for i := range len(list) - 2 {
			list[i] = "0"
		}
		list[len(list)-2] = gen.Pick(src, []string{"0", "ffff", "FFFF", "0ffff", "fffe"})
	}
	if src.IntN(4) > 0 {
		from := src.IntN(len(list))
		to := from + src.IntN(len(list)-from+1)
		return strings.Join(list[:from], ":") + "::" + strings.Join(list[to:], ":")
	}
	return strings.Join(list, ":")
}

func hostMask(src gen.Source, most int) string {
	n := gen.Pick(src, []int{0, 1, 7, 8, 9, 16, 24, 31, 32, 33, 64, 96, 104, 127, 128, 129})
	if n > most && src.IntN(6) > 0 {
		n = src.IntN(most + 1)
	}
	text := fmt.Sprint(n)
	switch src.IntN(12) {
	case 0:
		text = zeros(src, 1) + text
	case 1:
		text = gen.Pick(src, []string{"+", "-", "++", "+-", " ", "+0", "-0", "0x"}) + text
	case 2:
		text = inDigits(text, gen.Pick(src, otherZeros))
	case 3:
		text += gen.Pick(src, []string{":9092", "/8", "/", ".0", " ", "\n", "\x00", "L", "%1", "]", "e0"})
	case 4:
		text = gen.Pick(src, []string{"", "255.255.0.0", "ffff::", "2147483648", "4294967304", "18446744073709551624"})
	}
	return text
}

// zeros returns zeros to lead a number, once in so many times.
func zeros(src gen.Source, once int) string {
	if src.IntN(once) > 0 {
		return ""
	}
	return strings.Repeat("0", src.IntN(5))
}

// otherZeros are the zeros of other scripts; of some Java before or after a release may not
// know. The last three are above U+FFFF, and the one before them is a form of ASCII.
var otherZeros = []rune{0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0BE6, 0x0E50, 0x0F20, 0x1040, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1B50, 0xA620, 0xA8D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x1D7CE, 0x1FBF0}

// inDigits returns a number in the digits of another script.
func inDigits(text string, zero rune) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return zero + r - '0'
		}
		return r
	}, text)
}

// changed returns text with one change.
func changed(src gen.Source, text string) string {
	runes := []rune(text)
	if len(runes) == 0 {
		return gen.Pick(src, []string{"/", ":", "0", " "})
	}
	i := src.IntN(len(runes))
	j := i + 1 + src.IntN(min(4, len(runes)-i))
	before, middle, after := string(runes[:i]), string(runes[i:j]), string(runes[j:])
	switch src.IntN(8) {
	case 0:
		return before + after
	case 1:
		return before + middle + middle + after
	case 2:
		return before + gen.Pick(src, []string{" ", "\t", "\n", "\x00", "/", "//", "\\", "\u2215", "\uff0f", ":", "::", "\uff1a", ".", "\u3002", "%", "[", "]", "0", "00", "-", "+", "x", "\u200b", "\ufeff", "*", "@", "#", "?"}) + middle + after
	case 3:
		return before + inDigits(middle, gen.Pick(src, otherZeros)) + after
	case 4:
		return before + strings.ToUpper(middle) + after
	case 5:
		return after + middle + before
	case 6:
		return before + gen.Pick(src, []string{"::ffff:", "::", "0:0:0:0:0:ffff:", "64:ff9b::", "[", "]", "http://", ":9092", "1.2.3.4"}) + middle + after
	default:
		return before + gen.Pick(src, []string{"0", "1", "9", "f", ":", ".", "/"}) + after
	}
}

// clientsOf returns clients at the ends of a host and beside them, and others.
func clientsOf(src gen.Source, h acl.Host) []netip.Addr {
	clients := []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified(), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1%2")}
	if n := h.Network(); n.IsValid() {
		first := n.Addr()
		last := lastAddress(n)
		clients = append(clients, first, last, first.Prev(), last.Next(), last.Prev())
		if first.Is6() {
			clients = append(clients, first.WithZone("3"))
		}
	}
	for len(clients) < hostClients {
		addr, err := netip.ParseAddr(gen.Pick(src, []string{"127.0.0.1", "255.255.255.255", "192.0.0.1", "::1", "2001:db8::1", "ffff::ffff", "::a00:1", "8.0.0.0", "64:ff9b::102:304"}))
		if err != nil {
			panic(err) // all of them are addresses
		}
		clients = append(clients, addr)
	}
	valid := clients[:0]
	for _, c := range clients {
		if c.IsValid() && !c.Is4In6() {
			valid = append(valid, c)
		}
	}
	return valid
}

// lastAddress returns the last address of a network.
func lastAddress(n netip.Prefix) netip.Addr {
	bytes := n.Addr().AsSlice()
	for i := n.Bits(); i < 8*len(bytes); i++ {
		bytes[i/8] |= 0x80 >> (i % 8)
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}
