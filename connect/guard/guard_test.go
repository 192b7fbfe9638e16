package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/connect/guard"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/httpauth"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

// scope is that of the Connect cluster of the tests.
var scope = role.Scope{Kafka: "k", Connect: "c"}

func bind(who, roleName, name string, pattern resource.PatternType) role.Binding {
	b := role.Binding{Principal: principal.User(who), Role: roleName, Scope: scope}
	if name != "" {
		b.Pattern = role.Pattern{ResourceType: guard.ConnectorType, Name: name, PatternType: pattern}
	}
	return b
}

// policy is what the roles of the tests give.
func policy(t *testing.T, more ...role.Binding) *guard.ByRoles {
	t.Helper()
	access, err := role.NewAccess(role.Predefined(), nil, scope, slices.Values(append(more,
		bind("owner", "ResourceOwner", "pay-", resource.Prefixed),
		bind("reader", "DeveloperRead", "pay-", resource.Prefixed),
		bind("writer", "DeveloperWrite", "pay-sink", resource.Literal),
		bind("manager", "DeveloperManage", "pay-", resource.Prefixed),
		bind("admin", "SystemAdmin", "", 0),
		role.Binding{Principal: principal.User("elsewhere"), Role: "SystemAdmin", Scope: role.Scope{Kafka: "k", Connect: "other"}},
		role.Binding{Principal: principal.User("kafka"), Role: "SystemAdmin", Scope: role.Scope{Kafka: "k"}},
	)))
	require.NoError(t, err)
	b := &guard.ByRoles{}
	b.Set(access)
	return b
}

// worker is a stand-in for a worker that keeps what it is asked.
type worker struct {
	mu       sync.Mutex
	requests []string // method, request target and body
	headers  http.Header
	stored   map[string]map[string]string
	answer   func(r *http.Request) (status int, body string) // unless nil or the status is 0
}

func newWorker() *worker {
	return &worker{stored: map[string]map[string]string{
		"pay-sink": {"name": "pay-sink", "connector.class": "S", "db.password": "hunter2secret", "x": "${file:/a:b}", "db.url": "jdbc:x://u:inurl@h/d"},
		"hr-sink":  {"name": "hr-sink", "connector.class": "S"},
	}}
}

func (k *worker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	k.mu.Lock()
	k.requests = append(k.requests, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
	k.headers = r.Header.Clone()
	answer := k.answer
	k.mu.Unlock()
	if answer != nil {
		if status, text := answer(r); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
			return
		}
	}
	w.Header().Set("X-Worker", "one")
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	reply := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	if len(parts) == 1 && r.Method == http.MethodGet && parts[0] == "connectors" {
		if r.URL.RawQuery == "" {
			reply(slices.Sorted(maps.Keys(k.stored)))
			return
		}
		list := map[string]any{}
		for name, config := range k.stored {
			list[name] = map[string]any{"info": map[string]any{"name": name, "config": config}, "status": map[string]any{"name": name, "connector": map[string]any{"state": "FAILED", "trace": "bad hunter2secret!"}}, "later": "hunter2secret"}
		}
		reply(list)
		return
	}
	if len(parts) < 2 {
		reply(map[string]any{"version": "4.4.0"})
		return
	}
	config, known := k.stored[parts[1]]
	switch {
	case !known && r.Method != http.MethodPut:
		w.WriteHeader(http.StatusNotFound)
		reply(map[string]any{"error_code": 404, "message": "Connector " + parts[1] + " not found"})
	case len(parts) == 3 && parts[2] == "config" && r.Method == http.MethodGet:
		reply(config)
	case len(parts) == 3 && parts[2] == "tasks":
		reply([]any{map[string]any{"id": map[string]any{"connector": parts[1], "task": 0}, "config": config}})
	case len(parts) == 3 && parts[2] == "status", len(parts) == 5:
		reply(map[string]any{"name": parts[1], "connector": map[string]any{"state": "FAILED", "trace": "at x: hunter2secret and inurl and S"}})
	case len(parts) == 3 && parts[2] == "pause":
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	default:
		reply(map[string]any{"name": parts[1], "config": config, "tasks": []any{}, "type": "sink"})
	}
}

// taken returns the requests since the last call.
func (k *worker) taken() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.requests
	k.requests = nil
	return list
}

// events are those of a guard.
type events struct {
	list []guard.Event
	err  error
}

func (e *events) Record(event *guard.Event) error {
	e.list = append(e.list, *event)
	return e.err
}

