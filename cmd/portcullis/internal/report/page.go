//go:build !js

package report

import (
	"crypto/sha256"
	_ "embed" // the page without its data
	"encoding/base64"
	"html/template"
	"io"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/access"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
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
	return pageTemplate.Execute(w, struct {
		Policy string // the Content-Security-Policy
		Style  template.CSS
		Script template.JS
		Data   pageData
	}{
		// Only this script may run, and no request is possible. Even a name that became markup
		// in spite of the escapes would do nothing.
		"default-src 'none'; script-src " + hashSource(pageScript) + "; style-src " + hashSource(pageStyle) + "; base-uri 'none'; form-action 'none'",
		template.CSS(pageStyle), template.JS(pageScript), data,
	})
}

// hashSource returns the hash of a text in the form of a Content-Security-Policy.
//
// Source: Content Security Policy Level 3, "hash-source".
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// pageData is the data of the page as JSON. Texts has every text once, ready to show:
// quoted if it could be mistaken for something else. Sets of operations are bit masks;
// bit n is the operation with Kafka's code n.
type pageData struct {
	Config     []string        `json:"config"`
	Operations []pageOperation `json:"operations"`
	Types      []pageType      `json:"types"` // with columns, in the order of the columns
	Texts      []string        `json:"texts"`
	ACLs       []pageACL       `json:"acls"`
	Columns    []pagePattern   `json:"columns"`
	Cells      []pageCell      `json:"cells"`
	Rows       []pageRow       `json:"rows"` // the first is everyone else
	Findings   []pageFinding   `json:"findings"`
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
	Code      string `json:"code"`
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

// newPageData returns the data of the page for n. source says where the ACLs are from.
func newPageData(source string, n *snapshot.Snapshot, m inspect.Matrix, findings []inspect.Finding) pageData {
	b := &pageBuilder{texts: make(map[string]int), types: make(map[resource.Type]int)}
	b.data = pageData{Config: append([]string{"ACLs of " + source}, describeConfig(n.Config())...), ACLs: []pageACL{}, Columns: []pagePattern{}, Cells: []pageCell{}, Findings: []pageFinding{}}
	b.addTypes(m)
	index := make(map[acl.Binding]int)
	for i, a := range m.ACLs {
		index[a] = i
		b.data.ACLs = append(b.data.ACLs, b.acl(a))
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
			row.Principal = b.text(lines.Printable(r.Principal))
		}
		for _, run := range r.Runs {
			row.Runs = append(row.Runs, run.From, run.Cell)
		}
		b.data.Rows = append(b.data.Rows, row)
	}
	for _, f := range findings {
		finding := pageFinding{Code: string(f.Code), ACL: index[f.Binding], Removable: f.Removable, Reason: f.Reason, Mend: f.Fix}
		for _, o := range f.Others {
			finding.Others = append(finding.Others, index[o])
		}
		b.data.Findings = append(b.data.Findings, finding)
	}
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
	return pagePattern{b.types[p.Type], prefixed, b.text(lines.Printable(p.Name))}
}

func (b *pageBuilder) acl(a acl.Binding) pageACL {
	p, operation := b.pattern(a.Pattern), int(a.Entry.Operation)
	if a.Entry.Permission == acl.Deny {
		operation = -operation
	}
	return pageACL{p[0], p[1], p[2], b.text(lines.Printable(a.Entry.Principal)), b.text(lines.Printable(a.Entry.Host)), operation}
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
