package proxy

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/snapshot"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
)

// ask asks for a page of the metrics server.
func ask(t *testing.T, h *health, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	metricsServer(prometheus.NewRegistry(), h, cli.NewLogger(io.Discard, true, slog.LevelInfo)).Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

// The proxy is ready while its ports are open. The age of its ACLs is shown.
func TestReadiness(t *testing.T) {
	failed := errors.New("failed")
	for name, told := range map[string]bool{"a watched file": true, "a cluster that is asked": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := snapshot.NewStore(snapshot.Config{})
				h := &health{store: store, told: told, began: time.Now()}
				status := func() (int, readiness) {
					code, text := ask(t, h, "/readyz")
					var r readiness
					require.NoError(t, json.Unmarshal([]byte(text), &r))
					return code, r
				}
				code, r := status()
				assert.Equal(t, http.StatusServiceUnavailable, code)
				assert.Equal(t, readiness{ACLAge: -1}, r)
				h.note(failed)
				_, r = status()
				assert.Equal(t, -1.0, r.ACLAge)

				require.NoError(t, store.Update(func(*snapshot.Tx) error { return nil }))
				h.note(nil)
				h.serving.Store(true)
				time.Sleep(5 * time.Second)
				code, r = status()
				assert.Equal(t, http.StatusOK, code)
				asked := 5.0
				if told {
					asked = 0
				}
				assert.Equal(t, readiness{Ready: true, Generation: 1, ACLAge: asked, Uptime: 5}, r)
				h.note(failed)
				time.Sleep(time.Second)
				h.note(failed)
				time.Sleep(time.Second)
				code, r = status()
				assert.Equal(t, http.StatusOK, code, "with the previous ACLs")
				assert.Equal(t, asked+2, r.ACLAge)
				assert.Equal(t, 3.0, h.failures())
				for oldest, want := range map[time.Duration]int{
					time.Duration(asked+2) * time.Second: http.StatusOK, time.Duration(asked+2)*time.Second - 1: http.StatusServiceUnavailable,
				} {
					h.oldest = oldest
					code, r = status()
					assert.Equal(t, want, code, "with ACLs of at most %v", oldest)
					assert.Equal(t, want == http.StatusOK, r.Ready)
				}
				h.oldest = 0
				h.note(nil)
				_, r = status()
				assert.Zero(t, r.ACLAge)

				h.serving.Store(false) // it stops
				code, r = status()
				assert.Equal(t, http.StatusServiceUnavailable, code)
				assert.False(t, r.Ready)
			})
		})
	}
	code, text := ask(t, &health{}, "/healthz")
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, "ok\n", text)
}
