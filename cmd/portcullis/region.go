package main

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/ops"
)

// namesObject is the JSON form of a range of resource names: one name, or all names with
// a prefix. The prefix "" is all names.
type namesObject struct {
	Name   *string       `json:"name,omitempty"`
	Prefix *string       `json:"prefix,omitempty"`
	Except []namesObject `json:"except,omitempty"`
}

func newNamesObjects(set []inspect.NameRange) []namesObject {
	var objects []namesObject
	for _, n := range set {
		o := namesObject{Except: newNamesObjects(n.Except)}
		if n.Prefix {
			o.Prefix = &n.Name
		} else {
			o.Name = &n.Name
		}
		objects = append(objects, o)
	}
	return objects
}

// hostsObject is the JSON form of a range of addresses: "*" for all, a network, or an
// address with any zone. With "exact" it is an address with exactly this zone or none.
type hostsObject struct {
	Host   string        `json:"host"`
	Exact  bool          `json:"exact,omitempty"`
	Except []hostsObject `json:"except,omitempty"`
}

func newHostsObjects(set []inspect.HostRange) []hostsObject {
	var objects []hostsObject
	for _, h := range set {
		o := hostsObject{Host: acl.WildcardHost, Except: newHostsObjects(h.Except)}
		switch {
		case h.Addr.IsValid():
			o.Host, o.Exact = acl.HostAddress(h.Addr), true
		case h.Network != netip.Prefix{} && h.Network.IsSingleIP():
			o.Host = h.Network.Addr().String()
		case h.Network != netip.Prefix{}:
			o.Host = h.Network.String()
		}
		objects = append(objects, o)
	}
	return objects
}

// accessObject is the JSON form of a region of access: every operation on every name
// from every host.
type accessObject struct {
	Operations   []string      `json:"operations,omitempty"`
	ResourceType string        `json:"resourceType"`
	Names        []namesObject `json:"names"`
	Hosts        []hostsObject `json:"hosts,omitempty"`
}

func newAccessObject(a inspect.Access) accessObject {
	o := accessObject{ResourceType: a.Type.String(), Names: newNamesObjects(a.Names), Hosts: newHostsObjects(a.Hosts)}
	for op := range a.Operations.All() {
		o.Operations = append(o.Operations, op.String())
	}
	return o
}

// accessText returns a region as text, such as `Read, Describe on Topic prefix "pay"
// from *`.
func accessText(a inspect.Access) string {
	return strings.Join(displayNames(a.Operations), ", ") + " on " + a.Type.DisplayName() + " " + a.Names.String() + " from " + printableHosts(a.Hosts)
}

// printableHosts returns hosts as text. It quotes the text if it has a character that
// could act on a terminal, which a zone may have.
func printableHosts(s inspect.HostSet) string {
	text := s.String()
	if quoted := strconv.Quote(text); quoted[1:len(quoted)-1] != text {
		return quoted
	}
	return text
}

func displayNames(operations ops.Set) []string {
	var names []string
	for op := range operations.All() {
		names = append(names, op.DisplayName())
	}
	return names
}

// principalsText returns principals as text: those of a list, or everyone with
// exceptions.
func principalsText(principals, except []string) string {
	if len(principals) > 0 {
		return joinPrintable(principals)
	}
	if len(except) > 0 {
		return "everyone except " + joinPrintable(except)
	}
	return "everyone"
}

func joinPrintable(texts []string) string {
	shown := make([]string, len(texts))
	for i, text := range texts {
		shown[i] = printable(text)
	}
	return strings.Join(shown, ", ")
}
