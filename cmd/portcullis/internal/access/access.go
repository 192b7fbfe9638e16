// Package access has the JSON and the text of access: names, hosts and principals.
package access

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/inspect"
)

// Names is the JSON form of a range of resource names: one name, or all names with a
// prefix. The prefix "" is all names.
type Names struct {
	Name   *string `json:"name,omitempty"`
	Prefix *string `json:"prefix,omitempty"`
	Except []Names `json:"except,omitempty"`
}

func newNames(set []inspect.NameRange) []Names {
	var all []Names
	for _, n := range set {
		o := Names{Except: newNames(n.Except)}
		if n.Prefix {
			o.Prefix = &n.Name
		} else {
			o.Name = &n.Name
		}
		all = append(all, o)
	}
	return all
}

// Hosts is the JSON form of a range of addresses: "*" for all, a network, or an address
// with any zone. With "exact" it is an address with exactly this zone or none.
type Hosts struct {
	Host   string  `json:"host"`
	Exact  bool    `json:"exact,omitempty"`
	Except []Hosts `json:"except,omitempty"`
}

// NewHosts returns the JSON form of hosts.
func NewHosts(set []inspect.HostRange) []Hosts {
	var all []Hosts
	for _, h := range set {
		o := Hosts{Host: acl.WildcardHost, Except: NewHosts(h.Except)}
		switch {
		case h.Addr.IsValid():
			o.Host, o.Exact = acl.HostAddress(h.Addr), true
		case h.Network != netip.Prefix{} && h.Network.IsSingleIP():
			o.Host = h.Network.Addr().String()
		case h.Network != netip.Prefix{}:
			o.Host = h.Network.String()
		}
		all = append(all, o)
	}
	return all
}

// Access is the JSON form of a region of access: every operation on every name from
// every host.
type Access struct {
	Operations   []string `json:"operations,omitempty"`
	ResourceType string   `json:"resourceType"`
	Names        []Names  `json:"names"`
	Hosts        []Hosts  `json:"hosts,omitempty"`
}

// New returns the JSON form of a region.
func New(a inspect.Access) Access {
	o := Access{ResourceType: a.Type.String(), Names: newNames(a.Names), Hosts: NewHosts(a.Hosts)}
	for op := range a.Operations.All() {
		o.Operations = append(o.Operations, op.String())
	}
	return o
}

// Text returns a region as text, such as `Read, Describe on Topic prefix "pay" from *`.
func Text(a inspect.Access) string {
	return strings.Join(cli.DisplayNames(a.Operations.All()), ", ") + " on " + a.Type.DisplayName() + " " + a.Names.String() + " from " + HostsText(a.Hosts)
}

// HostsText returns hosts as text. It quotes the text if it has a character that could
// act on a terminal, which a zone may have.
func HostsText(s inspect.HostSet) string {
	text := s.String()
	if quoted := strconv.Quote(text); quoted[1:len(quoted)-1] != text {
		return quoted
	}
	return text
}

// PrincipalsText returns principals as text: those of a list, or everyone with
// exceptions.
func PrincipalsText(principals, except []string) string {
	if len(principals) > 0 {
		return cli.JoinPrintable(principals)
	}
	if len(except) > 0 {
		return "everyone except " + cli.JoinPrintable(except)
	}
	return "everyone"
}
