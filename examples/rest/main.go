// Command rest is an HTTP service in front of Kafka: POST /topics/NAME writes the body as a record,
// and GET /topics/NAME/partitions/N?offset=M reads records, a JSON array of values, if the ACLs allow
// it to the principal of the client's certificate, named by the rules of a broker.
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
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/aclfile/watch"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/httpauth"
	"github.com/portcullis-authz/portcullis/snapshot"
)

type service struct {
	brokers []string
	store   *snapshot.Store
	auditor *audit.Auditor
	kafka   *kgo.Client // logs in as the service, which may write to every topic
}

func (s *service) produce(w http.ResponseWriter, r *http.Request) {
	if !s.allowed(w, r, ops.ProduceKey, ops.Write) {
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
	// The same middleware stands in front of the guard of Kafka Connect. It also takes passwords and tokens.
	login := must(httpauth.New(httpauth.Config{Names: names, Certificates: true, Report: func(_ *http.Request, err error) { slog.Info("denied", "error", err.Error()) }}))
	s := &service{[]string{*broker}, snapshot.NewStore(snapshot.Config{}), &audit.Auditor{Handler: audit.NewLogHandler(slog.Default())}, must(kgo.NewClient(kgo.SeedBrokers(*broker)))}
	must(0, aclfile.Apply(s.store, *acls, aclfile.ChecksumOptional)) // without ACLs, do not start; later, keep the old ones
	go watch.Run(context.Background(), s.store, *acls, watch.Options{Checksums: aclfile.ChecksumOptional, Report: func(err error) { slog.Info("ACLs", "error", err) }})
	clients := x509.NewCertPool() // not the system's
	clients.AppendCertsFromPEM(must(os.ReadFile(*ca)))
	http.HandleFunc("POST /topics/{topic}", s.produce)
	http.HandleFunc("GET /topics/{topic}/partitions/{partition}", s.consume)
	server := &http.Server{Handler: login.Middleware(http.DefaultServeMux), ReadTimeout: time.Minute, TLSConfig: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}}
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
