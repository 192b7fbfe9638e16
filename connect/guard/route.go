package guard

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// route is a request that a worker takes from clients.
type route struct {
	method string
	// path has the segments; {connector}, {task}, {plugin} and {logger} stand for names.
	path string
	// needs are the operations of which all are needed, on the connector of the path or, if the
	// path has none, as the kind of body says.
	needs []Operation
	// query has the parameters that are allowed, with their values; nil: any name.
	query map[string][]string
	body  bodyKind
	// answer is what the worker answers with.
	answer answerKind
}

// Values of parameters.
var (
	truth   = []string{"true", "false"}
	forward = map[string][]string{"forward": truth}
)

// routes are the requests of clients. All others are refused, among them those that workers send
// each other: POST /connectors/NAME/tasks and PUT /connectors/NAME/fence.
//
// Source: the resources of connect-runtime 4.4.0.
var routes = []route{
	{method: http.MethodGet, path: "/", needs: []Operation{ReadPlugins}},
	{method: http.MethodGet, path: "/health", needs: []Operation{ReadPlugins}},
	{method: http.MethodGet, path: "/connectors", query: map[string][]string{"expand": {"status", "info"}}, answer: answerList},
	{method: http.MethodPost, path: "/connectors", needs: []Operation{Create}, query: forward, body: bodyCreate, answer: answerInfo},
	{method: http.MethodGet, path: "/connectors/{connector}", needs: []Operation{ReadConfig}, answer: answerInfo},
	{method: http.MethodDelete, path: "/connectors/{connector}", needs: []Operation{Delete}, query: forward},
	{method: http.MethodGet, path: "/connectors/{connector}/config", needs: []Operation{ReadConfig}, answer: answerConfig},
	{method: http.MethodPut, path: "/connectors/{connector}/config", needs: []Operation{Create, Configure}, query: forward, body: bodyConfig, answer: answerInfo},
	{method: http.MethodPatch, path: "/connectors/{connector}/config", needs: []Operation{Configure}, query: forward, body: bodyConfig, answer: answerInfo},
	{method: http.MethodGet, path: "/connectors/{connector}/status", needs: []Operation{ReadStatus}, answer: answerStatus},
	{method: http.MethodGet, path: "/connectors/{connector}/topics", needs: []Operation{ReadStatus}},
	{method: http.MethodPut, path: "/connectors/{connector}/topics/reset", needs: []Operation{Configure}},
	{method: http.MethodPut, path: "/connectors/{connector}/pause", needs: []Operation{PauseResumeRestart}},
	{method: http.MethodPut, path: "/connectors/{connector}/resume", needs: []Operation{PauseResumeRestart}},
	{method: http.MethodPut, path: "/connectors/{connector}/stop", needs: []Operation{PauseResumeRestart}, query: forward},
	{method: http.MethodPost, path: "/connectors/{connector}/restart", needs: []Operation{PauseResumeRestart}, answer: answerStatus,
		query: map[string][]string{"forward": truth, "includeTasks": truth, "onlyFailed": truth}},
	{method: http.MethodGet, path: "/connectors/{connector}/tasks", needs: []Operation{ReadConfig}, answer: answerTasks},
	{method: http.MethodGet, path: "/connectors/{connector}/tasks/{task}/status", needs: []Operation{ReadStatus}, answer: answerStatus},
	{method: http.MethodPost, path: "/connectors/{connector}/tasks/{task}/restart", needs: []Operation{PauseResumeRestart}, query: forward},
	{method: http.MethodGet, path: "/connectors/{connector}/offsets", needs: []Operation{ReadOffsets}},
	{method: http.MethodPatch, path: "/connectors/{connector}/offsets", needs: []Operation{AlterOffsets}, query: forward, body: bodyOffsets},
	{method: http.MethodDelete, path: "/connectors/{connector}/offsets", needs: []Operation{AlterOffsets}, query: forward},
	{method: http.MethodGet, path: "/connector-plugins", needs: []Operation{ReadPlugins}, query: map[string][]string{"connectorsOnly": truth}},
	{method: http.MethodGet, path: "/connector-plugins/{plugin}/config", needs: []Operation{ReadPlugins}, query: map[string][]string{"version": nil}},
	{method: http.MethodPut, path: "/connector-plugins/{plugin}/config/validate", body: bodyValidate, answer: answerValidation},
	{method: http.MethodGet, path: "/admin/loggers", needs: []Operation{ReadLoggers}},
	{method: http.MethodGet, path: "/admin/loggers/{logger}", needs: []Operation{ReadLoggers}},
	{method: http.MethodPut, path: "/admin/loggers/{logger}", needs: []Operation{AlterLoggers}, query: map[string][]string{"scope": {"worker", "cluster"}}, body: bodyLevel},
}

// Limits of names in paths and parameters, in bytes: no worker's class or topic has a longer one,
// and a connector's name is in the names of topics and groups.
const (
	maxNameBytes  = 249
	maxQueryBytes = 1024
	maxPathBytes  = 4096
)

// target is a request that a route was found for.
type target struct {
	*route
	connector string // "" if the path has none
	names     []string
	path      string // as it is sent on
	query     string // likewise
	values    url.Values
}

