package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers itself
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers itself
)

const (
	about = `messaging for the back end of a service, without brokers
Services name whom they want to reach: a cluster, which is all instances of
one service, or a topic. On each host runs one node, which finds the others
and carries requests, broadcasts, events and tunnels between them, encrypted.`
	// A package has to name an address. There is none to write to, so it is one that nobody can
	// have (RFC 2606).
	maintainer = "Iris contributors <maintainers@iris.invalid>"
	homepage   = "https://github.com/project-iris/iris"
)

// packages builds a deb and an rpm for each platform that has them.
func packages(src source, dir string, targets []platform) error {
	stage, err := os.MkdirTemp("", "iris-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	if err := writeShared(src, dir, stage); err != nil {
		return err
	}
	for _, p := range targets {
		if p.pack == "" {
			continue
		}
		for _, format := range []string{"deb", "rpm"} {
			if err := pack(src, dir, stage, p, format); err != nil {
				return fmt.Errorf("%s for %v: %w", format, p, err)
			}
		}
	}
	return nil
}

// writeShared writes what is the same for all architectures: the configuration, completions and
// manual pages, by the program itself.
func writeShared(src source, dir, stage string) error {
	host := platform{os: runtime.GOOS, arch: runtime.GOARCH}
	iris := filepath.Join(stage, "iris")
	if err := build(src, host, "./cmd/iris", iris); err != nil {
		return err
	}
	sample, err := output(stage, iris, "check", "-sample")
	if err != nil {
		return err
	}
	conf, err := configuration(sample)
	if err != nil {
		return err
	}
	man := filepath.Join(stage, "man")
	write := errors.Join(
		os.WriteFile(filepath.Join(stage, "iris.conf"), []byte(conf), 0o644),
		os.WriteFile(filepath.Join(stage, "changelog.yaml"), []byte(changelog(src)), 0o644),
		os.Mkdir(man, 0o755),
		copyright(src, filepath.Join(dir, "iris-licences.txt"), filepath.Join(stage, "copyright")),
	)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		text, err := output(stage, iris, "completion", shell)
		write = errors.Join(write, err, os.WriteFile(filepath.Join(stage, "completion."+shell), []byte(text+"\n"), 0o644))
	}
	_, err = output(stage, iris, "man", man)
	texts := filepath.Join(stage, "texts")
	licences, readErr := os.ReadFile(filepath.Join(dir, "iris-licences.txt"))
	write = errors.Join(write, err, readErr, os.Mkdir(texts, 0o755), os.WriteFile(filepath.Join(texts, "licences.txt"), licences, 0o644))
	return errors.Join(write, compress(man), compress(texts))
}

// settings are what the configuration of packages sets; all else stays at its default.
var settings = []struct{ line, with string }{
	{"#net = NAME", "net = iris"},
	{"#rsa = FILE", "# The unit has systemd read it, with all other keys of /etc/iris/keys, and tells the node by the\n# variable IRIS_RSA where the copy is, which wins over this line. Other keys are named by their\n# copy: accept = /run/credentials/iris.service/keys_NAME.pem\nrsa = /etc/iris/keys/network.pem"},
	{"#state = DIRECTORY", "state = /var/lib/iris"},
	{"#plugins = DIR", "plugins = /usr/lib/iris"},
}

// configuration is what packages have as /etc/iris/iris.conf, made of the program's sample.
func configuration(sample string) (string, error) {
	text := "\n" + sample + "\n"
	for _, s := range settings {
		if strings.Count(text, "\n"+s.line+"\n") != 1 {
			return "", fmt.Errorf("the sample of iris check has no line %q for the package to set", s.line)
		}
		text = strings.Replace(text, "\n"+s.line+"\n", "\n"+s.with+"\n", 1)
	}
	return strings.TrimPrefix(text, "\n"), nil
}

// changelog is what packages know of their changes, in the form that nfpm takes.
func changelog(src source) string {
	return fmt.Sprintf("- semver: %q\n  date: %s\n  packager: %q\n  deb: {urgency: low, distributions: [stable]}\n  changes:\n    - note: Built from commit %.12s; see docs/changelog.md.\n",
		src.version, src.time.Format("2006-01-02T15:04:05Z"), maintainer, src.revision)
}

// copyright writes whose what is in the packages is, and lists the terms.
func copyright(src source, licences, file string) error {
	text, err := os.ReadFile(licences)
	if err != nil {
		return err
	}
	list, _, _ := strings.Cut(string(text), rule)
	return os.WriteFile(file, []byte("Iris: "+homepage+fmt.Sprintf("\nCopyright %d Iris contributors\nNo licence is granted for Iris itself: its source has no file that says under which terms it may be\nused or passed on. What is linked into it is under the terms of its own authors:\n\n%s\nTheir texts are in licences.txt.gz beside this file. On Debian, that of Apache-2.0 is\n/usr/share/common-licenses/Apache-2.0, and that of MPL-2.0 /usr/share/common-licenses/MPL-2.0.\n", src.time.Year(), list)), 0o644)
}

