package connect

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/javaregex"
)

// provider is a provider of the worker.
type provider struct {
	readsFiles, readsVariables bool
	allowed                    []string           // folders and files
	variables                  *javaregex.Pattern // that it may read; nil: all
}

// The parameters that limit what providers read.
const (
	allowedPaths    = ".param.allowed.paths"
	allowedVariable = ".param.allowlist.pattern"
)

// providersOf returns the providers that a configuration declares with a class.
func providersOf(settings map[string]string) map[string]provider {
	list := map[string]provider{}
	for name := range strings.SplitSeq(settings["config.providers"], ",") {
		if name = trimSpaces(name); name == "" {
			continue
		}
		class := trimJava(settings["config.providers."+name+".class"])
		if class == "" {
			continue
		}
		p := provider{
			readsFiles:     strings.HasSuffix(class, ".FileConfigProvider") || strings.HasSuffix(class, ".DirectoryConfigProvider"),
			readsVariables: strings.HasSuffix(class, ".EnvVarConfigProvider"),
		}
		for path := range strings.SplitSeq(settings["config.providers."+name+allowedPaths], ",") {
			if path = trimSpaces(path); path != "" {
				p.allowed = append(p.allowed, filepath.Clean(path))
			}
		}
		if pattern := settings["config.providers."+name+allowedVariable]; pattern != "" {
			p.variables, _ = javaregex.Compile(pattern, maxPatternSteps) // with one that is not valid, the worker does not start
		}
		list[name] = p
	}
	return list
}

// maxPatternSteps limits the time for one name of a variable: a few milliseconds.
const maxPatternSteps = 1 << 16

// mayRead reports whether a provider of variables may read one. What cannot be decided is taken
// for yes: the worker says what is wrong.
func (p *provider) mayRead(variable string) bool {
	if p.variables == nil {
		return true
	}
	var m javaregex.Matcher
	matched, err := p.variables.Matches(&m, variable)
	return matched || err != nil
}

// ref is a reference in a value: ${provider:path:name} or ${provider:name}.
type ref struct{ provider, path, name string }

// lintReference looks at one reference.
//
// Source: FileConfigProvider, DirectoryConfigProvider, EnvVarConfigProvider and AllowedPaths, Kafka 4.4.0.
func (l *linter) lintReference(connector, key string, r ref) {
	p, known := l.providers[r.provider]
	refuse := func(code Code, fix, reason string, args ...any) {
		l.add(inspect.LevelError, code, connector, key, fix, reason, args...)
	}
	switch {
	case !known:
		refuse(CodeUnknownProvider, "declare the provider in the worker's config.providers, with its class, or correct its name",
			"the worker has no provider %s: the text of the reference itself becomes the value", r.provider)
	case p.readsFiles && r.path == "":
		refuse(CodeNoPath, "write the file too: ${"+r.provider+":/path:key}", "the reference to provider %s has no path: the text of the reference itself becomes the value", r.provider)
	case p.readsFiles && len(p.allowed) > 0 && !slices.ContainsFunc(p.allowed, func(allowed string) bool { return within(r.path, allowed) }):
		refuse(CodeForbiddenPath, "move the file into one of the allowed folders, or correct the path",
			"%s is outside of the allowed paths of provider %s: the value stays empty", r.path, r.provider)
	case p.readsVariables && r.path != "":
		refuse(CodeNoPath, "write ${"+r.provider+":VARIABLE}", "a reference to the provider %s of variables takes no path, and has %s: the worker refuses it", r.provider, r.path)
	case p.readsVariables && !p.mayRead(r.name):
		refuse(CodeForbiddenPath, "name the variable so that config.providers."+r.provider+allowedVariable+" matches it", "the variable %s is not among those that provider %s may read", r.name, r.provider)
	}
}

// within reports whether a path is a folder or in it.
func within(path, folder string) bool {
	path = filepath.Clean(path)
	return path == folder || folder == "/" || strings.HasPrefix(path, folder+"/")
}
