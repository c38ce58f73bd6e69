package main

import (
	"archive/tar"
	"debug/buildinfo"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

var debian = flag.String("debian", "", "`directory` with a Debian that has systemd (default one that debootstrap makes)")

// here is the platform that packages are tested on.
var here = platform{"linux", runtime.GOARCH, runtime.GOARCH, ""}

// commit is the checkout that is tested, as it is committed.
func commit(t *testing.T, version string) source {
	t.Helper()
	src, err := describe("..", version)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// clone is another checkout of the commit, on another path.
func clone(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "elsewhere")
	if _, err := output(".", "git", "clone", "--quiet", "--shared", "..", dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// needs skips a test that wants programs, or root, where they are not there.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("this needs Linux and root")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

// released is a release for the platform of the tests.
func released(t *testing.T, version string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), version)
	if err := release(commit(t, version), dir, []platform{here}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// one is the one file that fits a pattern.
func one(t *testing.T, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) != 1 {
		t.Fatalf("%s are %q, %v", pattern, names, err)
	}
	return names[0]
}

// runs runs a command, whose output the log gets.
func runs(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	t.Logf("%s %s\n%s", name, strings.Join(args, " "), out)
	if err != nil {
		t.Fatal(err)
	}
}

// TestReproducible builds all of a release from two clones on two paths, and compares each byte.
func TestReproducible(t *testing.T) {
	var sums []string
	for range 2 {
		src, err := describe(clone(t), "1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := release(src, dir, []platform{here}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, string(text))
		if out, err := output(dir, filepath.Join(dir, here.file("iris")), "version"); err != nil ||
			!strings.HasPrefix(out, "iris 1.2.3\ncommit "+src.revision) || strings.Contains(out, "beside") {
			t.Errorf("iris version says %q, %v", out, err)
		}
		runs(t, "sh", "-c", "cd "+dir+" && sha256sum --quiet -c SHA256SUMS")
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds differ:\n%s\n%s", sums[0], sums[1])
	}
}

// TestConfiguration looks that the program accepts the configuration of packages, with a key.
func TestConfiguration(t *testing.T) {
	dir := t.TempDir()
	iris := filepath.Join(dir, "iris")
	if err := build(commit(t, "1.2.3"), platform{os: runtime.GOOS, arch: runtime.GOARCH}, "./cmd/iris", iris); err != nil {
		t.Fatal(err)
	}
	sample, err := output(dir, iris, "check", "-sample")
	if err != nil {
		t.Fatal(err)
	}
	text, err := configuration(sample)
	if err != nil {
		t.Fatal(err)
	}
	file, key := filepath.Join(dir, "iris.conf"), filepath.Join(dir, "network.pem")
	runs(t, iris, "keygen", key)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// The key is where the unit puts it: by the variable.
	cmd := exec.Command(iris, "check", "-config", file)
	cmd.Env = append(os.Environ(), "IRIS_RSA="+key)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"net ", "state ", "plugins ", `good: network "iris"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("iris check does not say %q:\n%s", want, out)
		}
	}
	if keys, bare := settingsIn(text); keys < 20 || len(bare) > 0 {
		t.Errorf("of %d settings nothing explains %q:\n%s", keys, bare, text)
	}
	if _, bare := settingsIn("# What it is.\nnet = iris\n\n#join = HOST\n"); len(bare) != 1 {
		t.Errorf("nothing explains %q", bare)
	}
	if _, err := configuration(strings.Replace(sample, "#state = ", "#remember = ", 1)); err == nil {
		t.Error("a sample without a setting of the package is taken")
	}
}

// settingsIn counts the settings of a configuration, set or not, and returns those that have no
// comment above.
func settingsIn(text string) (keys int, bare []string) {
	setting := regexp.MustCompile(`^#?([a-z0-9-]+) = `)
	above := ""
	for line := range strings.Lines(text) {
		if m := setting.FindStringSubmatch(line); m != nil {
			if keys++; !strings.HasPrefix(above, "# ") {
				bare = append(bare, m[1])
			}
		}
		above = line
	}
	return keys, bare
}

// TestUnit looks at how exposed the service is, and that systemd understands all of its unit.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	runs(t, "systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", "install/systemd/iris.service")
}

// TestLint has Debian's and Fedora's tools look at the packages.
func TestLint(t *testing.T) {
	dir := released(t, "1.2.3")
	t.Run("deb", func(t *testing.T) {
		needs(t, "lintian")
		runs(t, "lintian", "--allow-root", "--fail-on", "error", one(t, dir+"/*.deb"))
	})
	t.Run("rpm", func(t *testing.T) {
		needs(t, "rpmlint")
		runs(t, "rpmlint", "-c", "install/rpm/rpmlint.toml", one(t, dir+"/*.rpm"))
	})
}

// TestTerms looks that packages and the image list all modules that are linked, and their terms.
func TestTerms(t *testing.T) {
	needs(t, "dpkg-deb", "rpm")
	dir, deb, img := released(t, "1.2.3"), t.TempDir(), t.TempDir()
	runs(t, "dpkg-deb", "-x", one(t, dir+"/*.deb"), deb)
	if err := unpack(filepath.Join(dir, "image"), img); err != nil {
		t.Fatal(err)
	}
	runs(t, "gunzip", filepath.Join(deb, "usr/share/doc/iris/licences.txt.gz"))
	info, err := buildinfo.ReadFile(filepath.Join(dir, here.file("iris")))
	if err != nil || len(info.Deps) < 10 {
		t.Fatalf("%v, %v", info, err)
	}
	for _, file := range []string{deb + "/usr/share/doc/iris/copyright", deb + "/usr/share/doc/iris/licences.txt", img + "/usr/share/doc/iris/licences.txt"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range info.Deps {
			if !strings.Contains(string(text), "\n"+m.Path+" "+m.Version+": ") {
				t.Errorf("%s does not name the terms of %s", file, m.Path)
			}
		}
		if strings.HasSuffix(file, "copyright") && !strings.Contains(string(text), "No licence is granted for Iris itself") {
			t.Errorf("%s does not say that Iris has none:\n%.300s", file, text)
		}
	}
	terms, err := output(dir, "rpm", "-qp", "--qf", "%{LICENSE}", one(t, dir+"/*.rpm"))
	if want := "LicenseRef-none-granted AND Apache-2.0 AND BSD-3-Clause AND "; err != nil || !strings.HasPrefix(terms, want) {
		t.Errorf("the rpm says %q, %v", terms, err)
	}
	listed, err := output(dir, "rpm", "-qpl", one(t, dir+"/*.rpm"))
	for _, name := range []string{"copyright", "licences.txt.gz", "iris.cdx.json"} {
		if err != nil || !strings.Contains(listed, "/usr/share/doc/iris/"+name) {
			t.Errorf("the rpm has no %s: %v", name, err)
		}
	}
}

// TestHosts installs packages on two hosts with systemd: testdata/hosts.sh.
func TestHosts(t *testing.T) {
	needs(t, "systemd-nspawn", "unshare", "ip")
	root := *debian
	if root == "" {
		needs(t, "debootstrap")
		root = filepath.Join(t.TempDir(), "debian")
		runs(t, "debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,iproute2,procps,rpm", "bookworm", root)
	}
	older, newer := released(t, "0.0.1"), released(t, "0.0.2")
	for _, kind := range []string{"deb", "rpm"} {
		t.Run(kind, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(root, "usr/bin/rpm")); kind == "rpm" && err != nil {
				t.Skip("the Debian of -debian has no rpm")
			}
			runs(t, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "testdata/hosts.sh",
				root, one(t, older+"/*."+kind), one(t, newer+"/*."+kind), t.TempDir())
		})
	}
}

