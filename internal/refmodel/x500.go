package refmodel

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
)

// keywords are the attribute types that RFC 2253 names.
var keywords = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

// textTags are the first bytes of the string types that Java decodes.
var textTags = []byte{0x0C, 0x13, 0x14, 0x16, 0x1B, 0x1E}

// DistinguishedName returns the text of Java's X500Principal.getName for the
// DER-encoded name at the beginning of der, computed with Go's own decoders. ok is
// false if there is no valid name.
//
// Source: RFC 2253; JDK 17, AVA.toRFC2253String.
func DistinguishedName(der []byte) (text string, ok bool) {
	type attribute struct {
		Raw         asn1.RawContent
		Type, Value asn1.RawValue
	}
	type rdnSET []attribute
	var rdns []rdnSET
	if _, err := asn1.Unmarshal(der, &rdns); err != nil {
		return "", false
	}
	var names []string
	for _, rdn := range rdns {
		var attributes []string
		for _, a := range rdn {
			name, ok := attributeText(a.Raw, a.Type, a.Value)
			if !ok {
				return "", false
			}
			attributes = append(attributes, name)
		}
		names = append(names, strings.Join(attributes, "+"))
	}
	slices.Reverse(names)
	return strings.Join(names, ","), true
}

func attributeText(whole []byte, typ, value asn1.RawValue) (string, bool) {
	var all asn1.RawValue
	if _, err := asn1.Unmarshal(whole, &all); err != nil || len(all.Bytes) != len(typ.FullBytes)+len(value.FullBytes) {
		return "", false // encoding/asn1 allows further bytes
	}
	const moreTagBytes = 0x1F
	if typ.FullBytes[0] != asn1.TagOID || value.FullBytes[0]&moreTagBytes == moreTagBytes {
		return "", false
	}
	var oid x509.OID
	if oid.UnmarshalBinary(typ.Bytes) != nil {
		return "", false
	}
	keyword, known := keywords[oid.String()]
	switch {
	case !known:
		return oid.String() + "=#" + hex.EncodeToString(value.FullBytes), true
	case !slices.Contains(textTags, value.FullBytes[0]):
		return keyword + "=#" + hex.EncodeToString(value.FullBytes), true
	default:
		return keyword + "=" + escape(javaString(value.Bytes)), true
	}
}

// escape adds backslashes as Java does: before special characters, before white space
// at both ends, and for NUL.
func escape(value string) string {
	const padding = " \r"
	middle := strings.Trim(value, padding)
	lead, trail, _ := strings.Cut(value, middle)
	if middle == "" {
		lead, trail = value, ""
	}
	text := ""
	for _, c := range lead + trail {
		text += `\` + string(c)
	}
	before, after := text[:2*len(lead)], text[2*len(lead):]
	for _, special := range []string{`\`, ",", "+", `"`, "<", ">", ";", "=", "#"} { // the backslash first
		middle = strings.ReplaceAll(middle, special, `\`+special)
	}
	return before + strings.ReplaceAll(middle, "\x00", `\00`) + after
}
