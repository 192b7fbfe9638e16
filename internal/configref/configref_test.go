package configref_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/configref"
)

const classes = "org.apache.kafka.common.config.provider."

// config returns a configuration with the three providers and one value.
func config(value string) map[string]string {
	return map[string]string{
		"config.providers":            "file,dir,env",
		"config.providers.file.class": classes + "FileConfigProvider",
		"config.providers.dir.class":  classes + "DirectoryConfigProvider",
		"config.providers.env.class":  classes + "EnvVarConfigProvider",
		"password":                    value,
	}
}

// newFiles makes files to refer to, and returns their folder.
func newFiles(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for name, text := range map[string]string{
		"a.properties":       "user=alice\npassword=s3cret\n",
		"bad.properties":     "user=alice\npassword=\\u12g4\n",
		"latin1.properties":  "user=s3cret\xe9\n",
		"long.properties":    "s3cret=" + strings.Repeat("x", configref.MaxBytes),
		"half.properties":    "half=" + strings.Repeat("x", configref.MaxBytes/2),
		"folder/password":    "s3cret\n",
		"folder/latin1":      "s3cret\xe9",
		"folder/long":        strings.Repeat("s3cret", configref.MaxBytes),
		"outside/password":   "outside",
		"a.properties.d/why": "not a file",
	} {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	require.NoError(t, os.Symlink("../outside", filepath.Join(dir, "folder", "link")))
	return dir
}

func TestValue(t *testing.T) {
	dir := newFiles(t)
	t.Setenv("PORTCULLIS_PASSWORD", "s3cret")
	t.Chdir(dir)
	allowed := map[string]string{"config.providers.file.param.allowed.paths": dir + "/folder," + dir + "/a.properties", "config.providers.dir.param.allowed.paths": dir + "/folder"}
	for name, c := range map[string]struct {
		value, want string
		missing     []string
		more        map[string]string
	}{
		"no reference":          {value: "s3cret$}", want: "s3cret$}"},
		"not closed":            {value: "${env:PORTCULLIS_PASSWORD", want: "${env:PORTCULLIS_PASSWORD"},
		"no colon":              {value: "${env}", want: "${env}"},
		"file":                  {value: "${file:" + dir + "/a.properties:password}", want: "s3cret"},
		"file twice":            {value: "${file:" + dir + "/a.properties:user}:${file:" + dir + "//a.properties:password}", want: "alice:s3cret"},
		"file without the key":  {value: "${file:" + dir + "/a.properties:none}", want: "${file:" + dir + "/a.properties:none}", missing: []string{"password: ${file:" + dir + "/a.properties:none}"}},
		"file without a path":   {value: "${file:password}", want: "${file:password}", missing: []string{"password: ${file:password}"}},
		"folder":                {value: "${dir:" + dir + "/folder/:password}", want: "s3cret\n"},
		"folder without a path": {value: "${dir:password}", want: "${dir:password}", missing: []string{"password: ${dir:password}"}},
		"folder, further down":  {value: "${dir:" + dir + ":folder/password}", want: "${dir:" + dir + ":folder/password}", missing: []string{"password: ${dir:" + dir + ":folder/password}"}},
		"environment":           {value: "a${env:PORTCULLIS_PASSWORD}b", want: "as3cretb"},
		"variable not set":      {value: "${env:PORTCULLIS_NONE}", want: "${env:PORTCULLIS_NONE}", missing: []string{"password: ${env:PORTCULLIS_NONE}"}},
		"another provider":      {value: "${vault:a:b}", want: "${vault:a:b}"},
		"provider without class": {value: "${late:PORTCULLIS_PASSWORD}", want: "${late:PORTCULLIS_PASSWORD}",
			more: map[string]string{"config.providers": "env,late"}},
		"no providers": {value: "${env:PORTCULLIS_PASSWORD}", want: "${env:PORTCULLIS_PASSWORD}", more: map[string]string{"config.providers": ""}},
		"pattern":      {value: "${env:PORTCULLIS_PASSWORD}", want: "s3cret", more: map[string]string{"config.providers.env.param.allowlist.pattern": "PORTCULLIS_.*"}},
		"pattern of a part": {value: "${env:PORTCULLIS_PASSWORD}", want: "${env:PORTCULLIS_PASSWORD}", missing: []string{"password: ${env:PORTCULLIS_PASSWORD}"},
			more: map[string]string{"config.providers.env.param.allowlist.pattern": "PORTCULLIS_"}},
		"allowed file":     {value: "${file:" + dir + "/a.properties:user}", want: "alice", more: allowed},
		"allowed relative": {value: "${file:a.properties:user}", want: "alice", more: allowed},
		"allowed folder":   {value: "${dir:" + dir + "/outside/../folder:password}", want: "s3cret\n", more: allowed},
		"not allowed":      {value: "${file:" + dir + "/bad.properties:user}", want: "${file:" + dir + "/bad.properties:user}", missing: []string{"password: ${file:" + dir + "/bad.properties:user}"}, more: allowed},
		"a link that leads outside": {value: "${dir:" + dir + "/folder/link:password}", want: "${dir:" + dir + "/folder/link:password}",
			missing: []string{"password: ${dir:" + dir + "/folder/link:password}"}, more: allowed},
		"allowed, missing": {value: "${file:" + dir + "/folder/none:user}", want: "${file:" + dir + "/folder/none:user}", missing: []string{"password: ${file:" + dir + "/folder/none:user}"}, more: allowed},
		"only a prefix of the name": {value: "${dir:" + dir + "/a.properties.d:why}", want: "${dir:" + dir + "/a.properties.d:why}", missing: []string{"password: ${dir:" + dir + "/a.properties.d:why}"},
			more: map[string]string{"config.providers.dir.param.allowed.paths": dir + "/a.properties"}},
		"an unused unknown class": {value: "s3cret", want: "s3cret", more: map[string]string{"config.providers": "vault", "config.providers.vault.class": "com.example.Vault"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := config(c.value)
			for key, value := range c.more {
				config[key] = value
			}
			r, err := configref.New(config)
			require.NoError(t, err)
			got, missing, err := r.Value("password")
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			var texts []string
			for _, m := range missing {
				texts = append(texts, m.String())
			}
			assert.Equal(t, c.missing, texts)
		})
	}
	var zero configref.Resolver
	value, missing, err := zero.Value("password")
	require.NoError(t, err)
	assert.Empty(t, value)
	assert.Empty(t, missing)
}

func TestValueRefuses(t *testing.T) {
	dir := newFiles(t)
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	t.Setenv("PORTCULLIS_PASSWORD", "s3cret")
	for name, c := range map[string]struct{ value, want string }{
		"no file":                 {"${file:" + dir + "/none:a}", "${file:" + dir + "/none:a}: no such file or directory"},
		"a folder":                {"${file:" + dir + ":a}", "not a regular file"},
		"a pipe":                  {"${file:" + dir + "/pipe:a}", "not a regular file"},
		"a bad escape":            {"${file:" + dir + "/bad.properties:user}", "2:10: found a backslash and u without a character"},
		"not UTF-8":               {"${file:" + dir + "/latin1.properties:user}", "the file is not UTF-8"},
		"a long file":             {"${file:" + dir + "/long.properties:a}", "the file has more than 1048576 bytes"},
		"a long value":            {strings.Repeat("${file:"+dir+"/half.properties:half}", 3), "expected no more than 1048576 bytes"},
		"a path with NUL":         {"${file:/a\x00b:a}", `${file:/a\x00b:a}: the path has a NUL`},
		"a folder with NUL":       {"${dir:/a\x00b:a}", "NUL"},
		"a file that is no UTF-8": {"${dir:" + dir + "/folder:latin1}", "the file is not UTF-8"},
		"a long file in a folder": {"${dir:" + dir + "/folder:long}", "the file has more than"},
		"a path of a variable":    {"${env:a:PORTCULLIS_PASSWORD}", "an environment variable has no path"},
		"a class":                 {"${vault:a:b}", "password: ${vault:a:b}: config.providers.vault.class is com.example.Vault, expected FileConfigProvider,"},
	} {
		t.Run(name, func(t *testing.T) {
			config := config(c.value + "${env:PORTCULLIS_PASSWORD}")
			config["config.providers"] += ",vault"
			config["config.providers.vault.class"] = "com.example.Vault"
			r, err := configref.New(config)
			require.NoError(t, err)
			value, missing, err := r.Value("password")
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "s3cret")
			assert.NotContains(t, err.Error(), "xxxx")
			assert.Empty(t, value)
			assert.Empty(t, missing)
		})
	}
}

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ key, value, want string }{
		"relative":   {"file.param.allowed.paths", dir + ",a", `config.providers.file.param.allowed.paths: "a" is not absolute`},
		"empty path": {"dir.param.allowed.paths", "," + dir, `config.providers.dir.param.allowed.paths: "" is not absolute`},
		"no path":    {"dir.param.allowed.paths", dir + "/none", `none" does not exist`},
		"pattern":    {"env.param.allowlist.pattern", "(", "config.providers.env.param.allowlist.pattern: "},
	} {
		t.Run(name, func(t *testing.T) {
			config := config("s3cret")
			config["config.providers."+c.key] = c.value
			r, err := configref.New(config)
			require.ErrorContains(t, err, c.want)
			assert.Nil(t, r)
		})
	}
}
