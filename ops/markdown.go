package ops

import (
	"fmt"
	"strings"
)

// AppendMarkdown appends the rows to dst as Markdown, one section for each API, and
// returns the extended slice.
func AppendMarkdown(dst []byte, apis ...API) []byte {
	for i := range apis {
		dst = apis[i].appendMarkdown(dst)
	}
	return dst
}

func (api *API) appendMarkdown(dst []byte) []byte {
	dst = fmt.Appendf(dst, "## %d %v\n\n", int(api.Key), api.Key)
	dst = fmt.Appendf(dst, "Versions %d to %d, at %s.", api.MinVersion, api.MaxVersion, api.reception())
	if api.RemovedIn != "" {
		dst = fmt.Appendf(dst, " Removed in Kafka %s.", api.RemovedIn)
	}
	if api.Since != 0 {
		dst = fmt.Appendf(dst, " New in Kafka %v.", api.Since)
	}
	for _, n := range api.Newer {
		dst = fmt.Appendf(dst, " Version %d is new in Kafka %v.", n.Version, n.Since)
	}
	dst = fmt.Appendf(dst, "\nDocumented: %s. Source: %s.\n", documented(api.Documented), strings.Join(api.Handlers, ", "))
	dst = api.appendSteps(dst)
	dst = api.appendGuards(dst)
	dst = append(dst, "\nThe error of the whole request is in: "+api.Placement+".\n"...)
	for _, f := range api.OperationFields {
		dst = append(dst, "\n"+f.describe()+"\n"...)
	}
	if api.AllOrNothing != None {
		dst = fmt.Appendf(dst, "\nIf one entry fails, the others get `%v`.\n", api.AllOrNothing)
	}
	if api.MayBeSilent {
		dst = append(dst, "\nIf the request wants no response, the connection is closed instead of an error.\n"...)
	}
	dst = appendList(dst, "Not as documented", api.Differences)
	dst = appendList(dst, "Notes", api.Notes)
	return append(dst, '\n')
}

// reception returns the endpoints that receive the request, and whether it is
// forwarded.
func (api *API) reception() string {
	names := make([]string, len(api.Listeners))
	for i, e := range api.Listeners {
		names[i] = strings.ToLower(e.String())
	}
	where := strings.Join(names, " and ")
	switch {
	case api.Forwarded:
		return where + "; a broker forwards it to the controller"
	case api.Forwardable:
		return where + "; an envelope may carry it"
	default:
		return where
	}
}

