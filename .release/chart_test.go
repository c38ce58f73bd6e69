package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// kubernetes is whose definitions the chart is held against.
const kubernetes = "k8s.io/kubernetes@v1.36.0"

// required are the values that everybody has to set.
var required = []string{"--set", "image.repository=registry.example/iris", "--set", "network.existingSecret=iris-key"}

// tool builds a tool of tools/go.mod, and returns where it is.
func tool(t *testing.T, path string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.Base(path))
	cmd := exec.Command("go", "build", "-o", file, path)
	cmd.Dir = "tools"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// definitions converts those of Kubernetes, and returns the pattern by which kubeconform finds them.
func definitions(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "mod", "download", "-json", kubernetes).Output()
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Dir string }
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := schemas(filepath.Join(m.Dir, "api", "openapi-spec", "swagger.json"), dir); err != nil {
		t.Fatal(err)
	}
	return dir + "/{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json"
}

// TestChart has helm lint and render the chart in each of its forms, and kubeconform hold what
// comes of it against the definitions of Kubernetes.
func TestChart(t *testing.T) {
	helm, conform, schema := tool(t, "helm.sh/helm/v3/cmd/helm"), tool(t, "github.com/yannh/kubeconform/cmd/kubeconform"), definitions(t)
	const chart = "install/chart"
	runs(t, helm, append([]string{"lint", "--strict", chart}, required...)...)

	validate := func(manifests string) (string, error) {
		cmd := exec.Command(conform, "-strict", "-summary", "-schema-location", schema, "-skip", "PodMonitor")
		cmd.Stdin = strings.NewReader(manifests)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	render := func(args ...string) (string, error) {
		cmd := exec.Command(helm, append([]string{"template", "iris", chart, "--kube-version", "1.36.0"}, args...)...)
		var wrong bytes.Buffer
		cmd.Stderr = &wrong
		out, err := cmd.Output()
		return string(out) + wrong.String(), err
	}
	for name, args := range map[string][]string{
		"socket":       nil,
		"host network": {"--set", "applications.by=hostNetwork"},
		"sidecar":      {"--set", "mode=sidecar"},
		"key":          {"--set", "network.existingSecret=", "--set", "network.key=PEM"},
		"settings":     {"--set", "settings.log-format=json", "--set", "settings.join={host1:1,host2:2}"},
		"monitor":      {"--set", "podMonitor.enabled=true", "--set", "podMonitor.labels.a=b"},
		"digest":       {"--set", "image.digest=sha256:" + strings.Repeat("0", 64)},
	} {
		manifests, err := render(append(required, args...)...)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, manifests)
			continue
		}
		out, err := validate(manifests)
		if err != nil || !strings.Contains(out, "Invalid: 0, Errors: 0") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		t.Logf("%s: %s", name, strings.TrimSpace(out))
		if strings.Contains(manifests, "kind: DaemonSet") {
			typo := strings.Replace(manifests, "enableServiceLinks:", "enableServiceLink:", 1)
			if out, err := validate(typo); err == nil || !strings.Contains(out, "enableServiceLink") {
				t.Errorf("%s: a typo is not found: %v\n%s", name, err, out)
			}
		}
	}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no image":   {nil, "set image.repository"},
		"no key":     {required[:2], "set network.existingSecret"},
		"two keys":   {append(required[:4:4], "--set", "network.key=PEM"), "not both"},
		"no mode":    {append(required[:4:4], "--set", "mode=deployment"), "mode"},
		"long drain": {append(required[:4:4], "--set", "drainSeconds=60"), "terminationGracePeriodSeconds"},
		"own bind":   {append(required[:4:4], "--set", "settings.bind=x"), "settings.bind"},
	} {
		if out, err := render(c.args...); err == nil || !strings.Contains(out, c.says) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestChartSettings looks that the program knows all settings that the chart makes.
func TestChartSettings(t *testing.T) {
	text, err := os.ReadFile("install/chart/templates/_helpers.tpl")
	if err != nil {
		t.Fatal(err)
	}
	_, conf, _ := strings.Cut(string(text), `{{- define "iris.conf" -}}`)
	conf, _, _ = strings.Cut(conf, `{{- range`)
	sample, err := output("..", "go", "run", "./cmd/iris", "check", "-sample")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(conf) {
		name, _, is := strings.Cut(line, " = ")
		if !is {
			continue
		}
		if seen++; !strings.Contains(sample, "\n#"+name+" = ") {
			t.Errorf("there is no setting %q", name)
		}
	}
	if seen < 8 {
		t.Errorf("the chart makes %d settings", seen)
	}
}
