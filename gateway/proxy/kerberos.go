package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// Kerberos configures GSSAPI. The listener's Principals does not apply to GSSAPI:
// Mapper determines the client's principal and groups.
type Kerberos struct {
	// Principal is the service that clients request tickets for, with its realm:
	// "kafka/host@REALM". It is required, even if the Keytab has only one principal.
	// Tickets for another service are refused: who runs the other service gets such
	// tickets from its clients, and could log in as them.
	Principal string
	// Keytab holds the keys of Principal. Keys of other principals are not used.
	Keytab *keytab.Keytab
	// Mapper maps the clients in tickets to principals.
	Mapper *krb5.Mapper
	// DecodePAC reads the groups that Active Directory puts into tickets. Tickets from
	// KDCs of MIT krb5 have a PAC that gokrb5 v8.4.4 rejects.
	DecodePAC bool
}

// servicePrincipal is the form of a service. Kafka refuses other forms too.
//
// Source: Kafka's KerberosName.
var servicePrincipal = regexp.MustCompile(`^[^/@]+(/[^/@]+)?@[^/@]+$`)

// maxListedPrincipals is how many principals of a keytab an error lists. Keytabs of
// services have a few.
const maxListedPrincipals = 8

// KeytabPrincipals returns the principals that keys has keys of, such as
// "kafka/host@REALM", sorted and without duplicates.
func KeytabPrincipals(keys *keytab.Keytab) []string {
	found := map[string]struct{}{}
	for _, entry := range keys.Entries {
		found[entry.Principal.String()] = struct{}{}
	}
	return slices.Sorted(maps.Keys(found))
}

// Validate returns an error if the keytab or the mapper is missing, or if the keytab has no
// key of the Principal. The error lists the first principals of the keytab.
func (k *Kerberos) Validate() error {
	if k == nil || k.Keytab == nil || k.Mapper == nil {
		return errors.New("expected Kerberos with a keytab and a mapper")
	}
	known := KeytabPrincipals(k.Keytab)
	if servicePrincipal.MatchString(k.Principal) && slices.Contains(known, k.Principal) {
		return nil
	}
	var shown []string
	for _, name := range known[:min(len(known), maxListedPrincipals)] {
		shown = append(shown, lines.Name(name))
	}
	if more := len(known) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("the Kerberos principal of the service is %s: expected service/host@REALM, of the keytab, which has keys of %s",
		lines.Name(k.Principal), cmp.Or(strings.Join(shown, ", "), "nobody"))
}

func (k *Kerberos) mechanism() (mechanism, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	settings := service.NewSettings(k.Keytab, service.KeytabPrincipal(k.Principal), service.DecodePAC(k.DecodePAC))
	return func() login { return &kerberosLogin{kerberos: k, settings: settings} }, nil
}

// kerberosLogin implements RFC 4752. The client sends a ticket. On request, the server
// proves that it could decrypt the ticket. Then both agree on no security layer.
type kerberosLogin struct {
	kerberos *Kerberos
	settings *service.Settings
	next     func(message []byte) (answer []byte, done bool, err error) // nil before the first message
	who      identity
	name     string // "primary/instance@REALM"
	key      types.EncryptionKey
	sequence uint64 // of the server's next message
}

func (l *kerberosLogin) peer(*principal.Builder) (identity, error) { return l.who, nil }

func (l *kerberosLogin) step(_ context.Context, message []byte) (answer []byte, done bool, err error) {
	// gokrb5 and its decoder panic on some malformed tickets, which any client can
	// send.
	defer func() {
		if fault := recover(); fault != nil {
			answer, done, err = nil, false, fmt.Errorf("malformed Kerberos token: %v", fault)
		}
	}()
	if l.next == nil {
		l.next = l.ticket
	}
	return l.next(message)
}

// ticket verifies a client's ticket.
func (l *kerberosLogin) ticket(message []byte) ([]byte, bool, error) {
	var token spnego.KRB5Token
	if err := token.Unmarshal(message); err != nil {
		return nil, false, err
	}
	if !token.IsAPReq() {
		return nil, false, errors.New("expected a Kerberos ticket (AP-REQ)")
	}
	request := &token.APReq
	// gokrb5 does not compare the service. Without KeytabPrincipal it would take the key
	// of the service that the ticket names.
	if of := request.Ticket.SName.PrincipalNameString() + "@" + request.Ticket.Realm; of != l.kerberos.Principal {
		return nil, false, fmt.Errorf("a ticket for %s: expected one for %s", lines.Name(of), lines.Name(l.kerberos.Principal))
	}
	verified, err := l.verify(request)
	if err != nil {
		return nil, false, err
	}
	if l.who.principal, l.who.groups, err = l.kerberos.Mapper.Map(request, verified); err != nil {
		return nil, false, err
	}
	l.name = request.Ticket.DecryptedEncPart.CName.PrincipalNameString() + "@" + request.Ticket.DecryptedEncPart.CRealm
	l.key = request.Ticket.DecryptedEncPart.Key
	if len(request.Authenticator.SubKey.KeyValue) > 0 {
		l.key = request.Authenticator.SubKey
	}
	l.sequence = uint64(request.Authenticator.SeqNumber)
	if !types.IsFlagSet(&request.APOptions, flags.APOptionMutualRequired) {
		return l.offer(nil)
	}
	l.next = l.offer
	answer, err := l.proof(request)
	return answer, false, err
}

