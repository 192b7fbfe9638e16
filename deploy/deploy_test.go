package deploy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// read returns a file of this folder.
func read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return text
}

// tool returns the program of the image: that which the environment names, or else what the
// Dockerfile makes here.
var tool = sync.OnceValues(func() (string, error) {
	if file := os.Getenv("PORTCULLIS_BINARY"); file != "" {
		return file, nil
	}
	folder, err := os.MkdirTemp("", "portcullis-")
	if err != nil {
		return "", err
	}
	found, err := stages()
	if err != nil {
		return "", err
	}
	for _, c := range found[0].Commands {
		if run, ok := c.(*instructions.RunCommand); ok {
			build := exec.Command("sh", "-c", strings.ReplaceAll(strings.Join(run.CmdLine, " "), "/out/", folder+"/"))
			// The build is that of the workspace, which this module does not belong to.
			build.Dir, build.Env = "..", append(os.Environ(), "GOWORK=")
			if out, err := build.CombinedOutput(); err != nil {
				return "", fmt.Errorf("%w: %s", err, out)
			}
		}
	}
	return filepath.Join(folder, "portcullis"), nil
})

// run runs the tool.
func run(t testing.TB, args ...string) string {
	t.Helper()
	file, err := tool()
	require.NoError(t, err)
	out, err := exec.Command(file, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// wrong returns the text of an error of Grafana's library, which returns an error without a
// text if nothing is wrong.
func wrong(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Grafana's own library of types knows every key of the dashboard and every value.
func TestDashboardIsValid(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	text := read(t, "grafana/portcullis.json")
	//lint:ignore SA1019 every Grafana imports this structure, and only the newest the one that follows
	require.Empty(t, wrong(new(dashboard.Dashboard).UnmarshalJSONStrict(text)))
	//lint:ignore SA1019 as above
	var d dashboard.Dashboard // strict reading leaves panels out
	require.NoError(t, json.Unmarshal(text, &d))
	require.Empty(t, wrong(d.Validate()))
	panels, ids := 0, map[uint32]bool{}
	for _, p := range d.Panels {
		if p.RowPanel != nil {
			continue
		}
		panels++
		assert.False(t, ids[*p.Panel.Id], "two panels have the id %d", *p.Panel.Id)
		ids[*p.Panel.Id] = true
		assert.NotEmpty(t, *p.Panel.Title)
		assert.NotEmpty(t, p.Panel.Targets, *p.Panel.Title)
	}
	t.Logf("%d panels", panels)
	assert.GreaterOrEqual(t, panels, 28)
}

// stages returns the instructions of the Dockerfile.
func stages() ([]instructions.Stage, error) {
	file, err := os.Open("Dockerfile")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return nil, err
	}
	found, meta, err := instructions.Parse(parsed.AST, nil)
	if len(parsed.Warnings) > 0 || len(meta) > 0 {
		err = fmt.Errorf("warnings %v, arguments %v", parsed.Warnings, meta)
	}
	return found, err
}

// The image has two stages; the last one has a static program, and a user that is not root, by
// number.
func TestDockerfile(t *testing.T) {
	found, err := stages()
	require.NoError(t, err)
	require.Len(t, found, 2)
	last := found[1]
	assert.Equal(t, "scratch", last.BaseName)
	var user, entry string
	for _, c := range last.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			entry = strings.Join(c.CmdLine, " ")
		case *instructions.CopyCommand:
			assert.Equal(t, found[0].Name, c.From)
		}
	}
	assert.Equal(t, "65532:65532", user)
	assert.Equal(t, "/usr/bin/portcullis", entry)
	file, err := tool()
	require.NoError(t, err)
	out, _ := exec.Command("ldd", file).CombinedOutput() // which says so with an error
	assert.Contains(t, string(out), "not a dynamic executable")
	assert.Contains(t, run(t, "--version"), "portcullis version")
}

// kinds makes an empty object of each kind that the manifests have.
var kinds = map[string]func() any{
	"v1 ConfigMap":                       func() any { return new(corev1.ConfigMap) },
	"v1 Service":                         func() any { return new(corev1.Service) },
	"v1 Pod":                             func() any { return new(corev1.Pod) },
	"apps/v1 Deployment":                 func() any { return new(appsv1.Deployment) },
	"policy/v1 PodDisruptionBudget":      func() any { return new(policyv1.PodDisruptionBudget) },
	"networking.k8s.io/v1 NetworkPolicy": func() any { return new(networkingv1.NetworkPolicy) },
}

// objects returns the objects of a manifest, read by the types of Kubernetes: an unknown key is
// an error.
func objects(t testing.TB, name string) (all []any) {
	t.Helper()
	for document := range bytes.SplitSeq(read(t, name), []byte("\n---\n")) {
		var kind struct{ APIVersion, Kind string }
		require.NoError(t, yaml.Unmarshal(document, &kind))
		create, ok := kinds[kind.APIVersion+" "+kind.Kind]
		require.True(t, ok, "%s %s", kind.APIVersion, kind.Kind)
		object := create()
		require.NoError(t, yaml.UnmarshalStrict(document, object), "%s", kind.Kind)
		all = append(all, object)
	}
	return all
}

// of returns the objects of a type.
func of[T any](all []any) (found []*T) {
	for _, object := range all {
		if o, ok := object.(*T); ok {
			found = append(found, o)
		}
	}
	return found
}