// start returns a guard in front of a worker.
func start(t *testing.T, change func(*guard.Config)) (*guard.Guard, *worker, *events) {
	t.Helper()
	k, e := newWorker(), &events{}
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	c := guard.Config{Authorizer: policy(t), Worker: server.URL, Recorder: e}
	if change != nil {
		change(&c)
	}
	g, err := guard.New(c)
	require.NoError(t, err)
	return g, k, e
}

// send sends a request as somebody.
func send(g http.Handler, who, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://guard", strings.NewReader(body))
	path, query, _ := strings.Cut(target, "?")
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = path, path, query
	if unescaped, err := http.NewRequest(method, "http://guard"+path, nil); err == nil {
		r.URL.Path = unescaped.URL.Path
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if who != "" {
		r = r.WithContext(httpauth.NewContext(r.Context(), httpauth.Identity{Principal: principal.User(who), Host: netip.MustParseAddr("10.0.0.1")}))
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

// TestRights has requests with who may make them. Everybody else gets 403, and the worker nothing.
func TestRights(t *testing.T) {
	g, k, _ := start(t, nil)
	everybody := []string{"owner", "reader", "writer", "manager", "admin", "elsewhere", "kafka", "nobody"}
	const config = `{"connector.class":"S"}`
	for request, who := range map[string]string{
		"GET /":                     "owner reader writer manager admin",
		"GET /health":               "owner reader writer manager admin",
		"GET /connectors":           "owner reader writer manager admin",
		"GET /connector-plugins":    "owner reader writer manager admin",
		"GET /connectors/pay-sink":  "owner reader admin",
		"GET /connectors/pay-other": "owner reader admin",
		"GET /connectors/hr-sink":   "admin",
		"GET /connectors/pay":       "admin",
		"POST /connectors {\"name\":\"pay-new\",\"config\":{}}":                       "owner manager admin",
		"POST /connectors {\"name\":\"hr-new\",\"config\":{}}":                        "admin",
		"PUT /connectors/pay-sink/config " + config:                                   "owner admin",
		"PATCH /connectors/pay-sink/config " + config:                                 "owner writer admin",
		"DELETE /connectors/pay-sink":                                                 "owner admin",
		"GET /connectors/pay-sink/config":                                             "owner reader admin",
		"GET /connectors/pay-sink/tasks":                                              "owner reader admin",
		"GET /connectors/pay-sink/status":                                             "owner reader writer manager admin",
		"GET /connectors/pay-sink/tasks/0/status":                                     "owner reader writer manager admin",
		"GET /connectors/pay-sink/topics":                                             "owner reader writer manager admin",
		"PUT /connectors/pay-sink/topics/reset":                                       "owner writer admin",
		"PUT /connectors/pay-sink/pause":                                              "owner manager admin",
		"PUT /connectors/pay-sink/resume":                                             "owner manager admin",
		"PUT /connectors/pay-sink/stop":                                               "owner manager admin",
		"POST /connectors/pay-sink/restart?includeTasks=true":                         "owner manager admin",
		"POST /connectors/pay-sink/tasks/0/restart":                                   "owner manager admin",
		"GET /connectors/pay-sink/offsets":                                            "owner admin",
		"PATCH /connectors/pay-sink/offsets {\"offsets\":[]}":                         "owner admin",
		"DELETE /connectors/pay-sink/offsets":                                         "owner admin",
		"GET /connector-plugins/S/config":                                             "owner reader writer manager admin",
		"PUT /connector-plugins/S/config/validate {\"name\":\"pay-sink\"}":            "owner writer manager admin",
		"PUT /connector-plugins/S/config/validate {\"name\":\"hr-sink\",\"a\":\"b\"}": "admin",
		"GET /admin/loggers":                                                          "admin",
		"GET /admin/loggers/org.apache":                                               "admin",
		"PUT /admin/loggers/org.apache?scope=cluster {\"level\":\"DEBUG\"}":           "admin",
	} {
		t.Run(request, func(t *testing.T) {
			method, rest, _ := strings.Cut(request, " ")
			target, body, _ := strings.Cut(rest, " ")
			var allowed []string
			for _, each := range everybody {
				k.taken()
				k.answer = nil
				if strings.Contains(target, "validate") {
					k.answer = func(*http.Request) (int, string) { return 200, `{"name":"S","configs":[]}` }
				}
				got := send(g, each, method, target, body)
				if got.Code == http.StatusForbidden {
					assert.JSONEq(t, `{"error_code":403,"message":"you may not do this, or there is no such connector"}`, got.Body.String())
					assert.Empty(t, k.taken(), "the worker is asked for %s", each)
					continue
				}
				assert.NotEmpty(t, k.taken())
				assert.Less(t, got.Code, 500)
				allowed = append(allowed, each)
			}
			assert.Equal(t, who, strings.Join(allowed, " "))
		})
	}
}

// TestRequests has requests that are refused whoever sends them, and never reach the worker, and
// others with what does.
func TestRequests(t *testing.T) {
	g, k, e := start(t, nil)
	long := strings.Repeat("a", 250)
	for name, row := range map[string]struct {
		method, target, body string
		status               int
		sent                 string // what reaches the worker
	}{
		"tasks of workers":     {"POST", "/connectors/a/tasks", "[]", 405, ""},
		"fence of workers":     {"PUT", "/connectors/a/fence", "", 404, ""},
		"unknown":              {"GET", "/connectors/a/secrets", "", 404, ""},
		"trailing slash":       {"GET", "/connectors/", "", 400, ""},
		"double slash":         {"GET", "//connectors", "", 400, ""},
		"parameter of segment": {"GET", "/connectors/a;x=y/config", "", 400, ""},
		"encoded semicolon":    {"GET", "/connectors/a%3Bx/config", "", 400, ""},
		"encoded slash":        {"GET", "/connectors/a%2Fconfig", "", 400, ""},
		"encoded slash, two":   {"DELETE", "/connectors/a%2f..%2fb", "", 400, ""},
		"dots":                 {"GET", "/connectors/../admin/loggers", "", 404, ""},
		"dots as name":         {"GET", "/connectors/..", "", 400, ""},
		"encoded dots":         {"GET", "/connectors/%2e%2e/config", "", 400, ""},
		"one dot":              {"GET", "/connectors/./config", "", 400, ""},
		"encoded twice":        {"GET", "/connectors/a%2561/config", "", 400, ""},
		"encoded word":         {"GET", "/%63onnectors", "", 404, ""},
		"other case":           {"GET", "/Connectors", "", 404, ""},
		"backslash":            {"GET", `/connectors/a%5Cb`, "", 400, ""},
		"zero":                 {"GET", "/connectors/a%00b", "", 400, ""},
		"line break":           {"GET", "/connectors/a%0d%0ab", "", 400, ""},
		"not UTF-8":            {"GET", "/connectors/%ff", "", 400, ""},
		"space at the end":     {"GET", "/connectors/a%20", "", 400, ""},
		"no-break space":       {"GET", "/connectors/a%C2%A0b", "", 400, ""},
		"long name":            {"GET", "/connectors/" + long, "", 400, ""},
		"task is a name":       {"GET", "/connectors/a/tasks/x/status", "", 400, ""},
		"task with sign":       {"GET", "/connectors/a/tasks/+1/status", "", 400, ""},
		"task with zero":       {"GET", "/connectors/a/tasks/01/status", "", 400, ""},
		"head":                 {"HEAD", "/connectors", "", 405, ""},
		"options":              {"OPTIONS", "/connectors", "", 405, ""},
		"trace":                {"TRACE", "/connectors/a", "", 405, ""},
		"own method":           {"get", "/connectors", "", 405, ""},
		"parameter":            {"GET", "/connectors?secret=1", "", 400, ""},
		"value of parameter":   {"GET", "/connectors?expand=all", "", 400, ""},
		"parameter twice":      {"POST", "/connectors/a/restart?includeTasks=true&includeTasks=false", "", 400, ""},
		"semicolon in query":   {"GET", "/connectors?expand=info;expand=status", "", 400, ""},
		"other's parameter":    {"GET", "/connectors/a?forward=true", "", 400, ""},

		"encoded name": {"GET", "/connectors/a%20b%C3%A4/status", "", 200, "GET /connectors/a%20b%C3%A4/status"},
		"plain signs":  {"GET", "/connectors/a+b:c@d=e&f/topics", "", 200, "GET /connectors/a+b:c@d=e&f/topics"},
		"parameters":   {"GET", "/connectors?expand=status&expand=info&expand=info", "", 200, "GET /connectors?expand=info&expand=status"},
		"body ignored": {"PUT", "/connectors/a/pause", `{"a":1}`, 200, "PUT /connectors/a/pause"},
		"patch":        {"PATCH", "/connectors/a/config?forward=true", `{"b":null,"a":1.50,"c":true,"d":"<&>"}`, 200, `PATCH /connectors/a/config?forward=true {"a":"1.50","b":null,"c":"true","d":"<&>"}`},
		"create":       {"POST", "/connectors", "{\"name\":\" a\\t\",\"config\":{\"x\":\"y\"},\"initial_state\":\"PAUSED\"}", 200, `POST /connectors {"name":"a","config":{"x":"y"},"initial_state":"PAUSED"}`},
		"offsets":      {"PATCH", "/connectors/a/offsets", `{"offsets":[{"partition":{"p":12345678901234567890},"offset":null}]}`, 200, `PATCH /connectors/a/offsets {"offsets":[{"partition":{"p":12345678901234567890},"offset":null}]}`},

		"no name":             {"POST", "/connectors", `{"config":{}}`, 400, ""},
		"no config":           {"POST", "/connectors", `{"name":"a"}`, 400, ""},
		"name twice":          {"POST", "/connectors", `{"name":"a","name":"b","config":{}}`, 400, ""},
		"name in other case":  {"POST", "/connectors", `{"name":"a","Name":"b","config":{}}`, 400, ""},
		"another name":        {"POST", "/connectors", `{"name":"a","config":{"name":"b"}}`, 400, ""},
		"slash in name":       {"POST", "/connectors", `{"name":"a/b","config":{}}`, 400, ""},
		"percent in name":     {"POST", "/connectors", `{"name":"a%2fb","config":{}}`, 400, ""},
		"unknown field":       {"POST", "/connectors", `{"name":"a","config":{},"x":1}`, 400, ""},
		"key twice":           {"PUT", "/connectors/a/config", `{"a":"1","a":"2"}`, 400, ""},
		"other name in PUT":   {"PUT", "/connectors/a/config", `{"name":"b"}`, 400, ""},
		"name removed":        {"PATCH", "/connectors/a/config", `{"name":null}`, 400, ""},
		"other name in PATCH": {"PATCH", "/connectors/a/config", `{"name":"b"}`, 400, ""},
		"nested":              {"PUT", "/connectors/a/config", `{"a":{}}`, 400, ""},
		"null":                {"PUT", "/connectors/a/config", `null`, 400, ""},
		"list":                {"PUT", "/connectors/a/config", `[]`, 400, ""},
		"two values":          {"PUT", "/connectors/a/config", `{} {}`, 400, ""},
		"broken":              {"PUT", "/connectors/a/config", `{`, 400, ""},
		"not UTF-8 in body":   {"PUT", "/connectors/a/config", "{\"a\":\"\xff\"}", 400, ""},
		"half a character":    {"PUT", "/connectors/a/config", `{"a":"\ud800"}`, 400, ""},
		"masked":              {"PUT", "/connectors/a/config", `{"p":"` + guard.Mask + `"}`, 400, ""},
		"masked in a text":    {"PATCH", "/connectors/a/config", `{"p":"x ` + guard.Mask + `"}`, 400, ""},
		"too large":           {"PUT", "/connectors/a/config", `{"a":"` + strings.Repeat("x", guard.DefaultMaxBody) + `"}`, 413, ""},
		"validate, no name":   {"PUT", "/connector-plugins/S/config/validate", `{}`, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			k.taken()
			e.list = nil
			k.answer = func(*http.Request) (int, string) {
				if strings.HasSuffix(row.target, "info") {
					return 200, `{}`
				}
				return 200, `{"config":{}}`
			}
			got := send(g, "admin", row.method, row.target, row.body)
			assert.Equal(t, row.status, got.Code, got.Body.String())
			if row.sent == "" {
				assert.Empty(t, k.taken())
			} else {
				assert.Equal(t, []string{row.sent}, k.taken())
			}
			require.Len(t, e.list, 1)
			assert.Equal(t, row.sent != "", e.list[0].Allowed)
			assert.NotEmpty(t, e.list[0].Reason)
		})
	}
}

// TestHeaders has headers that a client forges: none reaches the worker.
func TestHeaders(t *testing.T) {
	g, k, _ := start(t, nil)
	got := send(g, "admin", "PUT", "/connectors/a/config", `{}`, "Authorization", "Basic x", "X-Forwarded-For", "1.2.3.4", "Forwarded", "for=1.2.3.4", "Cookie", "a=b",
		"X-Connect-Authorization", "x", "X-Connect-Request-Signature-Algorithm", "HmacSHA256", "X-HTTP-Method-Override", "DELETE", "Connection", "close, X-A", "X-A", "b", "Transfer-Encoding", "chunked")
	require.Equal(t, 200, got.Code, got.Body.String())
	k.headers.Del("Accept-Encoding") // of the transport
	assert.Equal(t, http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}, "Content-Length": {"3"}, "User-Agent": {"portcullis"}}, k.headers)
	assert.Equal(t, "no-store", got.Header().Get("Cache-Control"))

	for name, headers := range map[string][]string{
		"form":          {"Content-Type", "application/x-www-form-urlencoded"},
		"text":          {"Content-Type", "text/plain"},
		"compressed":    {"Content-Encoding", "gzip"},
		"other charset": {"Content-Type", "application/json; charset=utf-16"},
	} {
		t.Run(name, func(t *testing.T) {
			k.taken()
			assert.Equal(t, http.StatusUnsupportedMediaType, send(g, "admin", "PUT", "/connectors/a/config", `{}`, headers...).Code)
			assert.Empty(t, k.taken())
		})
	}
	t.Run("another origin", func(t *testing.T) {
		k.taken()
		assert.Equal(t, 403, send(g, "admin", "POST", "/connectors/pay-sink/restart", "", "Sec-Fetch-Site", "cross-site").Code)
		assert.Equal(t, 403, send(g, "admin", "POST", "/connectors/pay-sink/restart", "", "Origin", "https://evil.example").Code)
		assert.Empty(t, k.taken())
	})
}

