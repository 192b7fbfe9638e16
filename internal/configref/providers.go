package configref

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/javaprops"
	"github.com/portcullis-authz/portcullis/internal/javaregex"
)

// The keys of a configuration.
const (
	providersKey   = "config.providers"
	classSuffix    = ".class"
	paramInfix     = ".param."
	allowedPaths   = "allowed.paths"     // of file and folder
	allowedPattern = "allowlist.pattern" // of the environment
)

// provider is a source of values.
type provider interface {
	// get returns a value, and whether there is one.
	get(path, name string) (value string, ok bool, err error)
}

// classes are Kafka's providers. param returns a parameter, if it is given.
var classes = map[string]func(param func(name string) (string, bool)) (provider, error){
	"org.apache.kafka.common.config.provider.FileConfigProvider":      newFile,
	"org.apache.kafka.common.config.provider.DirectoryConfigProvider": newFolder,
	"org.apache.kafka.common.config.provider.EnvVarConfigProvider":    newEnvironment,
}

// declared returns the providers of a configuration. As in Kafka, the names are not trimmed, and
// one without a class is not declared.
func declared(config map[string]string) (map[string]provider, error) {
	providers := map[string]provider{}
	if config[providersKey] == "" {
		return providers, nil
	}
	for _, name := range splitJava(config[providersKey]) {
		key := providersKey + "." + name + classSuffix
		class, ok := config[key]
		if !ok {
			continue
		}
		prefix := providersKey + "." + name + paramInfix
		create := classes[class]
		if create == nil {
			providers[name] = unknown{key, class}
			continue
		}
		p, err := create(func(name string) (string, bool) {
			value, ok := config[prefix+name]
			return value, ok
		})
		if err != nil {
			return nil, fmt.Errorf("%s%w", printable(prefix), err)
		}
		providers[name] = p
	}
	return providers, nil
}

// unknown is a provider of a class that is not known.
type unknown struct{ key, class string }

func (u unknown) get(string, string) (string, bool, error) {
	return "", false, fmt.Errorf("%s is %s, expected FileConfigProvider, DirectoryConfigProvider or EnvVarConfigProvider in the package org.apache.kafka.common.config.provider",
		printable(u.key), printable(u.class))
}

// splitJava splits a text at commas as Java's String.split does, which drops the empty parts at
// the end.
func splitJava(text string) []string {
	parts := strings.Split(text, ",")
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// paths are the paths that a provider may read.
type paths struct {
	limited bool
	allowed []string // absolute and without symbolic links
}

func newPaths(param func(name string) (string, bool)) (paths, error) {
	list, _ := param(allowedPaths)
	if list == "" {
		return paths{}, nil
	}
	p := paths{limited: true}
	for _, path := range splitJava(list) {
		if !filepath.IsAbs(path) {
			return paths{}, fmt.Errorf("%s: %q is not absolute", allowedPaths, printable(path))
		}
		real, err := filepath.EvalSymlinks(filepath.Clean(path))
		if err != nil {
			return paths{}, fmt.Errorf("%s: %q does not exist", allowedPaths, printable(path))
		}
		p.allowed = append(p.allowed, real)
	}
	return p, nil
}

// errNUL refuses a path that no system has.
var errNUL = errors.New("the path has a NUL character")

// find returns the path to open, and whether it may be opened. Kafka before 4.4 does not follow
// symbolic links here, so that one in an allowed folder leads to every file.
func (p paths) find(path string) (string, bool, error) {
	if strings.ContainsRune(path, 0) {
		return "", false, errNUL
	}
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/") // as Java does
	}
	if !p.limited {
		return path, true, nil
	}
	if !filepath.IsAbs(path) {
		folder, err := os.Getwd()
		if err != nil {
			return "", false, err
		}
		path = folder + "/" + path // not cleaned: a link and ".." are not the folder of the link
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", false, nil
	}
	return real, slices.ContainsFunc(p.allowed, func(allowed string) bool {
		return real == allowed || strings.HasPrefix(real, strings.TrimSuffix(allowed, "/")+"/")
	}), nil
}

// file is a provider of the values of properties files.
type file struct {
	paths
	read map[string]map[string]string // by path
}

func newFile(param func(name string) (string, bool)) (provider, error) {
	allowed, err := newPaths(param)
	return &file{allowed, map[string]map[string]string{}}, err
}

func (f *file) get(path, name string) (string, bool, error) {
	if path == "" {
		return "", false, nil
	}
	path, ok, err := f.find(path)
	if !ok || err != nil {
		return "", false, err
	}
	properties, ok := f.read[path]
	if !ok {
		text, err := readText(path)
		if err != nil {
			return "", false, err
		}
		if properties, err = javaprops.Parse(text); err != nil {
			return "", false, err
		}
		f.read[path] = properties
	}
	value, ok := properties[name]
	return value, ok, nil
}

// folder is a provider of the contents of files.
type folder struct {
	paths
	read map[string]string // by path
}

func newFolder(param func(name string) (string, bool)) (provider, error) {
	allowed, err := newPaths(param)
	return &folder{allowed, map[string]string{}}, err
}

func (f *folder) get(path, name string) (string, bool, error) {
	if path == "" {
		return "", false, nil
	}
	path, ok, err := f.find(path)
	// Kafka lists the folder, and looks for the name among those of its files.
	if !ok || err != nil || name == "" || strings.ContainsAny(name, "/\x00") {
		return "", false, err
	}
	path += "/" + name
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", false, nil
	}
	text, ok := f.read[path]
	if !ok {
		if text, err = readText(path); err != nil {
			return "", false, err
		}
		f.read[path] = text
	}
	return text, true, nil
}

// readText reads a file in UTF-8. Only regular files are read: another one may have no end.
func readText(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", reason(err)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a regular file")
	}
	opened, err := os.Open(path)
	if err != nil {
		return "", reason(err)
	}
	defer opened.Close()
	text, err := io.ReadAll(io.LimitReader(opened, MaxBytes+1))
	switch {
	case err != nil:
		return "", reason(err)
	case len(text) > MaxBytes:
		return "", fmt.Errorf("the file has more than %d bytes", MaxBytes)
	case !utf8.Valid(text):
		return "", errors.New("the file is not UTF-8")
	}
	return string(text), nil
}

// reason returns an error of a file without its path, which the reference has.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// environment is a provider of environment variables.
type environment struct {
	allowed *javaregex.Pattern // nil allows every one
	matcher javaregex.Matcher
}

// maxSteps bounds the match of a pattern that needs backtracking. The pattern and the names come
// from the configuration.
const maxSteps = 1 << 20

func newEnvironment(param func(name string) (string, bool)) (provider, error) {
	pattern, ok := param(allowedPattern)
	if !ok {
		return &environment{}, nil
	}
	compiled, err := javaregex.Compile(pattern, maxSteps)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", allowedPattern, err)
	}
	return &environment{allowed: compiled}, nil
}

func (e *environment) get(path, name string) (string, bool, error) {
	if path != "" {
		return "", false, errors.New("an environment variable has no path")
	}
	value, ok := os.LookupEnv(name)
	if !ok {
		return "", false, nil
	}
	if e.allowed == nil {
		// Kafka's default is .*, which does not match a line break.
		return value, !strings.ContainsAny(name, "\n\r\u0085\u2028\u2029"), nil
	}
	matched, err := e.allowed.Matches(&e.matcher, name)
	return value, matched, err
}