// The manifests are what Kubernetes reads, run nothing as root, and refer to what is there; the
// proxy accepts their configuration.
func TestManifests(t *testing.T) {
	for name, count := range map[string]int{"gateway": 5, "sidecar": 2} {
		t.Run(name, func(t *testing.T) {
			all := objects(t, "kubernetes/"+name+".yaml")
			require.Len(t, all, count)
			var pod corev1.PodSpec
			if name == "gateway" {
				deployment := of[appsv1.Deployment](all)[0]
				pod = deployment.Spec.Template.Spec
				service := of[corev1.Service](all)[0]
				for key, value := range service.Spec.Selector {
					assert.Equal(t, value, deployment.Spec.Template.Labels[key])
					assert.Equal(t, value, deployment.Spec.Selector.MatchLabels[key])
				}
				for _, port := range service.Spec.Ports {
					assert.True(t, slices.ContainsFunc(pod.Containers[0].Ports, func(p corev1.ContainerPort) bool {
						return p.Name == port.TargetPort.StrVal && p.ContainerPort == port.Port
					}), "port %s", port.Name)
				}
			} else {
				pod = of[corev1.Pod](all)[0].Spec
			}
			checkPod(t, &pod)
			checkConfig(t, of[corev1.ConfigMap](all)[0])
		})
	}
}

// checkPod checks what holds for all pods.
func checkPod(t *testing.T, pod *corev1.PodSpec) {
	t.Helper()
	assert.True(t, *pod.SecurityContext.RunAsNonRoot)
	assert.False(t, *pod.AutomountServiceAccountToken)
	var volumes []string
	for _, v := range pod.Volumes {
		volumes = append(volumes, v.Name)
	}
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation, c.Name)
		assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, c.Name)
		for _, m := range c.VolumeMounts {
			assert.Contains(t, volumes, m.Name)
		}
		for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
			if probe != nil {
				assert.True(t, slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == probe.HTTPGet.Port.StrVal }), c.Name)
				assert.Contains(t, []string{"/healthz", "/readyz"}, probe.HTTPGet.Path)
			}
		}
	}
}

// checkConfig lets the tool check the configuration, with files of its own for the secrets.
func checkConfig(t *testing.T, config *corev1.ConfigMap) {
	t.Helper()
	folder := t.TempDir()
	for name, text := range config.Data {
		text = strings.ReplaceAll(text, "/etc/portcullis/", folder+"/")
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	secrets := filepath.Join(folder, "secrets")
	require.NoError(t, os.Mkdir(secrets, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(secrets, "users.txt"), []byte("a:b\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(secrets, "cluster.properties"), []byte("security.protocol=SSL\n"), 0o600))
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test",
		"-keyout", filepath.Join(secrets, "tls.key"), "-out", filepath.Join(secrets, "tls.crt")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.Chmod(filepath.Join(secrets, "tls.key"), 0o600))
	assert.Contains(t, run(t, "proxy", "--check", "--config", filepath.Join(folder, "proxy.conf")), "listener ")
}

// The configuration of the Debian package can be checked as it is installed; its ACLs are those
// of an example.
func TestPackagedConfiguration(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"proxy.conf", "acls.txt", "users.txt"} {
		text := strings.ReplaceAll(string(read(t, "debian/"+name)), "/etc/portcullis/", folder+"/")
		if name == "users.txt" {
			text += "example:secret\n"
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	assert.Contains(t, run(t, "proxy", "--check", "--config", filepath.Join(folder, "proxy.conf")), "ACLs: 1 of ")
}

// The dashboard can be imported: its identity is fixed, and it names a data source by a variable.
func TestDashboardIdentity(t *testing.T) {
	var d struct {
		UID    string
		Panels []struct {
			Type       string
			Datasource *struct{ UID string }
		}
	}
	require.NoError(t, json.Unmarshal(read(t, "grafana/portcullis.json"), &d))
	assert.Equal(t, "portcullis", d.UID)
	for i, p := range d.Panels {
		if p.Type != "row" {
			require.NotNil(t, p.Datasource, fmt.Sprint(i))
			assert.Equal(t, "${datasource}", p.Datasource.UID)
		}
	}
}

// Prometheus' own tool reads the alerts and runs their tests, and reads every expression of the
// dashboard.
func TestPrometheusReadsTheExpressions(t *testing.T) {
	promtool := os.Getenv("PROMTOOL")
	if promtool == "" {
		var err error
		if promtool, err = exec.LookPath("promtool"); err != nil {
			t.Skip("needs promtool, of the Debian package prometheus")
		}
	}
	var d struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(read(t, "grafana/portcullis.json"), &d))
	var rules []map[string]string
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "5m", "$job", "j", "$instance", "i").Replace(target.Expr)
			rules = append(rules, map[string]string{"record": fmt.Sprint("expression:", len(rules)), "expr": expr})
		}
	}
	assert.GreaterOrEqual(t, len(rules), 36)
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	for want, args := range map[string][]string{
		fmt.Sprintf("%d rules found", len(rules)): {"check", "rules", file},
		"18 rules found": {"check", "rules", "prometheus/alerts.yml"},
		"SUCCESS":        {"test", "rules", "prometheus/alerts_test.yml"},
	} {
		out, err := exec.Command(promtool, args...).CombinedOutput()
		assert.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), want)
	}
}