// verify does what gokrb5's service.VerifyAPREQ does, with another replay cache. That of gokrb5
// v8.4.4 grows by 300 bytes with each message, without a bound, accepts a message twice if it comes
// twice at the same time, and forgets it while it is still valid.
func (l *kerberosLogin) verify(request *messages.APReq) (*credentials.Credentials, error) {
	skew := l.settings.MaxClockSkew()
	ok, err := request.Verify(l.kerberos.Keytab, skew, l.settings.ClientAddress(), l.settings.KeytabPrincipal())
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, krb5.ErrNotVerified
	}
	sealed, proof := &request.Ticket.DecryptedEncPart, &request.Authenticator
	client := sealed.CName.PrincipalNameString() + "@" + sealed.CRealm
	until := proof.CTime.Add(time.Duration(proof.Cusec)*time.Microsecond + skew)
	if err := replays.add(client, request.EncryptedAuthenticator.Cipher, until, time.Now()); err != nil {
		return nil, err
	}
	verified := credentials.NewFromPrincipalName(proof.CName, proof.CRealm)
	verified.SetAuthenticated(true)
	verified.SetValidUntil(sealed.EndTime)
	if !l.kerberos.DecodePAC {
		return verified, nil
	}
	has, pac, err := request.Ticket.GetPACType(l.kerberos.Keytab, l.settings.KeytabPrincipal(), l.settings.Logger())
	switch {
	case has && err != nil:
		return nil, err
	case has: // the mapper reads nothing but the groups
		verified.SetADCredentials(credentials.ADCredentials{GroupMembershipSIDs: pac.KerbValidationInfo.GetGroupMembershipSIDs()})
	}
	return verified, nil
}

// proof shows the client that the server has the key of its ticket. gokrb5 v8.4.4
// defines the messages but cannot encode them.
//
// Source: RFC 4120, 5.5.2; RFC 4121, 4.1.
func (l *kerberosLogin) proof(request *messages.APReq) ([]byte, error) {
	part, err := asn1.Marshal(messages.EncAPRepPart{
		CTime: request.Authenticator.CTime, Cusec: request.Authenticator.Cusec,
		SequenceNumber: request.Authenticator.SeqNumber,
	})
	if err != nil {
		return nil, err
	}
	sealed, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(part, asnAppTag.EncAPRepPart),
		request.Ticket.DecryptedEncPart.Key, keyusage.AP_REP_ENCPART, 0)
	if err != nil {
		return nil, err
	}
	reply, err := asn1.Marshal(messages.APRep{PVNO: iana.PVNO, MsgType: msgtype.KRB_AP_REP, EncPart: sealed})
	if err != nil {
		return nil, err
	}
	oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	if err != nil {
		return nil, err
	}
	token := append(oid, 2, 0) // TOK_ID of KRB_AP_REP
	token = append(token, asn1tools.AddASNAppTag(reply, asnAppTag.APREP)...)
	return asn1tools.AddASNAppTag(token, 0), nil
}

// Security layers of RFC 4752, 3.3. Kafka supports only the first (none); TLS provides
// encryption.
const noSecurityLayer = 1

// fromAcceptor is the flag in wrapped messages of the server. Source: RFC 4121, 4.2.2.
const fromAcceptor, sealed = 1, 2

// offer sends the supported security layers. The client's message before it is empty.
func (l *kerberosLogin) offer([]byte) ([]byte, bool, error) {
	etype, err := crypto.GetEtype(l.key.KeyType)
	if err != nil {
		return nil, false, err
	}
	wrapped := gssapi.WrapToken{
		Flags: fromAcceptor, EC: uint16(etype.GetHMACBitLength() / 8), SndSeqNum: l.sequence,
		Payload: []byte{noSecurityLayer, 0, 0, 0},
	}
	if err := wrapped.SetCheckSum(l.key, keyusage.GSSAPI_ACCEPTOR_SEAL); err != nil {
		return nil, false, err
	}
	l.next = l.choice
	answer, err := wrapped.Marshal()
	return answer, false, err
}

// choice reads the security layer that the client selects, and its authorization id.
func (l *kerberosLogin) choice(message []byte) ([]byte, bool, error) {
	var wrapped gssapi.WrapToken
	if err := wrapped.Unmarshal(message, false); err != nil {
		return nil, false, err
	}
	if wrapped.RRC != 0 || wrapped.Flags&sealed != 0 {
		return nil, false, errors.New("expected a signed message without encryption or rotation")
	}
	if ok, err := wrapped.Verify(l.key, keyusage.GSSAPI_INITIATOR_SEAL); err != nil || !ok {
		// Do not return err: it contains the correct checksum, which must not reach a
		// log.
		return nil, false, errCredentials
	}
	if len(wrapped.Payload) < 4 || wrapped.Payload[0] != noSecurityLayer {
		return nil, false, errors.New("the client requests a security layer, which Kafka does not support")
	}
	if id := string(wrapped.Payload[4:]); id != "" && id != l.name {
		return nil, false, errCredentials
	}
	return nil, true, nil
}