// TestLists has what each may see in lists.
func TestLists(t *testing.T) {
	g, k, _ := start(t, nil)
	assert.JSONEq(t, `["hr-sink","pay-sink"]`, send(g, "admin", "GET", "/connectors", "").Body.String())
	assert.JSONEq(t, `["pay-sink"]`, send(g, "writer", "GET", "/connectors", "").Body.String())
	const info = `"info":{"name":"pay-sink","config":{"name":"pay-sink","connector.class":"S","db.password":"<masked by portcullis>","db.url":"<masked by portcullis>","x":"${file:/a:b}"}}`
	const status = `"status":{"name":"pay-sink","connector":{"state":"FAILED","trace":"bad <masked by portcullis>!"}}`
	assert.JSONEq(t, `{"pay-sink":{`+info+`,`+status+`}}`, send(g, "reader", "GET", "/connectors?expand=info&expand=status", "").Body.String())
	assert.JSONEq(t, `{"pay-sink":{`+status+`}}`, send(g, "writer", "GET", "/connectors?expand=info&expand=status", "").Body.String())
	assert.JSONEq(t, `{"pay-sink":{`+status+`}}`, send(g, "manager", "GET", "/connectors?expand=status", "").Body.String())
	k.taken()
	send(g, "admin", "GET", "/connectors?expand=status", "")
	assert.Equal(t, []string{"GET /connectors?expand=status", "GET /connectors?expand=info"}, k.taken())
	k.answer = func(r *http.Request) (int, string) { // the configurations cannot be read
		if r.URL.RawQuery == "expand=info" {
			return 500, "{}"
		}
		return 0, ""
	}
	assert.JSONEq(t, `{"pay-sink":{`+strings.Replace(status, "bad <masked by portcullis>!", "<masked by portcullis>", 1)+`}}`, send(g, "writer", "GET", "/connectors?expand=status", "").Body.String())
	other, _, _ := start(t, func(c *guard.Config) {
		c.Authorizer = policy(t, bind("blind", "ResourceOwner", "none", resource.Literal))
	})
	assert.JSONEq(t, `[]`, send(other, "blind", "GET", "/connectors", "").Body.String())
	assert.JSONEq(t, `{}`, send(other, "blind", "GET", "/connectors?expand=info", "").Body.String())
}

