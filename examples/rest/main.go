// Command rest is an HTTP service in front of Kafka: POST /topics/NAME writes the body as a record,
// if the ACLs allow it to the principal of the client's certificate, named by the rules of a broker.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/aclfile/watch"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

type service struct {
	names   *principal.Builder
	store   *snapshot.Store
	auditor *audit.Auditor
	kafka   *kgo.Client // logs in as the service, which may write to every topic
}

func (s *service) produce(w http.ResponseWriter, r *http.Request) {
	who, err := s.names.TLS(r.TLS) // with an error if no rule maps the certificate
	if err != nil {
		http.Error(w, "unknown client", http.StatusForbidden)
		return
	}
	subject := snapshot.Subject{Principal: who, Host: netip.MustParseAddrPort(r.RemoteAddr).Addr().Unmap()}
	// First of all: a client without the right must not learn whether there is such a topic.
	if !s.auditor.Session(s.store, subject).Check(audit.Call{API: ops.ProduceKey}, ops.Write, resource.Topic, r.PathValue("topic")).Allowed() {
		http.Error(w, ops.TopicAuthorizationFailed.String(), http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20)) // as the brokers' message.max.bytes
	if err != nil {
		http.Error(w, "the record is too large", http.StatusRequestEntityTooLarge)
	} else if err := s.kafka.ProduceSync(r.Context(), &kgo.Record{Topic: r.PathValue("topic"), Value: body}).FirstErr(); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

func main() {
	listen, broker := flag.String("listen", "127.0.0.1:0", "address"), flag.String("broker", "127.0.0.1:9092", "address")
	acls, rules := flag.String("acls", "acls.txt", "file"), flag.String("rules", "DEFAULT", "as ssl.principal.mapping.rules")
	cert, key, ca := flag.String("cert", "", "PEM file"), flag.String("key", "", "PEM file"), flag.String("client-ca", "", "PEM file")
	flag.Parse()
	names := must(principal.NewBuilder(principal.BuilderConfig{SSLRules: must(principal.ParseSSLRules(*rules, 0))}))
	s := &service{names, snapshot.NewStore(snapshot.Config{}), &audit.Auditor{Handler: audit.NewLogHandler(slog.Default())}, must(kgo.NewClient(kgo.SeedBrokers(*broker)))}
	must(0, aclfile.Apply(s.store, *acls, aclfile.ChecksumOptional)) // without ACLs, do not start; later, keep the old ones
	go watch.Run(context.Background(), s.store, *acls, watch.Options{Checksums: aclfile.ChecksumOptional, Report: func(err error) { slog.Info("ACLs", "error", err) }})
	clients := x509.NewCertPool() // not the system's
	clients.AppendCertsFromPEM(must(os.ReadFile(*ca)))
	http.HandleFunc("POST /topics/{topic}", s.produce)
	server := &http.Server{ReadTimeout: time.Minute, TLSConfig: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}}
	listener := must(net.Listen("tcp", *listen))
	slog.Info("serving", "address", listener.Addr())
	must(0, server.ServeTLS(listener, *cert, *key))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
