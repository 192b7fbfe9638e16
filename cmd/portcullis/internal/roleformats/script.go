package roleformats

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

// Limits of a script. The parser is recursive: 10,000 constructs in each other take less than
// 100 MB of stack.
const (
	maxScriptBytes  = 4 << 20
	maxScriptNested = 10_000
)

// nesting are the words of the shell that begin something in which there may be more.
var nesting = []string{"if", "then", "else", "elif", "while", "until", "for", "do", "case", "in", "!", "time"}

// readScript reads the commands of a shell script that create bindings and ACLs. Whether a
// command in a condition, a loop or a function runs is not known, nor is the value of a
// variable: they are refused.
func readScript(text []byte, _ Options, into *Set) error {
	if len(text) > maxScriptBytes {
		return fmt.Errorf("expected no more than %d bytes: split the script", maxScriptBytes)
	}
	if bytes.Contains(text, []byte("((")) {
		line := 1 + bytes.Count(text[:bytes.Index(text, []byte("(("))], []byte("\n"))
		into.refuse(fmt.Sprintf("%d:1", line), "found ((, expected no arithmetic")
		return nil
	}
	nested := len(bytes.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("({[$`|&", r) }))
	for word := range bytes.FieldsSeq(text) {
		if slices.Contains(nesting, string(word)) {
			nested++
		}
	}
	if nested > maxScriptNested {
		return fmt.Errorf("expected no more than %d of ( { [ $ ` | & and words such as if: split the script", maxScriptNested)
	}
	script, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(bytes.NewReader(text), "")
	if err != nil {
		place := "1:1"
		if at, ok := err.(syntax.ParseError); ok && at.Pos.IsValid() { //nolint:errorlint // it is not wrapped
			place = positionIn(at.Pos)
		}
		into.refuse(place, "%s", lines.OnOneLine(lines.Cut(err.Error(), maxShown)))
		return nil
	}
	for _, statement := range script.Stmts {
		into.statement(statement)
	}
	return nil
}

func positionIn(p syntax.Pos) string { return fmt.Sprintf("%d:%d", p.Line(), p.Col()) }

// statement reads a statement that runs.
func (s *Set) statement(statement *syntax.Stmt) {
	if !statement.Negated && !statement.Background {
		switch command := statement.Cmd.(type) {
		case *syntax.CallExpr:
			s.call(command, !s.ended)
			s.ended = s.ended || len(command.Args) > 0 && slices.Contains(ending, command.Args[0].Lit())
			s.inner(statement, command)
			return
		case *syntax.Block:
			s.inner(&syntax.Stmt{Position: statement.Position, Redirs: statement.Redirs}, nil)
			for _, inner := range command.Stmts {
				s.statement(inner)
			}
			return
		case *syntax.BinaryCmd:
			if command.Op == syntax.AndStmt { // both run, or the script has failed
				s.statement(command.X)
				s.statement(command.Y)
				s.inner(&syntax.Stmt{Position: statement.Position, Redirs: statement.Redirs}, nil)
				return
			}
		}
	}
	s.inner(statement, nil)
}

// ending are the commands after which the others may not run.
var ending = []string{"exit", "exec", "return", "break", "continue"}

// inner reads the commands in a statement, except one: those that may not run, and those whose
// output is in a word. A text that another command may run, such as the input of a shell or the value
// of a variable, is refused if it may be about access.
func (s *Set) inner(statement *syntax.Stmt, except *syntax.CallExpr) {
	read := map[*syntax.Word]bool{}
	syntax.Walk(statement, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.CallExpr:
			for _, w := range node.Args {
				read[w] = true
			}
			if node != except {
				s.call(node, false)
			}
		case *syntax.Word:
			if !read[node] && concerns(wordOf(node).text) {
				s.refuse(positionIn(node.Pos()), "found a command about roles or ACLs in a text, expected it as a command: whether the text runs is not known")
			}
		}
		return true
	})
}

// word is a word of a command.
type word struct {
	text   string // what is known of it
	static bool   // nothing else can be in it
	pos    syntax.Pos
}

// call reads a command. Only one that certainly runs is taken.
func (s *Set) call(call *syntax.CallExpr, runs bool) {
	words := make([]word, len(call.Args))
	all := ""
	for i, w := range call.Args {
		words[i] = wordOf(w)
		all += " " + words[i].text
	}
	action, flags := actionOf(words)
	switch {
	case action == nil && !concerns(all) && !mayConcern(words):
		s.Skipped++
	case action == nil:
		s.refuse(positionIn(call.Pos()), "found a command about roles or ACLs that is not read, expected confluent iam rolebinding create, confluent iam rbac role-binding create or confluent iam acl create, alone and not behind another command")
	case action.reads: // list and describe change nothing
		s.Skipped++
	case !runs:
		s.refuse(positionIn(call.Pos()), "found it in a condition, a loop, a function or a pipe, expected a command that runs in any case")
	default:
		s.command(call, action, flags)
	}
}