// TestMasks has answers with secrets. None of them reaches anybody.
func TestMasks(t *testing.T) {
	const masked = guard.Mask
	stored := `{"name":"pay-sink","db.password":"hunter2secret","short.secret":"s3c"}`
	validated := func(value string) string {
		return `{"name":"S","configs":[{"definition":{"name":"p","type":"STRING"},"value":{"name":"p","value":"` + value + `","errors":["bad ` + value + `"],"recommended_values":["` + value + `"]}},` +
			`{"definition":{"name":"q","type":"PASSWORD"},"value":{"name":"q","value":"hunter2secret","errors":[],"recommended_values":[]}}]}`
	}
	for name, row := range map[string]struct {
		who, request string
		status       int
		answer       string
		stored       string
		want         string
	}{
		"config":            {"reader", "GET /connectors/pay-sink/config", 200, stored, stored, `{"name":"pay-sink","db.password":"` + masked + `","short.secret":"` + masked + `"}`},
		"connector":         {"owner", "GET /connectors/pay-sink", 200, `{"name":"pay-sink","config":` + stored + `}`, stored, `{"name":"pay-sink","config":{"name":"pay-sink","db.password":"` + masked + `","short.secret":"` + masked + `"}}`},
		"tasks":             {"owner", "GET /connectors/pay-sink/tasks", 200, `[{"config":{"db.password":"x","a":1}}]`, stored, `[{"config":{"db.password":"` + masked + `","a":"` + masked + `"}}]`},
		"who may not read":  {"writer", `PATCH /connectors/pay-sink/config {}`, 200, `{"name":"pay-sink","config":{"name":"pay-sink","topics":"t","x":"${file:/a:b}"},"type":"sink"}`, stored, `{"name":"pay-sink","config":{"name":"pay-sink","topics":"` + masked + `","x":"` + masked + `"},"type":"sink"}`},
		"error, own value":  {"owner", `PUT /connectors/pay-sink/config {"my.password":"my-own-password"}`, 400, `{"message":"bad my-own-password"}`, `{}`, `{"message":"bad ` + masked + `"}`},
		"error, stored":     {"writer", `PATCH /connectors/pay-sink/config {}`, 400, `{"message":"bad hunter2secret"}`, `{"db.password":"hunter2secret"}`, `{"message":"bad ` + masked + `"}`},
		"error, any value":  {"owner", `PUT /connectors/pay-sink/pause`, 500, `{"error_code":500,"message":"bad s3c"}`, stored, `{"error_code":500,"message":"` + masked + `"}`},
		"error, no config":  {"owner", `PUT /connectors/pay-sink/pause`, 500, `{"error_code":500,"message":"bad"}`, `no JSON`, `{"error_code":500,"message":"` + masked + `"}`},
		"error, a page":     {"owner", `PUT /connectors/pay-sink/pause`, 500, `<html>hunter2secret</html>`, stored, `{"error_code":500,"message":"Internal Server Error"}`},
		"trace":             {"manager", `GET /connectors/pay-sink/status`, 200, `{"connector":{"state":"FAILED","trace":"hunter2secret"},"tasks":[{"id":0,"state":"RUNNING"}]}`, `{"a.password":"hunter2secret"}`, `{"connector":{"state":"FAILED","trace":"` + masked + `"},"tasks":[{"id":0,"state":"RUNNING"}]}`},
		"trace of a task":   {"manager", `GET /connectors/pay-sink/tasks/0/status`, 200, `{"id":0,"trace":"x hunter2secret"}`, stored, `{"id":0,"trace":"` + masked + `"}`},
		"restart":           {"manager", `POST /connectors/pay-sink/restart`, 200, `{"connector":{"trace":"hunter2secret"}}`, `{"a.password":"hunter2secret"}`, `{"connector":{"trace":"` + masked + `"}}`},
		"validate":          {"writer", `PUT /connector-plugins/S/config/validate {"name":"pay-sink","p":"v"}`, 200, validated("v"), stored, strings.Replace(validated("v"), "hunter2secret", masked, 1)},
		"validate, secret":  {"writer", `PUT /connector-plugins/S/config/validate {"name":"pay-sink","p":"v","q":"hunter2secret"}`, 200, strings.Replace(validated("v"), "bad v", "bad hunter2secret", 1), stored, strings.Replace(strings.Replace(validated("v"), "bad v", "bad "+masked, 1), `"hunter2secret"`, `"`+masked+`"`, 1)},
		"validate resolves": {"writer", `PUT /connector-plugins/S/config/validate {"name":"pay-sink","p":"${file:/a:b}"}`, 200, validated("resolved-secret"), stored, `{"name":"S","configs":[{"definition":{"name":"p","type":"STRING"},"value":{"name":"p","value":"${file:/a:b}","errors":["the value is refused; the message is not shown, because the configuration has references to secrets"],"recommended_values":[]}},{"definition":{"name":"q","type":"PASSWORD"},"value":{"name":"q","value":"` + masked + `","errors":[],"recommended_values":[]}}]}`},
		"own judgement":     {"reader", "GET /connectors/pay-sink/config", 200, `{"mine":"abc"}`, stored, `{"mine":"` + masked + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			g, k, _ := start(t, func(c *guard.Config) { c.Secret = func(key, _ string) bool { return key == "mine" } })
			method, rest, _ := strings.Cut(row.request, " ")
			target, body, _ := strings.Cut(rest, " ")
			k.answer = func(r *http.Request) (int, string) {
				if r.Method == "GET" && r.URL.Path == "/connectors/pay-sink/config" && row.request != "GET "+r.URL.Path {
					return 200, row.stored
				}
				return row.status, row.answer
			}
			got := send(g, row.who, method, target, body)
			assert.Equal(t, row.status, got.Code)
			assert.JSONEq(t, row.want, got.Body.String())
		})
	}
}

