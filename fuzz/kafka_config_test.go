package fuzz_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/configref"
	"github.com/portcullis-authz/portcullis/internal/gen"
)

// What TestKafkaConfigReferences compares.
const (
	configRounds   = 300
	configsInRound = 100
	leastReplaced  = 10_000 // values in which something was replaced
	leastMissing   = 5_000  // references that a declared provider does not have
	leastErrors    = 2_000  // configurations that Kafka refuses
)

// configWorld is what references in generated configurations refer to. All of it is ASCII but
// the contents of files: what else a JVM can open depends on its locale.
type configWorld struct {
	dir   string
	files []string // below dir, properties files
	names []string // keys of these, files of folders, environment variables
	paths []string
}

// newConfigWorld makes the files and the environment. The JVM must be started afterwards.
func newConfigWorld(t *testing.T) *configWorld {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	write := func(name, text string) {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	link := func(name, target string) { require.NoError(t, os.Symlink(target, filepath.Join(dir, name))) }
	w := &configWorld{dir: dir, names: []string{"user", "password", "a", "", "sub", "link", "out", "with space", "colon:name", ".", "..", "../other/user", "bad", "absent"}}
	write("in/secrets.properties", "user=alice\npassword=s3cret ${env:PORTCULLIS_A}\na = \\u00e9\\ud83d\\ude00\\n€😀\ncolon\\:name=c\nwith\\ space=w\n=empty\n")
	write("in/bad.properties", "user=x\npassword=\\u12g4\n")
	write("in/latin1.properties", "user=\xe9\n")
	write("in/folder/user", "alice")
	write("in/folder/password", " s3cret}\n\n")
	write("in/folder/a", "é€😀\x00")
	write("in/folder/bad", "\xff")
	write("in/folder/with space", "w")
	write("in/folder/colon:name", "c")
	write("in/folder/sub/user", "bob")
	write("other/user", "mallory")
	write("other/secrets.properties", "user=mallory\npassword=m\n")
	link("in/folder/link", "../../other/user")
	link("in/folder/out", "../../other")
	link("in/out", "../other")
	link("in/here", "folder")
	link("in/secret-link.properties", "../other/secrets.properties")
	link("in/dangling", "nothing")
	for i := range 100 {
		src := gen.Seeded(kafkaSeed + uint64(i))
		name := fmt.Sprintf("in/%d.properties", i)
		var text strings.Builder
		for range src.IntN(60) {
			text.WriteString(pick(src, propertiesParts))
		}
		write(name, text.String())
		w.files = append(w.files, name)
	}
	w.files = append(w.files, "in/secrets.properties", "in/bad.properties", "in/latin1.properties", "in/secret-link.properties", "other/secrets.properties", "in/out/secrets.properties")
	w.paths = append(w.paths, "in/folder", "in/folder/sub", "in/here", "in/folder/out", "in/out", "other", "in", "in/nothing", "in/dangling", "in/folder/user", "in/folder/user/..", "in/here/../secrets.properties", "in/out/../in/folder", "in/./folder", "")

	for name, value := range map[string]string{"PORTCULLIS_A": "from a", "PORTCULLIS_B": "${env:PORTCULLIS_A}", "PORTCULLIS_EMPTY": "", "PORTCULLIS_C": "d"} {
		t.Setenv(name, value)
		w.names = append(w.names, name)
	}
	return w
}

// pick draws one of a list, the first more often.
func pick[T any](src gen.Source, list []T) T {
	if src.IntN(3) == 0 {
		return list[0]
	}
	return list[src.IntN(len(list))]
}

// propertiesParts are parts of properties files. Escapes of half a character are not among
// them: Go refuses them.
var propertiesParts = []string{"\n", "user", "password", "=", ":", " ", "a", "#", "!", "\t", "\f", "\r", "\r\n", `\`, `\\`, "\\\n", "\\\r\n  ", `\u0041`, `\u00e9`,
	`\t`, `\n`, `\:`, `\=`, `\ `, "é", "€", "😀", "\u00a0", "\x00", "value", "${file:x:y}"}

var (
	configProviders = []string{"file", "dir", "env", "other", " file", "", "f.g"}
	configClasses   = []string{"FileConfigProvider", "DirectoryConfigProvider", "EnvVarConfigProvider", "NoConfigProvider", "FileConfigProvider ", ""}
	configPatterns  = []string{"PORTCULLIS_.*", ".*", "", "(", "[A-Z]+_A", "PORTCULLIS_(A|B)", "(?i)portcullis_a", `PORTCULLIS\..*`, "A", ".+_A|.*B", "*"}
	configTexts     = []string{"", " ", "x", "$", "{", "}", ":", "${", "$${", "${}", "${:}", "${::}", "${file}", "€", "😀", "\n", "}}", "a:b"}
)

// path draws a path, which may be written in an unusual way.
func (w *configWorld) path(src gen.Source, list []string) string {
	path := pick(src, list)
	if path == "" {
		return ""
	}
	path = filepath.Join(w.dir, "x")[:len(w.dir)+1] + path // not cleaned
	switch src.IntN(12) {
	case 0:
		path += "/"
	case 1:
		path = strings.Replace(path, "/", "//", 1+src.IntN(4))
	case 2:
		path = w.dir + "/in/../" + strings.TrimPrefix(path, w.dir+"/")
	case 3:
		path = "/.." + path
	}
	return path
}

func (w *configWorld) reference(src gen.Source) string {
	switch src.IntN(4) {
	case 0:
		return "${env:" + pick(src, []string{"PORTCULLIS_A", "PORTCULLIS_B", "PORTCULLIS_EMPTY", "PORTCULLIS_C", "PORTCULLIS_NOT"}) + "}"
	case 1:
		return "${file:" + w.path(src, w.files[src.IntN(len(w.files)):]) + ":" + pick(src, w.names) + "}"
	case 2:
		return "${dir:" + w.path(src, w.paths) + ":" + pick(src, w.names) + "}"
	}
	path := w.path(src, slices.Concat(w.paths, w.files))
	return "${" + pick(src, configProviders) + ":" + path + pick(src, []string{":", "", "::"}) + pick(src, w.names) + pick(src, []string{"}", "", "} "})
}

// config draws a configuration.
func (w *configWorld) config(src gen.Source) map[string]string {
	config := map[string]string{}
	var declared []string
	for i, name := range configProviders {
		if i < 3 && src.IntN(10) > 0 || src.IntN(10) == 0 {
			declared = append(declared, name)
		}
	}
	if src.IntN(20) > 0 {
		config["config.providers"] = strings.Join(declared, ",") + pick(src, []string{"", ",", ",,", " "})
	}
	for i, name := range declared {
		prefix := "config.providers." + name
		class := configClasses[min(i, 2)]
		if i >= 3 || src.IntN(30) == 0 {
			class = pick(src, configClasses)
		}
		if src.IntN(30) > 0 {
			config[prefix+".class"] = "org.apache.kafka.common.config.provider." + class
		}
		if src.IntN(2) == 0 {
			var allowed []string
			for range src.IntN(3) {
				allowed = append(allowed, w.path(src, []string{"in", "in/folder", "in/here", "other", "in/out", "in/secrets.properties", "", "in/folder/../folder"}))
			}
			switch src.IntN(40) {
			case 0:
				allowed = append(allowed, "relative")
			case 1:
				allowed = append(allowed, w.dir+"/nothing")
			case 2:
				allowed = append(allowed, "/")
			}
			config[prefix+".param.allowed.paths"] = strings.Join(slices.DeleteFunc(allowed, func(s string) bool { return s == "" && src.IntN(8) > 0 }), ",")
		}
		if src.IntN(3) == 0 {
			config[prefix+".param.allowlist.pattern"] = pick(src, configPatterns)
		}
	}
	for i := range 1 + src.IntN(4) {
		var value strings.Builder
		for range 1 + src.IntN(3) {
			value.WriteString(pick(src, configTexts))
			value.WriteString(w.reference(src))
		}
		value.WriteString(pick(src, configTexts))
		config["key"+strconv.Itoa(i)] = value.String()
	}
	return config
}

// resolveAll returns all values of a configuration, or the error of one.
func resolveAll(config map[string]string) (values map[string]string, missing []configref.Reference, err error) {
	r, err := configref.New(config)
	if err != nil {
		return nil, nil, err
	}
	values = map[string]string{}
	for key := range config {
		value, left, err := r.Value(key)
		if err != nil {
			return nil, nil, err
		}
		values[key] = value
		missing = append(missing, left...)
	}
	return values, missing, nil
}

// declaresUnknown reports whether a configuration has a provider of a class that is none of Kafka's.
func declaresUnknown(config map[string]string) bool {
	return slices.ContainsFunc(strings.Split(config["config.providers"], ","), func(name string) bool {
		class, ok := config["config.providers."+name+".class"]
		return ok && !slices.Contains(configClasses[:3], strings.TrimPrefix(class, "org.apache.kafka.common.config.provider."))
	})
}

// TestKafkaConfigReferences compares the values of configurations with references to files,
// folders and environment variables with those that Kafka's classes give them.
func TestKafkaConfigReferences(t *testing.T) {
	w := newConfigWorld(t)
	jvm := startJudgeSince(t, "4.4.0", "ConfigJudge") // older releases do not follow links in allowed.paths
	var mu sync.Mutex
	var configs, replaced, missed, refused, different int
	inRounds(configRounds, func(n uint64) {
		src := gen.Seeded(kafkaSeed + 1_000 + n)
		var drawn []map[string]string
		var words []string
		for range configsInRound {
			config := w.config(src)
			drawn = append(drawn, config)
			words = append(words, strconv.Itoa(2*len(config)))
			for _, key := range slices.Sorted(maps.Keys(config)) {
				words = append(words, key, config[key])
			}
		}
		answers := callJudge(t, jvm, "ConfigJudge", "\n", configsInRound, words)
		for i, answer := range answers {
			config := drawn[i]
			got, missing, err := resolveAll(config)
			var wrong string
			changed, unknown := 0, declaresUnknown(config)
			switch {
			case answer[0] == '!':
				// Kafka cannot load the class, also if nothing refers to it.
				if err == nil && !unknown {
					wrong = "Kafka refuses it: " + answer[1:]
				}
			case err != nil:
				wrong = "Kafka accepts it: " + err.Error()
			default:
				values := strings.Split(answer[1:], "\t")
				for j, key := range slices.Sorted(maps.Keys(config)) {
					want, ok := fromJava(values[j])
					if !ok || got[key] != want {
						wrong = fmt.Sprintf("%s is %q, in Kafka %q", key, got[key], want)
					}
					if want != config[key] {
						changed++
					}
				}
				for _, r := range missing {
					if !strings.Contains(got[r.Key], r.Name+"}") {
						wrong = fmt.Sprintf("%v is missing, and yet not in the value", r)
					}
				}
			}
			mu.Lock()
			configs++
			replaced += changed
			missed += len(missing)
			if answer[0] == '!' && !unknown {
				refused++
			}
			if wrong != "" {
				if different++; different <= 5 {
					t.Errorf("%q\n%s", config, wrong)
				}
			}
			mu.Unlock()
		}
	})
	t.Logf("%d configurations compared: %d values replaced, %d references missing, %d refused by Kafka, %d differ", configs, replaced, missed, refused, different)
	assert.Zero(t, different)
	assert.GreaterOrEqual(t, configs, configRounds*configsInRound)
	assert.GreaterOrEqual(t, replaced, leastReplaced)
	assert.GreaterOrEqual(t, missed, leastMissing)
	assert.GreaterOrEqual(t, refused, leastErrors)
}