// Errors of requests that no route takes.
var (
	errUnknownPath = errors.New("no such path")
	errMethod      = errors.New("the method is not allowed here")
)

// find returns what a request is, or an error with the status that it is answered with.
func find(method, escapedPath, rawQuery string) (t target, status int, err error) {
	segments, err := parsePath(escapedPath)
	if err != nil {
		return target{}, http.StatusBadRequest, err
	}
	status, err = http.StatusNotFound, errUnknownPath
	for i := range routes {
		names, ok, wrong := routes[i].match(segments)
		if wrong != nil && routes[i].method == method {
			return target{}, http.StatusBadRequest, wrong
		}
		if !ok {
			continue
		}
		if routes[i].method != method {
			status, err = http.StatusMethodNotAllowed, errMethod
			continue
		}
		t := target{route: &routes[i], names: names}
		if t.values, err = routes[i].parseQuery(rawQuery); err != nil {
			return target{}, http.StatusBadRequest, err
		}
		t.query = t.values.Encode()
		t.path = t.write()
		if strings.Contains(t.route.path, "{connector}") {
			t.connector = names[0]
		}
		return t, 0, nil
	}
	return target{}, status, err
}

// parsePath returns the segments of a path as they are written. Empty ones are an error: a worker
// does not take them for what they are.
func parsePath(path string) ([]string, error) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok || len(path) > maxPathBytes {
		return nil, errors.New("expected a path that begins with a slash, and no longer than " + strconv.Itoa(maxPathBytes) + " bytes")
	}
	if rest == "" {
		return nil, nil
	}
	segments := strings.Split(rest, "/")
	for _, s := range segments {
		if s == "" {
			return nil, errors.New("expected a path without empty segments, and without a slash at its end")
		}
	}
	return segments, nil
}

// match reports whether segments are those of the route, and returns the names in them, or what is
// wrong with one. Words of the path are compared as they are written: a worker decodes them, the
// guard does not.
func (r *route) match(segments []string) (names []string, ok bool, wrong error) {
	pattern := strings.Split(strings.Trim(r.path, "/"), "/")
	if r.path == "/" {
		pattern = nil
	}
	if len(pattern) != len(segments) {
		return nil, false, nil
	}
	for i, want := range pattern {
		if !strings.HasPrefix(want, "{") {
			if segments[i] != want {
				return nil, false, nil
			}
			continue
		}
		name, err := url.PathUnescape(segments[i])
		if err != nil {
			return nil, false, errors.New("expected names in the path whose percent signs are followed by two digits")
		}
		if err := CheckName(name); err != nil && wrong == nil {
			wrong = err
		}
		if want == "{task}" && !isTask(name) {
			wrong = errors.New("expected the number of a task")
		}
		names = append(names, name)
	}
	return names, wrong == nil, wrong
}

// isTask reports whether a text is the number of a task, as it is written without ambiguity.
func isTask(text string) bool {
	n, err := strconv.ParseUint(text, 10, 31)
	return err == nil && strconv.FormatUint(n, 10) == text
}

// CheckName returns an error unless the guard takes a name of a connector: valid UTF-8 of up to 249
// bytes, without control and format characters, spaces at its ends, slashes, backslashes,
// semicolons and percent signs, and neither "." nor "..". Workers, HTTP servers and proxies
// disagree on what such names are in a path: a worker of Kafka 4.4.0 takes /connectors/a;b for the
// connector a, and refuses encoded slashes and percent signs.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > maxNameBytes || !utf8.ValidString(name):
		return errors.New("expected a name of 1 to " + strconv.Itoa(maxNameBytes) + " bytes of UTF-8")
	case name == "." || name == ".." || strings.ContainsAny(name, `/\;%`):
		return errors.New(`expected a name that is neither . nor .., without the characters / \ ; and %`)
	case strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("expected a name of printable characters, without spaces at its ends")
	}
	return nil
}

// write returns the path with its names, encoded.
func (t *target) write() string {
	var b strings.Builder
	next := 0
	for word := range strings.SplitSeq(strings.Trim(t.route.path, "/"), "/") {
		b.WriteByte('/')
		if strings.HasPrefix(word, "{") {
			word = url.PathEscape(t.names[next])
			next++
		}
		b.WriteString(word)
	}
	return b.String()
}

// parseQuery returns the parameters, if all are allowed.
func (r *route) parseQuery(raw string) (url.Values, error) {
	if len(raw) > maxQueryBytes {
		return nil, errors.New("expected no more than " + strconv.Itoa(maxQueryBytes) + " bytes of parameters")
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("expected parameters such as a=b&c=d")
	}
	for key, list := range values {
		allowed, known := r.query[key]
		if !known {
			return nil, errors.New("a parameter is not known here")
		}
		if len(list) > 1 && key != "expand" || len(list) > len(allowed)+1 {
			return nil, errors.New("the parameter " + key + " is there more than once")
		}
		for _, value := range list {
			if allowed != nil && !slices.Contains(allowed, value) || allowed == nil && CheckName(value) != nil {
				return nil, errors.New("the parameter " + key + " has a value that is not known")
			}
		}
	}
	if list := values["expand"]; list != nil {
		slices.Sort(list)
		values["expand"] = slices.Compact(list)
	}
	return values, nil
}