// TestFailures has workers and recorders that fail.
func TestFailures(t *testing.T) {
	t.Run("zero", func(t *testing.T) {
		assert.Equal(t, 403, send(&guard.Guard{}, "admin", "GET", "/", "").Code)
		assert.Equal(t, 403, send((*guard.Guard)(nil), "admin", "GET", "/", "").Code)
		g, k, _ := start(t, func(c *guard.Config) { c.Authorizer = &guard.ByRoles{} })
		assert.Equal(t, 403, send(g, "admin", "GET", "/connectors/a", "").Code)
		assert.Equal(t, 403, send(g, "admin", "GET", "/", "").Code)
		assert.Empty(t, k.taken())
	})
	t.Run("nobody", func(t *testing.T) {
		g, k, e := start(t, nil)
		assert.Equal(t, 401, send(g, "", "GET", "/connectors", "").Code)
		assert.Empty(t, k.taken())
		require.Len(t, e.list, 1)
		assert.False(t, e.list[0].Allowed)
	})
	t.Run("configurations", func(t *testing.T) {
		for _, url := range []string{"", "localhost:8083", "ftp://a", "http://", "http://a/b", "http://u:p@a", "http://a?b=c"} {
			_, err := guard.New(guard.Config{Authorizer: &guard.ByRoles{}, Worker: url})
			assert.Error(t, err, url)
		}
		_, err := guard.New(guard.Config{Worker: "http://a"})
		require.Error(t, err)
		_, err = guard.New(guard.Config{Worker: "http://a", Authorizer: &guard.ByRoles{}, MaxBody: -1})
		require.Error(t, err)
	})
	t.Run("not recorded", func(t *testing.T) {
		var reported error
		g, k, e := start(t, func(c *guard.Config) { c.Report = func(err error) { reported = err } })
		e.err = errors.New("disk full")
		assert.Equal(t, 503, send(g, "admin", "GET", "/connectors", "").Code)
		assert.Empty(t, k.taken())
		assert.ErrorContains(t, reported, "disk full")
	})
	for name, row := range map[string]struct {
		status int
		text   string
	}{
		"no JSON": {200, "<html>"}, "two values": {200, "{} {}"}, "another type": {200, "1"}, "redirect": {302, ""}, "too large": {200, `"` + strings.Repeat("a", 2000) + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			var reported error
			g, k, _ := start(t, func(c *guard.Config) { c.MaxAnswer = 1000; c.Report = func(err error) { reported = err } })
			k.answer = func(*http.Request) (int, string) { return row.status, row.text }
			for _, path := range []string{"/connectors", "/connectors/a", "/connectors/a/config", "/connectors/a/tasks"} {
				got := send(g, "admin", "GET", path, "")
				assert.Equal(t, 502, got.Code, path)
				assert.NotContains(t, got.Body.String(), "aaa")
				require.Error(t, reported)
				assert.Equal(t, name == "too large", strings.Contains(reported.Error(), "more than 1000 bytes"))
			}
		})
	}
	t.Run("wrong forms", func(t *testing.T) {
		g, k, _ := start(t, nil)
		for path, text := range map[string]string{"/connectors": `[1]`, "/connectors?expand=info": `{"a":1}`, "/connectors/a/tasks": `[1]`} {
			k.answer = func(*http.Request) (int, string) { return 200, text }
			assert.Equal(t, 502, send(g, "admin", "GET", path, "").Code, path)
		}
		for _, text := range []string{`[]`, `{}`, `{"configs":[1]}`} {
			k.answer = func(*http.Request) (int, string) { return 200, text }
			assert.Equal(t, 502, send(g, "admin", "PUT", "/connector-plugins/S/config/validate", `{"name":"a"}`).Code, text)
		}
	})
	t.Run("full", func(t *testing.T) {
		g, k, _ := start(t, func(c *guard.Config) { c.InFlight = 1 })
		entered, leave := make(chan struct{}), make(chan struct{})
		k.answer = func(*http.Request) (int, string) { close(entered); <-leave; return 200, "[]" }
		done := make(chan int)
		go func() { done <- send(g, "admin", "GET", "/connectors", "").Code }()
		<-entered
		assert.Equal(t, 503, send(g, "admin", "GET", "/connectors", "").Code)
		close(leave)
		assert.Equal(t, 200, <-done)
	})
	t.Run("slow", func(t *testing.T) {
		g, k, _ := start(t, func(c *guard.Config) { c.Timeout = 50 * time.Millisecond })
		k.answer = func(r *http.Request) (int, string) { <-r.Context().Done(); return 200, "[]" }
		assert.Equal(t, 502, send(g, "admin", "GET", "/connectors", "").Code)
	})
	t.Run("interrupted body", func(t *testing.T) {
		g, k, _ := start(t, nil)
		r := httptest.NewRequest("PUT", "/connectors/a/config", io.MultiReader(strings.NewReader("{"), brokenReader{}))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r.WithContext(httpauth.NewContext(context.Background(), httpauth.Identity{Principal: principal.User("admin"), Host: netip.MustParseAddr("10.0.0.1")})))
		assert.Equal(t, 400, w.Code)
		assert.Empty(t, k.taken())
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestBehind has a handler in the place of a worker.
func TestBehind(t *testing.T) {
	k := newWorker()
	for limit, status := range map[int64]int{1000: 200, 5: 502} {
		g, err := guard.New(guard.Config{Authorizer: policy(t), Worker: "http://worker", Transport: guard.Behind(k, limit)})
		require.NoError(t, err)
		assert.Equal(t, status, send(g, "admin", "GET", "/connectors", "").Code)
		assert.Equal(t, []string{"GET /connectors"}, k.taken())
	}
	g, err := guard.New(guard.Config{Authorizer: policy(t), Worker: "http://worker", Transport: guard.Behind(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), 1)})
	require.NoError(t, err)
	assert.Equal(t, 200, send(g, "admin", "GET", "/connectors", "").Code)
}