func documented(permissions []Permission) string {
	if len(permissions) == 0 {
		return "nothing"
	}
	texts := make([]string, len(permissions))
	for i, p := range permissions {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}

func (api *API) appendSteps(dst []byte) []byte {
	if len(api.Steps) == 0 {
		return append(dst, "\nThe authorizer is not called.\n"...)
	}
	dst = append(dst, "\n| | operation | resource | when | denied |\n| --- | --- | --- | --- | --- |\n"...)
	for i := range api.Steps {
		s := &api.Steps[i]
		dst = fmt.Appendf(dst, "| %d | %s | %s | %s | %s |\n", i+1,
			s.Operation.DisplayName(), s.resource(), s.condition(), s.consequence())
	}
	for i := range api.Steps {
		if note := api.Steps[i].Note; note != "" {
			dst = fmt.Appendf(dst, "\n%d: %s\n", i+1, note)
		}
	}
	return dst
}

func (s *step) resource() string {
	text := s.Type.DisplayName() + ": " + s.Name.String()
	if s.Configs != 0 {
		text += " of type " + s.Configs.String()
	}
	if s.Path != "" {
		text += " (`" + s.Path + "`)"
	}
	return text
}

// clauses are the parts of a sentence that are separated by semicolons.
type clauses []string

// add appends a clause if it applies.
func (c *clauses) add(applies bool, format string, args ...any) {
	if applies {
		*c = append(*c, fmt.Sprintf(format, args...))
	}
}

func (c clauses) String() string { return strings.Join(c, "; ") }

func (s *step) condition() string {
	limited := s.Combine == fallback || s.Endpoint != 0 || s.MinVersion != 0 || s.MaxVersion != 0
	var c clauses
	c.add(s.Combine == fallback, "step %d did not allow", s.FallbackOf)
	c.add(s.When != always || !limited, "%v", s.When)
	c.addBounds(s.Endpoint, s.MinVersion, s.MaxVersion)
	c.add(s.Since != 0, "since Kafka %v", s.Since)
	return c.String()
}

// addBounds adds the endpoint and the versions that a step or a guard is limited to.
func (c *clauses) addBounds(at Endpoint, minVersion, maxVersion int16) {
	c.add(at != 0, "at the %s", strings.ToLower(at.String()))
	c.add(minVersion != 0, "from version %d", minVersion)
	c.add(maxVersion != 0, "up to version %d", maxVersion)
}

func (s *step) consequence() string {
	text := "no error: the fallback is checked"
	if s.Combine != sufficient {
		text = s.Denied.describe()
	}
	switch {
	case s.QuietDenial:
		text += "; not logged"
	case s.QuietWhenAll:
		text += "; not logged in a request for every topic"
	}
	return text
}

// scopeTexts describes the effect of each scope; %v is the error code.
var scopeTexts = [...]string{
	wholeRequest:  "`%v` for the whole request",
	oneItem:       "`%v` for the entry",
	leftOut:       "omitted without an error",
	emptyResponse: "an empty response with `%v`",
	fieldWithheld: "one field withheld",
	ignored:       "no error",
}

func (s scope) describe(code ErrorCode) string {
	if !scopeNames.Known(int(s)) {
		return s.String()
	}
	text := scopeTexts[s]
	if s == fieldWithheld && code != None {
		text += " with `%v`"
	}
	if strings.Contains(text, "%v") {
		return fmt.Sprintf(text, code)
	}
	return text
}

func (f *effect) describe() string {
	c := clauses{f.Scope.describe(f.Code)}
	c.add(f.CodeFrom != 0, "the error from version %d", f.CodeFrom)
	c.add(f.WholeBelow != 0, "for the whole request below version %d", f.WholeBelow)
	c.add(f.WhenAll != 0, "in a request for every topic %s", f.WhenAll.describe(f.Code))
	c.add(f.WhenByID != 0, "for a topic by id %s", f.WhenByID.describe(f.Code))
	c.add(f.HidesName, "for a topic by id, the error does not show its name")
	return c.String()
}

func (api *API) appendGuards(dst []byte) []byte {
	if len(api.Guards) == 0 {
		return dst
	}
	dst = append(dst, "\nErrors that do not depend on ACLs:\n\n"...)
	for i := range api.Guards {
		g := &api.Guards[i]
		place := "before the steps"
		if g.After > 0 {
			place = fmt.Sprintf("after step %d", g.After)
		}
		condition := clauses{g.When.String()}
		condition.add(g.Configs != 0, "of type %v", g.Configs)
		condition.addBounds(g.Endpoint, g.MinVersion, g.MaxVersion)
		condition.add(g.Since != 0, "since Kafka %v", g.Since)
		condition.add(g.Until != 0, "up to Kafka %v", g.Until)
		dst = fmt.Appendf(dst, "- %s: %s: %s\n", place, condition, g.Effect.describe())
	}
	return dst
}

func (f *operationField) describe() string {
	text := "The authorized operations of each " + strings.ToLower(f.Type.DisplayName()) + " are shown (KIP-430)"
	if f.MinVersion != 0 {
		text += fmt.Sprintf(" from version %d", f.MinVersion)
	}
	if f.Always {
		return text + ", always."
	}
	return text + ", if the request asks for them."
}

func appendList(dst []byte, title string, items []string) []byte {
	if len(items) == 0 {
		return dst
	}
	dst = append(dst, "\n"+title+":\n\n"...)
	for _, item := range items {
		dst = append(dst, "- "+item+"\n"...)
	}
	return dst
}
