// Package krb5 names the peers that github.com/jcmturner/gokrb5/v8 has
// authenticated: it reads from krb5.conf what gokrb5 skips, the default realm's
// auth_to_local and auth_to_local_names ([LoadConfig]), and maps a verified ticket
// to the principal of Kafka's ACLs ([Mapper]).
//
// It is a package of its own, so that only those link gokrb5 who need Kerberos.
//
// A service does, for each connection:
//
//	ok, creds, err := service.VerifyAPREQ(req, settings)
//	if err != nil || !ok { … refuse … }
//	who, groups, err := mapper.Map(req, creds)
//
// The KDCs of MIT krb5 1.20 and later put a PAC into their tickets that has no
// logon information, which gokrb5 v8.4.4 refuses. With such a KDC pass
// service.DecodePAC(false) to service.NewSettings; with Active Directory do not.
package krb5
