// Package hostport reads and writes addresses of the form host:port.
package hostport

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// Split reads host:port. The error shows the address, escaped and cut.
func Split(address string) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("address %s: expected host:port", lines.Name(address))
	}
	if port, err = strconv.Atoi(digits); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("address %s: expected a port from 0 to 65535", lines.Name(address))
	}
	return host, port, nil
}

// Join is the inverse of Split.
func Join(host string, port int32) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// IsLoopback reports whether what is sent to an address (host:port) stays on the machine.
func IsLoopback(address string) bool {
	host, _, _ := Split(address) // of what cannot be read the host is "", which is no loopback
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
