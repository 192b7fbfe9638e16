// Package httpauth determines who sends a request to an HTTP service: by a client certificate, a
// name and a password, or a bearer token. The names become principals by the rules of a Kafka
// broker, so that the same ACLs and roles count for HTTP and for Kafka.
//
//	authenticator, err := httpauth.New(httpauth.Config{Names: names, Certificates: true})
//	http.Handle("/", authenticator.Middleware(service))
//	...
//	who, ok := httpauth.FromContext(r.Context())
//
// # Which identity counts
//
// A request with an Authorization header is from whom the header names, and nobody if the header
// is wrong: it never falls back to the certificate. Without one it is from the owner of the
// verified client certificate. A request with neither is from nobody: there is no anonymous client.
// Kafka does the same with SASL over TLS.
//
// Headers in which other proxies say who the client is are not read, because a client can send
// them too. The handler behind the middleware does not see the Authorization header.
package httpauth