// TestSmuggling has a request whose length two readers could see differently: what one takes for its
// body and the other for another request is authorized on its own.
func TestSmuggling(t *testing.T) {
	for name, head := range map[string]string{
		"both lengths": "Content-Length: 64\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":  "Content-Length: 0\r\nContent-Length: 64\r\n\r\n",
		"short":        "Content-Length: 0\r\n\r\n",
		"space":        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"other coding": "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			g, k, e := start(t, nil)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				g.ServeHTTP(w, r.WithContext(httpauth.NewContext(r.Context(), httpauth.Identity{Principal: principal.User("manager"), Host: netip.MustParseAddr("10.0.0.1")})))
			}))
			defer server.Close()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
			_, err = io.WriteString(conn, "PUT /connectors/pay-sink/pause HTTP/1.1\r\nHost: a\r\n"+head+"DELETE /connectors/pay-sink HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			require.NoError(t, err)
			_, err = io.ReadAll(conn)
			require.NoError(t, err)
			sent := k.taken()
			assert.Equal(t, name == "short" || name == "both lengths", len(sent) > 0) // the server refuses the others
			for _, request := range sent {
				assert.Equal(t, "PUT /connectors/pay-sink/pause", request)
			}
			for _, event := range e.list {
				assert.Equal(t, event.Method == http.MethodPut, event.Allowed)
			}
		})
	}
}

