package krb5

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/messages"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/principal"
)

// maxGroups is the maximum number of group SIDs per ticket that are looked up. Windows
// puts at most 1,024 into a ticket; the KDC of a trusted realm might put in more.
const maxGroups = 4096

// Errors of [Mapper.Map], for [errors.Is].
var (
	// ErrNotVerified is the error for credentials that were not verified successfully,
	// or have expired since.
	ErrNotVerified = errors.New("krb5: the credentials are not from a verified ticket")
	// ErrForgedName is the error for a client that claims another name or realm than
	// the KDC put into its ticket.
	ErrForgedName = errors.New("krb5: the client claims another name than its ticket holds")
)

// Mapper maps verified tickets to principals. Its fields must not change while it is in
// use. It is safe for concurrent use if Groups is. The zero Mapper refuses every
// ticket.
type Mapper struct {
	// Rules maps Kerberos names to short names.
	Rules *principal.KerberosRules
	// Groups returns the principal of a group by its SID, such as "S-1-5-21-1-2-3-513".
	// Return false for a group that no ACL can name. An error refuses the client,
	// because an ACL that denies the group would be missed. Groups may be nil.
	Groups func(sid string) (group principal.Principal, ok bool, err error)
}

// Map returns the principal of the client that sent req, and its groups, without
// duplicates, in the order of the ticket. creds must be what service.VerifyAPREQ
// returned for req, with true and without an error, or made in the same way: with the name and
// realm of the authenticator, which has been verified, the end of the ticket, and the groups of
// its PAC.
//
// The name is the one that the KDC sealed in the ticket. gokrb5 v8.4.4 takes the realm
// in creds from the authenticator, which the client writes, and does not compare it
// with that of the ticket. A client of a trusted realm could impersonate the user of
// the same name in this realm. So a difference is an [ErrForgedName]. Map does not use
// creds.UserName either: a PAC sets it to the account's name.
//
// Neither gokrb5 nor Map checks the realms that a ticket passed through. Map relies on
// the KDC of the service's realm to refuse wrong paths, as MIT krb5's does unless
// reject_bad_transit is off.
//
// The groups are those in the ticket's PAC, which Active Directory fills in, mapped by
// Groups. There are none if Groups is nil or the PAC was not decoded. On error both
// results are zero.
func (m *Mapper) Map(
	req *messages.APReq, creds *credentials.Credentials,
) (who principal.Principal, groups []principal.Principal, err error) {
	if req == nil || creds == nil || !creds.Authenticated() || creds.Expired() {
		return principal.Principal{}, nil, ErrNotVerified
	}
	if m.Rules == nil {
		return principal.Principal{}, nil, errors.New("krb5: the mapper has no rules")
	}
	sealed := &req.Ticket.DecryptedEncPart // verification has decrypted it
	if len(sealed.CName.NameString) == 0 || sealed.CRealm == "" {
		return principal.Principal{}, nil, ErrNotVerified
	}
	if !sealed.CName.Equal(creds.CName()) || sealed.CRealm != creds.Realm() {
		return principal.Principal{}, nil, fmt.Errorf("%w: %s@%s, not %s@%s", ErrForgedName,
			enum.Quote(creds.CName().PrincipalNameString()), enum.Quote(creds.Realm()),
			enum.Quote(sealed.CName.PrincipalNameString()), enum.Quote(sealed.CRealm))
	}
	short, err := m.Rules.ShortNameOf(sealed.CName.NameString, sealed.CRealm)
	if err != nil {
		return principal.Principal{}, nil, err
	}
	if groups, err = m.groups(creds); err != nil {
		return principal.Principal{}, nil, err
	}
	return principal.User(short), groups, nil
}

// groups looks up the SIDs in the PAC.
func (m *Mapper) groups(creds *credentials.Credentials) ([]principal.Principal, error) {
	if m.Groups == nil {
		return nil, nil
	}
	sids := creds.GetADCredentials().GroupMembershipSIDs
	if len(sids) > maxGroups {
		return nil, fmt.Errorf("krb5: the ticket has %d groups: expected no more than %d", len(sids), maxGroups)
	}
	var groups []principal.Principal
	for _, sid := range sids {
		group, ok, err := m.Groups(sid)
		switch {
		case err != nil:
			return nil, fmt.Errorf("krb5: looking up the group %s: %w", enum.Quote(sid), err)
		case !ok || slices.ContainsFunc(groups, group.Equal):
		case group.IsZero():
			return nil, fmt.Errorf("krb5: the principal of the group %s is empty", enum.Quote(sid))
		default:
			groups = append(groups, group)
		}
	}
	return groups, nil
}
