package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io/fs"
	"log"
	"os"
	"path"
	"path/filepath"
	"regexp"
)

// chartVersion are the lines of a chart that name a version.
var chartVersion = regexp.MustCompile(`(?m)^(version|appVersion): .*$`)

// chart packs the chart as helm package does, with the version that is released.
func chart(src source, dir string, _ []platform) (err error) {
	root := filepath.Join(src.root, ".release", "install", "chart")
	name := "iris-chart-" + src.version + ".tgz"
	out, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	zipped := gzip.NewWriter(out)
	w := tar.NewWriter(zipped)
	defer func() { err = errors.Join(err, w.Close(), zipped.Close(), out.Close()) }()
	log.Print(name)
	return filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		if name == "Chart.yaml" {
			content = chartVersion.ReplaceAll(content, []byte("${1}: "+src.version))
		}
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: path.Join("iris", filepath.ToSlash(name)), Mode: 0o644,
			Size: int64(len(content)), ModTime: src.time,
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
}