// TestImage runs two nodes of the image: testdata/image.sh.
func TestImage(t *testing.T) {
	needs(t, "crun", "unshare", "ip")
	dir := released(t, "1.2.3")
	root := t.TempDir()
	if err := unpack(filepath.Join(dir, "image"), root); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "network.pem")
	runs(t, filepath.Join(dir, here.file("iris")), "keygen", key)
	runs(t, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "testdata/image.sh", root, key, t.TempDir())
}

// TestPodman runs two nodes of the image as the README says: testdata/podman.sh.
func TestPodman(t *testing.T) {
	needs(t, "podman", "unshare", "ip")
	dir := released(t, "1.2.3")
	key := filepath.Join(t.TempDir(), "network.pem")
	runs(t, filepath.Join(dir, here.file("iris")), "keygen", key)
	runs(t, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "testdata/podman.sh",
		filepath.Join(dir, "image"), key, t.TempDir())
}

// unpack writes the files of the image for this platform, as a registry would give them.
func unpack(dir, root string) error {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return err
	}
	outer, err := index.IndexManifest()
	if err != nil {
		return err
	}
	inner, err := index.ImageIndex(outer.Manifests[0].Digest)
	if err != nil {
		return err
	}
	manifest, err := inner.IndexManifest()
	if err != nil {
		return err
	}
	for _, m := range manifest.Manifests {
		if m.Platform.Architecture != here.arch {
			continue
		}
		img, err := inner.Image(m.Digest)
		if err != nil {
			return err
		}
		files := mutate.Extract(img)
		defer files.Close()
		return unpackTar(files, root)
	}
	return errors.New("the image is not for " + here.arch)
}

func unpackTar(from io.Reader, root string) error {
	r := tar.NewReader(from)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		file := filepath.Join(root, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(file, 0o755)
		} else {
			var content []byte
			content, err = io.ReadAll(r)
			err = errors.Join(err, os.WriteFile(file, content, os.FileMode(h.Mode)))
		}
		if err := errors.Join(err, os.Chown(file, h.Uid, h.Gid), os.Chmod(file, h.FileInfo().Mode())); err != nil {
			return err
		}
	}
}
