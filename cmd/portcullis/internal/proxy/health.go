package proxy

import (
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portcullis-authz/portcullis/role/groups"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// health says whether the proxy serves clients, and with how old ACLs.
type health struct {
	store   *snapshot.Store
	told    bool // the source tells of changes, as a watched file does; otherwise it is asked
	began   time.Time
	oldest  time.Duration       // the greatest age of ACLs with which the proxy is ready; 0 means any
	groups  func() groups.Stats // of the source of groups; or nil
	serving atomic.Bool         // the ports are open, and the proxy is not stopping

	mu     sync.Mutex
	loaded bool
	failed uint64    // attempts
	old    time.Time // since when the ACLs in force may be old; zero means they are not
}

// note notes an attempt to load the ACLs. What is asked may change just after its answer;
// what tells of changes has not been heard since it failed.
func (h *health) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.failed++
	}
	switch {
	case err == nil && h.told:
		h.loaded, h.old = true, time.Time{}
	case err == nil:
		h.loaded, h.old = true, time.Now()
	case h.loaded && h.old.IsZero():
		h.old = time.Now()
	}
}

// age returns for how long the ACLs in force may no longer be those of their source, in
// seconds, or -1 before the first are loaded.
func (h *health) age() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.loaded:
		return -1
	case h.old.IsZero():
		return 0
	}
	return time.Since(h.old).Seconds()
}

// failures returns how many attempts to load the ACLs have failed.
func (h *health) failures() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return float64(h.failed)
}

// collectors returns the metrics of a source that tells of changes. They are called as those
// of a mirror.
func (h *health) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "portcullis_acl_age_seconds", Help: "Time since the ACLs in force may no longer be those of their file, because it cannot be used. It is 0 while it can.",
		}, h.age),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "portcullis_acl_load_failures_total", Help: "Attempts to load the file of ACLs that failed.",
		}, h.failures),
	}
}

// readiness is what /readyz answers.
type readiness struct {
	Ready      bool    `json:"ready"`
	ACLs       int     `json:"acls"`
	Generation uint64  `json:"generation"`
	ACLAge     float64 `json:"aclAgeSeconds"`
	Uptime     float64 `json:"uptimeSeconds"`
	// Groups is for how long the groups of clients could not be read; absent without a source.
	Groups *float64 `json:"groupsFailingSeconds,omitempty"`
}

// report answers 200 if clients are served, and 503 if not. ACLs that are old do not make the
// proxy not ready, unless a greatest age is configured: with them it decides as its
// documentation says, and the metrics show their age.
func (h *health) report(w http.ResponseWriter, _ *http.Request) {
	now := h.store.Load()
	r := readiness{Ready: h.serving.Load() && now.Ready(), ACLs: now.Len(), Generation: now.Generation(), ACLAge: h.age(), Uptime: time.Since(h.began).Seconds()}
	if h.oldest > 0 && r.ACLAge > h.oldest.Seconds() {
		r.Ready = false
	}
	if h.groups != nil {
		s := h.groups()
		failing := s.Failing.Seconds()
		r.Groups = &failing
		r.Ready = r.Ready && !s.Outdated // nearly everybody is refused
	}
	w.Header().Set("Content-Type", "application/json")
	if !r.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(r) // the client is gone
}
