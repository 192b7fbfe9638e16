package krb5

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/principal"
)

// Limits of a configuration, with everything it includes. Real ones have a few
// kilobytes in a few files.
const (
	maxConfigSize   = 1 << 20 // bytes
	maxConfigFiles  = 256
	maxIncludeDepth = 10
	maxGroupDepth   = 16
)

// Config is the part of a krb5.conf that says how the names of Kerberos principals
// become local ones. The zero Config names no realm and maps nothing.
type Config struct {
	// DefaultRealm is [libdefaults] default_realm; empty if that is not set. MIT krb5
	// would then ask the DNS.
	DefaultRealm string
	// AuthToLocal is the auth_to_local values of the default realm, in their order.
	AuthToLocal []string
	// AuthToLocalNames is its auth_to_local_names. Where a name is given twice, the
	// last counts.
	AuthToLocalNames map[string]string
}

// ConfigError says where a configuration cannot be read.
type ConfigError struct {
	File string // as given or included; empty for text
	Line int    // from 1; 0 if the file itself is at fault
	Msg  string
	Err  error // of the file system, if that is the cause
}

// Error returns file, line and fault.
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

// ParseConfig reads the text of a krb5.conf. Sections, nested relations, quoted
// values, comments and repeated sections are read as MIT krb5 reads them; sections
// and relations that do not matter here are only checked for their form. An
// include or includedir line is an error, because text has no files to include:
// see [LoadConfig].
//
// An error is a [ConfigError], and then there is no Config. Text of more than 1 MiB
// and groups nested deeper than 16 are errors.
//
// Source: MIT krb5 1.21 documentation, krb5.conf, "Structure".
func ParseConfig(text string) (*Config, error) {
	l := configLoader{root: &group{}}
	if err := l.parse(text, configFile{}); err != nil {
		return nil, err
	}
	return l.config()
}

// LoadConfig reads the krb5.conf at path, with the files it includes by include
// and includedir, which must be given by absolute paths, as MIT krb5 has it. Of a
// directory only the files count that end in ".conf" or whose names are letters,
// digits, "-" and "_", in the order of their names. A file that cannot be read is an
// error. Beside the limits of [ParseConfig], for all files together, there may be
// 256 files, included to a depth of 10.
func LoadConfig(path string) (*Config, error) {
	l := configLoader{root: &group{}, files: true}
	if err := l.load(configFile{name: path}); err != nil {
		return nil, err
	}
	return l.config()
}

// MITRules returns the mapping that MIT krb5 does by c.
func (c *Config) MITRules() (*principal.KerberosRules, error) {
	return principal.ParseMITRules(c.AuthToLocal, c.DefaultRealm, c.AuthToLocalNames)
}

// configLoader gathers the sections of a file and of what it includes.
type configLoader struct {
	root  *group
	files bool // includes are allowed
	count int  // files read so far
	size  int  // bytes read so far
}

// configFile is a file, and how it came to be read.
type configFile struct {
	name  string
	depth int // how many include lines led to it
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
	return l.load(configFile{path, file.depth + 1})
}

// includeDir reads the files of the directory that an includedir line names.
func (l *configLoader) includeDir(at *ConfigError, path string, file configFile) error {
	if err := l.checkInclude(at, path); err != nil {
		return err
	}
	entries, err := os.ReadDir(path) // sorted by name
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
		at.Msg = "includes " + enum.Quote(path) + ", which text alone cannot: load it as a file"
	case !filepath.IsAbs(path):
		at.Msg = "includes " + enum.Quote(path) + ": expected an absolute path"
	default:
		return nil
	}
	return at
}

// isConfigName reports whether includedir takes a file of this name.
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

// config picks what Config holds.
func (l *configLoader) config() (*Config, error) {
	c := &Config{}
	if realms := l.root.group("libdefaults").values("default_realm"); len(realms) > 0 {
		c.DefaultRealm = realms[0] // of several, MIT krb5 takes the first
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