// aboutAccess are in the commands about role bindings or ACLs: of this command line, of Kafka's, and
// in requests to a metadata service.
var aboutAccess = []string{"rolebinding", "role-binding", "iam acl", "kafka acl", "kafka-acls", "AclCommand", "security/1.0/principals", "security/1.0/acls"}

// concerns reports whether a text may be about role bindings or ACLs.
func concerns(text string) bool {
	return slices.ContainsFunc(aboutAccess, func(about string) bool { return strings.Contains(text, about) })
}

// mayConcern reports whether the subcommand of a command of Confluent is about ACLs behind a flag, or
// is not known because a variable is in it.
func mayConcern(words []word) bool {
	at := slices.IndexFunc(words, func(w word) bool { return w.static && isConfluent(w.text) })
	if at < 0 {
		return false
	}
	isACL := func(w word) bool { return w.static && w.text == "acl" }
	for i, w := range words[at+1:] {
		if strings.HasPrefix(w.text, "-") {
			return slices.ContainsFunc(words[at+1+i:], isACL)
		}
		if !w.static || isACL(w) {
			return true
		}
	}
	return false
}

func isConfluent(name string) bool { return strings.TrimSuffix(path.Base(name), ".exe") == "confluent" }

// action is a command that is known.
type action struct {
	words []string
	reads bool
	take  func(s *Set, place string, f *scriptFlags)
}

var actions = []action{
	{[]string{"iam", "rolebinding", "create"}, false, (*Set).takeBinding},
	{[]string{"iam", "rbac", "role-binding", "create"}, false, (*Set).takeBinding},
	{[]string{"iam", "acl", "create"}, false, (*Set).takeACL},
	{[]string{"iam", "rolebinding", "list"}, true, nil},
	{[]string{"iam", "rbac", "role-binding", "list"}, true, nil},
	{[]string{"iam", "acl", "list"}, true, nil},
}

// actionOf returns the action of a command and the words after it, or nil.
func actionOf(words []word) (*action, []word) {
	if len(words) == 0 || !words[0].static || !isConfluent(words[0].text) {
		return nil, nil
	}
	for i := range actions {
		a := &actions[i]
		if len(words) > len(a.words) && slices.EqualFunc(a.words, words[1:1+len(a.words)], func(want string, have word) bool { return have.static && have.text == want }) {
			return a, words[1+len(a.words):]
		}
	}
	return nil, nil
}

// wordOf returns what a word is, if it is always the same: no variable, no output of a command,
// and nothing that the shell replaces by names of files.
func wordOf(w *syntax.Word) word {
	out := word{static: true, pos: w.Pos()}
	for i, part := range w.Parts {
		switch part := part.(type) {
		case *syntax.Lit:
			out.static = out.static && !expands(part.Value, i == 0)
			out.text += part.Value
		case *syntax.SglQuoted:
			out.static = out.static && !part.Dollar
			out.text += part.Value
		case *syntax.DblQuoted:
			for _, inner := range part.Parts {
				text, ok := inner.(*syntax.Lit)
				if out.static = out.static && ok && !part.Dollar; ok {
					out.text += text.Value
				}
			}
		default:
			out.static = false
		}
	}
	if out.static {
		text, err := expand.Literal(&expand.Config{}, w) // removes the quotes
		out.text, out.static = text, err == nil
	}
	return out
}

// expands reports whether the shell may replace unquoted text.
func expands(text string, first bool) bool {
	if first && strings.HasPrefix(text, "~") {
		return true
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '*', '?', '[', '{':
			return true
		}
	}
	return false
}

// scriptFlags are those of the commands that create.
type scriptFlags struct {
	*pflag.FlagSet
	texts map[string]*cli.Once
}

// scopeFields are the flags that name a scope, in both generations of the command line.
var scopeFields = []struct {
	old, current string
	field        func(*role.Scope) *string
}{
	{"cluster-name", "cluster-name", func(s *role.Scope) *string { return &s.Name }},
	{"kafka-cluster-id", "kafka-cluster", func(s *role.Scope) *string { return &s.Kafka }},
	{"connect-cluster-id", "connect-cluster", func(s *role.Scope) *string { return &s.Connect }},
	{"schema-registry-cluster-id", "schema-registry-cluster", func(s *role.Scope) *string { return &s.SchemaRegistry }},
	{"ksql-cluster-id", "ksql-cluster", func(s *role.Scope) *string { return &s.KSQL }},
	{"cmf", "cmf", func(s *role.Scope) *string { return &s.CMF }},
	{"flink-environment", "flink-environment", func(s *role.Scope) *string { return &s.FlinkEnvironment }},
}

// otherFlags have a value that says nothing about access.
var otherFlags = []string{"context", "client-cert-path", "client-key-path", "output"}

