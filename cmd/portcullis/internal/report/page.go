//go:build !js

package report

import (
	_ "embed" // the page without its data
	"html/template"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/access"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/webpage"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// The page without its data. The page loads nothing else. The style and the script are
// trusted and inserted unchanged.
var (
	//go:embed page/report.html
	pageHTML string
	//go:embed page/report.css
	pageStyle string
	//go:embed page/report.js
	pageScript string

	pageTemplate = template.Must(template.New("report").Parse(pageHTML))
)

// writePage writes the page. The output depends only on data, whose untrusted names the
// template escapes.
func writePage(w io.Writer, data pageData) error {
	style := webpage.Style + pageStyle
	return pageTemplate.Execute(w, struct {
		Policy string // the Content-Security-Policy
		Style  template.CSS
		Script template.JS
		Data   pageData
	}{
		webpage.Policy(style, pageScript, ""),
		template.CSS(style), template.JS(pageScript), data,
	})
}

// pageData is the data of the page as JSON. Texts has every text once, ready to show:
// quoted if it could be mistaken for something else. Sets of operations are bit masks;
// bit n is the operation with Kafka's code n.
type pageData struct {
	Source     string          `json:"source"` // where the ACLs are from
	Made       string          `json:"made"`   // when
	Config     []string        `json:"config"`
	Uncovered  string          `json:"uncovered"` // what is decided on a name that no pattern covers
	Operations []pageOperation `json:"operations"`
	Types      []pageType      `json:"types"` // with columns, in the order of the columns
	Texts      []string        `json:"texts"`
	// Raw are the texts that are not as they are shown, percent-encoded, to be copied.
	Raw      map[int]string `json:"raw"`
	ACLs     []pageACL      `json:"acls"`
	Roles    map[int][]int  `json:"roles"` // of ACLs: the texts of the role bindings that they come from
	Columns  []pagePattern  `json:"columns"`
	Cells    []pageCell     `json:"cells"`
	Rows     []pageRow      `json:"rows"` // the first is everyone else
	Dangers  []danger       `json:"dangers"`
	Findings []pageFinding  `json:"findings"` // the most dangerous first
}

type pageOperation struct {
	Code int8   `json:"code"`
	Name string `json:"name"`
}

type pageType struct {
	Name      string  `json:"name"`
	Supported ops.Set `json:"supported"`
}

// The rows of these tables are arrays in JSON to save space: there are tens of thousands.
type (
	pagePattern [3]int // index in Types; 1 if PREFIXED; name
	pageACL     [6]int // type, 1 if PREFIXED, name; principal, host; operation, negative if DENY
	pageRuling  [6]int // operations; 1 if allowed; reason, ACL or -1, names or -1, hosts or -1
)

type pageCell struct {
	All     ops.Set      `json:"a,omitempty"`
	Some    ops.Set      `json:"s,omitempty"`
	Denied  ops.Set      `json:"d,omitempty"`
	Holes   ops.Set      `json:"h,omitempty"`
	Rulings []pageRuling `json:"r"`
	ACLs    []int        `json:"o,omitempty"`
}

type pageRow struct {
	Principal int   `json:"p"` // text, or -1 for everyone else
	Super     bool  `json:"super,omitempty"`
	Runs      []int `json:"runs"` // column, cell or -1 for that of everyone else, and so on
}

type pageFinding struct {
	Danger    int    `json:"danger"` // an index of Dangers
	Code      string `json:"code"`
	Level     string `json:"level"`
	ACL       int    `json:"acl"`
	Removable bool   `json:"removable,omitempty"`
	Reason    string `json:"reason"`
	Mend      string `json:"mend"`
	Others    []int  `json:"others,omitempty"`
}

// pageBuilder makes a pageData.
type pageBuilder struct {
	data  pageData
	texts map[string]int
	types map[resource.Type]int
}

// newPageData returns the data of the page for n, made at a time. source says where the ACLs
// are from, and roles the role bindings of an ACL.
func newPageData(source string, made time.Time, n *snapshot.Snapshot, m inspect.Matrix, findings []inspect.Finding, roles func(acl.Binding) []role.Binding) pageData {
	b := &pageBuilder{texts: make(map[string]int), types: make(map[resource.Type]int)}
	b.data = pageData{
		Source: "ACLs of " + source, Made: made.UTC().Format("2006-01-02 15:04 UTC"), Config: describeConfig(n.Config()), Uncovered: "denied, except to super users",
		ACLs: []pageACL{}, Columns: []pagePattern{}, Cells: []pageCell{}, Findings: []pageFinding{}, Raw: map[int]string{}, Roles: map[int][]int{}, Dangers: dangers,
	}
	if n.Config().AllowIfNoACL {
		b.data.Uncovered = "everyone is allowed"
	}
	b.addTypes(m)
	index := make(map[acl.Binding]int)
	for i, a := range m.ACLs {
		index[a] = i
		b.data.ACLs = append(b.data.ACLs, b.acl(a))
		for _, from := range roles(a) {
			b.data.Roles[i] = append(b.data.Roles[i], b.text(from.Origin()))
		}
	}
	for _, p := range m.Columns {
		b.data.Columns = append(b.data.Columns, b.pattern(p))
	}
	for _, c := range m.Cells {
		b.data.Cells = append(b.data.Cells, b.cell(c))
	}
	super := make(map[string]bool)
	for _, p := range n.Config().SuperUsers {
		super[p.String()] = true
	}
	for _, r := range m.Rows {
		row := pageRow{Principal: -1, Super: super[r.Principal], Runs: []int{}}
		if r.Principal != "" {
			row.Principal = b.name(r.Principal)
		}
		for _, run := range r.Runs {
			row.Runs = append(row.Runs, run.From, run.Cell)
		}
		b.data.Rows = append(b.data.Rows, row)
	}
	for _, f := range findings {
		if f.SuperUser != "" { // no ACL: it is about the configuration
			b.data.Config = append(b.data.Config, f.Level.String()+": "+f.Reason+"; fix: "+f.Fix)
			continue
		}
		finding := pageFinding{Danger: dangerOf(f), Code: string(f.Code), Level: f.Level.String(), ACL: index[f.Binding], Removable: f.Removable, Reason: f.Reason, Mend: f.Fix}
		for _, o := range f.Others {
			finding.Others = append(finding.Others, index[o])
		}
		b.data.Findings = append(b.data.Findings, finding)
	}
	slices.SortStableFunc(b.data.Findings, func(a, b pageFinding) int { return a.Danger - b.Danger })
	return b.data
}

// describeConfig describes the configuration by which the page was decided.
func describeConfig(config snapshot.Config) []string {
	texts := []string{"Semantics: " + config.Semantics.String()}
	if config.AllowIfNoACL {
		texts = append(texts, "everyone may use names that no ACL covers (these have no column)")
	} else {
		texts = append(texts, "what no ACL allows is denied")
	}
	if len(config.SuperUsers) > 0 {
		list := make([]string, len(config.SuperUsers))
		for i, p := range config.SuperUsers {
			list[i] = p.String()
		}
		texts = append(texts, "super users: "+cli.JoinPrintable(list))
	}
	return texts
}

func (b *pageBuilder) addTypes(m inspect.Matrix) {
	for _, p := range m.Columns {
		if _, ok := b.types[p.Type]; !ok {
			b.types[p.Type] = len(b.data.Types)
			b.data.Types = append(b.data.Types, pageType{p.Type.DisplayName(), ops.Supported(p.Type)})
		}
	}
	for op := ops.All; op.IsKnown(); op++ {
		b.data.Operations = append(b.data.Operations, pageOperation{int8(op), op.DisplayName()})
	}
}

// text returns the index of a text.
func (b *pageBuilder) text(s string) int {
	i, ok := b.texts[s]
	if !ok {
		i = len(b.data.Texts)
		b.texts[s] = i
		b.data.Texts = append(b.data.Texts, s)
	}
	return i
}

// name returns the index of the text of a name, and keeps the name itself if the text differs.
// Two names never have one text.
func (b *pageBuilder) name(s string) int {
	shown := lines.Printable(s)
	i := b.text(shown)
	if shown != s {
		b.data.Raw[i] = url.PathEscape(s)
	}
	return i
}

// rulingNames returns the names of a ruling as text. "All names" means all names of the
// column's pattern.
func rulingNames(names inspect.NameSet) string {
	text := names.String()
	if len(names) > 0 && names[0].Prefix && names[0].Name == "" {
		return strings.Replace(text, "all names", "all names of the pattern", 1)
	}
	return text
}

func (b *pageBuilder) pattern(p resource.Pattern) pagePattern {
	prefixed := 0
	if p.PatternType == resource.Prefixed {
		prefixed = 1
	}
	return pagePattern{b.types[p.Type], prefixed, b.name(p.Name)}
}

func (b *pageBuilder) acl(a acl.Binding) pageACL {
	p, operation := b.pattern(a.Pattern), int(a.Entry.Operation)
	if a.Entry.Permission == acl.Deny {
		operation = -operation
	}
	return pageACL{p[0], p[1], p[2], b.name(a.Entry.Principal), b.name(a.Entry.Host), operation}
}

func (b *pageBuilder) cell(c inspect.Cell) pageCell {
	o := pageCell{All: c.All, Some: c.Some, Denied: c.Denied, Holes: c.Holes, ACLs: c.ACLs, Rulings: []pageRuling{}}
	for _, r := range c.Rulings {
		ruling := pageRuling{int(r.Operations), 0, b.text(r.Reason.String()), r.ACL, -1, -1}
		if r.Allowed {
			ruling[1] = 1
		}
		if r.Names != nil {
			ruling[4] = b.text(rulingNames(r.Names))
		}
		if r.Hosts != nil {
			ruling[5] = b.text(access.HostsText(r.Hosts))
		}
		o.Rulings = append(o.Rulings, ruling)
	}
	return o
}