// compress replaces each file of a directory by one of gzip, without name and time.
func compress(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		_, err = w.Write(text)
		if err := errors.Join(err, w.Close(), os.WriteFile(file+".gz", b.Bytes(), 0o644), os.Remove(file)); err != nil {
			return err
		}
	}
	return nil
}

// pack builds one package.
func pack(src source, dir, stage string, p platform, format string) error {
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	contents, err := contentsOf(src, dir, stage, p, format)
	if err != nil {
		return err
	}
	licence, err := expression(filepath.Join(dir, "iris-licences.txt"))
	if err != nil {
		return err
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "iris", Arch: p.pack, Platform: p.os, Version: src.version, Release: "1",
		Section: "net", Priority: "optional", Maintainer: maintainer, Homepage: homepage,
		Description: about, License: licence, MTime: src.time,
		Changelog: filepath.Join(stage, "changelog.yaml"),
		Overridables: nfpm.Overridables{
			Contents: contents,
			Umask:    0o022,
			Deb:      nfpm.Deb{Compression: "gzip"},
			RPM:      nfpm.RPM{Compression: "zstd", BuildHost: "localhost", Group: "System Environment/Daemons", Summary: strings.SplitN(about, "\n", 2)[0]},
		},
	})
	scripts := filepath.Join(src.root, ".release", "install", format)
	switch format {
	case "deb":
		info.Depends = []string{"passwd", "systemd (>= 250)"}
		info.Scripts = nfpm.Scripts{
			PostInstall: filepath.Join(scripts, "postinst"), PreRemove: filepath.Join(scripts, "prerm"), PostRemove: filepath.Join(scripts, "postrm"),
		}
	case "rpm":
		info.Depends = []string{"shadow-utils", "systemd >= 250"}
		info.Scripts = nfpm.Scripts{
			PreInstall: filepath.Join(scripts, "pre"), PostInstall: filepath.Join(scripts, "post"),
			PreRemove: filepath.Join(scripts, "preun"), PostRemove: filepath.Join(scripts, "postun"),
		}
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	file := filepath.Join(dir, packager.ConventionalFileName(info))
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := errors.Join(packager.Package(info, out), out.Close()); err != nil {
		return err
	}
	log.Print(filepath.Base(file))
	return nil
}

// contentsOf are the files of a package.
func contentsOf(src source, dir, stage string, p platform, format string) (files.Contents, error) {
	man, err := os.ReadDir(filepath.Join(stage, "man"))
	if err != nil {
		return nil, err
	}
	var all files.Contents
	add := func(from, to, kind string, mode os.FileMode) {
		all = append(all, &files.Content{
			Source: from, Destination: to, Type: kind,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode, MTime: src.time},
		})
	}
	unit, zsh, doc, text := "/usr/lib/systemd/system", "/usr/share/zsh/site-functions", "/usr/share/doc/iris", files.TypeRPMDoc
	if format == "deb" {
		unit, zsh, text = "/lib/systemd/system", "/usr/share/zsh/vendor-completions", files.TypeFile
	}
	add(filepath.Join(dir, p.file("iris")), "/usr/bin/iris", files.TypeFile, 0o755)
	add(filepath.Join(dir, p.file("websocket")), "/usr/lib/iris/websocket", files.TypeFile, 0o755)
	add(filepath.Join(src.root, ".release/install/systemd/iris.service"), unit+"/iris.service", files.TypeFile, 0o644)
	add("", "/etc/iris", files.TypeDir, 0o755)
	add("", "/etc/iris/keys", files.TypeDir, 0o700)
	add("", "/usr/lib/iris", files.TypeDir, 0o755)
	add("", doc, files.TypeDir, 0o755)
	add(filepath.Join(stage, "iris.conf"), "/etc/iris/iris.conf", files.TypeConfigNoReplace, 0o644)
	add(filepath.Join(stage, "completion.bash"), "/usr/share/bash-completion/completions/iris", files.TypeFile, 0o644)
	add(filepath.Join(stage, "completion.zsh"), zsh+"/_iris", files.TypeFile, 0o644)
	add(filepath.Join(stage, "completion.fish"), "/usr/share/fish/vendor_completions.d/iris.fish", files.TypeFile, 0o644)
	add(filepath.Join(stage, "copyright"), doc+"/copyright", text, 0o644)
	add(filepath.Join(dir, strings.TrimSuffix(p.file("iris"), ".exe")+".cdx.json"), doc+"/iris.cdx.json", text, 0o644)
	add(filepath.Join(stage, "texts", "licences.txt.gz"), doc+"/licences.txt.gz", text, 0o644)
	if format == "rpm" {
		// Directories of shells that may not be there. rpm removes with a package those alone that it has.
		for _, d := range []string{"bash-completion", "bash-completion/completions", "fish", "fish/vendor_completions.d", "zsh", "zsh/site-functions"} {
			add("", "/usr/share/"+d, files.TypeDir, 0o755)
		}
	}
	if format == "deb" {
		add(filepath.Join(src.root, ".release/install/deb/lintian-overrides"), "/usr/share/lintian/overrides/iris", files.TypeFile, 0o644)
	}
	for _, page := range man {
		add(filepath.Join(stage, "man", page.Name()), "/usr/share/man/man1/"+page.Name(), text, 0o644)
	}
	return all, nil
}
