package main

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nonRoot is the user and the group of the image.
const nonRoot = 65532

// image writes the image for all platforms that have one, as an OCI layout: dir/image.
func image(src source, dir string, targets []platform) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	some := false
	for _, p := range targets {
		if p.pack == "" {
			continue
		}
		img, err := imageFor(src, dir, p)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: p.os, Architecture: p.arch, Variant: p.variant},
		}})
		some = true
	}
	if !some {
		return nil
	}
	to, err := layout.Write(filepath.Join(dir, "image"), empty.Index)
	if err != nil {
		return err
	}
	log.Print("image")
	return to.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": src.version}))
}

// imageFor is the image for one platform.
func imageFor(src source, dir string, p platform) (v1.Image, error) {
	content, err := imageFiles(src, dir, p)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.Append(img, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: src.time}, CreatedBy: "make release"},
	})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Created = v1.Time{Time: src.time}
	config.OS, config.Architecture, config.Variant = p.os, p.arch, p.variant
	config.Config = v1.Config{
		User:       "65532:65532",
		Entrypoint: []string{"/usr/bin/iris"},
		WorkingDir: "/",
		StopSignal: "SIGTERM",
		Env: []string{
			"PATH=/usr/bin", "RUNTIME_DIRECTORY=/run/iris", "IRIS_PLUGINS=/usr/lib/iris",
		},
		ExposedPorts: map[string]struct{}{"14142/tcp": {}, "14142/udp": {}},
		Healthcheck: &v1.HealthConfig{
			Test:     []string{"CMD", "/usr/bin/iris", "status", "-local"},
			Interval: 10 * time.Second, Timeout: 5 * time.Second, StartPeriod: 20 * time.Second, Retries: 3,
		},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "iris",
			"org.opencontainers.image.description": strings.SplitN(about, "\n", 2)[0],
			"org.opencontainers.image.source":      homepage,
			"org.opencontainers.image.version":     src.version,
			"org.opencontainers.image.revision":    src.revision,
		},
	}
	return mutate.ConfigFile(img, config)
}

// imageFiles is the one layer: the programs, licences, and directories that the node writes to if
// its root is not read-only.
func imageFiles(src source, dir string, p platform) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, d := range []struct {
		name string
		mode int64
		user int
	}{
		{"etc/", 0o755, 0},
		{"etc/iris/", 0o755, 0},
		{"run/", 0o755, 0},
		{"run/iris/", 0o755, nonRoot},
		{"tmp/", 0o1777, 0},
		{"usr/", 0o755, 0},
		{"usr/bin/", 0o755, 0},
		{"usr/lib/", 0o755, 0},
		{"usr/lib/iris/", 0o755, 0},
		{"usr/share/", 0o755, 0},
		{"usr/share/doc/", 0o755, 0},
		{"usr/share/doc/iris/", 0o755, 0},
		{"var/", 0o755, 0},
		{"var/lib/", 0o755, 0},
		{"var/lib/iris/", 0o700, nonRoot},
	} {
		h := &tar.Header{Typeflag: tar.TypeDir, Name: d.name, Mode: d.mode, Uid: d.user, Gid: d.user, ModTime: src.time}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
	}
	for _, f := range []struct {
		from, to string
		mode     int64
	}{
		{p.file("iris"), "usr/bin/iris", 0o755},
		{p.file("websocket"), "usr/lib/iris/websocket", 0o755},
		{"iris-licences.txt", "usr/share/doc/iris/licences.txt", 0o644},
	} {
		content, err := os.ReadFile(filepath.Join(dir, f.from))
		if err != nil {
			return nil, err
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.to, Mode: f.mode, Size: int64(len(content)), ModTime: src.time}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}
