// Package oauth verifies the JSON Web Tokens that clients send with the SASL mechanism
// OAUTHBEARER, by the rules of Kafka's BrokerJwtValidator.
//
//	verifier, err := oauth.New(oauth.Config{
//		Endpoint:  "https://login.example.com/keys",
//		Issuer:    "https://login.example.com",
//		Audiences: []string{"kafka"},
//		ClockSkew: oauth.DefaultClockSkew,
//	})
//	err = verifier.Load(ctx)
//	listener.SASL = &proxy.SASL{Mechanisms: []string{proxy.OAuthBearer}, OAuth: verifier}
//
// # What is accepted
//
// A token in compact form, signed with an asymmetric algorithm (RS, PS and ES with SHA-256,
// SHA-384 and SHA-512, and EdDSA with Ed25519) by a key of the key set, of the expected issuer,
// for an expected audience, that has begun and has not ended. Tokens without a signature, and
// tokens signed with a shared secret, are refused whatever the key set says.
//
// # Limits
//
// A token has at most [MaxTokenBytes] bytes, its header 8 KiB and a key set 1 MiB. One
// signature is checked for each token, and only if the key set has the key that the header
// names. Clients cannot make the package ask the endpoint more often than Config says, and for
// unknown keys not more often than once a second, and for one of them every ten seconds.
package oauth
