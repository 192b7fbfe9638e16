package krb5_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

const realm = "EXAMPLE.COM"

// peer is a client as a service sees it.
type peer struct {
	cname types.PrincipalName // sealed in the ticket
	realm string              // sealed in the ticket
	claim string              // the realm that the client writes into the authenticator
}

func user(components ...string) types.PrincipalName {
	return types.PrincipalName{NameType: nametype.KRB_NT_PRINCIPAL, NameString: components}
}

// verify lets gokrb5 verify a request of p, with a ticket made for it.
func (p peer) verify(t *testing.T) (*messages.APReq, *credentials.Credentials) {
	t.Helper()
	keys := keytab.New()
	if err := keys.AddEntry("kafka/broker", realm, "secret", time.Now(), 1, etypeID.AES256_CTS_HMAC_SHA1_96); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	ticket, key, err := messages.NewTicket(p.cname, p.realm, user("kafka", "broker"), realm, types.NewKrbFlags(), keys,
		etypeID.AES256_CTS_HMAC_SHA1_96, 1, now, now, now.Add(time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	authenticator, err := types.NewAuthenticator(p.claim, p.cname)
	if err != nil {
		t.Fatal(err)
	}
	req, err := messages.NewAPReq(ticket, key, authenticator)
	if err != nil {
		t.Fatal(err)
	}
	return verifyRequest(t, req, service.NewSettings(keys))
}

// verifyRequest sends req over the wire to a service, which verifies it.
func verifyRequest(t *testing.T, req messages.APReq, settings *service.Settings) (*messages.APReq, *credentials.Credentials) {
	t.Helper()
	wire, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	received := new(messages.APReq)
	if err := received.Unmarshal(wire); err != nil {
		t.Fatal(err)
	}
	ok, creds, err := service.VerifyAPREQ(received, settings)
	if err != nil || !ok {
		t.Fatalf("verification: %v, %v", ok, err)
	}
	return received, creds
}

func kafkaRules(t *testing.T, rules ...string) *principal.KerberosRules {
	t.Helper()
	r, err := principal.ParseKerberosRules(rules, realm, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMap(t *testing.T) {
	tests := []struct {
		peer  peer
		rules []string
		want  string
	}{
		{peer{user("alice"), realm, realm}, []string{"DEFAULT"}, "alice"},
		{peer{user("kafka", "host.example.com"), realm, realm}, []string{"DEFAULT"}, "kafka"},
		{peer{user("Bob"), "OTHER.ORG", "OTHER.ORG"}, []string{"DEFAULT", "RULE:[1:other-$1]/L"}, "other-bob"},
	}
	for _, test := range tests {
		req, creds := test.peer.verify(t)
		who, groups, err := (&krb5.Mapper{Rules: kafkaRules(t, test.rules...)}).Map(req, creds)
		if err != nil || who != principal.User(test.want) || groups != nil {
			t.Errorf("%v by %v: %v, %v, %v; want User:%s", test.peer, test.rules, who, groups, err, test.want)
		}
	}
}

// malformed returns err, which must say that a name is malformed.
func malformed(t *testing.T, err error) error {
	t.Helper()
	var fault *principal.NameError
	if !errors.As(err, &fault) || fault.Reason.Error() != "malformed name" {
		t.Fatalf("got %v, want a malformed name", err)
	}
	return err
}

func refused(t *testing.T, what string, who principal.Principal, groups []principal.Principal, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || !who.IsZero() || groups != nil {
		t.Errorf("%s: %v, %v, %v; want the error %v", what, who, groups, err, want)
	}
}

// TestMapRefusesForgedRealm: gokrb5 accepts the realm that a client claims. The test
// fails if gokrb5 starts to check it.
func TestMapRefusesForgedRealm(t *testing.T) {
	req, creds := peer{user("admin"), "PARTNER.ORG", realm}.verify(t)
	if creds.Realm() != realm {
		t.Fatalf("gokrb5 reports the realm %s", creds.Realm())
	}
	who, groups, err := (&krb5.Mapper{Rules: kafkaRules(t, "DEFAULT")}).Map(req, creds)
	refused(t, "a claimed realm", who, groups, err, krb5.ErrForgedName)
}

func TestMapRefusesForeignCredentials(t *testing.T) {
	mapper := krb5.Mapper{Rules: kafkaRules(t, "DEFAULT")}
	req, _ := peer{user("alice"), realm, realm}.verify(t)
	_, creds := peer{user("admin"), realm, realm}.verify(t)
	who, groups, err := mapper.Map(req, creds)
	refused(t, "another client's credentials", who, groups, err, krb5.ErrForgedName)

	_, creds = peer{user("alice"), realm, realm}.verify(t)
	creds.SetAuthenticated(false)
	who, groups, err = mapper.Map(req, creds)
	refused(t, "credentials that are not authenticated", who, groups, err, krb5.ErrNotVerified)

	_, creds = peer{user("alice"), realm, realm}.verify(t)
	creds.SetValidUntil(time.Now().Add(-time.Second))
	who, groups, err = mapper.Map(req, creds)
	refused(t, "an expired ticket", who, groups, err, krb5.ErrNotVerified)

	_, creds = peer{user("alice"), realm, realm}.verify(t)
	who, groups, err = mapper.Map(new(messages.APReq), creds)
	refused(t, "a request that was not verified", who, groups, err, krb5.ErrNotVerified)
	who, groups, err = mapper.Map(nil, creds)
	refused(t, "no request", who, groups, err, krb5.ErrNotVerified)
	who, groups, err = mapper.Map(req, nil)
	refused(t, "no credentials", who, groups, err, krb5.ErrNotVerified)

	if who, _, err := new(krb5.Mapper).Map(req, creds); err == nil || !who.IsZero() {
		t.Errorf("the zero Mapper: %v, %v; want an error", who, err)
	}
	who, groups, err = (&krb5.Mapper{Rules: new(principal.KerberosRules)}).Map(req, creds)
	refused(t, "the zero KerberosRules", who, groups, err, malformed(t, err))
}

// A component may contain any character. Its text must not be read as another name.
func TestMapRefusesAmbiguousComponents(t *testing.T) {
	mapper := krb5.Mapper{Rules: kafkaRules(t, "RULE:[1:$1]", "RULE:[2:$1]")}
	for _, cname := range []types.PrincipalName{
		user("admin/x"), user("admin@EXAMPLE.COM"), user("admin", "x/y"), user("a", "b", "c"), user("\xff"),
	} {
		req, creds := peer{cname, realm, realm}.verify(t)
		who, groups, err := mapper.Map(req, creds)
		refused(t, cname.PrincipalNameString(), who, groups, err, malformed(t, err))
	}
	config := krb5.Config{DefaultRealm: realm, AuthToLocal: []string{"RULE:[1:$1]", "RULE:[3:$3.$2.$1]"}}
	rules, err := config.MITRules()
	if err != nil {
		t.Fatal(err)
	}
	for want, cname := range map[string]types.PrincipalName{"admin/x": user("admin/x"), "c.b.a": user("a", "b", "c")} {
		req, creds := peer{cname, realm, realm}.verify(t)
		if who, _, err := (&krb5.Mapper{Rules: rules}).Map(req, creds); who != principal.User(want) || err != nil {
			t.Errorf("%v by MIT's rules: %v, %v; want %s", cname.NameString, who, err, want)
		}
	}
}

// A PAC sets the name in the credentials to the account's; the principal keeps the name
// in the ticket.
func TestMapGroups(t *testing.T) {
	req, creds := peer{user("alice"), realm, realm}.verify(t)
	creds.SetADCredentials(credentials.ADCredentials{
		EffectiveName:       "administrator",
		GroupMembershipSIDs: []string{"S-1-5-21-1-2-3-513", "S-1-5-21-1-2-3-1104", "S-1-18-1", "S-1-5-21-9-9-9-513"},
	})
	names := map[string]principal.Principal{
		"S-1-5-21-1-2-3-513":  {Type: "Group", Name: "users"},
		"S-1-5-21-1-2-3-1104": {Type: "Group", Name: "kafka-admins"},
		"S-1-5-21-9-9-9-513":  {Type: "Group", Name: "users"},
	}
	mapper := krb5.Mapper{Rules: kafkaRules(t, "DEFAULT"), Groups: func(sid string) (principal.Principal, bool, error) {
		group, ok := names[sid]
		return group, ok, nil
	}}
	who, groups, err := mapper.Map(req, creds)
	want := []principal.Principal{{Type: "Group", Name: "users"}, {Type: "Group", Name: "kafka-admins"}}
	if err != nil || who != principal.User("alice") || !reflect.DeepEqual(groups, want) {
		t.Errorf("%v, %v, %v; want User:alice, %v", who, groups, err, want)
	}

	down := errors.New("directory is down")
	mapper.Groups = func(string) (principal.Principal, bool, error) { return principal.Principal{}, false, down }
	who, groups, err = mapper.Map(req, creds)
	refused(t, "a lookup that fails", who, groups, err, down)

	mapper.Groups = func(string) (principal.Principal, bool, error) { return principal.Principal{}, true, nil }
	if who, groups, err := mapper.Map(req, creds); err == nil || !who.IsZero() || groups != nil {
		t.Errorf("a group that is nobody: %v, %v, %v; want an error", who, groups, err)
	}

	mapper.Groups = func(string) (principal.Principal, bool, error) { return principal.Principal{}, false, nil }
	creds.SetADCredentials(credentials.ADCredentials{GroupMembershipSIDs: make([]string, 4096)})
	if who, groups, err := mapper.Map(req, creds); err != nil || who != principal.User("alice") || groups != nil {
		t.Errorf("4096 unknown groups: %v, %v, %v; want User:alice", who, groups, err)
	}
	creds.SetADCredentials(credentials.ADCredentials{GroupMembershipSIDs: make([]string, 4097)})
	if who, groups, err := mapper.Map(req, creds); err == nil || !who.IsZero() || groups != nil {
		t.Errorf("4097 groups: %v, %v, %v; want an error", who, groups, err)
	}
}
