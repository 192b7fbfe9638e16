// Package krb5 determines the principals of clients that github.com/jcmturner/gokrb5/v8
// has authenticated. [LoadConfig] reads the parts of krb5.conf that gokrb5 skips:
// auth_to_local and auth_to_local_names of the default realm. [Mapper] maps a verified
// ticket to the principal of Kafka's ACLs.
//
// It is a separate module, so that only programs that need Kerberos depend on gokrb5.
//
// For each connection a service does:
//
//	ok, creds, err := service.VerifyAPREQ(req, settings)
//	if err != nil || !ok { … refuse … }
//	who, groups, err := mapper.Map(req, creds)
//
// KDCs of MIT krb5 1.20 and later put a PAC without logon information into their
// tickets, which gokrb5 v8.4.4 refuses. With such a KDC pass service.DecodePAC(false)
// to service.NewSettings. With Active Directory do not.
package krb5
