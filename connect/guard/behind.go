package guard

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// Behind returns a transport for Config.Transport that calls a handler instead of a worker: then
// the Guard is a middleware in front of it. Config.Worker is the URL that the handler sees. The
// answer is held in memory, up to limit bytes; what is longer ends the request with an error.
func Behind(next http.Handler, limit int64) http.RoundTripper { return &behind{next, limit} }

type behind struct {
	next  http.Handler
	limit int64
}

// RoundTrip calls the handler.
func (b *behind) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &memory{header: http.Header{}, limit: b.limit}
	server := r.Clone(r.Context())
	server.RequestURI, server.Host = r.URL.RequestURI(), r.URL.Host
	b.next.ServeHTTP(w, server)
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.err != nil {
		return nil, w.err
	}
	return &http.Response{StatusCode: w.status, Header: w.header, Body: io.NopCloser(&w.body), Request: r}, nil
}

// memory is a ResponseWriter.
type memory struct {
	header http.Header
	status int
	body   bytes.Buffer
	limit  int64
	err    error
}

func (m *memory) Header() http.Header { return m.header }

func (m *memory) WriteHeader(status int) {
	if m.status == 0 {
		m.status = status
	}
}

func (m *memory) Write(p []byte) (int, error) {
	m.WriteHeader(http.StatusOK)
	if int64(m.body.Len()+len(p)) > m.limit {
		m.err = fmt.Errorf("the answer has more than %d bytes", m.limit)
		return 0, m.err
	}
	return m.body.Write(p)
}
