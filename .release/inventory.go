package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/licensecheck"
)

// A linked is a module that a program has inside, with its licences.
type linked struct {
	path, version, sum string
	licences           []licence
}

// A licence is a file of a module.
type licence struct {
	file string
	ids  []string // SPDX
	text string
}

// inventories writes for each program what it is made of, as CycloneDX, and the licences of all
// modules as one text.
func inventories(src source, dir string, targets []platform) error {
	all := map[string]linked{}
	for _, p := range targets {
		for _, program := range programs {
			file := filepath.Join(dir, p.file(program.name))
			if _, err := os.Stat(file); program.name != "iris" && err != nil {
				continue
			}
			modules, err := inside(src, file)
			if err != nil {
				return err
			}
			for _, m := range modules {
				all[m.path] = m
			}
			if err := writeInventory(src, program.name, file, p, modules); err != nil {
				return err
			}
		}
	}
	return writeLicences(filepath.Join(dir, "iris-licences.txt"), all)
}

// inside returns the modules of a program, and Go, by what the go command has written into it.
func inside(src source, file string) ([]linked, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s does not say what it was built from: %w", file, err)
	}
	goroot, err := output(src.root, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	modules := []linked{{path: "std", version: strings.TrimPrefix(info.GoVersion, "go")}}
	dirs := []string{goroot}
	for _, m := range info.Deps {
		dir, err := moduleDir(src, m.Path)
		if err != nil {
			return nil, err
		}
		modules = append(modules, linked{path: m.Path, version: m.Version, sum: m.Sum})
		dirs = append(dirs, dir)
	}
	for i := range modules {
		if modules[i].licences, err = licencesIn(dirs[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", modules[i].path, err)
		}
	}
	return modules, nil
}

var moduleDirs = map[string]string{}

// moduleDir is where the source of a module is.
func moduleDir(src source, path string) (string, error) {
	if dir := moduleDirs[path]; dir != "" {
		return dir, nil
	}
	cmd := exec.Command("go", "mod", "download", "-json", path)
	cmd.Dir = src.root
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w", path, err)
	}
	var m struct{ Dir string }
	if err := json.Unmarshal(out, &m); err != nil {
		return "", err
	}
	moduleDirs[path] = m.Dir
	return m.Dir, nil
}

// licenceFile is how files are named that have the terms of a module.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-.].*)?$`)

// licencesIn returns the licences of a directory: one at the least, which is known.
func licencesIn(dir string) ([]licence, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []licence
	var known int
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		l := licence{file: e.Name(), text: string(text)}
		for _, m := range licensecheck.Scan(text).Match {
			if !m.IsURL && !slices.Contains(l.ids, m.ID) {
				l.ids = append(l.ids, m.ID)
			}
		}
		known += len(l.ids)
		found = append(found, l)
	}
	if known == 0 {
		return nil, fmt.Errorf("no licence is known in %s: look at it, and at whether it may be shipped", dir)
	}
	return found, nil
}

// writeInventory writes what a program is made of. It has no serial number, so that it is the
// same whenever it is made.
func writeInventory(src source, program, file string, p platform, modules []linked) error {
	content, err := hashed(file)
	if err != nil {
		return err
	}
	ref := fmt.Sprintf("pkg:golang/github.com/project-iris/iris@v%s?goos=%s&goarch=%s#%s", src.version, p.os, p.arch, program)
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp: src.time.Format("2006-01-02T15:04:05Z"),
		Component: &cdx.Component{
			BOMRef: ref, Type: cdx.ComponentTypeApplication, Name: program, Version: src.version,
			PackageURL: ref, Hashes: &content,
			Properties: &[]cdx.Property{{Name: "commit", Value: src.revision}},
		},
	}
	var components []cdx.Component
	var needs []string
	for _, m := range modules {
		purl := "pkg:golang/" + m.path + "@" + m.version
		components = append(components, cdx.Component{
			BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: m.path, Version: m.version, PackageURL: purl,
			Licenses: m.cyclone(),
		})
		needs = append(needs, purl)
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: ref, Dependencies: &needs}}
	out, err := os.Create(strings.TrimSuffix(file, ".exe") + ".cdx.json")
	if err != nil {
		return err
	}
	defer out.Close()
	if err := cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return err
	}
	return out.Close()
}

// ids are the licences of a module, each once.
func (m linked) ids() []string {
	var ids []string
	for _, l := range m.licences {
		for _, id := range l.ids {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func (m linked) cyclone() *cdx.Licenses {
	var all cdx.Licenses
	for _, id := range m.ids() {
		l := &cdx.License{ID: id}
		if id == patents {
			l = &cdx.License{Name: id}
		}
		all = append(all, cdx.LicenseChoice{License: l})
	}
	return &all
}

// rule separates the texts in the list of licences.
var rule = "\n" + strings.Repeat("=", 80) + "\n"

// patents is what Go's grant of patents is called by who recognizes it. SPDX has no name for it.
const patents = "GooglePatentsFile"

// expression returns the terms of a package for its header: none for Iris itself, and those of
// the list of licences.
func expression(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	list, _, _ := strings.Cut(string(text), rule)
	var ids []string
	for line := range strings.Lines(list) {
		_, some, _ := strings.Cut(strings.TrimSpace(line), ": ")
		for id := range strings.SplitSeq(some, ", ") {
			if id != "" && id != patents && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return "", fmt.Errorf("%s names no licence", file)
	}
	slices.Sort(ids)
	return "LicenseRef-none-granted AND " + strings.Join(ids, " AND "), nil
}

// writeLicences writes the licences of all modules, in the order of their paths.
func writeLicences(file string, all map[string]linked) error {
	var paths []string
	for path := range all {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	var b strings.Builder
	b.WriteString("What is linked into iris and its plugins, and the terms of each. Their source is had by\ngo mod download PATH@VERSION, that of std with Go itself.\n\n")
	for _, path := range paths {
		fmt.Fprintf(&b, "%s %s: %s\n", path, all[path].version, strings.Join(all[path].ids(), ", "))
	}
	for _, path := range paths {
		for _, l := range all[path].licences {
			fmt.Fprintf(&b, "%s%s %s, %s\n\n%s\n", rule, path, all[path].version, l.file, strings.TrimSpace(l.text))
		}
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

func hashed(file string) ([]cdx.Hash, error) {
	sum, err := sha256Of(file)
	return []cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}, err
}