// TestLog has events as the log has them.
func TestLog(t *testing.T) {
	var out bytes.Buffer
	clock := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g, _, _ := start(t, func(c *guard.Config) { c.Recorder, c.Now = guard.NewLogRecorder(log), clock })
	send(g, "reader", "GET", "/connectors/pay-sink/config", "")
	assert.Equal(t, `time=2026-01-02T03:04:05.000Z level=DEBUG msg=allowed principal=User:reader host=10.0.0.1 login="" method=GET path=/connectors/pay-sink/config operations=[ReadConfig] connector=pay-sink `+
		`reason="role DeveloperRead by binding User:reader on PREFIXED Connector \"pay-\" of cluster k"`+"\n", out.String())
	out.Reset()
	send(g, "reader", "GET", "/connectors/hr-sink/config", "")
	assert.Contains(t, out.String(), "level=INFO msg=denied principal=User:reader host=10.0.0.1 ")
	assert.Contains(t, out.String(), `connector=hr-sink reason="no role gives ReadConfig on Connector"`)
	out.Reset()
	quiet := guard.NewLogRecorder(slog.New(slog.NewTextHandler(&out, nil)))
	require.NoError(t, quiet.Record(&guard.Event{Allowed: true}))
	assert.Empty(t, out.String())
	who := httpauth.Identity{Principal: principal.User("a\nb"), Groups: []principal.Principal{{Type: "Group", Name: "g\x1b"}}}
	require.NoError(t, quiet.Record(&guard.Event{Who: who, Path: "/\x1b[2J" + strings.Repeat("x", 1000)}))
	assert.NotContains(t, out.String(), "\x1b")
	assert.Less(t, out.Len(), 600)
}
