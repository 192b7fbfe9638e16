package krb5

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/principal"
)

// Limits for a configuration, including the files it includes. Real ones have a few
// kilobytes in a few files.
const (
	maxConfigSize   = 1 << 20 // bytes
	maxConfigFiles  = 256
	maxIncludeDepth = 10
	maxGroupDepth   = 16
)

// Config is the part of a krb5.conf that maps Kerberos names to local names. The zero
// Config has no realm and maps nothing.
type Config struct {
	// DefaultRealm is [libdefaults] default_realm, or empty if that is not set. MIT
	// krb5 would then query DNS.
	DefaultRealm string
	// AuthToLocal are the auth_to_local values of the default realm, in order.
	AuthToLocal []string
	// AuthToLocalNames is the auth_to_local_names of the default realm. If a name
	// occurs twice, the last value counts.
	AuthToLocalNames map[string]string
}

// ConfigError is an error in a configuration, with its position.
type ConfigError struct {
	File string // as given or included; empty for text
	Line int    // from 1; 0 if the error concerns the whole file
	Msg  string
	Err  error // the file system's error, if that is the cause
}

// Error returns the file, the line and the message.
func (e *ConfigError) Error() string {
	name := e.File
	if name == "" {
		name = "krb5.conf"
	}
	if e.Line > 0 {
		name = fmt.Sprintf("%s:%d", name, e.Line)
	}
	return name + ": " + e.Msg
}

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// ParseConfig parses the text of a krb5.conf. Sections, nested relations, quoted
// values, comments and repeated sections are handled as in MIT krb5. Other sections and
// relations are only checked for their syntax. An include or includedir line is an
// error, because text has no files to include: see [LoadConfig].
//
// An error is a [ConfigError], and the Config is nil. Text of more than 1 MiB and
// groups nested deeper than 16 are errors.
//
// Source: MIT krb5 1.21 documentation, krb5.conf, "Structure".
func ParseConfig(text string) (*Config, error) {
	l := configLoader{root: &group{}}
	if err := l.parse(text, configFile{}); err != nil {
		return nil, err
	}
	return l.config()
}

// LoadConfig reads the krb5.conf at path and the files it includes with include and
// includedir. As in MIT krb5, included paths must be absolute. Of a directory, only
// files that end in ".conf" or whose names consist of letters, digits, "-" and "_" are
// read, in the order of their names. A file that cannot be read is an error. The limits
// of [ParseConfig] apply to all files together. At most 256 files are read, included to
// a depth of 10.
func LoadConfig(path string) (*Config, error) {
	l := configLoader{root: &group{}, files: true}
	if err := l.load(configFile{name: path}); err != nil {
		return nil, err
	}
	return l.config()
}

// LoadAvailable is [LoadConfig] for tools that look at a copy of a configuration, often on another
// machine: included files and directories that do not exist are left out. They are in
// missing, with the line that includes them. Rules in them may map a name differently, so a
// server must not use it.
func LoadAvailable(path string) (c *Config, missing []*ConfigError, err error) {
	l := configLoader{root: &group{}, files: true, skipsMissing: true}
	if err := l.load(configFile{name: path}); err != nil {
		return nil, nil, err
	}
	c, err = l.config()
	return c, l.missing, err
}

// MITRules returns the rules that map names as MIT krb5 does with c.
func (c *Config) MITRules() (*principal.KerberosRules, error) {
	return principal.ParseMITRules(c.AuthToLocal, c.DefaultRealm, c.AuthToLocalNames)
}

// configLoader collects the sections of a file and of the files it includes.
type configLoader struct {
	root  *group
	files bool // includes are allowed
	count int  // files read so far
	size  int  // bytes read so far

	skipsMissing bool           // includes of what does not exist are left out
	missing      []*ConfigError // these
}

// configFile is a file and the includes that led to it.
type configFile struct {
	name  string
	depth int // number of include lines that led to it
}

// load reads one file.
func (l *configLoader) load(file configFile) error {
	if l.count++; l.count > maxConfigFiles {
		return &ConfigError{File: file.name, Msg: fmt.Sprintf("expected no more than %d files", maxConfigFiles)}
	}
	if file.depth > maxIncludeDepth {
		return &ConfigError{File: file.name, Msg: fmt.Sprintf(
			"is included by %d files in a row: expected no more than %d", file.depth, maxIncludeDepth)}
	}
	text, err := readLimited(file.name, maxConfigSize-l.size)
	if err != nil {
		return err
	}
	return l.parse(text, file)
}

// include reads the file that an include line names.
func (l *configLoader) include(at *ConfigError, path string, file configFile) error {
	if err := l.checkInclude(at, path); err != nil {
		return err
	}
	if _, err := os.Stat(path); l.isMissing(at, err) {
		return nil
	}
	return l.load(configFile{path, file.depth + 1})
}

// isMissing reports whether what the line at includes does not exist, and is left out.
func (l *configLoader) isMissing(at *ConfigError, err error) bool {
	if !l.skipsMissing || !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	at.Msg, at.Err = "includes what does not exist: "+err.Error(), err
	l.missing = append(l.missing, at)
	return true
}

// includeDir reads the files of the directory that an includedir line names.
func (l *configLoader) includeDir(at *ConfigError, path string, file configFile) error {
	if err := l.checkInclude(at, path); err != nil {
		return err
	}
	entries, err := os.ReadDir(path) // sorted by name
	if l.isMissing(at, err) {
		return nil
	}
	if err != nil {
		at.Msg, at.Err = err.Error(), err
		return at
	}
	for _, entry := range entries {
		if entry.IsDir() || !isConfigName(entry.Name()) {
			continue
		}
		if err := l.load(configFile{filepath.Join(path, entry.Name()), file.depth + 1}); err != nil {
			return err
		}
	}
	return nil
}

func (l *configLoader) checkInclude(at *ConfigError, path string) error {
	switch {
	case !l.files:
		at.Msg = "includes " + enum.Quote(path) + ", which is not possible in plain text: load it as a file"
	case !filepath.IsAbs(path):
		at.Msg = "includes " + enum.Quote(path) + ": expected an absolute path"
	default:
		return nil
	}
	return at
}

// isConfigName reports whether includedir reads a file of this name.
func isConfigName(name string) bool {
	if name == "" || name[0] == '.' {
		return false
	}
	if filepath.Ext(name) == ".conf" {
		return true
	}
	for _, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// config returns the parts of the sections that Config holds.
func (l *configLoader) config() (*Config, error) {
	c := &Config{}
	if realms := l.root.group("libdefaults").values("default_realm"); len(realms) > 0 {
		c.DefaultRealm = realms[0] // MIT krb5 uses the first of several
	}
	realm := l.root.group("realms").group(c.DefaultRealm)
	if realm.group("auth_to_local") != nil {
		return nil, &ConfigError{Msg: "auth_to_local is a group, as in Heimdal's krb5.conf: expected values, as in MIT krb5's"}
	}
	c.AuthToLocal = realm.values("auth_to_local")
	if names := realm.group("auth_to_local_names"); names != nil && len(names.relations) > 0 {
		c.AuthToLocalNames = make(map[string]string, len(names.relations))
		for _, r := range names.relations {
			c.AuthToLocalNames[r.name] = r.value
		}
	}
	return c, nil
}