func newScriptFlags() *scriptFlags {
	f := &scriptFlags{FlagSet: pflag.NewFlagSet("", pflag.ContinueOnError), texts: map[string]*cli.Once{}}
	f.SetOutput(&bytes.Buffer{})
	f.Usage = func() {}
	names := append([]string{"principal", "role", "resource", "operation", "host", "topic", "consumer-group", "transactional-id"}, otherFlags...)
	for _, field := range scopeFields {
		names = append(names, field.old, field.current)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		f.texts[name] = &cli.Once{}
		if name == "output" {
			f.VarP(f.texts[name], name, "o", "")
		} else {
			f.Var(f.texts[name], name, "")
		}
	}
	for _, name := range []string{"prefix", "allow", "deny", "cluster-scope"} {
		f.Bool(name, false, "")
	}
	f.CountP("verbose", "v", "")
	return f
}

func (f *scriptFlags) has(name string) bool { v, err := f.GetBool(name); return err == nil && v }

// command reads the flags of a command.
func (s *Set) command(call *syntax.CallExpr, action *action, words []word) {
	args := make([]string, len(words))
	for i, w := range words {
		if !w.static {
			s.refuse(positionIn(w.pos), "found a variable, a command or a pattern in a word, expected text: what it is when the script runs is not known; quote * and other patterns")
			return
		}
		args[i] = w.text
	}
	place := positionIn(call.Pos())
	f := newScriptFlags()
	if err := f.Parse(args); err != nil {
		s.refuse(place, "%s", lines.OnOneLine(lines.Cut(err.Error(), maxShown)))
		return
	}
	if f.NArg() > 0 {
		s.refuse(place, "found the argument %s, expected only flags", shown(f.Arg(0)))
		return
	}
	action.take(s, place, f)
}

func (f *scriptFlags) scope() (scope role.Scope, err error) {
	for _, field := range scopeFields {
		to := field.field(&scope)
		for _, name := range []string{field.old, field.current} {
			if given := f.texts[name]; given.Given && *to != "" && *to != given.Text {
				return role.Scope{}, fmt.Errorf("found --%s and --%s, expected one", field.old, field.current)
			} else if given.Given {
				*to = given.Text
			}
		}
	}
	return scope, scope.Validate()
}

// refuseFlags refuses flags of another command.
func (s *Set) refuseFlags(place string, f *scriptFlags, names ...string) bool {
	for _, name := range names {
		if f.Changed(name) {
			s.refuse(place, "found --%s, which this command does not have", name)
			return true
		}
	}
	return false
}

func (s *Set) takeBinding(place string, f *scriptFlags) {
	if s.refuseFlags(place, f, "operation", "host", "topic", "consumer-group", "transactional-id", "allow", "deny", "cluster-scope") {
		return
	}
	scope, err := f.scope()
	if err != nil {
		s.refuse(place, "%v", err)
		return
	}
	pattern := role.Pattern{}
	switch kind, name, ok := strings.Cut(f.texts["resource"].Text, ":"); {
	case !f.texts["resource"].Given && f.has("prefix"):
		s.refuse(place, "--prefix needs --resource")
		return
	case f.texts["resource"].Given && (!ok || kind == "" || name == ""):
		s.refuse(place, "--resource %s: expected Type:name, such as Topic:orders", shown(f.texts["resource"].Text))
		return
	case f.texts["resource"].Given:
		pattern = role.Pattern{ResourceType: kind, Name: name, PatternType: resource.Literal}
		if f.has("prefix") {
			pattern.PatternType = resource.Prefixed
		}
	}
	s.add(place, f.texts["principal"].Text, f.texts["role"].Text, scope, pattern)
}

func (s *Set) takeACL(place string, f *scriptFlags) {
	if s.refuseFlags(place, f, "role", "resource") {
		return
	}
	scope, err := f.scope()
	if err != nil {
		s.refuse(place, "%v", err)
		return
	}
	texts := map[string]string{"principal": f.texts["principal"].Text, "operation": strings.ReplaceAll(f.texts["operation"].Text, "-", "_"), "host": acl.WildcardHost, "pattern_type": "LITERAL"}
	if f.texts["host"].Given {
		texts["host"] = f.texts["host"].Text
	}
	resources := 0
	for flag, kind := range map[string]string{"topic": "TOPIC", "consumer-group": "GROUP", "transactional-id": "TRANSACTIONAL_ID"} {
		if f.texts[flag].Given {
			texts["resource_type"], texts["resource_name"] = kind, f.texts[flag].Text
			resources++
		}
	}
	if f.has("cluster-scope") {
		texts["resource_type"], texts["resource_name"] = "CLUSTER", resource.ClusterName
		resources++
	}
	if f.has("prefix") {
		texts["pattern_type"] = "PREFIXED"
	}
	switch {
	case resources != 1:
		s.refuse(place, "expected one of --topic, --consumer-group, --transactional-id and --cluster-scope")
		return
	case f.has("allow") == f.has("deny"):
		s.refuse(place, "expected --allow or --deny")
		return
	case f.has("deny"):
		texts["permission"] = "DENY"
	default:
		texts["permission"] = "ALLOW"
	}
	if b, ok := s.aclOf(place, texts); ok {
		s.addACL(place, scope, b)
	}
}
